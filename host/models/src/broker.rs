//! Answers over a network: holds the money, sends, settles, and tries again.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use lancet_core::{
    AnswerMark, FailedTry, InfraFault, InfraFaultKind, ModelChoice, ModelFailure, ModelFailureKind, Price,
    Spent, Usage, WireForm,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Url};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{self, Instant};

use crate::answer::believed;
use crate::client::{self, Broken, ClientError, Clients, MAX_REPLY_BYTES, Received};
use crate::conversation::Conversation;
use crate::json::{Loose, plain};
use crate::key::Key;
use crate::ledger::{LEAST_ANSWER_TOKENS, NOTHING};
use crate::provider::{Asked, Asking, Became, Estimate, Held, NotAsked, Provider, Reply, Waiting};
use crate::wire::{Problem, Read, Unread, Wire, wire_of};

/// The most bytes of what is told of a failed request: 2,000.
const MAX_WHY_BYTES: usize = 2_000;
/// The most bytes of a request: 32 MiB, above which no provider takes one.
const MAX_REQUEST_BYTES: usize = 32 << 20;
/// The most requests for one answer that have to be paid for without one: 3.
const MAX_PAID_TRIES: u32 = 3;

/// The times that a broker keeps to. Those that a server asks for come first.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The wait after the first failed request. It doubles with each.
    pub first: Duration,
    /// The longest of these waits.
    pub longest: Duration,
    /// The longest wait that a server may ask for. When it asks for more, nobody waits.
    pub patience: Duration,
    /// The longest that one reply may take, however steadily it comes.
    pub reply: Duration,
}

impl Default for Pace {
    /// Half a second, 30 seconds, ten minutes and an hour.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            patience: Duration::from_secs(600),
            reply: Duration::from_secs(3_600),
        }
    }
}

/// Why a model cannot be asked over a network.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Nothing goes out in that form.
    #[error("model `{name}` is {form}/…, which is asked on no network", form = .form.as_str())]
    NoNetwork {
        /// What plugins ask for the model by.
        name: String,
        /// The form of its requests.
        form: WireForm,
    },
    /// The base URL is none.
    #[error("model `{name}`: the base URL is none: {why}; expected https://HOST or http://HOST")]
    BaseUrl {
        /// What plugins ask for the model by.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no way to the server.
    #[error("model `{name}`: {source}")]
    Client {
        /// What plugins ask for the model by.
        name: String,
        /// Why.
        source: ClientError,
    },
}

/// A model behind a server.
pub struct Broker {
    http: Client,
    wire: Box<dyn Wire>,
    lane: Arc<Semaphore>,
    key: Option<Key>,
    base: Url,
    /// The base URL without a user's name and password.
    shown: String,
    pace: Pace,
    id: String,
    context_tokens: Option<u64>,
    price: Option<Price>,
    tries: u32,
    idle: Duration,
}

