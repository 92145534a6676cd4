//! Numbers over time, for the charts: of the server, of each app, of each consumer group.
//!
//! Each has two rings: a point every 5 seconds for the newest hour, one every minute for the newest
//! day. Invariants: things and points are bounded; a point is eight numbers, the first of them its
//! time; a point that is not newer than the last is left out. A minute's point of an app is measured
//! over the minute, of anything else it is the greatest of its points, so that no peak is lost.
//! Not here: measuring (`sampler`), the file that keeps them over a restart (`timeline_file`).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::limits::{TIMELINE_APPS_MAX, TIMELINE_GROUPS_MAX};

/// Between two points of the fine ring, and of the coarse one.
pub(crate) const FINE_MS: u64 = 5_000;
/// See [`FINE_MS`].
pub(crate) const COARSE_MS: u64 = 60_000;
/// Points of the fine ring: an hour.
pub(crate) const FINE_POINTS: usize = 720;
/// Points of the coarse ring: a day.
pub(crate) const COARSE_POINTS: usize = 1440;

/// Stands where there is no number: no commit, no gap.
pub(crate) const NONE: u64 = u64::MAX;

/// The time, ms since the epoch, then what was measured: see [`AppPoint`], [`ServerPoint`] and
/// [`GroupPoint`]. Never renumbered.
pub(crate) type Point = [u64; 8];

/// What is measured. Ordered as in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    /// The process and its disk.
    Server,
    /// An app, by its name.
    App(String),
    /// A consumer group, by its app and its name.
    Group(String, String),
}

/// Where the numbers of an app stand in its points.
pub(crate) struct AppPoint;

impl AppPoint {
    /// Transactions in 1,000 seconds.
    pub(crate) const WRITES: usize = 1;
    /// Events in 1,000 seconds.
    pub(crate) const EVENTS: usize = 2;
    /// Commit latency in microseconds: half, 95 and 99 of 100 took at most so long.
    pub(crate) const P50: usize = 3;
    /// See [`AppPoint::P50`].
    pub(crate) const P95: usize = 4;
    /// See [`AppPoint::P50`].
    pub(crate) const P99: usize = 5;
    /// Bytes.
    pub(crate) const JOURNAL: usize = 6;
    /// Bytes.
    pub(crate) const DOCUMENTS: usize = 7;
}

/// Where the numbers of the server stand in its points.
pub(crate) struct ServerPoint;

impl ServerPoint {
    /// Resident bytes.
    pub(crate) const MEMORY: usize = 1;
    /// Bytes.
    pub(crate) const DISK_FREE: usize = 2;
}

/// Where the numbers of a consumer group stand in its points.
pub(crate) struct GroupPoint;

impl GroupPoint {
    /// Events behind.
    pub(crate) const EVENTS: usize = 1;
    /// Milliseconds behind.
    pub(crate) const AGE_MS: usize = 2;
}

/// The points of one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rings {
    pub(crate) fine: VecDeque<Point>,
    pub(crate) coarse: VecDeque<Point>,
}

/// All points.
#[derive(Debug, Default)]
pub(crate) struct Timelines {
    rings: Mutex<BTreeMap<Thing, Rings>>,
}

impl Timelines {
    /// With what a file had.
    pub(crate) fn of(rings: BTreeMap<Thing, Rings>) -> Self {
        Self { rings: Mutex::new(rings) }
    }

    /// Takes in a point; with what the app's minute came to, if one has ended.
    pub(crate) fn push(&self, thing: Thing, point: Point, of_minute: Option<Point>) {
        let mut rings = self.lock();
        if !rings.contains_key(&thing) && !has_room(&rings, &thing) {
            return;
        }
        let ring = rings.entry(thing).or_default();
        let minute = |point: &Point| point[0] / COARSE_MS;
        let is_next_minute = ring.fine.back().is_some_and(|last| minute(last) < minute(&point));
        if let Some(coarse) = of_minute.or_else(|| is_next_minute.then(|| ring.greatest_of_last_minute()).flatten()) {
            keep(&mut ring.coarse, coarse, COARSE_POINTS);
        }
        keep(&mut ring.fine, point, FINE_POINTS);
    }

    /// The points of the newest `span_ms`, the oldest first, from the ring that reaches so far.
    pub(crate) fn points(&self, thing: &Thing, now_ms: u64, span_ms: u64) -> Vec<Point> {
        let rings = self.lock();
        let Some(rings) = rings.get(thing) else { return Vec::new() };
        let ring = if span_ms <= FINE_MS * FINE_POINTS as u64 { &rings.fine } else { &rings.coarse };
        let from_ms = now_ms.saturating_sub(span_ms);
        ring.iter().filter(|point| point[0] >= from_ms && point[0] <= now_ms).copied().collect()
    }

    /// What was measured last.
    pub(crate) fn latest(&self, thing: &Thing) -> Option<Point> {
        self.lock().get(thing)?.fine.back().copied()
    }

