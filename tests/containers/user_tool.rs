//! A user reproduces the issue for an agent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lancet_core::Octets;
use serde_json::Value;

use crate::context::{Context, number, text, workspace};
use crate::secrets::{tells, texts};
use crate::suites::{self, json, left_behind};

/// Lines of the tests that are shorter are not told from others.
const TOLD_BYTES: usize = 16;
/// Nor are shorter texts.
const STRING_BYTES: usize = 6;

/// All that an agent got of its user, by the name of the artifact.
fn read_by_the_agent(journal: &Value) -> BTreeMap<String, Vec<u8>> {
    let mut read: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for event in journal.as_array().unwrap() {
        let request = &event["call"]["request"];
        if request["call"] == "user-tool-read" && event["call"]["response"].get("bytes").is_some() {
            let piece: Octets = serde_json::from_value(event["call"]["response"]["bytes"].clone()).unwrap();
            let whole = read.entry(text(request, "name").to_owned()).or_default();
            // Read from the start again: it was made anew.
            if request["offset"] == 0 {
                whole.clear();
            }
            whole.extend(piece.0);
        }
    }
    read
}

fn is_test(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "py")
}

/// Lines that only who wrote the tests knows: of every plan's files, and not in the
/// statement.
fn hidden_lines(suite: &Path, task: &str) -> Vec<String> {
    let folder = suite.join("tasks").join(task);
    let found = texts(&folder.join("private"), &is_test);
    let statement = fs::read_to_string(folder.join("statement.md")).unwrap();
    let lines = found.iter().flat_map(|file| file.lines()).map(str::trim);
    let lines = lines.filter(|line| line.len() >= TOLD_BYTES && !statement.contains(line));
    lines.map(str::to_owned).collect()
}

/// Texts and selectors that only the tests have: neither the app nor the statement, nor
/// what the user does. Where the tests' files are the user's too, the page shows what
/// they type and read, and only selectors are left.
fn hidden_strings(suite: &Path, task: &str) -> BTreeSet<String> {
    let folder = suite.join("tasks").join(task);
    let of_user = folder.join("private/user");
    let has_user = of_user.is_dir();
    let mut public = texts(&of_user, &is_test);
    public.push(fs::read_to_string(folder.join("statement.md")).unwrap());
    public.extend(texts(&suite.join("images"), &|_| true));
    public.extend(texts(&workspace().join("tests/images/swe-lancer/app"), &|_| true));
    let tests = texts(&folder.join("private"), &|path| is_test(path) && !path.starts_with(&of_user));
    let literals = tests.iter().flat_map(|file| literals(file));
    literals
        .filter(|(before, _)| has_user || before.ends_with("locator("))
        .map(|(_, literal)| literal)
        .filter(|literal| literal.len() >= STRING_BYTES && !public.iter().any(|text| text.contains(literal)))
        .collect()
}

/// The string literals of a Python source, each with what is before it.
fn literals(source: &str) -> Vec<(&str, String)> {
    const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = source[at..].find(['"', '\'', '#']).map(|next| at + next) {
        let rest = &source[next..];
        let Some(quote) = QUOTES.into_iter().find(|quote| rest.starts_with(quote)) else {
            // A comment.
            at = next + rest.find('\n').unwrap_or(rest.len());
            continue;
        };
        let (mut literal, mut inside) = (String::new(), rest[quote.len()..].chars());
        while !inside.as_str().starts_with(quote) {
            match inside.next() {
                Some('\\') => match inside.next() {
                    Some('n') => literal.push('\n'),
                    Some(other) => literal.push(other),
                    None => break,
                },
                Some(other) => literal.push(other),
                None => break,
            }
        }
        at = source.len() - inside.as_str().len().saturating_sub(quote.len());
        found.push((&source[..next], literal));
    }
    found
}

