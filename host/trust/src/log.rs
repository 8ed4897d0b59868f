//! What shows that a run and its verdicts are in a store's log: lines between the signed ones.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{Leaf, LoggedBegin, LoggedEnd, LoggedVerdict, RunId, Sha256, TaskId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base64;
use crate::checkpoint::Checkpoint;
use crate::error::{LogError, NoteError, ProofError, SignerError};
use crate::key::PublicKey;
use crate::note::{Note, NoteKey};
use crate::proof::{verify_consistency, verify_inclusion};
use crate::signer::Signer;
use crate::tree::{Hash, Tree, leaf_hash};
use crate::verdict::{Listed, Run};

/// The most earlier heads that a file shows its log to extend.
const MAX_EXTENDED: usize = 1000;
/// The most bytes of the line with a log's head: a note, and so many proofs of at most 128 hashes.
const MAX_HEAD_BYTES: usize = 8 << 20;
/// The most bytes of the line with a verdict's place: a proof of at most 64 hashes.
const MAX_PLACE_BYTES: usize = 4 << 10;

/// A log, and where in it a run is that has ended.
#[derive(Debug, Clone)]
pub struct RunLog {
    origin: String,
    tree: Tree,
    begin: (u64, Leaf),
    end: (u64, Leaf),
    verdicts: BTreeMap<(TaskId, u32), u64>,
    extended: BTreeMap<u64, Hash>,
}

impl RunLog {
    /// The log of that name, with the tree over all of its leaves, and the leaves of one run with
    /// their places, in their order. `None` when they do not tell of a beginning and an end.
    #[must_use]
    pub fn new(origin: String, tree: Tree, leaves: Vec<(u64, Leaf)>) -> Option<Self> {
        let (mut begin, mut end, mut verdicts) = (None, None, BTreeMap::new());
        for (place, leaf) in leaves {
            match &leaf {
                Leaf::RunBegin(_) => begin = Some((place, leaf)),
                Leaf::Verdict(LoggedVerdict { task, attempt, .. }) => {
                    verdicts.insert((task.clone(), *attempt), place);
                }
                Leaf::Reopened(_) => end = None,
                Leaf::RunEnd(_) => end = Some((place, leaf)),
            }
        }
        Some(Self { origin, tree, begin: begin?, end: end?, verdicts, extended: BTreeMap::new() })
    }

    /// What names the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Has the file show that the log extends what it was at an earlier head.
    ///
    /// # Errors
    /// When it does not.
    pub fn extend(&mut self, old: &Checkpoint) -> Result<(), LogError> {
        old.is_begin_of(&self.origin, &self.tree)?;
        self.extended.insert(old.size, old.root);
        Ok(())
    }

    /// Whether the log extends what it was at an earlier head.
    ///
    /// # Errors
    /// When it does not.
    pub fn follows(&self, old: &Checkpoint) -> Result<(), LogError> {
        old.is_begin_of(&self.origin, &self.tree)
    }

    /// The line that follows the run's.
    pub(crate) fn head(&self, signer: &dyn Signer) -> Result<String, SignerError> {
        let size = self.tree.size();
        let checkpoint =
            Checkpoint { origin: self.origin.clone(), size, root: self.tree.root(size).unwrap_or_default() };
        let extended = self.extended.iter().map(|(old, root)| Extended {
            size: *old,
            root: base64::encode(root),
            proof: spelled(&self.tree.consistency(*old, size).unwrap_or_default()),
        });
        let head = Head {
            checkpoint: checkpoint.sign(signer)?,
            begin: self.placed(&self.begin),
            end: self.placed(&self.end),
            extends: extended.collect(),
        };
        Ok(line(&head))
    }

    /// The line that follows a verdict's.
    pub(crate) fn shown(&self, task: &TaskId, attempt: u32) -> String {
        let place = self.verdicts.get(&(task.clone(), attempt)).copied().unwrap_or_default();
        line(&Place { place, proof: self.proof(place) })
    }

    fn placed(&self, (place, leaf): &(u64, Leaf)) -> Placed {
        Placed { place: *place, leaf: leaf.clone(), proof: self.proof(*place) }
    }

    fn proof(&self, place: u64) -> Vec<String> {
        spelled(&self.tree.inclusion(place, self.tree.size()).unwrap_or_default())
    }
}

