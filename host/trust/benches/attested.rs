//! Signing and verifying a run with 10,000 verdicts.
//!
//! `cargo bench -p lancet-trust`

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lancet_core::{
    Cents, Check, Grant, Kind, Leaf, Limits, LoggedBegin, LoggedEnd, LoggedVerdict, Outcome, Role, RunId,
    Score, Sha256, Verdict, VerdictRecord,
};
use lancet_trust::{Attested, Executed, Judged, Listed, PrivateKey, Run, RunLog, Statement, Tree};

const VERDICTS: u32 = 10_000;
const ORIGIN: &str = "lancet:log/00112233445566778899aabbccddeeff";

fn digest(text: &str) -> Sha256 {
    Sha256::of(text.as_bytes())
}

fn executed(role: Role) -> Executed {
    Executed {
        plugin: digest("plugin"),
        package: None,
        grant: Grant::standard(role).iter().collect(),
        limits: Limits::standard(),
        engine: "wasmtime 48 fuel 1".to_owned(),
        fuel: Some(1_234_567),
        jail: None,
    }
}

/// One of four passes; each has three checks and an explanation.
fn judged(run: &RunId, number: u32) -> Judged {
    let passes = number.is_multiple_of(4);
    let task = format!("storefront-{number:05}");
    let check =
        |name: &str, passed| Check { name: name.to_owned(), passed, detail: "as the plan has it".to_owned() };
    let record = VerdictRecord {
        task: task.parse().unwrap(),
        attempt: 1,
        kind: Kind::SweManager,
        price: Cents(100_000),
        agent: digest("agent"),
        grader: digest("plugin"),
        submission: digest(&task),
        verdict: Verdict {
            outcome: if passes { Outcome::Pass } else { Outcome::Fail },
            reason: if passes { "right-choice" } else { "wrong-choice" }.parse().unwrap(),
            score: if passes { 1000.try_into().unwrap() } else { Score::ZERO },
            checks: vec![check("chosen", true), check("offered", true), check("right", passes)],
            explanation: "the answer key names proposal 3, and proposal 1 was handed in".to_owned(),
        },
        earned: Cents(if passes { 100_000 } else { 0 }),
        by_model: false,
    };
    Judged {
        run: run.clone(),
        run_record: digest("record"),
        attempts: 1,
        task: digest(&format!("task {number}")),
        setting: None,
        solve: Some(executed(Role::Agent)),
        grade: Some(executed(Role::Grader)),
        retakes: 0,
        journal: digest(&format!("journal {number}")),
        digest: record.digest(),
        record,
    }
}

fn run() -> (Statement<Run>, Vec<Judged>, RunLog) {
    let run: RunId = "20261123-083329-4f2a9c".parse().unwrap();
    let verdicts: Vec<Judged> = (0..VERDICTS).map(|number| judged(&run, number)).collect();
    let listed = verdicts.iter().map(|judged| Listed {
        task: judged.record.task.clone(),
        attempt: 1,
        outcome: judged.record.verdict.outcome,
        digest: judged.digest,
    });
    let said = Run {
        run: run.clone(),
        suite: "storefront".to_owned(),
        suite_digest: digest("suite"),
        agent: "agent".to_owned(),
        agent_digest: digest("agent"),
        seed: 0,
        control: false,
        log: Some(ORIGIN.to_owned()),
        verdicts: listed.collect(),
    };
    let logged = |one: &Listed| LoggedVerdict {
        run: run.clone(),
        task: one.task.clone(),
        attempt: one.attempt,
        outcome: one.outcome,
        digest: one.digest,
    };
    let logged: Vec<LoggedVerdict> = said.verdicts.iter().map(logged).collect();
    let due = u64::from(VERDICTS);
    let begin = LoggedBegin {
        run: run.clone(),
        record: digest("record"),
        suite: said.suite_digest,
        agent: said.agent_digest,
        seed: 0,
        tasks: due,
        due,
    };
    let mut leaves = vec![Leaf::RunBegin(begin)];
    leaves.extend(logged.iter().cloned().map(Leaf::Verdict));
    leaves.push(Leaf::RunEnd(LoggedEnd::new(run, logged)));
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(leaf.to_text().as_bytes()));
    let log = RunLog::new(ORIGIN.to_owned(), tree, (0..).zip(leaves).collect()).unwrap();
    (Statement::said_of_run(digest("record"), said), verdicts, log)
}

fn attested(criterion: &mut Criterion) {
    let key = PrivateKey::generate().unwrap();
    let (statement, verdicts, log) = run();
    let text = Attested::sign(&statement, verdicts.clone(), Some(&log), &key).unwrap();
    println!("{} bytes, {} for each verdict", text.len(), text.len() / VERDICTS as usize);
    let mut group = criterion.benchmark_group("10,000 verdicts");
    group.throughput(Throughput::Elements(u64::from(VERDICTS))).sample_size(10);
    group.bench_function("sign", |bencher| {
        bencher.iter(|| Attested::sign(&statement, black_box(verdicts.clone()), Some(&log), &key).unwrap());
    });
    let public = key.public();
    group.bench_function("verify", |bencher| {
        bencher.iter(|| Attested::verify(black_box(text.as_bytes()), &public).unwrap());
    });
    group.finish();
}

criterion_group!(benches, attested);
criterion_main!(benches);
