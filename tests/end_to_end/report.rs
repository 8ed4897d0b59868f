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

#[test]
fn repeats_of_what_never_changes_say_nothing_new() {
    let context = Context::new();
    let one = context.run_sample("longest", &[]);
    let many = context.run_sample("longest", &["--attempts", "25"]);
    let tasks = number(&one, "totals/all/tasks");
    assert_eq!(number(&many, "totals/all/attempts"), tasks * 25.0);
    assert_eq!(number(&many, "totals/all/earned_cents"), 25.0 * number(&one, "totals/all/earned_cents"));
    for path in ["pass_rate", "pass_rate_ci95", "earn_rate", "per_attempt"] {
        for of in [format!("/totals/all/{path}"), format!("/totals/all/decided/{path}")] {
            assert_eq!(one.pointer(&of), many.pointer(&of), "{of}");
        }
    }
    // The row of the run beside the policies is the policy's, however often it ran.
    for (report, heading) in [(&one, "pass %"), (&many, "pass@1")] {
        let table = context.lancet(&["report", text(report, "run")]).stdout;
        let row = |label: &str| {
            let line =
                table.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{table}"));
            line.split_whitespace().rev().take(4).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("longest (this run)"), row("always longest"), "{table}");
        assert!(table.contains(heading), "{table}");
    }
    let runs = context.json(&["runs"]);
    assert_eq!(runs[0]["earned_per_attempt_cents"], runs[1]["earned_per_attempt_cents"]);
    assert_eq!(runs[0]["available_per_attempt_cents"], runs[1]["available_per_attempt_cents"]);
}

#[test]
fn repeats_of_what_is_drawn_anew_narrow_the_interval() {
    let context = Context::new();
    let width = |report: &serde_json::Value| {
        let ends = |n: usize| number(report, &format!("totals/all/pass_rate_ci95/{n}"));
        assert!(ends(0) >= 0.0 && ends(1) <= 1.0 && ends(0) < ends(1));
        ends(1) - ends(0)
    };
    let one = context.run_sample("random", &["--seed", "5"]);
    let ten = context.run_sample("random", &["--seed", "5", "--attempts", "10"]);
    assert!(width(&ten) < 0.8 * width(&one), "{} {}", width(&ten), width(&one));
    let (pass, tasks) = (number(&ten, "totals/all/pass"), number(&ten, "totals/all/tasks"));
    assert!((number(&ten, "totals/all/per_attempt/pass") - pass / 10.0).abs() < 1e-9);
    assert!((number(&ten, "totals/all/pass_rate") - pass / 10.0 / tasks).abs() < 1e-12);
}

#[test]
fn what_is_pending_is_not_shown_as_if_it_had_failed() {
    let context = Context::new();
    let suite = sample();
    let arguments =
        ["run", suite.to_str().unwrap(), "--agent", "gold", "--grant", "answer-key", "--jobs", "1"];
    let status = context
        .command(&arguments)
        .env(lancet_store::FAILPOINT_VARIABLE, "attempt-decided:4")
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
    let report = context.json(&["report"]);
    assert_eq!(report["complete"], false);
    let tasks = number(&report, "totals/all/tasks");
    assert_eq!(number(&report, "totals/all/pass"), 4.0);
    assert_eq!(number(&report, "totals/all/pending"), tasks - 4.0);
    assert_eq!(number(&report, "totals/all/per_attempt/tasks"), 4.0);
    // All that is decided has passed.
    assert_eq!(number(&report, "totals/all/pass_rate"), 1.0);
    assert_eq!(number(&report, "totals/all/earn_rate"), 1.0);
    for format in ["table", "md"] {
        let shown = context.lancet(&["report", "--format", format]).stdout;
        for words in ["INCOMPLETE", "SO FAR", "pending", "100.00", "with a decision so far"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
    let csv = context.lancet(&["report", "--format", "csv"]).stdout;
    assert!(csv.contains("complete") && csv.lines().nth(1).unwrap().contains(",false,"), "{csv}");
    let runs = context.json(&["runs"]);
    assert_eq!(runs[0]["state"], "unfinished");
    assert_eq!(number(&runs, "0/earned_per_attempt_cents"), number(&runs, "0/available_per_attempt_cents"));
    // Once it is finished everything counts.
    let report = context.json(&["resume"]);
    assert_eq!(report["complete"], true);
    assert_eq!(number(&report, "totals/all/per_attempt/tasks"), tasks);
}
