//! What older versions kept of a live query whose offsets were the journal's.
//!
//! ```text
//! state = version 1 | created ms | scanned to | for each partition: high watermark, first block, count, blocks … |
//! ```
//! Numbers are u64, little-endian.

const VERSION: u8 = 1;

/// Of which only this is still of use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OlderView {
    /// Events below it were looked at.
    pub(crate) scanned_to: u64,
    /// The offset after the last event of each partition.
    pub(crate) high_watermarks: Vec<u64>,
}

impl OlderView {
    /// `None` if the bytes are not of a live query made at `created_ms` with so many partitions.
    pub(crate) fn decode(bytes: &[u8], created_ms: u64, partitions: u16) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let mut numbers = numbers.iter().map(|number| u64::from_le_bytes(*number));
        if numbers.next()? != created_ms {
            return None;
        }
        let scanned_to = numbers.next()?;
        let mut high_watermarks = Vec::new();
        for _ in 0..partitions {
            let (high_watermark, _first_block, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
            for _ in 0..count {
                numbers.next()?;
            }
            high_watermarks.push(high_watermark);
        }
        numbers.next().is_none().then_some(Self { scanned_to, high_watermarks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_of_the_live_query_is_taken() {
        let numbers: [u64; 10] = [7, 9_500_000, 9_000_001, 4864, 2, 5, 6, 0, 0, 0];
        let bytes: Vec<u8> =
            std::iter::once(VERSION).chain(numbers.iter().flat_map(|number| number.to_le_bytes())).collect();
        let older = OlderView { scanned_to: 9_500_000, high_watermarks: vec![9_000_001, 0] };
        assert_eq!(OlderView::decode(&bytes, 7, 2), Some(older));
        assert_eq!(OlderView::decode(&bytes, 8, 2), None);
        assert_eq!(OlderView::decode(&bytes, 7, 1), None);
        assert!((0..bytes.len()).all(|cut| OlderView::decode(&bytes[..cut], 7, 2).is_none()));
    }
}