/// The line with the log's head, and where the run begins and ends in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// The head: a signed note.
    checkpoint: String,
    begin: Placed,
    end: Placed,
    /// Earlier heads that it extends.
    extends: Vec<Extended>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placed {
    place: u64,
    leaf: Leaf,
    proof: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extended {
    size: u64,
    root: String,
    proof: Vec<String>,
}

/// The line with a verdict's place, whose leaf follows from the run's list.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    place: u64,
    proof: Vec<String>,
}

/// What of a log's proofs holds, of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The log's head, signed by whoever signed the run.
    pub checkpoint: Checkpoint,
    /// The same with its signatures, of which those of witnesses are not verified yet.
    pub note: Note,
    /// The place of the leaf that says that the run begins, from 0.
    pub begin: u64,
    /// The place of the leaf that says that it ended.
    pub end: u64,
    /// Earlier heads that it was shown to extend: roots by sizes.
    extends: BTreeMap<u64, Hash>,
}

impl Logged {
    /// Reads and verifies the line that follows that of the run.
    pub(crate) fn verify(
        bytes: &[u8],
        key: &PublicKey,
        origin: &str,
        run: &Run,
        record: Sha256,
    ) -> Result<Self, LogError> {
        let head: Head = parse(bytes, MAX_HEAD_BYTES)?;
        let note = Note::parse(head.checkpoint.as_bytes()).map_err(LogError::Note)?;
        let signed = |error| LogError::Checkpoint { key: key.id(), error };
        let by = NoteKey::new(origin, key.clone()).map_err(LogError::Note)?;
        let checkpoint = Checkpoint::parse(note.verify(&by).map_err(signed)?).map_err(LogError::Note)?;
        if checkpoint.origin != origin {
            return Err(LogError::Other { old: origin.to_owned(), new: checkpoint.origin });
        }
        let included = |what: &str, placed: &Placed| {
            let hashes = read(&placed.proof)?;
            included(&checkpoint, what, &placed.leaf, placed.place, &hashes)
        };
        included("the run's beginning", &head.begin)?;
        included("the run's end", &head.end)?;
        let (Leaf::RunBegin(begin), Leaf::RunEnd(end)) = (&head.begin.leaf, &head.end.leaf) else {
            return Err(LogError::Kind);
        };
        let tasks: BTreeSet<&TaskId> = run.verdicts.iter().map(|one| &one.task).collect();
        let said = LoggedBegin {
            run: run.run.clone(),
            record,
            suite: run.suite_digest,
            agent: run.agent_digest,
            seed: run.seed,
            tasks: tasks.len() as u64,
            due: run.verdicts.len() as u64,
        };
        if let Some((key, logged, said)) = begin.difference(&said) {
            return Err(LogError::Begin { key, logged, said });
        }
        let verdicts = run.verdicts.iter().map(|one| logged(&run.run, one)).collect();
        let said = LoggedEnd::new(run.run.clone(), verdicts);
        if *end != said {
            return Err(LogError::End { logged: Box::new(end.clone()), said: Box::new(said) });
        }
        if head.begin.place >= head.end.place {
            return Err(LogError::Order { place: head.begin.place, from: 0, to: head.end.place });
        }
        if head.extends.len() > MAX_EXTENDED {
            return Err(LogError::Json(format!("it has more than {MAX_EXTENDED} proofs of earlier heads")));
        }
        let mut extends = BTreeMap::new();
        for Extended { size: old, root, proof } in &head.extends {
            let [root] = read(std::slice::from_ref(root))?[..] else { return Err(LogError::Spelling) };
            let proof = read(proof)?;
            verify_consistency(*old, &root, checkpoint.size, &checkpoint.root, &proof)
                .map_err(|error| LogError::Rewritten { old: *old, new: checkpoint.size, error })?;
            extends.insert(*old, root);
        }
        Ok(Self { checkpoint, note, begin: head.begin.place, end: head.end.place, extends })
    }

    /// Verifies the line that follows that of a verdict, and returns its place.
    pub(crate) fn shows(&self, bytes: &[u8], run: &RunId, one: &Listed) -> Result<u64, LogError> {
        let Place { place, proof } = parse(bytes, MAX_PLACE_BYTES)?;
        let leaf = Leaf::Verdict(logged(run, one));
        included(&self.checkpoint, "this verdict", &leaf, place, &read(&proof)?)?;
        if place <= self.begin || place >= self.end {
            return Err(LogError::Order { place, from: self.begin, to: self.end });
        }
        Ok(place)
    }

