//! Importing SWE-Lancer's task table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lancet_core::{Cents, Kind, Sha256, TaskId};
use lancet_suite::{
    Generation, MAX_LINE_BYTES, Origin, OriginFormat, RerunName, SuiteFile, TextMode, shared_issues,
};

use crate::contribution::Images;
use crate::issue_folder::Issues;
use crate::output::Output;
use crate::report::{Findings, ImportError, ImportSummary, KindSummary, RowProblem, RowProblemKind};
use crate::row::{ImportedTask, interpret as interpret_row};
use crate::table::{Row, Table};

/// The most bytes of a table: 1 GiB. The largest published one has about ten
/// million.
const MAX_TABLE_BYTES: u64 = 1 << 30;
/// Below this many rows, starting threads costs more than they save.
const ROWS_PER_THREAD: usize = 24;

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The table.
    pub csv: PathBuf,
    /// The folder of issue folders, for the private files of individual
    /// contributor tasks.
    pub issues: Option<PathBuf>,
    /// The suite's folder. Must not exist yet, or be empty.
    pub out: PathBuf,
    /// How escapes in the texts are read.
    pub text: TextMode,
    /// Whether any problem stops the import, with nothing written.
    pub strict: bool,
    /// The suite's name; by default it is made of the table's set.
    pub name: Option<String>,
    /// What the names of the published images begin with; the question's id comes
    /// after it and `_`.
    pub image_prefix: String,
    /// The tag of the published images.
    pub image_tag: String,
    /// Whether the tasks share the image that holds all issues, `<prefix>_monolith`.
    pub monolith: bool,
    /// Whether agents of manager tasks read the repository, which is in the image that
    /// holds all issues. It is as before the row's `manager_commit`, and what is made
    /// ready for each commit is kept as an image.
    pub manager_repository: bool,
    /// How often tests are run. SWE-Lancer's own rule is [`RerunName::AnyOf3`].
    pub rerun: RerunName,
}

impl ImportOptions {
    /// The names under which SWE-Lancer's images are published.
    pub const IMAGE_PREFIX: &str = "swelancer/swelancer_x86";
    /// The tag under which SWE-Lancer's images are published.
    pub const IMAGE_TAG: &str = "releasev1";

    /// To import a table as it is, without issue folders.
    #[must_use]
    pub fn new(csv: PathBuf, out: PathBuf) -> Self {
        Self {
            csv,
            issues: None,
            out,
            text: TextMode::default(),
            strict: false,
            name: None,
            image_prefix: Self::IMAGE_PREFIX.to_owned(),
            image_tag: Self::IMAGE_TAG.to_owned(),
            monolith: false,
            manager_repository: false,
            rerun: RerunName::Once,
        }
    }
}

/// Makes a canonical suite of SWE-Lancer's task table, in any of its three
/// generations.
///
/// Rows with a problem are left out and reported; the good rows go on, unless
/// `strict`. The folder is written whole or not at all: beside `out` under
/// another name, flushed, then renamed.
///
/// Where the texts come from:
/// - *current generation*: title and statement from the columns `title` and
///   `description`, their escapes read as `text` says. The proposals come from
///   `manager_data`, because the column `proposals` is those same texts joined
///   (with `\n` for each line break, CRLF included). With [`TextMode::Faithful`]
///   they are written and decoded as that column is, so that they are what the
///   reference's agents see.
/// - *old and lite*: the prompt's first message without its framing: the title
///   is the line after `… following issue:`, the statement what follows it up to
///   the sentence about the reward. When that framing is not there, the prompt's
///   text is kept whole, and the title is taken from `manager_data` or the first
///   line. `text` makes no difference, for these are literals.
///
/// Individual contributor tasks whose issue folder is there get the environment of
/// the profile `swe-lancer`, with the published images: their test functions, read
/// from `test.py`, are the ones that have to pass, and the gold patch is
/// `bug_reintroduce.patch` turned around. Without the folder they cannot be run.
///
/// Manager tasks are in no environment, unless `manager_repository` says so and their row
/// names a commit.
///
/// What of `manager_data` an agent must not see (and all the rest of it) goes to
/// `private/manager-data.json`, as JSON. The canary column is not copied.
///
/// # Errors
/// See [`ImportError`].
pub fn import(options: &ImportOptions) -> Result<ImportSummary, ImportError> {
    import_until(options, &|| false)
}

