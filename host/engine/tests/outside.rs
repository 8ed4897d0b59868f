//! Calls that reach outside, made by the plugins that come with Lancet: answered,
//! refused, failed by the infrastructure, and executed again from their record.
//!
//! Time is tokio's own here and jumps to the next timer, so no test waits.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use lancet_core::{
    Answer, Artifact, ArtifactEntry, ArtifactKind, CallError, CallErrorKind, CallRecord, CaseStatus, Cents,
    CommandOutput, Conclusion, Grant, InfraFault, InfraFaultKind, Kind, Limits, MAX_NAMES_BYTES,
    MAX_TEST_CASES, Octets, Outcome, PlanView, ReportState, Request, Response, Role, RunEnd, SearchHit,
    Sha256, SolveEnd, Task, TestCase, TestReport, TestRun, WorkspaceEntry,
};
use lancet_engine::{
    ArtifactsSource, Behind, Call, Compiler, GradeOutput, Plugin, Reply, Runtime, RuntimeOptions,
    ShellSource, SolveOutput, Sources, TestsSource, WorkspaceSource,
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Runtime::new(&RuntimeOptions { concurrency: NonZeroUsize::new(16).unwrap(), cache: None }).unwrap()
});

fn plugin(role: Role, name: &str) -> Plugin {
    let component = lancet_builtin::find(role, name).unwrap().component;
    RUNTIME.load(name, component, &Grant::standard(role), &Compiler::Here).unwrap()
}

fn task() -> Task {
    Task {
        id: "a-task".parse().unwrap(),
        kind: Kind::IcSwe,
        title: String::new(),
        statement: String::new(),
        price: Cents(100_000),
        proposals: Vec::new(),
    }
}

fn call<'a>(task: &'a Task, limits: &'a Limits, behind: Behind) -> Call<'a> {
    Call { task, limits, seed: [7; 32], behind, journal: None }
}

fn recorded(calls: &[CallRecord]) -> Behind {
    Behind::Recorded { calls: calls.to_vec(), compare_fuel: true }
}

/// Has an agent work, and work again from the record with nothing behind it.
async fn solved(name: &str, sources: Sources) -> SolveOutput {
    let (agent, task, limits) = (plugin(Role::Agent, name), task(), Limits::standard());
    let output = agent.solve(call(&task, &limits, Behind::live(sources))).await.unwrap();
    let again = agent.solve(call(&task, &limits, recorded(&output.calls))).await.unwrap();
    assert_eq!(again.divergence, None);
    assert_eq!((&again.end, &again.calls, again.fuel_used), (&output.end, &output.calls, output.fuel_used));
    output
}

/// Has a grader judge, and judge again from the record with nothing behind it.
async fn graded(name: &str, answer: &Answer, sources: Sources) -> GradeOutput {
    let (grader, task, limits) = (plugin(Role::Grader, name), task(), Limits::standard());
    let sources = Sources {
        submission: Some(Arc::new(answer.clone())),
        answer_key: Some(Arc::new(r#"{"plan": "hidden"}"#.to_owned())),
        ..sources
    };
    let output = grader.grade(call(&task, &limits, Behind::live(sources)), answer).await.unwrap();
    let again = grader.grade(call(&task, &limits, recorded(&output.calls)), answer).await.unwrap();
    assert_eq!(again.divergence, None);
    assert_eq!(
        (&again.verdict, &again.calls, again.fuel_used, &again.unavailable),
        (&output.verdict, &output.calls, output.fuel_used, &output.unavailable)
    );
    output
}

fn names(calls: &[CallRecord]) -> Vec<&'static str> {
    calls.iter().map(|call| call.request.name()).filter(|name| *name != "log.write").collect()
}

fn docker_is_gone() -> InfraFault {
    InfraFault::new(InfraFaultKind::DockerUnreachable, "no such socket")
}

fn unused<'a, T: 'a>() -> Reply<'a, T> {
    panic!("this is not asked for here")
}

/// A work tree of one file of text, and what was done to it.
#[derive(Default)]
struct Tree {
    patches: Mutex<Vec<String>>,
    written: Mutex<Vec<(String, Vec<u8>)>>,
}

const TEXT: &str = "one\ntwo\nthree\n";

