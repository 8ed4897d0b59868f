//! What can be told of a gold patch without the tree that it is for.

use crate::rules::{is_relative_path, shown};

/// Why a gold patch can never be handed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct GoldError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Reads a gold patch, a unified diff, and refuses what cannot be applied to any tree
/// or would not be accepted from an agent: nothing at all, hunks that are cut off or
/// longer than they say, binary files without their contents, paths that leave the
/// work tree or lead into a repository, and what is no regular file. Whether it
/// applies to the task's own tree is for the controls to show.
///
/// # Errors
/// The first such line.
pub fn check_gold(patch: &str) -> Result<(), GoldError> {
    let mut reader = Reader { lines: patch.lines().collect(), next: 0 };
    let mut changes = 0;
    while let Some(line) = reader.take() {
        changes += usize::from(reader.is_change(line)?);
    }
    if changes == 0 {
        let message = if patch.trim().is_empty() {
            "the patch is empty: it would hand in the tree as it is"
        } else {
            "no file is changed: expected a unified diff, as `git diff --binary` writes it"
        };
        return Err(GoldError { line: 1, message: message.to_owned() });
    }
    Ok(())
}

struct Reader<'p> {
    lines: Vec<&'p str>,
    next: usize,
}

impl<'p> Reader<'p> {
    fn take(&mut self) -> Option<&'p str> {
        let line = self.lines.get(self.next).copied();
        self.next += usize::from(line.is_some());
        line
    }

    /// An error in the line that was taken last.
    fn error(&self, message: impl Into<String>) -> GoldError {
        GoldError { line: self.next, message: message.into() }
    }

    /// Whether a line outside of hunks begins something that changes a file. A hunk
    /// is read to its end, as its lines can look like anything.
    fn is_change(&mut self, line: &str) -> Result<bool, GoldError> {
        if let Some(path) = line.strip_prefix("--- ")
            && let Some(new) = self.lines.get(self.next).and_then(|next| next.strip_prefix("+++ "))
        {
            self.path(path)?;
            self.next += 1;
            self.path(new)?;
            let mut hunks = 0;
            while let Some(header) = self.lines.get(self.next).filter(|next| next.starts_with("@@ ")) {
                self.next += 1;
                self.hunk(header)?;
                hunks += 1;
            }
            let missing = "expected a hunk after this, which begins with `@@ -`";
            return if hunks > 0 { Ok(true) } else { Err(self.error(missing)) };
        }
        if line.starts_with("@@ -") {
            return Err(self.error("a hunk that belongs to no file"));
        }
        if line.starts_with("Binary files ") && line.ends_with(" differ") {
            return Err(
                self.error("a binary file without its contents; make the patch with `git diff --binary`")
            );
        }
        if line == "GIT binary patch" {
            let contents = self
                .lines
                .get(self.next)
                .is_some_and(|next| next.starts_with("literal ") || next.starts_with("delta "));
            return if contents { Ok(true) } else { Err(self.error("a binary patch without its contents")) };
        }
        for key in ["new file mode ", "new mode "] {
            let Some(mode) = line.strip_prefix(key) else { continue };
            return match mode.trim() {
                "100644" | "100755" => Ok(true),
                "120000" => Err(self.error("a symbolic link: only regular files can be handed in")),
                "160000" => Err(self.error("a submodule: only regular files can be handed in")),
                other => Err(self.error(format!("`{}` is no mode of a regular file", shown(other)))),
            };
        }
        for key in ["rename from ", "rename to ", "copy from ", "copy to "] {
            if let Some(path) = line.strip_prefix(key) {
                self.plain(path)?;
                return Ok(true);
            }
        }
        Ok(line.starts_with("deleted file mode "))
    }

    fn path(&self, text: &str) -> Result<(), GoldError> {
        // A time may stand behind a tab.
        let path = text.split('\t').next().unwrap_or_default();
        if path == "/dev/null" {
            return Ok(());
        }
        let plain = ["a/", "b/"].iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        self.plain(plain)
    }

    fn plain(&self, path: &str) -> Result<(), GoldError> {
        // git quotes names that have more than plain characters.
        let path = path.trim_matches('"');
        let path = ["a/", "b/"].iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        if !is_relative_path(path) {
            return Err(self.error(format!("`{}` is no path of plain names in the work tree", shown(path))));
        }
        if path.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Err(self.error(format!("`{}` leads into a repository's own files", shown(path))));
        }
        Ok(())
    }

    fn hunk(&mut self, header: &str) -> Result<(), GoldError> {
        let Some((mut old, mut new)) = counts(header) else {
            return Err(self.error("expected `@@ -<line>,<count> +<line>,<count> @@`"));
        };
        while old > 0 || new > 0 {
            let Some(line) = self.take() else { return Err(self.error("the hunk is cut off")) };
            let (takes_old, takes_new) = match line.as_bytes().first() {
                // An empty line of context whose space went lost.
                None | Some(b' ' | b'\r') => (true, true),
                Some(b'-') => (true, false),
                Some(b'+') => (false, true),
                Some(b'\\') => (false, false),
                Some(_) => return Err(self.error("the hunk has fewer lines than it says")),
            };
            if (takes_old && old == 0) || (takes_new && new == 0) {
                return Err(self.error("the hunk has other lines than it says"));
            }
            old -= usize::from(takes_old);
            new -= usize::from(takes_new);
        }
        while self.lines.get(self.next).is_some_and(|line| line.starts_with('\\')) {
            self.next += 1;
        }
        // Tools drop it without a word.
        if self.lines.get(self.next).is_some_and(|line| line.starts_with('+')) {
            self.next += 1;
            return Err(self.error("the hunk has more lines than it says"));
        }
        Ok(())
    }
}

