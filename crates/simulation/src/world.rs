//! A server, its peers, and what happens to them.
//!
//! Invariant: nothing happens but what steps say, in their order; so the same history gives the
//! same trace.
//! Not here: what is written (`writes`), harm (`harm`), what must hold in the end (`laws`).

use document::Value;
use key_values::Crash;
use peer_core::{Output, Which};
use sync_protocol::PeerState;

use crate::{
    law::{Broken, Held, law, unplanned},
    ledger::Ledger,
    random::Random,
    rig::{Rig, collection, id, stored_key},
    rights::Rights,
    run::How,
    server::{Left, START_MS, Server},
    step::{History, Kind, PEERS, SUBSCRIBED, Step, offset},
    tally::Tally,
    trace::Trace,
    wire::{Bases, Connection, Down, Tap},
};

/// How far the clock goes on with every step.
const STEP_MS: u64 = 50;

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) server: Server,
    pub(crate) rigs: Vec<Rig>,
    /// Sessions whose peers are gone, which the server does not know yet.
    ghosts: Vec<Connection>,
    pub(crate) ledger: Ledger,
    pub(crate) bases: Bases,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    pub(crate) harms: u64,
    /// Faults that are known are told too.
    pub(crate) is_strict: bool,
    seed: u64,
}

impl World {
    pub(crate) fn new(history: &History, how: How) -> Held<Self> {
        let mut random = Random(history.seed ^ 0x00c0_ffee);
        let server = Server::new()?;
        let mut rigs = Vec::new();
        for (peer, queries) in SUBSCRIBED.iter().enumerate() {
            let name = format!("peer{peer}");
            let token = match history.kind.rights {
                true => Some(server.make_key(&name, Rights::ALL, START_MS)?),
                false => None,
            };
            let mut rig = Rig::new(history.seed * 64 + peer as u64 * 16 + 1, token, name, START_MS)?;
            if history.kind.clocks {
                rig.offset_ms = offset(&mut random);
            }
            for query in *queries {
                rig.subscribe(*query).map_err(|error| unplanned("no subscription", error))?;
            }
            rig.peer.persist().map_err(|error| unplanned("a peer does not persist", error))?;
            rigs.push(rig);
        }
        let mut world = Self {
            kind: history.kind,
            server,
            rigs,
            ghosts: Vec::new(),
            ledger: Ledger::default(),
            bases: Bases::new(),
            tally: Tally::default(),
            trace: Trace::new(how.is_told),
            harms: 0,
            is_strict: how.is_strict,
            seed: history.seed,
        };
        world.make_counter()?;
        Ok(world)
    }

    pub(crate) fn step(&mut self, step: &Step) -> Held {
        self.trace.text(&step.to_string());
        self.take(step)?;
        self.go_on(STEP_MS)
    }

    /// Time goes by, and everybody does what is due.
    pub(crate) fn go_on(&mut self, ms: u64) -> Held {
        self.server.clock.go_on(ms);
        for peer in 0..self.rigs.len() {
            let now = self.rigs[peer].now(&self.server);
            let rig = &mut self.rigs[peer];
            match rig.peer.sync_state() {
                PeerState::NeedsAuth => {
                    if let Some(token) = rig.token.clone() {
                        rig.peer.authenticate(now, token);
                    }
                }
                PeerState::Stopped | PeerState::Backoff { .. } | PeerState::Refused => rig.peer.start_sync(now),
                PeerState::Connecting | PeerState::Greeted | PeerState::CatchingUp | PeerState::Live => {}
            }
            rig.peer.tick(now);
            self.poll(peer)?;
            if let Some(connection) = &mut self.rigs[peer].connection {
                connection.session.tick(self.server.now_ms());
            }
            self.work(peer)?;
        }
        let mut ghosts = std::mem::take(&mut self.ghosts);
        for ghost in &mut ghosts {
            ghost.session.tick(self.server.now_ms());
            let mut tap = Tap { tally: &mut self.tally, trace: &mut self.trace, bases: &mut self.bases };
            ghost.work(&mut tap)?;
        }
        ghosts.retain(|ghost| !ghost.is_over());
        self.ghosts = ghosts;
        self.after_server().map(drop)
    }

