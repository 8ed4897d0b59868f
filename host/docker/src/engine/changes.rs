//! The engine's own list of what a container has changed. It may be of any length, so it is
//! asked for by hand and let go as it is read.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::DockerError;
use crate::engine::container::Container;
use crate::engine::listing::{ChangeKind, Changes, Listing, MAX_REACH_BYTES};

/// The most bytes of an answer's head, and of an error.
const MAX_HEAD_BYTES: u64 = 16 << 10;
/// Engines without a native comparison read every file of the image.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(600);
const DOING: &str = "listing a container's changes";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    path: String,
    kind: u8,
}

impl Container {
    /// What is not as in its image, at, above and below the work tree.
    ///
    /// A container can change as many paths as it likes, and bollard would take the
    /// whole list into memory first: so this one call is made by hand, in HTTP/1.0,
    /// whose answers end with the connection, and what does not concern the work tree
    /// is let go as it is read.
    ///
    /// # Errors
    /// [`DockerError`].
    pub(crate) async fn changes(&self, work_tree: &str) -> Result<Changes, DockerError> {
        let listing = async {
            let stream = self.ask_for_changes().await?.into_std().map_err(|error| lost(&error))?;
            stream.set_nonblocking(false).map_err(|error| lost(&error))?;
            // Whoever waits no longer leaves nothing behind that waits on.
            stream.set_read_timeout(Some(PATIENCE)).map_err(|error| lost(&error))?;
            let work_tree = work_tree.to_owned();
            let read = tokio::task::spawn_blocking(move || read(stream, &work_tree)).await;
            read.map_err(|error| malformed(error.to_string()))?
        };
        timeout(PATIENCE, listing)
            .await
            .map_err(|_| DockerError::Timeout { doing: DOING, limit: PATIENCE })?
    }

    /// Whether that list is larger than so many bytes. It is not kept.
    ///
    /// # Errors
    /// [`DockerError`].
    pub(crate) async fn changes_exceed(&self, bytes: u64) -> Result<bool, DockerError> {
        let counting = async {
            let mut stream = self.ask_for_changes().await?.take(bytes);
            let mut piece = vec![0; 64 << 10];
            let mut counted = 0;
            loop {
                match stream.read(&mut piece).await.map_err(|error| lost(&error))? {
                    0 => return Ok(counted >= bytes),
                    read => counted += read as u64,
                }
            }
        };
        timeout(PATIENCE, counting)
            .await
            .map_err(|_| DockerError::Timeout { doing: DOING, limit: PATIENCE })?
    }

    async fn ask_for_changes(&self) -> Result<UnixStream, DockerError> {
        let docker = self.docker();
        let unreachable = |error: std::io::Error| DockerError::Unreachable {
            socket: docker.socket().display().to_string(),
            reason: error.to_string(),
        };
        let mut stream = UnixStream::connect(docker.socket()).await.map_err(unreachable)?;
        let api = &docker.info().api;
        let request =
            format!("GET /v{api}/containers/{}/changes HTTP/1.0\r\nHost: docker\r\n\r\n", self.id());
        stream.write_all(request.as_bytes()).await.map_err(|error| lost(&error))?;
        Ok(stream)
    }
}

/// Whether the engine met a path that is too long for any system call: a process can
/// make such a one step by step. The path comes before those words, and may hold any.
fn is_too_deep(message: &str) -> bool {
    message.trim_end_matches(['"', '}']).ends_with(": file name too long")
}

fn lost(error: &std::io::Error) -> DockerError {
    DockerError::Interrupted { doing: DOING, reason: error.to_string() }
}

fn malformed(reason: String) -> DockerError {
    DockerError::Malformed { doing: DOING, reason }
}

