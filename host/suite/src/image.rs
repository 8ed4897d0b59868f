//! What a suite's images are made from.

use std::collections::BTreeMap;

use lancet_core::{Digester, Sha256};

use crate::tree::StoredFile;

/// What an image is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// An image of a registry: `name:tag`, or `name@sha256:…`.
    Reference(String),
    /// A build folder of the suite.
    Build {
        /// A path from the suite's folder, for [`Suite::build_files`](crate::Suite::build_files).
        folder: String,
        /// The wanted stage of its Dockerfile; `None` for the last one.
        target: Option<String>,
        /// The Dockerfile's arguments.
        args: BTreeMap<String, String>,
    },
}

/// A file of a build folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFile {
    /// From the build folder: plain names joined by `/`.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it may be executed: mode 0755, otherwise 0644.
    pub executable: bool,
}

/// The digest of what an image is made from: a lock's entry with another one is
/// out of date.
pub(crate) fn key(source: &ImageSource, builds: &BTreeMap<String, Vec<StoredFile>>) -> Sha256 {
    let mut digester = Digester::new();
    match source {
        ImageSource::Reference(reference) => {
            digester.part(b"reference").part(reference.as_bytes());
        }
        ImageSource::Build { folder, target, args } => {
            digester.part(b"build").part(target.as_deref().unwrap_or_default().as_bytes());
            digester.part(&args.len().to_le_bytes());
            for (name, value) in args {
                digester.part(name.as_bytes()).part(value.as_bytes());
            }
            for file in builds.get(folder).into_iter().flatten() {
                digester.part(file.path.as_bytes()).part(&[u8::from(file.executable)]);
                digester.part(file.sha256.as_bytes());
            }
        }
    }
    digester.finish()
}
