//! A DQL statement on a page: what reads is run within one look or explained, anything else is
//! refused.
//!
//! Invariants: nothing is written; a look is as short as every search of the portal ([`Glance`]);
//! rows that a look broke off would make wrong are never shown.
//! Not here: the language (`query::dql`), how a SELECT is answered (`executor`), showing it
//! (`page::documents`).

use document::{CollectionName, Map, Value};
use executor::{SelectPlan, SystemCollection, SystemDocuments, each_row_of_system, system};
use query::dql::{self, Bound, Constants, Documents, Row, Select, Statement};
use store::{App, Snapshot};

use crate::{
    failure::Failure,
    glance::{Ended, Glance, Stopped, ended},
    limits::DOCUMENTS_SHOWN_MAX,
    options::SearchBounds,
};

/// What is said of a statement that writes.
const ONLY_READS: &str =
    "this page reads: change documents on their own pages, or run the statement with headwater execute";

/// What a statement asks of the page.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Rows.
    Rows(Select),
    /// The plan of what is not run.
    Plan(Bound),
}

impl Asked {
    /// Whose documents it is about; `None` where they are the system's, or there are none.
    pub(crate) fn collection(&self) -> Option<&str> {
        let select = match self {
            Asked::Rows(select) => Some(select),
            Asked::Plan(bound) => selection(bound),
        };
        select.map(Select::collection).filter(|name| !name.starts_with(system::PREFIX))
    }
}

/// Which documents a statement selects; `None` where it selects none.
pub(crate) fn selection(bound: &Bound) -> Option<&Select> {
    match bound {
        Bound::Select(select) => Some(select),
        Bound::Update(update) => Some(update.selection()),
        Bound::Delete(delete) => Some(&delete.selection),
        Bound::Insert(insert) => match &insert.documents {
            Documents::Select(select) => Some(select),
            Documents::Given(_) => None,
        },
        Bound::Explain(inner) => selection(inner),
        Bound::CreateIndex(_) | Bound::DropIndex(_) | Bound::Show(_) => None,
    }
}

/// Why a text is no statement of this page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementFault {
    pub(crate) message: String,
    /// Line and column, from 1.
    pub(crate) place: Option<(usize, usize)>,
}

/// Facts about the server, for `system:system_info`.
#[derive(Debug, Clone)]
pub(crate) struct ServerFacts {
    pub(crate) version: String,
    pub(crate) keys_needed: bool,
}

/// What a look made.
#[derive(Debug)]
pub(crate) struct RowsSeen {
    /// At most [`DOCUMENTS_SHOWN_MAX`].
    pub(crate) rows: Vec<Row>,
    /// Whether there are more.
    pub(crate) more: bool,
    /// How often a document was looked at; one that is sorted is looked at twice.
    pub(crate) looked_at: usize,
    /// Whether each row came as soon as its documents were looked at.
    pub(crate) is_gradual: bool,
    pub(crate) extent: Extent,
}

/// How much of the answer a look could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it, as far as it is shown.
    Whole,
    /// It was cut; the rows are the first ones.
    Beginning,
    /// It was cut, and nothing can be said.
    Nothing,
}

/// Reads a statement for this page. `explains`: its plan is wanted, so that it may be any.
pub(crate) fn read(text: &str, app: &App, explains: bool) -> Result<Asked, StatementFault> {
    let statement = Statement::parse(text)
        .map_err(|error| StatementFault { message: error.to_string(), place: Some((error.line, error.column)) })?;
    let bound = statement.bind(&Map::new(), &constants(app)).map_err(|error| fault(&error.to_string()))?;
    match bound {
        Bound::Explain(inner) => Ok(Asked::Plan(*inner)),
        any if explains => Ok(Asked::Plan(any)),
        Bound::Select(select) => Ok(Asked::Rows(select)),
        Bound::Show(_) => Err(fault("SHOW tells what is set at the HTTP API: run it with headwater execute")),
        Bound::Insert(_) | Bound::Update(_) | Bound::Delete(_) | Bound::CreateIndex(_) | Bound::DropIndex(_) => {
            Err(fault(ONLY_READS))
        }
    }
}

/// The statement for all documents of a collection; empty where there is none.
pub(crate) fn all_of(collection: &str) -> String {
    if collection.is_empty() {
        return String::new();
    }
    let is_plain = collection.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !collection.starts_with(|letter: char| letter.is_ascii_digit());
    let plain = format!("SELECT * FROM {collection}");
    match is_plain && Statement::parse(&plain).is_ok() {
        true => plain,
        false => format!("SELECT * FROM `{}`", collection.replace('`', "``")),
    }
}

