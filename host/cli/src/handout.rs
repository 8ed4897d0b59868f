//! What an agent is given of what its user left.
//!
//! The user goes through steps that are hidden. So a trace is never handed on: one is
//! made from what may be known of it (`lancet_trace`). Pictures and films show the
//! page, and texts are what the suite's author wrote for the agent to read; a text
//! that quotes the source of a test was not meant to, and is withheld.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use lancet_core::{ArtifactKind, LaidFile, Plan};
use lancet_trace::{Trace, TraceError, rebuild_files, rebuild_zip};

/// What somebody quotes of a source is told by lines of at least so many bytes,
/// without the spaces around them.
const QUOTED_BYTES: usize = 20;
/// Files that are source code. Others are data, of which a text may say the same.
const SOURCES: [&str; 19] = [
    "bash", "cjs", "cs", "feature", "go", "java", "js", "jsx", "kt", "mjs", "php", "pl", "py", "rb", "rs",
    "sh", "swift", "ts", "tsx",
];
const ZIP: &str = ".zip";
const EVENTS: &str = ".trace";

/// Something for an agent to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) kind: ArtifactKind,
    pub(crate) bytes: Vec<u8>,
}

/// By the name that it is read by.
pub(crate) type Handout = BTreeMap<String, Given>;

/// Why nothing is handed out. It does not say what would have been.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Withheld {
    #[error("nothing of what the user saw can be given: no trace can be made of `{name}`, as {error}")]
    Trace { name: String, error: TraceError },
    #[error("nothing of what the user saw can be given: `{name}` quotes a test")]
    Quotes { name: String },
}

/// Takes of what a run left what its plan declares, and makes of it what may be
/// given: all, or nothing.
pub(crate) fn handout(plan: &Plan, left: Handout, sources: &Sources) -> Result<Handout, Withheld> {
    let mut given = Handout::new();
    let mut left = left;
    for rule in &plan.artifacts {
        let below = format!("{}/", rule.name);
        let of_rule: Vec<String> =
            left.keys().filter(|name| **name == rule.name || name.starts_with(&below)).cloned().collect();
        let taken: Handout = of_rule.iter().filter_map(|name| left.remove_entry(name)).collect();
        match rule.kind {
            ArtifactKind::Trace => {
                let is_events = rule.path.ends_with(EVENTS);
                let withheld = |error| Withheld::Trace { name: rule.name.clone(), error };
                given.extend(traces(&rule.name, &taken, is_events).map_err(withheld)?);
            }
            ArtifactKind::Log | ArtifactKind::Other => {
                if taken.values().any(|text| sources.are_quoted_in(&text.bytes)) {
                    return Err(Withheld::Quotes { name: rule.name.clone() });
                }
                given.extend(taken);
            }
            ArtifactKind::Screenshot | ArtifactKind::Video => given.extend(taken),
        }
    }
    Ok(given)
}

