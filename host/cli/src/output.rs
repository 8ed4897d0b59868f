//! Results on stdout, in the form that `--format` asks for, and lines on stderr.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::arguments::FormatKind;
use crate::failure::{Failure, host};
use crate::render::Table;

/// Writes a result to stdout. A reader that has gone away is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match write!(stdout, "{text}{newline}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(host("writing to stdout", error)),
        _ => Ok(()),
    }
}

/// Writes a line to stderr. That nobody reads it, or that it is full, is no reason to end: what
/// was to be done is done, and the exit code tells.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether what is written to stdout may have colours.
pub(crate) fn color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a value as JSON.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value).map_err(|e| host("writing JSON", e))?)
}

/// Writes a table in the form asked for, `value` being the same as JSON.
pub(crate) fn print_table<T: Serialize>(format: FormatKind, table: &Table, value: &T) -> Result<(), Failure> {
    match format {
        FormatKind::Table => print(&table.to_text()),
        FormatKind::Csv => print(&table.to_csv()),
        FormatKind::Md => print(&table.to_markdown()),
        FormatKind::Json => print_json(value),
    }
}
