//! The connections that are open, and which of them is closed when a newcomer finds no place.
//!
//! A connection either waits for its client (a handshake, a head, a body, the next request, a reply
//! that the client does not take; a transaction that the client says there will be, at no cost to
//! it), or is worked for. Somebody whose request was let in once is an acquaintance; the others are
//! strangers.
//!
//! Invariants: a newcomer never waits for a connection that waits for its client; what is worked
//! for is never closed; so slow or silent clients cannot keep others out, however many they are.
//! Who is closed: [`Guests::make_room`].
//! Not here: how long each wait may take (`serve`, `body`, `stream`).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use hyper::body::Incoming;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::limits;

/// A request of it is worked for.
const WORKED_FOR: u64 = 0;
/// Its reply is being handed to the kernel.
const REPLIED_TO: u64 = 1;
/// It waits for its client since this many microseconds after the start of the server, and so from
/// here on.
const WAITING_MIN: u64 = 2;
/// It was closed to make room.
const CLOSED: u64 = u64::MAX;

/// All connections of all listeners.
pub(crate) struct Guests {
    started: Instant,
    places_max: usize,
    places: Arc<Semaphore>,
    list: Mutex<List>,
    /// Closed to make room.
    closed: Counter,
}

#[derive(Default)]
struct List {
    guests: HashMap<u64, Arc<Guest>>,
    id_next: u64,
    per_address: HashMap<Address, usize>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Guest {
    started: Instant,
    address: Address,
    state: AtomicU64,
    acquaintance: AtomicBool,
    /// What its request's body holds of the memory for bodies.
    body_kib: AtomicU32,
    /// By when its client should have taken more of its reply, on the scale of `state`; 0 if there
    /// is none on its way.
    reply_due: AtomicU64,
    /// Whether its client says with frames what it takes (HTTP/2): that the kernel has all that was
    /// to be sent so far is then no sign that the reply was taken.
    by_frames: AtomicBool,
    /// Whether more of its reply is to come than the kernel was given so far.
    streams: AtomicBool,
    leave: Notify,
    unread: Mutex<Option<Incoming>>,
}

/// Where clients come from: an IPv4 address, or an IPv6 network of 64 bits, since one client
/// commands all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Address(u64);

/// A connection's place; it is free again when this is dropped.
pub(crate) struct Place {
    pub(crate) guest: Arc<Guest>,
    guests: Arc<Guests>,
    id: u64,
    _permit: OwnedSemaphorePermit,
}

impl Guests {
    pub(crate) fn new(places_max: usize, closed: Counter) -> Self {
        let places = Arc::new(Semaphore::new(places_max));
        Self { started: Instant::now(), places_max, places, list: Mutex::default(), closed }
    }

    /// A guest of this process: it takes no place, and is never closed.
    pub(crate) fn own(&self, address: IpAddr) -> Guest {
        Guest::new(self.started, Address::of(address))
    }

    /// A place for a newcomer: at once, unless every other connection is being worked for.
    pub(crate) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Place {
        let address = Address::of(peer);
        self.bound_strangers_of(address);
        let permit = loop {
            if let Ok(permit) = self.places.clone().try_acquire_owned() {
                break permit;
            }
            self.make_room();
            if let Ok(Ok(permit)) = timeout(limits::ROOM_PAUSE, self.places.clone().acquire_owned()).await {
                break permit;
            }
        };
        let guest = Arc::new(Guest::new(self.started, address));
        let mut list = self.list();
        let id = list.id_next;
        list.id_next += 1;
        list.guests.insert(id, guest.clone());
        *list.per_address.entry(address).or_default() += 1;
        Place { guest, guests: self.clone(), id, _permit: permit }
    }

