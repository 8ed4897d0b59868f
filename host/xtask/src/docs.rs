//! The book of `docs/`: what is written by programs, what is checked, and its pages.

mod book;
mod contract;
mod links;
mod markdown;

use std::fs;
use std::path::PathBuf;

use crate::run;

/// The chapter that is written from `wit/`.
const CONTRACT: &str = "docs/contract.md";

/// The tests that write the chapter of the command line, and hold every command and every
/// file in the documentation to what the program takes: only the program knows its options.
const TESTS: [&str; 5] = ["test", "--package", "lancet", "--bin", "lancet"];

/// Writes the chapters that programs write, checks everything, and makes the pages.
/// `tasks` are what `cargo xtask` takes.
pub(crate) fn write(tasks: &[&str]) -> Result<(), String> {
    let path = root().join(CONTRACT);
    fs::write(&path, chapter()?).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    run::cargo_with(&[&TESTS[..], &["manual::"]].concat(), &[("UPDATE_GOLDEN", "1")])?;
    check(tasks)?;
    let pages = book::build(&root(), &markdown::files(&root())?)?;
    println!("the book: {}", pages.join("index.html").display());
    Ok(())
}

/// Checks what takes no build: that the contract's chapter is what `wit/` says, and that
/// what the Markdown of the repository names is there.
pub(crate) fn check(tasks: &[&str]) -> Result<(), String> {
    if fs::read_to_string(root().join(CONTRACT)).ok().as_deref() != Some(chapter()?.as_str()) {
        return Err(format!("{CONTRACT} is not what wit/ says; run `cargo xtask docs`"));
    }
    let files = markdown::files(&root())?;
    let mut found = links::problems(&root(), &files, tasks);
    found.extend(book::problems(&root(), &files));
    if found.is_empty() { Ok(()) } else { Err(format!("the documentation:\n  {}", found.join("\n  "))) }
}

fn root() -> PathBuf {
    run::workspace()
}

fn chapter() -> Result<String, String> {
    contract::chapter(&root().join("wit"))
}
