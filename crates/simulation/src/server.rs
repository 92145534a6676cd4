//! The server: its real store, which crashes where it is told to, and what its events said.
//!
//! Invariants: one write is under way at a time; an event that was seen once is there for ever, but
//! for those behind a fork; after a crash the server goes on with a copy of what the crash left.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use credentials::{Credentials, NewKey};
use document::{Changeset, Operation, Origin};
use files::{
    Act,
    faults::{Fault, Injected, Plan, inject},
};
use kafka_wire::record_batch;
use store::{App, AppName, CommitError, Crash, DataDir, MemoryDisk, StoreOptions, WallClock};
use sync_endpoint::direct::DirectEndpoint;

use crate::{
    law::{Held, law, unplanned},
    rights::Rights,
    step::Failure,
    tally::Tally,
};

pub(crate) const START_MS: u64 = 1_645_472_201_000;
pub(crate) const APP: &str = "shop";

/// After so long a tombstone may be dropped, once its event was trimmed.
const TOMBSTONES_KEPT_MS: u64 = 30_000;

/// The server's clock, which the history moves.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn go_on(&self, ms: u64) {
        self.0.fetch_add(ms, SeqCst);
    }
}

impl WallClock for Clock {
    fn now_ms(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// What one event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) value: Vec<u8>,
}

impl Event {
    pub(crate) fn txn(&self) -> u64 {
        self.header("txnId").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

pub(crate) struct Server {
    root: tempfile::TempDir,
    copies: u32,
    dir: PathBuf,
    options: StoreOptions,
    memory: MemoryDisk,
    pub(crate) clock: Arc<Clock>,
    pub(crate) credentials: Arc<Credentials>,
    open: Option<(Arc<DataDir>, DirectEndpoint)>,
    runtime: tokio::runtime::Runtime,
    /// All events, by their offsets.
    pub(crate) events: Vec<Event>,
    plan: Option<Planned>,
    backup: Option<Backup>,
    forks: u8,
    /// The newest transaction before the last fork, which others may have seen since.
    pub(crate) forked_at: Option<u64>,
}

struct Backup {
    dir: PathBuf,
    memory: MemoryDisk,
    events: usize,
}

/// A failure that is to come.
enum Planned {
    File { injected: Injected, is_crash: bool, power: bool },
    Batch { left: Arc<Mutex<Option<MemoryDisk>>>, dir: PathBuf, power: bool },
}

/// What a crash left.
pub(crate) struct Left {
    dir: Option<PathBuf>,
    memory: MemoryDisk,
}

fn random() -> [u8; 16] {
    *b"0123456789abcdef"
}

fn crash_of(power: bool) -> Crash {
    if power { Crash::PowerLoss } else { Crash::Kill }
}

impl Server {
    pub(crate) fn new() -> Held<Self> {
        let root = tempfile::tempdir().map_err(|error| unplanned("no folder", error))?;
        let memory = MemoryDisk::default();
        let options = StoreOptions {
            segment_bytes: 4096,
            retention_bytes: Some(12 * 1024),
            tombstone_retention_ms: Some(TOMBSTONES_KEPT_MS),
            disk_reserve_bytes: 1 << 20,
            engine_threads: 1,
            trims_when_told: true,
            ..StoreOptions::default()
        };
        let credentials = Credentials::open(&root.path().join("credentials"), START_MS);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut server = Self {
            copies: 0,
            dir: root.path().join("0"),
            root,
            options,
            memory,
            clock: Arc::new(Clock(AtomicU64::new(START_MS))),
            credentials: credentials.map_err(|error| unplanned("no credentials", error))?,
            open: None,
            runtime: runtime.map_err(|error| unplanned("no runtime", error))?,
            events: Vec::new(),
            plan: None,
            backup: None,
            forks: 0,
            forked_at: None,
        };
        server.start(None)?;
        Ok(server)
    }

    fn start(&mut self, fork: Option<[u8; 16]>) -> Held {
        let options = StoreOptions { memory: Some(self.memory.clone()), fork, ..self.options.clone() };
        let data = DataDir::open(&self.dir, options, self.clock.clone(), random);
        let data = data.map_err(|error| unplanned("the server does not start", error))?;
        if !data.has_app(APP) {
            let name = AppName::new(APP).expect("it is a name");
            data.make_app(&name).map_err(|error| unplanned("there is no app", error))?;
        }
        let app = data.app(APP).map_err(|error| unplanned("the app does not open", error))?;
        let endpoint = DirectEndpoint::new(app, self.credentials.clone(), self.clock.clone());
        self.open = Some((data, endpoint.map_err(|error| unplanned("no runtime", error))?));
        let end = self.app().events().high_watermark();
        law(3, end >= self.events.len() as u64, || {
            format!("after a start there are {end} events, {} were seen", self.events.len())
        })?;
        self.read_events().map(drop)
    }

    pub(crate) fn endpoint(&self) -> &DirectEndpoint {
        &self.open.as_ref().expect("it runs").1
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        self.endpoint().app()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// As an HTTP request would.
    pub(crate) fn write(&self, operations: Vec<Operation>) -> Result<u64, CommitError> {
        let origin = Origin { peer: "http".into(), ..Origin::default() };
        let changeset = Changeset { operations, queries: Vec::new(), origin };
        Ok(self.runtime.block_on(self.app().commit(changeset))?.txn_id.0)
    }

    /// Events that were not seen yet. How many there were before.
    pub(crate) fn read_events(&mut self) -> Held<usize> {
        let before = self.events.len();
        let app = self.app().clone();
        let end = app.events().high_watermark();
        while (self.events.len() as u64) < end {
            let next = self.events.len() as u64;
            let pieces = app.events().read_blocking(next, 1 << 20).map_err(|error| unplanned("no events", error))?;
            for piece in &pieces {
                for batch in record_batch::batches(piece) {
                    let (_, batch) = batch.map_err(|error| unplanned("a batch", error))?;
                    for record in record_batch::decode_records(batch).map_err(|error| unplanned("a record", error))? {
                        if u64::try_from(record.offset).is_ok_and(|offset| offset == self.events.len() as u64) {
                            self.events.push(event(&record));
                        }
                    }
                }
            }
            law(3, self.events.len() as u64 > next, || format!("no event at {next}, though they go up to {end}"))?;
        }
        Ok(before)
    }

    pub(crate) fn trim(&self, tally: &mut Tally) {
        let (start, floor) = (self.app().events().log_start(), self.app().tombstone_floor());
        self.app().trim_now();
        tally.add("trims", u64::from(self.app().events().log_start() > start));
        tally.add("tombstones dropped", u64::from(self.app().tombstone_floor() > floor));
    }

    /// What is to fail next; what was planned before does not come any more.
    pub(crate) fn plan(&mut self, failure: Failure, power: bool) {
        self.unplan();
        let file = |fault, n, is_crash| {
            let injected = inject(&self.dir, Plan::new(fault, n).only(&WRITING));
            Planned::File { injected, is_crash, power }
        };
        self.plan = Some(match failure {
            Failure::File(n) => file(Fault::Crash, n, true),
            Failure::Torn(n) => file(Fault::Torn, n, false),
            Failure::Full(n) => file(Fault::Full, n, false),
            Failure::Io(n) => file(Fault::Io, n, false),
            Failure::Batch(n) => {
                let crashed = self.memory.plan_crash(n, crash_of(power));
                let left = Arc::new(Mutex::new(None));
                let (from, to) = (self.dir.clone(), self.next_dir());
                let (slot, dir) = (left.clone(), to.clone());
                // Whoever writes that batch stands still until this has taken the files.
                std::thread::spawn(move || {
                    if let Ok(crashed) = crashed.recv()
                        && copy_folder(&from, &to).is_ok()
                    {
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(crashed.disk.clone());
                    }
                });
                Planned::Batch { left, dir, power }
            }
        });
    }

    pub(crate) fn unplan(&mut self) {
        self.memory.unplan_crash();
        self.plan = None;
    }

    /// Whether the server crashed in what it did last, and what that left.
    pub(crate) fn crashed(&mut self, tally: &mut Tally) -> Option<Left> {
        let halted = || matches!(self.app().write_obstacle(), Some(CommitError::Halted { .. }));
        let left = match self.plan.as_ref()? {
            Planned::File { injected, .. } if !injected.has_come() => return None,
            Planned::File { is_crash, power, .. } if *is_crash || halted() => {
                let what = if *is_crash { "server crashes at a file" } else { "server faults at a file" };
                tally.count(what);
                Left { dir: None, memory: self.memory.after(crash_of(*power)) }
            }
            Planned::File { .. } => {
                tally.count("server faults at a file");
                self.plan = None;
                return None;
            }
            Planned::Batch { left, dir, .. } => {
                let memory = left.lock().unwrap_or_else(PoisonError::into_inner).take()?;
                tally.count("server crashes at a batch");
                Left { dir: Some(dir.clone()), memory }
            }
        };
        let (Planned::File { power, .. } | Planned::Batch { power, .. }) = self.plan.as_ref()?;
        tally.count(if *power { "server power losses" } else { "server kills" });
        Some(left)
    }

    /// What a crash at this moment leaves.
    pub(crate) fn left(&self, power: bool) -> Left {
        Left { dir: None, memory: self.memory.after(crash_of(power)) }
    }

    /// Goes on with what a crash left. No session may be left.
    pub(crate) fn restart(&mut self, left: Left) -> Held {
        let dir = match left.dir {
            Some(dir) => dir,
            None => {
                let dir = self.next_dir();
                copy_folder(&self.dir, &dir).map_err(|error| unplanned("no copy", error))?;
                dir
            }
        };
        self.stop();
        self.dir = dir;
        self.memory = left.memory;
        self.start(None)
    }

    pub(crate) fn back_up(&mut self) -> Held {
        let dir = self.next_dir();
        copy_folder(&self.dir, &dir).map_err(|error| unplanned("no copy", error))?;
        self.backup = Some(Backup { dir, memory: self.memory.after(Crash::Kill), events: self.events.len() });
        Ok(())
    }

    /// Goes on with the backup, as another life. Whether there is one. No session may be left.
    pub(crate) fn restore(&mut self) -> Held<bool> {
        let Some(Backup { dir, memory, events }) = &self.backup else { return Ok(false) };
        let (memory, events) = (memory.after(Crash::Kill), *events);
        let to = self.next_dir_of(dir.clone())?;
        self.stop();
        (self.dir, self.memory) = (to, memory);
        self.forks += 1;
        self.forked_at = Some(self.events.get(events.wrapping_sub(1)).map_or(0, Event::txn));
        self.events.truncate(events);
        self.start(Some([self.forks; 16]))?;
        Ok(true)
    }

    fn next_dir(&mut self) -> PathBuf {
        self.copies += 1;
        self.root.path().join(self.copies.to_string())
    }

    fn next_dir_of(&mut self, from: PathBuf) -> Held<PathBuf> {
        let to = self.next_dir();
        copy_folder(&from, &to).map_err(|error| unplanned("no copy", error))?;
        Ok(to)
    }

    fn stop(&mut self) {
        self.unplan();
        if let Some((data, endpoint)) = self.open.take() {
            drop(endpoint);
            data.stop();
            drop(data);
            // It takes up room, and nothing else.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }

    /// Gives a key of this name these rights, and takes back the one before. Its secret.
    pub(crate) fn make_key(&self, name: &str, rights: Rights, created_ms: u64) -> Held<String> {
        if self.credentials.keys().iter().any(|key| key.name == name) {
            self.credentials.revoke_key(name).map_err(|error| unplanned("a key stays", error))?;
        }
        let (grants, permission) = (rights.grants(), rights.document().map(Arc::new));
        let made = self.credentials.create_key(NewKey { name: name.into(), grants, permission }, created_ms);
        Ok(made.map_err(|error| unplanned("no key", error))?.1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

const WRITING: [Act; 6] = [Act::Open, Act::Write, Act::Resize, Act::Sync, Act::Rename, Act::Remove];

fn event(record: &record_batch::Record<'_>) -> Event {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let headers = record.headers.iter().map(|(name, value)| ((*name).to_owned(), text(*value)));
    Event { key: text(record.key), headers: headers.collect(), value: record.value.unwrap_or_default().to_vec() }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
