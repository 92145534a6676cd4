//! Who may hold how much once it is known who it is: connections and bytes in flight, in all, per
//! app and per user.
//!
//! Invariants: what was taken is given back when its guard is dropped; no app can take all that
//! there is; one response takes no more than a part of the room that is free, so that those of many
//! clients that do not read leave some; while somebody waits for room, a client that takes nothing
//! goes.
//! Not here: those inside their handshake (`handshakes`).

mod stalled;
mod user_key;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    sync::{Mutex as TurnMutex, Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{limits, reason::Reason};
use stalled::{Level, Stalled};
use user_key::UserKey;

/// Bytes are handed out in pieces of this size, so that they fit a semaphore's count.
const PIECE_BYTES: usize = 1024;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    pub(crate) all: usize,
    pub(crate) per_app: usize,
    pub(crate) per_user: usize,
    /// Whether it is said in the log that a user will soon have all of its places.
    warns: bool,
}

impl ConnectionLimits {
    /// The others are such that no user takes all places of its app, and no app all that there are.
    pub(crate) fn of_user(per_user: usize) -> Self {
        let per_app = limits::CONNECTIONS_PER_APP_MAX.max(per_user.saturating_mul(2));
        Self { all: limits::CONNECTIONS_MAX.max(per_app.saturating_mul(2)), per_app, per_user, warns: true }
    }

    /// Of those that are told that there is no room.
    pub(crate) fn of_refused() -> Self {
        let all = limits::REFUSED_CONNECTIONS_MAX;
        Self { all, per_app: all / 2, per_user: all / 4, warns: false }
    }
}

/// The shared bounds.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: ConnectionLimits,
    bytes: Pools,
    shares: Mutex<Shares>,
    stalled: Mutex<Stalled>,
}

#[derive(Debug, Default)]
struct Shares {
    connections: usize,
    apps: HashMap<String, Share>,
    users: HashMap<Arc<UserKey>, Share>,
}

#[derive(Debug)]
struct Share {
    connections: usize,
    bytes: Pools,
    /// That it will soon be full was said already.
    is_warned_of: bool,
}

/// Requests and responses have a pool each: a request that is held waits for room for its response,
/// never the other way round.
#[derive(Debug, Clone)]
struct Pools {
    requests: Arc<Semaphore>,
    responses: Arc<Semaphore>,
    /// Of those that wait for responses' room, the one that sees to it that there will be some.
    turn: Arc<TurnMutex<()>>,
}

impl Pools {
    fn new(request_bytes: usize, response_bytes: usize) -> Self {
        let pool = |bytes: usize| Arc::new(Semaphore::new(bytes / PIECE_BYTES));
        Self { requests: pool(request_bytes), responses: pool(response_bytes), turn: Arc::default() }
    }

    fn of_app() -> Self {
        Self::new(limits::REQUEST_BYTES_IN_FLIGHT_PER_APP_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_PER_APP_MAX)
    }

