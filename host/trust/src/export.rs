//! A run as one file, from which its verdicts are come to again elsewhere: what was attested of it,
//! and every blob that a replay needs, in a tar archive of one spelling.
//!
//! ```text
//! attested.jsonl          the run with all its verdicts: see Attested
//! export.sigstore.json    a signed statement that lists the blobs
//! blobs/HEX               the blobs, in the order of their SHA-256s, which are their names
//! ```
//!
//! The blobs are the run's own record, and of each verdict the task, the agent, the grader, the
//! journal, what was handed in and what tests left: no more, and no less. Every byte is one that
//! is signed, one whose digest is, or one that follows from the rest.

mod archive;
mod error;
mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, Write};

use lancet_core::{Capture, Event, FileChange, Response, RunId, RunRecord, Sha256};
use serde::{Deserialize, Serialize};

use self::archive::{Begun, Entries, Place};
pub use self::error::ExportError;
use crate::attested::{Attested, MAX_ATTESTED_BYTES};
use crate::bundle::{Bundle, MAX_BUNDLE_BYTES};
use crate::error::{BundleError, SignerError};
use crate::key::{KeyId, PublicKey};
use crate::signer::Signer;
use crate::statement::{Predicate, Statement, Subject};
use crate::verdict::Judged;

/// The most bytes of such a file: 16 GiB.
pub const MAX_EXPORT_BYTES: u64 = 16 << 30;
/// The most bytes of a blob in it, such as a journal: 512 MiB.
pub const MAX_EXPORTED_BYTES: u64 = 512 << 20;
/// The most blobs in it.
pub const MAX_EXPORTED_BLOBS: usize = 100_000;

const ATTESTED: &str = "attested.jsonl";
const LIST: &str = "export.sigstore.json";

/// That these blobs belong to a run, and no others: its subject is the run's own record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The run.
    pub run: RunId,
    /// The blobs, in the order of their digests.
    pub blobs: Vec<ExportedBlob>,
}

/// A blob of an exported run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedBlob {
    /// Its digest.
    pub digest: Sha256,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Predicate for Exported {
    const TYPE: &'static str = "lancet:statement/export/v0.1";
}

impl Statement<Exported> {
    fn of_export(record: Sha256, said: Exported) -> Self {
        Self::new(vec![Subject::file("run-record", record)], said)
    }
}

/// The blobs that a replay of a verdict needs, by its journal, and the journal itself.
#[must_use]
pub fn exported(judged: &Judged, events: &[Event]) -> BTreeSet<Sha256> {
    let mut blobs: BTreeSet<Sha256> = [judged.run_record, judged.task, judged.journal].into();
    blobs.extend([&judged.solve, &judged.grade].into_iter().flatten().map(|executed| executed.plugin));
    for event in events {
        match event {
            Event::Captured { capture: Capture::Taken(changes) } => {
                blobs.insert(changes.diff);
                blobs.extend(changes.files.iter().filter_map(|file| match file.change {
                    FileChange::Written { sha256, .. } => Some(sha256),
                    FileChange::Deleted => None,
                }));
            }
            Event::Called { call, .. } => {
                if let Response::Tested(report) = &call.response {
                    let artifacts = report.runs.iter().flat_map(|run| &run.artifacts);
                    blobs.extend(artifacts.map(|artifact| artifact.sha256));
                }
            }
            _ => {}
        }
    }
    blobs
}

/// A run that is being written as one file.
#[derive(Debug)]
pub struct ExportWriter<W> {
    archive: archive::Writer<W>,
    due: Vec<ExportedBlob>,
}

impl<W: Write> ExportWriter<W> {
    /// Writes the text of an attested run, and a statement that lists the blobs, which are to follow
    /// in the order of their digests. Returns what writes them.
    ///
    /// # Errors
    /// When whoever has the key does not sign, there is too much, or it cannot be written.
    pub fn begin(
        to: W,
        attested: &str,
        record: Sha256,
        said: Exported,
        signer: &dyn Signer,
    ) -> Result<Self, ExportError> {
        let due = said.blobs.clone();
        bounded(&due)?;
        let statement = Statement::of_export(record, said).to_bytes();
        let list = Bundle::sign(&statement, signer).map_err(ExportError::Signer)?.to_text();
        if list.len() > MAX_BUNDLE_BYTES {
            return Err(ExportError::Blobs);
        }
        let mut archive = archive::Writer::new(to);
        archive.add(ATTESTED, attested.as_bytes())?;
        archive.add(LIST, list.as_bytes())?;
        Ok(Self { archive, due: due.into_iter().rev().collect() })
    }

    /// The digest of the blob that is to be written next; `None` after the last one.
    #[must_use]
    pub fn next(&self) -> Option<Sha256> {
        self.due.last().map(|blob| blob.digest)
    }

    /// Writes that blob.
    ///
    /// # Errors
    /// When it is not that one, or cannot be written.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        let Some(due) = self.due.pop() else { return Err(ExportError::Trailing) };
        let name = archive::blob(due.digest);
        if bytes.len() as u64 != due.bytes || Sha256::of(bytes) != due.digest {
            return Err(ExportError::Content(name));
        }
        self.archive.add(&name, bytes)
    }

    /// Writes the end, and returns how many bytes there are.
    ///
    /// # Errors
    /// When a blob is not written, or it cannot be written.
    pub fn end(self) -> Result<(W, u64), ExportError> {
        match self.next() {
            Some(digest) => Err(ExportError::Missing { what: "a blob of its list".to_owned(), digest }),
            None => self.archive.end(),
        }
    }
}

