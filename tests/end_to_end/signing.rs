//! Keys, and what is signed with them: packages and suites, verified here and by a program
//! that has none of our code.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lancet_core::{Role, Sha256};
use lancet_trust::{Bundle, ListedKey, ListedKeys, Statement, VerifiedFile, VerifiedRun, read_private};

use crate::context::{Context, Outcome, judged_by, workspace};
use crate::packages::GRADER;
use crate::python::Python;
use crate::shapes::has_shape;

#[track_caller]
pub(crate) fn works(context: &Context, arguments: &[&str]) -> Outcome {
    let outcome = context.lancet(arguments);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
    outcome
}

/// A publisher with a key `acme`, and a package that is signed with it.
fn publisher() -> Context {
    let context = Context::new();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    fs::write(context.path("bare.wasm"), grader.component).unwrap();
    fs::write(context.path("plugin.toml"), GRADER).unwrap();
    works(&context, &["plugin", "pack", "bare.wasm", "-o", "packed.wasm"]);
    works(&context, &["key", "new", "acme"]);
    works(&context, &["plugin", "sign", "packed.wasm", "--key", "acme"]);
    context
}

/// Where the keys of a context's user lie.
pub(crate) fn keys(context: &Context) -> std::path::PathBuf {
    context.path(".config/lancet/keys")
}

/// Somebody who has a publisher's package and signature, and no key.
fn reader(publisher: &Context) -> Context {
    let reader = Context::new();
    for file in ["packed.wasm", "packed.wasm.sigstore.json"] {
        fs::copy(publisher.path(file), reader.path(file)).unwrap();
    }
    fs::copy(keys(publisher).join("acme.pub"), reader.path("acme.pub")).unwrap();
    reader
}

