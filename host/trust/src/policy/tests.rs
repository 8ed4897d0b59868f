use std::collections::BTreeSet;
use std::path::Path;

use lancet_core::{Capability, Limits, Role};

use super::*;
use crate::key::PrivateKey;
use crate::keys::{KeyName, Keys};

/// A folder with the keys `acme` and `bob`, and `carol`, whom no policy here names.
pub(super) struct Known {
    _folder: tempfile::TempDir,
    pub(super) keys: Keys,
}

impl Known {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Keys::open(&folder.path().join("keys")).unwrap();
        for name in ["acme", "bob", "carol"] {
            keys.create(&name.parse::<KeyName>().unwrap()).unwrap();
        }
        Self { _folder: folder, keys }
    }

    pub(super) fn id(&self, name: &str) -> KeyId {
        self.keys.find(name).unwrap().public.id()
    }

    fn policy(&self, text: &str) -> Policy {
        Policy::parse("lancet.toml", text, &self.keys).unwrap()
    }
}

pub(super) fn by(key: KeyId) -> Signed {
    Signed::By { key, revoked: None, voucher: Voucher::Package }
}

/// A signed package that no policy has anything against.
pub(super) fn signed(key: KeyId) -> Candidate<'static> {
    Candidate {
        world: World::Grader,
        source: Source::Named,
        package: Some("acme/choice"),
        signed: by(key),
        revoked: None,
        imports: None,
        runs: Runs::Jailed(Some(JailLevel::Landlock)),
        pinned: Pinned::NoLock,
        named_by: None,
    }
}

