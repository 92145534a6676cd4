//! Sockets: accepts connections, does TLS, runs HTTP/1.1 on each, and stops without cutting a request.
//!
//! Invariants: connections are bounded; every wait for a peer (handshake, head, body) is; a fault of one connection ends that one alone.
//! Not here: who is closed when there is no room (`guests`).

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    HttpApi,
    access::Door,
    edge,
    guests::{Guest, Place},
    limits,
    stream::ClientStream,
};

impl HttpApi {
    /// Answers on `listener` until `shutdown` is done: HTTP, or HTTPS with `tls`. Then no more connections are taken, requests that are being
    /// answered are finished within [`crate::HttpApiOptions::shutdown_timeout`], the rest is cut, and it returns. May run for several listeners
    /// at once. Dropping it cuts every connection.
    ///
    /// Fails only if the listener cannot tell its own address.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let acceptor = tls.map(TlsAcceptor::from);
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let place = tokio::select! {
                        () = &mut shutdown => break,
                        place = self.state.guests.admit(peer.ip()) => place,
                    };
                    connections.spawn(self.clone().connection(
                        stream,
                        place,
                        address,
                        acceptor.clone(),
                        stopping.clone(),
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    self.state.guests.make_room(); // there may be fewer file descriptors than places
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        stop.send_replace(true);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(self.state.options.shutdown_timeout, all_ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections that did not end in time are cut");
            connections.shutdown().await;
        }
        Ok(())
    }

    async fn connection(
        self,
        stream: TcpStream,
        place: Place,
        listener: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        stopping: watch::Receiver<bool>,
    ) {
        let metrics = &self.state.metrics;
        metrics.connections_total.inc();
        metrics.connections.inc();
        let ended = tokio::select! {
            ended = self.run_connection(stream, &place.guest, listener, acceptor, stopping) => ended,
            () = place.guest.closed() => Err(ConnectionError::NoRoom),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        metrics.connections.dec();
    }

    async fn run_connection(
        &self,
        stream: TcpStream,
        guest: &Arc<Guest>,
        listener: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError> {
        stream.set_nodelay(true)?;
        let open = self.state.options.insecure_open || listener.ip().is_loopback();
        let (local_ip, peer) = (stream.local_addr()?.ip(), stream.peer_addr()?);
        let door = Door { open, local_ip, peer, secure: acceptor.is_some() };
        let Some(acceptor) = acceptor else { return self.run_http(stream, guest, door, stopping).await };
        let handshake = timeout(limits::HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
        let stream = handshake.map_err(|_| ConnectionError::HandshakeLate)?.map_err(ConnectionError::Handshake)?;
        self.run_http(stream, guest, door, stopping).await
    }

    async fn run_http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        guest: &Arc<Guest>,
        door: Door,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError> {
        let service = service_fn(|request| {
            let answer = edge::answer(self.clone(), door, guest.clone(), request);
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.state.options.header_timeout)
            .max_headers(limits::HEADERS_MAX)
            .max_header_size(limits::HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(ClientStream::new(stream, guest.clone())), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = &mut connection => return Ok(ended?),
            _ = stopping.wait_for(|&stop| stop) => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

/// Why a connection ended other than by itself.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("its socket failed: {0}")]
    Socket(#[from] io::Error),
    #[error("the TLS handshake failed: {0}")]
    Handshake(#[source] io::Error),
    #[error("the TLS handshake took longer than {} s", limits::HANDSHAKE_TIMEOUT.as_secs())]
    HandshakeLate,
    #[error("it waited for its client, and others needed its place")]
    NoRoom,
    #[error("HTTP failed: {0}")]
    Http(#[from] hyper::Error),
}
