//! Which part of a blob is asked for: `Range`, `If-Range`, `If-None-Match` (RFC 9110, sections 13.1
//! and 14).
//!
//! Several ranges at once, and what is no range of bytes, are answered with the whole.

use axum::http::{HeaderMap, header};

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
}