/// What a policy is asked of, in a row of the table.
enum Asked<'a> {
    Plugin(Candidate<'a>),
    Limits(Role, Limits),
    Image(Option<&'static str>),
    Registry(&'static str),
}

impl Asked<'_> {
    fn refusal(&self, policy: &Policy) -> Option<String> {
        let refusal = |line: &PolicyLine| (line.finding == Finding::Refuses).then(|| line.key.clone());
        match self {
            Self::Plugin(candidate) => policy.decide(candidate).refusal().and_then(refusal),
            Self::Limits(role, limits) => policy.decide_limits(*role, limits).refusal().and_then(refusal),
            Self::Image(repository) => refusal(&policy.decide_image(*repository)),
            Self::Registry(name) => refusal(&policy.decide_registry(name)),
        }
    }
}

/// Of each key: what sets it, what it refuses then and lets in without it, and what it lets in.
#[test]
fn every_key_refuses_what_it_is_about_and_nothing_else() {
    let known = Known::new();
    let (acme, bob) = (known.id("acme"), known.id("bob"));
    let imports = BTreeSet::from([Capability::Log, Capability::Submission]);
    let of = |world| Candidate { world, imports: Some(&imports), ..signed(acme) };
    let limits = Limits { fuel: 11, memory_bytes: (2 << 20) + 1, wall_ms: 2_001, ..Limits::standard() };
    let less = Limits { fuel: 10, memory_bytes: 2 << 20, wall_ms: 2_000, ..Limits::standard() };
    let publisher = "[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]\n";
    let jailed = |level| Candidate { runs: Runs::Jailed(Some(level)), ..signed(acme) };
    // The key, what sets it, what is there besides, what is refused, and what is let in.
    let mut rows: Vec<(&str, &str, &str, Asked<'_>, Asked<'_>)> = vec![
        (
            "sources",
            "sources = [\"built-in\", \"suite\"]",
            "",
            Asked::Plugin(signed(acme)),
            Asked::Plugin(Candidate { source: Source::Suite, ..signed(acme) }),
        ),
        (
            "sources",
            "sources = [\"named\"]",
            "",
            Asked::Plugin(Candidate { source: Source::Registry, ..signed(acme) }),
            Asked::Plugin(signed(acme)),
        ),
        (
            "registries",
            "registries = [\"r.example.com/acme/*\"]",
            "",
            Asked::Registry("r.example.com/acme/more/choice"),
            Asked::Registry("r.example.com/acme/choice"),
        ),
        (
            "registries",
            "registries = [\"r.example.com/**\"]",
            "",
            Asked::Registry("r.example.com.evil.example/acme/choice"),
            Asked::Registry("r.example.com/acme/more/choice"),
        ),
        (
            "registries",
            "registries = []",
            "",
            Asked::Registry("localhost:5000/acme/choice"),
            Asked::Plugin(signed(acme)),
        ),
        (
            "unsigned",
            "unsigned = [\"suite\"]",
            "",
            Asked::Plugin(Candidate { signed: Signed::Not, ..signed(acme) }),
            Asked::Plugin(Candidate { signed: Signed::Not, source: Source::Suite, ..signed(acme) }),
        ),
        // The other two keys of a publisher have to be there.
        (
            "publisher.keys",
            "[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]",
            "unsigned = []\n",
            Asked::Plugin(signed(bob)),
            Asked::Plugin(signed(acme)),
        ),
        (
            "publisher.name",
            "[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]",
            "unsigned = []\n",
            Asked::Plugin(Candidate { package: Some("acme-x/choice"), ..signed(acme) }),
            Asked::Plugin(signed(acme)),
        ),
        (
            "isolation.plugins",
            "[isolation]\nplugins = \"auto\"",
            "",
            Asked::Plugin(Candidate { runs: Runs::InProcess, ..signed(acme) }),
            Asked::Plugin(Candidate { runs: Runs::InProcess, source: Source::BuiltIn, ..signed(acme) }),
        ),
        (
            "isolation.plugins",
            "[isolation]\nplugins = \"process\"",
            "",
            Asked::Plugin(Candidate { runs: Runs::InProcess, source: Source::BuiltIn, ..signed(acme) }),
            Asked::Plugin(Candidate { source: Source::BuiltIn, ..signed(acme) }),
        ),
        (
            "isolation.jail",
            "[isolation]\njail = \"landlock\"",
            "",
            Asked::Plugin(jailed(JailLevel::Seccomp)),
            Asked::Plugin(jailed(JailLevel::Landlock)),
        ),
        (
            "isolation.jail",
            "[isolation]\njail = \"seccomp\"",
            "",
            Asked::Plugin(Candidate { runs: Runs::InProcess, ..signed(acme) }),
            Asked::Plugin(jailed(JailLevel::Seccomp)),
        ),
        (
            "images.sources",
            "[images]\nsources = [\"docker.io/library/*\"]",
            "",
            Asked::Image(Some("evil.example.com/library/debian")),
            Asked::Image(Some("debian")),
        ),
        (
            "images.sources",
            "[images]\nsources = [\"docker.io/library/*\"]",
            "",
            Asked::Image(None),
            Asked::Image(Some("docker.io/debian")),
        ),
    ];
    let names: Vec<_> = World::ALL
        .iter()
        .flat_map(|world| {
            let set = format!("{world} = [\"log\"]");
            [
                (*world, format!("capabilities.{world}"), format!("[capabilities]\n{set}"), ""),
                (*world, format!("publisher.{world}"), set, publisher),
            ]
        })
        .collect();
    for (world, key, set, besides) in &names {
        let fewer = World::ALL[usize::from(World::ALL[0] == *world)];
        rows.push((key, set, besides, Asked::Plugin(of(*world)), Asked::Plugin(of(fewer))));
    }
    let names: Vec<_> = [Role::Agent, Role::Grader]
        .into_iter()
        .flat_map(|role| {
            [("fuel", 10), ("memory-mib", 2), ("seconds", 2)].map(|(limit, most)| {
                let key = format!("limits.{role}-{limit}");
                let set = format!("[limits]\n{role}-{limit} = {most}");
                (role, key, set)
            })
        })
        .collect();
    for (role, key, set) in &names {
        let (more, less) = (Asked::Limits(*role, limits.clone()), Asked::Limits(*role, less.clone()));
        rows.push((key, set, "", more, less));
    }
    for (key, set, besides, refused, let_in) in &rows {
        let policy = known.policy(&format!("{besides}{set}\n"));
        assert_eq!(refused.refusal(&policy).as_deref(), Some(*key), "{set}");
        assert_eq!(let_in.refusal(&policy), None, "{set}");
        // Nothing else is what refused it.
        let without = known.policy(besides);
        assert_eq!(refused.refusal(&without), None, "{besides} without {set}");
    }
    let tested: BTreeSet<_> = rows.iter().map(|row| row.0).collect();
    let defined: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(tested, defined, "each key of the definition has a row here");
}

/// Every key of the definition is read, into something.
#[test]
fn every_key_of_the_definition_is_taken() {
    let known = Known::new();
    let capabilities = "agent = [\"log\"]\ngrader = [\"log\"]\ncontrol = []\n";
    let text = format!(
        "sources = [\"built-in\", \"named\", \"suite\"]\nregistries = [\"r.example.com/**\"]\nunsigned = [\"suite\"]\n[capabilities]\n{capabilities}[isolation]\n\
         plugins = \"process\"\njail = \"seccomp\"\n[images]\nsources = [\"build\", \"docker.io/library/*\"]\n[limits]\n\
         agent-fuel = 1\nagent-memory-mib = 2\nagent-seconds = 3\ngrader-fuel = 4\ngrader-memory-mib = 5\n\
         grader-seconds = 6\n[[publisher]]\nname = \"acme\"\nkeys = [\"acme\", \"{}\"]\n{capabilities}",
        known.id("bob")
    );
    let policy = known.policy(&text);
    assert_eq!(policy.digest(), Some(Sha256::of(text.as_bytes())));
    assert_eq!(policy.limits.values().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let [publisher] = &policy.publishers.clone().unwrap()[..] else { panic!("one publisher") };
    assert_eq!(publisher.keys, [known.id("acme"), known.id("bob")].into());
    for key in KEYS {
        let last = key.name.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("{last} = ")), "{} is not in the example", key.name);
    }
    assert!(policy.asks_for_imports() && policy.asks_for_jails());
    let without = Policy::without();
    assert_eq!(Policy { name: without.name.clone(), digest: None, ..known.policy("") }, without);
    assert!(!without.asks_for_imports() && !without.asks_for_jails());
}

