//! What a machine's clock does that cannot be believed: no write takes its time, nothing is dropped
//! for being old, and readers and consumers notice nothing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use crate::support::{START_MS, changeset, documents, options, remove, runtime, upsert};
use store::{
    App, AppName, ClockRefusal, ClockStanding, CommitError, Committed, CommittedOffset, DataDir, NewLife, NoObserver,
    OpenError, Request, RestoreTo, StoreOptions, TxnId, WallClock, Written,
};

const HOUR_MS: u64 = 3600 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A machine's two clocks, each set by hand.
#[derive(Debug)]
struct Machine {
    wall_ms: AtomicU64,
    boot_ms: AtomicU64,
}

impl Machine {
    fn at(wall_ms: u64) -> Arc<Self> {
        Arc::new(Self { wall_ms: wall_ms.into(), boot_ms: 0.into() })
    }

    fn pass(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, SeqCst);
        self.boot_ms.fetch_add(ms, SeqCst);
    }

    fn jump_ahead(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, SeqCst);
    }

    fn jump_back(&self, ms: u64) {
        self.wall_ms.fetch_sub(ms, SeqCst);
    }

    fn now_ms(&self) -> u64 {
        self.wall_ms.load(SeqCst)
    }
}

impl WallClock for Machine {
    fn now_ms(&self) -> u64 {
        self.wall_ms.load(SeqCst)
    }

    fn boot_ms(&self) -> u64 {
        self.boot_ms.load(SeqCst)
    }
}

fn try_open(dir: &Path, options: StoreOptions, machine: &Arc<Machine>) -> Result<Arc<DataDir>, OpenError> {
    DataDir::open(dir, options, machine.clone(), || *b"0123456789abcdef")
}

fn open(dir: &Path, options: StoreOptions, machine: &Arc<Machine>) -> (Arc<DataDir>, Arc<App>) {
    let data = try_open(dir, options, machine).unwrap();
    let app = data.app("shop").unwrap_or_else(|_| data.create_app(&AppName::new("shop").unwrap()).unwrap());
    app.observe_trims(Box::new(NoObserver));
    (data, app)
}

fn write(app: &App, id: &str) -> Result<Committed, CommitError> {
    runtime().block_on(app.commit(changeset([upsert(id, "{}")])))
}

fn commit_offset(app: &App, offset: i64, metadata: &str) {
    let offset = CommittedOffset { offset, leader_epoch: -1, metadata: metadata.to_owned() };
    runtime().block_on(app.commit_offsets("till", vec![("t".to_owned(), 0, offset)])).unwrap();
}

/// The commit times of all events.
fn event_times(app: &App) -> Vec<u64> {
    let (mut times, mut offset) = (Vec::new(), app.events().log_start());
    while offset < app.events().high_watermark() {
        for batches in app.events().read_blocking(offset, 1 << 20).unwrap() {
            let mut rest = &batches[..];
            while !rest.is_empty() {
                let header = kafka_wire::record_batch::verify(rest).unwrap();
                assert_eq!(header.first_timestamp_ms, header.max_timestamp_ms);
                times.push(header.max_timestamp_ms as u64);
                offset = header.last_offset as u64 + 1;
                rest = &rest[header.len_bytes..];
            }
        }
    }
    times
}

