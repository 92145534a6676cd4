//! SELECT, EXPLAIN and SHOW: what reads.

use std::iter;

use axum::{http::StatusCode, response::Response};
use document::{CollectionName, Map, Value};
use executor::{SelectPlan, SystemCollection};
use query::dql::{self, Bound, Select, Show};
use wire::execute::{QueryType, begin_execute_reply, end_execute_reply};

use super::{collection, system::SystemView};
use crate::{
    call::Call,
    failure::Failure,
    limits,
    reading::{self, Begun, Extent, ReplyForm},
    reply,
    state::Shared,
};

/// What a SELECT is of.
pub(super) enum Source {
    Documents(CollectionName),
    System(SystemView),
}

impl Source {
    pub(super) fn of(state: &Shared, call: &Call, select: &Select) -> Result<Self, Failure> {
        Ok(match SystemCollection::named(select.collection())? {
            Some(system) => Source::System(SystemView::new(state, call, system)),
            None => Source::Documents(collection(select.collection())?),
        })
    }
}

pub(super) async fn select(state: &Shared, call: &Call, select: Select) -> Result<Response, Failure> {
    let one_at_most = select.filter().ids().is_some_and(|ids| ids.len() <= 1);
    let source = Source::of(state, call, &select)?;
    let granted = call.documents.readable();
    let form = ReplyForm { extent: if one_at_most { Extent::One } else { Extent::Several }, gzip: call.takes_gzip };
    let reply = reading::reply(state, &call.app, form, move |snapshot, work, let_in| {
        let mut body = Vec::new();
        begin_execute_reply(snapshot.txn_id().0, QueryType::Select, &mut body);
        match &source {
            Source::Documents(collection) => {
                let plan = SelectPlan::of(snapshot, &select, collection.clone(), granted.clone())?;
                if !plan.is_small() && let_in != Extent::Scan {
                    return Ok(Begun::IsScan);
                }
                plan.run(snapshot, &select, work, &mut body)?;
            }
            Source::System(system) => {
                if system.is_scan() && let_in != Extent::Scan {
                    return Ok(Begun::IsScan);
                }
                executor::run_on_system(&system.documents(snapshot, work)?, &select, work, &mut body)?;
            }
        }
        end_execute_reply(iter::empty(), &[], &mut body);
        Ok(Begun::Done(body))
    });
    reply.await
}

/// One item, the plan of what is not run.
pub(super) async fn explain(state: &Shared, call: &Call, explained: Bound) -> Result<Response, Failure> {
    let granted = call.documents.readable();
    let body = reading::read(state, &call.app, move |snapshot, _, _| {
        let plan = executor::explain::<Failure>(snapshot, &explained, granted.as_ref())?;
        Ok(Begun::Done(of_one_item(snapshot.txn_id().0, &plan)))
    });
    Ok(reply::json(StatusCode::OK, body.await?))
}

/// One item with the parameters that are asked for.
pub(super) async fn show(state: &Shared, call: &Call, show: &Show, strict: bool) -> Result<Response, Failure> {
    let number = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let ms = |time: std::time::Duration| Value::Int(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    let options = &state.options;
    let parameters = [
        ("dql_strict_mode", Value::Bool(strict)),
        ("list_elements_max", number(dql::limits::LIST_MAX)),
        ("request_bytes_max", number(options.request_bytes_max)),
        ("request_timeout_ms", ms(options.request_timeout)),
        ("result_bytes_max", number(limits::REPLY_BYTES_MAX)),
        ("rows_bytes_max", number(dql::limits::ROWS_BYTES_MAX)),
        ("scan_timeout_ms", ms(options.scan_timeout)),
        ("statement_bytes_max", number(dql::limits::STATEMENT_BYTES_MAX)),
        ("statement_depth_max", number(dql::limits::DEPTH_MAX)),
        ("statement_terms_max", number(dql::limits::TERMS_MAX)),
        ("transaction_bytes_max", number(limits::TRANSACTION_BYTES_MAX)),
        ("transaction_documents_max", number(limits::OPERATIONS_MAX)),
    ];
    let shown = parameters.into_iter().filter(|(name, _)| show.asks_for(name));
    let shown: Vec<(String, Value)> = shown.map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(name) = show.name().filter(|_| shown.is_empty()) {
        return Err(Failure::NoParameter { name: name.to_owned() });
    }
    let row = Value::Map(Map::from_fields(shown));
    Ok(reply::json(StatusCode::OK, of_one_item(call.app.newest_txn().0, &row)))
}

fn of_one_item(txn_id: u64, item: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    begin_execute_reply(txn_id, QueryType::Select, &mut body);
    item.write_json(&mut body);
    end_execute_reply(iter::empty(), &[], &mut body);
    body
}
