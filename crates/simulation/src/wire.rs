//! A connection between a peer and the server: two streams of frames, and what goes over them.
//!
//! Invariants: frames arrive in order or not at all; the server's end stands still while its frames
//! are not taken; nobody is sent what its key does not allow, nor more than the credit.

use std::collections::{BTreeMap, VecDeque};

use document::Document;
use sync_endpoint::direct::{DirectOutput, DirectSession};
use sync_protocol::{
    Message, Push, SubId, decode_frame, encode_frame,
    limits::{CREDIT_BYTES, CREDIT_MESSAGES, FRAME_BYTES_MAX, PUSH_WINDOW_TRANSACTIONS},
};

use crate::{
    law::{Held, law},
    rights::Rights,
    server::Server,
    tally::Tally,
    trace::Trace,
};

/// Frames that the server's end holds before it waits until they are taken.
const SENT_MAX: usize = 16;

/// What the server sent.
pub(crate) enum Down {
    Frame(Vec<u8>),
    Ping,
    Close,
}

pub(crate) struct Connection {
    pub(crate) session: DirectSession,
    pub(crate) up: VecDeque<Vec<u8>>,
    pub(crate) down: VecDeque<Down>,
    /// The collections of its subscriptions, as the peer said them.
    subs: BTreeMap<SubId, String>,
    /// Its key's, as they are now.
    rights: Rights,
    /// Bytes of each message with documents that was sent and not applied.
    unapplied: VecDeque<u64>,
    applied: u64,
    is_over: bool,
}

/// Where each pushed write of a document was made: by its site and last stamp, its base.
pub(crate) type Bases = BTreeMap<(u64, u64, String), u64>;

/// What is kept of everything that goes over wires.
pub(crate) struct Tap<'w> {
    pub(crate) tally: &'w mut Tally,
    pub(crate) trace: &'w mut Trace,
    pub(crate) bases: &'w mut Bases,
}

impl Connection {
    pub(crate) fn new(server: &Server, rights: Rights) -> Self {
        Self {
            session: DirectSession::new(server.endpoint(), server.now_ms()),
            up: VecDeque::new(),
            down: VecDeque::new(),
            subs: BTreeMap::new(),
            rights,
            unapplied: VecDeque::new(),
            applied: 0,
            is_over: false,
        }
    }

    /// One frame of the peer arrives. Whether there was one that could.
    pub(crate) fn arrive(&mut self, server: &Server, tap: &mut Tap<'_>) -> Held<bool> {
        if self.is_over || self.down.len() >= SENT_MAX || !self.session.wants_frames() {
            return Ok(false);
        }
        let Some(frame) = self.up.pop_front() else { return Ok(false) };
        self.note_up(&frame, tap);
        self.session.handle_frame(&frame, server.now_ms());
        self.work(tap)?;
        Ok(true)
    }