#[track_caller]
fn check_refused(written: Result<Committed, CommitError>) -> String {
    let Err(error @ CommitError::ClockRefused(_)) = written else { panic!("{written:?}") };
    error.to_string()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn no_write_takes_the_time_of_a_clock_that_jumped() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    machine.pass(HOUR_MS);
    machine.jump_ahead(3 * DAY_MS + 2 * HOUR_MS);

    let said = check_refused(write(&app, "b"));
    assert!(said.starts_with("the machine's clock jumped ahead by 3 days 2 h; writes are refused until"), "{said}");
    assert!(said.contains("headwater accept-clock") && said.contains("--accept-clock"), "{said}");
    assert_eq!(app.write_obstacle().unwrap().to_string(), said);
    assert_eq!((documents(&app).len(), app.newest_txn().0), (1, 1), "reads go on");
    commit_offset(&app, 1, "");
    assert_eq!(app.committed_offsets("till")[0].2.offset, 1, "and so do consumers");

    machine.jump_back(3 * DAY_MS + 2 * HOUR_MS);
    write(&app, "c").unwrap();
    assert!(app.write_obstacle().is_none());
    assert_eq!(event_times(&app), [START_MS, START_MS + HOUR_MS], "it was set right, and left no trace");
    assert_eq!(data.clock().state().jumps_back, 0);
}

#[test]
fn offsets_that_are_committed_meanwhile_have_the_last_good_time_also_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    machine.jump_ahead(300 * DAY_MS);
    check_refused(write(&app, "b"));
    commit_offset(&app, 1, "");
    drop(app);
    data.stop();
    drop(data);
    machine.jump_back(300 * DAY_MS);
    machine.pass(HOUR_MS);
    let (_data, app) = open(dir.path(), options(), &machine);
    write(&app, "c").unwrap();
    assert_eq!(event_times(&app), [START_MS, START_MS + HOUR_MS]);
}

#[test]
fn a_clock_that_is_accepted_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    machine.jump_ahead(2 * HOUR_MS);
    check_refused(write(&app, "b"));
    assert_eq!(data.clock().now_ms(), START_MS, "keys and certificates are not dated by it either");
    let (before, noted) = data.clock().accept();
    noted.unwrap();
    assert_eq!(before.refusal(), Some(&ClockRefusal::Jumped { ahead_ms: 2 * HOUR_MS }));
    assert_eq!((before.wall_ms, before.expected_ms), (machine.now_ms(), Some(START_MS)));
    write(&app, "b").unwrap();
    assert_eq!(event_times(&app), [START_MS, START_MS + 2 * HOUR_MS]);
}

#[test]
fn commit_times_stand_still_while_the_clock_is_behind() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    machine.jump_back(HOUR_MS);
    write(&app, "b").unwrap();
    assert_eq!(data.clock().state().standing, ClockStanding::Behind { behind_ms: HOUR_MS });
    machine.pass(HOUR_MS + 7);
    write(&app, "c").unwrap();
    assert_eq!(event_times(&app), [START_MS, START_MS, START_MS + 7]);
    let state = data.clock().state();
    assert_eq!((state.standing, state.jumps_back), (ClockStanding::Fine, 1));
}

#[test]
fn a_server_that_slept_or_was_idle_is_not_refused() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (_data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    machine.pass(1000 * DAY_MS);
    write(&app, "b").unwrap();
}

/// A filled journal of which `retention_bytes` trims a part, whenever somebody looks.
fn filled(dir: &Path, machine: &Arc<Machine>) -> (Arc<DataDir>, Arc<App>) {
    let limits = StoreOptions {
        retention_bytes: Some(6 * 64 * 1024),
        retention_ms: Some(DAY_MS),
        tombstone_retention_ms: Some(DAY_MS),
        ..options()
    };
    let (data, app) = open(dir, limits, machine);
    runtime().block_on(app.commit(changeset([upsert("gone", "{}")]))).unwrap();
    runtime().block_on(app.commit(changeset([remove("gone")]))).unwrap();
    let text = format!("{{\"text\":\"{}\"}}", "a".repeat(4000));
    for n in 0..120 {
        runtime().block_on(app.commit(changeset([upsert(&n.to_string(), &text)]))).unwrap();
    }
    (data, app)
}

/// Has retention look, and trim something by bytes: new segments wake it.
fn have_retention_look(app: &App) {
    let log_start = app.events().log_start();
    let metadata = "m".repeat(4000);
    wait_until("retention has trimmed by bytes", || {
        commit_offset(app, 1, &metadata);
        app.events().log_start() > log_start
    });
}

