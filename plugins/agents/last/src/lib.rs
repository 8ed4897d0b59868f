//! The agent `last`: always the last proposal. A baseline.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, Proposal, SolveError, Task, TaskKind};

struct Last;

impl Agent for Last {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match task.kind {
            TaskKind::SweManager => Ok(choose(&task.proposals)),
            TaskKind::IcSwe => Err(SolveError::Unsupported("`last` only chooses among proposals".into())),
        }
    }
}

lancet_sdk::export_agent!(Last);

fn choose(proposals: &[Proposal]) -> Answer {
    proposals.last().map_or(Answer::Nothing, |p| Answer::Choice(p.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_in_the_order_of_the_suite() {
        let proposals = [5, 2].map(|id| Proposal { id, text: String::new() });
        assert_eq!(choose(&proposals), Answer::Choice(2));
        assert_eq!(choose(&[]), Answer::Nothing);
    }
}
