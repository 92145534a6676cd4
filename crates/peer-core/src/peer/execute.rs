//! Statements of DQL on the peer's own store: SELECT, INSERT, UPDATE, DELETE, and EVICT, which is
//! of peers alone.
//!
//! Invariant: one statement is one transaction. Not here: indexes, EXPLAIN, SHOW.

use document::{Action, CollectionName, DocumentId, Map, Value};
use query::dql::{Bound, Conflict, ConflictPolicy, Delete, Documents, Insert, Projector, Row, Select, Update};
use query::{BindError, Budget};
use sync_protocol::Seq;

use super::Peer;
use crate::reading::Reading;
use crate::records::Synced;
use crate::select::{bind, rows_of, selected};
use crate::{Now, PeerError, Transaction, Which, WriteError, limits};

/// What a statement came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Executed {
    /// A SELECT's rows, or what RETURNING says.
    pub rows: Vec<Row>,
    /// The documents that were written or evicted.
    pub mutated_ids: Vec<DocumentId>,
    /// The transaction's number, if there is one.
    pub seq: Option<Seq>,
}

impl Peer {
    /// Runs a statement.
    ///
    /// # Errors
    /// What [`WriteError`] names; nothing was written.
    pub fn execute(&mut self, now: Now, text: &str, args: &Map) -> Result<Executed, WriteError> {
        if let Some(rest) = after_evict(text) {
            return self.evict_statement(now, &format!("DELETE{rest}"), args);
        }
        let bound = bind(text, args, now, self.options.strict)?;
        if let Bound::Select(select) = bound {
            return Ok(Executed { rows: rows_of(&self.reading(), &select)?, ..Executed::default() });
        }
        let (executed, written) = self.transaction(now, None, |transaction| transaction.run(bound))?;
        Ok(Executed { seq: written.seq, ..executed })
    }

    /// Takes documents out of this store alone. They stay out while their subscription lives, unless
    /// they change; what is pending of them is pushed. The ids of those that were there.
    ///
    /// # Errors
    /// As [`Peer::execute`].
    pub fn evict(&mut self, collection: &CollectionName, which: &Which) -> Result<Vec<DocumentId>, WriteError> {
        let mut ids = Vec::new();
        match which {
            Which::Id(id) => ids.extend(self.find_by_id(collection, id)?.map(|_| id.clone())),
            Which::Matching(filter) => {
                let budget = &mut Budget::new(limits::QUERY_STEPS_MAX);
                self.reading().matching(collection.as_str(), filter, budget, &mut |id, _, _| {
                    ids.push(id.clone());
                    Ok(true)
                })?;
            }
        }
        self.evict_ids(collection, &ids)?;
        Ok(ids)
    }

    fn evict_ids(&mut self, collection: &CollectionName, ids: &[DocumentId]) -> Result<(), PeerError> {
        let mut work = self.work();
        for id in ids {
            let touched = work.touch(collection, id)?;
            touched.synced.get_or_insert_with(Synced::of_nothing).held = true;
        }
        let done = work.finish()?;
        self.commit(done)
    }

    fn evict_statement(&mut self, now: Now, text: &str, args: &Map) -> Result<Executed, WriteError> {
        let Bound::Delete(delete) = bind(text, args, now, self.options.strict)? else {
            return Err(WriteError::NotHere { what: "such a statement" });
        };
        let collection = CollectionName::new(delete.selection.collection())?;
        let ids = selected_ids(&self.reading(), &delete.selection)?;
        let mut rows = Vec::new();
        for id in &ids {
            if let (Some(returning), Some(fields)) = (&delete.returning, self.find_by_id(&collection, id)?) {
                rows.push(returning.project(id, &fields, &mut Budget::of_a_document())?);
            }
        }
        self.evict_ids(&collection, &ids)?;
        Ok(Executed { rows, mutated_ids: ids, seq: None })
    }
}

