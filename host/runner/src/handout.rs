//! What an agent is given of what its user left.
//!
//! The user goes through steps that are hidden. So a trace is never handed on: one is
//! made from what may be known of it (`lancet_trace`). Pictures and films show the
//! page, and are known by their bytes: folders of results have traces and reports beside
//! them, which are left out. Texts are what the suite's author wrote for the agent to
//! read; a text that quotes the source of a test was not meant to, and is withheld. Names
//! of files and folders may be those of tests: what is below a folder is counted instead.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{ArtifactKind, Plan};
use lancet_trace::{Trace, TraceError, rebuild_files, rebuild_zip};

pub(crate) use crate::quotation::Sources;

const ZIP: &str = ".zip";
const EVENTS: &str = ".trace";
/// What else a trace that is unpacked is made of.
const OF_TRACES: [&str; 3] = [EVENTS, ".network", ".stacks"];
/// How archives begin, in which nothing is looked for.
const ARCHIVES: [&[u8]; 7] =
    [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf"];
/// The longest ending of a name that says what a file is.
const ENDING_BYTES: usize = 5;

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
                let is_text = |name: &str, bytes: &[u8]| {
                    let name = if name == rule.name { &rule.path } else { name };
                    !ARCHIVES.iter().any(|begin| bytes.starts_with(begin))
                        && !OF_TRACES.iter().any(|ending| name.ends_with(ending))
                };
                given.extend(counted(&rule.name, taken, |name, bytes| {
                    is_text(name, bytes).then(|| ending(name).to_owned())
                }));
            }
            ArtifactKind::Screenshot | ArtifactKind::Video => {
                given.extend(counted(&rule.name, taken, |_, bytes| picture(bytes).map(str::to_owned)));
            }
        }
    }
    Ok(given)
}

/// Those files of a rule for which an ending is given, by numbers; a file that is the
/// rule's own is named by the rule.
fn counted(rule: &str, taken: Handout, ending: impl Fn(&str, &[u8]) -> Option<String>) -> Handout {
    let mut made = Handout::new();
    for (name, given) in taken {
        let Some(ending) = ending(&name, &given.bytes) else { continue };
        let name = match (name == rule, ending.as_str()) {
            (true, _) => name,
            (false, "") => format!("{rule}/{}", made.len() + 1),
            (false, ending) => format!("{rule}/{}.{ending}", made.len() + 1),
        };
        made.insert(name, given);
    }
    made
}

/// What a name ends with, where that is short and plain; nothing otherwise.
fn ending(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_plain = ending.len() <= ENDING_BYTES && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain { ending } else { "" }
}

/// What a picture or a film is called, by how it begins; nothing for other files.
fn picture(bytes: &[u8]) -> Option<&'static str> {
    let has = |at: usize, part: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(part));
    match () {
        () if has(0, b"\x89PNG\r\n\x1a\n") => Some("png"),
        () if has(0, b"\xff\xd8\xff") => Some("jpg"),
        () if has(0, b"RIFF") && has(8, b"WEBP") => Some("webp"),
        () if has(0, b"GIF87a") || has(0, b"GIF89a") => Some("gif"),
        () if has(0, b"\x1a\x45\xdf\xa3") => Some("webm"),
        () if has(4, b"ftyp") => Some("mp4"),
        () => None,
    }
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

#[cfg(test)]
mod tests {
    use lancet_core::{ArtifactRule, CaseNaming, Isolation, LaidFile, Rerun};

    use super::*;

    const CONSOLE: &str = r#"{"type":"console","messageType":"log","text":"said","time":1,"location":{"url":"","lineNumber":0,"columnNumber":0}}"#;
    const EXPECT: &str = r#"{"type":"before","callId":"call@1","startTime":1,"class":"Frame","method":"expect","params":{"expectedText":"hidden"}}"#;

