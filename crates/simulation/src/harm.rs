//! Parties that mean harm: what they do is refused, and costs no more than it may.

use document::{CollectionName, Document, SiteId, Stamp, Value, WriteRules};
use sync_protocol::{
    ByeCode, Codec, Hello, ItemKind, Language, Message, NackCode, PeerState, Push, PushOperation, Rest, Seq, SubId,
    Subscription, TxnId, decode_frame, encode_frame,
    limits::{FRAME_BYTES_MAX, PROTOCOL_VERSION},
};

use crate::{
    law::{Held, law},
    rig::{Rig, collection, id, map},
    rights::Rights,
    step::Harm,
    wire::{BEYOND_THE_WINDOW, Connection, Down, Tap},
    world::World,
};

/// Requests that come while somebody hoards, in a history with large documents.
const HOARDED: u64 = 300;

/// A document that none but such parties write.
const HARMED: &str = "harmed";

impl World {
    pub(crate) fn harm(&mut self, harm: Harm) -> Held {
        self.harms += 1;
        let site = SiteId(0x0bad_0000_0000 + self.harms);
        let now_ms = self.server.now_ms();
        let mut connection = Connection::new(&self.server, Rights { secret: false, ..Rights::ALL });
        let taken = match harm {
            Harm::ForeignStamps => {
                let foreign = self.rigs[0].peer.site();
                connection.up.extend([hello(site, 1), push(1, written(foreign, now_ms))]);
                self.nacked(&mut connection, NackCode::Invalid)?
            }
            Harm::ServerStamps => {
                let server = SiteId(u64::from_le_bytes(*b"01234567"));
                connection.up.extend([hello(site, 1), push(1, written(server, now_ms))]);
                self.nacked(&mut connection, NackCode::Invalid)?
            }
            Harm::FutureStamps => {
                let century_ms = 100 * 365 * 24 * 3_600_000;
                connection.up.extend([hello(site, 1), push(1, written(site, now_ms + century_ms))]);
                self.nacked(&mut connection, NackCode::Skew)?
            }
            Harm::StolenSite => return self.steal(connection),
            Harm::Noise => {
                connection.up.extend([hello(site, 0), vec![0, 0x9f, 0xff, 0x1b]]);
                let sent = self.all_sent(&mut connection)?;
                sent.iter().any(|it| matches!(it, Message::Bye(_)))
            }
            Harm::NeverReads => {
                connection.up.push_back(hello(site, BEYOND_THE_WINDOW as u64));
                let many = (1..=BEYOND_THE_WINDOW as u64).map(|seq| push(seq, written(site, now_ms)));
                connection.up.extend(many);
                let mut frames = 0;
                while self.arrive_of(&mut connection)? {
                    frames += 1;
                }
                law(13, frames <= BEYOND_THE_WINDOW, || format!("{frames} frames were taken of who reads nothing"))?;
                true
            }
            Harm::NeverApplies => {
                connection.up.push_back(hello(site, 0));
                self.all_sent(&mut connection)?;
                for number in 0..if self.kind.large { HOARDED } else { 3 } {
                    let value = map(&[("n", Value::Int(i64::try_from(number).unwrap_or(0)))]);
                    // Where it fails, that is looked at below.
                    drop(self.server.write(vec![crate::writes::upsert("t", id("hoarded"), value)]));
                    if self.after_server()? {
                        return Ok(());
                    }
                    self.all_sent(&mut connection)?;
                }
                true
            }
        };
        // Without a key nobody gets that far.
        self.tally.add("harm refused", u64::from(taken));
        Ok(())
    }

    /// All that the server says to what was sent; it reads on.
    fn all_sent(&mut self, connection: &mut Connection) -> Held<Vec<Message>> {
        let mut sent = Vec::new();
        loop {
            let arrived = self.arrive_of(connection)?;
            let mut tap = Tap { tally: &mut self.tally, trace: &mut self.trace, bases: &mut self.bases };
            connection.work(&mut tap)?;
            let before = sent.len();
            for down in connection.down.drain(..) {
                if let Down::Frame(frame) = down
                    && let Ok(frame) = decode_frame(&frame, FRAME_BYTES_MAX)
                {
                    sent.push(frame.message);
                }
            }
            if !arrived && sent.len() == before {
                return Ok(sent);
            }
        }
    }

