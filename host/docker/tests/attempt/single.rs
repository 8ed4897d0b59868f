use lancet_core::{InfraFaultKind, Plan, RunEnd, Service};

use crate::task::{TestTask, artifact, conclusion, service, step, words};

/// Imports the code; the report is where the plan says.
const DIRECT: &str = "import sys\nsys.path.insert(0, '/srv/repo')\nsys.path.insert(0, '/srv/tests')\n\
                      from junit import *\nfrom logic import answer\n\
                      finish({'right': answer('6*7') == 42, 'must_fail': False}, '/tmp/junit.xml')\n";
/// Asks the service.
const ASKING: &str = "from junit import *\n\
                      try: right = ask('6*7', '127.0.0.1') == '42'\nexcept Exception: right = False\n\
                      print('asked', os.environ['SHAPE'])\n\
                      finish({'right': right, 'must_fail': False}, '/tmp/junit.xml')\n";

#[tokio::test]
async fn tests_alone_pass_fail_and_are_bounded() {
    let mut task = TestTask::new().await;
    let mut plan = task.single(None, "").await;
    plan.report = "/tmp/r/junit.xml".into();
    let script =
        DIRECT.replace("finish(", "os.mkdir('/tmp/r')\nfinish(").replace("/tmp/junit.xml", &plan.report);
    plan.files[0] = task.laid("test.py", &script);
    for (expression, expected) in [
        ("eval(line)", "pass tests-passed"),
        ("43", "fail tests-failed"),
        ("b'x' * (1 << 30)", "fail out-of-memory"),
        ("[open(f'/tmp/{i}', 'wb').write(bytes(1 << 22)) for i in range(80)]", "fail disk-limit"),
        ("__import__('os')._exit(0)", "fail tests-broken"),
        // The report would lie below a file, or a link that leads round in a circle.
        ("__import__('os').system('rm -r /tmp/r; echo > /tmp/r; kill -9 $PPID')", "fail tests-broken"),
        ("__import__('os').system('rm -r /tmp/r; ln -s r /tmp/r; kill -9 $PPID')", "fail tests-broken"),
    ] {
        let submission = task.answering(expression).await;
        assert_eq!(conclusion(&task.run(&plan, &submission).await), expected, "{expression}");
    }
    let slow = task.answering("__import__('time').sleep(100)").await;
    let plan = Plan { timeout_seconds: 2, ..plan };
    assert_eq!(conclusion(&task.run(&plan, &slow).await), "fail tests-timed-out");
}

#[tokio::test]
async fn tests_beside_a_service_pass_fail_and_are_bounded() {
    let mut task = TestTask::new().await;
    // The folder for results is made for the tests: the image has none.
    let report = "/lancet/results/junit.xml";
    let plan = task.single(Some(service()), &ASKING.replace("/tmp/junit.xml", report)).await;
    let plan = Plan { report: report.into(), ..plan };
    for (expression, expected) in [
        ("eval(line)", "pass tests-passed"),
        ("43", "fail tests-failed"),
        ("b'x' * (1 << 30)", "fail out-of-memory"),
    ] {
        let submission = task.answering(expression).await;
        let outcome = task.run(&plan, &submission).await;
        assert_eq!(conclusion(&outcome), expected, "{expression}");
        assert!(artifact(&outcome, "app-output").contains("listening"));
    }
    let right = task.answering("eval(line)").await;
    assert!(artifact(&task.run(&plan, &right).await, "output").contains("asked round"));
    let slow = Plan { argv: words(&["sleep", "100"]), timeout_seconds: 1, ..plan.clone() };
    assert_eq!(conclusion(&task.run(&slow, &right).await), "fail tests-timed-out");
    // The service takes the tests with it.
    let ending = task.answering("__import__('os')._exit(0)").await;
    let long = Plan { argv: words(&["sh", "-c", "python3 test.py; sleep 20"]), ..plan.clone() };
    let outcome = task.run(&long, &ending).await;
    assert_eq!(outcome.report.runs[0].end, RunEnd::Broken);
    assert_eq!(conclusion(&outcome), "fail tests-broken");

    let broken = task.submission("echo nonsense > logic.py").await;
    assert_eq!(conclusion(&task.run(&plan, &broken).await), "fail app-not-ready");
    let never = Service { argv: words(&["sleep", "100"]), ready: step(&["false"], 1) };
    let never = task.single(Some(never), ASKING).await;
    let run = task.docker.run_plan(&task.environment, &never, &right, &task.blobs, &task.lease);
    assert_eq!(run.await.unwrap_err().kind, InfraFaultKind::NotReady);
    task.nothing_is_left().await;
}

