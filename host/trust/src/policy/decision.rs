//! Whether something is let in, key by key.

use std::collections::BTreeSet;
use std::fmt;

use lancet_core::{Capability, Limits, PluginIsolation, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{JailLevel, Limited, Policy, Publisher, Source, World};
use crate::key::KeyId;

/// A plugin that is about to be used, with all that a decision about it rests on.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// What it is there for.
    pub world: World,
    /// Where it comes from.
    pub source: Source,
    /// Its name `publisher/name`, when it is a package.
    pub package: Option<&'a str>,
    /// Who signed it.
    pub signed: Signed,
    /// Why its digest is revoked, if it is.
    pub revoked: Option<&'a str>,
    /// What it imports; `None` when nobody has looked yet, which lets in whatever that would
    /// decide. [`Policy::asks_for_imports`] says whether somebody has to.
    pub imports: Option<&'a BTreeSet<Capability>>,
    /// In which process it would run.
    pub runs: Runs,
    /// What the locks say of it.
    pub pinned: Pinned,
    /// The revoked key by whose word the one that signed it is known, if there is one.
    pub named_by: Option<&'a str>,
}

/// Who signed a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Nobody: there is no signature.
    Not,
    /// There is a signature, and it does not hold for this: why.
    Broken(String),
    /// Somebody whose key is not known here, so that the signature says nothing.
    Unknown(KeyId),
    /// A key by which the signature holds.
    By {
        /// The key.
        key: KeyId,
        /// Why the key is revoked, if it is.
        revoked: Option<String>,
        /// What was signed.
        voucher: Voucher,
    },
}

/// What was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voucher {
    /// The package itself, under its name.
    Package,
    /// The suite that it lies in: its publisher stands for what is in it, whatever that is called.
    Suite,
    /// One of both, as the record of a run has it.
    Record,
}

/// In which process a plugin would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// In the host's own.
    InProcess,
    /// In a jailed one that is held by that; `None` when nobody has looked yet.
    /// [`Policy::asks_for_jails`] says whether somebody has to.
    Jailed(Option<JailLevel>),
}

/// What locks say of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// There is no lock that would have to have it.
    NoLock,
    /// A lock does not have it, or has it otherwise: which, and what.
    Otherwise(String),
    /// Every lock that has to have it does. Whether one of them is the operator's own, which
    /// keeps what a key has signed that was revoked since.
    As {
        /// Whether one of them is the operator's own.
        by_operator: bool,
    },
}

/// What a key of a policy comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It has nothing against it.
    Passes,
    /// It lets it in, and says what to be wary of.
    Warns,
    /// It refuses it.
    Refuses,
    /// It asks nothing of it.
    Idle,
}

impl Finding {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Warns => "warns",
            Self::Refuses => "refuses",
            Self::Idle => "-",
        }
    }
}

/// What one key comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyLine {
    /// The key of `lancet.toml`; `signature`, `revoked` and `lock` hold under every policy.
    pub key: String,
    /// What it comes to.
    pub finding: Finding,
    /// Why.
    pub why: String,
}

impl PolicyLine {
    fn new(key: impl Into<String>, finding: Finding, why: impl Into<String>) -> Self {
        Self { key: key.into(), finding, why: why.into() }
    }
}

impl fmt::Display for PolicyLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.why)
    }
}

/// Whether something is let in, key by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision(Vec<PolicyLine>);

impl Decision {
    /// What each key comes to, in the order in which they are looked at.
    #[must_use]
    pub fn lines(&self) -> &[PolicyLine] {
        &self.0
    }

    /// The first key that refuses it: `None` when it is let in.
    #[must_use]
    pub fn refusal(&self) -> Option<&PolicyLine> {
        self.0.iter().find(|line| line.finding == Finding::Refuses)
    }

    /// The same with what another key comes to, which is looked at before them.
    #[must_use]
    pub fn after(mut self, line: PolicyLine) -> Self {
        self.0.insert(0, line);
        self
    }

    /// Decides about a suite itself, whatever judges its tasks: a signature that is there has to hold,
    /// and neither its digest nor the key is to be revoked. What a key has signed that was revoked
    /// since is used still where the operator's lock pins all that judges in it.
    #[must_use]
    pub fn of_suite(signed: &Signed, reason: Option<&str>, named_by: Option<&str>, is_pinned: bool) -> Self {
        let pinned = is_pinned.then_some("your lock pins its graders; nobody pins its tasks and answers");
        let signature = match signed {
            Signed::By { key, .. } => {
                PolicyLine::new("signature", Finding::Passes, format!("that of the key {key} holds"))
            }
            _ => signature(signed),
        };
        Self(vec![signature, revoked(reason, signed, named_by, pinned)])
    }

