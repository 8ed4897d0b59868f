//! `lancet plugin add` and `lancet plugin outdated`.

use std::path::{Path, PathBuf};

use lancet_core::Role;
use lancet_registry::{BadReference, OutdatedPlugin, Reference, Registry};
use lancet_runner::Error;
use lancet_suite::Suite;
use lancet_trust::{Finding, Lock, Locked, Policy, Source};
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
        (Some(_), Some(folder)) => to_suite(folder, (&pulled, &reference), locked)?,
        _ => to_own(folder, (&pulled, &reference), locked)?,
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
fn to_own(
    folder: Option<PathBuf>,
    (pulled, reference): (&Pulled, &Reference),
    locked: Locked,
) -> Result<Places, Failure> {
    let folder = folder.ok_or_else(|| {
        Failure::usage(paths::no_folder("the lock", "XDG_CONFIG_HOME"))
            .hint("it lies beside the policy: name one with `--policy FILE`, or in `LANCET_POLICY`")
    })?;
    let lock_path = folder.join(LOCK_FILE);
    let lock = Lock::read_own(&lock_path)?.unwrap_or_default();
    is_not_moved(&lock, &locked, (pulled, reference), &lock_path)?;
    let path = free_place(&paths::plugins()?, pulled, &locked)?;
    Ok((path, lock_path, lock.with([locked])))
}

/// Where a plugin goes among the operator's: to `NAME-VERSION.wasm`, or under a name with its digest where
/// something else lies there. Some lock may pin that, and not only the one that is written now.
fn free_place(plugins: &Path, pulled: &Pulled, locked: &Locked) -> Result<PathBuf, Failure> {
    let stem = format!("{}-{}", locked.name, locked.version.as_deref().unwrap_or_default());
    let plain = plugins.join(format!("{stem}.wasm"));
    if replaces_nothing(&plain, pulled)? {
        return Ok(plain);
    }
    let own = plugins.join(format!("{stem}-{}.wasm", locked.digest.short()));
    if !replaces_nothing(&own, pulled)? {
        let message = format!(
            "`{}` and `{}` are there already, and are something else or signed otherwise",
            plain.display(),
            own.display()
        );
        return Err(Failure::usage(message).hint(
            "a lock may pin them: move one of them away, with its `.sigstore.json`, that nobody uses any more",
        ));
    }
    warn(&format!(
        "`{}` is something else or signed otherwise, and stays: a lock may pin it. This one is `{}`",
        plain.display(),
        own.display()
    ));
    Ok(own)
}

/// Whether nothing is lost when a plugin is put there: nothing lies there, or the same with the same
/// signature, or the same without any.
fn replaces_nothing(path: &Path, pulled: &Pulled) -> Result<bool, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(true);
    }
    let signature = paths::signature(path)?;
    let is_same = lancet_file::read(path, lancet_registry::MAX_LAYER_BYTES)
        .is_ok_and(|found| found == pulled.named.component);
    Ok(is_same && lancet_file::read(&signature, lancet_registry::MAX_MANIFEST_BYTES).ok() == pulled.bundle)
}