    fn take(&mut self, step: &Step) -> Held {
        let peers = self.rigs.len();
        let of = |peer: usize| (peer < peers).then_some(peer);
        match *step {
            Step::Write { peer, kind, document, number } => match of(peer) {
                Some(peer) => self.write(peer, kind, document, number),
                None => Ok(()),
            },
            Step::Persist { peer } => of(peer).map_or(Ok(()), |peer| self.persist(peer)),
            Step::Evict { peer, document } => of(peer).map_or(Ok(()), |peer| self.evict(peer, document)),
            Step::Subscribe { peer, query } => of(peer).map_or(Ok(()), |peer| {
                let done = self.rigs[peer].subscribe(query).is_ok();
                self.after_local(peer, done)
            }),
            Step::Unsubscribe { peer, query } => of(peer).map_or(Ok(()), |peer| self.unsubscribe(peer, query)),
            Step::Move { peer, up, down } => of(peer).map_or(Ok(()), |peer| self.carry(peer, up, down).map(drop)),
            Step::Cut { peer, arrive, is_noticed } => {
                of(peer).map_or(Ok(()), |peer| self.cut(peer, arrive, is_noticed))
            }
            Step::Stop { peer } => of(peer).map_or(Ok(()), |peer| {
                self.rigs[peer].peer.stop_sync();
                self.poll(peer)
            }),
            Step::KillPeer { peer, power } => of(peer).map_or(Ok(()), |peer| self.crash_peer(peer, power)),
            Step::PlanPeer { peer, batches, kills } => {
                if let Some(rig) = self.rigs.get_mut(peer) {
                    rig.kills = kills;
                    rig.disk.fail_after(batches);
                }
                Ok(())
            }
            Step::Copy { peer } => self.copy(peer),
            Step::Clock { peer, offset_ms } => {
                if let Some(rig) = self.rigs.get_mut(peer) {
                    rig.offset_ms = offset_ms;
                }
                Ok(())
            }
            Step::Http { kind, document, number } => self.http(kind, document, number),
            Step::KillServer { power } => {
                self.tally.count(if power { "server power losses" } else { "server kills" });
                let left = self.server.left(power);
                self.restart_server(left)
            }
            Step::PlanServer { failure, power } => {
                self.server.plan(failure, power);
                Ok(())
            }
            Step::Trim => {
                self.server.trim(&mut self.tally);
                self.after_server().map(drop)
            }
            Step::Backup => self.server.back_up(),
            Step::Restore => self.restore(),
            Step::Rights { peer, may_read, is_new_key } => {
                self.tally.count("rights changed");
                self.change_rights(peer, is_new_key, |rights| Rights { secret: may_read, ..rights })
            }
            Step::Permit { peer, documents, is_new_key } => {
                self.tally.count("permission documents changed");
                self.change_rights(peer, is_new_key, |rights| Rights { documents, ..rights })
            }
            Step::Harm(harm) => self.harm(harm),
            Step::Wait { ms } => self.go_on(ms),
        }
    }

    /// Everything that the peer says to do.
    pub(crate) fn poll(&mut self, peer: usize) -> Held {
        for _ in 0..100_000 {
            let now = self.rigs[peer].now(&self.server);
            match self.rigs[peer].peer.poll_output(now) {
                Ok(None) => {
                    if !self.rigs[peer].peer.is_persist_due() {
                        self.ledger.marks_of(peer).for_each(|mark| mark.is_safe = true);
                    }
                    return Ok(());
                }
                Ok(Some(output)) => self.act(peer, output)?,
                Err(_) => self.disk_failed(peer)?,
            }
        }
        Err(Broken { law: 13, how: format!("peer {peer} has no end of things to do") })
    }