/// What the verifier in Python says.
pub(crate) fn python(context: &Context, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Python::oracles().program("python");
    command.arg(workspace().join("docs/verify/verify.py")).args(arguments).current_dir(context.path(""));
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_signed_package_is_verified_by_whoever_has_the_key() {
    let publisher = publisher();
    let reader = reader(&publisher);
    let verify = ["verify", "packed.wasm"];
    reader
        .lancet(&verify)
        .fails(8, &["packed.wasm.sigstore.json`: it names the key ", "not known here", "key import"]);
    // A key that is named is believed this once, and one that is taken in from then on.
    works(&reader, &["verify", "packed.wasm", "--key", "./acme.pub"]);
    reader.lancet(&verify).fails(8, &["not known here"]);
    works(&reader, &["key", "import", "./acme.pub", "--name", "them"]);
    let verified = works(&reader, &verify).stdout;
    for words in [
        "packed.wasm is what was signed\nkey     them, ",
        "lancet:statement/plugin/v0.1",
        "acme/right-choice, plugin.toml",
    ] {
        assert!(verified.contains(words), "{words}: {verified}");
    }
    let json = |arguments: &[&str]| reader.lancet(&[arguments, &["--format", "json"]].concat());
    let verified = has_shape::<VerifiedFile>(&json(&["verify", "packed.wasm.sigstore.json"]), "verify");
    assert_eq!(verified["key"]["name"], "them");
    has_shape::<ListedKeys>(&json(&["key", "list"]), "key-list");
    has_shape::<ListedKey>(&json(&["key", "show", "them"]), "key-show");
    assert_eq!(
        python(&reader, &["package", "packed.wasm", "acme.pub"]),
        (Some(0), "holds: acme/right-choice 1.2.0\n".to_owned())
    );

    // Somebody else's key says nothing of it.
    works(&reader, &["key", "new", "own"]);
    reader.lancet(&["verify", "packed.wasm", "--key", "own"]).fails(8, &["it names the key", "--key FILE"]);
    // Where nothing is signed, nothing is verified.
    fs::copy(reader.path("packed.wasm"), reader.path("other.wasm")).unwrap();
    reader
        .lancet(&["verify", "other.wasm"])
        .fails(8, &["`other.wasm` is not signed: `other.wasm.sigstore.json` is not there", "--bundle"]);
    works(&reader, &["verify", "other.wasm", "--bundle", "packed.wasm.sigstore.json"]);
    // A name that was mistyped is another fault than a signature that does not hold.
    for nothing in ["nothing", "nothing.wasm"] {
        reader.lancet(&["verify", nothing]).fails(1, &["cannot read `nothing", "No such file"]);
    }
}

#[test]
fn what_was_changed_after_it_was_signed_is_found() {
    let publisher = publisher();
    let package = fs::read(publisher.path("packed.wasm")).unwrap();
    let bundle = fs::read(publisher.path("packed.wasm.sigstore.json")).unwrap();
    for file in ["packed.wasm", "packed.wasm.sigstore.json"] {
        let whole = fs::read(publisher.path(file)).unwrap();
        for at in (0..16).map(|step| whole.len() * step / 16).chain([whole.len() - 1]) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(publisher.path(file), changed).unwrap();
            publisher.lancet(&["verify", "packed.wasm"]).fails(8, &["packed.wasm.sigstore.json`: "]);
        }
        fs::write(publisher.path(file), whole).unwrap();
    }
    // Another version of the same, and another signer's good signature over it.
    fs::write(publisher.path("plugin.toml"), GRADER.replace("1.2.0", "1.2.1")).unwrap();
    works(&publisher, &["plugin", "pack", "bare.wasm", "-o", "packed.wasm"]);
    publisher
        .lancet(&["verify", "packed.wasm"])
        .fails(8, &["`subject.digest` of its payload is", "get the file that was signed"]);
    fs::write(publisher.path("packed.wasm"), &package).unwrap();

    // The same in another spelling is one of another tool's.
    let value: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
    fs::write(publisher.path("pretty.json"), serde_json::to_string_pretty(&value).unwrap()).unwrap();
    let pretty = ["verify", "packed.wasm", "--bundle", "pretty.json"];
    publisher.lancet(&pretty).fails(8, &["`pretty.json`: it is not in the one spelling", "--foreign"]);
    let taken = works(&publisher, &[&pretty[..], &["--foreign"]].concat());
    assert!(taken.stderr.contains("is not looked at, but for its digest"), "{}", taken.stderr);
    fs::write(publisher.path("packed.wasm"), "another").unwrap();
    publisher
        .lancet(&[&pretty[..], &["--foreign"]].concat())
        .fails(8, &["is about other files than `packed.wasm`"]);
    for (text, words) in [("", "no sigstore bundle"), ("{}", "missing field"), ("[[[", "no sigstore bundle")]
    {
        fs::write(publisher.path("packed.wasm.sigstore.json"), text).unwrap();
        publisher
            .lancet(&["verify", "packed.wasm"])
            .fails(8, &["packed.wasm.sigstore.json`: ", words, "plugin sign"]);
    }
}

