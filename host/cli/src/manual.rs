//! What the documentation says of the command line, held to its definition: the chapter
//! `docs/cli.md` is written from it, and every command and every file of the
//! repository's Markdown has to be taken. So is `docs/policy-table.md`, from what policies decide.
//!
//! `cargo xtask docs` runs these with `UPDATE_GOLDEN=1`.

mod chapter;
mod commands;
mod fragments;
#[path = "../../xtask/src/docs/markdown.rs"]
mod markdown;
mod policy;

use std::fs;
use std::path::{Path, PathBuf};

use markdown::Files;

/// The repository's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files() -> Files {
    markdown::files(&root()).unwrap()
}

#[test]
fn the_chapter_of_the_command_line_is_as_defined() {
    let path = root().join("docs/cli.md");
    let chapter = chapter::chapter();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &chapter).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == chapter, "docs/cli.md is not what the commands are; run `cargo xtask docs`");
}

#[test]
fn the_table_of_the_policy_is_what_it_decides() {
    let path = root().join("docs/policy-table.md");
    let chapter = policy::chapter();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &chapter).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == chapter, "docs/policy-table.md is not what policies come to; run `cargo xtask docs`");
}

#[test]
fn every_command_of_the_documentation_is_taken() {
    let (looked_at, problems) = commands::problems(&files());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(looked_at > 50, "only {looked_at} commands were found");
}

#[test]
fn every_file_of_the_documentation_is_read() {
    let (looked_at, problems) = fragments::problems(&files());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(looked_at > 5, "only {looked_at} files were found");
}

/// Tests of the binary follow the projects' own files to the letter; so the guide is followed too.
#[test]
fn the_guide_has_the_commands_of_every_new_project() {
    let guide = fs::read_to_string(root().join("docs/grader.md")).unwrap();
    for (title, language) in
        [("### Rust", "rust"), ("### Python", "python"), ("### JavaScript", "javascript")]
    {
        let readme = root().join(format!("plugins/examples/{language}/grader/README.md"));
        let readme = fs::read_to_string(readme).unwrap();
        let part = guide.split_once(title).unwrap().1.split("\n## ").next().unwrap();
        let typed = |text: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
            lines.map(|line| line.replace("my-grader", "right-choice")).collect()
        };
        let (shown, followed) = (typed(part.split("\n### ").next().unwrap()), typed(&readme));
        assert!(shown.len() > 2 && followed.starts_with(&shown), "{language}: {shown:#?}");
        let later = &followed[shown.len()..];
        assert!(later.iter().all(|command| typed(&guide).contains(command)), "{language}: {later:#?}");
    }
}