    /// Closes some that wait, the longest-waiting of the address that has the most: strangers
    /// first, as long as they hold more than their reserved share of the places; then whoever
    /// idles. So acquaintances keep their places beside an attack of strangers, and strangers get
    /// in beside any number of idle acquaintances.
    pub(crate) fn make_room(&self) {
        if self.list().guests.values().any(|guest| guest.state.load(Ordering::Relaxed) == CLOSED) {
            return; // there is room in a moment
        }
        let waiting = self.waiting();
        let (acquaintances, strangers): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(guest, _)| guest.acquaintance.load(Ordering::Relaxed));
        let reserved = self.places_max / limits::STRANGERS_RESERVED_PART;
        let enough = strangers.len() > reserved || acquaintances.is_empty();
        let class = if enough { strangers } else { acquaintances };
        let count = (self.places_max / limits::ROOM_PART).max(1);
        self.close(of_the_fullest_addresses(class, count));
    }

    /// Closes the connection whose body has been on its way for the longest, of the address that
    /// has the most of them.
    pub(crate) fn close_slowest_body(&self) {
        let mut sending = self.waiting();
        sending.retain(|(guest, _)| guest.body_kib.load(Ordering::Relaxed) > 0);
        self.close(of_the_fullest_addresses(sending, 1));
    }

    /// Closes a connection whose client takes its reply too slowly for others to wait for the
    /// memory, of the address that has the most of them.
    pub(crate) fn close_slowest_reply(&self) {
        self.close(of_the_fullest_addresses(self.late_replies(now(self.started)), 1));
    }

    /// Those that wait for their clients to take replies which they should have by `now`.
    fn late_replies(&self, now: u64) -> Vec<(Arc<Guest>, u64)> {
        let mut late = self.waiting();
        late.retain(|(guest, _)| (WAITING_MIN..=now).contains(&guest.reply_due.load(Ordering::Relaxed)));
        late
    }

    /// Keeps an address from having more waiting strangers than it may; the newest stay.
    fn bound_strangers_of(&self, address: Address) {
        let most = (self.places_max / limits::STRANGERS_ADDRESS_PART).max(1);
        if self.list().per_address.get(&address).is_none_or(|&count| count < most) {
            return;
        }
        let mut strangers = self.waiting();
        strangers.retain(|(guest, _)| guest.address == address && !guest.acquaintance.load(Ordering::Relaxed));
        if strangers.len() >= most {
            let some = (most / limits::ROOM_PART).max(1);
            self.close(of_the_fullest_addresses(strangers, some));
        }
    }

    /// Those that wait for their clients, each with since when.
    fn waiting(&self) -> Vec<(Arc<Guest>, u64)> {
        let list = self.list();
        let since = |guest: &Arc<Guest>| Some((guest.clone(), guest.waiting_since()?));
        list.guests.values().filter_map(since).collect()
    }

