//! Readers never get an event before the high watermark is behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
use store::{AppName, DataDir, StoreOptions, WallClock};

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        1_645_444_800_000
    }
}

fn write(id: i64) -> Changeset {
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::Int(id)).unwrap(),
        condition: Condition::Always,
        action: Action::upsert(Map::new()),
    };
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}

#[test]
fn what_is_read_ends_at_the_high_watermark() {
    const WRITES: i64 = 4000;
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path(), StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
    data.create_app(&AppName::new("shop").unwrap()).unwrap();
    let app = data.app("shop").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut next = 0;
                while !done.load(SeqCst) {
                    for piece in app.events().read_blocking(next, 1 << 20).unwrap() {
                        next = piece.next_offset;
                    }
                    let end = app.events().high_watermark();
                    assert!(next <= end, "it has read up to {next}, and the end is {end}");
                }
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        (0..WRITES).for_each(|id| drop(runtime.block_on(app.commit(write(id % 100))).unwrap()));
        done.store(true, SeqCst);
    });
    drop(app);
    data.stop();
}
