//! Who is to have which partition: the assignors that the server has (KIP-848), by their names.
//!
//! Invariants: each partition of a topic that somebody subscribes to goes to exactly one of its subscribers; the same
//! input gives the same assignment.
//! Not here: when a member gets what it is to have (`reconcile`).

mod range;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Assignment;

/// An assignor of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assignor {
    /// Even shares; as few partitions as can be change hands.
    Uniform,
    /// Neighbouring partitions of each topic, so that equal numbers of two topics meet at one member.
    Range,
}

/// A member, as an assignor sees it.
#[derive(Debug, Clone)]
pub(super) struct Subscriber<'a> {
    pub(super) id: &'a str,
    pub(super) instance_id: Option<&'a str>,
    /// Topics that it subscribes to; all of them are there.
    pub(super) topics: BTreeSet<Uuid>,
    /// What it was to have so far.
    pub(super) previous: &'a Assignment,
}

impl Assignor {
    /// Every one, as `group.consumer.assignors` of Kafka lists them: the first is the default.
    pub(crate) const ALL: [Assignor; 2] = [Assignor::Uniform, Assignor::Range];

    /// Kafka's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Assignor> {
        Self::ALL.into_iter().find(|assignor| assignor.as_str() == name)
    }

    /// Shares out the partitions of `topics` (numbers of partitions by id); one assignment for each subscriber.
    pub(super) fn assign(self, subscribers: &[Subscriber<'_>], topics: &BTreeMap<Uuid, u16>) -> Vec<Assignment> {
        match self {
            Assignor::Uniform => uniform::assign(subscribers, topics),
            Assignor::Range => range::assign(subscribers, topics),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// Members by their subscriptions; what each gets, in words.
    fn assigned(
        assignor: Assignor,
        members: &[&[u128]],
        topics: &[(u128, u16)],
        previous: &[Assignment],
    ) -> Vec<Assignment> {
        let names: Vec<String> = (0..members.len()).map(|n| format!("m{n:03}")).collect();
        let none = Assignment::default();
        let subscribers: Vec<Subscriber<'_>> = members
            .iter()
            .enumerate()
            .map(|(n, subscribed)| Subscriber {
                id: &names[n],
                instance_id: None,
                topics: subscribed.iter().copied().map(topic).collect(),
                previous: previous.get(n).unwrap_or(&none),
            })
            .collect();
        assignor.assign(&subscribers, &topics.iter().map(|(id, partitions)| (topic(*id), *partitions)).collect())
    }

    fn words(assignments: &[Assignment]) -> Vec<String> {
        let word = |(topic, partition): (Uuid, i32)| format!("{}/{partition}", topic.as_u128());
        assignments.iter().map(|one| one.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn range_gives_neighbours_of_each_topic() {
        let got = assigned(Assignor::Range, &[&[1, 2], &[1, 2]], &[(1, 3), (2, 3)], &[]);
        assert_eq!(words(&got), ["1/0 1/1 2/0 2/1", "1/2 2/2"]);
        let got = assigned(Assignor::Range, &[&[1], &[1, 2], &[2]], &[(1, 2), (2, 3)], &[]);
        assert_eq!(words(&got), ["1/0", "1/1 2/0 2/1", "2/2"]);
    }

    #[test]
    fn uniform_gives_even_shares_and_keeps_what_it_can() {
        let first = assigned(Assignor::Uniform, &[&[1, 2], &[1, 2]], &[(1, 3), (2, 3)], &[]);
        assert_eq!(first.iter().map(Assignment::len).collect::<Vec<_>>(), [3, 3]);
        let second = assigned(Assignor::Uniform, &[&[1, 2], &[1, 2], &[1, 2]], &[(1, 3), (2, 3)], &first);
        assert_eq!(second.iter().map(Assignment::len).collect::<Vec<_>>(), [2, 2, 2]);
        assert!(second[0].is_subset_of(&first[0]) && second[1].is_subset_of(&first[1]));
        let third = assigned(Assignor::Uniform, &[&[1, 2], &[1, 2]], &[(1, 3), (2, 3)], &second[..2]);
        assert!(second[0].is_subset_of(&third[0]) && second[1].is_subset_of(&third[1]));
    }

    #[test]
    fn uniform_evens_out_where_subscriptions_differ() {
        let got = assigned(Assignor::Uniform, &[&[1, 2], &[1], &[2]], &[(1, 4), (2, 2)], &[]);
        assert_eq!(got.iter().map(Assignment::len).collect::<Vec<_>>(), [2, 2, 2], "{:?}", words(&got));
        let crowded: Assignment = (0..4).map(|partition| (topic(1), partition)).collect();
        let got = assigned(Assignor::Uniform, &[&[1, 2], &[1], &[2]], &[(1, 4), (2, 2)], &[crowded]);
        assert_eq!(got.iter().map(Assignment::len).collect::<Vec<_>>(), [2, 2, 2], "{:?}", words(&got));
    }

    proptest! {
        /// Every partition with a subscriber goes to exactly one of its subscribers, whatever they had before; shares
        /// of equal subscribers differ by one at most.
        #[test]
        fn laws(
            members in proptest::collection::vec(proptest::collection::btree_set(1..5_u128, 0..4), 1..8),
            partitions in proptest::collection::vec(0..9_u16, 4),
            before in proptest::collection::vec((0..8_usize, 1..5_u128, 0..9_i32), 0..30),
            equal in any::<bool>(),
        ) {
            let topics: Vec<(u128, u16)> = (1..5).zip(partitions).collect();
            let subscribed: Vec<Vec<u128>> =
                members.iter().map(|it| if equal { &members[0] } else { it }.iter().copied().collect()).collect();
            let subscribed: Vec<&[u128]> = subscribed.iter().map(Vec::as_slice).collect();
            let mut previous = vec![Assignment::default(); members.len()];
            for (member, id, partition) in before {
                let is_taken = previous.iter().any(|one| one.contains(topic(id), partition));
                if member < previous.len() && !is_taken {
                    previous[member].insert(topic(id), partition);
                }
            }
            for assignor in Assignor::ALL {
                let got = assigned(assignor, &subscribed, &topics, &previous);
                for (id, count) in &topics {
                    let has_subscriber = subscribed.iter().any(|it| it.contains(id));
                    for partition in 0..i32::from(*count) {
                        let owners = got.iter().filter(|one| one.contains(topic(*id), partition)).count();
                        prop_assert_eq!(owners, usize::from(has_subscriber), "{:?} {:?}", assignor, words(&got));
                    }
                }
                let is_subscribed = |(n, one): (usize, &Assignment)| one.topics().all(|(id, numbers)| {
                    let count = topics.iter().find(|(it, _)| topic(*it) == id).map_or(0, |(_, count)| i32::from(*count));
                    subscribed[n].contains(&id.as_u128()) && numbers.iter().all(|number| *number < count)
                });
                prop_assert!(got.iter().enumerate().all(is_subscribed), "{:?} {:?}", assignor, words(&got));
                if equal && assignor == Assignor::Uniform {
                    let shares = got.iter().map(Assignment::len);
                    prop_assert!(shares.clone().max().unwrap_or(0) <= shares.min().unwrap_or(0) + 1, "{:?}", words(&got));
                }
            }
        }
    }
}
