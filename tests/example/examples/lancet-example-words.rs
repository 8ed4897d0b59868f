//! The agent that `plugins/README.md` shows for what an agent sees.

#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/words.rs"));
