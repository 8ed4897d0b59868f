use lancet_core::{Difference, RunId};
use lancet_store::{Audit, Reader};

use crate::exit::Exit;
use crate::failure::{Failure, warn};

/// The most differences of a run that are listed.
const MAX_LISTED: usize = 200;

/// A run whose records hold together. What is shown of it then follows from its
/// journals, whatever somebody has written into the rows.
pub(crate) fn audited(reader: &Reader, run: &RunId) -> Result<Audit, Failure> {
    let audit = reader.audit(run)?;
    match contradicted(run, audit.differences.iter()) {
        Some(failure) => Err(failure),
        None => {
            if !audit.lists_attempts() {
                warn(&unlisted(run));
            }
            Ok(audit)
        }
    }
}

/// What is said of a run that was made before runs listed their attempts.
pub(crate) fn unlisted(run: &RunId) -> String {
    format!("run {run} was made before runs listed their attempts: whether one is missing is not checked")
}

/// The differences as an error, when there are any.
pub(crate) fn contradicted<'a>(
    run: &RunId,
    differences: impl Iterator<Item = &'a Difference>,
) -> Option<Failure> {
    let differences: Vec<_> = differences.collect();
    if differences.is_empty() {
        return None;
    }
    let mut message = format!("the records of run {run} contradict one another:");
    for difference in differences.iter().take(MAX_LISTED) {
        message.push_str(&format!("\n  {difference}"));
    }
    if differences.len() > MAX_LISTED {
        message
            .push_str(&format!("\n  and {} more; `lancet doctor` lists all", differences.len() - MAX_LISTED));
    }
    let hint = "something other than Lancet has changed the store: restore it from a backup";
    Some(Failure::new(Exit::Store, message).hint(hint))
}
