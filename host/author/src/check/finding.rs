//! What is found of a plugin, each thing once.

use lancet_core::{FaultKind, PluginFinding, Severity};

/// The most bytes of what was seen that a finding tells: 500.
const MAX_SEEN_BYTES: usize = 500;

/// Findings so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<PluginFinding>);

/// What kind of finding it is, and what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) change: &'static str,
}

const fn error(code: &'static str, change: &'static str) -> Rule {
    Rule { severity: Severity::Error, code, change }
}

const fn warning(code: &'static str, change: &'static str) -> Rule {
    Rule { severity: Severity::Warning, code, change }
}

pub(crate) const UNKNOWN_EXPORT: Rule =
    error("unknown-export", "export the interface of its world and nothing else: nobody calls the rest");
pub(crate) const LARGE: Rule = warning(
    "large",
    "build it in release mode and strip it: over 64 MiB nothing is loaded, and every run reads all of it",
);
pub(crate) const NO_MANIFEST: Rule = warning(
    "no-manifest",
    "write a `plugin.toml` and make a package with `lancet plugin pack`, so that operators see who made it and why it asks",
);
pub(crate) const NEEDS_GRANT: Rule = warning(
    "needs-grant",
    "do without it if that can be: it is refused in every run whose operator does not grant it",
);
pub(crate) const NEEDS_MORE: Rule = warning(
    "needs-more",
    "lower `limits` in its manifest to what it needs: a run with the standard limits refuses it",
);
pub(crate) const LIMITS_TOO_LOW: Rule =
    error("limits-too-low", "raise `limits` in its manifest: a run that gives it just that ends it");
pub(crate) const NEVER_USED: Rule = warning(
    "never-used",
    "build against a world without it and take it out of `asks`, or give a fixture in which it is called",
);
pub(crate) const UNKNOWN_SETTING: Rule = warning(
    "unknown-setting",
    "declare it (a grader under `[settings.properties]` of its manifest, an agent by `configuring`), or do not read it: nobody can set it",
);
pub(crate) const UNREAD_SETTING: Rule = warning(
    "unread-setting",
    "read it, or take it out of what can be set: whoever sets it changes nothing, or give a fixture in which it is read",
);
pub(crate) const CONFIGURATION: Rule = error(
    "configuration",
    "mend what `configuring` describes: no run takes an agent that cannot say what can be set of it",
);
pub(crate) const NOT_DETERMINISTIC: Rule = error(
    "not-deterministic",
    "let nothing but the task and the answers of the host decide: no time, no order of others, no limit that it may run into",
);
pub(crate) const DEPENDS_ON_CHANCE: Rule = error(
    "depends-on-chance",
    "take the random numbers out of a grader: the same submission has to get the same verdict each time",
);
pub(crate) const DEPENDS_ON_LIMITS: Rule = error(
    "depends-on-limits",
    "do not ask how much memory there is: an operator may give more, and the verdict or the answer has to stay the same",
);
pub(crate) const DEPENDS_ON_TASK: Rule = warning(
    "depends-on-task",
    "do not judge by the id or the price of a task: what differs from one to another belongs into its answer key, or into `[grader.settings]`",
);
pub(crate) const PASSES_ANY_CHOICE: Rule = error(
    "passes-any-choice",
    "compare what was chosen with what the answer key names: every proposal was as good as the right one",
);
pub(crate) const PASSES_RESEMBLING: Rule = error(
    "passes-wrong-choice",
    "compare the whole number that was chosen with the one that the answer key names: one that only resembles it was as good",
);
pub(crate) const PASSES_UNREAD: Rule = error(
    "passes-unread",
    "fail, or return an error, where what decides cannot be read: what fails when it is read passes when it is not",
);
pub(crate) const CONTRADICTS_ITSELF: Rule = warning(
    "contradicts-itself",
    "have `passed` of its checks say what was held: who looks at the verdict sees a pass none of whose checks passed",
);
pub(crate) const PASSES_JUNK: Rule =
    error("passes-junk", "fail what cannot be read as an answer, and what is none of the task's proposals");
pub(crate) const PASSES_NOTHING: Rule = error(
    "passes-nothing",
    "fail when nothing was handed in (`no-submission`): the host refuses such a pass",
);
pub(crate) const PASSES_UNTESTED: Rule = error(
    "passes-untested",
    "pass only on a `tests.run` that came to a pass: the host refuses any other, and the attempt is invalid",
);
pub(crate) const PASSES_WRONG_KIND: Rule =
    error("passes-wrong-kind", "fail an answer of another kind than the task asks for (`wrong-kind`)");
