//! The one way to follow a partition: fetches, the portal, whoever copies a topic elsewhere.
//!
//! Not here: what is read (`topic`), when there is more ([`crate::Topic::watch`]).

use kafka_wire::compression::Codec;
use store::Piece;

use crate::topic::{Partition, Rebuild, TopicError};

/// A reader of one partition, and where it stands.
#[derive(Debug, Clone)]
pub struct Tail {
    partition: Partition,
    next_offset: u64,
    rebuild: Rebuild,
}

impl Tail {
    /// Stands at `next_offset`. `rebuild` is that of the moment when it began at offset 0, if it is
    /// known that it did; without, one that stands below dropped tombstones is told to begin again.
    pub fn at(partition: Partition, next_offset: u64, rebuild: Rebuild) -> Self {
        Self { partition, next_offset, rebuild }
    }

    /// Of somebody who keeps no copy, and so misses nothing.
    pub fn within(partition: Partition, next_offset: u64) -> Self {
        let rebuild = partition.rebuild();
        Self::at(partition, next_offset, rebuild)
    }

    /// What it reads.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The offset that it reads next.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// Whether there is something behind it.
    pub fn is_behind(&self) -> bool {
        self.next_offset < self.partition.high_watermark()
    }

    /// What comes next, as [`Partition::read`] gives it, and goes on behind it.
    ///
    /// # Errors
    /// It cannot be read; then it stands where it stood.
    pub async fn read(&mut self, bytes_max: usize) -> Result<Vec<Piece>, TopicError> {
        let pieces = self.peek(bytes_max).await?;
        if let Some(last) = pieces.last() {
            self.go_behind(last);
        }
        Ok(pieces)
    }

    /// What comes next.
    pub async fn peek(&self, bytes_max: usize) -> Result<Vec<Piece>, TopicError> {
        self.peek_as(bytes_max, None).await
    }

    /// What comes next, as [`Partition::read_as`] gives it.
    pub async fn peek_as(&self, bytes_max: usize, codec: Option<Codec>) -> Result<Vec<Piece>, TopicError> {
        self.partition.read_as(self.next_offset, bytes_max, self.rebuild, codec).await
    }

    /// Goes on behind one of the pieces that came next.
    pub fn go_behind(&mut self, piece: &Piece) {
        self.next_offset = self.next_offset.max(piece.next_offset);
    }
}
