use std::collections::HashMap;

use bollard::errors::Error;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use lancet_core::{InfraFaultKind, PinnedImage};
use tokio::sync::Mutex;

use crate::task::{TestTask, conclusion, service, sh, step};

/// What is prepared of the image `surrounded` is one test's at a time: it is removed in
/// the end.
static SURROUNDED: Mutex<()> = Mutex::const_new(());

async fn fault(task: &TestTask) -> (InfraFaultKind, String) {
    let fault = task.docker.prepare(&task.environment, &task.lease).await.unwrap_err();
    task.nothing_is_left().await;
    (fault.kind, fault.message)
}

/// Removes an image that a test has made, after what was made of it for containers'
/// users: with the last of these the engine removes it too, and what it was made of.
async fn forget(image: &PinnedImage) {
    let client = bollard::Docker::connect_with_socket_defaults().unwrap();
    let all = ListImagesOptionsBuilder::default().all(true).build();
    let made = client.list_images(Some(all)).await.unwrap();
    let made = made.into_iter().filter(|made| made.parent_id == image.reference).map(|made| made.id);
    for reference in made.chain([image.reference.clone()]) {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        match client.remove_image(&reference, Some(options), None).await {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn an_image_without_commands_is_used_as_it_is() {
    let task = TestTask::new().await;
    let prepared = task.docker.prepare(&task.environment, &task.lease).await.unwrap();
    assert_eq!(prepared.app, task.environment.image);
    assert_eq!(prepared.agent, task.environment.image);
    task.nothing_is_left().await;
}

#[tokio::test]
async fn commands_run_once_and_what_they_leave_is_kept() {
    let mut task = TestTask::new().await;
    // Made anew by every run of this test.
    let mark = task.lease.attempt.clone();
    task.environment.setup =
        Some(step(&["sh", "-c", &format!("echo {mark}-$COLOUR > made; date +%s%N > when")], 60));
    task.environment.conceal = Some(step(&["sh", "-c", "rm old/b.txt; echo concealed > made"], 60));
    let prepare = || task.docker.prepare(&task.environment, &task.lease);
    let (one, two, three) = tokio::join!(prepare(), prepare(), prepare());
    let one = one.unwrap();
    assert_eq!(one, two.unwrap());
    assert_eq!(one, three.unwrap());
    assert_ne!(one.agent, one.app);
    // Another process finds them by their labels.
    let other = TestTask::new().await;
    assert_eq!(other.docker.prepare(&task.environment, &other.lease).await.unwrap(), one);

    let agent = task.open().await;
    assert_eq!(sh(&agent, "cat made; ls old").await, "concealed\na.txt\ndeep\n");
    sh(&agent, "printf 'def answer(line):\\n    return open(\"/srv/repo/made\").read()' > logic.py").await;
    let captured = agent.finish().await.unwrap();
    for blob in &captured.blobs {
        task.blobs.add(blob);
    }
    let submission = crate::task::taken(captured);
    assert_eq!(submission.files.len(), 1);
    let script =
        format!("from junit import *\nfinish({{'right': ask('') == '{mark}-green', 'must_fail': False}})");
    let plan = task.plan(&script).await;
    assert_eq!(conclusion(&task.run(&plan, &submission).await), "pass tests-passed");

    // What somebody removed is made again.
    forget(&one.agent).await;
    let again = task.docker.prepare(&task.environment, &task.lease).await.unwrap();
    assert_ne!(again, one);
    forget(&again.agent).await;
    let client = bollard::Docker::connect_with_socket_defaults().unwrap();
    let filters = HashMap::from([("label".to_owned(), vec![format!("dev.lancet.attempt={mark}")])]);
    let options = ListImagesOptionsBuilder::default().filters(&filters).build();
    assert!(client.list_images(Some(options)).await.unwrap().is_empty());
    task.nothing_is_left().await;
}

#[tokio::test]
async fn commands_that_fail_are_a_fault_with_their_output() {
    let mut task = TestTask::new().await;
    task.environment.resources.disk_bytes = 32 << 20;
    for (command, seconds, part) in [
        ("echo the reason; exit 4", 30, "`setup` exited with 4; its output ends with:\nthe reason"),
        ("sleep 100", 1, "was not done after 1 s"),
        ("head -c 300000000 /dev/zero | tail -n 1", 30, "memory"),
        ("for i in 1 2 3; do head -c 20000000 /dev/zero > /tmp/$i; done", 30, "wrote over 33554432 bytes"),
    ] {
        task.environment.setup = Some(step(&["sh", "-c", command], seconds));
        let (kind, message) = fault(&task).await;
        assert_eq!(kind, InfraFaultKind::SetupFailed);
        assert!(message.contains(part), "{command}: {message}");
    }
}

#[tokio::test]
async fn a_repository_of_more_than_one_commit_is_a_fault() {
    for (stage, part) in [
        ("two-commits", "it has 2 commits"),
        ("loose-object", "objects, of which its commit holds"),
        ("borrowed-objects", "alternate"),
        ("broken-repository", "it cannot be told"),
    ] {
        let task = TestTask::of(stage).await;
        let (kind, message) = fault(&task).await;
        assert_eq!(kind, InfraFaultKind::HistoryPresent, "{stage}");
        assert!(message.contains(part), "{stage}: {message}");
    }
    let task = TestTask::of("no-repository").await;
    assert!(task.docker.prepare(&task.environment, &task.lease).await.is_ok());
}

#[tokio::test]
async fn no_git_is_needed_to_tell_one_commit_from_two() {
    let task = TestTask::of("one-without-git").await;
    let prepared = task.docker.prepare(&task.environment, &task.lease).await.unwrap();
    assert_eq!(prepared.agent, task.environment.image);
    let task = TestTask::of("two-without-git").await;
    let (kind, message) = fault(&task).await;
    assert_eq!(kind, InfraFaultKind::HistoryPresent);
    assert!(message.contains("repository `/srv/repo`: it has 2 commits"), "{message}");
}

/// Prints every repository's commits, and every file that may hold one.
const LOOK_FOR_HISTORY: &str = r#"for path in /srv /srv/other /srv/linked /srv/module /srv/parts; do
    git -c safe.directory='*' -C "$path" log --all --oneline 2>/dev/null
done
for path in /srv/repo/nested/.git /srv/other.git /srv/odd/name /srv/module/.git/modules/m; do
    git -c safe.directory='*' --git-dir="$path" log --all --oneline 2>/dev/null
done
git init -q /tmp/mine
export GIT_ALTERNATE_OBJECT_DIRECTORIES=/srv/parts/objects:/srv/other/.git/objects:/srv/odd/name/objects
git -C /tmp/mine cat-file --batch-all-objects --batch-check
find / -xdev -size +0 \( -name '*.pack' -o -name '*.bundle' -o -name '.hg' -o -path '*/.hg/*' \) -type f 2>/dev/null
grep -rl 'Fix the value' /srv 2>/dev/null; true"#;

#[tokio::test]
async fn histories_around_the_work_tree_are_concealed() {
    let _alone = SURROUNDED.lock().await;
    let task = TestTask::of("surrounded").await;
    let prepared = task.docker.prepare(&task.environment, &task.lease).await.unwrap();
    // What an agent wrote is tested where it was written.
    assert_ne!(prepared.app, task.environment.image);
    assert_eq!(prepared.agent, prepared.app);
    // Once for all: another process finds it.
    let other = TestTask::new().await;
    assert_eq!(other.docker.prepare(&task.environment, &other.lease).await.unwrap(), prepared);

    let agent = task.open().await;
    let found = sh(&agent, LOOK_FOR_HISTORY).await;
    let mut left: Vec<&str> = found.lines().collect();
    left.retain(|line| !line.starts_with("/srv/repo/.git/") && !line.starts_with("/srv/shallow/.git/"));
    left.sort_unstable();
    // These are named like parts of one, and are none.
    assert_eq!(left, ["/srv/plain/of.bundle", "/srv/plain/of.pack"], "{found}");
    // What holds one commit is as it was, and so are files of the others.
    let alone = "git -C /srv/repo rev-list --all --count; git status --porcelain | grep -v '^??'; \
                 git -C /srv/shallow rev-list --all --count; cat /srv/value nested/value /srv/other/value; \
                 cd /srv/other && git init --quiet && git add value && echo can be used";
    assert_eq!(sh(&agent, alone).await, "1\n1\nwrong\nwrong\nwrong\ncan be used\n");
    // It is no change that the agent has made.
    sh(&agent, "echo note > nested/note; echo more > note").await;
    let submission = crate::task::taken(agent.finish().await.unwrap());
    assert_eq!(
        submission.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["nested/note", "note"]
    );

    // A work tree of its own right has to hold one commit, however it is kept.
    for (tree, part) in [
        ("/srv/linked", "repository `/srv/linked`: it has"),
        ("/srv/other", "repository `/srv/other`: it has"),
        ("/srv/module", "repository `/srv/module`: it has"),
        ("/srv/odd/name", "repository `/srv/odd/name`, in which the work tree is"),
        ("/srv/odd/name/refs", "repository `/srv/odd/name`, in which the work tree is"),
        ("/srv/mercurial", "repository `/srv/mercurial`: it is a repository that is not looked into"),
    ] {
        let mut task = TestTask::of("surrounded").await;
        task.environment.work_tree = tree.into();
        let (kind, message) = fault(&task).await;
        assert_eq!(kind, InfraFaultKind::HistoryPresent, "{tree}: {message}");
        assert!(message.contains(part), "{tree}: {message}");
    }
    forget(&prepared.agent).await;
}

/// What the app shows to its user comes back to the agent.
#[tokio::test]
async fn what_the_user_sees_knows_no_more_than_the_agent() {
    let _alone = SURROUNDED.lock().await;
    let mut task = TestTask::of("surrounded").await;
    let script = r#"from junit import *
finish({'right': 'Fix the value' not in ask('x'), 'must_fail': False})"#;
    let plan = task.plan(script).await;
    task.environment.user_tool = Some(plan.name.clone());
    task.environment.plans = vec![plan.clone()];
    let source = "import os\ndef answer(line):\n    \
                  os.system('git --git-dir=/srv/other.git log --format=%s > /tmp/said 2>&1')\n    \
                  return open('/tmp/said').read().replace('\\n', ' ')";
    let agent = task.open().await;
    sh(&agent, &format!("cat > logic.py <<'END'\n{source}\nEND")).await;
    let seen = agent.try_plan(&plan, &task.blobs).await.unwrap().unwrap();
    assert_eq!(conclusion(&seen), "pass tests-passed");
    let captured = agent.finish().await.unwrap();
    for blob in &captured.blobs {
        task.blobs.add(blob);
    }
    // Nor is what is submitted told more while it is graded, apart from the tests or beside
    // them: it would fetch the fix.
    let submission = crate::task::taken(captured);
    assert_eq!(conclusion(&task.run(&plan, &submission).await), "pass tests-passed");
    let beside = script.replace("ask('x')", "ask('x', '127.0.0.1')").replace("})", "}, '/tmp/junit.xml')");
    let plan = task.single(Some(service()), &beside).await;
    assert_eq!(conclusion(&task.run(&plan, &submission).await), "pass tests-passed");
}

#[tokio::test]
async fn a_work_tree_that_is_not_there_is_a_fault() {
    let mut task = TestTask::new().await;
    for (tree, part) in [
        ("/srv/none", "`/srv/none` is not there"),
        ("/none/at/all", "`/none` is not there"),
        ("/srv/repo/run.sh", "`/srv/repo/run.sh` is no folder"),
        ("/srv/repo/link.py", "`/srv/repo/link.py` is a symbolic link"),
        ("/bin/x", "`/bin` is a symbolic link"),
    ] {
        task.environment.work_tree = tree.into();
        let (kind, message) = fault(&task).await;
        assert_eq!(kind, InfraFaultKind::WorkTreeMissing, "{tree}");
        assert!(message.contains(part), "{tree}: {message}");
    }
}

#[tokio::test]
async fn images_that_are_not_the_pinned_ones_are_a_fault() {
    let mut task = TestTask::new().await;
    task.environment.image.reference = format!("sha256:{}", "1".repeat(64));
    assert_eq!(fault(&task).await.0, InfraFaultKind::ImageMissing);
    task.environment.image.reference = "debian:bookworm-slim".into();
    assert_eq!(fault(&task).await.0, InfraFaultKind::ImageDigest);
}
