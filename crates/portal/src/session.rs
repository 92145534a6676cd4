//! Sessions: who is signed in, and what their next page tells them.
//!
//! Invariants: at most [`SESSIONS_MAX`]; each ends when idle or old; they are in memory alone, so a restart signs everybody out. A session is
//! found by the hash of its secret, so that looking one up tells nothing about another's.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};

use crate::limits::{FLASHES_MAX, SESSION_IDLE, SESSION_LIFE, SESSIONS_MAX};

/// 256 random bits as hex: a session's secret, a CSRF token, a sign-in token.
pub(crate) type Random = fn() -> [u8; 32];

/// Random bits as text.
pub(crate) fn secret(random: Random) -> String {
    random().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a secret, by which it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SecretDigest([u8; 32]);

impl SecretDigest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

/// What a page tells after something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flash {
    /// Whether it went well.
    pub(crate) good: bool,
    pub(crate) text: String,
}

#[derive(Debug)]
struct Session {
    csrf: String,
    signed_in_ms: u64,
    seen_ms: u64,
    flashes: VecDeque<Flash>,
}

impl Session {
    fn is_live(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_ms) < SESSION_IDLE.as_millis() as u64
            && now_ms.saturating_sub(self.signed_in_ms) < SESSION_LIFE.as_millis() as u64
    }
}

/// Every session.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: Mutex<HashMap<SecretDigest, Session>>,
}

impl Sessions {
    /// Begins a session; gives its secret, for the cookie.
    pub(crate) fn begin(&self, now_ms: u64, random: Random) -> String {
        let secret_text = secret(random);
        let session = Session { csrf: secret(random), signed_in_ms: now_ms, seen_ms: now_ms, flashes: VecDeque::new() };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_live(now_ms));
        if sessions.len() >= SESSIONS_MAX {
            let idle_longest = sessions.iter().min_by_key(|(_, session)| session.seen_ms).map(|(key, _)| *key);
            idle_longest.and_then(|key| sessions.remove(&key));
        }
        sessions.insert(SecretDigest::of(&secret_text), session);
        secret_text
    }

    /// The session of this secret, if it lives, with its CSRF token. Counts as a use.
    pub(crate) fn resume(&self, secret: &str, now_ms: u64) -> Option<(SecretDigest, String)> {
        let key = SecretDigest::of(secret);
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(&key).filter(|session| session.is_live(now_ms)) else {
            sessions.remove(&key);
            return None;
        };
        session.seen_ms = session.seen_ms.max(now_ms);
        Some((key, session.csrf.clone()))
    }

    /// Whether the session lives; asking is no use of it.
    pub(crate) fn lives(&self, key: SecretDigest, now_ms: u64) -> bool {
        self.lock().get(&key).is_some_and(|session| session.is_live(now_ms))
    }

    pub(crate) fn end(&self, key: SecretDigest) {
        self.lock().remove(&key);
    }

    /// Leaves a message for the session's next page.
    pub(crate) fn tell(&self, key: SecretDigest, flash: Flash) {
        if let Some(session) = self.lock().get_mut(&key) {
            if session.flashes.len() >= FLASHES_MAX {
                session.flashes.pop_front();
            }
            session.flashes.push_back(flash);
        }
    }

    /// Takes the messages that wait.
    pub(crate) fn take_flashes(&self, key: SecretDigest) -> Vec<Flash> {
        self.lock().get_mut(&key).map(|session| session.flashes.drain(..).collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretDigest, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    /// Bytes that are different each time, and no secret.
    pub(crate) fn counting() -> [u8; 32] {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Relaxed).to_le_bytes());
        bytes
    }

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let sessions = Sessions::default();
        let (idle_ms, life_ms) = (SESSION_IDLE.as_millis() as u64, SESSION_LIFE.as_millis() as u64);
        let idle = sessions.begin(0, counting);
        assert!(sessions.resume(&idle, idle_ms - 1).is_some());
        assert!(sessions.resume(&idle, 2 * idle_ms - 1).is_none());
        assert!(sessions.resume(&idle, 0).is_none(), "ended is for good");
        let busy = sessions.begin(0, counting);
        assert!((0..life_ms).step_by(idle_ms as usize / 2).all(|now_ms| sessions.resume(&busy, now_ms).is_some()));
        assert!(sessions.resume(&busy, life_ms).is_none());
    }

    #[test]
    fn sessions_and_their_messages_are_bounded() {
        let sessions = Sessions::default();
        let first = sessions.begin(1, counting);
        let second = sessions.begin(0, counting);
        let others: Vec<String> = (0..SESSIONS_MAX as u64 - 1).map(|n| sessions.begin(2 + n, counting)).collect();
        assert!(sessions.resume(&second, 100).is_none(), "it was idle longest");
        assert!(sessions.resume(&first, 100).is_some() && sessions.resume(&others[0], 100).is_some());
        let (key, _) = sessions.resume(&first, 100).unwrap();
        for n in 0..FLASHES_MAX + 3 {
            sessions.tell(key, Flash { good: true, text: n.to_string() });
        }
        let told = sessions.take_flashes(key);
        assert_eq!((told.len(), told[0].text.as_str()), (FLASHES_MAX, "3"));
        assert!(sessions.take_flashes(key).is_empty());
    }
}
