//! The operator's policy and locks, through the program: each key refuses a run before anything of
//! it is there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lancet_core::Role;
use lancet_trust::{ExplainedPolicy, Finding, KEYS};

use crate::context::{Context, copy, judged_by};
use crate::packages::GRADER;
use crate::signing::works;

/// That a command is refused by that key, of that policy, and no run is recorded.
#[track_caller]
fn refused(context: &Context, arguments: &[&str], policy: &str, key: &str) -> String {
    let outcome = context.lancet(arguments);
    assert_eq!(outcome.code, Some(4), "{arguments:?}: {}{}", outcome.stdout, outcome.stderr);
    let expected = format!("is refused by the policy `{policy}`, `{key}`: ");
    assert!(outcome.stderr.contains(&expected), "{arguments:?}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    outcome.stderr
}

/// An operator with a package `packed.wasm` that is signed with a key `acme`, the key `bob`, an
/// agent `mine.wasm` of nobody's, and a suite whose grader is that package.
fn operator() -> Context {
    let context = Context::new();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    fs::write(context.path("bare.wasm"), grader.component).unwrap();
    fs::write(context.path("plugin.toml"), GRADER).unwrap();
    works(&context, &["plugin", "pack", "bare.wasm", "-o", "packed.wasm"]);
    for key in ["acme", "bob"] {
        works(&context, &["key", "new", key]);
    }
    works(&context, &["plugin", "sign", "packed.wasm", "--key", "acme"]);
    let agent = lancet_builtin::find(Role::Agent, "first").unwrap();
    // Another digest than that of the one that is built in: a custom section `x`.
    let mine = [agent.component, &[0, 2, 1, b'x']].concat();
    fs::write(context.path("mine.wasm"), mine).unwrap();
    judged_by(&context.small_suite("shop"), &fs::read(context.path("packed.wasm")).unwrap());
    context
}

/// The package `agent.wasm` of a built-in agent, by that publisher's name, which `acme` signed.
fn signed_agent(context: &Context, agent: &str, world: &str, publisher: &str) {
    let builtin = lancet_builtin::find(Role::Agent, agent).unwrap();
    fs::write(context.path("bare-agent.wasm"), builtin.component).unwrap();
    let inspected = works(context, &["plugin", "inspect", "bare-agent.wasm", "--format", "json"]);
    let inspected: lancet_core::InspectedPlugin = serde_json::from_str(&inspected.stdout).unwrap();
    let asks = inspected.imports.iter().filter_map(|import| import.capability);
    let asks: String = asks.map(|capability| format!("{capability} = \"It needs it.\"\n")).collect();
    let head = GRADER.split("[asks]").next().unwrap().replace("\"grader\"", &format!("\"{world}\""));
    let head = head.replace("acme/", &format!("{publisher}/"));
    fs::write(context.path("plugin.toml"), format!("{head}[asks]\n{asks}")).unwrap();
    works(context, &["plugin", "pack", "bare-agent.wasm", "-o", "agent.wasm"]);
    works(context, &["plugin", "sign", "agent.wasm", "--key", "acme"]);
}

fn policy(context: &Context, text: &str) {
    fs::write(context.path("lancet.toml"), text).unwrap();
}

const RUN: [&str; 6] = ["run", "shop", "--agent", "first", "--policy", "lancet.toml"];

/// Each key that a run of manager tasks has to do with; of those of images the next test.
#[test]
fn every_key_refuses_a_run_before_anything_is_there() {
    let context = operator();
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    let mine: &[&str] = &["run", "shop", "--agent", "mine.wasm", "--policy", "lancet.toml"];
    let gold: &[&str] =
        &["run", "shop", "--agent", "gold", "--grant", "answer-key", "--policy", "lancet.toml"];
    let here: &[&str] = &[&RUN[..], &["--isolation", "in-process"]].concat();
    let publisher =
        |keys: &str, rest: &str| format!("[[publisher]]\nname = \"acme\"\nkeys = [\"{keys}\"]\n{rest}\n");
    let limit = |name: &str| format!("[limits]\n{name} = 1\n");
    let mut rows = vec![
        ("sources", "sources = [\"built-in\"]\n".to_owned(), &RUN[..]),
        ("unsigned", "unsigned = []\n".to_owned(), mine),
        ("publisher.keys", format!("unsigned = []\n{}", publisher("bob", "")), &RUN[..]),
        ("publisher.grader", publisher("acme", "grader = [\"log\"]"), &RUN[..]),
        ("capabilities.agent", "[capabilities]\nagent = []\n".to_owned(), &RUN[..]),
        ("capabilities.grader", "[capabilities]\ngrader = [\"log\"]\n".to_owned(), &RUN[..]),
        ("capabilities.control", "[capabilities]\ncontrol = [\"log\"]\n".to_owned(), gold),
        ("isolation.plugins", "[isolation]\nplugins = \"auto\"\n".to_owned(), here),
        ("isolation.plugins", "[isolation]\nplugins = \"process\"\n".to_owned(), &RUN[..]),
        ("isolation.jail", "[isolation]\njail = \"seccomp\"\n".to_owned(), here),
    ];
    let limits = [
        "agent-fuel",
        "agent-memory-mib",
        "agent-seconds",
        "grader-fuel",
        "grader-memory-mib",
        "grader-seconds",
    ];
    let limits = limits.map(|name| (format!("limits.{name}"), limit(name)));
    rows.extend(limits.iter().map(|(key, text)| (key.as_str(), text.clone(), &RUN[..])));
    for (key, text, arguments) in &rows {
        policy(&context, text);
        refused(&context, arguments, "lancet.toml", key);
    }
    // Those of an agent that somebody else signed under his name, or that imports more than it may.
    fs::write(context.path("plugin.toml"), GRADER.replace("acme/", "eve/")).unwrap();
    works(&context, &["plugin", "pack", "bare.wasm", "-o", "eve.wasm"]);
    works(&context, &["plugin", "sign", "eve.wasm", "--key", "acme"]);
    policy(&context, &publisher("acme", ""));
    works(&context, &[&RUN[..], &["--quiet"]].concat());
    let regrade = ["regrade", "latest", "--grader", "eve.wasm", "--policy", "lancet.toml"];
    refused(&context, &regrade, "lancet.toml", "publisher.name");
    // No run asks a registry: `registry.rs` has that key.
    let elsewhere = ["publisher.agent", "publisher.control", "images.sources", "registries"];
    for key in KEYS {
        let has_row = rows.iter().any(|row| row.0 == key.name) || key.name == "publisher.name";
        assert!(has_row || elsewhere.contains(&key.name), "`{}` has no row", key.name);
    }
}

/// What an agent's package may import, and from where images may come; what refuses a suite.
#[test]
fn agents_images_and_whole_suites_are_held_to_the_policy() {
    let context = operator();
    for (agent, world, key) in
        [("random", "agent", "publisher.agent"), ("gold", "control", "publisher.control")]
    {
        signed_agent(&context, agent, world, "acme");
        policy(&context, &format!("[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]\n{world} = []\n"));
        let run =
            ["run", "shop", "--agent", "agent.wasm", "--grant", "answer-key", "--policy", "lancet.toml"];
        let run = if world == "control" { run.to_vec() } else { [&run[..4], &run[6..]].concat() };
        refused(&context, &run, "lancet.toml", key);
    }
    policy(&context, "unsigned = []\n");
    let check = ["suite", "check", "shop", "--policy", "lancet.toml"];
    let outcome = context.lancet(&check);
    assert!(outcome.code != Some(0) && outcome.stderr.contains("`unsigned`: "), "{}", outcome.stderr);
    works(&context, &["suite", "new", "tested", "--kind", "ic-swe"]);
    for (text, is_refused) in [
        ("[images]\nsources = [\"registry.example.com/**\"]\n", true),
        ("[images]\nsources = [\"build\", \"**\"]\n", false),
    ] {
        policy(&context, text);
        let outcome = context.lancet(&["suite", "check", "tested", "--policy", "lancet.toml"]);
        let refused = outcome.stderr.contains("is refused by the policy `lancet.toml`, `images.sources`");
        assert_eq!(refused, is_refused, "{text}: {}", outcome.stderr);
    }
}

#[test]
fn without_a_policy_strangers_come_with_a_warning_and_a_strict_one_refuses_them() {
    let context = operator();
    let outcome = works(&context, &["run", "shop", "--agent", "mine.wasm"]);
    for (plugin, source) in [("/mine.wasm`", "named"), ("plugin `graders/mine.wasm`", "suite")] {
        let warning = format!("{plugin}: nobody has signed it, and what is `{source}` may come unsigned");
        assert_eq!(outcome.stderr.matches(&warning).count(), 1, "{warning}: {}", outcome.stderr);
    }
    let strict: &[&str] = &["run", "shop", "--agent", "first", "--policy", "strict"];
    refused(&context, strict, "strict", "unsigned");
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    let outcome = works(&context, strict);
    assert!(!outcome.stderr.contains("signed"), "{}", outcome.stderr);
    // By a variable, and by the operator's configuration.
    let mut by_variable = context.command(&["run", "shop", "--agent", "mine.wasm"]);
    let output = by_variable.env("LANCET_POLICY", "strict").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("policy `strict`, `unsigned`"), "{told}");
    fs::write(context.path(".config/lancet/lancet.toml"), "unsigned = [\"suite\"]\n").unwrap();
    let outcome = context.lancet(&["run", "shop", "--agent", "mine.wasm"]);
    assert!(outcome.code == Some(4) && outcome.stderr.contains(".config/lancet/lancet.toml`, `unsigned`"));
    works(&context, &["run", "shop", "--agent", "first"]);
    // A signature that is there has to hold, whatever may come unsigned.
    let path = context.path("mine.wasm.sigstore.json");
    fs::copy(context.path("packed.wasm.sigstore.json"), path).unwrap();
    let run: &[&str] = &["run", "shop", "--agent", "mine.wasm", "--policy", "lancet.toml"];
    policy(&context, "");
    refused(&context, run, "lancet.toml", "signature");
}

