//! Proof that blobs are what their names say.

use std::{io, path::Path};

use files::DataFile;
use ring::digest::{Context, SHA256};

use crate::{BlobId, blobs::list};

/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Reads every blob in `folder`, and tells of each how long it is, and whether it is what its name
/// says. None where there is no folder. Blocks on disk.
pub fn verify(folder: &Path, each: &mut dyn FnMut(BlobId, u64, bool)) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    for (id, len) in list(folder)? {
        let file = DataFile::open(&folder.join(id.to_string()), false)?;
        let (mut hash, mut at) = (Context::new(&SHA256), 0);
        loop {
            piece.clear();
            let read = file.read_spare_at(&mut piece, at)?;
            if read == 0 {
                break;
            }
            hash.update(&piece);
            at += read as u64;
        }
        // So many bytes are read that others need the room more.
        file.uncache();
        each(id, len, hash.finish().as_ref() == id.0);
    }
    Ok(())
}
