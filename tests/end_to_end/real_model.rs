//! A whole run with a real model. It is too small to be right more often than by chance;
//! what it says has to end in a verdict all the same.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::context::{Context, copy, number};
use crate::smollm2::{READY, SmolLm2};

/// The most tokens of an answer: the model writes a few per second.
const ANSWER_TOKENS: u64 = 16;

/// The model's server, which ends with the test.
struct Served {
    child: Child,
    port: u16,
}

impl Served {
    fn start() -> Self {
        let model = SmolLm2::install();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = model.serve(port);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut served = Self { child, port };
        let until = Instant::now() + Duration::from_secs(120);
        while !served.is_ready() {
            let ended = served.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{command:?} is not ready: {ended:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        served
    }

    fn is_ready(&self) -> bool {
        let mut reply = String::new();
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            write!(stream, "GET {READY} HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut reply)
        });
        asked.is_ok() && reply.lines().next().is_some_and(|status| status.contains(" 200 "))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_model_is_asked_and_its_attempts_are_decided() {
    let served = Served::start();
    let context = Context::new();
    let suite = context.small_suite("suite");
    for task in ["two", "left-out"] {
        copy(&suite.join("tasks/one"), &suite.join("tasks").join(task));
    }
    let model = format!(
        "[[model]]\nform = \"chat\"\nid = \"smollm2\"\nbase-url = \"http://127.0.0.1:{}/v1\"\ntools = false\n\
         answer-tokens = {ANSWER_TOKENS}\ncontext-tokens = 2048\nconcurrency = 1\n",
        served.port
    );
    fs::write(context.path("models.toml"), model).unwrap();
    let started = Instant::now();
    let run =
        ["run", "suite", "--task", "one", "--task", "two", "--agent", "tool-loop", "--models", "models.toml"];
    let report = context.json(&run);
    let took = started.elapsed();

    let all = |key: &str| number(&report, &format!("totals/all/{key}"));
    assert_eq!((all("attempts"), all("pass") + all("fail")), (2.0, 2.0), "{report:#}");
    let (asks, answers) = (all("models/asks"), all("models/answers"));
    assert!(answers >= 2.0 && answers == asks && all("models/failed_tries") == 0.0, "{report:#}");
    let (read, written) = (all("models/tokens/input"), all("models/tokens/output"));
    assert!(read > 100.0 * answers, "{report:#}");
    assert!((answers..=answers * ANSWER_TOKENS as f64).contains(&written), "{report:#}");
    let served_as = report["totals"]["all"]["models"]["served"].as_array().unwrap();
    assert!(served_as.iter().all(|served| served["model"].as_str().is_some_and(|name| !name.is_empty())));
    let told: Value = served_as.iter().filter_map(|served| served["answers"].as_u64()).sum::<u64>().into();
    assert_eq!(told.as_f64(), Some(answers), "{report:#}");
    let transcript = context.lancet(&["show", "latest/one/1", "--transcript"]).stdout;
    assert!(transcript.contains("conversation 0 of the agent"), "{transcript}");
    assert_eq!(number(&context.json(&["replay"]), "identical"), 2.0);
    println!("{answers} answers, {read} tokens read and {written} written, in {took:?}\n{transcript}");
}
