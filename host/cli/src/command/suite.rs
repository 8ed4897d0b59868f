//! `lancet suite import` and `lancet suite check`, and the way to the others.

mod registry;
mod starter;

use std::cell::OnceCell;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lancet_core::{
    Cents, CheckedSuite, Kind, Limits, PinState, RefusedSuite, SuiteProblem, SuiteWarning, UnpinnedImage,
};
use lancet_runner::{Demanding, Error, measure_tasks, survey};
use lancet_suite::{ImageLock, NotPinned, Problem, RerunName, Suite, SuiteError, TextMode};
use lancet_swe_lancer::{ImportError, ImportOptions, ImportSummary, RowProblem};

use crate::arguments::{Check, FormatKind, Global, SuiteCommand};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::gate::Gate;
use crate::import::{ImportCommand, ImportSweLancer, Text};
use crate::output;
use crate::registry::SuiteRegistry;
use crate::render::{Table, display_safe, either, left, numbered, right};
use crate::session::{Signals, unasked_loader};
use crate::terminal::tell;

/// The most problems or warnings that are listed one by one.
const MAX_LISTED: usize = 50;

/// Imports and checks suites.
pub(crate) fn main(command: &SuiteCommand, global: &Global) -> Result<Exit, Failure> {
    match command {
        SuiteCommand::Import(ImportCommand::SweLancer(arguments)) => import(arguments),
        SuiteCommand::New(arguments) => starter::main(arguments),
        SuiteCommand::Check(arguments) => check(arguments, global),
        SuiteCommand::Pin(arguments) => super::pin::main(arguments, global),
        SuiteCommand::Lock(lock) => super::lock::suite(lock),
        SuiteCommand::Sign(sign) => super::sign::suite(sign),
        SuiteCommand::Registry(SuiteRegistry::Push(push)) => registry::push(push),
        SuiteCommand::Registry(SuiteRegistry::Pull(pull)) => registry::pull(pull),
    }
}

fn import(arguments: &ImportSweLancer) -> Result<Exit, Failure> {
    let options = ImportOptions {
        csv: arguments.csv.clone(),
        issues: arguments.issues.clone(),
        out: arguments.out.clone(),
        text: match arguments.text {
            Text::Fixed => TextMode::Fixed,
            Text::Faithful => TextMode::Faithful,
        },
        strict: arguments.strict,
        name: arguments.name.clone(),
        image_prefix: arguments.image_prefix.clone(),
        image_tag: arguments.image_tag.clone(),
        monolith: arguments.monolith,
        manager_repository: arguments.manager_repository,
        rerun: if arguments.parity { RerunName::AnyOf3 } else { RerunName::Once },
    };
    // Before anything is written a signal ends the process, which leaves nothing behind.
    let signals = OnceCell::new();
    let is_stopped = || signals.get_or_init(Signals::listen).have_come();
    let summary = lancet_swe_lancer::import_until(&options, &is_stopped).map_err(|error| failed(&error))?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signals);
    list("problem", &summary.problems);
    list("warning", &summary.warnings);
    if arguments.format.kind == FormatKind::Json {
        output::print_json(&summary)?;
    } else {
        let table = kinds(
            &[(Kind::SweManager, summary.swe_manager), (Kind::IcSwe, summary.ic_swe)]
                .map(|(kind, sums)| (kind, sums.tasks, sums.cents)),
        );
        match arguments.format.kind {
            FormatKind::Csv => output::print(&table.to_csv())?,
            FormatKind::Md => output::print(&table.to_markdown())?,
            _ => output::tell(&imported(arguments, &summary, &table))?,
        }
    }
    // The good rows are written, and yet whoever asked for a table has to know
    // that they did not get all of it.
    Ok(if summary.problems.is_empty() { Exit::Done } else { Exit::Suite })
}

