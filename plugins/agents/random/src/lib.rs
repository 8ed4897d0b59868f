//! The agent `random`: any proposal, each as likely. A baseline.
//!
//! The numbers come from the host and derive from the run's seed and the task's
//! id, so a run can be repeated.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, Proposal, SolveError, Task, TaskKind, random};

struct Random;

impl Agent for Random {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match task.kind {
            TaskKind::SweManager => Ok(choose(&task.proposals, random::below)),
            TaskKind::IcSwe => Err(SolveError::Unsupported("`random` only chooses among proposals".into())),
        }
    }
}

lancet_sdk::export_agent!(Random);

/// `below` draws a number below its argument, and is not asked when there is
/// nothing to choose from.
fn choose(proposals: &[Proposal], below: impl FnOnce(u64) -> u64) -> Answer {
    if proposals.is_empty() {
        return Answer::Nothing;
    }
    let index = usize::try_from(below(proposals.len() as u64)).unwrap_or(usize::MAX);
    proposals.get(index).map_or(Answer::Nothing, |p| Answer::Choice(p.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_drawn_is_a_position() {
        let proposals = [5, 2, 9].map(|id| Proposal { id, text: String::new() });
        let drawn = choose(&proposals, |bound| {
            assert_eq!(bound, 3);
            1
        });
        assert_eq!(drawn, Answer::Choice(2));
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        assert_eq!(choose(&[], |_| unreachable!()), Answer::Nothing);
    }
}
