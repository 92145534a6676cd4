//! Files that only their owner may read: the crate `files`, with errors that name the file.
//!
//! Invariants: what is in a sealed file is believed only if its checksum is right; reading changes
//! nothing; permissions that someone loosened are tightened again, with a warning, when the data
//! directory is opened.
//! Not here: what the files mean.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use files::{DirectoryFormat, DirectoryFormatError, NewFile, PRIVATE_DIRECTORY, PRIVATE_FILE, Sealed, seal, unseal};
use sha2::{Digest as _, Sha256};

use crate::{CredentialsError, authority::hex};

/// The format of every sealed file here. Never renumber: 1 had no checksums.
const VERSION: u32 = 2;

/// What is in a file that should be sealed.
#[derive(Debug)]
pub(crate) enum Kept {
    /// There is no file.
    Missing,
    /// The whole text of one of format 1, which had no checksums.
    Old(String),
    /// What was sealed.
    Current(String),
}

/// Which format the data directory has.
pub(crate) fn format_of(data_dir: &Path) -> Result<DirectoryFormat, CredentialsError> {
    let path = data_dir.join("format.json");
    DirectoryFormat::of(data_dir).map_err(|error| match error {
        DirectoryFormatError::Io(source) => CredentialsError::io("cannot read", &path)(source),
        DirectoryFormatError::Unusable(error) => CredentialsError::file(&path, error),
    })
}

/// What is sealed in the file at `path`; one without a checksum is damage, unless the directory may
/// have old files.
pub(crate) fn read_sealed(path: &Path, format: DirectoryFormat) -> Result<Kept, CredentialsError> {
    let Some(bytes) = read(path)? else { return Ok(Kept::Missing) };
    match unseal(&bytes, VERSION).map_err(|error| CredentialsError::file(path, error))? {
        Sealed::Whole { version: VERSION, body } => Ok(Kept::Current(body.to_owned())),
        Sealed::Unsealed if format.may_be_old() => text(path, bytes).map(Kept::Old),
        Sealed::Whole { .. } | Sealed::Unsealed => {
            let message = "it is damaged, or of an older server: it has no checksum, and here every file must have one";
            Err(CredentialsError::file(path, message))
        }
    }
}

/// Seals `body` and puts it at `path`.
pub(crate) fn write_sealed(path: &Path, body: &str) -> Result<(), CredentialsError> {
    write(path, seal(VERSION, body).as_bytes(), PRIVATE_FILE)
}

/// Puts `contents` at `path`, in place of whatever was there, durably.
pub(crate) fn write(path: &Path, contents: &[u8], mode: u32) -> Result<(), CredentialsError> {
    files::write_whole(path, contents, mode).map_err(CredentialsError::io("cannot write", path))
}

/// What is at `path`, `None` if nothing is.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, CredentialsError> {
    files::read(path).map_err(CredentialsError::io("cannot read", path))
}

/// The same as text.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, CredentialsError> {
    read(path)?.map(|bytes| text(path, bytes)).transpose()
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, CredentialsError> {
    String::from_utf8(bytes).map_err(|_| CredentialsError::file(path, "it is not UTF-8 text"))
}

/// Whether there is anything at `path`.
pub(crate) fn exists(path: &Path) -> Result<bool, CredentialsError> {
    path.try_exists().map_err(CredentialsError::io("cannot read", path))
}

/// Takes away what `path` allows to others than its owner, with a warning; nothing if there is
/// nothing.
pub(crate) fn tighten(path: &Path, mode: u32) -> Result<(), CredentialsError> {
    if !exists(path)? {
        return Ok(());
    }
    let found = fs::metadata(path).map_err(CredentialsError::io("cannot read", path))?.permissions().mode() & 0o7777;
    if found & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "others could read or change it (mode {found:o}); tightened to {mode:o}");
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(CredentialsError::io("cannot tighten", path))
}

