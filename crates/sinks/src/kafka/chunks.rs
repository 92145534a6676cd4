//! Events that are read ahead while the transaction before them is on its way.
//!
//! Invariant: at most two chunks wait, so that a sink whose target is slow takes little memory.
//! Not here: what a chunk's records become (`record`).

use std::time::Duration;

use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    time::timeout,
};

use super::trouble::Trouble;
use crate::{
    feed::{Batch, Feed, FeedError, Position},
    limits::CHUNK_BYTES,
};

/// How long the feed sleeps at most, if nothing wakes it.
const IDLE: Duration = Duration::from_secs(60);

/// Some events that follow each other.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) batches: Vec<Batch>,
    /// Where the sink stands behind them.
    pub(super) position: Position,
}

/// The chunks of a feed, read by a task that ends with this.
#[derive(Debug)]
pub(super) struct Chunks {
    received: mpsc::Receiver<Result<Chunk, FeedError>>,
}

impl Chunks {
    /// From where `feed` stands.
    pub(super) fn of(feed: Feed, handle: &Handle) -> Self {
        let (send, received) = mpsc::channel(1);
        handle.spawn(read(feed, send));
        Self { received }
    }

    /// The next one; `None` if there is none within `at_most`.
    pub(super) fn next(
        &mut self,
        handle: &Handle,
        stopping: &mut watch::Receiver<bool>,
        at_most: Duration,
    ) -> Result<Option<Chunk>, Trouble> {
        let received = async {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => Err(Trouble::Stopped),
                received = timeout(at_most, self.received.recv()) => Ok(received),
            }
        };
        match handle.block_on(received)? {
            Err(_) => Ok(None),
            Ok(received) => taken(received).map(Some),
        }
    }

    /// The next one, if it is there.
    pub(super) fn next_now(&mut self) -> Result<Option<Chunk>, Trouble> {
        match self.received.try_recv() {
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => taken(None).map(Some),
            Ok(received) => taken(Some(received)).map(Some),
        }
    }
}

fn taken(received: Option<Result<Chunk, FeedError>>) -> Result<Chunk, Trouble> {
    match received {
        Some(Ok(chunk)) => Ok(chunk),
        Some(Err(error)) => Err(of_feed(&error)),
        None => Err(Trouble::Wait("events cannot be read: the reader has ended".to_owned())),
    }
}

/// What a feed that cannot be followed calls for.
pub(super) fn of_feed(error: &FeedError) -> Trouble {
    match error {
        FeedError::NoLiveQuery(_) | FeedError::AnotherTopic | FeedError::Ahead { .. } => {
            Trouble::Fail(error.to_string())
        }
        FeedError::Unsettled | FeedError::Read(_) => Trouble::Wait(format!("events cannot be read: {error}")),
    }
}

async fn read(mut feed: Feed, send: mpsc::Sender<Result<Chunk, FeedError>>) {
    loop {
        match feed.read(CHUNK_BYTES).await {
            Err(error) => {
                drop(send.send(Err(error)).await);
                return;
            }
            Ok(batches) if batches.is_empty() => {
                tokio::select! {
                    () = feed.changed(IDLE) => {}
                    () = send.closed() => return,
                }
            }
            Ok(batches) => {
                let position = feed.position();
                if send.send(Ok(Chunk { batches, position })).await.is_err() {
                    return;
                }
            }
        }
    }
}
