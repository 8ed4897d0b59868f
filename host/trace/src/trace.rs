//! Files of a trace, and what is made of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::Value;

use crate::event::Event;
use crate::snapshot::too_deep;
use crate::zip::{Archive, pack};
use crate::{MAX_BYTES, MAX_LINE_BYTES, TraceError};

/// The files of a trace, by their paths: `trace.trace`, `trace.network`,
/// `resources/…`.
pub type Trace = BTreeMap<String, Vec<u8>>;

const EVENTS: &str = ".trace";
const NETWORK: &str = ".network";
const RESOURCES: &str = "resources/";
/// Where pictures are, since version 10.
const PICTURES: &str = "screencast/";
/// What contents of files of the test begin with.
const SOURCE: &str = "src@";
/// Arrays and objects in one another: what the parser takes.
const MAX_DEPTH: usize = 120;

/// Makes a trace anew that is an archive.
///
/// # Errors
/// [`TraceError`]: there is no trace then.
pub fn rebuild_zip(zip: &[u8]) -> Result<Vec<u8>, TraceError> {
    let archive = Archive::read(zip)?;
    pack(&rebuild(&archive)?)
}

/// Makes a trace anew that is unpacked: its files by their paths.
///
/// # Errors
/// [`TraceError`]: there is no trace then.
pub fn rebuild_files(files: &BTreeMap<String, &[u8]>) -> Result<Trace, TraceError> {
    rebuild(files)
}

/// The files of an archive as they are, to look into one that was made.
///
/// # Errors
/// [`TraceError`]: it is no archive, or has more than [`MAX_BYTES`].
pub fn unpack_zip(zip: &[u8]) -> Result<Trace, TraceError> {
    let archive = Archive::read(zip)?;
    let mut files = Trace::new();
    let mut room = MAX_BYTES;
    for name in archive.names() {
        if let Some(bytes) = archive.unpack(name, room)? {
            room -= bytes.len();
            files.insert(name.to_owned(), bytes);
        }
    }
    Ok(files)
}

/// Where files are read from.
trait Source {
    fn names(&self) -> Vec<String>;

    /// The bytes of a file, if there is one and they are at most so many.
    fn file(&self, name: &str, room: usize) -> Result<Option<Cow<'_, [u8]>>, TraceError>;
}

impl Source for Archive<'_> {
    fn names(&self) -> Vec<String> {
        self.names().map(str::to_owned).collect()
    }

    fn file(&self, name: &str, room: usize) -> Result<Option<Cow<'_, [u8]>>, TraceError> {
        Ok(self.unpack(name, room)?.map(Cow::Owned))
    }
}

impl Source for BTreeMap<String, &[u8]> {
    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }

    fn file(&self, name: &str, room: usize) -> Result<Option<Cow<'_, [u8]>>, TraceError> {
        match self.get(name) {
            Some(bytes) if bytes.len() > room => Err(TraceError::TooLarge),
            found => Ok(found.map(|bytes| Cow::Borrowed(*bytes))),
        }
    }
}

fn rebuild(source: &impl Source) -> Result<Trace, TraceError> {
    let names = source.names();
    let parts: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| name.strip_suffix(EVENTS).or_else(|| name.strip_suffix(NETWORK)))
        .filter(|part| !part.contains('/'))
        .collect();
    let mut making = Making { room: MAX_BYTES, ..Making::default() };
    let mut found = false;
    for (index, part) in parts.into_iter().enumerate() {
        // The test's name may be in theirs.
        let name = if index == 0 { "trace".to_owned() } else { format!("trace-{}", index + 1) };
        for ending in [EVENTS, NETWORK] {
            let Some(bytes) = source.file(&format!("{part}{ending}"), making.room)? else { continue };
            making.room -= bytes.len();
            found |= ending == EVENTS;
            let made = making.events(&bytes)?;
            making.files.insert(format!("{name}{ending}"), made);
        }
    }
    if !found {
        return Err(TraceError::NoEvents);
    }
    for path in std::mem::take(&mut making.wanted) {
        if let Some(bytes) = source.file(&path, making.room)? {
            making.room -= bytes.len();
            making.files.insert(path, bytes.into_owned());
        }
    }
    Ok(making.files)
}

#[derive(Default)]
struct Making {
    files: Trace,
    /// The files of contents that something refers to.
    wanted: BTreeSet<String>,
    /// The steps that are known.
    steps: BTreeSet<String>,
    room: usize,
}

impl Making {
    /// Lines end at `\n`, whatever else is an end of lines to others.
    fn events(&mut self, bytes: &[u8]) -> Result<Vec<u8>, TraceError> {
        let mut made = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let at = |problem| TraceError::Line { line: index + 1, problem };
            if line.len() > MAX_LINE_BYTES {
                return Err(at("has more than 32 MiB"));
            }
            let line = std::str::from_utf8(line).map_err(|_| at("is not UTF-8"))?;
            let event = parse(line).map_err(at)?;
            if let Some(event) = self.known(event) {
                serde_json::to_writer(&mut made, &event).map_err(|_| at("cannot be written"))?;
                made.push(b'\n');
            }
        }
        Ok(made)
    }

    /// The event as it may be known, if it may.
    fn known(&mut self, mut event: Event) -> Option<Event> {
        let known = match &mut event {
            Event::ContextOptions(context) => context.is_of_a_browser(),
            Event::ScreencastFrame(picture) => self.want(&Contents::of(&picture.sha1, &picture.file)),
            Event::Before(before) => {
                before.may_be_known() && {
                    self.steps.insert(before.call_id.clone());
                    true
                }
            }
            Event::Input(input) => {
                input.tidy();
                self.steps.contains(&input.call_id)
            }
            Event::After(after) => {
                after.tidy();
                self.steps.contains(&after.call_id)
            }
            Event::Page(event) => event.may_be_known(),
            Event::Console(console) => {
                console.tidy();
                true
            }
            Event::FrameSnapshot { snapshot } => {
                snapshot.tidy();
                self.want(&snapshot.contents())
            }
            Event::ResourceSnapshot { snapshot } => {
                snapshot.may_be_known() && self.want(&snapshot.contents())
            }
            Event::Other => false,
        };
        known.then_some(event)
    }

    /// Takes note of contents that something refers to; `false` where one is no name
    /// of such.
    fn want(&mut self, contents: &[Contents]) -> bool {
        let paths: Option<Vec<String>> = contents.iter().map(Contents::path).collect();
        let known = paths.is_some();
        self.wanted.extend(paths.into_iter().flatten());
        known
    }
}

