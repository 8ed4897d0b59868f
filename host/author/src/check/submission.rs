//! What graders are tried on: tasks, submissions, keys, test reports and failures of the host's.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    Answer, ArtifactKind, CallErrorKind, CaseStatus, Fixture, FixtureArtifact, FixtureContents, FixtureFile,
    FixturePlan, FixtureRun, FixtureTask, FixtureTestCase, Kind, Outcome, Proposal, ReportState, Response,
    Role, RunEnd, Task,
};
use lancet_engine::{Outside, Plugin};
use serde_json::{Value, json};

use super::execution::Input;
use super::finding::{
    PASSES_JUNK, PASSES_NOTHING, PASSES_UNREADABLE_KEY, PASSES_UNTESTED, PASSES_WRONG_KIND, Rule,
};
use crate::contents::Contents;
use crate::held::Held;

/// The kinds of error that a call can give.
pub(super) const KINDS: [CallErrorKind; 5] = [
    CallErrorKind::NotFound,
    CallErrorKind::Refused,
    CallErrorKind::TooLarge,
    CallErrorKind::Unavailable,
    CallErrorKind::Other,
];

/// The functions of a grader's that can give an error.
const FALLIBLE: [&str; 6] = [
    "submission.files",
    "submission.read",
    "submission.diff",
    "tests.run",
    "artifacts.list",
    "artifacts.read",
];

/// Something that a grader is tried on.
pub(super) struct Graded {
    tried: String,
    task: Task,
    answer: Answer,
    contents: Arc<Contents>,
    refusing: Option<(&'static str, CallErrorKind)>,
    /// What it is to pass this.
    pub(super) if_passed: Option<Rule>,
    /// Whether `if_passed` is so only where the key was read.
    pub(super) by_key: bool,
    /// Whether nothing was changed: what is executed again, under other conditions.
    pub(super) is_base: bool,
    /// Whether it is as large as the contract lets it be.
    pub(super) is_huge: bool,
    /// The answer key's text, where a verdict must not have it.
    pub(super) secret: Option<String>,
}

impl Input for Graded {
    fn tried(&self) -> &str {
        &self.tried
    }

    fn task(&self) -> &Task {
        &self.task
    }

    fn answer(&self) -> Answer {
        self.answer.clone()
    }

    fn seed(&self) -> [u8; 32] {
        [7; 32]
    }

