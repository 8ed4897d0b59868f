//! Whether the records of a run hold together.

use lancet_core::RunId;
use lancet_store::{Audit, Reader};

use crate::error::Error;
use crate::observer::{Notice, Observer};

/// A run whose records hold together. What is shown of it then follows from its journals,
/// whatever somebody has written into the rows. [`Notice::Unlisted`] is told of a run whose
/// attempts are listed nowhere.
///
/// # Errors
/// [`Error::Contradicted`] with all that does not hold together.
pub fn audited(reader: &Reader, run: &RunId, observer: &dyn Observer) -> Result<Audit, Error> {
    let audit = reader.audit(run)?;
    if !audit.differences.is_empty() {
        return Err(Error::Contradicted { run: run.clone(), differences: audit.differences });
    }
    if !audit.lists_attempts() {
        observer.notice(Notice::Unlisted { run });
    }
    Ok(audit)
}
