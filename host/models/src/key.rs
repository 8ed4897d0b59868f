//! The key of a model's server: where it comes from, and how little is done with it.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use lancet_core::KeyFrom;
use lancet_file::FileError;
use reqwest::header::HeaderValue;

/// The most bytes of a file with a key: 64 KiB.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// The fewest bytes of a key. Shorter ones stand in too much of what a server says to be
/// taken out of it; local servers that want any word take one of this length.
const LEAST_BYTES: usize = 4;
/// The fewest bytes of a key that cannot be in an answer by chance.
const LEAST_SECRET_BYTES: usize = 16;
/// How often a key may be escaped in what is looked at: in JSON that is a text in JSON, which
/// stands in a text in JSON, and once more for a gateway that quotes that.
const MOST_ESCAPED: usize = 4;

/// A key, which is printable ASCII without spaces.
///
/// It is not shown: there is no `Display`, and `Debug` says that it is a key. The bytes
/// here are overwritten when it is dropped, as well as that can be done without unsafe
/// code. HTTP keeps copies while a request is under way, and an environment variable
/// stays in the environment of this process: whoever starts another gives it an
/// environment of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// Why there is no key. It never tells what was found.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such environment variable.
    #[error("the environment variable {0} is not set: expected the key of the model in it")]
    Unset(String),
    /// The file cannot be read.
    #[error("the key cannot be read from {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is no file.
    #[error("the key cannot be read from {0}: expected a regular file")]
    NotRegular(String),
    /// The file has more than 64 KiB.
    #[error("the key cannot be read from {0}: expected at most 64 KiB, the key on the first line")]
    TooLong(String),
    /// There is nothing.
    #[error("{0} is empty: expected a key")]
    Empty(String),
    /// There is something, and it cannot be a key.
    #[error("{0} holds no key: expected printable ASCII characters without spaces")]
    Invalid(String),
    /// There is something too short to be kept out of errors.
    #[error(
        "{0} holds fewer than {least} characters, too few for a key: a server that takes any word takes `none`",
        least = LEAST_BYTES
    )]
    TooShort(String),
}

impl Key {
    /// Reads a key; none when there is to be none.
    ///
    /// # Errors
    /// [`KeyError`] when there is to be one and there is not, with the variable's name or the
    /// file's path.
    pub fn read(from: &KeyFrom) -> Result<Option<Self>, KeyError> {
        match from {
            KeyFrom::None => Ok(None),
            KeyFrom::Env(name) => {
                let text = std::env::var_os(name).ok_or_else(|| KeyError::Unset(name.clone()))?;
                let place = format!("the environment variable {name}");
                Self::parse(text.into_encoded_bytes(), place).map(Some)
            }
            KeyFrom::File(path) => {
                let mut text = read(Path::new(path))?;
                let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
                text[end..].fill(0);
                text.truncate(end);
                Self::parse(text, format!("the first line of {path}")).map(Some)
            }
        }
    }

    fn parse(text: Vec<u8>, place: String) -> Result<Self, KeyError> {
        // Dropped, and so overwritten, whatever follows.
        let text = Self(text);
        let key = Self(text.0.trim_ascii().to_vec());
        if key.0.is_empty() {
            return Err(KeyError::Empty(place));
        }
        if !key.0.iter().all(u8::is_ascii_graphic) {
            return Err(KeyError::Invalid(place));
        }
        if key.0.len() < LEAST_BYTES {
            return Err(KeyError::TooShort(place));
        }
        Ok(key)
    }

    /// The value of a header: the key behind a prefix. It is marked as sensitive, so that
    /// nothing shows it and no table of HTTP/2 keeps it.
    pub(crate) fn header(&self, prefix: &str) -> HeaderValue {
        let whole = Self([prefix.as_bytes(), &self.0].concat());
        let mut value = HeaderValue::from_bytes(&whole.0).expect("prefix and key are printable ASCII");
        value.set_sensitive(true);
        value
    }

    /// The bytes, to tell two keys apart by a digest of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is as long as those that are secret, and no word that an answer may have
    /// in it.
    pub(crate) fn is_secret(&self) -> bool {
        self.0.len() >= LEAST_SECRET_BYTES
    }

