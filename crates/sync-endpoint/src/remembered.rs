//! What is remembered of peers that left, in memory and in one sealed file.
//!
//! ```text
//! {"version":2,"crc32c":"…"}
//! [{"app":"shop","site":42,"subject":"…","sdk":"…","address":"…","seen_ms":…,"pending":…,"through":…},…]
//! ```
//! Invariants: at most [`PEERS_REMEMBERED_MAX`], those that were seen last; the file is never needed:
//! without it, or with a damaged one, the server begins with nothing remembered. It is written a while
//! after a peer came or left, and at the stop, so a crash loses the last minute.
//! Not here: who belongs to a site, and what it pushed (`store::Site`).

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    ops::Bound::{Excluded, Included},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use document::SiteId;
use files::{PRIVATE_FILE, Sealed, seal, unseal};
use serde::{Deserialize, Serialize};

use crate::{
    SyncEndpoint,
    limits::{PEERS_REMEMBERED_MAX, REMEMBER_EVERY},
};

/// The file's format, that of all small files. Never renumber.
const VERSION: u32 = 2;

/// A peer as it was when it was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedPeer {
    pub(crate) subject: String,
    pub(crate) sdk: String,
    pub(crate) address: IpAddr,
    pub(crate) seen_ms: u64,
    pub(crate) pending: u64,
    /// The transaction up to which it had everything.
    pub(crate) through: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    app: String,
    site: u64,
    #[serde(flatten)]
    peer: RememberedPeer,
}

type ByPeer = BTreeMap<(String, SiteId), RememberedPeer>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    peers: Mutex<ByPeer>,
    file: OnceLock<PathBuf>,
}

impl Remembered {
    pub(crate) fn put(&self, app: &str, site: SiteId, peer: RememberedPeer) {
        let mut peers = self.peers();
        peers.insert((app.to_owned(), site), peer);
        if peers.len() > PEERS_REMEMBERED_MAX {
            let oldest = peers.iter().min_by_key(|(_, peer)| peer.seen_ms).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| peers.remove(&oldest));
        }
    }

    /// Many at once.
    fn put_all(&self, all: impl IntoIterator<Item = ((String, SiteId), RememberedPeer)>) {
        let mut peers = self.peers();
        peers.extend(all);
        let excess = peers.len().saturating_sub(PEERS_REMEMBERED_MAX);
        if excess > 0 {
            let mut by_age: Vec<_> = peers.iter().map(|(key, peer)| (peer.seen_ms, key.clone())).collect();
            by_age.sort_unstable();
            by_age.iter().take(excess).for_each(|(_, key)| drop(peers.remove(key)));
        }
    }

    pub(crate) fn of_app(&self, app: &str, after: Option<SiteId>, count_max: usize) -> Vec<(SiteId, RememberedPeer)> {
        let from = |site| (app.to_owned(), site);
        let from = after.map_or_else(|| Included(from(SiteId(0))), |after| Excluded(from(after)));
        let peers = self.peers();
        let of_app = peers.range((from, Included((app.to_owned(), SiteId(u64::MAX)))));
        of_app.take(count_max).map(|((_, site), peer)| (*site, peer.clone())).collect()
    }

    pub(crate) fn of_site(&self, app: &str, site: SiteId) -> Option<RememberedPeer> {
        self.peers().get(&(app.to_owned(), site)).cloned()
    }

    /// Forgets those of an app that is deleted.
    pub(crate) fn forget_app(&self, app: &str) {
        self.peers().retain(|(of, _), _| of != app);
    }

    fn load(&self, file: &Path) {
        match read(file) {
            Ok(peers) => *self.peers() = peers,
            Err(error) => {
                tracing::warn!(path = %file.display(), %error, "who the peers were cannot be read and is forgotten");
            }
        }
        let _ = self.file.set(file.to_owned());
    }

    fn save(&self) {
        let Some(file) = self.file.get() else { return };
        let peers = self.peers().clone();
        let stored = peers.into_iter().map(|((app, site), peer)| Stored { app, site: site.0, peer });
        let body = serde_json::to_string(&stored.collect::<Vec<_>>()).expect("it is plain data");
        if let Err(error) = files::write_whole(file, seal(VERSION, &body).as_bytes(), PRIVATE_FILE) {
            tracing::warn!(path = %file.display(), %error, "who the peers are cannot be noted");
        }
    }

    fn peers(&self) -> MutexGuard<'_, ByPeer> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> io::Result<ByPeer> {
    let Some(bytes) = files::read(file)? else { return Ok(ByPeer::new()) };
    let stored: Vec<Stored> = match unseal(&bytes, VERSION).map_err(io::Error::other)? {
        Sealed::Whole { body, .. } => serde_json::from_str(body)?,
        Sealed::Unsealed => return Err(io::Error::other("it has no checksum")),
    };
    let peers = stored.into_iter().take(PEERS_REMEMBERED_MAX);
    Ok(peers.map(|Stored { app, site, peer }| ((app, SiteId(site)), peer)).collect())
}

