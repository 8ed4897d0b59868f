//! What only comes to nothing with the submission is the submission's failure; what
//! does without it too is nobody's.

use lancet_core::{Isolation, Plan, RunEnd, Service};

use crate::task::{TestTask, artifact, conclusion, service, step, words};

/// Tests that the app's answer leads astray.
const ASTRAY: &str = "from junit import *\nimport signal\n\
    REPORT = 'REPORT_PATH'\n\
    try: reply = ask('6*7')\nexcept Exception: reply = ''\n\
    if reply == 'error': sys.exit(3)\n\
    if reply == 'none': sys.exit(1)\n\
    if reply == 'killed': os.kill(os.getpid(), signal.SIGKILL)\n\
    if reply == 'malformed': open(REPORT, 'w').write('<testsuites>'); sys.exit(1)\n\
    if reply == 'large': open(REPORT, 'w').truncate((16 << 20) + 1); sys.exit(1)\n\
    if reply == 'names': report({f'{n:04000}': False for n in range(200)}, REPORT); sys.exit(1)\n\
    if reply == 'link': os.symlink('/etc/passwd', REPORT); sys.exit(1)\n\
    if reply == 'unknown': finish({'right': True, 'must_fail': False, 'other': True}, REPORT)\n\
    if reply == 'status': report({'right': True, 'must_fail': False}, REPORT); sys.exit(0)\n\
    finish({'right': reply == '42', 'must_fail': False}, REPORT)\n";

fn astray(report: &str) -> String {
    ASTRAY.replace("REPORT_PATH", report)
}

#[tokio::test]
async fn what_the_submission_breaks_in_a_driver_is_its_failure() {
    let mut task = TestTask::new().await;
    let plan = task.plan(&astray("/lancet/results/junit.xml")).await;
    for reply in ["error", "none", "killed", "malformed", "large", "names", "link", "unknown", "status"] {
        let submission = task.answering(&format!("'{reply}'")).await;
        let outcome = task.run(&plan, &submission).await;
        assert_eq!(conclusion(&outcome), "fail tests-broken", "{reply}");
        assert_eq!(outcome.report.runs[0].end, RunEnd::Broken);
    }
    let right = task.answering("eval(line)").await;
    assert_eq!(conclusion(&task.run(&plan, &right).await), "pass tests-passed");
    // Without the submission it comes to nothing too.
    let missing = Plan { report: "/lancet/results/other.xml".into(), ..plan };
    let submission = task.answering("'error'").await;
    assert_eq!(conclusion(&task.run(&missing, &submission).await), "invalid no-report");
}

#[tokio::test]
async fn what_the_submission_breaks_in_a_second_container_is_its_failure() {
    let mut task = TestTask::new().await;
    let driver = Service { argv: words(&["sleep", "infinity"]), ready: step(&["true"], 20) };
    let plan = task.twin(driver, &astray("/tmp/junit.xml")).await;
    for reply in ["none", "large", "killed"] {
        let submission = task.answering(&format!("'{reply}'")).await;
        assert_eq!(conclusion(&task.run(&plan, &submission).await), "fail tests-broken", "{reply}");
    }
}

#[tokio::test]
async fn what_the_engine_cannot_do_with_the_submission_alone_is_its_failure() {
    let mut task = TestTask::new().await;
    let plan = Plan {
        argv: words(&["python3", "/srv/tests/test.py"]),
        working_directory: Some("/srv/repo/old".into()),
        ..task.single(None, &astray("/tmp/junit.xml")).await
    };
    let wrong = task.answering("43").await;
    assert_eq!(conclusion(&task.run(&plan, &wrong).await), "fail tests-failed");
    // No process can be started in what is no folder any more: an error of the engine's.
    let in_the_way = task.submission("rm -r old; echo x > old").await;
    let outcome = task.run(&plan, &in_the_way).await;
    assert_eq!(conclusion(&outcome), "fail tests-broken");
    assert!(artifact(&outcome, "engine-output").contains("/srv/repo/old"));
    // The same where app and tests are apart.
    let mut plan = task.plan(&astray("/lancet/results/junit.xml")).await;
    if let Isolation::Split { app, .. } = &mut plan.isolation {
        let serve = "cd old && exec python3 /srv/harness/serve.py";
        *app = Service { argv: words(&["sh", "-c", serve]), ..service() };
    }
    assert_eq!(conclusion(&task.run(&plan, &in_the_way).await), "fail app-not-ready");
}
