//! Lines on stderr, and what the terminal that something is written to can do.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write as _};

/// Writes a line to stderr. That nobody reads it, or that it is full, is no reason to end: what
/// was to be done is done, and the exit code tells.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether what is written there may have colours: a terminal, unless it or the operator says
/// otherwise.
pub(crate) fn colored(is_terminal: bool) -> bool {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    is_terminal && allows_color(variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

/// Whether lines that are written there can be written over: a terminal, unless it says that it
/// cannot.
pub(crate) fn moves(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn allows_color(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none() && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_without_colours_gets_none() {
        let dumb = Some(OsStr::new("dumb"));
        let xterm = Some(OsStr::new("xterm-256color"));
        assert!(allows_color(None, xterm) && allows_color(None, None));
        assert!(!allows_color(None, dumb));
        assert!(!allows_color(Some(OsStr::new("1")), xterm));
        assert!(!colored(false));
    }
}