#[test]
fn what_is_wrong_with_a_policy_is_named() {
    let known = Known::new();
    let publisher = |rest: &str| format!("[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]\n{rest}");
    for (text, expected) in [
        ("sources = ".to_owned(), "line 1: this is no TOML"),
        ("sources = []\nsources = []".to_owned(), "line 2: this is no TOML: duplicate key"),
        (
            "sources = \"named\"".to_owned(),
            "`sources`: the text `\"named\"`, expected a list of `built-in`, `named`, `registry` and `suite`",
        ),
        (
            "registries = [\"https://r\"]".to_owned(),
            "`registries[0]`: `https://r`, expected one of a list of patterns",
        ),
        (
            "registries = [\"r.example.com\"]".to_owned(),
            "`registries[0]`: `r.example.com`, expected one of a list",
        ),
        (
            "registries = [\"R.example.com/a\"]".to_owned(),
            "`registries[0]`: `R.example.com/a`, expected one of",
        ),
        ("registries = [\"r b\"]".to_owned(), "`registries[0]`: `r b`, expected one of a list of patterns"),
        ("sources = [\"web\"]".to_owned(), "`sources[0]`: `web`, expected one of a list of `built-in`"),
        ("sources = [\"suite\", \"suite\"]".to_owned(), "`sources[1]`: `suite` is there twice"),
        (
            "unsigned = [\"built-in\"]".to_owned(),
            "`unsigned[0]`: `built-in`, expected one of a list of `named`",
        ),
        ("source = []".to_owned(), "`source`: no such key, expected one of `capabilities`, `images`"),
        ("limits = 3".to_owned(), "`limits`: `3`, expected a table `[limits]`"),
        (
            "[limits]\nagent-fuel = 0".to_owned(),
            "`limits.agent-fuel`: `0`, expected a whole number from 1 on",
        ),
        ("[limits]\nagent-fuel = -1".to_owned(), "`limits.agent-fuel`: `-1`, expected"),
        ("[limits]\nagent-fuel = 1.5".to_owned(), "`limits.agent-fuel`: `1.5`, expected"),
        // Otherwise they would look as they should.
        ("[limits]\nagent-fuel = \"5\"".to_owned(), "`limits.agent-fuel`: the text `\"5\"`, expected"),
        ("[limits]\nagent-fuel = 5.0".to_owned(), "`limits.agent-fuel`: `5.0`, expected"),
        ("[limits]\nfuel = 1".to_owned(), "`limits.fuel`: no such key, expected one of `agent-fuel`"),
        (
            "[isolation]\nplugins = \"in-process\"".to_owned(),
            "`isolation.plugins`: `in-process`, expected `auto` or",
        ),
        ("[isolation]\njail = true".to_owned(), "`isolation.jail`: `true`, expected `seccomp` or `landlock`"),
        (
            "[images]\nsources = [\"a b\"]".to_owned(),
            "`images.sources[0]`: `a b`, expected one of a list of `build`",
        ),
        ("[images]\nsources = [\"\"]".to_owned(), "`images.sources[0]`: ``"),
        ("[capabilities]\nagent = [\"teleport\"]".to_owned(), "`capabilities.agent[0]`: `teleport`"),
        (
            "[capabilities]\nconfigurable-agent = []".to_owned(),
            "expected one of `agent`, `control`, `grader`",
        ),
        ("publisher = 3".to_owned(), "`publisher`: `3`, expected one table `[[publisher]]` for each"),
        (
            "[publisher]\nname = \"acme\"".to_owned(),
            "`publisher`: a table, expected one table `[[publisher]]`",
        ),
        (
            "[[publisher]]\nname = \"acme\"".to_owned(),
            "`publisher[0].keys`: it is missing, expected a list of names",
        ),
        (
            "[[publisher]]\nkeys = [\"acme\"]".to_owned(),
            "`publisher[0].name`: it is missing, expected a name as in",
        ),
        (
            "[[publisher]]\nname = \"a/b\"\nkeys = [\"acme\"]".to_owned(),
            "`publisher[0].name`: `a/b`, expected",
        ),
        ("[[publisher]]\nname = \"a\"\nkeys = []".to_owned(), "`publisher[0].keys`: it has 0 entries"),
        (
            "[[publisher]]\nname = \"a\"\nkeys = [\"eve\"]".to_owned(),
            "`publisher[0].keys[0]`: `eve` is no key that is known",
        ),
        (
            publisher("colour = 1"),
            "`publisher[0].colour`: no such key, expected one of `agent`, `control`, `grader`, `keys`",
        ),
        (publisher(&publisher("")), "`publisher[1].name`: `acme` is there twice"),
        (
            publisher("[[publisher]]\nname = \"b\"\nkeys = [\"acme\"]"),
            "`publisher[1].keys`: one of them is a key of `acme` as well",
        ),
        (
            format!("[[publisher]]\nname = \"a\"\nkeys = [\"acme\", \"{}\"]", known.id("acme")),
            "is there twice, expected it once",
        ),
    ] {
        let error = Policy::parse("etc/lancet.toml", &text, &known.keys).unwrap_err();
        let told = error.to_string();
        assert!(
            told.starts_with("the policy `etc/lancet.toml`: ") && told.contains(expected),
            "{text}\n{told}"
        );
        assert!(!error.hint.is_empty(), "{told}");
    }
}

