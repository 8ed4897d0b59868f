//! A jailed process from its start to its end.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use lancet_jail::{Bounds, Crash, Death, Program, Sealed, StartError};

fn program(scenario: &str) -> Program {
    Program::new(Path::new(env!("CARGO_BIN_EXE_evil-worker")), [scenario]).unwrap()
}

fn start(scenario: &str) -> Result<lancet_jail::Jailed, StartError> {
    let code = Sealed::new(b"code").unwrap();
    program(scenario).start(&code, &Bounds::run(64 << 20, 60)).unwrap().ready(Duration::from_secs(60))
}

#[test]
fn a_process_talks_over_its_line_and_ends_with_it() {
    let mut jailed = start("echo").unwrap();
    assert!(jailed.held.seccomp);
    jailed.line.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    jailed.line.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    drop(jailed.line);
    assert_eq!(jailed.process.wait().death, Death::Finished);
}

#[test]
fn a_violation_is_told_from_other_ends() {
    assert_eq!(start("open").unwrap().process.wait().death, Death::Violation);
    let ending = start("panic").unwrap().process.wait();
    assert_eq!(ending.death, Death::Crashed(Crash::Code(101)));
    assert!(ending.stderr.contains("as it was told to"), "{}", ending.stderr);
    assert_eq!(start("echo").unwrap().process.end().death, Death::Stopped);
    assert!(matches!(start("fails-to-load"), Err(StartError::NotLoaded(why)) if why == "it does not load"));
}
