//! Whether the wall clock can be believed (docs/operating/running.md, "The clock").
//!
//! The guard compares the wall clock with a clock that counts the time since the machine was
//! booted, sleep included. A wall clock that gets ahead of it by more than an hour has jumped.
//! Until it is set back, or somebody says that it is right, no write takes its time: commit times
//! and stamps never fall, so a wrong one would stay for ever.
//!
//! ```text
//!  fine       wall - expected <= tolerance      tolerance: 366 days at a start, then 1 hour
//!  refused    wall - expected  > tolerance      nothing of the wall clock is kept
//!  behind     trusted - wall   > 1 minute       told, and never a reason to refuse
//! ```
//!
//! `expected` is what the wall clock would say now, had it gone on as it was last trusted. It never
//! falls: a clock that was set back may be set forward again. A wall clock that is a little ahead
//! pulls it along, by a tenth of the time that passes: that is more than any time service
//! slews, and less than leaps of half an hour that come one upon another.
//!
//! Invariants: time, and nothing else, is passed in; a refusal ends only by a look at a clock that
//! is within the tolerance, or by an acceptance.
//! Not here: reading clocks, the note on disk, who is told (`trusted_clock`).

use std::fmt;

use crate::limits::{CLOCK_AHEAD_MS_MAX, CLOCK_BEHIND_MS_TOLD, CLOCK_STOPPED_MS_MAX};

/// The time in which a wall clock that is ahead pulls `expected` along by one.
const FOLLOWED_MS_PER_MS: u64 = 10;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockReading {
    /// Milliseconds since the epoch. May jump either way.
    pub(crate) wall_ms: u64,
    /// Milliseconds since some moment, sleep included. Never falls.
    pub(crate) boot_ms: u64,
}

/// What is on disk of the time, at a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LastNote {
    /// There is none: a new directory, or one of a version that took no notes.
    Absent,
    /// It can be read.
    Whole(ClockNote),
    /// It is damaged.
    Unreadable {
        /// Where, and what is wrong.
        reason: String,
    },
}

/// What a start has to know of the time before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockNote {
    /// The latest time that was trusted, ms since the epoch.
    pub(crate) trusted_ms: u64,
    /// What the wall clock said, if it was refused: a restart alone does not accept it.
    pub(crate) refused_ms: Option<u64>,
}

/// How the wall clock stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockStanding {
    /// It goes with the boot-time clock.
    Fine,
    /// It was set back: commit times stand still until it has caught up. Writes are taken.
    Behind {
        /// By how much.
        behind_ms: u64,
    },
    /// It is not believed: no writes are taken.
    Refused(ClockRefusal),
}

/// Why the wall clock is not believed. Its text is what whoever writes is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockRefusal {
    /// It jumped ahead while the server ran.
    #[error("the machine's clock jumped ahead by {}; {}", Span(*ahead_ms), ClockRefusal::WAY_ON)]
    Jumped {
        /// By how much.
        ahead_ms: u64,
    },
    /// At the start it was too far ahead of the time that was last noted.
    #[error(
        "the machine's clock is {} ahead of the time that the server noted last, before its start; {}",
        Span(*ahead_ms),
        ClockRefusal::WAY_ON
    )]
    AheadOfNote {
        /// By how much.
        ahead_ms: u64,
    },
    /// It was refused before the server was restarted, and was not set back since.
    #[error(
        "the machine's clock was refused before the server was restarted, and is {} ahead of the last time that was \
         believed; {}",
        Span(*ahead_ms),
        ClockRefusal::WAY_ON
    )]
    RefusedBefore {
        /// By how much.
        ahead_ms: u64,
    },
    /// The time that was last noted cannot be read, so there is nothing to compare with.
    #[error("the time that the server noted last cannot be read ({reason}); {}", ClockRefusal::WAY_ON)]
    NoteUnreadable {
        /// Where, and what is wrong.
        reason: String,
    },
}

impl ClockRefusal {
    const WAY_ON: &str = "writes are refused until the clock is set right, or is accepted as it is: headwater \
                          accept-clock, POST /admin/v1/accept-clock, or a start with --accept-clock";

