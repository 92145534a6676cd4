//! Futures and streams, by hand: no runtime is needed for them.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Instant,
};

use futures_core::Stream;
use headwater::{Config, Error, Headwater, State};
use serde_json::{Value, json};

use crate::server::{PATIENCE, Server, free_url};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until there is something; the only runtime here.
#[track_caller]
pub(crate) fn wait_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(it) = poll(&mut Context::from_waker(&waker)) {
            return it;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        thread::park_timeout(PATIENCE);
    }
}

#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    wait_on(|context| future.as_mut().poll(context))
}

#[track_caller]
fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    wait_on(|context| Pin::new(&mut *stream).poll_next(context))
}

fn is_quiet<S: Stream + Unpin>(stream: &mut S) -> bool {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_stream_gives_the_current_result_first_and_then_what_changed_once() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path())).unwrap();
    let documents = peer.store().collection("t").unwrap();
    let mut results = peer.store().observe("SELECT n FROM t ORDER BY n", ()).unwrap();
    let mut found = documents.find("n > 1").sort_descending("n").limit(1).stream().unwrap();
    assert_eq!(next(&mut results).unwrap().unwrap(), Vec::<Value>::new());
    assert_eq!(next(&mut found).unwrap().unwrap(), Vec::<Value>::new());
    assert!(is_quiet(&mut results));
    for n in 0..5 {
        documents.upsert(json!({"_id": n, "n": n})).unwrap();
    }
    assert_eq!(next(&mut results).unwrap().unwrap().len(), 5, "told once");
    assert_eq!(next(&mut found).unwrap().unwrap(), [json!({"_id": 4, "n": 4})]);
    assert!(is_quiet(&mut results));
    let writer = thread::spawn({
        let documents = documents.clone();
        move || documents.remove(json!(0)).unwrap()
    });
    assert_eq!(next(&mut results).unwrap().unwrap().len(), 4, "it is woken");
    writer.join().unwrap();
    drop(found);
    peer.close();
    assert!(next(&mut results).is_none(), "it ends with the peer");
}

#[test]
fn verdicts_and_states_are_futures_and_streams() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    let mut states = peer.sync().states().unwrap();
    assert_eq!(next(&mut states), Some(State::Stopped));
    let written = peer.store().collection("t").unwrap().upsert(json!({"_id": 1})).unwrap();
    let (mut committed, flushed) = (written.when_committed(), peer.sync().when_flushed());
    assert!(pin!(&mut committed).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let _server = Server::start(&url);
    peer.start_sync().unwrap();
    assert_eq!(block_on(committed).unwrap(), Some(1));
    assert_eq!(block_on(flushed).unwrap(), Some(1));
    while next(&mut states) != Some(State::Live) {}
    peer.stop_sync().unwrap();
    while next(&mut states) != Some(State::Stopped) {}
    let never = peer.store().collection("t").unwrap().upsert(json!({"_id": 2})).unwrap().when_committed();
    peer.close();
    assert!(matches!(block_on(never), Err(Error::Closed)));
    assert!(next(&mut states).is_none());
}
