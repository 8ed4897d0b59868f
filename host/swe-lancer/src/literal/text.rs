//! Strings of Python literals, with their escapes.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::LiteralProblem;
use super::parser::{Fault, Parser};

/// What a string's prefix means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Raw,
}

impl<'a> Parser<'a> {
    /// One string, or several that stand beside one another.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let mut whole = self.piece()?;
        loop {
            self.skip_space();
            if !self.at_string() {
                return Ok(whole);
            }
            let piece = self.piece()?;
            whole.to_mut().push_str(&piece);
        }
    }

    /// Whether a string begins here. A prefix is at most two letters.
    fn at_string(&self) -> bool {
        let letters =
            (0..3).take_while(|ahead| self.peek_at(*ahead).is_some_and(|b| b.is_ascii_alphabetic()));
        matches!(self.peek_at(letters.count()), Some(b'\'' | b'"'))
    }

    fn piece(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        while self.peek().is_some_and(|b| b != b'\'' && b != b'"') {
            self.at += 1;
        }
        let style = match &self.text[start..self.at] {
            "" | "u" | "U" => Style::Plain,
            "r" | "R" => Style::Raw,
            other => {
                let prefix = other.chars().take(40).collect();
                return Err(self.fault(start, LiteralProblem::Prefix(prefix)));
            }
        };
        let Some(quote) = self.peek() else { return Err(self.expected("a string")) };
        let triple = self.peek_at(1) == Some(quote) && self.peek_at(2) == Some(quote);
        self.at += if triple { 3 } else { 1 };
        self.body(start, quote, triple, style)
    }

    /// The text up to and over the closing quote.
    fn body(&mut self, start: usize, quote: u8, triple: bool, style: Style) -> Result<Cow<'a, str>, Fault> {
        let text = self.text;
        let mut owned: Option<String> = None;
        // What is between `run` and the cursor is text as it stands.
        let mut run = self.at;
        loop {
            let Some(byte) = self.peek() else {
                let quote = match (quote, triple) {
                    (b'\'', false) => "`'`",
                    (b'\'', true) => "`'''`",
                    (_, false) => "`\"`",
                    (_, true) => "`\"\"\"`",
                };
                return Err(self.fault(start, LiteralProblem::Unclosed { quote }));
            };
            match byte {
                b if b == quote => {
                    if triple && !(self.peek_at(1) == Some(quote) && self.peek_at(2) == Some(quote)) {
                        self.at += 1;
                        continue;
                    }
                    let rest = &text[run..self.at];
                    self.at += if triple { 3 } else { 1 };
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(mut owned) => {
                            owned.push_str(rest);
                            Cow::Owned(owned)
                        }
                    });
                }
                b'\n' | b'\r' if !triple => return Err(self.fault(self.at, LiteralProblem::LineBreak)),
                0 => return Err(self.fault(self.at, LiteralProblem::Nul)),
                b'\r' => {
                    // Python reads its source with one kind of line break.
                    let owned = owned.get_or_insert_default();
                    owned.push_str(&text[run..self.at]);
                    owned.push('\n');
                    self.at += if self.peek_at(1) == Some(b'\n') { 2 } else { 1 };
                    run = self.at;
                }
                b'\\' if style == Style::Raw => {
                    // The backslash stays, and takes the next character's meaning away.
                    self.at += match self.peek_at(1) {
                        Some(b'\\' | b'\'' | b'"' | b'\n') => 2,
                        _ => 1,
                    };
                }
                b'\\' => {
                    let owned = owned.get_or_insert_default();
                    owned.push_str(&text[run..self.at]);
                    self.escape(owned)?;
                    run = self.at;
                }
                _ => self.at += 1,
            }
        }
    }

    /// Steps over an escape and adds what it stands for.
    fn escape(&mut self, out: &mut String) -> Result<(), Fault> {
        let Some(letter) = self.peek_at(1) else {
            // The string is not closed, as its body finds out.
            self.at += 1;
            return Ok(());
        };
        let simple = match letter {
            b'\\' | b'\'' | b'"' => Some(char::from(letter)),
            b'a' => Some('\x07'),
            b'b' => Some('\x08'),
            b'f' => Some('\x0c'),
            b'n' => Some('\n'),
            b'r' => Some('\r'),
            b't' => Some('\t'),
            b'v' => Some('\x0b'),
            _ => None,
        };
        if let Some(character) = simple {
            out.push(character);
            self.at += 2;
            return Ok(());
        }
        match letter {
            b'\n' => self.at += 2,
            b'\r' => self.at += if self.peek_at(2) == Some(b'\n') { 3 } else { 2 },
            b'0'..=b'7' => {
                let digits =
                    (1..=3).map_while(|ahead| self.peek_at(ahead).filter(|b| (b'0'..=b'7').contains(b)));
                let (count, value) = digits
                    .fold((0, 0), |(count, value), digit| (count + 1, value * 8 + u32::from(digit - b'0')));
                // At most 0o777, which is a character.
                out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
                self.at += 1 + count;
            }
            b'x' => {
                let value = self.hexadecimal(2, "`\\x` and two hexadecimal digits")?;
                self.push_code(out, value);
            }
            b'u' => {
                let value = self.hexadecimal(4, "`\\u` and four hexadecimal digits")?;
                self.push_code(out, value);
            }
            b'U' => {
                const EXPECTED: &str = "`\\U` and eight hexadecimal digits, at most 0010ffff";
                let start = self.at;
                let value = self.hexadecimal(8, EXPECTED)?;
                if value > 0x10_ffff {
                    let escape = self.text[start..self.at].to_owned();
                    return Err(self.fault(start, LiteralProblem::Escape { escape, expected: EXPECTED }));
                }
                self.push_code(out, value);
            }
            b'N' => return Err(self.fault(self.at, LiteralProblem::NamedCharacter)),
            // No escape: Python keeps the backslash.
            _ => {
                out.push('\\');
                self.at += 1;
            }
        }
        Ok(())
    }

    /// Adds a code point, together with its other half when it is the first
    /// half of a surrogate pair.
    fn push_code(&mut self, out: &mut String, code: u32) {
        let mut character = char::from_u32(code);
        if (0xd800..0xdc00).contains(&code)
            && self.peek() == Some(b'\\')
            && let Some(low) = match self.peek_at(1) {
                Some(b'u') => self.digits(4),
                Some(b'U') => self.digits(8),
                _ => None,
            }
            && (0xdc00..0xe000).contains(&low)
        {
            character = char::from_u32(0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            self.at += if self.peek_at(1) == Some(b'u') { 6 } else { 10 };
        }
        out.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }

    /// The value of `count` hexadecimal digits after a backslash and a letter.
    fn digits(&self, count: usize) -> Option<u32> {
        (2..2 + count).try_fold(0u32, |value, ahead| {
            let digit = char::from(self.peek_at(ahead)?).to_digit(16)?;
            Some(value.wrapping_shl(4) | digit)
        })
    }

    fn hexadecimal(&mut self, count: usize, expected: &'static str) -> Result<u32, Fault> {
        match self.digits(count) {
            Some(value) => {
                self.at += 2 + count;
                Ok(value)
            }
            None => {
                let escape = self.text[self.at..].chars().take(2 + count).collect();
                Err(self.fault(self.at, LiteralProblem::Escape { escape, expected }))
            }
        }
    }
}

/// Writes text as a string literal.
pub(super) fn write(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\\' => f.write_str("\\\\")?,
            '\'' => f.write_str("\\'")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}
