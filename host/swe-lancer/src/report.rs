//! What an import came to: its summary, what is wrong or odd by row, and why there was none.

use std::fmt;
use std::io;
use std::path::PathBuf;

use lancet_core::{Cents, Sha256, TaskId};
use lancet_file::FileError;
use lancet_suite::{Generation, MAX_LINE_BYTES, TextMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an import came to. This is the JSON of `lancet suite import --format json`, a public
/// interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportSummary {
    /// The suite's name.
    pub name: String,
    /// Which generation the table is of.
    pub generation: Generation,
    /// Which set the table is of, when it says so.
    pub set: Option<String>,
    /// How escapes in the texts were read.
    pub text: TextMode,
    /// Rows of the table, the ones left out included.
    pub rows: u64,
    /// Manager tasks imported.
    pub swe_manager: KindSummary,
    /// Individual contributor tasks imported.
    pub ic_swe: KindSummary,
    /// How many individual contributor tasks can be run, once their images are pinned.
    pub ic_runnable: u64,
    /// How many of the tasks that can be run have a gold patch.
    pub ic_gold: u64,
    /// Why rows were left out, by row.
    pub problems: Vec<RowProblem>,
    /// What is odd in rows that were imported, by row.
    pub warnings: Vec<RowProblem>,
    /// GitHub issues that several tasks are about.
    pub shared_issues: Vec<(u64, Vec<TaskId>)>,
    /// The digest of the suite that was written.
    pub digest: Sha256,
    /// The digest of the table's file.
    pub source_digest: Sha256,
}

/// How many tasks of a kind were imported, and what they pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindSummary {
    /// How many tasks of the kind were imported.
    pub tasks: u64,
    /// What the imported tasks of the kind pay together.
    pub cents: Cents,
}

/// One thing that is wrong, or odd, in a row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowProblem {
    /// The row, from 1, the header not counted.
    pub row: u64,
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The row's id, when it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question_id: Option<String>,
    /// The name of the column, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What sort of thing it is.
    pub kind: RowProblemKind,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} (line {}", self.row, self.line)?;
        if let Some(id) = &self.question_id {
            write!(f, ", {id}")?;
        }
        f.write_str(")")?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What sort of thing is wrong, or odd, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RowProblemKind {
    /// The file ends inside the row.
    Truncated,
    /// Not as many fields as columns.
    FieldCount,
    /// A field is not UTF-8.
    NotUtf8,
    /// An id that cannot name a task.
    BadId,
    /// An id that an earlier row has.
    DuplicateId,
    /// A variant that is neither of the two.
    BadVariant,
    /// A price that is no amount, negative or absurd.
    BadPrice,
    /// A field that is no Python literal.
    BadLiteral,
    /// A key that a literal has to have, or has to have of another type.
    MissingKey,
    /// A manager task without proposals.
    NoProposals,
    /// A proposal's id that is negative or too large.
    BadProposalId,
    /// An answer that is none of the proposals.
    UnknownCorrectProposal,
    /// A text longer than a suite may hold.
    TextTooLong,
    /// A text on which the reference fails, in faithful mode.
    Unfaithful,
    /// Warning: an id that several proposals of one task have.
    RepeatedProposalId,
    /// Warning: two prices of one task.
    PriceMismatch,
    /// Warning: several rows about one GitHub issue.
    SharedIssue,
    /// Warning: a task without its issue folder.
    NoIssueFolder,
    /// Warning: something in an issue folder was not taken over.
    IssueFile,
    /// Warning: a task that cannot be run, because its tests or its image are not
    /// known.
    NotRunnable,
    /// Warning: a manager task whose agent has no repository to read, as it is not known
    /// which commit to read it before.
    NoRepository,
    /// Warning: a task without a gold patch.
    NoGold,
    /// Warning: a prompt that is framed in an unknown way.
    UnknownFraming,
    /// Warning: a title that is empty or too long.
    OddTitle,
    /// Warning: the file does not end with a line break.
    NoFinalLineBreak,
}

/// Problems and warnings as they are found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<RowProblem>,
    pub(crate) warnings: Vec<RowProblem>,
}

impl Findings {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.problems.append(&mut other.problems);
        self.warnings.append(&mut other.warnings);
    }
}

