//! A server of the tests' own: HTTP/1.1 as far as a broker needs it, which does to each
//! request what a test says, and counts.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The first line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Seen {
    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is done to a request.
pub(crate) enum Act {
    /// A whole reply.
    Reply { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// The same after a while.
    Later(Duration, Box<Act>),
    /// Nothing, for good.
    Silence,
    /// The head of a reply and a part of its body, and then nothing, for good.
    Stall(Vec<u8>),
    /// The same, and then the connection is closed.
    Cut(Vec<u8>),
    /// The connection is closed at once.
    Close,
    /// The body in pieces of one byte, with a pause before each.
    Trickle(Vec<u8>, Duration),
    /// So many bytes of spaces in pieces, whose number is not told before.
    Flood { status: u16, bytes: usize },
}

impl Act {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::with(status, [("content-type", "application/json".to_owned())], body.to_string())
    }

    pub(crate) fn with(
        status: u16,
        headers: impl IntoIterator<Item = (&'static str, String)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self::Reply { status, headers: headers.into_iter().collect(), body: body.into() }
    }

    pub(crate) fn later(self, wait: Duration) -> Self {
        Self::Later(wait, Box::new(self))
    }
}

/// What a test says, by the number of the request from 0.
pub(crate) type Script = dyn Fn(usize, &Seen) -> Act + Send + Sync;

/// The server. It ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    /// Bytes of floods that were taken.
    sent: AtomicUsize,
    /// Requests whose connection the client closed before there was a whole reply.
    left: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            script: Box::new(script),
            seen: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { url, state, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The most requests that were under way at a time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
    }

    pub(crate) fn sent(&self) -> usize {
        self.state.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn left(&self) -> usize {
        self.state.left.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Requests of one connection, one after the other.
async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut pending = Vec::new();
    while let Some(seen) = request(&mut stream, &mut pending).await {
        let number = {
            let mut all = state.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let now = state.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_at_once.fetch_max(now, Ordering::SeqCst);
        let act = (state.script)(number, &seen);
        let done = perform(&mut stream, act, &state).await;
        state.at_once.fetch_sub(1, Ordering::SeqCst);
        if !done {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(pending).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(pending.drain(..end + 4).collect()).unwrap();
    let mut seen = Seen { head, body: Vec::new(), at: Instant::now() };
    let length = seen.header("content-length").map_or(0, |text| text.parse().unwrap());
    while pending.len() < length {
        if stream.read_buf(pending).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = pending.drain(..length).collect();
    seen.at = Instant::now();
    Some(seen)
}

/// Whether the connection goes on.
async fn perform(stream: &mut TcpStream, mut act: Act, state: &State) -> bool {
    while let Act::Later(wait, then) = act {
        tokio::select! {
            () = sleep(wait) => {}
            () = closed(stream) => {
                state.left.fetch_add(1, Ordering::SeqCst);
                return false;
            }
        }
        act = *then;
    }
    match act {
        Act::Later(..) => unreachable!(),
        Act::Reply { status, headers, body } => {
            let mut reply = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                reply += &format!("{name}: {value}\r\n");
            }
            let reply = [reply.as_bytes(), b"\r\n", &body].concat();
            stream.write_all(&reply).await.is_ok()
        }
        Act::Silence => {
            closed(stream).await;
            state.left.fetch_add(1, Ordering::SeqCst);
            false
        }
        Act::Stall(part) => {
            begin(stream, part.len() + 100, &part).await;
            closed(stream).await;
            state.left.fetch_add(1, Ordering::SeqCst);
            false
        }
        Act::Cut(part) => {
            begin(stream, part.len() + 100, &part).await;
            false
        }
        Act::Close => false,
        Act::Trickle(body, pause) => {
            begin(stream, body.len(), b"").await;
            for byte in body {
                sleep(pause).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
            }
            true
        }
        Act::Flood { status, bytes } => {
            let head = format!("HTTP/1.1 {status} Said\r\ntransfer-encoding: chunked\r\n\r\n");
            let piece = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
            if stream.write_all(head.as_bytes()).await.is_err() {
                return false;
            }
            for _ in 0..bytes / 0x10000 {
                if stream.write_all(&piece).await.is_err() {
                    return false;
                }
                state.sent.fetch_add(0x10000, Ordering::SeqCst);
            }
            stream.write_all(b"0\r\n\r\n").await.is_ok()
        }
    }
}

async fn begin(stream: &mut TcpStream, length: usize, part: &[u8]) {
    let head =
        format!("HTTP/1.1 200 Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), part].concat()).await;
}

/// Until the client has closed its end.
async fn closed(stream: &mut TcpStream) {
    let mut byte = [0];
    let _ = stream.read(&mut byte).await;
}