    fn close(&self, chosen: Vec<(Arc<Guest>, u64)>) {
        for (guest, since) in chosen {
            let closed = guest.state.compare_exchange(since, CLOSED, Ordering::AcqRel, Ordering::Relaxed);
            if closed.is_ok() {
                guest.leave.notify_one();
                self.closed.inc();
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `count` of them: one by one from the address that then has the most, of that the
/// longest-waiting.
fn of_the_fullest_addresses(mut waiting: Vec<(Arc<Guest>, u64)>, count: usize) -> Vec<(Arc<Guest>, u64)> {
    waiting.sort_by_key(|(guest, since)| (guest.address, std::cmp::Reverse(*since)));
    let mut queues: Vec<Vec<(Arc<Guest>, u64)>> = Vec::new();
    for one in waiting {
        match queues.last_mut().filter(|queue| queue[0].0.address == one.0.address) {
            Some(queue) => queue.push(one),
            None => queues.push(vec![one]),
        }
    }
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let longest_wait = |queue: &[(Arc<Guest>, u64)]| std::cmp::Reverse(queue.last().map(|(_, since)| *since));
        let fullest = queues.iter_mut().max_by_key(|queue| (queue.len(), longest_wait(queue)));
        match fullest.and_then(|queue| queue.pop()) {
            Some(one) => chosen.push(one),
            None => break,
        }
    }
    chosen
}

impl Guest {
    fn new(started: Instant, address: Address) -> Self {
        let state = AtomicU64::new(now(started));
        Self {
            started,
            address,
            state,
            acquaintance: AtomicBool::new(false),
            body_kib: AtomicU32::new(0),
            reply_due: AtomicU64::new(0),
            by_frames: AtomicBool::new(false),
            streams: AtomicBool::new(false),
            leave: Notify::new(),
            unread: Mutex::new(None),
        }
    }

    /// A request is whole. `false`: too late, the connection is being closed and the request must
    /// not be worked for.
    pub(crate) fn work_begins(&self) -> bool {
        self.change(|_| Some(WORKED_FOR))
    }

    /// Nothing was done for its request yet: the body is still to come, or the transaction that the
    /// client asked for.
    pub(crate) fn work_waits(&self) {
        self.change(|_| Some(now(self.started)));
    }

    /// The reply goes out. `let_in`: the request was one that somebody may make.
    pub(crate) fn reply_begins(&self, let_in: bool) {
        if let_in && !self.acquaintance.load(Ordering::Relaxed) {
            self.acquaintance.store(true, Ordering::Relaxed);
        }
        self.body_kib.store(0, Ordering::Relaxed);
        let due = now(self.started) + limits::REPLY_PATIENCE.as_micros() as u64;
        self.reply_due.store(due, Ordering::Relaxed);
        self.change(|_| Some(REPLIED_TO));
    }

    /// The kernel has all that was to be sent so far: the client's turn.
    pub(crate) fn reply_is_out(&self) {
        if !self.by_frames.load(Ordering::Relaxed) && !self.streams.load(Ordering::Relaxed) {
            self.reply_due.store(0, Ordering::Relaxed);
        }
        self.reply_rests();
    }

    /// Its reply is read piece by piece, until this is dropped: that the kernel has all so far is no sign that the
    /// client takes it.
    pub(crate) fn begin_stream(self: &Arc<Self>) -> Streaming {
        self.streams.store(true, Ordering::Relaxed);
        Streaming(self.clone())
    }

    /// From here on replies are taken when [`Guest::reply_is_taken`] says so.
    pub(crate) fn takes_by_frames(&self) {
        self.by_frames.store(true, Ordering::Relaxed);
    }

    /// The client has the whole reply of its request, or wants none any longer.
    pub(crate) fn reply_is_taken(&self) {
        self.reply_due.store(0, Ordering::Relaxed);
        self.work_waits();
    }

    /// The kernel takes no more: the client's turn.
    pub(crate) fn reply_rests(&self) {
        self.change(|state| (state == REPLIED_TO).then(|| now(self.started)));
    }

    /// The client took so many bytes of a reply, which may have rested. It earns the time in which
    /// it should have taken them; what it took quickly is no store for later.
    pub(crate) fn reply_goes_on(&self, bytes: u64) {
        let due = self.reply_due.load(Ordering::Relaxed);
        if due > 0 {
            let earned = bytes * 1_000_000 / limits::REPLY_BYTES_PER_SECOND_WAITED_FOR;
            let most = now(self.started) + limits::REPLY_PATIENCE.as_micros() as u64;
            self.reply_due.store((due + earned).min(most), Ordering::Relaxed);
        }
        self.change(|state| (state >= WAITING_MIN).then(|| now(self.started)));
    }

    /// What its body holds of the memory for bodies.
    pub(crate) fn holds_body_kib(&self, kib: u32) {
        self.body_kib.store(kib, Ordering::Relaxed);
    }

    /// Ends when the connection is to be closed to make room.
    pub(crate) async fn closed(&self) {
        self.leave.notified().await;
    }

    /// Where a body goes that its request's handler left unread.
    pub(crate) fn unread(&self) -> MutexGuard<'_, Option<Incoming>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting_since(&self) -> Option<u64> {
        Some(self.state.load(Ordering::Relaxed)).filter(|state| (WAITING_MIN..CLOSED).contains(state))
    }

    /// Changes the state, unless the connection is closed or `to` says otherwise.
    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> bool {
        let to = |state| if state == CLOSED { None } else { to(state) };
        self.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, to).is_ok()
    }
}

fn now(started: Instant) -> u64 {
    WAITING_MIN + started.elapsed().as_micros() as u64
}

impl Address {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(u64::from(ip.to_bits())),
            IpAddr::V6(ip) => Self((ip.to_bits() >> 64) as u64 | 1 << 63), // beside every IPv4 address
        }
    }
}

