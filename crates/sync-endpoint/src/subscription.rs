//! Subscriptions: which documents a session has.
//!
//! Not here: reading them (`changes`, `snapshot_pages`).

use std::sync::Arc;

use document::{CollectionName, DocumentId, Map, Value};
use query::{Budget, Filter, Query};
use sync_protocol::{Language, SubId, Subscription};

/// A subscription, ready to be asked.
#[derive(Debug)]
pub(crate) struct Subscribed {
    pub(crate) sub: SubId,
    pub(crate) collection: CollectionName,
    pub(crate) filter: Filter,
}

impl Subscribed {
    /// What the peer asks for, or why it cannot be had.
    pub(crate) fn of(subscription: &Subscription) -> Result<Arc<Self>, String> {
        let Subscription { sub, collection, language, query, args, .. } = subscription;
        let args = read_args(args)?;
        let filter = match language {
            Language::Legacy => {
                let query = Query::parse(query).map_err(|error| error.to_string())?;
                query.bind(&args).map_err(|error| error.to_string())?
            }
            Language::Dql => {
                let (named, filter) = query::dql::subscription(query, &args).map_err(|error| error.to_string())?;
                if named != collection.as_str() {
                    return Err(format!("the statement is about {named:?}, not {:?}", collection.as_str()));
                }
                filter
            }
        };
        Ok(Arc::new(Self { sub: *sub, collection: collection.clone(), filter }))
    }

    /// Whether the document is in it. One on which the filter is too expensive is, unless its id or
    /// a value that the filter needs says otherwise.
    pub(crate) fn has(&self, id: &DocumentId, fields: &Map) -> bool {
        let found = self.filter.matches(id, fields, &mut Budget::of_a_document());
        found.unwrap_or_else(|_| self.filter.may_match(id, fields))
    }
}

fn read_args(args: &str) -> Result<Map, String> {
    if args.is_empty() {
        return Ok(Map::new());
    }
    match Value::from_json(args.as_bytes()) {
        Ok(Value::Map(args)) => Ok(args),
        Ok(_) => Err("the arguments are no object".to_owned()),
        Err(error) => Err(format!("the arguments are no JSON: {error}")),
    }
}
