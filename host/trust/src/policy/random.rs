//! Policies at random: one that is written down reads as itself, each key of it is enforced, and
//! whatever stands in a file instead is refused by file and key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use lancet_core::{Capability, Limits, PluginIsolation, Role};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use toml::{Table, Value};

use super::decision::whole_name;
use super::tests::{Known, by, signed};
use super::*;

const NAMES: [&str; 4] = ["acme", "bob", "globex-2", "x"];

/// Two keys that are known, each by its name.
static KNOWN: LazyLock<Known> = LazyLock::new(Known::new);

fn capabilities() -> impl Strategy<Value = BTreeMap<World, BTreeSet<Capability>>> {
    let list = subsequence(Capability::ALL.to_vec(), 0..=3).prop_map(BTreeSet::from_iter);
    btree_map(select(World::ALL.to_vec()), list, 0..=3)
}

fn publishers() -> impl Strategy<Value = Vec<Publisher>> {
    let names = subsequence(NAMES.to_vec(), 0..=2).prop_shuffle();
    (names, any::<bool>(), vec(capabilities(), 2)).prop_map(|(names, is_swapped, capabilities)| {
        let mut keys = ["acme", "bob"].map(|name| KNOWN.id(name));
        if is_swapped {
            keys.reverse();
        }
        // One alone has both.
        let mut keys: Vec<BTreeSet<KeyId>> =
            if names.len() == 1 { vec![keys.into()] } else { keys.map(|key| [key].into()).into() };
        let all = names.into_iter().zip(capabilities);
        all.map(|(name, capabilities)| Publisher {
            name: name.to_owned(),
            keys: keys.remove(0),
            capabilities,
        })
        .collect()
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let sources = |all: &[Source]| subsequence(all.to_vec(), 0..=all.len()).prop_map(BTreeSet::from_iter);
    let pattern = prop_oneof![
        "[a-z0-9_-]{1,4}(\\.[a-z0-9]{1,3})?(:[0-9]{1,4})?/[a-z0-9_-]{1,4}(/[a-z0-9]{1,3})?(\\*|\\*\\*)?",
        Just("build".to_owned()),
        Just("**".to_owned())
    ];
    let images = proptest::collection::btree_set(pattern, 0..4).prop_map(Vec::from_iter);
    let place = "[a-z][a-z0-9-]{0,3}(\\.[a-z0-9-]{0,2}[a-z0-9])?(:[0-9]{1,4})?/([a-z0-9]{1,6}|\\*|\\*\\*)";
    let registries = proptest::collection::btree_set(place, 0..4).prop_map(Vec::from_iter);
    let limit = prop_oneof![1..100_u64, 1..=i64::MAX.unsigned_abs()];
    let limited = (select(vec![Role::Agent, Role::Grader]), select(Limited::ALL.to_vec()));
    let isolation = select(vec![PluginIsolation::Auto, PluginIsolation::Process]);
    let jail = select(vec![JailLevel::Seccomp, JailLevel::Landlock]);
    (
        (sources(&Source::ALL), sources(&[Source::Named, Source::Registry, Source::Suite]), capabilities()),
        (prop::option::of(registries), prop::option::of(images), btree_map(limited, limit, 0..=6)),
        (prop::option::of(isolation), prop::option::of(jail), prop::option::of(publishers())),
    )
        .prop_map(
            |(
                (sources, unsigned, capabilities),
                (registries, images, limits),
                (isolation, jail, publishers),
            )| Policy {
                name: "lancet.toml".to_owned(),
                digest: None,
                sources,
                registries,
                unsigned,
                capabilities,
                images,
                limits,
                isolation,
                jail,
                publishers,
            },
        )
}

/// A policy as a file has it.
fn text(policy: &Policy) -> String {
    let Policy {
        name: _,
        digest: _,
        sources,
        registries,
        unsigned,
        capabilities,
        images,
        limits,
        isolation,
        jail,
        publishers,
    } = policy;
    let mut text = String::new();
    let quoted = |word: &str| Value::String(word.to_owned()).to_string();
    let list = |name: &str, words: Vec<&str>| {
        format!("{name} = [{}]\n", words.into_iter().map(quoted).collect::<Vec<_>>().join(", "))
    };
    text += &list("sources", sources.iter().map(|one| one.as_str()).collect());
    if let Some(registries) = registries {
        text += &list("registries", registries.iter().map(String::as_str).collect());
    }
    text += &list("unsigned", unsigned.iter().map(|one| one.as_str()).collect());
    if publishers.as_ref().is_some_and(Vec::is_empty) {
        text += "publisher = []\n";
    }
    let worlds = |worlds: &BTreeMap<World, BTreeSet<Capability>>| -> String {
        let lists = worlds.iter();
        lists
            .map(|(world, list_of)| list(world.as_str(), list_of.iter().map(|one| one.as_str()).collect()))
            .collect()
    };
    let _ = writeln!(text, "[capabilities]\n{}", worlds(capabilities));
    if let Some(images) = images {
        let _ = writeln!(text, "[images]\n{}", list("sources", images.iter().map(String::as_str).collect()));
    }
    text += "[limits]\n";
    for ((role, limited), most) in limits {
        let _ = writeln!(text, "{role}-{} = {most}", limited.key());
    }
    text += "[isolation]\n";
    if let Some(isolation) = isolation {
        let _ = writeln!(text, "plugins = \"{isolation}\"");
    }
    if let Some(jail) = jail {
        let _ = writeln!(text, "jail = \"{}\"", jail.as_str());
    }
    for Publisher { name, keys, capabilities } in publishers.iter().flatten() {
        let ids: Vec<_> = keys.iter().map(KeyId::to_string).collect();
        let keys = list("keys", ids.iter().map(String::as_str).collect());
        let _ = write!(text, "[[publisher]]\nname = {}\n{keys}{}", quoted(name), worlds(capabilities));
    }
    text
}

fn finding(decision: &Decision, key: &str) -> Finding {
    decision.lines().iter().find(|line| line.key == key).unwrap_or_else(|| panic!("no line `{key}`")).finding
}

/// That a list of capabilities lets in what imports those, and nothing that imports one more.
fn holds_imports(policy: &Policy, candidate: &Candidate<'_>, key: &str, most: &BTreeSet<Capability>) {
    let decide = |imports: &BTreeSet<Capability>| {
        finding(&policy.decide(&Candidate { imports: Some(imports), ..candidate.clone() }), key)
    };
    assert_eq!(decide(most), Finding::Passes, "{key}");
    for more in Capability::ALL.into_iter().filter(|one| !most.contains(one)) {
        assert_eq!(decide(&most.iter().copied().chain([more]).collect()), Finding::Refuses, "{key}: {more}");
    }
}

/// That each key which a policy has does what it is there for.
fn is_enforced(policy: &Policy) {
    let acme = signed(KNOWN.id("acme"));
    for source in Source::ALL {
        let decision = policy.decide(&Candidate { source, ..acme.clone() });
        assert_eq!(finding(&decision, "sources") == Finding::Passes, policy.sources.contains(&source));
        let unsigned = policy.decide(&Candidate { source, signed: Signed::Not, ..acme.clone() });
        let expected = match policy.unsigned.contains(&source) {
            _ if source == Source::BuiltIn => Finding::Idle,
            true => Finding::Warns,
            false => Finding::Refuses,
        };
        assert_eq!(finding(&unsigned, "unsigned"), expected);
        for (runs, is_held) in [
            (Runs::InProcess, false),
            (Runs::Jailed(Some(JailLevel::Seccomp)), policy.jail != Some(JailLevel::Landlock)),
            (Runs::Jailed(Some(JailLevel::Landlock)), true),
        ] {
            let decision = policy.decide(&Candidate { source, runs, ..acme.clone() });
            let has_to = policy.isolation.is_some_and(|isolation| isolation.jails(source == Source::BuiltIn));
            let expected = match (policy.isolation, has_to && runs == Runs::InProcess) {
                (None, _) => Finding::Idle,
                (_, true) => Finding::Refuses,
                (_, false) => Finding::Passes,
            };
            assert_eq!(finding(&decision, "isolation.plugins"), expected, "{source} {runs:?}");
            let is_ours_here = source == Source::BuiltIn && runs == Runs::InProcess;
            let expected = match policy.jail {
                None => Finding::Idle,
                Some(_) if is_held || is_ours_here => Finding::Passes,
                Some(_) => Finding::Refuses,
            };
            assert_eq!(finding(&decision, "isolation.jail"), expected, "{source} {runs:?}");
        }
    }
    for (world, most) in &policy.capabilities {
        let candidate = Candidate { world: *world, ..acme.clone() };
        holds_imports(policy, &candidate, &format!("capabilities.{world}"), most);
    }
    for ((role, limited), most) in &policy.limits {
        let limits = |value: u64| -> Option<Limits> {
            let standard = Limits::standard();
            Some(match limited {
                Limited::Fuel => Limits { fuel: value, ..standard },
                Limited::MemoryMib => Limits { memory_bytes: value.checked_mul(1 << 20)?, ..standard },
                Limited::Seconds => Limits { wall_ms: value.checked_mul(1000)?, ..standard },
            })
        };
        let key = format!("limits.{role}-{}", limited.key());
        for (value, expected) in [(*most, Finding::Passes), (*most + 1, Finding::Refuses)] {
            // What is beyond every limit that there can be needs no refusal.
            let Some(limits) = limits(value) else { continue };
            assert_eq!(finding(&policy.decide_limits(*role, &limits), &key), expected, "{key} {value}");
        }
    }
    for pattern in policy.images.iter().flatten().filter(|one| *one != "build" && !one.contains('*')) {
        let is_whole = whole_name(pattern) == **pattern;
        let finding = policy.decide_image(Some(pattern)).finding;
        assert!(finding == Finding::Passes || !is_whole, "{pattern}: {finding:?}");
    }
    if let Some(images) = &policy.images {
        let allows = |image| policy.decide_image(image).finding != Finding::Refuses;
        assert_eq!(allows(None), images.iter().any(|one| one == "build"));
        // No pattern has an upper-case letter, so that a star alone fits this name.
        assert!(!allows(Some("X/Y")) || images.iter().any(|one| one.contains('*')));
    }
    if let Some(registries) = &policy.registries {
        for pattern in registries.iter().filter(|one| !one.contains('*')) {
            assert_eq!(policy.decide_registry(pattern).finding, Finding::Passes, "{pattern}");
        }
        // No pattern has a place of that many parts, so that two stars alone fit this name.
        let finding = policy.decide_registry("a/b/c/d").finding;
        assert!(
            finding == Finding::Refuses || registries.iter().any(|one| one.contains("**")),
            "{finding:?}"
        );
    }
    is_held_to_its_publishers(policy);
}

fn is_held_to_its_publishers(policy: &Policy) {
    let stranger = KNOWN.id("carol");
    let may = if policy.unsigned.contains(&Source::Named) { Finding::Warns } else { Finding::Refuses };
    if policy.publishers.is_some() {
        let decision = policy.decide(&signed(stranger));
        assert_eq!(finding(&decision, "publisher.keys"), may);
    }
    for publisher in policy.publishers.iter().flatten() {
        for key in &publisher.keys {
            let called = format!("{}/choice", publisher.name);
            let candidate = Candidate { package: Some(&called), ..signed(*key) };
            let decision = policy.decide(&candidate);
            assert_eq!(finding(&decision, "publisher.keys"), Finding::Passes);
            assert_eq!(finding(&decision, "publisher.name"), Finding::Passes);
            for other in ["somebody/choice", &publisher.name, &format!("x{called}"), "/choice"] {
                let decision = policy.decide(&Candidate { package: Some(other), ..candidate.clone() });
                assert_eq!(finding(&decision, "publisher.name"), Finding::Refuses, "{other}");
            }
            for (world, most) in &publisher.capabilities {
                let candidate = Candidate { world: *world, ..candidate.clone() };
                holds_imports(policy, &candidate, &format!("publisher.{world}"), most);
            }
        }
    }
    let broken = Candidate { signed: Signed::Broken("changed".to_owned()), ..signed(stranger) };
    assert_eq!(finding(&policy.decide(&broken), "signature"), Finding::Refuses);
    let revoked = Candidate { revoked: Some("stolen"), signed: by(stranger), ..signed(stranger) };
    assert_eq!(finding(&policy.decide(&revoked), "revoked"), Finding::Refuses);
}

/// Words that stand in policies, and others.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "built-in",
        "named",
        "suite",
        "agent",
        "grader",
        "control",
        "log",
        "answer-key",
        "model",
        "auto",
        "process",
        "in-process",
        "seccomp",
        "landlock",
        "build",
        "**",
        "docker.io/library/*",
        "acme",
        "bob",
        "carol-2",
        "",
    ];
    prop_oneof![8 => select(words.map(str::to_owned).to_vec()), 1 => any::<String>()]
}

