//! The peer: its store, and what it keeps in memory of it.
//!
//! Invariants: memory says what the store says; a batch that fails changes neither, and ends the
//! connection as a kill would.
//! Not here, each in a file of its own: writes (`write`), statements (`execute`), what comes from
//! the server (`deliver`, `verdicts`), stamping anew (`renew`), subscriptions (`subscribe`), queries
//! (`query`).

mod deliver;
mod execute;
mod query;
mod renew;
mod subscribe;
mod sync;
mod verdicts;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use document::SiteId;
use key_values::{Batch, Durability, KeyValues};
use sync_protocol::{Identity, Moment, PeerMachine, Seq};

pub use self::execute::Executed;
pub use self::verdicts::RejectedTransaction;
pub use self::write::Written;
use crate::now::Random;
use crate::observers::Observers;
use crate::pending::PendingIndex;
use crate::reading::Reading;
use crate::records::Meta;
use crate::spaces::{META, META_KEY, PENDING, REJECTED, STAGED, SUBS, split_numbered};
use crate::subscriptions::Subscriptions;
use crate::work::{Done, Work};
use crate::{Now, Output, PeerError, Reader};

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
        let meta = match store.get(META, META_KEY)? {
            Some(bytes) => Meta::decode(&bytes)?,
            None => {
                let meta = Meta::new(random.site());
                let mut batch = Batch::with_capacity(1);
                batch.insert(META, META_KEY, meta.encode());
                store.write(batch, Durability::Process)?;
                store.persist()?;
                meta
            }
        };
        let pending = PendingIndex::open(store.prefix(PENDING, &[]))?;
        let subscriptions = Subscriptions::open(store.prefix(SUBS, &[]))?;
        let mut rejected = BTreeMap::new();
        for entry in store.prefix(REJECTED, &[]) {
            let (key, value) = entry?;
            rejected.insert(split_numbered(&key)?.0, value.len() as u64);
        }
        let machine = PeerMachine::new(identity(&meta, &subscriptions, &options, random.instance()));
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
        };
        peer.forget_staged()?;
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

    /// Writes the batch, then lets memory follow.
    fn commit(&mut self, done: Done) -> Result<(), PeerError> {
        let Done { meta, batch, pending, subs, documents } = done;
        self.store.write(batch, Durability::Process)?;
        self.is_persist_due = true;
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

    /// What a kill would leave of sync: nothing but what is stored.
    fn reset_sync(&mut self) {
        if self.machine.state().is_connected() {
            self.outputs.push_back(Output::Disconnect);
        }
        let instance = self.random.instance();
        let identity = identity(&self.meta, &self.subscriptions, &self.options, instance);
        self.machine = PeerMachine::new(identity);
    }
}

fn identity(meta: &Meta, subscriptions: &Subscriptions, options: &Options, instance: [u8; 16]) -> Identity {
    Identity {
        site: meta.site,
        instance,
        sdk: options.sdk.clone(),
        token: options.token.clone(),
        cursor: meta.cursor(),
        subs: subscriptions.wanted(),
    }
}
