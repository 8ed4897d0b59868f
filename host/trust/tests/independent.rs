//! What others make of our keys and signatures: OpenSSL, Python's `cryptography`, and the
//! verifier in `docs/verify`, none of which has any of our code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lancet_core::{
    Event, JailRecord, Leaf, LoggedBegin, LoggedEnd, LoggedVerdict, PackageIdentity, RunId, Sha256,
    VerdictRecord,
};
use lancet_trust::{
    Attested, Bundle, Checkpoint, CommandSigner, Judged, KeyName, Keys, Listed, Note, NoteKey, OpenedExport,
    Plugin, PrivateKey, PublicKey, RunLog, Signer as _, Statement, Tree, journal_digest,
};

#[path = "../../models/tests/python/mod.rs"]
mod python;

mod fixture;

use python::Python;

const MANIFEST: &str = r#"name = "acme/right-choice"
version = "1.2.0"
contract = "0.1.0"
world = "grader"
description = "Pays whoever chose the right proposal."
authors = ["Ada <ada@example.org>"]
licence = "Apache-2.0"

[asks]
submission = "It reads which proposal was chosen."
"#;

/// What a verdict's record looks like, with texts that are escaped.
const RECORD: &str = r#"{"task":"a","attempt":1,"kind":"swe-manager","price":100000,"agent":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","grader":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","submission":"sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","verdict":{"outcome":"pass","reason":"right-choice","score":1000,"checks":[{"name":"choice","passed":true,"detail":"\u0001 \u007f \" \\ é 😀"}],"explanation":"a\nb\tc"},"earned":100000}"#;

/// The smallest component: its first eight bytes.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Sigstore's verifier for Node.js, with what reads its bundles.
const SIGSTORE: [&str; 2] = ["@sigstore/bundle@4.0.0", "@sigstore/verify@3.1.1"];

/// A folder with the keys of a publisher, and a package that is signed by one.
struct Bench {
    folder: tempfile::TempDir,
    key: PrivateKey,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Keys::open(&folder.path().join("keys")).unwrap();
        let known = keys.create(&"acme".parse::<KeyName>().unwrap()).unwrap().clone();
        let bench = Self { key: keys.private(&known).unwrap(), folder };
        fs::copy(bench.path("keys/acme.pub"), bench.path("acme.pub")).unwrap();
        let package = lancet_package::write(COMPONENT, MANIFEST).unwrap();
        let bundle = Bundle::sign(&statement(&package).to_bytes(), &bench.key).unwrap().to_text();
        fs::write(bench.path("plugin.wasm"), package).unwrap();
        fs::write(bench.path("plugin.wasm.sigstore.json"), bundle).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The verifier, on files of this folder.
    fn verify(&self, arguments: &[&str]) -> Output {
        let mut python = Python::oracles().program("python");
        python.arg(docs().join("verify.py")).args(arguments).current_dir(self.folder.path());
        // No `__pycache__` beside the documents.
        python.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap()
    }

    /// A small suite, signed by its digest as docs/signing.md has it.
    fn suite(&self) {
        let files = [
            ("graders/mine.wasm", COMPONENT),
            ("suite.toml", b"name = \"small\"\n"),
            ("tasks/one/statement.md", b"It is broken.\n"),
        ];
        let mut framed = Vec::new();
        for (path, content) in files {
            let file = self.path("suite").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
            for part in [path.as_bytes(), content] {
                framed.extend((part.len() as u64).to_le_bytes());
                framed.extend(part);
            }
        }
        let said = Statement::of_suite("small", 1, Sha256::of(&framed));
        let bundle = Bundle::sign(&said.to_bytes(), &self.key).unwrap().to_text();
        fs::write(self.path("suite.sigstore.json"), bundle).unwrap();
    }

