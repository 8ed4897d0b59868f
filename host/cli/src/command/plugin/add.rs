//! `lancet plugin add` and `lancet plugin outdated`.

use std::path::{Path, PathBuf};

use lancet_core::Role;
use lancet_registry::{BadReference, OutdatedPlugin, Reference, Registry};
use lancet_runner::Error;
use lancet_suite::Suite;
use lancet_trust::{Lock, Locked, Source};
use semver::Version;

use super::registry::{put, short_name, text};
use crate::arguments::FormatKind;
use crate::command::pulled::{Pulled, allowed, options, version_of};
use crate::command::sign::write;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::gate::{Gate, LOCK_FILE, suite_lock};
use crate::isolation::IsolationArguments;
use crate::output;
use crate::paths;
use crate::policy::InForce;
use crate::registry::{PluginAdd, PluginOutdated};
use crate::render::{Table, display_safe, left};
use crate::session::block_on;

/// Pulls a plugin to where plugins are kept, and locks it.
pub(super) fn add(arguments: &PluginAdd) -> Result<Exit, Failure> {
    let PluginAdd { reference, suite, policy } = arguments;
    let reference: Reference = reference.parse()?;
    // What is wrong with the suite is said before anything is asked of anybody.
    let opened = suite.as_deref().map(Suite::open).transpose()?;
    let InForce { policy, keys, folder } = policy.in_force()?;
    allowed(&policy, &reference)?;
    let mut pulled = Pulled::pull(&reference, &keys)?;
    let gate = Gate::unlocked(policy, keys, &IsolationArguments::default(), None);
    let locked = admitted(&gate, &pulled)?;
    let from = reference.tag().map_or_else(|| pulled.reference.to_string(), |_| undigested(&reference));
    let locked = Locked { from: Some(from), ..locked };
    let (path, lock_path, lock) = match (&opened, suite) {
        (Some(_), Some(folder)) => to_suite(folder, &pulled, locked)?,
        _ => to_own(folder, &pulled, locked)?,
    };
    pulled.goes_on()?;
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| Failure::file("make the folder", parent, &error))?;
    match opened {
        // Of a suite's graders the suite's own signature tells.
        Some(_) => write(&path, &pulled.named.component)?,
        None => put(&path, &pulled)?,
    }
    let text_of_lock = lock.to_text();
    // What cannot be read later is not written.
    Lock::parse(&lock_path.display().to_string(), &text_of_lock)?;
    let folder = lock_path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| Failure::file("make the folder", folder, &error))?;
    write(&lock_path, text_of_lock.as_bytes())?;
    pulled.done();
    let shown = |path: &Path| display_safe(&path.display().to_string()).into_owned();
    let mut told = format!("{}\n{}\nlocked   {}", shown(&path), text(&pulled), shown(&lock_path));
    if suite.is_some() {
        told.push_str(&format!(
            "\nA task uses it with `file = \"graders/{}.wasm\"` and `digest = \"{}\"` under `[grader]`. The suite is another \
             one now: sign it again.",
            short_name(&pulled),
            pulled.named.identity.digest
        ));
    }
    output::print(&told)?;
    Ok(Exit::Done)
}

/// A reference as a lock keeps it: by the tag that was asked for.
fn undigested(reference: &Reference) -> String {
    let text = reference.to_string();
    text.split_once('@').map_or(text.clone(), |(name, _)| name.to_owned())
}

/// The plugin as a lock has it, when the policy lets it in.
fn admitted(gate: &Gate, pulled: &Pulled) -> Result<Locked, Failure> {
    let what = format!("`{}`", pulled.reference);
    let Pulled { named, loader, inspection, .. } = pulled;
    if inspection.manifest.is_none() {
        return Err(Failure::new(
            Exit::Plugin,
            format!("{what} is no package: it has no name to be kept by"),
        )
        .hint("`lancet plugin pull` pulls it, and `lancet plugin lock` locks it by its file"));
    }
    let judged =
        gate.judge_from(Source::Registry, named, inspection.role, &|| loader.inspect(named), true)?;
    if let Some(line) = judged.decision.refusal() {
        let (policy, key, why) = (gate.policy().name().to_owned(), line.key.clone(), line.why.clone());
        return Err(Error::NotLetIn { what, policy, key, why }.into());
    }
    for line in judged.decision.warnings() {
        warn(&format!("{what}: {}", line.why));
    }
    judged.locked.ok_or_else(|| Failure::new(Exit::Host, "a plugin that was looked at is not known"))
}

type Places = (PathBuf, PathBuf, Lock);

/// Among the operator's plugins, and in the operator's lock.
fn to_own(folder: Option<PathBuf>, pulled: &Pulled, locked: Locked) -> Result<Places, Failure> {
    let folder = folder.ok_or_else(|| {
        Failure::usage("there is no folder for the lock: neither `XDG_CONFIG_HOME` nor `HOME` is set")
            .hint("it lies beside the policy: name one with `--policy FILE`, or in `LANCET_POLICY`")
    })?;
    let lock_path = folder.join(LOCK_FILE);
    let lock = Lock::read_own(&lock_path)?.unwrap_or_default();
    is_not_moved(&lock, &locked, &lock_path)?;
    let version = locked.version.as_deref().unwrap_or_default();
    let file = format!("{}-{version}.wasm", locked.name);
    Ok((paths::plugins()?.join(file), lock_path, lock.with([locked]))).inspect(|(path, ..)| {
        if lancet_file::read(path, lancet_registry::MAX_LAYER_BYTES)
            .is_ok_and(|found| found != pulled.named.component)
        {
            warn(&format!("`{}` was something else, and is replaced", path.display()));
        }
    })
}