    /// The server's end works until it has nothing to do, or waits for the connection.
    pub(crate) fn work(&mut self, tap: &mut Tap<'_>) -> Held {
        while !self.is_over && self.down.len() < SENT_MAX {
            match self.session.poll() {
                Some(DirectOutput::Send(frame)) => {
                    self.note_down(&frame, tap)?;
                    self.down.push_back(Down::Frame(frame));
                }
                Some(DirectOutput::Ping) => self.down.push_back(Down::Ping),
                Some(DirectOutput::Close) => {
                    self.is_over = true;
                    self.down.push_back(Down::Close);
                }
                None => break,
            }
        }
        Ok(())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    fn note_up(&mut self, frame: &[u8], tap: &mut Tap<'_>) {
        let Ok(decoded) = decode_frame(frame, FRAME_BYTES_MAX) else { return };
        tap.trace.tell(|| format!("      session {} <- {}", self.session.number(), shown(&decoded.message)));
        match decoded.message {
            Message::Hello(mut hello) => {
                self.subs.extend(hello.subs.iter().map(|it| (it.sub, it.collection.as_str().to_owned())));
                // Keys are random.
                hello.token = None;
                tap.trace.bytes(&encode_frame(&hello.into(), sync_protocol::Codec::Plain).0);
                return;
            }
            Message::Auth(_) => return,
            Message::Sub(sub) => {
                let collection = sub.subscription.collection.as_str().to_owned();
                self.subs.insert(sub.subscription.sub, collection);
            }
            Message::Push(push) => note_push(&push, tap),
            Message::Pushes(pushes) => {
                tap.tally.count("frames with several pushes");
                pushes.pushes.iter().for_each(|push| note_push(push, tap));
            }
            Message::Applied(applied) => {
                while self.applied < applied.bytes {
                    let Some(bytes) = self.unapplied.pop_front() else { break };
                    self.applied += bytes;
                }
            }
            _ => {}
        }
        tap.trace.bytes(frame);
    }

    fn note_down(&mut self, frame: &[u8], tap: &mut Tap<'_>) -> Held {
        let decoded = decode_frame(frame, FRAME_BYTES_MAX);
        let decoded = decoded.map_err(|error| crate::law::unplanned("the server sent no frame", error))?;
        tap.trace.tell(|| format!("      session {} -> {}", self.session.number(), shown(&decoded.message)));
        match &decoded.message {
            // It may name the folder, which is another one each time.
            Message::Bye(bye) => tap.trace.text(bye.code.as_str()),
            _ => tap.trace.bytes(frame),
        }
        match &decoded.message {
            Message::Snapshot(snapshot) => {
                let collection = self.subs.get(&snapshot.sub).map_or("", String::as_str);
                for item in &snapshot.items {
                    self.check_allowed(collection, item.id.as_json())?;
                }
            }
            Message::Changes(changes) => {
                for item in changes.items.iter().filter(|item| item.bytes.is_some()) {
                    self.check_allowed(item.collection.as_str(), item.id.as_json())?;
                }
                tap.tally.add("items of changes", changes.items.len() as u64);
            }
            Message::Ack(ack) => {
                tap.tally.add("acks", ack.taken.len() as u64);
                tap.tally.add("acks without a transaction", ack.taken.iter().filter(|it| it.txn.0 == 0).count() as u64);
            }
            Message::Nack(nack) => {
                nack.faults.iter().for_each(|fault| tap.tally.count(&format!("nacks {}", fault.code.as_str())));
            }
            Message::Resync(resync) => tap.tally.count(&format!("resyncs {}", resync.reason.as_str())),
            Message::Bye(bye) => tap.tally.count(&format!("byes {}", bye.code.as_str())),
            _ => {}
        }
        if matches!(decoded.message, Message::Snapshot(_) | Message::Changes(_)) {
            let before: u64 = self.unapplied.iter().sum();
            let bytes = before + decoded.message_bytes;
            law(13, before == 0 || bytes <= CREDIT_BYTES, || format!("{bytes} bytes are sent and not applied"))?;
            self.unapplied.push_back(decoded.message_bytes);
            law(13, self.unapplied.len() <= CREDIT_MESSAGES, || {
                format!("{} messages are sent and not applied", self.unapplied.len())
            })?;
        }
        Ok(())
    }

    fn check_allowed(&self, collection: &str, id_json: &str) -> Held {
        law(2, self.rights.has(collection, id_json), || {
            format!("{id_json} of the collection {collection} is sent to a peer that may not read it")
        })
    }

    /// Its key has other rights from here on.
    pub(crate) fn set_rights(&mut self, rights: Rights) {
        self.rights = rights;
    }
}

fn note_push(push: &Push, tap: &mut Tap<'_>) {
    tap.tally.count("pushes");
    for operation in &push.operations {
        let Ok(delta) = Document::decode(&operation.delta) else { continue };
        let stamp = delta.stamp_max();
        let key = event_key(operation.collection.as_str(), operation.id.as_json());
        if tap.bases.insert((stamp.site.0, stamp.time, key), operation.base.0).is_some() {
            tap.tally.count("pushes sent again");
        }
    }
}

/// A message as a person reads it.
fn shown(message: &Message) -> String {
    let item = |item: &sync_protocol::Item| {
        let subs = item.subs.as_ref().map(|subs| subs.iter().map(|sub| sub.0).collect::<Vec<_>>());
        format!("{} {} {:?} {subs:?}", item.collection.as_str(), item.id.as_json(), item.kind)
    };
    match message {
        Message::Changes(it) => {
            let items: Vec<String> = it.items.iter().map(item).collect();
            format!("changes through {}, caught up: {}, {items:?}", it.through.0, it.caught_up)
        }
        Message::Snapshot(it) => {
            let ids: Vec<&str> = it.items.iter().map(|item| item.id.as_json()).collect();
            format!("snapshot of {} at {}, done: {}, {ids:?}", it.sub.0, it.at.0, it.done)
        }
        Message::Pushes(it) => it.pushes.iter().map(|push| shown(&push.clone().into())).collect::<Vec<_>>().join("; "),
        Message::Push(it) => {
            let of = |it: &sync_protocol::PushOperation| {
                format!("{} {} {:?} base {}", it.collection.as_str(), it.id.as_json(), it.kind, it.base.0)
            };
            format!("push {}: {:?}", it.seq.0, it.operations.iter().map(of).collect::<Vec<_>>())
        }
        Message::Hello(it) => {
            let sub = |it: &sync_protocol::Subscription| {
                format!("{} {} hash {:?} page {:?}", it.sub.0, it.query, it.hash, it.page.is_some())
            };
            let subs: Vec<String> = it.subs.iter().map(sub).collect();
            let cursor = it.cursor.as_ref().map(|cursor| cursor.txn.0);
            format!("hello of {}, cursor {cursor:?}, last {}, {subs:?}", it.site.0, it.last_seq.0)
        }
        other => format!("{other:?}"),
    }
}

/// The key of a document's event.
pub(crate) fn event_key(collection: &str, id_json: &str) -> String {
    format!("[\"{collection}\",{id_json}]")
}

/// More than a peer may have pushed without an answer.
pub(crate) const BEYOND_THE_WINDOW: usize = PUSH_WINDOW_TRANSACTIONS + 40;
