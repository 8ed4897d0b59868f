//! Runs that were exported: verified and executed again by somebody who has nothing else of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use lancet_core::{Event, Outcome, Phase, ReplayPhase, ReplayResult, Role, Sha256, Verdict};
use lancet_trust::{
    Attested, ExportWriter, Exported, ExportedBlob, Judged, Listed, OpenedExport, PrivateKey, Statement,
    VerifiedRun, executed, journal_events, journal_text, read_private,
};

use crate::context::{Context, judged_by};
use crate::shapes::has_shape;
use crate::signing::{keys, python, works};

/// A host with a key and a run of the small suite, by an agent and a grader that did not come with
/// the program, which was exported; and somebody who has the file and that key.
fn host_and_reader() -> (Context, Context) {
    let (host, reader) = (Context::new(), Context::new());
    // What is built in, with a section more: somebody else's, by its digest.
    let stranger = |role, name: &str| {
        let mut component = lancet_builtin::find(role, name).unwrap().component.to_vec();
        component.extend([0, 2, 1, b'x']);
        component
    };
    let suite = host.small_suite("suite");
    judged_by(&suite, &stranger(Role::Grader, "manager-choice"));
    fs::write(host.path("agent.wasm"), stranger(Role::Agent, "first")).unwrap();
    works(&host, &["key", "new", "host"]);
    works(&host, &["run", "suite", "--agent", "./agent.wasm", "--attempts", "2"]);
    works(&host, &["export", "--key", "host", "--output", "run.export.tar"]);
    for (from, to) in
        [(host.path("run.export.tar"), "run.export.tar"), (keys(&host).join("host.pub"), "host.pub")]
    {
        fs::copy(from, reader.path(to)).unwrap();
    }
    (host, reader)
}

#[test]
fn an_exported_run_is_verified_and_executed_again_by_whoever_has_the_file() {
    let (host, reader) = host_and_reader();
    let verify = ["verify", "run.export.tar"];
    reader
        .lancet(&verify)
        .fails(8, &["`run.export.tar`: `attested.jsonl`: line 1: it names the key", "key import"]);
    works(&reader, &["key", "import", "host.pub", "--name", "them"]);
    let told = works(&reader, &verify).stdout;
    for words in ["2 of 2 verdicts shown: 0 pass, 2 fail, 0 invalid", "\nexport   6 blobs, "] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = works(&reader, &[&verify[..], &["--replay"]].concat()).stdout;
    assert!(told.ends_with("replay   2 verdicts come to again, 0 not\n"), "{told}");
    let limits = "\nlimits   the fuel that the record says was used; an agent 30 s and 32 MiB, a grader 30 s and 32 MiB (no policy)\n";
    assert!(told.contains(limits), "{told}");
    let json = reader.lancet(&[&verify[..], &["--replay", "--format", "json"]].concat());
    let told = has_shape::<VerifiedRun>(&json, "verify-run");
    assert_eq!((&told["replayed"]["identical"], &told["export"]["blobs"]), (&2.into(), &6.into()));
    // It took no store, and made none.
    assert!(!reader.path("store").exists());
    let key = reader.path("host.pub").display().to_string();
    let (code, said) = python(&reader, &["export", "run.export.tar", &key]);
    assert!(code == Some(0) && said.contains("2 of 2 verdicts shown"), "{said}");

    // Another time it is the same to the last bit, and what is another's is not written over.
    let file = fs::read(host.path("run.export.tar")).unwrap();
    let again = works(&host, &["export", "latest", "--key", "host", "--output", "run.export.tar"]);
    assert!(again.stderr.contains("answer keys too"), "{}", again.stderr);
    assert!(fs::read(host.path("run.export.tar")).unwrap() == file);
    works(&host, &["key", "new", "other"]);
    let export = |key: &str, output: &str| host.lancet(&["export", "--key", key, "--output", output]);
    export("other", "run.export.tar").fails(2, &["is a run that was exported with another key"]);
    export("host", "run.jsonl").fails(2, &["`run.jsonl` does not end in `.tar`", "run.export.tar"]);
    fs::write(host.path("mine.tar"), "mine").unwrap();
    export("host", "mine.tar").fails(2, &["`mine.tar` is there already, and no exported run"]);
    // A witness signs the head of the log in it, and all the rest stays as it is.
    let cosign = ["cosign", "run.export.tar", "--key", "other", "--first"];
    host.lancet(&[&cosign[..], &["--output", "run.jsonl"]].concat())
        .fails(2, &["`run.jsonl` does not end as `run.export.tar` does"]);
    host.lancet(&["cosign", "agent.wasm", "--key", "other", "--first"]).fails(2, &["`agent.wasm` is no run"]);
    works(&host, &[&cosign[..], &["--output", "cosigned.tar"]].concat());
    assert!(fs::read(host.path("run.export.tar")).unwrap() == file);
    let cosigned = works(&host, &["verify", "cosigned.tar", "--witness", "other", "--replay"]).stdout;
    assert!(cosigned.contains("\nwitness  other, ") && cosigned.contains("2 verdicts come to again"));
    let (own, witness) = (keys(&host).join("host.pub"), keys(&host).join("other.pub"));
    let (own, witness) = (own.display().to_string(), witness.display().to_string());
    for command in [&["export", "cosigned.tar", &own][..], &["witness", "cosigned.tar", &own, &witness]] {
        let (code, said) = python(&host, command);
        assert!(code == Some(0) && said.contains("2 of 2 verdicts shown"), "{said}");
    }
    assert_eq!(python(&host, &["witness", "run.export.tar", &own, &witness]).0, Some(1));
    host.lancet(&["verify", "run.export.tar", "--witness", "other"]).fails(8, &["has not cosigned"]);
    works(&host, &["cosign", "cosigned.tar", "--key", "other", "--since", "run.export.tar"]);
    export("host", "cosigned.tar").fails(2, &["its log is cosigned by 1 more", "--output"]);
    // What there is to compare with, and to execute.
    works(&host, &["attest", "--key", "host", "--output", "run.attested.jsonl"]);
    works(&host, &["verify", "run.attested.jsonl", "--since", "run.export.tar"]);
    host.lancet(&["verify", "run.attested.jsonl", "--replay"])
        .fails(2, &["has no journals", "lancet export"]);
    host.lancet(&["verify", "agent.wasm", "--replay"])
        .fails(2, &["`agent.wasm` is no run that was exported"]);

    // Whatever is changed, both find it.
    let step = file.len() / 12;
    for at in (0..12).map(|n| n * step + 5 * n).chain([file.len() - 1]) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        fs::write(reader.path("run.export.tar"), &changed).unwrap();
        reader.lancet(&verify).fails(8, &["`run.export.tar`: "]);
        if at % 3 == 0 {
            assert_eq!(python(&reader, &["export", "run.export.tar", &key]).0, Some(1), "byte {at}");
        }
    }
    for changed in [&file[..file.len() / 2], &[&file[..], b"x"].concat(), b""] {
        fs::write(reader.path("run.export.tar"), changed).unwrap();
        reader.lancet(&verify).fails(8, &["`run.export.tar`: "]);
        assert_eq!(python(&reader, &["export", "run.export.tar", &key]).0, Some(1));
    }
}