    fn of_user() -> Self {
        Self::new(limits::REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX)
    }
}

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            bytes: Pools::new(limits::REQUEST_BYTES_IN_FLIGHT_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_MAX),
            shares: Mutex::default(),
            stalled: Mutex::default(),
        })
    }

    /// A place among all connections, the app's and the user's.
    pub(crate) fn user(self: &Arc<Self>, app: &str, user: &str) -> Result<UserPlace, Reason> {
        let ConnectionLimits { all, per_app, per_user, warns } = self.limits;
        let key = Arc::new(UserKey { app: app.to_owned(), user: user.to_owned() });
        let mut shares = self.shares();
        if shares.connections >= all {
            return Err(Reason::ConnectionsFull { max: all });
        }
        if shares.apps.get(app).is_some_and(|share| share.connections >= per_app) {
            return Err(Reason::AppConnectionsFull { max: per_app });
        }
        if shares.users.get(&key).is_some_and(|share| share.connections >= per_user) {
            return Err(Reason::UserConnectionsFull { max: per_user });
        }
        shares.connections += 1;
        let (of_app, _) = take(&mut shares.apps, key.app.clone(), Pools::of_app, per_app);
        let (of_user, is_nearly_full) = take(&mut shares.users, key.clone(), Pools::of_user, per_user);
        drop(shares);
        if is_nearly_full && warns {
            tracing::warn!(
                user = format!("{user}@{app}"),
                "the user has {} % of the {per_user} connections that it may have; beyond them its clients are \
                 refused (--max-connections-per-user)",
                limits::CONNECTIONS_WARN_PERCENT
            );
        }
        Ok(UserPlace {
            admission: self.clone(),
            key,
            pools: [of_user, of_app, self.bytes.clone()],
            response_bytes_max: AtomicUsize::new(limits::FIRST_RESPONSE_BYTES_MAX),
        })
    }

    /// How many connections a user may have.
    pub(crate) fn connections_per_user_max(&self) -> usize {
        self.limits.per_user
    }

    /// How many connections the user has that has most.
    pub(crate) fn connections_of_fullest_user(&self) -> usize {
        self.shares().users.values().map(|share| share.connections).max().unwrap_or(0)
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stalled(&self) -> MutexGuard<'_, Stalled> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One more connection of a share; its pools, and whether it is to be said now that the share will
/// soon be full.
fn take<K: Eq + Hash>(shares: &mut HashMap<K, Share>, key: K, pools: fn() -> Pools, max: usize) -> (Pools, bool) {
    let share = shares.entry(key).or_insert_with(|| Share { connections: 0, bytes: pools(), is_warned_of: false });
    share.connections += 1;
    let is_nearly_full = share.connections * 100 >= max * limits::CONNECTIONS_WARN_PERCENT;
    let is_due = is_nearly_full && !share.is_warned_of;
    share.is_warned_of |= is_nearly_full;
    (share.bytes.clone(), is_due)
}

/// One connection of a share less.
fn give_back<K: Eq + Hash>(shares: &mut HashMap<K, Share>, key: &K, max: usize) {
    if let Some(share) = shares.get_mut(key) {
        share.connections -= 1;
        // It may be said again once it is far from full.
        share.is_warned_of &= share.connections * 200 >= max * limits::CONNECTIONS_WARN_PERCENT;
        if share.connections == 0 {
            shares.remove(key);
        }
    }
}

/// One connection's place among its user's.
#[derive(Debug)]
pub(crate) struct UserPlace {
    admission: Arc<Admission>,
    key: Arc<UserKey>,
    /// The user's own first, so that waiting for it keeps nothing from others; then the app's, then
    /// everyone's.
    pools: [Pools; 3],
    /// What one response may hold: more for a client that has shown that it takes what it gets.
    response_bytes_max: AtomicUsize,
}

/// The levels of [`UserPlace::pools`].
const LEVELS: [Level; 3] = [Level::User, Level::App, Level::All];

impl UserPlace {
    /// Waits until a request of `bytes` may be held.
    pub(crate) async fn hold_request(&self, bytes: usize) -> HeldBytes {
        let pieces = pieces(bytes.min(limits::REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX));
        let mut held = Vec::with_capacity(self.pools.len());
        for pools in &self.pools {
            held.push(pools.requests.clone().acquire_many_owned(pieces).await.expect("never closed"));
        }
        HeldBytes { held }
    }

    /// Waits until a response may hold `bytes`, or as many of them as are its part of what is free;
    /// gives how many that are, too. One batch is held in any case: whoever reads cannot know how
    /// large it will be. Who waits has the longest stalled connection cut.
    pub(crate) async fn hold_response(&self, bytes: usize) -> (HeldBytes, usize) {
        let free = self.pools.iter().map(|pools| pools.responses.available_permits()).min().unwrap_or(0) * PIECE_BYTES;
        let part = (free / limits::RESPONSE_PART_OF_FREE).max(limits::RESPONSE_BYTES_MIN);
        let bytes = bytes.min(part).min(self.response_bytes_max.load(Relaxed));
        let held = self.hold(bytes.max(store::limits::BATCH_BYTES_MAX)).await;
        (held, bytes)
    }

    async fn hold(&self, bytes: usize) -> HeldBytes {
        let mut held = Vec::with_capacity(self.pools.len());
        for (pools, level) in self.pools.iter().zip(LEVELS) {
            let taken = tokio::select! {
                biased;
                taken = pools.responses.clone().acquire_many_owned(pieces(bytes)) => taken,
                never = self.make_room(pools, level) => match never {},
            };
            held.push(taken.expect("never closed"));
        }
        HeldBytes { held }
    }

    /// Has stalled connections cut, one after the other, until it is dropped. One task of those
    /// that wait for the same room does it.
    async fn make_room(&self, pools: &Pools, level: Level) -> std::convert::Infallible {
        let _turn = pools.turn.lock().await;
        // What was cut for another one may be enough.
        let mut next = Instant::now() + limits::CUT_PAUSE;
        loop {
            tokio::time::sleep_until(next).await;
            next = self.admission.stalled().cut_longest(level, &self.key, Instant::now());
        }
    }

    /// Makes `held` hold `bytes` of a response, if that takes no waiting.
    pub(crate) fn try_grow(&self, held: &mut HeldBytes, bytes: usize) -> bool {
        let more = (pieces(bytes) as usize).saturating_sub(held.pieces());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let taken = self.pools.iter().map(|pools| pools.responses.clone().try_acquire_many_owned(more));
        let Ok(taken) = taken.collect::<Result<Vec<_>, _>>() else { return false };
        held.held.iter_mut().zip(taken).for_each(|(held, taken)| held.merge(taken));
        true
    }

    /// The client takes nothing of a response from now on, until what this gives is dropped.
    pub(crate) fn stall(&self) -> Stall<'_> {
        let cut = Arc::new(Notify::new());
        let id = self.admission.stalled().begin(self.key.clone(), Instant::now(), cut.clone());
        Stall { place: self, id, cut }
    }

    /// The client has taken a response of `bytes`, and its longest pause was no stall, or one.
    /// Gives whether it is one that takes whatever it gets.
    pub(crate) fn note_taken(&self, bytes: usize, has_stalled: bool) -> bool {
        let max = self.response_bytes_max.load(Relaxed);
        let max = match has_stalled {
            true => limits::FIRST_RESPONSE_BYTES_MAX,
            false if bytes >= max / 2 => (max * 2).min(limits::FETCH_BYTES_MAX),
            false => max,
        };
        self.response_bytes_max.store(max, Relaxed);
        max > limits::FIRST_RESPONSE_BYTES_MAX
    }
}

/// A time in which a client takes nothing.
#[derive(Debug)]
pub(crate) struct Stall<'a> {
    place: &'a UserPlace,
    id: u64,
    cut: Arc<Notify>,
}

impl Stall<'_> {
    /// Is ready once the connection must go because others wait for what it holds.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        self.place.admission.stalled().end(self.id);
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut shares = self.admission.shares();
        shares.connections -= 1;
        give_back(&mut shares.apps, &self.key.app, self.admission.limits.per_app);
        give_back(&mut shares.users, &self.key, self.admission.limits.per_user);
    }
}

/// Bytes that may be held until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    /// As many of each pool.
    held: Vec<OwnedSemaphorePermit>,
}

impl HeldBytes {
    fn pieces(&self) -> usize {
        self.held.first().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// How many they are.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces() * PIECE_BYTES
    }

    /// Gives back what goes beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let excess = self.pieces().saturating_sub(pieces(bytes) as usize);
        if excess > 0 {
            self.held.iter_mut().for_each(|held| drop(held.split(excess)));
        }
    }
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
