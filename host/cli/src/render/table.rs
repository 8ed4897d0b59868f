//! Tables, as text, Markdown and CSV.

use std::iter;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

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

/// The most characters of a cell in text, which may be of a stranger's file.
const MAX_CELL: usize = 1_000;

/// A column of words.
pub(crate) fn left(heading: &str) -> Column {
    Column { heading: heading.to_owned(), side: Side::Left, at_most: MAX_CELL }
}

/// A column of numbers.
pub(crate) fn right(heading: &str) -> Column {
    Column { side: Side::Right, ..left(heading) }
}

impl Column {
    /// This column, with cells that are cut to so many characters in text, and not to a thousand;
    /// CSV and Markdown have them whole.
    pub(crate) fn at_most(self, characters: usize) -> Self {
        Self { at_most: characters, ..self }
    }
}

/// The least that a column of words is cut to.
const LEAST_WORDS: usize = 8;
/// The least that the column is cut to by which rows are told apart.
const LEAST_NAME: usize = 16;

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
        self.to_styled_text(Style { width: usize::MAX, ..Style::default() })
    }

    /// The same for a terminal of that many columns.
    pub(crate) fn to_text_within(&self, width: usize) -> String {
        self.to_styled_text(Style { color: false, width, cut: true })
    }

    /// Aligned text. Columns move together when they would not fit into the width, and then the
    /// widest ones are cut: of words first, of what names a row last, and of numbers never.
    pub(super) fn to_styled_text(&self, style: Style) -> String {
        let gap = if self.width() <= style.width { 2 } else { 1 };
        let widths = if style.cut { self.widths_within(style.width, gap) } else { self.widths() };
        let clip = |cells: Vec<String>| -> Vec<String> {
            cells.iter().zip(&widths).map(|(cell, width)| fitting(cell, *width)).collect()
        };
        let headings: Vec<String> = self.columns.iter().map(|column| column.heading.clone()).collect();
        let headings = clip(headings);
        let rule = "─".repeat(total(&widths, gap));
        let mut text = String::new();
        let mut push = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        push(&style.paint(Tone::Quiet, &self.line(&headings, &widths, gap)));
        push(&style.paint(Tone::Quiet, &rule));
        for row in &self.rows {
            push(&self.line(&clip(self.shown(row)), &widths, gap));
        }
        text
    }

    /// The widths of the columns, made less where all of them would take more than `most`.
    fn widths_within(&self, most: usize, gap: usize) -> Vec<usize> {
        let mut widths = self.widths();
        let words = |index: &usize| self.columns[*index].side == Side::Left;
        let others: Vec<usize> = (1..widths.len()).filter(words).collect();
        let first: Vec<usize> = (0..widths.len().min(1)).filter(words).collect();
        for (columns, least) in [(others, LEAST_WORDS), (first, LEAST_NAME)] {
            while let Some(over) = total(&widths, gap).checked_sub(most).filter(|over| *over > 0) {
                let widest = columns.iter().copied().max_by_key(|index| (widths[*index], *index));
                let Some(index) = widest.filter(|index| widths[*index] > least) else { break };
                // Down to the next one, so that no column gives way for another of its width.
                let next = columns.iter().map(|other| widths[*other]).filter(|w| *w < widths[index]).max();
                let floor = next.unwrap_or(least).max(least).min(widths[index] - 1);
                widths[index] = widths[index].saturating_sub(over).max(floor);
            }
        }
        widths
    }

    /// How many columns of a terminal it takes where there is room.
    pub(super) fn width(&self) -> usize {
        self.total_width(2)
    }

    fn total_width(&self, gap: usize) -> usize {
        total(&self.widths(), gap)
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

/// Columns of a terminal that columns of such widths take.
fn total(widths: &[usize], gap: usize) -> usize {
    widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
}

/// A text that takes at most so many columns of a terminal, the end of a longer one replaced
/// by `…`.
fn fitting(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let kept = text.chars().take_while(|c| {
        taken += c.width().unwrap_or(0);
        taken < width
    });
    kept.chain(['…']).collect()
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
        let text = table().to_styled_text(Style { color: true, width: 24, cut: false });
        assert!(text.contains("16912_4 $1,000 Clicks …\n"), "{text}");
        assert!(text.starts_with("\u{1b}[2mtask id"), "{text}");
    }

    #[test]
    fn a_table_fits_into_its_terminal() {
        let mut table = Table::new([left("attempt"), left("state"), right("earned"), left("why")]);
        let attempt = "20261123-083329-4f2a9c/expensify-15193/1";
        table.row([attempt, "invalid", "$1,000", &"the grader said that it cannot judge ".repeat(5)]);
        table.row([attempt, "pass", "$250", "中文中文中文中文中文中文中文中文中文中文中文中文"]);
        for width in [200, 120, 80, 72] {
            let text = table.to_text_within(width);
            assert!(text.lines().all(|line| line.width() <= width), "{width}\n{text}");
            assert!(text.contains(attempt) && text.contains("$1,000"), "{width}\n{text}");
        }
        let text = table.to_text_within(50);
        assert!(text.lines().all(|line| line.width() <= 50), "{text}");
        assert!(text.contains("$1,000") && text.contains("20261123-083329-"), "{text}");
        // Where there is no room at all nothing breaks, and a file has it whole.
        assert!(table.to_text_within(1).contains("$1,000"));
        assert!(table.to_text().contains("cannot judge "));
        assert!(table.to_text().lines().any(|line| line.width() > 200));
        assert_eq!(Table::new([]).to_text_within(10), "\n\n");
    }
}
