//! The gate: decides, by the operator's policy, about each plugin, image and limit of a command.

mod lock;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lancet_core::{Limits, PinnedImage, PluginIsolation, Role, RunSpec, RunTrust, Sha256};
use lancet_jail::Jail;
use lancet_package::Manifest;
use lancet_runner::{Error, Inspect, Loader, Named, Origin, suite_graders};
use lancet_suite::{ImageLock, ImageSource, Reference, Suite, SuiteTask};
use lancet_trust::{
    Candidate, Decision, Finding, JailLevel, KeyId, Keys, Locked, Policy, PolicyLine, Runs, Signed, Source,
    World,
};

use self::lock::Locks;
pub(crate) use self::lock::{LOCK_FILE, read as suite_lock};
pub(crate) use self::signature::{of_package as signer_of_package, of_suite as signer_of_suite};
use crate::failure::{Failure, warn};
use crate::isolation::{IsolationArguments, landlock_problem};
use crate::policy::{InForce, PolicyArgument, PolicyArguments};
use crate::session::loader;

/// Decides about each plugin, image and limit of a command.
pub(crate) struct Gate {
    policy: Policy,
    keys: Keys,
    locks: Locks,
    isolation: PluginIsolation,
    /// What this machine has for jails, when somebody had to look.
    jail: OnceLock<JailLevel>,
    /// Who signed the suite; nobody when there is none.
    suite: Signed,
    /// Whose signatures held when the run began, by the digest of the component.
    recorded: BTreeMap<Sha256, KeyId>,
    /// Whether what would be refused is let in, and told of.
    marks: bool,
    /// What was decided: a plugin is decided about, and warned of, once.
    decided: Mutex<BTreeMap<(Sha256, Role), Option<PolicyLine>>>,
    /// What was warned of a suite, and is no news where its key has signed a plugin, too.
    told: Mutex<BTreeSet<String>>,
    /// Whose signatures hold, by the digest of the component.
    held: Mutex<BTreeMap<Sha256, KeyId>>,
}

/// What is known of a plugin, and what is decided.
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    pub(crate) source: Source,
    pub(crate) world: World,
    pub(crate) key: Option<KeyId>,
    /// As a lock has it, when somebody looked at what it imports.
    pub(crate) locked: Option<Locked>,
}

/// A loader behind a gate, which every plugin has to pass.
pub(crate) fn guarded(
    jobs: NonZeroUsize,
    isolation: &IsolationArguments,
    gate: &Arc<Gate>,
) -> Result<Loader, Failure> {
    Ok(loader(jobs, isolation)?.guarded(Arc::<Gate>::clone(gate)))
}

impl Gate {
    /// The gate of a command that uses a suite's plugins, when the suite itself passes it.
    pub(crate) fn of_suite(
        arguments: &PolicyArguments,
        isolation: &IsolationArguments,
        suite: &Suite,
    ) -> Result<Arc<Self>, Failure> {
        let gate = Self::before_suite(arguments, isolation, suite)?;
        gate.admit_suite(suite)?;
        Ok(gate)
    }

    /// The same, whatever is decided about the suite.
    pub(crate) fn before_suite(
        arguments: &PolicyArguments,
        isolation: &IsolationArguments,
        suite: &Suite,
    ) -> Result<Arc<Self>, Failure> {
        let InForce { policy, keys, folder } = arguments.policy.in_force()?;
        let locks = Locks::read(folder.as_deref(), Some(suite.path()), arguments.locked)?;
        let signed = signature::of_suite(&keys, suite);
        Ok(Arc::new(Self { suite: signed, ..Self::new(policy, keys, locks, isolation) }))
    }

    /// The gate of a command that uses plugins without a suite.
    pub(crate) fn of_plugins(
        arguments: &PolicyArguments,
        isolation: &IsolationArguments,
    ) -> Result<Arc<Self>, Failure> {
        let InForce { policy, keys, folder } = arguments.policy.in_force()?;
        let locks = Locks::read(folder.as_deref(), None, arguments.locked)?;
        Ok(Arc::new(Self::new(policy, keys, locks, isolation)))
    }

    /// The gate of a command that writes a lock: no lock says anything yet.
    pub(crate) fn unlocked(
        policy: Policy,
        keys: Keys,
        isolation: &IsolationArguments,
        suite: Option<&Suite>,
    ) -> Self {
        let suite = suite.map_or(Signed::Not, |suite| signature::of_suite(&keys, suite));
        Self { suite, ..Self::new(policy, keys, Locks::default(), isolation) }
    }

