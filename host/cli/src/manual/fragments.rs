//! Files, and parts of files, that the documentation shows.

use lancet_models::{Scripted, choices};
use lancet_package::Manifest;
use lancet_suite::{CaseFile, SuiteFile, TaskFile};
use lancet_trust::{Lock, Policy};
use toml::{Table, Value};

use super::markdown::Files;

/// What a part of a manifest is made whole with.
const MANIFEST: &str = r#"
name = "a/a"
version = "1.0.0"
contract = "0.1.0"
world = "grader"
description = "A."
authors = ["A"]
licence = "MIT"
[asks]
settings = "A."
"#;

/// What a part of a `task.toml` is made whole with.
const TASK: &str = "title = \"A\"\nkind = \"ic-swe\"\nprice-cents = 1\n";

/// What a part of a `suite.toml` is made whole with.
const SUITE: &str = "name = \"a\"\ndescription = \"A.\"\n";

/// How many files the documentation has, and those that are not read, each with its place.
pub(super) fn problems(files: &Files) -> (usize, Vec<String>) {
    let mut looked_at = 0;
    let mut problems = Vec::new();
    for (file, markdown) in files {
        for block in markdown.blocks.iter().filter(|block| block.language == "toml") {
            looked_at += 1;
            if let Err(problem) = read(&block.text) {
                problems.push(format!("{file}:{}: {problem}", block.line));
            }
        }
    }
    (looked_at, problems)
}

/// Reads a file as the program does. What it is, is told by its keys, or by its name in a
/// comment in its first line. Digests may be left out.
fn read(text: &str) -> Result<(), String> {
    let digest = format!("\"sha256:{}\"", "0".repeat(64));
    let text = &["\"sha256:…\"", "\"sha256:...\""]
        .iter()
        .fold(text.to_owned(), |text, left_out| text.replace(left_out, &digest));
    let table: Table = text.parse().map_err(|e| format!("{e}"))?;
    let first = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
    let named =
        first.split([' ', ':', ',']).next().filter(|name| name.ends_with(".toml")).unwrap_or_default();
    let has = |keys: &[&str]| keys.iter().any(|key| table.contains_key(*key));
    match named {
        "plugin.toml" => manifest(table),
        "task.toml" => part::<TaskFile>(TASK, table),
        "suite.toml" => part::<SuiteFile>(SUITE, table),
        "" if first.starts_with("lancet.lock") => {
            Lock::parse("lancet.lock", text).map(drop).map_err(|error| error.to_string())
        }
        _ if has(&["expect"]) => part::<CaseFile>("", table),
        "" if has(&["asks", "contract"]) => manifest(table),
        "" if has(&["conversation"]) => Scripted::parse(text).map(drop).map_err(|e| e.to_string()),
        "" if has(&["model"]) => {
            choices(&[], None, Some(("this", text))).map(drop).map_err(|e| e.to_string())
        }
        "" if table.get("settings").is_some_and(|settings| settings.get("properties").is_some()) => {
            manifest(table)
        }
        "" if has(&["images", "environments"]) => part::<SuiteFile>(SUITE, table),
        "" if has(&["grader", "plans", "gold", "title", "proposals"]) => part::<TaskFile>(TASK, table),
        "" if has(&["lib", "package", "dependencies"]) => Ok(()),
        "" => Err("which file is this of? Say it in a comment in the first line".to_owned()),
        // Free keys, and keys that are cut short: there is nothing to read them by.
        "settings.toml" | "revoked.toml" => Ok(()),
        "lancet.toml" => {
            let (_folder, keys) = super::policy::keys();
            Policy::parse(named, text, &keys).map(drop).map_err(|error| error.to_string())
        }
        other => Err(format!("no file is called `{other}`")),
    }
}

fn manifest(part: Table) -> Result<(), String> {
    let whole = toml::to_string(&with(MANIFEST, part)).map_err(|e| e.to_string())?;
    Manifest::parse(&whole).map(drop).map_err(|e| e.to_string())
}

fn part<T: serde::de::DeserializeOwned>(whole: &str, part: Table) -> Result<(), String> {
    Value::Table(with(whole, part)).try_into::<T>().map(drop).map_err(|e| e.to_string())
}

/// A whole file with a part in the place of its own.
fn with(whole: &str, part: Table) -> Table {
    let mut whole: Table = whole.parse().unwrap();
    whole.extend(part);
    whole
}

#[test]
fn parts_of_files_are_read_as_whole_ones() {
    for text in [
        "[settings.properties.strictness]\ntype = \"integer\"\n",
        "[asks]\ntests = \"It runs them.\"\n",
        "[grader]\nplugin = \"junit\"\n[grader.settings]\nx = 3\n",
        "[grader]\nfile = \"graders/x.wasm\"\ndigest = \"sha256:…\"\n",
        "# suite.toml\nname = \"b\"\n",
        "# cases/a.toml\nchoice = 3\nexpect = \"fail wrong-choice\"\n",
        "# settings.toml: the agent's own\nsteps = 3\n",
        "[dependencies]\nx = \"1\"\n",
    ] {
        assert_eq!(read(text), Ok(()), "{text}");
    }
    for text in [
        "[settings.properties.strictness]\ntype = \"whole\"\n",
        "[asks]\nteleport = \"It leaves.\"\n",
        "# taks.toml\nsteps = 3\n",
        "[grader]\nplug = \"junit\"\n",
        "[environments.a]\nimages = \"x\"\n",
        "[[model]]\nform = \"chat\"\ncolour = 1\n",
        "choose = 3\nexpect = \"fail wrong-choice\"\n",
        "steps = 3\n",
        "steps = \n",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}
