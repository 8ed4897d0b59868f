//! Patterns of settings: what both JSON Schema's regular expressions and the host's mean.

use regex_lite::{Regex, RegexBuilder};

/// The most bytes of a pattern: 1 KiB.
pub(crate) const MAX_PATTERN_BYTES: usize = 1 << 10;
/// The most bytes of what is made of a pattern: a value is then compared in well under a
/// second.
const COMPILED_BYTES: usize = 64 << 10;

/// Compiles a pattern.
///
/// # Errors
/// Why it is none, in words.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("has {} bytes, at most {MAX_PATTERN_BYTES} are allowed", pattern.len()));
    }
    shared(pattern)?;
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES)
        .build()
        .map_err(|error| format!("is no pattern that is taken: {error}"))
}

/// Refuses what one side alone knows, or reads otherwise.
fn shared(pattern: &str) -> Result<(), String> {
    let refused = |what: &str| Err(format!("has {what}, which is not taken"));
    let mut characters = pattern.chars().peekable();
    let mut is_in_class = false;
    // How often it is repeated what stands before: not, by a sign, by a sign and its `?`.
    let mut repeated = 0;
    while let Some(c) = characters.next() {
        let before = std::mem::take(&mut repeated);
        match c {
            '\\' => match characters.next() {
                Some(c) if "dDwWsSnrtfv".contains(c) || c.is_ascii_punctuation() => {}
                Some('b' | 'B') if !is_in_class => {}
                Some(c) => return refused(&format!("`\\{}`", c.escape_default())),
                None => return refused("a `\\` at its end"),
            },
            '[' if is_in_class => return refused("`[` within `[…]` without a `\\` before it"),
            '[' => {
                is_in_class = true;
                characters.next_if_eq(&'^');
                if characters.peek() == Some(&']') {
                    return refused("an empty `[]`");
                }
            }
            ']' if is_in_class => is_in_class = false,
            '?' if !is_in_class && before < 2 => repeated = before + 1,
            '*' | '+' | '{' | '?' if !is_in_class => {
                if before > 0 {
                    return refused("a repetition of a repetition");
                }
                repeated = 1;
                if c == '{' {
                    characters.by_ref().find(|c| *c == '}');
                }
            }
            '(' if !is_in_class
                && characters.next_if_eq(&'?').is_some()
                && characters.next() != Some(':') =>
            {
                return refused("`(?` other than `(?:`");
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_json_schema() {
        for (pattern, good, bad) in [
            ("^[a-z]+$", "abc", "abc\n"),
            ("b", "abc", "ac"),
            (r"^\d{2}$", "12", "٣٤"),
            (r"^(?:a|b)\.$", "b.", "bx"),
            (r"[\]\[]", "[", "x"),
            (r"^[^-]$", "a", "-"),
            (r"\bx\b", "a x b", "axb"),
            ("^a{2,3}?b+?$", "aab", "ab"),
        ] {
            let regex = compile(pattern).unwrap();
            assert!(regex.is_match(good) && !regex.is_match(bad), "{pattern}");
        }
    }

    #[test]
    fn what_one_side_alone_knows_is_refused() {
        for bad in [
            "(?=a)",
            "(?!a)",
            "(?i)a",
            "(?P<n>a)",
            "(?<n>a)",
            r"(a)\1",
            r"\p{L}",
            r"\x41",
            r"\A",
            r"\z",
            "[]",
            "[^]",
            "[[:alpha:]]",
            "[",
            "(",
            ")",
            "a**",
            "a+*",
            "a{2}+",
            "a*??",
            "*",
            "\\",
            r"[\b]",
            "a{2,1}",
            r"\é",
        ] {
            assert!(compile(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn large_patterns_are_refused_at_once() {
        let started = std::time::Instant::now();
        for bad in ["((((a{99}){99}){99}){99}){99}".to_owned(), "(".repeat(1_000), "a".repeat(1_025)] {
            assert!(compile(&bad).is_err());
        }
        assert!(started.elapsed().as_secs() < 5);
    }
}