/// Among the graders of a suite, and in its lock.
fn to_suite(folder: &Path, pulled: &Pulled, locked: Locked) -> Result<Places, Failure> {
    if pulled.inspection.role != Role::Grader {
        return Err(Failure::usage(format!("`{}` is an agent, and a suite holds graders", pulled.reference))
            .hint("leave `--suite` out: agents are the operator's"));
    }
    // Whose a suite's graders are, the suite's signature says, which is to be made anew.
    let locked = Locked { publisher: None, key: None, ..locked };
    let lock_path = folder.join(LOCK_FILE);
    let lock = suite_lock(&lock_path)?.unwrap_or_default();
    is_not_moved(&lock, &locked, &lock_path)?;
    let path = folder.join("graders").join(format!("{}.wasm", short_name(pulled)));
    if path.symlink_metadata().is_ok() {
        let found = lancet_runner::read(&path)?;
        let digest = lancet_core::Sha256::of(&found);
        let is_known = lock.plugins().any(|other| other.digest == digest && other.name == locked.name);
        if digest != locked.digest && !is_known {
            return Err(Failure::usage(format!(
                "`{}` is there already, and no other version of it that is locked",
                path.display()
            ))
            .hint("move it away; or `lancet plugin pull` this one under another name"));
        }
    }
    Ok((path, lock_path, lock.with([locked])))
}

/// Refuses other bytes under a version that is locked.
fn is_not_moved(lock: &Lock, locked: &Locked, path: &Path) -> Result<(), Failure> {
    let same = lock.plugins().find(|other| {
        (&other.name, other.world, &other.version) == (&locked.name, locked.world, &locked.version)
    });
    match same.filter(|same| same.digest != locked.digest) {
        None => Ok(()),
        Some(same) => {
            let version = locked.version.as_deref().unwrap_or_default();
            let message = format!(
                "`{}` has `{}` {version} as {}, and this is {}: a version stays what it is",
                path.display(),
                locked.name,
                same.digest,
                locked.digest
            );
            Err(Failure::new(Exit::Unverified, message)
                .hint("somebody moved it: ask its maker; if it is meant, take the entry out of the lock"))
        }
    }
}

/// Says of which plugins there are newer versions.
pub(super) fn outdated(arguments: &PluginOutdated) -> Result<Exit, Failure> {
    let PluginOutdated { suite, policy, format } = arguments;
    let InForce { policy, folder, .. } = policy.in_force()?;
    // A folder that is no suite has no plugins to look after.
    suite.as_deref().map(Suite::open).transpose()?;
    let path = suite.clone().or(folder).map(|folder| folder.join(LOCK_FILE)).unwrap_or_default();
    let lock = match suite {
        Some(_) => suite_lock(&path)?,
        None if path.as_os_str().is_empty() => None,
        None => Lock::read_own(&path)?,
    };
    let mut found = Vec::new();
    for locked in lock.unwrap_or_default().plugins() {
        let (Some(from), Some(version)) = (&locked.from, &locked.version) else { continue };
        let reference: Reference = from.parse().map_err(|error: BadReference| {
            let message = format!("the lock `{}`: `from` of `{}`: {error}", path.display(), locked.name);
            Failure::usage(message)
                .hint("mend that entry, or take its `from` out: it is not looked after then")
        })?;
        allowed(&policy, &reference)?;
        let registry = Registry::reader(&reference, &options())?;
        let tags = block_on(async { Ok(registry.tags().await?) })?;
        let newest = newest(version, &tags).map(|version| version.to_string());
        found.push(OutdatedPlugin {
            name: locked.name.clone(),
            version: version.clone(),
            newest,
            from: from.clone(),
        });
    }
    let mut table = Table::new([left("plugin"), left("locked"), left("newest"), left("from").at_most(120)]);
    for one in &found {
        let newest = one.newest.clone().unwrap_or_else(|| "-".to_owned());
        table.row([one.name.clone(), one.version.clone(), newest, one.from.clone()]);
    }
    match (format.kind, found.is_empty()) {
        (FormatKind::Table, true) => output::print("no plugin that is locked was pulled of a registry")?,
        (kind, _) => output::print_table(kind, &table, &found)?,
    }
    Ok(Exit::Done)
}

/// The newest of those tags that are versions, when it is newer. A version before another is for
/// those who have such a one.
fn newest(locked: &str, tags: &[String]) -> Option<Version> {
    let locked = Version::parse(locked).ok()?;
    let versions = tags.iter().filter_map(|tag| version_of(tag));
    let newest = versions.filter(|version| version.pre.is_empty() || !locked.pre.is_empty()).max()?;
    (newest > locked).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_versions() {
        let newest = |locked: &str, tags: &[&str]| {
            let tags: Vec<_> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            newest(locked, &tags).map(|version| version.to_string())
        };
        assert_eq!(
            newest("1.2.0", &["1.10.0", "1.9.0", "latest", "2", "sha256-00"]).as_deref(),
            Some("1.10.0")
        );
        assert_eq!(newest("1.2.0", &["1.2.0", "1.1.0", "2.0.0-rc.1"]), None);
        assert_eq!(newest("2.0.0-rc.1", &["2.0.0-rc.2", "1.0.0"]).as_deref(), Some("2.0.0-rc.2"));
        assert_eq!(newest("1.0.0", &["1.0.0_two", "1.1.0_one"]).as_deref(), Some("1.1.0+one"));
        assert_eq!(newest("no version", &["1.0.0"]), None);
    }
}
