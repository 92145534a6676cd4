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

use crate::limits::PROBE_TIMEOUT;

/// Sites by app.
#[derive(Debug, Default)]
pub(crate) struct LiveSites(Mutex<HashMap<(String, SiteId), Arc<LiveSite>>>);

/// Whose a session of a site is.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Its number: later connections have greater ones.
    pub(crate) session: u64,
    /// Of the peer's store, new each time that is opened.
    pub(crate) instance: [u8; 16],
    pub(crate) subject: String,
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
    opening: Opening,
    /// Counts what was heard.
    heard: AtomicU64,
    /// Asks for a sign of life.
    pub(crate) probe: Notify,
    /// Another session has taken its place.
    pub(crate) replaced: Notify,
}

impl LiveSite {
    /// Something came from the peer.
    pub(crate) fn heard(&self) {
        self.heard.fetch_add(1, Relaxed);
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
        let (heard, probe, replaced) = Default::default();
        let live = Arc::new(LiveSite { opening, heard, probe, replaced });
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

    fn map(&self) -> MutexGuard<'_, HashMap<(String, SiteId), Arc<LiveSite>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SitePlace {
    fn drop(&mut self) {
        let mut map = self.sites.map();
        if map.get(&self.key).is_some_and(|now| Arc::ptr_eq(now, &self.live)) {
            map.remove(&self.key);
        }
    }
}
