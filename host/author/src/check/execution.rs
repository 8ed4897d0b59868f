//! Executes a plugin on inputs, as many at a time as asked for, and keeps what can be compared.

use std::sync::Arc;

use lancet_core::{Answer, Limits, Request, Role, SolveEnd, Task, Verdict};
use lancet_engine::{Behind, Call, EngineError, Outside, Plugin};
use tokio::task::JoinSet;

/// Something that a plugin is tried on.
pub(crate) trait Input: Send + Sync + 'static {
    /// What is tried, in words.
    fn tried(&self) -> &str;
    /// The task.
    fn task(&self) -> &Task;
    /// What was handed in, for a grader.
    fn answer(&self) -> Answer;
    /// What the random numbers start from.
    fn seed(&self) -> [u8; 32];
    /// What answers its calls, anew for each execution.
    fn outside(&self) -> Arc<dyn Outside>;
}

/// How a call came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Judged(Verdict),
    Solved(SolveEnd),
}

/// A call of a plugin, over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) end: End,
    pub(crate) requests: Vec<Request>,
    pub(crate) fuel: Option<u64>,
}

/// What a call took, which is not compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    pub(crate) memory: u64,
}

/// What of an execution is other than it was meant to be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions {
    /// Another start of the random numbers.
    pub(crate) other_seed: bool,
}

/// Executes a plugin on all inputs, `jobs` at a time, in their order.
pub(crate) async fn execute<I: Input>(
    plugin: &Plugin,
    limits: &Limits,
    inputs: &[Arc<I>],
    jobs: usize,
    conditions: Conditions,
) -> Result<Vec<(Seen, Took)>, EngineError> {
    let mut found: Vec<Option<(Seen, Took)>> = inputs.iter().map(|_| None).collect();
    let mut waiting = inputs.iter().cloned().enumerate();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < jobs {
            let Some((index, input)) = waiting.next() else { break };
            let (plugin, limits) = (plugin.clone(), limits.clone());
            under_way.spawn(async move {
                let seen = one(&plugin, &limits, &*input, conditions).await?;
                Ok::<_, EngineError>((index, seen))
            });
        }
        match under_way.join_next().await {
            None => break,
            Some(Ok(done)) => {
                let (index, seen) = done?;
                found[index] = Some(seen);
            }
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody ends these tasks but the one that waits for them.
                Err(_) => break,
            },
        }
    }
    Ok(found.into_iter().flatten().collect())
}

async fn one(
    plugin: &Plugin,
    limits: &Limits,
    input: &impl Input,
    conditions: Conditions,
) -> Result<(Seen, Took), EngineError> {
    let mut seed = input.seed();
    if conditions.other_seed {
        seed.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let behind = Behind::Live(input.outside());
    let call = Call { task: input.task(), limits, seed, behind, journal: None };
    let (end, calls, fuel, memory) = match plugin.role() {
        Role::Grader => {
            let output = plugin.grade(call, &input.answer()).await?;
            (End::Judged(output.verdict), output.calls, output.fuel_used, output.memory)
        }
        Role::Agent => {
            let output = plugin.solve(call).await?;
            (End::Solved(output.end), output.calls, output.fuel_used, output.memory)
        }
    };
    let requests = calls.into_iter().map(|call| call.request).collect();
    Ok((Seen { end, requests, fuel }, Took { memory: memory.unwrap_or_default() }))
}

impl Seen {
    /// How the call ended, in words.
    pub(crate) fn words(&self) -> String {
        match &self.end {
            End::Judged(verdict) if verdict.explanation.is_empty() => crate::trial::judged(verdict),
            End::Judged(verdict) => format!("{}: {}", crate::trial::judged(verdict), verdict.explanation),
            End::Solved(end) => {
                let said = crate::trial::said(end);
                let colon = if said.is_empty() { "" } else { ": " };
                format!("{}{colon}{said}", crate::trial::ended(end))
            }
        }
    }

    /// In what it differs from another execution, if it does.
    pub(crate) fn difference(&self, other: &Self, with_fuel: bool) -> Option<String> {
        if self.end != other.end {
            return Some(format!("once `{}`, and then `{}`", self.words(), other.words()));
        }
        let most = self.requests.len().max(other.requests.len());
        for index in 0..most {
            let (one, then) = (self.requests.get(index), other.requests.get(index));
            if one != then {
                let name =
                    |request: Option<&Request>| request.map_or("no call".to_owned(), ToString::to_string);
                return Some(format!("call {index} was once `{}`, and then `{}`", name(one), name(then)));
            }
        }
        if with_fuel && self.fuel != other.fuel {
            let name = |fuel: Option<u64>| fuel.map_or("unknown".to_owned(), |fuel| fuel.to_string());
            return Some(format!("it used fuel {} once, and then {}", name(self.fuel), name(other.fuel)));
        }
        None
    }
}
