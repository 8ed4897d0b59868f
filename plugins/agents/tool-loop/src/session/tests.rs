//! The loop against a double of what it reaches.

use std::collections::{BTreeMap, VecDeque};

use lancet_brief::Reach;
use lancet_sdk::model::{Offer, Part, Usage};
use lancet_sdk::shell::CommandOutput;
use lancet_sdk::user_tool::Observation;
use lancet_sdk::workspace::{Entry, Hit};
use lancet_sdk::{ArtifactEntry, ArtifactKind, Proposal};

use super::*;
use crate::PROMPT;
use crate::options::Kit;

/// A model that answers as it is told to, and an environment of some files.
struct Double {
    offers: Vec<Offer>,
    answers: VecDeque<Result<Said, Failure>>,
    opened: Option<Setup>,
    said: Vec<String>,
    given: Vec<Vec<ToolResult>>,
    commands: Vec<(String, u32)>,
    /// What each command writes, and exits with.
    output: (String, Option<i32>),
    files: Option<BTreeMap<String, Vec<u8>>>,
    patches: Vec<String>,
    /// How many more commands there is time for.
    time: u32,
    logged: Vec<String>,
}

fn offer(tools: bool) -> Offer {
    Offer { name: "main".into(), id: "a-model".into(), context_tokens: None, answer_tokens: None, tools }
}

fn with(answers: impl IntoIterator<Item = Said>) -> Double {
    Double {
        offers: vec![offer(true)],
        answers: answers.into_iter().map(Ok).collect(),
        opened: None,
        said: Vec::new(),
        given: Vec::new(),
        commands: Vec::new(),
        output: ("done\n".into(), Some(0)),
        files: None,
        patches: Vec::new(),
        time: u32::MAX,
        logged: Vec::new(),
    }
}

fn with_files(answers: impl IntoIterator<Item = Said>) -> Double {
    let lines: String = (1..=5).map(|n| format!("line {n}\n")).collect();
    let files = BTreeMap::from([("src/a.js".to_owned(), lines.into_bytes())]);
    Double { files: Some(files), ..with(answers) }
}

impl Double {
    fn files(&mut self) -> Result<&mut BTreeMap<String, Vec<u8>>, CallError> {
        self.files.as_mut().ok_or_else(|| CallError::Unavailable("this task has no environment".into()))
    }

    fn result(&self, turn: usize, at: usize) -> (&str, bool) {
        let result = &self.given[turn][at];
        (&result.text, result.failed)
    }

    fn tools(&self) -> Vec<&str> {
        self.opened.as_ref().unwrap().tools.iter().map(|tool| tool.name.as_str()).collect()
    }
}

impl Reach for Double {
    fn offers(&mut self) -> Vec<Offer> {
        self.offers.clone()
    }

    fn open(&mut self, setup: &Setup) -> Result<(), Failure> {
        if !setup.effort.is_empty() {
            return Err(Failure::Refused("the model has the efforts low, high".into()));
        }
        self.opened = Some(setup.clone());
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.said.push(text.into());
        Ok(())
    }

    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure> {
        self.given.push(results.to_vec());
        Ok(())
    }

    fn ask(&mut self) -> Result<Said, Failure> {
        self.answers.pop_front().unwrap_or_else(|| Err(Failure::OverBudget("nothing is left".into())))
    }

    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError> {
        self.files()?;
        if self.time == 0 {
            return Err(CallError::Unavailable("the agent's time is over".into()));
        }
        self.time -= 1;
        self.commands.push((command.into(), seconds));
        let (stdout, exit_status) = self.output.clone();
        Ok(CommandOutput { exit_status, stdout: stdout.into(), stderr: Vec::new(), dropped_bytes: 0 })
    }

    fn reproduce(&mut self) -> Result<Observation, CallError> {
        if self.patches.is_empty() {
            return Err(CallError::Unavailable("the task has no user".into()));
        }
        let artifact = ArtifactEntry { name: "log".into(), kind: ArtifactKind::Log, bytes: 4 };
        Ok(Observation { completed: true, artifacts: vec![artifact] })
    }

