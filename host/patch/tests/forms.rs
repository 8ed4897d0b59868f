//! What patches may look like, and what they come to.

use lancet_patch::{Change, ChangeKind, Found, Patch, PatchError, Tree};

const MOST: usize = 16 << 20;

fn file(text: &[u8]) -> Found {
    Found::File { bytes: text.to_vec(), executable: false }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), file(text.as_bytes()))).collect()
}

fn value() -> Tree {
    tree(&[("src/value", "a\nwrong\nb\n")])
}

fn changes(patch: impl AsRef<[u8]>, tree: &Tree) -> Result<Vec<Change>, PatchError> {
    Patch::parse(patch.as_ref())?.apply(tree, MOST)
}

/// What a patch makes of a tree: each path with what it holds, or `gone`.
#[track_caller]
fn after(patch: impl AsRef<[u8]>, tree: &Tree) -> Vec<(String, String)> {
    let changes = changes(patch, tree).unwrap_or_else(|error| panic!("{error}"));
    changes
        .into_iter()
        .map(|Change { path, kind }| {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let mode = |executable| if executable { "+x " } else { "" };
            let what = match kind {
                ChangeKind::Remove => "gone".to_owned(),
                ChangeKind::Create { bytes, executable } => format!("{}{}", mode(executable), text(&bytes)),
                ChangeKind::Write { bytes, executable } => match executable {
                    Some(executable) => format!("{}{}", mode(executable), text(&bytes.unwrap_or_default())),
                    None => text(&bytes.unwrap_or_default()),
                },
            };
            (path, what)
        })
        .collect()
}

