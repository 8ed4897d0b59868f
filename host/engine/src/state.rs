use lancet_core::{Fault, FaultKind, Limits, Request, Response};
use wasmtime::component::ResourceTable;
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::capability::log::LogBudget;
use crate::capability::wasi;
use crate::exchange::{Exchange, Source};
use crate::limiter::Limiter;

/// What a plugin's store holds: made for one call, thrown away after it.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) limits: Limits,
    pub(crate) exchange: Exchange,
    pub(crate) log: LogBudget,
    pub(crate) wasi: wasi::Inert,
    table: ResourceTable,
}

/// Ends the guest with a fault that a host function found.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FaultTrap(pub(crate) Fault);

impl State {
    pub(crate) fn new(limits: &Limits, source: Source, seed: [u8; 32]) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        Self {
            limiter: Limiter::new(limits),
            limits: limits.clone(),
            exchange: Exchange::new(source, seed),
            log: LogBudget::new(limits),
            wasi: wasi::Inert::new(seed),
            table,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.ctx(), table: &mut self.table }
    }
}

/// Fuel that a call of a capability costs, whatever it does: what the host
/// spends on it, so that a loop of calls is not cheaper than a loop.
const CALL_FUEL: u64 = 1_000;

/// Passes one call of a capability through the limits and the recorder.
/// `bytes` is how much text it brought from the guest.
pub(crate) fn call(
    mut store: StoreContextMut<'_, State>,
    bytes: usize,
    request: impl FnOnce(&mut State) -> Request,
) -> wasmtime::Result<Response> {
    let fuel = store.get_fuel()?;
    let used = store.data().limits.fuel.saturating_sub(fuel);
    if store.data().exchange.calls() >= store.data().limits.calls as usize {
        let limit = store.data().limits.calls;
        return Err(wasmtime::Error::from(FaultTrap(Fault::new(
            FaultKind::TooManyCalls,
            format!("more than {limit} calls of capabilities"),
        ))));
    }
    let request = request(store.data_mut());
    let response = store.data_mut().exchange.call(used, request)?;
    let back = match &response {
        Response::Text(text) => text.len(),
        _ => 0,
    };
    let cost = CALL_FUEL.saturating_add((bytes.saturating_add(back)) as u64);
    let Some(left) = fuel.checked_sub(cost) else {
        store.as_context_mut().set_fuel(0)?;
        return Err(wasmtime::Error::from(wasmtime::Trap::OutOfFuel));
    };
    store.as_context_mut().set_fuel(left)?;
    Ok(response)
}

/// For a response that the recorder cannot give to that request: only a record
/// that was changed by hand can hold it.
pub(crate) fn mismatched(request: &'static str) -> wasmtime::Error {
    wasmtime::Error::from(FaultTrap(Fault::new(
        FaultKind::Error,
        format!("the record holds a response of another kind for {request}"),
    )))
}
