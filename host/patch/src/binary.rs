//! `GIT binary patch`: contents, or a delta, deflated and in base 85.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::PatchError;
use crate::text::Reader;

/// The most bytes that contents and deltas may inflate to: 256 MiB.
const MAX_BYTES: usize = 256 << 20;

const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
/// The most bytes of a line.
const LINE_BYTES: usize = 52;

/// What becomes of a binary file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binary<'p> {
    /// The patch's line that begins it.
    pub(crate) line: usize,
    is_delta: bool,
    /// How many bytes it inflates to.
    bytes: usize,
    /// Its lines as they stand in the patch.
    body: &'p [u8],
}

impl<'p> Binary<'p> {
    /// Reads what stands behind `GIT binary patch`. The way back, which git adds, is
    /// read as well and not kept.
    pub(crate) fn read(reader: &mut Reader<'p>) -> Result<Self, PatchError> {
        let forth = Self::part(reader)?;
        let forth = forth.ok_or_else(|| reader.error("expected `literal <bytes>` or `delta <bytes>`"))?;
        Self::part(reader)?;
        Ok(forth)
    }

    fn part(reader: &mut Reader<'p>) -> Result<Option<Self>, PatchError> {
        let Some(line) = reader.peek() else { return Ok(None) };
        let is_delta = line.starts_with("delta ");
        if !is_delta && !line.starts_with("literal ") {
            return Ok(None);
        }
        let text = reader.own(line)?;
        let number = &text[if is_delta { 6 } else { 8 }..];
        let bytes = std::str::from_utf8(number).ok().and_then(|number| number.parse::<usize>().ok());
        let bytes = bytes.filter(|bytes| *bytes <= MAX_BYTES);
        let bytes =
            bytes.ok_or_else(|| line.error(format!("expected a number of at most {MAX_BYTES} bytes")))?;
        reader.advance();
        let begin = reader.offset();
        while let Some(line) = reader.peek() {
            let text = reader.own(line)?;
            if text.is_empty() {
                break;
            }
            let is_whole = length(text[0]).is_some_and(|bytes| text.len() == 1 + bytes.div_ceil(4) * 5)
                && text[1..].iter().all(|digit| DIGITS.contains(digit));
            if !is_whole {
                return Err(line.error("expected a line of base 85, and an empty one behind the last"));
            }
            reader.advance();
        }
        let body = reader.since(begin);
        if reader.peek().is_some() {
            reader.advance();
        }
        Ok(Some(Self { line: line.number, is_delta, bytes, body }))
    }

    /// What the file holds after, given what it holds before.
    pub(crate) fn contents(&self, old: &[u8], most: usize) -> Result<Vec<u8>, PatchError> {
        let error = |message: &str| PatchError::new(self.line, message);
        if self.bytes > most {
            return Err(error("the contents are larger than allowed"));
        }
        let deflated = self.deflated().ok_or_else(|| error("what stands below is not base 85"))?;
        let inflated = decompress_to_vec_zlib_with_limit(&deflated, self.bytes.max(1))
            .map_err(|_| error("what stands below does not inflate to as many bytes as it says"))?;
        if inflated.len() != self.bytes {
            return Err(error("what stands below does not inflate to as many bytes as it says"));
        }
        if !self.is_delta {
            return Ok(inflated);
        }
        delta(old, &inflated, most).map_err(error)
    }

    fn deflated(&self) -> Option<Vec<u8>> {
        let mut values = [None; 256];
        for (value, digit) in (0u32..).zip(DIGITS) {
            values[usize::from(*digit)] = Some(value);
        }
        let mut bytes = Vec::with_capacity(self.body.len() / 5 * 4);
        for line in self.body.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some((first, digits)) = line.split_first() else { continue };
            let end = bytes.len() + length(*first)?;
            for group in digits.chunks(5) {
                let value = group.iter().try_fold(0u32, |value, digit| {
                    value.checked_mul(85)?.checked_add(values[usize::from(*digit)]?)
                })?;
                bytes.extend_from_slice(&value.to_be_bytes());
            }
            bytes.truncate(end);
        }
        Some(bytes)
    }
}

/// How many bytes a line holds.
fn length(letter: u8) -> Option<usize> {
    let length = match letter {
        b'A'..=b'Z' => usize::from(letter - b'A') + 1,
        b'a'..=b'z' => usize::from(letter - b'a') + 27,
        _ => return None,
    };
    (length <= LINE_BYTES).then_some(length)
}

/// Applies a delta of git's: copies from the old contents, and bytes of its own.
fn delta(old: &[u8], delta: &[u8], most: usize) -> Result<Vec<u8>, &'static str> {
    const CUT_OFF: &str = "the delta is cut off";
    let mut rest = delta.iter().copied();
    let size = |rest: &mut dyn Iterator<Item = u8>| {
        let (mut size, mut shift) = (0usize, 0);
        loop {
            let byte = rest.next().ok_or(CUT_OFF)?;
            if shift > 35 {
                return Err("a size in the delta is too large");
            }
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(size);
            }
        }
    };
    if size(&mut rest)? != old.len() {
        return Err("the delta is for other contents than the file's: their lengths differ");
    }
    let new_size = size(&mut rest)?;
    if new_size > most {
        return Err("the contents are larger than allowed");
    }
    let mut new = Vec::with_capacity(new_size);
    while let Some(command) = rest.next() {
        if command & 0x80 != 0 {
            let (mut offset, mut length) = (0usize, 0usize);
            for bit in 0..7 {
                if command & (1 << bit) != 0 {
                    let byte = usize::from(rest.next().ok_or(CUT_OFF)?);
                    if bit < 4 {
                        offset |= byte << (8 * bit);
                    } else {
                        length |= byte << (8 * (bit - 4));
                    }
                }
            }
            let length = if length == 0 { 0x10000 } else { length };
            let copied = offset.checked_add(length).and_then(|end| old.get(offset..end));
            new.extend_from_slice(copied.ok_or("the delta copies from beyond the old contents")?);
        } else if command > 0 {
            for _ in 0..command {
                new.push(rest.next().ok_or(CUT_OFF)?);
            }
        } else {
            return Err("the delta has an unknown command");
        }
        if new.len() > new_size {
            return Err("the delta makes more than it says");
        }
    }
    if new.len() != new_size {
        return Err("the delta makes less than it says");
    }
    Ok(new)
}
