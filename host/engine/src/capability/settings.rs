//! `settings`: what was set of the plugin.

use lancet_core::{Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::link;
use crate::state::State;

/// Gives what was set of the plugin.
pub trait SettingsSource: Send + Sync {
    /// The value of a setting, as JSON; none for a name that the plugin did not declare.
    fn value(&self, name: &str) -> Option<String>;

    /// The text of the prompt, when it is an agent that declares one.
    fn prompt(&self) -> Option<String>;
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("value", |store: StoreContextMut<'_, State>, (name,): (String,)| {
        maybe_text(store, Request::SettingsValue { name })
    })?;
    instance.func_wrap("prompt", |store: StoreContextMut<'_, State>, (): ()| {
        maybe_text(store, Request::SettingsPrompt)
    })
}

fn maybe_text(
    mut store: StoreContextMut<'_, State>,
    request: Request,
) -> wasmtime::Result<(Option<String>,)> {
    let name = request.name();
    match link::now(&mut store, request)? {
        Response::MaybeText(text) => Ok((text,)),
        _ => Err(link::mismatched(name)),
    }
}
