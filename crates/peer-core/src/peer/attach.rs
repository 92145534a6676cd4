//! Files of attachments: none of their tokens is pushed before the server has the file.
//!
//! Invariants: pushes keep their order, so what was written after a token waits with it; a file that the
//! host does not keep holds nothing up: then the token came from the server.
//! Not here: files, uploads, downloads (the host).

use std::collections::BTreeSet;

use document::{Map, Value};
use sync_protocol::{Fault, NackCode, Rest, Seq};

use super::Peer;
use crate::records::{Pending, decode_document};
use crate::{Now, Output, PeerError};

impl Peer {
    /// The host keeps the file of this id, durably. To be said after the peer was opened too, of each.
    pub fn attachment_is_kept(&mut self, id: String) {
        self.attachments.put(id);
    }

    /// The host does not keep the file any more.
    pub fn attachment_is_gone(&mut self, id: &str) {
        self.attachments.forget(id);
        self.machine.pushes_available(Seq(self.meta.last_seq));
    }

    /// The answer to [`Output::Upload`]: the server has the file, durably.
    pub fn attachment_is_uploaded(&mut self, id: &str) {
        self.attachments.note_at_server(id);
        self.machine.pushes_available(Seq(self.meta.last_seq));
    }

    /// The answer to [`Output::Upload`]: the server does not take the file. Whatever is pending with its
    /// token is set aside, as what the server refuses is.
    ///
    /// # Errors
    /// The store.
    pub fn attachment_is_refused(&mut self, now: Now, id: &str, code: NackCode, why: &str) -> Result<(), PeerError> {
        // One that is taken back may number others anew.
        while let Some((seq, operations)) = self.first_pending_with(id)? {
            let message = format!("the server does not take the attachment {id}: {why}");
            let fault =
                |operation| Fault { operation, code: code.clone(), message: message.clone(), rest: Rest::default() };
            self.take_rejection(now, Seq(seq), operations.into_iter().map(fault).collect())?;
        }
        self.attachments.ask_again(id);
        Ok(())
    }

    /// Of these pending transactions those that may be pushed: all before the first with a token whose
    /// file the server does not have. That one's files are asked for.
    pub(super) fn until_upload(&mut self, mut seqs: Vec<u64>) -> Result<Vec<u64>, PeerError> {
        if self.attachments.is_empty() {
            return Ok(seqs);
        }
        for (at, seq) in seqs.iter().enumerate() {
            let Some(pending) = self.work().pending(*seq)? else { continue };
            let mut ids = ids_of(&pending)?;
            ids.retain(|id| self.attachments.is_to_be_uploaded(id));
            if ids.is_empty() {
                continue;
            }
            for id in ids {
                if self.attachments.ask(&id) {
                    self.outputs.push_back(Output::Upload { id });
                }
            }
            seqs.truncate(at);
            break;
        }
        Ok(seqs)
    }

    /// The first pending transaction that has a token of the file, and which operations of it.
    fn first_pending_with(&self, id: &str) -> Result<Option<(u64, Vec<u64>)>, PeerError> {
        let mut work = self.work();
        for (seq, _) in self.pending.after(0) {
            if self.acked_before.contains_key(&Seq(seq)) {
                continue; // the server has taken it
            }
            let Some(pending) = work.pending(seq)? else { continue };
            let mut operations = Vec::new();
            for (number, operation) in pending.operations.iter().enumerate() {
                let mut has_it = false;
                decode_document(&operation.delta)?.for_each_token(&mut |token| has_it |= id_of(token) == Some(id));
                if has_it {
                    operations.push(number as u64);
                }
            }
            if !operations.is_empty() {
                return Ok(Some((seq, operations)));
            }
        }
        Ok(None)
    }

    /// The files that pending transactions have tokens of.
    ///
    /// # Errors
    /// The store.
    pub fn pending_attachments(&self) -> Result<BTreeSet<String>, PeerError> {
        let (mut work, mut ids) = (self.work(), BTreeSet::new());
        for (seq, _) in self.pending.after(0) {
            if let Some(pending) = work.pending(seq)? {
                ids.append(&mut ids_of(&pending)?);
            }
        }
        Ok(ids)
    }
}

fn ids_of(pending: &Pending) -> Result<BTreeSet<String>, PeerError> {
    let mut ids = BTreeSet::new();
    for operation in &pending.operations {
        decode_document(&operation.delta)?.for_each_token(&mut |token| ids.extend(id_of(token).map(str::to_owned)));
    }
    Ok(ids)
}

/// The file that a token names.
pub(crate) fn id_of(token: &Map) -> Option<&str> {
    match token.field("id") {
        Some(Value::String(id)) => Some(id),
        _ => None,
    }
}