    fn act(&mut self, peer: usize, output: Output) -> Held {
        match output {
            Output::Connect => {
                let now = self.rigs[peer].now(&self.server);
                let rig = &mut self.rigs[peer];
                rig.connection = Some(Connection::new(&self.server, rig.rights));
                if rig.peer.connected(now).is_err() {
                    self.disk_failed(peer)?;
                }
            }
            Output::Disconnect => {
                while self.arrive(peer)? {}
                self.rigs[peer].connection = None;
            }
            Output::Send(frame) => {
                if let Some(connection) = &mut self.rigs[peer].connection {
                    connection.up.push_back(frame);
                }
            }
            Output::Committed { seq, txn } => self.committed(peer, seq.0, txn.map(|txn| txn.0))?,
            Output::Rejected { seq, .. } => {
                self.tally.count("transactions rejected");
                // A refusal that is told and then lost would be asked for again, and may be taken.
                self.persist(peer)?;
                match self.ledger.of_seq(peer, seq.0) {
                    Some((_, mark)) => mark.is_rejected = true,
                    None => self.refused_offer(peer, seq)?,
                }
            }
            Output::Renumbered { from, to } => {
                self.tally.count("transactions renumbered");
                self.ledger.renumber(peer, from.0, to.0);
            }
            Output::SiteRenewed => {
                self.tally.count("sites renewed");
                self.rigs[peer].was_renewed = true;
                self.ledger.marks_of(peer).for_each(|mark| mark.may_double = true);
            }
            Output::Observed(observer) => self.look(peer, observer)?,
            Output::SubscriptionRefused { .. } => self.tally.count("subscriptions refused"),
            // Its peers keep no files.
            Output::Upload { .. } => {}
            Output::State(_) | Output::SubscriptionComplete(_) | Output::Granted { .. } | Output::Digest { .. } => {}
        }
        Ok(())
    }

    /// What a peer offered a restored server goes by another number than when it was written.
    fn refused_offer(&mut self, peer: usize, seq: sync_protocol::Seq) -> Held {
        let rejected = self.rigs[peer].peer.rejected().map_err(|error| unplanned("no list", error))?;
        for operation in rejected.iter().filter(|it| it.seq == seq).flat_map(|it| &it.done.operations) {
            let name = operation.id.as_json().trim_matches('"');
            if operation.collection.as_str() == "log"
                && let Some(mark) = self.ledger.marks.get_mut(name)
            {
                mark.is_rejected = true;
            }
        }
        Ok(())
    }

    fn committed(&mut self, peer: usize, seq: u64, txn: Option<u64>) -> Held {
        let newest = self.server.app().newest_txn().0;
        let Some((name, mark)) = self.ledger.of_seq(peer, seq) else { return Ok(()) };
        let Some(txn) = txn else { return Ok(()) };
        mark.committed = Some(txn);
        law(12, newest >= txn && mark.txns.contains(&txn), || {
            format!("transaction {name} of peer {peer} is committed as {txn}, its events are of {:?}", mark.txns)
        })?;
        let snapshot = self.server.app().snapshot().map_err(|error| unplanned("no snapshot", error))?;
        let found =
            snapshot.document(&collection("log"), &id(name)).map_err(|error| unplanned("no document", error))?;
        self.tally.count("committed transactions looked up");
        law(12, found.is_some_and(|found| found.document.exists()), || {
            format!("transaction {name} is committed as {txn}, and its document is not there")
        })
    }

    /// What an observer sees: no half of a transaction.
    fn look(&mut self, peer: usize, observer: peer_core::ObserverId) -> Held {
        let rows = self.rigs[peer].peer.observed(observer).map_err(|error| unplanned("no result", error))?;
        let Some(rows) = rows else { return Ok(()) };
        self.tally.count("observed results");
        if self.ledger.has_forked || self.kind.copies {
            return Ok(()); // what is offered again comes document by document
        }
        let rig = &self.rigs[peer];
        let sees_all = rig.sub_of(0).is_some() && rig.is_complete();
        let writers = (0..PEERS).map(|writer| writer.to_string()).chain(["H".to_owned()]);
        for writer in writers.filter(|writer| sees_all || *writer == peer.to_string()) {
            let value = |half: &str| {
                let id = Value::String(format!("pair{writer}{half}"));
                let row = rows.iter().find(|row| row.fields.contains(&("_id".to_owned(), id.clone())))?;
                row.fields.iter().find(|(name, _)| name == "pair").map(|(_, value)| value.clone())
            };
            let (a, b) = (value("a"), value("b"));
            law(6, a == b, || format!("peer {peer} sees {a:?} and {b:?} of a pair that {writer} writes"))?;
        }
        Ok(())
    }

