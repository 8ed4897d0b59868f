//! Bytes in a journal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes in a record. Written as text where they are UTF-8, so that a journal can
/// be read, and in base64 where they are not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Octets(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Text(String),
    Base64(String),
}

/// Bytes in base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl From<Octets> for Written {
    fn from(octets: Octets) -> Self {
        match String::from_utf8(octets.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(base64(error.as_bytes())),
        }
    }
}

impl TryFrom<Written> for Octets {
    type Error = base64::DecodeError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Base64(text) => STANDARD.decode(text).map(Self),
        }
    }
}

impl From<Vec<u8>> for Octets {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_readable_and_everything_comes_back() {
        let text = Octets(b"caf\xc3\xa9".to_vec());
        assert_eq!(serde_json::to_string(&text).unwrap(), r#"{"text":"café"}"#);
        for bytes in [text, Octets(vec![0, 255, 128]), Octets::default()] {
            let json = serde_json::to_string(&bytes).unwrap();
            assert_eq!(serde_json::from_str::<Octets>(&json).unwrap(), bytes);
        }
        assert!(serde_json::from_str::<Octets>(r#"{"base64":"!"}"#).is_err());
    }
}
