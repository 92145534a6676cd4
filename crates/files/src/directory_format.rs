//! Which format a whole data directory has: `format.json` in it, sealed as every small file.
//!
//! ```text
//! {"version":2,"crc32c":"…"}\n
//! {"format":2}\n
//! ```
//! The first servers wrote files without checksums, format 1, and no such file. A server that opens one of those
//! directories brings each file to format 2 and writes `format.json` last. So a file without a checksum is an old one
//! where `format.json` is missing, and damage where it is there. A directory that lost its `format.json` gets it
//! again. Not here: what files there are; whoever opens all of them calls [`DirectoryFormat::mark`] last.

use std::{io, path::Path};

use crate::{PRIVATE_FILE, Sealed, UnsealError, read, seal, unseal, write_whole};

/// The file's name.
const FILE: &str = "format.json";
/// The newest format, and the only one that is marked. Never renumber.
const NEWEST: u32 = 2;
const BODY: &str = "{\"format\":2}";

/// What a directory's `format.json` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryFormat {
    /// There is none: files without a checksum are from a version that had none.
    Unmarked,
    /// Every small file has a checksum; one without is damaged.
    Sealed,
}

/// Why a directory's format is not known.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryFormatError {
    /// The file cannot be read.
    #[error("cannot read {FILE}: {0}")]
    Io(#[from] io::Error),
    /// It is damaged, or a newer server's.
    #[error("{FILE} cannot be used: {0}")]
    Unusable(#[from] UnsealError),
}

impl DirectoryFormat {
    /// Reads it; changes nothing.
    pub fn of(directory: &Path) -> Result<Self, DirectoryFormatError> {
        let Some(bytes) = read(&directory.join(FILE))? else { return Ok(Self::Unmarked) };
        match unseal(&bytes, NEWEST)? {
            Sealed::Whole { version: NEWEST, body: BODY } => Ok(Self::Sealed),
            _ => Err(UnsealError::Damaged("it does not say the format").into()),
        }
    }

    /// Whether a file without a checksum may be taken as one of an old version.
    pub fn may_be_old(self) -> bool {
        self == Self::Unmarked
    }

    /// Writes it, durably, where it is missing: from now on every small file in the directory must have a checksum.
    pub fn mark(directory: &Path) -> Result<(), DirectoryFormatError> {
        match Self::of(directory)? {
            Self::Sealed => Ok(()),
            Self::Unmarked => Ok(write_whole(&directory.join(FILE), seal(NEWEST, BODY).as_bytes(), PRIVATE_FILE)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_is_marked_once_and_again_when_the_mark_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            assert_eq!(DirectoryFormat::of(directory.path()).unwrap(), DirectoryFormat::Unmarked);
            DirectoryFormat::mark(directory.path()).unwrap();
            assert_eq!(DirectoryFormat::of(directory.path()).unwrap(), DirectoryFormat::Sealed);
            fs::remove_file(directory.path().join(FILE)).unwrap();
        }
    }

    #[test]
    fn no_damage_makes_a_marked_directory_an_unmarked_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        DirectoryFormat::mark(directory.path()).unwrap();
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            DirectoryFormat::of(directory.path()).unwrap_err();
            DirectoryFormat::mark(directory.path()).unwrap_err();
            assert_eq!(fs::read(&path).unwrap(), flipped, "damage is left as it was found");
        }
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            DirectoryFormat::of(directory.path()).unwrap_err();
        }
    }
}
