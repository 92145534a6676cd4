//! All sessions of a server, and the room that they share.
//!
//! Not here: one session (`session`).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use credentials::Credentials;
use permissions::KnownRights;
use prometheus_client::registry::Registry;
use store::WallClock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, watch},
    time::Instant,
};
use topics::TopicRegistry;

use crate::{
    accepting::Accepting,
    hidden_places::HiddenPlaces,
    limits::{READS_MAX, SESSIONS_MAX, UNKNOWN_PER_ADDRESS_MAX},
    live::LiveFeeds,
    live_sites::LiveSites,
    metrics::Metrics,
    scans::Scans,
    session,
    subscription::Filters,
};

/// All sessions of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SyncEndpoint(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) metrics: Metrics,
    pub(crate) live_sites: Arc<LiveSites>,
    pub(crate) live_feeds: LiveFeeds,
    pub(crate) filters: Filters,
    pub(crate) rights: KnownRights,
    pub(crate) hidden_places: HiddenPlaces,
    pub(crate) scans: Scans,
    pub(crate) reads: Semaphore,
    pub(crate) stopping: watch::Receiver<bool>,
    /// From when sessions count their milliseconds.
    pub(crate) begun: Instant,
    room: Mutex<Room>,
    accepting: Mutex<Accepting>,
}

#[derive(Debug, Default)]
struct Room {
    sessions: usize,
    last_session: u64,
    unknown: HashMap<IpAddr, usize>,
}

/// A connection that is to become a session.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The app's name as the path says it.
    pub app: String,
    /// Who is at the other end.
    pub address: IpAddr,
    /// Whether its listener takes requests without keys, while none was made.
    pub is_open: bool,
}

/// Room for a session; free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    pub(crate) session: u64,
    address: IpAddr,
    is_unknown: bool,
}

impl SyncEndpoint {
    /// No sessions yet. Those that come end soon after `stopping` is true.
    pub fn new(
        topics: Arc<TopicRegistry>,
        credentials: Arc<Credentials>,
        clock: Arc<dyn WallClock>,
        registry: &mut Registry,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Shared {
            topics,
            credentials,
            clock,
            metrics: Metrics::register(registry),
            live_sites: Arc::default(),
            live_feeds: LiveFeeds::default(),
            filters: Filters::default(),
            rights: KnownRights::default(),
            hidden_places: HiddenPlaces::default(),
            scans: Scans::default(),
            reads: Semaphore::new(READS_MAX),
            stopping,
            begun: Instant::now(),
            room: Mutex::default(),
            accepting: Mutex::default(),
        }))
    }

    /// Room for a connection of this address; `None` if there is none.
    pub fn admit(&self, address: IpAddr) -> Option<Place> {
        let mut room = self.0.room();
        let unknown = room.unknown.get(&address).copied().unwrap_or(0);
        if *self.0.stopping.borrow() || room.sessions >= SESSIONS_MAX || unknown >= UNKNOWN_PER_ADDRESS_MAX {
            return None;
        }
        room.sessions += 1;
        room.last_session += 1;
        *room.unknown.entry(address).or_default() += 1;
        let session = room.last_session;
        drop(room);
        Some(Place { shared: self.0.clone(), session, address, is_unknown: true })
    }

    /// Runs a session to its end on a connection whose upgrade was answered.
    pub async fn run<S>(&self, place: Place, arrival: Arrival, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        session::run(&self.0, place, arrival, stream).await;
    }

    /// Waits until no session is left.
    pub async fn drained(&self) {
        while self.0.room().sessions > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

impl Shared {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a peer may be let in now; if not, in how many ms.
    pub(crate) fn take_turn(&self) -> Result<(), u64> {
        let now_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take_turn(now_us)
    }

    /// How many connections there ever were.
    pub(crate) fn arrivals(&self) -> u64 {
        self.room().last_session
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Place {
    /// The session is welcomed: it no longer counts as one that nobody knows.
    pub(crate) fn is_known(&mut self) {
        if self.is_unknown {
            self.is_unknown = false;
            self.shared.room().forget_unknown(self.address);
            self.shared.metrics.sessions.inc();
        }
    }
}

impl Room {
    fn forget_unknown(&mut self, address: IpAddr) {
        let Some(count) = self.unknown.get_mut(&address) else { return };
        *count -= 1;
        if *count == 0 {
            self.unknown.remove(&address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut room = self.shared.room();
        room.sessions -= 1;
        if self.is_unknown {
            room.forget_unknown(self.address);
        } else {
            self.shared.metrics.sessions.dec();
        }
    }
}
