//! `lancet.lock`: which plugins were looked at, and which ones alone are used since.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use lancet_core::{Capability, Sha256};
use toml::Table;

use crate::error::KeysError;
use crate::file;
use crate::key::KeyId;
use crate::policy::section::{self, MAX_LIST, Section, Wrong, cut, shown};
use crate::policy::{PolicyError, PolicyKey, World};

/// The most bytes of a lock: 1 MiB.
pub const MAX_LOCK_BYTES: usize = 1 << 20;
/// The most bytes of a name or a version.
const MAX_WORD_BYTES: usize = 500;

const fn key(name: &'static str, takes: &'static str, means: &'static str) -> PolicyKey {
    PolicyKey { name, takes, means }
}

/// Every key of a lock.
pub const LOCK_KEYS: [PolicyKey; 9] = [
    key("plugin.name", "a name", "the package's, or of what is none its file's"),
    key("plugin.version", "a version", "the package's; not there for what is none"),
    key("plugin.world", "`agent`, `grader` or `control`", "what it is there for"),
    key("plugin.digest", "`sha256:` and 64 hexadecimal digits", "of the component's bytes"),
    key(
        "plugin.manifest",
        "`sha256:` and 64 hexadecimal digits",
        "of the manifest's text in it; not there for what is no package",
    ),
    key("plugin.asks", "a list of capabilities", "all that it imports"),
    key(
        "plugin.publisher",
        "a name as in `acme/choice`, without what follows the `/`",
        "whose package it is, when it is signed",
    ),
    key(
        "plugin.from",
        "a reference, as in `registry.example.com/acme/choice:1.2.0`",
        "where it was pulled from, which decides nothing: `lancet plugin outdated` asks there; not there for what was not pulled",
    ),
    key("plugin.key", "the id of a key", "by which it, or its suite, was signed; not there for what was not"),
];

const HINT: &str =
    "write it anew with `lancet suite lock` or `lancet plugin lock`, and look at what has changed";

const HEADER: &str = "\
# The plugins that were looked at. A run that has to do with this file uses no
# other; what is built in needs no entry. Written by `lancet suite lock` and
# `lancet plugin lock`; no part of a suite's digest. docs/policy.md says more.
";

/// A plugin of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The package's name, or of what is no package its file's.
    pub name: String,
    /// The package's version.
    pub version: Option<String>,
    /// What it is there for.
    pub world: World,
    /// The digest of the component's bytes.
    pub digest: Sha256,
    /// The digest of the manifest's text in it.
    pub manifest: Option<Sha256>,
    /// All that it imports.
    pub asks: BTreeSet<Capability>,
    /// The first half of the package's name, when it is signed.
    pub publisher: Option<String>,
    /// The key that signed it, or the suite that it lies in.
    pub key: Option<KeyId>,
    /// The reference by which it was pulled. It decides nothing.
    pub from: Option<String>,
}

impl Locked {
    /// Whether it has a manifest, and with it a name of its own.
    fn is_package(&self) -> bool {
        self.manifest.is_some()
    }
}

/// The plugins that alone are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<Sha256, Locked>);

impl Lock {
    /// A lock with these.
    #[must_use]
    pub fn new(plugins: impl IntoIterator<Item = Locked>) -> Self {
        Self(plugins.into_iter().map(|plugin| (plugin.digest, plugin)).collect())
    }

    /// Reads the operator's lock; `None` when there is none. It is trusted, for it keeps in use what a
    /// revoked key has signed, and so others must not be able to write to it.
    ///
    /// # Errors
    /// When it cannot be read, or is not as it has to be: by key, with what was expected.
    pub fn read_own(path: &Path) -> Result<Option<Self>, PolicyError> {
        let name = path.display().to_string();
        // Nothing is in what is no folder either, such as the home of a service.
        let is_gone = |error: std::io::Error| {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        };
        if path.symlink_metadata().is_err_and(is_gone) {
            return Ok(None);
        }
        let text = file::read_own(path, MAX_LOCK_BYTES).map_err(|error| match error {
            KeysError::Refused { problem, hint, .. } => PolicyError::whole("lock", &name, problem, hint),
            error => PolicyError::whole("lock", &name, error.to_string(), HINT),
        })?;
        Self::parse(&name, &text).map(Some)
    }

    /// Reads the text of a lock; `name` is its file's.
    ///
    /// # Errors
    /// What is wrong with it: by key, with what was expected.
    pub fn parse(name: &str, text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_LOCK_BYTES {
            let problem = format!("it has {} bytes, at most {MAX_LOCK_BYTES} are read", text.len());
            return Err(PolicyError::whole("lock", name, problem, "name the right file"));
        }
        section::read("lock", name, text, whole).map_err(|error| error.or_hint(HINT))
    }

