//! `lancet attest`.

use std::path::{Path, PathBuf};

use lancet_core::{AttemptState, Event, Phase, RunId, RunRecord, Sha256};
use lancet_runner::Error;
use lancet_store::{AttemptRow, Reader, Store};
use lancet_trust::{
    Attested, Judged, Keys, KeysError, Listed, MAX_ATTESTED_BYTES, PublicKey, RunLog, Signer, Statement,
    Tree, executed, journal_digest, retakes,
};

use super::heads::Heads;
use super::{attested, sign};
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::keys::{self, Attest};
use crate::output;
use crate::render::{display_safe, either};
use crate::session::block_on;

/// What the name of a file with a run's verdicts ends with.
pub(crate) const END: &str = ".attested.jsonl";

/// Whether a file's name is that of a run that was attested: by that ending `verify` tells a run from
/// a file that has its signature beside it.
pub(super) fn is_attested(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "jsonl")
}

/// Whether the file that is to be written has such a name.
fn ends_right(output: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = output.filter(|path| !is_attested(path)) else { return Ok(()) };
    let message =
        format!("`{}` does not end in `.jsonl`, by which `lancet verify` knows a run", path.display());
    Err(Failure::usage(message).hint(format!("for example `--output run{END}`")))
}

/// A run that is over, with all that is signed of it.
pub(super) struct Over {
    pub(super) run: RunId,
    pub(super) statement: Statement<lancet_trust::Run>,
    pub(super) verdicts: Vec<Judged>,
    pub(super) log: Option<RunLog>,
}

impl Over {
    /// Reads the run that a text names.
    pub(super) fn read(store: &Store, text: &str) -> Result<Self, Failure> {
        let (run, statement, verdicts) = block_on(async {
            let run = store.resolve_run(text).await?;
            let (statement, verdicts) = read(store, &run).await?;
            Ok::<_, Failure>((run, statement, verdicts))
        })?;
        let log = match &statement.predicate.log {
            Some(origin) => Some(log(&store.reader(), &run, origin)?),
            None => None,
        };
        Ok(Self { run, statement, verdicts, log })
    }

    /// Signs it, with what shows that its log extends what it was at those earlier heads. No head is
    /// signed that does not extend the last one that was signed of this store.
    pub(super) fn sign(
        &mut self,
        keys: &Keys,
        earlier: &[PathBuf],
        heads: &Heads,
        signer: &dyn Signer,
    ) -> Result<String, Failure> {
        let public = signer.public();
        since(earlier, keys, &public, &self.run, self.log.as_mut())?;
        if let Some(log) = &self.log {
            heads.are_extended(|last| log.follows(last))?;
        }
        let verdicts = self.verdicts.clone();
        let text = Attested::sign(&self.statement, verdicts, self.log.as_ref(), signer);
        let text = text.map_err(KeysError::from)?;
        // What nobody could read is not handed out.
        let attested = Attested::verify(text.as_bytes(), &public)
            .map_err(|error| host("what was signed does not verify", error))?;
        if let Some(log) = &attested.log {
            heads.keep(&log.note.to_text())?;
        }
        Ok(text)
    }

    /// What is told of it when it is signed.
    pub(super) fn told(&self) -> String {
        let log = match &self.log {
            Some(log) => {
                format!("{}, {} {}", log.origin(), log.size(), either(log.size(), "leaf", "leaves"))
            }
            None => "none".to_owned(),
        };
        format!("run       {}\nverdicts  {}\nlog       {log}", self.run, self.verdicts.len())
    }

    pub(super) fn warn(&self) {
        if self.log.is_none() {
            warn(&format!(
                "run {} is from before this store had a log: nothing shows when it began, nor that it was made once",
                self.run
            ));
        }
    }
}

/// Signs a run with its verdicts.
pub(crate) fn main(arguments: &Attest, global: &Global) -> Result<Exit, Failure> {
    ends_right(arguments.output.as_deref())?;
    let store = super::existing_store(global)?;
    let mut over = Over::read(&store, &arguments.run)?;
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}{END}", over.run)));
    let keys = keys::open()?;
    let signer = keys::signer(&keys, &arguments.key, &arguments.signer)?;
    let id = signer.public().id();
    sign::is_ours(&path, id)?;
    if !arguments.force && path.exists() {
        let bytes = lancet_file::read(&path, MAX_ATTESTED_BYTES as u64)
            .map_err(|error| Failure::file("read", &path, &error))?;
        let hint = "name another file with `--output`; `--force` gives up what witnesses have signed";
        is_not_cosigned(&path, &bytes, &signer.public(), hint)?;
    }
    let heads = Heads::of(&super::store_folder(global)?);
    let text = over.sign(&keys, &arguments.since, &heads, signer.as_ref())?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    sign::write(&path, text.as_bytes())?;
    over.warn();
    output::tell(&format!(
        "{}\n{}\nbytes     {}\nkey       {id}",
        display_safe(&path.display().to_string()),
        over.told(),
        text.len()
    ))?;
    Ok(Exit::Done)
}

