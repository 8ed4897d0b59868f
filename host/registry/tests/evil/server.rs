//! A registry of the tests' own: it answers whatever it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What somebody asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With what follows a `?`.
    pub(crate) path: String,
    /// By name in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

#[derive(Clone)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    /// So many are declared, and sent for as long as somebody reads.
    Declared(u64),
    /// None are declared, and they are sent for as long as somebody reads.
    Endless,
    /// A byte now and then, of no declared length.
    Drip(Duration),
    /// Nothing at all, not even a status.
    Silence,
}

impl Told {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Bytes(body.into()) }
    }

    pub(crate) fn body(body: Body) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Handler = dyn Fn(&Asked) -> Told + Send + Sync;

/// A server on a free port of this machine, and all that it was asked.
pub(crate) struct Server {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (handler, list): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&list)));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>, list: Arc<Mutex<Vec<Asked>>>) -> Option<()> {
    let asked = read(&mut stream).await?;
    list.lock().unwrap().push(asked.clone());
    let Told { status, headers, body } = handler(&asked);
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match &body {
        Body::Bytes(bytes) => head.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
        Body::Declared(length) => head.push_str(&format!("Content-Length: {length}\r\n")),
        Body::Endless | Body::Drip(_) => {}
        Body::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return None;
        }
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    match body {
        _ if asked.method == "HEAD" => {}
        Body::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
        Body::Declared(_) | Body::Endless => loop {
            stream.write_all(&[b' '; 64 << 10]).await.ok()?;
        },
        Body::Drip(every) => loop {
            stream.write_all(b" ").await.ok()?;
            tokio::time::sleep(every).await;
        },
        Body::Silence => {}
    }
    stream.shutdown().await.ok()
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked { method, path, headers, body })
}
