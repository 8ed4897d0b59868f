//! Conversations with a double in place of a server, cut off wherever money is at stake.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::path::Path;
use std::sync::Mutex;

use lancet_core::{
    Answer, AnswerMark, AnswerPart, AttemptState, BudgetUnit, CallRecord, Cents, CommandOutput,
    ConversationSetup, Event, FailedTry, Grant, InfraFault, InfraFaultKind, KeyFrom, Kind, Limits,
    ModelAnswer, ModelFailure, ModelFailureKind, Octets, Outcome, Phase, PluginIdentity, Price, Rates,
    Request, Response, Role, SolveEnd, Spent, StopReason, ToolCall, ToolResult, Usage, Verdict,
};
use lancet_engine::{
    ENGINE_ID, Exchange, ModelSource, NotRecalled, Outside, Reply, ShellSource, SourceError, Sources,
};
use lancet_models::{
    Asked as Answered, Asking, Became, Conversation, Estimate, NotAsked, Read, Reply as Replied, Waiting,
};
use lancet_store::{AttemptRow, EntryState, NewAttempt, Transition};
use tokio::sync::Notify;

use super::*;
use crate::attempt::verdict_record;
use crate::blobs::Blobs;
use crate::recorder::{Beginning, Recorder};

/// A model that costs a dollar per million tokens read, and ten per million written.
pub(crate) fn choice(name: &str, form: WireForm) -> ModelChoice {
    let rates = Rates { input: 1_000_000, input_cached: None, input_cache_written: None, output: 10_000_000 };
    ModelChoice {
        name: name.to_owned(),
        form,
        id: "double".to_owned(),
        base_url: "http://127.0.0.1:1".to_owned(),
        key: KeyFrom::None,
        effort: String::new(),
        context_tokens: None,
        answer_tokens: 2_000,
        tools: true,
        parameters: Vec::new(),
        price: Some(Price {
            rates,
            above: BTreeMap::new(),
            as_of: "2026-11-25".to_owned(),
            source: "a test".to_owned(),
        }),
        concurrency: 8,
        tries: 1,
        idle_seconds: 1,
        profile: String::new(),
        script: None,
        run: None,
    }
}

/// Where a question is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Before anything is set aside.
    Unheld,
    /// When it has been set aside, and not sent.
    Held,
    /// When the server has answered, and nothing is settled.
    Served,
    /// When it is settled, and nobody has been told.
    Settled,
}

const CUTS: [Cut; 4] = [Cut::Unheld, Cut::Held, Cut::Served, Cut::Settled];

/// Answers as a server would, and counts.
#[derive(Default)]
struct Double {
    /// Questions by conversation and ordinal, as the server saw them.
    served: Mutex<Vec<(String, u32, u32)>>,
    cut: Option<(usize, Cut)>,
    /// The question, of all of this double's, that the server fails.
    fails: Option<usize>,
    /// Whether what the server fails may have to be paid for.
    estimated: bool,
    /// Whether the server tells of more tokens than there can be.
    boundless: bool,
    at_the_cut: Notify,
    asked: Mutex<usize>,
}

impl Double {
    fn cut_at(cut: Option<(usize, Cut)>) -> Arc<Self> {
        Arc::new(Self { cut, ..Self::default() })
    }

    fn served(&self) -> usize {
        self.served.lock().unwrap().len()
    }

    async fn reaches(&self, number: usize, place: Cut) {
        if self.cut == Some((number, place)) {
            self.at_the_cut.notify_one();
            pending::<()>().await;
        }
    }

