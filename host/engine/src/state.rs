//! What a plugin's store holds, and how host functions end a guest.

use lancet_core::{Fault, InfraFault, Limits};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::boundary::Boundary;
use crate::clock::Clock;
use crate::limiter::Limiter;
use crate::wasi;

/// What a plugin's store holds: made for one call, thrown away after it.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) limits: Limits,
    pub(crate) boundary: Boundary,
    pub(crate) wasi: wasi::Inert,
    pub(crate) clock: Clock,
    table: ResourceTable,
}

/// Ends the guest with a fault that a host function found.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FaultTrap(pub(crate) Fault);

/// Ends the guest because the infrastructure failed it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UnavailableTrap(pub(crate) InfraFault);

impl State {
    pub(crate) fn new(limits: &Limits, boundary: Boundary, seed: [u8; 32]) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let clock = Clock::new(limits);
        Self {
            limiter: Limiter::new(limits),
            limits: limits.clone(),
            boundary,
            wasi: wasi::Inert::new(seed, clock.clone()),
            clock,
            table,
        }
    }
}

impl State {
    /// What the clock of WASI works on. Charged as every call is.
    pub(crate) fn table_and_clock(&mut self) -> (&mut ResourceTable, &Clock) {
        self.clock.charge_call();
        (&mut self.table, &self.clock)
    }
}

impl WasiView for State {
    /// Every function of WASI comes by here once for what it works on.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.clock.charge_call();
        WasiCtxView { ctx: self.wasi.ctx(), table: &mut self.table }
    }
}
