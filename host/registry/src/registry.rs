//! A repository of a registry, and the calls that are made of it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lancet_core::Sha256;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

use crate::credentials::{Credential, Credentials};
use crate::error::{Problem, RegistryError, Wrong, cut};
use crate::http::{self, Answer, Http, Patience, Question};
use crate::manifest::{Descriptor, INDEX, MANIFEST, MAX_MANIFEST_BYTES};
use crate::network;
use crate::reference::{Reference, is_tag};
use crate::token::{self, Challenge};

/// The most pages of a list of tags.
const MAX_PAGES: usize = 20;
/// The most tags.
const MAX_TAGS: usize = 20_000;

const FAULT: &str = "this is the registry's fault: tell whoever runs it, and take nothing from it until then";
const MOVED: &str =
    "somebody changed what is there: find out who, and name by `@sha256:…` what you looked at";

/// How a registry is used.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who asks.
    pub credentials: Credentials,
    /// How long to wait.
    pub patience: Patience,
}

/// One repository of one registry. Whoever asks shows credentials when the registry wants them, and
/// to nobody else.
pub struct Registry {
    reference: Reference,
    http: Http,
    base: Url,
    credentials: Credentials,
    /// Whether something is written, for which other tokens are needed.
    writes: bool,
    authorization: Mutex<Option<HeaderValue>>,
}

/// A manifest or an index as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their digest, which was computed here.
    pub digest: Sha256,
}

#[derive(Deserialize)]
struct Tags {
    /// A repository without tags may have `null` here.
    tags: Option<Vec<String>>,
}

impl Registry {
    /// To read from the repository of a reference. Nothing is sent yet.
    ///
    /// # Errors
    /// When HTTPS cannot be set up.
    pub fn reader(reference: &Reference, options: &Options) -> Result<Self, RegistryError> {
        Self::new(reference, options, false)
    }

    /// To write to it as well.
    ///
    /// # Errors
    /// As [`Self::reader`].
    pub fn writer(reference: &Reference, options: &Options) -> Result<Self, RegistryError> {
        Self::new(reference, options, true)
    }

    fn new(reference: &Reference, options: &Options, writes: bool) -> Result<Self, RegistryError> {
        let made = || {
            let base = http::base(reference.host(), reference.is_loopback())?;
            let http = Http::new(&base, options.patience, network::system())?;
            Ok((base, http))
        };
        let (base, http) = made().map_err(|wrong: Wrong| wrong.of(reference))?;
        let (reference, credentials) = (reference.clone(), options.credentials.clone());
        Ok(Self { reference, http, base, credentials, writes, authorization: Mutex::new(None) })
    }

