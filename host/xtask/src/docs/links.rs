//! Whether what the Markdown of the repository names is there: files and headings that it
//! links, paths of the repository, tasks of `cargo xtask`.

use std::path::Path;

use super::markdown::{Files, Piece};

/// The folders at the top of the repository that a path in a code span can begin with.
const FOLDERS: [&str; 6] = ["docs/", "host/", "plugins/", "tasks/", "tests/", "wit/"];

/// Everything that is wrong, a line per matter. `tasks` are what `cargo xtask` takes.
pub(super) fn problems(root: &Path, files: &Files, tasks: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, markdown) in files {
        let line = |piece: &Piece, what: String| format!("{file}:{}: {what}", piece.line);
        for link in &markdown.links {
            if let Some(what) = broken(root, files, file, &link.text) {
                found.push(line(link, what));
            }
        }
        for span in &markdown.spans {
            if let Some(what) = missing(root, file, &span.text) {
                found.push(line(span, what));
            }
        }
        for block in markdown.blocks.iter().filter(|block| block.language.is_empty()) {
            found.push(format!(
                "{file}:{}: a block of code has no language: `text` if it is in none",
                block.line
            ));
        }
        let blocks = markdown.blocks.iter().flat_map(|block| {
            block.text.lines().zip(block.line + 1..).map(|(text, line)| Piece { line, text: text.to_owned() })
        });
        let spans = markdown.spans.iter().map(|span| Piece { line: span.line, text: span.text.clone() });
        for piece in spans.chain(blocks) {
            let named =
                piece.text.split("cargo xtask ").nth(1).and_then(|rest| rest.split([' ', '`', ';']).next());
            if let Some(name) =
                named.filter(|name| !tasks.contains(name) && name.starts_with(char::is_lowercase))
            {
                found.push(line(
                    &piece,
                    format!("`cargo xtask {name}` is no task: there are {}", tasks.join(", ")),
                ));
            }
        }
    }
    found
}

/// What is wrong with a link of a file.
fn broken(root: &Path, files: &Files, file: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let Some(path) = resolved(file, path) else {
        return Some(format!("the link `{target}` leads out of the repository"));
    };
    if !files.contains_key(&path) && !root.join(&path).exists() {
        return Some(format!("the link `{target}` leads to `{path}`, which is not there"));
    }
    let anchor = anchor?;
    match files.get(&path) {
        Some(linked) if linked.anchors.iter().any(|known| known == anchor) => None,
        Some(_) => Some(format!("the link `{target}`: `{path}` has no heading `#{anchor}`")),
        None => Some(format!("the link `{target}`: `{path}` is no Markdown, and has no headings")),
    }
}

/// Where a link of a file leads, from the repository's folder; the file itself when it is
/// empty. None when that is not in the repository.
pub(super) fn resolved(file: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(file.to_owned());
    }
    let mut names: Vec<&str> = file.split('/').collect();
    names.pop();
    for name in link.trim_end_matches('/').split('/') {
        match name {
            "" => return None,
            "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// What is wrong with a code span that is a path of the repository. Suites and guides have
/// paths of their own, so only what stands in the repository's own documents is looked at.
fn missing(root: &Path, file: &str, span: &str) -> Option<String> {
    let is_own = !file.contains('/') || file.starts_with("host/") || file == "plugins/README.md";
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder)) && span.chars().all(is_path);
    let is_missing = is_own && is_path && !root.join(span).exists();
    is_missing.then(|| format!("`{span}` is not there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::markdown::Markdown;

    #[test]
    fn what_is_not_there_is_told() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |text: &str| Markdown::read(text);
        let files = Files::from([
            (
                "src/a.md".to_owned(),
                read(concat!(
                    "[x](main.rs) [x](../Cargo.toml) [x](b.md#one) [x](#two) [x](https://example.org/#y) [x](.)\n",
                    "# Two\n",
                    "[x](gone.rs) [x](b.md#three)\n",
                    "[x](../../out.md) [x](main.rs#x)\n",
                    "`cargo xtask lint`, `cargo xtask TASK`, `cargo xtask flint`, `host/gone.rs`\n",
                )),
            ),
            (
                "src/b.md".to_owned(),
                read("# One\n```console\n$ cargo xtask lint   # all\n$ cargo xtask hint\n```\n"),
            ),
            ("TOP.md".to_owned(), read("`src/main.rs` `host/gone.rs` `host/*.rs` `tests/x_y.rs`\n")),
        ]);
        let found = problems(folder, &files, &["lint"]);
        let expected = [
            "TOP.md:1: `host/gone.rs` is not there",
            "TOP.md:1: `tests/x_y.rs` is not there",
            "src/a.md:3: the link `gone.rs` leads to `src/gone.rs`, which is not there",
            "src/a.md:3: the link `b.md#three`: `src/b.md` has no heading `#three`",
            "src/a.md:4: the link `../../out.md` leads out of the repository",
            "src/a.md:4: the link `main.rs#x`: `src/main.rs` is no Markdown, and has no headings",
            "src/a.md:5: `cargo xtask flint` is no task: there are lint",
            "src/b.md:4: `cargo xtask hint` is no task: there are lint",
        ];
        assert_eq!(found, expected);
    }
}
