//! One request, ready for its resource: who asks, of which app, from which transaction on, with
//! which body.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, HeaderName, Method, request::Parts},
};
use bytes::Bytes;
use credentials::{Permission, Principal};
use document::{CollectionName, Origin};
use store::{App, TxnId, WaitError};
use wire::query_string;

use crate::{
    access::{self, Caller, Door},
    audit::Subject,
    body::ReadBody,
    body_error::BodyError,
    denied::Denied,
    document_access::DocumentAccess,
    failure::Failure,
    guests::Guest,
    gzip, request_id,
    state::{Shared, State},
};

/// The header and its older name, each as it is looked up and as messages show it.
const TXN_ID: (HeaderName, &str) = (HeaderName::from_static("x-ditto-txn-id"), "X-DITTO-TXN-ID");
const TXN_ID_OLDER: (HeaderName, &str) = (HeaderName::from_static("x-hydra-txn-id"), "X-HYDRA-TXN-ID");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const ENSURE_INSERT: HeaderName = HeaderName::from_static("x-ditto-ensure-insert");
const CAUSE: HeaderName = HeaderName::from_static("x-headwater-cause");

/// A call of `store/*`, let in and read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    /// Which documents there are for the caller.
    pub(crate) documents: DocumentAccess,
    /// `X-DITTO-TXN-ID`: the answer may not be older.
    pub(crate) txn_min: Option<TxnId>,
    /// `X-DITTO-ENSURE-INSERT`: an upsert of a document that is there is refused.
    pub(crate) ensure_insert: bool,
    /// `X-Headwater-Request-Id`.
    pub(crate) request_id: Option<String>,
    /// Whether the reply may be compressed.
    pub(crate) takes_gzip: bool,
    /// The query string of what writes; empty if there is none.
    pub(crate) query: String,
    traceparent: Option<String>,
    cause: Option<u64>,
    body: ReadBody,
    guest: Arc<Guest>,
}

/// A call of `attachments/*`, let in; its body is still to be read.
#[derive(Debug)]
pub(crate) struct UnreadCall {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) headers: HeaderMap,
    /// The query string; empty if there is none.
    pub(crate) query: String,
    pub(crate) guest: Arc<Guest>,
    pub(crate) body: Body,
    params: RawPathParams,
}

/// A call of `/admin/v1/*` by the holder of the admin key or, of `/admin/v1/apps/{app}/*`, of a key
/// with `admin` on that app, read.
#[derive(Debug)]
pub(crate) struct AdminCall {
    pub(crate) holder: Principal,
    /// The query string; empty if there is none.
    pub(crate) query: String,
    params: RawPathParams,
    body: ReadBody,
}

impl Call {
    pub(crate) fn body(&self) -> &Bytes {
        &self.body.bytes
    }

    pub(crate) fn app_name(&self) -> &str {
        self.app.name().as_str()
    }

    pub(crate) fn demand(&self, permission: Permission, collection: &CollectionName) -> Result<(), Denied> {
        self.caller.demand(permission, self.app_name(), collection.as_str())
    }

    /// Waits until the app has applied the transaction that the caller asked for. The connection
    /// may be closed meanwhile: nothing was done yet, and anybody can ask for a transaction that
    /// never comes.
    /// One that was lost with a restore is refused at once.
    pub(crate) async fn wait_for_txn(&self, state: &State) -> Result<(), Failure> {
        if let Some((wanted, seam)) = self.txn_min.and_then(|wanted| Some((wanted, self.app.lost_with(wanted)?))) {
            let (last, first) = (seam.last_txn.0, seam.first_txn);
            return Err(Failure::TxnLost { wanted: wanted.0, last, first });
        }
        let Some(txn_min) = self.txn_min.filter(|&wanted| wanted > self.app.newest_txn()) else { return Ok(()) };
        let timeout = state.options.request_timeout;
        self.guest.work_waits();
        let waited = self.app.wait_for(txn_min, timeout).await;
        if !self.guest.work_begins() {
            return std::future::pending().await; // the connection is being closed, and this with it
        }
        if let Err(WaitError { wanted, .. }) = &waited {
            // A transaction is told once it is applied: whoever knows a later one knows another history.
            self.app.note_ahead(|| format!("a request of {} asked for transaction {wanted}", self.caller.name()));
        }
        waited.map_err(|WaitError { wanted, newest }| Failure::TxnNotApplied { wanted, newest, timeout })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            peer: self.caller.name().to_owned(),
            traceparent: self.traceparent.clone(),
            cause: self.cause,
            site: None,
            pushed: None,
        }
    }
}

