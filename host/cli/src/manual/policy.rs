//! The chapter `docs/policy-table.md`: every key of a policy, and what policies come to for every
//! kind of plugin, by the very function that decides.

use std::collections::BTreeSet;

use lancet_core::Capability;
use lancet_trust::{
    Candidate, Finding, JailLevel, KEYS, KeyId, KeyName, Keys, LOCK_KEYS, Pinned, Policy, Runs, Signed,
    Source, Voucher, World,
};

/// The policy that the table has besides the two that are built in.
const POLICY: &str = r#"# lancet.toml
unsigned = ["suite"]

[[publisher]]
name = "acme"
keys = ["acme"]
grader = ["log", "submission", "answer-key"]

[capabilities]
grader = ["log", "submission", "answer-key", "model"]

[isolation]
plugins = "auto"
jail = "landlock"
"#;

/// Keys of which `acme` is one and `bob` another.
pub(super) fn keys() -> (tempfile::TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Keys::open(&folder.path().join("keys")).unwrap();
    for name in ["acme", "bob"] {
        keys.create(&name.parse::<KeyName>().unwrap()).unwrap();
    }
    (folder, keys)
}

/// The chapter.
pub(super) fn chapter() -> String {
    let mut text = String::from(
        "# The policy's keys and what they come to\n\nWritten by `cargo xtask docs` from the definition and the decision \
         themselves; [Policy and lock](policy.md) says what they are for.\n\n## Keys of `lancet.toml`\n\nIn the order in which \
         they are looked at. All are optional but where it says so.\n\n| key | takes | means |\n|---|---|---|\n",
    );
    let row = |name: &str, takes: &str, means: &str| format!("| `{name}` | {takes} | {means} |\n");
    text.extend(KEYS.iter().map(|key| row(key.name, key.takes, key.means)));
    text.push_str(
        "\nUnder every policy hold `signature` (one that is there has to hold), `revoked` and `lock`, which are looked at \
         first.\n\n## Keys of `lancet.lock`\n\n| key | takes | means |\n|---|---|---|\n",
    );
    text.extend(LOCK_KEYS.iter().map(|key| row(key.name, key.takes, key.means)));
    text.push_str(
        "\n## Publisher × capability × isolation × source\n\nWhat becomes of a grader under no policy, under `strict`, and \
         under this one:\n\n```toml\n",
    );
    text.push_str(POLICY);
    text.push_str(
        "```\n\nA word in code is the key that refuses it. *More* is an import of `model`, which the publisher may not have; \
         *most* one of `workspace`, which nobody may. *No \
         Landlock* is a jail by seccomp alone, on a kernel that has no other.\n\n| signed by | source | imports | runs | no policy \
         | `strict` | this one |\n|---|---|---|---|---|---|---|\n",
    );
    let (_folder, keys) = keys();
    let policies =
        [Policy::without(), Policy::strict(), Policy::parse("lancet.toml", POLICY, &keys).unwrap()];
    let id = |name: &str| keys.find(name).unwrap().public.id();
    for (who, source, signed) in makers(id("acme"), id("bob")) {
        for (imports, more) in imports() {
            for (runs, process) in [
                (Runs::Jailed(Some(JailLevel::Landlock)), "jailed"),
                (Runs::Jailed(Some(JailLevel::Seccomp)), "jailed, no Landlock"),
                (Runs::InProcess, "in the host"),
            ] {
                let candidate = Candidate {
                    world: World::Grader,
                    source,
                    package: Some("acme/choice"),
                    signed: signed.clone(),
                    revoked: None,
                    imports: Some(&imports),
                    runs,
                    pinned: Pinned::NoLock,
                    named_by: None,
                };
                let found = policies.each_ref().map(|policy| found(policy, &candidate)).join(" | ");
                text.push_str(&format!("| {who} | `{source}` | {more} | {process} | {found} |\n"));
            }
        }
    }
    text
}

fn makers(acme: KeyId, bob: KeyId) -> Vec<(&'static str, Source, Signed)> {
    let by = |key, revoked: Option<&str>| Signed::By {
        key,
        revoked: revoked.map(str::to_owned),
        voucher: Voucher::Package,
    };
    let mut makers = vec![("built in", Source::BuiltIn, Signed::Not)];
    for source in [Source::Named, Source::Registry, Source::Suite] {
        makers.extend([
            ("a publisher", source, by(acme, None)),
            ("a publisher, key revoked", source, by(acme, Some("stolen"))),
            ("another known key", source, by(bob, None)),
            ("an unknown key", source, Signed::Unknown(bob)),
            ("nobody", source, Signed::Not),
            ("a publisher, changed since", source, Signed::Broken("another digest".to_owned())),
        ]);
    }
    makers
}

fn imports() -> [(BTreeSet<Capability>, &'static str); 3] {
    let few = BTreeSet::from([Capability::Log, Capability::Submission]);
    let with = |more| few.iter().copied().chain([more]).collect();
    [(few.clone(), "few"), (with(Capability::Model), "more"), (with(Capability::Workspace), "most")]
}

fn found(policy: &Policy, candidate: &Candidate<'_>) -> String {
    let decision = policy.decide(candidate);
    let is_warned = decision.lines().iter().any(|line| line.finding == Finding::Warns);
    match decision.refusal() {
        Some(line) => format!("`{}`", line.key),
        None if is_warned => "let in, with a warning".to_owned(),
        None => "let in".to_owned(),
    }
}
