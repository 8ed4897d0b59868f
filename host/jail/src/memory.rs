//! Files that are in memory only, and in no folder: what goes into a jail, and what comes
//! out of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;

use crate::kernel;

/// How much is copied at a time.
const PART_BYTES: usize = 256 << 10;

/// What of a file takes up room or does not.
const PAGE_BYTES: usize = 4 << 10;

/// Writes into an empty file all that it is given, but for pages of nothing but zeros. They are
/// read as if they had been written, and take up no room: the code of a component can be a
/// memory of zeros with a byte at each of its ends.
#[derive(Debug)]
pub struct Sparse<F> {
    file: F,
    at: u64,
    /// Whether what came last was left out, so that the file ends too early.
    is_short: bool,
}

impl<F: Write + Seek> Sparse<F> {
    /// Writes into that file, which has nothing in it.
    #[must_use]
    pub fn new(file: F) -> Self {
        Self { file, at: 0, is_short: false }
    }

    /// Writes these bytes behind those before.
    ///
    /// # Errors
    /// As writing to a file.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (mut written, mut seen) = (0, 0);
        while seen < bytes.len() {
            let within = usize::try_from((self.at + (seen - written) as u64) % PAGE_BYTES as u64);
            let page = PAGE_BYTES - within.map_err(io::Error::other)?;
            let end = bytes.len().min(seen + page);
            if bytes[seen..end] == [0; PAGE_BYTES][..end - seen] {
                self.put(&bytes[written..seen])?;
                let zeros = (end - seen) as u64;
                self.file.seek(SeekFrom::Current(zeros.cast_signed()))?;
                self.at += zeros;
                self.is_short = true;
                written = end;
            }
            seen = end;
        }
        self.put(&bytes[written..])
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !bytes.is_empty() {
            self.file.write_all(bytes)?;
            self.at += bytes.len() as u64;
            self.is_short = false;
        }
        Ok(())
    }

    /// Has the file end where the bytes do, and gives it back.
    ///
    /// # Errors
    /// As writing to a file.
    pub fn finish(mut self) -> io::Result<F> {
        if self.is_short {
            // A jailed process can write, and cannot say how long a file is to be.
            self.file.seek(SeekFrom::Current(-1))?;
            self.file.write_all(&[0])?;
        }
        Ok(self.file)
    }
}

/// Bytes that nobody can change any more, this process included: a file in memory, sealed
/// against writing, growing and shrinking. Jailed processes that get the same one share
/// its memory, and nothing else of it.
#[derive(Debug, Clone)]
pub struct Sealed {
    file: Arc<File>,
    bytes: u64,
}

impl Sealed {
    /// Puts the bytes into a file in memory, and seals it.
    ///
    /// # Errors
    /// The kernel has no such files (any but Linux), or no memory.
    pub fn new(bytes: &[u8]) -> io::Result<Self> {
        Self::copied(bytes)
    }

    /// Puts all that a reader gives into a file in memory, and seals it. It never is in this
    /// process's own memory as a whole.
    ///
    /// # Errors
    /// As [`Sealed::new`], and those of the reader.
    pub fn copied(mut from: impl Read) -> io::Result<Self> {
        let mut file = Sparse::new(kernel::memory_file()?);
        let mut part = vec![0; PART_BYTES];
        loop {
            match from.read(&mut part) {
                Ok(0) => return Self::seal(file.finish()?),
                Ok(read) => file.add(&part[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn seal(file: File) -> io::Result<Self> {
        kernel::seal(&file)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), bytes })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// As reading a file.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt as _;
        let mut bytes = vec![0; usize::try_from(self.bytes).map_err(io::Error::other)?];
        // By position: the place to read from is shared by all who have the file.
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Hands all of it over, piece by piece: it need not fit into this process's own memory.
    ///
    /// # Errors
    /// As reading a file, and those of `take`.
    pub fn each(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let mut part = vec![0; PART_BYTES];
        let mut at = 0;
        while at < self.bytes {
            let length = usize::try_from(self.bytes - at).map_or(PART_BYTES, |left| left.min(PART_BYTES));
            self.file.read_exact_at(&mut part[..length], at)?;
            take(&part[..length])?;
            at += length as u64;
        }
        Ok(())
    }

    /// The file once more, to be read only. Opened anew for each process: a copy of the
    /// descriptor shares the place to read from, by which one process could leave word for the
    /// next.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))?.into())
    }
}

/// An empty file in memory that a jailed process writes its result into.
#[derive(Debug)]
pub struct Output {
    file: File,
}

impl Output {
    /// Makes one.
    ///
    /// # Errors
    /// The kernel has no such files (any but Linux), or no memory.
    pub fn new() -> io::Result<Self> {
        Ok(Self { file: kernel::memory_file()? })
    }

    /// What was written. To be asked for when the process has ended: whoever still has
    /// the file cannot write to it any more.
    ///
    /// # Errors
    /// Somebody still has it mapped to write to it.
    pub fn into_sealed(self) -> io::Result<Sealed> {
        Sealed::seal(self.file)
    }

    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_is_written_without_its_zeros_is_read_with_them() {
        let mut random = 7_u32;
        let mut number = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        for _ in 0..200 {
            let mut bytes = vec![0; number(40_000)];
            for _ in 0..number(4) {
                let length = bytes.len().max(1);
                let (start, end) = (number(length), number(length));
                bytes.iter_mut().take(end).skip(start).for_each(|byte| *byte = 1);
            }
            let mut file = Sparse::new(Cursor::new(Vec::new()));
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, after) = rest.split_at(number(9_000).min(rest.len()));
                file.add(part).unwrap();
                rest = after;
            }
            assert!(file.finish().unwrap().into_inner() == bytes);
        }
    }

    #[test]
    fn zeros_in_memory_take_up_no_room() {
        let mut bytes = vec![0; 8 << 20];
        bytes[5 << 20] = 1;
        let Ok(sealed) = Sealed::new(&bytes) else { return };
        assert_eq!(sealed.bytes(), bytes.len() as u64);
        assert!(sealed.read().unwrap() == bytes);
        let kept = sealed.file.metadata().unwrap().blocks() * 512;
        assert!(kept < 64 << 10, "{kept} bytes");
    }
}