    /// Whether the bytes have the key in them, as it is or as JSON may write it: `\/`,
    /// `\u002b`, and all that once more in a text inside a text.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        if self.found(bytes, 0).is_some() {
            return true;
        }
        let mut text = Cow::Borrowed(bytes);
        for _ in 0..MOST_ESCAPED {
            if !text.contains(&b'\\') {
                return false;
            }
            let mut plain = Vec::with_capacity(text.len());
            unescape(&text, |_, bytes| plain.extend_from_slice(bytes));
            if self.found(&plain, 0).is_some() {
                return true;
            }
            text = Cow::Owned(plain);
        }
        false
    }

    /// Where the key stands in the bytes, from a place on. One that is secret is found in
    /// whatever is around it; a shorter one is found as a word of its own.
    fn found(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let key = &self.0[..];
        let part = |at: Option<usize>| {
            let byte = at.and_then(|at| bytes.get(at));
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        let starts = bytes.get(from..)?.windows(key.len()).enumerate();
        let mut starts = starts.filter(|(_, window)| *window == key).map(|(at, _)| from + at);
        starts.find(|at| self.is_secret() || !(part(at.checked_sub(1)) || part(Some(at + key.len()))))
    }

    /// What a server says, without the key, however it is escaped.
    pub(crate) fn hidden(&self, bytes: &[u8]) -> Vec<u8> {
        let mut places = self.places(bytes);
        places.sort_unstable_by_key(|place| place.start);
        let mut hidden = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for place in places {
            if place.start >= from {
                hidden.extend_from_slice(&bytes[from..place.start]);
                hidden.extend_from_slice(b"[key]");
            }
            from = from.max(place.end);
        }
        hidden.extend_from_slice(&bytes[from..]);
        hidden
    }

    /// Where the key stands in the bytes, as it is or escaped.
    fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        let mut text = Cow::Borrowed(bytes);
        // Where each byte of the text begins in `bytes`, and where the last one ends.
        let mut starts: Vec<usize> = (0..=bytes.len()).collect();
        for _ in 0..=MOST_ESCAPED {
            let mut from = 0;
            while let Some(at) = self.found(&text, from) {
                from = at + self.0.len();
                places.push(starts[at]..starts[from]);
            }
            if !text.contains(&b'\\') {
                break;
            }
            let (mut plain, mut begins) =
                (Vec::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
            unescape(&text, |at, bytes| {
                plain.extend_from_slice(bytes);
                begins.extend(bytes.iter().map(|_| starts[at]));
            });
            begins.push(bytes.len());
            (text, starts) = (Cow::Owned(plain), begins);
        }
        places
    }
}

