//! Repositories that the machine's git makes, as they are and with something left in them.

use std::path::Path;
use std::process::Command;

use super::*;

/// A repository with one commit, of files of which some are alike, in folders.
fn repository(folder: &Path) {
    std::fs::create_dir_all(folder.join("src/deep")).unwrap();
    for number in 0..40 {
        let line = format!("line of a file\nline {number}\n").repeat(50);
        std::fs::write(folder.join(format!("src/deep/file-{number}.txt")), line).unwrap();
    }
    std::fs::write(folder.join("value"), "wrong\n").unwrap();
    run(folder, "git init -q -b main . && git add -A && git commit -qm first");
}

fn run(folder: &Path, script: &str) {
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(["HOME", "XDG_CONFIG_HOME"].map(|name| (name, folder.parent().unwrap().as_os_str())))
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@b"), ("GIT_EDITOR", "true")])
        .output()
        .expect("these tests need git");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// As the engine would send a folder: names sorted.
fn archive(folder: &Path) -> Vec<u8> {
    fn add(tar: &mut tar::Builder<Vec<u8>>, folder: &Path, name: &Path) {
        tar.append_dir(name, folder).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for below in names {
            let path = folder.join(&below);
            if path.symlink_metadata().unwrap().is_dir() {
                add(tar, &path, &name.join(below));
            } else {
                tar.append_path_with_name(&path, name.join(below)).unwrap();
            }
        }
    }
    let mut tar = tar::Builder::new(Vec::new());
    tar.follow_symlinks(false);
    add(&mut tar, folder, Path::new("git"));
    tar.into_inner().unwrap()
}

/// What is said of a repository after a script, and before and after it is packed.
fn said(script: &str) -> Vec<String> {
    let mut all = Vec::new();
    for packed in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("repository");
        std::fs::create_dir(&folder).unwrap();
        repository(&folder);
        run(&folder, script);
        if packed {
            // Without a word on what cannot be packed.
            run(&folder, "git repack -qad -f --depth=50 --window=50 && git pack-refs --all || true");
        }
        let result = examine(archive(&folder.join(".git")).as_slice());
        all.push(result.map_or_else(|problem| problem.to_string(), |()| "one commit".to_owned()));
    }
    all
}

#[test]
fn one_commit_is_one_commit_however_it_is_kept() {
    for script in [
        "true",
        "git gc -q --prune=now",
        "git gc -q && git commit-graph write && git multi-pack-index write",
        "git tag light && git tag -a -m 'a tag' heavy && git branch other",
        "git checkout -q --detach",
        "mkdir -p .git/lfs/objects/ab/cd .git/lfs/tmp && echo content > .git/lfs/objects/ab/cd/abcd",
        "git worktree add -q ../linked HEAD",
        "echo changed > value && echo new > untracked",
        "rm -rf .git/logs .git/hooks .git/description .git/COMMIT_EDITMSG",
        "git rm -q --cached value && git reset -q",
        "git clone -q . ../c && rm -rf .git && mv ../c/.git .git",
        "git clone -q --bare . ../c && rm -rf .git && mv ../c .git",
        "rm -rf .git && git init -q --object-format=sha256 . && git add -A && git commit -qm one && git repack -qad",
        "rm -rf .git && git init -q .",
        "rm -rf .git && mkdir .git",
    ] {
        assert_eq!(said(script), ["one commit", "one commit"], "{script}");
    }
}

#[test]
fn a_shallow_clone_holds_one_commit() {
    for said in said(
        "git commit -q --allow-empty -m second && git clone -q --depth=1 file://$PWD ../c && rm -rf .git && mv ../c/.git .git",
    ) {
        assert_eq!(said, "one commit");
    }
}

