//! Points in time and what calendars say of them, by the proleptic Gregorian calendar.
//!
//! Invariants: years are 0 to 9999, at the place that a date names; no leap seconds, no clock.
//! Not here: how ISO-8601 is read ([`crate::instant`]), the functions (`call::date`).

use std::fmt::Write;

use document::Value;

use crate::instant::{Instant, days_in_month, days_since_epoch};

const SECOND: i128 = 1_000_000_000;
const MILLISECOND: i128 = 1_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// From year 0 on, and before year 10000.
const FIRST: i128 = -62_167_219_200 * SECOND;
const END: i128 = 253_402_300_800 * SECOND;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The longest text that may be a date in ISO-8601, in bytes.
const DATE_BYTES_MAX: usize = 40;

/// The longest name of a part, in bytes.
const PART_BYTES_MAX: usize = 16;

/// A point in time, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// Since 1970-01-01T00:00:00Z.
    nanoseconds: i128,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Milliseconds since the epoch.
    Milliseconds,
    /// ISO-8601, so many minutes ahead of UTC.
    Text { offset_minutes: i64 },
}

/// A part of a date that can be added, counted, or cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Of so many nanoseconds.
    Fixed(i128),
    Week,
    /// So many months.
    Months(i128),
}

/// What a calendar and a clock say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil {
    year: i64,
    /// From 1, as the day.
    month: i64,
    day: i64,
    /// Since midnight.
    nanoseconds: i128,
}

impl Part {
    /// In any case, one or many.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if name.len() > PART_BYTES_MAX {
            return None;
        }
        let name = name.to_ascii_lowercase();
        Some(match name.strip_suffix('s').unwrap_or(&name) {
            "millisecond" => Part::Fixed(MILLISECOND),
            "second" => Part::Fixed(SECOND),
            "minute" => Part::Fixed(MINUTE),
            "hour" => Part::Fixed(HOUR),
            "day" => Part::Fixed(DAY),
            "week" => Part::Week,
            "month" => Part::Months(1),
            "quarter" => Part::Months(3),
            "year" => Part::Months(12),
            _ => return None,
        })
    }
}

