//! Runs of an agent that asks models, with answers from a script and from a record.

#![allow(clippy::large_futures, reason = "a test has one run at a time")]

use std::collections::BTreeMap;
use std::future::pending;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lancet_core::{
    AttemptId, AttemptState, BudgetUnit, Budgets, Capability, KeyFrom, Limits, Microdollars, ModelChoice,
    Outcome, Price, Rates, Request, Response, Role, RunId, SolveEnd, WireForm,
};
use lancet_docker::DockerOptions;
use lancet_engine::Compiler;
use lancet_runner::{
    Ended, Host, Loader, Notice, Observer, Order, Regrading, Run, Sandboxes, Wait, find, prepare, regrade,
    replay,
};
use lancet_store::{LedgerTotals, Store};
use lancet_suite::Suite;

const JOBS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Answers that pick the first proposal, after one that does not know what it wants.
const SCRIPT: &str = r#"
[[conversation]]
[[conversation.answer]]
reasoning = "There is no ninth."
calls = [{ name = "hand_in", arguments = { proposal = 9 } }]
usage = { input = 900, input-cached = 100, output = 40, output-reasoning = 30 }

[[conversation.answer]]
text = "The first then."
calls = [{ name = "hand_in", arguments = { proposal = 1 } }]
usage = { input = 1000, output = 20 }
"#;

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tasks/storefront-managers")
}

fn host(folder: &Path) -> Host {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    Host {
        store: Store::open(folder).unwrap(),
        loader: Loader::new(JOBS, || Ok(Compiler::Here), Some(cache)).unwrap(),
        sandboxes: Sandboxes::new(DockerOptions::default()),
    }
}

