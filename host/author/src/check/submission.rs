//! What graders are tried on: tasks, submissions, keys, test reports and failures of the host's.

mod keys;
mod reports;

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    Answer, CallErrorKind, CaseStatus, Cents, Fixture, FixtureContents, FixtureFile, FixturePlan, FixtureRun,
    FixtureTask, FixtureTestCase, Kind, Outcome, Proposal, ReportState, Role, RunEnd, Task,
};
use lancet_engine::{Outside, Plugin};
use serde_json::{Value, json};

use self::keys::{Secrets, keys};
use self::reports::{if_untested, reports};
use super::execution::Input;
use super::finding::{PASSES_JUNK, PASSES_NOTHING, PASSES_UNTESTED, PASSES_WRONG_KIND, Rule};
use crate::contents::Contents;
use crate::held::Held;

/// The most proposals of a task that are chosen in the place of the one that its fixture has.
const MAX_OTHERS: usize = 8;
/// With how many values of a setting wrong submissions are tried as well.
const MAX_SET_WRONG: usize = 6;

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
    /// What of the answer key a verdict must not have.
    pub(super) secrets: Arc<Secrets>,
    /// The input, by its place, that has to come to the same: nothing that may matter is other.
    pub(super) same_as: Option<usize>,
    /// The input, by its place, of which this one has another proposal chosen.
    pub(super) other_choice_of: Option<usize>,
    /// The input, by its place, in which the right one is chosen that this one's resembles.
    pub(super) resembles: Option<usize>,
    /// The input, by its place, of which this one has a call refused.
    pub(super) refused_of: Option<usize>,
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
    secrets: Arc<Secrets>,
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
            secrets: Arc::clone(&self.secrets),
            same_as: None,
            other_choice_of: None,
            resembles: None,
            refused_of: None,
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
    let mut maker = Maker { settings: BTreeMap::new(), secrets: Arc::default(), made: Vec::new() };
    let own =
        fixtures.iter().map(|fixture| (format!("the fixture `{}`", fixture.name), fixture.file.clone()));
    let bases: Vec<_> = own
        .chain([("a manager task".to_owned(), manager()), ("a task with tests".to_owned(), tested())])
        .collect();
    for (name, base) in &bases {
        let own = plugin.manifest().and_then(|manifest| manifest.settings.resolve(&base.settings).ok());
        maker.settings = own.unwrap_or_else(|| settings.clone());
        maker.secrets = Arc::new(Secrets::of(base));
        let first = maker.made.len();
        maker.add(name.clone(), base, |graded| graded.is_base = true);
        others(&mut maker, first, (name, base));
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
                    // That a file is not there is an answer, and no failure to read it.
                    let is_answer = kind == CallErrorKind::NotFound && function.ends_with(".read");
                    graded.refused_of = (!is_answer).then_some(first);
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

/// The same under another name and at another price, and with every other choice.
fn others(maker: &mut Maker, first: usize, (name, base): (&str, &Fixture)) {
    if maker.made.len() == first {
        return;
    }
    let mut same = |what: &str, change: &dyn Fn(&mut FixtureTask)| {
        let mut fixture = base.clone();
        change(&mut fixture.task);
        if fixture.task != base.task {
            maker.add(format!("{name}, {what}"), &fixture, |graded| graded.same_as = Some(first));
        }
    };
    same("under another id", &|task| task.id = "it-goes-by-another-name".parse().expect("it is an id"));
    same("at a price of 1 cent", &|task| task.price_cents = Cents(1));
    same("at the highest price", &|task| task.price_cents = Cents::MAX_PRICE);
    let Some(Answer::Choice(chosen)) = base.submission else { return };
    let ids = base.task.proposals.iter().map(|proposal| proposal.id).filter(|id| *id != chosen);
    let ids: Vec<u32> = ids.take(MAX_OTHERS).collect();
    for id in &ids {
        let fixture = Fixture { submission: Some(Answer::Choice(*id)), ..base.clone() };
        maker.add(format!("{name}, its proposal {id} chosen"), &fixture, |graded| {
            graded.other_choice_of = Some(first);
        });
    }
    // The same by documents, in the form that the contract has for them.
    let document = |id: u32| {
        let text = format!("{{\"selected_proposal_id\": {id}}}");
        Fixture { submission: Some(Answer::Document(text)), ..base.clone() }
    };
    let first = maker.made.len();
    maker.add(format!("{name}, a document that chooses {chosen}"), &document(chosen), |_| {});
    for id in ids {
        maker.add(format!("{name}, a document that chooses {id}"), &document(id), |graded| {
            graded.other_choice_of = Some(first);
        });
    }
}

/// Submissions that are wrong whatever is set.
fn wrong(base: &Fixture) -> Vec<(&'static str, Fixture)> {
    let of = |answer: Answer| Fixture { submission: Some(answer), ..base.clone() };
    let mut made = vec![
        ("nothing handed in", of(Answer::Nothing)),
        ("an empty document", of(Answer::Document(String::new()))),
    ];
    if base.task.kind == Kind::SweManager {
        made.push(("a choice that is none of the proposals", of(Answer::Choice(no_proposal(base)))));
    } else {
        let mut fixture = base.clone();
        for plan in &mut fixture.tests {
            let failed = |id: &String| FixtureTestCase {
                id: id.clone(),
                status: CaseStatus::Failed,
                detail: String::new(),
            };
            let run = FixtureRun {
                end: RunEnd::Exited(plan.pass_exit.wrapping_add(1)),
                status: None,
                report: ReportState::Read,
                cases: plan.required.iter().map(failed).collect(),
                artifacts: Vec::new(),
                conclusion: None,
            };
            plan.runs = vec![run];
        }
        made.push(("tests that fail", fixture));
    }
    made
}

/// The ids of a task with several proposals, such that neither the first nor the last is the one
/// that its fixture chooses: an answer that names them all is none.
fn hedged(base: &Fixture) -> Option<Vec<String>> {
    let Some(Answer::Choice(chosen)) = base.submission else { return None };
    // The right one might stand where some look for an answer.
    if base.expect.outcome.is_some_and(|outcome| outcome != Outcome::Pass) {
        return None;
    }
    let ids = base.task.proposals.iter().map(|proposal| proposal.id).filter(|id| *id != chosen);
    let others: Vec<u32> = ids.take(MAX_OTHERS).collect();
    let (first, last) = (*others.first()?, *others.last()?);
    let ids = [first].into_iter().chain(others).chain([chosen, last]);
    Some(ids.map(|id| id.to_string()).collect())
}

/// An id that no proposal has.
fn no_proposal(base: &Fixture) -> u32 {
    let is_none = |id: &u32| base.task.proposals.iter().all(|proposal| proposal.id != *id);
    (0..).map(|n: u32| u32::MAX - n).find(is_none).unwrap_or(u32::MAX)
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
        let mut number = 0;
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
            let tried = format!("{name}, its setting `{setting}` being {word}");
            maker.add(tried.clone(), base, |_| {});
            number += 1;
            for (what, fixture) in wrong(base).into_iter().filter(|_| number <= MAX_SET_WRONG) {
                let is_tested = fixture.submission == Some(Answer::WorkTree);
                maker.add(format!("{tried}, {what}"), &fixture, |graded| {
                    graded.if_passed =
                        if is_tested { if_untested(&graded.contents) } else { Some(PASSES_JUNK) };
                });
            }
        }
    }
    maker.settings = given;
}

