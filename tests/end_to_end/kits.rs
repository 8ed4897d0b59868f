//! Plugins that are begun with `lancet plugin new` and built with `lancet plugin build`: from an
//! empty folder to a verdict in each language, as their README says; and what stands in the way.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::authors::{lines, wait_for};
use crate::context::{Context, Outcome, judged_by, number, text, workspace};
use crate::guests;
use crate::isolation::{Weight, managers};

/// A language, with the tools that its projects need at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
    JavaScript,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    /// How the lines of its README begin that are not followed: those that install tools, which
    /// tests have in one place, and what would compile the kit's macros a second time. The unit
    /// tests of Rust's examples are run with those of `tests/example`.
    fn left_out(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["rustup target add ", "cargo test"],
            Self::Python => &["python3 -m venv ", ".venv/bin/pip install "],
            Self::JavaScript => &["npm install "],
        }
    }

    /// Gives a project the tools that its README says to install, without installing them again.
    fn equip(self, project: &Path) {
        match self {
            // The versions that the built-in guests have, of which most is built already.
            Self::Rust => {
                fs::copy(workspace().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
            }
            Self::Python => {
                let environment = guests::componentize_py();
                symlink(environment, project.join(".venv")).unwrap();
            }
            Self::JavaScript => {
                let modules = guests::componentize_qjs().join("node_modules");
                for entry in fs::read_dir(&modules).unwrap().map(Result::unwrap) {
                    symlink(entry.path(), project.join("node_modules").join(entry.file_name())).unwrap();
                }
            }
        }
    }
}

/// A command line as an author gives it, in the folder of a project.
fn shell(context: &Context, folder: &Path, line: &str) -> Output {
    as_an_author(context, folder, Command::new("sh").args(["-c", line])).output().unwrap()
}

