//! The real binary on real suites, from the command line to the report.

mod bad_input;
mod context;
mod controls;
mod graders;
mod plugins;
mod records;
mod report;
mod swe_lancer;
