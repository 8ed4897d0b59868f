//! `plugin.toml`: what a plugin says of itself.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use lancet_core::{CONTRACT_VERSION, Capability, Granter, Limits, said_of_toml};
use semver::Version;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::component::World;
use crate::error::ManifestError;
use crate::licence;
use crate::schema::Schema;
use crate::table::{Keys, as_line, kind};
use crate::text::{is_address, is_name, shown};

/// The most bytes of each half of a name: 64.
const MAX_NAME_BYTES: usize = 64;
/// The most bytes of a version: 64.
const MAX_VERSION_BYTES: usize = 64;
/// The most bytes of a description, a reason, a licence or an address: 1 KiB.
const MAX_LINE_BYTES: usize = 1 << 10;
/// The most bytes of an author: 200.
const MAX_AUTHOR_BYTES: usize = 200;
/// The most authors: 50.
const MAX_AUTHORS: usize = 50;
/// The most fuel that a plugin can need.
const MAX_FUEL: u64 = 1 << 53;
/// The most seconds that a plugin can need: a day.
const MAX_SECONDS: u64 = 86_400;

const KEYS: [&str; 11] = [
    "name",
    "version",
    "contract",
    "world",
    "description",
    "authors",
    "licence",
    "source",
    "asks",
    "limits",
    "settings",
];

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// `publisher/name`, each lower-case words joined by `-`, at most 64 bytes.
    pub name: String,
    /// Its own version.
    pub version: Version,
    /// The version of the contract `lancet:plugin` that it was built for.
    pub contract: String,
    /// The world of the contract that it is of.
    pub world: World,
    /// What it does, in one line of at most 1 KiB.
    pub description: String,
    /// Who wrote it: one at least, at most 50, each a line of at most 200 bytes.
    pub authors: Vec<String>,
    /// Its licence, as SPDX writes it.
    pub licence: String,
    /// The address of its source, if that is to be had.
    pub source: Option<String>,
    /// What it asks for, and why, each in one line of at most 1 KiB.
    pub asks: BTreeMap<Capability, String>,
    /// The limits that it needs at least.
    pub limits: Needs,
    /// What can be set of it, when it is a grader.
    pub settings: Schema,
}

/// The limits that a plugin needs at least, in the units of the operator's options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Needs {
    /// Units of fuel.
    pub fuel: Option<u64>,
    /// MiB of memory.
    pub memory_mib: Option<u64>,
    /// Seconds of its own computing.
    pub seconds: Option<u64>,
}

/// A limit that a plugin can need to be high enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededLimit {
    /// Units of fuel.
    Fuel,
    /// MiB of memory.
    MemoryMib,
    /// Seconds of the plugin's own computing.
    Seconds,
}

impl NeededLimit {
    /// The key in a manifest's `limits`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::MemoryMib => "memory-mib",
            Self::Seconds => "seconds",
        }
    }

    /// The option with which an operator sets it, without `--agent-` or `--grader-`: it takes
    /// the same unit.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::MemoryMib => "memory",
            Self::Seconds => "timeout",
        }
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// The first key that is missing, unknown, or holds what it may not.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let table: Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ManifestError::new(
                format!("line {line}"),
                format!("this is no TOML: {}", said_of_toml(error.message())),
            )
        })?;
        let keys = Keys::of(&table).only(&KEYS)?;
        let name = keys.needed("name", 2 * MAX_NAME_BYTES + 1, "\"publisher/name\"")?;
        let halves = name.split_once('/');
        if !halves.is_some_and(|(publisher, name)| {
            is_name(publisher, MAX_NAME_BYTES) && is_name(name, MAX_NAME_BYTES)
        }) {
            return Err(ManifestError::new(
                "name",
                format!(
                    "`{}`, expected `publisher/name`, each lower-case words joined by `-`, at most {MAX_NAME_BYTES} bytes",
                    shown(&name)
                ),
            ));
        }
        let world = world(&keys)?;
        let (asks, settings) = (asks(&keys, world)?, settings(&keys, world)?);
        readable(world, &asks, &settings)?;
        Ok(Self {
            name,
            version: version(&keys)?,
            contract: contract(&keys)?,
            world,
            description: keys.needed("description", MAX_LINE_BYTES, "\"What it does, in one sentence.\"")?,
            authors: authors(&keys)?,
            licence: licence(&keys)?,
            source: source(&keys)?,
            asks,
            limits: needs(&keys)?,
            settings,
        })
    }
}

