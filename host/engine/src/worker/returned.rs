//! What a worker may bring back of its guest.

use lancet_core::{Fault, FaultKind};
use serde::de::DeserializeOwned;

use super::frame::Inspected;
use crate::execution::{Declared, Graded, Solved};
use crate::words::MAX_WORDS_BYTES;

/// The most bytes of what is said of a fault.
pub(super) const MAX_MESSAGE_BYTES: usize = 4 << 10;
/// The most bytes of what is said of types that differ.
const MAX_MISMATCH_BYTES: usize = 64 << 10;

/// Something that is read from a worker.
pub(crate) trait Returned: DeserializeOwned {
    /// Whether a worker that was not tampered with can return it. What it is worth is for
    /// the parent to find out.
    fn is_possible(&self) -> bool;
}

impl Returned for Solved {
    fn is_possible(&self) -> bool {
        // Before the words comes what they are.
        self.as_ref().err().is_none_or(|words| words.len() <= MAX_WORDS_BYTES + 32)
    }
}

impl Returned for Graded {
    fn is_possible(&self) -> bool {
        let may_be = |fault: &Fault| matches!(fault.kind, FaultKind::MalformedResult | FaultKind::Error);
        self.as_ref().err().is_none_or(|fault| may_be(fault) && is_short(fault))
    }
}

impl Returned for Declared {
    fn is_possible(&self) -> bool {
        let may_be = |fault: &Fault| fault.kind == FaultKind::MalformedResult;
        self.as_ref().err().is_none_or(|fault| may_be(fault) && is_short(fault))
    }
}

impl Returned for Inspected {
    fn is_possible(&self) -> bool {
        self.mismatch.as_ref().is_none_or(|text| text.len() <= MAX_MISMATCH_BYTES)
    }
}

/// Whether what is said of the fault is as short as it can be.
pub(super) fn is_short(fault: &Fault) -> bool {
    fault.message.len() <= MAX_MESSAGE_BYTES
}