    /// A log with eleven leaves, its head, and what shows the leaf 5.
    fn log(&self) {
        let leaves: Vec<String> = (0..11).map(|n| format!("leaf {n}")).collect();
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push(leaf.as_bytes()));
        let log = NoteKey::new("example.org/log", self.key.public()).unwrap();
        let root = tree.root(11).unwrap();
        let checkpoint = Checkpoint { origin: log.name().to_owned(), size: 11, root };
        let mut note = Note::new(&checkpoint.to_text()).unwrap();
        note.sign(&log, &self.key).unwrap();
        fs::write(self.path("checkpoint"), note.to_text()).unwrap();
        fs::write(self.path("leaf"), &leaves[5]).unwrap();
        let proof: String = tree.inclusion(5, 11).unwrap().iter().map(|hash| base64(hash) + "\n").collect();
        fs::write(self.path("proof"), proof).unwrap();
        let write = |name: &str, text: &str| fs::write(self.path(name), text).unwrap();
        write("control.attested.jsonl", &run(&self.key, true, None));
        // The log when the run had ended, when it has grown, and one from which a leaf was taken.
        let (old, rewritten) = (store_log(&[0, 1, 2, 3]), store_log(&[4, 1, 2, 3, 0, 4]));
        let mut new = store_log(&[0, 1, 2, 3, 4, 4, 4]);
        let mut tree = Tree::new();
        (0..4).for_each(|n| tree.push(leaf(n).to_text().as_bytes()));
        let head = Checkpoint { origin: ORIGIN.to_owned(), size: 4, root: tree.root(4).unwrap() };
        new.extend(&head).unwrap();
        write("old.attested.jsonl", &run(&self.key, false, Some(&old)));
        write("rewritten.attested.jsonl", &run(&self.key, false, Some(&rewritten)));
        let text = run(&self.key, false, Some(&new));
        write("run.attested.jsonl", &text);
        let witness = PrivateKey::generate().unwrap();
        write("witness.pub", &witness.public().to_pem());
        let cosigned = Attested::cosign(&text, &witness, 1_790_000_000).unwrap().unwrap();
        write("cosigned.attested.jsonl", &cosigned);
        let fixture = fixture::fixture(&self.key, &|_, _| {});
        fs::write(self.path("run.export.tar"), fixture.export(&fixture.blobs, &self.key)).unwrap();
    }
}

fn statement(package: &[u8]) -> Statement<Plugin> {
    let manifest = lancet_package::text(package).unwrap().unwrap_or_default();
    Statement::of_plugin("acme/right-choice", "1.2.0", Sha256::of(package), Sha256::of(manifest.as_bytes()))
}

const ORIGIN: &str = "lancet:log/00112233445566778899aabbccddeeff";

/// Leaves of a store: another run's beginning, all three of the run, and another's again.
fn leaf(n: usize) -> Leaf {
    let record: VerdictRecord = serde_json::from_str(RECORD).unwrap();
    let run = "20261123-083329-4f2a9c".parse::<RunId>().unwrap();
    let begin = LoggedBegin {
        run: run.clone(),
        record: Sha256::of(b"record"),
        suite: Sha256::of(b"suite"),
        agent: record.agent,
        seed: 7,
        tasks: 1,
        due: 1,
    };
    let verdict = LoggedVerdict {
        run: run.clone(),
        task: record.task.clone(),
        attempt: record.attempt,
        outcome: record.verdict.outcome,
        digest: record.digest(),
    };
    match n {
        1 => Leaf::RunBegin(begin),
        2 => Leaf::Verdict(verdict),
        3 => Leaf::RunEnd(LoggedEnd::new(run, vec![verdict])),
        n => {
            Leaf::RunBegin(LoggedBegin { run: format!("20261123-083330-{n:06x}").parse().unwrap(), ..begin })
        }
    }
}

