//! The page, as it was at one moment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::event::{Size, is_call, is_phase, is_snapshot_name};
use crate::trace::Contents;

/// The attributes that Playwright puts into a snapshot to show the page as it was.
/// The mark on what a step or an assertion aims at is not among them.
const OWN_ATTRIBUTES: [&str; 10] = [
    "__playwright_checked_",
    "__playwright_current_src__",
    "__playwright_custom_elements__",
    "__playwright_dialog_open_",
    "__playwright_popover_open_",
    "__playwright_scroll_left_",
    "__playwright_scroll_top_",
    "__playwright_selected_",
    "__playwright_shadow_root_",
    "__playwright_value_",
];
const OWN: &str = "__playwright_";
/// More than any page has that was not made to break this.
const TOO_DEEP: &str = "(nested too deep to be shown)";

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_name: Option<String>,
    /// The first part of the name, since version 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    page_id: String,
    frame_id: String,
    frame_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctype: Option<String>,
    html: Value,
    viewport: Size,
    timestamp: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_time: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection_time: Option<Number>,
    #[serde(default)]
    resource_overrides: Vec<Override>,
    is_main_frame: bool,
}

/// A resource that a script has changed.
#[derive(Debug, Deserialize, Serialize)]
struct Override {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<Number>,
}

impl Snapshot {
    /// Leaves of the page what is the page's.
    pub(crate) fn tidy(&mut self) {
        self.call_id.take_if(|name| !is_call(name));
        self.snapshot_name.take_if(|name| !is_snapshot_name(name));
        self.phase.take_if(|phase| !is_phase(phase));
        let html = std::mem::take(&mut self.html);
        self.html = node(html).unwrap_or_else(|| Value::Array(vec!["HTML".into()]));
    }

    /// What it refers to.
    pub(crate) fn contents(&self) -> Vec<Contents> {
        let named = |resource: &Override| Contents::of(&resource.sha1, &resource.file);
        self.resource_overrides.iter().flat_map(named).collect()
    }
}

/// A text, a reference to an earlier snapshot, or an element with its attributes and
/// children. As deep as what was parsed, which is bounded.
fn node(value: Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value),
        Value::Array(parts) => match parts.first()? {
            Value::Array(reference) => {
                let numbers = reference.len() == 2 && reference.iter().all(Value::is_number);
                (numbers && parts.len() == 1).then_some(Value::Array(parts))
            }
            Value::String(_) => {
                let mut element = Vec::with_capacity(parts.len());
                for (index, part) in parts.into_iter().enumerate() {
                    element.extend(match (index, part) {
                        (0, name) => Some(name),
                        (1, Value::Object(attributes)) => Some(Value::Object(known(attributes))),
                        (_, child) => node(child),
                    });
                }
                Some(Value::Array(element))
            }
            _ => None,
        },
        _ => None,
    }
}

fn known(attributes: Map<String, Value>) -> Map<String, Value> {
    let is_known = |(name, value): &(String, Value)| {
        value.is_string() && (!name.starts_with(OWN) || OWN_ATTRIBUTES.contains(&name.as_str()))
    };
    attributes.into_iter().filter(is_known).collect()
}

/// A page of one sentence, in the place of one that is nested too deep: later
/// snapshots count those before them.
pub(crate) fn too_deep() -> Value {
    serde_json::json!(["HTML", {}, ["BODY", {}, TOO_DEEP]])
}
