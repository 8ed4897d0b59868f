//! The images that were prepared for environments, as this process remembers them: making
//! one takes a while, and many attempts ask for the same.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use lancet_core::{PinnedImage, Sha256};
use tokio::sync::Mutex;

/// The images that an environment's containers are made of, after its `setup` and
/// `conceal` commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The agent's image: without what it must not see.
    pub agent: PinnedImage,
    /// The image of the app and its tests. It differs only where `conceal` takes something away.
    pub app: PinnedImage,
}

/// What was prepared and checked by this process, by what it depends on. Whoever
/// asks for the same while it is made waits for it.
#[derive(Default)]
pub(crate) struct Preparations(std::sync::Mutex<HashMap<Sha256, Arc<Mutex<Option<Prepared>>>>>);

impl Preparations {
    pub(crate) fn slot(&self, key: Sha256) -> Arc<Mutex<Option<Prepared>>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key).or_default())
    }
}
