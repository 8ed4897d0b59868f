//! The demonstration: the sample suite with three agents, one of which asks a model.

use crate::run;

/// Where the demonstration keeps its runs: below the target folder, so that it
/// leaves nothing else behind.
const STORE: &str = "target/demo/store";

/// The answers of a model that is none: nothing goes to a network.
const SCRIPT: &str = "scripted/docs/examples/managers.toml";

/// The main job on embedded defaults: a sample suite, three agents, the reports.
pub(crate) fn demo() -> Result<(), String> {
    eprintln!("building the plugins and the host; the first time takes a few minutes");
    run::wasm_target()?;
    run::cargo(&["build", "--package", "lancet"])?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let lancet = format!("{target}/debug/lancet");
    let suite = "tasks/storefront-managers";
    for (agent, says) in [
        ("longest", "an agent that always chooses the longest proposal"),
        ("random", "an agent that chooses at random, from the run's seed"),
    ] {
        println!("\n$ lancet run {suite} --agent {agent}      # {says}\n");
        run::program(&lancet, &["run", suite, "--agent", agent, "--store", STORE])?;
    }
    println!("\n$ lancet run {suite} --agent tool-loop --model {SCRIPT}      # an agent that asks a model\n");
    let asks =
        ["run", suite, "--agent", "tool-loop", "--model", SCRIPT, "--budget", "asks=5", "--store", STORE];
    run::program(&lancet, &asks)?;
    println!("\n$ lancet show latest/search-race/1 --transcript      # what they said to one another\n");
    run::program(&lancet, &["show", "latest/search-race/1", "--transcript", "--store", STORE])?;
    println!("\n$ lancet replay latest      # executed again from the journal alone\n");
    run::program(&lancet, &["replay", "latest", "--store", STORE])?;
    println!("\nmore: `{lancet} help`; the runs are in {STORE}");
    Ok(())
}
