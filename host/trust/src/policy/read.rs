//! `lancet.toml`, read strictly.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{PluginIsolation, Role, Sha256};
use toml::Table;

use super::section::{self, MAX_LIST, Section, Wrong, cut, shown};
use super::{JailLevel, KEYS, Limited, Policy, PolicyError, Publisher, Source};
use crate::key::KeyId;
use crate::keys::Keys;

/// The most bytes of a policy: 1 MiB.
pub const MAX_POLICY_BYTES: usize = 1 << 20;
/// The most publishers of a policy.
const MAX_PUBLISHERS: usize = 1_000;
/// The most bytes of a pattern of images.
const MAX_PATTERN_BYTES: usize = 500;
/// The most bytes of a publisher's name, as in a package's.
const MAX_NAME_BYTES: usize = 64;

/// What stands for images that are built from a suite's files.
const BUILD: &str = "build";

const HINT: &str = "docs/policy-table.md lists every key with what it takes";

/// Reads a policy.
pub(super) fn policy(name: &str, text: &str, keys: &Keys) -> Result<Policy, PolicyError> {
    if text.len() > MAX_POLICY_BYTES {
        let problem = format!("it has {} bytes, at most {MAX_POLICY_BYTES} are read", text.len());
        return Err(PolicyError::whole("policy", name, problem, "name the right file"));
    }
    let read = section::read("policy", name, text, |table| whole(table, keys))
        .map_err(|error| error.or_hint(HINT))?;
    Ok(Policy { name: name.to_owned(), digest: Some(Sha256::of(text.as_bytes())), ..read })
}

fn whole(table: Table, keys: &Keys) -> Result<Policy, Wrong> {
    let mut policy = Policy::without();
    let mut file = Section::whole(table, &KEYS);
    if let Some(sources) = file.list("sources", source)? {
        policy.sources = sources;
    }
    let pattern = |word: &str| is_place(word).then(|| word.to_owned());
    policy.registries = file.list("registries", pattern)?.map(|list| list.into_iter().collect());
    let read = |word: &str| source(word).filter(|source| *source != Source::BuiltIn);
    if let Some(unsigned) = file.list("unsigned", read)? {
        policy.unsigned = unsigned;
    }
    if let Some(mut section) = file.section("capabilities", "capabilities.")? {
        section.capabilities(&mut policy.capabilities)?;
        section.end()?;
    }
    if let Some(mut section) = file.section("isolation", "isolation.")? {
        policy.isolation = section
            .one("plugins", &[("auto", PluginIsolation::Auto), ("process", PluginIsolation::Process)])?;
        policy.jail =
            section.one("jail", &[JailLevel::Seccomp, JailLevel::Landlock].map(|it| (it.as_str(), it)))?;
        section.end()?;
    }
    if let Some(mut section) = file.section("images", "images.")? {
        let read = |word: &str| (word == BUILD || is_pattern(word)).then(|| word.to_owned());
        policy.images = section.list("sources", read)?.map(|list| list.into_iter().collect());
        section.end()?;
    }
    if let Some(mut section) = file.section("limits", "limits.")? {
        for role in [Role::Agent, Role::Grader] {
            for limited in Limited::ALL {
                let name = format!("{role}-{}", limited.key());
                match section.take::<i64>(&name)?.map(|most| (most, u64::try_from(most))) {
                    None => {}
                    Some((_, Ok(most))) if most > 0 => drop(policy.limits.insert((role, limited), most)),
                    Some((most, _)) => return Err(section.wrong(&name, &format!("`{most}`"))),
                }
            }
        }
        section.end()?;
    }
    if let Some(value) = file.table.remove("publisher") {
        let found = shown(&value);
        let tables: Vec<Table> = value.try_into().map_err(|_| {
            Wrong::new("publisher", format!("{found}, expected one table `[[publisher]]` for each"))
        })?;
        policy.publishers = Some(publishers(tables, keys)?);
    }
    file.end()?;
    Ok(policy)
}

