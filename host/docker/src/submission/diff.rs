//! The diff of a submission, for people and for graders: bounded in bytes and in time.

use std::io::Write as _;
use std::time::{Duration, Instant};

use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, TextDiffConfig};

/// Larger files are named, and not shown.
pub(crate) const MAX_SHOWN_FILE_BYTES: u64 = 1 << 20;
/// When the diff is this long, what is left is named, and not shown.
const MAX_SHOWN_BYTES: usize = 4 << 20;
/// The most bytes of a diff. Names alone can be many: 3,072 bytes each, four times
/// in a header.
const MAX_BYTES: usize = 8 << 20;
/// How long the search for the smallest diff of one file may take; a larger diff
/// is good enough then.
const FILE_TIME: Duration = Duration::from_millis(300);
/// When this much time has gone by, what is left is named, and not shown.
const TIME: Duration = Duration::from_secs(5);
/// Lines of context.
const CONTEXT: usize = 3;

/// A file before or after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) kind: SideKind,
    /// `None` for what is not to be shown: it is too large, or no text.
    pub(crate) content: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SideKind {
    Plain,
    Executable,
    /// Only an image has these: a submission is made of regular files.
    Link,
}

impl SideKind {
    fn mode(self) -> &'static str {
        match self {
            Self::Plain => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }
}

/// Writes the readable unified diff of a submission, as `git diff` would: file by
/// file, in the order of their paths. For people and graders to read: what is laid
/// into containers are the files themselves.
pub(crate) struct DiffWriter {
    out: Vec<u8>,
    deadline: Instant,
    unnamed: usize,
}

impl DiffWriter {
    pub(crate) fn new() -> Self {
        Self { out: Vec::new(), deadline: Instant::now() + TIME, unnamed: 0 }
    }

    /// One file: new when there is no old side, deleted when there is no new one.
    pub(crate) fn file(&mut self, path: &str, old: Option<Side<'_>>, new: Option<Side<'_>>) {
        if self.out.len() >= MAX_BYTES {
            self.unnamed += 1;
            return;
        }
        let (a, b) = (quoted("a/", path), quoted("b/", path));
        self.line(format_args!("diff --git {a} {b}"));
        match (old, new) {
            (None, Some(new)) => self.line(format_args!("new file mode {}", new.kind.mode())),
            (Some(old), None) => self.line(format_args!("deleted file mode {}", old.kind.mode())),
            (Some(old), Some(new)) if old.kind != new.kind => {
                self.line(format_args!("old mode {}", old.kind.mode()));
                self.line(format_args!("new mode {}", new.kind.mode()));
            }
            _ => {}
        }
        let from = if old.is_some() { a } else { "/dev/null".to_owned() };
        let to = if new.is_some() { b } else { "/dev/null".to_owned() };
        match (content(old), content(new)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) if is_text(old) && is_text(new) => self.text(&from, &to, old, new),
            (Some(_), Some(_)) => self.line(format_args!("Binary files {from} and {to} differ")),
            _ => self.line(format_args!("# not shown: over {MAX_SHOWN_FILE_BYTES} bytes, or no text")),
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let unnamed = self.unnamed;
        if unnamed > 0 {
            self.line(format_args!("# and {unnamed} more files"));
        }
        self.out
    }

    fn text(&mut self, from: &str, to: &str, old: &[u8], new: &[u8]) {
        let now = Instant::now();
        if self.out.len() >= MAX_SHOWN_BYTES || now >= self.deadline {
            self.line(format_args!("# not shown: the whole diff is too long"));
            return;
        }
        let (old, new) = (lines(old), lines(new));
        let diff = TextDiffConfig::new()
            .algorithm(Algorithm::Myers)
            .deadline(self.deadline.min(now + FILE_TIME))
            .diff_slices(&old, &new);
        let before = self.out.len();
        // A name with a space ends in a tab, so that `patch` knows where it ends.
        let tab = |name: &str| if name.contains(' ') { "\t" } else { "" };
        self.line(format_args!("--- {from}{}", tab(from)));
        self.line(format_args!("+++ {to}{}", tab(to)));
        for hunk in diff.grouped_ops(CONTEXT) {
            self.hunk(&diff, &hunk);
            if self.out.len() - before > MAX_SHOWN_BYTES {
                self.out.truncate(before);
                self.line(format_args!("# not shown: the diff is over {MAX_SHOWN_BYTES} bytes"));
                return;
            }
        }
    }

    fn hunk(&mut self, diff: &TextDiff<'_, '_, [u8]>, ops: &[DiffOp]) {
        let (Some(first), Some(last)) = (ops.first(), ops.last()) else { return };
        let old = range(first.old_range().start, last.old_range().end);
        let new = range(first.new_range().start, last.new_range().end);
        self.line(format_args!("@@ -{old} +{new} @@"));
        for change in ops.iter().flat_map(|op| diff.iter_changes(op)) {
            self.out.push(match change.tag() {
                ChangeTag::Equal => b' ',
                ChangeTag::Delete => b'-',
                ChangeTag::Insert => b'+',
            });
            self.out.extend_from_slice(change.value());
            if !change.value().ends_with(b"\n") {
                self.out.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a vector cannot fail.
        let _ = writeln!(self.out, "{line}");
    }
}

/// A file that is not there has no bytes.
fn content(side: Option<Side<'_>>) -> Option<&[u8]> {
    side.map_or(Some(&[]), |side| side.content)
}

/// Whether a file is text that can be shown: UTF-8 without NUL.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

/// Lines as `git` and `patch` have them: only a newline ends one.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A hunk's range: an empty one is named by the line before it.
fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        count => format!("{},{count}", start + 1),
    }
}

