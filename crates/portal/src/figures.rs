//! How numbers and times are shown to people.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A size, as `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if size < 10.0 { format!("{size:.1} {}", UNITS[unit]) } else { format!("{size:.0} {}", UNITS[unit]) }
}

/// A number in groups of three, as `1 234 567`, with spaces that do not break.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 2);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// A time in UTC to the second, as `2026-01-31 12:00:00 UTC`.
pub(crate) fn date_time(ms: u64) -> String {
    let text = rfc3339(ms);
    match text.split_once('T') {
        Some((date, time)) => format!("{date} {} UTC", time.trim_end_matches('Z')),
        None => text,
    }
}

/// The time of day in UTC to the millisecond, as `19:36:41.250`.
pub(crate) fn time_of_day(ms: u64) -> String {
    let text = rfc3339(ms);
    let time = text.split_once('T').map_or(text.as_str(), |(_, time)| time.trim_end_matches('Z'));
    format!("{time}.{:03}", ms % 1000)
}

/// The time of day in UTC, as `19:36:41`.
pub(crate) fn time_to_second(ms: u64) -> String {
    time_of_day(ms).get(..8).unwrap_or_default().to_owned()
}

/// The time of day in UTC, as `19:36`.
pub(crate) fn time_to_minute(ms: u64) -> String {
    time_of_day(ms).get(..5).unwrap_or_default().to_owned()
}

/// A short time, of microseconds, with two digits where that says more: `1.2 ms`.
pub(crate) fn micros(micros: f64) -> String {
    let shown = |value: f64, unit: &str| {
        let short = if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") };
        format!("{} {unit}", short.strip_suffix(".0").unwrap_or(&short))
    };
    match micros {
        0.0 => "0".to_owned(),
        micros if micros < 1_000.0 => format!("{micros:.0} \u{b5}s"),
        micros if micros < 1_000_000.0 => shown(micros / 1e3, "ms"),
        micros if micros < 60_000_000.0 => shown(micros / 1e6, "s"),
        micros => span((micros / 1e3) as u64),
    }
}

/// A time for a `<time datetime>`.
pub(crate) fn rfc3339(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_else(|| format!("{ms} ms"))
}

/// A time of day in UTC, with seconds or without, as browsers send it; or RFC 3339.
pub(crate) fn read_time(text: &str) -> Option<u64> {
    let whole = match text.len() {
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    let time = OffsetDateTime::parse(&whole, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A span of time in its largest unit or two, as `3 h 20 min`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

fn two(large: u64, unit: &str, small: u64, smaller: &str) -> String {
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {smaller}") }
}

/// How far behind somebody is: `12 000 events, 4 min behind`.
pub(crate) fn lag(events: u64, age_ms: Option<u64>) -> String {
    let events_words = format!("{} {}", count(events), if events == 1 { "event" } else { "events" });
    match (events, age_ms) {
        (0, _) => "up to date".to_owned(),
        (_, None) => format!("{events_words} behind"),
        (_, Some(0..1000)) => format!("{events_words}, less than a second behind"),
        (_, Some(age_ms)) => format!("{events_words}, {} behind", span(age_ms)),
    }
}

/// A rate, with a decimal where it is low.
pub(crate) fn rate(rate: f64) -> String {
    if rate == 0.0 {
        "0".to_owned()
    } else if rate < 9.95 {
        format!("{rate:.1}")
    } else {
        count(rate.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_numbers_and_times() {
        assert_eq!([bytes(7), bytes(1536), bytes(300 << 20)], ["7 B", "1.5 KiB", "300 MiB"]);
        assert_eq!([count(7), count(1234567)], ["7".to_owned(), "1\u{202f}234\u{202f}567".to_owned()]);
        assert_eq!(date_time(1_645_472_201_000), "2022-02-21 19:36:41 UTC");
        assert_eq!([span(5), span(59_999), span(61_000), span(7_200_000)], ["5 ms", "59 s", "1 min 1 s", "2 h"]);
        assert_eq!(span(90_000_000), "1 d 1 h");
        assert_eq!(lag(12_000, Some(240_000)), "12\u{202f}000 events, 4 min behind");
        assert_eq!([lag(0, Some(5)), lag(1, None)], ["up to date", "1 event behind"]);
        assert_eq!(lag(2, Some(7)), "2 events, less than a second behind");
        assert_eq!(time_of_day(1_645_472_201_007), "19:36:41.007");
        assert_eq!([time_to_second(1_645_472_201_007), time_to_minute(1_645_472_201_007)], ["19:36:41", "19:36"]);
        assert_eq!([micros(0.0), micros(420.4), micros(1_250.0)], ["0", "420 \u{b5}s", "1.2 ms"]);
        assert_eq!([micros(2_000.0), micros(34_000.0), micros(2_500_000.0)], ["2 ms", "34 ms", "2.5 s"]);
    }

    #[test]
    fn times_as_browsers_send_them() {
        let noon = Some(1_645_444_800_000);
        assert_eq!(read_time("2022-02-21T12:00"), noon);
        assert_eq!(read_time("2022-02-21T12:00:00"), noon);
        assert_eq!(read_time("2022-02-21T13:00:00+01:00"), noon);
        assert_eq!([read_time(""), read_time("noon"), read_time("1969-01-01T00:00")], [None; 3]);
    }
}
