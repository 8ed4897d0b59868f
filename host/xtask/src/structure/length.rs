//! How long a file may be.

use std::collections::{BTreeMap, BTreeSet};

use crate::structure::source::Source;
use crate::structure::tree::Tree;

/// The most lines of a file, its tests not counted.
const MAX_LINES: usize = 600;

/// The files that are longer. What only tests are built with may be.
pub(super) fn problems(sources: &BTreeMap<String, Source>, trees: &[Tree]) -> Vec<String> {
    let tests: BTreeSet<&str> = trees.iter().flat_map(Tree::test_files).collect();
    let product = sources.iter().filter(|(path, _)| !tests.contains(path.as_str()));
    product
        .filter(|(_, source)| source.product_lines > MAX_LINES)
        .map(|(path, source)| {
            format!(
                "{path} has {} lines without its tests, at most {MAX_LINES} are allowed",
                source.product_lines
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::tests::sources;

    #[test]
    fn only_product_code_is_counted() {
        let lines = |count: usize| "// A line.\n".repeat(count);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(900));
        let text = |product: usize, rest: &str| lines(product) + rest;
        let (root, exact, long, ends) = (
            "mod exact; mod long; mod ends; #[cfg(test)] mod tests;",
            text(600, &tests),
            text(601, &tests),
            // Code comes after the tests, so they are none at the file's end.
            text(1, &format!("{tests}fn last() {{}}\n")),
        );
        let sources = sources(&[
            ("host/a/src/lib.rs", root),
            ("host/a/src/exact.rs", &exact),
            ("host/a/src/long.rs", &long),
            ("host/a/src/ends.rs", &ends),
            ("host/a/src/tests.rs", &lines(700)),
        ]);
        let tree = Tree::of("host/a/src/lib.rs", &sources);
        let found = problems(&sources, &[tree]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("host/a/src/ends.rs has 905 lines"), "{found:?}");
        assert!(found[1].starts_with("host/a/src/long.rs has 601 lines"), "{found:?}");
    }
}
