//! Reading a patch whole, or refusing it with the line and the reason.

use std::collections::BTreeMap;

use crate::binary::Binary;
use crate::file_name::{self, Form, Name, Reading};
use crate::hunk::Hunk;
use crate::stray::{NO_CONTENTS, Strays};
use crate::text::{Line, Reader};
use crate::{PatchError, shown};

/// The blob without a byte, by git's names.
const EMPTY_BLOB: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

/// A patch that has been read whole.
#[derive(Debug)]
pub struct Patch<'p> {
    pub(crate) sections: Vec<Section<'p>>,
    is_cr_lf: bool,
}

/// What a patch does to one file.
#[derive(Debug)]
pub(crate) struct Section<'p> {
    /// The patch's line that begins it.
    pub(crate) line: usize,
    pub(crate) action: Action,
    /// The file as it is called after, or before when it goes.
    pub(crate) path: String,
    /// The new mode's, where one is given.
    pub(crate) executable: Option<bool>,
    pub(crate) content: Content<'p>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Modify,
    Create,
    /// A submodule, of which git makes an empty folder.
    CreateFolder,
    /// `diff` writes the same for a file that is new and for one that was empty.
    ModifyOrCreate,
    Delete,
    /// From that path.
    Rename(String),
    /// From that path.
    Copy(String),
}

#[derive(Debug)]
pub(crate) enum Content<'p> {
    Same,
    Text(Vec<Hunk<'p>>),
    /// With git's names of what the file holds before and after.
    Binary {
        binary: Binary<'p>,
        old: String,
        new: String,
    },
}

/// A file that a patch speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// From the work tree.
    pub path: &'a str,
    /// Whether what it holds is needed, rather than whether it is there.
    pub contents: bool,
}

/// A section whose names are not paths yet.
struct Draft<'p> {
    line: usize,
    /// The rest of the `diff --git` line.
    header: Option<&'p [u8]>,
    old_mode: Option<bool>,
    new_mode: Option<bool>,
    is_new: bool,
    /// Whether what is new is a submodule.
    is_gitlink: bool,
    is_gone: bool,
    /// Of a rename or copy.
    from: Option<(usize, Vec<u8>)>,
    to: Option<Vec<u8>>,
    is_copy: bool,
    is_similar: bool,
    /// Git's names of the contents before and after.
    index: Option<(String, String)>,
    /// The names of `---` and `+++`.
    names: Option<(Name, Name)>,
    content: Content<'p>,
    /// The path, or the lone name that waits for the rest of the patch.
    path: Option<Vec<u8>>,
}

impl<'p> Patch<'p> {
    /// Reads a patch. What stands before, between and behind the files, as in a mail,
    /// is skipped; what looks like a part of a patch there is refused.
    ///
    /// # Errors
    /// The first line that is not understood, or that asks for what cannot be done.
    pub fn parse(patch: &'p [u8]) -> Result<Self, PatchError> {
        let mut parser = Parser { reader: Reader::new(patch), drafts: Vec::new(), form: None };
        parser.run(Strays::new(patch))?;
        let Parser { reader, drafts, form } = parser;
        if drafts.is_empty() {
            return Err(PatchError::new(
                reader.number(),
                "no file is changed: expected a unified diff, as `git diff` writes it",
            ));
        }
        let form = form.map(|(_, form)| form);
        let sections =
            drafts.into_iter().map(|draft| draft.finish(form.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { sections, is_cr_lf: reader.is_cr_lf() })
    }

    /// Whether the patch's own lines end with CR LF.
    #[must_use]
    pub fn is_cr_lf(&self) -> bool {
        self.is_cr_lf
    }

    /// The files that it speaks of, each once, sorted by path.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted<'_>> {
        let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
        for section in &self.sections {
            let contents = match &section.action {
                Action::Modify | Action::ModifyOrCreate | Action::Delete => true,
                Action::Create | Action::CreateFolder => false,
                Action::Rename(from) | Action::Copy(from) => {
                    wanted.insert(from, true);
                    false
                }
            };
            *wanted.entry(&section.path).or_default() |= contents;
        }
        wanted.into_iter().map(|(path, contents)| Wanted { path, contents }).collect()
    }
}

