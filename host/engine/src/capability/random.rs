//! `random`: dice that fall the same in every execution.

use lancet_core::{Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::link;
use crate::state::State;

fn number(mut store: StoreContextMut<'_, State>, request: Request) -> wasmtime::Result<(u64,)> {
    let name = request.name();
    match link::now(&mut store, request)? {
        Response::Number(number) => Ok((number,)),
        _ => Err(link::mismatched(name)),
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("next-u64", |store: StoreContextMut<'_, State>, (): ()| {
        number(store, Request::RandomNext)
    })?;
    instance.func_wrap("below", |store: StoreContextMut<'_, State>, (bound,): (u64,)| {
        number(store, Request::RandomBelow { bound })
    })
}
