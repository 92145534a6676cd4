//! Digests of subscriptions: whether both sides have the same.
//!
//! Invariants: all that are asked for together are as of one transaction; they are made a turn at a
//! time, so that others read in between. Blocks on disk.
//! Not here: what a peer does if they differ.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use sha2::{Digest as _, Sha256};
use store::{App, RawDocument, Snapshot, SnapshotError};
use sync_protocol::{DigestEntry, DigestReply, Rest, TxnId};

use crate::{
    limits::READ_TURN,
    snapshot_pages,
    subscription::{Asked, Subscribed},
};

/// Digests in the making. Holds a snapshot.
pub(crate) struct Digesting {
    snapshot: Snapshot,
    /// Those that are not done; the first is under way.
    subs: VecDeque<Arc<Subscribed>>,
    done: Vec<DigestEntry>,
    count: u64,
    hash: Sha256,
    /// The last document of the first that was looked at.
    behind: Option<String>,
}

/// Documents that are looked at between two looks at the clock.
const LOOKED_AT: usize = 64;

impl Digesting {
    pub(crate) fn of(app: &App, subs: Vec<Arc<Subscribed>>) -> Result<Self, SnapshotError> {
        let (done, count, hash, behind) = Default::default();
        Ok(Self { snapshot: app.snapshot()?, subs: subs.into(), done, count, hash, behind })
    }

    /// Goes on for a turn; the answer once there is one.
    pub(crate) fn go_on(&mut self) -> Result<Option<DigestReply>, SnapshotError> {
        let begun = Instant::now();
        while let Some(subscribed) = self.subs.front().cloned() {
            if !self.look(&subscribed.asked, begun)? {
                return Ok(None);
            }
            let hash = std::mem::take(&mut self.hash).finalize().to_vec();
            let count = std::mem::take(&mut self.count);
            self.done.push(DigestEntry { sub: subscribed.sub, count, hash, rest: Rest::default() });
            self.behind = None;
            self.subs.pop_front();
        }
        let (at, entries) = (TxnId(self.snapshot.txn_id().0), std::mem::take(&mut self.done));
        Ok(Some(DigestReply { at, entries, rest: Rest::default() }))
    }

    /// Whether all documents were looked at.
    fn look(&mut self, asked: &Asked, begun: Instant) -> Result<bool, SnapshotError> {
        let names = asked.filter.field_names();
        let behind = self.behind.take();
        for (n, raw) in snapshot_pages::documents(&self.snapshot, asked, behind.as_deref()).enumerate() {
            let raw: RawDocument = raw?;
            let id = raw.id()?;
            if raw.fields(&names)?.is_some_and(|fields| asked.has(&id, &fields)) {
                self.count += 1;
                put(&mut self.hash, id.as_json().as_bytes());
                put(&mut self.hash, raw.encoded()?);
            }
            if n % LOOKED_AT == LOOKED_AT - 1 && begun.elapsed() > READ_TURN {
                self.behind = Some(id.as_json().to_owned());
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn put(hash: &mut Sha256, part: &[u8]) {
    let bytes = u32::try_from(part.len()).expect("a document is smaller");
    hash.update(bytes.to_be_bytes());
    hash.update(part);
}
