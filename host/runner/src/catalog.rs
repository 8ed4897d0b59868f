//! The plugins of a run: found by name or path, and loaded under a grant.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use lancet_core::{Grant, PluginIdentity, PluginIsolation, Role, RunTrust, Sha256};
use lancet_engine::{Compiler, Inspection, MAX_COMPONENT_BYTES, Plugin, Runtime, RuntimeOptions, Workers};
use lancet_file::FileError;
use lancet_suite::{GraderRef, Suite};

use crate::error::Error;
use crate::evidence::Evidence;
use crate::gate::Gate;

/// A component, by whatever way it was named.
#[derive(Debug, Clone)]
pub struct Named {
    /// What reports call the component, and its digest.
    pub identity: PluginIdentity,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// Where it was found.
    pub origin: Origin,
}

/// Where a component was found. What came with this program is known by its digest, wherever
/// that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file, as its path was written.
    File(PathBuf),
    /// A suite.
    Suite,
    /// A run, by its store or an export.
    Recorded,
}

impl Named {
    /// A component by its bytes, and the name that it goes by.
    #[must_use]
    pub fn new(name: &str, component: Vec<u8>) -> Self {
        Self::of(name, component, Origin::File(PathBuf::from(name)))
    }

    fn of(name: &str, component: Vec<u8>, origin: Origin) -> Self {
        let identity = PluginIdentity { name: name.to_owned(), digest: Sha256::of(&component) };
        Self { identity, component, origin }
    }

    /// Whether it came with this program.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        static DIGESTS: LazyLock<BTreeSet<Sha256>> =
            LazyLock::new(|| lancet_builtin::all().iter().map(|b| Sha256::of(b.component)).collect());
        DIGESTS.contains(&self.identity.digest)
    }
}

/// Tells how jailed processes are started for a plugin of that name.
type Starter = dyn Fn(&str) -> Result<Workers, Error> + Send + Sync;

/// The engine for plugins, who compiles for it, and in which process plugins run.
#[derive(Clone)]
pub struct Loader {
    runtime: Arc<Runtime>,
    compiler: Arc<dyn Fn() -> Result<Compiler, Error> + Send + Sync>,
    isolation: PluginIsolation,
    workers: Option<Arc<Starter>>,
    gate: Option<Arc<dyn Gate>>,
    trial: Arc<dyn Fn() -> Result<Trial, Error> + Send + Sync>,
}

/// Where an operator's prompt is rendered to see whether it can be.
#[derive(Debug, Clone)]
pub enum Trial {
    /// In this process, which a prompt can have end for want of memory.
    Here,
    /// In a child process under limits, by this program.
    Child {
        /// The program.
        program: PathBuf,
        /// What makes the program call [`crate::try_prompt`].
        arguments: Vec<String>,
    },
}

impl Loader {
    /// Starts an engine for `jobs` calls at a time. `compiler` tells who compiles what did
    /// not come with this program, which strangers wrote: a limited child process where
    /// there is a program for it. It is asked when there is something to compile. `cache` is the folder for compiled code; without one
    /// everything is compiled anew. Plugins run in this process, until [`Loader::isolated`]
    /// says otherwise.
    ///
    /// # Errors
    /// [`Error::Engine`] when this machine has no room for the engine's pool.
    pub fn new(
        jobs: NonZeroUsize,
        compiler: impl Fn() -> Result<Compiler, Error> + Send + Sync + 'static,
        cache: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let runtime = Runtime::new(&RuntimeOptions { concurrency: jobs, cache })?;
        Ok(Self {
            runtime: Arc::new(runtime),
            compiler: Arc::new(compiler),
            isolation: PluginIsolation::InProcess,
            workers: None,
            gate: None,
            trial: Arc::new(|| Ok(Trial::Here)),
        })
    }

    /// The same, with operators' prompts tried where `trial` tells, which is asked when there
    /// is one. Without it they are tried in this process.
    #[must_use]
    pub fn trying(self, trial: impl Fn() -> Result<Trial, Error> + Send + Sync + 'static) -> Self {
        Self { trial: Arc::new(trial), ..self }
    }

    /// Where a prompt is tried, if there is one.
    pub(crate) fn trial(&self, prompt: Option<&str>) -> Result<Trial, Error> {
        prompt.map_or(Ok(Trial::Here), |_| (self.trial)())
    }

    /// The same with plugins in the processes that `isolation` says. `workers` tells how
    /// jailed ones are started; it is asked when there is a plugin to start one for, whose name
    /// it is given to refuse it by.
    #[must_use]
    pub fn isolated(
        self,
        isolation: PluginIsolation,
        workers: impl Fn(&str) -> Result<Workers, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { isolation, workers: Some(Arc::new(workers)), ..self }
    }

