//! A model of the server: documents, a journal, sites, and sessions by the protocol's machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use document::limits::STAMP_AHEAD_MS_MAX;
use document::{CollectionName, Document, DocumentId, Map, SiteId, StampClock, Value, WriteRules};
use query::{
    Budget, Filter, Query,
    dql::{Bound, Constants, Statement},
};
use sha2::{Digest as _, Sha256};
use sync_protocol::{
    Authorised, ByeCode, ChangesPage, DigestEntry, DigestReply, Fault, FormerSite, Item, ItemKind, Language, NackCode,
    Push, Rest, ResyncReason, Seq, SeqRange, ServerMachine, ServerOutput, SessionState, SnapshotItem, SnapshotPage,
    SubId, Subscription, TxnId,
};

pub(crate) type Key = (CollectionName, DocumentId);

#[derive(Debug, Clone)]
struct Changed {
    key: Key,
    before: Document,
    after: Document,
    delta: Document,
}

#[derive(Default)]
struct Session {
    machine: Option<ServerMachine>,
    site: SiteId,
    subs: BTreeMap<SubId, (Subscription, Filter)>,
    /// How many items of the next transaction were sent.
    sent_of_next: usize,
    to_peer: VecDeque<Vec<u8>>,
    is_closed: bool,
}

#[derive(Debug, Clone, Default)]
struct Site {
    last: u64,
    /// Each with the newest transaction when it was given.
    verdicts: BTreeMap<u64, (u64, Result<u64, Vec<Fault>>)>,
    pushes: BTreeMap<u64, Push>,
}

#[derive(Clone)]
struct Content {
    documents: BTreeMap<Key, Document>,
    removed_at: BTreeMap<Key, u64>,
    /// Transaction n stands at n - 1.
    journal: Vec<Vec<Changed>>,
    sites: BTreeMap<SiteId, Site>,
}

pub(crate) struct Server {
    incarnation: [u8; 16],
    /// The lives before, each with the transaction up to which the next one is the same.
    forks: Vec<([u8; 16], u64)>,
    content: Content,
    clock: StampClock,
    window_start: u64,
    pub(crate) wall_ms: u64,
    sessions: BTreeMap<u64, Session>,
    last_session: u64,
    now_ms: u64,
    /// Transactions of several items are sent one by one.
    pub(crate) in_parts: bool,
    pub(crate) page_documents: usize,
    pub(crate) permission: u64,
    /// A site whose next hello is refused.
    pub(crate) reused: Option<SiteId>,
}

fn matches(filter: &Filter, key: &Key, document: &Document) -> bool {
    let fields = document.value();
    fields.is_some_and(|fields| filter.matches(&key.1, &fields, &mut Budget::of_a_document()).unwrap())
}

