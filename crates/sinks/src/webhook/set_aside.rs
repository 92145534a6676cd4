//! Events of a webhook that are not tried any more: `<data-dir>/sinks/<app>/<sink>/set-aside.json`, sealed.
//!
//! Invariants: they are bounded ([`SET_ASIDE_MAX`], [`SET_ASIDE_BYTES_MAX`]). One is there until it is
//! delivered after all, or dropped by somebody. What is added is in the file before the position that
//! passes it is.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use files::PRIVATE_FILE;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{event::Event, kept};
use crate::limits::{SET_ASIDE_BYTES_MAX, SET_ASIDE_MAX};

const FILE: &str = "set-aside.json";
const VERSION: u32 = 1;

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetAsideEvent {
    /// Its number in the sink; they grow.
    pub id: u64,
    /// The partition of the sink's topic.
    pub partition: u16,
    /// The offset there.
    pub offset: u64,
    /// When it was committed, ms since the epoch.
    pub timestamp_ms: i64,
    /// The record's key.
    pub key: String,
    /// The header `op`.
    pub op: String,
    /// The header `txnId`.
    pub txn_id: String,
    /// The header `traceparent`, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The event's JSON.
    pub value: String,
    /// Why it was not delivered, the last time.
    pub reason: String,
    /// When it was set aside, ms since the epoch.
    pub set_aside_ms: u64,
    /// It is to be sent once more, and was not yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_replayed: bool,
}

impl SetAsideEvent {
    fn of(event: &Event, id: u64, reason: String, set_aside_ms: u64) -> Self {
        let Event { partition, offset, timestamp_ms, key, op, txn_id, traceparent, value, .. } = event.clone();
        let (value, is_replayed) = (String::from_utf8_lossy(&value).into_owned(), false);
        Self {
            id,
            partition,
            offset,
            timestamp_ms,
            key,
            op,
            txn_id,
            traceparent,
            value,
            reason,
            set_aside_ms,
            is_replayed,
        }
    }

    fn event(&self) -> Event {
        let Self { id, partition, offset, timestamp_ms, key, op, txn_id, traceparent, value, .. } = self.clone();
        let (value, replayed) = (value.into_bytes().into(), Some(id));
        Event { partition, offset, timestamp_ms, key, op, txn_id, traceparent, value, replayed }
    }

    fn bytes(&self) -> usize {
        self.value.len() + self.key.len() + self.reason.len() + 512
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    next_id: u64,
    events: BTreeMap<u64, SetAsideEvent>,
}

/// There are as many as there may be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{SET_ASIDE_MAX} events, or {} MiB of them, are set aside: have them replayed or drop them, then resume",
    SET_ASIDE_BYTES_MAX >> 20
)]
pub(crate) struct Full;

/// Those of one sink.
#[derive(Debug)]
pub(crate) struct SetAside {
    folder: PathBuf,
    body: Mutex<Body>,
    /// One writes the file at a time.
    writing: Mutex<()>,
    is_dirty: AtomicBool,
    /// Some are to be sent once more.
    pub(crate) replays: Notify,
}

