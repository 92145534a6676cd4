//! Pushes that have no verdict yet, and verdicts that are not sent: the server's end of the push
//! window.
//!
//! Invariants: a push has one verdict; neighbouring acks share a message; verdicts go out in the
//! order in which they came.

use std::collections::VecDeque;

use crate::limits::PUSH_WINDOW_TRANSACTIONS;
use crate::message::{Ack, Fault, Message, Nack, Rest, Seq, Taken, TxnId};
use crate::window::Window;

#[derive(Debug)]
pub(super) struct Verdicts {
    open: VecDeque<(Seq, u64)>,
    window: Window,
    last: Seq,
    /// Acks and nacks, each with the bytes of its pushes, which have room again once it is sent.
    unsent: VecDeque<(Message, Vec<u64>)>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            open: VecDeque::with_capacity(0),
            window: Window::pushes(),
            last: Seq(0),
            unsent: VecDeque::with_capacity(0),
        }
    }
}

impl Verdicts {
    /// A push came; an error if it may not come now.
    pub(super) fn push(&mut self, seq: Seq, bytes: u64) -> Result<(), String> {
        if seq <= self.last {
            return Err(format!("push {} comes after push {}", seq.0, self.last.0));
        }
        if !self.window.take(bytes) {
            return Err(format!("push {} is beyond the window", seq.0));
        }
        debug_assert!(self.open.len() < PUSH_WINDOW_TRANSACTIONS, "the window counts them too");
        self.last = seq;
        self.open.push_back((seq, bytes));
        Ok(())
    }

    pub(super) fn taken(&mut self, seq: Seq, txn: TxnId) {
        let Some(bytes) = self.close(seq) else { return };
        let taken = Taken { seq, txn, rest: Rest::default() };
        if let Some((Message::Ack(ack), all_bytes)) = self.unsent.back_mut() {
            ack.taken.push(taken);
            all_bytes.push(bytes);
        } else {
            let ack = Ack { taken: vec![taken], rest: Rest::default() };
            self.unsent.push_back((ack.into(), vec![bytes]));
        }
    }

    pub(super) fn refused(&mut self, seq: Seq, faults: Vec<Fault>, at: TxnId) {
        let Some(bytes) = self.close(seq) else { return };
        self.unsent.push_back((Nack { seq, faults, at, rest: Rest::default() }.into(), vec![bytes]));
    }

    /// The next message.
    pub(super) fn poll(&mut self) -> Option<Message> {
        let (message, bytes) = self.unsent.pop_front()?;
        bytes.into_iter().for_each(|bytes| self.window.give_back(bytes));
        Some(message)
    }

    /// Whether every push has its verdict, and every verdict is sent.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.unsent.is_empty()
    }

    fn close(&mut self, seq: Seq) -> Option<u64> {
        let at = self.open.iter().position(|(open, _)| *open == seq)?;
        self.open.remove(at).map(|(_, bytes)| bytes)
    }
}
