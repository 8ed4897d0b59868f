//! The book: the chapters of `docs/SUMMARY.md`, made into pages by mdBook.
//!
//! Chapters link one another, and files of the repository beside them, as those lie in the
//! repository, so that they can be read there too. mdBook knows nothing outside of its own
//! folder. So the chapters, and whatever they link, are laid out below the target folder as
//! in the repository, and the book is made there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::links::resolved;
use super::markdown::{Files, Markdown};
use crate::run;

/// The table of contents, which is no chapter itself.
pub(super) const SUMMARY: &str = "docs/SUMMARY.md";

/// The mdBook that the book is made with. Another one may take other options, and name
/// headings otherwise.
const MDBOOK: &str = "0.5.4";

/// The chapters, by their paths from the repository's folder, in order.
pub(super) fn chapters(files: &Files) -> Result<Vec<String>, String> {
    let summary = files.get(SUMMARY).ok_or_else(|| format!("{SUMMARY} is not there"))?;
    let chapters = summary.links.iter().map(|link| {
        let place = || format!("{SUMMARY}:{}: `{}`", link.line, link.text);
        let path = resolved(SUMMARY, &link.text)
            .ok_or_else(|| format!("{} leads out of the repository", place()))?;
        let is_chapter = files.contains_key(&path);
        is_chapter.then_some(path).ok_or_else(|| format!("{} is no Markdown of the repository", place()))
    });
    chapters.collect()
}

/// Chapters that the table of contents leaves out, and links of chapters that a book cannot
/// have: to folders, and to Markdown that is no chapter.
pub(super) fn problems(root: &Path, files: &Files) -> Vec<String> {
    let chapters = match chapters(files) {
        Ok(chapters) => chapters,
        Err(problem) => return vec![problem],
    };
    let mut found = Vec::new();
    let listed: BTreeSet<&String> = chapters.iter().collect();
    for file in files.keys().filter(|file| file.starts_with("docs/") && *file != SUMMARY) {
        if !listed.contains(file) {
            found.push(format!("{SUMMARY}: {file} is no chapter; list it"));
        }
    }
    for chapter in &listed {
        for link in files.get(*chapter).into_iter().flat_map(|markdown| &markdown.links) {
            let Some(path) = linked(chapter, &link.text) else { continue };
            let what = if root.join(&path).is_dir() {
                "a folder, which has no page in the book"
            } else if path.ends_with(".md") && !listed.contains(&path) {
                "Markdown that is no chapter of the book"
            } else {
                continue;
            };
            found.push(format!("{chapter}:{}: the link `{}` leads to {what}", link.line, link.text));
        }
    }
    found
}

/// The file of the repository that a link leads to.
fn linked(chapter: &str, link: &str) -> Option<String> {
    let path = link.split('#').next().unwrap_or_default();
    let is_elsewhere = link.contains("://") || link.starts_with("mailto:");
    if is_elsewhere { None } else { resolved(chapter, path) }
}

/// Makes the book, and gives the folder that it is in.
pub(super) fn build(root: &Path, files: &Files) -> Result<PathBuf, String> {
    let mdbook = mdbook()?;
    let book = target().join("book");
    // What an earlier one had, and this one has not, would stay.
    if book.exists() {
        fs::remove_dir_all(&book).map_err(|e| format!("cannot remove {}: {e}", book.display()))?;
    }
    let chapters = chapters(files)?;
    let mut laid: BTreeSet<String> = chapters.iter().cloned().collect();
    for chapter in &chapters {
        let links = files.get(chapter).into_iter().flat_map(|markdown| &markdown.links);
        laid.extend(links.filter_map(|link| linked(chapter, &link.text)));
    }
    for path in &laid {
        lay(&root.join(path), &book.join("source").join(path))?;
    }
    let summary = read(&root.join(SUMMARY))?;
    write(&book.join("source/SUMMARY.md"), &from_root(&summary))?;
    lay(&root.join("docs/book.toml"), &book.join("book.toml"))?;
    let pages = book.join("pages");
    let [folder, made] = [&book, &pages].map(|path| path.display().to_string());
    run::program(&mdbook, &["build", &folder, "--dest-dir", &made])?;
    let broken = broken_pages(&pages)?;
    if broken.is_empty() { Ok(pages) } else { Err(format!("the book:\n  {}", broken.join("\n  "))) }
}

