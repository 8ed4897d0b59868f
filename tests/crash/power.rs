//! The power of the disk that holds the store is cut, at random moments and right when a run
//! has ended: the run goes on from what was acknowledged, and comes to the same.
//!
//! `host/store/tests/power` does the same to the store alone, and shows that what is not
//! synchronised is found missing.

use std::time::{Duration, Instant};

use crate::disk::{Below, Disk, Format};
use crate::models::{self, Asking};
use crate::scale::scaled;
use crate::{Host, RUN, Random, TASKS, assert_same, undisturbed};

/// How often the power is cut, in the whole campaign: in runs, and in conversations.
const CUTS: usize = 24;
const CUTS_OF_CONVERSATIONS: usize = 8;

impl Host {
    /// Keeps its store on a disk.
    fn on(mut self, disk: &Disk) -> Self {
        self.store = disk.path().join("store");
        self
    }

    /// `doctor` finds nothing wrong with the store.
    fn assert_sound(&self, when: &str) {
        let output =
            self.command(&["doctor", "--format", "json"]).stdout(std::process::Stdio::piped()).output();
        // What it says of Docker does not matter.
        let findings: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let store = findings.as_array().unwrap().iter().find(|finding| finding["check"] == "store");
        assert_eq!(store.unwrap()["ok"], true, "{when}: {findings:#}");
    }
}

/// Until there is something on the disk: how long plugins take to load depends on the machine.
fn await_store(host: &Host) {
    let started = Instant::now();
    while !host.store().join("lancet.db").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "no store is made");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn when_the_power_is_cut_a_run_goes_on() {
    let Some(below) = Below::new() else { return };
    let (expected, length) = undisturbed();
    let length = u64::try_from(length.as_micros()).unwrap();
    let mut random = Random(2026);
    let (mut before, mut over) = (0, 0);
    let cuts = scaled(CUTS).max(4);
    for round in 0..cuts {
        let disk = below.disk(Format::of_round(round));
        let mut host = Host::new().on(&disk);
        let mut child = host.command(&RUN).spawn().unwrap();
        // Half of the cuts of a journalled disk, and of one without: all was acknowledged.
        if (round / 2).is_multiple_of(2) {
            await_store(&host);
            // Loading the plugins is the other half.
            std::thread::sleep(Duration::from_micros(random.below(length / 2)));
        } else {
            assert!(child.wait().unwrap().success());
        }
        let is_over = child.try_wait().unwrap().is_some_and(|status| status.success());
        disk.cut();
        child.kill().unwrap();
        child.wait().unwrap();
        let recovered = below.recover(&disk);
        host.store = recovered.path().join("store");
        let when = format!("round {round}, {:?}", Format::of_round(round));
        let has_run = host.has_run();
        if is_over {
            over += 1;
            assert!(has_run, "{when}: the run is gone");
        } else if has_run {
            host.assert_sound(&when);
            let attempts = host.json(&["show", "latest"]);
            assert_eq!(attempts.as_array().map(Vec::len), Some(TASKS), "{when}");
            host.json(&["resume"]);
        } else {
            before += 1;
            host.json(&RUN);
        }
        host.assert_sound(&when);
        assert_same(&host, &expected, &when);
    }
    println!("{cuts} cuts, {before} before anything was recorded, {over} after the run");
}

#[test]
fn when_the_power_is_cut_in_a_conversation_what_was_asked_is_accounted_for() {
    let Some(below) = Below::new() else { return };
    let undisturbed = Asking::new();
    let expected = undisturbed.start();
    let started = Instant::now();
    Asking::new().start();
    let length = u64::try_from(started.elapsed().as_micros()).unwrap();
    let mut random = Random(2027);
    let mut asked_before = 0;
    let cuts = scaled(CUTS_OF_CONVERSATIONS).max(2);
    for round in 0..cuts {
        let disk = below.disk(Format::of_round(round));
        let mut asking = Asking::new();
        asking.host = asking.host.on(&disk);
        let mut child = asking.command(&asking.arguments()).spawn().unwrap();
        await_store(&asking.host);
        std::thread::sleep(Duration::from_micros(random.below(length / 2)));
        let asked = asking.server.asked().len();
        disk.cut();
        child.kill().unwrap();
        child.wait().unwrap();
        let by_then = asking.server.asked().len();
        let recovered = below.recover(&disk);
        asking.host.store = recovered.path().join("store");
        let when = format!("round {round}, {:?}", Format::of_round(round));
        if asking.host.has_run() {
            let database = rusqlite::Connection::open(asking.host.store().join("lancet.db")).unwrap();
            let lines = models::count(&database, "SELECT count(*) FROM ledger");
            assert!(lines >= asked, "{when}: {lines} lines in the ledger, asked {asked} times");
        } else {
            assert_eq!(asked, 0, "{when}: the run is gone");
        }
        asked_before += asked;
        asking.start();
        models::assert_verdict(&asking.host.json(&["report"]), &expected, &when);
        let all = asking.server.asked().len();
        // Each question but the last had the answer to the one before it, which is not asked
        // again.
        let most = by_then + models::TURNS - asked.saturating_sub(1);
        assert!((models::TURNS..=most).contains(&all), "{when}: {asked}, {by_then}, {all} questions");
        asking.host.assert_sound(&when);
        assert_eq!(asking.host.json(&["replay"])["identical"], 1, "{when}");
    }
    println!("{cuts} cuts, {asked_before} questions before them, all of them in the ledger");
}
