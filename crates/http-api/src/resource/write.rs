//! `POST store/write`: every command of the request in one transaction.
//!
//! What queries select. A query of an update or remove is resolved on a snapshot, before the transaction; what it names is decided again when the
//! transaction is applied (`Condition`), on the state that the commands before it left. So that a later command sees what earlier
//! ones of the same request did, every document of its collection that an earlier command names is looked at as well. What can be missed is only a
//! document that another request makes match between the snapshot and the commit.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, UpdateCommand, UpdateKind};
use query::{Budget, Filter};
use store::{Committed, Outcome, Remembered, Request, Snapshot, Written, limits::CHANGESET_STEPS_MAX};
use tokio::sync::OwnedSemaphorePermit;
use wire::write::{Selection, WriteCommand, WriteRequest, WriteResult, write_results};

use crate::{
    api::{self, Shared},
    call::Call,
    failure::Failure,
    limits,
    reading::{self, Extent, parse_filter_for_change, weight, weight_of_map},
    reply, request_id,
    work::{Work, room_within},
};

pub(crate) async fn handle(State(state): State<Shared>, mut call: Call) -> Response {
    let request = request_id::name(&call.caller, call.request_id.take(), call.body());
    let id = request_id::header(&request);
    request_id::answer(id, write(&state, &call, request).await)
}

async fn write(state: &Shared, call: &Call, request: Request) -> Result<Response, Failure> {
    let WriteRequest { commands } = WriteRequest::parse(call.body())?;
    let filters = filters(call, &commands)?;
    call.wait_for_txn(state).await?;
    if let Some(remembered) = remembered(call, &request).await? {
        return Ok(request_id::repeated(remembered));
    }
    let Plan { operations, commands, condition_steps_max, made_ids, .. } = plan(state, call, commands, filters).await?;
    if operations.is_empty() {
        // By now it may have been done by another of the same name, which left nothing to do.
        if let Some(remembered) = remembered(call, &request).await? {
            return Ok(request_id::repeated(remembered));
        }
        let committed = Committed { txn_id: call.app.newest_txn(), outcomes: Vec::new() };
        return Ok(reply::json(StatusCode::OK, rendered(&commands, &committed)));
    }
    let _room = room_for(state, condition_steps_max).await?;
    let changeset = Changeset { operations, origin: call.origin() };
    // An answer that tells an id is kept in any case: nobody else knows it.
    if !request.given && !made_ids {
        let committed = call.app.commit_unasked(changeset, request).await?;
        return Ok(reply::json(StatusCode::OK, rendered(&commands, &committed)));
    }
    let commands = Arc::new(commands);
    let render = {
        let commands = commands.clone();
        Box::new(move |committed: &Committed| rendered(&commands, committed))
    };
    match call.app.commit_request(changeset, request, render).await? {
        Written::New(committed) => Ok(reply::json(StatusCode::OK, rendered(&commands, &committed))),
        Written::Repeated(remembered) => Ok(request_id::repeated(remembered)),
    }
}

/// Writes that may be expensive to decide wait for each other here, not in the order of all.
async fn room_for(
    state: &api::State,
    condition_steps_max: Option<u64>,
) -> Result<Option<OwnedSemaphorePermit>, Failure> {
    if condition_steps_max.is_some_and(|steps| steps <= limits::LIGHT_WRITE_STEPS_MAX) {
        return Ok(None);
    }
    Ok(Some(room_within(&state.heavy_writes, 1, state.options.scan_timeout).await?))
}

/// What the request came to if its caller has sent it before.
async fn remembered(call: &Call, request: &Request) -> Result<Option<Remembered>, Failure> {
    if !request.given {
        return Ok(None);
    }
    let (app, request) = (call.app.clone(), request.clone());
    Ok(tokio::task::spawn_blocking(move || app.repeated(&request)).await??)
}

fn rendered(commands: &[PlannedCommand], committed: &Committed) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + 64 * commands.len());
    let results = commands.iter().map(|command| command.result(&committed.outcomes));
    write_results(&mut body, committed.txn_id.0, results);
    body
}

/// The filter of each command that has a query, after checking that the caller may do what every command asks. Who may write but not read a
/// collection may name documents by `_id` only: how many a query over fields touches would tell what stands in them.
fn filters(call: &Call, commands: &[WriteCommand]) -> Result<Vec<Option<Arc<Filter>>>, Failure> {
    // They are made again when the transaction is applied, within the same bound.
    let mut budget = Budget::new(CHANGESET_STEPS_MAX);
    let of_command = |(index, command): (usize, &WriteCommand)| {
        call.demand(Permission::Write, command.collection())?;
        let Some((query, args)) = query_of(command) else { return Ok(None) };
        let filter = parse_filter_for_change(&format!("commands[{index}].query"), query, args)?;
        budget.charge(filter.made_steps())?;
        if !filter.is_id_only() {
            call.demand(Permission::Read, command.collection())?;
        }
        Ok(Some(Arc::new(filter)))
    };
    commands.iter().enumerate().map(of_command).collect()
}

