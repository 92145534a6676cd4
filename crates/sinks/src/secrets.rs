//! The sinks' secrets: `<data-dir>/sinks.json`, sealed, readable by its owner only.
//!
//! ```text
//! {"version":1,"crc32c":"1b2c3d4e"}
//! {"sinks":[{"app":"shop","sink":"warehouse","secrets":{"sasl.password":"…"}}]}
//! ```
//! Every sink has an entry, also one without secrets: so that its app is opened at the start. A backup
//! holds the file only under a passphrase.
//!
//! Invariants: a change is durable when it returns; a damaged file is an error, never an empty one.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use files::{PRIVATE_FILE, Sealed};
use serde::{Deserialize, Serialize};

/// The file, in the data directory.
pub(crate) const FILE: &str = "sinks.json";

const VERSION: u32 = 1;

/// By app and sink.
type All = BTreeMap<(String, String), BTreeMap<String, String>>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    sinks: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    app: String,
    sink: String,
    secrets: BTreeMap<String, String>,
}

/// All of them.
pub(crate) struct SecretStore {
    path: PathBuf,
    all: Mutex<All>,
}

impl std::fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SecretStore {
    /// Those of the data directory.
    ///
    /// # Errors
    /// The file cannot be read, is damaged or is of a newer server.
    pub(crate) fn open(data_dir: &std::path::Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let damaged = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()));
        let all = match files::read(&path)? {
            None => All::new(),
            Some(bytes) => match files::unseal(&bytes, VERSION).map_err(|error| damaged(error.to_string()))? {
                Sealed::Unsealed => return Err(damaged("it does not begin as such a file does".into())),
                Sealed::Whole { body, .. } => {
                    let body: Body = serde_json::from_str(body).map_err(|error| damaged(error.to_string()))?;
                    body.sinks.into_iter().map(|entry| ((entry.app, entry.sink), entry.secrets)).collect()
                }
            },
        };
        Ok(Self { path, all: Mutex::new(all) })
    }

    /// The apps that have sinks.
    pub(crate) fn apps(&self) -> Vec<String> {
        let mut apps: Vec<_> = self.lock().keys().map(|(app, _)| app.clone()).collect();
        apps.dedup();
        apps
    }

    /// Those of a sink; `None` if nothing is noted of it.
    pub(crate) fn of(&self, app: &str, sink: &str) -> Option<BTreeMap<String, String>> {
        self.lock().get(&(app.to_owned(), sink.to_owned())).cloned()
    }

    /// Replaces those of a sink; blocks on disk.
    pub(crate) fn set(&self, app: &str, sink: &str, secrets: BTreeMap<String, String>) -> io::Result<()> {
        self.change(|all| drop(all.insert((app.to_owned(), sink.to_owned()), secrets)))
    }

    /// Forgets what `is_gone` says of an app and a sink; blocks on disk.
    pub(crate) fn forget(&self, is_gone: impl Fn(&str, &str) -> bool) -> io::Result<()> {
        self.change(|all| all.retain(|(app, sink), _| !is_gone(app, sink)))
    }

    fn change(&self, change: impl FnOnce(&mut All)) -> io::Result<()> {
        let mut all = self.lock();
        let mut next = all.clone();
        change(&mut next);
        if next == *all {
            return Ok(());
        }
        let entries = next.iter();
        let entry = |((app, sink), secrets): (&(String, String), &BTreeMap<String, String>)| Entry {
            app: app.clone(),
            sink: sink.clone(),
            secrets: secrets.clone(),
        };
        let body = serde_json::to_string(&Body { sinks: entries.map(entry).collect() })?;
        files::write_whole(&self.path, files::seal(VERSION, &body).as_bytes(), PRIVATE_FILE)?;
        *all = next;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_there_after_a_start_and_damage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let store = SecretStore::open(dir.path()).unwrap();
        assert_eq!(store.of("shop", "a"), None);
        store.set("shop", "a", [("sasl.password".to_owned(), "hush".to_owned())].into()).unwrap();
        store.set("shop", "b", BTreeMap::new()).unwrap();
        let again = SecretStore::open(dir.path()).unwrap();
        assert_eq!(again.apps(), ["shop"]);
        assert_eq!(again.of("shop", "a").unwrap()["sasl.password"], "hush");
        again.forget(|_, sink| sink == "a").unwrap();
        assert_eq!(SecretStore::open(dir.path()).unwrap().of("shop", "a"), None);
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            std::fs::write(&path, flipped).unwrap();
            SecretStore::open(dir.path()).unwrap_err();
        }
    }
}
