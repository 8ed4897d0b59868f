//! What speaks to the Docker engine: images, containers, networks and volumes, what is
//! read from and written to them, and the engine's own limits. It knows nothing of
//! submissions and test plans.

pub(crate) mod admission;
pub(crate) mod archive;
pub(crate) mod build;
pub(crate) mod changes;
pub(crate) mod client;
pub(crate) mod container;
pub(crate) mod disk;
pub(crate) mod error;
pub(crate) mod exec;
pub(crate) mod group;
pub(crate) mod hardening;
pub(crate) mod identity;
pub(crate) mod image;
pub(crate) mod label;
pub(crate) mod listing;
pub(crate) mod network;
pub(crate) mod overlayfs;
pub(crate) mod path;
pub(crate) mod pieces;
pub(crate) mod prepared;
pub(crate) mod presence;
pub(crate) mod property;
pub(crate) mod quota;
pub(crate) mod reaper;
pub(crate) mod timer;
pub(crate) mod tracking;
pub(crate) mod tree;
#[cfg(target_os = "linux")]
pub(crate) mod usage;
pub(crate) mod user;
pub(crate) mod volume;
pub(crate) mod wait;
