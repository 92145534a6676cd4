//! Connections inside their handshake. Anybody may begin one, so nobody is turned away at the door: where there is no
//! room, one that is unfinished goes, the oldest first, of the address that has most, and those that have not even
//! said hello before others.
//!
//! Invariants: no address has more than its share; addresses that nobody knows leave room for those that have
//! finished a handshake lately; what is cut has left its place at once. Not here: who it is (`connection`), and
//! connections that are through (`admission`).

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::Instant};

use crate::limits;

/// All that are under way.
#[derive(Debug, Default)]
pub(crate) struct Handshakes(Mutex<Room>);

#[derive(Debug, Default)]
struct Room {
    next_id: u64,
    /// By age.
    waiting: BTreeMap<u64, Waiting>,
    addresses: HashMap<IpAddr, usize>,
    /// Those whose address was not known.
    strangers: usize,
    /// When each last finished a handshake.
    known: HashMap<IpAddr, Instant>,
}

#[derive(Debug)]
struct Waiting {
    address: IpAddr,
    is_stranger: bool,
    has_said_hello: bool,
    cut: oneshot::Sender<()>,
}

/// One handshake's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct HandshakePlace {
    handshakes: Arc<Handshakes>,
    id: u64,
    address: IpAddr,
}

/// Is ready when another handshake has taken the place.
pub(crate) type Cut = oneshot::Receiver<()>;

impl Handshakes {
    /// A place for one more; another one may have to go for it.
    pub(crate) fn begin(self: &Arc<Self>, address: IpAddr) -> (HandshakePlace, Cut) {
        let address = network(address);
        let (id, cut) = self.room().enter(address, Instant::now());
        (HandshakePlace { handshakes: self.clone(), id, address }, cut)
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandshakePlace {
    /// The client has said who it wants: more than one can do that only sends bytes.
    pub(crate) fn note_hello(&self) {
        if let Some(waiting) = self.handshakes.room().waiting.get_mut(&self.id) {
            waiting.has_said_hello = true;
        }
    }

    /// The handshake has proven a certificate of ours: the address is known from here on.
    pub(crate) fn finish(self) {
        self.handshakes.room().know(self.address, Instant::now());
    }
}

impl Drop for HandshakePlace {
    fn drop(&mut self) {
        self.handshakes.room().leave(self.id);
    }
}

impl Room {
    fn enter(&mut self, address: IpAddr, now: Instant) -> (u64, Cut) {
        let is_stranger = !self.knows(address, now);
        self.make_room(address, is_stranger);
        let (cut, was_cut) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.insert(id, Waiting { address, is_stranger, has_said_hello: false, cut });
        *self.addresses.entry(address).or_default() += 1;
        self.strangers += usize::from(is_stranger);
        (id, was_cut)
    }

    fn make_room(&mut self, address: IpAddr, is_stranger: bool) {
        let victim = if self.count(address) >= limits::HANDSHAKES_PER_ADDRESS_MAX {
            self.victim(|waiting| waiting.address == address)
        } else if is_stranger && self.strangers >= limits::HANDSHAKES_MAX - limits::HANDSHAKES_OF_KNOWN {
            self.victim(|waiting| waiting.is_stranger)
        } else if self.waiting.len() >= limits::HANDSHAKES_MAX {
            self.victim(|_| true)
        } else {
            None
        };
        if let Some(waiting) = victim.and_then(|id| self.leave(id)) {
            let _ = waiting.cut.send(());
        }
    }

    /// Of those that may go: of the address with most of them, one that has not said hello, the oldest.
    fn victim(&self, may_go: impl Fn(&Waiting) -> bool) -> Option<u64> {
        let may_go = self.waiting.iter().filter(|(_, waiting)| may_go(waiting));
        let worst = may_go
            .min_by_key(|(id, waiting)| (std::cmp::Reverse(self.count(waiting.address)), waiting.has_said_hello, **id));
        worst.map(|(id, _)| *id)
    }

    fn count(&self, address: IpAddr) -> usize {
        self.addresses.get(&address).copied().unwrap_or(0)
    }

    fn leave(&mut self, id: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.strangers -= usize::from(waiting.is_stranger);
        if let Some(count) = self.addresses.get_mut(&waiting.address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&waiting.address);
            }
        }
        Some(waiting)
    }

