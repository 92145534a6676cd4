//! Making a data directory of a point: as the server had it then.
//!
//! Invariants: every byte was hashed before it is written; nothing is written outside the folder
//! that was given; after an error that folder is gone again. After a kill a part of it may be there:
//! whoever wants all of it or nothing extracts beside, and renames.
//! Not here: the seam of a restore, with its new incarnation.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use store::{APPS_FOLDER, AppName};

use crate::{
    directory::Backup,
    documents,
    error::Error,
    manifest::{FileEntry, LeftOut, Manifest},
    names::{PointName, fault_of_path},
    parts::Ahead,
    passphrase::Passphrase,
    progress::{Course, Progress, Teller},
    secrets::{self, SecretFile},
    source::BESIDE_AN_APP,
};

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// Of which point.
    pub point: PointName,
    /// The apps, sorted by name.
    pub apps: Vec<ExtractedApp>,
    /// The apps that the backup could not take.
    pub left_out: Vec<LeftOut>,
    /// Whether the backup has private keys and tokens.
    pub has_secrets: bool,
    /// Whether they were put there. Where they were not, the next start makes a new authority and a
    /// new admin key, and bundles must be handed out anew.
    pub secrets_are_there: bool,
}

/// An app that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedApp {
    /// Its name.
    pub name: String,
    /// Its newest transaction; 0 if there is none.
    pub newest_txn: u64,
    /// When that was committed, ms since the epoch; 0 if there is none.
    pub newest_commit_ms: u64,
    /// The offset of its oldest event.
    pub log_start: u64,
    /// The offset behind its newest event.
    pub next_offset: u64,
}

impl Backup {
    /// Makes a data directory of the newest point in `new_data_dir`, which must be missing or empty,
    /// without its secrets. Blocks on disk.
    ///
    /// # Errors
    /// The backup has no point, is damaged, or not to be trusted; the folder has something in it, or
    /// cannot be written.
    pub fn extract_into(
        &self,
        new_data_dir: &Path,
        tell: &mut dyn FnMut(Progress) -> Course,
    ) -> Result<Extracted, Error> {
        self.extract_point_into(self.newest()?, new_data_dir, None, tell)
    }

    /// The same of one of its points; with a passphrase its secrets too.
    ///
    /// # Errors
    /// As [`Backup::extract_into`]; the passphrase is wrong, or there are no secrets.
    pub fn extract_point_into(
        &self,
        point: &PointName,
        new_data_dir: &Path,
        passphrase: Option<&Passphrase>,
        tell: &mut dyn FnMut(Progress) -> Course,
    ) -> Result<Extracted, Error> {
        let manifest = self.manifest(point)?;
        // Before anything is written.
        let secrets = passphrase.map(|passphrase| self.secrets(point, &manifest, passphrase)).transpose()?;
        if !files::is_vacant(new_data_dir).map_err(Error::io("cannot list", new_data_dir))? {
            return Err(Error::TargetNotEmpty { path: new_data_dir.to_owned() });
        }
        let was_there = new_data_dir.exists();
        let made = self.make(&manifest, secrets.as_deref().unwrap_or_default(), new_data_dir, tell);
        if let Err(error) = made {
            if was_there {
                remove_contents(new_data_dir);
            } else {
                let _ = files::remove_tree(new_data_dir);
            }
            return Err(error);
        }
        let apps = manifest.apps.iter().map(|app| ExtractedApp {
            name: app.name.clone(),
            newest_txn: app.newest_txn,
            newest_commit_ms: app.newest_commit_ms,
            log_start: app.log_start,
            next_offset: app.next_offset,
        });
        Ok(Extracted {
            point: point.clone(),
            apps: apps.collect(),
            has_secrets: manifest.has_secrets(),
            secrets_are_there: secrets.is_some(),
            left_out: manifest.left_out,
        })
    }

