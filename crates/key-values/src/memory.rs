//! The spaces in memory, for tests that open, stop and crash many stores: a `MemoryDisk` outlives
//! the stores that write to it.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use crate::{Batch, Bytes, Durability, Entries, KeyRange, KeyValues, KeyValuesError, Snapshot, Space};

/// The spaces of one store, in memory instead of an engine's files. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Disk>);

#[derive(Debug, Default)]
struct Disk {
    /// Held by whoever writes a batch, or syncs: nobody else does, and all may read.
    writing: Mutex<()>,
    content: Mutex<Content>,
    written: Condvar,
}

/// Every content is the one before it and one batch more.
#[derive(Debug, Default)]
struct Content {
    written: State,
    /// As the operating system has it.
    handed_over: State,
    synced: State,
    batches: u64,
    planned: Option<PlannedCrash>,
}

#[derive(Debug)]
struct PlannedCrash {
    at_batch: u64,
    crash: Crash,
    crashed: SyncSender<Crashed>,
}

/// A crash that was planned has come. As long as this exists nobody writes or syncs, so that the
/// other files can be taken as they are at this moment.
#[derive(Debug)]
pub struct Crashed {
    /// What is left.
    pub disk: MemoryDisk,
    /// Whoever waits for it goes on when it is dropped.
    _goes_on: SyncSender<()>,
}

/// How long a batch lets others be first while a crash is planned, if none comes.
const AFTER_YOU: Duration = Duration::from_micros(200);

/// Shared with snapshots, copied when it is written to.
type State = Arc<Vec<BTreeMap<Bytes, Bytes>>>;

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process was killed: what the operating system had got is there.
    Kill,
    /// The machine lost its power: only what was synced is there.
    PowerLoss,
}

struct MemorySnapshot(State);

impl MemoryDisk {
    /// Another disk, with what `crash` leaves of this one.
    pub fn after(&self, crash: Crash) -> Self {
        self.content().after(crash)
    }

    /// Crashes at the end of the `batches`th batch from now, whoever writes it: gives where that
    /// arrives. Until then a batch that need not outlive the process, such as those of the thread
    /// that trims, lets another be written before it: what may come between two batches then does.
    pub fn plan_crash(&self, batches: u64, crash: Crash) -> Receiver<Crashed> {
        let (sender, crashed) = sync_channel(1);
        let content = &mut *self.content();
        content.planned = Some(PlannedCrash { at_batch: content.batches + batches, crash, crashed: sender });
        crashed
    }

    /// If it has not come, it will not: who waits for it gets an error.
    pub fn unplan_crash(&self) {
        self.content().planned = None;
    }

    /// Batches written so far: as long as it is the same, nothing has changed.
    pub fn batches(&self) -> u64 {
        self.content().batches
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().expect("not poisoned")
    }

    fn after_you(&self) {
        let content = self.content();
        let batches = content.batches;
        let nobody_came = |content: &mut Content| content.planned.is_some() && content.batches == batches;
        drop(self.0.written.wait_timeout_while(content, AFTER_YOU, nobody_came).expect("not poisoned"));
    }
}

impl KeyValues for MemoryDisk {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        Ok(self.content().written.get(space.0).and_then(|entries| entries.get(key)).cloned())
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), KeyValuesError> {
        let to_system = durability == Durability::Process;
        if !to_system {
            self.after_you();
        }
        let _nobody_else = self.0.writing.lock().expect("not poisoned");
        let mut content = self.content();
        let spaces = Arc::make_mut(&mut content.written);
        for (space, key, value) in batch.changes {
            if spaces.len() <= space.0 {
                spaces.resize_with(space.0 + 1, BTreeMap::new);
            }
            match value {
                Some(value) => spaces[space.0].insert(key, value),
                None => spaces[space.0].remove(&key),
            };
        }
        content.batches += 1;
        if to_system {
            content.handed_over = content.written.clone();
        }
        let crash = content.planned_crash();
        self.0.written.notify_all();
        drop(content);
        if let Some((crashed, to, stands)) = crash
            && to.send(crashed).is_ok()
        {
            let _ = stands.recv();
        }
        Ok(())
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(MemorySnapshot(self.content().written.clone()))
    }

    fn persist(&self) -> Result<(), KeyValuesError> {
        // What is synced here lets files go, which belong to the moment of a crash: not before that
        // is over.
        let _nobody_else = self.0.writing.lock().expect("not poisoned");
        let content = &mut *self.content();
        content.handed_over = content.written.clone();
        content.synced = content.written.clone();
        Ok(())
    }

    fn flush(&self) -> Result<(), KeyValuesError> {
        self.persist()
    }

    fn disk_bytes(&self) -> u64 {
        0
    }
}

