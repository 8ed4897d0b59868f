use lancet_core::{
    ArtifactKind, ArtifactRule, CaseStatus, ChangeSet, InfraFaultKind, Isolation, Plan, ReportState, Rerun,
    RunEnd, Service,
};
use lancet_docker::Docker;

use crate::task::{TestTask, artifact, conclusion, service, step, words};

/// Passes when the app's answer is right.
const TESTS: &str = "from junit import *\nfinish({'right': ask('6*7') == '42', 'must_fail': False})\n";

fn with_app(plan: &Plan, app: Service) -> Plan {
    let mut plan = plan.clone();
    if let Isolation::Split { app: old, .. } = &mut plan.isolation {
        *old = app;
    }
    plan
}

#[tokio::test]
async fn a_right_submission_passes_and_others_fail() {
    let mut task = TestTask::new().await;
    let plan = task.plan(TESTS).await;
    let right = task.answering("eval(line)").await;
    let outcome = task.run(&plan, &right).await;
    assert_eq!(conclusion(&outcome), "pass tests-passed");
    let run = &outcome.report.runs[0];
    assert_eq!(run.end, RunEnd::Exited(1));
    assert_eq!(run.report, ReportState::Read);
    let cases: Vec<_> = run.cases.iter().map(|case| (case.id.as_str(), case.status)).collect();
    assert_eq!(cases, [("t::must_fail", CaseStatus::Failed), ("t::right", CaseStatus::Passed)]);
    assert!(artifact(&outcome, "app-output").contains("listening"));

    let nothing = crate::task::taken(Docker::unchanged(&task.environment));
    assert_eq!(conclusion(&task.run(&plan, &nothing).await), "fail tests-failed");
    let wrong = task.answering("43").await;
    assert_eq!(conclusion(&task.run(&plan, &wrong).await), "fail tests-failed");
}

#[tokio::test]
async fn the_app_has_the_submitted_files_and_nothing_that_was_deleted() {
    let mut task = TestTask::new().await;
    let script = "from junit import *\nprint(ask(''))\nfinish({'right': True, 'must_fail': False})\n";
    let plan = task.plan(script).await;
    let look = "__import__('subprocess').run('cd /srv/repo; ls -A . old new/deep run.sh; stat -c%a_%g new new/tool logic.py; find . ! -user $(id -u); cat new/deep/file; env', shell=True, capture_output=True, text=True).stdout.replace('\\n', ' ')";
    let submission = task
        .submission(&format!(
            "cat > logic.py <<'X'\ndef answer(line):\n    return {look}\nX\n\
             mkdir -p new/deep; echo here > new/deep/file; echo x > new/tool; chmod 755 new/tool\n\
             rm old/a.txt old/deep/c.txt run.sh link.py; mkdir run.sh; echo x > run.sh/in; chmod -x old/b.txt"
        ))
        .await;
    assert_eq!(submission.files.len(), 8);
    let outcome = task.run(&plan, &submission).await;
    assert_eq!(conclusion(&outcome), "pass tests-passed", "{}", artifact(&outcome, "app-output"));
    let seen = artifact(&outcome, "output");
    let expected = ".: .git data.bin logic.py new old run.sh settings.ini vendor  new/deep: file  old: b.txt  run.sh: in 755_10001 755_10001 644_10001 here";
    assert!(seen.starts_with(expected), "{seen}");
    assert!(seen.contains("COLOUR=green") && !seen.contains("SHAPE"), "{seen}");

    // The same with the image's own entry point.
    let plan = with_app(&plan, Service { argv: Vec::new(), ..service() });
    let outcome = task.run(&plan, &submission).await;
    assert!(artifact(&outcome, "output").starts_with(expected));
}

