//! Lines of a patch that belong to no file, and are no prose: what they stand for would be
//! left out without a word.

use memchr::memmem;

use crate::PatchError;
use crate::text::{Line, Reader};

pub(crate) const NO_CONTENTS: &str =
    "a binary file whose contents the patch does not hold: expected those of `git diff --binary`";
const NO_FILE: &str = "a part of what git says of a file, and belongs to no file";

/// What was said beside the files so far.
pub(crate) struct Strays<'p> {
    /// The line that names the file to come, until it comes.
    announced: Option<Line<'p>>,
    /// The folders that `diff` compared, as it names them.
    roots: Vec<&'p [u8]>,
}

impl<'p> Strays<'p> {
    /// What `diff` says in any language names its folders, and it may say so before the
    /// first file that it compares.
    pub(crate) fn new(patch: &'p [u8]) -> Self {
        let is_first = |at: &usize| *at == 0 || patch[at - 1] == b'\n';
        let line = |at: usize| {
            let end = memchr::memchr(b'\n', &patch[at..]).map_or(patch.len(), |end| at + end);
            patch[at..end].trim_ascii_end()
        };
        let first =
            memmem::find_iter(patch, b"diff -").filter(is_first).map(line).find(|line| compares(line));
        Self { announced: None, roots: first.map(roots).unwrap_or_default() }
    }

    /// Looks at a line between files.
    ///
    /// # Errors
    /// Why it cannot be prose; that nothing came of what an earlier line names.
    pub(crate) fn look(&mut self, line: Line<'p>, reader: &Reader<'p>) -> Result<(), PatchError> {
        if let Some(why) = why(line, reader) {
            return Err(line.error(why));
        }
        if compares(line.text) || is_index(line.text) {
            // CVS writes both of a file, in this order.
            let same = |before: &Line<'_>| !(is_index(before.text) && compares(line.text));
            if let Some(before) = self.announced.filter(same) {
                return Err(lost(before));
            }
            self.announced = Some(line);
        } else if self.roots.iter().any(|root| names(line.text, root)) {
            return Err(line.error(
                "what `diff` says of a file whose contents the patch does not hold: expected no more than files \
                 that differ in their text",
            ));
        }
        Ok(())
    }

    /// A file has come.
    pub(crate) fn has_come(&mut self) {
        self.announced = None;
    }

    /// # Errors
    /// Nothing came of what the last line names.
    pub(crate) fn end(&self) -> Result<(), PatchError> {
        self.announced.map_or(Ok(()), |line| Err(lost(line)))
    }
}

fn lost(line: Line<'_>) -> PatchError {
    line.error(
        "nothing follows of the file that this line names: expected `---`, `+++` and a hunk; of files that are \
         empty, or no text, only git's form tells (`git diff --binary`)",
    )
}

fn is_index(line: &[u8]) -> bool {
    line.starts_with(b"Index: ")
}

/// Whether a line is the command by which a tool compared two files: options, and two
/// names, or a revision and one.
fn compares(line: &[u8]) -> bool {
    line.starts_with(b"diff -")
        && ![&b"diff --git "[..], b"diff --cc ", b"diff --combined "].iter().any(|git| line.starts_with(git))
        && line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() >= 4
}

/// What its two names have before that in which they agree.
fn roots(line: &[u8]) -> Vec<&[u8]> {
    let mut words = line.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(new), Some(old)) = (words.next(), words.next()) else { return Vec::new() };
    let (mut old_rest, mut new_rest) = (old, new);
    let mut rest = 0;
    loop {
        let cut = |text: &[u8]| memchr::memrchr(b'/', text);
        let (Some(old_cut), Some(new_cut)) = (cut(old_rest), cut(new_rest)) else { break };
        if old_rest[old_cut..] != new_rest[new_cut..] {
            break;
        }
        rest += old_rest.len() - old_cut;
        (old_rest, new_rest) = (&old_rest[..old_cut], &new_rest[..new_cut]);
    }
    if rest == 0 || old_rest == new_rest {
        return Vec::new();
    }
    // The folder in which one is, or that above, is in too many texts.
    let tells = |root: &&[u8]| root.iter().any(|byte| !matches!(byte, b'.' | b'/'));
    [old_rest, new_rest].into_iter().filter(tells).collect()
}

/// Whether a line names something in a folder: `<folder>/…`, or `<folder>: …`.
fn names(line: &[u8], root: &[u8]) -> bool {
    memmem::find_iter(line, root).any(|at| {
        let before = at.checked_sub(1).map(|before| line[before]);
        // Quotation marks of other languages end so.
        let begins =
            before.is_none_or(|byte| byte.is_ascii_whitespace() || b"'`\"(".contains(&byte) || byte >= 0x80);
        begins && matches!(line.get(at + root.len()), Some(b'/' | b':'))
    })
}

