//! Executions that were cut off after any of their calls and gone on with: they come to
//! the same calls, fuel and end as those that were left alone.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lancet_core::{
    Answer, Artifact, ArtifactEntry, ArtifactKind, CallError, CallErrorKind, CallRecord, CaseStatus, Cents,
    CommandOutput, Conclusion, Effect, Grant, InfraFault, InfraFaultKind, Kind, Limits, LogLevel,
    Observation, Octets, Outcome, PlanView, Proposal, ReportState, Request, Response, Role, RunEnd,
    SearchHit, Sha256, Task, TestCase, TestReport, TestRun, WorkspaceEntry,
};
use lancet_engine::{
    Answering, ArtifactsSource, Behind, Call, Compiler, Durable, Exchange, Journal, NotRecalled, Outside,
    Reply, Resumed, Runtime, RuntimeOptions, ShellSource, Sources, SubmissionSource, TestsSource,
    UserToolSource, WorkspaceSource,
};

/// A world that depends on what was done in it, and on nothing else.
#[derive(Default)]
struct World {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    commands: Mutex<u32>,
    observed: Mutex<u32>,
    artifacts: Mutex<Vec<Artifact>>,
}

fn ready<'a, T: Send + 'a>(value: T) -> Reply<'a, T> {
    Box::pin(async move { Ok(value) })
}

fn refused<'a, T: Send + 'a>(message: &str) -> Reply<'a, T> {
    let error = CallError::new(CallErrorKind::NotFound, message);
    Box::pin(async move { Err(error.into()) })
}

impl World {
    fn new() -> Arc<Self> {
        let world = Self::default();
        {
            let mut files = world.files.lock().unwrap();
            for n in 0..4 {
                files.insert(format!("binary-{n}"), vec![0, 255, n]);
            }
            files.insert("lib/a.js".to_owned(), b"one\ntwo\nthree\n".to_vec());
        }
        Arc::new(world)
    }

    fn sources() -> Sources {
        let world = Self::new();
        Sources {
            submission: Some(world.clone()),
            answer_key: Some(Arc::new(r#"{"plan": "hidden", "correct": 2}"#.to_owned())),
            input: Some(Arc::new(Some("--- a/x\n".to_owned()))),
            tests: Some(world.clone()),
            artifacts: Some(world.clone()),
            workspace: Some(world.clone()),
            shell: Some(world.clone()),
            user_tool: Some(world),
            settings: None,
            budget: None,
            model: None,
        }
    }

    fn report(plan: &str) -> TestReport {
        let case = |id: &str, status| TestCase { id: id.into(), status, detail: "assert".into() };
        let log = Artifact {
            name: "log".into(),
            kind: ArtifactKind::Log,
            bytes: 5_000,
            sha256: Sha256::of(plan.as_bytes()),
        };
        let run = TestRun {
            end: RunEnd::Exited(1),
            status: None,
            report: ReportState::Read,
            cases: vec![case("t::a", CaseStatus::Failed), case("t::s", CaseStatus::Failed)],
            artifacts: vec![log],
            conclusion: Conclusion {
                outcome: Outcome::Fail,
                reason: "tests-failed".parse().unwrap(),
                detail: "tests-failed!".into(),
            },
            wall_ms: 1,
        };
        TestReport { plan: plan.into(), runs: vec![run] }
    }
}

impl SubmissionSource for World {
    fn answer(&self) -> Answer {
        Answer::WorkTree
    }
}

impl TestsSource for World {
    fn plans(&self) -> Vec<PlanView> {
        vec![PlanView {
            name: "hidden".into(),
            required: vec!["t::a".into()],
            sentinels: vec!["t::s".into()],
            pass_exit: 1,
            most_runs: 1,
        }]
    }

    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport> {
        if plan == "none" {
            return refused("there is no such plan");
        }
        let report = Self::report(plan);
        *self.artifacts.lock().unwrap() = report.runs[0].artifacts.clone();
        ready(report)
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        if let Response::Tested(report) = &call.response {
            *self.artifacts.lock().unwrap() = report.runs[0].artifacts.clone();
        }
        Ok(())
    }
}

impl ArtifactsSource for World {
    fn list<'a>(&'a self) -> Reply<'a, Vec<ArtifactEntry>> {
        let entry = |a: &Artifact| ArtifactEntry { name: a.name.clone(), kind: a.kind, bytes: a.bytes };
        ready(self.artifacts.lock().unwrap().iter().map(entry).collect())
    }

