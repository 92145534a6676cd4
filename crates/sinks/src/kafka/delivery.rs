//! Sessions, one after another, until the sink is told to end or somebody has to change something.
//!
//! Invariant: after a failure it waits (`backoff`), except where what was begun is merely void.
//! Not here: a session.

use std::time::Duration;

use tokio::{runtime::Handle, time::timeout};

use super::{backoff::Backoff, client, producing::Learnt, session::Session, trouble::Trouble};
use crate::{definition::Target, work::Work};

/// How long a fenced one waits before it looks who has fenced it: a server that takes over says so soon.
const FENCED_WAIT: Duration = Duration::from_secs(2);

/// Delivers; blocks.
pub(super) fn run(work: &Work, handle: &Handle) {
    let mut delivery = Delivery { work, handle, learnt: Learnt::default(), backoff: Backoff::default(), told: None };
    let mut was_fenced = false;
    loop {
        let trouble = delivery.session(was_fenced);
        if *work.stopping.borrow() {
            return;
        }
        was_fenced = matches!(trouble, Trouble::Fenced(_));
        let wait = match &trouble {
            Trouble::Stopped => return,
            Trouble::Fail(reason) => {
                delivery.tell(reason);
                work.status.failed(reason);
                return;
            }
            Trouble::Again(_) => Duration::ZERO,
            Trouble::Fenced(_) => FENCED_WAIT,
            Trouble::Wait(_) => delivery.backoff.failed(),
        };
        if delivery.waits(&trouble, wait) {
            return;
        }
    }
}

struct Delivery<'a> {
    work: &'a Work,
    handle: &'a Handle,
    learnt: Learnt,
    backoff: Backoff,
    /// The trouble that the log has been told of.
    told: Option<String>,
}

impl Delivery<'_> {
    fn session(&mut self, was_fenced: bool) -> Trouble {
        let Target::Kafka { config, .. } = &self.work.sink.target else { return Trouble::Stopped };
        let config = client::config(self.work, config);
        let Self { work, handle, learnt, backoff, told } = self;
        let mut succeeded = || {
            backoff.succeeded();
            *told = None;
        };
        let begun = Session::begin(work, handle, &config, learnt, was_fenced);
        let mut session = match begun {
            Ok(session) => session,
            Err(trouble) => return trouble,
        };
        match session.deliver(learnt, &mut succeeded) {
            Ok(never) => match never {},
            Err(trouble) => trouble,
        }
    }

    /// Whether it is told to end meanwhile.
    fn waits(&mut self, trouble: &Trouble, wait: Duration) -> bool {
        if !matches!(trouble, Trouble::Again(_)) {
            self.work.status.erred();
            self.tell(&trouble.to_string());
            let next_try_ms = self.work.host.clock.now_ms() + wait.as_millis() as u64;
            self.work.status.waiting(trouble.to_string(), Some(next_try_ms));
        }
        let mut stopping = self.work.stopping.clone();
        self.handle.block_on(async { timeout(wait, stopping.wait_for(|stop| *stop)).await.is_ok() })
    }

    /// Each trouble once.
    fn tell(&mut self, reason: &str) {
        let (app, sink) = (self.work.topics.app().name().as_str(), &self.work.sink.name);
        if self.told.as_deref() == Some(reason) {
            tracing::debug!(app, sink, reason, "the sink still waits");
        } else {
            tracing::warn!(app, sink, reason, "the sink does not deliver");
            self.told = Some(reason.to_owned());
        }
    }
}
