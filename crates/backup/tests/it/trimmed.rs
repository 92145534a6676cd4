//! Backups of an app whose journal is trimmed meanwhile.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use store::NoObserver;

use crate::support::*;

#[test]
fn what_was_trimmed_is_named_by_the_copy_too() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.path().join(name));
    let data = open(&source, trimming(100_000));
    let shop = app(&data, "shop");
    shop.observe_trims(Box::new(NoObserver));
    runtime().block_on(shop.commit(upsert("kept", "{}"))).unwrap();
    runtime().block_on(shop.commit(remove("kept"))).unwrap();
    fill(&shop, 0, 400);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while shop.snapshot().unwrap().log_start() < 100 {
        assert!(std::time::Instant::now() < deadline, "nothing was trimmed");
        std::thread::yield_now();
    }
    take(&target, &data).unwrap();
    let extracted = extract(&target, &made).unwrap();
    assert!(extracted.apps[0].log_start > 0);
    assert_whole(&made);
    // Nothing is trimmed there until it is asked for.
    let copy = app(&open(&made, options()), "shop");
    let is = says(&copy);
    assert_eq!(copy.snapshot().unwrap().log_start(), extracted.apps[0].log_start);
    if extracted.apps[0].log_start == shop.snapshot().unwrap().log_start() {
        assert_same(&says(&shop), &is);
    }
    assert!(!dir.path().join("made/apps/shop/documents.new").exists());
}

#[test]
fn a_trim_takes_nothing_from_a_point_that_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, trimming(0));
    let shop = app(&data, "shop");
    shop.observe_trims(Box::new(NoObserver));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if stop.load(Relaxed) {
                    break;
                }
                fill(&shop, n % 300, 1);
            }
        });
        for n in 0..6 {
            let taken = take(&target, &data).unwrap();
            assert_eq!(taken.left_out, []);
            let made = dir.path().join(format!("made{n}"));
            let extracted = extract(&target, &made).unwrap();
            assert_whole(&made);
            assert_eq!(app(&open(&made, options()), "shop").newest_txn().0, extracted.apps[0].newest_txn);
        }
        stop.store(true, Relaxed);
    });
    assert!(shop.snapshot().unwrap().log_start() > 0, "it was trimmed");
    assert_eq!(verify(&target), [""; 0]);
}

#[test]
fn the_documents_of_an_app_that_nobody_wrote_to_are_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, trimming(0));
    let shop = app(&data, "shop");
    shop.observe_trims(Box::new(NoObserver));
    fill(&shop, 0, 200);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    // All that can be: a trim between two backups is a change.
    while shop.snapshot().unwrap().log_start() < 100 || shop.point().unwrap().segments.len() > 1 {
        assert!(std::time::Instant::now() < deadline, "not everything was trimmed");
        std::thread::yield_now();
    }
    // What is read beside the journal is the documents.
    let read_and_taken = || {
        let mut read = 0;
        let taken = take_with(&target, &data, None, &mut |at| {
            read = at.done_bytes;
            backup::Course::GoOn
        });
        (read, taken.unwrap())
    };
    let (first_read, _) = read_and_taken();
    assert!(first_read > 200_000, "{first_read}");
    let (read, second) = read_and_taken();
    assert!(read < first_read - 200_000 && second.bytes >= first_read, "{read} of {first_read}");
    fill(&shop, 7, 1);
    let (read, third) = read_and_taken();
    assert!(read > 200_000 && third.new_bytes > second.new_bytes, "{read}");
    for (n, point) in [second.point, third.point].iter().enumerate() {
        let made = dir.path().join(format!("made{n}"));
        let backup = backup::Backup::open(&target).unwrap();
        backup.extract_point_into(point, &made, None, &mut |_| backup::Course::GoOn).unwrap();
        assert_whole(&made);
    }
    assert_eq!(verify(&target), [""; 0]);
}
