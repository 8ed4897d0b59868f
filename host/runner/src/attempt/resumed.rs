//! Attempts of a recorded store, made again with the answers that they had and cut off at
//! each of their calls: whole attempts at tasks with an environment, gone on with from
//! what is durable, and every plugin by itself.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lancet_core::{CallError, CallErrorKind, CallRecord, Effect, Grant, Request, RunId, Whole};
use lancet_docker::DockerOptions;
use lancet_engine::{Answering, Compiler, NotRecalled, SourceError};
use lancet_store::NewAttempt;
use tokio::sync::Notify;

use super::*;
use crate::catalog::{self, Loader};

/// What the plugins of one attempt are answered, and how often they asked.
struct Script {
    /// Every recorded call that reaches outside, by phase.
    recorded: BTreeMap<Phase, Vec<CallRecord>>,
    /// The call at which the attempt is cut off, counted over both phases.
    cut: Option<usize>,
    counted: Mutex<Counted>,
    at_the_cut: Notify,
    heard: Mutex<Vec<&'static str>>,
}

/// Hears of the attempt.
impl Observer for Script {
    fn notice(&self, notice: Notice<'_>) {
        self.heard.lock().unwrap().push(match notice {
            Notice::Began { .. } => "began",
            Notice::Waits { what: Wait::Call { name }, .. } => name,
            Notice::Decided { .. } => "decided",
            other => panic!("{other:?}"),
        });
    }
}

#[derive(Default)]
struct Counted {
    /// Calls that were asked for, by whoever tried.
    asked: usize,
    /// Calls that were answered.
    answered: usize,
}

impl Script {
    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers from a script, as if each answer had cost money.
struct Double {
    phase: Phase,
    script: Arc<Script>,
    sources: Arc<dyn Outside>,
    /// How many recorded calls of its phase are behind it.
    next: Mutex<usize>,
}

/// What the double answers: calls into containers, and reading what those of the user left,
/// which the double has not.
fn reaches_outside(request: &Request) -> bool {
    request.effect() == Effect::Container || matches!(request, Request::UserToolRead { .. })
}

impl Double {
    fn recorded(&self) -> &[CallRecord] {
        self.script.recorded.get(&self.phase).map_or(&[], Vec::as_slice)
    }

    /// The next recorded call that asked the same. What a record has between was refused
    /// before anybody was asked. There is none where the double's empty submission is
    /// graded, and the recorded one was refused before that.
    fn taken(&self, request: &Request) -> Option<CallRecord> {
        let mut next = self.next.lock().unwrap();
        let rest = &self.recorded()[*next..];
        *next += rest.iter().position(|call| call.request == *request)? + 1;
        Some(self.recorded()[*next - 1].clone())
    }
}

impl Outside for Double {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        if !reaches_outside(request) {
            return self.sources.answer(request);
        }
        {
            let mut counted = self.script.counted();
            let number = counted.asked;
            counted.asked += 1;
            if self.script.cut == Some(number) {
                self.script.at_the_cut.notify_one();
                return Answering::Later(Box::pin(pending()));
            }
            counted.answered += 1;
        }
        let Some(call) = self.taken(request) else {
            let error = CallError::new(CallErrorKind::Unavailable, "it is not recorded");
            return Answering::Later(Box::pin(ready(Err(error.into()))));
        };
        // What the artifacts of a test run are, for the calls that follow. What went with
        // a container cannot be recalled, and is not asked for.
        let _ = self.sources.recall(&call);
        Answering::Later(Box::pin(ready(match call.response {
            Response::Refused(error) => Err(SourceError::Refused(error)),
            Response::Unavailable(fault) => Err(SourceError::Unavailable(fault)),
            response => Ok(response),
        })))
    }

    fn effect(&self, request: &Request) -> Effect {
        if reaches_outside(request) { Effect::Paid } else { self.sources.effect(request) }
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        if !reaches_outside(&call.request) {
            return self.sources.recall(call);
        }
        // Whether it was asked, or refused before that, the script is behind it.
        let mut next = self.next.lock().unwrap();
        let rest = &self.recorded()[*next..];
        if let Some(place) = rest.iter().position(|recorded| recorded == call) {
            *next += place + 1;
        }
        let _ = self.sources.recall(call);
        Ok(())
    }
}