#[test]
fn what_is_revoked_runs_no_more_and_still_replays() {
    let context = operator();
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    policy(&context, "unsigned = []\n");
    works(&context, &RUN);
    let locked = ["plugin", "lock", "packed.wasm", "--policy", "lancet.toml"];
    // What the record of a run has of a key says nothing where that key is not known any more.
    let regrade = ["regrade", "--policy", "lancet.toml"];
    works(&context, &regrade);
    fs::rename(context.path(".config/lancet/keys"), context.path("away")).unwrap();
    refused(&context, &regrade, "lancet.toml", "publisher.keys");
    let _ = fs::remove_dir_all(context.path(".config/lancet/keys"));
    fs::rename(context.path("away"), context.path(".config/lancet/keys")).unwrap();
    works(&context, &["key", "revoke", "acme", "--reason", "the laptop was stolen"]);
    let told = refused(&context, &RUN, "lancet.toml", "revoked");
    assert!(told.contains("the laptop was stolen"), "{told}");
    refused(&context, &regrade, "lancet.toml", "revoked");
    refused(&context, &locked, "lancet.toml", "revoked");
    let replayed = works(&context, &["replay", "--policy", "lancet.toml"]);
    let marked = "would be refused for a new run by the policy `lancet.toml`, `revoked`";
    assert_eq!(replayed.stderr.matches(marked).count(), 1, "{}", replayed.stderr);
    assert!(replayed.stdout.contains("1 identical"), "{}", replayed.stdout);
}

