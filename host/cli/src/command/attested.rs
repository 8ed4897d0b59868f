//! `lancet verify` of a run with its verdicts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use lancet_core::{Outcome, ReplayResult, Replayed, Sha256};
use lancet_file::FileError;
use lancet_trust::{
    Attested, AttestedError, BundleError, Checkpoint, Export, ExportError, KeyId, Keys, LogError, Logged,
    MAX_ATTESTED_BYTES, MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, OpenedExport, PublicKey, ReplayLimits,
    VerifiedExport, VerifiedKey, VerifiedLog, VerifiedRun, VerifiedVerdict, VerifiedWitness,
};

use super::export::is_export;
use super::verify::{key, warn_of};
use super::{attest, exported};
use crate::arguments::{FormatKind, Global};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::keys::{self, Verify};
use crate::output;
use crate::render::{Table, display_safe, either, left, numbered, right};

/// Keys that are believed, and what they are called.
pub(super) type Believed = [(PublicKey, String)];

/// A file all of which holds.
pub(super) struct Read {
    /// What was attested, as it is written: nothing of one that was exported.
    pub(super) bytes: Vec<u8>,
    pub(super) attested: Attested,
    pub(super) key: VerifiedKey,
    /// What else there is of it, when it was exported.
    pub(super) export: Option<Export<BufReader<File>>>,
}

/// Whether a file's name is that of a run with its signatures in it.
pub(super) fn is_run(path: &Path) -> bool {
    attest::is_attested(path) || is_export(path)
}

/// Every key that is known here.
pub(super) fn known(keys: &Keys) -> Vec<(PublicKey, String)> {
    keys.known().iter().map(|known| (known.public.clone(), known.name.to_string())).collect()
}

/// Reads a run's file and verifies all of it, by one of those keys.
pub(super) fn read(path: &Path, keys: &Keys, believed: &Believed) -> Result<Read, Failure> {
    if is_export(path) {
        return read_export(path, keys, believed);
    }
    let failed = |error: &dyn std::fmt::Display| Failure::file("read", path, error);
    let most = MAX_ATTESTED_BYTES as u64;
    let file = lancet_file::open(path).map_err(|error| failed(&error))?;
    let too_large = || failed(&FileError::TooLarge(most));
    if file.metadata().is_ok_and(|found| found.len() > most) {
        return Err(too_large());
    }
    let (mut file, mut bytes) = (BufReader::new(file), Vec::new());
    let line = file.by_ref().take(MAX_BUNDLE_BYTES as u64 + 1).read_until(b'\n', &mut bytes);
    line.map_err(|error| failed(&error))?;
    let refused = |error: AttestedError| refused(path, &error, error.hint());
    let id = Attested::key_of(&bytes).map_err(refused)?;
    let unknown = || refused(AttestedError::Bundle { line: 1, error: BundleError::Unknown(id) });
    let (by, name) = believed.iter().find(|(key, _)| key.id() == id).ok_or_else(unknown)?;
    let key = key(keys, by, name, path)?;
    // The rest is read when it is known whose it is.
    Attested::begins_by(&bytes, by).map_err(refused)?;
    let left = (most + 1).saturating_sub(bytes.len() as u64);
    file.take(left).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    let attested = Attested::verify(&bytes, by).map_err(refused)?;
    Ok(Read { bytes, attested, key, export: None })
}

fn read_export(path: &Path, keys: &Keys, believed: &Believed) -> Result<Read, Failure> {
    let file = lancet_file::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let refused = |error: ExportError| match &error {
        ExportError::Io(error) => Failure::file("read", path, error),
        error => refused(path, error, error.hint()),
    };
    let opened = OpenedExport::open(BufReader::new(file)).map_err(refused)?;
    let id = opened.key_id().map_err(refused)?;
    let unknown = || {
        let error = AttestedError::Bundle { line: 1, error: BundleError::Unknown(id) };
        refused(ExportError::Attested(error))
    };
    let (by, name) = believed.iter().find(|(key, _)| key.id() == id).ok_or_else(unknown)?;
    let key = key(keys, by, name, path)?;
    let export = opened.verify(by).map_err(refused)?;
    Ok(Read { bytes: Vec::new(), attested: export.attested().clone(), key, export: Some(export) })
}

