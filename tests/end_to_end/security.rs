//! What SECURITY.md says of its tests is so: they are there, and no reason of the host's
//! is without a row.

use std::fs;
use std::path::PathBuf;

use lancet_core::{FaultKind, InfraFaultKind, NO_PATCH, PATCH_DOES_NOT_APPLY, RefusalKind};

use crate::context::workspace;

/// The rows of the tables whose last column says what holds them: their cells.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let (mut rows, mut is_held) = (Vec::new(), false);
    for line in document.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            is_held &= line.starts_with("|---");
            continue;
        };
        let cells: Vec<&str> = row.split(" | ").collect();
        if is_held {
            rows.push(cells);
        } else {
            is_held = cells.last() == Some(&"held by");
        }
    }
    rows
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// What is wrong with what a cell names as its tests.
fn problems(cell: &str, reasons: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut source: Option<(PathBuf, String)> = None;
    let mut named = 0;
    for name in quoted(cell) {
        let is_case = name.starts_with(|c: char| c.is_ascii_digit());
        if is_case {
            let file = workspace().join("tests/hostile/submissions").join(name);
            let is_there =
                ["sh", "patch"].into_iter().any(|ending| file.with_added_extension(ending).is_file());
            if !is_there {
                problems.push(format!("there is no case `{name}`"));
            }
        } else if name.contains('/') || name.ends_with(".rs") {
            let folder = if name.contains('/') { "" } else { "host/docker/tests/attempt" };
            let path = workspace().join(folder).join(name);
            let text = fs::read_to_string(&path).unwrap_or_default();
            if path.is_dir() {
                source = None;
            } else if text.contains("#[test]") || text.contains("#[tokio::test") {
                source = Some((path, text));
            } else {
                problems.push(format!("`{name}` is no file with tests"));
            }
        } else if name.contains('_') {
            let is_there = |text: &str| text.contains(&format!("fn {name}("));
            match &source {
                Some((_, text)) if is_there(text) => {}
                Some((path, _)) => problems.push(format!("there is no test `{name}` in {}", path.display())),
                None => problems.push(format!("`{name}` comes after no file")),
            }
        } else if reasons.iter().any(|reason| reason == name) {
            continue;
        } else {
            problems.push(format!("`{name}` is neither file, test, case nor reason"));
        }
        named += 1;
    }
    if named == 0 && !quoted(cell).any(|name| reasons.iter().any(|reason| reason == name)) {
        problems.push("no test is named".to_owned());
    }
    problems
}

#[test]
fn names_tests_that_are_there_and_every_reason_of_the_hosts() {
    let document = fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let faults = FaultKind::ALL.map(|kind| kind.as_str().to_owned());
    let mut reasons: Vec<String> = ["agent", "grader"]
        .into_iter()
        .flat_map(|role| faults.iter().map(move |fault| format!("{role}-{fault}")))
        // An agent that says that it has no answer has handed in nothing.
        .filter(|reason| reason != "agent-error")
        .collect();
    reasons.extend(InfraFaultKind::ALL.map(|kind| kind.as_str().to_owned()));
    reasons.extend(RefusalKind::ALL.map(|kind| kind.as_str().to_owned()));
    reasons.extend([NO_PATCH, PATCH_DOES_NOT_APPLY].map(str::to_owned));

    let rows = rows(&document);
    assert!(rows.len() > 40, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let held_by = row.last().unwrap();
        // Its tests are those of the rows of each reason.
        if *held_by == "the tables below" {
            continue;
        }
        wrong.extend(problems(held_by, &reasons).into_iter().map(|problem| format!("{}: {problem}", row[0])));
    }
    let told: Vec<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    for reason in &reasons {
        // A plugin's faults stand together: `agent-` with `trap`, …
        let is_told = told.contains(&reason.as_str())
            || reason.split_once('-').is_some_and(|(role, fault)| {
                told.contains(&format!("{role}-").as_str()) && told.contains(&fault)
            });
        if !is_told {
            wrong.push(format!("`{reason}` has no row"));
        }
    }
    assert!(wrong.is_empty(), "SECURITY.md:\n{}", wrong.join("\n"));

    // What is looked for would be found.
    for cell in ["no test yet", "`nowhere.rs`", "`99-nothing`", "`single.rs` (`no_such_test`)", "`nonsense`"]
    {
        assert!(!problems(cell, &reasons).is_empty(), "{cell}");
    }
}
