//! Stretches of a file, before and after.

use crate::text::Reader;
use crate::{PatchError, shown};

/// The most lines that a hunk may speak of, and the last that it may name.
const MAX_LINES: usize = u32::MAX as usize;

/// A stretch of a file before and after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hunk<'p> {
    /// The patch's line with the ranges.
    pub(crate) line: usize,
    /// The first line before, from 1; where there are none, the line behind which the
    /// new ones come.
    pub(crate) old_start: usize,
    pub(crate) old_count: usize,
    pub(crate) new_count: usize,
    /// How many lines of context come before the first change, and behind the last.
    pub(crate) leading: usize,
    pub(crate) trailing: usize,
    /// Its lines as they stand in the patch.
    body: &'p [u8],
    /// Whether a CR before the LF belongs to the patch.
    is_cr_lf: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Context,
    Removed,
    Added,
}

/// A line of a file in a hunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HunkLine<'p> {
    pub(crate) kind: Kind,
    /// Without its LF.
    pub(crate) text: &'p [u8],
    /// Whether an LF ends it; only the last line of a file may have none.
    pub(crate) has_end: bool,
}

impl<'p> Hunk<'p> {
    /// Reads the ranges and all lines that they speak of.
    pub(crate) fn read(reader: &mut Reader<'p>) -> Result<Self, PatchError> {
        let Some(header) = reader.peek() else { return Err(reader.error("expected a hunk")) };
        let Some((ranges, section)) = ranges(header.text) else {
            return Err(header.error(format!(
                "expected `@@ -<line>,<count> +<line>,<count> @@`, found `{}`",
                shown(header.text)
            )));
        };
        // Behind the ranges stands a line of the file, whose end may be the file's.
        if section.is_empty() || section == b"\r" {
            reader.own(header)?;
        }
        let [(old_start, old_count), (_, new_count)] = ranges;
        if old_start == 0 && old_count > 0 {
            return Err(header.error("the hunk begins at line 0; the first line is 1"));
        }
        reader.advance();
        let begin = reader.offset();
        let mut hunk = Self {
            line: header.number,
            old_start,
            old_count,
            new_count,
            leading: 0,
            trailing: 0,
            body: &[],
            is_cr_lf: reader.is_cr_lf(),
        };
        hunk.read_lines(reader)?;
        hunk.body = reader.since(begin);
        Ok(hunk)
    }

    /// Whether it is nothing but context. Neither git nor patch(1) takes such a hunk for
    /// one.
    pub(crate) fn changes_nothing(&self) -> bool {
        // All its lines come before the first change then.
        self.leading == self.old_count && self.leading == self.new_count
    }

    fn read_lines(&mut self, reader: &mut Reader<'p>) -> Result<(), PatchError> {
        let (mut old_left, mut new_left) = (self.old_count, self.new_count);
        let mut last = None;
        let (mut old_ended, mut new_ended) = (false, false);
        let mut is_changed = false;
        loop {
            let is_done = old_left == 0 && new_left == 0;
            let Some(line) = reader.peek() else {
                if is_done {
                    return Ok(());
                }
                return Err(self.cut_off(reader.number(), old_left, new_left));
            };
            if line.starts_with("\\") {
                let Some(last) = last.take() else {
                    return Err(line.error("no line of a file stands before this"));
                };
                reader.own(line)?;
                old_ended |= last != Kind::Added;
                new_ended |= last != Kind::Removed;
                reader.advance();
                continue;
            }
            if is_done {
                return Ok(());
            }
            let kind = match line.text {
                [b' ', ..] => Kind::Context,
                [b'-', ..] => Kind::Removed,
                [b'+', ..] => Kind::Added,
                // An empty line of context whose blank went lost.
                _ if line.is_blank() => Kind::Context,
                _ => return Err(self.cut_off(line.number, old_left, new_left)),
            };
            let (is_old, is_new) = (kind != Kind::Added, kind != Kind::Removed);
            if (is_old && old_left == 0) || (is_new && new_left == 0) {
                return Err(self.too_long(line.number));
            }
            if (is_old && old_ended) || (is_new && new_ended) {
                return Err(line.error("this line comes behind one without a newline, the last of its file"));
            }
            reader.foreign(line)?;
            old_left -= usize::from(is_old);
            new_left -= usize::from(is_new);
            if kind == Kind::Context {
                self.trailing += 1;
            } else {
                (is_changed, self.trailing) = (true, 0);
            }
            if !is_changed {
                self.leading += 1;
            }
            last = Some(kind);
            reader.advance();
        }
    }

    fn cut_off(&self, line: usize, old_left: usize, new_left: usize) -> PatchError {
        let Self { line: header, old_count, new_count, .. } = self;
        PatchError::new(
            line,
            format!(
                "the hunk of line {header} is cut off: of the {old_count} old and {new_count} new lines that \
                 it counts, {old_left} and {new_left} are missing"
            ),
        )
    }

    /// What is said of a line that comes too much.
    pub(crate) fn too_long(&self, line: usize) -> PatchError {
        let Self { line: header, old_count, new_count, .. } = self;
        PatchError::new(
            line,
            format!(
                "the hunk of line {header} has more lines than the {old_count} old and {new_count} new ones \
                 that it counts"
            ),
        )
    }

    /// Its lines. A CR LF patch's are without the CR.
    pub(crate) fn lines(&self) -> impl Iterator<Item = HunkLine<'p>> + use<'p> {
        let is_cr_lf = self.is_cr_lf;
        let mut rest = self.body;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let line = cut(&mut rest);
            let line = if is_cr_lf { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
            let (kind, text) = match line {
                [b' ', text @ ..] => (Kind::Context, text),
                [b'-', text @ ..] => (Kind::Removed, text),
                [b'+', text @ ..] => (Kind::Added, text),
                _ => (Kind::Context, line),
            };
            let has_end = !rest.starts_with(b"\\");
            if !has_end {
                cut(&mut rest);
            }
            Some(HunkLine { kind, text, has_end })
        })
    }

    /// Whether the patch's own lines end with CR LF.
    pub(crate) fn is_cr_lf(&self) -> bool {
        self.is_cr_lf
    }
}

/// The next line without its LF.
fn cut<'p>(rest: &mut &'p [u8]) -> &'p [u8] {
    let whole = *rest;
    let end = memchr::memchr(b'\n', whole).unwrap_or(whole.len());
    *rest = whole.get(end + 1..).unwrap_or_default();
    &whole[..end]
}

type Range = (usize, usize);

/// The two ranges of a hunk's header, and what stands behind them.
fn ranges(text: &[u8]) -> Option<([Range; 2], &[u8])> {
    let rest = text.strip_prefix(b"@@ -")?;
    let end = memchr::memmem::find(rest, b" @@")?;
    let (both, section) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 3..]);
    let (old, new) = both.split_once(" +")?;
    Some(([range(old)?, range(new)?], section))
}

fn range(text: &str) -> Option<Range> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && *number <= MAX_LINES)
    };
    match text.split_once(',') {
        None => Some((number(text)?, 1)),
        Some((line, count)) => Some((number(line)?, number(count)?)),
    }
}
