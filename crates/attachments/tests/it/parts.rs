//! Blobs that come in parts: what came stays for whoever sent it, and what is kept in the end is whole.

use std::{path::Path, sync::Arc, time::SystemTime};

use attachments::{AttachmentError, BlobId, Blobs, Stored, limits};
use files::{
    Act,
    faults::{Fault, Plan, inject},
};

const CONTENT: &[u8] = b"what comes in parts";
const LEN: u64 = CONTENT.len() as u64;

fn id_of(content: &[u8]) -> BlobId {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(directory.path()).unwrap();
    let mut incoming = blobs.begin().unwrap();
    incoming.write(content).unwrap();
    incoming.finish("a", 0).unwrap().id
}

/// Goes on as a client does that sends `count` bytes and breaks off; what was kept, or how much has come.
fn send(blobs: &Arc<Blobs>, by: &str, count: usize) -> Result<Result<Stored, u64>, AttachmentError> {
    let id = id_of(CONTENT);
    let at = blobs.received(id, by)?;
    let mut incoming = blobs.resume(id, by, at, LEN)?;
    let rest = &CONTENT[usize::try_from(at).unwrap()..];
    incoming.write(&rest[..count.min(rest.len())])?;
    match incoming.len_bytes() == LEN {
        true => incoming.finish(by, 0).map(Ok),
        false => Ok(Err(incoming.len_bytes())),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| name != "unheld").collect()
}

fn read(blobs: &Blobs, id: &BlobId) -> Vec<u8> {
    let file = blobs.find(id).unwrap().unwrap();
    let mut content = vec![0; usize::try_from(file.len_bytes()).unwrap()];
    file.read_exact_at(&mut content, 0).unwrap();
    content
}

#[test]
fn what_came_stays_for_whoever_sent_it_and_for_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let (folder, id) = (directory.path().join("attachments"), id_of(CONTENT));
    let blobs = Blobs::open(&folder).unwrap();
    assert_eq!(send(&blobs, "a", 5).unwrap(), Err(5));
    assert_eq!(send(&blobs, "a", 3).unwrap(), Err(8));
    assert_eq!((blobs.received(id, "a").unwrap(), blobs.received(id, "b").unwrap()), (8, 0));
    assert!(matches!(blobs.resume(id, "b", 8, LEN), Err(AttachmentError::Ahead { received: 0 })));
    assert!(matches!(blobs.resume(id, "a", 9, LEN), Err(AttachmentError::Ahead { received: 8 })));
    assert_eq!(send(&blobs, "b", 1).unwrap(), Err(1));
    assert_eq!((blobs.stats().count, blobs.find(&id).unwrap().is_none()), (0, true));
    // A restart changes nothing about it.
    drop(blobs);
    let blobs = Blobs::open(&folder).unwrap();
    assert_eq!(send(&blobs, "a", usize::MAX).unwrap(), Ok(Stored { id, len: LEN }));
    assert_eq!((read(&blobs, &id), blobs.received(id, "a").unwrap()), (CONTENT.to_vec(), 0));
    assert!(blobs.was_uploaded_by(&id, "a") && !blobs.was_uploaded_by(&id, "b"));
    assert_eq!(names(&folder).len(), 2, "the blob, and what came of the other");
    // From the beginning once more, also where some is here.
    let mut again = blobs.resume(id, "b", 0, LEN).unwrap();
    again.write(CONTENT).unwrap();
    again.finish("b", 0).unwrap();
    assert_eq!((names(&folder), blobs.stats().count), (vec![id.to_string()], 1));
}

#[test]
fn what_is_not_what_its_id_says_goes() {
    let directory = tempfile::tempdir().unwrap();
    let (folder, id) = (directory.path().join("attachments"), id_of(CONTENT));
    let blobs = Blobs::open(&folder).unwrap();
    let mut wrong = blobs.resume(id, "a", 0, 5).unwrap();
    wrong.write(b"other").unwrap();
    assert!(matches!(wrong.finish("a", 0), Err(AttachmentError::NotItsName { resumed: false })));
    assert_eq!(names(&folder), [""; 0]);
    // What came before did not outlive a crash.
    send(&blobs, "a", 5).unwrap().unwrap_err();
    let part = folder.join(&names(&folder)[0]);
    std::fs::write(part, [0; 5]).unwrap();
    assert!(matches!(send(&blobs, "a", usize::MAX), Err(AttachmentError::NotItsName { resumed: true })));
    assert_eq!(send(&blobs, "a", usize::MAX).unwrap(), Ok(Stored { id, len: LEN }));
}

