//! The last head of a store's log that was signed here: none is signed that does not extend it. It lies
//! beside the database, so that a database which is changed, or put back to an earlier state, is found
//! out by it.

use std::fs::File;
use std::path::{Path, PathBuf};

use lancet_file::FileError;
use lancet_store::Reader;
use lancet_trust::{Checkpoint, LogError, MAX_NOTE_BYTES, Tree};

use super::sign;
use crate::exit::Exit;
use crate::failure::Failure;

const FILE: &str = "signed.checkpoint";
const HINT: &str = "the database was changed, or put back to an earlier state: restore it from a backup that has \
                    all of that; if there is none, go on in a new store, whose log has a name of its own: whoever \
                    has the earlier head would find two logs of one name";

/// What is known in a store of heads that were signed.
pub(super) struct Heads {
    folder: PathBuf,
    path: PathBuf,
}

impl Heads {
    /// Of the store in that folder.
    pub(super) fn of(store: &Path) -> Self {
        Self { folder: store.to_owned(), path: store.join(FILE) }
    }

    /// The last one; `None` when none was signed yet.
    fn last(&self) -> Result<Option<Checkpoint>, Failure> {
        let bytes = match lancet_file::read(&self.path, MAX_NOTE_BYTES as u64) {
            Ok(bytes) => bytes,
            Err(FileError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &self.path, &error).exit(Exit::Store)),
        };
        let head = Checkpoint::unverified(&bytes).map_err(|error| {
            let message = format!(
                "`{}` is no head of a log, expected the last one that was signed here: {error}",
                self.path.display()
            );
            Failure::new(Exit::Store, message)
                .hint("restore it from a backup, or put a file there that `lancet log sign` wrote last")
        })?;
        Ok(Some(head))
    }

    /// Whether a log extends what it was at the last head; `of` looks at that.
    pub(super) fn are_extended(
        &self,
        of: impl FnOnce(&Checkpoint) -> Result<(), LogError>,
    ) -> Result<(), Failure> {
        let Some(last) = self.last()? else { return Ok(()) };
        of(&last).map_err(|error| {
            let message = format!(
                "the store's log does not extend the head that was signed here last, `{}`: {error}",
                self.path.display()
            );
            Failure::new(Exit::Store, message).hint(HINT)
        })
    }

    /// Keeps a head that was signed, before anybody is given it.
    pub(super) fn keep(&self, note: &str) -> Result<(), Failure> {
        let signed = Checkpoint::unverified(note.as_bytes())
            .map_err(|error| crate::failure::host("what was signed is no head of a log", error))?;
        // Somebody may sign a head here at the same time: the longer one stays.
        let lock = File::open(&self.folder).map_err(|error| Failure::file("read", &self.folder, &error))?;
        lock.lock().map_err(|error| Failure::file("lock", &self.folder, &error))?;
        match self.last()? {
            Some(last) if last.size > signed.size => Ok(()),
            _ => sign::write(&self.path, note.as_bytes()),
        }
    }

    /// What is wrong with a store's log by the last head, for whoever looks at the store as a whole.
    pub(super) fn problem(&self, reader: &Reader) -> Option<String> {
        let looked = || {
            let Some(last) = self.last()? else { return Ok(()) };
            let (origin, mut tree) = (reader.log_origin()?, Tree::new());
            reader.each_leaf(|leaf| tree.push(leaf.as_bytes()))?;
            self.are_extended(|_| last.is_begin_of(&origin, &tree))
        };
        looked().err().map(|failure: Failure| failure.to_string())
    }
}
