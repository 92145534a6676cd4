//! Files as this project keeps them: written whole or not at all, readable by their owner only,
//! with a checksum, and durable with the folders that name them.
//!
//! Invariants: what a function here says is durable outlives a loss of power; a folder that was
//! made is entered durably in the folder above it; with the feature `faults` a test may have any of
//! these operations fail, and without it nothing of that is compiled.
//! Not here: what the files mean.

mod data_file;
mod directory_format;
mod durable;
#[cfg(feature = "faults")]
pub mod faults;
mod sealed;
mod whole_directory;

pub use data_file::DataFile;
pub use directory_format::{DirectoryFormat, DirectoryFormatError};
pub use durable::{
    PRIVATE_DIRECTORY, PRIVATE_FILE, ensure_directory, move_durably, read, remove, remove_durably, remove_tree, rename,
    set_aside, sync_directory, write_whole, write_whole_unnamed,
};
pub use sealed::{Sealed, UnsealError, seal, unseal};
pub use whole_directory::{NewFile, is_vacant, write_directory};

use std::path::Path;

/// What is done to a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// It is opened, or made.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// Room is made ahead, or the length is set.
    Resize,
    /// It is made durable: a file's bytes, or a folder's names.
    Sync,
    /// It gets another name.
    Rename,
    /// It is removed.
    Remove,
    /// A folder is made.
    MakeDirectory,
    /// The document engine writes a batch, or makes what it has durable.
    Engine,
}

/// What a write or a read has to expect of a fault that a test planned.
enum Course {
    AsEver,
    #[cfg(feature = "faults")]
    HalfThenError(std::io::Error),
    #[cfg(feature = "faults")]
    FlippedBit,
}

impl Course {
    /// What was read, as a test wants it to have come.
    #[cfg(feature = "faults")]
    fn read(self, bytes: &mut [u8]) {
        let middle = bytes.len() / 2;
        if let (Self::FlippedBit, Some(byte)) = (self, bytes.get_mut(middle)) {
            *byte ^= 4;
        }
    }

    #[cfg(not(feature = "faults"))]
    #[inline]
    fn read(self, _: &mut [u8]) {}
}

/// Fails if a test planned that `act` fails on `path`. Operations that this crate does not do
/// itself ask here first.
#[cfg(feature = "faults")]
pub fn pass(act: Act, path: &Path) -> std::io::Result<()> {
    faults::ask(act, path).map(drop)
}

/// Lets everything pass: the feature `faults` is off.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn pass(_: Act, _: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(feature = "faults")]
fn course(act: Act, path: &Path) -> std::io::Result<Course> {
    faults::ask(act, path)
}

#[cfg(not(feature = "faults"))]
#[inline]
fn course(_: Act, _: &Path) -> std::io::Result<Course> {
    Ok(Course::AsEver)
}
