//! A peer, its disk, its clock and its end of the wire.

use std::collections::{BTreeMap, BTreeSet};

use document::{CollectionName, DocumentId, Map, Value};
use key_values::Crash;
use peer_core::{Find, Now, Observed, ObserverId, Options, Peer, SubscribeError, SubscriptionRequest};
use sync_protocol::SubId;

use crate::{
    disk::Disk,
    law::{Held, unplanned},
    rights::Rights,
    server::Server,
    step::QUERIES,
    wire::Connection,
};

pub(crate) struct Rig {
    pub(crate) peer: Peer,
    pub(crate) disk: Disk,
    /// For the next opening of the store.
    seed: u64,
    pub(crate) offset_ms: i64,
    pub(crate) token: Option<String>,
    pub(crate) key_name: String,
    pub(crate) created_ms: u64,
    pub(crate) rights: Rights,
    pub(crate) connection: Option<Connection>,
    /// Whether a failing disk means that it is killed.
    pub(crate) kills: bool,
    /// Of all documents in `t`.
    pub(crate) observer: ObserverId,
    /// What the server had of a document when it was evicted, by the document's key.
    pub(crate) evicted: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Which of [`QUERIES`] it wants.
    pub(crate) wanted: BTreeSet<usize>,
    /// Documents stay after a subscription ends, and are no longer kept up to date.
    pub(crate) has_unsubscribed: bool,
    /// Documents that it wrote itself, by keys.
    pub(crate) wrote: BTreeSet<Vec<u8>>,
    /// It had another site at first, or shares what it wrote then with a copy.
    pub(crate) was_renewed: bool,
}

impl Rig {
    pub(crate) fn new(seed: u64, token: Option<String>, key_name: String, created_ms: u64) -> Held<Self> {
        Self::on(Disk::new(), seed, token, key_name, created_ms)
    }

    fn on(disk: Disk, seed: u64, token: Option<String>, key_name: String, created_ms: u64) -> Held<Self> {
        let mut peer = open(&disk, seed, token.clone())?;
        let observer = observe(&mut peer)?;
        Ok(Self {
            peer,
            disk,
            seed: seed + 1,
            offset_ms: 0,
            token,
            key_name,
            created_ms,
            rights: Rights::ALL,
            connection: None,
            kills: false,
            observer,
            evicted: BTreeMap::new(),
            wanted: BTreeSet::new(),
            has_unsubscribed: false,
            wrote: BTreeSet::new(),
            was_renewed: false,
        })
    }

    /// Another one on a copy of its directory, as it is now.
    pub(crate) fn copy(&mut self, seed: u64) -> Held<Self> {
        let disk = self.disk.after(Crash::Kill);
        let copy = Self::on(disk, seed, self.token.clone(), self.key_name.clone(), self.created_ms)?;
        self.was_renewed = true;
        Ok(Self {
            offset_ms: self.offset_ms,
            rights: self.rights,
            wanted: self.wanted.clone(),
            has_unsubscribed: self.has_unsubscribed,
            wrote: self.wrote.clone(),
            evicted: self.evicted.clone(),
            was_renewed: true,
            ..copy
        })
    }

    pub(crate) fn now(&self, server: &Server) -> Now {
        let now_ms = server.now_ms();
        Now { steady_ms: now_ms, wall_ms: now_ms.saturating_add_signed(self.offset_ms) }
    }

    /// A crash, and a new start with what it left.
    pub(crate) fn crash(&mut self, crash: Crash) -> Held {
        self.connection = None;
        self.disk = self.disk.after(crash);
        self.kills = false;
        self.seed += 1;
        self.peer = open(&self.disk, self.seed, self.token.clone())?;
        self.observer = observe(&mut self.peer)?;
        Ok(())
    }

    /// Subscribes; one that the server refused before is made anew. Nothing is kept if the disk is
    /// full.
    pub(crate) fn subscribe(&mut self, query: usize) -> Result<SubId, SubscribeError> {
        let request = request(query)?;
        let refused = self.peer.subscriptions().find(|(_, it, refused)| {
            refused.is_some() && it.query == request.query && it.collection == request.collection
        });
        if let Some(sub) = refused.map(|(sub, ..)| sub) {
            self.peer.unsubscribe(sub)?;
        }
        let before = self.sub_of(query);
        let sub = self.peer.subscribe(request)?;
        if before.is_none() {
            self.evicted.clear(); // it asks for them
        }
        self.wanted.insert(query);
        Ok(sub)
    }

    pub(crate) fn sub_of(&self, query: usize) -> Option<SubId> {
        let (collection, text, _) = QUERIES[query];
        let mut all = self.peer.subscriptions();
        all.find(|(_, it, _)| it.query == text && it.collection.as_str() == collection).map(|(sub, ..)| sub)
    }

    /// Whether everything of its subscriptions is here, as of its cursor.
    pub(crate) fn is_complete(&self) -> bool {
        let mut subs = self.peer.subscriptions();
        subs.all(|(sub, _, refused)| refused.is_some() || self.peer.is_complete(sub))
    }
}

fn open(disk: &Disk, seed: u64, token: Option<String>) -> Held<Peer> {
    let options = Options { token, ..Options::default() };
    Peer::open(Box::new(disk.clone()), options, [seed, 0x5eed])
        .map_err(|error| unplanned("a peer does not open", error))
}

fn observe(peer: &mut Peer) -> Held<ObserverId> {
    let find = Find::new("t", "true", &Map::new()).map_err(|error| unplanned("no query", error))?;
    peer.observe(Observed::Find(find)).map_err(|error| unplanned("no observer", error))
}

pub(crate) fn request(query: usize) -> Result<SubscriptionRequest, SubscribeError> {
    let (collection, text, is_dql) = QUERIES[query];
    match is_dql {
        true => SubscriptionRequest::dql(text, &Map::new()),
        false => SubscriptionRequest::legacy(collection, text, &Map::new()),
    }
}

pub(crate) fn collection(name: &str) -> CollectionName {
    CollectionName::new(name).expect("it is a name")
}

pub(crate) fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).expect("a text is an id")
}

pub(crate) fn map(fields: &[(&str, Value)]) -> Map {
    Map::from_fields(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// As the peer's store has it.
pub(crate) fn stored_key(collection: &str, id: &DocumentId) -> Vec<u8> {
    [collection.as_bytes(), b"\0", id.as_json().as_bytes()].concat()
}
