//! Incremental fetch sessions (KIP-227): a client names a partition once and when it changes, and
//! is answered with those that have something new.
//!
//! ```text
//! session id, epoch     means
//! any, -1               no session; what there was ends
//! any, 0                all partitions are named: a session begins, its id is in the answer
//! id, 1 2 3 …           what changed since the epoch before: partitions added, moved, forgotten
//! ```
//!
//! Invariants: one session a connection, which ends with it: a client that comes back on another
//! one is told that there is none, and begins anew; all sessions together remember at most
//! [`limits::FETCH_SESSION_PARTITIONS_MAX`] partitions, and while they do, further ones are not
//! begun, which clients take as it is; partitions take turns, so that none with much to give keeps
//! those after it out of the answer.
//! Not here: what a partition gives (`api::fetch`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kafka_protocol::{
    ResponseError,
    messages::{
        FetchRequest, TopicName,
        fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::limits;

/// The epoch of a request without a session.
const NO_SESSION: i32 = -1;
/// The epoch of a request that begins a session.
const FIRST: i32 = 0;

/// A high watermark that no answer has: the partition was in none yet.
const NEVER_ANSWERED: i64 = i64::MIN;

/// Room for the partitions that all sessions remember.
#[derive(Debug, Clone)]
pub(crate) struct FetchSessionRoom(Arc<Semaphore>);

impl Default for FetchSessionRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::FETCH_SESSION_PARTITIONS_MAX)))
    }
}

impl FetchSessionRoom {
    fn take(&self, partitions: usize) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_many_owned(u32::try_from(partitions).ok()?).ok()
    }
}

/// A connection's session, if it has one.
#[derive(Debug, Default)]
pub(crate) struct FetchSession(Mutex<Option<Kept>>);

/// What is remembered of a session between two requests.
#[derive(Debug)]
struct Kept {
    id: i32,
    next_epoch: i32,
    partitions: Vec<KeptPartition>,
    places: HashMap<Key, usize>,
    /// The partition that is answered first.
    first: usize,
    room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct KeptPartition {
    topic: Arc<TopicKey>,
    wanted: FetchPartition,
    /// As it was answered last; -1 after an error.
    high_watermark: i64,
}

/// A topic as requests name it: by its name, from version 13 by its id.
type TopicKey = (TopicName, Uuid);
type Key = (Arc<TopicKey>, i32);

/// One request's answer under way.
#[derive(Debug)]
pub(crate) struct Answering<'a> {
    session: &'a FetchSession,
    kept: Option<Kept>,
    /// Only partitions with something new are answered.
    is_incremental: bool,
    answered: usize,
}

impl FetchSession {
    /// Makes `wanted` name every partition that is to be looked at, in the order in which
    /// [`Answering::is_due`] is then asked about them.
    pub(crate) fn begin(
        &self,
        wanted: &mut FetchRequest,
        room: &FetchSessionRoom,
        new_id: i32,
    ) -> Result<Answering<'_>, ResponseError> {
        let mut current = self.kept();
        let epoch = wanted.session_epoch;
        let is_incremental = !matches!(epoch, NO_SESSION | FIRST);
        let kept = if is_incremental {
            let Some(kept) = current.as_ref().filter(|kept| kept.id == wanted.session_id) else {
                return Err(ResponseError::FetchSessionIdNotFound);
            };
            if kept.next_epoch != epoch {
                return Err(ResponseError::InvalidFetchSessionEpoch);
            }
            let mut kept = current.take().expect("it was just looked at");
            kept.forget(&wanted.forgotten_topics_data);
            if !kept.name(&wanted.topics, room) {
                // There is no room for it any more: it is begun anew if there is some then.
                return Err(ResponseError::FetchSessionIdNotFound);
            }
            kept.next_epoch = epoch.checked_add(1).unwrap_or(FIRST + 1);
            Some(kept)
        } else {
            *current = None;
            (epoch == FIRST).then(|| Kept::new(new_id, &wanted.topics, room)).flatten()
        };
        if let Some(kept) = &kept {
            wanted.topics = kept.topics();
        }
        Ok(Answering { session: self, kept, is_incremental, answered: 0 })
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answering<'_> {
    /// Whether the next partition belongs in the answer.
    pub(crate) fn is_due(&mut self, high_watermark: i64, error_code: i16, has_events: bool) -> bool {
        let Some(kept) = &mut self.kept else { return true };
        let at = (kept.first + self.answered) % kept.partitions.len();
        self.answered += 1;
        let before = std::mem::replace(&mut kept.partitions[at].high_watermark, high_watermark);
        !self.is_incremental || has_events || error_code != 0 || before != high_watermark
    }

    /// Whether topics without a partition that is due are left out.
    pub(crate) fn is_incremental(&self) -> bool {
        self.is_incremental
    }

    /// The session's id for the answer; 0 if there is none. `last_with_events` is the place, in the
    /// order of the request, of the last partition that gave some.
    pub(crate) fn finish(self, last_with_events: Option<usize>) -> i32 {
        let Some(mut kept) = self.kept.filter(|kept| !kept.partitions.is_empty()) else { return 0 };
        if let Some(last) = last_with_events {
            kept.first = (kept.first + last + 1) % kept.partitions.len();
        }
        let id = kept.id;
        *self.session.kept() = Some(kept);
        id
    }
}

