//! Text as tests, and what they test, write it: anything can be in it. It is told to
//! people and decides nothing, so what XML does not allow in it is replaced.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;

/// The most bytes of a reference, its `&` left out.
const MAX_REFERENCE_BYTES: usize = 32;

/// What a reference stands for in text: U+FFFD for a character that there is not,
/// such as half a surrogate pair or NUL; `None` for an entity that is none of XML's own.
pub(super) fn referred(reference: &str) -> Option<Cow<'static, str>> {
    let Some(number) = reference.strip_prefix('#') else {
        return resolve_xml_entity(reference).map(Cow::Borrowed);
    };
    let code = match number.strip_prefix('x') {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => number.parse(),
    };
    let character = code.ok().filter(|code| *code != 0).and_then(char::from_u32);
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    Some(Cow::Owned(character.to_string()))
}

/// An attribute's text with its references resolved; what is no reference stays as it
/// is.
pub(super) fn plain(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        match reference(after).and_then(|(name, after)| Some((referred(name)?, after))) {
            Some((character, after)) => {
                text.push_str(&character);
                rest = after;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

/// Takes a reference off, which is behind its `&`. Looked at is no more than what may be
/// one: text may be all `&`.
fn reference(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take(MAX_REFERENCE_BYTES).position(|byte| matches!(byte, b';' | b'&'))?;
    text[end..].strip_prefix(';').map(|rest| (&text[..end], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_full_of_ampersands_takes_no_longer_than_its_length() {
        let started = std::time::Instant::now();
        for raw in ["&".repeat(4 << 20), "&x".repeat(2 << 20), format!("{};", "&".repeat(4 << 20))] {
            assert_eq!(plain(&raw), raw);
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn references_to_no_character_are_replaced_and_what_is_none_stays() {
        for (raw, text) in [
            ("a &lt; b &#38; &#x1F600;", "a < b & 😀"),
            ("half &#xD83D; &#55357; &#0; &#xFFFFFFFFFF; &#; &#x;", "half � � � � � �"),
            ("&nope; & &", "&nope; & &"),
            ("&#a&lt;&&gt;ü&ü;", "&#a<&>ü&ü;"),
            ("&amp;lt;", "&lt;"),
            ("", ""),
        ] {
            assert_eq!(plain(raw), text, "{raw}");
        }
    }
}
