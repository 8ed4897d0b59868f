//! Signals to a run that has containers under way: the first lets it finish them, the second
//! ends them, and a resumed run decides what was ended.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::Context;
use crate::suites::{self, command, json, lancet, left_behind, verdicts};

/// How long a step may take that takes moments.
const SOON: Duration = Duration::from_secs(30);
/// How long a run may take to end what is under way.
const END: Duration = Duration::from_secs(10);

#[track_caller]
fn until(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", within.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// The one run of the store and the state of its one attempt, as soon as they are recorded.
fn standing(context: &Context) -> Option<(String, String)> {
    let (code, stdout, _) = lancet(context, &["show", "latest", "--format", "json"]);
    let lines: serde_json::Value = (code == Some(0)).then(|| serde_json::from_str(&stdout).unwrap())?;
    let text = |key: &str| lines[0][key].as_str().unwrap().to_owned();
    Some((text("attempt").split_once('/').unwrap().0.to_owned(), text("state")))
}

/// Ends a run of one attempt by two signals while it is in `state` and holds a `holding`, and
/// decides it by resuming.
fn ended_and_resumed(run: &[&str], state: &str, holding: &str) {
    let context = Context::new();
    let errors = context.path("stderr");
    let said = |words: &str| fs::read_to_string(&errors).unwrap().contains(words);
    let mut child =
        command(&context, run).stdout(Stdio::null()).stderr(File::create(&errors).unwrap()).spawn().unwrap();
    let mut id = String::new();
    until("it works in containers", 4 * SOON, || {
        assert!(child.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&errors).unwrap());
        let Some((run, found)) = standing(&context) else { return false };
        id = run;
        found == state && left_behind(&id).iter().any(|left| left.starts_with(holding))
    });

    signal(&child);
    until("it says that it goes on", SOON, || said("a second signal ends them now"));
    assert!(said("stopping: "));
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none(), "it went on: {}", fs::read_to_string(&errors).unwrap());
    assert!(!left_behind(&id).is_empty(), "its containers are there");

    signal(&child);
    let mut status = None;
    until("it has ended", END, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let text = fs::read_to_string(&errors).unwrap();
    assert_eq!(status.unwrap().code(), Some(130), "{text}");
    assert!(said("ending 1 attempt under way") && said(&format!("`lancet resume {id}` goes on")), "{text}");
    assert_eq!(left_behind(&id), Vec::<String>::new(), "{text}");
    assert_eq!(standing(&context), Some((id.clone(), state.to_owned())), "{text}");

    let report = json(&context, &["resume", &id], 0);
    assert_eq!(report["complete"], true);
    let found = verdicts(&context, &id);
    assert_eq!((found[0].1.as_str(), found[0].2.as_str()), ("pass", "tests-passed"), "{found:?}");
    assert_eq!(json(&context, &["replay", &id], 0)["identical"], 1);
    assert!(left_behind(&id).is_empty());
}

/// A copy of the suite `lab` whose slow task takes long enough to be met at it, and no longer.
fn lab(place: &Path) -> String {
    let source = suites::lab();
    let suite = place.join("lab");
    suites::copy_folder(source, &suite);
    fs::copy(source.join("images.lock"), suite.join("images.lock")).unwrap();
    let script = suite.join("tasks/slow/private/tests/run.sh");
    let text = fs::read_to_string(&script).unwrap();
    assert!(text.starts_with("sleep 45\n"));
    fs::write(&script, text.replacen("sleep 45", "sleep 15", 1)).unwrap();
    suite.to_str().unwrap().to_owned()
}

#[test]
fn a_second_signal_ends_what_is_under_way_and_it_is_decided_later() {
    let place = Context::new();
    let suite = lab(&place.path(""));
    let patch = format!("{suite}/tasks/slow/private/gold.patch");
    let script = place.path("script");
    fs::write(&script, "sleep 15\nsed -i 's/^wrong$/right/' src/value\n").unwrap();
    let script = script.to_str().unwrap();
    let web = suites::web_chat().to_str().unwrap();
    let web_patch = format!("{web}/tasks/stays-unread/private/gold.patch");
    std::thread::scope(|scope| {
        // While the tests run, and while the agent works.
        scope.spawn(|| {
            let run = ["run", &suite, "--agent", "patch", "--input", &patch, "--task", "slow"];
            ended_and_resumed(&run, "submitted", "container");
        });
        // What holds one another: containers of a network, and what they share.
        scope.spawn(|| {
            let run = ["run", web, "--agent", "patch", "--input", &web_patch, "--task", "stays-unread"];
            ended_and_resumed(&run, "submitted", "volume");
        });
        scope.spawn(|| {
            let run = ["run", &suite, "--agent", "script", "--input", script, "--task", "at-the-top"];
            ended_and_resumed(&run, "queued", "container");
        });
    });
}