    /// By how much the clock is ahead, as far as that is known.
    pub fn ahead_ms(&self) -> u64 {
        match self {
            Self::Jumped { ahead_ms } | Self::AheadOfNote { ahead_ms } | Self::RefusedBefore { ahead_ms } => *ahead_ms,
            Self::NoteUnreadable { .. } => 0,
        }
    }
}

/// A time as people say it: two units at most.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0 / 60_000;
        let (days, hours) = (minutes / (24 * 60), minutes / 60 % 24);
        match (days, hours) {
            (0, 0) => write!(f, "{} min", minutes % 60),
            (0, _) => write!(f, "{hours} h {} min", minutes % 60),
            (1, _) => write!(f, "1 day {hours} h"),
            _ => write!(f, "{days} days {hours} h"),
        }
    }
}

/// What the next look is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The note. No look since the start was within the tolerance.
    Starting,
    /// A note that says that the clock was refused.
    StartingRefused,
    /// The look before.
    Running,
}

/// The state: what was believed of the wall clock until now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClockGuard {
    last: ClockReading,
    /// What the wall clock would say now, had it gone on as it was last trusted.
    expected_ms: u64,
    /// The latest time that was trusted.
    trusted_ms: u64,
    /// How far ahead of `expected_ms` the wall clock is believed.
    tolerance_ms: u64,
    /// Time that has passed and was not yet used to pull `expected_ms` along.
    unspent_ms: u64,
    phase: Phase,
    unreadable: Option<String>,
    jumps_back: u64,
}

impl ClockGuard {
    /// At a start. `reading` is looked at, too.
    pub(crate) fn start(reading: ClockReading, note: &LastNote) -> Self {
        let trusting = |trusted_ms| Self {
            last: reading,
            expected_ms: trusted_ms,
            trusted_ms,
            tolerance_ms: CLOCK_STOPPED_MS_MAX,
            unspent_ms: 0,
            phase: Phase::Starting,
            unreadable: None,
            jumps_back: 0,
        };
        let mut guard = match note {
            LastNote::Absent => trusting(reading.wall_ms),
            LastNote::Whole(note) => {
                let mut guard = trusting(note.trusted_ms);
                if let Some(refused_ms) = note.refused_ms {
                    // A clock that was set right says less than it did when it was refused.
                    let below_refused = refused_ms.saturating_sub(note.trusted_ms).saturating_sub(1);
                    guard.tolerance_ms = below_refused.min(CLOCK_STOPPED_MS_MAX);
                    guard.phase = Phase::StartingRefused;
                }
                guard
            }
            LastNote::Unreadable { reason } => Self { unreadable: Some(reason.clone()), ..trusting(0) },
        };
        guard.look(reading);
        guard
    }

    /// Takes note of both clocks as they are now.
    pub(crate) fn look(&mut self, reading: ClockReading) {
        let elapsed_ms = reading.boot_ms.saturating_sub(self.last.boot_ms);
        self.follow(elapsed_ms);
        self.expected_ms = self.expected_ms.saturating_add(elapsed_ms);
        let went_back_ms = (self.last.wall_ms.saturating_add(elapsed_ms)).saturating_sub(reading.wall_ms);
        self.last = reading;
        if self.refusal().is_none() {
            self.believe(reading);
            if went_back_ms > CLOCK_BEHIND_MS_TOLD && self.behind_ms().is_some() {
                self.jumps_back += 1;
            }
        }
    }

    /// A wall clock that was ahead, and believed, has pulled `expected` along while time passed.
    fn follow(&mut self, elapsed_ms: u64) {
        let ahead_ms = self.last.wall_ms.saturating_sub(self.expected_ms);
        if ahead_ms == 0 || self.refusal().is_some() {
            self.unspent_ms = 0;
            return;
        }
        self.unspent_ms = self.unspent_ms.saturating_add(elapsed_ms);
        self.expected_ms += ahead_ms.min(self.unspent_ms / FOLLOWED_MS_PER_MS);
        self.unspent_ms %= FOLLOWED_MS_PER_MS;
    }

    fn believe(&mut self, reading: ClockReading) {
        if self.phase != Phase::Running {
            // What happened while the server was stopped is nobody's jump.
            self.expected_ms = self.expected_ms.max(reading.wall_ms);
            self.phase = Phase::Running;
        }
        self.trusted_ms = self.trusted_ms.max(reading.wall_ms);
        self.tolerance_ms = CLOCK_AHEAD_MS_MAX;
    }

