//! What one call of a plugin may use.

use serde::{Deserialize, Serialize};

/// What one call of a plugin may use at most. Written into the journal, because
/// a replay under other limits would be another execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Units of Wasmtime fuel, about one per executed instruction.
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
    /// Milliseconds that the plugin itself may compute: processor time, whatever the
    /// journal's word for it. It does not count what the plugin waits for: a processor
    /// that others have, a test run or a command in a container, which have limits of
    /// their own. A sleep counts as long as it asks for.
    ///
    /// With the standard limits fuel always ends first what loops: it is used up in a
    /// second or two.
    pub wall_ms: u64,
    /// Fuel for one call of WASI, which the engine does not count. 0 in journals of
    /// before there was a charge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wasi_call_fuel: u64,
    /// Whether calls are counted by what the journal takes for them, and not by what they have in
    /// memory: a control character has one byte here, and six there. Not so in journals of before
    /// it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub counts_written: bool,
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
            wasi_call_fuel: 1_000,
            counts_written: true,
        }
    }

    /// For an agent that may ask language models.
    ///
    /// It lives as long as its conversation: some hundreds of turns, each with an answer
    /// to take apart, a tool's output to cut and what to remember of both. 250 turns take
    /// a Rust guest about a hundredth of the fuel.
    /// What it waits for, the model's answers above all, is not its time; ten minutes are
    /// what a slow guest may compute in so many turns. A turn takes some tens of calls,
    /// with what is written to the log and asked of the budget.
    #[must_use]
    pub fn asking() -> Self {
        Self {
            fuel: 20_000_000_000,
            memory_bytes: 64 << 20,
            calls: 100_000,
            log_bytes: 1 << 20,
            log_messages: 10_000,
            wall_ms: 600_000,
            ..Self::standard()
        }
    }

    /// The most bytes that a task's record may take: a quarter of the memory. A Python
    /// guest needs half of the standard memory for itself, and holds the texts twice
    /// once it reads them: as they came, and as its own strings.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        self.memory_bytes / 4
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Default for Limits {
    fn default() -> Self {
        Self::standard()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_older_journals_are_read_and_stay_as_they_are() {
        let text = r#"{"fuel":5,"memory-bytes":1,"table-elements":1,"instances":1,"handles":1,"call-bytes":1,"calls":1,"log-bytes":1,"log-messages":1,"wall-ms":30000}"#;
        let limits: Limits = serde_json::from_str(text).unwrap();
        assert_eq!((limits.wall_ms, limits.wasi_call_fuel), (30_000, 0));
        assert!(!limits.counts_written && Limits::standard().counts_written);
        assert_eq!(serde_json::to_string(&limits).unwrap(), text);
    }
}
