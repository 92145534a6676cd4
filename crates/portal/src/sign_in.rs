//! One-time sign-in tokens: a link on the start screen, or from `headwater portal`, signs in
//! whoever presses its page's button first.
//!
//! Invariants: a token works once and not after its end; at most [`TOKENS_MAX`] wait; they are in memory alone, kept
//! by their hash.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    limits::TOKENS_MAX,
    secret::{Random, SecretDigest, secret},
};

/// The tokens that were made and not used yet.
#[derive(Debug)]
pub struct SignInTokens {
    random: Random,
    /// When each ends, ms since the epoch.
    ends_ms: Mutex<HashMap<SecretDigest, u64>>,
}

impl SignInTokens {
    /// None yet. `random` gives 256 random bits.
    pub fn new(random: fn() -> [u8; 32]) -> Arc<Self> {
        Arc::new(Self { random, ends_ms: Mutex::default() })
    }

    /// Makes one that can be used for so long: its text, and when it ends in ms since the epoch.
    pub fn make(&self, now_ms: u64, life: Duration) -> (String, u64) {
        let token = secret(self.random);
        let end_ms = now_ms.saturating_add(life.as_millis() as u64);
        let mut ends_ms = self.ends_ms.lock().unwrap_or_else(PoisonError::into_inner);
        ends_ms.retain(|_, end_ms| *end_ms > now_ms);
        if ends_ms.len() >= TOKENS_MAX {
            let first = ends_ms.iter().min_by_key(|(_, end_ms)| **end_ms).map(|(key, _)| *key);
            first.and_then(|key| ends_ms.remove(&key));
        }
        ends_ms.insert(SecretDigest::of(&token), end_ms);
        (token, end_ms)
    }

    /// Whether the token could be redeemed now. To ask does not spend it: what previews links asks
    /// too.
    pub(crate) fn is_good(&self, token: &str, now_ms: u64) -> bool {
        let ends_ms = self.ends_ms.lock().unwrap_or_else(PoisonError::into_inner);
        ends_ms.get(&SecretDigest::of(token)).is_some_and(|end_ms| now_ms < *end_ms)
    }

    /// Whether the token may sign somebody in; it cannot again.
    pub(crate) fn redeem(&self, token: &str, now_ms: u64) -> bool {
        let mut ends_ms = self.ends_ms.lock().unwrap_or_else(PoisonError::into_inner);
        ends_ms.remove(&SecretDigest::of(token)).is_some_and(|end_ms| now_ms < end_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::counting;

    #[test]
    fn a_token_works_once_and_in_time() {
        let tokens = SignInTokens::new(counting);
        let (token, end_ms) = tokens.make(5, Duration::from_millis(10));
        assert_eq!((token.len(), end_ms), (64, 15));
        assert!(!tokens.redeem("", 5) && !tokens.redeem(&token[1..], 5));
        assert!(tokens.is_good(&token, 14) && !tokens.is_good(&token, 15));
        assert!(tokens.redeem(&token, 14));
        assert!(!tokens.redeem(&token, 14) && !tokens.is_good(&token, 14));
        let (late, end_ms) = tokens.make(5, Duration::from_millis(10));
        assert!(!tokens.redeem(&late, end_ms) && !tokens.redeem(&late, 5));
    }

    #[test]
    fn tokens_are_bounded() {
        let tokens = SignInTokens::new(counting);
        let (long, _) = tokens.make(0, Duration::from_secs(9));
        let (first, _) = tokens.make(0, Duration::from_secs(1));
        for _ in 0..TOKENS_MAX - 1 {
            tokens.make(0, Duration::from_secs(2));
        }
        assert!(!tokens.redeem(&first, 0) && tokens.redeem(&long, 0), "the one that ends first went");
    }
}
