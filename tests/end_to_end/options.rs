//! Options that would be ignored are refused, with what to do about them.

use crate::context::{Context, sample, text};

#[test]
fn what_only_controls_use_needs_them() {
    let context = Context::new();
    let suite = sample();
    let check = ["suite", "check", suite.to_str().unwrap()];
    for options in [
        &["--rounds", "2"][..],
        &["--task", "*"],
        &["--grant", "wasi-inert"],
        &["--jobs", "2"],
        &["--agent-fuel", "1000"],
        &["--fuel", "1000"],
        &["--agent-memory", "16"],
        &["--agent-timeout", "10"],
        &["--grader-fuel", "1000"],
        &["--grader-memory", "16"],
        &["--grader-timeout", "10"],
        &["--docker-socket", "/nowhere"],
        &["--container-runtime", "runsc"],
        &["--own-users"],
        &["--leave-packet-filter"],
    ] {
        context.lancet(&[&check[..], options].concat()).fails(2, &["required", "--controls"]);
    }
    // A variable is for every command of a shell, and no option of this one.
    let mut command = context.command(&check);
    command.env("LANCET_CONTAINER_RUNTIME", "runsc").env("LANCET_LEAVE_PACKET_FILTER", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!context.path("store").exists());
}

#[test]
fn what_only_images_need_goes_with_issues() {
    let context = Context::new();
    let import = ["suite", "import", "swe-lancer", "--csv", "table.csv", "--out", "suite"];
    for options in [&["--image-prefix", "mine"][..], &["--image-tag", "v2"], &["--monolith"], &["--parity"]] {
        context.lancet(&[&import[..], options].concat()).fails(2, &["required", "--issues"]);
    }
    // Nothing runs in a container when images are pinned.
    for option in [&["--own-users"][..], &["--leave-packet-filter"], &["--container-runtime", "runsc"]] {
        let pin = [&["suite", "pin", "suite"][..], option].concat();
        context.lancet(&pin).fails(2, &["unexpected argument", option[0]]);
    }
    context
        .lancet(&["grade", "suite", "--predictions", "p.jsonl", "--task", "one"])
        .fails(2, &["--task", "--predictions"]);
}

#[test]
fn one_attempt_has_no_use_for_jobs() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    context.json(&["run", suite.to_str().unwrap(), "--agent", "first"]);
    let shown = context.json(&["show", "latest"]);
    let attempt = text(&shown, "0/attempt");
    context.lancet(&["replay", attempt, "--jobs", "8"]).fails(2, &["is one attempt", "`--jobs`"]);
    assert_eq!(context.lancet(&["replay", attempt]).code, Some(0));
    assert_eq!(context.lancet(&["replay", "--jobs", "8"]).code, Some(0));
}

#[test]
fn what_an_agent_would_never_see_is_not_given_to_it() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let run = |agent| context.lancet(&["run", suite.to_str().unwrap(), "--agent", agent, "--input", "input"]);
    std::fs::write(context.path("input"), "something").unwrap();
    for agent in ["first", "noop"] {
        run(agent).fails(2, &[&format!("`{agent}` would never see"), "neither `input` nor `workspace`"]);
    }
    assert!(!context.path("store").exists());
    assert_eq!(run("random").code, Some(0));
}

#[test]
fn what_is_given_for_no_task_or_twice_is_refused() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let suite = suite.to_str().unwrap();
    let folder = context.path("given");
    std::fs::create_dir(&folder).unwrap();
    let given = |names: &[&str]| {
        for file in folder.read_dir().unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        for name in names {
            std::fs::write(folder.join(name), "something").unwrap();
        }
        context.lancet(&["run", suite, "--agent", "random", "--input", "given"])
    };
    given(&["one.txt", "on.txt"]).fails(2, &["`on.txt` is named by no task", "`15193.patch`"]);
    given(&["one.txt", "one.patch"]).fails(2, &["`one.patch` and `one.txt` are both for the task `one`"]);
    given(&[".hidden"]).fails(2, &["has no file for the task `one`"]);
    assert!(!context.path("store").exists());
    assert_eq!(given(&["one.txt", ".hidden"]).code, Some(0));
}

#[test]
fn a_grant_says_what_can_be_granted() {
    let context = Context::new();
    let suite = sample();
    let suite = suite.to_str().unwrap();
    let grantable = "can be granted: answer-key, wasi-inert, grader:budget, grader:model, grader:wasi-inert";
    for (value, why) in [
        ("network", "`network` is no capability"),
        ("submission", "nobody can grant `submission` to a plugin of the role `agent`"),
        ("grader:random", "nobody can grant `random` to a plugin of the role `grader`"),
        // It would be accepted and change nothing.
        ("log", "`log` comes with the role `agent`"),
        ("grader:submission", "`submission` comes with the role `grader`"),
    ] {
        let run = ["run", suite, "--agent", "first", "--grant", value];
        context.lancet(&run).fails(2, &[why, grantable]);
    }
    for command in [&["suite", "check", suite, "--controls"][..], &["regrade", "latest"]] {
        let grant = [command, &["--grant", "answer-key"]].concat();
        context
            .lancet(&grant)
            .fails(2, &["`answer-key` comes with the role", "can be granted: budget, model, wasi-inert"]);
        let help = context.lancet(&[&command[..command.len() - 1], &["-h"]].concat()).stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("[possible values: budget, model, wasi-inert]"), "{help}");
    }
    let help = context.lancet(&["run", "-h"]).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains(
            "[possible values: answer-key, wasi-inert, grader:budget, grader:model, grader:wasi-inert]"
        ),
        "{help}"
    );
    assert!(!context.path("store").exists());
}

#[test]
fn doctor_looks_at_what_a_run_with_the_same_options_uses() {
    let context = Context::new();
    let docker = |options: &[&str], variable: Option<(&str, &str)>| {
        let mut command = context.command(&[&["doctor", "--format", "json"], options].concat());
        command.envs(variable);
        let output = command.output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let finding = |check: &str| {
            found.as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap().clone()
        };
        (output.status.code(), finding("docker"), finding("quotas of a user"))
    };
    let (code, found, quotas) = docker(&[], None);
    assert_eq!(code, Some(0), "{found}");
    assert!(text(&found, "detail").contains(" at /var/run/docker.sock ("), "{found}");
    assert!(text(&quotas, "detail").contains("which share that user"), "{quotas}");
    for (options, variable) in [
        (&["--docker-socket", "/nowhere.sock"][..], None),
        (&[], Some(("DOCKER_HOST", "unix:///nowhere.sock"))),
        // The option is the nearer one.
        (&["--docker-socket", "/nowhere.sock"], Some(("DOCKER_HOST", "unix:///var/run/docker.sock"))),
    ] {
        let (code, found, _) = docker(options, variable);
        assert_eq!((code, &found["ok"]), (Some(1), &false.into()), "{found}");
        assert!(text(&found, "detail").contains("/nowhere.sock"), "{found}");
    }
    for (options, variable) in [
        (&["--container-runtime", "nonesuch"][..], None),
        (&[], Some(("LANCET_CONTAINER_RUNTIME", "nonesuch"))),
    ] {
        let (code, found, _) = docker(options, variable);
        assert_eq!((code, &found["ok"]), (Some(1), &false.into()), "{found}");
        assert!(text(&found, "detail").contains("nonesuch"), "{found}");
    }
    let (_, _, quotas) = docker(&["--own-users"], None);
    assert!(text(&quotas, "detail").contains("are refused") && quotas.get("hint").is_none(), "{quotas}");
}
