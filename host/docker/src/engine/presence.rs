//! Whether the engine was there all the time.
//!
//! What an engine does as it is stopped looks like something else: it ends containers by
//! signals, and the next one knows of them that they have ended, and not why. Each call has
//! a connection of its own, so where the engine is back before the next call, or its socket
//! is held by somebody else meanwhile, as systemd does, no call fails. A connection that is
//! kept from before has only the engine that took it to answer on it.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::engine::client::CALL_SECONDS;
use crate::{Docker, DockerError};

const DOING: &str = "looking whether it was there all the time";
/// Whether somebody is there. The answer has no body, and the connection stays.
const QUESTION: &[u8] = b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// The head of the answer is some hundred bytes long.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Holds a connection to the engine until it is dropped.
pub(crate) struct Presence {
    docker: Docker,
    held: Held,
}

impl Docker {
    /// Begins to look whether the engine stays. It has answered when this is there.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`], [`DockerError::Interrupted`], [`DockerError::Timeout`].
    pub(crate) async fn presence(&self) -> Result<Presence, DockerError> {
        let held = Held::open(self.socket()).await?;
        Ok(Presence { docker: self.clone(), held })
    }
}

impl Presence {
    /// Makes sure that the engine was there since this was made, and is there now: what
    /// was seen meanwhile was not its going.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`] and [`DockerError::Interrupted`] when it was not; any
    /// other when it cannot be asked.
    pub(crate) async fn confirm(&self) -> Result<(), DockerError> {
        // An engine that is being stopped takes no connections any more, but may answer on
        // those that it has. So whoever answers here had not begun to stop.
        self.docker.call(DOING, self.docker.client().ping()).await?;
        // And whoever answers here is the one from the beginning, which has not ended since:
        // there are no two at a time.
        self.held.ask().await
    }
}

/// A connection that is asked on again and again.
struct Held {
    /// `None` once an answer on it was not waited for to its end, or did not come.
    stream: Mutex<Option<UnixStream>>,
}

impl Held {
    async fn open(socket: &Path) -> Result<Self, DockerError> {
        let stream = UnixStream::connect(socket).await.map_err(|error| DockerError::Unreachable {
            socket: socket.display().to_string(),
            reason: error.to_string(),
        })?;
        let held = Self { stream: Mutex::new(Some(stream)) };
        held.ask().await?;
        Ok(held)
    }

    /// Makes sure that who took the connection is still there.
    async fn ask(&self) -> Result<(), DockerError> {
        let mut held = self.stream.lock().await;
        let limit = Duration::from_secs(CALL_SECONDS);
        // Only what was answered whole is asked again: a late answer would pass for the next.
        let answered = match held.take() {
            Some(stream) => timeout(limit, answer(stream)).await,
            None => Ok(Err(io::ErrorKind::ConnectionAborted.into())),
        };
        let stream = answered.map_err(|_| DockerError::Timeout { doing: DOING, limit })?;
        let stopped = |error| {
            let reason = format!("the engine was stopped meanwhile, and with it all containers ({error})");
            DockerError::Interrupted { doing: DOING, reason }
        };
        *held = Some(stream.map_err(stopped)?);
        Ok(())
    }
}

/// Asks, and reads the answer.
async fn answer(mut stream: UnixStream) -> io::Result<UnixStream> {
    stream.write_all(QUESTION).await?;
    let mut head = Vec::new();
    while !head.ends_with(END_OF_HEAD) {
        if head.len() >= MAX_HEAD_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer does not end"));
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    async fn answers(stream: &mut UnixStream) {
        let mut question = vec![0; QUESTION.len()];
        stream.read_exact(&mut question).await.unwrap();
        assert_eq!(question, QUESTION);
        // In pieces, as it may come.
        for piece in ["HTTP/1.1 200 OK\r\nContent-", "Length: 0\r\n", "\r", "\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn only_who_was_there_from_the_beginning_answers() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        // As where systemd holds it: there is always somebody to connect to.
        let listener = UnixListener::bind(&socket).unwrap();
        let (held, mut first) = tokio::join!(Held::open(&socket), async {
            let mut taken = listener.accept().await.unwrap().0;
            answers(&mut taken).await;
            taken
        });
        let held = held.unwrap();
        for _ in 0..2 {
            let (asked, ()) = tokio::join!(held.ask(), answers(&mut first));
            asked.unwrap();
        }
        drop(first);
        for _ in 0..2 {
            let error = held.ask().await.unwrap_err();
            assert!(matches!(error, DockerError::Interrupted { .. }), "{error}");
        }
        drop((listener, folder));
        let error = Held::open(&socket).await.err().unwrap();
        assert!(matches!(error, DockerError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_late_answer_is_not_taken_for_the_next() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let held = Held { stream: Mutex::new(Some(near)) };
        let given_up = timeout(Duration::from_millis(20), held.ask()).await;
        assert!(given_up.is_err());
        let mut question = vec![0; QUESTION.len()];
        far.read_exact(&mut question).await.unwrap();
        let _ = far.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let error = held.ask().await.unwrap_err();
        assert!(matches!(error, DockerError::Interrupted { .. }), "{error}");
    }
}
