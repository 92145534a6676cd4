//! The sites and stamps of a stored document: each once, referred to by number.

use super::super::field::{Content, Field, Leaf};
use super::RESERVE_MAX;
use crate::stored::{Malformed, Reader, put_varint};
use crate::{SiteId, Stamp};

/// The distinct stamps of a document that is written, ascending.
pub(super) struct Table {
    stamps: Vec<Stamp>,
}

impl Table {
    pub(super) fn of(root: &Field) -> Self {
        let mut table = Self { stamps: Vec::with_capacity(4) };
        table.collect(root);
        table.stamps.sort_unstable();
        table.stamps.dedup();
        table
    }

    fn collect(&mut self, field: &Field) {
        self.note(field.cleared());
        match field {
            Field::Map(map) => {
                self.note(map.stamp);
                map.under.totals.iter().for_each(|(stamp, _)| self.note(*stamp));
                map.children.iter().for_each(|(_, child)| self.collect(child));
            }
            Field::Leaf(Leaf { content: Content::Counter(counter), .. }) => {
                counter.totals.iter().for_each(|(stamp, _)| self.note(*stamp));
            }
            Field::Leaf(_) => {}
        }
    }

    fn note(&mut self, stamp: Stamp) {
        if stamp != Stamp::ZERO && self.stamps.last() != Some(&stamp) {
            self.stamps.push(stamp);
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let mut sites: Vec<SiteId> = self.stamps.iter().map(|stamp| stamp.site).collect();
        sites.sort_unstable();
        sites.dedup();
        put_varint(sites.len() as u64, out);
        sites.iter().for_each(|site| out.extend_from_slice(&site.0.to_be_bytes()));
        put_varint(self.stamps.len() as u64, out);
        let mut time = 0;
        for stamp in &self.stamps {
            put_varint(stamp.time - time, out);
            time = stamp.time;
            put_varint(sites.binary_search(&stamp.site).expect("every site was collected") as u64, out);
        }
    }

    pub(super) fn put_ref(&self, stamp: Stamp, out: &mut Vec<u8>) {
        let index = match stamp {
            Stamp::ZERO => 0,
            _ => 1 + self.stamps.binary_search(&stamp).expect("every stamp was collected"),
        };
        put_varint(index as u64, out);
    }
}

/// The stamps read from a table, and which of them a field referred to.
pub(super) struct Stamps {
    stamps: Vec<Stamp>,
    used: Vec<bool>,
}

impl Stamps {
    /// `is_site`: which sites there may be.
    pub(super) fn read(reader: &mut Reader, is_site: fn(SiteId) -> bool) -> Result<Self, Malformed> {
        let sites = read_sites(reader, is_site)?;
        let mut site_used = vec![false; sites.len()];
        let count = reader.count(2)?;
        let mut stamps = Vec::with_capacity(count.min(RESERVE_MAX));
        let mut last = Stamp::ZERO;
        for _ in 0..count {
            let delta = reader.varint()?;
            let time = last.time.checked_add(delta).ok_or_else(|| reader.error("a stamp exceeds 64 bits"))?;
            let index = reader.varint()?;
            let at = usize::try_from(index).ok().filter(|&at| at < sites.len());
            let at = at.ok_or_else(|| reader.error(format!("there is no site {index}")))?;
            let stamp = Stamp { time, site: sites[at] };
            if time == 0 || stamp <= last {
                return Err(reader.error("stamps are not in order"));
            }
            site_used[at] = true;
            stamps.push(stamp);
            last = stamp;
        }
        if !site_used.iter().all(|used| *used) {
            return Err(reader.error("a site is not used"));
        }
        let used = vec![false; stamps.len()];
        Ok(Self { stamps, used })
    }

    /// Ends a document: every stamp was referred to, and no byte is left.
    pub(super) fn end(&self, reader: &Reader) -> Result<(), Malformed> {
        if !self.used.iter().all(|used| *used) {
            return Err(reader.error("a stamp is not used"));
        }
        reader.end()
    }

    /// The least site that a stamp may bear.
    pub(super) fn site_min(&self) -> Option<SiteId> {
        self.stamps.iter().map(|stamp| stamp.site).filter(|site| site.is_valid_origin()).min()
    }

    pub(super) fn read_ref(&mut self, reader: &mut Reader) -> Result<Stamp, Malformed> {
        let index = reader.varint()?;
        if index == 0 {
            return Ok(Stamp::ZERO);
        }
        let at = usize::try_from(index - 1).ok().filter(|&at| at < self.stamps.len());
        let at = at.ok_or_else(|| reader.error(format!("there is no stamp {index}")))?;
        self.used[at] = true;
        Ok(self.stamps[at])
    }
}

pub(super) fn skip(reader: &mut Reader) -> Result<(), Malformed> {
    let sites = reader.count(size_of::<SiteId>())?;
    reader.bytes(sites * size_of::<SiteId>())?;
    for _ in 0..reader.count(2)? {
        reader.varint()?;
        reader.varint()?;
    }
    Ok(())
}

fn read_sites(reader: &mut Reader, is_site: fn(SiteId) -> bool) -> Result<Vec<SiteId>, Malformed> {
    let count = reader.count(size_of::<SiteId>())?;
    let mut sites = Vec::with_capacity(count);
    for _ in 0..count {
        let site = SiteId(u64::from_be_bytes(reader.array()?));
        if !is_site(site) {
            return Err(reader.error(format!("{} is no site", site.0)));
        }
        if sites.last().is_some_and(|last| *last >= site) {
            return Err(reader.error("sites are not in order"));
        }
        sites.push(site);
    }
    Ok(sites)
}
