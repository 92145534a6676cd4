//! A set of entries kept whole in memory and whole in one sealed JSON file.
//!
//! ```text
//! {"version":2,"crc32c":"…"}
//! {"head":{…},"entries":[…]}       mode 0600, replaced as a whole at each change
//!
//! {"version":1,"entries":[…]}      as the first servers wrote it
//! ```
//! Invariants: changes come one after the other; readers take what is live without a lock and never wait for the
//! disk. What is added is durable before it is live. What is withdrawn is gone at once, even where the disk refuses:
//! a full disk must not keep a revoked credential alive; the caller then learns that a restart would undo it, and the
//! next change writes it too.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use files::DirectoryFormat;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    CredentialsError,
    disk::{self, Kept},
};

/// What a ledger holds.
pub(crate) trait Entry: Clone + Debug + Serialize + DeserializeOwned {
    /// What the ledger says beside its entries: which directory it is of, at least.
    type Head: Clone + Debug + Serialize + DeserializeOwned;
    /// An entry as format 1 had it.
    type Old: DeserializeOwned + Into<Self>;

    /// What no other entry has.
    fn id(&self) -> &str;
}

/// Entries by their id.
pub(crate) type Entries<E> = BTreeMap<String, E>;

/// All of a ledger at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Live<E: Entry> {
    pub(crate) head: E::Head,
    pub(crate) entries: Entries<E>,
}

