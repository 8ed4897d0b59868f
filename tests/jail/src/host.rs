//! The host of evil workers, as a process of its own.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lancet_jail::{Bounds, Crash, Death, Jail, Jailed, Program, Sealed, StartError, Without, Work};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::attempt::ATTEMPTS;
use crate::call::{Text, call};

const READY_WITHIN: Duration = Duration::from_secs(120);

const BOUNDS: Bounds = Bounds { work: Work::Run, memory_bytes: 192 << 20, cpu_seconds: 60 };

fn started(arguments: &[&str], without: Without, bounds: &Bounds) -> Result<Jailed, StartError> {
    let failed = |error| StartError::Start { call: "memfd_create or open", error };
    let code = Sealed::new(b"code").map_err(failed)?;
    let program = Program::own(arguments.iter().copied()).map_err(failed)?.without(without);
    program.start(&code, bounds)?.ready(READY_WITHIN)
}

fn start(arguments: &[&str], without: Without) -> Result<Jailed, String> {
    started(arguments, without, &BOUNDS).map_err(|e| e.to_string())
}

/// Has every attempt made, each by a worker of its own, and prints a line for each: its
/// name, and `killed`, `refused` with the error, or `REACHED`.
pub(crate) fn attempts(folder: &str, walls: &str) -> ExitCode {
    let without = Without {
        seccomp: walls.contains("no-seccomp"),
        landlock: walls.contains("no-landlock"),
        limits: walls.contains("no-limits"),
        limit: walls.split(',').find_map(|wall| wall.strip_prefix("no-limit-")?.parse().ok()),
    };
    match all(folder, without, walls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn all(folder: &str, without: Without, walls: &str) -> Result<(), String> {
    let error = |e: std::io::Error| e.to_string();
    // Something of each kind to be reached.
    let public = |name: &str| {
        let path = format!("{folder}/{name}");
        fs::write(&path, "secret")
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o666)))
    };
    public("secret").and_then(|()| public("victim")).map_err(error)?;
    let socket = format!("{folder}/socket");
    let _unix = UnixListener::bind(&socket).map_err(error)?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).map_err(error)?;
    let abstract_name = format!("lancet-{}", std::process::id());
    let _abstract = {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&abstract_name).map_err(error)?;
        UnixListener::bind_addr(&address).map_err(error)?
    };
    let tcp = TcpListener::bind("127.0.0.1:0").map_err(error)?;
    let port = tcp.local_addr().map_err(error)?.port();
    let _udp = UdpSocket::bind(("127.0.0.1", port)).map_err(error)?;
    // A descriptor that every program started from here on would inherit.
    let secret = Text::new(&format!("{folder}/secret"));
    call(libc::SYS_openat, [libc::AT_FDCWD as usize, secret.at(), 0]).map_err(error)?;

    lift_limits();

    let sibling = start(&["echo"], Without::default())?;
    println!("held by {}: {:?}", rustix::process::getuid().as_raw(), sibling.held);
    let bounds = match walls.contains("compiling") {
        true => Bounds::compile(512 << 20, 60, 1 << 20),
        false => BOUNDS,
    };
    let (parent, other) = (std::process::id().to_string(), sibling.process.id().to_string());
    let only = walls.split(',').find_map(|wall| wall.strip_prefix("only-")).unwrap_or_default();
    for (name, _) in ATTEMPTS.iter().filter(|(name, _)| name.starts_with(only)) {
        if walls.contains("loading") {
            let arguments = ["attempt-while-loading", name, folder, &parent, &other, &port.to_string()];
            let Err(StartError::Died(ending)) = started(&arguments, without, &bounds) else {
                return Err(format!("{name}: it was to end before it was ready"));
            };
            match ending.death {
                Death::Crashed(Crash::Code(8)) => println!("{name}\t{}", ending.stderr),
                Death::Finished => println!("{name}\tREACHED"),
                death => println!("{name}\trefused by {death}"),
            }
            continue;
        }
        let how = if walls.contains("forging") { "attempt-forging" } else { "attempt" };
        let mut jailed = started(&[how, name, folder, &parent, &other, &port.to_string()], without, &bounds)
            .map_err(|e| e.to_string())?;
        let mut said = Vec::new();
        let deadline = Instant::now() + READY_WITHIN;
        let _ = jailed.line.set_read_timeout(Some(READY_WITHIN));
        // What comes out of band wakes, and is no byte.
        while let Err(error) = jailed.line.read_to_end(&mut said) {
            if error.kind() != ErrorKind::WouldBlock || Instant::now() > deadline {
                break;
            }
        }
        let said = String::from_utf8_lossy(&said);
        let ending = jailed.process.end();
        match ending.death {
            Death::Violation => println!("{name}\tkilled"),
            // It became another program, which has nothing to say.
            Death::Finished if said.is_empty() => println!("{name}\tREACHED"),
            Death::Finished => println!("{name}\t{said}"),
            death => println!("{name}\trefused by {death}"),
        }
        let _ = fs::remove_file(format!("{folder}/new"));
    }
    if sibling.process.end().death != Death::Stopped {
        return Err("the sibling did not live to the end".to_owned());
    }
    Ok(())
}