    /// The gate of a command that uses a recorded run's plugins, by what is known today.
    pub(crate) fn of_run(
        arguments: &PolicyArguments,
        isolation: &IsolationArguments,
        run: &RunSpec,
    ) -> Result<Arc<Self>, Failure> {
        let InForce { policy, keys, folder } = arguments.policy.in_force()?;
        // The suite's folder is not read again.
        let locks = Locks::read(folder.as_deref(), None, arguments.locked)?;
        Ok(Arc::new(Self { recorded: recorded(run), ..Self::new(policy, keys, locks, isolation) }))
    }

    /// The same for a command that executes again what was: it refuses nothing, and tells what it
    /// would refuse of a new run.
    pub(crate) fn marking(
        argument: &PolicyArgument,
        isolation: &IsolationArguments,
        run: Option<&RunSpec>,
    ) -> Result<Arc<Self>, Failure> {
        let InForce { policy, keys, folder } = argument.in_force()?;
        let locks = Locks::read(folder.as_deref(), None, false)?;
        let gate = Self { marks: true, ..Self::new(policy, keys, locks, isolation) };
        if let Some(run) = run {
            gate.recorded_suite(run)?;
            gate.limits(&run.agent_limits, &run.grader_limits)?;
        }
        Ok(Arc::new(Self { recorded: run.map(recorded).unwrap_or_default(), ..gate }))
    }

    /// The same for a run that a stranger may have recorded: what it lets its plugins use is held to
    /// the policy's limits.
    pub(crate) fn of_export(
        argument: &PolicyArgument,
        isolation: &IsolationArguments,
        run: &RunSpec,
    ) -> Result<Arc<Self>, Failure> {
        let InForce { policy, keys, folder } = argument.in_force()?;
        let locks = Locks::read(folder.as_deref(), None, false)?;
        let gate = Self { recorded: recorded(run), ..Self::new(policy, keys, locks, isolation) };
        gate.limits(&run.agent_limits, &run.grader_limits)?;
        let gate = Self { marks: true, ..gate };
        gate.recorded_suite(run)?;
        Ok(Arc::new(gate))
    }

