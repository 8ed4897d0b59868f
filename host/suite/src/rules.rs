//! What values of a suite's files have to be like, beyond their types.

use std::collections::BTreeMap;

use globset::GlobBuilder;

use crate::format::MAX_LINE_BYTES;
use crate::problem::{Problem, shown};

/// The most bytes of a name.
const MAX_NAME_BYTES: usize = 64;
/// The most bytes of a path.
const MAX_SUITE_PATH_BYTES: usize = 1024;
/// The most words of a command.
const MAX_ARGV: usize = 256;
/// The most bytes of a word of a command.
const MAX_WORD_BYTES: usize = 32 << 10;
/// The most variables of one table.
const MAX_VARIABLES: usize = 64;
/// The most bytes of a variable's value.
const MAX_VALUE_BYTES: usize = 4 << 10;
/// The most seconds that anything may take: a day.
const MAX_SECONDS: u32 = 86_400;

/// Whether it is a name of an image, environment, plan or artifact.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether it names a variable of a process's environment.
fn is_variable(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether it is one line of text, not empty.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_LINE_BYTES && !text.contains(char::is_control)
}

/// Whether it is a path as suites may name one: plain names joined by `/`, neither `.`
/// nor `..`, without control characters, at most 1024 bytes.
#[must_use]
pub fn is_relative_path(text: &str) -> bool {
    text.len() <= MAX_SUITE_PATH_BYTES
        && !text.contains(char::is_control)
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Checks the values of one file.
pub(crate) struct Rules<'a> {
    pub(crate) file: &'a str,
    pub(crate) problems: &'a mut Vec<Problem>,
}

impl Rules<'_> {
    pub(crate) fn problem(&mut self, key: impl Into<String>, message: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::new(self.file, message).key(key));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    pub(crate) fn name(&mut self, key: impl Into<String>, name: &str) {
        if !is_name(name) {
            let message = format!(
                "`{}` is no name: expected 1 to {MAX_NAME_BYTES} lower-case letters, digits and `-`, beginning with a letter or digit",
                shown(name)
            );
            self.problem(key, message);
        }
    }

    /// At most so many of something.
    pub(crate) fn count(&mut self, key: impl Into<String>, count: usize, most: usize) {
        if count > most {
            self.problem(key, format!("{count} of them, at most {most} are allowed"));
        }
    }

    pub(crate) fn within(&mut self, key: impl Into<String>, value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.problem(key, format!("expected {least} to {most}, found {value}"));
        }
    }

    pub(crate) fn seconds(&mut self, key: impl Into<String>, seconds: u32) {
        self.within(key, seconds, 1, MAX_SECONDS);
    }

    pub(crate) fn argv(&mut self, key: &str, argv: &[String]) {
        match argv.first().map(String::as_str) {
            None => {
                self.problem(key, "empty, expected a program and its arguments").hint =
                    Some("[\"python3\", \"-m\", \"pytest\"]".to_owned());
            }
            Some("") => {
                self.problem(format!("{key}[0]"), "empty, expected a program");
            }
            Some(_) => {}
        }
        self.count(key, argv.len(), MAX_ARGV);
        for (index, word) in argv.iter().enumerate() {
            if word.contains('\0') {
                self.problem(format!("{key}[{index}]"), "it has a NUL");
            } else if word.len() > MAX_WORD_BYTES {
                let message = format!("{} bytes, at most {MAX_WORD_BYTES} are allowed", word.len());
                self.problem(format!("{key}[{index}]"), message);
            }
        }
    }

    /// An absolute path without `.`, `..` or empty parts. Whether it is one.
    pub(crate) fn absolute_path(&mut self, key: impl Into<String>, path: &str) -> bool {
        let good = path.strip_prefix('/').is_some_and(is_relative_path);
        if !good {
            let message = format!("`{}` is no absolute path of plain names", shown(path));
            self.problem(key, message).hint =
                Some("it begins with `/`, and has neither `..` nor `//` nor a `/` at its end".to_owned());
        }
        good
    }

    /// A path of plain names from some folder. Whether it is one.
    pub(crate) fn relative_path(&mut self, key: impl Into<String>, path: &str, from: &str) -> bool {
        let good = is_relative_path(path);
        if !good {
            let message = format!("`{}` is no path of plain names from {from}", shown(path));
            self.problem(key, message).hint =
                Some("it has neither `..` nor `//`, nor a `/` at an end".to_owned());
        }
        good
    }

    pub(crate) fn variables(&mut self, key: &str, variables: &BTreeMap<String, String>) {
        self.count(key, variables.len(), MAX_VARIABLES);
        for (name, value) in variables {
            let key = format!("{key}.{}", shown(name));
            if !is_variable(name) {
                let message = "not a variable's name: expected letters, digits and `_`, at most 64";
                self.problem(key, message);
            } else if name.starts_with("LANCET_") {
                self.problem(key, "names that begin with `LANCET_` are the host's");
            } else if value.contains('\0') {
                self.problem(key, "the value has a NUL");
            } else if value.len() > MAX_VALUE_BYTES {
                self.problem(key, format!("{} bytes, at most {MAX_VALUE_BYTES} are allowed", value.len()));
            }
        }
    }

    /// Globs of paths from the work tree.
    pub(crate) fn patterns(&mut self, key: &str, patterns: &[String]) {
        self.count(key, patterns.len(), 256);
        for (index, pattern) in patterns.iter().enumerate() {
            let at = format!("{key}[{index}]");
            if !is_relative_path(pattern) {
                let message = format!("`{}` is no pattern of paths from the work tree", shown(pattern));
                self.problem(at, message).hint =
                    Some("`config/**` is all below config/, `**/*.py` all of that kind".to_owned());
            } else if let Err(error) = GlobBuilder::new(pattern).literal_separator(true).build() {
                let message = format!("`{}` is no pattern: {}", shown(pattern), error.kind());
                self.problem(at, message);
            } else if patterns[..index].contains(pattern) {
                self.problem(at, format!("`{}` is listed twice", shown(pattern)));
            }
        }
    }

    /// Names of tests: a line each, and each once.
    pub(crate) fn tests(&mut self, key: &str, tests: &[String]) {
        self.count(key, tests.len(), lancet_core::MAX_TEST_CASES);
        let mut seen = std::collections::BTreeSet::new();
        for (index, test) in tests.iter().enumerate() {
            let at = format!("{key}[{index}]");
            if !is_line(test) {
                let message = format!("expected one line of 1 to {MAX_LINE_BYTES} bytes");
                self.problem(at, message);
            } else if !seen.insert(test) {
                self.problem(at, format!("`{}` is listed twice", shown(test)));
            }
        }
    }
}
