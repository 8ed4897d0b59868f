//! Whether a text quotes the source of a test.
//!
//! What is written of a source is known again by its lines, wherever they stand: behind
//! the marks and numbers of test frameworks, in colours and boxes, within JSON or HTML (in
//! one another, too), in UTF-16.

use std::collections::{BTreeSet, HashSet};

use lancet_core::LaidFile;

/// What somebody quotes of a source is told by lines of at least so many bytes,
/// without the spaces around them.
const QUOTED_BYTES: usize = 20;
/// And without any spaces and bars, by so many.
const BARE_BYTES: usize = 10;
/// How often one text may be written within another.
const MOST_WITHIN: usize = 4;
/// Files that are source code, or what it expects. Others are data, of which a text may say
/// the same.
const SOURCES: [&str; 65] = [
    "bash", "bats", "c", "cc", "cjs", "clj", "cljs", "coffee", "cpp", "cs", "cts", "cxx", "dart", "el",
    "erl", "ex", "exp", "exs", "feature", "fs", "go", "groovy", "h", "hpp", "hs", "ipynb", "java", "jl",
    "js", "jsx", "kt", "kts", "lisp", "lua", "m", "mjs", "ml", "mts", "nim", "php", "pl", "pm", "ps1", "py",
    "r", "rake", "rb", "rkt", "robot", "rs", "scala", "scm", "sh", "snap", "sol", "svelte", "swift", "t",
    "tcl", "ts", "tsx", "vb", "vue", "zig", "zsh",
];

/// The lines of a task's tests that are long enough to be recognised, without what is
/// not written of a line alike everywhere: spaces, bars, colours.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    lines: BTreeSet<Vec<u8>>,
}

impl Sources {
    /// Whether a laid file is looked at.
    pub(crate) fn are_in(file: &LaidFile) -> bool {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').is_some_and(|(_, ending)| SOURCES.contains(&&*ending.to_ascii_lowercase()))
    }

    /// Adds a file of tests.
    pub(crate) fn add(&mut self, source: &[u8]) {
        self.add_lines(source);
        // A notebook's cells are texts in JSON.
        if source.trim_ascii_start().starts_with(b"{")
            && let Ok(value) = serde_json::from_slice::<serde_json::Value>(source)
        {
            self.add_texts(&value);
        }
    }

    fn add_texts(&mut self, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => self.add_lines(text.as_bytes()),
            serde_json::Value::Array(values) => values.iter().for_each(|value| self.add_texts(value)),
            serde_json::Value::Object(values) => values.values().for_each(|value| self.add_texts(value)),
            _ => {}
        }
    }

    fn add_lines(&mut self, source: &[u8]) {
        let lines = source.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| line.len() >= QUOTED_BYTES).map(|line| bare(line, true));
        // A line of dashes says nothing, and stands in many texts.
        let says = |line: &Vec<u8>| {
            line.len() >= BARE_BYTES && line.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
        };
        self.lines.extend(lines.filter(says));
    }

    /// Whether a text has one of these lines in it, anywhere.
    pub(crate) fn are_quoted_in(&self, text: &[u8]) -> bool {
        let lines = self.sought();
        if lines.is_empty() {
            return false;
        }
        let starts: HashSet<&[u8]> = lines.iter().map(|line| &line[..BARE_BYTES]).collect();
        let is_quoted = |text: &[u8]| {
            // Whoever writes beside a test could hide what it says behind an escape without an end.
            [true, false].iter().any(|skips_escapes| {
                let bare = all_bare(text, *skips_escapes);
                (0..bare.len().saturating_sub(BARE_BYTES - 1)).any(|at| {
                    let rest = &bare[at..];
                    starts.contains(&rest[..BARE_BYTES]) && begins_with_one(&lines, rest)
                })
            })
        };
        let mut texts = vec![text.to_vec()];
        if text.contains(&0) {
            texts.extend([utf16(text, u16::from_le_bytes), utf16(text, u16::from_be_bytes)]);
        }
        texts.into_iter().any(|mut text| {
            for _ in 0..MOST_WITHIN {
                if is_quoted(&text) {
                    return true;
                }
                let within = unescaped(&text);
                if within == text {
                    return false;
                }
                text = within;
            }
            is_quoted(&text)
        })
    }

    /// The lines in order, without those that begin with another one.
    fn sought(&self) -> Vec<&[u8]> {
        let mut lines = Vec::<&[u8]>::new();
        for line in &self.lines {
            if !lines.last().is_some_and(|last| line.starts_with(last)) {
                lines.push(line);
            }
        }
        lines
    }
}

/// Whether a text begins with one of some lines, which are in order, and none of which
/// begins with another one: so only the last that comes before it can be that.
fn begins_with_one(lines: &[&[u8]], text: &[u8]) -> bool {
    let behind = lines.partition_point(|line| *line <= text);
    behind.checked_sub(1).is_some_and(|at| text.starts_with(lines[at]))
}

