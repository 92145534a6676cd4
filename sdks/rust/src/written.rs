//! What a write came to, and what became of it at the server.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use serde_json::Value;
use sync_protocol::Seq;

use crate::{DocumentId, Error, Sync, headwater::Shared, promise::Promise};

/// A write that is durable here. It is pushed while sync is on.
#[derive(Debug, Clone)]
pub struct Written {
    shared: Arc<Shared>,
    ids: Vec<DocumentId>,
    seq: Option<Seq>,
}

/// What a statement came to.
#[derive(Debug, Clone)]
pub struct Executed {
    pub(crate) items: Vec<Value>,
    pub(crate) written: Written,
}

/// Waits for the server, as a future of any runtime; or in a thread, with [`Verdict::wait`]. Whoever
/// drops it waits no more.
#[derive(Debug)]
#[must_use = "it does nothing but wait"]
pub struct Verdict(Promise<Option<u64>>);

impl Verdict {
    pub(crate) fn new(promise: Promise<Option<u64>>) -> Self {
        Self(promise)
    }

    /// Waits in this thread.
    ///
    /// # Errors
    /// As of the future; or nothing came within `timeout`.
    pub fn wait(self, timeout: Duration) -> Result<Option<u64>, Error> {
        self.0.wait_for(timeout)
    }
}

impl Future for Verdict {
    type Output = Result<Option<u64>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl Written {
    pub(crate) fn new(shared: &Arc<Shared>, ids: &[document::DocumentId], seq: Option<Seq>) -> Self {
        Self { shared: shared.clone(), ids: ids.iter().map(DocumentId::from).collect(), seq }
    }

    /// The document's id: of an upsert there is always one.
    ///
    /// # Panics
    /// Nothing was written.
    pub fn id(&self) -> &DocumentId {
        self.ids.first().expect("something was written")
    }

    /// The documents that were written.
    pub fn ids(&self) -> &[DocumentId] {
        &self.ids
    }

    /// The number of its transaction here; none if there was nothing to do. Good for
    /// [`Sync::committed`] in this process.
    pub fn sequence(&self) -> Option<u64> {
        self.seq.map(|seq| seq.0)
    }

    /// Waits until the server has it, as [`Sync::committed`]. `None` if there was nothing to do.
    ///
    /// # Errors
    /// As [`Sync::committed`].
    pub fn committed(&self, timeout: Duration) -> Result<Option<u64>, Error> {
        self.when_committed().wait(timeout)
    }

    /// The same, as a future.
    pub fn when_committed(&self) -> Verdict {
        match self.seq {
            Some(seq) => Sync::new(self.shared.clone()).when_committed(seq.0),
            None => Verdict(Promise::answered(Ok(None))),
        }
    }
}

impl Executed {
    /// The rows of a SELECT, or what RETURNING says.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// The rows, without a copy.
    pub fn into_items(self) -> Vec<Value> {
        self.items
    }

    /// The documents that were written or evicted.
    pub fn mutated_document_ids(&self) -> &[DocumentId] {
        self.written.ids()
    }

    /// What was written.
    pub fn written(&self) -> &Written {
        &self.written
    }
}
