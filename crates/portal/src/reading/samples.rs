//! What each app counted lately: a ring of samples, so that pages can show rates and latencies of now instead of
//! since the start.
//!
//! Invariants: one task for all apps, every [`SAMPLE_EVERY`]; at most [`SAMPLES_MAX`] samples an app; it ends with
//! the server. Not here: `/metrics`, which counts since the start and leaves rates to whoever scrapes it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError, Weak},
    time::Duration,
};

use store::{App, AppStats, CommitHistogram};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use topics::{AppTopics, TopicRegistry};

use crate::limits::{SAMPLE_EVERY, SAMPLES_MAX};

/// The rings, by app.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    rings: Mutex<HashMap<String, VecDeque<Sample>>>,
}

/// An app's counters at one moment.
#[derive(Debug, Clone)]
struct Sample {
    at: Instant,
    stats: AppStats,
    /// Events found by each live query since it was last looked up, by topic.
    found: HashMap<String, u64>,
}

/// What happened in an app within the last while.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lately {
    pub(crate) span: Duration,
    pub(crate) transactions: u64,
    pub(crate) events: u64,
    /// Upper bounds in seconds, and how many commits took at most so long.
    pub(crate) commits: Vec<(f64, u64)>,
    /// All commits.
    pub(crate) commit_count: u64,
    /// Events by topic of a live query.
    found: HashMap<String, u64>,
}

impl Samples {
    /// What happened in about the last `span`; `None` until there are two samples.
    pub(crate) fn lately(&self, app: &str, span: Duration) -> Option<Lately> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.get(app)?;
        let newest = ring.back()?;
        let oldest = ring.iter().find(|sample| newest.at.duration_since(sample.at) <= span)?;
        (oldest.at < newest.at).then(|| newest.since(oldest))
    }

    /// The app's counters, as they were sampled last.
    pub(crate) fn newest(&self, app: &str) -> Option<AppStats> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.get(app)?.back().map(|newest| newest.stats.clone())
    }

    fn take_all(&self, topics: &TopicRegistry) {
        for topics in topics.all_opened() {
            self.push(topics.app().name().as_str(), Sample::take(topics.app(), &topics));
        }
    }

    fn push(&self, app: &str, sample: Sample) {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.entry(app.to_owned()).or_default();
        if ring.len() >= SAMPLES_MAX {
            ring.pop_front();
        }
        ring.push_back(sample);
    }
}

impl Sample {
    /// Blocks on disk.
    fn take(app: &App, topics: &AppTopics) -> Self {
        let found = topics.all().into_iter().filter_map(|topic| Some((topic.name().to_owned(), topic.events_found()?)));
        Self { at: Instant::now(), stats: app.stats(), found: found.collect() }
    }

    fn since(&self, before: &Self) -> Lately {
        let (now, then) = (&self.stats.commit_seconds, &before.stats.commit_seconds);
        let found = self.found.iter().map(|(topic, now)| {
            let then = before.found.get(topic).copied().unwrap_or(*now);
            (topic.clone(), now.saturating_sub(then))
        });
        Lately {
            span: self.at.duration_since(before.at),
            transactions: self.stats.transactions.saturating_sub(before.stats.transactions),
            events: self.stats.events.saturating_sub(before.stats.events),
            commits: between(now, then).collect(),
            commit_count: now.count.saturating_sub(then.count),
            found: found.collect(),
        }
    }
}

impl Lately {
    /// So many in a second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.span.as_secs_f64().max(f64::EPSILON)
    }

    /// Events a second on a live query's topic; `None` where that is not known yet.
    pub(crate) fn topic_rate(&self, topic: &str) -> Option<f64> {
        self.found.get(topic).map(|count| self.rate(*count))
    }

    /// In how many seconds this part of the commits was done, as far as the histogram tells; infinite
    /// beyond its last bound. `None` without commits.
    pub(crate) fn commit_quantile(&self, part: f64) -> Option<f64> {
        quantile(&self.commits, self.commit_count, part)
    }
}