fn version(keys: &Keys<'_>) -> Result<Version, ManifestError> {
    let text = keys.needed("version", MAX_VERSION_BYTES, "\"0.1.0\"")?;
    Version::parse(&text).map_err(|error| {
        let problem = format!(
            "`{}` is no version ({error}), expected one as in `1.2.3` or `1.2.3-beta.1`",
            shown(&text)
        );
        ManifestError::new("version", problem)
    })
}

fn contract(keys: &Keys<'_>) -> Result<String, ManifestError> {
    let text = keys.needed("contract", MAX_VERSION_BYTES, &format!("\"{CONTRACT_VERSION}\""))?;
    let is_served = Version::parse(&text).is_ok_and(|version| {
        (version.major, version.minor) == (0, 1) && version.pre.is_empty() && version.build.is_empty()
    });
    if is_served {
        return Ok(text);
    }
    let problem =
        format!("`{}`, expected a version of the contract that this host serves: `0.1.x`", shown(&text));
    Err(ManifestError::new("contract", problem).hint(format!("this host has {CONTRACT_VERSION}")))
}

fn world(keys: &Keys<'_>) -> Result<World, ManifestError> {
    let text = keys.needed("world", MAX_LINE_BYTES, "\"grader\"")?;
    World::ALL.into_iter().find(|world| world.as_str() == text).ok_or_else(|| {
        let known = World::ALL.map(World::as_str).join(", ");
        ManifestError::new("world", format!("`{}`, expected one of {known}", shown(&text)))
    })
}

fn authors(keys: &Keys<'_>) -> Result<Vec<String>, ManifestError> {
    let listed = match keys.value("authors") {
        Some(Value::Array(listed)) => listed,
        Some(other) => return Err(keys.other("authors", "a list of texts", other)),
        None => {
            return Err(ManifestError::new("authors", "missing").hint("add `authors = [\"Name <address>\"]`"));
        }
    };
    if !(1..=MAX_AUTHORS).contains(&listed.len()) {
        let problem = format!("names {} authors, expected 1 to {MAX_AUTHORS}", listed.len());
        return Err(ManifestError::new("authors", problem));
    }
    let author = |(n, author): (usize, &Value)| as_line(format!("authors[{n}]"), author, MAX_AUTHOR_BYTES);
    listed.iter().enumerate().map(author).collect()
}

fn licence(keys: &Keys<'_>) -> Result<String, ManifestError> {
    let text = keys.needed("licence", MAX_LINE_BYTES, "\"Apache-2.0\"")?;
    if licence::is_expression(&text) {
        return Ok(text);
    }
    let problem =
        format!("`{}` is no SPDX expression such as `Apache-2.0` or `MIT OR Apache-2.0`", shown(&text));
    Err(ManifestError::new("licence", problem)
        .hint("a licence that SPDX does not list is written `LicenseRef-NAME`"))
}

fn source(keys: &Keys<'_>) -> Result<Option<String>, ManifestError> {
    match keys.line("source", MAX_LINE_BYTES)? {
        Some(text) if !is_address(&text) => {
            let problem =
                format!("`{}`, expected an address such as `https://example.org/me/grader`", shown(&text));
            Err(ManifestError::new("source", problem))
        }
        source => Ok(source),
    }
}

