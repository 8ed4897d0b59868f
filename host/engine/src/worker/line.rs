//! A worker's end of the line to its parent.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use lancet_core::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::{HEAD_BYTES, Heard, Reply, Said, encode, length};
use crate::exchange::Answered;

/// Ends a guest because the process that answers its calls says so, which knows why.
#[derive(Debug, thiserror::Error)]
#[error("the process that answers the guest's calls ended it")]
pub(crate) struct Over;

/// The line to the parent. There is nothing to do without one, so a process that loses it
/// is over.
pub(crate) struct Line {
    stream: UnixStream,
    received: Vec<u8>,
    filled: usize,
}

/// How much is made room for at a time.
const STEP_BYTES: usize = 64 << 10;

impl Line {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, received: Vec::new(), filled: 0 }
    }

    /// Has the parent answer a call.
    ///
    /// # Errors
    /// [`Over`]: the guest is.
    pub(crate) fn ask(&mut self, fuel_used: u64, request: Request) -> wasmtime::Result<Answered> {
        self.ask_unless(false, fuel_used, request)?.ok_or_else(|| Over.into())
    }

    /// Has the parent answer a call, or say `None` where the guest `is_overdrawn` and would
    /// have to wait.
    ///
    /// # Errors
    /// [`Over`]: the guest is.
    pub(crate) fn ask_unless(
        &mut self,
        is_overdrawn: bool,
        fuel_used: u64,
        request: Request,
    ) -> wasmtime::Result<Option<Answered>> {
        self.say(&Said::<()>::Call { fuel_used, request, overdrawn: is_overdrawn });
        match self.hear::<Heard>() {
            Reply::Answered { response, fuel } => Ok(Some(Answered { response, fuel })),
            Reply::Over => Err(Over.into()),
            Reply::Overdrawn => Ok(None),
        }
    }

    /// Sends a message, in one write where there is room for it.
    pub(super) fn say(&mut self, message: &impl Serialize) {
        let frame = encode(message).unwrap_or_else(|error| lost(&error));
        self.stream.write_all(&frame).unwrap_or_else(|error| lost(&error));
    }

    /// The next message.
    pub(super) fn hear<T: DeserializeOwned>(&mut self) -> T {
        loop {
            let received = &self.received[..self.filled];
            let end = length(received).map(|length| HEAD_BYTES + length);
            if let Some(json) = end.and_then(|end| received.get(HEAD_BYTES..end)) {
                let message = serde_json::from_slice(json).unwrap_or_else(|error| lost(&error));
                // The parent says nothing before it is asked again.
                self.filled = 0;
                return message;
            }
            if self.received.len() - self.filled < STEP_BYTES / 2 {
                let wanted = end.unwrap_or(0).max(self.filled + STEP_BYTES);
                self.received.resize(wanted, 0);
            }
            match self.stream.read(&mut self.received[self.filled..]) {
                Ok(0) => lost(&"the parent is gone"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => lost(&error),
            }
        }
    }
}

/// Ends this process: there is nobody to work for.
fn lost(why: &dyn std::fmt::Display) -> ! {
    eprintln!("the line to the host is lost: {why}");
    std::process::exit(1)
}
