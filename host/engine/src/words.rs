//! What a plugin said before it trapped: to the engine a panic of Rust's and an exception of
//! Python's are `unreachable`, and nothing else.

use lancet_core::{FaultKind, LogLevel};

use crate::output::Written;

/// The most bytes of a plugin's own words for why it gave up or trapped: what a journal line
/// should hold.
pub(crate) const MAX_WORDS_BYTES: usize = 2_000;

/// The field of a line of the log that says why the plugin is about to trap. The kits write such a
/// line; it counts when it is the plugin's very last call.
const PANIC: &str = "panic";

/// What a line of the log says of the end that follows, if it is such a line.
pub(crate) fn logged(level: LogLevel, message: &str, fields: &[(String, String)]) -> Option<String> {
    let is_last = level == LogLevel::Error && fields.iter().any(|(key, _)| key == PANIC);
    let words = message[..message.floor_char_boundary(MAX_WORDS_BYTES)].trim();
    (is_last && !words.is_empty()).then(|| words.to_owned())
}

/// What was written last to WASI's standard error, where languages say why they end: whole lines
/// where it has more than is told.
pub(crate) fn printed(output: &[Written]) -> Option<String> {
    let text = output.iter().find(|written| written.stream == "stderr")?.text.trim();
    if text.is_empty() {
        return None;
    }
    let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_WORDS_BYTES));
    let last = &text[start..];
    let whole = last.split_once('\n').map_or(last, |(_, rest)| rest);
    Some(if start == 0 { last } else { whole }.to_owned())
}

/// Whether what a plugin says last can be why it ended like that. Of what the host ends it for,
/// such as its fuel, it knows nothing.
pub(crate) fn may_explain(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::Trap | FaultKind::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: LogLevel, message: &str, key: &str) -> Option<String> {
        logged(level, message, &[("other".to_owned(), String::new()), (key.to_owned(), String::new())])
    }

    #[test]
    fn a_line_of_the_log_is_about_the_end_when_it_says_so() {
        assert_eq!(line(LogLevel::Error, " why\n", "panic"), Some("why".to_owned()));
        assert_eq!(line(LogLevel::Warn, "why", "panic"), None);
        assert_eq!(line(LogLevel::Error, "why", "panics"), None);
        assert_eq!(line(LogLevel::Error, "\n", "panic"), None);
        let long = line(LogLevel::Error, &"é".repeat(MAX_WORDS_BYTES), "panic").unwrap();
        assert_eq!(long, "é".repeat(MAX_WORDS_BYTES / 2));
    }

    #[test]
    fn of_standard_error_the_last_lines_are_told() {
        let written = |stream: &str, text: &str| {
            printed(&[Written { level: LogLevel::Warn, stream: stream.to_owned(), text: text.to_owned() }])
        };
        assert_eq!(written("stderr", "\nwhy\nand how\n"), Some("why\nand how".to_owned()));
        assert_eq!(written("stdout", "why"), None);
        assert_eq!(written("stderr", " \n"), None);
        let noise = "noise of é\n".repeat(1_000);
        let told = written("stderr", &format!("{noise}why")).unwrap();
        assert!(told.len() <= MAX_WORDS_BYTES && told.len() > MAX_WORDS_BYTES - 12, "{}", told.len());
        assert!(told.starts_with("noise of é\n") && told.ends_with("\nwhy"));
        // One line without end.
        let told = written("stderr", &"é".repeat(MAX_WORDS_BYTES)).unwrap();
        assert_eq!(told, "é".repeat(MAX_WORDS_BYTES / 2));
    }
}
