//! Turning a patch around: what planted a bug becomes what repairs it.

use lancet_suite::is_relative_path;

/// Why a patch cannot be turned around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatchError {
    /// From 1.
    line: usize,
    message: String,
}

impl std::fmt::Display for PatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The patch that undoes `patch`, a unified diff whose paths begin with `a/` and
/// `b/`, with or without git's own lines. What stands between the files is dropped.
pub(crate) fn reversed(patch: &str) -> Result<String, PatchError> {
    // Not `lines`, which would take the carriage returns of files that have them.
    let lines = patch.strip_suffix('\n').unwrap_or(patch).split('\n').collect();
    let mut reader = Reader { lines, next: 0 };
    let mut files = Vec::new();
    while let Some(file) = reader.file()? {
        files.push(file);
    }
    if files.is_empty() {
        return Err(reader.error("no file is changed"));
    }
    Ok(files.iter().rev().map(File::reversed).collect())
}

/// What a patch does to one file.
#[derive(Default)]
struct File<'p> {
    /// `None` when the file is new.
    old: Option<&'p str>,
    /// `None` when the file goes.
    new: Option<&'p str>,
    /// The mode of a file that is new or goes.
    mode: Option<&'p str>,
    /// The modes before and after.
    modes: Option<(&'p str, &'p str)>,
    similarity: Option<&'p str>,
    hunks: Vec<Hunk<'p>>,
}

struct Hunk<'p> {
    old: &'p str,
    new: &'p str,
    /// What stands after the ranges.
    section: &'p str,
    lines: Vec<Line<'p>>,
}

#[derive(Clone, Copy)]
struct Line<'p> {
    kind: Kind,
    text: &'p str,
    /// Whether the file ends with this line, and without a line break.
    is_unended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Context,
    Removed,
    Added,
}

struct Reader<'p> {
    lines: Vec<&'p str>,
    next: usize,
}

impl<'p> Reader<'p> {
    fn error(&self, message: impl Into<String>) -> PatchError {
        PatchError { line: self.next + 1, message: message.into() }
    }

