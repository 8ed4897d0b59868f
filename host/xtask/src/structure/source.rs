//! What a file of Rust says of the structure: its modules, the paths that it names, and
//! how much of it is product code. Its tokens are read, not its grammar: what a macro
//! makes of them is not seen, what stands in a macro's arguments is.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// The words that an item, or a binding, begins with, after its visibility.
const ITEMS: [&str; 15] = [
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "let",
    "macro_rules",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "unsafe",
    "use",
];

/// A file.
pub(super) struct Source {
    pub(super) module: Module,
    /// All of its code's identifiers, those of tests included.
    pub(super) identifiers: BTreeSet<String>,
    /// Lines, without the module of tests that the file may end with.
    pub(super) product_lines: usize,
}

/// A module, as far as it lies in one file. What is only built for tests is left out, but
/// for modules, which say so.
#[derive(Default)]
pub(super) struct Module {
    /// Whether it is only built for tests.
    pub(super) is_test: bool,
    /// The modules that have a file of their own.
    pub(super) files: Vec<ModuleFile>,
    /// The modules that are written out here.
    pub(super) inline: BTreeMap<String, Module>,
    /// The names that imports give to paths.
    pub(super) names: BTreeMap<String, Vec<String>>,
    /// The paths of two and more parts that are imported or named in code.
    pub(super) paths: BTreeSet<Vec<String>>,
}

/// `mod name;`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModuleFile {
    pub(super) name: String,
    /// The value of its attribute `path`.
    pub(super) path: Option<String>,
    /// Whether it is only built for tests.
    pub(super) is_test: bool,
}

/// What the attributes before an item say.
#[derive(Default)]
struct Attributes {
    is_test: bool,
    path: Option<String>,
}

impl Source {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let tokens: TokenStream = text.parse().map_err(|e| format!("this is no Rust: {e}"))?;
        let mut identifiers = BTreeSet::new();
        gather(tokens.clone(), &mut identifiers);
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let product_lines = tests_at(&tokens).map_or_else(|| text.lines().count(), |line| line - 1);
        let mut module = Module::default();
        module.scan(&tokens, true);
        Ok(Self { module, identifiers, product_lines })
    }
}

fn gather(tokens: TokenStream, identifiers: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                identifiers.insert(plain(&name));
            }
            TokenTree::Group(group) => gather(group.stream(), identifiers),
            _ => {}
        }
    }
}

/// The line on which the attributes of the tests' module begin, when a file ends with it.
fn tests_at(tokens: &[TokenTree]) -> Option<usize> {
    let end = tokens.len();
    if end < 3 || braces(tokens.get(end - 1)).is_none() || !is_word(tokens.get(end - 3), "mod") {
        return None;
    }
    let mut start = end - 3;
    while start > 0 && (is_word(tokens.get(start - 1), "pub") || in_parentheses(tokens.get(start - 1))) {
        start -= 1;
    }
    let mut attributes = Attributes::default();
    while let Some(attribute) = start.checked_sub(2).and_then(|at| attribute(&tokens[at..])) {
        attributes.take(attribute);
        start -= 2;
    }
    attributes.is_test.then(|| tokens[start].span().start().line)
}

impl Attributes {
    fn take(&mut self, attribute: &Group) {
        let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
        match tokens.as_slice() {
            [TokenTree::Ident(name), TokenTree::Group(predicate)] if name == "cfg" => {
                self.is_test |= requires_test(&predicate.stream().into_iter().collect::<Vec<_>>());
            }
            [TokenTree::Ident(name)] if name == "test" => self.is_test = true,
            [TokenTree::Ident(name), _, TokenTree::Literal(path)] if name == "path" => {
                self.path = Some(path.to_string().trim_matches('"').to_owned());
            }
            _ => {}
        }
    }
}

/// Whether a predicate of `cfg` holds in tests only.
fn requires_test(predicate: &[TokenTree]) -> bool {
    match predicate {
        [TokenTree::Ident(name)] => name == "test",
        [TokenTree::Ident(name), TokenTree::Group(group), ..] => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut parts = inner.split(|token| is_mark(Some(token), ',')).filter(|part| !part.is_empty());
            match name.to_string().as_str() {
                "all" => parts.any(requires_test),
                "any" => parts.all(requires_test),
                _ => false,
            }
        }
        _ => false,
    }
}

