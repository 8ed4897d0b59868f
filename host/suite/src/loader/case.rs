//! The checks of `cases/`: submissions by which a task checks itself.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{Kind, MAX_TEXT_BYTES, Outcome, Proposal, ReasonCode, Score};

use super::Loader;
use crate::case::{Case, CasePlace, CaseSubmission, Expected};
use crate::diagnose;
use crate::format::{CaseFile, MAX_CASE_SCRIPT_BYTES, MAX_GOLD_BYTES};
use crate::problem::{Problem, nearest, shown};
use crate::rules::{Rules, is_name};
use crate::tree::{CaseTree, StoredFile};

/// The most cases of a task.
const MAX_CASES: usize = 100;
/// What the controls are called that every task has.
const CONTROLS: [&str; 4] = ["gold", "noop", "empty", "random"];
/// What is expected, for whoever wrote something else.
const EXPECT_HINT: &str = "such as `fail tests-failed`, `fail wrong-choice` or `pass tests-passed`";

impl Loader {
    /// The cases of a task, sorted by name. `folder` is the task's, and `accepted` the bytes that may
    /// be handed in.
    pub(super) fn cases(
        &mut self,
        folder: &str,
        kind: Kind,
        proposals: &[Proposal],
        accepted: Option<u64>,
        tree: CaseTree,
    ) -> Vec<Case> {
        let CaseTree { tables, files, .. } = tree;
        let most_patch =
            accepted.map_or(MAX_GOLD_BYTES, |bytes| bytes.clamp(MAX_TEXT_BYTES as u64, MAX_GOLD_BYTES));
        if tables.len() > MAX_CASES {
            let message = format!("{} cases, at most {MAX_CASES} are allowed", tables.len());
            self.problems.push(Problem::new(format!("{folder}/cases"), message));
            return Vec::new();
        }
        let files: BTreeMap<&str, &StoredFile> =
            files.iter().map(|file| (file.path.as_str(), file)).collect();
        let mut used = BTreeSet::new();
        let mut cases = Vec::new();
        let mut is_whole = true;
        for (name, bytes) in tables {
            let path = format!("{folder}/cases/{name}.toml");
            let text = self.text(&path, bytes);
            let Some(file) =
                text.and_then(|text| diagnose::toml::<CaseFile>(&path, &text, &mut self.problems))
            else {
                is_whole = false;
                continue;
            };
            if let Some(about) = &file.about {
                self.line(&path, "about", about);
            }
            used.extend([&file.patch, &file.script].into_iter().flatten().cloned());
            if let Some(id) = file.choice
                && kind == Kind::SweManager
                && !proposals.iter().any(|proposal| proposal.id == id)
            {
                let hint = "unless that is what the case is about, choose one of the task's proposals";
                let problem = Problem::new(&path, format!("no proposal has the id {id}"));
                self.warnings.push(problem.key("choice").hint(hint));
            }
            let mut rules = Rules { file: &path, problems: &mut self.problems };
            named(&mut rules, &name);
            let submission = submission(&mut rules, folder, kind, &file, (&files, most_patch));
            let expected = expected(&mut rules, &file);
            if let (Some(submission), Some(expected)) = (submission, expected) {
                cases.push(Case { name, about: file.about, submission, expected });
            }
        }
        // What a case that cannot be read names is not known.
        for path in files.keys().filter(|path| is_whole && !used.contains(**path)) {
            let problem = Problem::new(format!("{folder}/cases/{path}"), "no case names this file");
            let hint = "name it by `patch` or `script` in a case's NAME.toml, or remove it";
            self.problems.push(problem.hint(hint));
        }
        cases
    }
}

fn named(rules: &mut Rules<'_>, name: &str) {
    let (message, hint) = if CONTROLS.contains(&name) {
        (format!("`{name}` is the name of a control that every task has"), "rename the file")
    } else if is_name(name) {
        return;
    } else {
        let message = format!("`{}` is no name of a case", shown(name));
        (message, "expected 1 to 64 lower-case letters, digits and `-`, and the ending `.toml`")
    };
    rules.problems.push(Problem::new(rules.file, message).hint(hint));
}

