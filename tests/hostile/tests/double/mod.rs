//! An environment that is none: it answers at once, and fails the test when it is
//! asked for what the engine must not let through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use lancet_core::{
    Answer, ArtifactEntry, CallError, CallErrorKind, CallRecord, CommandOutput, Conclusion,
    ConversationSetup, MAX_CONVERSATIONS, MAX_READ_BYTES, MAX_WRITE_BYTES, ModelAnswer, ModelFailure,
    ModelFailureKind, Observation, Octets, Offer, Outcome, PlanView, ReportState, Response, RunEnd,
    SearchHit, Sha256, Spent, StopReason, TestReport, TestRun, ToolResult, WorkspaceEntry,
};
use lancet_engine::{
    ArtifactsSource, ModelSource, NotRecalled, Reply, ShellSource, Sources, SubmissionSource, TestsSource,
    UserToolSource, WorkspaceSource,
};

/// Every source of an attempt at a task with an environment.
pub(crate) fn sources() -> Sources {
    let double = Arc::new(Double::default());
    Sources {
        submission: Some(double.clone()),
        answer_key: Some(Arc::new(r#"{"plan": "hidden"}"#.to_owned())),
        input: Some(Arc::new(Some("do this".to_owned()))),
        tests: Some(double.clone()),
        artifacts: Some(double.clone()),
        workspace: Some(double.clone()),
        shell: Some(double.clone()),
        user_tool: Some(double.clone()),
        settings: None,
        budget: None,
        model: Some(double),
    }
}

#[derive(Default)]
struct Double {
    tested: AtomicBool,
    conversations: AtomicU32,
}

fn ready<'a, T: Send + 'a>(value: T) -> Reply<'a, T> {
    Box::pin(async move { Ok(value) })
}

/// A file of 4 GiB, called `large`, or of five bytes.
fn file<'a>(name: &str, offset: u64, length: u32) -> Reply<'a, Octets> {
    assert!(length <= MAX_READ_BYTES, "{length} bytes were asked for");
    assert!(name.len() <= 4_096);
    let size = if name == "large" { 4 << 30 } else { 5 };
    let length = u64::from(length).min(u64::saturating_sub(size, offset));
    ready(vec![b'x'; usize::try_from(length).unwrap()].into())
}

fn assert_plain(path: &str) {
    assert!(path.len() <= 4_096 && !path.contains('\0'), "{path:?}");
    assert!(path.split('/').all(|name| !matches!(name, "" | "." | "..")), "{path:?}");
}

impl SubmissionSource for Double {
    fn answer(&self) -> Answer {
        Answer::WorkTree
    }

    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        assert_plain(path);
        file(path, offset, length)
    }

    fn diff<'a>(&'a self, offset: u64, length: u32) -> Reply<'a, Octets> {
        file("large", offset, length)
    }
}

impl TestsSource for Double {
    fn plans(&self) -> Vec<PlanView> {
        vec![PlanView {
            name: "hidden".into(),
            required: vec!["t::a".into()],
            sentinels: Vec::new(),
            pass_exit: 0,
            most_runs: 1,
        }]
    }

    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport> {
        assert_eq!(plan, "hidden");
        assert!(!self.tested.swap(true, Ordering::Relaxed), "the plan was run again");
        let conclusion = Conclusion {
            outcome: Outcome::Fail,
            reason: "required-test-missing".parse().unwrap(),
            detail: "`t::a` did not run".into(),
        };
        let run = TestRun {
            end: RunEnd::Exited(0),
            status: None,
            report: ReportState::Read,
            cases: Vec::new(),
            artifacts: Vec::new(),
            conclusion,
            wall_ms: 1,
        };
        ready(TestReport { plan: plan.into(), runs: vec![run] })
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        self.tested.fetch_or(matches!(call.response, Response::Tested(_)), Ordering::Relaxed);
        Ok(())
    }
}

impl ArtifactsSource for Double {
    fn list<'a>(&'a self) -> Reply<'a, Vec<ArtifactEntry>> {
        ready(Vec::new())
    }

    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        file(name, offset, length)
    }
}

