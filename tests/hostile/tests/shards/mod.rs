//! Cases side by side: each processor has a process of its own that works through them one
//! after the other, so that what a process grows by is one case's doing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use lancet_hostile::{Case, case};

/// What makes this program work through the cases that it is told.
pub(crate) const SHARD: &str = "work-through-cases";

/// Has every case looked at by `SHARD` processes, prints what came of each, and gives what is
/// wrong.
pub(crate) fn run(cases: &[&'static Case]) -> Vec<String> {
    let waiting = Mutex::new(cases.iter());
    let wrong = Mutex::new(Vec::new());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors.min(cases.len()) {
            scope.spawn(|| {
                let mut shard = Shard::start();
                while let Some(case) = { waiting.lock().unwrap().next() } {
                    wrong.lock().unwrap().extend(shard.look_at(case));
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// A process that looks at cases.
struct Shard {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Shard {
    fn start() -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        let mut child = command.arg(SHARD).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// What is wrong with a case. A process that dies of one is followed by another.
    fn look_at(&mut self, case: &Case) -> Vec<String> {
        let started = Instant::now();
        let asked = writeln!(self.child.stdin.as_mut().unwrap(), "{}", case.name);
        let mut line = String::new();
        let answered = asked.and_then(|()| self.said.read_line(&mut line));
        let wrong = match (answered, serde_json::from_str::<Vec<String>>(&line)) {
            (Ok(_), Ok(wrong)) => wrong,
            (answered, _) => {
                let ended = self.child.wait();
                *self = Self::start();
                vec![format!("the host died of it: {answered:?}, {ended:?}")]
            }
        };
        let verdict = if wrong.is_empty() { "ok" } else { "WRONG" };
        let took = started.elapsed().as_millis();
        println!("{:>2} {:<34} {verdict:<6} {took:>6} ms  {}", case.threat, case.name, case.what);
        wrong.into_iter().map(|what| format!("{}: {what}", case.name)).collect()
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // It ends when there is nothing more to read.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The other side: looks at what it is told until there is nothing more.
pub(crate) fn work_through(mut look_at: impl FnMut(&'static Case) -> Vec<String>) {
    for line in std::io::stdin().lines() {
        let name = line.unwrap();
        let wrong = look_at(case(&name).unwrap());
        println!("{}", serde_json::to_string(&wrong).unwrap());
    }
}