/// Among the graders of a suite, and in its lock.
fn to_suite(
    folder: &Path,
    (pulled, reference): (&Pulled, &Reference),
    locked: Locked,
) -> Result<Places, Failure> {
    if pulled.inspection.role != Role::Grader {
        return Err(Failure::usage(format!("`{}` is an agent, and a suite holds graders", pulled.reference))
            .hint("leave `--suite` out: agents are the operator's"));
    }
    // Whose a suite's graders are, the suite's signature says, which is to be made anew.
    let locked = Locked { publisher: None, key: None, ..locked };
    let lock_path = folder.join(LOCK_FILE);
    let lock = suite_lock(&lock_path)?.unwrap_or_default();
    is_not_moved(&lock, &locked, (pulled, reference), &lock_path)?;
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

/// Refuses what a lock speaks against: other bytes under a version that is locked, another package by
/// the reference that one came by, and an older version than is locked by a tag that is no version.
fn is_not_moved(
    lock: &Lock,
    locked: &Locked,
    (pulled, reference): (&Pulled, &Reference),
    path: &Path,
) -> Result<(), Failure> {
    let others: Vec<&Locked> = lock.plugins().filter(|other| other.digest != locked.digest).collect();
    let is_same = |other: &Locked| (&other.name, other.world) == (&locked.name, locked.world);
    let refused = |message: String, hint: String| Err(Failure::new(Exit::Unverified, message).hint(hint));
    let (path, version) = (path.display(), locked.version.as_deref().unwrap_or_default());
    // What names this one alone, for whoever means it.
    let exact = match pulled.reference.digest() {
        Some(digest) => format!("{}@{digest}", reference.name()),
        None => reference.to_string(),
    };
    if let Some(same) = others.iter().find(|other| is_same(other) && other.version == locked.version) {
        let message = format!(
            "`{path}` has `{}` {version} as {}, and this is {}: a version stays what it is",
            locked.name, same.digest, locked.digest
        );
        let hint = "somebody moved it: ask its maker; if it is meant, take the entry out of the lock";
        return refused(message, hint.to_owned());
    }
    let names_version = reference.tag().and_then(version_of).is_some();
    let by_it = others.iter().find(|other| other.from == locked.from && (names_version || !is_same(other)));
    if let Some(other) = by_it {
        let message = format!(
            "`{path}` has `{}` {} as {} from `{}`, and there is `{}` {version} as {} now: a tag stays with its package, \
             and one that is a version with its bytes",
            other.name,
            other.version.as_deref().unwrap_or_default(),
            other.world,
            locked.from.as_deref().unwrap_or_default(),
            locked.name,
            locked.world
        );
        let hint = format!(
            "somebody moved the tag: ask whoever pushes there; if it is meant, take the entry out of the lock, or name \
             this one by its digest: `{exact}`"
        );
        return refused(message, hint);
    }
    let parsed = |one: &Locked| Version::parse(one.version.as_deref()?).ok();
    let newest = others
        .iter()
        .filter(|other| is_same(other))
        .filter_map(|other| parsed(other))
        .max_by(Version::cmp_precedence);
    let is_named = names_version || reference.digest().is_some();
    if let (false, Some(newest), Some(found)) = (is_named, newest, parsed(locked))
        && newest.cmp_precedence(&found).is_gt()
    {
        let message = format!(
            "`{path}` has `{}` {newest}, and `{reference}` is {found} now, which is older: a tag that is no version \
             leads to no older one",
            locked.name
        );
        let hint = format!(
            "somebody moved the tag, or took the newer version away: ask whoever pushes there; if the older one is \
             meant, name it by its digest: `{exact}`"
        );
        return refused(message, hint);
    }
    Ok(())
}

/// Says of which plugins there are newer versions: of each what could be found out, and at the end of
/// how many nothing.
pub(super) fn outdated(arguments: &PluginOutdated) -> Result<Exit, Failure> {
    let PluginOutdated { suite, policy, format } = arguments;
    let InForce { policy, folder, .. } = policy.in_force()?;
    // A folder that is no suite has no plugins to look after.
    suite.as_deref().map(Suite::open).transpose()?;
    let own_path = folder.map(|folder| folder.join(LOCK_FILE)).unwrap_or_default();
    let own = match own_path.as_os_str().is_empty() {
        true => Lock::default(),
        false => Lock::read_own(&own_path)?.unwrap_or_default(),
    };
    let (path, theirs) = match suite.as_deref().map(|folder| folder.join(LOCK_FILE)) {
        None => (own_path, None),
        Some(path) => {
            let lock = suite_lock(&path)?.unwrap_or_default();
            (path, Some(lock))
        }
    };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for locked in theirs.as_ref().unwrap_or(&own).plugins() {
        let (Some(from), Some(version)) = (&locked.from, &locked.version) else { continue };
        let asked = referred(&path, &locked.name, from)
            .and_then(|reference| {
                allowed(&policy, &reference)?;
                if theirs.is_some() {
                    is_known(&policy, &own, &reference)?;
                }
                tags(&reference)
            })
            .map(|tags| newest(version, &tags).map(|version| version.to_string()));
        let (newest, error) = match asked {
            Ok(newest) => (newest, None),
            Err(failure) => {
                let told = failure.to_string();
                failures.push(failure);
                (None, Some(told))
            }
        };
        let (name, version, from) = (locked.name.clone(), version.clone(), from.clone());
        found.push(OutdatedPlugin { name, version, newest, from, error });
    }
    let mut table = Table::new([
        left("plugin"),
        left("locked"),
        left("newest"),
        left("from").at_most(120),
        left("error").at_most(400),
    ]);
    for one in &found {
        let nothing = if one.error.is_some() { "?" } else { "-" };
        let newest = one.newest.clone().unwrap_or_else(|| nothing.to_owned());
        let error = one.error.clone().unwrap_or_default();
        table.row([one.name.clone(), one.version.clone(), newest, one.from.clone(), error]);
    }
    match (format.kind, found.is_empty()) {
        (FormatKind::Table, true) => output::print("no plugin that is locked was pulled of a registry")?,
        (kind, _) => output::print_table(kind, &table, &found)?,
    }
    match failures.first() {
        None => Ok(Exit::Done),
        Some(first) => {
            let (many, all) = (failures.len(), found.len());
            let message = format!("{many} of {all} plugins could not be looked up; the first: {first}");
            Err(Failure::new(first.exit, message).hint(first.hint_or("the list says why of each")))
        }
    }
}

/// The reference that a lock has for a plugin.
fn referred(lock: &Path, name: &str, from: &str) -> Result<Reference, Failure> {
    from.parse().map_err(|error: BadReference| {
        let message = format!("the lock `{}`: `from` of `{name}`: {error}", lock.display());
        Failure::usage(message).hint("mend that entry, or take its `from` out: it is not looked after then")
    })
}

/// Refuses a place that a suite's lock names, which nobody signed, when the operator has not named it
/// as well: it is asked from this machine, and with the operator's credentials.
fn is_known(policy: &Policy, own: &Lock, reference: &Reference) -> Result<(), Failure> {
    let is_listed = policy.decide_registry(&reference.name()).finding == Finding::Passes;
    let is_there = |locked: &Locked| {
        let from = locked.from.as_deref().and_then(|from| from.parse::<Reference>().ok());
        from.is_some_and(|from| from.registry() == reference.registry())
    };
    if is_listed || own.plugins().any(is_there) {
        return Ok(());
    }
    let message = format!(
        "`{reference}` is not asked: the suite's lock names it, and neither `registries` of the policy `{}` nor your own \
         lock has `{}`",
        policy.name(),
        reference.registry()
    );
    Err(Failure::new(Exit::Plugin, message).hint(format!(
        "anybody may have written that lock; if it is to be asked, name it in a policy, `registries = [\"{}\"]`: yours, \
         or one for `--policy FILE`",
        reference.name()
    )))
}

/// The tags that there are where a reference leads.
fn tags(reference: &Reference) -> Result<Vec<String>, Failure> {
    let registry = Registry::reader(reference, &options())?;
    block_on(async { Ok(registry.tags().await?) })
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