impl WorkspaceSource for Tree {
    fn list<'a>(&'a self, path: &'a str) -> Reply<'a, Vec<WorkspaceEntry>> {
        assert_eq!(path, "");
        let entry = |path: &str, bytes| WorkspaceEntry { path: path.into(), bytes };
        let entries =
            vec![entry(".git-keep", 3), entry("large", 70_000), entry("lib/a.js", TEXT.len() as u64)];
        Box::pin(async { Ok(entries) })
    }

    fn read<'a>(&'a self, path: &'a str, offset: u64, _: u32) -> Reply<'a, Octets> {
        assert_eq!((path, offset), ("lib/a.js", 0));
        Box::pin(async { Ok(Octets(TEXT.into())) })
    }

    fn search<'a>(&'a self, _: &'a str, _: &'a str) -> Reply<'a, Vec<SearchHit>> {
        unused()
    }

    fn write<'a>(&'a self, path: &'a str, contents: &'a [u8]) -> Reply<'a, ()> {
        self.written.lock().unwrap().push((path.into(), contents.into()));
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, _: &'a str) -> Reply<'a, ()> {
        unused()
    }

    fn apply_patch<'a>(&'a self, patch: &'a str) -> Reply<'a, ()> {
        self.patches.lock().unwrap().push(patch.into());
        let refused = patch.contains("nowhere").then(|| CallError::new(CallErrorKind::Other, "no such file"));
        Box::pin(async { refused.map_or(Ok(()), |error| Err(error.into())) })
    }
}

/// A shell whose commands take an hour and exit with 3, or that is gone.
struct Shell {
    gone: bool,
}

impl ShellSource for Shell {
    fn run<'a>(&'a self, command: &'a str, timeout_seconds: u32) -> Reply<'a, CommandOutput> {
        assert_eq!((command, timeout_seconds), ("make", 600));
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            if self.gone {
                return Err(docker_is_gone().into());
            }
            Ok(CommandOutput {
                exit_status: Some(3),
                stdout: Octets(vec![0xff, b'\n']),
                stderr: Octets::default(),
                dropped_bytes: 0,
            })
        })
    }
}

fn input(text: &str) -> Option<Arc<dyn lancet_engine::InputSource>> {
    Some(Arc::new(Some(text.to_owned())))
}

#[tokio::test(start_paused = true)]
async fn a_patch_is_applied_and_the_work_tree_handed_in() {
    let tree = Arc::new(Tree::default());
    let sources = Sources { input: input("--- a/x"), workspace: Some(tree.clone()), ..Sources::default() };
    let output = solved("patch", sources).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree));
    assert_eq!(names(&output.calls), ["workspace.apply-input"]);
    assert_eq!(*tree.patches.lock().unwrap(), ["--- a/x\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_patch_may_be_larger_than_the_agent_s_memory() {
    let patch = "+ a line of a patch\n".repeat((40 << 20) / 20);
    assert!(patch.len() as u64 > Limits::standard().memory_bytes);
    let tree = Arc::new(Tree::default());
    let sources = Sources { input: input(&patch), workspace: Some(tree.clone()), ..Sources::default() };
    let output = solved("patch", sources).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree));
    assert!(*tree.patches.lock().unwrap() == [patch], "another patch was applied");
    let agent = plugin(Role::Agent, "patch");
    assert!(agent.imports("workspace.apply-input") && !agent.imports("input.read"));
    assert!(plugin(Role::Agent, "script").imports("input.read"));
}

