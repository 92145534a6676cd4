//! Reads on blocking threads, a bounded number at a time, that stop when nobody waits any more.
//!
//! Every read begins among small ones, plans, and goes over to the scans only where its plan looks at many documents:
//! so a look into an index waits for no scan.
//!
//! Invariant: one read sees one snapshot. Not here: which documents it finds, and how (`find`).

use std::{sync::Arc, time::Instant};

use axum::response::Response;
use document::Map;
use query::{Filter, ParseError, Query};
use store::{App, Snapshot};
use tokio::time::timeout;

use crate::{
    failure::Failure,
    gzip, limits, reply,
    state::State,
    work::{Share, Waiting, Work, room_within},
};

/// How much a read looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One document.
    One,
    /// A handful.
    Several,
    /// Many, or nobody knows.
    Scan,
}

impl Extent {
    fn reply_bytes_max(self) -> usize {
        match self {
            Extent::One => limits::REPLY_BYTES_ONE,
            Extent::Several | Extent::Scan => limits::REPLY_BYTES_MAX,
        }
    }
}

/// What a read came to that began as a small one.
pub(crate) enum Begun<T> {
    Done(T),
    /// Its plan looks at many documents: it begins again among those that do.
    IsScan,
}

impl<T> Begun<T> {
    fn done(self) -> T {
        match self {
            Begun::Done(done) => done,
            Begun::IsScan => unreachable!("a scan was let in as one"),
        }
    }
}

/// Runs `work` on a snapshot of `app`, on a blocking thread, first among small reads: by the snapshot it sees how
/// much it is to look at. If it says that this is much, it is run again among scans. It is told as what it was let
/// in.
pub(crate) async fn read<T: Send + 'static>(
    state: &State,
    app: &Arc<App>,
    work: impl Fn(&Snapshot, &mut Work, Extent) -> Result<Begun<T>, Failure> + Send + Sync + 'static,
) -> Result<T, Failure> {
    run_planned(state, app, None, work).await.map(|(done, _)| done)
}

/// What a client wants of the reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyForm {
    /// How large it can get.
    pub(crate) extent: Extent,
    pub(crate) gzip: bool,
}

/// As [`read`], for work whose result is a reply with documents: it counts toward the memory for replies until its
/// client has taken it.
pub(crate) async fn reply(
    state: &State,
    app: &Arc<App>,
    form: ReplyForm,
    work: impl Fn(&Snapshot, &mut Work, Extent) -> Result<Begun<Vec<u8>>, Failure> + Send + Sync + 'static,
) -> Result<Response, Failure> {
    let share = state.replies.share(form.extent.reply_bytes_max(), state.options.scan_timeout).await?;
    let finished = move |snapshot: &Snapshot, own: &mut Work, extent| {
        let Begun::Done(mut body) = work(snapshot, own, extent)? else { return Ok(Begun::IsScan) };
        own.make_room(body.len())?;
        let compressed = if form.gzip { gzip::compressed(&body, own)? } else { None };
        let is_compressed = compressed.is_some();
        body = compressed.unwrap_or(body);
        if body.capacity() > limits::REPLY_BYTES_SMALL {
            body.shrink_to_fit(); // what it grew into counts too
        }
        Ok(Begun::Done((body, is_compressed)))
    };
    let ((body, is_compressed), work) = match form.extent {
        // Where it is named what to look at, that is all.
        Extent::One | Extent::Several => run_planned(state, app, Some(share), finished).await?,
        Extent::Scan => {
            let (done, work) =
                run(state, app, Extent::Scan, Some(share), move |snapshot, own| finished(snapshot, own, Extent::Scan))
                    .await?;
            (done.done(), work)
        }
    };
    let share = work.into_share(body.capacity());
    Ok(reply::as_gzip(reply::json_with_share(body, share), is_compressed))
}

async fn run_planned<T: Send + 'static>(
    state: &State,
    app: &Arc<App>,
    share: Option<Share>,
    work: impl Fn(&Snapshot, &mut Work, Extent) -> Result<Begun<T>, Failure> + Send + Sync + 'static,
) -> Result<(T, Work), Failure> {
    let work = Arc::new(work);
    let first = work.clone();
    let begun = run(state, app, Extent::Several, share, move |snapshot, own| first(snapshot, own, Extent::Several));
    let (begun, mut own) = begun.await?;
    if let Begun::Done(done) = begun {
        return Ok((done, own));
    }
    let share = own.take_share();
    let again = run(state, app, Extent::Scan, share, move |snapshot, own| work(snapshot, own, Extent::Scan));
    again.await.map(|(begun, own)| (begun.done(), own))
}

async fn run<T: Send + 'static>(
    state: &State,
    app: &Arc<App>,
    extent: Extent,
    share: Option<Share>,
    work: impl FnOnce(&Snapshot, &mut Work) -> Result<T, Failure> + Send + 'static,
) -> Result<(T, Work), Failure> {
    let waited = state.options.scan_timeout;
    let deadline = Instant::now() + waited;
    let (admission, turns) = match extent {
        Extent::One | Extent::Several => (None, &state.point_reads),
        Extent::Scan => (Some(room_within(&state.scans_admitted, 1, waited).await?), &state.scans),
    };
    let turn = room_within(turns, 1, deadline.saturating_duration_since(Instant::now())).await?;
    let waiting = Waiting::default();
    let mut own = Work::new(&waiting, deadline, turns, turn).with_share(share);
    let app = app.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let _admission = admission; // given back when the thread is free, not when the request ends
        let done = work(&app.snapshot()?, &mut own)?;
        own.end_turn();
        Ok((done, own))
    });
    timeout(waited, reading).await.map_err(|_| Failure::ReadLate { waited })??
}

/// A query's text with its arguments in place; `place` is where it stands in the request.
pub(crate) fn parse_filter(place: &str, text: &str, args: &Map) -> Result<Filter, Failure> {
    bind_filter(place, Query::parse(text), args)
}

/// As [`parse_filter`], for what changes or removes what it finds: a bare name is there no field but forgotten quotes.
pub(crate) fn parse_filter_for_change(place: &str, text: &str, args: &Map) -> Result<Filter, Failure> {
    bind_filter(place, Query::parse_for_change(text), args)
}

fn bind_filter(place: &str, query: Result<Query, ParseError>, args: &Map) -> Result<Filter, Failure> {
    let query = query.map_err(|error| Failure::Query { place: place.to_owned(), error })?;
    query.bind(args).map_err(|error| Failure::QueryArgs { place: place.replace("query", "args"), error })
}
