//! Agents with a language model: those that come with Lancet,
//! against a model that answers as it is told to.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex};

use lancet_core::{
    Answer, AnswerPart, CallError, CallErrorKind, CallRecord, Cents, CommandOutput, Configuration,
    ConversationSetup, Grant, Kind, Limits, ModelAnswer, ModelFailure, ModelFailureKind, Octets, Offer,
    Proposal, Request, Response, Role, SearchHit, Sha256, SolveEnd, Spent, StopReason, Task, ToolCall,
    ToolResult, WorkspaceEntry,
};
use lancet_engine::{
    Behind, Call, Compiler, ModelSource, NotRecalled, Plugin, Reply, Runtime, RuntimeOptions, SettingsSource,
    ShellSource, SolveOutput, Sources, WorkspaceSource,
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Runtime::new(&RuntimeOptions { concurrency: NonZeroUsize::new(4).unwrap(), cache: None }).unwrap()
});

/// Both agents, compiled once.
static AGENTS: LazyLock<[Plugin; 2]> = LazyLock::new(|| {
    ["tool-loop", "swelancer-simple"].map(|name| {
        let component = lancet_builtin::find(Role::Agent, name).unwrap().component;
        RUNTIME.load(name, component, &Grant::standard(Role::Agent), &Compiler::Here).unwrap()
    })
});

fn plugin(name: &str) -> &'static Plugin {
    &AGENTS[usize::from(name != "tool-loop")]
}

fn task(kind: Kind) -> Task {
    let proposal = |id, text: &str| Proposal { id, text: text.into() };
    Task {
        id: "a-task".parse().unwrap(),
        kind,
        title: "The title".into(),
        statement: "The statement.".into(),
        price: Cents(100_000),
        proposals: match kind {
            Kind::SweManager => vec![proposal(0, "The first idea."), proposal(3, "The other idea.")],
            Kind::IcSwe => Vec::new(),
        },
    }
}

/// Answers from a script, and keeps what it was told. There is one conversation.
#[derive(Default)]
struct Model {
    answers: Mutex<Vec<ModelAnswer>>,
    opened: Mutex<Option<ConversationSetup>>,
    told: Mutex<Vec<String>>,
}

impl Model {
    fn of(answers: Vec<Vec<AnswerPart>>) -> Arc<Self> {
        let answers = answers.into_iter().rev().map(answer).collect();
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().join("\n---\n")
    }
}

fn answer(parts: Vec<AnswerPart>) -> ModelAnswer {
    let calls = parts.iter().any(|part| matches!(part, AnswerPart::Call(_)));
    ModelAnswer {
        parts,
        stop: if calls { StopReason::Calls } else { StopReason::Finished },
        stop_detail: String::new(),
        spent: Spent::default(),
        tries: Vec::new(),
        served: "a-model-of-today".into(),
        marks: Vec::new(),
        asked: Sha256::of(b"asked"),
        raw: Sha256::of(b"raw"),
        waited_ms: 5,
    }
}

fn call(name: &str, arguments: &str) -> AnswerPart {
    let (name, arguments) = (name.to_owned(), arguments.to_owned());
    AnswerPart::Call(ToolCall { id: format!("{name}-1"), name, arguments })
}

fn text(text: &str) -> AnswerPart {
    AnswerPart::Text(text.into())
}

impl ModelSource for Model {
    fn offers(&self) -> Vec<Offer> {
        vec![Offer {
            name: "main".into(),
            id: "a-model".into(),
            context_tokens: Some(100_000),
            answer_tokens: Some(4_096),
            tools: true,
        }]
    }

    fn open(&self, setup: &ConversationSetup) -> Result<u32, ModelFailure> {
        *self.opened.lock().unwrap() = Some(setup.clone());
        Ok(0)
    }

    fn say(&self, _: u32, text: &str) -> Result<(), ModelFailure> {
        self.told.lock().unwrap().push(text.into());
        Ok(())
    }

    fn give(&self, _: u32, results: &[ToolResult]) -> Result<(), ModelFailure> {
        let texts = results.iter().map(|result| format!("{}: {}", result.call, result.text));
        self.told.lock().unwrap().extend(texts);
        Ok(())
    }

    fn ask<'a>(&'a self, _: u32) -> Reply<'a, Result<ModelAnswer, ModelFailure>> {
        let answer = self.answers.lock().unwrap().pop();
        let over = || ModelFailure::new(ModelFailureKind::OverBudget, "nothing is left");
        Box::pin(async move { Ok(answer.ok_or_else(over)) })
    }

    fn length(&self, _: u32) -> u32 {
        1
    }

    fn tokens(&self, _: u32) -> u64 {
        10
    }

    fn without(&self, _: u32, _: u32, _: u32) -> Result<u32, ModelFailure> {
        Err(ModelFailure::new(ModelFailureKind::Refused, "nothing can be left out"))
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        Ok(())
    }
}

