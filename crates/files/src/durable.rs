//! Names that last: a file's and a folder's entry in the folder above is made durable with what it
//! names.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{Act, course, pass};

/// Mode of a file that only its owner may read.
pub const PRIVATE_FILE: u32 = 0o600;

/// Mode of a folder that only its owner may enter.
pub const PRIVATE_DIRECTORY: u32 = 0o700;

/// What is written at once past the system's cache, in bytes. A smaller file goes through it.
const DIRECT_BYTES: usize = 256 * 1024;

/// What such a write is a multiple of, and its memory begins at one, in bytes: the blocks of any disk of today. Where
/// more is needed the system refuses, and the file goes through the cache.
const BLOCK_BYTES: usize = 4096;

/// What is in the file at `path`; `None` if there is none.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let course = course(Act::Read, path)?;
    match fs::read(path) {
        Ok(mut bytes) => {
            course.read(&mut bytes);
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts `contents` at `path` with the permissions `mode`, in place of whatever was there: after a
/// crash at any moment the file has its old contents or its new ones. Durable when it returns;
/// after an error either may be there, and nothing else is left.
pub fn write_whole(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary_path(path);
    let written = write_synced(&temporary, contents, mode).and_then(|()| move_durably(&temporary, path));
    if written.is_err() {
        // Gone already where only the folder could not be synced.
        clean_up(&temporary);
    }
    written
}

/// As [`write_whole`], but for the name: it is durable after [`sync_directory`] of the folder. For whoever puts many
/// large files there: they go past the system's cache, so who syncs another file of the disk waits for a piece of
/// one, not for all of it, and what is in the cache stays there.
pub fn write_whole_unnamed(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary_path(path);
    let written = write_past_cache(&temporary, contents, mode).and_then(|()| {
        pass(Act::Rename, path)?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        clean_up(&temporary);
    }
    written
}

/// Takes away what a write that failed has left; a process that was killed does not come to it.
fn clean_up(temporary: &Path) {
    #[cfg(feature = "faults")]
    if crate::faults::has_crashed(temporary) {
        return;
    }
    let _ = fs::remove_file(temporary);
}

fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// Makes the file, durably but for its name; one that is there goes.
pub(crate) fn write_synced(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    write_synced_by(path, contents, OpenOptions::new().mode(mode), |mut file: &File, bytes| file.write_all(bytes))
}

/// The same, past the system's cache where the file is large and its file system can do that.
fn write_past_cache(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    if contents.len() < DIRECT_BYTES {
        return write_synced(path, contents, mode);
    }
    let direct = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).expect("it is one of the low bits");
    let mut options = OpenOptions::new();
    match write_synced_by(path, contents, options.mode(mode).custom_flags(direct), write_pieces) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => write_synced(path, contents, mode),
        written => written,
    }
}

fn write_synced_by(
    path: &Path,
    contents: &[u8],
    options: &mut OpenOptions,
    write: impl Fn(&File, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    pass(Act::Open, path)?;
    let file = options.write(true).create_new(true).open(path)?;
    match course(Act::Write, path)? {
        #[cfg(feature = "faults")]
        crate::Course::HalfThenError(error) => {
            write(&file, &contents[..contents.len() / 2])?;
            return Err(error);
        }
        _ => write(&file, contents)?,
    }
    pass(Act::Sync, path)?;
    file.sync_all()
}

/// To a file that was opened for direct writes: each is of whole blocks, from memory that begins at one.
fn write_pieces(file: &File, contents: &[u8]) -> io::Result<()> {
    let mut memory = vec![0; DIRECT_BYTES + BLOCK_BYTES];
    let begin = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
    let piece = &mut memory[begin..begin + DIRECT_BYTES];
    let mut at = 0;
    for part in contents.chunks(DIRECT_BYTES) {
        let len = part.len().next_multiple_of(BLOCK_BYTES);
        piece[..part.len()].copy_from_slice(part);
        piece[part.len()..len].fill(0);
        file.write_all_at(&piece[..len], at)?;
        at += part.len() as u64;
    }
    file.set_len(at)
}

/// Renames `from` to `to`, both in one folder, in place of a file that is there; durable when it
/// returns.
pub fn move_durably(from: &Path, to: &Path) -> io::Result<()> {
    pass(Act::Rename, to)?;
    fs::rename(from, to)?;
    sync_directory(parent_of(to))
}

/// As [`move_durably`], but for the names: they are durable after [`sync_directory`] of the folder.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    pass(Act::Rename, to)?;
    fs::rename(from, to)
}

/// Puts a file that cannot be used aside, as `<name>.damaged` beside it, in place of one that was put
/// there before; gives where it is.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let to = path.with_file_name(format!("{name}.damaged"));
    move_durably(path, &to)?;
    Ok(to)
}

