use std::time::Duration;

use lancet_core::LogLevel;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiView as _};

use crate::state::State;

/// The most bytes that a guest may write to each of its output streams.
const MAX_OUTPUT_BYTES: usize = 64 << 10;
/// The most random bytes that a guest may ask for in one call.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// Every interface of the profile, without version. What is not here (sockets,
/// HTTP) cannot be granted.
const INTERFACES: [&str; 20] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:filesystem/types",
    "wasi:filesystem/preopens",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
];

/// Whether the interface, named without its version, belongs to the profile.
pub(crate) fn has(interface: &str) -> bool {
    INTERFACES.contains(&interface)
}

/// WASI with nothing behind it, for guests whose language wants it: no files (no
/// folder is opened, so every path leads nowhere), no network, no environment,
/// no input; a clock that stands at 2000-01-01; random numbers from the
/// attempt's seed; output that goes to the log when the call is over.
pub(crate) struct Inert {
    // Made when it is first asked for: guests of the contract never do.
    ctx: Option<Box<WasiCtx>>,
    seed: [u8; 32],
    stdout: MemoryOutputPipe,
    stderr: MemoryOutputPipe,
}

struct Frozen;

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        // 2000-01-01T00:00:00Z. Not 0: software takes that for a broken clock.
        Duration::from_secs(946_684_800)
    }
}

impl HostMonotonicClock for Frozen {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

impl Inert {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            ctx: None,
            seed,
            stdout: MemoryOutputPipe::new(MAX_OUTPUT_BYTES),
            stderr: MemoryOutputPipe::new(MAX_OUTPUT_BYTES),
        }
    }

    pub(crate) fn ctx(&mut self) -> &mut WasiCtx {
        self.ctx.get_or_insert_with(|| {
            let stream = |number| {
                let mut random = ChaCha8Rng::from_seed(self.seed);
                // Stream 0 is the one of the contract's own interface.
                random.set_stream(number);
                random
            };
            let mut seed = stream(3);
            let seed = u128::from(seed.next_u64()) << 64 | u128::from(seed.next_u64());
            let ctx = WasiCtx::builder()
                .stdout(self.stdout.clone())
                .stderr(self.stderr.clone())
                .wall_clock(Frozen)
                .monotonic_clock(Frozen)
                .secure_random(stream(1))
                .insecure_random(stream(2))
                .insecure_random_seed(seed)
                .max_random_size(MAX_RANDOM_BYTES)
                .allow_ip_name_lookup(false)
                .allow_tcp(false)
                .allow_udp(false)
                .build();
            Box::new(ctx)
        })
    }

    /// What was written to each stream, if anything.
    pub(crate) fn output(&self) -> impl Iterator<Item = (LogLevel, &'static str, String)> {
        [(LogLevel::Info, "stdout", &self.stdout), (LogLevel::Warn, "stderr", &self.stderr)]
            .into_iter()
            .map(|(level, name, pipe)| (level, name, pipe.contents()))
            .filter(|(.., bytes)| !bytes.is_empty())
            .map(|(level, name, bytes)| (level, name, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let l = linker;
    type Table = wasmtime::component::HasSelf<ResourceTable>;
    wasmtime_wasi::p2::bindings::io::error::add_to_linker::<State, Table>(l, |s| s.ctx().table)?;
    wasmtime_wasi::p2::bindings::io::poll::add_to_linker::<State, Table>(l, |s| s.ctx().table)?;
    wasmtime_wasi::p2::bindings::io::streams::add_to_linker::<State, Table>(l, |s| s.ctx().table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    random::random::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    Ok(())
}
