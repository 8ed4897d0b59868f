//! What becomes of programs when the process that started them ends.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lancet_child::Group;

#[test]
fn at_the_end_none_is_left_and_none_is_started() {
    let sleeping = |script: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
        Group::start(&mut command)
    };
    let mut over = sleeping("echo over").unwrap();
    over.end().unwrap();
    let mut groups =
        ["trap '' TERM; sleep 600 & echo $!; wait", "sleep 600 & echo $!; exec sleep 600"].map(|script| {
            let mut group = sleeping(script).unwrap();
            let mut line = String::new();
            BufReader::new(group.stdout().unwrap()).read_line(&mut line).unwrap();
            (group, line.trim().to_owned())
        });
    lancet_child::end_all();
    let is_alive = |process: &str| {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
        state.is_ok_and(|state| !state.contains(") Z"))
    };
    let began = Instant::now();
    for (group, process) in &mut groups {
        while !group.has_ended().unwrap() || is_alive(process) {
            assert!(began.elapsed() < Duration::from_secs(60), "{process} is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!group.end().unwrap().success());
    }
    assert_eq!(sleeping("true").unwrap_err().kind(), ErrorKind::Interrupted);
}
