//! Runs, and what is said of them.

use crate::context::{Context, number, sample, text};

#[test]
fn the_trivial_agents_get_what_the_baselines_say() {
    let context = Context::new();
    for agent in ["first", "last", "longest"] {
        let report = context.run_sample(agent, &[]);
        let baseline = |field: &str| number(&report, &format!("baselines/{agent}/{field}"));
        assert_eq!(number(&report, "totals/swe-manager/pass"), baseline("pass"), "{agent}");
        assert_eq!(number(&report, "totals/swe-manager/earned_cents"), baseline("earned_cents"), "{agent}");
        assert_eq!(report["control"], false);
        assert_eq!(report["complete"], true);
    }
}

#[test]
fn gold_passes_everything_and_is_marked_as_a_control_everywhere() {
    let context = Context::new();
    let report = context.run_sample("gold", &["--grant", "answer-key"]);
    assert_eq!(report["control"], true);
    let totals = &report["totals"]["swe-manager"];
    assert_eq!(totals["pass"], totals["tasks"]);
    assert_eq!(totals["earned_cents"], totals["available_cents"]);
    for arguments in [&["report"][..], &["report", "--format", "md"], &["runs"]] {
        let outcome = context.lancet(arguments);
        assert!(outcome.stdout.to_lowercase().contains("control"), "{arguments:?}: {}", outcome.stdout);
    }
    let csv = context.lancet(&["report", "--format", "csv"]).stdout;
    assert!(csv.lines().next().unwrap().contains("control"), "{csv}");
    assert_eq!(context.json(&["runs"])[0]["control"], true);
}

#[test]
fn noop_earns_nothing() {
    let report = Context::new().run_sample("noop", &[]);
    assert_eq!(number(&report, "totals/all/pass"), 0.0);
    assert_eq!(number(&report, "totals/all/earned_cents"), 0.0);
    assert_eq!(number(&report, "totals/all/fail"), number(&report, "totals/all/tasks"));
}

#[test]
fn the_number_of_jobs_changes_no_verdict() {
    let context = Context::new();
    let one = context.run_sample("random", &["--jobs", "1", "--seed", "7", "--attempts", "3"]);
    let four = context.run_sample("random", &["--jobs", "4", "--seed", "7", "--attempts", "3"]);
    assert_eq!(one["verdicts_digest"], four["verdicts_digest"]);
    assert_eq!(one["totals"]["all"]["pass"], four["totals"]["all"]["pass"]);
    let other = context.run_sample("random", &["--seed", "8", "--attempts", "3"]);
    assert_ne!(one["verdicts_digest"], other["verdicts_digest"], "the seed matters");
}

#[test]
fn attempts_of_one_task_differ_and_are_all_counted() {
    let context = Context::new();
    let report = context.run_sample("random", &["--attempts", "5"]);
    let tasks = number(&report, "totals/all/tasks");
    assert_eq!(number(&report, "totals/all/attempts"), tasks * 5.0);
    let pass = number(&report, "totals/all/pass");
    assert!(pass > 0.0 && pass < tasks * 5.0, "{pass} of {}", tasks * 5.0);
}

#[test]
fn the_report_has_the_shape_that_its_schema_publishes() {
    let report = Context::new().run_sample("first", &[]);
    for key in
        ["tasks", "pass", "fail", "invalid", "earned_cents", "available_cents", "earn_rate", "pass_rate"]
    {
        number(&report, &format!("totals/all/{key}"));
    }
    assert_eq!(report["totals"]["all"]["pass_rate_ci95"].as_array().unwrap().len(), 2);
    for policy in ["first", "last", "longest", "random"] {
        number(&report, &format!("baselines/{policy}/pass"));
        number(&report, &format!("baselines/{policy}/earned_cents"));
    }
    let schema: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(crate::context::workspace().join("docs/schemas/report.schema.json"))
            .unwrap(),
    )
    .unwrap();
    for key in schema["required"].as_array().unwrap() {
        assert!(report.get(key.as_str().unwrap()).is_some(), "{key} is required by the schema");
    }
    for key in report.as_object().unwrap().keys() {
        assert!(schema["properties"].get(key).is_some(), "{key} is not in the schema");
    }
}

#[test]
fn selections_are_honoured() {
    let context = Context::new();
    let all = context.run_sample("first", &[]);
    let attempts = context.json(&["show", text(&all, "run")]);
    let one = attempts[0]["attempt"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let report = context.run_sample("first", &["--task", &one]);
    assert_eq!(number(&report, "totals/all/tasks"), 1.0);
    let report = context.run_sample("first", &["--kind", "swe-manager"]);
    assert_eq!(number(&report, "totals/all/tasks"), number(&all, "totals/all/tasks"));
}

#[test]
fn output_to_a_pipe_is_plain_and_a_closed_pipe_is_no_error() {
    let context = Context::new();
    let suite = sample();
    let outcome = context.lancet(&["run", suite.to_str().unwrap(), "--agent", "first"]);
    assert_eq!(outcome.code, Some(0));
    assert!(!outcome.stdout.contains('\x1b') && !outcome.stderr.contains('\x1b'));
    assert_eq!(outcome.stderr, "", "quiet when nobody watches");

    let shell = format!("{} report | head -c 1", env!("CARGO_BIN_EXE_lancet"));
    let mut command = std::process::Command::new("bash");
    command.args(["-o", "pipefail", "-c", &shell]).env("LANCET_STORE", context.path("store"));
    assert!(command.output().unwrap().status.success());
}

#[test]
fn help_names_every_exit_code() {
    let help = Context::new().lancet(&["--help"]).stdout;
    for line in [
        "0    done",
        "2    bad usage",
        "3    a suite",
        "4    a plugin",
        "5    done, and",
        "6    a replay",
        "7    the store",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(Context::new().lancet(&["completions", shell]).stdout.contains("lancet"));
    }
}