fn refused(path: &Path, error: &dyn std::fmt::Display, hint: &'static str) -> Failure {
    Failure::new(Exit::Unverified, format!("`{}`: {error}", path.display())).hint(hint)
}

/// The head of a log, in a run's file or alone, that was signed by a host's key, or by one whose place
/// that took.
pub(super) fn head(
    path: &Path,
    keys: &Keys,
    believed: &Believed,
    host: KeyId,
) -> Result<Checkpoint, Failure> {
    let (head, by) = any_head(path, keys, believed)?;
    if keys.stands_for(host, by) {
        return Ok(head);
    }
    let message = format!(
        "`{}` is by the key {by}, and not by that of the host, {host}, nor by one whose place it took as far as is known here",
        path.display()
    );
    Err(Failure::new(Exit::Unverified, message)
        .hint("the heads of a log are its host's: if the host has rotated its key, `lancet key import OLD.rotated.json --name NAME` takes that in"))
}

/// That, by any key that is believed, and whose it is.
fn any_head(path: &Path, keys: &Keys, believed: &Believed) -> Result<(Checkpoint, KeyId), Failure> {
    if is_run(path) {
        let attested = read(path, keys, believed)?.attested;
        let by = attested.key;
        return attested.log.map(|log| (log.checkpoint, by)).ok_or_else(|| {
            let message = format!("`{}` is a run that is in no log", path.display());
            Failure::new(Exit::Unverified, message)
                .hint("name a file of a run that is in one, or a checkpoint")
        });
    }
    let bytes = lancet_file::read(path, MAX_NOTE_BYTES as u64)
        .map_err(|error| Failure::file("read", path, &error))?;
    let (checkpoint, by) =
        Checkpoint::read(&bytes, believed.iter().map(|(key, _)| key)).map_err(|error| {
            Failure::new(Exit::Unverified, format!("`{}` is no head of a log by a key that is known here: {error}", path.display()))
                .hint("name a file that `lancet attest` or `lancet export` wrote, or a C2SP checkpoint; `lancet key import FILE` takes the host's key in")
        })?;
    let name = believed.iter().find(|(key, _)| key == by).map_or("", |(_, name)| name.as_str());
    let by = key(keys, by, name, path)?.id;
    Ok((checkpoint, by))
}

/// A log that does not extend what it was.
pub(super) fn since_refused(path: &Path, key: &VerifiedKey, since: &Path, error: &LogError) -> Failure {
    let message = format!(
        "`{}`, signed by `{}`, does not extend `{}`: {error}",
        path.display(),
        key.name,
        since.display()
    );
    Failure::new(Exit::Unverified, message).hint(error.hint())
}