/// A reply of which more is to come.
pub(crate) struct Streaming(Arc<Guest>);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.streams.store(false, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut list = self.guests.list();
        list.guests.remove(&self.id);
        if let Some(count) = list.per_address.get_mut(&self.guest.address) {
            *count -= 1;
            if *count == 0 {
                list.per_address.remove(&self.guest.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guests with their addresses and since when each waits.
    fn waiting(given: &[(u64, u64)]) -> Vec<(Arc<Guest>, u64)> {
        let guest = |&(address, since)| (Arc::new(Guest::new(Instant::now(), Address(address))), since);
        given.iter().map(guest).collect()
    }

    fn chosen(given: &[(u64, u64)], count: usize) -> Vec<(u64, u64)> {
        let chosen = of_the_fullest_addresses(waiting(given), count);
        chosen.into_iter().map(|(guest, since)| (guest.address.0, since)).collect()
    }

    #[test]
    fn the_address_with_the_most_gives_its_longest_waiting() {
        let given = [(1, 10), (2, 40), (2, 30), (2, 20), (3, 5)];
        assert_eq!(chosen(&given, 1), [(2, 20)]);
        assert_eq!(chosen(&given, 2), [(2, 20), (2, 30)]);
        assert_eq!(chosen(&given, 4), [(2, 20), (2, 30), (3, 5), (1, 10)]);
        assert_eq!(chosen(&given, 9).len(), 5);
        assert_eq!(chosen(&[], 1), []);
    }

    #[test]
    fn one_client_has_a_whole_ipv6_network() {
        let of = |text: &str| Address::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn what_was_closed_is_not_worked_for() {
        let guests = Guests::new(1, Counter::default());
        let guest = Arc::new(Guest::new(guests.started, Address(1)));
        assert!(guest.work_begins());
        assert_eq!(guest.waiting_since(), None);
        guest.reply_begins(true);
        guest.reply_rests();
        let since = guest.waiting_since().unwrap();
        guests.close(vec![(guest.clone(), since)]);
        assert!(!guest.work_begins());
    }

    #[tokio::test]
    async fn replies_that_are_taken_slowly_give_way() {
        let guests = Arc::new(Guests::new(8, Counter::default()));
        let mut places = Vec::new();
        let mut streams = Vec::new();
        for (address, is_out) in [(1, false), (2, false), (2, true), (3, true)] {
            let place = guests.admit(IpAddr::from([127, 0, 0, address])).await;
            if address == 2 {
                streams.push(place.guest.begin_stream());
            }
            place.guest.reply_begins(true);
            if is_out {
                place.guest.reply_is_out()
            } else {
                place.guest.reply_rests()
            }
            places.push(place);
        }
        let late_after = |seconds: u64| {
            let late = guests.late_replies(now(guests.started) + seconds * 1_000_000);
            let mut late: Vec<_> = late.into_iter().map(|(guest, _)| guest.address.0 as u8).collect();
            late.sort();
            late
        };
        assert!(late_after(0).is_empty());
        assert_eq!(late_after(limits::REPLY_PATIENCE.as_secs()), [1, 2, 2]);
        // One has taken what earns another two seconds, however quickly it took it.
        let first = &places[0].guest;
        let due = first.reply_due.load(Ordering::Relaxed);
        first.reply_due.store(due - 1_000_000, Ordering::Relaxed);
        first.reply_goes_on(64 << 20);
        first.reply_rests();
        assert!(first.reply_due.load(Ordering::Relaxed) >= due);
        assert!(late_after(limits::REPLY_PATIENCE.as_secs() - 1).iter().all(|address| *address == 2));
        assert_eq!(late_after(limits::REPLY_PATIENCE.as_secs() + 1), [1, 2, 2]);
        // All of it was read, and the kernel has it.
        streams.clear();
        places[2].guest.reply_is_out();
        assert_eq!(late_after(limits::REPLY_PATIENCE.as_secs() + 1), [1, 2]);
    }
}
