//! Records that were cut, changed or made up: an error or a record, never a panic, and never more
//! memory than the bytes are worth.

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, SiteId};
use sync_protocol::{Fault, Item, ItemKind, Language, NackCode, Rest, SubId, Subscription};

use super::*;

/// Reads a record; what was read is written again, and read back equal.
type Check = fn(&[u8]) -> bool;

fn check<T: PartialEq + std::fmt::Debug>(
    read: Read<T>,
    write: impl Fn(&T) -> Vec<u8>,
    again: impl Fn(&[u8]) -> Read<T>,
) -> bool {
    let Ok(record) = read else { return false };
    assert_eq!(again(&write(&record)).as_ref().ok(), Some(&record));
    true
}

fn all() -> Vec<(Vec<u8>, Check)> {
    let (collection, id) = (CollectionName::new("people").unwrap(), DocumentId::from_json("\"ab\"").unwrap());
    let action = Action::upsert(Map::new());
    let operation = Operation { collection: collection.clone(), id: id.clone(), condition: Condition::Always, action };
    let pushed = PendingOperation {
        collection: collection.clone(),
        id: id.clone(),
        removes: true,
        base: 300,
        delta: vec![7; 9],
    };
    let pending = Pending {
        traceparent: Some("00-1".to_owned()),
        operations: vec![pushed.clone(), pushed],
        done: Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() },
    };
    let subscription = Subscription {
        sub: SubId(1),
        collection: collection.clone(),
        language: Language::Dql,
        query: "SELECT * FROM people".to_owned(),
        args: "{}".to_owned(),
        hash: Some(77),
        page: Some(vec![1, 2]),
        rest: Rest::default(),
    };
    let stored =
        StoredSubscription { subscription, generation: 3, is_new: true, read_at: 900, refused: Some("no".to_owned()) };
    let fault = Fault { operation: 1, code: NackCode::Denied, message: "no".to_owned(), rest: Rest::default() };
    let rejected = Rejected { pending: pending.clone(), faults: vec![fault.clone(), fault] };
    let subs = Some(vec![SubId(1), SubId(400)]);
    let item = Item {
        collection: collection.clone(),
        id: id.clone(),
        kind: ItemKind::State,
        bytes: Some(vec![1; 5]),
        subs,
        rest: Rest::default(),
    };
    let mut meta = Meta::new(SiteId(77));
    (meta.cursor, meta.former) = (Some(([4; 16], 1_000)), Some((SiteId(5), 9)));
    let synced = Synced { base: 9, taken_by: 300, left: false, held: true, document: Document::new() };
    let committed = Committed { txn: 1 << 40, documents: vec![(collection, id); 3] };
    vec![
        (meta.encode(), |bytes| check(Meta::decode(bytes), Meta::encode, Meta::decode)),
        (synced.encode(), |bytes| check(Synced::decode(bytes), Synced::encode, Synced::decode)),
        (pending.encode(), |bytes| check(Pending::decode(bytes), Pending::encode, Pending::decode)),
        (stored.encode(), |bytes| {
            let read = |bytes: &[u8]| StoredSubscription::decode(1, bytes);
            check(read(bytes), StoredSubscription::encode, read)
        }),
        (rejected.encode(), |bytes| check(Rejected::decode(bytes), Rejected::encode, Rejected::decode)),
        (committed.encode(), |bytes| check(Committed::decode(bytes), Committed::encode, Committed::decode)),
        (encode_item(&item), |bytes| check(decode_item(bytes), encode_item, decode_item)),
    ]
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound
    }

    fn byte(&mut self) -> u8 {
        self.below(256).to_le_bytes()[0]
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] = random.byte(),
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, random.byte()),
            3 if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x7f]).for_each(drop), // a length that lies
        }
    }
}

#[test]
fn no_record_panics_whatever_its_bytes_are() {
    let mut random = Random(1);
    for (bytes, check) in all() {
        assert!(check(&bytes));
        for end in 0..bytes.len() {
            check(&bytes[..end]);
        }
        for _ in 0..20_000 {
            let mut mutated = bytes.clone();
            mutate(&mut mutated, &mut random);
            check(&mutated);
            let made_up: Vec<u8> = (0..random.below(40)).map(|_| random.byte()).collect();
            check(&made_up);
            check(&[&bytes[..1], &made_up].concat());
        }
    }
}

/// To reserve that much would end the process.
#[test]
fn counts_that_lie_reserve_nothing() {
    const MANY: [u8; 7] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]; // 2^48 and more
    let id_and_name = [&[1, b'c', 1, b'7'][..]].concat();
    assert!(Pending::decode(&[&[1, 0][..], &MANY].concat()).is_err());
    assert!(Pending::decode(&[&[1, 1][..], &MANY].concat()).is_err());
    assert!(Rejected::decode(&[&[1][..], &MANY].concat()).is_err());
    assert!(decode_item(&[&[1][..], &id_and_name, &[2, 0, 1], &MANY].concat()).is_err());
}
