//! Who decides which plugins are let in: whoever embeds the runner, by what it knows of them.

use lancet_core::{Role, RunTrust};
use lancet_engine::Inspection;

use crate::catalog::Named;
use crate::error::Error;

/// Reads what a plugin is and what it imports, in a limited process if a stranger wrote it.
pub type Inspect<'a> = &'a dyn Fn() -> Result<Inspection, Error>;

/// Decides which plugins are let in. It is asked for each before anything of it is compiled, and
/// may be asked for the same one several times.
pub trait Gate: Send + Sync {
    /// Whether a plugin may be used in that role.
    ///
    /// # Errors
    /// [`Error::NotLetIn`] when it may not.
    fn admit(&self, named: &Named, role: Role, inspect: Inspect<'_>) -> Result<(), Error>;

    /// What is to be recorded of why those were let in that it was asked for.
    fn trust(&self) -> Option<RunTrust>;
}
