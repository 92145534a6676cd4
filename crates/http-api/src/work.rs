//! What one read may do: its budget, its turn among the other reads, its part of the memory for replies.
//!
//! A read of a collection has a turn for [`limits::TURN`] and then lets others have theirs, so that nobody waits for
//! the end of a long one. Its reply takes little memory until it grows, so that it holds none back that others need.
//!
//! Invariants: whoever waits for memory to grow has no turn and holds only its small part, so reads never wait for
//! each other in a circle; a read that nobody waits for ends at the next document, and one document takes a tenth of
//! a second at most (`query`).

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use query::Budget;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{failure::Failure, guests::Guests, limits};

/// Tells a read that nobody waits for it; when dropped.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// A read while it runs, on a blocking thread.
pub(crate) struct Work {
    abandoned: Arc<AtomicBool>,
    deadline: Instant,
    /// For evaluating queries.
    pub(crate) budget: Budget,
    turns: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
    turn_began: Instant,
    /// For a reply with documents.
    share: Option<Share>,
}

impl Work {
    /// A read with a turn of `turns`.
    pub(crate) fn new(
        waiting: &Waiting,
        deadline: Instant,
        turns: &Arc<Semaphore>,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            abandoned: waiting.0.clone(),
            deadline,
            budget: Budget::new(limits::REQUEST_STEPS_MAX),
            turns: turns.clone(),
            turn: Some(turn),
            turn_began: Instant::now(),
            share: None,
        }
    }

    pub(crate) fn with_share(self, share: Option<Share>) -> Self {
        Self { share, ..self }
    }

    /// To be asked once a document: whether to go on. Lets others have their turn now and then.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        if self.abandoned.load(Relaxed) {
            return Err(Failure::ReadAbandoned);
        }
        if self.turn_began.elapsed() < limits::TURN {
            return Ok(());
        }
        self.turn = None;
        self.take_turn()
    }

    fn take_turn(&mut self) -> Result<(), Failure> {
        self.turn = Some(wait_for(&self.turns, 1, self.deadline)?);
        self.turn_began = Instant::now();
        if self.abandoned.load(Relaxed) { Err(Failure::ReadAbandoned) } else { Ok(()) }
    }

    /// The reply's part of the memory, for a read that begins anew.
    pub(crate) fn take_share(&mut self) -> Option<Share> {
        self.share.take()
    }

    /// When all was read.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
    }

    /// To be asked when the reply has grown to `bytes`.
    pub(crate) fn make_room(&mut self, bytes: usize) -> Result<(), Failure> {
        let Some(share) = self.share.as_mut().filter(|share| !share.has_room(bytes)) else { return Ok(()) };
        if bytes > limits::REPLY_BYTES_MAX {
            return Err(Failure::ReplyTooLarge);
        }
        self.turn = None;
        share.grow(self.deadline)?;
        self.take_turn()
    }

    /// The reply's part of the memory, without what it does not need.
    pub(crate) fn into_share(self, bytes: usize) -> Option<Share> {
        self.share.map(|share| share.shrunk_to(bytes))
    }
}

impl find::Work for Work {
    type Error = Failure;

    fn check(&mut self, _: &str) -> Result<(), Failure> {
        self.check()
    }

    /// Counts as the reply does, whose place it gives up when that is made.
    fn keeps(&mut self, bytes: usize) -> Result<(), Failure> {
        self.make_room(bytes)
    }

    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}

impl executor::Work for Work {
    fn make_room(&mut self, bytes: usize) -> Result<(), Failure> {
        self.make_room(bytes)
    }
}

/// Waits on a blocking thread.
fn wait_for(room: &Arc<Semaphore>, permits: u32, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
    if let Ok(permit) = room.clone().try_acquire_many_owned(permits) {
        return Ok(permit);
    }
    let at_most = deadline.saturating_duration_since(Instant::now());
    Handle::current().block_on(async { room_within(room, permits, at_most).await })
}

/// Waits for room, at most so long.
pub(crate) async fn room_within(
    room: &Arc<Semaphore>,
    permits: u32,
    at_most: Duration,
) -> Result<OwnedSemaphorePermit, Failure> {
    match timeout(at_most, room.clone().acquire_many_owned(permits)).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::ReadsBusy),
    }
}

/// Waits for memory for a reply, at most so long. Clients that take theirs too slowly give it up meanwhile.
async fn room_for_reply(
    guests: &Guests,
    room: &Arc<Semaphore>,
    permits: u32,
    at_most: Duration,
) -> Result<OwnedSemaphorePermit, Failure> {
    let mut room = pin!(room_within(room, permits, at_most));
    loop {
        match timeout(limits::REPLIES_PAUSE, &mut room).await {
            Ok(room) => return room,
            Err(_) => guests.close_slowest_reply(),
        }
    }
}

/// The memory for replies of all requests, until their clients have taken them.
pub(crate) struct ReplyMemory {
    guests: Arc<Guests>,
    small_kib: Arc<Semaphore>,
    large_kib: Arc<Semaphore>,
    fetches_kib: Arc<Semaphore>,
}

/// A reply's part of it.
pub(crate) struct Share {
    guests: Arc<Guests>,
    small: OwnedSemaphorePermit,
    large: Option<OwnedSemaphorePermit>,
    large_kib: Arc<Semaphore>,
    /// What it may grow to.
    bytes_max: usize,
}

impl ReplyMemory {
    /// The memory for the replies to these.
    pub(crate) fn new(guests: Arc<Guests>) -> Self {
        Self {
            guests,
            small_kib: Arc::new(Semaphore::new(limits::REPLIES_SMALL_KIB_MAX)),
            large_kib: Arc::new(Semaphore::new(limits::REPLIES_KIB_MAX)),
            fetches_kib: Arc::new(Semaphore::new(limits::FETCHES_KIB_MAX)),
        }
    }

