//! `lancet plugin test`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use lancet_core::{TestResult, TestedFixture, TestedPlugin};
use lancet_kit::Saved;
use lancet_runner::Loader;

use super::kit::Built;
use super::target::{Place, Target, read_all};
use crate::arguments::FormatKind;
use crate::author::PluginTest;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{MAX_MESSAGE, Table, clipped, display_safe, left, numbered, right};
use crate::session::{block_on, loader};

/// How often it is looked whether a file was saved.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs a plugin on its fixtures, and again whenever one of the files is saved, if that is
/// wanted.
pub(super) fn main(arguments: &PluginTest) -> Result<Exit, Failure> {
    // It is loaded anew for what was saved; the engine stays.
    let loader = loader(NonZeroUsize::MIN, &arguments.isolation)?;
    if !arguments.watch {
        return once(arguments, &loader, &mut None);
    }
    if arguments.format.kind != FormatKind::Table {
        return Err(Failure::usage("`--watch` is for people, and `--format` for programs")
            .hint("leave one of the two out"));
    }
    loop {
        let mut seen = saved(arguments);
        let (began, mut built) = (Instant::now(), None);
        // What is saved may be half of it, or broken: the next time it may not be.
        match once(arguments, &loader, &mut built) {
            Ok(_) => {}
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) => failure.print(),
        }
        let mut took = format!("{} ms", began.elapsed().as_millis());
        if let Some(Built { took: building, written }) = built {
            let (own, seconds) = (began.elapsed().saturating_sub(building), building.as_secs_f64());
            took = format!("{} ms besides {seconds:.1} s of building", own.as_millis());
            // What building wrote was saved by nobody.
            let now = saved(arguments);
            for path in written {
                seen.remove(&path);
                seen.extend(now.get(&path).map(|saved| (path, *saved)));
            }
        }
        output::tell(&format!("{took}; waiting for a file to be saved"))?;
        while saved(arguments) == seen {
            thread::sleep(LOOK_EVERY);
        }
        output::tell("")?;
    }
}

fn once(arguments: &PluginTest, loader: &Loader, built: &mut Option<Built>) -> Result<Exit, Failure> {
    let target = Target::find(&arguments.plugin, built)?;
    let Some(folder) = target.place.fixtures(arguments.fixtures.folder.as_deref()) else {
        let message = format!("there are no fixtures for `{}`", arguments.plugin);
        return Err(Failure::usage(message).hint(
            "make a folder `fixtures` beside its `plugin.toml`, or name one with `--fixtures`; `lancet plugin record \
             RUN/TASK/NUMBER` makes a fixture of an attempt",
        ));
    };
    let fixtures = read_all(&folder)?;
    if fixtures.is_empty() {
        let message = format!("`{}` has no fixtures: files that end with `.json`", folder.display());
        return Err(
            Failure::usage(message).hint("`lancet plugin record RUN/TASK/NUMBER` makes one of an attempt")
        );
    }
    let inspection = loader.inspect(&target.named)?;
    let plugin = loader.load(&target.named, &lancet_author::widest(inspection.role))?;
    let limits = lancet_author::limits(&plugin);
    let tested = block_on(async { Ok(lancet_author::test(&plugin, &limits, &fixtures).await?) })?;
    print(&tested, arguments.format.kind)?;
    Ok(if tested.failed > 0 { Exit::Found } else { Exit::Done })
}

/// When the files that matter were last saved: of a project its sources, of what is there
/// already its file, and the fixtures.
fn saved(arguments: &PluginTest) -> BTreeMap<PathBuf, Saved> {
    let path = Path::new(&arguments.plugin);
    let mut files = if path.is_dir() { lancet_kit::sources(path) } else { BTreeMap::new() };
    let mut look = |path: PathBuf| {
        if let Ok(found) = path.metadata() {
            let time = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.insert(path, (time, found.len()));
        }
    };
    let Ok(place) = Place::find(&arguments.plugin) else { return files };
    if let Some(folder) = place.fixtures(arguments.fixtures.folder.as_deref()) {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            look(entry.path());
        }
        look(folder);
    }
    place.file.into_iter().for_each(look);
    files
}

fn print(tested: &TestedPlugin, format: FormatKind) -> Result<(), Failure> {
    let mut table = Table::new([
        left("fixture"),
        left("result"),
        left("verdict").at_most(40),
        right("fuel"),
        right("of"),
        right("memory"),
        right("of"),
        right("calls"),
        right("ms"),
    ]);
    let share =
        |used: Option<u64>, limit: u64| used.map_or_else(|| "-".to_owned(), |used| percent(used, limit));
    let limits = tested.limits;
    for line in &tested.fixtures {
        table.row([
            line.fixture.clone(),
            line.result.as_str().to_owned(),
            line.found.clone().unwrap_or_else(|| "-".to_owned()),
            line.fuel_used.map_or_else(|| "-".to_owned(), |fuel| fuel.to_string()),
            share(line.fuel_used, limits.fuel),
            line.memory_bytes.map_or_else(|| "-".to_owned(), mebibytes),
            share(line.memory_bytes, limits.memory_bytes),
            line.calls.to_string(),
            format!("{}.{}", line.microseconds / 1_000, line.microseconds % 1_000 / 100),
        ]);
    }
    output::print_table(format, &table, tested)?;
    if format != FormatKind::Table {
        return Ok(());
    }
    let mut text = String::from("\n");
    for line in tested.fixtures.iter().filter(|line| line.result != TestResult::Passed) {
        text.push_str(&told(line));
    }
    text.push_str(&format!(
        "{} passed, {} did not; limits: fuel {}, {} MiB of memory, {}, {} s\n",
        tested.passed,
        tested.failed,
        limits.fuel,
        limits.memory_bytes >> 20,
        numbered(limits.calls, "call"),
        limits.milliseconds / 1_000
    ));
    output::tell(text.trim_start_matches('\n'))?;
    Ok(())
}

/// What is wrong with a fixture, or with what the plugin made of it.
fn told(line: &TestedFixture) -> String {
    let name = display_safe(&line.fixture).into_owned();
    let said = clipped(line.explanation.trim(), MAX_MESSAGE);
    let colon = if said.is_empty() { "" } else { ": " };
    match (line.result, &line.expected, &line.found) {
        (TestResult::Differs, Some(expected), Some(found)) => {
            format!(
                "{name}: expected {}, found {}{colon}{said}\n",
                display_safe(expected),
                display_safe(found)
            )
        }
        (TestResult::Unanswered, ..) => {
            format!("{name}: {said}; record it again, or write the answer into the fixture\n")
        }
        _ => format!("{name}: the fixture cannot be used{colon}{said}\n"),
    }
}

/// A share in whole percent, and `<1 %` when there is less.
fn percent(used: u64, limit: u64) -> String {
    let share = u128::from(used) * 100 / u128::from(limit.max(1));
    if share == 0 && used > 0 { "<1 %".to_owned() } else { format!("{share} %") }
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
