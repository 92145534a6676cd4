//! Events of a topic page by page: back from a place, on from a place, and the place that a time or
//! an offset means.
//!
//! Invariants: a search ends when it has found a page, or where its bounds say; whatever it did
//! not look at lies below `older` or from `newer` on, so that the next search goes on exactly there.

use std::time::Instant;

use super::{
    catch::Catch,
    feed::{Feed, READ_BYTES},
    positions::Positions,
};
use crate::{failure::Failure, options::SearchBounds};

/// How far one step back goes, in offsets: at first, and at most.
const STEP_MIN: u64 = 64;
const STEP_MAX: u64 = 4096;

/// Bytes that one step back reads of a partition. Where there is more it goes back less far.
const STEP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A page of events.
#[derive(Debug)]
pub(crate) struct EventsPage {
    pub(crate) catch: Catch,
    /// Below it is what is older, looked at or not.
    pub(crate) older: Positions,
    /// From it on is what is newer, looked at or not.
    pub(crate) newer: Positions,
}

impl Feed {
    /// The newest `take` events below `newer`.
    pub(crate) async fn newest(
        &self,
        newer: Positions,
        take: usize,
        bounds: SearchBounds,
    ) -> Result<EventsPage, Failure> {
        let began = Instant::now();
        let newer = newer.not_behind(&self.positions());
        let mut older = newer.clone();
        let mut catch = Catch::default();
        let mut step = STEP_MIN;
        while catch.len() < take && !older.is_begin() {
            if is_spent(began, &catch, bounds) {
                catch.is_cut = true;
                break;
            }
            let mut was_too_far = false;
            for (index, end) in older.0.iter_mut().enumerate() {
                was_too_far |= !self.step_back(index as i32, end, step, &mut catch).await?;
            }
            step = if was_too_far { (step / 4).max(1) } else { (step * 4).min(STEP_MAX) };
        }
        catch.sort();
        let surplus = catch.len().saturating_sub(take);
        for left_out in catch.found.drain(..surplus) {
            let older = &mut older.0[left_out.partition as usize];
            *older = (*older).max(left_out.offset as u64 + 1);
        }
        Ok(EventsPage { catch, older, newer })
    }

    /// Looks at the `step` offsets below `end`, and moves it there; `false` if that would be too many
    /// bytes.
    async fn step_back(&self, index: i32, end: &mut u64, step: u64, catch: &mut Catch) -> Result<bool, Failure> {
        // What stands for trimmed events is not read together with those that are kept.
        let first_kept = self.partition(index).first_kept()?;
        let floor = if *end > first_kept { first_kept } else { 0 };
        let from = end.saturating_sub(step).max(floor);
        let mut next = from;
        let mut found = Catch::default();
        let mut bytes_left = STEP_BYTES_MAX;
        while next < *end {
            if bytes_left == 0 && *end - from > 1 {
                return Ok(false);
            }
            let bytes = self.read(index, &mut next, *end, READ_BYTES, &mut found).await?;
            bytes_left = bytes_left.saturating_sub(bytes);
        }
        catch.absorb(found);
        *end = from;
        Ok(true)
    }

    /// The first `take` events from `older` on.
    pub(crate) async fn following(
        &self,
        older: Positions,
        take: usize,
        bounds: SearchBounds,
    ) -> Result<EventsPage, Failure> {
        let began = Instant::now();
        let ends = self.settled_positions().await?;
        let older = older.not_behind(&ends);
        let mut newer = older.clone();
        let mut catch = Catch::default();
        loop {
            let mut is_done = true;
            for (index, (next, end)) in newer.0.iter_mut().zip(&ends.0).enumerate() {
                let index = index as i32;
                if *next < *end && catch.found_in(index) < take {
                    self.read(index, next, *end, READ_BYTES, &mut catch).await?;
                    is_done = false;
                }
            }
            if is_done || catch.len() >= take {
                break;
            }
            if is_spent(began, &catch, bounds) {
                catch.is_cut = true;
                break;
            }
        }
        catch.sort();
        for left_out in catch.found.drain(take.min(catch.len())..) {
            let newer = &mut newer.0[left_out.partition as usize];
            *newer = (*newer).min(left_out.offset as u64);
        }
        Ok(EventsPage { catch, older, newer })
    }

    /// Where the events of `time_ms` and later begin; the end if there are none.
    pub(crate) async fn at_time(&self, time_ms: u64) -> Result<Positions, Failure> {
        let mut positions = self.settled_positions().await?;
        for (index, position) in positions.0.iter_mut().enumerate() {
            if let Some(found) = self.partition(index as i32).offset_for_timestamp(time_ms).await? {
                *position = found.offset;
            }
        }
        Ok(positions)
    }

    /// Where the record at an offset of a partition is, and the events of its time in the others;
    /// `None` if there is no such partition, or nothing is there yet.
    pub(crate) async fn at_offset(&self, partition: i32, offset: u64) -> Result<Option<Positions>, Failure> {
        let ends = self.settled_positions().await?;
        let end = usize::try_from(partition).ok().and_then(|index| ends.0.get(index));
        if end.is_none_or(|end| offset >= *end) {
            return Ok(None);
        }
        if ends.0.len() == 1 {
            return Ok(Some(Positions(vec![offset])));
        }
        let time_ms = self.with_record(partition, offset, |record| record.timestamp_ms.max(0) as u64).await?;
        let mut positions = match time_ms {
            Some(time_ms) => self.at_time(time_ms).await?,
            None => ends, // a hole: only this partition has something to show
        };
        positions.0[partition as usize] = offset;
        Ok(Some(positions))
    }
}

fn is_spent(began: Instant, catch: &Catch, bounds: SearchBounds) -> bool {
    began.elapsed() > bounds.time_max || catch.seen >= bounds.count_max as u64
}
