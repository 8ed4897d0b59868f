//! The agent that `plugins/README.md` shows.

#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/agent.rs"));
