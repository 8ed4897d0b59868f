//! Unified diffs, as `git diff` and `diff -u` write them: read whole before anything
//! is changed, and applied to the contents of files that the caller has. It touches no
//! file, starts no program and knows no repository, so that a patch comes to the same
//! everywhere.
//!
//! A patch is applied whole or refused, with the line and the reason. Refused is also
//! what other tools drop without a word: binary files whose contents the patch does not
//! hold, parts that are no diff of files (symbolic links, merges, changes of
//! submodules, properties), files that a tool names and says nothing of, hunks whose counts are wrong or that change nothing. A new submodule is
//! an empty folder, as it is with git, and so nothing in a tree of files.
//!
//! **Places.** A hunk is looked for at the line that it names, moved by as much as the
//! hunk before it was; then ever further from there, at each distance below before
//! above, but never before the end of the hunk before it. A hunk with less context
//! before than behind that names line 1 has to be at the beginning of its file, and one
//! with less behind than before at the end. When it is nowhere, it is looked for without
//! the outermost line of context, then without [`FUZZ`] of them. A hunk without any
//! context is taken at the line that it names, or not at all.
//!
//! **Prefixes.** `a/` and `b/`, git's mnemonic ones (`i/`, `w/`, `c/`, `o/`), none, and
//! one folder that differs between the two names of a file; the same way in all of the
//! patch. What can be read in two ways is refused.
//!
//! **Line ends.** The lines of files are compared with the ends that they have. In a
//! patch whose own headers end with CR LF, the CRs belong to the patch: they are taken
//! away, lines take the end that the other lines of their file have, and new files have
//! LF. Where a patch and a file, or a patch and itself, differ in their ends, it is
//! refused for that.

#![forbid(unsafe_code)]

mod apply;
mod binary;
mod contents;
mod file_name;
mod hunk;
mod parser;
mod place;
mod stray;
mod text;

pub use crate::apply::{Change, ChangeKind, Found, Tree};
pub use crate::parser::{Patch, Wanted};
pub use file_name::MAX_PATH_BYTES;

/// How many of the outermost lines of a hunk's context need not be those of the file.
pub const FUZZ: usize = 2;

/// Why a patch cannot be read, or does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PatchError {
    /// The patch's line, from 1.
    pub line: usize,
    /// What is wrong there, and where it matters what was expected.
    pub message: String,
}

impl PatchError {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// The start of some text of a patch or a file, as people can be shown it.
pub(crate) fn shown(text: &[u8]) -> String {
    const MOST: usize = 80;
    let start = &text[..text.len().min(MOST)];
    let more = if text.len() > MOST { "…" } else { "" };
    let text: String = String::from_utf8_lossy(start).chars().flat_map(char::escape_debug).collect();
    format!("{}{more}", text.replace("\\'", "'").replace("\\\"", "\""))
}
