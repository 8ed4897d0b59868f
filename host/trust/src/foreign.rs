//! Signed statements that other tools wrote: any DSSE envelope, bare or in a sigstore bundle,
//! with any in-toto Statement v1.

use std::collections::BTreeMap;

use lancet_core::Sha256;
use serde::Deserialize;

use crate::base64;
use crate::bundle::{MAX_BUNDLE_BYTES, PAYLOAD_TYPE, encoded};
use crate::error::{BundleError, StatementError};
use crate::key::{PublicKey, Signature};
use crate::statement::STATEMENT_TYPE;
use crate::unique::unique;

/// The most signatures that are tried.
const MAX_SIGNATURES: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    sig: String,
}

/// An envelope of somebody else's. Names of keys in it are hints, and count for nothing.
#[derive(Debug, Clone)]
pub struct Foreign {
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Foreign {
    /// Reads an envelope, bare or in a bundle, with what else may be in it.
    ///
    /// # Errors
    /// When it is too large, of another form, or its payload no in-toto Statement by its type.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLarge);
        }
        let bare = |e: serde_json::Error| {
            serde_json::from_slice::<Envelope>(bytes)
                .map_err(|bare| BundleError::Json(format!("neither in a bundle ({e}) nor bare ({bare})")))
        };
        let envelope = match serde_json::from_slice::<File>(bytes) {
            Ok(file) => file.dsse_envelope,
            Err(error) => bare(error)?,
        };
        unique(bytes).map_err(|error| BundleError::Json(error.to_string()))?;
        let value = |key, found: &str, expected: &str| BundleError::Value {
            key,
            found: format!("`{}`", found.chars().take(80).collect::<String>()),
            expected: expected.to_owned(),
        };
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(value("payloadType", &envelope.payload_type, &format!("`{PAYLOAD_TYPE}`")));
        }
        if envelope.signatures.is_empty() || envelope.signatures.len() > MAX_SIGNATURES {
            let found = format!("{} signatures", envelope.signatures.len());
            return Err(value("signatures", &found, &format!("1 to {MAX_SIGNATURES}")));
        }
        let payload = base64::decode_any(&envelope.payload)
            .ok_or_else(|| value("payload", &envelope.payload, "base64"))?;
        let signatures = envelope
            .signatures
            .iter()
            .map(|signed| base64::decode_any(&signed.sig).ok_or_else(|| value("sig", &signed.sig, "base64")))
            .collect::<Result<_, _>>()?;
        Ok(Self { payload, signatures })
    }

    /// The first of the keys that has signed it, and what it says.
    ///
    /// # Errors
    /// When none has.
    pub fn verify<'k>(&self, keys: &'k [PublicKey]) -> Result<(&'k PublicKey, &[u8]), BundleError> {
        let message = encoded(PAYLOAD_TYPE, &self.payload);
        let signatures: Vec<_> =
            self.signatures.iter().filter_map(|bytes| Signature::try_from(bytes.as_slice()).ok()).collect();
        let has_signed = |key: &&PublicKey| signatures.iter().any(|one| key.has_signed(&message, one));
        let nobody = BundleError::Nobody { signatures: self.signatures.len(), keys: keys.len() };
        keys.iter().find(has_signed).map(|key| (key, self.payload.as_slice())).ok_or(nobody)
    }
}

/// Any in-toto Statement v1: whom it is about. What it says of them is for whoever knows its
/// type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignStatement {
    #[serde(rename = "_type")]
    kind: String,
    /// Whom it is about.
    pub subject: Vec<ForeignSubject>,
    /// What kind of thing it says.
    pub predicate_type: String,
}

/// Somebody whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ForeignSubject {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its digests by algorithm.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

impl ForeignSubject {
    /// Its SHA-256, where it has one.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        format!("sha256:{}", self.digest.get("sha256")?).parse().ok()
    }
}

