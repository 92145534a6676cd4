//! The small peers of an app: who they are, how far behind each is, and who is shut out.
//!
//! Invariants: a peer is revoked durably before its session ends and anybody is told; one that
//! nobody knows cannot be revoked.
//! Not here: sessions, which are asked for through [`crate::PeerDirectory`]; who must not come again
//! whatever it calls itself: that is its key ([`Operations::revoke_key`]).

use std::{collections::BTreeMap, sync::Arc};

use credentials::{CredentialsError, RevokedPeer};
use document::SiteId;
use store::{App, Site, SnapshotError, TxnId};
use tokio::task::JoinError;

use crate::{blocking::blocking, operations::Operations, peer_directory::SeenPeer};

/// All that is known of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its site.
    pub site: SiteId,
    /// The name of the key that it belongs to; `None` where it came without one, or nothing is
    /// known of it.
    pub key: Option<String>,
    /// Of its sessions; `None` where none is remembered: it was not connected for long.
    pub seen: Option<SeenPeer>,
    /// How many transactions it lacks, at most: ids may be skipped. `None` where that is not known.
    pub lag: Option<u64>,
    /// The last transaction that it pushed; `None` if it pushed none.
    pub pushed: Option<TxnId>,
    /// Since when it is revoked, ms since the epoch.
    pub revoked_ms: Option<u64>,
}

/// A part of an app's peers, by their sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerPage {
    /// They.
    pub peers: Vec<Peer>,
    /// How many of the app's peers are connected, on other pages too.
    pub connected: usize,
    /// Behind which site the next page begins; `None` on the last.
    pub next: Option<SiteId>,
}

/// Why peers were not listed, revoked or allowed.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Nobody knows it.
    #[error("the app {app:?} has no peer {}", site.0)]
    NotFound {
        /// The app.
        app: String,
        /// Its site.
        site: SiteId,
    },
    /// It could not be kept, or is not revoked.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// What is known of sites cannot be read.
    #[error(transparent)]
    Read(#[from] SnapshotError),
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// At most `count_max` of the app's peers, by their sites, those behind `after`.
    pub async fn peers(
        self: &Arc<Self>,
        app: &Arc<App>,
        after: Option<SiteId>,
        count_max: usize,
    ) -> Result<PeerPage, PeerError> {
        let (it, app) = (self.clone(), app.clone());
        blocking::<_, PeerError, _>(move || it.page(&app, after, count_max)).await
    }

    /// Shuts a peer out, at once and until it is allowed again.
    pub async fn revoke_peer(self: &Arc<Self>, app: &Arc<App>, site: SiteId) -> Result<RevokedPeer, PeerError> {
        let (it, app) = (self.clone(), app.clone());
        let revoke = move || {
            let name = app.name().as_str();
            let seen = it.peers.as_ref().and_then(|peers| peers.of_site(name, site));
            if seen.is_none() && app.site(site)?.is_none() && !it.credentials.is_peer_revoked(name, site.0) {
                return Err(PeerError::NotFound { app: name.to_owned(), site });
            }
            let revoked = it.credentials.revoke_peer(name, site.0, it.clock.now_ms());
            // Also where the disk refuses: it is revoked until the next start.
            if let Some(peers) = &it.peers {
                peers.shut_out(name, site);
            }
            Ok(revoked?)
        };
        blocking::<_, PeerError, _>(revoke).await
    }

    /// Lets a peer in again that is revoked.
    pub async fn allow_peer(self: &Arc<Self>, app: &App, site: SiteId) -> Result<(), PeerError> {
        let (it, app) = (self.clone(), app.name().as_str().to_owned());
        blocking(move || it.credentials.allow_peer(&app, site.0)).await
    }

    fn page(&self, app: &App, after: Option<SiteId>, count_max: usize) -> Result<PeerPage, PeerError> {
        let name = app.name().as_str();
        // One more of each tells whether there is a next page.
        let wanted = count_max + 1;
        let mut found: BTreeMap<SiteId, Known> = BTreeMap::new();
        for (site, known) in app.sites_after(after, wanted)? {
            found.entry(site).or_default().site = Some(known);
        }
        for seen in self.peers.iter().flat_map(|peers| peers.of_app(name, after, wanted)) {
            let site = seen.site;
            found.entry(site).or_default().seen = Some(seen);
        }
        for revoked in self.credentials.revoked_peers(name) {
            let site = SiteId(revoked.site);
            if after.is_none_or(|after| site > after) {
                found.entry(site).or_default().revoked_ms = Some(revoked.revoked_ms);
            }
        }
        let next = if found.len() > count_max { found.keys().nth(count_max.saturating_sub(1)).copied() } else { None };
        let newest = app.newest_txn();
        let peers = found.into_iter().take(count_max).map(|(site, known)| known.peer(site, newest)).collect();
        let connected = self.peers.as_ref().map_or(0, |peers| peers.connected(name));
        Ok(PeerPage { peers, connected, next })
    }
}

/// What each source knows of a site.
#[derive(Debug, Default)]
struct Known {
    site: Option<Site>,
    seen: Option<SeenPeer>,
    revoked_ms: Option<u64>,
}

impl Known {
    fn peer(self, site: SiteId, newest: TxnId) -> Peer {
        let Self { site: known, seen, revoked_ms } = self;
        let subject = seen.as_ref().map(|seen| &seen.subject).or(known.as_ref().map(|known| &known.subject));
        Peer {
            site,
            key: subject.and_then(|subject| key_of(subject)),
            lag: seen.as_ref().map(|seen| newest.0.saturating_sub(seen.through.0)),
            pushed: known.map(|known| known.txn_id),
            seen,
            revoked_ms,
        }
    }
}

/// The name of the key in a subject; that of the admin key as events name it.
fn key_of(subject: &str) -> Option<String> {
    match subject {
        "" => None,
        "*" => Some("admin".to_owned()),
        key => Some(key.rsplit_once('/').map_or(key, |(name, _)| name).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_in_events() {
        assert_eq!([key_of(""), key_of("*"), key_of("till/17")], [None, Some("admin".into()), Some("till".into())]);
    }
}
