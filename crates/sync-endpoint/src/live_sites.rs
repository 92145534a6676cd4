//! Which sites have a session now: a site has one.
//!
//! A peer that connects again may come before its old connection is known to be dead. The old one
//! is then asked for a sign of life, but for one of the very same opening of the store, which has
//! taken the place of its old connection itself.
//!
//! Not here: who a site belongs to (`store::Site`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use document::SiteId;
use tokio::{sync::Notify, time::Instant};

use crate::{limits::PROBE_TIMEOUT, peers::LivePeer, remembered::Remembered};

/// Sites by app.
#[derive(Debug, Default)]
pub(crate) struct LiveSites {
    map: Mutex<HashMap<(String, SiteId), Arc<LiveSite>>>,
    pub(crate) remembered: Remembered,
}

/// Whose a session of a site is.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Its number: later connections have greater ones.
    pub(crate) session: u64,
    /// Of the peer's store, new each time that is opened.
    pub(crate) instance: [u8; 16],
    pub(crate) subject: String,
    /// What it shows of itself.
    pub(crate) peer: LivePeer,
}

/// Why there is no place.
#[derive(Debug)]
pub(crate) enum NoEntry {
    /// Another session of the site is alive, or is somebody else's.
    Alive,
    /// The peer has connected again meanwhile.
    Late,
}

/// The session of a site.
#[derive(Debug)]
pub(crate) struct LiveSite {
    pub(crate) opening: Opening,
    /// Counts what was heard.
    heard: AtomicU64,
    /// Asks for a sign of life.
    pub(crate) probe: Notify,
    /// Another session has taken its place.
    pub(crate) replaced: Notify,
    /// The peer is shut out.
    pub(crate) revoked: Notify,
}

impl LiveSite {
    /// Something came from the peer.
    pub(crate) fn heard(&self) {
        self.heard.fetch_add(1, Relaxed);
    }

    /// What is known of the peer.
    pub(crate) fn peer(&self) -> &LivePeer {
        &self.opening.peer
    }
}

/// A site's place; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct SitePlace {
    sites: Arc<LiveSites>,
    key: (String, SiteId),
    pub(crate) live: Arc<LiveSite>,
}

/// How often it is looked whether a sign of life came.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl LiveSites {
    /// A place for a session.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        app: &str,
        site: SiteId,
        opening: Opening,
    ) -> Result<SitePlace, NoEntry> {
        let key = (app.to_owned(), site);
        let before = self.map().get(&key).cloned();
        if let Some(before) = before {
            if before.opening.subject != opening.subject {
                return Err(NoEntry::Alive);
            }
            if before.opening.instance != opening.instance && self.is_alive(&key, &before).await {
                return Err(NoEntry::Alive);
            }
        }
        let mut map = self.map();
        if map.get(&key).is_some_and(|now| now.opening.session > opening.session) {
            return Err(NoEntry::Late);
        }
        let (heard, probe, replaced, revoked) = Default::default();
        let live = Arc::new(LiveSite { opening, heard, probe, replaced, revoked });
        if let Some(before) = map.insert(key.clone(), live.clone()) {
            before.replaced.notify_one();
        }
        drop(map);
        Ok(SitePlace { sites: self.clone(), key, live })
    }

    async fn is_alive(&self, key: &(String, SiteId), site: &Arc<LiveSite>) -> bool {
        let heard = site.heard.load(Relaxed);
        site.probe.notify_one();
        let deadline = Instant::now() + PROBE_TIMEOUT;
        while Instant::now() < deadline {
            if !self.map().get(key).is_some_and(|now| Arc::ptr_eq(now, site)) {
                return false;
            }
            if site.heard.load(Relaxed) != heard {
                return true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        false
    }

    /// The sessions of an app's sites, in no order.
    pub(crate) fn of_app(&self, app: &str) -> Vec<(SiteId, Arc<LiveSite>)> {
        let map = self.map();
        map.iter().filter(|((of, _), _)| of == app).map(|((_, site), live)| (*site, live.clone())).collect()
    }

    /// Whether there is a session.
    pub(crate) fn is_any(&self) -> bool {
        !self.map().is_empty()
    }

    /// Every session.
    pub(crate) fn all(&self) -> Vec<((String, SiteId), Arc<LiveSite>)> {
        self.map().iter().map(|(key, live)| (key.clone(), live.clone())).collect()
    }

    /// The session of a site.
    pub(crate) fn of_site(&self, app: &str, site: SiteId) -> Option<Arc<LiveSite>> {
        self.map().get(&(app.to_owned(), site)).cloned()
    }

    fn map(&self) -> MutexGuard<'_, HashMap<(String, SiteId), Arc<LiveSite>>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SitePlace {
    fn drop(&mut self) {
        let mut map = self.sites.map();
        if map.get(&self.key).is_some_and(|now| Arc::ptr_eq(now, &self.live)) {
            map.remove(&self.key);
            drop(map);
            let (app, site) = &self.key;
            self.sites.remembered.put(app, *site, self.live.peer().as_it_leaves(&self.live.opening.subject));
        }
    }
}
