//! The names of files in a patch: quoting, prefixes, and what a path may be.

use crate::shown;

/// The longest path that a patch may speak of, in bytes: 3,072, as everywhere in the contract.
pub const MAX_PATH_BYTES: usize = 3_072;
/// The longest name in a path, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Prefixes of git's that mean a side of the comparison.
const KNOWN: [&[u8]; 8] = [b"a", b"b", b"c", b"i", b"o", b"w", b"1", b"2"];

/// What a header calls a file. `None` is `/dev/null`.
pub(crate) type Name = Option<Vec<u8>>;

/// How a patch's names lead to paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// They are the paths.
    Bare,
    /// A folder goes before each, for the old side and for the new one.
    Prefixed(Vec<u8>, Vec<u8>),
}

/// What a section's names say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The form is certain, and so is the path.
    Certain(Form, Vec<u8>),
    /// Only one name is there; what the rest of the patch says decides.
    Open,
}

/// Reads a name and gives what stands behind it. Unquoted, it ends at a tab, behind
/// which `diff` writes a time.
pub(crate) fn read(text: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        return unquoted(quoted);
    }
    let end = memchr::memchr(b'\t', text).unwrap_or(text.len());
    Ok((text[..end].to_vec(), &text[end..]))
}

/// As [`read`], of a name that ends with its line: in it a tab is part of the name.
pub(crate) fn read_whole(text: &[u8]) -> Result<Vec<u8>, String> {
    match text.strip_prefix(b"\"") {
        None => Ok(text.to_vec()),
        Some(quoted) => match unquoted(quoted)? {
            (name, b"") => Ok(name),
            (_, more) => Err(format!("`{}` stands behind the name", shown(more))),
        },
    }
}

/// The rest of a name in double quotes, as git writes them, and what follows.
fn unquoted(text: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let mut name = Vec::new();
    let mut rest = text;
    loop {
        match rest {
            [] => return Err("the name's quotes do not end".to_owned()),
            [b'"', more @ ..] => return Ok((name, more)),
            [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', more @ ..] => {
                name.push(((high - b'0') << 6) | ((middle - b'0') << 3) | (low - b'0'));
                rest = more;
            }
            [b'\\', escape, more @ ..] => {
                name.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => *escape,
                    _ => return Err(format!("`\\{}` in a quoted name", shown(&[*escape]))),
                });
                rest = more;
            }
            [byte, more @ ..] => {
                name.push(*byte);
                rest = more;
            }
        }
    }
}

/// The first folder of a name, and the rest.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = memchr::memchr(b'/', name)?;
    (slash > 0 && slash + 1 < name.len()).then(|| (&name[..slash], &name[slash + 1..]))
}

/// What two names of one file say; `None` when they can be none of one file.
fn pair(old: &[u8], new: &[u8]) -> Option<(Form, Vec<u8>)> {
    if old == new {
        return Some((Form::Bare, old.to_vec()));
    }
    let ((old_first, old_rest), (new_first, new_rest)) = (split(old)?, split(new)?);
    (old_rest == new_rest && old_first != new_first)
        .then(|| (Form::Prefixed(old_first.to_vec(), new_first.to_vec()), old_rest.to_vec()))
}

/// What the two names of a section say, when both are there.
pub(crate) fn both(old: &[u8], new: &[u8]) -> Result<Reading, String> {
    let (form, path) = pair(old, new).ok_or_else(|| {
        format!(
            "`{}` and `{}` are not one file: expected the same path, each behind a prefix of one folder, or \
             none",
            shown(old),
            shown(new)
        )
    })?;
    certain(form, path)
}

fn certain(form: Form, path: Vec<u8>) -> Result<Reading, String> {
    // Models like to write the same prefix on both sides; so does a folder of that name.
    if form == Form::Bare
        && let Some((first, _)) = split(&path)
        && matches!(first, b"a" | b"b")
    {
        let first = shown(first);
        return Err(format!(
            "both names begin with `{first}/`, which may be a prefix or a folder: expected `a/` before the \
             old name and `b/` before the new one"
        ));
    }
    Ok(Reading::Certain(form, path))
}

