//! Where runs are kept: SQLite for runs, attempts and journals, and a
//! content-addressed folder for blobs.
//!
//! The [`Store`] is the truth about every run. Whatever it has acknowledged is
//! there, once, after the process has been killed at any point: verdicts,
//! reports, resuming and replay all start from here.
//!
//! A store is a folder, readable by its owner only, since journals and blobs
//! hold answer keys:
//!
//! ```text
//! lancet.db       runs, attempts, events, the ledger and the log (SQLite, write-ahead log)
//! blobs/ab/cdef…  files named by their SHA-256
//! blobs/tmp/      blobs that are being written
//! locks/RUN       held by the process that executes the run
//! ```
//!
//! An attempt goes from `queued` over `submitted` to `decided`. Events are
//! appended in batches, each with the change of state that rests on it, and each
//! under the sequence number that the writer believes to be next, so a batch is
//! recorded once or not at all. Requests to models have lines of their own in a ledger,
//! durable before they are sent and again when it is known what they came to.
//!
//! A log tells of runs and verdicts, one leaf after the other, each written in the transaction
//! of what it tells of: after a crash it says what the rest says. It only grows, and its tree
//! (RFC 6962) can be signed, so that what was in it once cannot be taken out unnoticed.

#![forbid(unsafe_code)]

mod audit;
mod blob;
mod cause;
mod error;
mod failpoint;
mod folder;
mod journal;
mod ledger;
mod lock;
mod log;
mod reader;
mod row;
mod schema;
mod store;
mod writer;

pub use audit::Audit;
pub use blob::Bytes;
pub use error::StoreError;
pub use failpoint::{FAILPOINT_VARIABLE, FAILPOINTS, failpoint};
pub use ledger::{Elapsed, EntryState, LedgerEntry, LedgerTotals, NewEntry};
pub use lock::RunLock;
pub use reader::Reader;
pub use row::{AttemptRow, NewAttempt, RunCounts, RunRow, TimedEvent, Transition};
pub use store::Store;