    fn outside(&self) -> Arc<dyn Outside> {
        let held = Held::new(Arc::clone(&self.contents));
        Arc::new(match self.refusing {
            Some((function, kind)) => held.refusing(function, kind),
            None => held,
        })
    }
}

/// Makes inputs of fixtures.
struct Maker {
    settings: BTreeMap<String, Value>,
    made: Vec<Arc<Graded>>,
}

impl Maker {
    fn add(&mut self, tried: String, fixture: &Fixture, change: impl FnOnce(&mut Graded)) {
        // What the schema of its settings takes was looked at before.
        let Ok(contents) = Contents::of(fixture, &self.settings) else { return };
        let mut graded = Graded {
            tried,
            task: Task::from(fixture.task.clone()),
            answer: fixture.submission.clone().unwrap_or(Answer::Nothing),
            contents: Arc::new(contents),
            refusing: None,
            if_passed: None,
            by_key: false,
            is_base: false,
            is_huge: false,
            secret: None,
        };
        change(&mut graded);
        self.made.push(Arc::new(graded));
    }
}

/// All that a grader is tried on: what it has fixtures for, and tasks of both kinds, each with
/// whatever can be wrong with it.
pub(super) fn inputs(
    plugin: &Plugin,
    fixtures: &[crate::Fixture],
    settings: &BTreeMap<String, Value>,
) -> Vec<Arc<Graded>> {
    let mut maker = Maker { settings: BTreeMap::new(), made: Vec::new() };
    let own =
        fixtures.iter().map(|fixture| (format!("the fixture `{}`", fixture.name), fixture.file.clone()));
    let bases: Vec<_> = own
        .chain([("a manager task".to_owned(), manager()), ("a task with tests".to_owned(), tested())])
        .collect();
    for (name, base) in &bases {
        let own = plugin.manifest().and_then(|manifest| manifest.settings.resolve(&base.settings).ok());
        maker.settings = own.unwrap_or_else(|| settings.clone());
        let secret = match &base.answer_key {
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
            None => None,
        };
        // Shorter ones are in many texts.
        let secret = secret.map(|key| key.trim().to_owned()).filter(|key| key.len() >= 12);
        maker.add(name.clone(), base, |graded| (graded.is_base, graded.secret) = (true, secret));
        set(&mut maker, plugin, name, base);
        submissions(&mut maker, name, base);
        keys(&mut maker, name, base);
        texts(&mut maker, name, base);
        if base.task.kind == Kind::IcSwe {
            work_trees(&mut maker, name, base);
            reports(&mut maker, name, base);
        }
        for function in FALLIBLE.into_iter().filter(|function| plugin.imports(function)) {
            for kind in KINDS {
                let tried = format!("{name}, with `{function}` giving the error {}", error_word(kind));
                maker.add(tried, base, |graded| {
                    graded.refusing = Some((function, kind));
                    graded.if_passed =
                        (function == "tests.run" && base.task.kind == Kind::IcSwe).then_some(PASSES_UNTESTED);
                });
            }
        }
    }
    maker.made
}

/// The kind of a call's error, as the contract names it.
pub(super) fn error_word(kind: CallErrorKind) -> &'static str {
    match kind {
        CallErrorKind::NotFound => "`not-found`",
        CallErrorKind::Refused => "`refused`",
        CallErrorKind::TooLarge => "`too-large`",
        CallErrorKind::Unavailable => "`unavailable`",
        CallErrorKind::Other => "`other`",
    }
}

/// Every setting at the ends of what it takes.
fn set(maker: &mut Maker, plugin: &Plugin, name: &str, base: &Fixture) {
    let Some(manifest) = plugin.manifest() else { return };
    let given = maker.settings.clone();
    for (setting, property) in &manifest.settings.properties {
        let bounds = property.minimum.iter().chain(&property.maximum).cloned().map(Value::Number);
        let texts = ["", "a", "\u{0}\u{202e}", "99999999999999999999"].map(Value::from);
        let flags = [true, false].map(Value::from);
        let choices = property.choices.iter().flatten().cloned();
        for value in
            choices.chain(bounds).chain(texts).chain(flags).chain([Value::from("x".repeat(16 << 10))])
        {
            let values = [(setting.clone(), value.clone())];
            let tried: BTreeMap<String, Value> = given.clone().into_iter().chain(values).collect();
            // Most are not for it to take.
            let Ok(resolved) = manifest.settings.resolve(&tried) else { continue };
            maker.settings = resolved;
            let mut word = value.to_string();
            word.truncate(word.floor_char_boundary(40));
            maker.add(format!("{name}, its setting `{setting}` being {word}"), base, |_| {});
        }
    }
    maker.settings = given;
}

