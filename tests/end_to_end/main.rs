//! The real binary on real suites, from the command line to the report.

mod audit;
mod bad_input;
mod bounds;
mod context;
mod controls;
mod graders;
mod help;
mod jobs;
mod models;
mod options;
mod plugins;
mod predictions;
mod recorded;
mod records;
mod report;
mod secrets;
mod security;
mod server;
mod shapes;
mod swe_lancer;