    /// What to be wary of.
    pub fn warnings(&self) -> impl Iterator<Item = &PolicyLine> {
        self.0.iter().filter(|line| line.finding == Finding::Warns)
    }
}

/// Whose a plugin is, as a policy has it.
enum Whose<'p> {
    /// It is built in.
    Ours,
    /// Nobody signed it, or not this.
    Nobodys,
    /// A key that is one of no publisher signed it.
    Strangers(KeyId),
    /// A key that is known here signed it, and there is no list of publishers.
    Known,
    /// A key of that publisher signed it.
    Publishers(&'p Publisher),
}

impl Policy {
    /// Decides about a plugin.
    #[must_use]
    pub fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        let whose = self.whose(candidate);
        let is_pinned = matches!(candidate.pinned, Pinned::As { by_operator: true });
        let pinned = is_pinned.then_some("your lock pins its digest");
        let mut lines = vec![
            signature(&candidate.signed),
            revoked(candidate.revoked, &candidate.signed, candidate.named_by, pinned),
            lock(candidate),
            self.source(candidate),
        ];
        lines.extend(self.maker(candidate, &whose));
        lines.push(self.at_most(candidate, &whose));
        lines.push(self.anybody_at_most(candidate));
        lines.push(self.process(candidate));
        lines.push(self.jail(candidate));
        Decision(lines)
    }

    /// Decides about what a run lets plugins of a role use.
    #[must_use]
    pub fn decide_limits(&self, role: Role, limits: &Limits) -> Decision {
        let line = |limited: Limited| {
            let (key, found) = (format!("limits.{role}-{}", limited.key()), limited.of(limits));
            match self.limits.get(&(role, limited)) {
                None => PolicyLine::new(key, Finding::Idle, "it says nothing"),
                Some(most) if found <= *most => {
                    PolicyLine::new(key, Finding::Passes, format!("{found} of at most {most}"))
                }
                Some(most) => {
                    let option = format!("--{role}-{} {most}", limited.option());
                    let why = format!("{found} are more than {most}; for a new run `{option}` would do");
                    PolicyLine::new(key, Finding::Refuses, why)
                }
            }
        };
        Decision(Limited::ALL.map(line).into())
    }

    /// What one call of a plugin of that role may use of memory and time: as the policy says, or else as
    /// it is given.
    #[must_use]
    pub fn bounded(&self, role: Role, limits: &Limits) -> Limits {
        let said = |limited| self.limits.get(&(role, limited)).copied();
        Limits {
            memory_bytes: said(Limited::MemoryMib)
                .map_or(limits.memory_bytes, |mib| mib.saturating_mul(1 << 20)),
            wall_ms: said(Limited::Seconds).map_or(limits.wall_ms, |seconds| seconds.saturating_mul(1000)),
            ..limits.clone()
        }
    }

    /// Decides about an image of a suite: `repository` is its name without tag and digest, and
    /// `None` for one that is built from the suite's files.
    #[must_use]
    pub fn decide_image(&self, repository: Option<&str>) -> PolicyLine {
        let key = "images.sources";
        let Some(sources) = &self.images else {
            return PolicyLine::new(key, Finding::Idle, "it says nothing");
        };
        let (told, allowed) = match repository {
            None => ("one that is built".to_owned(), sources.iter().any(|source| source == "build")),
            Some(repository) => {
                let whole = whole_name(repository);
                let allowed = sources.iter().any(|pattern| pattern != "build" && fits(pattern, &whole));
                (format!("`{whole}`"), allowed)
            }
        };
        let listed = quoted(sources.iter().map(String::as_str));
        match allowed {
            true => PolicyLine::new(key, Finding::Passes, format!("{told} is among {listed}")),
            false => PolicyLine::new(key, Finding::Refuses, format!("{told} is not among {listed}")),
        }
    }

    /// Decides about a place in a registry: `name` has the registry and the name there, without tag
    /// and digest.
    #[must_use]
    pub fn decide_registry(&self, name: &str) -> PolicyLine {
        let key = "registries";
        let Some(registries) = &self.registries else {
            return PolicyLine::new(key, Finding::Idle, "it says nothing");
        };
        let listed = quoted(registries.iter().map(String::as_str));
        match registries.iter().any(|pattern| fits(pattern, name)) {
            true => PolicyLine::new(key, Finding::Passes, format!("`{name}` is among {listed}")),
            false => PolicyLine::new(key, Finding::Refuses, format!("`{name}` is not among {listed}")),
        }
    }

    /// Whose a plugin is, by the key that signed it.
    fn whose(&self, candidate: &Candidate<'_>) -> Whose<'_> {
        match &candidate.signed {
            _ if candidate.source == Source::BuiltIn => Whose::Ours,
            Signed::Not | Signed::Broken(_) => Whose::Nobodys,
            Signed::Unknown(key) => Whose::Strangers(*key),
            Signed::By { key, .. } => match &self.publishers {
                None => Whose::Known,
                Some(publishers) => publishers
                    .iter()
                    .find(|one| one.keys.contains(key))
                    .map_or(Whose::Strangers(*key), Whose::Publishers),
            },
        }
    }

    fn source(&self, candidate: &Candidate<'_>) -> PolicyLine {
        let found = candidate.source;
        let listed = quoted(self.sources.iter().map(|source| source.as_str()));
        match self.sources.contains(&found) {
            true => PolicyLine::new("sources", Finding::Passes, format!("`{found}` is among {listed}")),
            false => PolicyLine::new("sources", Finding::Refuses, format!("`{found}` is not among {listed}")),
        }
    }

    /// What the policy says of who made it: `unsigned`, `publisher.keys` and `publisher.name`.
    fn maker(&self, candidate: &Candidate<'_>, whose: &Whose<'_>) -> [PolicyLine; 3] {
        const UNSIGNED: &str = "unsigned";
        const KEYS: &str = "publisher.keys";
        const NAME: &str = "publisher.name";
        let idle = |key: &str, why: &str| PolicyLine::new(key, Finding::Idle, why);
        let source = candidate.source;
        let (may, allowed) = match self.unsigned.contains(&source) {
            true => (Finding::Warns, format!("what is `{source}` may come unsigned")),
            false => {
                let listed = quoted(self.unsigned.iter().map(|source| source.as_str()));
                (Finding::Refuses, format!("`{source}` is not among what may come unsigned, {listed}"))
            }
        };
        match whose {
            Whose::Ours => [UNSIGNED, KEYS, NAME].map(|key| idle(key, "it is built in")),
            Whose::Nobodys => {
                let why = format!("nobody has signed it, and {allowed}");
                let nobody = "nobody has signed it";
                [PolicyLine::new(UNSIGNED, may, why), idle(KEYS, nobody), idle(NAME, nobody)]
            }
            Whose::Strangers(key) => {
                let whose = match &self.publishers {
                    None => "is not known here",
                    Some(_) => "is one of no publisher",
                };
                let why = format!("the key {key} {whose}, so that it counts as unsigned, and {allowed}");
                let keys = PolicyLine::new(KEYS, may, why);
                [idle(UNSIGNED, "it is signed"), keys, idle(NAME, "the key is nobody's")]
            }
            Whose::Known => {
                let any = "without a list of publishers every key that is known here is one";
                let keys = PolicyLine::new(KEYS, Finding::Passes, any);
                [idle(UNSIGNED, "it is signed"), keys, idle(NAME, any)]
            }
            Whose::Publishers(publisher) => {
                let why = format!("it is signed by a key of `{}`", publisher.name);
                let keys = PolicyLine::new(KEYS, Finding::Passes, why);
                [idle(UNSIGNED, "it is signed"), keys, name(candidate, publisher)]
            }
        }
    }

    fn at_most(&self, candidate: &Candidate<'_>, whose: &Whose<'_>) -> PolicyLine {
        let key = format!("publisher.{}", candidate.world);
        match whose {
            Whose::Publishers(publisher) => {
                let most = publisher.capabilities.get(&candidate.world);
                among(key, most, candidate, &format!("`{}`", publisher.name))
            }
            _ => PolicyLine::new(key, Finding::Idle, "no publisher of the policy signed it"),
        }
    }

    fn anybody_at_most(&self, candidate: &Candidate<'_>) -> PolicyLine {
        let key = format!("capabilities.{}", candidate.world);
        among(key, self.capabilities.get(&candidate.world), candidate, "anybody")
    }

    fn process(&self, candidate: &Candidate<'_>) -> PolicyLine {
        let key = "isolation.plugins";
        let Some(isolation) = self.isolation else {
            return PolicyLine::new(key, Finding::Idle, "it says nothing");
        };
        let is_jailed = matches!(candidate.runs, Runs::Jailed(_));
        let has_to = isolation.jails(candidate.source == Source::BuiltIn);
        match (has_to, is_jailed) {
            (true, false) => {
                let why = format!(
                    "it would run in the host's own process, and `{isolation}` wants a jailed one; `--isolation {isolation}` \
                     gives it one"
                );
                PolicyLine::new(key, Finding::Refuses, why)
            }
            (true, true) => PolicyLine::new(key, Finding::Passes, "it runs in a jailed process"),
            (false, _) => {
                debug_assert_ne!(isolation, PluginIsolation::Process);
                PolicyLine::new(key, Finding::Passes, "it is built in, and needs no process of its own")
            }
        }
    }

    fn jail(&self, candidate: &Candidate<'_>) -> PolicyLine {
        let key = "isolation.jail";
        let Some(wanted) = self.jail else {
            return PolicyLine::new(key, Finding::Idle, "it says nothing");
        };
        let word = wanted.as_str();
        match candidate.runs {
            Runs::InProcess if candidate.source == Source::BuiltIn => {
                PolicyLine::new(key, Finding::Passes, "it is built in, and needs no process of its own")
            }
            Runs::InProcess => {
                let why = format!(
                    "it would run in the host's own process, which nothing holds, and `{word}` is wanted; `--isolation \
                     auto` gives it a jailed one"
                );
                PolicyLine::new(key, Finding::Refuses, why)
            }
            Runs::Jailed(Some(found)) if found < wanted => {
                let why = format!(
                    "this machine has {} alone to hold its process, and `{word}` is wanted; `lancet doctor` says more",
                    found.as_str()
                );
                PolicyLine::new(key, Finding::Refuses, why)
            }
            Runs::Jailed(_) => PolicyLine::new(key, Finding::Passes, format!("`{word}` holds its process")),
        }
    }
}

