//! The loop against a double of what it reaches.

use lancet_brief::Reach;
use lancet_sdk::model::{ToolCall, ToolResult, Usage};
use lancet_sdk::shell::CommandOutput;
use lancet_sdk::user_tool::Observation;
use lancet_sdk::{ArtifactEntry, Proposal};

use super::*;
use crate::PROMPT;

/// A model that answers as it is told to, and an environment.
struct Double {
    context: Option<u64>,
    answers: VecDeque<Result<Said, Failure>>,
    /// The entries of the conversation: the first letters of what was said, and `=` for an
    /// answer.
    entries: Vec<String>,
    said: Vec<String>,
    /// Calls of the last answer that wait for their results.
    open: usize,
    commands: Vec<(String, u32)>,
    environment: bool,
    decision: Option<String>,
    time: u32,
    logged: Vec<String>,
}

const CODE: &str = "```python\nprint('x')\n```";

fn double(answers: &[&str]) -> Double {
    let usage = Usage {
        input: None,
        input_cached: None,
        input_cache_written: None,
        output: None,
        output_reasoning: None,
    };
    let said = |text: &&str| {
        let parts = vec![Part::Reasoning("<user-tool>".into()), Part::Text((*text).into())];
        Ok(Said { parts, stop: Stop::Finished, stop_detail: String::new(), usage, cost: None })
    };
    Double {
        context: None,
        answers: answers.iter().map(said).collect(),
        entries: Vec::new(),
        said: Vec::new(),
        open: 0,
        commands: Vec::new(),
        environment: true,
        decision: None,
        time: u32::MAX,
        logged: Vec::new(),
    }
}

impl Reach for Double {
    fn offers(&mut self) -> Vec<Offer> {
        let (name, id) = ("main".into(), "a-model".into());
        vec![Offer { name, id, context_tokens: self.context, answer_tokens: Some(100), tools: false }]
    }

    fn open(&mut self, setup: &Setup) -> Result<(), Failure> {
        assert!(setup.instructions.is_empty() && setup.tools.is_empty());
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        if self.open > 0 {
            return Err(Failure::Refused("nothing can be said before the call got its result".into()));
        }
        self.said.push(text.into());
        self.entries.push(text.chars().take(8).collect());
        Ok(())
    }

    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure> {
        assert!(self.open > 0 && self.open == results.len());
        assert!(results.iter().all(|result| result.failed && result.text.starts_with("There are no tools")));
        self.open = 0;
        self.entries.push("no".into());
        Ok(())
    }

    fn ask(&mut self) -> Result<Said, Failure> {
        let answer = self.answers.pop_front();
        let answer = answer.unwrap_or_else(|| Err(Failure::OverBudget("nothing is left".into())))?;
        self.entries.push("=".into());
        self.open = answer.calls().count();
        Ok(answer)
    }

    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError> {
        if self.time == 0 {
            return Err(CallError::Unavailable("the agent's time is over".into()));
        }
        self.time -= 1;
        self.commands.push((command.into(), seconds));
        let stdout = format!("{} ", self.commands.len()).repeat(20_000).into_bytes();
        Ok(CommandOutput { exit_status: Some(1), stdout, stderr: Vec::new(), dropped_bytes: 0 })
    }

    fn reproduce(&mut self) -> Result<Observation, CallError> {
        let artifact = |name: &str, kind| ArtifactEntry { name: name.into(), kind, bytes: 4 };
        let artifacts = vec![artifact("film", ArtifactKind::Video), artifact("log", ArtifactKind::Log)];
        Ok(Observation { completed: false, artifacts })
    }

    fn log(&mut self, _: Level, message: &str, fields: &[(&str, &str)]) {
        self.logged.push(format!("{message} {fields:?}"));
    }
}

impl World for Double {
    fn tokens(&mut self) -> u64 {
        self.entries.len() as u64 * 100
    }

    fn leave_out(&mut self, first: u32, end: u32) -> Result<(), Failure> {
        let kept = self.entries.get(end as usize).map(String::as_str);
        assert!(kept == Some("="), "a turn is left out whole: {:?}", self.entries);
        self.entries.drain(first as usize..end as usize);
        Ok(())
    }

    fn read(&mut self, path: &str, _: u32) -> Result<Vec<u8>, CallError> {
        assert_eq!(path, "manager_decisions.json");
        if !self.environment {
            return Err(CallError::Unavailable("this task has no environment".into()));
        }
        let decision = self.decision.clone().ok_or_else(|| CallError::NotFound("no such file".into()))?;
        Ok(decision.into_bytes())
    }

