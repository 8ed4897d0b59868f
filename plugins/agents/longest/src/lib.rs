//! The agent `longest`: the proposal with the most characters. A baseline, and
//! a good one: whoever writes more often has thought more.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use lancet_sdk::{Agent, Answer, Proposal, SolveError, Task, TaskKind};

struct Longest;

impl Agent for Longest {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match task.kind {
            TaskKind::SweManager => Ok(choose(&task.proposals)),
            TaskKind::IcSwe => Err(SolveError::Unsupported("`longest` only chooses among proposals".into())),
        }
    }
}

lancet_sdk::export_agent!(Longest);

/// Characters are Unicode scalar values, as Python's `len` counts them; of
/// several proposals of that length the first is chosen.
fn choose(proposals: &[Proposal]) -> Answer {
    // `min_by_key` keeps the first of equal ones, `max_by_key` the last.
    let longest = proposals.iter().min_by_key(|p| Reverse(p.text.chars().count()));
    longest.map_or(Answer::Nothing, |p| Answer::Choice(p.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposals(texts: &[&str]) -> Vec<Proposal> {
        (1..).zip(texts).map(|(id, text)| Proposal { id, text: (*text).into() }).collect()
    }

    #[test]
    fn characters_count_and_not_bytes() {
        assert_eq!(choose(&proposals(&["éé", "abc", "ab"])), Answer::Choice(2));
    }

    #[test]
    fn the_first_of_equally_long_ones() {
        assert_eq!(choose(&proposals(&["a", "bc", "de"])), Answer::Choice(2));
        assert_eq!(choose(&proposals(&["", ""])), Answer::Choice(1));
    }

    #[test]
    fn nothing_to_choose_from() {
        assert_eq!(choose(&[]), Answer::Nothing);
    }
}
