//! Results on stdout, in the form that `--format` asks for.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::arguments::FormatKind;
use crate::failure::{Failure, host};
use crate::render::{Style, Table, json};
use crate::terminal::{colored, harmless};

/// Writes a result to stdout as it is: data, or what was made harmless piece by piece. A reader that
/// has gone away is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match write!(stdout, "{text}{newline}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(host("writing to stdout", error)),
        _ => Ok(()),
    }
}

/// Writes lines for people to stdout, made [`harmless`]: what was put together by hand, and may have
/// a stranger's words in it.
pub(crate) fn tell(text: &str) -> Result<(), Failure> {
    print(&harmless(text))
}

/// Writes bytes to stdout as they are. A reader that has gone away is no error.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(host("writing to stdout", error)),
        _ => Ok(()),
    }
}

/// A line without the sequences by which programs colour what they write, and move about in
/// it: such a sequence begins with `ESC [` and ends with a letter, or is `ESC ]` up to `BEL` or
/// `ESC \`.
pub(crate) fn uncoloured(line: &str) -> Cow<'_, str> {
    const ESCAPE: char = '\u{1b}';
    if !line.contains(ESCAPE) {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(ESCAPE) {
        plain.push_str(before);
        rest = match after.chars().next() {
            Some('[') => {
                let end = after[1..].find(|c| matches!(c, '@'..='~')).map(|end| end + 2);
                // One that does not end is told as it is.
                match end {
                    Some(end) => &after[end..],
                    None => {
                        plain.push(ESCAPE);
                        after
                    }
                }
            }
            Some(']') => match after.find(['\u{7}', ESCAPE]) {
                Some(end) => after[end..].strip_prefix("\u{1b}\\").unwrap_or(&after[end + 1..]),
                None => {
                    plain.push(ESCAPE);
                    after
                }
            },
            _ => {
                plain.push(ESCAPE);
                after
            }
        };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// What can be shown where stdout goes.
pub(crate) fn style() -> Style {
    let is_terminal = io::stdout().is_terminal();
    let color = colored(is_terminal);
    match width(is_terminal) {
        Some(width) => Style { color, width, cut: true },
        None => Style { color, ..Style::default() },
    }
}

/// The columns of the terminal that stdout is. What goes into a file or to another program is
/// never cut.
fn width(is_terminal: bool) -> Option<usize> {
    let columns = || terminal_size::terminal_size_of(io::stdout()).map(|(columns, _)| columns.0);
    is_terminal.then(columns).flatten().filter(|columns| *columns > 0).map(usize::from)
}

/// A table as text, which fits into the terminal that stdout may be.
pub(crate) fn table_text(table: &Table) -> String {
    width(io::stdout().is_terminal()).map_or_else(|| table.to_text(), |width| table.to_text_within(width))
}

/// Writes a value as JSON, in which no text does anything to a terminal.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    print(&json(&serde_json::to_string_pretty(value).map_err(|e| host("writing JSON", e))?))
}

/// Writes a table in the form asked for, `value` being the same as JSON.
pub(crate) fn print_table<T: Serialize>(format: FormatKind, table: &Table, value: &T) -> Result<(), Failure> {
    match format {
        FormatKind::Table => print(&table_text(table)),
        FormatKind::Csv => print(&table.to_csv()),
        FormatKind::Md => print(&table.to_markdown()),
        FormatKind::Json => print_json(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_programs_are_taken_out() {
        for (line, plain) in [
            ("plain", "plain"),
            ("\u{1b}[1;31merror\u{1b}[0m: no", "error: no"),
            ("#5 \u{1b}[2K\u{1b}[1Gdone\u{1b}[?25h", "#5 done"),
            ("\u{1b}]8;;http://a\u{7}link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("\u{1b}[31", "\u{1b}[31"),
            ("\u{1b}", "\u{1b}"),
            ("é\u{1b}]0;title", "é\u{1b}]0;title"),
        ] {
            assert_eq!(uncoloured(line), plain, "{line:?}");
        }
    }
}