    async fn answer(&self, conversation: &Conversation, asking: Asking<'_>) -> Answered {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked - 1
        };
        self.reaches(number, Cut::Unheld).await;
        let estimate = Estimate {
            input_tokens: conversation.tokens(),
            most_input_tokens: conversation.tokens(),
            answer_tokens: conversation.answer_tokens(),
        };
        let held = asking.purse.hold(estimate).await?;
        self.reaches(number, Cut::Held).await;
        if self.fails == Some(number) {
            let spent = if self.estimated { held.amount } else { lancet_models::NOTHING };
            asking.purse.settle(held, spent, Became::Nothing).await?;
            let fault = InfraFault::new(InfraFaultKind::ModelUnavailable, "529, whatever was tried");
            let tries = vec![FailedTry { status: None, why: String::new(), waited_ms: 0, spent }];
            return Err(NotAsked::Fault { fault, tries });
        }
        let place = (asking.task.to_owned(), asking.conversation, asking.ordinal);
        self.served.lock().unwrap().push(place);
        self.reaches(number, Cut::Served).await;
        let most = || Some(u64::MAX).filter(|_| self.boundless);
        let usage = Usage {
            input: most().or(Some(100 * (u64::from(asking.ordinal) + 1))),
            output: most().or(Some(held.answer_tokens.min(50))),
            ..Usage::default()
        };
        let spent =
            Spent { usage, cost: choice("main", WireForm::Chat).price.unwrap().of(&usage), estimated: false };
        asking.purse.settle(held, spent, Became::Answer).await?;
        self.reaches(number, Cut::Settled).await;
        let (task, talk, ordinal) = (asking.task, asking.conversation, asking.ordinal);
        let call =
            ToolCall { id: format!("c{ordinal}"), name: "bash".to_owned(), arguments: "{}".to_owned() };
        let text = format!("answer {ordinal} of conversation {talk} to {task}");
        let parts = match ordinal % 2 {
            0 => vec![AnswerPart::Text(text.clone()), AnswerPart::Call(call)],
            _ => vec![AnswerPart::Text(text.clone())],
        };
        let stop = if ordinal % 2 == 0 { StopReason::Calls } else { StopReason::Finished };
        let read = Read { parts, stop, stop_detail: String::new(), usage, served: "double".to_owned() };
        let raw = format!("{{\"text\":\"{text}\"}}").into_bytes();
        Ok(Replied { raw, read, spent, tries: Vec::new(), marks: Vec::new() })
    }
}

impl Provider for Double {
    fn ask<'a>(&'a self, conversation: &'a Conversation, asking: Asking<'a>) -> Waiting<'a, Answered> {
        Box::pin(self.answer(conversation, asking))
    }
}

/// A container: what is done in it is gone with it.
#[derive(Default)]
struct Container(Mutex<usize>);