/// How many lines a hunk has of the old and of the new file.
fn counts(header: &str) -> Option<(usize, usize)> {
    let (ranges, _) = header.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let count = |range: &str| {
        let (line, count) = range.split_once(',').unwrap_or((range, "1"));
        line.parse::<usize>().ok()?;
        count.parse::<usize>().ok()
    };
    Some((count(old)?, count(new)?))
}

#[cfg(test)]
mod tests {
    use super::check_gold;

    const HEAD: &str = "diff --git a/src/value b/src/value\n--- a/src/value\n+++ b/src/value\n";

    #[test]
    fn what_can_be_applied_somewhere_is_taken() {
        for patch in [
            format!("{HEAD}@@ -1 +1 @@\n-wrong\n+right\n"),
            format!("some prose\n--- no header\n{HEAD}@@ -1,3 +1,3 @@ fn a() {{\n one\n\n-wrong\n+right\n-- \n2.40.0\n"),
            format!("{HEAD}@@ -1 +1 @@\r\n-wrong\r\n+right\r\n"),
            format!("{HEAD}@@ -1 +1 @@\n-wrong\n\\ No newline at end of file\n+right\n\\ No newline at end of file\n"),
            // Lines of a hunk that look like headers.
            format!("{HEAD}@@ -1,2 +1,2 @@\n--- a\n-Binary files a and b differ\n+++ b\n+@@ -1 +1 @@\n"),
            "--- src/value\t2024-01-01\n+++ src/value\t2024-01-02\n@@ -1 +1 @@\n-wrong\n+right".to_owned(),
            "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n".to_owned(),
            "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n".to_owned(),
            "diff --git a/x b/x\ndeleted file mode 100644\n".to_owned(),
            "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n".to_owned(),
            "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 3\nKcmZQzWD@\n\nliteral 0\nHcmV?d00001\n\n".to_owned(),
            "--- \"a/\\303\\251\"\n+++ \"b/\\303\\251\"\n@@ -1 +1 @@\n-a\n+b\n".to_owned(),
        ] {
            assert_eq!(check_gold(&patch), Ok(()), "{patch}");
        }
    }

    #[test]
    fn what_cannot_be_applied_anywhere_is_named_by_its_line() {
        for (patch, line, message) in [
            (String::new(), 1, "the patch is empty"),
            (" \n\n".to_owned(), 1, "the patch is empty"),
            ("set right\n".to_owned(), 1, "no file is changed"),
            (HEAD.to_owned(), 3, "expected a hunk"),
            ("@@ -1 +1 @@\n-a\n+b\n".to_owned(), 1, "belongs to no file"),
            (format!("{HEAD}@@ -1 +1\n-a\n+b\n"), 4, "expected `@@ -<line>"),
            (format!("{HEAD}@@ -1,9 +1,9 @@\n-a\n+b\n"), 6, "cut off"),
            (format!("{HEAD}@@ -1,2 +1,2 @@\n-a\n+b\nmore\n"), 7, "fewer lines than it says"),
            (format!("{HEAD}@@ -1 +1,2 @@\n-a\n-b\n+b\n"), 6, "other lines than it says"),
            (format!("{HEAD}@@ -1 +1 @@\n-a\n+b\n+c\n"), 7, "more lines than it says"),
            (
                "diff --git a/x.png b/x.png\nBinary files a/x.png and b/x.png differ\n".to_owned(),
                2,
                "git diff --binary",
            ),
            ("diff --git a/x b/x\nGIT binary patch\n".to_owned(), 2, "without its contents"),
            ("diff --git a/l b/l\nnew file mode 120000\n".to_owned(), 2, "a symbolic link"),
            ("diff --git a/m b/m\nnew file mode 160000\n".to_owned(), 2, "a submodule"),
            ("--- a/x\n+++ b/../y\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), 2, "no path of plain names"),
            ("--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), 1, "no path of plain names"),
            ("--- a/.git/config\n+++ b/.git/config\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), 1, "a repository's"),
        ] {
            let error = check_gold(&patch).expect_err(&patch);
            assert_eq!(error.line, line, "{patch}{error}");
            assert!(error.message.contains(message), "{patch}{error}");
        }
    }
}
