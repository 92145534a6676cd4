//! A folder of backups: that it is one, whose, and which points it has.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    manifest::{Manifest, VERSION, read_sealed},
    names::PointName,
    parts::Parts,
};

const MARK: &str = "backup.json";
const MARK_HALF_MADE: &str = ".backup.json.tmp";
const LOCK: &str = "lock";
const POINTS: &str = "points";

/// What `backup.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Mark {
    data_directory: String,
    /// Of which app the points are; of all where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<String>,
}

/// A folder of backups, open for reading.
#[derive(Debug)]
pub struct Backup {
    pub(crate) path: PathBuf,
    pub(crate) parts: Parts,
    points: Vec<PointName>,
    app: Option<String>,
}

/// The right to write in a folder of backups; held until it is dropped.
#[derive(Debug)]
pub(crate) struct Writing {
    _lock: File,
}

impl Backup {
    /// Opens the folder of backups at `dir`, and looks which points it has. Their manifests are read
    /// when they are asked for.
    ///
    /// # Errors
    /// There is none, or it is a newer version's, or damaged.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mark = dir.join(MARK);
        if !dir.is_dir() || (!mark.exists() && is_vacant(dir)?) {
            return Err(Error::NoBackup { path: dir.to_owned() });
        }
        let Mark { app, .. } = read_mark(dir)?.ok_or_else(|| Error::NotABackup { path: dir.to_owned() })?;
        Ok(Self { path: dir.to_owned(), parts: Parts::of(dir), points: points_in(dir)?, app })
    }

    /// Opens it for a backup of the data directory that is called `data_directory`, or of one app of it,
    /// or makes it where nothing is.
    pub(crate) fn open_or_make(dir: &Path, data_directory: &str, app: Option<&str>) -> Result<(Self, Writing), Error> {
        files::ensure_directory(dir).map_err(Error::io("cannot create", dir))?;
        match read_mark(dir)? {
            Some(mark) if mark.data_directory != data_directory => {
                return Err(Error::OtherDataDirectory { path: dir.to_owned() });
            }
            Some(mark) if mark.app.as_deref() != app => {
                return Err(Error::OtherContents { path: dir.to_owned(), has: mark.app });
            }
            Some(_) => {}
            None if !is_vacant(dir)? => return Err(Error::NotABackup { path: dir.to_owned() }),
            None => {
                let mark = Mark { data_directory: data_directory.to_owned(), app: app.map(str::to_owned) };
                let text = files::seal(VERSION, &serde_json::to_string(&mark).expect("it is plain data"));
                let path = dir.join(MARK);
                files::write_whole(&path, text.as_bytes(), files::PRIVATE_FILE)
                    .map_err(Error::io("cannot write", &path))?;
            }
        }
        let backup = Self::open(dir)?;
        let writing = backup.lock()?;
        // What was finished while we waited for nothing.
        Ok((Self::open(dir)?, writing))
    }

    /// Keeps every other writer out; an error if there is one.
    pub(crate) fn lock(&self) -> Result<Writing, Error> {
        let path = self.path.join(LOCK);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(Error::io("cannot open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Writing { _lock: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: self.path.clone() }),
            Err(TryLockError::Error(source)) => Err(Error::io("cannot lock", &path)(source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of which app its points are; `None`: of a whole server.
    pub fn app(&self) -> Option<&str> {
        self.app.as_deref()
    }

    /// The points, the oldest first.
    pub fn points(&self) -> &[PointName] {
        &self.points
    }

    /// The newest point.
    ///
    /// # Errors
    /// There is none.
    pub fn newest(&self) -> Result<&PointName, Error> {
        self.points.last().ok_or_else(|| Error::NoPoint { path: self.path.clone(), name: None })
    }

    /// The manifest of a point, with every name in it checked.
    ///
    /// # Errors
    /// There is no such point, or its manifest is damaged, a newer version's, or not to be trusted.
    pub fn manifest(&self, point: &PointName) -> Result<Manifest, Error> {
        let path = self.manifest_path(point);
        if !self.points.contains(point) {
            return Err(Error::NoPoint { path: self.path.clone(), name: Some(point.to_string()) });
        }
        let manifest = Manifest::read(&path)?;
        if !manifest.point.is_empty() && manifest.point != point.as_str() {
            return Err(Error::damaged(&path, format!("it is the manifest of the point {}", manifest.point)));
        }
        Ok(manifest)
    }

    pub(crate) fn manifest_path(&self, point: &PointName) -> PathBuf {
        self.path.join(POINTS).join(format!("{point}.json"))
    }

    /// Puts the manifest there: from here on there is that point.
    pub(crate) fn add_point(&mut self, manifest: &mut Manifest) -> Result<PointName, Error> {
        let point = PointName::next(manifest.taken_ms, self.points.last());
        manifest.point = point.to_string();
        let path = self.manifest_path(&point);
        let folder = self.path.join(POINTS);
        files::ensure_directory(&folder).map_err(Error::io("cannot create", &folder))?;
        files::write_whole(&path, manifest.seal().as_bytes(), files::PRIVATE_FILE)
            .map_err(Error::io("cannot write", &path))?;
        self.points.push(point.clone());
        self.points.sort();
        Ok(point)
    }

    /// Manifests that a kill left half made.
    pub(crate) fn half_made(&self) -> Result<Vec<PathBuf>, Error> {
        let is_half_made = |name: &str| {
            let name = name.strip_prefix('.').and_then(|name| name.strip_suffix(".json.tmp"));
            name.and_then(PointName::parse).is_some()
        };
        let folder = self.path.join(POINTS);
        let names = names_in(&folder)?.into_iter().filter(|name| is_half_made(name));
        Ok(names.map(|name| folder.join(name)).collect())
    }

    /// From here on there is no such point.
    pub(crate) fn remove_point(&mut self, point: &PointName) -> Result<(), Error> {
        let path = self.manifest_path(point);
        files::remove_durably(&path).map_err(Error::io("cannot remove", &path))?;
        self.points.retain(|known| known != point);
        Ok(())
    }
}

fn read_mark(dir: &Path) -> Result<Option<Mark>, Error> {
    let path = dir.join(MARK);
    let Some(body) = read_sealed(&path)? else { return Ok(None) };
    serde_json::from_str(&body).map(Some).map_err(|error| Error::damaged(&path, error.to_string()))
}

/// Whether nothing is there but what a kill may have left of us.
fn is_vacant(dir: &Path) -> Result<bool, Error> {
    for entry in std::fs::read_dir(dir).map_err(Error::io("cannot list", dir))? {
        let name = entry.map_err(Error::io("cannot list", dir))?.file_name();
        if name != MARK_HALF_MADE && name != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn points_in(dir: &Path) -> Result<Vec<PointName>, Error> {
    let names = names_in(&dir.join(POINTS))?;
    let point = |name: &String| name.strip_suffix(".json").and_then(PointName::parse);
    let mut points: Vec<_> = names.iter().filter_map(point).collect();
    points.sort();
    Ok(points)
}

/// Names in a folder, which may be missing; those that are not UTF-8 are none of ours.
fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("cannot list", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("cannot list", folder))?.file_name();
        names.extend(name.into_string());
    }
    Ok(names)
}