    fn new(policy: Policy, keys: Keys, locks: Locks, isolation: &IsolationArguments) -> Self {
        Self {
            policy,
            keys,
            locks,
            isolation: isolation.isolation(),
            jail: OnceLock::new(),
            suite: Signed::Not,
            recorded: BTreeMap::new(),
            marks: false,
            decided: Mutex::default(),
            told: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// The policy.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The keys that are known here.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Decides about a plugin. What it imports is read when `whole` is wanted, or something rests
    /// on it and nothing else refuses it before.
    pub(crate) fn judge(
        &self,
        named: &Named,
        role: Role,
        inspect: Inspect<'_>,
        whole: bool,
    ) -> Result<Judged, Error> {
        let source = match (&named.origin, role) {
            _ if named.is_built_in() => Source::BuiltIn,
            (Origin::File(_), _) | (Origin::Recorded, Role::Agent) => Source::Named,
            (Origin::Suite, _) | (Origin::Recorded, Role::Grader) => Source::Suite,
        };
        self.judge_from(source, named, role, inspect, whole)
    }

    /// The same for a plugin that comes from there.
    pub(crate) fn judge_from(
        &self,
        source: Source,
        named: &Named,
        role: Role,
        inspect: Inspect<'_>,
        whole: bool,
    ) -> Result<Judged, Error> {
        let digest = named.identity.digest;
        let signed = match &named.origin {
            _ if source == Source::BuiltIn => Signed::Not,
            Origin::File(path) => signature::of_package(&self.keys, named, path),
            Origin::Suite => self.suite.clone(),
            Origin::Recorded => {
                self.recorded.get(&digest).map_or(Signed::Not, |key| signature::recorded(&self.keys, *key))
            }
        };
        let manifest = lancet_package::read(&named.component).ok().flatten();
        let runs = match self.isolation.jails(source == Source::BuiltIn) {
            true => Runs::Jailed(self.policy.asks_for_jails().then(|| self.jail())),
            false => Runs::InProcess,
        };
        let mut candidate = Candidate {
            world: World::of(role, &BTreeSet::new()),
            source,
            package: manifest.as_ref().map(|manifest| manifest.name.as_str()),
            signed,
            revoked: self.keys.revoked_digest(digest),
            imports: None,
            runs,
            pinned: self.locks.say(source, None),
            named_by: None,
        };
        let key = candidate.key();
        candidate.named_by =
            key.and_then(|key| self.keys.revoked_before(key)).map(|known| known.name.as_str());
        let decision = self.policy.decide(&candidate);
        let is_open = decision.refusal().is_none_or(|line| line.key == "revoked");
        let rests_on_imports = self.policy.asks_for_imports() || self.locks.apply(source);
        if !(whole || is_open && rests_on_imports) {
            return Ok(Judged { decision, source, world: candidate.world, key, locked: None });
        }
        let imports = inspect()?.capabilities();
        let world = World::of(role, &imports);
        let locked = locked(named, manifest.as_ref(), world, imports.clone(), key);
        candidate.pinned = self.locks.say(source, Some(&locked));
        candidate.world = world;
        candidate.imports = Some(&imports);
        let decision = self.policy.decide(&candidate);
        Ok(Judged { decision, source, world, key, locked: Some(locked) })
    }

    /// What holds jailed processes on this machine.
    fn jail(&self) -> JailLevel {
        *self.jail.get_or_init(|| match landlock_problem(&Jail::probe()) {
            None => JailLevel::Landlock,
            Some(_) => JailLevel::Seccomp,
        })
    }

    /// Refuses what a line refuses, unless that is only to be told of.
    fn hold(&self, what: &str, line: Option<&PolicyLine>) -> Result<(), Error> {
        let Some(PolicyLine { key, why, .. }) = line else { return Ok(()) };
        if self.marks {
            warn(&format!(
                "{what} would be refused for a new run by the policy `{}`, `{key}`: {why}",
                self.policy.name()
            ));
            return Ok(());
        }
        Err(Error::NotLetIn {
            what: what.to_owned(),
            policy: self.policy.name().to_owned(),
            key: key.clone(),
            why: why.clone(),
        })
    }

    /// Decides about a suite itself, which says what is right: with other answers, tests or images it
    /// is another one, though each plugin be built in.
    pub(crate) fn judge_suite(&self, suite: &Suite) -> Result<Decision, Failure> {
        let key = match &self.suite {
            Signed::By { key, .. } => Some(*key),
            _ => None,
        };
        let is_revoked = key.is_some_and(|key| self.keys.revoked_key(key).is_some());
        let graders = if is_revoked { suite_graders(suite)? } else { Vec::new() };
        let pins = |grader: &Named| self.locks.pin_by_operator(grader.identity.digest);
        let is_pinned = !graders.is_empty() && graders.iter().all(pins);
        let named_by = key.and_then(|key| self.keys.revoked_before(key)).map(|known| known.name.as_str());
        let revoked = self.keys.revoked_digest(suite.digest());
        Ok(Decision::of_suite(&self.suite, revoked, named_by, is_pinned))
    }

    /// Refuses a suite that is not to be used.
    pub(crate) fn admit_suite(&self, suite: &Suite) -> Result<(), Failure> {
        let (what, decision) = (format!("the suite `{}`", suite.name()), self.judge_suite(suite)?);
        self.warn_of(&what, &decision);
        let warnings = decision.warnings().map(|line| line.why.clone());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        Ok(self.hold(&what, decision.refusal())?)
    }

    /// Says what to be wary of, unless it was said of the suite.
    pub(crate) fn warn_of(&self, what: &str, decision: &Decision) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for line in decision.warnings().filter(|line| !told.contains(&line.why)) {
            warn(&format!("{what}: {}", line.why));
        }
    }

    /// The same for the suite of a recorded run, of which the digest is known.
    pub(crate) fn recorded_suite(&self, run: &RunSpec) -> Result<(), Failure> {
        let revoked = self.keys.revoked_digest(run.suite.reported.digest);
        let decision = Decision::of_suite(&Signed::Not, revoked, None, false);
        Ok(self.hold(&format!("the suite `{}`", run.suite.reported.name), decision.refusal())?)
    }

    /// Refuses limits of a run that are beyond the policy's.
    pub(crate) fn limits(&self, agent: &Limits, grader: &Limits) -> Result<(), Failure> {
        for (role, limits) in [(Role::Agent, agent), (Role::Grader, grader)] {
            let decision = self.policy.decide_limits(role, limits);
            self.hold(&format!("the limit of the {role}"), decision.refusal())?;
        }
        Ok(())
    }

    /// Refuses images of tasks that come from elsewhere than the policy says.
    pub(crate) fn images(&self, suite: &Suite, tasks: &[&SuiteTask]) -> Result<(), Failure> {
        let lock = ImageLock::read(suite)?;
        let environments = tasks.iter().filter_map(|task| task.environment.as_ref());
        let names: BTreeSet<&str> = environments
            .flat_map(|environment| environment.images().chain(environment.gold_image()))
            .collect();
        for name in names {
            for line in self.image_lines(suite, &lock, name) {
                self.hold(&format!("the image `{name}` of the suite"), refusing(&line))?;
            }
        }
        Ok(())
    }

    /// Decides about an image of a suite: by what the suite calls it, and by what its
    /// `images.lock` has for that, if it is pinned.
    pub(crate) fn image_lines(&self, suite: &Suite, lock: &ImageLock, name: &str) -> Vec<PolicyLine> {
        let mut lines = match suite.images().get(name) {
            Some(ImageSource::Build { .. }) => vec![self.policy.decide_image(None)],
            Some(ImageSource::Reference(text)) => vec![self.image(text)],
            None => return Vec::new(),
        };
        if let Ok(pinned) = lock.pinned(suite, name) {
            let line = match pinned.reference.contains('@') {
                true => self.image(&pinned.reference),
                // What is known by its id alone came from no registry that anybody could name: it
                // is of this machine, as what is built here.
                false => self.policy.decide_image(None),
            };
            // Told once where the lock has nothing else to say than the suite.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// Refuses images of a recorded run that come from elsewhere than the policy says. What has an
    /// id alone is on this machine, and was let in when the run began.
    pub(crate) fn pinned_images<'a>(
        &self,
        images: impl IntoIterator<Item = &'a PinnedImage>,
    ) -> Result<(), Failure> {
        for image in images {
            if image.reference.contains('@') {
                let line = self.image(&image.reference);
                self.hold(&format!("the image `{}` of the run", image.name), refusing(&line))?;
            }
        }
        Ok(())
    }

    /// Decides about an image by its name in a registry.
    fn image(&self, text: &str) -> PolicyLine {
        let repository = Reference::parse(text).map_or(text, |reference| reference.repository);
        self.policy.decide_image(Some(repository))
    }
}

impl lancet_runner::Gate for Gate {
    fn admit(&self, named: &Named, role: Role, inspect: Inspect<'_>) -> Result<(), Error> {
        let what = format!("plugin `{}`", named.identity.name);
        let place = (named.identity.digest, role);
        let known = self.decided.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(refusal) = known {
            return if self.marks { Ok(()) } else { self.hold(&what, refusal.as_ref()) };
        }
        let Judged { decision, key, .. } = self.judge(named, role, inspect, false)?;
        let refusal = decision.refusal().cloned();
        if refusal.is_none() {
            // What was let in then is no news.
            if !self.marks && named.origin == Origin::Suite {
                self.warn_of(&what, &decision);
            } else if !self.marks {
                decision.warnings().for_each(|line| warn(&format!("{what}: {}", line.why)));
            }
            if let Some(key) = key {
                self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(place.0, key);
            }
        }
        self.decided.lock().unwrap_or_else(PoisonError::into_inner).insert(place, refusal.clone());
        self.hold(&what, refusal.as_ref())
    }

    fn trust(&self) -> Option<RunTrust> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: BTreeMap<_, _> = held.iter().map(|(digest, key)| (*digest, key.to_string())).collect();
        let trust = RunTrust { policy: self.policy.digest(), keys };
        (trust != RunTrust::default()).then_some(trust)
    }
}

/// The line, if it refuses.
fn refusing(line: &PolicyLine) -> Option<&PolicyLine> {
    Some(line).filter(|line| line.finding == Finding::Refuses)
}

/// Whose signatures held when a run began.
fn recorded(run: &RunSpec) -> BTreeMap<Sha256, KeyId> {
    let keys = run.trust.iter().flat_map(|trust| &trust.keys);
    keys.filter_map(|(digest, key)| Some((*digest, key.parse().ok()?))).collect()
}

/// A plugin as a lock has it.
fn locked(
    named: &Named,
    manifest: Option<&Manifest>,
    world: World,
    asks: BTreeSet<lancet_core::Capability>,
    key: Option<KeyId>,
) -> Locked {
    let file = || {
        let name = Path::new(&named.identity.name).file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let text = manifest.and_then(|_| lancet_package::text(&named.component).ok().flatten());
    let publisher = manifest.filter(|_| key.is_some()).and_then(|manifest| manifest.name.split('/').next());
    Locked {
        name: manifest.map_or_else(file, |manifest| manifest.name.clone()),
        version: manifest.map(|manifest| manifest.version.to_string()),
        world,
        digest: named.identity.digest,
        manifest: text.map(|text| Sha256::of(text.as_bytes())),
        asks,
        publisher: publisher.map(str::to_owned),
        key,
        from: None,
    }
}
