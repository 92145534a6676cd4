//! Data that is restored begins another life: txnIds and offsets are raised above all that the life
//! before may have given out since ([`Seam`]).
//!
//! Works on a data directory that nobody has open, and that is not the only copy: what a kill leaves
//! half done is thrown away by whoever calls this, and begun again.
//!
//! Where less than all is wanted, the journal is cut behind the last wanted transaction, in the
//! middle of its frame if need be, and the documents are made anew from the journal: what consumers
//! read before that place has the same bytes and offsets.
//! Not here: where the directory comes from, where it goes (the command line); what is served in the
//! range that is skipped (`topics`).

mod cut;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rules::RulesVersion;

use crate::{
    app::App,
    app_name::AppName,
    data_dir::{APPS, lock},
    engine::{EngineError, JournalNote},
    incarnation::{Incarnation, Seam},
    journal::{
        frame::{EntryKind, FrameBuilder, FrameHeader},
        segment::SegmentError,
    },
    limits::{RAISED_A_SECOND, RESTORED_NUMBER_MAX},
    open::{JOURNAL, fresh_site},
    open_error::OpenError,
    options::{StoreOptions, WallClock},
    position::{Position, TxnId},
    register::Register,
    replay::{ReplayError, replay},
    trusted_clock::{self, TrustedClock},
};

/// How long the documents may take to be written out.
const WRITE_OUT_TIMEOUT: Duration = Duration::from_secs(600);

/// How much of an app is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreTo {
    /// All that is there.
    Newest,
    /// The transactions up to this one.
    Txn(TxnId),
    /// The transactions that were committed by then, in ms since the epoch.
    Time(u64),
}

/// What the new life begins with.
pub struct NewLife<'a> {
    /// The machine's time, in ms since the epoch.
    pub now_ms: u64,
    /// Takes it as it is, though it stands before what was committed.
    pub accept_clock: bool,
    /// When the data was taken, in ms since the epoch, if that is known: that of an app without a
    /// transaction.
    pub taken_ms: Option<u64>,
    /// The only app that is wanted; `None`: all.
    pub only: Option<&'a AppName>,
    /// How much is wanted of an app.
    pub to: &'a dyn Fn(&AppName) -> RestoreTo,
    /// Random numbers.
    pub random: fn() -> [u8; 16],
}

/// An app that begins another life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredApp {
    /// Its name.
    pub name: AppName,
    /// Where it goes on.
    pub seam: Seam,
    /// Transactions that were there and are not wanted.
    pub transactions_cut: u64,
}

/// Why data cannot begin another life.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The clock cannot be right, and how far numbers are raised depends on it.
    #[error(
        "the machine's clock stands {behind_ms} ms before the newest transaction of app {app:?}: set it, or say that it is right with --accept-clock"
    )]
    ClockBehind {
        /// Which app.
        app: String,
        /// By how much.
        behind_ms: u64,
    },
    /// The transaction is not there yet.
    #[error("app {app:?} has no transaction {wanted}: its newest is {newest}")]
    NotThere {
        /// Which app.
        app: String,
        /// What was wanted.
        wanted: u64,
        /// What is there.
        newest: u64,
    },
    /// The documents of that moment cannot be made any more.
    #[error(
        "app {app:?} can only be restored to its newest transaction, {newest}: what its documents were before was trimmed by retention; take an older backup"
    )]
    Trimmed {
        /// Which app.
        app: String,
        /// The newest transaction.
        newest: u64,
    },
    /// There are no numbers left.
    #[error(
        "app {app:?} cannot be restored: its txnIds or offsets would be raised beyond what there is room for (2^53; they are raised by 1,000,000 for each second since its last transaction, of this life and of those before)"
    )]
    NumbersExhausted {
        /// Which app.
        app: String,
    },
    /// The app cannot be opened.
    #[error("app {app:?} cannot be restored: {error}")]
    Open {
        /// Which app.
        app: String,
        /// Why.
        error: OpenError,
    },
    /// The directory cannot be read or written.
    #[error(transparent)]
    Directory(#[from] OpenError),
    /// A file cannot be written.
    #[error("{act} {path}: {source}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Why one app cannot.
#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<SegmentError> for AppError {
    fn from(error: SegmentError) -> Self {
        Self::Open(error.into())
    }
}

/// Has every app in `data_dir`, which nobody has open, begin another life; durable when it returns.
///
/// # Errors
/// As [`RestoreError`] says; the directory is then of no use, and is to be made again.
pub fn begin_new_life(data_dir: &Path, life: &NewLife<'_>) -> Result<Vec<RestoredApp>, RestoreError> {
    let _lock = lock(data_dir)?;
    let register = Register::read(data_dir)?.unwrap_or_default();
    let wanted = |name: &AppName| life.only.is_none_or(|only| only == name);
    let restored = register.apps.into_keys().filter(wanted).map(|name| {
        let dir = data_dir.join(APPS).join(name.as_str());
        let app = name.as_str().to_owned();
        begin_app(&dir, name, life).map_err(|error| match error {
            AppError::Restore(error) => error,
            AppError::Open(error) => RestoreError::Open { app, error },
        })
    });
    let restored = restored.collect::<Result<_, _>>()?;
    // By the clock of then this one would be refused.
    let note = data_dir.join(trusted_clock::NOTE_FILE);
    let removed = if note.exists() { files::remove_durably(&note) } else { Ok(()) };
    removed.map_err(|source| RestoreError::Io { act: "cannot remove", path: note, source })?;
    Ok(restored)
}