/// Every way to hand in what cannot be right.
fn submissions(maker: &mut Maker, name: &str, base: &Fixture) {
    let is_manager = base.task.kind == Kind::SweManager;
    let wrong = if is_manager { PASSES_JUNK } else { PASSES_WRONG_KIND };
    let none = no_proposal(base);
    let mut junk: Vec<(&str, String)> = vec![
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
    if is_manager {
        let unknown = format!("{{\"selected_proposal_id\": {none}}}");
        junk.push(("a document that chooses none of the proposals", unknown));
        for (what, value) in [
            ("a document that chooses by a word", r#""x""#),
            ("a document that chooses by a digit that is no number", r#""²""#),
            ("a document that chooses half a character", r#""\ud83d""#),
            ("a document that chooses an empty list", "[]"),
            ("a document that chooses an empty object", "{}"),
            ("a document that chooses a number beyond all bounds", "1e400"),
            ("a document that chooses a fraction", "0.5"),
        ] {
            junk.push((what, format!("{{\"selected_proposal_id\": {value}}}")));
        }
    }
    if let Some(ids) = hedged(base) {
        junk.push(("a document that lists every proposal", format!("[{}]", ids.join(", "))));
        junk.push(("a document that talks of every proposal", format!("Proposals {}.", ids.join(" or "))));
    }
    let mut answers: Vec<(String, Answer, Rule)> = vec![
        ("nothing handed in".to_owned(), Answer::Nothing, PASSES_NOTHING),
        ("a choice that is none of the proposals".to_owned(), Answer::Choice(none), wrong),
    ];
    answers.extend(junk.into_iter().map(|(what, text)| (what.to_owned(), Answer::Document(text), wrong)));
    if is_manager {
        answers.push(("a work tree handed in".to_owned(), Answer::WorkTree, PASSES_WRONG_KIND));
    }
    // What its fixture hands in may be right, whatever it looks like.
    answers.retain(|(_, answer, _)| base.submission.as_ref() != Some(answer));
    for (what, answer, rule) in answers {
        let fixture = Fixture { submission: Some(answer), ..base.clone() };
        maker.add(format!("{name}, {what}"), &fixture, |graded| graded.if_passed = Some(rule));
    }
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
    add("a title of 1 MiB", true, &|task| task.title = "é".repeat(1 << 19));
    add("a statement of control characters", false, &|task| {
        task.statement = "\u{0}\u{1b}[31m\u{202e}\u{feff}\u{10ffff}\r\n".repeat(20);
    });
    if base.task.kind == Kind::SweManager {
        add("no proposals", false, &|task| task.proposals = Vec::new());
        add("one proposal", false, &|task| task.proposals.truncate(1));
        add("one proposal with the highest id", false, &|task| {
            task.proposals = vec![Proposal { id: u32::MAX, text: String::new() }];
        });
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
    let long = format!("{}d", "d/".repeat(1_500));
    let odd = ["\u{202e}a b\u{feff}.txt", "-rf", "é/\u{1f600}", &long];
    let odd = odd.map(|path| file(path, Some(text("x\n".to_owned()))));
    let diff = "--- /dev/null\n+++ b/-rf\n@@ -0,0 +1 @@\n+x\r\n\\ No newline at end of file\n";
    add("files with odd names", false, odd.into(), text(diff.to_owned()));
    let large = "+é\n".repeat(700_000);
    add("a file and a diff of 2.8 MB", true, vec![file("large.txt", Some(text(large.clone())))], text(large));
    let many = (0..5_000).map(|n| file(&format!("folder/{n:05}.txt"), Some(text(String::new()))));
    add("5,000 files", true, many.collect(), text(String::new()));
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
        price_cents: Cents(100_000),
        proposals,
    };
    Fixture::blank(Role::Grader, task)
}

#[cfg(test)]
mod tests {
    use lancet_core::{FixtureCall, Request, Response};

    use super::*;

    fn is_accused(base: &Fixture, what: &str) -> bool {
        let mut maker = Maker { settings: BTreeMap::new(), secrets: Arc::default(), made: Vec::new() };
        reports(&mut maker, "it", base);
        let tried = format!("it, {what}");
        maker.made.iter().find(|graded| graded.tried == tried).unwrap().if_passed.is_some()
    }

    #[test]
    fn what_is_a_pass_by_the_hosts_own_rule_may_be_passed() {
        for what in [
            "tests that fail",
            "a required test that did not run",
            "a required test that failed, with the exit status of a pass",
            "a required test that passed and failed",
            "tests that passed in a run that came to nothing by the host",
            "a sentinel that passes, with the exit status of a pass",
            "a sentinel that did not run, with the exit status of a pass",
        ] {
            assert!(is_accused(&tested(), what), "{what}");
        }
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
