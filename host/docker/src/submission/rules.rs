//! What of a work tree a submission may not change, by patterns.

use globset::{GlobBuilder, GlobMatcher};
use lancet_core::{ProtectedPath, Protection};

use crate::engine::path::is_below;

/// What of the work tree a submission may not change.
pub(crate) struct Rules(Vec<Rule>);

struct Rule {
    pattern: String,
    glob: GlobMatcher,
    /// Whether it takes all that is below a folder that it takes.
    whole: bool,
    protection: Protection,
}

impl Rules {
    pub(crate) fn new(protected: &[ProtectedPath]) -> Result<Self, String> {
        let rule = |path: &ProtectedPath| {
            let glob = GlobBuilder::new(&path.pattern).literal_separator(true).build();
            let glob = glob.map_err(|error| format!("protected path `{}`: {error}", path.pattern))?;
            let whole = path.pattern == "**" || path.pattern.ends_with("/**");
            let pattern = path.pattern.clone();
            Ok(Rule { pattern, glob: glob.compile_matcher(), whole, protection: path.protection })
        };
        protected.iter().map(rule).collect::<Result<_, String>>().map(Self)
    }

    /// The first rule for a path counts.
    pub(crate) fn of(&self, path: &str) -> Option<Protection> {
        self.0.iter().find(|rule| rule.takes(path)).map(|rule| rule.protection)
    }

    /// What happens to everything below a folder, where that is the same for all
    /// and can be told from its name.
    pub(crate) fn covers(&self, folder: &str) -> Option<Protection> {
        // Nobody's name, so only a pattern that takes all names takes it.
        let anything = format!("{folder}/\u{1}");
        let takes_all = |rule: &Rule| rule.takes(folder) || (rule.whole && rule.glob.is_match(&anything));
        let index = self.0.iter().position(takes_all)?;
        let protection = self.0[index].protection;
        let same = |rule: &Rule| rule.protection == protection || rule.spares(folder);
        self.0[..index].iter().all(same).then_some(protection)
    }
}

impl Rule {
    /// A folder in the place of a file that is protected would be as good as the file
    /// to many programs, so what is below a match is taken with it.
    fn takes(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.into_iter().any(|end| self.glob.is_match(&path[..end]))
    }

    /// Whether it surely takes nothing below a folder.
    fn spares(&self, folder: &str) -> bool {
        !self.pattern.contains(['*', '?', '[', '{', '\\']) && !is_below(&self.pattern, folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&str, Protection)]) -> Rules {
        let path = |(pattern, protection): &(&str, Protection)| ProtectedPath {
            pattern: (*pattern).to_owned(),
            protection: *protection,
        };
        Rules::new(&rules.iter().map(path).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_first_rule_for_a_path_counts() {
        use Protection::{Overlaid, Refused};
        let rules =
            rules(&[("a/keep/*", Overlaid), ("a/**", Refused), ("*.json", Refused), ("**/x", Overlaid)]);
        for (path, protection) in [
            ("a/keep/1", Some(Overlaid)),
            ("a/keep/1/2", Some(Overlaid)),
            ("a/b", Some(Refused)),
            ("a", None),
            ("p.json", Some(Refused)),
            ("p.json/in/it", Some(Refused)),
            ("b/c/x/y", Some(Overlaid)),
            ("b/p.json", None),
            ("x", Some(Overlaid)),
            ("b/c/x", Some(Overlaid)),
        ] {
            assert_eq!(rules.of(path), protection, "{path}");
        }
        assert!(Rules::new(&[ProtectedPath { pattern: "a{".into(), protection: Refused }]).is_err());
    }

    #[test]
    fn a_folder_is_covered_only_if_all_in_it_is() {
        use Protection::{Overlaid, Refused};
        let covers = |list: &[(&str, Protection)], folder| rules(list).covers(folder);
        assert_eq!(covers(&[("n/**", Overlaid)], "n"), Some(Overlaid));
        assert_eq!(covers(&[("n/**", Overlaid)], "n/deep/er"), Some(Overlaid));
        assert_eq!(covers(&[("**/n/**", Overlaid)], "a/n/b"), Some(Overlaid));
        assert_eq!(covers(&[("n/*", Overlaid)], "n"), None);
        assert_eq!(covers(&[("n/*", Overlaid)], "n/o"), Some(Overlaid));
        assert_eq!(covers(&[("**/n", Overlaid)], "a/n/o"), Some(Overlaid));
        assert_eq!(covers(&[("p.json", Refused), ("**/n", Overlaid)], "n"), Some(Overlaid));
        assert_eq!(covers(&[("n/**", Overlaid)], "m"), None);
        assert_eq!(covers(&[("package.json", Refused), ("n/**", Overlaid)], "n"), Some(Overlaid));
        assert_eq!(covers(&[("n/p.json", Refused), ("n/**", Overlaid)], "n"), None);
        assert_eq!(covers(&[("**/p.json", Refused), ("n/**", Overlaid)], "n"), None);
    }
}