impl Date {
    /// Of an ISO-8601 text, or of an integer that is milliseconds since the epoch.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(milliseconds) => Self::of_milliseconds(i128::from(*milliseconds)),
            Value::String(text) if text.len() <= DATE_BYTES_MAX => {
                let (instant, offset_minutes) = Instant::parse_with_offset(text)?;
                Self::checked(instant.nanoseconds_since_epoch(), Form::Text { offset_minutes })
            }
            _ => None,
        }
    }

    fn of_milliseconds(milliseconds: i128) -> Option<Self> {
        Self::checked(milliseconds.checked_mul(MILLISECOND)?, Form::Milliseconds)
    }

    fn checked(nanoseconds: i128, form: Form) -> Option<Self> {
        let date = Self { nanoseconds, form };
        (FIRST..END).contains(&date.local()).then_some(date)
    }

    /// A clock's time as a text with its milliseconds, in a zone.
    pub(crate) fn at(now_ms: u64, offset_seconds: i32) -> Option<Self> {
        let nanoseconds = i128::from(now_ms) * MILLISECOND;
        Self::checked(nanoseconds, Form::Text { offset_minutes: i64::from(offset_seconds).div_euclid(60) })
    }

    /// `2024-02-29T12:00:00.000Z`, as a clock in UTC says it.
    pub(crate) fn clock_text(self) -> String {
        self.formatted("%Y-%m-%dT%H:%M:%S.%fZ").unwrap_or_default()
    }

    /// In the form that it was given in.
    pub(crate) fn value(self) -> Value {
        match self.form {
            Form::Milliseconds => self.milliseconds(),
            Form::Text { .. } => self.text(),
        }
    }

    /// Milliseconds since the epoch.
    pub(crate) fn milliseconds(self) -> Value {
        let milliseconds = self.nanoseconds.div_euclid(MILLISECOND);
        Value::Int(i64::try_from(milliseconds).expect("years up to 9999 have so many milliseconds"))
    }

    /// ISO-8601 with the offset, and as many digits of a second as it has: none, 3, 6 or 9.
    pub(crate) fn text(self) -> Value {
        let mut text = self.formatted("%Y-%m-%dT%H:%M:%S").unwrap_or_default();
        let fraction = self.local().rem_euclid(SECOND);
        match fraction {
            0 => Ok(()),
            _ if fraction % MILLISECOND == 0 => write!(text, ".{:03}", fraction / MILLISECOND),
            _ if fraction % 1_000 == 0 => write!(text, ".{:06}", fraction / 1_000),
            _ => write!(text, ".{fraction:09}"),
        }
        .expect("writing to a string does not fail");
        text.push_str(&self.offset_text());
        Value::String(text)
    }

    /// How far ahead of UTC it was given; milliseconds are at UTC.
    pub(crate) fn offset_minutes(self) -> i64 {
        match self.form {
            Form::Milliseconds => 0,
            Form::Text { offset_minutes } => offset_minutes,
        }
    }

    fn offset_text(self) -> String {
        let minutes = self.offset_minutes();
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }

    /// Nanoseconds as if its place were at UTC.
    fn local(self) -> i128 {
        self.nanoseconds + i128::from(self.offset_minutes()) * MINUTE
    }

    fn civil(self) -> Civil {
        let local = self.local();
        let days = i64::try_from(local.div_euclid(DAY)).expect("years up to 9999 have so many days");
        let (year, month, day) = civil_of_days(days);
        Civil { year, month, day, nanoseconds: local.rem_euclid(DAY) }
    }

    /// The same form and offset at another local time.
    fn with_local(self, local: i128) -> Option<Self> {
        Self::checked(local - i128::from(self.offset_minutes()) * MINUTE, self.form)
    }

    fn with_civil(self, civil: Civil) -> Option<Self> {
        let days = i128::from(days_since_epoch(civil.year, civil.month, civil.day));
        self.with_local(days * DAY + civil.nanoseconds)
    }

    /// `number` parts later. Of months, a day that a month has not becomes its last.
    pub(crate) fn plus(self, number: i128, part: Part) -> Option<Self> {
        match part {
            Part::Fixed(length) => Self::checked(self.nanoseconds.checked_add(number.checked_mul(length)?)?, self.form),
            Part::Week => self.plus(number.checked_mul(7)?, Part::Fixed(DAY)),
            Part::Months(months) => {
                let civil = self.civil();
                let months = i128::from(civil.months()).checked_add(number.checked_mul(months)?)?;
                let months = i64::try_from(months).ok().filter(|months| (0..12 * 10_000).contains(months))?;
                let (year, month) = (months / 12, months % 12 + 1);
                self.with_civil(Civil { year, month, day: civil.day.min(days_in_month(year, month)), ..civil })
            }
        }
    }

    pub(crate) fn is_before(self, other: Self) -> bool {
        self.nanoseconds < other.nanoseconds
    }

    /// How many whole parts it is later than `other`; negative if it is earlier. Months are counted
    /// in UTC.
    pub(crate) fn parts_since(self, other: Self, part: Part) -> Option<i128> {
        let since = self.nanoseconds - other.nanoseconds;
        match part {
            Part::Fixed(length) => Some(since / length),
            Part::Week => Some(since / (7 * DAY)),
            Part::Months(months) => {
                let utc = |date: Self| Self::checked(date.nanoseconds, Form::Milliseconds);
                let (later, earlier) = if since < 0 { (utc(other)?, utc(self)?) } else { (utc(self)?, utc(other)?) };
                let mut whole = i128::from(later.civil().months() - earlier.civil().months());
                if earlier.plus(whole, Part::Months(1))?.nanoseconds > later.nanoseconds {
                    whole -= 1;
                }
                Some(since.signum() * (whole / months))
            }
        }
    }

    /// The first moment of the part that it lies in; weeks begin on Mondays.
    pub(crate) fn truncated(self, part: Part) -> Option<Self> {
        let local = self.local();
        match part {
            Part::Fixed(length) => self.with_local(local - local.rem_euclid(length)),
            Part::Week => {
                let midnight = local - local.rem_euclid(DAY);
                self.with_local(midnight - i128::from(self.civil().weekday() - 1) * DAY)
            }
            Part::Months(months) => {
                let months = i64::try_from(months).expect("a year has few");
                let civil = self.civil();
                let month = (civil.month - 1) / months * months + 1;
                self.with_civil(Civil { month, day: 1, nanoseconds: 0, ..civil })
            }
        }
    }

    /// What a calendar or a clock says of one part of it, by its name.
    pub(crate) fn part(self, name: &str) -> Option<i64> {
        if name.len() > PART_BYTES_MAX {
            return None;
        }
        let civil = self.civil();
        let name = name.to_ascii_lowercase();
        Some(match name.strip_suffix('s').unwrap_or(&name) {
            "millisecond" => civil.clock(MILLISECOND, 1000),
            "second" => civil.clock(SECOND, 60),
            "minute" => civil.clock(MINUTE, 60),
            "hour" => civil.clock(HOUR, 24),
            "day" | "day_of_month" => civil.day,
            "month" => civil.month,
            "quarter" => (civil.month - 1) / 3 + 1,
            "year" => civil.year,
            "weekday" | "day_of_week" => civil.weekday(),
            "day_of_year" => civil.day_of_year(),
            "week" | "iso_week" => civil.iso_week().1,
            "iso_year" => civil.iso_week().0,
            _ => return None,
        })
    }

    /// As `format` says: with `%`, `%Y %m %d %H %M %S %f %z %j %a %A %b %B %%`; without, the tokens
    /// `YYYY MM DD HH mm ss SSS`. `None`: it has another `%`.
    pub(crate) fn formatted(self, format: &str) -> Option<String> {
        if !format.contains('%') {
            return Some(self.with_tokens(format));
        }
        let mut text = String::new();
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => self.write_field(characters.next()?, &mut text)?,
                other => text.push(other),
            }
        }
        Some(text)
    }

    fn write_field(self, field: char, text: &mut String) -> Option<()> {
        let civil = self.civil();
        match field {
            'Y' => write!(text, "{:04}", civil.year),
            'm' => write!(text, "{:02}", civil.month),
            'd' => write!(text, "{:02}", civil.day),
            'H' => write!(text, "{:02}", civil.clock(HOUR, 24)),
            'M' => write!(text, "{:02}", civil.clock(MINUTE, 60)),
            'S' => write!(text, "{:02}", civil.clock(SECOND, 60)),
            'f' => write!(text, "{:03}", civil.clock(MILLISECOND, 1000)),
            'z' => text.write_str(&self.offset_text()),
            'j' => write!(text, "{:03}", civil.day_of_year()),
            'A' => text.write_str(name_of(&WEEKDAYS, civil.weekday())),
            'a' => text.write_str(&name_of(&WEEKDAYS, civil.weekday())[..3]),
            'B' => text.write_str(name_of(&MONTHS, civil.month)),
            'b' => text.write_str(&name_of(&MONTHS, civil.month)[..3]),
            '%' => text.write_char('%'),
            _ => return None,
        }
        .ok()
    }

    fn with_tokens(self, format: &str) -> String {
        const TOKENS: [(&str, char); 7] =
            [("YYYY", 'Y'), ("MM", 'm'), ("DD", 'd'), ("HH", 'H'), ("mm", 'M'), ("SSS", 'f'), ("ss", 'S')];
        let mut text = String::new();
        let mut rest = format;
        while let Some(character) = rest.chars().next() {
            match TOKENS.iter().find(|(token, _)| rest.starts_with(token)) {
                Some((token, field)) => {
                    self.write_field(*field, &mut text).expect("it is one of the fields");
                    rest = &rest[token.len()..];
                }
                None => {
                    text.push(character);
                    rest = &rest[character.len_utf8()..];
                }
            }
        }
        text
    }

    /// Reads what [`Date::formatted`] writes by a format with `%`: the year is needed, what else is
    /// not named is its least.
    pub(crate) fn parsed(text: &str, format: &str) -> Option<Self> {
        let mut reader = Reader { rest: text, ..Reader::default() };
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => reader.field(characters.next()?)?,
                literal => reader.literal(literal)?,
            }
        }
        reader.date()
    }
}