/// How an event refers to contents.
pub(crate) enum Contents {
    /// By the name of a file among them.
    Name(String),
    /// By the path of the file.
    Path(String),
}

impl Contents {
    /// What an event says in one way or the other.
    pub(crate) fn of(sha1: &Option<String>, file: &Option<String>) -> Vec<Self> {
        let name = sha1.clone().map(Self::Name);
        name.into_iter().chain(file.clone().map(Self::Path)).collect()
    }

    /// The file, if it can be one of contents of a page.
    fn path(&self) -> Option<String> {
        let (folder, name) = match self {
            Self::Name(name) => (RESOURCES, name.as_str()),
            Self::Path(path) => {
                [RESOURCES, PICTURES].iter().find_map(|folder| Some((*folder, path.strip_prefix(folder)?)))?
            }
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@');
        let known = (1..=200).contains(&name.len())
            && name.bytes().all(plain)
            && !name.starts_with('.')
            && !name.starts_with(SOURCE);
        known.then(|| format!("{folder}{name}"))
    }
}

/// Reads one event. A snapshot that is nested too deep becomes one that says so.
fn parse(line: &str) -> Result<Event, &'static str> {
    const NO_JSON: &str = "is not JSON";
    const OTHERWISE: &str = "is not as Playwright writes it";
    let line = whole_characters(line);
    if depth(&line) <= MAX_DEPTH {
        let value: Value = serde_json::from_str(&line).map_err(|_| NO_JSON)?;
        return Event::deserialize(value).map_err(|_| OTHERWISE);
    }
    // What is ignored is not nested to the parser.
    let shallow = without_html(&line).ok_or(NO_JSON)?;
    match shallow {
        Some(value) => Event::deserialize(value).map_err(|_| OTHERWISE),
        None => Ok(Event::Other),
    }
}

/// A snapshot with another page in it; nothing for other kinds.
fn without_html(line: &str) -> Option<Option<Value>> {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    #[derive(serde::Deserialize)]
    struct Line {
        snapshot: Shallow,
    }
    #[derive(serde::Deserialize, serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shallow {
        call_id: Option<String>,
        snapshot_name: Option<String>,
        phase: Option<String>,
        page_id: String,
        frame_id: String,
        frame_url: String,
        doctype: Option<String>,
        viewport: Value,
        timestamp: Value,
        is_main_frame: bool,
    }
    let Kind { kind } = serde_json::from_str(line).ok()?;
    if kind != "frame-snapshot" {
        return Some(None);
    }
    let Line { snapshot } = serde_json::from_str(line).ok()?;
    let mut snapshot = serde_json::to_value(snapshot).ok()?;
    snapshot["html"] = too_deep();
    Some(Some(serde_json::json!({ "type": kind, "snapshot": snapshot })))
}

/// How deep a line is nested.
fn depth(line: &str) -> usize {
    let (mut depth, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in line.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A page may show half a character, which JSON can write and Unicode does not have.
fn whole_characters(line: &str) -> Cow<'_, str> {
    let unit = |at: usize| {
        let digits = line.as_bytes().get(at + 2..at + 6)?;
        let escape = line.as_bytes()[at..].starts_with(b"\\u") && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok()?;
        escape.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let mut made = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = line[at..].find('\\') {
        at += found;
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                made.push_str(&line[copied..at]);
                made.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            Some(_) => at += 6,
            // The character after it belongs to it.
            None => at += 1 + line[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(line);
    }
    made.push_str(&line[copied..]);
    Cow::Owned(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_replaced() {
        for (line, expected) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud83"#, r#""\ud83"#),
            ("\"\\ü\\", "\"\\ü\\"),
            ("plain", "plain"),
        ] {
            assert_eq!(whole_characters(line), expected);
        }
    }

    #[test]
    fn a_line_that_is_too_large_is_not_read() {
        let line = vec![b'['; MAX_LINE_BYTES + 1];
        let files = BTreeMap::from([("a.trace".to_owned(), line.as_slice())]);
        let problem = "has more than 32 MiB";
        assert_eq!(rebuild_files(&files), Err(TraceError::Line { line: 1, problem }));
        // It is looked at before it is read: one byte less is no JSON.
        let files = BTreeMap::from([("a.trace".to_owned(), &line[1..])]);
        assert_eq!(rebuild_files(&files), Err(TraceError::Line { line: 1, problem: "is not JSON" }));
    }

    #[test]
    fn brackets_in_texts_do_not_nest() {
        assert_eq!(depth(r#"{"a":["[[[\"[[",[]]}"#), 3);
        assert_eq!(depth("]]]["), 1);
    }
}
