//! Fixtures as they are read: whole, of this form, contract and engine, and of one role.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    Answer, CONTRACT_VERSION, Capability, Expected, FIXTURE_VERSION, FixtureContents, Grant, Granter,
    MAX_DOCUMENT_BYTES, MAX_FIXTURE_BYTES, MAX_TEXT_BYTES, Outcome, ReasonCode, Role, Score, Task,
    attempt_seed, list_for_table,
};
use lancet_engine::{ENGINE_ID, Plugin};
use serde::Deserialize;
use serde_json::Value;

use crate::contents::Contents;

/// A fixture that has been read.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// What it is called: its file's name without the ending.
    pub name: String,
    pub(crate) file: lancet_core::Fixture,
    pub(crate) task: Task,
    /// How many bytes its file has; 0 when it was read from none.
    pub(crate) bytes: usize,
}

/// Why something is no fixture, or none for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FixtureError {
    /// The key, or the line, and what is wrong there.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FixtureError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// What tells one form from another, whatever else is there.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    fixture: Value,
    #[serde(default)]
    contract: Value,
    #[serde(default)]
    engine: Value,
}

impl Fixture {
    /// Reads a fixture's file.
    ///
    /// # Errors
    /// When it is larger than [`MAX_FIXTURE_BYTES`], of another form, contract or engine, or says
    /// what no fixture can.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, FixtureError> {
        if bytes.len() > MAX_FIXTURE_BYTES {
            let problem = format!("it has more than {MAX_FIXTURE_BYTES} bytes (4 MiB)");
            return Err(FixtureError::new(problem).hint("leave out what the plugin does not ask for"));
        }
        let unread = |e: serde_json::Error| {
            FixtureError::new(e.to_string())
                .hint("docs/schemas/fixture.schema.json describes a fixture, and plugins/README.md has one")
        };
        let Form { fixture, contract, engine } = serde_json::from_slice(bytes).map_err(unread)?;
        if fixture != FIXTURE_VERSION {
            return Err(FixtureError::new(format!(
                "`fixture` is {fixture}, expected {FIXTURE_VERSION}, the version of the form that this host reads"
            ))
            .hint("record it again, or write it in this form"));
        }
        let patch = contract.as_str().and_then(|version| version.strip_prefix("0.1."));
        let is_served =
            patch.is_some_and(|patch| patch.parse::<u64>().is_ok_and(|number| number.to_string() == patch));
        if !is_served {
            return Err(FixtureError::new(format!(
                "`contract` is {contract}, expected a version that this host serves: `0.1.x`"
            ))
            .hint(format!("this host has {CONTRACT_VERSION}; record the fixture again")));
        }
        if !engine.is_null() && engine != ENGINE_ID {
            return Err(FixtureError::new(format!(
                "`engine` is {engine}, expected \"{ENGINE_ID}\", the engine of this host: fuel, and so where a \
                 limit ends a plugin, may count otherwise in another"
            ))
            .hint("record it again, or remove `engine`: a fixture without it is for every engine"));
        }
        let file: lancet_core::Fixture = serde_json::from_slice(bytes).map_err(unread)?;
        let found: Value = serde_json::from_slice(bytes).map_err(unread)?;
        if let Some(key) = list_for_table(&found, &file) {
            return Err(FixtureError::new(format!("`{key}` is a list, expected an object")).hint(
                "docs/schemas/fixture.schema.json describes a fixture, and plugins/README.md has one",
            ));
        }
        let fixture = Self::of(name, file)?;
        Ok(Self { bytes: bytes.len(), ..fixture })
    }

    /// Takes a fixture for what it says.
    ///
    /// # Errors
    /// When it says what no fixture can.
    pub fn of(name: &str, file: lancet_core::Fixture) -> Result<Self, FixtureError> {
        expectation(file.role, &file.expect)?;
        let of_grader = [
            ("submission", file.submission.is_some()),
            ("answer-key", file.answer_key.is_some()),
            ("files", !file.files.is_empty()),
            ("diff", file.diff.is_some()),
            ("tests", !file.tests.is_empty()),
        ];
        let of_agent = [("input", file.input.is_some()), ("prompt", file.prompt.is_some())];
        let (others, other) = match file.role {
            Role::Grader => (&of_agent[..], Role::Agent),
            Role::Agent => (&of_grader[..], Role::Grader),
        };
        if let Some((key, _)) = others.iter().find(|(_, is_there)| *is_there) {
            let problem = format!(
                "`{key}` is for plugins of the role `{other}`, and this is a fixture of the role `{}`",
                file.role
            );
            return Err(
                FixtureError::new(problem).hint(format!("remove it, or write `\"role\": \"{other}\"`"))
            );
        }
        if file.role == Role::Grader && file.submission.is_none() {
            return Err(FixtureError::new("`submission` is missing: what was handed in").hint(
                "write `\"submission\": {\"choice\": 3}`, `{\"document\": \"…\"}`, `\"work-tree\"` or `\"nothing\"`",
            ));
        }
        bounded(&file)?;
        let task = Task::from(file.task.clone());
        Contents::of(&file, &BTreeMap::new()).map_err(FixtureError::new)?;
        Ok(Self { name: name.to_owned(), file, task, bytes: 0 })
    }

    /// The fixture as its file has it.
    #[must_use]
    pub fn file(&self) -> &lancet_core::Fixture {
        &self.file
    }

    /// What the host answers to that plugin.
    ///
    /// # Errors
    /// When the fixture is for another role, or sets what the plugin does not let be set.
    pub(crate) fn contents(&self, plugin: &Plugin) -> Result<Arc<Contents>, FixtureError> {
        if plugin.role() != self.file.role {
            let problem = format!(
                "it is a fixture of a plugin of the role `{}`, and this one's is `{}`",
                self.file.role,
                plugin.role()
            );
            return Err(
                FixtureError::new(problem).hint("keep the fixtures of each plugin in a folder of their own")
            );
        }
        let given = &self.file.settings;
        let settings = match (plugin.role(), plugin.manifest()) {
            (Role::Agent, _) => given.clone(),
            (Role::Grader, Some(manifest)) => manifest.settings.resolve(given).map_err(|error| {
                FixtureError::new(format!("`settings`: {error}"))
                    .hint("`lancet plugin inspect FILE` lists a grader's settings")
            })?,
            (Role::Grader, None) if given.is_empty() => BTreeMap::new(),
            (Role::Grader, None) => {
                return Err(FixtureError::new(
                    "`settings` are given, and the grader is no package, so that it has none",
                )
                .hint("make a package of it with `lancet plugin pack`"));
            }
        };
        Contents::of(&self.file, &settings).map(Arc::new).map_err(FixtureError::new)
    }

    /// What the random numbers of the call start from.
    pub(crate) fn seed(&self) -> [u8; 32] {
        attempt_seed(self.file.seed, &self.task.id, self.file.attempt)
    }
}