    /// Somebody says that the wall clock is right as it is.
    pub(crate) fn accept(&mut self, reading: ClockReading) {
        *self = Self {
            expected_ms: reading.wall_ms,
            trusted_ms: reading.wall_ms,
            tolerance_ms: CLOCK_AHEAD_MS_MAX,
            unspent_ms: 0,
            phase: Phase::Running,
            unreadable: None,
            last: reading,
            jumps_back: self.jumps_back,
        };
    }

    /// How the wall clock stood at the last look.
    pub(crate) fn standing(&self) -> ClockStanding {
        match (self.refusal(), self.behind_ms()) {
            (Some(refusal), _) => ClockStanding::Refused(refusal),
            (None, Some(behind_ms)) => ClockStanding::Behind { behind_ms },
            (None, None) => ClockStanding::Fine,
        }
    }

    fn refusal(&self) -> Option<ClockRefusal> {
        if let Some(reason) = &self.unreadable {
            return Some(ClockRefusal::NoteUnreadable { reason: reason.clone() });
        }
        let ahead_ms = self.last.wall_ms.saturating_sub(self.expected_ms);
        let refusal = match self.phase {
            Phase::Starting => ClockRefusal::AheadOfNote { ahead_ms },
            Phase::StartingRefused => ClockRefusal::RefusedBefore { ahead_ms },
            Phase::Running => ClockRefusal::Jumped { ahead_ms },
        };
        (ahead_ms > self.tolerance_ms).then_some(refusal)
    }

    fn behind_ms(&self) -> Option<u64> {
        let behind_ms = self.trusted_ms.saturating_sub(self.last.wall_ms);
        (behind_ms > CLOCK_BEHIND_MS_TOLD).then_some(behind_ms)
    }

    /// The time that may be kept: the wall clock's or, while that is refused, what it would say had
    /// it gone on as it was last trusted. 0 where nothing is known of that.
    pub(crate) fn good_ms(&self) -> u64 {
        match self.refusal() {
            None => self.last.wall_ms,
            Some(_) => self.expected_ms,
        }
    }

    /// The wall clock at the last look.
    pub(crate) fn wall_ms(&self) -> u64 {
        self.last.wall_ms
    }

    /// How often the wall clock was set back since the start.
    pub(crate) fn jumps_back(&self) -> u64 {
        self.jumps_back
    }

