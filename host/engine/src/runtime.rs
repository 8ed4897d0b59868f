//! The engine of a process: how it is set up, and loading components into it.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use lancet_core::{Grant, Sha256};
use lancet_jail::{Program, Sealed};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::{self, Cache};
use crate::compile::{ChildError, Made, Slow, compile_in_child, read_in_child};
use crate::component::{ImportProblems, Inspection, NotAPlugin, inspect, plain, said};
use crate::config::{self, EngineError};
use crate::execution::Pre;
use crate::linker::{functions, linker};
use crate::plugin::{Place, Plugin};
use crate::worker::{Crew, Pool, Unloadable, Work, Workers, inspect_loaded};

/// Where a component is read and compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process: for components that came with this program.
    Here,
    /// In child processes, jailed where the kernel has what a jail takes and
    /// limited everywhere: for everybody else's components, of which some are made to take
    /// gigabytes.
    Child {
        /// The program that does it, as a rule this very one, with the arguments that make
        /// it call [`crate::compile_worker`]; `--jailed` follows for one in a jail.
        program: Program,
        /// Who is told when it takes long.
        slow: Option<fn(&Slow<'_>)>,
    },
}

/// How a [`Runtime`] is set up.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// How many calls of plugins run at a time.
    pub concurrency: NonZeroUsize,
    /// Where compiled code is kept. Whoever can write there owns the host.
    /// `None` compiles anew each time.
    pub cache: Option<PathBuf>,
}

/// Loads plugins.
pub struct Runtime {
    engine: Engine,
    cache: Option<Cache>,
    slots: Arc<Semaphore>,
    concurrency: NonZeroUsize,
    /// Who starts jailed processes, once there is a plugin for them.
    crew: OnceLock<Arc<Crew>>,
}

/// Why a plugin cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no plugin.
    #[error("plugin `{name}` cannot be used: {cause}")]
    NotAPlugin {
        /// The plugin, as it was named.
        name: String,
        /// Why the bytes are no plugin.
        cause: NotAPlugin,
    },
    /// The plugin imports more than it was granted.
    #[error("plugin `{name}` is refused: {problems}")]
    Imports {
        /// The plugin, as it was named.
        name: String,
        /// Every import that the plugin was not granted.
        problems: ImportProblems,
    },
    /// The plugin has an interface of the contract with other types than the contract's.
    #[error("plugin `{name}` is refused: it does not fit the contract: {cause}")]
    Types {
        /// The plugin, as it was named.
        name: String,
        /// Where the plugin differs from the contract.
        cause: String,
    },
    /// The compiler does not take the plugin.
    #[error("plugin `{name}` cannot be compiled: {cause}")]
    Compile {
        /// The plugin, as it was named.
        name: String,
        /// What the compiler says.
        cause: String,
    },
    /// The host is at fault, and not the plugin.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl LoadError {
    /// What to do about the error.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAPlugin { cause, .. } => cause.hint().map(str::to_owned),
            Self::Imports { .. } => {
                Some("`lancet plugin inspect FILE` lists what a plugin imports; grant only what you would trust it with".into())
            }
            Self::Types { .. } => Some("build it against the `wit/` folder of this version of Lancet".into()),
            Self::Compile { .. } => Some("a component this hard to compile is not run; build it smaller".into()),
            Self::Engine(error) => error.hint.map(str::to_owned),
        }
    }
}

impl Runtime {
    /// Starts the engine.
    ///
    /// # Errors
    /// When it cannot be started here. A cache that cannot be used is none.
    pub fn new(options: &RuntimeOptions) -> Result<Self, EngineError> {
        let engine = config::engine(options.concurrency)?;
        let cache = options.cache.as_deref().and_then(|root| Cache::new(root, &engine).ok());
        let concurrency = options.concurrency;
        let slots = Arc::new(Semaphore::new(concurrency.get()));
        Ok(Self { engine, cache, slots, concurrency, crew: OnceLock::new() })
    }

