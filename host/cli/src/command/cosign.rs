//! `lancet cosign`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lancet_trust::{Attested, ExportError, KeysError, OpenedExport, PublicKey};

use super::attested::{self, Read};
use super::verify::warn_of;
use super::{export, sign};
use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::keys::{self, Cosign};
use crate::output;
use crate::render::{display_safe, either};

/// Adds a witness's signature to the head of a log, which was found to extend what the witness
/// has seen of it.
pub(crate) fn main(arguments: &Cosign) -> Result<Exit, Failure> {
    let file = &arguments.file;
    if !attested::is_run(file) {
        let message = format!("`{}` is no run, which ends in `.jsonl` or `.tar`", file.display());
        return Err(Failure::usage(message).hint(
            "name a file that `lancet attest` or `lancet export` wrote: the head of the log is in it",
        ));
    }
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(file));
    if path.extension() != file.extension() {
        let message = format!("`{}` does not end as `{}` does", path.display(), file.display());
        return Err(Failure::usage(message).hint("by that ending `lancet verify` knows what it is"));
    }
    if path != *file && path.exists() {
        return Err(Failure::usage(format!("`{}` is there already", path.display()))
            .hint("name another file with `--output`"));
    }
    let keys = keys::open()?;
    let believed = attested::known(&keys);
    let Read { bytes, attested, key, export } = attested::read(file, &keys, &believed)?;
    let bytes = match &export {
        Some(_) => opened(file)?.into_attested().map_err(|error| changed(file, &error))?,
        None => bytes,
    };
    let Some(log) = &attested.log else {
        let message = format!("`{}` is a run that is in no log: there is nothing to cosign", file.display());
        return Err(
            Failure::new(Exit::Unverified, message).hint("a run that is made anew is in its store's log")
        );
    };
    if let Some(since) = &arguments.since {
        let old = attested::head(since, &keys, &believed, key.id)?;
        log.extends(&old).map_err(|error| attested::since_refused(file, &key, since, &error))?;
    }
    let signer = keys::signer(&keys, &arguments.key, &arguments.signer)?;
    let own = signer.public();
    if own.id() == attested.key {
        let message = format!(
            "the key {} has signed `{}` itself: a witness is somebody else",
            own.id(),
            file.display()
        );
        return Err(Failure::usage(message).hint("cosign with a key of your own, on a machine of your own"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let text = String::from_utf8_lossy(&bytes);
    let signed = Attested::cosign(&text, signer.as_ref(), now).map_err(KeysError::from)?.unwrap_or_default();
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    // What nobody could read is not handed out.
    let by = believed.iter().find(|(known, _)| known.id() == attested.key).map(|(known, _)| known);
    let is_cosigned = by.is_some_and(|by| {
        let log = Attested::verify(signed.as_bytes(), by).ok().and_then(|attested| attested.log);
        log.is_some_and(|log| matches!(log.note.cosigned_by(&own), Ok(Some(_))))
    });
    if !is_cosigned {
        let message =
            format!("`{}` has no room for another signature: a head has at most 100", file.display());
        return Err(host("what was cosigned does not verify", message));
    }
    match (export, by) {
        (Some(_), Some(by)) => rewrite(file, &path, signed.as_bytes(), by)?,
        _ => sign::write(&path, signed.as_bytes())?,
    }
    warn_of(&keys, &key);
    let checkpoint = &log.checkpoint;
    output::tell(&format!(
        "{}\nlog       {}, {} {}\nroot      {}\nhost      {}, {}\nwitness   {}",
        display_safe(&path.display().to_string()),
        display_safe(&checkpoint.origin),
        checkpoint.size,
        either(checkpoint.size, "leaf", "leaves"),
        checkpoint.root_text(),
        display_safe(&key.name),
        key.id,
        own.id()
    ))?;
    Ok(Exit::Done)
}

/// An exported run, of which nothing is verified yet.
fn opened(file: &Path) -> Result<OpenedExport<BufReader<File>>, Failure> {
    let read = lancet_file::open(file).map_err(|error| Failure::file("read", file, &error))?;
    OpenedExport::open(BufReader::new(read)).map_err(|error| changed(file, &error))
}

fn changed(file: &Path, error: &ExportError) -> Failure {
    Failure::new(Exit::Unverified, format!("`{}`: {error}", file.display())).hint(error.hint())
}

/// Writes an exported run with another head of its log, whole or not at all.
fn rewrite(file: &Path, path: &Path, attested: &[u8], by: &PublicKey) -> Result<(), Failure> {
    let whole = export::begun(path)?;
    let to = BufWriter::new(whole.file());
    drop(opened(file)?.with_attested(to, attested).map_err(|error| changed(file, &error))?);
    export::put(whole, path, by)
}
