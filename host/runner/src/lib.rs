//! Carries out runs and attempts, and reads recorded ones again: what the `lancet` binary
//! does, as a library that knows no terminal, arguments, signals or environment
//! variables.
//!
//! A run begins as an [`Order`]. [`prepare`] looks at everything that can be wrong with it
//! and writes nothing; [`Prepared::record`] makes it durable, [`Run::finish`] brings its
//! attempts to their end, and [`Run::take_up`] goes on with one that was interrupted. An
//! [`Observer`] hears of what happens.
//!
//! ```no_run
//! use std::future::pending;
//! use std::num::{NonZeroU32, NonZeroUsize};
//! use std::sync::Arc;
//!
//! use lancet_core::{Limits, Role};
//! use lancet_docker::DockerOptions;
//! use lancet_engine::Compiler;
//! use lancet_runner::{Host, Loader, Order, Sandboxes, expenses, find, prepare, report};
//! use lancet_store::Store;
//! use lancet_suite::Suite;
//!
//! # async fn example() -> Result<(), lancet_runner::Error> {
//! let folder = std::path::Path::new("tasks/sample");
//! let suite = Suite::open(folder)?;
//! let jobs = NonZeroUsize::MIN;
//! let loader = Loader::new(jobs, || Ok(Compiler::Here), None)?;
//! let order = Order {
//!     suite: &suite,
//!     path: folder,
//!     selected: suite.tasks().iter().collect(),
//!     kind: None,
//!     patterns: Vec::new(),
//!     agent: find(Role::Agent, "random")?,
//!     inputs: Default::default(),
//!     seed: 0,
//!     attempts: NonZeroU32::MIN,
//!     grants: Vec::new(),
//!     agent_limits: Limits::standard(),
//!     grader_limits: Limits::standard(),
//!     control: None,
//!     models: Vec::new(),
//!     scripts: Default::default(),
//!     budgets: Default::default(),
//!     settings: Default::default(),
//!     prompt: None,
//! };
//! let prepared = prepare(&loader, order, &()).await?;
//! let store = Store::open("store".as_ref())?;
//! let host = Host { store, loader, sandboxes: Sandboxes::new(DockerOptions::default()) };
//! let run = prepared.record(&host).await?;
//! let id = run.id().clone();
//! run.finish(jobs, pending(), pending(), Arc::new(())).await?;
//! let (run, attempts) = (host.store.run(&id).await?, host.store.attempts(&id).await?);
//! let report = report(&run, &attempts, &expenses(&host.store.reader(), &run, &attempts)?);
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod agent_sources;
mod attempt;
mod audit;
mod blobs;
mod catalog;
mod controls;
mod error;
mod evidence;
mod gate;
mod grader_settings;
mod grader_sources;
mod handout;
mod measure;
mod models;
mod nothing;
mod observer;
mod order;
mod quotation;
mod recorder;
mod regrade;
mod replay;
mod report;
mod run;
mod sandboxes;
mod survey;
mod watched;

pub use audit::audited;
pub use catalog::{Loader, Named, Origin, Trial, find, read, suite_graders};
pub use controls::{ControlsOrder, controls};
pub use error::Error;
pub use evidence::{Evidence, RecordedAttempt};
pub use gate::{Gate, Inspect};
pub use measure::tasks as measure_tasks;
pub use models::order::{jobs, try_prompt};
pub use observer::{Notice, Observer, Wait};
pub use order::{Order, Prepared, prepare};
pub use regrade::{Regrading, regrade};
pub use replay::{ReplayBounds, replay, replay_evidence};
pub use report::{expenses, report};
pub use run::{Ended, Host, Run};
pub use sandboxes::{PATIENCE, Sandboxes};
pub use survey::{Demanding, Surveyed, survey};
