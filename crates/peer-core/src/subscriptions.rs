//! Subscriptions: what a peer wants to have.
//!
//! Invariants: each has a number that was never another's; two that ask for the same are one.

use std::collections::BTreeMap;

use document::{CollectionName, Map, Value};
use query::dql::{Bound, Constants, Shape, Statement};
use query::{Filter, Query};
use sync_protocol::{Language, Subscription};

use crate::records::StoredSubscription;
use crate::spaces::split_numbered;
use crate::{PeerError, QueryError, SubscribeError, limits};

/// What is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// The collection.
    pub collection: CollectionName,
    /// Of `query`.
    pub language: Language,
    /// A legacy condition, or `SELECT * FROM … [WHERE …]`.
    pub query: String,
    /// Its arguments: a JSON object.
    pub args: String,
}

impl SubscriptionRequest {
    /// A legacy condition over a collection.
    ///
    /// # Errors
    /// What [`SubscribeError`] names.
    pub fn legacy(collection: &str, query: &str, args: &Map) -> Result<Self, SubscribeError> {
        let collection = CollectionName::new(collection).map_err(QueryError::from)?;
        Self { collection, language: Language::Legacy, query: query.to_owned(), args: json(args) }.checked()
    }

    /// A SELECT.
    ///
    /// # Errors
    /// What [`SubscribeError`] names.
    pub fn dql(query: &str, args: &Map) -> Result<Self, SubscribeError> {
        let select = bound_select(query, args)?;
        let collection = CollectionName::new(select.collection()).map_err(QueryError::from)?;
        Self { collection, language: Language::Dql, query: query.to_owned(), args: json(args) }.checked()
    }

    fn checked(self) -> Result<Self, SubscribeError> {
        if self.query.len() + self.args.len() > limits::SUBSCRIPTION_TEXT_BYTES_MAX {
            return Err(SubscribeError::TooLong);
        }
        self.filter()?;
        Ok(self)
    }

    fn filter(&self) -> Result<Filter, SubscribeError> {
        let args = match Value::from_json(self.args.as_bytes()) {
            Ok(Value::Map(args)) => args,
            _ => return Err(PeerError::Damaged { what: "a subscription's arguments" }.into()),
        };
        Ok(match self.language {
            Language::Legacy => {
                let query = Query::parse(&self.query).map_err(QueryError::from)?;
                query.bind(&args).map_err(QueryError::from)?
            }
            Language::Dql => bound_select(&self.query, &args)?.filter().clone(),
        })
    }

    fn is_of(&self, it: &Subscription) -> bool {
        self.collection == it.collection
            && self.language == it.language
            && self.query == it.query
            && self.args == it.args
    }
}

/// Which documents of its collection it means.
pub(crate) fn filter_of(it: &Subscription) -> Result<Filter, SubscribeError> {
    SubscriptionRequest {
        collection: it.collection.clone(),
        language: it.language,
        query: it.query.clone(),
        args: it.args.clone(),
    }
    .filter()
}

fn json(args: &Map) -> String {
    let mut json = Vec::new();
    args.write_json(&mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

fn bound_select(query: &str, args: &Map) -> Result<query::dql::Select, SubscribeError> {
    let constants = Constants { now_ms: 0, strict: false, request_info: Map::new(), zone_offset: None };
    let statement = Statement::parse(query).map_err(QueryError::from)?;
    match statement.bind(args, &constants).map_err(QueryError::from)? {
        Bound::Select(select)
            if select.shape() == Shape::Documents
                && !select.is_ordered()
                && select.limit().is_none()
                && select.offset() == 0
                && !select.collection().starts_with("system:") =>
        {
            Ok(select)
        }
        _ => Err(SubscribeError::NoCondition),
    }
}

/// The subscriptions of a peer, as they are stored.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<u64, StoredSubscription>,
}

impl Subscriptions {
    pub(crate) fn open(entries: key_values::Entries) -> Result<Self, PeerError> {
        let mut all = BTreeMap::new();
        for entry in entries {
            let (key, value) = entry?;
            let (sub, _) = split_numbered(&key)?;
            all.insert(sub, StoredSubscription::decode(sub, &value)?);
        }
        Ok(Self { all })
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.all.keys().copied()
    }

    pub(crate) fn stored(&self, sub: u64) -> Option<&StoredSubscription> {
        self.all.get(&sub)
    }

    /// The one that asks for the same.
    pub(crate) fn same_as(&self, request: &SubscriptionRequest) -> Option<u64> {
        self.all.iter().find(|(_, it)| request.is_of(&it.subscription)).map(|(sub, _)| *sub)
    }

    pub(crate) fn of_collection(&self, collection: &CollectionName) -> impl Iterator<Item = u64> {
        self.all.iter().filter(move |(_, it)| it.subscription.collection == *collection).map(|(sub, _)| *sub)
    }

    /// As the machine has them. One that was refused is asked for with every connection: what the
    /// peer may read may have changed.
    pub(crate) fn wanted(&self) -> Vec<Subscription> {
        self.all.values().map(|it| it.subscription.clone()).collect()
    }

    pub(crate) fn put(&mut self, sub: u64, stored: Option<StoredSubscription>) {
        match stored {
            Some(stored) => drop(self.all.insert(sub, stored)),
            None => drop(self.all.remove(&sub)),
        }
    }
}