impl Module {
    /// Takes in tokens: those of the module itself (`is_top`), or of something in it, where
    /// imports give no names to the module.
    fn scan(&mut self, tokens: &[TokenTree], is_top: bool) {
        let mut attributes = Attributes::default();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if let Some(attribute) = attribute(&tokens[at..]) {
                attributes.take(attribute);
                at += 2;
                continue;
            }
            if is_top && is_mark(Some(token), '#') && is_mark(tokens.get(at + 1), '!') {
                let mut whole = Attributes::default();
                if let Some(TokenTree::Group(group)) = tokens.get(at + 2) {
                    whole.take(group);
                }
                self.is_test |= whole.is_test;
                at += 3;
                continue;
            }
            if is_word(Some(token), "pub") {
                at += if in_parentheses(tokens.get(at + 1)) { 2 } else { 1 };
                continue;
            }
            let Attributes { is_test, path } = std::mem::take(&mut attributes);
            at = self.one(tokens, at, is_top, is_test, path);
        }
    }

    /// Takes in what begins at a token, and gives where the next begins.
    fn one(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        is_top: bool,
        is_test: bool,
        path: Option<String>,
    ) -> usize {
        if is_word(tokens.get(at), "mod")
            && let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
        {
            let name = plain(name);
            if is_mark(tokens.get(at + 2), ';') {
                self.files.push(ModuleFile { name, path, is_test });
            } else if let Some(group) = braces(tokens.get(at + 2)) {
                let mut module = Self { is_test, ..Self::default() };
                module.scan(&group.stream().into_iter().collect::<Vec<_>>(), true);
                self.inline.insert(name, module);
            }
            return at + 3;
        }
        if is_test {
            return after(tokens, at);
        }
        match &tokens[at] {
            // Not `impl Trait + use<'a>`.
            TokenTree::Ident(word) if word == "use" && !is_mark(tokens.get(at + 1), '<') => {
                let end = tokens[at..].iter().position(|token| is_mark(Some(token), ';'));
                let end = end.map_or(tokens.len(), |length| at + length);
                self.import(&tokens[at + 1..end], &[], is_top);
                end + 1
            }
            TokenTree::Ident(first) => {
                let (path, next) = self::path(tokens, at, first);
                // `::std::fs` and `<T>::Item` begin somewhere else.
                let is_whole =
                    at < 2 || !is_mark(tokens.get(at - 1), ':') || !is_mark(tokens.get(at - 2), ':');
                if path.len() > 1 && is_whole {
                    self.paths.insert(path);
                }
                next
            }
            TokenTree::Group(group) => {
                self.scan(&group.stream().into_iter().collect::<Vec<_>>(), false);
                at + 1
            }
            _ => at + 1,
        }
    }

    /// Takes in a part of an import: what stands between commas.
    fn import(&mut self, tokens: &[TokenTree], before: &[String], is_top: bool) {
        let mut path = before.to_vec();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(word) if word == "as" => break,
                // `{self}` is the module before it.
                TokenTree::Ident(word) if word == "self" && !before.is_empty() => at += 1,
                TokenTree::Ident(word) => {
                    path.push(plain(word));
                    at += 1;
                }
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|token| is_mark(Some(token), ',')) {
                        self.import(part, &path, is_top);
                    }
                    return;
                }
                // From another crate.
                _ if is_mark(Some(token), ':') && path.is_empty() => return,
                _ if is_mark(Some(token), '*') => {
                    self.paths.insert(path);
                    return;
                }
                _ => at += 1,
            }
        }
        let alias = match tokens.get(at + 1) {
            Some(TokenTree::Ident(alias)) => Some(plain(alias)),
            _ => None,
        };
        let Some(name) = alias.or_else(|| path.last().cloned()) else { return };
        if tokens.is_empty() {
            return;
        }
        if is_top && name != "_" {
            self.names.insert(name, path.clone());
        }
        self.paths.insert(path);
    }
}

/// The path that begins at a token, and where what follows it begins.
fn path(tokens: &[TokenTree], mut at: usize, first: &Ident) -> (Vec<String>, usize) {
    let mut path = vec![plain(first)];
    at += 1;
    while is_mark(tokens.get(at), ':')
        && is_mark(tokens.get(at + 1), ':')
        && let Some(TokenTree::Ident(part)) = tokens.get(at + 2)
    {
        path.push(plain(part));
        at += 3;
    }
    (path, at)
}

/// Where the item, field or arm ends that begins at a token.
fn after(tokens: &[TokenTree], at: usize) -> usize {
    let is_item = matches!(&tokens[at], TokenTree::Ident(word) if ITEMS.contains(&word.to_string().as_str()));
    let is_item = is_item || braces(tokens.get(at)).is_some();
    let is_end = |token: &TokenTree| {
        let token = Some(token);
        is_mark(token, ';') || if is_item { braces(token).is_some() } else { is_mark(token, ',') }
    };
    tokens[at..].iter().position(is_end).map_or(tokens.len(), |length| at + length + 1)
}

/// The attribute that the tokens begin with.
fn attribute(tokens: &[TokenTree]) -> Option<&Group> {
    match tokens {
        [mark, TokenTree::Group(group), ..]
            if is_mark(Some(mark), '#') && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group)
        }
        _ => None,
    }
}

fn braces(token: Option<&TokenTree>) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

