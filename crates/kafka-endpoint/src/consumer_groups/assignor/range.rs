//! The assignor `range`: of each topic its subscribers get neighbouring partitions, in a fixed order of members.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Assignment, Subscriber};

pub(super) fn assign(subscribers: &[Subscriber<'_>], topics: &BTreeMap<Uuid, u16>) -> Vec<Assignment> {
    let mut order: Vec<usize> = (0..subscribers.len()).collect();
    // Static members first: their names stay when they are restarted, and so does what they get.
    order.sort_by_key(|index| {
        let it = &subscribers[*index];
        (it.instance_id.is_none(), it.instance_id, it.id)
    });
    let mut assigned = vec![Assignment::default(); subscribers.len()];
    for (topic, partitions) in topics {
        let members: Vec<usize> =
            order.iter().copied().filter(|index| subscribers[*index].topics.contains(topic)).collect();
        let mut next = 0;
        for (place, index) in members.iter().enumerate() {
            let (share, extra) = (usize::from(*partitions) / members.len(), usize::from(*partitions) % members.len());
            let share = share + usize::from(place < extra);
            let until = next + i32::try_from(share).unwrap_or(0);
            assigned[*index].extend((next..until).map(|partition| (*topic, partition)));
            next = until;
        }
    }
    assigned
}
