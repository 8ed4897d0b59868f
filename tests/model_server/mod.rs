//! A server that speaks Chat Completions on loopback and answers what a test says, counts
//! what it was asked, and remembers it.

#![allow(dead_code, reason = "shared by tests that need different parts of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// What a client asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// How many requests came before it.
    pub(crate) number: usize,
    /// The first line and the headers, as they arrived.
    pub(crate) head: String,
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
    /// Lines that end with CR LF.
    pub(crate) headers: String,
    pub(crate) body: String,
    /// How long the server takes.
    pub(crate) after: Duration,
}

impl Answer {
    /// Whatever a test wants.
    #[allow(clippy::needless_pass_by_value, reason = "a text or JSON, whatever is at hand")]
    pub(crate) fn new(status: u16, body: impl ToString) -> Self {
        Self { status, headers: String::new(), body: body.to_string(), after: Duration::ZERO }
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { headers: format!("{}{name}: {value}\r\n", self.headers), ..self }
    }

    fn of(message: &Value, finish: &str, turn: usize) -> Self {
        let (read, written) = (100 + 10 * turn, 10);
        let body = json!({
            "id": format!("answer-{turn}"), "object": "chat.completion", "created": 1_790_000_000, "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        });
        Self::new(200, body)
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

    /// With these tokens read and written.
    pub(crate) fn used(self, read: u64, written: u64) -> Self {
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        body["usage"] =
            json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written});
        Self { body: body.to_string(), ..self }
    }

    /// The answer that picks a proposal.
    pub(crate) fn picks(proposal: u32) -> Self {
        Self::call("hand_in", &json!({ "proposal": proposal }), 0)
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
        let mut head = String::new();
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let mut body = vec![0; length.unwrap_or_default()];
        reader.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let asked = {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = Asked { number: heard.len(), head, body };
            heard.push(asked.clone());
            asked
        };
        let Answer { status, headers, body, after } = answer(&asked);
        std::thread::sleep(after);
        let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        let mut stream = stream;
        stream.write_all((head + &body).as_bytes())?;
    }
}
