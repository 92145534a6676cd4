//! What all engines do alike.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use proptest::{collection::vec, prelude::*};

use super::*;

const SPACES: usize = 3;
const OPTIONS: DiskOptions = DiskOptions {
    cache_bytes: 1 << 20,
    threads: 1,
    spaces: &[
        SpaceOptions { name: "small", memtable_bytes: 4 << 20, access: Access::Small },
        SpaceOptions { name: "large", memtable_bytes: 4 << 20, access: Access::Large },
        SpaceOptions { name: "scanned", memtable_bytes: 4 << 20, access: Access::ScansOnly },
    ],
};

fn engines(dir: &std::path::Path) -> [Box<dyn KeyValues>; 4] {
    let fjall = FjallDisk::open(&dir.join("fjall"), &OPTIONS).unwrap();
    let redb = RedbDisk::open(&dir.join("redb"), 1 << 20, OPTIONS.spaces).unwrap();
    [Box::new(fjall), Box::new(redb), Box::new(MemoryDisk::default()), Box::new(LoggedMemory::new(SPACES))]
}

#[test]
fn a_prefix_is_scanned_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    for store in engines(dir.path()) {
        let keys: [&[u8]; 7] = [b"a", b"b", b"b\x00", b"b\xff", b"b\xff\xff\x01", b"c", b"\xff\xff"];
        for key in keys {
            store.insert(Space(0), key, b"value").unwrap();
        }
        let found = |prefix: &[u8]| -> Vec<Vec<u8>> {
            store.prefix(Space(0), prefix).map(|entry| entry.unwrap().0.to_vec()).collect()
        };
        assert_eq!(found(b""), keys);
        assert_eq!(found(b"b"), [&b"b"[..], b"b\x00", b"b\xff", b"b\xff\xff\x01"]);
        assert_eq!(found(b"b\xff"), [&b"b\xff"[..], b"b\xff\xff\x01"]);
        assert_eq!(found(b"\xff"), [b"\xff\xff"]);
        assert_eq!(found(b"d"), [b""; 0]);
    }
}

/// Every space, from and to everywhere.
pub(crate) fn content(snapshot: &dyn Snapshot) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let entries = (0..SPACES).flat_map(|space| snapshot.range(Space(space), all.clone()));
    entries.map(Result::unwrap).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[test]
fn files_are_filled_with_what_comes_in_order_and_with_nothing_else() {
    type Entry = (usize, &'static [u8]);
    let dir = tempfile::tempdir().unwrap();
    let fill = |folder: &str, entries: &[Entry]| {
        let disk = FjallDisk::open(&dir.path().join(folder), &OPTIONS).unwrap();
        let entries = entries.iter().map(|(space, key)| Ok((Space(*space), (*key).into(), b"value".into())));
        disk.fill::<KeyValuesError>(entries).map(|()| disk.flush().unwrap())
    };
    fill("whole", &[(0, b"a"), (0, b"b"), (2, b"a"), (2, b"c")]).unwrap();
    let again = FjallDisk::open(&dir.path().join("whole"), &OPTIONS).unwrap();
    let keys: Vec<Vec<u8>> = content(&*again.snapshot()).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"a", b"b", b"a", b"c"]);
    again.insert(Space(0), b"b", b"later").unwrap();
    assert_eq!(again.get(Space(0), b"b").unwrap().unwrap(), Bytes::from(b"later"), "what is written later counts");
    let wrong: [&[Entry]; 4] =
        [&[(0, b"b"), (0, b"a")], &[(0, b"a"), (0, b"a")], &[(1, b"a"), (0, b"a")], &[(9, b"a")]];
    for (n, entries) in wrong.into_iter().enumerate() {
        assert!(fill(&format!("wrong{n}"), entries).is_err(), "{entries:?}");
    }
    let disk = FjallDisk::open(&dir.path().join("failing"), &OPTIONS).unwrap();
    let failing = [Ok((Space(0), b"a".into(), b"".into())), Err(KeyValuesError("the source".into()))];
    assert_eq!(disk.fill(failing.into_iter()).unwrap_err().0, "the source");
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    let key = || vec(0..3u8, 0..3);
    prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded)]
}

// The law of the copies is tried on the one in memory most of the time: it must do what those on
// disk do.
proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn in_memory_it_is_as_on_disk(
        batches in vec(vec((0..SPACES, vec(0..3u8, 1..3), prop::option::of(any::<u8>())), 0..6), 0..12),
        looks in vec((0..SPACES, bound(), bound(), vec(0..3u8, 0..3)), 1..6),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let stores = engines(dir.path());
        let snapshots = stores.each_ref().map(|store| {
            let before = batches.iter().map(|changes| {
                let before = store.snapshot();
                let mut batch = Batch::with_capacity(changes.len());
                for (space, key, value) in changes {
                    match value {
                        Some(value) => batch.insert(Space(*space), &key[..], vec![*value]),
                        None => batch.remove(Space(*space), &key[..]),
                    }
                }
                store.write(batch, Durability::None).unwrap();
                before
            });
            before.collect::<Vec<_>>()
        });
        let contents = |all: &Vec<Box<dyn Snapshot>>| all.iter().map(|it| content(&**it)).collect::<Vec<_>>();
        let [fjall, redb, memory, logged] = snapshots.each_ref().map(contents);
        prop_assert_eq!(&fjall, &memory);
        prop_assert_eq!(&redb, &memory);
        prop_assert_eq!(&logged, &memory);
        for (space, from, to, key) in looks {
            let space = Space(space);
            let [fjall, redb, memory, logged] = stores.each_ref().map(|store| {
                let snapshot = store.snapshot();
                let entries = |entries: Entries| entries.map(Result::unwrap).collect::<Vec<_>>();
                let range = entries(snapshot.range(space, (from.clone(), to.clone())));
                let mut backwards = entries(snapshot.range_backwards(space, (from.clone(), to.clone())));
                backwards.reverse();
                assert_eq!(backwards, range);
                let found = (store.get(space, &key).unwrap(), snapshot.get(space, &key).unwrap());
                (range, entries(snapshot.prefix(space, &key)), found)
            });
            prop_assert_eq!(&fjall, &memory);
            prop_assert_eq!(&redb, &memory);
            prop_assert_eq!(&logged, &memory);
        }
    }
}
