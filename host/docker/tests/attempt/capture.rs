use lancet_core::{Capture, ChangeSet, FileChange, Sha256};
use lancet_docker::{Captured, Docker};

use crate::task::{TestTask, sh, taken};

/// `path +` for files written, `path *` for executable ones, `path -` for deleted.
fn short(changes: &ChangeSet) -> Vec<String> {
    let mark = |change: &FileChange| match change {
        FileChange::Written { executable: true, .. } => '*',
        FileChange::Written { .. } => '+',
        FileChange::Deleted => '-',
    };
    changes.files.iter().map(|file| format!("{} {}", file.path, mark(&file.change))).collect()
}

fn blob(captured: &Captured, digest: Sha256) -> &[u8] {
    captured.blobs.iter().find(|blob| Sha256::of(blob) == digest).unwrap()
}

fn content<'a>(captured: &'a Captured, path: &str) -> &'a [u8] {
    let Capture::Taken(changes) = &captured.capture else { panic!("{:?}", captured.capture) };
    match changes.file(path).unwrap().change {
        FileChange::Written { sha256, .. } => blob(captured, sha256),
        FileChange::Deleted => panic!("{path} is deleted"),
    }
}

#[tokio::test]
async fn every_kind_of_change_is_taken() {
    let task = TestTask::new().await;
    let captured = task
        .capture(
            "echo more >> logic.py
             chmod +x old/b.txt
             rm old/a.txt
             printf '\\0\\377' > data.bin
             mkdir -p new/deep/er && echo x > new/deep/er/file && echo y > 'new/ü nicode' && mkdir empty
             printf '#!/bin/sh\\n' > new/tool && chmod 755 new/tool
             git add -A && git -c user.name=x -c user.email=x@x commit -qm committed
             touch settings.ini && chmod 600 settings.ini
             touch -d 1900-01-01 new/tool && touch -d 2500-01-01 data.bin
             cp run.sh run.tmp && mv run.tmp run.sh
             echo junk > /tmp/outside && echo junk > .git/junk && mkdir sub && git init -q sub && echo z > sub/z
             echo mine > vendor/lib.txt && echo more > vendor/more.txt",
        )
        .await;
    let Capture::Taken(changes) = &captured.capture else { panic!("{:?}", captured.capture) };
    assert_eq!(
        short(changes),
        [
            "data.bin +",
            "logic.py +",
            "new/deep/er/file +",
            "new/tool *",
            "new/ü nicode +",
            "old/a.txt -",
            "old/b.txt *",
            "sub/z +"
        ]
    );
    assert_eq!(changes.overlaid, ["vendor/lib.txt", "vendor/more.txt"]);
    assert_eq!(changes.base, task.environment.image.reference);
    assert_eq!(content(&captured, "logic.py"), b"def answer(line):\n    return \"wrong\"\nmore\n");
    assert_eq!(content(&captured, "data.bin"), b"\0\xff");
    let diff = String::from_utf8(blob(&captured, changes.diff).to_vec()).unwrap();
    assert_eq!(
        diff,
        "diff --git a/data.bin b/data.bin\nBinary files a/data.bin and b/data.bin differ\n\
         diff --git a/logic.py b/logic.py\n--- a/logic.py\n+++ b/logic.py\n@@ -1,2 +1,3 @@\n def answer(line):\n     return \"wrong\"\n+more\n\
         diff --git a/new/deep/er/file b/new/deep/er/file\nnew file mode 100644\n--- /dev/null\n+++ b/new/deep/er/file\n@@ -0,0 +1 @@\n+x\n\
         diff --git a/new/tool b/new/tool\nnew file mode 100755\n--- /dev/null\n+++ b/new/tool\n@@ -0,0 +1 @@\n+#!/bin/sh\n\
         diff --git a/new/ü nicode b/new/ü nicode\nnew file mode 100644\n--- /dev/null\n+++ b/new/ü nicode\t\n@@ -0,0 +1 @@\n+y\n\
         diff --git a/old/a.txt b/old/a.txt\ndeleted file mode 100644\n--- a/old/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n\
         diff --git a/old/b.txt b/old/b.txt\nold mode 100644\nnew mode 100755\n\
         diff --git a/sub/z b/sub/z\nnew file mode 100644\n--- /dev/null\n+++ b/sub/z\n@@ -0,0 +1 @@\n+z\n"
    );
    task.nothing_is_left().await;
}

#[tokio::test]
async fn a_box_in_which_nothing_was_changed_gives_the_manifest_of_no_box() {
    let task = TestTask::new().await;
    let unchanged = Docker::unchanged(&task.environment);
    assert_eq!(task.capture("true").await, unchanged);
    let touched = task.capture("touch run.sh old link.py -h; echo x > x; rm x; git gc -q; cat logic.py > /tmp/l; cat /tmp/l > logic.py").await;
    assert_eq!(touched, unchanged);
    assert!(taken(unchanged).is_empty());
}

