//! Names of images in registries.

use lancet_core::Sha256;

/// The most bytes of a name without tag and digest, as registries have it.
const MAX_REPOSITORY_BYTES: usize = 255;
/// The most bytes of a tag.
const MAX_TAG_BYTES: usize = 128;

/// `repository[:tag][@sha256:…]`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The image's name, with the registry's host when that is named.
    pub repository: &'a str,
    /// What may come to name another image.
    pub tag: Option<&'a str>,
    /// What names one image for ever.
    pub digest: Option<Sha256>,
}

impl<'a> Reference<'a> {
    /// Takes a reference apart.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Sha256>().map_err(|e| e.to_string())?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return Err(format!("`{}` is no tag", shortened(tag)));
        }
        if !is_repository(repository) {
            return Err(format!("`{}` is no name of an image", shortened(repository)));
        }
        Ok(Self { repository, tag, digest })
    }

    /// As the engine is asked for it, when it cannot change: `repository@sha256:…`.
    #[must_use]
    pub fn pinned(&self) -> Option<String> {
        self.digest.map(|digest| format!("{}@{digest}", self.repository))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn is_tag(tag: &str) -> bool {
    (1..=MAX_TAG_BYTES).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn is_repository(text: &str) -> bool {
    let mut parts = text.split('/');
    // The first part may be a registry: `localhost:5000`, `docker.io`.
    let registry = text.split_once('/').is_some_and(|(first, _)| is_registry(first));
    if registry {
        parts.next();
    }
    text.len() <= MAX_REPOSITORY_BYTES && parts.all(is_component)
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_host = host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
    is_host && (has_port || (port.is_none() && (host.contains('.') || host == "localhost")))
}

fn is_component(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().next().is_some_and(is_plain)
        && text.bytes().next_back().is_some_and(is_plain)
        && text.bytes().all(|b| is_plain(b) || b"._-".contains(&b))
        && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let digest = Sha256::of(b"");
        for (text, repository, tag) in [
            ("debian:bookworm-slim", "debian", Some("bookworm-slim")),
            ("localhost:5000/a/b", "localhost:5000/a/b", None),
            ("localhost:5000/a/b:1", "localhost:5000/a/b", Some("1")),
            ("Registry.example.com/a__b:T", "Registry.example.com/a__b", Some("T")),
            (
                "swelancer/swelancer_x86_16912_4:releasev1",
                "swelancer/swelancer_x86_16912_4",
                Some("releasev1"),
            ),
        ] {
            let found = Reference::parse(text).unwrap();
            assert_eq!((found.repository, found.tag, found.digest), (repository, tag, None));
            assert_eq!(found.pinned(), None);
            let pinned = format!("{text}@{digest}");
            let found = Reference::parse(&pinned).unwrap();
            assert_eq!(found.pinned(), Some(format!("{repository}@{digest}")));
        }
    }

    #[test]
    fn what_no_registry_has_is_refused() {
        for text in [
            "",
            ":tag",
            "a:",
            "A:b",
            "a//b:c",
            "/a:b",
            "a/../b:c",
            "a:b c",
            "a:-b",
            "https://a/b:c",
            "a@sha256:12",
            "a@md5:12",
            "a b:c",
            "a\n:b",
            "a:b@",
            "-a:b",
            "host:99999/a:b",
        ] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
        // An id is no name: it is on one machine only.
        let id = Sha256::of(b"").to_string();
        assert!(Reference::parse(&id).is_ok_and(|r| r.digest.is_none()));
    }
}
