//! Time zones by their IANA names, for `clock` in a SELECT.
//!
//! Invariant: of the database that is built in, whatever the machine has: equal servers say the
//! same.

use jiff::{Timestamp, tz::TimeZone};

/// How far ahead of UTC a zone is at a time in ms since the epoch, in seconds; `None` if there is no
/// such zone or time.
pub fn zone_offset(zone: &str, at_ms: i64) -> Option<i32> {
    let zone = TimeZone::get(zone).ok()?;
    Some(zone.to_offset(Timestamp::from_millisecond(at_ms).ok()?).seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        let (winter, summer) = (1_700_000_000_000, 1_720_000_000_000);
        assert_eq!(
            (zone_offset("Europe/Berlin", winter), zone_offset("Europe/Berlin", summer)),
            (Some(3600), Some(7200))
        );
        assert_eq!((zone_offset("UTC", winter), zone_offset("Asia/Kathmandu", 0)), (Some(0), Some(19_800)));
        assert_eq!((zone_offset("Mars/Base", winter), zone_offset("UTC", i64::MAX)), (None, None));
    }
}