#[test]
fn literals_of_tests_are_found() {
    let source =
        "a = 'it' 'is' # 'none'\nb(\"say \\\"so\\\"\\n\", '''x'y''')\npage.locator('input[type=\"a\"]')";
    let found = literals(source);
    let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["it", "is", "say \"so\"\n", "x'y", "input[type=\"a\"]"]);
    assert!(found[4].0.ends_with("locator("));
    assert!(tells(r#"{"selector":"input[type=\"a\"]"}"#, &found[4].1));
    let strings = hidden_strings(&workspace().join("tasks/web-chat"), "edit-drops-brackets");
    assert!(strings.len() > 5 && strings.contains("second line"), "{strings:?}");
    assert!(!strings.contains("Please use List<String> here"), "{strings:?}");
}

/// Nothing of the tests is in what an agent got: no line of theirs, and of a trace
/// nothing but what may be known, which making it anew leaves as it is.
#[track_caller]
pub(crate) fn tells_nothing_of_the_tests(journal: &Value, suite: &Path, task: &str) {
    let (lines, strings) = (hidden_lines(suite, task), hidden_strings(suite, task));
    assert!(lines.len() > 5 && !strings.is_empty(), "{lines:?} {strings:?}");
    let read = read_by_the_agent(journal);
    assert!(!read.is_empty(), "{journal}");
    let mut files: BTreeMap<String, &[u8]> = BTreeMap::new();
    for (name, bytes) in &read {
        // What is packed is looked into.
        let unpacked = match name.as_str() {
            "trace" => lancet_trace::unpack_zip(bytes).unwrap(),
            _ => BTreeMap::from([(String::new(), bytes.clone())]),
        };
        for (part, bytes) in &unpacked {
            let told = String::from_utf8_lossy(bytes);
            let hidden = lines.iter().chain(&strings).find(|hidden| tells(&told, hidden));
            assert_eq!(hidden, None, "{name} {part}");
            assert!(!told.contains("{\"selector\":") && !told.contains("expectedText"), "{name} {part}");
        }
        if name == "trace" {
            assert_eq!(&lancet_trace::rebuild_zip(bytes).unwrap(), bytes);
        }
        if let Some(file) = name.strip_prefix("trace/") {
            files.insert(file.to_owned(), bytes);
        }
    }
    if !files.is_empty() {
        let made = lancet_trace::rebuild_files(&files).unwrap();
        for (name, bytes) in files {
            // The agent has asked twice: the pictures of the first time, which have their
            // times in their names, belong to no trace any more.
            let is_earlier_picture = !made.contains_key(&name) && name.ends_with(".jpeg");
            assert!(is_earlier_picture || made.get(&name).is_some_and(|made| made == bytes), "{name}");
        }
        assert!(made.contains_key("trace.trace"), "{:?}", made.keys());
    }
}

/// Runs an agent that has the user reproduce the issue twice and reads all that comes
/// back, which has to be what the plan declares.
#[track_caller]
pub(crate) fn reproduces(suite: &Path, task: &str, attempts: u32, declared: &[&str]) {
    let context = Context::new();
    let agent = lancet_hostile::case("user-tool-artifacts-agent").unwrap();
    fs::write(context.path("agent.wasm"), lancet_hostile::component(agent)).unwrap();
    let count = attempts.to_string();
    let options = ["--task", task, "--attempts", &count, "--jobs", &count];
    let run = ["run", suite.to_str().unwrap(), "--agent", "./agent.wasm"];
    json(&context, &[&run[..], &options[..]].concat(), 0);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!(shown.as_array().unwrap().len(), attempts as usize);
    for attempt in shown.as_array().unwrap() {
        assert_eq!(text(attempt, "reason"), "no-submission");
        let journal = json(&context, &["show", text(attempt, "attempt")], 0);
        let logged = |message: &str, field: &str| -> Vec<String> {
            let calls = journal.as_array().unwrap().iter().filter_map(|event| event.pointer("/call/request"));
            let logs = calls.filter(|call| call["call"] == "log-write" && call["message"] == message);
            let fields = logs.flat_map(|call| call["fields"].as_array().unwrap());
            fields.filter(|pair| pair[0] == field).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(logged("the user is done", "completed").len(), 2, "{journal}");
        let names: BTreeSet<String> = logged("artifact", "name").into_iter().collect();
        let is_of = |name: &str, rule: &str| {
            name.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        assert!(declared.iter().all(|rule| names.iter().any(|name| is_of(name, rule))), "{names:?}");
        assert!(names.iter().all(|name| declared.iter().any(|rule| is_of(name, rule))), "{names:?}");
        assert_eq!(logged("found", "hits"), ["1"]);
        // Each call has its own time. Between the two a browser was started.
        let events = journal.as_array().unwrap().iter();
        let asked = events.filter(|event| event["call"]["request"]["call"] == "user-tool-reproduce");
        let at: Vec<u64> = asked.map(|event| event["at_us"].as_u64().unwrap()).collect();
        assert!(at.len() == 2 && at[1] > at[0] + 100_000, "{at:?}");
        // There is no test in any of it.
        assert!(logged("artifact", "sign").iter().all(|sign| sign == "no"), "{journal}");
        assert!(!journal.to_string().contains("def test_"), "{journal}");
        tells_nothing_of_the_tests(&journal, suite, task);
    }
    assert_eq!(number(&json(&context, &["replay", "latest"], 0), "identical"), f64::from(attempts));
    let runs = json(&context, &["runs"], 0);
    assert_eq!(left_behind(text(&runs[0], "run")), Vec::<String>::new());
}

#[test]
fn reproduces_the_issue_for_two_agents_at_a_time() {
    // Each agent and its user ask for three processors together: where the machine has
    // fewer, the agent's own are the user's while that is at work.
    reproduces(suites::web_chat(), "edit-drops-brackets", 2, &["log", "trace", "screenshots"]);
}
