//! The events of a trace, with the fields that are known.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use crate::resource::Resource;
use crate::snapshot::Snapshot;

/// Steps that a page can tell by itself. Everything that looks at the page, waits for
/// something of it or runs a script in it is the test's own.
const STEPS: [(&str, &[&str]); 4] = [
    (
        "Frame",
        &[
            "blur",
            "check",
            "click",
            "dblclick",
            "dragAndDrop",
            "fill",
            "focus",
            "goto",
            "hover",
            "press",
            "selectOption",
            "setInputFiles",
            "tap",
            "type",
            "uncheck",
        ],
    ),
    (
        "ElementHandle",
        &[
            "check",
            "click",
            "dblclick",
            "fill",
            "focus",
            "hover",
            "press",
            "scrollIntoViewIfNeeded",
            "selectOption",
            "setInputFiles",
            "tap",
            "type",
            "uncheck",
        ],
    ),
    (
        "Page",
        &[
            "bringToFront",
            "close",
            "goBack",
            "goForward",
            "keyboardDown",
            "keyboardInsertText",
            "keyboardPress",
            "keyboardType",
            "keyboardUp",
            "mouseClick",
            "mouseDown",
            "mouseMove",
            "mouseUp",
            "mouseWheel",
            "reload",
            "setViewportSize",
            "touchscreenTap",
        ],
    ),
    ("BrowserContext", &["newPage"]),
];
/// What becomes of a page.
const PAGE_EVENTS: [&str; 3] = ["page", "pageClosed", "pageError"];
const LEVELS: [&str; 5] = ["debug", "error", "info", "log", "warning"];
/// What an error of a step says: Playwright's own words quote the selector.
const STEP_FAILED: &str = "the step could not be carried out";

/// An event. Fields that are not named here are not read.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Event {
    ContextOptions(Context),
    ScreencastFrame(Picture),
    Before(Before),
    Input(Input),
    After(After),
    #[serde(rename = "event")]
    Page(PageEvent),
    Console(Console),
    FrameSnapshot {
        snapshot: Box<Snapshot>,
    },
    ResourceSnapshot {
        snapshot: Box<Resource>,
    },
    #[serde(other, skip_serializing)]
    Other,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context {
    version: Option<Number>,
    /// The test runner's own events are another file, and nothing of them is known.
    origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    browser_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    playwright_version: Option<String>,
    wall_time: Option<Number>,
    monotonic_time: Option<Number>,
    #[serde(default)]
    options: Options,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(default, deserialize_with = "if_so", skip_serializing_if = "Option::is_none")]
    viewport: Option<Size>,
    #[serde(default, deserialize_with = "if_so", skip_serializing_if = "Option::is_none")]
    device_scale_factor: Option<Number>,
    #[serde(default, deserialize_with = "if_so", skip_serializing_if = "Option::is_none")]
    is_mobile: Option<bool>,
}

/// What is of another kind than it mostly is: it is left out, as nothing needs it.
fn if_so<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(Value::deserialize(from)?).ok())
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Size {
    width: Number,
    height: Number,
}

#[derive(Debug, Deserialize, Serialize)]
struct Point {
    x: Number,
    y: Number,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Picture {
    page_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha1: Option<String>,
    /// The same, since version 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    width: Number,
    height: Number,
    timestamp: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_swap_wall_time: Option<Number>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Before {
    pub(crate) call_id: String,
    start_time: Number,
    class: String,
    method: String,
    /// As older viewers want it.
    #[serde(skip_deserializing)]
    api_name: String,
    #[serde(skip_deserializing)]
    params: Nothing,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before_snapshot: Option<String>,
}

/// An object without fields.
#[derive(Debug, Default, Serialize)]
struct Nothing {}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input {
    pub(crate) call_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_snapshot: Option<String>,
    #[serde(default, deserialize_with = "if_so", skip_serializing_if = "Option::is_none")]
    point: Option<Point>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct After {
    pub(crate) call_id: String,
    end_time: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_snapshot: Option<String>,
    #[serde(default, deserialize_with = "if_so", skip_serializing_if = "Option::is_none")]
    point: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed>,
}

/// That there was an error, and nothing of what it says.
#[derive(Debug, Deserialize, Serialize)]
struct Failed {
    #[serde(skip_deserializing)]
    message: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageEvent {
    time: Number,
    class: String,
    method: String,
    #[serde(default)]
    params: PageEventParams,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_id: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct PageEventParams {
    #[serde(skip_serializing_if = "Option::is_none")]
    page_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Thrown>,
}

/// What a page threw: an error, or any other value, which is left out.
#[derive(Debug, Deserialize, Serialize)]
struct Thrown {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<PageError>,
}

#[derive(Debug, Deserialize, Serialize)]
struct PageError {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Console {
    time: Number,
    message_type: String,
    text: String,
    location: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_id: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    url: String,
    line_number: Number,
    column_number: Number,
}

impl Context {
    /// Whether it begins what a browser did, and not what a test runner did.
    pub(crate) fn is_of_a_browser(&self) -> bool {
        self.origin.as_deref().is_none_or(|origin| origin == "library")
    }
}

impl Before {
    /// Whether it is a step that a page can tell.
    pub(crate) fn may_be_known(&mut self) -> bool {
        let Self { class, method, .. } = self;
        let known = STEPS.iter().any(|(of, methods)| of == class && methods.contains(&method.as_str()));
        if !known || !is_call(&self.call_id) {
            return false;
        }
        self.api_name = format!("{}.{method}", class.to_ascii_lowercase());
        self.before_snapshot.take_if(|name| !is_snapshot_name(name));
        true
    }
}

impl Input {
    pub(crate) fn tidy(&mut self) {
        self.input_snapshot.take_if(|name| !is_snapshot_name(name));
    }
}

impl After {
    pub(crate) fn tidy(&mut self) {
        self.after_snapshot.take_if(|name| !is_snapshot_name(name));
        if let Some(error) = &mut self.error {
            STEP_FAILED.clone_into(&mut error.message);
        }
    }
}

impl PageEvent {
    pub(crate) fn may_be_known(&mut self) -> bool {
        if self.method != "pageError" {
            self.params.error = None;
        }
        matches!(self.class.as_str(), "BrowserContext" | "Page")
            && PAGE_EVENTS.contains(&self.method.as_str())
    }
}

impl Console {
    /// Levels are a list, not words of anybody's.
    pub(crate) fn tidy(&mut self) {
        if !LEVELS.contains(&self.message_type.as_str()) {
            "log".clone_into(&mut self.message_type);
        }
    }
}

/// `call@12`, as Playwright counts calls; a few letters of its choice since version 10.
pub(crate) fn is_call(name: &str) -> bool {
    let (letters, number) = name.split_once('@').unwrap_or_default();
    (1..=8).contains(&letters.len())
        && letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && (1..=10).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// `before@call@12`.
pub(crate) fn is_snapshot_name(name: &str) -> bool {
    name.split_once('@')
        .is_some_and(|(when, call)| matches!(when, "before" | "input" | "after") && is_call(call))
}

/// When a snapshot was taken of a step.
pub(crate) fn is_phase(name: &str) -> bool {
    matches!(name, "before" | "input" | "after")
}
