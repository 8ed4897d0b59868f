//! What authors of plugins need besides the contract: a project to begin with, the kit of
//! their language, and a component built with their tool chain.
//!
//! All that is written into a project is embedded in the program, so that it is of the version
//! of the host that builds with it. Nothing is installed: what is missing is named, with the
//! command that installs it.

#![forbid(unsafe_code)]

mod component;
mod embedded;
mod error;
mod language;
mod project;
mod sources;
mod start;
mod tool;
mod world;

pub use component::{Built, build};
pub use error::Error;
pub use language::Language;
pub use project::{Project, package_of};
pub use sources::{Saved, sources};
pub use start::{Start, start};
pub use tool::{Tool, ToolState};
pub use world::narrowed;