impl Content {
    fn after(&self, crash: Crash) -> MemoryDisk {
        let left = match crash {
            Crash::Kill => self.handed_over.clone(),
            Crash::PowerLoss => self.synced.clone(),
        };
        let content =
            Self { written: left.clone(), handed_over: left.clone(), synced: left, batches: 0, planned: None };
        MemoryDisk(Arc::new(Disk { content: Mutex::new(content), ..Disk::default() }))
    }

    /// If one was planned to come now: what a crash leaves, for whom it is, and what whoever wrote
    /// the batch waits for.
    fn planned_crash(&mut self) -> Option<(Crashed, SyncSender<Crashed>, Receiver<()>)> {
        let batches = self.batches;
        let planned = self.planned.take_if(|planned| planned.at_batch <= batches)?;
        let (goes_on, stands) = sync_channel(0);
        Some((Crashed { disk: self.after(planned.crash), _goes_on: goes_on }, planned.crashed, stands))
    }
}

impl Snapshot for MemorySnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        Ok(self.0.get(space.0).and_then(|entries| entries.get(key)).cloned())
    }

    fn range(&self, space: Space, (mut from, to): KeyRange) -> Entries {
        let state = self.0.clone();
        Box::new(std::iter::from_fn(move || {
            let bounds = bounds(&from, &to)?;
            let (key, value) = state.get(space.0)?.range::<[u8], _>(bounds).next()?;
            from = Bound::Excluded(key.to_vec());
            Some(Ok((key.clone(), value.clone())))
        }))
    }

    fn range_backwards(&self, space: Space, (from, mut to): KeyRange) -> Entries {
        let state = self.0.clone();
        Box::new(std::iter::from_fn(move || {
            let bounds = bounds(&from, &to)?;
            let (key, value) = state.get(space.0)?.range::<[u8], _>(bounds).next_back()?;
            to = Bound::Excluded(key.to_vec());
            Some(Ok((key.clone(), value.clone())))
        }))
    }
}

/// As a `BTreeMap` takes them.
type Bounds<'b> = (Bound<&'b [u8]>, Bound<&'b [u8]>);

/// `None` where nothing lies between them: `BTreeMap::range` panics at most of these.
fn bounds<'b>(from: &'b Bound<Vec<u8>>, to: &'b Bound<Vec<u8>>) -> Option<Bounds<'b>> {
    let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
    (!crate::is_empty(&bounds)).then_some(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space(0);

    fn write(disk: &MemoryDisk, key: &[u8], to_system: bool) {
        let mut batch = Batch::default();
        batch.insert(SPACE, key, b"");
        disk.write(batch, if to_system { Durability::Process } else { Durability::None }).unwrap();
    }

    fn has(disk: &MemoryDisk, key: &[u8]) -> bool {
        disk.get(SPACE, key).unwrap().is_some()
    }

    #[test]
    fn a_planned_crash_leaves_what_the_system_had_at_that_batch() {
        let disk = MemoryDisk::default();
        let crashed = disk.plan_crash(3, Crash::Kill);
        let writer = std::thread::spawn({
            let disk = disk.clone();
            move || {
                for (key, to_system) in [(b"1", false), (b"2", true), (b"3", false), (b"4", true)] {
                    write(&disk, key, to_system);
                }
            }
        });
        let crashed = crashed.recv().unwrap();
        let left = crashed.disk.clone();
        assert_eq!([&b"1"[..], b"2", b"3", b"4"].map(|key| has(&left, key)), [true, true, false, false]);
        assert!(!writer.is_finished(), "it stands still while somebody looks");
        drop(crashed);
        writer.join().unwrap();
        assert!(has(&disk, b"4") && !has(&left, b"4"), "the one that crashed goes on, the other does not follow");
    }

    #[test]
    fn nothing_is_synced_while_somebody_looks_at_a_crash() {
        let disk = MemoryDisk::default();
        let crashed = disk.plan_crash(1, Crash::PowerLoss);
        let (synced, is_synced) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(|| write(&disk, b"1", true));
            let crashed = crashed.recv().unwrap();
            scope.spawn(|| {
                disk.persist().unwrap();
                synced.send(()).unwrap();
            });
            // Long enough for whoever does not wait.
            assert!(is_synced.recv_timeout(Duration::from_millis(100)).is_err());
            assert!(!has(&disk.after(Crash::PowerLoss), b"1"));
            drop(crashed);
            is_synced.recv().unwrap();
        });
        assert!(has(&disk.after(Crash::PowerLoss), b"1"));
    }

    #[test]
    fn a_crash_that_is_not_planned_any_longer_does_not_come() {
        let disk = MemoryDisk::default();
        let crashed = disk.plan_crash(1, Crash::PowerLoss);
        disk.unplan_crash();
        write(&disk, b"1", true);
        assert!(crashed.recv().is_err());
        assert!(!has(&disk.after(Crash::PowerLoss), b"1"));
    }
}
