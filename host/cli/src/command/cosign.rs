//! `lancet cosign`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use lancet_trust::{Attested, KeysError};

use super::attest::{ends_right, is_attested};
use super::attested::{self, Read};
use super::sign;
use super::verify::warn_of;
use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::keys::{self, Cosign};
use crate::output;
use crate::render::display_safe;

/// Adds a witness's signature to the head of a log, which was found to extend what the witness
/// has seen of it.
pub(crate) fn main(arguments: &Cosign) -> Result<Exit, Failure> {
    let file = &arguments.file;
    if !is_attested(file) {
        let message = format!("`{}` is no `.jsonl` that `lancet attest` wrote", file.display());
        return Err(Failure::usage(message).hint(
            "have the host attest the run: of one that was exported, its log is cosigned in that file",
        ));
    }
    ends_right(arguments.output.as_deref())?;
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(file));
    if path != *file && path.exists() {
        return Err(Failure::usage(format!("`{}` is there already", path.display()))
            .hint("name another file with `--output`"));
    }
    let keys = keys::open()?;
    let believed = attested::known(&keys);
    let Read { bytes, attested, key, .. } = attested::read(file, &keys, &believed)?;
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
    sign::write(&path, signed.as_bytes())?;
    warn_of(&keys, &key);
    let checkpoint = &log.checkpoint;
    output::tell(&format!(
        "{}\nlog       {}, {} leaves\nroot      {}\nhost      {}, {}\nwitness   {}",
        display_safe(&path.display().to_string()),
        display_safe(&checkpoint.origin),
        checkpoint.size,
        checkpoint.root_text(),
        display_safe(&key.name),
        key.id,
        own.id()
    ))?;
    Ok(Exit::Done)
}
