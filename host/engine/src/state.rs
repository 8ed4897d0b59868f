use lancet_core::{Fault, FaultKind, InfraFault, Limits, Request, Response};
use wasmtime::component::ResourceTable;
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::capability::log::LogBudget;
use crate::capability::wasi;
use crate::clock::Clock;
use crate::exchange::{Exchange, Known, Live, NoSource, Source};
use crate::limiter::Limiter;

/// What a plugin's store holds: made for one call, thrown away after it.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) limits: Limits,
    pub(crate) exchange: Exchange,
    pub(crate) log: LogBudget,
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
    pub(crate) fn new(limits: &Limits, source: Source, seed: [u8; 32]) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let clock = Clock::new(limits);
        Self {
            limiter: Limiter::new(limits),
            limits: limits.clone(),
            exchange: Exchange::new(source, seed),
            log: LogBudget::new(limits),
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

/// Fuel that a call of a capability costs, whatever it does: what the host
/// spends on it, so that a loop of calls is not cheaper than a loop.
const CALL_FUEL: u64 = 1_000;

/// The most bytes that the calls of one plugin may carry in all: they are kept in
/// memory until it is done, and in the journal for good.
const MAX_RECORD_BYTES: u64 = 32 << 20;

/// Passes one call of a capability that the host answers itself through the
/// limits and the recorder. `bytes` is how much text it brought from the guest.
pub(crate) fn call(
    mut store: StoreContextMut<'_, State>,
    bytes: usize,
    request: impl FnOnce(&mut State) -> Request,
    answer: impl FnOnce(&mut Live) -> Result<Response, NoSource>,
) -> wasmtime::Result<Response> {
    let entry = Entry::new(&mut store, bytes)?;
    let request = request(store.data_mut());
    let response = match store.data_mut().exchange.known(entry.fuel_used, &request)? {
        Known::Recorded(response) => response,
        Known::Live(live) => answer(live)?,
    };
    entry.settle(&mut store, request, &response)?;
    Ok(response)
}

/// A call of a capability that has come in and is within the limits.
pub(crate) struct Entry {
    fuel: u64,
    pub(crate) fuel_used: u64,
    bytes: usize,
}

impl Entry {
    /// `bytes` is how much the call brought from the guest.
    ///
    /// # Errors
    /// When it is one call, or one byte, too many.
    pub(crate) fn new(store: &mut StoreContextMut<'_, State>, bytes: usize) -> wasmtime::Result<Self> {
        let fuel = store.get_fuel()?;
        let state = store.data();
        let limit = state.limits.calls;
        let message = if state.exchange.calls() >= limit as usize {
            format!("more than {limit} calls of capabilities")
        } else if state.exchange.bytes().saturating_add(bytes as u64) > MAX_RECORD_BYTES {
            format!("its calls carried more than {} MiB in all", MAX_RECORD_BYTES >> 20)
        } else {
            return Ok(Self { fuel, fuel_used: state.limits.fuel.saturating_sub(fuel), bytes });
        };
        Err(FaultTrap(Fault::new(FaultKind::TooManyCalls, message)).into())
    }

    /// Records the call with its response and takes the fuel that it costs.
    ///
    /// # Errors
    /// When there is not as much.
    pub(crate) fn settle(
        self,
        store: &mut StoreContextMut<'_, State>,
        request: Request,
        response: &Response,
    ) -> wasmtime::Result<()> {
        store.data_mut().exchange.record(self.fuel_used, request, response.clone());
        let carried = self.bytes.saturating_add(response.bytes());
        let left = self.fuel.checked_sub(CALL_FUEL.saturating_add(carried as u64));
        store.as_context_mut().set_fuel(left.unwrap_or(0))?;
        if left.is_none() { Err(wasmtime::Trap::OutOfFuel.into()) } else { Ok(()) }
    }
}

/// For a response that the recorder cannot give to that request: only a record
/// that was changed by hand can hold it.
pub(crate) fn mismatched(request: &'static str) -> wasmtime::Error {
    wasmtime::Error::from(FaultTrap(Fault::new(
        FaultKind::Error,
        format!("the record holds a response of another kind for {request}"),
    )))
}