/// The table of contents with paths from the repository's folder: it lies at the top of the
/// book.
fn from_root(summary: &str) -> String {
    let mut text = String::new();
    let mut rest = summary;
    while let Some((before, after)) = rest.split_once("](") {
        let (link, after) = after.split_once(')').unwrap_or((after, ""));
        let path = resolved(SUMMARY, link).unwrap_or_default();
        text.push_str(&format!("{before}]({path})"));
        rest = after;
    }
    text + rest
}

/// The links of pages that lead nowhere in the book.
fn broken_pages(pages: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut folders = vec![pages.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))? {
            let path = entry.map_err(|e| format!("cannot read {}: {e}", folder.display()))?.path();
            // All chapters on one page, to be printed: their links are looked at on their own pages.
            let is_page = path.extension().is_some_and(|e| e == "html") && !path.ends_with("print.html");
            if path.is_dir() {
                folders.push(path);
            } else if is_page {
                let page = path.strip_prefix(pages).unwrap_or(&path).display().to_string();
                let links = Markdown::read(&read(&path)?).links.into_iter();
                let relative =
                    links.filter(|link| !link.text.contains(':') && !link.text.starts_with(['#', '/']));
                for link in relative {
                    let leads = linked(&page, &link.text).map(|linked| pages.join(linked));
                    if !leads.is_some_and(|leads| leads.exists()) {
                        found.push(format!("{page}: `{}` leads nowhere", link.text));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let workspace = run::workspace();
    // For people to read.
    workspace.canonicalize().unwrap_or(workspace).join(folder)
}

/// mdBook in the version above: the one that is installed, or else one below the target folder,
/// built there once.
fn mdbook() -> Result<String, String> {
    let tools = target().join("tools");
    let own = tools.join("bin/mdbook").display().to_string();
    let wanted = format!("mdbook v{MDBOOK}");
    for program in ["mdbook", own.as_str()] {
        let output = std::process::Command::new(program).arg("--version").output();
        if output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted) {
            return Ok(program.to_owned());
        }
    }
    eprintln!("building mdBook {MDBOOK} in {}: once, a minute or two", tools.display());
    let version = format!("={MDBOOK}");
    let root = tools.display().to_string();
    // Unoptimised: it makes one small book, and is built in half of the time.
    let arguments = ["install", "mdbook", "--version", &version, "--root", &root, "--force"];
    let features = ["--locked", "--debug", "--no-default-features", "--features", "search"];
    run::cargo_with(&[&arguments[..], &features].concat(), &[("CARGO_PROFILE_DEV_DEBUG", "0")])?;
    Ok(own)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Copies a file, and makes the folders that it lies in.
fn lay(from: &Path, to: &Path) -> Result<(), String> {
    let error = |e: std::io::Error| format!("cannot copy {} to {}: {e}", from.display(), to.display());
    to.parent().map_or(Ok(()), fs::create_dir_all).map_err(error)?;
    fs::copy(from, to).map(drop).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_book_cannot_have_is_told() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = |summary: &str| {
            Files::from([
                (SUMMARY.to_owned(), Markdown::read(summary)),
                (
                    "docs/a.md".to_owned(),
                    Markdown::read("[b](b.md#x) [main](../src/main.rs) [src](../src) [T](../TOP.md)"),
                ),
                ("docs/b.md".to_owned(), Markdown::read("# X\n[T](../TOP.md)\n")),
                ("TOP.md".to_owned(), Markdown::default()),
            ])
        };
        assert_eq!(
            problems(root, &files("# Summary\n- [A](a.md)\n- [T](../TOP.md)\n")),
            [
                "docs/SUMMARY.md: docs/b.md is no chapter; list it",
                "docs/a.md:1: the link `b.md#x` leads to Markdown that is no chapter of the book",
                "docs/a.md:1: the link `../src` leads to a folder, which has no page in the book",
            ]
        );
        assert_eq!(
            problems(root, &files("- [A](a.md)\n- [Gone](gone.md)\n")),
            ["docs/SUMMARY.md:2: `gone.md` is no Markdown of the repository"]
        );
        let whole = files("- [A](a.md)\n- [B](b.md)\n- [T](../TOP.md)\n");
        assert_eq!(chapters(&whole).unwrap(), ["docs/a.md", "docs/b.md", "TOP.md"]);
        assert_eq!(from_root("- [A](a.md)\n- [T](../TOP.md)\n"), "- [A](docs/a.md)\n- [T](TOP.md)\n");
    }
}