/// Every way to hand in what cannot be right.
fn submissions(maker: &mut Maker, name: &str, base: &Fixture) {
    let is_manager = base.task.kind == Kind::SweManager;
    let none = (0..).map(|n: u32| u32::MAX - n).find(|id| base.task.proposals.iter().all(|p| p.id != *id));
    let choice = Answer::Choice(none.unwrap_or(u32::MAX));
    let wrong = if is_manager { PASSES_JUNK } else { PASSES_WRONG_KIND };
    let junk: [(&str, String); 9] = [
        ("an empty document", String::new()),
        ("a document of white space", " \n\t ".to_owned()),
        ("a document that is cut off", "{".to_owned()),
        ("the document `null`", "null".to_owned()),
        ("the document `[]`", "[]".to_owned()),
        ("a document without a choice", r#"{"selected_proposal_id": null}"#.to_owned()),
        ("a document of control characters", "\u{0}\u{1}\u{7f}\u{feff}\u{202e}".to_owned()),
        ("a document nested 60,000 deep", "[".repeat(60_000)),
        ("a document of 64 KiB", "x".repeat(64 << 10)),
    ];
    let mut answers: Vec<(String, Answer, Rule)> = vec![
        ("nothing handed in".to_owned(), Answer::Nothing, PASSES_NOTHING),
        ("a choice that is none of the proposals".to_owned(), choice, wrong),
    ];
    answers.extend(junk.map(|(what, text)| (what.to_owned(), Answer::Document(text), wrong)));
    if is_manager {
        answers.push(("a work tree handed in".to_owned(), Answer::WorkTree, PASSES_WRONG_KIND));
    }
    for (what, answer, rule) in answers {
        let fixture = Fixture { submission: Some(answer), ..base.clone() };
        maker.add(format!("{name}, {what}"), &fixture, |graded| graded.if_passed = Some(rule));
    }
}

/// Every way in which the answer key cannot be read, and some in which it may.
fn keys(maker: &mut Maker, name: &str, base: &Fixture) {
    let text = match &base.answer_key {
        None => return,
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let junk: [(&str, String); 10] = [
        ("an empty answer key", String::new()),
        ("an answer key of white space", " \n".to_owned()),
        ("an answer key that is cut off", "{".to_owned()),
        ("the answer key `null`", "null".to_owned()),
        ("the answer key `[]`", "[]".to_owned()),
        ("the answer key `{}`", "{}".to_owned()),
        ("an answer key of control characters", "\u{0}\u{1}\u{7f}\u{feff}".to_owned()),
        ("an answer key nested 100,000 deep", "[".repeat(100_000)),
        ("an answer key with a number of 10,000 digits", format!("{{\"correct\": {}}}", "9".repeat(10_000))),
        ("an answer key of 1 MiB", "k".repeat(1 << 20)),
    ];
    for (what, key) in junk.into_iter().filter(|(_, key)| key.trim() != text.trim()) {
        let is_huge = key.len() > 90_000;
        let fixture = Fixture { answer_key: Some(Value::from(key)), ..base.clone() };
        maker.add(format!("{name}, {what}"), &fixture, |graded| {
            (graded.if_passed, graded.by_key, graded.is_huge) = (Some(PASSES_UNREADABLE_KEY), true, is_huge);
        });
    }
    // What these come to is the author's; that they come to something is not.
    for (number, key) in mutated(&text).into_iter().enumerate() {
        let fixture = Fixture { answer_key: Some(Value::from(key)), ..base.clone() };
        maker.add(format!("{name}, its answer key changed at random (number {number})"), &fixture, |_| {});
    }
}

/// Texts with a few characters changed, left out or doubled, the same each time.
fn mutated(text: &str) -> Vec<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or_default()
    };
    let characters: Vec<char> = text.chars().take(4_096).collect();
    let mut texts = Vec::new();
    for round in 0..12 {
        let mut changed = characters.clone();
        for _ in 0..=round / 4 {
            let at = next(changed.len());
            match (round % 4, changed.is_empty()) {
                (_, true) => {}
                (0, _) => changed[at] = char::from(u8::try_from(32 + next(95)).unwrap_or(b'?')),
                (1, _) => drop(changed.remove(at)),
                (2, _) => changed.insert(at, changed[at]),
                _ => changed.truncate(at),
            }
        }
        texts.push(changed.into_iter().collect());
    }
    texts
}