#[test]
fn keys_are_rotated_and_revoked_and_others_follow() {
    let publisher = publisher();
    let reader = reader(&publisher);
    works(&reader, &["key", "import", "acme.pub", "--name", "acme"]);
    let rotated = works(&publisher, &["key", "rotate", "acme", "acme-2"]).stdout;
    assert!(
        rotated.contains("`acme` signs no more") && rotated.contains("acme.rotated.json --name acme-2"),
        "{rotated}"
    );
    publisher
        .lancet(&["plugin", "sign", "packed.wasm", "--key", "acme"])
        .fails(2, &["the key `acme` was rotated", "sign with that key"]);
    publisher
        .lancet(&["plugin", "sign", "packed.wasm", "--key", "acme-2"])
        .fails(2, &["is a signature by another key", "--output"]);
    works(&publisher, &["plugin", "sign", "packed.wasm", "--key", "acme-2", "--output", "second.json"]);
    fs::copy(publisher.path("second.json"), reader.path("second.json")).unwrap();
    let second = ["verify", "packed.wasm", "--bundle", "second.json"];
    reader.lancet(&second).fails(8, &["not known here"]);
    let statement = keys(&publisher).join("acme.rotated.json");
    works(&reader, &["key", "import", statement.to_str().unwrap(), "--name", "acme-2"]);
    works(&reader, &second);
    // What the old key signed still verifies, with a word on it.
    let verified = works(&reader, &["verify", "packed.wasm"]);
    assert!(verified.stderr.contains("the key `acme` was rotated since"), "{}", verified.stderr);

    // What the old key named before is believed until it is revoked itself, and that is told.
    let revoked = works(&reader, &["key", "revoke", "acme", "--reason", "the laptop was stolen"]);
    let id = reader.json(&["key", "show", "acme-2"])["id"].as_str().unwrap().to_owned();
    let named = "the key `acme-2` is known by the word of `acme`, which is revoked";
    let way_out = format!("`lancet key revoke {id} --reason");
    assert!(revoked.stderr.contains(named) && revoked.stderr.contains(&way_out), "{}", revoked.stderr);
    let stolen = &["signed by the key `acme`, which is revoked: the laptop was stolen"];
    reader.lancet(&["verify", "packed.wasm"]).fails(8, stolen);
    // Whichever way the key comes.
    reader.lancet(&["verify", "packed.wasm", "--key", "./acme.pub"]).fails(8, &["which is revoked"]);
    reader.lancet(&["verify", "packed.wasm", "--foreign"]).fails(8, &["which is revoked"]);
    // Of two who signed it one who is believed is enough.
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(reader.path(name)).unwrap()).unwrap()
    };
    let (first, mut both) = (read("packed.wasm.sigstore.json"), read("second.json"));
    let stolen_one = first["dsseEnvelope"]["signatures"][0].clone();
    both["dsseEnvelope"]["signatures"].as_array_mut().unwrap().insert(0, stolen_one);
    fs::write(reader.path("both.json"), both.to_string()).unwrap();
    let told = works(&reader, &["verify", "packed.wasm", "--bundle", "both.json", "--foreign"]).stdout;
    assert!(told.contains("key     acme-2, "), "{told}");
    let verified = works(&reader, &second);
    assert!(verified.stderr.contains(named) && verified.stderr.contains(&way_out), "{}", verified.stderr);
    // Whoever has made the new key knows it by nobody's word.
    let revoked = works(&publisher, &["key", "revoke", "acme", "--reason", "the laptop was stolen"]);
    assert_eq!(revoked.stderr, "");
    let digest = Sha256::of(&fs::read(reader.path("packed.wasm")).unwrap()).to_string();
    works(&reader, &["key", "revoke", &digest, "--reason", "it pays everybody"]);
    reader.lancet(&second).fails(8, &[&digest, "is revoked: it pays everybody"]);
    let listed = works(&reader, &["key", "list"]).stdout;
    for words in
        ["REVOKED: the laptop was stolen", "verifies", &format!("revoked  {digest}: it pays everybody")]
    {
        assert!(listed.contains(words), "{words}: {listed}");
    }
}

#[test]
fn what_is_no_package_is_not_what_was_signed_whatever_is_said_of_it() {
    let publisher = publisher();
    let key = read_private(&keys(&publisher).join("acme.key")).unwrap();
    let package = fs::read(publisher.path("packed.wasm")).unwrap();
    for bytes in [&b"no package"[..], b"", &package[..package.len() / 2]] {
        let said = Statement::of_plugin("acme/right-choice", "1.2.0", Sha256::of(bytes), Sha256::of(b""));
        let bundle = Bundle::sign(&said.to_bytes(), &key).unwrap().to_text();
        fs::write(publisher.path("packed.wasm"), bytes).unwrap();
        fs::write(publisher.path("packed.wasm.sigstore.json"), bundle).unwrap();
        publisher.lancet(&["verify", "packed.wasm"]).fails(
            8,
            &[
                "packed.wasm.sigstore.json`: ",
                "`packed.wasm` is no package with one manifest",
                "get the file",
            ],
        );
    }
}