impl ShellSource for Container {
    fn run<'a>(&'a self, command: &'a str, _: u32) -> Reply<'a, CommandOutput> {
        *self.0.lock().unwrap() += 1;
        let stdout = Octets(command.as_bytes().to_vec());
        let stderr = Octets(Vec::new());
        Box::pin(ready(Ok(CommandOutput { exit_status: Some(0), stdout, stderr, dropped_bytes: 0 })))
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}

/// What the plugin does: so many turns of one conversation, each answered with a call of a
/// tool first; a shortened one beside it; and what it looks at meanwhile.
fn script(turns: u32, shell: bool) -> Vec<Request> {
    let setup = ConversationSetup { model: "main".into(), ..ConversationSetup::default() };
    let mut requests = vec![Request::ModelOffers, Request::ModelOpen { setup }];
    for turn in 0..turns {
        requests.push(Request::RandomNext);
        if shell && turn == 1 {
            requests.push(Request::ShellRun { command: "make".into(), timeout_seconds: 1 });
        }
        requests.push(match turn % 2 {
            0 => Request::ModelSay { conversation: 0, text: format!("turn {turn}") },
            _ => Request::ModelGive {
                conversation: 0,
                results: vec![ToolResult {
                    call: format!("c{}", turn - 1),
                    text: "ok".into(),
                    failed: false,
                }],
            },
        });
        requests.push(Request::ModelAsk { conversation: 0 });
    }
    requests.push(Request::ModelWithout { conversation: 0, first: 0, end: 4 });
    requests.push(Request::ModelSay { conversation: 1, text: "and now?".into() });
    requests.push(Request::ModelAsk { conversation: 1 });
    requests
}

/// Questions of a script.
fn asks(script: &[Request]) -> usize {
    script.iter().filter(|request| matches!(request, Request::ModelAsk { .. })).count()
}

fn plugin(name: &str) -> PluginIdentity {
    PluginIdentity { name: name.to_owned(), digest: Sha256::of(name.as_bytes()) }
}

fn spec(budgets: Budgets) -> RunSpec {
    let mut spec: RunSpec = serde_json::from_value(serde_json::json!({
        "suite": {"reported": {"name": "s", "digest": Sha256::of(b"s")}, "path": "s"},
        "agent": plugin("agent"),
        "graders": [plugin("grader")],
        "seed": 0,
        "attempts": 1,
        "kind": null,
        "tasks": [],
        "agent-grant": Grant::standard(Role::Agent),
        "grader-grant": Grant::standard(Role::Grader),
        "agent-limits": Limits::asking(),
        "grader-limits": Limits::standard(),
        "engine": ENGINE_ID,
        "not-runnable": [],
        "baselines": null,
    }))
    .unwrap();
    spec.models = vec![choice("main", WireForm::Chat)];
    spec.budgets = budgets;
    spec
}

/// A store in a folder, with a run of some attempts.
async fn recorded(folder: &Path, budgets: Budgets, attempts: u32) -> Store {
    let store = Store::open(&folder.join("store")).unwrap();
    let task_blob = store.put_blob(b"{}".to_vec()).await.unwrap();
    let new = (1..=attempts)
        .map(|number| NewAttempt {
            task: "one".parse().unwrap(),
            number,
            kind: Kind::SweManager,
            price: Cents(1_000),
            task_blob,
            key_blob: None,
            setting_blob: None,
            grader: plugin("grader"),
        })
        .collect();
    store.create_run(run(), "2026-11-23T08:33:29Z".to_owned(), &spec(budgets), new).await.unwrap();
    store
}

fn run() -> RunId {
    "20261123-083329-4f2a9c".parse().unwrap()
}

/// What a host has of a run that it executes.
struct Executing {
    store: Store,
    models: Arc<Models>,
    container: Arc<Container>,
}

/// Takes the run up as a host does that has just started.
async fn take_up(folder: &Path, double: &Arc<Double>) -> Executing {
    let store = Store::open(&folder.join("store")).unwrap();
    recorder::reopen(&store, &run()).await.unwrap();
    store.lose(&run()).await.unwrap();
    let spec = store.run(&run()).await.unwrap().spec;
    let models = vec![Model { choice: spec.models[0].clone(), provider: double.clone() }];
    let models = Models::open(&store, &run(), &spec, models).await.unwrap();
    Executing { store, models, container: Arc::default() }
}

impl Executing {
    async fn row(&self, number: usize) -> AttemptRow {
        self.store.attempts(&run()).await.unwrap().remove(number)
    }

    /// The conversations of an attempt, which hold so many bytes already.
    fn conversations(&self, row: &AttemptRow, paid: Paid, held: u64) -> Conversations {
        Conversations {
            models: Arc::clone(&self.models),
            blobs: Blobs::new(&self.store),
            attempt: row.id.clone(),
            phase: Phase::Solve,
            call_bytes: Limits::asking().call_bytes,
            paid,
            observer: Arc::new(()),
            open: Mutex::default(),
            held: Mutex::new(held),
        }
    }

    fn outside(&self, row: &AttemptRow, paid: Paid) -> Arc<dyn Outside> {
        Arc::new(Sources {
            model: Some(Arc::new(self.conversations(row, paid, 0))),
            budget: Some(self.models.allowances(&row.id)),
            shell: Some(self.container.clone()),
            ..Sources::default()
        })
    }