/// Whether a signature that is there holds.
fn signature(signed: &Signed) -> PolicyLine {
    let key = "signature";
    match signed {
        Signed::Broken(why) => PolicyLine::new(key, Finding::Refuses, format!("it does not hold: {why}")),
        Signed::Not => PolicyLine::new(key, Finding::Idle, "there is none"),
        Signed::Unknown(id) => PolicyLine::new(
            key,
            Finding::Idle,
            format!("the key {id} is not known here, and it says nothing"),
        ),
        Signed::By { key: id, voucher, .. } => {
            let what = match voucher {
                Voucher::Package => "holds",
                Voucher::Suite => "of its suite holds",
                Voucher::Record => "held when the run began",
            };
            PolicyLine::new(key, Finding::Passes, format!("that of the key {id} {what}"))
        }
    }
}

/// Whether its digest or the key is revoked. A digest stays revoked whoever pins it: that one file
/// is not to be used. Of a key the operator's lock keeps what it has looked at before.
fn revoked(
    digest: Option<&str>,
    signed: &Signed,
    named_by: Option<&str>,
    pinned: Option<&str>,
) -> PolicyLine {
    let key = "revoked";
    if let Some(reason) = digest {
        return PolicyLine::new(key, Finding::Refuses, format!("its digest is revoked: {reason}"));
    }
    let (id, reason) = match (signed, named_by) {
        (Signed::By { key, revoked: Some(reason), .. }, _) => (key, reason),
        (Signed::By { key: id, .. }, Some(named_by)) => {
            let why = format!(
                "the key {id} that signed it is known by the word of `{named_by}`, which is revoked, and is believed still: \
                 whoever had that may have made it up"
            );
            return PolicyLine::new(key, Finding::Warns, why);
        }
        _ => return PolicyLine::new(key, Finding::Passes, "neither its digest nor a key that signed it is"),
    };
    match pinned {
        Some(pinned) => {
            let why = format!("the key {id} is revoked: {reason}; it is used still, as {pinned}");
            PolicyLine::new(key, Finding::Warns, why)
        }
        None => PolicyLine::new(key, Finding::Refuses, format!("the key {id} is revoked: {reason}")),
    }
}

