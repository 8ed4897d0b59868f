//! Ed25519 keys as files that other programs read, and their ids.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use lancet_core::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base64;
use crate::error::KeyError;

/// The most bytes of a PEM file that holds a key: 4 KiB.
pub const MAX_PEM_BYTES: usize = 4 << 10;
/// How many bytes a signature has.
pub const SIGNATURE_BYTES: usize = 64;
/// An Ed25519 signature.
pub type Signature = [u8; SIGNATURE_BYTES];

/// How a PEM file begins that holds a public key, and how one that holds a private key.
const PUBLIC: &str = "PUBLIC KEY";
const PRIVATE: &str = "PRIVATE KEY";

/// What names a key: the SHA-256 of its public half as SPKI in DER. Written in base64, 44
/// characters, as cosign writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyId([u8; 32]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        base64::decode_array(text).map(Self).ok_or_else(|| KeyError::Id(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl JsonSchema for KeyId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9+/]{43}=$",
            "description": "What names a key: base64 of the SHA-256 of its public half (SPKI, DER).",
        })
    }
}

/// The public half of a key: it tells whether a signature was made with the other half.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a PEM file with a key as SPKI (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// When the text is no such file, or the key no Ed25519 key, or one with which everybody
    /// can sign.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        expect(text, PUBLIC)?;
        let key = VerifyingKey::from_public_key_pem(text.trim_end()).map_err(|e| refused(PUBLIC, &e))?;
        Self::checked(key)
    }

    /// A key by its 32 bytes, as RFC 8032 has them.
    ///
    /// # Errors
    /// When they are no key, or one with which everybody can sign.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes)
            .map_err(|_| KeyError::Refused { form: PUBLIC, why: "no point of the curve".to_owned() })?;
        Self::checked(key)
    }

    fn checked(key: VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            let why = "a point of small order, for which signatures can be made up".to_owned();
            return Err(KeyError::Refused { form: PUBLIC, why });
        }
        Ok(Self(key))
    }

    /// The PEM file: SPKI, lines that end with LF.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The key as SPKI in DER: 44 bytes.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        self.0.to_public_key_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default()
    }

    /// The 32 bytes, as RFC 8032 has them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(*self.digest().as_bytes())
    }

    /// The digest of the key as SPKI in DER, of which its id is another spelling.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.to_der())
    }

    /// Whether the signature over that message was made with this key. The strict rule: for
    /// one message and key it takes the signature that was made, and no variation of it.
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// A key with which is signed. Its memory is wiped when it is dropped, and it is never shown.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new key, of the system's random numbers.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|e| KeyError::Random(e.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a PEM file with a key as PKCS#8 (`BEGIN PRIVATE KEY`), with or without its public
    /// half in it.
    ///
    /// # Errors
    /// When the text is no such file, or the key no Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        expect(text, PRIVATE)?;
        SigningKey::from_pkcs8_pem(text.trim_end()).map(Self).map_err(|e| refused(PRIVATE, &e))
    }

    /// The PEM file: PKCS#8 without the public half, which is the form that every version of
    /// OpenSSL reads.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let bytes = KeypairBytes { secret_key: *self.0.as_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message: the same one always alike.
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Signature {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public().id())
    }
}

/// What a PEM file says that it holds.
pub(crate) fn label(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    after.split_once("-----").map(|(label, _)| label).filter(|label| label.len() <= 64)
}

/// Whether a text is a PEM file with a private key.
pub(crate) fn is_private(text: &str) -> bool {
    label(text).is_some_and(|label| label.ends_with(PRIVATE))
}

fn expect(text: &str, expected: &'static str) -> Result<(), KeyError> {
    match label(text) {
        Some(found) if found == expected => alone(text, expected),
        Some(found) => Err(KeyError::Label { expected, found: found.to_owned() }),
        None => Err(KeyError::NoPem { expected }),
    }
}

/// Whether a PEM file has one key, which begins a line, and nothing behind it: of several nobody
/// knows which one was meant, and other programs take another.
fn alone(text: &str, form: &'static str) -> Result<(), KeyError> {
    let refused = |why: &str| Err(KeyError::Refused { form, why: why.to_owned() });
    let (before, _) = text.split_once("-----BEGIN ").unwrap_or_default();
    if !(before.is_empty() || before.ends_with(['\n', '\r'])) {
        return refused("`-----BEGIN` does not begin a line");
    }
    if text.matches("-----BEGIN ").count() > 1 {
        return refused("there are several, expected one in a file of its own");
    }
    match text.rsplit_once("-----END ").and_then(|(_, end)| end.split_once("-----")) {
        Some((_, behind)) if !behind.trim().is_empty() => {
            refused("something is behind `-----END`, expected nothing")
        }
        _ => Ok(()),
    }
}

