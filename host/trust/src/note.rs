//! Texts with signatures below them: C2SP's `signed-note`, as the logs of Go's modules and of
//! others have it.

use sha2::{Digest as _, Sha256};

use crate::base64;
use crate::error::{NoteError, SignerError};
use crate::key::{PublicKey, SIGNATURE_BYTES, Signature};
use crate::signer::Signer;

/// The most bytes of a note: 64 KiB.
pub const MAX_NOTE_BYTES: usize = 64 << 10;
/// The most signatures of a note.
const MAX_SIGNATURES: usize = 100;
/// The kind of a signature: Ed25519 over the text.
const ED25519: u8 = 1;
/// The kind of a witness's: Ed25519 over a time and the text.
const COSIGNATURE: u8 = 4;
/// How a line with a signature begins.
const DASH: &str = "\u{2014} ";
/// The first bytes of what a line holds: they tell apart keys of one name.
const HINT_BYTES: usize = 4;

/// A key under the name by which it signs notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: PublicKey,
}

impl NoteKey {
    /// A key by that name.
    ///
    /// # Errors
    /// When no line can hold the name.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        let is_name = !name.is_empty()
            && name.len() <= 255
            && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
        if !is_name {
            return Err(NoteError::Name(name.chars().take(80).collect()));
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key in the form in which other programs take it: `name+hint+base64`.
    ///
    /// ```
    /// # use lancet_trust::{NoteKey, PrivateKey};
    /// let key = NoteKey::new("example.org/log", PrivateKey::generate()?.public())?;
    /// assert!(key.to_text().starts_with("example.org/log+"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        let hint: String = self.hint().iter().map(|byte| format!("{byte:02x}")).collect();
        let key = [&[ED25519][..], self.key.as_bytes()].concat();
        format!("{}+{hint}+{}", self.name, base64::encode(&key))
    }

    fn hint(&self) -> [u8; HINT_BYTES] {
        hint(&self.name, ED25519, &self.key)
    }
}

fn hint(name: &str, kind: u8, key: &PublicKey) -> [u8; HINT_BYTES] {
    let hash =
        Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key.as_bytes()).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// What a witness is called in notes: `lancet:key/` and the digest of its key in hexadecimal
/// digits, so that whoever has the key has the name.
fn witness(key: &PublicKey) -> String {
    format!("lancet:key/{}", key.digest().hex())
}

/// What a witness signs: C2SP's `cosignature/v1`.
fn cosigned(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// A text with signatures, of which none is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: String,
    hint: [u8; HINT_BYTES],
    signature: Vec<u8>,
}

