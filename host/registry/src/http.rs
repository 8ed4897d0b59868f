//! HTTP with a registry: each answer bounded in bytes and time, and where it goes decided here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use lancet_core::{RunningDigest, Sha256, with_causes};
use lancet_proxy::Protocol;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode, Url};
use tokio::time::{self, Instant};

use crate::error::{Problem, Wrong, cut};
use crate::network::{self, Lookup, Network, Resolver};

/// How often an answer may send on.
const MAX_REDIRECTS: usize = 5;
/// The most bytes that are read of an answer that says what went wrong: 16 KiB.
const MAX_PROBLEM_BYTES: u64 = 16 << 10;

const FAULT: &str = "this is the registry's fault: tell whoever runs it, and take nothing from it until then";
const AGAIN: &str =
    "try again; if it stays so, look at the network, the proxy in `HTTPS_PROXY`, and at the registry";

/// How long somebody waits for a registry.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer.
    pub answer: Duration,
    /// For the next bytes of one.
    pub idle: Duration,
    /// For all of one question with its answer.
    pub total: Duration,
}

impl Default for Patience {
    /// 20 s, 60 s, 30 s, and 15 minutes.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(20), answer: seconds(60), idle: seconds(30), total: seconds(15 * 60) }
    }
}

/// A question.
pub(crate) struct Question<'q> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) accept: &'q str,
    /// What is sent, and what it is.
    pub(crate) body: Option<(Bytes, &'q str)>,
    /// Who asks. It is shown to the registry itself alone.
    pub(crate) authorization: Option<HeaderValue>,
}

/// An answer whose body is not read yet.
pub(crate) struct Answer {
    response: Response,
    /// Where it came from.
    pub(crate) url: Url,
    until: Instant,
    idle: Duration,
}

/// How a registry is reached.
pub(crate) struct Http {
    /// For the registry itself, and where it sends somebody. It is made when it is needed: it takes
    /// the certificates of authorities.
    https: OnceLock<Result<Client, Wrong>>,
    /// For plain HTTP on this machine, past every proxy.
    direct: Client,
    network: Arc<Network>,
    base: Url,
    patience: Patience,
}

impl Http {
    /// To the registry at that URL.
    pub(crate) fn new(base: &Url, patience: Patience, lookup: Lookup) -> Result<Self, Wrong> {
        // An error says that there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let network = Network::new(base, lookup);
        let direct = built(builder(&network, patience).no_proxy().tls_certs_only([]))?;
        let https = OnceLock::new();
        Ok(Self { https, direct, network, base: base.clone(), patience })
    }

