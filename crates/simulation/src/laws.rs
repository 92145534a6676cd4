//! The end of a history: everything is healed and connected, comes to rest, and is looked at.

use std::collections::{BTreeMap, BTreeSet};

use document::{Map, Value};
use query::{Budget, Filter, Query};
use sync_protocol::PeerState;

use crate::{
    known,
    law::{Broken, Held, law, unplanned},
    rig::{Rig, collection, id, stored_key},
    rights::Rights,
    step::QUERIES,
    world::World,
};

/// Rounds in which everything must come to rest.
const ROUNDS_MAX: usize = 3_000;

/// Rounds without a frame after which it has.
const QUIET_ROUNDS: usize = 4;

/// How far the clock goes on with each.
const ROUND_MS: u64 = 100;

impl World {
    /// Lets everything come to rest.
    pub(crate) fn settle(&mut self) -> Held {
        self.server.unplan();
        for rig in &mut self.rigs {
            rig.disk.heal();
            rig.kills = false;
        }
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            self.go_on(ROUND_MS)?;
            let mut moved = 0;
            for peer in 0..self.rigs.len() {
                self.subscribe_to_wanted(peer)?;
                moved += self.carry(peer, 64, 64)?;
            }
            let is_settled = |rig: &Rig| {
                rig.peer.sync_state() == PeerState::Live && rig.peer.pending_len() == 0 && rig.is_complete()
            };
            quiet = if moved == 0 && self.rigs.iter().all(is_settled) { quiet + 1 } else { 0 };
            if quiet == QUIET_ROUNDS {
                return Ok(());
            }
        }
        let stands = |(peer, rig): (usize, &Rig)| {
            let (state, pending) = (rig.peer.sync_state(), rig.peer.pending_len());
            format!("peer {peer}: {state:?}, {pending} pending, complete: {}", rig.is_complete())
        };
        let stands: Vec<String> = self.rigs.iter().enumerate().map(stands).collect();
        Err(Broken { law: 1, how: format!("it does not come to rest: {}", stands.join("; ")) })
    }

    /// What was refused is asked for again once it is allowed, and what a loss of power took too.
    fn subscribe_to_wanted(&mut self, peer: usize) -> Held {
        for query in self.rigs[peer].wanted.clone() {
            let rig = &mut self.rigs[peer];
            let is_there = rig.sub_of(query).is_some();
            let sub = rig.sub_of(query);
            let is_refused = rig.peer.subscriptions().any(|(it, _, refused)| Some(it) == sub && refused.is_some());
            let is_allowed = rig.rights.has_some_of(QUERIES[query].0);
            if !is_there || (is_refused && is_allowed) {
                rig.subscribe(query).map_err(|error| unplanned("no subscription", error))?;
            }
        }
        Ok(())
    }

    /// Everything that must be so once it is at rest.
    pub(crate) fn check_end(&mut self) -> Held {
        for peer in 0..self.rigs.len() {
            self.check_same(peer)?;
            self.check_evicted(peer)?;
        }
        self.check_marks()?;
        self.check_counter()?;
        law(13, self.harmed_by_nobody_else()?, || "a forged write is there".to_owned())
    }

    /// The peer has what its subscriptions have at the server, byte for byte, and no more.
    fn check_same(&mut self, peer: usize) -> Held {
        let rig = &self.rigs[peer];
        let synced = rig.disk.synced();
        let mut expected = BTreeMap::new();
        for (sub, subscription, refused) in rig.peer.subscriptions() {
            let is_allowed = rig.rights.has_some_of(subscription.collection.as_str());
            law(2, refused.is_some() != is_allowed, || {
                format!("peer {peer}: {} is allowed: {is_allowed}, and {refused:?}", subscription.query)
            })?;
            if refused.is_some() {
                continue;
            }
            let matching = self.matching(subscription.collection.as_str(), &subscription.query, rig.rights)?;
            let members: BTreeSet<Vec<u8>> = matching.keys().cloned().collect();
            let has = rig.disk.members(sub.0);
            law(1, has == members, || {
                let (missing, more) = (shown(members.difference(&has)), shown(has.difference(&members)));
                format!("peer {peer}, {}: {missing} are missing, {more} are too many", subscription.query)
            })?;
            expected.extend(matching);
        }
        for (key, state) in &expected {
            law(1, synced.get(key) == Some(state), || {
                let what = if synced.contains_key(key) { "other bytes of" } else { "not" };
                format!("peer {peer} has {what} {}", shown([key]))
            })?;
        }
        let more = synced.keys().filter(|key| !expected.contains_key(*key) && !rig.wrote.contains(*key));
        let more: Vec<&Vec<u8>> = more.filter(|key| !is_gone(&synced[*key])).collect();
        let forbidden = more.iter().any(|key| !may_have(rig.rights, key));
        // What no subscription had when the right was taken back stays, as it does without that.
        law(2, !forbidden || rig.has_unsubscribed, || {
            format!("peer {peer} keeps {}, which it may not read", shown(more.iter().copied()))
        })?;
        law(1, more.is_empty() || rig.has_unsubscribed, || {
            format!("peer {peer} has {}, which no subscription has", shown(more.iter().copied()))
        })?;
        let left = rig.disk.leftovers();
        law(1, left == 0, || format!("peer {peer} has {left} records of what is not there any more"))
    }

    /// What the server has of a query for whoever has these rights, by the peer's keys.
    fn matching(&self, of: &str, text: &str, rights: Rights) -> Held<BTreeMap<Vec<u8>, Vec<u8>>> {
        let filter = filter(text)?;
        let snapshot = self.server.app().snapshot().map_err(|error| unplanned("no snapshot", error))?;
        let all = snapshot.raw_documents(&collection(of), std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let mut found = BTreeMap::new();
        for raw in all {
            let raw = raw.map_err(|error| unplanned("no document", error))?;
            let read = || -> Result<_, store::SnapshotError> {
                Ok((raw.id()?, raw.decode()?.document.value(), raw.encoded()?.to_vec()))
            };
            let (id, value, state) = read().map_err(|error| unplanned("no document", error))?;
            let Some(fields) = value.filter(|_| rights.has(of, id.as_json())) else { continue };
            if filter.matches(&id, &fields, &mut Budget::of_a_document()).unwrap_or(true) {
                found.insert(stored_key(of, &id), state);
            }
        }
        Ok(found)
    }

    fn check_evicted(&self, peer: usize) -> Held {
        let rig = &self.rigs[peer];
        for (key, state) in &rig.evicted {
            let is_unchanged = rig.disk.synced_state(key).as_ref() == Some(state);
            let text = std::str::from_utf8(&key[2..]).unwrap_or_default();
            let Ok(id) = document::DocumentId::from_json(text) else { continue };
            let found = rig.peer.find_by_id(&collection("t"), &id).map_err(|error| unplanned("no document", error))?;
            law(14, found.is_none() || !is_unchanged, || format!("peer {peer} evicted {text}, and it came back"))?;
        }
        Ok(())
    }

    /// Every transaction was taken, or its app was told why not.
    fn check_marks(&self) -> Held {
        let mut rejected = BTreeSet::new();
        for rig in &self.rigs {
            for it in rig.peer.rejected().map_err(|error| unplanned("no list", error))? {
                let ids = it.done.operations.iter().filter(|it| it.collection.as_str() == "log");
                rejected.extend(ids.map(|it| it.id.as_json().to_owned()));
            }
        }
        for (name, mark) in &self.ledger.marks {
            let is_reported = mark.is_rejected || rejected.contains(id(name).as_json());
            let is_lost_with_the_fork = self.ledger.has_forked && mark.peers.is_empty();
            let is_there = match self.ledger.has_forked {
                true => self.server_has("log", &id(name))?,
                false => !mark.txns.is_empty(),
            };
            let is_known = known::is_of_a_copied_store(self, mark) || known::was_left_before_a_fork(self, mark);
            law(4, is_there || is_reported || mark.may_be_lost || is_lost_with_the_fork || is_known, || {
                format!("transaction {name} of {:?} is neither taken nor refused", mark.peers)
            })?;
            law(3, !(is_there && is_reported) || mark.may_double || self.ledger.has_forked, || {
                format!("transaction {name} is taken as {:?}, and refused", mark.txns)
            })?;
            if let Some(txn) = mark.committed.filter(|_| !self.ledger.has_forked) {
                law(12, mark.txns.contains(&txn), || format!("transaction {name} was committed as {txn}"))?;
            }
        }
        Ok(())
    }

    fn check_counter(&self) -> Held {
        let counter = self.server_value("t", &id("counter"))?.unwrap_or_else(Map::new);
        let is = match counter.field("count") {
            Some(Value::Int(count)) => *count,
            Some(Value::Uint(count)) => i64::try_from(*count).unwrap_or(i64::MAX),
            _ => 0,
        };
        let due = self.counted()?;
        let number = if self.kind.copies { 11 } else { 9 };
        let is_known = known::an_offered_increment_was_refused(self);
        let is_lost_with_a_copy = self.ledger.marks.values().any(|mark| known::is_of_a_copied_store(self, mark));
        law(number, is == due || is_known || is_lost_with_a_copy, || format!("the counter is {is}, {due} was added"))
    }

    /// The document that only parties that mean harm write is of their own sites.
    fn harmed_by_nobody_else(&self) -> Held<bool> {
        let harmed = self.server.events.iter().filter(|event| event.key.contains("\"harmed\""));
        Ok(harmed.filter_map(|event| event.header("site")?.parse().ok()).all(|site: u64| site >> 32 == 0x0bad))
    }
}

/// Whether a state is that of a removed document, or of one that was never there.
fn is_gone(state: &[u8]) -> bool {
    document::Document::decode(state).is_ok_and(|document| !document.exists())
}

fn may_have(rights: Rights, key: &[u8]) -> bool {
    let text = std::str::from_utf8(key).unwrap_or_default();
    text.split_once('\0').is_none_or(|(collection, id_json)| rights.has(collection, id_json))
}

fn filter(text: &str) -> Held<Filter> {
    if text.starts_with("SELECT") {
        let (_, filter) = query::dql::subscription(text, &Map::new()).map_err(|error| unplanned("no filter", error))?;
        return Ok(filter);
    }
    let query = Query::parse(text).map_err(|error| unplanned("no query", error))?;
    query.bind(&Map::new()).map_err(|error| unplanned("no filter", error))
}

fn shown<'k>(keys: impl IntoIterator<Item = &'k Vec<u8>>) -> String {
    let keys: Vec<String> = keys.into_iter().map(|key| String::from_utf8_lossy(key).replace('\0', " ")).collect();
    format!("{keys:?}")
}
