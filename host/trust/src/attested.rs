//! A run with its verdicts as a file: signed statements, one per line. Lines of verdicts may be
//! taken out, to show some and withhold the others; what is left still says how many there were.
//! Lines with proofs are not signed: they lead to the root of the log, which is.
//!
//! ```text
//! the run, with the digests of all its verdicts
//! the head of its log, and where the run begins and ends in it
//! a verdict
//! the same as a test result, unless it is invalid
//! its place in the log
//! a verdict
//! …
//! ```
//!
//! A run from before its store had a log has no lines of one.

use std::collections::BTreeMap;
use std::fmt::Display;

use lancet_core::{Sha256, TaskId};

use crate::bundle::Bundle;
use crate::error::{AttestedError, BundleError, LogError, SignerError, StatementError};
use crate::key::{KeyId, PublicKey};
use crate::log::{Logged, RunLog};
use crate::signer::Signer;
use crate::statement::Statement;
use crate::verdict::{Judged, Listed, Run, TestResult};

/// The most bytes of such a file: 256 MiB.
pub const MAX_ATTESTED_BYTES: usize = 256 << 20;

/// What a run's file says, after all of it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// The key that has signed all of it.
    pub key: KeyId,
    /// The digest of the run's own record.
    pub run_record: Sha256,
    /// The run.
    pub run: Run,
    /// The log that it is in; `None` when the run is from before there was one, as its line says.
    pub log: Option<Logged>,
    /// The verdicts that are shown, in the order of tasks and numbers.
    pub verdicts: Vec<Judged>,
}

