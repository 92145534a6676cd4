//! The spaces in memory, with a log of what was written that the host takes and keeps: a browser keeps
//! it in IndexedDB, and gives it back when the store is opened again.
//!
//! The log is changes, one after another, numbers little-endian:
//!
//! ```text
//! space u8 | bytes of the key u32 | bytes of the value u32, or u32::MAX if it is removed | key | value
//! ```
//!
//! Invariants: what is read is what was loaded, and then written; what is taken at once holds whole
//! batches, in their order. A write while a snapshot lives copies the spaces that it changes, so a
//! snapshot must not be kept for long.
//! Not here: making it durable, and when a log is packed.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Batch, Bytes, Durability, Entries, KeyRange, KeyValue, KeyValues, KeyValuesError, Snapshot, Space};

/// The value's length where there is none.
const REMOVED: u32 = u32::MAX;

/// Of a change, beside key and value.
const HEAD_BYTES: usize = 9;

/// A scan reads at first so many entries at once, then twice as many each time up to the second.
const SCANNED: [usize; 2] = [4, 128];

type Entry = BTreeMap<Bytes, Bytes>;

/// The spaces of one store, in memory. Clones are the same store.
#[derive(Debug, Clone)]
pub struct LoggedMemory(Arc<Mutex<Content>>);

#[derive(Debug)]
struct Content {
    spaces: Vec<Arc<Entry>>,
    log: Vec<u8>,
    /// What a log of all that is there would take.
    packed_bytes: u64,
}

struct LoggedSnapshot(Vec<Arc<Entry>>);

impl LoggedMemory {
    /// An empty store of so many spaces.
    pub fn new(spaces: usize) -> Self {
        let content = Content { spaces: vec![Arc::default(); spaces], log: Vec::new(), packed_bytes: 0 };
        Self(Arc::new(Mutex::new(content)))
    }

    /// Does what a log says. To be called before anything is written, log by log.
    ///
    /// # Errors
    /// It is no log, or of a store with more spaces.
    pub fn load(&self, log: &[u8]) -> Result<(), KeyValuesError> {
        let damaged = || KeyValuesError("the stored log is damaged".to_owned());
        let mut content = self.content();
        let mut rest = log;
        while !rest.is_empty() {
            let change = take_change(&mut rest).ok_or_else(damaged)?;
            if change.space >= content.spaces.len() {
                return Err(damaged());
            }
            content.change(change.space, change.key.into(), change.value.map(Bytes::from));
        }
        Ok(())
    }

    /// What was written since the log was taken last.
    pub fn take_log(&self) -> Vec<u8> {
        std::mem::take(&mut self.content().log)
    }

    /// How many bytes a log of all that is there takes.
    pub fn packed_bytes(&self) -> u64 {
        self.content().packed_bytes
    }

    /// Logs of all that is there, of about `bytes` each. They stand for everything that was loaded and
    /// taken before.
    pub fn packed(&self, bytes: usize) -> Vec<Vec<u8>> {
        let mut logs = Vec::new();
        let mut log = Vec::new();
        for (space, entries) in self.content().spaces.iter().enumerate() {
            for (key, value) in &**entries {
                append_change(&mut log, space, key, Some(value));
                if log.len() >= bytes {
                    logs.push(std::mem::take(&mut log));
                }
            }
        }
        logs.extend((!log.is_empty()).then_some(log));
        logs
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn change(&mut self, space: usize, key: Bytes, value: Option<Bytes>) {
        let entries = Arc::make_mut(&mut self.spaces[space]);
        let key_bytes = key.len();
        let added = value.as_ref().map_or(0, |value| change_bytes(key_bytes, value));
        let before = match value {
            Some(value) => entries.insert(key, value),
            None => entries.remove(&key),
        };
        self.packed_bytes += added;
        self.packed_bytes -= before.map_or(0, |value| change_bytes(key_bytes, &value));
    }
}

impl KeyValues for LoggedMemory {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        Ok(self.content().spaces[space.0].get(key).cloned())
    }