    fn peek(&self) -> Option<&'p str> {
        self.lines.get(self.next).copied()
    }

    /// The next line's rest, when it begins so.
    fn after(&mut self, prefix: &str) -> Option<&'p str> {
        let rest = self.peek()?.strip_prefix(prefix)?;
        self.next += 1;
        Some(rest)
    }

    /// The next file, or `None` when there is none.
    fn file(&mut self) -> Result<Option<File<'p>>, PatchError> {
        loop {
            match self.peek() {
                None => return Ok(None),
                Some(line) if line.starts_with("diff --git ") => {
                    self.next += 1;
                    return self.git_file().map(Some);
                }
                // A header is two lines: alone, three dashes are prose.
                Some(line) if line.starts_with("--- ") && self.is_header() => {
                    let mut file = File::default();
                    self.contents(&mut file)?;
                    return Ok(Some(file));
                }
                Some(line) if line.starts_with("@@ ") => {
                    return Err(self.error("a hunk that belongs to no file"));
                }
                Some(_) => self.next += 1,
            }
        }
    }

    fn is_header(&self) -> bool {
        self.lines.get(self.next + 1).is_some_and(|line| line.starts_with("+++ "))
    }

    /// What follows `diff --git`, of which only paths that come again are used: in
    /// that line they cannot be told apart when they have spaces.
    fn git_file(&mut self) -> Result<File<'p>, PatchError> {
        let git_line = self.lines[self.next - 1];
        let mut file = File::default();
        let (mut is_new, mut is_gone) = (false, false);
        let mut modes = (None, None);
        loop {
            if let Some(mode) = self.after("new file mode ") {
                (file.mode, is_new) = (Some(mode), true);
            } else if let Some(mode) = self.after("deleted file mode ") {
                (file.mode, is_gone) = (Some(mode), true);
            } else if let Some(mode) = self.after("old mode ") {
                modes.0 = Some(mode);
            } else if let Some(mode) = self.after("new mode ") {
                modes.1 = Some(mode);
            } else if let Some(path) = self.after("rename from ") {
                file.old = Some(self.plain(path)?);
            } else if let Some(path) = self.after("rename to ") {
                file.new = Some(self.plain(path)?);
            } else if let Some(similarity) = self.after("similarity index ") {
                file.similarity = Some(similarity);
            } else if self.after("index ").is_none() && self.after("dissimilarity index ").is_none() {
                break;
            }
        }
        for refused in ["GIT binary patch", "Binary files ", "copy from "] {
            if self.peek().is_some_and(|line| line.starts_with(refused)) {
                return Err(self.error("only text can be turned around"));
            }
        }
        if let (Some(old), Some(new)) = modes {
            file.modes = Some((old, new));
        }
        if self.peek().is_some_and(|line| line.starts_with("--- ")) && self.is_header() {
            self.contents(&mut file)?;
        } else if file.old.is_none() || file.new.is_none() {
            // An empty file, or another mode only: the same path twice.
            let path = git_line.strip_prefix("diff --git a/").and_then(|paths| {
                let path = paths.get(..paths.len().checked_sub(3)? / 2)?;
                (paths == format!("{path} b/{path}")).then_some(path)
            });
            let path = path.ok_or_else(|| self.error("it does not say which file"))?;
            let path = self.plain(path)?;
            (file.old, file.new) = ((!is_new).then_some(path), (!is_gone).then_some(path));
        }
        Ok(file)
    }

    /// The two lines with the paths, and the hunks.
    fn contents(&mut self, file: &mut File<'p>) -> Result<(), PatchError> {
        let renamed = (file.old, file.new);
        let old = self.after("--- ").unwrap_or_default();
        file.old = self.path(old, "a/")?;
        let new = self.after("+++ ").unwrap_or_default();
        file.new = self.path(new, "b/")?;
        let is_rename = file.old.is_some() && file.new.is_some() && file.old != file.new;
        if (file.old.is_none() && file.new.is_none()) || (is_rename && renamed != (file.old, file.new)) {
            return Err(self.error("the two paths do not fit together"));
        }
        while self.peek().is_some_and(|line| line.starts_with("@@ ")) {
            let hunk = self.hunk()?;
            file.hunks.push(hunk);
        }
        if file.hunks.is_empty() {
            return Err(self.error("expected a hunk"));
        }
        Ok(())
    }

    fn path(&self, text: &'p str, prefix: &str) -> Result<Option<&'p str>, PatchError> {
        // A time may stand behind a tab.
        let path = text.split('\t').next().unwrap_or_default().trim_end_matches('\r');
        if path == "/dev/null" {
            return Ok(None);
        }
        let path = path.strip_prefix(prefix);
        let path = path.ok_or_else(|| self.error(format!("the path does not begin with `{prefix}`")))?;
        self.plain(path).map(Some)
    }

    fn plain(&self, path: &'p str) -> Result<&'p str, PatchError> {
        if is_relative_path(path) && !path.contains('"') {
            Ok(path)
        } else {
            Err(self.error("the path is not made of plain names"))
        }
    }

    fn hunk(&mut self) -> Result<Hunk<'p>, PatchError> {
        let bad = |reader: &Self| reader.error("expected `@@ -<line>,<count> +<line>,<count> @@`");
        let header = self.after("@@ -").ok_or_else(|| bad(self))?;
        let (ranges, section) = header.split_once(" @@").ok_or_else(|| bad(self))?;
        let (old, new) = ranges.split_once(" +").ok_or_else(|| bad(self))?;
        let count = |range: &str| -> Option<usize> {
            let (line, count) = range.split_once(',').unwrap_or((range, "1"));
            line.parse::<usize>().ok()?;
            count.parse().ok()
        };
        let (Some(mut old_left), Some(mut new_left)) = (count(old), count(new)) else {
            return Err(bad(self));
        };
        let mut lines: Vec<Line<'p>> = Vec::new();
        while old_left > 0 || new_left > 0 {
            let line = self.peek().ok_or_else(|| self.error("the hunk is cut off"))?;
            let (kind, text) = match line.as_bytes().first() {
                Some(b' ') => (Kind::Context, &line[1..]),
                Some(b'-') => (Kind::Removed, &line[1..]),
                Some(b'+') => (Kind::Added, &line[1..]),
                Some(b'\\') => {
                    self.unended(&mut lines)?;
                    continue;
                }
                // An empty line of context whose space went lost.
                None | Some(b'\r') => (Kind::Context, line),
                Some(_) => return Err(self.error("expected a line of the hunk")),
            };
            let taken = |left: &mut usize, takes: bool| match left.checked_sub(usize::from(takes)) {
                Some(rest) => {
                    *left = rest;
                    true
                }
                None => false,
            };
            if !taken(&mut old_left, kind != Kind::Added) || !taken(&mut new_left, kind != Kind::Removed) {
                return Err(self.error("the hunk has more lines than it says"));
            }
            lines.push(Line { kind, text, is_unended: false });
            self.next += 1;
        }
        while self.peek().is_some_and(|line| line.starts_with('\\')) {
            self.unended(&mut lines)?;
        }
        Ok(Hunk { old, new, section, lines })
    }

    fn unended(&mut self, lines: &mut [Line<'p>]) -> Result<(), PatchError> {
        let last = lines.last_mut().ok_or_else(|| self.error("there is no line before this"))?;
        last.is_unended = true;
        self.next += 1;
        Ok(())
    }
}

impl File<'_> {
    fn reversed(&self) -> String {
        let (old, new) = (self.new, self.old);
        let path = |path: Option<&str>, other: Option<&str>| path.or(other).unwrap_or_default().to_owned();
        let mut text = format!("diff --git a/{} b/{}\n", path(old, new), path(new, old));
        if let Some((after, before)) = self.modes {
            text += &format!("old mode {before}\nnew mode {after}\n");
        }
        let mode = self.mode.unwrap_or("100644");
        match (old, new) {
            (None, _) => text += &format!("new file mode {mode}\n"),
            (_, None) => text += &format!("deleted file mode {mode}\n"),
            (Some(old), Some(new)) if old != new => {
                let similarity = self.similarity.unwrap_or("0%");
                text += &format!("similarity index {similarity}\nrename from {old}\nrename to {new}\n");
            }
            _ => {}
        }
        if !self.hunks.is_empty() {
            let named = |prefix: &str, path: Option<&str>| {
                path.map_or_else(|| "/dev/null".to_owned(), |path| format!("{prefix}{path}"))
            };
            text += &format!("--- {}\n+++ {}\n", named("a/", old), named("b/", new));
        }
        for hunk in &self.hunks {
            text += &format!("@@ -{} +{} @@{}\n", hunk.new, hunk.old, hunk.section);
            for run in hunk.lines.chunk_by(|a, b| (a.kind == Kind::Context) == (b.kind == Kind::Context)) {
                // What goes stands before what comes, as it is usual.
                for (wanted, sign) in [(Kind::Context, ' '), (Kind::Added, '-'), (Kind::Removed, '+')] {
                    for line in run.iter().filter(|line| line.kind == wanted) {
                        text.push(sign);
                        text += line.text;
                        text.push('\n');
                        if line.is_unended {
                            text += "\\ No newline at end of file\n";
                        }
                    }
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::reversed;

    #[test]
    fn lines_and_headers_change_places() {
        let patch = "some prose\n--- that is no header\n\
            diff --git a/src/a.js b/src/a.js\nindex 1234567..89abcde 100755\n--- a/src/a.js\n+++ b/src/a.js\n\
            @@ -1,4 +1,5 @@ function a() {\n one\n-two\n-three\n+2\n+3\n+3.5\n four\n@@ -9 +10,0 @@\n-gone\n\
            diff --git a/new.txt b/new.txt\nnew file mode 100755\nindex 0000000..1\n--- /dev/null\n+++ b/new.txt\n\
            @@ -0,0 +1 @@\n+--- a/trap\n\\ No newline at end of file\n\
            diff --git a/x y.txt b/x y.txt\ndeleted file mode 100644\nindex e69de29..0000000\n\
            diff --git a/m b/m\nold mode 100644\nnew mode 100755\n\
            diff --git a/from b/to\nsimilarity index 100%\nrename from from\nrename to to\n-- \n2.40.0\n";
        let expected = "diff --git a/to b/from\nsimilarity index 100%\nrename from to\nrename to from\n\
            diff --git a/m b/m\nold mode 100755\nnew mode 100644\n\
            diff --git a/x y.txt b/x y.txt\nnew file mode 100644\n\
            diff --git a/new.txt b/new.txt\ndeleted file mode 100755\n--- a/new.txt\n+++ /dev/null\n\
            @@ -1 +0,0 @@\n---- a/trap\n\\ No newline at end of file\n\
            diff --git a/src/a.js b/src/a.js\n--- a/src/a.js\n+++ b/src/a.js\n\
            @@ -1,5 +1,4 @@ function a() {\n one\n-2\n-3\n-3.5\n+two\n+three\n four\n@@ -10,0 +9 @@\n+gone\n";
        assert_eq!(reversed(patch).unwrap(), expected);
        // Twice is not at all, but for what is dropped and the order of the files.
        assert_eq!(reversed(&reversed(expected).unwrap()).unwrap(), expected);
    }

    #[test]
    fn what_git_did_not_write_is_read() {
        let patch = "--- a/src/é.js\t2024-01-01 00:00:00\n+++ b/src/é.js\t2024-01-02\n@@ -1,3 +1,3 @@\n a\r\n\n-ß\n+ss";
        let expected = "diff --git a/src/é.js b/src/é.js\n--- a/src/é.js\n+++ b/src/é.js\n@@ -1,3 +1,3 @@\n a\r\n \n-ss\n+ß\n";
        assert_eq!(reversed(patch).unwrap(), expected);
        let created = "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n";
        assert!(reversed(created).unwrap().contains("deleted file mode 100644\n--- a/n\n+++ /dev/null\n"));
    }

    #[test]
    fn what_cannot_be_turned_around_is_said() {
        for (patch, message) in [
            ("", "line 2: no file"),
            ("nothing\nhere\n", "no file"),
            ("@@ -1 +1 @@\n-a\n+b\n", "line 1: a hunk that belongs to no file"),
            ("--- a/x\n+++ b/x\n", "expected a hunk"),
            ("--- a/x\n+++ b/x\n@@ -1 +1\n", "line 4: expected `@@"),
            ("--- a/x\n+++ b/x\n@@ -1,a +1 @@\n", "expected `@@"),
            ("--- a/x\n+++ b/x\n@@ -1,99999999999999999999999 +1 @@\n", "expected `@@"),
            ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\n", "line 6: the hunk is cut off"),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n-a\n+b\n", "line 5: the hunk has more lines"),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\nb\n", "line 5: expected a line of the hunk"),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n\\ No newline\n", "no line before"),
            ("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "do not fit together"),
            ("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "do not fit together"),
            ("--- x\n+++ x\n@@ -1 +1 @@\n-a\n+b\n", "does not begin with `a/`"),
            ("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "not made of plain names"),
            ("--- a//etc/x\n+++ b//etc/x\n@@ -1 +1 @@\n-a\n+b\n", "not made of plain names"),
            ("--- \"a/x\"\n+++ \"b/x\"\n@@ -1 +1 @@\n-a\n+b\n", "does not begin with `a/`"),
            ("diff --git a/x b/x\nindex 1..2\nBinary files a/x and b/x differ\n", "only text"),
            ("diff --git a/x b/x\nindex 1..2\nGIT binary patch\nliteral 1\n", "only text"),
            ("diff --git a/x b/y\nsimilarity index 90%\ncopy from x\ncopy to y\n", "only text"),
            ("diff --git a/x b/y\nold mode 1\nnew mode 2\n", "does not say which file"),
        ] {
            let error = reversed(patch).unwrap_err().to_string();
            assert!(error.contains(message), "{patch:?}: {error}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn odd_patches_end(lines in proptest::collection::vec(proptest::sample::select(vec![
            "diff --git a/x b/x", "diff --git a/é b/é", "--- a/x", "+++ b/x", "--- /dev/null", "+++ /dev/null", "@@ -1 +1 @@",
            "@@ -1,2 +0,0 @@", "-a", "+b", " c", "", "\\ No newline at end of file", "new file mode 1",
            "rename from x", "rename to x", "old mode 1", "new mode 1", "é", "\r",
        ]), 0..12)) {
            if let Ok(gold) = reversed(&lines.join("\n")) {
                // What comes out can be read again.
                proptest::prop_assert!(reversed(&gold).is_ok(), "{gold}");
            }
        }
    }
}
