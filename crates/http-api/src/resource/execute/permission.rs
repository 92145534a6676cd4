//! Who may have a statement run (docs/reference/access.md).
//!
//! Who may write but not read a collection may name documents by `_id` only, and is told nothing of
//! what stands in them. Whether a document of some `_id` is there shows to whoever may write it.

use credentials::Permission;
use document::{Path, PathSegment};
use executor::SystemCollection;
use query::{
    Filter,
    dql::{Bound, Conflict, ConflictPolicy, Documents, Insert, Select, Statement},
};
use wire::RequestError;

use super::collection;
use crate::{call::Call, failure::Failure};

/// Whether the statement writes to no collection of the system's.
pub(super) fn check_writable(statement: &Statement) -> Result<(), Failure> {
    let is_system = |name: &&str| name.starts_with(executor::system::PREFIX) || name.starts_with("__");
    match statement.written_collection().filter(is_system) {
        Some(name) => {
            let (place, collection) = ("statement".to_owned(), name.to_owned());
            Err(RequestError::SystemCollection { place, collection }.into())
        }
        None => Ok(()),
    }
}

/// Whether the caller may do all that the statement, or the explained one, does.
pub(super) fn check(call: &Call, bound: &Bound) -> Result<(), Failure> {
    match bound {
        Bound::Select(select) => demand_read(call, select.collection()),
        Bound::Explain(explained) => check(call, explained),
        Bound::Show(_) => Ok(()),
        Bound::Insert(insert) => check_insert(call, insert),
        Bound::Update(update) => {
            let tells = update.returning().is_some() || update.reads_fields();
            check_change(call, update.selection(), tells)
        }
        Bound::Delete(delete) => check_change(call, &delete.selection, delete.returning.is_some()),
        Bound::CreateIndex(new) => demand_admin(call, &new.collection),
        Bound::DropIndex(old) => demand_admin(call, &old.collection),
    }
}

fn check_insert(call: &Call, insert: &Insert) -> Result<(), Failure> {
    demand_write(call, &insert.collection)?;
    if let Documents::Select(select) = &insert.documents {
        demand_read(call, select.collection())?;
    }
    let tells = matches!(insert.conflict, Conflict::Policy(ConflictPolicy::UpdateLocalDiff));
    if tells || insert.returning.is_some() { demand_read(call, &insert.collection) } else { Ok(()) }
}

fn check_change(call: &Call, selection: &Select, tells: bool) -> Result<(), Failure> {
    demand_write(call, selection.collection())?;
    let is_named =
        names_documents(selection.filter()) && selection.sort().is_some_and(|keys| keys.iter().all(is_of_id));
    if is_named && !tells { Ok(()) } else { demand_read(call, selection.collection()) }
}

/// Whether it says which documents by `_id` alone, each.
fn names_documents(filter: &Filter) -> bool {
    filter.is_id_only() && filter.ids().is_some()
}

fn is_of_id((path, _): &(Path, bool)) -> bool {
    matches!(path.segments.first(), Some(PathSegment::Field(name)) if name == "_id")
}

/// Of the system's collections everybody sees something.
fn demand_read(call: &Call, name: &str) -> Result<(), Failure> {
    match SystemCollection::named(name)? {
        Some(_) => Ok(()),
        None => Ok(call.demand(Permission::Read, &collection(name)?)?),
    }
}

fn demand_write(call: &Call, name: &str) -> Result<(), Failure> {
    Ok(call.demand(Permission::Write, &collection(name)?)?)
}

fn demand_admin(call: &Call, name: &str) -> Result<(), Failure> {
    collection(name)?;
    if call.caller.may(Permission::Admin, call.app_name(), None) {
        return Ok(());
    }
    Err(call
        .caller
        .not_granted("make or drop indexes (that takes `admin` of the app)".to_owned(), call.app_name())
        .into())
}