    /// As a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for Locked { name, version, world, digest, manifest, asks, publisher, key, from } in self.0.values() {
            let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
            let asks: Vec<_> = asks.iter().map(|one| quoted(one.as_str())).collect();
            let mut line = |key: &str, value: Option<String>| {
                if let Some(value) = value {
                    let _ = writeln!(text, "{key} = {value}");
                }
            };
            line("\n[[plugin]]\nname", Some(quoted(name)));
            line("version", version.as_deref().map(quoted));
            line("world", Some(quoted(world.as_str())));
            line("digest", Some(quoted(&digest.to_string())));
            line("manifest", manifest.map(|digest| quoted(&digest.to_string())));
            line("asks", Some(format!("[{}]", asks.join(", "))));
            line("publisher", publisher.as_deref().map(quoted));
            line("key", key.map(|key| quoted(&key.to_string())));
            line("from", from.as_deref().map(quoted));
        }
        text
    }

    /// The plugins, by digest.
    pub fn plugins(&self) -> impl Iterator<Item = &Locked> {
        self.0.values()
    }

    /// With more, which belong together: each package in place of those that were there with its
    /// name and world, in whatever version. What is no package has the name of a file, which
    /// says nothing of what else is called so: it takes nobody's place. Where the same file was
    /// pulled from stays known.
    #[must_use]
    pub fn with(mut self, plugins: impl IntoIterator<Item = Locked>) -> Self {
        let mut plugins: Vec<_> = plugins.into_iter().collect();
        for plugin in plugins.iter_mut().filter(|plugin| plugin.from.is_none()) {
            plugin.from = self.0.get(&plugin.digest).and_then(|same| same.from.clone());
        }
        let packages: BTreeSet<_> =
            plugins.iter().filter(|one| one.is_package()).map(|one| (&one.name, one.world)).collect();
        self.0.retain(|_, other| !(other.is_package() && packages.contains(&(&other.name, other.world))));
        self.0.extend(plugins.into_iter().map(|plugin| (plugin.digest, plugin)));
        self
    }

    /// Whether it has a plugin, as that one is.
    ///
    /// # Errors
    /// That it does not, or in what they differ.
    pub fn has(&self, found: &Locked) -> Result<(), String> {
        let Some(locked) = self.0.get(&found.digest) else {
            let same = self.0.values().find(|other| (&other.name, other.world) == (&found.name, found.world));
            return Err(match same {
                Some(other) => {
                    format!("it has `{}` as {}, and this is {}", other.name, other.digest, found.digest)
                }
                None => format!("it has no plugin with the digest {}", found.digest),
            });
        };
        let list =
            |asks: &BTreeSet<Capability>| asks.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
        let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let differs = [
            // What is no package is called by its file, which may lie elsewhere since.
            ("name", found.manifest.map(|_| locked.name.clone()), found.manifest.map(|_| found.name.clone())),
            ("version", locked.version.clone(), found.version.clone()),
            ("world", Some(locked.world.to_string()), Some(found.world.to_string())),
            (
                "manifest",
                locked.manifest.map(|digest| digest.to_string()),
                found.manifest.map(|digest| digest.to_string()),
            ),
            ("asks", Some(list(&locked.asks)), Some(list(&found.asks))),
            ("publisher", locked.publisher.clone(), found.publisher.clone()),
            ("key", locked.key.map(|key| key.to_string()), found.key.map(|key| key.to_string())),
        ];
        match differs.into_iter().find(|(_, locked, found)| locked != found) {
            None => Ok(()),
            Some((key, locked, is)) => {
                let (locked, is) = (text(locked), text(is));
                Err(format!("it has {} with `{key}` as `{locked}`, and it is `{is}`", found.digest))
            }
        }
    }
}

fn whole(table: Table) -> Result<Lock, Wrong> {
    let mut file = Section::whole(table, &LOCK_KEYS);
    let tables: Vec<Table> = match file.table.remove("plugin") {
        None => Vec::new(),
        Some(value) => {
            let found = shown(&value);
            value.try_into().map_err(|_| {
                Wrong::new("plugin", format!("{found}, expected one table `[[plugin]]` for each"))
            })?
        }
    };
    file.end()?;
    if tables.len() > MAX_LIST {
        let problem = format!("there are {}, at most {MAX_LIST} are taken", tables.len());
        return Err(Wrong::new("plugin", problem));
    }
    let mut plugins = BTreeMap::new();
    for (at, table) in tables.into_iter().enumerate() {
        let mut section = Section::part(table, format!("plugin[{at}]."), "plugin.", &LOCK_KEYS);
        let locked = plugin(&mut section)?;
        let place = section.key("digest");
        section.end()?;
        if let Some(other) = plugins.insert(locked.digest, locked) {
            let problem = format!("{} is there twice, expected it once", other.digest);
            return Err(Wrong::new(place, problem));
        }
    }
    Ok(Lock(plugins))
}