    /// What the next start has to know; `None` while there is nothing to say but that the last note
    /// cannot be read.
    pub(crate) fn note(&self) -> Option<ClockNote> {
        match self.refusal() {
            Some(ClockRefusal::NoteUnreadable { .. }) => None,
            refusal => {
                let refused_ms = refusal.map(|_| self.last.wall_ms);
                Some(ClockNote { trusted_ms: self.trusted_ms, refused_ms })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const NOON: u64 = 1_645_472_201_000;

    /// A guard and the two clocks of its machine.
    struct Machine {
        guard: ClockGuard,
        wall_ms: u64,
        boot_ms: u64,
    }

    impl Machine {
        fn started(wall_ms: u64, note: &LastNote) -> Self {
            let guard = ClockGuard::start(ClockReading { wall_ms, boot_ms: 5 }, note);
            Self { guard, wall_ms, boot_ms: 5 }
        }

        fn new() -> Self {
            Self::started(NOON, &LastNote::Absent)
        }

        fn reading(&self) -> ClockReading {
            ClockReading { wall_ms: self.wall_ms, boot_ms: self.boot_ms }
        }

        /// Time passes, and the wall clock is set by so much.
        fn after(&mut self, elapsed_ms: u64, set_by_ms: i64) -> ClockStanding {
            self.boot_ms += elapsed_ms;
            self.wall_ms = (self.wall_ms + elapsed_ms).checked_add_signed(set_by_ms).unwrap();
            self.guard.look(self.reading());
            self.guard.standing()
        }

        fn accept(&mut self) -> ClockStanding {
            self.guard.accept(self.reading());
            self.guard.standing()
        }
    }

    fn noted(trusted_ms: u64) -> LastNote {
        LastNote::Whole(ClockNote { trusted_ms, refused_ms: None })
    }

    fn jumped(ahead_ms: u64) -> ClockStanding {
        ClockStanding::Refused(ClockRefusal::Jumped { ahead_ms })
    }

    #[test]
    fn a_jump_ahead_of_more_than_an_hour_is_refused() {
        let mut machine = Machine::new();
        assert_eq!(machine.after(MINUTE, HOUR as i64), ClockStanding::Fine, "an hour is not more than an hour");
        let mut machine = Machine::new();
        assert_eq!(machine.after(MINUTE, HOUR as i64 + 1), jumped(HOUR + 1));
        assert_eq!(machine.guard.good_ms(), NOON + MINUTE, "what it would say without the jump");
        assert_eq!(machine.after(DAY, 0), jumped(HOUR + 1), "time alone does not make it right");
        assert_eq!(machine.guard.good_ms(), NOON + MINUTE + DAY);
    }

    #[test]
    fn several_jumps_count_together() {
        let mut machine = Machine::new();
        assert_eq!(machine.after(MINUTE, 40 * MINUTE as i64), ClockStanding::Fine);
        assert!(matches!(machine.after(MINUTE, 40 * MINUTE as i64), ClockStanding::Refused(_)));
        let mut machine = Machine::new();
        assert_eq!(machine.after(MINUTE, 40 * MINUTE as i64), ClockStanding::Fine);
        assert_eq!(machine.after(12 * HOUR, 40 * MINUTE as i64), ClockStanding::Fine, "the first is long over");
    }

    #[test]
    fn a_clock_that_is_set_right_again_is_believed() {
        let mut machine = Machine::new();
        machine.after(MINUTE, 3 * HOUR as i64);
        assert_eq!(machine.after(MINUTE, -3 * HOUR as i64), ClockStanding::Fine);
        assert_eq!((machine.guard.good_ms(), machine.guard.jumps_back()), (NOON + 2 * MINUTE, 0));
        machine.after(MINUTE, 3 * HOUR as i64);
        assert_eq!(machine.after(MINUTE, -2 * HOUR as i64), ClockStanding::Fine, "within the tolerance");
    }

    #[test]
    fn an_acceptance_ends_a_refusal_for_good() {
        let mut machine = Machine::new();
        machine.after(MINUTE, 3 * HOUR as i64);
        assert_eq!(machine.accept(), ClockStanding::Fine);
        assert_eq!(machine.after(MINUTE, 0), ClockStanding::Fine);
        assert_eq!(machine.after(MINUTE, 3 * HOUR as i64), jumped(3 * HOUR), "the next jump is another");
    }

    #[test]
    fn a_clock_that_is_set_back_is_told_until_it_has_caught_up() {
        let mut machine = Machine::new();
        assert_eq!(machine.after(MINUTE, -(MINUTE as i64)), ClockStanding::Fine);
        assert_eq!(machine.guard.jumps_back(), 0);
        assert_eq!(machine.after(0, -2 * HOUR as i64), ClockStanding::Behind { behind_ms: 2 * HOUR });
        assert_eq!(machine.after(HOUR, 0), ClockStanding::Behind { behind_ms: HOUR });
        assert_eq!(machine.after(HOUR, 0), ClockStanding::Fine);
        assert_eq!(machine.guard.jumps_back(), 1);
    }

    #[test]
    fn a_clock_that_was_set_back_may_be_set_forward_again() {
        let mut machine = Machine::new();
        machine.after(MINUTE, -(400 * DAY as i64));
        assert_eq!(machine.after(DAY, 400 * DAY as i64), ClockStanding::Fine);
        machine.after(MINUTE, -(DAY as i64));
        assert_eq!(machine.accept(), ClockStanding::Fine, "it is right as it is, and not behind");
        assert_eq!(machine.after(MINUTE, DAY as i64), jumped(DAY));
    }

    #[test]
    fn sleep_and_idleness_are_no_jumps() {
        let mut machine = Machine::new();
        for days in [1, 30, 1000] {
            assert_eq!(machine.after(days * DAY, 0), ClockStanding::Fine);
        }
    }

    #[test]
    fn a_stopped_server_is_asked_after_more_than_366_days() {
        assert_eq!(Machine::started(NOON + 366 * DAY, &noted(NOON)).guard.standing(), ClockStanding::Fine);
        let ahead_ms = 366 * DAY + 1;
        let mut machine = Machine::started(NOON + ahead_ms, &noted(NOON));
        let refused = ClockStanding::Refused(ClockRefusal::AheadOfNote { ahead_ms });
        assert_eq!(machine.guard.standing(), refused);
        assert_eq!((machine.after(MINUTE, 0), machine.guard.good_ms()), (refused, NOON + MINUTE));
        assert_eq!(machine.after(0, -300 * DAY as i64), ClockStanding::Fine, "it was set right");
        assert!(matches!(machine.after(0, 2 * HOUR as i64), ClockStanding::Refused(_)), "and counts from there");
    }

    #[test]
    fn a_restart_alone_accepts_nothing() {
        let mut machine = Machine::new();
        machine.after(MINUTE, 3 * HOUR as i64);
        let note = LastNote::Whole(machine.guard.note().unwrap());
        let restarted = |wall_ms| Machine::started(wall_ms, &note).guard.standing();
        assert_eq!(
            restarted(machine.wall_ms),
            ClockStanding::Refused(ClockRefusal::RefusedBefore { ahead_ms: 3 * HOUR + MINUTE })
        );
        assert_eq!(restarted(machine.wall_ms - 3 * HOUR), ClockStanding::Fine);
        assert_eq!(restarted(NOON - DAY), ClockStanding::Behind { behind_ms: DAY });
    }

    #[test]
    fn without_a_readable_note_somebody_is_asked() {
        let reason = "clock.json is damaged".to_owned();
        let mut machine = Machine::started(NOON, &LastNote::Unreadable { reason: reason.clone() });
        let refused = ClockStanding::Refused(ClockRefusal::NoteUnreadable { reason });
        assert_eq!((machine.after(DAY, 0), machine.guard.note()), (refused, None));
        assert_eq!(machine.accept(), ClockStanding::Fine);
        assert_eq!(machine.guard.note(), Some(ClockNote { trusted_ms: NOON + DAY, refused_ms: None }));
    }

    #[test]
    fn the_note_has_no_time_that_was_not_believed() {
        let mut machine = Machine::new();
        machine.after(MINUTE, 3 * HOUR as i64);
        let refused_ms = Some(NOON + MINUTE + 3 * HOUR);
        assert_eq!(machine.guard.note(), Some(ClockNote { trusted_ms: NOON, refused_ms }));
        machine.after(0, -4 * HOUR as i64);
        assert_eq!(machine.guard.note(), Some(ClockNote { trusted_ms: NOON, refused_ms: None }), "nor an earlier one");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (ms, shown) in [
            (MINUTE, "1 min"),
            (HOUR + 5 * MINUTE, "1 h 5 min"),
            (DAY + HOUR, "1 day 1 h"),
            (400 * DAY + 90 * MINUTE, "400 days 1 h"),
        ] {
            assert_eq!(Span(ms).to_string(), shown);
        }
    }

    proptest! {
        /// A time service may slew, by 8.3 % at most (chrony's default), however often somebody
        /// looks.
        #[test]
        fn a_clock_that_is_slewed_is_never_refused(
            looks in prop::collection::vec((0_u64..2 * HOUR, -83_i64..=83), 1..200),
        ) {
            let mut machine = Machine::new();
            for (elapsed_ms, per_mille) in looks {
                let slewed_ms = elapsed_ms as i64 * per_mille / 1000;
                prop_assert!(!matches!(machine.after(elapsed_ms, slewed_ms), ClockStanding::Refused(_)));
            }
        }

        /// However often somebody looks meanwhile, nothing that is kept runs ahead of the clock by
        /// more than the tolerance and a tenth of the time.
        #[test]
        fn no_time_is_kept_that_is_far_ahead(
            looks in prop::collection::vec((0_u64..HOUR, -(DAY as i64)..DAY as i64), 1..100),
        ) {
            let mut machine = Machine::started(NOON, &LastNote::Absent);
            for (elapsed_ms, set_by_ms) in looks {
                machine.after(elapsed_ms, set_by_ms);
                let elapsed_ms = machine.boot_ms - 5;
                let latest_ms = NOON + elapsed_ms + elapsed_ms / 10 + HOUR;
                prop_assert!(machine.guard.good_ms() <= latest_ms);
                prop_assert!(machine.guard.note().unwrap().trusted_ms <= latest_ms);
            }
        }
    }
}
