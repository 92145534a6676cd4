//! What calls do, on a peer, a reader or within a transaction.

use document::CollectionName;
use peer_core::{Executed, Now, Peer, Reader, Transaction, Which};

use crate::answer::{Answer, rejected};
use crate::{CallError, Read, Step, Write};

impl Read {
    /// Reads what is there now.
    ///
    /// # Errors
    /// The query; the store.
    pub fn run(&self, reader: &Reader, now: Now) -> Result<Answer, CallError> {
        Ok(match self {
            Self::Select { statement, args } => {
                let rows = reader.select(now, statement, args)?;
                executed(Executed { rows, ..Executed::default() })
            }
            Self::ById(collection, id) => {
                Answer::new().with_document("document", id, reader.find_by_id(collection, id)?)
            }
            Self::Find(find) => Answer::new().with_documents("documents", reader.find(find)?),
        })
    }
}

impl Write {
    /// Writes a transaction of its own.
    ///
    /// # Errors
    /// What is wrong with it; nothing was written.
    pub fn run(self, peer: &mut Peer, now: Now) -> Result<Answer, CallError> {
        Ok(match self {
            Self::Execute { statement, args } => executed(peer.execute(now, &statement, &args)?),
            Self::Upsert { collection, id, value, types } => {
                let (id, written) = peer.upsert(now, &collection, id, value, types)?;
                Answer::new().with("id", id.to_value()).with_sequence(written.seq)
            }
            Self::Update(collection, which, changes) => written(&peer.update(now, &collection, &which, &changes)?),
            Self::Remove(collection, which) => written(&peer.remove(now, &collection, &which)?),
        })
    }
}

impl Step {
    /// A part of a transaction.
    ///
    /// # Errors
    /// What is wrong with it. Of a write of several documents those before the one that failed are
    /// written.
    pub fn run(self, transaction: &mut Transaction<'_>) -> Result<Answer, CallError> {
        Ok(match self {
            Self::Read(Read::Select { statement, args }) | Self::Write(Write::Execute { statement, args }) => {
                executed(transaction.execute(&statement, &args)?)
            }
            Self::Read(Read::ById(collection, id)) => {
                let fields = transaction.find_by_id(&collection, &id)?;
                Answer::new().with_document("document", &id, fields)
            }
            Self::Read(Read::Find(find)) => Answer::new().with_documents("documents", transaction.find(&find)?),
            Self::Write(Write::Upsert { collection, id, value, types }) => {
                let id = transaction.upsert(&collection, id, value, types)?;
                Answer::new().with("id", id.to_value())
            }
            Self::Write(Write::Update(collection, which, changes)) => {
                Answer::new().with_ids("ids", &transaction.update(&collection, &which, &changes)?)
            }
            Self::Write(Write::Remove(collection, which)) => {
                Answer::new().with_ids("ids", &transaction.remove(&collection, &which)?)
            }
        })
    }
}

/// Takes documents out of this store alone.
///
/// # Errors
/// The query; the store.
pub fn evict(peer: &mut Peer, collection: &CollectionName, which: &Which) -> Result<Answer, CallError> {
    Ok(Answer::new().with_ids("ids", &peer.evict(collection, which)?))
}

/// What a transaction came to.
pub fn written(written: &peer_core::Written) -> Answer {
    Answer::new().with_ids("ids", &written.ids).with_sequence(written.seq)
}

fn executed(executed: Executed) -> Answer {
    let answer = Answer::new().with_rows("items", executed.rows);
    answer.with_ids("mutated", &executed.mutated_ids).with_sequence(executed.seq)
}

/// The transactions that the server refused, as far as they are kept.
///
/// # Errors
/// The store.
pub fn all_rejected(peer: &Peer) -> Result<Answer, CallError> {
    let all = peer.rejected()?.iter().map(rejected).collect();
    Ok(Answer::new().with("rejected", document::Value::Array(all)))
}
