//! Files that are in memory only, and in no folder: what goes into a jail, and what comes
//! out of it.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;

use crate::kernel;

/// How much is copied at a time.
const PART_BYTES: usize = 256 << 10;

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
        let mut file = kernel::memory_file()?;
        let mut part = vec![0; PART_BYTES];
        loop {
            match from.read(&mut part) {
                Ok(0) => return Self::seal(file),
                Ok(read) => file.write_all(&part[..read])?,
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