    /// Verifies that the log extends what it was at an earlier head, which was verified.
    ///
    /// # Errors
    /// When it is another log, has been rewritten since, or the file has no proof from there.
    pub fn extends(&self, old: &Checkpoint) -> Result<(), LogError> {
        let new = &self.checkpoint;
        if old.origin != new.origin {
            return Err(LogError::Other { old: old.origin.clone(), new: new.origin.clone() });
        }
        if old.size > new.size {
            return Err(LogError::Shrunk { old: old.size, new: new.size });
        }
        let root = match self.extends.get(&old.size) {
            Some(root) => *root,
            // It needs no proof.
            None if old.size == new.size => new.root,
            None => return Err(LogError::NoProof { old: old.size, new: new.size }),
        };
        if root == old.root {
            return Ok(());
        }
        Err(LogError::Rewritten { old: old.size, new: new.size, error: ProofError::Root })
    }

    /// How many leaves of the log are not this run's by what is signed of it: of other runs, or
    /// verdicts of this one that were taken back.
    #[must_use]
    pub fn others(&self, verdicts: usize) -> u64 {
        self.checkpoint.size.saturating_sub(verdicts as u64).saturating_sub(2)
    }
}

/// Adds a witness's signature to the head of a log in a file of a run, which was verified: the whole
/// file anew. `None` when it has no log.
///
/// # Errors
/// When whoever has the key does not sign.
pub(crate) fn cosigned(text: &str, signer: &dyn Signer, time: u64) -> Result<Option<String>, SignerError> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(Ok(mut head)) = lines.get(1).map(|line| parse::<Head>(line.as_bytes(), MAX_HEAD_BYTES)) else {
        return Ok(None);
    };
    let Ok(mut note) = Note::parse(head.checkpoint.as_bytes()) else { return Ok(None) };
    note.cosign(signer, time)?;
    head.checkpoint = note.to_text();
    let line = line(&head);
    lines[1] = &line;
    Ok(Some(lines.concat()))
}

impl Checkpoint {
    /// Whether the log of that name, with that tree over all of its leaves, begins with this one.
    ///
    /// # Errors
    /// When it is another log, has fewer leaves, or others.
    pub fn is_begin_of(&self, origin: &str, tree: &Tree) -> Result<(), LogError> {
        if self.origin != origin {
            return Err(LogError::Other { old: self.origin.clone(), new: origin.to_owned() });
        }
        let (old, new) = (self.size, tree.size());
        match tree.root(old) {
            Some(root) if root == self.root => Ok(()),
            Some(_) => Err(LogError::Rewritten { old, new, error: ProofError::Root }),
            None => Err(LogError::Shrunk { old, new }),
        }
    }

    /// What a note says that is the head of a log. Who has signed it is not looked at.
    ///
    /// # Errors
    /// When it is none.
    pub fn unverified(bytes: &[u8]) -> Result<Self, NoteError> {
        Self::parse(Note::parse(bytes)?.text())
    }

    /// The head of a log, signed by the key of whoever keeps it: a note.
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, SignerError> {
        // Names and sizes of a store's own always fit; what does not is found when it is verified.
        let Ok(key) = NoteKey::new(&self.origin, signer.public()) else { return Ok(String::new()) };
        let Ok(mut note) = Note::new(&self.to_text()) else { return Ok(String::new()) };
        note.sign(&key, signer)?;
        Ok(note.to_text())
    }