    fn artifact(&mut self, name: &str, _: u32) -> Result<Vec<u8>, CallError> {
        assert_eq!(name, "log");
        Ok(b"seen".to_vec())
    }
}

fn issue() -> Task {
    Task {
        id: "1_2".into(),
        kind: TaskKind::IcSwe,
        title: "A title".into(),
        statement: "A statement".into(),
        price: 25_000,
        proposals: Vec::new(),
    }
}

fn choice() -> Task {
    let proposal = |id, text: &str| Proposal { id, text: text.into() };
    let proposals = vec![proposal(0, "First idea."), proposal(3, "Second idea.")];
    Task { kind: TaskKind::SweManager, proposals, ..issue() }
}

fn options() -> Options {
    Options { model: "main".into(), effort: String::new(), turns: 40, seconds: 300, answer_tokens: 0 }
}

fn work(double: &mut Double, task: &Task) -> Answer {
    solve(double, task, &options(), PROMPT).unwrap()
}

fn nothing(double: &mut Double, task: &Task) -> String {
    match solve(double, task, &options(), PROMPT) {
        Err(SolveError::Other(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// Calls of tools that nobody offered, before each text.
fn with_calls(double: Double, calls: usize) -> Double {
    let call = |at| Part::Call(ToolCall { id: format!("c{at}"), name: "run".into(), arguments: "{}".into() });
    let answers = double.answers.into_iter().map(|answer| {
        let mut said = answer?;
        said.parts.splice(0..0, (0..calls).map(call));
        said.stop = Stop::Calls;
        Ok(said)
    });
    Double { answers: answers.collect(), ..double }
}

#[test]
fn calls_that_a_model_makes_up_fail_and_its_text_counts() {
    let mut world = with_calls(double(&["", CODE, "done"]), 2);
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert_eq!((world.commands.len(), world.said.len()), (1, 3));
    assert!(world.said[1].starts_with("The reply asked for nothing"));
    assert!(world.logged[0].starts_with("done"), "{:?}", world.logged);
    // A turn with calls has three entries, and is left out as a whole.
    let mut world = with_calls(Double { context: Some(1_000), ..double(&[CODE; 7]) }, 1);
    work(&mut world, &issue());
    assert!(world.logged[0].contains(r#"("left-out", "15")"#), "{:?}", world.logged);
    assert_eq!(world.entries, ["You are ", "=", "no", "6 6 6 6 ", "=", "no", "7 7 7 7 "]);
    // One that paused goes on.
    let mut world = with_calls(double(&["", "done"]), 1);
    world.answers[0].as_mut().unwrap().stop = Stop::Paused;
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert_eq!(world.said.len(), 1);
}

#[test]
fn an_issue_is_worked_on_by_code_and_by_the_user_until_it_is_done() {
    let mut world = double(&["Hm.", CODE, "I ask: <user-tool>", "Done"]);
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert_eq!(world.commands, [(reply::command("print('x')\n"), 300)]);
    let [prompt, lost, output, user] = &world.said[..] else { panic!("{:?}", world.said) };
    for part in ["$250", "# A title", "A statement", "40 at most", "300 seconds", "`<user-tool>`", "`done`"] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    assert!(lost.starts_with("The reply asked for nothing"));
    assert_eq!(*output, "1 ".repeat(20_000), "what is printed goes back whole");
    let expected = "The user could not go through all of the steps.\n- film\n- log (4 bytes)\n\nlog:\nseen\n";
    assert_eq!(user, expected);
    assert_eq!(world.logged, [r#"done [("why", ""), ("replies", "4"), ("lost", "1"), ("left-out", "0")]"#]);
}

#[test]
fn turns_time_and_money_end_it_with_what_is_there() {
    let mut world = double(&[CODE; 50]);
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert_eq!((world.commands.len(), world.said.len()), (40, 40));
    assert!(world.logged[0].starts_with("turns"));

    // What the host would end is ended before, with what is there.
    let mut world = double(&[CODE; 1_000]);
    let patient = Options { turns: 2_000, ..options() };
    assert!(matches!(solve(&mut world, &issue(), &patient, PROMPT), Ok(Answer::WorkTree)));
    assert!(world.logged[0].starts_with("calls") && world.answers.len() > 100, "{:?}", world.logged);

    let mut world = Double { time: 1, ..double(&[CODE; 50]) };
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert!(world.logged[0].starts_with("time-over"));

    assert!(matches!(work(&mut double(&[CODE]), &issue()), Answer::WorkTree));
    let mut world = double(&["Hm."]);
    let why = nothing(&mut world, &issue());
    assert_eq!(why, "nothing was handed in (over-budget): nothing is left");
    assert!(world.logged[0].starts_with(r#"over-budget [("why", "nothing is left")"#));
    let mut world = double(&vec!["Hm."; 9_100]);
    assert!(solve(&mut world, &issue(), &Options { turns: 20_000, ..options() }, PROMPT).is_err());
    assert!(world.logged[0].starts_with("calls") && world.answers.len() == 100, "{:?}", world.logged);

    let mut world = double(&[CODE, "", CODE]);
    world.answers[1].as_mut().unwrap().stop = Stop::Refused;
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert!(world.logged[0].starts_with("refused"));

    let mut world = double(&["", "done"]);
    world.answers[0].as_mut().unwrap().stop = Stop::Paused;
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert_eq!(world.said.len(), 1);
}

#[test]
fn the_oldest_turns_are_left_out_and_the_first_message_stays() {
    // 1,000 tokens, 100 of them for an answer: nine entries of 100.
    let mut world = Double { context: Some(1_000), ..double(&[CODE; 7]) };
    work(&mut world, &issue());
    assert!(world.logged[0].contains(r#"("left-out", "6")"#), "{:?}", world.logged);
    assert_eq!(
        world.entries,
        ["You are ", "=", "4 4 4 4 ", "=", "5 5 5 5 ", "=", "6 6 6 6 ", "=", "7 7 7 7 "]
    );

    // A provider that says so itself.
    let mut world = double(&[CODE; 7]);
    world.answers.insert(4, Err(Failure::TooLong("too long".into())));
    work(&mut world, &issue());
    assert!(
        world.logged[0].starts_with("over-budget") && world.entries[2].starts_with("3 3"),
        "{:?}",
        world.entries
    );

    let mut world = double(&[CODE]);
    world.answers.extend((0..9).map(|_| Err(Failure::TooLong("too long".into()))));
    assert!(matches!(work(&mut world, &issue()), Answer::WorkTree));
    assert!(world.logged[0].starts_with("context"));
}

#[test]
fn a_manager_s_choice_is_read_from_the_file_where_there_are_files() {
    let document = r#"{"selected_proposal_id": 3}"#;
    let mut world = Double { decision: Some(document.into()), ..double(&[CODE, "done"]) };
    assert!(matches!(work(&mut world, &choice()), Answer::Document(text) if text == document));
    assert!(world.said[0].contains("`manager_decisions.json`") && world.said[0].contains("## Proposal 3"));
    let mut world = double(&[r#"{"selected_proposal_id": 3}"#, "done"]);
    let why = nothing(&mut world, &choice());
    assert_eq!(why, "nothing was handed in (done): `manager_decisions.json` cannot be read: no such file");
    let large = "x".repeat(MOST_DECISION + 1);
    let mut world = Double { decision: Some(large), ..double(&["done"]) };
    assert!(nothing(&mut world, &choice()).contains("has more than 65536 bytes"));
}

#[test]
fn a_manager_s_choice_is_read_from_the_reply_where_there_are_none() {
    let answers = ["done", r#"{"selected_proposal_id": 1}"#, r#"So: {"selected_proposal_id": 3}"#];
    let mut world = Double { environment: false, ..double(&answers) };
    assert!(matches!(work(&mut world, &choice()), Answer::Choice(3)));
    assert!(!world.said[0].contains("python") && world.said[2].contains("one of 0, 3"), "{:?}", world.said);
    let mut world = Double { environment: false, ..double(&["Hm."]) };
    let why = nothing(&mut world, &choice());
    assert_eq!(why, "nothing was handed in (over-budget): no reply names a proposal; nothing is left");
}

#[test]
fn what_cannot_be_begun_says_why() {
    let why =
        |world: &mut Double, options: &Options, template| match solve(world, &issue(), options, template) {
            Err(SolveError::Other(why)) => why,
            other => panic!("{other:?}"),
        };
    let mut none = Double { environment: false, ..double(&[]) };
    assert!(why(&mut none, &options(), PROMPT).contains("no environment"));
    let other = Options { model: "judge".into(), ..options() };
    assert!(why(&mut double(&[]), &other, PROMPT).contains("`judge`"));
    assert!(why(&mut double(&[]), &options(), "{{ titel }}").contains("cannot be rendered"));
    let mut failing = double(&[]);
    failing.answers.push_back(Err(Failure::Rejected("no".into())));
    assert_eq!(why(&mut failing, &options(), PROMPT), "the model gave no answer: no");
}