/// Takes the escapes of JSON out of a text, whether they stand in a string or not. `put` gets
/// the place of each character and its bytes.
fn unescape(text: &[u8], mut put: impl FnMut(usize, &[u8])) {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let hex = || {
            let digits = str::from_utf8(text.get(at + 2..at + 6)?).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        let (length, plain) = match (byte, text.get(at + 1)) {
            (b'\\', Some(b'u')) => match hex() {
                // Half of a pair is nothing of a key.
                Some(code) => (6, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
                None => (1, '\\'),
            },
            (b'\\', Some(b'b')) => (2, '\u{8}'),
            (b'\\', Some(b'f')) => (2, '\u{c}'),
            (b'\\', Some(b'n')) => (2, '\n'),
            (b'\\', Some(b'r')) => (2, '\r'),
            (b'\\', Some(b't')) => (2, '\t'),
            (b'\\', Some(escaped @ (b'"' | b'\\' | b'/'))) => (2, char::from(*escaped)),
            _ => {
                put(at, &[byte]);
                at += 1;
                continue;
            }
        };
        put(at, plain.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.fill(0);
        // The bytes count as read, so that overwriting them is not left out.
        std::hint::black_box(&self.0);
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let shown = || path.display().to_string();
    let failed = |error| KeyError::File { path: shown(), error };
    let file = lancet_file::open(path).map_err(|error| match error {
        FileError::NotRegular(_) => KeyError::NotRegular(shown()),
        error => failed(error.into()),
    })?;
    // As long as it may become, so that no copies stay behind while it grows.
    let mut text = Vec::with_capacity(usize::try_from(MAX_FILE_BYTES).unwrap_or(0) + 1);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        text.fill(0);
        return Err(KeyError::TooLong(shown()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CANARY: &str = "sk-canary-4f1d0c7e9b";

    fn file(content: &[u8]) -> Result<Option<Key>, KeyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, content).unwrap();
        Key::read(&KeyFrom::File(path.to_str().unwrap().into()))
    }

    #[test]
    fn a_key_is_the_first_line_of_a_file() {
        for content in
            [CANARY.to_owned(), format!("{CANARY}\n"), format!("  {CANARY}\t\r\nanother line with words\n")]
        {
            assert_eq!(file(content.as_bytes()).unwrap().unwrap().bytes(), CANARY.as_bytes());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for (content, expected) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b" \nsk-canary-4f1d0c7e9b", "is empty"),
            (b"sk-canary-4f1d0c7e9b sk-canary-4f1d0c7e9b", "holds no key"),
            (b"sk-canary-4f1d0c7e9b\x07", "holds no key"),
            (b"sk-canary\r4f1d0c7e9b", "holds no key"),
            (b"sk-canary-4f1d0c7e9b\0", "holds no key"),
            ("sk-canary-4f1d0c7e9b\u{e9}".as_bytes(), "holds no key"),
            ("\u{feff}sk-canary-4f1d0c7e9b".as_bytes(), "holds no key"),
            (b"sk-canary-4f1d0c7e9b\xff", "holds no key"),
            (b"sk\n", "fewer than 4 characters"),
            (&[b'a'; 65_537], "at most 64 KiB"),
        ] {
            let error = file(content).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("canary") && !shown.contains("aaaa"), "{shown}");
            assert!(shown.contains("/key"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let error = Key::read(&KeyFrom::File(folder.into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the key cannot be read from {folder}: expected a regular file")
        );
        let error = Key::read(&KeyFrom::File(format!("{folder}/none"))).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("the key cannot be read from {folder}/none: No such file"))
        );
    }

    #[test]
    fn a_key_may_come_from_the_environment() {
        let key = Key::read(&KeyFrom::Env("CARGO_PKG_VERSION".into())).unwrap().unwrap();
        assert_eq!(key.bytes(), env!("CARGO_PKG_VERSION").as_bytes());
        // A description has spaces in it.
        let error = Key::read(&KeyFrom::Env("CARGO_PKG_DESCRIPTION".into())).unwrap_err();
        assert!(error.to_string().starts_with("the environment variable CARGO_PKG_DESCRIPTION holds no key"));
        let error = Key::read(&KeyFrom::Env("LANCET_NO_SUCH_KEY".into())).unwrap_err();
        assert!(error.to_string().starts_with("the environment variable LANCET_NO_SUCH_KEY is not set"));
        assert!(Key::read(&KeyFrom::None).unwrap().is_none());
    }

    #[test]
    fn a_key_is_neither_shown_nor_repeated() {
        let key = file(CANARY.as_bytes()).unwrap().unwrap();
        assert_eq!(format!("{key:?}"), "Key(..)");
        let header = key.header("Bearer ");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(header.as_bytes(), format!("Bearer {CANARY}").as_bytes());
        let said = format!("no key {CANARY}, no {CANARY}{CANARY}.");
        assert_eq!(key.hidden(said.as_bytes()), b"no key [key], no [key][key].");
        assert!(key.is_in(said.as_bytes()) && !key.is_in(&said.as_bytes()[..20]));
    }

    #[test]
    fn a_key_is_found_however_json_writes_it() {
        let key = Key::parse("sk-canary/4f1d+0c7e9b\"\\x".into(), String::new()).unwrap();
        let once = r#"sk-canary\/4f1d\u002b0c7e9b\"\\x"#;
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        for text in [
            once.to_owned(),
            r#"\u0073k-canary\u002F4f1d+0c7e9b\u0022\u005cx"#.to_owned(),
            quoted(once),
            quoted(&quoted(once)),
            quoted(&quoted(&quoted(once))),
        ] {
            let said = format!("no key\\n{text}, C:\\ and {text}");
            assert!(key.is_in(said.as_bytes()), "{said}");
            let hidden = String::from_utf8(key.hidden(said.as_bytes())).unwrap();
            let hidden = hidden.replace(['"', '\\'], "");
            assert_eq!(hidden, "no keyn[key], C: and [key]", "{said}");
        }
        for other in
            [r#"sk-canary\/4f1d\u002c0c7e9b\"\\x"#, r"\", r"\u", r"\u12", r"\ud83d\ude00", r"\x\u00e"]
        {
            assert!(!key.is_in(other.as_bytes()), "{other}");
            assert_eq!(key.hidden(other.as_bytes()), other.as_bytes());
        }
        // A key that has an escape in it is found as it is, too.
        let odd = Key::parse(r"sk-canary\u0041\/4f1d0c".into(), String::new()).unwrap();
        assert!(odd.is_in(br"it is sk-canary\u0041\/4f1d0c."));
    }

    #[test]
    fn a_short_key_is_taken_out_where_it_is_a_word() {
        let key = |text: &str| Key::parse(text.into(), String::new()).unwrap();
        assert_eq!(key("ollama").hidden(b"ollama says: Bearer ollama"), b"[key] says: Bearer [key]");
        let said = b"no api_none, nonesuch or none-1, but `none`.";
        assert_eq!(key("none").hidden(said), b"no api_none, nonesuch or none-1, but `[key]`.");
        // A word of its own is found behind one that is none.
        assert_eq!(key("none").hidden(b"nonenone none"), b"nonenone [key]");
        assert_eq!(key("abcd-ef").hidden(b"{\"key\":\"abcd-ef\"}"), b"{\"key\":\"[key]\"}");
        assert!(!key("none").is_in(b"") && !key("none").is_in(b"non"));
    }
}
