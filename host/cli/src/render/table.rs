//! Tables, as text, Markdown and CSV.

use std::iter;

use unicode_width::UnicodeWidthStr as _;

use super::safety::{clipped, display_safe, markdown, spreadsheet};
use super::{Style, Tone};

/// On which side the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// A column of a [`Table`].
#[derive(Debug, Clone)]
pub(crate) struct Column {
    heading: String,
    side: Side,
    /// Characters that a cell may have in text.
    at_most: usize,
}

/// A column of words.
pub(crate) fn left(heading: &str) -> Column {
    Column { heading: heading.to_owned(), side: Side::Left, at_most: usize::MAX }
}

/// A column of numbers.
pub(crate) fn right(heading: &str) -> Column {
    Column { side: Side::Right, ..left(heading) }
}

impl Column {
    /// This column, with cells that are cut to so many characters in text;
    /// CSV and Markdown have them whole.
    pub(crate) fn at_most(self, characters: usize) -> Self {
        Self { at_most: characters, ..self }
    }
}

/// Rows under headings. Cells may come from anywhere: they are made safe here.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns without rows.
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row. Missing cells are empty.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        debug_assert!(cells.len() <= self.columns.len(), "{cells:?} for {:?}", self.columns);
        self.rows.push(cells);
    }

    /// Aligned text for a terminal, without colour.
    pub(crate) fn to_text(&self) -> String {
        self.to_styled_text(Style { color: false, width: usize::MAX })
    }

    /// Aligned text. Columns move together when they would not fit into the width.
    pub(super) fn to_styled_text(&self, style: Style) -> String {
        let gap = if self.width() <= style.width { 2 } else { 1 };
        let widths = self.widths();
        let headings: Vec<String> = self.columns.iter().map(|column| column.heading.clone()).collect();
        let rule = "─".repeat(self.total_width(gap));
        let mut text = String::new();
        let mut push = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        push(&style.paint(Tone::Quiet, &self.line(&headings, &widths, gap)));
        push(&style.paint(Tone::Quiet, &rule));
        for row in &self.rows {
            push(&self.line(&self.shown(row), &widths, gap));
        }
        text
    }

    /// How many columns of a terminal it takes where there is room.
    pub(super) fn width(&self) -> usize {
        self.total_width(2)
    }

    fn total_width(&self, gap: usize) -> usize {
        self.widths().iter().sum::<usize>() + gap * self.columns.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| column.heading.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(self.shown(row)) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }

    /// The cells of a row as text shows them.
    fn shown(&self, row: &[String]) -> Vec<String> {
        self.cells(row).map(|(column, cell)| clipped(cell, column.at_most)).collect()
    }

    fn line(&self, cells: &[String], widths: &[usize], gap: usize) -> String {
        let padded = self.columns.iter().zip(cells).zip(widths).map(|((column, cell), width)| {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            match column.side {
                Side::Left => format!("{cell}{padding}"),
                Side::Right => format!("{padding}{cell}"),
            }
        });
        padded.collect::<Vec<_>>().join(&" ".repeat(gap)).trim_end().to_owned()
    }

    /// Comma-separated values (RFC 4180), with spaces in headings as `_`. Words
    /// that a spreadsheet would take for a formula get a `'` before them.
    pub(crate) fn to_csv(&self) -> String {
        let headings = self.columns.iter().map(|column| column.heading.replace(' ', "_"));
        let mut records = vec![headings.collect::<Vec<_>>()];
        records.extend(self.rows.iter().map(|row| {
            let cells = self.cells(row).map(|(column, cell)| match column.side {
                Side::Left => spreadsheet(cell),
                Side::Right => display_safe(cell).into_owned(),
            });
            cells.collect()
        }));
        csv_text(&records)
    }

    /// A table of GitHub-flavoured Markdown.
    pub(crate) fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(self.columns.iter().map(|column| markdown(&column.heading)).collect());
        let rules = self.columns.iter().map(|column| match column.side {
            Side::Left => "---".to_owned(),
            Side::Right => "---:".to_owned(),
        });
        text.push_str(&line(rules.collect()));
        for row in &self.rows {
            text.push_str(&line(self.cells(row).map(|(_, cell)| markdown(cell)).collect()));
        }
        text
    }

    /// Each column with its cell, which is empty when the row is short.
    fn cells<'a>(&'a self, row: &'a [String]) -> impl Iterator<Item = (&'a Column, &'a str)> {
        self.columns.iter().zip(row.iter().map(String::as_str).chain(iter::repeat("")))
    }
}

/// Records as comma-separated values.
pub(super) fn csv_text(records: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        // A vector takes everything, and all records have as many fields.
        let written = writer.write_record(record);
        debug_assert!(written.is_ok(), "{written:?}");
    }
    writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([left("task id"), right("price"), left("title").at_most(8)]);
        table.row(["16912_4", "$1,000", "Clicks | are \u{1b}[31mlost"]);
        table.row(["中文", "$50"]);
        table.row(["=x", "-5", "a, \"b\""]);
        table
    }

    #[test]
    fn text_is_aligned() {
        assert_eq!(
            table().to_text(),
            "\
task id   price  title
─────────────────────────
16912_4  $1,000  Clicks …
中文        $50
=x           -5  a, \"b\"
"
        );
    }

    #[test]
    fn csv_is_quoted() {
        assert_eq!(
            table().to_csv(),
            "\
task_id,price,title
16912_4,\"$1,000\",Clicks | are \\u{1b}[31mlost
中文,$50,
'=x,-5,\"a, \"\"b\"\"\"
"
        );
    }

    #[test]
    fn markdown_is_escaped() {
        assert_eq!(
            table().to_markdown(),
            "\
| task id | price | title |
| --- | ---: | --- |
| 16912_4 | $1,000 | Clicks \\| are \\\\u{1b}\\[31mlost |
| 中文 | $50 |  |
| =x | -5 | a, \"b\" |
"
        );
    }

    #[test]
    fn narrow_terminals_get_narrow_gaps() {
        let text = table().to_styled_text(Style { color: true, width: 24 });
        assert!(text.contains("16912_4 $1,000 Clicks …\n"), "{text}");
        assert!(text.starts_with("\u{1b}[2mtask id"), "{text}");
    }
}
