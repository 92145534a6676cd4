//! A call, as its message says it.
//!
//! Not here: what it does (`run`).

use std::time::Duration;

use document::{CollectionName, DocumentId, FieldType, Map, Path, UpdateCommand, UpdateKind, Value};
use peer_core::{Find, SubscriptionRequest, Which, is_select};
use sync_protocol::{Seq, SubId};

use crate::arguments::Arguments;
use crate::{CallError, Code, format};

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Call {
    /// The value comes back: what the way costs.
    Echo(Value),
    /// Who answers.
    Info,
    /// Documents as they are; no transaction is meant.
    Read(Read),
    /// A transaction of its own.
    Write(Write),
    /// Takes documents out of this store alone.
    Evict(CollectionName, Which),
    /// Begins a transaction of several calls.
    Begin,
    /// A part of the transaction with this number.
    Within(u64, Step),
    /// Ends it; all of it is there.
    Commit(u64),
    /// Ends it; nothing of it is there.
    Rollback(u64),
    /// Takes a copy of a file, as an attachment.
    NewAttachment {
        /// Of what.
        source: Source,
        /// Goes into its token.
        metadata: Map,
    },
    /// A subscription.
    Subscribe(SubscriptionRequest),
    /// How a subscription stands.
    Subscription(SubId),
    /// Ends a subscription.
    Unsubscribe(SubId),
    /// Connects, and again whenever the connection is lost.
    StartSync,
    /// Ends the connection.
    StopSync,
    /// A newer token.
    Authenticate(String),
    /// Asks the server for a token, and uses it.
    Login {
        /// What a provider gave.
        token: String,
        /// Which one.
        provider: String,
    },
    /// Where sync stands.
    State,
    /// Waits until the server has a local transaction.
    Committed(Seq, Option<Duration>),
    /// Waits until the server has said something of all that is pending.
    Flushed(Option<Duration>),
    /// What the server refused.
    Rejected,
    /// One of those was seen to.
    ForgetRejected(Seq),
}

/// Where an attachment comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// From a file.
    Path(String),
    /// This is in it, as base64 (RFC 4648, section 4).
    Data(String),
}

/// A part of a transaction.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sees what the transaction wrote.
    Read(Read),
    /// Is there once the transaction is committed.
    Write(Write),
}

/// Reads documents.
#[derive(Debug, Clone)]
pub enum Read {
    /// The rows of a SELECT.
    Select {
        /// Its text.
        statement: String,
        /// What its parameters stand for.
        args: Map,
    },
    /// One document.
    ById(CollectionName, DocumentId),
    /// Documents that match.
    Find(Find),
}

/// Writes documents.
#[derive(Debug, Clone)]
pub enum Write {
    /// A statement that is no SELECT; in a transaction any.
    Execute {
        /// Its text.
        statement: String,
        /// What its parameters stand for.
        args: Map,
    },
    /// Merges an object into a document.
    Upsert {
        /// Where.
        collection: CollectionName,
        /// Which; a new one if there is none.
        id: Option<DocumentId>,
        /// Without `_id`.
        value: Map,
        /// What kind of field stands where.
        types: Vec<(Path, FieldType)>,
    },
    /// Changes documents.
    Update(CollectionName, Which, Vec<Change>),
    /// Removes documents.
    Remove(CollectionName, Which),
}

/// A change of a field.
pub type Change = UpdateCommand;

impl Call {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none, or not one that this library knows.
    pub fn decode(bytes: &[u8]) -> Result<Self, CallError> {
        let mut arguments = Arguments::new(format::decode(bytes)?, "a message");
        let name = arguments.text("call")?;
        arguments.set_of(&name);
        let call = Self::take(&name, &mut arguments)?;
        arguments.end()?;
        Ok(call)
    }

    fn take(name: &str, it: &mut Arguments) -> Result<Self, CallError> {
        Ok(match name {
            "echo" => Self::Echo(it.value("value")?),
            "info" => Self::Info,
            "execute" | "find_by_id" | "find" | "upsert" | "update" | "remove" => {
                let transaction = it.number_if_given("transaction")?;
                let step = Step::take(name, it, transaction.is_some())?;
                match (transaction, step) {
                    (Some(transaction), step) => Self::Within(transaction, step),
                    (None, Step::Read(read)) => Self::Read(read),
                    (None, Step::Write(write)) => Self::Write(write),
                }
            }
            "evict" => {
                let (collection, which) = which(it)?;
                Self::Evict(collection, which)
            }
            "begin" => Self::Begin,
            "commit" => Self::Commit(it.number("transaction")?),
            "rollback" => Self::Rollback(it.number("transaction")?),
            "new_attachment" => Self::NewAttachment { source: source(it)?, metadata: it.object("metadata")? },
            "register_subscription" => Self::Subscribe(subscription(it)?),
            "subscription" => Self::Subscription(SubId(it.number("subscription")?)),
            "cancel_subscription" => Self::Unsubscribe(SubId(it.number("subscription")?)),
            "start_sync" => Self::StartSync,
            "stop_sync" => Self::StopSync,
            "authenticate" => Self::Authenticate(it.text("token")?),
            "login" => Self::Login { token: it.text("token")?, provider: it.text("provider")? },
            "state" => Self::State,
            "committed" => Self::Committed(Seq(it.number("sequence")?), timeout(it)?),
            "flushed" => Self::Flushed(timeout(it)?),
            "rejected" => Self::Rejected,
            "forget_rejected" => Self::ForgetRejected(Seq(it.number("sequence")?)),
            other => return Err(CallError::new(Code::Unsupported, format!("there is no call {other:?}"))),
        })
    }
}

