//! Measures the server, its apps and their consumer groups every few seconds, and keeps the numbers.
//!
//! Invariants: one task; it ends with the server, and writes the file then; a round asks nothing that
//! `samples` has not asked already, but for groups and the process's own memory; the file is written
//! once a minute, whole.
//! Not here: the numbers (`timeline`), how far behind a group is (`age`).

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Weak},
};

use operations::Operations;
use store::AppStats;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{
    age, process_memory,
    samples::{Samples, quantile_since},
    timeline::{AppPoint, COARSE_MS, GroupPoint, NONE, Point, ServerPoint, Thing, Timelines},
    timeline_file,
};
use crate::limits::{TIMELINE_GROUPS_MAX, TIMELINE_PERIOD};

/// What has no point for so long is gone.
const FORGOTTEN_MS: u64 = 24 * 60 * 60 * 1000;

/// What is measured, and where it is kept.
#[derive(Debug)]
pub(crate) struct Sampler {
    pub(crate) operations: Weak<Operations>,
    pub(crate) samples: Weak<Samples>,
    pub(crate) timelines: Arc<Timelines>,
    pub(crate) file: PathBuf,
}

/// An app's counters, when a point was made of them.
#[derive(Debug, Clone)]
struct Counted {
    at_ms: u64,
    stats: AppStats,
}

/// What the next points are measured against.
#[derive(Debug, Default)]
struct Before {
    fine: HashMap<String, Counted>,
    coarse: HashMap<String, Counted>,
    /// When the file was written; at first, when the first round was.
    written_ms: Option<u64>,
}

impl Sampler {
    /// Measures until the server stops, or the portal is gone.
    pub(crate) async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut ticks = interval(TIMELINE_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Before::default();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|&stop| stop) => break,
            }
            let (Some(operations), Some(samples)) = (self.operations.upgrade(), self.samples.upgrade()) else { return };
            tokio::select! {
                () = self.round(&operations, &samples, &mut before) => {}
                _ = stopping.wait_for(|&stop| stop) => break,
            }
        }
        self.write().await;
    }

    async fn round(&self, operations: &Arc<Operations>, samples: &Samples, before: &mut Before) {
        let now_ms = operations.clock.now_ms();
        self.measure_server(operations, now_ms).await;
        let mut left = TIMELINE_GROUPS_MAX;
        for topics in operations.topics.all_opened() {
            let app = topics.app().name().as_str().to_owned();
            if let Some(stats) = samples.newest(&app) {
                self.measure_app(&app, Counted { at_ms: now_ms, stats }, before);
            }
            let (groups, _) = operations.groups(&topics).first(left);
            left -= groups.len();
            for group in groups {
                match age::of_group(&topics, &group, 1).await {
                    Ok(times) => {
                        let mut point = [now_ms, 0, 0, 0, 0, 0, 0, 0];
                        point[GroupPoint::EVENTS] = group.lag();
                        point[GroupPoint::AGE_MS] = age::oldest(&times);
                        self.timelines.push(Thing::Group(app.clone(), group.name), point, None);
                    }
                    Err(error) => tracing::debug!(app, group = group.name, %error, "a group's lag cannot be told"),
                }
            }
        }
        let written_ms = *before.written_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(written_ms) >= COARSE_MS {
            self.timelines.forget_before(now_ms.saturating_sub(FORGOTTEN_MS));
            before.written_ms = Some(now_ms);
            self.write().await;
        }
    }

    async fn measure_server(&self, operations: &Arc<Operations>, now_ms: u64) {
        let operations = operations.clone();
        let look = move || (process_memory::resident_bytes(), operations.data_dir.space());
        let Ok((memory, space)) = tokio::task::spawn_blocking(look).await else { return };
        let mut point = [now_ms, 0, 0, 0, 0, 0, 0, 0];
        point[ServerPoint::MEMORY] = memory.unwrap_or(NONE);
        point[ServerPoint::DISK_FREE] = space.map_or(NONE, |space| space.free_bytes);
        self.timelines.push(Thing::Server, point, None);
    }

    fn measure_app(&self, app: &str, now: Counted, before: &mut Before) {
        let of_minute = match before.coarse.get(app) {
            Some(then) if now.at_ms / COARSE_MS > then.at_ms / COARSE_MS => now.since(then),
            Some(_) => None,
            None => {
                before.coarse.insert(app.to_owned(), now.clone());
                None
            }
        };
        if of_minute.is_some() {
            before.coarse.insert(app.to_owned(), now.clone());
        }
        let point = before.fine.insert(app.to_owned(), now.clone()).and_then(|then| now.since(&then));
        if let Some(point) = point {
            self.timelines.push(Thing::App(app.to_owned()), point, of_minute);
        }
    }

    async fn write(&self) {
        let (timelines, file) = (self.timelines.clone(), self.file.clone());
        match tokio::task::spawn_blocking(move || timeline_file::write(&file, &timelines)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the portal's numbers over time cannot be kept"),
            Err(error) => tracing::error!(%error, "keeping the portal's numbers over time failed"),
        }
    }
}

