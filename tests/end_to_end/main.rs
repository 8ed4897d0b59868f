//! The real binary on real suites, from the command line to the report.

mod audit;
mod bad_input;
mod bounds;
mod context;
mod controls;
mod graders;
mod help;
mod jobs;
mod judging;
#[path = "../model_server/mod.rs"]
mod model_server;
mod models;
mod options;
mod plugins;
mod predictions;
mod recorded;
mod records;
mod report;
mod secrets;
mod security;
mod shapes;
mod spending;
mod swe_lancer;
