//! Who is told when something changed.
//!
//! Invariants: what changed several times before it is told is told once; the first event is what is
//! now; nothing is told of one that was ended, nor before the script took what was told last.

use std::collections::BTreeMap;

use document::Value;
use peer_calls::{Answer, CallError, Code, Events, Format, Watch, encode, encode_error, encode_result, rejected};
use peer_core::{Observed, ObserverId, Peer, Reader, RejectedTransaction};

use crate::core::NO_FILES;
use crate::outputs::{Outputs, kind};

#[derive(Debug, Default)]
pub(crate) struct Watches {
    all: BTreeMap<u32, Watched>,
    by_observer: BTreeMap<ObserverId, u32>,
    state: &'static str,
}

#[derive(Debug)]
struct Watched {
    format: Format,
    what: What,
    is_due: bool,
    /// The script has not taken the last event yet.
    is_telling: bool,
}

#[derive(Debug)]
enum What {
    Query(Box<Observed>, Events),
    State,
    Rejected,
    Token,
}

impl Watches {
    /// `query` belongs to a watch of a query.
    pub(crate) fn add(
        &mut self,
        peer: &mut Peer,
        number: u32,
        format: Format,
        watch: &Watch,
        query: Option<(Observed, Events)>,
    ) -> Result<(), CallError> {
        let what = match (watch, query) {
            (_, Some((observed, events))) => {
                let observer = peer.observe(observed.clone())?;
                self.by_observer.insert(observer, number);
                What::Query(Box::new(observed), events)
            }
            (Watch::Rejected, None) => What::Rejected,
            (Watch::Token, None) => What::Token,
            (Watch::Attachment { .. }, None) => return Err(CallError::new(Code::Unsupported, NO_FILES)),
            (_, None) => What::State,
        };
        let is_due = matches!(what, What::Query(..) | What::State);
        self.all.insert(number, Watched { format, what, is_due, is_telling: false });
        Ok(())
    }

    /// The peer was opened again.
    pub(crate) fn observe_again(&mut self, peer: &mut Peer) {
        self.by_observer.clear();
        for (number, watched) in &mut self.all {
            if let What::Query(observed, _) = &watched.what
                && let Ok(observer) = peer.observe(Observed::clone(observed))
            {
                self.by_observer.insert(observer, *number);
            }
        }
    }

    pub(crate) fn cancel(&mut self, peer: &mut Peer, number: u32) {
        self.all.remove(&number);
        let over: Vec<_> = self.by_observer.extract_if(.., |_, it| *it == number).map(|(it, _)| it).collect();
        over.into_iter().for_each(|observer| peer.cancel_observer(observer));
    }

    pub(crate) fn observed(&mut self, observer: ObserverId) {
        if let Some(watched) = self.by_observer.get(&observer).and_then(|number| self.all.get_mut(number)) {
            watched.is_due = true;
        }
    }

    pub(crate) fn state_is(&mut self, state: &'static str) {
        if std::mem::replace(&mut self.state, state) != state {
            let states = self.all.values_mut().filter(|it| matches!(it.what, What::State));
            states.for_each(|it| it.is_due = true);
        }
    }

    /// The script took the last event of one.
    pub(crate) fn told(&mut self, number: u32) {
        if let Some(watched) = self.all.get_mut(&number) {
            watched.is_telling = false;
        }
    }

    /// Whether [`Watches::tell`] has something to tell.
    pub(crate) fn is_due(&self) -> bool {
        self.all.values().any(|it| it.is_due && !it.is_telling)
    }

    /// The events of those that are due.
    pub(crate) fn tell(&mut self, reader: &Reader, outputs: &mut Outputs) {
        for (number, watched) in self.all.iter_mut().filter(|(_, it)| it.is_due && !it.is_telling) {
            let event = match &mut watched.what {
                What::Query(observed, events) => {
                    let rows = reader.rows(observed).map(|rows| events.next(rows)).map_err(CallError::from);
                    encode_result(watched.format, &rows)
                }
                _ => encode(watched.format, &Answer::new().with("state", Value::String(self.state.to_owned()))),
            };
            (watched.is_due, watched.is_telling) = (false, true);
            outputs.add(kind::EVENT, *number, &event);
        }
    }

    /// Each watch of refusals is told of each.
    pub(crate) fn tell_rejected(&self, all: &[RejectedTransaction], outputs: &mut Outputs) {
        for (number, watched) in self.all.iter().filter(|(_, it)| matches!(it.what, What::Rejected)) {
            for one in all {
                let event = encode(watched.format, &Answer::new().with("rejected", rejected(one)));
                outputs.add(kind::EVENT, *number, &event);
            }
        }
    }

    pub(crate) fn wants_rejected(&self) -> bool {
        self.all.values().any(|it| matches!(it.what, What::Rejected))
    }

    pub(crate) fn wants_token(&self) -> bool {
        self.all.values().any(|it| matches!(it.what, What::Token))
    }

    pub(crate) fn tell_token(&self, remaining_ms: Option<u64>, outputs: &mut Outputs) {
        let event = match remaining_ms {
            Some(remaining_ms) => Answer::new().with_number("remaining_ms", remaining_ms),
            None => Answer::new(),
        };
        for (number, watched) in self.all.iter().filter(|(_, it)| matches!(it.what, What::Token)) {
            outputs.add(kind::EVENT, *number, &encode(watched.format, &event));
        }
    }

    /// What it is about cannot be observed.
    pub(crate) fn refuse(number: u32, format: Format, error: &CallError, outputs: &mut Outputs) {
        outputs.add(kind::EVENT, number, &encode_error(format, error));
    }
}
