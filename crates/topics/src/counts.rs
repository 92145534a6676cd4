//! Where in the journal a partition's events are: by span of the journal, as few bytes as do.
//!
//! A span is [`SPAN_OFFSETS`] offsets of the journal. Of one that holds few of the partition's
//! events their places are kept; of one that holds more, how many there are before each of its
//! [`BLOCKS`] blocks. With each goes how many there are before the span, so that an event is found
//! by its rank, how many come before it on the partition, and its rank by its place.
//!
//! ```text
//! counts = version 1 | before u64 | 0..=16: that many places u16 each
//!                                 | 255: count u16, count before each block u16 each
//! ```
//! Numbers are little-endian; places count from the span's begin.
//! Not here: where counts are kept (`view`), which number a rank is (`numbering`).

/// Offsets of the journal that a span covers.
pub(crate) const SPAN_OFFSETS: u64 = 16_384;

/// Blocks of a span.
pub(crate) const BLOCKS: usize = 16;

/// Offsets that a block covers: finding an event costs reading as many at worst.
pub(crate) const BLOCK_OFFSETS: u64 = SPAN_OFFSETS / BLOCKS as u64;

/// Most events of a span whose places are kept.
const PLACES_MAX: usize = 16;

const VERSION: u8 = 1;
const IS_BLOCKS: u8 = u8::MAX;

/// The events of one partition in one span; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// It begins at that times [`SPAN_OFFSETS`].
    pub(crate) number: u64,
    /// Events before it.
    before: u64,
    held: Held,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Places(Vec<u16>),
    Blocks { before: [u16; BLOCKS], count: u16 },
}

/// Where to look for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    /// There it is, with that rank.
    Place { offset: u64, rank: u64 },
    /// It is among the events of these offsets of the journal, the first of which has that rank.
    Block { from: u64, to: u64, rank: u64 },
}

/// The span of an offset of the journal.
pub(crate) fn span_of(offset: u64) -> u64 {
    offset / SPAN_OFFSETS
}

impl Span {
    /// That of an event at `offset`, before which there are `before` others.
    pub(crate) fn beginning_with(offset: u64, before: u64) -> Self {
        let mut span = Self { number: span_of(offset), before, held: Held::Places(Vec::with_capacity(1)) };
        span.add(offset);
        span
    }

    /// An event behind all others.
    pub(crate) fn add(&mut self, offset: u64) {
        let place = (offset - self.begin()) as u16;
        match &mut self.held {
            Held::Places(places) if places.len() < PLACES_MAX => places.push(place),
            Held::Places(places) => {
                let mut before = [0; BLOCKS];
                for (block, count) in before.iter_mut().enumerate() {
                    let begin = block as u64 * BLOCK_OFFSETS;
                    *count = places.iter().filter(|&&place| u64::from(place) < begin).count() as u16;
                }
                self.held = Held::Blocks { before, count: places.len() as u16 };
                self.add(offset);
            }
            Held::Blocks { before, count } => {
                *count += 1;
                let next = usize::from(place) / BLOCK_OFFSETS as usize + 1;
                before[next..].iter_mut().for_each(|before| *before = *count);
            }
        }
    }

    fn begin(&self) -> u64 {
        self.number * SPAN_OFFSETS
    }

    fn count(&self) -> u64 {
        match &self.held {
            Held::Places(places) => places.len() as u64,
            Held::Blocks { count, .. } => (*count).into(),
        }
    }

    /// The rank of its first event.
    pub(crate) fn first_rank(&self) -> u64 {
        self.before
    }

    /// Whether it says where each is.
    pub(crate) fn places(&self) -> Option<impl Iterator<Item = u64>> {
        match &self.held {
            Held::Places(places) => Some(places.iter().map(|&place| self.begin() + u64::from(place))),
            Held::Blocks { .. } => None,
        }
    }

    /// Where the event of that rank is; `None` if it is not in the span.
    pub(crate) fn find(&self, rank: u64) -> Option<Spot> {
        let nth = rank.checked_sub(self.before).filter(|nth| *nth < self.count())?;
        Some(match &self.held {
            Held::Places(places) => Spot::Place { offset: self.begin() + u64::from(places[nth as usize]), rank },
            Held::Blocks { before, .. } => {
                self.block(before.partition_point(|before| u64::from(*before) <= nth) - 1, before)
            }
        })
    }

