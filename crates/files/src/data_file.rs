//! A file that is read and written at places.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Advice, FallocateFlags};

use crate::{Act, course, pass};

/// An open file. Reading and writing name their place, so threads may share it.
#[derive(Debug)]
pub struct DataFile {
    file: File,
    path: PathBuf,
}

impl DataFile {
    /// Makes the file, empty, whatever was there; to be read and written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::open_with(path, OpenOptions::new().read(true).write(true).create(true).truncate(true))
    }

    /// Opens a file that is there.
    pub fn open(path: &Path, writable: bool) -> io::Result<Self> {
        Self::open_with(path, OpenOptions::new().read(true).write(writable))
    }

    fn open_with(path: &Path, options: &OpenOptions) -> io::Result<Self> {
        pass(Act::Open, path)?;
        Ok(Self { file: options.open(path)?, path: path.to_owned() })
    }

    /// Its length in bytes.
    pub fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Fills `bytes` from `at` on; an error if the file ends before.
    pub fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let course = course(Act::Read, &self.path)?;
        self.file.read_exact_at(bytes, at)?;
        course.read(bytes);
        Ok(())
    }

    /// Appends to `bytes` what stands at `at`, as much as fits in its spare capacity without
    /// growing it; gives how many came, 0 at the end.
    pub fn read_spare_at(&self, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        let course = course(Act::Read, &self.path)?;
        let before = bytes.len();
        let count = rustix::io::pread(&self.file, rustix::buffer::spare_capacity(bytes), at)?;
        course.read(&mut bytes[before..]);
        Ok(count)
    }

    /// Whether the byte at `at` can be read without waiting for the disk.
    pub fn is_cached_at(&self, at: u64) -> bool {
        let mut byte = [0];
        let mut buffers = [io::IoSliceMut::new(&mut byte)];
        rustix::io::preadv2(&self.file, &mut buffers, at, rustix::io::ReadWriteFlags::NOWAIT) == Ok(1)
    }

    /// Writes all of `bytes` at `at`. After an error any part of it may be there.
    pub fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        match course(Act::Write, &self.path)? {
            #[cfg(feature = "faults")]
            crate::Course::HalfThenError(error) => {
                self.file.write_all_at(&bytes[..bytes.len() / 2], at)?;
                Err(error)
            }
            _ => self.file.write_all_at(bytes, at),
        }
    }

    /// Makes room for `len_bytes` from the file's beginning on, so that writing there needs no
    /// more. Never makes the file shorter.
    pub fn allocate(&self, len_bytes: u64) -> io::Result<()> {
        pass(Act::Resize, &self.path)?;
        Ok(rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len_bytes)?)
    }

    /// Sets the length: cuts what is behind it, or adds zeros.
    pub fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        pass(Act::Resize, &self.path)?;
        self.file.set_len(len_bytes)
    }

    /// Makes the bytes durable, and the length if it has changed.
    pub fn sync_data(&self) -> io::Result<()> {
        pass(Act::Sync, &self.path)?;
        self.file.sync_data()
    }

    /// Makes everything durable. The name is the folder's: [`crate::sync_directory`].
    pub fn sync_all(&self) -> io::Result<()> {
        pass(Act::Sync, &self.path)?;
        self.file.sync_all()
    }

    /// Has the system not read ahead. A hint.
    pub fn do_not_read_ahead(&self) {
        // Without it all is read as well.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::Random);
    }

    /// Has the system begin to write to the disk what stands in `len` bytes from `at` on, without waiting for it: a
    /// later [`Self::sync_all`] has less to wait for. What is written by then need not stay in memory. A hint.
    pub fn begin_writeback(&self, at: u64, len: u64) {
        // Without it the sync writes all.
        let _ = rustix::fs::fadvise(&self.file, at, std::num::NonZero::new(len), Advice::DontNeed);
    }

    /// Has the system keep nothing of it in memory. A hint.
    pub fn uncache(&self) {
        // Without it the pages go with the file.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}
