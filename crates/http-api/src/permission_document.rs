//! Permission documents as they are asked for and as they are kept.
//!
//! Not here: whether their queries are any (`permissions`).

use credentials::{GrantedQueries, PermissionDocument};
use wire::admin;

pub(crate) fn stored(document: admin::PermissionDocument) -> PermissionDocument {
    let half = |half: admin::GrantedQueries| GrantedQueries {
        everything: half.everything,
        queries_by_collection: half.queries_by_collection,
    };
    PermissionDocument { read: half(document.read), write: half(document.write) }
}

pub(crate) fn shown(document: &PermissionDocument) -> admin::PermissionDocument {
    let half = |half: &GrantedQueries| admin::GrantedQueries {
        everything: half.everything,
        queries_by_collection: half.queries_by_collection.clone(),
    };
    admin::PermissionDocument { read: half(&document.read), write: half(&document.write) }
}