#[test]
fn without_a_policy_strangers_are_warned_of_and_a_strict_one_refuses_them() {
    let known = Known::new();
    let acme = known.id("acme");
    let stranger = PrivateKey::generate().unwrap().public().id();
    let built_in =
        Candidate { source: Source::BuiltIn, signed: Signed::Not, runs: Runs::InProcess, ..signed(acme) };
    for policy in [Policy::without(), Policy::strict()] {
        for candidate in [built_in.clone(), signed(acme)] {
            let decision = policy.decide(&candidate);
            assert!(decision.refusal().is_none() && decision.warnings().count() == 0, "{decision:?}");
        }
    }
    // What a registry has is nobody's unless it is signed.
    let unsigned = Candidate { source: Source::Registry, signed: Signed::Not, ..signed(acme) };
    assert_eq!(Policy::without().decide(&unsigned).refusal().unwrap().key, "unsigned");
    assert_eq!(
        Policy::without().decide(&Candidate { source: Source::Registry, ..signed(acme) }).refusal(),
        None
    );
    for source in [Source::Named, Source::Suite] {
        for (by, key) in [(Signed::Not, "unsigned"), (Signed::Unknown(stranger), "publisher.keys")] {
            let candidate = Candidate { source, signed: by, ..signed(acme) };
            let decision = Policy::without().decide(&candidate);
            assert_eq!(decision.refusal(), None);
            assert_eq!(decision.warnings().map(|line| line.key.as_str()).collect::<Vec<_>>(), [key]);
            assert_eq!(Policy::strict().decide(&candidate).refusal().unwrap().key, key);
        }
    }
    let in_process = Candidate { runs: Runs::InProcess, ..signed(acme) };
    assert_eq!(Policy::strict().decide(&in_process).refusal().unwrap().key, "isolation.plugins");
}

