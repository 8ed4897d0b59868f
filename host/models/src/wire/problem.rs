//! What a reply that is no answer means. The three forms, and the many servers that
//! speak them, name the same things differently: all are looked for.

use lancet_core::MAX_MODEL_FAILURE_BYTES;

use super::Problem;
use crate::json::{Loose, Object, plain};

/// Types and codes of errors that asking again does not mend: the account is empty, or
/// at a limit that its owner set.
const QUOTA: [&str; 8] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "credit_balance_too_low",
    "billing_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_credits",
    "quota_exhausted",
];
const UNAUTHORIZED: [&str; 8] = [
    "api_key_invalid",
    "authentication_error",
    "permission_error",
    "invalid_api_key",
    "invalid_authentication",
    "permission_denied",
    "unauthenticated",
    "unauthorized",
];
/// What messages say of a key that is not taken, in lower case, whatever their status.
const UNAUTHORIZED_WORDS: [&str; 2] = ["api key not valid", "incorrect api key provided"];
const UNKNOWN_MODEL: [&str; 3] = ["model_not_found", "not_found_error", "model_not_available"];
const TOO_LONG: [&str; 5] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "string_above_max_length",
    "context_window_exceeded",
];
/// What messages say of a conversation that is too long, in lower case.
const TOO_LONG_WORDS: [&str; 10] = [
    "prompt is too long",
    "maximum context length",
    "context length exceeded",
    "context_length_exceeded",
    "exceeds the context window",
    "exceeds the available context size",
    "exceed context limit",
    "input is too long",
    "maximum prompt length is",
    "is longer than the maximum model length",
];
/// Values of a request that the host and the operator set: how long an answer may be, and
/// what the cache keeps.
const SETTINGS: [&str; 4] = ["max_tokens", "max_completion_tokens", "max_output_tokens", "cache_control"];
/// Where requests have the effort, in the words of the three forms. Plugins set it too.
const EFFORT: [&str; 6] = [
    "reasoning_effort",
    "reasoning.effort",
    "output_config.effort",
    "output_config",
    "thinking",
    "thinking.type",
];
/// What messages say of an effort that is not taken, in lower case.
const EFFORT_WORDS: [&str; 4] = ["reasoning_effort", "reasoning.effort", "effort", "thinking"];
/// Where requests have the tools.
const TOOLS: [&str; 2] = ["tools", "functions"];
/// What is said of a value that is not taken at all, in lower case.
const UNSUPPORTED: [&str; 3] = ["unsupported", "not support", "unrecognized"];
/// What messages say when a model, or its server as it was started, takes no tools, in lower
/// case.
const TOOLS_WORDS: [&str; 22] = [
    "not support tools",
    "support tool use",
    "support tool calling",
    "support tool calls",
    "support function calling",
    "support functions",
    "support the use of tools",
    "tools are not supported",
    "tools is not supported",
    "tool use is not",
    "tool calling is not",
    "function calling is not",
    "function tools with reasoning_effort are not supported",
    "'tools' is not supported",
    "`tools` is not supported",
    "unsupported parameter: 'tools'",
    "argument supplied: tools",
    "unknown name \"tools\"",
    "unknown field `tools`",
    "tools: extra inputs",
    "tools param requires",
    "--enable-auto-tool-choice",
];
/// What begins the part of a message that is about one of a plugin's tools, or repeats it.
const OF_ONE_TOOL: [&str; 8] =
    ["messages", "input[", "'input'", "tools[", "tools.", "schema", "description", "function '"];
/// What a message about a value of a plugin's has in it: it may repeat the plugin's words.
const OF_PLUGINS: [&str; 6] = ["messages", "input[", "tool", "function", "schema", "instructions"];
/// What is said of a value that is too small, which no operator's is: a plugin, or what is
/// left of a budget, asks for a shorter answer.
const TOO_SMALL: [&str; 5] = ["integer_below_min_value", "below minimum", "at least", "greater than", ">= "];
const TRANSIENT: [&str; 12] = [
    "api_error",
    "internal_error",
    "internal_server_error",
    "overloaded",
    "overloaded_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "server_error",
    "server_is_overloaded",
    "service_unavailable",
    "slow_down",
    "timeout_error",
];
const REJECTED: [&str; 3] = ["invalid_request_error", "invalid_prompt", "bad_request"];

/// What a body says of an error, read as loosely as it may be written.
#[derive(Debug, Default)]
struct Said {
    /// Types and codes, in lower case.
    words: Vec<String>,
    message: String,
    /// The value of the request that it is about, where that is named.
    param: Option<String>,
}

impl Said {
    fn of_body(body: &[u8]) -> Option<Self> {
        let body = Loose::parse(body).ok()?;
        // Gemini's come as an array of one.
        let only = body.array().filter(|items| items.len() == 1).and_then(|items| items.into_iter().next());
        only.unwrap_or(body).object().as_ref().and_then(Self::of_object)
    }