/// A text whose units are of two bytes.
fn utf16(text: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = text.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into()
}

/// A text that stands in a text of JSON or of a programming language, or in HTML.
fn unescaped(text: &[u8]) -> Vec<u8> {
    const NAMED: [(&[u8], &[u8]); 6] = [
        (b"quot;", b"\""),
        (b"apos;", b"'"),
        (b"lt;", b"<"),
        (b"gt;", b">"),
        (b"nbsp;", b" "),
        (b"amp;", b"&"),
    ];
    let mut made = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' => rest = after_backslash(after, &mut made),
            b'&' => match NAMED.iter().find_map(|(name, is)| Some((is, after.strip_prefix(*name)?))) {
                Some((is, behind)) => {
                    made.extend_from_slice(is);
                    rest = behind;
                }
                None => rest = after_reference(after, &mut made),
            },
            _ => made.push(first),
        }
    }
    made
}

/// Adds what a backslash stands for, and gives what follows.
fn after_backslash<'t>(after: &'t [u8], made: &mut Vec<u8>) -> &'t [u8] {
    let Some((&sign, behind)) = after.split_first() else {
        made.push(b'\\');
        return after;
    };
    let digits = match sign {
        b'u' if behind.first() == Some(&b'{') => {
            let end = behind.iter().take(8).position(|byte| *byte == b'}').unwrap_or(0);
            let found = behind.get(1..end).and_then(hexadecimal);
            return match found {
                Some(found) => {
                    add(found, made);
                    &behind[end + 1..]
                }
                None => behind,
            };
        }
        b'u' => 4,
        b'x' => 2,
        _ => 0,
    };
    if digits > 0 {
        if let Some(found) = behind.get(..digits).and_then(hexadecimal) {
            let behind = &behind[digits..];
            // JSON writes what is beyond four digits as two halves.
            let other = behind.strip_prefix(b"\\u").and_then(|rest| rest.get(..4)).and_then(hexadecimal);
            if let (0xd800..0xdc00, Some(other @ 0xdc00..0xe000)) = (found, other) {
                add(0x1_0000 + ((found - 0xd800) << 10) + (other - 0xdc00), made);
                return &behind[6..];
            }
            add(found, made);
            return behind;
        }
        made.extend_from_slice(&[b'\\', sign]);
        return behind;
    }
    made.push(match sign {
        b'n' | b'r' => b'\n',
        b't' | b'b' | b'f' | b'v' => b' ',
        b'e' => 0x1b,
        _ => sign,
    });
    behind
}

/// Adds what a number between `&#` and `;` stands for, and gives what follows.
fn after_reference<'t>(after: &'t [u8], made: &mut Vec<u8>) -> &'t [u8] {
    let found = after.strip_prefix(b"#").and_then(|rest| {
        let end = rest.iter().take(9).position(|byte| *byte == b';')?;
        let number = match rest[..end].strip_prefix(b"x").or_else(|| rest[..end].strip_prefix(b"X")) {
            Some(digits) => hexadecimal(digits)?,
            None => std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?,
        };
        Some((number, &rest[end + 1..]))
    });
    match found {
        Some((number, behind)) => {
            add(number, made);
            behind
        }
        None => {
            made.push(b'&');
            after
        }
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// A character by its number; half of a pair is as good as none.
fn add(number: u32, made: &mut Vec<u8>) {
    let character = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
    made.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// All lines of a text as [`bare`] has them, one behind the other: no escape reaches over the
/// end of one.
fn all_bare(text: &[u8], skips_escapes: bool) -> Vec<u8> {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).flat_map(|line| bare(line, skips_escapes)).collect()
}

/// A line without spaces, control characters, bars and arrows, and, if asked for, what a
/// terminal takes for colours and the like.
fn bare(line: &[u8], skips_escapes: bool) -> Vec<u8> {
    const ESCAPE: u8 = 0x1b;
    /// Beside `|`: `│`, `┃`, `❱`, `›`, `»`, `→`, `▶`, `❯`, and a space that is none.
    const DRAWN: [&str; 9] = [
        "\u{2502}", "\u{2503}", "\u{2771}", "\u{203a}", "\u{bb}", "\u{2192}", "\u{25b6}", "\u{276f}",
        "\u{a0}",
    ];
    let mut made = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            ESCAPE if skips_escapes => after_escape(after),
            _ if first.is_ascii_whitespace() || first.is_ascii_control() || first == b'|' => after,
            _ if first.is_ascii() => {
                made.push(first);
                after
            }
            _ => match DRAWN.iter().find_map(|drawn| rest.strip_prefix(drawn.as_bytes())) {
                Some(after) => after,
                None => {
                    made.push(first);
                    after
                }
            },
        };
    }
    made
}