    /// Works on an attempt from wherever it is. Gives the calls, and how it ended.
    async fn work(&self, number: usize, script: &[Request]) -> (Vec<CallRecord>, SolveEnd) {
        let row = self.row(number).await;
        let mut recorder = Recorder::take_up(&self.store, &row, None).await.unwrap();
        let limits = Limits::asking();
        let began = Event::Began {
            phase: Phase::Solve,
            plugin: plugin("agent").digest,
            grant: Grant::standard(Role::Agent).iter().collect(),
            limits: limits.clone(),
            engine: ENGINE_ID.to_owned(),
            record: self.store.run(&run()).await.unwrap().record,
            jail: None,
            package: None,
        };
        let Beginning { began_us, behind, journal } =
            recorder.begin(began, Phase::Solve, |paid| self.outside(&row, paid));
        let mut exchange = Exchange::new(&limits, [3; 32], behind, Some(journal));
        let mut end = SolveEnd::Answer(Answer::Nothing);
        for (number, request) in script.iter().cloned().enumerate() {
            let fuel_used = 10_000 * (number as u64 + 1);
            let later = matches!(request, Request::ModelAsk { .. } | Request::ShellRun { .. });
            let answered = match later {
                true => exchange.answer(fuel_used, request).await.unwrap(),
                false => exchange.answer_now(fuel_used, request).unwrap(),
            };
            if let Response::Unavailable(fault) = answered.response {
                end = SolveEnd::Unavailable(fault);
                break;
            }
        }
        let exchanged = exchange.finish();
        assert_eq!(exchanged.missing, None);
        let answer = end.submission().unwrap_or(Answer::Nothing);
        let solved = Event::Solved { end: end.clone(), fuel_used: Some(1), submission: answer.digest() };
        let solve_us = recorder.note(solved).saturating_sub(began_us);
        match &end {
            SolveEnd::Unavailable(fault) => {
                let verdict = Verdict::invalid(fault.reason(), fault.message.clone());
                let spec = self.store.run(&run()).await.unwrap().spec;
                let record =
                    verdict_record(&spec, &row, plugin("grader").digest, verdict, answer.digest(), false);
                let digest = record.digest();
                recorder.note(Event::Decided { record, digest });
                let decided = Transition::Decided {
                    outcome: Outcome::Invalid,
                    reason: fault.reason(),
                    earned: Cents::ZERO,
                    verdict_digest: digest,
                    solve_us: Some(solve_us),
                    grade_us: None,
                    test_runs: 0,
                    flaky: false,
                };
                recorder.commit(decided).await.unwrap();
            }
            _ => recorder.commit(Transition::Submitted { solve_us }).await.unwrap(),
        }
        (exchanged.calls, end)
    }

    /// Works until the double's cut, and is gone then, with all that was in memory.
    async fn cut_off(self, double: &Double, script: &[Request]) {
        tokio::select! {
            done = self.work(0, script) => panic!("not cut off: {done:?}"),
            () = double.at_the_cut.notified() => {}
        }
    }

    /// Compares the ledger with the journal, which says nothing else than the store does.
    async fn audited(&self) -> Vec<LedgerEntry> {
        let audit = self.store.audit(&run()).await.unwrap();
        let found: Vec<_> = audit.differences.iter().filter(|d| !d.column.contains("task")).collect();
        assert!(found.is_empty(), "{found:?}");
        self.store.ledger(&run()).await.unwrap()
    }
}

/// The answers among calls, without what only the second telling of one has.
fn answers(calls: &[CallRecord]) -> Vec<ModelAnswer> {
    let found = calls.iter().filter_map(|call| match &call.response {
        Response::Answered(answer) => Some(ModelAnswer {
            marks: answer.marks.iter().copied().filter(|mark| *mark != AnswerMark::FromRecord).collect(),
            waited_ms: 0,
            ..(**answer).clone()
        }),
        _ => None,
    });
    found.collect()
}

fn sum(spent: impl Iterator<Item = Spent>) -> (u64, u64, u64) {
    spent.fold((0, 0, 0), |(input, output, cost), spent| {
        let Usage { input: i, output: o, .. } = spent.usage;
        (input + i.unwrap(), output + o.unwrap(), cost + spent.cost.unwrap().0)
    })
}

#[tokio::test]
async fn what_was_answered_is_asked_once_wherever_it_is_cut_off() {
    let script = script(4, false);
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), Budgets::default(), 1).await;
    let double = Double::cut_at(None);
    let executing = take_up(folder.path(), &double).await;
    let (undisturbed, _) = executing.work(0, &script).await;
    assert_eq!((answers(&undisturbed).len(), double.served()), (asks(&script), asks(&script)));
    let ledger = executing.audited().await;
    let of_journal = sum(answers(&undisturbed).into_iter().map(|answer| answer.spent));
    assert_eq!(sum(ledger.iter().map(|entry| entry.spent)), of_journal);
    assert!(ledger.iter().all(|entry| entry.state == EntryState::Settled && entry.tool_calls.is_some()));

    for number in 0..asks(&script) {
        for cut in CUTS {
            let what = format!("{number} {cut:?}");
            let folder = tempfile::tempdir().unwrap();
            recorded(folder.path(), Budgets::default(), 1).await;
            let first = Double::cut_at(Some((number, cut)));
            take_up(folder.path(), &first).await.cut_off(&first, &script).await;
            let second = Double::cut_at(None);
            let executing = take_up(folder.path(), &second).await;
            let (calls, _) = executing.work(0, &script).await;
            assert_eq!(answers(&calls), answers(&undisturbed), "{what}");
            let again = usize::from(matches!(cut, Cut::Served | Cut::Settled));
            assert_eq!(first.served() + second.served(), asks(&script) + again, "{what}");
            let ledger = executing.audited().await;
            let lost: Vec<_> = ledger.iter().filter(|entry| entry.state == EntryState::Lost).collect();
            assert_eq!(lost.len(), usize::from(matches!(cut, Cut::Held | Cut::Served)), "{what}");
            assert!(
                lost.iter().all(|entry| entry.spent.estimated && entry.spent == entry.new.held),
                "{what}"
            );
            let answered = ledger.iter().filter(|entry| entry.tool_calls.is_some());
            assert_eq!(sum(answered.map(|entry| entry.spent)), of_journal, "{what}");
        }
    }
}