#[tokio::test]
async fn the_driver_is_apart_and_its_results_are_its_own() {
    let mut task = TestTask::new().await;
    // Whatever the app does to its own `/lancet` is not what is read.
    let forged = task
        .submission(
            "cat > logic.py <<'X'\nimport os\ndef answer(line):\n    return os.popen('mkdir -p /tmp/lancet /lancet/results; echo \"<testsuites/>\" > /lancet/results/junit.xml; ls -A /lancet; id -u').read().replace('\\n', ' ')\nX",
        )
        .await;
    let script = "from junit import *\nimport os\n\
                  print(ask('x'))\nprint(os.listdir('/lancet'), os.listdir('/lancet/results'), os.getgid(), os.environ['SHAPE'], os.environ.get('COLOUR'), os.getcwd(), os.listdir('.'))\n\
                  try: open('/srv/x', 'w')\nexcept OSError as e: print(e.errno)\n\
                  os.makedirs('/lancet/results/shots/deep'); open('/lancet/results/shots/1.png', 'w').write('one'); open('/lancet/results/shots/deep/2.png', 'w').write('two')\n\
                  os.symlink('/etc/passwd', '/lancet/results/shots/passwd'); open('/lancet/results/log.txt', 'w').write('log')\n\
                  finish({'right': ask('1') == '42', 'must_fail': False})\n";
    let mut plan = task.plan(script).await;
    let rule = |name: &str, kind, path: &str| ArtifactRule { name: name.into(), kind, path: path.into() };
    plan.artifacts = vec![
        rule("shots", ArtifactKind::Screenshot, "/lancet/results/shots"),
        rule("log", ArtifactKind::Log, "/lancet/results/log.txt"),
        rule("video", ArtifactKind::Video, "/lancet/results/none.webm"),
    ];
    plan.files.push(task.laid("data/deep/table.csv", "1,2"));
    let outcome = task.run(&plan, &forged).await;
    assert_eq!(conclusion(&outcome), "fail tests-failed");
    let output = artifact(&outcome, "output");
    let lines: Vec<&str> = output.lines().collect();
    assert!(!lines[0].contains("results"), "{output}");
    assert!(lines[1].contains("[] 10001 round None /lancet/tests"), "{output}");
    assert_eq!(lines[2], "30", "{output}");
    let run = &outcome.report.runs[0];
    let names: Vec<&str> = run.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["app-output", "log", "output", "shots/1.png", "shots/deep/2.png"]);
    assert_eq!(artifact(&outcome, "shots/deep/2.png"), "two");
}

#[tokio::test]
async fn reports_that_are_no_good_are_invalid() {
    let mut task = TestTask::new().await;
    let right = task.answering("eval(line)").await;
    for (script, expected) in [
        ("raise SystemExit(1)", "invalid no-report"),
        (
            "from junit import *\nopen('/lancet/results/junit.xml', 'w').write('<testsuites>')\nsys.exit(1)",
            "invalid malformed-report",
        ),
        (
            "from junit import *\nos.symlink('/etc/passwd', '/lancet/results/junit.xml')\nsys.exit(1)",
            "invalid malformed-report",
        ),
        (
            "from junit import *\nopen('/lancet/results/junit.xml', 'w').truncate((16 << 20) + 1)\nsys.exit(1)",
            "invalid report-too-large",
        ),
        (
            "from junit import *\nfinish({'right': True, 'must_fail': False, 'other': True})",
            "invalid unknown-tests",
        ),
        ("from junit import *\nfinish({'must_fail': False})", "fail required-test-missing"),
        ("from junit import *\nfinish({'right': True, 'must_fail': True})", "fail sentinel-passed"),
        (
            "from junit import *\nreport({'right': True, 'must_fail': False})\nsys.exit(0)",
            "invalid exit-status-contradicts",
        ),
        // As cargo-nextest does.
        (
            "from junit import *\nreport({'right': False, 'must_fail': False})\nsys.exit(100)",
            "fail tests-failed",
        ),
        (
            "from junit import *\nreport({'right': True, 'must_fail': False})\nos.kill(os.getpid(), 9)",
            "invalid tests-error",
        ),
    ] {
        let plan = task.plan(script).await;
        assert_eq!(conclusion(&task.run(&plan, &right).await), expected, "{script}");
    }
}

#[tokio::test]
async fn limits_of_a_run_are_a_failure() {
    let mut task = TestTask::new().await;
    let mut slow = task.plan("import time\ntime.sleep(100)").await;
    slow.timeout_seconds = 1;
    let right = task.answering("eval(line)").await;
    assert_eq!(conclusion(&task.run(&slow, &right).await), "fail tests-timed-out");

    let plan = task.plan(TESTS).await;
    for (expression, expected) in [
        ("b'x' * (1 << 30)", "fail out-of-memory"),
        ("[open(f'/tmp/{i}', 'wb').write(bytes(1 << 22)) for i in range(80)] and 43", "fail disk-limit"),
        ("__import__('time').sleep(100)", "fail tests-failed"),
        // Processes, or the memory that they take, whichever is used up first.
        ("[__import__('os').fork() for _ in iter(int, 1)]", "fail"),
        ("print('flood ' * 1000000, flush=True) or 43", "fail tests-failed"),
    ] {
        let submission = task.answering(expression).await;
        let script = "from junit import *\ntry: right = ask('6*7') == '42'\nexcept Exception: right = False\nfinish({'right': right, 'must_fail': False})\n";
        let plan = Plan { files: vec![task.laid("test.py", script)], ..plan.clone() };
        let outcome = task.run(&plan, &submission).await;
        assert!(conclusion(&outcome).starts_with(expected), "{expression}: {}", conclusion(&outcome));
        assert!(artifact(&outcome, "app-output").len() <= 1 << 20);
    }
    // What the app uses up does not undo a pass.
    let greedy =
        "(__import__('subprocess').run(['python3', '-c', 'bytearray(range(9)) * (1 << 27)']), eval(line))[1]";
    let greedy = task.answering(greedy).await;
    assert_eq!(conclusion(&task.run(&plan, &greedy).await), "pass tests-passed");
}