/// What there may be at most.
fn bounded(blobs: &[ExportedBlob]) -> Result<(), ExportError> {
    let all = blobs.iter().fold(0_u64, |all, blob| all.saturating_add(archive::taken(blob.bytes)));
    let largest = blobs.iter().map(|blob| blob.bytes).max().unwrap_or(0);
    match () {
        () if blobs.len() > MAX_EXPORTED_BLOBS => Err(ExportError::Blobs),
        () if largest > MAX_EXPORTED_BYTES => Err(ExportError::Blob(largest)),
        () if all > MAX_EXPORT_BYTES => Err(ExportError::TooLarge),
        () => Ok(()),
    }
}

/// The beginning of an exported run, of which nothing is verified yet.
#[derive(Debug)]
pub struct OpenedExport<R> {
    entries: Entries<R>,
    /// What was attested, of which the first line has been read.
    attested: Begun,
}

/// A run from one file, all of which holds.
#[derive(Debug)]
pub struct Export<R> {
    source: R,
    places: BTreeMap<Sha256, Place>,
    record: RunRecord,
    attested: Attested,
    bytes: u64,
}

impl<R: Read + Seek> OpenedExport<R> {
    /// Reads the first line of what was attested, and no more: whoever nobody knows may have made the
    /// rest as large as there can be.
    ///
    /// # Errors
    /// When it is no such file, or cannot be read.
    pub fn open(source: R) -> Result<Self, ExportError> {
        let mut entries = Entries::new(source);
        let attested = entries.begin(ATTESTED, MAX_ATTESTED_BYTES, MAX_BUNDLE_BYTES + 1)?;
        Ok(Self { entries, attested })
    }

    /// What was attested, as it is written: at most [`MAX_ATTESTED_BYTES`].
    ///
    /// # Errors
    /// When it was cut off, or cannot be read.
    pub fn into_attested(self) -> Result<Vec<u8>, ExportError> {
        let Self { mut entries, attested } = self;
        entries.rest(ATTESTED, attested)
    }

    /// Writes the file anew with other bytes in place of what was attested, and the rest as it is: a
    /// witness's signature is added to the head of the log in it. Nothing is verified.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn with_attested<W: Write>(self, to: W, attested: &[u8]) -> Result<W, ExportError> {
        let Self { mut entries, attested: replaced } = self;
        entries.rest(ATTESTED, replaced)?;
        let mut archive = archive::Writer::new(to);
        archive.add(ATTESTED, attested)?;
        archive.rest(entries.into_source())
    }

    /// The key that it names first, to look for it.
    ///
    /// # Errors
    /// When its first line is no bundle.
    pub fn key_id(&self) -> Result<KeyId, ExportError> {
        Attested::key_of(&self.attested.content).map_err(ExportError::Attested)
    }

    /// Verifies all of it: signatures, each byte of each blob, that these are what a replay needs,
    /// and that journals, run and verdicts say the same. Nothing is executed. At most one blob is
    /// in memory at a time.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(self, key: &PublicKey) -> Result<Export<R>, ExportError> {
        let Self { mut entries, attested } = self;
        Attested::begins_by(&attested.content, key).map_err(ExportError::Attested)?;
        let attested = entries.rest(ATTESTED, attested)?;
        let attested = Attested::verify(&attested, key).map_err(ExportError::Attested)?;
        let list = entries.whole(LIST, MAX_BUNDLE_BYTES)?;
        let refused = |error: BundleError| ExportError::Bundle { name: LIST, error };
        let bundle = Bundle::parse(&list).map_err(refused)?;
        let payload = bundle.verify(key).map_err(refused)?;
        let misstated = |error| ExportError::Statement { name: LIST, error };
        let said = Statement::<Exported>::parse(payload).map_err(misstated)?;
        let blobs = said.predicate.blobs.clone();
        let due = Exported { run: attested.run.run.clone(), blobs: blobs.clone() };
        said.expect(&Statement::of_export(attested.run_record, due)).map_err(misstated)?;
        bounded(&blobs)?;
        if !blobs.is_sorted_by(|one, next| one.digest < next.digest) {
            return Err(ExportError::Order);
        }
        let mut places = BTreeMap::new();
        for blob in blobs {
            places.insert(blob.digest, entries.blob(blob.digest, blob.bytes)?);
        }
        let (source, bytes) = entries.end()?;
        held::held(source, places, attested, bytes)
    }
}

impl<R: Read + Seek> Export<R> {
    /// What was attested.
    #[must_use]
    pub fn attested(&self) -> &Attested {
        &self.attested
    }

    /// The run's own record.
    #[must_use]
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// How many bytes the file has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many blobs it has.
    #[must_use]
    pub fn blobs(&self) -> usize {
        self.places.len()
    }

    /// Reads a blob, which is verified once more: the file may have been changed since.
    ///
    /// # Errors
    /// When it has no such blob, or it is not what it was.
    pub fn blob(&mut self, digest: Sha256) -> Result<Vec<u8>, ExportError> {
        let place = self.places.get(&digest).copied();
        let place = place.ok_or_else(|| ExportError::Missing { what: "a blob".to_owned(), digest })?;
        place.read(&mut self.source, digest)
    }
}

/// The events of a journal, whose text is one line of JSON for each.
///
/// # Errors
/// Which line is none, from 1, and why.
pub fn journal_events(text: &[u8]) -> Result<Vec<Event>, (usize, String)> {
    let mut events = Vec::new();
    for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let read = serde_json::from_slice(line).map_err(|error| (at + 1, error.to_string()))?;
        events.push(read);
    }
    Ok(events)
}

impl From<SignerError> for ExportError {
    fn from(error: SignerError) -> Self {
        Self::Signer(error)
    }
}
