//! The lines of a file that is patched, and finding a place among them.

use std::collections::HashMap;

use crate::hunk::{Hunk, HunkLine, Kind};
use crate::place::{self, Place, Sought};
use crate::{FUZZ, PatchError, shown};

/// The most lines of a file that is patched.
const MAX_LINES: usize = 16 << 20;
/// What stands for a line that the file does not have.
const UNKNOWN: u32 = u32::MAX;

/// A file's lines.
struct File<'a> {
    path: &'a str,
    bytes: &'a [u8],
    /// Where each line begins, and where the last one ends.
    starts: Vec<u32>,
}

/// Where lines of the file are told from one another by number.
struct Numbers<'a> {
    known: HashMap<&'a [u8], u32>,
    lines: Vec<u32>,
}

/// How a line of a hunk is compared and written.
#[derive(Clone, Copy)]
struct Ends {
    /// Whether the lines of the file end with CR LF, where the patch's CRs were its own.
    adds_cr: bool,
}

impl Ends {
    /// A line as it has to stand in the file.
    fn write(self, line: &HunkLine<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(line.text);
        if line.has_end {
            if self.adds_cr && !line.text.ends_with(b"\r") {
                out.push(b'\r');
            }
            out.push(b'\n');
        }
    }

    fn is_same(self, line: &HunkLine<'_>, of_file: &[u8]) -> bool {
        let text = match (line.has_end, of_file.strip_suffix(b"\n")) {
            (true, Some(text)) => text,
            (false, None) => of_file,
            _ => return false,
        };
        if line.has_end && self.adds_cr && !line.text.ends_with(b"\r") {
            text.strip_suffix(b"\r") == Some(line.text)
        } else {
            text == line.text
        }
    }
}

