//! What one grade costs: a fresh store and instance, the call with its recorded
//! capabilities, and taking it all down.

use std::num::NonZeroUsize;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lancet_core::{Answer, Cents, Grant, Kind, Limits, Outcome, Proposal, Role, Task};
use lancet_engine::{Behind, Call, Compiler, Plugin, Runtime, RuntimeOptions, Sources};

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

fn plugin(runtime: &Runtime, role: Role, name: &str) -> Plugin {
    let builtin = lancet_builtin::find(role, name).unwrap();
    runtime.load(name, builtin.component, &Grant::standard(role), &Compiler::Here).unwrap()
}

fn benches(criterion: &mut Criterion) {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runtime = Runtime::new(&RuntimeOptions { concurrency: NonZeroUsize::MIN, cache: None }).unwrap();
    let (task, limits) = (task(), Limits::standard());

    let grader = plugin(&runtime, Role::Grader, "manager-choice");
    let key = Arc::new(r#"{"correct": 3}"#.to_owned());
    let answer = Answer::Choice(3);
    criterion.bench_function("grade in a fresh instance", |bencher| {
        bencher.to_async(&executor).iter(async || {
            let sources = Sources {
                submission: Some(Arc::new(answer.clone())),
                answer_key: Some(Arc::clone(&key) as _),
                ..Sources::default()
            };
            let behind = Behind::live(sources);
            let call = Call { task: &task, limits: &limits, seed: [0; 32], behind, journal: None };
            let output = grader.grade(call, &answer).await.unwrap();
            assert_eq!(output.verdict.outcome, Outcome::Pass);
        });
    });

    let agent = plugin(&runtime, Role::Agent, "longest");
    criterion.bench_function("solve in a fresh instance", |bencher| {
        bencher.to_async(&executor).iter(async || {
            let behind = Behind::live(Sources::default());
            let call = Call { task: &task, limits: &limits, seed: [0; 32], behind, journal: None };
            agent.solve(call).await.unwrap()
        });
    });
}

criterion_group!(group, benches);
criterion_main!(group);