/// Texts of a task, as short and as long as they can be.
fn texts(maker: &mut Maker, name: &str, base: &Fixture) {
    let mut add = |what: &str, is_huge: bool, change: &dyn Fn(&mut FixtureTask)| {
        let mut fixture = base.clone();
        change(&mut fixture.task);
        maker.add(format!("{name}, {what}"), &fixture, |graded| graded.is_huge = is_huge);
    };
    add("its texts empty", false, &|task| {
        (task.title, task.statement) = (String::new(), String::new());
        task.proposals.iter_mut().for_each(|proposal| proposal.text = String::new());
    });
    add("a statement of 1 MiB", true, &|task| task.statement = "é".repeat(1 << 19));
    add("a statement of control characters", false, &|task| {
        task.statement = "\u{0}\u{1b}[31m\u{202e}\u{feff}\u{10ffff}\r\n".repeat(20);
    });
    if base.task.kind == Kind::SweManager {
        add("no proposals", false, &|task| task.proposals = Vec::new());
        add("7 MiB of proposals", true, &|task| {
            let text = "p".repeat(1 << 20);
            let ids: Vec<u32> = task.proposals.iter().map(|proposal| proposal.id).collect();
            let more =
                (0..7).map(|n| ids.get(n).copied().unwrap_or(1_000 + u32::try_from(n).unwrap_or_default()));
            task.proposals = more.map(|id| Proposal { id, text: text.clone() }).collect();
        });
        add("10,000 proposals", true, &|task| {
            let ids: Vec<u32> = task.proposals.iter().map(|proposal| proposal.id).collect();
            let more = (10_000_u32..20_000 - u32::try_from(ids.len()).unwrap_or_default())
                .filter(|id| !ids.contains(id));
            task.proposals.extend(more.map(|id| Proposal { id, text: "p".to_owned() }));
        });
        add("an id that comes twice", false, &|task| {
            let again = task.proposals.last().cloned();
            task.proposals.extend(again);
        });
    }
}

/// What a work tree can be handed in with.
fn work_trees(maker: &mut Maker, name: &str, base: &Fixture) {
    let mut add = |what: &str, is_huge: bool, files: Vec<FixtureFile>, diff: FixtureContents| {
        let fixture = Fixture { files, diff: Some(diff), submission: Some(Answer::WorkTree), ..base.clone() };
        maker.add(format!("{name}, {what}"), &fixture, |graded| graded.is_huge = is_huge);
    };
    let text = |text: String| FixtureContents::Text(text);
    let file = |path: &str, contents: Option<FixtureContents>| FixtureFile {
        path: path.to_owned(),
        contents,
        executable: false,
    };
    add("an empty diff and no files", false, Vec::new(), text(String::new()));
    add(
        "nothing but a file that is gone",
        false,
        vec![file("a.txt", None)],
        text("--- a/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n".to_owned()),
    );
    add(
        "a diff that is none",
        false,
        vec![file("a.txt", Some(text(String::new())))],
        text("@@ -1,9999999999 +1 @@\n+++\n---\n".to_owned()),
    );
    let bytes = FixtureContents::whole(vec![0, 255, 254, 10, 128]);
    add("files and a diff that are no UTF-8", false, vec![file("a.bin", Some(bytes.clone()))], bytes);
    let large = "+é\n".repeat(700_000);
    add("a file and a diff of 2.8 MB", true, vec![file("large.txt", Some(text(large.clone())))], text(large));
    let many = (0..5_000).map(|n| file(&format!("folder/{n:05}.txt"), Some(text(String::new()))));
    add("5,000 files", true, many.collect(), text(String::new()));
}

/// What it is to pass this, where no test run that can be had is a pass by the host's own rule: what
/// fails under one plan is what another wants.
fn if_untested(contents: &Contents) -> Option<Rule> {
    let of_calls = contents.calls.values().flatten().filter_map(|response| match response {
        Response::Tested(report) => Some(&**report),
        _ => None,
    });
    let mut reports = contents.plans.iter().filter_map(|plan| plan.report.as_ref()).chain(of_calls);
    let is_passed = reports
        .any(|report| report.conclusion().is_some_and(|conclusion| conclusion.outcome == Outcome::Pass));
    (!is_passed).then_some(PASSES_UNTESTED)
}

