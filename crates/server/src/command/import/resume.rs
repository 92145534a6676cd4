//! `<data-dir>/imports/<input>.json`: how far an import is, for the run after an interrupted one.
//!
//! Invariants: it is on disk before the first write is sent, since it has the name under which the
//! writes are sent; it says no more than what is acknowledged; it is gone once all is.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use files::{PRIVATE_FILE, Sealed};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::reader::{Format, Position};

const VERSION: u32 = 1;

/// How far an import is, and what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resume {
    /// What all its writes are called by, however often it is interrupted.
    pub(super) run: String,
    /// What decides how the input is cut and what is written.
    pub(super) settings: Settings,
    /// Up to where everything is acknowledged.
    pub(super) position: Position,
    /// How many batches that is.
    pub(super) batches: u64,
    /// How many documents of them were written.
    pub(super) documents: u64,
    /// How many were skipped.
    pub(super) skipped: u64,
}

/// What has to stay the same while an import is interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    pub(super) app: String,
    pub(super) collection: String,
    pub(super) format: Format,
    pub(super) id_field: Option<String>,
    pub(super) batch: u64,
}

impl Resume {
    /// A new run.
    pub(super) fn new(settings: Settings) -> Self {
        let run = format!("{:024x}", rand::random::<u128>() >> 32);
        Self { run, settings, position: Position::default(), batches: 0, documents: 0, skipped: 0 }
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct ResumeFile {
    path: PathBuf,
}

impl ResumeFile {
    /// Of this input into this collection.
    pub(super) fn of(data_dir: &Path, fingerprint: u128, app: &str, collection: &str) -> anyhow::Result<Self> {
        let folder = data_dir.join("imports");
        files::ensure_directory(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let key = xxh3_128(format!("{fingerprint:032x}/{app}/{collection}").as_bytes());
        Ok(Self { path: folder.join(format!("{key:032x}.json")) })
    }

    /// What an interrupted run left.
    pub(super) fn read(&self) -> anyhow::Result<Option<Resume>> {
        let path = self.path.display();
        let Some(bytes) = files::read(&self.path).with_context(|| format!("cannot read {path}"))? else {
            return Ok(None);
        };
        let read = match files::unseal(&bytes, VERSION) {
            Ok(Sealed::Whole { body, .. }) => serde_json::from_str(body).map_err(anyhow::Error::from),
            Ok(Sealed::Unsealed) => Err(anyhow::anyhow!("it is not sealed")),
            Err(error) => Err(error.into()),
        };
        read.map(Some).with_context(|| format!("{path} does not say where to go on; --restart begins anew"))
    }

    pub(super) fn write(&self, resume: &Resume) -> anyhow::Result<()> {
        let text = serde_json::to_string(resume).context("how far the import is")?;
        let written = files::write_whole(&self.path, files::seal(VERSION, &text).as_bytes(), PRIVATE_FILE);
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    pub(super) fn remove(&self) -> anyhow::Result<()> {
        match files::remove_durably(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let file = ResumeFile::of(directory.path(), 1, "default", "people").unwrap();
        assert_eq!(file.read().unwrap(), None);
        let format = Format::JsonArray;
        let settings = Settings { app: "a".into(), collection: "c".into(), format, id_field: None, batch: 9 };
        let resume = Resume { documents: 5, ..Resume::new(settings) };
        file.write(&resume).unwrap();
        assert_eq!(file.read().unwrap(), Some(resume));
        let other = ResumeFile::of(directory.path(), 1, "default", "orders").unwrap();
        assert_eq!(other.read().unwrap(), None);
        let text = std::fs::read_to_string(&file.path).unwrap();
        std::fs::write(&file.path, text.replace("\"documents\":5", "\"documents\":6")).unwrap();
        assert!(file.read().unwrap_err().to_string().contains("--restart begins anew"));
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.read().unwrap(), None);
    }
}
