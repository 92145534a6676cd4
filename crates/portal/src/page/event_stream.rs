//! Events as they happen, for the script of the events page: server-sent events (HTML standard,
//! section 9.2).
//!
//! ```text
//! event: rows    a few rows of the table, the newest first, on one line
//! event: tally   {"seen":…,"leftOut":…,"skipped":…,"from":…} since the stream began; `from` is where
//!                the first event lies that was not sent. Its id is where to go on from
//! event: end     {"code":…,"words":…}: why it ends
//! ```
//! Invariants: streams are few; each takes bounded reading, sending and memory however much is
//! written: of more it shows the newest, counts the rest and says where it is; it ends with its
//! session, with the server, and with its reader. Whoever comes back with the last id is sent what
//! came meanwhile; rows behind that id may come again, and say what they are.
//! Not here: what a row shows (`event_row`), reading (`reading::feed`).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use askama::Template as _;
use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http_body::Frame;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, sleep_until, timeout_at},
};

use super::events::Asked;
use crate::{
    clip::Clipper,
    event_row::rows_of,
    failure::Failure,
    limits::{
        STREAM_BYTES_PER_ROUND, STREAM_EVENTS_AT_ONCE, STREAM_EVENTS_PER_PIECE, STREAM_EVENTS_PER_ROUND,
        STREAM_HEARTBEAT, STREAM_HTML_BYTES, STREAM_ROUND,
    },
    reading::{feed::Feed, positions::Positions},
    scope::Scope,
    secret::SecretDigest,
    state::Shared,
};

/// Pieces that wait for a slow browser. With these the stream waits too.
const PIECES_WAITING_MAX: usize = 2;

/// Begins a stream at the end of the topic, or with `?from=` at a place in it.
pub(crate) async fn handle(headers: HeaderMap, scope: Scope) -> Result<Response, Failure> {
    let feed = Asked::of(&scope).feed(&scope)?;
    let permit = scope.state().streams.clone().try_acquire_owned().map_err(|_| Failure::TooManyStreams)?;
    let session = scope.visit.visitor.session.ok_or(Failure::PageNotFound)?;
    let again = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let from = again.or(scope.visit.query.filled("from")).and_then(|text| feed.parse(text));
    // Where a live query still counts, its end is not yet that which the browser has seen.
    let end = feed.settled_positions().await?;
    let positions = from.map_or(end.clone(), |from| from.not_behind(&end));
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let (tally, room) = (Tally::default(), Room::default());
    let stream = Stream { state: scope.state().clone(), feed, positions, session, sender, tally, room };
    tokio::spawn(stream.run(permit));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::new(Pieces(receiver))).into_response())
}

struct Stream {
    state: Shared,
    feed: Feed,
    positions: Positions,
    session: SecretDigest,
    sender: mpsc::Sender<Bytes>,
    tally: Tally,
    room: Room,
}

/// What happened to the events since the stream began.
#[derive(Debug, Default)]
struct Tally {
    /// Looked at and wanted.
    seen: u64,
    /// Of these, not shown.
    left_out: u64,
    /// Those that there were too many of even to look at.
    skipped: u64,
    /// Where the first lies that was not shown.
    from: Option<Positions>,
}

/// How many events may be sent: some at once, then as many as can be read.
#[derive(Debug)]
struct Room {
    events: usize,
    /// When the last round's share was added.
    added: Instant,
}

/// Why a stream ends, for the script and for people.
#[derive(Debug, Clone, Copy)]
struct End {
    code: &'static str,
    words: &'static str,
}

const STOPPING: End = End { code: "stopping", words: "The server is stopping." };
const SIGNED_OUT: End = End { code: "signed-out", words: "You are signed out." };
const GONE: End = End { code: "gone", words: "The topic is gone." };
const UNREADABLE: End = End { code: "unreadable", words: "The events cannot be read; the server's log says why." };

/// The reader has gone.
struct Gone;

impl Stream {
    async fn run(mut self, _permit: OwnedSemaphorePermit) {
        let mut stopping = self.state.stopping.clone();
        let reader = self.sender.clone();
        let end = tokio::select! {
            end = self.follow() => end,
            _ = stopping.wait_for(|&stop| stop) => Ok(STOPPING),
            () = reader.closed() => Err(Gone),
        };
        if let Ok(End { code, words }) = end {
            let data = format!("{{\"code\":\"{code}\",\"words\":\"{words}\"}}");
            // A reader that takes nothing any more need not hear it.
            let _ = self.sender.try_send(piece("end", &data));
        }
    }

