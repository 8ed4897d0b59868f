//! A grader that asks a model: only where the operator says so, and then it is said of
//! everything that rests on it.

use std::fs;

use lancet_core::Report;
use serde_json::Value;

use crate::context::{Context, hostile, judged_by, number, text};
use crate::shapes::has_shape;

const AGREES: &str = "[[conversation]]\n[[conversation.answer]]\ntext = \"yes, it is\"\n\
                      usage = { input = 100, output = 5 }\nserved = \"judge-1\"\n";

fn context() -> Context {
    let context = Context::new();
    let suite = context.small_suite("suite");
    judged_by(&suite, &hostile("asks-model-grader"));
    fs::write(context.path("judge.toml"), AGREES).unwrap();
    context
}

/// The agent hands in the wrong proposal.
const RUN: [&str; 4] = ["run", "suite", "--agent", "first"];
const GRANT: [&str; 2] = ["--grant", "grader:model"];
const MODEL: [&str; 2] = ["--model", "scripted/judge.toml"];

#[test]
fn a_grader_asks_a_model_only_when_it_is_granted() {
    let context = context();
    // Who names a model has left the grant out.
    for (options, code) in [(&[][..], 4), (&MODEL, 2)] {
        let refused = context.lancet(&[&RUN[..], options].concat());
        refused.fails(code, &["graders/mine.wasm", "lancet:plugin/model@0.1.0", "`--grant grader:model`"]);
    }
    assert!(!context.path("store").exists());

    let report = context.lancet(&[&RUN[..], &GRANT, &MODEL, &["--format", "json"]].concat());
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    let report = has_shape::<Report>(&report, "report");
    assert_eq!(report["by_model"], true);
    assert_eq!((number(&report, "totals/all/pass"), number(&report, "totals/all/models/asks")), (1.0, 1.0));
    assert_eq!(number(&report, "totals/all/models/tokens/input"), 100.0);
    for format in ["table", "md"] {
        let table = context.lancet(&["report", "--format", format]).stdout;
        assert!(table.contains("BY MODEL") && table.contains("judge-1"), "{table}");
    }

    let attempt = "latest/one/1";
    let events = context.json(&["show", attempt]);
    let decided = events.as_array().unwrap().iter().find(|event| event["event"] == "decided").unwrap();
    assert_eq!(decided["record"]["by_model"], true);
    assert_eq!(text(decided, "record/verdict/reason"), "model-agrees");
    let shown = context.lancet(&["show", attempt]).stdout;
    assert!(shown.contains("by a grader that could ask models"), "{shown}");
    let transcript = context.lancet(&["show", attempt, "--transcript"]).stdout;
    assert!(transcript.contains("conversation 0 of the grader"), "{transcript}");
    assert!(transcript.contains("Is proposal 0 right?") && transcript.contains("yes, it is"), "{transcript}");

    // It is asked once: what it said is in the record, and judging again would be another verdict.
    assert_eq!(number(&context.json(&["replay"]), "identical"), 1.0);
    context.lancet(&["regrade"]).fails(2, &["asks models", "another verdict", "a run of its own"]);
    let again = context.json(&[&RUN[..], &GRANT, &["--model", "recorded/latest"]].concat());
    assert_eq!(again["verdicts_digest"], report["verdicts_digest"]);
    // Another word of the model is another verdict, and the same submission.
    fs::write(context.path("judge.toml"), AGREES.replace("yes", "no")).unwrap();
    let other = context.json(&[&RUN[..], &GRANT, &MODEL].concat());
    assert_eq!(number(&other, "totals/all/fail"), 1.0);
}

#[test]
fn a_grader_that_gets_no_answer_judges_nothing() {
    for options in [
        &[][..],
        // One answer for two attempts.
        &["--model", "scripted/judge.toml", "--run-budget", "asks=1", "--attempts", "2", "--jobs", "1"],
    ] {
        let context = context();
        let run = context.lancet(&[&RUN[..], &GRANT, options].concat());
        assert_eq!(run.code, Some(5), "{}", run.stderr);
        let attempts = context.json(&["show"]);
        let last: &Value = attempts.as_array().unwrap().last().unwrap();
        assert_eq!((text(last, "state"), text(last, "reason")), ("invalid", "grader-error"), "{attempts:#}");
        assert_eq!(number(&context.json(&["replay"]), "different"), 0.0);
    }
}
