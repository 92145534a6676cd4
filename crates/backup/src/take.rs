//! Taking a backup: of every app a point, and the settings beside them; or an export, the point of one
//! app.
//!
//! Invariants: the manifest is written last, when every part of it is durable; an app that cannot be
//! copied is named in it, and keeps no other from being copied; a sealed segment that the newest
//! point has is not read again, nor are the documents of an app whose journal is what it was then.

use std::{collections::HashMap, path::Path, sync::Arc};

use attachments::{BlobId, Blobs};
use store::{App, AppName, DataDir, JOURNAL_FOLDER, Point, PointSegment};

use crate::{
    directory::Backup,
    documents,
    error::Error,
    garbage,
    limits::PART_BYTES,
    manifest::{DocumentsStream, FileEntry, LeftOut, Manifest, ManifestApp, Part},
    names::PointName,
    parts::{Parts, hex, sha256},
    passphrase::Passphrase,
    progress::{Course, Progress, Teller},
    prune::{PruneAfter, remove_old},
    secrets, settings,
    source::BESIDE_AN_APP,
};

/// What a backup is taken of, and how.
pub struct Taking<'t> {
    /// The data directory.
    pub data: &'t DataDir,
    /// Opens an app, or says why it cannot be opened.
    pub open: &'t dyn Fn(&AppName) -> Result<Arc<App>, String>,
    /// The only app that is copied, without settings and secrets; `None`: everything.
    pub only: Option<&'t AppName>,
    /// Has private keys and tokens copied too, encrypted.
    pub passphrase: Option<&'t Passphrase>,
    /// The server's version.
    pub server: &'t str,
    /// The time now, ms since the epoch.
    pub now_ms: u64,
}

impl std::fmt::Debug for Taking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Taking").field("data", &self.data).finish_non_exhaustive()
    }
}

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its name.
    pub point: PointName,
    /// Bytes that a data directory made of it has.
    pub bytes: u64,
    /// Bytes that were written: what no point before it has.
    pub new_bytes: u64,
    /// How many apps are in it.
    pub apps: usize,
    /// Where the only app ends, if one alone was wanted.
    pub only: Option<ManifestApp>,
    /// The apps that are not, or not whole: attachments that are damaged are not in it.
    pub left_out: Vec<LeftOut>,
    /// Whether private keys and tokens are in it.
    pub has_secrets: bool,
}

/// Takes a backup into the folder of backups at `dir`, which is made if nothing is there. Blocks on
/// disk.
///
/// # Errors
/// No point was added. What was copied is removed again, unless it was stopped: then the next one
/// goes on with it.
pub fn take(dir: &Path, taking: &Taking<'_>, tell: &mut dyn FnMut(Progress) -> Course) -> Result<Taken, Error> {
    take_and_prune(dir, taking, None, tell).map(|(taken, _)| taken)
}

/// The same, and removes old points once the new one is there; gives those too. What cannot be
/// removed is logged, and tried again after the next backup.
///
/// # Errors
/// As [`take`].
pub fn take_and_prune(
    dir: &Path,
    taking: &Taking<'_>,
    prune: Option<PruneAfter>,
    tell: &mut dyn FnMut(Progress) -> Course,
) -> Result<(Taken, Vec<PointName>), Error> {
    check_apart(dir, taking.data.path())?;
    if let Some(only) = taking.only.filter(|only| !taking.data.has_app(only.as_str())) {
        let there = taking.data.app_names().iter().map(|name| name.as_str().to_owned()).collect();
        let path = taking.data.path().to_owned();
        return Err(Error::NoApp { path, app: only.as_str().to_owned(), there });
    }
    let data_directory = settings::directory_id(taking.data.path())?;
    let (mut backup, _writing) = Backup::open_or_make(dir, &data_directory, taking.only.map(AppName::as_str))?;
    // A manifest that cannot be read has nothing to share, and says so when it is verified.
    let known = backup.newest().ok().and_then(|newest| backup.manifest(newest).ok());
    let mut copy = Copy {
        parts: Parts::of(dir),
        known: known
            .iter()
            .flat_map(|manifest| manifest.files.iter().chain(&manifest.attachments))
            .map(|file| (file.path.clone(), file.clone()))
            .collect(),
        known_apps: known
            .iter()
            .flat_map(|manifest| &manifest.apps)
            .map(|app| (app.name.clone(), app.clone()))
            .collect(),
        written: Vec::new(),
        new_bytes: 0,
        teller: Teller::new(0, tell),
    };
    let mut names_parts = false;
    let taken = copy.whole(taking, data_directory).and_then(|mut manifest| {
        copy.parts.sync_names()?;
        names_parts = true;
        let point = backup.add_point(&mut manifest)?;
        Ok(Taken {
            point,
            bytes: manifest.bytes(),
            new_bytes: copy.new_bytes,
            apps: manifest.apps.len(),
            only: manifest.apps.first().filter(|_| taking.only.is_some()).cloned(),
            has_secrets: manifest.has_secrets(),
            left_out: manifest.left_out,
        })
    });
    match taken {
        Ok(taken) => Ok((taken, tidy(&mut backup, prune))),
        Err(error) => {
            // It takes up room, on a disk that may be full.
            // Once the manifest may be there its parts stay.
            if !matches!(error, Error::Stopped) && !names_parts {
                copy.remove_written();
            }
            Err(error)
        }
    }
}