/// What follows an escape sequence, whose first byte is gone.
fn after_escape(rest: &[u8]) -> &[u8] {
    /// The longest text in one (an address), so that one without an end is soon passed.
    const TEXT_BYTES: usize = 4 << 10;
    let behind = |at: Option<usize>| at.map_or(&rest[rest.len().min(1)..], |at| &rest[at + 1..]);
    match rest.first() {
        // Parameters, up to a letter.
        Some(b'[') => {
            let end = rest.iter().skip(1).position(|byte| !(0x20..0x40).contains(byte));
            behind(end.map(|end| end + 1).filter(|end| (0x40..0x7f).contains(&rest[*end])))
        }
        // A text, up to BEL or `ESC \`.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let text = &rest[..rest.len().min(TEXT_BYTES)];
            let end = text.iter().position(|byte| matches!(byte, 0x07 | 0x1b));
            match end {
                Some(end) if rest[end] == 0x07 => behind(Some(end)),
                Some(end) if rest.get(end + 1) == Some(&b'\\') => behind(Some(end + 1)),
                // Another one begins.
                Some(end) => &rest[end..],
                None => behind(None),
            }
        }
        // Up to what is no space or sign.
        _ => behind(rest.iter().position(|byte| !(0x20..0x30).contains(byte))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r##"expect(page.locator("#a")).to_have_text('hidden "total"')"##;

    fn sources() -> Sources {
        let mut sources = Sources::default();
        sources.add(
            format!("def test_it(page):\n    {LINE}\n    --------------------------\n    x = 1\n").as_bytes(),
        );
        sources
    }

    /// A text of JSON that holds another.
    fn json(text: &str) -> String {
        serde_json::json!({ "snippet": text }).to_string()
    }

    #[test]
    fn a_line_is_known_again_wherever_it_stands() {
        let sources = sources();
        let coloured = format!("  12 |   \x1b[31m{}\x1b[0m\n", LINE.replace("page", "\x1b[1mpage\x1b[m"));
        let html = LINE.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
        for text in [
            format!("test_x.py:12: {LINE}"),
            json(&format!("  12 |   await {LINE}\n  13 | }}\n")),
            json(&json(&json(LINE))),
            json(&coloured),
            json(&coloured).replace("\\u001b", "\\x1b").replace("\\\"", "\\u{22}"),
            format!("<pre>{html}</pre>"),
            format!("<pre>{}</pre>", html.replace("&#39;", "&#x27;")),
            json(&html),
            format!("'{}'", LINE.replace('\'', "\\'")),
            format!("\x1b]0;{LINE}\x07"),
            format!("\x1b]never ended\n{LINE}\n\x07"),
        ] {
            assert!(sources.are_quoted_in(text.as_bytes()), "{text}");
        }
        // JSON that is ASCII alone writes what is beyond four digits in halves.
        let mut beyond = Sources::default();
        beyond.add("expect(page.locator('#a')).to_have_text('hidden \u{1f600} total')".as_bytes());
        let halves = r"to_have_text('hidden \ud83d\ude00 total')";
        assert!(
            beyond.are_quoted_in(format!("{{\"x\": \"expect(page.locator('#a')).{halves}\"}}").as_bytes())
        );
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let text: Vec<u8> = format!("\u{feff}É {LINE}").encode_utf16().flat_map(bytes).collect();
            assert!(sources.are_quoted_in(&text), "{text:?}");
        }
        for text in [
            "did: opened the page\nsaw: `x = 1`".to_owned(),
            "====\n--------------------------\n".to_owned(),
            LINE.replace("total", "sum"),
            json(&LINE.replace("total", "sum")),
            "\\".to_owned(),
            "\\u12 \\u{110000} &#1114112; &#x; &# & \\x".to_owned(),
            String::new(),
        ] {
            assert!(!sources.are_quoted_in(text.as_bytes()), "{text}");
        }
        assert!(!Sources::default().are_quoted_in(LINE.as_bytes()));
    }

    #[test]
    fn of_lines_that_begin_alike_each_is_known() {
        let mut sources = Sources::default();
        let lines = ["assert total() == 12345", "assert total() == 123456", "assert total() == 2 * one()"];
        sources.add(lines.join("\n").as_bytes());
        for line in lines {
            assert!(sources.are_quoted_in(format!("E   {line} and more").as_bytes()), "{line}");
        }
        assert!(!sources.are_quoted_in(b"assert total() == 1234; assert total() == 3 * one()"));
    }

    #[test]
    fn the_cells_of_a_notebook_are_sources() {
        let mut sources = Sources::default();
        let cells = serde_json::json!({ "cells": [{ "source": ["import page\n", format!("{LINE}\n")] }] });
        sources.add(cells.to_string().as_bytes());
        assert!(sources.are_quoted_in(LINE.as_bytes()));
    }

    #[test]
    fn looking_takes_no_longer_than_the_text() {
        let mut sources = Sources::default();
        let begin = "expect(page.locator(";
        let lines: String = (0..20_000).map(|number| format!("{begin}{number}))\n")).collect();
        sources.add(lines.as_bytes());
        let began = std::time::Instant::now();
        assert!(!sources.are_quoted_in(begin.repeat(20_000).as_bytes()));
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }
}
