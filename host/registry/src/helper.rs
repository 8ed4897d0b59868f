//! A program that keeps somebody's credentials, as Docker calls it: `docker-credential-NAME get`.

use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The most bytes that one may write: 64 KiB.
const MAX_OUTPUT_BYTES: u64 = 64 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a helper wrote to stdout, and how it ended; an error is in words.
pub(crate) fn run(name: &str, server: &str, limit: Duration) -> Result<(Vec<u8>, ExitStatus), String> {
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || !name.bytes().all(may_be) {
        return Err("its name is no word, expected letters, digits, `.`, `_` and `-`".to_owned());
    }
    let program = format!("docker-credential-{name}");
    let cannot = |error: std::io::Error| format!("`{program}` cannot be run: {error}");
    // A file takes all of it at once, whether or not it is read.
    let mut stdin = tempfile::tempfile().map_err(cannot)?;
    stdin.write_all(server.as_bytes()).and_then(|()| stdin.rewind()).map_err(cannot)?;
    let mut command = Command::new(&program);
    command
        .arg("get")
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let until = Instant::now() + limit;
    let mut group = Group { child: command.spawn().map_err(cannot)?, is_over: false };
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = group.child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut bytes);
            // Whoever waits may have given up.
            let _ = sender.send(read.map(|_| bytes));
        });
    }
    let late = || format!("`{program}` did not end within {} s", limit.as_secs());
    let bytes = loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(read) => break read.map_err(cannot)?,
            Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
            Err(RecvTimeoutError::Timeout) => return Err(late()),
            Err(RecvTimeoutError::Disconnected) => break Vec::new(),
        }
    };
    if bytes.len() as u64 > MAX_OUTPUT_BYTES {
        return Err(format!("`{program}` wrote more than {MAX_OUTPUT_BYTES} bytes"));
    }
    while !group.has_ended().map_err(cannot)? {
        if Instant::now() >= until {
            return Err(late());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok((bytes, group.end().map_err(cannot)?))
}

/// A helper with all that it starts.
struct Group {
    child: Child,
    /// Whether it was waited for: its number may be another's since.
    is_over: bool,
}

impl Group {
    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether it has ended. It keeps its number until [`Self::end`].
    fn has_ended(&self) -> std::io::Result<bool> {
        let Some(pid) = self.pid() else { return Ok(true) };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(pid), options)?.is_some())
    }

    fn end(&mut self) -> std::io::Result<ExitStatus> {
        if let (false, Some(group)) = (self.is_over, self.pid()) {
            // It may have ended by itself, and all that it started.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.is_over = true;
        self.child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
