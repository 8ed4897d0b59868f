//! The package of a plugin: one file, a component with one custom section `lancet:plugin`,
//! which holds the text of its `plugin.toml`: who made it, what it asks for and why, which
//! limits it needs and what can be set of it.
//!
//! Nothing here reads a file. Bytes and texts are those of strangers: everything is bounded,
//! and what is refused is refused by its key, with what was expected.

mod component;
mod error;
mod licence;
mod manifest;
mod pattern;
mod schema;
mod section;
mod table;
mod text;

pub use component::{Facts, World};
pub use error::{ManifestError, PackageError};
pub use manifest::{Manifest, NeededLimit, Needs};
pub use schema::{Property, Schema, SettingError, SettingType};
pub use section::{Metadata, metadata, read, text, write};
pub use text::{MAX_MANIFEST_BYTES, SECTION};
