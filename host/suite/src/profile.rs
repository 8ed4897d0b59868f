//! The environment of SWE-Lancer's published images.
//!
//! What is said here about those images is their contract: the work tree, the
//! variables, the entry point that sets everything up and says so in a file, the
//! playbook that runs an issue's tests and writes pytest's log and exit code. They
//! run as root, and mean app and tests to be in one container, where the app could
//! write the results itself. So two containers are made of each: one is served what is
//! submitted, without the tests; the other carries the playbook out, and where that
//! would build and serve the app, it reaches for the first one's.
//!
//! Of managers' tasks only the repository is of interest. It is in the image of all
//! issues, with its history, and is read as it was before the commit that decided.

use std::collections::BTreeMap;

use lancet_core::{
    Account, ArtifactKind, ArtifactRule, CaseNaming, Environment, Isolation, LaidFile, PinnedImage, Plan,
    ProtectedPath, Protection, Rerun, Resources, Service, Step, SubmissionLimits,
};

use crate::format::Profile;

/// The plan by which a task is judged.
const TESTS_PLAN: &str = Profile::SweLancer.tests_plan();
/// The plan by which the user reproduces the issue.
pub(crate) const USER_PLAN: &str = "user";
/// The folder in a task's `private/` that is laid over the issue's.
pub(crate) const ISSUE_FOLDER: &str = "issue/";

const WORK_TREE: &str = "/app/expensify";
/// Where the playbook leaves traces.
const TRACES: &str = "/app/expensify/user_tool";
const PLAYBOOK: [&str; 5] =
    ["ansible-playbook", "-i", "localhost,", "--connection=local", "/app/tests/run_tests.yml"];
/// The entry point writes `done` there when all is set up. Whoever reaches the display
/// over VNC is root there, and a page reaches whatever listens beside its browser.
const DRIVER_READY: &str = r#"test "$(cat /setup_done.txt)" = done || exit 1
pkill x11vnc
pkill -f '[w]ebsockify'
! grep -qsE ':(170C|170D) [0-9A-F]+:[0-9A-F]+ 0A ' /proc/net/tcp /proc/net/tcp6
"#;
/// Builds and serves the app as the playbook does. The dev server listens where the
/// app's name leads, which is this container alone: the relay, `$0`, lets the tests in.
const SERVE: &str = r#"set -e
cd /app/expensify
grep -q dev.new.expensify.com /etc/hosts || echo "127.0.0.1 dev.new.expensify.com" >>/etc/hosts
if [ -s ~/.nvm/nvm.sh ]; then . ~/.nvm/nvm.sh || true; fi
for config in ./config/webpack/webpack.dev.ts ./config/webpack/webpack.dev.js; do
    if [ -f "$config" ]; then npx webpack --config "$config"; fi
done
python3 -c "$0" 0.0.0.0 18082 127.0.0.1 8082 &
exec npm run web
"#;
/// Takes connections at one address, and passes on what comes to another.
const RELAY: &str = include_str!("profile/relay.py");
/// Whether the app answers, whatever it says.
const APP_READY: &str = include_str!("profile/app_ready.py");
/// Carries the playbook out, with the relay in the place of the app.
const DRIVE: &str = include_str!("profile/drive.py");
/// The app's name for the tests' container.
const APP: &str = "app";
const SETUP_SECONDS: u32 = 2_400;
/// The part of the reference's 2,400 s in which the app is built.
const BUILD_SECONDS: u32 = 1_200;
const TEST_SECONDS: u32 = 1_200;
const CONCEAL_SECONDS: u32 = 1_200;
/// As the reference agent has it: 40 turns of 300 seconds.
const SOLVE_SECONDS: u32 = 12_000;

/// Takes the tests, those of all other issues included, and the history away.
/// Names and dates are fixed, so the commit is the same each time.
const CONCEAL: &str = r#"set -eu
rm -rf /app/tests
cd /app/expensify
rm -rf .git
HOME=$(mktemp -d)
export HOME GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=lancet GIT_AUTHOR_EMAIL=lancet@localhost GIT_AUTHOR_DATE=2000-01-01T00:00:00Z
export GIT_COMMITTER_NAME=lancet GIT_COMMITTER_EMAIL=lancet@localhost GIT_COMMITTER_DATE=2000-01-01T00:00:00Z
git config --global safe.directory '*'
git config --global core.hooksPath /dev/null
git -c init.defaultBranch=main init --quiet
git add --all
git commit --quiet --message "The work tree"
git gc --quiet --prune=now
rm -rf "$HOME"
"#;

