//! What agents with a model share: what they reach of the host, the task as a prompt has it,
//! and a manager's choice read out of what a model wrote.

#![forbid(unsafe_code)]

mod reach;

use std::collections::BTreeMap;

use lancet_sdk::model::Offer;
use lancet_sdk::prompt::Value;
use lancet_sdk::{Cents, Task, TaskKind};

pub use reach::{Host, Reach};

/// The variables that [`variables`] gives.
pub const VARIABLES: [&str; 6] = ["id", "kind", "title", "statement", "price", "proposals"];

/// The key of the document that SWE-Lancer asks a manager for.
const KEY: &str = "selected_proposal_id";

/// A task as the variables of a prompt: `id`, `kind` (`ic-swe` or `swe-manager`), `title`,
/// `statement`, `price` (in dollars, such as `$1,000`) and `proposals`, a list with `id` and
/// `text` of each.
#[must_use]
pub fn variables(task: &Task) -> Vec<(&'static str, Value)> {
    let proposals = task.proposals.iter().map(|proposal| {
        BTreeMap::from([("id", Value::from(proposal.id)), ("text", Value::from(&*proposal.text))])
    });
    let kind = match task.kind {
        TaskKind::IcSwe => "ic-swe",
        TaskKind::SweManager => "swe-manager",
    };
    vec![
        ("id", Value::from(&*task.id)),
        ("kind", Value::from(kind)),
        ("title", Value::from(&*task.title)),
        ("statement", Value::from(&*task.statement)),
        ("price", Value::from(dollars(task.price))),
        ("proposals", proposals.map(Value::from).collect::<Vec<_>>().into()),
    ]
}

/// The offer of that name, which the setting `model` names; the first one where that is empty.
///
/// # Errors
/// A text for the operator when there is none.
pub fn offer(offers: Vec<Offer>, name: &str) -> Result<Offer, String> {
    let names: Vec<_> = offers.iter().map(|offer| format!("`{}`", offer.name)).collect();
    offers.into_iter().find(|offer| name.is_empty() || offer.name == name).ok_or_else(|| {
        if names.is_empty() {
            return "the operator chose no model".to_owned();
        }
        let names = names.join(", ");
        format!("the operator offers no model `{name}`, which the setting `model` names, but {names}")
    })
}

/// Money as Americans write it: `$1,000`, or `$12.50` when there are cents.
#[must_use]
pub fn dollars(price: Cents) -> String {
    let digits = (price / 100).to_string();
    let mut text = String::from("$");
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !price.is_multiple_of(100) {
        text.push_str(&format!(".{:02}", price % 100));
    }
    text
}

/// The proposal that a text names in the form that SWE-Lancer asks for,
/// `{"selected_proposal_id": 3}`, wherever in the text that stands. The last one counts, as
/// a model that thinks aloud comes to its choice at the end; a number in quotation marks
/// counts as well. `None` when the text names none.
#[must_use]
pub fn selected(text: &str) -> Option<u32> {
    text.rmatch_indices(KEY).find_map(|(at, _)| {
        let after = text[at + KEY.len()..].trim_start_matches(['"', '\'', '\\']).trim_start();
        let value = after.strip_prefix(':')?.trim_start().trim_start_matches(['"', '\'', '\\']);
        let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
        // A fraction, or the beginning of a word, is no id.
        if value[end..].starts_with(|c: char| c == '.' || c.is_alphanumeric()) {
            return None;
        }
        value[..end].parse().ok()
    })
}

/// The ids of a task's proposals as a text for a model: `0, 1, 3`.
#[must_use]
pub fn ids(task: &Task) -> String {
    let ids: Vec<_> = task.proposals.iter().map(|proposal| proposal.id.to_string()).collect();
    ids.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_in_dollars() {
        for (cents, text) in
            [(0, "$0"), (5, "$0.05"), (25_000, "$250"), (100_000, "$1,000"), (123_456_789, "$1,234,567.89")]
        {
            assert_eq!(dollars(cents), text);
        }
    }

    #[test]
    fn a_model_is_chosen_by_its_name_or_is_the_first() {
        let offers = || {
            let offer = |name: &str| Offer {
                name: name.to_owned(),
                id: "m".to_owned(),
                context_tokens: None,
                answer_tokens: None,
                tools: true,
            };
            vec![offer("main"), offer("other")]
        };
        assert_eq!(offer(offers(), "other").unwrap().name, "other");
        assert_eq!(offer(offers(), "").unwrap().name, "main");
        assert!(offer(offers(), "none").unwrap_err().contains("`main`, `other`"));
        assert_eq!(offer(Vec::new(), "").unwrap_err(), "the operator chose no model");
    }

    #[test]
    fn a_choice_is_found_wherever_it_stands() {
        for (text, id) in [
            (r#"{"selected_proposal_id": 3}"#, Some(3)),
            ("```json\n{\n  \"selected_proposal_id\" : \"0\"\n}\n```\nThat is it.", Some(0)),
            (r#"At first {"selected_proposal_id": 1}; but no: {"selected_proposal_id": 2}"#, Some(2)),
            (r#"{"selected_proposal_id": 4} and never {"selected_proposal_id": "none"}"#, Some(4)),
            (r#"{"selected_proposal_id": -1}"#, None),
            (r#"{"selected_proposal_id": 1.5}"#, None),
            (r#"{"selected_proposal_id": 99999999999}"#, None),
            (r#"{"selected_proposal_id": null}"#, None),
            ("selected_proposal_id", None),
            ("3", None),
        ] {
            assert_eq!(selected(text), id, "{text}");
        }
    }

    #[test]
    fn a_task_has_all_its_variables() {
        let task = Task {
            id: "1_2".into(),
            kind: TaskKind::SweManager,
            title: "A title".into(),
            statement: "A statement".into(),
            price: 100_000,
            proposals: vec![lancet_sdk::Proposal { id: 7, text: "Do this.".into() }],
        };
        let template = "{{ id }} {{ kind }} {{ title }} {{ statement }} {{ price }} \
                        {% for p in proposals %}{{ p.id }}: {{ p.text }}{% endfor %}";
        let text = lancet_sdk::prompt::render(template, variables(&task)).unwrap();
        assert_eq!(text, "1_2 swe-manager A title A statement $1,000 7: Do this.");
        assert_eq!(variables(&task).iter().map(|(name, _)| *name).collect::<Vec<_>>(), VARIABLES);
        assert_eq!(ids(&task), "7");
    }
}
