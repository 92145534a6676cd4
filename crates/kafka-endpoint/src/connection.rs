//! One connection: the handshake, then requests one after the other, in order. A client whose ALPN
//! offers HTTP (RFC 7301) is handed over after its handshake. Every other one is Kafka's, with
//! whatever ALPN: stock clients send none, and a name that some proxy on the way adds is no reason to
//! turn a certificate away.
//!
//! Invariants: nothing of Kafka's protocol is read before the certificate is known to be ours and not
//! revoked; without a certificate there is HTTP or nothing; one request is in flight; memory is
//! bounded by the read-ahead, and beyond it by what the user's share allows (`admission`).
//! Not here: what requests mean (`api`), opening the client's app (`topics`), HTTP itself (whoever
//! takes it: `EndpointOptions::http`).

mod refused;
mod stream;
mod unavailable;

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use credentials::ClientPrincipal;
use rustls::server::{Acceptor, ClientHello};
use store::AppUnavailable;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use crate::{
    admission::UserPlace,
    api,
    fetch_session::FetchSession,
    handshakes::{Cut, HandshakePlace},
    limits,
    opens::Opens,
    reason::Reason,
    rebuilds::Rebuilds,
    refusal::Who,
    reply::Reply,
    request::Request,
    session::Session,
    shared::Shared,
};
use stream::{FrameStream, ReadAhead};

/// Serves one connection from handshake to end.
pub(crate) async fn serve(shared: &Arc<Shared>, socket: TcpStream, peer: SocketAddr) {
    let mut shutdown = shared.server.shutdown.clone();
    let handshake = shared.handshakes.begin(peer.ip());
    let admitted = tokio::select! {
        admitted = admit(shared, socket, peer, handshake) => admitted,
        () = shutdown.begun() => return,
    };
    let (client, stream) = match admitted {
        Ok(Some(admitted)) => admitted,
        Ok(None) => return tracing::debug!(%peer, "a connection is HTTP, and was handed over"),
        Err(Refused { who, reason }) => return shared.server.refusals.note(peer, &who, &reason),
    };
    let (who, principal) = (client.who(), client.principal.clone());
    let ClientPrincipal { user, app, serial } = &principal;
    tracing::debug!(%peer, user, app, serial, "kafka connection opened");
    let _seen = SeenWhile::new(shared, serial);
    let ended = tokio::select! {
        biased;
        reason = revoked(shared, serial) => Err(reason),
        ended = serve_app(shared, client, FrameStream::new(stream)) => ended,
    };
    match ended {
        Ok(()) => tracing::debug!(%peer, user, app, serial, "kafka connection closed"),
        Err(reason) => shared.server.refusals.note(peer, &who, &reason),
    }
}

/// Lets the credentials know that a certificate is in use, until this is dropped.
struct SeenWhile<'a> {
    shared: &'a Shared,
    serial: &'a str,
}

impl<'a> SeenWhile<'a> {
    fn new(shared: &'a Shared, serial: &'a str) -> Self {
        shared.credentials.connected(serial, shared.server.clock.now_ms());
        Self { shared, serial }
    }
}

impl Drop for SeenWhile<'_> {
    fn drop(&mut self) {
        self.shared.credentials.disconnected(self.serial, self.shared.server.clock.now_ms());
    }
}

/// A connection that was not let in.
struct Refused {
    who: Who,
    reason: Reason,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { who: Who::default(), reason }
    }
}

/// Who is at the other end.
struct Client {
    principal: ClientPrincipal,
    peer: SocketAddr,
    place: UserPlace,
    /// Why its place is in the anteroom only.
    refused: Option<Reason>,
}

impl Client {
    /// The user and the app, for the log.
    fn who(&self) -> Who {
        Who::user(&self.principal)
    }
}

/// Opens the client's app if need be, and answers its requests.
async fn serve_app(shared: &Arc<Shared>, client: Client, stream: FrameStream) -> Result<(), Reason> {
    if let Some(reason) = &client.refused {
        return refused::answer_requests(shared, &client, reason, stream).await;
    }
    let topics = match shared.topics.app(&client.principal.app).await {
        Ok(topics) => topics,
        Err(AppUnavailable::NotFound { app }) => return Err(Reason::UnknownApp { app }),
        Err(error) => return unavailable::answer_requests(shared, &client, &error, stream).await,
    };
    let Client { principal, peer, place, refused: _ } = client;
    let opens = Opens::of(shared.credentials.live_queries_of(&principal));
    let session = Session {
        server: shared.server.clone(),
        app: topics.app().clone(),
        topics,
        app_name: principal.app.as_str().into(),
        principal,
        opens,
        peer,
        place,
        rebuilds: Rebuilds::default(),
        fetch_session: FetchSession::default(),
    };
    answer_requests(&session, stream).await
}

