use std::time::Duration;

use lancet_core::CallErrorKind;
use tokio::time::Instant;

use crate::task::{TestTask, sh, taken};

#[tokio::test]
async fn files_are_listed_read_searched_written_and_removed() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    let list = agent.list("").await.unwrap().unwrap();
    let paths: Vec<&str> = list.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "data.bin",
            "logic.py",
            "old/a.txt",
            "old/b.txt",
            "old/deep/c.txt",
            "run.sh",
            "settings.ini",
            "vendor/lib.txt"
        ]
    );
    assert_eq!(list[0].bytes, 3);
    let below = agent.list("old").await.unwrap().unwrap();
    assert_eq!(below.len(), 3);
    assert_eq!(below[2].path, "old/deep/c.txt");

    assert_eq!(agent.read("data.bin", 0, 100).await.unwrap().unwrap().0, [0, 1, 2]);
    assert_eq!(agent.read("data.bin", 1, 1).await.unwrap().unwrap().0, [1]);
    assert!(agent.read("data.bin", 9, 1).await.unwrap().unwrap().0.is_empty());

    agent.write("new/deep/-odd name", b"one\ntwo needle\n").await.unwrap().unwrap();
    agent.write("empty", b"").await.unwrap().unwrap();
    agent.write("run.sh", b"#!/bin/sh\necho needle\n").await.unwrap().unwrap();
    let large: Vec<u8> = (0..1 << 20).map(|index| (index % 251) as u8).collect();
    agent.write("large", &large).await.unwrap().unwrap();
    assert!(agent.read("large", 0, u32::MAX).await.unwrap().unwrap().0 == large);
    assert_eq!(sh(&agent, "stat -c '%a %U' run.sh; wc -c < empty").await, "755 UNKNOWN\n0\n");

    let hits = agent.search("need(le|s)", "").await.unwrap().unwrap();
    let found: Vec<(&str, u32, &str)> =
        hits.iter().map(|hit| (hit.path.as_str(), hit.line, hit.text.as_str())).collect();
    assert_eq!(found, [("new/deep/-odd name", 2, "two needle"), ("run.sh", 2, "echo needle")]);
    assert!(agent.search("needle", "old").await.unwrap().unwrap().is_empty());

    agent.remove("old/a.txt").await.unwrap().unwrap();
    let gone = agent.read("old/a.txt", 0, 1).await.unwrap().unwrap_err();
    assert_eq!(gone.kind, CallErrorKind::NotFound);
    agent.discard().await;
    task.nothing_is_left().await;
}

#[tokio::test]
async fn what_leaves_the_work_tree_is_refused() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    sh(&agent, "ln -s /etc etc; ln -s /etc/passwd passwd; mkfifo pipe; ln -s ../harness up").await;
    for path in ["/etc/passwd", "../harness/serve.py", "old/../run.sh", "./run.sh", "old//a.txt", "a\0b", "."]
    {
        let error = agent.read(path, 0, 10).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Refused, "{path:?}");
    }
    for path in ["etc/passwd", "passwd", "pipe", "up/serve.py", "old"] {
        let error = agent.read(path, 0, 10).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Refused, "{path}: {}", error.message);
        let error = agent.write(path, b"x").await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Refused, "{path}: {}", error.message);
        let error = agent.remove(path).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Refused, "{path}: {}", error.message);
    }
    for path in ["etc", "up", "run.sh", "passwd"] {
        let error = agent.list(path).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Refused, "{path}: {}", error.message);
        let error = agent.search("root", path).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Refused, "{path}: {}", error.message);
    }
    let error = agent.write("up/new/file", b"x").await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Refused);
    for path in ["nothing", "old/nothing", "nothing/at/all"] {
        assert_eq!(agent.read(path, 0, 1).await.unwrap().unwrap_err().kind, CallErrorKind::NotFound);
        assert_eq!(agent.remove(path).await.unwrap().unwrap_err().kind, CallErrorKind::NotFound);
        assert_eq!(agent.list(path).await.unwrap().unwrap_err().kind, CallErrorKind::NotFound);
    }
    let error = agent.search("need(le", "").await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Other);
    assert!(error.message.contains("nmatched"), "{}", error.message);
    let error = agent.write("large", &vec![0; (1 << 20) + 1]).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::TooLarge);
    agent.discard().await;
}