/// What the operator set.
struct Set(Configuration, Vec<(&'static str, &'static str)>);

impl SettingsSource for Set {
    fn value(&self, name: &str) -> Option<String> {
        let given = self.1.iter().map(|(name, text)| ((*name).into(), self.0.parse(name, text).unwrap()));
        self.0.resolve(&given.collect()).unwrap().get(name).map(ToString::to_string)
    }

    fn prompt(&self) -> Option<String> {
        self.0.prompt.as_ref().map(|prompt| prompt.text.clone())
    }
}

/// A work tree of one file, whose commands write much.
struct Tree;

impl WorkspaceSource for Tree {
    fn list<'a>(&'a self, _: &'a str) -> Reply<'a, Vec<WorkspaceEntry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn read<'a>(&'a self, path: &'a str, _: u64, _: u32) -> Reply<'a, Octets> {
        Box::pin(async move {
            match path {
                "manager_decisions.json" => Ok(Octets(br#"{"selected_proposal_id": 3}"#.to_vec())),
                _ => Err(CallError::new(CallErrorKind::NotFound, "there is no such file").into()),
            }
        })
    }

    fn search<'a>(&'a self, _: &'a str, _: &'a str) -> Reply<'a, Vec<SearchHit>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn write<'a>(&'a self, _: &'a str, _: &'a [u8]) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, _: &'a str) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn apply_patch<'a>(&'a self, _: &'a str) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl ShellSource for Tree {
    fn run<'a>(&'a self, _: &'a str, _: u32) -> Reply<'a, CommandOutput> {
        let stdout = Octets("a line of what is printed\n".repeat(10_000).into_bytes());
        Box::pin(async {
            Ok(CommandOutput { exit_status: Some(0), stdout, stderr: Octets::default(), dropped_bytes: 0 })
        })
    }
}

fn in_tree() -> Sources {
    let tree = Arc::new(Tree);
    Sources { workspace: Some(tree.clone()), shell: Some(tree), ..Sources::default() }
}

/// Has an agent work, and work again from the record with nothing behind it.
async fn solved(
    agent: &Plugin,
    task: &Task,
    model: &Arc<Model>,
    set: &[(&'static str, &'static str)],
    sources: Sources,
) -> SolveOutput {
    let limits = Limits::asking();
    let declared = agent.describe().await.unwrap().unwrap();
    let sources = Sources {
        model: Some(model.clone()),
        settings: Some(Arc::new(Set(declared, set.to_vec()))),
        ..sources
    };
    let call = |behind| Call { task, limits: &limits, seed: [7; 32], behind, journal: None };
    let output = agent.solve(call(Behind::live(sources))).await.unwrap();
    let recorded = Behind::Recorded { calls: output.calls.clone(), compare_fuel: true };
    let again = agent.solve(call(recorded)).await.unwrap();
    assert_eq!(again.divergence, None);
    assert_eq!((&again.end, &again.calls, again.fuel_used), (&output.end, &output.calls, output.fuel_used));
    output
}

fn names(calls: &[CallRecord]) -> Vec<&'static str> {
    let names = calls.iter().map(|call| call.request.name());
    names.filter(|name| !name.starts_with("settings.")).collect()
}

#[tokio::test]
async fn both_agents_say_what_can_be_set() {
    for (name, settings) in [
        (
            "tool-loop",
            &[
                "model",
                "effort",
                "steps",
                "tools",
                "answer-tokens",
                "command-seconds",
                "output-characters",
                "user-tool",
            ][..],
        ),
        ("swelancer-simple", &["model", "effort", "turns", "command-seconds", "answer-tokens"]),
    ] {
        let declared = plugin(name).describe().await.unwrap().unwrap();
        let names: Vec<_> = declared.settings.iter().map(|setting| setting.name.as_str()).collect();
        assert_eq!(names, settings);
        assert!(declared.settings.iter().all(|setting| setting.about.ends_with('.')));
        let prompt = declared.prompt.unwrap();
        for variable in ["title", "statement", "price", "proposals"] {
            assert!(
                prompt.variables.contains(variable) && prompt.text.contains(variable),
                "{name}: {variable}"
            );
        }
    }
}

