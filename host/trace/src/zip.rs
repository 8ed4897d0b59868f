//! Archives, as Playwright and Python write them: one volume, stored or deflated.

use std::collections::BTreeMap;

use crate::{MAX_BYTES, MAX_ENTRIES, TraceError};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// 2.0: with deflate.
const VERSION: u16 = 20;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const ENCRYPTED: u16 = 1;
/// 1980-01-01, the earliest that can be said: equal contents make equal bytes.
const DATE: u16 = 1 << 5 | 1;
const LEVEL: u8 = 6;

/// An archive that is whole in memory; nothing is unpacked before it is asked for.
pub(crate) struct Archive<'a> {
    entries: BTreeMap<String, Entry<'a>>,
}

struct Entry<'a> {
    packed: &'a [u8],
    deflated: bool,
    bytes: usize,
    crc: u32,
}

impl<'a> Archive<'a> {
    /// Reads the list at its end, and looks that every entry is there.
    pub(crate) fn read(zip: &'a [u8]) -> Result<Self, TraceError> {
        let end = end(zip).ok_or(TraceError::Archive("has no end"))?;
        let cut = || TraceError::Archive("is cut");
        let at = |offset| u16_at(zip, end + offset).map(usize::from).ok_or_else(cut);
        if at(4)? != 0 || at(6)? != 0 || at(8)? != at(10)? {
            return Err(TraceError::Archive("has several volumes"));
        }
        let count = at(10)?;
        if count > MAX_ENTRIES {
            return Err(TraceError::Archive("has too many entries"));
        }
        let mut next = u32_at(zip, end + 16).ok_or_else(cut)?;
        let list = next;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let header = zip.get(next..end).filter(|header| header.starts_with(&CENTRAL)).ok_or_else(cut)?;
            let half = |offset| u16_at(header, offset).ok_or_else(cut);
            let whole = |offset| u32_at(header, offset).ok_or_else(cut);
            if half(8)? & ENCRYPTED != 0 {
                return Err(TraceError::Archive("is encrypted"));
            }
            let deflated = match half(10)? {
                STORED => false,
                DEFLATED => true,
                _ => return Err(TraceError::Archive("is packed in a way that is not read")),
            };
            let crc = u32::try_from(whole(16)?).map_err(|_| cut())?;
            let (packed, bytes, start) = (whole(20)?, whole(24)?, whole(42)?);
            let [name, extra, comment] = [half(28)?, half(30)?, half(32)?].map(usize::from);
            let name = header.get(CENTRAL_BYTES..CENTRAL_BYTES + name).ok_or_else(cut)?;
            let name = std::str::from_utf8(name)
                .map_err(|_| TraceError::Archive("has a name that is not UTF-8"))?
                .to_owned();
            next += CENTRAL_BYTES + name.len() + extra + comment;
            let local = zip.get(start..list).filter(|local| local.starts_with(&LOCAL)).ok_or_else(cut)?;
            let local_name = u16_at(local, 26).map(usize::from).ok_or_else(cut)?;
            let local_extra = u16_at(local, 28).map(usize::from).ok_or_else(cut)?;
            let content = LOCAL_BYTES + local_name + local_extra;
            let packed =
                content.checked_add(packed).and_then(|end| local.get(content..end)).ok_or_else(cut)?;
            let entry = Entry { packed, deflated, bytes, crc };
            if entries.insert(name, entry).is_some() {
                return Err(TraceError::Archive("has a name twice"));
            }
        }
        if next != end {
            return Err(TraceError::Archive("has something else between its list and its end"));
        }
        Ok(Self { entries })
    }

    /// The names of its entries.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Unpacks an entry, of at most that many bytes.
    pub(crate) fn unpack(&self, name: &str, room: usize) -> Result<Option<Vec<u8>>, TraceError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if entry.bytes > room {
            return Err(TraceError::TooLarge);
        }
        let broken = || TraceError::Archive("has an entry that cannot be unpacked");
        let bytes = if entry.deflated {
            miniz_oxide::inflate::decompress_to_vec_with_limit(entry.packed, entry.bytes)
                .map_err(|_| broken())?
        } else {
            entry.packed.to_vec()
        };
        if bytes.len() != entry.bytes || crc32fast::hash(&bytes) != entry.crc {
            return Err(broken());
        }
        Ok(Some(bytes))
    }
}