#[tokio::test]
async fn patches_are_applied_whole_or_not_at_all() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    let patch = "diff --git a/logic.py b/logic.py\n--- a/logic.py\n+++ b/logic.py\n@@ -1,2 +1,2 @@\n \
                 def answer(line):\n-    return \"wrong\"\n+    return \"right\"\n\
                 diff --git a/new/file b/new/file\nnew file mode 100755\n--- /dev/null\n+++ b/new/file\n@@ -0,0 +1 @@\n+x\n\
                 diff --git a/old/a.txt b/old/a.txt\ndeleted file mode 100644\n--- a/old/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n";
    agent.apply_patch(patch).await.unwrap().unwrap();
    assert!(
        sh(&agent, "cat logic.py new/file; stat -c %a new/file; ls old")
            .await
            .ends_with("\"right\"\nx\n755\nb.txt\ndeep\n")
    );

    // The second file's hunk does not apply, so the first file's does not either.
    let torn = "--- a/run.sh\n+++ b/run.sh\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-echo run\n+echo ran\n\
                --- a/old/b.txt\n+++ b/old/b.txt\n@@ -1 +1 @@\n-nothing like it\n+b\n";
    let error = agent.apply_patch(torn).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Other);
    assert!(error.message.contains("old/b.txt"), "{}", error.message);
    assert_eq!(
        sh(&agent, "cat run.sh; git status --short --untracked-files=all | grep -c -E 'rej|orig' || :").await,
        "#!/bin/sh\necho run\n0\n"
    );

    // Its context is not exact.
    let fuzzy = "--- a/run.sh\n+++ b/run.sh\n@@ -1,3 +1,3 @@\n #!/bin/bash\n-echo run\n+echo ran\n \n";
    agent.apply_patch(fuzzy).await.unwrap().unwrap();
    assert_eq!(
        sh(&agent, "cat run.sh; ls").await,
        "#!/bin/sh\necho ran\ndata.bin\nlink.py\nlogic.py\nnew\nold\nrun.sh\nsettings.ini\nvendor\n"
    );

    // One file cannot be written, so the others are not, and what was made is gone.
    sh(
        &agent,
        "mkdir -p fixed/sub && echo 1 > fixed/sub/file && chmod 555 fixed/sub && chmod 444 fixed/sub/file",
    )
    .await;
    let locked = "--- a/run.sh\n+++ b/run.sh\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-echo ran\n+echo run\n\
                  --- /dev/null\n+++ b/made/here\n@@ -0,0 +1 @@\n+x\n\
                  --- a/fixed/sub/file\n+++ b/fixed/sub/file\n@@ -1 +1 @@\n-1\n+2\n";
    let error = agent.apply_patch(locked).await.unwrap().unwrap_err();
    assert!(error.message.contains("`fixed/sub/file` cannot be written"), "{}", error.message);
    let made = "cat run.sh; test ! -e made; ls -A /tmp | grep -c tmp || :; chmod 755 fixed/sub; rm -r fixed";
    assert_eq!(sh(&agent, made).await, "#!/bin/sh\necho ran\n0\n");
    // Nor is anything written through a link.
    let through = "--- a/linked/file\n+++ b/linked/file\n@@ -1 +1 @@\n-1\n+2\n";
    sh(&agent, "ln -s /tmp linked; echo 1 > /tmp/file").await;
    let error = agent.apply_patch(through).await.unwrap().unwrap_err();
    assert!(error.message.contains("leads through the symbolic link `linked`"), "{}", error.message);
    assert_eq!(sh(&agent, "cat /tmp/file; rm linked").await, "1\n");

    for outside in [
        "--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n",
        "diff --git a/.git/hooks/x b/.git/hooks/x\nnew file mode 100755\n--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+x\n",
        "no patch at all",
        "",
    ] {
        let error = agent.apply_patch(outside).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Other, "{outside}");
    }
    agent.discard().await;
}

#[tokio::test]
async fn commands_run_in_the_work_tree_and_are_bounded() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    let output = agent.run("pwd; echo $COLOUR; id -g; echo no >&2; exit 3", 10).await.unwrap().unwrap();
    assert_eq!(output.exit_status, Some(3));
    assert_eq!(output.stdout.0, b"/srv/repo\ngreen\n10001\n");
    assert_eq!(output.stderr.0, b"no\n");
    let output = agent.run("echo begun; sleep 100", 1).await.unwrap().unwrap();
    assert_eq!(output.exit_status, None);
    assert_eq!(output.stdout.0, b"begun\n");
    let output = agent.run("head -c 1000000 /dev/zero", 10).await.unwrap().unwrap();
    assert_eq!((output.stdout.0.len(), output.dropped_bytes), (256 << 10, 1_000_000 - (256 << 10)));
    let error = agent.run(&"x".repeat(100_000), 1).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::TooLarge);
    // What was killed alone is told as that.
    let output = agent.run("kill -9 $$", 10).await.unwrap().unwrap();
    assert_eq!(output.exit_status, Some(137));
    // A fork bomb ends at the limit of processes, and the box lives on.
    let bomb = agent.run("bomb() { bomb | bomb & }; bomb", 2).await.unwrap();
    assert!(bomb.is_ok());
    agent.discard().await;
    task.nothing_is_left().await;
}

#[tokio::test]
async fn a_box_without_room_for_another_process_can_still_be_taken_from() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    let crowd = "echo 1 > one
        cat > /tmp/crowd.py <<'END'