    fn arrive_of(&mut self, connection: &mut Connection) -> Held<bool> {
        let mut tap = Tap { tally: &mut self.tally, trace: &mut self.trace, bases: &mut self.bases };
        connection.arrive(&self.server, &mut tap)
    }

    /// Whether it was refused as it should be; false if it did not come to that.
    fn nacked(&mut self, connection: &mut Connection, code: NackCode) -> Held<bool> {
        let sent = self.all_sent(connection)?;
        let taken = sent.iter().any(|it| matches!(it, Message::Ack(_)));
        law(13, !taken, || "forged stamps were taken".to_owned())?;
        let is_nacked =
            |it: &Message| matches!(it, Message::Nack(nack) if nack.faults.iter().all(|it| it.code == code));
        let is_ended = sent.iter().any(|it| matches!(it, Message::Bye(_)));
        law(13, is_ended || sent.iter().any(is_nacked), || format!("forged stamps are answered by {sent:?}"))?;
        Ok(true)
    }

    /// Says that it is a peer that is connected: that one is not disturbed.
    fn steal(&mut self, mut connection: Connection) -> Held {
        let Some(known) = self.rigs.iter().position(is_connected) else {
            return Ok(());
        };
        let last = self.rigs[known].peer.last_seq().0;
        connection.up.push_back(hello(self.rigs[known].peer.site(), last));
        let sent = self.all_sent(&mut connection)?;
        let is_refused =
            |it: &Message| matches!(it, Message::Bye(bye) if matches!(bye.code, ByeCode::SiteReused | ByeCode::Denied));
        law(13, sent.iter().any(is_refused), || format!("who says to be peer {known} is answered by {sent:?}"))?;
        let stays = self.rigs[known].connection.as_ref().is_some_and(|it| !it.is_over());
        law(13, stays, || format!("peer {known} was disturbed by who says to be it"))?;
        self.tally.count("harm refused");
        Ok(())
    }
}

/// As both ends know.
fn is_connected(rig: &Rig) -> bool {
    rig.peer.sync_state() == PeerState::Live && rig.connection.as_ref().is_some_and(|it| !it.is_over())
}

fn hello(site: SiteId, last_seq: u64) -> Vec<u8> {
    let everything = Subscription {
        sub: SubId(1),
        collection: collection("t"),
        language: Language::Legacy,
        query: "true".to_owned(),
        args: "{}".to_owned(),
        hash: None,
        page: None,
        rest: Rest::default(),
    };
    let hello = Hello {
        proto: PROTOCOL_VERSION,
        site,
        instance: [0xbb; 16],
        token: None,
        wall_ms: 0,
        sdk: "harm".to_owned(),
        codecs: Vec::new(),
        cursor: None,
        subs: vec![everything],
        last_seq: Seq(last_seq),
        settled: Seq(0),
        lineage: None,
        former: None,
        rest: Rest::default(),
    };
    encode_frame(&hello.into(), Codec::Plain).0
}

/// A document as a site wrote it at that time.
fn written(site: SiteId, at_ms: u64) -> Vec<u8> {
    let mut document = Document::new();
    let stamp = Stamp { time: at_ms << 16, site };
    document.upsert(&map(&[("n", Value::Int(7))]), &[], stamp, WriteRules::NEWEST);
    let mut bytes = Vec::new();
    document.encode(&mut bytes);
    bytes
}

fn push(seq: u64, delta: Vec<u8>) -> Vec<u8> {
    let t: CollectionName = collection("t");
    let operation = PushOperation {
        collection: t,
        id: id(HARMED),
        kind: ItemKind::Delta,
        base: TxnId(0),
        delta,
        rest: Rest::default(),
    };
    let push = Push {
        seq: Seq(seq),
        operations: vec![operation],
        traceparent: None,
        needs: Vec::new(),
        rest: Rest::default(),
    };
    encode_frame(&push.into(), Codec::Plain).0
}
