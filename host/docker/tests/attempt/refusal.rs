use lancet_core::RefusalKind::{self, BadPath, NotARegularFile, ProtectedPath, TooLarge, TooManyFiles};

use crate::task::{TestTask, refused, sh, taken};

async fn refusal(task: &TestTask, command: &str) -> (RefusalKind, String) {
    let refused = refused(task.capture(command).await);
    (refused.kind, refused.message)
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused() {
    let task = TestTask::new().await;
    for (command, message) in [
        ("ln -s /etc/passwd link", "`link` is a symbolic link"),
        ("ln -sf /etc/passwd link.py", "`link.py` is a symbolic link"),
        ("rm -r old && ln -s /etc old", "`old` is a symbolic link"),
        ("mv old /tmp/old && ln -s /tmp/old old && echo x > old/new", "`old` is a symbolic link"),
        ("ln -s loop loop", "`loop` is a symbolic link"),
        ("ln -s a b; ln -s b a", "`a` is a symbolic link"),
        ("mkfifo pipe", "`pipe` is a device or a pipe"),
        ("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'", "`s` is a socket"),
        ("rm -rf /srv/repo; ln -s /tmp /srv/repo; echo x > /tmp/x", "the work tree `/srv/repo` is gone"),
        ("rm -rf /srv/repo", "the work tree `/srv/repo` is gone"),
    ] {
        let (kind, found) = refusal(&task, command).await;
        assert_eq!(kind, NotARegularFile, "{command}: {found}");
        assert!(found.starts_with(message), "{command}: {found}");
    }
    task.nothing_is_left().await;
}

#[tokio::test]
async fn protected_paths_and_bad_paths_are_refused() {
    let task = TestTask::new().await;
    for (command, kind, message) in [
        ("echo x >> settings.ini", ProtectedPath, "`settings.ini` is not to be changed"),
        ("rm settings.ini", ProtectedPath, "`settings.ini` is not to be changed"),
        ("rm settings.ini; mkdir settings.ini; echo > settings.ini/x", ProtectedPath, "`settings.ini`"),
        ("ln -sf x settings.ini", ProtectedPath, "`settings.ini` is not to be changed"),
        ("chmod +x settings.ini", ProtectedPath, "`settings.ini` is not to be changed"),
        ("mkdir a; echo > a/x.protected", ProtectedPath, "`a/x.protected` is not to be changed"),
        ("touch \"$(printf 'a\\nb')\"", BadPath, "`a\\nb` has control characters"),
        ("touch \"$(printf 'a\\033[31m')\"", BadPath, "`a\\u{1b}[31m` has control characters"),
        ("touch \"$(printf 'a\\377')\"", BadPath, "`a\u{fffd}` is not UTF-8"),
        ("touch \"$(printf 'a\\377')\" \"$(printf 'a\\376')\"", BadPath, "`a\u{fffd}` is there twice"),
    ] {
        let (found, text) = refusal(&task, command).await;
        assert_eq!(found, kind, "{command}: {text}");
        assert!(text.starts_with(message), "{command}: {text}");
    }
    // In what is dropped or left out nothing is refused.
    let changes =
        taken(task.capture("ln -s /etc vendor/x; touch \"$(printf '.git/\\377')\"; mkfifo .git/p").await);
    assert!(changes.is_empty());
    assert_eq!(changes.overlaid, ["vendor/x"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let mut task = TestTask::new().await;
    task.environment.resources.disk_bytes = 2 << 30;
    for (command, kind, message) in [
        ("for i in $(seq 41); do echo > $i; done", TooManyFiles, "41 files are changed"),
        ("for i in $(seq 41); do mkdir -p d/$i; echo > d/$i/f; done", TooManyFiles, "41 files are changed"),
        ("for i in $(seq 200); do echo > $i; done", TooManyFiles, "200 paths are changed"),
        ("head -c 1048577 /dev/zero > large", TooLarge, "`large` has 1048577 bytes"),
        (
            "for i in 1 2 3 4; do head -c 1000000 /dev/zero > $i; done",
            TooLarge,
            "the files have 4000000 bytes",
        ),
        ("for i in $(seq 9); do head -c 1000000 /dev/zero > $i; done", TooLarge, "the files have more than"),
        ("truncate -s 1073741824 huge", TooLarge, "`huge` has 1073741824 bytes"),
    ] {
        let (found, text) = refusal(&task, command).await;
        assert_eq!(found, kind, "{command}: {text}");
        assert!(text.starts_with(message), "{command}: {text}");
    }
    let agent = task.open().await;
    let many = "import os\nfor i in range(100):\n  os.mkdir(f'm{i}')\n  for j in range(1000): os.close(os.open(f'm{i}/{j}', os.O_CREAT))";
    sh(&agent, &format!("python3 -c \"{many}\"")).await;
    assert_eq!(refused(agent.finish().await.unwrap()).kind, TooManyFiles);
    // What was only touched is no part of it, however large.
    task.environment.submission.file_bytes = 2;
    let changes = taken(task.capture("touch data.bin logic.py; : > empty").await);
    assert_eq!(changes.files.len(), 1);
    task.nothing_is_left().await;
}