/// A log with those leaves, and where the run is in it.
fn store_log(leaves: &[usize]) -> RunLog {
    let mut tree = Tree::new();
    leaves.iter().for_each(|n| tree.push(leaf(*n).to_text().as_bytes()));
    let of_run = (0..).zip(leaves).filter(|(_, n)| (1..4).contains(*n)).map(|(place, n)| (place, leaf(*n)));
    RunLog::new(ORIGIN.to_owned(), tree, of_run.collect()).unwrap()
}

/// A run with one verdict, attested.
fn run(key: &PrivateKey, control: bool, log: Option<&RunLog>) -> String {
    let record: VerdictRecord = serde_json::from_str(RECORD).unwrap();
    let (run, run_record) = ("20261123-083329-4f2a9c".parse::<RunId>().unwrap(), Sha256::of(b"record"));
    let said = lancet_trust::Run {
        run: run.clone(),
        suite: "shop".to_owned(),
        suite_digest: Sha256::of(b"suite"),
        agent: "first".to_owned(),
        agent_digest: record.agent,
        seed: 7,
        control,
        log: log.map(|log| log.origin().to_owned()),
        verdicts: vec![Listed {
            task: record.task.clone(),
            attempt: record.attempt,
            outcome: record.verdict.outcome,
            digest: record.digest(),
        }],
    };
    let judged = Judged {
        run,
        run_record,
        attempts: 1,
        task: Sha256::of(b"task"),
        setting: None,
        solve: None,
        grade: None,
        retakes: 0,
        journal: journal_digest([]),
        digest: record.digest(),
        record,
    };
    Attested::sign(&Statement::said_of_run(run_record, said), vec![judged], log, key).unwrap()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify").canonicalize().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_verifier_in_python_takes_what_is_signed_and_says_why_it_refuses() {
    let bench = Bench::new();
    bench.log();
    let holds = |arguments: &[&str], expected: &str| {
        let output = bench.verify(arguments);
        assert!(
            output.status.success() && told(&output).contains(expected),
            "{arguments:?}: {}",
            told(&output)
        );
    };
    let refuses = |arguments: &[&str], expected: &str| {
        let output = bench.verify(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(&format!("refused: {expected}")), "{arguments:?}: {}", told(&output));
    };
    holds(&["package", "plugin.wasm", "acme.pub"], "holds: acme/right-choice 1.2.0");
    holds(&["checkpoint", "checkpoint", "example.org/log", "acme.pub"], "example.org/log: 11 leaves under ");
    let inclusion = ["inclusion", "leaf", "5", "proof", "checkpoint", "example.org/log", "acme.pub"];
    holds(&inclusion, "leaf is the leaf 5");
    let shown = "1 of 1 verdicts shown: 1 pass, 0 fail, 0 invalid";
    let logged = format!("{shown}; leaves 1 to 3 of the 7 of {ORIGIN}\n");
    holds(&["run", "run.attested.jsonl", "acme.pub"], &logged);
    holds(&["since", "run.attested.jsonl", "old.attested.jsonl", "acme.pub"], &logged);
    holds(&["since", "run.attested.jsonl", "run.attested.jsonl", "acme.pub"], &logged);
    holds(&["run", "cosigned.attested.jsonl", "acme.pub"], &logged);
    holds(&["witness", "cosigned.attested.jsonl", "acme.pub", "witness.pub"], &logged);
    refuses(&["witness", "run.attested.jsonl", "acme.pub", "witness.pub"], "the witness has not cosigned it");
    refuses(&["witness", "cosigned.attested.jsonl", "acme.pub", "acme.pub"], "that is the host's own key");
    let since = |old: &str| ["since", "rewritten.attested.jsonl", old, "acme.pub"].map(str::to_owned);
    let refuses_since =
        |old: &str, expected: &str| refuses(&since(old).each_ref().map(String::as_str), expected);
    refuses_since("old.attested.jsonl", "no proof that it extends the earlier log");
    refuses_since("run.attested.jsonl", "the log has fewer leaves than it had");
    refuses_since("control.attested.jsonl", "they are not in one log");
    // The same size, by a log that was written anew.
    let rewritten = run(&bench.key, false, Some(&store_log(&[4, 1, 2, 3])));
    fs::write(bench.path("same.attested.jsonl"), rewritten).unwrap();
    refuses(&["since", "same.attested.jsonl", "old.attested.jsonl", "acme.pub"], "the log was rewritten");
    // A host whose log has other verdicts than what it signs, and one whose leaf is elsewhere.
    let whole = String::from_utf8(bench.read("run.attested.jsonl")).unwrap();
    let old = String::from_utf8(bench.read("old.attested.jsonl")).unwrap();
    let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    for (text, expected) in [
        (lines(&whole)[..1].concat(), "the run is in a log, and no line has its proofs"),
        (lines(&whole)[..4].concat(), "no place in the log of a verdict"),
        ([lines(&whole)[..4].concat(), lines(&old)[4].clone()].concat(), "the proof "),
        ([lines(&whole)[..2].concat(), lines(&whole)[4].clone()].concat(), "'dsseEnvelope'"),
    ] {
        fs::write(bench.path("mixed.attested.jsonl"), text).unwrap();
        refuses(&["run", "mixed.attested.jsonl", "acme.pub"], expected);
    }
    let control = format!("{shown}; in no log; a control, and no result: the agent was told the answers\n");
    holds(&["unlogged", "control.attested.jsonl", "acme.pub"], &control);
    refuses(&["run", "control.attested.jsonl", "acme.pub"], "the run is in no log, by what its host signed");
    holds(
        &["export", "run.export.tar", "acme.pub"],
        "2 of 2 verdicts shown: 1 pass, 1 fail, 0 invalid; leaves 0 to 3",
    );

    let other = PrivateKey::generate().unwrap();
    fs::write(bench.path("other.pub"), other.public().to_pem()).unwrap();
    refuses(&["package", "plugin.wasm", "other.pub"], "another key, or another spelling");
    refuses(
        &["checkpoint", "checkpoint", "example.org/log", "other.pub"],
        "example.org/log has not signed it",
    );
    refuses(
        &["checkpoint", "checkpoint", "example.org/gol", "acme.pub"],
        "example.org/gol has not signed it",
    );
    let mut elsewhere = inclusion;
    elsewhere[2] = "4";
    refuses(&elsewhere, "the proof leads elsewhere");
    for place in ["-1", "-6", "11"] {
        elsewhere[2] = place;
        refuses(&elsewhere, "no such leaf");
    }
    // A size that is signed, and is none.
    let log = NoteKey::new("example.org/log", bench.key.public()).unwrap();
    for size in ["-11", "+11", "1_1", "011", "\u{661}"] {
        let text = format!("example.org/log\n{size}\n{}\n", base64(&[0; 32]));
        let mut note = Note::new(&text).unwrap();
        note.sign(&log, &bench.key).unwrap();
        fs::write(bench.path("strange"), note.to_text()).unwrap();
        refuses(&["checkpoint", "strange", "example.org/log", "acme.pub"], "no head of that log");
    }

    // The name of the key is no signature of it.
    let id = |key: &PrivateKey| key.public().id().to_string();
    let lying = String::from_utf8(bench.read("plugin.wasm.sigstore.json"))
        .unwrap()
        .replace(&id(&bench.key), &id(&other));
    fs::write(bench.path("plugin.wasm.sigstore.json"), lying).unwrap();
    refuses(&["package", "plugin.wasm", "other.pub"], "that key has not signed it");
    // Another package, with a good signature over what it is not.
    fs::write(
        bench.path("plugin.wasm"),
        lancet_package::write(COMPONENT, &MANIFEST.replace("1.2.0", "1.2.1")).unwrap(),
    )
    .unwrap();
    let said = statement(&bench.read("plugin.wasm")).to_bytes();
    fs::write(bench.path("plugin.wasm.sigstore.json"), Bundle::sign(&said, &bench.key).unwrap().to_text())
        .unwrap();
    refuses(&["package", "plugin.wasm", "acme.pub"], "another name or version was signed");
}

