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
    bytes: Arc<Semaphore>,
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
    bytes: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            connections: Arc::new(Semaphore::new(limits::CONNECTIONS_MAX)),
            handshakes: Arc::new(Semaphore::new(limits::HANDSHAKES_MAX)),
            bytes: Arc::new(Semaphore::new(limits::IN_FLIGHT_BYTES_MAX / PIECE_BYTES)),
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
            bytes: Arc::new(Semaphore::new(limits::IN_FLIGHT_BYTES_PER_USER_MAX / PIECE_BYTES)),
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
    bytes: Arc<Semaphore>,
}

impl UserPlace {
    /// Waits until `bytes` may be held; the user's own share first, so that waiting for it keeps nothing from others.
    pub(crate) async fn hold(&self, bytes: usize) -> HeldBytes {
        let pieces = pieces(bytes.min(limits::IN_FLIGHT_BYTES_PER_USER_MAX));
        let own = self.bytes.clone().acquire_many_owned(pieces).await.expect("never closed");
        let all = self.admission.bytes.clone().acquire_many_owned(pieces).await.expect("never closed");
        HeldBytes { own, all }
    }
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
        let mut places: Vec<_> =
            (0..limits::CONNECTIONS_PER_USER_MAX).map(|_| admission.user("shop", "ann").expect("there is room")).collect();
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
        let mut held = ann.hold(limits::IN_FLIGHT_BYTES_PER_USER_MAX).await;
        {
            let mut waiting = std::pin::pin!(ann.hold(1));
            tokio::select! { biased; _ = &mut waiting => panic!("beyond the share"), () = std::future::ready(()) => {} }
        }
        admission.user("shop", "ben").unwrap().hold(1).await;
        held.shrink_to(10_000);
        assert_eq!(held.all.num_permits(), 10);
        drop(ann.hold(limits::IN_FLIGHT_BYTES_PER_USER_MAX - 10 * PIECE_BYTES).await);
    }
}