    fn read<'a>(&'a self, name: &'a str, _: u64, _: u32) -> Reply<'a, Octets> {
        match self.artifacts.lock().unwrap().iter().find(|artifact| artifact.name == name) {
            Some(artifact) => ready(artifact.sha256.to_string().into_bytes().into()),
            None => refused("there is no such artifact"),
        }
    }
}

impl WorkspaceSource for World {
    fn list<'a>(&'a self, _: &'a str) -> Reply<'a, Vec<WorkspaceEntry>> {
        let files = self.files.lock().unwrap();
        ready(
            files
                .iter()
                .map(|(path, bytes)| WorkspaceEntry { path: path.clone(), bytes: bytes.len() as u64 })
                .collect(),
        )
    }

    fn read<'a>(&'a self, path: &'a str, _: u64, _: u32) -> Reply<'a, Octets> {
        match self.files.lock().unwrap().get(path) {
            Some(bytes) => ready(bytes.clone().into()),
            None => refused("there is no such file"),
        }
    }

    fn search<'a>(&'a self, _: &'a str, _: &'a str) -> Reply<'a, Vec<SearchHit>> {
        ready(Vec::new())
    }

    fn write<'a>(&'a self, path: &'a str, contents: &'a [u8]) -> Reply<'a, ()> {
        self.files.lock().unwrap().insert(path.to_owned(), contents.to_vec());
        ready(())
    }

    fn remove<'a>(&'a self, path: &'a str) -> Reply<'a, ()> {
        self.files.lock().unwrap().remove(path);
        ready(())
    }

    fn apply_patch<'a>(&'a self, _: &'a str) -> Reply<'a, ()> {
        refused("the patch does not apply")
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        match (&call.request, &call.response) {
            (Request::WorkspaceWrite { path, contents }, Response::Done) => {
                self.files.lock().unwrap().insert(path.clone(), contents.0.clone());
            }
            (Request::WorkspaceRemove { path }, Response::Done) => {
                self.files.lock().unwrap().remove(path);
            }
            _ => {}
        }
        Ok(())
    }
}

impl ShellSource for World {
    /// Exits with how many commands there were.
    fn run<'a>(&'a self, _: &'a str, _: u32) -> Reply<'a, CommandOutput> {
        let mut commands = self.commands.lock().unwrap();
        *commands += 1;
        let exit_status = i32::try_from(*commands).ok();
        ready(CommandOutput {
            exit_status,
            stdout: Octets::default(),
            stderr: Octets::default(),
            dropped_bytes: 0,
        })
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        *self.commands.lock().unwrap() += 1;
        Ok(())
    }
}

impl UserToolSource for World {
    fn reproduce<'a>(&'a self) -> Reply<'a, Observation> {
        *self.observed.lock().unwrap() += 1;
        ready(Observation { completed: true, artifacts: Vec::new() })
    }

    /// Gives what depends on how often the user was at it.
    fn read<'a>(&'a self, _: &'a str, _: u64, _: u32) -> Reply<'a, Octets> {
        ready(format!("of reproduction {}", self.observed.lock().unwrap()).into_bytes().into())
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        *self.observed.lock().unwrap() += 1;
        Ok(())
    }
}

/// Every kind of call, some of them refused, more of a log than is kept, a plan that is
/// run twice, and what depends on what came before.
fn script() -> Vec<Request> {
    let log = |message: &str| Request::LogWrite {
        level: LogLevel::Info,
        message: message.repeat(10),
        fields: vec![("key".to_owned(), "value".to_owned())],
        dropped_bytes: 0,
    };
    let run = |plan: &str| Request::TestsRun { plan: plan.to_owned() };
    let artifact = |name: &str| Request::ArtifactsRead { name: name.to_owned(), offset: 0, length: u32::MAX };
    let handout = || Request::UserToolRead { name: "log".to_owned(), offset: 0, length: 9 };
    let read = |path: &str| Request::WorkspaceRead { path: path.to_owned(), offset: 0, length: 9 };
    let shell = || Request::ShellRun { command: "make".to_owned(), timeout_seconds: 0 };
    let write =
        |path: &str| Request::WorkspaceWrite { path: path.to_owned(), contents: b"x".to_vec().into() };
    vec![
        log("first "),
        Request::RandomNext,
        Request::AnswerKeyRead,
        Request::InputRead,
        Request::SubmissionAnswer,
        Request::TestsPlans,
        artifact("log"),
        run("none"),
        run("hidden"),
        Request::RandomBelow { bound: (1 << 63) + 1 },
        Request::ArtifactsList,
        artifact("log"),
        run("hidden"),
        log("second "),
        run("visible"),
        artifact("log"),
        read("../etc"),
        read("new"),
        write("new"),
        read("new"),
        Request::WorkspaceRemove { path: "new".to_owned() },
        Request::WorkspaceList { path: String::new() },
        Request::WorkspaceApplyInput,
        shell(),
        Request::RandomNext,
        shell(),
        Request::UserToolReproduce,
        handout(),
        Request::UserToolReproduce,
        handout(),
        log("third "),
        Request::SubmissionRead { path: "a".to_owned(), offset: 0, length: 1 },
        Request::RandomBelow { bound: 6 },
    ]
}