impl Attested {
    /// How many verdicts of the run are not shown.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.run.verdicts.len() - self.verdicts.len()
    }

    /// Signs a run with all its verdicts, in the order of its list: the text of the file.
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    pub fn sign(
        run: &Statement<Run>,
        verdicts: Vec<Judged>,
        log: Option<&RunLog>,
        signer: &dyn Signer,
    ) -> Result<String, SignerError> {
        let mut text = Bundle::sign(&run.to_bytes(), signer)?.to_text();
        if let Some(log) = log {
            text.push_str(&log.head(signer)?);
        }
        for judged in verdicts {
            let result = Statement::of_result(&judged);
            let shown = log.map(|log| log.shown(&judged.record.task, judged.record.attempt));
            text.push_str(&Bundle::sign(&Statement::of_verdict(judged).to_bytes(), signer)?.to_text());
            if let Some(result) = result {
                text.push_str(&Bundle::sign(&result.to_bytes(), signer)?.to_text());
            }
            text.extend(shown);
        }
        Ok(text)
    }

    /// Adds a witness's signature to the head of the log in a file, which was verified: the text of
    /// the whole file. `None` when it has no log. The time is in seconds since 1970, UTC.
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    pub fn cosign(text: &str, signer: &dyn Signer, time: u64) -> Result<Option<String>, SignerError> {
        crate::log::cosigned(text, signer, time)
    }

    /// The key that a file names first, to look for it.
    ///
    /// # Errors
    /// When its first line is no bundle.
    pub fn key_of(bytes: &[u8]) -> Result<KeyId, AttestedError> {
        let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Bundle::parse(first).map_err(|error| AttestedError::Bundle { line: 1, error })?.key_id())
    }

    /// Whether the first line is signed by a key: before the rest of a file is read, which may be
    /// anybody's.
    ///
    /// # Errors
    /// When it is no bundle, or not by that key.
    pub fn begins_by(bytes: &[u8], key: &PublicKey) -> Result<(), AttestedError> {
        let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let signed = Bundle::parse(first).and_then(|bundle| bundle.verify(key).map(drop));
        signed.map_err(|error| AttestedError::Bundle { line: 1, error })
    }

    /// Reads a file, and verifies all of it.
    ///
    /// # Errors
    /// The first line that is not signed by the key, is about another run, contradicts itself or
    /// the run's list, is doubled, or not in its place.
    pub fn verify(bytes: &[u8], key: &PublicKey) -> Result<Self, AttestedError> {
        if bytes.len() > MAX_ATTESTED_BYTES {
            return Err(AttestedError::TooLarge);
        }
        let signed = |(at, line): (usize, &[u8])| -> Result<(usize, Vec<u8>), AttestedError> {
            let refused = |error: BundleError| AttestedError::Bundle { line: at + 1, error };
            let bundle = Bundle::parse(line).map_err(refused)?;
            let payload = bundle.verify(key).map_err(refused)?;
            Ok((at + 1, payload.to_vec()))
        };
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
        let (_, payload) = lines.next().map(signed).ok_or(AttestedError::Empty)??;
        let run =
            Statement::<Run>::parse(&payload).map_err(|error| AttestedError::Statement { line: 1, error })?;
        let run_record = run.run_record().filter(|_| run.subject.len() == 1);
        let run_record =
            run_record.ok_or_else(|| wrong(1, "subject", "no digest", "that of the run's record"))?;
        let run = run.predicate;
        let log = match &run.log {
            None => None,
            Some(origin) => {
                let refused = |error: LogError| AttestedError::Log { line: 2, error };
                let (_, line) = lines.next().ok_or_else(|| refused(LogError::Absent(origin.clone())))?;
                Some(Logged::verify(line, key, origin, &run, run_record).map_err(refused)?)
            }
        };
        let mut attested = Self { key: key.id(), run_record, run, log, verdicts: Vec::new() };
        let places: BTreeMap<(&TaskId, u32), usize> = attested
            .run
            .verdicts
            .iter()
            .enumerate()
            .map(|(at, one)| ((&one.task, one.attempt), at))
            .collect();
        if places.len() != attested.run.verdicts.len() {
            return Err(wrong(1, "predicate.verdicts", "an attempt twice", "each attempt once"));
        }
        let (mut next, mut verdicts) = (0, Vec::new());
        while let Some(line) = lines.next() {
            let (line, payload) = signed(line)?;
            let statement = |error: StatementError| AttestedError::Statement { line, error };
            let judged = Statement::<Judged>::parse(&payload).map_err(statement)?;
            judged.expect(&Statement::of_verdict(judged.predicate.clone())).map_err(statement)?;
            let said = judged.predicate;
            let place = places.get(&(&said.record.task, said.record.attempt)).copied();
            let place = place
                .ok_or_else(|| wrong(line, "predicate.record", "an attempt", "one of the run's list"))?;
            if place < next {
                return Err(wrong(
                    line,
                    "predicate.record",
                    "an attempt again, or out of order",
                    "the run's order",
                ));
            }
            next = place + 1;
            attested.follows(line, &said, &attested.run.verdicts[place])?;
            if let Some(result) = Statement::<TestResult>::of_result(&said) {
                let missing =
                    || wrong(line, "predicate.record", "a verdict alone", "its test result in the next line");
                let (line, payload) = lines.next().map(signed).ok_or_else(missing)??;
                let statement = |error: StatementError| AttestedError::Statement { line, error };
                Statement::<TestResult>::parse(&payload)
                    .and_then(|found| found.expect(&result))
                    .map_err(statement)?;
            }
            if let Some(log) = &attested.log {
                let missing =
                    || wrong(line, "predicate.record", "a verdict alone", "its place in the log behind it");
                let (at, bytes) = lines.next().ok_or_else(missing)?;
                log.shows(bytes, &attested.run.run, &attested.run.verdicts[place])
                    .map_err(|error| AttestedError::Log { line: at + 1, error })?;
            }
            verdicts.push(said);
        }
        attested.verdicts = verdicts;
        Ok(attested)
    }

    /// Whether a verdict is that of the run's list, and its digests are those of what it holds.
    fn follows(&self, line: usize, said: &Judged, listed: &Listed) -> Result<(), AttestedError> {
        let (run, record) = (&self.run, &said.record);
        same(line, "predicate.run", &said.run, &run.run)?;
        same(line, "predicate.runRecord", &said.run_record, &self.run_record)?;
        same(line, "predicate.digest", &said.digest, &record.digest())?;
        same(line, "predicate.digest", &said.digest, &listed.digest)?;
        same(line, "predicate.record.agent", &record.agent, &run.agent_digest)?;
        same(line, "predicate.record.verdict.outcome", &record.verdict.outcome, &listed.outcome)
    }
}

