//! `GET /sync/v1`: the upgrade to the protocol of small peers (RFC 6455, section 4.2).
//!
//! Where no key is needed the request obeys the rule of Host and Origin like any other. Where keys
//! exist it is taken from any origin: nothing is read, made or told before a message with a valid
//! token. No key is looked for in the request: a browser cannot send one here, and a URL is no place
//! for one.
//! Not here: frames and sessions (`PeerSessions`).

use axum::{
    body::Body,
    extract::{FromRequestParts as _, RawPathParams, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};

use crate::{
    access::{self, Door},
    failure::Failure,
    peers::{PeerConnection, PeerStream},
    state::Shared,
};

/// The subprotocol.
const PROTOCOL: &str = "headwater.sync.1";

/// The version of WebSocket.
const VERSION: &str = "13";

/// RFC 6455, section 1.3.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const KEY: HeaderName = header::SEC_WEBSOCKET_KEY;

pub(crate) async fn handle(State(state): State<Shared>, request: Request) -> Response {
    upgrade(&state, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn upgrade(state: &Shared, request: Request) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let door = *parts.extensions.get::<Door>().expect("every request came in through a door");
    if door.open && !state.keys_exist() {
        access::check_site(door.local_ip, &state.options.host_names, &parts.uri, &parts.headers)?;
    }
    let accept = check(parts.version, &parts.headers).map_err(|reason| Failure::NoUpgrade { reason })?;
    let sessions = state.peers.as_ref().ok_or(Failure::NoRoomForPeers)?;
    let params = RawPathParams::from_request_parts(&mut parts, state).await;
    let params = params.expect("a path that was routed has parameters");
    let named = params.iter().find(|(name, _)| *name == "app").map(|(_, app)| app.to_owned());
    let app = named.unwrap_or_else(|| state.options.default_app.as_str().to_owned());
    let upgraded = hyper::upgrade::on(Request::from_parts(parts, body));
    let stream = Box::pin(async move {
        let upgraded = upgraded.await.map_err(std::io::Error::other)?;
        Ok(Box::new(TokioIo::new(upgraded)) as Box<dyn PeerStream>)
    });
    if !sessions.take_over(PeerConnection { app, address: door.peer.ip(), is_open: door.open, stream }) {
        return Err(Failure::NoRoomForPeers);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// What the answer accepts, or why there is no upgrade.
fn check(version: Version, headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
    if version != Version::HTTP_11 {
        return Err("a WebSocket begins with a request of HTTP/1.1");
    }
    if !names(headers, header::CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"))
        || !names(headers, header::UPGRADE).any(|name| name.eq_ignore_ascii_case("websocket"))
    {
        return Err("it is a WebSocket: send Connection: Upgrade and Upgrade: websocket");
    }
    if !names(headers, header::SEC_WEBSOCKET_VERSION).any(|name| name == VERSION) {
        return Err("Sec-WebSocket-Version must be 13");
    }
    if !names(headers, header::SEC_WEBSOCKET_PROTOCOL).any(|name| name == PROTOCOL) {
        return Err("Sec-WebSocket-Protocol must offer headwater.sync.1");
    }
    let key = headers.get(KEY).filter(|key| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16));
    let key = key.ok_or("Sec-WebSocket-Key must be 16 bytes in base64")?;
    let digest = Sha1::new().chain_update(key).chain_update(ACCEPT_SUFFIX).finalize();
    Ok(HeaderValue::try_from(STANDARD.encode(digest)).expect("base64 is a header's value"))
}

/// The words of a list that may stand in several headers.
fn names(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(without: &str) -> HeaderMap {
        let all = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "other, headwater.sync.1"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let kept = all.into_iter().filter(|(name, _)| *name != without);
        kept.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    /// RFC 6455, section 1.3.
    #[test]
    fn the_sample_of_the_rfc_is_accepted() {
        assert_eq!(check(Version::HTTP_11, &headers("")).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn whatever_is_missing_is_named() {
        for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-protocol", "sec-websocket-key"] {
            assert!(check(Version::HTTP_11, &headers(name)).is_err(), "{name}");
        }
        assert!(check(Version::HTTP_2, &headers("")).is_err());
    }
}
