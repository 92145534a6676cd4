//! The peer: its store, and what it keeps in memory of it.
//!
//! Invariants: memory says what the store says; a batch that fails changes neither, and ends the
//! connection as a kill would.
//! Not here, each in a file of its own: writes (`write`), statements (`execute`), what comes from
//! the server (`deliver`, `verdicts`), stamping anew (`renew`), what is left of what was refused
//! (`take_back`), what a restored server is offered (`heal`), subscriptions (`subscribe`), queries
//! (`query`), files of attachments (`attach`).

mod attach;
mod deliver;
mod digest;
mod execute;
mod heal;
mod query;
mod renew;
mod subscribe;
mod sync;
mod take_back;
mod verdicts;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use document::SiteId;
use key_values::{Batch, Durability, KeyValues};
use sync_protocol::{Identity, Moment, PeerMachine, Seq, TxnId};

pub use self::digest::{SideDigest, SubscriptionDigest};
pub use self::execute::Executed;
pub use self::verdicts::{RejectedTransaction, reasons};
pub use self::write::{OpenTransaction, Written};
use crate::attachments::Attachments;
use crate::now::Random;
use crate::observers::Observers;
use crate::pending::PendingIndex;
use crate::reading::Reading;
use crate::records::Meta;
use crate::spaces::{COMMITTED, META, META_KEY, PENDING, REJECTED, STAGED, SUBS, split_numbered};
use crate::subscriptions::Subscriptions;
use crate::work::{Done, Work};
use crate::{Now, Output, PeerError, Reader, limits};

/// How a peer is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Which program this is, for people.
    pub sdk: String,
    /// A token or key.
    pub token: Option<String>,
    /// Whether statements are by the vendor's strict mode.
    pub strict: bool,
}

/// A small peer.
pub struct Peer {
    store: Arc<dyn KeyValues>,
    options: Options,
    random: Random,
    meta: Meta,
    pending: PendingIndex,
    subscriptions: Subscriptions,
    /// The bytes of each refused transaction that is kept.
    rejected: BTreeMap<u64, u64>,
    observers: Observers,
    machine: PeerMachine,
    outputs: VecDeque<Output>,
    /// Something was written that a loss of power could take.
    is_persist_due: bool,
    /// Up to where changes came in this session.
    session_through: u64,
    last_staged: u64,
    /// How many batches were committed since it was opened.
    commits: u64,
    /// How many sequence numbers are left out before the next one.
    seqs_left_out: u64,
    /// Transactions up to this one may have been sent.
    sent_through: u64,
    asked_digest: digest::Asked,
    /// What the server took before this connection, each with a transaction by which it did.
    acked_before: BTreeMap<Seq, TxnId>,
    attachments: Attachments,
}

impl Peer {
    /// Opens the store, or makes a new peer in an empty one. `seed` is random: sites, instances, ids
    /// and waits are made of it. Sync is stopped at first.
    ///
    /// # Errors
    /// The store cannot be read or written, is damaged, or a newer program's.
    pub fn open(store: Box<dyn KeyValues>, options: Options, seed: [u64; 2]) -> Result<Self, PeerError> {
        let store: Arc<dyn KeyValues> = Arc::from(store);
        let mut random = Random::new(seed);
        let stored = store.get(META, META_KEY)?.map(|bytes| Meta::decode(&bytes)).transpose()?;
        let seqs_left_out = if stored.is_some() { random.next() % limits::SEQS_LEFT_OUT_MAX } else { 0 };
        let meta = match stored {
            Some(meta) if meta.former.is_none() => meta,
            // Nothing was sent under the site that it has, and a copy may have the same.
            Some(meta) => begin_with(&*store, Meta { site: random.site(), ..meta })?,
            None => begin_with(&*store, Meta::new(random.site()))?,
        };
        let pending = PendingIndex::open(store.prefix(PENDING, &[]))?;
        let subscriptions = Subscriptions::open(store.prefix(SUBS, &[]))?;
        let mut rejected = BTreeMap::new();
        for entry in store.prefix(REJECTED, &[]) {
            let (key, value) = entry?;
            rejected.insert(split_numbered(&key)?.0, value.len() as u64);
        }
        let machine = machine(&meta, &subscriptions, &options, random.instance());
        let sent_through = meta.last_seq;
        let mut peer = Self {
            store,
            options,
            random,
            meta,
            pending,
            subscriptions,
            rejected,
            observers: Observers::default(),
            machine,
            outputs: VecDeque::new(),
            is_persist_due: true, // a process before this one may not have come to it
            session_through: 0,
            last_staged: 0,
            commits: 0,
            seqs_left_out,
            sent_through,
            asked_digest: digest::Asked::default(),
            acked_before: BTreeMap::new(),
            attachments: Attachments::default(),
        };
        peer.forget_staged()?;
        peer.forget_committed()?;
        Ok(peer)
    }

