//! A jailed process from its start to its end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lancet_jail::{Bounds, Crash, Death, Jail, Jailed, Output, Program, Sealed, StartError};

const WORKER: &str = env!("CARGO_BIN_EXE_evil-worker");
const WITHIN: Duration = Duration::from_secs(120);

fn program(scenario: &str) -> Program {
    Program::new(Path::new(WORKER), [scenario]).unwrap()
}

fn start(scenario: &str) -> Result<Jailed, StartError> {
    let code = Sealed::new(b"code").unwrap();
    program(scenario).start(&code, &Bounds::run(64 << 20, 60)).unwrap().ready(WITHIN)
}

fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The signal that a process is ended by.
fn signal(death: Death) -> Option<i32> {
    match death {
        Death::Crashed(Crash::Signal(signal)) => Some(signal),
        _ => None,
    }
}

#[test]
fn a_process_talks_over_its_line_and_ends_with_it() {
    let mut jailed = start("echo").unwrap();
    assert!(jailed.held.seccomp);
    assert_eq!(jailed.held.landlock_abi, Jail::probe().landlock.ok());
    jailed.line.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    jailed.line.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    drop(jailed.line);
    assert_eq!(jailed.process.wait().death, Death::Finished);
}

#[test]
fn what_goes_in_is_read_and_what_comes_out_is_kept() {
    let code = Sealed::new(b"compiled code").unwrap();
    for _ in 0..2 {
        let starting = program("read-code").start(&code, &Bounds::run(64 << 20, 60)).unwrap();
        let mut read = Vec::new();
        starting.ready(WITHIN).unwrap().line.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"compiled code");
    }
    let output = Output::new().unwrap();
    let starting =
        program("write-code").start_writing(&output, &Bounds::compile(1 << 30, 60, 1 << 20)).unwrap();
    assert_eq!(starting.ready(WITHIN).unwrap().process.wait().death, Death::Finished);
    assert_eq!(output.into_sealed().unwrap().read().unwrap(), b"code");

    // More than it may be.
    let output = Output::new().unwrap();
    let starting = program("write-code").start_writing(&output, &Bounds::compile(1 << 30, 60, 3)).unwrap();
    assert_ne!(starting.ready(WITHIN).unwrap().process.wait().death, Death::Finished);
    assert_eq!(output.into_sealed().unwrap().bytes(), 3);
}

#[test]
fn processes_with_the_same_code_leave_each_other_no_word() {
    let code = Sealed::new(b"compiled code").unwrap();
    let bounds = Bounds::run(64 << 20, 60);
    // One after another, and while others live.
    let mut living = Vec::new();
    for _ in 0..3 {
        let mut jailed = program("leave-word").start(&code, &bounds).unwrap().ready(WITHIN).unwrap();
        let mut said = String::new();
        jailed.line.read_to_string(&mut said).unwrap();
        assert_eq!(said, "Ok(0) Ok(7)");
        living.push(program("echo").start(&code, &bounds).unwrap().ready(WITHIN).unwrap());
    }
}

#[test]
fn a_violation_is_told_from_other_ends() {
    assert_eq!(start("open").unwrap().process.wait().death, Death::Violation);
    let ending = start("panic").unwrap().process.wait();
    assert_eq!(ending.death, Death::Crashed(Crash::Code(101)));
    assert!(ending.stderr.contains("as it was told to"), "{}", ending.stderr);
    assert_eq!(signal(start("abort").unwrap().process.wait().death), Some(libc::SIGABRT));
    assert_eq!(signal(start("eat").unwrap().process.wait().death), Some(libc::SIGABRT));
    assert_eq!(signal(start("spin").unwrap().process.wait().death), Some(libc::SIGXCPU));
    assert_eq!(start("echo").unwrap().process.end().death, Death::Stopped);
}

#[test]
fn a_flood_of_words_holds_up_nobody() {
    let ending = start("flood").unwrap().process.wait();
    assert_eq!(ending.death, Death::Crashed(Crash::Code(9)));
    assert!((3_000..=4_000).contains(&ending.stderr.chars().count()), "{}", ending.stderr.len());
    assert!(!ending.stderr.contains('\x1b'), "a terminal's commands");
}

#[test]
fn what_does_not_start_says_why() {
    assert!(matches!(start("fails-to-load"), Err(StartError::NotLoaded(why)) if why == "it does not load"));
    let Err(StartError::Died(ending)) = start("ends-early") else { panic!("it started") };
    assert_eq!((ending.death, ending.stderr.as_str()), (Death::Crashed(Crash::Code(7)), "this is the end"));
    let Err(StartError::NotHeld(why)) = start("second-thread") else { panic!("it started") };
    assert!(why.contains("2 threads"), "{why}");

    let code = Sealed::new(b"code").unwrap();
    let late = program("silent").start(&code, &Bounds::run(64 << 20, 60)).unwrap();
    let process = late.id();
    let error = late.ready(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, StartError::Late(_)), "{error}");
    assert!(!is_alive(process));

    // Other programs.
    let bounds = Bounds::run(64 << 20, 60);
    for other in ["/bin/true", "/bin/cat"] {
        let starting = Program::new(Path::new(other), ["-"]).unwrap().start(&code, &bounds).unwrap();
        let error = starting.ready(WITHIN).unwrap_err();
        assert!(matches!(error, StartError::Died(_) | StartError::Answer(_)), "{other}: {error}");
    }
    let text = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(text.path(), "no program").unwrap();
    let error = Program::new(text.path(), [""]).unwrap().start(&code, &bounds).unwrap_err();
    assert!(error.to_string().contains("execve"), "{error}");
    assert!(Program::new(Path::new("/nowhere"), [""]).is_err());
}

#[test]
fn the_program_started_without_a_parent_says_so() {
    let output = Command::new(WORKER).arg("echo").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no line to a parent"), "{output:?}");
}

#[test]
fn a_dropped_process_is_gone() {
    let jailed = start("echo").unwrap();
    let process = jailed.process.id();
    assert!(is_alive(process));
    drop(jailed);
    assert!(!is_alive(process));
}

#[test]
fn a_killed_parent_takes_its_process_along() {
    let mut parent = Command::new(WORKER).arg("parent").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let process: u32 = line.trim().parse().unwrap();
    // The thread that wanted it started is over.
    std::thread::sleep(Duration::from_millis(50));
    assert!(is_alive(process));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + WITHIN;
    while is_alive(process) {
        assert!(Instant::now() < deadline, "it outlives its parent");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn many_are_started_at_a_time() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(start("open").unwrap().process.wait().death, Death::Violation);
                }
            });
        }
    });
}
