//! A program that is started in a jail in place of what runs guests, and does its worst; and
//! the host that starts it, for tests that need one as another user or one to be killed.

mod attempt;
mod call;
mod host;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use lancet_jail::Locked;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // As it is called to compile.
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).filter(|a| *a != "--jailed").collect();
    match arguments[..] {
        ["attempts", folder, walls] => host::attempts(folder, walls),
        ["parent"] => host::parent(),
        ["replaced"] => host::replaced(),
        ["under", missing] => host::under(missing),
        _ => jailed(&arguments),
    }
}

/// What is done in a jail.
fn jailed(arguments: &[&str]) -> ExitCode {
    if arguments.contains(&"silent") {
        // For as long as there is a parent, with which the line ends.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    }
    // Less processor time than the bounds say, so that a test does not have to wait for it.
    if arguments.contains(&"spin") {
        let second = rustix::process::Rlimit { current: Some(1), maximum: Some(2) };
        let _ = rustix::process::setrlimit(rustix::process::Resource::Cpu, second);
    }
    if arguments.contains(&"second-thread") {
        std::thread::spawn(std::thread::park);
    }
    let loading = match lancet_jail::enter() {
        Ok(loading) => loading,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(3);
        }
    };
    if arguments.contains(&"fails-to-load") {
        loading.fail("it does not load");
        return ExitCode::from(1);
    }
    if arguments.contains(&"ends-early") {
        eprintln!("this is the end");
        return ExitCode::from(7);
    }
    if let ["attempt-while-loading", name, folder, parent, sibling, port] = *arguments {
        // The parent reads from its pipe, as the line is not the worker's yet.
        let said = attempted(name, folder, parent, sibling, port);
        eprint!("{said}");
        return ExitCode::from(8);
    }
    if let ["attempt-forging", name, folder, parent, sibling, port] = *arguments {
        return forged(|| attempted(name, folder, parent, sibling, port));
    }
    match loading.lock() {
        Ok(locked) => locked_in(arguments, locked),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

/// Takes over the process before its inner wall is closed: puts a filter of its own in its place,
/// which holds nothing back, and says what a sound process says.
fn forged(attempt: impl FnOnce() -> String) -> ExitCode {
    let filter = std::env::consts::ARCH.try_into().and_then(|architecture| {
        let rules = std::iter::once((libc::SYS_reboot, Vec::new())).collect();
        let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(1));
        SeccompFilter::new(rules, allow, refuse, architecture)?.try_into()
    });
    let Ok::<BpfProgram, _>(filter) = filter else { return ExitCode::from(2) };
    if seccompiler::apply_filter_all_threads(&filter).is_err() {
        return ExitCode::from(2);
    }
    let say = |bytes: &[u8]| call::call(libc::SYS_write, [0, bytes.as_ptr() as usize, bytes.len()]);
    let mut seen = [0_u8; 64];
    let heard = say(b"\x08\0\0\0\"Locked\"")
        .and_then(|_| call::call(libc::SYS_read, [0, seen.as_mut_ptr() as usize, seen.len()]));
    let said = heard.and_then(|_| say(attempt().as_bytes()));
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// What came of an attempt.
fn attempted(name: &str, folder: &str, parent: &str, sibling: &str, port: &str) -> String {
    let number = |text: &str| text.parse().unwrap_or(0);
    let target = attempt::Target {
        folder: folder.to_owned(),
        parent: number(parent),
        sibling: number(sibling),
        port: port.parse().unwrap_or(0),
    };
    match attempt::ATTEMPTS.iter().find(|(known, _)| *known == name) {
        None => "nobody knows this attempt".to_owned(),
        Some((_, attempt)) => match attempt(&target) {
            Ok(_) => "REACHED".to_owned(),
            Err(error) => format!("refused: {error}"),
        },
    }
}

/// What a component is, as whoever reads one says it: an agent that exports nothing else.
const KNOWN: &[u8] =
    br#"{"Ok":{"role":"agent","contract":"0.1.0","imports":[],"exports":[],"configurable":false,"manifest":null,"functions":[]}}"#;

fn locked_in(arguments: &[&str], mut locked: Locked) -> ExitCode {
    // One that does its worst as a compiler reads the component as it should.
    if let ["compiling", how @ ..] = arguments {
        let mut chore = [0];
        if locked.line.read_exact(&mut chore).is_err() {
            return ExitCode::from(4);
        }
        let mut out = std::io::stdout();
        if chore == [1] {
            return ExitCode::from(u8::from(out.write_all(KNOWN).and_then(|()| out.flush()).is_err()));
        }
        return locked_in(how, locked);
    }
    match *arguments {
        ["attempt", name, folder, parent, sibling, port] => {
            let said = attempted(name, folder, parent, sibling, port);
            let _ = locked.line.write_all(said.as_bytes());
            ExitCode::SUCCESS
        }
        ["echo"] => {
            let mut bytes = [0; 64];
            while let Ok(read @ 1..) = locked.line.read(&mut bytes) {
                if locked.line.write_all(&bytes[..read]).is_err() {
                    return ExitCode::from(4);
                }
            }
            ExitCode::SUCCESS
        }
        ["read-code"] => {
            let mut code = [0; 64];
            let read = call::call(libc::SYS_pread64, [1, code.as_mut_ptr() as usize, code.len(), 0]);
            let _ = locked.line.write_all(&code[..read.unwrap_or(0)]);
            ExitCode::SUCCESS
        }
        ["leave-word"] => {
            // The place to read from as it was found, and as it is left.
            let place = |by, from: i32| call::call(libc::SYS_lseek, [1, by, from.unsigned_abs() as usize]);
            let found = place(0, libc::SEEK_CUR);
            let left = place(7, libc::SEEK_SET).and_then(|_| place(0, libc::SEEK_CUR));
            let _ = locked.line.write_all(format!("{found:?} {left:?}").as_bytes());
            ExitCode::SUCCESS
        }
        ["write-code"] => {
            let mut file = std::io::stdout();
            let written = file.write_all(b"code").and_then(|()| file.flush());
            ExitCode::from(u8::from(written.is_err()))
        }
        ["much-code"] => {
            let mut file = std::io::stdout();
            let piece = vec![0; 1 << 20];
            while file.write_all(&piece).and_then(|()| file.flush()).is_ok() {}
            ExitCode::from(9)
        }
        ["flood"] => {
            // Twice as much as any pipe holds, and its last words are lost.
            let mut stderr = std::io::stderr();
            for _ in 0..4_096 {
                let _ = stderr.write(b"\x1b[31mflood flood flood flood flood flood flood flood flood\n");
            }
            ExitCode::from(9)
        }
        ["open"] => {
            let _ = std::fs::File::open("/etc/passwd");
            ExitCode::SUCCESS
        }
        ["sleep"] => loop {
            std::thread::park();
        },
        ["socket"] => {
            let _ = std::net::UdpSocket::bind("127.0.0.1:0");
            ExitCode::SUCCESS
        }
        ["abort"] => std::process::abort(),
        ["panic"] => panic!("as it was told to"),
        ["eat"] => {
            let mut eaten: Vec<Vec<u8>> = Vec::new();
            loop {
                eaten.push(vec![1; 1 << 20]);
            }
        }
        ["nonsense"] => {
            let mut out = std::io::stdout();
            let said = out.write_all(b"{\"Ok\":{\"role\":\"king\"}}").and_then(|()| out.flush());
            ExitCode::from(u8::from(said.is_err()))
        }
        // More than there may be, whichever it is.
        ["gush"] => {
            let (mut out, part) = (std::io::stdout(), vec![b' '; 1 << 20]);
            while out.write_all(&part).and_then(|()| out.flush()).is_ok() {}
            ExitCode::from(6)
        }
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        ["refuse"] => {
            eprintln!("it is refused");
            ExitCode::from(1)
        }
        _ => {
            eprintln!("nobody knows what to do with {arguments:?}");
            ExitCode::from(5)
        }
    }
}
