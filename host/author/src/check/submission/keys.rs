//! Answer keys that cannot be read, changed ones, and what of a key no verdict may tell.

use std::collections::BTreeMap;

use lancet_core::{Answer, Fixture, Kind, Outcome, Proposal};
use serde_json::Value;

use super::Maker;
use crate::check::finding::PASSES_UNREADABLE_KEY;

/// The fewest bytes of a whole key, and of a value in one, that are looked for in verdicts: shorter
/// ones are in many texts.
const MIN_WHOLE_BYTES: usize = 12;
const MIN_VALUE_BYTES: usize = 8;
/// The most values of a key that are looked for.
const MAX_VALUES: usize = 200;
/// What the proposals' ids become where it is looked for the right one: numbers that are in no
/// other text.
const FIRST_ID: u32 = 917_004_211;
const BETWEEN_IDS: u32 = 1_009;
/// The id that is right where others resemble it.
const RESEMBLED: u32 = 13;
/// Its digits' beginning and end, one that begins with it, one of its parity, and those that have its
/// lowest 8 and 16 bits.
const RESEMBLING: [u32; 6] = [1, 3, 130, 15, 13 + 256, 13 + 65_536];

/// What of an answer key nobody who reads a verdict is to learn by it.
#[derive(Debug, Clone, Default)]
pub(in crate::check) struct Secrets {
    /// The whole text.
    whole: Option<String>,
    /// Single values in it that nothing else has which the grader is given.
    values: Vec<String>,
}

impl Secrets {
    /// Those of a fixture's key.
    pub(super) fn of(base: &Fixture) -> Self {
        let whole = text(base).map(|key| key.trim().to_owned()).filter(|key| key.len() >= MIN_WHOLE_BYTES);
        let rest = Fixture { answer_key: None, ..base.clone() };
        let rest = serde_json::to_string(&rest).unwrap_or_default();
        let mut values = Vec::new();
        if let Some(mut key) = parsed(base) {
            each(&mut key, &mut |value| match value {
                Value::String(text) if text.len() >= MIN_VALUE_BYTES => values.push(text.clone()),
                Value::Number(number) if number.to_string().len() >= MIN_VALUE_BYTES => {
                    values.push(number.to_string());
                }
                _ => {}
            });
        }
        values.truncate(MAX_VALUES);
        // As JSON writes it, since that is what it is looked for in.
        let written = |value: &String| Value::from(value.as_str()).to_string().trim_matches('"').to_owned();
        values.retain(|value| !rest.contains(&written(value)));
        Self { whole, values }
    }

    /// What of them one of those texts has, in words. A pass may name what was handed in.
    pub(in crate::check) fn told<'t>(
        &self,
        outcome: Outcome,
        texts: impl Iterator<Item = &'t str>,
    ) -> Option<String> {
        let texts: Vec<&str> = texts.collect();
        let has = |secret: &String| texts.iter().any(|text| text.contains(secret.as_str()));
        if self.whole.as_ref().is_some_and(has) {
            return Some("the whole text of the answer key".to_owned());
        }
        let told = self.values.iter().find(|value| outcome == Outcome::Fail && has(value))?;
        Some(format!("`{told}`, which is in the answer key alone"))
    }
}

/// The text of a fixture's key.
fn text(base: &Fixture) -> Option<String> {
    match &base.answer_key {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    }
}

/// A fixture's key as JSON, where it is some.
fn parsed(base: &Fixture) -> Option<Value> {
    match &base.answer_key {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        other => other.clone(),
    }
}

/// Every value of a key that holds no others.
fn each(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, visit)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, visit)),
        _ => visit(value),
    }
}

