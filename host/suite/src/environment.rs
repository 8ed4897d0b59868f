//! What a task is worked on and judged in, before its images are looked up.

use std::collections::BTreeMap;

use lancet_core::{Environment, Isolation, Plan, Sha256};

use crate::format::Profile;
use crate::lock::{ImageLock, NotPinned};
use crate::suite::Suite;

/// What a task is worked on and judged in: checked, but its images are only names
/// until [`Suite::environment`] looks them up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEnvironment {
    /// Its images have the suite's names and no reference.
    pub(crate) template: Environment,
    pub(crate) profile: Option<Profile>,
    pub(crate) gold: Option<GoldPlace>,
    /// The files that plans lay into containers, each with its path from the
    /// suite's folder.
    pub(crate) laid: BTreeMap<Sha256, LaidPlace>,
}

/// Where a gold patch lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GoldPlace {
    /// A path from the suite's folder.
    File { path: String, sha256: Sha256 },
    /// See [`Gold::Image`].
    Image { image: String, path: String },
}

/// A file of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaidPlace {
    /// From the suite's folder.
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

/// A task's gold patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gold {
    /// The patch itself.
    File(String),
    /// A file of an image, which is not started for it.
    Image {
        /// The suite's name of the image, for [`ImageLock::pinned`].
        image: String,
        /// An absolute path in it.
        path: String,
    },
}

impl TaskEnvironment {
    /// What the suite calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.template.name
    }

    /// The profile that says what the suite does not.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// The suite's names of the images that an attempt needs, without the one that
    /// holds the gold patch.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.template.images().map(|image| image.name.as_str())
    }

    /// The suite's name of the image that holds the gold patch, when one does.
    #[must_use]
    pub fn gold_image(&self) -> Option<&str> {
        match &self.gold {
            Some(GoldPlace::Image { image, .. }) => Some(image),
            _ => None,
        }
    }

    /// Whether there is a gold patch.
    #[must_use]
    pub fn has_gold(&self) -> bool {
        self.gold.is_some()
    }

    /// The test runs. Their images are not to be used: see [`Suite::environment`].
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.template.plans
    }

    pub(crate) fn resolve(&self, suite: &Suite, lock: &ImageLock) -> Result<Environment, NotPinned> {
        let mut environment = self.template.clone();
        environment.image = lock.pinned(suite, &environment.image.name)?;
        for plan in &mut environment.plans {
            if let Isolation::Split { driver, .. } = &mut plan.isolation {
                *driver = lock.pinned(suite, &driver.name)?;
            }
        }
        Ok(environment)
    }
}

/// A file that plans lay into containers.
#[derive(Debug)]
pub struct LaidContent<'s> {
    pub(crate) suite: &'s Suite,
    pub(crate) sha256: Sha256,
    pub(crate) place: &'s LaidPlace,
}

impl LaidContent<'_> {
    /// Its digest, as plans name it.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.place.bytes
    }

    /// Its content, at most [`MAX_PRIVATE_BYTES`](crate::MAX_PRIVATE_BYTES).
    ///
    /// # Errors
    /// When it cannot be read, and when it is no longer what it was as the suite
    /// was loaded.
    pub fn read(&self) -> Result<Vec<u8>, crate::SuiteError> {
        self.suite.verified(&self.place.path, crate::MAX_PRIVATE_BYTES, self.sha256)
    }
}
