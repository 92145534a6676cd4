//! `POST store/execute`: one DQL statement, at `/api/v4` and `/api/v5` (docs/reference/dql.md).
//!
//! Invariant: whatever is answered comes in the one envelope, failures too.
//! Not here: the language (`query::dql`), running statements (`executor`), the envelope
//! (`wire::execute`).

mod index;
mod mutation;
mod permission;
mod select;
mod system;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, Request, State},
    http::HeaderValue,
    response::{IntoResponse, Response},
};
use document::{CollectionName, Map};
use executor::ExecuteError;
use query::dql::{self, Bound, Constants, Kind};
use store::{CommitError, Refusal};
use wire::execute::{ExecuteRequest, QueryType, write_execute_error};

use crate::{call::Call, failure::Failure, request_id, state::Shared};

/// A statement's text, and what it was bound with.
#[derive(Debug)]
struct Text {
    text: String,
    args: Map,
    constants: Constants,
}

/// At `/api/v5`: an object whose field was not declared is a map.
pub(crate) async fn handle(State(state): State<Shared>, request: Request) -> Response {
    answer(&state, request, false).await
}

/// At `/api/v4`, the vendor's strict mode: it is a register.
pub(crate) async fn handle_strict(State(state): State<Shared>, request: Request) -> Response {
    answer(&state, request, true).await
}

async fn answer(state: &Shared, request: Request, strict: bool) -> Response {
    let mut call = match Call::from_request(request, state).await {
        Ok(call) => call,
        Err(failure) => return failed(QueryType::Unknown, failure, None),
    };
    let version = if strict { "v4" } else { "v5" };
    let named = request_id::name_at(version, &call.caller, call.request_id.take(), call.body());
    let id = request_id::header(&named);
    let mut query_type = QueryType::Unknown;
    let answered = execute(state, &call, named, strict, &mut query_type).await;
    let mut response = answered.unwrap_or_else(|failure| failed(query_type, failure, Some(&id)));
    response.headers_mut().insert(request_id::REQUEST_ID, id);
    response
}

/// `query_type` is set as soon as it is known.
async fn execute(
    state: &Shared,
    call: &Call,
    request: store::Request,
    strict: bool,
    query_type: &mut QueryType,
) -> Result<Response, Failure> {
    let ExecuteRequest { statement: text, args } = ExecuteRequest::parse(call.body())?;
    let statement = state.statements.parse(&text).map_err(Failure::Syntax)?;
    *query_type = query_type_of(statement.kind());
    permission::check_writable(&statement)?;
    let constants = constants(call, &request.id, strict);
    let bound = statement.bind(&args, &constants).map_err(Failure::Bind)?;
    let (scope, peer) = (call.caller.scope(), call.caller.name());
    let _active = state.active_statements.begin(call.app_name(), scope, peer, &text, constants.now_ms);
    permission::check(call, &bound)?;
    call.wait_for_txn(state).await?;
    let text = Text { text, args, constants };
    match bound {
        Bound::Select(select) => select::select(state, call, select).await,
        Bound::Explain(explained) => select::explain(state, call, *explained).await,
        Bound::Show(show) => select::show(state, call, &show, strict).await,
        Bound::CreateIndex(new) => index::create(state, call, new, request.given).await,
        Bound::DropIndex(old) => index::drop(state, call, old).await,
        mutation @ (Bound::Insert(_) | Bound::Update(_) | Bound::Delete(_)) => {
            mutation::mutate(state, call, mutation, text, request).await.map_err(as_conflict)
        }
    }
}

fn query_type_of(kind: Kind) -> QueryType {
    match kind {
        Kind::Select | Kind::Explain | Kind::Show => QueryType::Select,
        Kind::Insert | Kind::Update | Kind::Delete | Kind::CreateIndex | Kind::DropIndex => QueryType::Mutation,
    }
}

fn constants(call: &Call, request_id: &str, strict: bool) -> Constants {
    let now_ms = call.app.now_ms();
    let request_info = dql::request_info(call.app_name(), Some(request_id), now_ms, call.caller.name());
    Constants { now_ms, strict, request_info, zone_offset: Some(executor::zone_offset) }
}

/// A document that was to be new is there: what the vendor says then.
fn as_conflict(failure: Failure) -> Failure {
    match failure {
        Failure::Commit(CommitError::Refused(Refusal::DocumentExists { id, .. })) => Failure::IdentifierConflict { id },
        other => other,
    }
}

/// The reply to what failed, with the headers of any such reply. `id` is the request's.
pub(crate) fn failed(query_type: QueryType, failure: Failure, id: Option<&HeaderValue>) -> Response {
    let failure = match failure {
        Failure::ReplyTooLarge => Failure::ResultTooLarge,
        other => other,
    };
    let is_unknown = matches!(failure, Failure::Commit(CommitError::Unknown { .. }));
    let unknown = id.filter(|_| is_unknown).and_then(|id| id.to_str().ok());
    let mut body = Vec::new();
    write_execute_error(query_type, &failure.to_string(), unknown, &mut body);
    let mut response = failure.into_response();
    *response.body_mut() = Body::from(body);
    response
}

/// A name as one of documents.
fn collection(name: &str) -> Result<CollectionName, Failure> {
    Ok(CollectionName::new(name).map_err(ExecuteError::Collection)?)
}

/// Shared by what runs on another thread.
type App = Arc<store::App>;