fn asks(keys: &Keys<'_>, world: World) -> Result<BTreeMap<Capability, String>, ManifestError> {
    let mut asks = BTreeMap::new();
    let Some(table) = keys.inner("asks")? else { return Ok(asks) };
    for (name, why) in table.all() {
        let key = table.key(name);
        let capability = Capability::from_str(name).map_err(|error| {
            let types = (name == "types").then_some("remove it: types give no power, and are not asked for");
            ManifestError { key: key.clone(), problem: error.to_string(), hint: types.map(str::to_owned) }
        })?;
        if capability.granter(world.role()) == Granter::Nobody {
            let problem =
                format!("nobody can grant `{capability}` to a plugin of the role `{}`", world.role());
            return Err(ManifestError::new(key, problem));
        }
        if !matches!(why, Value::String(_)) {
            let problem = format!("is {}, expected one sentence that says why it is needed", kind(why));
            return Err(ManifestError::new(key, problem));
        }
        asks.insert(capability, as_line(key, why, MAX_LINE_BYTES)?);
    }
    Ok(asks)
}

fn needs(keys: &Keys<'_>) -> Result<Needs, ManifestError> {
    let Some(table) = keys.inner("limits")? else { return Ok(Needs::default()) };
    let table = table.only(&["fuel", "memory-mib", "seconds"])?;
    Ok(Needs {
        fuel: table.number("fuel", 1, MAX_FUEL)?,
        memory_mib: table.number("memory-mib", 1, Limits::MAX_MEMORY_BYTES >> 20)?,
        seconds: table.number("seconds", 1, MAX_SECONDS)?,
    })
}

fn settings(keys: &Keys<'_>, world: World) -> Result<Schema, ManifestError> {
    match keys.inner("settings")? {
        None => Ok(Schema::default()),
        Some(_) if world != World::Grader => Err(ManifestError::new(
            "settings",
            format!("a plugin of the world `{world}` has none in its manifest"),
        )
        .hint("an agent says what can be set of it by exporting `configuring`")),
        Some(table) => Schema::read(&table),
    }
}

/// A grader that has settings reads them, and one that has none cannot.
fn readable(
    world: World,
    asks: &BTreeMap<Capability, String>,
    settings: &Schema,
) -> Result<(), ManifestError> {
    match (asks.contains_key(&Capability::Settings), settings.is_empty()) {
        (true, true) if world == World::Grader => {
            Err(ManifestError::new("asks.settings", "the manifest has no settings that a grader could read")
                .hint("describe them under `[settings.properties]`, or remove it"))
        }
        (false, false) => Err(ManifestError::new(
            "settings",
            "the manifest does not ask for `settings`, without which nothing of them is read",
        )
        .hint("add `settings = \"why they are read\"` to `[asks]`, or remove them")),
        _ => Ok(()),
    }
}

