//! The parent's end of the line to a worker.

use std::io;
use std::pin::pin;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::frame::{Bound, HEAD_BYTES, encode, length};
use super::watch::{Seen, Watch};

/// How a worker failed at its end of the line.
#[derive(Debug)]
pub(super) enum Broken {
    /// It says what no worker says there.
    Misspoke(&'static str),
    /// Its end is closed: it is dead, or as good as.
    Closed,
    /// It says nothing.
    Hung(&'static str),
    /// It has more memory than it can have.
    Outgrown,
    /// The host cannot say what it has to say.
    Host(String),
}

/// A line to a worker, from the parent's side.
pub(super) struct Talk {
    stream: UnixStream,
    watch: Watch,
    bound: Bound,
    received: Vec<u8>,
}

/// How much is made room for, and read, at a time.
const STEP_BYTES: usize = 64 << 10;

const OVERWORKED: &str = "it computes for longer than a plugin can, and says nothing";

impl Talk {
    /// Takes over the line to a process that is watched, of which no frame is over the bound.
    ///
    /// # Errors
    /// The executor cannot watch the line.
    pub(super) fn new(line: std::os::unix::net::UnixStream, watch: Watch, bound: Bound) -> io::Result<Self> {
        line.set_nonblocking(true)?;
        let stream = UnixStream::from_std(line)?;
        Ok(Self { stream, watch, bound, received: Vec::new() })
    }

    /// Says something, when it is this side's turn.
    ///
    /// # Errors
    /// The worker said something although it was not its turn, does not listen, or is gone.
    pub(super) async fn say(&mut self, message: &impl Serialize) -> Result<(), Broken> {
        let frame = encode(message).map_err(|e| Broken::Host(e.to_string()))?;
        if self.can(Interest::READABLE) {
            return Err(self.out_of_turn());
        }
        let mut rest = &frame[..];
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Interest::WRITABLE).await?;
                }
                Err(_) => return Err(Broken::Closed),
            }
        }
        self.watch.heard();
        Ok(())
    }

    /// What the worker says next.
    ///
    /// # Errors
    /// It is no message of a worker, or none comes.
    pub(super) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Broken> {
        let end = loop {
            let wanted = match length(&self.received) {
                Some(length) if !self.bound.admits(length) => {
                    return Err(Broken::Misspoke("a message is longer than any can be there"));
                }
                Some(length) => HEAD_BYTES + length,
                None => HEAD_BYTES,
            };
            if wanted > HEAD_BYTES && self.received.len() >= wanted {
                break wanted;
            }
            if wanted == HEAD_BYTES && self.received.len() >= HEAD_BYTES {
                return Err(Broken::Misspoke("a message is empty"));
            }
            // Room is made as it comes, whatever length was announced.
            self.received.reserve((wanted - self.received.len()).clamp(4 << 10, STEP_BYTES));
            match self.stream.try_read_buf(&mut self.received) {
                Ok(0) => return Err(Broken::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Interest::READABLE).await?;
                }
                Err(_) => return Err(Broken::Closed),
            }
        };
        if self.received.len() > end {
            return Err(Broken::Misspoke("it speaks out of turn"));
        }
        let json = &self.received[HEAD_BYTES..end];
        if !self.bound.admits_values(json) {
            return Err(Broken::Misspoke("a message holds more values than any can there"));
        }
        let message = serde_json::from_slice(json)
            .map_err(|_| Broken::Misspoke("a message is none that a worker has"))?;
        self.received.clear();
        self.received.shrink_to(STEP_BYTES);
        self.watch.heard();
        // What it computed while it was this side's turn shows here.
        match self.watch.look() {
            Seen::Overworked => Err(Broken::Hung(OVERWORKED)),
            Seen::Outgrown => Err(Broken::Outgrown),
            Seen::AtWork | Seen::Asleep => Ok(message),
        }
    }

    /// Does this side's work, and looks now and then whether the worker keeps still meanwhile: it
    /// has nothing to compute then.
    ///
    /// # Errors
    /// The worker has computed for too long, or has too much memory. The work is given up.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Broken> {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout(self.watch.interval(), work.as_mut()).await {
                return Ok(done);
            }
            if self.watch.is_overworked() {
                return Err(Broken::Hung(OVERWORKED));
            }
            if self.watch.is_outgrown() {
                return Err(Broken::Outgrown);
            }
        }
    }

    /// Whether something can be done on the line at once, by the kernel: the executor may
    /// not have been told yet.
    fn can(&self, interest: Interest) -> bool {
        let flags = if interest.is_readable() { PollFlags::IN } else { PollFlags::OUT };
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.stream, flags)], Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// What it is that can be read although nothing should be: the end, or words.
    fn out_of_turn(&self) -> Broken {
        match rustix::io::ioctl_fionread(&self.stream) {
            Ok(0) | Err(_) => Broken::Closed,
            Ok(_) => Broken::Misspoke("it speaks out of turn"),
        }
    }

    /// Waits until there is something to do on the line, and looks now and then whether
    /// the worker is at work.
    async fn wait(&mut self, interest: Interest) -> Result<(), Broken> {
        loop {
            let began = Instant::now();
            let woken = timeout(self.watch.interval(), self.stream.ready(interest)).await;
            if matches!(woken, Ok(Err(_))) {
                return Err(Broken::Closed);
            }
            // Whatever it was woken by: a worker that does a little now and then is looked at
            // as one that does nothing.
            if self.watch.waited(began.elapsed()) {
                return Err(Broken::Hung("it owes messages for longer than any plugin can"));
            }
            match self.watch.look() {
                Seen::AtWork => {}
                Seen::Overworked => return Err(Broken::Hung(OVERWORKED)),
                Seen::Outgrown => return Err(Broken::Outgrown),
                Seen::Asleep => {
                    // What it did before it went to sleep can be seen here by now.
                    if self.watch.is_hung(self.can(interest)) {
                        return Err(Broken::Hung("it sleeps, and says nothing"));
                    }
                }
            }
            if woken.is_ok() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use lancet_core::Limits;

    use super::super::watch::Patience;
    use super::*;

    #[tokio::test]
    async fn who_computes_while_it_is_answered_is_ended() {
        let spins = "while :; do :; done";
        let mut spinner = Command::new("sh").args(["-c", spins]).stdin(Stdio::null()).spawn().unwrap();
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let (look, beyond) = (Duration::from_millis(5), Duration::ZERO);
        let patience = Patience { look, beyond, ..Patience::default() };
        let bound = Bound::of(&Limits::standard());
        let watch = Watch::new(spinner.id(), patience, Duration::from_millis(50), u64::MAX);
        let mut talk = Talk::new(near, watch, bound).unwrap();
        assert_eq!(talk.meanwhile(async { 7 }).await.unwrap(), 7);
        let broken = talk.meanwhile(std::future::pending::<()>()).await.unwrap_err();
        assert!(matches!(broken, Broken::Hung(OVERWORKED)), "{broken:?}");
        spinner.kill().unwrap();
        spinner.wait().unwrap();
    }
}
