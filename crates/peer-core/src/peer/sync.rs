//! The session: what the host says of the connection, and what the protocol's machine wants.

use sync_protocol::{Lineage, PeerOutput, PeerState, Push, Rest, Seq, SeqRange};

use super::Peer;
use crate::{Now, Output, PeerError, limits};

impl Peer {
    /// Why the server ended the last connection, if it did and said so, until another is asked for.
    pub fn last_bye(&self) -> Option<&sync_protocol::Bye> {
        self.machine.last_bye()
    }

    /// Where sync stands.
    pub fn sync_state(&self) -> PeerState {
        self.machine.state()
    }

    /// Sync is wanted. Also ends a wait, and tries again after a refusal.
    pub fn start_sync(&mut self, now: Now) {
        let moment = self.moment(now);
        self.machine.start(moment);
    }

    /// Sync is not wanted any more. Local work goes on.
    pub fn stop_sync(&mut self) {
        self.machine.stop();
    }

    /// The connection that was asked for is there.
    ///
    /// # Errors
    /// The store; the host closes the connection and starts sync again later.
    pub fn connected(&mut self, now: Now) -> Result<(), PeerError> {
        let prepared = self.forget_staged().and_then(|()| self.persist());
        if let Err(error) = prepared {
            self.reset_sync();
            return Err(error);
        }
        self.session_through = self.meta.cursor_txn();
        self.acked_before.clear();
        self.attachments.begin_connection();
        self.forget_sent_digest();
        if let Some(acked) = self.meta.acked {
            self.machine.tell_lineage(Lineage {
                acked: Seq(acked),
                pending: self.pending_ranges(),
                rest: Rest::default(),
            });
        }
        let moment = self.moment(now);
        let (last, settled) = (self.meta.last_seq, self.pending.settled(self.meta.last_seq));
        self.machine.connected(moment, now.wall_ms, Seq(last), Seq(settled));
        Ok(())
    }

    /// The connection is gone, or could not be made. Not to be called after [`Output::Disconnect`].
    pub fn disconnected(&mut self, now: Now) {
        let moment = self.moment(now);
        self.machine.disconnected(moment);
    }

    /// A frame came.
    pub fn handle_frame(&mut self, now: Now, frame: &[u8]) {
        let moment = self.moment(now);
        self.machine.handle_frame(frame, moment);
    }

    /// Something was heard that is no frame: a ping or pong.
    pub fn heard(&mut self, now: Now) {
        let moment = self.moment(now);
        self.machine.heard(moment);
    }

    /// Asks the server for a sign of life, where a host does not see pings: a question that costs
    /// nothing, and whose answer is a frame.
    pub fn probe(&mut self) {
        if !self.is_digest_asked() {
            self.machine.ask_digest(Vec::new());
        }
    }

    /// Time went by.
    pub fn tick(&mut self, now: Now) {
        let moment = self.moment(now);
        self.machine.tick(moment);
    }

    /// When [`Peer::tick`] is to be called, at the latest, by the clock that never goes back.
    pub fn next_tick_ms(&self) -> Option<u64> {
        self.machine.next_tick_ms()
    }

    /// A newer token.
    pub fn authenticate(&mut self, now: Now, token: String) {
        self.options.token = Some(token.clone());
        let moment = self.moment(now);
        self.machine.authenticate(token, moment);
    }

