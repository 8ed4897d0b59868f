//! What only the authors of a task know is in nothing that an agent gets of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lancet_core::{Capability, Event, Octets, Phase, Request, Sha256};
use serde_json::Value;

use crate::context::{Context, workspace};

/// Shorter lines say nothing that somebody else would not write.
const LINE_BYTES: usize = 16;
/// Nor do shorter names and keys.
const NAME_BYTES: usize = 8;

/// The gold patch of a task of a suite, wherever it lies.
pub(crate) type Gold<'a> = &'a dyn Fn(&Path, &str) -> Option<String>;

/// The gold patch of a task whose suite holds it.
pub(crate) fn gold_of_suite(suite: &Path, task: &str) -> Option<String> {
    fs::read_to_string(suite.join("tasks").join(task).join("private/gold.patch")).ok()
}

/// A command that attempts tasks of a suite, and the runs that there were before it.
pub(crate) struct Watch {
    store: PathBuf,
    suite: PathBuf,
    before: BTreeSet<String>,
    /// What the operator hands the agent.
    given: String,
}

impl Watch {
    /// `None` for a command that attempts nothing, or goes on with what another one began.
    pub(crate) fn begin(context: &Context, arguments: &[&str]) -> Option<Self> {
        let suite = match arguments {
            ["run" | "grade", suite, ..] => suite,
            ["suite", "check", suite, rest @ ..] if rest.contains(&"--controls") => suite,
            _ => return None,
        };
        let handed_in =
            arguments.windows(2).filter(|pair| matches!(pair[0], "--input" | "--patch" | "--predictions"));
        let mut given: String = handed_in.flat_map(|pair| texts(&context.path(pair[1]), &|_| true)).collect();
        if arguments.contains(&"--controls") {
            // Cases are handed in by agents that are given them.
            let tasks = fs::read_dir(context.path(suite).join("tasks")).into_iter().flatten();
            let cases = tasks.map(|task| task.unwrap().path().join("cases"));
            given.extend(cases.flat_map(|cases| texts(&cases, &|_| true)));
        }
        let store = context.path("store");
        Some(Self { before: runs(&store), store, suite: context.path(suite), given })
    }

    /// What agents got that they were not to know, of all that was attempted since.
    pub(crate) fn end(self, gold: Gold) -> Vec<String> {
        if !self.store.join("lancet.db").exists() {
            return Vec::new();
        }
        let mut public = self.given;
        for folder in [self.suite.join("images"), workspace().join("tests/images/swe-lancer/app")] {
            public.extend(texts(&folder, &|path| !path.iter().any(|part| part == "gold")));
        }
        let mut known: BTreeMap<String, BTreeMap<String, &'static str>> = BTreeMap::new();
        let mut problems = Vec::new();
        for attempt in attempts(&self.store).into_iter().filter(|a| !self.before.contains(&a.run)) {
            let told = attempt.told(&self.store);
            if told.is_empty() {
                continue;
            }
            let hidden = known.entry(attempt.task.clone()).or_insert_with_key(|task| {
                hidden(&self.suite, task, gold(&self.suite, task).as_deref(), &public)
            });
            for (what, text) in &told {
                let found = hidden.iter().find(|(hidden, _)| tells(text, hidden));
                problems.extend(found.map(|(line, of)| {
                    format!("{}/{}: its agent got {of} by {what}: `{line}`", attempt.run, attempt.task)
                }));
            }
        }
        problems
    }
}

