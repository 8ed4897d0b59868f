//! The engine of a process: how it is set up, and loading components into it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use lancet_core::{CONTRACT_PACKAGE, Grant, Role, Sha256};
use lancet_jail::Program;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::bindings::{agent, grader};
use crate::cache::{self, Cache};
use crate::compile::{self, CompileError};
use crate::component::{ImportProblems, NotAPlugin, inspect};
use crate::config::{self, EngineError};
use crate::linker::linker;
use crate::plugin::{Plugin, Pre};

/// Where a component is compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// Compiles in this process: for components that came with this program.
    Here,
    /// Compiles in a child process, jailed where the kernel has what a jail takes and
    /// limited everywhere: for everybody else's components.
    Child {
        /// The program that compiles, as a rule this very one, with the arguments that make
        /// it call [`crate::compile_worker`]; `--jailed` follows for one in a jail.
        program: Program,
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
            Self::Engine(_) => None,
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
        Ok(Self { engine, cache, slots: Arc::new(Semaphore::new(options.concurrency.get())) })
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
        let not_a_plugin = |cause| LoadError::NotAPlugin { name: name.to_owned(), cause };
        let inspection = inspect(bytes).map_err(not_a_plugin)?;
        if inspection.role != grant.role() {
            let cause = NotAPlugin::OtherRole { found: inspection.role, expected: grant.role() };
            return Err(not_a_plugin(cause));
        }
        inspection.check(grant).map_err(|problems| LoadError::Imports { name: name.to_owned(), problems })?;
        let component = self.compiled(name, bytes, inspection.digest, compiler)?;
        let types = |e: wasmtime::Error| LoadError::Types { name: name.to_owned(), cause: format!("{e:#}") };
        let pre = linker(&self.engine, grant)?.instantiate_pre(&component).map_err(types)?;
        let pre = match grant.role() {
            Role::Agent => Pre::Agent(agent::AgentPre::new(pre).map_err(types)?),
            Role::Grader => Pre::Grader(grader::GraderPre::new(pre).map_err(types)?),
        };
        pre.check_types(&self.engine, inspection.configurable).map_err(types)?;
        Ok(Plugin {
            name: name.to_owned(),
            digest: inspection.digest,
            grant: grant.clone(),
            functions: Arc::new(functions(&self.engine, &component)),
            configurable: inspection.configurable,
            engine: self.engine.clone(),
            slots: Arc::clone(&self.slots),
            pre,
        })
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
        let refused = |cause: String| LoadError::Compile { name: name.to_owned(), cause };
        let code = match compiler {
            Compiler::Here => {
                self.engine.precompile_component(bytes).map_err(|e| refused(format!("{e:#}")))?
            }
            Compiler::Child { program } => match compile::in_child(program, bytes) {
                Ok(code) => code,
                Err(error @ (CompileError::Host(_) | CompileError::Jail(_))) => {
                    let cause = error.to_string();
                    return Err(EngineError { doing: "compiling in a child process", cause }.into());
                }
                Err(error) => return Err(refused(error.to_string())),
            },
        };
        if let Some(cache) = &self.cache {
            // Not being able to keep it costs time the next time, nothing else.
            let _ = cache.put(digest, &code);
        }
        // More instances, memories or tables than the pool holds show here.
        cache::load(&self.engine, &code).map_err(|e| refused(format!("{e:#}")))
    }
}

/// The functions of the contract that a component imports.
fn functions(engine: &Engine, component: &Component) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for (name, item) in component.component_type().imports(engine) {
        let Some((package, rest)) = name.split_once('/') else { continue };
        if let (CONTRACT_PACKAGE, ComponentItem::ComponentInstance(instance)) = (package, item.ty) {
            let interface = rest.split('@').next().unwrap_or(rest);
            functions.extend(instance.exports(engine).map(|(function, _)| format!("{interface}.{function}")));
        }
    }
    functions
}
