//! Packages: made, inspected, run, and refused where they are not what they say.

use std::fs;

use lancet_core::Role;

use crate::context::{Context, hostile, judged_by, number, workspace};

/// What the built-in grader `manager-choice` would say of itself.
const GRADER: &str = r#"name = "acme/right-choice"
version = "1.2.0"
contract = "0.1.0"
world = "grader"
description = "Pays whoever chose the right proposal."
authors = ["Ada <ada@example.org>"]
licence = "Apache-2.0"
source = "https://example.org/acme/right-choice"

[asks]
log = "It says there what a panic is about."
submission = "It reads which proposal was chosen."
answer-key = "It compares that with the right one."

[limits]
memory-mib = 16
"#;

/// A context with the grader's component, and its manifest.
fn bench() -> Context {
    let context = Context::new();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    fs::write(context.path("bare.wasm"), grader.component).unwrap();
    fs::write(context.path("plugin.toml"), GRADER).unwrap();
    context
}

#[test]
fn a_package_is_made_inspected_run_and_named_in_the_journal() {
    let context = bench();
    let packed = context.lancet(&["plugin", "pack", "bare.wasm", "-o", "packed.wasm"]);
    assert_eq!(packed.code, Some(0), "{}", packed.stderr);
    assert!(packed.stdout.contains("packed.wasm: acme/right-choice 1.2.0, grader, "), "{}", packed.stdout);
    let package = fs::read(context.path("packed.wasm")).unwrap();
    assert!(packed.stdout.contains(&lancet_core::Sha256::of(&package).to_string()));

    let text = context.lancet(&["plugin", "inspect", "./packed.wasm"]).stdout;
    for words in [
        "package acme/right-choice 1.2.0 (world `grader`)",
        "source  https://example.org/acme/right-choice",
        "needs   16 MiB of memory",
        "\nanswer-key\n  lets it  read the task's private answer key\n  asks     It compares that with the right one.\n  \
         granted  by the role `grader`\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let json = context.json(&["plugin", "inspect", "./packed.wasm"]);
    assert_eq!(json["package"]["version"], "1.2.0");
    assert_eq!(json["package"]["needs_memory_mib"], 16);
    let imports = json["imports"].as_array().unwrap();
    let submission = imports.iter().find(|import| import["capability"] == "submission").unwrap();
    assert_eq!(submission["why"], "It reads which proposal was chosen.");
    assert!(submission["lets"].as_str().unwrap().contains("what was handed in"));
    // A component without a manifest has all that it had, and no more of it.
    let bare = context.json(&["plugin", "inspect", "./bare.wasm"]);
    assert!(bare.get("package").is_none() && bare["imports"][0].get("why").is_none());

    let suite = context.small_suite("suite");
    judged_by(&suite, &package);
    let suite = suite.to_str().unwrap();
    let report = context.json(&["run", suite, "--agent", "last"]);
    assert_eq!(number(&report, "totals/all/pass"), 1.0);
    let events = context.json(&["show", "latest/one/1"]);
    let packages: Vec<_> = events.as_array().unwrap().iter().filter(|e| e["event"] == "began").collect();
    assert!(packages[0].get("package").is_none());
    assert_eq!(packages[1]["package"]["name"], "acme/right-choice");
    let shown = context.lancet(&["show", "latest/one/1"]).stdout;
    assert!(shown.contains("(acme/right-choice 1.2.0) may use"), "{shown}");
    assert_eq!(context.json(&["replay"])["identical"], 1);
    assert_eq!(context.json(&["regrade", "latest", "--grader", "./packed.wasm"])["changed"], 0);

    // It needs more than it would be given.
    let refused = ["run", suite, "--agent", "last", "--grader-memory", "8"];
    context.lancet(&refused).fails(
        4,
        &["graders/mine.wasm", "`limits.memory-mib` of at least 16", "the limit is 8", "--grader-memory 16"],
    );
}

/// What authors are shown is what is taken.
#[test]
fn the_manifest_in_the_guide_packs_a_grader() {
    let context = bench();
    let guide = fs::read_to_string(workspace().join("plugins/README.md")).unwrap();
    let (_, after) = guide.split_once("```toml\nname = \"acme/").unwrap();
    let (manifest, _) = after.split_once("```").unwrap();
    fs::write(context.path("plugin.toml"), format!("name = \"acme/{manifest}")).unwrap();
    let packed = context.lancet(&["plugin", "pack", "bare.wasm", "-o", "packed.wasm"]);
    assert_eq!(packed.code, Some(0), "{}", packed.stderr);
}

/// A grader that says in its verdict what was set of it.
const SETTABLE: &str = r#"name = "acme/set"
version = "0.1.0"
contract = "0.1.0"
world = "grader"
description = "Says what was set of it."
authors = ["Ada"]
licence = "MIT"

[asks]
log = "It says there what a panic is about."
settings = "What is set of it is what it says."

[settings]
required = ["strictness"]

[settings.properties.strictness]
type = "integer"
minimum = 0
maximum = 10
description = "How strict it is."

[settings.properties.note]
type = "string"
pattern = "^[a-z]*$"
default = "none"
"#;

/// Changes what the task of the small suite sets of its grader.
fn set(context: &Context, settings: &str) {
    let package = lancet_package::write(&hostile("imports-settings-grader"), SETTABLE).unwrap();
    let suite = context.small_suite("suite");
    judged_by(&suite, &package);
    let task = suite.join("tasks/one/task.toml");
    let text = fs::read_to_string(&task).unwrap();
    fs::write(&task, text.replacen("\n\n[[proposals]]", &format!("\n{settings}\n\n[[proposals]]"), 1))
        .unwrap();
}

#[test]
fn what_is_set_of_a_grader_is_checked_read_and_recorded() {
    let context = Context::new();
    let suite = context.path("suite");
    let suite = suite.to_str().unwrap();
    let said = || {
        let events = context.json(&["show", "latest/one/1"]);
        let events = events.as_array().unwrap().clone();
        let read = events.iter().filter(|event| event["call"]["request"]["call"] == "settings-value").count();
        let graded = events.iter().find(|event| event["event"] == "graded").unwrap();
        (read, graded["verdict"]["explanation"].as_str().unwrap().to_owned())
    };
    set(&context, "settings = { strictness = 3 }");
    assert_eq!(context.lancet(&["suite", "check", suite]).code, Some(0));
    context.json(&["run", suite, "--agent", "last"]);
    assert_eq!(said(), (2, "strictness 3, note \"none\"".to_owned()));
    assert_eq!(context.json(&["replay"])["identical"], 1);
    assert_eq!(context.json(&["regrade", "latest"])["changed"], 0);
    // The same component with other words of itself judges by the same values.
    let other =
        lancet_package::write(&hostile("imports-settings-grader"), &SETTABLE.replace("= 10", "= 2")).unwrap();
    fs::write(context.path("other.wasm"), other).unwrap();
    let refused = ["regrade", "latest", "--grader", "./other.wasm"];
    context.lancet(&refused).fails(2, &["`strictness`", "from 0 to 2, not `3`", "/other.wasm", "task `one`"]);
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    fs::write(context.path("bare.wasm"), grader.component).unwrap();
    let refused = ["regrade", "latest", "--grader", "./bare.wasm"];
    context.lancet(&refused).fails(2, &["no setting `strictness`; there are none", "/bare.wasm"]);

    // The operator's word comes before the task's.
    let set_note =
        ["run", suite, "--agent", "last", "--set", "grader:strictness=10", "--set", "grader:note=abc"];
    context.json(&set_note);
    assert_eq!(said(), (2, "strictness 10, note \"abc\"".to_owned()));
    assert_eq!(context.json(&["replay"])["identical"], 1);
    let run = |setting: &str| context.lancet(&["run", suite, "--agent", "last", "--set", setting]);
    run("grader:strictness=11")
        .fails(2, &["`strictness`", "a whole number from 0 to 10, not `11`", "task `one`"]);
    run("grader:note=A").fails(2, &["`note`", "matches `^[a-z]*$`, not `A`"]);
    run("grader:steps=1").fails(2, &["no grader of the run has a setting `steps`", "note, strictness"]);
    run("strictness=1").fails(2, &["the agent has no setting `strictness`"]);

    let text = context.lancet(&["plugin", "inspect", "./other.wasm"]).stdout;
    for words in ["(has to be given)", "How strict it is.", "granted  by the settings of its manifest"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let json = context.json(&["plugin", "inspect", "./other.wasm"]);
    assert_eq!(json["package"]["settings"]["properties"]["strictness"]["maximum"], 2);
}

#[test]
fn what_a_task_sets_amiss_is_refused_before_a_run() {
    let context = Context::new();
    let suite = context.path("suite");
    let suite = suite.to_str().unwrap();
    for (settings, words) in [
        ("", &["`strictness` has to be given", "graders/mine.wasm", "task `one`", "[grader.settings]"][..]),
        ("settings = { strictness = 11 }", &["`strictness`", "from 0 to 10, not `11`"]),
        ("settings = { strictness = \"3\" }", &["`strictness`", "not `\"3\"`"]),
        ("settings = { strictness = 3, other = 1 }", &["no setting `other`; there are note, strictness"]),
        ("settings = { strictness = [3] }", &["task.toml", "`grader.settings.strictness`", "true or false"]),
        ("settings = { strictness = 2020-01-01 }", &["task.toml", "`grader.settings.strictness`"]),
        ("settings = { strictness = nan }", &["task.toml", "`grader.settings.strictness`"]),
        ("settings = 3", &["task.toml", "`grader.settings`", "a table"]),
    ] {
        set(&context, settings);
        context.lancet(&["run", suite, "--agent", "last"]).fails(3, words);
        // The operator may give what a task leaves out.
        let checked = context.lancet(&["suite", "check", suite]);
        assert_eq!(
            checked.code == Some(0),
            settings.is_empty(),
            "{settings}: {}{}",
            checked.stdout,
            checked.stderr
        );
    }
    set(&context, "");
    let given = ["run", suite, "--agent", "last", "--set", "grader:strictness=1"];
    assert_eq!(context.lancet(&given).code, Some(0));
    let built_in = context.small_suite("suite").join("tasks/one/task.toml");
    let text = fs::read_to_string(&built_in).unwrap();
    let text = text.replace("\"manager-choice\"", "\"manager-choice\"\nsettings = { strictness = 1 }");
    fs::write(&built_in, text).unwrap();
    context.lancet(&["run", suite, "--agent", "last"]).fails(3, &["`grader.settings`", "built-in grader"]);
}

#[test]
fn what_cannot_be_packed_says_why_and_writes_nothing() {
    let context = bench();
    let pack = ["plugin", "pack", "bare.wasm", "--output", "packed.wasm"];
    for (from, to, code, words) in [
        ("submission =", "artifacts =", 2, &["`plugin.toml`", "`asks`", "imports `submission`"][..]),
        (
            "[limits]",
            "tests = \"It may.\"\n[limits]",
            2,
            &["`asks.tests`", "does not import it", "hint: remove it"],
        ),
        ("\"grader\"", "\"agent\"", 2, &["`asks.submission`", "nobody can grant"]),
        ("memory-mib", "memory", 2, &["`limits.memory`", "unknown key", "fuel, memory-mib, seconds"]),
        ("\"1.2.0\"", "\"one\"", 2, &["`version`", "1.2.3"]),
        ("\"0.1.0\"", "\"0.1.9\"", 2, &["`contract`", "grading@0.1.0"]),
        ("[asks]", "[asks", 2, &["`plugin.toml`", "line 10", "no TOML"]),
    ] {
        fs::write(context.path("plugin.toml"), GRADER.replacen(from, to, 1)).unwrap();
        context.lancet(&pack).fails(code, words);
    }
    fs::write(context.path("plugin.toml"), " ".repeat(70_000)).unwrap();
    context.lancet(&pack).fails(2, &["`plugin.toml`", "64 KiB"]);
    fs::write(context.path("plugin.toml"), b"\xff").unwrap();
    context.lancet(&pack).fails(2, &["`plugin.toml`", "no UTF-8"]);
    fs::remove_file(context.path("plugin.toml")).unwrap();
    context.lancet(&pack).fails(2, &["plugin.toml", "hint: `--manifest FILE`"]);
    fs::create_dir(context.path("plugin.toml")).unwrap();
    context.lancet(&pack).fails(2, &["it is a folder", "hint: `--manifest FILE`"]);
    fs::remove_dir(context.path("plugin.toml")).unwrap();
    fs::write(context.path("plugin.toml"), GRADER).unwrap();
    fs::write(context.path("module.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    context.lancet(&["plugin", "pack", "module.wasm", "-o", "packed.wasm"]).fails(4, &["core module"]);
    context
        .lancet(&["plugin", "pack", "bare.wasm", "-o", "./bare.wasm"])
        .fails(2, &["is the component itself"]);
    context
        .lancet(&["plugin", "pack", "bare.wasm", "-o", "plugin.toml"])
        .fails(2, &["is the manifest itself"]);
    assert_eq!(fs::read_to_string(context.path("plugin.toml")).unwrap(), GRADER);
    context.lancet(&["plugin", "pack", "bare.wasm", "-o", "."]).fails(2, &["no regular file"]);
    assert!(!context.path("packed.wasm").exists());
    assert_eq!(context.lancet(&pack).code, Some(0));
    let again = ["plugin", "pack", "packed.wasm", "-o", "again.wasm"];
    context.lancet(&again).fails(4, &["`packed.wasm`", "is a package already", "lancet plugin pack"]);
    let leftovers = fs::read_dir(context.path(".")).unwrap().flatten();
    assert!(
        leftovers
            .map(|entry| entry.file_name())
            .all(|name| !name.to_string_lossy().starts_with(".lancet-pack"))
    );
}

#[test]
fn a_package_that_is_not_what_it_says_is_refused_wherever_it_is_met() {
    let context = bench();
    let bare = fs::read(context.path("bare.wasm")).unwrap();
    let good = lancet_package::write(&bare, GRADER).unwrap();
    let lying = lancet_package::write(&bare, &GRADER.replace("submission =", "artifacts =")).unwrap();
    let doubled = [good.as_slice(), &good[bare.len()..]].concat();
    let suite = context.small_suite("suite");
    let suite = suite.to_str().unwrap();
    for (package, words) in [
        (lying, "imports `submission`, and the manifest does not ask for it"),
        (doubled, "2 sections `lancet:plugin`"),
    ] {
        fs::write(context.path("packed.wasm"), &package).unwrap();
        context.lancet(&["plugin", "inspect", "./packed.wasm"]).fails(4, &["packed.wasm", words, "hint: "]);
        judged_by(context.path("suite").as_path(), &package);
        context.lancet(&["run", suite, "--agent", "last"]).fails(4, &["graders/mine.wasm", words]);
        let checked = context.lancet(&["suite", "check", suite]);
        assert!(checked.code != Some(0) && format!("{}{}", checked.stdout, checked.stderr).contains(words));
        context.small_suite("suite");
    }
    assert!(!context.path("store").exists());
}
