//! Deltas: the part of a document that someone who knows earlier writes still lacks.
//!
//! A delta is a field in canonical form that says less than the whole does. A clear, and what it
//! put at its place, goes along while it is unknown, a total too, each by its own stamp.

use super::counter::{Counter, Hidden};
use super::field::{Content, Field, Leaf, MapField};
use crate::{SiteId, Stamp};

/// Why a delta is not one that its peer may have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// The peer's site is nobody's own ([`SiteId::INITIAL`], [`SiteId::is_valid_origin`]).
    #[error("{} is no peer's site", .0.0)]
    Site(SiteId),
    /// Somebody else's stamp is in it.
    #[error("a delta holds a stamp of site {}, time {}, which is not its peer's", .0.site.0, .0.time)]
    Stamp(Stamp),
}

/// Up to which time each site's writes are known.
pub(super) struct Known {
    /// Ascending by site, each site once.
    sites: Vec<(SiteId, u64)>,
    /// Whether all writes of the sites that are not named are known; otherwise none is.
    others: bool,
}

impl Known {
    pub(super) fn new(since: &[(SiteId, u64)]) -> Self {
        let mut sites = since.to_vec();
        sites.sort_unstable_by(|a, b| b.cmp(a)); // of a site named twice the greater time comes first
        sites.dedup_by_key(|(site, _)| *site);
        sites.reverse();
        Self { sites, others: false }
    }

    /// Everything but what `site` wrote after `since`.
    pub(super) fn all_but(site: SiteId, since: u64) -> Self {
        Self { sites: vec![(site, since)], others: true }
    }

    fn knows(&self, stamp: Stamp) -> bool {
        match self.sites.binary_search_by_key(&stamp.site, |(site, _)| *site) {
            Ok(at) => stamp.time <= self.sites[at].1,
            Err(_) => self.others || stamp.time == 0,
        }
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
    let cleared = known.unless_known(leaf.cleared);
    let content = match &leaf.content {
        Content::Counter(counter) => match delta_of_counter(counter, cleared, known) {
            counter if counter.is_empty() => Content::Absent,
            counter => Content::Counter(counter),
        },
        content => content.clone(),
    };
    (cleared != Stamp::ZERO || matches!(content, Content::Counter(_))).then_some(Leaf { cleared, content })
}

/// `cleared` is zero where it is known, and so what belongs to it.
fn delta_of_counter(counter: &Counter, cleared: Stamp, known: &Known) -> Counter {
    let start = counter.start.filter(|_| cleared != Stamp::ZERO);
    Counter { start, totals: counter.totals.iter().filter(|(stamp, _)| !known.knows(*stamp)).copied().collect() }
}

fn delta_of_map(map: &MapField, known: &Known) -> Option<MapField> {
    let children: Vec<_> =
        map.children.iter().filter_map(|(name, field)| Some((name.clone(), delta(field, known)?))).collect();
    let cleared = known.unless_known(map.cleared);
    let under: Hidden = delta_of_counter(&map.under, cleared, known).into();
    if children.is_empty() && cleared == Stamp::ZERO && under.is_empty() && known.knows(map.stamp) {
        return None;
    }
    let stamp = match known.others && known.knows(map.stamp) {
        true => stamp_of_parts(cleared, &under, &children), // the map's own stamp is somebody else's
        false => map.stamp,
    };
    Some(MapField { cleared, stamp, under, children })
}

/// The least stamp that a map with these parts can bear.
fn stamp_of_parts(cleared: Stamp, under: &Hidden, children: &[(String, Field)]) -> Stamp {
    let newest = |field: &Field| match field {
        Field::Leaf(Leaf { cleared, content: Content::Counter(counter) }) => counter.newest_total().max(*cleared),
        Field::Leaf(leaf) => leaf.cleared,
        Field::Map(map) => map.stamp,
    };
    let inside = children.iter().map(|(_, field)| newest(field)).max().unwrap_or_default();
    inside.max(cleared).max(under.newest_total())
}

/// Whether all of `field` can be what `site` wrote.
pub(super) fn check(field: &Field, site: SiteId) -> Result<(), DeltaError> {
    if !site.is_valid_origin() || site == SiteId::INITIAL {
        return Err(DeltaError::Site(site));
    }
    check_field(field, site)
}

fn check_field(field: &Field, site: SiteId) -> Result<(), DeltaError> {
    check_stamp(field.cleared(), site)?;
    match field {
        Field::Leaf(Leaf { content: Content::Counter(counter), .. }) => check_totals(counter, site),
        Field::Leaf(_) => Ok(()),
        Field::Map(map) => {
            check_stamp(map.stamp, site)?;
            check_totals(&map.under, site)?;
            map.children.iter().try_for_each(|(_, child)| check_field(child, site))
        }
    }
}

fn check_totals(counter: &Counter, site: SiteId) -> Result<(), DeltaError> {
    match counter.totals.iter().find(|(stamp, _)| stamp.site != site) {
        Some((stamp, _)) => Err(DeltaError::Stamp(*stamp)),
        None => Ok(()),
    }
}

fn check_stamp(stamp: Stamp, site: SiteId) -> Result<(), DeltaError> {
    let is_its_own = stamp.site == site || stamp == Stamp::ZERO || stamp == Stamp::INITIAL;
    if is_its_own { Ok(()) } else { Err(DeltaError::Stamp(stamp)) }
}