    fn log(&mut self, _: Level, message: &str, fields: &[(&str, &str)]) {
        self.logged.push(format!("{message} {fields:?}"));
    }
}

impl World for Double {
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, CallError> {
        let inside = |file: &&String| path.is_empty() || file.starts_with(&format!("{path}/"));
        let paths = self.files()?.keys().filter(inside);
        Ok(paths.map(|path| Entry { path: path.clone(), bytes: 1 }).collect())
    }

    fn read(&mut self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
        let missing = || CallError::NotFound(format!("there is no file {path}"));
        let bytes = self.files()?.get(path).ok_or_else(missing)?;
        let rest = &bytes[bytes.len().min(usize::try_from(offset).unwrap())..];
        Ok(rest[..rest.len().min(length as usize)].to_vec())
    }

    fn search(&mut self, pattern: &str, _: &str) -> Result<Vec<Hit>, CallError> {
        self.files()?;
        let hit = Hit { path: "src/a.js".into(), line: 2, text: "line 2".into() };
        Ok(if pattern == "line 2" { vec![hit] } else { Vec::new() })
    }

    fn write(&mut self, path: &str, contents: &[u8]) -> Result<(), CallError> {
        self.files()?.insert(path.into(), contents.into());
        Ok(())
    }

    fn apply_patch(&mut self, patch: &str) -> Result<(), CallError> {
        if patch.contains("nowhere") {
            return Err(CallError::Other("no such file".into()));
        }
        self.patches.push(patch.into());
        Ok(())
    }

    fn artifact(&mut self, name: &str, _: u64, _: u32) -> Result<Vec<u8>, CallError> {
        match name {
            "log" => Ok(b"seen".to_vec()),
            "film" => Ok(vec![0, 1]),
            _ => Err(CallError::NotFound("no such artifact".into())),
        }
    }
}

fn answer(stop: Stop, parts: Vec<Part>) -> Said {
    let usage = Usage {
        input: None,
        input_cached: None,
        input_cache_written: None,
        output: None,
        output_reasoning: None,
    };
    Said { parts, stop, stop_detail: "its own words".into(), usage, cost: None }
}

fn text(text: &str) -> Said {
    answer(Stop::Finished, vec![Part::Text(text.into())])
}

fn calls(calls: &[(&str, &str)]) -> Said {
    let call = |(at, (name, arguments)): (usize, &(&str, &str))| {
        let (name, arguments) = ((*name).into(), (*arguments).into());
        Part::Call(ToolCall { id: format!("c{at}"), name, arguments })
    };
    answer(Stop::Calls, calls.iter().enumerate().map(call).collect())
}

fn options() -> Options {
    Options {
        model: "main".into(),
        effort: String::new(),
        steps: 250,
        kit: Kit::All,
        answer_tokens: 0,
        command_seconds: 60,
        output_characters: 10_000,
        user_tool: true,
    }
}

fn bash() -> Options {
    Options { kit: Kit::Bash, ..options() }
}

fn issue() -> Task {
    Task {
        id: "1_2".into(),
        kind: TaskKind::IcSwe,
        title: "A title".into(),
        statement: "A statement".into(),
        price: 100_000,
        proposals: Vec::new(),
    }
}

fn choice() -> Task {
    let proposal = |id, text: &str| Proposal { id, text: text.into() };
    let proposals = vec![proposal(0, "First idea."), proposal(3, "Second idea.")];
    Task { kind: TaskKind::SweManager, proposals, ..issue() }
}

fn work(double: &mut Double, task: &Task, options: &Options) -> Result<Answer, SolveError> {
    solve(double, task, options, PROMPT)
}