/// The recorded store, in a folder of its own.
fn recorded_store(folder: &Path) -> Store {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in from.read_dir().unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recorded/store");
    copy(&fixture, folder);
    Store::open(folder).unwrap()
}

/// One recorded attempt and what it takes to make it again.
struct Original {
    row: AttemptRow,
    spec: RunSpec,
    whole: Whole,
    agent: Plugin,
    grader: Plugin,
}

impl Original {
    /// Makes a run of this attempt alone, of which nothing is done yet.
    async fn again(&self, store: &Store, number: usize) -> AttemptRow {
        let id: RunId = format!("20260101-000000-{number:06x}").parse().unwrap();
        let row = &self.row;
        let attempt = NewAttempt {
            task: row.id.task.clone(),
            number: row.id.number,
            kind: row.kind,
            price: row.price,
            task_blob: row.task_blob,
            key_blob: row.key_blob,
            setting_blob: row.setting_blob,
            grader: row.grader.clone(),
        };
        store
            .create_run(id.clone(), "2026-01-01T00:00:00Z".to_owned(), &self.spec, vec![attempt])
            .await
            .unwrap();
        store.attempts(&id).await.unwrap().remove(0)
    }

    /// Every call that reached outside, by phase.
    fn calls(&self) -> BTreeMap<Phase, Vec<CallRecord>> {
        let outside = |calls: &[CallRecord]| -> Vec<_> {
            calls.iter().filter(|call| reaches_outside(&call.request)).cloned().collect()
        };
        let mut calls = BTreeMap::from([(Phase::Solve, outside(&self.whole.solve.calls))]);
        if let Some((grade, _)) = &self.whole.grade {
            calls.insert(Phase::Grade, outside(&grade.calls));
        }
        calls
    }

    fn script(&self, cut: Option<usize>) -> Arc<Script> {
        let counted = Mutex::default();
        let (at_the_cut, heard) = (Notify::new(), Mutex::default());
        Arc::new(Script { recorded: self.calls(), cut, counted, at_the_cut, heard })
    }

    fn attempt(&self, store: &Store, row: AttemptRow, script: &Arc<Script>) -> Attempt {
        let doubled = Arc::clone(script);
        Attempt {
            store: store.clone(),
            lock: None,
            spec: Arc::new(self.spec.clone()),
            agent: self.agent.clone(),
            grader: self.grader.clone(),
            row,
            record: None,
            sandboxes: Sandboxes::new(DockerOptions::default()),
            models: Models::none(store),
            observer: script.clone(),
            before: Arc::new(move |phase, sources| {
                let (script, next) = (Arc::clone(&doubled), Mutex::new(0));
                Arc::new(Double { phase, script, sources, next })
            }),
        }
    }
}

/// The decided attempts of the recorded store.
fn originals(store: &Store, loader: &Loader) -> Vec<Original> {
    let reader = store.reader();
    let mut plugins: BTreeMap<(Sha256, Role), Plugin> = BTreeMap::new();
    let mut originals = Vec::new();
    for id in reader.run_ids().unwrap() {
        let run = reader.run(&id).unwrap();
        for row in reader.attempts(&id).unwrap() {
            let AttemptState::Decided(_) = row.state else { continue };
            let Ok(whole) = recorder::history(reader.events(&row.id).unwrap()).whole() else { continue };
            let mut load = |identity: &lancet_core::PluginIdentity, grant: &Grant| {
                let key = (identity.digest, grant.role());
                let loaded = plugins.entry(key).or_insert_with(|| {
                    loader.load(&catalog::recorded(&reader, identity).unwrap(), grant).unwrap()
                });
                loaded.clone()
            };
            let agent = load(&run.spec.agent, &run.spec.agent_grant);
            let grader = load(&row.grader, &run.spec.grader_grant);
            originals.push(Original { row, spec: run.spec.clone(), whole, agent, grader });
        }
    }
    originals
}

