//! What is known of a live query's topic: how far the events were looked at, where its matches are, and its high watermarks.
//!
//! Matches are remembered by block of offsets, one bit for each partition and block: a rare one costs no scan, a common one no memory to speak of.
//! It is rebuilt from the events, but for the high watermarks of what was trimmed: so it is kept with the documents, and never goes back.

use std::sync::{
    Arc, Mutex, RwLock,
    atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    limits::BLOCK_OFFSETS,
    live_query::{LiveQuery, OnGap, SharedOnGap},
    matcher::Matcher,
    progress::Progress,
};

const STATE_VERSION: u8 = 1;

/// A live query's topic.
#[derive(Debug)]
pub(crate) struct View {
    /// As it was made; what a gap gets now is in `on_gap`.
    pub(crate) query: LiveQuery,
    pub(crate) on_gap: SharedOnGap,
    pub(crate) topic: String,
    pub(crate) id: Uuid,
    pub(crate) matcher: Matcher,
    state: RwLock<State>,
    /// Counts the times that a partition has grown.
    grown: watch::Sender<u64>,
    /// Events below it were looked at, and their matches are in the state.
    scanned_to: AtomicU64,
    /// Why the events from there on cannot be looked at, if so.
    stopped: Mutex<Option<String>>,
    /// The live query was deleted.
    is_gone: AtomicBool,
    /// Matches that were found since the view was made.
    pub(crate) found: AtomicU64,
    progress: Arc<Progress>,
}

/// The matches of every partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    scanned_to: u64,
    partitions: Vec<Matches>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Matches {
    high_watermark: u64,
    /// The block of the first bit, a multiple of 64.
    first_block: u64,
    blocks: Vec<u64>,
}

impl View {
    pub(crate) fn new(
        query: LiveQuery,
        topic: String,
        id: Uuid,
        matcher: Matcher,
        state: State,
        progress: Arc<Progress>,
    ) -> Self {
        let scanned_to = AtomicU64::new(state.scanned_to);
        Self {
            on_gap: SharedOnGap::new(query.on_gap),
            query,
            topic,
            id,
            matcher,
            state: RwLock::new(state),
            grown: watch::Sender::new(0),
            scanned_to,
            stopped: Mutex::default(),
            is_gone: AtomicBool::new(false),
            found: AtomicU64::new(0),
            progress,
        }
    }

    pub(crate) fn scanned_to(&self) -> u64 {
        self.scanned_to.load(SeqCst)
    }

    /// The live query as it is now.
    pub(crate) fn live_query(&self) -> LiveQuery {
        LiveQuery { on_gap: self.on_gap.get(), ..self.query.clone() }
    }

    /// Has readers that wait see what a gap gets from now on.
    pub(crate) fn set_on_gap(&self, on_gap: OnGap) {
        if self.on_gap.get() != on_gap {
            self.on_gap.set(on_gap);
            self.wake();
        }
    }

    /// Why the events from [`View::scanned_to`] on cannot be looked at; `None` while they can.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.lock().expect("not poisoned").clone()
    }

    /// Tells readers that nothing more comes, and why; `true` if that is news.
    pub(crate) fn stop(&self, why: &str) -> bool {
        let mut stopped = self.stopped.lock().expect("not poisoned");
        if stopped.as_deref() == Some(why) {
            return false;
        }
        *stopped = Some(why.to_owned());
        drop(stopped);
        self.wake();
        true
    }

    /// Tells readers that the live query was deleted.
    pub(crate) fn end(&self) {
        self.is_gone.store(true, SeqCst);
        self.wake();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(SeqCst)
    }

    fn wake(&self) {
        self.grown.send_modify(|count| *count += 1);
    }

    /// Returns when the events below `wanted` have been looked at, or cannot be.
    pub(crate) async fn wait_for(&self, wanted: u64) {
        if self.scanned_to() >= wanted {
            return;
        }
        let mut evaluated = self.progress.watch();
        while self.scanned_to() < wanted && self.stopped().is_none() && evaluated.changed().await.is_ok() {}
    }

    /// Changes whenever a partition has grown, and when readers are to be told something else.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        let grown = self.grown.subscribe();
        self.progress.want();
        grown
    }

    /// Whether somebody waits for it to grow.
    pub(crate) fn is_watched(&self) -> bool {
        self.grown.receiver_count() > 0
    }

    pub(crate) fn high_watermark(&self, partition: u16) -> u64 {
        self.read(|state| state.partitions[usize::from(partition)].high_watermark)
    }

    /// The first block at or behind `offset`'s that has a match in the partition.
    pub(crate) fn next_block(&self, partition: u16, offset: u64) -> Option<u64> {
        self.read(|state| state.partitions[usize::from(partition)].next_from(offset / BLOCK_OFFSETS))
    }

    /// Takes over what was found in the events up to `scanned_to`: partition and offset of each match, in order.
    pub(crate) fn extend(&self, matches: &[(u16, u64)], scanned_to: u64) {
        *self.stopped.lock().expect("not poisoned") = None;
        if matches.is_empty() {
            self.scanned_to.fetch_max(scanned_to, SeqCst);
            return;
        }
        let mut state = self.state.write().expect("not poisoned");
        for &(partition, offset) in matches {
            state.partitions[usize::from(partition)].add(offset);
        }
        drop(state);
        self.scanned_to.fetch_max(scanned_to, SeqCst);
        self.found.fetch_add(matches.len() as u64, Relaxed);
        self.wake();
    }

    /// The topic's last event of that partition was at `offset` or behind it, though it was trimmed.
    pub(crate) fn raise(&self, partition: u16, offset: u64) {
        let mut state = self.state.write().expect("not poisoned");
        let matches = &mut state.partitions[usize::from(partition)];
        matches.high_watermark = matches.high_watermark.max(offset + 1);
    }

    /// Forgets the blocks below `log_start`.
    pub(crate) fn forget_below(&self, log_start: u64) {
        let mut state = self.state.write().expect("not poisoned");
        state.partitions.iter_mut().for_each(|matches| matches.forget_below(log_start / BLOCK_OFFSETS));
    }

    /// All that is known, as of one moment.
    pub(crate) fn state(&self) -> State {
        let scanned_to = self.scanned_to(); // before the matches: there may be more of them, never fewer
        State { scanned_to, ..self.read(State::clone) }
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().expect("not poisoned"))
    }
}

