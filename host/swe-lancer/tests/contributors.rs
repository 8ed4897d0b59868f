//! Importing individual contributors' tasks: what their issue folders are made into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lancet_core::{Environment, Kind, Rerun, Sha256};
use lancet_suite::{Gold, ImageLock, ImageSource, RerunName, Suite};
use lancet_swe_lancer::{ImportError, ImportOptions, ImportSummary, RowProblemKind as Row, import};

const PATCH: &str = "--- a/src/total.js\n+++ b/src/total.js\n@@ -1,3 +1,3 @@\n let sum = 0;\n-sum += cents;\n+sum += dollars;\n return sum;\n";
const GOLD: &str = "diff --git a/src/total.js b/src/total.js\n--- a/src/total.js\n+++ b/src/total.js\n@@ -1,3 +1,3 @@\n let sum = 0;\n-sum += dollars;\n+sum += cents;\n return sum;\n";

/// A table with one such task, `101_7`, and its issue folder.
struct Place {
    folder: tempfile::TempDir,
    options: ImportOptions,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/current.csv");
        let mut options = ImportOptions::new(csv, folder.path().join("suite"));
        options.issues = Some(folder.path().join("issues"));
        let place = Self { folder, options };
        place.write(
            "test.py",
            "import os\n\ndef login(page): pass\n\nasync def test_totals(page):\n    pass\n",
        );
        place.write("bug_reintroduce.patch", PATCH);
        place.write("revert_command.txt", "\n");
        place.write("flow.mitm", b"\xff\x00");
        place
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let folder = self.folder.path().join("issues/101_7");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), bytes).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.folder.path().join("issues/101_7").join(file)).unwrap();
    }

    fn import(&self) -> (ImportSummary, Suite) {
        let _ = fs::remove_dir_all(&self.options.out);
        let summary = import(&self.options).unwrap();
        let suite = Suite::open(&self.options.out).unwrap_or_else(|e| panic!("{e}: {:#?}", e.problems()));
        assert_eq!(suite.digest(), summary.digest);
        assert_eq!(suite.warnings(), []);
        (summary, suite)
    }

    /// The warnings about the task that are not about its price.
    fn warnings(&self) -> Vec<(Row, String)> {
        let (summary, _) = self.import();
        let of_row = summary.warnings.into_iter().filter(|w| w.row == 1 && w.kind != Row::SharedIssue);
        of_row.map(|w| (w.kind, w.message)).collect()
    }
}

fn environment(suite: &Suite) -> Option<Environment> {
    let mut lock = ImageLock::default();
    for image in suite.images().keys() {
        lock.pin(suite, image, &Sha256::of(b"").to_string()).unwrap();
    }
    suite.environment(suite.task(&"101_7".parse().unwrap()).unwrap(), &lock).unwrap()
}

#[test]
fn an_issue_folder_makes_a_task_that_can_be_run() {
    let place = Place::new();
    assert_eq!(place.warnings(), []);
    let (summary, suite) = place.import();
    assert_eq!((summary.ic_swe.tasks, summary.ic_runnable, summary.ic_gold), (1, 1, 1));
    let image = "swelancer/swelancer_x86_101_7:releasev1";
    assert_eq!(suite.images().get(image), Some(&ImageSource::Reference(image.to_owned())));
    let found = environment(&suite).unwrap();
    assert_eq!((found.name.as_str(), found.image.name.as_str()), ("swe-lancer", image));
    assert_eq!(found.plans[0].required, ["test_totals"]);
    assert_eq!(found.plans[0].rerun, Rerun::Once);
    let files: Vec<_> = found.plans[0].files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["bug_reintroduce.patch", "flow.mitm", "revert_command.txt", "test.py"]);
    let task = suite.task(&"101_7".parse().unwrap()).unwrap();
    assert_eq!(suite.gold(task).unwrap(), Some(Gold::File(GOLD.to_owned())));
    // None of it is for the agent.
    let public = serde_json::to_string(&task.public).unwrap();
    assert!(!public.contains("test_totals") && !public.contains("dollars"));
}