impl ForeignStatement {
    /// Reads what was signed.
    ///
    /// # Errors
    /// When it is no in-toto Statement v1.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let statement: Self =
            serde_json::from_slice(payload).map_err(|e| StatementError::Json(e.to_string()))?;
        unique(payload).map_err(|e| StatementError::Json(e.to_string()))?;
        if statement.kind != STATEMENT_TYPE {
            let found = format!("`{}`", statement.kind.chars().take(80).collect::<String>());
            let expected = format!("`{STATEMENT_TYPE}`");
            return Err(StatementError::Value { key: "_type", found, expected });
        }
        Ok(statement)
    }

    /// Whether it is about whoever has that digest.
    #[must_use]
    pub fn is_about(&self, digest: Sha256) -> bool {
        self.subject.iter().any(|subject| subject.sha256() == Some(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::key::PrivateKey;

    const STATEMENT: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","sha1":"00"}},{"uri":"y"}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"a":1}}"#;

    #[test]
    fn our_own_and_others_are_taken() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let keys = [other.public(), key.public()];
        let text = Bundle::sign(STATEMENT, &key).unwrap().to_text();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let envelope = value["dsseEnvelope"].to_string();
        let mut urls = value["dsseEnvelope"].clone();
        for pointer in ["/payload", "/signatures/0/sig"] {
            let text = urls.pointer_mut(pointer).unwrap();
            *text = text.as_str().unwrap().replace('+', "-").replace('/', "_").into();
        }
        for text in [
            text.clone(),
            envelope.clone(),
            serde_json::to_string_pretty(&value).unwrap(),
            urls.to_string(),
            text.replace("\"tlogEntries\":[]", "\"tlogEntries\":[{\"logIndex\":\"1\"}]"),
            envelope.replace("\"signatures\":[", "\"signatures\":[{\"sig\":\"AAAA\"},"),
        ] {
            let foreign = Foreign::parse(text.as_bytes()).unwrap();
            let (by, payload) = foreign.verify(&keys).unwrap();
            assert_eq!(*by, key.public());
            let statement = ForeignStatement::parse(payload).unwrap();
            assert!(statement.is_about(Sha256::of(b"abc")) && !statement.is_about(Sha256::of(b"abd")));
            assert_eq!(statement.predicate_type, "https://slsa.dev/provenance/v1");
            assert!(foreign.verify(&keys[..1]).is_err());
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let key = PrivateKey::generate().unwrap();
        let text = Bundle::sign(STATEMENT, &key).unwrap().to_text();
        for (text, expected) in [
            ("{}".to_owned(), "neither in a bundle"),
            (text.replace("in-toto+json", "other+json"), "`payloadType` is"),
            (text.replace("\"payload\":\"", "\"payload\":\"!"), "`payload` is"),
            (text.replace("\"sig\":\"", "\"sig\":\"!"), "`sig` is"),
            (" ".repeat(MAX_BUNDLE_BYTES + 1), "more than"),
            (
                r#"{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}"#.to_owned(),
                "0 signatures",
            ),
        ] {
            let error = Foreign::parse(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let changed = text.replace("\"payload\":\"ey", "\"payload\":\"e3");
        assert!(Foreign::parse(changed.as_bytes()).unwrap().verify(&[key.public()]).is_err());
        let other = String::from_utf8_lossy(STATEMENT).replace("Statement/v1", "Statement/v0.1");
        assert!(ForeignStatement::parse(other.as_bytes()).is_err());
        assert!(ForeignStatement::parse(b"[]").is_err());
        // Of two digests of one kind another reader may take the other.
        let twice = String::from_utf8_lossy(STATEMENT).replace("\"sha1\":\"00\"", "\"sha256\":\"00\"");
        let error = ForeignStatement::parse(twice.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("the key `sha256` is there twice"), "{error}");
        let twice = text.replace("\"tlogEntries\":[]", "\"tlogEntries\":[],\"a\":1,\"a\":2");
        assert!(Foreign::parse(twice.as_bytes()).unwrap_err().to_string().contains("`a` is there twice"));
    }
}