    /// Sends what is new, round after round; why it ends.
    async fn follow(&mut self) -> Result<End, Gone> {
        let mut grown = self.feed.topic.watch();
        self.send_tally().await?;
        let mut heartbeat = Instant::now() + STREAM_HEARTBEAT;
        loop {
            let round = Instant::now() + STREAM_ROUND;
            if !self.round().await? {
                return Ok(UNREADABLE);
            }
            sleep_until(round).await;
            let waited = timeout_at(heartbeat, grown.changed()).await;
            if let Ok(Err(_closed)) = waited {
                return Ok(GONE);
            }
            if Instant::now() >= heartbeat {
                heartbeat = Instant::now() + STREAM_HEARTBEAT;
                if !self.state.sessions.lives(self.session, self.state.now_ms()) {
                    return Ok(SIGNED_OUT);
                }
                // A deleted app's files go once nobody holds them.
                if !self.state.has_app(&self.feed.app) {
                    return Ok(GONE);
                }
                self.send(Bytes::from_static(b": alive\n\n")).await?;
            }
        }
    }

    /// One look at what is new; `false` if it cannot be read.
    async fn round(&mut self) -> Result<bool, Gone> {
        let before = self.positions.clone();
        let mut catch = match self.feed.news(&mut self.positions, STREAM_BYTES_PER_ROUND).await {
            Ok(catch) => catch,
            Err(error) => {
                tracing::warn!(app = self.feed.app, %error, "a live stream of events ends");
                return Ok(false);
            }
        };
        if catch.len() == 0 && !catch.is_cut {
            return Ok(true);
        }
        self.tally.seen += catch.len() as u64;
        self.tally.skipped += catch.skipped;
        let left_out = catch.keep_newest(self.room.take(catch.len()));
        self.tally.left_out += left_out as u64;
        if left_out > 0 || catch.skipped > 0 {
            self.tally.from.get_or_insert(before);
        }
        let pieces = catch.len().div_ceil(STREAM_EVENTS_PER_PIECE);
        let rows = rows_of(&self.feed, &catch, &mut Clipper::new(STREAM_HTML_BYTES * pieces));
        // The newest come first in a piece, and last of all pieces.
        for rows in rows.rchunks(STREAM_EVENTS_PER_PIECE) {
            let html: Vec<String> = rows.iter().filter_map(|row| row.render().ok()).collect();
            self.send(piece("rows", &html.concat())).await?;
        }
        self.send_tally().await?;
        Ok(true)
    }

    /// The browser says the id again when it comes back after a broken connection.
    async fn send_tally(&self) -> Result<(), Gone> {
        let mut text = format!("id: {}\n", self.positions).into_bytes();
        text.extend_from_slice(&piece("tally", &self.tally.json()));
        self.send(text.into()).await
    }

    async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        self.sender.send(piece).await.map_err(|_| Gone)
    }
}

impl Tally {
    fn json(&self) -> String {
        let Self { seen, left_out, skipped, from } = self;
        let from = from.as_ref().map_or("null".to_owned(), |from| format!("\"{from}\""));
        format!("{{\"seen\":{seen},\"leftOut\":{left_out},\"skipped\":{skipped},\"from\":{from}}}")
    }
}

impl Default for Room {
    fn default() -> Self {
        Self { events: STREAM_EVENTS_AT_ONCE, added: Instant::now() }
    }
}

impl Room {
    /// Takes room for at most so many.
    fn take(&mut self, wanted: usize) -> usize {
        let rounds = self.added.elapsed().as_millis() / STREAM_ROUND.as_millis();
        let share = usize::try_from(rounds).unwrap_or(usize::MAX).saturating_mul(STREAM_EVENTS_PER_ROUND);
        if share > 0 {
            self.events = self.events.saturating_add(share).min(STREAM_EVENTS_AT_ONCE);
            self.added = Instant::now();
        }
        let taken = wanted.min(self.events);
        self.events -= taken;
        taken
    }
}

/// One event of the stream. A line end would begin another field: what holds one is shown with a space.
fn piece(name: &str, data: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {}\n\n", data.replace(['\n', '\r'], " ")))
}

/// The body: what the stream sends, until it ends.
struct Pieces(mpsc::Receiver<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
