//! The grammar of Python literals.

use super::{Literal, LiteralError, LiteralProblem, MAX_DEPTH};

/// Reads one Python literal: the whole text, with space around it.
///
/// Takes time in proportion to the length of the text, whatever it holds, and a
/// bounded amount of stack ([`MAX_DEPTH`]).
///
/// # Errors
/// When the text is anything else, with the place and what was expected there.
pub fn parse(text: &str) -> Result<Literal<'_>, LiteralError> {
    let mut parser = Parser { text, at: 0 };
    let result = parser.value(0).and_then(|value| {
        parser.skip_space();
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err(parser.expected("the end after the literal")),
        }
    });
    result.map_err(|error| error.locate(text))
}

/// A problem at a byte; the line and column are worked out only for the error
/// that is given back.
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) problem: LiteralProblem,
}

impl Fault {
    fn locate(self, text: &str) -> LiteralError {
        let before = &text[..text.floor_char_boundary(self.offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        LiteralError {
            offset: self.offset,
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: self.problem,
        }
    }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0c) = self.peek() {
            self.at += 1;
        }
    }

    /// The character at the cursor, for an error.
    fn found(&self) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => "the end".to_owned(),
            Some('#') => "`#` (comments are not read)".to_owned(),
            Some(c) if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
        }
    }

    pub(super) fn fault(&self, offset: usize, problem: LiteralProblem) -> Fault {
        Fault { offset, problem }
    }

    pub(super) fn expected(&self, expected: &'static str) -> Fault {
        self.fault(self.at, LiteralProblem::Expected { expected, found: self.found() })
    }

    fn value(&mut self, depth: usize) -> Result<Literal<'a>, Fault> {
        self.skip_space();
        match self.peek() {
            Some(b'\'' | b'"') => self.string().map(Literal::Str),
            Some(b'[') => self.list(depth),
            Some(b'(') => self.parentheses(depth),
            Some(b'{') => self.dict(depth),
            Some(b'+' | b'-' | b'.' | b'0'..=b'9') => self.number(),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.word(),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self) -> Result<Literal<'a>, Fault> {
        let start = self.at;
        let mut end = start;
        let bytes = self.text.as_bytes();
        while bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii()) {
            end += 1;
        }
        let word = &self.text[start..end];
        if let Some(b'\'' | b'"') = bytes.get(end) {
            return self.string().map(Literal::Str);
        }
        self.at = end;
        match word {
            "None" => Ok(Literal::None),
            "True" => Ok(Literal::Bool(true)),
            "False" => Ok(Literal::Bool(false)),
            _ => {
                let name = word.chars().take(40).collect();
                self.skip_space();
                let problem = match self.peek() {
                    Some(b'(') => LiteralProblem::Call(name),
                    _ => LiteralProblem::Name(name),
                };
                Err(self.fault(start, problem))
            }
        }
    }

    /// Steps over an opening bracket, unless it lies too deep.
    fn open(&mut self, depth: usize) -> Result<usize, Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.fault(self.at, LiteralProblem::TooDeep));
        }
        self.at += 1;
        Ok(depth + 1)
    }

    /// After an item: `true` when another may follow, `false` at the end.
    fn separator(&mut self, opening: char, closing: u8, expected: &'static str) -> Result<bool, Fault> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                if self.peek() == Some(closing) {
                    self.at += 1;
                    return Ok(false);
                }
                Ok(true)
            }
            Some(b) if b == closing => {
                self.at += 1;
                Ok(false)
            }
            _ => {
                let found = self.found();
                Err(self.fault(self.at, LiteralProblem::UnclosedBracket { opening, expected, found }))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Literal<'a>, Fault> {
        let depth = self.open(depth)?;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Literal::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if !self.separator('[', b']', "`,` or `]`")? {
                return Ok(Literal::List(items));
            }
        }
    }

    fn parentheses(&mut self, depth: usize) -> Result<Literal<'a>, Fault> {
        let depth = self.open(depth)?;
        self.skip_space();
        if self.peek() == Some(b')') {
            self.at += 1;
            return Ok(Literal::Tuple(Vec::new()));
        }
        let first = self.value(depth)?;
        self.skip_space();
        if self.peek() == Some(b')') {
            // Grouping, not a tuple of one.
            self.at += 1;
            return Ok(first);
        }
        let mut items = vec![first];
        while self.separator('(', b')', "`,` or `)`")? {
            items.push(self.value(depth)?);
        }
        Ok(Literal::Tuple(items))
    }

    fn dict(&mut self, depth: usize) -> Result<Literal<'a>, Fault> {
        let depth = self.open(depth)?;
        let mut entries = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Literal::Dict(entries));
        }
        loop {
            self.skip_space();
            let start = self.at;
            let key = self.value(depth)?;
            if !key.is_hashable() {
                return Err(self.fault(start, LiteralProblem::UnhashableKey(key.kind())));
            }
            self.skip_space();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(b',' | b'}') => return Err(self.fault(self.at, LiteralProblem::Set)),
                _ => return Err(self.expected("`:` after a dict's key")),
            }
            let value = self.value(depth)?;
            entries.push((key, value));
            if !self.separator('{', b'}', "`,` or `}`")? {
                return Ok(Literal::Dict(entries));
            }
        }
    }
}
