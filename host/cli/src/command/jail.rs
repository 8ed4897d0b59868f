//! What `lancet doctor` says of the jail that strangers' plugins run in.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use lancet_core::{Answer, Cents, Finding, Grant, Kind, Limits, Outcome, Proposal, Role, Task};
use lancet_engine::{Behind, Call, GradeOutput, Plugin, Sources};
use lancet_jail::Jail;

use crate::failure::Failure;
use crate::isolation::{IsolationArguments, landlock_problem};
use crate::session::{block_on, loader};

/// The grader that judges here: a built-in one, which a suite can name.
const GRADER: &str = "manager-choice";

const WAYS_OUT: &str = "strangers' plugins are refused: run Lancet on a kernel, or in a container, that lets filters of \
                        system calls be made, or have them run in its own process with `--isolation in-process`";

/// What the kernel has for a jail, and whether an answer is judged in one as it should be.
pub(super) fn findings() -> Vec<Finding> {
    let jail = Jail::probe();
    let mut findings = vec![seccomp(&jail), landlock(&jail)];
    if jail.seccomp.is_ok() {
        findings.push(grade());
    }
    findings
}

fn seccomp(jail: &Jail) -> Finding {
    const CHECK: &str = "seccomp";
    match &jail.seccomp {
        Ok(()) => Finding::good(CHECK, "system calls of strangers' plugins are filtered"),
        Err(why) => Finding::bad(CHECK, why, WAYS_OUT),
    }
}

/// No problem when it is missing, since seccomp holds without; there is something to do even so.
fn landlock(jail: &Jail) -> Finding {
    const CHECK: &str = "landlock";
    let detail = match &jail.landlock {
        Ok(abi) => format!("ABI {abi}: jailed processes have no file and no port"),
        Err(_) => String::new(),
    };
    match landlock_problem(jail) {
        None => Finding::good(CHECK, detail),
        Some(problem) => Finding {
            hint: Some(
                "jailed processes are held by seccomp alone; `--require landlock` refuses that".to_owned(),
            ),
            ..Finding::good(CHECK, problem)
        },
    }
}

/// Has a right answer judged in a jailed process.
fn grade() -> Finding {
    const CHECK: &str = "jailed grade";
    match graded() {
        Ok((output, held, took_us)) if output.verdict.outcome == Outcome::Pass => {
            Finding::good(CHECK, format!("`{GRADER}` judged an answer after {took_us} us; held by: {held}"))
        }
        Ok((output, ..)) => {
            let verdict = output.verdict;
            let told =
                format!("`{GRADER}` came to {} {}: {}", verdict.outcome, verdict.reason, verdict.explanation);
            Finding::bad(CHECK, told, WAYS_OUT)
        }
        Err(failure) => Finding::bad(CHECK, failure.to_string(), failure.hint_or(WAYS_OUT)),
    }
}

/// What the grader came to, what held it, and how many microseconds its call took.
fn graded() -> Result<(GradeOutput, String, u128), Failure> {
    let loader = loader(NonZeroUsize::MIN, &IsolationArguments::process())?;
    let named = lancet_runner::find(Role::Grader, GRADER)?;
    let plugin = loader.load(&named, &Grant::standard(Role::Grader))?;
    let (task, submission) = (task()?, Answer::Choice(1));
    let sources = Sources {
        submission: Some(Arc::new(submission.clone())),
        answer_key: Some(Arc::new(r#"{"correct": 1}"#.to_owned())),
        ..Sources::default()
    };
    let limits = Limits::standard();
    let call =
        Call { task: &task, limits: &limits, seed: [0; 32], behind: Behind::live(sources), journal: None };
    block_on(async {
        let started = Instant::now();
        let output = plugin.grade(call, &submission).await?;
        Ok((output, held(&plugin), started.elapsed().as_micros()))
    })
}

fn held(plugin: &Plugin) -> String {
    plugin.jail().map_or_else(|| "nothing".to_owned(), |jail| jail.to_string())
}

fn task() -> Result<Task, Failure> {
    let proposal = |id| Proposal { id, text: "Mend it.".to_owned() };
    Ok(Task {
        id: "doctor".parse().map_err(|e| crate::failure::host("naming a task", e))?,
        kind: Kind::SweManager,
        title: "Something to judge".to_owned(),
        statement: "It is broken.".to_owned(),
        price: Cents(100),
        proposals: vec![proposal(0), proposal(1)],
    })
}
