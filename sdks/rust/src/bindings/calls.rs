//! What is done on the thread of the peer.

use std::time::Duration;

use document::Value;
use peer_calls::{Answer, Call, CallError, Read, all_rejected, evict};

use super::{Answering, Inner};
use crate::{
    Error, State,
    core::Core,
    promise::{Promise, Resolver, promise},
};

impl Inner {
    /// Has it done; nothing waits here.
    pub(super) fn start(&self, call: Call, answering: Answering) {
        match call {
            Call::Begin => self.transactions.begin(&self.shared, answering),
            Call::Within(transaction, step) => self.transactions.step(transaction, step, answering),
            Call::Commit(transaction) => self.transactions.commit(transaction, answering),
            Call::Rollback(transaction) => self.transactions.roll_back(transaction, answering),
            Call::Login { token, provider } => self.logins.begin(&self.shared, token, provider, answering),
            Call::Committed(seq, _) => {
                self.verdict(move |core, verdict| core.waiters.for_one(&core.peer, seq, verdict), answering);
            }
            Call::Flushed(_) => {
                self.verdict(|core, verdict| core.waiters.for_all(&core.peer, verdict), answering);
            }
            Call::NewAttachment { source, metadata } => self.new_attachment(source, metadata, answering),
            other => self.on_peer(move |core| run(core, other), answering),
        }
    }

    /// Reads in this thread.
    pub(super) fn read(&self, read: &Read) -> Result<Answer, CallError> {
        let now = crate::clock::Clock::new().now();
        self.shared.readers.read(|reader| Ok::<_, Error>(read.run(reader, now)))?
    }

    pub(super) fn on_peer(
        &self,
        work: impl FnOnce(&mut Core) -> Result<Answer, CallError> + Send + 'static,
        answering: Answering,
    ) {
        let done: Promise<_> = self.shared.mailbox.start(move |core| {
            let result = work(core);
            if let Some(error) = result.as_ref().err().and_then(CallError::of_the_store) {
                core.store_failed(error);
            }
            Ok(result)
        });
        done.then(move |result| answering.answer(result.unwrap_or_else(|error| Err(error.into()))));
    }

    fn verdict(
        &self,
        wait: impl FnOnce(&mut Core, Resolver<Option<u64>>) -> Result<(), Error> + Send + 'static,
        answering: Answering,
    ) {
        let (resolver, verdict) = promise();
        verdict.then(move |result| {
            let answer = |txn: Option<u64>| match txn {
                Some(txn) => Answer::new().with_number("txn", txn),
                None => Answer::new(),
            };
            answering.answer(result.map(answer).map_err(CallError::from));
        });
        drop(self.shared.mailbox.start(move |core| wait(core, resolver))); // the verdict is the answer
    }
}

fn run(core: &mut Core, call: Call) -> Result<Answer, CallError> {
    let now = core.clock.now();
    match call {
        Call::Write(write) => write.run(&mut core.peer, now),
        Call::Evict(collection, which) => evict(&mut core.peer, &collection, &which),
        Call::Subscribe(request) => {
            let sub = core.peer.subscribe(request)?;
            Ok(Answer::new().with_number("subscription", sub.0))
        }
        Call::Subscription(sub) => {
            let complete = core.peer.is_complete(sub);
            let refused = core.peer.subscriptions().find(|(it, ..)| *it == sub).and_then(|(.., refused)| refused);
            let answer = Answer::new().with("complete", Value::Bool(complete));
            Ok(answer.with_some("refused", refused.map(|why| Value::String(why.to_owned()))))
        }
        Call::Unsubscribe(sub) => {
            core.peer.unsubscribe(sub)?;
            Ok(Answer::new())
        }
        Call::StartSync => {
            core.start_sync()?;
            Ok(Answer::new())
        }
        Call::StopSync => {
            core.stop_sync();
            Ok(Answer::new())
        }
        Call::Authenticate(token) => {
            core.authenticate(token);
            Ok(Answer::new())
        }
        Call::State => {
            let answer = Answer::new().with("state", state(core.state()));
            let answer = answer.with_number("pending", core.peer.pending_len() as u64);
            Ok(answer.with_some("last_error", core.trouble.clone().map(Value::String)))
        }
        Call::Rejected => all_rejected(&core.peer),
        Call::ForgetRejected(seq) => {
            core.peer.forget_rejected(seq)?;
            Ok(Answer::new())
        }
        Call::Echo(_)
        | Call::Info
        | Call::Read(_)
        | Call::Begin
        | Call::NewAttachment { .. }
        | Call::Within(..)
        | Call::Commit(_)
        | Call::Rollback(_)
        | Call::Login { .. }
        | Call::Committed(..)
        | Call::Flushed(_) => unreachable!("they are done elsewhere"),
    }
}

/// As messages name it.
pub(super) fn state(state: State) -> Value {
    let name = match state {
        State::Stopped => "stopped",
        State::Connecting => "connecting",
        State::CatchingUp => "catching_up",
        State::Live => "live",
        State::Waiting => "waiting",
        State::NeedsToken => "needs_token",
        State::Refused => "refused",
    };
    Value::String(name.to_owned())
}

/// How long a call waits, if it says so.
pub(super) fn timeout(call: &Call) -> Option<Duration> {
    match call {
        Call::Committed(_, timeout) | Call::Flushed(timeout) => *timeout,
        _ => None,
    }
}
