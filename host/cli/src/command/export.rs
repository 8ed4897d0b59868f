//! `lancet export`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _};
use std::path::{Path, PathBuf};

use lancet_core::{AttemptId, Event, RunId, Sha256};
use lancet_file::WholeFile;
use lancet_store::Reader;
use lancet_trust::{
    ExportError, ExportWriter, Exported, ExportedBlob, Judged, OpenedExport, PublicKey, Signer, exported,
    journal_text,
};

use super::attest::{Over, is_not_cosigned};
use super::heads::Heads;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::keys::{self, Export};
use crate::output;
use crate::render::display_safe;

/// What the name of an exported run ends with.
pub(super) const END: &str = ".export.tar";

/// Writes a run as one file: what `attest` signs, and all that a replay needs.
pub(crate) fn main(arguments: &Export, global: &Global) -> Result<Exit, Failure> {
    if let Some(path) = arguments.output.as_deref().filter(|path| !is_export(path)) {
        let message = format!(
            "`{}` does not end in `.tar`, by which `lancet verify` knows an exported run",
            path.display()
        );
        return Err(Failure::usage(message).hint(format!("for example `--output run{END}`")));
    }
    let store = super::existing_store(global)?;
    let mut over = Over::read(&store, &arguments.run)?;
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}{END}", over.run)));
    let keys = keys::open()?;
    let signer = keys::signer(&keys, &arguments.key, &arguments.signer)?;
    let public = signer.public();
    is_ours(&path, &public)?;
    let heads = Heads::of(&super::store_folder(global)?);
    let text = over.sign(&keys, &arguments.since, &heads, signer.as_ref())?;
    let (blobs, bytes) = write(&path, &store.reader(), &over, &text, signer.as_ref(), &public)?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    over.warn();
    warn(
        "whoever has this file has all that the run's agents and graders were shown and said, answer keys too; `lancet attest` gives none of it away",
    );
    output::print(&format!(
        "{}\n{}\nblobs     {blobs}\nbytes     {bytes}\nkey       {}",
        display_safe(&path.display().to_string()),
        over.told(),
        public.id()
    ))?;
    Ok(Exit::Done)
}

/// Whether a file's name is that of an exported run.
pub(super) fn is_export(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "tar")
}

/// Whether a file that would be replaced is a run that was exported with the same key.
fn is_ours(path: &Path, key: &PublicKey) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let file = lancet_file::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let opened = OpenedExport::open(BufReader::new(file));
    let by = opened.and_then(|opened| opened.key_id().map(|by| (by, opened)));
    let message = match by {
        Ok((by, opened)) if by == key.id() => {
            return is_not_cosigned(
                path,
                &opened.into_attested().unwrap_or_default(),
                key,
                "name another file with `--output`, or remove it",
            );
        }
        Ok((by, _)) => format!("`{}` is a run that was exported with another key, {by}", path.display()),
        Err(_) => format!("`{}` is there already, and no exported run", path.display()),
    };
    Err(Failure::usage(message).hint("name another file with `--output`, or remove it"))
}

/// Writes the file whole or not at all: one blob after the other.
fn write(
    path: &Path,
    reader: &Reader,
    over: &Over,
    attested: &str,
    signer: &dyn Signer,
    public: &PublicKey,
) -> Result<(usize, u64), Failure> {
    let refused = |error: ExportError| {
        let exit = match &error {
            ExportError::TooLarge | ExportError::Blobs | ExportError::Blob(_) => Exit::Usage,
            _ => Exit::Host,
        };
        Failure::new(exit, format!("`{}`: {error}", path.display())).hint(error.hint())
    };
    let Some(record) = over.statement.run_record() else {
        return Err(host("exporting the run", "it has no record"));
    };
    let (journals, blobs) = list(reader, over, record)?;
    let number = blobs.len();
    let whole = begun(path)?;
    let said = Exported { run: over.run.clone(), blobs };
    let to = BufWriter::new(whole.file());
    let mut writer = ExportWriter::begin(to, attested, record, said, signer).map_err(refused)?;
    while let Some(digest) = writer.next() {
        let bytes = match journals.get(&digest) {
            Some(attempt) => journal_text(&events(reader, attempt)?),
            None => reader.blob(digest)?,
        };
        writer.add(&bytes).map_err(refused)?;
    }
    let (to, bytes) = writer.end().map_err(refused)?;
    drop(to);
    put(whole, path, public)?;
    Ok((number, bytes))
}

/// A file that gets its name when it is whole. Whoever has it has all that the run was shown.
pub(super) fn begun(path: &Path) -> Result<WholeFile, Failure> {
    WholeFile::begin(path, 0o600).map_err(|error| Failure::file("write", path, &error))
}

/// Puts an exported run that was written into its place. What nobody could read is not handed out.
pub(super) fn put(whole: WholeFile, path: &Path, by: &PublicKey) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    whole.file().sync_all().map_err(|error| failed(&error))?;
    let mut written: &File = whole.file();
    written.rewind().map_err(|error| failed(&error))?;
    OpenedExport::open(BufReader::new(written))
        .and_then(|opened| opened.verify(by))
        .map_err(|error| host("what was written does not verify", error))?;
    whole.replace().map_err(|error| failed(&error))
}

/// Which attempts the journals are of, by their digests, and all blobs, in the order of theirs.
fn list(
    reader: &Reader,
    over: &Over,
    record: Sha256,
) -> Result<(BTreeMap<Sha256, AttemptId>, Vec<ExportedBlob>), Failure> {
    let mut journals = BTreeMap::new();
    let mut sizes: BTreeMap<Sha256, u64> = BTreeMap::new();
    sizes.insert(record, reader.blob(record)?.len() as u64);
    for judged in &over.verdicts {
        let attempt = attempt(&over.run, judged);
        let events = events(reader, &attempt)?;
        sizes.insert(judged.journal, journal_text(&events).len() as u64);
        journals.insert(judged.journal, attempt);
        for digest in exported(judged, &events) {
            if let Entry::Vacant(size) = sizes.entry(digest) {
                size.insert(reader.blob(digest)?.len() as u64);
            }
        }
    }
    let blobs = sizes.into_iter().map(|(digest, bytes)| ExportedBlob { digest, bytes }).collect();
    Ok((journals, blobs))
}

fn attempt(run: &RunId, judged: &Judged) -> AttemptId {
    AttemptId { run: run.clone(), task: judged.record.task.clone(), number: judged.record.attempt }
}

fn events(reader: &Reader, attempt: &AttemptId) -> Result<Vec<Event>, Failure> {
    Ok(reader.events(attempt)?.into_iter().map(|line| line.event).collect())
}
