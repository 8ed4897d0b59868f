//! The real binary on real suites, from the command line to the report.

mod bad_input;
mod context;
mod plugins;
mod predictions;
mod records;
mod report;
mod swe_lancer;
