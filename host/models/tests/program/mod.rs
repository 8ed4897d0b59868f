//! Programs from PyPI that tests hold the broker against, and their servers.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

/// An environment of Python with these packages, below the folder that Cargo gives tests.
/// It is made once, and kept while the packages are the same.
pub(crate) fn environment(name: &str, packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    // One test at a time, in all processes; the others find it made.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let made = folder.join("packages");
    let wanted = packages.join(" ");
    if fs::read_to_string(&made).is_ok_and(|there| there == wanted) {
        return folder;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("venv")));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    run(Command::new(folder.join("venv/bin/python")).args(pip).args(packages));
    fs::write(made, wanted).unwrap();
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

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