/// Texts that only the authors of a task know, each with what it is of: lines of its tests
/// and other private files, what its gold patch adds, its answer key, and its tests' names.
/// Nothing of it is in the public part, nor in `public`.
pub(crate) fn hidden(
    suite: &Path,
    task: &str,
    gold: Option<&str>,
    public: &str,
) -> BTreeMap<String, &'static str> {
    let folder = suite.join("tasks").join(task);
    let task_toml = fs::read_to_string(folder.join("task.toml")).unwrap_or_default();
    let mut known = format!("{public}\n{}\n", value(&task_toml, "title").unwrap_or_default());
    known.extend(fs::read_to_string(folder.join("statement.md")));
    known.extend(texts(&folder.join("proposals"), &|_| true));

    let mut found: BTreeMap<String, &'static str> = BTreeMap::new();
    let is_source = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        !matches!(ending, Some("patch" | "json"))
    };
    for file in texts(&folder.join("private"), &is_source) {
        found.extend(lines(&file).map(|line| (line, "a line of a private file")));
    }
    let patch = gold.unwrap_or_default();
    let is_kept = |line: &str| patch.lines().any(|l| l.starts_with([' ', '-']) && l[1..].trim() == line);
    let added = patch.lines().filter_map(|line| line.strip_prefix('+').filter(|_| !line.starts_with("+++ ")));
    for added in added.flat_map(lines) {
        if !is_kept(&added) {
            found.insert(added, "a line of the gold patch");
        }
    }
    if let Ok(key) = fs::read_to_string(folder.join("private/answer-key.json")) {
        let compact = serde_json::from_str::<Value>(&key).map(|key| key.to_string());
        let keys = compact.into_iter().chain([key.trim().to_owned()]);
        found.extend(keys.filter(|key| key.len() >= NAME_BYTES).map(|key| (key, "the answer key")));
    }
    for name in required(&task_toml) {
        let last = name.rsplit("::").next().unwrap_or(&name).to_owned();
        let both = [name, last].into_iter().filter(|name| name.len() >= NAME_BYTES);
        found.extend(both.map(|name| (name, "the name of a test")));
    }
    found.retain(|text, _| !tells(&known, text));
    found
}

/// Lines that are long enough to be told from others.
fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES).map(str::to_owned)
}

/// The tests that the plans of a task require, but for those of its user, whom an agent
/// may watch.
fn required(task_toml: &str) -> Vec<String> {
    let user = value(task_toml, "user-tool");
    let plans =
        task_toml.split("[[plans]]").skip(1).filter(|plan| value(plan, "name") != user || user.is_none());
    let mut names = Vec::new();
    let lists = plans.flat_map(|plan| {
        ["\nrequired = [", "\nsentinels = ["].into_iter().filter_map(|key| Some(plan.split_once(key)?.1))
    });
    for list in lists {
        // Names stand in every second piece, and the list ends between two of them.
        for (index, piece) in list.split('"').enumerate() {
            match index % 2 {
                0 if piece.contains(']') => break,
                0 => {}
                _ => names.push(piece.to_owned()),
            }
        }
    }
    names
}

fn value<'t>(toml: &'t str, key: &str) -> Option<&'t str> {
    let rest = toml.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
    rest.strip_suffix('"')
}

/// Whether a text is in another one, as it is or as JSON has it.
pub(crate) fn tells(told: &str, text: &str) -> bool {
    let quoted = Value::from(text).to_string();
    told.contains(text) || told.contains(&quoted[1..quoted.len() - 1])
}