    /// Where the first event at or behind `offset` may be; there may be none in a block that begins
    /// before it. `None` if it is not in the span.
    pub(crate) fn from(&self, offset: u64) -> Option<Spot> {
        let place = offset.saturating_sub(self.begin());
        match &self.held {
            Held::Places(places) => {
                let nth = places.partition_point(|&known| u64::from(known) < place);
                let offset = self.begin() + u64::from(*places.get(nth)?);
                Some(Spot::Place { offset, rank: self.before + nth as u64 })
            }
            Held::Blocks { before, count } => {
                let first = usize::try_from(place / BLOCK_OFFSETS).unwrap_or(BLOCKS);
                let after = |block: usize| before.get(block + 1).unwrap_or(count);
                let block = (first..BLOCKS).find(|&block| *after(block) > before[block])?;
                Some(self.block(block, before))
            }
        }
    }

    fn block(&self, block: usize, before: &[u16; BLOCKS]) -> Spot {
        let from = self.begin() + block as u64 * BLOCK_OFFSETS;
        Spot::Block { from, to: from + BLOCK_OFFSETS, rank: self.before + u64::from(before[block]) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + 8 + 1 + 2 * (BLOCKS + 1));
        out.push(VERSION);
        out.extend_from_slice(&self.before.to_le_bytes());
        match &self.held {
            Held::Places(places) => {
                out.push(places.len() as u8);
                places.iter().for_each(|place| out.extend_from_slice(&place.to_le_bytes()));
            }
            Held::Blocks { before, count } => {
                out.push(IS_BLOCKS);
                std::iter::once(count).chain(before).for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
            }
        }
        out
    }

    /// `None` if the bytes are not what [`Span::encode`] wrote.
    pub(crate) fn decode(number: u64, bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (before, rest) = rest.split_first_chunk::<8>()?;
        let (&kind, rest) = rest.split_first()?;
        let (numbers, []) = rest.as_chunks::<2>() else { return None };
        let mut numbers = numbers.iter().map(|number| u16::from_le_bytes(*number));
        let is_in = |place: &u16| u64::from(*place) < SPAN_OFFSETS;
        let held = if kind == IS_BLOCKS {
            let count = numbers.next()?;
            let before: [u16; BLOCKS] = numbers.collect::<Vec<_>>().try_into().ok()?;
            let is_whole = before[0] == 0 && before.is_sorted() && before[BLOCKS - 1] <= count && count > 0;
            is_whole.then_some(Held::Blocks { before, count })?
        } else {
            let places: Vec<u16> = numbers.collect();
            let is_whole = places.len() == usize::from(kind)
                && (1..=PLACES_MAX).contains(&places.len())
                && places.is_sorted_by(|a, b| a < b)
                && places.iter().all(is_in);
            is_whole.then_some(Held::Places(places))?
        };
        Some(Self { number, before: u64::from_le_bytes(*before), held })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn what_was_added_is_found_by_rank_and_by_place(
            places in prop_oneof![btree_set(0..SPAN_OFFSETS, 1..40), btree_set(0..SPAN_OFFSETS, 100..2000)],
            number in prop_oneof![0..1000_u64, (1_u64 << 32) - 2..(1 << 32) + 2, Just((1 << 39) - 1)],
            before in 0..1_000_000u64,
        ) {
            let begin = number * SPAN_OFFSETS;
            let offsets: Vec<u64> = places.iter().map(|place| begin + place).collect();
            let mut span = Span::beginning_with(offsets[0], before);
            offsets[1..].iter().for_each(|&offset| span.add(offset));
            let bytes = span.encode();
            prop_assert_eq!(Span::decode(number, &bytes), Some(span.clone()));
            prop_assert!((0..bytes.len()).all(|cut| Span::decode(number, &bytes[..cut]).is_none()));
            prop_assert!(bytes.len() <= 52);

            let holds = |spot: Spot, rank: u64, offset: u64| match spot {
                Spot::Place { offset: found, rank: of } => (found, of) == (offset, rank),
                Spot::Block { from, to, rank: first } => {
                    let earlier = offsets.iter().filter(|&&other| (from..offset).contains(&other)).count() as u64;
                    (from..to).contains(&offset) && first + earlier == rank
                }
            };
            for (nth, &offset) in offsets.iter().enumerate() {
                let rank = before + nth as u64;
                prop_assert!(holds(span.find(rank).unwrap(), rank, offset));
                prop_assert!(holds(span.from(offset).unwrap(), rank, offset));
            }
            prop_assert_eq!(span.find(before + offsets.len() as u64), None);
            prop_assert_eq!(before.checked_sub(1).and_then(|rank| span.find(rank)), None);
            prop_assert_eq!(span.from(begin + SPAN_OFFSETS), None);
            prop_assert_eq!(span.places().map(Iterator::collect), (offsets.len() <= PLACES_MAX).then_some(offsets));
        }
    }
}