impl SetAside {
    /// Those in the sink's folder. Blocks on disk.
    ///
    /// # Errors
    /// The file cannot be read, is damaged or is of a newer server.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let body = match kept::unsealed(&path)? {
            Some(body) => serde_json::from_str(&body).map_err(|error| kept::damaged(&path, &error.to_string()))?,
            None => Body::default(),
        };
        let (body, writing, is_dirty) = (Mutex::new(body), Mutex::default(), AtomicBool::new(false));
        Ok(Self { folder: folder.to_owned(), body, writing, is_dirty, replays: Notify::new() })
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().events.len() as u64
    }

    /// In order, from behind `after`, at most `limit`.
    pub(crate) fn list(&self, after: Option<u64>, limit: usize) -> Vec<SetAsideEvent> {
        let body = self.lock();
        let from = after.map_or(0, |after| after.saturating_add(1));
        body.events.range(from..).take(limit).map(|(_, event)| event.clone()).collect()
    }

    /// Those that are to be sent once more.
    pub(crate) fn to_replay(&self) -> Vec<Event> {
        let body = self.lock();
        body.events.values().filter(|event| event.is_replayed).map(SetAsideEvent::event).collect()
    }

    /// Adds one, or notes that one that was replayed is still not delivered.
    pub(crate) fn add(&self, event: &Event, reason: String, now_ms: u64) -> Result<(), Full> {
        let mut body = self.lock();
        let is_it = |known: &&SetAsideEvent| (known.partition, known.offset) == (event.partition, event.offset);
        let known = event.replayed.or_else(|| body.events.values().find(is_it).map(|known| known.id));
        let bytes: usize = body.events.values().map(SetAsideEvent::bytes).sum();
        let id = match known {
            // Dropped while it was sent once more.
            Some(id) if !body.events.contains_key(&id) => return Ok(()),
            Some(id) => id,
            None if body.events.len() >= SET_ASIDE_MAX || bytes >= SET_ASIDE_BYTES_MAX => return Err(Full),
            None => body.next_id,
        };
        body.next_id = body.next_id.max(id + 1);
        body.events.insert(id, SetAsideEvent::of(event, id, reason, now_ms));
        self.is_dirty.store(true, SeqCst);
        Ok(())
    }

    /// One was delivered after all.
    pub(crate) fn delivered(&self, id: u64) {
        if self.lock().events.remove(&id).is_some() {
            self.is_dirty.store(true, SeqCst);
        }
    }

    /// Has these sent once more, all if `ids` is `None`; how many. Blocks on disk.
    pub(crate) fn replay(&self, ids: Option<&[u64]>) -> io::Result<u64> {
        let count = {
            let mut body = self.lock();
            let chosen = body.events.values_mut().filter(|event| ids.is_none_or(|ids| ids.contains(&event.id)));
            let mut count = 0;
            for event in chosen {
                event.is_replayed = true;
                count += 1;
            }
            count
        };
        self.is_dirty.store(true, SeqCst);
        self.write()?;
        self.replays.notify_one();
        Ok(count)
    }

    /// Forgets these, all if `ids` is `None`; how many. Blocks on disk.
    pub(crate) fn drop_events(&self, ids: Option<&[u64]>) -> io::Result<u64> {
        let count = {
            let mut body = self.lock();
            let before = body.events.len();
            body.events.retain(|id, _| ids.is_some_and(|ids| !ids.contains(id)));
            (before - body.events.len()) as u64
        };
        self.is_dirty.store(true, SeqCst);
        self.write()?;
        Ok(count)
    }

    /// Writes the file, durably, if anything changed. Blocks on disk.
    pub(crate) fn write(&self) -> io::Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_dirty.swap(false, SeqCst) {
            return Ok(());
        }
        let text = serde_json::to_string(&*self.lock())?;
        let written = files::ensure_directory(&self.folder).and_then(|()| {
            files::write_whole(&self.folder.join(FILE), files::seal(VERSION, &text).as_bytes(), PRIVATE_FILE)
        });
        if written.is_err() {
            self.is_dirty.store(true, SeqCst);
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(offset: u64, bytes: usize) -> Event {
        Event {
            partition: 0,
            offset,
            timestamp_ms: 1,
            key: r#"["people","a"]"#.into(),
            op: "update".into(),
            txn_id: "7".into(),
            traceparent: None,
            value: "x".repeat(bytes).into(),
            replayed: None,
        }
    }

    #[test]
    fn they_are_there_after_a_start_and_damage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let set_aside = SetAside::open(dir.path()).unwrap();
        for offset in [4, 6, 4] {
            set_aside.add(&event(offset, 3), "400".into(), 9).unwrap();
        }
        assert_eq!(set_aside.count(), 2, "one that comes again after a kill is one");
        set_aside.write().unwrap();
        let again = SetAside::open(dir.path()).unwrap();
        assert_eq!(again.list(None, 10), set_aside.list(None, 10));
        assert_eq!(again.list(Some(0), 10).len(), 1);
        assert_eq!(again.replay(Some(&[1, 77])).unwrap(), 1);
        let replayed = again.to_replay();
        assert_eq!(replayed, [Event { replayed: Some(1), ..event(6, 3) }]);
        again.add(&replayed[0], "401".into(), 10).unwrap();
        assert_eq!((again.to_replay(), again.count()), (vec![], 2));
        again.delivered(1);
        again.add(&replayed[0], "402".into(), 10).unwrap();
        assert_eq!(again.count(), 1, "one that was dropped meanwhile does not come back");
        assert_eq!((again.drop_events(None).unwrap(), again.count()), (1, 0));

        let path = dir.path().join(FILE);
        std::fs::write(&path, &std::fs::read(&path).unwrap()[1..]).unwrap();
        assert!(SetAside::open(dir.path()).unwrap_err().to_string().contains(FILE));
    }

    #[test]
    fn there_are_no_more_than_so_many() {
        let dir = tempfile::tempdir().unwrap();
        let set_aside = SetAside::open(dir.path()).unwrap();
        for offset in 0..16 {
            set_aside.add(&event(offset, 1 << 20), "400".into(), 9).unwrap();
        }
        let told = set_aside.add(&event(16, 1), "400".into(), 9).unwrap_err();
        assert!(told.to_string().contains("16 MiB"), "{told}");
    }
}
