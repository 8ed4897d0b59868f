//! What capabilities let a plugin do, in plain words.

use lancet_core::{Capability, Role};

/// What a capability lets a plugin of a role do: one sentence.
pub(super) fn lets(capability: Capability, role: Role) -> &'static str {
    match (capability, role) {
        (Capability::Log, _) => "write notes, which people find in the attempt's journal",
        (Capability::Random, _) => "throw dice, the same ones in each replay",
        (Capability::Submission, _) => {
            "read what was handed in: the choice, or the changed files and their diff"
        }
        (Capability::AnswerKey, Role::Grader) => "read the task's private answer key",
        (Capability::AnswerKey, Role::Agent) => {
            "read the task's private answer key: it knows the answers, and its run is a control"
        }
        (Capability::Input, _) => "read what the operator gives it for a task",
        (Capability::Workspace, _) => {
            "list, read, search and change the files of the work tree in its container"
        }
        (Capability::Shell, _) => {
            "run any command in its container, which has no network, no privileges and no file of this machine"
        }
        (Capability::UserTool, _) => "have the task's user try the app again, and read what that user saw",
        (Capability::Tests, _) => {
            "run the test plans that the task declares, in containers, and read their reports"
        }
        (Capability::Artifacts, _) => "read the files that test runs left",
        (Capability::Settings, _) => "read what was set of it",
        (Capability::Budget, _) => "see what is left to spend on models",
        (Capability::Model, Role::Agent) => {
            "ask the models that the operator offers: what it knows goes to their providers, and it costs the operator"
        }
        (Capability::Model, Role::Grader) => {
            "ask the models that the operator offers: what it knows, the answer key too, goes to their providers, and \
             its verdicts rest on what they answer"
        }
        (Capability::WasiInert, _) => {
            "call WASI as its language wants it, with nothing behind it: no file, no network, no clock"
        }
    }
}
