//! How much a plugin may write to its log.

use lancet_core::{Limits, LogLevel, Request};

const MAX_MESSAGE_BYTES: usize = 4 << 10;
const MAX_FIELDS: usize = 16;
const MAX_KEY_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 1 << 10;

/// A message as it leaves the plugin: without the text that no log would keep, which is counted
/// instead. A hundred megabytes need not go over the line from a jailed process for that.
pub(crate) fn offer(level: LogLevel, mut message: String, mut fields: Vec<(String, String)>) -> Request {
    let offered = size(&message, &fields);
    cut(&mut message, MAX_MESSAGE_BYTES);
    for (key, value) in &mut fields {
        cut(key, MAX_KEY_BYTES);
        cut(value, MAX_VALUE_BYTES);
    }
    let dropped_bytes = offered - size(&message, &fields);
    Request::LogWrite { level, message, fields, dropped_bytes }
}

/// The bytes of text in a message.
fn size(message: &str, fields: &[(String, String)]) -> u64 {
    message.len() as u64 + fields.iter().map(|(k, v)| (k.len() + v.len()) as u64).sum::<u64>()
}

/// Cuts a text at a character, and holds on to nothing of what was cut off.
fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.shrink_to_fit();
    }
}

/// What is left of a plugin's log. Text past it is dropped and counted: a log is
/// for people, and also a way to smuggle data out, so it is small and recorded.
#[derive(Debug)]
pub(super) struct LogBudget {
    bytes: u64,
    messages: u32,
}

impl LogBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { bytes: limits.log_bytes, messages: limits.log_messages }
    }

    /// The message as far as it is kept. `dropped` are the bytes of it that did not come at all.
    pub(super) fn admit(
        &mut self,
        level: LogLevel,
        mut message: String,
        mut fields: Vec<(String, String)>,
        dropped: u64,
    ) -> Request {
        let offered = size(&message, &fields).saturating_add(dropped);
        if self.messages == 0 {
            return Request::LogWrite {
                level,
                message: String::new(),
                fields: Vec::new(),
                dropped_bytes: offered,
            };
        }
        self.messages -= 1;
        self.keep(&mut message, MAX_MESSAGE_BYTES);
        fields.truncate(MAX_FIELDS);
        // The record is kept for long: it must not hold on to what was cut off.
        fields.shrink_to_fit();
        for (key, value) in &mut fields {
            self.keep(key, MAX_KEY_BYTES);
            self.keep(value, MAX_VALUE_BYTES);
        }
        let dropped_bytes = offered - size(&message, &fields);
        Request::LogWrite { level, message, fields, dropped_bytes }
    }

    fn keep(&mut self, text: &mut String, limit: usize) {
        let limit = limit.min(usize::try_from(self.bytes).unwrap_or(usize::MAX));
        cut(text, limit);
        self.bytes -= text.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(request: &Request) -> (usize, usize, u64) {
        match request {
            Request::LogWrite { message, fields, dropped_bytes, .. } => {
                (message.len(), fields.len(), *dropped_bytes)
            }
            _ => unreachable!(),
        }
    }

    #[test]
    fn text_is_cut_at_characters_and_counted() {
        let mut budget = LogBudget::new(&Limits { log_bytes: 5, log_messages: 2, ..Limits::standard() });
        let request = budget.admit(LogLevel::Info, "ééé".into(), vec![("k".into(), "value".into())], 0);
        assert_eq!(kept(&request), (4, 1, 7));
        let request = budget.admit(LogLevel::Info, "x".into(), vec![], 2);
        assert_eq!(kept(&request), (0, 0, 3));
        let request = budget.admit(LogLevel::Info, "more".into(), vec![("k".into(), "v".into())], 0);
        assert_eq!(kept(&request), (0, 0, 6));
    }

    #[test]
    fn one_message_is_bounded() {
        let mut budget = LogBudget::new(&Limits::standard());
        let fields = vec![("k".repeat(100), "v".repeat(2000)); 20];
        let Request::LogWrite { message, fields, .. } =
            budget.admit(LogLevel::Error, "m".repeat(10_000), fields, 0)
        else {
            unreachable!()
        };
        assert_eq!((message.len(), fields.len()), (MAX_MESSAGE_BYTES, MAX_FIELDS));
        assert!(fields.iter().all(|(k, v)| k.len() == MAX_KEY_BYTES && v.len() == MAX_VALUE_BYTES));
    }

    #[test]
    fn what_is_cut_before_it_is_sent_makes_no_difference() {
        let fields = vec![("ké".repeat(70), "v".repeat(2_000)); 20];
        for message in ["", "short", &"é".repeat(4_000), &"\u{1}".repeat(1 << 20)] {
            for left in [0, 3, 70, 5_000, 100_000] {
                let limits = Limits { log_bytes: left, log_messages: 1, ..Limits::standard() };
                let admit = |message, fields, dropped| {
                    LogBudget::new(&limits).admit(LogLevel::Info, message, fields, dropped)
                };
                let Request::LogWrite { message: cut, fields: cut_fields, dropped_bytes, .. } =
                    offer(LogLevel::Info, message.to_owned(), fields.clone())
                else {
                    unreachable!()
                };
                assert!(cut.len() <= MAX_MESSAGE_BYTES);
                let whole = admit(message.to_owned(), fields.clone(), 0);
                assert_eq!(admit(cut, cut_fields, dropped_bytes), whole);
            }
        }
    }
}