#[test]
fn nothing_is_trimmed_or_dropped_for_being_old_by_a_clock_that_jumped() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = filled(dir.path(), &machine);
    machine.jump_ahead(400 * DAY_MS);
    // The tombstone is looked at after what a look trims: the second look begins after the first
    // has ended.
    have_retention_look(&app);
    have_retention_look(&app);
    assert!(app.events().log_start() < 100, "by time, all of it would have gone: {}", app.events().log_start());
    assert_eq!(app.stats().tombstones_dropped, 0);

    data.clock().accept().1.unwrap();
    wait_until("all that is old has gone", || {
        commit_offset(&app, 1, &"m".repeat(4000));
        app.events().log_start() > 110 && app.stats().tombstones_dropped == 1
    });
}

#[test]
fn no_request_is_forgotten_by_a_clock_that_jumped() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    let send = |id: &str| {
        let request = Request { caller: "till".into(), id: id.into(), body: [1; 16], given: true };
        runtime().block_on(app.commit_request(changeset([upsert(id, "{}")]), request, Box::new(|_| b"first".to_vec())))
    };
    assert!(matches!(send("a").unwrap(), Written::New(_)));
    machine.jump_ahead(2 * DAY_MS);
    commit_offset(&app, 1, "");
    commit_offset(&app, 1, "");
    let Written::Repeated(remembered) = send("a").unwrap() else {
        panic!("it is repeated, also while writes are refused")
    };
    assert_eq!(remembered.reply, Some(b"first".to_vec()));
    let refused = send("b").unwrap_err();
    assert!(matches!(refused, CommitError::ClockRefused(_)), "{refused}");

    data.clock().accept().1.unwrap();
    assert!(matches!(send("b").unwrap(), Written::New(_)));
    wait_until("the old one is forgotten", || matches!(send("a").unwrap(), Written::New(_)));
}

#[test]
fn a_start_long_after_the_last_note_asks() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    data.clock().note().unwrap();
    let note = std::fs::read_to_string(dir.path().join("clock.json")).unwrap();
    assert!(note.ends_with("\n{\"trustedMs\":1645472201000,\"refusedMs\":null}\n"), "{note}");
    drop((data, app));

    machine.pass(366 * DAY_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "b").unwrap();
    drop((data, app));

    machine.pass(34 * DAY_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    let said = check_refused(write(&app, "c"));
    assert!(said.contains("clock is 400 days 0 h ahead of the time that the server noted last"), "{said}");
    assert_eq!(documents(&app).len(), 2);
    // A note that is taken meanwhile accepts nothing.
    data.clock().note().unwrap();
    drop((data, app));
    let (data, app) = open(dir.path(), options(), &machine);
    check_refused(write(&app, "c"));
    data.clock().accept().1.unwrap();
    write(&app, "c").unwrap();
    drop((data, app));
    let (_data, app) = open(dir.path(), options(), &machine);
    write(&app, "d").unwrap();
}

#[test]
fn a_start_can_accept_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    open(dir.path(), options(), &machine).0.clock().note().unwrap();
    machine.pass(400 * DAY_MS);
    let (_data, app) = open(dir.path(), StoreOptions { accept_clock: true, ..options() }, &machine);
    write(&app, "a").unwrap();
}

#[test]
fn a_damaged_note_has_writes_refused_until_the_clock_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    write(&app, "a").unwrap();
    data.clock().note().unwrap();
    drop((data, app));
    let path = dir.path().join("clock.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    for damaged in [whole.replace("1645472201000", "1645472201001"), String::new(), whole[..40].to_owned()] {
        std::fs::write(&path, &damaged).unwrap();
        let (data, app) = open(dir.path(), options(), &machine);
        let said = check_refused(write(&app, "b"));
        assert!(said.contains("cannot be read") && said.contains("clock.json: it"), "{said}");
        commit_offset(&app, 1, "");
        data.clock().note().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged, "it stays until somebody accepts");
        data.clock().accept().1.unwrap();
        write(&app, "b").unwrap();
        drop((data, app));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        assert!(store::verify(dir.path(), &mut |_| {}).unwrap().is_whole());
        std::fs::write(&path, &damaged).unwrap();
        let found = store::verify(dir.path(), &mut |_| {}).unwrap().findings;
        assert!(found.len() == 1 && found[0].contains("clock.json: it"), "{found:?}");
    }
}

