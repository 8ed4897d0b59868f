//! The grader that `plugins/README.md` shows.

#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/grader.rs"));

// The unit tests of what `lancet plugin new` begins with.
#[cfg(test)]
#[path = "../../../plugins/examples/rust/agent/src/lib.rs"]
mod new_agent;
#[cfg(test)]
#[path = "../../../plugins/examples/rust/grader/src/lib.rs"]
mod new_grader;