/// The same of what was counted between two times.
pub(crate) fn quantile_since(now: &CommitHistogram, then: &CommitHistogram, part: f64) -> Option<f64> {
    let buckets: Vec<_> = between(now, then).collect();
    quantile(&buckets, now.count.saturating_sub(then.count), part)
}

fn between(now: &CommitHistogram, then: &CommitHistogram) -> impl Iterator<Item = (f64, u64)> {
    now.buckets.iter().zip(&then.buckets).map(|(now, then)| (now.0, now.1.saturating_sub(then.1)))
}

/// Within a bucket the commits are taken to lie evenly.
fn quantile(buckets: &[(f64, u64)], count: u64, part: f64) -> Option<f64> {
    let wanted = count as f64 * part;
    let mut below = (0.0, 0);
    for &(bound, at_or_below) in buckets {
        if at_or_below > below.1 && at_or_below as f64 >= wanted {
            let within = (wanted - below.1 as f64).max(0.0) / (at_or_below - below.1) as f64;
            return Some(below.0 + (bound - below.0) * within);
        }
        below = (bound, at_or_below);
    }
    (count > 0).then_some(f64::INFINITY)
}

/// Takes samples until the server stops or the portal is gone.
pub(crate) async fn run(samples: Weak<Samples>, topics: Weak<TopicRegistry>, mut stopping: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let (Some(samples), Some(topics)) = (samples.upgrade(), topics.upgrade()) else { return };
        if let Err(error) = tokio::task::spawn_blocking(move || samples.take_all(&topics)).await {
            tracing::error!(%error, "the portal cannot sample the apps' numbers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, events: u64, buckets: &[u64], count: u64) -> Sample {
        let bounds = [0.001, 0.01, 0.1];
        let buckets = bounds.into_iter().zip(buckets.iter().copied()).collect();
        let commit_seconds = CommitHistogram { buckets, count, sum_seconds: 0.0 };
        let stats = AppStats { events, commit_seconds, ..AppStats::default() };
        Sample { at, stats, found: HashMap::from([("t".to_owned(), events / 2)]) }
    }

    #[test]
    fn only_what_is_new_counts() {
        let (samples, start) = (Samples::default(), Instant::now());
        assert_eq!(samples.lately("shop", Duration::from_secs(60)), None);
        samples.push("shop", sample(start, 100, &[10, 10, 10], 10));
        assert_eq!(samples.lately("shop", Duration::from_secs(60)), None);
        samples.push("shop", sample(start + Duration::from_secs(10), 150, &[60, 108, 109], 110));
        let lately = samples.lately("shop", Duration::from_secs(60)).unwrap();
        assert_eq!(
            (lately.rate(lately.events), lately.topic_rate("t"), lately.topic_rate("x")),
            (5.0, Some(2.5), None)
        );
        let quantiles = [0.5, 0.9, 0.99, 1.0].map(|part| lately.commit_quantile(part).unwrap());
        assert_eq!(quantiles[3], f64::INFINITY);
        let near = [0.001, 0.0085, 0.1].into_iter().zip(quantiles);
        assert!(near.clone().all(|(wanted, is)| (is - wanted).abs() < 0.02 * wanted.max(0.05)), "{quantiles:?}");
    }

    #[test]
    fn the_ring_is_bounded_and_the_span_kept() {
        let (samples, start) = (Samples::default(), Instant::now());
        for n in 0..SAMPLES_MAX as u64 + 5 {
            samples.push("shop", sample(start + Duration::from_secs(n), n, &[], 0));
        }
        assert_eq!(samples.rings.lock().unwrap()["shop"].len(), SAMPLES_MAX);
        assert_eq!(samples.lately("shop", Duration::from_secs(10)).unwrap().events, 10);
        assert_eq!(samples.lately("shop", Duration::from_secs(10)).unwrap().commit_quantile(0.5), None);
    }
}
