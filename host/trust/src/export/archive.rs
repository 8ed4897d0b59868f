//! Tar archives in one spelling: regular files, every field of whose headers follows from name and
//! size, and two empty blocks at the end.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use lancet_core::Sha256;
use sha2::{Digest as _, Sha256 as Hasher};

use super::error::ExportError;

/// What everything in an archive is a multiple of.
const BLOCK: usize = 512;
/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// The name of a blob in an archive.
pub(super) fn blob(digest: Sha256) -> String {
    format!("blobs/{}", digest.hex())
}

/// How many bytes a file of that many takes in an archive.
pub(super) fn taken(bytes: u64) -> u64 {
    (BLOCK as u64).saturating_add(bytes).saturating_add(padding(bytes) as u64)
}

fn padding(bytes: u64) -> usize {
    // Less than a block, whatever there is: the largest number is a whole number of them but for one.
    usize::try_from(bytes.wrapping_neg() % BLOCK as u64).unwrap_or(0)
}

/// The header of a file: ustar, with the mode 0644, no owner and no time.
fn header(name: &str, bytes: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{bytes:011o}\x0000000000000\0").as_bytes());
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    put(148, b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// An archive that is being written.
#[derive(Debug)]
pub(super) struct Writer<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, bytes: 0 }
    }

    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let size = bytes.len() as u64;
        self.write(&header(name, size))?;
        self.write(bytes)?;
        self.write(&[0; BLOCK][..padding(size)])
    }

    /// Writes what is left of another archive, its end too.
    pub(super) fn rest(mut self, mut source: impl Read) -> Result<W, ExportError> {
        std::io::copy(&mut source, &mut self.to).map_err(ExportError::Io)?;
        self.to.flush().map_err(ExportError::Io)?;
        Ok(self.to)
    }

    pub(super) fn end(mut self) -> Result<(W, u64), ExportError> {
        self.write(&[0; 2 * BLOCK])?;
        self.to.flush().map_err(ExportError::Io)?;
        Ok((self.to, self.bytes))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.bytes += bytes.len() as u64;
        self.to.write_all(bytes).map_err(ExportError::Io)
    }
}

/// Where the content of a file is in an archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    at: u64,
    bytes: u64,
}

impl Place {
    /// Reads a blob from there.
    pub(super) fn read<R: Read + Seek>(self, source: &mut R, digest: Sha256) -> Result<Vec<u8>, ExportError> {
        source.seek(SeekFrom::Start(self.at)).map_err(ExportError::Io)?;
        let mut bytes = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        source.take(self.bytes).read_to_end(&mut bytes).map_err(ExportError::Io)?;
        match Sha256::of(&bytes) == digest {
            true => Ok(bytes),
            false => Err(ExportError::Content(blob(digest))),
        }
    }
}

/// A file of which some has been read.
#[derive(Debug)]
pub(super) struct Begun {
    /// What has been read of it.
    pub(super) content: Vec<u8>,
    /// How many bytes it has in all.
    bytes: u64,
}

impl Begun {
    fn left(&self) -> u64 {
        self.bytes - self.content.len() as u64
    }
}

/// An archive that is being read, file by file.
#[derive(Debug)]
pub(super) struct Entries<R> {
    source: R,
    at: u64,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, at: 0 }
    }

    /// What is behind the files that were read.
    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// The content of the next file, which has to have that name and at most so many bytes.
    pub(super) fn whole(&mut self, name: &str, limit: usize) -> Result<Vec<u8>, ExportError> {
        let begun = self.begin(name, limit, 0)?;
        self.rest(name, begun)
    }

    /// The first line of it, or as much as a line may have: nothing more is read.
    pub(super) fn begin(
        &mut self,
        name: &str,
        limit: usize,
        most_of_line: usize,
    ) -> Result<Begun, ExportError> {
        let mut found = [0; BLOCK];
        self.fill(name, &mut found)?;
        let other = || ExportError::Header(name.to_owned());
        let text = std::str::from_utf8(&found[124..135]).map_err(|_| other())?;
        let bytes = u64::from_str_radix(text, 8).map_err(|_| other())?;
        if found != header(name, bytes) {
            return Err(other());
        }
        if bytes > limit as u64 {
            return Err(ExportError::Entry { name: name.to_owned(), limit });
        }
        let (mut begun, mut seen) = (Begun { content: Vec::new(), bytes }, 0);
        while !begun.content[seen..].contains(&b'\n')
            && begun.content.len() < most_of_line
            && begun.left() > 0
        {
            seen = begun.content.len();
            let most = begun.left().min(CHUNK as u64);
            self.read(name, &mut begun.content, most)?;
        }
        Ok(begun)
    }

    /// All of a file of which some has been read.
    pub(super) fn rest(&mut self, name: &str, mut begun: Begun) -> Result<Vec<u8>, ExportError> {
        let left = begun.left();
        self.read(name, &mut begun.content, left)?;
        self.pad(name, begun.bytes)?;
        Ok(begun.content)
    }

    /// Reads so many bytes more.
    fn read(&mut self, name: &str, content: &mut Vec<u8>, bytes: u64) -> Result<(), ExportError> {
        let read = self.source.by_ref().take(bytes).read_to_end(content).map_err(ExportError::Io)?;
        self.at += read as u64;
        match (read as u64) < bytes {
            true => Err(ExportError::Truncated(name.to_owned())),
            false => Ok(()),
        }
    }

    /// Reads the next file, which has to be that blob, and says where it is.
    pub(super) fn blob(&mut self, digest: Sha256, bytes: u64) -> Result<Place, ExportError> {
        let name = blob(digest);
        let mut found = [0; BLOCK];
        self.fill(&name, &mut found)?;
        if found != header(&name, bytes) {
            return Err(ExportError::Header(name));
        }
        let place = Place { at: self.at, bytes };
        let (mut hasher, mut left, mut chunk) = (Hasher::new(), bytes, vec![0; CHUNK]);
        while left > 0 {
            let part = &mut chunk[..usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
            self.fill(&name, part)?;
            hasher.update(&part);
            left -= part.len() as u64;
        }
        if hasher.finalize()[..] != digest.as_bytes()[..] {
            return Err(ExportError::Content(name));
        }
        self.pad(&name, bytes)?;
        Ok(place)
    }

    /// Reads the end, behind which there is nothing.
    pub(super) fn end(mut self) -> Result<(R, u64), ExportError> {
        const END: &str = "the end";
        let mut found = [0; 2 * BLOCK];
        self.fill(END, &mut found)?;
        let more = self.source.read(&mut [0]).map_err(ExportError::Io)?;
        if found != [0; 2 * BLOCK] || more > 0 {
            return Err(ExportError::Trailing);
        }
        Ok((self.source, self.at))
    }

    fn pad(&mut self, name: &str, bytes: u64) -> Result<(), ExportError> {
        let mut found = [0; BLOCK];
        let found = &mut found[..padding(bytes)];
        self.fill(name, found)?;
        match found.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(ExportError::Header(name.to_owned())),
        }
    }

    fn fill(&mut self, name: &str, bytes: &mut [u8]) -> Result<(), ExportError> {
        self.at += bytes.len() as u64;
        self.source.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ExportError::Truncated(name.to_owned()),
            _ => ExportError::Io(error),
        })
    }
}