/// Looks whether a host would hand over texts that are so long.
fn bounded(file: &lancet_core::Fixture) -> Result<(), FixtureError> {
    let task = &file.task;
    let document = match &file.submission {
        Some(Answer::Document(text)) => text.len(),
        _ => 0,
    };
    let own = [
        ("submission.document".to_owned(), document, MAX_DOCUMENT_BYTES),
        ("task.title".to_owned(), task.title.len(), MAX_TEXT_BYTES),
        ("task.statement".to_owned(), task.statement.len(), MAX_TEXT_BYTES),
    ];
    let proposals = task.proposals.iter().enumerate();
    let proposals = proposals
        .map(|(n, proposal)| (format!("task.proposals[{n}].text"), proposal.text.len(), MAX_TEXT_BYTES));
    match own.into_iter().chain(proposals).find(|(_, bytes, most)| bytes > most) {
        None => Ok(()),
        Some((key, bytes, most)) => {
            let problem = format!("`{key}` has {bytes} bytes, and no plugin is given more than {most}");
            Err(FixtureError::new(problem).hint("shorten it"))
        }
    }
}

/// Looks whether that can be expected of a plugin of that role.
fn expectation(role: Role, expect: &Expected) -> Result<(), FixtureError> {
    let Expected { outcome, reason, score, answer, ends } = expect;
    let problem = match role {
        Role::Grader => match (outcome, reason) {
            _ if answer.is_some() || ends.is_some() => {
                "`expect` has `answer` or `ends`, which are an agent's".to_owned()
            }
            (None, _) => "`expect.outcome` is missing: `pass`, `fail` or `invalid`".to_owned(),
            (_, None) => "`expect.reason` is missing: the reason code of the verdict".to_owned(),
            (Some(outcome), Some(reason)) => {
                let score = score.map(Score::try_from).transpose();
                let pays = matches!(score, Ok(Some(score)) if score != Score::ZERO);
                match (reason.parse::<ReasonCode>(), score) {
                    (Err(error), _) => format!("`expect.reason`: {error}"),
                    (_, Err(error)) => format!("`expect.score`: {error}"),
                    (_, Ok(Some(Score::ZERO))) if *outcome == Outcome::Pass => {
                        "`expect.score` is 0, and a pass has one from 1 to 1000".to_owned()
                    }
                    _ if pays && *outcome == Outcome::Invalid => {
                        "`expect.score` is more than 0, and an invalid verdict pays nothing".to_owned()
                    }
                    _ => return Ok(()),
                }
            }
        },
        Role::Agent => match (answer, ends) {
            _ if outcome.is_some() || reason.is_some() || score.is_some() => {
                "`expect` has `outcome`, `reason` or `score`, which are a grader's".to_owned()
            }
            (Some(_), None) => return Ok(()),
            (None, Some(end)) if end == GAVE_UP || fault_kinds().any(|kind| kind == end) => return Ok(()),
            (None, Some(end)) => {
                let known: Vec<_> = std::iter::once(GAVE_UP).chain(fault_kinds()).collect();
                format!("`expect.ends` is `{end}`, expected one of {}", known.join(", "))
            }
            (Some(_), Some(_)) => "`expect` has both `answer` and `ends`".to_owned(),
            (None, None) => "`expect` has neither `answer` nor `ends`".to_owned(),
        },
    };
    Err(FixtureError::new(problem).hint(match role {
        Role::Grader => "write `\"expect\": {\"outcome\": \"fail\", \"reason\": \"wrong-choice\"}`",
        Role::Agent => "write `\"expect\": {\"answer\": {\"choice\": 3}}`, or `{\"ends\": \"gave-up\"}`",
    }))
}