fn limits() -> Limits {
    Limits { log_bytes: 100, log_messages: 2, ..Limits::standard() }
}

/// Has the script answered, without anything that a plugin would run in.
async fn played(behind: Behind, journal: Option<Arc<dyn Journal>>) -> (Vec<CallRecord>, Vec<u64>) {
    let mut exchange = Exchange::new(&limits(), [7; 32], behind, journal);
    let mut costs = Vec::new();
    for (number, request) in script().into_iter().enumerate() {
        let fuel_used = 1_000 * number as u64;
        let answered = match request {
            Request::LogWrite { .. }
            | Request::RandomNext
            | Request::RandomBelow { .. }
            | Request::AnswerKeyRead
            | Request::InputRead
            | Request::SubmissionAnswer
            | Request::TestsPlans => exchange.answer_now(fuel_used, request).unwrap(),
            request => exchange.answer(fuel_used, request).await.unwrap(),
        };
        costs.push(answered.fuel);
    }
    let over = exchange.finish();
    assert_eq!(over.missing, None);
    (over.calls, costs)
}

fn resumed(calls: &[CallRecord], outside: Arc<dyn Outside>) -> Behind {
    Behind::Resumed(Resumed::new(calls.to_vec(), true, outside).unwrap())
}

#[tokio::test]
async fn a_boundary_goes_on_after_any_of_its_calls() {
    let undisturbed = played(Behind::live(World::sources()), None).await;
    let calls = &undisturbed.0;
    let refused = calls.iter().filter(|call| matches!(call.response, Response::Refused(_))).count();
    assert_eq!(refused, 7, "{calls:#?}");
    for cut in 0..=calls.len() {
        let again = played(resumed(&calls[..cut], Arc::new(World::sources())), None).await;
        assert_eq!(again, undisturbed, "cut off after {cut} calls");
    }
}

#[tokio::test]
async fn a_random_number_that_is_not_the_stream_s_is_noticed() {
    let (mut calls, _) = played(Behind::live(World::sources()), None).await;
    calls[1].response = Response::Number(4);
    let behind = resumed(&calls[..2], Arc::new(World::sources()));
    let mut exchange = Exchange::new(&limits(), [7; 32], behind, None);
    exchange.answer_now(0, script().remove(0)).unwrap();
    let error = exchange.answer_now(1_000, Request::RandomNext).unwrap_err().to_string();
    assert!(error.contains("call 1 differs"), "{error}");
    assert!(error.contains("which gave 4 and gives "), "{error}");
}

#[tokio::test]
async fn what_the_infrastructure_failed_is_asked_again_and_what_is_gone_is_said() {
    let (mut calls, _) = played(Behind::live(World::sources()), None).await;
    let undisturbed = calls.clone();
    let fault = InfraFault::new(InfraFaultKind::DockerUnreachable, "no such socket");
    calls.truncate(24);
    calls[23].response = Response::Unavailable(fault);
    let (again, _) = played(resumed(&calls, Arc::new(World::sources())), None).await;
    assert_eq!(again, undisturbed);

    /// A container that is new each time.
    struct Gone;
    impl ShellSource for Gone {
        fn run<'a>(&'a self, _: &'a str, _: u32) -> Reply<'a, CommandOutput> {
            refused("unused")
        }
    }
    let sources = || Arc::new(Sources { shell: Some(Arc::new(Gone)), ..World::sources() });
    assert!(Resumed::new(undisturbed[..23].to_vec(), true, sources()).is_ok());
    let error = Resumed::new(undisturbed, true, sources()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "what `shell.run` did is gone with the container that it was done in");
}