    /// Reads what a component is and what it imports, without compiling it. Blocks while it
    /// does.
    ///
    /// # Errors
    /// When it is no plugin of this contract, or there is no process to read it in.
    pub fn inspect(name: &str, bytes: &[u8], compiler: &Compiler) -> Result<Inspection, LoadError> {
        let not_a_plugin = |cause| LoadError::NotAPlugin { name: name.to_owned(), cause };
        let Compiler::Child { program, slow } = compiler else {
            return inspect(bytes).map_err(not_a_plugin);
        };
        plain(bytes).map_err(not_a_plugin)?;
        let known =
            read_in_child(program, (name, bytes), *slow).map_err(|error| match error.is_of_host() {
                true => of_child("reading a component in a child process", &error),
                false => not_a_plugin(NotAPlugin::Unreadable(error.to_string())),
            })?;
        Ok(Inspection::of(bytes, known.map_err(not_a_plugin)?))
    }

    /// Loads a component for `grant`: reads what it is, compares what it imports
    /// with what is granted, and only then compiles and links it and compares the
    /// types of what it exports. Blocks while it compiles.
    ///
    /// # Errors
    /// When it is no plugin, not of the grant's role, or beyond its grant.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        grant: &Grant,
        compiler: &Compiler,
    ) -> Result<Plugin, LoadError> {
        let (inspection, linked) = checked(name, bytes, grant, compiler)?;
        let component = self.compiled(name, bytes, inspection.digest, compiler)?;
        let types = |e: wasmtime::Error| LoadError::Types { name: name.to_owned(), cause: said(&e) };
        let pre = linker(&self.engine, &linked)?.instantiate_pre(&component).map_err(types)?;
        let pre = Pre::new(grant.role(), pre).map_err(types)?;
        pre.check_types(&self.engine, inspection.configurable).map_err(types)?;
        let functions = functions(&self.engine, &component);
        let place = Place::Here { engine: self.engine.clone(), pre: Box::new(pre) };
        Ok(self.plugin(name, &inspection, grant, functions, place))
    }

    /// As [`Runtime::load`], for a plugin of which each call runs in a jailed process of its
    /// own, which `workers` starts. Nothing that was compiled of it is ever loaded into this
    /// process.
    ///
    /// # Errors
    /// As [`Runtime::load`], and when no such process can be started. It is never run in this
    /// process instead.
    pub fn load_jailed(
        &self,
        name: &str,
        bytes: &[u8],
        grant: &Grant,
        compiler: &Compiler,
        workers: &Workers,
    ) -> Result<Plugin, LoadError> {
        let (inspection, linked) = checked(name, bytes, grant, compiler)?;
        let digest = inspection.digest;
        let crew = self.crew.get_or_init(|| Crew::new(self.concurrency));
        let program = workers.program(&linked).map_err(|e| EngineError {
            doing: "opening the program of jailed processes",
            cause: e.to_string(),
            hint: Some("its user has to be able to read it, and `/proc` to be mounted"),
        })?;
        let pool = |code: Sealed| Pool::new(program.clone(), code, Arc::clone(crew), workers.patience);
        let work = Work::Inspect { configurable: inspection.configurable };
        let kept = self.cache.as_ref().and_then(|cache| cache.sealed(digest));
        let known = kept.map(pool).map(|pool| (inspect_loaded(&pool, work), pool));
        let (loaded, pool) = match known {
            Some((Err(Unloadable::Code(_)), _)) | None => {
                let code = self.code(name, bytes, digest, compiler)?.into_sealed();
                let pool = pool(code.map_err(host("keeping compiled code in memory"))?);
                (inspect_loaded(&pool, work), pool)
            }
            Some(known) => known,
        };
        let (inspected, held) = match loaded {
            Ok(loaded) => loaded,
            Err(Unloadable::Code(cause)) => return Err(LoadError::Compile { name: name.to_owned(), cause }),
            Err(Unloadable::Host(error)) => return Err(error.into()),
        };
        if let Some(cause) = inspected.mismatch {
            return Err(LoadError::Types { name: name.to_owned(), cause });
        }
        // Off the way of the first call.
        pool.fill();
        // What it imports is read from its bytes, before any of its code ran: a worker's word
        // for it is not enough.
        let functions = inspection.functions.clone();
        Ok(self.plugin(name, &inspection, grant, functions, Place::Jailed { pool, held }))
    }

    fn plugin(
        &self,
        name: &str,
        inspection: &Inspection,
        grant: &Grant,
        functions: BTreeSet<String>,
        place: Place,
    ) -> Plugin {
        Plugin {
            name: name.to_owned(),
            digest: inspection.digest,
            grant: grant.clone(),
            functions: Arc::new(functions),
            configurable: inspection.configurable,
            manifest: inspection.manifest.clone().map(Arc::new),
            imported: Arc::new(inspection.capabilities()),
            slots: Arc::clone(&self.slots),
            place,
        }
    }

    fn compiled(
        &self,
        name: &str,
        bytes: &[u8],
        digest: Sha256,
        compiler: &Compiler,
    ) -> Result<Component, LoadError> {
        if let Some(component) = self.cache.as_ref().and_then(|c| c.get(&self.engine, digest)) {
            return Ok(component);
        }
        let code = self.code(name, bytes, digest, compiler)?.into_bytes();
        let code = code.map_err(host("reading compiled code"))?;
        // More instances, memories or tables than the pool holds show here.
        cache::load(&self.engine, &code)
            .map_err(|e| LoadError::Compile { name: name.to_owned(), cause: said(&e) })
    }

    /// Compiles a component, and keeps what comes of it.
    fn code(&self, name: &str, bytes: &[u8], digest: Sha256, compiler: &Compiler) -> Result<Made, LoadError> {
        let refused = |cause: String| LoadError::Compile { name: name.to_owned(), cause };
        let code = match compiler {
            Compiler::Here => {
                let code = self.engine.precompile_component(bytes);
                Made::Bytes(code.map_err(|e| refused(said(&e)))?)
            }
            Compiler::Child { program, slow } => {
                compile_in_child(program, (name, bytes), *slow).map_err(|error| match error.is_of_host() {
                    true => of_child("compiling in a child process", &error),
                    false => refused(error.to_string()),
                })?
            }
        };
        if let Some(cache) = &self.cache {
            // Not being able to keep it costs time the next time, nothing else.
            let _ = cache.put(digest, &code);
        }
        Ok(code)
    }
}

/// What a component is, where it may be what the grant is for, with all that it imports, and
/// what it is linked to: its settings beyond the grant, when its manifest has any. They follow
/// from the component, and are no part of the grant that is recorded.
fn checked(
    name: &str,
    bytes: &[u8],
    grant: &Grant,
    compiler: &Compiler,
) -> Result<(Inspection, Grant), LoadError> {
    let inspection = Runtime::inspect(name, bytes, compiler)?;
    if inspection.role != grant.role() {
        let cause = NotAPlugin::OtherRole { found: inspection.role, expected: grant.role() };
        return Err(LoadError::NotAPlugin { name: name.to_owned(), cause });
    }
    let linked = inspection.linked(grant);
    inspection.check(&linked).map_err(|problems| LoadError::Imports { name: name.to_owned(), problems })?;
    Ok((inspection, linked))
}

/// What is wrong with this machine, as a refusal that is no plugin's.
fn host(doing: &'static str) -> impl FnOnce(io::Error) -> EngineError {
    move |cause| EngineError::of(doing, cause.to_string())
}

/// The same of a child process that could not do what it was for.
fn of_child(doing: &'static str, error: &ChildError) -> LoadError {
    EngineError { doing, cause: error.to_string(), hint: error.hint() }.into()
}
