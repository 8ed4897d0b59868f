//! Licences, as SPDX writes them.

/// How deep parentheses may be.
const MAX_DEPTH: usize = 16;

/// Whether a text has the form of an SPDX expression: `Apache-2.0`, `MIT OR (GPL-2.0-only WITH
/// Classpath-exception-2.0)`. Whether there is such a licence is not looked up.
pub(crate) fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_ascii_whitespace();
    let mut open = 0_usize;
    // Whether a licence, or a parenthesis that opens, comes next.
    let mut is_operand_next = true;
    while let Some(word) = words.next() {
        match (word, is_operand_next) {
            ("(", true) if open < MAX_DEPTH => open += 1,
            (")", false) if open > 0 => open -= 1,
            ("AND" | "OR", false) => is_operand_next = true,
            ("WITH", false) => {
                if !words.next().is_some_and(is_id) {
                    return false;
                }
            }
            (id, true) if is_id(id) => is_operand_next = false,
            _ => return false,
        }
    }
    open == 0 && !is_operand_next
}

fn is_id(word: &str) -> bool {
    !["AND", "OR", "WITH"].contains(&word)
        && word.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_from_words() {
        for good in [
            "MIT",
            "Apache-2.0 WITH LLVM-exception OR MIT",
            "(MIT OR GPL-2.0+) AND BSD-3-Clause",
            "LicenseRef-acme",
            "((MIT))",
        ] {
            assert!(is_expression(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "MIT OR",
            "OR MIT",
            "MIT GPL",
            "(MIT",
            "MIT)",
            "()",
            "MIT WITH",
            "see LICENSE",
            "MIT/X",
            "é",
            ")(",
        ] {
            assert!(!is_expression(bad), "{bad}");
        }
        assert!(!is_expression(&"(".repeat(10_000)));
    }
}
