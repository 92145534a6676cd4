//! Connections whose client takes nothing of a response at the moment, and which of them goes when
//! others wait for the room that it holds.
//!
//! Invariants: only one that has taken nothing for [`limits::STALL_MIN`] goes, and the longest
//! stalled goes first; whatever is taken begins its stall anew.
//! Not here: when somebody waits (`admission`), and what ends a connection for which nobody waits
//! (`connection::stream`).

use std::{collections::BTreeMap, sync::Arc};

use tokio::{sync::Notify, time::Instant};

use super::user_key::UserKey;
use crate::limits;

/// All that take nothing now and hold bytes of a response.
#[derive(Debug, Default)]
pub(super) struct Stalled {
    next_id: u64,
    /// The longest stalled first.
    by_age: BTreeMap<u64, StalledOne>,
}

#[derive(Debug)]
struct StalledOne {
    key: Arc<UserKey>,
    since: Instant,
    cut: Arc<Notify>,
}

/// Whose room somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    User,
    App,
    All,
}

impl Level {
    fn is_shared(self, one: &UserKey, other: &UserKey) -> bool {
        match self {
            Level::User => one == other,
            Level::App => one.app == other.app,
            Level::All => true,
        }
    }
}

impl Stalled {
    /// One more, whose client takes nothing from `since` on. It is told by `cut` if it must go.
    pub(super) fn begin(&mut self, key: Arc<UserKey>, since: Instant, cut: Arc<Notify>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.by_age.insert(id, StalledOne { key, since, cut });
        id
    }

    /// Its client takes something again, or it has ended.
    pub(super) fn end(&mut self, id: u64) {
        self.by_age.remove(&id);
    }

    /// Cuts the longest stalled one of those that share a level with `key`, if it has stalled for
    /// long enough; gives when that can be the case next.
    pub(super) fn cut_longest(&mut self, level: Level, key: &UserKey, now: Instant) -> Instant {
        let mut sharing = self.by_age.iter().filter(|(_, one)| level.is_shared(&one.key, key));
        match sharing.next().map(|(id, one)| (*id, one.since + limits::STALL_MIN)) {
            None => now + limits::STALL_MIN,
            Some((_, due)) if due > now => due,
            Some((id, _)) => {
                let due = sharing.next().map_or(now + limits::STALL_MIN, |(_, one)| one.since + limits::STALL_MIN);
                if let Some(one) = self.by_age.remove(&id) {
                    one.cut.notify_one();
                }
                due.max(now + limits::CUT_PAUSE)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(app: &str, user: &str) -> Arc<UserKey> {
        Arc::new(UserKey { app: app.into(), user: user.into() })
    }

    fn is_cut(cut: &Notify) -> bool {
        use std::future::Future as _;
        let mut waiting = std::pin::pin!(cut.notified());
        waiting.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn the_longest_stalled_goes_and_only_after_a_while() {
        let (start, ann) = (Instant::now(), key("shop", "ann"));
        let mut stalled = Stalled::default();
        assert_eq!(stalled.cut_longest(Level::User, &ann, start), start + limits::STALL_MIN);
        let cuts: [Arc<Notify>; 3] = Default::default();
        let later = start + limits::STALL_MIN / 2;
        let first = stalled.begin(ann.clone(), start, cuts[0].clone());
        stalled.begin(ann.clone(), later, cuts[1].clone());
        assert_eq!(stalled.cut_longest(Level::User, &ann, later), start + limits::STALL_MIN, "not yet");
        // The first takes something, and stalls again.
        stalled.end(first);
        stalled.begin(ann.clone(), later, cuts[2].clone());
        assert_eq!(stalled.cut_longest(Level::User, &ann, start + limits::STALL_MIN), later + limits::STALL_MIN);
        let due = later + limits::STALL_MIN;
        assert_eq!(stalled.cut_longest(Level::User, &ann, due), due + limits::CUT_PAUSE, "one at a time");
        assert_eq!(cuts.each_ref().map(|cut| is_cut(cut)), [false, true, false]);
        stalled.cut_longest(Level::User, &ann, due);
        assert!(is_cut(&cuts[2]) && stalled.by_age.is_empty());
    }

    #[test]
    fn only_those_go_whose_room_it_is() {
        let start = Instant::now();
        let mut stalled = Stalled::default();
        let all = [key("shop", "ann"), key("shop", "ben"), key("other", "ann")];
        let cuts: [Arc<Notify>; 3] = Default::default();
        for (key, cut) in all.iter().zip(&cuts) {
            stalled.begin(key.clone(), start, cut.clone());
        }
        let due = start + limits::STALL_MIN;
        stalled.cut_longest(Level::User, &all[2], due);
        assert_eq!(cuts.each_ref().map(|cut| is_cut(cut)), [false, false, true]);
        stalled.cut_longest(Level::App, &all[1], due);
        assert_eq!(cuts.each_ref().map(|cut| is_cut(cut)), [true, false, false]);
        stalled.cut_longest(Level::All, &all[2], due);
        assert!(is_cut(&cuts[1]));
    }
}
