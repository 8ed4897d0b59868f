//! Python literals, read without evaluating anything.
//!
//! SWE-Lancer's table holds structured fields as the `repr` of Python values.
//! What is read is the part of Python's grammar that such a `repr` can be made
//! of, and a little more that people write: strings with their escapes,
//! prefixes `r` and `u`, triple quotes and implicit concatenation; integers;
//! floating-point numbers; `None`, `True`, `False`; lists, dicts, tuples and
//! parentheses. Bytes, f-strings, sets, names, calls, operators, comprehensions
//! and comments are refused.
//!
//! Where Python would keep half of a surrogate pair, which is no text, a pair of
//! two escapes is put together and a lone half becomes U+FFFD.

mod number;
mod parser;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

pub use parser::parse;

/// How deep lists, dicts, tuples and parentheses may lie in one another.
pub const MAX_DEPTH: usize = 64;

/// A Python value. Text without escapes is borrowed from the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer. Python's have no limit; one beyond 128 bits is refused.
    Int(i128),
    /// A floating-point number; infinite when the text was too large for one.
    Float(f64),
    /// Text.
    Str(Cow<'a, str>),
    /// `[…]`.
    List(Vec<Literal<'a>>),
    /// `(…, …)`.
    Tuple(Vec<Literal<'a>>),
    /// `{…: …}`, in the order of the text. A key may come twice, see [`Literal::get`].
    Dict(Vec<(Literal<'a>, Literal<'a>)>),
}

impl<'a> Literal<'a> {
    /// The text, when this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when this is an integer. `True` is none here, unlike in Python.
    #[must_use]
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The items, when this is a list or a tuple.
    #[must_use]
    pub fn items(&self) -> Option<&[Literal<'a>]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key, when this is a dict that has it. Of two, the last
    /// counts, as in Python.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Literal<'a>> {
        match self {
            Self::Dict(entries) => {
                entries.iter().rev().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v)
            }
            _ => None,
        }
    }

    /// What this is, for an error: `a list`, `text`, ….
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a floating-point number",
            Self::Str(_) => "text",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
        }
    }

    /// Whether Python would take this as a dict's key.
    fn is_hashable(&self) -> bool {
        match self {
            Self::List(_) | Self::Dict(_) => false,
            Self::Tuple(items) => items.iter().all(Self::is_hashable),
            _ => true,
        }
    }
}

/// As Python's `repr` would, near enough that reading it gives the same value.
impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn items(f: &mut fmt::Formatter<'_>, items: &[Literal<'_>]) -> fmt::Result {
            items.iter().enumerate().try_for_each(|(index, item)| {
                if index > 0 {
                    f.write_str(", ")?;
                }
                item.fmt(f)
            })
        }
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) if number.is_infinite() => {
                f.write_str(if *number > 0.0 { "1e999" } else { "-1e999" })
            }
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Str(text) => text::write(f, text),
            Self::List(list) => {
                f.write_str("[")?;
                items(f, list)?;
                f.write_str("]")
            }
            Self::Tuple(tuple) => {
                f.write_str("(")?;
                items(f, tuple)?;
                f.write_str(if tuple.len() == 1 { ",)" } else { ")" })
            }
            Self::Dict(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}: {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// As JSON: a tuple becomes an array, a key that is no text is written as
/// Python's `repr` of it.
impl Serialize for Literal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => serializer.serialize_u64(number),
                (_, Ok(number)) => serializer.serialize_i64(number),
                _ => serializer.serialize_i128(*number),
            },
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::List(items) | Self::Tuple(items) => serializer.collect_seq(items),
            Self::Dict(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    match key {
                        Self::Str(text) => map.serialize_entry(&**text, value)?,
                        other => map.serialize_entry(&other.to_string(), value)?,
                    }
                }
                map.end()
            }
        }
    }
}

/// Why a text is no literal, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at line {line}, column {column} (byte {offset})")]
pub struct LiteralError {
    /// Bytes from the beginning, from 0.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: LiteralProblem,
}

/// What can be wrong with a literal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiteralProblem {
    /// Something else should be there.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should be there.
        expected: &'static str,
        /// What is there, quoted, or `the end`.
        found: String,
    },
    /// A string without its closing quote.
    #[error("a string is not closed: expected {quote}")]
    Unclosed {
        /// The quote that is missing.
        quote: &'static str,
    },
    /// A list, dict, tuple or parenthesis without its end.
    #[error("`{opening}` is not closed: expected {expected}, found {found}")]
    UnclosedBracket {
        /// The opening bracket.
        opening: char,
        /// What could have followed.
        expected: &'static str,
        /// What is there instead.
        found: String,
    },
    /// A raw line break in a string with single quotes.
    #[error("a line break inside a string; only a triple-quoted string may hold one")]
    LineBreak,
    /// A NUL character, which no Python source may hold.
    #[error("a NUL character inside a string; write `\\x00`")]
    Nul,
    /// An escape that is cut short or names no character.
    #[error("`{escape}` is not an escape: expected {expected}")]
    Escape {
        /// The escape's beginning.
        escape: String,
        /// What would be one.
        expected: &'static str,
    },
    /// `\N{…}`.
    #[error("`\\N{{…}}` names a character by its Unicode name, which is not supported; write `\\u` or `\\U`")]
    NamedCharacter,
    /// Bytes, f-strings and the like.
    #[error("a string with the prefix `{0}` is not plain text; only `r` and `u` are read")]
    Prefix(String),
    /// A word that is no literal.
    #[error("`{0}` is a name; the only words that are literals are None, True and False")]
    Name(String),
    /// A word that is called.
    #[error("`{0}(…)` is a call, and nothing is evaluated here")]
    Call(String),
    /// A number that Python would not read.
    #[error("`{0}` is not a number")]
    Number(String),
    /// A complex number.
    #[error("`{0}` is a complex number, which is not supported")]
    Complex(String),
    /// An integer beyond 128 bits.
    #[error("`{0}` is beyond 128 bits")]
    IntegerTooLarge(String),
    /// A set.
    #[error("this is a set, which is not supported: expected `:` after a dict's key")]
    Set,
    /// A list or dict as a dict's key.
    #[error("{0} cannot be a dict's key")]
    UnhashableKey(&'static str),
    /// Too many brackets in one another.
    #[error("brackets are nested deeper than {MAX_DEPTH}")]
    TooDeep,
}