/// Everything of a finished attempt that has to be the same however often it was cut off.
async fn came_to(store: &Store, row: &AttemptRow) -> Whole {
    let mut whole = recorder::history(store.events(&row.id).await.unwrap()).whole().unwrap();
    // How long it took, and how often what was asked had to be asked again.
    for part in [Some(&mut whole.solve), whole.grade.as_mut().map(|(part, _)| part)].into_iter().flatten() {
        (part.began_us, part.paid) = (0, 0);
    }
    whole.solved.took_us = 0;
    if let Some((_, graded)) = &mut whole.grade {
        graded.took_us = 0;
    }
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_goes_on_from_any_of_its_calls_and_ends_as_undisturbed() {
    let folder = tempfile::tempdir().unwrap();
    let store = recorded_store(&folder.path().join("store"));
    let loader = Loader::new(NonZeroUsize::MIN, || Ok(Compiler::Here), None).unwrap();
    let mut originals = originals(&store, &loader);
    originals.retain(|original| original.row.kind == Kind::IcSwe);
    assert!(originals.len() >= 8, "{} attempts are recorded", originals.len());
    let (mut runs, mut cuts) = (0, 0);
    for original in &originals {
        let name = original.row.id.to_string();
        let mut next = || {
            runs += 1;
            runs
        };
        let row = original.again(&store, next()).await;
        let script = original.script(None);
        let outcome = original.attempt(&store, row.clone(), &script).finish().await.unwrap();
        let undisturbed = came_to(&store, &row).await;
        let total = script.counted().answered;
        let heard = script.heard.lock().unwrap().clone();
        let waits = heard.iter().filter(|word| word.contains('.')).count();
        assert!(heard[0] == "began" && heard[heard.len() - 1] == "decided", "{name}: {heard:?}");
        assert!(waits >= total && waits + 2 == heard.len(), "{name}: {heard:?}");
        assert_eq!(undisturbed.solve.calls, original.whole.solve.calls, "{name}");
        assert_eq!(undisturbed.solved.fuel_used, original.whole.solved.fuel_used, "{name}");
        for cut in 0..total {
            cuts += 1;
            let row = original.again(&store, next()).await;
            let first = original.script(Some(cut));
            tokio::select! {
                outcome = original.attempt(&store, row.clone(), &first).finish() => {
                    panic!("{name} was not cut off at {cut}: {outcome:?}")
                }
                () = first.at_the_cut.notified() => {}
            }
            let left = store.attempts(&row.id.run).await.unwrap().remove(0);
            let second = original.script(None);
            let again = original.attempt(&store, left, &second).finish().await.unwrap();
            assert_eq!(again, outcome, "{name} cut off at {cut}");
            assert_eq!(came_to(&store, &row).await, undisturbed, "{name} cut off at {cut}");
            let answered = first.counted().answered + second.counted().answered;
            assert_eq!(answered, total, "{name} cut off at {cut}: nothing is answered twice");
        }
    }
    assert!(cuts >= 20, "{cuts} calls reached outside");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_managers_attempt_goes_on_from_each_prefix_of_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let store = recorded_store(&folder.path().join("store"));
    let loader = Loader::new(NonZeroUsize::MIN, || Ok(Compiler::Here), None).unwrap();
    let mut originals = originals(&store, &loader);
    originals.retain(|original| original.row.kind == Kind::SweManager);
    let (mut runs, mut prefixes) = (0, 0);
    for original in &originals {
        let name = original.row.id.to_string();
        let mut next = || {
            runs += 1;
            runs
        };
        let attempt = |row: AttemptRow| {
            let script = original.script(None);
            let mut attempt = original.attempt(&store, row, &script);
            attempt.before = Arc::new(|_, sources| sources);
            attempt.finish()
        };
        let row = original.again(&store, next()).await;
        let outcome = attempt(row.clone()).await.unwrap();
        let undisturbed = came_to(&store, &row).await;
        let journal = store.events(&row.id).await.unwrap();
        // What an agent came to by its own fault is decided with what it did.
        let hands_in = undecidable(&original.spec, &undisturbed.solved.end, None).is_none();
        let handed_in = 1 + journal.iter().position(|line| line.event.name() == "solved").unwrap();
        // The last event is durable with the end of the attempt alone.
        for end in 0..journal.len() {
            prefixes += 1;
            let row = original.again(&store, next()).await;
            let id = &row.id;
            let solved = journal[..end.min(handed_in)].to_vec();
            let is_handed_in = hands_in && end >= handed_in;
            let state = if is_handed_in { Transition::Submitted { solve_us: 1 } } else { Transition::None };
            let mut written = 0;
            if !solved.is_empty() {
                written = store.append(id, written, solved, state).await.unwrap();
            }
            if end > handed_in {
                store.append(id, written, journal[handed_in..end].to_vec(), Transition::None).await.unwrap();
            }
            let left = store.attempts(&id.run).await.unwrap().remove(0);
            assert_eq!(left.state == AttemptState::Submitted, is_handed_in, "{name} after {end}");
            assert_eq!(attempt(left).await.unwrap(), outcome, "{name} after {end}");
            assert_eq!(came_to(&store, &row).await, undisturbed, "{name} after {end}");
        }
    }
    assert!(originals.len() >= 5 && prefixes >= 30, "{} attempts, {prefixes} prefixes", originals.len());
}

/// Answers what a record has, from wherever it is asked.
struct Rest {
    recorded: Vec<CallRecord>,
    next: Mutex<usize>,
}

impl Outside for Rest {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        let mut next = self.next.lock().unwrap();
        let place = self.recorded[*next..].iter().position(|call| call.request == *request);
        let place = *next + place.unwrap_or_else(|| panic!("{request:?} is not recorded after {next}"));
        *next = place + 1;
        Answering::Now(match self.recorded[place].response.clone() {
            Response::Refused(error) => Err(SourceError::Refused(error)),
            Response::Unavailable(fault) => Err(SourceError::Unavailable(fault)),
            response => Ok(response),
        })
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        let mut next = self.next.lock().unwrap();
        assert_eq!(self.recorded[*next], *call);
        *next += 1;
        Ok(())
    }
}