/// Every way in which the answer key cannot be read, and some in which it may.
pub(super) fn keys(maker: &mut Maker, name: &str, base: &Fixture) {
    let Some(text) = text(base) else { return };
    let hollow = |with: Value| {
        let mut key = parsed(base)?;
        each(&mut key, &mut |value| *value = with.clone());
        Some(key.to_string())
    };
    let mut junk: Vec<(&str, String)> = vec![
        ("an empty answer key", String::new()),
        ("an answer key of white space", " \n".to_owned()),
        ("an answer key that is cut off", "{".to_owned()),
        ("the answer key `null`", "null".to_owned()),
        ("the answer key `[]`", "[]".to_owned()),
        ("an answer key of control characters", "\u{0}\u{1}\u{7f}\u{feff}".to_owned()),
        ("an answer key nested 100,000 deep", "[".repeat(100_000)),
        ("an answer key with a number of 10,000 digits", format!("{{\"correct\": {}}}", "9".repeat(10_000))),
        ("an answer key of 1 MiB", "k".repeat(1 << 20)),
    ];
    // Where tests decide, all that a key has may be optional.
    if base.task.kind == Kind::SweManager {
        junk.push(("the answer key `{}`", "{}".to_owned()));
        junk.extend(hollow(Value::Null).map(|key| ("an answer key with `null` for every value", key)));
    }
    junk.extend(hollow(Value::from("")).map(|key| ("an answer key with an empty text for every value", key)));
    // That of a table or a list is what ends it.
    let whole = text.trim_end();
    if parsed(base).is_some_and(|key| key.is_object() || key.is_array()) && !whole.is_empty() {
        junk.push(("an answer key without its last character", whole[..whole.len() - 1].to_owned()));
    }
    for (what, key) in junk.into_iter().filter(|(_, key)| key.trim() != text.trim()) {
        let is_huge = key.len() > 90_000;
        let fixture = Fixture { answer_key: Some(Value::from(key)), ..base.clone() };
        maker.add(format!("{name}, {what}"), &fixture, |graded| {
            graded.secrets = Secrets::default().into();
            (graded.if_passed, graded.by_key, graded.is_huge) = (Some(PASSES_UNREADABLE_KEY), true, is_huge);
        });
    }
    // What these come to is the author's; that they come to something is not.
    for (number, key) in mutated(&text).into_iter().enumerate() {
        let fixture = Fixture { answer_key: Some(Value::from(key)), ..base.clone() };
        maker.add(
            format!("{name}, its answer key changed at random (number {number})"),
            &fixture,
            |graded| {
                graded.secrets = Secrets::default().into();
            },
        );
    }
    let ids = (FIRST_ID..).step_by(BETWEEN_IDS as usize);
    if let Some((fixture, values)) = renumbered(base, ids) {
        let tried = format!("{name}, its proposals under other ids, a wrong one chosen");
        maker.add(tried, &fixture, |graded| graded.secrets = Secrets { whole: None, values }.into());
    }
    resembling(maker, name, base);
}

/// Ids that resemble the one that a key names: each a part of its digits, or they a part of its, or the
/// same when only some bits are looked at.
fn resembling(maker: &mut Maker, name: &str, base: &Fixture) {
    let Some(right) = named(base) else { return };
    let mut base = base.clone();
    // The right one first: its new id is the one that the others resemble.
    base.task.proposals.sort_by_key(|proposal| proposal.id != right);
    base.task.proposals.truncate(1 + RESEMBLING.len());
    let missing = (1 + RESEMBLING.len()).saturating_sub(base.task.proposals.len());
    let most = base.task.proposals.iter().map(|proposal| proposal.id).max().unwrap_or_default();
    let more = (1..).map_while(|n| most.checked_add(n)).take(missing);
    base.task.proposals.extend(more.map(|id| Proposal { id, text: "Mend it otherwise.".to_owned() }));
    let ids = [RESEMBLED].into_iter().chain(RESEMBLING);
    let Some((fixture, _)) = renumbered(&base, ids) else { return };
    let first = maker.made.len();
    for id in [RESEMBLED].into_iter().chain(RESEMBLING) {
        let fixture = Fixture { submission: Some(Answer::Choice(id)), ..fixture.clone() };
        maker.add(format!("{name}, {RESEMBLED} being right and {id} chosen"), &fixture, |graded| {
            graded.secrets = Secrets::default().into();
            graded.resembles = (id != RESEMBLED).then_some(first);
        });
    }
}

