//! `RUN --mount` and `RUN --device`: comma-separated fields.

use std::ops::Range;

use super::{Wrong, flag_value_span, nearest, numbers, part};
use crate::syntax::{Flag, Instruction, ProblemKind};

/// A field of a comma-separated value, and where it stands in the value.
struct Field {
    text: String,
    place: Range<usize>,
}

/// Cuts a value at its commas, as BuildKit's CSV reader does; the error says what is wrong.
fn fields(value: &str) -> Result<Vec<Field>, &'static str> {
    let line = value.strip_suffix('\n').map_or(value, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        return Err("it is empty");
    }
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let rest = &line[at..];
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, len) = quoted_field(quoted).ok_or("a quote is never closed")?;
            let end = at + 1 + len;
            fields.push(Field { text, place: at..end });
            match line[end..].chars().next() {
                None => return Ok(fields),
                Some(',') => at = end + 1,
                Some(_) => return Err("there is text behind a closing quote"),
            }
            continue;
        }
        let len = rest.find(',').unwrap_or(rest.len());
        if rest[..len].contains('"') {
            return Err("a quote stands inside a field");
        }
        fields.push(Field { text: rest[..len].to_owned(), place: at..at + len });
        if len == rest.len() {
            return Ok(fields);
        }
        at += len + 1;
    }
}

/// The text of a quoted field, and its length with the closing quote.
fn quoted_field(text: &str) -> Option<(String, usize)> {
    let mut field = String::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let quote = rest.find('"')?;
        field.push_str(&rest[..quote]);
        at += quote + 1;
        if !text[at..].starts_with('"') {
            return Some((field, at));
        }
        field.push('"');
        at += 1;
    }
}

/// Finds the words of one flag's fields again in the instruction.
struct Places<'a> {
    instruction: &'a Instruction,
    flag: &'a Flag,
}

impl Places<'_> {
    fn wrong(&self, place: &Range<usize>, message: impl Into<String>) -> Wrong {
        let before = self.flag.text.find('=').map_or(0, |at| at + 1);
        let (from, to) = (before + place.start, before + place.end);
        let span = part(self.instruction, self.flag.span, &self.flag.text, from, to);
        Wrong::new(ProblemKind::BadValue, span, message)
    }
}

fn split(instruction: &Instruction, flag: &Flag, wrongs: &mut Vec<Wrong>) -> Vec<Field> {
    let Some(value) = flag.value() else { return Vec::new() };
    fields(value).unwrap_or_else(|reason| {
        let span = flag_value_span(instruction, flag);
        let message = format!("the value of --{} cannot be read: {reason}", flag.name());
        wrongs.push(Wrong::new(ProblemKind::BadFlag, span, message));
        Vec::new()
    })
}

/// What BuildKit checks of a mount before it knows any variable.
pub(super) fn check_early(instruction: &Instruction, flag: &Flag, wrongs: &mut Vec<Wrong>) {
    let places = Places { instruction, flag };
    for field in split(instruction, flag, wrongs) {
        let Some((key, value)) = field.text.split_once('=') else { continue };
        if key.to_lowercase() == "from" && value.find('$').is_some_and(|at| at + 1 < value.len()) {
            let message = "a mount's from takes no variables; name a stage built FROM the variable instead";
            wrongs.push(places.wrong(&field.place, message));
        }
    }
}

pub(super) fn check_device(instruction: &Instruction, flag: &Flag, wrongs: &mut Vec<Wrong>) {
    let places = Places { instruction, flag };
    let mut named = false;
    for field in split(instruction, flag, wrongs) {
        let (key, value) = match field.text.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.text.to_lowercase(), None),
        };
        let message = match (key.as_str(), value) {
            ("required", None) => continue,
            ("required", Some(value)) if numbers::boolean(value).is_some() => continue,
            ("required", Some(value)) => format!("{value:?} is not true or false"),
            ("name", Some(_)) if named => "the device has a name already".to_owned(),
            _ if !named => {
                named = true;
                continue;
            }
            (_, None) => format!("{:?} is no field of a device", field.text),
            (key, Some(_)) => format!("a device has no field {key:?}; there are name and required"),
        };
        wrongs.push(places.wrong(&field.place, message));
    }
}

/// What the stages pass needs to know of a mount.
#[derive(Default)]
pub(super) struct Mount {
    /// The stage or image of `from`.
    pub(super) from: Option<String>,
    /// Where `from`'s field stands.
    from_place: Range<usize>,
}

/// The `from` of a mount, as BuildKit reads it before variables.
pub(super) fn source(flag: &Flag) -> Mount {
    let mut mount = Mount::default();
    for field in flag.value().map(fields).and_then(Result::ok).unwrap_or_default() {
        if let Some((key, value)) = field.text.split_once('=')
            && key.to_lowercase() == "from"
        {
            mount.from = Some(value.to_owned()).filter(|value| !value.is_empty());
            mount.from_place = field.place;
        }
    }
    mount
}

