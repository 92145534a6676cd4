//! Replies compressed with gzip (RFC 1952), for clients that take it (RFC 9110, section 12.5.3).
//!
//! Only what documents are read into: such a reply holds nothing that its caller may not see, so its length tells a
//! stranger nothing.

use std::io::Write as _;

use axum::http::{HeaderMap, header};
use flate2::{Compression, write::GzEncoder};

use crate::{failure::Failure, limits::GZIP_BYTES_MIN, work::Work};

/// Half of what the best one takes off, at a third of its time.
const LEVEL: Compression = Compression::new(3);
/// What is compressed between two questions whether to go on.
const PIECE_BYTES: usize = 256 * 1024;

/// Whether the client takes it.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut by_name = None;
    let mut by_any = false;
    for coding in lists.flat_map(|list| list.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        let is_wanted = weight.is_none_or(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                by_name = Some(is_wanted);
            }
            "*" => by_any = is_wanted,
            _ => {}
        }
    }
    by_name.unwrap_or(by_any)
}

/// The body compressed; `None` where that is not worth it.
pub(crate) fn compressed(body: &[u8], work: &mut Work) -> Result<Option<Vec<u8>>, Failure> {
    if body.len() < GZIP_BYTES_MIN {
        return Ok(None);
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), LEVEL);
    for piece in body.chunks(PIECE_BYTES) {
        work.check()?;
        encoder.write_all(piece).expect("a vector takes all");
    }
    let compressed = encoder.finish().expect("a vector takes all");
    Ok((compressed.len() < body.len()).then_some(compressed))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn who_takes_it() {
        let check = |values: &[&str], expected: bool| {
            let headers = values.iter().map(|value| (header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap()));
            assert_eq!(is_accepted(&headers.collect()), expected, "{values:?}");
        };
        check(&[], false);
        check(&["gzip"], true);
        check(&["br, GZIP;q=0.5"], true);
        check(&["deflate", "x-gzip"], true);
        check(&["*"], true);
        check(&["gzip;q=0, *"], false);
        check(&["identity, br"], false);
    }
}
