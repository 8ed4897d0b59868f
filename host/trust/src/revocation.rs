//! What is revoked, and why: keys that are not to be believed any more, and digests of files
//! that are not to be used.

use lancet_core::Sha256;
use serde::{Deserialize, Serialize};

use crate::error::KeysError;
use crate::key::KeyId;

/// The most bytes of a list: 1 MiB.
pub(crate) const MAX_LIST_BYTES: usize = 1 << 20;
/// The most bytes of a reason: 200.
const MAX_REASON_BYTES: usize = 200;

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// A key, for everything that it has signed.
    Key(KeyId),
    /// One file, whoever signed it.
    Digest(Sha256),
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is revoked.
    pub revoked: Revoked,
    /// Why: one line of at most 200 bytes.
    pub reason: String,
}

/// The list as a file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    revoked: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256>,
    reason: String,
}

/// Reads a list.
///
/// # Errors
/// What is wrong with it, for whoever wrote it.
pub(crate) fn parse(text: &str) -> Result<Vec<Revocation>, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        // A line may be long, and is not shown.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message().lines().next().unwrap_or_default())
    })?;
    let entries = file.revoked.into_iter().enumerate();
    entries
        .map(|(at, entry)| {
            let place = format!("entry {} of `revoked`", at + 1);
            let revoked = match (entry.key, entry.digest) {
                (Some(key), None) => Revoked::Key(key),
                (None, Some(digest)) => Revoked::Digest(digest),
                _ => return Err(format!("{place} has to have either a `key` or a `digest`")),
            };
            check_reason(&entry.reason).map_err(|e| format!("{place}: {e}"))?;
            Ok(Revocation { revoked, reason: entry.reason })
        })
        .collect()
}

/// A list with one line more; what people wrote into it stays as it is.
pub(crate) fn with(list: &str, revocation: &Revocation) -> String {
    let (key, digest) = match revocation.revoked {
        Revoked::Key(key) => (Some(key), None),
        Revoked::Digest(digest) => (None, Some(digest)),
    };
    let entry = File { revoked: vec![Entry { key, digest, reason: revocation.reason.clone() }] };
    let gap = match list {
        "" => "",
        list if list.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{list}{gap}{}", toml::to_string(&entry).unwrap_or_default())
}

/// Whether a text can be a reason.
pub(crate) fn check_reason(reason: &str) -> Result<(), KeysError> {
    if reason.trim().is_empty() {
        return Err(KeysError::Reason("no words"));
    }
    if reason.len() > MAX_REASON_BYTES {
        return Err(KeysError::Reason("more bytes"));
    }
    if reason.chars().any(char::is_control) {
        return Err(KeysError::Reason("control characters or more lines"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    #[test]
    fn a_list_grows_and_keeps_what_people_wrote() {
        let key = Revocation {
            revoked: Revoked::Key(PrivateKey::generate().unwrap().public().id()),
            reason: "the \"laptop\" was stolen \\ in März".to_owned(),
        };
        let digest = Revocation {
            revoked: Revoked::Digest(Sha256::of(b"abc")),
            reason: "it pays everybody".to_owned(),
        };
        for start in ["", "# Ours.\n", "# Ours."] {
            let one = with(start, &key);
            let two = with(&one, &digest);
            assert!(two.starts_with(start));
            assert_eq!(parse(&two), Ok(vec![key.clone(), digest.clone()]), "{two}");
        }
        assert_eq!(parse(""), Ok(vec![]));
    }

    #[test]
    fn a_list_that_says_something_else_is_refused() {
        let id = PrivateKey::generate().unwrap().public().id();
        let digest = Sha256::of(b"");
        for (text, expected) in [
            ("\nrevoked = 1".to_owned(), "line 2: invalid type: integer `1`"),
            ("[[revoked]]\nreason = \"x\"".to_owned(), "entry 1 of `revoked` has to have either"),
            (
                format!("[[revoked]]\nkey = \"{id}\"\ndigest = \"{digest}\"\nreason = \"x\""),
                "either a `key` or",
            ),
            (format!("[[revoked]]\nkey = \"{id}\""), "missing field `reason`"),
            (
                format!("[[revoked]]\nkey = \"{id}\"\nreason = \" \""),
                "entry 1 of `revoked`: the reason has no words",
            ),
            (format!("[[revoked]]\nkey = \"{id}\"\nreason = \"a\\nb\""), "control characters"),
            (format!("[[revoked]]\nkey = \"{id}\"\nreason = \"{}\"", "x".repeat(201)), "more bytes"),
            (
                format!("[[revoked]]\nkey = \"{id}\"\nreason = \"x\"\nuntil = 2030-01-01"),
                "unknown field `until`",
            ),
            ("[[revoked]]\nkey = \"abc\"\nreason = \"x\"".to_owned(), "`abc` is no key's id"),
            ("[[revoked]]\ndigest = \"abc\"\nreason = \"x\"".to_owned(), "`abc` is not a digest"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
