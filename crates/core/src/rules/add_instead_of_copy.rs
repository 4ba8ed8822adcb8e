//! See [`RULE`].

use crate::context::{Answer, EntryKind, normalise};
use crate::model::Delta;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Keyword, Lexer};
use crate::text::TextEdit;

rule! {
    /// ADD for what COPY does.
    ///
    /// ## Why
    ///
    /// ADD unpacks archives and fetches URLs. Where neither is meant, COPY says so, and does not unpack a file that
    /// becomes an archive one day.
    ///
    /// ```dockerfile
    /// FROM node:22
    /// WORKDIR /app
    /// ADD . .
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM node:22
    /// WORKDIR /app
    /// COPY . .
    /// ```
    ///
    /// ## Fix
    ///
    /// ADD becomes COPY.
    ///
    /// ## Stays silent
    ///
    /// When a source is a URL, a git repository or an archive: by its name, or by its content where the build context is
    /// known. Behind ONBUILD: there it is another image's context.
    ///
    /// ## Refuses
    ///
    /// When it is not certain that a source is no archive (H125): it is named by a variable or a pattern, or it is a
    /// file and the context is not known. When ADD has a flag that COPY does not have.
    ///
    /// ## Safety
    ///
    /// Safe (H125): each source is a directory, a heredoc, or a file that is no archive, and of these ADD makes the same
    /// as COPY.
    "add-instead-of-copy" {
        aliases: ["hadolint:DL3020"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
        reveals: ["mixed-instruction-casing"],
        check: check,
        plan: plan,
    }
}

/// The ends of names of what ADD unpacks. Compressed files are only unpacked when a tar archive is in them, which the
/// name does not tell.
const ARCHIVES: [&str; 16] = [
    ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".tbz", ".tb2", ".xz", ".txz", ".zst", ".tzst", ".lz", ".tlz",
    ".lzma", ".z", ".taz",
];

/// The flags that COPY has too.
///
/// Source: the Dockerfile reference, "ADD" and "COPY".
const SHARED_FLAGS: [&str; 4] = ["chown", "chmod", "link", "exclude"];

/// What a source of an ADD is.
enum Source {
    /// ADD does with it what COPY does.
    Plain,
    /// A URL, a repository or an archive: ADD is meant.
    ForAdd,
    /// It cannot be told.
    Unclear(Refusal),
}

/// The sources of an ADD, as they are written.
fn sources(instruction: &Instruction) -> Option<&[crate::syntax::Value]> {
    if instruction.keyword != Keyword::Add {
        return None;
    }
    let (_, sources) = instruction.values.split_last()?;
    (!sources.is_empty()).then_some(sources)
}

fn source(subject: &Subject<'_>, index: usize, text: &str) -> Source {
    let unclear = |reason: String| Source::Unclear(Refusal::hazard("H125", reason));
    if text.starts_with("<<") {
        return Source::Plain;
    }
    let lexer = Lexer::new(subject.file().escape());
    let state = subject.model.place(index).map(|(_, step)| &step.state);
    // What is known of the name, with unknown variables in place.
    let known = state.and_then(|state| lexer.expand(text, &**state).ok());
    let written = || lexer.skip_unset().expand(text, &|_: &str| None).ok();
    let Some(expanded) = known.or_else(written) else {
        return unclear(format!("{text} cannot be read"));
    };
    let name = expanded.text.as_str();
    if is_remote(name) || is_archive_name(name) {
        return Source::ForAdd;
    }
    if !expanded.variables.is_empty() {
        return unclear(format!("{text} is up to a variable, and ADD unpacks archives"));
    }
    if is_directory_name(name) {
        return Source::Plain;
    }
    if name.contains(['*', '?', '[']) {
        return unclear(format!("{text} is a pattern, and ADD unpacks archives that it matches"));
    }
    in_context(subject, name)
}

/// What the context says of a path.
fn in_context(subject: &Subject<'_>, name: &str) -> Source {
    let unclear = |reason: &str| Source::Unclear(Refusal::hazard("H125", format!("{name} {reason}")));
    let files = subject.context.files();
    let Some(path) = normalise(name) else { return unclear("is not in the build context") };
    match files.entry(&path) {
        Answer::Present(entry) if entry.kind == EntryKind::Directory => Source::Plain,
        Answer::Present(entry) if entry.kind == EntryKind::File => match files.read(&path) {
            Answer::Present(bytes) if is_archive(&bytes) => Source::ForAdd,
            Answer::Present(_) => Source::Plain,
            _ => unclear("cannot be read, and ADD unpacks archives"),
        },
        Answer::Present(_) => unclear("is no regular file, and may lead to an archive"),
        Answer::Absent => unclear("is not in the build context"),
        Answer::Unknown => unclear("may be an archive, and the build context is not known"),
    }
}

/// Source: BuildKit, `instructions.parseSourcesAndDest` and `gitutil`; the Dockerfile reference, "ADD".
fn is_remote(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.contains("://") || ["git@", "github.com/"].iter().any(|prefix| lower.starts_with(prefix))
}

fn is_archive_name(name: &str) -> bool {
    let name = name.trim_end_matches('/').to_ascii_lowercase();
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

/// Whether a path can only be a directory.
fn is_directory_name(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    matches!(last, "" | "." | "..") && !name.is_empty() && !name.contains(['*', '?', '['])
}

/// Whether ADD would unpack a file with this content, or may: a tar archive, or anything compressed.
///
/// Sources: the ustar header block of POSIX (`pax`, "ustar Interchange Format") with its checksum; the magic numbers of
/// gzip (RFC 1952), bzip2, xz and Zstandard (RFC 8878).
fn is_archive(bytes: &[u8]) -> bool {
    const MAGIC: [&[u8]; 4] =
        [&[0x1f, 0x8b], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z'], &[0x28, 0xb5, 0x2f, 0xfd]];
    // A skippable frame of Zstandard.
    let skippable = matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    MAGIC.iter().any(|magic| bytes.starts_with(magic)) || skippable || is_tar(bytes)
}

fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..512) else { return false };
    let Some(field) = header.get(148..156) else { return false };
    let digits = field.iter().copied().skip_while(|byte| *byte == b' ').take_while(u8::is_ascii_digit);
    let Some(wanted) = digits.map(u64::from).try_fold(None, |sum: Option<u64>, digit| {
        (digit < u64::from(b'8')).then(|| Some(sum.unwrap_or(0) * 8 + digit - u64::from(b'0')))
    }) else {
        return false;
    };
    // The checksum counts its own field as blanks. Some old programs summed signed bytes.
    let summed = |byte: usize| if (148..156).contains(&byte) { b' ' } else { header[byte] };
    let unsigned: u64 = (0..512).map(|byte| u64::from(summed(byte))).sum();
    let signed: i64 = (0..512).map(|byte| i64::from(summed(byte).cast_signed())).sum();
    wanted.is_some_and(|wanted| wanted == unsigned || i64::try_from(wanted) == Ok(signed))
}

/// Shows that COPY does the same as this ADD.
///
/// # Errors
/// A refusal that names the source of which it is not certain that it is no archive (H125), or a flag of ADD alone.
pub(crate) fn unpacks_nothing(subject: &Subject<'_>, instruction: usize) -> Result<(), Refusal> {
    let gone = || Refusal::because("it is no ADD");
    let add = subject.model.instruction(instruction).ok_or_else(gone)?;
    if let Some(flag) = add.flags.iter().find(|flag| !SHARED_FLAGS.contains(&flag.name())) {
        return Err(Refusal::because(format!("COPY has no flag --{}", flag.name())));
    }
    for value in sources(add).ok_or_else(gone)? {
        match source(subject, instruction, &value.text) {
            Source::Plain => {}
            Source::ForAdd => {
                return Err(Refusal::hazard("H125", format!("{} is for ADD to fetch or unpack", value.text)));
            }
            Source::Unclear(refusal) => return Err(refusal),
        }
    }
    Ok(())
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        let Some(sources) = sources(instruction) else { continue };
        let for_add =
            |value: &crate::syntax::Value| matches!(source(subject, index, &value.text), Source::ForAdd);
        if subject.model.place(index).is_none() || sources.iter().any(for_add) {
            continue;
        }
        let message =
            "ADD copies like COPY here, and would unpack an archive or fetch a URL: COPY says what is meant";
        let finding = findings
            .at(index, instruction.keyword_range(), message)
            .refused_if(unpacks_nothing(subject, index).err());
        findings.push(finding);
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    unpacks_nothing(subject, index)?;
    if instruction.logical.crosses_gap(instruction.keyword_span) {
        return Err(Refusal::hazard("H144", "the keyword is split over lines"));
    }
    let copy = match instruction.keyword_text() {
        "add" => "copy",
        "Add" => "Copy",
        _ => "COPY",
    };
    let mut edit = TextEdit::builder();
    edit.replace(instruction.keyword_range(), copy);
    let declared = vec![Delta::KeywordChanged { instruction: index, from: Keyword::Add, to: Keyword::Copy }];
    Plan::edit("copy with COPY", edit.finish(), declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header block of a tar archive with the right checksum, by POSIX.
    fn tar_header() -> Vec<u8> {
        let mut block = vec![0_u8; 512];
        block[..5].copy_from_slice(b"a.txt");
        block[100..108].copy_from_slice(b"0000644\0");
        block[148..156].copy_from_slice(b"        ");
        block[257..263].copy_from_slice(b"ustar\0");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    #[test]
    fn archives_are_told_by_their_content() {
        let mut broken = tar_header();
        broken[0] = b'b';
        let cases: [(&[u8], bool); 9] = [
            (&tar_header(), true),
            (&broken, false),
            (&[0; 1024], false),
            (&[0x1f, 0x8b, 8], true),
            (b"BZh9", true),
            (b"\xfd7zXZ\0", true),
            (&[0x28, 0xb5, 0x2f, 0xfd], true),
            (b"", false),
            (b"PK\x03\x04 a zip file, which ADD does not unpack", false),
        ];
        for (bytes, expected) in cases {
            assert_eq!(is_archive(bytes), expected, "{:?}", &bytes[..bytes.len().min(8)]);
        }
    }

    #[test]
    fn archives_are_told_by_their_names() {
        for name in ["a.tar", "a.TGZ", "x/a.tar.gz", "a.gz", "a.tar.zst", "root*.tar.xz", "a.tar/"] {
            assert!(is_archive_name(name), "{name}");
        }
        for name in ["a.zip", "a.jar", "tar", "a.target", "a.gz.sig", "dist"] {
            assert!(!is_archive_name(name), "{name}");
        }
    }

    #[test]
    fn directories_are_told_by_their_names() {
        for name in [".", "./", "..", "src/", "src/.", "/"] {
            assert!(is_directory_name(name), "{name}");
        }
        for name in ["src", "a.b", ".env", "*/", ""] {
            assert!(!is_directory_name(name), "{name}");
        }
    }
}
