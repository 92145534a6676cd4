//! Another life of the data: its segments say so, whoever holds a position can tell, and what was
//! before stays.

#![cfg(feature = "memory")]

use kafka_wire::record_batch;
use std::{path::Path, sync::Arc};

use crate::support::*;
use store::{App, DataDir, Incarnation, StoreOptions};

/// Offset of each event with the leader epoch of its batch.
fn epochs(app: &App) -> Vec<(u64, i32)> {
    let (mut found, mut next) = (Vec::new(), 0);
    while next < app.events().high_watermark() {
        for piece in runtime().block_on(app.events().read(next, 1 << 20)).unwrap() {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let header = record_batch::verify(rest).unwrap();
                found.extend(
                    (header.base_offset..=header.last_offset).map(|offset| (offset as u64, header.leader_epoch)),
                );
                next = header.last_offset as u64 + 1;
                rest = &rest[header.len_bytes..];
            }
        }
    }
    found
}

/// Opens the app as another life of its data.
fn forked(path: &Path, id: [u8; 16]) -> (Arc<DataDir>, Arc<App>) {
    let options = StoreOptions { fork: Some(id), ..options() };
    let data = open_with(path, options, HandClock::at(START_MS)).unwrap();
    let app = data.app("shop").unwrap();
    (data, app)
}

#[test]
fn a_fork_begins_another_incarnation_and_keeps_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let write = |app: &App, id: &str| runtime().block_on(app.commit(changeset([upsert(id, "{}")]))).unwrap();
    let first = {
        let (_data, app) = open_app(dir.path());
        write(&app, "a");
        assert_eq!(app.incarnation(), Incarnation { id: app.instance(), leader_epoch: 0 });
        app.instance()
    };
    // The second time nothing is written before it ends.
    for (n, writes) in [(1, true), (2, false)] {
        let (_data, app) = forked(dir.path(), [n; 16]);
        assert_eq!(app.incarnation(), Incarnation { id: [n; 16], leader_epoch: n.into() });
        assert_eq!(app.instance(), first, "topics keep their ids");
        if writes {
            write(&app, "b");
            write(&app, "a");
        }
    }
    assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
    let (_data, app) = open_app(dir.path());
    let starts: Vec<_> =
        app.incarnations().iter().map(|start| (start.incarnation.leader_epoch, start.first_offset)).collect();
    assert_eq!(starts, [(0, 0), (1, 1), (2, 3)], "also one without an event");
    write(&app, "c");
    assert_eq!(epochs(&app), [(0, 0), (1, 1), (2, 1), (3, 2)]);
    drop((app, _data));
    std::fs::remove_dir_all(dir.path().join("apps/shop/documents")).unwrap();
    let (_data, app) = open_app(dir.path());
    assert_eq!((app.newest_txn().0, documents(&app).len()), (4, 3), "a replay goes through all of them");
}