impl Broker {
    /// A broker for a model. All brokers that are made with the same clients, for the same
    /// server and key, share their number of requests at a time.
    ///
    /// # Errors
    /// [`BrokerError`] when the choice reaches no server, or has no base URL, or what the
    /// environment says of the way there cannot be used.
    pub fn new(clients: &Clients, choice: &ModelChoice, key: Option<Key>) -> Result<Self, BrokerError> {
        let name = || choice.name.clone();
        if !choice.form.reaches_out() {
            return Err(BrokerError::NoNetwork { name: name(), form: choice.form });
        }
        let wrong = |why: String| BrokerError::BaseUrl { name: name(), why };
        let base = Url::parse(&choice.base_url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong(format!("it begins with `{}:`", base.scheme())));
        }
        Ok(Self {
            http: clients.http(&base).map_err(|source| BrokerError::Client { name: name(), source })?,
            wire: wire_of(choice.form, &choice.base_url),
            lane: clients.lane(&base, key.as_ref(), choice.concurrency),
            key,
            shown: shown(&base),
            base,
            pace: Pace::default(),
            id: choice.id.clone(),
            context_tokens: choice.context_tokens,
            price: choice.price.clone(),
            tries: choice.tries.max(1),
            idle: Duration::from_secs(u64::from(choice.idle_seconds.max(1))),
        })
    }

    /// The broker with other times.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    async fn answer(&self, conversation: &Conversation, asking: Asking<'_>) -> Asked {
        let deadline = asking.deadline.map(Instant::from_std);
        self.fits(conversation).map_err(NotAsked::Failure)?;
        let estimate = self.estimate(conversation);
        let mut tries = Tries::default();
        loop {
            let Some(permit) = until(deadline, self.permit()).await else {
                return Err(tries.over("while requests of others to the model were under way"));
            };
            let held = match asking.purse.hold(estimate).await {
                Ok(held) => held,
                Err(not) => return Err(tries.within(not)),
            };
            let (request, bytes) = self.request(conversation, held.answer_tokens);
            if bytes > MAX_REQUEST_BYTES {
                asking.purse.settle(held, NOTHING, Became::Nothing).await?;
                let most = MAX_REQUEST_BYTES >> 20;
                let why = format!("the request would have {bytes} bytes, and at most {most} MiB are sent");
                return Err(
                    tries.within(NotAsked::Failure(ModelFailure::new(ModelFailureKind::TooLong, why)))
                );
            }
            let limit = deadline.map_or(self.pace.reply, |end| {
                end.saturating_duration_since(Instant::now()).min(self.pace.reply)
            });
            let received = time::timeout(limit, client::send(request, self.idle)).await;
            drop(permit);
            let received = received.unwrap_or_else(|_| {
                let why = format!("there was no whole reply after {} s", limit.as_secs_f64());
                Err(Broken::Cut { status: None, why })
            });
            let failed = match self.outcome(received, conversation, &held) {
                Outcome::Answer { raw, mut read } => {
                    read.usage = believed(read.usage, estimate.most_input_tokens, held.answer_tokens);
                    let (spent, told) = self.spent(&read.usage, &held.amount);
                    let mut read = conversation.named(read);
                    let mut marks = Vec::new();
                    if conversation.is_cut_by(&read.usage) {
                        marks.push(AnswerMark::SilentlyCut);
                    }
                    if !is_served(&self.id, &read.served) {
                        marks.push(AnswerMark::OtherModel);
                    }
                    if held.answer_tokens < estimate.answer_tokens {
                        marks.push(AnswerMark::CapLowered);
                    }
                    if !told {
                        marks.push(AnswerMark::NoUsage);
                        // The record has what is estimated in its place: a conversation that is
                        // made from that has to count the same.
                        read.usage = Usage::default();
                    }
                    let settled = asking.purse.settle(held, spent, Became::Answer).await;
                    settled.map_err(|not| tries.clone().within(not))?;
                    return Ok(Reply { raw, read, spent, tries: tries.failed, marks });
                }
                Outcome::Failed(failed) => failed,
            };
            let spent = failed.spent;
            if let Err(not) = asking.purse.settle(held, spent, Became::Nothing).await {
                tries.add(failed, Duration::ZERO);
                return Err(tries.within(not));
            }
            if deadline.is_some_and(|end| end <= Instant::now()) {
                tries.add(failed, Duration::ZERO);
                return Err(tries.over("while the model was asked"));
            }
            let wait = match self.wait(&tries, &failed) {
                Ok(wait) => wait,
                Err(why) => return Err(self.ended(tries, failed, &why)),
            };
            if deadline.is_some_and(|end| end <= Instant::now() + wait) {
                tries.add(failed, Duration::ZERO);
                return Err(tries.over("before the model may be asked again"));
            }
            tries.add(failed, wait);
            time::sleep(wait).await;
        }
    }

    async fn permit(&self) -> SemaphorePermit<'_> {
        self.lane.acquire().await.expect("nobody closes it")
    }

    /// Whether a conversation may fit what the model reads. It surely does not where even
    /// half of the guess is more: guesses are rather too high, and a provider that is asked
    /// says it exactly.
    fn fits(&self, conversation: &Conversation) -> Result<(), ModelFailure> {
        let Some(most) = self.context_tokens else { return Ok(()) };
        let about = conversation.tokens();
        if about / 2 <= most {
            return Ok(());
        }
        let why = format!("the conversation has about {about} tokens, and the model reads at most {most}");
        Err(ModelFailure::new(ModelFailureKind::TooLong, why))
    }

    fn estimate(&self, conversation: &Conversation) -> Estimate {
        // What is not counted yet is estimated, so a part more may be read.
        let tokens = conversation.tokens();
        let input_tokens = tokens.saturating_add(tokens / 8).saturating_add(64);
        // A server may refuse an answer that would not fit behind the conversation.
        let fits = self
            .context_tokens
            .map_or(u64::MAX, |most| most.saturating_sub(input_tokens).max(LEAST_ANSWER_TOKENS));
        Estimate {
            input_tokens,
            most_input_tokens: conversation.most_tokens().max(input_tokens),
            answer_tokens: conversation.answer_tokens().min(fits),
        }
    }

    /// A request, and the bytes of its body.
    fn request(&self, conversation: &Conversation, answer_tokens: u64) -> (reqwest::RequestBuilder, usize) {
        let request = self.wire.request(conversation, &self.id, answer_tokens);
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in request.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name_of(name), value);
            }
        }
        if let Some(key) = &self.key {
            let (name, prefix) = request.key_header;
            headers.insert(name_of(name), key.header(prefix));
        }
        let bytes = request.body.len();
        (self.http.post(url).headers(headers).body(request.body), bytes)
    }

    /// What becomes of a request, and what it came to.
    fn outcome(
        &self,
        received: Result<Received, Broken>,
        conversation: &Conversation,
        held: &Held,
    ) -> Outcome {
        let failed = |status, why: &str, spent, next| {
            let why = self.hidden(why);
            Outcome::Failed(Failed { status, why, spent, next })
        };
        let again = |kind, after| Next::Again { kind, after };
        let unavailable = InfraFaultKind::ModelUnavailable;
        let unreadable = InfraFaultKind::ModelUnreadable;
        let reply = match received {
            Ok(reply) => reply,
            Err(Broken::Unreachable { why, lasting }) => {
                let kind = InfraFaultKind::ModelUnreachable;
                let next = if lasting { Next::Fault(kind) } else { again(kind, None) };
                return failed(None, &why, NOTHING, next);
            }
            Err(Broken::Cut { status, why }) => {
                return failed(status, &why, held.amount, again(unavailable, None));
            }
            Err(Broken::TooLong { status }) => {
                let why = format!("the reply has more than {} MiB", MAX_REPLY_BYTES >> 20);
                return failed(Some(status), &why, held.amount, again(unreadable, None));
            }
        };
        let status = Some(reply.status);
        if reply.status / 100 == 3 {
            let to =
                reply.headers.get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            let to = to.map_or(String::new(), |to| format!(" to {}", self.location(&to)));
            let why = format!("a redirect{to}, which is not followed: expected a base URL without one");
            return failed(status, &why, NOTHING, Next::Fault(unreadable));
        }
        if reply.status / 100 != 2 {
            let header = |name: &str| {
                let value = reply.headers.get(name)?;
                Some(self.hidden(&String::from_utf8_lossy(value.as_bytes())))
            };
            let body = self.key.as_ref().map_or_else(|| reply.body.clone(), |key| key.hidden(&reply.body));
            let problem = attributed(self.wire.problem(reply.status, &header, &body), conversation);
            return failed(status, &problem.to_string(), NOTHING, Next::of(&problem));
        }
        if self.key.as_ref().is_some_and(|key| key.is_secret() && key.is_in(&reply.body)) {
            // As what is read of it would: whatever its JSON escapes.
            let why = "the reply repeats the key, so it cannot be kept";
            return failed(status, why, held.amount, Next::Fault(unreadable));
        }
        let kind = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        if is_page(kind, &reply.body) {
            let bytes = reply.body.len();
            let why = format!(
                "the reply ({bytes} bytes of {kind}) is a page of a website and no answer: expected the base URL \
                 of an API"
            );
            // No model was asked.
            return failed(status, &why, NOTHING, Next::Fault(unreadable));
        }
        match self.wire.read(&reply.body) {
            Ok(read) => Outcome::Answer { raw: reply.body, read },
            Err(Unread::Malformed(why)) => {
                let why = format!("the reply ({} bytes of {kind}) is no answer: {why}", reply.body.len());
                failed(status, &why, held.amount, again(unreadable, None))
            }
            Err(Unread::Problem(problem)) => {
                let problem = attributed(problem, conversation);
                let why = format!("an error in spite of its status: {problem}");
                // The model may have worked, unless the request was not taken at all.
                let spent = if matches!(problem, Problem::Transient { .. }) { held.amount } else { NOTHING };
                failed(status, &why, spent, Next::of(&problem))
            }
        }
    }

    /// What an answer came to, and whether the provider told all of it. What it did not
    /// tell is what was held.
    fn spent(&self, told: &Usage, held: &Spent) -> (Spent, bool) {
        let usage = Usage {
            input: told.input.or(held.usage.input),
            output: told.output.or(held.usage.output),
            ..*told
        };
        let whole = told.input.is_some() && told.output.is_some();
        let cost = self.price.as_ref().and_then(|price| price.of(&usage));
        (Spent { usage, cost, estimated: !whole }, whole)
    }

    /// How long to wait before the next request, or why there is none.
    fn wait(&self, tries: &Tries, failed: &Failed) -> Result<Duration, String> {
        let Next::Again { after, .. } = failed.next else { return Err(String::new()) };
        let sent = tries.sent() + 1;
        let paid = tries.paid + u32::from(failed.spent.estimated);
        if sent >= self.tries || paid >= MAX_PAID_TRIES {
            return Err(if sent == 1 { String::new() } else { format!("after {sent} requests: ") });
        }
        // Not all at the same moment, and none before it may.
        let drawn = u32::try_from(RandomState::new().hash_one(sent) % 1_000).unwrap_or(0);
        if let Some(after) = after.map(Duration::from_millis) {
            if after > self.pace.patience {
                let (after, patience) = (after.as_secs(), self.pace.patience.as_secs());
                return Err(format!(
                    "to be asked again after {after} s, longer than the {patience} s that a wait may take: "
                ));
            }
            return Ok(after + self.pace.first * drawn / 2_000);
        }
        let doubled = self.pace.first.saturating_mul(1_u32 << (sent - 1).min(20));
        Ok(doubled.min(self.pace.longest) * (3_000 + drawn) / 4_000)
    }

    /// The end of a question that is not asked again.
    fn ended(&self, mut tries: Tries, failed: Failed, after: &str) -> NotAsked {
        let next = failed.next;
        let said = match next {
            Next::Again { kind: InfraFaultKind::ModelUnreachable, .. }
            | Next::Fault(InfraFaultKind::ModelUnreachable) => " cannot be reached",
            _ => "",
        };
        let message = format!("{}{said}: {after}{}", self.shown, failed.why);
        let why = failed.why.clone();
        tries.add(failed, Duration::ZERO);
        match next {
            Next::Again { kind, .. } | Next::Fault(kind) => {
                NotAsked::Fault { fault: InfraFault::new(kind, message), tries: tries.failed }
            }
            Next::Failure(kind) => tries.within(NotAsked::Failure(ModelFailure::new(kind, why))),
        }
    }

    /// What is told of where a redirect leads.
    fn location(&self, to: &str) -> String {
        let to = self.base.join(to).map_or_else(
            |_| "what is no URL".into(),
            |mut url| {
                url.set_query(None);
                shown(&url)
            },
        );
        to.chars().take(200).collect()
    }

    /// What a server says, as it may be told: without the key and without control
    /// characters.
    fn hidden(&self, text: &str) -> String {
        let hidden = self.key.as_ref().map(|key| key.hidden(text.as_bytes()));
        let hidden =
            hidden.map_or_else(|| text.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut hidden = hidden.replace(|c: char| c.is_control() && c != '\n', " ");
        hidden.truncate(hidden.floor_char_boundary(MAX_WHY_BYTES));
        hidden
    }
}

