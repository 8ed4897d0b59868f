//! What the operator can set.

use lancet_sdk::{Configuration, Setting, settings};

/// Which tools the model is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kit {
    /// All that there are for the task.
    All,
    /// `bash` only.
    Bash,
}

/// The operator's settings, or the defaults.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The name of the offer.
    pub(crate) model: String,
    /// How hard the model thinks; empty for its own default.
    pub(crate) effort: String,
    /// How often the model is asked at most.
    pub(crate) steps: u64,
    /// Which tools the model is given.
    pub(crate) kit: Kit,
    /// The most tokens of one answer; the host's bound when it is 0.
    pub(crate) answer_tokens: u64,
    /// Seconds that a command may take.
    pub(crate) command_seconds: u32,
    /// Characters of what a tool gives that the model reads.
    pub(crate) output_characters: usize,
    /// Whether the model may have the user reproduce the issue.
    pub(crate) user_tool: bool,
}

impl Options {
    pub(crate) fn declare() -> Configuration {
        let efforts = ["", "none", "minimal", "low", "medium", "high", "xhigh", "max"];
        Configuration::new()
            .setting(Setting::text("model", "main", "The name of the model that works on the tasks."))
            .setting(
                Setting::text("effort", "", "How hard the model thinks; empty for its own default.")
                    .choices(&efforts),
            )
            .setting(Setting::number("steps", 250, "How often the model is asked at most.").least(1))
            .setting(
                Setting::text(
                    "tools",
                    "all",
                    "Which tools the model has: all that there are for the task, or `bash` only.",
                )
                .choices(&["all", "bash"]),
            )
            .setting(Setting::number(
                "answer-tokens",
                0,
                "The most tokens of one answer, reasoning included; 0 for what the host allows.",
            ))
            .setting(
                Setting::number("command-seconds", 60, "Seconds that a command may take.")
                    .least(1)
                    .most(3_600),
            )
            .setting(
                Setting::number(
                    "output-characters",
                    10_000,
                    "Characters of what a tool gives that the model reads: its beginning and its end.",
                )
                .least(100),
            )
            .setting(Setting::flag(
                "user-tool",
                true,
                "Whether the model may have the user reproduce the issue.",
            ))
    }

    /// # Panics
    /// Where there is no host.
    pub(crate) fn read() -> Self {
        Self {
            model: settings::text("model"),
            effort: settings::text("effort"),
            steps: settings::number("steps"),
            kit: if settings::text("tools") == "bash" { Kit::Bash } else { Kit::All },
            answer_tokens: settings::number("answer-tokens"),
            command_seconds: u32::try_from(settings::number("command-seconds")).unwrap_or(u32::MAX),
            output_characters: usize::try_from(settings::number("output-characters")).unwrap_or(usize::MAX),
            user_tool: settings::flag("user-tool"),
        }
    }
}