fn lock(candidate: &Candidate<'_>) -> PolicyLine {
    let key = "lock";
    match &candidate.pinned {
        Pinned::NoLock => PolicyLine::new(key, Finding::Idle, "no lock has to have it"),
        Pinned::Otherwise(why) => PolicyLine::new(key, Finding::Refuses, why.clone()),
        Pinned::As { .. } => PolicyLine::new(key, Finding::Passes, "its digest is pinned"),
    }
}

/// Whether the name of a package is the publisher's whose key signed it. An agent lies in no suite
/// that could stand for it, and so the key that a run's record has for it signed its package.
fn name(candidate: &Candidate<'_>, publisher: &Publisher) -> PolicyLine {
    let key = "publisher.name";
    let expected = &publisher.name;
    let is_of_package = match &candidate.signed {
        Signed::By { voucher: Voucher::Package, .. } => true,
        Signed::By { voucher: Voucher::Record, .. } => candidate.source == Source::Named,
        _ => false,
    };
    if !is_of_package {
        return PolicyLine::new(key, Finding::Idle, format!("`{expected}` stands for what is in the suite"));
    }
    let signs = format!("a key of `{expected}` signs `{expected}/…` alone");
    match candidate.package {
        Some(found) if found.split_once('/').is_some_and(|(first, _)| first == expected) => {
            PolicyLine::new(key, Finding::Passes, format!("`{found}` is one of `{expected}`"))
        }
        Some(found) => PolicyLine::new(key, Finding::Refuses, format!("it is called `{found}`, and {signs}")),
        None => {
            PolicyLine::new(key, Finding::Refuses, format!("it is no package and has no name, and {signs}"))
        }
    }
}