impl SyncEndpoint {
    /// Goes on with what was remembered in `file`, and keeps it there from here on: see
    /// [`SyncEndpoint::keep_peers`]. Blocks on disk; to be called once.
    pub fn remember_in(&self, file: &Path) {
        self.0.live_sites.remembered.load(file);
    }

    /// Writes what is remembered now and then, until the server stops and no session is left.
    pub async fn keep_peers(&self) {
        let mut stopping = self.0.stopping.clone();
        let mut are_written = self.0.arrivals();
        loop {
            let stopped = tokio::time::timeout(REMEMBER_EVERY, stopping.wait_for(|stop| *stop)).await.is_ok();
            if stopped {
                self.drained().await;
            }
            let arrivals = self.0.arrivals();
            if stopped || arrivals != are_written || self.0.live_sites.is_any() {
                let endpoint = self.clone();
                let saved = tokio::task::spawn_blocking(move || endpoint.save_peers()).await;
                saved.expect("it does not panic");
                are_written = arrivals;
            }
            if stopped {
                return;
            }
        }
    }

    /// Those that are connected are seen now.
    fn save_peers(&self) {
        let sites = &self.0.live_sites;
        let present = sites.all().into_iter();
        sites.remembered.put_all(present.map(|(key, live)| (key, live.peer().as_it_leaves(&live.opening.subject))));
        sites.remembered.save();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(seen_ms: u64) -> RememberedPeer {
        let (subject, sdk) = ("till/1".to_owned(), "rust 1".to_owned());
        RememberedPeer { subject, sdk, address: IpAddr::from([127, 0, 0, 1]), seen_ms, pending: 3, through: 9 }
    }

    #[test]
    fn what_is_remembered_outlives_the_server_and_damage_costs_only_that() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("peers.json");
        let opened = || {
            let remembered = Remembered::default();
            remembered.load(&file);
            remembered
        };
        let remembered = opened();
        remembered.put("shop", SiteId(u64::MAX - 1), peer(7));
        remembered.put("shop", SiteId(5), peer(8));
        remembered.put("shoe", SiteId(6), peer(8));
        remembered.save();
        let sites = |after| opened().of_app("shop", after, 9).into_iter().map(|(site, _)| site.0).collect::<Vec<_>>();
        assert_eq!((sites(None), sites(Some(SiteId(5)))), (vec![5, u64::MAX - 1], vec![u64::MAX - 1]));
        assert_eq!(opened().of_site("shop", SiteId(5)), Some(peer(8)));
        let text = std::fs::read_to_string(&file).unwrap().replace("till", "tall");
        std::fs::write(&file, text).unwrap();
        assert!(opened().of_app("shop", None, 9).is_empty());
    }

    #[test]
    fn who_was_seen_longest_ago_is_forgotten() {
        let remembered = Remembered::default();
        for n in 0..=PEERS_REMEMBERED_MAX as u64 {
            remembered.put("shop", SiteId(n), peer(if n == 7 { 1 } else { 2 + n }));
        }
        assert_eq!(remembered.peers().len(), PEERS_REMEMBERED_MAX);
        assert!(remembered.of_site("shop", SiteId(7)).is_none());
        let later = (20_000..20_003).map(|n| (("shop".to_owned(), SiteId(n)), peer(1_000_000)));
        remembered.put_all(later);
        assert_eq!(remembered.peers().len(), PEERS_REMEMBERED_MAX);
        let is_kept = [0, 1, 2, 3, 20_002].map(|n| remembered.of_site("shop", SiteId(n)).is_some());
        assert_eq!(is_kept, [false, false, false, true, true]);
    }
}
