//! The tools that a model may be given.

use lancet_sdk::{Task, TaskKind};
use serde_json::{Value, json};

use crate::HAND_IN_LINE;
use crate::options::{Kit, Options};

/// A tool that a model may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// A command, in the work tree.
    Shell,
    /// The same, where it is the only tool.
    Bash,
    /// Lines of a file, or the files of a folder.
    Read,
    /// Lines that match a pattern.
    Search,
    /// A file's new contents.
    Write,
    /// A unified diff.
    ApplyPatch,
    /// The user who reproduces the issue.
    User,
    /// The end.
    HandIn,
}

impl Tool {
    /// The tools for a task: none where a model has to answer with text.
    pub(crate) fn kit(task: &Task, options: &Options, has_files: bool) -> Vec<Self> {
        let mut tools = match (options.kit, task.kind, has_files) {
            (Kit::Bash, _, true) => vec![Self::Bash],
            (Kit::Bash, _, false) => Vec::new(),
            (Kit::All, TaskKind::SweManager, false) => vec![Self::HandIn],
            (Kit::All, TaskKind::SweManager, true) => vec![Self::Read, Self::Search, Self::HandIn],
            (Kit::All, TaskKind::IcSwe, _) => vec![
                Self::Shell,
                Self::Read,
                Self::Search,
                Self::Write,
                Self::ApplyPatch,
                Self::User,
                Self::HandIn,
            ],
        };
        tools.retain(|tool| options.user_tool || *tool != Self::User);
        tools
    }

    /// What the model calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Bash => "bash",
            Self::Read => "read",
            Self::Search => "search",
            Self::Write => "write",
            Self::ApplyPatch => "apply_patch",
            Self::User => "user_tool",
            Self::HandIn => "hand_in",
        }
    }

    /// What the model is told that it does.
    pub(crate) fn description(self, task: &Task, options: &Options) -> String {
        let seconds = options.command_seconds;
        match self {
            Self::Shell => format!(
                "Runs a command with `sh -c` in the work tree, without a network, for at most {seconds} \
                 seconds. Each command has a shell of its own: no folder or variable is left over. You get \
                 its return code, and what it wrote to both of its outputs."
            ),
            Self::Bash => format!(
                "Runs a command in the work tree, without a network, for at most {seconds} seconds. Each \
                 command has a shell of its own: no folder or variable is left over. You get its return \
                 code and its output. A command that exits with 0, and whose output begins with the line \
                 {HAND_IN_LINE}, hands in."
            ),
            Self::Read => "Gives lines of a file of the work tree. For a folder it gives the paths of the \
                           files in it, at any depth."
                .into(),
            Self::Search => "Gives the lines that match a POSIX extended regular expression in the text \
                             files below a folder, with path and number."
                .into(),
            Self::Write => "Makes a file hold this text, at most 1 MiB, and nothing else. The file and its \
                            folders are made when they are not there."
                .into(),
            Self::ApplyPatch => "Applies a unified diff, as `git diff` writes it, to the work tree: all of \
                                 it, or nothing."
                .into(),
            Self::User => "Has the user who reported the issue try the app again as it is now, which \
                               can take minutes. You get what the user saw. With `artifact`, gives the \
                               text of something that the last try left instead."
                .into(),
            Self::HandIn if task.kind == TaskKind::IcSwe => {
                "Hands in the work tree as it is now. That ends your work.".into()
            }
            Self::HandIn => "Picks a proposal. That ends your work.".into(),
        }
    }

    /// The JSON Schema of its arguments.
    pub(crate) fn parameters(self, task: &Task) -> String {
        let text = |about: &str| json!({"type": "string", "description": about});
        let number = |about: &str| json!({"type": "integer", "minimum": 1, "description": about});
        let (properties, required): (Value, &[&str]) = match self {
            Self::Shell | Self::Bash => (json!({"command": text("The command.")}), &["command"]),
            Self::Read => (
                json!({
                    "path": text("The file, from the work tree; empty for the work tree itself."),
                    "line": number("The first line, from 1; 1 when it is left out."),
                    "lines": number("How many lines; 200 when it is left out."),
                }),
                &["path"],
            ),
            Self::Search => (
                json!({
                    "pattern": text("The regular expression."),
                    "path": text("The folder, from the work tree; all of the work tree when left out."),
                }),
                &["pattern"],
            ),
            Self::Write => (
                json!({
                    "path": text("The file, from the work tree."),
                    "contents": text("What the file is to hold."),
                }),
                &["path", "contents"],
            ),
            Self::ApplyPatch => (json!({"patch": text("The diff.")}), &["patch"]),
            Self::User => {
                (json!({"artifact": text("The name of something that the last try left, to read it.")}), &[])
            }
            Self::HandIn if task.kind == TaskKind::IcSwe => (json!({}), &[]),
            Self::HandIn => {
                let mut ids: Vec<_> = task.proposals.iter().map(|proposal| proposal.id).collect();
                ids.sort_unstable();
                ids.dedup();
                let about = "The id of the proposal.";
                (json!({"proposal": {"type": "integer", "enum": ids, "description": about}}), &["proposal"])
            }
        };
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        schema.to_string()
    }

    /// How a call of it looks, for a model that has got it wrong.
    pub(crate) fn form(self, task: &Task) -> &'static str {
        match self {
            Self::Shell | Self::Bash => r#"{"command": "…"}"#,
            Self::Read => r#"{"path": "…", "line": 1, "lines": 200}"#,
            Self::Search => r#"{"pattern": "…", "path": "…"}"#,
            Self::Write => r#"{"path": "…", "contents": "…"}"#,
            Self::ApplyPatch => r#"{"patch": "…"}"#,
            Self::User => r#"{} or {"artifact": "…"}"#,
            Self::HandIn if task.kind == TaskKind::IcSwe => "{}",
            Self::HandIn => r#"{"proposal": 0}"#,
        }
    }
}