    /// A small part, for a reply that may grow to `bytes_max`.
    pub(crate) async fn share(&self, bytes_max: usize, at_most: Duration) -> Result<Share, Failure> {
        let kib = kib(limits::REPLY_BYTES_SMALL);
        let small = match self.small_kib.clone().try_acquire_many_owned(kib) {
            Ok(small) => small,
            Err(_) => room_for_reply(&self.guests, &self.small_kib, kib, at_most).await?,
        };
        Ok(Share { guests: self.guests.clone(), small, large: None, large_kib: self.large_kib.clone(), bytes_max })
    }

    /// The part of a fetch of `len` bytes: of a memory of its own, so that fetches keep no query waiting.
    pub(crate) async fn fetch_share(&self, len: u64, at_most: Duration) -> Result<OwnedSemaphorePermit, Failure> {
        let bytes = usize::try_from(len).unwrap_or(usize::MAX).min(limits::ATTACHMENT_MEMORY_BYTES);
        let room = room_for_reply(&self.guests, &self.fetches_kib, kib(bytes.next_multiple_of(1024)), at_most).await;
        room.map_err(|_| Failure::FetchesBusy)
    }
}

impl Share {
    fn has_room(&self, bytes: usize) -> bool {
        bytes <= if self.large.is_some() { self.bytes_max } else { limits::REPLY_BYTES_SMALL }
    }

    /// To all that it may grow to, at once. What has that already grows beyond what was expected of one document;
    /// that is little.
    fn grow(&mut self, deadline: Instant) -> Result<(), Failure> {
        if self.large.is_none() {
            self.large = Some(self.wait_for_large(kib(self.bytes_max), deadline)?);
        }
        Ok(())
    }

    /// Waits on a blocking thread.
    fn wait_for_large(&self, kib: u32, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = self.large_kib.clone().try_acquire_many_owned(kib) {
            return Ok(permit);
        }
        let at_most = deadline.saturating_duration_since(Instant::now());
        Handle::current().block_on(async { room_for_reply(&self.guests, &self.large_kib, kib, at_most).await })
    }

    /// Without what a reply of `bytes` does not need.
    pub(crate) fn shrunk_to(mut self, bytes: usize) -> Self {
        match &mut self.large {
            // It waits to be sent in the place of what it has grown to.
            Some(large) => {
                drop(large.split(large.num_permits().saturating_sub(bytes.div_ceil(1024))));
                drop(self.small.split(self.small.num_permits()));
            }
            None => drop(self.small.split(self.small.num_permits().saturating_sub(bytes.div_ceil(1024)))),
        }
        self
    }
}

fn kib(bytes: usize) -> u32 {
    (bytes / 1024) as u32
}

#[cfg(test)]
impl ReplyMemory {
    pub(crate) fn for_tests() -> Self {
        Self::new(Arc::new(Guests::new(1, Default::default())))
    }

    pub(crate) fn free_small_kib(&self) -> usize {
        self.small_kib.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(waiting: &Waiting, turns: &Arc<Semaphore>) -> Work {
        let turn = turns.clone().try_acquire_owned().unwrap();
        Work::new(waiting, Instant::now() + Duration::from_secs(30), turns, turn)
    }

    #[test]
    fn a_read_that_nobody_waits_for_ends() {
        let (waiting, turns) = (Waiting::default(), Arc::new(Semaphore::new(1)));
        let mut work = work(&waiting, &turns);
        assert!(work.check().is_ok());
        drop(waiting);
        assert!(matches!(work.check(), Err(Failure::ReadAbandoned)));
        drop(work);
        assert_eq!(turns.available_permits(), 1);
    }

    #[tokio::test]
    async fn others_have_their_turn_while_a_long_read_goes_on() {
        let (waiting, turns) = (Waiting::default(), Arc::new(Semaphore::new(1)));
        let mut long = work(&waiting, &turns);
        let (go_on, ended) = (Arc::new(AtomicBool::new(true)), waiting.0.clone());
        let reading = tokio::task::spawn_blocking({
            let go_on = go_on.clone();
            move || while go_on.load(Relaxed) && long.check().is_ok() {}
        });
        let turn = room_within(&turns, 1, Duration::from_secs(30)).await.unwrap();
        assert!(!ended.load(Relaxed) && !reading.is_finished());
        go_on.store(false, Relaxed);
        drop(turn);
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn a_reply_takes_much_memory_only_when_it_grows() {
        let (memory, waiting, turns) = (ReplyMemory::for_tests(), Waiting::default(), Arc::new(Semaphore::new(1)));
        let share = memory.share(limits::REPLY_BYTES_MAX, Duration::ZERO).await.unwrap();
        let mut work = work(&waiting, &turns).with_share(Some(share));
        work.make_room(limits::REPLY_BYTES_SMALL).unwrap();
        assert_eq!(memory.large_kib.available_permits(), limits::REPLIES_KIB_MAX);
        work.make_room(limits::REPLY_BYTES_SMALL + 1).unwrap();
        assert_eq!(memory.large_kib.available_permits(), limits::REPLIES_KIB_MAX - limits::REPLY_BYTES_MAX / 1024);
        assert!(matches!(work.make_room(limits::REPLY_BYTES_MAX + 1), Err(Failure::ReplyTooLarge)));
        let share = work.into_share(2_000_000).unwrap();
        assert_eq!(memory.large_kib.available_permits(), limits::REPLIES_KIB_MAX - 1954);
        assert_eq!(memory.small_kib.available_permits(), limits::REPLIES_SMALL_KIB_MAX, "it is a large one now");
        drop(share);
        assert_eq!(memory.large_kib.available_permits(), limits::REPLIES_KIB_MAX);
    }
}
