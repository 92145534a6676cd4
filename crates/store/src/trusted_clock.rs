//! The clock that everything is dated by: the machine's wall clock, as far as it can be believed.
//!
//! ```text
//! <data-dir>/clock.json
//! {"version":2,"crc32c":"1b2c3d4e"}
//! {"trustedMs":1645472201000,"refusedMs":null}
//! ```
//! `trustedMs` is the latest time that was believed, `refusedMs` what the wall clock said while it
//! was refused. The server writes it at its start, once a minute, when the clock's standing
//! changes, and at its stop.
//!
//! Invariants: whoever asks it for the time has the clocks compared first; the note never has a
//! time as trusted that was refused; a note of a newer version stops a start, unless the clock is
//! accepted with it, and a damaged one only has writes refused.
//! Not here: what is believed, and for how long (`clock_guard`); when the note is written (crate
//! `server`).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use document::Value;
use files::{Sealed, UnsealError};

use crate::{
    clock_guard::{ClockGuard, ClockNote, ClockReading, ClockRefusal, ClockStanding, LastNote},
    commit::CommitError,
    open_error::OpenError,
    options::WallClock,
};

/// The note, in the data directory.
pub(crate) const NOTE_FILE: &str = "clock.json";

/// The format of the note that this version writes; there was no note before version 2 of the
/// directory.
const NOTE_VERSION: u32 = 2;

/// The wall clock of a data directory, guarded. Reading it costs two looks at a clock and a lock
/// that nobody holds for long.
#[derive(Debug)]
pub struct TrustedClock {
    clock: Arc<dyn WallClock>,
    guard: Mutex<ClockGuard>,
    path: PathBuf,
    /// Held while the note is written, so that an older one never replaces a newer one.
    writing: Mutex<()>,
}

/// How the clock stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockState {
    /// Whether it is believed.
    pub standing: ClockStanding,
    /// What the wall clock says, ms since the epoch.
    pub wall_ms: u64,
    /// What it would say if it had gone on as it was last believed; `None` where that is not known.
    pub expected_ms: Option<u64>,
    /// How often it was set back since the start.
    pub jumps_back: u64,
}

impl ClockState {
    /// Why no writes are taken, if so.
    pub fn refusal(&self) -> Option<&ClockRefusal> {
        match &self.standing {
            ClockStanding::Refused(refusal) => Some(refusal),
            ClockStanding::Fine | ClockStanding::Behind { .. } => None,
        }
    }
}

/// What the store dates by.
pub(crate) struct Time {
    /// May be kept, also while the clock is refused.
    pub(crate) good_ms: u64,
    /// While it is there, no write is taken, and nothing goes for being old.
    pub(crate) refusal: Option<ClockRefusal>,
}

impl Time {
    /// The time, if the clock is believed.
    pub(crate) fn believed_ms(&self) -> Option<u64> {
        self.refusal.is_none().then_some(self.good_ms)
    }

    pub(crate) fn obstacle(&self) -> Option<CommitError> {
        self.refusal.clone().map(CommitError::ClockRefused)
    }
}

impl TrustedClock {
    /// Compares the clock with the note in `data_dir`; `accept` takes the clock as it is.
    pub(crate) fn open(data_dir: &Path, clock: Arc<dyn WallClock>, accept: bool) -> Result<Self, OpenError> {
        let path = data_dir.join(NOTE_FILE);
        let note = match read_note(&path) {
            Err(error) if accept => {
                tracing::warn!(%error, "the time that was noted last is not looked at: the clock was accepted");
                LastNote::Absent
            }
            note => note?,
        };
        let this = Self::after(note, clock, path);
        match this.state().standing {
            ClockStanding::Fine => {}
            standing if accept => {
                this.guard().accept(this.reading());
                tracing::warn!(?standing, "the clock was accepted as it is");
            }
            ClockStanding::Refused(refusal) => tracing::error!("{refusal}"),
            ClockStanding::Behind { behind_ms } => tell_behind(behind_ms),
        }
        Ok(this)
    }

    /// A clock without a note before.
    pub(crate) fn without_note(clock: Arc<dyn WallClock>) -> Arc<Self> {
        Arc::new(Self::after(LastNote::Absent, clock, PathBuf::new()))
    }

    fn after(note: LastNote, clock: Arc<dyn WallClock>, path: PathBuf) -> Self {
        let reading = read_clocks(&*clock);
        let guard = Mutex::new(ClockGuard::start(reading, &note));
        Self { clock, guard, path, writing: Mutex::new(()) }
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, ClockGuard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> ClockReading {
        read_clocks(&*self.clock)
    }

    /// Looks at both clocks, and logs what has changed.
    fn look(&self) -> std::sync::MutexGuard<'_, ClockGuard> {
        let mut guard = self.guard();
        let before = guard.standing();
        // Under the lock, so that looks come in the order of their readings.
        guard.look(self.reading());
        match (before, guard.standing()) {
            (ClockStanding::Refused(_), ClockStanding::Refused(_))
            | (ClockStanding::Behind { .. }, ClockStanding::Behind { .. })
            | (ClockStanding::Fine, ClockStanding::Fine) => {}
            (_, ClockStanding::Refused(refusal)) => tracing::error!("{refusal}"),
            (_, ClockStanding::Behind { behind_ms }) => tell_behind(behind_ms),
            (ClockStanding::Refused(_), ClockStanding::Fine) => {
                tracing::info!("the machine's clock was set right: writes are taken again");
            }
            (ClockStanding::Behind { .. }, ClockStanding::Fine) => {
                tracing::info!("the machine's clock has caught up with the latest time that was kept");
            }
        }
        guard
    }

