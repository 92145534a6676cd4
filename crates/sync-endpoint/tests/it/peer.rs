//! A peer with its store in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::BytesMut;
use document::{Document, FieldType, Path, SiteId, Stamp, WriteRules};
use sync_protocol::websocket::{Decoder, Incoming, Outgoing, Role, encode};
use sync_protocol::{
    DigestReply, Fault, Identity, Item, ItemKind, Language, Moment, PeerMachine, PeerOutput, PeerState, Push,
    PushOperation, Rest, ResyncReason, Seq, SubId, Subscription, TxnId,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{Instant, timeout},
};

use crate::world::{START_MS, World, collection, id, map};

/// Collection and id as canonical JSON.
pub type Key = (String, String);

/// Documents that a peer has from the server, each with the transaction at which.
pub type Documents = BTreeMap<Key, (Document, u64)>;

pub struct Peer {
    pub machine: PeerMachine,
    stream: Option<(DuplexStream, BytesMut, Decoder)>,
    begun: Instant,
    last_tick: u64,
    last_seq: u64,
    settled: BTreeSet<u64>,
    pub pending: BTreeMap<u64, Push>,
    /// What this peer wrote itself.
    own: BTreeMap<Key, Document>,
    /// What it has from the server, each with the transaction at which.
    pub documents: Documents,
    /// What pages of subscriptions that are under way named.
    named: BTreeMap<SubId, BTreeSet<Key>>,
    pub acked: BTreeMap<u64, Option<u64>>,
    pub rejected: BTreeMap<u64, Vec<Fault>>,
    /// Kinds of items in the order in which they came.
    pub told: Vec<(String, ItemKind)>,
    pub resyncs: Vec<ResyncReason>,
    pub changes_messages: usize,
    /// Bytes that came, frames of the WebSocket included.
    pub heard_bytes: usize,
    pub is_site_reused: bool,
    /// How often the server took a later token.
    pub grants: usize,
    pub digests: Vec<DigestReply>,
    /// Stores nothing for now.
    pub is_slow: bool,
    withheld: Vec<PeerOutput>,
    /// Up to where everything is here, in this connection.
    through: u64,
    /// Parts of a transaction whose last one has not come.
    staged: Vec<Item>,
    /// Looked at whenever something is shown anew.
    pub watch: Option<fn(&Documents)>,
}

pub fn subscription(sub: u64, collection_of: &str, query: &str) -> Subscription {
    let language = if query.starts_with("SELECT") { Language::Dql } else { Language::Legacy };
    Subscription {
        sub: SubId(sub),
        collection: collection(collection_of),
        language,
        query: query.to_owned(),
        args: "{}".to_owned(),
        hash: None,
        page: None,
        rest: Rest::default(),
    }
}

impl Peer {
    pub fn new(site: u64, token: Option<&str>, subs: Vec<Subscription>) -> Self {
        let identity = Identity {
            site: SiteId(site),
            instance: [7; 16],
            sdk: "test".into(),
            token: token.map(str::to_owned),
            cursor: None,
            subs,
        };
        Self {
            machine: PeerMachine::new(identity),
            stream: None,
            begun: Instant::now(),
            last_tick: START_MS << 16,
            last_seq: 0,
            settled: BTreeSet::new(),
            pending: BTreeMap::new(),
            own: BTreeMap::new(),
            documents: BTreeMap::new(),
            named: BTreeMap::new(),
            acked: BTreeMap::new(),
            rejected: BTreeMap::new(),
            told: Vec::new(),
            resyncs: Vec::new(),
            changes_messages: 0,
            heard_bytes: 0,
            is_site_reused: false,
            grants: 0,
            digests: Vec::new(),
            is_slow: false,
            withheld: Vec::new(),
            through: 0,
            staged: Vec::new(),
            watch: None,
        }
    }

    fn moment(&self) -> Moment {
        Moment { now_ms: self.begun.elapsed().as_millis() as u64, jitter: 0 }
    }

    fn tick(&mut self) -> Stamp {
        self.last_tick += 1;
        Stamp { time: self.last_tick, site: self.machine.identity().site }
    }

    fn write(&mut self, collection_of: &str, id_of: &str, change: impl FnOnce(&mut Document, Stamp)) -> PushOperation {
        let stamp = self.tick();
        let key = (collection_of.to_owned(), id(id_of).as_json().to_owned());
        let own = self.own.entry(key.clone()).or_default();
        change(own, stamp);
        let (mut delta, removed) = (Vec::new(), !own.exists());
        own.encode(&mut delta);
        let base = self.documents.get(&key).map_or(0, |(_, txn)| *txn);
        PushOperation {
            collection: collection(collection_of),
            id: id(id_of),
            kind: if removed { ItemKind::Removed } else { ItemKind::Delta },
            base: TxnId(base),
            delta,
            rest: Rest::default(),
        }
    }

