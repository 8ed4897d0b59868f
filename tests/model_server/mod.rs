//! A server that speaks Chat Completions on loopback and answers what a test says, counts
//! what it was asked, and remembers it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// What a client asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The path that was posted to.
    pub(crate) path: String,
    /// The value of the header `authorization`, if there was one.
    pub(crate) authorization: Option<String>,
    /// The body.
    pub(crate) body: Value,
}

impl Asked {
    /// How many answers of the model the conversation holds.
    pub(crate) fn turn(&self) -> usize {
        let messages = self.body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        messages.iter().filter(|message| message["role"] == "assistant").count()
    }
}

/// What the server answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// How long the server takes.
    pub(crate) after: Duration,
}

impl Answer {
    fn of(message: &Value, finish: &str, turn: usize) -> Self {
        let (read, written) = (100 + 10 * turn, 10);
        let body = json!({
            "id": format!("answer-{turn}"), "object": "chat.completion", "created": 1_790_000_000, "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        });
        Self { status: 200, body: body.to_string(), after: Duration::ZERO }
    }

    /// A text.
    pub(crate) fn text(text: &str, turn: usize) -> Self {
        Self::of(&json!({"role": "assistant", "content": text}), "stop", turn)
    }

    /// One call of a tool.
    pub(crate) fn call(name: &str, arguments: &Value, turn: usize) -> Self {
        let function = json!({"name": name, "arguments": arguments.to_string()});
        let call = json!({"id": format!("call-{turn}"), "type": "function", "function": function});
        Self::of(&json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls", turn)
    }
}

/// The server, which ends with the value.
pub(crate) struct ModelServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
}

impl ModelServer {
    /// Starts a server on a port of its own. `answer` is asked on the thread of the
    /// client's connection.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, is_over) = (Arc::new(answer), Arc::new(AtomicBool::new(false)));
        let (heard, ends) = (Arc::clone(&asked), Arc::clone(&is_over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                // A client that goes away ends its connection and nothing else.
                std::thread::spawn(move || drop(serve(&stream, &heard, &*answer)));
            }
        });
        Self { address, asked, is_over }
    }

    /// What `--base-url` has to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: &TcpStream,
    heard: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "authorization" => authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let asked = Asked { path, authorization, body };
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        let Answer { status, body, after } = answer(&asked);
        std::thread::sleep(after);
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = stream;
        stream.write_all((head + &body).as_bytes())?;
    }
}
