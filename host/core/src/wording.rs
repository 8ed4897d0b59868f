//! What was recorded, in words: calls, ends and submissions as a line of text has them.
//! Texts of plugins stand in quotes, and long ones are cut.

use std::error::Error;
use std::fmt;
use std::io;

use crate::{Answer, LogLevel, Request, RunEnd, SolveEnd};

/// The most bytes of a plugin's text that a line has.
const MAX_TEXT_BYTES: usize = 200;

/// An error with all its causes in one line, each once.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

/// The first so many characters of a text that may be a stranger's, in one line: what would break it
/// is escaped, so that nothing in it looks like a line of ours.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    text.chars().take(most).map(escaped).collect()
}

/// What to do when the system opens no further file; `None` when the error is another one.
#[must_use]
pub fn hint_of_descriptors(error: &io::Error) -> Option<&'static str> {
    // EMFILE and ENFILE, which are the same wherever Lancet runs and have no kinds in `std`.
    match error.raw_os_error()? {
        24 => Some(
            "a limit on open files is reached, RLIMIT_NOFILE of the process (`ulimit -n`): raise it, or run less at a time",
        ),
        23 => Some(
            "the machine has as many files open as it may (`fs.file-max`): raise that, or end other processes",
        ),
        _ => None,
    }
}

/// What the reader of TOML says of a text that is none, in words of TOML: of a number that is too
/// large it says what it is in Rust.
#[must_use]
pub fn said_of_toml(said: &str) -> String {
    let said = said.trim();
    let number = said.strip_prefix("invalid type: integer `").and_then(|rest| rest.split_once('`'));
    match number {
        Some((number, rest)) if rest.ends_with("expected any valid TOML value") => {
            format!("the number `{number}` is none from {} to {}", i64::MIN, i64::MAX)
        }
        _ => said.to_owned(),
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// The call by its name, with what tells it from another of that name.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::LogWrite { level, message, fields, dropped_bytes } => {
                write!(f, " {level} {message:?}")?;
                for (key, value) in fields {
                    write!(f, " {key}={value:?}")?;
                }
                match dropped_bytes {
                    0 => Ok(()),
                    bytes => write!(f, " ({bytes} bytes dropped)"),
                }
            }
            Self::RandomBelow { bound } => write!(f, " {bound}"),
            Self::TestsRun { plan } => write!(f, " {plan}"),
            Self::SubmissionRead { path, .. }
            | Self::WorkspaceList { path }
            | Self::WorkspaceRead { path, .. }
            | Self::WorkspaceRemove { path } => write!(f, " {path:?}"),
            Self::WorkspaceWrite { path, contents } => write!(f, " {path:?}, {} bytes", contents.0.len()),
            Self::WorkspaceSearch { pattern, path } => write!(f, " {pattern:?} in {path:?}"),
            Self::WorkspaceApplyPatch { patch } => write!(f, ", {} bytes", patch.len()),
            Self::ShellRun { command, timeout_seconds } => {
                write!(f, " {:?} for at most {timeout_seconds} s", cut(command))
            }
            Self::ArtifactsRead { name, .. } | Self::UserToolRead { name, .. } => write!(f, " {name:?}"),
            Self::SettingsValue { name } => write!(f, " {name:?}"),
            Self::BudgetLeft { unit } => write!(f, " {unit:?}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choice(id) => write!(f, "proposal {id}"),
            Self::Document(text) => write!(f, "the document {:?}", cut(text)),
            Self::WorkTree => f.write_str("its work tree"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for SolveEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => write!(f, "handed in {answer}"),
            Self::GaveUp(why) => write!(f, "gave up: {why}"),
            Self::TimedOut => f.write_str("ran out of time"),
            Self::Fault(fault) => write!(f, "failed: {fault}"),
            Self::Unavailable(fault) => write!(f, "the infrastructure failed: {fault}"),
        }
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::TimedOut => f.write_str("out of time"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::DiskLimit => f.write_str("over the limit of the disk"),
            Self::NotReady => f.write_str("the app did not come up"),
            Self::Broken => f.write_str("the tests could not be carried out"),
        }
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, FaultKind, Octets};

    #[test]
    fn a_number_that_toml_has_not_is_told_as_that() {
        let said = "invalid type: integer `99999999999999999999` as i128, expected any valid TOML value";
        let told =
            "the number `99999999999999999999` is none from -9223372036854775808 to 9223372036854775807";
        assert_eq!(said_of_toml(said), told);
        assert_eq!(said_of_toml("unclosed array, expected `]`\n"), "unclosed array, expected `]`");
    }

    #[test]
    fn no_line_is_rusts_own() {
        let path = "src/\"a\"\n.rs".to_owned();
        let requests = [
            Request::RandomBelow { bound: 3 },
            Request::TestsRun { plan: "hidden".into() },
            Request::WorkspaceWrite { path: path.clone(), contents: Octets(vec![1; 7]) },
            Request::ShellRun { command: "é".repeat(200), timeout_seconds: 9 },
            Request::ModelAsk { conversation: 0 },
        ];
        let told: Vec<String> = requests.iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "random.below 3");
        assert_eq!(told[1], "tests.run hidden");
        assert_eq!(told[2], r#"workspace.write "src/\"a\"\n.rs", 7 bytes"#);
        assert!(told[3].ends_with("é…\" for at most 9 s") && told[3].len() < 260, "{}", told[3]);
        let ends = [
            SolveEnd::Answer(Answer::WorkTree),
            SolveEnd::Answer(Answer::Choice(2)),
            SolveEnd::GaveUp("no".into()),
            SolveEnd::TimedOut,
            SolveEnd::Fault(Fault::new(FaultKind::Trap, "unreachable")),
        ];
        let ends: Vec<String> = ends.iter().map(ToString::to_string).collect();
        assert_eq!(ends[..3], ["handed in its work tree", "handed in proposal 2", "gave up: no"]);
        for line in told.iter().chain(&ends) {
            assert!(!line.contains('{') && !line.contains("Some("), "{line}");
        }
    }
}
