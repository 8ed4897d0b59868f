//! What strangers write reaches people as text that is shown, and as no more of it than they read.

use std::fs;

use lancet_core::Role;
use serde_json::json;

use crate::context::{Context, copy, hostile};
use crate::packages::GRADER;

/// What turns, moves, rings, or is not seen; a line's end is in it, too.
const TURNS: &str = "gold\u{202e}ton\u{2066}\u{200b}\u{3164}\u{feff}\u{9b}31m";
/// The same where nothing stands that a terminal obeys; for names of files, which may have all but `/` and NUL.
const OBEYED: &str = "\u{1b}[2J\u{7}\r\u{1b}]0;title\u{7}";
/// The most characters of a line for people, and what stands around one.
const MAX_LINE: usize = 2_100;

/// Whether a character may not stand in what is printed.
fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n')
        || ['\u{202e}', '\u{2066}', '\u{200b}', '\u{3164}', '\u{feff}', '\u{2028}'].contains(&c)
}

/// A context in which every text is a stranger's: a suite, a run of it with an agent by such a name, a package,
/// fixtures, keys and predictions.
fn strange() -> (Context, String) {
    let context = Context::new();
    let long = TURNS.repeat(3_000);
    let suite = context.small_suite("suite");
    copy(&suite.join("tasks/one"), &suite.join("tasks/evil"));
    fs::remove_dir_all(suite.join("tasks/one")).unwrap();
    let task = fs::read_to_string(suite.join("tasks/evil/task.toml")).unwrap();
    let name = toml_text(&TURNS.repeat(20));
    let titled = task.replace("title = \"One\"", &format!("title = \"{name}\""));
    fs::write(suite.join("tasks/evil/task.toml"), titled).unwrap();
    fs::write(suite.join("suite.toml"), format!("name = \"{name}\"\ndescription = \"{name}\"\n")).unwrap();
    fs::write(suite.join(format!("README{TURNS}{OBEYED}")), "").unwrap();

    // Refused, with names in each message.
    copy(&suite, &context.path("wrong"));
    let keys: String = (0..20).map(|key| format!("\"{}{key}\" = 1\n", toml_text(&long))).collect();
    fs::write(context.path("wrong/suite.toml"), format!("name = \"x\"\n{keys}")).unwrap();
    fs::write(context.path(&format!("wrong/{TURNS}{OBEYED}")), "").unwrap();
    let title = format!("title = \"{}\"", toml_text(&long));
    fs::write(context.path("wrong/tasks/evil/task.toml"), task.replace("title = \"One\"", &title)).unwrap();

    let agent = format!("./agent{TURNS}{OBEYED}.wasm");
    fs::write(context.path(&agent), hostile("panic-agent")).unwrap();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    fs::write(context.path("grader.wasm"), grader.component).unwrap();
    for (file, text) in [("strange.toml", TURNS.to_owned()), ("long.toml", long.clone())] {
        let text = toml_text(&text);
        let mut said = GRADER.to_owned();
        for words in [
            "Pays whoever chose the right proposal.",
            "Ada <ada@example.org>",
            "It says there what a panic is about.",
        ] {
            said = said.replace(words, &text);
        }
        fs::write(context.path(file), said).unwrap();
    }
    fs::create_dir(context.path("fixtures")).unwrap();
    let submission = json!({"choice": 3});
    for (name, outcome, reason) in [
        (format!("a{TURNS}{OBEYED}"), "pass", TURNS),
        ("b".to_owned(), "pass", "wrong-proposal"),
        ("c".into(), &long, "x"),
    ] {
        let fixture = json!({
            "fixture": 1, "contract": "0.1.0", "role": "grader",
            "task": {"id": "one", "kind": "swe-manager", "proposals": [{"id": 3, "text": TURNS}]},
            "submission": submission, "answer-key": {"correct": 0, TURNS: 1}, "expect": {"outcome": outcome, "reason": reason},
        });
        fs::write(context.path(&format!("fixtures/{name}.json")), fixture.to_string()).unwrap();
    }
    fs::write(context.path("p.jsonl"), json!({"instance_id": long, "model_patch": TURNS}).to_string())
        .unwrap();
    (context, agent)
}

/// A text for a string of TOML, with everything but letters as an escape.
fn toml_text(text: &str) -> String {
    let escaped = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '[' => c.to_string(),
        c => format!("\\u{:04x}", u32::from(c)),
    };
    text.chars().map(escaped).collect()
}

#[test]
fn strangers_words_do_nothing_but_be_shown_and_are_cut() {
    let (context, agent) = strange();
    let long = TURNS.repeat(3_000);
    let run = context.lancet(&["run", "suite", "--agent", &agent]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(context.lancet(&["key", "new", "mine"]).code, Some(0));
    let mut wrong = Vec::new();
    let mut seen = 0;
    let commands: [&[&str]; 24] = [
        &["run", "suite", "--agent", &agent],
        &["run", "wrong", "--agent", "first"],
        &["run", "suite", "--agent", &long],
        &["report"],
        &["runs"],
        &["show"],
        &["show", "latest/evil/1"],
        &["show", "latest/evil/1", "--artifact", TURNS],
        &["regrade"],
        &["replay"],
        &["suite", "check", "suite"],
        &["suite", "check", "wrong"],
        &["grade", "suite", "--predictions", "p.jsonl"],
        &["plugin", "inspect", &agent],
        &["plugin", "check", &agent],
        &["plugin", "pack", "grader.wasm", "--manifest", "strange.toml", "--output", "strange.wasm"],
        &["plugin", "inspect", "strange.wasm"],
        &["plugin", "pack", "grader.wasm", "--manifest", "long.toml", "--output", "long.wasm"],
        &["plugin", "test", "manager-choice", "--fixtures", "fixtures"],
        &["policy", "explain", &agent],
        &["key", "revoke", "mine", "--reason", TURNS],
        &["key", "list"],
        &["suite", "lock", "suite"],
        &["attest", "--key", "mine", "--output", "new.jsonl"],
    ];
    for command in commands {
        for format in ["", "csv", "json"] {
            let formatted = [command, &["--format", format]].concat();
            let words = if format.is_empty() { command } else { &formatted };
            let outcome = context.lancet(words);
            let told = [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)];
            for (stream, text) in told {
                seen += usize::from(text.contains("\\u{202e}") || text.contains("\\u202e"));
                let is_for_people = stream == "stderr" || format.is_empty();
                let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
                if let Some(c) = text.chars().find(|c| is_unsafe(*c)) {
                    wrong.push(format!("{words:.60?} {format}: {stream} has {c:?}"));
                }
                if is_for_people && longest > MAX_LINE {
                    wrong.push(format!("{words:.60?} {format}: {stream} has a line of {longest} characters"));
                }
            }
            // What has no `--format` has one form.
            if format == "csv" && outcome.code == Some(2) && outcome.stderr.contains("--format") {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 30, "strangers' words are in {seen} outputs");
}
