//! Subscriptions: which documents a session has.
//!
//! Invariant: sessions that ask the same share one filter ([`Filters`]).
//! Not here: reading them (`changes`, `snapshot_pages`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use credentials::Permission;
use document::{CollectionName, DocumentId, Map, Value};
use permissions::DocumentRights;
use query::{Budget, Filter, Query};
use sync_protocol::{Language, SubId, Subscription};

use crate::access::Caller;

/// What is asked of documents.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) collection: CollectionName,
    pub(crate) filter: Filter,
    /// Which documents whoever asks may have; `None`: all of the collection.
    pub(crate) rights: Option<Arc<DocumentRights>>,
}

/// A subscription, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Subscribed {
    pub(crate) sub: SubId,
    pub(crate) asked: Arc<Asked>,
}

/// What all sessions of a server ask.
#[derive(Debug, Default)]
pub(crate) struct Filters(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_text: HashMap<Text, Weak<Asked>>,
    /// How many there may be before those that nobody asks any more are looked for.
    looked_at: usize,
}

/// Collection, language, query, arguments, and the address of the rights: these live as long as what is asked with
/// them.
type Text = (CollectionName, u64, String, String, usize);

/// Never fewer are looked through.
const LOOKED_AT_MIN: usize = 64;

impl Filters {
    /// What the peer of `caller` asks for in the app, or why it cannot be had.
    pub(crate) fn subscribe(
        &self,
        subscription: &Subscription,
        caller: &Caller,
        app: &str,
    ) -> Result<Arc<Subscribed>, String> {
        let Subscription { sub, collection, language, query, args, .. } = subscription;
        if !caller.may(Permission::Read, app, collection.as_str()) {
            return Err(format!("no right to read the collection {:?}", collection.as_str()));
        }
        let rights = caller.rights().filter(|rights| !rights.may_read_all_of(collection));
        let address = rights.map_or(0, |rights| Arc::as_ptr(rights).addr());
        let text = (collection.clone(), *language as u64, query.clone(), args.clone(), address);
        let known = |known: &Known| known.by_text.get(&text).and_then(Weak::upgrade);
        let found = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(asked) = found {
            return Ok(Arc::new(Subscribed { sub: *sub, asked }));
        }
        let subscribed = Subscribed::of(subscription, rights)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_text.len() >= known.looked_at.max(LOOKED_AT_MIN) {
            known.by_text.retain(|_, asked| asked.strong_count() > 0);
            known.looked_at = 2 * known.by_text.len();
        }
        known.by_text.insert(text, Arc::downgrade(&subscribed.asked));
        Ok(subscribed)
    }
}

impl Subscribed {
    /// What the peer asks for, or why it cannot be had.
    pub(crate) fn of(subscription: &Subscription, rights: Option<&Arc<DocumentRights>>) -> Result<Arc<Self>, String> {
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
        Ok(Arc::new(Self {
            sub: *sub,
            asked: Arc::new(Asked { collection: collection.clone(), filter, rights: rights.cloned() }),
        }))
    }
}

impl Asked {
    /// Whether whoever asks may have the document, if there is one: it is so for ever, since it depends on the id
    /// alone.
    pub(crate) fn may_have(&self, id: &DocumentId) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.may_read(&self.collection, id))
    }

    /// The ids of all documents that can be in it, if they are known.
    pub(crate) fn ids(&self) -> Option<Vec<DocumentId>> {
        let granted = || {
            let rules = self.rights.as_ref()?.readable()?;
            match rules.of(self.collection.as_str()) {
                None => Some(Vec::new()),
                Some(rules) => rules.ids().map(|ids| ids.to_vec()),
            }
        };
        self.filter.ids().or_else(granted)
    }

    /// Whether the document is in it. One on which the filter is too expensive is, unless its id or
    /// a value that the filter needs says otherwise.
    pub(crate) fn has(&self, id: &DocumentId, fields: &Map) -> bool {
        if !self.may_have(id) {
            return false;
        }
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
