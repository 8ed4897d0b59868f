//! The published SWE-Lancer images cannot be had; a stand-in honours their contract,
//! and the importer's profile is run against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::context::{Context, number, text, workspace};
use crate::controls;
use crate::hostile;
use crate::suites::{self, json};
use crate::user_tool;

const PREFIX: &str = "lancet-standin/swelancer_x86";

fn folder() -> PathBuf {
    workspace().join("tests/images/swe-lancer")
}

/// Builds one of the stand-in's images.
fn build(name: &str, options: &[&str]) {
    let name = format!("{PREFIX}_{name}:releasev1");
    let network = std::env::var("LANCET_BUILD_NETWORK").unwrap_or_else(|_| "default".to_owned());
    let built = Command::new("docker")
        .args(["build", "--quiet", "--network", &network, "--tag", &name])
        .args(options)
        .arg(folder())
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .unwrap();
    assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
}

/// Imports the stand-in's table as one imports the published one, and pins what comes
/// out.
fn import(name: &str, options: &[&str]) -> PathBuf {
    let context = Context::new();
    let out = context.path("imported");
    let (table, issues) = (folder().join("table.csv"), folder().join("issues"));
    let [table, issues, to] = [&table, &issues, &out].map(|path| path.to_str().unwrap());
    let arguments = [
        "suite",
        "import",
        "swe-lancer",
        "--csv",
        table,
        "--issues",
        issues,
        "--image-prefix",
        PREFIX,
        "--out",
        to,
    ];
    let imported = json(&context, &[&arguments[..], options].concat(), 0);
    assert_eq!(number(&imported, "ic_swe/tasks"), 2.0);
    suites::pinned(name, &out)
}

/// With an image for each issue.
fn suite() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(make_suite)
}

fn make_suite() -> PathBuf {
    let mut ids: Vec<String> = fs::read_dir(folder().join("issues"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    ids.sort();
    for id in &ids {
        build(id, &["--build-arg", &format!("ISSUE_ID={id}")]);
    }
    import("stand-in", &[])
}

/// Root's kernel user is the machine's too: whoever hosts strangers' code can have it
/// refused before anything runs.
fn needs_root(suite: &Path) {
    let context = Context::new();
    fs::write(context.path("script"), "true\n").unwrap();
    let suite = suite.to_str().unwrap();
    let run = ["run", suite, "--agent", "script", "--input", "script", "--task", "90002"];
    let (code, _, errors) = suites::lancet(&context, &[&run[..], &["--own-users"]].concat());
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("needs root") && errors.contains("runsc"), "{errors}");
    assert_eq!(json(&context, &["runs"], 0).as_array().unwrap().len(), 0);
    let (code, _, errors) = suites::lancet(&context, &run);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("shared a kernel user with others (it needs root)"), "{errors}");
}

#[test]
fn honours_the_contract_and_its_controls_hold() {
    let suite = suite();
    controls::hold_of_a_share(suite, 1);
    needs_root(suite);

    // What an agent finds there: one commit, no tests, and a user who can help.
    user_tool::reproduces(suite, "90002", 1, &["trace"]);
    let context = Context::new();
    let script = context.path("script");
    fs::write(
        &script,
        "set -u\n\
         ls -d /app/tests 2>/dev/null && echo tests\n\
         test \"$(git -c safe.directory='*' rev-list --all --reflog --count)\" = 1 || echo history\n\
         git -c safe.directory='*' fsck --unreachable --no-reflogs 2>/dev/null | grep . && echo objects\n\
         echo that is all\n",
    )
    .unwrap();
    let suite = suite.to_str().unwrap();
    json(
        &context,
        &["run", suite, "--agent", "script", "--input", script.to_str().unwrap(), "--task", "90002"],
        0,
    );
    for line in json(&context, &["show", "latest"], 0).as_array().unwrap() {
        assert_eq!((text(line, "state"), text(line, "reason")), ("fail", "tests-failed"));
        let journal = json(&context, &["show", text(line, "attempt")], 0);
        let printed = journal
            .as_array()
            .unwrap()
            .iter()
            .find_map(|event| event.pointer("/call/response/output/stdout/text"));
        assert_eq!(printed.and_then(Value::as_str), Some("that is all\n"), "{journal}");
    }
    assert_eq!(number(&json(&context, &["replay", "latest"], 0), "identical"), 1.0);
}

