//! Objects of a git repository as they are stored: by themselves, in packs, and as changes
//! of one another.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

/// The most bytes of commits, trees and tags that are looked into.
pub(crate) const MAX_KEPT: usize = 256 << 20;
/// The most objects of a repository.
pub(crate) const MAX_OBJECTS: usize = 2_000_000;
/// Bytes that are read and unpacked at a time.
pub(crate) const PIECE: usize = 64 << 10;

/// Why a repository cannot be left as it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// What it holds besides a commit.
    #[error("it {0}")]
    Holds(String),
    /// Something of it is not as git writes it.
    #[error("it cannot be told what it holds: {0}")]
    Unknown(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unknown(error.to_string())
    }
}

pub(crate) fn unknown<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Unknown(what.into()))
}

pub(crate) fn holds<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Holds(what.into()))
}

/// The name of an object.
pub(crate) type Id = Vec<u8>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// An object; the bytes of blobs are not kept.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) content: Vec<u8>,
}

/// A file that is read once, with the place in it.
pub(crate) struct Counted<R> {
    pub(crate) file: R,
    pub(crate) at: u64,
}

impl<R: BufRead> Counted<R> {
    pub(crate) fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Problem> {
        self.file.read_exact(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Problem> {
        let mut byte = [0];
        self.exact(&mut byte)?;
        Ok(byte[0])
    }

    /// How far back the base of a delta is.
    pub(crate) fn distance(&mut self) -> Result<u64, Problem> {
        let mut byte = self.byte()?;
        let mut distance = u64::from(byte & 0x7f);
        for _ in 0..8 {
            if byte & 0x80 == 0 {
                break;
            }
            byte = self.byte()?;
            distance = (distance + 1) << 7 | u64::from(byte & 0x7f);
        }
        if byte & 0x80 == 0 { Ok(distance) } else { unknown("a distance in a pack is too long") }
    }

    /// Unpacks one stream; keeps it, up to a limit, where somebody wants it.
    pub(crate) fn unpack(&mut self, mut into: Option<(&mut Vec<u8>, usize)>) -> Result<(), Problem> {
        let mut state = InflateState::new_boxed(DataFormat::Zlib);
        let mut piece = vec![0; PIECE];
        loop {
            let input = self.file.fill_buf()?;
            let result = inflate(&mut state, input, &mut piece, MZFlush::None);
            self.file.consume(result.bytes_consumed);
            self.at += result.bytes_consumed as u64;
            if let Some((content, most)) = &mut into {
                if content.len() + result.bytes_written > *most {
                    return unknown("its commits and trees are too large");
                }
                content.extend_from_slice(&piece[..result.bytes_written]);
            }
            match result.status {
                Ok(MZStatus::StreamEnd) => return Ok(()),
                Ok(_) | Err(miniz_oxide::MZError::Buf)
                    if result.bytes_consumed + result.bytes_written > 0 => {}
                _ => return unknown("an object cannot be unpacked"),
            }
        }
    }
}

/// An object in a file of its own.
pub(crate) fn loose(file: impl BufRead) -> Result<Object, Problem> {
    let mut content = Vec::new();
    Counted { file, at: 0 }.unpack(Some((&mut content, MAX_KEPT)))?;
    let end = content.iter().position(|byte| *byte == 0).filter(|end| *end < 32);
    let Some(end) = end else { return unknown("an object is not in order") };
    let kind = match content[..end].split(|byte| *byte == b' ').next() {
        Some(b"commit") => Kind::Commit,
        Some(b"tree") => Kind::Tree,
        Some(b"blob") => Kind::Blob,
        Some(b"tag") => Kind::Tag,
        _ => return unknown("an object is of no known kind"),
    };
    let content = if kind == Kind::Blob { Vec::new() } else { content.split_off(end + 1) };
    Ok(Object { kind, content })
}

/// The names of a pack's objects, by their offsets.
pub(crate) fn index(mut file: impl Read, hash: usize) -> Result<HashMap<u64, Id>, Problem> {
    const TABLE: usize = 8 + 256 * 4;
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_KEPT as u64).read_to_end(&mut bytes)?;
    let u32_at = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let broken = || Problem::Unknown("an index of a pack is not in order".to_owned());
    if !bytes.starts_with(b"\xfftOc\0\0\0\x02") {
        return unknown("an index of a pack is of no known kind");
    }
    let count = u32_at(TABLE - 4).filter(|count| *count as usize <= MAX_OBJECTS).ok_or_else(broken)? as usize;
    let offsets = TABLE + count * (hash + 4);
    let large = offsets + count * 4;
    if bytes.len() < large {
        return Err(broken());
    }
    let mut names = HashMap::with_capacity(count);
    for number in 0..count {
        let at = TABLE + number * hash;
        let id = bytes.get(at..at + hash).ok_or_else(broken)?.to_vec();
        let small = u32_at(offsets + number * 4).ok_or_else(broken)?;
        let offset = if small >> 31 == 0 {
            u64::from(small)
        } else {
            let at = large + (small & 0x7fff_ffff) as usize * 8;
            u64::from(u32_at(at).ok_or_else(broken)?) << 32 | u64::from(u32_at(at + 4).ok_or_else(broken)?)
        };
        names.insert(offset, id);
    }
    if names.len() == count { Ok(names) } else { unknown("an index of a pack names a place twice") }
}

/// What a delta makes of its base.
pub(crate) fn changed(base: &[u8], delta: &[u8], most: usize) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::Unknown("a delta is not in order".to_owned());
    let mut rest = delta.iter().copied();
    let mut size = || {
        let (mut size, mut shift) = (0_u64, 0);
        loop {
            let byte = rest.next()?;
            size |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return usize::try_from(size).ok();
            }
        }
    };
    let (from, to) = (size().ok_or_else(broken)?, size().ok_or_else(broken)?);
    if from != base.len() || to > most {
        return Err(broken());
    }
    let mut made = Vec::new();
    while let Some(code) = rest.next() {
        if code & 0x80 == 0 {
            let before = made.len();
            made.extend(rest.by_ref().take(code.into()));
            if code == 0 || made.len() - before != usize::from(code) {
                return Err(broken());
            }
            continue;
        }
        let mut number = |bits: std::ops::Range<u8>| {
            bits.enumerate().try_fold(0_usize, |number, (index, bit)| {
                if code >> bit & 1 == 0 {
                    return Some(number);
                }
                Some(number | usize::from(rest.next()?) << (8 * index))
            })
        };
        let start = number(0..4).ok_or_else(broken)?;
        let size = number(4..7).ok_or_else(broken)?;
        let size = if size == 0 { 0x10000 } else { size };
        made.extend_from_slice(base.get(start..start + size).ok_or_else(broken)?);
        if made.len() > to {
            return Err(broken());
        }
    }
    if made.len() == to { Ok(made) } else { Err(broken()) }
}