struct Parser<'p> {
    reader: Reader<'p>,
    drafts: Vec<Draft<'p>>,
    /// How names lead to paths, and the line that showed it first.
    form: Option<(usize, Form)>,
}

impl<'p> Parser<'p> {
    fn run(&mut self, mut strays: Strays<'p>) -> Result<(), PatchError> {
        while let Some(line) = self.reader.peek() {
            if line.starts_with("diff --git ") {
                let draft = self.git_section(line)?;
                self.add(draft)?;
                strays.has_come();
            } else if line.starts_with("--- ") && self.is_header() {
                let mut draft = Draft::new(line.number, None);
                self.contents(&mut draft)?;
                self.add(draft)?;
                strays.has_come();
            } else {
                strays.look(line, &self.reader)?;
                self.reader.advance();
            }
        }
        strays.end()
    }

    /// A header is two lines: alone, three dashes are prose.
    fn is_header(&self) -> bool {
        self.reader.second().is_some_and(|line| line.starts_with("+++ "))
    }

    fn add(&mut self, mut draft: Draft<'p>) -> Result<(), PatchError> {
        draft.check()?;
        if let Some((form, line)) = draft.settle()? {
            match &self.form {
                None => self.form = Some((line, form)),
                Some((first, known)) if !known.agrees(&form) => {
                    return Err(PatchError::new(
                        line,
                        format!(
                            "the names have {}, and those of line {first} have {}",
                            form.words(),
                            known.words()
                        ),
                    ));
                }
                Some(_) => {}
            }
        }
        self.drafts.push(draft);
        Ok(())
    }

