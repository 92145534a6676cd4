//! One look at each event for all live sessions of an app.
//!
//! A session that has everything takes a seat. Each new event is decoded once, each filter that may
//! have its document is asked once, and what a session sees of it is put before it; a session that
//! sees nothing of it is not woken.
//!
//! Invariants: what is put before a session is what it sees of all events from where it sat down;
//! it takes whole transactions; what waits for it is bounded: a session that does not take it loses
//! its seat, as all do where events are not in memory any more, and reads for itself.
//! Not here: reading for oneself (`changes`), what is told (`page`).

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use kafka_wire::record_batch::Record;
use store::{App, TxnId};
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, yield_now},
};

use crate::{
    asking::Asking,
    changes::ChangesError,
    events::{self, Event, Seen},
    limits::{EVENTS_AT_A_TIME, EVENTS_BYTES, LIVE_EVENT_BYTES, PUTS_AT_A_TIME, SEAT_BYTES},
    subscription::Subscribed,
};

/// Those of all apps.
#[derive(Debug, Default)]
pub(crate) struct LiveFeeds(Mutex<HashMap<String, Weak<LiveFeed>>>);

/// That of one app. Its task ends with it.
#[derive(Debug)]
pub(crate) struct LiveFeed {
    app: Arc<App>,
    seated: Mutex<Seated>,
    task: Mutex<Option<AbortHandle>>,
}

/// Who sits, and up to where events were looked at.
#[derive(Debug, Default)]
struct Seated {
    /// By session.
    seats: HashMap<u64, SeatedSession>,
    /// What they ask, by collection.
    asking: HashMap<String, Asking>,
    next_offset: u64,
    /// Of the event that was looked at last.
    last_txn: TxnId,
    /// Up to which transaction all events were looked at, and where the next one begins.
    through: TxnId,
    txn_offset: u64,
    /// How often something was put before a session, since others had a turn.
    puts: usize,
    /// Sessions that have something to take, and do not know it.
    unwoken: BTreeSet<u64>,
}

#[derive(Debug)]
struct SeatedSession {
    subs: Vec<Arc<Subscribed>>,
    seen: Vec<Seen>,
    bytes: usize,
    woken: Arc<Notify>,
}

/// A session's place; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    feed: Arc<LiveFeed>,
    session: u64,
    /// There is something to take, or the seat is lost.
    pub(crate) woken: Arc<Notify>,
}

/// What a session sees since it took before.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) seen: Vec<Seen>,
    pub(crate) through: TxnId,
    pub(crate) next_offset: u64,
}

impl LiveFeeds {
    /// That of the app, begun if it is not there.
    pub(crate) fn of(&self, app: &Arc<App>) -> Arc<LiveFeed> {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = app.name().as_str();
        let known = feeds.get(name).and_then(Weak::upgrade);
        if let Some(feed) = known.filter(|feed| Arc::ptr_eq(&feed.app, app)) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = LiveFeed::begin(app.clone());
        feeds.insert(name.to_owned(), Arc::downgrade(&feed));
        feed
    }
}

impl LiveFeeds {
    /// That of the app, if it has one.
    pub(crate) fn of_app(&self, app: &str) -> Option<Arc<LiveFeed>> {
        let feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.get(app).and_then(Weak::upgrade)
    }
}

impl LiveFeed {
    /// Up to where a session that sits here was told everything that concerns it; `None` if something
    /// waits for it.
    pub(crate) fn told(&self, session: u64) -> Option<TxnId> {
        let seated = self.seated();
        let seat = seated.seats.get(&session)?;
        seat.seen.is_empty().then_some(seated.through)
    }

    fn begin(app: Arc<App>) -> Arc<Self> {
        let events = app.events().watch();
        let feed = Arc::new(Self { app, seated: Mutex::default(), task: Mutex::default() });
        let task = tokio::spawn(follow(Arc::downgrade(&feed), events)).abort_handle();
        *feed.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        feed
    }