/// The same, until it is told to stop: `is_stopped` is asked again and again from just before
/// the first thing is written. Once it says so, what was written is removed.
///
/// # Errors
/// [`ImportError::Stopped`] then, and as [`import`].
pub fn import_until(
    options: &ImportOptions,
    is_stopped: &dyn Fn() -> bool,
) -> Result<ImportSummary, ImportError> {
    if options.name.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(ImportError::Name);
    }
    let images = Images::of(options)?;
    let output = Output::prepare(&options.out)?;
    let issues = options.issues.as_deref().map(Issues::open).transpose()?;
    let bytes = read_table(&options.csv)?;
    let source_digest = Sha256::of(&bytes);
    let table = Table::parse(&bytes, &options.csv)?;

    let mut findings = table.findings.clone();
    let interpreted = interpret(&table, options.text);
    let mut tasks = Vec::with_capacity(interpreted.len());
    let mut rows_by_id: BTreeMap<TaskId, u64> = BTreeMap::new();
    for (row, (task, found)) in table.rows.iter().zip(interpreted) {
        findings.append(found);
        let Some(task) = task else { continue };
        match rows_by_id.get(&task.id) {
            Some(first) => {
                let message = format!("`{}` is the id of row {first} already", task.id);
                let mut finding = row.finding(RowProblemKind::DuplicateId, Some("question_id"), message);
                finding.question_id = Some(task.id.to_string());
                finding.hint = Some("the first row is kept; give this one an id of its own".to_owned());
                findings.problems.push(finding);
            }
            None => {
                rows_by_id.insert(task.id.clone(), task.row);
                tasks.push(task);
            }
        }
    }
    findings.problems.sort_by_key(|p| p.row);
    if options.strict && !findings.problems.is_empty() {
        return Err(ImportError::Strict { csv: options.csv.clone(), problems: findings.problems });
    }
    if tasks.is_empty() {
        return Err(ImportError::NoRows { csv: options.csv.clone(), problems: findings.problems });
    }

    let shared =
        shared_issues(tasks.iter().filter_map(|t| Some((t.file.source.as_ref()?.github_issue?, &t.id))));
    warn_of_shared_issues(&shared, &tasks, &mut findings);
    let set = set_of(&tasks);
    let name = match &options.name {
        Some(name) => name.clone(),
        None => default_name(table.generation, set.as_deref()),
    };
    let has_kind = |kind| tasks.iter().any(|task| task.file.kind == kind);
    let (image_entries, environments) =
        images.entries(issues.is_some() && has_kind(Kind::IcSwe), has_kind(Kind::SweManager));
    let suite = SuiteFile {
        name: name.clone(),
        description: None,
        origin: Some(Origin {
            format: OriginFormat::SweLancer,
            generation: table.generation,
            set: set.clone(),
            source_sha256: source_digest,
            text: options.text,
        }),
        images: image_entries,
        environments,
    };
    // In the order of the paths' bytes, which is the order of the digest.
    tasks.sort_by_cached_key(|task| format!("{}/", task.id));
    let summaries = Kind::ALL.map(|kind| {
        let prices = tasks.iter().filter(|t| t.file.kind == kind).map(|t| t.file.price_cents);
        KindSummary { tasks: prices.clone().count() as u64, cents: prices.sum() }
    });
    let written = output.write(&suite, &tasks, issues.as_ref(), &images, &mut findings, is_stopped)?;
    findings.warnings.sort_by_key(|w| w.row);

    let [swe_manager, ic_swe] = summaries;
    Ok(ImportSummary {
        name,
        generation: table.generation,
        set,
        text: options.text,
        rows: table.rows.len() as u64,
        swe_manager,
        ic_swe,
        ic_runnable: written.runnable,
        ic_gold: written.gold,
        problems: findings.problems,
        warnings: findings.warnings,
        shared_issues: shared,
        digest: written.digest,
        source_digest,
    })
}

fn read_table(csv: &Path) -> Result<Vec<u8>, ImportError> {
    lancet_file::read(csv, MAX_TABLE_BYTES)
        .map_err(|source| ImportError::ReadTable { csv: csv.to_owned(), source })
}

/// What each row says, on several threads: literals are most of the work.
fn interpret(table: &Table, text: TextMode) -> Vec<(Option<ImportedTask>, Findings)> {
    let one = |row: &Row| {
        let mut findings = Findings::default();
        let task = interpret_row(row, table.generation, text, &mut findings);
        (task, findings)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(table.rows.len() / ROWS_PER_THREAD).max(1);
    if threads == 1 {
        return table.rows.iter().map(one).collect();
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = table
            .rows
            .chunks(table.rows.len().div_ceil(threads))
            .map(|rows| {
                let work = move || rows.iter().map(one).collect::<Vec<_>>();
                // Where there can be no further thread, it takes longer.
                std::thread::Builder::new().spawn_scoped(scope, work).map_err(|_| rows)
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker {
                Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(rows) => rows.iter().map(one).collect(),
            })
            .collect()
    })
}

fn warn_of_shared_issues(shared: &[(u64, Vec<TaskId>)], tasks: &[ImportedTask], findings: &mut Findings) {
    let by_id: BTreeMap<&TaskId, &ImportedTask> = tasks.iter().map(|task| (&task.id, task)).collect();
    for (issue, ids) in shared {
        let Some(first) = ids.iter().filter_map(|id| by_id.get(id)).min_by_key(|task| task.row) else {
            continue;
        };
        let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let total: Cents = ids.iter().filter_map(|id| by_id.get(id)).map(|task| task.file.price_cents).sum();
        findings.warnings.push(RowProblem {
            row: first.row,
            line: first.line,
            question_id: Some(first.id.to_string()),
            column: Some("question_id".to_owned()),
            kind: RowProblemKind::SharedIssue,
            message: format!(
                "GitHub issue {issue} is shared by {}; each counts for itself, {total} together",
                names.join(", ")
            ),
            hint: None,
        });
    }
}

fn set_of(tasks: &[ImportedTask]) -> Option<String> {
    let sets: BTreeSet<&str> = tasks.iter().filter_map(|t| t.file.source.as_ref()?.set.as_deref()).collect();
    let count = sets.len();
    let joined = sets.into_iter().collect::<Vec<_>>().join("+");
    match count {
        0 => None,
        _ if joined.len() > MAX_LINE_BYTES => Some(format!("{count} sets")),
        _ => Some(joined),
    }
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_LINE_BYTES && !name.contains(['\n', '\r', '\0'])
}

fn default_name(generation: Generation, set: Option<&str>) -> String {
    let mut name = match (set, generation) {
        (Some(set), _) => format!("swe-lancer-{set}"),
        (None, Generation::Lite) => "swe-lancer-lite".to_owned(),
        (None, _) => "swe-lancer".to_owned(),
    };
    name.truncate(name.floor_char_boundary(MAX_LINE_BYTES));
    name.replace(char::is_control, " ")
}