#[test]
fn the_later_of_two_who_go_on_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (folder, id) = (directory.path().join("attachments"), id_of(CONTENT));
    let blobs = Blobs::open(&folder).unwrap();
    let mut earlier = blobs.resume(id, "a", 0, LEN).unwrap();
    earlier.write(&CONTENT[..5]).unwrap();
    let mut later = blobs.resume(id, "a", 5, LEN).unwrap();
    assert!(matches!(earlier.write(b"not this"), Err(AttachmentError::TakenOver)));
    later.write(&CONTENT[5..]).unwrap();
    assert!(matches!(earlier.finish("a", 0), Err(AttachmentError::TakenOver)));
    assert_eq!(later.finish("a", 0).unwrap().len, LEN);
    assert_eq!((read(&blobs, &id), names(&folder)), (CONTENT.to_vec(), vec![id.to_string()]));
}

#[test]
fn many_who_go_on_at_once_end_with_one_whole_blob() {
    let directory = tempfile::tempdir().unwrap();
    let (folder, id) = (directory.path().join("attachments"), id_of(CONTENT));
    let blobs = Blobs::open(&folder).unwrap();
    std::thread::scope(|scope| {
        for count in 1..5 {
            let blobs = &blobs;
            // Until it is whole; what others took over is asked for again.
            scope.spawn(move || while !matches!(send(blobs, "a", count), Ok(Ok(_))) {});
        }
    });
    assert_eq!((read(&blobs, &id), blobs.stats().count), (CONTENT.to_vec(), 1));
    assert_eq!(blobs.unheld_bytes("a"), limits::UNHELD_BYTES_EACH_MIN, "parts count no more");
}

#[test]
fn parts_count_and_go_after_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let (folder, id) = (directory.path().join("attachments"), id_of(CONTENT));
    let blobs = Blobs::open(&folder).unwrap();
    let half = limits::UNHELD_BYTES_MAX / 2;
    let first = blobs.resume(id, "a", 0, half).unwrap();
    assert_eq!((blobs.unheld_bytes("a"), blobs.unheld_bytes("b")), (half, 0));
    let other = id_of(b"other");
    assert!(matches!(blobs.resume(other, "a", 0, half + 1), Err(AttachmentError::TooMuchUnheld { .. })));
    blobs.resume(other, "b", 0, half + 1).unwrap();
    drop(first);
    let written_ms = |name: &str| {
        let modified = std::fs::metadata(folder.join(name)).unwrap().modified().unwrap();
        u64::try_from(modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
    };
    let day_ms = limits::PART_KEPT_MS;
    let [one, two] = &names(&folder)[..] else { panic!() };
    let first_ms = written_ms(one).min(written_ms(two));
    blobs.remove_old_parts(first_ms + day_ms - 1).unwrap();
    let each = limits::UNHELD_BYTES_EACH_MIN;
    assert_eq!((names(&folder).len(), blobs.unheld_bytes("a")), (2, each), "they may go on, and count what came");
    // Also as a later process finds it.
    let blobs = Blobs::open(&folder).unwrap();
    let going_on = blobs.resume(other, "b", 0, half).unwrap();
    let sweep = |now_ms| blobs.end_sweep(blobs.begin_sweep(), &Default::default(), now_ms, 0).unwrap();
    sweep(u64::MAX);
    assert_eq!((names(&folder).len(), blobs.unheld_bytes("a"), blobs.unheld_bytes("b")), (1, 0, half));
    drop(going_on);
    sweep(u64::MAX);
    assert_eq!((names(&folder).len(), blobs.unheld_bytes("b")), (0, 0));
}

#[test]
fn a_kill_anywhere_leaves_what_can_be_gone_on_with() {
    let mut is_done = false;
    for operation in 1..80 {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("attachments");
        let blobs = Blobs::open(&folder).unwrap();
        let injected = inject(directory.path(), Plan::new(Fault::Crash, operation));
        let sent = send(&blobs, "a", 5).and_then(|_| send(&blobs, "a", 7)).and_then(|_| send(&blobs, "a", usize::MAX));
        drop(injected);
        drop(blobs);
        let blobs = Blobs::open(&folder).unwrap();
        assert!(names(&folder).len() <= 1, "operation {operation}: {:?}", names(&folder));
        let again = send(&blobs, "a", usize::MAX).unwrap().unwrap();
        assert_eq!(read(&blobs, &again.id), CONTENT, "operation {operation}");
        assert_eq!((names(&folder).len(), blobs.stats().count), (1, 1), "operation {operation}");
        if sent.is_ok() {
            is_done = true;
            break;
        }
    }
    assert!(is_done);
}

#[test]
fn a_full_disk_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("attachments");
    let blobs = Blobs::open(&folder).unwrap();
    send(&blobs, "a", 5).unwrap().unwrap_err();
    let injected = inject(directory.path(), Plan::new(Fault::Full, 1).only(&[Act::Write]));
    assert!(matches!(send(&blobs, "a", 5), Err(AttachmentError::DiskFull)));
    drop(injected);
    assert_eq!((names(&folder), blobs.unheld_bytes("a")), (Vec::new(), 0));
}
