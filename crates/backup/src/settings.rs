//! Which files of a data directory are copied beside the apps.
//!
//! Whatever is not named here is not copied: the lock and `run.json` of the process, who is signed
//! in to the portal and its charts, and the folder of each app, which is copied as a point.

use std::{fs, path::Path};

use crate::{
    error::Error,
    limits::{SECRETS_BYTES_MAX, SETTINGS_FILE_BYTES_MAX},
    secrets::SecretFile,
};

/// Settings, and who did what. Of API keys there are only the hashes in them.
const PLAIN: [&str; 11] = [
    "access.json",
    "audit.log",
    "audit.log.1",
    "audit.log.2",
    "audit.log.3",
    "audit.log.4",
    "clock.json",
    "format.json",
    "keys.json",
    "peers.json",
    "revoked-peers.json",
];

/// Folders of the same: where webhooks stand, and what they have set aside. A webhook's `position.json` is
/// read before its `set-aside.json`, so that what the one has passed is in the other.
const PLAIN_FOLDERS: [&str; 1] = ["sinks"];

/// Files that let somebody in, or sign.
const SECRET_FILES: [&str; 4] = ["admin.key", "admin.key.sha256", "login-hooks.json", "sinks.json"];

/// Folders of them.
const SECRET_FOLDERS: [&str; 2] = ["authority", "credentials"];

/// What `access.json` says the data directory is called.
pub(crate) fn directory_id(data_dir: &Path) -> Result<String, Error> {
    #[derive(serde::Deserialize)]
    struct Access {
        directory: String,
    }
    let path = data_dir.join("access.json");
    let body = match files::read(&path).map_err(Error::io("cannot read", &path))? {
        Some(bytes) => bytes,
        None => return Ok(String::new()),
    };
    let text = String::from_utf8_lossy(&body);
    let access = text.split_once('\n').and_then(|(_, body)| serde_json::from_str::<Access>(body).ok());
    Ok(access.map(|access| access.directory).unwrap_or_default())
}

/// The plain ones that are there, each with its name.
pub(crate) fn plain(data_dir: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut found = Vec::new();
    for name in PLAIN {
        let path = data_dir.join(name);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > SETTINGS_FILE_BYTES_MAX) {
            return Err(Error::damaged(&path, "it is too large for a file of settings"));
        }
        if let Some(contents) = files::read(&path).map_err(Error::io("cannot read", &path))? {
            found.push((name.to_owned(), contents));
        }
    }
    for folder in PLAIN_FOLDERS {
        let mut files = Vec::new();
        gather(&data_dir.join(folder), folder, &mut files)?;
        found.extend(files.into_iter().map(|SecretFile { path, contents }| (path, contents)));
    }
    Ok(found)
}

/// The secret ones.
pub(crate) fn secret(data_dir: &Path) -> Result<Vec<SecretFile>, Error> {
    let mut found = Vec::new();
    for name in SECRET_FILES {
        let path = data_dir.join(name);
        if let Some(contents) = files::read(&path).map_err(Error::io("cannot read", &path))? {
            found.push(SecretFile { path: name.to_owned(), contents });
        }
    }
    for folder in SECRET_FOLDERS {
        gather(&data_dir.join(folder), folder, &mut found)?;
    }
    if found.iter().map(|file| file.contents.len() as u64).sum::<u64>() > SECRETS_BYTES_MAX {
        return Err(Error::BadPassphrase("cannot be used: there is too much to encrypt"));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// In the order of their names. Links are not followed, and what is being made (its name begins
/// with a dot) is passed over.
fn gather(folder: &Path, name: &str, found: &mut Vec<SecretFile>) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("cannot list", folder))?,
    };
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(Error::io("cannot list", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(Error::io("cannot read", folder))?);
        let Ok(entry_name) = entry.file_name().into_string() else { continue };
        let name = format!("{name}/{entry_name}");
        if entry_name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            gather(&path, &name, found)?;
        } else if kind.is_file()
            && let Some(contents) = files::read(&path).map_err(Error::io("cannot read", &path))?
        {
            found.push(SecretFile { path: name, contents });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_webhooks_stand_is_copied_before_what_they_have_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["set-aside.json", "position.json", ".position.json.new"] {
            let folder = dir.path().join("sinks/shop/hook");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), name).unwrap();
        }
        let names: Vec<_> = plain(dir.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["sinks/shop/hook/position.json", "sinks/shop/hook/set-aside.json"]);
    }
}
