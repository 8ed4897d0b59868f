//! A run's report, as text, Markdown and CSV.

use lancet_core::{Cents, Kind, PublishedRow, Report, ReportedPlugin, Totals};
use serde_json::Value;

use super::figure::{NONE, duration, either, interval, mean, money, numbered, percent, precise, share};
use super::safety::{clipped, spreadsheet};
use super::sheet::{Block, Sheet, name};
use super::table::{Table, csv_text, left, right};
use super::{Reasons, Style, reasons, spending};

/// A report for a terminal.
pub(crate) fn report_table(report: &Report, reasons: &Reasons, style: &Style) -> String {
    let mut totals = totals_block(report, true);
    if totals.table.as_ref().is_some_and(|table| table.width() > style.width) {
        // The times then stand below the table.
        totals = totals_block(report, false);
    }
    sheet(report, reasons, totals).to_text(*style)
}

/// A report for an issue or a wiki: GitHub-flavoured Markdown.
pub(crate) fn report_markdown(report: &Report, reasons: &Reasons) -> String {
    sheet(report, reasons, totals_block(report, true)).to_markdown()
}

fn sheet(report: &Report, reasons: &Reasons, totals: Block) -> Sheet {
    let mut notices = Vec::new();
    if report.control {
        let meaning =
            "the agent was granted the answer key; this tests the suite and is no result of the agent";
        notices.push(("CONTROL", meaning.to_owned()));
    }
    if report.by_model {
        let meaning = "graders could ask models; judged again, a submission may have another verdict";
        notices.push(("BY MODEL", meaning.to_owned()));
    }
    let Totals { pending, attempts, .. } = report.totals.all;
    if !report.complete {
        let meaning = format!(
            "{pending} of {} {} not decided; `lancet resume {}` goes on",
            numbered(attempts, "attempt"),
            either(pending, "is", "are"),
            report.run
        );
        notices.push(("INCOMPLETE", meaning));
        let meaning = "rates, earned and available are of what is decided so far".to_owned();
        notices.push(("SO FAR", meaning));
    }
    let blocks = [
        Some(totals),
        reasons::block(&report.run, reasons),
        spending::block(report),
        Some(decided_block(report)),
        baselines_block(report),
        without_baseline_block(report),
    ];
    Sheet {
        title: format!(
            "{} on {}{}{}",
            name(&report.agent.name),
            name(&report.suite.name),
            if report.control { " (CONTROL)" } else { "" },
            if report.complete { "" } else { " (SO FAR)" }
        ),
        notices,
        facts: facts(report),
        blocks: blocks.into_iter().flatten().chain(published_block(report)).collect(),
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let plugin = |plugin: &ReportedPlugin| format!("{}  {}", name(&plugin.name), plugin.digest.short());
    let suite = &report.suite;
    let mut suite_line = format!("{}  {}", name(&suite.name), suite.digest.short());
    if let Some(origin) = &suite.origin {
        let set = suite.set.as_deref().map(|set| format!(", {}", name(set))).unwrap_or_default();
        suite_line.push_str(&format!("  ({}{set})", name(origin)));
    }
    let control = if report.control { "  CONTROL" } else { "" };
    let mut facts = vec![
        ("run", format!("{}  started {}", report.run, name(&report.started))),
        ("suite", suite_line),
        ("agent", format!("{}{control}", plugin(&report.agent))),
    ];
    facts.extend(report.graders.iter().map(|grader| ("grader", plugin(grader))));
    facts.push(("seed", report.seed.to_string()));
    if report.attempts_per_task != 1 {
        facts.push(("attempts", format!("{} at each task", report.attempts_per_task)));
    }
    facts.extend(spending::facts(report));
    facts.push(("verdicts", report.verdicts_digest.short()));
    facts
}

/// The rows of a table by kind: kinds that the run has, and all together.
pub(super) fn by_kind(report: &Report) -> impl Iterator<Item = (&'static str, &Totals)> {
    let kinds = Kind::ALL.into_iter().map(|kind| (kind.as_str(), report.totals.of(kind)));
    kinds.filter(|(_, totals)| totals.tasks > 0).chain([("all", &report.totals.all)])
}

/// The interval of a pass rate. A control's has no meaning, so the word stands
/// in its place.
fn confidence(report: &Report, shares: Option<[f64; 2]>) -> String {
    if report.control { "control".to_owned() } else { interval(shares) }
}

/// What the share of passes is called. With several attempts the usual name says that
/// it is for one attempt, and not for the best of them.
fn pass_heading(report: &Report) -> &'static str {
    if report.attempts_per_task > 1 { "pass@1" } else { "pass %" }
}