/// Reads an HTTP/1 answer with a list of changes.
fn read(answer: impl Read, work_tree: &str) -> Result<Changes, DockerError> {
    let mut answer = BufReader::with_capacity(64 << 10, answer);
    let status = head(&mut answer)?;
    if status != 200 {
        let mut body = Vec::new();
        answer.take(MAX_HEAD_BYTES).read_to_end(&mut body).map_err(|error| lost(&error))?;
        let message = String::from_utf8_lossy(&body).trim().to_owned();
        if is_too_deep(&message) {
            return Ok(Changes::TooDeep);
        }
        return Err(DockerError::from_message(DOING, status, message));
    }
    let mut rows = Rows { listing: Listing::new(work_tree), too_deep: false };
    let mut json = serde_json::Deserializer::from_reader(answer);
    match (&mut rows).deserialize(&mut json) {
        _ if rows.too_deep => Ok(Changes::TooDeep),
        Ok(()) => Ok(rows.listing.finish()),
        Err(error) if error.is_eof() || error.is_io() => {
            Err(DockerError::Interrupted { doing: DOING, reason: error.to_string() })
        }
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// The status of an answer; what is left of it is its body. Whether that is whole,
/// JSON tells.
fn head(answer: &mut impl std::io::BufRead) -> Result<u16, DockerError> {
    let mut left = MAX_HEAD_BYTES;
    let mut status = None;
    loop {
        let mut line = Vec::new();
        let read = answer.by_ref().take(left).read_until(b'\n', &mut line).map_err(|error| lost(&error))?;
        left -= read as u64;
        if read == 0 && status.is_none() {
            let reason = "there was no answer".to_owned();
            return Err(DockerError::Interrupted { doing: DOING, reason });
        }
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(malformed("its head has no end".to_owned()));
        };
        let line = std::str::from_utf8(line).map_err(|_| malformed("its head is not text".to_owned()))?;
        match status {
            None => {
                let found = line.split(' ').nth(1).and_then(|status| status.parse().ok());
                status = Some(found.ok_or_else(|| malformed("it has no status".to_owned()))?);
            }
            Some(status) if line.is_empty() => return Ok(status),
            Some(_) => {}
        }
    }
}

/// Puts the rows of the engine's list into a listing, one by one.
struct Rows<'a> {
    listing: Listing<'a>,
    too_deep: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of changes")
    }

    /// What an engine says for nothing at all.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(Row { path, kind }) = rows.next_element()? {
            let kind = match kind {
                0 => ChangeKind::Modified,
                1 => ChangeKind::Added,
                2 => ChangeKind::Deleted,
                other => return Err(A::Error::custom(format_args!("there is no kind of change {other}"))),
            };
            if path.len() > MAX_REACH_BYTES {
                self.too_deep = true;
                return Err(A::Error::custom("a path is too long"));
            }
            self.listing.add(path, kind);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";

    fn listed(body: &str) -> Result<Changes, DockerError> {
        read(format!("{OK}{body}").as_bytes(), "/w/t")
    }

    #[test]
    fn answers_are_read_and_what_is_elsewhere_is_let_go() {
        let body = r#"[{"Path":"/w","Kind":0},{"Path":"/w/t/a","Kind":2},{"Path":"/x","Kind":1},{"Path":"/w/t/.git/x","Kind":1}]"#;
        let changes = [("/w", ChangeKind::Modified), ("/w/t/a", ChangeKind::Deleted)];
        let changes = changes.map(|(path, kind)| (path.to_owned(), kind)).into();
        assert_eq!(listed(body).unwrap(), Changes::Listed { changes, twice: [].into() });
        let none = Changes::Listed { changes: [].into(), twice: [].into() };
        assert_eq!(listed("null\n").unwrap(), none);
        assert_eq!(listed("[]\n").unwrap(), none);
    }

    #[test]
    fn a_path_that_is_too_long_is_found_wherever_it_is() {
        for (bytes, is_too_deep) in [(MAX_REACH_BYTES, false), (MAX_REACH_BYTES + 1, true)] {
            let path = format!("/{}", "x".repeat(bytes - 1));
            let found = listed(&format!(r#"[{{"Path":"/a","Kind":1}},{{"Path":"{path}","Kind":1}}]"#));
            assert_eq!(found.unwrap() == Changes::TooDeep, is_too_deep, "{bytes}");
        }
    }

    #[test]
    fn an_answer_cut_short_is_an_interruption() {
        assert!(matches!(read(&b""[..], "/w"), Err(DockerError::Interrupted { .. })));
        for body in ["", "[", "[{\"Path\":\"/a\"", "[{\"Path\":\"/a\",\"Kind\":1}"] {
            assert!(matches!(listed(body), Err(DockerError::Interrupted { .. })), "{body}");
        }
    }

    #[test]
    fn only_the_engines_own_words_say_that_a_path_is_too_long() {
        assert!(is_too_deep("{\"message\":\"lstat /d/d/d: file name too long\"}"));
        assert!(!is_too_deep("{\"message\":\"lstat /d/: file name too long/d: permission denied\"}"));
        let answer = "HTTP/1.0 500 X\r\n\r\n{\"message\":\"lstat /d: file name too long\"}\n";
        assert_eq!(read(answer.as_bytes(), "/w").unwrap(), Changes::TooDeep);
        let answer = "HTTP/1.0 404 X\r\n\r\n{\"message\":\"No such container\"}\n";
        assert_eq!(read(answer.as_bytes(), "/w").unwrap_err().status(), Some(404));
    }

    #[test]
    fn nonsense_is_malformed() {
        for answer in ["SSH-2.0-OpenSSH", "SSH-2.0-OpenSSH\r\n", "HTTP/1.0 what\r\n\r\n"] {
            assert!(matches!(read(answer.as_bytes(), "/w"), Err(DockerError::Malformed { .. })), "{answer}");
        }
        for body in ["[{\"Path\":\"/a\",\"Kind\":7}]", "{}", "[7]"] {
            assert!(matches!(listed(body), Err(DockerError::Malformed { .. })), "{body}");
        }
    }
}