fn begin_app(dir: &Path, name: AppName, life: &NewLife<'_>) -> Result<RestoredApp, AppError> {
    let app = name.as_str().to_owned();
    let cut = cut::Cut::find(&dir.join(JOURNAL), (life.to)(&name), life.random)?;
    let newest = cut.newest;
    if newest.commit_time_ms > life.now_ms && !life.accept_clock {
        let behind_ms = newest.commit_time_ms - life.now_ms;
        return Err(RestoreError::ClockBehind { app, behind_ms }.into());
    }
    match (life.to)(&name) {
        RestoreTo::Txn(TxnId(wanted)) if wanted >= newest.next_txn => {
            return Err(RestoreError::NotThere { app, wanted, newest: newest.next_txn - 1 }.into());
        }
        _ if cut.is_impossible() => return Err(RestoreError::Trimmed { app, newest: newest.next_txn - 1 }.into()),
        _ => {}
    }
    let rest = cut.make(dir)?;
    let clock = TrustedClock::without_note(Arc::new(Fixed(life.now_ms)));
    let opened = App::open(dir, name.clone(), &StoreOptions::default(), clock, life.random)?;
    let engine_error = |e: EngineError| OpenError::Engine { path: dir.join("documents"), message: e.0 };
    if let Some(rest) = rest {
        rest.put_back(&opened).map_err(|error| of_replay(error, dir))?;
    }
    let engine = &opened.shared.engine;
    let end = engine.position().map_err(engine_error)?.unwrap_or(Position::first());
    let seam = seam(&opened, &end, &newest, life).ok_or(RestoreError::NumbersExhausted { app })?;
    write(&opened, &end, &seam, life)?;
    replay(&opened.shared.journal, engine, &name, Some(end)).map_err(|error| of_replay(error, dir))?;
    engine.persist().and_then(|()| engine.flush()).map_err(engine_error)?;
    opened.stop(Instant::now() + WRITE_OUT_TIMEOUT);
    let transactions_cut = newest.next_txn.saturating_sub(end.next_txn);
    Ok(RestoredApp { name, seam, transactions_cut })
}

/// Where an app goes on that ends at `end`, and of which `newest` was there; `None` if there are no
/// numbers left.
fn seam(app: &App, end: &Position, newest: &Position, life: &NewLife<'_>) -> Option<Seam> {
    let before = app.incarnation();
    // Where no transaction is left: what was there is passed anyway, what came later is counted.
    let since_ms = match (end.next_txn > Position::first().next_txn, newest.commit_time_ms) {
        (true, _) => end.commit_time_ms,
        (false, 0) => life.taken_ms.unwrap_or(0),
        (false, newest_ms) => newest_ms,
    };
    let seconds = life.now_ms.saturating_sub(since_ms) / 1000;
    let by_time = seconds.checked_add(1)?.checked_mul(RAISED_A_SECOND)?;
    // Above all that is there, too: somebody may have seen what is cut.
    let cut = (newest.next_txn - end.next_txn).max(newest.next_offset - end.next_offset);
    let raised = by_time.max(cut + 2);
    let (first_txn, first_offset) = (end.next_txn.checked_add(raised)?, end.next_offset.checked_add(raised)?);
    let after = Incarnation { id: (life.random)(), leader_epoch: before.leader_epoch.checked_add(1)? };
    (first_txn.max(first_offset) < RESTORED_NUMBER_MAX).then_some(Seam {
        before,
        after,
        last_txn: TxnId(end.next_txn - 1),
        end_offset: end.next_offset,
        last_commit_ms: end.commit_time_ms,
        first_txn,
        first_offset,
        restored_ms: life.now_ms.max(end.commit_time_ms),
    })
}

/// Has the journal go on with the seam. The life's own writes are stamped as of another site: what
/// the life before counted as its own, and others may still have, is not this one's.
fn write(app: &App, end: &Position, seam: &Seam, life: &NewLife<'_>) -> Result<(), AppError> {
    let journal = &app.shared.journal;
    let first = Position { next_txn: seam.first_txn, next_offset: seam.first_offset, ..*end };
    let is_empty = end.next_frame == journal.start().first_frame;
    journal.begin_incarnation(seam.after, fresh_site(life.random), end, &first)?;
    if is_empty {
        // The new life's segment has taken the place of the only one.
        let noted = app.shared.engine.note_journal(&JournalNote::of(&journal.active().header));
        let message = |e: EngineError| OpenError::Engine { path: app.shared.dir.join("documents"), message: e.0 };
        noted.map_err(message)?;
    }
    let mut frame = FrameBuilder::with_capacity(128);
    frame.push_entry(EntryKind::Restored, |out| seam.encode(out));
    let header = FrameHeader {
        len_bytes: 0,
        crc: 0,
        frame_number: first.next_frame,
        first_txn: first.next_txn,
        first_offset: first.next_offset,
        commit_time_ms: seam.restored_ms,
        stamp_before: first.stamp_last,
        transactions: 0,
        events: 0,
        event_bytes_max: app.shared.options.event_bytes_max,
        changes_bytes: 0,
        batches_bytes: 0,
        rules_version: RulesVersion::NEWEST.number(),
    };
    let place = journal.place(frame.len_bytes(0), &first)?;
    let (head, header) = frame.finish(header, &[], place.salt());
    journal.append(&place, &head, &[])?;
    place.publish(&header);
    Ok(())
}

fn of_replay(error: ReplayError, dir: &Path) -> OpenError {
    match error {
        ReplayError::Segment(error) => error.into(),
        ReplayError::Engine(error) => OpenError::Engine { path: dir.join("documents"), message: error.0 },
    }
}

/// The one moment of a restore.
#[derive(Debug)]
struct Fixed(u64);

impl WallClock for Fixed {
    fn now_ms(&self) -> u64 {
        self.0
    }
}