    fn git_section(&mut self, first: Line<'p>) -> Result<Draft<'p>, PatchError> {
        let header = &self.reader.own(first)?["diff --git ".len()..];
        let mut draft = Draft::new(first.number, Some(header));
        self.reader.advance();
        while let Some(line) = self.reader.peek() {
            if !draft.take(line, &mut self.reader)? {
                break;
            }
            self.reader.advance();
        }
        match self.reader.peek() {
            Some(line) if line.starts_with("--- ") && self.is_header() => self.contents(&mut draft)?,
            Some(line) if line.starts_with("GIT binary patch") => {
                self.reader.own(line)?;
                self.reader.advance();
                let binary = Binary::read(&mut self.reader)?;
                let Some((old, new)) = draft.index.clone() else {
                    return Err(
                        line.error("a binary patch without an `index` line, which says what it is for")
                    );
                };
                draft.content = Content::Binary { binary, old, new };
            }
            Some(line) if line.starts_with("Binary files ") || line.starts_with("Files ") => {
                return Err(line.error(NO_CONTENTS));
            }
            _ => {}
        }
        Ok(draft)
    }

    /// The two lines with the names, and the hunks.
    fn contents(&mut self, draft: &mut Draft<'p>) -> Result<(), PatchError> {
        let (mut names, mut is_epoch) = ([None, None], [false; 2]);
        let mut last = draft.line;
        for side in 0..2 {
            let Some(line) = self.reader.peek() else { break };
            let text = &self.reader.own(line)?[4..];
            let (name, rest) = file_name::read(text).map_err(|why| line.error(why))?;
            is_epoch[side] = is_epoch_time(rest);
            names[side] = (name != b"/dev/null").then_some(name);
            last = line.number;
            self.reader.advance();
        }
        let mut hunks = Vec::new();
        while self.reader.peek().is_some_and(|line| line.starts_with("@@ ")) {
            let hunk = Hunk::read(&mut self.reader)?;
            hunks.push(hunk);
        }
        let Some(end) = hunks.last() else {
            return Err(PatchError::new(
                last,
                "expected a hunk below: `@@ -<line>,<count> +<line>,<count> @@`",
            ));
        };
        self.hunks_end(end)?;
        if let Some(hunk) = hunks.iter().find(|hunk| hunk.changes_nothing()) {
            return Err(PatchError::new(
                hunk.line,
                "the hunk changes nothing: expected a line with `-` or `+`",
            ));
        }
        let [old, new] = names;
        // `diff -N` gives what is not there a name, and the time at which time begins.
        let lone = (hunks.len() == 1).then(|| hunks[0]);
        let old = old.filter(|_| !(is_epoch[0] && lone.is_some_and(|hunk| hunk.old_count == 0)));
        let new = new.filter(|_| !(is_epoch[1] && lone.is_some_and(|hunk| hunk.new_count == 0)));
        draft.names = Some((old, new));
        draft.content = Content::Text(hunks);
        Ok(())
    }

    /// Behind the last line that a hunk counts, another one would be lost.
    fn hunks_end(&self, last: &Hunk<'_>) -> Result<(), PatchError> {
        let mut ahead = self.reader.clone();
        while let Some(line) = ahead.peek() {
            // Patches that were pasted often end with a line of blanks, which says nothing.
            if line.text.trim_ascii().is_empty() {
                ahead.advance();
                continue;
            }
            let is_header =
                line.starts_with("--- ") && ahead.second().is_some_and(|next| next.starts_with("+++ "));
            let is_signature = matches!(line.text, b"-- " | b"-- \r" | b"--" | b"--\r" | b"---" | b"---\r");
            if is_header || is_signature {
                return Ok(());
            }
            match line.text.first() {
                Some(b' ' | b'-' | b'+' | b'\\') => return Err(last.too_long(line.number)),
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Whether behind a name stands the time at which time begins, in any zone.
fn is_epoch_time(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    rest.starts_with(b"1970-01-01 ") || rest.starts_with(b"1969-12-31 ")
}

impl<'p> Draft<'p> {
    fn new(line: usize, header: Option<&'p [u8]>) -> Self {
        Self {
            line,
            header,
            old_mode: None,
            new_mode: None,
            is_new: false,
            is_gitlink: false,
            is_gone: false,
            from: None,
            to: None,
            is_copy: false,
            is_similar: false,
            index: None,
            names: None,
            content: Content::Same,
            path: None,
        }
    }

    /// Takes one of git's own lines; `false` when it is none.
    fn take(&mut self, line: Line<'p>, reader: &mut Reader<'p>) -> Result<bool, PatchError> {
        const LINES: [&str; 12] = [
            "old mode ",
            "new mode ",
            "new file mode ",
            "deleted file mode ",
            "rename from ",
            "rename to ",
            "rename old ",
            "rename new ",
            "copy from ",
            "copy to ",
            "index ",
            "similarity index ",
        ];
        if line.starts_with("dissimilarity index ") {
            return reader.own(line).map(|_| true);
        }
        let Some(word) = LINES.into_iter().find(|word| line.starts_with(word)) else { return Ok(false) };
        let rest = &reader.own(line)?[word.len()..];
        let name = || file_name::read_whole(rest).map_err(|why| line.error(why));
        match word {
            "old mode " => self.old_mode = Some(mode(rest, line)?),
            "new mode " => self.new_mode = Some(mode(rest, line)?),
            "new file mode " if rest == b"160000" => (self.is_new, self.is_gitlink) = (true, true),
            "new file mode " => (self.new_mode, self.is_new) = (Some(mode(rest, line)?), true),
            "deleted file mode " => (self.old_mode, self.is_gone) = (Some(mode(rest, line)?), true),
            "rename from " | "rename old " => self.from = Some((line.number, name()?)),
            "rename to " | "rename new " => self.to = Some(name()?),
            "copy from " => (self.from, self.is_copy) = (Some((line.number, name()?)), true),
            "copy to " => (self.to, self.is_copy) = (Some(name()?), true),
            "similarity index " => self.is_similar = rest != b"100%",
            _ => {
                let text = String::from_utf8_lossy(rest);
                let (blobs, mode_text) = text.split_once(' ').unwrap_or((&text, ""));
                if !mode_text.is_empty() {
                    mode(mode_text.as_bytes(), line)?;
                }
                let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
                match blobs.split_once("..") {
                    Some((old, new)) if is_hex(old) && is_hex(new) => {
                        self.index = Some((old.to_owned(), new.to_owned()));
                    }
                    _ => return Err(line.error("expected `index <name>..<name>`")),
                }
            }
        }
        Ok(true)
    }

    fn error(&self, message: impl Into<String>) -> PatchError {
        PatchError::new(self.line, message)
    }

    /// Checks that its lines fit together, and that nothing has gone missing.
    fn check(&self) -> Result<(), PatchError> {
        let is_moved = self.from.is_some();
        if is_moved != self.to.is_some() {
            return Err(self.error("a rename or copy needs both its names"));
        }
        if (self.is_new && self.is_gone) || (is_moved && (self.is_new || self.is_gone)) {
            return Err(self.error("a file cannot be more than one of new, gone, renamed and copied"));
        }
        if self.old_mode.is_some() != self.new_mode.is_some() && !self.is_new && !self.is_gone {
            return Err(self.error("expected both `old mode` and `new mode`"));
        }
        if let Some((old, new)) = &self.names {
            let fits = match (old, new) {
                (None, None) => false,
                (None, Some(_)) => self.header.is_none() || self.is_new,
                (Some(_), None) => self.header.is_none() || self.is_gone,
                (Some(_), Some(_)) => !self.is_new && !self.is_gone,
            };
            if !fits {
                return Err(self.error(
                    "`---` and `+++` do not fit the rest: `/dev/null` stands for what is not there, with \
                     `new file mode` or `deleted file mode` above",
                ));
            }
        }
        if self.is_gitlink {
            let is_commit = |line: crate::hunk::HunkLine<'_>| line.text.starts_with(b"Subproject commit ");
            let is_link = match &self.content {
                Content::Text(hunks) => {
                    hunks.iter().all(|hunk| hunk.new_count == 1 && hunk.lines().all(is_commit))
                }
                Content::Same | Content::Binary { .. } => false,
            };
            if !is_link {
                return Err(self.error("a submodule without `Subproject commit`"));
            }
        }
        if let Content::Text(hunks) = &self.content {
            let (is_new, is_gone) =
                self.names.as_ref().map_or((false, false), |(old, new)| (old.is_none(), new.is_none()));
            if let Some(hunk) = hunks.iter().find(|hunk| is_new && hunk.old_count > 0) {
                return Err(PatchError::new(hunk.line, "a new file has no old lines"));
            }
            if let Some(hunk) = hunks.iter().find(|hunk| is_gone && hunk.new_count > 0) {
                return Err(PatchError::new(hunk.line, "a file that goes has no new lines"));
            }
        }
        if matches!(self.content, Content::Same) {
            let is_empty = |blob: &str| EMPTY_BLOB.starts_with(blob);
            let differs = match &self.index {
                Some((_, new)) if self.is_new => !is_empty(new),
                Some((old, _)) if self.is_gone => !is_empty(old),
                Some((old, new)) => old != new,
                None => self.is_similar,
            };
            if differs {
                return Err(self.error("the contents differ, and the patch does not hold how"));
            }
            let changes_mode = self.old_mode.is_some() && self.old_mode != self.new_mode;
            if !is_moved && !self.is_new && !self.is_gone && !changes_mode {
                return Err(self.error("what becomes of the file is not said"));
            }
        }
        Ok(())
    }

    /// Finds out which file it is, as far as its own lines tell; the form that they
    /// show, and the line of it.
    fn settle(&mut self) -> Result<Option<(Form, usize)>, PatchError> {
        if let Some((line, from)) = &self.from {
            let to = self.to.as_deref().unwrap_or_default();
            if from == to {
                return Err(PatchError::new(*line, "both names of the rename or copy are the same"));
            }
            if let Some((Some(old), Some(new))) = &self.names
                && !(ends(old, from) && ends(new, to))
            {
                return Err(PatchError::new(
                    *line,
                    "the names of the rename or copy are not those of `---` and `+++`",
                ));
            }
            self.path = Some(to.to_vec());
            return Ok(None);
        }
        let (old, new) = match &self.names {
            None => (None, None),
            Some((old, new)) => (old.as_deref(), new.as_deref()),
        };
        let reading = match (old, new, self.header) {
            (Some(old), Some(new), _) => file_name::both(old, new),
            (_, _, Some(header)) => file_name::header(header, old, new),
            _ => Ok(Reading::Open),
        };
        match reading.map_err(|why| self.error(why))? {
            Reading::Certain(form, path) => {
                self.path = Some(path);
                Ok(Some((form, self.line)))
            }
            Reading::Open => Ok(None),
        }
    }

    fn finish(self, form: Option<&Form>) -> Result<Section<'p>, PatchError> {
        let line = self.line;
        let checked = |path| file_name::checked(path).map_err(|why| PatchError::new(line, why));
        let (old, new) = self.names.unwrap_or_default();
        let path = match (self.path, &old, &new) {
            (Some(path), ..) => path,
            (None, None, Some(name)) | (None, Some(name), None) => {
                let alone;
                let form = match form {
                    Some(form) => form,
                    None => {
                        alone = file_name::alone(name).map_err(|why| PatchError::new(line, why))?;
                        &alone
                    }
                };
                form.path(name, old.is_some()).map_err(|why| PatchError::new(line, why))?
            }
            _ => return Err(PatchError::new(line, "it does not say which file")),
        };
        let path = checked(path)?;
        let is_text = matches!(self.content, Content::Text(_));
        let action = match self.from {
            Some((_, from)) if self.is_copy => Action::Copy(checked(from)?),
            Some((_, from)) => Action::Rename(checked(from)?),
            None if self.is_gitlink => Action::CreateFolder,
            None if self.is_new || (is_text && old.is_none()) => Action::Create,
            None if self.is_gone || (is_text && new.is_none()) => Action::Delete,
            None => match &self.content {
                Content::Text(hunks)
                    if self.header.is_none()
                        && hunks.len() == 1
                        && hunks[0].old_count == 0
                        && hunks[0].old_start == 0 =>
                {
                    Action::ModifyOrCreate
                }
                _ => Action::Modify,
            },
        };
        Ok(Section { line, action, path, executable: self.new_mode, content: self.content })
    }
}

/// Whether a name is the path, or the path behind a prefix of one folder.
fn ends(name: &[u8], path: &[u8]) -> bool {
    name.strip_suffix(path).is_some_and(|prefix| match prefix.split_last() {
        None => true,
        Some((last, folder)) => *last == b'/' && !folder.is_empty() && !folder.contains(&b'/'),
    })
}

/// Whether a file of that mode can be executed. Only regular files are patched.
fn mode(text: &[u8], line: Line<'_>) -> Result<bool, PatchError> {
    let octal = std::str::from_utf8(text).ok().filter(|text| text.len() <= 6);
    let mode = octal.and_then(|text| u32::from_str_radix(text, 8).ok());
    match mode.map(|mode| (mode & 0o170_000, mode)) {
        Some((0o100_000, mode)) => Ok(mode & 0o100 != 0),
        Some((0o120_000, _)) => Err(line.error("a symbolic link: only regular files are patched")),
        Some((0o160_000, _)) => Err(line.error("a submodule, which is no file")),
        _ => Err(line.error(format!("`{}` is no mode of a file: expected 100644 or 100755", shown(text)))),
    }
}
