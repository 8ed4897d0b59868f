//! What names a thing in a registry.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use lancet_core::Sha256;

use crate::error::cut;

/// The most bytes of a repository's name, registry included, as registries have it.
const MAX_NAME_BYTES: usize = 255;
/// The most bytes of a tag.
const MAX_TAG_BYTES: usize = 128;
/// The registry that everybody calls by another name than its own.
const DOCKER_HUB: &str = "docker.io";

/// `registry[:port]/name[:tag][@sha256:…]`, taken apart. The registry is always named: there is no
/// default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host, with its port when one is given.
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no reference: {why}, expected `REGISTRY/NAME[:TAG][@sha256:…]`, as in \
     `registry.example.com/acme/choice:1.2.0`"
)]
pub struct BadReference {
    /// The text, cut.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Reference {
    /// The registry's host, with its port when one is given: `registry.example.com`, `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name in the registry: `acme/choice`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Both: `registry.example.com/acme/choice`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// What may come to name something else.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// What names one thing for ever: the digest of its manifest.
    #[must_use]
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// The same name with another tag.
    ///
    /// # Errors
    /// When it is no tag.
    pub fn tagged(&self, tag: &str) -> Result<Self, BadReference> {
        if !is_tag(tag) {
            return Err(BadReference { text: cut(tag), why: "no registry takes such a tag".to_owned() });
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same name with a digest.
    #[must_use]
    pub fn pinned(&self, digest: Sha256) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The host that answers for the registry, which is another one for Docker Hub alone.
    pub(crate) fn host(&self) -> &str {
        if self.registry == DOCKER_HUB { "registry-1.docker.io" } else { &self.registry }
    }

    /// Whether the registry is on this machine, by its name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = host_of(&self.registry);
        match host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

impl Reference {
    /// The tag for a version: tags take no `+`, for which `_` stands, as Helm has it.
    #[must_use]
    pub fn version_tag(version: &str) -> String {
        version.replace('+', "_")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        parsed(text).map_err(|why| BadReference { text: cut(text), why })
    }
}

fn parsed(text: &str) -> Result<Reference, String> {
    if text.len() > MAX_NAME_BYTES + MAX_TAG_BYTES + 80 {
        return Err("it is too long".to_owned());
    }
    if text.contains("://") {
        return Err("it is a URL".to_owned());
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.parse::<Sha256>().map_err(|error| error.to_string())?)),
        None => (text, None),
    };
    let Some((registry, rest)) = name.split_once('/') else {
        return Err("it names no registry".to_owned());
    };
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    if !is_registry(registry) {
        return Err(format!(
            "`{}` is no registry, which has a `.` or a `:` in its name or is `localhost`, and an address or a port as they are usually written",
            cut(registry)
        ));
    }
    if !repository.split('/').all(is_component) || registry.len() + repository.len() >= MAX_NAME_BYTES {
        return Err(format!("`{}` is no name in a registry", cut(repository)));
    }
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Err(format!("`{}` is no tag", cut(tag)));
    }
    let registry = match registry.to_ascii_lowercase() {
        hub if hub == "index.docker.io" || hub == "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        registry => registry,
    };
    let repository = match (registry.as_str(), repository.contains('/')) {
        (DOCKER_HUB, false) => format!("library/{repository}"),
        _ => repository.to_owned(),
    };
    Ok(Reference { registry, repository, tag: tag.map(str::to_owned), digest })
}

/// The host without its port.
fn host_of(registry: &str) -> &str {
    match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port != 0 && port.to_string() == *text);
    if !port.is_none_or(is_port) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // Whoever makes a URL of it reads `0x7f.1` as an address, and so would go elsewhere than is shown.
    let is_number = |label: &str| {
        let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if host.rsplit('.').next().is_some_and(is_number) && host.parse::<Ipv4Addr>().is_err() {
        return false;
    }
    host.split('.').all(is_label) && (port.is_some() || host.contains('.') || host == "localhost")
}

fn is_component(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().next().is_some_and(is_plain)
        && text.bytes().next_back().is_some_and(is_plain)
        && text.bytes().all(|byte| is_plain(byte) || b"._-".contains(&byte))
        && !text.contains("..")
}

pub(crate) fn is_tag(tag: &str) -> bool {
    (1..=MAX_TAG_BYTES).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let digest = Sha256::of(b"");
        for (text, registry, repository, tag, is_loopback) in [
            (
                "registry.example.com/acme/choice:1.2.0",
                "registry.example.com",
                "acme/choice",
                Some("1.2.0"),
                false,
            ),
            ("Registry.Example.com:443/a__b", "registry.example.com:443", "a__b", None, false),
            ("localhost:5000/a/b:1", "localhost:5000", "a/b", Some("1"), true),
            ("localhost/a", "localhost", "a", None, true),
            ("127.0.0.1:5000/a", "127.0.0.1:5000", "a", None, true),
            ("127.8.0.1/a", "127.8.0.1", "a", None, true),
            ("[::1]:5000/a", "[::1]:5000", "a", None, true),
            ("[::1]/a", "[::1]", "a", None, true),
            ("r.localhost:1/a", "r.localhost:1", "a", None, true),
            ("10.0.0.1/a", "10.0.0.1", "a", None, false),
            ("localhost.example.com/a", "localhost.example.com", "a", None, false),
            ("host:5000/a", "host:5000", "a", None, false),
        ] {
            let found: Reference = text.parse().unwrap();
            assert_eq!((found.registry(), found.repository()), (registry, repository), "{text}");
            assert_eq!(
                (found.tag(), found.digest(), found.is_loopback()),
                (tag, None, is_loopback),
                "{text}"
            );
            let pinned: Reference = format!("{text}@{digest}").parse().unwrap();
            assert_eq!(pinned, found.pinned(digest));
            assert_eq!(pinned.to_string().parse(), Ok(pinned));
        }
        let hub: Reference = "docker.io/debian:12".parse().unwrap();
        assert_eq!((hub.host(), hub.repository()), ("registry-1.docker.io", "library/debian"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "a",
            "a:1",
            "acme/choice",
            "acme/choice:1",
            "/a",
            "r.example/",
            "r.example/A",
            "r.example/a:",
            "r.example/a:-b",
            "r.example/a:b c",
            "r.example/a:b:c",
            "r.example/../a",
            "r.example/a//b",
            "r.example/a/",
            "https://r.example/a",
            "r.example/a@sha256:12",
            "r.example/a@md5:12",
            "r.example/a@",
            "-r.example/a",
            "r.example:0/a",
            "r.example:99999/a",
            "r.example:+1/a",
            "r.example:01/a",
            "127.1/a",
            "0x7f.1/a",
            "0X7F000001:1/a",
            "0177.0.0.1/a",
            "2130706433:1/a",
            "1.2.3.4.5/a",
            "r.example:/a",
            "u@r.example/a",
            "u:p@r.example/a",
            "r.example/a\n",
            "r..example/a",
            "[::1/a",
            "[nonsense]/a",
            "r.example\\@x/a",
            "r.example/a?b",
            "r.example/a#b",
            "r.example/%2e%2e/a",
            "r\u{e9}.example/a",
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert!(error.to_string().contains("expected `REGISTRY/NAME"), "{text:?}");
        }
        let long = format!("r.example/{}", "a".repeat(300));
        assert!(long.parse::<Reference>().is_err());
        let good: Reference = "r.example/a".parse().unwrap();
        assert!(good.tagged("1.0.0+x").is_err());
        assert_eq!(
            good.tagged(&Reference::version_tag("1.0.0+x")).unwrap().to_string(),
            "r.example/a:1.0.0_x"
        );
    }
}