/// The one proposal that a key names, if it is one.
fn named(base: &Fixture) -> Option<u32> {
    let mut named = Vec::new();
    each(&mut parsed(base)?, &mut |value| named.extend(id_of(value)));
    named.retain(|id| base.task.proposals.iter().any(|proposal| proposal.id == *id));
    named.dedup();
    match named[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// The id that a value may be.
fn id_of(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|id| u32::try_from(id).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The same task with other ids, such as no other text has, in its key too, and a proposal chosen that the
/// key does not name; with the ids that it names.
fn renumbered(base: &Fixture, ids: impl Iterator<Item = u32>) -> Option<(Fixture, Vec<String>)> {
    if base.task.kind != Kind::SweManager {
        return None;
    }
    let ids: BTreeMap<u32, u32> = base.task.proposals.iter().map(|proposal| proposal.id).zip(ids).collect();
    let mut key = parsed(base)?;
    let mut named = Vec::new();
    each(&mut key, &mut |value| {
        if let Some(id) = id_of(value).and_then(|id| ids.get(&id)) {
            named.push(*id);
            *value = if value.is_string() { Value::from(id.to_string()) } else { Value::from(*id) };
        }
    });
    let wrong = ids.values().find(|id| !named.contains(id)).filter(|_| !named.is_empty())?;
    let mut fixture = base.clone();
    fixture.task.proposals.iter_mut().for_each(|proposal| proposal.id = ids[&proposal.id]);
    fixture.submission = Some(Answer::Choice(*wrong));
    fixture.answer_key = Some(Value::from(key.to_string()));
    Some((fixture, named.iter().map(u32::to_string).collect()))
}

/// Texts with a few characters changed, left out or doubled, the same each time.
fn mutated(text: &str) -> Vec<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or_default()
    };
    let characters: Vec<char> = text.chars().take(4_096).collect();
    let mut texts = Vec::new();
    for round in 0..12 {
        let mut changed = characters.clone();
        for _ in 0..=round / 4 {
            let at = next(changed.len());
            match (round % 4, changed.is_empty()) {
                (_, true) => {}
                (0, _) => changed[at] = char::from(u8::try_from(32 + next(95)).unwrap_or(b'?')),
                (1, _) => drop(changed.remove(at)),
                (2, _) => changed.insert(at, changed[at]),
                _ => changed.truncate(at),
            }
        }
        texts.push(changed.into_iter().collect());
    }
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::submission::{manager, tested};

    #[test]
    fn what_a_key_alone_has_is_a_secret() {
        let of = |base: &Fixture, key: Value| Secrets::of(&Fixture { answer_key: Some(key), ..base.clone() });
        let tested = tested();
        let secrets = of(&tested, json!({"plan": "suite::subtracts", "word": ["open sesame", "short"]}));
        assert_eq!(secrets.values, ["open sesame"]);
        let texts = |text: &'static str| std::iter::once(text);
        assert!(secrets.told(Outcome::Fail, texts("say open sesame")).unwrap().contains("open sesame"));
        assert_eq!(secrets.told(Outcome::Pass, texts("open sesame")), None);
        let text = of(&tested, json!("{\"word\":\"open\\nsesame\"}"));
        assert_eq!(text.values, ["open\nsesame"]);
        assert!(text.told(Outcome::Pass, texts("{\"word\":\"open\\nsesame\"}")).is_some());
        assert!(of(&tested, json!("no JSON")).values.is_empty());
    }

    #[test]
    fn a_wrong_one_is_chosen_of_proposals_with_other_ids() {
        let (fixture, named) = renumbered(&manager(), 50..).unwrap();
        let ids: Vec<_> = fixture.task.proposals.iter().map(|proposal| proposal.id).collect();
        assert_eq!(named, [ids[3].to_string()]);
        assert_eq!(fixture.submission, Some(Answer::Choice(ids[0])));
        assert_eq!(fixture.answer_key, Some(json!(format!("{{\"correct\":{}}}", ids[3]))));
        // Where the key names none, or each of them, there is no wrong one to be told.
        for key in [json!({"correct": 9}), json!([0, 1, 2, 3]), json!("no JSON")] {
            assert!(renumbered(&Fixture { answer_key: Some(key), ..manager() }, 50..).is_none());
        }
        assert!(renumbered(&tested(), 50..).is_none());
    }
}
