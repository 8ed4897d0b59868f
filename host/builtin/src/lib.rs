//! The first-party plugins, embedded as components.
//!
//! The build script compiles them from `plugins/`. They have no privilege: the
//! host loads, checks and limits them like those of anybody else.

#![forbid(unsafe_code)]

use lancet_core::Role;

/// A plugin that comes with Lancet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// What the command line and a task call it. Unique among those of a role.
    pub name: &'static str,
    /// What it is there for.
    pub role: Role,
    /// What it does, in one line.
    pub description: &'static str,
    /// The component in its binary form.
    pub component: &'static [u8],
}

static PLUGINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/plugins.rs"));

/// All of them: first the agents, then the graders.
#[must_use]
pub fn all() -> &'static [Builtin] {
    PLUGINS
}

/// The one of that role and name, if there is one.
#[must_use]
pub fn find(role: Role, name: &str) -> Option<&'static Builtin> {
    PLUGINS.iter().find(|plugin| plugin.role == role && plugin.name == name)
}