import os, time
while True:
    try:
        if os.fork() == 0: time.sleep(1000)
    except OSError: pass
END
        setsid python3 /tmp/crowd.py >/dev/null 2>&1 &
        sleep 2";
    agent.run(crowd, 20).await.unwrap().unwrap();
    for _ in 0..3 {
        // Whether one more finds room is chance; that it does not is no fault.
        if let Err(error) = agent.run("true", 5).await.unwrap() {
            assert_eq!(error.kind, CallErrorKind::Other, "{}", error.message);
        }
    }
    assert_eq!(taken(agent.finish().await.unwrap()).files[0].path, "one");
    task.nothing_is_left().await;
}

#[tokio::test]
async fn when_the_time_is_over_calls_are_unavailable_and_changes_are_still_taken() {
    let mut task = TestTask::new().await;
    task.environment.solve_seconds = 3;
    let agent = task.open().await;
    sh(&agent, "echo kept > kept").await;
    let error = agent.run("sleep 100", 100).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    let error = agent.read("kept", 0, 10).await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (CallErrorKind::Unavailable, "the time for the task is over")
    );
    // Nor is the user there any more.
    let plan = task.single(None, "").await;
    let error = agent.try_plan(&plan, &task.blobs).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    let changes = taken(agent.finish().await.unwrap());
    assert_eq!(changes.files[0].path, "kept");
    task.nothing_is_left().await;
}

#[tokio::test]
async fn what_the_agent_does_not_cause_takes_none_of_its_time() {
    let mut task = TestTask::new().await;
    task.environment.solve_seconds = 3;
    let agent = task.open().await;
    // It thinks, or waits for a processor.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(sh(&agent, "echo here").await, "here\n");
    // All of this process stands still in the middle of a command, as a stopped one does.
    let command = async {
        let began = "echo begun; sleep 1; echo done";
        sh(&agent, began).await
    };
    let (output, ()) = tokio::join!(command, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        std::thread::sleep(Duration::from_secs(4));
    });
    assert_eq!(output, "begun\ndone\n");
    // What sleeps in the container uses it up.
    let began = Instant::now();
    let error = agent.run("sleep 100", 100).await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (CallErrorKind::Unavailable, "the time for the task is over")
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    agent.discard().await;
    task.nothing_is_left().await;
}

#[tokio::test]
async fn a_plan_is_tried_on_what_is_there_and_work_goes_on() {
    let mut task = TestTask::new().await;
    let script = "import sys\nsys.path.insert(0, '/srv/repo')\nfrom junit import *\nfrom logic import answer\n\
                  finish({'right': answer('6*7') == 42, 'must_fail': False}, '/tmp/junit.xml')\n";
    let plan = task.single(None, script).await;
    task.environment.plans = vec![plan.clone()];
    task.environment.user_tool = Some(plan.name.clone());
    let agent = task.open().await;
    let outcome = agent.try_plan(&plan, &task.blobs).await.unwrap().unwrap();
    assert_eq!(crate::task::conclusion(&outcome), "fail tests-failed");
    sh(&agent, "printf 'def answer(line):\\n    return eval(line)\\n' > logic.py").await;
    let outcome = agent.try_plan(&plan, &task.blobs).await.unwrap().unwrap();
    assert_eq!(crate::task::conclusion(&outcome), "pass tests-passed");
    sh(&agent, "ln -s /etc/passwd link").await;
    let error = agent.try_plan(&plan, &task.blobs).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Refused);
    assert_eq!(sh(&agent, "cat /srv/repo/logic.py | head -1").await, "def answer(line):\n");
    agent.discard().await;
    task.nothing_is_left().await;
}

#[tokio::test]
async fn what_ends_with_its_box_has_no_status_of_its_own() {
    let task = TestTask::new().await;
    let agent = task.open().await;
    // The first process of the container, to which it may send what can be caught.
    let error = agent.run("echo 1 > one; kill -TERM 1; sleep 60", 30).await.unwrap().unwrap_err();
    assert_eq!((error.kind, &*error.message), (CallErrorKind::Unavailable, "the container has ended"));
    assert_eq!(taken(agent.finish().await.unwrap()).files[0].path, "one");
    task.nothing_is_left().await;
}

#[tokio::test]
async fn a_box_that_writes_too_much_is_ended() {
    let mut task = TestTask::new().await;
    task.environment.resources.disk_bytes = 64 << 20;
    let agent = task.open().await;
    let flood = "for i in 1 2 3 4; do head -c 40000000 /dev/zero > /tmp/$i; done; sleep 60";
    let error = agent.run(flood, 60).await.unwrap().unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    assert!(error.message.contains("67108864 bytes"), "{}", error.message);
    assert!(taken(agent.finish().await.unwrap()).is_empty());
    task.nothing_is_left().await;
}