fn filter_of(it: &Subscription) -> Filter {
    let Ok(Value::Map(args)) = Value::from_json(it.args.as_bytes()) else { panic!("{}", it.args) };
    match it.language {
        Language::Legacy => Query::parse(&it.query).unwrap().bind(&args).unwrap(),
        Language::Dql => {
            let constants = Constants { now_ms: 0, strict: false, request_info: Map::new(), zone_offset: None };
            match Statement::parse(&it.query).unwrap().bind(&args, &constants).unwrap() {
                Bound::Select(select) => select.filter().clone(),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn encoded(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.encode(&mut out);
    out
}

impl Server {
    pub(crate) fn new() -> Self {
        let content = Content {
            documents: BTreeMap::new(),
            removed_at: BTreeMap::new(),
            journal: Vec::new(),
            sites: BTreeMap::new(),
        };
        Self {
            incarnation: [7; 16],
            forks: Vec::new(),
            content,
            clock: StampClock { site: SiteId(2), last: 0 },
            window_start: 0,
            wall_ms: 1_700_000_000_000,
            sessions: BTreeMap::new(),
            last_session: 0,
            now_ms: 0,
            in_parts: false,
            page_documents: 3,
            permission: 5,
            reused: None,
        }
    }

    pub(crate) fn newest(&self) -> u64 {
        self.content.journal.len() as u64
    }

    pub(crate) fn value(&self, key: &Key) -> Option<Map> {
        self.content.documents.get(key).and_then(Document::value)
    }

    /// States of the documents that match, by the peer's key.
    pub(crate) fn matching(&self, collection: &str, filter: &Filter) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let of = self.content.documents.iter().filter(|(key, _)| key.0.as_str() == collection);
        let found = of.filter(|(key, document)| matches(filter, key, document));
        found
            .map(|(key, document)| (format!("{collection}\0{}", key.1.as_json()).into_bytes(), encoded(document)))
            .collect()
    }

    pub(crate) fn upsert(&mut self, key: Key, value: Map) -> u64 {
        self.write(key, |document, stamp| document.upsert(&value, &[], stamp, WriteRules::NEWEST))
    }

    pub(crate) fn remove(&mut self, key: Key) -> u64 {
        self.write(key, |document, stamp| document.remove(stamp))
    }

    fn write(&mut self, key: Key, write: impl FnOnce(&mut Document, document::Stamp)) -> u64 {
        let mut after = self.content.documents.get(&key).cloned().unwrap_or_default();
        self.clock.last = self.clock.last.max(after.stamp_max().time);
        let since = self.clock.last;
        write(&mut after, self.clock.next(self.wall_ms));
        let delta = after.delta_of(self.clock.site, since);
        self.commit(vec![(key, after, delta)])
    }

    fn commit(&mut self, changes: Vec<(Key, Document, Document)>) -> u64 {
        let txn = self.newest() + 1;
        let mut entry = Vec::new();
        for (key, after, delta) in changes {
            let before = self.content.documents.insert(key.clone(), after.clone()).unwrap_or_default();
            if before.exists() && !after.exists() {
                self.content.removed_at.insert(key.clone(), txn);
            }
            self.clock.last = self.clock.last.max(after.stamp_max().time);
            entry.push(Changed { key, before, after, delta });
        }
        self.content.journal.push(entry);
        self.sessions.values_mut().filter_map(|it| it.machine.as_mut()).for_each(ServerMachine::changes_available);
        txn
    }

    /// Changes before the newest transactions cannot be told any more.
    pub(crate) fn trim(&mut self, left: u64) {
        self.window_start = self.window_start.max(self.newest().saturating_sub(left));
    }

    /// Comes back from a copy that has so many transactions, with a new life.
    pub(crate) fn restore(&mut self, transactions: u64) {
        let fork = transactions.min(self.newest());
        let journal = self.content.journal[..fork as usize].to_vec();
        self.content.documents.clear();
        self.content.removed_at.clear();
        for (at, entry) in journal.iter().enumerate() {
            for changed in entry {
                self.content.documents.insert(changed.key.clone(), changed.after.clone());
                if changed.before.exists() && !changed.after.exists() {
                    self.content.removed_at.insert(changed.key.clone(), at as u64 + 1);
                }
            }
        }
        for site in self.content.sites.values_mut() {
            site.verdicts.retain(|_, (at, _)| *at <= fork);
            site.last = site.verdicts.keys().last().copied().unwrap_or(0);
            site.pushes.clear();
        }
        self.content.journal = journal;
        self.forks.push((self.incarnation, fork));
        self.incarnation[0] += 1;
        self.window_start = self.window_start.min(fork);
    }

    /// Up to where the data are those of that life.
    fn fork_since(&self, life: Option<[u8; 16]>) -> u64 {
        let since = self.forks.iter().skip_while(|(it, _)| Some(*it) != life).map(|(_, fork)| *fork);
        since.min().unwrap_or(0)
    }

    pub(crate) fn connect(&mut self) -> u64 {
        self.last_session += 1;
        let machine = Some(ServerMachine::new(self.last_session, self.now_ms));
        self.sessions.insert(self.last_session, Session { machine, ..Session::default() });
        self.last_session
    }

    pub(crate) fn disconnect(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    pub(crate) fn wants_frames(&self, session: u64) -> bool {
        self.sessions[&session].machine.as_ref().unwrap().wants_frames()
            || self.sessions[&session].machine.as_ref().unwrap().state() == SessionState::Closed
    }

    pub(crate) fn handle_frame(&mut self, session: u64, frame: &[u8]) {
        let now_ms = self.now_ms;
        self.machine(session).handle_frame(frame, now_ms);
        self.poll(session);
    }

    /// The next frame to the peer, and whether the session is over after it.
    pub(crate) fn next_frame(&mut self, session: u64) -> Option<Vec<u8>> {
        self.poll(session);
        self.sessions.get_mut(&session).unwrap().to_peer.pop_front()
    }

    pub(crate) fn is_closed(&self, session: u64) -> bool {
        self.sessions[&session].is_closed && self.sessions[&session].to_peer.is_empty()
    }

    fn machine(&mut self, session: u64) -> &mut ServerMachine {
        self.sessions.get_mut(&session).unwrap().machine.as_mut().unwrap()
    }

    fn poll(&mut self, session: u64) {
        while let Some(output) = self.machine(session).poll_output() {
            match output {
                ServerOutput::Authorise(hello) => {
                    if self.reused == Some(hello.site) {
                        self.machine(session).refuse(ByeCode::SiteReused, "a copy".to_owned(), None);
                        continue;
                    }
                    self.sessions.get_mut(&session).unwrap().site = hello.site;
                    let authorised = Authorised {
                        incarnation: self.incarnation,
                        newest: TxnId(self.newest()),
                        floor: TxnId(0),
                        window_start: TxnId(self.window_start),
                        fork: TxnId(self.fork_since(hello.cursor.as_ref().map(|it| it.incarnation))),
                        former: hello.former.map(|site| self.known_of(site)),
                        site_seq: Seq(self.content.sites.get(&hello.site).map_or(0, |site| site.last)),
                        wall_ms: self.wall_ms,
                        permission: self.permission,
                        expires_ms: None,
                    };
                    let now_ms = self.now_ms;
                    self.machine(session).authorised(authorised, now_ms);
                }
                ServerOutput::Send(frame) => self.sessions.get_mut(&session).unwrap().to_peer.push_back(frame),
                ServerOutput::Close => self.sessions.get_mut(&session).unwrap().is_closed = true,
                ServerOutput::Subscribed(subscription) => {
                    let filter = filter_of(&subscription);
                    let subs = &mut self.sessions.get_mut(&session).unwrap().subs;
                    subs.insert(subscription.sub, (subscription, filter));
                }
                ServerOutput::Unsubscribed(sub) => {
                    self.sessions.get_mut(&session).unwrap().subs.remove(&sub);
                }
                ServerOutput::WantChanges { request, after, .. } => self.answer_changes(session, request, after.0),
                ServerOutput::WantSnapshot { request, sub, page, .. } => {
                    self.answer_snapshot(session, request, sub, page);
                }
                ServerOutput::Apply(push) => self.apply(session, push),
                ServerOutput::WantDigest { subs } => self.answer_digest(session, &subs),
                _ => {}
            }
        }
    }

    fn answer_digest(&mut self, session: u64, subs: &[SubId]) {
        let of = |sub: &SubId| {
            let (subscription, filter) = self.sessions[&session].subs.get(sub)?;
            let (mut count, mut hash) = (0, Sha256::new());
            for (key, document) in &self.content.documents {
                if key.0 == subscription.collection && matches(filter, key, document) {
                    count += 1;
                    for part in [key.1.as_json().as_bytes(), &encoded(document)] {
                        hash.update((part.len() as u32).to_be_bytes());
                        hash.update(part);
                    }
                }
            }
            Some(DigestEntry { sub: *sub, count, hash: hash.finalize().to_vec(), rest: Rest::default() })
        };
        let (at, entries) = (TxnId(self.newest()), subs.iter().filter_map(of).collect());
        self.machine(session).handle_digest(DigestReply { at, entries, rest: Rest::default() });
    }

    /// Says that a document changed which did not, as one who takes the peer to have it.
    pub(crate) fn tell_delta(&mut self, key: Key) -> u64 {
        let after = self.content.documents[&key].clone();
        self.content.journal.push(vec![Changed { key, before: after.clone(), delta: Document::new(), after }]);
        self.sessions.values_mut().filter_map(|it| it.machine.as_mut()).for_each(ServerMachine::changes_available);
        self.newest()
    }

    fn known_of(&self, site: SiteId) -> FormerSite {
        let known = self.content.sites.get(&site).cloned().unwrap_or_default();
        let mut missing = Vec::new();
        let mut next = 1;
        for seq in known.verdicts.iter().filter(|(_, (_, verdict))| verdict.is_ok()).map(|(seq, _)| *seq) {
            let range = SeqRange { first: Seq(next), last: Seq(seq - 1), rest: Rest::default() };
            missing.extend((next < seq).then_some(range));
            next = seq + 1;
        }
        FormerSite { seq: Seq(next - 1), known_from: Seq(0), missing, rest: Rest::default() }
    }

    fn answer_changes(&mut self, session: u64, request: u64, after: u64) {
        let newest = self.newest();
        if after < self.window_start {
            let position = TxnId(newest);
            self.sessions.get_mut(&session).unwrap().sent_of_next = 0;
            return self.machine(session).resync_all(position, ResyncReason::Trimmed, "trimmed".to_owned());
        }
        let in_parts = self.in_parts;
        let it = self.sessions.get_mut(&session).unwrap();
        let (mut items, mut through) = (Vec::new(), after);
        for entry in self.content.journal[after as usize..].iter().take(4) {
            let seen: Vec<Item> = entry.iter().filter_map(|changed| item(changed, &it.subs)).collect();
            if in_parts && seen.len() > 1 {
                if through == after {
                    let at = it.sent_of_next.min(seen.len() - 1);
                    items.push(seen[at].clone());
                    it.sent_of_next = at + 1;
                    if at + 1 == seen.len() {
                        it.sent_of_next = 0;
                        through += 1;
                    }
                }
                break;
            }
            items.extend(seen);
            through += 1;
        }
        let caught_up = through == newest;
        self.machine(session).handle_changes(ChangesPage { request, items, through: TxnId(through), caught_up });
    }

    fn answer_snapshot(&mut self, session: u64, request: u64, sub: SubId, page: Option<Vec<u8>>) {
        let (subscription, filter) = &self.sessions[&session].subs[&sub];
        let after = page.map(|page| String::from_utf8(page).unwrap()).unwrap_or_default();
        let of = self.content.documents.iter().filter(|(key, _)| key.0 == subscription.collection);
        let mut later = of.filter(|(key, it)| key.1.as_json() > after.as_str() && matches(filter, key, it));
        let items: Vec<SnapshotItem> = later
            .by_ref()
            .take(self.page_documents)
            .map(|(key, it)| SnapshotItem { id: key.1.clone(), state: encoded(it), rest: Rest::default() })
            .collect();
        let next = later.next().map(|_| items.last().unwrap().id.as_json().as_bytes().to_vec());
        let at = TxnId(self.newest());
        self.machine(session).handle_snapshot(SnapshotPage { request, items, next, at });
    }

    fn apply(&mut self, session: u64, push: Push) {
        let site = self.sessions[&session].site;
        let seq = push.seq;
        if !self.content.sites.entry(site).or_default().verdicts.contains_key(&seq.0) {
            let verdict = self.decide(site, &push);
            let verdict = (self.newest(), verdict);
            let known = self.content.sites.get_mut(&site).unwrap();
            known.last = known.last.max(seq.0);
            known.verdicts.insert(seq.0, verdict);
            known.pushes.insert(seq.0, push);
        } else if let Some(before) = self.content.sites[&site].pushes.get(&seq.0) {
            assert_eq!(before.operations, push.operations, "the same number, another push");
        }
        let verdict = self.content.sites[&site].verdicts.get(&seq.0).cloned();
        let newest = TxnId(self.newest());
        match verdict {
            Some((_, Ok(txn))) => self.machine(session).applied(seq, TxnId(txn)),
            Some((_, Err(faults))) => self.machine(session).rejected(seq, faults, newest),
            None => self.machine(session).applied(seq, TxnId(0)),
        }
    }

    fn decide(&mut self, site: SiteId, push: &Push) -> Result<u64, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut changes: BTreeMap<Key, (Document, Document)> = BTreeMap::new();
        for (number, operation) in push.operations.iter().enumerate() {
            let key = (operation.collection.clone(), operation.id.clone());
            let delta = Document::decode(&operation.delta).unwrap();
            assert_eq!(delta.check_delta(site), Ok(()));
            let now = self.content.documents.get(&key).cloned().unwrap_or_default();
            let is_tombstone = !now.exists() && now != Document::new();
            let removed_at = self.content.removed_at.get(&key).copied().unwrap_or(0);
            let is_taken = |seq: &Seq| {
                let verdict = self.content.sites[&site].verdicts.get(&seq.0);
                verdict.is_some_and(|(_, verdict)| verdict.is_ok())
            };
            let code = if key.0.as_str() == "denied" {
                Some(NackCode::Denied)
            } else if !push.needs.iter().all(is_taken) {
                Some(NackCode::Needs)
            } else if delta.stamp_max().wall_ms() > self.wall_ms + STAMP_AHEAD_MS_MAX {
                Some(NackCode::Skew)
            } else if is_tombstone && operation.base.0 != 0 && operation.base.0 < removed_at {
                Some(NackCode::Removed)
            } else {
                None
            };
            if let Some(code) = code {
                let (operation, message) = (number as u64, "no".to_owned());
                faults.push(Fault { operation, code, message, rest: Rest::default() });
            }
            let mut after = now;
            after.merge(&delta);
            changes.insert(key, (after, delta));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(self.commit(changes.into_iter().map(|(key, (after, delta))| (key, after, delta)).collect()))
    }
}

/// What a session's subscriptions see of a change.
fn item(changed: &Changed, subs: &BTreeMap<SubId, (Subscription, Filter)>) -> Option<Item> {
    let of = |document: &Document| -> BTreeSet<SubId> {
        let having = subs
            .iter()
            .filter(|(_, (it, filter))| it.collection == changed.key.0 && matches(filter, &changed.key, document));
        having.map(|(sub, _)| *sub).collect()
    };
    let (before, after) = (of(&changed.before), of(&changed.after));
    let subs = (before != after).then(|| after.iter().copied().collect());
    let (kind, bytes) = match (before.is_empty(), after.is_empty()) {
        (true, true) => return None,
        (false, true) if !changed.after.exists() => (ItemKind::Removed, Some(encoded(&changed.after))),
        (false, true) => (ItemKind::Leave, None),
        (false, false) => (ItemKind::Delta, Some(encoded(&changed.delta))),
        (true, false) => (ItemKind::State, Some(encoded(&changed.after))),
    };
    let (collection, id) = changed.key.clone();
    Some(Item { collection, id, kind, bytes, subs, rest: Rest::default() })
}