    fn write(&self, batch: Batch, _: Durability) -> Result<(), KeyValuesError> {
        let mut content = self.content();
        for (space, key, value) in batch.changes {
            append_change(&mut content.log, space.0, &key, value.as_deref());
            content.change(space.0, key, value);
        }
        Ok(())
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(LoggedSnapshot(self.content().spaces.clone()))
    }

    /// The host makes what it takes of the log durable.
    fn persist(&self) -> Result<(), KeyValuesError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), KeyValuesError> {
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        self.packed_bytes()
    }
}

impl Snapshot for LoggedSnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        Ok(self.0[space.0].get(key).cloned())
    }

    fn range(&self, space: Space, (mut from, to): KeyRange) -> Entries {
        let entries = self.0[space.0].clone();
        Box::new(by_turns(move |count| {
            let Some(bounds) = bounds(&from, &to) else { return Vec::new() };
            let turn: Vec<KeyValue> = cloned(entries.range::<[u8], _>(bounds).take(count));
            if let Some((key, _)) = turn.last() {
                from = Bound::Excluded(key.to_vec());
            }
            turn
        }))
    }

    fn range_backwards(&self, space: Space, (from, mut to): KeyRange) -> Entries {
        let entries = self.0[space.0].clone();
        Box::new(by_turns(move |count| {
            let Some(bounds) = bounds(&from, &to) else { return Vec::new() };
            let turn: Vec<KeyValue> = cloned(entries.range::<[u8], _>(bounds).rev().take(count));
            if let Some((key, _)) = turn.last() {
                to = Bound::Excluded(key.to_vec());
            }
            turn
        }))
    }
}

fn cloned<'e>(entries: impl Iterator<Item = (&'e Bytes, &'e Bytes)>) -> Vec<KeyValue> {
    entries.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Entries that `read` gives some of at a time.
fn by_turns(mut read: impl FnMut(usize) -> Vec<KeyValue>) -> impl Iterator<Item = Result<KeyValue, KeyValuesError>> {
    let [mut count, most] = SCANNED;
    let mut turn = Vec::new().into_iter();
    std::iter::from_fn(move || {
        if turn.len() == 0 {
            turn = read(count).into_iter();
            count = (count * 2).min(most);
        }
        turn.next().map(Ok)
    })
}

/// As a `BTreeMap` takes them.
type Bounds<'b> = (Bound<&'b [u8]>, Bound<&'b [u8]>);

/// `None` where nothing lies between them: `BTreeMap::range` panics at most of these.
fn bounds<'b>(from: &'b Bound<Vec<u8>>, to: &'b Bound<Vec<u8>>) -> Option<Bounds<'b>> {
    let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
    (!crate::is_empty(&bounds)).then_some(bounds)
}

fn change_bytes(key_bytes: usize, value: &Bytes) -> u64 {
    (HEAD_BYTES + key_bytes + value.len()) as u64
}

fn append_change(log: &mut Vec<u8>, space: usize, key: &[u8], value: Option<&[u8]>) {
    let length =
        |bytes: &[u8]| u32::try_from(bytes.len()).ok().filter(|it| *it != REMOVED).expect("they fit in memory");
    log.push(u8::try_from(space).expect("there are a few spaces"));
    log.extend_from_slice(&length(key).to_le_bytes());
    log.extend_from_slice(&value.map_or(REMOVED, length).to_le_bytes());
    log.extend_from_slice(key);
    log.extend_from_slice(value.unwrap_or_default());
}

/// One change of a log.
struct Change<'l> {
    space: usize,
    key: &'l [u8],
    value: Option<&'l [u8]>,
}