/// What the rest of a `diff --git` line says, given the one name that stands below it,
/// if any does. Names with blanks in it can be read in more than one way.
pub(crate) fn header(text: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> Result<Reading, String> {
    if text.len() > 4 * MAX_PATH_BYTES {
        return Err("the names are too long".to_owned());
    }
    let mut readings: Vec<(Form, Vec<u8>)> = Vec::new();
    let mut consider = |left: &[u8], right: &[u8]| {
        if old.is_none_or(|old| old == left)
            && new.is_none_or(|new| new == right)
            && let Some(reading) = pair(left, right)
            && !readings.contains(&reading)
        {
            readings.push(reading);
        }
    };
    if let Some(quoted) = text.strip_prefix(b"\"") {
        let (left, rest) = unquoted(quoted)?;
        let right = rest.strip_prefix(b" ").ok_or("expected two names")?;
        consider(&left, &read_whole(right)?);
    } else if text.ends_with(b"\"")
        && let Some(start) = memchr::memmem::find(text, b" \"")
    {
        consider(&text[..start], &read_whole(&text[start + 1..])?);
    } else {
        for blank in memchr::memchr_iter(b' ', text) {
            consider(&text[..blank], &text[blank + 1..]);
        }
    }
    match (readings.pop(), readings.is_empty()) {
        (Some((form, path)), true) => certain(form, path),
        (None, _) => Err(format!(
            "`{}` does not name one file twice: expected the same path, each behind a prefix of one folder, \
             or none",
            shown(text)
        )),
        (Some(_), false) => Err(format!("`{}` can be read in more than one way", shown(text))),
    }
}

impl Form {
    fn is_known(&self) -> bool {
        matches!(self, Self::Prefixed(old, new) if KNOWN.contains(&old.as_slice()) && KNOWN.contains(&new.as_slice()))
    }

    /// Whether both may stand in one patch.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self == other || (self.is_known() && other.is_known())
    }

    /// The path of a lone name, where the rest of the patch has this form.
    pub(crate) fn path(&self, name: &[u8], is_old: bool) -> Result<Vec<u8>, String> {
        match self {
            Self::Bare => Ok(name.to_vec()),
            Self::Prefixed(old, new) => {
                let prefix = if is_old { old } else { new };
                match split(name) {
                    Some((first, rest)) if first == prefix || (self.is_known() && KNOWN.contains(&first)) => {
                        Ok(rest.to_vec())
                    }
                    _ => Err(format!(
                        "`{}` does not begin with `{}/`, as the other names of the patch do",
                        shown(name),
                        shown(prefix)
                    )),
                }
            }
        }
    }

    /// In words, for messages.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Bare => "no prefix".to_owned(),
            Self::Prefixed(old, new) => format!("the prefixes `{}/` and `{}/`", shown(old), shown(new)),
        }
    }
}

/// What a lone name says where nothing else in the patch does.
pub(crate) fn alone(name: &[u8]) -> Result<Form, String> {
    match split(name) {
        None => Ok(Form::Bare),
        Some((b"a" | b"b", _)) => Ok(Form::Prefixed(b"a".to_vec(), b"b".to_vec())),
        Some((first, _)) => Err(format!(
            "whether `{}/` is a folder or a prefix cannot be told: expected `a/` and `b/` before the names",
            shown(first)
        )),
    }
}

/// The path, when it is one of a file in a work tree.
pub(crate) fn checked(path: Vec<u8>) -> Result<String, String> {
    let refused = |why: &str| format!("`{}` {why}", shown(&path));
    if path.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(refused("is longer than 3,072 bytes"));
    }
    if path.starts_with(b"/") {
        return Err(refused("is absolute: expected a path from the work tree"));
    }
    if path.iter().any(u8::is_ascii_control) {
        return Err(refused("has a control character"));
    }
    for name in path.split(|byte| *byte == b'/') {
        if matches!(name, b"" | b"." | b"..") {
            return Err(refused("has an empty name, `.` or `..` in it"));
        }
        if name.eq_ignore_ascii_case(b".git") {
            return Err(refused("leads into a repository"));
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(refused("has a name of more than 255 bytes"));
        }
    }
    String::from_utf8(path).map_err(|error| format!("`{}` is not UTF-8", shown(error.as_bytes())))
}