impl Needs {
    /// Which of the limits are too low, with what the plugin needs and what it would have.
    pub fn beyond(&self, limits: &Limits) -> impl Iterator<Item = (u64, u64, NeededLimit)> {
        [
            (self.fuel, limits.fuel, NeededLimit::Fuel),
            (self.memory_mib, limits.memory_bytes >> 20, NeededLimit::MemoryMib),
            (self.seconds, limits.wall_ms / 1_000, NeededLimit::Seconds),
        ]
        .into_iter()
        .filter_map(|(needed, had, limit)| Some((needed?, had, limit)))
        .filter(|(needed, had, _)| needed > had)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::component::Facts;
    use lancet_core::Role;
    use std::collections::BTreeSet;

    pub(crate) const WHOLE: &str = r#"
name = "acme/right-choice"
version = "1.2.0"
contract = "0.1.0"
world = "grader"
description = "Pays whoever chose the right proposal."
authors = ["Ada <ada@example.org>", "Bob"]
licence = "MIT OR Apache-2.0"
source = "https://example.org/acme/right-choice"

[asks]
submission = "It reads which proposal was chosen."
answer-key = "It compares that with the right one."
settings = "How strict it is."

[limits]
fuel = 500000000
memory-mib = 16
seconds = 5

[settings]
required = ["strictness"]
[settings.properties.strictness]
type = "integer"
minimum = 0
maximum = 10
description = "How much is let pass."
"#;

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = Manifest::parse(WHOLE).unwrap();
        assert_eq!(
            (manifest.name.as_str(), manifest.version.to_string().as_str()),
            ("acme/right-choice", "1.2.0")
        );
        assert_eq!((manifest.world, manifest.authors.len()), (World::Grader, 2));
        assert_eq!(manifest.asks[&Capability::Submission], "It reads which proposal was chosen.");
        assert_eq!(manifest.settings.properties["strictness"].expected(), "a whole number from 0 to 10");
        let beyond: Vec<_> = manifest.limits.beyond(&Limits::standard()).collect();
        assert_eq!(beyond, []);
        let lower = Limits { fuel: 1, memory_bytes: 8 << 20, wall_ms: 4_999, ..Limits::standard() };
        let beyond: Vec<_> = manifest.limits.beyond(&lower).collect();
        assert_eq!(
            beyond,
            [
                (500_000_000, 1, NeededLimit::Fuel),
                (16, 8, NeededLimit::MemoryMib),
                (5, 4, NeededLimit::Seconds)
            ]
        );
        // It passes between processes as it is.
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
        // What may be left out.
        let few = WHOLE.split("\n[asks]").next().unwrap().replace("source", "# source");
        let few = Manifest::parse(&few).unwrap();
        assert!(few.asks.is_empty() && few.settings.is_empty() && few.source.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key_with_what_was_expected() {
        let long = "x".repeat(2_000);
        for (from, to, key, problem) in [
            ("name = \"acme/right-choice\"", "", "name", "missing"),
            ("acme/right-choice\"\nv", "right-choice\"\nv", "name", "expected `publisher/name`"),
            ("acme/right-choice\"\nv", "acme/right/choice\"\nv", "name", "expected `publisher/name`"),
            ("acme/right-choice\"\nv", "../etc\"\nv", "name", "expected `publisher/name`"),
            ("acme/right-choice\"\nv", "Acme/x\"\nv", "name", "expected `publisher/name`"),
            ("\"1.2.0\"", "\"1.2\"", "version", "is no version"),
            ("\"1.2.0\"", "1.2", "version", "a number with a point, expected a text"),
            ("\"1.2.0\"", "\"01.2.0\"", "version", "is no version"),
            ("contract = \"0.1.0\"", "contract = \"0.2.0\"", "contract", "`0.1.x`"),
            ("contract = \"0.1.0\"", "contract = \"0.1.0-x\"", "contract", "`0.1.x`"),
            ("world = \"grader\"", "world = \"judge\"", "world", "expected one of grader, agent"),
            ("description = \"Pays", "description = \"\\u001b[31mPays", "description", "control characters"),
            ("description = \"Pays", &format!("description = \"{long}"), "description", "at most 1024"),
            ("description = \"Pays", "summary = \"Pays", "summary", "unknown key"),
            ("authors = [\"Ada <ada@example.org>\", \"Bob\"]", "authors = []", "authors", "0 authors"),
            ("authors = [\"Ada <ada@example.org>\", \"Bob\"]", "authors = \"Ada\"", "authors", "a list"),
            ("\"Bob\"", "3", "authors[1]", "expected a text"),
            ("MIT OR Apache-2.0", "see LICENSE", "licence", "SPDX"),
            ("https://example.org/acme", "javascript:acme", "source", "an address"),
            ("submission = \"It", "submissions = \"It", "asks.submissions", "is no capability"),
            ("submission = \"It", "types = \"It", "asks.types", "is no capability"),
            ("submission = \"It", "random = \"It", "asks.random", "nobody can grant `random`"),
            ("\"It reads which proposal was chosen.\"", "true", "asks.submission", "one sentence"),
            ("\"It reads which proposal was chosen.\"", "\" \"", "asks.submission", "not empty"),
            (
                "\"It reads which proposal was chosen.\"",
                "\"\u{200b}…\"",
                "asks.submission",
                "a letter or a digit",
            ),
            ("fuel = 500000000", "fuel = 0", "limits.fuel", "from 1"),
            ("fuel = 500000000", "fuel = -1", "limits.fuel", "-1, expected a whole number"),
            ("memory-mib = 16", "memory-mib = 257", "limits.memory-mib", "from 1 to 256"),
            ("memory-mib = 16", "memory = 16", "limits.memory", "unknown key"),
            ("seconds = 5", "seconds = \"5\"", "limits.seconds", "is a text"),
            ("[limits]", "[[limits]]", "limits", "is a list, expected a table"),
            (
                "type = \"integer\"",
                "type = \"object\"",
                "settings.properties.strictness.type",
                "string, integer",
            ),
            ("settings = \"How strict it is.\"", "", "settings", "does not ask for `settings`"),
            ("[asks]", "[asks", "line 11", "this is no TOML"),
            ("[limits]", "[asks]", "line 16", "this is no TOML"),
        ] {
            let text = WHOLE.replacen(from, to, 1);
            assert_ne!(text, WHOLE, "{from}");
            let error = Manifest::parse(&text).unwrap_err();
            assert!(error.key == key && error.problem.contains(problem), "{to}: {error}");
        }
        let error = Manifest::parse(&WHOLE.replace("licence", "license")).unwrap_err();
        assert_eq!(error.advice(), "did you mean `licence`?");
        let error = Manifest::parse(&WHOLE.replace("licence", "colour")).unwrap_err();
        assert_eq!(error.advice(), "remove it, or correct its name");
        let agent =
            WHOLE.replace("world = \"grader\"", "world = \"agent\"").replace("submission =", "input =");
        let error = Manifest::parse(&agent).unwrap_err();
        assert!(error.key == "settings" && error.hint.unwrap().contains("configuring"));
    }

    #[test]
    fn deep_and_many_texts_are_refused_and_no_panic() {
        let deep = format!("a = {}", "[".repeat(60_000));
        assert!(Manifest::parse(&deep).unwrap_err().problem.contains("no TOML"));
        let dotted = format!("{}a = 1", "a.".repeat(30_000));
        assert!(Manifest::parse(&dotted).is_err());
        assert!(Manifest::parse("").unwrap_err().key == "name");
    }

    #[test]
    fn a_manifest_of_another_component_is_refused() {
        let manifest = Manifest::parse(WHOLE).unwrap();
        let imports = BTreeSet::from([Capability::Submission, Capability::AnswerKey, Capability::Settings]);
        let facts = Facts { role: Role::Grader, contract: "0.1.0", configurable: false, imports: &imports };
        manifest.check(facts).unwrap();
        let refused = |facts, key: &str, part: &str| {
            let error = manifest.check(facts).unwrap_err();
            assert!(error.key == key && error.problem.contains(part), "{error}");
        };
        refused(Facts { contract: "0.1.3", ..facts }, "contract", "lancet:plugin/grading@0.1.3");
        let one = BTreeSet::from([Capability::Submission]);
        refused(Facts { imports: &one, ..facts }, "asks.answer-key", "does not import it");
        let mut more = imports.clone();
        more.insert(Capability::Tests);
        refused(Facts { imports: &more, ..facts }, "asks", "imports `tests`");
        refused(Facts { role: Role::Agent, ..facts }, "world", "of the world `control`");
        refused(Facts { role: Role::Agent, imports: &one, ..facts }, "world", "of the world `agent`");
        let configurable = Facts { role: Role::Agent, configurable: true, imports: &one, ..facts };
        refused(configurable, "world", "of the world `configurable-agent`");
    }
}