#[tokio::test]
async fn a_fault_at_an_answer_is_gone_on_from() {
    let script = script(4, false);
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), Budgets::default(), 1).await;
    let failing = Arc::new(Double { fails: Some(2), ..Double::default() });
    let executing = take_up(folder.path(), &failing).await;
    let (calls, end) = executing.work(0, &script).await;
    let fault = InfraFault::new(InfraFaultKind::ModelUnavailable, "529, whatever was tried");
    assert_eq!((answers(&calls).len(), end), (2, SolveEnd::Unavailable(fault)));
    assert_eq!(executing.row(0).await.state, AttemptState::Decided(Outcome::Invalid));
    executing.audited().await;
    drop(executing);

    let double = Double::cut_at(None);
    let executing = take_up(folder.path(), &double).await;
    let (calls, _) = executing.work(0, &script).await;
    assert_eq!((answers(&calls).len(), failing.served(), double.served()), (5, 2, 3));
    assert_eq!(double.served.lock().unwrap()[0].2, 2, "from the third on");
    assert_eq!(executing.audited().await.len(), 6);
}

#[tokio::test]
async fn amounts_beyond_all_bounds_are_kept_and_agree() {
    let script = script(4, false);
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), Budgets::default(), 1).await;
    let boundless = |cut| Arc::new(Double { cut, boundless: true, ..Double::default() });
    let first = boundless(Some((3, Cut::Held)));
    take_up(folder.path(), &first).await.cut_off(&first, &script).await;
    let second = boundless(None);
    let executing = take_up(folder.path(), &second).await;
    let (calls, _) = executing.work(0, &script).await;
    let found = answers(&calls);
    assert_eq!((found.len(), second.served()), (5, 2));
    let most = i64::MAX.unsigned_abs();
    for answer in &found {
        assert_eq!(answer.spent.usage.input, Some(most));
        assert_eq!(answer.spent.cost, Some(Microdollars(most)));
    }
    executing.audited().await;
}

/// What an outage came to counts, and nobody is graded for having no more.
#[tokio::test]
async fn a_budget_that_an_outage_used_up_decides_nothing() {
    let script = script(4, false);
    let folder = tempfile::tempdir().unwrap();
    let limit = Budgets { attempt: [(BudgetUnit::OutputTokens, 2_500)].into(), run: BTreeMap::new() };
    recorded(folder.path(), limit, 1).await;
    for served in [1, 0, 0] {
        let fails = (served > 0).then_some(1);
        let double = Arc::new(Double { fails, estimated: true, ..Double::default() });
        let executing = take_up(folder.path(), &double).await;
        let (_, end) = executing.work(0, &script).await;
        assert!(
            matches!(&end, SolveEnd::Unavailable(fault) if fault.kind == InfraFaultKind::ModelUnavailable)
        );
        if let (0, SolveEnd::Unavailable(fault)) = (served, &end) {
            assert!(fault.message.contains("on which nothing is graded"), "{}", fault.message);
        }
        assert_eq!(double.served(), served);
        assert_eq!(executing.row(0).await.state, AttemptState::Decided(Outcome::Invalid));
        // The estimate counts as it did.
        assert_eq!(executing.models.ledger.run_used().output_tokens, 2_050);
        executing.audited().await;
    }
}