    /// A seat for a session that has everything before the event at `from`; none if that is not
    /// where all are.
    pub(crate) fn sit_down(self: &Arc<Self>, session: u64, subs: Vec<Arc<Subscribed>>, from: u64) -> Option<Seat> {
        let mut seated = self.seated();
        let is_done = self.look_at_some(&mut seated);
        seated.wake();
        if !is_done || seated.next_offset.checked_sub(from)? > EVENTS_AT_A_TIME {
            return None;
        }
        let woken = Arc::new(Notify::new());
        let mut newcomer = SeatedSession { subs, seen: Vec::new(), bytes: 0, woken: woken.clone() };
        if !self.look_again(&mut newcomer, from, seated.next_offset).ok()? {
            return None;
        }
        if let Some(last) = newcomer.seen.last() {
            // Events are there a moment before it is told which transaction is the newest.
            let next_offset = seated.next_offset;
            seated.jump_to(next_offset, last.change.txn);
        }
        for subscribed in &newcomer.subs {
            let asked = &subscribed.asked;
            let asking = seated.asking.entry(asked.collection.as_str().to_owned()).or_default();
            asking.add(asked, session, subscribed.sub);
        }
        seated.seats.insert(session, newcomer);
        drop(seated);
        Some(Seat { feed: self.clone(), session, woken })
    }

    /// What a newcomer sees of events that the others have seen; `false` if that cannot be said.
    fn look_again(&self, newcomer: &mut SeatedSession, from: u64, end: u64) -> Result<bool, ChangesError> {
        if from == end {
            return Ok(true);
        }
        let Some(pieces) = self.app.events().read_recent(from, EVENTS_BYTES) else { return Ok(false) };
        let mut next_offset = from;
        for piece in &pieces {
            let is_seen = events::each_record(piece, |record, at| {
                if at < next_offset || at >= end {
                    return Ok(true);
                }
                let collection = events::collection_of(record);
                let subs = newcomer.subs.iter().map(|it| &**it);
                let subs: Vec<_> = subs.filter(|it| it.asked.collection.as_str() == collection).collect();
                if !subs.is_empty() {
                    let Some(event) = light_event(&self.app, record, at, &|_| true)? else { return Ok(false) };
                    let seen = event.seen_by(&subs);
                    newcomer.bytes += seen.as_ref().map_or(0, Seen::bytes);
                    newcomer.seen.extend(seen);
                }
                next_offset = at + 1;
                Ok(true)
            })?;
            if !is_seen {
                return Ok(false);
            }
        }
        Ok(next_offset == end)
    }

    /// Looks at new events, some at a time; whether all were looked at.
    fn look(&self) -> bool {
        let mut seated = self.seated();
        let is_done = self.look_at_some(&mut seated);
        seated.wake();
        is_done
    }

    fn look_at_some(&self, seated: &mut Seated) -> bool {
        // In this order: the events of all transactions up to that one lie before the end.
        let newest = self.app.newest_txn();
        let end = self.app.events().high_watermark();
        if seated.seats.is_empty() {
            seated.jump_to(end, newest);
            return true;
        }
        let begun_at = seated.next_offset;
        seated.puts = 0;
        while seated.next_offset < end {
            if seated.is_enough(begun_at) {
                return false;
            }
            let from = seated.next_offset;
            let looked = match self.app.events().read_recent(from, EVENTS_BYTES) {
                None => Err(ChangesError::Trimmed),
                Some(pieces) => pieces.iter().try_for_each(|piece| {
                    events::each_record(piece, |record, at| {
                        let is_enough = seated.is_enough(begun_at);
                        if at >= seated.next_offset && at < end && !is_enough {
                            self.look_at(seated, record, at)?;
                        }
                        Ok(!is_enough)
                    })
                    .map(drop)
                }),
            };
            if looked.is_err() || seated.next_offset == from {
                seated.clear();
                seated.jump_to(end, newest);
                return true;
            }
        }
        seated.jump_to(end, newest.max(seated.last_txn));
        true
    }

