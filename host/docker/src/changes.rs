use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::DockerError;
use crate::container::{ChangeKind, Changes, Container, PathChange};

/// The most bytes of a list of changes, some hundred thousand paths.
const MAX_LIST_BYTES: u64 = 32 << 20;
/// The most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 16 << 10;
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
    /// What is not as in its image, as long as the list is not larger than what is
    /// read. The folders above a change are in it too.
    ///
    /// A container can change as many paths as it likes, and bollard would take the
    /// whole list into memory first: so this one call is made by hand, in HTTP/1.0,
    /// whose answers end with the connection.
    ///
    /// # Errors
    /// [`DockerError`].
    pub(crate) async fn changes(&self) -> Result<Changes, DockerError> {
        timeout(PATIENCE, self.list_changes())
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

    async fn list_changes(&self) -> Result<Changes, DockerError> {
        let mut answer = Vec::new();
        let limit = MAX_LIST_BYTES + MAX_HEAD_BYTES as u64;
        let mut stream = self.ask_for_changes().await?.take(limit);
        stream.read_to_end(&mut answer).await.map_err(|error| lost(&error))?;
        let (status, body) = split(&answer)?;
        if status != 200 {
            let message = String::from_utf8_lossy(body).trim().to_owned();
            if is_too_deep(&message) {
                return Ok(Changes::TooDeep);
            }
            return Err(DockerError::from_message(DOING, status, message));
        }
        if answer.len() as u64 == limit {
            return Ok(Changes::TooMany);
        }
        parse(body)
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

/// The status and the body of an HTTP/1 answer.
fn split(answer: &[u8]) -> Result<(u16, &[u8]), DockerError> {
    const END: &[u8] = b"\r\n\r\n";
    let malformed = |reason: &str| DockerError::Malformed { doing: DOING, reason: reason.to_owned() };
    if answer.is_empty() {
        return Err(DockerError::Interrupted { doing: DOING, reason: "there was no answer".to_owned() });
    }
    let searched = &answer[..answer.len().min(MAX_HEAD_BYTES)];
    let end = searched.windows(END.len()).position(|window| window == END);
    let end = end.ok_or_else(|| malformed("its head has no end"))?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| malformed("its head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| malformed("it has no status"))?;
    let body = &answer[end + END.len()..];
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<u64>().ok());
    // Without a length the body's end is the connection's; JSON tells whether it is
    // whole.
    match length {
        Some(length) if length > body.len() as u64 && (body.len() as u64) < MAX_LIST_BYTES => {
            Err(DockerError::Interrupted { doing: DOING, reason: "the answer is not whole".to_owned() })
        }
        _ => Ok((status, body)),
    }
}

fn parse(body: &[u8]) -> Result<Changes, DockerError> {
    // An engine says `null` for nothing at all.
    let rows: Option<Vec<Row>> = serde_json::from_slice(body).map_err(|error| {
        let reason = error.to_string();
        if error.is_eof() {
            DockerError::Interrupted { doing: DOING, reason }
        } else {
            DockerError::Malformed { doing: DOING, reason }
        }
    })?;
    let changes = rows.unwrap_or_default().into_iter().map(|row| {
        let kind = match row.kind {
            0 => ChangeKind::Modified,
            1 => ChangeKind::Added,
            2 => ChangeKind::Deleted,
            other => {
                let reason = format!("there is no kind of change {other}");
                return Err(DockerError::Malformed { doing: DOING, reason });
            }
        };
        Ok(PathChange { path: row.path, kind })
    });
    Ok(Changes::Listed(changes.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_split_and_parsed() {
        let answer =
            b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[{\"Path\":\"/a\",\"Kind\":2}]\n";
        let (status, body) = split(answer).unwrap();
        assert_eq!(status, 200);
        let change = PathChange { path: "/a".to_owned(), kind: ChangeKind::Deleted };
        assert_eq!(parse(body).unwrap(), Changes::Listed(vec![change]));
        assert_eq!(parse(b"null\n").unwrap(), Changes::Listed(Vec::new()));
    }

    #[test]
    fn an_answer_cut_short_is_an_interruption() {
        let cut: [&[u8]; 2] = [b"", b"HTTP/1.0 200 OK\r\nContent-Length: 50\r\n\r\n[{"];
        for answer in cut {
            assert!(matches!(split(answer), Err(DockerError::Interrupted { .. })));
        }
        assert!(matches!(parse(b"[{\"Path\":\"/a\""), Err(DockerError::Interrupted { .. })));
    }

    #[test]
    fn only_the_engines_own_words_say_that_a_path_is_too_long() {
        assert!(is_too_deep("{\"message\":\"lstat /d/d/d: file name too long\"}"));
        assert!(!is_too_deep("{\"message\":\"lstat /d/: file name too long/d: permission denied\"}"));
    }

    #[test]
    fn nonsense_is_malformed() {
        let nonsense: [&[u8]; 2] = [b"SSH-2.0-OpenSSH", b"HTTP/1.0 what\r\n\r\n"];
        for answer in nonsense {
            assert!(matches!(split(answer), Err(DockerError::Malformed { .. })));
        }
        assert!(matches!(parse(b"[{\"Path\":\"/a\",\"Kind\":7}]"), Err(DockerError::Malformed { .. })));
        assert!(matches!(parse(b"{}"), Err(DockerError::Malformed { .. })));
    }
}