fn refused(form: &'static str, why: &dyn fmt::Display) -> KeyError {
    KeyError::Refused { form, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test of RFC 8032, section 7.1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC_BYTES: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const OF_NOTHING: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

    pub(crate) fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<u8> =
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect();
        bytes.try_into().unwrap()
    }

    #[test]
    fn it_signs_as_the_standard_says() {
        let key = PrivateKey(SigningKey::from_bytes(&hex(SEED)));
        assert_eq!(key.public().as_bytes(), &hex(PUBLIC_BYTES));
        let signature = key.signature(b"");
        assert_eq!(signature, hex(OF_NOTHING));
        assert!(key.public().has_signed(b"", &signature));
        assert!(!key.public().has_signed(b"x", &signature));
    }

    #[test]
    fn files_are_read_as_they_were_written() {
        let key = PrivateKey::generate().unwrap();
        let read = PrivateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(read.public(), key.public());
        let public = PublicKey::from_pem(&key.public().to_pem()).unwrap();
        assert_eq!(public, key.public());
        assert_eq!(public.id().to_string().parse::<KeyId>(), Ok(public.id()));
        assert_eq!(public.id().to_string().len(), 44);
        assert_ne!(PrivateKey::generate().unwrap().public(), key.public());
        assert_eq!(public.to_der().len(), 44);
    }

    #[test]
    fn a_key_with_its_public_half_is_read_too_and_has_to_agree() {
        let key = PrivateKey::generate().unwrap();
        let with = key.0.to_pkcs8_pem(LineEnding::LF).unwrap();
        assert_ne!(*with, *key.to_pem());
        assert_eq!(PrivateKey::from_pem(&with).unwrap().public(), key.public());
        let mut pair = KeypairBytes::from_bytes(&key.0.to_keypair_bytes());
        pair.public_key =
            KeypairBytes::from_bytes(&PrivateKey::generate().unwrap().0.to_keypair_bytes()).public_key;
        let lying = pair.to_pkcs8_pem(LineEnding::LF).unwrap();
        assert!(matches!(PrivateKey::from_pem(&lying), Err(KeyError::Refused { .. })));
    }

    #[test]
    fn a_file_holds_one_key_however_its_lines_end() {
        let key = PrivateKey::generate().unwrap();
        let (public, private) = (key.public().to_pem(), key.to_pem());
        let spelled = |pem: &str| {
            [pem.to_owned(), pem.replace('\n', "\r\n"), pem.trim_end().to_owned(), format!("{pem}\n \r\n")]
        };
        for text in spelled(&public) {
            assert_eq!(PublicKey::from_pem(&text), Ok(key.public()), "{text:?}");
        }
        for text in spelled(&private) {
            assert_eq!(PrivateKey::from_pem(&text).unwrap().public(), key.public());
        }
        let other = PrivateKey::generate().unwrap();
        // Of two keys nobody knows which one was meant.
        for (text, expected) in [
            (format!("{public}{}", other.public().to_pem()), "there are several"),
            (format!("{public}{}", *private), "there are several"),
            (format!("{public}x"), "something is behind `-----END`"),
            (format!("\u{feff}{public}"), "does not begin a line"),
            (public.replacen("MC", "M C", 1), "Base64"),
        ] {
            let error = PublicKey::from_pem(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let two = format!("{}{}", *private, *other.to_pem());
        assert!(PrivateKey::from_pem(&two).unwrap_err().to_string().contains("there are several"));
        assert_eq!(PublicKey::from_pem(&format!("Ours.\n{public}")), Ok(key.public()));
    }

    #[test]
    fn nothing_shows_a_private_key() {
        let key = PrivateKey::generate().unwrap();
        let shown = format!("{key:?}");
        assert!(!key.to_pem().lines().any(|line| !line.starts_with('-') && shown.contains(line)));
        assert!(shown.contains(&key.public().id().to_string()));
    }

    #[test]
    fn what_is_no_such_file_is_told_from_one_another() {
        let key = PrivateKey::generate().unwrap();
        for (text, expected) in [
            ("", "no PEM file, expected one that begins with `-----BEGIN PUBLIC KEY-----`"),
            ("-----BEGIN PUBLIC KEY-----", "it is no Ed25519 key"),
            ("-----BEGIN CERTIFICATE-----\n", "holds `CERTIFICATE`, expected `PUBLIC KEY`"),
            (&key.to_pem(), "holds `PRIVATE KEY`, expected `PUBLIC KEY`"),
            // A key for X25519, which has another object identifier.
            (
                "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n-----END PUBLIC KEY-----\n",
                "it is no Ed25519 key",
            ),
            // All zeros: a point of order 4.
            (
                "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n",
                "small order",
            ),
        ] {
            let error = PublicKey::from_pem(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
            assert!(!error.hint().is_empty());
        }
        for label in ["ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "PUBLIC KEY"] {
            let error = PrivateKey::from_pem(&format!("-----BEGIN {label}-----\n")).unwrap_err();
            assert!(
                error.to_string().contains(&format!("holds `{label}`, expected `PRIVATE KEY`")),
                "{error}"
            );
        }
        for id in ["", "abc", &"A".repeat(44)] {
            assert!(id.parse::<KeyId>().is_err(), "{id}");
        }
    }
}
