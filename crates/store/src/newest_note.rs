//! The newest transaction of each app, noted apart from the apps' own data: whoever puts an older copy
//! of an app's folder back, without a restore, is found out at the next opening.
//!
//! ```text
//! {"version":1,"crc32c":"1b2c3d4e"}
//! default 30313233343536373839616263646566 552789
//! ```
//! A line is an app's name, its instance, and its newest transaction. The file is `newest` in the
//! data directory; elsewhere (`StoreOptions::newest_note`) it also finds out an older copy of the
//! whole directory.
//!
//! Invariants: what is noted was durable before; a note that is damaged, or missing, accuses nobody.
//! Not here: when it is noted (the binary), what is told (`App::ahead`).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use files::Sealed;

use crate::{
    app_name::AppName,
    position::TxnId,
    register::{Instance, hex, parse_hex},
};

/// The file, in the data directory.
pub(crate) const NEWEST_FILE: &str = "newest";

const VERSION: u32 = 1;

/// What is noted, and where.
#[derive(Debug)]
pub(crate) struct NewestNote {
    path: PathBuf,
    noted: Mutex<BTreeMap<AppName, (Instance, TxnId)>>,
}

impl NewestNote {
    /// Reads what is noted in the file at `path`.
    pub(crate) fn read(path: &Path) -> Self {
        let noted = match files::read(path) {
            Ok(Some(bytes)) => parse(&bytes).unwrap_or_else(|| {
                tracing::warn!(path = %path.display(), "which transactions were the newest cannot be read, and is noted anew");
                BTreeMap::new()
            }),
            Ok(None) => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "which transactions were the newest cannot be read");
                BTreeMap::new()
            }
        };
        Self { path: path.to_owned(), noted: Mutex::new(noted) }
    }

    /// The newest transaction that the app is known to have had, if it is the app of this instance.
    pub(crate) fn of(&self, name: &AppName, instance: Instance) -> Option<TxnId> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(name).filter(|(of, _)| *of == instance).map(|(_, txn_id)| *txn_id)
    }

    /// Notes the newest transactions of apps, durably, if there is news. What was noted of others
    /// stays.
    pub(crate) fn note(&self, apps: impl Iterator<Item = (AppName, Instance, TxnId)>) -> io::Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = noted.clone();
        for (name, instance, txn_id) in apps {
            // One that has less is an older copy: what is known of it stays known.
            let known = noted.get(&name).filter(|(of, _)| *of == instance).map_or(TxnId(0), |(_, known)| *known);
            noted.insert(name, (instance, txn_id.max(known)));
        }
        if *noted == before {
            return Ok(());
        }
        let body = noted.iter().fold(String::new(), |mut body, (name, (instance, txn_id))| {
            let end = if body.is_empty() { "" } else { "\n" };
            let _ = write!(body, "{end}{} {} {}", name.as_str(), hex(instance), txn_id.0);
            body
        });
        files::write_whole(&self.path, files::seal(VERSION, &body).as_bytes(), files::PRIVATE_FILE)
            .inspect_err(|_| *noted = before)
    }
}

/// `None` for anything but what [`NewestNote::note`] writes.
fn parse(bytes: &[u8]) -> Option<BTreeMap<AppName, (Instance, TxnId)>> {
    let Ok(Sealed::Whole { body, .. }) = files::unseal(bytes, VERSION) else { return None };
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (name, instance, txn) = (words.next()?, words.next()?, words.next()?);
        Some((AppName::new(name).ok()?, (parse_hex(instance)?, TxnId(txn.parse().ok()?))))
    };
    body.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again_and_is_of_one_instance() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NEWEST_FILE);
        let name = |name| AppName::new(name).unwrap();
        let note = NewestNote::read(&path);
        note.note([(name("default"), [1; 16], TxnId(7)), (name("shop"), [2; 16], TxnId(9))].into_iter()).unwrap();
        note.note([(name("shop"), [2; 16], TxnId(12))].into_iter()).unwrap();
        note.note([(name("shop"), [2; 16], TxnId(10))].into_iter()).unwrap();
        let again = NewestNote::read(&path);
        assert_eq!(again.of(&name("default"), [1; 16]), Some(TxnId(7)));
        assert_eq!(again.of(&name("shop"), [2; 16]), Some(TxnId(12)));
        assert_eq!(again.of(&name("shop"), [1; 16]), None, "another app of that name");
        std::fs::write(&path, "damaged").unwrap();
        assert_eq!(NewestNote::read(&path).of(&name("shop"), [2; 16]), None);
    }
}
