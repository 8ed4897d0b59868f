//! The lines of a patch.

use crate::PatchError;

/// A line of a patch, without its LF.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'p> {
    pub(crate) text: &'p [u8],
    /// From 1.
    pub(crate) number: usize,
    /// Whether an LF ends it; only a patch's last line may have none.
    has_end: bool,
}

impl Line<'_> {
    pub(crate) fn starts_with(&self, start: &str) -> bool {
        self.text.starts_with(start.as_bytes())
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> PatchError {
        PatchError::new(self.number, message)
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.text, b"" | b"\r")
    }
}

/// Goes through a patch line by line.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'p> {
    whole: &'p [u8],
    /// Where the next line begins.
    at: usize,
    next: Option<Line<'p>>,
    /// Whether the patch's own lines end with CR LF, and the first that showed.
    ends: Option<(bool, usize)>,
}

fn line_at(whole: &[u8], at: usize, number: usize) -> Option<Line<'_>> {
    let rest = whole.get(at..).filter(|rest| !rest.is_empty())?;
    let end = memchr::memchr(b'\n', rest);
    Some(Line { text: &rest[..end.unwrap_or(rest.len())], number, has_end: end.is_some() })
}

impl<'p> Reader<'p> {
    pub(crate) fn new(patch: &'p [u8]) -> Self {
        // A byte-order mark would hide the first line.
        let at = if patch.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { whole: patch, at, next: line_at(patch, at, 1), ends: None }
    }

    pub(crate) fn peek(&self) -> Option<Line<'p>> {
        self.next
    }

    /// The line behind the next one.
    pub(crate) fn second(&self) -> Option<Line<'p>> {
        let next = self.next?;
        line_at(self.whole, self.at + next.text.len() + 1, next.number + 1)
    }

    /// Goes to the next line.
    pub(crate) fn advance(&mut self) {
        if let Some(line) = self.next {
            self.at += line.text.len() + usize::from(line.has_end);
            self.next = line_at(self.whole, self.at, line.number + 1);
        }
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// What stands between there and the next line.
    pub(crate) fn since(&self, offset: usize) -> &'p [u8] {
        &self.whole[offset..self.at]
    }

    /// The number of the next line, or of the one that would be.
    pub(crate) fn number(&self) -> usize {
        match self.next {
            Some(line) => line.number,
            None => memchr::memchr_iter(b'\n', self.whole).count() + 1,
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> PatchError {
        PatchError::new(self.number(), message)
    }

    /// Whether CRs belong to the patch rather than to the lines of files.
    pub(crate) fn is_cr_lf(&self) -> bool {
        self.ends.is_some_and(|(is_cr_lf, _)| is_cr_lf)
    }

    /// The text of a line of the patch's own, which has to end as all of them do.
    pub(crate) fn own(&mut self, line: Line<'p>) -> Result<&'p [u8], PatchError> {
        let stripped = line.text.strip_suffix(b"\r");
        if !line.has_end {
            return Ok(stripped.unwrap_or(line.text));
        }
        match self.ends {
            None => self.ends = Some((stripped.is_some(), line.number)),
            Some((is_cr_lf, first)) if is_cr_lf != stripped.is_some() => {
                let ends = |is_cr_lf| if is_cr_lf { "CR LF" } else { "LF alone" };
                return Err(line.error(format!(
                    "the patch's line ends are mixed: this one is {}, and that of line {first} is {}",
                    ends(!is_cr_lf),
                    ends(is_cr_lf)
                )));
            }
            Some(_) => {}
        }
        Ok(stripped.unwrap_or(line.text))
    }

    /// The text of a line out of a file.
    pub(crate) fn foreign(&self, line: Line<'p>) -> Result<&'p [u8], PatchError> {
        if !self.is_cr_lf() {
            return Ok(line.text);
        }
        match line.text.strip_suffix(b"\r") {
            Some(text) => Ok(text),
            None if !line.has_end => Ok(line.text),
            None => Err(line.error(
                "the patch's line ends are mixed: this one is LF alone, and the patch's own are CR LF",
            )),
        }
    }
}
