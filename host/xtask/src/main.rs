//! Development tasks. `cargo xtask` lists them.

#![forbid(unsafe_code)]

mod demo;
mod docker;
mod docs;
mod fuzz;
mod package;
mod programs;
mod run;
mod schemas;
mod structure;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  demo       build the plugins and the host, run the sample suite with three agents, show the reports
  test       pass all tests; installs what they need (the wasm32-unknown-unknown target, Docker)
  lint       the structure, the documentation, then rustfmt, clippy and rustdoc without warnings, the package of the
             kit, and cargo-deny where it is installed
  structure  the first part of `lint` alone: directions between crates, circles of imports, lengths of files
  package    pack the kit for plugins in Rust and compile what was packed; nothing is published
  schemas    write the JSON Schemas under docs/schemas; `--check` only compares
  docs       write the generated chapters of the book, check links and commands, make its pages; `--check` is the
             part of it that builds nothing
  bench      run the benchmarks that BENCHMARKS.md reports
  fuzz       fuzz one parser: `fuzz PARSER --executions N`; `--input FILE` tries one input again";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["demo"] => demo::demo(),
        ["test", rest @ ..] => test(rest),
        ["lint"] => lint(),
        ["structure"] => structure::check(),
        ["package"] => package::compile(),
        ["schemas"] => schemas::write(),
        ["schemas", "--check"] => schemas::check(),
        ["docs"] => docs::write(&tasks()),
        ["docs", "--check"] => docs::check(&tasks()),
        ["bench"] => bench(),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The names of all tasks, as the usage lists them.
fn tasks() -> Vec<&'static str> {
    let lines = USAGE.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next()).collect()
}

/// All tests of the workspace, documentation tests included. Anything said besides is for
/// `cargo test`, which then runs them its own way.
fn test(rest: &[&str]) -> Result<(), String> {
    run::wasm_target()?;
    schemas::check()?;
    docs::check(&tasks())?;
    docker::ensure()?;
    match rest {
        [] => programs::run_all(&docker::VARIABLES),
        rest => run::cargo_with(&[&["test", "--workspace"], rest].concat(), &docker::VARIABLES),
    }
}

/// What a change has to pass besides the tests.
fn lint() -> Result<(), String> {
    structure::check()?;
    docs::check(&tasks())?;
    run::wasm_target()?;
    run::cargo(&["fmt", "--all", "--check"])?;
    run::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    run::cargo_with(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    package::check()?;
    if run::is_installed("cargo-deny") {
        // Advisories need the network; licences, bans and sources do not.
        run::cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"])?;
    } else {
        eprintln!("cargo-deny is not installed, so deny.toml is not checked: `cargo install cargo-deny`");
    }
    Ok(())
}

/// The benchmarks that BENCHMARKS.md reports, those of containers last; the
/// comparisons with Inspect want a network and are started by hand:
/// `tests/bench/against_inspect.py` and `tests/bench/models.py`.
fn bench() -> Result<(), String> {
    run::wasm_target()?;
    run::cargo(&["bench", "--package", "lancet-engine", "--package", "lancet-swe-lancer"])?;
    run::cargo(&["build", "--release", "--package", "lancet"])?;
    run::program("python3", &["tests/bench/whole_run.py"])?;
    docker::ensure()?;
    run::cargo(&["bench", "--package", "lancet-docker", "--bench", "snapshot"])?;
    run::program("python3", &["tests/bench/containers.py"])
}
