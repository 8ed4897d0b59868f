//! The agent `first`: always the first proposal. A baseline.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, Proposal, SolveError, Task, TaskKind};

struct First;

impl Agent for First {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match task.kind {
            TaskKind::SweManager => Ok(choose(&task.proposals)),
            TaskKind::IcSwe => Err(SolveError::Unsupported("`first` only chooses among proposals".into())),
        }
    }
}

lancet_sdk::export_agent!(First);

fn choose(proposals: &[Proposal]) -> Answer {
    proposals.first().map_or(Answer::Nothing, |p| Answer::Choice(p.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_in_the_order_of_the_suite() {
        let proposals = [5, 2].map(|id| Proposal { id, text: String::new() });
        assert_eq!(choose(&proposals), Answer::Choice(5));
        assert_eq!(choose(&[]), Answer::Nothing);
    }
}
