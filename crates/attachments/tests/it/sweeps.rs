//! Which blobs a sweep removes, and which it does not.

use std::{collections::HashSet, path::Path, sync::Arc};

use attachments::{AttachmentError, BlobId, Blobs, Stored, Swept, limits};

const GRACE_MS: u64 = 1_000;

fn keep(blobs: &Arc<Blobs>, content: &[u8], by: &str, now_ms: u64) -> Stored {
    let mut incoming = blobs.begin().unwrap();
    incoming.write(content).unwrap();
    incoming.finish(by, now_ms).unwrap()
}

fn sweep(blobs: &Arc<Blobs>, held: &[BlobId], now_ms: u64) -> u64 {
    let number = blobs.begin_sweep();
    let held: HashSet<BlobId> = held.iter().copied().collect();
    blobs.end_sweep(number, &held, now_ms, GRACE_MS).unwrap().removed
}

fn names(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file()).count()
}

#[test]
fn a_blob_goes_a_while_after_nobody_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("attachments");
    let blobs = Blobs::open(&folder).unwrap();
    let held = keep(&blobs, b"held", "a", 0);
    let unheld = keep(&blobs, b"never held", "a", 0);
    assert_eq!(sweep(&blobs, &[held.id], 500), 0, "too early");
    assert_eq!(sweep(&blobs, &[held.id], 1_500), 1);
    assert!(blobs.find(&unheld.id).unwrap().is_none() && blobs.find(&held.id).unwrap().is_some());
    assert_eq!(sweep(&blobs, &[], 2_000), 0, "held a moment ago");
    let open = blobs.find(&held.id).unwrap().unwrap();
    // What is known stays known over a restart.
    let blobs = Blobs::open(&folder).unwrap();
    assert_eq!(sweep(&blobs, &[], 2_900), 0);
    assert_eq!(sweep(&blobs, &[], 3_000), 1);
    assert_eq!(names(&folder), 0);
    assert_eq!(names(&folder.join("unheld")), 0);
    let mut content = [0; 4];
    open.read_exact_at(&mut content, 0).unwrap();
    assert_eq!(&content, b"held", "whoever has it open has all of it");
    let stats = blobs.stats();
    assert_eq!((stats.count, stats.bytes, stats.collected, stats.collected_bytes), (0, 0, 1, 4));
}

#[test]
fn one_that_somebody_is_about_to_refer_to_stays() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&directory.path().join("attachments")).unwrap();
    let stored = keep(&blobs, b"a", "a", 0);
    let (hold, len) = blobs.hold(stored.id).unwrap().unwrap();
    assert_eq!(len, 1);
    assert_eq!(sweep(&blobs, &[], 9_000), 0, "held");
    // The look was before the write, which is done when the sweep comes to its end.
    let number = blobs.begin_sweep();
    hold.is_referred_to();
    drop(hold);
    assert_eq!(blobs.end_sweep(number, &HashSet::new(), 9_000, GRACE_MS).unwrap(), Swept::default());
    assert_eq!(sweep(&blobs, &[stored.id], 9_500), 0);
    assert_eq!(blobs.unheld_bytes("a"), 0);
    // A write that was not done: counted from when nobody held it for certain.
    assert_eq!((sweep(&blobs, &[], 10_000), sweep(&blobs, &[], 11_000)), (0, 1));
    assert!(blobs.hold(stored.id).unwrap().is_none());
    // An upload during a sweep that had been there before.
    keep(&blobs, b"b", "a", 0);
    let number = blobs.begin_sweep();
    let again = keep(&blobs, b"b", "a", 20_000);
    blobs.end_sweep(number, &HashSet::new(), 20_000, 0).unwrap();
    assert!(blobs.find(&again.id).unwrap().is_some());
}

#[test]
fn what_nobody_holds_counts_to_everybody_who_uploaded_it() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&directory.path().join("attachments")).unwrap();
    let first = keep(&blobs, &[1; 100_000], "a", 0);
    keep(&blobs, &[1; 100_000], "b", 0);
    keep(&blobs, b"small", "b", 0);
    // So that nobody learns what others have.
    let of_b = 100_000 + limits::UNHELD_BYTES_EACH_MIN;
    assert_eq!((blobs.unheld_bytes("a"), blobs.unheld_bytes("b")), (100_000, of_b));
    assert!(blobs.was_uploaded_by(&first.id, "a") && blobs.was_uploaded_by(&first.id, "b"));
    assert!(!blobs.was_uploaded_by(&first.id, "c"));
    assert_eq!(blobs.stats().count, 2);
}

#[test]
fn who_has_too_much_that_nobody_holds_keeps_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("attachments");
    let blobs = Blobs::open(&folder).unwrap();
    let large = keep(&blobs, b"large", "a", 0);
    // As if it were as long as all that may be.
    std::fs::File::options()
        .write(true)
        .open(folder.join(large.id.to_string()))
        .unwrap()
        .set_len(limits::UNHELD_BYTES_MAX)
        .unwrap();
    let blobs = Blobs::open(&folder).unwrap();
    let needs_sweep = |uploader, now_ms| blobs.needs_sweep(uploader, 1, now_ms, GRACE_MS);
    assert!(!needs_sweep("a", GRACE_MS - 1) && needs_sweep("a", GRACE_MS) && !needs_sweep("b", GRACE_MS));
    let mut incoming = blobs.begin().unwrap();
    incoming.write(b"more").unwrap();
    assert!(matches!(incoming.finish("a", 0), Err(AttachmentError::TooMuchUnheld { .. })));
    assert_eq!(names(&folder), 1, "nothing of it is left");
    keep(&blobs, b"more", "b", 0);
    assert_eq!(sweep(&blobs, &[], GRACE_MS), 2);
    assert!(!blobs.needs_sweep("a", limits::UNHELD_BYTES_MAX + 1, GRACE_MS, GRACE_MS), "it would make no room");
}
