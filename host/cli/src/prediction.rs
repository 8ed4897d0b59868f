//! Predictions in the forms of SWE-bench, read strictly: what is not there and what is
//! there twice is refused, since either would change a verdict in silence.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A prediction: who made a patch for which task. Other keys of it are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prediction {
    pub(crate) instance_id: String,
    /// Null or empty: nothing was handed in.
    pub(crate) model_patch: Option<String>,
    pub(crate) model_name_or_path: String,
}

/// The predictions of a `.json` file, an array or an object whose keys are those of its values:
/// in its order, each with what it goes by there.
pub(crate) struct Collection(pub(crate) Vec<(String, Prediction)>);

/// Any value, in which no object has a key twice.
struct Unrepeated;

/// The keys of an object so far.
#[derive(Default)]
struct Keys(BTreeSet<String>);

impl Keys {
    fn add<E: serde::de::Error>(&mut self, key: &str) -> Result<(), E> {
        if self.0.insert(key.to_owned()) {
            return Ok(());
        }
        Err(E::custom(format!("the key `{}` is there twice", shown(key))))
    }

    fn missing<E: serde::de::Error>(&self, key: &str) -> E {
        let keys: Vec<_> = self.0.iter().take(20).map(|key| format!("`{}`", shown(key))).collect();
        let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        E::custom(format!("the key `{key}` is missing; there are: {keys}"))
    }
}

/// A text of a file as people can be shown it.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    if text.chars().nth(100).is_some() {
        shown.push('…');
    }
    shown
}

impl<'de> Deserialize<'de> for Prediction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Prediction;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `instance_id`, `model_patch` and `model_name_or_path`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Prediction, A::Error> {
                let mut keys = Keys::default();
                let (mut instance_id, mut model_patch, mut model_name_or_path) = (None, None, None);
                while let Some(key) = map.next_key::<String>()? {
                    keys.add::<A::Error>(&key)?;
                    // The line is part of the error, and is found there again.
                    let named = |error: A::Error| A::Error::custom(format!("`{key}`: {error}"));
                    match key.as_str() {
                        "instance_id" => instance_id = Some(map.next_value().map_err(named)?),
                        "model_patch" => model_patch = Some(map.next_value().map_err(named)?),
                        "model_name_or_path" => model_name_or_path = Some(map.next_value().map_err(named)?),
                        _ => map.next_value_seed(Unrepeated)?,
                    }
                }
                Ok(Prediction {
                    instance_id: instance_id.ok_or_else(|| keys.missing::<A::Error>("instance_id"))?,
                    model_patch: model_patch.ok_or_else(|| keys.missing::<A::Error>("model_patch"))?,
                    model_name_or_path: model_name_or_path
                        .ok_or_else(|| keys.missing::<A::Error>("model_name_or_path"))?,
                })
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Collection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl<'de> Visitor<'de> for Whole {
            type Value = Collection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array or an object of predictions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Collection, A::Error> {
                let mut predictions = Vec::new();
                loop {
                    let number = predictions.len() + 1;
                    let next = list.next_element();
                    let place = format!("prediction {number}");
                    let named = |error: A::Error| A::Error::custom(format!("{place}: {error}"));
                    match next.map_err(named)? {
                        Some(prediction) => predictions.push((place, prediction)),
                        None => return Ok(Collection(predictions)),
                    }
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Collection, A::Error> {
                let (mut keys, mut predictions) = (Keys::default(), Vec::new());
                while let Some(key) = map.next_key::<String>()? {
                    keys.add::<A::Error>(&key)?;
                    let place = format!("prediction `{}`", shown(&key));
                    let named = |error: A::Error| A::Error::custom(format!("{place}: {error}"));
                    let prediction: Prediction = map.next_value().map_err(named)?;
                    // Either could be the task that it was made for.
                    if prediction.instance_id != key {
                        let problem = format!("its `instance_id` is `{}`", shown(&prediction.instance_id));
                        return Err(named(A::Error::custom(problem)));
                    }
                    predictions.push((place, prediction));
                }
                Ok(Collection(predictions))
            }
        }

        deserializer.deserialize_any(Whole)
    }
}

impl<'de> DeserializeSeed<'de> for Unrepeated {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unrepeated {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            keys.add::<A::Error>(&key)?;
            map.next_value_seed(Self)?;
        }
        Ok(())
    }
}