/// Whether what a plugin imports is among what it may.
fn among(
    key: String,
    most: Option<&BTreeSet<Capability>>,
    candidate: &Candidate<'_>,
    whose: &str,
) -> PolicyLine {
    let Some(most) = most else { return PolicyLine::new(key, Finding::Idle, "it says nothing") };
    let Some(imports) = candidate.imports else {
        return PolicyLine::new(key, Finding::Idle, "nobody has looked at what it imports yet");
    };
    let more: Vec<_> = imports.difference(most).map(|one| one.as_str()).collect();
    let listed = quoted(most.iter().map(|one| one.as_str()));
    if more.is_empty() {
        return PolicyLine::new(key, Finding::Passes, format!("all that it imports is among {listed}"));
    }
    let more = quoted(more.into_iter());
    let why = format!("it imports {more}, and a plugin of {whose} may import {listed} at most");
    PolicyLine::new(key, Finding::Refuses, why)
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// The name of an image with its registry, as the Docker engine completes it.
pub(super) fn whole_name(repository: &str) -> String {
    let names_registry = repository.split_once('/').is_some_and(|(first, _)| {
        first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase())
    });
    match (names_registry, repository.contains('/')) {
        (true, _) => match repository
            .strip_prefix("docker.io/")
            .or_else(|| repository.strip_prefix("index.docker.io/"))
        {
            Some(rest) if !rest.contains('/') => format!("docker.io/library/{rest}"),
            Some(rest) => format!("docker.io/{rest}"),
            None => repository.to_owned(),
        },
        (false, true) => format!("docker.io/{repository}"),
        (false, false) => format!("docker.io/library/{repository}"),
    }
}

/// Whether a pattern fits all of a name: `*` stands for anything but `/`, `**` for anything. Takes
/// at most the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Which ends of the name the pattern so far reaches.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        if pattern[at] == b'*' {
            let any = pattern.get(at + 1) == Some(&b'*');
            for end in 0..name.len() {
                if reached[end] && (any || name[end] != b'/') {
                    reached[end + 1] = true;
                }
            }
            at += if any { 2 } else { 1 };
        } else {
            for end in (0..name.len()).rev() {
                reached[end + 1] = reached[end] && name[end] == pattern[at];
            }
            reached[0] = false;
            at += 1;
        }
    }
    reached[name.len()]
}

impl Candidate<'_> {
    /// The key that signed it, when the signature holds.
    #[must_use]
    pub fn key(&self) -> Option<KeyId> {
        match &self.signed {
            Signed::By { key, .. } => Some(*key),
            _ => None,
        }
    }
}
