//! `POST attachments/upload`, `PUT` and `GET attachments/{id}` (docs/reference/attachments.md).
//!
//! Invariants: an upload is answered when its blob is durable; what is fetched is never taken for a
//! page or a script of the server's, whatever is in it.
//! Not here: how a form and a part are read (`attachment`), the files (`attachments`).

use std::sync::Arc;

use attachments::{AttachmentError, BlobFile, BlobId, FileBody, Stored};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use credentials::Permission;
use serde::Serialize;
use store::App;
use tokio::time::{Instant, sleep};

use crate::{
    attachment::{
        holder::Holder,
        multipart::{Multipart, MultipartError},
        range::{self, Part, Sent},
        receive::{Received, Receiving},
    },
    body,
    call::UnreadCall,
    failure::Failure,
    guests::Guest,
    limits, reply,
    state::Shared,
};

const SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");

#[derive(Serialize)]
struct Uploaded {
    id: String,
    len: u64,
}

#[derive(Serialize)]
struct Partly {
    id: String,
    len: u64,
    received: u64,
}

pub(crate) async fn upload(State(state): State<Shared>, call: UnreadCall) -> Result<Response, Failure> {
    check_may_upload(&call)?;
    let bytes_max = state.options.attachment_bytes_max;
    let announced = body::announced_length(&call.headers);
    if announced.is_some_and(|length| length > bytes_max.saturating_add(limits::FORM_BYTES_MAX)) {
        return Err(Failure::AttachmentTooLong { bytes_max });
    }
    body::check_encoding(&call.headers)?;
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = Multipart::new(content_type.ok_or(MultipartError::NotMultipart)?)?;
    call.app.check_room_for(announced.unwrap_or(0))?;
    let _share = body::share(&state, &call.guest, limits::ATTACHMENT_MEMORY_BYTES).await?;
    let (receiving, uploader) = (receiving(&state, &call), call.caller.scope());
    let stored = receiving.receive(form, call.body, &uploader, state.clock.now_ms()).await?;
    Ok(uploaded(stored))
}

/// A blob by its id, whole or a part of it: who breaks off goes on where they were.
pub(crate) async fn put(State(state): State<Shared>, call: UnreadCall) -> Result<Response, Failure> {
    check_may_upload(&call)?;
    let id: BlobId = call.param("id").parse().map_err(|_| Failure::AttachmentId { id: call.param("id").to_owned() })?;
    body::check_encoding(&call.headers)?;
    let Sent { range, len } = range::sent(&call.headers).ok_or(Failure::ContentRange)?;
    let bytes_max = state.options.attachment_bytes_max;
    if len > bytes_max {
        return Err(Failure::AttachmentTooLong { bytes_max });
    }
    let uploader = call.caller.scope();
    let Some((first, end)) = range else {
        if !body::is_none(&call.body) {
            return Err(Failure::ContentRange);
        }
        return received_before(call.app, id, len, uploader, state.clock.now_ms()).await;
    };
    call.app.check_room_for(end - first)?;
    let _share = body::share(&state, &call.guest, limits::ATTACHMENT_MEMORY_BYTES).await?;
    let (receiving, now_ms, app) = (receiving(&state, &call), state.clock.now_ms(), call.app);
    match receiving.receive_part(id, (first, end, len), call.body, &uploader, now_ms).await {
        Ok(Received::Whole(stored)) => Ok(uploaded(stored)),
        Ok(Received::Part { bytes }) => Ok(partly(id, len, bytes)),
        // Whoever did not get the answer to the last part sends it again.
        Err(Failure::Attachment(AttachmentError::Ahead { received })) => {
            let is_kept = move || is_uploaded(&app, id, len, &uploader);
            match tokio::task::spawn_blocking(is_kept).await?? {
                true => Ok(uploaded(Stored { id, len })),
                false => Err(AttachmentError::Ahead { received }.into()),
            }
        }
        Err(error) => Err(error),
    }
}

/// How much of a blob its sender has sent. Where that is all of it and was not kept, since they broke off, it is now.
async fn received_before(
    app: Arc<App>,
    id: BlobId,
    len: u64,
    uploader: String,
    now_ms: u64,
) -> Result<Response, Failure> {
    // Their connection broke, and what came over it is still on its way to the disk.
    let asked = Instant::now();
    while app.blobs().is_under_way(id, &uploader) && asked.elapsed() < limits::PART_SETTLES_MAX {
        sleep(limits::PART_SETTLES_PAUSE).await;
    }
    let look = move || {
        if is_uploaded(&app, id, len, &uploader)? {
            return Ok(uploaded(Stored { id, len }));
        }
        let received = app.blobs().received(id, &uploader)?;
        if received >= len && len > 0 {
            return app.blobs().resume(id, &uploader, len, len)?.finish(&uploader, now_ms).map(uploaded);
        }
        Ok(partly(id, len, received))
    };
    Ok(tokio::task::spawn_blocking(look).await??)
}

