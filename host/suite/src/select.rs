//! Choosing tasks by kind and by patterns of ids.

use globset::GlobBuilder;
use lancet_core::Kind;

use crate::problem::SuiteError;
use crate::suite::{Suite, SuiteTask};

/// The most ids that are suggested for a pattern.
const MAX_SUGGESTIONS: usize = 3;

/// The tasks of one kind, or of both, whose id matches at least one of the
/// patterns, or all when there are no patterns; sorted by id.
///
/// In a pattern, `*` stands for any characters, `?` for one, `[ab]` for one of
/// several, and `{a,b}` for either; it is compared with the whole id.
///
/// # Errors
/// When a pattern cannot be read, and when one matches no task of that kind:
/// then with the nearest ids.
pub fn select<'s>(
    suite: &'s Suite,
    kind: Option<Kind>,
    globs: &[String],
) -> Result<Vec<&'s SuiteTask>, SuiteError> {
    let candidates: Vec<_> =
        suite.tasks().iter().filter(|task| kind.is_none_or(|kind| task.public.kind == kind)).collect();
    if globs.is_empty() {
        return Ok(candidates);
    }
    let mut chosen = vec![false; candidates.len()];
    for pattern in globs {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| {
            SuiteError::Pattern { pattern: pattern.clone(), message: error.kind().to_string() }
        })?;
        let matcher = glob.compile_matcher();
        let mut matched = false;
        for (chosen, task) in chosen.iter_mut().zip(&candidates) {
            if matcher.is_match(task.public.id.as_str()) {
                *chosen = true;
                matched = true;
            }
        }
        if !matched {
            let near = nearest_ids(pattern, &candidates);
            return Err(SuiteError::NoMatch { pattern: pattern.clone(), of_kind: kind, near });
        }
    }
    Ok(candidates.into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(task, _)| task).collect())
}

fn nearest_ids(pattern: &str, tasks: &[&SuiteTask]) -> Vec<String> {
    let plain = pattern.replace(['*', '?'], "");
    let mut near: Vec<_> = tasks
        .iter()
        .map(|task| task.public.id.as_str())
        .map(|id| {
            let similarity = strsim::jaro_winkler(&plain.to_lowercase(), &id.to_lowercase());
            (similarity, id)
        })
        .filter(|(similarity, _)| *similarity > 0.75)
        .collect();
    near.sort_by(|(a, x), (b, y)| b.total_cmp(a).then(x.cmp(y)));
    near.into_iter().take(MAX_SUGGESTIONS).map(|(_, id)| id.to_owned()).collect()
}