/// What a signer makes who means no good, or reads the form otherwise: both verifiers say no.
#[test]
fn the_verifier_in_python_refuses_what_lancet_refuses() {
    let bench = Bench::new();
    let refuses = |arguments: &[&str], expected: &str| {
        let output = bench.verify(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(&format!("refused: {expected}")), "{arguments:?}: {}", told(&output));
    };
    // A key for which everybody can sign, in each of two spellings; two keys, of which one was meant.
    let spki = |point: [u8; 32]| {
        let der = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &point].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der))
    };
    let mut zero_again = [0xff; 32];
    (zero_again[0], zero_again[31]) = (0xed, 0x7f);
    for point in [[0; 32], zero_again] {
        let pem = spki(point);
        assert!(PublicKey::from_pem(&pem).is_err());
        fs::write(bench.path("weak.pub"), pem).unwrap();
        refuses(&["package", "plugin.wasm", "weak.pub"], "weak.pub holds a key with which everybody");
    }
    let own = bench.key.public().to_pem();
    assert_eq!(spki(*bench.key.public().as_bytes()), own);
    let two = own.clone() + &PrivateKey::generate().unwrap().public().to_pem();
    assert!(PublicKey::from_pem(&two).is_err());
    fs::write(bench.path("two.pub"), two).unwrap();
    refuses(&["package", "plugin.wasm", "two.pub"], "two.pub holds no public key, or more than that");

    // A digest twice, of which others may take the other one; spaces; another name.
    let said = String::from_utf8(statement(&bench.read("plugin.wasm")).to_bytes()).unwrap();
    for (from, to, expected) in [
        ("{\"sha256\":\"", "{\"sha256\":\"00\",\"sha256\":\"", "its statement is spelled otherwise"),
        (",\"predicate\":", ", \"predicate\":", "its statement is spelled otherwise"),
        ("\"name\":\"plugin.toml\"", "\"name\":\"other.toml\"", "another name was signed"),
    ] {
        let other = said.replacen(from, to, 1);
        assert_ne!(other, said);
        let bundle = Bundle::sign(other.as_bytes(), &bench.key).unwrap().to_text();
        let expected_here = statement(&bench.read("plugin.wasm"));
        let read = Statement::<Plugin>::parse(other.as_bytes());
        assert!(read.and_then(|read| read.expect(&expected_here)).is_err());
        fs::write(bench.path("plugin.wasm.sigstore.json"), bundle).unwrap();
        refuses(&["package", "plugin.wasm", "acme.pub"], expected);
    }

    // An export without a file that was handed in, and one with bytes that a journal names and nobody needs.
    let fixture = fixture::fixture(&bench.key, &|_, _| {});
    let submission = r#"["sha256:base",[{"path":"cart.js","change":{"written":{"sha256":"DIGEST","bytes":8,"executable":false}}}]]"#;
    let submission = submission.replace("DIGEST", &Sha256::of(b"contents").to_string()).into_bytes();
    let named = Sha256::of(&submission).to_string();
    assert!(fixture.blobs.values().any(|blob| String::from_utf8_lossy(blob).contains(&named)));
    let mut without = fixture.blobs.clone();
    without.remove(&Sha256::of(b"contents")).unwrap();
    let mut with = fixture.blobs.clone();
    with.insert(Sha256::of(&submission), submission);
    for blobs in [without, with] {
        let file = fixture.export(&blobs, &bench.key);
        let opened = OpenedExport::open(std::io::Cursor::new(&file[..])).unwrap();
        assert!(opened.verify(&bench.key.public()).is_err());
        fs::write(bench.path("run.export.tar"), file).unwrap();
        refuses(
            &["export", "run.export.tar", "acme.pub"],
            "a blob is not in it that a verdict needs, or one is",
        );
    }
}