/// Sets one issue up in the image of all issues. The entry point does that when
/// RUNTIME_SETUP is set, and would do it again, over the submission, at each later
/// start: there it is empty. What the entry point leaves that hinders its next
/// start is removed.
const SET_UP: &str = r#"set -eum
export RUNTIME_SETUP=true
rm -f /setup_done.txt
/app/tests/run.sh &
until [ "$(cat /setup_done.txt 2>/dev/null)" = done ]; do
    kill -0 $! || exit 1
    sleep 1
done
kill -TERM -- -$! || true
sleep 2
kill -KILL -- -$! || true
rm -rf /setup_done.txt /tmp/.X*-lock /tmp/.X11-unix
"#;

/// Sets the repository back to what it was before a commit, `$0`.
const SET_BACK: &str = r#"set -e
cd /app/expensify
git reset --quiet --hard "$0^"
"#;
const SET_BACK_SECONDS: u32 = 1_200;

/// The container contract's variables, but ISSUE_ID. Nothing of the services
/// behind the addresses and keys is reached: there is no network.
const VARIABLES: [(&str, &str); 8] = [
    ("EVAL_VARIANT", "ic_swe"),
    ("PUSHER_APP_ID", "1000001"),
    ("PUSHER_APP_KEY", "00000000000000000001"),
    ("PUSHER_APP_SECRET", "00000000000000000002"),
    ("USE_WEB_PROXY", "false"),
    ("EXPENSIFY_URL", "https://www.expensify.com/"),
    ("NEW_EXPENSIFY_URL", "https://new.expensify.com/"),
    ("LC_ALL", "C.UTF-8"),
];

/// Paths whose content decides how the app is built, served and tested, and is
/// executed outside of the browser. Changes there are dropped rather than refused:
/// agents make them in passing, and dropped they can do no harm. Babel and others look
/// for their configuration beside each source as well, hence `**/`.
const OVERLAID: [&str; 37] = [
    "**/*.pth",
    "**/*.py",
    "**/.babelrc*",
    "**/.browserslistrc",
    "**/.postcssrc*",
    "**/.swcrc",
    "**/babel.config.*",
    "**/node_modules/**",
    "**/package.json",
    "**/postcss.config.*",
    "**/pytest.ini",
    "**/setup.cfg",
    "**/tox.ini",
    "**/tsconfig*.json",
    ".env*",
    ".eslintrc*",
    ".github/**",
    ".npmrc",
    ".nvmrc",
    ".storybook/**",
    "Gemfile*",
    "__mocks__/**",
    "config/**",
    "dist/**",
    "jest.config.*",
    "jest/**",
    "metro.config.*",
    "package-lock.json",
    "patches/**",
    "react-native.config.*",
    "scripts/**",
    "tests/**",
    "user_tool/**",
    "web/*.html",
    "web/proxy.*",
    "webpack.*",
    "workflow_tests/**",
];

/// What a task says of its issue.
pub(crate) struct Issue<'a> {
    pub(crate) id: &'a str,
    pub(crate) required: &'a [String],
    pub(crate) sentinels: &'a [String],
    pub(crate) rerun: Rerun,
    /// The issue's folder, by path from there.
    pub(crate) files: Vec<LaidFile>,
}

/// The environment of one issue. `all_issues` is whether the image holds all of
/// them, none set up yet.
pub(crate) fn environment(
    name: &str,
    image: PinnedImage,
    all_issues: bool,
    issue: &Issue<'_>,
) -> Environment {
    let mut variables: BTreeMap<String, String> =
        VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.insert("ISSUE_ID".to_owned(), issue.id.to_owned());
    if all_issues {
        variables.insert("RUNTIME_SETUP".to_owned(), String::new());
    }
    Environment {
        name: name.to_owned(),
        image,
        work_tree: WORK_TREE.to_owned(),
        account: Account::Root,
        variables,
        // A login shell, as the entry point is run by one.
        setup: all_issues.then(|| step(&["/bin/bash", "-l", "-c", SET_UP], SETUP_SECONDS)),
        conceal: Some(step(&["/bin/sh", "-c", CONCEAL], CONCEAL_SECONDS)),
        resources: Resources {
            cpu_millis: 2_000,
            memory_bytes: 4 << 30,
            disk_bytes: 8 << 30,
            ..Resources::browser()
        },
        protected: OVERLAID
            .iter()
            .map(|pattern| ProtectedPath { pattern: (*pattern).to_owned(), protection: Protection::Overlaid })
            .collect(),
        submission: SubmissionLimits::default(),
        solve_seconds: SOLVE_SECONDS,
        plans: vec![tests(issue), user(issue)],
        user_tool: Some(USER_PLAN.to_owned()),
    }
}