    /// Reads a signed head, and finds the key of those that has signed it.
    ///
    /// # Errors
    /// When it is none, or none of them has.
    pub fn read<'k>(
        bytes: &[u8],
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<(Self, &'k PublicKey), NoteError> {
        let (note, checkpoint) = (Note::parse(bytes)?, Self::unverified(bytes)?);
        for key in keys {
            match note.verify(&NoteKey::new(&checkpoint.origin, key.clone())?) {
                Ok(_) => return Ok((checkpoint, key)),
                Err(NoteError::Unsigned(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NoteError::Unsigned(checkpoint.origin))
    }
}

/// The leaf of a verdict, by the run's list.
fn logged(run: &RunId, one: &Listed) -> LoggedVerdict {
    LoggedVerdict {
        run: run.clone(),
        task: one.task.clone(),
        attempt: one.attempt,
        outcome: one.outcome,
        digest: one.digest,
    }
}

fn included(
    checkpoint: &Checkpoint,
    what: &str,
    leaf: &Leaf,
    place: u64,
    proof: &[Hash],
) -> Result<(), LogError> {
    let Checkpoint { size, root, .. } = checkpoint;
    let shown = verify_inclusion(&leaf_hash(leaf.to_text().as_bytes()), place, *size, root, proof);
    shown.map_err(|error| LogError::Missing { what: what.to_owned(), place, size: *size, error })
}

fn line<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads what [`line`] wrote, and nothing else.
///
/// Nobody has signed it: it is measured before anything of it is kept.
fn parse<T: Serialize + DeserializeOwned>(bytes: &[u8], most: usize) -> Result<T, LogError> {
    if bytes.len() > most {
        return Err(LogError::TooLarge { bytes: bytes.len(), most });
    }
    let value: T = serde_json::from_slice(bytes).map_err(|error| LogError::Json(error.to_string()))?;
    if line(&value).as_bytes() == bytes { Ok(value) } else { Err(LogError::Spelling) }
}

fn spelled(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| base64::encode(hash)).collect()
}

fn read(proof: &[String]) -> Result<Vec<Hash>, LogError> {
    let hash = |text: &String| {
        base64::decode_array(text).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            LogError::Json(format!("`{shown}` is no hash of a proof: expected base64 of 32 bytes"))
        })
    };
    proof.iter().map(hash).collect()
}

#[cfg(test)]
mod tests {
    use lancet_core::{LoggedReopening, Outcome};

    use super::*;
    use crate::attested::Attested;
    use crate::attested::tests::{all, digest, judged, lines, run};
    use crate::error::AttestedError;
    use crate::key::PrivateKey;
    use crate::statement::Statement;
    use crate::verdict::Judged;

    const ORIGIN: &str = "lancet:log/00112233445566778899aabbccddeeff";

    /// The run of [`run`] with those verdicts, which says that it is in the log.
    fn said(verdicts: &[Judged]) -> Statement<Run> {
        let mut said = run(verdicts);
        said.predicate.log = Some(ORIGIN.to_owned());
        said
    }

    fn begin(said: &Statement<Run>) -> LoggedBegin {
        let run = &said.predicate;
        let tasks: BTreeSet<_> = run.verdicts.iter().map(|one| &one.task).collect();
        LoggedBegin {
            run: run.run.clone(),
            record: said.run_record().unwrap(),
            suite: run.suite_digest,
            agent: run.agent_digest,
            seed: run.seed,
            tasks: tasks.len() as u64,
            due: run.verdicts.len() as u64,
        }
    }

    /// What a store writes of that run, with leaves of another between.
    fn leaves(said: &Statement<Run>) -> Vec<Leaf> {
        let run = &said.predicate;
        let other =
            Leaf::RunBegin(LoggedBegin { run: "20261123-083330-4f2a9c".parse().unwrap(), ..begin(said) });
        let verdicts: Vec<_> = run.verdicts.iter().map(|one| logged(&run.run, one)).collect();
        let mut leaves = vec![other.clone(), Leaf::RunBegin(begin(said))];
        // In the order in which they were recorded, which is not that of the list.
        leaves.extend(verdicts.iter().rev().cloned().map(Leaf::Verdict));
        leaves.extend([other, Leaf::RunEnd(LoggedEnd::new(run.run.clone(), verdicts))]);
        leaves
    }

