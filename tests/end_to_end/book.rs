//! The book's chapters are followed to the letter, where that takes neither Docker nor a network.

use std::fs;

use crate::context::{Context, workspace};

/// What stands between two lines of a chapter.
fn part(chapter: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(workspace().join("docs").join(chapter)).unwrap();
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{chapter}: no {from:?}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{chapter}: no {to:?}")).0.to_owned()
}

/// The commands of a text, each of them in words.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let typed = text.lines().filter_map(|line| line.strip_prefix("$ lancet "));
    typed.map(|line| line.split(" #").next().unwrap().split_whitespace().collect()).collect()
}

#[test]
fn a_first_run_goes_as_it_says() {
    let context = Context::new();
    let text = part("first-run.md", "\n## Run a suite\n", "\nThis \"model\" is a file");
    let commands = commands(&text);
    assert!(commands.len() > 7, "{commands:?}");
    for command in commands {
        let output = context.command(&command).current_dir(workspace()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "{command:?}");
    }
}

#[test]
fn a_suite_is_begun_and_in_order() {
    let context = Context::new();
    let text = part("task.md", "# Contribute a task\n", "\n## A manager task\n");
    let commands = commands(&text);
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in commands {
        let outcome = context.lancet(&command);
        assert_eq!(outcome.code, Some(0), "{command:?}: {}{}", outcome.stdout, outcome.stderr);
    }
}

#[test]
fn a_managers_task_is_one_when_it_is_written_as_shown() {
    let context = Context::new();
    let text = part("task.md", "\n## A manager task\n", "\n## An IC task\n");
    let files: Vec<&str> =
        text.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    let suite = context.path("my-suite");
    let task = suite.join("tasks/search-race");
    fs::create_dir_all(task.join("proposals")).unwrap();
    fs::create_dir_all(task.join("private")).unwrap();
    for file in &files {
        let name = file.lines().next().unwrap().trim_start_matches("# ");
        let folder = if name == "suite.toml" { &suite } else { &task };
        fs::write(folder.join(name), file).unwrap();
    }
    let key = text.split_once("`private/answer-key.json` is `").unwrap().1.split_once('`').unwrap().0;
    fs::write(task.join("private/answer-key.json"), key).unwrap();
    for text in ["statement.md", "proposals/0.md", "proposals/1.md"] {
        fs::write(task.join(text), "A text.\n").unwrap();
    }
    let commands = commands(&text);
    assert_eq!((files.len(), commands.len()), (2, 3));
    for command in commands {
        let outcome = context.lancet(&command);
        assert_eq!(outcome.code, Some(0), "{command:?}: {}{}", outcome.stdout, outcome.stderr);
    }
}
