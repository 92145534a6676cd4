//! How far groups were behind lately: a sample every few seconds, for the newest while.
//!
//! Invariants: groups and samples are bounded; a group that is gone is forgotten; the task ends with the server and holds nothing between
//! two samples.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError, Weak},
};

use operations::Operations;
use tokio::{sync::watch, time::interval};

use crate::{
    limits::{LAG_GROUPS_MAX, LAG_PERIOD, LAG_SAMPLES_MAX},
    reading::age,
};

/// A group's lag at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at_ms: u64,
    pub(crate) events: u64,
    pub(crate) age_ms: u64,
}

/// Samples of every group, by app and group.
#[derive(Debug, Default)]
pub(crate) struct LagHistory {
    rings: Mutex<HashMap<(String, String), VecDeque<Sample>>>,
}

impl LagHistory {
    /// The group's samples, the oldest first.
    pub(crate) fn of(&self, app: &str, group: &str) -> Vec<Sample> {
        let rings = self.lock();
        rings.get(&(app.to_owned(), group.to_owned())).map(|ring| ring.iter().copied().collect()).unwrap_or_default()
    }

    /// Takes in one round of samples; groups that are not in it are forgotten.
    fn take(&self, round: Vec<(String, String, Sample)>) {
        let mut rings = self.lock();
        let mut kept = HashMap::with_capacity(round.len());
        for (app, group, sample) in round.into_iter().take(LAG_GROUPS_MAX) {
            let key = (app, group);
            let mut ring = rings.remove(&key).unwrap_or_default();
            if ring.len() >= LAG_SAMPLES_MAX {
                ring.pop_front();
            }
            ring.push_back(sample);
            kept.insert(key, ring);
        }
        *rings = kept;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), VecDeque<Sample>>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples until the server stops.
pub(crate) async fn run(history: Weak<LagHistory>, operations: Weak<Operations>, mut stopping: watch::Receiver<bool>) {
    let mut ticks = interval(LAG_PERIOD);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|&stop| stop) => return,
        }
        let (Some(history), Some(operations)) = (history.upgrade(), operations.upgrade()) else { return };
        tokio::select! {
            round = sample(&operations) => history.take(round),
            _ = stopping.wait_for(|&stop| stop) => return,
        }
    }
}

async fn sample(operations: &Operations) -> Vec<(String, String, Sample)> {
    let mut round = Vec::new();
    for topics in operations.topics.all_opened() {
        let app = topics.app().name().as_str().to_owned();
        let (groups, _) = operations.groups(&topics).first(LAG_GROUPS_MAX - round.len());
        for group in groups {
            let at_ms = operations.clock.now_ms();
            match age::of_group(&topics, &group, 1).await {
                Ok(times) => {
                    let sample = Sample { at_ms, events: group.lag(), age_ms: age::oldest(&times) };
                    round.push((app.clone(), group.name, sample));
                }
                Err(error) => tracing::debug!(app, group = group.name, %error, "a group's lag cannot be told"),
            }
        }
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_bounded_and_groups_that_are_gone_are_forgotten() {
        let history = LagHistory::default();
        let sample = |at_ms| Sample { at_ms, events: at_ms, age_ms: 0 };
        for at_ms in 0..LAG_SAMPLES_MAX as u64 + 2 {
            history.take(vec![("a".into(), "g".into(), sample(at_ms))]);
        }
        let samples = history.of("a", "g");
        assert_eq!((samples.len(), samples[0]), (LAG_SAMPLES_MAX, sample(2)));
        let many = (0..LAG_GROUPS_MAX + 5).map(|n| ("a".into(), n.to_string(), sample(0)));
        history.take(many.collect());
        assert_eq!((history.of("a", "g").len(), history.lock().len()), (0, LAG_GROUPS_MAX));
    }
}