impl Kept {
    /// `None` if there is no room for it.
    fn new(id: i32, topics: &[FetchTopic], room: &FetchSessionRoom) -> Option<Self> {
        let (partitions, places) = (Vec::new(), HashMap::new());
        let mut kept = Self { id, next_epoch: FIRST + 1, partitions, places, first: 0, room: room.take(0)? };
        kept.name(topics, room).then_some(kept)
    }

    /// Adds partitions, and moves those that are there; false if there is no room.
    fn name(&mut self, topics: &[FetchTopic], room: &FetchSessionRoom) -> bool {
        for topic in topics {
            // Owned, since what a request holds is a part of its frame.
            let key = Arc::new((TopicName(topic.topic.to_string().into()), topic.topic_id));
            for partition in &topic.partitions {
                let mut wanted = partition.clone();
                wanted.unknown_tagged_fields.clear();
                if let Some(place) = self.places.get(&(key.clone(), wanted.partition)) {
                    self.partitions[*place].wanted = wanted;
                    continue;
                }
                let Some(more) = room.take(1) else { return false };
                self.room.merge(more);
                self.places.insert((key.clone(), wanted.partition), self.partitions.len());
                self.partitions.push(KeptPartition { topic: key.clone(), wanted, high_watermark: NEVER_ANSWERED });
            }
        }
        true
    }

    fn forget(&mut self, topics: &[ForgottenTopic]) {
        let mut gone = vec![false; self.partitions.len()];
        for topic in topics {
            let key = Arc::new((topic.topic.clone(), topic.topic_id));
            for partition in &topic.partitions {
                if let Some(place) = self.places.get(&(key.clone(), *partition)) {
                    gone[*place] = true;
                }
            }
        }
        if !gone.contains(&true) {
            return;
        }
        self.first -= gone[..self.first].iter().filter(|gone| **gone).count();
        let mut gone = gone.into_iter();
        self.partitions.retain(|_| !gone.next().unwrap_or_default());
        if self.first >= self.partitions.len() {
            self.first = 0;
        }
        let place = |(place, partition): (usize, &KeptPartition)| {
            ((partition.topic.clone(), partition.wanted.partition), place)
        };
        self.places = self.partitions.iter().enumerate().map(place).collect();
        drop(self.room.split(self.room.num_permits() - self.partitions.len()));
    }

