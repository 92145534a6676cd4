//! A folder that appears with all of its files.

use std::{fs, io, path::Path};

use crate::{Act, durable, ensure_directory, pass, sync_directory};

/// A file of a folder that is being made.
#[derive(Debug)]
pub struct NewFile {
    /// Its name there.
    pub name: &'static str,
    /// All of it.
    pub contents: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// Makes the folder `path`, for its owner alone, with these files in it, all at once and durably: whoever sees the
/// folder sees every file whole. It must be missing or empty. The files are put into `staging` first, a folder beside
/// it that must not be there; a crash may leave it.
pub fn write_directory(path: &Path, staging: &Path, files: &[NewFile]) -> io::Result<()> {
    let filled = fill(staging, files).and_then(|()| durable::move_durably(staging, path));
    if filled.is_err() {
        // Gone already where only the folder above could not be synced.
        let _ = fs::remove_dir_all(staging);
    }
    filled
}

fn fill(staging: &Path, files: &[NewFile]) -> io::Result<()> {
    ensure_directory(staging)?;
    for NewFile { name, contents, mode } in files {
        durable::write_synced(&staging.join(name), contents, *mode)?;
    }
    sync_directory(staging)
}

/// Whether a folder is missing or has nothing in it.
pub fn is_vacant(path: &Path) -> io::Result<bool> {
    pass(Act::Read, path)?;
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{PRIVATE_DIRECTORY, PRIVATE_FILE};

    fn file(name: &'static str, contents: &[u8], mode: u32) -> NewFile {
        NewFile { name, contents: contents.to_vec(), mode }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let (path, staging) = (parent.path().join("bundle"), parent.path().join(".new"));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_vacant(&path).unwrap() && is_vacant(&staging).unwrap());
        let files = [file("a", b"1", PRIVATE_FILE), file("b", b"2", PRIVATE_DIRECTORY)];
        write_directory(&path, &staging, &files).unwrap();
        assert_eq!((mode(&path), mode(&path.join("a")), mode(&path.join("b"))), (0o700, 0o600, 0o700));

        assert!(!is_vacant(&path).unwrap());
        write_directory(&path, &staging, &[file("a", b"3", PRIVATE_FILE)]).unwrap_err();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"1");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no staging folder is left");
    }

    #[cfg(feature = "faults")]
    #[test]
    fn whatever_fails_the_folder_is_whole_or_missing() {
        use crate::faults::{Fault, Plan, inject};
        let files = [file("a", b"whole", PRIVATE_FILE), file("b", b"whole too", PRIVATE_FILE)];
        for at in 1.. {
            let parent = tempfile::tempdir().unwrap();
            let (path, staging) = (parent.path().join("bundle"), parent.path().join(".new"));
            let injected = inject(parent.path(), Plan::new(Fault::Torn, at));
            let written = write_directory(&path, &staging, &files);
            assert_eq!(written.is_err(), injected.has_come(), "operation {at}");
            if path.exists() {
                let whole = |file: &NewFile| fs::read(path.join(file.name)).unwrap() == file.contents;
                assert!(files.iter().all(whole), "operation {at}");
            }
            assert!(!staging.exists(), "operation {at}");
            if !injected.has_come() {
                assert!(at > 5, "every operation had its turn");
                return;
            }
        }
    }
}