    /// Makes a data directory in `dir`, which must be missing, of one app of a point: without secrets,
    /// and with a register that may name others.
    pub(crate) fn extract_app_into(
        &self,
        point: &PointName,
        app: &AppName,
        dir: &Path,
        tell: &mut dyn FnMut(Progress) -> Course,
    ) -> Result<(), Error> {
        let mut manifest = self.manifest(point)?;
        let folder = format!("{APPS_FOLDER}/{}/", app.as_str());
        manifest.files.retain(|file| file.path.starts_with(&folder) || BESIDE_AN_APP.contains(&file.path.as_str()));
        manifest.attachments.retain(|file| file.path.starts_with(&folder));
        manifest.apps.retain(|known| known.name == app.as_str());
        manifest.secrets = None;
        self.make(&manifest, &[], dir, tell).inspect_err(|_| {
            let _ = files::remove_tree(dir);
        })
    }

    fn secrets(
        &self,
        point: &PointName,
        manifest: &Manifest,
        passphrase: &Passphrase,
    ) -> Result<Vec<SecretFile>, Error> {
        let entry = manifest.secrets.as_ref().ok_or(Error::NoSecrets)?;
        let files = secrets::open(entry, self.parts.read(&entry.part)?, passphrase)?;
        match files.iter().find_map(|file| Some((&file.path, fault_of_path(&file.path)?))) {
            Some((name, why)) => Err(Error::BadName { path: self.manifest_path(point), name: name.clone(), why }),
            None => Ok(files),
        }
    }

    fn make(
        &self,
        manifest: &Manifest,
        secrets: &[SecretFile],
        dir: &Path,
        tell: &mut dyn FnMut(Progress) -> Course,
    ) -> Result<(), Error> {
        let mut teller = Teller::new(manifest.bytes(), tell);
        files::ensure_directory(dir).map_err(Error::io("cannot create", dir))?;
        let files = || manifest.files.iter().chain(&manifest.attachments);
        self.parts.read_ahead(files().flat_map(|file| &file.parts), |ahead| {
            files().try_for_each(|file| make_file(dir, file, ahead, &mut teller))
        })?;
        for SecretFile { path, contents } in secrets {
            write_new(&dir.join(path), |file| {
                file.write_all(contents).map_err(Error::io("cannot write", &dir.join(path)))
            })?;
        }
        for app in &manifest.apps {
            let Some(stream) = &app.documents else { continue };
            self.parts.read_ahead(stream.parts.iter(), |ahead| {
                let entries = documents::read(&self.parts, &stream.parts, ahead, |bytes| teller.done(bytes));
                store::write_documents(&dir.join(APPS_FOLDER).join(&app.name), entries)
            })?;
        }
        files::sync_directory(dir).map_err(Error::io("cannot sync", dir))
    }
}

fn make_file(dir: &Path, file: &FileEntry, ahead: &mut Ahead, teller: &mut Teller<'_>) -> Result<(), Error> {
    let path = dir.join(&file.path);
    write_new(&path, |made| {
        for part in &file.parts {
            made.write_all(&ahead.next()?).map_err(Error::io("cannot write", &path))?;
            teller.done(part.1)?;
        }
        Ok(())
    })
}

/// Makes a file that is not there, durably, with the folders above it.
fn write_new(path: &Path, fill: impl FnOnce(&mut fs::File) -> Result<(), Error>) -> Result<(), Error> {
    let folder = path.parent().expect("it is in a folder");
    files::ensure_directory(folder).map_err(Error::io("cannot create", folder))?;
    // `create_new` follows no link.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(files::PRIVATE_FILE)
        .open(path)
        .map_err(Error::io("cannot create", path))?;
    fill(&mut file)?;
    file.sync_all().map_err(Error::io("cannot sync", path))?;
    files::sync_directory(folder).map_err(Error::io("cannot sync", folder))
}

/// Leaves the folder, which was there before.
fn remove_contents(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
}