/// How an agent ends that says itself why it has no answer.
pub(crate) const GAVE_UP: &str = "gave-up";

/// How an agent can fail, in words.
fn fault_kinds() -> impl Iterator<Item = &'static str> {
    lancet_core::FaultKind::ALL.into_iter().map(lancet_core::FaultKind::as_str)
}

/// All that a plugin of that role can be granted at all: its author tries it before any operator
/// is asked.
#[must_use]
pub fn widest(role: Role) -> Grant {
    let granted = Capability::ALL.into_iter().filter(|c| c.granter(role) == Granter::Operator);
    granted.fold(Grant::standard(role), |grant, capability| grant.clone().with(capability).unwrap_or(grant))
}

/// Bytes as a fixture holds them, cut to none when there are more than that many.
pub(crate) fn within(bytes: Vec<u8>, most: usize) -> FixtureContents {
    if bytes.len() <= most {
        return FixtureContents::whole(bytes);
    }
    FixtureContents::LeftOut { bytes: bytes.len() as u64, sha256: lancet_core::Sha256::of(&bytes) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grader() -> Value {
        json!({
            "fixture": 1, "contract": "0.1.0", "role": "grader", "task": {"id": "t", "kind": "ic-swe"},
            "submission": "work-tree", "expect": {"outcome": "fail", "reason": "tests-failed"},
        })
    }

    fn agent() -> Value {
        json!({
            "fixture": 1, "contract": "0.1.0", "role": "agent", "task": {"id": "t", "kind": "ic-swe"},
            "expect": {"ends": "gave-up"},
        })
    }

    fn problem(fixture: &Value) -> String {
        Fixture::read("it", fixture.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_fixture_says_by_its_key_why() {
        for good in [grader(), agent()] {
            Fixture::read("it", good.to_string().as_bytes()).unwrap();
        }
        let run = |end: &Value| json!([{"name": "hidden", "runs": [{"end": end, "conclusion": {"outcome": "fail", "reason": "No!"}}]}]);
        for (of, key, value, words) in [
            (grader(), "fixture", json!(2), "`fixture` is 2, expected 1"),
            (grader(), "fixture", json!(null), "`fixture` is null, expected 1"),
            (grader(), "contract", json!("0.2.0"), "`contract` is \"0.2.0\", expected"),
            (grader(), "contract", json!("0.1."), "expected a version that this host serves"),
            (grader(), "contract", json!("0.1.07"), "expected a version that this host serves"),
            (grader(), "contract", json!("0.1.99999999999999999999"), "expected a version that this host"),
            (
                grader(),
                "submission",
                json!({"document": "x".repeat(65_537)}),
                "`submission.document` has 65537 bytes, and no plugin is given more than 65536",
            ),
            (
                grader(),
                "task",
                json!({"id": "t", "kind": "swe-manager", "proposals": [{"id": 3, "text": "x".repeat(1_048_577)}]}),
                "`task.proposals[0].text` has 1048577 bytes",
            ),
            (
                grader(),
                "engine",
                json!("wasmtime-1.0.0/cranelift"),
                "`engine` is \"wasmtime-1.0.0/cranelift\", expected",
            ),
            (grader(), "engine", json!(48), "`engine` is 48, expected"),
            (grader(), "role", json!("judge"), "unknown variant `judge`"),
            (grader(), "colour", json!(1), "unknown field `colour`"),
            (grader(), "submission", json!(null), "`submission` is missing"),
            (grader(), "submission", json!({"choice": -1}), "invalid value"),
            (grader(), "input", json!("x"), "`input` is for plugins of the role `agent`"),
            (grader(), "expect", json!({"reason": "x"}), "`expect.outcome` is missing"),
            (grader(), "expect", json!({"outcome": "fail"}), "`expect.reason` is missing"),
            (grader(), "expect", json!({"outcome": "fail", "reason": "Not A Code"}), "`expect.reason`"),
            (
                grader(),
                "expect",
                json!({"outcome": "pass", "reason": "x", "score": 1_001}),
                "`expect.score`: score 1001",
            ),
            (
                grader(),
                "expect",
                json!({"outcome": "pass", "reason": "x", "score": 0}),
                "a pass has one from 1",
            ),
            (grader(), "expect", json!({"outcome": "invalid", "reason": "x", "score": 1}), "pays nothing"),
            (grader(), "expect", json!({"answer": "nothing"}), "which are an agent's"),
            (grader(), "files", json!([{"path": "a"}, {"path": "a"}]), "`files` has `a` twice"),
            (grader(), "files", json!([{"path": "a", "contents": {"base64": "!"}}]), "`files[0].contents`"),
            (grader(), "tests", run(&json!({"exited": 1})), "`tests[0].runs[0].conclusion.reason`"),
            (grader(), "tests", run(&json!("exploded")), "unknown variant `exploded`"),
            (
                grader(),
                "calls",
                json!([{"request": {"call": "fly"}, "response": "done"}]),
                "`calls[0].request`: unknown variant `fly`",
            ),
            (
                grader(),
                "calls",
                json!([{"request": {"call": "tests-plans"}, "response": 3}]),
                "`calls[0].response`",
            ),
            (agent(), "answer-key", json!({}), "`answer-key` is for plugins of the role `grader`"),
            (agent(), "expect", json!({}), "neither `answer` nor `ends`"),
            (
                agent(),
                "expect",
                json!({"ends": "bored"}),
                "`expect.ends` is `bored`, expected one of gave-up, trap",
            ),
            (agent(), "expect", json!({"ends": "trap", "answer": "nothing"}), "both `answer` and `ends`"),
            (agent(), "expect", json!({"outcome": "fail", "reason": "x"}), "which are a grader's"),
        ] {
            let mut fixture = of;
            fixture[key] = value;
            let said = problem(&fixture);
            assert!(said.contains(words), "{words}: {said}");
        }
        for text in ["", "[]", "{", "\u{feff}{}", "null"] {
            assert!(Fixture::read("it", text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(1_000_000);
        assert!(Fixture::read("it", deep.as_bytes()).is_err());
        assert!(problem(&json!({"fixture": 1, "contract": "x".repeat(MAX_FIXTURE_BYTES)})).contains("4 MiB"));
    }
}