#[test]
fn a_policy_says_whose_keys_count_and_what_is_executed_at_most() {
    let (_, reader) = host_and_reader();
    works(&reader, &["key", "import", "host.pub", "--name", "them"]);
    works(&reader, &["key", "new", "own"]);
    let policy = |text: &str| fs::write(reader.path("policy.toml"), text).unwrap();
    let verify = ["verify", "run.export.tar", "--policy", "policy.toml", "--replay"];
    policy("unsigned = []\n\n[[publisher]]\nname = \"shop\"\nkeys = [\"them\"]\n");
    let told = works(&reader, &verify);
    assert!(told.stderr.contains("would be refused for a new run by the policy"), "{}", told.stderr);
    policy("[[publisher]]\nname = \"shop\"\nkeys = [\"own\"]\n");
    reader.lancet(&verify).fails(8, &["it names the key"]);
    policy("[limits]\ngrader-seconds = 40\nagent-memory-mib = 64\n");
    let told = works(&reader, &verify).stdout;
    assert!(told.contains("an agent 30 s and 64 MiB, a grader 40 s and 32 MiB (policy.toml)"), "{told}");
    policy("[limits]\ngrader-fuel = 1000\n");
    reader.lancet(&verify).fails(4, &["the limit of the grader", "`limits.grader-fuel`"]);
    works(&reader, &verify[..4]);
    reader.lancet(&[&verify[..], &["--key", "own"]].concat()).fails(2, &["--policy", "--key"]);
}