fn totals_block(report: &Report, with_time: bool) -> Block {
    let all = &report.totals.all;
    let (some_pending, some_not_runnable) = (all.pending > 0, all.not_runnable.tasks > 0);
    let several = report.attempts_per_task > 1;
    let mut columns = vec![left("kind"), right("tasks")];
    columns.extend(several.then(|| right("attempts")));
    columns.extend(["pass", "fail", "invalid"].map(right));
    columns.extend(some_pending.then(|| right("pending")));
    columns.extend(some_not_runnable.then(|| right("not run")));
    columns.extend(["earned", "available", "earn %", pass_heading(report), "95 % CI"].map(right));
    columns.extend(with_time.then(|| right("time")));
    let mut table = Table::new(columns);
    for (kind, totals) in by_kind(report) {
        // What was not attempted has no zeros.
        let counted = |count: String| if totals.attempts > 0 { count } else { NONE.to_owned() };
        let mut row = vec![kind.to_owned(), totals.tasks.to_string()];
        row.extend(several.then(|| totals.attempts.to_string()));
        row.extend([totals.pass, totals.fail, totals.invalid].map(|count| counted(count.to_string())));
        row.extend(some_pending.then(|| counted(totals.pending.to_string())));
        row.extend(some_not_runnable.then(|| totals.not_runnable.tasks.to_string()));
        let one = &totals.per_attempt;
        row.extend([
            counted(money(one.earned_cents)),
            one.available_cents.to_string(),
            percent(totals.earn_rate),
            percent(totals.pass_rate),
            confidence(report, totals.pass_rate_ci95),
        ]);
        row.extend(with_time.then(|| counted(duration(totals.time.solve_ms + totals.time.grade_ms))));
        table.row(row);
    }
    let mut notes = Vec::new();
    if several {
        notes.push(format!(
            "pass@1, earned and available: for one attempt at each task, the mean of its {} attempts",
            report.attempts_per_task
        ));
        notes.push("95 % CI: tasks, not attempts, count as independent".to_owned());
    }
    if some_not_runnable {
        notes.push("not run: this version cannot run them; they count as not earned".to_owned());
    }
    if all.attempts > 0 {
        let (solve, grade) = (duration(all.time.solve_ms), duration(all.time.grade_ms));
        notes.push(format!("time: {solve} in agents, {grade} in graders, summed over attempts"));
    }
    let tests = &all.tests;
    if tests.rerun_attempts > 0 {
        notes.push(format!(
            "tests: {}; of {} whose tests ran more than once, {} differed (flake rate {})",
            numbered(tests.runs, "run"),
            numbered(tests.rerun_attempts, "attempt"),
            tests.flaky_attempts,
            percent(tests.flake_rate)
        ));
    }
    Block { title: String::new(), table: Some(table), notes }
}

fn decided_block(report: &Report) -> Block {
    let all = &report.totals.all;
    let title = "without invalid and not runnable".to_owned();
    let several = report.attempts_per_task > 1;
    if all.invalid + all.pending + all.not_runnable.tasks == 0 {
        return Block { title: format!("{title}: the same, there are none"), table: None, notes: Vec::new() };
    }
    let mut columns = vec![left("kind")];
    columns.extend(several.then(|| right("tasks")));
    let figures = ["attempts", "pass", "earned", "available", "earn %", pass_heading(report), "95 % CI"];
    columns.extend(figures.map(right));
    let mut table = Table::new(columns);
    for (kind, totals) in by_kind(report) {
        let decided = &totals.decided;
        let counted = |count: String| if decided.attempts > 0 { count } else { NONE.to_owned() };
        let one = &decided.per_attempt;
        let mut row = vec![kind.to_owned()];
        row.extend(several.then(|| one.tasks.to_string()));
        row.extend([
            decided.attempts.to_string(),
            counted(totals.pass.to_string()),
            counted(money(one.earned_cents)),
            counted(one.available_cents.to_string()),
            percent(decided.earn_rate),
            percent(decided.pass_rate),
            confidence(report, decided.pass_rate_ci95),
        ]);
        table.row(row);
    }
    Block { title, table: Some(table), notes: Vec::new() }
}