impl Note {
    /// A text without signatures: lines that end with LF.
    ///
    /// # Errors
    /// When the text is none of that form, or too large.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        if text.len() > MAX_NOTE_BYTES / 2 {
            return Err(NoteError::TooLarge);
        }
        check(text)?;
        if !text.ends_with('\n') {
            let line = text.lines().count().max(1);
            return Err(NoteError::Form { line, problem: "the text ends without a line break" });
        }
        Ok(Self { text: text.to_owned(), signatures: Vec::new() })
    }

    /// Adds a signature by a key of that name.
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    ///
    /// # Panics
    /// When the signer is one of another key.
    pub fn sign(&mut self, key: &NoteKey, signer: &dyn Signer) -> Result<(), SignerError> {
        assert_eq!(signer.public(), key.key, "whoever signs has the key");
        let signature = signer.sign(self.text.as_bytes())?.to_vec();
        self.signatures.retain(|line| line.name != key.name || line.hint != key.hint());
        self.signatures.push(Line { name: key.name.clone(), hint: key.hint(), signature });
        Ok(())
    }

    /// Adds a witness's signature, C2SP's `cosignature/v1`: that by then the text was the head of
    /// its log, as far as the witness has seen it. The time is in seconds since 1970, UTC.
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    pub fn cosign(&mut self, signer: &dyn Signer, time: u64) -> Result<(), SignerError> {
        let key = signer.public();
        let signature = signer.sign(&cosigned(time, &self.text))?;
        let (name, hint) = (witness(&key), hint(&witness(&key), COSIGNATURE, &key));
        self.signatures.retain(|line| line.name != name || line.hint != hint);
        let signature = [&time.to_be_bytes()[..], &signature].concat();
        self.signatures.push(Line { name, hint, signature });
        Ok(())
    }

    /// The time of a witness's signature, by its word. `None` when that key has not cosigned.
    ///
    /// # Errors
    /// When a line is of that key by its name, and the signature is not.
    pub fn cosigned_by(&self, key: &PublicKey) -> Result<Option<u64>, NoteError> {
        let (name, hint) = (witness(key), hint(&witness(key), COSIGNATURE, key));
        let mut found = None;
        for line in self.signatures.iter().filter(|line| line.name == name && line.hint == hint) {
            let wrong = || NoteError::Signature(name.clone());
            let (time, signature) = line.signature.split_first_chunk::<8>().ok_or_else(wrong)?;
            let (time, signature) = (u64::from_be_bytes(*time), Signature::try_from(signature));
            let message = cosigned(time, &self.text);
            // More than the specification lets a time be.
            let is_time = i64::try_from(time).is_ok();
            if !is_time || !signature.is_ok_and(|signature| key.has_signed(&message, &signature)) {
                return Err(wrong());
            }
            found = Some(time);
        }
        Ok(found)
    }

    /// The text, which nobody has verified.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The note as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.text);
        for line in &self.signatures {
            let bytes = [&line.hint[..], &line.signature].concat();
            text.push_str(&format!("{DASH}{} {}\n", line.name, base64::encode(&bytes)));
        }
        text
    }

    /// Reads a note.
    ///
    /// # Errors
    /// When it is too large, or of another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let all =
            std::str::from_utf8(bytes).map_err(|_| NoteError::Form { line: 1, problem: "it is no UTF-8" })?;
        check(all)?;
        // A text may have empty lines, and signatures are below the last.
        let Some(end) = all.rfind("\n\n") else {
            let line = all.lines().count().max(1);
            return Err(NoteError::Form { line, problem: "no empty line ends the text" });
        };
        let (text, lines) = (&all[..=end], &all[end + 2..]);
        let first = text.lines().count() + 2;
        if !lines.ends_with('\n') {
            let line = first + lines.lines().count().saturating_sub(1);
            return Err(NoteError::Form {
                line,
                problem: "expected a line with a signature, and a line break",
            });
        }
        let signatures = lines
            .lines()
            .enumerate()
            .map(|(at, line)| {
                if at == MAX_SIGNATURES {
                    return Err(NoteError::Form { line: first + at, problem: "more than 100 signatures" });
                }
                let problem = "expected a dash (U+2014), a name, and base64 of a hint and a signature";
                signature(line).ok_or(NoteError::Form { line: first + at, problem })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, if the key has signed it. Signatures of others are left to those who know
    /// their keys.
    ///
    /// # Errors
    /// When there is no signature of that key, or one that does not hold.
    pub fn verify(&self, key: &NoteKey) -> Result<&str, NoteError> {
        let mut is_signed = false;
        let of_key = |line: &&Line| line.name == key.name && line.hint == key.hint();
        for line in self.signatures.iter().filter(of_key) {
            let signature = Signature::try_from(line.signature.as_slice());
            if !signature.is_ok_and(|signature| key.key.has_signed(self.text.as_bytes(), &signature)) {
                return Err(NoteError::Signature(key.name.clone()));
            }
            is_signed = true;
        }
        if is_signed { Ok(&self.text) } else { Err(NoteError::Unsigned(key.name.clone())) }
    }

    /// How many signatures it has, of whomever.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }
}

/// Control characters could make a text look like another.
fn check(text: &str) -> Result<(), NoteError> {
    let is_bad = |c: char| c != '\n' && c.is_ascii_control();
    match text.split('\n').position(|line| line.contains(is_bad)) {
        Some(at) => Err(NoteError::Form { line: at + 1, problem: "a control character" }),
        None => Ok(()),
    }
}

fn signature(line: &str) -> Option<Line> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = base64::decode(bytes)?;
    let (hint, signature) = bytes.split_first_chunk::<HINT_BYTES>()?;
    let is_name = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
    // Kinds of signatures that are not known here have sizes of their own.
    (is_name && !signature.is_empty() && signature.len() <= 64 * SIGNATURE_BYTES).then(|| Line {
        name: name.to_owned(),
        hint: *hint,
        signature: signature.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    /// The example in the documentation of Go's package `note`.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const EXAMPLE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn peter() -> NoteKey {
        let bytes: [u8; 33] = base64::decode_array(PETER.rsplit_once('+').unwrap().1.trim()).unwrap();
        NoteKey::new("PeterNeumann", PublicKey::from_bytes(bytes[1..].try_into().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_published_example_verifies() {
        assert_eq!(peter().to_text(), PETER);
        let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
        assert!(note.verify(&peter()).unwrap().ends_with("what your problem is.\n"));
        assert_eq!((note.to_text().as_str(), note.signatures()), (EXAMPLE, 1));
    }

    #[test]
    fn each_changed_bit_is_found() {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let verified = |bytes: &[u8]| Note::parse(bytes).is_ok_and(|note| note.verify(&peter()).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(!verified(&bytes), "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
        assert!(verified(&bytes));
    }

    #[test]
    fn several_sign_and_each_is_found_by_its_name() {
        let keys: Vec<_> = (0..3).map(|_| PrivateKey::generate().unwrap()).collect();
        let named: Vec<_> = keys
            .iter()
            .zip(["log", "witness", "log"])
            .map(|(key, name)| NoteKey::new(name, key.public()).unwrap())
            .collect();
        let mut note = Note::new("a\n\nb\n").unwrap();
        for (key, named) in keys.iter().zip(&named).take(2) {
            note.sign(named, key).unwrap();
            note.sign(named, key).unwrap();
        }
        let read = Note::parse(note.to_text().as_bytes()).unwrap();
        assert_eq!((read.signatures(), &read), (2, &note));
        assert_eq!(read.verify(&named[0]), Ok("a\n\nb\n"));
        assert_eq!(read.verify(&named[1]), Ok("a\n\nb\n"));
        assert_eq!(read.verify(&named[2]), Err(NoteError::Unsigned("log".to_owned())));
        // Somebody takes the name and the hint, and signs with another key.
        let hint = note.signatures[0].hint;
        note.signatures[0] =
            Line { name: "log".to_owned(), hint, signature: keys[2].signature(b"a\n\nb\n").to_vec() };
        assert_eq!(note.verify(&named[0]), Err(NoteError::Signature("log".to_owned())));
    }

    #[test]
    fn a_witness_signs_a_time_and_the_text() {
        const TEXT: &str =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let log = NoteKey::new("example.com/behind-the-sofa", other.public()).unwrap();
        let mut note = Note::new(TEXT).unwrap();
        note.sign(&log, &other).unwrap();
        assert_eq!(note.cosigned_by(&key.public()), Ok(None));
        note.cosign(&key, 1_679_315_146).unwrap();
        note.cosign(&key, 1_679_315_147).unwrap();
        let message = format!("cosignature/v1\ntime 1679315147\n{TEXT}");
        let line = note.signatures.last().unwrap();
        assert_eq!(line.signature[..8], [0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb]);
        assert_eq!(line.signature[8..], key.signature(message.as_bytes()));
        let name = format!("lancet:key/{}", key.public().digest().hex());
        let mut hash = format!("{name}\n\x04").into_bytes();
        hash.extend(key.public().as_bytes());
        assert_eq!((line.hint, &line.name), (Sha256::digest(&hash)[..4].try_into().unwrap(), &name));

        let text = note.to_text();
        let read = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(read.signatures(), 2);
        assert_eq!(read.cosigned_by(&key.public()), Ok(Some(1_679_315_147)));
        // A cosignature is no signature of the log, nor the other way round.
        assert_eq!(read.cosigned_by(&other.public()), Ok(None));
        assert!(read.verify(&NoteKey::new(&name, key.public()).unwrap()).is_err());
        // Each changed bit of the line makes it none of that key, or one that does not hold.
        let mut bytes = text.clone().into_bytes();
        let from = text.rfind(DASH).unwrap();
        for at in from..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                let told = Note::parse(&bytes).and_then(|note| note.cosigned_by(&key.public()));
                assert!(!matches!(told, Ok(Some(_))), "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn what_is_no_note_is_told_by_its_line() {
        let line = EXAMPLE.lines().last().unwrap();
        for (text, at, expected) in [
            (String::new(), 1, "no empty line"),
            ("a\n".to_owned(), 1, "no empty line"),
            ("a\n\n".to_owned(), 3, "expected a line with a signature"),
            (format!("a\n\n{line}"), 3, "and a line break"),
            (format!("a\n\n{line}\n{line}x\n"), 4, "expected a dash"),
            (format!("a\r\n\n{line}\n"), 1, "a control character"),
            (format!("a\n\n{}\n", line.replacen("PeterNeumann", "Peter+Neumann", 1)), 3, "a name"),
            (format!("a\n\n{}\n", line.trim_start_matches(DASH)), 3, "expected a dash"),
            ("a\n\n\u{2014} x AAAA\n".to_owned(), 3, "hint and a signature"),
            (format!("a\n\n{}", format!("{line}\n").repeat(101)), 103, "more than 100"),
        ] {
            match Note::parse(text.as_bytes()) {
                Err(NoteError::Form { line, problem }) => {
                    assert!(line == at && problem.contains(expected), "{text:?}: {line}: {problem}");
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
        assert_eq!(Note::parse(&[b'\n'; MAX_NOTE_BYTES + 1]), Err(NoteError::TooLarge));
        assert!(Note::parse(b"\xff\n\n").is_err() && Note::new("a").is_err());
        for name in ["", "a b", "a+b", "a\nb", &"x".repeat(256)] {
            assert!(NoteKey::new(name, PrivateKey::generate().unwrap().public()).is_err(), "{name}");
        }
    }
}
