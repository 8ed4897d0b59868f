//! Compiling a stranger's component in a child process under limits.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::config;

/// The most address space that compiling one component may take, in bytes.
pub const COMPILE_MEMORY_BYTES: u64 = 4 << 30;
/// The most processor seconds that compiling one component may take. The largest
/// known guest, of 18 MiB, takes 7.
pub const COMPILE_SECONDS: u64 = 120;

/// What a component could not be compiled for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("the compiler refuses it: {0}")]
    Refused(String),
    #[error(
        "compiling it took more than {COMPILE_SECONDS} s or {gib} GiB, or crashed the compiler ({0})",
        gib = COMPILE_MEMORY_BYTES >> 30
    )]
    Crashed(String),
    #[error("the compiling process could not be run: {0}")]
    Host(#[from] io::Error),
}

/// Compiles in a child process, so that a component made to blow up the compiler
/// takes down that child and nothing else. `worker` is this very program; its
/// arguments are made so that it calls [`compile_worker`].
pub(crate) fn in_child(
    worker: &Path,
    arguments: &[String],
    component: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("in.wasm"), folder.path().join("out.cwasm"));
    std::fs::write(&input, component)?;
    let mut child = Command::new(worker)
        .args(arguments)
        .args([&input, &output])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // It limits its own processor time, and reads, computes and writes: there is nothing
    // that it could wait for, and a limit on any other time would have a component
    // refused because the machine is busy.
    let mut words = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = io::Read::read_to_string(&mut io::Read::take(&mut stderr, 4_000), &mut words);
    }
    let status = child.wait()?;
    match status.code() {
        Some(0) => Ok(std::fs::read(&output)?),
        Some(1) => Err(CompileError::Refused(words.trim().to_owned())),
        _ => Err(CompileError::Crashed(status.to_string())),
    }
}

/// The child's side: limits itself, compiles `input` to `output`, and returns
/// the exit code. A refusal is a line on stderr and 1.
#[must_use]
pub fn compile_worker(input: &PathBuf, output: &PathBuf) -> u8 {
    let limit = |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    let limited = limit(Resource::Core, 0)
        .and_then(|()| limit(Resource::As, COMPILE_MEMORY_BYTES))
        .and_then(|()| limit(Resource::Cpu, COMPILE_SECONDS));
    if let Err(error) = limited {
        eprintln!("the limits of the compiling process could not be set: {error}");
        return 3;
    }
    let result = std::fs::read(input).map_err(|e| e.to_string()).and_then(|bytes| {
        let engine = config::compiler().map_err(|e| e.to_string())?;
        engine.precompile_component(&bytes).map_err(|e| format!("{e:#}"))
    });
    match result.map(|code| std::fs::write(output, code)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("{error}");
            3
        }
        Err(refusal) => {
            eprintln!("{refusal}");
            1
        }
    }
}
