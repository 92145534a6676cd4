//! Proof that blobs are what their names say.

use std::{io, path::Path};

use files::DataFile;

use crate::{BlobId, Blobs, Proof, blobs::list};

/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Reads every blob in `folder`, and tells of each how long it is, and whether it is what its name
/// says. None where there is no folder. Blocks on disk.
pub fn verify(folder: &Path, each: &mut dyn FnMut(BlobId, u64, bool)) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    for (id, len) in list(folder)? {
        if let Some(is_whole) = is_whole(folder, &id, &mut piece, &mut |_| true)? {
            each(id, len, is_whole);
        }
    }
    Ok(())
}

impl Blobs {
    /// The same of an app that is open, whose blobs come and go meanwhile; gives those that are not
    /// what their names say, or that cannot be read. `read` is told how many bytes were read since it
    /// was last told, and rests as it likes; where it says `false`, the look ends there. Blocks on disk.
    pub fn scrub(&self, read: &mut dyn FnMut(u64) -> bool, each: &mut dyn FnMut(BlobId, Damage)) -> io::Result<()> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        for (id, _) in list(&self.folder)? {
            match is_whole(&self.folder, &id, &mut piece, read) {
                Ok(Some(false)) => each(id, Damage::NotItsName),
                Ok(Some(true)) => {}
                Ok(None) => break,
                // It was collected since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => each(id, Damage::Unreadable(error)),
            }
        }
        Ok(())
    }
}

/// What is wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Its bytes are others.
    #[error("is not what its name says")]
    NotItsName,
    /// They cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

/// Whether a blob is what its name says; `None` where `read` did not let it be read to its end.
fn is_whole(
    folder: &Path,
    id: &BlobId,
    piece: &mut Vec<u8>,
    read: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Option<bool>> {
    let file = DataFile::open(&folder.join(id.to_string()), false)?;
    let (mut proof, mut at) = (Proof::of(*id), 0);
    loop {
        piece.clear();
        let count = file.read_spare_at(piece, at)? as u64;
        if count == 0 {
            break;
        }
        proof.take(piece);
        at += count;
        if !read(count) {
            return Ok(None);
        }
    }
    // So many bytes are read that others need the room more.
    file.uncache();
    Ok(Some(proof.holds()))
}
