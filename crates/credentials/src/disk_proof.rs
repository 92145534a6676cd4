//! Proof that whoever asks has the data directory: a file there that is the owner's alone, and its
//! text.
//!
//! Where a request comes from proves nothing: behind a proxy on the same machine everybody's does.
//! Invariants: a proof counts once; only files of its name and of enough random text count.

use std::{
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use files::PRIVATE_FILE;
use subtle::ConstantTimeEq as _;

use crate::{CredentialsError, disk, limits::SECRET_CHARACTERS, random};

const PREFIX: &str = "open-again.";
const NAME_CHARACTERS: usize = 24;

/// The name and the text of a file in the data directory.
#[derive(Clone)]
pub struct DiskProof {
    /// The file's name.
    pub file: String,
    /// What is in it. It is a secret.
    pub text: String,
}

impl DiskProof {
    /// Leaves a file in `data_dir`, for the server to find.
    pub fn leave(data_dir: &Path) -> Result<Self, CredentialsError> {
        let file = format!("{PREFIX}{}", random::letters_and_digits(NAME_CHARACTERS));
        let proof = Self { file, text: random::letters_and_digits(SECRET_CHARACTERS) };
        let path = data_dir.join(&proof.file);
        disk::write(&path, proof.text.as_bytes(), PRIVATE_FILE)?;
        give_to_owner_of(data_dir, &path).map_err(CredentialsError::io("cannot hand to the server", &path))?;
        Ok(proof)
    }

    /// Removes the file, if the server did not.
    pub fn withdraw(&self, data_dir: &Path) -> Result<(), CredentialsError> {
        let path = data_dir.join(&self.file);
        if disk::exists(&path)? {
            files::remove(&path).map_err(CredentialsError::io("cannot remove", &path))
        } else {
            Ok(())
        }
    }

    /// Whether there is such a file; then it is removed.
    pub(crate) fn accept(&self, data_dir: &Path) -> Result<(), CredentialsError> {
        let path = self.path_in(data_dir).ok_or(CredentialsError::NotOnDisk)?;
        let found = disk::read(&path)?.ok_or(CredentialsError::NotOnDisk)?;
        if self.text.len() < SECRET_CHARACTERS || !bool::from(found.ct_eq(self.text.as_bytes())) {
            return Err(CredentialsError::NotOnDisk);
        }
        files::remove(&path).map_err(CredentialsError::io("cannot remove", &path))
    }

    /// The name comes from outside: no other file is read.
    fn path_in(&self, data_dir: &Path) -> Option<PathBuf> {
        let random = self.file.strip_prefix(PREFIX)?;
        let fits = random.len() == NAME_CHARACTERS && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| data_dir.join(&self.file))
    }
}

/// Root may ask a server that runs as somebody else.
fn give_to_owner_of(data_dir: &Path, file: &Path) -> std::io::Result<()> {
    let owner = data_dir.metadata()?.uid();
    if file.metadata()?.uid() == owner { Ok(()) } else { chown(file, Some(owner), None) }
}

impl std::fmt::Debug for DiskProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskProof").field("file", &self.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_counts_once_and_names_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let proof = DiskProof::leave(&data_dir).unwrap();
        let refused = |file: &str, text: &str| {
            let proof = DiskProof { file: file.to_owned(), text: text.to_owned() };
            assert!(matches!(proof.accept(&data_dir), Err(CredentialsError::NotOnDisk)), "{file}: {text}");
        };
        let (other, long) = ("x".repeat(SECRET_CHARACTERS), "y".repeat(SECRET_CHARACTERS));
        let (empty, elsewhere) = (format!("{PREFIX}{}", "0".repeat(NAME_CHARACTERS)), "../open-again.x");
        std::fs::write(data_dir.join(&empty), "").unwrap();
        std::fs::write(data_dir.join("notes"), &long).unwrap();
        std::fs::write(directory.path().join("open-again.x"), &long).unwrap();
        refused(&proof.file, &other);
        refused(&proof.file, "");
        refused(&empty, "");
        for file in ["notes", elsewhere, "open-again./../notes", "open-again.", ""] {
            refused(file, &long);
        }
        proof.accept(&data_dir).unwrap();
        refused(&proof.file, &proof.text);
        assert!(!data_dir.join(&proof.file).exists());
        let unused = DiskProof::leave(&data_dir).unwrap();
        unused.withdraw(&data_dir).unwrap();
        unused.withdraw(&data_dir).unwrap();
        refused(&unused.file, &unused.text);
    }
}
