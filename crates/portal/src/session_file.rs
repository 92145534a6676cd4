//! The file that keeps sessions over a restart: `portal-sessions.json` in the data directory.
//!
//! ```text
//! {"version":1,"crc32c":"…"}
//! {"sessions":[{"id":"<SHA-256 of the cookie>","adminKey":"<SHA-256 of the admin key>","signedInMs":5,"seenMs":6}]}
//! ```
//! Invariants: mode 0600, replaced as a whole; no secret is in it. It is of no weight: one that is
//! damaged, or a newer server's, is put aside as `….damaged`, and everybody signs in again.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use files::{PRIVATE_FILE, Sealed, read, seal, set_aside, unseal, write_whole};
use serde::{Deserialize, Serialize};

use crate::secret::SecretDigest;

/// The newest format. Never renumber.
const VERSION: u32 = 1;

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) key: SecretDigest,
    pub(crate) admin: SecretDigest,
    pub(crate) signed_in_ms: u64,
    pub(crate) seen_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    sessions: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    id: String,
    admin_key: String,
    signed_in_ms: u64,
    seen_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct SessionFile {
    path: PathBuf,
    /// Held while it is written: the newest state is written last.
    writing: Mutex<()>,
}

impl SessionFile {
    /// What is in it. Blocks on disk.
    pub(crate) fn open(path: &Path) -> (Self, Vec<Stored>) {
        let stored = match read(path) {
            Ok(None) => Vec::new(),
            Ok(Some(bytes)) => parse(&bytes).unwrap_or_else(|why| {
                let moved = set_aside(path).map_or_else(|error| error.to_string(), |to| to.display().to_string());
                tracing::warn!(why, moved, "the portal's sessions cannot be read: everybody signs in again");
                Vec::new()
            }),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the portal's sessions cannot be read");
                Vec::new()
            }
        };
        (Self { path: path.to_owned(), writing: Mutex::default() }, stored)
    }

    /// Replaces it by what `stored` gives, which is asked when nobody else writes.
    pub(crate) fn write(&self, stored: impl FnOnce() -> Vec<Stored>) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |it: Stored| Entry {
            id: it.key.hex(),
            admin_key: it.admin.hex(),
            signed_in_ms: it.signed_in_ms,
            seen_ms: it.seen_ms,
        };
        let body = Body { sessions: stored().into_iter().map(entry).collect() };
        let text = serde_json::to_string(&body).expect("texts and numbers are JSON");
        write_whole(&self.path, seal(VERSION, &text).as_bytes(), PRIVATE_FILE)
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Stored>, String> {
    let Sealed::Whole { body, .. } = unseal(bytes, VERSION).map_err(|error| error.to_string())? else {
        return Err("it has no checksum".to_owned());
    };
    let body: Body = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let stored = |it: Entry| {
        let (key, admin) = (digest(&it.id)?, digest(&it.admin_key)?);
        Some(Stored { key, admin, signed_in_ms: it.signed_in_ms, seen_ms: it.seen_ms })
    };
    body.sessions.into_iter().map(stored).collect::<Option<_>>().ok_or_else(|| "it has what is no digest".to_owned())
}

fn digest(hex: &str) -> Option<SecretDigest> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(SecretDigest(bytes))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn session(n: u8) -> Stored {
        Stored { key: SecretDigest([n; 32]), admin: SecretDigest([0xff; 32]), signed_in_ms: 5, seen_ms: n.into() }
    }

    #[test]
    fn what_is_written_is_read_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portal-sessions.json");
        let (file, none) = SessionFile::open(&path);
        assert!(none.is_empty());
        file.write(|| vec![session(1), session(0xa0)]).unwrap();
        assert_eq!(SessionFile::open(&path).1, [session(1), session(0xa0)]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn damage_and_a_newer_version_are_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portal-sessions.json");
        let (file, _) = SessionFile::open(&path);
        file.write(|| vec![session(1)]).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let newer = seal(VERSION + 1, "{}");
        for bad in [&whole[..whole.len() - 9], "", &whole.replace("seenMs\":1", "seenMs\":2"), &newer] {
            fs::write(&path, bad).unwrap();
            assert!(SessionFile::open(&path).1.is_empty(), "{bad}");
            assert!(!path.exists());
            assert_eq!(fs::read_to_string(directory.path().join("portal-sessions.json.damaged")).unwrap(), bad);
        }
    }

    /// Written when the format was made; it opens for ever.
    #[test]
    fn the_first_version_opens() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/portal-v1/portal-sessions.json");
        assert_eq!(parse(&fs::read(path).unwrap()), Ok(vec![session(1), session(0xa0)]));
    }
}
