//! Transactions of several calls: each holds the thread of the peer from its begin to its end.
//!
//! Invariants: one is open at a time, others wait for it; one that nobody continues for
//! [`TRANSACTION_IDLE`] is rolled back, so that an app that forgot it holds nothing up for ever.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use peer_calls::{Answer, CallError, Code, Step, written};
use peer_core::Transaction;

use super::{Answering, too_many};
use crate::{
    headwater::Shared,
    limits::{TRANSACTION_IDLE, WAITING_MAX},
    promise::Promise,
};

#[derive(Debug, Default)]
pub(super) struct Transactions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u64, SyncSender<Message>>,
    last: u64,
    is_closed: bool,
}

#[derive(Debug)]
enum Message {
    Step(Step, Answering),
    Commit(Answering),
    RollBack(Answering),
}

/// Who waits for the commit, once somebody does.
type Committing = Arc<Mutex<Option<Answering>>>;

impl Transactions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its number is the answer, once it has begun.
    pub(super) fn begin(self: &Arc<Self>, shared: &Shared, answering: Answering) {
        let (all, committing) = (self.clone(), Committing::default());
        let waiting = committing.clone();
        let done: Promise<_> = shared.mailbox.start(move |core| {
            let Some((number, messages)) = all.open() else { return Ok(Err(ended())) };
            answering.answer(Ok(Answer::new().with_number("transaction", number)));
            let now = core.clock.now();
            let conducted = core.peer.transaction(now, None, |it| conduct(it, &messages, &waiting));
            all.state().open.remove(&number);
            if let Some(error) = conducted.as_ref().err().and_then(CallError::of_the_store) {
                core.store_failed(error);
            }
            Ok(conducted.map(|((), it)| written(&it)))
        });
        done.then(move |result| {
            let committing = committing.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(committing) = committing {
                committing.answer(result.unwrap_or_else(|error| Err(error.into())));
            }
        });
    }

    fn open(&self) -> Option<(u64, Receiver<Message>)> {
        let mut state = self.state();
        if state.is_closed {
            return None;
        }
        state.last += 1;
        let (number, (sender, receiver)) = (state.last, sync_channel(WAITING_MAX));
        state.open.insert(number, sender);
        Some((number, receiver))
    }

    pub(super) fn step(&self, number: u64, step: Step, answering: Answering) {
        self.tell(number, Message::Step(step, answering.or_else(ended)));
    }

    pub(super) fn commit(&self, number: u64, answering: Answering) {
        self.tell(number, Message::Commit(answering.or_else(ended)));
    }

    pub(super) fn roll_back(&self, number: u64, answering: Answering) {
        self.tell(number, Message::RollBack(answering.or_else(ended)));
    }

    /// A message that reaches nobody is answered as it is dropped.
    fn tell(&self, number: u64, message: Message) {
        let sender = self.state().open.get(&number).cloned();
        let Some(sender) = sender else { return };
        if let Err(TrySendError::Full(message)) = sender.try_send(message) {
            let (Message::Step(_, answering) | Message::Commit(answering) | Message::RollBack(answering)) = message;
            answering.answer(Err(too_many()));
        }
    }

    /// What is open is rolled back.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.open.clear();
    }
}

/// Does what comes, until the transaction is to end.
fn conduct(
    transaction: &mut Transaction<'_>,
    messages: &Receiver<Message>,
    committing: &Committing,
) -> Result<(), CallError> {
    loop {
        match messages.recv_timeout(TRANSACTION_IDLE) {
            Ok(Message::Step(step, answering)) => answering.answer(step.run(transaction)),
            Ok(Message::Commit(answering)) => {
                *committing.lock().unwrap_or_else(PoisonError::into_inner) = Some(answering);
                return Ok(());
            }
            Ok(Message::RollBack(answering)) => {
                answering.answer(Ok(Answer::new()));
                return Err(ended());
            }
            Err(_) => return Err(ended()),
        }
    }
}

fn ended() -> CallError {
    CallError::new(Code::NoTransaction, "there is no such transaction, or it was ended")
}
