use serde::{Deserialize, Serialize};

/// What one call of a plugin may use at most. Written into the journal, because
/// a replay under other limits would be another execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Units of Wasmtime fuel, about one an executed instruction.
    pub fuel: u64,
    /// Bytes of linear memory, summed over all memories of the component.
    pub memory_bytes: u64,
    /// Elements of tables, summed.
    pub table_elements: u64,
    /// Core instances, memories and tables, each counted for itself.
    pub instances: u32,
    /// Resource handles that the guest may hold at a time.
    pub handles: u32,
    /// Bytes that a single call across the boundary may carry from the guest.
    pub call_bytes: u64,
    /// Calls of capabilities.
    pub calls: u32,
    /// Bytes of log text that are kept.
    pub log_bytes: u64,
    /// Log messages that are kept.
    pub log_messages: u32,
    /// Milliseconds of wall clock that the plugin itself may take. What it waits for
    /// outside, a test run or a command in a container, has limits of its own and
    /// does not count.
    pub wall_ms: u64,
}

impl Limits {
    /// The highest memory that any plugin can be given, in bytes: what the
    /// pooling allocator reserves for one linear memory.
    pub const MAX_MEMORY_BYTES: u64 = 256 << 20;

    /// For a grader or an agent of manager tasks.
    ///
    /// A Rust guest uses about a hundredth of the fuel and a tenth of the memory;
    /// a Python guest about half of both.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            fuel: 1_000_000_000,
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            instances: 64,
            handles: 1_000,
            call_bytes: 4 << 20,
            calls: 10_000,
            log_bytes: 64 << 10,
            log_messages: 1_000,
            wall_ms: 30_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::standard()
    }
}
