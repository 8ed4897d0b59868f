//! The agent of `docs/agent.md`.

#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/grep.rs"));