/// Makes anew the traces of a rule: one archive, or what is below a folder.
fn traces(rule: &str, taken: &Handout, is_events: bool) -> Result<Handout, TraceError> {
    let kind = ArtifactKind::Trace;
    let mut made = Handout::new();
    let Some((first, rest)) = taken.iter().next().map(|(name, given)| (name, &given.bytes)) else {
        return Ok(made);
    };
    if first == rule {
        let bytes = if is_events {
            let files = BTreeMap::from([("trace.trace".to_owned(), rest.as_slice())]);
            rebuild_files(&files)?.remove("trace.trace").unwrap_or_default()
        } else {
            rebuild_zip(rest)?
        };
        made.insert(rule.to_owned(), Given { kind, bytes });
        return Ok(made);
    }
    // Names of files and folders may be those of tests: they are counted instead.
    let archives: Vec<&Given> =
        taken.iter().filter(|(name, _)| name.ends_with(ZIP)).map(|(_, given)| given).collect();
    let folders: BTreeSet<&str> = taken
        .keys()
        .filter(|name| name.ends_with(EVENTS))
        .filter_map(|name| name.rsplit_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    if archives.is_empty() && folders.is_empty() {
        return Err(TraceError::NoEvents);
    }
    let is_only = archives.len() + folders.len() == 1;
    for (index, folder) in folders.iter().enumerate() {
        let below = format!("{folder}/");
        let files = taken
            .iter()
            .filter_map(|(name, given)| Some((name.strip_prefix(&below)?.to_owned(), given.bytes.as_slice())))
            .collect();
        let trace: Trace = rebuild_files(&files)?;
        let place = if is_only { rule.to_owned() } else { format!("{rule}/{}", index + 1) };
        let named = |(name, bytes)| (format!("{place}/{name}"), Given { kind, bytes });
        made.extend(trace.into_iter().map(named));
    }
    for (index, archive) in archives.into_iter().enumerate() {
        let name = format!("{rule}/{}{ZIP}", folders.len() + index + 1);
        made.insert(name, Given { kind, bytes: rebuild_zip(&archive.bytes)? });
    }
    Ok(made)
}

/// The lines of a task's tests that are long enough to be recognised.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    lines: HashSet<Vec<u8>>,
}

impl Sources {
    /// Whether a laid file is looked at.
    pub(crate) fn are_in(file: &LaidFile) -> bool {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').is_some_and(|(_, ending)| SOURCES.contains(&ending))
    }

    /// Adds a file of tests.
    pub(crate) fn add(&mut self, source: &[u8]) {
        let lines = source.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        self.lines.extend(lines.filter(|line| line.len() >= QUOTED_BYTES).map(<[u8]>::to_vec));
    }

