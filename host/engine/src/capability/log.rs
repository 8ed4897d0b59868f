//! `log`: what plugins say to whoever debugs them.

use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::log;
use crate::exchange::offer;
use crate::link;
use crate::state::State;

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Params = (log::Level, String, Vec<log::Field>);
    instance.func_wrap("write", |mut store: StoreContextMut<'_, State>, (level, message, fields): Params| {
        let fields = fields.into_iter().map(|f| (f.key, f.value)).collect();
        link::now(&mut store, offer(level.into(), message, fields))?;
        Ok(())
    })
}
