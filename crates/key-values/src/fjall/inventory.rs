//! Which files the engine's folder held when it was closed, so that one of another folder, or an
//! older one, is not taken for its own: the engine's checksums only say that a file is whole.
//!
//! ```text
//! <app>/documents.inventory    sealed (crate `files`), version 2: a line for each file, `<length> <crc32c> <path>`
//! ```
//! The checksum covers a file's length, its first and its last 4 KiB: what is between is under the
//! engine's own. The inventory is there only while the folder is closed: it goes before anything is
//! written. After a crash there is none.
//! Not here: what the files mean.

use std::{
    io,
    path::{Path, PathBuf},
};

use files::{DataFile, PRIVATE_FILE, Sealed, seal, unseal};

const VERSION: u32 = 2;

/// How much of a file's beginning and of its end is looked at, in bytes.
const LOOKED_AT: u64 = 4096;

/// Whether there is one.
pub(super) fn is_there(dir: &Path) -> bool {
    path_of(dir).exists()
}

/// Writes what the closed folder `dir` holds.
pub(super) fn write(dir: &Path) -> io::Result<()> {
    // What the engine has removed does not come back.
    sync_folders(dir)?;
    files::write_whole(&path_of(dir), seal(VERSION, &lines(dir)?.join("\n")).as_bytes(), PRIVATE_FILE)
}

/// Whether there is an inventory, and the folder is as it says; an error that names the difference
/// if it is not.
pub(super) fn check(dir: &Path) -> io::Result<bool> {
    let path = path_of(dir);
    let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    let Some(bytes) = files::read(&path)? else { return Ok(false) };
    let body = match unseal(&bytes, VERSION) {
        Ok(Sealed::Whole { version: VERSION, body }) => body,
        Ok(_) => return wrong(format!("{} is damaged: it has no checksum", path.display())),
        Err(error) => return wrong(format!("{}: {error}", path.display())),
    };
    let (found, mut expected) = (lines(dir)?, body.lines());
    for line in &found {
        match expected.next() {
            Some(other) if other == line => {}
            Some(other) => return wrong(different(dir, line, other)),
            None => return wrong(format!("{} was not there when it was closed", dir.join(name_of(line)).display())),
        }
    }
    match expected.next() {
        Some(missing) => wrong(format!("{} is missing", dir.join(name_of(missing)).display())),
        None => Ok(true),
    }
}

/// Takes the inventory away: the folder is about to change.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    files::remove_durably(&path_of(dir))
}

fn path_of(dir: &Path) -> PathBuf {
    dir.with_added_extension("inventory")
}

fn different(dir: &Path, found: &str, expected: &str) -> String {
    let (found, expected) = (name_of(found), name_of(expected));
    match found.cmp(expected) {
        std::cmp::Ordering::Equal => format!("{} is not the file that was there", dir.join(found).display()),
        std::cmp::Ordering::Less => format!("{} was not there when it was closed", dir.join(found).display()),
        std::cmp::Ordering::Greater => format!("{} is missing", dir.join(expected).display()),
    }
}

fn name_of(line: &str) -> &str {
    line.splitn(3, ' ').nth(2).unwrap_or_default()
}

/// Sorted by path.
fn lines(dir: &Path) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    gather(dir, &mut paths)?;
    paths.sort();
    let line = |path: PathBuf| {
        let name = path.strip_prefix(dir).expect("it was found there").display().to_string();
        let (len, crc) = look(&path)?;
        Ok(format!("{len} {crc:08x} {name}"))
    };
    let mut lines = paths.into_iter().map(line).collect::<io::Result<Vec<_>>>()?;
    lines.sort_by(|a, b| name_of(a).cmp(name_of(b)));
    Ok(lines)
}

fn gather(dir: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

fn sync_folders(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    files::sync_directory(dir)
}

fn look(path: &Path) -> io::Result<(u64, u32)> {
    let file = DataFile::open(path, false)?;
    let len = file.len_bytes()?;
    let mut crc = 0;
    for (from, to) in [(0, len.min(LOOKED_AT)), (len.saturating_sub(LOOKED_AT), len)] {
        let mut bytes = vec![0; (to - from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        crc = crc32c::crc32c_append(crc, &bytes);
    }
    Ok((len, crc))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_there_must_be_what_was_there() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("documents");
        fs::create_dir_all(dir.join("b/c")).unwrap();
        let whole = [("a", "one"), ("b/c/d", "two"), ("b/e", ""), ("f", "three")];
        let fill = || whole.iter().for_each(|(name, text)| fs::write(dir.join(name), text).unwrap());
        fill();
        assert!(!check(&dir).unwrap(), "there is no inventory yet");
        write(&dir).unwrap();
        assert!(check(&dir).unwrap());
        let harms: [(&dyn Fn(), &str); 5] = [
            (&|| fs::write(dir.join("a"), "One").unwrap(), "a is not the file that was there"),
            (&|| fs::remove_file(dir.join("b/c/d")).unwrap(), "b/c/d is missing"),
            (&|| fs::remove_file(dir.join("f")).unwrap(), "f is missing"),
            (&|| fs::write(dir.join("b/d"), "").unwrap(), "b/d was not there when it was closed"),
            (&|| fs::write(dir.join("g"), "").unwrap(), "g was not there when it was closed"),
        ];
        for (harm, expect) in harms {
            harm();
            let error = check(&dir).unwrap_err().to_string();
            assert!(error.ends_with(expect), "{error}");
            ["b/d", "g"].map(|name| fs::remove_file(dir.join(name))).into_iter().for_each(drop);
            fill();
            assert!(check(&dir).unwrap());
        }
        remove(&dir).unwrap();
        assert!(!check(&dir).unwrap());
    }
}