#[test]
fn no_policy_lets_in_what_is_revoked_or_was_changed_or_is_not_locked() {
    let known = Known::new();
    let acme = known.id("acme");
    let revoked = |pinned| Candidate {
        signed: Signed::By { key: acme, revoked: Some("stolen".to_owned()), voucher: Voucher::Package },
        pinned,
        ..signed(acme)
    };
    let digest = |pinned| Candidate { revoked: Some("it leaks"), pinned, ..signed(acme) };
    let pinned = |by_operator| Pinned::As { by_operator };
    for policy in [Policy::without(), Policy::strict(), known.policy("")] {
        let key = |candidate: &Candidate<'_>| {
            policy.decide(candidate).refusal().map(|line| (line.key.clone(), line.why.clone()))
        };
        let changed = Candidate { signed: Signed::Broken("another digest".to_owned()), ..signed(acme) };
        assert_eq!(key(&changed).unwrap().0, "signature");
        // A pin of the suite's own is a stranger's word.
        for pinned in [Pinned::NoLock, pinned(false)] {
            let (key, why) = key(&revoked(pinned)).unwrap();
            assert!(key == "revoked" && why.contains("stolen"), "{key}: {why}");
        }
        let kept = policy.decide(&revoked(pinned(true)));
        assert_eq!(kept.refusal(), None);
        assert_eq!(kept.warnings().next().unwrap().key, "revoked");
        for pinned in [Pinned::NoLock, pinned(false), pinned(true)] {
            assert_eq!(key(&digest(pinned)).unwrap().0, "revoked");
        }
        let outside = Candidate { pinned: Pinned::Otherwise("not there".to_owned()), ..signed(acme) };
        assert_eq!(key(&outside), Some(("lock".to_owned(), "not there".to_owned())));
    }
}

/// Whoever has a revoked key may have made up what it says comes after it.
#[test]
fn a_key_that_a_revoked_one_named_is_warned_of() {
    let known = Known::new();
    let candidate = Candidate { named_by: Some("old"), ..signed(known.id("acme")) };
    for policy in [Policy::without(), Policy::strict(), known.policy("")] {
        let decision = policy.decide(&candidate);
        let [line] = &decision.warnings().collect::<Vec<_>>()[..] else { panic!("{decision:?}") };
        assert!(decision.refusal().is_none() && line.key == "revoked", "{line}");
        assert!(line.why.contains("by the word of `old`, which is revoked"), "{line}");
        // It is a word about the key, and of what nobody signed there is nothing to say.
        let unsigned = Candidate { signed: Signed::Not, ..candidate.clone() };
        assert!(policy.decide(&unsigned).warnings().all(|line| line.key != "revoked"));
        // What is refused is.
        let revoked = Signed::By {
            key: known.id("acme"),
            revoked: Some("stolen".to_owned()),
            voucher: Voucher::Package,
        };
        let revoked = Candidate { signed: revoked, ..candidate.clone() };
        assert_eq!(policy.decide(&revoked).refusal().unwrap().key, "revoked");
    }
}

/// A suite's publisher stands for what is in it, whatever that is called, and is held to what it
/// may import.
#[test]
fn a_signed_suite_stands_for_its_graders() {
    let known = Known::new();
    let acme = known.id("acme");
    let policy = known
        .policy("unsigned = []\n[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]\ngrader = [\"log\"]\n");
    let imports = BTreeSet::from([Capability::Model]);
    for voucher in [Voucher::Suite, Voucher::Record] {
        let candidate = Candidate {
            source: Source::Suite,
            package: Some("bob/junit"),
            signed: Signed::By { key: acme, revoked: None, voucher },
            ..signed(acme)
        };
        assert_eq!(policy.decide(&candidate).refusal(), None);
        let candidate = Candidate { imports: Some(&imports), ..candidate };
        assert_eq!(policy.decide(&candidate).refusal().unwrap().key, "publisher.grader");
    }
}

/// The record of a run has the key that signed an agent's package, and none of the words that the
/// signature was over: its name is the component's own.
#[test]
fn an_agent_on_record_is_called_by_its_publishers_name() {
    let known = Known::new();
    let policy = known.policy("[[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]\n");
    let recorded = |source, package| Candidate {
        world: World::Agent,
        source,
        package,
        signed: Signed::By { key: known.id("acme"), revoked: None, voucher: Voucher::Record },
        ..signed(known.id("acme"))
    };
    let refused = |candidate: &Candidate<'_>| {
        policy.decide(candidate).refusal().map(|line| (line.key.clone(), line.why.clone()))
    };
    assert_eq!(refused(&recorded(Source::Named, Some("acme/solver"))), None);
    for package in [Some("eve/solver"), Some("acme"), Some("acme-x/solver"), None] {
        let (key, why) = refused(&recorded(Source::Named, package)).unwrap();
        assert!(key == "publisher.name" && why.contains("signs `acme/…` alone"), "{package:?}: {why}");
        // A suite's publisher stands for what is in it.
        assert_eq!(refused(&recorded(Source::Suite, package)), None);
    }
}

