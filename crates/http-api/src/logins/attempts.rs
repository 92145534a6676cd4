//! How often an address tries to log in.
//!
//! Invariant: what is kept is bounded, whoever tries: an address that has not tried for a second is forgotten.

use std::{collections::HashMap, net::IpAddr};

use crate::limits::{LOGIN_ADDRESSES_MAX, LOGINS_PER_SECOND};

const EACH_MS: u64 = 1_000 / LOGINS_PER_SECOND as u64;

/// By when the attempts of each address would have had their turns, one after the other. Times are milliseconds of one
/// clock.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    busy_until_ms: HashMap<IpAddr, u64>,
    looked_ms: u64,
}

impl Attempts {
    /// Whether this address may try now.
    pub(crate) fn take_turn(&mut self, address: IpAddr, now_ms: u64) -> bool {
        let address = subnet(address);
        if now_ms >= self.looked_ms + 1_000 {
            self.looked_ms = now_ms;
            self.busy_until_ms.retain(|_, until_ms| *until_ms > now_ms);
        }
        if !self.busy_until_ms.contains_key(&address) && self.busy_until_ms.len() >= LOGIN_ADDRESSES_MAX {
            return false;
        }
        let until_ms = self.busy_until_ms.entry(address).or_default();
        let next_ms = (*until_ms).max(now_ms) + EACH_MS;
        if next_ms - now_ms > 1_000 {
            return false;
        }
        *until_ms = next_ms;
        true
    }
}

/// Of IPv6 whoever has one address has 2^64 (RFC 6177): they count as one.
fn subnet(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_ten_turns_a_second_and_others_have_theirs() {
        let mut attempts = Attempts::default();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut taken = |address: &str, now_ms| (0..50).filter(|_| attempts.take_turn(at(address), now_ms)).count();
        assert_eq!([taken("192.0.2.1", 0), taken("192.0.2.2", 0), taken("::ffff:192.0.2.1", 0)], [10, 10, 0]);
        assert_eq!([taken("192.0.2.1", 500), taken("192.0.2.1", 5_000)], [5, 10]);
        assert_eq!([taken("2001:db8::1", 0), taken("2001:db8::2", 0), taken("2001:db8:0:1::", 0)], [10, 0, 10]);
        assert!(attempts.take_turn(at("192.0.2.9"), 60_000));
        assert_eq!(attempts.busy_until_ms.len(), 1, "whoever has not tried for long is forgotten");
    }
}