    /// Reads the same documents from any thread, without this peer.
    pub fn reader(&self) -> Reader {
        Reader::new(self.store.clone(), self.options.strict)
    }

    /// The site that its writes bear.
    pub fn site(&self) -> SiteId {
        self.meta.site
    }

    /// How many local transactions have no verdict.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// How many bytes they take.
    pub fn pending_bytes(&self) -> u64 {
        self.pending.bytes()
    }

    /// The number of the last local transaction.
    pub fn last_seq(&self) -> Seq {
        Seq(self.meta.last_seq)
    }

    /// Every local transaction up to this number has a verdict.
    pub fn settled(&self) -> Seq {
        Seq(self.pending.settled(self.meta.last_seq))
    }

    /// Whether something was written since [`Peer::persist`] that a loss of power would take. A host
    /// that promised durability persists before it tells the app; one call serves many writes.
    pub fn is_persist_due(&self) -> bool {
        self.is_persist_due
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// The store.
    pub fn persist(&mut self) -> Result<(), PeerError> {
        self.store.persist()?;
        self.is_persist_due = false;
        Ok(())
    }

    fn moment(&mut self, now: Now) -> Moment {
        Moment { now_ms: now.steady_ms, jitter: self.random.next() }
    }

    /// The server's wall clock, as far as is known.
    fn stamp_ms(&self, now: Now) -> u64 {
        now.wall_ms.saturating_add_signed(self.meta.clock_offset_ms).min(crate::limits::WALL_MS_MAX)
    }

    fn reading(&self) -> Reading<'_> {
        Reading::of(&*self.store, None)
    }

    fn work(&self) -> Work<'_> {
        Work::new(&*self.store, &self.pending, &self.subscriptions, self.meta.clone())
    }

    /// The number of a new transaction.
    fn next_seq(&self, work: &mut Work<'_>) -> u64 {
        let is_first = work.meta.last_seq == self.meta.last_seq;
        work.meta.last_seq += 1 + if is_first { self.seqs_left_out } else { 0 };
        work.meta.last_seq
    }

    /// Writes the batch, then lets memory follow.
    fn commit(&mut self, done: Done) -> Result<(), PeerError> {
        let Done { meta, batch, pending, subs, documents } = done;
        self.store.write(batch, Durability::Process)?;
        self.is_persist_due = true;
        self.commits += 1;
        if meta.last_seq != self.meta.last_seq {
            self.seqs_left_out = 0;
        }
        self.meta = meta;
        for (seq, facts) in pending {
            self.pending.put(seq, facts);
        }
        for (sub, stored) in subs {
            self.subscriptions.put(sub, stored);
        }
        self.observers.note(&documents);
        for change in documents {
            self.pending.set_document(change.key, change.pending);
        }
        Ok(())
    }

    /// Parts of a transaction whose last part did not come: it comes again, whole.
    fn forget_staged(&mut self) -> Result<(), PeerError> {
        let keys: Vec<_> = self.store.prefix(STAGED, &[]).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::with_capacity(keys.len());
        for (key, _) in keys {
            batch.remove(STAGED, key);
        }
        self.store.write(batch, Durability::Process)?;
        self.last_staged = 0;
        Ok(())
    }

    /// Verdicts of numbers long before the last: many are left out in between.
    fn forget_committed(&self) -> Result<(), PeerError> {
        let count = self.store.prefix(COMMITTED, &[]).count();
        let old = count.saturating_sub(limits::COMMITTED_COUNT_MAX);
        let mut batch = Batch::with_capacity(old);
        for entry in self.store.prefix(COMMITTED, &[]).take(old) {
            batch.remove(COMMITTED, entry?.0);
        }
        if old > 0 {
            self.store.write(batch, Durability::Process)?;
        }
        Ok(())
    }

    /// What a kill would leave of sync: nothing but what is stored.
    fn reset_sync(&mut self) {
        if self.machine.state().is_connected() {
            self.outputs.push_back(Output::Disconnect);
        }
        self.forget_sent_digest();
        self.acked_before.clear();
        let instance = self.random.instance();
        self.machine = machine(&self.meta, &self.subscriptions, &self.options, instance);
    }
}

fn begin_with(store: &dyn KeyValues, meta: Meta) -> Result<Meta, PeerError> {
    let mut batch = Batch::with_capacity(1);
    batch.insert(META, META_KEY, meta.encode());
    store.write(batch, Durability::Process)?;
    store.persist()?;
    Ok(meta)
}

fn machine(meta: &Meta, subscriptions: &Subscriptions, options: &Options, instance: [u8; 16]) -> PeerMachine {
    let mut machine = PeerMachine::new(Identity {
        site: meta.site,
        instance,
        sdk: options.sdk.clone(),
        token: options.token.clone(),
        cursor: meta.cursor(),
        subs: subscriptions.wanted(),
    });
    if let Some((former, _)) = meta.former {
        machine.begin_former(former);
    }
    machine
}