impl UnreadCall {
    /// What stands at `{name}` of the route's path.
    pub(crate) fn param(&self, name: &str) -> &str {
        param(&self.params, name).expect("a resource asks for what its route has")
    }
}

impl AdminCall {
    /// What stands at `{name}` of the route's path.
    pub(crate) fn param(&self, name: &str) -> &str {
        param(&self.params, name).expect("a resource asks for what its route has")
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body.bytes
    }
}

impl FromRequest<Shared> for Call {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let caller = access::identify(state, door(&parts), &parts.uri, &parts.headers)?;
        let app = named_app(&mut parts, state, &caller).await?;
        let txn_min = txn_min(&parts.headers)?;
        let traceparent = traceparent(&parts.headers);
        let cause = cause(&parts.headers)?;
        let ensure_insert = ensure_insert(&parts.headers)?;
        let request_id = request_id::given(&parts.headers)?;
        let takes_gzip = gzip::is_accepted(&parts.headers);
        let guest = guest(&parts).clone();
        let mut body = read_body(state, &parts, body).await?;
        if parts.method == Method::GET || parts.method == Method::HEAD {
            body = asked(&parts, body)?;
        }
        let documents = DocumentAccess::of(&caller, app.name().as_str(), &state.rights);
        let query = parts.uri.query().unwrap_or_default().to_owned();
        Ok(Self {
            app,
            caller,
            documents,
            txn_min,
            ensure_insert,
            request_id,
            takes_gzip,
            query,
            traceparent,
            cause,
            body,
            guest,
        })
    }
}

impl FromRequest<Shared> for UnreadCall {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let caller = access::identify(state, door(&parts), &parts.uri, &parts.headers)?;
        let app = named_app(&mut parts, state, &caller).await?;
        let params = path_params(&mut parts, state).await?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let guest = guest(&parts).clone();
        Ok(Self { app, caller, headers: parts.headers, query, guest, body, params })
    }
}

impl FromRequest<Shared> for AdminCall {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        // Before anything is told of paths: a caller without a key learns nothing.
        access::identify_holder(state, &parts.headers)?;
        let params = path_params(&mut parts, state).await?;
        let holder = access::identify_admin(state, &parts.headers, param(&params, "app"))?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = read_body(state, &parts, body).await?;
        if let Some(subject) = parts.extensions.get::<Subject>() {
            subject.tell(&params, &body.bytes);
        }
        Ok(Self { holder, query, params, body })
    }
}

async fn read_body(state: &Shared, parts: &Parts, body: Body) -> Result<ReadBody, BodyError> {
    ReadBody::read(state, &parts.headers, guest(parts), body).await
}

/// What a `GET` asks, in its body or its query string.
fn asked(parts: &Parts, body: ReadBody) -> Result<ReadBody, Failure> {
    let query = parts.uri.query().unwrap_or_default();
    match (query.is_empty(), body.bytes.is_empty()) {
        (true, false) => Ok(body),
        (_, true) => Ok(ReadBody::made(query_string::body_of(query)?)),
        (false, false) => Err(Failure::QueryStringAndBody),
    }
}

/// What stands at the `{…}` of the route's path.
async fn path_params(parts: &mut Parts, state: &Shared) -> Result<RawPathParams, Failure> {
    let path = parts.uri.path().to_owned();
    let params = RawPathParams::from_request_parts(parts, state).await;
    params.map_err(|_not_utf8| Failure::PathNotFound { path, hint: "the path is not UTF-8".to_owned() })
}

fn param<'p>(params: &'p RawPathParams, name: &str) -> Option<&'p str> {
    params.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The extension that `serve` puts on every request.