fn plugin(section: &mut Section) -> Result<Locked, Wrong> {
    let capability = |word: &str| word.parse::<Capability>().ok();
    let asks = section.list("asks", capability)?.ok_or_else(|| section.wrong("asks", "it is missing"))?;
    let name = word(section, "name")?.ok_or_else(|| section.wrong("name", "it is missing"))?;
    let version = word(section, "version")?;
    if let Some(other) = version.as_ref().filter(|version| !is_version(version)) {
        return Err(section.wrong("version", &format!("`{}`", cut(other))));
    }
    let publisher = word(section, "publisher")?;
    if let Some(other) = publisher.as_ref().filter(|other| name.split('/').next() != Some(other.as_str())) {
        let problem = format!("`{}`, and the name is `{}`", cut(other), cut(&name));
        return Err(section.wrong("publisher", &problem));
    }
    let world = section.one("world", &World::ALL.map(|world| (world.as_str(), world)))?;
    Ok(Locked {
        name,
        version,
        world: world.ok_or_else(|| section.wrong("world", "it is missing"))?,
        digest: parsed(section, "digest")?.ok_or_else(|| section.wrong("digest", "it is missing"))?,
        manifest: parsed(section, "manifest")?,
        asks,
        publisher,
        key: parsed(section, "key")?,
        from: word(section, "from")?,
    })
}