#[track_caller]
fn becomes(patch: impl AsRef<[u8]>, tree: &Tree, expected: &[(&str, &str)]) {
    let found = after(patch, tree);
    let found: Vec<_> = found.iter().map(|(path, what)| (path.as_str(), what.as_str())).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn refused(patch: impl AsRef<[u8]>, tree: &Tree, expected: &str) {
    let patch = patch.as_ref();
    match changes(patch, tree) {
        Ok(changes) => panic!("{:.2000}\ncame to {} changes", String::from_utf8_lossy(patch), changes.len()),
        Err(error) => assert!(
            error.to_string().contains(expected),
            "expected `{expected}` of\n{:.2000}\nfound: {error}",
            String::from_utf8_lossy(patch)
        ),
    }
}

const BODY: &str = "@@ -1,3 +1,3 @@\n a\n-wrong\n+right\n b\n";
const FIXED: [(&str, &str); 1] = [("src/value", "a\nright\nb\n")];

fn fix(old: &str, new: &str) -> String {
    format!("diff --git {old} {new}\nindex 1234567..89abcde 100644\n--- {old}\n+++ {new}\n{BODY}")
}

#[test]
fn every_usual_prefix_is_understood() {
    for (old, new) in [
        ("a/src/value", "b/src/value"),
        ("src/value", "src/value"),
        ("i/src/value", "w/src/value"),
        ("c/src/value", "i/src/value"),
        ("c/src/value", "w/src/value"),
        ("o/src/value", "w/src/value"),
        ("1/src/value", "2/src/value"),
        ("b/src/value", "a/src/value"),
        ("old/src/value", "new/src/value"),
    ] {
        becomes(fix(old, new), &value(), &FIXED);
        // Without git's own lines, and with times.
        becomes(format!("--- {old}\n+++ {new}\n{BODY}"), &value(), &FIXED);
        let timed = format!("--- {old}\t2024-01-01 00:00:00.1 +0000\n+++ {new}\t2024-01-02\n{BODY}");
        becomes(format!("diff -ru x y\n{timed}"), &value(), &FIXED);
    }
    // A new file has one name only; the line above has both.
    let new = |old: &str, name: &str| {
        format!(
            "diff --git {old} {name}\nnew file mode 100755\n--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n"
        )
    };
    for (old, name) in
        [("a/src/extra", "b/src/extra"), ("src/extra", "src/extra"), ("i/src/extra", "w/src/extra")]
    {
        becomes(new(old, name), &tree(&[]), &[("src/extra", "+x x\n")]);
    }
    // Nor has it where there is no such line; the other files tell.
    let lone = |name: &str| format!("--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n");
    becomes(lone("b/src/extra"), &tree(&[]), &[("src/extra", "x\n")]);
    becomes(lone("extra"), &tree(&[]), &[("extra", "x\n")]);
    let both = [("src/extra", "x\n"), FIXED[0]];
    becomes(lone("src/extra") + &fix("src/value", "src/value"), &value(), &both);
    becomes(lone("new/src/extra") + &fix("old/src/value", "new/src/value"), &value(), &both);
    refused(lone("src/extra"), &tree(&[]), "line 1: whether `src/` is a folder or a prefix cannot be told");
    refused(lone("src/extra") + &fix("a/src/value", "b/src/value"), &value(), "does not begin with `b/`");
    refused(fix("a/src/value", "a/src/value"), &value(), "both names begin with `a/`");
    refused(fix("x/y/src/value", "z/y2/src/value"), &value(), "are not one file");
    refused(fix("src/value.orig", "src/value"), &value(), "are not one file");
    let mixed = fix("src/other", "src/other") + &fix("a/src/value", "b/src/value");
    refused(mixed, &value(), "the names have the prefixes `a/` and `b/`, and those of line 1 have no prefix");
}

#[test]
fn names_are_read_as_git_writes_them() {
    let files =
        tree(&[("src/é ü", "a\nwrong\nb\n"), ("a b/c b/d", "a\nwrong\nb\n"), ("tab\"", "a\nwrong\nb\n")]);
    let quoted = fix(r#""a/src/\303\251 \303\274""#, r#""b/src/\303\251 \303\274""#);
    becomes(quoted, &files, &[("src/é ü", "a\nright\nb\n")]);
    becomes(fix("a/src/é ü", "b/src/é ü"), &files, &[("src/é ü", "a\nright\nb\n")]);
    becomes(fix(r#""a/tab\"""#, r#""b/tab\"""#), &files, &[("tab\"", "a\nright\nb\n")]);
    let blanks = "diff --git a/a b/c b/d b/a b/c b/d\nold mode 100644\nnew mode 100755\n";
    becomes(blanks, &files, &[("a b/c b/d", "+x ")]);
    refused("diff --git a/x b/y\nold mode 100644\nnew mode 100755\n", &files, "does not name one file twice");
    refused(fix("\"a/\\q\"", "\"b/\\q\""), &files, "in a quoted name");
    refused(fix("\"a/x", "\"b/x"), &files, "quotes do not end");
    refused(fix("\"a/\\377\"", "\"b/\\377\""), &files, "is not UTF-8");
    refused(fix("\"a/x\\ny\"", "\"b/x\\ny\""), &files, "control character");
    for (path, why) in [
        ("/etc/passwd", "is absolute"),
        ("../x", "`.` or `..`"),
        ("x/../../y", "`.` or `..`"),
        ("./x", "`.` or `..`"),
        ("x//y", "empty name"),
        (".git/hooks/x", "into a repository"),
        ("sub/.GIT/config", "into a repository"),
    ] {
        refused(fix(&format!("a/{path}"), &format!("b/{path}")), &files, why);
        let new = format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n");
        refused(new, &files, why);
        let moved =
            format!("diff --git a/x b/y\nsimilarity index 100%\nrename from tab\"\nrename to {path}\n");
        refused(moved, &files, why);
    }
    refused("--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n-a\n+b\n", &files, "is absolute");
    refused(fix(&format!("a/{}", "x".repeat(256)), &format!("b/{}", "x".repeat(256))), &files, "255");
}

#[test]
fn line_ends_are_understood_or_named() {
    let cr_lf = |text: &str| text.replace('\n', "\r\n");
    let new = "diff --git a/src/run.sh b/src/run.sh\nnew file mode 100755\n--- /dev/null\n+++ b/src/run.sh\n@@ -0,0 +1,2 @@\n+#!/bin/sh\n+echo hi\n";
    becomes(cr_lf(new), &tree(&[]), &[("src/run.sh", "+x #!/bin/sh\necho hi\n")]);
    let fix = fix("a/src/value", "b/src/value");
    becomes(cr_lf(&fix), &value(), &FIXED);
    let windows = tree(&[("src/value", "a\r\nwrong\r\nb\r\n")]);
    becomes(cr_lf(&fix), &windows, &[("src/value", "a\r\nright\r\nb\r\n")]);
    // As git writes it for such a file: only what is out of the file has CRs.
    let exact = fix
        .replace("wrong\n", "wrong\r\n")
        .replace("right\n", "right\r\n")
        .replace(" a\n", " a\r\n")
        .replace(" b\n", " b\r\n");
    becomes(&exact, &windows, &[("src/value", "a\r\nright\r\nb\r\n")]);
    // And that, turned into a text with CR LF by what adds a CR everywhere.
    becomes(cr_lf(&exact), &windows, &[("src/value", "a\r\nright\r\nb\r\n")]);
    refused(&fix, &windows, "lines of `src/value` end with CR LF, and those of the hunk with LF alone");
    refused(&exact, &value(), "lines of `src/value` end with LF alone, and those of the hunk with CR LF");
    let mixed = tree(&[("src/value", "a\r\nwrong\nb\r\n")]);
    refused(cr_lf(&fix), &mixed, "line ends of `src/value` are mixed");
    refused(cr_lf(&fix).replacen("\r\n", "\n", 1), &value(), "line 2: the patch's line ends are mixed");
    refused(cr_lf(&fix).replace("-wrong\r", "-wrong"), &value(), "line 7: the patch's line ends are mixed");
    let unended =
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n";
    becomes(unended, &tree(&[("x", "a")]), &[("x", "b")]);
    becomes(cr_lf(unended), &tree(&[("x", "a")]), &[("x", "b")]);
    refused(unended, &tree(&[("x", "a\n")]), "differs in whether a newline ends the file");
    // What copies a patch takes its last line break along, and a mark may come first.
    becomes(fix.trim_end(), &value(), &FIXED);
    becomes(cr_lf(&fix).trim_end(), &value(), &FIXED);
    becomes(format!("\u{feff}{fix}"), &value(), &FIXED);
}

#[test]
fn what_cannot_be_done_whole_is_refused_by_line() {
    let files =
        tree(&[("src/value", "a\nwrong\nb\n"), ("img.bin", "\0\x01"), ("full", "x\n"), ("empty", "")]);
    let fix = fix("a/src/value", "b/src/value");
    let git = |rest: &str| format!("{fix}diff --git a/full b/full\n{rest}");
    for (patch, expected) in [
        (
            git("index 1234567..89abcde 100644\nBinary files a/full and b/full differ\n"),
            "line 12: a binary file whose contents",
        ),
        (format!("Binary files a/x and b/x differ\n{fix}"), "line 1: a binary file whose contents"),
        (format!("{fix}Only in b: c\n"), "line 10: a file whose contents"),
        (format!("{fix}Binary file img.bin has changed\n"), "line 10: a binary file whose contents"),
        (
            format!("Index: img.bin\n====\nCannot display: file marked as a binary type.\n{fix}"),
            "line 3: a binary file whose contents",
        ),
        (format!("{fix}Symbolic links a/l and b/l differ\n"), "line 10: a binary file whose contents"),
        (
            format!("{fix}File a/x is a directory while file b/x is a regular file\n"),
            "line 10: a file that becomes something else",
        ),
        (format!("diff: a/x: No such file or directory\n{fix}"), "line 1: an error of `diff`"),
        (
            format!("{fix}\nProperty changes on: run.sh\n____\nAdded: svn:executable\n"),
            "line 11: a change of what",
        ),
        (format!("=== renamed file 'full' => 'other'\n{fix}"), "line 1: a file that is renamed"),
        (format!("{fix}rename from full\nrename to other\n"), "line 10: a part of what git says"),
        (format!("{fix}old mode 100644\nnew mode 100755\n"), "line 10: a part of what git says"),
        (format!("{fix}\x1b[1mdiff --git a/full b/full\x1b[m\n"), "line 10: a line of a patch in colours"),
        // What is named, and nothing follows.
        (format!("{fix}Index: empty.new\n=====\n"), "line 10: nothing follows"),
        (format!("Index: empty.new\n=====\nIndex: src/value\n=====\n{fix}"), "line 1: nothing follows"),
        (format!("diff -r 123 -r 456 new\ndiff -r 123 -r 456 src/value\n{fix}"), "line 1: nothing follows"),
        // What `diff` says in another language, before and behind.
        (format!("Nur in b: x.\ndiff -ru a/src/value b/src/value\n{fix}"), "line 1: what `diff` says"),
        (
            format!("diff -ru a/src/value b/src/value\n{fix}Binärdateien a/i und b/i sind verschieden.\n"),
            "line 11: what `diff` says",
        ),
        (
            git(
                "index 1..2 160000\n--- a/full\n+++ b/full\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n",
            ),
            "line 11: a submodule",
        ),
        (
            git(
                "new file mode 160000\nindex 0000000..1111111\n--- /dev/null\n+++ b/full\n@@ -0,0 +1 @@\n+Subproject commit 1\n",
            ),
            "line 10: `full` is there already",
        ),
        (format!("{fix}Submodule vendor 1234567..89abcde:\n"), "line 10: a submodule"),
        (
            git("new file mode 120000\n--- /dev/null\n+++ b/full\n@@ -0,0 +1 @@\n+x\n"),
            "line 11: a symbolic link",
        ),
        (git("old mode 100644\nnew mode 040000\n"), "is no mode of a file"),
        (
            git("new file mode 100644\n# not shown: over 9 bytes, or no text\n"),
            "line 12: contents that a diff",
        ),
        (format!("{fix}diff --cc full\n"), "line 10: the diff of a merge"),
        (
            "*** a/full\n--- b/full\n***************\n*** 1 ****\n! x\n--- 1 ----\n! y\n".to_owned(),
            "line 3: a context diff",
        ),
        (git("index 1234567..89abcde 100644\n"), "line 10: the contents differ"),
        (git("similarity index 90%\nrename from full\nrename to other\n"), "line 10: the contents differ"),
        (git("old mode 100644\nnew mode 100755\nindex 1234567..89abcde\n"), "line 10: the contents differ"),
        (git(""), "line 10: what becomes of the file is not said"),
        (git("old mode 100644\n"), "both `old mode`"),
        (git("rename from full\n"), "needs both its names"),
        (git("new file mode 100644\nindex 0000000..1234567\n"), "line 10: the contents differ"),
        (git("deleted file mode 100644\nindex 1234567..0000000\n"), "line 10: the contents differ"),
        (git("deleted file mode 100644\n"), "is to go, and holds 2 bytes"),
        (
            git("deleted file mode 100644\n--- a/full\n+++ /dev/null\n@@ -1 +0,0 @@\n-y\n"),
            "line 14: the hunk does not apply",
        ),
        (
            git("new file mode 100644\n--- /dev/null\n+++ b/full\n@@ -0,0 +1 @@\n+y\n"),
            "line 10: `full` is there already",
        ),
        (git("new file mode 100644\n--- a/full\n+++ b/full\n@@ -0,0 +1 @@\n+y\n"), "do not fit the rest"),
        (git("--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+y\n"), "do not fit the rest"),
        ("--- /dev/null\n+++ b/n\n@@ -1 +1 @@\n-x\n+y\n".to_owned(), "line 3: a new file has no old lines"),
        (
            "--- a/full\n+++ /dev/null\n@@ -1 +1 @@\n-x\n+y\n".to_owned(),
            "line 3: a file that goes has no new lines",
        ),
        (
            "--- a/full\n+++ b/full\n@@ -0,0 +1 @@\n+y\n".to_owned(),
            "is for an empty file, and `full` is not empty",
        ),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-x\n+y\n".to_owned(), "line 1: there is no file `none`"),
        (fix.replace("-1,3 +1,3", "-1,4 +1,4"), "line 10: the hunk of line 5 is cut off"),
        (fix.replace("-1,3 +1,3", "-1,2 +1,2"), "line 9: the hunk of line 5 has more lines"),
        (fix.replace("-1,3 +1,3", "-1,3 +1,4"), "line 10: the hunk of line 5 is cut off"),
        (format!("{fix}\n+lost\n"), "line 11: the hunk of line 5 has more lines"),
        (format!("{fix}\n@@ -9 +9 @@\n-x\n+y\n"), "line 11: a hunk that belongs to no file"),
        (fix.replace("@@ -1,3", "@@ 1,3"), "line 5: expected `@@"),
        (fix.replace(",3 @@", ",3"), "line 5: expected `@@"),
        (fix.replace("-1,3 +1,3", "-1,99999999999999999999 +1"), "line 5: expected `@@"),
        (fix.replace("-1,3", "-0,3"), "line 5: the hunk begins at line 0"),
        ("+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), "line 1: `+++` without"),
        ("--- a/x\n+++ b/x\n".to_owned(), "line 2: expected a hunk"),
        (
            "--- a/x\n+++ b/x\n@@ -1 +1 @@\n\\ No newline at end of file\n".to_owned(),
            "no line of a file stands before",
        ),
        (
            "--- a/full\n+++ b/full\n@@ -1 +1,2 @@\n-x\n+y\n\\ No newline at end of file\n+z\n".to_owned(),
            "line 7: this line comes behind one without a newline",
        ),
        ("no patch at all\n".to_owned(), "line 2: no file is changed"),
        (String::new(), "line 1: no file is changed"),
        (format!("{fix}--- a/full\n+++ b/full\n@@ -1 +1 @@\n-nothing like it\n+b\n"), "line 12: the hunk"),
    ] {
        refused(patch, &files, expected);
    }
    for (found, expected) in [
        (Found::Folder, "`src/value` is a folder"),
        (Found::Other("is a symbolic link".to_owned()), "`src/value` is a symbolic link"),
        (Found::Absent, "there is no file `src/value`"),
        (Found::BelowFile("src".to_owned()), "there is no file `src/value`"),
    ] {
        refused(&fix, &Tree::from([("src/value".to_owned(), found)]), expected);
    }
    let below = "--- /dev/null\n+++ b/full/x\n@@ -0,0 +1 @@\n+x\n";
    refused(
        below,
        &Tree::from([("full/x".to_owned(), Found::BelowFile("full".to_owned()))]),
        "`full` is no folder",
    );
    let large = format!("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+{}\n", "x".repeat(MOST));
    refused(large, &files, "larger than allowed");
}

#[test]
fn files_come_go_and_move() {
    let files = tree(&[("a.txt", "1\n2\n3\n"), ("b.txt", "b\n"), ("empty", "")]);
    becomes(
        "diff --git a/empty b/empty\ndeleted file mode 100644\nindex e69de29..0000000\n\
         diff --git a/none b/none\nnew file mode 100644\nindex 0000000..e69de29\n\
         diff --git a/b.txt b/c.txt\nsimilarity index 100%\ncopy from b.txt\ncopy to c.txt\n\
         diff --git a/a.txt b/d.txt\nold mode 100644\nnew mode 100755\nsimilarity index 60%\nrename from a.txt\n\
         rename to d.txt\n--- a/a.txt\n+++ b/d.txt\n@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\n",
        &files,
        &[("a.txt", "gone"), ("empty", "gone"), ("c.txt", "b\n"), ("d.txt", "+x 1\nzwei\n3\n"), ("none", "")],
    );
    let swap = "diff --git a/a.txt b/b.txt\nsimilarity index 100%\nrename from a.txt\nrename to b.txt\n\
                diff --git a/b.txt b/a.txt\nsimilarity index 100%\nrename from b.txt\nrename to a.txt\n";
    becomes(swap, &files, &[("a.txt", "b\n"), ("b.txt", "1\n2\n3\n")]);
    let onto = "diff --git a/a.txt b/b.txt\nsimilarity index 100%\nrename from a.txt\nrename to b.txt\n";
    refused(onto, &files, "line 1: `b.txt` is there already");
    let twice =
        "--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-b\n+c\n--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-c\n+d\n";
    becomes(twice, &files, &[("b.txt", "d\n")]);
    let changed = format!(
        "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n 1\n-2\n+x\n 3\n{}",
        onto.replace("b.txt", "n.txt")
    );
    refused(changed, &files, "line 8: `a.txt` is renamed, and line 1 has changed it already");
    let gone = "--- a/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n";
    refused(format!("{gone}{gone}"), &files, "line 5: `b.txt` is gone already, by line 1");
    let new = "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n";
    refused(format!("{new}{new}"), &files, "line 5: `n` is there already, by line 1");
    refused(format!("{new}{}", new.replace("b/n", "b/n/m")), &files, "makes a file of `n`");
    becomes(format!("{gone}{}", new.replace("b/n", "b/b.txt")), &files, &[("b.txt", "x\n")]);
    // `diff -ruN` names what is not there, and gives it the time at which time begins.
    let epoch =
        "--- a/n\t1970-01-01 01:00:00.000000000 +0100\n+++ b/n\t2024-01-01 00:00:00\n@@ -0,0 +1 @@\n+x\n";
    becomes(epoch, &files, &[("n", "x\n")]);
    let unsaid = "--- a/n\n+++ b/n\n@@ -0,0 +1 @@\n+x\n";
    becomes(unsaid, &files, &[("n", "x\n")]);
    becomes(unsaid.replace("/n", "/empty"), &files, &[("empty", "x\n")]);
    let last = "--- a/b.txt\t2024-01-01\n+++ b/b.txt\t1970-01-01 00:00:00\n@@ -1 +0,0 @@\n-b\n";
    becomes(last, &files, &[("b.txt", "gone")]);
    // Nothing comes of what changes nothing.
    becomes("--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-b\n+b\n", &files, &[]);
}

#[test]
fn a_hunk_that_changes_nothing_is_refused() {
    let files = tree(&[("f", "x\n"), ("g", "a\nb\nc\n")]);
    for context in [" x\n", " y\n"] {
        let patch = format!("--- a/f\n+++ b/f\n@@ -1 +1 @@\n{context}");
        refused(patch, &files, "line 3: the hunk changes nothing");
    }
    for lines in [" a\n b\n", " a\n x\n", " b\n\n"] {
        let patch = format!("--- a/g\n+++ b/g\n@@ -1,2 +1,2 @@\n{lines}@@ -3 +3 @@\n-c\n+C\n");
        refused(patch, &files, "line 3: the hunk changes nothing");
    }
    refused("--- a/f\n+++ b/f\n@@ -1,0 +1,0 @@\n", &files, "line 3: the hunk changes nothing");
    refused("--- a/f\n+++ b/f\n@@ -1 +1 @@\n x\n+y\n", &files, "more lines than");
}

#[test]
fn what_is_read_is_bounded_beside_what_is_written() {
    let line = "x".repeat(999);
    let files = tree(&[("big", &format!("{line}\n"))]);
    let copy = |number: usize| {
        format!(
            "diff --git a/big b/c{number}\nsimilarity index 1%\ncopy from big\ncopy to c{number}\n\
             --- a/big\n+++ b/c{number}\n@@ -1 +1 @@\n-{line}\n+y\n"
        )
    };
    let most = 1_000;
    let four: String = (0..4).map(copy).collect();
    assert_eq!(Patch::parse(four.as_bytes()).unwrap().apply(&files, most).unwrap().len(), 4);
    let five = four + &copy(4);
    let error = Patch::parse(five.as_bytes()).unwrap().apply(&files, most).unwrap_err();
    assert!(error.to_string().starts_with("line 37: the patch reads too much"), "{error}");
}

#[test]
fn what_stands_around_the_files_is_skipped() {
    let fix = fix("a/src/value", "b/src/value");
    let mail = format!(
        "From 1234567 Mon Sep 17 00:00:00 2001\nFrom: A <a@localhost>\nSubject: [PATCH] x\n\n+ not a patch\n---\n \
         src/value | 2 +-\n 1 file changed\n\n{fix}-- \n2.40.0\n\n"
    );
    becomes(&mail, &value(), &FIXED);
    becomes(format!("{fix}\n         \n"), &value(), &FIXED);
    becomes(format!("Index: src/value\n====\n{fix}\n\nThat is all.\n```\n"), &value(), &FIXED);
    let cvs = "Index: src/value\n====\nRCS file: /cvs/src/value,v\nretrieving revision 1.1\n\
               diff -u -r1.1 -r1.2 src/value\n";
    becomes(format!("{cvs}{fix}"), &value(), &FIXED);
    becomes(format!("diff -ruN a/src/value b/src/value\n{fix}\nThat is all: a fix.\n"), &value(), &FIXED);
    becomes(format!("diff -ru ./src/value ../new/src/value\n{fix}\nThen run ./test.sh\n"), &value(), &FIXED);
    let series = format!(
        "{mail}From 2 Mon Sep 17 00:00:00 2001\n---\n\n{}",
        fix.replace("right", "better").replace("wrong", "right")
    );
    becomes(series, &value(), &[("src/value", "a\nbetter\nb\n")]);
}

#[test]
fn a_hunk_is_found_where_its_lines_are() {
    let lines = |numbers: std::ops::Range<u32>| numbers.map(|n| format!("{n}\n")).collect::<String>();
    let files = tree(&[("x", &format!("new\n{}", lines(0..20)))]);
    let hunk = "--- a/x\n+++ b/x\n@@ -9,5 +9,5 @@ fn x()\n 8\n 9\n-10\n+ten\n 11\n 12\n@@ -15,3 +15,4 @@\n 14\n+more\n 15\n 16\n";
    let expected =
        format!("new\n{}", lines(0..20).replace("\n10\n", "\nten\n").replace("\n14\n", "\n14\nmore\n"));
    becomes(hunk, &files, &[("x", &expected)]);
    // One or two lines of context may differ, as with patch(1), and are left as they are.
    let fuzzy = hunk.replacen(" 8\n 9\n", " other\n 9\n", 1);
    becomes(&fuzzy, &files, &[("x", &expected)]);
    refused(
        hunk.replace("-10\n", "-zehn\n"),
        &files,
        "line 3: the hunk does not apply: line 9 of `x` is `7`, and the patch has `8`",
    );
    // Hunks have to come one behind the other.
    let backwards =
        "--- a/x\n+++ b/x\n@@ -12,3 +12,3 @@\n 11\n-12\n+x\n 13\n@@ -4,3 +4,3 @@\n 3\n-4\n+y\n 5\n";
    refused(backwards, &files, "line 8: the hunk does not apply");
    // Without context there is only the line that it names.
    let bare = "--- a/x\n+++ b/x\n@@ -3 +3 @@\n-1\n+one\n@@ -5,0 +6 @@\n+behind\n";
    let expected = files_text(&files).replace("\n1\n", "\none\n").replace("\n3\n", "\n3\nbehind\n");
    becomes(bare, &files, &[("x", &expected)]);
    refused(bare.replace("-3 +3", "-4 +4"), &files, "line 4 of `x` is `2`, and the patch has `1`");
    refused(
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-new\n+old\n",
        &files,
        "has no context, so its 1 lines have to be all",
    );
    let shrunk = tree(&[("x", "1\n2\n")]);
    refused("--- a/x\n+++ b/x\n@@ -5,0 +6 @@\n+y\n", &shrunk, "names lines that `x` does not have");
}

fn files_text(files: &Tree) -> String {
    match &files["x"] {
        Found::File { bytes, .. } => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_submodule_is_an_empty_folder() {
    let link = "diff --git a/vendor b/vendor\nnew file mode 160000\nindex 0000000..1111111\n--- /dev/null\n+++ b/vendor\n\
                @@ -0,0 +1 @@\n+Subproject commit 1111111111111111111111111111111111111111\n";
    becomes(fix("a/src/value", "b/src/value") + link, &value(), &FIXED);
    refused(link.replace("Subproject commit", "x"), &value(), "a submodule without `Subproject commit`");
}

#[test]
fn what_is_wanted_is_named_once() {
    let patch = fix("a/src/value", "b/src/value")
        + "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n\
           diff --git a/o b/p\nsimilarity index 100%\nrename from o\nrename to p\n";
    let patch = Patch::parse(patch.as_bytes()).unwrap();
    let wanted: Vec<_> = patch.wanted().into_iter().map(|wanted| (wanted.path, wanted.contents)).collect();
    assert_eq!(wanted, [("n", false), ("o", true), ("p", false), ("src/value", true)]);
}

#[test]
fn large_patches_take_no_longer_than_their_length() {
    let started = std::time::Instant::now();
    let count = 200_000;
    let new = format!("--- /dev/null\n+++ b/x\n@@ -0,0 +1,{count} @@\n{}", "+0123456789\n".repeat(count));
    assert_eq!(after(&new, &tree(&[]))[0].1.len(), 11 * count);
    // The same line everywhere, and a hunk that is nowhere.
    let files = tree(&[("x", &format!("other\n{}", "same\n".repeat(100_000)))]);
    let same = " same\n".repeat(10_000);
    let lost = format!("--- a/x\n+++ b/x\n@@ -1,20001 +1,20000 @@\n{same}-other\n{same}");
    refused(&lost, &files, "line 3: finding where the hunk belongs in `x` takes too many comparisons");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
