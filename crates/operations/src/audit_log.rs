//! The audit log: `audit.log` in the data directory, a line for every administrative action.
//!
//! ```text
//! audit.log      one JSON object a line, the newest last   ([`AuditEntry`])
//! audit.log.1    what was written before; .2, .3, .4 before that
//! ```
//! Invariants: mode 0600; a line is synced before whoever acted is answered; at most
//! [`AUDIT_FILES_MAX`] files of [`AUDIT_FILE_BYTES_MAX`], and the oldest goes. What cannot be written
//! stops nobody from revoking something: the server's log tells it. A line that a crash has torn is
//! ended before the next one is written, and passed over when the log is read.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use files::{Act, PRIVATE_FILE};

use crate::audit_entry::AuditEntry;

/// The name of the newest file.
pub const AUDIT_FILE: &str = "audit.log";

/// A file that is larger gets a number, and another is begun.
pub const AUDIT_FILE_BYTES_MAX: u64 = 4 << 20;

/// Files that are kept, the newest among them.
pub const AUDIT_FILES_MAX: usize = 5;

/// See the module.
#[derive(Debug)]
pub struct AuditLog {
    /// `None` where nothing is kept.
    path: Option<PathBuf>,
    /// The newest file, once something was written. Held while a line is written or read.
    file: Mutex<Option<File>>,
}

impl AuditLog {
    /// That of the data directory; nothing is read or made before something is written.
    pub fn of(data_dir: &Path) -> Self {
        Self { path: Some(data_dir.join(AUDIT_FILE)), file: Mutex::default() }
    }

    /// One that keeps nothing.
    pub fn none() -> Self {
        Self { path: None, file: Mutex::default() }
    }

    /// Writes a line, durably. Blocks on disk.
    pub fn record(&self, entry: &AuditEntry) {
        let Some(path) = &self.path else { return };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = append(path, &mut file, &entry.line()) {
            *file = None;
            tracing::error!(%error, action = entry.action, target = entry.target, "the audit log cannot be written");
        }
    }

    /// The newest entries, the newest first, at most `count_max` behind the first `skipped`; and whether
    /// there are more. Blocks on disk.
    pub fn newest(&self, skipped: usize, count_max: usize) -> io::Result<(Vec<AuditEntry>, bool)> {
        let Some(path) = &self.path else { return Ok((Vec::new(), false)) };
        let _none_is_moved = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        let mut left = skipped;
        for number in 0..AUDIT_FILES_MAX {
            let Some(bytes) = files::read(&numbered(path, number))? else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for entry in text.lines().rev().filter_map(AuditEntry::parse) {
                if left > 0 {
                    left -= 1;
                } else if found.len() == count_max {
                    return Ok((found, true));
                } else {
                    found.push(entry);
                }
            }
        }
        Ok((found, false))
    }
}

fn append(path: &Path, file: &mut Option<File>, line: &str) -> io::Result<()> {
    let mut open = match file.take() {
        Some(open) => open,
        None => open_ended(path)?,
    };
    if open.metadata()?.len() >= AUDIT_FILE_BYTES_MAX {
        drop(open);
        rotate(path)?;
        open = open_ended(path)?;
    }
    files::pass(Act::Write, path)?;
    open.write_all(format!("{line}\n").as_bytes())?;
    files::pass(Act::Sync, path)?;
    open.sync_data()?;
    *file = Some(open);
    Ok(())
}

/// The newest file, whose last line has its end.
fn open_ended(path: &Path) -> io::Result<File> {
    files::pass(Act::Open, path)?;
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE_FILE).open(path)?;
    if is_new {
        files::sync_directory(path.parent().unwrap_or(path))?;
    }
    let length = file.metadata()?.len();
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

fn rotate(path: &Path) -> io::Result<()> {
    for number in (0..AUDIT_FILES_MAX - 1).rev() {
        let from = numbered(path, number);
        if from.exists() {
            files::move_durably(&from, &numbered(path, number + 1))?;
        }
    }
    Ok(())
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    match number {
        0 => path.to_owned(),
        number => path.with_file_name(format!("{AUDIT_FILE}.{number}")),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::audit_entry::tests::entry;

    #[test]
    fn entries_come_back_the_newest_first_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        for n in 0..4 {
            AuditLog::of(directory.path()).record(&entry(n, &n.to_string()));
        }
        let log = AuditLog::of(directory.path());
        let (found, more) = log.newest(1, 2).unwrap();
        assert_eq!((found, more), (vec![entry(2, "2"), entry(1, "1")], true));
        assert_eq!(log.newest(3, 2).unwrap(), (vec![entry(0, "0")], false));
        let mode = fs::metadata(directory.path().join(AUDIT_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        AuditLog::none().record(&entry(1, "1"));
        assert_eq!(AuditLog::none().newest(0, 9).unwrap(), (vec![], false));
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(AUDIT_FILE);
        let whole = entry(1, "a").line();
        fs::write(&path, format!("{whole}\n{}", &whole[..20])).unwrap();
        let log = AuditLog::of(directory.path());
        log.record(&entry(2, "b"));
        assert_eq!(log.newest(0, 9).unwrap().0, [entry(2, "b"), entry(1, "a")]);
    }

    #[test]
    fn the_log_is_bounded_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::of(directory.path());
        let line = entry(0, &"x".repeat(400)).line();
        let full = format!("{line}\n").repeat(AUDIT_FILE_BYTES_MAX as usize / (line.len() + 1) + 1);
        for n in 0..AUDIT_FILES_MAX as u64 + 2 {
            fs::write(directory.path().join(AUDIT_FILE), &full).unwrap();
            *log.file.lock().unwrap() = None;
            log.record(&entry(n, "next"));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), AUDIT_FILES_MAX);
        assert_eq!(log.newest(0, 1).unwrap().0, [entry(6, "next")]);
    }
}
