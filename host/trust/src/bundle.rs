//! A signed statement as a file: a DSSE envelope in a sigstore bundle v0.3, in one spelling.
//!
//! A verifier of plain DSSE takes many files for one signature: other white space, another
//! alphabet of base64, bits that stand for nothing, any `keyid`. Here a file is read, and then
//! compared with how it is written, so that there is one file for each key and statement, and a
//! change of any bit is found.

use std::borrow::Cow;

use serde::Deserialize;

use crate::base64;
use crate::error::{BundleError, SignerError};
use crate::key::{KeyId, PublicKey, SIGNATURE_BYTES, Signature};
use crate::signer::Signer;

/// What a bundle says that it is.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What the payload says that it is: an in-toto Statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The most bytes of a bundle: 16 MiB, which is the list of 50,000 verdicts.
pub const MAX_BUNDLE_BYTES: usize = 16 << 20;

/// The file. Its fields are in the order in which they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow)]
    media_type: Cow<'a, str>,
    #[serde(borrow)]
    verification_material: Material<'a>,
    #[serde(borrow)]
    dsse_envelope: Envelope<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Material<'a> {
    #[serde(borrow)]
    public_key: Hint<'a>,
    /// Entries of a public log, of which there are none: verifiers of such bundles want the key.
    #[serde(rename = "tlogEntries")]
    _tlog_entries: [(); 0],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint<'a> {
    #[serde(borrow)]
    hint: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    signatures: [Signed<'a>; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed<'a> {
    #[serde(borrow)]
    sig: Cow<'a, str>,
    #[serde(borrow)]
    keyid: Cow<'a, str>,
}

/// The file in pieces, which one after the other are its text. None of what is put in has a
/// character that JSON writes otherwise.
fn pieces<'a>(keyid: &'a str, payload: &'a str, sig: &'a str) -> [&'a str; 13] {
    [
        r#"{"mediaType":""#,
        BUNDLE_TYPE,
        r#"","verificationMaterial":{"publicKey":{"hint":""#,
        keyid,
        r#""},"tlogEntries":[]},"dsseEnvelope":{"payload":""#,
        payload,
        r#"","payloadType":""#,
        PAYLOAD_TYPE,
        r#"","signatures":[{"sig":""#,
        sig,
        r#"","keyid":""#,
        keyid,
        "\"}]}}\n",
    ]
}

/// What is signed of a payload: DSSE's pre-authentication encoding, in which type and payload
/// are framed by their lengths.
///
/// ```
/// let bytes = lancet_trust::encoded("http://example.com/HelloWorld", b"hello world");
/// assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
/// ```
#[must_use]
pub fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// A bundle that was read, and not verified: what it says is had from [`Self::verify`] alone.
#[derive(Debug, Clone)]
pub struct Bundle {
    key: KeyId,
    payload: Vec<u8>,
    signature: Signature,
}

impl Bundle {
    /// Signs a payload.
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    pub fn sign(payload: &[u8], signer: &dyn Signer) -> Result<Self, SignerError> {
        let signature = signer.sign(&encoded(PAYLOAD_TYPE, payload))?;
        Ok(Self { key: signer.public().id(), payload: payload.to_vec(), signature })
    }

    /// The file: one line of JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (keyid, payload, sig) =
            (self.key.to_string(), base64::encode(&self.payload), base64::encode(&self.signature));
        pieces(&keyid, &payload, &sig).concat()
    }

    /// Reads a file that [`Self::to_text`] made, and no other.
    ///
    /// # Errors
    /// When it is too large, of another form, or spelled otherwise.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLarge);
        }
        let file: File = serde_json::from_slice(bytes).map_err(|e| BundleError::Json(e.to_string()))?;
        expect("mediaType", &file.media_type, BUNDLE_TYPE)?;
        let Envelope { payload, payload_type, signatures: [signed] } = &file.dsse_envelope;
        expect("dsseEnvelope.payloadType", payload_type, PAYLOAD_TYPE)?;
        let key: KeyId = signed.keyid.parse().map_err(|_| {
            value(
                "dsseEnvelope.signatures[0].keyid",
                &signed.keyid,
                "the id of a key: 44 characters of base64",
            )
        })?;
        expect(
            "verificationMaterial.publicKey.hint",
            &file.verification_material.public_key.hint,
            &signed.keyid,
        )?;
        let signature: Signature = base64::decode_array(&signed.sig).ok_or_else(|| {
            let expected = format!("{SIGNATURE_BYTES} bytes in base64, of the standard alphabet");
            value("dsseEnvelope.signatures[0].sig", &signed.sig, &expected)
        })?;
        let read = base64::decode(payload).ok_or_else(|| {
            value("dsseEnvelope.payload", payload, "base64 of the standard alphabet, with padding")
        })?;
        // What is in the pieces has one spelling itself: base64 was read strictly.
        let mut rest = bytes;
        for piece in pieces(&signed.keyid, payload, &signed.sig) {
            rest = rest.strip_prefix(piece.as_bytes()).ok_or_else(|| {
                let same = piece.bytes().zip(rest).take_while(|(one, other)| one == *other).count();
                BundleError::Spelling(bytes.len() - rest.len() + same)
            })?;
        }
        if !rest.is_empty() {
            return Err(BundleError::Spelling(bytes.len() - rest.len()));
        }
        Ok(Self { key, payload: read, signature })
    }

    /// The key that it says has signed it.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// What was signed, if that key has signed it.
    ///
    /// # Errors
    /// When another key is named in it, or the signature is not one of that key over the payload.
    pub fn verify(&self, key: &PublicKey) -> Result<&[u8], BundleError> {
        let id = key.id();
        if id != self.key {
            return Err(value("dsseEnvelope.signatures[0].keyid", &self.key.to_string(), &id.to_string()));
        }
        if !key.has_signed(&encoded(PAYLOAD_TYPE, &self.payload), &self.signature) {
            return Err(BundleError::Signature(id));
        }
        Ok(&self.payload)
    }
}

