//! Numbers of Python literals.

use super::parser::{Fault, Parser};
use super::{Literal, LiteralProblem};

impl<'a> Parser<'a> {
    pub(super) fn number(&mut self) -> Result<Literal<'a>, Fault> {
        let start = self.at;
        let mut negative = false;
        if let Some(sign @ (b'+' | b'-')) = self.peek() {
            negative = sign == b'-';
            self.at += 1;
            self.skip_space();
            if !matches!(self.peek(), Some(b'0'..=b'9' | b'.')) {
                return Err(self.expected("a number after the sign"));
            }
        }
        let run = self.take_run();
        let problem = |problem: fn(String) -> LiteralProblem| {
            self.fault(start, problem(run.chars().take(40).collect()))
        };
        let radix = match run.as_bytes() {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'o' | b'O', ..] => 8,
            [b'0', b'b' | b'B', ..] => 2,
            _ => 10,
        };
        if radix != 10 {
            // `0x_ff` is one too: an underscore may follow the prefix.
            let digits = run[2..].strip_prefix('_').unwrap_or(&run[2..]);
            return match grouped(digits, radix) {
                Some(digits) => {
                    integer(&digits, radix, negative).ok_or_else(|| problem(LiteralProblem::IntegerTooLarge))
                }
                None => Err(problem(LiteralProblem::Number)),
            };
        }
        if run.ends_with(['j', 'J']) {
            return Err(problem(LiteralProblem::Complex));
        }
        if run.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            let digits = grouped(run, 10).ok_or_else(|| problem(LiteralProblem::Number))?;
            // Python refuses `012`, which once was octal, but not `00`.
            if digits.starts_with('0') && digits.bytes().any(|b| b != b'0') {
                return Err(problem(LiteralProblem::Number));
            }
            return integer(&digits, 10, negative).ok_or_else(|| problem(LiteralProblem::IntegerTooLarge));
        }
        match float(run) {
            Some(number) => Ok(Literal::Float(if negative { -number } else { number })),
            None => Err(problem(LiteralProblem::Number)),
        }
    }

    /// All that could belong to one number, so that `12ab` is one mistake.
    fn take_run(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let is_hexadecimal = matches!(bytes[start..], [b'0', b'x' | b'X', ..]);
        while let Some(byte) = self.peek() {
            let is_part = byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'.')
                || (matches!(byte, b'+' | b'-')
                    && self.at > start
                    && !is_hexadecimal
                    && matches!(bytes[self.at - 1], b'e' | b'E'));
            if !is_part {
                break;
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }
}

/// The digits without their underscores, when each underscore stands between
/// two of them.
fn grouped(digits: &str, radix: u32) -> Option<String> {
    let mut plain = String::with_capacity(digits.len());
    for group in digits.split('_') {
        if group.is_empty() || !group.chars().all(|c| c.is_digit(radix)) {
            return None;
        }
        plain.push_str(group);
    }
    Some(plain)
}

fn integer(digits: &str, radix: u32, negative: bool) -> Option<Literal<'static>> {
    // The standard library stops at the first digit too many.
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(Literal::Int(0));
    }
    if digits.len() > 128 {
        return None;
    }
    let text = if negative { format!("-{digits}") } else { digits.to_owned() };
    i128::from_str_radix(&text, radix).ok().map(Literal::Int)
}

fn float(run: &str) -> Option<f64> {
    let (mantissa, exponent) = match run.find(['e', 'E']) {
        Some(at) => (&run[..at], Some(&run[at + 1..])),
        None => (run, None),
    };
    let mut plain = String::with_capacity(run.len());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    for (separator, part) in [("", whole), (".", fraction)] {
        plain.push_str(separator);
        if !part.is_empty() {
            plain.push_str(&grouped(part, 10)?);
        }
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        plain.push('e');
        plain.push_str(if exponent.starts_with('-') { "-" } else { "" });
        plain.push_str(&grouped(digits, 10)?);
    }
    plain.parse().ok()
}