    /// What was asked for.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The manifest that the reference names: by its digest when it has one, or else by its tag.
    ///
    /// # Errors
    /// When it names neither; when there is none; when it has more than [`MAX_MANIFEST_BYTES`], or
    /// another digest than it was asked for by.
    pub async fn named(&self) -> Result<Fetched, RegistryError> {
        let found = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => self.by_digest(digest).await,
            (None, Some(tag)) => {
                self.by_tag(tag).await.and_then(|found| found.ok_or_else(|| missing("there is no such tag")))
            }
            (None, None) => Err(Wrong::new(
                Problem::Asked,
                "it has neither a tag nor a digest, expected one: `:1.2.0` or `@sha256:…`",
                "name the version that you want; there is no default one",
            )),
        };
        found.map_err(|wrong| self.of(wrong))
    }

    /// The error of a problem with it.
    pub(crate) fn of(&self, wrong: Wrong) -> RegistryError {
        wrong.of(&self.reference)
    }

    pub(crate) async fn by_digest(&self, digest: Sha256) -> Result<Fetched, Wrong> {
        let found = self.manifest(&digest.to_string()).await?;
        let found = found.ok_or_else(|| missing("there is no manifest of that digest"))?;
        match found.digest == digest {
            true => Ok(found),
            false => Err(self.other_bytes(&format!("manifests/{digest}"), found.digest, digest)),
        }
    }

    /// The manifest that a tag names now, if there is one.
    pub(crate) async fn by_tag(&self, tag: &str) -> Result<Option<Fetched>, Wrong> {
        self.manifest(tag).await
    }

    async fn manifest(&self, which: &str) -> Result<Option<Fetched>, Wrong> {
        let url = self.url(&format!("manifests/{which}"))?;
        let accept = format!("{MANIFEST}, {INDEX}");
        let answer = self.get(url, &accept).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = ok(answer, "reading the manifest").await?;
        let (url, said) = (answer.url.clone(), said_digest(answer.headers()));
        let (bytes, digest) = answer.read(MAX_MANIFEST_BYTES, "the manifest").await?;
        if let Some(said) = said.filter(|said| *said != digest.to_string()) {
            let what = format!("it says that the manifest is {}, and it is {digest}", cut(&said));
            return Err(Wrong::refused(what, FAULT).at(&url));
        }
        Ok(Some(Fetched { bytes, digest }))
    }

    /// The bytes of a part, each of which was hashed on its way.
    ///
    /// # Errors
    /// When they are more, fewer, or others than the part says.
    pub(crate) async fn blob(&self, part: &Descriptor, what: &str) -> Result<Vec<u8>, Wrong> {
        let url = self.url(&format!("blobs/{}", part.digest))?;
        let answer = ok(self.get(url.clone(), "*/*").await?, &format!("reading {what}")).await?;
        let (bytes, digest) = answer.read(part.size, what).await?;
        if bytes.len() as u64 != part.size {
            let what =
                format!("{what} has {} bytes, expected {} as the manifest says", bytes.len(), part.size);
            return Err(Wrong::refused(what, FAULT).at(&url));
        }
        if digest != part.digest {
            return Err(self.other_bytes(&format!("blobs/{}", part.digest), digest, part.digest));
        }
        Ok(bytes)
    }

    fn other_bytes(&self, path: &str, found: Sha256, expected: Sha256) -> Wrong {
        let wrong = Wrong::refused(format!("the digest of what came is {found}, expected {expected}"), FAULT);
        match self.url(path) {
            Ok(url) => wrong.at(&url),
            Err(_) => wrong,
        }
    }

    /// Puts some bytes there, unless they are there.
    pub(crate) async fn put_blob(&self, bytes: &[u8], what: &str) -> Result<(), Wrong> {
        let digest = Sha256::of(bytes);
        let there = self.ask(Method::HEAD, self.url(&format!("blobs/{digest}"))?, "*/*", None).await?;
        if there.status().is_success() {
            return Ok(());
        }
        let nothing = Some((Bytes::new(), "application/octet-stream"));
        let begun = self.ask(Method::POST, self.url("blobs/uploads/")?, "*/*", nothing).await?;
        let begun = ok(begun, &format!("beginning to send {what}")).await?;
        let mut to = self.http.onwards(&begun.url, begun.headers()).map_err(|wrong| wrong.at(&begun.url))?;
        to.query_pairs_mut().append_pair("digest", &digest.to_string());
        let body = Some((Bytes::copy_from_slice(bytes), "application/octet-stream"));
        let done = self.ask(Method::PUT, to, "*/*", body).await?;
        ok(done, &format!("sending {what}")).await.map(drop)
    }

    /// Puts a manifest there; whether the registry says that it keeps by itself what belongs to what.
    pub(crate) async fn put_manifest(&self, which: &str, kind: &str, bytes: &[u8]) -> Result<bool, Wrong> {
        let url = self.url(&format!("manifests/{which}"))?;
        let answer = self.ask(Method::PUT, url, "*/*", Some((Bytes::copy_from_slice(bytes), kind))).await?;
        let answer = ok(answer, "sending the manifest").await?;
        let digest = Sha256::of(bytes).to_string();
        if let Some(said) = said_digest(answer.headers()).filter(|said| *said != digest) {
            let what = format!("it says that it keeps the manifest as {}, expected {digest}", cut(&said));
            return Err(Wrong::refused(what, FAULT).at(&answer.url));
        }
        Ok(answer.headers().contains_key("OCI-Subject"))
    }

    /// What the registry knows to belong to a manifest; `None` when it keeps no such lists.
    pub(crate) async fn referrers(&self, digest: Sha256) -> Result<Option<Vec<u8>>, Wrong> {
        let answer = self.get(self.url(&format!("referrers/{digest}"))?, INDEX).await?;
        if matches!(answer.status().as_u16(), 400 | 404 | 405) {
            return Ok(None);
        }
        let answer = ok(answer, "asking for signatures").await?;
        Ok(Some(answer.read(MAX_MANIFEST_BYTES, "the list of signatures").await?.0))
    }

    /// Every tag of the repository.
    ///
    /// # Errors
    /// When it cannot be read, or there are more than 20,000.
    pub async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        self.all_tags().await.map_err(|wrong| self.of(wrong))
    }

    async fn all_tags(&self) -> Result<Vec<String>, Wrong> {
        let mut url = self.url("tags/list")?;
        url.query_pairs_mut().append_pair("n", "1000");
        let mut found: Vec<String> = Vec::new();
        for _ in 0..MAX_PAGES {
            let answer = ok(self.get(url.clone(), "application/json").await?, "listing the tags").await?;
            let next = next_page(answer.headers()).map(str::to_owned);
            let at = answer.url.clone();
            let (bytes, _) = answer.read(MAX_MANIFEST_BYTES, "the list of tags").await?;
            let page: Tags = serde_json::from_slice(&bytes)
                .map_err(|error| Wrong::refused(format!("it is no list of tags: {error}"), FAULT).at(&at))?;
            // What cannot be a tag cannot be asked for either.
            found.extend(page.tags.unwrap_or_default().into_iter().filter(|tag| is_tag(tag)));
            if found.len() > MAX_TAGS {
                break;
            }
            let Some(next) = next else { return Ok(found) };
            let to = at.join(&next).map_err(|_| {
                Wrong::refused(format!("its list goes on at `{}`", cut(&next)), FAULT).at(&at)
            })?;
            self.http.check(&to).map_err(|wrong| wrong.at(&at))?;
            url = to;
        }
        let what = format!(
            "it has more than {MAX_TAGS} tags, or more than {MAX_PAGES} pages of them, which are not read"
        );
        Err(Wrong::refused(what, FAULT).at(&url))
    }

    fn url(&self, path: &str) -> Result<Url, Wrong> {
        self.base.join(&format!("/v2/{}/{path}", self.reference.repository())).map_err(|error| {
            Wrong::new(Problem::Asked, format!("it makes no URL: {error}"), "look at the reference")
        })
    }

    async fn get(&self, url: Url, accept: &str) -> Result<Answer, Wrong> {
        self.ask(Method::GET, url, accept, None).await
    }

    /// Asks, and says who asks when the registry wants to know.
    async fn ask(
        &self,
        method: Method,
        url: Url,
        accept: &str,
        body: Option<(Bytes, &str)>,
    ) -> Result<Answer, Wrong> {
        let question = || Question {
            method: method.clone(),
            url: url.clone(),
            accept,
            body: body.clone(),
            authorization: self.known(),
        };
        let answer = self.http.ask(question()).await?;
        // Where somebody was sent on to, nobody has to know who asks.
        if answer.status() != StatusCode::UNAUTHORIZED || !self.http.is_own(&answer.url) {
            return Ok(answer);
        }
        let found = self.authorized(answer.headers()).await.map_err(|wrong| wrong.at(&answer.url))?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        self.http.ask(question()).await
    }

    fn known(&self) -> Option<HeaderValue> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a registry wants to see that answered 401.
    async fn authorized(&self, headers: &HeaderMap) -> Result<HeaderValue, Wrong> {
        let challenge = token::challenge(headers)?;
        let credential = self.credential().await?;
        match challenge {
            Challenge::Basic => match credential {
                Some(Credential::Basic { user, password }) => token::basic(&user, &password)
                    .ok_or_else(|| denied("the name or the password cannot be sent")),
                Some(Credential::Identity(_)) => {
                    Err(denied("it wants a name and a password, and there is a token"))
                }
                None => Err(denied("it wants a name and a password, and there are none")),
            },
            Challenge::Bearer { realm, service } => self.token(&realm, service.as_deref(), credential).await,
        }
    }

    async fn credential(&self) -> Result<Option<Credential>, Wrong> {
        let (credentials, registry) = (self.credentials.clone(), self.reference.registry().to_owned());
        let found = tokio::task::spawn_blocking(move || credentials.find(&registry)).await;
        let found = found.unwrap_or_else(|error| Err(error.to_string()));
        found.map_err(|why| {
            Wrong::new(
                Problem::Asked,
                why,
                "mend the configuration, or name another folder in `DOCKER_CONFIG`",
            )
        })
    }

    async fn token(
        &self,
        realm: &Url,
        service: Option<&str>,
        credential: Option<Credential>,
    ) -> Result<HeaderValue, Wrong> {
        if !token::is_own_realm(&self.base, realm) {
            let what = format!(
                "it wants a token from `{}`, expected a host of its own domain: nobody else is told who asks",
                cut(realm.host_str().unwrap_or_default())
            );
            return Err(Wrong::refused(what, FAULT));
        }
        self.http.check(realm)?;
        let actions = if self.writes { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", self.reference.repository());
        let (url, form) = token::question(realm, service, &scope, credential.as_ref());
        let authorization = match &credential {
            Some(Credential::Basic { user, password }) => token::basic(user, password),
            _ => None,
        };
        // It goes to the realm and nowhere else: where that sends somebody is not followed.
        let answer = self.http.ask_realm(url, form, authorization).await?;
        let answer = ok(answer, "asking for a token").await?;
        let at = answer.url.clone();
        let (bytes, _) = answer.read(MAX_MANIFEST_BYTES, "the token").await?;
        token::bearer(&bytes).map_err(|wrong| wrong.at(&at))
    }
}

fn denied(what: &str) -> Wrong {
    Wrong::new(
        Problem::Denied,
        what,
        "log in as for Docker: `docker login REGISTRY`, or `$DOCKER_CONFIG/config.json`",
    )
}

fn missing(what: &str) -> Wrong {
    Wrong::new(
        Problem::Missing,
        format!("{what}, expected one"),
        "look at the reference: the name, the tag, the digest",
    )
}

/// What moved while it was looked at.
pub(crate) fn moved(what: String) -> Wrong {
    Wrong::refused(what, MOVED)
}

async fn ok(answer: Answer, doing: &str) -> Result<Answer, Wrong> {
    if answer.status().is_success() { Ok(answer) } else { Err(answer.problem(doing).await) }
}

fn said_digest(headers: &HeaderMap) -> Option<String> {
    let said = headers.get("Docker-Content-Digest")?.to_str().ok()?;
    // By another algorithm nothing can be compared.
    said.starts_with("sha256:").then(|| said.to_owned())
}

/// Where a list goes on: `<URL>; rel="next"`.
fn next_page(headers: &HeaderMap) -> Option<&str> {
    let link = headers.get("Link")?.to_str().ok()?;
    let (url, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(url)
}
