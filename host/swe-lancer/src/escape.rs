//! The escapes in the texts of SWE-Lancer's table, read without damage or as the reference reads them.

use std::borrow::Cow;

/// Why the reference could not read a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the reference fails on `{escape}` (byte {offset}): {reason}")]
pub struct UnfaithfulError {
    offset: usize,
    escape: String,
    reason: &'static str,
}

/// Decodes the escapes of a column without damage; see [`TextMode::Fixed`](lancet_suite::TextMode::Fixed).
#[must_use]
pub fn decode_fixed(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (character, used) = match after.as_bytes().first() {
            Some(b'n') => (Some('\n'), 1),
            Some(b'r') => (Some('\r'), 1),
            Some(b't') => (Some('\t'), 1),
            Some(quoted @ (b'\'' | b'"' | b'\\')) => (Some(char::from(*quoted)), 1),
            Some(b'x') => printable(after, 2),
            Some(b'u') => printable(after, 4),
            Some(b'U') => printable(after, 8),
            _ => (None, 0),
        };
        out.push(character.unwrap_or('\\'));
        rest = &after[used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of an escape, the letter and `count` digits of which begin
/// `text`, and how many bytes of `text` it takes.
fn printable(text: &str, count: usize) -> (Option<char>, usize) {
    let Some(code) = hexadecimal(text.as_bytes(), 1, count) else { return (None, 0) };
    let used = 1 + count;
    if (0xd800..0xdc00).contains(&code) {
        // The first half of a pair, of which the second has to follow.
        let low = text.get(used..).and_then(|rest| rest.strip_prefix("\\u"));
        let low = low.and_then(|digits| hexadecimal(digits.as_bytes(), 0, 4));
        return match low {
            Some(low) if (0xdc00..0xe000).contains(&low) => {
                (char::from_u32(0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00)), used + 6)
            }
            _ => (None, 0),
        };
    }
    match char::from_u32(code) {
        Some(c) if !c.is_control() => (Some(c), used),
        _ => (None, 0),
    }
}

fn hexadecimal(bytes: &[u8], from: usize, count: usize) -> Option<u32> {
    bytes.get(from..from + count)?.iter().try_fold(0u32, |value, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some(value.wrapping_shl(4) | digit)
    })
}

/// Decodes a column as the reference does: `text.encode("utf-8")`, then
/// `.decode("unicode_escape")`. Each byte that is not ASCII becomes the
/// character of its number.
///
/// Two things differ, because the result has to be text: the halves of a
/// surrogate pair are put together, and a lone half becomes U+FFFD.
///
/// # Errors
/// Where Python raises: a `\x`, `\u` or `\U` without its digits or beyond
/// Unicode, a backslash at the end. Also at `\N{…}`, for which a table of all
/// names would be needed.
pub fn decode_faithful(text: &str) -> Result<String, UnfaithfulError> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut at = 0;
    let mut pending_high: Option<u32> = None;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            flush(&mut out, &mut pending_high);
            out.push(char::from(byte));
            at += 1;
            continue;
        }
        let error = |reason| {
            let end = text.floor_char_boundary(at + 12);
            UnfaithfulError { offset: at, escape: text[at..end].to_owned(), reason }
        };
        let (code, used) = match bytes.get(at + 1) {
            None => return Err(error("a backslash at the end")),
            Some(b'\n') => {
                at += 2;
                continue;
            }
            Some(same @ (b'\\' | b'\'' | b'"')) => (u32::from(*same), 2),
            Some(b'a') => (0x07, 2),
            Some(b'b') => (0x08, 2),
            Some(b'f') => (0x0c, 2),
            Some(b'n') => (0x0a, 2),
            Some(b'r') => (0x0d, 2),
            Some(b't') => (0x09, 2),
            Some(b'v') => (0x0b, 2),
            Some(b'0'..=b'7') => {
                let digits = bytes[at + 1..].iter().take(3).take_while(|b| (b'0'..=b'7').contains(b));
                digits.fold((0, 1), |(value, used), digit| (value * 8 + u32::from(digit - b'0'), used + 1))
            }
            Some(letter @ (b'x' | b'u' | b'U')) => {
                let count = match letter {
                    b'x' => 2,
                    b'u' => 4,
                    _ => 8,
                };
                match hexadecimal(bytes, at + 2, count) {
                    Some(code) if code <= 0x10_ffff => (code, 2 + count),
                    Some(_) => return Err(error("there is no such character")),
                    None => return Err(error("hexadecimal digits are missing")),
                }
            }
            Some(b'N') => return Err(error("characters by name are not supported here")),
            // Unknown: the backslash stays, and what follows is read as usual.
            Some(_) => (u32::from(b'\\'), 1),
        };
        at += used;
        match pending_high {
            Some(high) if (0xdc00..0xe000).contains(&code) => {
                pending_high = None;
                let whole = 0x1_0000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                out.push(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => {
                flush(&mut out, &mut pending_high);
                if (0xd800..0xdc00).contains(&code) {
                    pending_high = Some(code);
                } else {
                    out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
        }
    }
    flush(&mut out, &mut pending_high);
    Ok(out)
}

fn flush(out: &mut String, pending_high: &mut Option<u32>) {
    if pending_high.take().is_some() {
        out.push(char::REPLACEMENT_CHARACTER);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fixed_decodes_escapes_and_nothing_else() {
        for (text, expected) in [
            ("plain", "plain"),
            (r"a\nb\r\nc\td", "a\nb\r\nc\td"),
            ("it\\'s \\\"x\\\"", "it's \"x\""),
            ("é – 😀\\n", "é – 😀\n"),
            (r"C:\users\é", r"C:\users\é"),
            (r"a\\nb", r"a\nb"),
            (r"\u00e9\xe9\U0001f600\ud83d\ude00", "éé😀😀"),
            (r"\u12 \xg1 \U0011ffff \ud83d \x07 \u0000", r"\u12 \xg1 \U0011ffff \ud83d \x07 \u0000"),
            (r"\s \* \2 \bword\b \/ \[", r"\s \* \2 \bword\b \/ \["),
            ("end\\", "end\\"),
        ] {
            assert_eq!(decode_fixed(text), expected, "{text}");
        }
    }

    // What `text.encode().decode("unicode_escape")` of Python 3 gives.
    #[test]
    fn faithful_damages_as_the_reference_does() {
        for (text, expected) in [
            ("é\\n", "Ã©\n"),
            ("’", "â\u{80}\u{99}"),
            (r"\2\s\*\u00e9\'\101\777", "\x02\\s\\*é'A\u{1ff}"),
            (r"a\\nb", r"a\nb"),
            ("a\\\nb", "ab"),
            (r"\ud83d\ude00 \ud83d", "😀 \u{fffd}"),
        ] {
            assert_eq!(decode_faithful(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [r"C:\users", r"\x1", "end\\", r"\U00110000", r"\N{DASH}", "\\ué"] {
            assert!(decode_faithful(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), escapes in "[\\\\nrtxuUN'\"0-9a-fé]{0,40}") {
            for text in [text, escapes] {
                let _ = decode_fixed(&text);
                let _ = decode_faithful(&text);
                if !text.contains('\\') {
                    prop_assert_eq!(&*decode_fixed(&text), text.as_str());
                }
            }
        }
    }
}
