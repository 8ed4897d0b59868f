//! Hardened containers and test runs through the Docker Engine API.
//!
//! The engine side: [`Docker`] connects, builds and pins images, admits attempts and
//! reaps what dead ones left. One pure function decides what every container is; a
//! task can only fill in what that function takes.

#![forbid(unsafe_code)]

mod admission;
mod archive;
mod build;
mod capture;
mod changes;
mod client;
mod container;
mod diff;
mod error;
mod exec;
mod hardening;
mod image;
mod junit;
mod label;
mod network;
mod reaper;
mod tree;
mod volume;

pub use admission::Admission;
pub use build::{BuildRequest, MAX_CONTEXT_BYTES};
pub use capture::Captured;
pub use client::{Docker, DockerOptions, EngineInfo, OLDEST_API};
pub use error::DockerError;
pub use image::ImageInfo;
pub use junit::read_report;
pub use label::{Lease, Owner, Role};
pub use reaper::{Reaped, Reaper};
