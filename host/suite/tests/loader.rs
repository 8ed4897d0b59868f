//! Loading suites, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use lancet_core::{Kind, Sha256};
use lancet_suite::{
    CaseSubmission, GraderRef, Problem, Suite, SuiteError, baselines, begin, check_gold, schemas, select,
    without_baseline,
};
use proptest::prelude::*;

const SUITE: &str = "name = \"small\"\n";
const TASK: &str = r#"title = "Totals are off by a cent"
kind = "swe-manager"
price-cents = 25000

[grader]
plugin = "manager-choice"

[[proposals]]
id = 0
file = "proposals/0.md"

[[proposals]]
id = 4
file = "proposals/4.md"
"#;
const IC_TASK: &str = "title = \"Rounding\"\nkind = \"ic-swe\"\nprice-cents = 100\n";

/// A suite's folder in the making, valid to begin with.
struct Folder {
    temporary: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = Self { temporary: tempfile::tempdir().unwrap() };
        folder.write("suite.toml", SUITE);
        folder.task("b-1");
        folder
    }

    fn task(&self, id: &str) {
        self.write(&format!("tasks/{id}/task.toml"), TASK);
        self.write(&format!("tasks/{id}/statement.md"), "It is.\n");
        self.write(&format!("tasks/{id}/proposals/0.md"), "Use integers.");
        self.write(&format!("tasks/{id}/proposals/4.md"), "Round at the end, é.");
        self.write(&format!("tasks/{id}/private/answer-key.json"), r#"{"correct": 4}"#);
    }

    fn path(&self, file: &str) -> PathBuf {
        self.temporary.path().join(file)
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn open(&self) -> Result<Suite, SuiteError> {
        Suite::open(self.temporary.path())
    }

    fn problems(&self) -> Vec<Problem> {
        let error = self.open().expect_err("the suite is valid");
        assert!(matches!(error, SuiteError::Invalid { .. }), "{error}");
        error.problems().to_vec()
    }

    /// The one problem that there has to be.
    fn problem(&self) -> Problem {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.into_iter().next().unwrap()
    }
}

#[test]
fn a_valid_suite() {
    let folder = Folder::new();
    folder.task("a");
    folder.write("tasks/c/task.toml", IC_TASK);
    folder.write("tasks/c/statement.md", "");
    folder.write("tasks/c/private/deep/er/test.py", "pass");
    folder.write("tasks/c/README.md", "Notes.");
    folder.write("README.md", "# Small");
    folder.write("LICENSE-APACHE", "…");
    let suite = folder.open().unwrap();
    assert_eq!((suite.name(), suite.description()), ("small", None));
    let ids: Vec<_> = suite.tasks().iter().map(|t| t.public.id.as_str()).collect();
    assert_eq!(ids, ["a", "b-1", "c"]);
    let task = &suite.tasks()[0];
    assert_eq!(task.public.kind, Kind::SweManager);
    assert_eq!(task.public.proposals[1].text, "Round at the end, é.");
    assert_eq!(task.grader, Some(GraderRef::Builtin("manager-choice".to_owned())));
    assert_eq!(task.answer_key.as_deref(), Some(r#"{"correct": 4}"#));
    assert_eq!((suite.tasks()[2].grader.as_ref(), suite.tasks()[2].answer_key.as_ref()), (None, None));
    assert_eq!(suite.warnings().len(), 1);
    assert_eq!(suite.warnings()[0].to_string(), "tasks/c/statement.md: empty");
    let reported = suite.reported();
    assert_eq!((reported.digest, reported.origin), (suite.digest(), None));
    let found = baselines(suite.tasks()).unwrap().unwrap();
    assert_eq!((found.tasks, found.first.pass, found.last.pass, found.longest.pass), (2, 0, 2, 2));
    assert!((found.random.pass - 1.0).abs() < 1e-12);
    assert_eq!(baselines(&suite.tasks()[2..]).unwrap(), None);
}

/// A file and its new content; then the file and the key that are to be named,
/// and what the message and the hint are to say.
type Mistake = (&'static str, Vec<u8>, &'static str, Option<&'static str>, &'static str, &'static str);

#[test]
fn each_mistake_is_named() {
    let without = |from: &str, to: &str| {
        assert!(TASK.contains(from), "{from}");
        TASK.replace(from, to)
    };
    let toml = "tasks/b-1/task.toml";
    let key = "tasks/b-1/private/answer-key.json";
    let cases: Vec<Mistake> = vec![
        (toml, without("price-cents", "price-cent").into(), toml, Some("price-cent"), "unknown key", "did you mean `price-cents`"),
        (toml, without("price-cents", "prize_cents").into(), toml, Some("prize_cents"), "unknown key", "price-cents"),
        (toml, without("plugin", "plugins").into(), toml, Some("grader.plugins"), "unknown key", "did you mean `plugin`"),
        (toml, without("id = 4", "id = 4\nweight = 2").into(), toml, Some("proposals[1].weight"), "unknown key", "`file`"),
        (toml, without("title = \"Totals are off by a cent\"\n", "").into(), toml, Some("title"), "missing", "One line"),
        (toml, without("Totals are off by a cent", " ").into(), toml, Some("title"), "empty", ""),
        (toml, without("Totals are off", r"Totals\nare off").into(), toml, Some("title"), "one line", ""),
        (toml, without("25000", "-1").into(), toml, Some("price-cents"), "at least 0", ""),
        (toml, without("25000", "250.0").into(), toml, Some("price-cents"), "an integer", ""),
        (toml, without("25000", "\"250\"").into(), toml, Some("price-cents"), "an integer", ""),
        (toml, without("25000", "100000001").into(), toml, Some("price-cents"), "$1,000,000", ""),
        (toml, without("25000", "nan").into(), toml, Some("price-cents"), "an integer, found `nan`", ""),
        (toml, without("25000", "2026-11-23").into(), toml, Some("price-cents"), "an integer, found the date or time `2026-11-23`", ""),
        (toml, without("\"swe-manager\"", "2026-11-23").into(), toml, Some("kind"), "or `swe-manager`, found the date or time", ""),
        (toml, without("25000", "99999999999999999999").into(), toml, None, "the number `99999999999999999999` is none from", ""),
        (toml, without("swe-manager", "swe-manger").into(), toml, Some("kind"), "`ic-swe` or `swe-manager`", "did you mean `swe-manager`"),
        (toml, without("id = 4", "id = 4294967296").into(), toml, Some("proposals[1].id"), "at most 4294967295", ""),
        (toml, without("id = 4", "id = 0").into(), toml, Some("proposals"), "several proposals have the id 0", "repeated-proposal-ids = [0]"),
        (toml, without("price-cents", "repeated-proposal-ids = [4]\nprice-cents").into(), toml, Some("repeated-proposal-ids"), "no two proposals", ""),
        (toml, without("proposals/4.md", "proposals/5.md").into(), toml, Some("proposals[1].file"), "no file `proposals/5.md`", "did you mean"),
        (toml, without("proposals/4.md", "proposals/0.md").into(), toml, Some("proposals[1].file"), "listed twice", ""),
        (toml, without("proposals/4.md", "private/answer-key.json").into(), toml, Some("proposals[1].file"), "does not lie in proposals/", ""),
        (toml, without("proposals/4.md", "proposals/../private/answer-key.json").into(), toml, Some("proposals[1].file"), "does not lie in proposals/", ""),
        (toml, without("[grader]\nplugin = \"manager-choice\"\n", "").into(), toml, Some("grader"), "needs a grader", "manager-choice"),
        (toml, without("plugin = \"manager-choice\"\n", "").into(), toml, Some("grader"), "found neither", ""),
        (toml, without("plugin = \"manager-choice\"", "plugin = \"../x\"").into(), toml, Some("grader.plugin"), "no name", ""),
        (toml, without("plugin = \"manager-choice\"", "file = \"graders/x.wasm\"").into(), toml, Some("grader.file"), "no grader", ""),
        (toml, without("plugin = \"manager-choice\"", "file = \"../x.wasm\"").into(), toml, Some("grader.file"), "no grader", ""),
        (toml, without("\"swe-manager\"", "swe").into(), toml, None, "no TOML", ""),
        (toml, format!("{TASK}\n[grader]\n").into(), toml, None, "no TOML", ""),
        (toml, b"title = \"\xff\"".to_vec(), toml, None, "not UTF-8", ""),
        (toml, vec![b'#'; (256 << 10) + 1], toml, None, "larger than 262144", ""),
        ("suite.toml", b"name = \"\"".to_vec(), "suite.toml", Some("name"), "empty", ""),
        ("suite.toml", b"".to_vec(), "suite.toml", Some("name"), "missing", ""),
        ("suite.toml", b"name = \"x\"\n[origin]\nformat = \"swe-bench\"\ngeneration = \"lite\"\nsource-sha256 = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\ntext = \"fixed\"".to_vec(), "suite.toml", Some("origin.format"), "expected `swe-lancer`", ""),
        (key, b"{\"correct\": 1}".to_vec(), key, Some("correct"), "no proposal's id", "the ids are 0, 4"),
        (key, b"{\"corect\": 4, \"correct\": 4}".to_vec(), key, Some("corect"), "unknown key", "did you mean `correct`"),
        (key, b"{\"correct\": 4, \"mode\": \"Lenient\"}".to_vec(), key, Some("mode"), "`strict` or `lenient`", "did you mean `lenient`"),
        (key, b"{\"correct\": \"4\"}".to_vec(), key, Some("correct"), "an integer", ""),
        (key, b"{\"correct\": 4, \"correct\": 4}".to_vec(), key, None, "duplicate", ""),
        (key, b"{".to_vec(), key, None, "no JSON", ""),
        (key, b"[]".to_vec(), key, None, "a table", ""),
        (key, vec![b' '; (1 << 20) + 1], key, None, "larger than 1048576", ""),
        ("tasks/b-1/statement.md", b"\xff".to_vec(), "tasks/b-1/statement.md", None, "not UTF-8 from byte 0", ""),
        ("tasks/b-1/statement.md", vec![b'x'; (1 << 20) + 1], "tasks/b-1/statement.md", None, "larger than 1048576", ""),
        ("tasks/b-1/proposals/4.md", b"a\xff".to_vec(), "tasks/b-1/proposals/4.md", None, "not UTF-8 from byte 1", ""),
        ("tasks/b-1/proposals/5.md", b"more".to_vec(), "tasks/b-1/proposals/5.md", None, "does not list", "[[proposals]]"),
        ("tasks/b-1/notes.txt", b"".to_vec(), "tasks/b-1/notes.txt", None, "does not belong", "statement.md"),
        ("tasks/b-1/tests/a.py", b"".to_vec(), "tasks/b-1/tests", None, "does not belong", "private/"),
        ("tasks/notes.txt", b"".to_vec(), "tasks/notes.txt", None, "does not belong", "one folder for each task"),
        ("notes.txt", b"".to_vec(), "notes.txt", None, "does not belong", "graders/"),
        ("private/key", b"".to_vec(), "private", None, "does not belong", "graders/"),
        ("tasks/-x/task.toml", TASK.into(), "tasks/-x", None, "not a task id", ""),
        ("tasks/ü/task.toml", TASK.into(), "tasks/ü", None, "not a task id", ""),
    ];
    for (file, bytes, at, key, message, hint) in cases {
        let folder = Folder::new();
        folder.write(file, &bytes);
        let problems = folder.problems();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        let problem = problems
            .iter()
            .find(|p| p.file == at && p.key.as_deref() == key && p.message.contains(message))
            .unwrap_or_else(|| panic!("{file}: expected {at} {key:?} {message}: {problems:#?}\n{shown}"));
        assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{problem:#?}");
    }
}

#[test]
fn missing_files_are_named() {
    for file in
        ["suite.toml", "tasks/b-1/task.toml", "tasks/b-1/statement.md", "tasks/b-1/private/answer-key.json"]
    {
        let folder = Folder::new();
        fs::remove_file(folder.path(file)).unwrap();
        let problem = folder.problem();
        assert_eq!(problem.file, file);
        assert!(problem.message.starts_with("missing"), "{problem}");
    }
    let folder = Folder::new();
    fs::remove_dir_all(folder.path("tasks")).unwrap();
    assert_eq!(folder.problem().message, "the suite has no tasks");
    let error = Suite::open(&folder.path("nowhere")).unwrap_err();
    assert!(matches!(error, SuiteError::Open { .. }) && error.hint().unwrap().contains("suite.toml"));
    let error = Suite::open(&folder.path("suite.toml")).unwrap_err();
    assert!(matches!(error, SuiteError::Open { .. }) && error.hint().is_some());
}

#[test]
fn all_problems_come_at_once() {
    let folder = Folder::new();
    folder.write("suite.toml", "name = \"\"\nnane = 1\n");
    folder.write("stray", "");
    folder.task("z");
    folder.write(
        "tasks/z/task.toml",
        TASK.replace("25000", "true").replace("title", "titel").replace("\"swe-manager\"", "7"),
    );
    folder.write("tasks/b-1/private/answer-key.json", "{\"correct\": 9}");
    let found: Vec<_> =
        folder.problems().iter().map(|p| format!("{} {}", p.file, p.key.as_deref().unwrap_or("-"))).collect();
    assert_eq!(
        found,
        [
            "stray -",
            "suite.toml nane",
            "tasks/b-1/private/answer-key.json correct",
            "tasks/z/task.toml kind",
            "tasks/z/task.toml price-cents",
            "tasks/z/task.toml titel",
            "tasks/z/task.toml title",
        ]
    );
}

#[test]
fn ic_tasks_have_no_proposals() {
    let folder = Folder::new();
    folder.write("tasks/b-1/task.toml", TASK.replace("swe-manager", "ic-swe"));
    assert_eq!(folder.problem().key.as_deref(), Some("proposals"));
    let folder = Folder::new();
    folder.write("tasks/b-1/task.toml", IC_TASK.replace("ic-swe", "swe-manager"));
    let keys: Vec<_> = folder.problems().into_iter().filter_map(|p| p.key).collect();
    assert_eq!(keys, ["correct", "grader", "proposals"].map(str::to_owned));
}

#[test]
fn repeated_ids_have_to_be_declared() {
    let folder = Folder::new();
    let toml = TASK.replace("id = 0", "id = 4").replace("[grader]", "repeated-proposal-ids = [4]\n[grader]");
    folder.write("tasks/b-1/task.toml", toml);
    let suite = folder.open().unwrap();
    let found = baselines(suite.tasks()).unwrap().unwrap();
    // Either of the two is right.
    assert_eq!((found.first.pass, found.last.pass, found.random.pass), (1, 1, 1.0));
}

#[test]
fn a_grader_is_pinned_by_its_digest() {
    let folder = Folder::new();
    let digest = Sha256::of(b"component");
    let write = |digest: &str| {
        let grader = format!("file = \"graders/own.wasm\"\n{digest}");
        folder.write("tasks/b-1/task.toml", TASK.replace("plugin = \"manager-choice\"", &grader));
    };
    folder.write("graders/own.wasm", b"component");
    write("");
    let problem = folder.problem();
    assert_eq!(problem.key.as_deref(), Some("grader.digest"));
    assert_eq!(problem.hint, Some(format!("add digest = \"{digest}\"")));
    write(&format!("digest = \"{}\"", digest.hex()));
    assert!(folder.problem().message.contains("sha256:"), "{}", folder.problem());
    write(&format!("digest = \"{digest}\""));
    let suite = folder.open().unwrap();
    let path = "graders/own.wasm".to_owned();
    assert_eq!(suite.tasks()[0].grader, Some(GraderRef::File { path: path.clone(), digest }));
    assert_eq!(suite.grader_bytes(&path).unwrap(), b"component");
    assert!(matches!(suite.grader_bytes("suite.toml"), Err(SuiteError::UnknownGrader(_))));

    // Swapped behind its name: at the next load, and under a loaded suite.
    folder.write("graders/own.wasm", b"another");
    assert!(matches!(suite.grader_bytes(&path), Err(SuiteError::GraderChanged { .. })));
    assert!(folder.problem().message.contains("expected sha256:"));
    // A grader of the suite's own may want another kind of answer key.
    folder.write("graders/own.wasm", b"component");
    folder.write("tasks/b-1/private/answer-key.json", "free text");
    let suite = folder.open().unwrap();
    assert_eq!((baselines(suite.tasks()).unwrap(), without_baseline(suite.tasks())), (None, 1));
    folder.write("tasks/b-1/private/answer-key.json", "{\"correct\": 9}");
    let suite = folder.open().unwrap();
    assert_eq!(without_baseline(suite.tasks()), 1);
    assert_eq!(suite.warnings()[0].message, "9 is no proposal's id");
    folder.write("tasks/b-1/private/answer-key.json", "{\"correct\": 4}");
    let suite = folder.open().unwrap();
    assert_eq!((baselines(suite.tasks()).unwrap().unwrap().tasks, without_baseline(suite.tasks())), (1, 0));
    fs::remove_file(folder.path("tasks/b-1/private/answer-key.json")).unwrap();
    assert_eq!(without_baseline(folder.open().unwrap().tasks()), 1);
    folder.write("graders/unused.wasm", b"component");
    assert_eq!(
        folder.open().unwrap().warnings()[0].to_string(),
        "graders/unused.wasm: no task names this grader"
    );
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_refused() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "{\"correct\": 4}").unwrap();
    for (file, target) in [
        ("tasks/b-1/private/answer-key.json", outside.path().join("secret")),
        ("tasks/b-1/private/link", PathBuf::from("/")),
        ("tasks/other", PathBuf::from("b-1")),
        ("graders", outside.path().to_owned()),
        ("README.md", PathBuf::from("suite.toml")),
        ("tasks/b-1/proposals/0.md", PathBuf::from("4.md")),
    ] {
        let folder = Folder::new();
        let _ = fs::remove_file(folder.path(file));
        symlink(target, folder.path(file)).unwrap();
        let problems = folder.problems();
        assert!(
            problems.iter().any(|p| p.file == file && p.message.contains("symbolic link")),
            "{problems:#?}"
        );
    }
    let folder = Folder::new();
    fs::remove_file(folder.path("tasks/b-1/statement.md")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("tasks/b-1/statement.md")).unwrap();
    assert!(folder.problem().message.contains("neither a plain file nor a folder"));
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"\xff");
    if fs::write(folder.path("tasks/b-1/private").join(name), "").is_ok() {
        assert!(folder.problem().message.contains("not UTF-8"));
    }
}

#[test]
fn the_digest_is_of_the_content() {
    let one = Folder::new();
    one.task("a");
    let other = Folder { temporary: tempfile::tempdir().unwrap() };
    other.task("b-1");
    other.task("a");
    other.write("suite.toml", SUITE);
    let digest = one.open().unwrap().digest();
    assert_eq!(other.open().unwrap().digest(), digest);
    for file in
        ["tasks/a/private/more", "tasks/a/README.md", "suite.toml", "tasks/a/statement.md", "graders/x"]
    {
        let before = other.open().unwrap().digest();
        other.write(file, if file == "suite.toml" { "name = \"other\"" } else { "more" });
        assert_ne!(other.open().unwrap().digest(), before, "{file}");
    }
}

#[test]
fn what_a_repository_has_besides_is_let_be_and_is_no_part_of_the_digest() {
    let folder = Folder::new();
    let digest = folder.open().unwrap().digest();
    for file in [
        ".git/objects/pack/pack-1.pack",
        ".git/config",
        ".github/workflows/check.yml",
        ".gitignore",
        ".gitattributes",
        "README.md",
        "README",
        "README.de.md",
        "LICENSE",
        "LICENSE-APACHE",
        "LICENSES.txt",
    ] {
        folder.write(file, "…");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", folder.path(".git/link")).unwrap();
    let suite = folder.open().unwrap();
    assert_eq!(suite.digest(), digest);
    assert_eq!(
        suite.beside(),
        [
            ".git",
            ".gitattributes",
            ".github",
            ".gitignore",
            "LICENSE",
            "LICENSE-APACHE",
            "LICENSES.txt",
            "README",
            "README.de.md",
            "README.md"
        ]
    );
    // In a work tree of its own, or a submodule, it is a file.
    fs::remove_dir_all(folder.path(".git")).unwrap();
    folder.write(".git", "gitdir: ../elsewhere\n");
    assert_eq!(folder.open().unwrap().beside().len(), 10);
    // Nothing of it is let be anywhere else, and nothing else is.
    for file in [
        "tasks/b-1/.gitignore",
        "tasks/b-1/LICENSE",
        "tasks/.git",
        "graders.md",
        ".gitmodules",
        ".git2/config",
        "tasks/b-1/private.toml",
    ] {
        let other = Folder::new();
        other.write(file, "…");
        assert!(!other.problems().is_empty(), "{file}");
    }
    let other = Folder::new();
    fs::create_dir(other.path("README")).unwrap();
    assert_eq!(other.problem().file, "README");
}

#[test]
fn what_was_left_of_a_file_is_no_part_of_a_suite_wherever_it_lies() {
    let folder = Folder::new();
    folder.write("tasks/b-1/cases/first.toml", "choice = 0\nexpect = \"fail wrong-choice\"\n");
    let before = folder.open().unwrap();
    let left = [
        ".lancet-file-1f-0-0012abcd",
        "graders/.lancet-file-1f-1-0012abcd",
        "tasks/.lancet-file-1f-2-0012abcd",
        "tasks/b-1/.lancet-file-1f-3-0012abcd",
        "tasks/b-1/cases/.lancet-file-1f-4-0012abcd",
        "tasks/b-1/private/.lancet-file-1f-5-0012abcd",
        "tasks/b-1/proposals/.lancet-file-1f-6-0012abcd",
    ];
    for file in left {
        folder.write(file, "half");
    }
    let suite = folder.open().unwrap();
    assert_eq!((suite.digest(), suite.cases_digest()), (before.digest(), before.cases_digest()));
    assert_eq!((suite.tasks(), suite.beside()), (before.tasks(), before.beside()));
    // It is said what lies there.
    let told = |file: &str| suite.warnings().iter().any(|w| w.file == file && w.message.contains("killed"));
    assert!(left.into_iter().all(told), "{:#?}", suite.warnings());
    // A folder was never left of a file.
    folder.write(".lancet-file-1f-7-0012abcd/file", "whole");
    assert_eq!(folder.problem().file, ".lancet-file-1f-7-0012abcd");
}

#[test]
fn a_suite_is_pinned_without_its_graders() {
    let folder = Folder::new();
    let digest = "sha256:".to_owned() + &"a".repeat(64);
    let grader = format!("[grader]\nfile = \"graders/mine.wasm\"\ndigest = \"{digest}\"");
    let toml = TASK.replace("[grader]\nplugin = \"manager-choice\"", &grader);
    assert_ne!(toml, TASK);
    folder.write("tasks/b-1/task.toml", &toml);
    let for_images = || Suite::open_for_images(folder.temporary.path());
    assert!(folder.problem().message.contains("there is no grader"));
    assert_eq!(for_images().unwrap().tasks().len(), 1);
    folder.write("graders/mine.wasm", "another one");
    assert!(folder.problem().message.contains("has the digest"));
    assert_eq!(for_images().unwrap().tasks().len(), 1);
    // Its key is the grader's own affair: of any form, or not there.
    folder.write("tasks/b-1/private/answer-key.json", "{\"weights\": [1, 2]}");
    assert_eq!(for_images().unwrap().tasks().len(), 1);
    fs::remove_file(folder.path("tasks/b-1/private/answer-key.json")).unwrap();
    assert_eq!(for_images().unwrap().tasks().len(), 1);
    // Everything else is looked at as ever.
    folder.write("suite.toml", "name = 3\n");
    assert!(matches!(for_images(), Err(SuiteError::Invalid { .. })));
}

#[test]
fn a_suite_to_begin_with_is_in_order() {
    let place = tempfile::tempdir().unwrap();
    for kind in [Kind::IcSwe, Kind::SweManager] {
        let path = place.path().join(kind.to_string());
        let files = begin(&path, kind).unwrap();
        for file in files {
            assert!(path.join(file).is_file(), "{file}");
        }
        let suite = Suite::open(&path).unwrap_or_else(|e| panic!("{e}: {:#?}", e.problems()));
        assert_eq!((suite.name(), suite.tasks().len()), (kind.to_string().as_str(), 1));
        assert_eq!(suite.warnings(), []);
        assert_eq!(suite.beside(), [".gitattributes", ".gitignore", "README.md"]);
        let task = &suite.tasks()[0];
        assert_eq!(task.public.kind, kind);
        assert!(task.cases.iter().filter(|case| case.is_wrong()).count() >= 2);
        for case in &task.cases {
            let input = suite.case_input(case).unwrap();
            if let CaseSubmission::Patch(_) = case.submission {
                assert_eq!(check_gold(&input), Ok(()), "{input}");
            }
        }
        // What is there is left alone.
        let before = suite.digest();
        let error = begin(&path, kind).unwrap_err();
        assert!(error.hint().unwrap().contains("choose another name"), "{error}");
        assert_eq!(Suite::open(&path).unwrap().digest(), before);
    }
    let error = begin(&place.path().join("deep/er"), Kind::IcSwe).unwrap_err();
    assert!(error.hint().unwrap().contains("make the folder"), "{error}");
    for name in ["a b", "\"", "-x", "..", "é", "", ".x", &"x".repeat(101)] {
        let error = begin(&place.path().join(name), Kind::IcSwe).unwrap_err();
        assert!(matches!(error, SuiteError::StarterName(_) | SuiteError::Begin { .. }), "{name}: {error}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
}

#[test]
fn ids_that_differ_in_case_are_warned_of() {
    let folder = Folder::new();
    folder.task("B-1");
    if folder.path("tasks/b-1").canonicalize().unwrap() == folder.path("tasks/B-1").canonicalize().unwrap() {
        return;
    }
    let suite = folder.open().unwrap();
    assert!(suite.warnings()[0].message.contains("upper and lower case"));
}

#[test]
fn folders_too_deep_are_refused() {
    let folder = Folder::new();
    folder.write(&format!("tasks/b-1/private/{}file", "x/".repeat(40)), "");
    assert!(folder.problem().message.contains("deeper"));
}

#[test]
fn tasks_are_selected_by_pattern_and_kind() {
    let folder = Folder::new();
    for id in ["101-manager-0", "101-manager-1", "202-manager-0"] {
        folder.task(id);
    }
    folder.write("tasks/101_4/task.toml", IC_TASK);
    folder.write("tasks/101_4/statement.md", "…");
    let suite = folder.open().unwrap();
    let ids = |kind, globs: &[&str]| {
        let globs: Vec<_> = globs.iter().map(|g| (*g).to_owned()).collect();
        select(&suite, kind, &globs)
            .map(|tasks| tasks.iter().map(|t| t.public.id.to_string()).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(ids(None, &[]).unwrap().split(' ').count(), 5);
    assert_eq!(ids(Some(Kind::IcSwe), &[]).unwrap(), "101_4");
    assert_eq!(ids(None, &["101*"]).unwrap(), "101-manager-0 101-manager-1 101_4");
    assert_eq!(
        ids(Some(Kind::SweManager), &["101*", "b-?", "101-manager-1"]).unwrap(),
        "101-manager-0 101-manager-1 b-1"
    );
    assert_eq!(ids(None, &["{b-1,202*}"]).unwrap(), "202-manager-0 b-1");
    let error = ids(None, &["101-manger-0"]).unwrap_err();
    assert!(error.hint().unwrap().contains("`101-manager-0`"), "{:?}", error.hint());
    let error = ids(Some(Kind::IcSwe), &["b-1"]).unwrap_err();
    assert_eq!(error.to_string(), "no task of kind ic-swe matches `b-1`");
    assert!(matches!(ids(None, &["[a"]), Err(SuiteError::Pattern { .. })));
}

#[test]
fn schemas_are_of_the_files() {
    let names: Vec<_> = schemas().iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "suite.schema.json",
            "task.schema.json",
            "answer-key.schema.json",
            "tests-answer-key.schema.json",
            "case.schema.json",
            "images-lock.schema.json",
        ]
    );
    for (name, schema) in schemas() {
        let text = serde_json::to_string(&schema).unwrap();
        assert!(text.contains("\"additionalProperties\":false"), "{name}");
    }
}

#[test]
fn the_sample_suite_tells_policies_apart() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tasks/storefront-managers");
    let suite = Suite::open(&path).unwrap_or_else(|e| panic!("{e}: {:#?}", e.problems()));
    assert_eq!(suite.tasks().len(), 12);
    assert_eq!(suite.warnings(), []);
    for task in suite.tasks() {
        assert!((3..=6).contains(&task.public.proposals.len()), "{}", task.public.id);
        assert!((25_000..=400_000).contains(&task.public.price.0), "{}", task.public.id);
    }
    let found = baselines(suite.tasks()).unwrap().unwrap();
    println!("{found:#?}");
    let mut earned = [found.first, found.last, found.longest].map(|b| b.earned_cents.0);
    earned.sort_unstable();
    assert!(earned.windows(2).all(|pair| pair[0] < pair[1]), "{earned:?}");
}

/// A line of TOML that is like those of `task.toml`.
fn lines() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "title",
        "kind",
        "price-cents",
        "id",
        "file",
        "plugin",
        "digest",
        "repeated-proposal-ids",
        "question-id",
        "github-issue",
        "x",
        "name",
    ]);
    let value = prop_oneof![
        Just("\"swe-manager\"".to_owned()),
        Just("\"proposals/0.md\"".to_owned()),
        Just("[0, 0]".to_owned()),
        Just("{ a = 1 }".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("nan".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}")),
        "[a-z/.]{0,9}".prop_map(|s| format!("\"{s}\"")),
    ];
    let header = prop::sample::select(vec!["[grader]", "[[proposals]]", "[source]", "[origin]", "[x]", "["]);
    prop_oneof![(key, value).prop_map(|(k, v)| format!("{k} = {v}")), header.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn odd_files_never_panic(
        task in prop::collection::vec(lines(), 0..12),
        suite in prop::collection::vec(lines(), 0..4),
        key in prop_oneof!["\\PC{0,30}", "\\{\"(correct|mode|x)\": ?(4|-1|null|\"strict\"|\\[\\])\\}"],
        appended in any::<bool>(),
    ) {
        let folder = Folder::new();
        let task = task.join("\n");
        folder.write("tasks/b-1/task.toml", if appended { format!("{TASK}{task}") } else { task });
        folder.write("suite.toml", format!("{SUITE}{}", suite.join("\n")));
        folder.write("tasks/b-1/private/answer-key.json", key);
        if let Err(error) = folder.open() {
            prop_assert!(!error.problems().is_empty());
            let _ = (error.to_string(), error.hint());
        }
    }

    #[test]
    fn odd_trees_never_panic(
        files in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(vec![
                "suite.toml", "tasks", "graders", "a", "b-1", "task.toml", "statement.md", "proposals", "private",
                "answer-key.json", "0.md", "README.md", "LICENSE", "-", "ü", "x y",
            ]), 1..6), prop::collection::vec(any::<u8>(), 0..40)),
            0..12,
        ),
        valid in any::<bool>(),
    ) {
        let folder = if valid { Folder::new() } else { Folder { temporary: tempfile::tempdir().unwrap() } };
        for (path, bytes) in files {
            let path = folder.path(&path.join("/"));
            if fs::create_dir_all(path.parent().unwrap()).is_ok() {
                let _ = fs::write(path, bytes);
            }
        }
        if let Err(error) = folder.open() {
            prop_assert!(!error.problems().is_empty());
        }
    }

    #[test]
    fn mutated_tasks_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let folder = Folder::new();
        let mut bytes = TASK.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        folder.write("tasks/b-1/task.toml", bytes);
        if let Err(error) = folder.open() {
            prop_assert!(!error.problems().is_empty());
        }
    }
}
