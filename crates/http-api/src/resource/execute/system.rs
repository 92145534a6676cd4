//! The system collections as a caller may see them.

use std::sync::Arc;

use credentials::Permission;
use document::{CollectionName, Value};
use executor::{SystemCollection, SystemDocuments, system};
use find::Query;
use query::Filter;
use store::Snapshot;

use super::App;
use crate::{
    access::Caller, active_statements::ActiveStatements, call::Call, document_access::DocumentAccess, failure::Failure,
    state::Shared, work::Work,
};

/// What it takes to look at one.
#[derive(Debug, Clone)]
pub(super) struct SystemView {
    pub(super) collection: SystemCollection,
    app: App,
    caller: Caller,
    access: DocumentAccess,
    active: Arc<ActiveStatements>,
    is_open: bool,
}

impl SystemView {
    pub(super) fn new(state: &Shared, call: &Call, collection: SystemCollection) -> Self {
        Self {
            collection,
            app: call.app.clone(),
            caller: call.caller.clone(),
            access: call.documents.clone(),
            active: state.active_statements.clone(),
            is_open: !state.keys_exist(),
        }
    }

    /// Whether documents have to be looked at for it.
    pub(super) fn is_scan(&self) -> bool {
        self.collection == SystemCollection::Collections && self.access.is_restricted()
    }

    /// Its documents, sorted by id.
    pub(super) fn documents(&self, snapshot: &Snapshot, work: &mut Work) -> Result<SystemDocuments, Failure> {
        let app = self.app.name().as_str();
        let may_read = |collection: &str| self.caller.may(Permission::Read, app, Some(collection));
        Ok(match self.collection {
            SystemCollection::Dual => system::dual(),
            SystemCollection::DataSyncInfo => SystemDocuments::new(),
            SystemCollection::Collections => {
                let count = |name: &CollectionName| match may_read(name.as_str()) {
                    true => self.count(snapshot, name, work),
                    false => Ok(None),
                };
                system::collections(snapshot, count)?
            }
            SystemCollection::Indexes => {
                let mut indexes = self.app.indexes();
                indexes.retain(|index| {
                    let collection = &index.definition.collection;
                    may_read(collection.as_str()) && self.access.may_read_some_of(collection)
                });
                system::indexes(&indexes, |index| self.access.may_read_all_of(&index.definition.collection))
            }
            SystemCollection::ActiveRequests => {
                let sees_all = self.caller.may(Permission::Admin, app, None);
                let scope = self.caller.scope();
                self.active.documents(app, (!sees_all).then_some(&*scope))
            }
            SystemCollection::SystemInfo => system::system_info(vec![
                ("app", Value::String(app.to_owned())),
                ("keysNeeded", Value::Bool(!self.is_open)),
                ("product", Value::String("Headwater".to_owned())),
                ("transactionId", Value::Int(i64::try_from(snapshot.txn_id().0).unwrap_or(i64::MAX))),
                ("version", Value::String(env!("CARGO_PKG_VERSION").to_owned())),
            ]),
        })
    }

    /// How many documents of a collection the caller sees. A collection in which a restricted caller sees none is not
    /// there.
    fn count(&self, snapshot: &Snapshot, name: &CollectionName, work: &mut Work) -> Result<Option<u64>, Failure> {
        if !self.access.is_restricted() {
            return Ok(Some(snapshot.documents_in(name)?));
        }
        let query = Query::of(name.clone(), Filter::always()).granted_to(self.access.readable());
        let count = find::count(snapshot, &find::plan_count(snapshot, &query)?, &query, work)?;
        Ok((count > 0).then_some(count))
    }
}
