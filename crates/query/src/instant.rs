//! ISO-8601 date-times as points in time (docs/reference/query-language.md, "Comparisons").
//!
//! What counts, and nothing else: `2024-02-29`, or `2024-02-29T10:00`, `…T10:00:59`,
//! `…T10:00:59.123456789` (1 to 9 digits after a point or a comma), each time optionally followed
//! by `Z`, `+02`, `+02:00` or `+0200`. Years have four digits, `T` and `Z` are capital. A date
//! alone is its midnight; without an offset it is UTC. No leap seconds, no hour 24, no week or
//! ordinal dates, no spaces.
//!
//! Written here instead of with a library because the forms are part of the language, whose meaning
//! may never change.

/// A point in time, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    seconds: i64,
    nanoseconds: u32,
}

impl Instant {
    /// The point in time that `text` names; `None` if it has none of the forms above.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::parse_with_offset(text).map(|(instant, _)| instant)
    }

    /// As [`Instant::parse`], and how many minutes ahead of UTC the text says it was there.
    pub(crate) fn parse_with_offset(text: &str) -> Option<(Self, i64)> {
        let mut reader = Reader { rest: text.as_bytes() };
        let days = reader.date()?;
        if reader.rest.is_empty() {
            return Some((Self { seconds: days * 86_400, nanoseconds: 0 }, 0));
        }
        reader.byte(b'T')?;
        let (hour, minute) = (reader.number(2, 23)?, reader.colon_number(59)?);
        let (mut second, mut nanoseconds) = (0, 0);
        if reader.rest.first() == Some(&b':') {
            second = reader.colon_number(59)?;
            nanoseconds = reader.fraction()?;
        }
        let offset_minutes = reader.offset()?;
        let seconds = days * 86_400 + hour * 3600 + (minute - offset_minutes) * 60 + second;
        reader.rest.is_empty().then_some((Self { seconds, nanoseconds }, offset_minutes))
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub(crate) fn nanoseconds_since_epoch(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }
}

/// Whether queries compare `text` as a point in time: it is an ISO-8601 date-time in one of the
/// forms of docs/reference/query-language.md.
pub fn is_date_time(text: &str) -> bool {
    Instant::parse(text).is_some()
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl Reader<'_> {
    /// `2024-02-29` as days since 1970-01-01.
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4, 9999)?;
        self.byte(b'-')?;
        let month = self.number(2, 12)?;
        self.byte(b'-')?;
        let day = self.number(2, 31)?;
        (month >= 1 && day >= 1 && day <= days_in_month(year, month)).then(|| days_since_epoch(year, month, day))
    }

    /// Nothing, or `.123` as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let Some(b'.' | b',') = self.rest.first() else { return Some(0) };
        let digits = self.rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let value = self.rest[1..=digits].iter().fold(0, |value, b| value * 10 + u32::from(b - b'0'));
        self.rest = &self.rest[1 + digits..];
        Some(value * 10_u32.pow(9 - digits as u32))
    }

    /// Nothing, `Z`, `+02`, `+02:00` or `+0200` as minutes.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.rest.first() {
            None => return Some(0),
            Some(b'Z') => {
                self.rest = &self.rest[1..];
                return Some(0);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.number(2, 23)?;
        let minutes = match self.rest.first() {
            None => 0,
            Some(b':') => self.colon_number(59)?,
            Some(_) => self.number(2, 59)?,
        };
        Some(sign * (hours * 60 + minutes))
    }

    fn colon_number(&mut self, max: i64) -> Option<i64> {
        self.byte(b':')?;
        self.number(2, max)
    }

    /// Exactly `digits` digits, at most `max`.
    fn number(&mut self, digits: usize, max: i64) -> Option<i64> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.rest = rest;
        let value = number.iter().fold(0, |value, b| value * 10 + i64::from(b - b'0'));
        (value <= max).then_some(value)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == expected).then_some(())
    }
}

/// How many days a month has, from 1.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is
/// the last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
pub(crate) fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: i64, nanoseconds: u32) {
        assert_eq!(Instant::parse(text), Some(Instant { seconds, nanoseconds }), "{text}");
    }

    #[track_caller]
    fn check_none(text: &str) {
        assert_eq!(Instant::parse(text), None, "{text}");
    }

    #[test]
    fn forms_that_count() {
        check("1970-01-01", 0, 0);
        check("1970-01-01T00:01", 60, 0);
        check("1970-01-01T00:01Z", 60, 0);
        check("1970-01-01T00:00:01", 1, 0);
        check("1970-01-01T00:00:01Z", 1, 0);
        check("1970-01-01T00:00:01.5Z", 1, 500_000_000);
        check("1970-01-01T00:00:01,5Z", 1, 500_000_000);
        check("1970-01-01T00:00:01.000000001", 1, 1);
        check("1970-01-01T02:00:00+02:00", 0, 0);
        check("1970-01-01T02:00+0200", 0, 0);
        check("1970-01-01T02:00+02", 0, 0);
        check("1969-12-31T16:00:00-08:00", 0, 0);
        check("1969-12-31T23:59:59.999Z", -1, 999_000_000);
        check("2000-02-29", 951_782_400, 0);
        check("0000-01-01", -62_167_219_200, 0);
        check("9999-12-31T23:59:59Z", 253_402_300_799, 0);
    }

    #[test]
    fn forms_that_do_not() {
        for text in [
            "",
            "2024",
            "2024-01",
            "20240101",
            "2024-1-1",
            "2024-W01",
            "2024-001",
            "+02024-01-01",
            "24-01-01",
            "2024/01/01",
        ] {
            check_none(text);
        }
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-00-10",
            "2024-13-01",
            "2024-04-31",
            "2024-01-00",
            "2024-01-01 ",
            " 2024-01-01",
        ] {
            check_none(text);
        }
        for time in [
            "T",
            "T10",
            "T1:00",
            "T24:00",
            "T10:60",
            "T23:59:60Z",
            "T10:00:00.",
            "T10:00:00.1234567890",
            "T10:00.5",
            "t10:00",
            " 10:00",
        ] {
            check_none(&format!("2024-01-01{time}"));
        }
        for offset in ["z", "+", "+2", "+2:00", "+24:00", "+02:60", "+02:", "+020", "Z+02:00", "ZZ", " +02:00", "UTC"] {
            check_none(&format!("2024-01-01T10:00:00{offset}"));
        }
        check_none("２０２４-01-01");
    }

    proptest! {
        #[test]
        fn agrees_with_the_time_crate(
            seconds in -62_135_596_800_i64..253_402_214_400, nanoseconds in 0_u32..1_000_000_000, offset_minutes in -1439_i32..1440,
        ) {
            let offset = UtcOffset::from_whole_seconds(offset_minutes * 60).unwrap();
            let date_time = OffsetDateTime::from_unix_timestamp(seconds).unwrap().replace_nanosecond(nanoseconds).unwrap();
            if let Some(local) = date_time.checked_to_offset(offset).filter(|local| (0..=9999).contains(&local.year())) {
                let text = local.format(&Rfc3339).unwrap();
                prop_assert_eq!(Instant::parse(&text), Some(Instant { seconds, nanoseconds }), "{}", text);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9TZ:.,+\\-é]{0,30}") {
            Instant::parse(&text);
        }
    }
}