/// Whether that caller has uploaded it, and it is there. Blocks on disk.
fn is_uploaded(app: &App, id: BlobId, len: u64, uploader: &str) -> Result<bool, AttachmentError> {
    let is_theirs = app.blobs().was_uploaded_by(&id, uploader);
    Ok(is_theirs && app.blobs().find(&id)?.is_some_and(|file| file.len_bytes() == len))
}

fn check_may_upload(call: &UnreadCall) -> Result<(), Failure> {
    let app = call.app.name().as_str();
    match call.caller.may_somewhere(Permission::Write, app) {
        true => Ok(()),
        false => Err(call.caller.not_granted("write anything".to_owned(), app).into()),
    }
}

fn receiving(state: &Shared, call: &UnreadCall) -> Receiving {
    let options = &state.options;
    let (bytes_max, patience, grace) = (options.attachment_bytes_max, options.body_timeout, options.attachment_grace);
    Receiving { app: call.app.clone(), guest: call.guest.clone(), bytes_max, grace, patience }
}

fn uploaded(Stored { id, len }: Stored) -> Response {
    reply::json_of(StatusCode::OK, &Uploaded { id: id.to_string(), len })
}

fn partly(id: BlobId, len: u64, received: u64) -> Response {
    reply::json_of(StatusCode::ACCEPTED, &Partly { id: id.to_string(), len, received })
}

pub(crate) async fn fetch(State(state): State<Shared>, call: UnreadCall) -> Result<Response, Failure> {
    let not_found = |asked: &str| Failure::AttachmentNotFound { id: asked.to_owned() };
    let id: BlobId = call.param("id").parse().map_err(|_| not_found(call.param("id")))?;
    let holder = Holder::of(&state, &call)?;
    let UnreadCall { app, headers, guest, .. } = call;
    if let Some(holder) = holder
        && !holder.holds(&state, &app, id).await?
    {
        return Err(not_found(&id.to_string()));
    }
    let found = tokio::task::spawn_blocking(move || app.blobs().find(&id).map_err(AttachmentError::Io)).await??;
    let file = Arc::new(found.ok_or_else(|| not_found(&id.to_string()))?);
    let etag = format!("\"{id}\"");
    if range::is_known(&headers, &etag) {
        return Ok(described(StatusCode::NOT_MODIFIED, &etag, None, Body::empty()));
    }
    let len = file.len_bytes();
    match range::part(&headers, &etag, len) {
        Part::Unsatisfiable => {
            let mut response = described(StatusCode::RANGE_NOT_SATISFIABLE, &etag, Some(0), Body::empty());
            response.headers_mut().insert(header::CONTENT_RANGE, value(format!("bytes */{len}")));
            Ok(response)
        }
        Part::Whole => send(&state, &guest, file, (0, len), StatusCode::OK, &etag).await,
        Part::Bytes { first, last } => {
            let part = (first, last + 1 - first);
            let mut response = send(&state, &guest, file, part, StatusCode::PARTIAL_CONTENT, &etag).await?;
            response.headers_mut().insert(header::CONTENT_RANGE, value(format!("bytes {first}-{last}/{len}")));
            Ok(response)
        }
    }
}

/// `part` is where it begins, and its length.
async fn send(
    state: &Shared,
    guest: &Arc<Guest>,
    file: Arc<BlobFile>,
    part: (u64, u64),
    status: StatusCode,
    etag: &str,
) -> Result<Response, Failure> {
    let (first, len) = part;
    let share = state.replies.fetch_share(len, state.options.scan_timeout).await?;
    let body = Body::new(FileBody::new(file, first, len, (share, guest.begin_stream())));
    Ok(described(status, etag, Some(len), body))
}

fn described(status: StatusCode, etag: &str, len: Option<u64>, body: Body) -> Response {
    let mut response = reply::with_type(status, HeaderValue::from_static("application/octet-stream"), body);
    let headers = response.headers_mut();
    if let Some(len) = len {
        headers.insert(header::CONTENT_LENGTH, len.into());
    }
    headers.insert(header::ETAG, value(etag.to_owned()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("it is of digits, letters and signs")
}
