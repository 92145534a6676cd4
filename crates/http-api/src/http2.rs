//! HTTP/2 on one connection (RFC 9113), within the bounds that HTTP/1.1 has.
//!
//! Invariants: of a connection one request is answered at a time, since whoever is closed for room,
//! for memory or for slowness is a connection (`guests`); a further stream is refused, and its
//! client may send it again (RFC 9113 section 8.7) or wait, as the setting tells it. A client that
//! asks for nothing, or takes too little of a reply, is waited for as long as in HTTP/1.1, whatever
//! frames it sends meanwhile. All of a connection runs in its one task, and ends with it.
//! Not here: what a request means (`edge`), HTTP/1.1 (`serve`).

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use hyper::{
    body::{Body as HttpBody, Frame, SizeHint},
    rt::Executor,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    HttpApi,
    access::Door,
    edge,
    guests::Guest,
    limits::{
        HEAD_BYTES_MAX, HTTP2_WINDOW_BYTES, LINGER_TIMEOUT, REQUESTS_AT_ONCE, WRITE_BYTES_PER_SECOND_MIN, WRITE_TIMEOUT,
    },
    stream::ClientStream,
};

/// How often a connection is looked at, whether its client takes too long.
const CHECK: Duration = Duration::from_secs(1);

/// Answers the requests of a connection until it ends, or until its client takes too long.
pub(crate) async fn run(
    api: &HttpApi,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    guest: &Arc<Guest>,
    door: Door,
    mut stopping: watch::Receiver<bool>,
) -> hyper::Result<()> {
    guest.takes_by_frames();
    let exchange = Exchange::new(guest.clone(), api.state.options.header_timeout);
    let service = service_fn(|request| {
        let turn = exchange.begin();
        let answer = edge::answer(api.clone(), door, guest.clone(), request);
        async move { Ok::<_, std::convert::Infallible>(turn.answered(answer.await)) }
    });
    let streams = Streams::default();
    let connection = http2::Builder::new(streams.clone())
        .max_concurrent_streams(REQUESTS_AT_ONCE)
        .initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .serve_connection(TokioIo::new(ClientStream::new(stream, guest.clone())), service);
    let mut connection = pin!(connection);
    let mut leaving = None;
    let mut running = Vec::new();
    loop {
        tokio::select! {
            ended = poll_fn(|context| {
                let ended = connection.as_mut().poll(context);
                streams.poll(&mut running, context);
                ended
            }) => return ended,
            _ = stopping.wait_for(|&stop| stop), if leaving.is_none() => {
                leaving = Some(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
            () = sleep(CHECK) => match exchange.late(Instant::now()) {
                Some(Late::Reply) => return Ok(()),
                Some(Late::Request) if leaving.is_none() => {
                    leaving = Some(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
                _ => {}
            },
        }
        // Whoever has been told of the end and asks for nothing need not answer that.
        if leaving.is_some_and(|since: Instant| since.elapsed() >= LINGER_TIMEOUT) && exchange.is_idle() {
            return Ok(());
        }
    }
}

/// The streams of a connection, which run in its task.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Vec<Running>>>);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.begun().push(Box::pin(stream));
    }
}

impl Streams {
    fn poll(&self, running: &mut Vec<Running>, context: &mut Context<'_>) {
        running.append(&mut self.begun());
        running.retain_mut(|stream| stream.as_mut().poll(context).is_pending());
    }

    fn begun(&self) -> MutexGuard<'_, Vec<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a connection is with its one request.
struct Exchange {
    guest: Arc<Guest>,
    idle_max: Duration,
    state: Mutex<State>,
}

struct State {
    /// Of the newest request.
    number: u64,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// No request is under way.
    Idle { until: Instant },
    /// Somebody works for it; every wait of that has its own bound.
    Asked,
    /// The client takes the reply.
    Answered { until: Instant },
}

/// What a client is late with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    Request,
    Reply,
}

impl Exchange {
    fn new(guest: Arc<Guest>, idle_max: Duration) -> Arc<Self> {
        let step = Step::Idle { until: Instant::now() + idle_max };
        Arc::new(Self { guest, idle_max, state: Mutex::new(State { number: 0, step }) })
    }

    fn begin(self: &Arc<Self>) -> Turn {
        let mut state = self.state();
        state.number += 1;
        state.step = Step::Asked;
        Turn { exchange: self.clone(), number: state.number }
    }

    fn late(&self, now: Instant) -> Option<Late> {
        match self.state().step {
            Step::Idle { until } if until <= now => Some(Late::Request),
            Step::Answered { until } if until <= now => Some(Late::Reply),
            _ => None,
        }
    }

    fn is_idle(&self) -> bool {
        matches!(self.state().step, Step::Idle { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's. When it is dropped the client has the reply, or wants none.
struct Turn {
    exchange: Arc<Exchange>,
    number: u64,
}

impl Turn {
    /// The reply, whose bytes hold the turn: hyper drops a body as soon as it has all of it in its
    /// own queue, long before the client has taken it.
    fn answered(self, response: Response) -> Response {
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        let patience = WRITE_TIMEOUT + Duration::from_millis(bytes * 1000 / WRITE_BYTES_PER_SECOND_MIN);
        self.move_on(Step::Answered { until: Instant::now() + patience });
        response.map(|body| Body::new(Held { body, turn: Arc::new(self) }))
    }

    /// Unless a later request began meanwhile, because the client gave this one up.
    fn move_on(&self, step: Step) -> bool {
        let mut state = self.exchange.state();
        let is_newest = state.number == self.number;
        if is_newest {
            state.step = step;
        }
        is_newest
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.move_on(Step::Idle { until: Instant::now() + self.exchange.idle_max }) {
            self.exchange.guest.reply_is_taken();
        }
    }
}

/// A body whose bytes hold a turn.
struct Held {
    body: Body,
    turn: Arc<Turn>,
}

struct HeldBytes {
    bytes: Bytes,
    _turn: Arc<Turn>,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let turn = self.turn.clone();
        let hold = |bytes: Bytes| Bytes::from_owner(HeldBytes { bytes, _turn: turn });
        Pin::new(&mut self.body).poll_frame(context).map_ok(|frame| frame.map_data(hold))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use axum::http::{Request, StatusCode};
    use h2::client::SendRequest;
    use http_body_util::BodyExt as _;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::{HttpApiOptions, guests::Place};

    /// A connection to an API of its own.
    struct Served {
        client: SendRequest<Bytes>,
        serving: JoinHandle<hyper::Result<()>>,
        stop: watch::Sender<bool>,
        _directory: tempfile::TempDir,
    }

    impl Served {
        async fn new(change: impl FnOnce(&mut HttpApiOptions)) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let api = HttpApi::for_tests_with(directory.path(), change);
            api.state.data_dir.create_app(&api.state.options.default_app).unwrap();
            let (stop, stopping) = watch::channel(false);
            let local_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let place: Place = api.state.guests.admit(local_ip).await;
            let door = Door { open: true, local_ip, peer: (local_ip, 1).into(), secure: true };
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let serving = tokio::spawn(async move { run(&api, theirs, &place.guest, door, stopping).await });
            let (client, connection) = h2::client::handshake(ours).await.unwrap();
            tokio::spawn(connection);
            Self { client, serving, stop, _directory: directory }
        }

        async fn ended(self) {
            // How the client goes then is no matter.
            let _ = tokio::time::timeout(Duration::from_secs(20), self.serving).await.unwrap().unwrap();
        }

        /// Begins `store/count` from a transaction on.
        async fn count(&self, txn_min: u64) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
            let request = Request::post("https://localhost/api/v4/store/count").header("x-ditto-txn-id", txn_min);
            let mut client = self.client.clone().ready().await.unwrap();
            let (reply, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
            body.send_data(Bytes::from_static(br#"{"collection":"c"}"#), true).unwrap();
            (reply, body)
        }
    }

    #[tokio::test]
    async fn requests_are_answered_one_after_the_other() {
        let served = Served::new(|options| options.request_timeout = Duration::from_millis(300)).await;
        let (waits, _body) = served.count(1000).await;
        let (counts, _body) = served.count(0).await;
        let (waited, counted) = tokio::join!(waits, counts);
        assert_eq!((waited.unwrap().status(), counted.unwrap().status()), (StatusCode::NOT_FOUND, StatusCode::OK));
        served.stop.send_replace(true);
        served.ended().await;
    }

    #[tokio::test]
    async fn whoever_gives_a_request_up_asks_the_next() {
        let served = Served::new(|options| options.request_timeout = Duration::from_secs(3600)).await;
        for _ in 0..10 {
            let (given_up, mut body) = served.count(1000).await;
            body.send_reset(h2::Reason::CANCEL);
            assert!(given_up.await.is_err());
        }
        assert_eq!(served.count(0).await.0.await.unwrap().status(), StatusCode::OK);
        served.stop.send_replace(true);
        served.ended().await;
    }

    #[tokio::test]
    async fn whoever_asks_for_nothing_is_told_to_go() {
        let served = Served::new(|options| options.header_timeout = Duration::ZERO).await;
        served.ended().await;
    }

    #[tokio::test]
    async fn a_stop_finishes_what_is_being_answered() {
        let served = Served::new(|options| options.request_timeout = Duration::from_millis(300)).await;
        assert_eq!(served.count(0).await.0.await.unwrap().status(), StatusCode::OK);
        let (reply, _body) = served.count(1000).await;
        served.stop.send_replace(true);
        assert_eq!(reply.await.unwrap().status(), StatusCode::NOT_FOUND);
        served.ended().await;
    }

    #[tokio::test]
    async fn a_turn_lasts_until_the_reply_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let api = HttpApi::for_tests(directory.path());
        let place = api.state.guests.admit(Ipv4Addr::LOCALHOST.into()).await;
        let minute = Duration::from_secs(60);
        let exchange = Exchange::new(place.guest.clone(), minute);
        assert_eq!(exchange.late(Instant::now() + 2 * minute), Some(Late::Request));

        let turn = exchange.begin();
        assert_eq!(exchange.late(Instant::now() + 1000 * minute), None, "it is worked for");
        let response = turn.answered(Response::new(Body::from("taken slowly")));
        assert_eq!(exchange.late(Instant::now()), None);
        assert_eq!(exchange.late(Instant::now() + 2 * WRITE_TIMEOUT), Some(Late::Reply));
        let bytes = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(!exchange.is_idle(), "the body is gone, the bytes are not");
        drop(bytes);
        assert!(exchange.is_idle());

        let given_up = exchange.begin();
        let newer = exchange.begin();
        drop(given_up);
        assert!(!exchange.is_idle(), "there is a newer one");
        drop(newer);
        assert!(exchange.is_idle());
    }
}
