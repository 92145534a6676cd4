//! `X-Headwater-Request-Id`: what a write is called, so that it can be sent again without being
//! done twice (docs/reference/http-api.md, "Sending a write again").
//!
//! An id belongs to the app and to the key that was shown, or to nobody. Where the caller gives
//! none the server makes one: whoever is told that the outcome is unknown can send the same body
//! again under it.
//! Not here: what is remembered, and for how long (`store`).

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::{CommitError, Counts, Remembered, Request, limits::REQUEST_ID_BYTES_MAX};
use xxhash_rust::xxh3::xxh3_128;

use crate::{access::Caller, failure::Failure, reply};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-headwater-request-id");

/// The caller's id: 1 to 64 visible characters.
pub(crate) fn given(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(given) = headers.get(REQUEST_ID) else { return Ok(None) };
    let bytes = given.as_bytes();
    let is_well_formed = (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    let text = String::from_utf8_lossy(bytes).into_owned();
    if is_well_formed { Ok(Some(text)) } else { Err(Failure::RequestIdMalformed { value: text }) }
}

/// The request of this body, under the caller's id or a new one. Bodies are told apart by XXH3: two
/// of one caller that are taken for the same would have to be made so, and only their maker would
/// miss a write.
pub(crate) fn name(caller: &Caller, given: Option<String>, body: &[u8]) -> Request {
    Request {
        caller: caller.scope(),
        given: given.is_some(),
        id: given.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())),
        body: xxh3_128(body).to_le_bytes(),
    }
}

/// As [`name`], of a body that means something else at another version of the API.
pub(crate) fn name_at(version: &str, caller: &Caller, given: Option<String>, body: &[u8]) -> Request {
    let request = name(caller, given, body);
    let told_apart = [&request.body, version.as_bytes()].concat();
    Request { body: xxh3_128(&told_apart).to_le_bytes(), ..request }
}

/// A request's id as the header of its answer.
pub(crate) fn header(request: &Request) -> HeaderValue {
    HeaderValue::from_str(&request.id).expect("an id is visible characters")
}

/// The answer to a request, or why there is none, with its id.
pub(crate) fn answer(id: HeaderValue, answered: Result<Response, Failure>) -> Response {
    let mut response = match answered {
        Err(Failure::Commit(error @ CommitError::Unknown { .. })) => outcome_unknown(&id, &error),
        Err(failure) => failure.into_response(),
        Ok(response) => response,
    };
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn outcome_unknown(id: &HeaderValue, error: &CommitError) -> Response {
    let message = error.to_string();
    let id = id.to_str().unwrap_or_default();
    tracing::error!(%message, request_id = id, "it is not known whether a write was done");
    let mut body = Vec::new();
    wire::write_outcome_unknown(&message, id, &mut body);
    reply::json(StatusCode::INTERNAL_SERVER_ERROR, body)
}

/// What a request is answered that was committed before: as the first time or, where that was too
/// long to be remembered, what it did.
pub(crate) fn repeated(remembered: Remembered) -> Response {
    let Remembered { txn_id, counts, reply, .. } = remembered;
    match reply {
        Some(body) => reply::json(StatusCode::OK, body),
        None => {
            let Counts { upserted, updated, deleted, error } = counts;
            let short = Repeated { transaction_id: txn_id.0, upserted, updated, deleted, error, repeated: true };
            reply::json_of(StatusCode::OK, &short)
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repeated {
    transaction_id: u64,
    upserted: u32,
    updated: u32,
    deleted: u32,
    error: u32,
    repeated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &[u8]) -> Option<String> {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(value).unwrap())]);
        given(&headers).ok().flatten()
    }

    #[test]
    fn ids_are_visible_characters() {
        let longest = "x".repeat(REQUEST_ID_BYTES_MAX);
        for id in ["a", "order-17/3", "{\"a\":1}", &longest] {
            assert_eq!(parsed(id.as_bytes()).as_deref(), Some(id));
        }
        let too_long = "x".repeat(REQUEST_ID_BYTES_MAX + 1);
        for id in [&b""[..], b"a b", b"\xc3\xbc", too_long.as_bytes()] {
            assert_eq!(parsed(id), None, "{id:?}");
        }
    }

    #[test]
    fn a_made_id_is_a_given_one_when_it_comes_back() {
        let made = name(&Caller::Anyone, None, b"body");
        assert_eq!((made.given, parsed(made.id.as_bytes())), (false, Some(made.id.clone())));
        let back = name(&Caller::Anyone, Some(made.id.clone()), b"body");
        assert_eq!((back.caller, back.body), (made.caller, made.body));
        assert_ne!(name(&Caller::Anyone, None, b"bodY").body, made.body);
    }
}