impl Counted {
    /// `None` for a clock that was set back, or an app that was opened again meanwhile.
    fn since(&self, then: &Self) -> Option<Point> {
        let took_ms = self.at_ms.checked_sub(then.at_ms).filter(|took| *took > 0)?;
        let count = self.stats.commit_seconds.count.checked_sub(then.stats.commit_seconds.count)?;
        let rate = |now: u64, then: u64| Some(now.checked_sub(then)?.saturating_mul(1_000_000) / took_ms);
        let micros = |part| {
            let seconds = quantile_since(&self.stats.commit_seconds, &then.stats.commit_seconds, part);
            // Beyond the last bound nothing is known but that.
            let last = || self.stats.commit_seconds.buckets.last().map_or(0.0, |(bound, _)| *bound);
            let seconds = seconds.map(|seconds| if seconds.is_finite() { seconds } else { last() });
            seconds.filter(|_| count > 0).map_or(NONE, |seconds| (seconds * 1e6).round() as u64)
        };
        let mut point = [self.at_ms, 0, 0, 0, 0, 0, 0, 0];
        point[AppPoint::WRITES] = rate(self.stats.transactions, then.stats.transactions)?;
        point[AppPoint::EVENTS] = rate(self.stats.events, then.stats.events)?;
        point[AppPoint::P50] = micros(0.5);
        point[AppPoint::P95] = micros(0.95);
        point[AppPoint::P99] = micros(0.99);
        point[AppPoint::JOURNAL] = self.stats.journal_bytes;
        point[AppPoint::DOCUMENTS] = self.stats.documents_bytes;
        Some(point)
    }
}

#[cfg(test)]
mod tests {
    use store::CommitHistogram;

    use super::*;

    #[test]
    fn a_point_is_what_happened_since_the_last_one() {
        let counted = |at_ms, transactions, below: u64, all: u64| {
            let buckets = vec![(0.001, below), (0.002, all)];
            let commit_seconds = CommitHistogram { buckets, count: all, sum_seconds: 0.0 };
            let stats = AppStats { transactions, events: 2 * transactions, commit_seconds, ..AppStats::default() };
            Counted { at_ms, stats }
        };
        let (first, second) = (counted(1_000, 10, 10, 10), counted(6_000, 110, 60, 110));
        let point = second.since(&first).unwrap();
        assert_eq!((point[0], point[AppPoint::WRITES], point[AppPoint::EVENTS]), (6_000, 20_000, 40_000));
        assert_eq!(point[AppPoint::P50], 1_000, "half of the hundred were below a millisecond");
        assert!((1_800..=2_000).contains(&point[AppPoint::P95]), "{point:?}");
        let idle = counted(11_000, 110, 60, 110).since(&second).unwrap();
        assert_eq!((idle[AppPoint::WRITES], idle[AppPoint::P99]), (0, NONE));
        assert!(first.since(&second).is_none() && counted(20_000, 0, 0, 0).since(&second).is_none());
    }
}