/// A name of a key, at its place or at another.
fn name() -> impl Strategy<Value = String> {
    let parts: BTreeSet<String> =
        KEYS.iter().flat_map(|key| key.name.split('.')).map(str::to_owned).collect();
    prop_oneof![30 => select(parts.into_iter().collect::<Vec<_>>()), 1 => "[a-z-]{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![Just(0), Just(1), Just(-1), Just(i64::MAX), any::<i64>()];
    let one = prop_oneof![
        4 => word().prop_map(Value::String),
        2 => number.prop_map(Value::Integer),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => any::<f64>().prop_map(Value::Float),
    ];
    one.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            2 => vec(word().prop_map(Value::String), 0..3).prop_map(Value::Array),
            1 => vec(inner.clone(), 0..3).prop_map(Value::Array),
            2 => btree_map(name(), inner, 0..4).prop_map(|all| Value::Table(all.into_iter().collect())),
        ]
    })
}

/// Mostly what a key takes, so that some of it is read.
fn file() -> impl Strategy<Value = Table> {
    let list = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| Value::String((*word).to_owned())).collect();
        let most = words.len();
        subsequence(words, 0..=most).prop_map(Value::Array)
    };
    let at = |name: &'static str, value: BoxedStrategy<Value>| {
        let value = prop_oneof![12 => value, 1 => self::value()];
        prop::option::of(value.prop_map(move |value| (name.to_owned(), value))).boxed()
    };
    let table = |entries: Vec<BoxedStrategy<Option<(String, Value)>>>| {
        let more = prop::option::weighted(0.04, (name(), value()));
        let entries = (entries, more).prop_map(|(entries, more)| entries.into_iter().chain([more]).flatten());
        entries.prop_map(|entries| Value::Table(entries.collect())).boxed()
    };
    let worlds = |kind: &[&str]| World::ALL.map(|world| at(world.as_str(), list(kind).boxed())).to_vec();
    let capabilities = ["log", "model", "answer-key"];
    let limits = [Role::Agent, Role::Grader].into_iter().flat_map(|role| {
        Limited::ALL.map(|limited| -> &'static str {
            let name = format!("limits.{role}-{}", limited.key());
            KEYS.iter().find(|key| key.name == name).unwrap().name.strip_prefix("limits.").unwrap()
        })
    });
    let number = (1..1000_i64).prop_map(Value::Integer);
    let limits: Vec<_> = limits.map(|name| at(name, number.clone().boxed())).collect();
    let word = |words: &[&str]| {
        select(words.iter().map(|word| Value::String((*word).to_owned())).collect::<Vec<_>>()).boxed()
    };
    let publisher = [
        Just(Some(("name".to_owned(), Value::String("acme".to_owned())))).boxed(),
        Just(Some(("keys".to_owned(), Value::Array(vec![Value::String("acme".to_owned())])))).boxed(),
    ];
    let publisher = table(publisher.into_iter().chain(worlds(&capabilities)).collect());
    let whole = table(vec![
        at("sources", list(&["built-in", "named", "registry", "suite"]).boxed()),
        at("registries", list(&["r.example.com/**", "localhost:5000/acme/*"]).boxed()),
        at("unsigned", list(&["named", "registry", "suite"]).boxed()),
        at("capabilities", table(worlds(&capabilities))),
        at(
            "isolation",
            table(vec![
                at("plugins", word(&["auto", "process"])),
                at("jail", word(&["seccomp", "landlock"])),
            ]),
        ),
        at("images", table(vec![at("sources", list(&["build", "**", "a.b/c"]).boxed())])),
        at("limits", table(limits)),
        at("publisher", vec(publisher, 0..=1).prop_map(Value::Array).boxed()),
    ]);
    whole.prop_map(|value| match value {
        Value::Table(table) => table,
        other => panic!("{other}"),
    })
}

