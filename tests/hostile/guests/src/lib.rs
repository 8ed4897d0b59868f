//! What the guests of `examples/` have in common: most of them misbehave on tasks
//! whose id contains `evil`, and are ordinary plugins otherwise, so that one run
//! shows the neighbours of a misbehaving attempt.

use lancet_sdk::{Answer, Check, Outcome, Task, Verdict};

/// Whether it is time to misbehave.
#[must_use]
pub fn is_evil(task: &Task) -> bool {
    task.id.contains("evil")
}

/// The answer of an ordinary agent: the first proposal.
#[must_use]
pub fn ordinary_answer(task: &Task) -> Answer {
    task.proposals.first().map_or(Answer::Nothing, |p| Answer::Choice(p.id))
}

/// The verdict of an ordinary grader.
#[must_use]
pub fn ordinary_verdict() -> Verdict {
    verdict(Vec::new(), String::new())
}

/// A fail with these checks and this explanation.
#[must_use]
pub fn verdict(checks: Vec<Check>, explanation: String) -> Verdict {
    Verdict { outcome: Outcome::Fail, reason: "ordinary".into(), score: 0, checks, explanation }
}

/// A check of that name.
#[must_use]
pub fn check(name: String, detail: String) -> Check {
    Check { name, passed: false, detail }
}

/// Computes for about a quarter of a second, and for a third of the fuel that there is; a
/// tenth of that for a task whose id says `short`.
pub fn compute(task: &Task) {
    let steps = if task.id.contains("short") { 2_000_000_u64 } else { 20_000_000 };
    let divisor = std::hint::black_box(0x9e37_79b9_7f4a_7c15_u64);
    let mut state = 1_u64;
    for step in 0..steps {
        state = (state ^ step).rotate_left(23).wrapping_mul(0x2545_f491_4f6c_dd1d) % divisor;
    }
    std::hint::black_box(state);
}
