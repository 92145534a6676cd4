//! Calls that a page of this server makes for its reader.
//!
//! Invariant: such a call is let in by its key alone, as one that comes by a listener that is open to nobody.
//! Not here: which calls a page makes (the pages' own matter).

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    body::Body,
    http::{Request, Response},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::{HttpApi, access::Door};

impl HttpApi {
    /// Answers a call of this process. Of the answer's body there come at most `bytes_max`; `true`
    /// beside it says that there is more.
    pub async fn answer_page_call(&self, request: Request<Bytes>, bytes_max: usize) -> (Response<Bytes>, bool) {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let door = Door { open: false, local_ip: here, peer: SocketAddr::new(here, 0), secure: true };
        let guest = Arc::new(self.state.guests.own(here));
        guest.work_begins();
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(door);
        request.extensions_mut().insert(guest);
        let answer = match TowerToHyperService::new(self.router.clone()).call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (parts, body) = answer.into_parts();
        let (bytes, is_cut) = beginning(body, bytes_max).await;
        (Response::from_parts(parts, bytes), is_cut)
    }
}

/// Reads no further than it must. A body that breaks off is one that is cut.
async fn beginning(mut body: Body, bytes_max: usize) -> (Bytes, bool) {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (bytes.freeze(), true) };
        let Ok(data) = frame.into_data() else { continue };
        let room = bytes_max - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (bytes.freeze(), true);
        }
    }
    (bytes.freeze(), false)
}

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header};

    use super::*;

    fn ask(api: &HttpApi, path: &str, key: Option<&str>, bytes_max: usize) -> (StatusCode, Bytes, bool) {
        let mut request = Request::builder().uri(path).header(header::HOST, "localhost");
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (answer, is_cut) = runtime.block_on(api.answer_page_call(request.body(Bytes::new()).unwrap(), bytes_max));
        (answer.status(), answer.into_body(), is_cut)
    }

    #[test]
    fn only_a_key_lets_a_page_in_and_long_answers_are_cut() {
        let directory = tempfile::tempdir().unwrap();
        let api = HttpApi::for_tests(directory.path());
        let find = "/api/v4/store/count?collection=people&query=true";
        assert_eq!(ask(&api, find, None, 1000).0, StatusCode::UNAUTHORIZED, "though no key exists");
        assert_eq!(ask(&api, "/admin/v1/apps", Some("wrong"), 1000).0, StatusCode::UNAUTHORIZED);
        let admin = api.state.credentials.admin_key().to_owned();
        let (status, body, is_cut) = ask(&api, "/admin/v1/apps", Some(&admin), 1000);
        assert_eq!((status, is_cut), (StatusCode::OK, false), "{body:?}");
        let (_, body, is_cut) = ask(&api, "/openapi.json", Some(&admin), 10);
        assert_eq!((body.len(), is_cut), (10, true));
    }
}