/// As where somebody lifted the limits, as far as this user may.
fn lift_limits() {
    for (_, number, _) in crate::attempt::LIMITS {
        let Some(resource) = crate::attempt::resource(*number) else { continue };
        let found = rustix::process::getrlimit(resource);
        // More descriptors than the kernel has for anybody are refused.
        let lifted = if resource == rustix::process::Resource::Nofile { Some(4_096) } else { None };
        for maximum in [lifted, found.maximum] {
            // A stack of any size has the kernel lay out memory in another way.
            let is_stack = resource == rustix::process::Resource::Stack;
            let current = if is_stack { Some(maximum.unwrap_or(1 << 30).min(1 << 30)) } else { maximum };
            if rustix::process::setrlimit(resource, rustix::process::Rlimit { current, maximum }).is_ok() {
                break;
            }
        }
    }
}

/// Offers and starts a jail on a machine that has less for it, and prints what comes of it.
/// `missing` is what a filter around this process refuses, and the error: `seccomp:1`.
pub(crate) fn under(missing: &str) -> ExitCode {
    let (what, errno) = missing.split_once(':').unwrap_or((missing, "1"));
    let refuse = SeccompAction::Errno(errno.parse().unwrap_or(1));
    let filtering = libc::PR_SET_SECCOMP.cast_unsigned().into();
    let setting = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, filtering)
        .and_then(|condition| SeccompRule::new(vec![condition]));
    let rules = match (what, setting) {
        ("seccomp", Ok(setting)) => vec![(libc::SYS_seccomp, vec![]), (libc::SYS_prctl, vec![setting])],
        ("landlock", _) => vec![(libc::SYS_landlock_create_ruleset, vec![])],
        _ => vec![],
    };
    if what == "processes" {
        let one = rustix::process::Rlimit { current: Some(1), maximum: Some(1) };
        let _ = rustix::process::setrlimit(rustix::process::Resource::Nproc, one);
    }
    if !rules.is_empty() {
        let filter = std::env::consts::ARCH.try_into().and_then(|architecture| {
            SeccompFilter::new(rules.into_iter().collect(), SeccompAction::Allow, refuse, architecture)?
                .try_into()
        });
        let filter: BpfProgram = filter.unwrap_or_default();
        if let Err(error) = seccompiler::apply_filter_all_threads(&filter) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let jail = Jail::probe();
    println!("seccomp: {:?}\nlandlock: {:?}", jail.seccomp, jail.landlock);
    match start(&["read-code"], Without::default()) {
        Ok(jailed) => println!("started: {:?}", jailed.held),
        Err(problem) => println!("not started: {problem}"),
    }
    ExitCode::SUCCESS
}

/// Starts a worker after another program was put into the place of this one.
pub(crate) fn replaced() -> ExitCode {
    let own = Program::own(["read-code"]);
    let other = std::env::current_exe().and_then(|path| {
        let other = path.with_extension("other");
        fs::copy("/bin/false", &other)?;
        fs::rename(&other, &path)
    });
    let (Ok(own), Ok(code), Ok(())) = (own, Sealed::new(b"code"), other) else { return ExitCode::FAILURE };
    // One that was opened before, and one that is opened now.
    for program in [Ok(own), Program::own(["read-code"])] {
        let jailed = program.map_err(|e| e.to_string()).and_then(|program| {
            let starting = program.start(&code, &BOUNDS).map_err(|e| e.to_string())?;
            starting.ready(READY_WITHIN).map_err(|e| e.to_string())
        });
        println!(
            "{}",
            jailed.map_or_else(|problem| problem, |jailed| format!("started: {:?}", jailed.process.wait()))
        );
    }
    ExitCode::SUCCESS
}

/// Starts a worker that never looks at its line, prints its number, and waits to be killed.
pub(crate) fn parent() -> ExitCode {
    // From a thread that ends: its end must not be the worker's.
    let started = std::thread::spawn(|| start(&["sleep"], Without::default())).join();
    match started {
        Ok(Ok(jailed)) => {
            println!("{}", jailed.process.id());
            loop {
                std::thread::park();
            }
        }
        other => {
            eprintln!("{other:?}");
            ExitCode::FAILURE
        }
    }
}
