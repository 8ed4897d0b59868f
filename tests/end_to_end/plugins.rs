//! What is refused before it runs, and what is contained while it runs.

use std::fs;

use lancet_core::Role;

use crate::context::{Context, copy, number, sample};

fn builtin(name: &str) -> Vec<u8> {
    let plugin = lancet_builtin::find(Role::Agent, name).or_else(|| lancet_builtin::find(Role::Grader, name));
    plugin.unwrap().component.to_vec()
}

/// Runs a component's file as an agent on the sample suite.
fn run(context: &Context, agent: &str) -> crate::context::Outcome {
    context.lancet(&["run", sample().to_str().unwrap(), "--agent", agent])
}

#[test]
fn gold_without_the_grant_is_refused_and_nothing_is_written() {
    let context = Context::new();
    run(&context, "gold").fails(4, &["gold", "lancet:plugin/answer-key@0.1.0", "--grant answer-key"]);
    assert!(!context.path("store").exists());
}

#[test]
fn an_unknown_agent_is_bad_usage() {
    let context = Context::new();
    run(&context, "fisrt").fails(2, &["fisrt", "did you mean `first`"]);
    run(&context, "gpt").fails(2, &["gpt", "built in are", "./gpt.wasm"]);
    run(&context, "./nowhere.wasm").fails(2, &["nowhere.wasm"]);
    run(&context, "manager-choice").fails(2, &["manager-choice"]);
}

#[test]
fn what_is_no_component_says_what_it_is() {
    let context = Context::new();
    let whole = builtin("first");
    let mut padded = whole.clone();
    padded.resize((64 << 20) + 1, 0);
    let cases: [(&str, Vec<u8>, &[&str]); 7] = [
        ("empty.wasm", Vec::new(), &["not WebAssembly"]),
        ("text.wasm", b"hello".to_vec(), &["not WebAssembly"]),
        ("module.wasm", wat::parse_str("(module)").unwrap(), &["core module", "wasm-tools component new"]),
        ("truncated.wasm", whole[..whole.len() / 2].to_vec(), &["not a valid component"]),
        ("large.wasm", padded, &["64 MiB"]),
        ("nothing.wasm", wat::parse_str("(component)").unwrap(), &["exports neither"]),
        (
            "newer.wasm",
            wat::parse_str(
                r#"(component (instance $i) (export "lancet:plugin/solving@0.2.0" (instance $i)))"#,
            )
            .unwrap(),
            &["solving@0.2.0", "serves version 0.1.0"],
        ),
    ];
    for (name, bytes, fragments) in cases {
        fs::write(context.path(name), bytes).unwrap();
        run(&context, &format!("./{name}")).fails(4, &[&[name], fragments].concat());
    }
    fs::write(context.path("grader.wasm"), builtin("manager-choice")).unwrap();
    run(&context, "./grader.wasm").fails(4, &["grader.wasm", "its role is `grader`, expected `agent`"]);
    assert!(!context.path("store").exists());
}

#[test]
fn a_plugin_swapped_behind_its_name_is_refused() {
    let context = Context::new();
    fs::write(context.path("mine.wasm"), builtin("first")).unwrap();
    let digest = lancet_core::Sha256::of(&builtin("first"));
    let pinned = format!("./mine.wasm@{digest}");
    assert_eq!(run(&context, &pinned).code, Some(0));
    fs::write(context.path("mine.wasm"), builtin("last")).unwrap();
    for isolation in ["in-process", "process"] {
        let sample = sample();
        let run = ["run", sample.to_str().unwrap(), "--agent", &pinned, "--isolation", isolation];
        context.lancet(&run).fails(4, &["mine.wasm", "pinned to", &digest.to_string()]);
    }
}

#[test]
fn a_grader_swapped_behind_its_digest_is_refused() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    fs::create_dir(suite.join("graders")).unwrap();
    fs::write(suite.join("graders/mine.wasm"), builtin("manager-choice")).unwrap();
    let digest = lancet_core::Sha256::of(&builtin("manager-choice"));
    let task = suite.join("tasks/one/task.toml");
    let text = fs::read_to_string(&task).unwrap();
    let text = text.replace(
        "plugin = \"manager-choice\"",
        &format!("file = \"graders/mine.wasm\"\ndigest = \"{digest}\""),
    );
    fs::write(&task, text).unwrap();
    let report = context.json(&["run", suite.to_str().unwrap(), "--agent", "last"]);
    assert_eq!(number(&report, "totals/all/pass"), 1.0);
    fs::write(suite.join("graders/mine.wasm"), builtin("first")).unwrap();
    for isolation in ["in-process", "process"] {
        context
            .lancet(&["run", suite.to_str().unwrap(), "--agent", "last", "--isolation", isolation])
            .fails(3, &["graders/mine.wasm", "digest"]);
    }
}

#[test]
fn inspect_lists_imports_and_who_grants_them() {
    let context = Context::new();
    let outcome = context.lancet(&["plugin", "inspect", "gold"]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stdout.contains("the operator: `--grant answer-key`"), "{}", outcome.stdout);
    let json = context.json(&["plugin", "inspect", "manager-choice"]);
    assert_eq!(json["role"], "grader");
    assert!(json["bytes"].as_u64().unwrap() < 100_000);
    assert_eq!(context.json(&["plugin", "list"]).as_array().unwrap().len(), 14);
}

#[test]
fn a_fault_fails_the_attempt_and_leaves_its_neighbours_alone() {
    // Misbehaves on tasks whose id contains `evil`, and works on the others.
    let context = Context::new();
    let suite = context.small_suite("suite");
    let evil = suite.join("tasks/evil-two");
    copy(&suite.join("tasks/one"), &evil);
    for (name, reason) in
        [("endless-loop-agent", "agent-out-of-fuel"), ("allocate-agent", "agent-out-of-memory")]
    {
        let component = lancet_hostile::component(lancet_hostile::case(name).unwrap());
        fs::write(context.path("evil.wasm"), component).unwrap();
        let outcome =
            context.lancet(&["run", suite.to_str().unwrap(), "--agent", "./evil.wasm", "--format", "json"]);
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
        let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(number(&report, "totals/all/invalid"), 0.0, "{name}");
        assert_eq!(number(&report, "totals/all/tasks"), 2.0, "{name}");
        let attempts = context.json(&["show"]);
        assert_eq!(attempts[0]["reason"], reason, "{name}");
        assert_eq!(attempts[0]["state"], "fail", "{name}");
        assert_eq!(attempts[1]["reason"], "wrong-choice", "{name}");
        // A fault replays like everything else.
        assert_eq!(context.json(&["replay"])["identical"], 2, "{name}");
    }
}
