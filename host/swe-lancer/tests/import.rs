//! The importer on small tables of our own, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use lancet_core::{Cents, Kind};
use lancet_suite::{Generation, GraderRef, Suite, SuiteTask, TextMode, baselines};
use lancet_swe_lancer::{ImportError, ImportOptions, ImportSummary, RowProblemKind as Row, import};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A place to import into, with a table of its own.
struct Place {
    folder: tempfile::TempDir,
    options: ImportOptions,
}

impl Place {
    fn new(table: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("table.csv");
        fs::write(&csv, table).unwrap();
        let options = ImportOptions::new(csv, folder.path().join("suite"));
        Self { folder, options }
    }

    fn of(name: &str) -> Self {
        Self::new(fs::read(fixture(name)).unwrap())
    }

    fn import(&self) -> Result<ImportSummary, ImportError> {
        let result = import(&self.options);
        let left: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        if let Ok(summary) = &result {
            let suite = self.suite();
            assert_eq!(suite.digest(), summary.digest);
            assert_eq!(suite.shared_issues(), summary.shared_issues);
        } else {
            assert!(!self.options.out.exists() || fs::read_dir(&self.options.out).unwrap().next().is_none());
        }
        result
    }

    fn suite(&self) -> Suite {
        Suite::open(&self.options.out).unwrap_or_else(|e| panic!("{e}: {:#?}", e.problems()))
    }
}

fn task<'s>(suite: &'s Suite, id: &str) -> &'s SuiteTask {
    suite.task(&id.parse().unwrap()).unwrap()
}

fn texts(task: &SuiteTask) -> Vec<&str> {
    task.public.proposals.iter().map(|p| p.text.as_str()).collect()
}

/// The rows of a fixture as fields, for tests that change one.
fn records(name: &str) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(fixture(name)).unwrap();
    reader.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
}

