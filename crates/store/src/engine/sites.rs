//! Sites of peers ([`crate::site`]). They are kept for ever.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `site:`, site u64 BE | what is known of it |
//!
//! Not here: what that means.

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
