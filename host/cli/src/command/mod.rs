//! What each command does: one file per command.

mod artifact;
pub(crate) mod attest;
mod attested;
pub(crate) mod completions;
pub(crate) mod controls;
pub(crate) mod cosign;
pub(crate) mod doctor;
pub(crate) mod export;
mod exported;
pub(crate) mod grade;
mod heads;
mod jail;
pub(crate) mod key;
mod lock;
pub(crate) mod log;
pub(crate) mod pin;
pub(crate) mod plugin;
pub(crate) mod policy;
mod pulled;
mod pushed;
mod quotas;
pub(crate) mod regrade;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod suite;
mod verdict;
pub(crate) mod verify;

use std::path::PathBuf;

use lancet_core::AttemptId;
use lancet_store::Store;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::paths;
use crate::session::threads;

/// The store's folder, as the operator or the system has it.
fn store_folder(global: &Global) -> Result<PathBuf, Failure> {
    match &global.store {
        Some(folder) => Ok(folder.clone()),
        None => paths::store(),
    }
}

/// The store, made when it is not there yet.
fn open_store(global: &Global) -> Result<Store, Failure> {
    threads()?;
    Ok(Store::open(&store_folder(global)?)?)
}

/// The store, which has to be there.
fn existing_store(global: &Global) -> Result<Store, Failure> {
    let folder = store_folder(global)?;
    threads()?;
    Ok(Store::open_existing(&folder)?)
}

/// The attempt that a text names: `RUN/TASK/NUMBER`, where `RUN` may be anything
/// that names a run. `None` when it has no `/`, and so names a run.
async fn attempt_named(store: &Store, text: &str) -> Result<Option<AttemptId>, Failure> {
    let Some((run, rest)) = text.split_once('/') else { return Ok(None) };
    let run = store.resolve_run(run).await?;
    let attempt = format!("{run}/{rest}").parse().map_err(|e: lancet_core::ParseRunIdError| {
        Failure::usage(e.to_string()).hint("`lancet show RUN` lists the attempts of a run")
    })?;
    Ok(Some(attempt))
}
