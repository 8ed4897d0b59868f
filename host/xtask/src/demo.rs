//! The demonstration: the sample suite with three agents, one of which asks a model.
//!
//! Once everything is built, nothing of it opens a connection.

mod commands;

use crate::run;

/// Where the demonstration keeps its runs: below the target folder, so that it
/// leaves nothing else behind.
const STORE: &str = "target/demo/store";

/// The main job on embedded defaults: a sample suite, three agents, the reports.
pub(crate) fn demo() -> Result<(), String> {
    eprintln!(
        "building the plugins and the host; the first time takes up to a quarter of an hour on two processors"
    );
    run::wasm_target()?;
    run::cargo(&["build", "--package", "lancet"])?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let lancet = format!("{target}/debug/lancet");
    println!(
        "\nA suite has tasks with prices. Each of the twelve here is an issue and several proposals to solve it; an\n\
         agent chooses one, a grader judges the choice, and who chose the right one has earned the price. All\n\
         agents and graders are WebAssembly components that can do what they import and nothing else."
    );
    for (arguments, says) in commands::COMMANDS {
        println!("\n$ lancet {}      # {says}\n", arguments.join(" "));
        run::program(&lancet, &[arguments, &["--store", STORE]].concat())?;
    }
    println!("\nmore: `{lancet} help`; the runs are in {STORE}");
    Ok(())
}
