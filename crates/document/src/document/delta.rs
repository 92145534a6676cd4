//! Deltas: the part of a document that someone who knows earlier writes still lacks.
//!
//! A delta is a field in canonical form that says less than the whole does. Clears made [`super::write`]'s way, just before
//! a stamp, have no site of their own; they always go along.

use super::field::{Content, Counter, Field, Leaf, MapField};
use crate::{SiteId, Stamp};

/// Up to which time each site's writes are known; ascending by site, each site once.
pub(super) struct Known(Vec<(SiteId, u64)>);

impl Known {
    pub(super) fn new(since: &[(SiteId, u64)]) -> Self {
        let mut sites = since.to_vec();
        sites.sort_unstable_by(|a, b| b.cmp(a)); // of a site named twice the greater time comes first
        sites.dedup_by_key(|(site, _)| *site);
        sites.reverse();
        Self(sites)
    }

    fn knows(&self, stamp: Stamp) -> bool {
        let time = self.0.binary_search_by_key(&stamp.site, |(site, _)| *site).map_or(0, |at| self.0[at].1);
        stamp.time <= time && (stamp.site != SiteId(u64::MAX) || stamp == Stamp::ZERO)
    }

    fn unless_known(&self, stamp: Stamp) -> Stamp {
        if self.knows(stamp) { Stamp::ZERO } else { stamp }
    }
}

/// What of `field` is not known; `None` where all of it is.
pub(super) fn delta(field: &Field, known: &Known) -> Option<Field> {
    match field {
        Field::Leaf(leaf) => delta_of_leaf(leaf, known).map(Field::Leaf),
        Field::Map(map) => delta_of_map(map, known).map(Field::Map),
    }
}

fn delta_of_leaf(leaf: &Leaf, known: &Known) -> Option<Leaf> {
    let Content::Counter(counter) = &leaf.content else {
        return (!known.knows(leaf.cleared)).then(|| leaf.clone());
    };
    let totals: Vec<_> = counter.totals.iter().filter(|(stamp, _)| !known.knows(*stamp)).copied().collect();
    if totals.is_empty() && known.knows(leaf.cleared) {
        return None;
    }
    Some(Leaf { cleared: leaf.cleared, content: Content::Counter(Counter { totals }) })
}

fn delta_of_map(map: &MapField, known: &Known) -> Option<MapField> {
    let children: Vec<_> =
        map.children.iter().filter_map(|(name, field)| Some((name.clone(), delta(field, known)?))).collect();
    let cleared = known.unless_known(map.cleared);
    if children.is_empty() && cleared == Stamp::ZERO && known.knows(map.stamp) {
        return None;
    }
    Some(MapField { cleared, stamp: map.stamp, children })
}
