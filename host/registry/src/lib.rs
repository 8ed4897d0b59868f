//! Plugins and suites in OCI registries: what is asked of one, each answer bounded, and what is
//! checked of it.
//!
//! ```text
//! Reference            `registry.example.com/acme/choice:1.2.0@sha256:…`, taken apart
//! Credentials          what the usual Docker configuration has for a registry
//! Registry             one repository of one registry: manifests, blobs, uploads, referrers, tags
//! Manifest, Config     what is written of a plugin or a suite, and what of it is believed
//! pack, unpack         a suite's folder as one archive, always the same for the same folder
//! ```
//!
//! Nothing that a registry says is believed: bytes are those of the digest that was asked for, or
//! refused; a tag says only which digest it names now; an index of signatures says only where to
//! look. What comes is a stranger's: lengths, counts, time and where a request goes are bounded.
#![forbid(unsafe_code)]

mod archive;
mod artifact;
mod credentials;
mod error;
mod helper;
mod http;
mod manifest;
mod network;
mod printed;
mod reference;
mod registry;
mod signature;
mod token;

pub use archive::{ArchiveError, MAX_ENTRIES, Unpacked, pack, unpack};
pub use artifact::{
    Artifact, Component, Config, PluginConfig, Prepared, SuiteConfig, look, pull, pushed_plugin, pushed_suite,
};
pub use credentials::{Credential, Credentials};
pub use error::{Problem, RegistryError};
pub use http::Patience;
pub use manifest::{Descriptor, MAX_LAYER_BYTES, MAX_MANIFEST_BYTES, Manifest, PLUGIN_CONFIG, SUITE_CONFIG};
pub use printed::{InspectedReference, ListedSignature, OutdatedPlugin};
pub use reference::{BadReference, Reference};
pub use registry::{Fetched, Options, Registry};
pub use signature::{Signatures, push_signature, signatures};
