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
            | '\u{00ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A safe text of at most `width` characters, the end of a longer one replaced by
/// `…`.
pub(super) fn clipped(text: &str, width: usize) -> String {
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

/// A safe text for a cell of a spreadsheet, where it must not begin a formula.
pub(super) fn spreadsheet(text: &str) -> String {
    let safe = display_safe(text);
    let quote = if safe.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("{quote}{safe}")
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
    }
}