#[tokio::test]
async fn an_app_that_does_not_come_up_is_blamed_on_the_submission_only_if_it_does_without() {
    let mut task = TestTask::new().await;
    let plan = task.plan(TESTS).await;
    let mut quick = service();
    quick.ready.timeout_seconds = 3;
    let broken = task.submission("echo 'this is no python' > logic.py").await;
    let outcome = task.run(&with_app(&plan, service()), &broken).await;
    assert_eq!(conclusion(&outcome), "fail app-not-ready");
    assert_eq!(outcome.report.runs[0].end, RunEnd::NotReady);
    assert!(artifact(&outcome, "app-output").contains("SyntaxError"));
    let hanging = task.submission("echo 'import time; time.sleep(1000)' > logic.py").await;
    assert_eq!(conclusion(&task.run(&with_app(&plan, quick.clone()), &hanging).await), "fail app-not-ready");
    let greedy = task.submission("echo 'x = bytearray(range(9)) * (1 << 27)' > logic.py").await;
    assert_eq!(conclusion(&task.run(&with_app(&plan, service()), &greedy).await), "fail out-of-memory");
    // They sleep: processes are used up before memory is, however busy the machine.
    let crowded =
        "import os, time\nwhile True:\n    try: os.fork() or time.sleep(1000)\n    except OSError: pass";
    let crowded = task.submission(&format!("cat > logic.py <<'END'\n{crowded}\nEND")).await;
    assert_eq!(conclusion(&task.run(&with_app(&plan, quick), &crowded).await), "fail app-not-ready");
    let gone = task.submission("rm logic.py").await;
    let mut three = with_app(&plan, service());
    three.rerun = Rerun::AnyOf3;
    let outcome = task.run(&three, &gone).await;
    assert_eq!(outcome.report.runs.len(), 3);

    for app in [
        Service { argv: words(&["sleep", "100"]), ready: step(&["false"], 2) },
        Service { argv: words(&["false"]), ready: step(&["true"], 5) },
        Service { argv: words(&["/no/such/program"]), ready: step(&["true"], 5) },
        Service { argv: words(&["sleep", "100"]), ready: step(&["/no/such/program"], 2) },
    ] {
        let plan = with_app(&plan, app);
        let run = task.docker.run_plan(&task.environment, &plan, &broken, &task.blobs, &task.lease);
        assert_eq!(run.await.unwrap_err().kind, InfraFaultKind::NotReady);
        task.nothing_is_left().await;
    }
}

#[tokio::test]
async fn reruns_end_with_the_first_pass() {
    let mut task = TestTask::new().await;
    // The driver's containers know nothing of each other, so chance decides.
    let script =
        "from junit import *\nimport time\nfinish({'right': time.time_ns() % 2 == 0, 'must_fail': False})\n";
    let mut plan = task.plan(script).await;
    plan.rerun = Rerun::AnyOf3;
    let nothing = crate::task::taken(Docker::unchanged(&task.environment));
    let outcome = task.run(&plan, &nothing).await;
    let passed: Vec<bool> =
        outcome.report.runs.iter().map(|run| run.conclusion.reason.as_str() == "tests-passed").collect();
    assert!(
        [&[true][..], &[false, true], &[false, false, true], &[false, false, false]].contains(&&passed[..]),
        "{passed:?}"
    );
    assert_eq!(outcome.report.runs[0].artifacts.len(), 2);
}

async fn fault(task: &TestTask, plan: &Plan, submission: &ChangeSet) -> InfraFaultKind {
    let run = task.docker.run_plan(&task.environment, plan, submission, &task.blobs, &task.lease);
    let fault = run.await.unwrap_err();
    task.nothing_is_left().await;
    fault.kind
}

#[tokio::test]
async fn a_plan_that_cannot_be_carried_out_is_a_fault_and_leaves_nothing() {
    let mut task = TestTask::new().await;
    let plan = task.plan(TESTS).await;
    let right = task.answering("eval(line)").await;
    let outside = Plan { files_at: "/srv/tests".into(), ..plan.clone() };
    assert_eq!(fault(&task, &outside, &right).await, InfraFaultKind::DockerError);
    let mut greedy = plan.clone();
    if let Isolation::Split { driver_resources, .. } = &mut greedy.isolation {
        driver_resources.memory_bytes = 1 << 50;
    }
    assert_eq!(fault(&task, &greedy, &right).await, InfraFaultKind::ResourcesExceeded);
    let mut missing = plan.clone();
    if let Isolation::Split { driver, .. } = &mut missing.isolation {
        driver.reference = format!("sha256:{}", "0".repeat(64));
    }
    task.environment.plans = vec![missing.clone()];
    assert_eq!(fault(&task, &missing, &right).await, InfraFaultKind::ImageMissing);
}
