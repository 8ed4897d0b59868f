//! What git makes of two trees, and what a patch of it comes to here. Where git is not
//! installed there is nothing to compare.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use lancet_patch::{ChangeKind, Found, Patch, Tree};
use proptest::prelude::*;

type Files = BTreeMap<String, (Vec<u8>, bool)>;

fn git(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git")
        .args(["-c", "core.autocrlf=false", "-c", "core.quotePath=true", "-c", "diff.renames=copies"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .ok()?;
    Some(output.stdout)
}

fn lay(folder: &Path, files: &Files) {
    for (path, (bytes, executable)) in files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        #[cfg(unix)]
        if *executable {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// The patch from one tree to the other; `None` without git.
fn diff(old: &Files, new: &Files, more: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    git(at, &["init", "-q"])?;
    lay(at, old);
    git(at, &["add", "-A"])?;
    let before = String::from_utf8(git(at, &["write-tree"])?).unwrap();
    for path in old.keys() {
        fs::remove_file(at.join(path)).unwrap();
    }
    lay(at, new);
    git(at, &["add", "-A"])?;
    git(at, &[&["diff", "--cached"], more, &[before.trim()]].concat())
}

fn tree(files: &Files) -> Tree {
    files
        .iter()
        .map(|(path, (bytes, executable))| {
            (path.clone(), Found::File { bytes: bytes.clone(), executable: *executable })
        })
        .collect()
}

/// The files after a patch.
fn patched(patch: &[u8], old: &Files) -> Result<Files, String> {
    let changes = Patch::parse(patch).and_then(|patch| patch.apply(&tree(old), 1 << 24));
    let mut files = old.clone();
    for change in changes.map_err(|error| error.to_string())? {
        match change.kind {
            ChangeKind::Remove => drop(files.remove(&change.path)),
            ChangeKind::Create { bytes, executable } => drop(files.insert(change.path, (bytes, executable))),
            ChangeKind::Write { bytes, executable } => {
                let file = files.get_mut(&change.path).ok_or("a file that is not there is written")?;
                file.0 = bytes.unwrap_or_else(|| file.0.clone());
                file.1 = executable.unwrap_or(file.1);
            }
        }
    }
    Ok(files)
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "",
        "{",
        "}",
        "long line",
        "--- a/x",
        "+++ b/x",
        "@@ -1 +1 @@",
        "\\ x",
        "é",
    ]);
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n"]);
    let text = prop::collection::vec((line, end), 0..30)
        .prop_map(|lines| lines.iter().map(|(line, end)| format!("{line}{end}")).collect::<String>());
    prop_oneof![
        4 => text.clone().prop_map(String::into_bytes),
        1 => text.prop_map(|text| text.trim_end().as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..600),
    ]
}

fn files() -> impl Strategy<Value = Files> {
    let path = prop::sample::select(vec!["x", "d/x", "d/e/ü b", "with blank", "tab\tno", "q\"q"]);
    prop::collection::btree_map(
        path.prop_map(|path| path.replace("tab\tno", "tab")),
        (contents(), any::<bool>()),
        0..5,
    )
}

/// Changes a tree a little, so that there are renames, copies and hunks.
fn changed(old: &Files, edits: &[(usize, u8, Vec<u8>)]) -> Files {
    let mut new = old.clone();
    for (index, kind, bytes) in edits {
        let Some(path) = new.keys().nth(index % new.len().max(1)).cloned() else { continue };
        match kind % 5 {
            0 => drop(new.remove(&path)),
            1 => {
                let file = new.remove(&path).unwrap();
                new.insert(format!("moved/{index}"), file);
            }
            2 => new.get_mut(&path).unwrap().1 ^= true,
            3 => {
                let file = new[&path].clone();
                new.insert(format!("copied/{index}"), file);
            }
            _ => {
                let file = &mut new.get_mut(&path).unwrap().0;
                let at = index % (file.len() + 1);
                file.splice(at..at, bytes.iter().copied().take(20));
            }
        }
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_git_diffs_is_applied(
        old in files(),
        edits in prop::collection::vec((0usize..50, any::<u8>(), contents()), 0..6),
        context in 0usize..4,
        prefix in prop::sample::select(vec!["--src-prefix=a/", "--no-prefix", "--src-prefix=i/"]),
    ) {
        let new = changed(&old, &edits);
        // Without context a change at the top cannot be told from a whole file.
        let context = format!("-U{}", context.max(1));
        let Some(patch) = diff(&old, &new, &["--binary", "--full-index", &context, prefix]) else { return Ok(()) };
        if patch.is_empty() {
            prop_assert_eq!(&old, &new);
            return Ok(());
        }
        let found = patched(&patch, &old);
        prop_assert_eq!(found.as_ref(), Ok(&new), "{}", String::from_utf8_lossy(&patch));
        // As a text with CR LF it is the same patch, unless lines of files end with both.
        let cr_lf = String::from_utf8_lossy(&patch).replace('\n', "\r\n");
        if let Ok(found) = patched(cr_lf.as_bytes(), &old) {
            prop_assert_eq!(found.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>());
        }
    }

    #[test]
    fn odd_patches_end(lines in prop::collection::vec(prop::sample::select(vec![
        "diff --git a/x b/x", "diff --git x x", "diff --git a/x b/y", "--- a/x", "+++ b/x", "--- /dev/null", "+++ /dev/null",
        "@@ -1 +1 @@", "@@ -1,2 +0,0 @@", "@@ -0,0 +1 @@", "-a", "+b", " c", "", "\\ No newline at end of file",
        "new file mode 100644", "deleted file mode 100644", "rename from x", "rename to y", "copy from x", "copy to z",
        "old mode 100644", "new mode 100755", "index 1..2", "GIT binary patch", "literal 1", "IcmZPo000310RR91", "delta 4",
        "\"a/\\303\\251\"", "\r", "similarity index 100%",
    ]), 0..14), end in prop::sample::select(vec!["\n", "\r\n"])) {
        let old = Files::from([("x".to_owned(), (b"a\nc\n".to_vec(), false))]);
        let _ = patched(lines.join(end).as_bytes(), &old);
    }

    #[test]
    fn bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let start = b"diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\ndelta 9\n".to_vec();
        let _ = Patch::parse(&bytes);
        let _ = Patch::parse(&[start, bytes].concat());
    }
}

#[test]
fn binary_files_come_as_contents_and_as_deltas() {
    let noise = |seed: u32, length: usize| {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(next).collect::<Vec<u8>>()
    };
    let mut changed = noise(1, 70_000);
    changed[35_000] ^= 1;
    changed.extend_from_slice(b"more");
    let old = Files::from([
        ("delta".to_owned(), (noise(1, 70_000), false)),
        ("gone".to_owned(), (noise(2, 300), false)),
    ]);
    let new =
        Files::from([("delta".to_owned(), (changed, true)), ("new".to_owned(), (noise(3, 300), false))]);
    for index in ["--full-index", "--abbrev=9"] {
        let Some(patch) = diff(&old, &new, &["--binary", "--no-renames", index]) else { return };
        assert!(patch.windows(6).any(|part| part == b"delta "));
        assert_eq!(patched(&patch, &old).unwrap(), new);
        // For another file of the same length it is refused.
        let mut other = old.clone();
        other.get_mut("delta").unwrap().0[9] ^= 1;
        let error = patched(&patch, &other).unwrap_err();
        assert!(error.contains("`delta` is not what the binary patch is for"), "{error}");
    }
}
