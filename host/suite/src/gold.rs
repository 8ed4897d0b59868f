//! What can be told of a gold patch without the tree that it is for.

use lancet_patch::{Patch, PatchError};

/// Reads a gold patch as an agent's patch is read, and refuses what cannot be applied to
/// any tree. Whether it applies to the task's own tree is for the controls to show.
///
/// # Errors
/// The first line that is not understood, or that asks for what cannot be done; a patch
/// with nothing in it.
pub fn check_gold(patch: &str) -> Result<(), PatchError> {
    if patch.trim().is_empty() {
        let message = "the patch is empty: it would hand in the tree as it is".to_owned();
        return Err(PatchError { line: 1, message });
    }
    Patch::parse(patch.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::check_gold;

    const HEAD: &str = "diff --git a/src/value b/src/value\n--- a/src/value\n+++ b/src/value\n";

    #[test]
    fn what_can_be_applied_somewhere_is_taken() {
        for patch in [
            format!("{HEAD}@@ -1 +1 @@\n-wrong\n+right\n"),
            format!("some prose\n{HEAD}@@ -1,3 +1,3 @@ fn a() {{\n one\n\n-wrong\n+right\n-- \n2.40.0\n"),
            "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n".to_owned(),
            "diff --git a/x b/x\ndeleted file mode 100644\n".to_owned(),
        ] {
            assert_eq!(check_gold(&patch), Ok(()), "{patch}");
        }
    }

    #[test]
    fn what_cannot_be_applied_anywhere_is_named_by_its_line() {
        for (patch, words) in [
            (String::new(), "line 1: the patch is empty"),
            (" \n\n".to_owned(), "line 1: the patch is empty"),
            ("set right\n".to_owned(), "no file is changed"),
            (HEAD.to_owned(), "expected a hunk"),
            (format!("{HEAD}@@ -1,9 +1,9 @@\n-a\n+b\n"), "the hunk of line 4 is cut off"),
            ("diff --git a/x.png b/x.png\nBinary files a/x.png and b/x.png differ\n".to_owned(), "line 2: "),
            ("diff --git a/l b/l\nnew file mode 120000\n".to_owned(), "line 2: a symbolic link"),
            ("--- a/x\n+++ b/../y\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), "`"),
            ("--- a/.git/config\n+++ b/.git/config\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), ".git"),
        ] {
            let error = check_gold(&patch).expect_err(&patch).to_string();
            assert!(error.contains(words), "{patch}{error}");
        }
    }
}