#[tokio::test]
async fn files_and_folders_take_each_others_place() {
    let task = TestTask::new().await;
    let changes = taken(
        task.capture(
            "rm -r old && mkdir old && echo new > old/new && mkdir old/deep && echo c > old/deep/c.txt
                 rm run.sh && mkdir run.sh && echo in > run.sh/in
                 rm -r link.py && echo file > link.py",
        )
        .await,
    );
    assert_eq!(
        short(&changes),
        ["link.py +", "old/a.txt -", "old/b.txt -", "old/new +", "run.sh -", "run.sh/in +"]
    );
    let changes =
        taken(task.capture("rm -r old && echo file > old; rm link.py; rm -r vendor; echo v > vendor").await);
    assert_eq!(short(&changes), ["link.py -", "old +", "old/a.txt -", "old/b.txt -", "old/deep/c.txt -"]);
    assert_eq!(changes.overlaid, ["vendor", "vendor/lib.txt"]);
    let changes = taken(task.capture("rm -r vendor old").await);
    assert_eq!(short(&changes), ["old/a.txt -", "old/b.txt -", "old/deep/c.txt -"]);
    assert_eq!(changes.overlaid, ["vendor"]);
    // The whole tree made anew.
    let changes = taken(
        task.capture("cp settings.ini /tmp; cd /srv; rm -r repo; mkdir repo; cp /tmp/settings.ini repo")
            .await,
    );
    assert_eq!(
        short(&changes),
        [
            "data.bin -",
            "link.py -",
            "logic.py -",
            "old/a.txt -",
            "old/b.txt -",
            "old/deep/c.txt -",
            "run.sh -"
        ]
    );
}

#[tokio::test]
async fn a_snapshot_is_what_is_there_now_and_work_goes_on() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    sh(
        &agent,
        // Never gone for a moment, as what is moved there from another file system is.
        "(while :; do date +%s%N >> clock; done) >/dev/null 2>&1 & echo 1 > one; \
         until [ -s clock ]; do sleep 0.1; done",
    )
    .await;
    let first = agent.snapshot().await.unwrap();
    assert_eq!(short(&taken(first.clone())), ["clock +", "one +"]);
    sh(
        &agent,
        "echo 2 > two; rm one; a=$(cat clock); until [ \"$(cat clock)\" != \"$a\" ]; do sleep 0.1; done",
    )
    .await;
    let second = agent.finish().await.unwrap();
    assert_eq!(short(&taken(second.clone())), ["clock +", "two +"]);
    assert_ne!(content(&first, "clock"), content(&second, "clock"));
    task.nothing_is_left().await;
}

#[tokio::test]
async fn few_changes_in_a_large_tree_and_many_in_one_folder_are_found() {
    let mut task = TestTask::of("large").await;
    task.environment.submission.files = 1_700;
    let captured =
        task.capture("for i in 1 2 3 4 5 6 7 8; do echo changed > large/$i/77; done; rm large/8/78").await;
    let changes = taken(captured.clone());
    assert_eq!(changes.files.len(), 9);
    for i in 1..=8 {
        assert_eq!(content(&captured, &format!("large/{i}/77")), b"changed\n");
    }
    let captured = task
        .capture("for i in $(seq 600); do echo $i > large/1/$i; done; mkdir many; for i in $(seq 500); do echo $i > many/$i; done; rm -r large/2")
        .await;
    let changes = taken(captured.clone());
    assert_eq!(changes.files.len(), 1_700);
    assert_eq!(content(&captured, "many/499"), b"499\n");
    assert_eq!(changes.files.iter().filter(|file| file.change == FileChange::Deleted).count(), 600);
}

#[tokio::test]
async fn the_diff_of_a_submission_makes_the_same_submission() {
    let task = TestTask::new().await;
    let captured = task
        .capture("printf 'a\\r\\nno end' > logic.py; chmod +x logic.py; rm old/b.txt; mkdir 'n w'; echo '\"q\" \\b' > 'n w/\"q\"'; : > empty")
        .await;
    let changes = taken(captured.clone());
    let agent = task.open().await;
    let diff = String::from_utf8(blob(&captured, changes.diff).to_vec()).unwrap();
    agent.apply_patch(&diff).await.unwrap().unwrap();
    assert_eq!(taken(agent.finish().await.unwrap()), changes);
}

#[tokio::test]
async fn hard_links_are_files_each() {
    let task = TestTask::new().await;
    let few = task.capture("echo 1 > a; ln a b").await;
    assert_eq!((content(&few, "a"), content(&few, "b")), (&b"1\n"[..], &b"1\n"[..]));
    // More of them are fetched by the folder, in which the engine packs one as a link.
    let many = task
        .capture(
            "mkdir d; for i in 1 2 3 4 5 6; do echo $i > d/$i; done; ln d/1 d/7; ln d/1 d/8; ln data.bin d/9",
        )
        .await;
    for (path, expected) in [("d/1", &b"1\n"[..]), ("d/7", b"1\n"), ("d/8", b"1\n"), ("d/9", b"\0\x01\x02")] {
        assert_eq!(content(&many, path), expected, "{path}");
    }
    let Capture::Taken(changes) = &many.capture else { panic!("{:?}", many.capture) };
    assert_eq!(changes.files.len(), 9);
}