/// Runs a SELECT, as far as one look goes. Blocks on disk.
pub(crate) fn look(
    app: &App,
    snapshot: &Snapshot,
    select: &Select,
    facts: &ServerFacts,
    bounds: SearchBounds,
) -> Result<RowsSeen, Failure> {
    if let Some(system) = SystemCollection::named(select.collection())? {
        let is_gradual = !select.is_grouped() && !select.is_ordered();
        let documents = system_documents(app, snapshot, system, facts)?;
        return Taking::default()
            .run(is_gradual, bounds, |glance, take| each_row_of_system(&documents, select, glance, take));
    }
    let collection = CollectionName::new(select.collection()).map_err(|error| Failure::BadInput(error.to_string()))?;
    let plan = SelectPlan::of_first(snapshot, select, collection, DOCUMENTS_SHOWN_MAX + 1)?;
    let by = |plan: &SelectPlan| {
        let is_gradual = plan.is_gradual(select);
        Taking::default().run(is_gradual, bounds, |glance, take| plan.each_row(snapshot, select, glance, take))
    };
    let in_place = plan.in_place().filter(|_| !plan.is_gradual(select));
    match in_place {
        // A few entries of an index are read faster than all documents; many only all together.
        Some(in_place) if plan.is_small() => match by(&plan)? {
            RowsSeen { extent: Extent::Nothing, .. } => by(&in_place),
            seen => Ok(seen),
        },
        Some(in_place) => by(&in_place),
        None => by(&plan),
    }
}

/// Takes a row.
type Take<'t> = dyn FnMut(Row, &mut Glance) -> Result<(), Stopped> + 't;

/// The rows that a page shows, as they come.
#[derive(Debug, Default)]
struct Taking {
    rows: Vec<Row>,
    more: bool,
}

impl Taking {
    fn run(
        mut self,
        is_gradual: bool,
        bounds: SearchBounds,
        each_row: impl FnOnce(&mut Glance, &mut Take<'_>) -> Result<(), Stopped>,
    ) -> Result<RowsSeen, Failure> {
        let mut glance = Glance::of(bounds);
        let looked = each_row(&mut glance, &mut |row, _| self.take(row));
        let extent = match ended(looked)? {
            Ended::Here => Extent::Whole,
            Ended::Cut if is_gradual => Extent::Beginning,
            Ended::Cut => Extent::Nothing,
        };
        if extent == Extent::Nothing {
            self = Self::default();
        }
        Ok(RowsSeen { rows: self.rows, more: self.more, looked_at: glance.looked_at, is_gradual, extent })
    }

    fn take(&mut self, row: Row) -> Result<(), Stopped> {
        if self.rows.len() == DOCUMENTS_SHOWN_MAX {
            self.more = true;
            return Err(Stopped::Enough);
        }
        self.rows.push(row);
        Ok(())
    }
}

/// As an administrator sees it: nobody else signs in to the portal.
fn system_documents(
    app: &App,
    snapshot: &Snapshot,
    collection: SystemCollection,
    facts: &ServerFacts,
) -> Result<SystemDocuments, Failure> {
    Ok(match collection {
        SystemCollection::Dual => system::dual(),
        SystemCollection::DataSyncInfo => SystemDocuments::new(),
        SystemCollection::Collections => {
            system::collections::<Failure>(snapshot, |name| Ok(Some(snapshot.documents_in(name)?)))?
        }
        SystemCollection::Indexes => system::indexes(&app.indexes(), |_| true),
        SystemCollection::ActiveRequests => {
            let advice = "which statements run is known to the HTTP API: ask it with headwater execute";
            return Err(Failure::BadInput(advice.to_owned()));
        }
        SystemCollection::SystemInfo => system::system_info(vec![
            ("app", Value::String(app.name().as_str().to_owned())),
            ("keysNeeded", Value::Bool(facts.keys_needed)),
            ("product", Value::String("Headwater".to_owned())),
            ("transactionId", Value::Int(i64::try_from(snapshot.txn_id().0).unwrap_or(i64::MAX))),
            ("version", Value::String(facts.version.clone())),
        ]),
    })
}

fn constants(app: &App) -> Constants {
    let now_ms = app.now_ms();
    let request_info = dql::request_info(app.name().as_str(), None, now_ms, "portal");
    Constants { now_ms, strict: false, request_info, zone_offset: Some(executor::zone_offset) }
}

fn fault(message: &str) -> StatementFault {
    StatementFault { message: message.to_owned(), place: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_named_as_the_language_needs_it() {
        assert_eq!(all_of("people"), "SELECT * FROM people");
        assert_eq!(all_of("my cars"), "SELECT * FROM `my cars`");
        assert_eq!(all_of("1st"), "SELECT * FROM `1st`");
        assert_eq!(all_of("a`b"), "SELECT * FROM `a``b`");
        assert_eq!(all_of(""), "");
    }
}
