//! The manifests of the engine's keyspaces, each held against the checksum that the engine writes
//! and does not look at.
//!
//! ```text
//! keyspaces/<n>/current   manifest u64 | xxh3 of its bytes u128 | 0
//! keyspaces/<n>/v<m>      the manifest m: which tables there are
//! ```
//! A manifest in which a bit has flipped may name fewer tables, or others; a `current` may name an
//! older manifest that is still there. Both are files that can be read, and miss documents without
//! a word. The engine writes a manifest, syncs it, and then replaces `current` as a whole: whatever
//! happens meanwhile, the two fit together.
//! Not here: the tables, whose blocks have checksums that the engine does look at.

use std::{io, path::Path};

use xxhash_rust::xxh3::xxh3_128;

const KEYSPACES: &str = "keyspaces";

const CURRENT: &str = "current";

/// The only kind of checksum that there is.
const XXH3: u8 = 0;

/// An error that names the file if a manifest in the engine's folder is not the one that was
/// written.
pub(super) fn check(dir: &Path) -> io::Result<()> {
    let folders = match std::fs::read_dir(dir.join(KEYSPACES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        folders => folders?,
    };
    for folder in folders {
        let folder = folder?;
        if folder.file_type()?.is_dir() {
            check_keyspace(&folder.path())?;
        }
    }
    Ok(())
}

fn check_keyspace(folder: &Path) -> io::Result<()> {
    let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    let path = folder.join(CURRENT);
    // One that was being made at a crash: the engine removes it.
    let Some(current) = files::read(&path)? else { return Ok(()) };
    let Some((number, checksum)) = parse(&current) else {
        return wrong(format!("{} is damaged", path.display()));
    };
    let manifest = folder.join(format!("v{number}"));
    let Some(bytes) = files::read(&manifest)? else {
        return wrong(format!("{} names {}, which is missing", path.display(), manifest.display()));
    };
    if xxh3_128(&bytes) == checksum {
        return Ok(());
    }
    wrong(format!("{} has another checksum than {} says", manifest.display(), path.display()))
}

/// The manifest's number and its checksum.
fn parse(current: &[u8]) -> Option<(u64, u128)> {
    let (number, rest) = current.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    (rest == [XXH3]).then(|| (u64::from_le_bytes(*number), u128::from_le_bytes(*checksum)))
}
