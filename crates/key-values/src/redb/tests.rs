//! What redb's file outlives.

use files::faults::{Fault, Plan, inject};

use super::*;
use crate::Access;

const SPACES: &[SpaceOptions] = &[
    SpaceOptions { name: "a", memtable_bytes: 0, access: Access::Small },
    SpaceOptions { name: "b", memtable_bytes: 0, access: Access::Small },
];

fn open(path: &Path) -> Result<RedbDisk, KeyValuesError> {
    RedbDisk::open(path, 1 << 20, SPACES)
}

fn write(disk: &RedbDisk, key: &[u8]) -> Result<(), KeyValuesError> {
    let mut batch = Batch::default();
    batch.insert(Space(0), key, vec![1; 100]);
    batch.insert(Space(1), key, vec![2; 100]);
    disk.write(batch, Durability::Process)
}

fn keys(disk: &RedbDisk) -> Vec<Vec<u8>> {
    let [a, b] = [0, 1].map(|space| {
        let entries = disk.prefix(Space(space), &[]).map(|entry| entry.unwrap().0.to_vec());
        entries.collect::<Vec<_>>()
    });
    assert_eq!(a, b, "a batch is there as a whole");
    a
}

#[test]
fn a_kill_leaves_what_was_persisted() {
    let dir = tempfile::tempdir().unwrap();
    let [path, killed] = ["disk", "killed"].map(|name| dir.path().join(name));
    let disk = open(&path).unwrap();
    write(&disk, b"1").unwrap();
    disk.persist().unwrap();
    write(&disk, b"2").unwrap();
    assert_eq!(keys(&disk), [b"1", b"2"], "it is seen at once");
    std::fs::copy(&path, &killed).unwrap();
    assert_eq!(keys(&open(&killed).unwrap()), [b"1"]);
    drop(disk);
    assert_eq!(keys(&open(&path).unwrap())[0], b"1");
}

#[test]
fn a_second_opening_is_told_why_it_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    let _disk = open(&path).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("another process has it open"), "{error}");
}

#[test]
fn what_is_no_file_of_the_engine_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    assert!(open(&path).is_err());
    std::fs::remove_file(&path).unwrap();
    let disk = open(&path).unwrap();
    (0..100_u8).for_each(|key| write(&disk, &[key]).unwrap());
    disk.persist().unwrap();
    drop(disk);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(open(&path).is_err(), "it was cut");
}

/// A disk that is full, or fails, at any moment of a write loses nothing that was persisted, and the
/// file can be opened again.
#[test]
fn whatever_fails_in_a_write_nothing_before_it_is_lost() {
    for fault in [Fault::Full, Fault::Torn] {
        for at in 1.. {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("disk");
            let disk = open(&path).unwrap();
            write(&disk, b"1").unwrap();
            disk.persist().unwrap();
            let planned = inject(&path, Plan::new(fault, at).lasting().only(&[Act::Write, Act::Sync, Act::Resize]));
            let done = (0..4_u8).try_for_each(|key| write(&disk, &[b'2', key]).and_then(|()| disk.persist()));
            assert_eq!(done.is_err(), planned.has_come());
            drop(disk);
            if !planned.has_come() {
                break;
            }
            drop(planned);
            let disk = open(&path).unwrap();
            assert_eq!(keys(&disk)[0], b"1");
            write(&disk, b"3").unwrap();
            disk.persist().unwrap();
            assert_eq!(keys(&disk).last().unwrap(), b"3");
        }
    }
}
