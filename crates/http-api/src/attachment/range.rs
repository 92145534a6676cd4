//! Which part of a blob is asked for: `Range`, `If-Range`, `If-None-Match` (RFC 9110, sections 13.1
//! and 14); and which part of one comes: `Content-Range` (section 14.4).
//!
//! Several ranges at once, and what is no range of bytes, are answered with the whole.

use axum::http::{HeaderMap, header};

use crate::body;

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// From the first byte to the last one, both among them.
    Bytes {
        first: u64,
        last: u64,
    },
    /// It has nothing of what is asked for.
    Unsatisfiable,
}

/// What is sent of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Where it begins, and the first byte that does not come; `None` where the sender asks how much came before.
    pub(crate) range: Option<(u64, u64)>,
    /// How long the blob is.
    pub(crate) len: u64,
}

/// What the body is by its headers; `None` if they do not say.
pub(crate) fn sent(headers: &HeaderMap) -> Option<Sent> {
    let announced = body::announced_length(headers);
    let mut given = headers.get_all(header::CONTENT_RANGE).iter();
    let text = match (given.next(), given.next()) {
        (None, _) => return announced.map(|len| Sent { range: Some((0, len)), len }),
        (Some(text), None) => text.to_str().ok()?.trim(),
        (Some(_), Some(_)) => return None,
    };
    let (_, range) = text.split_once(' ').filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"))?;
    let (range, len) = range.split_once('/')?;
    let len = decimal(len)?;
    if range.trim() == "*" {
        return (announced.unwrap_or(0) == 0).then_some(Sent { range: None, len });
    }
    let (first, last) = range.split_once('-')?;
    let (first, end) = (decimal(first)?, decimal(last)?.checked_add(1)?);
    let is_range = first < end && end <= len && announced.is_none_or(|announced| announced == end - first);
    is_range.then_some(Sent { range: Some((first, end)), len })
}

fn decimal(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// What of `len` bytes is asked for; `etag` is what they are known by.
pub(crate) fn part(headers: &HeaderMap, etag: &str, len: u64) -> Part {
    let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or_default());
    let is_other = text(header::IF_RANGE).is_some_and(|known| known.trim() != etag);
    match text(header::RANGE).filter(|_| !is_other).and_then(range) {
        None => Part::Whole,
        Some((Some(first), _)) if first >= len => Part::Unsatisfiable,
        Some((None, Some(0))) => Part::Unsatisfiable,
        Some((None, Some(_))) if len == 0 => Part::Unsatisfiable,
        Some((Some(first), last)) => Part::Bytes { first, last: last.unwrap_or(u64::MAX).min(len - 1) },
        Some((None, suffix)) => Part::Bytes { first: len.saturating_sub(suffix.unwrap_or(0)), last: len - 1 },
    }
}

/// The two numbers of a single range; without the first one, the second counts from the end.
fn range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| -> Option<Option<u64>> {
        let text = text.trim();
        if text.is_empty() {
            return Some(None);
        }
        // More than can be counted is behind the end of everything.
        text.bytes().all(|b| b.is_ascii_digit()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
    };
    let (first, last) = (number(first)?, number(last)?);
    let is_range = match (first, last) {
        (None, None) => false,
        (Some(first), Some(last)) => first <= last,
        _ => true,
    };
    (unit.trim().eq_ignore_ascii_case("bytes") && is_range).then_some((first, last))
}

/// Whether the caller has it already.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(given: &[(HeaderName, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn parts() {
        let bytes = |first, last| Part::Bytes { first, last };
        for (given, len, expected) in [
            ("bytes=0-0", 10, bytes(0, 0)),
            ("bytes=2-", 10, bytes(2, 9)),
            ("bytes=2-99", 10, bytes(2, 9)),
            ("bytes=-3", 10, bytes(7, 9)),
            ("bytes=-30", 10, bytes(0, 9)),
            ("Bytes = 1-2", 10, bytes(1, 2)),
            ("bytes=10-", 10, Part::Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Part::Unsatisfiable),
            ("bytes=-0", 10, Part::Unsatisfiable),
            ("bytes=0-", 0, Part::Unsatisfiable),
            ("bytes=-1", 0, Part::Unsatisfiable),
            ("bytes=3-2", 10, Part::Whole),
            ("bytes=0-1,4-5", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("lines=1-2", 10, Part::Whole),
            ("bytes", 10, Part::Whole),
        ] {
            assert_eq!(part(&headers(&[(header::RANGE, given)]), "\"a\"", len), expected, "{given}");
        }
        let with = |tag| headers(&[(header::RANGE, "bytes=0-0"), (header::IF_RANGE, tag)]);
        assert_eq!(part(&with("\"a\""), "\"a\"", 10), bytes(0, 0));
        assert_eq!(part(&with("\"b\""), "\"a\"", 10), Part::Whole);
    }

    #[test]
    fn what_is_known() {
        for (given, expected) in
            [("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(is_known(&headers(&[(header::IF_NONE_MATCH, given)]), "\"a\""), expected, "{given}");
        }
    }

    #[test]
    fn what_comes() {
        let with = |content_range, length| {
            let mut given = vec![(header::CONTENT_LENGTH, length)];
            given.extend(Some(content_range).filter(|it: &&str| !it.is_empty()).map(|it| (header::CONTENT_RANGE, it)));
            sent(&headers(&given)).map(|Sent { range, len }| (range, len))
        };
        for (content_range, length, expected) in [
            ("", "5", Some((Some((0, 5)), 5))),
            ("", "0", Some((Some((0, 0)), 0))),
            ("bytes 0-4/5", "5", Some((Some((0, 5)), 5))),
            ("bytes 2-3/5", "2", Some((Some((2, 4)), 5))),
            ("Bytes 2-3/5", "2", Some((Some((2, 4)), 5))),
            ("bytes */5", "0", Some((None, 5))),
            ("bytes */5", "1", None),
            ("bytes 2-3/5", "3", None),
            ("bytes 3-2/5", "0", None),
            ("bytes 2-5/5", "4", None),
            ("bytes 2-3/*", "2", None),
            ("bytes 0-18446744073709551615/5", "5", None),
            ("bytes=0-4/5", "5", None),
            ("lines 0-4/5", "5", None),
            ("bytes -4/5", "5", None),
        ] {
            assert_eq!(with(content_range, length), expected, "{content_range} of {length}");
        }
        assert_eq!(sent(&headers(&[])), None);
        let mut twice = headers(&[(header::CONTENT_RANGE, "bytes */5")]);
        assert!(sent(&twice).is_some());
        twice.append(header::CONTENT_RANGE, HeaderValue::from_static("bytes */6"));
        assert_eq!(sent(&twice), None);
    }
}