impl Step {
    fn take(name: &str, it: &mut Arguments, is_in_transaction: bool) -> Result<Self, CallError> {
        Ok(match name {
            "execute" => {
                let (statement, args) = (it.text("statement")?, it.object("args")?);
                match is_select(&statement) && !is_in_transaction {
                    true => Self::Read(Read::Select { statement, args }),
                    false => Self::Write(Write::Execute { statement, args }),
                }
            }
            "find_by_id" => {
                let collection = it.collection()?;
                let id = it.id_if_given()?.ok_or_else(|| CallError::invalid("find_by_id needs \"id\""))?;
                Self::Read(Read::ById(collection, id))
            }
            "find" => Self::Read(Read::Find(find(it)?)),
            "upsert" => {
                let (collection, types) = (it.collection()?, types(it)?);
                let mut value = match it.value("value")? {
                    Value::Map(value) => value,
                    other => {
                        let message = format!("a document is an object, not {}", other.kind_name());
                        return Err(CallError::new(Code::InvalidValue, message));
                    }
                };
                let id = value.remove("_id").map(|id| DocumentId::from_value(&id)).transpose()?;
                Self::Write(Write::Upsert { collection, id, value, types })
            }
            "update" => {
                let (collection, which) = which(it)?;
                let changes = it.objects("changes")?.into_iter().map(change).collect::<Result<_, _>>()?;
                Self::Write(Write::Update(collection, which, changes))
            }
            _ => {
                let (collection, which) = which(it)?;
                Self::Write(Write::Remove(collection, which))
            }
        })
    }
}

fn timeout(it: &mut Arguments) -> Result<Option<Duration>, CallError> {
    Ok(it.number_if_given("timeout_ms")?.map(Duration::from_millis))
}

fn types(it: &mut Arguments) -> Result<Vec<(Path, FieldType)>, CallError> {
    let kind = |(path, kind): (String, Value)| {
        let kind = match &kind {
            Value::String(name) if name == "register" => FieldType::Register,
            Value::String(name) if name == "counter" => FieldType::Counter,
            Value::String(name) if name == "map" => FieldType::Map,
            Value::String(name) if name == "attachment" => FieldType::Attachment,
            _ => {
                let message = format!("the type of {path:?} is register, counter, map or attachment");
                return Err(CallError::new(Code::InvalidValue, message));
            }
        };
        Ok((Path::parse(&path)?, kind))
    };
    it.object("types")?.into_fields().into_iter().map(kind).collect()
}

fn source(it: &mut Arguments) -> Result<Source, CallError> {
    match (it.text_if_given("path")?, it.text_if_given("data")?) {
        (Some(path), None) => Ok(Source::Path(path)),
        (None, Some(data)) => Ok(Source::Data(data)),
        _ => Err(CallError::invalid("either \"path\" or \"data\" is needed")),
    }
}

/// Named by its id, or all that match.
fn which(it: &mut Arguments) -> Result<(CollectionName, Which), CallError> {
    let collection = it.collection()?;
    match (it.id_if_given()?, it.text_if_given("query")?) {
        (Some(id), None) => Ok((collection, Which::Id(id))),
        (None, Some(query)) => {
            let find = Find::new(collection.as_str(), &query, &it.object("args")?)?;
            Ok((collection, Which::Matching(find.filter)))
        }
        _ => Err(CallError::invalid("either \"id\" or \"query\" is needed")),
    }
}

/// Documents that match, in their order.
pub(crate) fn find(it: &mut Arguments) -> Result<Find, CallError> {
    let collection = it.text("collection")?;
    let query = it.text_if_given("query")?.unwrap_or_else(|| "true".to_owned());
    let mut find = Find::new(&collection, &query, &it.object("args")?)?;
    for mut key in it.objects("sort")? {
        find.sort.push((key.path()?, key.flag("descending")?));
        key.end()?;
    }
    find.offset = it.count_if_given("offset")?.unwrap_or(0);
    find.limit = it.count_if_given("limit")?;
    Ok(find)
}

fn change(mut it: Arguments) -> Result<Change, CallError> {
    let path = it.path()?;
    let kind = match (it.take("set"), it.take("increment"), it.take("attach"), it.take("unset")) {
        (Some(value), None, None, None) => UpdateKind::Set(value),
        (None, Some(by @ (Value::Int(_) | Value::Uint(_) | Value::Float(_))), None, None) => UpdateKind::Increment(by),
        (None, None, Some(Value::Map(token)), None) => UpdateKind::SetAttachment(token),
        (None, None, Some(other), None) => {
            let message = format!("an attachment is an object, not {}", other.kind_name());
            return Err(CallError::new(Code::InvalidValue, message));
        }
        (None, Some(other), None, None) => {
            let message = format!("an increment is a number, not {}", other.kind_name());
            return Err(CallError::new(Code::InvalidValue, message));
        }
        (None, None, None, Some(Value::Bool(true))) => UpdateKind::Unset,
        _ => return Err(CallError::invalid("a change is one of set, increment, attach and unset (true)")),
    };
    it.end()?;
    Ok(UpdateCommand { path, kind })
}

fn subscription(it: &mut Arguments) -> Result<SubscriptionRequest, CallError> {
    let args = it.object("args")?;
    match (it.text_if_given("statement")?, it.text_if_given("collection")?) {
        (Some(statement), None) => Ok(SubscriptionRequest::dql(&statement, &args)?),
        (None, Some(collection)) => {
            let query = it.text_if_given("query")?.unwrap_or_else(|| "true".to_owned());
            Ok(SubscriptionRequest::legacy(&collection, &query, &args)?)
        }
        _ => Err(CallError::invalid("either \"statement\" or \"collection\" is needed")),
    }
}
