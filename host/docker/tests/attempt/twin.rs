use lancet_core::{ChangeSet, InfraFault, InfraFaultKind, Plan, RunEnd, Service};

use crate::task::{TestTask, artifact, conclusion, service, step, words};

const TESTS: &str = "from junit import *\n\
                     try: right = ask('6*7') == '42'\nexcept Exception: right = False\n\
                     finish({'right': right, 'must_fail': False}, '/tmp/junit.xml')\n";

/// What the tests need beside them.
fn driver() -> Service {
    Service {
        argv: words(&["sh", "-c", "sleep 1; touch /tmp/up; exec sleep infinity"]),
        ready: step(&["test", "-f", "/tmp/up"], 20),
    }
}

async fn fault(task: &TestTask, plan: &Plan, submission: &ChangeSet) -> InfraFault {
    let run = task.docker.run_plan(&task.environment, plan, submission, &task.blobs, &task.lease);
    let fault = run.await.unwrap_err();
    task.nothing_is_left().await;
    fault
}

#[tokio::test]
async fn tests_in_a_second_container_pass_fail_and_are_bounded() {
    let mut task = TestTask::new().await;
    let plan = task.twin(driver(), TESTS).await;
    for (expression, expected) in [
        ("eval(line)", "pass tests-passed"),
        ("43", "fail tests-failed"),
        ("b'x' * (1 << 30)", "fail out-of-memory"),
        ("__import__('os')._exit(0)", "fail tests-failed"),
    ] {
        let submission = task.answering(expression).await;
        let outcome = task.run(&plan, &submission).await;
        assert_eq!(conclusion(&outcome), expected, "{expression}");
        assert!(artifact(&outcome, "app-output").contains("listening"));
    }
    let right = task.answering("eval(line)").await;
    let slow = Plan { argv: words(&["sleep", "100"]), timeout_seconds: 1, ..plan.clone() };
    assert_eq!(conclusion(&task.run(&slow, &right).await), "fail tests-timed-out");
    // Less than the app may write, and more than the driver may.
    let filling = "python3 -c 'open(\"/tmp/big\", \"wb\").truncate(0); open(\"/tmp/big\", \"ab\").write(bytes(63 << 20)); \
                   open(\"/tmp/more\", \"wb\").write(bytes(63 << 20))'; sleep 20";
    let filling = Plan { argv: words(&["sh", "-c", filling]), ..plan.clone() };
    let outcome = task.run(&filling, &right).await;
    assert_eq!(outcome.report.runs[0].end, RunEnd::DiskLimit);
}

#[tokio::test]
async fn neither_container_has_what_is_the_others() {
    let mut task = TestTask::new().await;
    let look = "from junit import *\nimport socket\n\
                print(ask('x'))\n\
                print(os.listdir('/srv/tests'), open('/srv/repo/logic.py').read(), os.environ['SHAPE'], os.environ['COLOUR'])\n\
                finish({'right': True, 'must_fail': False}, '/tmp/junit.xml')\n";
    let plan = task.twin(driver(), look).await;
    let submission = task
        .answering(
            "__import__('os').popen('mkdir -p /srv/tests; ls -A /srv /srv/tests; echo forged > /tmp/junit.xml').read().replace('\\n', ' ')",
        )
        .await;
    let outcome = task.run(&plan, &submission).await;
    assert_eq!(conclusion(&outcome), "pass tests-passed");
    let output = artifact(&outcome, "output");
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("/srv: harness repo tests  /srv/tests:"), "{output}");
    assert!(!lines[0].contains("key") && !lines[0].contains("test.py"), "{output}");
    assert!(lines[1].contains("'key'") && lines[1].contains("'test.py'"), "{output}");
    assert!(!output.contains("popen"), "{output}");
    assert!(output.contains("round green"), "{output}");
}

#[tokio::test]
async fn what_does_not_come_up_is_told_apart() {
    let mut task = TestTask::new().await;
    let plan = task.twin(driver(), TESTS).await;
    let broken = task.submission("echo nonsense > logic.py").await;
    assert_eq!(conclusion(&task.run(&plan, &broken).await), "fail app-not-ready");
    // Nothing submitted is where the tests run: that they cannot is nobody's failure.
    let ending = Service { argv: words(&["echo", "no display"]), ..driver() };
    let ending = task.twin(ending, TESTS).await;
    let right = task.answering("eval(line)").await;
    let found = fault(&task, &ending, &right).await;
    assert_eq!(found.kind, InfraFaultKind::NotReady);
    assert!(
        found.message.contains("what the tests need") && found.message.ends_with("no display"),
        "{found:?}"
    );
    let never = Service { ready: step(&["false"], 1), ..service() };
    let never = match task.twin(driver(), TESTS).await {
        Plan { isolation: lancet_core::Isolation::Twin { alias, driver, driver_resources, .. }, .. } => {
            let isolation = lancet_core::Isolation::Twin { app: never, alias, driver, driver_resources };
            Plan { isolation, ..plan.clone() }
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&task, &never, &broken).await.kind, InfraFaultKind::NotReady);
    let no_report = Plan { argv: words(&["true"]), ..plan };
    assert_eq!(conclusion(&task.run(&no_report, &right).await), "invalid no-report");
}
