//! The agent `random`: any proposal, or any change. A baseline.
//!
//! Of a manager's task it chooses any proposal, each as likely. In a work tree it
//! deletes or doubles any line of any text file: what that solves was no task.
//!
//! The numbers come from the host and derive from the run's seed and the task's
//! id, so a run can be repeated.

#![forbid(unsafe_code)]

use lancet_sdk::workspace::Entry;
use lancet_sdk::{Agent, Answer, CallError, Proposal, SolveError, Task, TaskKind, log, random, workspace};

/// The largest file that is changed, in bytes.
const MAX_FILE_BYTES: u32 = 64 << 10;
/// How many files are looked at before giving up to find one of text.
const TRIES: usize = 32;

struct Random;

impl Agent for Random {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match task.kind {
            TaskKind::SweManager => Ok(choose(&task.proposals, random::below)),
            TaskKind::IcSwe => match change() {
                Ok(()) => Ok(Answer::WorkTree),
                Err(error) => {
                    Err(SolveError::Other(format!("the work tree could not be changed: {}", error.message())))
                }
            },
        }
    }
}

lancet_sdk::export_agent!(Random);

/// `below` draws a number below its argument, and is not asked when there is
/// nothing to choose from.
fn choose(proposals: &[Proposal], mut below: impl FnMut(u64) -> u64) -> Answer {
    place(proposals.len(), &mut below).map_or(Answer::Nothing, |at| Answer::Choice(proposals[at].id))
}

/// Any position of that many.
fn place(count: usize, below: &mut impl FnMut(u64) -> u64) -> Option<usize> {
    if count == 0 {
        return None;
    }
    usize::try_from(below(count as u64)).ok().filter(|place| *place < count)
}

/// Changes a line of a text file, if there is one.
fn change() -> Result<(), CallError> {
    let mut entries = workspace::list("")?;
    entries.retain(is_candidate);
    for _ in 0..TRIES {
        let Some(at) = place(entries.len(), &mut random::below) else { break };
        let entry = &entries[at];
        let contents = workspace::read(&entry.path, 0, MAX_FILE_BYTES)?;
        if let Some(changed) = changed(&contents, &mut random::below) {
            log::info("changed a line", &[("file", &entry.path)]);
            return workspace::write(&entry.path, &changed);
        }
    }
    log::warn("found no text file to change", &[]);
    Ok(())
}

/// Whether a file is worth a look: small, in no folder of a tool's, and not of a
/// package that was only installed.
fn is_candidate(entry: &Entry) -> bool {
    (1..=u64::from(MAX_FILE_BYTES)).contains(&entry.bytes)
        && !entry.path.split('/').any(|name| name.starts_with('.') || name == "node_modules")
}

/// A text with any line deleted or doubled; `None` for what is no text.
fn changed(contents: &[u8], below: &mut impl FnMut(u64) -> u64) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(contents).ok().filter(|text| !text.contains('\0'))?;
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let at = place(lines.len(), below)?;
    let line = lines[at];
    let (before, after) = (lines[..at].concat(), lines[at + 1..].concat());
    let parts: &[&str] = match (below(2) == 1, line.ends_with('\n')) {
        (false, _) => &[&before, &after],
        (true, true) => &[&before, line, line, &after],
        (true, false) => &[&before, line, "\n", line, &after],
    };
    Some(parts.concat().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_drawn_is_a_position() {
        let proposals = [5, 2, 9].map(|id| Proposal { id, text: String::new() });
        let drawn = choose(&proposals, |bound| {
            assert_eq!(bound, 3);
            1
        });
        assert_eq!(drawn, Answer::Choice(2));
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        assert_eq!(choose(&[], |_| unreachable!()), Answer::Nothing);
    }

    fn drawn(contents: &[u8], numbers: &[u64]) -> Option<String> {
        let mut numbers = numbers.iter();
        let mut below = |bound| {
            let number = *numbers.next().unwrap();
            assert!(number < bound);
            number
        };
        changed(contents, &mut below).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_line_is_deleted_or_doubled() {
        let text = b"one\none\nthree";
        assert_eq!(drawn(text, &[1, 0]).unwrap(), "one\nthree");
        assert_eq!(drawn(text, &[1, 1]).unwrap(), "one\none\none\nthree");
        assert_eq!(drawn(text, &[2, 0]).unwrap(), "one\none\n");
        assert_eq!(drawn(text, &[2, 1]).unwrap(), "one\none\nthree\nthree");
    }

    #[test]
    fn what_is_no_text_is_left_alone() {
        for contents in [&b""[..], b"\xff\n", b"a\0b\n"] {
            assert_eq!(drawn(contents, &[]), None);
        }
    }

    #[test]
    fn folders_of_tools_and_large_files_are_left_out() {
        let entry = |path: &str, bytes| Entry { path: path.into(), bytes };
        assert!(is_candidate(&entry("lib/a.js", 65_536)));
        for bad in [
            entry("lib/a.js", 65_537),
            entry("lib/empty.js", 0),
            entry(".github/x.yml", 5),
            entry("lib/.eslintrc", 5),
            entry("node_modules/x/index.js", 5),
        ] {
            assert!(!is_candidate(&bad), "{bad:?}");
        }
    }
}
