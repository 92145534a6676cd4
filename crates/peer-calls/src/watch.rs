//! What is watched, and what its events tell.

use document::{Map, Value};
use peer_core::{Difference, Find, Now, Observed, Reader};
use query::dql::Row;

use crate::answer::{Answer, integer, object};
use crate::arguments::Arguments;
use crate::call::find;
use crate::{CallError, Code, format};

/// What somebody wants to be told.
#[derive(Debug, Clone)]
pub enum Watch {
    /// The rows of a SELECT.
    Select {
        /// Its text.
        statement: String,
        /// What its parameters stand for.
        args: Map,
    },
    /// Documents that match.
    Find {
        /// Which.
        find: Find,
        /// Whether what is different from the event before is told too.
        with_changes: bool,
    },
    /// Where sync stands.
    State,
    /// Each write that the server refuses.
    Rejected,
    /// A newer token is wanted.
    Token,
    /// A file, until it is here.
    Attachment {
        /// What a document refers to it by.
        token: Map,
    },
}

impl Watch {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none, or not one that this library knows.
    pub fn decode(bytes: &[u8]) -> Result<Self, CallError> {
        let mut it = Arguments::new(format::decode(bytes)?, "a message");
        let name = it.text("watch")?;
        it.set_of(&name);
        let watch = match &*name {
            "select" => Self::Select { statement: it.text("statement")?, args: it.object("args")? },
            "find" => Self::Find { find: find(&mut it)?, with_changes: it.flag("changes")? },
            "state" => Self::State,
            "rejected" => Self::Rejected,
            "token" => Self::Token,
            "attachment" => Self::Attachment { token: it.object("attachment")? },
            other => return Err(CallError::new(Code::Unsupported, format!("there is nothing to watch as {other:?}"))),
        };
        it.end()?;
        Ok(watch)
    }

    /// The query behind it, if there is one, and what makes its events.
    ///
    /// # Errors
    /// A statement that cannot be observed.
    pub fn observed(&self, reader: &Reader, now: Now) -> Result<Option<(Observed, Events)>, CallError> {
        Ok(match self {
            Self::Select { statement, args } => {
                Some((reader.observable(now, statement, args)?, Events { name: "items", before: None }))
            }
            Self::Find { find, with_changes } => {
                let before = with_changes.then(Before::default);
                Some((Observed::Find(find.clone()), Events { name: "documents", before }))
            }
            Self::State | Self::Rejected | Self::Token | Self::Attachment { .. } => None,
        })
    }
}

/// Makes events of the results of one query.
#[derive(Debug)]
pub struct Events {
    name: &'static str,
    before: Option<Before>,
}

/// The result before, if differences are to be told.
#[derive(Debug, Default)]
struct Before(Option<Vec<Row>>);

impl Events {
    /// What is told of the newest result.
    pub fn next(&mut self, rows: Vec<Row>) -> Answer {
        let Some(before) = &mut self.before else { return Answer::new().with_rows(self.name, rows) };
        let old = before.0.replace(rows.clone());
        let changes = match old {
            None => object([("initial", Value::Bool(true))]),
            Some(old) => changes(&Difference::between(&old, &rows, id)),
        };
        Answer::new().with_rows(self.name, rows).with("changes", changes)
    }
}

fn id(row: &Row) -> Vec<u8> {
    let mut id = Vec::new();
    if let Some((_, value)) = row.fields.iter().find(|(name, _)| name == "_id") {
        value.write_json(&mut id);
    }
    id
}

fn changes(it: &Difference) -> Value {
    let place = |place: &usize| integer(*place as u64);
    let places = |places: &[usize]| Value::Array(places.iter().map(place).collect());
    let moved = |(from, to): &(usize, usize)| Value::Array(vec![place(from), place(to)]);
    object([
        ("initial", Value::Bool(false)),
        ("insertions", places(&it.insertions)),
        ("deletions", places(&it.deletions)),
        ("updates", places(&it.updates)),
        ("moves", Value::Array(it.moves.iter().map(moved).collect())),
    ])
}
