//! The grader that `plugins/README.md` shows.

#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/grader.rs"));