/// Why nothing was imported. Nothing has been written then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The table cannot be read.
    #[error("cannot read the table `{}`", csv.display())]
    ReadTable {
        /// The table.
        csv: PathBuf,
        /// Why the table cannot be read.
        source: FileError,
    },
    /// The table has no rows at all.
    #[error("the table `{}` is empty", csv.display())]
    Empty {
        /// The table.
        csv: PathBuf,
    },
    /// The table's columns are those of no generation.
    #[error(
        "`{}` is no SWE-Lancer table: {}",
        csv.display(), describe_columns(*nearest, missing, unexpected)
    )]
    Header {
        /// The table.
        csv: PathBuf,
        /// The generation that it is nearest to.
        nearest: Generation,
        /// Columns of that generation that are not there.
        missing: Vec<String>,
        /// Columns that the generation does not have, or that come twice.
        unexpected: Vec<String>,
    },
    /// The table cannot be split into rows.
    #[error("cannot read the table `{}` as CSV", csv.display())]
    Csv {
        /// The table.
        csv: PathBuf,
        /// Why the table cannot be split into rows.
        source: csv::Error,
    },
    /// No row could be imported.
    #[error("no row of `{}` can be imported{}", csv.display(), first(problems))]
    NoRows {
        /// The table.
        csv: PathBuf,
        /// Why no row can be imported, by row. Empty when the table has a header only.
        problems: Vec<RowProblem>,
    },
    /// Rows have problems, and the import is strict.
    #[error("{} of `{}` cannot be imported, and the import is strict{}", rows(problems), csv.display(), first(problems))]
    Strict {
        /// The table.
        csv: PathBuf,
        /// What is wrong with the rows, by row.
        problems: Vec<RowProblem>,
    },
    /// The name given is no name.
    #[error("the suite's name has to be one line of 1 to {max} bytes", max = MAX_LINE_BYTES)]
    Name,
    /// The images' prefix and tag make no name of an image.
    #[error("`{image}` is no name of an image: {message}")]
    Image {
        /// What prefix and tag make.
        image: String,
        /// What is wrong with the image's name.
        message: String,
    },
    /// The folder of issue folders cannot be opened.
    #[error("cannot open the issue folders `{}`", path.display())]
    Issues {
        /// The folder of issue folders.
        path: PathBuf,
        /// Why the folder cannot be opened.
        source: io::Error,
    },
    /// There is something at the output's place.
    #[error("`{}` exists already and is not an empty folder", out.display())]
    OutputExists {
        /// The output.
        out: PathBuf,
    },
    /// It was told to stop. What had been written is removed.
    #[error("stopped: nothing is left of `{}`", out.display())]
    Stopped {
        /// The output.
        out: PathBuf,
    },
    /// The output cannot be written. What had been written is removed.
    #[error("cannot write {what} for `{}`", out.display())]
    Write {
        /// The output.
        out: PathBuf,
        /// What was to be written.
        what: String,
        /// Why the output cannot be written.
        source: io::Error,
    },
}

impl ImportError {
    /// The rows' problems, when they are the matter.
    #[must_use]
    pub fn problems(&self) -> &[RowProblem] {
        match self {
            Self::NoRows { problems, .. } | Self::Strict { problems, .. } => problems,
            _ => &[],
        }
    }

    /// What to do about the error.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ReadTable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "name the CSV file of SWE-Lancer's tasks"
            }
            Self::ReadTable { source: FileError::NotRegular(_), .. } => "name the CSV file itself",
            Self::Header { .. } => "the first line has to name the columns of one generation, in any order",
            Self::Strict { .. } => "mend the rows, or leave out `--strict` to import the good ones",
            Self::Image { .. } => {
                "expected a prefix like `swelancer/swelancer_x86`, and a tag like `releasev1`"
            }
            Self::Issues { .. } => "name the folder that holds one folder for each question id",
            Self::OutputExists { .. } => "choose another folder, or remove this one",
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "create the folder that the suite is to lie in first",
                io::ErrorKind::PermissionDenied => "choose a folder that you may write to",
                io::ErrorKind::StorageFull => "make room on the disk, or choose another one",
                _ => return None,
            },
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn describe_columns(nearest: Generation, missing: &[String], unexpected: &[String]) -> String {
    let list = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", list(missing)));
    }
    if !unexpected.is_empty() {
        parts.push(format!("unexpected {}", list(unexpected)));
    }
    format!("compared with the {} generation, columns are {}", nearest.as_str(), parts.join(" and "))
}

fn rows(problems: &[RowProblem]) -> String {
    let mut rows: Vec<_> = problems.iter().map(|p| p.row).collect();
    rows.dedup();
    if rows.len() == 1 { "one row".to_owned() } else { format!("{} rows", rows.len()) }
}

fn first(problems: &[RowProblem]) -> String {
    problems.first().map_or_else(String::new, |problem| format!(": {problem}"))
}
