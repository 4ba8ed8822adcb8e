//! What the sources of an application say about the places that it writes to.
//!
//! They are searched for strings, line by line: that finds the calls that open, make and log, and the paths beside them.
//! It cannot find every write. That is why the application's own folder is given to its user anyway.

use super::files::{self, ImageFiles};
use super::judge::refuse;
use super::paths::{self, WRITTEN, directory_for, is_free, is_givable, is_in, is_installed};
use super::{Needs, Survey};
use crate::rule::Refusal;

/// Files that are looked at, the endings of their names.
const CODE: &[&str] = &[
    "py",
    "js",
    "mjs",
    "cjs",
    "ts",
    "tsx",
    "jsx",
    "go",
    "rb",
    "php",
    "rs",
    "java",
    "kt",
    "cs",
    "yml",
    "yaml",
    "toml",
    "ini",
    "conf",
    "cfg",
    "json",
    "properties",
    "env",
    "prisma",
];

/// No more files, and no larger ones: an application's own sources are smaller.
const MAX_FILES: usize = 3000;
const MAX_BYTES: usize = 300_000;

/// Directories whose files do not run in a container.
const SKIPPED: &[&str] = &[
    "node_modules",
    "vendor",
    "test",
    "tests",
    "__tests__",
    "spec",
    "docs",
    "doc",
    "examples",
    "example",
    ".github",
    ".git",
    "public",
    "assets",
    "locales",
    "i18n",
    "fixtures",
    "venv",
    ".venv",
    "e2e",
    "cypress",
    "stories",
    "k8s",
    "helm",
    "terraform",
    "charts",
    ".vscode",
    "migrations",
];

/// Calls that write to the path that stands beside them.
const WRITES: &[&str] = &[
    "mkdir",
    "makedirs",
    "MkdirAll",
    "create_dir",
    "CreateDirectory",
    "createDirectories",
    "createWriteStream",
    "writeFile",
    "appendFile",
    "FileHandler(",
    "WriteFile(",
    "os.Create(",
    "os.OpenFile(",
    "File::create",
    "fs::write",
    "file_put_contents",
    "FileOutputStream(",
    "FileWriter(",
    "File.WriteAll",
    "write_text(",
    "write_bytes(",
    "to_csv(",
    "mkdir_p",
    "new FileStream(",
    "diskStorage",
    "filename:",
    "sqlite3.connect",
    "new Database(",
    "sqlite.Open",
];

/// Names of settings that say where something is written, in capitals.
const SETTINGS: &[&str] = &[
    "DATA_DIR",
    "DATADIR",
    "DATA_PATH",
    "DATA_FOLDER",
    "UPLOAD",
    "MEDIA_ROOT",
    "STORAGE_PATH",
    "STORAGE_DIR",
    "LOG_DIR",
    "LOG_FILE",
    "LOG_PATH",
    "LOGFILE",
    "LOGDIR",
    "DB_PATH",
    "DB_FILE",
    "DATABASE_PATH",
    "DATABASE_FILE",
    "DATABASE_URL",
    "DATABASE_URI",
    "SQLITE",
    "CACHE_DIR",
    "OUTPUT_DIR",
    "OUTPUT_PATH",
    "STATE_DIR",
    "STATE_FILE",
    "BACKUP_DIR",
    "TEMP_DIR",
    "TMP_DIR",
    "SESSION_DIR",
    "STATE_PATH",
    "STORE_PATH",
];

/// Code that does what only root, or a member of a group of the system, may do.
const PRIVILEGED: &[(&str, &str)] = &[
    ("docker.sock", "the sources use the engine's socket"),
    ("docker.from_env(", "the sources use the engine's socket"),
    ("'dockerode'", "the sources use the engine's socket"),
    ("\"dockerode\"", "the sources use the engine's socket"),
    ("SOCK_RAW", "the sources open raw sockets"),
    ("AF_PACKET", "the sources open raw sockets"),
    ("from scapy", "the sources open raw sockets"),
    ("import scapy", "the sources open raw sockets"),
    ("gopacket", "the sources open raw sockets"),
    ("'raw-socket'", "the sources open raw sockets"),
    ("os.setuid(", "the sources change the user"),
    ("process.setuid(", "the sources change the user"),
    ("syscall.Setuid(", "the sources change the user"),
    ("RPi.GPIO", "the sources use devices"),
    ("/dev/ttyUSB", "the sources use devices"),
    ("/dev/video", "the sources use devices"),
    ("'serialport'", "the sources use devices"),
    ("from serial import", "the sources use devices"),
    ("serial.Serial(", "the sources use devices"),
    ("apt-get install", "the sources install packages of the system"),
    ("sudo ", "the sources use sudo"),
];

