//! What was pushed and is not answered: the peer's end of the push window.
//!
//! Invariants: sequence numbers go out in growing order, each once a connection; one question for
//! pending transactions is open at a time, and only while there is room.

use std::collections::VecDeque;

use super::PeerOutput;
use crate::limits::FRAME_BYTES_MAX;
use crate::message::Seq;
use crate::window::Window;

#[derive(Debug)]
pub(super) struct Pushes {
    in_flight: VecDeque<(Seq, u64)>,
    window: Window,
    message_bytes_max: u64,
    last_sent: Seq,
    request: u64,
    is_asked: bool,
    /// Nothing is pending that was not sent, as far as is known.
    is_exhausted: bool,
    /// What comes next has no room before an answer.
    is_blocked: bool,
}

impl Default for Pushes {
    fn default() -> Self {
        Self {
            in_flight: VecDeque::new(),
            window: Window::pushes(),
            message_bytes_max: FRAME_BYTES_MAX as u64 - 1,
            last_sent: Seq(0),
            request: 0,
            is_asked: false,
            is_exhausted: false,
            is_blocked: false,
        }
    }
}

impl Pushes {
    /// Those of the next connection: everything that is pending goes again, from the first.
    pub(super) fn after(before: &Pushes) -> Self {
        Self { request: before.request, ..Self::default() }
    }

    pub(super) fn narrow(&mut self, push_window: u64, frame_bytes_max: u64) {
        self.window.narrow(push_window);
        self.message_bytes_max = self.message_bytes_max.min(frame_bytes_max.saturating_sub(1));
    }

    pub(super) fn may_have_more(&mut self) {
        self.is_exhausted = false;
    }

    pub(super) fn want(&mut self) -> Option<PeerOutput> {
        if self.is_asked || self.is_exhausted || self.is_blocked || !self.window.has_room() {
            return None;
        }
        self.is_asked = true;
        self.request += 1;
        Some(PeerOutput::WantPending {
            request: self.request,
            after: self.last_sent,
            bytes_max: self.window.bytes_left(),
            count_max: self.window.pieces_left(),
        })
    }

    /// Whether this answers the open question.
    pub(super) fn take_answer(&mut self, request: u64, is_empty: bool) -> bool {
        let is_answer = self.is_asked && request == self.request;
        if is_answer {
            self.is_asked = false;
            self.is_exhausted = is_empty;
        }
        is_answer
    }

    pub(super) fn is_too_large(&self, bytes: u64) -> bool {
        bytes > self.message_bytes_max
    }

    /// It is not sent at all.
    pub(super) fn pass_over(&mut self, seq: Seq) {
        self.last_sent = self.last_sent.max(seq);
    }

    /// Whether it may be sent now. One that was sent already is not.
    pub(super) fn take(&mut self, seq: Seq, bytes: u64) -> bool {
        if seq <= self.last_sent || !self.window.take(bytes) {
            self.is_blocked = !self.window.is_empty();
            return false;
        }
        self.last_sent = seq;
        self.in_flight.push_back((seq, bytes));
        true
    }

    /// Whether `seq` was waiting for its verdict, which is there now.
    pub(super) fn answered(&mut self, seq: Seq) -> bool {
        let Ok(at) = self.in_flight.binary_search_by_key(&seq, |(seq, _)| *seq) else { return false };
        let (_, bytes) = self.in_flight.remove(at).expect("it was found there");
        self.window.give_back(bytes);
        self.is_blocked = false;
        true
    }
}