/// Whether a text is a version as packages have them: three numbers, and what may follow.
fn is_version(text: &str) -> bool {
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let is_number = |part: &str| part.parse::<u64>().is_ok_and(|number| number.to_string() == *part);
    text[..end].split('.').count() == 3
        && text[..end].split('.').all(is_number)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

/// A line that is not empty.
fn word(section: &mut Section, name: &str) -> Result<Option<String>, Wrong> {
    let Some(word) = section.take::<String>(name)? else { return Ok(None) };
    if word.is_empty() || word.len() > MAX_WORD_BYTES || word.chars().any(char::is_control) {
        let found = format!("`{}`", cut(&word));
        return Err(section.wrong(name, &found));
    }
    Ok(Some(word))
}

fn parsed<T: FromStr>(section: &mut Section, name: &str) -> Result<Option<T>, Wrong> {
    let Some(text) = section.take::<String>(name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| section.wrong(name, &format!("`{}`", cut(&text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    fn package() -> Locked {
        Locked {
            name: "acme/choice".to_owned(),
            version: Some("1.2.0".to_owned()),
            world: World::Grader,
            digest: Sha256::of(b"component"),
            manifest: Some(Sha256::of(b"manifest")),
            asks: [Capability::Log, Capability::AnswerKey].into(),
            publisher: Some("acme".to_owned()),
            key: Some(PrivateKey::generate().unwrap().public().id()),
            from: Some("r.example.com/acme/choice:1.2.0".to_owned()),
        }
    }

    fn bare() -> Locked {
        Locked {
            name: "it's \"mine\".wasm".to_owned(),
            version: None,
            world: World::Agent,
            digest: Sha256::of(b"bare"),
            manifest: None,
            asks: BTreeSet::new(),
            publisher: None,
            key: None,
            from: None,
        }
    }

    #[test]
    fn it_reads_as_it_is_written() {
        let lock = Lock::new([package(), bare()]);
        assert_eq!(Lock::parse("lancet.lock", &lock.to_text()).unwrap(), lock);
        assert_eq!(Lock::parse("lancet.lock", ""), Ok(Lock::default()));
        assert_eq!(lock.plugins().count(), 2);
    }

    #[test]
    fn another_version_takes_the_place_of_one() {
        let newer = Locked { digest: Sha256::of(b"newer"), version: Some("1.3.0".to_owned()), ..package() };
        let lock = Lock::new([package(), bare()]).with([newer.clone()]);
        assert_eq!(lock, Lock::new([newer.clone(), bare()]));
        // Two versions that come together, as of a suite that has both, and an agent of that name.
        let agent = Locked { digest: Sha256::of(b"agent"), world: World::Agent, ..newer.clone() };
        let both = [package(), newer.clone()];
        assert_eq!(lock.clone().with([agent.clone()]), Lock::new([newer.clone(), bare(), agent]));
        assert_eq!(lock.with(both.clone()), Lock::new(both.into_iter().chain([bare()])));
    }

    #[test]
    fn where_a_file_was_pulled_from_stays_known() {
        let pulled = package();
        let again = Locked { from: None, ..pulled.clone() };
        let lock = Lock::new([pulled, bare()]);
        assert_eq!(lock.clone().with([again]), lock);
    }

    #[test]
    fn what_is_no_package_takes_nobodys_place() {
        let package = package();
        let other = Locked { digest: Sha256::of(b"of another folder"), ..bare() };
        let lock = Lock::new([package.clone(), bare()]).with([other.clone()]);
        assert_eq!(lock, Lock::new([package.clone(), bare(), other]));
        // Nor does a package take that of a file which is called as it is, nor the other way round.
        let named = Locked { name: package.name.clone(), world: package.world, ..bare() };
        let both = Lock::new([named.clone(), package.clone()]);
        assert_eq!(Lock::new([named.clone()]).with([package.clone()]), both);
        assert_eq!(Lock::new([package]).with([named]), both);
    }

    #[test]
    fn every_key_of_an_entry_is_compared() {
        let locked = package();
        let lock = Lock::new([locked.clone()]);
        assert_eq!(lock.has(&locked), Ok(()));
        let other = |key: &str| {
            let mut found = locked.clone();
            match key {
                "name" => found.name = "acme/other".to_owned(),
                "version" => found.version = None,
                "world" => found.world = World::Control,
                "digest" => found.digest = Sha256::of(b"other"),
                "manifest" => found.manifest = Some(Sha256::of(b"other")),
                "asks" => drop(found.asks.insert(Capability::Model)),
                "publisher" => found.publisher = None,
                "key" => found.key = None,
                other => panic!("`{other}` has no row here"),
            }
            found
        };
        for key in LOCK_KEYS {
            let name = key.name.strip_prefix("plugin.").unwrap();
            if name == "from" {
                // A file that is looked at does not say where it came from.
                assert_eq!(lock.has(&Locked { from: None, ..locked.clone() }), Ok(()));
                continue;
            }
            let why = lock.has(&other(name)).unwrap_err();
            assert!(why.contains(&format!("`{name}`")) || name == "digest", "{name}: {why}");
        }
        assert!(lock.has(&bare()).unwrap_err().contains("no plugin with the digest"));
        // Of what is no package the file may have another name.
        let moved = Locked { name: "moved.wasm".to_owned(), ..bare() };
        assert_eq!(Lock::new([bare()]).has(&moved), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = Lock::new([package()]).to_text();
        for (from, to, expected) in [
            ("[[plugin]]", "[plugin]", "`plugin`: a table, expected one table `[[plugin]]`"),
            ("[[plugin]]", "[[plugins]]", "`plugins`: no such key, expected one of `plugin`"),
            ("name = \"acme/choice\"", "", "`plugin[0].name`: it is missing, expected a name"),
            ("name = \"acme/choice\"", "name = \"\"", "`plugin[0].name`: ``, expected a name"),
            ("version = \"1.2.0\"", "version = 1", "`plugin[0].version`: `1`, expected a version"),
            ("\"1.2.0\"\n", "\"1.2\"\n", "`plugin[0].version`: `1.2`, expected a version"),
            ("\"1.2.0\"\n", "\"latest\"\n", "`plugin[0].version`: `latest`, expected a version"),
            (
                "publisher = \"acme\"",
                "publisher = \"bob\"",
                "`plugin[0].publisher`: `bob`, and the name is `acme/choice`, expected a name as in",
            ),
            (
                "world = \"grader\"",
                "world = \"judge\"",
                "`plugin[0].world`: `judge`, expected `agent`, `grader`",
            ),
            ("world = \"grader\"", "", "`plugin[0].world`: it is missing"),
            ("digest = \"sha256:", "digest = \"sha512:", "`plugin[0].digest`: `sha512:"),
            ("manifest = \"sha256:", "manifest = \"", "`plugin[0].manifest`: `"),
            ("\"log\"", "\"lot\"", "`plugin[0].asks[0]`: `lot`, expected one of a list of capabilities"),
            ("\"log\"", "\"answer-key\"", "`answer-key` is there twice"),
            ("key = \"", "key = \"x", "`plugin[0].key`: `x"),
            (
                "key = \"",
                "colour = \"red\"\nkey = \"",
                "`plugin[0].colour`: no such key, expected one of `asks`, `digest`",
            ),
            ("[[plugin]]", "[[plugin", "line 5: this is no TOML"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Lock::parse("a/lancet.lock", &text.replacen(from, to, 1)).unwrap_err();
            let told = error.to_string();
            assert!(
                told.starts_with("the lock `a/lancet.lock`: ") && told.contains(expected),
                "{to}: {told}"
            );
            assert!(!error.hint.is_empty());
        }
        let twice = format!("{text}{}", text.split_once("\n\n").unwrap().1);
        assert!(Lock::parse("l", &twice).unwrap_err().to_string().contains("`plugin[1].digest`: sha256:"));
    }
}
