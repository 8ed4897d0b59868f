//! The importer of SWE-Lancer's task table into the canonical suite folder.
//!
//! [`import()`] reads the table in any of its three generations, and the issue folders
//! beside it, and writes a folder that [`lancet_suite::Suite::open`] reads: whole or not
//! at all. Rows with a problem are left out and reported by row and column. What the
//! table quotes as Python literals is read by [`literal`], which evaluates nothing.

#![forbid(unsafe_code)]

mod contribution;
mod escape;
mod import;
mod issue_folder;
pub mod literal;
mod output;
mod patch;
mod prompt;
mod python;
mod report;
mod row;
mod table;

pub use escape::{UnfaithfulError, decode_faithful, decode_fixed};
pub use import::{ImportOptions, import, import_until};
pub use report::{ImportError, ImportSummary, KindSummary, RowProblem, RowProblemKind};