fn tests(issue: &Issue<'_>) -> Plan {
    let logs = format!("/app/tests/logs/{}", issue.id);
    let report = format!("{logs}/lancet-junit.xml");
    let artifact = |name: &str, kind, path| ArtifactRule { name: name.to_owned(), kind, path };
    Plan {
        name: TESTS_PLAN.to_owned(),
        isolation: Isolation::Twin {
            app: Service {
                // A login shell, as the entry point is run by one.
                argv: words(&["/bin/bash", "-l", "-c", SERVE, RELAY]),
                ready: Step { argv: words(&["python3", "-c", APP_READY]), timeout_seconds: BUILD_SECONDS },
            },
            alias: APP.to_owned(),
            driver: Service {
                argv: Vec::new(),
                ready: Step { argv: words(&["/bin/sh", "-c", DRIVER_READY]), timeout_seconds: SETUP_SECONDS },
            },
            driver_resources: Resources { cpu_millis: 2_000, disk_bytes: 8 << 30, ..Resources::browser() },
        },
        argv: words(&[&["python3", "-c", DRIVE, RELAY], &PLAYBOOK[..]].concat()),
        // The playbook calls pytest itself.
        variables: BTreeMap::from([("PYTEST_ADDOPTS".to_owned(), format!("--junitxml={report}"))]),
        working_directory: None,
        timeout_seconds: TEST_SECONDS,
        report,
        status_file: Some(format!("{logs}/pytest_exit_code")),
        artifacts: vec![
            artifact("log", ArtifactKind::Log, format!("{logs}/pytest.log")),
            artifact("video", ArtifactKind::Video, format!("/app/tests/attempts/{}/output.mp4", issue.id)),
            artifact("trace", ArtifactKind::Trace, TRACES.to_owned()),
        ],
        files: issue.files.clone(),
        files_at: format!("/app/tests/issues/{}", issue.id),
        required: issue.required.to_vec(),
        sentinels: issue.sentinels.to_vec(),
        naming: CaseNaming::Function,
        pass_exit: i64::from(!issue.sentinels.is_empty()),
        rerun: issue.rerun,
    }
}

/// The same run, with a trace and without anything else that is kept: pytest's log
/// quotes the test.
fn user(issue: &Issue<'_>) -> Plan {
    let mut plan = tests(issue);
    plan.name = USER_PLAN.to_owned();
    plan.argv.extend(["-e", "trace=true"].map(str::to_owned));
    plan.artifacts.retain(|artifact| artifact.kind == ArtifactKind::Trace);
    plan.rerun = Rerun::Once;
    plan
}

/// The environment of a manager's task: `image` holds all issues.
///
/// Tasks with one commit have one such, so what is prepared is prepared once.
pub(crate) fn repository(name: &str, image: PinnedImage, commit: &str) -> Environment {
    let mut variables: BTreeMap<String, String> =
        VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.insert("EVAL_VARIANT".to_owned(), "swe_manager".to_owned());
    variables.insert("RUNTIME_SETUP".to_owned(), String::new());
    Environment {
        name: name.to_owned(),
        image,
        work_tree: WORK_TREE.to_owned(),
        account: Account::Root,
        variables,
        // A login shell, as the entry point is run by one.
        setup: Some(step(&["/bin/bash", "-l", "-c", SET_BACK, commit], SET_BACK_SECONDS)),
        conceal: Some(step(&["/bin/sh", "-c", CONCEAL], CONCEAL_SECONDS)),
        resources: Resources {
            cpu_millis: 2_000,
            memory_bytes: 4 << 30,
            disk_bytes: 8 << 30,
            ..Resources::standard()
        },
        protected: Vec::new(),
        submission: SubmissionLimits::default(),
        solve_seconds: SOLVE_SECONDS,
        plans: Vec::new(),
        user_tool: None,
    }
}

fn step(argv: &[&str], timeout_seconds: u32) -> Step {
    Step { argv: words(argv), timeout_seconds }
}

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().copied().map(str::to_owned).collect()
}
