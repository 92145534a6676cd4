//! INSERT, UPDATE and DELETE: one statement is one transaction.
//!
//! As in `store/write`: which documents an UPDATE or DELETE means is seen on a snapshot, or named
//! by the statement, and decided again at the commit.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};
use document::{CollectionName, DocumentId, Map, Origin};
use executor::{PlannedWrite, SelectPlan, StatementText};
use query::{
    Budget,
    dql::{Bound, Documents, Insert, NewDocument, Projector, Select},
};
use store::{
    Committed, Outcome, Remembered, Request, Returned, Returning, Snapshot, Write, Written,
    limits::{CHANGESET_STEPS_MAX, REMEMBERED_REPLY_BYTES_MAX},
};
use wire::execute::{QueryType, Warning, begin_execute_reply, end_execute_reply};

use super::{Text, collection, select::Source};
use crate::{
    attachment::tokens::Referred,
    call::Call,
    document_access::DocumentAccess,
    failure::Failure,
    limits,
    reading::{self, Begun, Extent},
    reply,
    resource::write::{memory_for, remembered, room_for},
    state::Shared,
    work::Work,
};

/// What a filter may take on one id for the statement to be planned at once.
const INLINE_STEPS_MAX: u64 = 10_000;

/// A statement that writes, ready to be planned.
struct Mutation {
    bound: Bound,
    collection: CollectionName,
    text: Text,
    origin: Origin,
    state: Shared,
    access: DocumentAccess,
}

/// What it is to write to or to write.
enum Found {
    Ids {
        writable: Vec<DocumentId>,
        /// What the caller may see but not write, and stays as it is.
        denied: Vec<DocumentId>,
    },
    Documents(Vec<NewDocument>),
}

/// What is answered of it.
struct Answer {
    /// Of its operations.
    ids: Vec<DocumentId>,
    returning: Option<Projector>,
    /// What the caller may see but not write.
    denied: Vec<DocumentId>,
}

/// A statement as a transaction.
struct Planned {
    write: PlannedWrite,
    denied: Vec<DocumentId>,
}

pub(super) async fn mutate(
    state: &Shared,
    call: &Call,
    bound: Bound,
    text: Text,
    request: Request,
) -> Result<Response, Failure> {
    if let Some(known) = remembered(call, &request).await? {
        return Ok(reply::json(StatusCode::OK, repeated(known)));
    }
    let mutation = Mutation::new(state, call, bound, text)?;
    let (returning, before) = mutation.returning();
    let makes_ids = mutation.makes_ids();
    let Planned { write: PlannedWrite { mut write, bytes, steps_max }, denied } = plan(state, call, mutation).await?;
    let ids = write.changeset.operations.iter().map(|operation| operation.id.clone()).collect();
    let answer = Answer { ids, returning, denied };
    if answer.ids.is_empty() {
        // By now it may have been done by another of the same name, which left nothing to do.
        if let Some(known) = remembered(call, &request).await? {
            return Ok(reply::json(StatusCode::OK, repeated(known)));
        }
        let nothing = Committed { txn_id: call.app.newest_txn(), outcomes: Vec::new(), returned: Vec::new() };
        return Ok(reply::json(StatusCode::OK, answer.rendered(&nothing, usize::MAX)));
    }
    let mut counted = bytes;
    if answer.returning.is_some() {
        let bytes_max = limits::RETURNING_BYTES_MAX;
        write.returning = Some(Returning { before, bytes_max });
        counted += bytes_max.min(answer.ids.len().saturating_mul(limits::RETURNED_BYTES_EXPECTED));
    }
    let memory = memory_for(state, counted).await?;
    let room = room_for(state, steps_max).await?;
    let referred = Referred::by(call, &write).await?;
    let takes_room = memory.is_some() || room.is_some() || !referred.is_empty();
    // An answer that tells what was made is kept in any case: nobody else knows it.
    let is_kept = request.given || makes_ids;
    let commit = referred.until(commit(call.app.clone(), write, request, is_kept, answer));
    if !takes_room {
        return commit.await.map(|body| reply::json(StatusCode::OK, body));
    }
    // Its client may leave; the changeset stays in the queue, and what it takes has to be held as
    // long.
    let committing = tokio::spawn(async move {
        let done = commit.await;
        drop(room);
        done.map(|body| (body, memory))
    });
    let (body, mut memory) = committing.await??;
    // The answer is held in what the write has taken, until its client has taken it.
    let share = memory.as_mut().and_then(|memory| memory.split(memory.num_permits().min(body.len().div_ceil(1024))));
    Ok(reply::json_with_share(body, share))
}

async fn commit(
    app: super::App,
    write: Write,
    request: Request,
    is_kept: bool,
    answer: Answer,
) -> Result<Vec<u8>, Failure> {
    if !is_kept {
        let committed = app.commit_unasked(write, request).await?;
        return Ok(answer.rendered(&committed, usize::MAX));
    }
    let answer = Arc::new(answer);
    let render = {
        let answer = answer.clone();
        // A longer one is not kept, so that it need not be made to its end.
        Box::new(move |committed: &Committed| answer.rendered(committed, REMEMBERED_REPLY_BYTES_MAX + 1))
    };
    match app.commit_request(write, request, render).await? {
        Written::New(committed) => Ok(answer.rendered(&committed, usize::MAX)),
        Written::Repeated(known) => Ok(repeated(known)),
    }
}