impl Provider for Broker {
    fn ask<'a>(&'a self, conversation: &'a Conversation, asking: Asking<'a>) -> Waiting<'a, Asked> {
        Box::pin(self.answer(conversation, asking))
    }
}

/// A problem as whose it is: an effort that is not taken is the operator's where the plugin
/// named none, and so is a model that takes no tools, as long as its offer says that it does.
fn attributed(problem: Problem, conversation: &Conversation) -> Problem {
    match problem {
        Problem::Effort(message)
            if conversation.setup().effort.is_empty() && !conversation.effort().is_empty() =>
        {
            let effort = conversation.effort();
            Problem::Settings(format!("the operator's `effort`, `{effort}`, is not taken: {message}"))
        }
        Problem::Tools(message) if !conversation.setup().tools.is_empty() => {
            Problem::Settings(format!("tools are offered with the model, and none are taken: {message}"))
        }
        problem => problem,
    }
}

/// What becomes of a request.
enum Outcome {
    Answer { raw: Vec<u8>, read: Read },
    Failed(Failed),
}

/// A request that gave no answer.
struct Failed {
    status: Option<u16>,
    why: String,
    spent: Spent,
    next: Next,
}

/// What to do after a failed request.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// Ask again, after so many milliseconds where that was asked for. It is a fault of
    /// that kind when it was the last time.
    Again { kind: InfraFaultKind, after: Option<u64> },
    /// It would be so the next time.
    Fault(InfraFaultKind),
    /// It is the plugin's to handle.
    Failure(ModelFailureKind),
}

