//! Runs whose agents ask models: what is wrong with them is said before anything is written,
//! and what they spent and said is shown.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use lancet_core::{InfraFaultKind, InspectedPlugin, Report, Role, Transcript};
use lancet_guest_build::{Request, build};
use serde_json::{Value, json};

use crate::context::{Context, files_with, holds, number, text, workspace};
use crate::model_server::{Answer, ModelServer};
use crate::shapes::has_shape;

const CANARY: &str = "sk-canary-4f1b7d20c95e83a6";

/// Answers that pick the first proposal of the small suite, which is wrong, and the second, which is right.
const PICKS_RIGHT: &str = r#"
[[conversation]]
[[conversation.answer]]
text = "Let me think."
usage = { input = 100, output = 10, output-reasoning = 4 }
served = "nice-model"
[[conversation.answer]]
reasoning = "The other one."
calls = [{ name = "hand_in", arguments = { proposal = 1 } }]
usage = { input = 150, input-cached = 100, output = 20 }
served = "nice-model"
"#;

/// A file of one model with the form `chat`, which takes its key from the environment.
fn chat(context: &Context, url: &str, more: &str) {
    let model = format!(
        "[[model]]\nform = \"chat\"\nid = \"nice-model\"\nbase-url = \"{url}\"\nkey-env = \"NICE_KEY\"\n{more}\n"
    );
    fs::write(context.path("models.toml"), model).unwrap();
}

