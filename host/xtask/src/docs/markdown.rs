//! As much of Markdown as checks look at: headings, links, blocks of code and code spans.
//!
//! The tests of `host/cli`, which knows the options that are written about, read with it too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files of Markdown, by their paths from the repository's folder.
pub(crate) type Files = BTreeMap<String, Markdown>;

/// Reads the Markdown of a repository, without what is built or hidden, and without the texts
/// of suites' tasks, which are what issues are.
pub(crate) fn files(root: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    read_folder(root, "", &mut files)?;
    files.retain(|path, _| !path.contains("/tasks/"));
    Ok(files)
}

fn read_folder(root: &Path, folder: &str, files: &mut Files) -> Result<(), String> {
    let error = |path: &str, e: &dyn std::fmt::Display| format!("{path}: {e}");
    for entry in fs::read_dir(root.join(folder)).map_err(|e| error(folder, &e))? {
        let entry = entry.map_err(|e| error(folder, &e))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|e| error(&path, &e))?;
        if kind.is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                read_folder(root, &path, files)?;
            }
        } else if kind.is_file() && name.ends_with(".md") {
            // A link to a file is that file, whose own links begin where it lies.
            let text = fs::read_to_string(entry.path()).map_err(|e| error(&path, &e))?;
            files.insert(path, Markdown::read(&text));
        }
    }
    Ok(())
}

/// What a file of Markdown holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Markdown {
    /// What its headings are linked by, each once.
    pub(crate) anchors: Vec<String>,
    /// Where its links lead, pictures and definitions of links among them.
    pub(crate) links: Vec<Piece>,
    /// Its code spans, without the backticks, on one line.
    pub(crate) spans: Vec<Piece>,
    /// Its fenced blocks of code.
    pub(crate) blocks: Vec<Block>,
}

/// A text, and the line in which it begins, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of its first fence, from 1.
    pub(crate) line: usize,
    /// The first word after the fence; may be empty.
    pub(crate) language: String,
    /// Its lines, without the indentation that the fence has.
    pub(crate) text: String,
}

impl Markdown {
    /// Reads a file's text.
    pub(crate) fn read(text: &str) -> Self {
        let mut read = Self::default();
        let mut paragraph = String::new();
        let mut begins = 1;
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if let Some(fence) = Fence::open(line) {
                read.inline(&std::mem::take(&mut paragraph), begins);
                let inside =
                    lines.by_ref().map(|(_, line)| line).take_while(|line| !fence.is_closed_by(line));
                let text = inside.map(|line| fence.dedent(line).to_owned() + "\n").collect();
                read.blocks.push(Block { line: number + 1, language: fence.language.to_owned(), text });
                continue;
            }
            if line.trim().is_empty() || line.starts_with('#') {
                read.inline(&std::mem::take(&mut paragraph), begins);
            }
            if let Some(heading) = heading(line) {
                read.inline(heading, number + 1);
                read.anchor(heading);
                continue;
            }
            if paragraph.is_empty() {
                begins = number + 1;
            }
            if !line.trim().is_empty() {
                paragraph.push_str(line);
                paragraph.push('\n');
            }
        }
        read.inline(&paragraph, begins);
        read
    }

    /// Adds what a heading is linked by; one that comes again has a number.
    fn anchor(&mut self, heading: &str) {
        let first = slug(heading);
        let mut anchor = first.clone();
        let mut number = 0;
        while self.anchors.contains(&anchor) {
            number += 1;
            anchor = format!("{first}-{number}");
        }
        self.anchors.push(anchor);
    }

    /// Reads the links and the code spans of a paragraph that begins in this line.
    fn inline(&mut self, text: &str, begins: usize) {
        let line = |at: usize| begins + text[..at].matches('\n').count();
        let mut at = 0;
        while let Some(next) = text[at..].find(['`', '\\', ']', '"']) {
            at += next;
            let rest = &text[at..];
            if rest.starts_with('`') {
                let ticks = rest.len() - rest.trim_start_matches('`').len();
                match closing(&rest[ticks..], ticks) {
                    Some(end) => {
                        let inside =
                            rest[ticks..ticks + end].split_whitespace().collect::<Vec<_>>().join(" ");
                        self.spans.push(Piece { line: line(at), text: inside });
                        at += end + 2 * ticks;
                    }
                    None => at += ticks,
                }
            } else if let Some(escaped) = rest.strip_prefix('\\') {
                at += 1 + escaped.chars().next().map_or(0, char::len_utf8);
            } else {
                let target = match rest.strip_prefix("](") {
                    Some(target) => parenthesized(target),
                    None => rest.strip_prefix("]: ").and_then(|target| target.lines().next()).filter(|_| {
                        text[..at]
                            .rsplit('\n')
                            .next()
                            .is_some_and(|before| before.trim_start().starts_with('['))
                    }),
                };
                let attribute = || {
                    let is_link = text[..at].ends_with("href=") || text[..at].ends_with("src=");
                    rest[1..].split_once('"').map(|(target, _)| target).filter(|_| is_link)
                };
                if let Some(target) = target.or_else(attribute) {
                    let target = target.split_whitespace().next().unwrap_or_default();
                    let target = target.trim_start_matches('<').trim_end_matches('>');
                    self.links.push(Piece { line: line(at), text: target.to_owned() });
                }
                at += 1;
            }
        }
    }
}