    pub fn upserted(&mut self, collection_of: &str, id_of: &str, json: &str) -> PushOperation {
        let value = map(json);
        self.write(collection_of, id_of, |own, stamp| own.upsert(&value, &[], stamp, WriteRules::NEWEST))
    }

    /// One local transaction.
    pub fn push(&mut self, operations: Vec<PushOperation>) -> u64 {
        self.last_seq += 1;
        let push =
            Push { seq: Seq(self.last_seq), operations, traceparent: None, needs: Vec::new(), rest: Rest::default() };
        self.pending.insert(self.last_seq, push);
        self.machine.pushes_available(Seq(self.last_seq));
        self.last_seq
    }

    pub fn upsert(&mut self, collection_of: &str, id_of: &str, json: &str) -> u64 {
        let operation = self.upserted(collection_of, id_of, json);
        self.push(vec![operation])
    }

    /// Its field `f` is a token.
    pub fn attach(&mut self, collection_of: &str, id_of: &str, json: &str) -> u64 {
        let (value, types) = (map(json), [(Path::parse("f").unwrap(), FieldType::Attachment)]);
        let operation =
            self.write(collection_of, id_of, |own, stamp| own.upsert(&value, &types, stamp, WriteRules::NEWEST));
        self.push(vec![operation])
    }

    pub fn remove(&mut self, collection_of: &str, id_of: &str) -> u64 {
        let operation = self.write(collection_of, id_of, |own, stamp| own.remove(stamp));
        self.push(vec![operation])
    }

    pub fn connect(&mut self, world: &World) {
        self.cut();
        self.stream = world.connect().map(|stream| (stream, BytesMut::new(), Decoder::new(Role::Client)));
        assert!(self.stream.is_some(), "there is room for it");
        self.machine.start(self.moment());
        let settled = (1..).take_while(|seq| self.settled.contains(seq)).last().unwrap_or(0);
        self.machine.connected(self.moment(), START_MS, Seq(self.last_seq), Seq(settled));
    }

    /// The connection goes without a word.
    pub fn cut(&mut self) {
        self.stream = None;
        self.machine.disconnected(self.moment());
        while let Some(output) = self.next_output() {
            self.handle(output);
        }
        self.staged.clear();
    }

    pub async fn send_raw(&mut self, frame: Outgoing<'_>) {
        let (stream, ..) = self.stream.as_mut().unwrap();
        let mut bytes = Vec::new();
        encode(&mut bytes, frame, Some([1, 2, 3, 4]));
        let _ = stream.write_all(&bytes).await;
    }

    pub fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    pub async fn until_live(&mut self) {
        self.until("it is live", |peer| peer.machine.state() == PeerState::Live).await;
    }

    pub async fn until_settled(&mut self) {
        self.until("all is settled", |peer| peer.pending.is_empty()).await;
    }

