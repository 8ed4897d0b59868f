//! A program that is started for a while, with all that it starts in its turn.
//!
//! It is in a process group of its own, and whatever of it stays in that is killed when it is
//! done, or not wanted any more: a build that was interrupted leaves no compiler at work. What a
//! terminal's keys send reaches no process of another group, so whoever waits says when to stop.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How often it is looked whether a program has ended, or is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A program with all that it has started. It is killed when this is dropped.
#[derive(Debug)]
pub struct Group {
    child: Child,
    /// Whether it was waited for: its number may be another's since.
    is_over: bool,
}

impl Group {
    /// Starts a program in a process group of its own.
    ///
    /// # Errors
    /// Those of the system.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self { child: command.process_group(0).spawn()?, is_over: false })
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

/// Runs a program that has nothing to read, and says how it ended and what it wrote; `None` when
/// it was to stop before.
///
/// # Errors
/// Those of the system.
pub fn output(command: &mut Command, is_stopped: &dyn Fn() -> bool) -> io::Result<Option<Output>> {
    let mut group = Group::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (stdout, stderr) = (whole(group.stdout())?, whole(group.stderr())?);
    let Some(status) = group.wait(is_stopped)? else { return Ok(None) };
    let (Some(stdout), Some(stderr)) = (heard(&stdout, is_stopped)?, heard(&stderr, is_stopped)?) else {
        return Ok(None);
    };
    Ok(Some(Output { status, stdout, stderr }))
}

/// Reads a pipe to its end on a thread of its own.
fn whole(pipe: Option<impl Read + Send + 'static>) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes));
        // Whoever waits may have given up.
        let _ = sender.send(read.map(|_| bytes));
    })?;
    Ok(receiver)
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
        let output = output(&mut sh(large), &|| false).unwrap().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 200_000));
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(status(&mut sh("exit 4"), &|| false).unwrap().unwrap().code(), Some(4));
        let error = status(&mut Command::new("/no/such/program"), &|| false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn none_of_it_is_left_when_it_is_done_or_stopped() {
        // Done, it leaves somebody who holds its pipe open.
        let left = output(&mut sh("sleep 600 & echo $!"), &|| false).unwrap().unwrap();
        gone(&String::from_utf8(left.stdout).unwrap());

        let file = std::env::temp_dir().join(format!("lancet-child-{}", std::process::id()));
        let script =
            format!("trap '' TERM INT; sleep 600 & echo $! >{0}; echo $$ >>{0}; wait", file.display());
        type Run = fn(&mut Command, &dyn Fn() -> bool) -> bool;
        let ways: [Run; 2] = [
            |command, stop| status(command, stop).unwrap().is_none(),
            |command, stop| output(command, stop).unwrap().is_none(),
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
        let stopped = output(&mut sh(script), &|| began.elapsed() > Duration::from_millis(300));
        assert!(stopped.unwrap().is_none());
        assert!(began.elapsed() < Duration::from_secs(15));
    }
}