/// The handshake, and who it is; `None` if the client is of HTTP, and has been handed over.
async fn admit(
    shared: &Arc<Shared>,
    socket: TcpStream,
    peer: SocketAddr,
    (handshake, cut): (HandshakePlace, Cut),
) -> Result<Option<(Client, TlsStream<TcpStream>)>, Refused> {
    let stream = tokio::select! {
        biased;
        stream = timeout(limits::HANDSHAKE_TIMEOUT, shake_hands(shared, socket, &handshake)) => {
            stream.map_err(|_| Reason::HandshakeTimeout)??
        }
        _ = cut => return Err(Reason::HandshakeCut.into()),
    };
    let Some(stream) = stream else { return Ok(None) };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate =
        certificate.ok_or_else(|| Reason::Certificate { message: "the client sent no certificate".into() })?;
    let principal =
        ClientPrincipal::from_der(certificate).map_err(|error| Reason::Certificate { message: error.to_string() })?;
    let refused = |reason| Refused { who: Who::user(&principal), reason };
    if shared.credentials.is_revoked(&principal.serial) {
        return Err(refused(Reason::Revoked { serial: principal.serial.clone() }));
    }
    if !shared.topics.has_app(&principal.app) {
        return Err(refused(Reason::UnknownApp { app: principal.app.clone() }));
    }
    handshake.finish();
    let (place, no_room) = match shared.admission.user(&principal.app, &principal.user) {
        Ok(place) => (place, None),
        Err(reason) => match shared.anteroom.user(&principal.app, &principal.user) {
            Ok(place) => (place, Some(reason)),
            Err(_) => return Err(refused(reason)),
        },
    };
    Ok(Some((Client { principal, peer, place, refused: no_room }, stream)))
}

/// The stream of a Kafka client, or `None` as above.
async fn shake_hands(
    shared: &Shared,
    socket: TcpStream,
    place: &HandshakePlace,
) -> Result<Option<TlsStream<TcpStream>>, Refused> {
    const TLS_HANDSHAKE: u8 = 0x16; // RFC 8446 section 5.1, ContentType
    let broken = |error: io::Error| Reason::Broken { message: error.to_string() };
    socket.set_nodelay(true).map_err(broken)?;
    let mut first = [0];
    match socket.peek(&mut first).await.map_err(broken)? {
        0 => return Err(Reason::Vanished.into()),
        _ if first[0] != TLS_HANDSHAKE => return Err(Reason::PlainText { first_byte: first[0] }.into()),
        _ => {}
    }
    let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await.map_err(Reason::of_handshake)?;
    place.note_hello();
    let http = shared.http.as_ref().filter(|_| offers_http(&hello.client_hello()));
    let Some(http) = http else {
        let (tls, presented) = shared.credentials.kafka_handshake();
        let failed =
            |error| Refused { who: Who::showing(presented.certificate()), reason: Reason::of_handshake(error) };
        return hello.into_stream(tls).await.map(Some).map_err(failed);
    };
    let stream = hello.into_stream(http.tls.clone()).await.map_err(Reason::of_handshake)?;
    let _ = http.queue.send(stream).await; // nobody takes it: the server is stopping
    Ok(None)
}

fn offers_http(hello: &ClientHello<'_>) -> bool {
    hello.alpn().into_iter().flatten().any(|protocol| protocol == b"h2" || protocol == b"http/1.1")
}

/// Ends once the session's certificate is revoked.
async fn revoked(shared: &Shared, serial: &str) -> Reason {
    let mut revocations = shared.credentials.watch_revocations();
    loop {
        revocations.mark_unchanged();
        if shared.credentials.is_revoked(serial) {
            return Reason::Revoked { serial: serial.to_owned() };
        }
        if revocations.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn answer_requests(session: &Session, mut stream: FrameStream) -> Result<(), Reason> {
    let mut shutdown = session.server.shutdown.clone();
    loop {
        let frame = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            frame = stream.next_frame(&session.place) => frame?,
        };
        let Some(frame) = frame else { return Ok(()) };
        let Some(reply) = answer(session, &mut stream, frame.bytes).await? else { continue };
        session.server.metrics.sent_bytes.inc_by(reply.len_bytes() as u64);
        stream.write(reply, &session.place).await?;
        drop(frame.held);
    }
    stream.close().await;
    Ok(())
}

/// Answers one request while reading ahead, so that a client that goes away does not keep a long poll alive. `None`:
/// it went.
async fn answer(session: &Session, stream: &mut FrameStream, frame: Bytes) -> Result<Option<Reply>, Reason> {
    let request = Request::read(frame)?;
    let mut answer = std::pin::pin!(api::answer(session, &request));
    loop {
        tokio::select! {
            biased;
            reply = &mut answer => return reply.map(Some),
            ReadAhead::End = stream.read_ahead() => {
                if request.is_abandonable() {
                    return Ok(None);
                }
            }
        }
    }
}
