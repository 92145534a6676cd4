//! Who may hold how much once it is known who it is: connections and bytes in flight, in all, per app and per user.
//!
//! Invariants: what was taken is given back when its guard is dropped; no app can take all that there is.
//! Not here: those inside their handshake (`handshakes`).

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{limits, refusal::Reason};

/// Bytes are handed out in pieces of this size, so that they fit a semaphore's count.
const PIECE_BYTES: usize = 1024;

/// The shared bounds.
#[derive(Debug)]
pub(crate) struct Admission {
    bytes: Pools,
    shares: Mutex<Shares>,
}

#[derive(Debug, Default)]
struct Shares {
    connections: usize,
    apps: HashMap<String, Share>,
    users: HashMap<UserKey, Share>,
}

/// An app's user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct UserKey {
    app: String,
    user: String,
}

#[derive(Debug)]
struct Share {
    connections: usize,
    bytes: Pools,
}

/// Requests and responses have a pool each: a request that is held waits for room for its response, never the other way round.
#[derive(Debug, Clone)]
struct Pools {
    requests: Arc<Semaphore>,
    responses: Arc<Semaphore>,
}

impl Pools {
    fn new(request_bytes: usize, response_bytes: usize) -> Self {
        let pool = |bytes: usize| Arc::new(Semaphore::new(bytes / PIECE_BYTES));
        Self { requests: pool(request_bytes), responses: pool(response_bytes) }
    }

    fn of_app() -> Self {
        Self::new(limits::REQUEST_BYTES_IN_FLIGHT_PER_APP_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_PER_APP_MAX)
    }

    fn of_user() -> Self {
        Self::new(limits::REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX)
    }
}

impl Admission {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            bytes: Pools::new(limits::REQUEST_BYTES_IN_FLIGHT_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_MAX),
            shares: Mutex::default(),
        })
    }

    /// A place among all connections, the app's and the user's.
    pub(crate) fn user(self: &Arc<Self>, app: &str, user: &str) -> Result<UserPlace, Reason> {
        let key = UserKey { app: app.to_owned(), user: user.to_owned() };
        let mut shares = self.shares();
        if shares.connections >= limits::CONNECTIONS_MAX {
            return Err(Reason::ConnectionsFull);
        }
        if shares.apps.get(app).is_some_and(|share| share.connections >= limits::CONNECTIONS_PER_APP_MAX) {
            return Err(Reason::AppConnectionsFull);
        }
        if shares.users.get(&key).is_some_and(|share| share.connections >= limits::CONNECTIONS_PER_USER_MAX) {
            return Err(Reason::UserConnectionsFull);
        }
        shares.connections += 1;
        let of_app = take(&mut shares.apps, key.app.clone(), Pools::of_app);
        let of_user = take(&mut shares.users, key.clone(), Pools::of_user);
        Ok(UserPlace { admission: self.clone(), key, pools: [of_user, of_app, self.bytes.clone()] })
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One more connection of a share; its pools.
fn take<K: Eq + Hash>(shares: &mut HashMap<K, Share>, key: K, pools: fn() -> Pools) -> Pools {
    let share = shares.entry(key).or_insert_with(|| Share { connections: 0, bytes: pools() });
    share.connections += 1;
    share.bytes.clone()
}

/// One connection of a share less.
fn give_back<K: Eq + Hash>(shares: &mut HashMap<K, Share>, key: &K) {
    if let Some(share) = shares.get_mut(key) {
        share.connections -= 1;
        if share.connections == 0 {
            shares.remove(key);
        }
    }
}

/// One connection's place among its user's.
#[derive(Debug)]
pub(crate) struct UserPlace {
    admission: Arc<Admission>,
    key: UserKey,
    /// The user's own first, so that waiting for it keeps nothing from others; then the app's, then everyone's.
    pools: [Pools; 3],
}

impl UserPlace {
    /// Waits until a request of `bytes` may be held.
    pub(crate) async fn hold_request(&self, bytes: usize) -> HeldBytes {
        self.hold(bytes.min(limits::REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX), |pools| &pools.requests).await
    }

    /// Waits until `bytes` of a response may be held.
    pub(crate) async fn hold_response(&self, bytes: usize) -> HeldBytes {
        self.hold(bytes.min(limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX), |pools| &pools.responses).await
    }

    async fn hold(&self, bytes: usize, of: fn(&Pools) -> &Arc<Semaphore>) -> HeldBytes {
        let mut held = Vec::with_capacity(self.pools.len());
        for pools in &self.pools {
            held.push(of(pools).clone().acquire_many_owned(pieces(bytes)).await.expect("never closed"));
        }
        HeldBytes { held }
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
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut shares = self.admission.shares();
        shares.connections -= 1;
        give_back(&mut shares.apps, &self.key.app);
        give_back(&mut shares.users, &self.key);
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

    /// Gives back what goes beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let excess = self.pieces().saturating_sub(pieces(bytes) as usize);
        self.held.iter_mut().for_each(|held| drop(held.split(excess)));
    }
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let admission = Admission::new();
        let mut places: Vec<_> = (0..limits::CONNECTIONS_PER_USER_MAX)
            .map(|_| admission.user("shop", "ann").expect("there is room"))
            .collect();
        assert_eq!(admission.user("shop", "ann").map(drop), Err(Reason::UserConnectionsFull));
        assert!(admission.user("shop", "ben").is_ok());
        places.pop();
        assert!(admission.user("shop", "ann").is_ok());
        drop(places);
        let shares = admission.shares();
        assert!(shares.users.is_empty() && shares.apps.is_empty() && shares.connections == 0);
    }

    #[tokio::test]
    async fn an_app_leaves_room_for_others() {
        let admission = Admission::new();
        let user = |n: usize| (n / limits::CONNECTIONS_PER_USER_MAX).to_string();
        let places: Vec<_> = (0..limits::CONNECTIONS_PER_APP_MAX)
            .map(|n| admission.user("shop", &user(n)).expect("there is room"))
            .collect();
        assert_eq!(admission.user("shop", "another").map(drop), Err(Reason::AppConnectionsFull));
        let other = admission.user("other", "ann").unwrap();
        // All of the app's users hold what they may, and nobody reads it.
        let mut held = Vec::new();
        for place in places.iter().step_by(limits::CONNECTIONS_PER_USER_MAX) {
            let bytes = limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX;
            tokio::select! { biased; more = place.hold_response(bytes) => held.push(more), () = std::future::ready(()) => {} }
        }
        assert!(held.len() >= 2);
        tokio::select! {
            biased;
            _ = other.hold_response(limits::FETCH_BYTES_MAX) => {}
            () = std::future::ready(()) => panic!("the app holds all that there is"),
        }
    }

    #[tokio::test]
    async fn a_user_cannot_hold_more_than_its_share() {
        let admission = Admission::new();
        let ann = admission.user("shop", "ann").unwrap();
        let mut held = ann.hold_response(limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX).await;
        {
            let mut waiting = std::pin::pin!(ann.hold_response(1));
            tokio::select! { biased; _ = &mut waiting => panic!("beyond the share"), () = std::future::ready(()) => {} }
        }
        admission.user("shop", "ben").unwrap().hold_response(1).await;
        held.shrink_to(10_000);
        assert_eq!(held.pieces(), 10);
        drop(ann.hold_response(limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX - 10 * PIECE_BYTES).await);
    }
}
