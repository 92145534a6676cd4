//! The transaction that is open, if there is one.
//!
//! Invariants: there is at most one; while there is, the script has other writes and frames wait; one
//! that nothing comes of is ended.

use peer_calls::{Answer, CallError, Code, Step, written};
use peer_core::{Now, OpenTransaction, Peer, WriteError};

use crate::limits::TRANSACTION_IDLE_MS;

#[derive(Debug)]
pub(crate) struct Transactions {
    last: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    transaction: OpenTransaction,
    used_ms: u64,
}

impl Transactions {
    /// `first` is random: a number of another tab's is none here.
    pub(crate) fn new(first: u64) -> Self {
        Self { last: first >> 16, open: None } // a script's number holds it
    }

    /// Whether others are to wait.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.used_ms.saturating_add(TRANSACTION_IDLE_MS))
    }

    pub(crate) fn tick(&mut self, now: Now) {
        if self.due_ms().is_some_and(|due_ms| due_ms <= now.steady_ms) {
            self.open = None;
        }
    }

    /// The peer was opened again.
    pub(crate) fn end(&mut self) {
        self.open = None;
    }

    pub(crate) fn begin(&mut self, peer: &mut Peer, now: Now) -> Result<Answer, CallError> {
        if self.open.is_some() {
            return Err(CallError::new(Code::InTransaction, "another transaction is open"));
        }
        self.last += 1;
        let transaction = peer.begin(now, None);
        self.open = Some(Open { number: self.last, transaction, used_ms: now.steady_ms });
        Ok(Answer::new().with_number("transaction", self.last))
    }

    pub(crate) fn step(&mut self, peer: &mut Peer, now: Now, number: u64, step: Step) -> Result<Answer, CallError> {
        let open = self.open.as_mut().filter(|it| it.number == number).ok_or_else(none)?;
        open.used_ms = now.steady_ms;
        match peer.within(&mut open.transaction, |transaction| step.run(transaction)) {
            Ok(answer) => answer,
            Err(overtaken) => {
                self.open = None;
                Err(WriteError::from(overtaken).into())
            }
        }
    }

    pub(crate) fn commit(&mut self, peer: &mut Peer, number: u64) -> Result<Answer, CallError> {
        let open = self.open.take_if(|it| it.number == number).ok_or_else(none)?;
        Ok(written(&peer.commit_open(open.transaction)?))
    }

    pub(crate) fn roll_back(&mut self, number: u64) -> Result<Answer, CallError> {
        self.open.take_if(|it| it.number == number).ok_or_else(none)?;
        Ok(Answer::new())
    }
}

fn none() -> CallError {
    CallError::new(Code::NoTransaction, "there is no such transaction, or it was ended: nothing came of it for 10 s")
}