fn publishers(tables: Vec<Table>, keys: &Keys) -> Result<Vec<Publisher>, Wrong> {
    if tables.len() > MAX_PUBLISHERS {
        let problem = format!("there are {}, at most {MAX_PUBLISHERS} are taken", tables.len());
        return Err(Wrong::new("publisher", problem));
    }
    let mut publishers: Vec<Publisher> = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        let mut section = Section::part(table, format!("publisher[{at}]."), "publisher.", &KEYS);
        let name: String = section.needed("name")?;
        if !is_name(&name) {
            return Err(section.wrong("name", &format!("`{}`", cut(&name))));
        }
        if publishers.iter().any(|other| other.name == name) {
            let problem = format!("`{name}` is there twice, expected one table with all of its keys");
            return Err(Wrong::new(section.key("name"), problem));
        }
        let listed: Vec<String> = section.needed("keys")?;
        let listed = ids(&listed, keys, &section)?;
        let earlier = publishers.iter().find(|other| !other.keys.is_disjoint(&listed));
        if let Some(other) = earlier {
            let problem = format!("one of them is a key of `{}` as well, expected each once", other.name);
            return Err(Wrong::new(section.key("keys"), problem));
        }
        let mut capabilities = BTreeMap::new();
        section.capabilities(&mut capabilities)?;
        section.end()?;
        publishers.push(Publisher { name, keys: listed, capabilities });
    }
    Ok(publishers)
}

/// The ids of keys that are named.
fn ids(listed: &[String], keys: &Keys, section: &Section) -> Result<BTreeSet<KeyId>, Wrong> {
    if listed.is_empty() || listed.len() > MAX_LIST {
        let found = format!("it has {} entries", listed.len());
        return Err(section.wrong("keys", &found));
    }
    let mut ids = BTreeSet::new();
    for (at, name) in listed.iter().enumerate() {
        let place = format!("keys[{at}]");
        let Ok(known) = keys.find(name) else {
            let problem = format!("`{}` is no key that is known here, expected a name or an id", cut(name));
            const KNOWN: &str =
                "`lancet key list` shows those that are; `lancet key import FILE --name NAME` takes one in";
            return Err(Wrong::new(section.key(&place), problem).hint(KNOWN));
        };
        if !ids.insert(known.public.id()) {
            let problem = format!("`{}` is there twice, expected it once", cut(name));
            return Err(Wrong::new(section.key(&place), problem));
        }
    }
    Ok(ids)
}

fn source(word: &str) -> Option<Source> {
    Source::ALL.into_iter().find(|source| source.as_str() == word)
}

/// Whether it may be the first half of a package's name.
fn is_name(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= MAX_NAME_BYTES && text.split('-').all(is_word)
}

/// Whether a pattern can fit a registry with a name in it, which are in small letters.
fn is_place(text: &str) -> bool {
    is_pattern(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether a pattern can fit a whole name, `REGISTRY/NAME` without tag and digest: one that fits nothing
/// says something else than whoever wrote it meant.
fn is_pattern(text: &str) -> bool {
    let may_be = |c: char| c.is_ascii_alphanumeric() || "._-/:*".contains(c);
    let is_name = match text.split_once('/') {
        Some((registry, name)) => {
            !registry.is_empty() && !name.bytes().any(|byte| byte == b':' || byte.is_ascii_uppercase())
        }
        None => text.contains("**"),
    };
    (1..=MAX_PATTERN_BYTES).contains(&text.len())
        && text.chars().all(may_be)
        && is_name
        && !["***", "//", ".."].iter().any(|never| text.contains(never))
        && !text.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_fits_nothing_is_none() {
        for good in ["**", "*/*", "a.b/**", "localhost:*/**", "**:5000/**", "*.b:5000/c/*-d", "a.b/c.d_e"] {
            assert!(is_place(good) && is_pattern(good), "{good}");
        }
        // The host of an image may have capitals, a place in a registry has none.
        assert!(is_pattern("A.b/c") && !is_place("A.b/c"));
        for bad in [
            "",
            "*",
            "debian",
            "a.b",
            "/c",
            "a.b/",
            "a.b//c",
            "a.b/../c",
            "a.b/c:1.0",
            "a.b/**:1",
            "a.b/C",
            "a.b/***",
        ] {
            assert!(!is_pattern(bad) && !is_place(bad), "{bad}");
        }
    }
}