fn refused(result: Result<Answer, SolveError>) -> String {
    match result {
        Err(SolveError::Other(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_issue_is_worked_on_with_every_tool_and_handed_in() {
    let mut world = with_files([
        calls(&[
            ("shell", r#"{"command": "ls"}"#),
            ("read", r#"{"path": "src/a.js", "line": 2, "lines": "2"}"#),
            ("read", r#"{"path": "src/"}"#),
            ("search", r#"{"pattern": "line 2"}"#),
            ("search", r#"{"pattern": "nothing", "path": "src"}"#),
        ]),
        calls(&[
            ("write", r#"{"path": "b", "contents": "new"}"#),
            ("user_tool", "{}"),
            ("apply_patch", r#"{"patch": "--- a/nowhere"}"#),
            ("apply_patch", r#"{"patch": "--- a/b"}"#),
            ("user_tool", ""),
            ("user_tool", r#"{"artifact": "log"}"#),
            ("user_tool", r#"{"artifact": "film"}"#),
        ]),
        calls(&[("hand_in", "{}"), ("write", r#"{"path": "late", "contents": ""}"#)]),
    ]);
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert_eq!(world.tools(), ["shell", "read", "search", "write", "apply_patch", "user_tool", "hand_in"]);
    assert_eq!(world.commands, [("exec 2>&1\nls".to_owned(), 60)]);
    let first: Vec<_> = (0..5).map(|at| world.result(0, at)).collect();
    assert_eq!(
        first,
        [
            ("return code: 0\noutput:\ndone", false),
            ("lines 2 to 3:\nline 2\nline 3\n", false),
            ("1 files:\nsrc/a.js\n", false),
            ("src/a.js:2: line 2\n", false),
            ("nothing matches", false),
        ]
    );
    let second: Vec<_> = (0..7).map(|at| world.result(1, at)).collect();
    assert_eq!(second[0], ("written: 3 bytes", false));
    assert_eq!(second[1], ("the task has no user", true));
    assert_eq!(second[2], ("no such file", true));
    assert_eq!(second[3], ("applied", false));
    assert!(second[4].0.contains("could go through") && second[4].0.contains("- log (4 bytes)"));
    assert_eq!((second[5], second[6]), (("seen", false), ("it is no text", true)));
    assert!(!world.files.unwrap().contains_key("late"), "what comes after handing in is not carried out");
    let expected = r#"handed-in [("why", ""), ("asks", "3"), ("calls", "13"), ("mistakes", "0")]"#;
    assert_eq!(world.logged, [expected]);
}

#[test]
fn the_prompt_says_what_the_task_and_the_tools_are() {
    let mut world = with_files([calls(&[("hand_in", "")])]);
    work(&mut world, &issue(), &options()).unwrap();
    let setup = world.opened.unwrap();
    assert!(setup.instructions.starts_with("You are") && setup.instructions.lines().count() == 1);
    let said = &world.said[0];
    for part in ["$1,000", "A title", "A statement", "250 turns", "60 seconds", "call `hand_in`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("{%") && !said.contains(HAND_IN_LINE) && !said.contains("\n\n\n"), "{said}");

    let mut world = with([calls(&[("hand_in", r#"{"proposal": 3}"#)])]);
    work(&mut world, &choice(), &options()).unwrap();
    let said = &world.said[0];
    for part in ["2 freelancers", "### Proposal 3\n\nSecond idea.", "calling `hand_in`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("Look at the code"), "{said}");

    let mut other = with([]);
    let told = solve(&mut other, &choice(), &options(), "{{ title }}: {{ tools | join(' ') }}");
    refused(told);
    assert_eq!((&*other.opened.unwrap().instructions, &*other.said[0]), ("", "A title: hand_in"));
    // What is set before the message is there in it.
    let mut other = with([]);
    let template = "{% set all = proposals | length %}Be brief.\n{# message #}\n{{ all }} proposals";
    refused(solve(&mut other, &choice(), &options(), template));
    assert_eq!((&*other.opened.unwrap().instructions, &*other.said[0]), ("Be brief.", "2 proposals"));
    let broken = solve(&mut with([]), &choice(), &options(), "{{ titel }}");
    assert!(refused(broken).contains("the prompt cannot be rendered"));
}

#[test]
fn a_proposal_is_picked_by_a_call_and_only_one_that_there_is() {
    let mut world = with([
        calls(&[("hand_in", r#"{"proposal": 1}"#), ("hand_in", r#"{"proposal": 5000000000}"#)]),
        calls(&[("hand_in", "{}")]),
        calls(&[("hand_in", r#"{"proposal": "3"}"#)]),
    ]);
    assert!(matches!(work(&mut world, &choice(), &options()), Ok(Answer::Choice(3))));
    assert_eq!(world.tools(), ["hand_in"]);
    assert!(world.opened.as_ref().unwrap().tools[0].parameters.contains(r#""enum":[0,3]"#));
    let (text, failed) = world.result(0, 0);
    assert!(failed && text.contains("there is no proposal 1, but 0, 3"), "{text}");
    assert!(world.result(0, 1).0.contains("5000000000") && world.result(1, 0).0.contains("is missing"));
    assert!(world.logged[0].contains(r#"("mistakes", "3")"#));
}

#[test]
fn a_choice_in_text_is_taken_as_well() {
    let mut world =
        with([text(r#"{"selected_proposal_id": 2}"#), text(r#"So: {"selected_proposal_id": 0}."#)]);
    assert!(matches!(work(&mut world, &choice(), &options()), Ok(Answer::Choice(0))));
    assert_eq!(world.said[1], "there is no proposal 2, but 0, 3");
    // An issue is not solved by one.
    let mut world = with_files([text(r#"{"selected_proposal_id": 0}"#), calls(&[("hand_in", "{}")])]);
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert!(world.said[1].starts_with("Each answer has to call a tool. The tools are `shell`"));
}

#[test]
fn a_model_without_tools_is_asked_for_text() {
    let answers = [text("Hm."), text(r#"{"selected_proposal_id": 3}"#)];
    let mut world = Double { offers: vec![offer(false)], ..with(answers) };
    assert!(matches!(work(&mut world, &choice(), &options()), Ok(Answer::Choice(3))));
    assert!(world.tools().is_empty() && world.said[0].ends_with(r#"{"selected_proposal_id": ID}"#));
    assert_eq!(
        world.said[1],
        r#"End your answer with your choice in this form: {"selected_proposal_id": ID}"#
    );
    let mut world = Double { offers: vec![offer(false)], ..with_files([]) };
    assert!(refused(work(&mut world, &issue(), &options())).contains("takes no tools"));
}

#[test]
fn a_manager_reads_the_files_that_there_are() {
    let mut world = with_files([
        calls(&[("read", r#"{"path": "src/a.js"}"#), ("shell", r#"{"command": "ls"}"#)]),
        calls(&[("hand_in", r#"{"proposal": 0}"#)]),
    ]);
    assert!(matches!(work(&mut world, &choice(), &options()), Ok(Answer::Choice(0))));
    assert_eq!(world.tools(), ["read", "search", "hand_in"]);
    assert!(world.said[0].contains("Look at the code"));
    assert_eq!(
        world.result(0, 1),
        ("There is no tool `shell`. The tools are `read`, `search`, `hand_in`.", true)
    );
    assert!(world.commands.is_empty());
}

#[test]
fn what_is_no_call_is_told_and_counted() {
    let mut world = with_files([
        calls(&[
            ("edit", "{}"),
            ("shell", "{\"command\": "),
            ("shell", "[]"),
            ("write", r#"{"path": "x"}"#),
            ("read", r#"{"path": "src/a.js", "line": -1}"#),
            ("read", r#"{"path": "src/a.js", "line": 6}"#),
        ]),
        calls(&[("hand_in", "{}")]),
    ]);
    work(&mut world, &issue(), &options()).unwrap();
    for (at, part) in [
        (0, "There is no tool `edit`. The tools are `shell`, `read`"),
        (1, "no JSON"),
        (2, "no object"),
        (3, "`write` was not carried out: `contents` is missing. It takes {\"path\": \"…\", \"contents\""),
        (4, "`line` is no whole number"),
        (5, "there is no line 6: the file has 5 lines"),
    ] {
        let (text, failed) = world.result(0, at);
        assert!(failed && text.contains(part), "{text}");
    }
    assert!(world.logged[0].contains(r#"("mistakes", "5")"#), "{:?}", world.logged);
    assert!(!world.files.unwrap().contains_key("x"));
}

#[test]
fn three_answers_in_a_row_without_a_valid_call_end_it() {
    let wrong = || [text("Hm."), calls(&[("edit", "{}")]), text("")];
    let mut world = with_files(wrong());
    let why = refused(work(&mut world, &issue(), &options()));
    assert_eq!(why, "nothing was handed in (no-valid-call): 3 answers in a row had no valid call");
    assert!(world.logged[0].starts_with("no-valid-call"));
    assert_eq!(world.said.len(), 2, "nothing is said to a model that is not asked again");

    let good = [calls(&[("shell", r#"{"command": "ls"}"#)])];
    let mut world = with_files(wrong().into_iter().take(2).chain(good).chain(wrong()));
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert!(world.logged[0].contains(r#"("asks", "6")"#), "{:?}", world.logged);
}

#[test]
fn an_answer_that_was_cut_off_is_told_so() {
    let cut = answer(Stop::Length, vec![Part::Text("I will".into())]);
    let mut world = with_files([cut, calls(&[("hand_in", "{}")])]);
    work(&mut world, &issue(), &options()).unwrap();
    assert!(world.said[1].starts_with("Your answer was cut off, as it was too long."));
    // Calls of one are carried out as far as they are whole.
    let mut cut = calls(&[("shell", r#"{"command": "ls"}"#), ("shell", r#"{"comm"#)]);
    cut.stop = Stop::Length;
    let mut world = with_files([cut]);
    work(&mut world, &issue(), &options()).unwrap();
    assert_eq!((world.result(0, 0).1, world.result(0, 1).1), (false, true));
}

#[test]
fn what_ends_a_conversation_hands_in_what_is_there() {
    let shell = || calls(&[("shell", r#"{"command": "ls"}"#)]);
    let look = || calls(&[("search", r#"{"pattern": "x"}"#)]);
    let with_stop = |stop| Ok(answer(stop, Vec::new()));
    for (last, word) in [
        (with_stop(Stop::Refused), "refused [(\"why\", \"its own words\")"),
        (with_stop(Stop::Context), "context"),
        (Err(Failure::TooLong("too long".into())), "context [(\"why\", \"too long\")"),
        (Err(Failure::OverBudget("no money".into())), "over-budget [(\"why\", \"no money\")"),
        (Err(Failure::Rejected("no".into())), "failed [(\"why\", \"no\")"),
    ] {
        let mut world = with_files([shell()]);
        world.answers.push_back(last.clone());
        assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)), "{word}");
        assert!(world.logged[0].starts_with(word), "{:?}", world.logged);

        let mut world = with_files([look()]);
        world.answers.push_back(last.clone());
        // The error tells what the log tells.
        let known = |why: &str| {
            let (code, reason) = word.split_once(" [(\"why\", \"").unwrap_or((word, "its own words"));
            let reason = reason.trim_end_matches("\")");
            match code {
                "failed" => assert_eq!(why, format!("the model gave no answer: {reason}")),
                _ => assert_eq!(why, format!("nothing was handed in ({code}): {reason}")),
            }
        };
        known(&refused(work(&mut world, &issue(), &options())));
        let mut world = with_files([look()]);
        world.answers.push_back(last);
        known(&refused(work(&mut world, &choice(), &options())));
    }
}

#[test]
fn a_model_that_paused_is_asked_again() {
    let paused = answer(Stop::Paused, vec![Part::Text("…".into())]);
    let mut world = with_files([paused.clone(), paused.clone(), calls(&[("hand_in", "{}")])]);
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert_eq!(world.said.len(), 1);
    let mut world = with_files(vec![paused; 300]);
    let why = refused(work(&mut world, &issue(), &options()));
    assert_eq!(why, "nothing was handed in (steps): the model was asked 250 times");
    assert_eq!((world.answers.len(), world.logged[0].starts_with("steps")), (50, true));
}

#[test]
fn steps_time_and_calls_are_bounded() {
    let shell = calls(&[("shell", r#"{"command": "ls"}"#)]);
    let few = Options { steps: 4, ..options() };
    let mut world = with_files(vec![shell.clone(); 9]);
    assert!(matches!(work(&mut world, &issue(), &few), Ok(Answer::WorkTree)));
    assert_eq!((world.answers.len(), world.logged[0].starts_with("steps")), (5, true));

    let mut world = Double { time: 2, ..with_files(vec![shell; 9]) };
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert!(world.logged[0].starts_with("time-over [(\"why\", \"the agent's time is over\")"));

    let many = calls(&[("shell", r#"{"command": "ls"}"#); 40]);
    let patient = Options { steps: 10_000, ..options() };
    let mut world = with_files(vec![many.clone(); 4_000]);
    assert!(matches!(work(&mut world, &issue(), &patient), Ok(Answer::WorkTree)));
    assert!(world.logged[0].starts_with("calls [(\"why\", \"there were 990"), "{:?}", world.logged);
    assert!(world.commands.len() < 99_000 && world.given[0].len() == 40);
    assert!(world.result(0, 32).0.contains("at most 32 calls"));

    // More results than one call to the host may carry, however short they are.
    let mut world = with_files(vec![calls(&vec![("shell", "{}"); 55_000])]);
    assert!(refused(work(&mut world, &issue(), &options())).contains("one answer made 55000 calls"));
    let mut world = with_files(vec![calls(&vec![("shell", "{}"); 40_000])]);
    assert!(!refused(work(&mut world, &issue(), &options())).contains("one answer"));
    let carried: usize = world.given[0].iter().map(|given| 64 + given.call.len() + given.text.len()).sum();
    assert!((2 << 20..4 << 20).contains(&carried), "{carried}");

    let mut world = Double { output: ("x".repeat(256 << 10), Some(0)), ..with_files(vec![many; 9]) };
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert!(world.logged[0].starts_with("calls"), "{:?}", world.logged);
    assert!((90..100).contains(&world.commands.len()), "{}", world.commands.len());

    // What is said to the model, and by it, is counted apart: more than other calls may carry.
    let thinking = |bytes: usize| {
        let mut said = calls(&[("shell", r#"{"command": "ls"}"#)]);
        said.parts.insert(0, Part::Reasoning("x".repeat(bytes)));
        said
    };
    let mut world = with_files((0..120).map(|_| thinking(1 << 20)));
    assert!(matches!(work(&mut world, &issue(), &options()), Ok(Answer::WorkTree)));
    assert!(world.logged[0].starts_with("calls"), "{:?}", world.logged);
    assert!((110..115).contains(&world.commands.len()), "{}", world.commands.len());
}

#[test]
fn no_call_to_the_host_is_larger_than_it_may_be() {
    let much = Options { output_characters: usize::MAX, ..options() };
    let many = calls(&[("shell", r#"{"command": "ls"}"#); 32]);
    let mut world = Double { output: ("é".repeat(96 << 10), Some(0)), ..with_files([many]) };
    work(&mut world, &issue(), &much).unwrap();
    let bytes: usize = world.given[0].iter().map(|result| result.text.len()).sum();
    assert!(bytes <= MOST_BYTES && world.given[0].len() == 32, "{bytes}");
    let task = Task { statement: "x".repeat(MOST_BYTES), ..issue() };
    assert!(refused(work(&mut with_files([]), &task, &options())).contains("bytes, at most"));
    // A file of one line is read no further than needed.
    let mut world = with_files([calls(&[("read", r#"{"path": "src/a.js"}"#)])]);
    world.files.as_mut().unwrap().insert("src/a.js".into(), vec![b'x'; 3 << 20]);
    refused(work(&mut world, &issue(), &options()));
    let (text, failed) = world.result(0, 0);
    assert!(!failed && text.starts_with("lines 1 to 1:\nx") && text.len() < 11_000);
}

#[test]
fn bash_is_the_only_tool_and_hands_in_by_its_output() {
    let run = calls(&[("bash", r#"{"command": "make"}"#)]);
    let long = "x".repeat(20_000);
    let mut world = Double { output: (long, Some(2)), ..with_files(vec![run.clone(); 2]) };
    assert!(matches!(work(&mut world, &issue(), &bash()), Ok(Answer::WorkTree)));
    assert_eq!(world.tools(), ["bash"]);
    let (text, failed) = world.result(0, 0);
    assert!(!failed && text.starts_with("return code: 2\noutput:\nxxx"), "{text}");
    assert!(text.contains(&format!("{}\n[… 10000 characters left out …]\n", "x".repeat(5_000))));
    assert!(world.said[0].contains("`echo LANCET-HAND-IN`") && world.logged[0].starts_with("over-budget"));

    for (output, status, handed_in) in [
        ("LANCET-HAND-IN\n", Some(0), true),
        ("\nLANCET-HAND-IN\r\nthat is it", Some(0), true),
        ("LANCET-HAND-IN", Some(0), true),
        ("LANCET-HAND-IN\n", Some(1), false),
        ("LANCET-HAND-IN\n", None, false),
        ("LANCET-HAND-INS\n", Some(0), false),
        ("so: LANCET-HAND-IN\n", Some(0), false),
        ("first\nLANCET-HAND-IN\n", Some(0), false),
    ] {
        let mut world = Double { output: (output.into(), status), ..with_files([run.clone()]) };
        work(&mut world, &issue(), &bash()).unwrap();
        assert_eq!(world.logged[0].starts_with("handed-in"), handed_in, "{output}");
    }
    // The others' shell does not know that line.
    let shell = calls(&[("shell", r#"{"command": "make"}"#)]);
    let mut world = Double { output: ("LANCET-HAND-IN\n".into(), Some(0)), ..with_files([shell]) };
    work(&mut world, &issue(), &options()).unwrap();
    assert!(world.logged[0].starts_with("over-budget"));
}

#[test]
fn a_manager_hands_in_by_bash_as_well() {
    let run = calls(&[("bash", r#"{"command": "printf …"}"#)]);
    for (output, chosen) in [
        ("LANCET-HAND-IN\n3\n", Some(3)),
        ("LANCET-HAND-IN\n{\"selected_proposal_id\": 0}\n", Some(0)),
        ("LANCET-HAND-IN\n1\n", None),
        ("LANCET-HAND-IN\n", None),
    ] {
        let mut world = Double { output: (output.into(), Some(0)), ..with_files([run.clone()]) };
        let answer = work(&mut world, &choice(), &bash());
        match (answer, chosen) {
            (Ok(Answer::Choice(id)), Some(chosen)) => assert_eq!(id, chosen),
            (Err(SolveError::Other(why)), None) => {
                assert_eq!(why, "nothing was handed in (over-budget): nothing is left");
                assert!(world.result(0, 0).1);
            }
            other => panic!("{other:?}"),
        }
    }
    let mut world = with([text(r#"{"selected_proposal_id": 0}"#)]);
    assert!(matches!(work(&mut world, &choice(), &bash()), Ok(Answer::Choice(0))));
    assert!(world.tools().is_empty());
}

#[test]
fn what_cannot_be_begun_says_why() {
    let other = Options { model: "judge".into(), ..options() };
    let why = refused(work(&mut with([]), &choice(), &other));
    assert_eq!(why, "the operator offers no model `judge`, which the setting `model` names, but `main`");
    let mut none = Double { offers: Vec::new(), ..with([]) };
    assert_eq!(refused(work(&mut none, &choice(), &options())), "the operator chose no model");
    assert!(refused(work(&mut with([]), &issue(), &options())).contains("no environment"));
    let hard = Options { effort: "max".into(), ..options() };
    assert!(refused(work(&mut with([]), &choice(), &hard)).ends_with("the model has the efforts low, high"));
    let empty = Task { proposals: Vec::new(), ..choice() };
    assert!(matches!(work(&mut with([]), &empty, &options()), Ok(Answer::Nothing)));
}

#[test]
fn settings_shape_what_is_asked() {
    let shaped = Options { answer_tokens: 512, user_tool: false, command_seconds: 5, ..options() };
    let mut world = with_files([calls(&[("shell", r#"{"command": "x"}"#)]), calls(&[("hand_in", "")])]);
    work(&mut world, &issue(), &shaped).unwrap();
    assert!(!world.tools().contains(&"user_tool"));
    assert_eq!(world.opened.unwrap().answer_tokens, Some(512));
    assert_eq!(world.commands[0].1, 5);
}