/// What test runs can come to that is mostly no pass, and what of a task's plans can be missing.
fn reports(maker: &mut Maker, name: &str, base: &Fixture) {
    let Some(plan) = base.tests.iter().find(|plan| !plan.runs.is_empty()).or(base.tests.first()) else {
        return;
    };
    let run = FixtureRun {
        end: RunEnd::Exited(1),
        status: None,
        report: ReportState::Read,
        cases: Vec::new(),
        artifacts: Vec::new(),
        conclusion: None,
    };
    let cases = |status: CaseStatus, detail: &str| -> Vec<FixtureTestCase> {
        let named = plan.required.iter().chain(&plan.sentinels);
        named.map(|id| FixtureTestCase { id: id.clone(), status, detail: detail.to_owned() }).collect()
    };
    let log = |bytes: Vec<u8>| {
        let contents = FixtureContents::whole(bytes);
        vec![FixtureArtifact { name: "log".to_owned(), kind: ArtifactKind::Log, contents }]
    };
    let ended = |end: RunEnd| FixtureRun { end, ..run.clone() };
    let many = (0..10_000).map(|n| FixtureTestCase {
        id: format!("suite::a test with a long name of its own {n:05}"),
        status: CaseStatus::Failed,
        detail: String::new(),
    });
    let failing = cases(CaseStatus::Failed, &"é".repeat(1_000));
    let runs: Vec<(&str, bool, FixtureRun)> = vec![
        (
            "tests that fail",
            false,
            FixtureRun { cases: failing, artifacts: log(b"\x1b[31mno\x1b[0m \xff".to_vec()), ..run.clone() },
        ),
        (
            "tests that fail, with an empty log",
            false,
            FixtureRun { cases: cases(CaseStatus::Errored, ""), artifacts: log(Vec::new()), ..run.clone() },
        ),
        (
            "tests that fail, with a log of 1 MiB",
            true,
            FixtureRun {
                cases: cases(CaseStatus::Failed, ""),
                artifacts: log(vec![b'x'; 1 << 20]),
                ..run.clone()
            },
        ),
        (
            "tests that were skipped",
            false,
            FixtureRun { cases: cases(CaseStatus::Skipped, ""), ..ended(RunEnd::Exited(plan.pass_exit)) },
        ),
        (
            "sentinels that pass",
            false,
            FixtureRun { cases: cases(CaseStatus::Passed, ""), ..ended(RunEnd::Exited(9)) },
        ),
        ("a report without a test", false, run.clone()),
        ("no report", false, FixtureRun { report: ReportState::Missing, ..ended(RunEnd::Exited(0)) }),
        (
            "a report that cannot be understood",
            false,
            FixtureRun { report: ReportState::Malformed("line 1: `<`".to_owned()), ..run.clone() },
        ),
        (
            "a report that is too large",
            false,
            FixtureRun { report: ReportState::TooLarge("17 MiB".to_owned()), ..run.clone() },
        ),
        ("tests that were not done in time", false, ended(RunEnd::TimedOut)),
        ("tests without memory", false, ended(RunEnd::OutOfMemory)),
        ("tests without disk space", false, ended(RunEnd::DiskLimit)),
        ("an app that is not ready", false, ended(RunEnd::NotReady)),
        ("tests that are broken", false, ended(RunEnd::Broken)),
        ("an exit status below 0", false, ended(RunEnd::Exited(i64::MIN))),
        ("a report of 10,000 tests", true, FixtureRun { cases: many.collect(), ..run.clone() }),
    ];
    for (what, is_huge, run) in runs {
        let mut fixture = base.clone();
        fixture.tests.iter_mut().for_each(|plan| plan.runs = vec![run.clone()]);
        maker.add(format!("{name}, {what}"), &fixture, |graded| {
            (graded.if_passed, graded.is_huge) = (if_untested(&graded.contents), is_huge);
        });
    }
    let none = Fixture { tests: Vec::new(), ..base.clone() };
    maker.add(format!("{name}, no environment"), &none, |graded| {
        graded.if_passed = if_untested(&graded.contents);
    });
    let mut other = base.clone();
    other.tests.iter_mut().for_each(|plan| plan.name.push_str("-other"));
    maker.add(format!("{name}, plans of other names"), &other, |_| {});
    let mut empty = base.clone();
    empty.tests.iter_mut().for_each(|plan| {
        (plan.required, plan.sentinels) = (Vec::new(), Vec::new());
        plan.runs = vec![FixtureRun { end: RunEnd::Exited(plan.pass_exit.wrapping_add(1)), ..run.clone() }];
    });
    maker.add(format!("{name}, a plan that requires no test"), &empty, |graded| {
        graded.if_passed = if_untested(&graded.contents);
    });
}