/// What is to be known of the log that a run is in.
fn logged(
    arguments: &Verify,
    keys: &Keys,
    believed: &Believed,
    log: Option<&Logged>,
    read: &Read,
) -> Result<Option<VerifiedLog>, Failure> {
    let (path, key) = (&arguments.file, &read.key);
    let Some(log) = log else {
        if arguments.unlogged {
            return Ok(None);
        }
        // Whoever has a log can sign a run without it: that is no run from before there was one.
        let message = format!(
            "`{}` is a run that is in no log, by what its host signed: nothing shows when it began, nor that it was made once",
            path.display()
        );
        return Err(Failure::new(Exit::Unverified, message).hint(
            "ask for a run that is in its store's log; `--unlogged` takes one that is in none all the same",
        ));
    };
    let mut extends = Vec::new();
    for since in &arguments.since {
        let old = head(since, keys, believed, key.id)?;
        log.extends(&old).map_err(|error| since_refused(path, key, since, &error))?;
        extends.push(old.size);
    }
    let wrong = |name: &str, why: &str| {
        let message = format!("`{}`: {name} {why}", path.display());
        Failure::new(Exit::Unverified, message)
            .hint("get the file from that witness, or leave the line of it out and `--witness` with it")
    };
    let mut witnesses = Vec::new();
    for demanded in &arguments.witnesses {
        witnesses.push((keys::public(keys, demanded)?, true));
    }
    let others = known(keys).into_iter().chain(believed.iter().cloned());
    for (known, name) in others {
        if !witnesses.iter().any(|((one, _), _)| *one == known) {
            witnesses.push(((known, name), false));
        }
    }
    let mut cosigned = Vec::new();
    for ((witness, name), is_demanded) in witnesses {
        let id = witness.id();
        let time = log.note.cosigned_by(&witness).map_err(|_| {
            wrong(&format!("the witness `{name}`, {id},"), "has not made the signature that is in its name")
        })?;
        let is_host = id == key.id;
        match (time, keys.revoked_key(id)) {
            (Some(time), None) if !is_host => {
                cosigned.push(VerifiedWitness { name, id, time: shown(time) });
            }
            (Some(_), Some(reason)) if is_demanded => {
                return Err(wrong(
                    &format!("the key of the witness `{name}`"),
                    &format!("is revoked: {reason}"),
                ));
            }
            (Some(_), Some(reason)) => {
                warn(&format!("the witness `{name}` counts for nothing: its key is revoked: {reason}"));
            }
            (_, _) if is_demanded && is_host => {
                return Err(wrong(&format!("`{name}`"), "is the key of the host itself, and no witness"));
            }
            (None, _) if is_demanded => {
                return Err(wrong(
                    &format!("the witness `{name}`, {id},"),
                    "has not cosigned the head of its log",
                ));
            }
            (_, _) => {}
        }
    }
    let unknown = log.note.signatures().saturating_sub(1 + cosigned.len());
    if unknown > 0 {
        warn(&format!(
            "{} of the log's head {} for nothing",
            numbered(unknown, "more signature"),
            either(
                unknown,
                "is by no key that is believed here, and counts",
                "are by no key that is believed here, and count"
            )
        ));
    }
    let Checkpoint { origin, size, .. } = &log.checkpoint;
    Ok(Some(VerifiedLog {
        origin: origin.clone(),
        size: *size,
        root: log.checkpoint.root_text(),
        begin: log.begin,
        end: log.end,
        others: log.others(read.attested.run.verdicts.len()),
        extends,
        cosigned,
        unknown,
    }))
}

/// A time in seconds since 1970 as RFC 3339; one that no calendar has as it is.
fn shown(time: u64) -> String {
    let time_of = |seconds| jiff::Timestamp::from_second(seconds).ok();
    i64::try_from(time).ok().and_then(time_of).map_or_else(|| time.to_string(), |time| time.to_string())
}

