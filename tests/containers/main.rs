//! Individual contributor tasks through the real binary, the real Docker engine and
//! real browsers. Nothing here is left out when the engine is missing: it fails, and
//! says so.

#[path = "../end_to_end/context.rs"]
#[allow(dead_code, reason = "shared with the tests that need no engine")]
mod context;
#[path = "../model_server/mod.rs"]
mod model_server;
#[path = "../../host/models/tests/python/mod.rs"]
mod python;
#[path = "../campaign/scale.rs"]
mod scale;
#[path = "../end_to_end/secrets.rs"]
mod secrets;

mod bad_input;
mod bounds;
mod controls;
mod crash;
mod history;
mod hostile;
mod isolation;
mod managers;
mod models;
mod neighbours;
mod patches;
mod record;
mod signals;
mod stand_in;
mod suites;
mod two_machines;
mod user_tool;