/// A key is revoked by its id, whether or not it is here.
#[test]
fn a_revoked_key_refuses_where_it_is_not_known() {
    let context = operator();
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    works(&context, &["key", "revoke", "acme", "--reason", "stolen"]);
    for end in ["key", "pub"] {
        fs::remove_file(context.path(&format!(".config/lancet/keys/acme.{end}"))).unwrap();
    }
    let told = refused(&context, &["run", "shop", "--agent", "first"], "no policy", "revoked");
    assert!(told.contains("is revoked: stolen"), "{told}");
}

/// What comes after a revoked key, by that one's word, is believed still, and told of.
#[test]
fn a_key_that_a_revoked_one_named_is_warned_of_where_a_run_uses_it() {
    let context = operator();
    works(&context, &["key", "rotate", "acme", "acme-2"]);
    works(&context, &["suite", "sign", "shop", "--key", "acme-2"]);
    // Somebody else's, who is known by the word of `acme` alone.
    fs::remove_file(context.path(".config/lancet/keys/acme-2.key")).unwrap();
    let run = ["run", "shop", "--agent", "first", "--policy", "strict"];
    let warning = "is known by the word of `acme`, which is revoked";
    let before = works(&context, &run);
    assert!(!before.stderr.contains(warning), "{}", before.stderr);
    // A policy lets in the keys that it names, and none for coming after one of them.
    let publisher = |keys: &str| format!("unsigned = []\n[[publisher]]\nname = \"acme\"\nkeys = [{keys}]\n");
    policy(&context, &publisher("\"acme\""));
    refused(&context, &RUN, "lancet.toml", "publisher.keys");
    policy(&context, &publisher("\"acme\", \"acme-2\""));
    works(&context, &RUN);
    works(&context, &["key", "revoke", "acme", "--reason", "stolen"]);
    let after = works(&context, &run);
    assert_eq!(after.stderr.matches(warning).count(), 1, "{}", after.stderr);
    let explained = works(&context, &["policy", "explain", "shop"]).stdout;
    assert!(explained.contains("revoked                warns") && explained.contains(warning), "{explained}");
    let locked = works(&context, &["suite", "lock", "shop"]);
    assert!(locked.stderr.contains(warning), "{}", locked.stderr);
}