/// A command in the folder of a project, with `lancet` and the author's tools at hand.
fn as_an_author<'c>(context: &Context, folder: &Path, command: &'c mut Command) -> &'c mut Command {
    let own = Path::new(env!("CARGO_BIN_EXE_lancet")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap();
    command
        .current_dir(folder)
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Beside the built-in guests, where most of what a guest is made of lies already.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests"))
        .env("LANCET_STORE", context.path("store"))
        .env("LANCET_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
}

/// The command lines of a README, in their order.
fn commands(readme: &str) -> Vec<String> {
    readme.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

/// Follows the guide from an empty folder to a verdict, and says what took how long.
fn follow(language: Language) {
    let context = Context::new();
    let mut times: Vec<(String, Duration)> = Vec::new();
    let mut timed = |line: &str, folder: &Path| {
        let began = Instant::now();
        let output = shell(&context, folder, line);
        times.push((line.to_owned(), began.elapsed()));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{line}: {}\n{}{told}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stdout).unwrap()
    };

    let begin = format!("lancet plugin new acme/right-choice --lang {} --world grader", language.name());
    timed(&begin, &context.path(""));
    let project = context.path("right-choice");
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    language.equip(&project);
    for line in commands(&readme) {
        if language.left_out().iter().any(|left_out| line.starts_with(left_out)) {
            continue;
        }
        let told = timed(&line, &project);
        if line == "lancet plugin build" {
            println!("{told}");
            assert!(told.contains("right-choice.wasm: acme/right-choice 0.1.0, grader, "), "{told}");
            assert!(told.contains("imports answer-key, log, submission\n"), "{told}");
        }
    }

    // Into a suite, as the README says: the one who chose the right proposal is paid.
    let suite = context.small_suite("suite");
    judged_by(&suite, &fs::read(project.join("right-choice.wasm")).unwrap());
    for (agent, pass) in [("last", 1.0), ("first", 0.0)] {
        let line = format!("lancet run suite --agent {agent} --format json");
        let report: serde_json::Value = serde_json::from_str(&timed(&line, &context.path(""))).unwrap();
        assert_eq!(number(&report, "totals/all/pass"), pass, "{report:#}");
        assert_eq!(number(&report, "totals/all/invalid"), 0.0, "{report:#}");
    }
    assert_eq!(context.json(&["replay"])["identical"], 1);
    // And so as the built-in grader pays, in whatever language.
    let weight = if language == Language::Python { Weight::Heavy } else { Weight::Light };
    fs::rename(context.path("suite"), context.path("small")).unwrap();
    let suite = managers(&context, weight);
    let run = context.json(&["run", suite.to_str().unwrap(), "--agent", "random", "--seed", "7"]);
    let again = ["regrade", "latest", "--grader", "./right-choice/right-choice.wasm"];
    let again = context.json(&again);
    assert_eq!((number(&again, "outcome_changed"), number(&again, "invalid")), (0.0, 0.0), "{again:#}");
    assert_eq!(number(&again, "regraded"), number(&run, "totals/all/tasks"), "{again:#}");
    println!(
        "{}: pays as the built-in grader on {} tasks",
        language.name(),
        number(&run, "totals/all/tasks")
    );
    let all: Duration = times.iter().map(|(_, took)| *took).sum();
    println!("{}: from an empty folder to a verdict in {:.1} s", language.name(), all.as_secs_f64());
    for (line, took) in times {
        println!("{:>8.2} s  {line}", took.as_secs_f64());
    }
}

/// What is tried of a project is what its sources are: they are built when they were saved since,
/// and with `--watch` as they are saved.
#[test]
fn a_source_that_is_saved_is_built_and_tested() {
    let context = Context::new();
    let folder = project(&context, Language::Rust);
    Language::Rust.equip(&folder);
    let tried = |line: &str| {
        let output = shell(&context, &folder, line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {told}{}", String::from_utf8_lossy(&output.stdout));
        // What Cargo has to say is behind it.
        told.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(tried("lancet plugin test ."), "building: `./mine.wasm` is not there");
    assert_eq!(tried("lancet plugin test ."), "");
    assert_eq!(tried("lancet plugin check . --isolation in-process"), "");
    let source = folder.join("src/lib.rs");
    let whole = fs::read_to_string(&source).unwrap();
    fs::write(&source, format!("{whole}\n")).unwrap();
    assert_eq!(tried("lancet plugin check ."), "building: `./mine.wasm` is older than `src/lib.rs`");

    let mut command = Command::new(env!("CARGO_BIN_EXE_lancet"));
    command.args(["plugin", "test", ".", "--watch"]);
    let (mut child, lines) = lines(as_an_author(&context, &folder, &mut command));
    let waits = || wait_for(&lines, "waiting for a file to be saved").1;
    assert!(!waits().contains("of building"), "nothing was saved");
    let mut took = Vec::new();
    // As editors save: at once, so that nothing is built of which only the beginning is there.
    let save = |file: &Path, text: &str| {
        fs::write(context.path("saved"), text).unwrap();
        fs::rename(context.path("saved"), file).unwrap();
    };
    let mut then = |file: &Path, text: &str, words: &str| {
        let saved = Instant::now();
        save(file, text);
        let found = wait_for(&lines, words).0 - saved;
        took.push((found, waits()));
    };
    let wrong = whole.replace("f64::from(*id) == correct", "f64::from(*id) != correct");
    assert_ne!(whole, wrong);
    then(&source, &wrong, "0 passed, 2 did not");
    // Half of it: what cannot be built is told, and waited for.
    save(&source, &whole[..whole.len() / 2]);
    assert!(!waits().contains("of building"), "it cannot be built");
    then(&source, &whole, "2 passed, 0 did not");
    let manifest = folder.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    then(&manifest, &format!("{text}# The same.\n"), "2 passed, 0 did not");
    let built: Vec<_> = took.iter().map(|(_, line)| line.contains("ms besides ")).collect();
    assert_eq!(built, [true; 3], "{took:?}");
    // A fixture is no source.
    let fixture = fs::read_to_string(folder.join("fixtures/right-choice.json")).unwrap();
    save(&folder.join("fixtures/again.json"), &fixture);
    wait_for(&lines, "3 passed, 0 did not");
    assert!(!waits().contains("of building"), "a fixture was built");
    child.kill().unwrap();
    child.wait().unwrap();
    println!("{took:?}");
    assert_eq!(tried("lancet plugin test ."), "");

    // Without a tool chain the package can still be tried by its name.
    fs::write(&source, &wrong).unwrap();
    let try_it = |what: &str| {
        let test = ["plugin", "test", what, "--isolation", "in-process"];
        outcome(context.command(&test).env("PATH", context.path("nothing")).output().unwrap())
    };
    try_it("mine").fails(1, &["cannot run `rustc`", "to try the package as it is, name `mine/mine.wasm`"]);
    assert_eq!(try_it("mine/mine.wasm").code, Some(0));
}

#[test]
fn from_an_empty_folder_to_a_verdict_in_rust() {
    follow(Language::Rust);
}

#[test]
fn from_an_empty_folder_to_a_verdict_in_python() {
    follow(Language::Python);
}

#[test]
fn from_an_empty_folder_to_a_verdict_in_javascript() {
    follow(Language::JavaScript);
}

/// The example agents pass their unit tests, and are built where that takes no time.
#[test]
fn the_example_agents_are_tested_and_built() {
    let context = Context::new();
    for language in [Language::Rust, Language::Python, Language::JavaScript] {
        let name = format!("{}-agent", language.name());
        let begun = context.lancet(&["plugin", "new", &name, "--lang", language.name(), "--world", "agent"]);
        assert_eq!(begun.code, Some(0), "{}", begun.stderr);
        let project = context.path(&name);
        language.equip(&project);
        let lines: &[&str] = match language {
            Language::Rust => &["lancet plugin build"],
            Language::Python => &["python3 -m unittest"],
            Language::JavaScript => &["node --test", "lancet plugin build", "lancet plugin check ."],
        };
        for line in lines {
            let output = shell(&context, &project, line);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{line}: {told}{}", String::from_utf8_lossy(&output.stdout));
        }
        if language != Language::Python {
            let suite = context.small_suite(&format!("{name}-suite"));
            let agent = project.join(format!("{name}.wasm"));
            let run = ["run", suite.to_str().unwrap(), "--agent", agent.to_str().unwrap()];
            assert_eq!(number(&context.json(&run), "totals/all/pass"), 1.0, "{name}");
        }
    }
}

/// What the kits' hosts for unit tests answer, told by their own tests.
#[test]
fn the_kits_pass_their_own_tests() {
    let context = Context::new();
    for (folder, line) in [("plugins/python", "python3 -m unittest"), ("plugins/javascript", "node --test")] {
        let output = shell(&context, &workspace().join(folder), line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {told}{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// What a package of JavaScript's kit would hold is all that its `package.json` leads to, and both
/// kits bring the licence with them. Nothing is published.
#[test]
fn the_kits_are_whole_when_they_are_packed() {
    let context = Context::new();
    let licence = fs::read_to_string(workspace().join("LICENSE")).unwrap();
    for kit in ["plugins/python", "plugins/javascript"] {
        assert_eq!(fs::read_to_string(workspace().join(kit).join("LICENSE")).unwrap(), licence, "{kit}");
    }
    let kit = workspace().join("plugins/javascript");
    let output = shell(&context, &kit, "npm pack --dry-run --json --ignore-scripts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packed: Vec<&str> =
        packed[0]["files"].as_array().unwrap().iter().map(|file| text(file, "path")).collect();
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(kit.join("package.json")).unwrap()).unwrap();
    let leads_to = |conditions: &serde_json::Value| -> Vec<String> {
        conditions.as_object().unwrap().values().map(|path| path.as_str().unwrap()[2..].to_owned()).collect()
    };
    let named: Vec<_> = package["exports"].as_object().unwrap().values().flat_map(leads_to).collect();
    assert!(named.len() > 30, "{named:?}");
    for file in named.iter().map(String::as_str).chain(["LICENSE", "README.md", "absent.js", "shape.js"]) {
        assert!(packed.contains(&file), "{file} is in no package: {packed:?}");
    }
    assert!(!packed.iter().any(|file| file.starts_with("tests/")), "{packed:?}");
}

/// What the kit of Python has for plain Python is what its compiler makes of the contract.
#[test]
fn the_bindings_of_the_python_kit_are_those_of_the_contract() {
    let context = Context::new();
    let wit = context.path("wit");
    fs::create_dir(&wit).unwrap();
    let mut world = "package lancet:plugin@0.1.0;\nworld whole {\n".to_owned();
    let mut interfaces: Vec<_> =
        fs::read_dir(workspace().join("wit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    interfaces.retain(|path| path.extension().is_some_and(|end| end == "wit"));
    interfaces.sort();
    for path in interfaces {
        let name = path.file_stem().unwrap().to_str().unwrap();
        match name {
            "grading" | "solving" | "configuring" => world.push_str(&format!("  export {name};\n")),
            "package" | "types" => {}
            _ => world.push_str(&format!("  import {name};\n")),
        }
        fs::copy(&path, wit.join(path.file_name().unwrap())).unwrap();
    }
    fs::write(wit.join("whole.wit"), world + "}\n").unwrap();
    let output = Command::new(guests::componentize_py().join("bin/componentize-py"))
        .args(["--wit-path", "wit", "--world", "whole", "bindings", "made"])
        .current_dir(context.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = workspace().join("plugins/python/lancet_sdk/_bindings");
    let mut compared = 0;
    for folder in ["", "wit_world", "wit_world/imports", "wit_world/exports"] {
        for path in fs::read_dir(kept.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|end| end == "py") {
                let name = Path::new(folder).join(path.file_name().unwrap());
                let hint = "write them anew with `componentize-py bindings`, as this test does";
                let made = fs::read_to_string(context.path("made").join(&name)).unwrap_or_default();
                assert_eq!(fs::read_to_string(&path).unwrap(), made, "{}: {hint}", name.display());
                compared += 1;
            }
        }
    }
    assert!(compared >= 20, "{compared}");
}

/// A project in a language, with nothing but what it is known by.
fn project(context: &Context, language: Language) -> PathBuf {
    let begun = ["plugin", "new", "mine", "--lang", language.name(), "--world", "grader"];
    let begun = context.lancet(&begun);
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    context.path("mine")
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// A program of the name of a tool, which says that it is of that version.
fn pretender(folder: &Path, name: &str, script: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Builds the project `mine` with that search path.
fn with_path(context: &Context, path: &Path) -> Outcome {
    outcome(context.command(&["plugin", "build", "mine"]).env("PATH", path).output().unwrap())
}

fn outcome(output: Output) -> Outcome {
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_folder_that_exists_and_a_name_that_is_none_are_refused() {
    let context = Context::new();
    let begun =
        |name: &str| context.lancet(&["plugin", "new", name, "--lang", "python", "--world", "grader"]);
    fs::create_dir(context.path("mine")).unwrap();
    begun("acme/mine").fails(2, &["`mine` exists already", "hint: choose another name"]);
    assert_eq!(fs::read_dir(context.path("mine")).unwrap().count(), 0);
    begun("Acme/mine").fails(2, &["`Acme/mine` is no name", "PUBLISHER/NAME", "hint: for example"]);
    begun("../mine").fails(2, &["is no name"]);
    // What is not installed is named at once, with the command.
    let told = begun("other").stdout;
    assert!(told.contains("componentize-py is not installed: run `python3 -m venv"), "{told}");
}

#[test]
fn what_stands_in_the_way_of_a_build_is_named_with_what_to_do() {
    let context = Context::new();
    let build = |more: &[&str]| -> Outcome { context.lancet(&[&["plugin", "build", "mine"], more].concat()) };
    let missing = build(&[]);
    missing.fails(2, &["`mine/plugin.toml`", "beside its source", "`lancet plugin new` writes one"]);
    assert!(!missing.stderr.contains("--manifest"), "{}", missing.stderr);
    let folder = project(&context, Language::Python);
    // No tool chain: this command has no search path at all.
    build(&[]).fails(
        1,
        &[
            "componentize-py is not installed (looked at `mine/.venv/bin/componentize-py`, PATH)",
            "pip install componentize-py==0.25.1",
        ],
    );
    // One of another version.
    let tools = folder.join(".venv/bin");
    pretender(&tools, "componentize-py", "echo componentize-py 0.19.0");
    build(&[]).fails(
        1,
        &["mine/.venv/bin/componentize-py` is componentize-py 0.19.0", "expected 0.25.1", "==0.25.1"],
    );
    // One that fails, and one that ends well and has made nothing.
    let says = |rest: &str| {
        let script = format!("[ \"$1\" = --version ] && echo componentize-py 0.25.1 && exit; {rest}");
        pretender(&tools, "componentize-py", &script);
    };
    says("echo ImportError: '`tests` is not asked for: add' >&2; exit 1");
    build(&[]).fails(
        4,
        &["componentize-py failed (exit status: 1)", "ImportError", "has to be in `[asks]` of `plugin.toml`"],
    );
    says("true");
    build(&[]).fails(1, &["cannot read `mine/.lancet/component.wasm`"]);
    says("for last; do true; done; echo nothing > mine/.lancet/component.wasm");
    build(&[]).fails(4, &["plugin `mine/mine.wasm` cannot be used"]);
    assert!(!folder.join("mine.wasm").exists());

    // A kit of its own, of another version.
    let kit = folder.join("lancet_sdk");
    fs::create_dir(&kit).unwrap();
    for (text, found) in [("__version__ = \"0.0.7\"\n", "0.0.7"), ("", "of no version")] {
        fs::write(kit.join("__init__.py"), text).unwrap();
        let words = format!("mine/lancet_sdk/__init__.py` is the kit `lancet-sdk` {found}, ");
        build(&[]).fails(1, &[words.as_str(), "expected 0.1.0", "remove that folder"]);
    }
    fs::remove_dir_all(&kit).unwrap();

    // What the project says of itself.
    let manifest = folder.join("plugin.toml");
    let whole = fs::read_to_string(&manifest).unwrap();
    replace(&manifest, "contract = \"0.1.0\"", "contract = \"0.1.9\"");
    build(&[])
        .fails(2, &["`mine/plugin.toml`: `contract`: `0.1.9`, but this lancet builds for 0.1.0", "hint:"]);
    fs::write(&manifest, whole.replace("[asks]", "[asks]\nwasi-inert = \"It is asked for.\"")).unwrap();
    build(&[]).fails(2, &["`asks.wasi-inert`", "sockets"]);
    fs::write(&manifest, "name = ").unwrap();
    build(&[]).fails(2, &["`mine/plugin.toml`: `line 1`: this is no TOML"]);
    fs::write(&manifest, whole.replace("world", "welt")).unwrap();
    build(&[]).fails(2, &["`mine/plugin.toml`: `welt`"]);
    fs::write(&manifest, &whole).unwrap();

    replace(&folder.join("pyproject.toml"), "module = \"grader\"", "module = \"judge\"");
    build(&[]).fails(2, &["`mine/pyproject.toml`: `tool.lancet.module`: there is no module `judge`"]);
    fs::write(folder.join("package.json"), "{}").unwrap();
    build(&[]).fails(2, &["`mine` holds `pyproject.toml` and `package.json`", "--lang"]);
    build(&["--lang", "javascript"]).fails(2, &["`mine/package.json`: `main`: missing"]);
    build(&["--lang", "rust"]).fails(2, &["`mine/Cargo.toml`", "missing"]);
    fs::remove_file(folder.join("package.json")).unwrap();
    fs::remove_file(folder.join("pyproject.toml")).unwrap();
    build(&[]).fails(2, &["`mine` holds no project", "plugin new"]);
}

#[test]
fn without_rust_nothing_in_rust_is_built() {
    let context = Context::new();
    let folder = project(&context, Language::Rust);
    // Without a search path, the usual places would be looked at.
    let build = || with_path(&context, &context.path("nothing"));
    build().fails(1, &["cannot run `rustc`", "install Rust with rustup"]);
    replace(&folder.join("Cargo.toml"), "[\"cdylib\", \"rlib\"]", "[\"rlib\"]");
    build().fails(2, &["`mine/Cargo.toml`: `lib.crate-type`", "`cdylib`"]);
    replace(&folder.join("Cargo.toml"), "[lib]", "[lib]\nname = \"other\"");
    replace(&folder.join("Cargo.toml"), "[\"rlib\"]", "[\"cdylib\"]");
    build().fails(2, &["`lib.name`: `other`, expected that of the package, `mine`"]);
    fs::write(folder.join("Cargo.toml"), "[package]\nname = ").unwrap();
    build().fails(2, &["`mine/Cargo.toml`: `line 2`: this is no TOML"]);
}

#[test]
fn kits_that_are_not_this_programs_are_refused() {
    let context = Context::new();
    let folder = project(&context, Language::JavaScript);
    let build = || context.lancet(&["plugin", "build", "mine"]);
    build().fails(1, &["Node.js is not installed", "install Node.js 20"]);
    // A link in the place of the folder whose contents are replaced.
    fs::remove_dir_all(folder.join(".lancet")).unwrap();
    fs::create_dir(context.path("precious")).unwrap();
    fs::write(context.path("precious/file"), "mine").unwrap();
    symlink(context.path("precious"), folder.join(".lancet")).unwrap();
    build().fails(2, &["`mine/.lancet`", "expected a folder"]);
    assert!(context.path("precious/file").exists());
    fs::remove_file(folder.join(".lancet")).unwrap();

    let tools = context.path("tools");
    pretender(&tools.join("node_modules/componentize-qjs/bin"), "componentize-qjs", "true");
    let package = tools.join("node_modules/componentize-qjs/package.json");
    fs::write(&package, "{\"version\": \"0.3.0\"}").unwrap();
    let path =
        std::env::join_paths([tools.clone(), tools.join("node_modules/componentize-qjs/bin")]).unwrap();
    let build = || with_path(&context, path.as_ref());
    for (says, found) in [("echo v18.20.4", "v18.20.4"), ("true", "of no version")] {
        pretender(&tools, "node", says);
        let words = format!("is Node.js {found}, ");
        build().fails(1, &[words.as_str(), "expected 20 or newer", "install Node.js 20"]);
    }
    pretender(&tools, "node", "echo v20.0.0");
    build().fails(1, &["is componentize-qjs 0.3.0", "expected 0.4.5", "npm install --save-dev --save-exact"]);
    // As pnpm has it, whose script lies beside no package.
    fs::remove_file(&package).unwrap();
    build().fails(1, &["is componentize-qjs of no version", "npm install --save-dev --save-exact"]);
    fs::write(&package, "{\"version\": \"0.4.5\"}").unwrap();
    let kit = folder.join("node_modules/lancet-sdk");
    fs::remove_file(&kit).unwrap();
    fs::create_dir(&kit).unwrap();
    fs::write(kit.join("package.json"), "{\"version\": \"0.0.7\"}").unwrap();
    build().fails(1, &["is the kit `lancet-sdk` 0.0.7", "expected 0.1.0", "npm uninstall lancet-sdk"]);
}
