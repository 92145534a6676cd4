//! A set of entries kept whole in memory and whole in one JSON file.
//!
//! ```text
//! {"version":1,"entries":[…]}      mode 0600, replaced as a whole at each change
//! ```
//! Invariants: changes come one after the other; readers take what is live without a lock and never wait for the disk. What is added is
//! durable before it is live. What is withdrawn is gone at once, even where the disk refuses: a full disk must not keep a revoked
//! credential alive; the caller then learns that a restart would undo it, and the next change writes it too.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{CredentialsError, files};

/// What a ledger holds.
pub(crate) trait Entry: Clone + Serialize + DeserializeOwned {
    /// What no other entry has.
    fn id(&self) -> &str;
}

/// Entries by their id.
pub(crate) type Entries<E> = BTreeMap<String, E>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger<E> {
    path: PathBuf,
    live: ArcSwap<Entries<E>>,
    /// Whether something withdrawn is not in the file yet.
    unsaved: Mutex<bool>,
}

#[derive(Serialize, Deserialize)]
struct Format<E> {
    version: u32,
    entries: Vec<E>,
}

#[derive(Deserialize)]
struct FormatVersion {
    version: u32,
}

/// Never renumber.
const VERSION: u32 = 1;

impl<E: Entry> Ledger<E> {
    /// What the file holds; `None` if there is no file.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, CredentialsError> {
        let Some(text) = files::read(path, files::PRIVATE)? else { return Ok(None) };
        let entries = parse(&text).map_err(|message| CredentialsError::file(path, message))?;
        Ok(Some(Self::new(path, entries)))
    }

    /// An empty one, written.
    pub(crate) fn create(path: &Path) -> Result<Self, CredentialsError> {
        let ledger = Self::new(path, Entries::new());
        ledger.save(&Entries::new())?;
        Ok(ledger)
    }

    /// What is live now; later changes do not show in it.
    pub(crate) fn entries(&self) -> Guard<Arc<Entries<E>>> {
        self.live.load()
    }

    /// Adds an entry if `check` lets it: first in the file, then live.
    pub(crate) fn add(
        &self,
        entry: E,
        check: impl FnOnce(&Entries<E>) -> Result<(), CredentialsError>,
    ) -> Result<(), CredentialsError> {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Entries::clone(&self.live.load());
        check(&entries)?;
        entries.insert(entry.id().to_owned(), entry);
        self.save(&entries)?;
        self.live.store(Arc::new(entries));
        *unsaved = false;
        Ok(())
    }

    /// Withdraws with `act`, which says `None` if there was nothing to withdraw: first live, then in the file. The second value says
    /// whether the file is up to date, with everything that was withdrawn before.
    pub(crate) fn withdraw<R>(
        &self,
        act: impl FnOnce(&mut Entries<E>) -> Option<R>,
    ) -> (Option<R>, Result<(), CredentialsError>) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Entries::clone(&self.live.load());
        let withdrawn = act(&mut entries);
        if withdrawn.is_none() && !*unsaved {
            return (None, Ok(()));
        }
        self.live.store(Arc::new(entries.clone()));
        let saved = self.save(&entries).map_err(|error| match error {
            CredentialsError::Io { path, source, .. } => {
                CredentialsError::Io { act: "revoked, but a restart would undo it: cannot write", path, source }
            }
            other => other,
        });
        *unsaved = saved.is_err();
        (withdrawn, saved)
    }

    fn new(path: &Path, entries: Entries<E>) -> Self {
        Self { path: path.to_owned(), live: ArcSwap::from_pointee(entries), unsaved: Mutex::new(false) }
    }

    fn save(&self, entries: &Entries<E>) -> Result<(), CredentialsError> {
        let format = Format { version: VERSION, entries: entries.values().cloned().collect() };
        let mut text = serde_json::to_vec_pretty(&format).expect("entries are plain data");
        text.push(b'\n');
        files::write(&self.path, &text, files::PRIVATE)
    }
}

fn parse<E: Entry>(text: &str) -> Result<Entries<E>, String> {
    let FormatVersion { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("it has format {version}; this version reads {VERSION}"));
    }
    let format: Format<E> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut entries = Entries::new();
    for entry in format.entries {
        if let Some(twice) = entries.insert(entry.id().to_owned(), entry) {
            return Err(format!("it lists {:?} twice", twice.id()));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    impl Entry for String {
        fn id(&self) -> &str {
            self
        }
    }

    fn ledger() -> (tempfile::TempDir, Ledger<String>) {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&directory.path().join("l.json")).unwrap();
        (directory, ledger)
    }

    #[test]
    fn entries_survive_and_a_refused_one_changes_nothing() {
        let (_directory, ledger) = ledger();
        ledger.add("b".to_owned(), |_| Ok(())).unwrap();
        ledger.add("a".to_owned(), |_| Ok(())).unwrap();
        ledger.add("c".to_owned(), |_| Err(CredentialsError::bad_name("no"))).unwrap_err();
        let opened: Ledger<String> = Ledger::open(&ledger.path).unwrap().unwrap();
        assert_eq!(opened.entries().keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_withdrawn_is_gone_although_the_disk_refuses_and_is_written_later() {
        let (directory, ledger) = ledger();
        ledger.add("a".to_owned(), |_| Ok(())).unwrap();
        let obstacle = directory.path().join(".l.json.tmp");
        fs::create_dir(&obstacle).unwrap();

        let (removed, saved) = ledger.withdraw(|entries| entries.remove("a"));
        assert_eq!(removed.as_deref(), Some("a"));
        assert!(saved.unwrap_err().to_string().starts_with("revoked, but a restart would undo it: cannot write "));
        assert!(ledger.entries().is_empty());
        assert!(fs::read_to_string(&ledger.path).unwrap().contains("\"a\""));
        ledger.add("b".to_owned(), |_| Ok(())).unwrap_err();
        assert!(ledger.entries().is_empty(), "what could not be written is not live");

        fs::remove_dir(&obstacle).unwrap();
        ledger.withdraw(|_| None::<()>).1.unwrap();
        assert!(!fs::read_to_string(&ledger.path).unwrap().contains("\"a\""));
    }

    #[test]
    fn wrong_contents_are_errors_that_name_the_file() {
        let (_directory, ledger) = ledger();
        for (contents, why) in [
            ("", "EOF"),
            ("{}", "missing field `version`"),
            (r#"{"version":2,"entries":[]}"#, "it has format 2; this version reads 1"),
            (r#"{"version":1,"entries":[1]}"#, "expected a string"),
            (r#"{"version":1,"entries":["a","a"]}"#, "it lists \"a\" twice"),
        ] {
            fs::write(&ledger.path, contents).unwrap();
            let error = Ledger::<String>::open(&ledger.path).unwrap_err().to_string();
            assert!(error.contains("l.json cannot be used: ") && error.contains(why), "{contents}: {error}");
        }
    }
}