    const WEBM: &[u8] = b"\x1a\x45\xdf\xa3 and a film";

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
            let files = [vec![("film", ArtifactKind::Video, WEBM)], files].concat();
            let withheld = handout(&plan, left(&files), &Sources::default()).unwrap_err();
            let said = withheld.to_string();
            assert!(said.contains("`trace`") && !said.contains("expect"), "{said}");
        }
        // A run that left none is another matter.
        let none = left(&[("film", ArtifactKind::Video, WEBM)]);
        assert_eq!(handout(&plan, none, &Sources::default()).unwrap().len(), 1);
    }

    #[test]
    fn of_a_folder_of_results_pictures_and_films_are_given_by_their_numbers() {
        let kind = ArtifactKind::Screenshot;
        let given = handout(
            &plan(&[("results", kind, "/test-results"), ("film", ArtifactKind::Video, "/film.mp4")]),
            left(&[
                ("film", ArtifactKind::Video, b"\0\0\0\x20ftypisom"),
                ("results/.last-run.json", kind, b"{\"failedTests\":[\"hidden\"]}"),
                ("results/shows-hidden-total/error-context.md", kind, b"expect(hidden)"),
                ("results/shows-hidden-total/looks-like.png", kind, b"PK\x03\x04 and more"),
                ("results/shows-hidden-total/none.png", kind, b""),
                ("results/shows-hidden-total/test-failed-1.png", kind, b"\x89PNG\r\n\x1a\n1"),
                ("results/shows-hidden-total/trace.zip", kind, b"PK\x03\x04 and more"),
                ("results/shows-hidden-total/video.webm", kind, WEBM),
                ("results/z/a", kind, b"RIFF\x10\0\0\0WEBPVP8 "),
                ("results/z/b.jpeg", kind, b"\xff\xd8\xff\xe0"),
                ("results/z/c", kind, b"GIF89a"),
            ]),
            &Sources::default(),
        )
        .unwrap();
        let names =
            ["film", "results/1.png", "results/2.webm", "results/3.webp", "results/4.jpg", "results/5.gif"];
        assert_eq!(given.keys().collect::<Vec<_>>(), names);
        assert_eq!(given["results/2.webm"].bytes, WEBM);
        // One file that is no picture is nothing at all.
        let single = left(&[("film", ArtifactKind::Video, b"PK\x03\x04")]);
        let plan = plan(&[("film", ArtifactKind::Video, "/film.mp4")]);
        assert_eq!(handout(&plan, single, &Sources::default()).unwrap(), Handout::new());
    }

    #[test]
    fn of_a_folder_of_texts_no_names_and_no_archives_are_given() {
        let kind = ArtifactKind::Other;
        let given = handout(
            &plan(&[("texts", kind, "/test-results")]),
            left(&[
                ("texts/shows hidden total/steps.txt", kind, b"opened the page"),
                ("texts/shows hidden total/steps.shows-hidden", kind, b"{}"),
                ("texts/steps", kind, b"and closed it"),
                ("texts/trace.zip", kind, b"PK\x03\x04 and more"),
                ("texts/trace/0-trace.network", kind, b"{}"),
                ("texts/trace/test.trace", kind, EXPECT.as_bytes()),
            ]),
            &Sources::default(),
        )
        .unwrap();
        assert_eq!(given.keys().collect::<Vec<_>>(), ["texts/1", "texts/2.txt", "texts/3"]);
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
            // pytest and Playwright in colours, Rich in a box, and other spaces.
            (
                "\x1b[1m\x1b[31m>   \x1b[0m\x1b[94mexpect\x1b[39;49;00m(page.locator(\x1b[33m'\x1b[39m#a')).to_have_text('hidden')\x1b[90m\x1b[39;49;00m",
                true,
            ),
            (
                "\x1b[31m\x1b[1m>\x1b[22m\x1b[39m\x1b[90m 12 |\x1b[39m expect(page.locator('#a')).to_have_text('hidden')\x1b(B\x1b[m",
                true,
            ),
            ("\x1b]8;;file:///t.py\x1b\\expect(page\x1b]8;;\x07.locator('#a')).to_have_text('hidden')", true),
            (
                "\u{2502} \u{2771} 12 \u{2502}   expect(page.locator('#a')).to_have_text('hidden')   \u{2502}",
                true,
            ),
            (">12|expect( page.locator('#a') )\t.to_have_text( 'hidden' )", true),
            ("\x1b]never ended expect(page.locator('#b')).to_have_text('hidden')", false),
            ("\x1b[", false),
            ("he said expect(page.locator('#b')).to_have_text('hidden')", false),
            (r#"{"snippet":"  12 |   expect(page.locator('#a')).to_have_text('hidden')\n"}"#, true),
            ("test_it.py:2: expect(page.locator('#a')).to_have_text('hidden')", true),
            ("x = 1", false),
        ] {
            let result = handout(&plan, left(&[("log", ArtifactKind::Log, text.as_bytes())]), &sources);
            assert_eq!(result.is_err(), quotes, "{text}");
        }
    }

    #[test]
    fn files_that_are_sources_are_known_by_their_endings() {
        for (path, is_source) in [
            ("a/test_it.py", true),
            ("a.spec.mts", true),
            ("Suite.ROBOT", true),
            ("it.vue", true),
            ("__snapshots__/page.test.tsx.snap", true),
            ("test_it.ipynb", true),
            ("test_it.coffee", true),
            ("data.json", false),
            ("py", false),
        ] {
            let file = LaidFile {
                path: path.into(),
                sha256: lancet_core::Sha256::of(b""),
                bytes: 0,
                executable: false,
            };
            assert_eq!(Sources::are_in(&file), is_source, "{path}");
        }
    }
}