    /// The disk was full when something was to be stored, and has room again; or it was a kill.
    pub(crate) fn disk_failed(&mut self, peer: usize) -> Held {
        let rig = &mut self.rigs[peer];
        rig.disk.heal();
        if rig.kills {
            self.tally.count("peer kills between two writes");
            return self.crash_peer(peer, false);
        }
        self.tally.count("peer disks full");
        rig.connection = None;
        Ok(())
    }

    /// After the app did something locally.
    pub(crate) fn after_local(&mut self, peer: usize, is_done: bool) -> Held {
        if !is_done {
            let rig = &mut self.rigs[peer];
            rig.disk.heal();
            if rig.kills {
                self.tally.count("peer kills between two writes");
                return self.crash_peer(peer, false);
            }
            self.tally.count("peer disks full");
        } else if !self.kind.relaxed {
            self.persist(peer)?;
        }
        self.poll(peer)
    }

    fn persist(&mut self, peer: usize) -> Held {
        self.rigs[peer].peer.persist().map_err(|error| unplanned("a peer does not persist", error))
    }

    fn crash_peer(&mut self, peer: usize, power: bool) -> Held {
        self.tally.count(if power { "peer power losses" } else { "peer kills" });
        let rig = &mut self.rigs[peer];
        if power && rig.peer.is_persist_due() {
            // It may take more than writes: what the app did to subscriptions too.
            rig.evicted.clear();
            rig.has_unsubscribed = true;
            self.ledger.marks_of(peer).filter(|mark| !mark.is_safe).for_each(|mark| mark.may_be_lost = true);
        }
        self.lose(peer)?;
        self.rigs[peer].crash(if power { Crash::PowerLoss } else { Crash::Kill })
    }

    fn evict(&mut self, peer: usize, document: u64) -> Held {
        let (t, id) = (collection("t"), id(&format!("d{document}")));
        let key = stored_key("t", &id);
        let rig = &mut self.rigs[peer];
        let was_there = rig.peer.find_by_id(&t, &id).map_err(|error| unplanned("no document", error))?.is_some();
        // What a first snapshot names is asked for.
        let stays_out = was_there && rig.is_complete() && !rig.disk.has_view(&key);
        let state = rig.disk.synced_state(&key).filter(|_| stays_out);
        let evicted = rig.peer.evict(&t, &Which::Id(id));
        if evicted.is_ok() {
            self.tally.add("evictions", u64::from(was_there));
            if let Some(state) = state {
                rig.evicted.insert(key, state);
            }
        }
        self.after_local(peer, evicted.is_ok())
    }

    fn unsubscribe(&mut self, peer: usize, query: usize) -> Held {
        let rig = &mut self.rigs[peer];
        let Some(sub) = rig.sub_of(query) else { return Ok(()) };
        let done = rig.peer.unsubscribe(sub).is_ok();
        if done {
            rig.wanted.remove(&query);
            rig.has_unsubscribed = true;
        }
        self.after_local(peer, done)
    }

    fn copy(&mut self, peer: usize) -> Held {
        self.tally.count("copies");
        let to = self.rigs.len();
        let copy = self.rigs[peer].copy(self.seed * 64 + to as u64 * 16 + 1)?;
        let of = &self.rigs[peer].peer;
        self.ledger.copy(peer, to, |seq| of.is_pending(sync_protocol::Seq(seq)));
        self.rigs.push(copy);
        Ok(())
    }

    fn change_rights(&mut self, peer: usize, is_new_key: bool, change: impl Fn(Rights) -> Rights) -> Held {
        let now_ms = self.server.now_ms();
        let Some(rig) = self.rigs.get_mut(peer).filter(|rig| rig.token.is_some()) else { return Ok(()) };
        if is_new_key {
            rig.created_ms = now_ms;
        }
        rig.rights = change(rig.rights);
        rig.token = Some(self.server.make_key(&rig.key_name, rig.rights, rig.created_ms)?);
        if let Some(connection) = &mut rig.connection {
            connection.set_rights(rig.rights);
        }
        // What comes again is granted again, and not what was evicted.
        rig.evicted.clear();
        Ok(())
    }