/// What a file holds after its hunks. `most` bounds its bytes.
pub(crate) fn patched(
    path: &str,
    old: &[u8],
    hunks: &[Hunk<'_>],
    most: usize,
    effort: &mut u64,
) -> Result<Vec<u8>, PatchError> {
    let first = hunks.first().map_or(0, |hunk| hunk.line);
    let file = File::new(path, old, first)?;
    let ends = file.ends(hunks)?;
    let mut numbers = None;
    let mut new = Vec::new();
    // The first line that is not written yet, and how far off the hunk before was.
    let (mut next, mut drift) = (0, 0isize);
    for hunk in hunks {
        let place = file.place(hunk, ends, next, drift, &mut numbers, effort)?;
        if place.is_found {
            drift = place.drift(hunk.old_start);
        }
        let begin = place.line + place.leading;
        new.extend_from_slice(file.lines(next, begin));
        next = begin;
        let count = hunk.old_count - place.leading - place.trailing;
        let stop = begin + count;
        let mut skipped = place.leading;
        for line in hunk.lines() {
            if line.kind == Kind::Added {
                if !new.is_empty() && !new.ends_with(b"\n") {
                    return Err(file.unended(hunk));
                }
                ends.write(&line, &mut new);
            } else if skipped > 0 {
                skipped -= 1;
            } else if next < stop {
                // What is not changed stays as the file has it.
                if line.kind == Kind::Context {
                    if !new.is_empty() && !new.ends_with(b"\n") {
                        return Err(file.unended(hunk));
                    }
                    new.extend_from_slice(file.line(next));
                }
                next += 1;
            }
        }
        if new.len() > most {
            return Err(PatchError::new(hunk.line, format!("`{path}` becomes larger than allowed")));
        }
        if next < file.len() && !new.is_empty() && !new.ends_with(b"\n") {
            return Err(file.unended(hunk));
        }
    }
    new.extend_from_slice(file.lines(next, file.len()));
    if new.len() > most {
        return Err(PatchError::new(first, format!("`{path}` becomes larger than allowed")));
    }
    Ok(new)
}

impl<'a> File<'a> {
    fn new(path: &'a str, bytes: &'a [u8], line: usize) -> Result<Self, PatchError> {
        let too_large = || PatchError::new(line, format!("`{path}` has more than {MAX_LINES} lines"));
        let count = memchr::memchr_iter(b'\n', bytes).count();
        if count > MAX_LINES {
            return Err(too_large());
        }
        let end = u32::try_from(bytes.len()).map_err(|_| too_large())?;
        let mut starts = Vec::with_capacity(count + 2);
        if !bytes.is_empty() {
            starts.push(0);
        }
        let behind = memchr::memchr_iter(b'\n', bytes).filter_map(|at| u32::try_from(at + 1).ok());
        starts.extend(behind.filter(|start| *start < end));
        starts.push(end);
        Ok(Self { path, bytes, starts })
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// A line with its end.
    fn line(&self, index: usize) -> &'a [u8] {
        self.lines(index, index + 1)
    }

    fn lines(&self, begin: usize, end: usize) -> &'a [u8] {
        &self.bytes[self.starts[begin] as usize..self.starts[end] as usize]
    }

    fn unended(&self, hunk: &Hunk<'_>) -> PatchError {
        let message = format!("in `{}` lines would come behind one that has no newline", self.path);
        PatchError::new(hunk.line, message)
    }

    /// What a CR LF patch does here.
    fn ends(&self, hunks: &[Hunk<'_>]) -> Result<Ends, PatchError> {
        let Some(hunk) = hunks.first().filter(|hunk| hunk.is_cr_lf()) else {
            return Ok(Ends { adds_cr: false });
        };
        let ended = memchr::memchr_iter(b'\n', self.bytes);
        let (mut all, mut with_cr) = (0, 0);
        for at in ended {
            all += 1;
            with_cr += usize::from(at > 0 && self.bytes[at - 1] == b'\r');
        }
        if with_cr > 0 && with_cr < all {
            return Err(PatchError::new(
                hunk.line,
                format!(
                    "the line ends of `{}` are mixed, {with_cr} of {all} CR LF, and the patch's are CR LF: \
                     expected a patch whose own lines end with LF",
                    self.path
                ),
            ));
        }
        Ok(Ends { adds_cr: with_cr > 0 })
    }

    /// Where a hunk belongs, at line `next` or behind it.
    fn place(
        &self,
        hunk: &Hunk<'_>,
        ends: Ends,
        next: usize,
        drift: isize,
        numbers: &mut Option<Numbers<'a>>,
        effort: &mut u64,
    ) -> Result<Place, PatchError> {
        if hunk.leading == 0 && hunk.trailing == 0 {
            return self.named_place(hunk, ends, next, drift);
        }
        let sought = Sought {
            leading: hunk.leading,
            trailing: hunk.trailing,
            is_first: hunk.old_start <= 1,
            guess: (hunk.old_start - 1).saturating_add_signed(drift),
            min: next,
        };
        let fits_whole = sought.guess >= next
            && sought.guess.saturating_add(hunk.old_count) <= self.len()
            && sought.may_be_whole_at(sought.guess, hunk.old_count, self.len())
            && self.first_difference(hunk, ends, sought.guess).is_none();
        if fits_whole {
            return Ok(Place { line: sought.guess, leading: 0, trailing: 0, is_found: true });
        }
        let numbers = numbers.get_or_insert_with(|| self.numbered());
        let pattern = numbers.of(hunk, |line, out| ends.write(line, out));
        match place::find(&numbers.lines, &pattern, UNKNOWN, &sought, FUZZ, effort) {
            Ok(Some(place)) => Ok(place),
            Ok(None) => Err(self.misfit(hunk, ends, &sought, effort)),
            Err(place::Exhausted) => Err(PatchError::new(
                hunk.line,
                format!("finding where the hunk belongs in `{}` takes too many comparisons", self.path),
            )),
        }
    }

    /// The place of a hunk without context: the line that it names.
    fn named_place(
        &self,
        hunk: &Hunk<'_>,
        ends: Ends,
        next: usize,
        drift: isize,
    ) -> Result<Place, PatchError> {
        let path = self.path;
        let error = |message: String| Err(PatchError::new(hunk.line, message));
        let is_insertion = hunk.old_count == 0;
        let line = if is_insertion { hunk.old_start } else { hunk.old_start - 1 };
        if is_insertion && line == 0 && self.len() > 0 {
            return error(format!("the hunk is for an empty file, and `{path}` is not empty"));
        }
        if !is_insertion && line == 0 && hunk.old_count != self.len() {
            return error(format!(
                "the hunk has no context, so its {} lines have to be all of `{path}`, which has {}",
                hunk.old_count,
                self.len()
            ));
        }
        if drift != 0 {
            return error(format!(
                "the hunk has no context, and the hunk before it was not at the line of `{path}` that it names"
            ));
        }
        if line < next || line.saturating_add(hunk.old_count) > self.len() {
            return error(format!("the hunk names lines that `{path}` does not have there"));
        }
        match self.first_difference(hunk, ends, line) {
            None => Ok(Place { line, leading: 0, trailing: 0, is_found: false }),
            Some(message) => error(message),
        }
    }

    /// How the file differs from the old side of a hunk at a line.
    fn first_difference(&self, hunk: &Hunk<'_>, ends: Ends, at: usize) -> Option<String> {
        let old = hunk.lines().filter(|line| line.kind != Kind::Added);
        for (index, line) in old.enumerate() {
            let index = at + index;
            let path = self.path;
            if index >= self.len() {
                return Some(format!(
                    "the hunk does not apply: `{path}` has {} lines, and the patch has `{}` for line {}",
                    self.len(),
                    shown(line.text),
                    index + 1
                ));
            }
            let of_file = self.line(index);
            if !ends.is_same(&line, of_file) {
                let plain = of_file.strip_suffix(b"\n");
                let how = if plain.unwrap_or(of_file) == line.text {
                    "differs in whether a newline ends the file".to_owned()
                } else {
                    let of_file = shown(plain.unwrap_or(of_file));
                    format!("is `{of_file}`, and the patch has `{}`", shown(line.text))
                };
                return Some(format!("the hunk does not apply: line {} of `{path}` {how}", index + 1));
            }
        }
        None
    }

    fn misfit(&self, hunk: &Hunk<'_>, ends: Ends, sought: &Sought, effort: &mut u64) -> PatchError {
        let bare = |line: &HunkLine<'_>, out: &mut Vec<u8>| {
            out.extend_from_slice(line.text.strip_suffix(b"\r").unwrap_or(line.text));
            out.extend_from_slice(if line.has_end { b"\n" } else { b"" });
        };
        let without_cr: Vec<u8> = self.bytes.iter().copied().filter(|byte| *byte != b'\r').collect();
        if let Ok(file) = File::new(self.path, &without_cr, hunk.line) {
            let numbers = file.numbered();
            let pattern = numbers.of(hunk, bare);
            if let Ok(Some(_)) = place::find(&numbers.lines, &pattern, UNKNOWN, sought, 0, effort) {
                let of_file = if self.bytes.len() > without_cr.len() { "CR LF" } else { "LF alone" };
                let of_patch = if self.bytes.len() > without_cr.len() { "LF alone" } else { "CR LF" };
                return PatchError::new(
                    hunk.line,
                    format!(
                        "the hunk does not apply for its line ends: lines of `{}` end with {of_file}, and those \
                         of the hunk with {of_patch}",
                        self.path
                    ),
                );
            }
        }
        let at = sought.guess.clamp(sought.min.min(self.len()), self.len());
        let message = self.first_difference(hunk, ends, at).unwrap_or_else(|| {
            let path = self.path;
            if sought.guess < sought.min {
                format!("the hunk does not apply: it is not behind the hunk before it in `{path}`")
            } else {
                format!("the hunk does not apply: by its context it begins or ends `{path}`, and it does not there")
            }
        });
        PatchError::new(hunk.line, message)
    }

    fn numbered(&self) -> Numbers<'a> {
        let mut known = HashMap::new();
        let mut lines = Vec::with_capacity(self.len());
        for index in 0..self.len() {
            let next = u32::try_from(known.len()).unwrap_or(UNKNOWN - 1);
            lines.push(*known.entry(self.line(index)).or_insert(next));
        }
        Numbers { known, lines }
    }
}

impl Numbers<'_> {
    /// The old side of a hunk in numbers.
    fn of(&self, hunk: &Hunk<'_>, write: impl Fn(&HunkLine<'_>, &mut Vec<u8>)) -> Vec<u32> {
        let mut text = Vec::new();
        let old = hunk.lines().filter(|line| line.kind != Kind::Added);
        old.map(|line| {
            text.clear();
            write(&line, &mut text);
            self.known.get(text.as_slice()).copied().unwrap_or(UNKNOWN)
        })
        .collect()
    }
}
