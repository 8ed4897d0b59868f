//! Servers of others, each in a process of its own.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

/// A server in a process of its own. It is killed with the test.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
}

impl Program {
    /// Starts it at a free port and waits, at most that long, until a path is answered.
    pub(crate) async fn start(command: impl FnOnce(u16) -> Command, ready: &str, patience: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let log = tempfile::NamedTempFile::new().unwrap();
        let (out, err) = (log.reopen().unwrap(), log.reopen().unwrap());
        let mut command = command(port);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        let mut program = Self { child, url: format!("http://127.0.0.1:{port}") };
        let until = Instant::now() + patience;
        while program.get(ready).await.is_none() {
            let ended = program.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "{command:?} is not ready ({ended:?}): {}",
                fs::read_to_string(log.path()).unwrap()
            );
            sleep(Duration::from_millis(100)).await;
        }
        program
    }

    /// What is at a path, once it is there.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let reply = client().get(format!("{}{path}", self.url)).send().await.ok()?;
        let reply = reply.error_for_status().ok()?;
        serde_json::from_slice(&reply.bytes().await.ok()?).ok()
    }

    #[allow(dead_code, reason = "not every test wants it")]
    pub(crate) async fn post(&self, path: &str, body: &Value) {
        let request = client().post(format!("{}{path}", self.url)).body(body.to_string());
        request.send().await.unwrap().error_for_status().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