fn take_change<'l>(rest: &mut &'l [u8]) -> Option<Change<'l>> {
    let space = usize::from(*rest.split_off_first()?);
    let key_bytes = take_length(rest)?;
    let value_bytes = take_length(rest)?;
    let key = rest.split_off(..usize::try_from(key_bytes).ok()?)?;
    let value = match value_bytes {
        REMOVED => None,
        bytes => Some(rest.split_off(..usize::try_from(bytes).ok()?)?),
    };
    Some(Change { space, key, value })
}

fn take_length(rest: &mut &[u8]) -> Option<u32> {
    let (length, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(store: &LoggedMemory, changes: &[(usize, &str, Option<&str>)]) {
        let mut batch = Batch::default();
        for (space, key, value) in changes {
            match value {
                Some(value) => batch.insert(Space(*space), key.as_bytes(), value.as_bytes()),
                None => batch.remove(Space(*space), key.as_bytes()),
            }
        }
        store.write(batch, Durability::Process).unwrap();
    }

    fn content(store: &LoggedMemory) -> Vec<(usize, String, String)> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let entries = (0..2).flat_map(|space| store.prefix(Space(space), b"").map(move |entry| (space, entry)));
        entries.map(|(space, entry)| entry.map(|(key, value)| (space, text(&key), text(&value))).unwrap()).collect()
    }

    #[test]
    fn what_was_logged_makes_the_store_again_and_so_does_what_is_packed() {
        let store = LoggedMemory::new(2);
        write(&store, &[(0, "a", Some("1")), (1, "a", Some("")), (0, "c", Some("3"))]);
        let first = store.take_log();
        write(&store, &[(0, "a", None), (0, "b", Some("2")), (0, "nobody", None)]);
        let second = store.take_log();
        assert!(store.take_log().is_empty());
        let all = content(&store);
        assert_eq!(all.len(), 3);
        let again = LoggedMemory::new(2);
        again.load(&first).unwrap();
        again.load(&second).unwrap();
        assert_eq!(content(&again), all);
        assert!(again.take_log().is_empty(), "what was loaded is kept already");
        for bytes in [1, 1 << 20] {
            let packed = store.packed(bytes);
            assert_eq!(packed.len(), if bytes == 1 { 3 } else { 1 });
            let log = packed.concat();
            assert_eq!(log.len() as u64, store.packed_bytes());
            let again = LoggedMemory::new(2);
            again.load(&log).unwrap();
            assert_eq!((content(&again), again.packed_bytes()), (all.clone(), store.packed_bytes()));
        }
    }

    #[test]
    fn a_log_that_is_none_is_an_error() {
        let store = LoggedMemory::new(2);
        write(&store, &[(0, "key", Some("value"))]);
        let log = store.take_log();
        for length in 1..log.len() {
            LoggedMemory::new(2).load(&log[..length]).unwrap_err();
        }
        LoggedMemory::new(2).load(&[2, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
        LoggedMemory::new(2).load(&[0, 255, 255, 255, 255, 255, 255, 255, 255]).unwrap_err();
        LoggedMemory::new(2).load(&[]).unwrap();
    }

    #[test]
    fn a_snapshot_does_not_change_and_long_scans_lose_nothing() {
        let store = LoggedMemory::new(2);
        let keys: Vec<String> = (0..1_000).map(|number| format!("{number:04}")).collect();
        for key in &keys {
            write(&store, &[(0, key, Some("1"))]);
        }
        let snapshot = store.snapshot();
        write(&store, &[(0, "0500", None), (0, "0501", Some("2"))]);
        let seen: Vec<_> = snapshot.prefix(Space(0), b"").map(Result::unwrap).collect();
        assert!(
            seen.iter().map(|(key, value)| (&**key, &**value)).eq(keys.iter().map(|it| (it.as_bytes(), &b"1"[..])))
        );
        let backwards = snapshot.range_backwards(Space(0), (Bound::Unbounded, Bound::Unbounded)).map(Result::unwrap);
        assert!(backwards.eq(seen.into_iter().rev()));
        assert_eq!(content(&store).len(), 999);
    }
}