/// The backup is there: what fails here keeps nobody from it.
fn tidy(backup: &mut Backup, prune: Option<PruneAfter>) -> Vec<PointName> {
    let pruned = prune.map_or(Ok(Vec::new()), |prune| remove_old(backup, prune));
    let tidied = pruned.and_then(|pruned| garbage::collect(backup).map(|_| pruned));
    tidied.unwrap_or_else(|error| {
        tracing::warn!(%error, "old points, or what earlier backups left, cannot be removed");
        Vec::new()
    })
}

/// Whether a folder of backups, or what else a data directory is made of, and a data directory are
/// apart from each other.
///
/// # Errors
/// One of them is inside the other ([`Error::InsideDataDirectory`]).
pub fn check_apart(dir: &Path, data_dir: &Path) -> Result<(), Error> {
    let whole = |path: &Path| std::path::absolute(path).map_err(Error::io("cannot find", path));
    let (target, data_dir) = (whole(dir)?, whole(data_dir)?);
    let found = |path: &Path| {
        let there = path
            .ancestors()
            .find(|above| above.exists())
            .and_then(|above| above.canonicalize().ok().map(|to| (above, to)));
        there.map_or(path.to_owned(), |(above, to)| to.join(path.strip_prefix(above).unwrap_or(Path::new(""))))
    };
    let (resolved, data) = (found(&target), found(&data_dir));
    if resolved.starts_with(&data) || data.starts_with(&resolved) {
        return Err(Error::InsideDataDirectory { target, data_dir });
    }
    Ok(())
}

/// Why an app is not copied.
enum Failed {
    /// The app's own fault.
    App(String),
    /// The target's, or it was stopped.
    Backup(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Backup(error)
    }
}

/// Whether nothing is known that happened to the app since.
fn ends_alike(known: &ManifestApp, point: &Point) -> bool {
    let before = (known.newest_txn, known.newest_commit_ms, known.log_start, known.next_offset);
    let now = (point.newest_txn, point.newest_commit_ms, point.log_start, point.next_offset);
    before == now && known.instance == hex(&point.instance)
}

/// What came of an attachment.
enum Copied {
    /// Its parts, and its length.
    Whole(Vec<Part>, u64),
    /// It was collected meanwhile.
    Gone,
    Damaged,
}

struct Copy<'t> {
    parts: Parts,
    /// Files of the newest point.
    known: HashMap<String, FileEntry>,
    /// Its apps.
    known_apps: HashMap<String, ManifestApp>,
    /// Parts that were not there before.
    written: Vec<Part>,
    new_bytes: u64,
    teller: Teller<'t>,
}

