//! How many bytes a journal takes for a call: a text of control characters has six times as
//! many there as it has in memory.

use std::io::{self, Write};

use lancet_core::{Request, Response};

/// The bytes of a request and its response as a journal has them.
pub(super) fn written(request: &Request, response: &Response) -> u64 {
    of(request).saturating_add(of(response))
}

/// The bytes of either as a journal has them.
pub(super) fn of<T: serde::Serialize>(value: &T) -> u64 {
    let mut count = Count(0);
    // What cannot be written is not, and nothing of it is kept.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Counts what is written, and keeps nothing of it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_is_written() {
        let request = Request::BudgetLeft { unit: "\u{1}\"\n".repeat(100) };
        let response = Response::Text("\u{7f}é".repeat(100));
        let text = serde_json::to_string(&request).unwrap() + &serde_json::to_string(&response).unwrap();
        assert_eq!(written(&request, &response), text.len() as u64);
        assert!(text.len() > 1_000 + 300);
    }
}
