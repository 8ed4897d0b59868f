//! Hardened containers and test runs through the Docker Engine API.
//!
//! The engine side: [`Docker`] connects, builds and pins images, admits attempts and
//! reaps what dead ones left. One pure function decides what every container is; a
//! task can only fill in what that function takes.

#![forbid(unsafe_code)]

mod admission;
mod agent;
mod archive;
mod artifact;
mod blame;
mod build;
mod capture;
mod changes;
mod client;
mod container;
mod diff;
mod error;
mod exec;
mod hardening;
mod history;
mod image;
mod junit;
mod label;
mod lay;
mod listing;
mod network;
mod patch;
mod plan;
mod prepare;
mod quota;
mod readiness;
mod reaper;
mod repository;
mod rules;
mod stage;
mod tracking;
mod tree;
mod upper;
#[cfg(target_os = "linux")]
mod usage;
mod user;
mod volume;

#[cfg(test)]
mod tests;

pub use admission::Admission;
pub use agent::AgentBox;
pub use build::{BuildRequest, MAX_CONTEXT_BYTES};
pub use capture::Captured;
pub use client::{Docker, DockerOptions, EngineInfo, OLDEST_API};
pub use error::DockerError;
pub use image::ImageInfo;
pub use junit::read_report;
pub use label::{Lease, Owner, Role};
pub use lay::BlobSource;
pub use plan::PlanOutcome;
pub use prepare::Prepared;
pub use quota::DiskBound;
pub use reaper::{Reaped, Reaper};
pub use tracking::Tracking;
pub use user::user_bounds;