/// A run that was interrupted goes on by what holds then, for its agent too.
#[test]
fn a_run_that_was_interrupted_is_held_to_the_policy_when_it_goes_on() {
    let context = operator();
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    signed_agent(&context, "first", "agent", "eve");
    let mut run =
        context.command(&["run", "shop", "--agent", "agent.wasm", "--attempts", "2", "--jobs", "1"]);
    run.env(lancet_store::FAILPOINT_VARIABLE, "attempt-decided:1");
    assert!(!run.output().unwrap().status.success());
    let publisher = |keys: &str| format!("[[publisher]]\nname = \"acme\"\nkeys = [\"{keys}\"]\n");
    let pending = |context: &Context| context.json(&["report"])["totals"]["all"]["pending"].clone();
    assert_eq!(pending(&context), 1);
    let resume: &[&str] = &["resume", "--policy", "lancet.toml"];
    for (key, text) in [
        ("sources", "sources = [\"built-in\"]\n".to_owned()),
        // The key on record is that of `acme`, and the agent is called as one of `eve`.
        ("publisher.name", publisher("acme")),
        ("publisher.keys", format!("unsigned = []\n{}", publisher("bob"))),
        ("capabilities.agent", "[capabilities]\nagent = []\n".to_owned()),
        ("capabilities.grader", "[capabilities]\ngrader = [\"log\"]\n".to_owned()),
        ("limits.agent-fuel", "[limits]\nagent-fuel = 1\n".to_owned()),
        ("isolation.plugins", "[isolation]\nplugins = \"auto\"\n".to_owned()),
    ] {
        policy(&context, &text);
        let here: &[&str] = if key == "isolation.plugins" { &["--isolation", "in-process"] } else { &[] };
        refused(&context, &[resume, here].concat(), "lancet.toml", key);
    }
    policy(&context, "");
    let locked = context.lancet(&[resume, &["--locked"]].concat());
    assert!(locked.code == Some(2) && locked.stderr.contains("`--locked` wants a lock"), "{}", locked.stderr);
    works(&context, &["plugin", "lock", "agent.wasm", "--policy", "lancet.toml"]);
    refused(&context, resume, "lancet.toml", "lock");
    // A suite is locked with all its graders, by its signature.
    works(&context, &["plugin", "lock", "shop", "--policy", "lancet.toml"]);
    works(&context, &["key", "revoke", "acme", "--reason", "stolen"]);
    refused(&context, &["resume", "--policy", "strict"], "strict", "revoked");
    assert_eq!(pending(&context), 1, "nothing of it went on");
    let resumed = works(&context, resume);
    assert_eq!(resumed.stderr.matches("as your lock pins its digest").count(), 2, "{}", resumed.stderr);
    assert_eq!(pending(&context), 0);
}