    /// The next thing to do. To be called until there is none after every other call.
    ///
    /// # Errors
    /// The store. Then sync stands still as after a kill, and nothing was lost; the host says
    /// [`Peer::start_sync`] once it may go better.
    pub fn poll_output(&mut self, now: Now) -> Result<Option<Output>, PeerError> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Ok(Some(output));
            }
            let Some(output) = self.machine.poll_output().or_else(|| self.poll_question()) else {
                return Ok(self.observers.poll().map(Output::Observed));
            };
            if let Err(error) = self.handle_output(now, output) {
                self.reset_sync();
                return Err(error);
            }
        }
    }

    /// What the machine says once nothing else is to be done.
    fn poll_question(&mut self) -> Option<PeerOutput> {
        self.ask_when_quiet();
        self.machine.poll_output()
    }

    fn handle_output(&mut self, now: Now, output: PeerOutput) -> Result<(), PeerError> {
        match output {
            PeerOutput::Connect => self.outputs.push_back(Output::Connect),
            PeerOutput::Disconnect => self.outputs.push_back(Output::Disconnect),
            PeerOutput::Send(frame) => self.outputs.push_back(Output::Send(frame)),
            PeerOutput::State(state) => self.outputs.push_back(Output::State(state)),
            PeerOutput::WantPending { request, after, bytes_max, count_max } => {
                let pushes = self.pushes_after(after.0, bytes_max, count_max)?;
                self.machine.handle_pending(request, pushes);
            }
            PeerOutput::ApplyChanges { delivery, items, through, incarnation, .. } => {
                self.take_changes(items, through.0, incarnation)?;
                self.machine.stored(delivery);
            }
            PeerOutput::ApplySnapshot { delivery, sub, items, page, hash, at, done } => {
                self.take_snapshot(sub, items, page, hash, at.0, done)?;
                self.machine.stored(delivery);
            }
            PeerOutput::Acked(taken) => self.take_acks(taken)?,
            PeerOutput::Rejected { seq, faults, .. } => self.take_rejection(now, seq, faults)?,
            PeerOutput::Resync { sub, reason, message } => self.take_resync(sub, reason, message)?,
            PeerOutput::Restored { fork, .. } => self.heal(fork.0)?,
            PeerOutput::SiteReused => self.renew_site(now)?,
            PeerOutput::Former { former } => self.settle_former(now, former)?,
            PeerOutput::ClockOffset(offset_ms) => {
                let mut work = self.work();
                work.meta.clock_offset_ms = offset_ms;
                let done = work.finish()?;
                self.commit(done)?;
            }
            PeerOutput::Granted { permission, expires_ms } => {
                permission.map_or(Ok(()), |permission| self.take_grant(permission))?;
                self.outputs.push_back(Output::Granted { expires_ms });
            }
            PeerOutput::WantDigest { subs } => self.answer_digest(subs)?,
            PeerOutput::DigestReply(reply) => self.take_digest(reply)?,
            PeerOutput::Ignored { .. } => {}
        }
        Ok(())
    }

    /// The next pending transactions. What is sent is durable: a server must not know more of this
    /// site than its own store does.
    fn pushes_after(&mut self, after: u64, bytes_max: u64, count_max: usize) -> Result<Vec<Push>, PeerError> {
        let mut bytes = 0;
        let mut seqs = Vec::new();
        for (seq, facts) in self.pending.after(after).take(count_max) {
            seqs.push(seq);
            bytes += facts.bytes;
            if bytes > bytes_max {
                break;
            }
        }
        let seqs = self.until_upload(seqs)?;
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_persist_due {
            self.persist()?;
        }
        self.sent_through = self.sent_through.max(seqs.last().copied().unwrap_or(0));
        let mut work = self.work();
        let push = |seq| {
            let pending = work.pending(seq)?.ok_or(DAMAGED)?;
            Ok(Push { needs: self.needs_of(&mut work, seq, &pending)?, ..pending.push(seq) })
        };
        seqs.into_iter().map(push).collect()
    }

    /// Those without a verdict: the server may have taken them from this store, or from a copy.
    fn pending_ranges(&self) -> Vec<SeqRange> {
        let mut ranges: Vec<SeqRange> = Vec::new();
        if self.meta.former.is_some() {
            return ranges; // nothing was sent under the new site
        }
        for seq in self.pending.after(0).map(|(seq, _)| Seq(seq)) {
            let is_full = ranges.len() >= limits::LINEAGE_RANGES_MAX;
            match ranges.last_mut() {
                Some(range) if range.last.0 + 1 == seq.0 => range.last = seq,
                _ if is_full => break,
                _ => ranges.push(SeqRange { first: seq, last: seq, rest: Rest::default() }),
            }
        }
        ranges
    }
}

pub(super) const DAMAGED: PeerError = PeerError::Damaged { what: "a pending transaction" };