/// Makes a directory for its owner alone, and those above it, if they are missing; durably.
pub(crate) fn ensure_directory(path: &Path) -> Result<(), CredentialsError> {
    files::ensure_directory(path).map_err(CredentialsError::io("cannot create", path))
}

/// The same, and tightens it.
pub(crate) fn ensure_private_directory(path: &Path) -> Result<(), CredentialsError> {
    ensure_directory(path)?;
    tighten(path, PRIVATE_DIRECTORY)
}

/// Where a directory is, or would be made: absolute, and no link in what is above it. Makes
/// nothing.
pub(crate) fn resolved(directory: &Path) -> Result<PathBuf, CredentialsError> {
    let whole = std::path::absolute(directory).map_err(CredentialsError::io("cannot find", directory))?;
    let (mut above, mut below) = (whole.as_path(), Vec::new());
    // The name itself is never followed: a directory that is put there takes the place of a link,
    // or fails.
    loop {
        let Some((parent, name)) = above.parent().zip(above.file_name()) else {
            let message = format!("{} does not end in a directory's name", directory.display());
            return Err(CredentialsError::bad_name(message));
        };
        below.push(name);
        above = parent;
        match above.canonicalize() {
            Ok(found) => return Ok(below.iter().rev().fold(found, |path, name| path.join(name))),
            // A link to nowhere is an error: it may lead somewhere by the time that it is followed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(above).is_err() => {}
            Err(error) => return Err(CredentialsError::io("cannot find", above)(error)),
        }
    }
}

/// Makes a directory with these files in it, all at once. It must be missing or empty; the
/// directory above it must be there.
pub(crate) fn write_directory(path: &Path, contents: &[NewFile]) -> Result<(), CredentialsError> {
    let staging = path.with_file_name(format!("{STAGING_PREFIX}{}", crate::random::letters_and_digits(12)));
    files::write_directory(path, &staging, contents).map_err(CredentialsError::io("cannot create", path))
}

/// Removes a directory with all that is in it: whole from where it is, and durably. Nothing if it is
/// not there.
pub(crate) fn discard_directory(path: &Path) -> Result<(), CredentialsError> {
    if !exists(path)? {
        return Ok(());
    }
    let aside = path.with_file_name(format!("{STAGING_PREFIX}{}", crate::random::letters_and_digits(12)));
    let discarded = files::move_durably(path, &aside).and_then(|()| files::remove_tree(&aside));
    discarded.map_err(CredentialsError::io("cannot remove", path))
}

/// Removes what a crash in [`write_directory`] or [`discard_directory`] left below `parent`. Nobody else may be writing
/// there.
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
    files::is_vacant(path).map_err(CredentialsError::io("cannot read", path))
}

/// Enough of a SHA-256 to tell one file from another, as lower-case hex: against damage and
/// mistakes, not against forgers.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..FINGERPRINT_BYTES])
}

const FINGERPRINT_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn loosened_permissions_are_tightened_and_reading_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        write_sealed(&path, "secret").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(
            matches!(read_sealed(&path, DirectoryFormat::Sealed).unwrap(), Kept::Current(body) if body == "secret")
        );
        assert_eq!(mode(&path), 0o644);
        tighten(&path, PRIVATE_FILE).unwrap();
        assert_eq!(mode(&path), 0o600);
        tighten(&directory.path().join("none"), PRIVATE_FILE).unwrap();
    }

    #[test]
    fn a_file_without_a_checksum_is_old_only_where_the_directory_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "{}").unwrap();
        assert!(matches!(read_sealed(&path, DirectoryFormat::Unmarked).unwrap(), Kept::Old(text) if text == "{}"));
        let error = read_sealed(&path, DirectoryFormat::Sealed).unwrap_err().to_string();
        assert!(error.contains("a cannot be used: it is damaged, or of an older server"), "{error}");
    }

    #[test]
    fn a_failed_write_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::create_dir(directory.path().join(".a.tmp")).unwrap();
        let error = write(&path, b"new", PRIVATE_FILE).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains(path.to_str().unwrap()), "{error}");
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