fn in_parentheses(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// A name without the `r#` that lets a word be one.
fn plain(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let paths = Source::read(text).unwrap().module.paths;
        paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        for (text, expected) in [
            ("use crate::a::B;", &["crate::a::B"][..]),
            (
                "pub(crate) use super::a::{self, B as C, d::{E, F}};",
                &["super::a", "super::a::B", "super::a::d::E", "super::a::d::F"],
            ),
            ("use crate::a::*;", &["crate::a"]),
            ("use {crate::a, self::b::C,};", &["crate::a", "self::b::C"]),
            ("use ::serde::Serialize; fn f() -> ::std::io::Result<()> { g() }", &[]),
            (
                "fn f() { use crate::a::B; crate::c::d::<crate::e::F>(x.crate_::<u8>()) }",
                &["crate::a::B", "crate::c::d", "crate::e::F"],
            ),
            ("fn f() { g!(\"{}\", crate::a::b()) }", &["crate::a::b"]),
            ("impl crate::a::T for <X as super::b::U>::V {}", &["crate::a::T", "super::b::U"]),
            ("macro_rules! m { () => { $crate::a::b() } }", &["crate::a::b"]),
            ("#[derive(crate::a::D)] struct S;", &[]),
            ("/// [`crate::a::B`]\nfn f<'a>() -> impl T + use<'a> { '\\'' ; \"crate::c::D\" }", &[]),
            ("pub(in crate::a) fn f() {}", &[]),
            ("use crate::r#type::r#fn;", &["crate::type::fn"]),
            ("use crate::a as _; use crate::b as c;", &["crate::a", "crate::b"]),
        ] {
            assert_eq!(paths(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        for text in [
            "#[cfg(test)] use crate::a::B;",
            "#[cfg(test)] mod tests { use crate::a::B; }",
            "fn f() { #[cfg(test)] { crate::a::b() } #[cfg(test)] let x = crate::a::c(); #[cfg(test)] d!(crate::a::e()); }",
            "#[cfg(all(unix, test))] pub(crate) fn f<A, B>() -> [u8; 2] { crate::a::b() }",
            "#[test] fn f() { crate::a::b() }",
            "#[cfg(any(test))] #[derive(Debug)] struct S { a: crate::a::B }",
            "fn f() { match x { #[cfg(test)] 1 => crate::a::b(), _ => c() } }",
            "#[cfg(test)] const A: u8 = { crate::a::B };",
        ] {
            assert_eq!(paths(text), [""; 0], "{text}");
        }
        for text in [
            "#[cfg(not(test))] use crate::a::b;",
            "#[cfg(any(test, unix))] use crate::a::b;",
            "#[cfg(feature = \"test\")] use crate::a::b;",
            "#[cfg(test)] use x::y; use crate::a::b;",
            "#[cfg(test)] mod tests { } fn f() { crate::a::b() }",
            "struct S { #[cfg(test)] a: x::y, b: crate::a::b }",
            "#[cfg(test)] mod tests; fn f() { crate::a::b() }",
        ] {
            assert_eq!(paths(text), ["crate::a::b"], "{text}");
        }
        assert!(Source::read("#![cfg(test)] //! Tests.\n").unwrap().module.is_test);
        assert!(!Source::read("#![forbid(unsafe_code)]").unwrap().module.is_test);
    }

    #[test]
    fn modules_and_names_are_found() {
        let text = "mod a; #[cfg(test)] mod b; #[path = \"../x.rs\"] #[cfg(unix)] pub(crate) mod c;
                    mod d { mod e; use super::a::F; } pub use a::{G as H, self as i}; fn f() { use a::J; }";
        let module = Source::read(text).unwrap().module;
        let file = |name: &str, path: Option<&str>, is_test| ModuleFile {
            name: name.to_owned(),
            path: path.map(str::to_owned),
            is_test,
        };
        assert_eq!(
            module.files,
            [file("a", None, false), file("b", None, true), file("c", Some("../x.rs"), false)]
        );
        assert_eq!(module.inline["d"].files, [file("e", None, false)]);
        assert_eq!(module.names.keys().collect::<Vec<_>>(), ["H", "i"]);
        assert_eq!((module.names["H"].join("::"), module.names["i"].join("::")), ("a::G".into(), "a".into()));
        assert!(module.paths.contains(&["a".to_owned(), "J".to_owned()][..]));
    }

    #[test]
    fn product_lines_end_where_the_tests_begin() {
        for (text, lines) in [
            ("", 0),
            ("fn f() {}\n", 1),
            ("fn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n", 2),
            (
                "fn f() {}\n\n/// Tests.\n#[cfg(test)]\n#[allow(x)]\npub(crate) mod tests {\n}\n// The end.\n",
                2,
            ),
            ("#[cfg(test)]\nmod tests {\n}\nfn f() {}\n", 4),
            ("fn f() {}\nmod tests {\n}\n", 3),
            ("fn f() {}\n#[cfg(not(test))]\nmod tests {\n}\n", 4),
            ("fn f() {}\n#[cfg(test)]\nmod tests;\n", 3),
        ] {
            assert_eq!(Source::read(text).unwrap().product_lines, lines, "{text}");
        }
        assert!(Source::read("fn f( {").is_err_and(|e| e.contains("no Rust")));
    }
}