fn same<T: PartialEq + Display>(
    line: usize,
    key: &'static str,
    found: &T,
    expected: &T,
) -> Result<(), AttestedError> {
    match found == expected {
        true => Ok(()),
        false => Err(wrong(line, key, &found.to_string(), &expected.to_string())),
    }
}

fn wrong(line: usize, key: &'static str, found: &str, expected: &str) -> AttestedError {
    let error = StatementError::Value { key, found: format!("`{found}`"), expected: format!("`{expected}`") };
    AttestedError::Statement { line, error }
}

#[cfg(test)]
pub(crate) mod tests {
    use lancet_core::{Cents, Check, Kind, Outcome, Score, Verdict, VerdictRecord};

    use super::*;
    use crate::key::PrivateKey;

    pub(crate) fn digest(text: &str) -> Sha256 {
        Sha256::of(text.as_bytes())
    }

    pub(crate) fn judged(task: &str, attempt: u32, outcome: Outcome) -> Judged {
        let score = Score::try_from(if outcome == Outcome::Pass { 1000 } else { 0 }).unwrap();
        let check =
            |name: &str, passed| Check { name: name.to_owned(), passed, detail: "said \"so\"\n".to_owned() };
        let record = VerdictRecord {
            task: task.parse().unwrap(),
            attempt,
            kind: Kind::SweManager,
            price: Cents(100_000),
            agent: digest("agent"),
            grader: digest("grader"),
            submission: digest(&format!("{task}/{attempt}")),
            verdict: Verdict {
                outcome,
                reason: "right-choice".parse().unwrap(),
                score,
                checks: vec![check("one", true), check("two", outcome == Outcome::Pass)],
                explanation: "für".to_owned(),
            },
            earned: Cents(0),
            by_model: false,
        };
        Judged {
            run: "20261123-083329-4f2a9c".parse().unwrap(),
            run_record: digest("record"),
            attempts: 2,
            task: digest(task),
            setting: None,
            solve: None,
            grade: None,
            retakes: 0,
            journal: digest("journal"),
            digest: record.digest(),
            record,
        }
    }

    pub(crate) fn all() -> Vec<Judged> {
        vec![judged("a", 1, Outcome::Pass), judged("a", 2, Outcome::Invalid), judged("b", 1, Outcome::Fail)]
    }

    pub(crate) fn run(verdicts: &[Judged]) -> Statement<Run> {
        let listed = verdicts.iter().map(|one| Listed {
            task: one.record.task.clone(),
            attempt: one.record.attempt,
            outcome: one.record.verdict.outcome,
            digest: one.digest,
        });
        let said = Run {
            run: "20261123-083329-4f2a9c".parse().unwrap(),
            suite: "small".to_owned(),
            suite_digest: digest("suite"),
            agent: "first".to_owned(),
            agent_digest: digest("agent"),
            seed: 0,
            control: false,
            log: None,
            verdicts: listed.collect(),
        };
        Statement::said_of_run(digest("record"), said)
    }