impl WorkspaceSource for Double {
    fn list<'a>(&'a self, path: &'a str) -> Reply<'a, Vec<WorkspaceEntry>> {
        if !path.is_empty() {
            assert_plain(path);
        }
        ready(vec![WorkspaceEntry { path: "a.txt".into(), bytes: 5 }])
    }

    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        assert_plain(path);
        file(path, offset, length)
    }

    fn search<'a>(&'a self, pattern: &'a str, path: &'a str) -> Reply<'a, Vec<SearchHit>> {
        assert!(pattern.len() <= 4_096);
        if !path.is_empty() {
            assert_plain(path);
        }
        ready(vec![SearchHit { path: "a.txt".into(), line: 1, text: "xxxxx".into() }])
    }

    fn write<'a>(&'a self, path: &'a str, contents: &'a [u8]) -> Reply<'a, ()> {
        assert_plain(path);
        assert!(contents.len() <= MAX_WRITE_BYTES);
        ready(())
    }

    fn remove<'a>(&'a self, path: &'a str) -> Reply<'a, ()> {
        assert_plain(path);
        ready(())
    }

    fn apply_patch<'a>(&'a self, patch: &'a str) -> Reply<'a, ()> {
        assert!(patch.len() <= MAX_WRITE_BYTES);
        Box::pin(async { Err(CallError::new(CallErrorKind::Other, "it does not apply").into()) })
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        Ok(())
    }
}

impl ShellSource for Double {
    /// Exits with the number of seconds that the command was given.
    fn run<'a>(&'a self, command: &'a str, timeout_seconds: u32) -> Reply<'a, CommandOutput> {
        assert!(command.len() <= 64 << 10);
        ready(CommandOutput {
            exit_status: Some(i32::try_from(timeout_seconds).unwrap()),
            stdout: Octets::default(),
            stderr: Octets::default(),
            dropped_bytes: 0,
        })
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        Ok(())
    }
}

impl UserToolSource for Double {
    fn reproduce<'a>(&'a self) -> Reply<'a, Observation> {
        ready(Observation { completed: true, artifacts: Vec::new() })
    }

    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        file(name, offset, length)
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        Ok(())
    }
}

/// A model that has nothing to say.
impl ModelSource for Double {
    fn offers(&self) -> Vec<Offer> {
        Vec::new()
    }

    fn open(&self, _: &ConversationSetup) -> Result<u32, ModelFailure> {
        let number = self.conversations.fetch_add(1, Ordering::Relaxed);
        if number as usize >= MAX_CONVERSATIONS {
            return Err(ModelFailure::new(ModelFailureKind::Refused, "there are too many"));
        }
        Ok(number)
    }

    fn say(&self, _: u32, _: &str) -> Result<(), ModelFailure> {
        Ok(())
    }

    fn give(&self, _: u32, _: &[ToolResult]) -> Result<(), ModelFailure> {
        Ok(())
    }

    fn ask<'a>(&'a self, _: u32) -> Reply<'a, Result<ModelAnswer, ModelFailure>> {
        ready(Ok(ModelAnswer {
            parts: Vec::new(),
            stop: StopReason::Finished,
            stop_detail: String::new(),
            spent: Spent::default(),
            tries: Vec::new(),
            served: String::new(),
            marks: Vec::new(),
            asked: Sha256::of(b""),
            raw: Sha256::of(b""),
            waited_ms: 0,
        }))
    }

    fn length(&self, conversation: u32) -> u32 {
        assert!(conversation < self.conversations.load(Ordering::Relaxed), "{conversation} was never begun");
        0
    }

    fn tokens(&self, conversation: u32) -> u64 {
        self.length(conversation).into()
    }

    fn without(&self, _: u32, _: u32, _: u32) -> Result<u32, ModelFailure> {
        Err(ModelFailure::new(ModelFailureKind::Refused, "nothing can be left out"))
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        let opened = matches!(call.response, Response::Conversation(_));
        self.conversations.fetch_add(u32::from(opened), Ordering::Relaxed);
        Ok(())
    }
}