pub(crate) fn door(parts: &Parts) -> Door {
    *parts.extensions.get::<Door>().expect("serve puts the door on every request")
}

/// As [`door`].
pub(crate) fn guest(parts: &Parts) -> &Arc<Guest> {
    parts.extensions.get().expect("serve puts the guest on every request")
}

/// The app of `/{app}/api/v4/…`, or the default one.
async fn named_app(parts: &mut Parts, state: &Shared, caller: &Caller) -> Result<Arc<App>, Failure> {
    let params = path_params(parts, state).await?;
    let name = param(&params, "app").unwrap_or(state.options.default_app.as_str());
    caller.demand_any(name)?;
    Ok(state.app(name).await?)
}

/// `X-DITTO-TXN-ID`, or its older name; the greater where both are given.
fn txn_min(headers: &HeaderMap) -> Result<Option<TxnId>, Failure> {
    let mut greatest = None;
    for (name, shown) in [TXN_ID, TXN_ID_OLDER] {
        for value in headers.get_all(&name) {
            let text = value.to_str().unwrap_or_default();
            let is_decimal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            match text.parse::<u64>() {
                Ok(txn_id) if is_decimal => greatest = greatest.max(Some(TxnId(txn_id))),
                _ => {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    return Err(Failure::TxnIdMalformed { header: shown, value });
                }
            }
        }
    }
    Ok(greatest)
}

/// The transaction whose event made the caller write, so that it can tell its own echo
/// (`X-Headwater-Cause`).
fn cause(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(given) = headers.get(CAUSE) else { return Ok(None) };
    let number =
        given.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|text| text.parse().ok());
    match number {
        Some(number) => Ok(Some(number)),
        None => {
            let value = String::from_utf8_lossy(given.as_bytes()).into_owned();
            Err(Failure::TxnIdMalformed { header: "X-Headwater-Cause", value })
        }
    }
}

fn ensure_insert(headers: &HeaderMap) -> Result<bool, Failure> {
    let Some(given) = headers.get(ENSURE_INSERT) else { return Ok(false) };
    let text = String::from_utf8_lossy(given.as_bytes());
    match text.trim() {
        yes if yes.eq_ignore_ascii_case("true") => Ok(true),
        no if no.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(Failure::FlagMalformed { header: "X-DITTO-ENSURE-INSERT", value: other.to_owned() }),
    }
}

/// A `traceparent` of W3C Trace Context version 00, if it is well-formed; what is malformed is left
/// out, as that specification asks.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let well_formed = ["00".len(), 32, 16, 2].iter().all(|&length| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    });
    let is_zero = |range: std::ops::Range<usize>| text[range].bytes().all(|b| b == b'0');
    (well_formed && parts.next().is_none() && text.starts_with("00") && !is_zero(3..35) && !is_zero(36..52))
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn transaction_ids_are_decimal_u64() {
        for (given, expected) in [("0", 0), ("62", 62), ("007", 7), ("18446744073709551615", u64::MAX)] {
            assert_eq!(txn_min(&headers(TXN_ID.0, given)).unwrap(), Some(TxnId(expected)), "{given}");
            assert_eq!(txn_min(&headers(TXN_ID_OLDER.0, given)).unwrap(), Some(TxnId(expected)), "{given}");
        }
        for given in ["", "+1", "-1", " 1 2", "1.0", "0x10", "abc", "18446744073709551616"] {
            assert!(txn_min(&headers(TXN_ID.0, given)).is_err(), "{given}");
        }
        assert_eq!(txn_min(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn the_greater_transaction_counts() {
        let mut both = headers(TXN_ID.0, "7");
        both.insert(TXN_ID_OLDER.0, HeaderValue::from_static("9"));
        assert_eq!(txn_min(&both).unwrap(), Some(TxnId(9)));
    }

    #[test]
    fn only_well_formed_trace_contexts_are_carried() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traceparent(&headers(TRACEPARENT, good)).as_deref(), Some(good));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(traceparent(&headers(TRACEPARENT, bad)), None, "{bad}");
        }
    }
}
