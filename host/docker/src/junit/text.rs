//! Text as tests, and what they test, write it: anything can be in it. It is told to
//! people and decides nothing, so what XML does not allow in it is replaced.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;

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
        match after.split_once(';').and_then(|(name, after)| Some((referred(name)?, after))) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_no_character_are_replaced_and_what_is_none_stays() {
        for (raw, text) in [
            ("a &lt; b &#38; &#x1F600;", "a < b & 😀"),
            ("half &#xD83D; &#55357; &#0; &#xFFFFFFFFFF; &#; &#x;", "half � � � � � �"),
            ("&nope; & &", "&nope; & &"),
            ("&amp;lt;", "&lt;"),
            ("", ""),
        ] {
            assert_eq!(plain(raw), text, "{raw}");
        }
    }
}
