//! The head of a log at one size: C2SP's `tlog-checkpoint`.

use crate::base64;
use crate::error::NoteError;
use crate::tree::Hash;

/// What a log says of itself: so many leaves, under that root. It is signed as a
/// [`Note`](crate::Note).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What names the log: one line, which is the name of its key too.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The root as the note has it: base64.
    #[must_use]
    pub fn root_text(&self) -> String {
        base64::encode(&self.root)
    }

    /// The text of the note: three lines.
    ///
    /// ```
    /// # use lancet_trust::{Checkpoint, Tree};
    /// let root = Tree::new().root(0).unwrap();
    /// let checkpoint = Checkpoint { origin: "example.org/log".to_owned(), size: 0, root };
    /// assert_eq!(checkpoint.to_text(), "example.org/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64::encode(&self.root))
    }

    /// Reads the text of a note. Lines beyond the third are refused: nobody here knows what they
    /// say.
    ///
    /// # Errors
    /// Which line is not as it has to be.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let form = |line, problem| Err(NoteError::Form { line, problem });
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines.as_slice() else {
            return form(lines.len().min(4), "expected three lines: origin, size, root");
        };
        if origin.is_empty() {
            return form(1, "expected the log's origin");
        }
        let Some(size) = size.parse().ok().filter(|number: &u64| number.to_string() == *size) else {
            return form(2, "expected the number of leaves, in decimal digits without leading zeros");
        };
        let Some(root) = base64::decode_array(root) else {
            return form(3, "expected the root: base64 of 32 bytes");
        };
        Ok(Self { origin: (*origin).to_owned(), size, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;
    use crate::note::{Note, NoteKey};
    use crate::tree::tests::reference;

    /// The example of the specification.
    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn it_is_read_as_it_was_written() {
        let checkpoint = Checkpoint::parse(EXAMPLE).unwrap();
        assert_eq!(
            (checkpoint.size, checkpoint.origin.as_str()),
            (20_852_163, "example.com/behind-the-sofa")
        );
        assert_eq!(checkpoint.to_text(), EXAMPLE);
    }

    #[test]
    fn what_is_none_is_told_by_its_line() {
        for (text, at) in [
            ("", 1),
            ("a\n1\n", 3),
            ("\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 1),
            ("a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 2),
            ("a\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 2),
            ("a\n18446744073709551616\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 2),
            ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", 3),
            ("a\n1\nAAAA\n", 3),
            ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n", 4),
            ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", 3),
        ] {
            assert!(
                matches!(Checkpoint::parse(text), Err(NoteError::Form { line, .. }) if line == at),
                "{text}: {:?}",
                Checkpoint::parse(text)
            );
        }
    }

    #[test]
    fn each_changed_bit_of_a_signed_one_is_found() {
        let key = PrivateKey::generate().unwrap();
        let log = NoteKey::new("example.org/log", key.public()).unwrap();
        let root = reference().root(8).unwrap();
        let checkpoint = Checkpoint { origin: log.name().to_owned(), size: 8, root };
        let mut note = Note::new(&checkpoint.to_text()).unwrap();
        note.sign(&log, &key).unwrap();
        let verified = |bytes: &[u8]| {
            let note = Note::parse(bytes)?;
            Checkpoint::parse(note.verify(&log)?)
        };
        let mut bytes = note.to_text().into_bytes();
        assert_eq!(verified(&bytes), Ok(checkpoint));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(verified(&bytes).is_err(), "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
    }
}
