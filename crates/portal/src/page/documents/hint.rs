//! The index that would spare a search to look at every document.
//!
//! Not here: how a search is planned (`find`), making indexes (`page::indexes`).

use find::SortKey;
use store::App;

use super::steps::demanded_field;
use crate::{
    limits::SCANNED_UNASKED_MAX,
    scan::{Search, Sight},
    scope::{Scope, segment},
};

/// An index that would help.
#[derive(Debug)]
pub(super) struct Hint {
    /// What it would be sorted by, as the form of a new index takes it.
    pub(super) keys: String,
    /// The form, filled in.
    pub(super) address: String,
}

impl Hint {
    /// `None` where nothing, or little, is looked at in vain, or an index is there or being built.
    pub(super) fn of(scope: &Scope, search: &Search, sight: &Sight) -> Option<Self> {
        if !sight.scans || sight.in_collection <= SCANNED_UNASKED_MAX {
            return None;
        }
        let field = demanded_field(&search.filter).map(|path| path.to_string());
        let sort = search.sort.as_ref().filter(|key| key.path.to_string() != "_id");
        let sort_path = sort.map(|key| key.path.to_string());
        let by_field = field.filter(|field| Some(field) != sort_path.as_ref());
        let first = by_field.clone().or(sort_path)?;
        if has_index(&scope.app, search, &first) {
            return None;
        }
        let keys: Vec<String> = by_field.into_iter().chain(sort.map(shown_key)).collect();
        let keys = keys.join(", ");
        let collection = segment(search.collection.as_str());
        let address = scope.path(&format!("indexes?collection={collection}&keys={}#create", segment(&keys)));
        Some(Self { keys, address })
    }
}

fn shown_key(key: &SortKey) -> String {
    format!("{}{}", key.path, if key.descending { " desc" } else { "" })
}

/// Whether an index begins with this, also one that is being built.
fn has_index(app: &App, search: &Search, first: &str) -> bool {
    let of_collection = |index: &store::IndexStatus| index.definition.collection == search.collection;
    let begins =
        |index: &store::IndexStatus| index.definition.keys.first().is_some_and(|key| key.path.to_string() == first);
    app.indexes().iter().any(|index| of_collection(index) && begins(index))
}