/// Where the end's record begins. What comes after it is its comment.
fn end(zip: &[u8]) -> Option<usize> {
    let last = zip.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|&at| {
        let comment = u16_at(zip, at + 20).map(usize::from);
        zip[at..].starts_with(&END) && comment == Some(last - at)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// Packs files: the same bytes each time.
pub(crate) fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, TraceError> {
    let size = |bytes: usize| u32::try_from(bytes).map_err(|_| TraceError::TooLarge);
    let count = u16::try_from(files.len()).map_err(|_| TraceError::TooLarge)?;
    let (mut zip, mut list) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let packed = miniz_oxide::deflate::compress_to_vec(bytes, LEVEL);
        let mut common = Vec::new();
        for half in [VERSION, UTF8, DEFLATED, 0, DATE] {
            common.extend(half.to_le_bytes());
        }
        for whole in [crc32fast::hash(bytes), size(packed.len())?, size(bytes.len())?] {
            common.extend(whole.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).map_err(|_| TraceError::TooLarge)?.to_le_bytes());
        common.extend([0, 0]);
        list.extend(CENTRAL);
        list.extend(VERSION.to_le_bytes());
        list.extend(&common);
        // No comment, the first volume, no attributes.
        list.extend([0; 10]);
        list.extend(size(zip.len())?.to_le_bytes());
        list.extend(name.as_bytes());
        zip.extend(LOCAL);
        zip.extend(common);
        zip.extend(name.as_bytes());
        zip.extend(packed);
        if zip.len() > MAX_BYTES {
            return Err(TraceError::TooLarge);
        }
    }
    let (start, bytes) = (size(zip.len())?, size(list.len())?);
    zip.extend(list);
    zip.extend(END);
    zip.extend([0; 4]);
    zip.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    zip.extend([bytes.to_le_bytes(), start.to_le_bytes()].concat());
    zip.extend([0, 0]);
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let files = [("a.trace", &b"one\ntwo\n"[..]), ("resources/b", &[7; 5_000])];
        pack(&files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).into()).unwrap()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let zip = packed();
        let archive = Archive::read(&zip).unwrap();
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a.trace", "resources/b"]);
        assert_eq!(archive.unpack("a.trace", 100).unwrap().unwrap(), b"one\ntwo\n");
        assert_eq!(archive.unpack("resources/b", 5_000).unwrap().unwrap(), [7; 5_000]);
        assert_eq!(archive.unpack("resources/b", 4_999), Err(TraceError::TooLarge));
        assert_eq!(archive.unpack("c", 100).unwrap(), None);
    }

    #[test]
    fn an_archive_that_is_cut_or_changed_anywhere_is_none() {
        let zip = packed();
        for end in 0..zip.len() {
            assert!(Archive::read(&zip[..end]).is_err(), "cut at {end}");
        }
        for at in 0..zip.len() {
            let mut changed = zip.clone();
            changed[at] ^= 0x55;
            // Some bytes say nothing (times, versions); no others are given out.
            let Ok(archive) = Archive::read(&changed) else { continue };
            for (name, expected) in [("a.trace", &b"one\ntwo\n"[..]), ("resources/b", &[7; 5_000])] {
                if let Ok(Some(bytes)) = archive.unpack(name, 10_000) {
                    assert_eq!(bytes, expected, "{at}");
                }
            }
        }
    }

    #[test]
    fn an_entry_larger_than_it_says_is_refused() {
        let mut zip = packed();
        // The size in the list, of the second entry.
        let list = zip.windows(4).rposition(|part| part == CENTRAL).unwrap();
        zip[list + 24..list + 28].copy_from_slice(&4_000_u32.to_le_bytes());
        assert!(Archive::read(&zip).unwrap().unpack("resources/b", 10_000).is_err());
    }
}
