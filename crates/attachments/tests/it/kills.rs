//! An upload that ends at any of its operations on the disk, and the start after it.

use std::{path::Path, sync::Arc};

use attachments::{AttachmentError, BlobId, Blobs, Stored};
use files::{
    Act,
    faults::{Fault, Plan, inject},
};

const CONTENT: &[u8] = b"what is uploaded";

fn upload(blobs: &Arc<Blobs>) -> Result<Stored, AttachmentError> {
    let mut incoming = blobs.begin()?;
    let (first, second) = CONTENT.split_at(5);
    incoming.write(first)?;
    incoming.write(second)?;
    incoming.finish("a", 0)
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "unheld").collect()
}

#[test]
fn a_kill_anywhere_leaves_a_whole_blob_or_none() {
    let mut is_done = false;
    for operation in 1..40 {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("attachments");
        let blobs = Blobs::open(&folder).unwrap();
        let injected = inject(directory.path(), Plan::new(Fault::Crash, operation));
        let uploaded = upload(&blobs);
        drop(injected);
        drop(blobs);
        let blobs = Blobs::open(&folder).unwrap();
        let names = names(&folder);
        match &uploaded {
            Ok(stored) => assert_eq!(names, [stored.id.to_string()], "operation {operation}"),
            Err(_) => assert!(names.len() <= 1, "operation {operation}: {names:?}"),
        }
        for name in names {
            let id: BlobId = name.parse().unwrap();
            let mut content = vec![0; CONTENT.len()];
            let file = blobs.find(&id).unwrap().unwrap();
            assert_eq!(file.len_bytes(), CONTENT.len() as u64, "operation {operation}");
            file.read_exact_at(&mut content, 0).unwrap();
            assert_eq!(content, CONTENT, "operation {operation}");
        }
        assert_eq!(upload(&blobs).unwrap().len, CONTENT.len() as u64, "it goes on");
        if uploaded.is_ok() {
            is_done = true;
            break;
        }
    }
    assert!(is_done);
}

#[test]
fn what_fails_leaves_nothing_and_a_full_disk_says_so() {
    for act in [Act::Write, Act::Sync, Act::Rename] {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("attachments");
        let blobs = Blobs::open(&folder).unwrap();
        let first = upload(&blobs).unwrap();
        std::fs::remove_file(folder.join(first.id.to_string())).unwrap();
        let injected = inject(directory.path(), Plan::new(Fault::Full, 1).only(&[act]));
        assert!(matches!(upload(&blobs), Err(AttachmentError::DiskFull)), "{act:?}");
        drop(injected);
        assert_eq!(names(&folder), [""; 0], "{act:?}");
    }
}