/// A suite says what is right: with other answers it is another one, though its graders be built in.
#[test]
fn a_suite_itself_is_looked_at_whoever_judges_its_tasks() {
    let context = Context::new();
    let suite = context.small_suite("shop");
    for key in ["acme", "bob"] {
        works(&context, &["key", "new", key]);
    }
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    let run = ["run", "shop", "--agent", "first", "--policy", "strict"];
    works(&context, &run);
    let statement = suite.join("tasks/one/statement.md");
    fs::write(&statement, "It is broken otherwise.\n").unwrap();
    for words in [&run[..], &["suite", "check", "shop", "--controls"], &["suite", "lock", "shop"]] {
        let policy = if words == run { "strict" } else { "no policy" };
        let told = refused(&context, words, policy, "signature");
        assert!(told.contains("the suite `small` ") && told.contains("shop.sigstore.json"), "{told}");
    }
    let explained = context.lancet(&["policy", "explain", "shop"]);
    assert!(explained.code == Some(4) && explained.stdout.contains("suite small: refused"), "{explained:?}");
    fs::write(&statement, "It is broken.\n").unwrap();
    works(&context, &run);
    // One of its own, by its digest, whoever signed it.
    let digest = lancet_suite::Suite::open(&suite).unwrap().digest().to_string();
    works(&context, &["key", "revoke", &digest, "--reason", "the answers leaked"]);
    fs::remove_file(context.path("shop.sigstore.json")).unwrap();
    works(&context, &["suite", "sign", "shop", "--key", "bob"]);
    for words in [&run[..], &["regrade", "--policy", "strict"]] {
        let told = refused(&context, words, "strict", "revoked");
        assert!(told.contains("the suite `small` ") && told.contains("the answers leaked"), "{told}");
    }
    let replayed = works(&context, &["replay"]);
    assert!(replayed.stderr.contains("the suite `small` would be refused"), "{}", replayed.stderr);
    // And another by the key.
    fs::write(&statement, "It is broken anew.\n").unwrap();
    works(&context, &["suite", "sign", "shop", "--key", "bob"]);
    works(&context, &run);
    works(&context, &["key", "revoke", "bob", "--reason", "stolen"]);
    let told = refused(&context, &run, "strict", "revoked");
    assert!(told.contains("the suite `small` ") && told.contains("stolen"), "{told}");
}

/// What the infrastructure failed is executed again, and so held to the policy, though every attempt
/// of the run is decided.
#[test]
fn what_is_taken_up_again_is_held_to_the_policy() {
    let context = Context::new();
    context.small_suite("shop");
    // Where nobody listens.
    let model = "[[model]]\nform = \"chat\"\nid = \"m\"\nbase-url = \"http://127.0.0.1:9/v1\"\ntries = 1\n";
    fs::write(context.path("models.toml"), model).unwrap();
    let ran = context.lancet(&["run", "shop", "--agent", "tool-loop", "--models", "models.toml"]);
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    policy(&context, "[limits]\nagent-fuel = 1\n");
    refused(&context, &["resume", "--policy", "lancet.toml"], "lancet.toml", "limits.agent-fuel");
    let run = ["run", "shop", "--agent", "first"];
    works(&context, &run);
    // Of one that is over nothing is executed.
    works(&context, &["resume", "--policy", "lancet.toml"]);
}

/// Components that are no packages are called by their files, of which several may have one name.
#[test]
fn a_suites_lock_has_all_its_graders() {
    let context = operator();
    let bare = fs::read(context.path("bare.wasm")).unwrap();
    let suite = context.path("shop");
    copy(&suite.join("tasks/one"), &suite.join("tasks/two"));
    let mut places = Vec::new();
    for (task, note) in [("one", b'1'), ("two", b'2')] {
        let component = [&bare[..], &[0, 2, 1, note]].concat();
        let place = format!("graders/{task}/same.wasm");
        fs::create_dir_all(suite.join(&place).parent().unwrap()).unwrap();
        fs::write(suite.join(&place), &component).unwrap();
        let path = suite.join("tasks").join(task).join("task.toml");
        let text = fs::read_to_string(&path).unwrap();
        let start = text.find("[grader]").unwrap();
        let end = text[start..].find("\n\n").map_or(text.len(), |end| start + end);
        let digest = lancet_core::Sha256::of(&component);
        let grader = format!("[grader]\nfile = \"{place}\"\ndigest = \"{digest}\"");
        fs::write(&path, [&text[..start], &grader, &text[end..]].concat()).unwrap();
        places.push(place);
    }
    let told = works(&context, &["suite", "lock", "shop"]).stdout;
    assert_eq!(told.matches("grader same.wasm, sha256:").count(), places.len(), "{told}");
    let run = ["run", "shop", "--agent", "first", "--locked"];
    works(&context, &run);
    // The operator's has them beside one another too, and beside what it has from elsewhere.
    fs::remove_file(suite.join("lancet.lock")).unwrap();
    fs::create_dir(context.path("elsewhere")).unwrap();
    fs::copy(context.path("mine.wasm"), context.path("elsewhere/same.wasm")).unwrap();
    works(&context, &["plugin", "lock", "elsewhere/same.wasm"]);
    refused(&context, &run, "no policy", "lock");
    let told = works(&context, &["plugin", "lock", "shop"]).stdout;
    assert_eq!(told.matches(" same.wasm, sha256:").count(), places.len() + 1, "{told}");
    works(&context, &run);
    works(&context, &["run", "shop", "--agent", "elsewhere/same.wasm"]);
    // One digest cannot be two people's at once.
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    copy(&suite, &context.path("unsigned"));
    context
        .lancet(&["plugin", "lock", "shop", "unsigned"])
        .fails(2, &["same.wasm` (sha256:", "by nobody in"]);
    refused(&context, &run, "no policy", "lock");
    let told = works(&context, &["plugin", "lock", "shop"]).stdout;
    assert_eq!(told.matches("signed by ").count(), places.len(), "{told}");
    works(&context, &run);
}