/// Runs `tool-loop` over the small suite with the models of `models.toml`, and a key.
fn run_chat(context: &Context, more: &[&str]) -> Output {
    let run = ["run", "suite", "--agent", "tool-loop", "--models", "models.toml"];
    context.command(&[&run[..], more].concat()).env("NICE_KEY", CANARY).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_is_wrong_with_models_is_said_before_anything_is_written() {
    let context = Context::new();
    context.small_suite("suite");
    let write = |name: &str, text: &str| fs::write(context.path(name), text).unwrap();
    write("answers.toml", PICKS_RIGHT);
    write(
        "doubles.md",
        "{% set n = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}\
         {{ n.x | length }}",
    );
    write("broken.toml", "[[conversation]]\n[[conversation.answer]]\nsays = \"x\"\n");
    write("models.toml", "[[model]]\nform = \"chat\"\nid = \"m\"\nbase-url = \"http://localhost:9/v1\"\n");
    write("effort.toml", "[[model]]\nform = \"openai\"\nid = \"m\"\neffort = \"huge\"\n");
    write("parameter.toml", "[[model]]\nform = \"openai\"\nid = \"m\"\nparameters = [\"model\"]\n");
    write("unknown.toml", "[[model]]\nform = \"openai\"\nid = \"m\"\nbase-ulr = \"x\"\n");
    write("none.toml", "");
    write("twice.toml", "[[model]]\nform = \"scripted\"\nid = \"answers.toml\"\n");
    write("no-script.toml", "[[model]]\nform = \"scripted\"\nid = \"nowhere.toml\"\n");
    write("settings.toml", "steps = 5\ntools = \"none\"\n");
    write("zero.toml", "steps = 0\n");
    write("prompt.md", "one\n{{ nobody }}\n");
    write("open.md", "{{ title");
    write("filter.md", "{{ title | shorten }}");
    fs::write(context.path("bytes.md"), b"\xff\xfe").unwrap();
    let made = std::process::Command::new("mkfifo").arg(context.path("pipe")).status().unwrap();
    assert!(made.success());
    let scripted = ["--model", "scripted/answers.toml"];
    let with = |more: &[&str]| [&scripted[..], more].concat().join(" ");
    for (options, fragments) in [
        ("--model anthropic/m", &["`main`", "ANTHROPIC_API_KEY", "hint"][..]),
        ("--model openai/m", &["OPENAI_API_KEY"]),
        ("--model m", &["`m`", "[NAME=]FORM/ID"]),
        ("--model gemini/m", &["`gemini`", "anthropic, openai, chat, scripted and recorded"]),
        ("--model a_b!=chat/m", &["`a_b!`"]),
        ("--model scripted/", &["names no model"]),
        ("--model scripted/nowhere.toml", &["script", "`nowhere.toml`"]),
        ("--model scripted/broken.toml", &["broken.toml", "says"]),
        ("--model recorded/20200101", &["20200101"]),
        ("--model chat/m", &["base URL", "--base-url"]),
        ("--base-url http://localhost:1", &["required", "--model"]),
        ("--model chat/m --base-url nonsense", &["base-url", "is `https://nonsense` meant?"]),
        ("--model chat/m --base-url http://example.org/v1", &["unencrypted", "allow-plain-http"]),
        ("--model chat/m --base-url ftp://example.org/v1", &["ftp:"]),
        (&with(&["--base-url", "http://localhost:1"]), &["--base-url", "no `--model` sends requests"]),
        (&with(&["--model", "scripted/answers.toml"]), &["`main`", "two models"]),
        (&with(&["--models", "twice.toml"]), &["`main`", "two models"]),
        ("--models nowhere.toml", &["cannot read the models `nowhere.toml`", "hint", "[[model]]"]),
        ("--models suite", &["cannot read the models `suite`", "a folder", "[[model]]"]),
        ("--models pipe", &["cannot read the models `pipe`", "a named pipe", "/dev/stdin"]),
        ("--model scripted/pipe", &["cannot read the script", "`pipe`", "a named pipe", "managers.toml"]),
        ("--models none.toml", &["none.toml", "[[model]]"]),
        ("--models effort.toml", &["effort.toml", "`effort`", "`huge`"]),
        ("--models parameter.toml", &["`parameters`", "`model`"]),
        ("--models unknown.toml", &["unknown.toml", "base-ulr"]),
        ("--models no-script.toml", &["script", "nowhere.toml"]),
        (&with(&["--budget", "dollars=5"]), &["`dollars`", "usd"]),
        (&with(&["--budget", "asks=0"]), &["allows nothing"]),
        (&with(&["--run-budget", "usd=1.2345678"]), &["six decimals"]),
        (&with(&["--budget", "usd=1", "--budget", "microdollars=1"]), &["microdollars twice"]),
        ("--seed 1", &["`tool-loop` asks a model", "none is chosen", "--model"]),
        (&with(&["--set", "model=judge"]), &["`model`", "`judge`", "there are `main`", "hint"]),
        ("--model judge=scripted/answers.toml", &["`model`", "`main`", "there are `judge`"]),
        (&with(&["--prompt", "filter.md"]), &["prompt, line 1", "shorten"]),
        (&with(&["--prompt", "none.toml"]), &["the prompt", "empty"]),
        ("--budget asks=5", &["there are none", "--model"]),
        ("--models models.toml --budget usd=5", &["`main`", "price"]),
        (&with(&["--set", "stepps=5"]), &["`stepps`", "steps", "plugin inspect"]),
        (&with(&["--set", "steps=many"]), &["`steps`", "a whole number", "many"]),
        (&with(&["--set", "steps=0"]), &["`steps`", "a whole number, at least 1", "`0`"]),
        (&with(&["--set", "command-seconds=3601"]), &["`command-seconds`", "from 1 to 3600", "`3601`"]),
        (&with(&["--settings", "zero.toml"]), &["`steps`", "a whole number, at least 1", "`0`"]),
        (&with(&["--set", "effort=huge"]), &["`effort`", "one of", "huge"]),
        (&with(&["--set", "steps"]), &["`--set steps`", "KEY=VALUE"]),
        (&with(&["--set", "steps=1", "--set", "steps=2"]), &["`steps` twice"]),
        (&with(&["--settings", "settings.toml"]), &["`tools`", "one of all, bash"]),
        (&with(&["--settings", "open.md"]), &["settings `open.md`", "line 1"]),
        (&with(&["--prompt", "prompt.md"]), &["prompt, line 2", "`nobody`", "`title`"]),
        (&with(&["--prompt", "open.md"]), &["prompt, line 1"]),
        (&with(&["--prompt", "doubles.md"]), &["prompt", "to render it takes more than 1 GiB"]),
        (&with(&["--prompt", "bytes.md"]), &["`bytes.md`", "no UTF-8"]),
        (&with(&["--prompt", "nowhere.md"]), &["cannot read the prompt `nowhere.md`", "minijinja"]),
        (&with(&["--prompt", "pipe"]), &["cannot read the prompt `pipe`", "a named pipe"]),
        (&with(&["--settings", "pipe"]), &["cannot read the settings `pipe`", "a named pipe", "KEY = VALUE"]),
        ("--input pipe", &["cannot read the input `pipe`", "a named pipe"]),
        (&with(&["--prompt", "suite"]), &["cannot read the prompt `suite`"]),
    ] {
        let options: Vec<&str> = options.split(' ').collect();
        let run = [&["run", "suite", "--agent", "tool-loop"], &options[..]].concat();
        context.lancet(&run).fails(2, fragments);
        // An earlier run is looked for in the store.
        assert!(options.contains(&"recorded/20200101") || !context.path("store").exists(), "{options:?}");
        let _ = fs::remove_dir_all(context.path("store"));
    }
    for (options, fragments) in [
        (&scripted[..], &["`first` asks no model", "hint"][..]),
        (&["--set", "steps=5"], &["no setting `steps`", "`first`"]),
        (&["--prompt", "prompt.md"], &["`first` has no prompt"]),
    ] {
        let run = [&["run", "suite", "--agent", "first"], options].concat();
        context.lancet(&run).fails(2, fragments);
        assert!(!context.path("store").exists(), "{options:?}");
    }
}

#[test]
fn what_was_said_and_spent_is_shown() {
    let context = Context::new();
    context.small_suite("suite");
    fs::write(context.path("answers.toml"), PICKS_RIGHT).unwrap();
    let model = "[[model]]\nform = \"scripted\"\nid = \"answers.toml\"\nprice-as-of = \"2026-11-25\"\n\
                 price = { input = \"1\", input-cached = \"0.1\", output = \"10\" }\n";
    fs::write(context.path("models.toml"), model).unwrap();
    let run = ["run", "suite", "--agent", "tool-loop", "--models", "models.toml", "--attempts", "2"];
    let report = context.lancet(&[&run[..], &["--budget", "usd=1.5", "--format", "json"]].concat());
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    let report = has_shape::<Report>(&report, "report");
    assert_eq!(report["models"][0]["model"], "scripted/answers.toml");
    assert_eq!(report["attempt_budget"], json!([{"unit": "microdollars", "limit": 1_500_000}]));
    let spent = |key: &str| number(&report, &format!("totals/swe-manager/models/{key}"));
    assert_eq!((spent("asks"), spent("answers"), spent("failed_tries")), (4.0, 4.0, 0.0));
    // 100 + 10 * 10, and 50 + 100 * 0.1 + 20 * 10, twice.
    assert_eq!(spent("cost_microdollars"), 920.0);
    assert_eq!((spent("tokens/input"), spent("tokens/output_reasoning")), (500.0, 8.0));
    assert_eq!(spent("net_cents"), 200_000.0 - 0.092);
    assert_eq!(report["totals"]["all"]["models"]["served"], json!([{"model": "nice-model", "answers": 4}]));
    let table = context.lancet(&["report"]).stdout;
    for words in
        ["model     main  scripted/answers.toml", "usd=1.5", "$0.0009", "served: nice-model (4 answers)"]
    {
        assert!(table.contains(words), "{words}: {table}");
    }

    let attempt = "latest/one/1";
    let transcript = context.lancet(&["show", attempt, "--transcript", "--format", "json"]);
    let transcript = has_shape::<Transcript>(&transcript, "transcript");
    let turns = transcript["conversations"][0]["turns"].as_array().unwrap();
    assert_eq!(turns[1]["what"]["answered"]["parts"][0]["text"], "Let me think.");
    let shown = context.lancet(&["show", attempt, "--transcript"]).stdout;
    for words in [
        "conversation 0 of the agent",
        "[0] user",
        "[1] model main (served nice-model)",
        "Let me think.",
        "calls hand_in",
        "The other one.",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    context.lancet(&["show", "--transcript"]).fails(2, &["names a run", "RUN/TASK/NUMBER"]);
    context.lancet(&["show", attempt, "--transcript", "--format", "md"]).fails(2, &["no table"]);

    let results = context.lancet(&["report", "--results", "-"]);
    assert_eq!(
        results.stdout.replace('\r', ""),
        "question_id,attempt_id,correct,input_tokens,output_tokens,reasoning_tokens,earned\n\
         one,1,True,250,30,4,1000.00\none,2,True,250,30,4,1000.00\n"
    );
    context.lancet(&["report", "--results", "results.csv"]);
    assert_eq!(fs::read_to_string(context.path("results.csv")).unwrap(), results.stdout);
    context.lancet(&["report", "--results", "-", "--format", "json"]).fails(2, &["--results -", "--format"]);
    context.lancet(&["report", "--results", "nowhere/results.csv"]).fails(1, &["nowhere/results.csv"]);
    assert_eq!(context.lancet(&["replay"]).code, Some(0));
}

#[test]
fn what_nobody_told_is_unknown_and_not_nothing() {
    let context = Context::new();
    context.small_suite("suite");
    let script = "[[conversation]]\n[[conversation.answer]]\nusage = { input = 100, output = 10 }\n\
                  calls = [{ name = \"hand_in\", arguments = { proposal = 1 } }]\n";
    fs::write(context.path("answers.toml"), script).unwrap();
    let model =
        "[[model]]\nform = \"scripted\"\nid = \"answers.toml\"\nprice = { input = \"1\", output = \"10\" }\n";
    fs::write(context.path("models.toml"), model).unwrap();
    let report = context.json(&["run", "suite", "--agent", "tool-loop", "--models", "models.toml"]);
    let tokens = &report["totals"]["all"]["models"]["tokens"];
    assert_eq!((&tokens["input"], &tokens["output"]), (&json!(100), &json!(10)), "{report:#}");
    assert_eq!((&tokens["input_cached"], &tokens["output_reasoning"]), (&Value::Null, &Value::Null));
    let table = context.lancet(&["report"]).stdout;
    let row = table.lines().find(|line| line.starts_with("all") && line.contains("unknown")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[1..6], ["1", "100", "unknown", "10", "unknown"], "{table}");
    assert!(!table.contains("prices of"), "{table}");
    let results = context.lancet(&["report", "--results", "-"]).stdout;
    assert!(results.contains("one,1,True,100,10,,1000.00"), "{results}");

    // A server that tells no tokens: what the ledger has is an estimate, and is said to be one.
    let mut answer: Value = serde_json::from_str(&Answer::picks(1).body).unwrap();
    answer.as_object_mut().unwrap().remove("usage");
    let server = ModelServer::start(move |_| Answer::new(200, &answer));
    chat(&context, &server.url(), "price = { input = \"1\", output = \"10\" }");
    let output = run_chat(&context, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = context.json(&["report"]);
    let spent = &report["totals"]["all"]["models"];
    assert!(spent["cost_microdollars"].as_u64() > Some(0), "{report:#}");
    assert_eq!(spent["estimated_microdollars"], spent["cost_microdollars"], "{report:#}");
    assert!(context.lancet(&["report", "--results", "-"]).stdout.contains("one,1,True,,,,1000.00"));
    let shown = context.lancet(&["show", "latest/one/1", "--transcript"]).stdout;
    assert!(shown.contains("the provider told no tokens"), "{shown}");
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let told =
        "SELECT count(*) FROM ledger WHERE estimated AND input > 0 AND output > 0 AND microdollars > 0";
    assert_eq!(database.query_row(told, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_run_without_models_has_no_word_of_them() {
    let context = Context::new();
    context.small_suite("suite");
    let report = context.json(&["run", "suite", "--agent", "first"]).to_string();
    assert!(!report.contains("models") && !report.contains("budget"), "{report}");
    let shown = context.lancet(&["show", "latest/one/1", "--transcript"]);
    assert_eq!((shown.code, shown.stdout.trim()), (Some(0), "no plugin of this attempt talked to a model"));
    let results = context.lancet(&["report", "--results", "-"]).stdout;
    assert!(results.contains("one,1,False,0,0,0,0.00"), "{results}");
}

#[test]
fn a_budget_that_is_reached_ends_the_asking_and_is_counted() {
    let context = Context::new();
    context.small_suite("suite");
    fs::write(context.path("answers.toml"), PICKS_RIGHT).unwrap();
    let run = ["run", "suite", "--agent", "tool-loop", "--model", "scripted/answers.toml", "--attempts", "3"];
    for isolation in ["in-process", "process"] {
        reaches_its_budget(&context, &[&run[..], &["--isolation", isolation]].concat());
    }
}

fn reaches_its_budget(context: &Context, run: &[&str]) {
    let report = context.json(&[run, &["--budget", "asks=1"]].concat());
    assert_eq!(number(&report, "totals/all/models/over_budget_attempts"), 3.0);
    assert_eq!(
        (number(&report, "totals/all/models/answers"), number(&report, "totals/all/fail")),
        (3.0, 3.0)
    );
    let shown = context.lancet(&["show", "latest/one/1", "--transcript"]).stdout;
    assert!(shown.contains("over budget: "), "{shown}");
    let events = context.json(&["show", "latest/one/1"]);
    let decided = events.as_array().unwrap().iter().find(|event| event["event"] == "decided").unwrap();
    let why = text(decided, "record/verdict/explanation");
    assert!(why.contains("the agent gave up: ") && why.contains("the attempt's 1 asks"), "{why}");
    assert_eq!(number(&context.json(&["replay"]), "identical"), 3.0);
    // A run's own is shared.
    let report = context.json(&[run, &["--run-budget", "asks=3", "--jobs", "1"]].concat());
    assert_eq!(number(&report, "totals/all/models/answers"), 3.0);
    assert_eq!(number(&report, "totals/all/pass"), 1.0);
}

#[test]
fn an_agent_says_what_can_be_set_of_it() {
    let context = Context::new();
    let inspected = context.lancet(&["plugin", "inspect", "tool-loop", "--format", "json"]);
    let inspected = has_shape::<InspectedPlugin>(&inspected, "plugin-inspect");
    let settings = inspected["configuration"]["settings"].as_array().unwrap();
    assert!(settings.iter().any(|setting| setting["name"] == "steps" && setting["kind"] == "number"));
    let prompt = text(&inspected, "configuration/prompt/text").to_owned();
    let table = context.lancet(&["plugin", "inspect", "tool-loop"]).stdout;
    assert!(table.contains("steps") && table.contains("variables: "), "{table}");
    assert!(table.contains("number from 1") && table.contains("1 to 3600"), "{table}");
    assert!(context.json(&["plugin", "inspect", "first"]).get("configuration").is_none());

    // What is printed can be given.
    context.small_suite("suite");
    fs::write(context.path("answers.toml"), PICKS_RIGHT).unwrap();
    fs::write(context.path("prompt.md"), prompt).unwrap();
    fs::write(context.path("settings.toml"), "steps = 1\n").unwrap();
    let run =
        ["run", "suite", "--agent", "tool-loop", "--model", "scripted/answers.toml", "--prompt", "prompt.md"];
    let report = context.json(&[&run[..], &["--settings", "settings.toml"]].concat());
    assert_eq!((number(&report, "totals/all/models/asks"), number(&report, "totals/all/pass")), (1.0, 0.0));
    // An option comes before the file.
    let report = context.json(&[&run[..], &["--settings", "settings.toml", "--set", "steps=9"]].concat());
    assert_eq!((number(&report, "totals/all/models/asks"), number(&report, "totals/all/pass")), (2.0, 1.0));
}

/// The agent of `plugins/README.md`, built from what stands there.
#[test]
fn the_example_agent_chooses_with_a_model() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let request =
        Request::new(workspace(), target).examples("lancet-example-grader", ["lancet-example-agent"]);
    let context = Context::new();
    context.small_suite("suite");
    fs::write(context.path("mine.wasm"), build(&request).unwrap().remove(0).component).unwrap();
    let answers = PICKS_RIGHT.replace("hand_in", "choose").replace("proposal = 1", "id = 1");
    fs::write(context.path("answers.toml"), answers).unwrap();
    let run = ["run", "suite", "--agent", "./mine.wasm"];
    let report = context.json(&[&run[..], &["--model", "scripted/answers.toml"]].concat());
    assert_eq!((number(&report, "totals/all/models/asks"), number(&report, "totals/all/pass")), (2.0, 1.0));
    context.lancet(&run).fails(2, &["asks a model", "none is chosen"]);
}

#[test]
fn recorded_answers_are_for_the_same_questions() {
    let context = Context::new();
    context.small_suite("suite");
    fs::write(context.path("answers.toml"), PICKS_RIGHT).unwrap();
    let run = ["run", "suite", "--agent", "tool-loop", "--model"];
    let first = context.json(&[&run[..], &["scripted/answers.toml"]].concat());
    let id = text(&first, "run").to_owned();
    let again = context.json(&[&run[..], &["recorded/latest"]].concat());
    assert_eq!(again["verdicts_digest"], first["verdicts_digest"]);
    // Whatever it was called by, the run is named whole wherever the model is.
    let recorded = format!("recorded/{id}");
    assert_eq!(
        (&again["models"][0]["model"], &again["models"][0]["base_url"]),
        (&json!(recorded), &json!(""))
    );
    let table = context.lancet(&["report"]).stdout;
    assert!(table.contains("nothing was paid now"), "{table}");
    assert!(table.contains(&format!("model     main  {recorded}")), "{table}");
    assert!(context.lancet(&["report", "--format", "md"]).stdout.contains(&recorded));
    let shown = context.lancet(&["show", "latest/one/1", "--transcript"]).stdout;
    assert!(shown.contains("model main (served nice-model)"), "{shown}");
    let [then, now] = [&id, "latest"].map(|run| context.lancet(&["report", run, "--results", "-"]).stdout);
    assert!(then.contains("one,1,True,250,30,4,1000.00"), "{then}");
    assert_eq!(then, now);
    // Another prompt is another question.
    fs::write(context.path("prompt.md"), "Pick one of {{ proposals | length }}.").unwrap();
    let differs = context.lancet(&[&run[..], &[&recorded, "--prompt", "prompt.md"]].concat());
    assert_eq!(differs.code, Some(5), "{}", differs.stderr);
    assert_eq!(context.json(&["show"])[0]["reason"], "model-differs");
}

#[test]
fn the_example_is_answered_as_the_readme_says() {
    let context = Context::new();
    let script = workspace().join("docs/examples/managers.toml");
    let model = format!("scripted/{}", script.display());
    let report = context.run_sample("tool-loop", &["--model", &model]);
    let [tasks, asks] = ["tasks", "models/asks"].map(|key| number(&report, &format!("totals/all/{key}")));
    assert_eq!(asks, tasks + 1.0, "{report:#}");
    assert!(number(&report, "totals/all/pass") >= 5.0, "{report:#}");
}

#[test]
fn a_server_is_where_the_operator_says() {
    let context = Context::new();
    context.small_suite("suite");
    let elsewhere = ModelServer::start(|_| Answer::picks(1));
    let to = format!("{}/chat/completions", elsewhere.url());
    let server = ModelServer::start(move |_| Answer::new(307, "").header("location", &to));
    chat(&context, &server.url(), "tries = 1");
    let output = run_chat(&context, &[]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert_eq!((server.asked().len(), elsewhere.asked().len()), (1, 0));

    let server = ModelServer::start(|_| Answer::picks(1));
    chat(&context, &server.url(), "");
    let output = run_chat(&context, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let asked = server.asked();
    assert!(asked[0].head.starts_with("POST /v1/chat/completions "), "{}", asked[0].head);
    assert!(asked[0].head.contains(&format!("Bearer {CANARY}")), "the key goes to its server");
    assert_eq!(asked[0].body["model"], "nice-model");
    let report = context.json(&["report"]);
    assert_eq!(report["totals"]["all"]["models"]["cost_microdollars"], Value::Null, "no price is known");
    assert_eq!(report["totals"]["all"]["models"]["net_cents"], Value::Null);
    assert!(context.lancet(&["report"]).stdout.contains("unknown"));
}

#[test]
fn what_a_server_fails_at_is_nobodys_verdict() {
    let error = |kind: &str, code: &str| json!({"error": {"message": "no", "type": kind, "code": code}});
    let cases: [(&str, u16, String); 6] = [
        ("model-unauthorized", 401, error("invalid_request_error", "invalid_api_key").to_string()),
        ("model-quota", 429, error("insufficient_quota", "insufficient_quota").to_string()),
        ("model-unknown", 404, error("invalid_request_error", "model_not_found").to_string()),
        ("model-unreadable", 200, "<html>Welcome</html>".to_owned()),
        ("model-unavailable", 503, error("server_error", "overloaded").to_string()),
        ("model-settings", 400, json!({"error": "nice-model does not support tools"}).to_string()),
    ];
    for (reason, status, body) in cases {
        let context = Context::new();
        context.small_suite("suite");
        // It is mended after the run has ended.
        let mended = context.path("mended");
        let looked = mended.clone();
        let server = ModelServer::start(move |_| match looked.exists() {
            true => Answer::picks(1),
            false => Answer::new(status, &body),
        });
        chat(&context, &server.url(), "tries = 2");
        let output = run_chat(&context, &[]);
        assert_eq!(output.status.code(), Some(5), "{reason}: {}", said(&output));
        assert_eq!(context.json(&["show"])[0]["reason"], reason);
        let run =
            context.json(&["show"])[0]["attempt"].as_str().unwrap().split('/').next().unwrap().to_owned();
        let kind = InfraFaultKind::ALL.into_iter().find(|kind| kind.as_str() == reason).unwrap();
        let hint = format!("hint: {}", kind.hint());
        let again = format!("`lancet resume {run}` takes 1 attempt up again");
        for text in [said(&output), context.lancet(&["report"]).stdout] {
            for words in ["invalid, by reason", &format!("{reason}, 1 attempt: "), &hint, &again] {
                assert!(text.contains(words), "{words}: {text}");
            }
        }
        assert!(context.lancet(&["show", "latest/one/1"]).stdout.contains(&hint), "{reason}");
        let results = context.lancet(&["report", "--results", "-"]);
        assert_eq!(results.code, Some(5), "{}", results.stderr);
        assert!(results.stdout.contains("one,1,,") && results.stdout.contains(",0.00"), "{}", results.stdout);
        fs::write(&mended, "").unwrap();
        // The run has its models on record: whatever has become of the file.
        fs::write(context.path("models.toml"), "[[model]").unwrap();
        let output = context.command(&["resume"]).env("NICE_KEY", CANARY).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{reason}: {}", said(&output));
        assert_eq!(context.json(&["show"])[0]["state"], "pass");
        let table = context.lancet(&["report"]).stdout;
        assert!(!table.contains("by reason") && !table.contains("resume"), "{table}");
        // Without its key a run that is over is shown, and one that is not is not resumed.
        assert_eq!(context.lancet(&["resume"]).code, Some(0));
    }
    let context = Context::new();
    context.small_suite("suite");
    chat(&context, "http://127.0.0.1:9/v1", "tries = 1");
    let output = run_chat(&context, &[]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert_eq!(context.json(&["show"])[0]["reason"], "model-unreachable");
    // What is missing is found before anything is undone: the run stays as it was.
    let recorded =
        || ["show", "show latest/one/1"].map(|command| context.json(&command.split(' ').collect::<Vec<_>>()));
    let before = recorded();
    for (key, words) in [(None, "NICE_KEY"), (Some("k"), "fewer than 4"), (Some("two words"), "NICE_KEY")] {
        let mut command = context.command(&["resume"]);
        let output = command.envs(key.map(|key| ("NICE_KEY", key))).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("`main`") && said(&output).contains(words), "{}", said(&output));
        assert_eq!(recorded(), before, "{key:?}");
    }

    // A script that is gone from the store is as well.
    let context = Context::new();
    context.small_suite("suite");
    fs::write(context.path("answers.toml"), "[[conversation]]\n[[conversation.answer]]\ntext = \"Hm.\"\n")
        .unwrap();
    let run = context.lancet(&["run", "suite", "--agent", "tool-loop", "--model", "scripted/answers.toml"]);
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let script = files_with("Hm.\"\n", &context.path("store/blobs"));
    assert_eq!(script.len(), 1, "{script:?}");
    fs::remove_file(&script[0]).unwrap();
    let before = context.json(&["show"]);
    assert_eq!(before[0]["reason"], "model-differs");
    let resumed = context.lancet(&["resume"]);
    assert!(resumed.code != Some(0) && resumed.stderr.contains("blob"), "{}", resumed.stderr);
    assert_eq!(context.json(&["show"]), before);
}

/// What a model gets wrong is the agent's to handle, and so is a conversation that is too long: it is told, shown,
/// and counts as the agent's.
#[test]
fn what_a_model_gets_wrong_is_the_agents() {
    let context = Context::new();
    context.small_suite("suite");
    let server = ModelServer::start(|asked| match asked.turn() {
        0 => Answer::call("no_such_tool", &json!({"proposal": 1}), 0),
        1 => {
            let mut answer: Value =
                serde_json::from_str(&Answer::call("hand_in", &json!({}), 1).body).unwrap();
            answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] =
                json!("{\"proposal\": ");
            Answer::new(200, answer)
        }
        _ => Answer::picks(1),
    });
    chat(&context, &server.url(), "");
    let output = run_chat(&context, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = server.asked().last().unwrap().body.to_string();
    assert!(
        told.contains("There is no tool `no_such_tool`") && told.contains("was not carried out"),
        "{told}"
    );
    let shown = context.lancet(&["show", "latest/one/1", "--transcript"]).stdout;
    assert!(shown.contains("calls no_such_tool"), "{shown}");
    assert_eq!(number(&context.json(&["replay"]), "identical"), 1.0);

    let error = json!({"error": {"message": "too long", "code": "context_length_exceeded"}});
    let server = ModelServer::start(move |_| Answer::new(400, &error));
    chat(&context, &server.url(), "");
    let output = run_chat(&context, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!((server.asked().len(), &context.json(&["show"])[0]["state"]), (1, &json!("fail")));
    let events = context.json(&["show", "latest/one/1"]);
    let decided = events.as_array().unwrap().iter().find(|event| event["event"] == "decided").unwrap();
    let why = text(decided, "record/verdict/explanation");
    assert!(why.contains("the agent gave up: ") && why.contains("context_length_exceeded"), "{why}");
}

/// Looks at a process and all that it starts until it ends: how many children there were, and where
/// the key was.
fn watched(pid: u32) -> (usize, Vec<String>) {
    let (mut children, mut found) = (std::collections::BTreeSet::new(), Vec::new());
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        let pids = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        for other in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            let is_child = other != pid && parent(other) == Some(pid);
            let looked_at: &[&str] = match (is_child, other == pid) {
                (true, _) => &["cmdline", "environ"],
                (_, true) => &["cmdline"],
                _ => continue,
            };
            if is_child {
                // Until it executes its program it is the host itself, whose memory it shares.
                let command = |pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                if command(other) == command(pid) {
                    continue;
                }
                children.insert(other);
            }
            for file in looked_at {
                let path = format!("/proc/{other}/{file}");
                if holds(&fs::read(&path).unwrap_or_default(), CANARY) {
                    found.push(path);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    (children.len(), found)
}

#[test]
fn a_key_is_found_nowhere() {
    let context = Context::new();
    context.small_suite("suite");
    // A stranger's agent is compiled in a child process: one of those that are built in, with a custom
    // section that says nothing. It is small, and asks no model.
    let mut component = lancet_builtin::find(Role::Agent, "first").unwrap().component.to_vec();
    component.extend(b"\0\x05\x04mine");
    fs::write(context.path("agent.wasm"), component).unwrap();
    // A server that tells the key back, where it fails and where it answers.
    let server = ModelServer::start(|asked| match asked.number {
        0 => {
            Answer::new(503, json!({"error": {"message": format!("busy, {CANARY}"), "type": "server_error"}}))
        }
        1 => Answer::picks(1),
        _ => Answer::new(401, json!({"error": {"message": format!("Incorrect API key: {CANARY}")}})),
    });
    let mut outputs = Vec::new();
    let mut run = |agent: &str, models: &str, envs: &[(&str, &str)], code: i32| {
        fs::write(context.path("models.toml"), models).unwrap();
        let mut command = context.command(&["run", "suite", "--agent", agent, "--models", "models.toml"]);
        command.envs(envs.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (children, found) = watched(child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(found.is_empty(), "{found:?}");
        outputs.push(said(&output));
        children
    };
    let model =
        format!("[[model]]\nform = \"chat\"\nid = \"m\"\nbase-url = \"{}\"\ntries = 3\n", server.url());
    let named = format!("{model}key-env = \"NICE_KEY\"\n");
    let cache = context.path("cache");
    let stranger = [("NICE_KEY", CANARY), ("LANCET_CACHE", cache.to_str().unwrap())];
    assert!(run("./agent.wasm", &named, &stranger, 2) > 0, "no child process was seen");
    run("tool-loop", &named, &[("NICE_KEY", CANARY)], 0);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{CANARY}\nand a note\n")).unwrap();
    run("tool-loop", &format!("{model}key-file = \"{}\"\n", file.path().display()), &[], 5);
    // Where a key is expected to be named, and is given.
    run("tool-loop", &format!("{model}key-env = \"{CANARY} \"\n"), &[], 2);
    run("tool-loop", &format!("{model}api-key = \"{CANARY}\"\n"), &[], 2);
    fs::remove_file(context.path("models.toml")).unwrap();

    let show = context.json(&["show"]);
    let attempt = text(&show[0], "attempt");
    for arguments in [
        &["report"][..],
        &["report", "--format", "json"],
        &["show", attempt],
        &["show", attempt, "--format", "json"],
        &["show", attempt, "--transcript", "--full"],
        &["show", attempt, "--transcript", "--format", "json"],
        &["runs"],
        &["doctor"],
    ] {
        let outcome = context.lancet(arguments);
        outputs.push(outcome.stdout + &outcome.stderr);
    }
    for output in &outputs {
        assert!(!output.contains(CANARY), "{output}");
    }
    let found = files_with(CANARY, &context.path(""));
    assert!(found.is_empty(), "{found:?}");
    assert!(server.asked().iter().all(|asked| asked.head.contains(CANARY)), "its server got it");
}

/// An agent that reads all of its memory after it has asked a model, in the host's process
/// and in one of its own.
#[test]
fn a_key_is_in_no_guest_s_memory() {
    let context = Context::new();
    context.small_suite("suite");
    let agent = lancet_hostile::component(lancet_hostile::case("reads-memory-agent").unwrap());
    fs::write(context.path("agent.wasm"), agent).unwrap();
    // It must not be told what it looks for.
    fs::write(context.path("backwards"), CANARY.chars().rev().collect::<String>()).unwrap();
    let server = ModelServer::start(|_| Answer::picks(1));
    chat(&context, &server.url(), "");
    for (isolation, asked) in [("in-process", 1), ("process", 2)] {
        let run = ["run", "suite", "--agent", "./agent.wasm", "--models", "models.toml"];
        let more = ["--input", "backwards", "--isolation", isolation];
        let output = context.command(&[&run[..], &more].concat()).env("NICE_KEY", CANARY).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{isolation}: {}", said(&output));
        let show = context.json(&["show"]);
        assert_ne!(show[0]["reason"], "no-submission", "{isolation}: {show:#}");
        assert_eq!(server.asked().len(), asked, "{isolation}");
    }
    assert!(server.asked().iter().all(|asked| asked.head.contains(CANARY)), "its server got it");
}
