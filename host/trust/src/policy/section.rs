//! Files of an operator as tables of TOML, read strictly: each key is taken out once, by what the
//! definition of the file says of it, and what is left over is unknown.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{Capability, one_line, said_of_toml};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{PolicyKey, World};

/// The most entries of a list.
pub(crate) const MAX_LIST: usize = 1_000;

/// What is wrong with a policy or a lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} `{file}`: {}{problem}", key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default())]
pub struct PolicyError {
    /// `policy` or `lock`.
    pub what: &'static str,
    /// The file.
    pub file: String,
    /// The key, dotted, where it is about one.
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl PolicyError {
    /// One that is about all of the file.
    pub(crate) fn whole(
        what: &'static str,
        file: &str,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { what, file: file.to_owned(), key: None, problem: problem.into(), hint: hint.into() }
    }

    /// The same with that hint, where it has none of its own.
    pub(crate) fn or_hint(self, hint: &str) -> Self {
        if self.hint.is_empty() { Self { hint: hint.to_owned(), ..self } } else { self }
    }
}

/// A problem with a key, before the file is known.
pub(crate) struct Wrong {
    key: String,
    problem: String,
    hint: Option<&'static str>,
}

impl Wrong {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// Reads the text of a file by `whole`, which is given all of it as a table.
pub(crate) fn read<T>(
    what: &'static str,
    file: &str,
    text: &str,
    whole: impl FnOnce(Table) -> Result<T, Wrong>,
) -> Result<T, PolicyError> {
    let table: Table = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let said = said_of_toml(error.message().lines().next().unwrap_or_default());
        PolicyError::whole(what, file, format!("line {line}: this is no TOML: {said}"), "")
    })?;
    whole(table).map_err(|wrong| PolicyError {
        what,
        file: file.to_owned(),
        key: Some(wrong.key),
        problem: wrong.problem,
        hint: wrong.hint.unwrap_or_default().to_owned(),
    })
}

/// A table of which every key is taken out once; what is left over at the end is unknown.
pub(crate) struct Section {
    pub(crate) table: Table,
    /// Where it is in the file, with a `.` behind it: `publisher[1].`.
    place: String,
    /// The same in the definition: `publisher.`.
    kind: &'static str,
    /// Every key of the file.
    definition: &'static [PolicyKey],
}

impl Section {
    /// All of a file.
    pub(crate) fn whole(table: Table, definition: &'static [PolicyKey]) -> Self {
        Self::part(table, String::new(), "", definition)
    }

    /// A table of a file.
    pub(crate) fn part(
        table: Table,
        place: String,
        kind: &'static str,
        definition: &'static [PolicyKey],
    ) -> Self {
        Self { table, place, kind, definition }
    }

    /// A table by its name.
    pub(crate) fn section(&mut self, name: &'static str, kind: &'static str) -> Result<Option<Self>, Wrong> {
        let Some(value) = self.table.remove(name) else { return Ok(None) };
        let found = shown(&value);
        match value {
            Value::Table(table) => Ok(Some(Self::part(table, kind.to_owned(), kind, self.definition))),
            _ => Err(Wrong::new(name, format!("{found}, expected a table `[{name}]`"))),
        }
    }

    /// One of these words.
    pub(crate) fn one<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Wrong> {
        let Some(word) = self.take::<String>(name)? else { return Ok(None) };
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(self.wrong(name, &format!("`{}`", cut(&word)))),
        }
    }

    /// A value that has to be there.
    pub(crate) fn needed<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Wrong> {
        self.take(name)?.ok_or_else(|| self.wrong(name, "it is missing"))
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    /// What the definition says that a key takes.
    fn takes(&self, name: &str) -> &'static str {
        let whole = format!("{}{name}", self.kind);
        self.definition.iter().find(|key| key.name == whole).map_or("", |key| key.takes)
    }

    pub(crate) fn wrong(&self, name: &str, found: &str) -> Wrong {
        Wrong::new(self.key(name), format!("{found}, expected {}", self.takes(name)))
    }

    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Wrong> {
        let Some(value) = self.table.remove(name) else { return Ok(None) };
        let found = shown(&value);
        value.try_into().map(Some).map_err(|_| self.wrong(name, &found))
    }

    /// A list without repetitions, of words that `read` knows.
    pub(crate) fn list<T: Ord>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<BTreeSet<T>>, Wrong> {
        let Some(words) = self.take::<Vec<String>>(name)? else { return Ok(None) };
        if words.len() > MAX_LIST {
            let problem = format!("it has {} entries, at most {MAX_LIST} are taken", words.len());
            return Err(Wrong::new(self.key(name), problem));
        }
        let mut list = BTreeSet::new();
        for (at, word) in words.iter().enumerate() {
            let place = format!("{name}[{at}]");
            let told = format!("`{}`", cut(word));
            let Some(one) = read(word) else {
                let problem = format!("{told}, expected one of {}", self.takes(name));
                return Err(Wrong::new(self.key(&place), problem));
            };
            if !list.insert(one) {
                return Err(Wrong::new(self.key(&place), format!("{told} is there twice, expected it once")));
            }
        }
        Ok(Some(list))
    }

    pub(crate) fn capabilities(
        &mut self,
        worlds: &mut BTreeMap<World, BTreeSet<Capability>>,
    ) -> Result<(), Wrong> {
        for world in World::ALL {
            let read = |word: &str| word.parse::<Capability>().ok();
            if let Some(list) = self.list(world.as_str(), read)? {
                worlds.insert(world, list);
            }
        }
        Ok(())
    }

    /// Whether every key was known.
    pub(crate) fn end(self) -> Result<(), Wrong> {
        let Some(name) = self.table.keys().next() else { return Ok(()) };
        let known: BTreeSet<_> = self
            .definition
            .iter()
            .filter_map(|key| key.name.strip_prefix(self.kind))
            .map(|rest| format!("`{}`", rest.split('.').next().unwrap_or_default()))
            .collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        Err(Wrong::new(
            format!("{}{}", self.place, cut(name)),
            format!("no such key, expected one of {known}"),
        ))
    }
}

/// A value of another type than is expected, as a message shows it: as the file has it, so that
/// `"5"` and `5.0` are told from `5`.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text `\"{}\"`", cut(text)),
        Value::Integer(number) => format!("`{number}`"),
        Value::Boolean(flag) => format!("`{flag}`"),
        Value::Float(number) => format!("`{number:?}`"),
        Value::Datetime(date) => format!("the date `{date}`"),
        Value::Array(_) => "a list of something else".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

pub(crate) fn cut(text: &str) -> String {
    one_line(text, 80)
}