fn query_of(command: &WriteCommand) -> Option<(&str, &Map)> {
    match command {
        WriteCommand::Update { selection: Selection::Query { query, args }, .. }
        | WriteCommand::Remove { selection: Selection::Query { query, args }, .. } => Some((query, args)),
        _ => None,
    }
}

/// What the commands come to. On a blocking thread, unless every query names its ids and takes little.
async fn plan(
    state: &Shared,
    call: &Call,
    commands: Vec<WriteCommand>,
    filters: Vec<Option<Arc<Filter>>>,
) -> Result<Plan, Failure> {
    let mut scanning = (0..).zip(&filters).filter(|(_, filter)| filter.as_ref().is_some_and(|one| one.ids().is_none()));
    let scans = scanning.next().is_some();
    if let Some((command, _)) = scanning.nth(limits::SCANNING_COMMANDS_MAX - 1) {
        return Err(Failure::TooManyScans { command });
    }
    let takes_little = |filter: &Arc<Filter>| filter.steps_max().is_some_and(|steps| steps <= INLINE_STEPS_MAX);
    if !scans && filters.iter().flatten().all(takes_little) {
        let mut budget = Budget::new(limits::REQUEST_STEPS_MAX);
        return Plan::of(state, commands, filters, Vec::new(), call.ensure_insert, &mut budget);
    }
    let extent = if scans { Extent::Scan } else { Extent::Several };
    let (own_state, ensure_insert) = (state.clone(), call.ensure_insert);
    reading::read(state, &call.app, extent, move |snapshot, work| {
        let scanned = scan(snapshot, &commands, &filters, work)?;
        Plan::of(&own_state, commands, filters, scanned, ensure_insert, &mut work.budget)
    })
    .await
}

/// What a filter may take on one id to be asked at once.
const INLINE_STEPS_MAX: u64 = 10_000;

/// The ids that each command's query selects, by the command's index; none at all where every query names its ids.
fn scan(
    snapshot: &Snapshot,
    commands: &[WriteCommand],
    filters: &[Option<Arc<Filter>>],
    work: &mut Work,
) -> Result<Vec<Vec<DocumentId>>, Failure> {
    let mut found = Vec::new();
    let mut total = 0;
    for (index, (command, filter)) in commands.iter().zip(filters).enumerate() {
        let Some(filter) = filter.as_ref().filter(|filter| filter.ids().is_none()) else { continue };
        found.resize_with(commands.len(), Vec::new);
        reading::for_each_match(snapshot, command.collection(), filter, work, |one, _| {
            found[index].push(one.id);
            total += 1;
            if total > limits::OPERATIONS_MAX { Err(Failure::TransactionTooLarge { command: index }) } else { Ok(true) }
        })?;
    }
    Ok(found)
}

/// The operations of a request, and which of them belong to which command.
struct Plan {
    operations: Vec<Operation>,
    commands: Vec<PlannedCommand>,
    /// When an upsert may happen.
    upserts_if: Condition,
    /// Whether a document gets an id here.
    made_ids: bool,
    /// What the operations weigh.
    bytes: usize,
    /// What the operations name; kept only where a later command's query may ask.
    named: Option<HashMap<CollectionName, BTreeSet<DocumentId>>>,
    /// What deciding the operations' conditions takes at most; `None` where that depends on the documents.
    condition_steps_max: Option<u64>,
}

struct PlannedCommand {
    kind: CommandKind,
    operations: Range<usize>,
}

enum CommandKind {
    Upsert { id: DocumentId },
    Update,
    Remove,
}