    /// The time for what is kept.
    pub(crate) fn time(&self) -> Time {
        let guard = self.look();
        let refusal = match guard.standing() {
            ClockStanding::Refused(refusal) => Some(refusal),
            ClockStanding::Fine | ClockStanding::Behind { .. } => None,
        };
        Time { good_ms: guard.good_ms(), refusal }
    }

    /// How the clock stands now.
    pub fn state(&self) -> ClockState {
        state_of(&self.look())
    }

    /// Takes the clock as it is, and notes that at once; gives how it stood. Blocks on disk.
    ///
    /// # Errors
    /// If it cannot be noted. Then it is accepted all the same, until the next start.
    pub fn accept(&self) -> (ClockState, std::io::Result<()>) {
        let before = {
            let mut guard = self.look();
            let before = state_of(&guard);
            guard.accept(self.reading());
            before
        };
        tracing::warn!(?before, "the clock was accepted as it is");
        (before, self.note())
    }

    /// Notes the time for the next start, durably. Blocks on disk.
    pub fn note(&self) -> std::io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let note = self.look().note();
        note.map_or(Ok(()), |note| {
            let sealed = files::seal(NOTE_VERSION, &body_of(note));
            files::write_whole(&self.path, sealed.as_bytes(), files::PRIVATE_FILE)
        })
    }
}

/// For dates of keys, certificates and sessions: while the wall clock is refused, what it would say
/// had it gone on as before.
impl WallClock for TrustedClock {
    fn now_ms(&self) -> u64 {
        let guard = self.look();
        match guard.good_ms() {
            // Nothing better is known.
            0 => guard.wall_ms(),
            good_ms => good_ms,
        }
    }

    fn boot_ms(&self) -> u64 {
        self.clock.boot_ms()
    }
}

/// The wall clock first: whatever comes between makes the wall clock look late, never ahead.
fn read_clocks(clock: &dyn WallClock) -> ClockReading {
    let wall_ms = clock.now_ms();
    ClockReading { wall_ms, boot_ms: clock.boot_ms() }
}

fn state_of(guard: &ClockGuard) -> ClockState {
    let (standing, wall_ms, jumps_back) = (guard.standing(), guard.wall_ms(), guard.jumps_back());
    let is_known = !matches!(standing, ClockStanding::Refused(ClockRefusal::NoteUnreadable { .. }));
    ClockState { standing, wall_ms, expected_ms: is_known.then(|| guard.good_ms()), jumps_back }
}

fn tell_behind(behind_ms: u64) {
    tracing::warn!(
        behind_ms,
        "the machine's clock was set back: commit times stand still until it has caught up; if it is right, \
         headwater accept-clock says so"
    );
}

fn body_of(ClockNote { trusted_ms, refused_ms }: ClockNote) -> String {
    let refused = refused_ms.map_or("null".to_owned(), |ms| ms.to_string());
    format!("{{\"trustedMs\":{trusted_ms},\"refusedMs\":{refused}}}")
}

/// The latest time that the server of a data directory believed, in ms since the epoch, as its note
/// says: nothing that is there was committed later by much, and what it has not was committed
/// later. `None` without a note that can be read.
///
/// # Errors
/// The note cannot be read, or is a newer version's.
pub fn noted_time_ms(data_dir: &Path) -> Result<Option<u64>, OpenError> {
    match read_note(&data_dir.join(NOTE_FILE))? {
        LastNote::Whole(note) => Ok(Some(note.trusted_ms)),
        LastNote::Absent | LastNote::Unreadable { .. } => Ok(None),
    }
}

/// What is wrong with the note in `data_dir`, if it is damaged.
pub(crate) fn note_damage(data_dir: &Path) -> Result<Option<String>, OpenError> {
    match read_note(&data_dir.join(NOTE_FILE))? {
        LastNote::Unreadable { reason } => Ok(Some(reason)),
        LastNote::Absent | LastNote::Whole(_) => Ok(None),
    }
}

fn read_note(path: &Path) -> Result<LastNote, OpenError> {
    let io = |source| OpenError::Io { act: "cannot read", path: path.to_owned(), source };
    let Some(bytes) = files::read(path).map_err(io)? else { return Ok(LastNote::Absent) };
    let unreadable = |why: &str| LastNote::Unreadable { reason: format!("{}: {why}", path.display()) };
    let read = match files::unseal(&bytes, NOTE_VERSION) {
        Ok(Sealed::Whole { body, .. }) => parse(body).map(LastNote::Whole),
        Ok(Sealed::Unsealed) => None,
        Err(UnsealError::NewerFormat { found, known }) => {
            return Err(OpenError::NewerFormat { path: path.to_owned(), found, known });
        }
        Err(error @ UnsealError::Damaged(_)) => return Ok(unreadable(&error.to_string())),
    };
    Ok(read.unwrap_or_else(|| unreadable("it does not say what time it was")))
}

/// `None` for anything but what [`body_of`] writes.
fn parse(body: &str) -> Option<ClockNote> {
    let Ok(Value::Map(map)) = Value::from_json(body.as_bytes()) else { return None };
    let time = |value: &Value| match value {
        Value::Int(ms) => u64::try_from(*ms).ok(),
        _ => None,
    };
    let trusted_ms = time(map.field("trustedMs")?)?;
    let refused_ms = match map.field("refusedMs")? {
        Value::Null => None,
        value => Some(time(value)?),
    };
    (map.len() == 2).then_some(ClockNote { trusted_ms, refused_ms })
}
