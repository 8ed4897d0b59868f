//! `lancet suite push` and `lancet suite pull`.

use std::path::{Path, PathBuf};

use lancet_registry::{
    ArchiveError, Config, MAX_MANIFEST_BYTES, Reference, pack, pull as pull_layer, pushed_suite, unpack,
};
use lancet_suite::Suite;

use crate::command::pulled::{allowed, best, is_revoked, looked, told};
use crate::command::pushed::{Pushed, own_signature, push as push_with};
use crate::command::sign::write;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::signer_of_suite;
use crate::output;
use crate::paths;
use crate::policy::{InForce, PolicyArgument};
use crate::registry::{SuitePull, SuitePush, can_be_written};
use crate::render::{display_safe, numbered};
use crate::session::{Signals, block_on};

/// Pushes a suite, and its signature.
pub(super) fn push(arguments: &SuitePush) -> Result<Exit, Failure> {
    let SuitePush { suite: folder, reference } = arguments;
    let reference: Reference = reference.parse()?;
    let suite = Suite::open(folder)?;
    let keys = PolicyArgument::default().in_force()?.keys;
    let bundle = own_signature(folder, &signer_of_suite(&keys, &suite))?;
    let archive = pack(folder).map_err(|error| not_packed(folder, &error))?;
    let (name, tasks, digest) = (suite.name(), suite.tasks().len(), suite.digest());
    let prepared = pushed_suite(&archive, name, tasks, digest).map_err(|why| {
        Failure::usage(format!("`{}`: {why}", folder.display())).hint("split it into several suites")
    })?;
    let Pushed { reference, key } = push_with(&prepared, &reference, bundle.as_deref())?;
    output::print(&format!(
        "{reference}\npushed  {}, {}\ndigest  {digest}\nkey     {key}",
        display_safe(name),
        numbered(tasks, "task")
    ))?;
    Ok(Exit::Done)
}

fn not_packed(folder: &Path, error: &ArchiveError) -> Failure {
    let exit = if matches!(error, ArchiveError::Io { .. }) { Exit::Host } else { Exit::Suite };
    Failure::new(exit, format!("`{}` cannot be packed: {error}", folder.display()))
        .hint("a suite has files and folders, 64 MiB in all; `lancet suite check` says more")
}

/// Pulls a suite into a new folder, which appears whole or not at all, and its signature beside it.
pub(super) fn pull(arguments: &SuitePull) -> Result<Exit, Failure> {
    let SuitePull { reference, folder, policy } = arguments;
    let reference: Reference = reference.parse()?;
    let InForce { policy, keys, .. } = policy.in_force()?;
    allowed(&policy, &reference)?;
    let short = reference.repository().rsplit('/').next().unwrap_or_default();
    let target = folder.clone().unwrap_or_else(|| PathBuf::from(short));
    let signature = paths::signature(&target)?;
    let taken = |path: &Path| {
        Failure::usage(format!("`{}` is there already, expected nothing", path.display()))
            .hint("name a new folder, as in `lancet suite pull REF FOLDER`")
    };
    if target.symlink_metadata().is_ok() {
        return Err(taken(&target));
    }
    // That of the same suite a process left that was killed before the folder was in its place.
    let left = match signature.symlink_metadata() {
        Ok(_) => Some(lancet_file::read(&signature, MAX_MANIFEST_BYTES).map_err(|_| taken(&signature))?),
        Err(_) => None,
    };
    can_be_written(&target)?;
    let (registry, artifact, found) = looked(&reference)?;
    let Config::Suite(config) = &artifact.config else {
        return Err(Failure::usage(format!("`{reference}` is a plugin, expected a suite"))
            .hint("`lancet plugin pull` pulls it"));
    };
    let archive = block_on(async { Ok(pull_layer(&registry, &artifact).await?) })?;
    let lies = |why: String| {
        Failure::new(Exit::Unverified, format!("`{reference}`: {why}"))
            .hint("it is not what it says: take nothing from whoever pushed it")
    };
    // From here on there is something to remove.
    let signals = Signals::listen();
    let stopped = || {
        Failure::new(Exit::Interrupted, format!("`{reference}`: it was stopped, and nothing of it is left"))
    };
    let unpacked = unpack(&archive, &target, &|| signals.have_come()).map_err(|error| match error {
        ArchiveError::Stopped => stopped(),
        ArchiveError::Io { .. } => {
            Failure::new(Exit::Host, error.to_string()).hint("look at the folder that it goes to")
        }
        error => lies(format!("its archive is refused: {error}")),
    })?;
    drop(archive);
    let suite = Suite::open(unpacked.path())?;
    for (what, found, said) in [
        ("digest", suite.digest().to_string(), config.digest.to_string()),
        ("name", suite.name().to_owned(), config.name.clone()),
        ("number of tasks", suite.tasks().len().to_string(), config.tasks.to_string()),
    ] {
        if found != said {
            return Err(lies(format!("the suite's {what} is `{found}`, and its config says `{said}`")));
        }
    }
    let (signed, bundle) = best(unpacked.path(), found.bundles, |_| signer_of_suite(&keys, &suite))?;
    is_revoked(&keys, &reference, &signed, suite.digest())?;
    let (name, tasks, digest) = (suite.name().to_owned(), suite.tasks().len(), suite.digest());
    drop(suite);
    if left.as_ref().is_some_and(|left| bundle.as_ref() != Some(left)) {
        return Err(taken(&signature));
    }
    if signals.have_come() {
        return Err(stopped());
    }
    if let Some(bundle) = &bundle {
        write(&signature, bundle)?;
    }
    unpacked.keep().map_err(|error| {
        // Without its folder a signature is of nothing.
        let _ = std::fs::remove_file(&signature);
        Failure::new(Exit::Host, error.to_string()).hint("name a new folder")
    })?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signals);
    output::print(&format!(
        "{}\npulled  {}\nsuite   {}, {}\ndigest  {digest}\nkey     {}",
        display_safe(&target.display().to_string()),
        reference.pinned(artifact.digest),
        display_safe(&name),
        numbered(tasks, "task"),
        told(&signed)
    ))?;
    Ok(Exit::Done)
}