fn table(records: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for record in records {
        writer.write_record(record).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The current fixture with one field of one row changed.
fn changed(row: usize, column: &str, change: impl FnOnce(String) -> Vec<u8>) -> Place {
    let mut records = records("current.csv");
    let index = records[0].iter().position(|name| name == column.as_bytes()).unwrap();
    let field = String::from_utf8(std::mem::take(&mut records[row][index])).unwrap();
    records[row][index] = change(field);
    Place::new(table(&records))
}

fn replaced(row: usize, column: &str, from: &str, to: &str) -> Place {
    changed(row, column, |field| {
        assert!(field.contains(from), "{field} has no {from}");
        field.replace(from, to).into_bytes()
    })
}

#[test]
fn the_current_generation() {
    let place = Place::of("current.csv");
    let summary = place.import().unwrap();
    assert_eq!((summary.generation, summary.rows), (Generation::Current, 3));
    assert_eq!((summary.name.as_str(), summary.set.as_deref()), ("swe-lancer-diamond", Some("diamond")));
    assert_eq!((summary.swe_manager.tasks, summary.swe_manager.cents), (2, Cents(150_000)));
    assert_eq!((summary.ic_swe.tasks, summary.ic_swe.cents), (1, Cents(100_000)));
    assert_eq!(summary.problems, []);
    let warnings: Vec<_> = summary.warnings.iter().map(|w| (w.row, w.kind)).collect();
    assert_eq!(warnings, [(1, Row::SharedIssue), (3, Row::RepeatedProposalId), (3, Row::PriceMismatch)]);
    assert_eq!(summary.shared_issues.len(), 1);

    let suite = place.suite();
    let first = task(&suite, "101-manager-0");
    assert_eq!(first.public.title, "[$1000] Search — results flicker “twice”");
    assert_eq!(
        first.public.statement,
        "If you haven’t already, read on.\n___\n\n## Action Performed:\r\n1. Open C:\\windows\n2. Type é"
    );
    assert_eq!(texts(first)[0], "Debounce the input.\r\n\r\nIt's the handler — see `onChange`.");
    assert_eq!(texts(first)[1], "Replace /\\s+\\2/ by \" \".\nDone");
    assert_eq!(first.answer_key.as_deref(), Some("{\"correct\":3,\"mode\":\"strict\"}\n"));
    assert_eq!(first.source.as_ref().unwrap().github_issue, Some(101));
    assert_eq!(task(&suite, "202-manager-0").public.title, "[$500] Delete doesn't ask");
    assert_eq!(task(&suite, "101_7").source.as_ref().unwrap().acceptable_folders, ["101_7"]);
    // Without issue folders, nobody knows what its tests are.
    assert_eq!(task(&suite, "101_7").environment, None);
    assert_eq!(task(&suite, "101_7").grader, Some(GraderRef::Builtin("playwright-e2e".to_owned())));
    assert_eq!(task(&suite, "101_7").answer_key.as_deref(), Some("{\"plan\":\"tests\"}\n"));
    assert_eq!((summary.ic_runnable, summary.ic_gold, suite.images().len()), (0, 0, 0));

    // What an agent must not see is kept, and only in private.
    let private = place.options.out.join("tasks/101-manager-0/private/manager-data.json");
    let data: serde_json::Value = serde_json::from_slice(&fs::read(private).unwrap()).unwrap();
    assert_eq!(data["game"]["correct_proposal"]["explanation"], "The secret reason.");
    for entry in ["task.toml", "statement.md", "proposals/0.md"] {
        let text = fs::read_to_string(place.options.out.join("tasks/101-manager-0").join(entry)).unwrap();
        assert!(!text.contains("secret"), "{entry}");
    }
    let found = baselines(suite.tasks()).unwrap().unwrap();
    assert_eq!((found.first.pass, found.last.pass, found.longest.pass), (1, 1, 2));
    assert!((found.random.pass - 1.0).abs() < 1e-12);
}

#[test]
fn faithful_text_is_damaged_like_the_references() {
    let mut place = Place::of("current.csv");
    place.options.text = TextMode::Faithful;
    // `C:\windows` is no escape, `C:\dir` neither; `\2` is one.
    let summary = place.import().unwrap();
    assert_eq!((summary.problems.as_slice(), summary.text), (&[][..], TextMode::Faithful));
    let suite = place.suite();
    let first = task(&suite, "101-manager-0");
    assert!(first.public.statement.ends_with("2. Type Ã©"), "{}", first.public.statement);
    assert_eq!(texts(first)[0], "Debounce the input.\n\nIt's the handler â\u{80}\u{94} see `onChange`.");
    assert_eq!(texts(first)[1], "Replace /\\s+\x02/ by \" \".\nDone");

    let mut place = replaced(1, "description", "C:\\windows", "C:\\users");
    assert_eq!(place.import().unwrap().problems, []);
    fs::remove_dir_all(&place.options.out).unwrap();
    place.options.text = TextMode::Faithful;
    let summary = place.import().unwrap();
    let problem = &summary.problems[0];
    assert_eq!(
        (problem.row, problem.kind, problem.column.as_deref()),
        (1, Row::Unfaithful, Some("description"))
    );
    assert_eq!(summary.swe_manager.tasks, 2);
}

#[test]
fn the_old_generations() {
    for (name, generation) in [("old.csv", Generation::Old), ("lite.csv", Generation::Lite)] {
        for text in [TextMode::Fixed, TextMode::Faithful] {
            let mut place = Place::of(name);
            place.options.text = text;
            let summary = place.import().unwrap();
            assert_eq!((summary.generation, summary.set.as_deref()), (generation, None));
            let kinds: Vec<_> = summary.warnings.iter().map(|w| (w.row, w.kind)).collect();
            let expected = [(1, Row::SharedIssue), (3, Row::RepeatedProposalId), (3, Row::UnknownFraming)];
            assert_eq!(kinds, expected);
            let suite = place.suite();
            for id in ["101_7", "101-manager-0"] {
                let public = &task(&suite, id).public;
                assert_eq!(public.title, "[$1000] Search — results flicker “twice”");
                assert_eq!(public.statement, "Line one\r\nLine two — é\n\nThird, C:\\users");
            }
            let unknown = &task(&suite, "202-manager-0").public;
            assert_eq!(unknown.title, "Delete asks nothing");
            assert_eq!(unknown.statement, "Framed in a way that nobody knows.\n\nMore.");
            let everything = read_all(&place.options.out);
            assert!(!everything.contains("CANARY"));
        }
    }
}

fn read_all(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&read_all(&path));
        } else {
            all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    all
}

/// One bad row is reported by row, line, id and column; the others go on; and a
/// strict import writes nothing.
#[test]
fn bad_rows_are_named_and_left_out() {
    let cases: Vec<(Place, u64, &str, Row, &str)> = vec![
        (
            replaced(2, "manager_data", "correct_proposal': {'id': 3", "correct_proposal': {'id': 9"),
            2,
            "manager_data",
            Row::UnknownCorrectProposal,
            "9",
        ),
        (
            replaced(2, "manager_data", "'correct_proposal': {'id': 3", "'correct_proposal': {'no': 3"),
            2,
            "manager_data",
            Row::MissingKey,
            "game.correct_proposal.id",
        ),
        (
            replaced(2, "manager_data", "'all_formal_proposals'", "'proposals'"),
            2,
            "manager_data",
            Row::MissingKey,
            "game.all_formal_proposals",
        ),
        (
            replaced(2, "manager_data", "'content': 'Rewrite", "'text': 'Rewrite"),
            2,
            "manager_data",
            Row::MissingKey,
            "[2].content",
        ),
        (replaced(2, "manager_data", "'id': 1,", "'id': -1,"), 2, "manager_data", Row::BadProposalId, "-1"),
        (
            replaced(2, "manager_data", "'id': 1,", "'id': 'one',"),
            2,
            "manager_data",
            Row::MissingKey,
            "is text",
        ),
        (
            replaced(2, "manager_data", "'id': 1,", "'id': 4294967296,"),
            2,
            "manager_data",
            Row::BadProposalId,
            "4294967296",
        ),
        (replaced(2, "manager_data", "False", "exit()"), 2, "manager_data", Row::BadLiteral, "call"),
        (
            changed(2, "manager_data", |_| {
                b"{'game': {'all_formal_proposals': [], 'correct_proposal': {'id': 0}}}".to_vec()
            }),
            2,
            "manager_data",
            Row::NoProposals,
            "empty",
        ),
        (changed(2, "manager_data", |_| Vec::new()), 2, "manager_data", Row::MissingKey, "empty"),
        (
            changed(2, "manager_data", |field| field.as_bytes()[..field.len() / 2].to_vec()),
            2,
            "manager_data",
            Row::BadLiteral,
            "line 1",
        ),
        (changed(3, "question_id", |_| b"101_7".to_vec()), 3, "question_id", Row::DuplicateId, "row 1"),
        (changed(3, "question_id", |_| b"../../etc".to_vec()), 3, "question_id", Row::BadId, "../../etc"),
        (changed(3, "question_id", |_| Vec::new()), 3, "question_id", Row::BadId, "task id"),
        (changed(1, "variant", |_| b"ic".to_vec()), 1, "variant", Row::BadVariant, "`ic`"),
        (changed(1, "price", |_| b"-5.0".to_vec()), 1, "price", Row::BadPrice, "negative"),
        (changed(1, "price", |_| b"nan".to_vec()), 1, "price", Row::BadPrice, "decimal"),
        (changed(1, "price", |_| b"1e9".to_vec()), 1, "price", Row::BadPrice, "decimal"),
        (changed(1, "price", |_| b"99999999".to_vec()), 1, "price", Row::BadPrice, "$1,000,000"),
        (changed(1, "price", |_| Vec::new()), 1, "price", Row::BadPrice, "decimal"),
        (changed(1, "title", |_| b"caf\xe9".to_vec()), 1, "title", Row::NotUtf8, "byte 3"),
        (
            changed(1, "acceptable_folders", |_| b"[101]".to_vec()),
            1,
            "acceptable_folders",
            Row::MissingKey,
            "list of texts",
        ),
        (
            changed(1, "acceptable_folders", |_| b"101".to_vec()),
            1,
            "acceptable_folders",
            Row::MissingKey,
            "list of texts",
        ),
        (
            changed(1, "description", |_| vec![b'x'; (1 << 20) + 1]),
            1,
            "description",
            Row::TextTooLong,
            "1048576",
        ),
    ];
    for (mut place, row, column, kind, text) in cases {
        let summary = place.import().unwrap();
        let problem = &summary.problems[0];
        assert_eq!((problem.row, problem.kind), (row, kind), "{problem}");
        assert_eq!(problem.column.as_deref(), Some(column), "{problem}");
        assert!(problem.to_string().contains(text), "{problem} does not say {text}");
        assert_eq!(problem.line, row + 1);
        assert_eq!(summary.problems.len(), 1, "{:?}", summary.problems);
        assert_eq!(summary.swe_manager.tasks + summary.ic_swe.tasks, 2);

        fs::remove_dir_all(&place.options.out).unwrap();
        place.options.strict = true;
        let error = place.import().unwrap_err();
        assert!(matches!(&error, ImportError::Strict { problems, .. } if problems.len() == 1), "{error}");
        assert!(error.hint().is_some());
        assert!(!place.options.out.exists());
    }
}

#[test]
fn what_would_not_load_is_not_imported() {
    let summary = changed(1, "cwd", |_| vec![b'x'; 300_000]).import().unwrap();
    assert_eq!((summary.problems.len(), summary.problems[0].kind), (1, Row::TextTooLong));
    assert!(summary.problems[0].message.contains("task.toml"), "{}", summary.problems[0]);
    let summary = changed(1, "set", |_| vec![b'x'; 200_000]).import().unwrap();
    assert_eq!((summary.problems.as_slice(), summary.set.as_deref()), (&[][..], Some("2 sets")));
}

#[test]
fn all_problems_of_a_row_are_named() {
    let mut records = records("current.csv");
    records[2][1] = b"swe_manager".to_vec();
    records[2][0] = b"a b".to_vec();
    records[2][2] = b"-1".to_vec();
    records[2][4] = b"[".to_vec();
    let summary = Place::new(table(&records)).import().unwrap();
    let kinds: Vec<_> = summary.problems.iter().map(|p| p.kind).collect();
    assert_eq!(kinds, [Row::BadId, Row::BadPrice, Row::BadLiteral]);
}

#[test]
fn rows_of_other_widths_and_cut_files() {
    let mut short = records("current.csv");
    short[1].pop();
    short[3].push(b"more".to_vec());
    let summary = Place::new(table(&short)).import().unwrap();
    let found: Vec<_> = summary.problems.iter().map(|p| (p.row, p.kind, p.message.as_str())).collect();
    assert_eq!(
        found,
        [(1, Row::FieldCount, "11 fields, expected 12"), (3, Row::FieldCount, "13 fields, expected 12")]
    );

    // Cut at every byte: never a panic, and a row is never taken for whole when
    // the file ends within its quotes.
    let whole = fs::read(fixture("current.csv")).unwrap();
    let header = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    let last_row = whole.windows(4).rposition(|w| w == b"\n202").unwrap() + 1;
    for cut in (0..header).chain((last_row..whole.len()).step_by(23)) {
        let place = Place::new(&whole[..cut]);
        match place.import() {
            Err(error) => assert!(cut <= header, "{cut}: {error}"),
            Ok(summary) if cut == last_row => assert_eq!(summary.rows, 2),
            Ok(summary) => {
                let last = summary.problems.last().map(|p| p.kind);
                let odd = summary.warnings.iter().any(|w| w.kind == Row::NoFinalLineBreak);
                assert!(
                    matches!(last, Some(Row::Truncated | Row::FieldCount | Row::BadId)) || odd,
                    "{cut}: {:?}",
                    summary.problems
                );
            }
        }
    }
    let cut = Place::new(&whole[..whole.len() - 20]).import().unwrap();
    let problem = &cut.problems[0];
    assert_eq!((problem.kind, problem.column.as_deref()), (Row::Truncated, Some("proposals")));
    assert_eq!((problem.row, problem.question_id.as_deref()), (3, Some("202-manager-0")));
}

#[test]
fn wrong_headers_name_the_columns() {
    let header = |change: fn(&mut Vec<Vec<u8>>)| {
        let mut records = records("current.csv");
        change(&mut records[0]);
        Place::new(table(&records)).import().unwrap_err()
    };
    let error = header(|names| names[2] = b"prize".to_vec());
    let ImportError::Header { nearest, missing, unexpected, .. } = &error else { panic!("{error}") };
    assert_eq!(
        (*nearest, missing.as_slice(), unexpected.as_slice()),
        (Generation::Current, &["price".to_owned()][..], &["prize".to_owned()][..])
    );
    assert!(error.to_string().contains("missing `price` and unexpected `prize`"), "{error}");
    let error = header(|names| names.push(b"title".to_vec()));
    assert!(error.to_string().contains("unexpected `title`"), "{error}");
    for table in ["", "\n\n"] {
        assert!(matches!(Place::new(table).import(), Err(ImportError::Empty { .. })));
    }
    let error = Place::new("a,b\n1,2\n").import().unwrap_err();
    assert!(matches!(error, ImportError::Header { nearest: Generation::Lite, .. }), "{error}");
    let only_header = &fs::read(fixture("lite.csv")).unwrap();
    let only_header = &only_header[..=only_header.iter().position(|b| *b == b'\n').unwrap()];
    assert!(
        matches!(Place::new(only_header).import(), Err(ImportError::NoRows { problems, .. }) if problems.is_empty())
    );
}

#[test]
fn columns_may_come_in_any_order_after_a_byte_order_mark() {
    let mut records = records("current.csv");
    for record in &mut records {
        record.reverse();
    }
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(table(&records));
    let place = Place::new(bytes);
    place.import().unwrap();
    let plain = Place::of("current.csv");
    plain.import().unwrap();
    assert_eq!(place.suite().tasks(), plain.suite().tasks());
}

#[test]
fn the_output_is_never_overwritten() {
    let place = Place::of("current.csv");
    fs::create_dir(&place.options.out).unwrap();
    place.import().unwrap();
    let before = read_all(&place.options.out);
    for occupied in ["suite", "table.csv"] {
        let options = ImportOptions { out: place.folder.path().join(occupied), ..place.options.clone() };
        let error = import(&options).unwrap_err();
        assert!(matches!(error, ImportError::OutputExists { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(read_all(&place.options.out), before);
    let options = ImportOptions { out: place.folder.path().join("no/such/place"), ..place.options.clone() };
    let error = import(&options).unwrap_err();
    assert!(
        matches!(error, ImportError::Write { .. }) && error.hint().unwrap().contains("create"),
        "{error}"
    );
    #[cfg(unix)]
    {
        let link = place.folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let error = import(&ImportOptions { out: link, ..place.options.clone() }).unwrap_err();
        assert!(matches!(error, ImportError::OutputExists { .. }), "{error}");
    }
}

#[test]
fn other_arguments_are_checked() {
    let place = Place::of("current.csv");
    let with = |change: &dyn Fn(&mut ImportOptions)| {
        let mut options = place.options.clone();
        change(&mut options);
        import(&options).unwrap_err()
    };
    assert!(matches!(with(&|o| o.name = Some("two\nlines".to_owned())), ImportError::Name));
    assert!(matches!(
        with(&|o| o.csv.set_extension("none").then_some(()).unwrap()),
        ImportError::ReadTable { .. }
    ));
    assert!(matches!(with(&|o| o.csv = place.folder.path().to_owned()), ImportError::ReadTable { .. }));
    assert!(matches!(
        with(&|o| o.issues = Some(place.folder.path().join("none"))),
        ImportError::Issues { .. }
    ));
    let mut named = place.options.clone();
    named.name = Some("mine".to_owned());
    assert_eq!(import(&named).unwrap().name, "mine");
    assert_eq!(place.suite().name(), "mine");
}

#[test]
fn issue_folders_become_private_files() {
    let mut place = Place::of("current.csv");
    let issues = place.folder.path().join("issues");
    place.options.issues = Some(issues.clone());
    fs::create_dir_all(issues.join("101_7/subfolder")).unwrap();
    fs::write(issues.join("101_7/test.py"), "def test(): pass\n").unwrap();
    fs::write(issues.join("101_7/commit_id.txt"), "abc").unwrap();
    fs::write(issues.join("101_7/issue_data.json"), "{\"price\": 250}").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", issues.join("101_7/link.txt")).unwrap();
    let summary = place.import().unwrap();
    let of_row: Vec<_> = summary.warnings.iter().filter(|w| w.row == 1).map(|w| w.to_string()).collect();
    assert!(of_row.iter().any(|w| w.contains("subfolder") && w.contains("no plain file")), "{of_row:?}");
    assert!(of_row.iter().any(|w| w.contains("`250`") && w.contains("$1,000")), "{of_row:?}");
    let folder = place.options.out.join("tasks/101_7/private/issue");
    assert_eq!(fs::read_to_string(folder.join("test.py")).unwrap(), "def test(): pass\n");
    assert!(!folder.join("link.txt").exists());

    fs::remove_dir_all(&place.options.out).unwrap();
    fs::remove_dir_all(issues.join("101_7")).unwrap();
    let summary = place.import().unwrap();
    assert!(summary.warnings.iter().any(|w| w.kind == Row::NoIssueFolder && w.row == 1));
    assert_eq!(place.suite().tasks().iter().filter(|t| t.public.kind == Kind::IcSwe).count(), 1);
}

#[test]
fn the_digest_depends_on_the_content_only() {
    let digest = || Place::of("current.csv").import().unwrap().digest;
    assert_eq!(digest(), digest());
    let other = replaced(1, "title", "Search", "Find").import().unwrap();
    assert_ne!(other.digest, digest());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever becomes of the bytes, an import ends in a suite that loads (which
    /// `Place::import` checks), or in an error with nothing written.
    #[test]
    fn mutated_tables_never_panic(
        lite in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, any::<u8>()), 1..8),
        special in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"\"',\n\r\\{}[]()0-\xff\0"[..])), 0..8),
        faithful in any::<bool>(),
    ) {
        let mut bytes = fs::read(fixture(if lite { "lite.csv" } else { "current.csv" })).unwrap();
        // The header is a matter of its own.
        let header = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
        for (at, how, byte) in changes {
            let at = header + at.index(bytes.len() - header);
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        for (at, byte) in special {
            let at = header + at.index(bytes.len() - header);
            bytes.insert(at, byte);
        }
        let mut place = Place::new(bytes);
        place.options.text = if faithful { TextMode::Faithful } else { TextMode::Fixed };
        let _ = place.import();
    }
}