/// A file of the context that is looked at: its path there, the directory that it has in the image, and its text.
struct Source {
    directory: Option<String>,
    is_code: bool,
    text: String,
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_looked_at(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_code = CODE.contains(&extension(path))
        && !name.contains(".min.")
        && !name.contains(".test.")
        && !name.contains(".spec.");
    let is_lock = name.contains("lock")
        || name == "package.json"
        || name.starts_with("tsconfig")
        || name.contains("compose");
    is_code && !is_lock && !name.starts_with("test_") && !path.split('/').any(|part| SKIPPED.contains(&part))
}

fn texts(survey: &Survey<'_>) -> Vec<Source> {
    let files: &ImageFiles = survey.files();
    let by_path: std::collections::BTreeMap<&String, &String> =
        files.targets.iter().map(|(target, path)| (path, target)).collect();
    let looked_at = files.sources.iter().filter(|path| is_looked_at(path)).take(MAX_FILES);
    looked_at
        .filter_map(|path| {
            let text = files::read(survey.subject, path).filter(|text| text.len() <= MAX_BYTES)?;
            let directory = by_path.get(path).map(|target| paths::parent(target).to_owned());
            let is_code = !matches!(
                extension(path),
                "yml" | "yaml" | "toml" | "ini" | "conf" | "cfg" | "json" | "properties" | "env"
            );
            Some(Source { directory, is_code, text })
        })
        .collect()
}

/// Whether any source mentions one of the words, in any case.
pub(super) fn mention(survey: &Survey<'_>, words: &[&str]) -> bool {
    texts(survey).iter().any(|source| {
        let text = source.text.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    })
}

/// What the sources say.
pub(super) fn survey(survey: &Survey<'_>, needs: &mut Needs) -> Result<(), Refusal> {
    if !survey.knows_context() || needs.keeps_owners {
        return Ok(());
    }
    browsers(survey)?;
    let mut writes_here = false;
    for source in texts(survey) {
        for line in source.text.lines().filter(|line| line.len() <= 400) {
            let line = line.trim();
            if line.starts_with("//") || line.starts_with('#') || line.starts_with('*') {
                continue;
            }
            if source.is_code
                && let Some((_, why)) = PRIVILEGED.iter().find(|(sign, _)| line.contains(sign))
            {
                return refuse("H038", *why);
            }
            writes_here |= self::line(survey, &source, line, needs)?;
        }
    }
    let is_tied = survey.workdir().is_none_or(|_| !survey.owns_workdir());
    if writes_here && is_tied && !needs.is_compiled {
        return refuse(
            "H021",
            "the program writes to files where it is started, and that is no folder of its own",
        );
    }
    if writes_here && !survey.has_shell() {
        return refuse(
            "H021",
            "the program writes to files, and an image without a shell has no way to give it a folder",
        );
    }
    Ok(())
}

/// Puppeteer downloads its browser into the home of who installs it (H073). Source: pptr.dev/guides/configuration.
fn browsers(survey: &Survey<'_>) -> Result<(), Refusal> {
    let files = survey.files();
    let env = &survey.stage.config.env;
    let is_moved = env.keys().any(|name| name.starts_with("PUPPETEER_"));
    for (_, path) in files.targets.iter().filter(|(target, _)| target.ends_with("/package.json")) {
        let text = files::read(survey.subject, path).unwrap_or_default();
        let has = |name: &str| text.contains(&format!("\"{name}\":"));
        if !is_moved && (has("puppeteer") || has("whatsapp-web.js")) {
            return refuse("H073", "Puppeteer's browser is downloaded into root's home");
        }
    }
    Ok(())
}

/// Takes the paths from a line that writes; whether it writes to the folder that the program is started in.
fn line(survey: &Survey<'_>, source: &Source, line: &str, needs: &mut Needs) -> Result<bool, Refusal> {
    // What is imported has the name of a module, not of a file that is written.
    let is_import = line.starts_with("import ") || line.starts_with("from ") || line.contains("require(");
    if is_import || line.starts_with("export ") && line.contains(" from ") {
        return Ok(false);
    }
    let opens = (line.contains("open(") || line.contains("File.open") || line.contains("fopen("))
        && ["\"w", "'w", "\"a\"", "'a'", "\"ab", "'ab", "\"x\"", "'x'", "r+"]
            .iter()
            .any(|mode| line.contains(mode));
    let is_write = opens || (source.is_code && WRITES.iter().any(|call| line.contains(call)));
    let upper = line.to_ascii_uppercase();
    let is_setting = SETTINGS.iter().any(|name| upper.contains(name));
    let is_sqlite = line.contains("sqlite:/")
        || line.contains(".sqlite")
        || line.contains("jdbc:h2:file")
        || line.contains("\"file:./");
    if !is_write && !is_setting && !is_sqlite {
        return Ok(false);
    }
    let here = survey.workdir().filter(|_| survey.owns_workdir());
    let beside = line.contains("__dirname") || line.contains("__file__") || line.contains("import.meta");
    let base = if beside { source.directory.as_deref().or(here) } else { here };
    let mut writes_here = is_sqlite;
    for literal in literals(line) {
        let path = literal
            .split_once("sqlite")
            .map_or(literal.as_str(), |(_, rest)| rest.split_once(":///").map_or(rest, |(_, path)| path));
        if path.starts_with('/') {
            let Some(path) = paths::absolute("", path) else { continue };
            absolute(survey, &path, is_write, needs)?;
        } else if let Some(base) = base {
            let Some(path) = paths::absolute(base, path) else { continue };
            writes_here |= is_write && path != base;
            let is_made = is_write && (line.contains("mkdir") || line.contains("makedirs"));
            relative(survey, &path, is_made, needs);
        } else {
            // Where it is started is no folder of its own, and a name with a dot or a slash is that of a file.
            writes_here |=
                is_write && !beside && path.contains(['.', '/']) && !path.contains(['{', ' ', '*']);
        }
    }
    Ok(writes_here)
}

/// A path that the sources write to, or name in a setting.
fn absolute(survey: &Survey<'_>, path: &str, is_write: bool, needs: &mut Needs) -> Result<(), Refusal> {
    let directory = directory_for(path);
    if path == "/" || is_free(path) || survey.app_dirs.iter().any(|app| app == directory) {
        return Ok(());
    }
    let says_so = path.split('/').any(|part| WRITTEN.contains(&part));
    // A single word behind a slash is a route far more often than a directory.
    let is_deep = path.matches('/').count() > 1;
    if is_givable(directory) {
        let is_own = survey.app_dirs.iter().any(|app| is_in(directory, app));
        if (says_so
            && (is_deep || matches!(path, "/data" | "/uploads" | "/logs"))
            && (is_write || is_own || path.starts_with("/data") || path.starts_with("/var/")))
            && !is_installed(path)
        {
            needs.dirs.insert(directory.to_owned());
        }
        return Ok(());
    }
    let is_system = ["/etc/", "/usr/", "/root/", "/opt/", "/var/log/", "/var/run/", "/run/"]
        .iter()
        .any(|start| path.starts_with(start));
    if is_write && is_system && is_deep && !path.starts_with("/usr/bin") {
        return refuse("H021", format!("the sources write to {path}, which belongs to the system"));
    }
    Ok(())
}

/// A directory in the application's folder that its name says is written to. It is made in the image, so that a volume
/// which is mounted there takes its owner (H026).
fn relative(survey: &Survey<'_>, path: &str, is_made: bool, needs: &mut Needs) {
    let directory = directory_for(path);
    let name = directory.rsplit('/').next().unwrap_or_default();
    let is_below = survey.app_dirs.iter().any(|app| is_in(directory, app) && app != directory);
    let is_there = survey.files().targets.contains_key(directory);
    let says_so = WRITTEN.contains(&name)
        || (is_made && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)));
    if is_below && !is_there && says_so && !is_installed(directory) {
        needs.dirs.insert(directory.to_owned());
    }
}

