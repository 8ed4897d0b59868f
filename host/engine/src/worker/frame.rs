//! What parent and worker say to one another, and how it goes over the line: a length of
//! four bytes, little-endian, and that much JSON.
//!
//! The parent begins, with a [`Job`]. From there on they take turns: the worker says
//! [`Said::Call`] and is answered with a [`Reply`], until it says [`Said::Ended`].

use std::borrow::Cow;

use lancet_core::{Fault, Limits, Request, Response, Task};
use serde::{Deserialize, Serialize};

use crate::output::{MAX_OUTPUT_BYTES, Written};

/// The bytes of a frame's length.
pub(super) const HEAD_BYTES: usize = 4;

/// What a worker does, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job<'a> {
    pub(crate) work: Work,
    pub(crate) task: Option<Cow<'a, Task>>,
    pub(crate) limits: Cow<'a, Limits>,
    pub(crate) seed: [u8; 32],
}

impl<'a> Job<'a> {
    /// A call for a task.
    pub(crate) fn on(work: Work, task: &'a Task, limits: &'a Limits, seed: [u8; 32]) -> Self {
        Self { work, task: Some(Cow::Borrowed(task)), limits: Cow::Borrowed(limits), seed }
    }
}

/// What a worker is to come back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Work {
    /// What it loaded, as [`Inspected`].
    Inspect {
        /// Whether the component exports `configuring`.
        configurable: bool,
    },
    /// What can be set of the agent.
    Describe,
    /// What the agent hands in.
    Solve,
    /// The grader's verdict.
    Grade,
}

/// What a worker tells of the component that it loaded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inspected {
    /// How its types differ from the contract's, if they do.
    pub(crate) mismatch: Option<String>,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Said<T> {
    /// The guest calls a capability.
    Call {
        fuel_used: u64,
        request: Request,
        /// Whether the guest has used up what it may, so that it gets no answer for which
        /// it would have to wait.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        overdrawn: bool,
    },
    /// The guest is over.
    Ended {
        how: How<T>,
        /// Fuel used, with what calls of WASI cost. `None` when the clock ended it.
        spent: Option<u64>,
        /// Bytes of memory that the guest had.
        #[serde(default)]
        memory: u64,
        output: Vec<Written>,
    },
}

/// How a guest ended, by its worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum How<T> {
    /// It returned.
    Returned(T),
    /// Its clock ended it.
    TimedOut,
    /// It failed by itself.
    Fault(Fault),
    /// Its last call was answered with a failure of the infrastructure.
    Unavailable,
    /// The parent had ended it.
    Over,
    /// The worker could not go on.
    Failed(String),
}

/// From the parent: the answer to a call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Reply<R> {
    /// It is answered.
    Answered { response: R, fuel: u64 },
    /// There is no answer, and the guest is over.
    Over,
    /// There is no answer at once, and the guest was overdrawn.
    Overdrawn,
}

/// What a worker reads.
pub(super) type Heard = Reply<Response>;

/// A message as it goes over the line.
///
/// # Errors
/// When it cannot be written as JSON, or is too long for any frame.
pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut frame = vec![0; HEAD_BYTES];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - HEAD_BYTES)
        .map_err(|_| serde::ser::Error::custom("a message of more than 4 GiB"))?;
    frame[..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// The length of the JSON of a frame, if its head is there.
pub(super) fn length(received: &[u8]) -> Option<usize> {
    let head = received.first_chunk::<HEAD_BYTES>()?;
    Some(u32::from_le_bytes(*head) as usize)
}

/// What a frame of a worker may be at most. A guest gives no more than
/// [`Limits::call_bytes`] in one call or as its result; the rest is what becomes of that as
/// JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    bytes: usize,
    marks: usize,
}

/// Shorter frames hold too little to be looked into before they are read.
const SHORT_BYTES: usize = 64 << 10;

impl Bound {
    pub(super) fn of(limits: &Limits) -> Self {
        let call = usize::try_from(limits.call_bytes).unwrap_or(usize::MAX);
        // A byte is 6 as JSON where it is a control character. Names of fields, numbers
        // and the messages of faults take the rest, and WASI's streams.
        let bytes = call.saturating_mul(6).saturating_add(12 * MAX_OUTPUT_BYTES + (256 << 10));
        // The least that a value costs a guest is 48 bytes, for two texts, and the most that
        // comes of 8 is one mark.
        Self { bytes, marks: call / 8 + SHORT_BYTES }
    }

    /// Whether a frame of that length may come.
    pub(super) fn admits(self, length: usize) -> bool {
        length <= self.bytes
    }

    /// Whether reading a frame takes no more memory than a guest's call could make it take:
    /// by how many values it holds, which cost many times their text.
    pub(super) fn admits_values(self, json: &[u8]) -> bool {
        json.len() <= SHORT_BYTES || marks(json) <= self.marks
    }
}

/// How many characters of JSON, outside of texts, begin or divide values.
fn marks(json: &[u8]) -> usize {
    let mut marks = 0;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b':' | b'[' | b'{' => marks += 1,
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use lancet_core::{LogLevel, Octets};

    use super::*;

    #[test]
    fn a_frame_is_its_length_and_json() {
        let frame = encode(&Reply::<Response>::Over).unwrap();
        assert_eq!(frame, b"\x06\0\0\0\"over\"");
        assert_eq!(length(&frame), Some(6));
        assert_eq!(length(&frame[..3]), None);
    }

    #[test]
    fn marks_in_texts_are_none() {
        assert_eq!(marks(br#"{"a,b":["[\"{",1,"\\",2]}"#), 6);
        assert_eq!(marks(br#""never ends,,,"#), 0);
        assert_eq!(marks(br#""\"#), 0);
    }

    #[test]
    fn whatever_one_call_can_carry_fits() {
        let limits = Limits::standard();
        let most = usize::try_from(limits.call_bytes).unwrap();
        let bound = Bound::of(&limits);
        let level = LogLevel::Info;
        let log = |message, fields| Request::LogWrite { level, message, fields, dropped_bytes: 0 };
        for request in [
            // What grows most as text.
            log("\u{1}".repeat(most), Vec::new()),
            Request::WorkspaceWrite { path: String::new(), contents: Octets(vec![0xff; most]) },
            // The most values: each takes 48 bytes of the limit.
            log(String::new(), vec![Default::default(); most / 48]),
        ] {
            let frame = encode(&Said::<()>::Call { fuel_used: u64::MAX, request, overdrawn: true }).unwrap();
            assert!(bound.admits(length(&frame).unwrap()));
            assert!(bound.admits_values(&frame[HEAD_BYTES..]));
        }
        let stream = "\u{1}".repeat(MAX_OUTPUT_BYTES);
        let written = || Written { level, stream: "stdout".to_owned(), text: stream.clone() };
        let fault = Fault::new(lancet_core::FaultKind::Trap, "\u{1}".repeat(2_000));
        let said = Said::<()>::Ended {
            how: How::Fault(fault),
            spent: None,
            memory: u64::MAX,
            output: vec![written(), written()],
        };
        assert!(
            Bound::of(&Limits { call_bytes: 0, ..limits }).admits(length(&encode(&said).unwrap()).unwrap())
        );
    }

    #[test]
    fn what_would_take_many_times_its_text_is_refused() {
        let bound = Bound::of(&Limits::standard());
        let json = format!("[{}1]", "[],".repeat(1 << 20));
        assert!(bound.admits(json.len()));
        assert!(!bound.admits_values(json.as_bytes()));
    }
}