#[tokio::test(start_paused = true)]
async fn an_input_that_cannot_be_read_is_nobody_s_fault() {
    struct Lost;
    impl lancet_engine::InputSource for Lost {
        fn read(&self) -> Result<Option<String>, InfraFault> {
            Err(InfraFault::new(InfraFaultKind::DiskFull, "the store"))
        }
    }
    for name in ["patch", "script"] {
        let sources = Sources {
            input: Some(Arc::new(Lost)),
            workspace: Some(Arc::new(Tree::default())),
            ..Sources::default()
        };
        let output = solved(name, sources).await;
        assert!(matches!(output.end, SolveEnd::Unavailable(fault) if fault.kind == InfraFaultKind::DiskFull));
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_does_not_apply_is_given_up_with_the_reason() {
    let sources = Sources {
        input: input("--- a/nowhere"),
        workspace: Some(Arc::new(Tree::default())),
        ..Sources::default()
    };
    let SolveEnd::GaveUp(text) = solved("patch", sources).await.end else { panic!() };
    assert!(text.ends_with("the patch was not applied: no such file"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn without_input_nothing_is_done() {
    for (name, answer, call, response) in [
        ("patch", Answer::Nothing, "workspace.apply-input", Response::Applied(false)),
        ("script", Answer::WorkTree, "input.read", Response::MaybeText(None)),
    ] {
        let output = solved(name, Sources::default()).await;
        assert_eq!(output.end, SolveEnd::Answer(answer));
        assert_eq!(names(&output.calls), [call]);
        assert_eq!(output.calls[0].response, response);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_without_an_environment_says_so() {
    for name in ["patch", "script"] {
        let sources = Sources { input: input("make"), ..Sources::default() };
        let SolveEnd::GaveUp(text) = solved(name, sources).await.end else { panic!() };
        assert!(text.ends_with("this task has no environment"), "{text}");
    }
    let output = graded("junit", &Answer::WorkTree, Sources::default()).await;
    assert_eq!(output.verdict.reason.as_str(), "grader-error");
    assert!(output.verdict.explanation.contains("no test plan `hidden`"), "{}", output.verdict.explanation);
}

#[tokio::test(start_paused = true)]
async fn any_line_of_a_text_file_is_changed_and_the_same_one_each_time() {
    let tree = Arc::new(Tree::default());
    let output = solved("random", Sources { workspace: Some(tree.clone()), ..Sources::default() }).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree));
    let written = tree.written.lock().unwrap().clone();
    let [(path, contents)] = written.as_slice() else { panic!("{written:?}") };
    let lines = String::from_utf8(contents.clone()).unwrap().lines().count();
    assert!(path == "lib/a.js" && (lines == 2 || lines == 4), "{path}: {lines}");
    solved("random", Sources { workspace: Some(tree.clone()), ..Sources::default() }).await;
    assert_eq!(tree.written.lock().unwrap()[1], written[0]);
}

#[tokio::test(start_paused = true)]
async fn a_command_of_an_hour_is_not_the_agent_s_time() {
    assert!(Limits::standard().wall_ms < 3_600_000);
    let sources =
        Sources { input: input("make"), shell: Some(Arc::new(Shell { gone: false })), ..Sources::default() };
    let output = solved("script", sources).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree), "whatever its exit status");
    let Some(Request::LogWrite { message, .. }) = output.calls.last().map(|call| &call.request) else {
        panic!()
    };
    assert_eq!(message, "the script exited with 3");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_the_infrastructure_failed_is_nobody_s_fault() {
    let sources =
        Sources { input: input("make"), shell: Some(Arc::new(Shell { gone: true })), ..Sources::default() };
    let output = solved("script", sources).await;
    assert_eq!(output.end, SolveEnd::Unavailable(docker_is_gone()));
    assert_eq!(output.calls.last().unwrap().response, Response::Unavailable(docker_is_gone()));
}

/// Uses more stack than a guest and the host's functions have together: whatever goes
/// on outside may.
fn deep(frames: u32) -> u64 {
    let room = std::hint::black_box([frames; 1024]);
    if frames == 0 { 0 } else { u64::from(room[0]) + deep(frames - 1) }
}

/// Test runs of 20 minutes each.
enum Runs {
    Report(Vec<TestRun>),
    Gone,
    Unasked,
}

impl TestsSource for Runs {
    fn plans(&self) -> Vec<PlanView> {
        vec![PlanView {
            name: "hidden".into(),
            required: vec!["t::a".into()],
            sentinels: vec!["t::s".into()],
            pass_exit: 1,
            most_runs: 3,
        }]
    }

    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport> {
        Box::pin(async move {
            assert!(deep(140) > 0);
            tokio::time::sleep(Duration::from_secs(1_200)).await;
            match self {
                Self::Report(runs) => Ok(TestReport { plan: plan.into(), runs: runs.clone() }),
                Self::Gone => Err(docker_is_gone().into()),
                Self::Unasked => panic!("a test was run"),
            }
        })
    }
}

fn run(outcome: Outcome, reason: &str, required: CaseStatus) -> TestRun {
    let case = |id: &str, status, detail: &str| TestCase { id: id.into(), status, detail: detail.into() };
    TestRun {
        end: RunEnd::Exited(1),
        status: None,
        report: ReportState::Read,
        cases: vec![case("t::a", required, "assert"), case("t::s", CaseStatus::Failed, "")],
        artifacts: vec![
            Artifact { name: "log".into(), kind: ArtifactKind::Log, bytes: 5_000, sha256: Sha256::of(b"") },
            Artifact {
                name: "trace.zip".into(),
                kind: ArtifactKind::Trace,
                bytes: 9,
                sha256: Sha256::of(b""),
            },
        ],
        conclusion: Conclusion { outcome, reason: reason.parse().unwrap(), detail: format!("{reason}!") },
        wall_ms: 1_200_000,
    }
}

fn passed() -> TestRun {
    run(Outcome::Pass, "tests-passed", CaseStatus::Passed)
}

fn failed() -> TestRun {
    run(Outcome::Fail, "tests-failed", CaseStatus::Failed)
}

struct Logs;

impl ArtifactsSource for Logs {
    fn list<'a>(&'a self) -> Reply<'a, Vec<ArtifactEntry>> {
        unused()
    }

    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        assert_eq!((name, offset, length), ("log", 3_000, 2_000));
        Box::pin(async { Ok(Octets(b"no such button\n".to_vec())) })
    }
}

fn tests(runs: Runs) -> Sources {
    Sources { tests: Some(Arc::new(runs)), artifacts: Some(Arc::new(Logs)), ..Sources::default() }
}

#[tokio::test(start_paused = true)]
async fn a_test_run_of_20_minutes_is_not_the_grader_s_time_and_decides() {
    for name in ["junit", "playwright-e2e"] {
        let output = graded(name, &Answer::WorkTree, tests(Runs::Report(vec![passed()]))).await;
        assert_eq!((output.verdict.outcome, output.verdict.reason.as_str()), (Outcome::Pass, "tests-passed"));
        assert_eq!(output.unavailable, None);
        assert_eq!(
            names(&output.calls),
            ["answer-key.read", "submission.answer", "tests.plans", "tests.run"],
            "{name}"
        );
        let output = graded(name, &Answer::WorkTree, tests(Runs::Report(vec![failed(), passed()]))).await;
        assert_eq!(output.verdict.outcome, Outcome::Pass);
        assert!(output.verdict.explanation.contains("flaky"), "{}", output.verdict.explanation);
        let output = graded(name, &Answer::WorkTree, tests(Runs::Report(vec![failed()]))).await;
        assert_eq!((output.verdict.outcome, output.verdict.reason.as_str()), (Outcome::Fail, "tests-failed"));
    }
}

/// As many runs as a plan may have, of as many tests as a report may have, with names
/// as long as they may be, saying as much as they may, and as many artifacts: more
/// than one call carries, so that what they say is left out.
struct Large;

const LARGE: usize = MAX_TEST_CASES;

fn artifact(name: &str) -> Artifact {
    Artifact { name: name.into(), kind: ArtifactKind::Other, bytes: 1, sha256: Sha256::of(b"x") }
}

impl TestsSource for Large {
    fn plans(&self) -> Vec<PlanView> {
        let length = MAX_NAMES_BYTES / LARGE;
        let required = (0..LARGE).map(|n| format!("{n:0length$}")).collect();
        vec![PlanView { name: "hidden".into(), required, sentinels: Vec::new(), pass_exit: 0, most_runs: 3 }]
    }

    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport> {
        let case = |id| TestCase { id, status: CaseStatus::Failed, detail: "x".repeat(2_048) };
        let run = TestRun {
            cases: self.plans().remove(0).required.into_iter().map(case).collect(),
            artifacts: (0..256).map(|n| artifact(&format!("{n:0512}"))).collect(),
            ..failed()
        };
        let runs = vec![run.clone(), run.clone(), run];
        Box::pin(async move { Ok(TestReport { plan: plan.into(), runs }) })
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_report_is_judged_within_the_standard_limits() {
    for name in ["junit", "playwright-e2e"] {
        let sources = Sources { tests: Some(Arc::new(Large)), ..Sources::default() };
        let output = graded(name, &Answer::WorkTree, sources).await;
        assert_eq!(output.verdict.reason.as_str(), "tests-failed", "{}", output.verdict.explanation);
        let other = output.verdict.checks.last().unwrap();
        assert_eq!(other.detail, "0 of the 9800 other required tests passed");
        assert!(output.verdict.checks[5].detail.starts_with("failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_test_that_fails_comes_with_its_trace_and_log() {
    let output = graded("playwright-e2e", &Answer::WorkTree, tests(Runs::Report(vec![failed()]))).await;
    let check = output.verdict.checks.last().unwrap();
    assert_eq!((check.name.as_str(), check.detail.as_str()), ("recordings", "traces: trace.zip"));
    assert_eq!(output.verdict.explanation, "tests-failed!\n\nThe end of `log`:\nno such button");
}

#[tokio::test(start_paused = true)]
async fn a_grader_that_the_infrastructure_failed_comes_to_no_verdict() {
    let output = graded("junit", &Answer::WorkTree, tests(Runs::Gone)).await;
    assert_eq!(output.unavailable, Some(docker_is_gone()));
    assert_eq!(output.verdict.outcome, Outcome::Invalid);
    assert_eq!(output.verdict.reason, docker_is_gone().reason());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_work_tree_is_not_tested() {
    for (answer, reason) in [
        (Answer::Nothing, "no-submission"),
        (Answer::Choice(1), "wrong-kind"),
        (Answer::Document("{}".into()), "wrong-kind"),
    ] {
        for name in ["junit", "playwright-e2e"] {
            let output = graded(name, &answer, tests(Runs::Unasked)).await;
            assert_eq!((output.verdict.outcome, output.verdict.reason.as_str()), (Outcome::Fail, reason));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_is_noticed() {
    let (grader, task, limits) = (plugin(Role::Grader, "junit"), task(), Limits::standard());
    let output = graded("junit", &Answer::WorkTree, tests(Runs::Report(vec![passed()]))).await;
    let judged = async |calls: &[CallRecord]| {
        grader.grade(call(&task, &limits, recorded(calls)), &Answer::WorkTree).await.unwrap()
    };
    // A failed run that is given out for a pass: exit status and cases say otherwise.
    let mut calls = output.calls.clone();
    let Response::Tested(report) = &mut calls[3].response else { panic!() };
    report.runs[0].cases[0].status = CaseStatus::Failed;
    let verdict = judged(&calls).await.verdict;
    assert_eq!((verdict.outcome, verdict.reason.as_str()), (Outcome::Invalid, "grader-disagrees"));
    // A response of another kind.
    calls[3].response = Response::Done;
    assert_eq!(judged(&calls).await.verdict.reason.as_str(), "grader-error");
    // A pass of another call.
    calls[3].request = Request::TestsRun { plan: "other".into() };
    assert_eq!(judged(&calls).await.divergence.unwrap().call, 3);
}

#[tokio::test(start_paused = true)]
async fn what_has_more_parts_than_its_limits_allow_is_not_instantiated() {
    // What has more than the pool's room for one plugin is refused when it is loaded. That
    // it has more than a run's own limits shows only when it is called.
    let (task, limits) = (task(), Limits { instances: 0, ..Limits::standard() });
    let nothing = || Behind::live(Sources::default());
    let end = plugin(Role::Agent, "noop").solve(call(&task, &limits, nothing())).await.unwrap().end;
    let SolveEnd::Fault(fault) = end else { panic!("it was instantiated: {end:?}") };
    assert_eq!(fault.reason(Role::Agent).as_str(), "agent-instantiation", "{}", fault.message);
    let grader = plugin(Role::Grader, "junit");
    let verdict = grader.grade(call(&task, &limits, nothing()), &Answer::WorkTree).await.unwrap().verdict;
    assert_eq!((verdict.outcome, verdict.reason.as_str()), (Outcome::Invalid, "grader-instantiation"));
    // With the standard limits they are.
    assert!(matches!(solved("noop", Sources::default()).await.end, SolveEnd::Answer(_)));
    assert_ne!(
        graded("junit", &Answer::WorkTree, Sources::default()).await.verdict.reason.as_str(),
        "grader-instantiation"
    );
}