    /// The consumer groups of an app that have points since `from_ms`.
    pub(crate) fn groups(&self, app: &str, from_ms: u64) -> Vec<String> {
        let is_seen = |rings: &Rings| rings.fine.back().is_some_and(|last| last[0] >= from_ms);
        let rings = self.lock();
        let named = rings.iter().filter_map(|(thing, rings)| match thing {
            Thing::Group(of, name) if of == app && is_seen(rings) => Some(name.clone()),
            _ => None,
        });
        named.collect()
    }

    /// Forgets what has no point since `from_ms`: an app or a group that is gone.
    pub(crate) fn forget_before(&self, from_ms: u64) {
        self.lock().retain(|_, rings| rings.fine.back().is_some_and(|last| last[0] >= from_ms));
    }

    /// Everything, for the file.
    pub(crate) fn all(&self) -> BTreeMap<Thing, Rings> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Thing, Rings>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rings {
    /// Of the newest minute that the fine ring has, the greatest of each number; [`NONE`] only where
    /// there is no other.
    fn greatest_of_last_minute(&self) -> Option<Point> {
        let last = self.fine.back()?;
        let is_of_it = |point: &&Point| point[0] / COARSE_MS == last[0] / COARSE_MS;
        let greater = |a: u64, b: u64| match (a, b) {
            (NONE, other) | (other, NONE) => other,
            (a, b) => a.max(b),
        };
        self.fine.iter().rev().take_while(is_of_it).copied().reduce(|a, b| std::array::from_fn(|n| greater(a[n], b[n])))
    }
}

/// A new thing is taken while there is room for its kind.
fn has_room(rings: &BTreeMap<Thing, Rings>, thing: &Thing) -> bool {
    let count = |is_kind: fn(&Thing) -> bool| rings.keys().filter(|known| is_kind(known)).count();
    match thing {
        Thing::Server => true,
        Thing::App(_) => count(|it| matches!(it, Thing::App(_))) < TIMELINE_APPS_MAX,
        Thing::Group(..) => count(|it| matches!(it, Thing::Group(..))) < TIMELINE_GROUPS_MAX,
    }
}

fn keep(ring: &mut VecDeque<Point>, point: Point, points_max: usize) {
    // A clock that was set back: what it says again is not told twice.
    if ring.back().is_some_and(|last| last[0] >= point[0]) {
        return;
    }
    if ring.len() >= points_max {
        ring.pop_front();
    }
    ring.push_back(point);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: u64, number: u64) -> Point {
        [at_ms, number, 0, 0, 0, 0, 0, 0]
    }

    #[test]
    fn the_hour_is_fine_and_the_day_is_coarse() {
        let timelines = Timelines::default();
        let day = 17_280;
        for n in 0..=day {
            timelines.push(Thing::Server, point(n * FINE_MS, n), None);
        }
        let now_ms = day * FINE_MS;
        let fine = timelines.points(&Thing::Server, now_ms, 15 * 60_000);
        assert_eq!((fine.len(), fine[180]), (181, point(now_ms, day)));
        let coarse = timelines.points(&Thing::Server, now_ms, 24 * 3_600_000);
        assert_eq!(coarse.len(), COARSE_POINTS);
        assert_eq!(coarse[0], point(55_000, 11), "the greatest of the first minute, at its end");
        let rings = timelines.all();
        assert_eq!(rings[&Thing::Server].fine.len(), FINE_POINTS);
    }

    #[test]
    fn no_number_gives_way_to_one_and_a_clock_that_was_set_back_to_none() {
        let timelines = Timelines::default();
        let app = || Thing::App("shop".into());
        for at_ms in [5_000, 10_000, 60_000] {
            let mut point = point(at_ms, 1);
            point[AppPoint::P50] = if at_ms == 10_000 { 7 } else { NONE };
            timelines.push(app(), point, None);
        }
        timelines.push(app(), point(30_000, 9), None);
        assert_eq!(timelines.points(&app(), 60_000, 60_000).len(), 3);
        assert_eq!(timelines.all()[&app()].coarse[0][AppPoint::P50], 7);
        let measured = point(120_000, 5);
        timelines.push(app(), point(120_000, 6), Some(measured));
        assert_eq!(timelines.all()[&app()].coarse.back(), Some(&measured));
    }

    #[test]
    fn things_are_bounded_and_what_is_gone_makes_room() {
        let timelines = Timelines::default();
        let group = |n: usize| Thing::Group("shop".into(), format!("g-{n:04}"));
        for n in 0..TIMELINE_GROUPS_MAX + 5 {
            timelines.push(group(n), point(1_000, 1), None);
        }
        timelines.push(Thing::App("shop".into()), point(1_000, 1), None);
        assert_eq!(timelines.groups("shop", 0).len(), TIMELINE_GROUPS_MAX);
        assert!(timelines.groups("other", 0).is_empty() && timelines.groups("shop", 1_001).is_empty());
        timelines.push(group(0), point(6_000, 1), None);
        timelines.forget_before(2_000);
        assert_eq!(timelines.groups("shop", 0), ["g-0000"]);
        timelines.push(group(9_999), point(6_000, 1), None);
        assert_eq!(timelines.groups("shop", 0).len(), 2);
    }
}