/// The strings of a line. Those that a call to `join` or `resolve` puts together, and those with a `/` between them, are one
/// path.
fn literals(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = line;
    let mut offset_end = None;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let quote = rest.as_bytes().get(at).copied().unwrap_or(b'"') as char;
        let Some(behind) = rest.get(at + 1..) else { break };
        let Some(end) = behind.find(quote) else { break };
        let text = behind.get(..end).unwrap_or_default();
        let between = rest.get(..at).unwrap_or_default().trim();
        let joins = offset_end.is_some()
            && (between == "," && (line.contains("join(") || line.contains("resolve(")) || between == "/");
        match found.last_mut().filter(|_| joins) {
            Some(last) => {
                last.push('/');
                last.push_str(text);
            }
            None => found.push(text.to_owned()),
        }
        offset_end = Some(());
        rest = behind.get(end + 1..).unwrap_or_default();
    }
    // Unquoted values of settings files: `DATA_DIR=/data`, `path: ./data`.
    if found.is_empty()
        && let Some((_, value)) = line.split_once(['=', ':'])
    {
        found.push(value.trim().to_owned());
    }
    let is_path = |text: &String| {
        !text.is_empty() && text.len() < 120 && !text.contains("://") || text.contains("sqlite:///")
    };
    found.retain(is_path);
    found
}

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn strings_that_are_one_path_are_joined() {
        assert_eq!(literals("fs.mkdirSync(path.join(__dirname, '..', 'data'))"), ["../data"]);
        assert_eq!(literals("open(\"a.txt\", \"w\")"), ["a.txt", "w"]);
        assert_eq!(literals("X = BASE_DIR / 'media' / 'up'"), ["media/up"]);
        assert_eq!(literals("DATA_DIR=/data"), ["/data"]);
        assert_eq!(literals("url = \"http://x/data\""), Vec::<String>::new());
    }
}
