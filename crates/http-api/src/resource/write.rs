//! `POST store/write`: every command of the request in one transaction.
//!
//! What queries select. A query of an update or remove is resolved on a snapshot, before the
//! transaction; what it names is decided again when the transaction is applied (`Condition`), on
//! the state that the commands before it left. So that a later command sees what earlier ones of
//! the same request did, every document of its collection that an earlier command names is looked
//! at as well. What can be missed is only a document that another request makes match between the
//! snapshot and the commit.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::{Arc, Mutex},
};

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, DocumentId, Map, Operation, PathSegment,
    UpdateCommand, UpdateKind,
};
use find::Query;
use query::{Budget, Filter};
use store::{App, Committed, Outcome, Remembered, Request, Snapshot, Write, Written, limits::CHANGESET_STEPS_MAX};
use tokio::sync::OwnedSemaphorePermit;
use wire::write::{Selection, WriteCommand, WriteRequest, WriteResult, write_results};

use crate::{
    attachment::tokens::Referred,
    call::Call,
    document_access::DocumentAccess,
    failure::Failure,
    limits,
    reading::{self, Begun, Extent, parse_filter_for_change},
    reply, request_id,
    state::{self, Shared},
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
    check_upserts(call, &commands)?;
    call.wait_for_txn(state).await?;
    if let Some(remembered) = remembered(call, &request).await? {
        return Ok(request_id::repeated(remembered));
    }
    let Plan { selected, queries, filters, operations, commands, condition_steps_max, made_ids, bytes, .. } =
        plan(state, call, commands, filters).await?;
    if operations == 0 {
        // By now it may have been done by another of the same name, which left nothing to do.
        if let Some(remembered) = remembered(call, &request).await? {
            return Ok(request_id::repeated(remembered));
        }
        let committed = Committed { txn_id: call.app.newest_txn(), outcomes: Vec::new(), returned: Vec::new() };
        return Ok(reply::json(StatusCode::OK, rendered(&commands, &committed)));
    }
    let memory = memory_for(state, bytes).await?;
    let room = room_for(state, condition_steps_max).await?;
    let mut all = Vec::with_capacity(operations);
    all.extend(selected.into_iter().flat_map(Selected::into_operations));
    let changeset = Changeset { operations: all, queries, origin: call.origin() };
    let write = Write { filters, ..Write::from(changeset) };
    let referred = Referred::by(call, &write).await?;
    let takes_room = memory.is_some() || room.is_some() || !referred.is_empty();
    // An answer that tells an id is kept in any case: nobody else knows it.
    let is_kept = request.given || made_ids;
    let commit = referred.until(commit(call.app.clone(), write, request, is_kept, commands));
    if !takes_room {
        return commit.await;
    }
    // Its client may leave; the changeset stays in the queue, and what it takes has to be held as
    // long.
    let committing = tokio::spawn(async move {
        let done = commit.await;
        drop((memory, room));
        done
    });
    committing.await?
}

async fn commit(
    app: Arc<App>,
    write: Write,
    request: Request,
    is_kept: bool,
    commands: Vec<PlannedCommand>,
) -> Result<Response, Failure> {
    if !is_kept {
        let committed = app.commit_unasked(write, request).await?;
        return Ok(reply::json(StatusCode::OK, rendered(&commands, &committed)));
    }
    let commands = Arc::new(commands);
    let render = {
        let commands = commands.clone();
        Box::new(move |committed: &Committed| rendered(&commands, committed))
    };
    match app.commit_request(write, request, render).await? {
        Written::New(committed) => Ok(reply::json(StatusCode::OK, rendered(&commands, &committed))),
        Written::Repeated(remembered) => Ok(request_id::repeated(remembered)),
    }
}