impl Mount {
    /// A problem with `from`.
    pub(super) fn wrong_from(
        &self,
        instruction: &Instruction,
        flag: &Flag,
        message: impl Into<String>,
    ) -> Wrong {
        let mut wrong = Places { instruction, flag }.wrong(&self.from_place, message);
        wrong.kind = ProblemKind::BadReference;
        wrong
    }
}

const TYPES: &[&str] = &["bind", "cache", "tmpfs", "secret", "ssh"];
const SHARINGS: &[&str] = &["shared", "private", "locked"];
const KEYS: &[&str] = &[
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

/// A mount's value as it is once variables are replaced.
pub(super) enum Text {
    Known(String),
    /// It cannot be told.
    Unknown,
    /// BuildKit refuses it.
    Invalid(String),
}

/// Where the build's working directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Directory {
    /// Counted from the root, not from a base image's directory that is not known.
    from_root: bool,
    /// How many folders deep it is, at least.
    depth: usize,
}

impl Directory {
    /// The root.
    pub(super) const ROOT: Self = Self { from_root: true, depth: 0 };
    /// Any directory.
    pub(super) const UNKNOWN: Self = Self { from_root: false, depth: 0 };

    /// The directory that a path names when it is read in this one.
    pub(super) fn join(self, path: &str) -> Self {
        let mut to = if path.starts_with('/') { Self::ROOT } else { self };
        for step in path.split('/') {
            match step {
                "" | "." => {}
                ".." => to.depth = to.depth.saturating_sub(1),
                _ => to.depth += 1,
            }
        }
        to
    }

    /// Whether it is certainly the root.
    fn is_root(self) -> bool {
        self == Self::ROOT
    }
}

/// The fields of one mount while they are read.
struct Reader<'a> {
    places: Places<'a>,
    kind: String,
    /// A value that decides over others is not known.
    unsure: bool,
    /// The fields seen, by their first name.
    seen: Vec<(&'static str, String, Range<usize>)>,
}

/// What BuildKit checks of a mount when it knows the variables.
pub(super) fn check_late(
    instruction: &Instruction,
    flag: &Flag,
    directory: Directory,
    mut expand: impl FnMut(&str) -> Text,
    wrongs: &mut Vec<Wrong>,
) {
    let Some(Ok(fields)) = flag.value().map(fields) else { return };
    let places = Places { instruction, flag };
    let mut reader = Reader { places, kind: "bind".to_owned(), unsure: false, seen: Vec::new() };
    let before = wrongs.len();
    for field in &fields {
        reader.field(field, &mut expand, wrongs);
    }
    // Half-understood mounts get no second opinion.
    if wrongs.len() == before && !reader.unsure {
        reader.whole(directory, wrongs);
    }
}