/// Tells in one list of what is asked, answered and made durable.
struct Told(Sources, Arc<Mutex<Vec<String>>>);

impl Outside for Told {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        self.1.lock().unwrap().push(format!("asked {}", request.name()));
        self.0.answer(request)
    }

    fn effect(&self, request: &Request) -> Effect {
        match request {
            Request::ShellRun { .. } => Effect::Paid,
            request => request.effect(),
        }
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        self.0.recall(call)
    }
}

struct Written(Arc<Mutex<Vec<String>>>);

impl Journal for Written {
    fn called(&self, call: &CallRecord, _: Instant) {
        self.0.lock().unwrap().push(format!("called {}", call.request.name()));
    }

    fn asks<'a>(&'a self, _: u64, request: &'a Request) -> Durable<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.lock().unwrap().push(format!("wrote ahead {}", request.name()));
            Ok(())
        })
    }

    fn keeps(&self) -> Durable<'_> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.lock().unwrap().push("kept".to_owned());
            Ok(())
        })
    }
}

#[tokio::test]
async fn only_what_is_paid_is_written_ahead_and_kept_before_the_plugin_goes_on() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let outside = Told(World::sources(), Arc::clone(&told));
    played(Behind::live(outside), Some(Arc::new(Written(Arc::clone(&told))))).await;
    let told = told.lock().unwrap();
    assert_eq!(told.iter().filter(|line| line.starts_with("called")).count(), script().len());
    assert_eq!(told.iter().filter(|line| *line == "kept").count(), 2);
    let first = told.iter().position(|line| line.starts_with("wrote ahead")).unwrap();
    assert_eq!(
        told[first..first + 5],
        ["wrote ahead shell.run", "asked shell.run", "called shell.run", "kept", "called random.next-u64"]
    );
}

fn task(kind: Kind) -> Task {
    Task {
        id: "a-task".parse().unwrap(),
        kind,
        title: String::new(),
        statement: String::new(),
        price: Cents(100_000),
        proposals: match kind {
            Kind::SweManager => (0..4).map(|id| Proposal { id, text: "Do this.".to_owned() }).collect(),
            Kind::IcSwe => Vec::new(),
        },
    }
}

#[tokio::test]
async fn a_plugin_goes_on_after_any_of_its_calls() {
    let options = RuntimeOptions { concurrency: NonZeroUsize::MIN, cache: None };
    let runtime = Runtime::new(&options).unwrap();
    let limits = Limits::standard();
    let mut cuts = 0;
    for (role, name, kind) in [
        (Role::Agent, "random", Kind::SweManager),
        (Role::Agent, "random", Kind::IcSwe),
        (Role::Agent, "patch", Kind::IcSwe),
        (Role::Agent, "script", Kind::IcSwe),
        (Role::Grader, "manager-choice", Kind::SweManager),
        (Role::Grader, "junit", Kind::IcSwe),
        (Role::Grader, "playwright-e2e", Kind::IcSwe),
    ] {
        let component = lancet_builtin::find(role, name).unwrap().component;
        let plugin = runtime.load(name, component, &Grant::standard(role), &Compiler::Here).unwrap();
        let task = task(kind);
        let ended = async |behind| {
            let call = Call { task: &task, limits: &limits, seed: [7; 32], behind, journal: None };
            let (end, calls, fuel, divergence) = match role {
                Role::Agent => {
                    let output = plugin.solve(call).await.unwrap();
                    (format!("{:?}", output.end), output.calls, output.fuel_used, output.divergence)
                }
                Role::Grader => {
                    let output = plugin.grade(call, &Answer::WorkTree).await.unwrap();
                    (format!("{:?}", output.verdict), output.calls, output.fuel_used, output.divergence)
                }
            };
            assert_eq!(divergence, None, "{name}");
            (end, calls, fuel)
        };
        let undisturbed = ended(Behind::live(World::sources())).await;
        assert!(!undisturbed.1.is_empty(), "{name} calls nothing");
        for cut in 0..=undisturbed.1.len() {
            let again = ended(resumed(&undisturbed.1[..cut], Arc::new(World::sources()))).await;
            assert_eq!(again, undisturbed, "{name} cut off after {cut} calls");
            cuts += 1;
        }
    }
    assert!(cuts > 30, "{cuts}");
}