/// The operator's lock keeps what was looked at, a suite's own does not; and both hold runs to it.
#[test]
fn a_run_uses_nothing_outside_a_lock() {
    let context = operator();
    let run: &[&str] = &["run", "shop", "--agent", "first", "--locked"];
    let none = context.lancet(run);
    assert!(
        none.code == Some(2) && none.stderr.contains("`--locked` wants a lock, and there is none: "),
        "{}",
        none.stderr
    );
    let before = works(&context, &["suite", "check", "shop", "--format", "json"]).stdout;
    works(&context, &["suite", "sign", "shop", "--key", "acme"]);
    let told = works(&context, &["suite", "lock", "shop"]).stdout;
    assert!(told.contains("grader acme/right-choice 1.2.0, sha256:"), "{told}");
    works(&context, &["verify", "shop"]);
    let digest = |text: &str| text.lines().find(|line| line.contains("\"digest\"")).map(str::to_owned);
    let after = works(&context, &["suite", "check", "shop", "--format", "json"]).stdout;
    assert_eq!(digest(&before), digest(&after));
    works(&context, run);
    // An agent that the lock of a suite has nothing to do with.
    works(&context, &["run", "shop", "--agent", "mine.wasm"]);
    refused(&context, &["run", "shop", "--agent", "mine.wasm", "--locked"], "no policy", "lock");
    // Each entry is compared; what is none is told by file and key.
    let path = context.path("shop/lancet.lock");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, told) in [
        ("sha256:", "sha256:0", "`plugin[0].digest`: `sha256:0"),
        ("\"log\"", "\"lot\"", "`plugin[0].asks[0]`: `lot`, expected"),
        ("[[plugin]]", "[[plugin", "this is no TOML"),
    ] {
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let outcome = context.lancet(run);
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        let place = format!("the lock `{}`: ", Path::new("shop/lancet.lock").display());
        assert!(outcome.stderr.contains(&place) && outcome.stderr.contains(told), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    }
    for (from, to) in [(", \"answer-key\"", ""), ("1.2.0", "1.2.1"), ("\"grader\"", "\"agent\"")] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        fs::write(&path, changed).unwrap();
        refused(&context, run, "no policy", "lock");
    }
    fs::write(&path, &text).unwrap();
    // The operator's: all that is not built in has to be in it.
    works(&context, &["plugin", "lock", "mine.wasm"]);
    let told = refused(&context, run, "no policy", "lock");
    assert!(told.contains(".config/lancet/lancet.lock`: it has no plugin with the digest"), "{told}");
    works(&context, &["plugin", "lock", "packed.wasm"]);
    works(&context, &["run", "shop", "--agent", "mine.wasm"]);
    // It is trusted as the policy is, and so nobody else may have written it.
    let own = context.path(".config/lancet/lancet.lock");
    let mode = |mode| fs::set_permissions(&own, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o666);
    let outcome = context.lancet(&["run", "shop", "--agent", "mine.wasm"]);
    assert!(outcome.code == Some(2) && outcome.stderr.contains("others"), "{}", outcome.stderr);
    mode(0o644);
    // A key that was revoked since: the suite's own lock is a stranger's word.
    works(&context, &["key", "revoke", "acme", "--reason", "stolen"]);
    let kept = works(&context, &["run", "shop", "--agent", "mine.wasm"]);
    assert!(kept.stderr.contains("as your lock pins its digest"), "{}", kept.stderr);
    fs::remove_file(context.path(".config/lancet/lancet.lock")).unwrap();
    refused(&context, run, "no policy", "revoked");
}