/// Removes a file. After a loss of power it may be there again, until its folder is synced.
pub fn remove(path: &Path) -> io::Result<()> {
    pass(Act::Remove, path)?;
    fs::remove_file(path)
}

/// Removes a file, and makes sure that it does not come back.
pub fn remove_durably(path: &Path) -> io::Result<()> {
    remove(path)?;
    sync_directory(parent_of(path))
}

/// Removes a folder with all that is in it, and makes sure that it does not come back. Where there
/// is none nothing happens.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    pass(Act::Remove, path)?;
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(parent_of(path)),
    }
}

/// Makes the folder at `path` with [`PRIVATE_DIRECTORY`], and those above it that are missing, each
/// durably entered in the one above. Where it is there already nothing happens.
pub fn ensure_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent_of(path);
    ensure_directory(parent)?;
    pass(Act::MakeDirectory, path)?;
    match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_directory(parent)
}

/// Makes the names in a folder durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    pass(Act::Sync, path)?;
    File::open(path)?.sync_all()
}

/// The folder that `path` is in; of a bare name, the one that the process is in.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(temporary_path(&path), "left by a crash").unwrap();
        write_whole(&path, b"one, rather long", PRIVATE_FILE).unwrap();
        write_whole(&path, b"two", 0o700).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(mode(&path), 0o700);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_large_file_is_whole_whatever_its_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let contents: Vec<u8> = (0..=u8::MAX).cycle().take(3 * DIRECT_BYTES + 77).collect();
        let lens = [0, 1, DIRECT_BYTES - 1, DIRECT_BYTES, DIRECT_BYTES + 1, 2 * DIRECT_BYTES + BLOCK_BYTES];
        for len in lens.into_iter().chain([contents.len()]) {
            write_whole_unnamed(&path, &contents[..len], PRIVATE_FILE).unwrap();
            assert!(read(&path).unwrap().unwrap() == contents[..len], "{len}");
            assert_eq!(mode(&path), PRIVATE_FILE, "{len}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_contents() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        write_whole(&path, b"old", PRIVATE_FILE).unwrap();
        fs::create_dir(temporary_path(&path)).unwrap();
        write_whole(&path, b"new", PRIVATE_FILE).unwrap_err();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"old"[..]));
    }

    #[test]
    fn folders_are_made_private_with_those_above_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/c");
        ensure_directory(&path).unwrap();
        ensure_directory(&path).unwrap();
        assert_eq!([mode(&path), mode(path.parent().unwrap())], [0o700; 2]);
        fs::write(directory.path().join("file"), "").unwrap();
        ensure_directory(&directory.path().join("file")).unwrap_err();
    }

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        ensure_directory(&directory.path().join("a/b")).unwrap();
        fs::write(directory.path().join("a/b/file"), "").unwrap();
        remove_tree(&directory.path().join("a")).unwrap();
        remove_tree(&directory.path().join("a")).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_there_is_none() {
        assert!(read(Path::new("no such file")).unwrap().is_none());
    }
}
