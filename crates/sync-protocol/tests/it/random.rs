//! Chance from a seed, and random messages by it.

use document::SiteId;
use sync_protocol::{
    Ack, Applied, Auth, Bye, ByeCode, Changes, Cursor, Digest, DigestEntry, DigestReply, Fault, FormerSite, Granted,
    Hello, Item, ItemKind, Language, Lineage, Message, Nack, NackCode, Push, PushOperation, Rest, Resync, ResyncReason,
    Seq, SeqRange, Snapshot, SnapshotItem, Sub, SubId, Subscription, Taken, TxnId, Unsub, Welcome,
};

use crate::samples::{collection, id};

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Once in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Of any size, small ones too.
    fn number(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn text(&mut self) -> String {
        (0..self.below(20)).map(|_| ['a', 'ü', '"', '\u{1f600}', '\0'][self.below(5) as usize]).collect()
    }

    fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (!self.once_in(3)).then(|| make(self))
    }

    fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(5)).map(|_| make(self)).collect()
    }

    fn instance(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }

    fn id(&mut self) -> document::DocumentId {
        id(["42", "-1", "\"a\"", r#"{"a":1,"b":"ü"}"#][self.below(4) as usize])
    }

    fn kind(&mut self) -> ItemKind {
        [ItemKind::Delta, ItemKind::State, ItemKind::Leave, ItemKind::Removed][self.below(4) as usize]
    }

    fn subscription(&mut self) -> Subscription {
        Subscription {
            sub: SubId(self.number()),
            collection: collection(),
            language: if self.once_in(2) { Language::Legacy } else { Language::Dql },
            query: self.text(),
            args: self.text(),
            hash: self.option(Self::number),
            page: self.option(Self::bytes),
            rest: Rest::default(),
        }
    }

    fn cursor(&mut self) -> Cursor {
        Cursor { incarnation: self.instance(), txn: TxnId(self.number()), rest: Rest::default() }
    }

    fn item(&mut self) -> Item {
        Item {
            collection: collection(),
            id: self.id(),
            kind: self.kind(),
            bytes: self.option(Self::bytes),
            subs: self.option(|it| it.list(|it| SubId(it.number()))),
            rest: Rest::default(),
        }
    }

    fn operation(&mut self) -> PushOperation {
        PushOperation {
            collection: collection(),
            id: self.id(),
            kind: self.kind(),
            base: TxnId(self.number()),
            delta: self.bytes(),
            rest: Rest::default(),
        }
    }

    fn range(&mut self) -> SeqRange {
        SeqRange { first: Seq(self.number()), last: Seq(self.number()), rest: Rest::default() }
    }

    pub(crate) fn message(&mut self) -> Message {
        let rest = Rest::default();
        match self.below(16) {
            0 => Hello {
                proto: self.number(),
                site: SiteId(self.number()),
                instance: self.instance(),
                token: self.option(Self::text),
                wall_ms: self.number(),
                sdk: self.text(),
                codecs: self.list(Self::number),
                cursor: self.option(Self::cursor),
                subs: self.list(Self::subscription),
                last_seq: Seq(self.number()),
                settled: Seq(self.number()),
                lineage: self.option(|it| Lineage {
                    acked: Seq(it.number()),
                    pending: it.list(Self::range),
                    rest: Rest::default(),
                }),
                former: self.option(|it| SiteId(it.number())),
                rest,
            }
            .into(),
            1 => Welcome {
                session: self.number(),
                incarnation: self.instance(),
                newest: TxnId(self.number()),
                floor: TxnId(self.number()),
                fork: TxnId(self.number()),
                site_seq: Seq(self.number()),
                wall_ms: self.number(),
                permission: self.number(),
                expires_ms: self.option(Self::number),
                push_window: self.number(),
                frame_bytes_max: self.number(),
                codecs: self.list(Self::number),
                former: self.option(|it| FormerSite {
                    seq: Seq(it.number()),
                    known_from: Seq(it.number()),
                    missing: it.list(Self::range),
                    rest: Rest::default(),
                }),
                rest,
            }
            .into(),
            2 => Auth { token: self.text(), rest }.into(),
            3 => Sub { subscription: self.subscription(), rest }.into(),
            4 => Snapshot {
                sub: SubId(self.number()),
                items: self.list(|it| SnapshotItem { id: it.id(), state: it.bytes(), rest: Rest::default() }),
                page: self.option(Self::bytes),
                at: TxnId(self.number()),
                done: self.once_in(2),
                rest,
            }
            .into(),
            5 => {
                let (through, caught_up) = (TxnId(self.number()), self.once_in(2));
                Changes { items: self.list(Self::item), through, caught_up, rest }.into()
            }
            6 => Applied { through: TxnId(self.number()), bytes: self.number(), rest }.into(),
            7 => {
                let operations = self.list(Self::operation);
                let (seq, traceparent) = (Seq(self.number()), self.option(Self::text));
                Push { seq, operations, traceparent, needs: self.list(|it| Seq(it.number())), rest }.into()
            }
            8 => {
                let taken = |it: &mut Self| (Seq(it.number()), TxnId(it.number()));
                let taken = self.list(taken);
                let taken = taken.into_iter().map(|(seq, txn)| Taken { seq, txn, rest: Rest::default() }).collect();
                Ack { taken, rest }.into()
            }
            9 => {
                let faults = self.list(|it| Fault {
                    operation: it.number(),
                    code: NackCode::from_word(["denied", "skew", "later"][it.below(3) as usize]),
                    message: it.text(),
                    rest: Rest::default(),
                });
                Nack { seq: Seq(self.number()), faults, at: TxnId(self.number()), rest }.into()
            }
            10 => {
                let reason = ResyncReason::from_word(["trimmed", "query", "later"][self.below(3) as usize]);
                Resync { sub: self.option(|it| SubId(it.number())), reason, message: self.text(), rest }.into()
            }
            11 => Digest { subs: self.list(|it| SubId(it.number())), rest }.into(),
            12 => {
                let code = ByeCode::from_word(["busy", "protocol", "later"][self.below(3) as usize]);
                Bye { code, message: self.text(), retry_after_ms: self.option(Self::number), rest }.into()
            }
            13 => Granted { permission: self.number(), expires_ms: self.option(Self::number), rest }.into(),
            14 => Unsub { sub: SubId(self.number()), rest }.into(),
            _ => {
                let entries = self.list(|it| DigestEntry {
                    sub: SubId(it.number()),
                    count: it.number(),
                    hash: it.bytes(),
                    rest: Rest::default(),
                });
                DigestReply { at: TxnId(self.number()), entries, rest }.into()
            }
        }
    }
}