#[test]
fn images_and_reruns_can_be_chosen() {
    let mut place = Place::new();
    place.options.image_prefix = "registry.example.com/mirror/issue".to_owned();
    place.options.image_tag = "v2".to_owned();
    place.options.rerun = RerunName::AnyOf3;
    let (_, suite) = place.import();
    assert_eq!(suite.images().keys().collect::<Vec<_>>(), ["registry.example.com/mirror/issue_101_7:v2"]);
    assert_eq!(environment(&suite).unwrap().plans[0].rerun, Rerun::AnyOf3);

    place.options.monolith = true;
    let (_, suite) = place.import();
    let image = ImageSource::Reference("registry.example.com/mirror/issue_monolith:v2".to_owned());
    assert_eq!(suite.images().iter().collect::<Vec<_>>(), [(&"monolith".to_owned(), &image)]);
    assert!(environment(&suite).unwrap().setup.is_some());

    for (prefix, tag) in [("", "v2"), ("a b", "v2"), ("a", ""), ("a", "v 2"), ("a@sha256", "v2"), ("A", "v2")]
    {
        let options = ImportOptions {
            image_prefix: prefix.to_owned(),
            image_tag: tag.to_owned(),
            out: place.folder.path().join("other"),
            ..place.options.clone()
        };
        let error = import(&options).unwrap_err();
        assert!(
            matches!(error, ImportError::Image { .. }) && error.hint().is_some(),
            "{prefix}, {tag}: {error}"
        );
        assert!(!options.out.exists());
    }
}

#[test]
fn managers_may_have_the_repository_of_the_image_of_all_issues() {
    const MONOLITH: &str = "swelancer/swelancer_x86_monolith:releasev1";
    let mut place = Place::new();
    let (without, _) = place.import();
    place.options.manager_repository = true;
    let (summary, suite) = place.import();
    // Beside images of their own, for who works on issues.
    assert_eq!(suite.images().len(), 2);
    assert_eq!(suite.images().get("monolith"), Some(&ImageSource::Reference(MONOLITH.to_owned())));
    let (managers, others): (Vec<_>, Vec<_>) =
        suite.tasks().iter().partition(|task| task.public.kind == Kind::SweManager);
    assert_eq!((managers.len(), others.len(), summary.ic_runnable), (2, 1, 1));
    for task in managers {
        let environment = task.environment.as_ref().unwrap();
        assert_eq!(environment.name(), "swe-lancer-managers");
        assert_eq!(environment.images().collect::<Vec<_>>(), ["monolith"]);
    }
    let mut lock = ImageLock::default();
    for image in suite.images().keys() {
        lock.pin(&suite, image, &Sha256::of(b"").to_string()).unwrap();
    }
    let of = |id: &str| suite.environment(suite.task(&id.parse().unwrap()).unwrap(), &lock).unwrap().unwrap();
    let found = of("101-manager-0");
    assert_eq!(found.work_tree, "/app/expensify");
    assert!(found.setup.as_ref().unwrap().argv.contains(&"b".repeat(40)), "{:?}", found.setup);
    // What is made ready for one is there for the other.
    assert_eq!(found, of("202-manager-0"));

    // Without the issues; and with a row that names no commit.
    let table = fs::read_to_string(&place.options.csv).unwrap();
    place.options.issues = None;
    place.options.csv = place.folder.path().join("table.csv");
    fs::write(&place.options.csv, table.replacen(&"b".repeat(40), "", 1)).unwrap();
    let (summary, suite) = place.import();
    let read: Vec<_> = suite.tasks().iter().filter(|task| task.environment.is_some()).collect();
    assert_eq!(read.len(), 1);
    let warned: Vec<_> = summary.warnings.iter().filter(|w| w.kind == Row::NoRepository).collect();
    assert!(warned.len() == 1 && warned[0].message.contains("no `manager_commit`"), "{warned:?}");
    assert!(without.warnings.iter().all(|w| w.kind != Row::NoRepository));
}