fn expect(key: &'static str, found: &str, expected: &str) -> Result<(), BundleError> {
    if found == expected { Ok(()) } else { Err(value(key, found, &format!("`{expected}`"))) }
}

fn value(key: &'static str, found: &str, expected: &str) -> BundleError {
    let found = match found.chars().count() {
        0..=80 => format!("`{found}`"),
        _ => format!("`{}…`", found.chars().take(80).collect::<String>()),
    };
    BundleError::Value { key, found, expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    fn signed(payload: &[u8]) -> (PrivateKey, String) {
        let key = PrivateKey::generate().unwrap();
        let text = Bundle::sign(payload, &key).unwrap().to_text();
        (key, text)
    }

    fn verified(text: &[u8], key: &PublicKey) -> Result<Vec<u8>, BundleError> {
        Bundle::parse(text)?.verify(key).map(<[u8]>::to_vec)
    }

    #[test]
    fn what_was_signed_is_what_comes_back() {
        for payload in [&b""[..], b"{}", &[0xff; 1000]] {
            let (key, text) = signed(payload);
            assert_eq!(verified(text.as_bytes(), &key.public()).unwrap(), payload);
            assert_eq!(text.matches('\n').count(), 1);
            // One file for each key and payload.
            assert_eq!(Bundle::sign(payload, &key).unwrap().to_text(), text);
        }
    }

    #[test]
    fn each_changed_bit_is_found() {
        let (key, text) = signed(br#"{"_type":"https://in-toto.io/Statement/v1"}"#);
        let public = key.public();
        let mut bytes = text.into_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(verified(&bytes, &public).is_err(), "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
        assert!(verified(&bytes, &public).is_ok());
        for at in 0..bytes.len() {
            let mut without = bytes.clone();
            without.remove(at);
            assert!(verified(&without, &public).is_err(), "without byte {at}");
            for more in [b' ', b'\n', b'A', b'=', b'"', bytes[at]] {
                let mut with = bytes.clone();
                with.insert(at, more);
                assert!(verified(&with, &public).is_err(), "with {more} before byte {at}");
            }
        }
        assert!(verified(&[&bytes[..], b"\n"].concat(), &public).is_err());
    }

    #[test]
    fn other_spellings_of_the_same_are_refused() {
        let (key, text) = signed(b"\xfb\xff\xfe payload");
        let line = text.trim_end();
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let keyid = value["dsseEnvelope"]["signatures"][0]["keyid"].as_str().unwrap().to_owned();
        for (other, expected) in [
            (line.to_owned(), "byte"),
            (serde_json::to_string_pretty(&value).unwrap(), "byte"),
            (serde_json::to_string(&value).unwrap() + "\n", "byte"),
            (text.replace("\"hint\"", "\"h\\u0069nt\""), "byte"),
            (text.replace('+', "-"), "expected"),
            (text.replace("\"tlogEntries\":[]", "\"tlogEntries\":[null]"), "no sigstore bundle"),
            (text.replace("\"tlogEntries\":[]", "\"tlogEntries\":[],\"x\":1"), "unknown field `x`"),
            (text.replace(",\"tlogEntries\":[]", ""), "missing field `tlogEntries`"),
            (text.replace("v0.3", "v0.2"), "`mediaType` is"),
            (text.replace("in-toto", "in-tata"), "`dsseEnvelope.payloadType` is"),
            (text.replacen(&keyid, "abc", 1), "publicKey.hint` is `abc`"),
            (text.replace(&keyid, "abc"), "keyid` is `abc`, expected the id of a key"),
            (text.replace("\"mediaType\":", "\"mediaType\":\"x\",\"mediaType\":"), "duplicate field"),
            (
                text.replace("\"signatures\":[", "\"signatures\":[{\"sig\":\"\",\"keyid\":\"\"},"),
                "no sigstore bundle",
            ),
            (String::new(), "no sigstore bundle"),
            ("[".repeat(100_000), "no sigstore bundle"),
            (" ".repeat(MAX_BUNDLE_BYTES + 1), "more than"),
        ] {
            let error = verified(other.as_bytes(), &key.public()).unwrap_err();
            assert!(error.to_string().contains(expected), "{expected}: {error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn a_key_signs_for_itself_alone() {
        let (key, text) = signed(b"{}");
        let (other, _) = signed(b"{}");
        let id = key.public().id().to_string();
        let error = verified(text.as_bytes(), &other.public()).unwrap_err();
        assert!(error.to_string().contains(&format!("keyid` is `{id}`, expected")), "{error}");
        // Whoever puts a name in is not believed for it.
        let lying = text.replace(&id, &other.public().id().to_string());
        assert_eq!(
            verified(lying.as_bytes(), &other.public()),
            Err(BundleError::Signature(other.public().id()))
        );
    }
}
