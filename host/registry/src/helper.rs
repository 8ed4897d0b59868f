//! A program that keeps somebody's credentials, as Docker calls it: `docker-credential-NAME get`.

use std::io::{Read as _, Seek as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use lancet_child::Group;

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
    let folder = std::env::temp_dir();
    let kept = tempfile::tempfile_in(&folder).and_then(|mut file| {
        file.write_all(server.as_bytes())?;
        file.rewind()?;
        Ok(file)
    });
    let stdin = kept.map_err(|error| {
        format!("nothing can be written in `{}` (TMPDIR), for `{program}` to read: {error}", folder.display())
    })?;
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::from(stdin)).stdout(Stdio::piped()).stderr(Stdio::null());
    let until = Instant::now() + limit;
    let mut group = Group::start(&mut command).map_err(cannot)?;
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = group.stdout() {
        let read = move || {
            let mut bytes = Vec::new();
            let read = stdout.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut bytes);
            // Whoever waits may have given up.
            let _ = sender.send(read.map(|_| bytes));
        };
        std::thread::Builder::new().spawn(read).map_err(cannot)?;
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
