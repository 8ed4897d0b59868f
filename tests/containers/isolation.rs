//! The host itself in a container: which jails hold there, and what is said where none do.

use std::fs;
use std::process::{Command, Output};

use lancet_core::Role;
use serde_json::{Value, json};

use crate::context::Context;

/// The base image of the tests, which has the libraries that the binary needs.
const IMAGE: &str = "debian:bookworm-slim";

/// The binary, a suite and a stranger's agent in a folder that a container can have.
fn strangers(context: &Context) {
    context.small_suite("suite");
    fs::write(context.path("mine.wasm"), lancet_hostile::ordinary(Role::Agent)).unwrap();
    // The engine may not see the folder that it was built in.
    fs::copy(env!("CARGO_BIN_EXE_lancet"), context.path("lancet")).unwrap();
}

/// Runs a script in a container with the context's folder as `/work`, and `lancet` in it.
fn contained(context: &Context, options: &[&str], script: &str) -> Output {
    let folder = context.path("");
    let mut command = Command::new("docker");
    command.args(["run", "--rm", "--network", "none", "--workdir", "/work"]);
    command.args(["--volume", &format!("{}:/work:ro", folder.display())]);
    command
        .args(["--env", "HOME=/tmp", "--env", "PATH=/work:/usr/bin:/bin"])
        .args(options)
        .args([IMAGE, "sh", "-c", script]);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn in_a_default_container_strangers_are_jailed() {
    let context = Context::new();
    strangers(&context);
    let script =
        "lancet run suite --agent ./mine.wasm --quiet > /dev/null && lancet show latest/one/1 --format json";
    let output = contained(&context, &[], script);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let journal: Value = serde_json::from_slice(&output.stdout).unwrap();
    let jail = &journal[0]["jail"];
    assert_eq!((&jail["seccomp"], &jail["uid"]), (&Value::Bool(true), &Value::from(65_534)), "{journal:#}");
    // Whether the engine's profile lets Landlock through depends on its age: it is on record,
    // and told when it does not.
    let warned = said.contains("warning: jailed processes are held by seccomp alone");
    assert_eq!(warned, jail["landlock-abi"].as_u64().is_none_or(|abi| abi < 6), "{jail}: {said}");
    let required = "lancet run suite --agent ./mine.wasm --require landlock";
    let required = contained(&context, &[], required);
    assert_eq!(required.status.code(), Some(if warned { 4 } else { 0 }), "{}", text(&required.stderr));
}

/// The option for a profile that forbids a call and no other.
fn forbidding(context: &Context, call: &str) -> String {
    let profile = context.path("profile.json");
    let forbids = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": [call], "action": "SCMP_ACT_ERRNO"}],
    });
    fs::write(&profile, forbids.to_string()).unwrap();
    format!("seccomp={}", profile.display())
}

#[test]
fn in_a_container_that_forbids_landlock_strangers_are_held_by_seccomp_alone() {
    let context = Context::new();
    strangers(&context);
    let option = forbidding(&context, "landlock_create_ruleset");
    let script = "lancet run suite --agent ./mine.wasm --require landlock > /dev/null; \
                  echo ended with $? >&2; lancet run suite --agent ./mine.wasm --quiet > /dev/null && \
                  lancet show latest/one/1 --format json";
    let output = contained(&context, &["--security-opt", &option], script);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for fragment in ["ended with 4", "`--require landlock`", "held by seccomp alone: there is no Landlock"] {
        assert!(said.contains(fragment), "`{fragment}` is missing in:\n{said}");
    }
    let journal: Value = serde_json::from_slice(&output.stdout).unwrap();
    let jail = &journal[0]["jail"];
    assert_eq!((&jail["seccomp"], &jail["landlock-abi"]), (&json!(true), &Value::Null), "{journal:#}");
}

#[test]
fn in_a_container_that_forbids_filters_strangers_are_refused() {
    let context = Context::new();
    strangers(&context);
    let option = forbidding(&context, "seccomp");
    let options = ["--security-opt", &option];
    let refused = contained(&context, &options, "lancet run suite --agent ./mine.wasm");
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    for fragment in ["mine.wasm", "seccomp", "in a container", "`--isolation in-process`"] {
        assert!(said.contains(fragment), "`{fragment}` is missing in:\n{said}");
    }
    let by_choice =
        contained(&context, &options, "lancet run suite --agent ./mine.wasm --isolation in-process");
    assert_eq!(by_choice.status.code(), Some(0), "{}", text(&by_choice.stderr));
}