    fn knows(&self, address: IpAddr, now: Instant) -> bool {
        self.known.get(&address).is_some_and(|seen| now.duration_since(*seen) < limits::ADDRESS_KNOWN_FOR)
    }

    fn know(&mut self, address: IpAddr, now: Instant) {
        if self.known.len() >= limits::ADDRESSES_KNOWN_MAX && !self.known.contains_key(&address) {
            let oldest = self.known.iter().min_by_key(|(_, seen)| **seen).map(|(address, _)| *address);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.known.insert(address, now);
    }
}

/// Whose address it is: of IPv6 the /64, in which one machine has any number.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: usize) -> IpAddr {
        IpAddr::from([10, (n >> 16) as u8, (n >> 8) as u8, n as u8])
    }

    fn is_cut((_, cut): &mut (HandshakePlace, Cut)) -> bool {
        cut.try_recv().is_ok()
    }

    #[tokio::test]
    async fn of_a_full_address_the_oldest_without_a_hello_goes() {
        let handshakes = Arc::new(Handshakes::default());
        let mut others = handshakes.begin(ip(1));
        let mut places: Vec<_> = (0..limits::HANDSHAKES_PER_ADDRESS_MAX).map(|_| handshakes.begin(ip(2))).collect();
        places[0].0.note_hello();
        let mut newest = handshakes.begin(ip(2));
        let cut: Vec<_> = (0..places.len()).filter(|n| is_cut(&mut places[*n])).collect();
        assert_eq!(cut, [1], "the first has said hello");
        places[1..].iter().for_each(|(place, _)| place.note_hello());
        newest.0.note_hello();
        let further = handshakes.begin(ip(2));
        assert!(is_cut(&mut places[0]), "all have: the oldest");
        assert!(!is_cut(&mut others) && !is_cut(&mut newest));
        drop((places, others, newest, further));
        let room = handshakes.room();
        assert!(room.waiting.is_empty() && room.addresses.is_empty() && room.strangers == 0);
    }

    #[tokio::test]
    async fn strangers_from_everywhere_leave_room_for_who_is_known() {
        let handshakes = Arc::new(Handshakes::default());
        handshakes.begin(ip(0)).0.finish();
        let mut known: Vec<_> = (0..limits::HANDSHAKES_OF_KNOWN).map(|_| handshakes.begin(ip(0))).collect();
        let mut strangers: Vec<_> = (1..=limits::HANDSHAKES_MAX).map(|n| handshakes.begin(ip(n))).collect();
        let cut = strangers.iter_mut().filter_map(|place| is_cut(place).then_some(())).count();
        assert_eq!(cut, limits::HANDSHAKES_OF_KNOWN, "as many as there was no room for, the oldest");
        assert!(!is_cut(strangers.last_mut().unwrap()), "the newest got in");
        assert!(known.iter_mut().all(|place| !is_cut(place)));
    }

    #[test]
    fn known_addresses_are_forgotten_in_time_and_number() {
        let mut room = Room::default();
        let start = Instant::now();
        (0..=limits::ADDRESSES_KNOWN_MAX)
            .for_each(|n| room.know(ip(n), start + std::time::Duration::from_millis(n as u64)));
        assert_eq!(room.known.len(), limits::ADDRESSES_KNOWN_MAX);
        assert!(!room.knows(ip(0), start), "the oldest made room");
        assert!(room.knows(ip(1), start) && !room.knows(ip(1), start + 2 * limits::ADDRESS_KNOWN_FOR));
    }

    #[test]
    fn of_ipv6_a_network_is_one() {
        let addresses = ["2001:db8::1", "2001:db8::ffff:1"].map(|address| network(address.parse().unwrap()));
        assert_eq!(addresses[0], addresses[1]);
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), ip(1));
        assert_ne!(network("2001:db8:0:1::1".parse().unwrap()), addresses[0]);
    }
}
