//! `lancet suite lock` and `lancet plugin lock`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use lancet_core::{Role, Sha256};
use lancet_runner::{Error, Loader, Named, find, suite_graders};
use lancet_suite::Suite;
use lancet_trust::{KeyId, Lock, Locked};

use super::sign::write;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::gate::{Gate, LOCK_FILE, suite_lock};
use crate::isolation::IsolationArguments;
use crate::output;
use crate::paths;
use crate::policy::{InForce, PluginLock, SUITE_FILE, SuiteLock};
use crate::render::display_safe;
use crate::session::loader;

/// Locks the graders of a suite: all that it has, and nothing else.
pub(crate) fn suite(arguments: &SuiteLock) -> Result<Exit, Failure> {
    let SuiteLock { suite: folder, policy } = arguments;
    let suite = Suite::open(folder)?;
    let (loader, isolation) = loader_for_locks()?;
    let all = graders(policy.in_force()?, &loader, &isolation, &suite)?;
    // Of one name there may be several, in different folders.
    let path = folder.join(LOCK_FILE);
    // Where they were pulled from is known of the lock alone. One that cannot be read is written anew.
    let before = suite_lock(&path).ok().flatten().unwrap_or_default();
    let known =
        |digest| before.plugins().find(|other| other.digest == digest).and_then(|other| other.from.clone());
    let all = all.into_iter().map(|locked| Locked { from: known(locked.digest), ..locked });
    finish(&path, &Lock::new(all))
}

/// Locks plugins in the operator's lock, beside those that are there.
pub(crate) fn plugins(arguments: &PluginLock) -> Result<Exit, Failure> {
    let PluginLock { files, policy: argument } = arguments;
    let (loader, isolation) = loader_for_locks()?;
    let InForce { policy, keys, folder } = argument.in_force()?;
    let folder = folder.ok_or_else(|| {
        Failure::usage(paths::no_folder("the lock", "XDG_CONFIG_HOME"))
            .hint("it lies beside the policy: name one with `--policy FILE`, or in `LANCET_POLICY`")
    })?;
    let gate = Gate::unlocked(policy, keys, &isolation, None);
    let path = folder.join(LOCK_FILE);
    let mut lock = Lock::read_own(&path)?.unwrap_or_default();
    let mut all = BTreeMap::new();
    for file in files {
        if Path::new(file).join(SUITE_FILE).exists() {
            let suite = Suite::open(Path::new(file))?;
            let graders = graders(argument.in_force()?, &loader, &isolation, &suite)?;
            if graders.is_empty() {
                warn(&format!("every grader of the suite `{file}` is built in, and needs no lock"));
            }
            for locked in graders {
                put(&mut all, locked)?;
            }
            continue;
        }
        let named = find(Role::Agent, file)?;
        if named.is_built_in() {
            return Err(Failure::usage(format!("`{file}` is built in, and needs no lock"))
                .hint("a lock is about what did not come with Lancet: leave it out"));
        }
        let role = loader.inspect(&named)?.role;
        put(&mut all, locked(&gate, &loader, &named, role)?)?;
    }
    lock = lock.with(all.into_values());
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make the folder", &folder, &error))?;
    finish(&path, &lock)
}

/// Puts a plugin beside the others. A digest has one entry, and so one key: which of two is meant
/// is not for this program to say.
fn put(all: &mut BTreeMap<Sha256, Locked>, plugin: Locked) -> Result<(), Failure> {
    let Some(other) = all.get(&plugin.digest) else {
        all.insert(plugin.digest, plugin);
        return Ok(());
    };
    if other.key == plugin.key {
        return Ok(());
    }
    let told = |key: Option<KeyId>| key.map_or_else(|| "nobody".to_owned(), |key| key.to_string());
    let problem = format!(
        "`{}` ({}) is signed by {} in one place and by {} in another",
        plugin.name,
        plugin.digest,
        told(other.key),
        told(plugin.key)
    );
    Err(Failure::usage(problem).hint("a lock holds one of them: name that place alone"))
}

/// The graders of a suite that are not built in, as a lock has them. Who signed the suite signed
/// them.
fn graders(
    InForce { policy, keys, .. }: InForce,
    loader: &Loader,
    isolation: &IsolationArguments,
    suite: &Suite,
) -> Result<Vec<Locked>, Failure> {
    let gate = Gate::unlocked(policy, keys, isolation, Some(suite));
    gate.admit_suite(suite)?;
    let graders = suite_graders(suite)?;
    let graders = graders.iter().filter(|named| !named.is_built_in());
    graders.map(|named| locked(&gate, loader, named, Role::Grader)).collect()
}

fn loader_for_locks() -> Result<(Loader, IsolationArguments), Failure> {
    let isolation = IsolationArguments::default();
    Ok((loader(NonZeroUsize::MIN, &isolation)?, isolation))
}

/// A plugin as a lock has it, when the policy lets it in.
fn locked(gate: &Gate, loader: &Loader, named: &Named, role: Role) -> Result<Locked, Failure> {
    let judged = gate.judge(named, role, &|| loader.inspect(named), true)?;
    if let Some(line) = judged.decision.refusal() {
        return Err(Error::NotLetIn {
            what: format!("plugin `{}`", named.identity.name),
            policy: gate.policy().name().to_owned(),
            key: line.key.clone(),
            why: line.why.clone(),
        }
        .into());
    }
    gate.warn_of(&format!("plugin `{}`", named.identity.name), &judged.decision);
    judged.locked.ok_or_else(|| Failure::new(Exit::Host, "a plugin that was looked at is not known"))
}

fn finish(path: &Path, lock: &Lock) -> Result<Exit, Failure> {
    // What cannot be read later is not written.
    let text = lock.to_text();
    Lock::parse(&path.display().to_string(), &text)?;
    write(path, text.as_bytes())?;
    let mut told = display_safe(&path.display().to_string()).into_owned();
    for Locked { name, version, world, digest, key, .. } in lock.plugins() {
        let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let key = key.map_or_else(|| "unsigned".to_owned(), |key| format!("signed by {key}"));
        told.push_str(&format!(
            "\n{world} {}{}, {digest}, {key}",
            display_safe(name),
            display_safe(&version)
        ));
    }
    output::tell(&told)?;
    Ok(Exit::Done)
}