#[test]
fn explained_key_by_key() {
    let context = operator();
    policy(&context, "unsigned = []\n[limits]\nagent-fuel = 1\n");
    let explain = |arguments: &[&str], code: i32| -> ExplainedPolicy {
        let all = [&["policy", "explain"], arguments, &["--format", "json"]].concat();
        let outcome = context.lancet(&all);
        assert_eq!(outcome.code, Some(code), "{all:?}: {}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let signed = explain(&["packed.wasm", "--policy", "strict"], 0);
    assert!(signed.let_in && signed.explained[0].key.is_some() && signed.digest.is_none());
    let unsigned = explain(&["mine.wasm", "--policy", "lancet.toml"], 4);
    let [plugin, agent, grader] = &unsigned.explained[..] else { panic!("{unsigned:?}") };
    let finding = |key: &str| plugin.lines.iter().find(|line| line.key == key).unwrap().finding;
    assert_eq!((finding("unsigned"), finding("sources")), (Finding::Refuses, Finding::Passes));
    assert!(!plugin.let_in && !agent.let_in && grader.let_in && unsigned.digest.is_some());
    assert!(explain(&["first"], 0).let_in);
    let suite = explain(&["shop", "--policy", "strict"], 4);
    let explained = suite.explained.iter().map(|one| (one.what.as_str(), one.let_in)).take(2);
    assert_eq!(explained.collect::<Vec<_>>(), [("suite small", true), ("graders/mine.wasm", false)]);
    let text = context.lancet(&["policy", "explain", "mine.wasm", "--policy", "strict"]).stdout;
    assert!(
        text.contains("refused as agent, named, ") && text.contains("unsigned               refuses"),
        "{text}"
    );
    // Of an image of a suite what it is pinned to, as of a run.
    works(&context, &["suite", "new", "tested", "--kind", "ic-swe"]);
    policy(&context, "[images]\nsources = [\"build\", \"docker.io/**\"]\n");
    let images = |explained: &ExplainedPolicy| -> Vec<(Finding, String)> {
        let images = explained.explained.iter().filter(|one| one.what.starts_with("image "));
        images.flat_map(|one| &one.lines).map(|line| (line.finding, line.why.clone())).collect()
    };
    let before = images(&explain(&["tested", "--policy", "lancet.toml"], 0));
    assert!(
        !before.is_empty() && before.iter().all(|(finding, _)| *finding == Finding::Passes),
        "{before:?}"
    );
    let tested = lancet_suite::Suite::open(&context.path("tested")).unwrap();
    let mut lock = lancet_suite::ImageLock::default();
    let elsewhere = format!("evil.example.com/x@{}", lancet_core::Sha256::of(b"image"));
    for name in tested.images().keys() {
        lock.pin(&tested, name, &elsewhere).unwrap();
    }
    lock.write(&tested).unwrap();
    let after = images(&explain(&["tested", "--policy", "lancet.toml"], 4));
    let elsewhere = after.iter().filter(|(finding, _)| *finding == Finding::Refuses);
    let elsewhere: Vec<_> = elsewhere.map(|(_, why)| why.as_str()).collect();
    assert_eq!(elsewhere.len(), before.len(), "{after:?}");
    assert!(elsewhere.iter().all(|why| why.starts_with("`evil.example.com/x` is not among")), "{after:?}");
    fs::write(context.path("tested/images.lock"), "images = 3\n").unwrap();
    let broken = context.lancet(&["policy", "explain", "tested"]);
    assert!(broken.code == Some(3) && broken.stderr.contains("images.lock"), "{broken:?}");
    for (text, told) in [("colour = 1\n", "`colour`: no such key"), ("unsigned = [", "this is no TOML")] {
        policy(&context, text);
        let outcome = context.lancet(&RUN);
        let place = "the policy `lancet.toml`: ";
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains(place) && outcome.stderr.contains(told), "{}", outcome.stderr);
    }
}
