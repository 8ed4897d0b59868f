//! Texts of strangers, such that showing them does nothing but show them.

use std::borrow::Cow;

/// A text from a suite or a plugin, such that showing it does nothing but show
/// it: control characters (line ends and escape sequences), characters that turn
/// the direction of writing and invisible ones are written out as escapes.
pub(crate) fn display_safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.extend(c.escape_default()),
            c if is_unsafe(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Line and paragraph separators.
            '\u{2028}' | '\u{2029}'
            // Direction: marks, embeddings, overrides, isolates.
            | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Without any width: two texts that look the same would differ.
            | '\u{00ad}' | '\u{034f}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1345f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            // Letters and signs that are drawn as nothing.
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{1d159}'
            // What looks like a space and is none.
            | '\u{00a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}'
            // Nothing that anybody has agreed on.
            | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}')
}

/// JSON whose texts do nothing but be shown where it is printed: what [`display_safe`] writes
/// out is an escape of JSON's own here, so that a parser reads the same texts. What is not
/// ASCII stands in texts alone.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let escaped = |c: char| c != '\n' && is_unsafe(c);
    if !text.chars().any(escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// A safe text of at most `width` characters, the end of a longer one replaced by
/// `…`.
pub(crate) fn clipped(text: &str, width: usize) -> String {
    let safe = display_safe(text);
    if safe.chars().count() <= width {
        return safe.into_owned();
    }
    safe.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A safe text as Markdown that shows just it.
pub(super) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let safe = display_safe(text);
    let mut rest = safe.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        let inside = before.is_alphanumeric() && rest.peek().is_some_and(|c| c.is_alphanumeric());
        let marks = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '&' => true,
            // Inside a word it marks nothing.
            '_' => !inside,
            _ => false,
        };
        if marks {
            escaped.push('\\');
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

/// A safe text for a cell of a spreadsheet, where it must not begin a formula. A sign alone
/// and a number are none.
pub(super) fn spreadsheet(text: &str) -> String {
    // The wide forms count as the narrow ones where people write them.
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let safe = display_safe(text);
    let begins =
        safe.strip_prefix(SIGNS).is_some_and(|rest| !rest.is_empty() && safe.parse::<f64>().is_err());
    format!("{}{safe}", if begins { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert!(matches!(display_safe("plain – text, 中文"), Cow::Borrowed(_)));
        assert_eq!(display_safe("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\\nc");
        assert_eq!(display_safe("\u{9b}31m\u{7f}\0"), "\\u{9b}31m\\u{7f}\\u{0}");
        assert_eq!(display_safe("gold\u{202e}ton"), "gold\\u{202e}ton");
        assert_eq!(display_safe("fi\u{200b}rst"), "fi\\u{200b}rst");
    }

    #[test]
    fn what_is_drawn_as_nothing_is_written_out() {
        // Hangul fillers, a blank of Braille, a joiner, selectors of variants, Khmer's silent vowels,
        // signs of music and shorthand, spaces that are none.
        for c in "\u{3164}\u{115f}\u{1160}\u{2800}\u{34f}\u{ffa0}\u{fe00}\u{fe0f}\u{e0100}\u{e01ef}\u{180b}\u{180f}\u{17b4}\u{2064}\u{1d159}\u{1d173}\u{1bca0}\u{a0}\u{2003}\u{202f}\u{fff0}\u{ffff}".chars() {
            let shown = display_safe(&format!("a{c}b")).into_owned();
            assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(c)));
            assert!(shown.is_ascii());
        }
        // Letters of any script, accents and pictures are text.
        assert!(matches!(display_safe("한글 ក é e\u{301} 🎉 全角\u{3000}"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same_and_turns_nothing() {
        let text = "plain – 中文\n\t\u{1b}[2J\u{9b}31m\u{7f}gold\u{202e}ton\u{3164}\u{fe0f}\u{e0001}\u{2028}";
        let value = serde_json::json!({ "a": text, text: [text] });
        let written = serde_json::to_string_pretty(&value).unwrap();
        let safe = json(&written);
        assert!(!safe.chars().any(|c| c != '\n' && is_unsafe(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        assert!(matches!(json("{\n  \"a\": \"中文\"\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(clipped("abcdef", 6), "abcdef");
        assert_eq!(clipped("abcdefg", 6), "abcde…");
    }

    #[test]
    fn markup_and_formulas_are_plain_text() {
        assert_eq!(markdown("a|b *c* <img> \n"), "a\\|b \\*c\\* \\<img\\> \\\\n");
        assert_eq!(markdown("16912_4 _a_"), "16912_4 \\_a\\_");
        assert_eq!(spreadsheet("=1+1"), "'=1+1");
        assert_eq!(spreadsheet("1+1"), "1+1");
        assert_eq!(spreadsheet("＝1+1"), "'＝1+1");
        assert_eq!(spreadsheet("-1+1"), "'-1+1");
        assert_eq!(spreadsheet("@A1"), "'@A1");
        for plain in ["-", "+", "=", "-5", "+1.5e3", "a-b", ""] {
            assert_eq!(spreadsheet(plain), plain);
        }
    }
}
