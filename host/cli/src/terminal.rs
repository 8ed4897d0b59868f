//! Lines on stderr, and what the terminal that something is written to can do.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::render::clipped;

/// The most characters of a line for people: what a stranger's file names can be of any length.
const MAX_LINE: usize = 2_000;

/// Writes a line, or several, to stderr, made [`harmless`]. That nobody reads it, or that it is
/// full, is no reason to end: what was to be done is done, and the exit code tells.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(&line.to_string()));
}

/// Whether the operator wants no progress told.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Has nothing told from now on that is progress alone.
pub(crate) fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// As [`tell`], of how far something is: with `--quiet` nothing is.
pub(crate) fn remark(line: fmt::Arguments<'_>) {
    if !IS_QUIET.load(Ordering::Relaxed) {
        tell(line);
    }
}

/// As [`tell`], with a word in front that says what it is, in a colour where there may be one.
pub(crate) fn tell_of(word: &str, colour: &str, text: &str) {
    let text = one_of(&harmless(text));
    let _ = if colored(io::stderr().is_terminal()) {
        writeln!(io::stderr().lock(), "\x1b[1;{colour}m{word}\x1b[0m: {text}")
    } else {
        writeln!(io::stderr().lock(), "{word}: {text}")
    };
}

/// A message of which every line but the first is set in: what a stranger wrote in it, line breaks
/// too, begins no line as another message of ours does.
fn one_of(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut message = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        message.push_str(if line.is_empty() || line.starts_with("  ") { "\n" } else { "\n  " });
        message.push_str(line);
    }
    message
}

/// Lines for people of which none does anything but be shown, whatever a stranger wrote in it,
/// and none is longer than people read: the end of a longer one is replaced by `…`.
pub(crate) fn harmless(text: &str) -> String {
    text.split('\n').map(|line| clipped(line, MAX_LINE)).collect::<Vec<_>>().join("\n")
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
    fn no_line_is_longer_than_people_read_or_does_anything() {
        let long = "é".repeat(100_000);
        let told = harmless(&format!("error: {long}\nhint: {long}\nshort"));
        assert!(told.starts_with("error: é") && told.ends_with("…\nshort"));
        assert!(told.lines().all(|line| line.chars().count() <= MAX_LINE));
        let lines = "a line\n".repeat(10_000);
        assert_eq!(harmless(&lines), lines);
        assert_eq!(harmless("a\u{1b}[2J\r\n\u{202e}b\u{3164}"), "a\\u{1b}[2J\\r\n\\u{202e}b\\u{3164}");
    }

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