fn failed(error: &ImportError) -> Failure {
    let exit = match error {
        ImportError::OutputExists { .. } | ImportError::Name => Exit::Usage,
        ImportError::Write { .. } => Exit::Host,
        ImportError::Stopped { .. } => Exit::Interrupted,
        _ => Exit::Suite,
    };
    list("problem", error.problems());
    let hint = error.hint();
    let failure = Failure::new(exit, crate::failure::with_causes(error));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Rows' problems on stderr, the first so many in full.
fn list(word: &str, problems: &[RowProblem]) {
    for problem in problems.iter().take(MAX_LISTED) {
        tell(format_args!("{word}: {}", display_safe(&problem.to_string())));
        if let Some(hint) = &problem.hint {
            tell(format_args!("  hint: {}", display_safe(hint)));
        }
    }
    if problems.len() > MAX_LISTED {
        let more = problems.len() - MAX_LISTED;
        tell(format_args!("{word}: and {more} more; `--format json` lists them all"));
    }
}

fn kinds(rows: &[(Kind, u64, Cents)]) -> Table {
    let mut table = Table::new([left("kind"), right("tasks"), right("available")]);
    for (kind, tasks, cents) in rows {
        table.row([kind.to_string(), tasks.to_string(), cents.to_string()]);
    }
    let tasks: u64 = rows.iter().map(|(_, tasks, _)| tasks).sum();
    let cents: Cents = rows.iter().map(|(.., cents)| *cents).sum();
    table.row(["all".to_owned(), tasks.to_string(), cents.to_string()]);
    table
}

fn imported(arguments: &ImportSweLancer, summary: &ImportSummary, table: &Table) -> String {
    format!(
        "imported `{}` into {}\n\n{}\n{} of the {} generation, {} left out, {} shared by several tasks\n\
         suite  {}\ntable  {}\n",
        display_safe(&summary.name),
        arguments.out.display(),
        output::table_text(table),
        numbered(summary.rows, "row"),
        summary.generation.as_str(),
        left_out(&summary.problems),
        numbered(summary.shared_issues.len(), "GitHub issue"),
        summary.digest,
        summary.source_digest,
    )
}

fn left_out(problems: &[RowProblem]) -> usize {
    let mut rows: Vec<_> = problems.iter().map(|problem| problem.row).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.len()
}

/// All that is wrong with a suite's graders and gold patches, when something is.
fn cannot_be_used(suite: &Suite, mut wrong: Vec<Failure>) -> Option<Failure> {
    if wrong.len() <= 1 {
        return wrong.pop().map(|failure| failure.exit(Exit::Suite));
    }
    let mut message =
        format!("the suite `{}` cannot be used; {} to mend:", suite.path().display(), wrong.len());
    for failure in wrong {
        message.push_str(&format!("\n  {}", failure.in_a_list()));
    }
    Some(Failure::new(Exit::Suite, message))
}

fn warning(problem: &Problem) -> SuiteWarning {
    let Problem { file, key, message, hint } = problem.clone();
    SuiteWarning { file, key, message, hint }
}

/// What is wrong with a suite is the result of checking it: a program that asked for JSON gets
/// that, and people the same on stderr.
fn refused(
    arguments: &Check,
    problems: Vec<SuiteProblem>,
    warnings: &[Problem],
    failure: Failure,
) -> Failure {
    if arguments.format.kind != FormatKind::Json {
        return failure;
    }
    let warnings = warnings.iter().map(warning).collect();
    let refused = RefusedSuite { suite: arguments.suite.display().to_string(), problems, warnings };
    output::print_json(&refused).err().unwrap_or(failure)
}

/// A suite that cannot be read, by all that is wrong with its files.
fn unreadable(arguments: &Check, error: SuiteError) -> Failure {
    let listed = error.problems().iter().map(|problem| {
        let Problem { file, key, message, hint } = problem.clone();
        SuiteProblem { file: Some(file), key, message, hint }
    });
    let mut problems: Vec<_> = listed.collect();
    let warnings = error.warnings().to_vec();
    let failure = Failure::from(error);
    if problems.is_empty() {
        problems.push(failure.problem(None, None));
    }
    refused(arguments, problems, &warnings, failure)
}

/// An error as one of what is wrong with a suite.
fn problem(error: Error) -> (SuiteProblem, Failure) {
    let (file, key) = match &error {
        Error::UnknownPlugin { of_suite, .. } => (of_suite.clone(), Some("grader.plugin".to_owned())),
        Error::BadGold { path, .. } | Error::BadCase { path, .. } => (Some(path.clone()), None),
        Error::TasksTooLarge { first, .. } => (Some(format!("tasks/{first}")), None),
        Error::Suite(SuiteError::Grader { path, .. } | SuiteError::File { path, .. }) => {
            (Some(path.clone()), None)
        }
        _ => (None, None),
    };
    let failure = Failure::from(error);
    (failure.problem(file, key), failure)
}

fn check(arguments: &Check, global: &Global) -> Result<Exit, Failure> {
    let suite = Suite::open(&arguments.suite).map_err(|error| unreadable(arguments, error))?;
    let format = arguments.format.kind;
    for warning in suite.warnings().iter().take(MAX_LISTED) {
        warn(&warning.to_string());
    }
    arguments.isolation.check()?;
    let gate = Gate::of_suite(&arguments.policy, &arguments.isolation, &suite)?;
    let guarded =
        || Ok(unasked_loader(NonZeroUsize::MIN, &arguments.isolation)?.guarded(Arc::<Gate>::clone(&gate)));
    let surveyed = survey(&suite, &*gate, guarded)?;
    let (problems, wrong): (Vec<_>, Vec<_>) = surveyed.wrong.into_iter().map(problem).unzip();
    if let Some(failure) = cannot_be_used(&suite, wrong) {
        return Err(refused(arguments, problems, suite.warnings(), failure));
    }
    for Demanding { grader, capabilities } in &surveyed.demanding {
        let options: Vec<_> = capabilities.iter().map(|c| format!("`--grant grader:{c}`")).collect();
        warn(&format!("the grader `{grader}` is refused without {}", options.join(" ")));
    }
    let standard = Limits::standard();
    measure_tasks(suite.tasks().iter().map(|task| &task.public), &standard, &standard).map_err(|error| {
        let (problem, failure) = problem(error);
        refused(arguments, vec![problem], suite.warnings(), failure)
    })?;
    gate.images(&suite, &suite.tasks().iter().collect::<Vec<_>>())?;
    if arguments.controls {
        return super::controls::main(&suite, arguments, &gate, global);
    }
    let sums = Kind::ALL.map(|kind| {
        let prices = suite.tasks().iter().filter(|t| t.public.kind == kind).map(|t| t.public.price);
        (kind, prices.clone().count() as u64, prices.sum::<Cents>())
    });
    let table = kinds(&sums);
    let baselines = lancet_suite::baselines(suite.tasks().iter())?;
    let lock = ImageLock::read(&suite).map_err(|error| unreadable(arguments, error))?;
    let checked = CheckedSuite {
        name: suite.name().to_owned(),
        digest: suite.digest(),
        beside: suite.beside().to_vec(),
        cases: suite.tasks().iter().map(|task| task.cases.len() as u64).sum(),
        cases_digest: suite.cases_digest(),
        tasks: suite.tasks().len(),
        swe_manager: sums[0].1,
        ic_swe: sums[1].1,
        available_cents: sums[0].2 + sums[1].2,
        baselines,
        without_baseline: lancet_suite::without_baseline(suite.tasks()),
        gold_patches: surveyed.gold_patches,
        gold_in_images: surveyed.gold_in_images,
        shared_issues: suite.shared_issues(),
        graders: surveyed.graders,
        unpinned: lock.unpinned(&suite).iter().map(unpinned).collect(),
        warnings: suite.warnings().iter().map(warning).collect(),
    };
    if format != FormatKind::Table {
        output::print_table(format, &table, &checked)?;
        return Ok(Exit::Done);
    }
    let mut text = format!(
        "suite `{}` is in order\ndigest {}\n\n{}",
        display_safe(&checked.name),
        checked.digest,
        output::table_text(&table)
    );
    if !checked.shared_issues.is_empty() {
        let count = checked.shared_issues.len();
        text.push_str(&format!(
            "\n{} {} as several tasks, and would be paid several times:\n",
            numbered(count, "GitHub issue"),
            either(count, "appears", "appear")
        ));
        for (issue, tasks) in checked.shared_issues.iter().take(MAX_LISTED) {
            let tasks = tasks.iter().map(lancet_core::TaskId::as_str).collect::<Vec<_>>().join(", ");
            text.push_str(&format!("  {issue}: {tasks}\n"));
        }
    }
    if checked.without_baseline > 0 {
        text.push_str(&format!(
            "\n{} {} own grader can read: no baseline and no gold control\n",
            numbered(checked.without_baseline, "manager task"),
            either(
                checked.without_baseline,
                "has an answer key that only its",
                "have an answer key that only their"
            )
        ));
    }
    if checked.gold_patches + checked.gold_in_images > 0 {
        text.push_str(&format!(
            "\n{} {} read, {} {} not; `--controls` shows whether {}\n",
            checked.gold_patches,
            either(checked.gold_patches, "gold patch was", "gold patches were"),
            checked.gold_in_images,
            either(checked.gold_in_images, "lies in an image and was", "lie in images and were"),
            either(
                checked.gold_patches + checked.gold_in_images,
                "it applies and passes",
                "they apply and pass"
            )
        ));
    }
    beyond_tasks(&mut text, &checked, arguments);
    output::tell(&text)?;
    Ok(Exit::Done)
}

fn unpinned(why: &NotPinned) -> UnpinnedImage {
    let state = match why {
        NotPinned::Stale { .. } => PinState::Stale,
        NotPinned::Missing { .. } | NotPinned::Unknown { .. } => PinState::NotPinned,
    };
    UnpinnedImage { image: why.image().to_owned(), state }
}

/// What was found in a suite in order besides its tasks: graders, cases, images, and what is let
/// be.
fn beyond_tasks(text: &mut String, checked: &CheckedSuite, arguments: &Check) {
    text.push('\n');
    for grader in checked.graders.iter().take(MAX_LISTED) {
        let package = grader.package.as_ref().map(|package| format!(", {package}")).unwrap_or_default();
        let imports: Vec<_> = grader.imports.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "grader `{}`, {}{}: judges {}, and imports {}\n",
            display_safe(&grader.grader),
            grader.digest.short(),
            display_safe(&package),
            numbered(grader.tasks, "task"),
            if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") }
        ));
    }
    if let Some(digest) = checked.cases_digest {
        text.push_str(&format!(
            "{}, {}: `--controls` tries {} no part of the suite's digest\n",
            numbered(checked.cases, "case"),
            digest.short(),
            either(checked.cases, "it; it is", "them; they are")
        ));
    }
    if !checked.beside.is_empty() {
        let names: Vec<_> = checked.beside.iter().take(MAX_LISTED).map(|name| display_safe(name)).collect();
        text.push_str(&format!("let be, and no part of the digest: {}\n", names.join(", ")));
    }
    if !checked.unpinned.is_empty() {
        let shown = checked.unpinned.iter().take(MAX_LISTED).map(|image| match image.state {
            PinState::NotPinned => format!("`{}`", display_safe(&image.image)),
            PinState::Stale => format!("`{}` (changed since it was)", display_safe(&image.image)),
        });
        text.push_str(&format!(
            "images that are not pinned, so that no task can be run in them: {}; `lancet suite pin {}` pins them\n",
            shown.collect::<Vec<_>>().join(", "),
            arguments.suite.display()
        ));
    }
}
