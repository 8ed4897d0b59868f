//! Who somebody is at a registry: what the usual Docker configuration has.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lancet_file::FileError;
use serde::Deserialize;

use crate::error::cut;
use crate::helper;

/// The most bytes of Docker's configuration: 1 MiB.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// How long a program that keeps credentials may take. Some ask whoever sits there.
const HELPER_LIMIT: Duration = Duration::from_secs(60);
/// What Docker calls its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What somebody shows to a registry. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token by which the registry's own service gives others.
    Identity(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(…)",
            Self::Identity(_) => "Identity(…)",
        })
    }
}

/// Where credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    file: Option<PathBuf>,
}

/// What is read of `config.json`. It is Docker's: other keys are none of our business.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

impl Credentials {
    /// Nobody's.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of a file like Docker's `config.json`, which need not be there.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        Self { file: Some(file.to_owned()) }
    }

    /// Those of `$DOCKER_CONFIG/config.json`, or of `~/.docker/config.json`.
    #[must_use]
    pub fn docker() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")));
        Self { file: folder.map(|folder| folder.join("config.json")) }
    }

    /// What there is for a registry: `None` when there is nothing. It may run a program, and wait for it.
    ///
    /// # Errors
    /// In words, when the configuration is there and cannot be used, which has no secret in it.
    pub fn find(&self, registry: &str) -> Result<Option<Credential>, String> {
        let Some(file) = &self.file else { return Ok(None) };
        let bytes = match lancet_file::read(file, MAX_CONFIG_BYTES) {
            Ok(bytes) => bytes,
            Err(FileError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read `{}`: {error}", file.display())),
        };
        // What the parser says of it may quote a secret.
        let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("`{}` is no configuration of Docker at line {line}, column {column}", file.display())
        })?;
        found(&config, registry, HELPER_LIMIT).map_err(|why| format!("`{}`: {why}", file.display()))
    }
}

fn found(config: &Config, registry: &str, limit: Duration) -> Result<Option<Credential>, String> {
    let is_it = |key: &str| plain(key) == if registry == "docker.io" { "index.docker.io" } else { registry };
    let server = if registry == "docker.io" { DOCKER_HUB } else { registry };
    if let Some((_, helper)) = config.cred_helpers.iter().find(|(key, _)| is_it(key)) {
        return helped(helper, server, limit);
    }
    if let Some(helper) = config.creds_store.as_deref().filter(|helper| !helper.is_empty())
        && let Some(found) = helped(helper, server, limit)?
    {
        return Ok(Some(found));
    }
    match config.auths.iter().find(|(key, _)| is_it(key)) {
        Some((key, auth)) => of_auth(auth).map_err(|why| format!("`auths.{}`: {why}", cut(key))),
        None => Ok(None),
    }
}

/// The registry's host and port of a key, which may be a URL.
fn plain(key: &str) -> String {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
}

fn of_auth(auth: &Auth) -> Result<Option<Credential>, String> {
    const EXPECTED: &str = "expected the base64 of `user:password` in `auth`";
    if let Some(token) = auth.identitytoken.as_ref().filter(|token| !token.is_empty()) {
        return Ok(Some(Credential::Identity(token.clone())));
    }
    if let Some(text) = auth.auth.as_ref().filter(|text| !text.is_empty()) {
        let bytes = STANDARD.decode(text).map_err(|_| format!("it is no base64, {EXPECTED}"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("it is no text, {EXPECTED}"))?;
        let (user, password) = text.split_once(':').ok_or_else(|| format!("it has no `:`, {EXPECTED}"))?;
        // Docker pads them so at times.
        let password = password.trim_end_matches('\0');
        return Ok(Some(Credential::Basic { user: user.to_owned(), password: password.to_owned() }));
    }
    Ok(match (&auth.username, &auth.password) {
        (Some(user), Some(password)) if !user.is_empty() => {
            Some(Credential::Basic { user: user.clone(), password: password.clone() })
        }
        _ => None,
    })
}

fn helped(helper: &str, server: &str, limit: Duration) -> Result<Option<Credential>, String> {
    let (output, status) =
        helper::run(helper, server, limit).map_err(|why| format!("the helper `{}`: {why}", cut(helper)))?;
    if !status.success() {
        // It says so on stdout when it has nothing for that registry.
        if String::from_utf8_lossy(&output).contains("credentials not found") {
            return Ok(None);
        }
        return Err(format!("the helper `docker-credential-{}` failed with {status}", cut(helper)));
    }
    let Helped { username, secret } = serde_json::from_slice(&output).map_err(|_| {
        format!("what the helper `docker-credential-{}` wrote is no credential, expected JSON", cut(helper))
    })?;
    Ok(Some(match username.as_str() {
        "<token>" => Credential::Identity(secret),
        _ => Credential::Basic { user: username, password: secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Option<Credential> {
        Some(Credential::Basic { user: user.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn what_docker_wrote_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let credentials = Credentials::of(&file);
        assert_eq!(credentials.find("r.example"), Ok(None));
        std::fs::write(
            &file,
            r#"{"auths": {"r.example": {"auth": "dTpw"}, "https://other.example:5000/v2/": {"auth": "dTpwOnE="},
                "https://index.docker.io/v1/": {"identitytoken": "t"}, "empty.example": {},
                "two.example": {"username": "a", "password": "b"}, "bad.example": {"auth": "secret!"}},
                "HttpHeaders": {"x": "y"}}"#,
        )
        .unwrap();
        assert_eq!(credentials.find("r.example"), Ok(basic("u", "p")));
        assert_eq!(credentials.find("other.example:5000"), Ok(basic("u", "p:q")));
        assert_eq!(credentials.find("docker.io"), Ok(Some(Credential::Identity("t".to_owned()))));
        assert_eq!(credentials.find("two.example"), Ok(basic("a", "b")));
        for none in [
            "other.example",
            "r.example:1",
            "empty.example",
            "example",
            "xr.example",
            "r.example.evil.example",
        ] {
            assert_eq!(credentials.find(none), Ok(None), "{none}");
        }
        let why = credentials.find("bad.example").unwrap_err();
        assert!(why.contains("auths.bad.example") && !why.contains("secret"), "{why}");
        for bad in
            ["{\"auths\": \"my secret\"}", "nothing", "[1]", "{\"auths\": {\"r.example\": {\"auth\": 1}}}"]
        {
            std::fs::write(&file, bad).unwrap();
            let why = credentials.find("r.example").unwrap_err();
            assert!(why.contains("line 1") && !why.contains("secret"), "{why}");
        }
        std::fs::write(&file, vec![b' '; 2 << 20]).unwrap();
        assert!(credentials.find("r.example").unwrap_err().contains("1048576"));
    }

    #[test]
    fn helpers_are_bounded() {
        for name in ["", "a/b", "../x", "a b", "a;b", "no-such-helper-here"] {
            let why = helped(name, "r.example", Duration::from_secs(5)).unwrap_err();
            assert!(why.contains("no word") || why.contains("cannot be run"), "{why}");
        }
        let config = |text: &str| serde_json::from_str::<Config>(text).unwrap();
        let of_one = config(
            r#"{"credHelpers": {"r.example": "no-such-helper-here"}, "auths": {"r.example": {"auth": "dTpw"}}}"#,
        );
        assert!(found(&of_one, "r.example", HELPER_LIMIT).is_err());
        assert_eq!(found(&of_one, "s.example", HELPER_LIMIT), Ok(None));
    }

    #[test]
    fn it_is_never_shown() {
        assert!(
            !format!("{:?}{:?}", basic("user", "word"), Credential::Identity("word".to_owned()))
                .contains("word")
        );
    }
}