    fn of_object(body: &Object<'_>) -> Option<Self> {
        let mut said = Self::default();
        let error = body.get("error").or_else(|| body.get("detail"));
        match (error.and_then(Loose::object), error.and_then(Loose::text)) {
            (Some(error), _) => {
                said.take(&error);
                // OpenRouter's: what the provider behind it said.
                if let Some(inner) = error.object("metadata").and_then(|inner| inner.get("raw")) {
                    let raw = inner.text().unwrap_or_else(|| inner.raw().get().to_owned());
                    said.message = format!("{}: {raw}", said.message);
                }
            }
            (None, Some(message)) => said.message = message,
            // vLLM's older form has the members at the top.
            (None, None) if body.get("message").is_some() => said.take(body),
            (None, None) => return None,
        }
        Some(said)
    }

    fn take(&mut self, error: &Object<'_>) {
        let words = ["type", "code", "status"].into_iter().filter_map(|key| error.get(key)?.word());
        let detail = error.object("details").and_then(|details| details.text("error_code"));
        // Gemini's: a list of what is known of it.
        let details = error.array("details").unwrap_or_default().into_iter().filter_map(Loose::object);
        let reasons = details.filter_map(|detail| detail.text("reason"));
        self.words.extend(words.chain(detail).chain(reasons).map(|word| word.to_lowercase()));
        self.message = error.text("message").unwrap_or_default();
        self.param = error.text("param");
    }

    fn has(&self, words: &[&str]) -> bool {
        self.words.iter().any(|said| words.contains(&said.as_str()))
    }

    /// A status among the codes: an error inside a good reply has it there.
    fn status(&self) -> Option<u16> {
        self.words.iter().filter_map(|word| word.parse().ok()).find(|status| (400..=599).contains(status))
    }

    fn is_quota(&self) -> bool {
        let message = self.message.to_lowercase();
        self.has(&QUOTA)
            || self.words.iter().any(|word| word.ends_with("spend_limit_reached"))
            || message.contains("credit balance is too low")
    }

    fn is_too_long(&self) -> bool {
        let message = self.message.to_lowercase();
        let counted = message.contains("input token count") && message.contains("exceeds");
        self.has(&TOO_LONG) || counted || TOO_LONG_WORDS.iter().any(|words| message.contains(words))
    }

    fn is_about_the_key(&self) -> bool {
        let message = self.message.to_lowercase();
        self.has(&UNAUTHORIZED) || UNAUTHORIZED_WORDS.iter().any(|words| message.contains(words))
    }

    /// Whether a value is not taken that is none of the plugin's.
    fn is_about_settings(&self) -> bool {
        let message = self.message.to_lowercase();
        let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if self.has(&TOO_SMALL) || said(&TOO_SMALL) {
            return false;
        }
        match &self.param {
            Some(param) => SETTINGS.contains(&param.as_str()),
            None => said(&SETTINGS) && !said(&OF_PLUGINS),
        }
    }

    /// Whether the effort is not taken.
    fn is_about_the_effort(&self) -> bool {
        let message = self.message.to_lowercase();
        let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
        match &self.param {
            Some(param) => EFFORT.contains(&param.as_str()),
            None => said(&EFFORT_WORDS) && !said(&OF_PLUGINS),
        }
    }

    /// Whether tools are not taken, whatever they are. A message may go on with a plugin's own
    /// words, which count for nothing.
    fn is_about_tools(&self) -> bool {
        let message = self.message.to_lowercase();
        match self.param.as_deref() {
            Some(param) if TOOLS.contains(&param) => {
                return UNSUPPORTED.iter().any(|words| message.contains(words));
            }
            Some(param) if OF_ONE_TOOL.iter().any(|mark| param.contains(mark)) => return false,
            _ => {}
        }
        let said = TOOLS_WORDS.iter().filter_map(|words| message.find(words)).min();
        let repeated = OF_ONE_TOOL.iter().filter_map(|mark| message.find(mark)).min();
        said.is_some_and(|said| repeated.is_none_or(|repeated| said < repeated))
    }

