//! What is signed: in-toto's Statement v1, over the digests of what it is about.

use std::collections::BTreeMap;
use std::io::{self, Write};

use lancet_core::Sha256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{KeyError, StatementError};
use crate::key::{KeyId, PublicKey};

/// What every statement says that it is.
pub(crate) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// By which algorithm a suite's digest is named. It is one over the paths and contents of those
/// files that are part of it, each framed by its length, and no SHA-256 of a file.
const SUITE_DIGEST: &str = "lancetSuite1";

/// What a statement says of its subjects, in a form of its own.
pub trait Predicate: Serialize + DeserializeOwned + PartialEq {
    /// The name of the form, which ends with its version.
    const TYPE: &'static str;
}

/// That the signer made a plugin, or stands for it. Its subjects are the package, by the digest
/// of its bytes, and `plugin.toml`, by the digest of the manifest's text in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Its name, `publisher/name`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Predicate for Plugin {
    const TYPE: &'static str = "lancet:statement/plugin/v0.1";
}

/// The same for a suite, by the digest over its files. Not part of that are the pins in its
/// `images.lock`, each task's `cases/`, what lies beside the suite for readers and for git, and
/// whether a file is executable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// How many tasks it has.
    pub tasks: usize,
}

impl Predicate for Suite {
    const TYPE: &'static str = "lancet:statement/suite/v0.1";
}

/// That a new key takes an old one's place, which has signed this. Its subject is the new key,
/// by the digest of its SPKI in DER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The old key.
    pub old: KeyId,
    /// The new key.
    pub new: KeyId,
    /// The new key's PEM file.
    pub pem: String,
}

impl Predicate for Rotation {
    const TYPE: &'static str = "lancet:statement/key-rotation/v0.1";
}

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name, which says nothing of which bytes it is.
    pub name: String,
    /// Its digests in hexadecimal digits, by algorithm.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// A file with that digest.
    #[must_use]
    pub fn file(name: &str, digest: Sha256) -> Self {
        Self::by("sha256", name, digest)
    }

    /// Its SHA-256, if that is all that it is named by.
    pub(crate) fn sha256(&self) -> Option<Sha256> {
        let hex = self.digest.get("sha256").filter(|_| self.digest.len() == 1)?;
        format!("sha256:{hex}").parse().ok()
    }

    fn by(algorithm: &str, name: &str, digest: Sha256) -> Self {
        Self { name: name.to_owned(), digest: BTreeMap::from([(algorithm.to_owned(), digest.hex())]) }
    }
}

/// A statement: what is said, and of whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    /// Whom it is about.
    pub subject: Vec<Subject>,
    predicate_type: String,
    /// What it says of them.
    pub predicate: P,
}

/// Takes what is written as long as it is what stands there, and keeps nothing.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<P: Predicate> Statement<P> {
    pub(crate) fn new(subject: Vec<Subject>, predicate: P) -> Self {
        Self { kind: STATEMENT_TYPE.to_owned(), subject, predicate_type: P::TYPE.to_owned(), predicate }
    }

    /// The bytes to sign: one line of JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what was signed.
    ///
    /// # Errors
    /// When it is no statement of that kind, or spelled otherwise than [`Self::to_bytes`] does.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let statement: Self =
            serde_json::from_slice(payload).map_err(|e| StatementError::Json(e.to_string()))?;
        equal("_type", &statement.kind, STATEMENT_TYPE)?;
        equal("predicateType", &statement.predicate_type, P::TYPE)?;
        // A key that is there twice is read in one way here, and in another elsewhere.
        let mut rest = Expected(payload);
        match serde_json::to_writer(&mut rest, &statement) {
            Ok(()) if rest.0.is_empty() => Ok(statement),
            _ => Err(StatementError::Spelling),
        }
    }

    /// Whether it says just what another one says.
    ///
    /// # Errors
    /// The first thing in which they differ.
    pub fn expect(&self, expected: &Self) -> Result<(), StatementError> {
        // Spelled out only where there is something to tell: of a large file that is half the work.
        if self == expected {
            return Ok(());
        }
        equal("subject", &self.subject.len().to_string(), &expected.subject.len().to_string())?;
        for (found, expected) in self.subject.iter().zip(&expected.subject) {
            equal("subject.name", &found.name, &expected.name)?;
            equal("subject.digest", &shown(&found.digest), &shown(&expected.digest))?;
        }
        equal("predicate", &shown(&self.predicate), &shown(&expected.predicate))
    }
}

impl Statement<Plugin> {
    /// What a publisher says of a package with those bytes and that manifest.
    #[must_use]
    pub fn of_plugin(name: &str, version: &str, package: Sha256, manifest: Sha256) -> Self {
        let subject = vec![Subject::file(name, package), Subject::file("plugin.toml", manifest)];
        Self::new(subject, Plugin { name: name.to_owned(), version: version.to_owned() })
    }
}

impl Statement<Suite> {
    /// What a publisher says of a suite with that digest over its files.
    #[must_use]
    pub fn of_suite(name: &str, tasks: usize, digest: Sha256) -> Self {
        let subject = vec![Subject::by(SUITE_DIGEST, name, digest)];
        Self::new(subject, Suite { name: name.to_owned(), tasks })
    }
}

