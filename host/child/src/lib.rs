//! A program that is started for a while, with all that it starts in its turn.
//!
//! It is in a process group of its own, and whatever of it stays in that is killed when it is
//! done, or not wanted any more: a build that was interrupted leaves no compiler at work. What a
//! terminal's keys send reaches no process of another group, so whoever waits says when to stop,
//! and whoever ends this process says so to [`end_all`] first. One that is killed can say nothing:
//! for that there is somebody who waits for its end.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How often it is looked whether a program has ended, or is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How much is read of a pipe at a time.
const PART_BYTES: usize = 64 << 10;

/// The groups that this process has started, by their numbers, until they are waited for.
struct AtWork {
    groups: Vec<Pid>,
    /// Whether no more may be started, since this process ends.
    is_over: bool,
}

static AT_WORK: Mutex<AtWork> = Mutex::new(AtWork { groups: Vec::new(), is_over: false });

fn at_work() -> MutexGuard<'static, AtWork> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every program that was started here, with all that it has started, and has no other start:
/// for a process that is about to end.
pub fn end_all() {
    let mut at_work = at_work();
    at_work.is_over = true;
    for group in std::mem::take(&mut at_work.groups) {
        // It may have ended by itself, and all that it started. Its number is its own still: nobody
        // has waited for it.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// A program with all that it has started. It is killed when this is dropped.
#[derive(Debug)]
pub struct Group {
    child: Child,
    /// Whoever kills it when this process ends before it does; `None` where nobody could be started.
    heir: Option<Child>,
    /// Whether it was waited for: its number may be another's since.
    is_over: bool,
}

impl Group {
    /// Starts a program in a process group of its own.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::Interrupted`] when this process is about to end.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        // Held for as long as it takes to start it, so that none is missed at the end.
        let mut at_work = at_work();
        if at_work.is_over {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut group = Self { child: command.process_group(0).spawn()?, heir: None, is_over: false };
        at_work.groups.extend(group.pid());
        group.heir = heir(group.child.id()).ok();
        Ok(group)
    }

    /// Where it writes to, if that is a pipe and nobody has taken it yet.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Where it writes what is the matter, if that is a pipe and nobody has taken it yet.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether the program itself has ended. It keeps its number until [`Self::end`], so that
    /// nobody else has it when that is killed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn has_ended(&self) -> io::Result<bool> {
        let Some(pid) = self.pid().filter(|_| !self.is_over) else { return Ok(true) };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(pid), options)?.is_some())
    }

    /// Kills what is left of it, and says how the program ended.
    ///
    /// # Errors
    /// Those of the system.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if let (false, Some(group)) = (self.is_over, self.pid()) {
            at_work().groups.retain(|other| *other != group);
            // First, so that it kills nobody who has the number after this.
            if let Some(mut heir) = self.heir.take() {
                let _ = heir.kill().and_then(|()| heir.wait());
            }
            // It may have ended by itself, and all that it started.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.is_over = true;
        self.child.wait()
    }

    /// Waits for its end, and says how the program ended; `None` when it was to stop before.
    fn wait(&mut self, is_stopped: &dyn Fn() -> bool) -> io::Result<Option<ExitStatus>> {
        while !self.has_ended()? {
            if is_stopped() {
                self.end()?;
                return Ok(None);
            }
            thread::sleep(LOOK_EVERY);
        }
        self.end().map(Some)
    }
}

/// Starts a shell that kills a group when this process has ended, however it did: what it reads from
/// ends then. It is in a group of its own, which what a terminal's keys send does not reach.
fn heir(group: u32) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", "read -r _; kill -s KILL -- \"-$1\"", "sh", &group.to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Runs a program that has nothing to read, and says how it ended; `None` when it was to stop
/// before.
///
/// # Errors
/// Those of the system.
pub fn status(command: &mut Command, is_stopped: &dyn Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    Group::start(command.stdin(Stdio::null()))?.wait(is_stopped)
}

/// Runs a program that has nothing to read, and says how it ended and what it wrote: of each of
/// both the last `most` bytes, however much it writes; `None` when it was to stop before.
///
/// # Errors
/// Those of the system.
pub fn output(
    command: &mut Command,
    most: usize,
    is_stopped: &dyn Fn() -> bool,
) -> io::Result<Option<Output>> {
    let mut group = Group::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (stdout, stderr) = (end_of(group.stdout(), most)?, end_of(group.stderr(), most)?);
    let Some(status) = group.wait(is_stopped)? else { return Ok(None) };
    let (Some(stdout), Some(stderr)) = (heard(&stdout, is_stopped)?, heard(&stderr, is_stopped)?) else {
        return Ok(None);
    };
    Ok(Some(Output { status, stdout, stderr }))
}