#[test]
fn submissions_to_it_come_to_what_they_declare() {
    hostile::judge("stand-in", suite());
}

/// Builds the image of all issues once, and gives its name.
fn monolith() -> String {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| build("monolith", &["--target", "monolith"]));
    format!("{PREFIX}_monolith:releasev1")
}

/// A manager task about a commit. The file of its first proposal was not there before that,
/// the one of its second was.
fn manager_row(commit: &str) -> String {
    let proposals = [(0, "config/webpack/webpack.common.js"), (1, "README.md")].map(|(id, text)| {
        format!(
            "{{'id': {id}, 'source_url': 'https://example.org/{id}', 'content': '{text}', 'explanation': ''}}"
        )
    });
    let data = format!(
        "{{'all_proposals': [], 'game': {{'correct_proposal_scraped_beforehand': False, 'all_formal_proposals': [{}], \
         'correct_proposal': {{'id': 1, 'approval_comment_url': None, 'explanation': ''}}}}, 'price': 500.0, \
         'title': 'The chat', 'issue_repo_steps': '', 'html_description': '', 'fix_commit_hash': '{commit}'}}",
        proposals.join(", ")
    );
    format!(
        "90003-manager-0,swe_manager,500.0,2000000.0,\"{data}\",{commit},[],/app/expensify,diamond,The chat,Choose.,\r\n"
    )
}

#[test]
fn a_manager_reads_the_repository_as_it_was() {
    let image = monolith();
    let commits = ["run", "--rm", "--network", "none", "--entrypoint", "git", &image, "rev-list", "HEAD"];
    let commits = Command::new("docker").args(commits).output().unwrap();
    let commits = String::from_utf8(commits.stdout).unwrap();
    let second = commits.lines().rev().nth(1).unwrap();
    let context = Context::new();
    let table = fs::read_to_string(folder().join("table.csv")).unwrap();
    let header = table.split_inclusive('\n').next().unwrap();
    fs::write(context.path("table.csv"), format!("{header}{}", manager_row(second))).unwrap();
    let import = ["suite", "import", "swe-lancer", "--csv", "table.csv", "--image-prefix", PREFIX];
    let imported = json(&context, &[&import[..], &["--manager-repository", "--out", "imported"]].concat(), 0);
    assert_eq!(number(&imported, "swe_manager/tasks"), 1.0);
    let suite = suites::pinned("stand-in-managers", &context.path("imported"));
    let agent = lancet_hostile::case("repository-reader-agent").unwrap();
    fs::write(context.path("reader.wasm"), lancet_hostile::component(agent)).unwrap();
    let run = ["run", suite.to_str().unwrap(), "--agent", "./reader.wasm", "--jobs", "1"];
    let report = json(&context, &run, 0);
    assert_eq!(number(&report, "totals/swe-manager/pass"), 1.0, "{report:#}");
    assert_eq!(number(&json(&context, &["replay", "latest"], 0), "identical"), 1.0);
}

#[test]
fn the_image_of_all_issues_is_set_up_for_one() {
    monolith();
    let suite = import("stand-in-monolith", &["--monolith"]);
    let context = Context::new();
    let check = ["suite", "check", suite.to_str().unwrap(), "--controls", "--task", "90002", "--jobs", "1"];
    let checked = json(&context, &check, 0);
    assert_eq!(number(&checked, "surprises"), 0.0, "{checked:#}");
}