impl State {
    pub(crate) fn new(partitions: u16) -> Self {
        Self { scanned_to: 0, partitions: vec![Matches::default(); usize::from(partitions)] }
    }

    /// `| version 1 | created ms | scanned to | for each partition: high watermark, first block, count, blocks … |`, numbers u64 LE.
    pub(crate) fn encode(&self, created_ms: u64) -> Vec<u8> {
        let mut out = vec![STATE_VERSION];
        let mut put = |number: u64| out.extend_from_slice(&number.to_le_bytes());
        put(created_ms);
        put(self.scanned_to);
        for matches in &self.partitions {
            put(matches.high_watermark);
            put(matches.first_block);
            put(matches.blocks.len() as u64);
            matches.blocks.iter().for_each(|&word| put(word));
        }
        out
    }

    /// `None` if the bytes are not of a live query made at `created_ms` with so many partitions.
    pub(crate) fn decode(bytes: &[u8], created_ms: u64, partitions: u16) -> Option<Self> {
        let (&STATE_VERSION, rest) = bytes.split_first()? else { return None };
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let mut numbers = numbers.iter().map(|number| u64::from_le_bytes(*number));
        if numbers.next()? != created_ms {
            return None;
        }
        let scanned_to = numbers.next()?;
        let mut all = Vec::new();
        for _ in 0..partitions {
            let (high_watermark, first_block, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
            let blocks: Vec<u64> = numbers.by_ref().take(usize::try_from(count).ok()?).collect();
            if blocks.len() as u64 != count {
                return None;
            }
            all.push(Matches { high_watermark, first_block, blocks });
        }
        numbers.next().is_none().then_some(Self { scanned_to, partitions: all })
    }
}

impl Matches {
    fn add(&mut self, offset: u64) {
        let block = offset / BLOCK_OFFSETS;
        if self.blocks.is_empty() {
            self.first_block = block - block % 64;
        }
        let Some(at) = block.checked_sub(self.first_block) else { return };
        let word = (at / 64) as usize;
        if word >= self.blocks.len() {
            self.blocks.resize(word + 1, 0);
        }
        self.blocks[word] |= 1 << (at % 64);
        self.high_watermark = self.high_watermark.max(offset + 1);
    }

    fn next_from(&self, block: u64) -> Option<u64> {
        let from = block.saturating_sub(self.first_block);
        let mut word = (from / 64) as usize;
        let mut bits = self.blocks.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.blocks.get(word)?;
        }
        Some(self.first_block + word as u64 * 64 + u64::from(bits.trailing_zeros()))
    }

    fn forget_below(&mut self, block: u64) {
        let words = ((block.saturating_sub(self.first_block) / 64) as usize).min(self.blocks.len());
        self.blocks.drain(..words);
        self.first_block += words as u64 * 64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_forgotten_and_kept_with_the_state() {
        let mut matches = Matches::default();
        let offsets = [5_000_000, 5_000_001, 5_100_000, 9_000_000];
        offsets.iter().for_each(|&offset| matches.add(offset));
        let next = |matches: &Matches, offset: u64| matches.next_from(offset / BLOCK_OFFSETS);
        assert_eq!(next(&matches, 0), Some(5_000_000 / BLOCK_OFFSETS));
        assert_eq!(next(&matches, 5_000_000 + 2 * BLOCK_OFFSETS), Some(5_100_000 / BLOCK_OFFSETS));
        assert_eq!(next(&matches, 9_000_000), Some(9_000_000 / BLOCK_OFFSETS));
        assert_eq!(next(&matches, 9_002_000), None);
        let state = State { scanned_to: 9_500_000, partitions: vec![matches.clone(), Matches::default()] };
        let bytes = state.encode(7);
        assert_eq!(State::decode(&bytes, 7, 2), Some(state));
        assert_eq!(State::decode(&bytes, 8, 2), None);
        assert_eq!(State::decode(&bytes, 7, 1), None);
        assert!((0..bytes.len()).all(|cut| State::decode(&bytes[..cut], 7, 2).is_none()));
        matches.forget_below(6_000_000 / BLOCK_OFFSETS);
        assert_eq!(next(&matches, 0), Some(9_000_000 / BLOCK_OFFSETS));
        assert_eq!(matches.high_watermark, 9_000_001);
    }
}
