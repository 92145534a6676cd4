//! Files that only their owner may read, written whole or not at all.
//!
//! Invariants: a file has its old contents or its new ones, after a crash too; nothing is ever readable by others, not even for a moment;
//! permissions that someone loosened are tightened again, with a warning.
//! Not here: what the files mean.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::CredentialsError;

/// Mode of a file.
pub(crate) const PRIVATE: u32 = 0o600;
/// Mode of a script, and of a directory.
pub(crate) const PRIVATE_EXECUTABLE: u32 = 0o700;

/// Puts `contents` at `path`, in place of whatever was there: temporary file, fsync, rename, fsync of the directory.
pub(crate) fn write(path: &Path, contents: &[u8], mode: u32) -> Result<(), CredentialsError> {
    let temporary = temporary_path(path);
    write_synced(&temporary, contents, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_parent(path))
        .map_err(|source| {
            let _ = fs::remove_file(&temporary);
            CredentialsError::io("cannot write", path)(source)
        })
}

/// What is at `path`, `None` if nothing is. Permissions looser than `mode` are tightened to it.
pub(crate) fn read(path: &Path, mode: u32) -> Result<Option<String>, CredentialsError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CredentialsError::io("cannot read", path)(error)),
        Ok(bytes) => {
            tighten(path, mode)?;
            String::from_utf8(bytes).map(Some).map_err(|_| CredentialsError::file(path, "it is not UTF-8 text"))
        }
    }
}

/// Takes away what `path` allows to others than its owner, with a warning.
pub(crate) fn tighten(path: &Path, mode: u32) -> Result<(), CredentialsError> {
    let found = fs::metadata(path).map_err(CredentialsError::io("cannot read", path))?.permissions().mode() & 0o7777;
    if found & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "others could read or change it (mode {found:o}); tightened to {mode:o}");
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(CredentialsError::io("cannot tighten", path))
}

/// Makes a directory of mode 0700 and those above it, if they are missing.
pub(crate) fn ensure_directory(path: &Path) -> Result<(), CredentialsError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_EXECUTABLE)
        .create(path)
        .map_err(CredentialsError::io("cannot create", path))
}

/// A file of a directory that is being made.
pub(crate) struct NewFile {
    /// Its name there.
    pub(crate) name: &'static str,
    /// All of it.
    pub(crate) contents: Vec<u8>,
    /// Its permissions.
    pub(crate) mode: u32,
}

/// Makes a directory with these files in it, all at once: whoever sees the directory sees every file whole. It
/// must be missing or empty; the directory above it must be there. A crash may leave a `.new-…` directory beside it.
pub(crate) fn write_directory(path: &Path, files: &[NewFile]) -> Result<(), CredentialsError> {
    let staging = path.with_file_name(format!("{STAGING_PREFIX}{}", crate::random::letters_and_digits(12)));
    let filled = DirBuilder::new().mode(PRIVATE_EXECUTABLE).create(&staging).and_then(|()| {
        for NewFile { name, contents, mode } in files {
            write_synced(&staging.join(name), contents, *mode)?;
        }
        File::open(&staging)?.sync_all()?;
        fs::rename(&staging, path)?;
        sync_parent(path)
    });
    filled.map_err(|source| {
        let _ = fs::remove_dir_all(&staging);
        CredentialsError::io("cannot create", path)(source)
    })
}

/// Removes what a crash in [`write_directory`] left below `parent`. Nobody else may be writing there.
pub(crate) fn remove_staging(parent: &Path) -> Result<(), CredentialsError> {
    let failed = || CredentialsError::io("cannot clean up", parent);
    for entry in fs::read_dir(parent).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
            fs::remove_dir_all(entry.path()).map_err(failed())?;
        }
    }
    Ok(())
}

const STAGING_PREFIX: &str = ".new-";

/// Whether a directory is missing or has nothing in it.
pub(crate) fn is_vacant(path: &Path) -> Result<bool, CredentialsError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(CredentialsError::io("cannot read", path)(error)),
    }
}

fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().expect("every path here ends in a file's name").to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

fn write_synced(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().expect("every path here is absolute and not the root");
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(temporary_path(&path), "left by a crash").unwrap();
        write(&path, b"one, rather long", PRIVATE).unwrap();
        write(&path, b"two", PRIVATE_EXECUTABLE).unwrap();
        assert_eq!(read(&path, PRIVATE).unwrap().as_deref(), Some("two"));
        assert_eq!(mode(&path), 0o700);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_contents() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        write(&path, b"old", PRIVATE).unwrap();
        fs::create_dir(temporary_path(&path)).unwrap();
        let error = write(&path, b"new", PRIVATE).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains(path.to_str().unwrap()), "{error}");
        assert_eq!(read(&path, PRIVATE).unwrap().as_deref(), Some("old"));
    }

    #[test]
    fn loosened_permissions_are_tightened_on_reading() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        write(&path, b"secret", PRIVATE).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        read(&path, PRIVATE).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_directory_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("bundle");
        fs::create_dir(&path).unwrap();
        let file = |name, contents: &[u8], mode| NewFile { name, contents: contents.to_vec(), mode };
        write_directory(&path, &[file("a", b"1", PRIVATE), file("b", b"2", PRIVATE_EXECUTABLE)]).unwrap();
        assert_eq!((mode(&path), mode(&path.join("a")), mode(&path.join("b"))), (0o700, 0o600, 0o700));

        write_directory(&path, &[file("a", b"3", PRIVATE)]).unwrap_err();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"1");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no staging directory is left");
    }

    #[test]
    fn what_a_crash_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join(".new-abc")).unwrap();
        fs::create_dir(parent.path().join("default")).unwrap();
        remove_staging(parent.path()).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
