//! What trivial policies get on a suite's manager tasks.

use lancet_core::{Baseline, Baselines, Cents, Expectation, Kind, Ratio, RatioSum};

use crate::problem::SuiteError;
use crate::suite::SuiteTask;

/// What trivial policies get on the manager tasks among `tasks`, one attempt at
/// each; `None` when there are none. Those that [`without_baseline`] counts are left
/// out.
///
/// A choice is right when its id is the answer key's: where a task uses an id
/// twice, so is either of its proposals. The length of a proposal is its number
/// of Unicode scalar values, and of several longest the first counts. The random
/// policy's figures are exact sums of fractions.
///
/// # Errors
/// When a manager task that a built-in grader judges has no answer key that can be
/// read, which no suite that was loaded has.
pub fn baselines<'a>(
    tasks: impl IntoIterator<Item = &'a SuiteTask>,
) -> Result<Option<Baselines>, SuiteError> {
    let [mut first, mut last, mut longest] = [Baseline::default(); 3];
    let [mut random_pass, mut random_cents] = [RatioSum::default(), RatioSum::default()];
    let (mut count, mut available) = (0, Cents::ZERO);
    for task in tasks {
        let public = &task.public;
        if public.kind != Kind::SweManager || task.has_key_of_its_own() {
            continue;
        }
        let right = task.right_choice().ok_or_else(|| SuiteError::NoAnswer(public.id.to_string()))?;
        let price = public.price;
        count += 1;
        available += price;

        let proposals = &public.proposals;
        // `rev`, because of several greatest `max_by_key` takes the last.
        let by_length = proposals.iter().rev().max_by_key(|p| p.text.chars().count());
        for (baseline, choice) in
            [(&mut first, proposals.first()), (&mut last, proposals.last()), (&mut longest, by_length)]
        {
            if choice.is_some_and(|p| p.id == right) {
                baseline.pass += 1;
                baseline.earned_cents += price;
            }
        }
        let numerator = proposals.iter().filter(|p| p.id == right).count() as u64;
        let denominator = proposals.len() as u64;
        random_pass.add(Ratio { numerator, denominator });
        random_cents.add(Ratio { numerator: numerator * price.0, denominator });
    }
    Ok((count > 0).then(|| Baselines {
        first,
        last,
        longest,
        random: Expectation { pass: random_pass.value(), earned_cents: random_cents.value() },
        tasks: count,
        available_cents: available,
    }))
}

/// How many of the manager tasks among `tasks` no baseline counts, because only their
/// own grader can read their answer keys: see [`SuiteTask::has_key_of_its_own`].
pub fn without_baseline<'a>(tasks: impl IntoIterator<Item = &'a SuiteTask>) -> u64 {
    tasks.into_iter().filter(|task| task.has_key_of_its_own()).count() as u64
}
