//! Sockets: accepts connections, does TLS, runs HTTP on each, and stops without cutting a request.
//!
//! Invariants: connections are bounded, wherever they come from; every wait for a peer (handshake,
//! head, body) is; a fault of one connection ends that one alone.
//! Not here: who is closed when there is no room (`guests`), HTTP/2 (`http2`).

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    HttpApi,
    access::Door,
    edge,
    guests::{Guest, Place},
    http2, limits,
    stream::ClientStream,
};

impl HttpApi {
    /// Answers on `listener` until `shutdown` is done: HTTP, or HTTPS with `tls`. Then no more connections are taken,
    /// requests that are being answered are finished within [`crate::HttpApiOptions::shutdown_timeout`], the rest is
    /// cut, and it returns. May run for several listeners at once. Dropping it cuts every connection.
    ///
    /// Fails only if the listener cannot tell its own address.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let arrivals = Arrivals::Accepted { listener, acceptor: tls.map(TlsAcceptor::from) };
        self.serve_all(arrivals, address, shutdown).await;
        Ok(())
    }

    /// The same on connections that another listener at `address` has accepted, and done TLS with.
    /// Who may call without a key is judged by that address. What the handshake agreed on is spoken:
    /// HTTP/2 where that is `h2`, else HTTP/1.1. Those that wait here for a place wait in the queue.
    pub async fn serve_handed_over(
        &self,
        connections: mpsc::Receiver<TlsStream<TcpStream>>,
        address: SocketAddr,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        self.serve_all(Arrivals::HandedOver(connections), address, shutdown).await;
    }

    async fn serve_all(&self, mut arrivals: Arrivals, address: SocketAddr, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let arrival = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                arrival = arrivals.next() => arrival,
            };
            match arrival {
                Ok((arrival, peer)) => {
                    let place = tokio::select! {
                        () = &mut shutdown => break,
                        place = self.state.guests.admit(peer.ip()) => place,
                    };
                    connections.spawn(self.clone().connection(arrival, place, address, stopping.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    self.state.guests.make_room(); // there may be fewer file descriptors than places
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
        drop(arrivals);
        stop.send_replace(true);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(self.state.options.shutdown_timeout, all_ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections that did not end in time are cut");
            connections.shutdown().await;
        }
    }

    async fn connection(self, arrival: Arrival, place: Place, listener: SocketAddr, stopping: watch::Receiver<bool>) {
        let metrics = &self.state.metrics;
        metrics.connections_total.inc();
        metrics.connections.inc();
        let ended = tokio::select! {
            ended = self.run_connection(arrival, &place.guest, listener, stopping) => ended,
            () = place.guest.closed() => Err(ConnectionError::NoRoom),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        metrics.connections.dec();
    }

    async fn run_connection(
        &self,
        arrival: Arrival,
        guest: &Arc<Guest>,
        listener: SocketAddr,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError> {
        let open = self.state.options.insecure_open || listener.ip().is_loopback();
        let door = |socket: &TcpStream, secure| {
            socket.set_nodelay(true)?;
            Ok::<_, io::Error>(Door { open, local_ip: socket.local_addr()?.ip(), peer: socket.peer_addr()?, secure })
        };
        match arrival {
            Arrival::Plain(stream) => {
                let door = door(&stream, false)?;
                self.run_http1(stream, guest, door, stopping).await
            }
            Arrival::Unshaken(stream, acceptor) => {
                let door = door(&stream, true)?;
                let handshake = timeout(limits::HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
                let stream = handshake.map_err(|_| ConnectionError::HandshakeLate)?;
                self.run_tls(stream.map_err(ConnectionError::Handshake)?, guest, door, stopping).await
            }
            Arrival::Secure(stream) => {
                let door = door(stream.get_ref().0, true)?;
                self.run_tls(*stream, guest, door, stopping).await
            }
        }
    }

    async fn run_tls(
        &self,
        stream: TlsStream<TcpStream>,
        guest: &Arc<Guest>,
        door: Door,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError> {
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            return Ok(http2::run(self, stream, guest, door, stopping).await?);
        }
        self.run_http1(stream, guest, door, stopping).await
    }

    async fn run_http1(
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
            .serve_connection(TokioIo::new(ClientStream::new(stream, guest.clone())), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = &mut connection => return Ok(ended?),
            _ = stopping.wait_for(|&stop| stop) => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

/// Where connections come from.
enum Arrivals {
    Accepted { listener: TcpListener, acceptor: Option<TlsAcceptor> },
    HandedOver(mpsc::Receiver<TlsStream<TcpStream>>),
}

/// A connection as it came.
enum Arrival {
    Plain(TcpStream),
    Unshaken(TcpStream, TlsAcceptor),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Arrivals {
    /// The next one, and who is at its other end. Safe to cancel.
    async fn next(&mut self) -> io::Result<(Arrival, SocketAddr)> {
        match self {
            Arrivals::Accepted { listener, acceptor } => {
                let (stream, peer) = listener.accept().await?;
                let arrival = match acceptor {
                    None => Arrival::Plain(stream),
                    Some(acceptor) => Arrival::Unshaken(stream, acceptor.clone()),
                };
                Ok((arrival, peer))
            }
            Arrivals::HandedOver(connections) => loop {
                let Some(stream) = connections.recv().await else {
                    return std::future::pending().await; // the other listener has ended, with the server
                };
                // It has none once the client has gone.
                if let Ok(peer) = stream.get_ref().0.peer_addr() {
                    return Ok((Arrival::Secure(Box::new(stream)), peer));
                }
            },
        }
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
