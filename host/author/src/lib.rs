//! What authors of plugins try them with: *fixtures*, which say what a plugin is told and what
//! it has to come to, and inputs that are made to break it.
//!
//! A fixture is a file ([`lancet_core::Fixture`]). [`Fixture::read`] takes it in, [`test()`] runs
//! a plugin on it, and [`record`] makes one from an attempt in a store. [`check`] needs none: it
//! looks at what a component is, and runs it on tasks, answers, keys, test reports and failures
//! that no plugin may come to grief on.
//!
//! Nothing here prints, asks the network or starts a container: what a plugin asks is answered
//! from what is held in memory.

#![forbid(unsafe_code)]

mod check;
mod contents;
mod fixture;
mod held;
mod record;
mod redact;
mod trial;

pub use check::{CHECK_JOBS, Subject, check};
pub use fixture::{Fixture, FixtureError, widest};
pub use record::{RecordError, record};
pub use redact::{RedactError, redact};
pub use trial::{limits, test};
