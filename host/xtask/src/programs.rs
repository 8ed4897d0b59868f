//! The test programs of the workspace: built by cargo, run side by side.
//!
//! Cargo runs one test program after the other, and ends with the first that fails. Tests
//! of containers wait for most of their time, so here two programs run at a time, all of
//! them to their end, and what each took is shown.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::run;

/// How many test programs run at a time. Tests may not depend on how busy the machine is,
/// but more would make them slow.
const LANES: usize = 2;

/// The programs that take longest, the longest first: whatever begins late should be short.
const LONGEST: [&str; 6] =
    ["containers", "attempt", "lancet_docker", "contained", "end-to-end", "lancet_models"];

/// A test program.
struct Program {
    /// The name of the target that it was built of.
    name: String,
    executable: PathBuf,
    /// Where cargo would run it: the folder of its package.
    folder: PathBuf,
}

/// A program that has ended.
struct Ended {
    name: String,
    status: Result<ExitStatus, String>,
    took: Duration,
    /// The names of its tests that failed.
    failed: Vec<String>,
}

impl Ended {
    fn is_good(&self) -> bool {
        self.status.as_ref().is_ok_and(ExitStatus::success)
    }
}

/// Builds all tests of the workspace and runs them, those of the documentation last.
///
/// # Errors
/// When something cannot be built, or which programs failed.
pub(crate) fn run_all(variables: &[(&str, &str)]) -> Result<(), String> {
    let mut programs = build()?;
    let rank =
        |program: &Program| LONGEST.iter().position(|name| *name == program.name).unwrap_or(LONGEST.len());
    programs.sort_by_key(rank);
    let queue = Mutex::new(VecDeque::from(programs));
    let ended = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(program) = take(&queue) {
                    let done = execute(program, variables);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).push(done);
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|program| std::cmp::Reverse(program.took));
    eprintln!("\nwhat took longest, of {} test programs:", ended.len());
    for program in ended.iter().take(12) {
        eprintln!("{:>6} s  {}", program.took.as_secs(), program.name);
    }
    let documentation = run::cargo_with(&["test", "--workspace", "--doc"], variables);
    let failed: Vec<String> = ended.iter().filter(|program| !program.is_good()).map(words).collect();
    match failed.is_empty() {
        true => documentation,
        false => Err(format!("tests failed: {}", failed.join("; "))),
    }
}

fn words(program: &Ended) -> String {
    match &program.status {
        Ok(_) if !program.failed.is_empty() => format!("{} ({})", program.name, program.failed.join(", ")),
        Ok(status) => format!("{} ({status})", program.name),
        Err(problem) => format!("{} ({problem})", program.name),
    }
}

fn take(queue: &Mutex<VecDeque<Program>>) -> Option<Program> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Has cargo build the test programs, and tell where they are.
fn build() -> Result<Vec<Program>, String> {
    let arguments = ["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"];
    let messages = run::cargo_output(&arguments)?;
    let programs: Vec<Program> = messages.lines().filter_map(program).collect();
    match programs.is_empty() {
        true => Err("cargo built no test program".to_owned()),
        false => Ok(programs),
    }
}

/// The test program that a message of cargo's tells of.
fn program(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let executable = message["executable"].as_str().filter(|_| is_test)?;
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    Some(Program {
        name: message["target"]["name"].as_str()?.to_owned(),
        executable: executable.into(),
        folder: manifest.parent()?.to_owned(),
    })
}

/// Runs a program to its end, and only then prints what it wrote, so that what two of them
/// write is not mixed.
fn execute(program: Program, variables: &[(&str, &str)]) -> Ended {
    let Program { name, executable, folder } = program;
    eprintln!("running the tests of `{name}`");
    let began = Instant::now();
    let output = Command::new(&executable)
        .current_dir(&folder)
        .env("CARGO_MANIFEST_DIR", &folder)
        .envs(variables.iter().copied())
        .output();
    let took = began.elapsed();
    let mut failed = Vec::new();
    let status = match output {
        Ok(output) => {
            let written = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            eprintln!("\n`{name}`, {} s, {}:\n{}", took.as_secs(), output.status, written.trim());
            failed.extend(written.lines().filter_map(failed_test).map(str::to_owned));
            Ok(output.status)
        }
        Err(problem) => Err(format!("{} cannot be run: {problem}", executable.display())),
    };
    Ended { name, status, took, failed }
}

/// The name of the test that a line says has failed.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}
