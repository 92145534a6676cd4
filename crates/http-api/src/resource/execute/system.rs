//! The system collections as a caller may see them.

use std::sync::Arc;

use credentials::Permission;
use document::Value;
use executor::{SystemCollection, SystemDocuments, system};
use store::{Snapshot, SnapshotError};

use super::App;
use crate::{access::Caller, active_statements::ActiveStatements, call::Call, state::Shared};

/// What it takes to look at one.
#[derive(Debug, Clone)]
pub(super) struct SystemView {
    pub(super) collection: SystemCollection,
    app: App,
    caller: Caller,
    active: Arc<ActiveStatements>,
    is_open: bool,
}

impl SystemView {
    pub(super) fn new(state: &Shared, call: &Call, collection: SystemCollection) -> Self {
        Self {
            collection,
            app: call.app.clone(),
            caller: call.caller.clone(),
            active: state.active_statements.clone(),
            is_open: !state.keys_exist(),
        }
    }

    /// Its documents, sorted by id.
    pub(super) fn documents(&self, snapshot: &Snapshot) -> Result<SystemDocuments, SnapshotError> {
        let app = self.app.name().as_str();
        let may_read = |collection: &str| self.caller.may(Permission::Read, app, Some(collection));
        Ok(match self.collection {
            SystemCollection::Dual => system::dual(),
            SystemCollection::DataSyncInfo => SystemDocuments::new(),
            SystemCollection::Collections => system::collections(snapshot, |name| may_read(name.as_str()))?,
            SystemCollection::Indexes => {
                let mut indexes = self.app.indexes();
                indexes.retain(|index| may_read(index.definition.collection.as_str()));
                system::indexes(&indexes)
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
}
