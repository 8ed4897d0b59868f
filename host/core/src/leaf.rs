//! What a store's log says, one leaf after the other.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::{Outcome, RunId, RunSpec, Sha256, TaskId};

/// A leaf of a store's log: that a run began, what became of an attempt, that this was taken
/// back, or that the run ended. Its bytes are [`Self::to_text`], one spelling for each leaf, and
/// they are what the log's tree is over (RFC 6962).
///
/// Of a run the log has one beginning, before its first attempt; then, in the order in which they
/// were recorded, a verdict for each attempt; and an end. Where the infrastructure failed an
/// attempt that is taken up again, its verdict is followed by that, by another verdict, and
/// by another end of the run: the last of each counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "leaf", rename_all = "kebab-case")]
pub enum Leaf {
    /// A run begins: nothing of it has been executed.
    RunBegin(LoggedBegin),
    /// An attempt is over.
    Verdict(LoggedVerdict),
    /// An attempt is taken up again: its verdict, which was *invalid*, counts no longer.
    Reopened(LoggedReopening),
    /// All attempts of a run are over.
    RunEnd(LoggedEnd),
}

/// That a run begins, and what it is going to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedBegin {
    /// The run.
    pub run: RunId,
    /// The digest of its own record: all that it is defined by (the operator's limits and grants
    /// too), and every attempt that is due.
    pub record: Sha256,
    /// The digest over the suite's files.
    pub suite: Sha256,
    /// The agent's component.
    pub agent: Sha256,
    /// What random numbers derive from.
    pub seed: u64,
    /// How many tasks are tried.
    pub tasks: u64,
    /// How many attempts are due, at all tasks together.
    pub due: u64,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedVerdict {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The digest of the verdict's record.
    pub digest: Sha256,
}

/// That an attempt is taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedReopening {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Which attempt at it, from 1.
    pub attempt: u32,
}

/// That all attempts of a run are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedEnd {
    /// The run.
    pub run: RunId,
    /// How many verdicts it has.
    pub verdicts: u64,
    /// The root (RFC 6962) over the leaves of those verdicts that count, in the order of tasks
    /// and numbers.
    pub root: Sha256,
}

impl LoggedBegin {
    /// That a run of that definition begins, with so many tasks and attempts.
    #[must_use]
    pub fn new(run: RunId, record: Sha256, spec: &RunSpec, tasks: u64, due: u64) -> Self {
        let (suite, agent) = (spec.suite.reported.digest, spec.agent.digest);
        Self { run, record, suite, agent, seed: spec.seed, tasks, due }
    }

    /// The first key in which two differ, with both values.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let values = |begin: &Self| {
            let Self { run, record, suite, agent, seed, tasks, due } = begin;
            [
                ("run", run.to_string()),
                ("record", record.to_string()),
                ("suite", suite.to_string()),
                ("agent", agent.to_string()),
                ("seed", seed.to_string()),
                ("tasks", tasks.to_string()),
                ("due", due.to_string()),
            ]
        };
        let pairs = values(self).into_iter().zip(values(other));
        pairs.map(|((key, one), (_, other))| (key, one, other)).find(|(_, one, other)| one != other)
    }
}

impl LoggedEnd {
    /// That a run ended with those verdicts, in the order of tasks and numbers.
    #[must_use]
    pub fn new(run: RunId, verdicts: Vec<LoggedVerdict>) -> Self {
        let leaves: Vec<[u8; 32]> = verdicts
            .into_iter()
            .map(|verdict| {
                Hasher::new()
                    .chain_update([0])
                    .chain_update(Leaf::Verdict(verdict).to_text())
                    .finalize()
                    .into()
            })
            .collect();
        Self { run, verdicts: leaves.len() as u64, root: Sha256::from_bytes(root(&leaves)) }
    }
}

