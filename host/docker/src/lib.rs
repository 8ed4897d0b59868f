//! Hardened containers and test runs through the Docker Engine API.
//!
//! [`Docker`] connects to an engine, builds and pins images, admits attempts and reaps
//! what dead ones left. One pure function decides what every container is; a task can
//! only fill in what that function takes.
//!
//! Three folders, of which each knows only those before it: `engine` speaks to the
//! Docker engine, `submission` has the trees that agents work in, `plan` runs tests.

#![forbid(unsafe_code)]

mod engine;
mod plan;
mod submission;

#[cfg(test)]
mod tests;

pub use engine::admission::Admission;
pub use engine::build::{BuildRequest, MAX_CONTEXT_BYTES};
pub use engine::client::{Docker, DockerOptions, EngineInfo, OLDEST_API};
pub use engine::error::DockerError;
pub use engine::image::ImageInfo;
pub use engine::label::{Lease, Owner, Purpose};
pub use engine::prepared::Prepared;
pub use engine::property::user_bounds;
pub use engine::quota::DiskBound;
pub use engine::reaper::{Reaped, Reaper};
pub use engine::tracking::Tracking;
pub use plan::junit::read_report;
pub use plan::run::PlanOutcome;
pub use submission::agent::AgentBox;
pub use submission::capture::Captured;
pub use submission::layout::BlobSource;