/// Reads a pipe to its end on a thread of its own, and keeps the last so many bytes.
fn end_of(
    pipe: Option<impl Read + Send + 'static>,
    most: usize,
) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // Whoever waits may have given up.
        let _ = sender.send(pipe.map_or(Ok(Vec::new()), |pipe| last(pipe, most)));
    })?;
    Ok(receiver)
}

fn last(mut pipe: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut part) = (Vec::new(), vec![0; PART_BYTES]);
    loop {
        match pipe.read(&mut part) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // Not with each part, which would move all that is kept each time.
        if bytes.len() > most.saturating_mul(2).saturating_add(PART_BYTES) {
            bytes.drain(..bytes.len() - most);
        }
    }
    bytes.drain(..bytes.len().saturating_sub(most));
    Ok(bytes)
}

/// What was read; `None` when it was to stop before. Somebody who has left the group may hold the
/// pipe open.
fn heard(read: &Receiver<io::Result<Vec<u8>>>, is_stopped: &dyn Fn() -> bool) -> io::Result<Option<Vec<u8>>> {
    loop {
        match read.recv_timeout(LOOK_EVERY) {
            Ok(read) => return read.map(Some),
            Err(RecvTimeoutError::Timeout) if is_stopped() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Some(Vec::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Whether there is such a process; a killed one may wait to be reaped by whoever inherited it.
    fn is_alive(process: &str) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        state.is_ok_and(|state| !state.contains(") Z"))
    }

    fn gone(process: &str) {
        let began = Instant::now();
        while is_alive(process) {
            assert!(began.elapsed() < Duration::from_secs(60), "{process} is still there");
            thread::sleep(LOOK_EVERY);
        }
    }

    #[test]
    fn what_a_program_writes_and_how_it_ends_is_told() {
        let large = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; cat; exit 3";
        let output = output(&mut sh(large), 1 << 20, &|| false).unwrap().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 200_000));
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(status(&mut sh("exit 4"), &|| false).unwrap().unwrap().code(), Some(4));
        let error = status(&mut Command::new("/no/such/program"), &|| false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn of_what_a_program_writes_the_end_is_kept() {
        let output = output(&mut sh("yes | head -c 100000000; echo; echo the end"), 9, &|| false);
        assert_eq!(output.unwrap().unwrap().stdout, b"\nthe end\n");
        for (bytes, most) in [(10, 0), (10, 10), (10, 11), (300_000, 7), (300_000, 70_000)] {
            let text: Vec<u8> = (0..bytes).map(|at: u32| at.to_le_bytes()[0]).collect();
            let kept = last(text.as_slice(), most).unwrap();
            assert_eq!(kept, text[text.len().saturating_sub(most)..]);
        }
    }

    #[test]
    fn none_of_it_is_left_when_it_is_done_or_stopped() {
        // Done, it leaves somebody who holds its pipe open.
        let left = output(&mut sh("sleep 600 & echo $!"), 99, &|| false).unwrap().unwrap();
        gone(&String::from_utf8(left.stdout).unwrap());

        let file = std::env::temp_dir().join(format!("lancet-child-{}", std::process::id()));
        let script =
            format!("trap '' TERM INT; sleep 600 & echo $! >{0}; echo $$ >>{0}; wait", file.display());
        type Run = fn(&mut Command, &dyn Fn() -> bool) -> bool;
        let ways: [Run; 2] = [
            |command, stop| status(command, stop).unwrap().is_none(),
            |command, stop| output(command, 99, stop).unwrap().is_none(),
        ];
        for way in ways {
            let _ = std::fs::remove_file(&file);
            let begun = || std::fs::read_to_string(&file).unwrap_or_default();
            assert!(way(&mut sh(&script), &|| begun().lines().count() == 2));
            begun().lines().for_each(gone);
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn who_left_the_group_holds_up_nobody_who_stops() {
        let began = Instant::now();
        let script = "setsid sleep 20 & exit 0";
        let stopped = output(&mut sh(script), 99, &|| began.elapsed() > Duration::from_millis(300));
        assert!(stopped.unwrap().is_none());
        assert!(began.elapsed() < Duration::from_secs(15));
    }
}
