//! `lancet verify` of a run with its verdicts.

use std::collections::BTreeSet;
use std::path::Path;

use lancet_core::{Outcome, Sha256};
use lancet_trust::{
    Attested, AttestedError, BundleError, Keys, MAX_ATTESTED_BYTES, PublicKey, VerifiedRun, VerifiedVerdict,
};

use super::verify::{key, warn_of};
use crate::arguments::FormatKind;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::output;
use crate::render::{Table, display_safe, left, right};

/// Verifies all of such a file.
pub(super) fn verify(
    path: &Path,
    keys: &Keys,
    believed: &[(PublicKey, String)],
    format: FormatKind,
) -> Result<(), Failure> {
    let refused = |error: AttestedError| {
        Failure::new(Exit::Unverified, format!("`{}`: {error}", path.display())).hint(error.hint())
    };
    let bytes = read(path)?;
    let id = Attested::key_of(&bytes).map_err(refused)?;
    let unknown = || refused(AttestedError::Bundle { line: 1, error: BundleError::Unknown(id) });
    let (by, name) = believed.iter().find(|(key, _)| key.id() == id).ok_or_else(unknown)?;
    let verified_key = key(keys, by, name, path)?;
    let attested = Attested::verify(&bytes, by).map_err(refused)?;
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
        verdicts: verdicts.collect(),
    };
    warn_of(keys, &verified.key);
    for warning in &revoked {
        warn(warning);
    }
    print(&verified, format)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    lancet_file::read(path, MAX_ATTESTED_BYTES as u64).map_err(|error| Failure::file("read", path, &error))
}

fn print(verified: &VerifiedRun, format: FormatKind) -> Result<(), Failure> {
    if verified.control {
        warn("the agent of this run was told the answers: it is a control, and no result");
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
    output::print(&format!(
        "{} is what was signed\nkey      {}, {}\nrun      {}\nsuite    {}, {}\nagent    {}, {}\n\n{}\n\
         {} of {} verdicts shown: {} pass, {} fail, {} invalid",
        display_safe(&verified.file),
        display_safe(&verified.key.name),
        verified.key.id,
        verified.run,
        display_safe(&verified.suite),
        verified.suite_digest,
        display_safe(&verified.agent),
        verified.agent_digest,
        output::table_text(&table),
        verified.verdicts.len(),
        verified.due,
        number(Outcome::Pass),
        number(Outcome::Fail),
        number(Outcome::Invalid)
    ))
}
