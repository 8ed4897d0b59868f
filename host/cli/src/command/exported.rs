//! Executing again what an exported run has.

use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lancet_core::{Limits, Replayed, Role, Sha256};
use lancet_runner::{Error, Evidence, RecordedAttempt, ReplayBounds, replay_evidence};
use lancet_trust::{Export, ReplayLimits};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::gate::{Gate, guarded};
use crate::isolation::IsolationArguments;
use crate::keys::Verify;
use crate::progress::Progress;
use crate::session::block_on;

/// The blobs of an exported run.
struct Blobs(Mutex<Export<BufReader<File>>>);

impl Evidence for Blobs {
    fn blob(&self, digest: Sha256) -> Result<Vec<u8>, Error> {
        let mut export = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        export.blob(digest).map_err(|error| Error::DamagedBlob {
            digest,
            what: "what it was when the export was verified",
            problem: error.to_string(),
        })
    }
}

/// Executes its agents and graders again on what was recorded, without a store. What did not come
/// with this program is a stranger's, and runs in jailed processes only. How much it may use is for
/// whoever runs it to say, and not for the record.
pub(super) fn replay(
    arguments: &Verify,
    global: &Global,
    export: Export<BufReader<File>>,
) -> Result<(Replayed, ReplayLimits), Failure> {
    let jobs: NonZeroUsize = arguments.jobs.number();
    let record = export.record().clone();
    let verdicts = export.attested().verdicts.iter();
    let recorded = verdicts.map(|judged| RecordedAttempt {
        task: judged.record.task.clone(),
        number: judged.record.attempt,
        outcome: judged.record.verdict.outcome,
        journal: judged.journal,
    });
    let recorded: Vec<_> = recorded.collect();
    let isolation = IsolationArguments::default();
    let gate = Gate::of_export(&arguments.policy(), &isolation, &record.spec)?;
    let (loader, progress) = (guarded(jobs, &isolation, &gate)?, Progress::new(global.quiet));
    let agent = if record.spec.models.is_empty() { Limits::standard() } else { Limits::asking() };
    let policy = gate.policy();
    let bounds = ReplayBounds {
        agent: policy.bounded(Role::Agent, &agent),
        grader: policy.bounded(Role::Grader, &Limits::standard()),
    };
    let told = ReplayLimits::new(policy.name(), &bounds.agent, &bounds.grader);
    let blobs = Blobs(Mutex::new(export));
    let replayed = block_on(async {
        Ok(replay_evidence(&blobs, &loader, &record, &recorded, jobs, &bounds, &*progress).await?)
    })?;
    Ok((replayed, told))
}
