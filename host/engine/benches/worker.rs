//! What one verdict costs in a jailed process, beside one in this process: from a call to its
//! verdict where a worker stands ready, and as many as the processors give.
//!
//! ```text
//! cargo test -p lancet --test end-to-end guests_in   # builds the graders in Python and JavaScript
//! cargo bench -p lancet-engine --bench worker
//! ```
//!
//! Prints a table. Graders that are not built are left out, and said to be. Languages can be
//! named behind `--`, and then others are left out too.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lancet_core::{Answer, Capability, Cents, Grant, Kind, Limits, Outcome, Proposal, Role, Task};
use lancet_engine::{Behind, Call, Compiler, Plugin, Runtime, RuntimeOptions, Sources, Workers, run_worker};

/// What makes this program work for a plugin.
const WORKER: &str = "work";
/// How many verdicts are timed one by one.
const TIMED: u32 = 200;
/// How long verdicts are made one after the other.
const SPAN: Duration = Duration::from_secs(5);
/// What `/proc` counts processor time in, per second.
const TICKS: f64 = 100.0;

/// A grader to be measured.
struct Guest {
    language: &'static str,
    component: Vec<u8>,
    grant: Grant,
    /// Long enough for a pool to be filled again.
    rest: Duration,
}

fn guests(wanted: &[String]) -> Vec<Guest> {
    let builtin = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    let standard = Grant::standard(Role::Grader);
    let mut guests = vec![Guest {
        language: "Rust",
        component: builtin.component.to_vec(),
        grant: standard.clone(),
        rest: Duration::from_millis(30),
    }];
    for (language, folder, grant) in [
        ("JavaScript", "judge-js", standard.clone().with(Capability::WasiInert).unwrap()),
        ("Python", "judge-py", standard),
    ] {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests").join(folder).join("component.wasm");
        match std::fs::read(&file) {
            Ok(component) => {
                guests.push(Guest { language, component, grant, rest: Duration::from_millis(100) });
            }
            Err(error) => println!("left out: {language}: {}: {error}", file.display()),
        }
    }
    guests.retain(|guest| wanted.is_empty() || wanted.iter().any(|wanted| wanted == guest.language));
    guests
}

/// A manager task of the size that SWE-Lancer's have in the middle.
fn task() -> Task {
    Task {
        id: "bench-task".parse().unwrap(),
        kind: Kind::SweManager,
        title: "A title of a usual length, as issues have them".to_owned(),
        statement: "What happened, and what should have. ".repeat(60),
        price: Cents(100_000),
        proposals: (0..5)
            .map(|id| Proposal { id, text: "Why it happens, and what to change where. ".repeat(50) })
            .collect(),
    }
}

async fn grade(grader: &Plugin, task: &Task, limits: &Limits) {
    let answer = Answer::Choice(3);
    let sources = Sources {
        submission: Some(Arc::new(answer.clone())),
        answer_key: Some(Arc::new(r#"{"correct": 3}"#.to_owned())),
        ..Sources::default()
    };
    let call = Call { task, limits, seed: [0; 32], behind: Behind::live(sources), journal: None };
    let output = grader.grade(call, &answer).await.unwrap();
    assert_eq!(output.verdict.outcome, Outcome::Pass, "{}", output.verdict.explanation);
}

/// The processor time of this process and of all that it has waited for.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    // utime, stime, cutime and cstime are the fields 14 to 17, and this begins with the third.
    fields.skip(11).take(4).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}

/// The largest resident set of the processes that stand ready for this one, in MiB.
fn resident() -> Option<f64> {
    let own = std::process::id().to_string();
    let of_child = |entry: std::fs::DirEntry| -> Option<f64> {
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        (field("PPid:")? == own).then_some(())?;
        Some(field("VmRSS:")?.strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(of_child).reduce(f64::max)
}

/// Verdicts one by one: the middle of what they took, and that of the slowest twentieth.
async fn timed(grader: Arc<Plugin>, rest: Duration) -> (Duration, Duration) {
    let (task, limits) = (task(), Limits::standard());
    let mut took = Vec::new();
    for _ in 0..TIMED {
        tokio::time::sleep(rest).await;
        let began = Instant::now();
        grade(&grader, &task, &limits).await;
        took.push(began.elapsed());
    }
    took.sort();
    (took[took.len() / 2], took[took.len() * 19 / 20])
}

/// Verdicts one after the other, as many at a time as there are processors: how many come of one
/// processor per second, and the processor time of one.
async fn many(grader: &Arc<Plugin>, processors: u32) -> (f64, f64) {
    let made = Arc::new(AtomicU32::new(0));
    let (before, began) = (computed(), Instant::now());
    let workers: Vec<_> = (0..processors)
        .map(|_| {
            let (grader, made) = (Arc::clone(grader), Arc::clone(&made));
            tokio::spawn(async move {
                let (task, limits) = (task(), Limits::standard());
                while began.elapsed() < SPAN {
                    grade(&grader, &task, &limits).await;
                    made.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let took = began.elapsed().as_secs_f64();
    // Those that are killed are waited for a little later.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let made = f64::from(made.load(Ordering::Relaxed));
    (made / took / f64::from(processors), (computed() - before) / made)
}

fn measure(wanted: &[String]) {
    let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let processors = u32::try_from(available.get()).unwrap();
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(available.get())
        .enable_all()
        .build()
        .unwrap();
    let guests = guests(wanted);
    println!("{processors} processors; {TIMED} verdicts one by one, then {} s of them\n", SPAN.as_secs());
    println!(
        "| grader in | where | call to verdict, p50 | p95 | verdicts per second and core | CPU per verdict | \
         memory of a worker |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Guest { language, component, grant, rest } in guests {
        // Of each its own, so that nothing else of it stands ready.
        let options = RuntimeOptions { concurrency: available, cache: None };
        let runtime = Runtime::new(&options).unwrap();
        let here = runtime.load(language, &component, &grant, &Compiler::Here).unwrap();
        let workers = Workers::own([WORKER]);
        let jailed = runtime.load_jailed(language, &component, &grant, &Compiler::Here, &workers).unwrap();
        for (place, grader, rest) in
            [("in process", here, Duration::from_millis(1)), ("jailed", jailed, rest)]
        {
            let is_jailed = grader.held().is_some();
            let grader = Arc::new(grader);
            let ((middle, slow), (rate, cpu), memory) = executor.block_on(async {
                // As attempts are, on one of the executor's threads.
                let timed = tokio::spawn(timed(Arc::clone(&grader), rest)).await.unwrap();
                tokio::time::sleep(rest).await;
                let memory = if is_jailed { resident() } else { None };
                (timed, many(&grader, processors).await, memory)
            });
            let memory = memory.map_or_else(|| "-".to_owned(), |memory| format!("{memory:.1} MiB"));
            println!(
                "| {language} | {place} | {:.3} ms | {:.3} ms | {rate:.0} | {:.2} ms | {memory} |",
                middle.as_secs_f64() * 1e3,
                slow.as_secs_f64() * 1e3,
                cpu * 1e3
            );
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &arguments[..]
        && first == WORKER
    {
        return run_worker(rest).into();
    }
    // Cargo says that this is no test.
    let wanted: Vec<_> = arguments.into_iter().filter(|argument| !argument.starts_with("--")).collect();
    measure(&wanted);
    ExitCode::SUCCESS
}