impl Copy<'_> {
    fn whole(&mut self, taking: &Taking<'_>, data_directory: String) -> Result<Manifest, Error> {
        let mut manifest = Manifest {
            point: String::new(),
            taken_ms: taking.now_ms,
            data_directory,
            server: taking.server.to_owned(),
            apps: Vec::new(),
            left_out: Vec::new(),
            files: Vec::new(),
            attachments: Vec::new(),
            secrets: None,
        };
        let mut registered = Vec::new();
        let mut names = taking.only.map_or_else(|| taking.data.app_names(), |only| vec![only.clone()]);
        names.sort();
        for name in names {
            match self.app(taking, &name, &mut manifest) {
                Ok(instance) => registered.push((name, instance)),
                Err(Failed::Backup(error)) => return Err(error),
                Err(Failed::App(reason)) if taking.only.is_some() => {
                    return Err(Error::AppNotCopied { app: name.as_str().to_owned(), reason });
                }
                // It was deleted meanwhile.
                Err(Failed::App(_)) if !taking.data.has_app(name.as_str()) => {}
                Err(Failed::App(reason)) => {
                    tracing::error!(app = name.as_str(), reason, "the app is not in the backup");
                    manifest.left_out.push(LeftOut { app: name.as_str().to_owned(), reason });
                }
            }
        }
        let register = store::register_of(registered.iter().map(|(name, instance)| (name, *instance)));
        manifest.files.push(self.small(store::REGISTER_FILE, register.as_bytes())?);
        for (name, contents) in settings::plain(taking.data.path())? {
            // Who may do what, and did, is of the server that the app leaves.
            if taking.only.is_none() || BESIDE_AN_APP.contains(&name.as_str()) {
                manifest.files.push(self.small(&name, &contents)?);
            }
        }
        if let Some(passphrase) = taking.passphrase {
            let (mut entry, bytes) = secrets::seal(&settings::secret(taking.data.path())?, passphrase)?;
            entry.part = self.put(&bytes)?;
            manifest.secrets = Some(entry);
        }
        Ok(manifest)
    }

    /// Gives the app's instance.
    fn app(&mut self, taking: &Taking<'_>, name: &AppName, manifest: &mut Manifest) -> Result<[u8; 16], Failed> {
        let app = (taking.open)(name).map_err(Failed::App)?;
        let point = app.point().map_err(|error| Failed::App(error.to_string()))?;
        self.teller.expect(point.segments.iter().map(PointSegment::len_bytes).sum());
        let known = self.known_apps.get(name.as_str()).filter(|known| ends_alike(known, &point)).cloned();
        // Documents first: the snapshot holds the engine's clean-up back.
        let mut documents = match (point.has_documents(), &known) {
            (true, None) => Some(self.documents(&point)?),
            _ => None,
        };
        let mut files = Vec::new();
        for segment in &point.segments {
            files.push(self.segment(name, segment)?);
        }
        if point.has_documents() && documents.is_none() {
            let same = known.filter(|_| self.is_known(name, &files)).and_then(|known| known.documents);
            documents = match same.filter(|stream| stream.parts.iter().all(|part| self.parts.has(part))) {
                Some(stream) => Some(stream),
                None => Some(self.documents(&point)?),
            };
        }
        manifest.files.append(&mut files);
        self.attachments(name, app.blobs(), manifest)?;
        manifest.apps.push(ManifestApp {
            name: name.as_str().to_owned(),
            instance: hex(&point.instance),
            newest_txn: point.newest_txn,
            newest_commit_ms: point.newest_commit_ms,
            log_start: point.log_start,
            next_offset: point.next_offset,
            documents,
        });
        Ok(point.instance)
    }

    /// Whether the newest point has this journal of the app, byte for byte: its documents are what they
    /// were then, since they are what the journal says.
    fn is_known(&self, app: &AppName, files: &[FileEntry]) -> bool {
        let folder = format!("{}/{}/", store::APPS_FOLDER, app.as_str());
        let blobs = format!("{folder}{}/", store::ATTACHMENTS_FOLDER);
        let is_of_journal = |path: &&String| path.starts_with(&folder) && !path.starts_with(&blobs);
        let known = self.known.keys().filter(is_of_journal).count();
        known == files.len() && files.iter().all(|file| self.known.get(&file.path) == Some(file))
    }

    fn segment(&mut self, app: &AppName, segment: &PointSegment) -> Result<FileEntry, Failed> {
        let unreadable =
            |error: std::io::Error| Failed::App(format!("{} cannot be read: {error}", segment.file_name()));
        let path = format!("{}/{}/{JOURNAL_FOLDER}/{}", store::APPS_FOLDER, app.as_str(), segment.file_name());
        let bytes = segment.len_bytes();
        let identity = match segment.is_sealed() {
            true => Some(sha256(&segment.identity().map_err(unreadable)?)),
            false => None,
        };
        if let Some(known) = self.known.get(&path)
            && identity.is_some()
            && known.identity == identity
            && known.bytes == bytes
            && known.parts.iter().all(|part| self.parts.has(part))
        {
            let known = known.clone();
            self.teller.done(bytes)?;
            return Ok(known);
        }
        segment.check(&mut |_| true).map_err(|error| Failed::App(error.to_string()))?;
        let mut parts = Vec::new();
        let mut at = 0;
        while at < bytes {
            let read = segment.read_at(at, PART_BYTES).map_err(unreadable)?;
            at += read.len() as u64;
            parts.push(self.put(&read)?);
            self.teller.done(read.len() as u64)?;
        }
        Ok(FileEntry { path, bytes, identity, parts })
    }

    /// After the documents: what they hold is there, and what nobody holds may go meanwhile.
    fn attachments(&mut self, app: &AppName, blobs: &Blobs, manifest: &mut Manifest) -> Result<(), Failed> {
        let unreadable = |error: std::io::Error| Failed::App(format!("an attachment cannot be read: {error}"));
        let folder = format!("{}/{}/{}", store::APPS_FOLDER, app.as_str(), store::ATTACHMENTS_FOLDER);
        let mut damaged = Vec::new();
        for (id, bytes) in blobs.list().map_err(unreadable)? {
            let path = format!("{folder}/{id}");
            self.teller.expect(bytes);
            // What an id names never changes.
            let known = self.known.get(&path).filter(|known| known.bytes == bytes);
            if let Some(known) = known.filter(|known| known.parts.iter().all(|part| self.parts.has(part))) {
                manifest.attachments.push(known.clone());
                self.teller.done(bytes)?;
                continue;
            }
            match self.attachment(blobs, &id)? {
                Copied::Whole(parts, bytes) => {
                    manifest.attachments.push(FileEntry { path, bytes, identity: None, parts });
                }
                Copied::Gone => {}
                Copied::Damaged => damaged.push(id.to_string()),
            }
        }
        if let Some(first) = damaged.first() {
            let app = app.as_str().to_owned();
            let what = format!("{} of its attachments cannot be read, or are not what their names say", damaged.len());
            let reason = format!("{what}, {first} first; all else of it is there");
            tracing::error!(app, reason, "the app is not whole in the backup");
            manifest.left_out.push(LeftOut { app, reason });
        }
        Ok(())
    }

    /// A damaged one must not pass for a good one, nor keep others from being copied.
    fn attachment(&mut self, blobs: &Blobs, id: &BlobId) -> Result<Copied, Error> {
        let file = match blobs.find(id) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Copied::Gone),
            Err(_) => return Ok(Copied::Damaged),
        };
        let (mut parts, mut at, mut proof) = (Vec::new(), 0, file.proof());
        while at < file.len_bytes() {
            let mut piece = vec![0; PART_BYTES.min(usize::try_from(file.len_bytes() - at).unwrap_or(PART_BYTES))];
            if file.read_exact_at(&mut piece, at).is_err() {
                return Ok(Copied::Damaged);
            }
            at += piece.len() as u64;
            proof.take(&piece);
            parts.push(self.put(&piece)?);
            self.teller.done(piece.len() as u64)?;
        }
        Ok(if proof.holds() { Copied::Whole(parts, at) } else { Copied::Damaged })
    }

    fn documents(&mut self, point: &Point) -> Result<DocumentsStream, Failed> {
        let mut stream = DocumentsStream { entries: 0, parts: Vec::new() };
        let mut part = Vec::new();
        for entry in point.documents() {
            let entry = entry.map_err(|error| Failed::App(error.to_string()))?;
            stream.entries += 1;
            if documents::append(&mut part, &entry) {
                stream.parts.push(self.streamed(&part)?);
                part.clear();
            }
        }
        if !part.is_empty() {
            stream.parts.push(self.streamed(&part)?);
        }
        Ok(stream)
    }

    /// A part of which nobody knew how large it would be.
    fn streamed(&mut self, bytes: &[u8]) -> Result<Part, Error> {
        self.teller.expect(bytes.len() as u64);
        let part = self.put(bytes)?;
        self.teller.done(bytes.len() as u64)?;
        Ok(part)
    }

    fn small(&mut self, path: &str, contents: &[u8]) -> Result<FileEntry, Error> {
        let parts = contents.chunks(PART_BYTES).map(|part| self.put(part)).collect::<Result<_, _>>()?;
        Ok(FileEntry { path: path.to_owned(), bytes: contents.len() as u64, identity: None, parts })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<Part, Error> {
        let (part, is_new) = self.parts.put(bytes)?;
        if is_new {
            self.written.push(part.clone());
            self.new_bytes += part.1;
        }
        Ok(part)
    }

    fn remove_written(&self) {
        for part in &self.written {
            // What stays is removed after the next backup.
            let _ = files::remove(&self.parts.path(part));
        }
    }
}