/// What opens a block of code.
struct Fence<'a> {
    marks: &'a str,
    indent: usize,
    language: &'a str,
}

impl<'a> Fence<'a> {
    fn open(line: &'a str) -> Option<Self> {
        let inside = line.trim_start();
        let mark = inside.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
        let marks = &inside[..inside.len() - inside.trim_start_matches(mark).len()];
        let info = inside[marks.len()..].trim();
        let language = info.split([' ', ',']).next().unwrap_or_default();
        let is_fence = marks.len() >= 3 && !(mark == '`' && info.contains('`'));
        is_fence.then_some(Self { marks, indent: line.len() - inside.len(), language })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        line.trim()
            .strip_prefix(self.marks)
            .is_some_and(|rest| rest.chars().all(|c| self.marks.starts_with(c)))
    }

    fn dedent<'l>(&self, line: &'l str) -> &'l str {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        &line[spaces.min(self.indent)..]
    }
}

/// A heading's text, when the line is one.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let depth = line.len() - text.len();
    ((1..=6).contains(&depth) && text.starts_with(' ')).then(|| text.trim())
}

/// What a heading is linked by: its letters, digits, `_` and `-` in lower case, and `-` for
/// each space, as GitHub and mdBook have it.
fn slug(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    // A link in a heading counts by its text.
    while let Some((before, link)) = rest.split_once("](") {
        text.push_str(before);
        rest = parenthesized(link).map_or("", |target| &link[target.len() + 1..]);
    }
    text.push_str(rest);
    text.chars()
        .filter(|c| c.is_alphanumeric() || ['_', '-', ' '].contains(c))
        .flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Where in a text as many backticks in a row stand as opened it.
fn closing(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        at += next;
        let here = text[at..].len() - text[at..].trim_start_matches('`').len();
        if here == ticks {
            return Some(at);
        }
        at += here;
    }
    None
}

/// A text up to the parenthesis that closes it.
fn parenthesized(text: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(&text[..at]),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pieces: &[Piece]) -> Vec<(usize, &str)> {
        pieces.iter().map(|piece| (piece.line, piece.text.as_str())).collect()
    }

    #[test]
    fn headings_links_spans_and_blocks_are_found() {
        let read = Markdown::read(concat!(
            "# A *book*, [whole](x.md)\n",
            "\n",
            "See [one](a.md) and [two, on\n",
            "two lines](b(1).md#part \"a title\"), `code [no](link.md)` and ``a ` b``.\n",
            "![picture](p.png), \\` [c](c.md) and \\`\n",
            "\n",
            "[ref]: <d.md>\n",
            "<a href=\"e.md\">e</a>\n",
            "\n",
            "1. A list:\n",
            "   ```console\n",
            "   $ lancet run\n",
            "     more\n",
            "   ```\n",
            "## `tests.run`\n",
            "~~~toml,ignore\n",
            "# no heading\n",
            "```\n",
            "~~~\n",
            "## `tests.run`\n",
        ));
        assert_eq!(read.anchors, ["a-book-whole", "testsrun", "testsrun-1"]);
        assert_eq!(
            pieces(&read.links),
            [
                (1, "x.md"),
                (3, "a.md"),
                (4, "b(1).md#part"),
                (5, "p.png"),
                (5, "c.md"),
                (7, "d.md"),
                (8, "e.md"),
            ]
        );
        assert_eq!(
            pieces(&read.spans),
            [(4, "code [no](link.md)"), (4, "a ` b"), (15, "tests.run"), (20, "tests.run")]
        );
        let blocks: Vec<_> = read
            .blocks
            .iter()
            .map(|block| (block.line, block.language.as_str(), block.text.as_str()))
            .collect();
        assert_eq!(blocks, [(11, "console", "$ lancet run\n  more\n"), (16, "toml", "# no heading\n```\n")]);
    }

    #[test]
    fn whatever_is_not_closed_is_text() {
        let read = Markdown::read("a `b\n\n[c](d\n\n#no heading\n```text\nnever closed");
        assert_eq!((read.links.len(), read.spans.len(), read.anchors.len()), (0, 0, 0));
        assert_eq!(read.blocks[0].text, "never closed\n");
    }
}
