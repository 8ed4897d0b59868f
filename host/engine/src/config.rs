//! How Wasmtime is configured, each knob with its reason.

use std::num::NonZeroUsize;

use lancet_core::Limits;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

/// What fuel figures belong to: fuel depends on the compiler and its version, so
/// figures of different engines are not compared.
pub const ENGINE_ID: &str = "wasmtime-48.0.8/cranelift";

/// The most core instances that one component may be made of. A Rust guest has
/// up to 3, a QuickJS guest 11, a Python guest 38.
pub const MAX_CORE_INSTANCES: u32 = 64;

/// The most bytes of call stack that a guest may use.
pub const WASM_STACK_BYTES: usize = 512 << 10;

const MAX_MEMORIES: u32 = 8;
const MAX_TABLES: u32 = 32;
const MAX_TABLE_ELEMENTS: usize = 20_000;

/// The engine itself does not work: the host's fault, never a plugin's.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine failed while {doing}: {cause}")]
pub struct EngineError {
    /// What the engine was doing.
    pub doing: &'static str,
    /// What Wasmtime says.
    pub cause: String,
    /// What to do about it, where that is known.
    pub hint: Option<&'static str>,
}

impl EngineError {
    pub(crate) fn of(doing: &'static str, cause: impl Into<String>) -> Self {
        Self { doing, cause: cause.into(), hint: None }
    }

    pub(crate) fn new(doing: &'static str, cause: &wasmtime::Error) -> Self {
        Self::of(doing, format!("{cause:#}"))
    }
}

/// The engine that plugins run in. `concurrency` is how many calls of
/// plugins run at a time; the pool is sized so that none of them can want for a
/// slot, since a plugin must not fail because of its neighbours.
pub(crate) fn engine(concurrency: NonZeroUsize) -> Result<Engine, EngineError> {
    let mut config = config();
    // A fresh instance for every call, made from a copy-on-write image in a slot
    // of a pool: microseconds instead of milliseconds.
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(concurrency)));
    Engine::new(&config).map_err(|e| EngineError::new("starting", &e))
}

/// The engine of a process that executes one call and no other.
pub(crate) fn worker() -> Result<Engine, EngineError> {
    let mut config = config();
    // What is to be run was compiled before.
    config.enable_compiler(false);
    let mut pool = pool(NonZeroUsize::MIN);
    // There is nobody to keep pages for, and asking which ones there are is forbidden.
    pool.pagemap_scan(Enabled::No);
    pool.linear_memory_keep_resident(0);
    pool.table_keep_resident(0);
    pool.async_stack_keep_resident(0);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    // Requests become text, and answers come as such, above the guest's part of the stack.
    config.async_stack_size(WASM_STACK_BYTES + (4 << 20));
    // There is no next plugin.
    config.async_stack_zeroing(false);
    Engine::new(&config).map_err(|e| EngineError::new("starting in a jailed process", &e))
}

/// An engine that compiles the very same code and runs none: without the pool,
/// which would not fit into the address space of a limited process. Whether it compiles
/// with threads makes no difference to the code.
pub(crate) fn compiler(threads: bool) -> Result<Engine, EngineError> {
    let mut config = config();
    config.parallel_compilation(threads);
    Engine::new(&config).map_err(|e| EngineError::new("starting the compiler", &e))
}

/// The one place that configures Wasmtime.
fn config() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);

    // Bounds. Fuel is always counted: it is the same in every execution, which
    // no clock is. The limit on processor time needs no epochs beside it: a call
    // that burns fuel yields to the executor every `FUEL_YIELD`, where it is looked
    // at. Both meters together would cost another 13 %.
    config.consume_fuel(true);
    config.max_wasm_stack(WASM_STACK_BYTES);
    // Host functions run on the same stack above the guest's part.
    config.async_stack_size(WASM_STACK_BYTES + (256 << 10));
    // A stack handed to the next plugin must not hold the last one's data.
    config.async_stack_zeroing(true);

    // Same inputs, same verdict.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);

    // What no plugin needs is off, so that nobody escapes through it. GC,
    // threads, stack switching and component-model-async are not even compiled
    // in; these remain.
    config.concurrency_support(false);
    config.wasm_component_model(true);
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.shared_memory(false);

    // A trap's backtrace is of no use without names, and costs time to collect.
    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);

    config.memory_init_cow(true);
    config
}

