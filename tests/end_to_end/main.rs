//! The real binary on real suites, from the command line to the report.

mod audit;
mod authors;
mod bad_input;
mod bombs;
mod book;
mod bounds;
mod context;
mod controls;
mod demo;
#[path = "../../host/xtask/src/demo/commands.rs"]
mod demo_commands;
mod exported;
mod full;
mod graders;
#[path = "../guests/mod.rs"]
mod guests;
mod help;
mod isolation;
mod jailed;
mod jobs;
mod judging;
mod kernel;
mod kits;
mod languages;
mod logs;
#[path = "../model_server/mod.rs"]
mod model_server;
mod models;
#[expect(dead_code, reason = "what takes no path is for the program's own tests, which read the table too")]
mod option_table;
mod options;
mod packages;
mod paths;
mod plugins;
mod policy;
mod predictions;
mod pulls;
#[path = "../../host/models/tests/python/mod.rs"]
mod python;
mod real_model;
mod recorded;
mod records;
mod registry;
mod report;
#[path = "../campaign/scale.rs"]
mod scale;
mod secrets;
mod security;
mod shapes;
mod signing;
#[path = "../../host/models/tests/smollm2/mod.rs"]
mod smollm2;
mod spending;
mod streams;
mod swe_lancer;
mod told;
#[path = "../campaign/unprivileged.rs"]
mod unprivileged;
mod words;
