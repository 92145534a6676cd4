//! One message of each kind.

use document::{CollectionName, DocumentId, SiteId};
use sync_protocol::{
    Ack, Applied, Auth, Bye, ByeCode, Changes, Cursor, Digest, DigestEntry, DigestReply, Fault, FormerSite, Granted,
    Hello, Item, ItemKind, Language, Lineage, Message, Nack, NackCode, Push, PushOperation, Pushes, Rest, Resync,
    ResyncReason, Seq, SeqRange, Snapshot, SnapshotItem, Sub, SubId, Subscription, Taken, TxnId, Unsub, Welcome,
};

pub(crate) fn collection() -> CollectionName {
    CollectionName::new("people").expect("it is a name")
}

pub(crate) fn id(json: &str) -> DocumentId {
    DocumentId::from_json(json).expect("it is canonical")
}

pub(crate) fn subscription(sub: u64) -> Subscription {
    Subscription {
        sub: SubId(sub),
        collection: collection(),
        language: Language::Legacy,
        query: "age >= $args.a".to_owned(),
        args: r#"{"a":18}"#.to_owned(),
        hash: None,
        page: None,
        rest: Rest::default(),
    }
}

pub(crate) fn hello() -> Hello {
    Hello {
        proto: 1,
        site: SiteId(0x1234),
        instance: [7; 16],
        token: Some("secret".to_owned()),
        wall_ms: 1_700_000_000_000,
        sdk: "rust 1".to_owned(),
        codecs: vec![1],
        cursor: Some(Cursor { incarnation: [9; 16], txn: TxnId(500), rest: Rest::default() }),
        subs: vec![Subscription { hash: Some(77), page: Some(vec![1, 2]), ..subscription(1) }],
        last_seq: Seq(40),
        settled: Seq(38),
        lineage: Some(Lineage { acked: Seq(38), pending: vec![range(39, 40)], rest: Rest::default() }),
        former: Some(SiteId(0x77)),
        rest: Rest::default(),
    }
}

pub(crate) fn welcome() -> Welcome {
    Welcome {
        session: 3,
        incarnation: [9; 16],
        newest: TxnId(1000),
        floor: TxnId(100),
        fork: TxnId(0),
        site_seq: Seq(39),
        wall_ms: 1_700_000_000_100,
        permission: 77,
        expires_ms: Some(60_000),
        push_window: 1 << 20,
        frame_bytes_max: 1 << 23,
        codecs: vec![],
        former: Some(former()),
        rest: Rest::default(),
    }
}

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange { first: Seq(first), last: Seq(last), rest: Rest::default() }
}

fn former() -> FormerSite {
    FormerSite { seq: Seq(39), known_from: Seq(7), missing: vec![range(30, 38)], rest: Rest::default() }
}

pub(crate) fn push(seq: u64) -> Push {
    let operation = PushOperation {
        collection: collection(),
        id: id("\"a\""),
        kind: ItemKind::Delta,
        base: TxnId(500),
        delta: vec![1, 2, 3],
        rest: Rest::default(),
    };
    Push { seq: Seq(seq), operations: vec![operation], traceparent: None, needs: vec![Seq(40)], rest: Rest::default() }
}

pub(crate) fn item(kind: ItemKind, bytes: Option<Vec<u8>>) -> Item {
    Item { collection: collection(), id: id("42"), kind, bytes, subs: None, rest: Rest::default() }
}

/// In the order of their numbers.
pub(crate) fn all() -> Vec<Message> {
    let rest = Rest::default;
    let gone = Item { subs: Some(vec![SubId(1), SubId(300)]), ..item(ItemKind::Leave, None) };
    vec![
        hello().into(),
        welcome().into(),
        Auth { token: "newer".to_owned(), rest: rest() }.into(),
        Sub { subscription: subscription(2), rest: rest() }.into(),
        Snapshot {
            sub: SubId(1),
            items: vec![SnapshotItem { id: id(r#"{"a":1}"#), state: vec![5], rest: rest() }],
            page: Some(vec![8]),
            at: TxnId(600),
            done: false,
            rest: rest(),
        }
        .into(),
        Changes {
            items: vec![item(ItemKind::Delta, Some(vec![6])), gone],
            through: TxnId(601),
            caught_up: true,
            rest: rest(),
        }
        .into(),
        Applied { through: TxnId(601), bytes: 4096, rest: rest() }.into(),
        push(41).into(),
        Ack { taken: vec![Taken { seq: Seq(41), txn: TxnId(602), rest: rest() }], rest: rest() }.into(),
        Nack {
            seq: Seq(41),
            faults: vec![Fault { operation: 0, code: NackCode::Removed, message: "gone".to_owned(), rest: rest() }],
            at: TxnId(602),
            rest: rest(),
        }
        .into(),
        Resync { sub: None, reason: ResyncReason::Trimmed, message: String::new(), rest: rest() }.into(),
        Digest { subs: vec![SubId(1)], rest: rest() }.into(),
        Bye { code: ByeCode::Draining, message: "stops".to_owned(), retry_after_ms: Some(2000), rest: rest() }.into(),
        Granted { permission: 78, expires_ms: None, rest: rest() }.into(),
        Unsub { sub: SubId(2), rest: rest() }.into(),
        DigestReply {
            at: TxnId(602),
            entries: vec![DigestEntry { sub: SubId(1), count: 3, hash: vec![0xab; 4], rest: rest() }],
            rest: rest(),
        }
        .into(),
        Pushes { pushes: vec![push(42), push(43)], rest: rest() }.into(),
    ]
}