/// The keys that a file has, as the definition calls them.
fn keys_of(table: &Table, place: &str, found: &mut BTreeSet<String>) {
    for (name, value) in table {
        let key = format!("{place}{name}");
        match value {
            Value::Table(inner) => keys_of(inner, &format!("{key}."), found),
            Value::Array(all) if name == "publisher" => {
                let tables = all.iter().filter_map(Value::as_table);
                tables.for_each(|inner| keys_of(inner, "publisher.", found));
            }
            _ => drop(found.insert(key)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_that_is_written_down_reads_as_itself_and_is_enforced(policy in policies()) {
        let text = text(&policy);
        let read = Policy::parse("lancet.toml", &text, &KNOWN.keys);
        let digest = Some(Sha256::of(text.as_bytes()));
        prop_assert_eq!(read.as_ref(), Ok(&Policy { digest, ..policy.clone() }), "{}", text);
        is_enforced(&policy);
    }

    #[test]
    fn whatever_a_file_says_is_enforced_or_refused_by_key(table in file()) {
        let Ok(written) = toml::to_string(&table) else { return Ok(()) };
        match Policy::parse("lancet.toml", &written, &KNOWN.keys) {
            Ok(policy) => {
                let mut found = BTreeSet::new();
                keys_of(&table, "", &mut found);
                for key in &found {
                    prop_assert!(KEYS.iter().any(|known| known.name == key), "`{}` was taken\n{}", key, written);
                }
                let again = Policy::parse("lancet.toml", &text(&policy), &KNOWN.keys);
                prop_assert_eq!(again.map(|again| Policy { digest: policy.digest, ..again }), Ok(policy.clone()));
                is_enforced(&policy);
            }
            Err(error) => {
                prop_assert!(error.key.is_some() || error.problem.contains("this is no TOML"), "{}\n{}", error, written);
                prop_assert!(error.problem.contains("expected") || error.problem.contains("no TOML"), "{}", error);
                prop_assert!(!error.hint.is_empty(), "{}", error);
            }
        }
    }
}

/// Of the files at random enough are read for that to say something.
#[test]
fn many_files_at_random_are_read_and_many_refused() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let (mut runner, strategy) = (TestRunner::deterministic(), file());
    let (mut read, mut refused, mut seen) = (0, 0, BTreeSet::new());
    for _ in 0..300 {
        let table = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(written) = toml::to_string(&table) else { continue };
        match Policy::parse("lancet.toml", &written, &KNOWN.keys) {
            Ok(_) => {
                read += 1;
                keys_of(&table, "", &mut seen);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 50 && refused > 50, "{read} read, {refused} refused");
    assert_eq!(seen, KEYS.iter().map(|key| key.name.to_owned()).collect(), "each key was read");
}
