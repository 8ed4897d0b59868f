//! Commands that are executed in running containers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{TestEngine, argv, output, run, run_with};
use crate::engine::container::State;
use crate::engine::exec::{ExecEnd, ExecSpec};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn statuses_streams_and_standard_input_are_kept_apart() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let script = "cat; echo to errors >&2; exit 7";
    let large = vec![b'x'; 3 << 20];
    let found = run_with(&container, &["sh", "-c", script], &large, MINUTE, 4 << 20).await;
    assert_eq!(found.end, ExecEnd::Exited(7));
    assert!(found.stdout.bytes == large && found.stdout.dropped == 0);
    assert_eq!(found.stderr.bytes, b"to errors\n");

    // Without input there is nothing to wait for, and unread input is no error.
    assert_eq!(run(&container, &["cat"]).await.end, ExecEnd::Exited(0));
    assert_eq!(run_with(&container, &["true"], &large, MINUTE, 100).await.end, ExecEnd::Exited(0));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn variables_and_folders_are_those_of_the_spec() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let argv = argv(&["sh", "-c", "echo $FOO $GREETING $(pwd)"]);
    let variables = BTreeMap::from([("FOO".to_owned(), "a b".to_owned())]);
    let spec = ExecSpec {
        argv: &argv,
        variables: &variables,
        working_directory: Some("/usr"),
        stdin: b"",
        time: MINUTE,
        output_bytes: 100,
    };
    let found = container.exec(&spec).await.unwrap();
    assert_eq!(String::from_utf8(found.stdout.bytes).unwrap(), "a b hello /usr\n");
    container.remove().await.unwrap();
}

#[tokio::test]
async fn endless_output_is_bounded_and_does_not_hold_up() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let script = "yes | head -c 20000000; yes | head -c 1000 >&2";
    let found = run_with(&container, &["sh", "-c", script], b"", MINUTE, 1_000).await;
    assert_eq!(found.end, ExecEnd::Exited(0));
    assert_eq!((found.stdout.bytes.len(), found.stdout.dropped), (1_000, 20_000_000 - 1_000));
    assert_eq!((found.stderr.bytes.len(), found.stderr.dropped), (1_000, 0));

    let found = run_with(&container, &["yes"], b"", Duration::from_secs(2), 1_000).await;
    assert_eq!(found.end, ExecEnd::TimedOut);
    assert_eq!(found.stdout.bytes.len(), 1_000);
    container.remove().await.unwrap();
}

#[tokio::test]
async fn at_the_deadline_a_command_and_its_children_are_killed() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let script = "trap '' TERM INT HUP; sleep 601 & sleep 602; sleep 603";
    let found = run_with(&container, &["sh", "-c", script], b"", Duration::from_secs(1), 100).await;
    assert_eq!(found.end, ExecEnd::TimedOut);
    let left = output(&container, &["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).await;
    assert!(!left.contains("sleep 601") && !left.contains("sleep 602"), "{left}");
    assert!(left.contains("sleep 600"), "{left}");
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_command_that_left_its_group_is_told_from_one_that_ended() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    // What it leaves in the background keeps its streams open, and is not waited for.
    let found = run(&container, &["sh", "-c", "setsid sleep 601 & echo done"]).await;
    assert_eq!(found.end, ExecEnd::Exited(0));
    assert_eq!(found.stdout.bytes, b"done\n");
    // It closes its streams and goes on: its end is waited for all the same.
    let found = run(&container, &["sh", "-c", "exec >&- 2>&-; sleep 1; exit 5"]).await;
    assert_eq!(found.end, ExecEnd::Exited(5));
    // Who kills `timeout` itself is only given up at the end.
    let script = "trap '' HUP TERM; kill -STOP $PPID; sleep 604";
    let found = run_with(&container, &["sh", "-c", script], b"", Duration::from_secs(1), 100).await;
    assert_eq!(found.end, ExecEnd::Stuck);
    container.kill().await.unwrap();
    assert!(matches!(container.state().await.unwrap(), State::Exited { .. }));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_executed_says_so() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    assert_eq!(run(&container, &["no-such-program"]).await.end, ExecEnd::Exited(127));
    assert_eq!(run(&container, &["/srv/app/greeting"]).await.end, ExecEnd::Exited(126));
    assert_eq!(run(&container, &["--help"]).await.end, ExecEnd::Exited(127));

    // A container that is killed in the middle of it.
    let (found, killed) = tokio::join!(run(&container, &["sleep", "20"]), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        container.kill().await
    });
    killed.unwrap();
    assert_eq!(found.end, ExecEnd::Exited(137));
    let argv = argv(&["true"]);
    let variables = BTreeMap::new();
    let spec = ExecSpec {
        argv: &argv,
        variables: &variables,
        working_directory: None,
        stdin: b"",
        time: MINUTE,
        output_bytes: 100,
    };
    assert_eq!(container.exec(&spec).await.unwrap_err().status(), Some(409));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_command_goes_through_while_this_process_is_stopped() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let command = run_with(
        &container,
        &["sh", "-c", "echo begun; sleep 0.5; echo done; exit 3"],
        b"",
        Duration::from_secs(1),
        100,
    );
    let (output, ()) = tokio::join!(command, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Longer than the command is waited for.
        std::thread::sleep(Duration::from_secs(7));
    });
    assert_eq!((output.end, output.stdout.bytes.as_slice()), (ExecEnd::Exited(3), &b"begun\ndone\n"[..]));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_kill_is_no_time_out_however_late_it_is_seen() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    for (script, end) in [("kill -KILL $$", ExecEnd::Exited(137)), ("sleep 100", ExecEnd::TimedOut)] {
        let argv = ["sh", "-c", script];
        let command = run_with(&container, &argv, b"", Duration::from_secs(2), 100);
        let (output, ()) = tokio::join!(command, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            // Longer than the command might take.
            std::thread::sleep(Duration::from_secs(4));
        });
        assert_eq!(output.end, end, "{script}");
    }
    container.remove().await.unwrap();
}
