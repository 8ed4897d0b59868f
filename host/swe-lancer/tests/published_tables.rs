//! The importer on parts of SWE-Lancer's real table. They are not part of this
//! repository: without them, these tests say so and pass.

use std::path::PathBuf;
use std::time::Instant;

use lancet_core::{Baseline, Cents, Kind};
use lancet_suite::{Generation, GraderRef, Suite, TextMode, baselines, select};
use lancet_swe_lancer::{ImportOptions, ImportSummary, decode_faithful};

/// The folder with the tables, or `None` when it is not there.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("LANCET_SWE_LANCER_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/swe-lancer"),
        PathBuf::from,
    );
    if folder.join("diamond-sample.csv").is_file() {
        return Some(folder);
    }
    println!("left out: there are no tables in {}; set LANCET_SWE_LANCER_DATA", folder.display());
    None
}

fn import(
    table: &str,
    text: TextMode,
    with_issues: bool,
) -> Option<(ImportSummary, Suite, tempfile::TempDir)> {
    let data = data()?;
    let temporary = tempfile::tempdir().unwrap();
    let options = ImportOptions {
        issues: with_issues.then(|| data.join("issues")),
        text,
        strict: true,
        ..ImportOptions::new(data.join(table), temporary.path().join("suite"))
    };
    let start = Instant::now();
    let summary = lancet_swe_lancer::import(&options).unwrap();
    let imported = start.elapsed();
    let suite = Suite::open(&options.out).unwrap_or_else(|error| panic!("{error}: {:#?}", error.problems()));
    println!("{table}: imported in {imported:?}, loaded in {:?}", start.elapsed() - imported);
    assert_eq!(summary.digest, suite.digest());
    assert_eq!(summary.shared_issues, suite.shared_issues());
    assert_eq!(summary.problems, []);
    Some((summary, suite, temporary))
}

fn earned(pass: u64, dollars: u64) -> Baseline {
    Baseline { pass, earned_cents: Cents(dollars * 100) }
}

#[test]
fn diamond_sample() {
    let Some((summary, suite, _folder)) = import("diamond-sample.csv", TextMode::Fixed, true) else { return };
    assert_eq!(summary.generation, Generation::Current);
    assert_eq!((summary.rows, summary.set.as_deref()), (244, Some("diamond")));
    assert_eq!((summary.ic_swe.tasks, summary.ic_swe.cents), (104, Cents(8_950_000)));
    assert_eq!((summary.swe_manager.tasks, summary.swe_manager.cents), (140, Cents(12_162_500)));
    assert_eq!(suite.reported().origin.as_deref(), Some("swe-lancer"));
    assert_eq!(suite.reported().source_digest, Some(summary.source_digest));
    assert_eq!(suite.warnings(), []);

    let found = baselines(suite.tasks()).unwrap().unwrap();
    assert_eq!((found.tasks, found.available_cents), (140, Cents(12_162_500)));
    assert_eq!(found.first, earned(47, 33_000));
    assert_eq!(found.last, earned(38, 27_375));
    assert_eq!(found.longest, earned(54, 54_500));
    assert!((found.random.pass - 35.947_222).abs() < 1e-6, "{}", found.random.pass);
    // Exactly 1194175/42 dollars.
    assert!((found.random.earned_cents - 119_417_500.0 / 42.0).abs() < 1e-6, "{}", found.random.earned_cents);

    // The one row that uses an id twice.
    let repeated = suite.task(&"29812-manager-0".parse().unwrap()).unwrap();
    let ids: Vec<_> = repeated.public.proposals.iter().map(|p| p.id).collect();
    assert_eq!(ids, [0, 0, 1, 2, 3, 4, 5]);
    assert_eq!(repeated.grader, Some(GraderRef::Builtin("manager-choice".to_owned())));

    // Decoded, undamaged, and without what only the answer key may hold.
    for task in suite.tasks() {
        let public = serde_json::to_string(&task.public).unwrap();
        assert!(!task.public.statement.contains("\\n") && !public.contains("â\u{80}"), "{}", task.public.id);
        for secret in ["approval_comment_url", "correct_proposal", "fix_commit_hash"] {
            assert!(!public.contains(secret), "{}: {secret}", task.public.id);
        }
    }
    assert_eq!(select(&suite, Some(Kind::SweManager), &["15193*".to_owned()]).unwrap().len(), 1);
    let kinds: Vec<_> = summary.warnings.iter().map(|w| w.kind).collect();
    println!("{} warnings: {kinds:?}", kinds.len());
    println!("{} shared issues", summary.shared_issues.len());
}

#[test]
fn lite_sample() {
    let Some((summary, suite, _folder)) = import("lite-sample.csv", TextMode::Fixed, false) else { return };
    assert_eq!((summary.generation, summary.rows, summary.set.as_deref()), (Generation::Lite, 90, None));
    assert_eq!((summary.ic_swe.tasks, summary.ic_swe.cents), (32, Cents(6_800_000)));
    assert_eq!((summary.swe_manager.tasks, summary.swe_manager.cents), (58, Cents(8_700_000)));
    let found = baselines(suite.tasks()).unwrap().unwrap();
    assert_eq!(found.first, earned(21, 21_000));
    assert_eq!(found.last, earned(15, 19_000));
    assert_eq!(found.longest, earned(21, 39_000));
    assert!((found.random.pass / 58.0 - 0.2330).abs() < 5e-5, "{}", found.random.pass);
    // Exactly 398375/21 dollars.
    assert!((found.random.earned_cents - 39_837_500.0 / 21.0).abs() < 1e-6, "{}", found.random.earned_cents);
    // The framing of every prompt is known, so no statement holds it.
    for task in suite.tasks() {
        assert!(!task.public.statement.contains("manager_decisions.json"), "{}", task.public.id);
        assert!(!task.public.statement.contains("You are an expert"), "{}", task.public.id);
    }
}

/// The reference builds its prompt from the column `proposals`; the proposals
/// here come from `manager_data`. In faithful mode the two have to agree.
#[test]
fn faithful_proposals_are_those_of_the_column() {
    let Some((_, suite, _folder)) = import("diamond-sample.csv", TextMode::Faithful, false) else { return };
    let mut reader = csv::Reader::from_path(data().unwrap().join("diamond-sample.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|h| h == name).unwrap();
    let mut compared = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let task = suite.task(&record[column("question_id")].parse().unwrap()).unwrap();
        assert_eq!(task.public.statement, decode_faithful(&record[column("description")]).unwrap());
        if task.public.kind == Kind::SweManager {
            let rule = "-".repeat(44);
            let joined: String = task
                .public
                .proposals
                .iter()
                .map(|p| format!("Proposal: {}:\n\n{}\n\n{rule}\n\n", p.id, p.text))
                .collect();
            assert_eq!(joined + "\n\n---", decode_faithful(&record[column("proposals")]).unwrap());
            compared += 1;
        }
    }
    assert_eq!(compared, 140);
}
