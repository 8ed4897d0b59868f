//! As much of JSON as the key needs, which keeps the component small.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON object as it was written: keys in their order, also those that are
/// there twice, which a map would hide.
pub(crate) struct Object(pub(crate) Vec<(String, Scalar)>);

/// A value, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// A whole number that was written as one.
    Integer(u64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// Null, true, false, a negative number, an array or an object.
    Other,
}

/// Reads a text that is a JSON object and nothing else.
///
/// # Errors
/// A text that says where it is not one.
pub(crate) fn object(text: &str) -> Result<Object, String> {
    serde_json::from_str(text).map_err(|e| format!("not a JSON object: {e}"))
}

impl Scalar {
    /// A proposal's id.
    pub(crate) fn id(&self) -> Option<u32> {
        match self {
            Self::Integer(id) => (*id).try_into().ok(),
            _ => None,
        }
    }
}

// Both visitors take every kind of value. What a visitor does not take, serde
// describes in its error, and the code for that doubles the size of the plugin:
// it can write floating-point numbers.

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        fn found<E: Error>(what: &str) -> Result<Object, E> {
            Err(E::custom(format_args!("it is {what}")))
        }

        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E: Error>(self) -> Result<Object, E> {
                found("null")
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Object, E> {
                found("a boolean")
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Object, E> {
                found("a number")
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Object, E> {
                found("a number")
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Object, E> {
                found("a number")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Object, E> {
                found("a string")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Object, A::Error> {
                found("an array")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(number))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Float(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }

        deserializer.deserialize_any(One)
    }
}