/// Verifies all of such a file, and executes again what it has when that is asked for.
pub(super) fn verify(
    arguments: &Verify,
    global: &Global,
    keys: &Keys,
    believed: &Believed,
) -> Result<Exit, Failure> {
    let (path, format) = (&arguments.file, arguments.format.kind);
    if arguments.replay && !is_export(path) {
        let message = format!("`{}` has no journals: there is nothing to execute again", path.display());
        return Err(
            Failure::usage(message).hint("`lancet export RUN` writes them into one file with the verdicts")
        );
    }
    let read = read(path, keys, believed)?;
    let log = logged(arguments, keys, believed, read.attested.log.as_ref(), &read)?;
    let Read { attested, key: verified_key, export, .. } = read;
    let has = export.as_ref().map(|export| VerifiedExport { blobs: export.blobs(), bytes: export.bytes() });
    let (replayed, replay_limits) = match export {
        Some(export) if arguments.replay => {
            let (replayed, limits) = exported::replay(arguments, global, export)?;
            (Some(replayed), Some(limits))
        }
        _ => (None, None),
    };
    let withheld = attested.withheld();
    let run = attested.run;
    // Of the verdicts that are shown: the others' graders are not in the file.
    let graders: BTreeSet<Sha256> = attested.verdicts.iter().map(|judged| judged.record.grader).collect();
    let used = [("suite", run.suite_digest), ("agent", run.agent_digest)];
    let revoked = used.into_iter().chain(graders.into_iter().map(|digest| ("grader", digest)));
    let revoked: Vec<_> = revoked
        .filter_map(|(what, digest)| {
            let reason = keys.revoked_digest(digest)?;
            Some(format!(
                "the {what} of this run, {digest}, is revoked: {reason}; rest nothing on its verdicts"
            ))
        })
        .collect();
    let verdicts = attested.verdicts.into_iter().map(|judged| VerifiedVerdict {
        task: judged.record.task.to_string(),
        attempt: judged.record.attempt,
        outcome: judged.record.verdict.outcome,
        reason: judged.record.verdict.reason.to_string(),
        earned_cents: judged.record.earned,
        digest: judged.digest,
        retakes: judged.retakes,
    });
    let verified = VerifiedRun {
        file: path.display().to_string(),
        key: verified_key,
        run: run.run,
        run_record: attested.run_record,
        suite: run.suite,
        suite_digest: run.suite_digest,
        agent: run.agent,
        agent_digest: run.agent_digest,
        control: run.control,
        due: run.verdicts.len(),
        withheld,
        log,
        export: has,
        verdicts: verdicts.collect(),
        replayed,
        replay_limits,
    };
    warn_of(keys, &verified.key);
    for warning in &revoked {
        warn(warning);
    }
    print(&verified, format)?;
    verified.replayed.as_ref().map_or(Ok(Exit::Done), |replayed| followed(path, replayed))
}

/// Whether each verdict was come to again.
fn followed(path: &Path, replayed: &Replayed) -> Result<Exit, Failure> {
    let Replayed { different, beyond_limits, attempts, .. } = replayed;
    let all = numbered(attempts.len(), "verdict");
    if *different > 0 {
        let message = format!(
            "`{}`: {different} of {all} {} not come to again by what was recorded",
            path.display(),
            either(*different, "is", "are")
        );
        return Err(Failure::new(Exit::Unverified, message).hint(
            "whoever signed it has signed what does not follow: ask them, and rest nothing on these verdicts",
        ));
    }
    if *beyond_limits > 0 {
        let message = format!(
            "`{}`: {beyond_limits} of {all} {} not come to again within the limits that hold here: whether {} is not known",
            path.display(),
            either(*beyond_limits, "is", "are"),
            either(*beyond_limits, "it follows", "they follow")
        );
        return Err(Failure::new(Exit::Unverified, message).hint(
            "`--policy FILE` lets plugins use more: `agent-seconds`, `agent-memory-mib`, `grader-seconds` and `grader-memory-mib` of its `[limits]`",
        ));
    }
    Ok(Exit::Done)
}

fn print(verified: &VerifiedRun, format: FormatKind) -> Result<(), Failure> {
    if verified.control {
        warn("the agent of this run was told the answers: it is a control, and no result");
    }
    if verified.log.is_none() {
        warn(
            "this run is in no log, by what its host signed: nothing shows when it began, nor that it was made once",
        );
    }
    let mut table = Table::new([
        left("task"),
        right("attempt"),
        left("outcome"),
        left("reason"),
        right("earned"),
        left("verdict"),
    ]);
    for one in &verified.verdicts {
        table.row([
            one.task.clone(),
            one.attempt.to_string(),
            one.outcome.to_string(),
            one.reason.clone(),
            one.earned_cents.to_string(),
            one.digest.short(),
        ]);
    }
    if format != FormatKind::Table {
        return output::print_table(format, &table, verified);
    }
    let number = |outcome| verified.verdicts.iter().filter(|one| one.outcome == outcome).count();
    output::tell(&format!(
        "{} is what was signed\nkey      {}, {}\nrun      {}\nsuite    {}, {}\nagent    {}, {}\n{}\n{}\n\
         {} of {} shown: {} pass, {} fail, {} invalid{}",
        display_safe(&verified.file),
        display_safe(&verified.key.name),
        verified.key.id,
        verified.run,
        display_safe(&verified.suite),
        verified.suite_digest,
        display_safe(&verified.agent),
        verified.agent_digest,
        verified.log.as_ref().map(log_text).unwrap_or_default(),
        output::table_text(&table),
        verified.verdicts.len(),
        numbered(verified.due, "verdict"),
        number(Outcome::Pass),
        number(Outcome::Fail),
        number(Outcome::Invalid),
        more_text(verified)
    ))
}