impl Statement<Rotation> {
    /// What an old key says of the new one.
    #[must_use]
    pub fn of_rotation(old: KeyId, new: &PublicKey) -> Self {
        let predicate = Rotation { old, new: new.id(), pem: new.to_pem() };
        Self::new(vec![Subject::file("key", new.digest())], predicate)
    }

    /// The new key, if all of it is about one, and the signer is the old one.
    ///
    /// # Errors
    /// When it contradicts itself, or another key is the old one.
    pub fn successor(&self, signer: KeyId) -> Result<PublicKey, StatementError> {
        let key =
            PublicKey::from_pem(&self.predicate.pem).map_err(|error: KeyError| StatementError::Value {
                key: "predicate.pem",
                found: error.to_string(),
                expected: "the PEM file of the new key".to_owned(),
            })?;
        self.expect(&Self::of_rotation(signer, &key))?;
        Ok(key)
    }
}

/// The kind of thing that a statement says: the type of its predicate, whatever that is.
#[must_use]
pub fn predicate_type(payload: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    value.get("predicateType")?.as_str().map(str::to_owned)
}

fn shown<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn equal(key: &'static str, found: &str, expected: &str) -> Result<(), StatementError> {
    if found == expected {
        return Ok(());
    }
    let cut = |text: &str| format!("`{}`", text.chars().take(300).collect::<String>());
    Err(StatementError::Value { key, found: cut(found), expected: cut(expected) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    fn plugin() -> Statement<Plugin> {
        Statement::of_plugin("acme/choice", "1.2.0", Sha256::of(b"abc"), Sha256::of(b""))
    }

    #[test]
    fn it_is_written_as_others_read_it() {
        assert_eq!(
            String::from_utf8(plugin().to_bytes()).unwrap(),
            "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"acme/choice\",\"digest\":{\"sha256\":\
             \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}},{\"name\":\"plugin.toml\",\"digest\":\
             {\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}],\"predicateType\":\
             \"lancet:statement/plugin/v0.1\",\"predicate\":{\"name\":\"acme/choice\",\"version\":\"1.2.0\"}}"
        );
        assert_eq!(Statement::parse(&plugin().to_bytes()), Ok(plugin()));
        assert_eq!(predicate_type(&plugin().to_bytes()).as_deref(), Some(Plugin::TYPE));
    }

    #[test]
    fn what_differs_is_named() {
        let expected = plugin();
        for (name, version, package, manifest, key) in [
            ("acme/other", "1.2.0", "abc", "", "subject.name"),
            ("acme/choice", "1.2.1", "abc", "", "predicate"),
            ("acme/choice", "1.2.0", "abd", "", "subject.digest"),
            ("acme/choice", "1.2.0", "abc", "x", "subject.digest"),
        ] {
            let found = Statement::of_plugin(
                name,
                version,
                Sha256::of(package.as_bytes()),
                Sha256::of(manifest.as_bytes()),
            );
            let error = found.expect(&expected).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}` of its payload is")), "{error}");
        }
        let mut more = plugin();
        more.subject.push(Subject::file("x", Sha256::of(b"x")));
        assert!(more.expect(&expected).is_err());
        assert_eq!(plugin().expect(&expected), Ok(()));
    }

    #[test]
    fn statements_of_another_kind_are_refused() {
        let suite = Statement::of_suite("small", 3, Sha256::of(b"abc"));
        assert!(String::from_utf8(suite.to_bytes()).unwrap().contains("{\"lancetSuite1\":\"ba7816bf"));
        let error = Statement::<Plugin>::parse(&suite.to_bytes()).unwrap_err();
        assert!(!error.hint().is_empty() && matches!(error, StatementError::Json(_)), "{error}");
        let text = String::from_utf8(plugin().to_bytes()).unwrap();
        for (from, to) in [
            ("Statement/v1", "Statement/v2"),
            ("plugin/v0.1", "plugin/v0.2"),
            ("\"predicate\"", "\"more\":1,\"predicate\""),
            ("\"version\"", "\"name\""),
            (":{\"sha256\":\"ba", ":{\"sha256\":\"aa\",\"sha256\":\"ba"),
            ("\"subject\":", "\"subject\": "),
            ("1.2.0", "1.2.\\u0030"),
            (
                "\"name\":\"acme/choice\",\"version\":\"1.2.0\"",
                "\"version\":\"1.2.0\",\"name\":\"acme/choice\"",
            ),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text);
            assert!(Statement::<Plugin>::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_rotation_is_by_the_old_key_and_about_one_new_one() {
        let [old, new, other] = [(); 3].map(|()| PrivateKey::generate().unwrap().public());
        let statement = Statement::of_rotation(old.id(), &new);
        assert_eq!(statement.successor(old.id()), Ok(new.clone()));
        assert!(statement.successor(other.id()).is_err());
        let mut lying = statement.clone();
        lying.predicate.pem = other.to_pem();
        assert!(lying.successor(old.id()).is_err());
        let mut broken = statement;
        broken.predicate.pem = "x".to_owned();
        assert!(broken.successor(old.id()).unwrap_err().to_string().contains("predicate.pem"));
    }
}
