//! `lancet plugin record`.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lancet_author::{Fixture, RecordError, RedactError};
use lancet_core::{AttemptId, Fixture as File, PluginIdentity, TestResult};
use lancet_file::WholeFile;
use lancet_runner::{Named, Origin};
use lancet_store::Store;

use crate::arguments::Global;
use crate::author::PluginRecord;
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::output;
use crate::render::display_safe;
use crate::session::{block_on, loader};

/// Makes a fixture of an attempt, and looks whether the plugin that was recorded comes to the
/// same on it.
pub(super) fn main(arguments: &PluginRecord, global: &Global) -> Result<Exit, Failure> {
    let store = crate::command::existing_store(global)?;
    let attempt = block_on(async { crate::command::attempt_named(&store, &arguments.attempt).await })?;
    let Some(attempt) = attempt else {
        return Err(Failure::usage(format!(
            "`{}` names a run, and a fixture is made of one attempt",
            arguments.attempt
        ))
        .hint("name the attempt as RUN/TASK/NUMBER; `lancet show RUN` lists them"));
    };
    let recorded =
        lancet_author::record(&store.reader(), &attempt, arguments.role.into()).map_err(unusable)?;
    let file = lancet_author::redact(&recorded, &arguments.redact).map_err(|error| refused(&error))?;
    let path = arguments.output.clone().unwrap_or_else(|| place(&attempt));
    let mut text = serde_json::to_string_pretty(&file).map_err(|e| host("writing a fixture", e))?;
    text.push('\n');
    write(&path, &text)?;
    let left_out = file.recorded.iter().flat_map(|origin| &origin.left_out);
    let mut told =
        format!("{}: {} bytes, of attempt {attempt}", display_safe(&path.display().to_string()), text.len());
    for what in left_out {
        told.push_str(&format!("\nleft out  {}", display_safe(what)));
    }
    output::tell(&told)?;
    verify(&store, &file, arguments)?;
    Ok(Exit::Done)
}

/// Where a fixture is put unless somebody says otherwise.
fn place(attempt: &AttemptId) -> PathBuf {
    Path::new("fixtures").join(format!("{}-{}.json", attempt.task, attempt.number))
}

/// Writes the file whole, where there is none.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
    let whole = WholeFile::begin(path, 0o644).map_err(|e| failed(&e))?;
    whole.file().write_all(text.as_bytes()).map_err(|e| failed(&e))?;
    match whole.place() {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::usage(format!("`{}` is there already", path.display()))
                .hint("name another file with `--output`, or remove it"))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// Runs the plugin that was recorded on the fixture. It may come to something else without what
/// was redacted or left out: that is said, and the fixture stays.
fn verify(store: &Store, file: &File, arguments: &PluginRecord) -> Result<(), Failure> {
    let Some(origin) = &file.recorded else { return Ok(()) };
    let fixture =
        Fixture::of("recorded", file.clone()).map_err(|e| host("reading a fixture that was just made", e))?;
    let identity = PluginIdentity { name: origin.plugin.short(), digest: origin.plugin };
    let component = store.reader().blob(origin.plugin)?;
    let named = Named { identity, component, origin: Origin::Recorded };
    let plugin =
        loader(NonZeroUsize::MIN, &arguments.isolation)?.load(&named, &lancet_author::widest(file.role))?;
    let limits = lancet_author::limits(&plugin);
    let fixtures = [("recorded".to_owned(), Ok(fixture))];
    let tested = block_on(async { Ok(lancet_author::test(&plugin, &limits, &fixtures).await?) })?;
    for line in tested.fixtures.iter().filter(|line| line.result != TestResult::Passed) {
        let found = line.found.as_deref().unwrap_or("nothing");
        warn(&format!(
            "on this fixture the recorded plugin comes to {found} and not to what it came to in the attempt ({}): {}",
            line.expected.as_deref().unwrap_or_default(),
            line.explanation
        ));
    }
    Ok(())
}

fn unusable(error: RecordError) -> Failure {
    match error {
        RecordError::Store(error) => error.into(),
        RecordError::Unusable { hint, .. } => Failure::usage(error.to_string()).hint(hint),
    }
}

fn refused(error: &RedactError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        RedactError::Unknown { .. } => {
            failure.hint("a field is named by its key in the fixture, at any depth")
        }
        RedactError::Needed { .. } => {
            failure.hint("name a field that holds the text alone, such as `text` or `detail`")
        }
    }
}