#[test]
fn what_is_missing_is_warned_of() {
    let place = Place::new();
    place.write("test.py", "x = '''\ndef test_a(): pass\n'''\n");
    let [(Row::NotRunnable, message)] = &place.warnings()[..] else { panic!("{:?}", place.warnings()) };
    assert_eq!(message, "the task cannot be run: `test.py` has no test function");
    let (summary, suite) = place.import();
    assert_eq!((summary.ic_runnable, summary.ic_gold, environment(&suite)), (0, 0, None));
    place.write("test.py", b"\xff");
    assert!(matches!(&place.warnings()[..], [(Row::NotRunnable, m)] if m.contains("utf-8")));
    place.remove("test.py");
    assert!(matches!(&place.warnings()[..], [(Row::NotRunnable, m)] if m.contains("there is no `test.py`")));

    let place = Place::new();
    place.write("revert_command.txt", "git revert abc\n");
    assert!(matches!(&place.warnings()[..], [(Row::NoGold, m)] if m.contains("`revert_command.txt`")));
    let (summary, suite) = place.import();
    assert_eq!((summary.ic_runnable, summary.ic_gold), (1, 0));
    assert_eq!(suite.gold(suite.task(&"101_7".parse().unwrap()).unwrap()).unwrap(), None);
    place.remove("revert_command.txt");
    assert_eq!(place.warnings(), []);
    for (patch, message) in [
        (&b""[..], "no file is changed"),
        (
            b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n",
            "`bug_reintroduce.patch`, line 5: the hunk of line 3 is cut off",
        ),
        (b"--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "`.` or `..`"),
        (b"\xff", "utf-8"),
    ] {
        place.write("bug_reintroduce.patch", patch);
        assert!(
            matches!(&place.warnings()[..], [(Row::NoGold, m)] if m.contains(message)),
            "{:?}",
            place.warnings()
        );
    }
    place.remove("bug_reintroduce.patch");
    assert!(matches!(&place.warnings()[..], [(Row::NoGold, m)] if m.contains("there is no `bug_re")));
    fs::remove_dir_all(place.folder.path().join("issues/101_7")).unwrap();
    assert!(matches!(&place.warnings()[..], [(Row::NoIssueFolder, _)]));
}

#[test]
fn odd_ids_name_no_image() {
    let mut place = Place::new();
    let table = fs::read_to_string(&place.options.csv).unwrap().replace("101_7", "X.Y");
    place.options.csv = place.folder.path().join("table.csv");
    fs::write(&place.options.csv, table).unwrap();
    fs::rename(place.folder.path().join("issues/101_7"), place.folder.path().join("issues/X.Y")).unwrap();
    let [(Row::NotRunnable, message)] = &place.warnings()[..] else { panic!("{:?}", place.warnings()) };
    assert!(message.contains("no name of an image"), "{message}");
    // In the image of all issues it is one more folder.
    place.options.monolith = true;
    assert_eq!(place.warnings(), []);
}

/// Runs git on a tree; what it says when it fails.
fn git(tree: &Path, arguments: &[&str], input: &str) -> Result<(), String> {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(tree)
        .env("GIT_CEILING_DIRECTORIES", tree)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// All files of a tree, with their content.
fn files(tree: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(tree).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Makes a tree that a patch applies to: at the lines that it names there stands
/// what it wants there, and between them something else.
fn tree_for(patch: &str, tree: &Path) {
    let mut old: Option<(&str, Vec<String>)> = None;
    let write = |old: Option<(&str, Vec<String>)>| {
        if let Some((path, lines)) = old {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, lines.concat()).unwrap();
        }
    };
    let (mut old_left, mut new_left) = (0usize, 0usize);
    let mut was_old = false;
    for line in patch.split('\n') {
        if line.starts_with('\\') {
            // After a line that was there: the last one of the file.
            if let Some(last) = old.as_mut().and_then(|(_, lines)| lines.last_mut()).filter(|_| was_old) {
                last.pop();
            }
            continue;
        }
        if old_left == 0 && new_left == 0 {
            if let Some(path) = line.strip_prefix("--- ") {
                write(old.take());
                old = path.strip_prefix("a/").map(|path| (path.trim_end(), Vec::new()));
            } else if let Some(ranges) = line.strip_prefix("@@ -") {
                let number = |text: &str| -> Vec<usize> {
                    let text = text.split([' ', '@']).next().unwrap();
                    text.split(',').map(|number| number.parse().unwrap()).collect()
                };
                let (first, second) = ranges.split_once(" +").unwrap();
                let (first, second) = (number(first), number(second));
                old_left = first.get(1).copied().unwrap_or(1);
                new_left = second.get(1).copied().unwrap_or(1);
                if let Some((_, lines)) = &mut old {
                    while lines.len() + 1 < first[0] {
                        lines.push(format!("line {} of the rest\n", lines.len()));
                    }
                }
            }
            continue;
        }
        let is = |sign: char| line.starts_with(sign);
        was_old = !is('+');
        if !is('+') {
            old_left -= 1;
            if let Some((_, lines)) = &mut old {
                lines.push(format!("{}\n", line.get(1..).unwrap_or_default()));
            }
        }
        if !is('-') {
            new_left -= 1;
        }
    }
    write(old);
}

/// Plants the bug as the images do, and mends it with the gold patch: all is as it
/// was before, just as when the patch itself is undone.
fn gold_mends(patch: &str, gold: &str) {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path();
    tree_for(patch, tree);
    let before = files(tree);
    // Some end without a line break, which git minds and `patch` does not.
    let patch = if patch.ends_with('\n') { patch.to_owned() } else { format!("{patch}\n") };
    git(tree, &["apply", "-p1", "-"], &patch).unwrap_or_else(|e| panic!("planting: {e}\n{patch}"));
    let broken = files(tree);
    assert_ne!(broken, before);
    git(tree, &["apply", "--check", "-"], gold).unwrap_or_else(|e| panic!("checking: {e}\n{gold}"));
    git(tree, &["apply", "-"], gold).unwrap();
    assert_eq!(files(tree), before, "{gold}");
    git(tree, &["apply", "--reverse", "-"], gold).unwrap();
    assert_eq!(files(tree), broken, "{gold}");
    git(tree, &["apply", "--reverse", "-p1", "-"], &patch).unwrap();
    assert_eq!(files(tree), before);
}

#[test]
fn gold_patches_mend_what_was_planted() {
    for patch in [
        PATCH,
        " diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -4,3 +4,4 @@ f\n-b\n-c\n+d\n+e\n+f\n a\n@@ -20,3 +21,2 @@\n g\n\n-h\n",
        "diff --git a/.npmrc b/.npmrc\ndeleted file mode 100644\nindex b6f27f13595..00000000000\n--- a/.npmrc\n+++ /dev/null\n@@ -1 +0,0 @@\n-engine-strict=true\n",
        "diff --git a/n/w b/n/w\nnew file mode 100644\nindex 0000000..1\n--- /dev/null\n+++ b/n/w\n@@ -0,0 +1,2 @@\n+a\n+--- a/b\n\\ No newline at end of file\ndiff --git a/o b/o\nindex 1..2 100644\n--- a/o\n+++ b/o\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
        "--- a/é ü.txt\n+++ b/é ü.txt\n@@ -2,2 +2,3 @@\n ä\r\n-ö\r\n+ß\r\n+\r",
    ] {
        let place = Place::new();
        place.write("bug_reintroduce.patch", patch);
        let (_, suite) = place.import();
        let Some(Gold::File(gold)) = suite.gold(suite.task(&"101_7".parse().unwrap()).unwrap()).unwrap()
        else {
            panic!("{patch}")
        };
        gold_mends(patch, &gold);
    }
}

/// The stand-in for the published images has issues of the same form.
#[test]
fn the_stand_ins_issues_are_imported() {
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/images/swe-lancer");
    let place = tempfile::tempdir().unwrap();
    let options = ImportOptions {
        issues: Some(stand_in.join("issues")),
        strict: true,
        image_prefix: "lancet-standin/swelancer_x86".to_owned(),
        ..ImportOptions::new(stand_in.join("table.csv"), place.path().join("suite"))
    };
    let summary = import(&options).unwrap();
    assert_eq!(summary.warnings, []);
    assert_eq!((summary.ic_swe.tasks, summary.ic_runnable, summary.ic_gold), (2, 2, 2));
    let suite = Suite::open(&options.out).unwrap_or_else(|e| panic!("{e}: {:#?}", e.problems()));
    for (id, test) in [("90001_1", "test_last_message_preview"), ("90002", "test_90002")] {
        let task = suite.task(&id.parse().unwrap()).unwrap();
        let environment = task.environment.as_ref().unwrap();
        let image = format!("lancet-standin/swelancer_x86_{id}:releasev1");
        assert_eq!(environment.images().collect::<Vec<_>>(), [&image]);
        assert_eq!(environment.plans()[0].required, [test]);
        let Some(Gold::File(gold)) = suite.gold(task).unwrap() else { panic!("{id}") };
        let patch = stand_in.join("issues").join(id).join("bug_reintroduce.patch");
        gold_mends(&fs::read_to_string(patch).unwrap(), &gold);
    }
}

/// On the published issues, which are not part of this repository: without them,
/// this test says so and passes.
#[test]
fn published_issues_have_tests_and_gold() {
    let data = std::env::var_os("LANCET_SWE_LANCER_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/swe-lancer"),
        PathBuf::from,
    );
    if !data.join("issues").is_dir() {
        println!("left out: there are no issues in {}; set LANCET_SWE_LANCER_DATA", data.display());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let options = ImportOptions {
        issues: Some(data.join("issues")),
        strict: true,
        ..ImportOptions::new(data.join("diamond-sample.csv"), place.path().join("suite"))
    };
    let summary = import(&options).unwrap();
    assert_eq!((summary.ic_swe.tasks, summary.ic_runnable, summary.ic_gold), (104, 104, 104));
    let suite = Suite::open(&options.out).unwrap_or_else(|e| panic!("{e}: {:#?}", e.problems()));
    assert_eq!(suite.images().len(), 104);
    let mut lock = ImageLock::default();
    for image in suite.images().keys() {
        lock.pin(&suite, image, &Sha256::of(image.as_bytes()).to_string()).unwrap();
    }
    let mut tests = 0;
    for task in suite.tasks().iter().filter(|task| task.public.kind == Kind::IcSwe) {
        let id = &task.public.id;
        let environment = suite.environment(task, &lock).unwrap().unwrap();
        let required = &environment.plans[0].required;
        // Found another way: every line that begins a test function.
        let issue = data.join("issues").join(id.as_str());
        let source = fs::read_to_string(issue.join("test.py")).unwrap();
        let lines = source.lines().map(|line| line.trim_start_matches("async "));
        let names = lines.filter_map(|line| line.strip_prefix("def test")?.split('(').next());
        assert_eq!(names.map(|name| format!("test{name}")).collect::<Vec<_>>(), *required, "{id}");
        tests += required.len();

        let Some(Gold::File(gold)) = suite.gold(task).unwrap() else { panic!("{id}") };
        println!("{id}");
        gold_mends(&fs::read_to_string(issue.join("bug_reintroduce.patch")).unwrap(), &gold);
    }
    println!("{tests} tests in 104 issues");
}