/// What a ledger's file holds.
#[derive(Debug)]
pub(crate) struct Contents<E: Entry> {
    /// `None` in format 1.
    pub(crate) head: Option<E::Head>,
    pub(crate) entries: Entries<E>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger<E: Entry> {
    path: PathBuf,
    live: ArcSwap<Live<E>>,
    /// Whether something withdrawn is not in the file yet.
    unsaved: Mutex<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<H, E> {
    head: H,
    entries: Vec<E>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldFormat<E> {
    #[serde(rename = "version")]
    _version: u32,
    entries: Vec<E>,
}

#[derive(Deserialize)]
struct OldVersion {
    version: u32,
}

/// What the file at `path` holds; `None` if there is no file. Changes nothing.
pub(crate) fn read<E: Entry>(path: &Path, format: DirectoryFormat) -> Result<Option<Contents<E>>, CredentialsError> {
    let contents = match disk::read_sealed(path, format)? {
        Kept::Missing => return Ok(None),
        Kept::Current(body) => parse(&body),
        Kept::Old(text) => parse_old(&text),
    };
    contents.map(Some).map_err(|message| CredentialsError::file(path, message))
}

fn parse<E: Entry>(body: &str) -> Result<Contents<E>, String> {
    let Body { head, entries } = serde_json::from_str(body).map_err(|error| error.to_string())?;
    Ok(Contents { head: Some(head), entries: by_id(entries)? })
}

fn parse_old<E: Entry>(text: &str) -> Result<Contents<E>, String> {
    let OldVersion { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if version != 1 {
        return Err(format!("it is damaged: it says that it has format {version}, but has no checksum"));
    }
    let old: OldFormat<E::Old> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Contents { head: None, entries: by_id(old.entries.into_iter().map(Into::into).collect())? })
}

fn by_id<E: Entry>(list: Vec<E>) -> Result<Entries<E>, String> {
    let mut entries = Entries::new();
    for entry in list {
        if let Some(twice) = entries.insert(entry.id().to_owned(), entry) {
            return Err(format!("it lists {:?} twice", twice.id()));
        }
    }
    Ok(entries)
}

impl<E: Entry> Ledger<E> {
    /// One of what was read, or an empty one; not written yet.
    pub(crate) fn new(path: &Path, head: E::Head, entries: Entries<E>) -> Self {
        let live = ArcSwap::from_pointee(Live { head, entries });
        Self { path: path.to_owned(), live, unsaved: Mutex::new(false) }
    }

    /// What is live now; later changes do not show in it.
    pub(crate) fn live(&self) -> Guard<Arc<Live<E>>> {
        self.live.load()
    }

    /// Writes what is live.
    pub(crate) fn write(&self) -> Result<(), CredentialsError> {
        let _one = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        self.save(&self.live.load())
    }

    /// Changes with `act`, if it lets it: first in the file, then live.
    pub(crate) fn change(
        &self,
        act: impl FnOnce(&mut Live<E>) -> Result<(), CredentialsError>,
    ) -> Result<(), CredentialsError> {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Live::clone(&self.live.load());
        act(&mut changed)?;
        self.save(&changed)?;
        self.live.store(Arc::new(changed));
        *unsaved = false;
        Ok(())
    }

    /// Withdraws with `act`, which says `None` if there was nothing to withdraw: first live, then in the file. The
    /// second value says whether the file is up to date, with everything that was withdrawn before.
    pub(crate) fn withdraw<R>(
        &self,
        act: impl FnOnce(&mut Entries<E>) -> Option<R>,
    ) -> (Option<R>, Result<(), CredentialsError>) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Live::clone(&self.live.load());
        let withdrawn = act(&mut changed.entries);
        if withdrawn.is_none() && !*unsaved {
            return (None, Ok(()));
        }
        self.live.store(Arc::new(changed.clone()));
        let saved = self.save(&changed).map_err(|error| match error {
            CredentialsError::Io { path, source, .. } => {
                CredentialsError::Io { act: "revoked, but a restart would undo it: cannot write", path, source }
            }
            other => other,
        });
        *unsaved = saved.is_err();
        (withdrawn, saved)
    }

    fn save(&self, live: &Live<E>) -> Result<(), CredentialsError> {
        let body = Body { head: live.head.clone(), entries: live.entries.values().cloned().collect() };
        disk::write_sealed(&self.path, &serde_json::to_string_pretty(&body).expect("entries are plain data"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    impl Entry for String {
        type Head = u8;
        type Old = String;

        fn id(&self) -> &str {
            self
        }
    }

    fn ledger() -> (tempfile::TempDir, Ledger<String>) {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(&directory.path().join("l.json"), 7, Entries::new());
        ledger.write().unwrap();
        (directory, ledger)
    }

    fn add(ledger: &Ledger<String>, entry: &str) -> Result<(), CredentialsError> {
        ledger.change(|live| {
            live.entries.insert(entry.to_owned(), entry.to_owned());
            Ok(())
        })
    }

    #[test]
    fn entries_survive_and_a_refused_one_changes_nothing() {
        let (_directory, ledger) = ledger();
        add(&ledger, "b").unwrap();
        add(&ledger, "a").unwrap();
        let refused = ledger.change(|live| {
            live.entries.clear();
            Err(CredentialsError::bad_name("no"))
        });
        refused.unwrap_err();
        let read: Contents<String> = read(&ledger.path, DirectoryFormat::Sealed).unwrap().unwrap();
        assert_eq!(read.entries.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((read.head, ledger.live().entries.len()), (Some(7), 2));
    }

    #[test]
    fn what_is_withdrawn_is_gone_although_the_disk_refuses_and_is_written_later() {
        let (directory, ledger) = ledger();
        add(&ledger, "a").unwrap();
        let obstacle = directory.path().join(".l.json.tmp");
        fs::create_dir(&obstacle).unwrap();

        let (removed, saved) = ledger.withdraw(|entries| entries.remove("a"));
        assert_eq!(removed.as_deref(), Some("a"));
        assert!(saved.unwrap_err().to_string().starts_with("revoked, but a restart would undo it: cannot write "));
        assert!(ledger.live().entries.is_empty());
        assert!(fs::read_to_string(&ledger.path).unwrap().contains("\"a\""));
        add(&ledger, "b").unwrap_err();
        assert!(ledger.live().entries.is_empty(), "what could not be written is not live");

        fs::remove_dir(&obstacle).unwrap();
        ledger.withdraw(|_| None::<()>).1.unwrap();
        assert!(!fs::read_to_string(&ledger.path).unwrap().contains("\"a\""));
    }

    #[test]
    fn wrong_contents_are_errors_that_name_the_file() {
        let (_directory, ledger) = ledger();
        let sealed = |version, body: &str| files::seal(version, body);
        for (contents, why) in [
            (String::new(), "EOF"),
            ("{}".to_owned(), "missing field `version`"),
            (r#"{"version":2,"entries":[]}"#.to_owned(), "it says that it has format 2, but has no checksum"),
            (r#"{"version":1,"entries":[1]}"#.to_owned(), "expected a string"),
            (r#"{"version":1,"entries":["a","a"]}"#.to_owned(), "it lists \"a\" twice"),
            (r#"{"version":1,"entries":[],"more":1}"#.to_owned(), "unknown field `more`"),
            (sealed(3, "{}"), "it has format 3; this server reads up to 2"),
            (sealed(2, r#"{"head":7,"entries":[]}"#).replace('7', "8"), "its checksum is another"),
            (sealed(2, r#"{"head":7,"entries":["a","a"]}"#), "it lists \"a\" twice"),
            (sealed(2, r#"{"head":7,"entries":[],"more":1}"#), "unknown field `more`"),
            (sealed(1, r#"{"head":7,"entries":[]}"#), "no checksum"),
        ] {
            fs::write(&ledger.path, &contents).unwrap();
            let error = read::<String>(&ledger.path, DirectoryFormat::Unmarked).unwrap_err().to_string();
            assert!(error.contains("l.json cannot be used: ") && error.contains(why), "{contents}: {error}");
        }
    }
}
