//! What people read: the report of a run and tables, as text, CSV and Markdown.
//!
//! Everything here makes strings and touches nothing. Whatever comes from a
//! suite or a plugin is passed through [`display_safe`] before it is shown.

mod figure;
mod reasons;
mod report;
mod safety;
mod sheet;
mod spending;
mod table;
mod transcript;

pub(crate) use figure::{dollars, either, many, money, numbered};
pub(crate) use reasons::{MAX_MESSAGE, Reasons, hint};
pub(crate) use report::{report_csv, report_markdown, report_table};
pub(crate) use safety::{clipped, display_safe, json};
pub(crate) use spending::results_csv;
pub(crate) use table::{Table, left, right};
pub(crate) use transcript::{LostQuestion, transcript_text};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether escape sequences for colour may be used. Nothing is said by colour
    /// alone.
    pub(crate) color: bool,
    /// Columns that a line may take, where it can be helped.
    pub(crate) width: usize,
    /// Whether cells of tables are cut to that: on a terminal, and never in a file.
    pub(crate) cut: bool,
}

impl Default for Style {
    /// For a file, or a terminal that nothing is known of.
    fn default() -> Self {
        Self { color: false, width: 100, cut: false }
    }
}

/// How a piece of text is set off, where colour is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Heading,
    Quiet,
    Warning,
}

impl Style {
    fn paint(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Heading => "1",
            Tone::Quiet => "2",
            Tone::Warning => "1;33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
