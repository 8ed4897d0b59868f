//! A page of facts and tables, as text and Markdown.

use super::safety::{clipped, markdown};
use super::table::Table;
use super::{Style, Tone};

/// The longest that a name from a suite is shown in a report.
const MAX_VALUE: usize = 60;
/// The most characters of a line beside a table.
const MAX_LINE: usize = 1_000;

/// A page before it is text or Markdown.
#[derive(Debug)]
pub(super) struct Sheet {
    /// What it is about, in a line.
    pub(super) title: String,
    /// What nobody may miss: a word in capitals, and what it means.
    pub(super) notices: Vec<(&'static str, String)>,
    /// Labels and values.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Tables.
    pub(super) blocks: Vec<Block>,
}

/// A table with what stands around it.
#[derive(Debug)]
pub(super) struct Block {
    /// A line above it; empty for none.
    pub(super) title: String,
    /// `None` when the title says it all.
    pub(super) table: Option<Table>,
    /// Lines below it.
    pub(super) notes: Vec<String>,
}

impl Sheet {
    /// For a terminal.
    pub(super) fn to_text(&self, style: Style) -> String {
        let mut parts = Vec::new();
        if !self.notices.is_empty() {
            let notices = self.notices.iter();
            let lines =
                notices.map(|(word, meaning)| format!("{}: {meaning}\n", style.paint(Tone::Warning, word)));
            parts.push(lines.collect());
        }
        let label_width = self.facts.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        let facts = self.facts.iter().map(|(label, value)| {
            let label = style.paint(Tone::Quiet, &format!("{label:label_width$}"));
            format!("{label}  {}\n", clipped(value, MAX_VALUE + 40))
        });
        parts.push(facts.collect());
        for Block { title, table, notes } in &self.blocks {
            let mut part = String::new();
            if !title.is_empty() {
                let tone = if table.is_some() { Tone::Heading } else { Tone::Quiet };
                part = format!("{}\n", style.paint(tone, &clipped(title, MAX_LINE)));
            }
            if let Some(table) = table {
                part.push_str(&table.to_styled_text(style));
            }
            for note in notes {
                part.push_str(&style.paint(Tone::Quiet, &clipped(note, MAX_LINE)));
                part.push('\n');
            }
            parts.push(part);
        }
        parts.join("\n")
    }

    /// For an issue or a wiki.
    pub(super) fn to_markdown(&self) -> String {
        let mut parts = vec![format!("### {}\n", markdown(&self.title))];
        for (word, meaning) in &self.notices {
            parts.push(format!("> **{word}**: {}\n", markdown(meaning)));
        }
        let facts = self.facts.iter().map(|(label, value)| {
            format!("- **{}:** {}\n", markdown(label), markdown(&clipped(value, MAX_VALUE + 40)))
        });
        parts.push(facts.collect());
        for Block { title, table, notes } in &self.blocks {
            if !title.is_empty() {
                let mark = if table.is_some() { "**" } else { "" };
                parts.push(format!("{mark}{}{mark}\n", markdown(title)));
            }
            if let Some(table) = table {
                parts.push(table.to_markdown());
            }
            parts.extend(notes.iter().map(|note| format!("{}\n", markdown(note))));
        }
        parts.join("\n")
    }
}

/// A name from a suite or of a plugin, as reports show it.
pub(super) fn name(text: &str) -> String {
    clipped(text, MAX_VALUE)
}