/// Why a line that belongs to no file cannot be prose.
fn why(line: Line<'_>, reader: &Reader<'_>) -> Option<&'static str> {
    let begins = |start: &str| line.starts_with(start);
    let has = |part: &str| memmem::find(line.text, part.as_bytes()).is_some();
    let is_followed_by = |start: &str| reader.second().is_some_and(|next| next.starts_with(start));
    if begins("@@ -") {
        Some("a hunk that belongs to no file")
    } else if begins("+++ ") {
        Some("`+++` without `---` on the line before")
    } else if begins("GIT binary patch") {
        Some("a binary patch that belongs to no file")
    } else if ["old mode 1", "new mode 1", "new file mode 1", "deleted file mode 1"].into_iter().any(begins)
        || (begins("rename from ") && is_followed_by("rename to "))
        || (begins("copy from ") && is_followed_by("copy to "))
    {
        Some(NO_FILE)
    } else if ((begins("Binary files ") || begins("Files ") || begins("Symbolic links ")) && has(" differ"))
        || (begins("Binary file ") && has(" has changed"))
        || begins("Cannot display: file marked as ")
        || begins("(... files differ ...)")
    {
        Some(NO_CONTENTS)
    } else if begins("File ") && has(" is a ") && has(" while file ") {
        Some("a file that becomes something else, of which the patch does not say what")
    } else if begins("diff: ") && line.text[6..].windows(2).any(|two| two == b": ") {
        Some("an error of `diff`, which has compared less than it should have")
    } else if begins("Property changes on: ") || (begins("=== ") && has("(properties changed: ")) {
        Some(
            "a change of what Subversion or Bazaar keeps beside a file: expected it in git's form (`old mode`)",
        )
    } else if begins("=== renamed ") && has(" => ") {
        Some("a file that is renamed: expected it in git's form (`rename from`)")
    } else if begins("Only in ") && has(": ") {
        Some("a file whose contents the patch does not hold: expected those of `diff -N`")
    } else if begins("diff --cc ") || begins("diff --combined ") || begins("@@@ -") {
        Some("the diff of a merge, which says how it came from several files: expected one of two trees")
    } else if begins("# not shown: ") || (begins("# and ") && has(" more files")) {
        Some("contents that a diff made for reading leaves out")
    } else if begins("***************") {
        Some("a context diff: expected a unified one, as `diff -u` writes it")
    } else if begins("Submodule ") && (has("..") || has("(new ") || has("(submodule deleted)")) {
        Some("a submodule, which is no file")
    } else if is_coloured(line.text) {
        Some("a line of a patch in colours, which hide it: expected those of `git diff --no-color`")
    } else {
        None
    }
}

/// Whether what terminals take for colours hides a line of a patch.
fn is_coloured(mut line: &[u8]) -> bool {
    let mut is_coloured = false;
    while let Some(rest) = line.strip_prefix(b"\x1b[") {
        let Some(end) = rest.iter().position(u8::is_ascii_alphabetic) else { return false };
        (line, is_coloured) = (&rest[end + 1..], true);
    }
    is_coloured
        && [&b"diff --git "[..], b"--- ", b"+++ ", b"@@ -"].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_diff_compared_is_known_by_its_own_line() {
        for (line, expected) in [
            ("diff -ruN a/src/x b/src/x", &["a", "b"][..]),
            ("diff -r -u /tmp/old/src/x /tmp/new/src/x", &["/tmp/old", "/tmp/new"]),
            ("diff -r 1234567 src/x", &[]),
            ("diff -u x y", &[]),
            ("diff -u a/x a/x", &[]),
        ] {
            assert!(compares(line.as_bytes()), "{line}");
            let expected: Vec<_> = expected.iter().map(|root| root.as_bytes()).collect();
            assert_eq!(roots(line.as_bytes()), expected, "{line}");
        }
        for line in ["diff --git a/x b/x", "diff -u x", "diff -", "different - a b"] {
            assert!(!compares(line.as_bytes()), "{line}");
        }
        for (line, is_named) in [
            ("Nur in b: x.", true),
            ("Bin\u{e4}rdateien a/i und b/i sind verschieden.", true),
            ("Les fichiers \u{ab}b/i\u{bb} sont diff\u{e9}rents", true),
            ("in lib/x, and about a: nothing", false),
            ("b", false),
        ] {
            assert_eq!(names(line.as_bytes(), b"b"), is_named, "{line}");
        }
    }
}