/// The texts of a file, or of the files of a folder, which may not be there.
pub(crate) fn texts(path: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<String> {
    if !path.is_dir() {
        let wanted = is_wanted(path).then(|| fs::read_to_string(path));
        return wanted.into_iter().flatten().collect();
    }
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.flat_map(|entry| texts(&entry.unwrap().path(), is_wanted)).collect()
}

/// An attempt's events, and the task as its agent gets it.
struct Attempt {
    run: String,
    task: String,
    task_record: Sha256,
    events: Vec<Event>,
}

impl Attempt {
    /// All that its agent got, each with where it got it: nothing of one that was granted
    /// the answer.
    fn told(&self, store: &Path) -> Vec<(String, String)> {
        let mut told = vec![("its task".to_owned(), blob(store, self.task_record))];
        // What is read piece by piece is looked into as a whole.
        let mut artifacts: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        for event in &self.events {
            match event {
                Event::Began { phase: Phase::Solve, grant, .. } if grant.contains(&Capability::AnswerKey) => {
                    return Vec::new();
                }
                Event::Called { phase: Phase::Solve, call } => {
                    let response = serde_json::to_value(&call.response).unwrap();
                    if let Request::UserToolRead { name, offset, .. } = &call.request
                        && let Ok(piece) = serde_json::from_value::<Octets>(response["bytes"].clone())
                    {
                        let whole = artifacts.entry(name).or_default();
                        // From the start again: it was made anew.
                        whole.truncate(usize::try_from(*offset).unwrap());
                        whole.extend(piece.0);
                    }
                    told.push((call.request.name().to_owned(), strings(&response)));
                }
                _ => {}
            }
        }
        for (name, bytes) in artifacts {
            let packed = if bytes.starts_with(b"PK") { lancet_trace::unpack_zip(&bytes).ok() } else { None };
            for (part, bytes) in packed.unwrap_or_else(|| BTreeMap::from([(String::new(), bytes)])) {
                told.push((format!("{name} {part}"), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        told
    }
}

/// All texts in a value, and what it holds in base64.
fn strings(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(values) => values.iter().map(strings).collect(),
        Value::Object(fields) => match serde_json::from_value::<Octets>(value.clone()) {
            Ok(octets) => format!("{}\n", String::from_utf8_lossy(&octets.0)),
            Err(_) => fields.values().map(strings).collect(),
        },
        _ => String::new(),
    }
}

fn blob(store: &Path, digest: Sha256) -> String {
    let digest = digest.to_string();
    let hex = digest.trim_start_matches("sha256:");
    let bytes = fs::read(store.join("blobs").join(&hex[..2]).join(&hex[2..])).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn open(store: &Path) -> Option<rusqlite::Connection> {
    let file = store.join("lancet.db");
    file.exists().then(|| rusqlite::Connection::open(file).unwrap())
}

fn runs(store: &Path) -> BTreeSet<String> {
    let Some(database) = open(store) else { return BTreeSet::new() };
    // A store that is none, as some tests have it, has no runs.
    let Ok(mut query) = database.prepare("SELECT id FROM runs") else { return BTreeSet::new() };
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn attempts(store: &Path) -> Vec<Attempt> {
    let Some(database) = open(store) else { return Vec::new() };
    let mut query = database.prepare("SELECT run, task, number, task_blob FROM attempts").unwrap();
    let mut events = database
        .prepare("SELECT event, blob FROM events WHERE run = ?1 AND task = ?2 AND number = ?3 ORDER BY seq")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(|row| {
        let (run, task, number, record): (String, String, i64, String) = row.unwrap();
        let rows = events.query_map((&run, &task, number), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let events = rows.map(|row| {
            let (event, long): (Option<String>, Option<String>) = row.unwrap();
            let text = event.unwrap_or_else(|| blob(store, long.unwrap().parse().unwrap()));
            serde_json::from_str(&text).unwrap()
        });
        let events = events.collect();
        Attempt { run, task, task_record: record.parse().unwrap(), events }
    })
    .collect()
}

#[test]
fn what_is_hidden_of_tasks_is_known() {
    let suite = workspace().join("tasks/web-chat");
    let task = "edit-drops-brackets";
    let gold = gold_of_suite(&suite, task).unwrap();
    let known = hidden(&suite, task, Some(&gold), "");
    for of in ["a line of a private file", "a line of the gold patch", "the name of a test"] {
        assert!(known.values().any(|found| *found == of), "{of}: {known:?}");
    }
    assert!(known.contains_key("test_brackets::test_brackets_survive_an_edit"));
    assert!(known.contains_key("test_edit_reaches_others") && !known.contains_key("test_user::test_steps"));
    // What the operator gives an agent is no secret to it.
    let public = format!("{gold}\ntest_edit_reaches_others");
    let left = hidden(&suite, task, Some(&gold), &public);
    assert!(!left.values().any(|found| *found == "a line of the gold patch") && left.len() + 1 < known.len());

    let suite = crate::context::sample();
    let known = hidden(&suite, "sale-ends-early", None, "");
    assert_eq!(known.get("{\"correct\": 2}"), Some(&"the answer key"));
    assert!(tells(r#"{"said":"{\"correct\":2}"}"#, r#"{"correct":2}"#));
}
