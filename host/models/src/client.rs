//! HTTP, as far as a question needs it: one POST, one reply, each byte of it bounded.

use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use lancet_core::with_causes;
use lancet_proxy::Protocol;
use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Url};
use tokio::sync::Semaphore;
use tokio::time;

use crate::key::Key;

/// The most bytes of an answer: 16 MiB. A question is not answered in more.
pub const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;
/// The most bytes that are read of what comes with another status: 64 KiB.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;
/// The longest wait for a connection. It does not depend on how long a model thinks.
const CONNECTING: Duration = Duration::from_secs(20);
/// How often a silent connection is asked whether it is there, so that what stands between
/// does not forget it while a model thinks.
const KEEP_ALIVE: Duration = Duration::from_secs(45);

/// How models' servers are reached, for all models of a run: TLS with the platform's
/// certificates (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name), proxies as
/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say. What goes to this machine
/// unencrypted goes through no proxy, whatever they say: the key would leave the machine in
/// clear, which nobody allowed. Redirects are not followed, since the key would go with
/// them; nothing is unpacked.
#[derive(Debug)]
pub struct Clients {
    /// For all else. It is made when it is needed: it takes certificates.
    http: OnceLock<Result<Client, ClientError>>,
    /// For plain HTTP to this machine.
    direct: Client,
    lanes: Mutex<HashMap<Lane, (Arc<Semaphore>, usize)>>,
    digests: RandomState,
}

/// Whose requests count together: those to one server with one key.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Lane {
    host: String,
    /// A digest of the key, which only this process can make.
    key: Option<u64>,
}

/// Why no server can be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There are no certificates of authorities, most likely.
    #[error(
        "HTTPS cannot be set up: {0}; expected the certificates of authorities, as the package `ca-certificates` \
         has them, or a file with them that SSL_CERT_FILE names"
    )]
    Setup(String),
    /// A variable of the environment names a proxy that cannot be used. Without it requests
    /// would go another way than was said.
    #[error(
        "the environment variable {0} names no proxy that can be used: expected http://HOST:PORT, or nothing"
    )]
    Proxy(&'static str),
}

impl Clients {
    /// Sets up what reaches this machine. Nothing is sent.
    ///
    /// # Errors
    /// [`ClientError::Setup`], which nothing is known to lead to.
    pub fn new() -> Result<Self, ClientError> {
        // An error says that there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Nothing here is encrypted, so no certificates are looked for.
        let direct = built(builder().no_proxy().tls_certs_only([]))?;
        Ok(Self { http: OnceLock::new(), direct, lanes: Mutex::default(), digests: RandomState::new() })
    }

    /// Who reaches a server.
    ///
    /// # Errors
    /// [`ClientError`] when it is not to be reached without certificates of authorities, and
    /// there are none on this machine, or when a variable of the environment names an
    /// unusable proxy for it.
    pub(crate) fn http(&self, base: &Url) -> Result<Client, ClientError> {
        if base.scheme() == "http" && is_this_machine(base) {
            return Ok(self.direct.clone());
        }
        let protocol = if base.scheme() == "https" { Protocol::Https } else { Protocol::Http };
        if let Some(name) = lancet_proxy::unusable(protocol, |name| std::env::var_os(name)) {
            return Err(ClientError::Proxy(name));
        }
        self.http.get_or_init(|| built(builder())).clone()
    }

