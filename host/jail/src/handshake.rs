//! What parent and child tell each other before the line is the program's own: the bounds
//! one way, what holds the other way. A length of four bytes, little-endian, and JSON.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;

/// Longer than any message of the handshake, in bytes.
const MAX_BYTES: u32 = 64 << 10;

/// Which walls hold around a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whether system calls are filtered.
    pub seccomp: bool,
    /// The version of Landlock's interface that is in force. `None` where the kernel has
    /// none, or has it switched off.
    pub landlock_abi: Option<u32>,
    /// The user that the process runs as.
    pub uid: u32,
}

/// Walls left out, so that tests can show that a wall is what held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[doc(hidden)]
pub struct Without {
    /// No filter of system calls.
    pub seccomp: bool,
    /// No Landlock.
    pub landlock: bool,
    /// No limits.
    pub limits: bool,
    /// All limits but this one, by the kernel's number of it.
    pub limit: Option<u32>,
}

/// From the parent, once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) bounds: Bounds,
    /// The user to become, if the parent is root.
    pub(crate) user: Option<u32>,
    pub(crate) without: Without,
}

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The outer walls hold, and nothing of a stranger's was looked at before.
    Entered(Held),
    /// What it was given is loaded from here on: whatever the process says after that may be
    /// said by whoever made that.
    Loads,
    /// All walls hold.
    Locked,
    /// A wall does not hold: the kernel's doing.
    NotHeld(String),
    /// What the process was to load cannot be loaded.
    NotLoaded(String),
    /// The process cannot work here, whatever it was to load.
    Unable(String),
}

/// From the parent, when it has seen that all walls hold.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Whether somebody waits for the process.
    pub(crate) is_awaited: bool,
}

pub(crate) fn send(line: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(message).map_err(io::Error::other)?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length <= MAX_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a message of the handshake is too long"))?;
    line.write_all(&[&length.to_le_bytes()[..], &json].concat())
}

pub(crate) fn receive<T: DeserializeOwned>(line: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    line.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no message of the handshake"));
    }
    let mut json = Vec::new();
    line.take(length.into()).read_to_end(&mut json)?;
    serde_json::from_slice(&json).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