impl Leaf {
    /// The leaf's bytes: compact JSON.
    ///
    /// # Panics
    /// Never: a leaf can be JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a leaf is JSON")
    }

    /// Reads what [`Self::to_text`] wrote, and nothing else. `None` when it is no leaf, or one in
    /// another spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|leaf: &Self| leaf.to_text() == text)
    }

    /// The run that it is about.
    #[must_use]
    pub fn run(&self) -> &RunId {
        match self {
            Self::RunBegin(LoggedBegin { run, .. })
            | Self::Verdict(LoggedVerdict { run, .. })
            | Self::Reopened(LoggedReopening { run, .. })
            | Self::RunEnd(LoggedEnd { run, .. }) => run,
        }
    }
}

/// The root over leaves with those hashes: RFC 6962, section 2.1.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Hasher::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
            Hasher::new()
                .chain_update([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        "20261123-083329-4f2a9c".parse().unwrap()
    }

    fn verdict(attempt: u32) -> LoggedVerdict {
        let (task, digest) = ("a".parse().unwrap(), Sha256::of(b"verdict"));
        LoggedVerdict { run: run(), task, attempt, outcome: Outcome::Pass, digest }
    }

    #[test]
    fn a_leaf_has_one_spelling() {
        let digest = "sha256:14fa3d6f7fb5a4b0a4e6d5b8ac55ff4b1f1f46aa0b3ecd6bb4e1e4d7d2b63ac6";
        let leaves = [
            (
                Leaf::RunBegin(LoggedBegin {
                    run: run(),
                    record: digest.parse().unwrap(),
                    suite: digest.parse().unwrap(),
                    agent: digest.parse().unwrap(),
                    seed: u64::MAX,
                    tasks: 2,
                    due: 6,
                }),
                format!(
                    r#"{{"leaf":"run-begin","run":"20261123-083329-4f2a9c","record":"{digest}","suite":"{digest}","agent":"{digest}","seed":18446744073709551615,"tasks":2,"due":6}}"#
                ),
            ),
            (
                Leaf::Verdict(LoggedVerdict { digest: digest.parse().unwrap(), ..verdict(3) }),
                format!(
                    r#"{{"leaf":"verdict","run":"20261123-083329-4f2a9c","task":"a","attempt":3,"outcome":"pass","digest":"{digest}"}}"#
                ),
            ),
            (
                Leaf::Reopened(LoggedReopening { run: run(), task: "a".parse().unwrap(), attempt: 3 }),
                r#"{"leaf":"reopened","run":"20261123-083329-4f2a9c","task":"a","attempt":3}"#.to_owned(),
            ),
            (
                Leaf::RunEnd(LoggedEnd { run: run(), verdicts: 6, root: digest.parse().unwrap() }),
                format!(
                    r#"{{"leaf":"run-end","run":"20261123-083329-4f2a9c","verdicts":6,"root":"{digest}"}}"#
                ),
            ),
        ];
        for (leaf, text) in leaves {
            assert_eq!(leaf.to_text(), text);
            assert_eq!(leaf.run(), &run());
            assert_eq!(Leaf::parse(&text), Some(leaf));
            for other in [
                format!("{text} "),
                text.replacen(':', ": ", 1),
                text.replacen("{\"leaf\"", "{\"more\":1,\"leaf\"", 1),
                text.replace("\"run\"", "\"run\":1,\"run\""),
                text.replace("4f2a9c", "4f2a9"),
                text.replacen("\"leaf\":\"", "\"leaf\":\"x", 1),
            ] {
                assert_eq!(Leaf::parse(&other), None, "{other}");
            }
        }
    }

    #[test]
    fn an_end_is_over_all_verdicts_in_their_order() {
        let end = |attempts: &[u32]| LoggedEnd::new(run(), attempts.iter().map(|n| verdict(*n)).collect());
        assert_eq!((end(&[]).verdicts, end(&[]).root), (0, Sha256::of(b"")));
        assert_eq!(end(&[1, 2, 3]).verdicts, 3);
        let roots =
            [&[1][..], &[1, 2], &[2, 1], &[1, 2, 3], &[1, 2, 3, 3], &[1, 3, 2]].map(|all| end(all).root);
        for (at, one) in roots.iter().enumerate() {
            assert!(!roots[..at].contains(one), "{at}");
        }
    }
}
