//! Reading version 1. Of such documents only one site ever wrote each, so that they say as much in
//! version 2.
//!
//! ```text
//! field    = 0   absent    cleared:ref
//!          | 1-8 register  cleared:ref  payload                             no objects
//!          | 16  counter   cleared:ref  totals:varint  (stamp:ref  value)…
//!          | 17  map       cleared:ref  stamp:ref  fields
//! ```
//!
//! What differs: a clear took what bore its very stamp too, so an object that replaced something at
//! time t was cleared at (t-1, 2^64-1): that becomes the write's own stamp. A counter had no start;
//! its first total, of the site that set it, becomes that. What was hostile is refused, or comes
//! out as something canonical.

use super::super::counter::{Counter, Hidden};
use super::super::field::{Content, Field, Leaf, MapField, join};
use super::super::number::Number;
use super::read::read_number;
use super::table::Stamps;
use super::{CHILD_BYTES_MIN, RESERVE_MAX, TAG_ABSENT, TAG_COUNTER, TAG_MAP, TOTAL_BYTES_MIN};
use crate::stored::{Malformed, Reader};
use crate::{SiteId, Stamp, Value};

/// Of clears just before a write.
const SITE_BEFORE: SiteId = SiteId(u64::MAX);

/// What a field must stay between: above the clears around it, at most the stamp of the map around
/// it.
#[derive(Clone, Copy)]
struct Bounds {
    outer: Stamp,
    newest: Option<Stamp>,
}

pub(super) fn read_root(reader: &mut Reader) -> Result<Field, Malformed> {
    let stamps = Stamps::read(reader, |site| site.0 != 0)?;
    let site = stamps.site_min();
    let mut fields = Fields { stamps, site: site.unwrap_or_default() };
    let root = match reader.byte()? {
        TAG_MAP => fields.map(reader, Bounds { outer: Stamp::ZERO, newest: None }, 0)?,
        TAG_ABSENT => Field::Leaf(Leaf { cleared: fields.stamp(reader)?, content: Content::Absent }),
        _ => return Err(reader.error("the root is no object")),
    };
    fields.stamps.end(reader)?;
    // Brings what the conversion left into canonical form. Nothing at all is what nobody wrote.
    let nothing = Field::Leaf(Leaf { cleared: Stamp::ZERO, content: Content::Absent });
    Ok(join(Some(root), None, Stamp::ZERO).unwrap_or(nothing))
}

struct Fields {
    stamps: Stamps,
    /// Whose the clears just before a write are.
    site: SiteId,
}

impl Fields {
    /// A stamp of a write.
    fn stamp(&mut self, reader: &mut Reader) -> Result<Stamp, Malformed> {
        let stamp = self.stamps.read_ref(reader)?;
        if stamp.site == SITE_BEFORE { Err(reader.error("a write's stamp has no site")) } else { Ok(stamp) }
    }

    fn field(&mut self, reader: &mut Reader, bounds: Bounds, open: usize) -> Result<Field, Malformed> {
        let tag = reader.byte()?;
        if tag == TAG_MAP {
            return self.map(reader, bounds, open);
        }
        let cleared = self.stamp(reader)?;
        if cleared <= bounds.outer || bounds.newest.is_some_and(|newest| cleared > newest) {
            return Err(reader.error("a field's stamp contradicts what is around it"));
        }
        let content = match tag {
            TAG_ABSENT => Content::Absent,
            TAG_COUNTER => Content::Counter(self.counter(reader, cleared, bounds)?),
            _ => match reader.payload(tag, open)? {
                Value::Map(_) => return Err(reader.error("an object stands in a register")),
                value => Content::Register(value),
            },
        };
        Ok(Field::Leaf(Leaf { cleared, content }))
    }

    fn map(&mut self, reader: &mut Reader, bounds: Bounds, open: usize) -> Result<Field, Malformed> {
        let cleared = self.stamps.read_ref(reader)?;
        let stamp = self.stamp(reader)?;
        let outer = bounds.outer.max(cleared);
        let is_said_twice = cleared != Stamp::ZERO && cleared <= bounds.outer;
        if is_said_twice || stamp <= outer || bounds.newest.is_some_and(|newest| stamp > newest) {
            return Err(reader.error("an object's stamps contradict what is around it"));
        }
        let inside = Bounds { outer, newest: Some(stamp) };
        let children = reader.named(open, CHILD_BYTES_MIN, |reader, open| self.field(reader, inside, open))?;
        let cleared = match cleared.site {
            // `stamp` is greater, so there is a next time.
            SITE_BEFORE => Stamp { time: cleared.time.saturating_add(1), site: self.site },
            _ => cleared,
        };
        Ok(Field::Map(MapField { cleared, stamp, under: Hidden::default(), children }))
    }

    fn counter(&mut self, reader: &mut Reader, cleared: Stamp, bounds: Bounds) -> Result<Counter, Malformed> {
        let count = reader.count(TOTAL_BYTES_MIN)?;
        let mut counter = Counter { start: None, totals: Vec::with_capacity(count.min(RESERVE_MAX)) };
        let mut last = SiteId::default();
        for _ in 0..count {
            let stamp = self.stamp(reader)?;
            if stamp < cleared || bounds.newest.is_some_and(|newest| stamp > newest) {
                return Err(reader.error("a counter's stamp contradicts what is around it"));
            }
            if last >= stamp.site {
                return Err(reader.error("a counter's sites are not in order"));
            }
            last = stamp.site;
            let total = read_number(reader)?;
            if stamp.site == cleared.site {
                counter.start = Some(total);
            } else {
                counter.totals.push((stamp, total));
            }
        }
        if counter.is_empty() {
            counter.start = Some(Number::ZERO);
        }
        Ok(counter)
    }
}