fn baselines_block(report: &Report) -> Option<Block> {
    let baselines = report.baselines.as_ref()?;
    let totals = &report.totals.swe_manager;
    let heading = pass_heading(report);
    let mut table =
        Table::new([left("policy"), right("pass"), right(heading), right("earned"), right("earn %")]);
    let kind = if report.control { "CONTROL" } else { "this run" };
    table.row([
        format!("{} ({kind})", clipped(&report.agent.name, 40)),
        mean(totals.per_attempt.pass),
        percent(totals.pass_rate),
        money(totals.per_attempt.earned_cents),
        percent(totals.earn_rate),
    ]);
    let available = baselines.available_cents.0;
    let mut policy = |label: &str, pass: String, passed: f64, earned: f64| {
        let rates = [share(passed, baselines.tasks), share(earned, available)].map(percent);
        let [pass_rate, earn_rate] = rates;
        table.row([label.to_owned(), pass, pass_rate, money(earned), earn_rate]);
    };
    for (label, baseline) in [
        ("always first", baselines.first),
        ("always last", baselines.last),
        ("always longest", baselines.longest),
    ] {
        let (pass, earned) = (precise(baseline.pass), precise(baseline.earned_cents.0));
        policy(label, baseline.pass.to_string(), pass, earned);
    }
    let random = &baselines.random;
    policy("random, expected", format!("{:.2}", random.pass), random.pass, random.earned_cents);
    let title = format!(
        "beside trivial policies, {}, {} available",
        numbered(baselines.tasks, "manager task"),
        baselines.available_cents
    );
    let mut notes = Vec::new();
    if report.attempts_per_task > 1 {
        notes.push("all are for one attempt at each task; this run's is the mean of its attempts".to_owned());
    }
    let (over, all) = (totals.per_attempt.tasks, totals.tasks);
    if over < all {
        let all = numbered(all, "task");
        notes.push(format!("this run's are of the {over} of {all} with a decision so far"));
    }
    Some(Block { title, table: Some(table), notes })
}

/// A word on the manager tasks that are not among the baselines'.
fn without_baseline_block(report: &Report) -> Option<Block> {
    let (tasks, their) = match report.without_baseline {
        0 => return None,
        1 => ("1 manager task has".to_owned(), "its own grader can read its answer key"),
        n => (format!("{n} manager tasks have"), "their own grader can read their answer keys"),
    };
    let title = format!("{tasks} no baseline: only {their}");
    Some(Block { title, table: None, notes: Vec::new() })
}

/// One block for each set that results were published on.
fn published_block(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest: &[PublishedRow] = &report.published;
    while let Some(first) = rest.first() {
        let same = |row: &&PublishedRow| {
            (&row.set, row.tasks, row.available_cents) == (&first.set, first.tasks, first.available_cents)
        };
        let (rows, others) = rest.split_at(rest.iter().take_while(same).count());
        rest = others;
        let mut table =
            Table::new([left("model").at_most(40), right("pass %"), right("earned"), right("earn %")]);
        for row in rows {
            table.row([
                name(&row.model),
                percent(Some(row.pass_rate)),
                row.earned_cents.to_string(),
                percent(Some(row.earn_rate)),
            ]);
        }
        let (tasks, available): (u64, Cents) = (first.tasks, first.available_cents);
        blocks.push(Block {
            title: format!(
                "published, for orientation only: {} ({}, {available})",
                name(&first.set),
                numbered(tasks, "task")
            ),
            table: Some(table),
            notes: vec![
                "as published, with another harness and the set as it was then: not to be compared to the percent".to_owned(),
            ],
        });
    }
    blocks
}

/// The columns of [`report_csv`] that are the same in each line, as paths in the
/// JSON of a report.
const RUN_COLUMNS: [&str; 10] = [
    "run",
    "started",
    "complete",
    "suite.name",
    "suite.digest",
    "agent.name",
    "agent.digest",
    "control",
    "seed",
    "verdicts_digest",
];

