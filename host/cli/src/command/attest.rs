//! `lancet attest`.

use std::path::{Path, PathBuf};

use lancet_core::{AttemptState, Event, Phase, RunId, RunRecord, Sha256};
use lancet_runner::Error;
use lancet_store::{AttemptRow, Reader, Store};
use lancet_trust::{
    Attested, Judged, Keys, KeysError, Listed, PublicKey, RunLog, Statement, Tree, executed, journal_digest,
};

use super::{attested, sign};
use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::keys::{self, Attest};
use crate::output;
use crate::render::display_safe;
use crate::session::block_on;

/// What the name of a file with a run's verdicts ends with.
pub(crate) const END: &str = ".attested.jsonl";

/// Signs a run with its verdicts.
pub(crate) fn main(arguments: &Attest, global: &Global) -> Result<Exit, Failure> {
    // By that ending `verify` tells a run from a file that has its signature beside it.
    let is_run = |path: &Path| path.extension().is_some_and(|end| end == "jsonl");
    if let Some(path) = arguments.output.as_deref().filter(|path| !is_run(path)) {
        let message =
            format!("`{}` does not end in `.jsonl`, by which `lancet verify` knows a run", path.display());
        return Err(Failure::usage(message).hint(format!("for example `--output run{END}`")));
    }
    let store = super::existing_store(global)?;
    let (run, statement, verdicts) = block_on(async {
        let run = store.resolve_run(&arguments.run).await?;
        let (statement, verdicts) = read(&store, &run).await?;
        Ok::<_, Failure>((run, statement, verdicts))
    })?;
    let mut log = match &statement.predicate.log {
        Some(origin) => Some(log(&store.reader(), &run, origin)?),
        None => None,
    };
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{run}{END}")));
    let keys = keys::open()?;
    let signer = keys::signer(&keys, &arguments.key, &arguments.signer)?;
    let public = signer.public();
    sign::is_ours(&path, public.id())?;
    let number = verdicts.len();
    since(&arguments.since, &keys, &public, &run, log.as_mut())?;
    let text =
        Attested::sign(&statement, verdicts, log.as_ref(), signer.as_ref()).map_err(KeysError::from)?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    // What nobody could read is not handed out.
    Attested::verify(text.as_bytes(), &public)
        .map_err(|error| host("what was signed does not verify", error))?;
    sign::write(&path, text.as_bytes())?;
    if log.is_none() {
        warn(&format!(
            "run {run} is from before this store had a log: nothing shows when it began, nor that it was made once"
        ));
    }
    output::print(&format!(
        "{}\nrun       {run}\nverdicts  {number}\nlog       {}\nbytes     {}\nkey       {}",
        display_safe(&path.display().to_string()),
        log.as_ref()
            .map_or_else(|| "none".to_owned(), |log| format!("{}, {} leaves", log.origin(), log.size())),
        text.len(),
        public.id()
    ))?;
    Ok(Exit::Done)
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
        let old = attested::head(path, keys, &believed)?;
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
            "run {run} is not over: {pending} of its attempts are not decided"
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
    let mut verdicts = Vec::new();
    for row in &audit.attempts {
        verdicts.push(judged(store, row, digest, record.spec.attempts).await?);
    }
    let listed = verdicts.iter().map(|judged| Listed {
        task: judged.record.task.clone(),
        attempt: judged.record.attempt,
        outcome: judged.record.verdict.outcome,
        digest: judged.digest,
    });
    Ok((Statement::of_run(&record, digest, log, listed.collect()), verdicts))
}

async fn judged(
    store: &Store,
    row: &AttemptRow,
    run_record: Sha256,
    attempts: u32,
) -> Result<Judged, Failure> {
    let lines = store.events(&row.id).await?;
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
        journal: journal_digest(events.iter().copied()),
        digest,
        record: record.clone(),
    })
}
