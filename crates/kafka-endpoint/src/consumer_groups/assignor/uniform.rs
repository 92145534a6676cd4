//! The assignor `uniform`: shares as even as subscriptions allow, and of those one that leaves most partitions where
//! they are.
//!
//! Members with equal subscriptions get shares that differ by one at most. Where subscriptions differ, partitions move
//! from members with more to members with less until no single move helps, or [`ROUNDS_MAX`] rounds are over.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use uuid::Uuid;

use super::{Assignment, Subscriber};

/// Rounds of moves where subscriptions differ. Each takes about half of what is uneven away.
const ROUNDS_MAX: usize = 16;

/// A topic, those who subscribe to it, and its partitions that nobody has.
struct Topic {
    id: Uuid,
    subscribers: Vec<usize>,
    free: Vec<i32>,
}

pub(super) fn assign(subscribers: &[Subscriber<'_>], topics: &BTreeMap<Uuid, u16>) -> Vec<Assignment> {
    let Some(first) = subscribers.first() else { return Vec::new() };
    let are_equal = subscribers.iter().all(|it| it.topics == first.topics);
    let mut kept: Vec<Assignment> = subscribers.iter().map(|it| keep(it, topics)).collect();
    if are_equal {
        trim_to_quota(&mut kept, total(&first.topics, topics));
    }
    let subscribed = subscribed_topics(subscribers, topics, &kept);
    hand_out(&mut kept, &subscribed);
    if !are_equal {
        even_out(&mut kept, &subscribed);
    }
    kept
}

/// What it had and may keep.
fn keep(subscriber: &Subscriber<'_>, topics: &BTreeMap<Uuid, u16>) -> Assignment {
    let exists = |topic: &Uuid, partition: i32| topics.get(topic).is_some_and(|count| partition < i32::from(*count));
    let previous = subscriber.previous.iter();
    previous.filter(|(topic, number)| subscriber.topics.contains(topic) && exists(topic, *number)).collect()
}

fn total(subscribed: &BTreeSet<Uuid>, topics: &BTreeMap<Uuid, u16>) -> usize {
    subscribed.iter().map(|topic| topics.get(topic).copied().unwrap_or(0)).map(usize::from).sum()
}

/// Takes from each what is beyond its share. The larger shares go to those who have most.
fn trim_to_quota(kept: &mut [Assignment], total: usize) {
    let (share, extra) = (total / kept.len(), total % kept.len());
    let mut order: Vec<usize> = (0..kept.len()).collect();
    order.sort_by_key(|index| Reverse(kept[*index].len()));
    for (place, index) in order.into_iter().enumerate() {
        let quota = share + usize::from(place < extra);
        let surplus: Vec<(Uuid, i32)> = kept[index].iter().skip(quota).collect();
        for (topic, partition) in surplus {
            kept[index].remove(topic, partition);
        }
    }
}

/// Those with few subscribers first.
fn subscribed_topics(subscribers: &[Subscriber<'_>], topics: &BTreeMap<Uuid, u16>, kept: &[Assignment]) -> Vec<Topic> {
    let taken: BTreeSet<(Uuid, i32)> = kept.iter().flat_map(Assignment::iter).collect();
    let mut by_topic: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (index, subscriber) in subscribers.iter().enumerate() {
        subscriber.topics.iter().for_each(|topic| by_topic.entry(*topic).or_default().push(index));
    }
    let topic = |(id, subscribers): (Uuid, Vec<usize>)| {
        let partitions = i32::from(topics.get(&id).copied().unwrap_or(0));
        let free = (0..partitions).filter(|partition| !taken.contains(&(id, *partition))).collect();
        Topic { id, subscribers, free }
    };
    let mut all: Vec<Topic> = by_topic.into_iter().map(topic).collect();
    all.sort_by_key(|topic| (topic.subscribers.len(), topic.id));
    all
}

/// Each partition goes to the subscriber that has least.
fn hand_out(kept: &mut [Assignment], topics: &[Topic]) {
    for topic in topics {
        let load = |index: &usize| Reverse((kept[*index].len(), *index));
        let mut by_load: BinaryHeap<Reverse<(usize, usize)>> = topic.subscribers.iter().map(load).collect();
        for partition in &topic.free {
            let Some(Reverse((load, index))) = by_load.pop() else { break };
            kept[index].insert(topic.id, *partition);
            by_load.push(Reverse((load + 1, index)));
        }
    }
}

/// Moves single partitions to subscribers that have at least two fewer.
fn even_out(kept: &mut [Assignment], topics: &[Topic]) {
    for _ in 0..ROUNDS_MAX {
        let mut has_moved = false;
        for topic in topics {
            for from in &topic.subscribers {
                while let Some((to, partition)) = useful_move(kept, topic, *from) {
                    kept[*from].remove(topic.id, partition);
                    kept[to].insert(topic.id, partition);
                    has_moved = true;
                }
            }
        }
        if !has_moved {
            return;
        }
    }
}

/// Who gains by a partition of this topic that `from` has.
fn useful_move(kept: &[Assignment], topic: &Topic, from: usize) -> Option<(usize, i32)> {
    let partition = kept[from].last_of(topic.id)?;
    let to = topic.subscribers.iter().copied().min_by_key(|to| (kept[*to].len(), *to))?;
    (kept[to].len() + 1 < kept[from].len()).then_some((to, partition))
}