#[test]
fn patterns_of_images_fit_whole_names() {
    let known = Known::new();
    let allows = |pattern: &str, image: Option<&str>| {
        let policy = known.policy(&format!("[images]\nsources = [\"{pattern}\"]"));
        policy.decide_image(image).finding == Finding::Passes
    };
    for (pattern, image) in [
        ("docker.io/library/*", "debian"),
        ("docker.io/library/*", "library/debian"),
        ("docker.io/library/*", "docker.io/debian"),
        ("docker.io/library/debian", "index.docker.io/library/debian"),
        ("docker.io/swelancer/swelancer_x86_*", "swelancer/swelancer_x86_16912_4"),
        ("registry.example.com:5000/**", "registry.example.com:5000/a/b/c"),
        ("localhost/*", "localhost/a"),
        ("**", "a/b"),
    ] {
        assert!(allows(pattern, Some(image)), "{pattern} {image}");
    }
    for (pattern, image) in [
        ("docker.io/library/*", "docker.io/library/a/b"),
        ("docker.io/library/*", "docker.io.evil.example/library/debian"),
        ("docker.io/library/*", "evil/docker.io/library/debian"),
        ("docker.io/library/*", "localhost/library/debian"),
        ("docker.io/library/deb", "debian"),
        ("*/*", "debian"),
        ("build", "build"),
    ] {
        assert!(!allows(pattern, Some(image)), "{pattern} {image}");
    }
    assert!(allows("build", None) && !allows("**", None));
}

/// Texts that were changed in any place are read, or refused by a key, and never end the program;
/// and what is read decides.
#[test]
fn changed_policies_are_read_or_refused() {
    let known = Known::new();
    let whole = "sources = [\"built-in\", \"named\"]\nunsigned = [\"suite\"]\n[capabilities]\nagent = [\"log\"]\n[isolation]\n\
                 plugins = \"auto\"\njail = \"landlock\"\n[images]\nsources = [\"build\", \"a.b/**\"]\n[limits]\nagent-fuel = 9\n\
                 [[publisher]]\nname = \"acme\"\nkeys = [\"acme\"]\ngrader = [\"log\"]\n";
    let imports = BTreeSet::from([Capability::Log]);
    let (mut read, mut refused) = (0, 0);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        // Xorshift (Marsaglia 2003): the same texts each time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    const PIECES: [&str; 14] =
        ["\"", "[", "]", "\n", " = ", "-1", "[[", "acme", "x", "9223372036854775808", "\u{0}", "{", "é", ","];
    for _ in 0..4_000 {
        let mut text = whole.to_owned();
        if random(2) == 0 {
            // A line that is left out, or a word that another takes the place of.
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            let at = random(lines.len());
            match random(2) {
                0 => drop(lines.remove(at)),
                _ => {
                    lines[at] =
                        lines[at].replace("named", "suite").replace("auto", "process").replace('9', "11");
                }
            }
            text = lines.join("\n");
        }
        for _ in 0..random(3) {
            let (from, to) = (random(text.len() + 1), random(text.len() + 1));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 12));
            if text.is_char_boundary(from) && text.is_char_boundary(to) {
                text.replace_range(from..to, PIECES[random(PIECES.len())]);
            }
        }
        match Policy::parse("lancet.toml", &text, &known.keys) {
            Ok(policy) => {
                read += 1;
                let candidate = Candidate { imports: Some(&imports), ..signed(known.id("acme")) };
                assert_eq!(policy.decide(&candidate).lines().len(), 11);
            }
            Err(error) => {
                refused += 1;
                let told = error.to_string();
                assert!(told.starts_with("the policy `lancet.toml`: ") && !error.hint.is_empty(), "{told}");
                assert!(error.key.is_some() || told.contains("this is no TOML"), "{text}\n{told}");
            }
        }
    }
    assert!(read > 50 && refused > 1_000, "{read} read, {refused} refused");
}

#[test]
fn a_policy_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let known = Known::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lancet.toml");
    std::fs::write(&path, "unsigned = []\n").unwrap();
    for (mode, is_taken) in [(0o644, true), (0o664, false), (0o646, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = Policy::read(&path, &known.keys);
        assert_eq!(read.is_ok(), is_taken, "{mode:o}");
    }
    let gone = Policy::read(Path::new("/nowhere/lancet.toml"), &known.keys).unwrap_err();
    assert!(gone.to_string().contains("/nowhere/lancet.toml") && gone.hint.contains("LANCET_POLICY"));
}