    /// Whether a text has one of these lines in it, at the start of a line, or after
    /// what test frameworks put before source code.
    fn are_quoted_in(&self, text: &[u8]) -> bool {
        text.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| self.has(line))
    }

    /// pytest marks a line with `>` or `E`, others with numbers and bars.
    fn has(&self, line: &[u8]) -> bool {
        let mut rest = line.trim_ascii();
        while rest.len() >= QUOTED_BYTES {
            if self.lines.contains(rest) {
                return true;
            }
            let mark = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            let is_mark = rest[..mark].iter().all(|byte| byte.is_ascii_digit() || b">|:*-+E#".contains(byte));
            if !is_mark {
                return false;
            }
            rest = rest[mark..].trim_ascii_start();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use lancet_core::{ArtifactRule, CaseNaming, Isolation, Rerun};

    use super::*;

    const CONSOLE: &str = r#"{"type":"console","messageType":"log","text":"said","time":1,"location":{"url":"","lineNumber":0,"columnNumber":0}}"#;
    const EXPECT: &str = r#"{"type":"before","callId":"call@1","startTime":1,"class":"Frame","method":"expect","params":{"expectedText":"hidden"}}"#;

    fn plan(rules: &[(&str, ArtifactKind, &str)]) -> Plan {
        let rule = |&(name, kind, path): &(&str, ArtifactKind, &str)| ArtifactRule {
            name: name.to_owned(),
            kind,
            path: path.to_owned(),
        };
        Plan {
            name: "user".into(),
            isolation: Isolation::Single { service: None },
            argv: Vec::new(),
            variables: BTreeMap::new(),
            working_directory: None,
            timeout_seconds: 1,
            report: "/r".into(),
            status_file: None,
            artifacts: rules.iter().map(rule).collect(),
            files: Vec::new(),
            files_at: "/t".into(),
            required: Vec::new(),
            sentinels: Vec::new(),
            naming: CaseNaming::Full,
            pass_exit: 0,
            rerun: Rerun::Once,
        }
    }

    fn left(files: &[(&str, ArtifactKind, &[u8])]) -> Handout {
        files
            .iter()
            .map(|&(name, kind, bytes)| (name.to_owned(), Given { kind, bytes: bytes.to_vec() }))
            .collect()
    }

    #[test]
    fn a_trace_is_made_anew_and_its_names_too() {
        let plan = plan(&[("trace", ArtifactKind::Trace, "/traces")]);
        let events = format!("{EXPECT}\n{CONSOLE}\n");
        let kind = ArtifactKind::Trace;
        let given = handout(
            &plan,
            left(&[
                ("trace/test_it/trace.trace", kind, events.as_bytes()),
                ("trace/test_it/trace.stacks", kind, b"def test_it"),
                ("trace/test_it/resources/src@1.txt", kind, b"def test_it"),
                ("trace/stray.txt", kind, b"def test_it"),
                ("output", ArtifactKind::Log, b"def test_it"),
            ]),
            &Sources::default(),
        )
        .unwrap();
        assert_eq!(given.keys().collect::<Vec<_>>(), ["trace/trace.trace"]);
        let bytes = String::from_utf8_lossy(&given["trace/trace.trace"].bytes);
        assert!(bytes.contains("said") && !bytes.contains("hidden") && bytes.lines().count() == 1, "{bytes}");

        // The one that is uncleaned, and one that is whole.
        let two = left(&[
            ("trace/a/x.trace", kind, events.as_bytes()),
            ("trace/b/y.trace", kind, events.as_bytes()),
        ]);
        let given = handout(&plan, two, &Sources::default()).unwrap();
        assert_eq!(given.keys().collect::<Vec<_>>(), ["trace/1/trace.trace", "trace/2/trace.trace"]);
    }

    #[test]
    fn what_is_no_trace_is_not_handed_out_nor_anything_beside_it() {
        let plan =
            plan(&[("film", ArtifactKind::Video, "/film"), ("trace", ArtifactKind::Trace, "/trace.zip")]);
        let kind = ArtifactKind::Trace;
        let cut = format!("{CONSOLE}\n{}", &EXPECT[..40]);
        for files in [
            vec![("trace", kind, &b"PK\x03\x04 and more"[..])],
            vec![("trace", kind, b"")],
            vec![("trace/a.zip", kind, b"PK")],
            vec![("trace/a.txt", kind, b"text")],
            vec![("trace/a/t.trace", kind, cut.as_bytes())],
            vec![("trace/a/t.trace", kind, CONSOLE.as_bytes()), ("trace/b/t.trace", kind, cut.as_bytes())],
        ] {
            let files = [vec![("film", ArtifactKind::Video, &b"film"[..])], files].concat();
            let withheld = handout(&plan, left(&files), &Sources::default()).unwrap_err();
            let said = withheld.to_string();
            assert!(said.contains("`trace`") && !said.contains("expect"), "{said}");
        }
        // A run that left none is another matter.
        let none = left(&[("film", ArtifactKind::Video, b"film")]);
        assert_eq!(handout(&plan, none, &Sources::default()).unwrap().len(), 1);
    }

    #[test]
    fn a_text_that_quotes_a_test_is_withheld() {
        let plan = plan(&[("log", ArtifactKind::Log, "/log.txt")]);
        let mut sources = Sources::default();
        sources
            .add(b"def test_it(page):\n    expect(page.locator('#a')).to_have_text('hidden')\n    x = 1\n");
        for (text, quotes) in [
            ("did: opened the page\nsaw: `x = 1`\n", false),
            ("    expect(page.locator('#a')).to_have_text('hidden')\n", true),
            ("\r\n>   expect(page.locator('#a')).to_have_text('hidden')\r\nE  no", true),
            ("  12 | expect(page.locator('#a')).to_have_text('hidden')", true),
            ("> 12 | expect(page.locator('#a')).to_have_text('hidden')", true),
            ("he said expect(page.locator('#b')).to_have_text('hidden')", false),
            ("x = 1", false),
        ] {
            let result = handout(&plan, left(&[("log", ArtifactKind::Log, text.as_bytes())]), &sources);
            assert_eq!(result.is_err(), quotes, "{text}");
        }
    }
}
