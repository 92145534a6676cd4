//! A time as it is typed: a date, a date with a time of day, or how long ago.

use std::str::FromStr;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::config::Milliseconds;

/// What is taken.
const RULE: &str = "a time is 2026-01-31T12:00:00Z (RFC 3339), 2026-01-31 or 2026-01-31T12:00 in UTC, or how long ago as 15m, 2h or 7d";

/// When, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PointInTime {
    /// In ms since the epoch.
    At(u64),
    /// So many ms before now.
    Ago(u64),
}

impl PointInTime {
    /// In ms since the epoch.
    pub(crate) fn at_ms(self, now_ms: u64) -> u64 {
        match self {
            Self::At(at_ms) => at_ms,
            Self::Ago(ago_ms) => now_ms.saturating_sub(ago_ms),
        }
    }
}

impl FromStr for PointInTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with(|last: char| last.is_ascii_lowercase()) {
            return text.parse().map(|Milliseconds(ago_ms)| Self::Ago(ago_ms)).map_err(|_| rule(text));
        }
        let whole = match text.len() {
            10 => format!("{text}T00:00:00Z"),
            16 => format!("{text}:00Z"),
            19 => format!("{text}Z"),
            _ => text.to_owned(),
        };
        let time = OffsetDateTime::parse(&whole, &Rfc3339).map_err(|_| rule(text))?;
        u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Self::At).map_err(|_| rule(text))
    }
}

fn rule(text: &str) -> String {
    format!("{RULE}; not {text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let noon = 1_645_444_800_000;
        for text in ["2022-02-21T12:00", "2022-02-21T12:00:00", "2022-02-21T12:00:00Z", "2022-02-21T13:00:00.000+01:00"]
        {
            assert_eq!(text.parse(), Ok(PointInTime::At(noon)), "{text}");
        }
        assert_eq!("2022-02-21".parse(), Ok(PointInTime::At(noon - 12 * 3_600_000)));
        assert_eq!("15m".parse(), Ok(PointInTime::Ago(900_000)));
        assert_eq!(PointInTime::Ago(900_000).at_ms(1_000_000), 100_000);
        for text in ["", "noon", "15", "1969-12-31", "2022-02-30", "15x"] {
            let error = text.parse::<PointInTime>().unwrap_err();
            assert!(error.starts_with("a time is ") && error.ends_with(&format!("not {text:?}")), "{error}");
        }
    }
}