/// As the first time or, where that was too long to be remembered, what it did.
fn repeated(remembered: Remembered) -> Vec<u8> {
    let Remembered { txn_id, counts, reply, .. } = remembered;
    reply.unwrap_or_else(|| {
        let written = u64::from(counts.upserted) + u64::from(counts.updated) + u64::from(counts.deleted);
        let told = format!(
            "repeated: the statement was done before and wrote {written} documents; its answer was too long to be kept"
        );
        let mut body = Vec::new();
        begin_execute_reply(txn_id.0, QueryType::Mutation, &mut body);
        end_execute_reply(std::iter::empty(), &[Warning::new(told)], &mut body);
        body.pop();
        body.extend_from_slice(format!(r#","repeated":true,"mutatedDocuments":{written}}}"#).as_bytes());
        body
    })
}

/// What the statement comes to. On a blocking thread, unless it names its documents.
async fn plan(state: &Shared, call: &Call, mut mutation: Mutation) -> Result<Planned, Failure> {
    if let Some(found) = mutation.found_at_once()? {
        return mutation.planned(found);
    }
    let source = match &mutation.bound {
        Bound::Insert(Insert { documents: Documents::Select(select), .. }) => Some(Source::of(state, call, select)?),
        _ => None,
    };
    reading::read(state, &call.app, move |snapshot, work, let_in| {
        match mutation.look(snapshot, source.as_ref(), work, let_in)? {
            Begun::Done(found) => mutation.planned(found).map(Begun::Done),
            Begun::IsScan => Ok(Begun::IsScan),
        }
    })
    .await
}

impl Mutation {
    fn new(state: &Shared, call: &Call, bound: Bound, text: Text) -> Result<Self, Failure> {
        let name = match &bound {
            Bound::Insert(insert) => &insert.collection,
            _ => selection(&bound).collection(),
        };
        let collection = collection(name)?;
        Ok(Self {
            bound,
            collection,
            text,
            origin: call.origin(),
            state: state.clone(),
            access: call.documents.clone(),
        })
    }

    /// What RETURNING makes, and whether of documents as they were before.
    fn returning(&self) -> (Option<Projector>, bool) {
        match &self.bound {
            Bound::Insert(insert) => (insert.returning.clone(), false),
            Bound::Update(update) => (update.returning().cloned(), false),
            Bound::Delete(delete) => (delete.returning.clone(), true),
            _ => unreachable!("only what writes comes here"),
        }
    }

    /// Whether a document may get an id here.
    fn makes_ids(&self) -> bool {
        match &self.bound {
            Bound::Insert(Insert { documents: Documents::Given(documents), .. }) => {
                documents.iter().any(|document| document.id.is_none())
            }
            Bound::Insert(_) => true,
            _ => false,
        }
    }

    /// Where the statement says all of it.
    fn found_at_once(&mut self) -> Result<Option<Found>, Failure> {
        if let Bound::Insert(insert) = &mut self.bound {
            return Ok(match &mut insert.documents {
                Documents::Given(documents) => Some(Found::Documents(std::mem::take(documents))),
                Documents::Select(_) => None,
            });
        }
        let selection = selection(&self.bound);
        let filter = selection.filter();
        // It is made again where the transaction is applied, within the same bound.
        Budget::new(CHANGESET_STEPS_MAX).charge(filter.made_steps())?;
        let takes_little = filter.steps_max().is_some_and(|steps| steps <= INLINE_STEPS_MAX);
        let takes_all = selection.limit().is_none() && selection.offset() == 0;
        let Some(mut ids) = filter.ids().filter(|_| takes_little && takes_all) else { return Ok(None) };
        if filter.is_id_only() {
            let mut budget = Budget::new(limits::REQUEST_STEPS_MAX);
            let mut matching = Vec::with_capacity(ids.len());
            for id in ids {
                if filter.matches(&id, &Map::new(), &mut budget)? {
                    matching.push(id);
                }
            }
            ids = matching;
        }
        ids.retain(|id| self.access.may_read(&self.collection, id));
        // Whether those that may not be written are there is to be told.
        let are_allowed = ids.iter().all(|id| self.access.may_write(&self.collection, id));
        Ok(are_allowed.then_some(Found::Ids { writable: ids, denied: Vec::new() }))
    }

    fn look(
        &self,
        snapshot: &Snapshot,
        source: Option<&Source>,
        work: &mut Work,
        let_in: Extent,
    ) -> Result<Begun<Found>, Failure> {
        let Bound::Insert(insert) = &self.bound else {
            let selection = selection(&self.bound);
            let plan = SelectPlan::of_ids(snapshot, selection, self.collection.clone(), self.access.readable())?;
            if !plan.is_small() && let_in != Extent::Scan {
                return Ok(Begun::IsScan);
            }
            let ids = executor::selected_ids(snapshot, &plan, selection, work)?;
            let (writable, denied) = ids.into_iter().partition(|id| self.access.may_write(&self.collection, id));
            return Ok(Begun::Done(Found::Ids { writable, denied }));
        };
        let Documents::Select(select) = &insert.documents else { unreachable!("they were found at once") };
        let documents = match source.expect("a SELECT has a source") {
            Source::Documents(collection) => {
                let plan = SelectPlan::of(snapshot, select, collection.clone(), self.access.readable())?;
                if !plan.is_small() && let_in != Extent::Scan {
                    return Ok(Begun::IsScan);
                }
                executor::documents_of_rows(snapshot, insert, select, executor::Source::Stored(&plan), work)?
            }
            Source::System(system) => {
                if system.is_scan() && let_in != Extent::Scan {
                    return Ok(Begun::IsScan);
                }
                let documents = system.documents(snapshot, work)?;
                executor::documents_of_rows(snapshot, insert, select, executor::Source::System(&documents), work)?
            }
        };
        Ok(Begun::Done(Found::Documents(documents)))
    }

    /// An INSERT that names or makes an id that its caller may not write is refused as a whole.
    fn planned(&self, found: Found) -> Result<Planned, Failure> {
        let Text { text, args, constants } = &self.text;
        let text = StatementText { text, args, constants };
        let (collection, origin) = (&self.collection, self.origin.clone());
        let (write, denied) = match (&self.bound, found) {
            (Bound::Insert(insert), Found::Documents(documents)) => {
                let mut refused = None;
                let generate = || {
                    let id = DocumentId::generated(self.state.clock.now_ms(), rand::random());
                    refused = refused.take().or(self.access.demand_generated(collection, &id).err());
                    id
                };
                let write = executor::insert(collection, insert.conflict, documents, generate, origin)?;
                refused.map_or(Ok(()), Err)?;
                (write, Vec::new())
            }
            (Bound::Update(update), Found::Ids { writable, denied }) => {
                (executor::update(collection, update, writable, text, origin)?, denied)
            }
            (Bound::Delete(delete), Found::Ids { writable, denied }) => {
                (executor::delete(collection, delete, writable, text, origin)?, denied)
            }
            _ => unreachable!("an INSERT has documents, others have ids"),
        };
        write.ids().try_for_each(|id| self.access.demand_write(collection, id))?;
        Ok(Planned { write, denied })
    }
}

fn denied(id: &DocumentId) -> Warning {
    Warning { id: Some(id.clone()), description: "not written: that is not permitted".to_owned() }
}

/// Of an UPDATE or DELETE.
fn selection(bound: &Bound) -> &Select {
    match bound {
        Bound::Update(update) => update.selection(),
        Bound::Delete(delete) => &delete.selection,
        _ => unreachable!("only what writes comes here"),
    }
}

impl Answer {
    /// The whole reply; or only its beginning, once it is longer than `bytes_max`.
    fn rendered(&self, committed: &Committed, bytes_max: usize) -> Vec<u8> {
        let mut body = Vec::new();
        let mut warnings: Vec<Warning> = self.denied.iter().map(denied).collect();
        begin_execute_reply(committed.txn_id.0, QueryType::Mutation, &mut body);
        if let Some(projector) = &self.returning {
            self.write_rows(projector, committed, bytes_max, &mut body, &mut warnings);
        }
        if body.len() <= bytes_max {
            end_execute_reply(self.written(committed), &warnings, &mut body);
        }
        body
    }

    /// What is committed is answered in any case: a row that cannot be shown is named instead.
    fn write_rows(
        &self,
        projector: &Projector,
        committed: &Committed,
        bytes_max: usize,
        body: &mut Vec<u8>,
        warnings: &mut Vec<Warning>,
    ) {
        let mut budget = Budget::new(limits::REQUEST_STEPS_MAX);
        let mut is_first = true;
        for Returned { operation, fields } in &committed.returned {
            if body.len() > bytes_max {
                return;
            }
            let id = &self.ids[*operation];
            let row = match body.len() <= limits::REPLY_BYTES_MAX {
                true => projector.project(id, fields, &mut budget).map_err(|error| error.to_string()),
                false => Err("the reply is as long as it may be".to_owned()),
            };
            match row {
                Ok(row) => {
                    if !std::mem::take(&mut is_first) {
                        body.push(b',');
                    }
                    row.write_json(body);
                }
                Err(why) => {
                    let description = format!("written, but not returned: {why}");
                    warnings.push(Warning { id: Some(id.clone()), description });
                }
            }
        }
    }

    fn written<'a>(&'a self, committed: &'a Committed) -> impl Iterator<Item = &'a DocumentId> {
        let outcomes = self.ids.iter().zip(&committed.outcomes);
        outcomes.filter(|(_, outcome)| matches!(outcome, Outcome::Applied)).map(|(id, _)| id)
    }
}