    fn look_at(&self, seated: &mut Seated, record: &Record<'_>, at: u64) -> Result<(), ChangesError> {
        let txn = events::txn_of(record, at)?;
        if txn > seated.last_txn {
            (seated.through, seated.txn_offset) = (seated.last_txn, at);
        }
        (seated.last_txn, seated.next_offset) = (txn, at + 1);
        let collection = events::collection_of(record);
        let Some(asking) = seated.asking.get(collection) else { return Ok(()) };
        let Some(event) = light_event(&self.app, record, at, &|name| asking.looks_at(name))? else {
            for session in asking.sessions() {
                seated.unseat(session); // it looks at this one for itself
            }
            return Ok(());
        };
        let mut seen: HashMap<u64, Seen> = HashMap::new();
        for filter in asking.candidates(&event.change.id, event.states()) {
            let (before, after) = event.asked_of(&filter.asked);
            if !before && !after {
                continue;
            }
            for (session, sub) in &filter.sessions {
                let none = || Seen { change: event.change.clone(), had: Vec::new(), has: Vec::new() };
                let seen = seen.entry(*session).or_insert_with(none);
                before.then(|| seen.had.push(*sub));
                after.then(|| seen.has.push(*sub));
            }
        }
        for (session, mut seen) in seen {
            seen.had.sort_unstable();
            seen.has.sort_unstable();
            seated.put_before(session, seen);
        }
        Ok(())
    }

    fn seated(&self) -> MutexGuard<'_, Seated> {
        self.seated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Seated {
    /// All events before `end` were looked at.
    fn jump_to(&mut self, end: u64, newest: TxnId) {
        (self.next_offset, self.txn_offset) = (end, end);
        self.last_txn = self.last_txn.max(newest);
        self.through = self.last_txn;
    }

    /// Whether others are to have a turn.
    fn is_enough(&self, begun_at: u64) -> bool {
        self.next_offset - begun_at >= EVENTS_AT_A_TIME || self.puts >= PUTS_AT_A_TIME
    }

    fn put_before(&mut self, session: u64, seen: Seen) {
        self.puts += 1;
        let Some(seat) = self.seats.get_mut(&session) else { return };
        seat.bytes += seen.bytes();
        if seat.bytes > SEAT_BYTES {
            return self.unseat(session);
        }
        seat.seen.push(seen);
        self.unwoken.insert(session);
    }

    /// Wakes who has a whole transaction to take.
    fn wake(&mut self) {
        let (seats, through) = (&self.seats, self.through);
        self.unwoken.retain(|session| {
            let Some(seat) = seats.get(session) else { return false };
            let has_some = seat.seen.first().is_some_and(|seen| seen.change.txn <= through);
            has_some.then(|| seat.woken.notify_one());
            !has_some
        });
    }

    fn unseat(&mut self, session: u64) {
        let Some(SeatedSession { subs, woken, .. }) = self.seats.remove(&session) else { return };
        for subscribed in &subs {
            let name = subscribed.asked.collection.as_str();
            let Some(asking) = self.asking.get_mut(name) else { continue };
            asking.remove(&subscribed.asked, session, subscribed.sub);
            if asking.is_empty() {
                self.asking.remove(name);
            }
        }
        woken.notify_one();
    }

    fn clear(&mut self) {
        self.seats.drain().for_each(|(_, seat)| seat.woken.notify_one());
        self.asking.clear();
        self.unwoken.clear();
    }
}

impl Seat {
    /// What the session sees of whole transactions since it took before; `None` if the seat is lost:
    /// it is to read from where it was.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut seated = self.feed.seated();
        let (through, next_offset) = (seated.through, seated.txn_offset);
        let seat = seated.seats.get_mut(&self.session)?;
        let whole = seat.seen.partition_point(|seen| seen.change.txn <= through);
        let rest = seat.seen.split_off(whole);
        let seen = std::mem::replace(&mut seat.seen, rest);
        seat.seen.shrink_to_fit();
        seat.bytes = seat.seen.iter().map(Seen::bytes).sum();
        Some(Taken { seen, through, next_offset })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.feed.seated().unseat(self.session);
    }
}

/// Follows an app's events while somebody has its feed.
async fn follow(feed: Weak<LiveFeed>, mut events: watch::Receiver<u64>) {
    while events.changed().await.is_ok() {
        loop {
            let Some(feed) = feed.upgrade() else { return };
            if feed.look() {
                break;
            }
            drop(feed);
            yield_now().await;
        }
    }
}

/// The event, unless it is large or needs the documents.
fn light_event(
    app: &App,
    record: &Record<'_>,
    at: u64,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Option<Event>, ChangesError> {
    if record.value.is_none_or(|value| value.len() > LIVE_EVENT_BYTES) {
        return Ok(None);
    }
    Event::of(app, None, record, at, is_wanted)
}
