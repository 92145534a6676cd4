//! Small peers that are shut out: sites of an app whose sessions end and are let in no more.
//!
//! ```text
//! <data-dir>/revoked-peers.json    one entry for each: which peer, and since when
//! ```
//! Invariants: a revocation counts at once and is in the file before anybody is told; a peer is let
//! in again only once the file says so. The file is made by the first revocation, so a lost one
//! cannot be told from none: whoever must be shut out for good has a key, and that is revoked too.
//! Not here: who belongs to a site (`store`), ending sessions (`sync-endpoint`).

use std::path::Path;

use files::{DirectoryFormat, PRIVATE_FILE};
use serde::{Deserialize, Serialize};

use crate::{
    Credentials, CredentialsError, disk,
    ledger::{self, Contents, Entries, Entry, Ledger},
};

/// The file's name.
pub(crate) const REVOKED_PEERS: &str = "revoked-peers.json";

/// A peer that is shut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedPeer {
    /// Its site.
    pub site: u64,
    /// Since when, ms since the epoch.
    pub revoked_ms: u64,
}

/// As it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredPeer {
    /// `<app>/<site>`; no name of an app has a slash.
    peer: String,
    revoked_ms: u64,
}

impl Entry for StoredPeer {
    /// There is nothing to say.
    type Head = ();
    /// The file came with format 2.
    type Old = Self;