    /// The connection ends: so many frames of the peer's arrive before, and none for it.
    fn cut(&mut self, peer: usize, arrive: usize, is_noticed: bool) -> Held {
        if self.rigs[peer].connection.is_none() {
            return Ok(());
        }
        for _ in 0..arrive {
            self.arrive(peer)?;
        }
        self.tally.count(if is_noticed { "connections cut" } else { "connections lost unnoticed" });
        let now = self.rigs[peer].now(&self.server);
        let rig = &mut self.rigs[peer];
        if let Some(mut connection) = rig.connection.take() {
            rig.peer.disconnected(now);
            if !is_noticed {
                connection.session.lose_peer();
                self.ghosts.push(connection);
            }
        }
        self.poll(peer)
    }

    /// The peer's process is gone; the server notices half of the time.
    fn lose(&mut self, peer: usize) -> Held {
        if let Some(mut connection) = self.rigs[peer].connection.take()
            && self.server.now_ms() % 100 < 50
        {
            connection.session.lose_peer();
            self.ghosts.push(connection);
        }
        Ok(())
    }

    /// Frames go to the server, then to the peer. How many did.
    pub(crate) fn carry(&mut self, peer: usize, up: usize, down: usize) -> Held<usize> {
        let mut moved = 0;
        while moved < up && self.arrive(peer)? {
            moved += 1;
        }
        let before = moved;
        while moved - before < down && self.receive(peer)? {
            moved += 1;
        }
        Ok(moved)
    }

    fn arrive(&mut self, peer: usize) -> Held<bool> {
        let Some(connection) = &mut self.rigs[peer].connection else { return Ok(false) };
        let mut tap = Tap { tally: &mut self.tally, trace: &mut self.trace, bases: &mut self.bases };
        let arrived = connection.arrive(&self.server, &mut tap)?;
        self.after_server()?;
        Ok(arrived)
    }

    fn work(&mut self, peer: usize) -> Held {
        let Some(connection) = &mut self.rigs[peer].connection else { return Ok(()) };
        let mut tap = Tap { tally: &mut self.tally, trace: &mut self.trace, bases: &mut self.bases };
        connection.work(&mut tap)?;
        self.after_server().map(drop)
    }

    fn receive(&mut self, peer: usize) -> Held<bool> {
        self.work(peer)?;
        let now = self.rigs[peer].now(&self.server);
        let rig = &mut self.rigs[peer];
        let Some(connection) = &mut rig.connection else { return Ok(false) };
        match connection.down.pop_front() {
            None => return Ok(false),
            Some(Down::Frame(frame)) => rig.peer.handle_frame(now, &frame),
            Some(Down::Ping) => {
                rig.peer.heard(now);
                connection.session.heard(self.server.now_ms());
            }
            Some(Down::Close) => {
                rig.connection = None;
                rig.peer.disconnected(now);
            }
        }
        self.poll(peer)?;
        Ok(true)
    }

    /// Looks whether the server crashed in what it did, and reads the events of what it did.
    /// Whether it crashed.
    pub(crate) fn after_server(&mut self) -> Held<bool> {
        if let Some(left) = self.server.crashed(&mut self.tally) {
            self.restart_server(left)?;
            return Ok(true);
        }
        self.read_events()?;
        Ok(false)
    }

    fn read_events(&mut self) -> Held {
        let before = self.server.read_events()?;
        self.take_events(before)
    }

    fn take_events(&mut self, before: usize) -> Held {
        let events = &self.server.events[before..];
        for event in events {
            self.trace.text(&event.key);
            self.trace.bytes(&event.value);
            event.headers.iter().for_each(|(name, value)| self.trace.text(&format!("{name}={value}")));
        }
        self.ledger.take(events, &self.bases, self.server.now_ms())
    }

    fn restart_server(&mut self, left: Left) -> Held {
        self.disconnect_all();
        let before = self.server.events.len();
        self.server.restart(left)?;
        self.take_events(before)
    }

    fn restore(&mut self) -> Held {
        self.disconnect_all();
        if self.server.restore()? {
            self.tally.count("forks");
            self.rigs.iter_mut().for_each(|rig| rig.evicted.clear());
            self.ledger.set_back(&self.server.events, &self.bases, self.server.now_ms())?;
        }
        Ok(())
    }

    fn disconnect_all(&mut self) {
        self.ghosts.clear();
        for rig in &mut self.rigs {
            if rig.connection.take().is_some() {
                let now = rig.now(&self.server);
                rig.peer.disconnected(now);
            }
        }
    }
}
