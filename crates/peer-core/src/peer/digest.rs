//! Digests: whether this store and the server have the same of a subscription.
//!
//! The server answers after all that it sent of the transactions before `at`, so what is here when
//! the answer comes is what it has, unless something of this peer's is under way: then it is asked
//! again. A subscription that differs begins again.
//! Not here: what the server does with this peer's answer.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use sync_protocol::{DigestEntry, DigestReply, PeerState, Rest, Seq, SubId, TxnId};

use super::Peer;
use crate::records::Synced;
use crate::spaces::{MEMBER, SYNCED, numbered, split_document_key, split_numbered};
use crate::{Output, PeerError};

/// What one side has of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideDigest {
    /// How many documents.
    pub count: u64,
    /// SHA-256 over their ids and states (docs/reference/sync-protocol.md, "digest").
    pub hash: Vec<u8>,
}

/// What both sides have of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionDigest {
    /// Which.
    pub sub: SubId,
    /// What this store has.
    pub own: SideDigest,
    /// What the server has.
    pub server: SideDigest,
}

/// A question that has no answer yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    subs: BTreeSet<SubId>,
    /// The last local transaction when it was sent; none while it waits for a quiet moment.
    sent_at: Option<Seq>,
}

impl Peer {
    /// Asks the server whether it has the same of these subscriptions, as soon as nothing is under
    /// way: [`Output::Digest`] tells. What differs then begins again by itself.
    pub fn ask_digest(&mut self, subs: impl IntoIterator<Item = SubId>) {
        self.asked_digest.subs.extend(subs);
        self.asked_digest.sent_at = None;
    }

    /// Whether this store and the server's documents can be compared now.
    fn is_quiet(&self) -> bool {
        let is_complete = |sub: &SubId| self.is_complete(*sub);
        self.machine.state() == PeerState::Live
            && self.pending.is_empty()
            && self.asked_digest.subs.iter().all(is_complete)
    }

    /// Whether a question waits for its answer: that of another would be taken for it.
    pub(super) fn is_digest_asked(&self) -> bool {
        !self.asked_digest.subs.is_empty()
    }

    /// Sends the question that waits, if it can be answered.
    pub(super) fn ask_when_quiet(&mut self) {
        let numbers: BTreeSet<u64> = self.subscriptions.numbers().collect();
        self.asked_digest.subs.retain(|sub| numbers.contains(&sub.0));
        if self.asked_digest.subs.is_empty() || self.asked_digest.sent_at.is_some() || !self.is_quiet() {
            return;
        }
        self.asked_digest.sent_at = Some(self.last_seq());
        self.machine.ask_digest(self.asked_digest.subs.iter().copied().collect());
    }

    /// The connection ended: the question is sent by the next one.
    pub(super) fn forget_sent_digest(&mut self) {
        self.asked_digest.sent_at = None;
    }

    pub(super) fn take_digest(&mut self, reply: DigestReply) -> Result<(), PeerError> {
        let Some(sent_at) = self.asked_digest.sent_at.take() else { return Ok(()) };
        if !self.is_quiet() || sent_at != self.last_seq() || reply.at.0 < self.meta.cursor_txn() {
            return Ok(()); // it is sent again
        }
        let mut digests = Vec::new();
        for DigestEntry { sub, count, hash, .. } in reply.entries {
            if self.asked_digest.subs.remove(&sub) {
                let own = self.digest_of(sub)?;
                digests.push(SubscriptionDigest { sub, own, server: SideDigest { count, hash } });
            }
        }
        self.asked_digest.subs.clear(); // the others are not known there
        let differing: BTreeSet<u64> = digests.iter().filter(|it| it.own != it.server).map(|it| it.sub.0).collect();
        self.outputs.push_back(Output::Digest { at: reply.at, subs: digests });
        if differing.is_empty() {
            return Ok(());
        }
        let mut work = self.work();
        differing.iter().for_each(|sub| work.begin_again(*sub));
        let done = work.finish()?;
        self.commit(done)?;
        self.begun_again(differing);
        Ok(())
    }

    pub(super) fn answer_digest(&mut self, subs: Vec<SubId>) -> Result<(), PeerError> {
        let mut entries = Vec::new();
        for sub in subs.into_iter().collect::<BTreeSet<_>>() {
            if self.subscriptions.stored(sub.0).is_some() {
                let SideDigest { count, hash } = self.digest_of(sub)?;
                entries.push(DigestEntry { sub, count, hash, rest: Rest::default() });
            }
        }
        let at = TxnId(self.meta.cursor_txn());
        self.machine.handle_digest(DigestReply { at, entries, rest: Rest::default() });
        Ok(())
    }

    /// The subscription's documents, evicted ones too, as the server has them.
    fn digest_of(&self, sub: SubId) -> Result<SideDigest, PeerError> {
        let snapshot = self.store.snapshot();
        let (mut count, mut hash) = (0, Sha256::new());
        for entry in snapshot.prefix(MEMBER, &numbered(sub.0, &[])) {
            let (key, _) = entry?;
            let (_, document) = split_numbered(&key)?;
            let Some(record) = snapshot.get(SYNCED, document)? else { continue };
            let (_, id) = split_document_key(document)?;
            count += 1;
            for part in [id.as_json().as_bytes(), Synced::state(&record)?] {
                let length = u32::try_from(part.len()).map_err(|_| PeerError::Damaged { what: "a document" })?;
                hash.update(length.to_be_bytes());
                hash.update(part);
            }
        }
        Ok(SideDigest { count, hash: hash.finalize().to_vec() })
    }

    /// These subscriptions were stored as beginning again: the server is asked for their snapshots.
    pub(super) fn begun_again(&mut self, subs: BTreeSet<u64>) {
        for sub in subs {
            if let Some(stored) = self.subscriptions.stored(sub) {
                self.machine.subscribe(stored.subscription.clone());
            }
        }
    }
}