    pub async fn until(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            self.work().await;
            if is_there(self) {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}: {:?}", self.machine.state());
            self.hear(Duration::from_millis(20)).await;
        }
    }

    /// Goes on for a while.
    pub async fn live_on(&mut self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while Instant::now() < deadline {
            self.work().await;
            self.hear(Duration::from_millis(5)).await;
        }
    }

    /// Reads what comes, and handles the messages that are whole.
    async fn hear(&mut self, at_most: Duration) {
        let at = self.moment();
        let Some((stream, buffer, decoder)) = &mut self.stream else { return tokio::time::sleep(at_most).await };
        buffer.reserve(4096);
        match timeout(at_most, stream.read_buf(buffer)).await {
            Err(_) => return,
            Ok(Ok(bytes @ 1..)) => self.heard_bytes += bytes,
            Ok(Ok(0) | Err(_)) => {
                self.stream = None;
                self.machine.disconnected(at);
                return;
            }
        }
        let mut came = Vec::new();
        while let Some(incoming) = decoder.decode(buffer, 16 << 20).unwrap() {
            came.push(incoming);
        }
        for incoming in came {
            match incoming {
                Incoming::Binary(frame) => self.machine.handle_frame(&frame, at),
                Incoming::Ping(bytes) => self.send_raw(Outgoing::Pong(&bytes)).await,
                Incoming::Pong => self.machine.heard(at),
                Incoming::Close => {
                    self.stream = None;
                    self.machine.disconnected(at);
                    return;
                }
            }
        }
    }

    async fn work(&mut self) {
        while let Some(output) = self.next_output() {
            let frame = self.handle(output);
            if let Some(frame) = frame.filter(|_| self.stream.is_some()) {
                self.send_raw(Outgoing::Binary(&frame)).await;
            }
        }
    }

    /// Does what the machine says; gives what is to be sent.
    fn handle(&mut self, output: PeerOutput) -> Option<Vec<u8>> {
        match output {
            held @ (PeerOutput::ApplyChanges { .. } | PeerOutput::ApplySnapshot { .. }) if self.is_slow => {
                self.changes_messages += 1;
                self.withheld.push(held);
            }
            PeerOutput::Send(frame) => return Some(frame),
            PeerOutput::Disconnect => self.stream = None,
            PeerOutput::WantPending { request, after, count_max, .. } => {
                let pending = self.pending.range(after.0 + 1..).take(count_max).map(|(_, push)| push.clone());
                let pending = pending.collect();
                self.machine.handle_pending(request, pending);
            }
            PeerOutput::ApplyChanges { delivery, items, through, .. } => {
                self.changes_messages += 1;
                let is_part = through.0 == self.through && !items.is_empty();
                self.staged.extend(items);
                if !is_part {
                    std::mem::take(&mut self.staged).into_iter().for_each(|item| self.take(item, through.0));
                    self.through = through.0;
                    self.watch.into_iter().for_each(|watch| watch(&self.documents));
                }
                self.machine.stored(delivery);
            }
            PeerOutput::ApplySnapshot { delivery, sub, items, at, done, .. } => {
                self.changes_messages += 1;
                let subs = &self.machine.identity().subs;
                let name = subs.iter().find(|it| it.sub == sub).unwrap().collection.as_str().to_owned();
                for item in items {
                    let key = (name.clone(), item.id.as_json().to_owned());
                    self.named.entry(sub).or_default().insert(key.clone());
                    self.merge(key, &item.state, at.0);
                }
                if done {
                    let named = self.named.remove(&sub).unwrap_or_default();
                    if self.machine.identity().subs.len() == 1 {
                        self.documents.retain(|key, _| named.contains(key));
                    }
                }
                self.machine.stored(delivery);
            }
            PeerOutput::Acked(acked) => {
                for (seq, txn) in acked {
                    self.settle(seq);
                    self.acked.insert(seq.0, txn.map(|txn| txn.0));
                }
            }
            PeerOutput::Rejected { seq, faults, .. } => {
                self.settle(seq);
                self.rejected.insert(seq.0, faults);
            }
            PeerOutput::Resync { reason, sub, .. } => {
                if sub.is_none() {
                    (self.through, self.staged) = (0, Vec::new());
                }
                self.resyncs.push(reason);
            }
            PeerOutput::DigestReply(reply) => self.digests.push(reply),
            PeerOutput::SiteReused => self.is_site_reused = true,
            PeerOutput::Granted { permission: Some(_), .. } => self.grants += 1,
            _ => {}
        }
        None
    }

    fn next_output(&mut self) -> Option<PeerOutput> {
        if !self.is_slow && !self.withheld.is_empty() {
            return Some(self.withheld.remove(0));
        }
        self.machine.poll_output()
    }

    fn settle(&mut self, seq: Seq) {
        self.pending.remove(&seq.0);
        self.settled.insert(seq.0);
    }

    fn take(&mut self, item: Item, through: u64) {
        let key = (item.collection.as_str().to_owned(), item.id.as_json().to_owned());
        self.told.push((key.1.clone(), item.kind));
        match item.kind {
            ItemKind::Leave => drop(self.documents.remove(&key)),
            ItemKind::Delta | ItemKind::State | ItemKind::Removed => {
                for named in self.named.values_mut() {
                    named.insert(key.clone());
                }
                self.merge(key, &item.bytes.unwrap(), through);
            }
        }
    }

    fn merge(&mut self, key: Key, state: &[u8], txn: u64) {
        let entry = self.documents.entry(key).or_default();
        entry.0.merge(&Document::decode(state).unwrap());
        entry.1 = entry.1.max(txn);
    }

    /// What a reader sees of the documents that it has, as JSON by id.
    pub fn shows(&self) -> BTreeMap<String, String> {
        let seen = self.documents.iter().filter(|(_, (document, _))| document.exists());
        let json = |(key, (document, _)): (&Key, &(Document, u64))| {
            let mut json = Vec::new();
            document.value().unwrap().write_json(&mut json);
            (key.1.trim_matches('"').to_owned(), String::from_utf8(json).unwrap())
        };
        seen.map(json).collect()
    }
}