#[tokio::test]
async fn with_a_container_the_phase_begins_anew_and_nothing_is_paid_twice() {
    let script = script(4, true);
    // Two beginnings are given up, the second before it has come as far as the first.
    for (second_cut, served_twice) in [(None, 0), (Some((0, Cut::Served)), 1)] {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path(), Budgets::default(), 1).await;
        let first = Double::cut_at(Some((3, Cut::Held)));
        take_up(folder.path(), &first).await.cut_off(&first, &script).await;
        let second = Double::cut_at(second_cut);
        if second_cut.is_some() {
            take_up(folder.path(), &second).await.cut_off(&second, &script).await;
        }
        let third = Double::cut_at(None);
        let executing = take_up(folder.path(), &third).await;
        let (calls, _) = executing.work(0, &script).await;
        assert_eq!(*executing.container.0.lock().unwrap(), 1);
        assert_eq!(answers(&calls).len(), asks(&script));
        let served = first.served() + second.served() + third.served();
        assert_eq!((first.served(), served), (3, asks(&script) + served_twice));
        let from_record = calls.iter().filter(|call| {
            matches!(&call.response, Response::Answered(answer) if answer.marks.contains(&AnswerMark::FromRecord))
        });
        assert_eq!(from_record.count(), 3);
        executing.audited().await;
    }
}

/// All that conversations hold counts, the provider's JSON among it, and what shortened ones
/// share counts once.
#[tokio::test]
async fn conversations_hold_no_more_than_their_bound() {
    const MOST: u64 = 256 << 20;
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), Budgets::default(), 1).await;
    let executing = take_up(folder.path(), &Arc::new(Double::default())).await;
    let row = executing.row(0).await;
    let begun = executing.models.begin(&row.id);
    let setup = ConversationSetup { model: "main".into(), ..ConversationSetup::default() };

    let conversations = executing.conversations(&row, Paid::default(), 0);
    let held = || *conversations.held.lock().unwrap();
    let talk: &dyn ModelSource = &conversations;
    assert_eq!(talk.open(&setup).unwrap(), 0);
    let opened = held();
    talk.say(0, &"x".repeat(10_000)).unwrap();
    assert!((10_000..10_200).contains(&(held() - opened)), "{}", held());
    let said = held();
    let answer = talk.ask(0).await.unwrap().unwrap();
    let raw = executing.store.reader().blob(answer.raw).unwrap();
    assert!(held() - said >= raw.len() as u64 + 40, "{} of {}", held() - said, raw.len());
    let results = [ToolResult { call: "c0".into(), text: "y".repeat(5_000), failed: false }];
    let answered = held();
    talk.give(0, &results).unwrap();
    assert!((5_000..5_200).contains(&(held() - answered)), "{}", held());
    let given = held();
    assert_eq!(talk.without(0, 3, 3).unwrap(), 1);
    assert!(held() - given < 1_000, "{}", held() - given);

    // With next to nothing left, each says so and changes nothing; nothing is asked in vain.
    let conversations = executing.conversations(&row, Paid::default(), MOST - 2_000);
    let full: &dyn ModelSource = &conversations;
    let refused = |failure: ModelFailure| {
        assert!(failure.message.contains("would hold more than 256 MiB"), "{failure}");
        assert_eq!(failure.kind, ModelFailureKind::Refused);
    };
    full.open(&setup).unwrap();
    full.say(0, "z").unwrap();
    refused(full.say(0, &"z".repeat(2_000)).unwrap_err());
    refused(full.open(&ConversationSetup { instructions: "z".repeat(2_000), ..setup }).unwrap_err());
    *conversations.held.lock().unwrap() = MOST;
    refused(full.ask(0).await.unwrap().unwrap_err());
    refused(full.without(0, 0, 0).unwrap_err());
    assert_eq!(full.length(0), 1);
    // One that no call carries is the server's fault, and the conversation stays as it was.
    let narrow = Conversations { call_bytes: 100, ..executing.conversations(&row, Paid::default(), 0) };
    let narrow: &dyn ModelSource = &narrow;
    narrow.open(&ConversationSetup { model: "main".into(), ..ConversationSetup::default() }).unwrap();
    narrow.say(0, "z").unwrap();
    let Err(SourceError::Unavailable(fault)) = narrow.ask(0).await else { panic!("it is too large") };
    assert_eq!((fault.kind, narrow.length(0)), (InfraFaultKind::ModelUnreadable, 1));
    assert!(fault.message.contains("can be told at most 100"), "{fault}");
    // Paid for, and there is no room for it.
    *conversations.held.lock().unwrap() = MOST - 10;
    let failure = full.ask(0).await.unwrap().unwrap_err();
    assert_eq!((failure.kind, failure.tries.len(), full.length(0)), (ModelFailureKind::Other, 1, 1));
    drop(begun);
}