    /// The same with a gate, which every plugin has to pass before it is loaded.
    #[must_use]
    pub fn guarded(self, gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Has the gate decide about a plugin of a role. Nothing of it is compiled.
    ///
    /// # Errors
    /// What the gate says when it does not let it in.
    pub fn admit(&self, named: &Named, role: Role) -> Result<(), Error> {
        let Some(gate) = &self.gate else { return Ok(()) };
        gate.admit(named, role, &|| self.inspect(named))
    }

    /// What is to be recorded of why plugins were let in.
    pub(crate) fn trust(&self) -> Option<RunTrust> {
        self.gate.as_ref()?.trust()
    }

    /// Loads a component under a grant, when the gate lets it in. What came with this program is compiled in this
    /// process, everything else by the compiler.
    ///
    /// # Errors
    /// [`Error::Load`] when it is refused, cannot be compiled, or there is no jailed process
    /// for it where it is to run in one: it never runs in this one instead.
    pub fn load(&self, named: &Named, grant: &Grant) -> Result<Plugin, Error> {
        self.admit(named, grant.role())?;
        let of_ours = named.is_built_in();
        let compiler = self.compiler(of_ours)?;
        let (name, component) = (&named.identity.name, &named.component);
        Ok(match &self.workers {
            Some(workers) if self.isolation.jails(of_ours) => {
                self.runtime.load_jailed(name, component, grant, &compiler, &workers(name)?)?
            }
            _ => self.runtime.load(name, component, grant, &compiler)?,
        })
    }

    /// Reads what a component is and what it imports: what came with this program in this
    /// process, everything else by the compiler.
    ///
    /// # Errors
    /// [`Error::Load`] when it is no plugin, or there is no process to read it in.
    pub fn inspect(&self, named: &Named) -> Result<Inspection, Error> {
        let compiler = self.compiler(named.is_built_in())?;
        Ok(Runtime::inspect(&named.identity.name, &named.component, &compiler)?)
    }

    fn compiler(&self, of_ours: bool) -> Result<Compiler, Error> {
        if of_ours { Ok(Compiler::Here) } else { (self.compiler)() }
    }
}

/// The plugin that an operator named: a built-in one by its name, or a path, which
/// `@sha256:…` may pin.
///
/// # Errors
/// When there is none, its file cannot be read, or its digest is another.
pub fn find(role: Role, text: &str) -> Result<Named, Error> {
    if let Some(builtin) = lancet_builtin::find(role, text) {
        return Ok(Named::new(builtin.name, builtin.component.to_vec()));
    }
    let (path, pin) = match text.rsplit_once("@sha256:") {
        Some((path, hex)) => {
            let pin = format!("sha256:{hex}")
                .parse::<Sha256>()
                .map_err(|e| Error::BadPin { text: text.to_owned(), problem: e.to_string() })?;
            (path, Some(pin))
        }
        None => (text, None),
    };
    let looks_like_a_name = !path.contains(['/', '\\', '.']);
    if looks_like_a_name && !Path::new(path).exists() {
        return Err(Error::UnknownPlugin { role, name: path.to_owned(), of_suite: None });
    }
    let name = canonical(Path::new(path));
    let named = Named::of(&name, read(Path::new(path))?, Origin::File(PathBuf::from(path)));
    match pin {
        Some(expected) if expected != named.identity.digest => {
            Err(Error::Swapped { name: path.to_owned(), expected, found: named.identity.digest })
        }
        _ => Ok(named),
    }
}

/// What a component's file goes by, however an operator came to write it: its path without
/// links and detours, so that one file is one plugin in every report. Its digest is told beside it.
fn canonical(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Reads a component's file, never more than the limit of 64 MiB.
///
/// # Errors
/// When it cannot be read, is no regular file or is larger.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let limit = MAX_COMPONENT_BYTES as u64;
    lancet_file::read(path, limit).map_err(|error| match error {
        FileError::NotRegular(what) => Error::NotAFile { path: path.to_owned(), what },
        FileError::TooLarge(_) => Error::ComponentTooLarge { path: path.to_owned() },
        FileError::Io(source) => Error::ReadPlugin { path: path.to_owned(), source },
    })
}

/// The graders that tasks of a suite name, each read once.
pub(crate) fn graders<'a>(
    suite: &Suite,
    references: impl Iterator<Item = &'a GraderRef>,
) -> Result<BTreeMap<GraderKey, Named>, Error> {
    let mut graders = BTreeMap::new();
    for reference in references {
        let key = GraderKey::of(reference);
        if graders.contains_key(&key) {
            continue;
        }
        graders.insert(key, grader(suite, reference)?);
    }
    Ok(graders)
}

/// The graders of a suite, each once; of those that came with this program those that it names.
///
/// # Errors
/// When one cannot be read, or is not the one that its tasks name.
pub fn suite_graders(suite: &Suite) -> Result<Vec<Named>, Error> {
    let references = suite.tasks().iter().filter_map(|task| task.grader.as_ref());
    Ok(graders(suite, references)?.into_values().collect())
}

/// The grader that a task of a suite names.
pub(crate) fn grader(suite: &Suite, reference: &GraderRef) -> Result<Named, Error> {
    match reference {
        GraderRef::Builtin(name) => match lancet_builtin::find(Role::Grader, name) {
            Some(builtin) => Ok(Named::new(name, builtin.component.to_vec())),
            None => {
                let mut naming = suite.tasks().iter().filter(|task| task.grader.as_ref() == Some(reference));
                let of_suite = naming.next().map(|task| format!("tasks/{}/task.toml", task.public.id));
                Err(Error::UnknownPlugin { role: Role::Grader, name: name.clone(), of_suite })
            }
        },
        GraderRef::File { path, digest } => {
            let named = Named::of(path, suite.grader_bytes(path)?, Origin::Suite);
            let found = named.identity.digest;
            if found != *digest {
                return Err(Error::Swapped { name: path.clone(), expected: *digest, found });
            }
            Ok(named)
        }
    }
}

/// What tells graders of a suite apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GraderKey(String, Option<Sha256>);

impl GraderKey {
    pub(crate) fn of(reference: &GraderRef) -> Self {
        match reference {
            GraderRef::Builtin(name) => Self(name.clone(), None),
            GraderRef::File { path, digest } => Self(path.clone(), Some(*digest)),
        }
    }
}

/// A plugin as a run recorded it: from the store or an export, whatever lies behind its name today.
pub(crate) fn recorded(evidence: &dyn Evidence, identity: &PluginIdentity) -> Result<Named, Error> {
    let component = evidence.blob(identity.digest)?;
    Ok(Named { identity: identity.clone(), component, origin: Origin::Recorded })
}
