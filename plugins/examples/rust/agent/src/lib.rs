//! Chooses the proposal with the most different words, by lot among equals.

use std::collections::BTreeSet;

use lancet_sdk::{Agent, Answer, Proposal, SolveError, Task, TaskKind, log, random};

struct MyAgent;

impl Agent for MyAgent {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if task.kind != TaskKind::SweManager {
            return Err(SolveError::Unsupported("this agent chooses among proposals".into()));
        }
        let best = richest(&task.proposals);
        if best.is_empty() {
            return Ok(Answer::Nothing);
        }
        let drawn = usize::try_from(random::below(best.len() as u64)).unwrap_or_default();
        let chosen = best[drawn];
        log::info("chosen", &[("id", &chosen.to_string())]);
        Ok(Answer::Choice(chosen))
    }
}

/// The ids of the proposals with the most different words.
fn richest(proposals: &[Proposal]) -> Vec<u32> {
    let words = |proposal: &Proposal| {
        proposal.text.to_lowercase().split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>().len()
    };
    let most = proposals.iter().map(words).max().unwrap_or_default();
    proposals.iter().filter(|proposal| words(proposal) == most).map(|proposal| proposal.id).collect()
}

lancet_sdk::export_agent!(MyAgent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proposals_with_the_most_different_words_are_found() {
        let texts = ["a a a a", "a b", "b", "B a"];
        let proposals: Vec<_> =
            texts.into_iter().zip(0..).map(|(text, id)| Proposal { id, text: text.to_owned() }).collect();
        assert_eq!(richest(&proposals), [1, 3]);
        assert!(richest(&[]).is_empty());
    }
}