/// The columns of [`report_csv`] that differ, as paths in the totals of a kind.
const TOTALS_COLUMNS: [&str; 26] = [
    "tasks",
    "attempts",
    "pass",
    "fail",
    "invalid",
    "pending",
    "not_runnable.tasks",
    "not_runnable.available_cents",
    "earned_cents",
    "available_cents",
    "earn_rate",
    "pass_rate",
    "pass_rate_ci95.0",
    "pass_rate_ci95.1",
    "decided.attempts",
    "decided.available_cents",
    "decided.earn_rate",
    "decided.pass_rate",
    "decided.pass_rate_ci95.0",
    "decided.pass_rate_ci95.1",
    "time.solve_ms",
    "time.grade_ms",
    "per_attempt.tasks",
    "per_attempt.pass",
    "per_attempt.earned_cents",
    "per_attempt.available_cents",
];

/// A report for a spreadsheet: a line for each kind that the run has and one for
/// `all`. The columns are named as in the JSON, with `.` between the levels;
/// what is `null` there is empty here. A run with models has theirs at the end.
pub(crate) fn report_csv(report: &Report) -> String {
    let json = serde_json::to_value(report).unwrap_or_default();
    let models: &[&str] = if report.models.is_empty() { &[] } else { &spending::COLUMNS };
    let headings = RUN_COLUMNS.iter().chain(&["kind"]).chain(&TOTALS_COLUMNS).chain(models);
    let mut records = vec![headings.map(|heading| (*heading).to_owned()).collect::<Vec<_>>()];
    for (kind, _) in by_kind(report) {
        let totals = &json["totals"][kind];
        let mut record: Vec<String> = RUN_COLUMNS.iter().map(|path| cell(&json, path)).collect();
        record.push(kind.to_owned());
        record.extend(TOTALS_COLUMNS.iter().chain(models).map(|path| cell(totals, path)));
        records.push(record);
    }
    csv_text(&records)
}

