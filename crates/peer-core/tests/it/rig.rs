//! A peer on a disk, with a wire to the server that can be cut anywhere.

use std::collections::VecDeque;

use document::{CollectionName, DocumentId, Map, Value};
use key_values::Crash;
use peer_core::{Now, Options, Output, Peer, PeerError};

use crate::disk::Disk;
use crate::server::{Key, Server};

pub(crate) struct Rig {
    pub(crate) peer: Peer,
    pub(crate) disk: Disk,
    seed: u64,
    pub(crate) now: Now,
    session: Option<u64>,
    to_server: VecDeque<Vec<u8>>,
    to_peer: VecDeque<Vec<u8>>,
    /// What the host was told beside the wire, in order.
    pub(crate) told: Vec<Output>,
}

pub(crate) fn open(disk: &Disk, seed: u64) -> Peer {
    Peer::open(Box::new(disk.clone()), Options::default(), [seed, 1]).unwrap()
}

impl Rig {
    pub(crate) fn new(seed: u64) -> Self {
        Self::on(Disk::new(), seed)
    }

    pub(crate) fn on(disk: Disk, seed: u64) -> Self {
        let now = Now { steady_ms: 0, wall_ms: 1_700_000_000_000 };
        let peer = open(&disk, seed);
        let (to_server, to_peer) = (VecDeque::new(), VecDeque::new());
        Self { peer, disk, seed, now, session: None, to_server, to_peer, told: Vec::new() }
    }

    /// A kill, and a new start.
    pub(crate) fn kill(&mut self, server: &mut Server) {
        self.crash(server, Crash::Kill);
    }

    pub(crate) fn crash(&mut self, server: &mut Server, crash: Crash) {
        self.cut_wire(server);
        self.disk = self.disk.after(crash);
        self.seed += 1_000;
        self.peer = open(&self.disk, self.seed);
        self.told.clear();
    }

    /// The store failed: the host lets the connection go.
    pub(crate) fn failed(&mut self, server: &mut Server) {
        self.cut_wire(server);
        while let Ok(Some(_)) = self.peer.poll_output(self.now) {}
    }

    fn cut_wire(&mut self, server: &mut Server) {
        if let Some(session) = self.session.take() {
            server.disconnect(session);
        }
        self.to_server.clear();
        self.to_peer.clear();
    }

    /// The connection is cut.
    pub(crate) fn cut(&mut self, server: &mut Server) {
        if self.session.is_some() {
            self.cut_wire(server);
            self.peer.disconnected(self.now);
        }
    }

    /// Everything that the peer says to do.
    pub(crate) fn poll(&mut self, server: &mut Server) -> Result<(), PeerError> {
        while let Some(output) = self.peer.poll_output(self.now)? {
            match output {
                Output::Connect => {
                    self.cut_wire(server);
                    self.session = Some(server.connect());
                    self.peer.connected(self.now)?;
                }
                Output::Disconnect => {
                    while let Some(frame) = self.to_server.pop_front() {
                        let Some(session) = self.session else { break };
                        if !server.wants_frames(session) {
                            break;
                        }
                        server.handle_frame(session, &frame);
                    }
                    self.cut_wire(server);
                }
                Output::Send(frame) => self.to_server.push_back(frame),
                other => self.told.push(other),
            }
        }
        Ok(())
    }

    /// One frame to the server. Whether there was one.
    pub(crate) fn send_one(&mut self, server: &mut Server) -> bool {
        let Some(session) = self.session else { return false };
        if !server.wants_frames(session) {
            return false;
        }
        let frame = self.to_server.pop_front();
        frame.inspect(|frame| server.handle_frame(session, frame)).is_some()
    }

    /// One frame to the peer. Whether there was one.
    pub(crate) fn receive_one(&mut self, server: &mut Server) -> bool {
        let Some(session) = self.session else { return false };
        while let Some(frame) = server.next_frame(session) {
            self.to_peer.push_back(frame);
        }
        match self.to_peer.pop_front() {
            Some(frame) => {
                self.peer.handle_frame(self.now, &frame);
                true
            }
            None if server.is_closed(session) => {
                self.cut(server);
                true
            }
            None => false,
        }
    }

    /// Until nothing is under way.
    pub(crate) fn settle(&mut self, server: &mut Server) {
        self.settle_until(server, |rig| rig.peer.sync_state().is_connected() && rig.peer.pending_len() == 0);
    }

    /// Until nothing is under way, and it is so.
    pub(crate) fn settle_until(&mut self, server: &mut Server, is_so: impl Fn(&Self) -> bool) {
        self.peer.start_sync(self.now);
        for _ in 0..100_000 {
            self.poll(server).unwrap();
            let moved = self.send_one(server) | self.receive_one(server);
            if !moved {
                if is_so(self) {
                    return self.poll(server).unwrap();
                }
                self.now.steady_ms += 1_000;
                self.now.wall_ms += 1_000;
                server.wall_ms += 1_000;
                self.peer.tick(self.now);
            }
        }
        panic!("it does not come to rest: {:?}, {} pending", self.peer.sync_state(), self.peer.pending_len());
    }

    pub(crate) fn value(&self, key: &Key) -> Option<Map> {
        self.peer.find_by_id(&key.0, &key.1).unwrap()
    }
}

pub(crate) fn collection(name: &str) -> CollectionName {
    CollectionName::new(name).unwrap()
}

pub(crate) fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).unwrap()
}

pub(crate) fn key(collection_name: &str, text: &str) -> Key {
    (collection(collection_name), id(text))
}

pub(crate) fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("{other:?}"),
    }
}