    /// Asks, and follows where the answer leads, if that may be.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Answer, Wrong> {
        let until = Instant::now() + self.patience.total;
        let may_follow = question.body.is_none() && [Method::GET, Method::HEAD].contains(&question.method);
        let mut at = question.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(&question, &at).await.map_err(|wrong| wrong.at(&at))?;
            let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !is_redirect {
                return Ok(Answer { response, url: at, until, idle: self.patience.idle });
            }
            if !may_follow {
                let what =
                    format!("it answers {} to what is sent to it, expected it to take it", response.status());
                return Err(Wrong::refused(what, FAULT).at(&at));
            }
            at = self.onwards(&at, response.headers()).map_err(|wrong| wrong.at(&at))?;
        }
        let what = format!("it sends on more than {MAX_REDIRECTS} times, expected an answer");
        Err(Wrong::refused(what, FAULT).at(&question.url))
    }

    /// Asks a service that gives tokens, and follows nothing. `authorization` is shown to it.
    pub(crate) async fn ask_realm(
        &self,
        url: Url,
        form: Option<String>,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Wrong> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let until = Instant::now() + self.patience.total;
        let body = form.map(|form| (Bytes::from(form), FORM));
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let question = Question { method, url: url.clone(), accept: "application/json", body, authorization };
        let response = self.sent(&question, &url, true).await.map_err(|wrong| wrong.at(&url))?;
        if response.status().is_redirection() {
            let what = "the service of its tokens sends somebody on, expected a token";
            return Err(Wrong::refused(what, FAULT).at(&url));
        }
        Ok(Answer { response, url, until, idle: self.patience.idle })
    }

    /// Where the header `Location` of an answer leads, if that may be gone to.
    pub(crate) fn onwards(&self, from: &Url, headers: &HeaderMap) -> Result<Url, Wrong> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let to = from.join(location).ok().filter(|_| !location.is_empty()).ok_or_else(|| {
            Wrong::refused(format!("it leads to `{}`, expected a URL in `Location`", cut(location)), FAULT)
        })?;
        self.check(&to)?;
        Ok(to)
    }

    /// Whether the registry may send somebody there.
    pub(crate) fn check(&self, to: &Url) -> Result<(), Wrong> {
        self.network.check(to).map_err(|why| Wrong::refused(why, FAULT))
    }

    /// Whether a URL is the registry's own, to which alone it is said who asks.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    async fn once(&self, question: &Question<'_>, at: &Url) -> Result<Response, Wrong> {
        self.sent(question, at, self.is_own(at)).await
    }

    async fn sent(&self, question: &Question<'_>, at: &Url, shows_who: bool) -> Result<Response, Wrong> {
        let client = match at.scheme() {
            "http" => self.direct.clone(),
            _ => {
                if let Some(name) = lancet_proxy::unusable(Protocol::Https, |name| std::env::var_os(name)) {
                    return Err(other_proxy(name));
                }
                self.https.get_or_init(|| built(builder(&self.network, self.patience))).clone()?
            }
        };
        let mut request = client.request(question.method.clone(), at.clone()).header(ACCEPT, question.accept);
        if let Some(authorization) = question.authorization.as_ref().filter(|_| shows_who) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some((body, kind)) = &question.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        // What is sent may be long: the wait for an answer begins when it is through, at the latest
        // when all of it has to be over.
        let wait = match &question.body {
            Some((body, _)) if !body.is_empty() => self.patience.total,
            _ => self.patience.answer,
        };
        match time::timeout(wait, request.send()).await {
            Err(_) => {
                let what = format!("nothing came for {} s, expected an answer", wait.as_secs_f32());
                Err(Wrong::new(Problem::Unreachable, what, AGAIN))
            }
            Ok(Err(error)) => Err(match self.network.refusal(at) {
                Some(why) => Wrong::refused(why, FAULT),
                None => Wrong::new(
                    Problem::Unreachable,
                    format!("it cannot be reached: {}", with_causes(&error.without_url())),
                    AGAIN,
                ),
            }),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// All of the answer, at most so many bytes, with their digest.
    pub(crate) async fn read(mut self, most: u64, what: &str) -> Result<(Vec<u8>, Sha256), Wrong> {
        let url = self.url.clone();
        let too_long = |found: String| {
            Wrong::refused(format!("{what} has {found}, at most {most} are read"), FAULT).at(&url)
        };
        if let Some(length) = self.response.content_length().filter(|length| *length > most) {
            return Err(too_long(format!("{length} bytes")));
        }
        let mut digest = RunningDigest::default();
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece(what).await? {
            if (bytes.len() + piece.len()) as u64 > most {
                return Err(too_long("more bytes".to_owned()));
            }
            digest.add(&piece);
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes, digest.finish()))
    }

    async fn piece(&mut self, what: &str) -> Result<Option<Bytes>, Wrong> {
        let stopped = |why: String| {
            Wrong::new(Problem::Unreachable, format!("{what} stopped half way: {why}"), AGAIN).at(&self.url)
        };
        let now = Instant::now();
        let wait = self.idle.min(self.until.saturating_duration_since(now));
        match time::timeout(wait, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(stopped(with_causes(&error.without_url()))),
            Err(_) if wait < self.idle => Err(stopped("it takes too long in all".to_owned())),
            Err(_) => Err(stopped(format!("nothing came for {} s", self.idle.as_secs_f32()))),
        }
    }

    /// What an answer says that is none that was hoped for.
    pub(crate) async fn problem(self, doing: &str) -> Wrong {
        let (status, url) = (self.status(), self.url.clone());
        let said = match self.read(MAX_PROBLEM_BYTES, "the answer").await {
            Ok((bytes, _)) => said(&bytes),
            // The status says it as well.
            Err(_) => String::new(),
        };
        let (problem, hint) = match status.as_u16() {
            401 | 403 => (
                Problem::Denied,
                "give credentials as for Docker: `docker login REGISTRY`, or in `$DOCKER_CONFIG/config.json`; they have to allow it",
            ),
            404 => (Problem::Missing, "look at the reference: the name, the tag, the digest"),
            429 => (Problem::Unreachable, "the registry wants fewer questions: wait, or log in"),
            _ => (Problem::Unreachable, AGAIN),
        };
        Wrong::new(problem, format!("{doing}: it answers {status}{said}"), hint).at(&url)
    }
}

/// The words of a registry for what went wrong.
fn said(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &value["errors"][0];
    let words: Vec<_> = ["code", "message"].iter().filter_map(|key| error[*key].as_str()).map(cut).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(": ")) }
}

fn builder(network: &Arc<Network>, patience: Patience) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("lancet/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(patience.connect)
        .dns_resolver(Arc::new(Resolver(Arc::clone(network))))
}

/// Why nobody is asked past a proxy that was named, and cannot be used.
fn other_proxy(name: &str) -> Wrong {
    let what = format!(
        "the environment variable {name} names no proxy that can be used, expected `http://HOST:PORT` or nothing"
    );
    Wrong::new(Problem::Asked, what, "mend the variable, or unset it to go past the proxy")
}

fn built(builder: ClientBuilder) -> Result<Client, Wrong> {
    builder.build().map_err(|error| {
        let what = format!(
            "HTTPS cannot be set up: {}, expected the certificates of authorities",
            with_causes(&error)
        );
        Wrong::new(
            Problem::Unreachable,
            what,
            "install `ca-certificates`, or name a file with them in `SSL_CERT_FILE`",
        )
    })
}

/// The URL of a registry, by its host.
pub(crate) fn base(host: &str, is_loopback: bool) -> Result<Url, Wrong> {
    let scheme = if is_loopback { "http" } else { "https" };
    let url = Url::parse(&format!("{scheme}://{host}/")).map_err(|error| {
        Wrong::new(
            Problem::Asked,
            format!("`{host}` is no host: {error}"),
            "name the registry by its host, and its port",
        )
    })?;
    debug_assert!(!is_loopback || network::is_loopback(&url));
    Ok(url)
}
