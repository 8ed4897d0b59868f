//! The commands of the demonstration. A test of the binary runs the same where there is no network.

/// The sample suite, from the workspace's folder.
const SUITE: &str = "tasks/storefront-managers";

/// The answers of a model that is none, from the workspace's folder.
const SCRIPT: &str = "scripted/docs/examples/managers.toml";

/// What `lancet` is told, one command after another, with a word on each.
pub(crate) const COMMANDS: [(&[&str], &str); 5] = [
    (&["run", SUITE, "--agent", "longest"], "an agent that always chooses the longest proposal"),
    (&["run", SUITE, "--agent", "random"], "an agent that chooses at random, from the run's seed"),
    (
        &["run", SUITE, "--agent", "tool-loop", "--model", SCRIPT, "--budget", "asks=5"],
        "an agent that asks a model",
    ),
    (&["show", "latest/search-race/1", "--transcript"], "what they said to one another"),
    (&["replay", "latest"], "executed again from the journal alone"),
];
