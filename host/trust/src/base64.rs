//! Base64 with one spelling for each sequence of bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// The standard alphabet, with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What [`encode`] made, and nothing else: no other alphabet, no white space, no padding left
/// out, and no bits set that stand for nothing.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The same for so many bytes.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// Either alphabet, as DSSE lets others write it.
pub(crate) fn decode_any(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        assert_eq!(encode(b"\xfb\xff"), "+/8=");
        assert_eq!(decode("+/8="), Some(b"\xfb\xff".to_vec()));
        for other in ["-_8=", "+/8", "+/9=", "+/8=\n", " +/8=", "+/8==", "+ /8="] {
            assert_eq!(decode(other), None, "{other:?}");
        }
        assert_eq!(decode_any("-_8="), Some(b"\xfb\xff".to_vec()));
        assert_eq!(decode_any("+_8="), None);
        assert_eq!(decode_array::<3>("+/8="), None);
    }
}
