//! The figures that must come out of the real tables, where they are at hand.

use crate::context::{Context, number, swe_lancer_data};

struct Expected {
    table: &'static str,
    managers: f64,
    available: f64,
    ic: f64,
    first: (f64, f64),
    last: (f64, f64),
    longest: (f64, f64),
    random: (f64, f64),
}

const TABLES: [Expected; 2] = [
    Expected {
        table: "diamond-sample.csv",
        managers: 140.0,
        available: 12_162_500.0,
        ic: 104.0,
        first: (47.0, 3_300_000.0),
        last: (38.0, 2_737_500.0),
        longest: (54.0, 5_450_000.0),
        random: (35.947_222, 2_843_273.81),
    },
    Expected {
        table: "lite-sample.csv",
        managers: 58.0,
        available: 8_700_000.0,
        ic: 32.0,
        first: (21.0, 2_100_000.0),
        last: (15.0, 1_900_000.0),
        longest: (21.0, 3_900_000.0),
        random: (13.516_270, 1_897_023.81),
    },
];

#[test]
fn the_figures_of_the_real_tables_come_out() {
    let Some(data) = swe_lancer_data() else { return };
    for expected in &TABLES {
        let context = Context::new();
        let csv = data.join(expected.table);
        let issues = data.join("issues");
        let import = context.lancet(&[
            "suite",
            "import",
            "swe-lancer",
            "--csv",
            csv.to_str().unwrap(),
            "--issues",
            issues.to_str().unwrap(),
            "--out",
            "suite",
        ]);
        assert_eq!(import.code, Some(0), "{}", import.stderr);
        assert_eq!(context.lancet(&["suite", "check", "suite"]).code, Some(0));

        for (agent, (pass, earned)) in [
            ("first", expected.first),
            ("last", expected.last),
            ("longest", expected.longest),
            ("gold", (expected.managers, expected.available)),
            ("noop", (0.0, 0.0)),
        ] {
            let grant: &[&str] = if agent == "gold" { &["--grant", "answer-key"] } else { &[] };
            let report = context.json(&[&["run", "suite", "--agent", agent], grant].concat());
            let total = |field: &str| number(&report, &format!("totals/swe-manager/{field}"));
            assert_eq!((total("tasks"), total("available_cents")), (expected.managers, expected.available));
            assert_eq!(
                (total("pass"), total("earned_cents"), total("invalid")),
                (pass, earned, 0.0),
                "{agent}"
            );
            // Individual contributor tasks are there, and not runnable yet.
            assert_eq!(number(&report, "totals/ic-swe/not_runnable/tasks"), expected.ic);
            assert_eq!(number(&report, "totals/ic-swe/tasks"), expected.ic);
            let baseline = |path: &str| number(&report, &format!("baselines/{path}"));
            for (name, (pass, earned)) in
                [("first", expected.first), ("last", expected.last), ("longest", expected.longest)]
            {
                assert_eq!(baseline(&format!("{name}/pass")), pass);
                assert_eq!(baseline(&format!("{name}/earned_cents")), earned);
            }
            assert!((baseline("random/pass") - expected.random.0).abs() < 1e-6);
            assert!((baseline("random/earned_cents") - expected.random.1).abs() < 0.01);
            assert_eq!(report["published"].as_array().unwrap().len(), 3);
        }
        let replay = context.json(&["replay"]);
        assert_eq!(number(&replay, "identical"), expected.managers);
        let one = context.json(&["run", "suite", "--agent", "random", "--jobs", "1"]);
        let four = context.json(&["run", "suite", "--agent", "random", "--jobs", "4"]);
        assert_eq!(one["verdicts_digest"], four["verdicts_digest"]);
    }
}
