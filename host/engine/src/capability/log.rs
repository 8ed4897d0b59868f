//! `log`: what plugins say to whoever debugs them.

use lancet_core::Request;
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::log;
use crate::link;
use crate::state::State;

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Params = (log::Level, String, Vec<log::Field>);
    instance.func_wrap("write", |mut store: StoreContextMut<'_, State>, (level, message, fields): Params| {
        let fields = fields.into_iter().map(|f| (f.key, f.value)).collect();
        let request = Request::LogWrite { level: level.into(), message, fields, dropped_bytes: 0 };
        link::now(&mut store, request)?;
        Ok(())
    })
}