/// A path as `git` writes it with `core.quotePath` off.
fn quoted(prefix: &str, path: &str) -> String {
    if path.contains(['"', '\\']) {
        format!("\"{prefix}{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("{prefix}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn plain(content: &[u8]) -> Option<Side<'_>> {
        Some(Side { kind: SideKind::Plain, content: Some(content) })
    }

    fn diff(path: &str, old: Option<Side<'_>>, new: Option<Side<'_>>) -> String {
        let mut writer = DiffWriter::new();
        writer.file(path, old, new);
        String::from_utf8(writer.finish()).unwrap()
    }

    /// What `git apply` makes of `old` with the diff.
    fn applied(path: &str, old: Option<&[u8]>, patch: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        if let Some(old) = old {
            std::fs::write(&file, old).unwrap();
        }
        std::fs::write(folder.path().join("patch"), patch).unwrap();
        let output = Command::new("git")
            .args(["apply", "--whitespace=nowarn", "patch"])
            .current_dir(folder.path())
            .env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}\n{patch}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(&file).ok()
    }

    #[test]
    fn new_changed_and_deleted_files_look_as_git_has_them() {
        assert_eq!(
            diff("src/a.js", plain(b"1\n2\n3\n4\n5\n6\n7\n8\n"), plain(b"1\n2\n3\n4\nfive\n6\n7\n8")),
            "diff --git a/src/a.js b/src/a.js\n--- a/src/a.js\n+++ b/src/a.js\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n\
             -5\n+five\n 6\n 7\n-8\n+8\n\\ No newline at end of file\n"
        );
        assert_eq!(
            diff("n ew", None, Some(Side { kind: SideKind::Executable, content: Some(b"x\r\n") })),
            "diff --git a/n ew b/n ew\nnew file mode 100755\n--- /dev/null\n+++ b/n ew\t\n@@ -0,0 +1 @@\n+x\r\n"
        );
        assert_eq!(
            diff("old", plain(b"x\n"), None),
            "diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        );
        assert_eq!(diff("e", None, plain(b"")), "diff --git a/e b/e\nnew file mode 100644\n");
    }

    #[test]
    fn modes_and_binary_files_are_named() {
        let script = Some(Side { kind: SideKind::Executable, content: Some(b"x") });
        assert_eq!(
            diff("run", plain(b"x"), script),
            "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
        );
        for binary in [&b"\x00"[..], b"\xff"] {
            assert_eq!(
                diff("p.png", None, plain(binary)),
                "diff --git a/p.png b/p.png\nnew file mode 100644\nBinary files /dev/null and b/p.png differ\n"
            );
        }
        let large = Some(Side { kind: SideKind::Plain, content: None });
        assert!(diff("big", plain(b"x"), large).contains("# not shown"));
    }

    #[test]
    fn what_is_too_much_is_named() {
        let mut writer = DiffWriter::new();
        let text = "some line or other\n".repeat(50_000);
        for index in 0..10 {
            writer.file(&format!("f{index}"), None, plain(text.as_bytes()));
        }
        let diff = String::from_utf8(writer.finish()).unwrap();
        assert!(diff.len() < 6 << 20);
        assert!(diff.contains("diff --git a/f9 b/f9\nnew file mode 100644\n# not shown"));

        let mut writer = DiffWriter::new();
        for index in 0..2_000 {
            writer.file(&format!("{}{index}", "n".repeat(4_000)), None, plain(b""));
        }
        let diff = writer.finish();
        assert!(diff.len() < 9 << 20);
        assert!(String::from_utf8_lossy(&diff[diff.len() - 40..]).contains("more files"));
    }

    #[test]
    fn files_made_to_be_slow_are_not() {
        // No asserted time: without the bound, this test takes minutes.
        let one: String = (0..100_000_u64).map(|i| format!("{}\n", (i * 7_919) % 1_009)).collect();
        let two: String = (0..100_000_u64).map(|i| format!("{}\n", (i * 104_729) % 1_013)).collect();
        let same = "\n".repeat(MAX_SHOWN_BYTES / 4);
        let other = "a\n\n".repeat(MAX_SHOWN_BYTES / 12);
        let mut writer = DiffWriter::new();
        for index in 0..20 {
            writer.file(&format!("a{index}"), plain(one.as_bytes()), plain(two.as_bytes()));
            writer.file(&format!("b{index}"), plain(same.as_bytes()), plain(other.as_bytes()));
        }
        assert!(writer.finish().len() < 10 << 20);
    }

    #[test]
    fn odd_names_survive_git() {
        for path in ["a b/c d", "we\"ird\\name", "naïve/ü.txt", "-rf"] {
            let patch = diff(path, plain(b"1\n"), plain(b"2\n"));
            assert_eq!(applied(path, Some(b"1\n"), &patch).unwrap(), b"2\n", "{path}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn git_makes_the_new_file_of_the_old_one(
            old in proptest::option::of(text()),
            new in proptest::option::of(text()),
        ) {
            prop_assume!(old.is_some() || new.is_some());
            prop_assume!(old != new);
            let side = |text: &Option<String>| text.clone().map(String::into_bytes);
            let (old, new) = (side(&old), side(&new));
            let patch = diff("f", old.as_deref().and_then(plain), new.as_deref().and_then(plain));
            prop_assert_eq!(applied("f", old.as_deref(), &patch), new);
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let line = prop_oneof![Just("a\n"), Just("b\n"), Just("\n"), Just("\r"), Just("\r\n"), Just("c")];
        proptest::collection::vec(line, 0..30).prop_map(|lines| lines.concat())
    }
}
