//! The table: which generation it is of, and its rows.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use csv::ByteRecord;
use lancet_suite::Generation;

use crate::report::{Findings, ImportError, RowProblem, RowProblemKind};

const GENERATIONS: [(Generation, &[&str]); 3] = [
    (
        Generation::Current,
        &[
            "question_id",
            "variant",
            "price",
            "price_limit",
            "manager_data",
            "manager_commit",
            "acceptable_folders",
            "cwd",
            "set",
            "title",
            "description",
            "proposals",
        ],
    ),
    (
        Generation::Old,
        &[
            "question_id",
            "variant",
            "price",
            "price_limit",
            "canary",
            "prompt",
            "manager_data",
            "manager_commit",
            "acceptable_folders",
            "cwd",
        ],
    ),
    (
        Generation::Lite,
        &[
            "question_id",
            "variant",
            "price",
            "price_limit",
            "prompt",
            "manager_data",
            "manager_commit",
            "acceptable_folders",
            "cwd",
        ],
    ),
];

/// The task table, split into fields.
pub(crate) struct Table {
    pub(crate) generation: Generation,
    pub(crate) rows: Vec<Row>,
    /// What is odd about the table as a whole.
    pub(crate) findings: Findings,
}

/// One row, not yet looked at.
pub(crate) struct Row {
    /// From 1.
    pub(crate) number: u64,
    /// Where it begins in the file, from 1.
    pub(crate) line: u64,
    pub(crate) fields: ByteRecord,
    /// The header, in the table's order.
    pub(crate) columns: Arc<[&'static str]>,
    /// Whether the file ends inside this row.
    pub(crate) truncated: bool,
}

impl Table {
    pub(crate) fn parse(bytes: &[u8], csv: &Path) -> Result<Self, ImportError> {
        // A byte order mark, as spreadsheets write one.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
        let csv_error = |source| ImportError::Csv { csv: csv.to_owned(), source };
        let mut fields = ByteRecord::new();
        if !reader.read_byte_record(&mut fields).map_err(csv_error)? {
            return Err(ImportError::Empty { csv: csv.to_owned() });
        }
        let (generation, columns) = recognise(&fields, csv)?;
        let columns: Arc<[&'static str]> = columns.into();
        let mut rows = Vec::new();
        let mut start = 0;
        while reader.read_byte_record(&mut fields).map_err(csv_error)? {
            let position = fields.position();
            start = position.map_or(0, |p| usize::try_from(p.byte()).unwrap_or(0));
            // The reader begins a row behind the CR of a CRLF, and so in the line before.
            let is_between = bytes.get(start) == Some(&b'\n') && start > 0 && bytes[start - 1] == b'\r';
            start += usize::from(is_between);
            rows.push(Row {
                number: rows.len() as u64 + 1,
                line: position.map_or(0, csv::Position::line) + u64::from(is_between),
                fields: fields.clone(),
                columns: columns.clone(),
                truncated: false,
            });
        }
        let mut findings = Findings::default();
        if let Some(last) = rows.last_mut() {
            last.truncated = ends_in_quotes(&bytes[start..]);
            if !last.truncated && !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r") {
                let message =
                    "the file does not end with a line break; the last row may be cut off".to_owned();
                findings.warnings.push(last.finding(RowProblemKind::NoFinalLineBreak, None, message));
            }
        }
        Ok(Self { generation, rows, findings })
    }
}

impl Row {
    /// A field by its column's name. `None` when the generation has no such
    /// column or the row is too short.
    pub(crate) fn field(&self, column: &str) -> Option<&[u8]> {
        let index = self.columns.iter().position(|c| *c == column)?;
        self.fields.get(index)
    }

    pub(crate) fn finding(&self, kind: RowProblemKind, column: Option<&str>, message: String) -> RowProblem {
        let id = self.field("question_id").and_then(|id| std::str::from_utf8(id).ok());
        let id = id.map(|id| id.chars().take(140).collect::<String>()).filter(|id| !id.is_empty());
        RowProblem {
            row: self.number,
            line: self.line,
            question_id: id,
            column: column.map(str::to_owned),
            kind,
            message,
            hint: None,
        }
    }
}

/// The generation with exactly these columns, in any order.
fn recognise(header: &ByteRecord, csv: &Path) -> Result<(Generation, Vec<&'static str>), ImportError> {
    let names: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
    let mut nearest: Option<(Generation, Vec<String>, Vec<String>)> = None;
    for (generation, columns) in GENERATIONS {
        let missing: Vec<_> =
            columns.iter().filter(|c| !names.iter().any(|n| n == *c)).map(|c| (*c).to_owned()).collect();
        let is_unexpected = |(index, name): &(usize, &Cow<'_, str>)| {
            !columns.contains(&name.as_ref()) || names[..*index].contains(name)
        };
        let unexpected: Vec<String> = names
            .iter()
            .enumerate()
            .filter(is_unexpected)
            .map(|(_, name)| name.chars().take(80).collect())
            .take(40)
            .collect();
        if missing.is_empty() && unexpected.is_empty() {
            let order = names.iter().filter_map(|n| columns.iter().find(|c| *c == n).copied()).collect();
            return Ok((generation, order));
        }
        let distance = |missing: &[String], unexpected: &[String]| missing.len() + unexpected.len();
        if nearest.as_ref().is_none_or(|(_, m, u)| distance(&missing, &unexpected) < distance(m, u)) {
            nearest = Some((generation, missing, unexpected));
        }
    }
    let (nearest, missing, unexpected) = nearest.unwrap_or((Generation::Current, Vec::new(), Vec::new()));
    Err(ImportError::Header { csv: csv.to_owned(), nearest, missing, unexpected })
}

/// Whether rows of CSV end inside a quoted field, which the CSV reader does not
/// tell from its proper end.
fn ends_in_quotes(bytes: &[u8]) -> bool {
    enum State {
        FieldStart,
        Plain,
        Quoted,
        /// After a quote in a quoted field: its end, or half of a doubled quote.
        AfterQuote,
    }
    let mut state = State::FieldStart;
    for byte in bytes {
        state = match (state, byte) {
            (State::FieldStart | State::AfterQuote, b'"') | (State::Quoted, 0..=b'!' | b'#'..) => {
                State::Quoted
            }
            (State::Quoted, b'"') => State::AfterQuote,
            (_, b',' | b'\n' | b'\r') => State::FieldStart,
            _ => State::Plain,
        };
    }
    matches!(state, State::Quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_lines_that_editors_show() {
        let text = format!("{}\n", GENERATIONS[0].1.join(","));
        for end in ["\n", "\r\n"] {
            let rows = ["1,a\n", "\"2\nx\",b\n", "3,c\n"].concat();
            let table = format!("{text}{rows}").replace('\n', end);
            let parsed = Table::parse(table.as_bytes(), Path::new("table.csv")).unwrap();
            let lines: Vec<_> = parsed.rows.iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 3, 5], "{end:?}");
        }
    }

    #[test]
    fn an_open_quote_at_the_end_is_seen() {
        for (text, open) in [
            ("a,b\n", false),
            ("a,\"b\"\n", false),
            ("a,\"b", true),
            ("a,\"b\n\n", true),
            ("a,\"b\"\"", true),
            ("a,\"b\"\"\"", false),
            ("a,b\"c", false),
            ("a,\"b\"x\"", false),
            ("\"", true),
            ("", false),
            ("a,\"b,\"", false),
        ] {
            assert_eq!(ends_in_quotes(text.as_bytes()), open, "{text}");
        }
    }
}
