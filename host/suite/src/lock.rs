//! What the images of a suite were pinned to: reading, writing and looking it up.

use std::io::{self, Write as _};

use cap_std::fs::OpenOptions;
use lancet_core::{PinnedImage, Sha256};

use crate::diagnose;
use crate::folder::TooLarge;
use crate::format::{LOCK_FILE, LockEntry, LockFile, MAX_LOCK_BYTES, UNFINISHED_LOCK};
use crate::image::ImageSource;
use crate::problem::{Problem, SuiteError};
use crate::reference::Reference;
use crate::suite::Suite;

const HEADER: &str = "\
# The images of this suite, as they were when it was pinned. Written by
# `lancet suite pin`, which has to be run again when what an image is made from
# changes; not part of the suite's digest.
#
# source     the digest of what the image is made from: its name in the registry,
#            or its build folder, stage and arguments
# reference  what the engine is asked for
";

/// The images of a suite that are pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageLock(LockFile);

/// Why an image of a suite cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPinned {
    /// The lock has no such image.
    #[error("the image `{image}` is not pinned")]
    Missing {
        /// The suite's name for it.
        image: String,
    },
    /// What the image is made from has changed since.
    #[error("the image `{image}` has changed since it was pinned")]
    Stale {
        /// The suite's name for it.
        image: String,
    },
    /// The suite has no such image.
    #[error("the suite has no image `{image}`")]
    Unknown {
        /// What was asked for.
        image: String,
    },
}

impl NotPinned {
    /// The image.
    #[must_use]
    pub fn image(&self) -> &str {
        match self {
            Self::Missing { image } | Self::Stale { image } | Self::Unknown { image } => image,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => {
                Some("`lancet suite pin SUITE` pulls or builds it, and writes images.lock")
            }
            Self::Stale { .. } => Some("pin it again: `lancet suite pin SUITE`"),
            Self::Unknown { .. } => None,
        }
    }
}

impl ImageLock {
    /// Reads a suite's `images.lock`. When there is none, nothing is pinned.
    ///
    /// # Errors
    /// When it cannot be read, or is not as it has to be.
    pub fn read(suite: &Suite) -> Result<Self, SuiteError> {
        let error = |source| SuiteError::File { path: LOCK_FILE.to_owned(), source };
        let bytes = match suite.files().read(LOCK_FILE, MAX_LOCK_BYTES) {
            Ok(Ok(file)) => file.bytes,
            Ok(Err(TooLarge)) => {
                return Err(error(io::Error::other(format!("larger than {MAX_LOCK_BYTES} bytes"))));
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(error(source)),
        };
        let text = String::from_utf8(bytes).map_err(|source| error(io::Error::other(source)))?;
        Self::parse(&text).map_err(|problems| SuiteError::Invalid {
            path: suite.path().to_owned(),
            problems,
            warnings: Vec::new(),
        })
    }

    /// Reads the text of an `images.lock`.
    ///
    /// # Errors
    /// All that is not as it has to be.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let file: Option<LockFile> = diagnose::toml(LOCK_FILE, text, &mut problems);
        for (name, entry) in file.iter().flat_map(|file| &file.images) {
            if !is_pinned(&entry.reference) {
                let shown: String = entry.reference.chars().take(80).collect();
                let message = format!("expected `sha256:…` or `repository@sha256:…`, found `{shown}`");
                let problem = Problem::new(LOCK_FILE, message).key(format!("images.{name}.reference"));
                problems.push(problem.hint("remove the file, and pin the suite again: `lancet suite pin`"));
            }
        }
        match file {
            Some(file) if problems.is_empty() => Ok(Self(file)),
            _ => Err(problems),
        }
    }

    /// Puts its [`text`](Self::text) into the suite's folder, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is still there then. A suite in memory
    /// has no folder.
    pub fn write(&self, suite: &Suite) -> Result<(), SuiteError> {
        let write = || -> io::Result<()> {
            let text = self.text(suite)?;
            let unfinished = format!("{UNFINISHED_LOCK}{}", std::process::id());
            let dir = suite.files().dir()?;
            // Left by a process of the same number that was killed.
            match dir.remove_file(&unfinished) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(source),
                _ => {}
            }
            let written = dir
                .open_with(&unfinished, OpenOptions::new().write(true).create_new(true))
                .and_then(|mut file| {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()
                })
                .and_then(|()| dir.rename(&unfinished, dir, LOCK_FILE));
            if written.is_err() {
                let _ = dir.remove_file(&unfinished);
            }
            written?;
            // The folder itself, so that the new name lasts.
            dir.open(".")?.sync_all()
        };
        write().map_err(|source| SuiteError::WriteLock { path: suite.path().join(LOCK_FILE), source })
    }

    /// The text of a suite's `images.lock`. What had been pinned and is no image of the suite
    /// any more is left out.
    ///
    /// # Errors
    /// When it cannot be put into TOML.
    pub fn text(&self, suite: &Suite) -> io::Result<String> {
        let images = self.0.images.iter().filter(|(name, _)| suite.images().contains_key(*name));
        let file = LockFile { images: images.map(|(n, e)| (n.clone(), e.clone())).collect() };
        let text = toml::to_string(&file).map_err(io::Error::other)?;
        Ok(format!("{HEADER}\n{text}"))
    }

    /// Notes what an image of the suite stands for now. `reference` is an image id
    /// (`sha256:…`) or `repository@sha256:…`.
    ///
    /// # Errors
    /// When the suite has no such image, or the reference is none that cannot
    /// change.
    pub fn pin(&mut self, suite: &Suite, image: &str, reference: &str) -> Result<(), SuiteError> {
        let source = suite.image_key(image).ok_or_else(|| SuiteError::UnknownImage(image.to_owned()))?;
        if !is_pinned(reference) {
            return Err(SuiteError::NotAPin { image: image.to_owned(), reference: reference.to_owned() });
        }
        let entry = LockEntry { source, reference: reference.to_owned() };
        self.0.images.insert(image.to_owned(), entry);
        Ok(())
    }

    /// The image that a name of the suite stands for.
    ///
    /// # Errors
    /// When it has not been pinned, or what it is made from has changed since.
    pub fn pinned(&self, suite: &Suite, image: &str) -> Result<PinnedImage, NotPinned> {
        let source =
            suite.images().get(image).ok_or_else(|| NotPinned::Unknown { image: image.to_owned() })?;
        if let ImageSource::Reference(reference) = source
            && let Some(reference) = Reference::parse(reference).ok().and_then(|r| r.pinned())
        {
            return Ok(PinnedImage { name: image.to_owned(), reference });
        }
        let entry = self.0.images.get(image).ok_or_else(|| NotPinned::Missing { image: image.to_owned() })?;
        if suite.image_key(image) != Some(entry.source) {
            return Err(NotPinned::Stale { image: image.to_owned() });
        }
        Ok(PinnedImage { name: image.to_owned(), reference: entry.reference.clone() })
    }
}

impl ImageLock {
    /// Why images of the suite cannot be used, for each that cannot.
    #[must_use]
    pub fn unpinned(&self, suite: &Suite) -> Vec<NotPinned> {
        suite.images().keys().filter_map(|image| self.pinned(suite, image).err()).collect()
    }
}

/// Whether the engine gets the same image for it every time.
fn is_pinned(reference: &str) -> bool {
    reference.parse::<Sha256>().is_ok()
        || Reference::parse(reference).is_ok_and(|r| r.digest.is_some() && r.tag.is_none())
}
