//! The collections of an app, beside its documents: each with how many documents it has.
//!
//! Invariant: that takes a look-up for each, whatever is in them.

use crate::{
    clip::Clipper,
    failure::Failure,
    figures,
    limits::{COLLECTIONS_SHOWN_MAX, DOCUMENTS_HTML_BYTES, NAME_SHOWN_BYTES},
    scope::{Scope, segment},
};

/// The first by name.
#[derive(Debug, Default)]
pub(super) struct Collections {
    pub(super) shown: Vec<Collection>,
    /// Whether there are others.
    pub(super) has_more: bool,
}

#[derive(Debug)]
pub(super) struct Collection {
    /// As it is.
    pub(super) name: String,
    /// As it is shown.
    pub(super) words: String,
    pub(super) address: String,
    pub(super) documents: String,
}

impl Collections {
    /// `carried` are the fields that their addresses have besides.
    pub(super) async fn of(scope: &Scope, carried: &str) -> Result<Self, Failure> {
        let app = scope.app.clone();
        let read = move || {
            let snapshot = app.snapshot()?;
            let names = snapshot.collections().take(COLLECTIONS_SHOWN_MAX + 1);
            let counted = names.map(|name| {
                let name = name?;
                Ok((name.as_str().to_owned(), snapshot.documents_in(&name)?))
            });
            counted.collect::<Result<Vec<_>, store::SnapshotError>>()
        };
        let mut counted = tokio::task::spawn_blocking(read).await??;
        let has_more = counted.len() > COLLECTIONS_SHOWN_MAX;
        counted.truncate(COLLECTIONS_SHOWN_MAX);
        let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES / 4);
        let base = scope.path("documents");
        let shown = |(name, documents): (String, u64)| Collection {
            words: clipper.clip(&name, NAME_SHOWN_BYTES),
            address: format!("{base}?collection={}{carried}", segment(&name)),
            documents: figures::count(documents),
            name,
        };
        Ok(Self { shown: counted.into_iter().map(shown).collect(), has_more })
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.shown.first().map(|collection| collection.name.as_str())
    }
}