#[tokio::test]
async fn a_budget_ends_the_asking_and_not_the_attempt() {
    let script = script(4, false);
    let asked = |unit, amount| Budgets { attempt: [(unit, amount)].into(), run: BTreeMap::new() };
    for (budgets, expected) in [
        (asked(BudgetUnit::Asks, 2), 2),
        // The first answer has a call, the second none, the third one more.
        (asked(BudgetUnit::ToolCalls, 2), 3),
        (asked(BudgetUnit::OutputTokens, 1_024 + 99), 2),
        (asked(BudgetUnit::Microdollars, 0), 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path(), budgets.clone(), 1).await;
        let double = Double::cut_at(None);
        let executing = take_up(folder.path(), &double).await;
        let (calls, end) = executing.work(0, &script).await;
        assert_eq!(end, SolveEnd::Answer(Answer::Nothing));
        let refused = calls.iter().filter(|call| {
            matches!(&call.response, Response::Unanswered(f) if f.kind == ModelFailureKind::OverBudget)
        });
        assert!(refused.count() > 0, "{budgets:?}");
        assert_eq!((answers(&calls).len(), double.served()), (expected, expected), "{budgets:?}");
        executing.audited().await;
    }
}

#[tokio::test]
async fn attempts_share_what_the_run_may_spend_and_later_hosts_go_on_from_it() {
    let script = script(4, false);
    let budgets = Budgets { attempt: BTreeMap::new(), run: [(BudgetUnit::Asks, 7)].into() };
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), budgets, 3).await;
    let double = Double::cut_at(None);
    let executing = take_up(folder.path(), &double).await;
    let (one, other) = tokio::join!(executing.work(0, &script), executing.work(1, &script));
    assert_eq!(answers(&one.0).len() + answers(&other.0).len(), 7);
    drop(executing);
    let executing = take_up(folder.path(), &double).await;
    let (third, _) = executing.work(2, &script).await;
    assert_eq!((answers(&third).len(), double.served()), (0, 7));
    executing.audited().await;
}

#[tokio::test]
async fn a_dropped_question_is_settled_as_what_was_held() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), Budgets::default(), 1).await;
    let double = Double::cut_at(Some((1, Cut::Served)));
    let executing = take_up(folder.path(), &double).await;
    let row = executing.row(0).await;
    let begun = executing.models.begin(&row.id);
    let script = script(4, false);
    tokio::select! {
        done = executing.work(0, &script) => panic!("not cut off: {done:?}"),
        () = double.at_the_cut.notified() => {}
    }
    drop(begun);
    // Whatever is written next comes after it.
    executing.store.lose(&run()).await.unwrap();
    let ledger = executing.store.ledger(&run()).await.unwrap();
    assert_eq!((ledger[1].state, ledger[1].spent), (EntryState::Settled, ledger[1].new.held));
    assert!(executing.models.ledger.run_used().asks == 2);
}

#[tokio::test]
async fn a_journal_grows_with_what_is_added() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), Budgets::default(), 1).await;
    let double = Double::cut_at(None);
    let executing = take_up(folder.path(), &double).await;
    let mut long = script(250, false);
    for request in &mut long {
        match request {
            Request::ModelSay { text, .. } => *text = "x".repeat(3_000),
            Request::ModelGive { results, .. } => results[0].text = "x".repeat(3_000),
            _ => {}
        }
    }
    let (calls, _) = executing.work(0, &long).await;
    assert_eq!(answers(&calls).len(), 251);
    let row = executing.row(0).await;
    let events = executing.store.events(&row.id).await.unwrap();
    let bytes: usize = events.iter().map(|line| serde_json::to_vec(&line.event).unwrap().len()).sum();
    eprintln!("a conversation of 250 turns: {bytes} bytes of journal");
    assert!(bytes < 2_000_000, "{bytes}");
}