/// The value at a path of JSON.
fn cell(json: &Value, path: &str) -> String {
    match json.pointer(&format!("/{}", path.replace('.', "/"))) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => spreadsheet(text),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lancet_core::{
        Baseline, Baselines, Expectation, Expense, Microdollars, NotRunnable, Outcome, ReportedLimit,
        ReportedModel, ReportedSuite, Sha256, Spent, Time, TotalsByKind, Tried, Usage, published_rows,
    };

    use super::*;

    fn plugin(name: &str) -> ReportedPlugin {
        ReportedPlugin { name: name.to_owned(), digest: Sha256::of(name.as_bytes()) }
    }

    fn baseline(pass: u64, dollars: u64) -> Baseline {
        Baseline { pass, earned_cents: Cents(dollars * 100) }
    }

    /// SWE-Lancer's sample as the agent `first` does on it.
    fn report() -> Report {
        let mut totals = TotalsByKind::empty();
        let time = Time { solve_ms: 2.5, grade_ms: 0.06 };
        let passes = [(46, 500), (1, 10_000)].map(|(n, price)| (n, price, Outcome::Pass));
        let fails = [(92, 500), (1, 42_625)].map(|(n, price)| (n, price, Outcome::Fail));
        for (count, dollars, outcome) in passes.into_iter().chain(fails) {
            for _ in 0..count {
                let price = Cents(dollars * 100);
                let earned = if outcome == Outcome::Pass { price } else { Cents::ZERO };
                let tried = Tried { outcome: Some(outcome), earned, time, ..Tried::default() };
                for totals in totals.of_mut(Kind::SweManager) {
                    totals.add_task(price, &[tried]);
                }
            }
        }
        Report {
            run: "20261123-083329-4f2a9c".parse().unwrap(),
            started: "2026-11-23T08:33:29Z".to_owned(),
            complete: true,
            suite: ReportedSuite {
                name: "diamond-sample".to_owned(),
                digest: Sha256::of(b"suite"),
                origin: Some("swe-lancer".to_owned()),
                set: Some("diamond".to_owned()),
                source_digest: None,
            },
            agent: plugin("first"),
            graders: vec![plugin("manager-choice")],
            control: false,
            by_model: false,
            seed: 7,
            attempts_per_task: 1,
            totals,
            baselines: Some(Baselines {
                first: baseline(47, 33_000),
                last: baseline(38, 27_375),
                longest: baseline(54, 54_500),
                random: Expectation { pass: 35.954, earned_cents: 2_843_273.6 },
                tasks: 140,
                available_cents: Cents(12_162_500),
            }),
            without_baseline: 0,
            published: published_rows(&[Kind::SweManager]),
            verdicts_digest: Sha256::of(b"verdicts"),
            models: Vec::new(),
            attempt_budget: Vec::new(),
            run_budget: Vec::new(),
        }
    }

    fn finished(mut report: Report) -> Report {
        let totals = &mut report.totals;
        for totals in [&mut totals.swe_manager, &mut totals.ic_swe, &mut totals.all] {
            totals.finish();
        }
        report
    }

    /// The same with the IC rows, which are not run.
    fn with_ic() -> Report {
        let mut report = report();
        for totals in report.totals.of_mut(Kind::IcSwe) {
            totals.add_not_runnable(NotRunnable { tasks: 104, available_cents: Cents(8_950_000) }, 1);
        }
        finished(report)
    }

    /// A control that was interrupted, with three attempts at each task and an
    /// invalid one, of a suite that means mischief.
    fn interrupted() -> Report {
        let mut report = report();
        report.attempts_per_task = 3;
        report.control = true;
        report.complete = false;
        report.published.clear();
        report.agent = plugin("gold");
        report.suite.name = "=nice|\u{1b}[2J\nsuite\u{202e}".to_owned();
        for totals in report.totals.of_mut(Kind::SweManager) {
            let invalid = Tried { outcome: Some(Outcome::Invalid), ..Tried::default() };
            totals.add_task(Cents(50_000), &[invalid, Tried::default(), Tried::default()]);
        }
        for totals in report.totals.of_mut(Kind::IcSwe) {
            totals.add_not_runnable(NotRunnable { tasks: 3, available_cents: Cents(100_000) }, 1);
        }
        finished(report)
    }

    /// The same with models: one attempt reached its budget, one request has no price.
    fn with_models() -> Report {
        let mut report = report();
        let model = |name: &str, model: &str, base_url: &str, as_of: Option<&str>| ReportedModel {
            name: name.to_owned(),
            model: model.to_owned(),
            base_url: base_url.to_owned(),
            price_as_of: as_of.map(str::to_owned),
        };
        report.models = vec![
            model("main", "anthropic/nice-model", "https://api.example", Some("2026-11-25")),
            model("helper", "scripted/answers.toml", "", None),
        ];
        let limit = |unit: &str, limit| ReportedLimit { unit: unit.to_owned(), limit };
        report.attempt_budget = vec![limit("asks", 50), limit("microdollars", 3_500_000)];
        report.run_budget = vec![limit("milliseconds", 7_200_000)];
        let spent = |cost, input, output, estimated| {
            let usage = Usage {
                input: Some(input),
                input_cached: Some(input / 2),
                input_cache_written: None,
                output: Some(output),
                output_reasoning: Some(output / 4),
            };
            Spent { usage, cost, estimated }
        };
        let mut expense = Expense { asks: 3, answers: 2, failed_tries: 2, ..Expense::default() };
        expense.payments.add(&spent(Some(Microdollars(1_234_567)), 123_456, 7_890, false));
        expense.payments.add(&spent(Some(Microdollars(20_000)), 1_000, 100, true));
        expense.solve_wait_ms = 90_000;
        expense.served.insert("nice-model-2026-11-01".to_owned(), 2);
        let mut unpriced = Expense { asks: 1, answers: 1, over_budget: true, ..Expense::default() };
        unpriced.payments.add(&spent(None, 10, 20, false));
        unpriced.served.insert(String::new(), 1);
        let time = Time { solve_ms: 100_000.0, grade_ms: 0.0 };
        let tried = Tried { outcome: Some(Outcome::Pass), time, ..Tried::default() };
        for totals in report.totals.of_mut(Kind::SweManager) {
            totals.add_expense(&tried, &expense);
            totals.add_expense(&tried, &unpriced);
        }
        finished(report)
    }

    fn assert_shows(text: &str, expected: &str) {
        assert_eq!(text, expected, "\n{text}");
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 100, "{longest} columns");
    }

    #[test]
    fn a_run() {
        assert_shows(
            &report_table(&with_ic(), &Reasons::default(), &Style::default()),
            include_str!("report/run.txt"),
        );
    }

    #[test]
    fn a_run_of_one_kind() {
        let text = report_table(&finished(report()), &Reasons::default(), &Style::default());
        assert_shows(&text, include_str!("report/one-kind.txt"));
    }

    #[test]
    fn a_run_with_models() {
        let report = with_models();
        assert_shows(
            &report_table(&report, &Reasons::default(), &Style::default()),
            include_str!("report/models.txt"),
        );
        let csv = report_csv(&report);
        let columns = csv.lines().next().unwrap().split(',').zip(csv.lines().last().unwrap().split(','));
        let cells: std::collections::BTreeMap<_, _> = columns.collect();
        assert_eq!((cells["models.cost_microdollars"], cells["models.net_cents"]), ("1254567", ""));
        assert_eq!((cells["models.tokens.input"], cells["models.asks"]), ("124466", "4"));
        let json = serde_json::to_value(&report).unwrap();
        for path in spending::COLUMNS {
            let path = format!("/{}", path.replace('.', "/"));
            assert!(json["totals"]["all"].pointer(&path).is_some(), "{path}");
        }
        let without = serde_json::to_value(with_ic()).unwrap().to_string();
        assert!(!without.contains("models") && !without.contains("budget"), "{without}");
    }

    #[test]
    fn a_control() {
        assert_shows(
            &report_table(&interrupted(), &Reasons::default(), &Style::default()),
            include_str!("report/control.txt"),
        );
    }

    #[test]
    fn in_markdown() {
        assert_eq!(report_markdown(&with_ic(), &Reasons::default()), include_str!("report/run.md"));
        let text = report_markdown(&interrupted(), &Reasons::default());
        assert!(text.contains("> **CONTROL**: "), "{text}");
        assert!(
            text.contains("on =nice\\|\\\\u{1b}\\[2J\\\\nsuite\\\\u{202e} (CONTROL) (SO FAR)\n"),
            "{text}"
        );
    }

    #[test]
    fn in_csv() {
        assert_eq!(report_csv(&with_ic()), include_str!("report/run.csv"));
        let text = report_csv(&interrupted());
        assert!(text.lines().skip(1).all(|line| line.contains(",true,7,")), "{text}");
        assert!(text.contains(",'=nice|\\u{1b}[2J\\nsuite\\u{202e},"), "{text}");
    }

    #[test]
    fn csv_columns_are_json_keys() {
        let json = serde_json::to_value(finished(report())).unwrap();
        let exists =
            |json: &Value, path: &str| json.pointer(&format!("/{}", path.replace('.', "/"))).is_some();
        for path in RUN_COLUMNS {
            assert!(exists(&json, path), "{path}");
        }
        for path in TOTALS_COLUMNS {
            assert!(exists(&json["totals"]["all"], path), "{path}");
        }
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let report = interrupted();
        let mut text = report_table(&report, &Reasons::default(), &Style { color: true, ..Style::default() });
        assert!(text.starts_with("\u{1b}[1;33mCONTROL\u{1b}[0m: "), "{text}");
        for sequence in ["\u{1b}[1;33m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"] {
            text = text.replace(sequence, "");
        }
        assert_eq!(text, report_table(&report, &Reasons::default(), &Style::default()));
    }

    #[test]
    fn tasks_without_a_baseline_are_told_of() {
        let mut report = finished(report());
        for (tasks, words) in [(1, "1 manager task has no baseline"), (3, "3 manager tasks have no baseline")]
        {
            report.without_baseline = tasks;
            for text in [
                report_table(&report, &Reasons::default(), &Style::default()),
                report_markdown(&report, &Reasons::default()),
            ] {
                assert!(text.contains(words), "{text}");
            }
        }
    }

    #[test]
    fn a_run_of_nothing() {
        let mut report = report();
        report.totals = TotalsByKind::empty();
        report.baselines = None;
        report.published.clear();
        let text = report_table(&finished(report), &Reasons::default(), &Style::default());
        assert!(
            text.contains("\nall       0     –     –        –       –         $0     n/a     n/a      n/a"),
            "{text}"
        );
    }
}
