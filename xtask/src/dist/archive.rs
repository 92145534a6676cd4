//! A tar, compressed by gzip, of which the bytes follow from what is in it.
//!
//! Invariants: entries are sorted, folders come before what is in them; everybody's files are root's; nothing says when
//! or where it was made.

use std::{collections::BTreeSet, io::Write as _};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};

use super::entry::Entry;

/// What is as new as `modified`, in seconds since the epoch.
pub(super) fn gzipped_tar(entries: &[Entry], modified: u64) -> Result<Vec<u8>> {
    gzipped(&tar_of(entries, "", modified)?)
}

/// As Debian packages have it: paths begin with `./`.
pub(super) fn gzipped_debian_tar(entries: &[Entry], modified: u64) -> Result<Vec<u8>> {
    gzipped(&tar_of(entries, "./", modified)?)
}

/// Without a name and a time.
pub(super) fn gzipped(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    writer.write_all(bytes)?;
    writer.finish().context("cannot compress")
}

fn tar_of(entries: &[Entry], before: &str, modified: u64) -> Result<Vec<u8>> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|one, other| one.path.cmp(&other.path));
    let mut writer = tar::Builder::new(Vec::new());
    for folder in folders_of(&sorted) {
        let mut header = header(0o755, 0, modified);
        header.set_entry_type(tar::EntryType::Directory);
        writer.append_data(&mut header, format!("{before}{folder}"), std::io::empty())?;
    }
    for entry in sorted {
        let mut header = header(entry.mode, entry.bytes.len() as u64, modified);
        header.set_entry_type(tar::EntryType::Regular);
        writer.append_data(&mut header, format!("{before}{}", entry.path), entry.bytes.as_slice())?;
    }
    writer.into_inner().context("cannot pack")
}

fn header(mode: u32, size: u64, modified: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(modified);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root").expect("a short name fits");
    header.set_groupname("root").expect("a short name fits");
    header
}

/// Every folder that leads to a file, with a slash at its end.
fn folders_of(entries: &[&Entry]) -> BTreeSet<String> {
    let ends = |path: &str| path.match_indices('/').map(|(at, _)| at + 1).collect::<Vec<_>>();
    entries.iter().flat_map(|entry| ends(&entry.path).into_iter().map(|end| entry.path[..end].to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_in_whatever_order() {
        let entries = [Entry::file("a/b/c", b"1".to_vec()), Entry::program("a/a", b"2".to_vec())];
        let turned = [entries[1].clone(), entries[0].clone()];
        let packed = gzipped_tar(&entries, 7).unwrap();
        assert_eq!(packed, gzipped_tar(&turned, 7).unwrap());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let read = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            (entry.path().unwrap().display().to_string(), header.mode().unwrap(), header.mtime().unwrap())
        });
        let expected = [("a/", 0o755, 7), ("a/b/", 0o755, 7), ("a/a", 0o755, 7), ("a/b/c", 0o644, 7)];
        assert_eq!(read.collect::<Vec<_>>(), expected.map(|(path, mode, at)| (path.to_owned(), mode, at)));
    }
}