#[test]
fn a_suite_is_signed_and_verified() {
    let context = Context::new();
    let suite = context.small_suite("shop");
    // What is no part of its digest: for readers, for git, and what a task checks itself by.
    for folder in [".git/objects", "tasks/one/cases"] {
        fs::create_dir_all(suite.join(folder)).unwrap();
    }
    let beside = [
        ("README.md", "A shop.\n"),
        ("LICENSE-MIT", "Do as you like.\n"),
        (".gitignore", "*.tmp\n"),
        (".git/objects/one", "one"),
        ("tasks/one/cases/wrong.toml", "choice = 0\nexpect = \"fail wrong-choice\"\n"),
    ];
    for (file, text) in beside {
        fs::write(suite.join(file), text).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", suite.join(".git/link")).unwrap();
    works(&context, &["key", "new", "acme"]);
    works(&context, &["suite", "sign", "shop/", "--key", "acme"]);
    let verified = context.json(&["verify", "shop"]);
    assert_eq!(verified["statement"], "lancet:statement/suite/v0.1");
    let key = keys(&context).join("acme.pub");
    let ours = ["suite", "shop", key.to_str().unwrap()];
    let holds = (Some(0), "holds: small\n".to_owned());
    assert_eq!(python(&context, &ours), holds);
    for (file, text) in beside {
        fs::write(suite.join(file), format!("{text}# Another.\n")).unwrap();
    }
    works(&context, &["verify", "shop"]);
    assert_eq!(python(&context, &ours), holds);
    std::os::unix::fs::symlink("LICENSE-MIT", suite.join("LICENSE")).unwrap();
    context.lancet(&["verify", "shop"]).fails(3, &["LICENSE", "a symbolic link"]);
    let linked = "refused: LICENSE is a link, and a suite has none\n";
    assert_eq!(python(&context, &ours), (Some(1), linked.to_owned()));
    fs::remove_file(suite.join("LICENSE")).unwrap();
    // A note of a task is a part of it.
    fs::write(suite.join("tasks/one/README.md"), "The first.\n").unwrap();
    context.lancet(&["verify", "shop"]).fails(8, &["`subject.digest` of its payload is"]);
    assert_eq!(python(&context, &ours), (Some(1), "refused: another suite was signed\n".to_owned()));
    fs::remove_file(suite.join("tasks/one/README.md")).unwrap();
    assert_eq!(python(&context, &ours), holds);
    fs::write(suite.join("tasks/one/statement.md"), "It is broken!\n").unwrap();
    context
        .lancet(&["verify", "shop"])
        .fails(8, &["shop.sigstore.json`: `subject.digest` of its payload is"]);
    assert_eq!(python(&context, &ours), (Some(1), "refused: another suite was signed\n".to_owned()));
    fs::write(suite.join("stray.txt"), "").unwrap();
    context.lancet(&["verify", "shop"]).fails(3, &["stray.txt"]);
}

#[test]
fn each_changed_byte_of_a_signed_suite_is_found() {
    let context = Context::new();
    let suite = context.small_suite("shop");
    let component = lancet_builtin::find(Role::Grader, "manager-choice").unwrap().component;
    judged_by(&suite, component);
    let digest = lancet_suite::Suite::open(&suite).unwrap().digest();
    let mut tried = 0;
    for file in [
        "suite.toml",
        "tasks/one/task.toml",
        "tasks/one/statement.md",
        "tasks/one/proposals/1.md",
        "tasks/one/private/answer-key.json",
        "graders/mine.wasm",
    ] {
        let path = suite.join(file);
        let whole = fs::read(&path).unwrap();
        // Of a component, which is large, a byte here and there.
        for at in (0..whole.len()).step_by(whole.len().div_ceil(500)) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, changed).unwrap();
            let found = lancet_suite::Suite::open(&suite).map(|suite| suite.digest());
            assert!(found.is_err() || found.is_ok_and(|found| found != digest), "byte {at} of {file}");
            tried += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(lancet_suite::Suite::open(&suite).unwrap().digest(), digest);
    assert!(tried > 600, "{tried}");
}

#[test]
fn a_run_is_attested_and_some_of_its_verdicts_can_be_shown() {
    let context = Context::new();
    let suite = workspace().join("tasks/storefront-managers");
    works(&context, &["key", "new", "host"]);
    context.json(&["run", suite.to_str().unwrap(), "--agent", "random", "--attempts", "2"]);
    let attested = works(&context, &["attest", "--key", "host", "--output", "run.attested.jsonl"]).stdout;
    assert!(attested.starts_with("run.attested.jsonl\nrun "), "{attested}");
    let text = fs::read_to_string(context.path("run.attested.jsonl")).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    // The run, its log, and three lines for each verdict, as none is invalid.
    let due = lines.len() / 3;
    assert!(due > 2 && lines.len() == 3 * due + 2, "{}", lines.len());
    let verify = ["verify", "run.attested.jsonl"];
    let json = context.lancet(&[&verify[..], &["--format", "json"]].concat());
    let verified = has_shape::<VerifiedRun>(&json, "verify-run");
    assert_eq!(verified["due"], due);
    assert_eq!(verified["withheld"], 0);
    let log = &verified["log"];
    assert_eq!((&log["begin"], &log["end"], &log["others"]), (&0.into(), &(due + 1).into(), &0.into()));
    // The verdicts are those of the store, by their digests.
    let shown = context.json(&["show"]);
    for (one, attempt) in verified["verdicts"].as_array().unwrap().iter().zip(shown.as_array().unwrap()) {
        assert_eq!(one["digest"], attempt["verdict_digest"]);
        assert_eq!(one["outcome"], attempt["state"]);
    }
    let key = keys(&context).join("host.pub");
    let independent = ["run", "run.attested.jsonl", key.to_str().unwrap()];
    let (code, said) = python(&context, &independent);
    assert!(code == Some(0) && said.contains(&format!("{due} of {due} verdicts shown")), "{said}");
    // Another time it says the same, and only the host's key says it.
    works(&context, &["attest", "--key", "host", "--output", "run.attested.jsonl"]);
    assert_eq!(fs::read_to_string(context.path("run.attested.jsonl")).unwrap(), text);
    context
        .lancet(&["attest", "--key", "host", "--output", "run.json"])
        .fails(2, &["`run.json` does not end in `.jsonl`", "run.attested.jsonl"]);
    assert!(!context.path("run.json").exists());
    // The signatures hold, and what is revoked of what was used is told.
    assert_eq!(works(&context, &verify).stderr, "");
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    let grader = Sha256::of(grader.component).to_string();
    let told = |what: &str| verified[what].as_str().unwrap().to_owned();
    for (what, digest) in
        [("suite", told("suite_digest")), ("agent", told("agent_digest")), ("grader", grader)]
    {
        works(&context, &["key", "revoke", &digest, "--reason", "it gives answers away"]);
        let warned = works(&context, &verify).stderr;
        let expected = format!("the {what} of this run, {digest}, is revoked: it gives answers away");
        assert_eq!(warned.matches(&expected).count(), 1, "{warned}");
    }
    works(&context, &["key", "new", "other"]);
    context
        .lancet(&[&verify[..], &["--key", "other"]].concat())
        .fails(8, &["line 1: it names the key", "--key FILE"]);
    context
        .lancet(&["attest", "--key", "other", "--output", "run.attested.jsonl"])
        .fails(2, &["is a signature by another key"]);

    let write = |text: &str| fs::write(context.path("run.attested.jsonl"), text).unwrap();
    // One verdict is shown, and that the others are withheld.
    write(&[lines[0], lines[1], lines[5], lines[6], lines[7]].concat());
    let some = works(&context, &verify).stdout;
    assert!(some.contains(&format!("1 of {due} verdicts shown")), "{some}");
    assert!(python(&context, &independent).1.contains(&format!("1 of {due} verdicts shown")));
    for (text, words) in [
        (
            [lines[0], lines[1], lines[5]].concat(),
            "line 3: `predicate.record` of its payload is `a verdict alone`",
        ),
        ([&[lines[0], lines[1]], &lines[5..8], &lines[2..5]].concat().concat(), "line 6: `predicate.record`"),
        (
            [lines[0], lines[1], lines[5], lines[6], lines[4]].concat(),
            "line 5: this verdict is not the leaf ",
        ),
        (lines[0].to_owned(), "line 2: the run is in the log `lancet:log/"),
        (lines[2..].concat(), "line 1: its payload is no in-toto Statement"),
        (text.replacen("\"sig\":\"", "\"sig\":\"A", 1), "line 1: `dsseEnvelope.signatures[0].sig`"),
        (text.trim_end().to_owned(), "its proofs are not in the one spelling"),
        (String::new(), "line 1: it is no sigstore bundle"),
    ] {
        write(&text);
        context.lancet(&verify).fails(8, &["`run.attested.jsonl`: ", words]);
        assert_eq!(python(&context, &independent).0, Some(1), "{words}");
    }
    // What contradicts itself is not attested.
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    database.execute("UPDATE attempts SET earned_cents = 1", []).unwrap();
    context
        .lancet(&["attest", "--key", "host", "--output", "new.jsonl"])
        .fails(7, &["contradict one another"]);
    assert!(!context.path("new.jsonl").exists());
    context.lancet(&["attest", "nothing", "--key", "host"]).fails(2, &["nothing"]);
}

/// Has the store's log without the leaves of its first run, and the store without that run.
fn leave_the_first_run_out(context: &Context) {
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let sql = "PRAGMA foreign_keys = OFF; DROP TRIGGER log_stays; DROP TRIGGER log_keeps;
        CREATE TEMP TABLE first AS SELECT id FROM runs ORDER BY rowid LIMIT 1;
        CREATE TEMP TABLE kept AS SELECT row_number() OVER (ORDER BY place) - 1, run, leaf FROM log
            WHERE run NOT IN (SELECT id FROM first);
        DELETE FROM log; INSERT INTO log SELECT * FROM kept;
        DELETE FROM events WHERE run IN (SELECT id FROM first);
        DELETE FROM attempts WHERE run IN (SELECT id FROM first);
        DELETE FROM runs WHERE id IN (SELECT id FROM first)";
    database.execute_batch(sql).unwrap();
}

#[test]
fn a_run_that_was_left_out_of_the_log_is_found_and_witnesses_cosign_what_is_in_it() {
    let (host, auditor) = (Context::new(), Context::new());
    let suite = host.small_suite("suite");
    let run = || host.json(&["run", suite.to_str().unwrap(), "--agent", "last"]);
    works(&host, &["key", "new", "host"]);
    works(&auditor, &["key", "new", "auditor"]);
    let public =
        |context: &Context, name: &str| keys(context).join(format!("{name}.pub")).display().to_string();
    works(&auditor, &["key", "import", &public(&host, "host"), "--name", "them"]);
    run();
    works(&host, &["attest", "--key", "host", "--output", "first.jsonl"]);
    run();
    works(&host, &["attest", "--key", "host", "--output", "bare.jsonl"]);
    let attest = ["attest", "--key", "host", "--since", "first.jsonl", "--output", "second.jsonl"];
    works(&host, &attest);
    // The log has grown, and nothing else.
    let verified = host.json(&["verify", "second.jsonl", "--since", "first.jsonl"]);
    assert_eq!((&verified["log"]["size"], &verified["log"]["others"]), (&6.into(), &3.into()));
    assert_eq!(verified["log"]["extends"], serde_json::json!([3]));
    let key = public(&host, "host");
    assert_eq!(python(&host, &["since", "second.jsonl", "first.jsonl", &key]).0, Some(0));
    host.lancet(&["verify", "bare.jsonl", "--since", "first.jsonl"])
        .fails(8, &["`bare.jsonl`, signed by `host`", "it has no proof", "lancet attest RUN --since FILE"]);
    host.lancet(&["verify", "first.jsonl", "--since", "second.jsonl"])
        .fails(8, &["its log has 3 leaves, and had 6 at the earlier head", "keep both files"]);

    // The head alone is enough to compare with.
    let text = fs::read_to_string(host.path("first.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let note = line["checkpoint"].as_str().unwrap();
    fs::write(host.path("head"), note).unwrap();
    works(&host, &["verify", "second.jsonl", "--since", "head"]);
    fs::write(host.path("head"), note.replacen("\n3\n", "\n2\n", 1)).unwrap();
    host.lancet(&["verify", "second.jsonl", "--since", "head"])
        .fails(8, &["`head` is no head of a log by a key that is known here"]);

    // Somebody else looks at each, and cosigns what extends what was cosigned before.
    for file in ["first.jsonl", "second.jsonl", "bare.jsonl"] {
        fs::copy(host.path(file), auditor.path(file)).unwrap();
    }
    auditor.lancet(&["cosign", "first.jsonl", "--key", "auditor"]).fails(2, &["--since <FILE>"]);
    works(&auditor, &["cosign", "first.jsonl", "--key", "auditor", "--first"]);
    let cosign =
        |file: &str, since: &str| auditor.lancet(&["cosign", file, "--key", "auditor", "--since", since]);
    cosign("bare.jsonl", "first.jsonl").fails(8, &["it has no proof"]);
    assert_eq!(cosign("second.jsonl", "first.jsonl").code, Some(0));
    host.lancet(&["cosign", "second.jsonl", "--key", "host", "--first"])
        .fails(2, &["has signed `second.jsonl` itself: a witness is somebody else"]);
    host.lancet(&["verify", "second.jsonl", "--witness", &public(&auditor, "auditor")])
        .fails(8, &["auditor.pub`", "has not cosigned the head of its log"]);
    fs::copy(auditor.path("second.jsonl"), host.path("second.jsonl")).unwrap();
    // Whoever does not know the witness is told that it counts for nothing.
    let verified = works(&host, &["verify", "second.jsonl"]);
    assert!(verified.stderr.contains("1 more signature of the log's head"), "{}", verified.stderr);
    assert!(!verified.stdout.contains("witness"), "{}", verified.stdout);
    works(&host, &["key", "import", &public(&auditor, "auditor"), "--name", "auditor"]);
    let verified = works(&host, &["verify", "second.jsonl", "--witness", "auditor"]);
    assert!(verified.stdout.contains("\nwitness  auditor, "), "{}", verified.stdout);
    assert_eq!(verified.stderr, "");
    let json = host.lancet(&["verify", "second.jsonl", "--format", "json"]);
    let told = has_shape::<VerifiedRun>(&json, "verify-run");
    assert_eq!(told["log"]["cosigned"][0]["name"], "auditor");
    let witness = ["witness", "second.jsonl", &public(&auditor, "auditor"), &key];
    let swapped = ["witness", "second.jsonl", &key, &public(&auditor, "auditor")];
    assert_eq!(python(&host, &swapped).0, Some(0), "{}", python(&host, &swapped).1);
    assert_eq!(python(&host, &witness).0, Some(1));
    works(&host, &["key", "revoke", "auditor", "--reason", "it cosigns anything"]);
    host.lancet(&["verify", "second.jsonl", "--witness", "auditor"])
        .fails(8, &["is revoked: it cosigns anything"]);
    let verified = works(&host, &["verify", "second.jsonl"]);
    assert!(verified.stderr.contains("the witness `auditor` counts for nothing"), "{}", verified.stderr);

    // The first run is made to never have been. The host finds it by what it has signed before, and
    // so does everybody who has that.
    leave_the_first_run_out(&host);
    assert_eq!(host.json(&["runs"]).as_array().unwrap().len(), 1);
    let third = ["attest", "--key", "host", "--output", "third.jsonl"];
    host.lancet(&third).fails(7, &["does not extend the head that was signed here last", "new store"]);
    // A host that does not want to know signs it all the same.
    fs::remove_file(host.path("store/signed.checkpoint")).unwrap();
    works(&host, &third);
    works(&host, &["verify", "third.jsonl"]);
    for old in ["first.jsonl", "second.jsonl"] {
        let arguments = ["attest", "--key", "host", "--since", old, "--output", "fourth.jsonl"];
        host.lancet(&arguments).fails(7, &["the store's log does not extend that of", old, "restore it"]);
    }
    host.lancet(&["verify", "third.jsonl", "--since", "first.jsonl"]).fails(
        8,
        &["`third.jsonl`, signed by `host`, does not extend `first.jsonl`", "it was rewritten since"],
    );
    host.lancet(&["verify", "third.jsonl", "--since", "second.jsonl"])
        .fails(8, &["its log has 3 leaves, and had 6 at the earlier head"]);
    assert!(
        python(&host, &["since", "third.jsonl", "first.jsonl", &key]).1.contains("the log was rewritten")
    );
    fs::copy(host.path("third.jsonl"), auditor.path("third.jsonl")).unwrap();
    cosign("third.jsonl", "first.jsonl").fails(8, &["it was rewritten since"]);

    // What is from before there was a log is in none, which is told, and nothing can be shown of it.
    let database = rusqlite::Connection::open(host.path("store/lancet.db")).unwrap();
    database.execute_batch("DROP TABLE log; DROP TABLE log_origin; PRAGMA user_version = 5").unwrap();
    drop(database);
    let attested = works(&host, &["attest", "--key", "host", "--output", "old.jsonl"]);
    assert!(attested.stderr.contains("is from before this store had a log"), "{}", attested.stderr);
    let no_log = &["`old.jsonl` is a run that is in no log, by what its host signed", "--unlogged"];
    host.lancet(&["verify", "old.jsonl"]).fails(8, no_log);
    host.lancet(&["verify", "old.jsonl", "--since", "first.jsonl"]).fails(8, no_log);
    let taken = works(&host, &["verify", "old.jsonl", "--unlogged"]);
    assert!(taken.stderr.contains("this run is in no log"), "{}", taken.stderr);
    assert_eq!(python(&host, &["run", "old.jsonl", &key]).0, Some(1));
    assert!(python(&host, &["unlogged", "old.jsonl", &key]).1.contains("; in no log"));
    host.lancet(&["attest", "--key", "host", "--since", "first.jsonl", "--output", "old.jsonl"])
        .fails(2, &["is from before this store had a log, and in none"]);
    host.lancet(&["cosign", "old.jsonl", "--key", "auditor", "--first"])
        .fails(8, &["there is nothing to cosign"]);
}

#[test]
fn bad_keys_and_commands_are_told_by_file_and_way_out() {
    let publisher = publisher();
    let sign = |key: &[&str]| publisher.lancet(&[&["plugin", "sign", "packed.wasm", "--key"], key].concat());
    publisher.lancet(&["key", "new", "acme"]).fails(2, &["there is a key `acme` already"]);
    publisher
        .lancet(&["key", "new", "Acme Inc."])
        .fails(2, &["`Acme Inc.` is no name for a key", "acme-2026"]);
    publisher
        .lancet(&["key", "import", "plugin.toml", "--name", "x"])
        .fails(2, &["`plugin.toml`: it is no PEM file", "key new"]);
    publisher
        .lancet(&["key", "import", "missing.pub", "--name", "x"])
        .fails(1, &["cannot read `missing.pub`"]);
    publisher.lancet(&["key", "import", ".", "--name", "x"]).fails(2, &["`.`: it is a folder, and no file"]);
    publisher.lancet(&["key", "revoke", "acme", "--reason", ""]).fails(2, &["the reason has no words"]);
    publisher
        .lancet(&["key", "revoke", "nobody", "--reason", "x"])
        .fails(2, &["no key `nobody` in", "key list"]);
    publisher
        .lancet(&["key", "revoke", "sha256:ab", "--reason", "x"])
        .fails(2, &["`sha256:ab` is not a digest"]);
    sign(&["nobody"]).fails(2, &["no key `nobody` in"]);
    let public = keys(&publisher).join("acme.pub");
    let public = public.to_str().unwrap();
    sign(&[public])
        .fails(2, &["acme.pub`: it holds `PUBLIC KEY`, expected `PRIVATE KEY`", "--signer COMMAND"]);
    publisher
        .lancet(&["plugin", "sign", "bare.wasm", "--key", "acme"])
        .fails(4, &["is no package", "plugin pack"]);
    fs::write(publisher.path("packed.wasm.sigstore.json"), "mine").unwrap();
    sign(&["acme"]).fails(2, &["`packed.wasm.sigstore.json` is there already, and no signature"]);
    fs::remove_file(publisher.path("packed.wasm.sigstore.json")).unwrap();
    for (command, words) in [
        ("false", "failed with exit status: 1"),
        ("head -c 64 /dev/zero", "is no signature by the key"),
        ("cat", "wrote more bytes, expected the 64 bytes"),
    ] {
        sign(&["acme", "--signer", command]).fails(1, &[words]);
    }
    assert!(!publisher.path("packed.wasm.sigstore.json").exists());
    // A command that has the key: OpenSSL, where it is.
    let private = keys(&publisher).join("acme.key");
    if Path::new("/usr/bin/openssl").exists() {
        let command = format!(
            "cat >given && /usr/bin/openssl pkeyutl -sign -inkey {} -rawin -in given",
            private.display()
        );
        let signed = publisher
            .command(&["plugin", "sign", "packed.wasm", "--key", public, "--signer", &command])
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
        works(&publisher, &["verify", "packed.wasm"]);
    }
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&private, 0o644);
    sign(&["acme"]).fails(2, &["acme.key`: its mode is 0644", "chmod 600"]);
    mode(Path::new(public), 0o666);
    publisher.lancet(&["verify", "packed.wasm"]).fails(2, &["acme.pub`: its mode is 0666", "chmod go-w"]);
    mode(Path::new(public), 0o644);
    mode(&keys(&publisher), 0o777);
    publisher.lancet(&["verify", "packed.wasm"]).fails(2, &["others can put keys in it", "chmod go-w"]);
}