#[test]
fn everything_that_is_left_of_another_commit_is_found() {
    const FIX: &str = "echo right > value && git commit -qam 'Fix the value'";
    for (then, expected) in [
        ("true", "commit"),
        ("git reset -q --hard HEAD~1", ""),
        ("git gc -q && git reset -q --hard HEAD~1", ""),
        ("git reset -q --hard HEAD~1 && git reflog expire --expire=now --all", ""),
        ("git reset -q --hard HEAD~1 && rm -rf .git/logs .git/ORIG_HEAD .git/COMMIT_EDITMSG", ""),
        ("git branch fix && git reset -q --hard HEAD~1 && git gc -q --prune=now", "commit"),
        ("git update-ref refs/other HEAD && git reset -q --hard HEAD~1 && git gc -q", "commit"),
        ("git worktree add -q ../linked && git reset -q --hard HEAD~1 && git gc -q", "commit"),
        // The commit itself is gone, and not its name, its words or its contents.
        (
            "git reset -q --hard HEAD~1 && rm -f .git/COMMIT_EDITMSG && git reflog expire --expire=now --all && git gc -q --prune=now",
            "knows of",
        ),
        (
            "git reset -q --hard HEAD~1 && rm -rf .git/logs .git/ORIG_HEAD && git gc -q --prune=now",
            "the message of another commit",
        ),
    ] {
        for said in said(&format!("{FIX} && {then}")) {
            assert!(said != "one commit" && said.contains(expected), "{then}: {said}");
        }
    }
    for (script, expected) in [
        ("echo secret | git hash-object -w --stdin", "objects, of which its commit holds"),
        ("echo staged > value && git add value", "objects, of which its commit holds"),
        ("echo right > value && git stash -q", "commit"),
        ("git notes add -m 'the value has to be right'", "commit"),
        ("git init -q --bare ../o && echo $PWD/../o/objects > .git/objects/info/alternates", "alternate"),
        ("mkdir .git/rr-cache && echo right > .git/rr-cache/postimage", "rr-cache"),
        ("mkdir -p .git/rebase-apply && echo right > .git/rebase-apply/patch", "rebase-apply"),
        ("echo right > .git/SQUASH_MSG", "SQUASH_MSG"),
        ("touch .git/objects/pack/tmp_pack_1", "garbage"),
        ("echo nonsense > .git/HEAD", "it cannot be told"),
        ("ln -s ../value .git/link", "it cannot be told"),
        (
            "git gc -q && chmod u+w .git/objects/pack/*.pack && echo more >> .git/objects/pack/*.pack",
            "it cannot be told",
        ),
        ("git gc -q && rm -f .git/objects/pack/*.idx", "without an index"),
        ("echo $(git rev-parse HEAD | tr 0-9 1-90) > .git/refs/heads/gone", "a reference to"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("repository");
        std::fs::create_dir(&folder).unwrap();
        repository(&folder);
        run(&folder, script);
        let problem = examine(archive(&folder.join(".git")).as_slice()).expect_err(script).to_string();
        assert!(problem.contains(expected), "{script}: {problem}");
    }
}

/// A pack, and its index, of empty trees: each is named by its number, and made of the
/// one whose number is given, or of nothing.
fn pack_of(bases: &[Option<u32>]) -> (Vec<u8>, Vec<u8>) {
    let id = |number: u32| [&number.to_be_bytes()[..], &[1; 16]].concat();
    let count = u32::try_from(bases.len()).unwrap();
    let mut pack = [&b"PACK\0\0\0\x02"[..], &count.to_be_bytes()].concat();
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    index.extend([0; 255 * 4]);
    index.extend(count.to_be_bytes());
    let mut offsets = Vec::new();
    for (number, base) in (0..).zip(bases) {
        offsets.extend(u32::try_from(pack.len()).unwrap().to_be_bytes());
        match base {
            Some(base) => {
                pack.push(0x72);
                pack.extend(id(*base));
                pack.extend(miniz_oxide::deflate::compress_to_vec_zlib(&[0, 0], 1));
            }
            None => {
                pack.push(0x20);
                pack.extend(miniz_oxide::deflate::compress_to_vec_zlib(&[], 1));
            }
        }
        index.extend(id(number));
    }
    index.extend(vec![0; bases.len() * 4]);
    index.extend(offsets);
    index.extend([0; 40]);
    pack.extend([0; 20]);
    (pack, index)
}

/// What is said of a repository that has nothing but a pack.
fn said_of_pack(bases: &[Option<u32>]) -> String {
    let (pack, index) = pack_of(bases);
    let mut repository = Repository::default();
    repository.meet("objects/pack/pack-1.idx", index.as_slice()).unwrap();
    repository.meet("objects/pack/pack-1.pack", pack.as_slice()).unwrap();
    repository.judge().unwrap_err().to_string()
}

#[test]
fn a_chain_in_the_wrong_order_is_followed_once() {
    // Each is made of the next one: by going through all again and again, 200 million steps.
    let count = 20_000;
    let mut bases: Vec<Option<u32>> = (1..count).map(Some).collect();
    bases.push(None);
    let begun = std::time::Instant::now();
    assert_eq!(said_of_pack(&bases), "it has 20000 objects, of which its commit holds 0");
    println!("{:?}", begun.elapsed());
    for circle in [&[Some(0)][..], &[Some(1), Some(0), None], &[None, Some(0), Some(3), Some(2)]] {
        assert!(said_of_pack(circle).contains("in a circle"));
    }
}

#[test]
fn all_files_together_have_a_limit() {
    let names =
        format!("{} refs/heads/a\n{0} refs/heads/b\n{} refs/heads/c\n", "a".repeat(40), "b".repeat(40));
    let log = format!("{} {} a <a@b> 1 +0000\tcommit\n", "0".repeat(40), "c".repeat(40));
    let (pack, index) = pack_of(&[None]);
    for (path, bytes, met) in [
        ("packed-refs", names.as_bytes(), 2),
        ("refs/heads/a", &names.as_bytes()[..40], 1),
        ("logs/HEAD", log.as_bytes(), 1),
        ("objects/pack/pack-1.idx", &index, 2),
        ("objects/pack/pack-1.pack", &pack, 2),
    ] {
        let at = |met| Repository { met, ..Repository::default() };
        assert_eq!(at(MAX_MET - met).meet(path, bytes), Ok(()), "{path}");
        let problem = at(MAX_MET - met + 1).meet(path, bytes).unwrap_err();
        assert!(problem.to_string().contains("more than 6000000"), "{path}: {problem}");
    }
}

#[test]
fn what_is_damaged_never_panics() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("repository");
    std::fs::create_dir(&folder).unwrap();
    repository(&folder);
    run(&folder, "git gc -q");
    let whole = archive(&folder.join(".git"));
    // Headers of the archive are sums; what is in between is the repository.
    for at in (0..whole.len()).step_by(whole.len() / 400) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        let _ = examine(damaged.as_slice());
        let _ = examine(&whole[..at]);
    }
}