impl Plan {
    fn of(
        state: &api::State,
        commands: Vec<WriteCommand>,
        filters: Vec<Option<Arc<Filter>>>,
        mut scanned: Vec<Vec<DocumentId>>,
        ensure_insert: bool,
        budget: &mut Budget,
    ) -> Result<Self, Failure> {
        let mut plan = Self {
            operations: Vec::with_capacity(commands.len()),
            commands: Vec::with_capacity(commands.len()),
            made_ids: false,
            bytes: 0,
            upserts_if: if ensure_insert { Condition::Absent } else { Condition::Always },
            named: (!scanned.is_empty()).then(HashMap::new),
            condition_steps_max: Some(0),
        };
        scanned.resize_with(commands.len(), Vec::new);
        for (index, ((command, filter), scanned)) in commands.into_iter().zip(filters).zip(scanned).enumerate() {
            let first = plan.operations.len();
            let kind = plan.add(state, index, command, filter.as_deref(), scanned, budget)?;
            plan.commands.push(PlannedCommand { kind, operations: first..plan.operations.len() });
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        state: &api::State,
        index: usize,
        command: WriteCommand,
        filter: Option<&Filter>,
        scanned: Vec<DocumentId>,
        budget: &mut Budget,
    ) -> Result<CommandKind, Failure> {
        match command {
            WriteCommand::Upsert { collection, id, value, counters } => {
                self.made_ids |= id.is_none();
                let id = id.unwrap_or_else(|| DocumentId::generated(state.clock.now_ms(), rand::random()));
                let kind = CommandKind::Upsert { id: id.clone() };
                let action = Action::Upsert { value, counters };
                self.push(Operation { collection, id, condition: self.upserts_if.clone(), action });
                Ok(kind)
            }
            WriteCommand::Update { collection, selection, changes } => {
                let action = Action::Update(changes);
                self.select(index, &collection, selection, filter, scanned, &action, budget)?;
                Ok(CommandKind::Update)
            }
            WriteCommand::Remove { collection, selection } => {
                self.select(index, &collection, selection, filter, scanned, &Action::Remove, budget)?;
                Ok(CommandKind::Remove)
            }
        }
    }

    /// One operation for each document that the selection may mean.
    #[expect(clippy::too_many_arguments, reason = "a command taken apart")]
    fn select(
        &mut self,
        index: usize,
        collection: &CollectionName,
        selection: Selection,
        filter: Option<&Filter>,
        scanned: Vec<DocumentId>,
        action: &Action,
        budget: &mut Budget,
    ) -> Result<(), Failure> {
        let (ids, condition) = match (selection, filter) {
            (Selection::Id(id), _) => (vec![id], Condition::Exists),
            (Selection::Query { query, args }, Some(filter)) => {
                let ids = self.candidates(collection, filter, scanned, budget)?;
                let by_id = filter.is_id_only(); // then the candidates are the matches, whatever happens meanwhile
                if !by_id {
                    self.note_condition(filter, ids.len());
                }
                (ids, if by_id { Condition::Exists } else { Condition::Matches { query, args } })
            }
            (Selection::Query { .. }, None) => unreachable!("every query has its filter"),
        };
        let bytes_each = size_of::<Operation>() + collection.as_str().len() + weigh(&condition, action);
        self.bytes += ids.iter().map(|id| bytes_each + id.as_json().len()).sum::<usize>();
        if self.bytes > limits::TRANSACTION_BYTES_MAX || self.operations.len() + ids.len() > limits::OPERATIONS_MAX {
            return Err(Failure::TransactionTooLarge { command: index });
        }
        for id in ids {
            let (collection, condition, action) = (collection.clone(), condition.clone(), action.clone());
            self.push(Operation { collection, id, condition, action });
        }
        Ok(())
    }

    fn push(&mut self, operation: Operation) {
        if let Some(named) = &mut self.named {
            named.entry(operation.collection.clone()).or_default().insert(operation.id.clone());
        }
        self.operations.push(operation);
    }

    /// What the filter may match when the transaction is applied: what it names or was found, and what earlier commands of the request name.
    fn candidates(
        &self,
        collection: &CollectionName,
        filter: &Filter,
        scanned: Vec<DocumentId>,
        budget: &mut Budget,
    ) -> Result<Vec<DocumentId>, Failure> {
        let (mut ids, named_earlier) = match filter.ids() {
            Some(ids) => (ids, None), // nothing else can match
            None => (scanned, self.named.as_ref().and_then(|named| named.get(collection))),
        };
        ids.extend(named_earlier.into_iter().flatten().cloned());
        let (mut seen, mut candidates) = (HashSet::new(), Vec::with_capacity(ids.len()));
        for id in ids {
            let possible = !filter.is_id_only() || filter.matches(&id, &Map::new(), budget)?;
            if possible && seen.insert(id.clone()) {
                candidates.push(id);
            }
        }
        Ok(candidates)
    }

    fn note_condition(&mut self, filter: &Filter, operations: usize) {
        let steps = filter.steps_max().and_then(|steps| steps.checked_mul(operations as u64));
        self.condition_steps_max =
            self.condition_steps_max.zip(steps).map(|(known, steps)| known.saturating_add(steps));
    }
}

impl PlannedCommand {
    fn result<'a>(&'a self, outcomes: &[Outcome]) -> WriteResult<'a> {
        let own = &outcomes[self.operations.clone()];
        let applied = own.iter().filter(|outcome| matches!(outcome, Outcome::Applied)).count();
        match &self.kind {
            CommandKind::Upsert { id } => WriteResult::Upsert { id },
            CommandKind::Update => {
                let error = own.iter().filter(|outcome| matches!(outcome, Outcome::Failed(_))).count();
                WriteResult::Update { updated: applied, error }
            }
            CommandKind::Remove => WriteResult::Remove { deleted: applied },
        }
    }
}

fn weigh(condition: &Condition, action: &Action) -> usize {
    let condition = match condition {
        Condition::Always | Condition::Absent | Condition::Exists | Condition::Unchanged { .. } => 0,
        Condition::Matches { query, args } => query.len() + weight_of_map(args),
    };
    let action = match action {
        Action::Upsert { value, .. } => weight_of_map(value),
        Action::Update(changes) => changes.iter().map(weigh_change).sum(),
        Action::Remove => 0,
    };
    condition + action
}

fn weigh_change(change: &UpdateCommand) -> usize {
    let (UpdateKind::Set(value) | UpdateKind::Increment(value) | UpdateKind::ReplaceWithCounter(value)) = &change.kind;
    size_of::<UpdateCommand>() + weight(value)
}
