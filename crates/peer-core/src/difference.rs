//! What is different between two results of one query.

use std::collections::BTreeMap;

/// What changed since the result before, by places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Places of new documents in this result.
    pub insertions: Vec<usize>,
    /// Places of documents in the result before that are not in this one.
    pub deletions: Vec<usize>,
    /// Places of documents in this result that were in the one before, and are others now.
    pub updates: Vec<usize>,
    /// From and to where documents moved, those that others pushed aside among them.
    pub moves: Vec<(usize, usize)>,
}

impl Difference {
    /// Between two results whose documents `key` tells apart.
    pub fn between<T: PartialEq, K: Ord>(before: &[T], after: &[T], key: impl Fn(&T) -> K) -> Self {
        let places = |documents: &[T]| -> BTreeMap<K, usize> {
            documents.iter().enumerate().map(|(place, document)| (key(document), place)).collect()
        };
        let (old_places, new_places) = (places(before), places(after));
        let mut it = Self::default();
        for (key, place) in &new_places {
            match old_places.get(key) {
                None => it.insertions.push(*place),
                Some(old) => {
                    if before[*old] != after[*place] {
                        it.updates.push(*place);
                    }
                    if old != place {
                        it.moves.push((*old, *place));
                    }
                }
            }
        }
        it.deletions
            .extend(old_places.iter().filter(|(key, _)| !new_places.contains_key(key)).map(|(_, place)| *place));
        for places in [&mut it.insertions, &mut it.deletions, &mut it.updates] {
            places.sort_unstable();
        }
        it.moves.sort_unstable();
        it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_say_what_changed() {
        let (old, new) = ([(1, 'a'), (2, 'a'), (3, 'a')], [(2, 'b'), (3, 'a'), (4, 'a')]);
        let it = Difference::between(&old, &new, |document| document.0);
        assert_eq!((it.insertions, it.deletions, it.updates), (vec![2], vec![0], vec![0]));
        assert_eq!(it.moves, [(1, 0), (2, 1)]);
    }
}
