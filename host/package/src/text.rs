//! Texts of a manifest, which operators are shown.

/// The name of the custom section that holds a manifest.
pub const SECTION: &str = "lancet:plugin";
/// The most bytes of a manifest: 64 KiB.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;

/// The most bytes of a text that is repeated in a message.
const SHOWN_CHARS: usize = 80;

/// Whether a text is one line that says something: no control characters, and something else than
/// signs and what is drawn as nothing.
pub(crate) fn is_line(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric) && !text.chars().any(char::is_control)
}

/// What somebody wrote, short enough to be repeated.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Whether it is a name: lower-case words joined by `-`, at most `most` bytes.
pub(crate) fn is_name(name: &str, most: usize) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= most && name.split('-').all(is_word)
}

/// Whether it is an address that a browser would open.
pub(crate) fn is_address(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
        && rest.bytes().all(|b| b.is_ascii_graphic())
}