/// A copy of data says no other time: an app that was never written to would be raised by all seconds since 1970.
#[test]
fn an_app_without_a_transaction_is_restored_from_the_time_that_was_noted() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(store::noted_time_ms(dir.path()).unwrap(), None);
    let machine = Machine::at(START_MS);
    let (data, app) = open(dir.path(), options(), &machine);
    machine.pass(HOUR_MS);
    data.clock().note().unwrap();
    drop((data, app));
    let taken_ms = store::noted_time_ms(dir.path()).unwrap();
    assert_eq!(taken_ms, Some(START_MS + HOUR_MS));

    let life = NewLife {
        now_ms: START_MS + HOUR_MS + 2_000,
        accept_clock: false,
        taken_ms,
        only: None,
        to: &|_| RestoreTo::Newest,
        random: || [7; 16],
    };
    let seam = store::begin_new_life(dir.path(), &life).unwrap()[0].seam;
    assert_eq!((seam.last_txn, seam.first_txn), (TxnId(0), 3_000_001));
    // It is whole, and goes on.
    machine.pass(3_000);
    for n in 1..3 {
        let report = store::verify(dir.path(), &mut |_| {}).unwrap();
        assert!(report.is_whole(), "{report:?}");
        let (data, app) = open(dir.path(), options(), &machine);
        let committed = runtime().block_on(app.commit(changeset([upsert("a", "{}")]))).unwrap();
        assert_eq!(committed.txn_id, TxnId(3_000_000 + n));
        drop((data, app));
    }

    // Where nobody knows when it was, it is taken for as old as can be.
    let unknown = NewLife { now_ms: START_MS + 2 * HOUR_MS, taken_ms: None, ..life };
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path(), options(), &machine));
    let seam = store::begin_new_life(other.path(), &unknown).unwrap()[0].seam;
    assert_eq!(seam.first_txn, (START_MS + 2 * HOUR_MS) / 1000 * 1_000_000 + 1_000_001);

    // Beyond 2^53 no number goes.
    let years_ms = |years: u64| years * 365 * 24 * HOUR_MS;
    for (years, fits) in [(284, true), (300, false)] {
        let late = NewLife { now_ms: START_MS + years_ms(years), taken_ms: Some(START_MS), ..unknown };
        let other = tempfile::tempdir().unwrap();
        drop(open(other.path(), options(), &machine));
        match store::begin_new_life(other.path(), &late) {
            Ok(restored) => assert!(fits && restored[0].seam.first_offset < 1 << 53, "{restored:?}"),
            Err(error) => {
                assert!(!fits && error.to_string().contains("beyond what there is room for (2^53"), "{error}")
            }
        }
    }

    std::fs::write(dir.path().join("clock.json"), "damaged").unwrap();
    assert_eq!(store::noted_time_ms(dir.path()).unwrap(), None);
}

#[test]
fn a_note_of_a_newer_version_is_called_that() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(START_MS);
    std::fs::write(dir.path().join("clock.json"), files::seal(3, "{}")).unwrap();
    let error = try_open(dir.path(), options(), &machine).unwrap_err().to_string();
    assert!(error.ends_with("clock.json has format 3; this version reads up to 2"), "{error}");
    let (_data, app) = open(dir.path(), StoreOptions { accept_clock: true, ..options() }, &machine);
    write(&app, "a").unwrap();
}
