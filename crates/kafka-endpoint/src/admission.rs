//! Who may hold how much: connections, handshakes, and bytes in flight, in all and per user.
//!
//! Invariant: what was taken is given back when its guard is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{limits, refusal::Reason};

/// Bytes are handed out in pieces of this size, so that they fit a semaphore's count.
const PIECE_BYTES: usize = 1024;

/// The shared bounds.
#[derive(Debug)]
pub(crate) struct Admission {
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    bytes: Pools,
    users: Mutex<HashMap<UserKey, UserShare>>,
}

/// An app's user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct UserKey {
    app: String,
    user: String,
}

#[derive(Debug)]
struct UserShare {
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
}

impl Admission {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            connections: Arc::new(Semaphore::new(limits::CONNECTIONS_MAX)),
            handshakes: Arc::new(Semaphore::new(limits::HANDSHAKES_MAX)),
            bytes: Pools::new(limits::REQUEST_BYTES_IN_FLIGHT_MAX, limits::RESPONSE_BYTES_IN_FLIGHT_MAX),
            users: Mutex::new(HashMap::new()),
        })
    }

    /// A place for one more connection.
    pub(crate) fn connection(&self) -> Result<OwnedSemaphorePermit, Reason> {
        self.connections.clone().try_acquire_owned().map_err(|_| Reason::ConnectionsFull)
    }

    /// A place for one more handshake.
    pub(crate) fn handshake(&self) -> Result<OwnedSemaphorePermit, Reason> {
        self.handshakes.clone().try_acquire_owned().map_err(|_| Reason::HandshakesFull)
    }

    /// A place among the user's connections.
    pub(crate) fn user(self: &Arc<Self>, app: &str, user: &str) -> Result<UserPlace, Reason> {
        let key = UserKey { app: app.to_owned(), user: user.to_owned() };
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let share = users.entry(key.clone()).or_insert_with(|| UserShare {
            connections: 0,
            bytes: Pools::new(
                limits::REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX,
                limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX,
            ),
        });
        if share.connections >= limits::CONNECTIONS_PER_USER_MAX {
            return Err(Reason::UserConnectionsFull);
        }
        share.connections += 1;
        Ok(UserPlace { admission: self.clone(), key, bytes: share.bytes.clone() })
    }
}

/// One connection's place among its user's.
#[derive(Debug)]
pub(crate) struct UserPlace {
    admission: Arc<Admission>,
    key: UserKey,
    bytes: Pools,
}

impl UserPlace {
    /// Waits until a request of `bytes` may be held.
    pub(crate) async fn hold_request(&self, bytes: usize) -> HeldBytes {
        let bytes = bytes.min(limits::REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX);
        hold(&self.bytes.requests, &self.admission.bytes.requests, bytes).await
    }

    /// Waits until `bytes` of a response may be held.
    pub(crate) async fn hold_response(&self, bytes: usize) -> HeldBytes {
        let bytes = bytes.min(limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX);
        hold(&self.bytes.responses, &self.admission.bytes.responses, bytes).await
    }

    /// Makes `held` hold `bytes` of a response, if that takes no waiting.
    pub(crate) fn try_grow(&self, held: &mut HeldBytes, bytes: usize) -> bool {
        let more = (pieces(bytes) as usize).saturating_sub(held.all.num_permits());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let own = self.bytes.responses.clone().try_acquire_many_owned(more);
        let all = self.admission.bytes.responses.clone().try_acquire_many_owned(more);
        match (own, all) {
            (Ok(own), Ok(all)) => {
                held.own.merge(own);
                held.all.merge(all);
                true
            }
            _ => false,
        }
    }
}

/// The user's own share first, so that waiting for it keeps nothing from others.
async fn hold(own: &Arc<Semaphore>, all: &Arc<Semaphore>, bytes: usize) -> HeldBytes {
    let own = own.clone().acquire_many_owned(pieces(bytes)).await.expect("never closed");
    let all = all.clone().acquire_many_owned(pieces(bytes)).await.expect("never closed");
    HeldBytes { own, all }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut users = self.admission.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = users.get_mut(&self.key) {
            share.connections -= 1;
            if share.connections == 0 {
                users.remove(&self.key);
            }
        }
    }
}

/// Bytes that may be held until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl HeldBytes {
    /// Gives back what goes beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let excess = self.all.num_permits().saturating_sub(pieces(bytes) as usize);
        drop(self.own.split(excess));
        drop(self.all.split(excess));
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
        assert!(admission.users.lock().unwrap().is_empty());
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
        assert_eq!(held.all.num_permits(), 10);
        drop(ann.hold_response(limits::RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX - 10 * PIECE_BYTES).await);
    }
}