/// Writes that take much memory wait for each other before they take it.
pub(super) async fn memory_for(state: &state::State, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Failure> {
    if bytes <= limits::PLAN_BYTES_UNCOUNTED {
        return Ok(None);
    }
    let kib = bytes.div_ceil(1024).min(limits::PLANS_KIB_MAX) as u32;
    let memory = room_within(&state.plans_kib, kib, state.options.scan_timeout).await;
    memory.map(Some).map_err(|_| Failure::WritesBusy)
}

/// Writes that may be expensive to decide wait for each other here, not in the order of all.
pub(super) async fn room_for(
    state: &state::State,
    condition_steps_max: Option<u64>,
) -> Result<Option<OwnedSemaphorePermit>, Failure> {
    if condition_steps_max.is_some_and(|steps| steps <= limits::LIGHT_WRITE_STEPS_MAX) {
        return Ok(None);
    }
    Ok(Some(room_within(&state.heavy_writes, 1, state.options.scan_timeout).await?))
}

/// What the request came to if its caller has sent it before.
pub(super) async fn remembered(call: &Call, request: &Request) -> Result<Option<Remembered>, Failure> {
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

/// The filter of each command that has a query, after checking that the caller may do what every
/// command asks. Who may write but not read a collection may name documents by `_id` only: how many
/// a query over fields touches would tell what stands in them.
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

/// Whether every document that an upsert names may be written, wherever else it stands in the request: or nothing is.
fn check_upserts(call: &Call, commands: &[WriteCommand]) -> Result<(), Failure> {
    for command in commands {
        if let WriteCommand::Upsert { collection, id: Some(id), .. } = command {
            call.documents.demand_write(collection, id)?;
        }
    }
    Ok(())
}

fn query_of(command: &WriteCommand) -> Option<(&str, &Map)> {
    match command {
        WriteCommand::Update { selection: Selection::Query { query, args }, .. }
        | WriteCommand::Remove { selection: Selection::Query { query, args }, .. } => Some((query, args)),
        _ => None,
    }
}

/// What the commands come to. On a blocking thread, unless every query names its ids and takes
/// little.
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
    let all = || commands.iter().zip(&filters);
    let counts_denied = all().any(|(command, filter)| names_denied(&call.documents, command, filter.as_deref()));
    let (own_state, rules) =
        (state.clone(), PlanRules { access: call.documents.clone(), ensure_insert: call.ensure_insert });
    if !scans && !counts_denied && filters.iter().flatten().all(takes_little) {
        let mut budget = Budget::new(limits::REQUEST_STEPS_MAX);
        return Plan::of(state, commands, filters, Looked::default(), rules, &mut budget);
    }
    let asked = Mutex::new(Some((commands, filters)));
    reading::read(state, &call.app, move |snapshot, work, let_in| {
        let mut asked = asked.lock().expect("not poisoned");
        let (commands, filters) = asked.as_ref().expect("planned once");
        let looked = look(snapshot, commands, filters, &rules.access, work, let_in)?;
        let Begun::Done(looked) = looked else { return Ok(Begun::IsScan) };
        let (commands, filters) = asked.take().expect("planned once");
        Plan::of(&own_state, commands, filters, looked, rules.clone(), &mut work.budget).map(Begun::Done)
    })
    .await
}

/// What a filter may take on one id to be asked at once.
const INLINE_STEPS_MAX: u64 = 10_000;

/// What a snapshot tells of the commands, by their index.
#[derive(Default)]
struct Looked {
    /// The ids that each command's query selects; none at all where every query names its ids.
    found: Vec<Vec<DocumentId>>,
    /// How many more the caller sees but may not write. No command of the request changes those, so that what the
    /// snapshot says of them holds.
    denied: Vec<usize>,
}

/// Whether the command names a document that the caller may see but not write: whether it is there is to be told.
fn names_denied(access: &DocumentAccess, command: &WriteCommand, filter: Option<&Filter>) -> bool {
    let is_denied = |id: &DocumentId| is_denied(access, command.collection(), id);
    access.is_restricted()
        && match (command, filter) {
            (WriteCommand::Upsert { .. }, _) => false,
            (_, Some(filter)) => filter.ids().is_some_and(|ids| ids.iter().any(is_denied)),
            (
                WriteCommand::Update { selection: Selection::Id(id), .. }
                | WriteCommand::Remove { selection: Selection::Id(id), .. },
                None,
            ) => is_denied(id),
            _ => false,
        }
}

fn is_denied(access: &DocumentAccess, collection: &CollectionName, id: &DocumentId) -> bool {
    access.may_read(collection, id) && !access.may_write(collection, id)
}

/// Of one that names documents.
fn count_denied(
    snapshot: &Snapshot,
    command: &WriteCommand,
    filter: Option<&Filter>,
    access: &DocumentAccess,
    work: &mut Work,
) -> Result<usize, Failure> {
    let collection = command.collection();
    match (command, filter) {
        (_, Some(filter)) => {
            let query = Query::of(collection.clone(), filter.clone()).granted_to(access.readable());
            let ids = find::ids(snapshot, &find::plan_ids(snapshot, &query)?, &query, work, usize::MAX)?;
            Ok(ids.iter().filter(|id| is_denied(access, collection, id)).count())
        }
        (
            WriteCommand::Update { selection: Selection::Id(id), .. }
            | WriteCommand::Remove { selection: Selection::Id(id), .. },
            None,
        ) => Ok(usize::from(find::by_id(snapshot, collection, id, None)?.is_some())),
        _ => Ok(0),
    }
}

fn look(
    snapshot: &Snapshot,
    commands: &[WriteCommand],
    filters: &[Option<Arc<Filter>>],
    access: &DocumentAccess,
    work: &mut Work,
    let_in: Extent,
) -> Result<Begun<Looked>, Failure> {
    let mut plans = Vec::new();
    for (index, (command, filter)) in commands.iter().zip(filters).enumerate() {
        let Some(filter) = filter.as_ref().filter(|filter| filter.ids().is_none()) else { continue };
        let query = Query::of(command.collection().clone(), (**filter).clone()).granted_to(access.readable());
        let plan = find::plan_ids(snapshot, &query)?;
        if !plan.is_small() && let_in != Extent::Scan {
            return Ok(Begun::IsScan);
        }
        plans.push((index, query, plan));
    }
    let mut looked = Looked { found: Vec::new(), denied: vec![0; commands.len()] };
    let mut room = limits::OPERATIONS_MAX;
    for (index, query, plan) in plans {
        looked.found.resize_with(commands.len(), Vec::new);
        let mut ids = find::ids(snapshot, &plan, &query, work, room + 1)?;
        room = room.checked_sub(ids.len()).ok_or(Failure::TransactionTooLarge { command: index })?;
        let seen = ids.len();
        ids.retain(|id| access.may_write(&query.collection, id));
        looked.denied[index] = seen - ids.len();
        looked.found[index] = ids;
    }
    for (index, (command, filter)) in commands.iter().zip(filters).enumerate() {
        if names_denied(access, command, filter.as_deref()) {
            looked.denied[index] = count_denied(snapshot, command, filter.as_deref(), access, work)?;
        }
    }
    Ok(Begun::Done(looked))
}

/// What the commands of a request are to do to which documents, and which operation belongs to
/// which command. The operations themselves take far more memory than this: each has a copy of its
/// command's action.
struct Plan {
    selected: Vec<Selected>,
    /// What their conditions ask.
    queries: Vec<ConditionQuery>,
    /// Of each of them: a query is parsed once.
    filters: Vec<Arc<Filter>>,
    /// How many they make.
    operations: usize,
    commands: Vec<PlannedCommand>,
    /// When an upsert may happen.
    upserts_if: Condition,
    /// Which documents may be written.
    access: DocumentAccess,
    /// Whether a document gets an id here.
    made_ids: bool,
    /// What the operations weigh, without the values of upserts: those are the request's own.
    bytes: usize,
    /// What the operations name; kept only where a later command's query may ask.
    named: Option<HashMap<CollectionName, BTreeSet<DocumentId>>>,
    /// What deciding the operations' conditions takes at most; `None` where that depends on the
    /// documents.
    condition_steps_max: Option<u64>,
}

/// What one command does to each of some documents.
struct Selected {
    collection: CollectionName,
    ids: Vec<DocumentId>,
    condition: Condition,
    action: Action,
}

struct PlannedCommand {
    kind: CommandKind,
    operations: Range<usize>,
    /// Documents that it would have changed if its caller were allowed to.
    denied: usize,
}

/// What a plan obeys beside the commands.
#[derive(Clone)]
struct PlanRules {
    access: DocumentAccess,
    ensure_insert: bool,
}

enum CommandKind {
    Upsert { id: DocumentId },
    Update,
    Remove,
}

impl Plan {
    fn of(
        state: &state::State,
        commands: Vec<WriteCommand>,
        filters: Vec<Option<Arc<Filter>>>,
        looked: Looked,
        rules: PlanRules,
        budget: &mut Budget,
    ) -> Result<Self, Failure> {
        let Looked { found: mut scanned, mut denied } = looked;
        let mut plan = Self {
            selected: Vec::with_capacity(commands.len()),
            queries: Vec::new(),
            filters: Vec::new(),
            operations: 0,
            commands: Vec::with_capacity(commands.len()),
            made_ids: false,
            bytes: 0,
            upserts_if: if rules.ensure_insert { Condition::Absent } else { Condition::Always },
            access: rules.access,
            named: (!scanned.is_empty()).then(HashMap::new),
            condition_steps_max: Some(0),
        };
        scanned.resize_with(commands.len(), Vec::new);
        denied.resize(commands.len(), 0);
        for (index, ((command, filter), scanned)) in commands.into_iter().zip(filters).zip(scanned).enumerate() {
            let first = plan.operations;
            let kind = plan.add(state, index, command, filter.as_ref(), scanned, budget)?;
            plan.commands.push(PlannedCommand { kind, operations: first..plan.operations, denied: denied[index] });
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        state: &state::State,
        index: usize,
        command: WriteCommand,
        filter: Option<&Arc<Filter>>,
        scanned: Vec<DocumentId>,
        budget: &mut Budget,
    ) -> Result<CommandKind, Failure> {
        match command {
            WriteCommand::Upsert { collection, id, value, types } => {
                self.made_ids |= id.is_none();
                if let Some(id) = &id {
                    self.access.demand_write(&collection, id)?;
                }
                let generated = || DocumentId::generated(state.clock.now_ms(), rand::random());
                let id = id.unwrap_or_else(generated);
                self.access.demand_generated(&collection, &id)?;
                let kind = CommandKind::Upsert { id: id.clone() };
                let action = Action::Upsert { value, types };
                self.push(Selected { collection, ids: vec![id], condition: self.upserts_if.clone(), action });
                Ok(kind)
            }
            WriteCommand::Update { collection, selection, changes } => {
                let action = Action::Update(changes);
                self.select(index, collection, selection, filter, scanned, action, budget)?;
                Ok(CommandKind::Update)
            }
            WriteCommand::Remove { collection, selection } => {
                self.select(index, collection, selection, filter, scanned, Action::Remove, budget)?;
                Ok(CommandKind::Remove)
            }
        }
    }

    /// One operation for each document that the selection may mean.
    #[expect(clippy::too_many_arguments, reason = "a command taken apart")]
    fn select(
        &mut self,
        index: usize,
        collection: CollectionName,
        selection: Selection,
        filter: Option<&Arc<Filter>>,
        scanned: Vec<DocumentId>,
        action: Action,
        budget: &mut Budget,
    ) -> Result<(), Failure> {
        let (ids, condition) = match (selection, filter) {
            (Selection::Id(id), _) => {
                let is_allowed = self.access.may_write(&collection, &id);
                (Vec::from_iter(is_allowed.then_some(id)), Condition::Exists)
            }
            (Selection::Query { query, args }, Some(filter)) => {
                let ids = self.candidates(&collection, filter, scanned, budget)?;
                let by_id = filter.is_id_only(); // then the candidates are the matches, whatever happens meanwhile
                let condition = if by_id {
                    Condition::Exists
                } else {
                    self.note_condition(filter, ids.len());
                    self.bytes += query.len() + args.memory_bytes();
                    self.queries.push(ConditionQuery { dialect: Dialect::Legacy, text: query, args });
                    self.filters.push(filter.clone());
                    Condition::Matches { query: self.queries.len() - 1 }
                };
                (ids, condition)
            }
            (Selection::Query { .. }, None) => unreachable!("every query has its filter"),
        };
        let bytes_each = size_of::<Operation>() + collection.as_str().len() + weigh(&action);
        self.bytes += ids.iter().map(|id| bytes_each + id.as_json().len()).sum::<usize>();
        if self.bytes > limits::TRANSACTION_BYTES_MAX || self.operations + ids.len() > limits::OPERATIONS_MAX {
            return Err(Failure::TransactionTooLarge { command: index });
        }
        self.push(Selected { collection, ids, condition, action });
        Ok(())
    }

    fn push(&mut self, selected: Selected) {
        if let Some(named) = &mut self.named {
            named.entry(selected.collection.clone()).or_default().extend(selected.ids.iter().cloned());
        }
        self.operations += selected.ids.len();
        self.selected.push(selected);
    }

    /// What the filter may match when the transaction is applied: what it names or was found, and
    /// what earlier commands of the request name.
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
            let is_allowed = self.access.may_write(collection, &id);
            let possible = is_allowed && (!filter.is_id_only() || filter.matches(&id, &Map::new(), budget)?);
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

impl Selected {
    fn into_operations(self) -> impl Iterator<Item = Operation> {
        let each = std::iter::repeat_n((self.collection, self.condition, self.action), self.ids.len());
        let operation = |(id, (collection, condition, action))| Operation { collection, id, condition, action };
        self.ids.into_iter().zip(each).map(operation)
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
                WriteResult::Update { updated: applied, error, denied: self.denied }
            }
            CommandKind::Remove => WriteResult::Remove { deleted: applied, denied: self.denied },
        }
    }
}

fn weigh(action: &Action) -> usize {
    match action {
        Action::Upsert { value, .. } | Action::UpsertInitial { value, .. } | Action::UpsertDifference { value, .. } => {
            value.memory_bytes()
        }
        Action::Update(changes) => changes.iter().map(weigh_change).sum(),
        Action::Remove | Action::Merge { .. } | Action::Computed { .. } => 0,
    }
}

fn weigh_change(change: &UpdateCommand) -> usize {
    let value = match &change.kind {
        UpdateKind::Set(value)
        | UpdateKind::SetRegister(value)
        | UpdateKind::Increment(value)
        | UpdateKind::ReplaceWithCounter(value) => value.memory_bytes(),
        UpdateKind::SetAttachment(token) | UpdateKind::Merge { value: token, .. } => token.memory_bytes(),
        UpdateKind::Unset => 0,
    };
    let segment = |segment: &PathSegment| match segment {
        PathSegment::Field(name) => size_of::<PathSegment>() + name.len(),
        PathSegment::Index(_) => size_of::<PathSegment>(),
    };
    size_of::<UpdateCommand>() + value + change.path.segments.iter().map(segment).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::Body, http};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;
    use crate::{HttpApi, access::Door};

    /// The status of a `store/write` of these commands.
    async fn written(api: &HttpApi, commands: String) -> StatusCode {
        let localhost = std::net::IpAddr::from([127, 0, 0, 1]);
        let place = api.state.guests.admit(localhost).await;
        let request = http::Request::post("/api/v4/store/write").header("Host", "localhost");
        let request = request
            .extension(Door { open: true, local_ip: localhost, peer: (localhost, 1).into(), secure: false })
            .extension(place.guest.clone())
            .body(Body::from(format!(r#"{{"commands":[{commands}]}}"#)));
        TowerToHyperService::new(api.router.clone()).call(request.unwrap()).await.unwrap().status()
    }

    fn update(query: &str, bytes: usize) -> String {
        let change = format!(r#"{{"method":"set","path":"t","value":"{}"}}"#, "x".repeat(bytes));
        format!(r#"{{"method":"update","collection":"c","query":"{query}","commands":[{change}]}}"#)
    }

    #[tokio::test]
    async fn writes_that_take_much_memory_wait_for_it_and_small_ones_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let api = HttpApi::for_tests_with(directory.path(), |options| options.scan_timeout = Duration::from_millis(50));
        let app = api.state.data_dir.create_app(&api.state.options.default_app).unwrap();
        let upsert = |id| format!(r#"{{"method":"upsert","collection":"c","id":{id},"value":{{}}}}"#);
        let ten: Vec<String> = (0..10).map(upsert).collect();
        assert_eq!(written(&api, ten.join(",")).await, 200);
        let others = api.state.plans_kib.clone().acquire_many_owned(limits::PLANS_KIB_MAX as u32).await.unwrap();
        let before = app.newest_txn();
        for query in ["true", "_id != 3", "_id == 1 || _id == 2 || _id == 3 || _id == 4 || _id == 5"] {
            assert_eq!(written(&api, update(query, 15_000)).await, 503, "{query}");
        }
        assert_eq!(app.newest_txn(), before, "nothing was written");
        for small in [update("true", 1_000), update("_id == 1", 15_000), upsert(11)] {
            assert_eq!(written(&api, small).await, 200);
        }
        drop(others);
        assert_eq!(written(&api, update("true", 15_000)).await, 200);
        assert_eq!(api.state.plans_kib.available_permits(), limits::PLANS_KIB_MAX);
    }

    #[test]
    fn all_that_is_copied_is_weighed() {
        let long = "x".repeat(10_000);
        let change = |path: &str| UpdateCommand {
            path: document::Path::parse(path).unwrap(),
            kind: UpdateKind::Set(document::Value::String(long.clone())),
        };
        let action = |path: &str| Action::Update(vec![change(path)]);
        assert!(weigh(&action("a")) >= 10_000);
        assert!(weigh(&action(&long)) >= 20_000);
    }
}
