//! `headwater demo --tasks`: a list of tasks in a web page, and its events as they come, until Ctrl-C or SIGTERM.
//!
//! The page has the origin of the server that it syncs with, so the rule of Host and Origin lets it
//! in as any page of ours.
//! Not here: which files the page has (`tasks_files`).

use std::path::Path;

use anyhow::Context as _;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    consume, header as event_header,
    tasks_files::{BASE, File, Files},
};
use crate::{
    output::{Marks, print_line},
    server::{Facts, Server},
};

/// What keeps a page of another site from reading along, beside the policy.
const FIXED_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The page with its files, those of the package among them.
pub(super) fn pages(package: &Path) -> anyhow::Result<Router> {
    let files: &'static Files = Box::leak(Box::new(Files::read(package)?)); // there is one demo a process
    let policy = files.policy();
    let secure = middleware::map_response(move |mut response: Response| {
        let policy = policy.clone();
        async move {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response.headers_mut().extend(FIXED_HEADERS);
            response
        }
    });
    let router = Router::new()
        .route("/tasks", get(|| async { Redirect::temporary(BASE) }))
        .route(BASE, get(file))
        .route("/tasks/{*path}", get(file));
    Ok(router.layer(secure).with_state(files))
}

/// A file by its exact path. Nothing is decoded: no file's path needs it.
async fn file(State(files): State<&'static Files>, request: Request) -> Response {
    match files.find(request.uri().path()) {
        Some(File { content_type, bytes }) => {
            ([(header::CONTENT_TYPE, *content_type)], bytes.as_slice()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Says where the page is, and shows each event of the topic.
pub(super) async fn show(server: &Server, folder: &Path) -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let marks = Marks::for_stdout();
    let mut arrivals = consume(server).await?;
    print_line(&introduction(server.facts(), folder, marks))?;
    loop {
        let arrival = tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            arrival = arrivals.recv() => arrival,
        };
        let (record, _) = arrival.context("the consumer ended")??;
        let about = ["peer", "merge"].map(|name| format!("{name}: {}", event_header(&record, name)));
        print_line(&format!(
            "{}\n{}",
            marks.faint(&format!("offset {}  {}", record.offset, about.join("  "))),
            String::from_utf8_lossy(record.value.as_deref().unwrap_or_default())
        ))?;
    }
}

fn introduction(facts: &Facts, folder: &Path, marks: Marks) -> String {
    let http = &facts.run.http;
    // A browser keeps what a page stored: another demo on the same port is to find nothing of this one.
    let list = folder.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "\n{}\n\n  In a browser    {http}{BASE}?list={list}\n  \
         In a terminal   node examples/tasks/terminal.js --server {http} --dir {}\n\n{}\n",
        marks.strong("A list of tasks that works offline"),
        folder.join("terminal").display(),
        marks.faint(
            "Open it more than once, and switch one of them offline. The terminal's app needs its package first:\n\
             npm install --prefix examples/tasks. Below is each change as an event of the Kafka topic. Ctrl-C stops\n\
             the server and removes its data."
        ),
    )
}