    pub(crate) fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    #[test]
    fn all_that_was_signed_comes_back_and_some_can_be_withheld() {
        let key = PrivateKey::generate().unwrap();
        let text = Attested::sign(&run(&all()), all(), None, &key).unwrap();
        let attested = Attested::verify(text.as_bytes(), &key.public()).unwrap();
        assert_eq!((attested.verdicts.clone(), attested.withheld()), (all(), 0));
        assert_eq!(Attested::key_of(text.as_bytes()), Ok(key.public().id()));
        // The run, a pass with its test result, an invalid one alone, a fail with its own.
        let lines = lines(&text);
        assert_eq!(lines.len(), 6);
        for (kept, withheld) in [(&[0][..], 3), (&[0, 1, 2], 2), (&[0, 3], 2), (&[0, 3, 4, 5], 1)] {
            let some: String = kept.iter().map(|at| lines[*at]).collect();
            assert_eq!(Attested::verify(some.as_bytes(), &key.public()).unwrap().withheld(), withheld);
        }
        for (kept, expected) in [
            (&[][..], "no line"),
            (&[1, 2], "line 1: its payload is no in-toto Statement"),
            (&[0, 1], "line 2: `predicate.record` of its payload is `a verdict alone`"),
            (&[0, 2], "line 2: its payload is no in-toto"),
            (&[0, 1, 3], "line 3: its payload is no in-toto"),
            (&[0, 1, 5], "line 3: `"),
            (&[0, 3, 3], "line 3: `predicate.record` of its payload is `an attempt again"),
            (&[0, 3, 1, 2], "line 3: `predicate.record`"),
            (&[0, 0], "line 2: its payload is no in-toto"),
        ] {
            let some: String = kept.iter().map(|at| lines[*at]).collect();
            let error = Attested::verify(some.as_bytes(), &key.public()).unwrap_err().to_string();
            assert!(error.contains(expected), "{kept:?}: {error}");
        }
    }

    #[test]
    fn each_changed_byte_is_found() {
        let key = PrivateKey::generate().unwrap();
        let text = Attested::sign(&run(&all()[..1]), all()[..1].to_vec(), None, &key).unwrap();
        let mut bytes = text.into_bytes();
        assert!(Attested::verify(&bytes, &key.public()).is_ok());
        for at in 0..bytes.len() {
            // Of each line every bit: see the bundle's own test.
            let bit = at % 8;
            bytes[at] ^= 1 << bit;
            assert!(Attested::verify(&bytes, &key.public()).is_err(), "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }

    #[test]
    fn a_host_that_contradicts_itself_is_found_whatever_it_signs() {
        let key = PrivateKey::generate().unwrap();
        let refused = |run: &Statement<Run>, verdicts: Vec<Judged>, expected: &str| {
            let text = Attested::sign(run, verdicts, None, &key).unwrap();
            let error = Attested::verify(text.as_bytes(), &key.public()).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        };
        let changed = |change: fn(&mut Judged)| {
            let mut all = all();
            change(&mut all[0]);
            all
        };
        let of_all = run(&all());
        refused(
            &of_all,
            changed(|one| one.run = "20261123-083329-4f2a9d".parse().unwrap()),
            "`predicate.run` of",
        );
        refused(&of_all, changed(|one| one.run_record = one.journal), "`predicate.runRecord` of");
        refused(&of_all, changed(|one| one.digest = one.journal), "`predicate.digest` of");
        refused(&of_all, changed(|one| one.record.earned = Cents(1)), "`predicate.digest` of");
        refused(&of_all, changed(|one| one.record.attempt = 7), "one of the run's list");
        let other = changed(|one| {
            one.record.earned = Cents(1);
            one.digest = one.record.digest();
        });
        refused(&of_all, other.clone(), "`predicate.digest` of");
        assert!(Attested::sign(&run(&other), other, None, &key).is_ok());
        let mut lying = run(&all());
        lying.predicate.verdicts[2].outcome = Outcome::Pass;
        refused(&lying, all(), "`predicate.record.verdict.outcome` of");
        let mut twice = run(&all());
        twice.predicate.verdicts[2] = twice.predicate.verdicts[0].clone();
        refused(&twice, vec![], "`an attempt twice`");
        let mut nobody = run(&all());
        nobody.subject.clear();
        refused(&nobody, vec![], "`subject` of");
        // Another's signature on one line.
        let other = PrivateKey::generate().unwrap();
        let text = Attested::sign(&run(&all()), all(), None, &key).unwrap();
        let theirs = Attested::sign(&run(&all()), all(), None, &other).unwrap();
        let mixed: String = [lines(&text)[0], lines(&theirs)[3]].concat();
        let error = Attested::verify(mixed.as_bytes(), &key.public()).unwrap_err().to_string();
        assert!(error.contains("line 2: `dsseEnvelope.signatures[0].keyid` is"), "{error}");
    }
}