fn model(form: WireForm, id: &str) -> ModelChoice {
    let rates =
        Rates { input: 1_000_000, input_cached: Some(0), input_cache_written: None, output: 10_000_000 };
    ModelChoice {
        name: "main".to_owned(),
        form,
        id: id.to_owned(),
        base_url: if form.reaches_out() { "http://127.0.0.1:1".to_owned() } else { String::new() },
        key: KeyFrom::None,
        effort: String::new(),
        context_tokens: None,
        answer_tokens: 8_000,
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

/// An order of every task of the sample suite, with the models and scripts given.
fn order<'a>(suite: &'a Suite, path: &'a Path, agent: &str, models: Vec<ModelChoice>) -> Order<'a> {
    Order {
        suite,
        path,
        selected: suite.tasks().iter().collect(),
        kind: None,
        patterns: Vec::new(),
        agent: find(Role::Agent, agent).unwrap(),
        inputs: BTreeMap::new(),
        seed: 7,
        attempts: NonZeroU32::MIN,
        grants: Vec::new(),
        agent_limits: Limits::asking(),
        grader_limits: Limits::standard(),
        control: None,
        models,
        scripts: [("main".to_owned(), Arc::from(SCRIPT))].into(),
        budgets: Budgets::default(),
        settings: BTreeMap::new(),
        prompt: None,
    }
}

/// Hears what is spent, and of agents without a model; and what each attempt does.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>, Mutex<BTreeMap<String, Vec<&'static str>>>);

impl Observer for Ear {
    fn notice(&self, notice: Notice<'_>) {
        let line = match notice {
            Notice::Spent { cost, asks, tokens, .. } => format!("{cost:?} {asks} {tokens}"),
            Notice::WithoutModel { agent } => format!("{agent} has no model"),
            Notice::Began { attempt } => return self.hears(attempt, "began"),
            Notice::Waits { attempt, what: Wait::Call { name } } => return self.hears(attempt, name),
            Notice::Decided { attempt, .. } => return self.hears(attempt, "decided"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

impl Ear {
    fn hears(&self, attempt: &AttemptId, what: &'static str) {
        self.1.lock().unwrap().entry(attempt.to_string()).or_default().push(what);
    }
}

async fn finished(host: &Host, order: Order<'_>, ear: &Arc<Ear>) -> RunId {
    let run = prepare(&host.loader, order, &**ear).await.unwrap().record(host).await.unwrap();
    let id = run.id().clone();
    assert_eq!(run.finish(JOBS, pending(), pending(), ear.clone()).await.unwrap(), Ended::Finished);
    id
}

/// What each attempt came to.
async fn outcomes(host: &Host, run: &RunId) -> Vec<(String, AttemptState, String)> {
    let audit = host.store.audit(run).await.unwrap();
    assert!(audit.differences.is_empty(), "{:?}", audit.differences);
    let line = |row: &lancet_store::AttemptRow| {
        (row.id.task.to_string(), row.state, row.reason.as_ref().unwrap().to_string())
    };
    audit.attempts.iter().map(line).collect()
}

async fn spent(host: &Host, run: &RunId) -> LedgerTotals {
    let mut totals = LedgerTotals::default();
    host.store.ledger(run).await.unwrap().iter().for_each(|entry| totals.add(entry));
    totals
}

#[tokio::test]
async fn an_attempt_with_a_model_on_a_network_has_three_hours_unless_more_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let path = suite();
    let suite = Suite::open(&path).unwrap();
    for (form, said, kept) in [
        (WireForm::Chat, None, Some(10_800_000)),
        (WireForm::Chat, Some(60_000), Some(60_000)),
        (WireForm::Scripted, None, None),
    ] {
        let mut order = order(&suite, &path, "tool-loop", vec![model(form, "answers.toml")]);
        order.budgets.attempt.extend(said.map(|said| (BudgetUnit::Milliseconds, said)));
        let prepared = prepare(&host.loader, order, &()).await.unwrap();
        let budgets = &prepared.spec().budgets;
        assert_eq!(budgets.attempt.get(&BudgetUnit::Milliseconds).copied(), kept);
        assert!(budgets.run.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_asks_pays_and_is_done_again_without_asking() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let path = suite();
    let suite = Suite::open(&path).unwrap();
    let ear = Arc::new(Ear::default());
    let scripted = || vec![model(WireForm::Scripted, "answers.toml")];
    let run = finished(&host, order(&suite, &path, "tool-loop", scripted()), &ear).await;
    let first = outcomes(&host, &run).await;
    let tasks = first.len() as u64;
    assert!(first.iter().any(|(_, state, _)| *state == AttemptState::Decided(Outcome::Pass)), "{first:?}");
    assert!(first.iter().all(|(_, _, reason)| reason.ends_with("-choice")), "{first:?}");

    // 800 + 400 and 1,000 + 200 microdollars for each task.
    let totals = spent(&host, &run).await;
    assert_eq!((totals.requests, totals.answers, totals.tool_calls), (2 * tasks, 2 * tasks, 2 * tasks));
    assert_eq!((totals.input, totals.input_cached, totals.output), (1_900 * tasks, 100 * tasks, 60 * tasks));
    assert_eq!(totals.cost(), Some(Microdollars(2_400 * tasks)));
    let last = format!("{:?} {} {}", totals.cost(), 2 * tasks, 1_960 * tasks);
    assert!(ear.0.lock().unwrap().contains(&last), "{last}: {:?}", ear.0.lock().unwrap());

    // Every attempt was heard to begin, to wait for each of its answers, and to end.
    let heard = ear.1.lock().unwrap().clone();
    assert_eq!(heard.len(), first.len());
    for (attempt, heard) in heard {
        // Beside it the agent may read what it works on.
        let asks = heard.iter().filter(|what| **what == "model.conversation.ask").count();
        assert_eq!((heard[0], heard[heard.len() - 1], asks), ("began", "decided", 2), "{attempt}: {heard:?}");
    }

    let replayed = replay(&host.store.reader(), &host.loader, &run, None, JOBS, &()).await.unwrap();
    assert_eq!((replayed.identical, replayed.different), (first.len(), 0), "{replayed:?}");

    // The same answers again, from the record: as the run is named, and by `latest`.
    let recorded =
        finished(&host, order(&suite, &path, "tool-loop", vec![model(WireForm::Recorded, "latest")]), &ear)
            .await;
    assert_eq!(outcomes(&host, &recorded).await, first);
    assert_eq!(spent(&host, &recorded).await, totals);
    let named = host.store.run(&recorded).await.unwrap().spec.models[0].run.clone();
    assert_eq!(named, Some(run.clone()));

    // Other settings are other questions: the record has no answers to them.
    let mut other = order(&suite, &path, "tool-loop", vec![model(WireForm::Recorded, run.as_str())]);
    other.prompt = Some("{{ title }}".to_owned());
    let other = finished(&host, other, &ear).await;
    let differing = outcomes(&host, &other).await;
    assert!(differing.iter().all(|(_, _, reason)| reason == "model-differs"), "{differing:?}");
    let taken_up = Run::take_up(&host, &other, &()).await.unwrap();
    assert!(!taken_up.is_over(), "the infrastructure failed, which a later run may mend");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_budget_ends_is_graded() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let path = suite();
    let suite = Suite::open(&path).unwrap();
    let ear = Arc::new(Ear::default());
    let mut order = order(&suite, &path, "tool-loop", vec![model(WireForm::Scripted, "answers.toml")]);
    order.budgets.attempt.insert(BudgetUnit::Asks, 1);
    order.budgets.run.insert(BudgetUnit::Asks, 5);
    let run = finished(&host, order, &ear).await;
    assert_eq!(spent(&host, &run).await.requests, 5);
    for row in host.store.attempts(&run).await.unwrap() {
        let history = lancet_core::History::of(
            host.store.events(&row.id).await.unwrap().into_iter().map(|line| (line.at_us, line.event)),
        );
        let calls = history.solve.unwrap().calls;
        let refused = calls.iter().any(|call| {
            matches!(call.request, Request::ModelAsk { .. })
                && matches!(&call.response, Response::Unanswered(failure)
                    if failure.kind == lancet_core::ModelFailureKind::OverBudget)
        });
        assert!(refused, "{}", row.id);
        // A choice that was not made cannot be handed in; the end says why there is none.
        let SolveEnd::GaveUp(why) = history.solved.unwrap().end else { panic!("{}", row.id) };
        assert!(why.contains("over-budget"), "{why}");
        assert_eq!(row.state, AttemptState::Decided(Outcome::Fail));
    }
    outcomes(&host, &run).await;
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let path = suite();
    let suite = Suite::open(&path).unwrap();
    let scripted = || model(WireForm::Scripted, "answers.toml");
    let chat = || model(WireForm::Chat, "some");
    let with = |agent: &str, models: Vec<ModelChoice>, change: fn(&mut Order<'_>)| {
        let mut order = order(&suite, &path, agent, models);
        change(&mut order);
        order
    };
    let unpriced = || ModelChoice { price: None, ..chat() };
    let keyed = || ModelChoice { key: KeyFrom::Env("LANCET_TEST_NO_SUCH_KEY".into()), ..chat() };
    let cases: Vec<(Order<'_>, &[&str])> = vec![
        (with("first", vec![scripted()], |_| {}), &["`first`", "asks no model"]),
        (with("tool-loop", vec![scripted(), scripted()], |_| {}), &["`main`", "two models"]),
        (with("tool-loop", Vec::new(), |_| {}), &["`tool-loop` asks a model", "none is chosen"]),
        (with("swelancer-simple", Vec::new(), |_| {}), &["`swelancer-simple` asks a model"]),
        (
            with("tool-loop", vec![scripted()], |order| {
                _ = order.settings.insert("model".into(), "judge".into());
            }),
            &["`model`", "`tool-loop`", "`judge`", "there are `main`"],
        ),
        (
            with("swelancer-simple", vec![ModelChoice { name: "judge".into(), ..scripted() }], |order| {
                _ = order.scripts.insert("judge".into(), Arc::from(SCRIPT));
            }),
            &["`model`", "`main`", "there are `judge`"],
        ),
        (
            with("tool-loop", vec![model(WireForm::Messages, "m")], |order| {
                _ = order.settings.insert("effort".into(), "minimal".into());
            }),
            &["`effort`", "`minimal`", "`main`", "low, medium, high, xhigh, max"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| {
                order.prompt = Some("a\n{{ title | shorten }}".into());
            }),
            &["the prompt, line 2", "shorten"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| order.prompt = Some(" ".into())),
            &["the prompt", "empty"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| {
                _ = order.settings.insert("stepz".into(), "1".into());
            }),
            &["`stepz`", "steps", "`tool-loop`"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| {
                _ = order.settings.insert("steps".into(), "few".into());
            }),
            &["`steps`", "`few`", "number"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| order.prompt = Some("a\n{{ nonsense }}".into())),
            &["line 2", "`nonsense`", "`title`"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| order.prompt = Some("{% if %}".into())),
            &["the prompt", "line 1"],
        ),
        (with("first", Vec::new(), |order| order.prompt = Some("x".into())), &["`first`", "no prompt"]),
        (with("tool-loop", vec![keyed()], |_| {}), &["`main`", "LANCET_TEST_NO_SUCH_KEY"]),
        (
            with("tool-loop", vec![unpriced()], |order| {
                _ = order.budgets.run.insert(BudgetUnit::Microdollars, 1);
            }),
            &["`main`", "price"],
        ),
        (
            with("tool-loop", vec![scripted()], |order| {
                _ = order.scripts.insert("main".into(), "[[conversation]]\nsense = 1".into());
            }),
            &["`main`", "answers.toml", "sense"],
        ),
        (with("tool-loop", vec![scripted()], |order| order.scripts.clear()), &["`main`", "script"]),
        (
            with("tool-loop", vec![model(WireForm::Recorded, "20200101-000000-000000")], |_| {}),
            &["20200101-000000-000000"],
        ),
        (
            with("tool-loop", vec![ModelChoice { base_url: "nonsense".into(), ..chat() }], |_| {}),
            &["`main`", "base URL"],
        ),
    ];
    for (order, words) in cases {
        let error = match prepare(&host.loader, order, &()).await {
            Err(error) => error,
            Ok(prepared) => {
                prepared.record(&host).await.err().unwrap_or_else(|| panic!("{words:?} is accepted"))
            }
        };
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
    }
    assert!(host.store.runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_grader_that_asks_does_not_judge_again() {
    // The grader `manager-choice` asks nothing: the grant alone is no reason to refuse.
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let path = suite();
    let suite = Suite::open(&path).unwrap();
    let ear = Arc::new(Ear::default());
    let mut order = order(&suite, &path, "first", Vec::new());
    order.grants.push((Role::Grader, Capability::Model));
    let run = finished(&host, order, &ear).await;
    outcomes(&host, &run).await;
    let row = host.store.attempts(&run).await.unwrap().remove(0);
    let events = host.store.events(&row.id).await.unwrap();
    let decided = lancet_core::History::of(events.into_iter().map(|line| (line.at_us, line.event))).decided;
    assert!(!decided.unwrap().record.by_model, "the verdict follows the imports, too");
    let regrading = Regrading { grader: None, grants: Vec::new(), rounds: NonZeroU32::MIN, jobs: JOBS };
    let again = regrade(&host.store, &host.loader, &run, regrading, || {}, &()).await.unwrap();
    assert_eq!(again.changed, 0);
    let replayed = replay(&host.store.reader(), &host.loader, &run, None, JOBS, &()).await.unwrap();
    assert_eq!(replayed.different, 0);
}