    /// What requests to a server with that key wait at. Of several models there, the one
    /// with the fewest requests at a time decides.
    pub(crate) fn lane(&self, base: &Url, key: Option<&Key>, concurrency: u32) -> Arc<Semaphore> {
        let host = base.origin().ascii_serialization();
        let lane = Lane { host, key: key.map(|key| self.digests.hash_one(key.bytes())) };
        let most = usize::try_from(concurrency.max(1)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let (semaphore, before) = lanes.entry(lane).or_insert_with(|| (Arc::new(Semaphore::new(most)), most));
        if most < *before {
            semaphore.forget_permits(*before - most);
            *before = most;
        }
        Arc::clone(semaphore)
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("lancet/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECTING)
        .tcp_keepalive(KEEP_ALIVE)
}

fn built(builder: ClientBuilder) -> Result<Client, ClientError> {
    builder.build().map_err(|error| ClientError::Setup(with_causes(&error)))
}

/// Whether a URL is of this machine, by its host's name or address.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// A reply.
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// All of it with a good status, and its beginning with another.
    pub(crate) body: Vec<u8>,
}

/// Why there is no whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// There was no connection, so nothing was asked.
    Unreachable {
        /// Why.
        why: String,
        /// Whether it will be so the next time.
        lasting: bool,
    },
    /// It stopped, or was given up.
    Cut {
        /// The status, when it got so far.
        status: Option<u16>,
        /// Why.
        why: String,
    },
    /// There is more of it than [`MAX_REPLY_BYTES`].
    TooLong {
        /// The status.
        status: u16,
    },
}

/// Sends a request. `idle` bounds the wait for its reply's head, and for each piece of the
/// rest. Shorter than [`CONNECTING`], it also ends the wait for a connection, as if something
/// had been sent.
pub(crate) async fn send(request: reqwest::RequestBuilder, idle: Duration) -> Result<Received, Broken> {
    let stalled = |status| Broken::Cut { status, why: format!("nothing came for {} s", idle.as_secs()) };
    let mut response = match time::timeout(idle, request.send()).await {
        Err(_) => return Err(stalled(None)),
        Ok(Err(error)) if error.is_connect() || error.is_builder() => {
            let lasting = error.is_builder() || is_certificate(&error);
            return Err(Broken::Unreachable { why: with_causes(&error.without_url()), lasting });
        }
        Ok(Err(error)) => return Err(Broken::Cut { status: None, why: with_causes(&error.without_url()) }),
        Ok(Ok(response)) => response,
    };
    let status = response.status().as_u16();
    let good = response.status().is_success();
    let headers = std::mem::take(response.headers_mut());
    let most = if good { MAX_REPLY_BYTES } else { MAX_PROBLEM_BYTES };
    let mut body = Vec::new();
    loop {
        let piece = match time::timeout(idle, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => break,
            // What a status means is known without the rest of the reply.
            _ if !good => break,
            Ok(Err(error)) => {
                return Err(Broken::Cut { status: Some(status), why: with_causes(&error.without_url()) });
            }
            Err(_) => return Err(stalled(Some(status))),
        };
        if body.len() + piece.len() > most {
            if good {
                return Err(Broken::TooLong { status });
            }
            body.extend_from_slice(&piece[..most - body.len()]);
            break;
        }
        body.extend_from_slice(&piece);
    }
    Ok(Received { status, headers, body })
}

/// Whether a server was reached whose certificate is not taken.
fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // What an I/O error wraps is not its source, but stands in its place.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    false
}

#[cfg(test)]
mod tests {
    use lancet_core::KeyFrom;

    use super::*;

    #[test]
    fn requests_count_together_by_server_and_key() {
        let clients = Clients::new().unwrap();
        let key = |name: &str| Key::read(&KeyFrom::Env(name.into())).unwrap();
        let (one, other) = (key("CARGO_PKG_NAME"), key("CARGO_PKG_VERSION"));
        let lane =
            |url: &str, key: &Option<Key>, most| clients.lane(&Url::parse(url).unwrap(), key.as_ref(), most);
        let first = lane("https://a.example/v1", &one, 8);
        assert_eq!(first.available_permits(), 8);
        assert!(Arc::ptr_eq(&first, &lane("https://A.example:443/other", &one, 9)));
        assert_eq!(first.available_permits(), 8);
        assert!(!Arc::ptr_eq(&first, &lane("https://a.example/v1", &other, 8)));
        assert!(!Arc::ptr_eq(&first, &lane("https://a.example/v1", &None, 8)));
        assert!(!Arc::ptr_eq(&first, &lane("https://b.example/v1", &one, 8)));
        // Fewer at a time for another model of the same server.
        assert!(Arc::ptr_eq(&first, &lane("https://a.example/v1", &one, 3)));
        assert_eq!(first.available_permits(), 3);
        assert_eq!(lane("https://c.example", &None, 0).available_permits(), 1);
        assert!(!format!("{clients:?}").contains("lancet-models"));
    }
}