impl Next {
    fn of(problem: &Problem) -> Self {
        match problem {
            Problem::Transient { after_ms, .. } => {
                Self::Again { kind: InfraFaultKind::ModelUnavailable, after: *after_ms }
            }
            Problem::Unauthorized(_) => Self::Fault(InfraFaultKind::ModelUnauthorized),
            Problem::Quota(_) => Self::Fault(InfraFaultKind::ModelQuota),
            Problem::UnknownModel(_) => Self::Fault(InfraFaultKind::ModelUnknown),
            Problem::Settings(_) => Self::Fault(InfraFaultKind::ModelSettings),
            Problem::Proxy(_) => Self::Fault(InfraFaultKind::ModelUnreachable),
            Problem::Unavailable(_) => Self::Fault(InfraFaultKind::ModelUnavailable),
            Problem::TooLong(_) => Self::Failure(ModelFailureKind::TooLong),
            Problem::Effort(_) | Problem::Tools(_) | Problem::Rejected(_) => {
                Self::Failure(ModelFailureKind::Rejected)
            }
            Problem::Unreadable(_) => Self::Fault(InfraFaultKind::ModelUnreadable),
        }
    }
}

/// The requests for one answer that gave none.
#[derive(Debug, Clone, Default)]
struct Tries {
    failed: Vec<FailedTry>,
    /// How many of them have to be paid for.
    paid: u32,
}

