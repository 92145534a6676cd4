//! What was delivered to the host and is not stored yet: the peer's end of the credit.
//!
//! Invariants: effects come in the order of delivery; a connection begins when everything of the one
//! before is stored, or what a hello says would not be what is in the store when its answer comes.

use std::collections::VecDeque;

use crate::limits::APPLIED_BYTES_AIM;
use crate::message::{Cursor, SubId};
use crate::window::Window;

/// What a delivery changes once it is stored.
#[derive(Debug)]
pub(super) enum Effect {
    Cursor(Cursor),
    Page {
        sub: SubId,
        hash: u64,
        page: Option<Vec<u8>>,
    },
    /// Nothing but that it is stored.
    Stored,
    /// It was not given to the host: nobody wants it any more.
    Nothing,
}

#[derive(Debug)]
struct Delivery {
    number: u64,
    bytes: u64,
    effect: Effect,
}

#[derive(Debug, Default)]
pub(super) struct Deliveries {
    last: u64,
    open: VecDeque<Delivery>,
    credit: Window,
    stored_bytes: u64,
    told_bytes: u64,
}

impl Deliveries {
    /// Whether the host has something that it has not stored.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn begin_session(&mut self) {
        self.credit = Window::credit();
        self.stored_bytes = 0;
        self.told_bytes = 0;
    }

    /// The number of a new delivery; none if the credit does not allow it.
    pub(super) fn take(&mut self, bytes: u64, effect: Effect) -> Option<u64> {
        if !self.credit.take(bytes) {
            return None;
        }
        self.last += 1;
        self.open.push_back(Delivery { number: self.last, bytes, effect });
        Some(self.last)
    }

    /// The subscription begins again: what was delivered of it says nothing of how far it is.
    pub(super) fn forget_pages(&mut self, of: SubId) {
        for delivery in &mut self.open {
            if matches!(delivery.effect, Effect::Page { sub, .. } if sub == of) {
                delivery.effect = Effect::Stored;
            }
        }
    }

    /// What becomes true now that all up to `number` are stored, and those behind that the host was
    /// not given.
    pub(super) fn stored(&mut self, number: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(delivery) =
            self.open.pop_front_if(|it| it.number <= number || matches!(it.effect, Effect::Nothing))
        {
            self.credit.give_back(delivery.bytes);
            self.stored_bytes += delivery.bytes;
            effects.push(delivery.effect);
        }
        effects
    }

    /// Whether the server is to be told.
    pub(super) fn is_applied_due(&self) -> bool {
        let untold = self.stored_bytes - self.told_bytes;
        untold >= APPLIED_BYTES_AIM || (untold > 0 && self.credit.is_empty())
    }

    /// How many bytes of this session are stored; the server is told now.
    pub(super) fn tell(&mut self) -> u64 {
        self.told_bytes = self.stored_bytes;
        self.stored_bytes
    }
}
