//! What may be known of a Playwright trace.
//!
//! A trace of a hidden test holds the test: its steps with their selectors, its
//! assertions with what they expect, its sources and call stacks. It also holds what
//! the page did, and that is all that a person who goes through the steps would see.
//! So nothing is taken out of a trace here: a new one is made, of those kinds of
//! events that are the page's, and of each of these the fields that are known. What
//! Playwright may add one day is not in it until it is added here.
//!
//! | kind | what is kept |
//! |---|---|
//! | pages opened and closed, errors of pages | the page, the error's name and message |
//! | console | level, text, address |
//! | pictures, snapshots of the page | all, but for the marks on what a step aims at |
//! | requests of the page and their answers | address, method, headers, contents, times |
//! | steps that a page can tell (a click, a key, an address) | method, times, place; no selector, no argument, no words of an error |
//! | anything else | nothing |
//!
//! Contents are those that something kept refers to. Names of files are given anew.
//!
//! What is here was written beside a page that an adversary made. Lines end at `\n`
//! only, every line has to be whole, and whatever is not as it should be ends
//! everything: there is no trace then.

#![forbid(unsafe_code)]

mod event;
mod resource;
mod snapshot;
mod trace;
mod zip;

pub use trace::{Trace, rebuild_files, rebuild_zip, unpack_zip};

/// The most bytes of a trace once it is unpacked: 256 MiB.
pub const MAX_BYTES: usize = 256 << 20;
/// The most entries of a trace's archive.
pub const MAX_ENTRIES: usize = 20_000;
/// The most bytes of one event: 32 MiB. While it is read it takes many times as much.
pub const MAX_LINE_BYTES: usize = 32 << 20;

/// Why there is no trace. Says where, and never what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// It is no archive, or one that is cut or contradicts itself.
    #[error("its archive {0}")]
    Archive(&'static str),
    /// It is larger than what is read.
    #[error("it has more than {} bytes", MAX_BYTES)]
    TooLarge,
    /// It has no file of events.
    #[error("it has no events")]
    NoEvents,
    /// A line is no event.
    #[error("its line {line} {problem}")]
    Line {
        /// From 1, in the file that it is in.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}
