//! A file that is packed: where it goes, its mode, its bytes.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context, Result};

#[derive(Clone)]
pub(super) struct Entry {
    /// Below the root of what is packed, with slashes, without one at its beginning.
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) bytes: Vec<u8>,
}

impl Entry {
    pub(super) fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o644, bytes }
    }

    pub(super) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o755, bytes }
    }

    /// A file of the source, packed at `path`.
    pub(super) fn read(root: &Path, source: &str, path: &str) -> Result<Self> {
        let bytes = fs::read(root.join(source)).with_context(|| format!("cannot read {source}"))?;
        Ok(Self::file(path, bytes))
    }

    /// Every file of a folder of the source, packed where it is there.
    pub(super) fn read_folder(root: &Path, folder: &str) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(root.join(folder)).with_context(|| format!("cannot list {folder}"))? {
            let entry = entry?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                found.extend(Self::read_folder(root, &path)?);
            } else {
                found.push(Self::read(root, &path, &path)?);
            }
        }
        Ok(found)
    }
}

pub(super) fn make_executable(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} a program", path.display()))
}
