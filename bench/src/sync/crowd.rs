//! Many connections that take what comes, on a thread of their own.
//!
//! Invariants: all are live when [`Crowd::gather`] returns; they go when it is dropped.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use sync_protocol::{Message, Subscription};
use tokio::{sync::oneshot, task::JoinSet};

use super::wire::Wire;

/// How many connect at the same time: the server takes so many of one address that it does not know.
const CONNECTING_MAX: usize = 32;

/// How often one that is told to come back later comes back.
const TRIES: usize = 200;

/// The connections.
pub(super) struct Crowd {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Changed documents that came, of all.
    items: Arc<AtomicU64>,
}

impl Crowd {
    /// Connects one for each list of subscriptions; all have what they want when this returns.
    pub(super) fn gather(address: SocketAddr, wanted: Vec<Vec<Subscription>>) -> Result<Self> {
        let items = Arc::new(AtomicU64::new(0));
        let (end, ended) = oneshot::channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let counted = items.clone();
        let thread = std::thread::Builder::new().name("crowd".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                match connect(address, wanted).await {
                    Ok(wires) => {
                        let mut tasks = JoinSet::new();
                        for wire in wires {
                            tasks.spawn(take(wire, counted.clone()));
                        }
                        let _ = ready.send(Ok(()));
                        let _ = ended.await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })?;
        is_ready.recv().context("the crowd's thread ended")??;
        Ok(Self { end: Some(end), thread: Some(thread), items })
    }

    /// How many changed documents came so far.
    pub(super) fn items(&self) -> u64 {
        self.items.load(Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what it had to say it has said
        }
    }
}

async fn connect(address: SocketAddr, wanted: Vec<Vec<Subscription>>) -> Result<Vec<Wire>> {
    let mut wires = Vec::with_capacity(wanted.len());
    let mut connecting = JoinSet::new();
    for subs in wanted {
        if connecting.len() >= CONNECTING_MAX
            && let Some(wire) = connecting.join_next().await
        {
            wires.push(wire??);
        }
        connecting.spawn(one(address, subs));
    }
    while let Some(wire) = connecting.join_next().await {
        wires.push(wire??);
    }
    Ok(wires)
}

/// One that comes again when it is sent away.
async fn one(address: SocketAddr, subs: Vec<Subscription>) -> Result<Wire> {
    let mut why = anyhow!("it was not tried");
    for _ in 0..TRIES {
        let opened = async {
            let mut wire = Wire::open(address, subs.clone()).await?;
            if !subs.is_empty() {
                wire.caught_up().await?;
            }
            anyhow::Ok(wire)
        };
        match opened.await {
            Ok(wire) => return Ok(wire),
            Err(error) => why = error,
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(20..200))).await;
    }
    Err(why.context("a peer was never let in"))
}

async fn take(mut wire: Wire, items: Arc<AtomicU64>) {
    while let Ok(message) = wire.receive().await {
        if let Message::Changes(changes) = message {
            items.fetch_add(changes.items.len() as u64, Relaxed);
        }
    }
}