fn pool(concurrency: NonZeroUsize) -> PoolingAllocationConfig {
    // Beyond this many calls at a time the address space is the limit.
    let slots = u32::try_from(concurrency.get()).unwrap_or(u32::MAX).min(256);
    let mut pool = PoolingAllocationConfig::new();
    pool.max_core_instances_per_component(MAX_CORE_INSTANCES);
    pool.max_memories_per_component(MAX_MEMORIES);
    pool.max_tables_per_component(MAX_TABLES);
    pool.max_memories_per_module(MAX_MEMORIES);
    pool.max_tables_per_module(MAX_TABLES);
    // One plugin's worth of each for every call at a time.
    pool.total_component_instances(slots);
    pool.total_core_instances(slots * MAX_CORE_INSTANCES);
    pool.total_memories(slots * MAX_MEMORIES);
    pool.total_tables(slots * MAX_TABLES);
    pool.total_stacks(slots);
    pool.table_elements(MAX_TABLE_ELEMENTS);
    pool.max_memory_size(usize::try_from(Limits::MAX_MEMORY_BYTES).unwrap_or(usize::MAX));
    // Records of instances; a Python guest needs about 300 KiB of them.
    pool.max_core_instance_size(1 << 20);
    pool.max_component_instance_size(1 << 20);
    // Small guests touch little: keeping those pages saves the system calls that
    // would give them back, and they are zeroed all the same.
    // Which pages those are is asked of the kernel where it can tell.
    pool.pagemap_scan(Enabled::Auto);
    pool.linear_memory_keep_resident(128 << 10);
    pool.table_keep_resident(16 << 10);
    pool.async_stack_keep_resident(32 << 10);
    pool
}

/// How much fuel a guest burns between two looks at the clock: about 1 ms. With
/// hundreds of guests at work it is also what everything else on the executor waits.
pub(crate) const FUEL_YIELD: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Component text that is accepted only if the feature named is on.
    fn accepts(engine: &Engine, wat: &str) -> bool {
        wasmtime::component::Component::new(engine, wat::parse_str(wat).unwrap()).is_ok()
    }

    #[test]
    fn what_is_not_needed_is_off() {
        let engine = engine(NonZeroUsize::MIN).unwrap();
        assert!(accepts(&engine, "(component (core module (memory 1)))"));
        for (feature, module) in [
            ("memory64", "(memory i64 1)"),
            ("threads", "(memory 1 1 shared)"),
            ("tail calls", "(func $f return_call $f)"),
            ("custom page sizes", "(memory 1 (pagesize 1))"),
            ("gc", "(type (struct (field i32)))"),
            ("exceptions", "(tag (param i32))"),
            ("wide arithmetic", "(func (result i64 i64) i64.const 0 i64.const 0 i64.mul_wide_u)"),
        ] {
            assert!(!accepts(&engine, &format!("(component (core module {module}))")), "{feature} is on");
        }
        assert!(!accepts(&engine, r#"(component (import "f" (func async)))"#), "component-model-async is on");
    }

    #[test]
    fn the_compiling_engine_makes_code_for_the_running_one() {
        let component = wat::parse_str("(component)").unwrap();
        let code =
            [true, false].map(|threads| compiler(threads).unwrap().precompile_component(&component).unwrap());
        assert_eq!(code[0], code[1], "with threads, and without");
        assert!(crate::cache::load(&engine(NonZeroUsize::MIN).unwrap(), &code[0]).is_ok());
        assert!(crate::cache::load(&worker().unwrap(), &code[0]).is_ok());
    }

    #[test]
    fn the_id_names_the_engine_in_use() {
        let pinned = include_str!("../../../Cargo.toml")
            .lines()
            .find_map(|line| line.strip_prefix("wasmtime = { version = \"="))
            .and_then(|rest| rest.split('"').next())
            .unwrap();
        assert_eq!(ENGINE_ID, format!("wasmtime-{pinned}/cranelift"));
    }
}
