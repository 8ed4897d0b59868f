//! What a plugin is linked to: what its grant has, and nothing else.

use std::collections::BTreeSet;

use lancet_core::{CONTRACT_PACKAGE, CONTRACT_VERSION, Capability, Grant};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance};

use crate::capability::{
    answer_key, artifacts, budget, input, log, model, random, settings, shell, submission, tests, user_tool,
    workspace,
};
use crate::config::EngineError;
use crate::state::State;
use crate::wasi;

/// A linker that offers what is granted, and nothing else.
pub(crate) fn linker(engine: &Engine, grant: &Grant) -> Result<Linker<State>, EngineError> {
    let mut linker = Linker::new(engine);
    for capability in grant.iter() {
        link(&mut linker, capability).map_err(|e| EngineError::new("linking capabilities", &e))?;
    }
    Ok(linker)
}

fn link(linker: &mut Linker<State>, capability: Capability) -> wasmtime::Result<()> {
    type Link = fn(&mut LinkerInstance<'_, State>) -> wasmtime::Result<()>;
    let link: Link = match capability {
        Capability::Log => log::link,
        Capability::Random => random::link,
        Capability::Submission => submission::link,
        Capability::AnswerKey => answer_key::link,
        Capability::Input => input::link,
        Capability::Workspace => workspace::link,
        Capability::Shell => shell::link,
        Capability::UserTool => user_tool::link,
        Capability::Tests => tests::link,
        Capability::Artifacts => artifacts::link,
        Capability::Settings => settings::link,
        Capability::Budget => budget::link,
        Capability::Model => model::link,
        Capability::WasiInert => return wasi::link(linker),
    };
    link(&mut linker.instance(&format!("{CONTRACT_PACKAGE}/{}@{CONTRACT_VERSION}", capability.as_str()))?)
}

/// The functions of the contract that a component imports.
pub(crate) fn functions(engine: &Engine, component: &Component) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for (name, item) in component.component_type().imports(engine) {
        let Some((package, rest)) = name.split_once('/') else { continue };
        if let (CONTRACT_PACKAGE, ComponentItem::ComponentInstance(instance)) = (package, item.ty) {
            let interface = rest.split('@').next().unwrap_or(rest);
            functions.extend(instance.exports(engine).map(|(function, _)| format!("{interface}.{function}")));
        }
    }
    functions
}
