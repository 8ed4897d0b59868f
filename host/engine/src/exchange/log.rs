//! How much a plugin may write to its log.

use lancet_core::{Limits, LogLevel, Request};

const MAX_MESSAGE_BYTES: usize = 4 << 10;
const MAX_FIELDS: usize = 16;
const MAX_KEY_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 1 << 10;

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

    /// The message as far as it is kept.
    pub(super) fn admit(
        &mut self,
        level: LogLevel,
        mut message: String,
        mut fields: Vec<(String, String)>,
    ) -> Request {
        let size = |message: &str, fields: &[(String, String)]| {
            message.len() as u64 + fields.iter().map(|(k, v)| (k.len() + v.len()) as u64).sum::<u64>()
        };
        let offered = size(&message, &fields);
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
        if text.len() > limit {
            text.truncate(text.floor_char_boundary(limit));
            text.shrink_to_fit();
        }
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
        let request = budget.admit(LogLevel::Info, "ééé".into(), vec![("k".into(), "value".into())]);
        assert_eq!(kept(&request), (4, 1, 7));
        let request = budget.admit(LogLevel::Info, "x".into(), vec![]);
        assert_eq!(kept(&request), (0, 0, 1));
        let request = budget.admit(LogLevel::Info, "more".into(), vec![("k".into(), "v".into())]);
        assert_eq!(kept(&request), (0, 0, 6));
    }

    #[test]
    fn one_message_is_bounded() {
        let mut budget = LogBudget::new(&Limits::standard());
        let fields = vec![("k".repeat(100), "v".repeat(2000)); 20];
        let Request::LogWrite { message, fields, .. } =
            budget.admit(LogLevel::Error, "m".repeat(10_000), fields)
        else {
            unreachable!()
        };
        assert_eq!((message.len(), fields.len()), (MAX_MESSAGE_BYTES, MAX_FIELDS));
        assert!(fields.iter().all(|(k, v)| k.len() == MAX_KEY_BYTES && v.len() == MAX_VALUE_BYTES));
    }
}