    fn tree(leaves: &[Leaf]) -> Tree {
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push(leaf.to_text().as_bytes()));
        tree
    }

    /// The log with those leaves, and where the run is in it.
    fn log(leaves: &[Leaf]) -> RunLog {
        let of_run = (0..).zip(leaves.iter().cloned());
        let of_run = of_run.filter(|(_, leaf)| leaf.run().as_str() == "20261123-083329-4f2a9c").collect();
        RunLog::new(ORIGIN.to_owned(), tree(leaves), of_run).unwrap()
    }

    fn head(leaves: &[Leaf]) -> Checkpoint {
        let tree = tree(leaves);
        Checkpoint { origin: ORIGIN.to_owned(), size: tree.size(), root: tree.root(tree.size()).unwrap() }
    }

    fn verify(text: &str, key: &PrivateKey) -> Result<Attested, AttestedError> {
        Attested::verify(text.as_bytes(), &key.public())
    }

    #[test]
    fn a_run_is_in_its_log_and_some_verdicts_can_be_withheld() {
        let key = PrivateKey::generate().unwrap();
        let said = said(&all());
        let mut log = log(&leaves(&said));
        log.extend(&head(&leaves(&said)[..3])).unwrap();
        let text = Attested::sign(&said, all(), Some(&log), &key).unwrap();
        let attested = verify(&text, &key).unwrap();
        let logged = attested.log.clone().unwrap();
        assert_eq!((logged.begin, logged.end, logged.checkpoint.size), (1, 6, 7));
        assert_eq!(
            (logged.others(3), attested.verdicts, logged.checkpoint),
            (2, all(), head(&leaves(&said)))
        );
        // The run, its log, a pass with result and place, an invalid one with its place, a fail with both.
        let lines = lines(&text);
        assert_eq!(lines.len(), 10);
        let some = |kept: &[usize]| kept.iter().map(|at| lines[*at]).collect::<String>();
        for (kept, withheld) in
            [(&[0, 1][..], 3), (&[0, 1, 2, 3, 4], 2), (&[0, 1, 5, 6], 2), (&[0, 1, 7, 8, 9], 2)]
        {
            assert_eq!(verify(&some(kept), &key).unwrap().withheld(), withheld, "{kept:?}");
        }
        for (kept, expected) in [
            (
                &[0][..],
                "line 2: the run is in the log `lancet:log/00112233445566778899aabbccddeeff`, as its first line says, and no line",
            ),
            (&[0, 2, 3, 4], "line 2: it is no line with a log's proofs"),
            (
                &[0, 1, 2, 3],
                "line 3: `predicate.record` of its payload is `a verdict alone`, expected `its place in the log",
            ),
            (&[0, 1, 2, 3, 5, 6], "line 5: it is no line with a log's proofs"),
            (
                &[0, 1, 2, 3, 9],
                "line 5: this verdict is not the leaf 2 of the log with 7: it leads to another root",
            ),
            (&[0, 1, 1, 2, 3, 4], "line 3: it is no sigstore bundle"),
            (&[0, 1, 4], "line 3: it is no sigstore bundle"),
        ] {
            let error = verify(&some(kept), &key).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{kept:?}: {error}");
            assert!(!error.hint().is_empty());
        }
        // A later head shows the same run.
        let mut later = leaves(&said);
        later.extend(leaves(&said)[..1].iter().cloned());
        let text = Attested::sign(&said, all(), Some(&self::log(&later)), &key).unwrap();
        assert_eq!(verify(&text, &key).unwrap().log.unwrap().others(3), 3);
    }

    #[test]
    fn each_changed_byte_is_found() {
        let (key, witness) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let said = said(&all()[..1]);
        let mut log = log(&leaves(&said));
        log.extend(&head(&leaves(&said)[..3])).unwrap();
        let text = Attested::sign(&said, all()[..1].to_vec(), Some(&log), &key).unwrap();
        let cosigned = Attested::cosign(&text, &witness, 1_790_000_000).unwrap().unwrap();
        for text in [text, cosigned] {
            let is_cosigned = text.contains("lancet:key/");
            let holds = |bytes: &[u8]| {
                Attested::verify(bytes, &key.public()).is_ok_and(|attested| {
                    // Whoever asks for the witness finds each change of its line too.
                    let note = attested.log.unwrap().note;
                    note.cosigned_by(&witness.public()).is_ok_and(|time| time.is_some() == is_cosigned)
                })
            };
            let mut bytes = text.into_bytes();
            assert!(holds(&bytes));
            for at in 0..bytes.len() {
                let bit = at % 8;
                bytes[at] ^= 1 << bit;
                assert!(!holds(&bytes), "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
    }

    /// Nobody signs a line with proofs, so that anybody can put in one of any length.
    #[test]
    fn a_line_that_is_too_long_is_not_read() {
        let long =
            [br#"{"place":1,"proof":["#, &b"\"\",".repeat(MAX_PLACE_BYTES / 3)[..], br#"""]}"#].concat();
        let error = parse::<Place>(&long, MAX_PLACE_BYTES).err().unwrap();
        assert_eq!(error, LogError::TooLarge { bytes: long.len(), most: MAX_PLACE_BYTES });
        assert!(error.to_string().contains("expected at most 4096"), "{error}");
        let deepest = Place { place: u64::MAX, proof: vec![base64::encode(&[255; 32]); 64] };
        assert!(parse::<Place>(line(&deepest).as_bytes(), MAX_PLACE_BYTES).is_ok());
    }

    #[test]
    fn a_host_whose_log_says_otherwise_is_found() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let honest = said(&all());
        let refused = |said: &Statement<Run>, verdicts: Vec<Judged>, leaves: &[Leaf], expected: &str| {
            let text = Attested::sign(said, verdicts, Some(&log(leaves)), &key).unwrap();
            let error = verify(&text, &key).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        };
        // A verdict is left out of what is signed, and not of the log, from its beginning on.
        let fewer = said(&all()[..2]);
        refused(
            &fewer,
            all()[..2].to_vec(),
            &leaves(&honest),
            "line 2: by the log the run began with `tasks` 2, and by what is signed of it it has 1",
        );
        let fewer = said(&[all()[0].clone(), all()[2].clone()]);
        refused(
            &fewer,
            all()[..1].to_vec(),
            &leaves(&honest),
            "line 2: by the log the run began with `due` 3, and by what is signed of it it has 2",
        );
        let mut leaves_of_fewer = leaves(&fewer);
        leaves_of_fewer[5] = leaves(&honest)[6].clone();
        refused(
            &fewer,
            vec![],
            &leaves_of_fewer,
            "line 2: by the log the run ended with 3 verdicts under sha256:",
        );
        // A verdict is another one.
        let mut better = all();
        better[2] = judged("b", 1, Outcome::Pass);
        refused(&said(&better), better.clone(), &leaves(&honest), "and its first line lists 3 under sha256:");
        let mut better_at_the_end = leaves(&honest);
        better_at_the_end[6] = leaves(&said(&better))[6].clone();
        refused(&said(&better), better, &better_at_the_end, "this verdict is not the leaf 2 of the log");
        // Another run's beginning; an end before the beginning; verdicts after the end.
        let mut other_record = leaves(&honest);
        other_record[1] = Leaf::RunBegin(LoggedBegin { record: digest("other"), ..begin(&honest) });
        refused(&honest, all(), &other_record, "the run began with `record` sha256:");
        let swapped = |one: usize, other: usize| {
            let mut leaves = leaves(&honest);
            leaves.swap(one, other);
            leaves
        };
        refused(&honest, all(), &swapped(1, 6), "the leaf 6 is not between");
        refused(
            &honest,
            all(),
            &swapped(4, 6),
            "line 5: the leaf 6 is not between the run's beginning at 1 and its end at 4",
        );
        refused(&honest, all(), &swapped(1, 2), "is not between the run's beginning at 2");
        // Another's name for the log, and another's head of it.
        let mut elsewhere = honest.clone();
        elsewhere.predicate.log = Some("lancet:log/other".to_owned());
        refused(&elsewhere, all(), &leaves(&honest), "line 2: the head of its log is not signed by the key");
        elsewhere.predicate.log = Some("a log".to_owned());
        refused(&elsewhere, all(), &leaves(&honest), "`a log` is no name of a signer");
        let text = Attested::sign(&honest, all(), Some(&log(&leaves(&honest))), &key).unwrap();
        let theirs = Attested::sign(&honest, all(), Some(&log(&leaves(&honest))), &other).unwrap();
        let mixed = [lines(&text)[0], lines(&theirs)[1]].concat();
        let error = verify(&mixed, &key).unwrap_err().to_string();
        let expected = format!(
            "the head of its log is not signed by the key {}, which has signed the run: it has no signature of `{ORIGIN}`",
            key.public().id()
        );
        assert!(error.contains(&expected), "{error}");
        // A run that is said to be in no log has no lines of one.
        let bare =
            [Attested::sign(&run(&all()), vec![], None, &key).unwrap(), lines(&text)[1].to_owned()].concat();
        assert!(verify(&bare, &key).unwrap_err().to_string().starts_with("line 2: it is no sigstore bundle"));
    }

    #[test]
    fn a_verdict_that_was_taken_back_counts_no_longer() {
        let key = PrivateKey::generate().unwrap();
        let (first, last) =
            (said(&all()), said(&[all()[0].clone(), judged("a", 2, Outcome::Pass), all()[2].clone()]));
        let mut leaves = leaves(&first);
        let run = first.predicate.run.clone();
        leaves.push(Leaf::Reopened(LoggedReopening {
            run: run.clone(),
            task: "a".parse().unwrap(),
            attempt: 2,
        }));
        leaves.push(Leaf::Verdict(logged(&run, &last.predicate.verdicts[1])));
        leaves.push(self::leaves(&last)[6].clone());
        let text =
            Attested::sign(&last, vec![judged("a", 2, Outcome::Pass)], Some(&log(&leaves)), &key).unwrap();
        let logged = verify(&text, &key).unwrap().log.unwrap();
        assert_eq!((logged.begin, logged.end, logged.others(3)), (1, 9, 5));
        // While it is being tried again it has no end.
        let of_run = (0..).zip(leaves[..8].iter().cloned()).collect();
        assert!(RunLog::new(ORIGIN.to_owned(), tree(&leaves), of_run).is_none());
    }

    #[test]
    fn a_log_extends_what_it_was_or_was_rewritten() {
        let key = PrivateKey::generate().unwrap();
        let honest = said(&all());
        let leaves = leaves(&honest);
        let attested = |leaves: &[Leaf], since: &[Checkpoint]| {
            let mut log = log(leaves);
            since.iter().for_each(|old| log.extend(old).unwrap());
            let text = Attested::sign(&honest, all(), Some(&log), &key).unwrap();
            verify(&text, &key).unwrap().log.unwrap()
        };
        let new = attested(&leaves, &[head(&leaves[..3]), head(&leaves[..4]), head(&[])]);
        for size in [0, 3, 4, 7] {
            assert_eq!(new.extends(&head(&leaves[..size])), Ok(()), "{size}");
        }
        assert_eq!(new.extends(&head(&leaves[..5])), Err(LogError::NoProof { old: 5, new: 7 }));
        // A run is left out: whether the log is written anew with or without others in its place.
        let rewritten = [&leaves[1..], &leaves[..1]].concat();
        let shorter = attested(&leaves[1..], &[]);
        assert_eq!(shorter.extends(&head(&leaves)), Err(LogError::Shrunk { old: 7, new: 6 }));
        let is_rewritten = |result| matches!(result, Err(LogError::Rewritten { .. }));
        assert!(is_rewritten(attested(&rewritten, &[]).extends(&head(&leaves))));
        let longer = [&rewritten[..], &leaves[..1]].concat();
        assert!(is_rewritten(attested(&longer, &[head(&rewritten)]).extends(&head(&leaves))));
        let other = Checkpoint { origin: "lancet:log/other".to_owned(), ..head(&leaves) };
        assert!(matches!(new.extends(&other), Err(LogError::Other { .. })));
        // Whoever keeps the log finds it too, before anything is signed.
        let mut log = log(&longer);
        assert!(is_rewritten(log.extend(&head(&leaves))) && log.extend(&other).is_err());
        assert!(log.extend(&Checkpoint { size: 9, ..head(&leaves) }).is_err());
        // A proof that leads elsewhere is refused, whoever asks for it.
        let text = Attested::sign(&honest, vec![], Some(&self::log(&leaves)), &key).unwrap();
        let root = base64::encode(&head(&leaves[..4]).root);
        let lying = text.replace(
            "\"extends\":[]",
            &format!("\"extends\":[{{\"size\":4,\"root\":\"{root}\",\"proof\":[]}}]"),
        );
        assert!(is_rewritten(match verify(&lying, &key) {
            Err(AttestedError::Log { line: 2, error }) => Err(error),
            other => panic!("{other:?}"),
        }));
    }

    #[test]
    fn an_end_is_over_the_tree_that_proofs_are_of() {
        let verdicts: Vec<_> = (1..300)
            .map(|n| {
                let Leaf::Verdict(one) = leaves(&said(&all()))[2].clone() else { panic!("no verdict") };
                LoggedVerdict { attempt: n, ..one }
            })
            .collect();
        for size in [0, 1, 2, 3, 7, 8, 299] {
            let mut tree = Tree::new();
            let some = verdicts[..size].to_vec();
            some.iter().for_each(|one| tree.push(Leaf::Verdict(one.clone()).to_text().as_bytes()));
            let end = LoggedEnd::new("20261123-083329-4f2a9c".parse().unwrap(), some);
            assert_eq!(Some(*end.root.as_bytes()), tree.root(size as u64));
        }
        // One of 300 is shown by nine hashes.
        let leaves: Vec<_> = verdicts.into_iter().map(Leaf::Verdict).collect();
        assert_eq!(tree(&leaves).inclusion(200, 299).unwrap().len(), 9);
    }
}