/// What is told below the verdicts.
fn more_text(verified: &VerifiedRun) -> String {
    let mut text = String::new();
    let retaken: Vec<_> = verified.verdicts.iter().filter(|one| one.retakes > 0).collect();
    if !retaken.is_empty() {
        let named = retaken.iter().map(|one| format!("{}/{}", display_safe(&one.task), one.attempt));
        text.push_str(&format!(
            "\n{} of them after an invalid verdict that the infrastructure was to blame for, by the host's word: {}",
            retaken.len(),
            named.collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(VerifiedExport { blobs, bytes }) = &verified.export {
        text.push_str(&format!(
            "\nexport   {}, {}, all of them what was signed",
            numbered(*blobs, "blob"),
            numbered(*bytes, "byte")
        ));
    }
    let Some(replayed) = &verified.replayed else { return text };
    if let Some(limits) = &verified.replay_limits {
        text.push_str(&format!("\nlimits   {}", limits_text(limits)));
    }
    let Replayed { identical, different, beyond_limits, attempts, .. } = replayed;
    let come_to_again = numbered(*identical, "verdict");
    text.push_str(&format!("\nreplay   {come_to_again} come to again, {different} not"));
    if *beyond_limits > 0 {
        let they_need = either(*beyond_limits, "it needs", "they need");
        text.push_str(&format!(", {beyond_limits} unknown: {they_need} more than is allowed here"));
    }
    let untold = [ReplayResult::Identical, ReplayResult::Undecided];
    for one in attempts.iter().filter(|one| !untold.contains(&one.result)) {
        let phase = one.phase.map_or("-", lancet_core::ReplayPhase::as_str);
        let what = one.difference.as_deref().unwrap_or("-");
        text.push_str(&format!("\n  {}, {phase}: {}", display_safe(&one.attempt), display_safe(what)));
    }
    text
}

/// What each call might use.
fn limits_text(limits: &ReplayLimits) -> String {
    let ReplayLimits { policy, agent_seconds, agent_memory_mib, grader_seconds, grader_memory_mib } = limits;
    format!(
        "the fuel that the record says was used; an agent {agent_seconds} s and {agent_memory_mib} MiB, a grader \
         {grader_seconds} s and {grader_memory_mib} MiB ({})",
        display_safe(policy)
    )
}

/// What is told of the log that a run is in.
fn log_text(log: &VerifiedLog) -> String {
    let VerifiedLog { origin, size, root, begin, end, others, extends, cosigned, .. } = log;
    let mut text = format!(
        "log      {}, {size} {} under {root}\nplace    leaves {begin} to {end}; {others} {}, or of what was taken back\n",
        display_safe(origin),
        either(*size, "leaf", "leaves"),
        either(*others, "leaf is of another run", "leaves are of other runs")
    );
    for size in extends {
        text.push_str(&match size {
            1 => "extends  its first leaf, as it was\n".to_owned(),
            size => format!("extends  its first {size} leaves, as they were\n"),
        });
    }
    for VerifiedWitness { name, id, time } in cosigned {
        text.push_str(&format!("witness  {}, {id}, at {time}, by its own word\n", display_safe(name)));
    }
    text
}