    /// All partitions, those first whose turn it is.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        let (last, first) = self.partitions.split_at(self.first);
        for partition in first.iter().chain(last) {
            let (name, id) = &*partition.topic;
            match topics.last_mut() {
                Some(topic) if topic.topic == *name && topic.topic_id == *id => {
                    topic.partitions.push(partition.wanted.clone());
                }
                _ => topics.push(
                    FetchTopic::default()
                        .with_topic(name.clone())
                        .with_topic_id(*id)
                        .with_partitions(vec![partition.wanted.clone()]),
                ),
            }
        }
        topics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, offsets: &[(i32, i64)]) -> FetchTopic {
        let partition =
            |(index, offset): &(i32, i64)| FetchPartition::default().with_partition(*index).with_fetch_offset(*offset);
        let partitions = offsets.iter().map(partition).collect();
        FetchTopic::default().with_topic(TopicName(name.to_owned().into())).with_partitions(partitions)
    }

    fn request(id: i32, epoch: i32, topics: Vec<FetchTopic>) -> FetchRequest {
        FetchRequest::default().with_session_id(id).with_session_epoch(epoch).with_topics(topics)
    }

    fn forgotten(name: &str, partitions: &[i32]) -> Vec<ForgottenTopic> {
        let name = TopicName(name.to_owned().into());
        vec![ForgottenTopic::default().with_topic(name).with_partitions(partitions.to_vec())]
    }

    fn named(request: &FetchRequest) -> Vec<(String, i32, i64)> {
        let of = |topic: &FetchTopic| {
            let name = topic.topic.to_string();
            topic.partitions.iter().map(move |p| (name.clone(), p.partition, p.fetch_offset)).collect::<Vec<_>>()
        };
        request.topics.iter().flat_map(of).collect()
    }

    /// What of partitions with these high watermarks is in the answer; none has events.
    fn due(
        session: &FetchSession,
        room: &FetchSessionRoom,
        request: &mut FetchRequest,
        marks: &[i64],
    ) -> (Vec<bool>, i32) {
        let mut answering = session.begin(request, room, 7).unwrap();
        let due = marks.iter().map(|mark| answering.is_due(*mark, if *mark < 0 { 1 } else { 0 }, false)).collect();
        (due, answering.finish(None))
    }

    #[test]
    fn what_has_nothing_new_is_left_out() {
        let (session, room) = (FetchSession::default(), FetchSessionRoom::default());
        let all = vec![topic("a", &[(0, 5), (1, 6)]), topic("b", &[(0, 7)])];
        assert_eq!(due(&session, &room, &mut request(0, 0, all), &[5, 6, 7]), (vec![true; 3], 7));
        let mut next = request(7, 1, Vec::new());
        assert_eq!(due(&session, &room, &mut next, &[5, 6, 7]), (vec![false; 3], 7));
        assert_eq!(named(&next), [("a".into(), 0, 5), ("a".into(), 1, 6), ("b".into(), 0, 7)]);
        // One has grown, one has an error, which goes again.
        assert_eq!(due(&session, &room, &mut request(7, 2, Vec::new()), &[5, 9, -1]).0, [false, true, true]);
        assert_eq!(due(&session, &room, &mut request(7, 3, Vec::new()), &[5, 9, 7]).0, [false, false, true]);
        // One moves, one comes, one goes.
        let mut next = request(7, 4, vec![topic("a", &[(1, 9), (2, 0)])]);
        next.forgotten_topics_data = forgotten("b", &[0, 99]);
        assert_eq!(due(&session, &room, &mut next, &[5, 9, 0]), (vec![false, false, true], 7));
        assert_eq!(named(&next), [("a".into(), 0, 5), ("a".into(), 1, 9), ("a".into(), 2, 0)]);
        // All go: the session ends.
        let mut last = request(7, 5, Vec::new());
        last.forgotten_topics_data = forgotten("a", &[0, 1, 2]);
        assert_eq!(due(&session, &room, &mut last, &[]), (Vec::new(), 0));
        let begun = session.begin(&mut request(7, 6, Vec::new()), &room, 8);
        assert_eq!(begun.map(|_| ()), Err(ResponseError::FetchSessionIdNotFound));
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let (session, room) = (FetchSession::default(), FetchSessionRoom::default());
        let refused = |id, epoch| session.begin(&mut request(id, epoch, Vec::new()), &room, 8).map(|_| ()).unwrap_err();
        assert_eq!(refused(7, 1), ResponseError::FetchSessionIdNotFound);
        assert_eq!(refused(0, 1), ResponseError::FetchSessionIdNotFound);
        due(&session, &room, &mut request(0, 0, vec![topic("a", &[(0, 5)])]), &[5]);
        assert_eq!(refused(9, 1), ResponseError::FetchSessionIdNotFound);
        assert_eq!(refused(7, 2), ResponseError::InvalidFetchSessionEpoch);
        assert_eq!(due(&session, &room, &mut request(7, 1, Vec::new()), &[5]).1, 7, "it is still there");
        // Without a session everything is answered.
        let mut alone = request(7, -1, vec![topic("a", &[(0, 5)])]);
        assert_eq!(due(&session, &room, &mut alone, &[5]), (vec![true], 0));
        assert_eq!(refused(7, 2), ResponseError::FetchSessionIdNotFound);
    }

    #[test]
    fn partitions_take_turns() {
        let (session, room) = (FetchSession::default(), FetchSessionRoom::default());
        let all = vec![topic("a", &[(0, 0), (1, 0)]), topic("b", &[(0, 0), (1, 0)])];
        session.begin(&mut request(0, 0, all), &room, 7).unwrap().finish(Some(0));
        let mut next = request(7, 1, Vec::new());
        session.begin(&mut next, &room, 8).unwrap().finish(Some(1));
        let order: Vec<_> = named(&next).into_iter().map(|(name, index, _)| format!("{name}{index}")).collect();
        assert_eq!(order, ["a1", "b0", "b1", "a0"]);
        let mut next = request(7, 2, Vec::new());
        next.forgotten_topics_data = forgotten("a", &[1]);
        session.begin(&mut next, &room, 8).unwrap();
        let order: Vec<_> = named(&next).into_iter().map(|(name, index, _)| format!("{name}{index}")).collect();
        assert_eq!(order, ["b1", "a0", "b0"]);
    }

    #[test]
    fn room_is_bounded_and_given_back() {
        let room = FetchSessionRoom(Arc::new(Semaphore::new(3)));
        let sessions = [FetchSession::default(), FetchSession::default()];
        let two = || vec![topic("a", &[(0, 0), (1, 0)])];
        assert_eq!(sessions[0].begin(&mut request(0, 0, two()), &room, 7).unwrap().finish(None), 7);
        assert_eq!(sessions[1].begin(&mut request(0, 0, two()), &room, 7).unwrap().finish(None), 0, "no room");
        assert_eq!(room.0.available_permits(), 1);
        let more = sessions[0].begin(&mut request(7, 1, vec![topic("b", &[(0, 0), (1, 0)])]), &room, 8);
        assert_eq!(more.map(|_| ()), Err(ResponseError::FetchSessionIdNotFound));
        assert_eq!(room.0.available_permits(), 3);
        sessions[0].begin(&mut request(0, 0, two()), &room, 7).unwrap().finish(None);
        let mut less = request(7, 1, Vec::new());
        less.forgotten_topics_data = forgotten("a", &[0]);
        sessions[0].begin(&mut less, &room, 8).unwrap().finish(None);
        assert_eq!(room.0.available_permits(), 2);
        drop(sessions);
        assert_eq!(room.0.available_permits(), 3);
    }
}
