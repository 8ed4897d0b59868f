//! What one grade costs in a jailed process, beside one in this process (`grade.rs`): from
//! a pool that is warm, and one after the other as fast as processes can be started.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use lancet_core::{Answer, Cents, Grant, Kind, Limits, Outcome, Proposal, Role, Task};
use lancet_engine::{Behind, Call, Compiler, Plugin, Runtime, RuntimeOptions, Sources, Workers, run_worker};

/// What makes this program work for a plugin.
const WORKER: &str = "work";
/// Long enough for a pool to be filled again.
const REST: Duration = Duration::from_millis(30);

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
    assert_eq!(output.verdict.outcome, Outcome::Pass);
}

fn benches(criterion: &mut Criterion) {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = RuntimeOptions { concurrency: NonZeroUsize::new(4).unwrap(), cache: None };
    let runtime = Runtime::new(&options).unwrap();
    let builtin = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    let grant = Grant::standard(Role::Grader);
    let load = || {
        let workers = Workers::own([WORKER]);
        runtime.load_jailed(builtin.name, builtin.component, &grant, &Compiler::Here, &workers).unwrap()
    };
    let (grader, task, limits) = (load(), task(), Limits::standard());
    criterion.bench_function("grade in a jailed process, from a warm pool", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                std::thread::sleep(REST);
                let began = Instant::now();
                executor.block_on(grade(&grader, &task, &limits));
                took += began.elapsed();
            }
            took
        });
    });
    criterion.bench_function("grade in a jailed process, one after the other", |bencher| {
        bencher.to_async(&executor).iter(|| grade(&grader, &task, &limits));
    });
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &arguments[..]
        && first == WORKER
    {
        return run_worker(rest).into();
    }
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
    ExitCode::SUCCESS
}