    fn id(&self) -> &str {
        &self.peer
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct RevokedPeers(Ledger<StoredPeer>);

impl RevokedPeers {
    pub(crate) fn open(data_dir: &Path) -> Result<Self, CredentialsError> {
        let path = data_dir.join(REVOKED_PEERS);
        disk::tighten(&path, PRIVATE_FILE)?;
        let entries = Self::look(data_dir)?.map_or_else(Entries::new, |found| found.entries);
        Ok(Self(Ledger::new(&path, (), entries)))
    }

    /// Reads the file and changes nothing; `None` if there is none.
    pub(crate) fn look(data_dir: &Path) -> Result<Option<Contents<StoredPeer>>, CredentialsError> {
        ledger::read(&data_dir.join(REVOKED_PEERS), DirectoryFormat::Sealed)
    }

    pub(crate) fn is_revoked(&self, app: &str, site: u64) -> bool {
        let live = self.0.live();
        !live.entries.is_empty() && live.entries.contains_key(&id(app, site))
    }

    /// Those of an app, by their sites.
    pub(crate) fn of_app(&self, app: &str) -> Vec<RevokedPeer> {
        let live = self.0.live();
        let start = format!("{app}/");
        let of_app = live.entries.range(start.clone()..).take_while(|(id, _)| id.starts_with(&start));
        let peer = |(id, stored): (&String, &StoredPeer)| {
            let site = id[start.len()..].parse().ok()?;
            Some(RevokedPeer { site, revoked_ms: stored.revoked_ms })
        };
        let mut peers: Vec<_> = of_app.filter_map(peer).collect();
        peers.sort_unstable_by_key(|peer| peer.site);
        peers
    }

    /// One that is revoked already stays so since when it was.
    pub(crate) fn revoke(&self, app: &str, site: u64, now_ms: u64) -> Result<RevokedPeer, CredentialsError> {
        let id = id(app, site);
        let (_, saved) = self.0.withdraw(|entries| {
            if entries.contains_key(&id) {
                return None;
            }
            entries.insert(id.clone(), StoredPeer { peer: id.clone(), revoked_ms: now_ms });
            Some(())
        });
        saved?;
        tracing::info!(app, site, "revoked a peer");
        let revoked_ms = self.0.live().entries.get(&id).map_or(now_ms, |stored| stored.revoked_ms);
        Ok(RevokedPeer { site, revoked_ms })
    }

    pub(crate) fn allow(&self, app: &str, site: u64) -> Result<(), CredentialsError> {
        self.0.change(|live| match live.entries.remove(&id(app, site)) {
            Some(_) => Ok(()),
            None => Err(CredentialsError::NotFound { kind: "revoked peer", name: site.to_string() }),
        })?;
        tracing::info!(app, site, "a peer is let in again");
        Ok(())
    }
}

fn id(app: &str, site: u64) -> String {
    format!("{app}/{site}")
}

impl Credentials {
    /// Shuts a peer of an app out, at once and until it is allowed again. One that is revoked already
    /// stays so since when it was. If `revoked-peers.json` cannot be written it is an error, and the
    /// peer is refused all the same until the next start. Whoever holds sessions ends them.
    pub fn revoke_peer(&self, app: &str, site: u64, now_ms: u64) -> Result<RevokedPeer, CredentialsError> {
        self.revoked_peers.revoke(app, site, now_ms)
    }

    /// Lets a peer in again; [`CredentialsError::NotFound`] if it is not revoked.
    pub fn allow_peer(&self, app: &str, site: u64) -> Result<(), CredentialsError> {
        self.revoked_peers.allow(app, site)
    }

    /// Whether this peer of the app is shut out.
    pub fn is_peer_revoked(&self, app: &str, site: u64) -> bool {
        self.revoked_peers.is_revoked(app, site)
    }

    /// The app's peers that are shut out, by their sites.
    pub fn revoked_peers(&self, app: &str) -> Vec<RevokedPeer> {
        self.revoked_peers.of_app(app)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_outlives_the_server_and_can_be_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let open = || RevokedPeers::open(directory.path()).unwrap();
        assert!(!open().is_revoked("shop", 42) && !directory.path().join(REVOKED_PEERS).exists());
        let peers = open();
        assert_eq!(peers.revoke("shop", 42, 7).unwrap(), RevokedPeer { site: 42, revoked_ms: 7 });
        assert_eq!(peers.revoke("shop", 42, 8).unwrap().revoked_ms, 7, "it is since the first time");
        peers.revoke("shop", 5, 9).unwrap();
        peers.revoke("shop-2", 1, 9).unwrap();
        let peers = open();
        let listed = |peers: &RevokedPeers| peers.of_app("shop").iter().map(|peer| peer.site).collect::<Vec<_>>();
        assert_eq!(listed(&peers), [5, 42]);
        assert!(peers.is_revoked("shop", 42) && !peers.is_revoked("shop-2", 42) && !peers.is_revoked("shop", 4));
        peers.allow("shop", 42).unwrap();
        assert!(matches!(peers.allow("shop", 42), Err(CredentialsError::NotFound { .. })));
        assert_eq!(listed(&open()), [5]);
    }

    #[test]
    fn a_revocation_counts_although_the_disk_refuses() {
        let directory = tempfile::tempdir().unwrap();
        let peers = RevokedPeers::open(directory.path()).unwrap();
        let obstacle = directory.path().join(format!(".{REVOKED_PEERS}.tmp"));
        std::fs::create_dir(&obstacle).unwrap();
        let error = peers.revoke("shop", 42, 7).unwrap_err().to_string();
        assert!(error.starts_with("revoked, but a restart would undo it: cannot write "), "{error}");
        assert!(peers.is_revoked("shop", 42));
        peers.allow("shop", 42).unwrap_err();
        assert!(peers.is_revoked("shop", 42), "what could not be written does not let it in");
        std::fs::remove_dir(&obstacle).unwrap();
        peers.revoke("shop", 42, 8).unwrap();
        assert!(RevokedPeers::open(directory.path()).unwrap().is_revoked("shop", 42));
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let directory = tempfile::tempdir().unwrap();
        RevokedPeers::open(directory.path()).unwrap().revoke("shop", 42, 7).unwrap();
        let path = directory.path().join(REVOKED_PEERS);
        let damaged = std::fs::read_to_string(&path).unwrap().replace("shop/42", "shop/43");
        std::fs::write(&path, damaged).unwrap();
        let error = RevokedPeers::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("revoked-peers.json cannot be used"), "{error}");
    }
}