pub(crate) const PASSES_UNREADABLE_KEY: Rule = error(
    "passes-unreadable-key",
    "return the error `bad-answer-key` when the key cannot be read, is empty, or lacks what it has to hold",
);
pub(crate) const TELLS_KEY: Rule = warning(
    "tells-key",
    "keep the answer key out of verdicts and logs: whoever reads a record would know the answer",
);
pub(crate) const OTHER_METADATA: Rule = error(
    "lying-metadata",
    "make the package again of the component that the tool chain built, with `lancet plugin pack`: other tools show what these sections say",
);
pub(crate) const NO_METADATA: Rule = warning(
    "no-metadata",
    "make the package with `lancet plugin pack`, which writes what other tools show of a component as well",
);
pub(crate) const NEVER_JUDGES: Rule = warning(
    "never-judges",
    "give fixtures (`--fixtures`): on all that was tried it returned an error, so that its judging was not tried",
);
pub(crate) const NEVER_PASSES: Rule = warning(
    "never-passes",
    "give a fixture that passes (`--fixtures`): without one it cannot be seen whether it passes what it must not",
);
pub(crate) const MALFORMED: Rule = error(
    "malformed-result",
    "keep to the rules for results: a reason code of its own, a score from 1 to 1000 in a pass and 0 when invalid, checks with names of their own, texts within their bounds",
);
pub(crate) const UNKNOWN_CHOICE: Rule = error(
    "unknown-choice",
    "choose an id of the task's proposals, or hand in `nothing` when there is none to choose",
);
pub(crate) const WRONG_KIND: Rule = warning(
    "wrong-kind",
    "look at the task's kind: a choice for `swe-manager`, a work tree for `ic-swe`, or the error `unsupported`",
);
pub(crate) const CONTROL: Rule = warning(
    "control",
    "do without `answer-key`, unless it is meant as a control: a run with it is no result",
);
pub(crate) const NEVER_ANSWERS: Rule = warning(
    "never-answers",
    "give a fixture in which it answers (`--fixtures`): on all that was tried it handed in nothing",
);
pub(crate) const SLOW: Rule = warning(
    "slow",
    "compute less, or state what it needs under `limits` in its manifest: it takes most of the fuel or memory that there is",
);
pub(crate) const UNTRIED: Rule = error(
    "untried",
    "compute less, or state what it needs under `limits` in its manifest, so that the rest can be tried",
);
pub(crate) const MODELS_UNTRIED: Rule = warning(
    "models-untried",
    "give fixtures with what models may answer, junk and failures too (`--fixtures`): no answers of them are made up",
);
pub(crate) const SETTINGS_UNTRIED: Rule = error(
    "settings-untried",
    "give its settings defaults, or a fixture with settings (`--fixtures`): no value that they take could be made up",
);
pub(crate) const FIXTURE_UNUSED: Rule =
    warning("fixture-unused", "mend the fixture: `lancet plugin test` says what is wrong with each");
pub(crate) const FIXTURES_LEFT_OUT: Rule = warning(
    "fixture-unused",
    "put those that differ most into a folder of their own, and name it with `--fixtures`",
);

/// What to change about a plugin that failed like that, and what kind of finding it is.
pub(crate) fn of_fault(kind: FaultKind) -> Rule {
    match kind {
        FaultKind::Trap => error(
            "traps",
            "return an error, a fail or no answer where it cannot go on: look for an `unwrap`, an index or a division that this input breaks",
        ),
        FaultKind::StackOverflow => error(
            "stack-overflow",
            "bound the depth of its recursion: what it reads may be nested as deep as it is long",
        ),
        FaultKind::OutOfFuel => error(
            "out-of-fuel",
            "bound what it computes by the size of what it is given; if it needs more fuel, say so under `limits` in its manifest",
        ),
        FaultKind::OutOfMemory => error(
            "out-of-memory",
            "read large things in parts and keep no copies; if it needs more memory, say so under `limits` in its manifest",
        ),
        FaultKind::Timeout | FaultKind::Hung => error(
            "timeout",
            "compute less, and do not wait: what the clock ends is another verdict each time",
        ),
        FaultKind::TooManyCalls => error(
            "too-many-calls",
            "bound its calls: at most 10,000 of them, and 32 MiB in all, are answered",
        ),
        FaultKind::CallTooLarge => {
            error("call-too-large", "hand over less at a time: one call carries at most 4 MiB")
        }
        FaultKind::TooManyHandles => {
            error("too-many-handles", "drop resources that it does not need any more")
        }
        FaultKind::Instantiation => {
            error("start-up", "do nothing at start-up, and declare fewer memories, tables and instances")
        }
        FaultKind::MalformedResult => MALFORMED,
        FaultKind::Error | FaultKind::Crash | FaultKind::JailViolation => error(
            "crash",
            "find out what it does there: its process was ended, or its bindings are not those of the contract",
        ),
    }
}

impl Findings {
    /// Adds a finding. The first of its kind is told; the others are counted.
    pub(crate) fn add(&mut self, rule: Rule, tried: impl Into<String>, seen: impl Into<String>) {
        self.tell(rule.severity, rule.code, tried.into(), seen.into(), rule.change.to_owned());
    }

    /// The same with what to change in words of its own: several of a kind are told.
    pub(crate) fn tell(
        &mut self,
        severity: Severity,
        code: &str,
        tried: String,
        mut seen: String,
        change: String,
    ) {
        let same = |found: &&mut PluginFinding| {
            (found.severity, found.code.as_str(), found.change.as_str()) == (severity, code, change.as_str())
        };
        if let Some(found) = self.0.iter_mut().find(same) {
            found.times += 1;
            return;
        }
        if seen.len() > MAX_SEEN_BYTES {
            seen.truncate(seen.floor_char_boundary(MAX_SEEN_BYTES));
            seen.push('…');
        }
        self.0.push(PluginFinding { severity, code: code.to_owned(), tried, seen, change, times: 1 });
    }

    /// How many there are of that severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// All of them, those to be mended first.
    pub(crate) fn into_sorted(mut self) -> Vec<PluginFinding> {
        self.0.sort_by_key(|finding| finding.severity);
        self.0
    }
}
