//! Sites of peers ([`crate::site`]). They are kept for ever.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `site:`, site u64 BE | what is known of it |
//!
//! Not here: what that means.

use std::ops::Bound;

use document::SiteId;

use super::{
    handle::{Engine, EngineBatch},
    spaces::{EngineError, META},
};
use crate::site::Site;

const BY_SITE: &[u8] = b"site:";

impl Engine {
    /// What is known of a site.
    pub(crate) fn site(&self, site: SiteId) -> Result<Option<Site>, EngineError> {
        self.get(META, key(site))?.map(|value| decode(&key(site), &value)).transpose()
    }

    /// The sites behind `after`, ascending.
    pub(crate) fn sites_after(
        &self,
        after: Option<SiteId>,
    ) -> impl Iterator<Item = Result<(SiteId, Site), EngineError>> + use<> {
        let from = after.map_or_else(|| Bound::Included(BY_SITE.to_vec()), |after| Bound::Excluded(key(after)));
        let to = Bound::Included(key(SiteId(u64::MAX)));
        self.snapshot().range(META, (from, to)).map(|entry| {
            let (key, value) = entry?;
            let site = decode(&key, &value)?;
            let number = key.strip_prefix(BY_SITE).and_then(|number| number.try_into().ok());
            let number = number.ok_or_else(|| EngineError(format!("{key:02x?} is no site's key")))?;
            Ok((SiteId(u64::from_be_bytes(number)), site))
        })
    }

    /// Every site that ever pushed.
    pub(crate) fn all_sites(&self) -> impl Iterator<Item = Result<(Vec<u8>, Site), EngineError>> + use<> {
        self.prefix(META, BY_SITE).map(|entry| {
            let (key, value) = entry?;
            let site = decode(&key, &value)?;
            Ok((key.to_vec(), site))
        })
    }
}

impl EngineBatch<'_> {
    pub(crate) fn put_site(&mut self, site: SiteId, known: &Site) {
        self.batch.insert(META, key(site), known.encode());
    }
}

fn key(site: SiteId) -> Vec<u8> {
    let mut key = BY_SITE.to_vec();
    key.extend_from_slice(&site.0.to_be_bytes());
    key
}

fn decode(key: &[u8], value: &[u8]) -> Result<Site, EngineError> {
    Site::decode(value).ok_or_else(|| EngineError(format!("the site {key:02x?} cannot be read")))
}
