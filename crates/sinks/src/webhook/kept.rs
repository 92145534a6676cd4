//! The position of a webhook: `<data-dir>/sinks/<app>/<sink>/position.json`, sealed.
//!
//! ```text
//! {"version":1,"crc32c":"1b2c3d4e"}
//! {"topicId":"…","leaderEpoch":0,"tombstoneFloor":0,"progress":{"partitions":[{"readTo":7,"pending":[4,5]}],…}}
//! ```
//! Invariants: what the file says is delivered was; what was delivered since is delivered again after a kill.

use std::{
    io,
    path::{Path, PathBuf},
};

use files::{PRIVATE_FILE, Sealed};
use serde::{Deserialize, Serialize};

use super::schedule::Progress;
use crate::feed::Position;

const FILE: &str = "position.json";
const VERSION: u32 = 1;

/// Where a webhook stands, and in which topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kept {
    topic_id: String,
    leader_epoch: u32,
    tombstone_floor: u64,
    pub(crate) progress: Progress,
}

impl Kept {
    /// Of a reader that stands at `position`.
    pub(crate) fn new(position: Position, progress: Progress) -> Self {
        let Position { topic_id, leader_epoch, tombstone_floor, .. } = position;
        Self { topic_id, leader_epoch, tombstone_floor, progress }
    }

    /// Where reading goes on.
    pub(crate) fn position(&self) -> Position {
        Position {
            topic_id: self.topic_id.clone(),
            next_offsets: self.progress.partitions.iter().map(super::lane::LanePosition::low).collect(),
            leader_epoch: self.leader_epoch,
            tombstone_floor: self.tombstone_floor,
        }
    }

    /// What is kept in the sink's folder; `None` of a sink that is new. Blocks on disk.
    ///
    /// # Errors
    /// It cannot be read, is damaged or is of a newer server.
    pub(crate) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(FILE);
        let Some(body) = unsealed(&path)? else { return Ok(None) };
        serde_json::from_str(&body).map(Some).map_err(|error| damaged(&path, &error.to_string()))
    }

    /// Keeps it in the sink's folder, durably. Blocks on disk.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let body = serde_json::to_string(self)?;
        files::ensure_directory(folder)?;
        files::write_whole(&folder.join(FILE), files::seal(VERSION, &body).as_bytes(), PRIVATE_FILE)
    }
}

/// The folder of an app's sinks.
pub(crate) fn app_folder(data_dir: &Path, app: &str) -> PathBuf {
    data_dir.join("sinks").join(app)
}

/// The body of a sealed file of version 1; `None` if there is no such file.
pub(crate) fn unsealed(path: &Path) -> io::Result<Option<String>> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    match files::unseal(&bytes, VERSION).map_err(|error| damaged(path, &error.to_string()))? {
        Sealed::Unsealed => Err(damaged(path, "it does not begin as such a file does")),
        Sealed::Whole { body, .. } => Ok(Some(body.to_owned())),
    }
}

pub(crate) fn damaged(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::lane::LanePosition;

    #[test]
    fn it_reads_back_and_goes_on_at_what_is_pending() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Kept::read(dir.path()).unwrap(), None);
        let position = Position { topic_id: "t".into(), next_offsets: vec![9, 5], leader_epoch: 2, tombstone_floor: 3 };
        let partitions =
            vec![LanePosition { read_to: 9, pending: [4, 7].into() }, LanePosition { read_to: 5, pending: [].into() }];
        let kept = Kept::new(position.clone(), Progress { partitions, ..Progress::default() });
        kept.write(&dir.path().join("shop/hook")).unwrap();
        let read = Kept::read(&dir.path().join("shop/hook")).unwrap().unwrap();
        assert_eq!(read, kept);
        assert_eq!(read.position(), Position { next_offsets: vec![4, 5], ..position });
        std::fs::write(dir.path().join(FILE), "{}").unwrap();
        assert!(Kept::read(dir.path()).unwrap_err().to_string().contains("position.json"));
    }
}