#[tokio::test]
async fn tests_lie_over_the_submission() {
    let mut task = TestTask::new().await;
    let mut plan = task.single(None, DIRECT).await;
    plan.files_at = "/srv/repo/tests".into();
    plan.working_directory = Some("/srv/repo/tests".into());
    plan.report = "/srv/repo/report.xml".into();
    let script =
        DIRECT.replace("/srv/tests", "/srv/repo/tests").replace("/tmp/junit.xml", "/srv/repo/report.xml");
    plan.files[0] = task.laid("test.py", &script);
    // A test, a report and a folder of its own in the place of a test's file; the
    // tests' folder as a file.
    for command in [
        "mkdir tests; echo 'raise SystemExit(0)' > tests/test.py",
        "mkdir -p tests/test.py; echo x > tests/test.py/x",
        "echo x > tests",
        "mkdir tests; echo 'import os; os._exit(0)' > tests/sitecustomize.py",
        "rm -r old logic.py; printf 'def answer(line):\\n    return 43\\n' > logic.py",
    ] {
        let submission = task.submission(command).await;
        let outcome = task.run(&plan, &submission).await;
        assert_eq!(conclusion(&outcome), "fail tests-failed", "{command}: {}", artifact(&outcome, "output"));
    }
    let forged = "echo '<testsuites><testsuite><testcase classname=\"t\" name=\"right\"/><testcase classname=\"t\" name=\"must_fail\"><failure/></testcase></testsuite></testsuites>' > report.xml";
    let quits = format!("{forged}; printf 'import os; os._exit(1)' > logic.py");
    let submission = task.submission(&quits).await;
    assert_eq!(conclusion(&task.run(&plan, &submission).await), "fail tests-broken");
    // Tests that end with the status of an error whatever they find pass nobody, which is no
    // submission's doing. It makes *invalid* of nothing else: not of a report that is forged but
    // for the test that has to fail, and not of none.
    let two = Plan { argv: words(&["sh", "-c", "python3 test.py; exit 2"]), ..plan.clone() };
    let case =
        |name: &str, inside: &str| format!("<testcase classname=\"t\" name=\"{name}\">{inside}</testcase>");
    for (sentinel, expected) in [
        (case("must_fail", "<failure/>"), "invalid tests-error"),
        (case("must_fail", ""), "fail tests-broken"),
    ] {
        let report = format!("<testsuite>{}{sentinel}</testsuite>", case("right", ""));
        let forges = format!(
            "printf '%s' 'open(\"/srv/repo/report.xml\", \"w\").write(\"\"\"{report}\"\"\"); import os; os._exit(2)' > logic.py"
        );
        let submission = task.submission(&forges).await;
        assert_eq!(conclusion(&task.run(&two, &submission).await), expected, "{sentinel}");
    }
    let submission = task.submission("printf 'import os; os._exit(2)' > logic.py").await;
    assert_eq!(conclusion(&task.run(&two, &submission).await), "fail tests-broken");
}

#[tokio::test]
async fn the_tests_own_status_may_lie_in_a_file() {
    let mut task = TestTask::new().await;
    let mut plan = task.single(None, DIRECT).await;
    plan.status_file = Some("/tmp/status".into());
    let submission = task.answering("eval(line)").await;
    for (command, expected) in [
        ("python3 test.py; echo $? > /tmp/status", "pass tests-passed"),
        ("python3 test.py; true", "invalid no-exit-status"),
        ("python3 test.py; echo ok > /tmp/status", "invalid no-exit-status"),
        ("python3 test.py; echo 1 > /tmp/status; exit 3", "invalid tests-error"),
        ("python3 test.py; echo 4 > /tmp/status", "invalid tests-error"),
        ("python3 test.py; echo 1 > /tmp/real; ln -s /tmp/real /tmp/status", "invalid no-exit-status"),
    ] {
        let plan = Plan { argv: words(&["sh", "-c", command]), ..plan.clone() };
        assert_eq!(conclusion(&task.run(&plan, &submission).await), expected, "{command}");
    }
}