impl Reader<'_> {
    fn wrong(&self, field: &Field, message: impl Into<String>) -> Wrong {
        self.places.wrong(&field.place, message)
    }

    fn is_required_allowed(&self) -> bool {
        self.unsure || matches!(self.kind.as_str(), "secret" | "ssh")
    }

    fn misfit(&self, key: &str) -> String {
        format!("{key} does not fit a mount of type {}; the type has to stand before it", self.kind)
    }

    fn field(&mut self, field: &Field, expand: &mut impl FnMut(&str) -> Text, wrongs: &mut Vec<Wrong>) {
        let Some((key, value)) = field.text.split_once('=') else {
            match field.text.to_lowercase().as_str() {
                "readonly" | "ro" | "readwrite" | "rw" => {}
                "required" if self.is_required_allowed() => {}
                "required" => wrongs.push(self.wrong(field, self.misfit("required"))),
                key => {
                    let near = nearest::nearest(key, &["readonly", "readwrite", "required"]);
                    let message = if key.is_empty() {
                        "a field of the mount is empty: there is a comma too many".to_owned()
                    } else if KEYS.contains(&key) {
                        format!("{key} of a mount needs a value")
                    } else {
                        format!("{:?} of a mount is no name=value", field.text)
                    };
                    wrongs.push(self.wrong(field, message).suggesting(near));
                }
            }
            return;
        };
        let key = key.to_lowercase();
        let value = match expand(value) {
            Text::Known(value) => value,
            Text::Invalid(message) => return wrongs.push(self.wrong(field, message)),
            Text::Unknown => {
                self.unsure = true;
                if !KEYS.contains(&key.as_str()) {
                    wrongs.push(self.unknown_key(field, &key));
                }
                return;
            }
        };
        let named = |near: &str| format!("{key}={near}");
        match key.as_str() {
            "type" => {
                let kind = value.to_lowercase();
                if TYPES.contains(&kind.as_str()) {
                    self.kind = kind;
                } else {
                    let message = format!("{value:?} is no type of mount; there are {}", TYPES.join(", "));
                    let near = nearest::nearest(&kind, TYPES).map(named);
                    wrongs.push(self.wrong(field, message).suggesting(near));
                }
            }
            "sharing" if !SHARINGS.contains(&value.to_lowercase().as_str()) => {
                let message =
                    format!("{value:?} is no way to share a cache; there are {}", SHARINGS.join(", "));
                let near = nearest::nearest(&value.to_lowercase(), SHARINGS).map(named);
                wrongs.push(self.wrong(field, message).suggesting(near));
            }
            "required" if !self.is_required_allowed() => {
                wrongs.push(self.wrong(field, self.misfit("required")));
            }
            "readonly" | "ro" | "readwrite" | "rw" | "required" if numbers::boolean(&value).is_none() => {
                wrongs
                    .push(self.wrong(field, format!("{key} is {value:?}, but it takes only true or false")));
            }
            "size" if self.kind != "tmpfs" && !self.unsure => {
                wrongs.push(self.wrong(field, self.misfit("size")));
            }
            "size" if !numbers::is_size(&value) => {
                wrongs.push(self.wrong(field, format!("{value:?} is no size such as 64m")));
            }
            "mode" if numbers::unsigned(&value, 8).is_none() => {
                wrongs.push(self.wrong(field, format!("{value:?} is no octal mode such as 0755")));
            }
            "uid" | "gid" if numbers::unsigned(&value, 10).is_none() => {
                wrongs.push(self.wrong(field, format!("{key} is {value:?}, but it takes only a number")));
            }
            "from" => self.note("from", value, field),
            "source" | "src" => self.note("source", value, field),
            "target" | "dst" | "destination" => self.note("target", value, field),
            "id" => self.note("id", value, field),
            "sharing" => self.note("sharing", value, field),
            "mode" => self.note("mode", value, field),
            "uid" => self.note("uid", value, field),
            "gid" => self.note("gid", value, field),
            "readonly" | "ro" | "readwrite" | "rw" | "required" | "size" | "env" => {}
            _ => wrongs.push(self.unknown_key(field, &key)),
        }
    }

    fn unknown_key(&self, field: &Field, key: &str) -> Wrong {
        let near = nearest::nearest(key, KEYS);
        let near = near.map(|near| format!("{near}{}", field.text.get(key.len()..).unwrap_or_default()));
        self.wrong(field, format!("a mount has no field {key:?}")).suggesting(near)
    }

    /// Keeps a field's value; the last one of a name counts.
    fn note(&mut self, name: &'static str, value: String, field: &Field) {
        match self.seen.iter_mut().find(|(seen, ..)| *seen == name) {
            Some(seen) => *seen = (name, value, field.place.clone()),
            None => self.seen.push((name, value, field.place.clone())),
        }
    }

    /// The field of that name, when it is not empty.
    fn seen(&self, name: &str) -> Option<&(&'static str, String, Range<usize>)> {
        self.seen.iter().find(|(seen, value, _)| *seen == name && !value.is_empty())
    }

    /// The fields that do not go together.
    fn whole(&self, directory: Directory, wrongs: &mut Vec<Wrong>) {
        let kind = self.kind.as_str();
        let refuse = |name: &str, message: String| {
            self.seen(name).map(|(_, _, place)| self.places.wrong(place, message))
        };
        let before = wrongs.len();
        if !matches!(kind, "secret" | "ssh" | "cache") {
            for name in ["mode", "uid", "gid"] {
                wrongs.extend(refuse(name, format!("{name} does not fit a mount of type {kind}")));
            }
        }
        if kind != "cache" {
            wrongs.extend(refuse("sharing", format!("sharing does not fit a mount of type {kind}")));
        }
        let has = |name: &str| self.seen(name).is_some();
        let all = 0..self.places.flag.value().map_or(0, str::len);
        if kind == "secret" {
            wrongs.extend(refuse("from", "a secret has no from".to_owned()));
            if !has("source") && !has("target") && !has("id") {
                wrongs.push(self.places.wrong(&all, "a secret needs an id, a source or a target"));
            }
            if has("source") && has("id") {
                wrongs.extend(refuse("source", "a secret has an id or a source, not both".to_owned()));
            }
        }
        if kind == "ssh" {
            wrongs.extend(refuse("source", "a mount of type ssh has no source".to_owned()));
        }
        if wrongs.len() > before || matches!(kind, "secret" | "ssh") {
            return;
        }
        let target = self.seen("target").map_or("", |(_, target, _)| target.as_str());
        // BuildKit compares an absolute target as it stands: `//` passes.
        if target == "/" || (!target.starts_with('/') && directory.join(target).is_root()) {
            let place = self.seen("target").map_or(all, |(_, _, place)| place.clone());
            let message = if target.is_empty() {
                "the mount has no target"
            } else {
                "the root directory cannot be a mount's target"
            };
            wrongs.push(self.places.wrong(&place, message));
        }
    }
}
