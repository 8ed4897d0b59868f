//! The store's log: what it tells, its heads, and what contradicts it.

use std::fs;
use std::path::Path;

use lancet_core::RunId;
use lancet_store::{FAILPOINT_VARIABLE, Reader, Store};
use lancet_trust::{
    Attested, Checkpoint, Judged, Listed, ListedLog, PrivateKey, RunLog, Statement, Tree, read_private,
};

use crate::context::Context;
use crate::shapes::has_shape;
use crate::signing::{keys, python, works};

/// A host with a key and a run of two attempts, which was attested as `run.jsonl`.
fn host() -> Context {
    let host = Context::new();
    host.small_suite("suite");
    works(&host, &["key", "new", "host"]);
    works(&host, &["run", "suite", "--agent", "first", "--attempts", "2"]);
    works(&host, &["attest", "--key", "host", "--output", "run.jsonl"]);
    host
}

fn public(context: &Context, name: &str) -> String {
    keys(context).join(format!("{name}.pub")).display().to_string()
}

fn private(context: &Context, name: &str) -> PrivateKey {
    read_private(&keys(context).join(format!("{name}.key"))).unwrap()
}

#[test]
fn a_log_is_shown_and_its_head_is_signed() {
    let host = host();
    // A run that its host ended by hand.
    let ended = host
        .command(&["run", "suite", "--agent", "last"])
        .env(FAILPOINT_VARIABLE, "store-run-created")
        .output()
        .unwrap();
    assert!(!ended.status.success());
    let json = host.lancet(&["log", "show", "--format", "json"]);
    let log = has_shape::<ListedLog>(&json, "log-show");
    let leaves = log["leaves"].as_array().unwrap();
    let kinds: Vec<_> = leaves.iter().map(|leaf| leaf["leaf"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run-begin", "verdict", "verdict", "run-end", "run-begin"]);
    assert_eq!((&leaves[0]["attempts"], &leaves[4]["attempts"]), (&2.into(), &1.into()));
    let open = leaves[4]["run"].as_str().unwrap();
    assert_eq!(log["open"], serde_json::json!([open]));
    let told = works(&host, &["log", "show"]).stdout;
    assert!(told.contains(&format!("5 leaves under {}", log["root"].as_str().unwrap())), "{told}");
    assert!(told.ends_with(&format!("\nnot over {open}\n")), "{told}");
    let told = host.json(&["log", "show", leaves[0]["run"].as_str().unwrap()]);
    assert_eq!((told["leaves"].as_array().unwrap().len(), &told["size"]), (4, &5.into()));
    host.lancet(&["log", "show", "nothing"]).fails(2, &["nothing"]);

    // Its head, signed, is what later files are compared with.
    works(&host, &["log", "sign", "--key", "host"]);
    works(&host, &["log", "sign", "--key", "host"]);
    let origin = log["origin"].as_str().unwrap();
    let (code, said) = python(&host, &["checkpoint", "log.checkpoint", origin, &public(&host, "host")]);
    assert!(code == Some(0) && said.contains("5 leaves under"), "{said}");
    works(&host, &["resume", open]);
    works(&host, &["attest", open, "--key", "host", "--since", "log.checkpoint", "--output", "next.jsonl"]);
    works(&host, &["verify", "next.jsonl", "--since", "log.checkpoint"]);
    assert_eq!(host.json(&["log", "show"])["open"], serde_json::json!([]));
    works(&host, &["key", "new", "other"]);
    host.lancet(&["log", "sign", "--key", "other"])
        .fails(2, &["`log.checkpoint` is there already, and no head of a log by that key"]);
    host.lancet(&["log", "sign", "--key", "host", "--output", "head.jsonl"])
        .fails(2, &["`head.jsonl` ends as files of runs do", "log.checkpoint"]);
    // What is no leaf is not signed for.
    let database = rusqlite::Connection::open(host.path("store/lancet.db")).unwrap();
    database.execute_batch("DROP TRIGGER log_stays; UPDATE log SET leaf = '{}' WHERE place = 2").unwrap();
    drop(database);
    for command in [&["log", "show"][..], &["log", "sign", "--key", "host"]] {
        host.lancet(command).fails(7, &["leaf 2 of the store's log is none", "lancet doctor"]);
    }
}

/// Nobody else has to have kept a head: the store knows what was signed of it.
#[test]
fn a_log_that_was_rewritten_or_shortened_gets_no_other_head_signed() {
    let host = host();
    let database = || rusqlite::Connection::open(host.path("store/lancet.db")).unwrap();
    let earlier = fs::read(host.path("store/signed.checkpoint")).unwrap();
    database().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let backup = fs::read(host.path("store/lancet.db")).unwrap();
    works(&host, &["run", "suite", "--agent", "first"]);
    works(&host, &["log", "sign", "--key", "host"]);
    let known = fs::read(host.path("store/signed.checkpoint")).unwrap();
    assert_ne!(earlier, known);
    // One of another key is known as well, and an older run is attested as before.
    works(&host, &["key", "new", "other"]);
    let first = host.json(&["log", "show"])["leaves"][0]["run"].as_str().unwrap().to_owned();
    works(&host, &["attest", &first, "--key", "other", "--output", "other.jsonl"]);
    let refused = |words: &str| {
        let kept = fs::read(host.path("store/signed.checkpoint")).unwrap();
        for (command, output) in [
            (&["attest", first.as_str()][..], "new.jsonl"),
            (&["export", &first], "new.tar"),
            (&["log", "sign"], "new.checkpoint"),
        ] {
            let command = [command, &["--key", "host", "--output", output]].concat();
            host.lancet(&command).fails(7, &["signed here last", "signed.checkpoint", words, "hint: "]);
            assert!(!host.path(output).exists());
        }
        assert_eq!(fs::read(host.path("store/signed.checkpoint")).unwrap(), kept);
    };
    // The database as it was before the second run, and then with another run in its place.
    fs::write(host.path("store/lancet.db"), backup).unwrap();
    for more in ["-wal", "-shm"] {
        let _ = fs::remove_file(host.path(&format!("store/lancet.db{more}")));
    }
    refused("4 leaves, and had 7 at the earlier head");
    works(&host, &["run", "suite", "--agent", "last"]);
    refused("does not begin with");
    let doctor = host.lancet(&["doctor"]).stdout;
    assert!(doctor.contains("signed here last") && doctor.contains("does not begin with"), "{doctor}");
    fs::write(host.path("store/signed.checkpoint"), "nothing").unwrap();
    host.lancet(&["log", "sign", "--key", "host", "--output", "new.checkpoint"])
        .fails(7, &["signed.checkpoint` is no head of a log", "hint: "]);
    // Whoever knows better says so by taking it away.
    fs::remove_file(host.path("store/signed.checkpoint")).unwrap();
    works(&host, &["log", "sign", "--key", "host", "--output", "new.checkpoint"]);
}

#[test]
fn heads_of_a_log_are_by_its_host_or_a_key_whose_place_that_took() {
    let (host, auditor) = (host(), Context::new());
    works(&auditor, &["key", "import", &public(&host, "host"), "--name", "them"]);
    works(&auditor, &["key", "new", "auditor"]);
    works(&host, &["run", "suite", "--agent", "first"]);
    works(&host, &["attest", "--key", "host", "--since", "run.jsonl", "--output", "next.jsonl"]);
    // Somebody else whose key is known, too, says what the log was.
    let text = fs::read_to_string(host.path("run.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let note = line["checkpoint"].as_str().unwrap();
    let head =
        Checkpoint::parse(note.split_once("\n\n").map(|(text, _)| format!("{text}\n")).unwrap().as_str());
    let other = head.unwrap().sign(&private(&auditor, "auditor")).unwrap();
    fs::write(auditor.path("other.checkpoint"), other).unwrap();
    for file in ["run.jsonl", "next.jsonl"] {
        fs::copy(host.path(file), auditor.path(file)).unwrap();
    }
    let not_its = &["`other.checkpoint` is by the key ", "and not by that of the host", ".rotated.json"];
    auditor.lancet(&["verify", "next.jsonl", "--since", "other.checkpoint"]).fails(8, not_its);
    auditor
        .lancet(&["cosign", "next.jsonl", "--key", "auditor", "--since", "other.checkpoint"])
        .fails(8, not_its);
    works(&auditor, &["verify", "next.jsonl", "--since", "run.jsonl"]);

    // The host's key is rotated: whoever knows that takes what the old one has signed.
    works(&host, &["key", "rotate", "host", "host-2"]);
    works(&host, &["attest", "--key", "host-2", "--since", "run.jsonl", "--output", "third.jsonl"]);
    works(&host, &["verify", "third.jsonl", "--since", "run.jsonl"]);
    fs::copy(host.path("third.jsonl"), auditor.path("third.jsonl")).unwrap();
    works(&auditor, &["key", "import", &public(&host, "host-2"), "--name", "them-2"]);
    let verify = ["verify", "third.jsonl", "--since", "run.jsonl"];
    auditor.lancet(&verify).fails(8, &["`run.jsonl` is by the key "]);
    let rotated = keys(&host).join("host.rotated.json").display().to_string();
    works(&auditor, &["key", "import", &rotated, "--name", "them-2"]);
    works(&auditor, &verify);
    // What came before is not by the key that came after.
    auditor
        .lancet(&["verify", "next.jsonl", "--since", "third.jsonl"])
        .fails(8, &["`third.jsonl` is by the key "]);

    // What a witness has signed is not written over, and has a name that `verify` knows.
    auditor
        .lancet(&["cosign", "third.jsonl", "--key", "auditor", "--first", "--output", "third.json"])
        .fails(2, &["`third.json` does not end as `third.jsonl` does"]);
    works(&auditor, &["cosign", "third.jsonl", "--key", "auditor", "--first"]);
    fs::copy(auditor.path("third.jsonl"), host.path("third.jsonl")).unwrap();
    let attest = ["attest", "--key", "host-2", "--output", "third.jsonl"];
    host.lancet(&attest).fails(2, &["its log is cosigned by 1 more", "--force"]);
    works(&host, &[&attest[..], &["--force"]].concat());
}

/// A run and its log as the store has them.
fn recorded(reader: &Reader, run: &RunId) -> RunLog {
    let mut tree = Tree::new();
    reader.each_leaf(|leaf| tree.push(leaf.as_bytes())).unwrap();
    RunLog::new(reader.log_origin().unwrap(), tree, reader.leaves_of(run).unwrap()).unwrap()
}

/// What a host signs of its run when it says something else of its verdicts than its log does.
fn told(host: &Context, change: impl Fn(&mut Vec<Judged>)) -> String {
    let key = private(host, "host");
    let bytes = fs::read(host.path("run.jsonl")).unwrap();
    let attested = Attested::verify(&bytes, &key.public()).unwrap();
    let mut verdicts = attested.verdicts.clone();
    change(&mut verdicts);
    let mut run = attested.run.clone();
    let listed = |judged: &Judged| Listed {
        task: judged.record.task.clone(),
        attempt: judged.record.attempt,
        outcome: judged.record.verdict.outcome,
        digest: judged.digest,
    };
    run.verdicts = verdicts.iter().map(listed).collect();
    let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = executor.enter();
    let store = Store::open_existing(Path::new(&host.path("store"))).unwrap();
    let log = recorded(&store.reader(), &run.run);
    Attested::sign(&Statement::said_of_run(attested.run_record, run), verdicts, Some(&log), &key).unwrap()
}

#[test]
fn verdicts_that_a_host_leaves_out_or_changes_are_found_by_its_log() {
    let host = host();
    let key = public(&host, "host");
    let refused = |text: String, words: &str, python_words: &str| {
        fs::write(host.path("told.jsonl"), text).unwrap();
        host.lancet(&["verify", "told.jsonl"]).fails(8, &["`told.jsonl`: line ", words]);
        let (code, said) = python(&host, &["run", "told.jsonl", &key]);
        assert!(code == Some(1) && said.contains(python_words), "{said}");
    };
    let text = told(&host, |_| {});
    assert_eq!(text, fs::read_to_string(host.path("run.jsonl")).unwrap());
    // One that is left out, and the run said to be shorter.
    let text = told(&host, |verdicts| drop(verdicts.pop()));
    refused(
        text,
        "by the log the run began with `due` 2, and by what is signed of it it has 1",
        "began as another one, by its log",
    );
    // One that is another by now.
    let text = told(&host, |verdicts| {
        verdicts[1].record.verdict.explanation.push('!');
        verdicts[1].digest = verdicts[1].record.digest();
    });
    refused(text, "verdicts were left out, put in or changed", "ended with other verdicts, by its log");
    // One that was taken up again is told as that.
    let text = told(&host, |verdicts| verdicts[0].retakes = 2);
    fs::write(host.path("told.jsonl"), text).unwrap();
    let verified = works(&host, &["verify", "told.jsonl"]).stdout;
    assert!(
        verified.contains("1 of them after an invalid verdict that the infrastructure was to blame for"),
        "{verified}"
    );
}