/// What a case hands in.
fn submission(
    rules: &mut Rules<'_>,
    folder: &str,
    kind: Kind,
    file: &CaseFile,
    (files, most_patch): (&BTreeMap<&str, &StoredFile>, u64),
) -> Option<CaseSubmission> {
    let given = [
        ("patch", file.patch.is_some()),
        ("script", file.script.is_some()),
        ("choice", file.choice.is_some()),
    ];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    let [key] = given[..] else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        let problem = Problem::new(
            rules.file,
            format!("expected one of `patch`, `script` and `choice`, found {found}"),
        );
        let hint = match kind {
            Kind::SweManager => "a case of a swe-manager task has `choice = ID`",
            Kind::IcSwe => "a case of an ic-swe task has `patch = \"FILE\"` or `script = \"FILE\"`",
        };
        rules.problems.push(problem.hint(hint));
        return None;
    };
    match (kind, file.choice) {
        (Kind::SweManager, Some(id)) => Some(CaseSubmission::Choice(id)),
        (Kind::IcSwe, Some(_)) => {
            rules.problem(key, "an ic-swe task has nothing to choose among").hint =
                Some("name a patch or a script in cases/".to_owned());
            None
        }
        (Kind::SweManager, None) => {
            rules.problem(key, "nothing is changed in a swe-manager task: its answer is a choice").hint =
                Some("choose a proposal: `choice = ID`".to_owned());
            None
        }
        (Kind::IcSwe, None) => {
            let (name, most) = match &file.patch {
                Some(name) => (name, most_patch),
                None => (file.script.as_ref()?, MAX_CASE_SCRIPT_BYTES),
            };
            let place = place(rules, folder, key, name, most, files)?;
            Some(if key == "patch" { CaseSubmission::Patch(place) } else { CaseSubmission::Script(place) })
        }
    }
}

/// The file of a case, by its name in `cases/`.
fn place(
    rules: &mut Rules<'_>,
    folder: &str,
    key: &str,
    name: &str,
    most: u64,
    files: &BTreeMap<&str, &StoredFile>,
) -> Option<CasePlace> {
    let Some(file) = files.get(name) else {
        let near = nearest(name, files.keys().copied()).map(|near| format!("did you mean `{near}`?"));
        let hint = near.unwrap_or_else(|| "expected the name of a file beside this one".to_owned());
        rules.problem(key, format!("there is no file `{folder}/cases/{}`", shown(name))).hint = Some(hint);
        return None;
    };
    if file.bytes > most {
        rules.problem(key, format!("`{}` is larger than {most} bytes", shown(name)));
        return None;
    }
    if file.bytes == 0 {
        rules.problem(key, format!("`{}` is empty: that is the control `empty`", shown(name))).hint =
            Some("remove the case: every task is tried so".to_owned());
        return None;
    }
    Some(CasePlace { path: format!("{folder}/cases/{name}"), sha256: file.sha256 })
}

/// The verdict that a case has to get.
fn expected(rules: &mut Rules<'_>, file: &CaseFile) -> Option<Expected> {
    let (outcome, reason) = match file.expect.split_once(' ') {
        Some(("pass", reason)) => (Outcome::Pass, reason),
        Some(("fail", reason)) => (Outcome::Fail, reason),
        Some(("invalid", _)) => {
            let message = "a case is decided: what leaves its task undecided is a mistake of the suite's";
            rules.problem("expect", message).hint = Some(EXPECT_HINT.to_owned());
            return None;
        }
        _ => {
            let message = format!("expected `pass REASON` or `fail REASON`, found `{}`", shown(&file.expect));
            rules.problem("expect", message).hint = Some(EXPECT_HINT.to_owned());
            return None;
        }
    };
    let reason = match reason.parse::<ReasonCode>() {
        Ok(reason) => reason,
        Err(error) => {
            rules.problem("expect", error.to_string()).hint = Some(EXPECT_HINT.to_owned());
            return None;
        }
    };
    let score = match (outcome, file.score) {
        (Outcome::Pass, None) => Score::FULL,
        (Outcome::Pass, Some(score)) => match Score::try_from(score) {
            Ok(score) if score != Score::ZERO => score,
            _ => {
                rules.within("score", u32::from(score), 1, 1000);
                return None;
            }
        },
        (_, None) => Score::ZERO,
        (_, Some(_)) => {
            rules.problem("score", "a fail is worth nothing").hint = Some("remove it".to_owned());
            return None;
        }
    };
    Some(Expected { outcome, reason, score })
}