impl Transaction<'_> {
    /// Runs a statement as a part of this transaction.
    ///
    /// # Errors
    /// What [`WriteError`] names. Documents before the one that failed are written.
    pub fn execute(&mut self, text: &str, args: &Map) -> Result<Executed, WriteError> {
        let now = Now { steady_ms: 0, wall_ms: self.draft.wall_ms };
        let bound = bind(text, args, now, self.draft.strict)?;
        self.run(bound)
    }

    fn run(&mut self, bound: Bound) -> Result<Executed, WriteError> {
        match bound {
            Bound::Select(select) if select.collection().starts_with("system:") => {
                Err(WriteError::NotHere { what: "a system collection in a transaction" })
            }
            Bound::Select(select) => Ok(Executed { rows: selected(&self.reading(), &select)?, ..Executed::default() }),
            Bound::Insert(insert) => self.insert(&insert),
            Bound::Update(update) => self.update_by(&update),
            Bound::Delete(delete) => self.delete(&delete),
            Bound::CreateIndex(_) => Err(WriteError::NotHere { what: "CREATE INDEX" }),
            Bound::DropIndex(_) => Err(WriteError::NotHere { what: "DROP INDEX" }),
            Bound::Explain(_) => Err(WriteError::NotHere { what: "EXPLAIN" }),
            Bound::Show(_) => Err(WriteError::NotHere { what: "SHOW" }),
        }
    }

    fn insert(&mut self, insert: &Insert) -> Result<Executed, WriteError> {
        let collection = CollectionName::new(&insert.collection)?;
        let documents = match &insert.documents {
            Documents::Given(documents) => documents.clone(),
            Documents::Select(select) => {
                let rows = selected(&self.reading(), select)?;
                let made = rows.into_iter().map(|row| insert.document_of_row(row.into_map()));
                made.collect::<Result<Vec<_>, BindError>>()?
            }
        };
        let mut executed = Executed::default();
        for document in documents {
            let id = document.id.unwrap_or_else(|| self.generate_id());
            let is_there = self.find_by_id(&collection, &id)?.is_some();
            let (value, types) = (document.value, document.types);
            let action = match insert.conflict {
                Conflict::Initial => Action::UpsertInitial { value, types },
                Conflict::Policy(ConflictPolicy::Fail) if is_there => {
                    let (collection, id) = (collection.as_str().to_owned(), id.as_json().to_owned());
                    return Err(WriteError::Exists { collection, id });
                }
                Conflict::Policy(ConflictPolicy::Nothing) if is_there => continue,
                Conflict::Policy(ConflictPolicy::UpdateLocalDiff) => Action::UpsertDifference { value, types },
                Conflict::Policy(_) => Action::Upsert { value, types },
            };
            if self.write(&collection, &id, action)? {
                self.answer(&mut executed, &collection, id, insert.returning.as_ref())?;
            }
        }
        Ok(executed)
    }

    fn update_by(&mut self, update: &Update) -> Result<Executed, WriteError> {
        let collection = CollectionName::new(update.selection().collection())?;
        let mut executed = Executed::default();
        for id in selected_ids(&self.reading(), update.selection())? {
            let document = self.document(&collection, &id)?;
            let commands = update.decide(&id, &document, &mut Budget::of_a_document())?;
            if !commands.is_empty() {
                self.write(&collection, &id, Action::Update(commands))?;
            }
            self.answer(&mut executed, &collection, id, update.returning())?;
        }
        Ok(executed)
    }

    fn delete(&mut self, delete: &Delete) -> Result<Executed, WriteError> {
        let collection = CollectionName::new(delete.selection.collection())?;
        let mut executed = Executed::default();
        for id in selected_ids(&self.reading(), &delete.selection)? {
            self.answer(&mut executed, &collection, id.clone(), delete.returning.as_ref())?;
            self.write(&collection, &id, Action::Remove)?;
        }
        Ok(executed)
    }

    fn answer(
        &self,
        executed: &mut Executed,
        collection: &CollectionName,
        id: DocumentId,
        returning: Option<&Projector>,
    ) -> Result<(), WriteError> {
        if let Some(returning) = returning
            && let Some(fields) = self.find_by_id(collection, &id)?
        {
            executed.rows.push(returning.project(&id, &fields, &mut Budget::of_a_document())?);
        }
        executed.mutated_ids.push(id);
        Ok(())
    }
}

/// What stands after EVICT, if that is what the statement is.
fn after_evict(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let (word, rest) = text.split_at_checked("EVICT".len())?;
    let is_word = rest.starts_with(|next: char| next.is_whitespace());
    (word.eq_ignore_ascii_case("EVICT") && is_word).then_some(rest)
}

fn selected_ids(reading: &Reading<'_>, selection: &Select) -> Result<Vec<DocumentId>, WriteError> {
    let id = |row: Row| {
        let id = row.fields.into_iter().find(|(name, _)| name == "_id").map(|(_, id)| id);
        Ok(DocumentId::from_value(&id.unwrap_or(Value::Null))?)
    };
    selected(reading, selection)?.into_iter().map(id).collect()
}
