//! Folders in which no space is left: what is said of them, and that nothing is left behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use lancet_core::Role;

use crate::context::{Context, Outcome, judged_by};

/// A command where `folder` is a file system of its own, on which not a byte is left; what it
/// came to, and what it left there.
fn where_full(
    context: &Context,
    folder: &Path,
    variables: &[(&str, &Path)],
    words: &[&str],
) -> (Outcome, String) {
    const SCRIPT: &str = "mount -t tmpfs -o size=64k none \"$0\" || exit 99\n\
                          head -c 1000000 /dev/zero >\"$0/fill\" 2>&1\n\
                          \"$@\"\ncode=$?\nfind \"$0\" -type f >left\nexit $code";
    let program = context.command(words);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT]).arg(folder).arg(program.get_program()).args(words);
    command.current_dir(context.path(".")).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let outcome = Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert_ne!(outcome.code, Some(99), "{}", outcome.stderr);
    let left = fs::read_to_string(context.path("left")).unwrap();
    (outcome, left.replace(&format!("{}/", folder.display()), ""))
}

#[test]
fn a_folder_without_space_is_named_and_nothing_is_left_in_it() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root may mount a file system that is full");
        return;
    }
    let context = Context::new();
    let suite = context.small_suite("suite");
    let component = |role, name| lancet_builtin::find(role, name).unwrap().component;
    judged_by(&suite, component(Role::Grader, "manager-choice"));
    fs::write(context.path("agent.wasm"), component(Role::Agent, "first")).unwrap();
    let folder = context.path("full");
    fs::create_dir(&folder).unwrap();
    let full = folder.to_str().unwrap();
    let try_with = |variable, words: &[&str]| where_full(&context, &folder, &[(variable, &folder)], words);

    // Strangers' components are read, compiled and run without temporary files, and what is
    // compiled of them need not be kept.
    let run = ["run", "suite", "--agent", "./agent.wasm"];
    let cache = context.path("cache");
    for variables in [&[("TMPDIR", &*folder), ("LANCET_CACHE", &*cache)][..], &[("LANCET_CACHE", &*folder)]] {
        let (outcome, left) = where_full(&context, &folder, variables, &run);
        assert_eq!((outcome.code, left.as_str()), (Some(0), "fill\n"), "{variables:?}: {}", outcome.stderr);
    }
    let (outcome, left) = try_with("LANCET_STORE", &run);
    outcome.fails(7, &[full, "hint: "]);
    assert_eq!(left, "fill\n");

    // What does need one says where it is, and which variable names another.
    assert_eq!(context.lancet(&["key", "new", "mine"]).code, Some(0));
    let (outcome, left) =
        try_with("TMPDIR", &["attest", "--key", "mine", "--signer", "true", "--output", "new.jsonl"]);
    outcome.fails(1, &[full, "No space left", "`TMPDIR`"]);
    assert!(left == "fill\n" && !context.path("new.jsonl").exists(), "{left}");

    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    database.execute_batch("DROP TABLE log; DROP TABLE log_origin; PRAGMA user_version = 5").unwrap();
    drop(database);
    let (outcome, left) = try_with("TMPDIR", &["doctor"]);
    assert_eq!(left, "fill\n");
    assert!(
        outcome.stdout.contains(&format!("copy of the store's database in `{full}`")),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("`TMPDIR`"), "{}", outcome.stdout);
}