#[tokio::test]
async fn a_proposal_is_picked_by_a_call_and_again_from_the_record() {
    let model = Model::of(vec![
        vec![text("I think."), call("hand_in", r#"{"proposal": 7}"#)],
        vec![call("hand_in", r#"{"proposal": 3}"#)],
    ]);
    let task = task(Kind::SweManager);
    let output = solved(plugin("tool-loop"), &task, &model, &[("effort", "high")], Sources::default()).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::Choice(3)));
    assert_eq!(
        names(&output.calls),
        [
            "model.offers",
            "workspace.read",
            "model.conversation.open",
            "model.conversation.say",
            "model.conversation.ask",
            "model.conversation.give",
            "model.conversation.ask",
            "log.write",
        ]
    );
    let setup = model.opened.lock().unwrap().clone().unwrap();
    assert_eq!((&*setup.model, &*setup.effort, setup.answer_tokens), ("main", "high", None));
    assert_eq!(setup.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["hand_in"]);
    let told = model.told();
    assert!(told.contains("$1,000") && told.contains("### Proposal 3\n\nThe other idea."), "{told}");
    assert!(told.contains("there is no proposal 7, but 0, 3"), "{told}");
}

#[tokio::test]
async fn an_issue_is_worked_on_with_much_output_within_its_limits() {
    let shell = vec![call("shell", r#"{"command": "make"}"#)];
    let model = Model::of(vec![shell; 250]);
    let output = solved(plugin("tool-loop"), &task(Kind::IcSwe), &model, &[], in_tree()).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree));
    let Some(Request::LogWrite { message, .. }) = output.calls.last().map(|call| &call.request) else {
        panic!()
    };
    assert_eq!(message, "calls");
    let commands = names(&output.calls).iter().filter(|name| **name == "shell.run").count();
    println!("{commands} commands of 260 KB, {:?} units of fuel", output.fuel_used);
    assert!(commands > 90);
    assert!(output.fuel_used.unwrap() < Limits::asking().fuel / 4 * 3, "{:?}", output.fuel_used);

    let model = Model::of(vec![vec![call("bash", r#"{"command": "make"}"#)]]);
    let output =
        solved(plugin("tool-loop"), &task(Kind::IcSwe), &model, &[("tools", "bash")], in_tree()).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree));
    let told = model.told();
    assert!(
        told.contains("return code: 0\noutput:\na line") && told.contains("characters left out"),
        "{told}"
    );
}

#[tokio::test]
async fn the_reference_loop_runs_code_and_takes_a_manager_s_document() {
    let code = || vec![text("```python\nprint('it''s')\n```")];
    let model = Model::of((0..45).map(|_| code()).collect());
    let output = solved(plugin("swelancer-simple"), &task(Kind::IcSwe), &model, &[], in_tree()).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::WorkTree));
    let asks = names(&output.calls).iter().filter(|name| **name == "model.conversation.ask").count();
    assert_eq!(asks, 40);
    println!("40 turns of 260 KB, {:?} units of fuel", output.fuel_used);
    let setup = model.opened.lock().unwrap().clone().unwrap();
    assert!(setup.instructions.is_empty() && setup.tools.is_empty());

    let manager = task(Kind::SweManager);
    let model = Model::of(vec![vec![text("Done")]]);
    let output = solved(plugin("swelancer-simple"), &manager, &model, &[], in_tree()).await;
    let document = r#"{"selected_proposal_id": 3}"#.to_owned();
    assert_eq!(output.end, SolveEnd::Answer(Answer::Document(document)));

    let model = Model::of(vec![vec![text(r#"So it is {"selected_proposal_id": 0}."#)]]);
    let output = solved(plugin("swelancer-simple"), &manager, &model, &[], Sources::default()).await;
    assert_eq!(output.end, SolveEnd::Answer(Answer::Choice(0)));
}

#[tokio::test]
async fn without_a_model_the_agents_say_so() {
    for name in ["tool-loop", "swelancer-simple"] {
        let (agent, task, limits) = (plugin(name), task(Kind::SweManager), Limits::standard());
        let declared = agent.describe().await.unwrap().unwrap();
        let sources = Sources { settings: Some(Arc::new(Set(declared, Vec::new()))), ..Sources::default() };
        let behind = Behind::live(sources);
        let call = Call { task: &task, limits: &limits, seed: [7; 32], behind, journal: None };
        let output = agent.solve(call).await.unwrap();
        let SolveEnd::GaveUp(why) = output.end else { panic!("{:?}", output.end) };
        assert!(why.contains("the operator chose no model"), "{why}");
        assert!(output.calls.iter().all(|call| !matches!(call.response, Response::Answered(_))));
    }
}