#[tokio::test]
async fn a_plugin_goes_on_from_each_of_its_recorded_calls() {
    let folder = tempfile::tempdir().unwrap();
    let store = recorded_store(&folder.path().join("store"));
    let loader = Loader::new(NonZeroUsize::MIN, || Ok(Compiler::Here), None).unwrap();
    let (mut kinds, mut cuts) = (Vec::new(), 0);
    for original in originals(&store, &loader) {
        let Original { row, spec, whole, agent, grader } = &original;
        let name = row.id.to_string();
        kinds.push(row.kind);
        let task = recorder::task(&store.reader(), row.task_blob).unwrap();
        let seed = attempt_seed(spec.seed, &row.id.task, row.id.number);
        let behind = |calls: &[CallRecord], cut: usize| {
            let rest = Arc::new(Rest { recorded: calls.to_vec(), next: Mutex::new(0) });
            Behind::Resumed(lancet_engine::Resumed::new(calls[..cut].to_vec(), true, rest).unwrap())
        };
        let part = &whole.solve;
        for cut in 0..=part.calls.len() {
            // What the infrastructure failed is asked again, and nothing comes after it.
            cuts += 1;
            let call = Call {
                task: &task,
                limits: &part.limits,
                seed,
                behind: behind(&part.calls, cut),
                journal: None,
            };
            let output = agent.solve(call).await.unwrap();
            assert_eq!(output.divergence, None, "{name} cut off at {cut}");
            assert_eq!(output.calls, part.calls, "{name} cut off at {cut}");
            assert_eq!(output.fuel_used, whole.solved.fuel_used, "{name} cut off at {cut}");
            assert_eq!(output.end, whole.solved.end, "{name} cut off at {cut}");
        }
        let Some((part, graded)) = &whole.grade else { continue };
        let answer = whole.solved.end.submission().unwrap_or(Answer::Nothing);
        for cut in 0..=part.calls.len() {
            cuts += 1;
            let call = Call {
                task: &task,
                limits: &part.limits,
                seed,
                behind: behind(&part.calls, cut),
                journal: None,
            };
            let output = grader.grade(call, &answer).await.unwrap();
            assert_eq!(output.divergence, None, "{name} cut off at {cut}");
            assert_eq!(output.calls, part.calls, "{name} cut off at {cut}");
            assert_eq!(output.fuel_used, graded.fuel_used, "{name} cut off at {cut}");
            assert_eq!(output.verdict, graded.verdict, "{name} cut off at {cut}");
            let submission = whole.solved.submission;
            let record = verdict_record(spec, row, grader.digest(), output.verdict, submission, false);
            assert_eq!(record.digest(), whole.decided.digest, "{name} cut off at {cut}");
        }
    }
    let of = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert!(of(Kind::SweManager) >= 5 && of(Kind::IcSwe) >= 8 && cuts >= 100, "{cuts}");
}
