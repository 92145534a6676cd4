//! A longer wire: what goes through comes later by a fixed time, and is counted.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Runtime,
    sync::mpsc,
    time::Instant,
};

/// It ends when it is dropped.
pub(super) struct Proxy {
    _runtime: Runtime,
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Proxy {
    /// To `server`; each way takes `delay`.
    pub(super) fn start(server: SocketAddr, delay: Duration) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        runtime.spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                if peer.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
                    continue;
                }
                let ((from_peer, to_peer), (from_server, to_server)) = (peer.into_split(), server.into_split());
                tokio::spawn(carry(from_peer, to_server, delay, counted.clone()));
                tokio::spawn(carry(from_server, to_peer, delay, counted.clone()));
            }
        });
        Ok(Self { _runtime: runtime, address, bytes })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes both ways so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, counted: Arc<AtomicU64>) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(1_024);
    tokio::spawn(async move {
        while let Some((due, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        counted.fetch_add(length as u64, Relaxed);
        if sender.send((Instant::now() + delay, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}
