//! As much of Python as it takes to find the test functions of a file.

/// The functions at the top of a file whose names begin with `test`, in order and
/// each once: what pytest collects of them. What stands in strings is none.
pub(crate) fn test_functions(source: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut scanner = Scanner { rest: source.strip_prefix('\u{feff}').unwrap_or(source), depth: 0 };
    loop {
        if let Some(name) = function(scanner.rest)
            && name.starts_with("test")
            && !found.iter().any(|other| other == name)
        {
            found.push(name.to_owned());
        }
        if !scanner.statement() {
            return found;
        }
    }
}

/// The name of the function that a statement defines.
fn function(statement: &str) -> Option<&str> {
    let word = |text: &'_ str, word: &str| -> Option<usize> {
        let rest = text.strip_prefix(word)?;
        let trimmed = rest.trim_start_matches([' ', '\t']);
        (trimmed.len() < rest.len()).then(|| text.len() - trimmed.len())
    };
    let start = word(statement, "async").unwrap_or(0);
    let name = &statement[start..];
    let name = &name[word(name, "def")?..];
    let end = name.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

struct Scanner<'p> {
    rest: &'p str,
    /// Brackets that are open.
    depth: u32,
}

impl Scanner<'_> {
    /// Goes on to where the next statement at the start of a line may begin; false
    /// at the end.
    fn statement(&mut self) -> bool {
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\'' | '"' => self.string(next),
                '#' => self.advance(self.rest.find('\n').unwrap_or(self.rest.len())),
                // Also joins lines.
                '\\' => self.escaped(),
                _ => {
                    self.advance(next.len_utf8());
                    match next {
                        '(' | '[' | '{' => self.depth += 1,
                        ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                        '\n' if self.depth == 0 => return true,
                        _ => {}
                    }
                }
            }
        }
        false
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// A backslash with what is after it, which may be a line break of two bytes.
    fn escaped(&mut self) {
        self.advance(1);
        if self.rest.starts_with("\r\n") {
            self.advance(2);
        } else if let Some(next) = self.rest.chars().next() {
            self.advance(next.len_utf8());
        }
    }

    fn string(&mut self, quote: char) {
        let triple = quote.to_string().repeat(3);
        let is_triple = self.rest.starts_with(&triple);
        self.advance(if is_triple { 3 } else { 1 });
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\\' => self.escaped(),
                // The string was not closed: the line break ends it.
                '\n' if !is_triple => return,
                _ if is_triple && self.rest.starts_with(&triple) => return self.advance(3),
                _ => {
                    self.advance(next.len_utf8());
                    if next == quote && !is_triple {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::test_functions;

    #[test]
    fn functions_at_the_top_are_found() {
        let source = "\u{feff}import os\n\
            def helper(): pass\n\
            def test_one(page): pass\n\
            async  def\ttest_two(\n    a='def test_no(): pass',\ndef_=1):\n    def test_inner(): pass\n\
            x = '''\ndef test_text(): pass\n''' ; y = \"\\\"\"\n\
            # def test_comment():\n\
            z = \"it's\" # '''\n\
            w = (\n\
def_, test_x)\n\
            v = 1 \\\ndef test_joined(): pass\n\
            class Test:\n    def test_method(self): pass\n\
            def testCamel(): pass\n\
            def test_one(again): pass\n\
            defx test_y(): pass\n\
            def test_é(): pass\r\n\
            def tes(): pass\n\
            open = 'not closed\n\
            def test_last(): pass";
        assert_eq!(test_functions(source), ["test_one", "test_two", "testCamel", "test_é", "test_last"]);
    }

    #[test]
    fn odd_sources_end() {
        for source in
            ["", "\\", "'", "'''", "(", "\"\\", "def", "def ", "async def test", "\u{feff}", "'''\\\r\n"]
        {
            let _ = test_functions(source);
        }
        assert_eq!(test_functions("def test"), ["test"]);
        // What is open swallows the rest, so nothing is taken for a test that is none.
        assert_eq!(test_functions("x = (\ndef test_a(): pass\n"), Vec::<String>::new());
    }
}
