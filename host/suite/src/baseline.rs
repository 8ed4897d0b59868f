use lancet_core::{Baseline, Baselines, Cents, Expectation, Kind, Ratio, RatioSum};

use crate::format::ManagerAnswerKey;
use crate::problem::SuiteError;
use crate::suite::SuiteTask;

/// What trivial policies get on the manager tasks among `tasks`, one attempt at
/// each; `None` when there are none.
///
/// A choice is right when its id is the answer key's: where a task uses an id
/// twice, so is either of its proposals. The length of a proposal is its number
/// of Unicode scalar values, and of several longest the first counts. The random
/// policy's figures are exact sums of fractions.
///
/// # Errors
/// When a manager task has an answer key that is no [`ManagerAnswerKey`], which
/// only one with a grader of its own can have.
pub fn baselines<'a>(
    tasks: impl IntoIterator<Item = &'a SuiteTask>,
) -> Result<Option<Baselines>, SuiteError> {
    let [mut first, mut last, mut longest] = [Baseline::default(); 3];
    let [mut random_pass, mut random_cents] = [RatioSum::default(), RatioSum::default()];
    let (mut count, mut available) = (0, Cents::ZERO);
    for task in tasks {
        let public = &task.public;
        if public.kind != Kind::SweManager {
            continue;
        }
        let key = task.answer_key.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let key: ManagerAnswerKey = key.ok_or_else(|| SuiteError::NoAnswer(public.id.to_string()))?;
        let price = public.price;
        count += 1;
        available += price;

        let proposals = &public.proposals;
        // `rev`, because of several greatest `max_by_key` takes the last.
        let by_length = proposals.iter().rev().max_by_key(|p| p.text.chars().count());
        for (baseline, choice) in
            [(&mut first, proposals.first()), (&mut last, proposals.last()), (&mut longest, by_length)]
        {
            if choice.is_some_and(|p| p.id == key.correct) {
                baseline.pass += 1;
                baseline.earned_cents += price;
            }
        }
        let right = proposals.iter().filter(|p| p.id == key.correct).count() as u64;
        let denominator = proposals.len() as u64;
        random_pass.add(Ratio { numerator: right, denominator });
        random_cents.add(Ratio { numerator: right * price.0, denominator });
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
