//! Suites' folders in the making.

#![allow(dead_code, reason = "each test file uses another part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use lancet_suite::{Problem, Suite, SuiteError};

/// A suite with one individual contributor's task, in an environment that keeps
/// tests and submitted code apart.
pub(crate) const SUITE: &str = r#"name = "small"

[images.app]
build = "images/app"
target = "task"
args = { FIXED = "2.0", BROKEN = "1.0" }

[images.gold]
build = "images/app"
target = "gold"
args = { FIXED = "2.0", BROKEN = "1.0" }

[images.driver]
image = "registry.example.com:5000/tests/driver:v1"

[environments.main]
image = "app"
work-tree = "/srv/app"
driver = "driver"
alias = "dev.new.example.com"
gold-image = "gold"
variables = { FOO = "bar" }
protected = ["package.json", ".eslintrc*"]
overlaid = ["node_modules/**"]
solve-timeout-seconds = 900
setup = { argv = ["make", "ready"], timeout-seconds = 30 }

[environments.main.app]
argv = ["node", "/srv/serve.js"]

[environments.main.app.ready]
argv = ["node", "/srv/ready.js"]
timeout-seconds = 20

[environments.main.resources]
cpus = 1.5
memory-mib = 700
pids = 128
disk-mib = 300

[environments.main.driver-resources]
browser = true
cpus = 2

[environments.main.submission]
files = 10
file-mib = 1
mib = 2
"#;

pub(crate) const TASK: &str = r#"title = "Totals are off by a cent"
kind = "ic-swe"
price-cents = 25000
environment = "main"
user-tool = "user"

[grader]
plugin = "junit"

[gold]
image-file = "/gold/totals.patch"

[[plans]]
name = "hidden"
argv = ["python3", "-m", "pytest", "--junitxml=/lancet/results/junit.xml", "."]
timeout-seconds = 60
report = "/lancet/results/junit.xml"
tests = "tests"
required = ["test_totals::test_sum", "test_totals::test_rest"]
sentinels = ["test_sentinel::test_must_fail"]
rerun = "any-of-3"
artifacts = [
    { name = "log", kind = "log", path = "/lancet/results/log.txt" },
    { name = "shots", kind = "screenshot", path = "/lancet/results/shots" },
]

[[plans]]
name = "user"
argv = ["python3", "reproduce.py"]
timeout-seconds = 30
report = "/lancet/results/junit.xml"
tests = "tests/user"
working-directory = "/lancet"
required = ["reproduce::test_reproduce"]
variables = { TRACE = "1" }
artifacts = [{ name = "trace", kind = "trace", path = "/lancet/results/trace.zip" }]
"#;

pub(crate) const KEY: &str = r#"{"plan": "hidden"}"#;
pub(crate) const TEST: &str = "def test_sum():\n    assert 1 + 1 == 2\n";

/// A suite with one task in an environment of the profile `swe-lancer`.
pub(crate) const SWE_LANCER: &str = "name = \"small\"\n[environments.published]\nprofile = \"swe-lancer\"\n";

pub(crate) const SWE_LANCER_TASK: &str = r#"title = "Totals are off by a cent"
kind = "ic-swe"
price-cents = 25000
environment = "published"

[grader]
plugin = "playwright-e2e"

[swe-lancer]
question-id = "101_7"
image = "swelancer/swelancer_x86_101_7:releasev1"
required = ["test_sum"]
"#;

/// A folder that is removed in the end.
pub(crate) struct Folder {
    pub(crate) temporary: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn empty() -> Self {
        Self { temporary: tempfile::tempdir().unwrap() }
    }

    /// With [`SUITE`] and [`TASK`].
    pub(crate) fn new() -> Self {
        let folder = Self::empty();
        for (path, text) in [
            ("suite.toml", SUITE),
            ("images/app/Dockerfile", "FROM debian:bookworm-slim AS task\nFROM task AS gold\n"),
            ("images/app/source/deep/main.js", "module.exports = (a, b) => a - b;\n"),
            ("images/app/README.md", "# The app\n"),
            ("tasks/totals/task.toml", TASK),
            ("tasks/totals/statement.md", "They are.\n"),
            ("tasks/totals/private/answer-key.json", KEY),
            ("tasks/totals/private/tests/test_totals.py", TEST),
            ("tasks/totals/private/tests/test_sentinel.py", "def test_must_fail():\n    assert False\n"),
            ("tasks/totals/private/tests/user/reproduce.py", "print('hello')\n"),
        ] {
            folder.write(path, text);
        }
        folder
    }

    /// With [`SWE_LANCER`] and [`SWE_LANCER_TASK`].
    pub(crate) fn swe_lancer() -> Self {
        let folder = Self::empty();
        for (path, text) in [
            ("suite.toml", SWE_LANCER),
            ("tasks/101_7/task.toml", SWE_LANCER_TASK),
            ("tasks/101_7/statement.md", "They are.\n"),
            ("tasks/101_7/private/answer-key.json", "{\"plan\": \"tests\"}\n"),
            ("tasks/101_7/private/issue/test.py", TEST),
            ("tasks/101_7/private/issue/flow.mitm", "…"),
        ] {
            folder.write(path, text);
        }
        folder
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.temporary.path().join(file)
    }

    pub(crate) fn root(&self) -> &Path {
        self.temporary.path()
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Replaces a part of a file that has to be there exactly once.
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}:\n{text}");
        self.write(file, text.replace(from, to));
    }

    pub(crate) fn open(&self) -> Result<Suite, SuiteError> {
        Suite::open(self.root())
    }

    pub(crate) fn suite(&self) -> Suite {
        self.open().unwrap_or_else(|error| panic!("{error}: {:#?}", error.problems()))
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let error = self.open().expect_err("the suite is valid");
        assert!(matches!(error, SuiteError::Invalid { .. }), "{error}");
        error.problems().to_vec()
    }

    /// The one problem that there has to be.
    pub(crate) fn problem(&self) -> Problem {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.into_iter().next().unwrap()
    }
}
