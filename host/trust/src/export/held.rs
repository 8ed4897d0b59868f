//! Whether an exported run holds together: its record, its journals, and what is signed of both.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use lancet_core::{AttemptId, Event, ListedTask, Phase, RunId, RunRecord, Scrutiny, Sha256, Subject, TaskId};

use super::archive::Place;
use super::{Export, ExportError, exported, journal_events};
use crate::attested::Attested;
use crate::statement::Statement;
use crate::verdict::{Judged, executed, journal_text, retakes};

/// Reads what the blobs say. What is signed says it again, and could contradict it.
pub(super) fn held<R: Read + Seek>(
    mut source: R,
    places: BTreeMap<Sha256, Place>,
    attested: Attested,
    bytes: u64,
) -> Result<Export<R>, ExportError> {
    let mut blob = |what: &dyn Fn() -> String, digest: Sha256| {
        let place = places.get(&digest).ok_or_else(|| ExportError::Missing { what: what(), digest })?;
        place.read(&mut source, digest)
    };
    let text = blob(&|| "the run's record".to_owned(), attested.run_record)?;
    let record = record(&text, &attested)?;
    let due = record.attempts();
    let mut needed: BTreeSet<Sha256> = [attested.run_record].into();
    for judged in &attested.verdicts {
        let of = Of { run: &record.run, task: &judged.record.task, attempt: judged.record.attempt };
        let Some(listed) = due.get(&(of.task, of.attempt)) else {
            return Err(of.wrong("attempt", "it is not one that the run's record lists"));
        };
        let text = blob(&|| format!("the journal of {of}"), judged.journal)?;
        let events = journal_events(&text)
            .map_err(|(line, problem)| of.wrong("journal", &format!("line {line} is no event: {problem}")))?;
        if journal_text(&events) != text {
            return Err(of.wrong("journal", "it is not in the one spelling that is written and taken"));
        }
        of.agrees(&record, listed, judged, &events)?;
        let blobs = exported(judged, &events);
        if let Some(digest) = blobs.iter().find(|digest| !places.contains_key(digest)) {
            return Err(ExportError::Missing { what: format!("a blob of {of}"), digest: *digest });
        }
        needed.extend(blobs);
    }
    drop(due);
    if let Some(digest) = places.keys().find(|digest| !needed.contains(digest)) {
        return Err(ExportError::Needless(*digest));
    }
    Ok(Export { source, places, record, attested, bytes })
}

/// The run's record, if what is signed of the run is what it says.
fn record(text: &[u8], attested: &Attested) -> Result<RunRecord, ExportError> {
    let record: RunRecord =
        serde_json::from_slice(text).map_err(|error| ExportError::Record(error.to_string()))?;
    let (log, verdicts) = (attested.run.log.clone(), attested.run.verdicts.clone());
    let said = Statement::of_run(&record, attested.run_record, log, verdicts).predicate;
    if said != attested.run {
        return Err(ExportError::Record("it is of another run than what is signed".to_owned()));
    }
    let listed: BTreeSet<(&TaskId, u32)> =
        attested.run.verdicts.iter().map(|one| (&one.task, one.attempt)).collect();
    if !record.attempts().into_keys().eq(listed) {
        return Err(ExportError::Record("it lists other attempts than what is signed".to_owned()));
    }
    Ok(record)
}

/// An attempt.
struct Of<'a> {
    run: &'a RunId,
    task: &'a TaskId,
    attempt: u32,
}

impl std::fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.task, self.attempt)
    }
}

impl Of<'_> {
    fn wrong(&self, key: &'static str, problem: &str) -> ExportError {
        ExportError::Attempt { attempt: self.to_string(), key, problem: problem.to_owned() }
    }

    /// Whether what is signed of a verdict is what record and journal say.
    fn agrees(
        &self,
        record: &RunRecord,
        listed: &ListedTask,
        judged: &Judged,
        events: &[Event],
    ) -> Result<(), ExportError> {
        let spec = &record.spec;
        let by_ref: Vec<&Event> = events.iter().collect();
        let other = |key, holds: bool| match holds {
            true => Ok(()),
            false => Err(self.wrong(key, "what is signed is not what the run's record and its journal say")),
        };
        other("task", judged.task == listed.task_blob)?;
        other("setting", judged.setting == listed.setting_blob)?;
        other("attempts", judged.attempts == spec.attempts)?;
        other("solve", judged.solve == executed(&by_ref, Phase::Solve))?;
        other("grade", judged.grade == executed(&by_ref, Phase::Grade))?;
        other("retakes", judged.retakes == retakes(events))?;
        let decided =
            matches!(events.last(), Some(Event::Decided { record, .. }) if *record == judged.record);
        other("record", decided)?;
        let id = AttemptId { run: self.run.clone(), task: self.task.clone(), number: self.attempt };
        let grader = listed.grader.digest;
        let (kind, price) = (listed.kind, listed.price);
        let subject = Subject { id, kind, price, grader, spec, record: Some(judged.run_record) };
        let mut scrutiny = Scrutiny::new(subject);
        for (seq, event) in (0..).zip(events) {
            scrutiny.add(seq, 0, event.clone());
        }
        match scrutiny.flaws() {
            [] => Ok(()),
            [flaw, ..] => Err(self.wrong("journal", flaw)),
        }
    }
}