impl Tries {
    fn sent(&self) -> u32 {
        u32::try_from(self.failed.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, failed: Failed, wait: Duration) {
        let Failed { status, why, spent, .. } = failed;
        let waited_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.paid += u32::from(spent.estimated);
        self.failed.push(FailedTry { status, why, waited_ms, spent });
    }

    /// The end of the time.
    fn over(self, when: &str) -> NotAsked {
        let failure =
            ModelFailure::new(ModelFailureKind::OverBudget, format!("the time is over: it ended {when}"));
        self.within(NotAsked::Failure(failure))
    }

    /// The same reason, with these tries before it.
    fn within(self, not: NotAsked) -> NotAsked {
        match not {
            NotAsked::Failure(mut failure) => {
                failure.tries.splice(0..0, self.failed);
                NotAsked::Failure(failure)
            }
            NotAsked::Fault { fault, mut tries } => {
                tries.splice(0..0, self.failed);
                NotAsked::Fault { fault, tries }
            }
        }
    }
}

async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(end) => time::timeout_at(end, work).await.ok(),
        None => Some(work.await),
    }
}

/// Whether a reply is for a browser: a portal's or a proxy's page, say. JSON is none, whatever
/// the server calls it.
fn is_page(kind: &str, body: &[u8]) -> bool {
    let is_markup = plain(body).trim_ascii_start().first() == Some(&b'<');
    is_markup || (kind.to_ascii_lowercase().contains("html") && Loose::parse(body).is_err())
}

fn name_of(header: &'static str) -> HeaderName {
    HeaderName::from_bytes(header.as_bytes()).expect("the names that wires have are those of headers")
}

/// A URL without a user's name and password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Refused by URLs that can have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// Whether a model that was served is the one asked for: by its name, or its name with a
/// date or a word for the latest of it behind. A provider that tells none is believed.
fn is_served(asked: &str, served: &str) -> bool {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let (asked, served) = (last(asked), last(served));
    let asked = asked.trim_end_matches("-latest").trim_end_matches(":latest");
    let Some(rest) = served.strip_prefix(asked) else { return served.is_empty() };
    if rest.is_empty() || matches!(rest, "-latest" | ":latest") {
        return true;
    }
    let Some(date) = rest.strip_prefix(['-', '@', ':']) else { return false };
    let first = date.split('-').next().unwrap_or(date);
    // A shorter number is of a version, which is another model.
    first.len() >= 4 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_name_is_the_same_model() {
        for (asked, served) in [
            ("gpt-5", "gpt-5-2026-08-07"),
            ("gpt-5", "gpt-5"),
            ("gpt-5", ""),
            ("GPT-5", "gpt-5"),
            ("openai/gpt-5", "gpt-5-2026-08-07"),
            ("claude-opus-4-1", "claude-opus-4-1-20250805"),
            ("claude-opus-4-1-latest", "claude-opus-4-1-20250805"),
            ("claude-opus-4-1", "anthropic/claude-opus-4-1@20250805"),
            ("gpt-4", "gpt-4-0613"),
            ("llama3", "llama3:latest"),
        ] {
            assert!(is_served(asked, served), "{asked} {served}");
        }
        for (asked, served) in [
            ("gpt-5", "gpt-5-mini"),
            ("gpt-5", "gpt-5-mini-2026-08-07"),
            ("gpt-5", "gpt-5.1"),
            ("gpt-5", "gpt-50"),
            ("gpt-5-2026-08-07", "gpt-5"),
            ("gpt-5-2026-08-07", "gpt-5-2026-09-01"),
            ("claude-opus-4", "claude-opus-4-1-20250805"),
            ("gpt-5", "gpt-4"),
        ] {
            assert!(!is_served(asked, served), "{asked} {served}");
        }
    }
}
