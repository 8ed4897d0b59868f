//! What a jailed process may use up.

use serde::{Deserialize, Serialize};

/// What a jailed process is there for. Its walls differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Runs compiled code. One thread; its address space is mostly reserved and not used.
    Run,
    /// Compiles: threads, no code to be executed, and a result.
    Compile {
        /// The most bytes that the result may have.
        output_bytes: u64,
    },
}

/// The limits of a jailed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// What the process is there for.
    pub work: Work,
    /// The most bytes of memory that it may take, all in all: for [`Work::Run`] of what
    /// can be written to (a pool of memories may reserve more, up to
    /// [`Bounds::RESERVED_BYTES`]), for [`Work::Compile`] of address space.
    pub memory_bytes: u64,
    /// The most seconds of processor time that it may take. A process that takes more
    /// gets SIGXCPU, and a second later SIGKILL.
    pub cpu_seconds: u64,
}

impl Bounds {
    /// The most address space of a process that runs code, in bytes: room for a pool of
    /// eight memories of 4 GiB and its guard pages. It bounds what the kernel keeps for
    /// pages that are only read.
    pub const RESERVED_BYTES: u64 = 64 << 30;

    /// For running code: the guest's `memory_bytes` and 128 MiB for what runs it.
    #[must_use]
    pub fn run(memory_bytes: u64, cpu_seconds: u64) -> Self {
        Self { work: Work::Run, memory_bytes: memory_bytes.saturating_add(128 << 20), cpu_seconds }
    }

    /// For compiling.
    #[must_use]
    pub fn compile(memory_bytes: u64, cpu_seconds: u64, output_bytes: u64) -> Self {
        Self { work: Work::Compile { output_bytes }, memory_bytes, cpu_seconds }
    }
}