/// Whether nothing is lost of what was attested in a file that would be replaced: a witness's signature
/// cannot be made again.
pub(super) fn is_not_cosigned(
    path: &Path,
    attested: &[u8],
    key: &PublicKey,
    hint: &str,
) -> Result<(), Failure> {
    let log = Attested::verify(attested, key).ok().and_then(|attested| attested.log);
    let witnesses = log.map_or(0, |log| log.note.signatures().saturating_sub(1));
    if witnesses == 0 {
        return Ok(());
    }
    let message =
        format!("`{}` is there already, and its log is cosigned by {witnesses} more", path.display());
    Err(Failure::usage(message).hint(hint))
}

/// The store's log, and where the run is in it.
fn log(reader: &Reader, run: &RunId, origin: &str) -> Result<RunLog, Failure> {
    let leaves = reader.leaves_of(run)?;
    let mut tree = Tree::new();
    reader.each_leaf(|leaf| tree.push(leaf.as_bytes()))?;
    RunLog::new(origin.to_owned(), tree, leaves).ok_or_else(|| {
        // Its host was stopped after the last verdict.
        Failure::usage(format!("run {run} is not over: the store's log has no end of it"))
            .hint(format!("`lancet resume {run}` ends it"))
    })
}

/// Has the file show that the log extends what it was at those earlier heads.
fn since(
    files: &[PathBuf],
    keys: &Keys,
    own: &PublicKey,
    run: &RunId,
    log: Option<&mut RunLog>,
) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    let Some(log) = log else {
        return Err(Failure::usage(format!("run {run} is from before this store had a log, and in none"))
            .hint("leave `--since` out"));
    };
    let mut believed = attested::known(keys);
    believed.push((own.clone(), "the key that signs".to_owned()));
    for path in files {
        let old = attested::head(path, keys, &believed, own.id())?;
        log.extend(&old).map_err(|error| {
            let message = format!("the store's log does not extend that of `{}`: {error}", path.display());
            Failure::new(Exit::Store, message)
                .hint("name a file that this store has attested; if it has, its database was changed or put back to an earlier state: restore it from a backup")
        })?;
    }
    Ok(())
}

/// All that is said of a run. One that contradicts itself, or is not over, is not attested.
async fn read(store: &Store, run: &RunId) -> Result<(Statement<lancet_trust::Run>, Vec<Judged>), Failure> {
    let audit = store.audit(run).await?;
    if !audit.differences.is_empty() {
        return Err(Error::Contradicted { run: run.clone(), differences: audit.differences }.into());
    }
    let pending = audit.run.counts.pending();
    if pending > 0 {
        return Err(Failure::usage(format!(
            "run {run} is not over: {pending} of its attempts {} not decided",
            either(pending, "is", "are")
        ))
        .hint(format!("`lancet resume {run}` goes on; a run is attested as a whole")));
    }
    let Some(digest) = audit.run.record else {
        return Err(Failure::usage(format!(
            "run {run} is from before runs had a record that lists their attempts"
        ))
        .hint("nothing shows that none of its verdicts is missing: run it again"));
    };
    let log = audit.is_logged().then(|| store.reader().log_origin()).transpose()?;
    let record: RunRecord = serde_json::from_slice(&store.blob(digest).await?)
        .map_err(|error| host("reading the run's record", error))?;
    // On this thread: another one for each journal costs more than reading it.
    let reader = store.reader();
    let verdicts = audit.attempts.iter().map(|row| judged(&reader, row, digest, record.spec.attempts));
    let verdicts: Vec<Judged> = verdicts.collect::<Result<_, _>>()?;
    let listed = verdicts.iter().map(|judged| Listed {
        task: judged.record.task.clone(),
        attempt: judged.record.attempt,
        outcome: judged.record.verdict.outcome,
        digest: judged.digest,
    });
    Ok((Statement::of_run(&record, digest, log, listed.collect()), verdicts))
}

fn judged(reader: &Reader, row: &AttemptRow, run_record: Sha256, attempts: u32) -> Result<Judged, Failure> {
    let lines = reader.events(&row.id)?;
    let events: Vec<&Event> = lines.iter().map(|line| &line.event).collect();
    let decided = events.iter().rev().find_map(|event| match event {
        Event::Decided { record, digest } => Some((record, *digest)),
        _ => None,
    });
    let (record, digest) =
        decided.filter(|_| matches!(row.state, AttemptState::Decided(_))).ok_or_else(|| {
            Failure::new(Exit::Store, format!("attempt {} has no verdict in its journal", row.id))
        })?;
    Ok(Judged {
        run: row.id.run.clone(),
        run_record,
        attempts,
        task: row.task_blob,
        setting: row.setting_blob,
        solve: executed(&events, Phase::Solve),
        grade: executed(&events, Phase::Grade),
        retakes: retakes(events.iter().copied()),
        journal: journal_digest(events.iter().copied()),
        digest,
        record: record.clone(),
    })
}