fn name_of(names: &'static [&'static str], from_one: i64) -> &'static str {
    usize::try_from(from_one - 1).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
}

impl Civil {
    /// Months since year 0.
    fn months(self) -> i64 {
        self.year * 12 + self.month - 1
    }

    fn days(self) -> i64 {
        days_since_epoch(self.year, self.month, self.day)
    }

    /// How many of `unit` there were since midnight, of `many` the rest.
    fn clock(self, unit: i128, many: i128) -> i64 {
        i64::try_from(self.nanoseconds / unit % many).expect("a day has few")
    }

    /// From Monday, 1, to Sunday, 7.
    fn weekday(self) -> i64 {
        (self.days() + 3).rem_euclid(7) + 1
    }

    fn day_of_year(self) -> i64 {
        self.days() - days_since_epoch(self.year, 1, 1) + 1
    }

    /// The year and the number of its week by ISO 8601: that of its Thursday.
    fn iso_week(self) -> (i64, i64) {
        let thursday = self.days() + 4 - self.weekday();
        let (year, ..) = civil_of_days(thursday);
        (year, (thursday - days_since_epoch(year, 1, 1)) / 7 + 1)
    }
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`).
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Reads a text by a format.
#[derive(Default)]
struct Reader<'t> {
    rest: &'t str,
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    /// Since midnight.
    nanoseconds: i128,
    offset_minutes: i64,
}

impl Reader<'_> {
    fn field(&mut self, field: char) -> Option<()> {
        match field {
            'Y' => self.year = Some(self.number(4, 0, 9999)?),
            'm' => self.month = Some(self.number(2, 1, 12)?),
            'd' => self.day = Some(self.number(2, 1, 31)?),
            'H' => self.nanoseconds += i128::from(self.number(2, 0, 23)?) * HOUR,
            'M' => self.nanoseconds += i128::from(self.number(2, 0, 59)?) * MINUTE,
            'S' => self.nanoseconds += i128::from(self.number(2, 0, 59)?) * SECOND,
            'f' => self.nanoseconds += i128::from(self.number(3, 0, 999)?) * MILLISECOND,
            'z' => self.offset_minutes = self.offset()?,
            'j' => self.day_of_year = Some(self.number(3, 1, 366)?),
            'A' => self.name(&WEEKDAYS, usize::MAX).map(|_| ())?,
            'a' => self.name(&WEEKDAYS, 3).map(|_| ())?,
            'B' => self.month = Some(self.name(&MONTHS, usize::MAX)?),
            'b' => self.month = Some(self.name(&MONTHS, 3)?),
            '%' => self.literal('%')?,
            _ => return None,
        }
        Some(())
    }

    fn literal(&mut self, literal: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        Some(())
    }

    /// Exactly `digits` digits.
    fn number(&mut self, digits: usize, least: i64, most: i64) -> Option<i64> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
        self.rest = rest;
        (least..=most).contains(&number).then_some(number)
    }

    /// One of `names`, in any case, of which the first `length` letters are written: its number.
    fn name(&mut self, names: &[&str], length: usize) -> Option<i64> {
        let found = names.iter().position(|name| {
            let name = &name[..name.len().min(length)];
            self.rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name))
        })?;
        self.rest = &self.rest[names[found].len().min(length)..];
        i64::try_from(found + 1).ok()
    }

    /// `Z`, `+02:00` or `+0200`, in minutes.
    fn offset(&mut self) -> Option<i64> {
        if self.literal('Z').is_some() {
            return Some(0);
        }
        let sign = if self.literal('-').is_some() { -1 } else { self.literal('+').map(|()| 1)? };
        let hours = self.number(2, 0, 23)?;
        let _ = self.literal(':');
        Some(sign * (hours * 60 + self.number(2, 0, 59)?))
    }

    /// What was read, if that was all.
    fn date(self) -> Option<Date> {
        let year = self.year.filter(|_| self.rest.is_empty())?;
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let days = match self.day_of_year {
            Some(366) if days_in_month(year, 2) == 28 => return None,
            Some(day_of_year) => days_since_epoch(year, 1, 1) + day_of_year - 1,
            None if day > days_in_month(year, month) => return None,
            None => days_since_epoch(year, month, day),
        };
        let local = i128::from(days) * DAY + self.nanoseconds;
        let form = Form::Text { offset_minutes: self.offset_minutes };
        Date::checked(local - i128::from(self.offset_minutes) * MINUTE, form)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Duration, OffsetDateTime, UtcOffset};

    use super::*;

    fn other(date: OffsetDateTime) -> Date {
        let form = Form::Text { offset_minutes: i64::from(date.offset().whole_minutes()) };
        Date { nanoseconds: date.unix_timestamp_nanos(), form }
    }

    fn date_times() -> impl Strategy<Value = OffsetDateTime> {
        (-62_135_596_800_i64..253_402_214_400, 0_u32..1_000_000_000, -1439_i32..1440).prop_filter_map(
            "years 0 to 9999",
            |(seconds, nanoseconds, offset_minutes)| {
                let offset = UtcOffset::from_whole_seconds(offset_minutes * 60).unwrap();
                let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap().replace_nanosecond(nanoseconds);
                date.unwrap().checked_to_offset(offset).filter(|local| (0..=9999).contains(&local.year()))
            },
        )
    }

    #[test]
    fn months_end_where_they_end() {
        let date = |text: &str| Date::of(&Value::String(text.to_owned())).unwrap();
        let plus = |text: &str, number, part: &str| {
            date(text).plus(number, Part::named(part).unwrap()).map(|date| match date.value() {
                Value::String(text) => text,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(plus("2024-01-31", 1, "month"), Some("2024-02-29T00:00:00+00:00".to_owned()));
        assert_eq!(plus("2023-01-31", 1, "months"), Some("2023-02-28T00:00:00+00:00".to_owned()));
        assert_eq!(plus("2024-02-29", -1, "YEAR"), Some("2023-02-28T00:00:00+00:00".to_owned()));
        assert_eq!(plus("9999-12-31", 1, "day"), None);
        assert_eq!(plus("0000-01-01", -1, "millisecond"), None);
        assert_eq!(plus("2024-01-01", i128::MAX, "year"), None);
        let since = |a, b, part| date(a).parts_since(date(b), Part::named(part).unwrap());
        assert_eq!(since("2024-02-29", "2024-01-31", "month"), Some(1));
        assert_eq!(since("2024-02-28", "2024-01-31", "month"), Some(0));
        assert_eq!(since("2024-01-31", "2024-02-28", "month"), Some(0));
        assert_eq!(since("2024-01-31", "2025-02-01", "year"), Some(-1));
    }

    proptest! {
        #[test]
        fn calendars_agree_with_the_time_crate(expected in date_times()) {
            let date = other(expected);
            for (name, part) in [
                ("millisecond", i64::from(expected.millisecond())),
                ("second", i64::from(expected.second())),
                ("minute", i64::from(expected.minute())),
                ("hour", i64::from(expected.hour())),
                ("day", i64::from(expected.day())),
                ("month", i64::from(u8::from(expected.month()))),
                ("year", i64::from(expected.year())),
                ("weekday", i64::from(expected.weekday().number_from_monday())),
                ("day_of_year", i64::from(expected.ordinal())),
                ("week", i64::from(expected.iso_week())),
                ("iso_year", i64::from(expected.to_iso_week_date().0)),
            ] {
                prop_assert_eq!(date.part(name), Some(part), "{}", name);
            }
            prop_assert_eq!(Date::of(&date.text()), Some(date));
            let format = "%Y-%m-%dT%H:%M:%S.%f%z";
            let parsed = Date::parsed(&date.formatted(format).unwrap(), format).unwrap();
            prop_assert_eq!(parsed.milliseconds(), date.milliseconds());
            let format = "%A %a, %j of %Y%%: %B %b";
            let parsed = Date::parsed(&date.formatted(format).unwrap(), format).unwrap();
            prop_assert_eq!(parsed.civil().days(), date.civil().days());
        }

        #[test]
        fn days_are_added_as_the_time_crate_adds_them(expected in date_times(), hours in -100_000_i64..100_000) {
            let later = expected.checked_add(Duration::hours(hours)).filter(|later| (0..=9999).contains(&later.year()));
            let found = other(expected).plus(i128::from(hours), Part::Fixed(HOUR));
            prop_assert_eq!(found, later.map(other));
            if let Some(found) = found {
                prop_assert_eq!(found.parts_since(other(expected), Part::Fixed(HOUR)), Some(i128::from(hours)));
                prop_assert_eq!(found.parts_since(other(expected), Part::Fixed(DAY)), Some(i128::from(hours / 24)));
            }
        }

        #[test]
        fn months_are_added_within_the_calendar(date in date_times(), months in -3000_i128..3000) {
            let date = other(date);
            if let Some(later) = date.plus(months, Part::Months(1)) {
                let (civil, moved) = (date.civil(), later.civil());
                prop_assert_eq!(i128::from(moved.months() - civil.months()), months);
                prop_assert_eq!(moved.day, civil.day.min(days_in_month(moved.year, moved.month)));
                prop_assert_eq!(moved.nanoseconds, civil.nanoseconds);
            }
        }

        #[test]
        fn the_first_moment_of_a_part_is_the_first(date in date_times(), part in prop::sample::select(vec![
            "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
        ])) {
            let (date, part) = (other(date), Part::named(part).unwrap());
            if let Some(first) = date.truncated(part) {
                prop_assert!(first.nanoseconds <= date.nanoseconds);
                prop_assert_eq!(first.truncated(part), Some(first));
                prop_assert!(first.plus(1, part).is_none_or(|next| next.nanoseconds > date.nanoseconds));
                let before = Date::checked(first.nanoseconds - 1, first.form);
                prop_assert!(before.and_then(|before| before.truncated(part)).is_none_or(|before| before != first));
            }
        }

        #[test]
        fn any_text_and_format_is_read_without_a_panic(
            text in ".{0,12}", format in "(%[YmdHMSfzjaAbB%x]|[a-zé0-9]){0,4}%?",
        ) {
            let _ = Date::parsed(&text, &format);
            let _ = other(OffsetDateTime::UNIX_EPOCH).formatted(&format);
        }
    }
}