/// A manager task with its key as imported suites have it.
fn manager() -> Fixture {
    let proposals = (0..4).map(|id| Proposal { id, text: format!("Proposal {id}: mend it.") }).collect();
    Fixture {
        submission: Some(Answer::Choice(3)),
        answer_key: Some(json!({"correct": 3})),
        ..blank("manager-task", Kind::SweManager, proposals)
    }
}

/// A task with a test plan that passes, and its key as suites have it.
fn tested() -> Fixture {
    let case =
        |id: &str| FixtureTestCase { id: id.to_owned(), status: CaseStatus::Passed, detail: String::new() };
    let run = FixtureRun {
        end: RunEnd::Exited(0),
        status: None,
        report: ReportState::Read,
        cases: vec![case("suite::adds"), case("suite::subtracts")],
        artifacts: Vec::new(),
        conclusion: None,
    };
    let text = "export const add = (a, b) => a + b;\n".to_owned();
    let diff = format!("--- a/add.js\n+++ b/add.js\n@@ -1 +1 @@\n-export const add = (a, b) => a;\n+{text}");
    Fixture {
        submission: Some(Answer::WorkTree),
        answer_key: Some(json!({"plan": "hidden"})),
        files: vec![FixtureFile {
            path: "add.js".to_owned(),
            contents: Some(FixtureContents::Text(text)),
            executable: false,
        }],
        diff: Some(FixtureContents::Text(diff)),
        tests: vec![FixturePlan {
            name: "hidden".to_owned(),
            required: vec!["suite::adds".to_owned(), "suite::subtracts".to_owned()],
            sentinels: Vec::new(),
            pass_exit: 0,
            most_runs: 1,
            runs: vec![run],
        }],
        ..blank("tested-task", Kind::IcSwe, Vec::new())
    }
}

/// A grader's fixture of a task, with nothing handed in.
fn blank(id: &str, kind: Kind, proposals: Vec<Proposal>) -> Fixture {
    let task = FixtureTask {
        id: id.parse().expect("both are ids"),
        kind,
        title: "It is broken".to_owned(),
        statement: "Adding gives a wrong number.".to_owned(),
        price_cents: lancet_core::Cents(100_000),
        proposals,
    };
    Fixture::blank(Role::Grader, task)
}

#[cfg(test)]
mod tests {
    use lancet_core::{FixtureCall, Request};

    use super::*;

    fn is_accused(base: &Fixture, what: &str) -> bool {
        let mut maker = Maker { settings: BTreeMap::new(), made: Vec::new() };
        reports(&mut maker, "it", base);
        let tried = format!("it, {what}");
        maker.made.iter().find(|graded| graded.tried == tried).unwrap().if_passed.is_some()
    }

    #[test]
    fn what_is_a_pass_by_the_hosts_own_rule_may_be_passed() {
        assert!(is_accused(&tested(), "tests that fail"));
        let mut base = tested();
        base.tests[0].required = Vec::new();
        base.tests[0].sentinels = vec!["suite::fails".to_owned()];
        base.tests[0].pass_exit = 1;
        assert!(!is_accused(&base, "tests that fail"));
        assert!(is_accused(&base, "sentinels that pass"));
        // A run that is answered out of `calls` is a pass whatever the plans say.
        let mut base = tested();
        let contents = Contents::of(&base, &BTreeMap::new()).unwrap();
        let report = contents.plans[0].report.clone().unwrap();
        base.calls.push(FixtureCall {
            request: serde_json::to_value(Request::TestsRun { plan: "hidden".to_owned() }).unwrap(),
            response: serde_json::to_value(Response::Tested(Box::new(report))).unwrap(),
        });
        assert!(!is_accused(&base, "tests that fail") && !is_accused(&base, "no environment"));
    }
}