/// What serde says that it expects in the place of a kind that is none.
fn kinds<T: serde::de::DeserializeOwned>(none: &str) -> Vec<String> {
    let error = serde_json::from_str::<T>(none).err().unwrap().to_string();
    let kinds: Vec<_> = error.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(kinds[0] == "none" && kinds.len() > 5, "{error}");
    kinds[1..].to_vec()
}

/// A kind of event, request or response that it does not know would have it refuse honest runs.
#[test]
fn the_verifier_in_python_knows_all_that_a_journal_may_hold() {
    let program = fs::read_to_string(docs().join("verify.py")).unwrap();
    let events = kinds::<Event>(r#"{"event":"none"}"#);
    let requests = kinds::<lancet_core::Request>(r#"{"call":"none"}"#);
    let responses = kinds::<lancet_core::Response>(r#"{"none":1}"#);
    for kind in events.iter().chain(&requests).chain(&responses) {
        assert!(program.contains(&format!("\"{kind}\"")), "{kind}");
    }
}

/// Signed by a host that says something else in one place than in another.
#[test]
fn the_verifier_in_python_finds_what_a_host_contradicts_itself_in() {
    let bench = Bench::new();
    let lies: [(&str, fixture::Change<'_>); 7] = [
        ("`attempts` of a verdict is not", &|_, judged| judged.attempts = 2),
        ("`retakes` of a verdict is not", &|_, judged| judged.retakes = 1),
        ("`solve` of a verdict is not", &|_, judged| judged.solve.as_mut().unwrap().fuel = Some(2)),
        ("`grade` of a verdict is not", &|_, judged| judged.grade.as_mut().unwrap().engine.push('x')),
        ("`setting` of a verdict is not", &|_, judged| judged.setting = Some(Sha256::of(b"a"))),
        ("`record` of a verdict is not", &|_, judged| {
            judged.record.verdict.explanation.push('x');
            judged.digest = judged.record.digest();
        }),
        ("", &|events, _| drop(events.pop())),
    ];
    for (expected, lie) in lies {
        let lying = fixture::fixture(&bench.key, lie);
        let file = lying.export(&lying.blobs, &bench.key);
        let opened = OpenedExport::open(std::io::Cursor::new(&file[..])).unwrap();
        assert!(opened.verify(&bench.key.public()).is_err());
        fs::write(bench.path("run.export.tar"), file).unwrap();
        let output = bench.verify(&["export", "run.export.tar", "acme.pub"]);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{expected}: {told}");
        assert!(told.contains(&format!("refused: {expected}")), "{expected}: {told}");
    }
}

#[test]
fn the_verifier_in_python_knows_all_that_a_verdict_may_say() {
    let bench = Bench::new();
    let whole = |_: &mut Vec<Event>, judged: &mut Judged| {
        judged.setting = Some(Sha256::of(b"setting"));
        judged.retakes = 2;
        judged.record.by_model = true;
        judged.digest = judged.record.digest();
        let executed = judged.solve.as_mut().unwrap();
        executed.package =
            Some(PackageIdentity { name: "acme/agent".to_owned(), version: "1.2.0".to_owned() });
        executed.jail = Some(JailRecord { seccomp: true, landlock_abi: None, uid: 65_534 });
        executed.fuel = None;
        (executed.limits.wasi_call_fuel, executed.limits.counts_written) = (0, false);
        let jail = JailRecord { seccomp: false, landlock_abi: Some(7), uid: 0 };
        judged.grade.as_mut().unwrap().jail = Some(jail);
    };
    let attested = fixture::fixture(&bench.key, &whole).attested;
    assert_eq!(Attested::verify(attested.as_bytes(), &bench.key.public()).unwrap().verdicts.len(), 2);
    fs::write(bench.path("whole.attested.jsonl"), attested).unwrap();
    let output = bench.verify(&["run", "whole.attested.jsonl", "acme.pub"]);
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn the_verifier_in_python_finds_each_changed_bit() {
    let bench = Bench::new();
    bench.log();
    bench.suite();
    let mut python = Python::oracles().program("python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/changed.py");
    python.arg(script).arg(docs()).arg(bench.folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let counted = python::run(&mut python, "the verifier has to take what is signed");
    let lines: Vec<_> = counted.lines().collect();
    assert_eq!(lines.len(), 12, "{counted}");
    assert!(lines.iter().all(|line| line.ends_with(": 0 taken")), "{counted}");
}

#[test]
fn the_verifier_of_sigstore_takes_it_and_no_other_key_or_payload() {
    const HINT: &str = "Node.js 18 or newer with npm and the registry of npm have to be at hand";
    let bench = Bench::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm/sigstore");
    python::once(&folder, &SIGSTORE.join(" "), || {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        python::run(npm.arg(&folder).args(SIGSTORE), HINT);
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sigstore.js");
    let said = |bundle: &str, key: &str| {
        let mut node = Command::new("node");
        node.arg(&script).arg(folder.join("node_modules")).arg(bench.path(bundle)).arg(bench.path(key));
        python::run(&mut node, HINT)
    };
    assert_eq!(said("plugin.wasm.sigstore.json", "acme.pub"), "holds\n");
    fs::write(bench.path("other.pub"), PrivateKey::generate().unwrap().public().to_pem()).unwrap();
    assert_eq!(said("plugin.wasm.sigstore.json", "other.pub"), "refused: SIGNATURE_ERROR\n");
    // The version in the statement, whose digits have a base64 of their own each.
    let text = String::from_utf8(bench.read("plugin.wasm.sigstore.json")).unwrap();
    let payload = statement(&bench.read("plugin.wasm")).to_bytes();
    let other = String::from_utf8(payload.clone()).unwrap().replace("1.2.0", "1.2.1");
    let changed = text.replace(&base64(&payload), &base64(other.as_bytes()));
    assert_ne!(changed, text);
    fs::write(bench.path("changed.json"), changed).unwrap();
    assert_eq!(said("changed.json", "acme.pub"), "refused: SIGNATURE_ERROR\n");
}

#[test]
fn each_changed_bit_of_a_signed_package_is_found() {
    let bench = Bench::new();
    let text = bench.read("plugin.wasm.sigstore.json");
    let bundle = Bundle::parse(&text).unwrap();
    let said = Statement::<Plugin>::parse(bundle.verify(&bench.key.public()).unwrap()).unwrap();
    let mut package = bench.read("plugin.wasm");
    let holds = |package: &[u8]| match lancet_package::text(package) {
        Ok(Some(text)) => {
            let (package, text) = (Sha256::of(package), Sha256::of(text.as_bytes()));
            said.expect(&Statement::of_plugin("acme/right-choice", "1.2.0", package, text)).is_ok()
        }
        _ => false,
    };
    assert!(holds(&package));
    for at in 0..package.len() {
        for bit in 0..8 {
            package[at] ^= 1 << bit;
            assert!(!holds(&package), "bit {bit} of byte {at}");
            package[at] ^= 1 << bit;
        }
    }
}

#[test]
fn each_changed_byte_of_a_rotation_is_found() {
    let bench = Bench::new();
    let folder = bench.path("keys");
    let mut keys = Keys::open(&folder).unwrap();
    let old = keys.find("acme").unwrap().clone();
    keys.rotate(&old, &"acme-2".parse().unwrap(), &bench.key).unwrap();
    let statement = fs::read(folder.join("acme.rotated.json")).unwrap();
    // Somebody who knows the old key alone.
    let theirs = bench.path("theirs");
    let name = "next".parse::<KeyName>().unwrap();
    let mut reader = Keys::open(&theirs).unwrap();
    let public = fs::read_to_string(folder.join("acme.pub")).unwrap();
    reader.import(&public, &"acme".parse().unwrap()).unwrap();
    for at in 0..statement.len() {
        let mut changed = statement.clone();
        changed[at] ^= 1 << (at % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let error = reader.import(&changed, &name).map(|imported| imported.key.name).unwrap_err();
        assert!(error.hint().is_some() || !error.to_string().is_empty());
        assert!(Keys::open(&theirs).unwrap().find("next").is_err(), "byte {at}");
    }
    reader.import(&String::from_utf8(statement).unwrap(), &name).unwrap();
    assert!(Keys::open(&theirs).unwrap().find("next").is_ok());
}

/// A witness's time is its word: what was cosigned in 1970, and what is cosigned in a year that
/// nobody lives to see, both hold, here and by the verifier in Python.
#[test]
fn no_date_decides_whether_a_cosignature_holds() {
    let bench = Bench::new();
    let log = store_log(&[0, 1, 2, 3]);
    let text = run(&bench.key, false, Some(&log));
    let witness = PrivateKey::generate().unwrap();
    fs::write(bench.path("witness.pub"), witness.public().to_pem()).unwrap();
    let mut told = Vec::new();
    for time in [0, 1, 253_402_300_800, i64::MAX.unsigned_abs()] {
        let cosigned = Attested::cosign(&text, &witness, time).unwrap().unwrap();
        let verified = Attested::verify(cosigned.as_bytes(), &bench.key.public()).unwrap();
        told.push(verified.log.unwrap().note.cosigned_by(&witness.public()).unwrap());
        fs::write(bench.path("cosigned.attested.jsonl"), cosigned).unwrap();
        let output = bench.verify(&["witness", "cosigned.attested.jsonl", "acme.pub", "witness.pub"]);
        assert!(output.status.success(), "{time}: {}", self::told(&output));
    }
    assert_eq!(told, [0, 1, 253_402_300_800, i64::MAX.unsigned_abs()].map(Some));
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("left out: no openssl");
        return;
    }
    let bench = Bench::new();
    let openssl = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).current_dir(bench.folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        output.stdout
    };
    // The public half of ours, byte for byte.
    assert_eq!(openssl(&["pkey", "-in", "keys/acme.key", "-pubout"]), bench.read("acme.pub"));
    let der = openssl(&["pkey", "-pubin", "-in", "acme.pub", "-outform", "DER"]);
    assert_eq!(base64(Sha256::of(&der).as_bytes()), bench.key.public().id().to_string());
    // Our signature, by it.
    fs::write(bench.path("message"), "message").unwrap();
    fs::write(bench.path("signature"), bench.key.signature(b"message")).unwrap();
    openssl(&[
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "acme.pub",
        "-rawin",
        "-in",
        "message",
        "-sigfile",
        "signature",
    ]);
    // A key of its own, and it as the command that signs.
    let made = String::from_utf8(openssl(&["genpkey", "-algorithm", "ed25519"])).unwrap();
    let theirs = PrivateKey::from_pem(&made).unwrap();
    assert_eq!(*theirs.to_pem(), made);
    fs::write(bench.path("theirs.key"), &made).unwrap();
    let public = String::from_utf8(openssl(&["pkey", "-in", "theirs.key", "-pubout"])).unwrap();
    let public = PublicKey::from_pem(&public).unwrap();
    assert_eq!(public, theirs.public());
    let folder = bench.folder.path().display();
    let command = format!(
        "cat >{folder}/given && openssl pkeyutl -sign -inkey {folder}/theirs.key -rawin -in {folder}/given"
    );
    let signer = CommandSigner::new(public, &command);
    assert_eq!(signer.sign(b"message").unwrap(), theirs.signature(b"message"));
    assert!(CommandSigner::new(bench.key.public(), &command).sign(b"message").is_err());
    // Keys of other kinds are told as that.
    let made =
        String::from_utf8(openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]))
            .unwrap();
    let error = PrivateKey::from_pem(&made).unwrap_err();
    assert!(error.to_string().contains("no Ed25519 key"), "{error}");
}
