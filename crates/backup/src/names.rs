//! Names that stand in a backup: of points, and of files in a data directory.
//!
//! Invariant: a path that was made of a checked name lies below the folder that it is joined to.

use std::{fmt, ops::Range};

use time::{Date, Month, OffsetDateTime, Time};

use crate::limits::{NAME_BYTES_MAX, PATH_NAMES_MAX};

/// The name of a point: when it was taken, in UTC. Sorted by name they are sorted by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointName(String);

impl PointName {
    /// `20261129T152011.123Z`
    pub(crate) fn of(taken_ms: u64) -> Self {
        let nanos = i128::from(taken_ms) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self(format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}.{:03}Z",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        ))
    }

    /// The next one: of `taken_ms`, or behind `newest` where the clock does not say so. What was taken later
    /// sorts later.
    pub(crate) fn next(taken_ms: u64, newest: Option<&Self>) -> Self {
        let behind = newest.and_then(Self::ms).map_or(0, |ms| ms + 1);
        let next = Self::of(taken_ms.max(behind));
        // Whatever names time, the newest cannot be written over.
        if newest == Some(&next) { Self::of(taken_ms.max(behind) + 1) } else { next }
    }

    /// The time that it names, ms since the epoch; `None` if there is no such time.
    pub(crate) fn ms(&self) -> Option<u64> {
        let number = |range: Range<usize>| self.0[range].parse::<u16>().ok();
        let small = |range: Range<usize>| number(range).and_then(|number| u8::try_from(number).ok());
        let month = Month::try_from(small(4..6)?).ok()?;
        let date = Date::from_calendar_date(i32::from(number(0..4)?), month, small(6..8)?).ok()?;
        let time = Time::from_hms_milli(small(9..11)?, small(11..13)?, small(13..15)?, number(16..19)?).ok()?;
        u64::try_from(date.with_time(time).assume_utc().unix_timestamp_nanos() / 1_000_000).ok()
    }

    /// Reads the name of a point; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = b"dddddddd.dddddd.ddd.";
        let has_shape = text.len() == shape.len()
            && text.bytes().zip(shape).enumerate().all(|(at, (byte, kind))| match (kind, at) {
                (b'd', _) => byte.is_ascii_digit(),
                (_, 8) => byte == b'T',
                (_, 15) => byte == b'.',
                _ => byte == b'Z',
            });
        has_shape.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with the name of a file in a data directory, `/` between its folders; `None` if it
/// may be used.
pub(crate) fn fault_of_path(path: &str) -> Option<&'static str> {
    if path.starts_with('/') {
        return Some("is absolute");
    }
    if path.bytes().any(|byte| byte == b'\\' || byte < 0x20 || byte == 0x7f) {
        return Some("has characters that no file here has");
    }
    if path.split('/').count() > PATH_NAMES_MAX {
        return Some("has too many folders");
    }
    path.split('/').find_map(|name| match name {
        "" => Some("has an empty part"),
        "." | ".." => Some("leads elsewhere"),
        name if name.len() > NAME_BYTES_MAX => Some("is too long"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_named_by_their_time() {
        let name = PointName::of(1_645_472_201_007);
        assert_eq!(name.as_str(), "20220221T193641.007Z");
        assert_eq!(PointName::parse(name.as_str()), Some(name));
        for other in
            ["", "20220221T193641Z", "20220221T193641.007Z.json", "2022/221T193641.007Z", "../../../../etc/pass"]
        {
            assert_eq!(PointName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_was_taken_later_sorts_later() {
        let ms = 1_645_472_201_999;
        let newest = PointName::of(ms);
        assert_eq!(newest.ms(), Some(ms));
        for taken_ms in [0, ms - 3_600_000, ms - 1, ms, ms + 1] {
            assert_eq!(PointName::next(taken_ms, Some(&newest)), PointName::of(ms + 1), "{taken_ms}");
        }
        assert_eq!(PointName::next(ms + 5, Some(&newest)), PointName::of(ms + 5));
        assert_eq!(PointName::next(ms, None), newest);
        let no_time = PointName::parse("20229921T193641.007Z").unwrap();
        assert_eq!((no_time.ms(), PointName::next(ms, Some(&no_time))), (None, newest));
    }

    #[test]
    fn no_name_leads_elsewhere() {
        for name in
            ["apps/default/journal/00000000000000000000.segment", "clock.json", "credentials/a/users/b c/user.key"]
        {
            assert_eq!(fault_of_path(name), None, "{name}");
        }
        let long = "a".repeat(256);
        let deep = "a/".repeat(20);
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b", "a\0b", "a\nb", &long, &deep]
        {
            assert!(fault_of_path(name).is_some(), "{name:?}");
        }
    }
}