/// The run of a file, with one journal changed and all of it signed anew by its host.
fn lying(file: &Path, key: &PrivateKey, change: impl Fn(&mut Vec<Event>, &mut Verdict)) -> Vec<u8> {
    let file = fs::read(file).unwrap();
    let mut export = OpenedExport::open(Cursor::new(&file[..])).unwrap().verify(&key.public()).unwrap();
    let (attested, record) = (export.attested().clone(), export.record().clone());
    let mut blobs: BTreeMap<Sha256, Vec<u8>> = BTreeMap::new();
    let mut keep = |export: &mut lancet_trust::Export<_>, digest| {
        blobs.insert(digest, export.blob(digest).unwrap());
    };
    keep(&mut export, attested.run_record);
    let mut verdicts = attested.verdicts.clone();
    for judged in &verdicts {
        let plugins = [&judged.solve, &judged.grade].into_iter().flatten().map(|executed| executed.plugin);
        for digest in plugins.chain([judged.task]) {
            keep(&mut export, digest);
        }
    }
    for (at, judged) in verdicts.iter_mut().enumerate() {
        let mut events = journal_events(&export.blob(judged.journal).unwrap()).unwrap();
        if at == 1 {
            change(&mut events, &mut judged.record.verdict);
            judged.record.earned = judged.record.verdict.payout(judged.record.price);
            judged.digest = judged.record.digest();
            let (record, digest) = (judged.record.clone(), judged.digest);
            *events.last_mut().unwrap() = Event::Decided { record, digest };
            let by_ref: Vec<&Event> = events.iter().collect();
            judged.grade = executed(&by_ref, Phase::Grade);
        }
        let text = journal_text(&events);
        judged.journal = Sha256::of(&text);
        blobs.insert(judged.journal, text);
    }
    let listed = |judged: &Judged| Listed {
        task: judged.record.task.clone(),
        attempt: judged.record.attempt,
        outcome: judged.record.verdict.outcome,
        digest: judged.digest,
    };
    let statement =
        Statement::of_run(&record, attested.run_record, None, verdicts.iter().map(listed).collect());
    let text = Attested::sign(&statement, verdicts, None, key).unwrap();
    let sizes =
        blobs.iter().map(|(digest, bytes)| ExportedBlob { digest: *digest, bytes: bytes.len() as u64 });
    let said = Exported { run: record.run.clone(), blobs: sizes.collect() };
    let mut writer = ExportWriter::begin(Vec::new(), &text, attested.run_record, said, key).unwrap();
    while let Some(digest) = writer.next() {
        writer.add(&blobs[&digest]).unwrap();
    }
    writer.end().unwrap().0
}

#[test]
fn a_verdict_that_does_not_follow_from_what_was_recorded_is_found_by_replaying_it() {
    let (host, reader) = host_and_reader();
    works(&reader, &["key", "import", "host.pub", "--name", "them"]);
    let key = read_private(&keys(&host).join("host.key")).unwrap();
    let pay = |events: &mut Vec<Event>, verdict: &mut Verdict| {
        verdict.outcome = Outcome::Pass;
        verdict.score = 1000.try_into().unwrap();
        for event in events {
            if let Event::Graded { verdict: graded, .. } = event {
                *graded = verdict.clone();
            }
        }
    };
    let told = lying(&host.path("run.export.tar"), &key, pay);
    fs::write(reader.path("run.export.tar"), told).unwrap();
    // All of it is signed, and agrees with itself.
    works(&reader, &["verify", "run.export.tar", "--unlogged"]);
    let verify = ["verify", "run.export.tar", "--unlogged", "--replay"];
    let outcome = reader.lancet(&verify);
    outcome.fails(8, &["1 of 2 verdicts is not come to again", "rest nothing on these verdicts"]);
    let words = "/one/2, grade: recorded verdict `pass wrong-choice`, replayed `fail wrong-choice`";
    assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    let json = reader.lancet(&[&verify[..], &["--format", "json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let attempts = told["replayed"]["attempts"].as_array().unwrap();
    assert_eq!(attempts[0]["result"], ReplayResult::Identical.as_str());
    assert_eq!(attempts[1]["phase"], ReplayPhase::Grade.as_str());
    assert_eq!(json.code, Some(8));

    // Fuel that was not used, and an answer that the grader never got.
    let burn = |events: &mut Vec<Event>, _: &mut Verdict| {
        for event in events {
            if let Event::Graded { fuel_used: Some(fuel), .. } = event {
                *fuel += 1;
            }
        }
    };
    fs::write(reader.path("run.export.tar"), lying(&host.path("run.export.tar"), &key, burn)).unwrap();
    let outcome = reader.lancet(&verify);
    outcome.fails(8, &["1 of 2 verdicts is not come to again"]);
    assert!(outcome.stdout.contains("/one/2, grade: recorded fuel "), "{}", outcome.stdout);
}
