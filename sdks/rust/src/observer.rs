//! Observers: callbacks and streams of what a query gives.
//!
//! Invariants: the current result comes first; what changed meanwhile is told once. Each result is
//! one of whole transactions.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use peer_core::Observed;
use serde_json::Value;

use crate::{
    Error,
    headwater::Shared,
    json,
    readers::Readers,
    watch::{Bell, Target, WatchId},
};

/// One who is called. Dropping this does not end it.
#[derive(Debug, Clone)]
pub struct Observer {
    shared: Arc<Shared>,
    watch: WatchId,
}

impl Observer {
    pub(crate) fn new(shared: Arc<Shared>, watch: WatchId) -> Self {
        Self { shared, watch }
    }

    /// Ends it: after this has returned its callback does not run. A callback that ends its own
    /// observer runs to its end. Not to be called while holding a lock that the callback takes.
    pub fn cancel(&self) {
        self.shared.callbacks.cancel(self.watch);
        self.shared.unwatch(self.watch);
    }
}

/// What a query gives: first what it gives now, and again whenever that may be something else. It is
/// made when the stream is polled, in the thread that polls. Dropping it ends it; it ends when the
/// peer is closed.
#[derive(Debug)]
#[must_use = "a stream gives nothing unless it is polled"]
pub struct Results {
    shared: Arc<Shared>,
    watch: WatchId,
    bell: Arc<Bell>,
    observed: Observed,
}

impl Stream for Results {
    type Item = Result<Vec<Value>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.bell.poll(context).map(|due| due.map(|()| rows(&self.shared.readers, &self.observed)))
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        self.shared.unwatch(self.watch);
    }
}

pub(crate) fn call(
    shared: &Arc<Shared>,
    observed: Observed,
    mut callback: impl FnMut(Result<Vec<Value>, Error>) + Send + 'static,
) -> Result<Observer, Error> {
    let (watch, target) = shared.callback_target();
    let (readers, seen) = (shared.readers.clone(), observed.clone());
    let look = move || match rows(&readers, &seen) {
        Err(Error::Closed) => {}
        rows => callback(rows),
    };
    shared.callbacks.add(watch, Box::new(look));
    let observer = Observer::new(shared.clone(), watch);
    place(shared, watch, observed, target).inspect_err(|_| observer.cancel())?;
    Ok(observer)
}

pub(crate) fn stream(shared: &Arc<Shared>, observed: Observed) -> Result<Results, Error> {
    let (watch, bell) = (shared.watch(), Arc::new(Bell::default()));
    place(shared, watch, observed.clone(), Target::Stream(bell.clone()))?;
    Ok(Results { shared: shared.clone(), watch, bell, observed })
}

fn place(shared: &Shared, watch: WatchId, observed: Observed, target: Target) -> Result<(), Error> {
    shared.mailbox.call(move |core| Ok(core.watches.observe(&mut core.peer, watch, observed, target)?))
}

fn rows(readers: &Readers, observed: &Observed) -> Result<Vec<Value>, Error> {
    let rows = readers.read(|reader| reader.rows(observed))?;
    Ok(rows.into_iter().map(json::from_row).collect())
}
