//! JSON that others wrote, read loosely: unknown keys are skipped, the last of equal
//! keys counts, and nothing is taken for granted. What is handed on keeps its bytes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::Serialize;
use serde_json::value::RawValue;

/// A value that is looked at as what it is hoped to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loose<'a>(&'a RawValue);

/// An object: its members in order, keys and values as they were written.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'a> Loose<'a> {
    pub(crate) fn new(raw: &'a RawValue) -> Self {
        Self(raw)
    }

    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(plain(bytes)).map(Self)
    }

    /// The bytes as they were written.
    pub(crate) fn raw(self) -> &'a RawValue {
        self.0
    }

    pub(crate) fn is_null(self) -> bool {
        self.0.get() == "null"
    }

    /// Whether it says nothing, in one of the ways in which an error is left out: `null`,
    /// `false`, `0`, or an empty text, object or array.
    pub(crate) fn is_nothing(self) -> bool {
        matches!(self.0.get(), "null" | "false" | "0" | "\"\"")
            || self.object().is_some_and(|object| object.0.is_empty())
            || self.array().is_some_and(|items| items.is_empty())
    }

    pub(crate) fn text(self) -> Option<String> {
        serde_json::from_str::<Text>(self.0.get()).ok().map(|text| text.0)
    }

    /// A whole number, however it was written: `12`, `12.0`, `1.2e1`.
    pub(crate) fn number(self) -> Option<u64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        serde_json::from_str::<u64>(self.0.get()).ok().or_else(|| {
            let number = serde_json::from_str::<f64>(self.0.get()).ok()?;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
            (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
        })
    }

    pub(crate) fn array(self) -> Option<Vec<Loose<'a>>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.0.get()).ok()?;
        Some(items.into_iter().map(Loose).collect())
    }

    pub(crate) fn object(self) -> Option<Object<'a>> {
        serde_json::from_str(self.0.get()).ok()
    }

    /// A text, or a number in digits: what codes of errors are.
    pub(crate) fn word(self) -> Option<String> {
        self.text().or_else(|| self.number().map(|number| number.to_string()))
    }
}

impl<'a> Object<'a> {
    /// The last value under the key, unless it is null.
    pub(crate) fn get(&self, key: &str) -> Option<Loose<'a>> {
        let found = self.0.iter().rev().find(|(name, _)| is_key(name, key))?;
        Some(Loose(found.1)).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.number()
    }

    pub(crate) fn object(&self, key: &str) -> Option<Object<'a>> {
        self.get(key)?.object()
    }

    pub(crate) fn array(&self, key: &str) -> Option<Vec<Loose<'a>>> {
        self.get(key)?.array()
    }

    /// The object without some of its members, the others as they were written; `None`
    /// when nothing is left out.
    pub(crate) fn without(&self, left_out: impl Fn(&str, Loose<'a>) -> bool) -> Option<Box<RawValue>> {
        let stays = |&&(key, value): &&(&'a RawValue, &'a RawValue)| {
            !Loose(key).text().is_some_and(|key| left_out(&key, Loose(value)))
        };
        let members: Vec<String> = self
            .0
            .iter()
            .filter(stays)
            .map(|(key, value)| format!("{}:{}", key.get(), value.get()))
            .collect();
        if members.len() == self.0.len() {
            return None;
        }
        RawValue::from_string(format!("{{{}}}", members.join(","))).ok()
    }
}

/// An object that is being written, member by member.
pub(crate) struct Body(Vec<u8>);

impl Body {
    pub(crate) fn new() -> Self {
        Self(b"{".to_vec())
    }

    /// Adds a member; raw values keep their bytes.
    pub(crate) fn put(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        // Into memory, and of types whose keys are texts: nothing of it can fail.
        let _ = serde_json::to_writer(&mut self.0, key);
        self.0.push(b':');
        let _ = serde_json::to_writer(&mut self.0, value);
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// A text without the mark of UTF-8 that some servers put before it.
pub(crate) fn plain(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// JSON that a plugin gave and that was looked at when its conversation was opened.
pub(crate) fn checked(text: &str) -> &RawValue {
    serde_json::from_str(text).unwrap_or(RawValue::NULL)
}

fn is_key(written: &RawValue, key: &str) -> bool {
    let written = written.get();
    let bare = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bare == Some(key)
        || (written.contains('\\') && serde_json::from_str::<Text>(written).is_ok_and(|t| t.0 == key))
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}

/// A text in which half of a surrogate pair, which some models write, is a replacement
/// character and no error.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Loose::parse(text.as_bytes()).unwrap().object().unwrap()
    }

    #[test]
    fn what_is_asked_for_is_found_and_nothing_else_matters() {
        let read =
            object(r#"{"a":1,"a":2,"\u0062":"x","n":null,"deep":{"é":[1,"2"]},"f":3.0,"g":3.5,"h":-1}"#);
        assert_eq!(read.number("a"), Some(2));
        assert_eq!(read.text("b").as_deref(), Some("x"));
        assert!(read.get("n").is_none() && read.get("none").is_none());
        assert_eq!(read.object("deep").unwrap().array("é").unwrap().len(), 2);
        assert_eq!((read.number("f"), read.number("g"), read.number("h")), (Some(3), None, None));
    }

    #[test]
    fn half_of_a_pair_is_no_error() {
        assert_eq!(object(r#"{"a":"x\ud83dy"}"#).text("a").unwrap().chars().next(), Some('x'));
        assert_eq!(object(r#"{"a":"\ud83d\ude00"}"#).text("a").as_deref(), Some("\u{1f600}"));
    }

    #[test]
    fn members_that_stay_keep_their_bytes() {
        let read = object(r#"{ "a" : 1.0e0 , "drop":[1, 2], "\u0063":"\/","a":12345678901234567890123 }"#);
        let left = read.without(|key, _| key == "drop").unwrap();
        assert_eq!(left.get(), r#"{"a":1.0e0,"\u0063":"\/","a":12345678901234567890123}"#);
        assert!(read.without(|_, _| false).is_none());
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(object(&deep).get("a").is_some());
    }
}