    /// Whether an answer that is as long as was asked for is longer than all that the model
    /// reads and writes, however short the conversation is.
    fn is_over_by_the_answer_alone(&self) -> bool {
        let message = self.message.to_lowercase();
        let behind = |words: &str| {
            let digits = message.split_once(words)?.1.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        };
        let before = |words: &str| {
            let digits = message.split_once(words)?.0.rsplit(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        };
        let answer = behind("tokens' is too large: ").or_else(|| before(" in the completion"));
        matches!((answer, behind("maximum context length is ")), (Some(answer), Some(most)) if answer >= most)
    }

    fn is_about_the_model(&self) -> bool {
        self.has(&UNKNOWN_MODEL) || self.message.to_lowercase().contains("model")
    }

    fn in_words(&self, status: u16) -> String {
        let words = self.words.join(", ");
        let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
        let message = if self.message.is_empty() { "no message" } else { &self.message };
        shortened(&format!("status {status}{words}: {message}"))
    }
}

/// What a reply whose status is not a good one means.
pub(super) fn of_reply(status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Problem {
    let Some(said) = Said::of_body(body) else { return of_page(status, header, body) };
    of_said(&said, status, header)
}

/// What an object says that may be an error in spite of a good status; `None` when it
/// says none.
pub(super) fn inside(body: &Object<'_>) -> Option<Problem> {
    body.get("error").filter(|error| !error.is_nothing())?;
    let said = Said::of_object(body).unwrap_or_default();
    let status = said.status().unwrap_or(200);
    Some(of_said(&said, status, &|_| None))
}

fn of_said(said: &Said, status: u16, header: &dyn Fn(&str) -> Option<String>) -> Problem {
    let message = said.in_words(status);
    if matches!(status, 407 | 511) {
        return Problem::Proxy(message);
    }
    if status == 402 || said.is_quota() {
        return Problem::Quota(message);
    }
    if said.is_too_long() && !matches!(status, 401 | 403 | 404 | 429) {
        let alone = said.is_over_by_the_answer_alone();
        return if alone { Problem::Settings(message) } else { Problem::TooLong(message) };
    }
    if said.is_about_tools() && !matches!(status, 401 | 403 | 429) {
        return Problem::Tools(message);
    }
    match status {
        401 | 403 => Problem::Unauthorized(message),
        404 if said.is_about_the_model() => Problem::UnknownModel(message),
        404 | 405 => {
            Problem::Unreadable(shortened(&format!("is the base URL that of the provider's API? {message}")))
        }
        413 => Problem::TooLong(message),
        408 | 409 | 425 | 429 | 500..=599 => transient(message, header),
        _ if said.is_about_the_key() => Problem::Unauthorized(message),
        _ if said.has(&UNKNOWN_MODEL) => Problem::UnknownModel(message),
        _ if said.has(&TRANSIENT) || header("x-should-retry").as_deref() == Some("true") => {
            transient(message, header)
        }
        // An error inside a good reply with no word that is known: more often the
        // gateway's than the request's.
        200..=299 if !said.has(&REJECTED) => transient(message, header),
        300..=399 => Problem::Unreadable(message),
        _ if said.is_about_settings() => Problem::Settings(message),
        _ if said.is_about_the_effort() => Problem::Effort(message),
        _ => Problem::Rejected(message),
    }
}

/// A failure that asking again may mend, unless the server says that it will not.
fn transient(message: String, header: &dyn Fn(&str) -> Option<String>) -> Problem {
    match header("x-should-retry").as_deref() {
        Some("false") => Problem::Unavailable(message),
        _ => Problem::Transient { message, after_ms: wait(header) },
    }
}

/// A reply without an error in JSON: a gateway's page, or that of another server.
fn of_page(status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Problem {
    let message = match (status, header("location")) {
        (300..=399, Some(to)) => {
            format!("status {status}: a redirect to {to}, which is not followed; make that the base URL")
        }
        _ => format!("status {status}: {}", no_json(body)),
    };
    let message = shortened(&message);
    match status {
        401 | 403 => Problem::Unauthorized(message),
        402 => Problem::Quota(message),
        407 | 511 => Problem::Proxy(message),
        413 => Problem::TooLong(message),
        408 | 409 | 425 | 429 | 500..=599 => transient(message, header),
        400 | 422 if !is_html(body) => Problem::Rejected(message),
        _ => Problem::Unreadable(message),
    }
}

/// What a body is that is not the JSON that was hoped for.
pub(super) fn no_json(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4_000)]);
    let text = text.trim();
    if text.is_empty() {
        return "an empty body".to_owned();
    }
    if is_html(body) {
        let lower = text.to_lowercase();
        let title = lower.find("<title>").map(|at| at + 7).and_then(|from| {
            // The same places: a lower-case letter may be longer, which `get` looks at.
            let to = lower[from..].find("</title>")? + from;
            text.get(from..to)
        });
        let short = |title: &str| title.trim().chars().take(200).collect::<String>();
        let title = title.map_or(String::new(), |title| format!(", titled `{}`", short(title)));
        return format!("a page of HTML{title}, where JSON was expected; is the base URL that of an API?");
    }
    let start: String = text.chars().take(200).collect();
    format!("no JSON object of the form: `{start}`")
}

fn is_html(body: &[u8]) -> bool {
    plain(body).trim_ascii_start().first() == Some(&b'<')
}

fn shortened(message: &str) -> String {
    super::cut(message.to_owned(), MAX_MODEL_FAILURE_BYTES)
}

/// The wait that a reply asks for, in milliseconds: `retry-after-ms`, or `retry-after` in
/// seconds or as a date. What is no number of these is no wish.
fn wait(header: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    if let Some(wait) = header("retry-after-ms").and_then(|text| milliseconds(&text, 1.0)) {
        return Some(wait);
    }
    let text = header("retry-after")?;
    milliseconds(&text, 1_000.0).or_else(|| {
        let until = date(&text)?;
        // Against the server's own clock, if it tells.
        let now = header("date").and_then(|text| date(&text)).unwrap_or_else(jiff::Timestamp::now);
        Some(u64::try_from(until.as_millisecond() - now.as_millisecond()).unwrap_or(0))
    })
}

fn milliseconds(text: &str, unit: f64) -> Option<u64> {
    const DAY: f64 = 86_400_000.0;
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a day")]
    Some((number * unit).ceil().clamp(0.0, DAY) as u64)
}

fn date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests;
