//! The inert profile of WASI: an interface that guests of some languages cannot do without,
//! behind which there is no world.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use lancet_core::LogLevel;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng, TryRng};
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiView as _};

use crate::clock::Clock;
use crate::output::{MAX_OUTPUT_BYTES, Written};
use crate::state::State;

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
///
/// Whatever is called costs fuel, and a sleep costs the time that it asks for and
/// passes at once: nothing here takes the host's time for free, or depends on how
/// fast it passes.
pub(crate) struct Inert {
    // Made when it is first asked for: guests of the contract never do.
    ctx: Option<Box<WasiCtx>>,
    seed: [u8; 32],
    clock: Clock,
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

/// `wasi:clocks/monotonic-clock`, which stands still as well.
struct Still<'a> {
    table: &'a mut ResourceTable,
    clock: &'a Clock,
}

impl HasData for Still<'static> {
    type Data<'a> = Still<'a>;
}

impl monotonic_clock::Host for Still<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        Ok(0)
    }

    fn resolution(&mut self) -> wasmtime::Result<monotonic_clock::Duration> {
        Ok(1)
    }

    fn subscribe_instant(
        &mut self,
        when: monotonic_clock::Instant,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        // It is 0 now, and always.
        self.subscribe_duration(when)
    }

    fn subscribe_duration(
        &mut self,
        when: monotonic_clock::Duration,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let sleep = Sleep { left: Duration::from_nanos(when), clock: self.clock.clone() };
        let sleep = self.table.push(sleep)?;
        subscribe(self.table, sleep)
    }
}

/// A sleep that nobody sleeps: its time is charged to the guest when it waits for it.
struct Sleep {
    left: Duration,
    clock: Clock,
}

impl Pollable for Sleep {
    fn ready<'s, 'f>(&'s mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async {
            self.clock.charge_time(std::mem::take(&mut self.left));
            // A guest that loops over sleeps of no length has to be looked at.
            tokio::task::yield_now().await;
            if self.clock.overdrawn().is_some() {
                // It is ended where it is driven.
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Random numbers of which each byte costs fuel.
struct Charged {
    random: ChaCha8Rng,
    clock: Clock,
}

impl TryRng for Charged {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.clock.charge_bytes(4);
        Ok(self.random.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.clock.charge_bytes(8);
        Ok(self.random.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.clock.charge_bytes(bytes.len());
        self.random.fill_bytes(bytes);
        Ok(())
    }
}

impl Inert {
    pub(crate) fn new(seed: [u8; 32], clock: Clock) -> Self {
        Self {
            ctx: None,
            seed,
            clock,
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
            let charged = |number| Charged { random: stream(number), clock: self.clock.clone() };
            let mut seed = stream(3);
            let seed = u128::from(seed.next_u64()) << 64 | u128::from(seed.next_u64());
            let ctx = WasiCtx::builder()
                .stdout(self.stdout.clone())
                .stderr(self.stderr.clone())
                .wall_clock(Frozen)
                .secure_random(charged(1))
                .insecure_random(charged(2))
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
    pub(crate) fn output(&self) -> impl Iterator<Item = Written> {
        [(LogLevel::Info, "stdout", &self.stdout), (LogLevel::Warn, "stderr", &self.stderr)]
            .into_iter()
            .map(|(level, name, pipe)| (level, name, pipe.contents()))
            .filter(|(.., bytes)| !bytes.is_empty())
            .map(|(level, stream, bytes)| Written {
                level,
                stream: stream.to_owned(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
    }
}

impl State {
    fn still_clock(&mut self) -> Still<'_> {
        let (table, clock) = self.table_and_clock();
        Still { table, clock }
    }
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let l = linker;
    type Table = wasmtime::component::HasSelf<ResourceTable>;
    wasmtime_wasi::p2::bindings::io::error::add_to_linker::<State, Table>(l, |s| s.ctx().table)?;
    wasmtime_wasi::p2::bindings::io::poll::add_to_linker::<State, Table>(l, |s| s.ctx().table)?;
    wasmtime_wasi::p2::bindings::io::streams::add_to_linker::<State, Table>(l, |s| s.ctx().table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    monotonic_clock::add_to_linker::<State, Still<'static>>(l, State::still_clock)?;
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
