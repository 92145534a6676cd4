//! What each message of the server does, in each state that has a connection.
//!
//! Invariants: an `Err` says how the server broke the protocol; the caller ends the connection.

use super::{Effect, PeerMachine, PeerOutput, PeerState, begun_anew};
use crate::Moment;
use crate::frame::Codec;
use crate::message::{
    Ack, Bye, ByeCode, Changes, Cursor, Granted, Item, Message, Nack, Resync, ResyncReason, Snapshot, SubId, TxnId,
    Welcome,
};

type Handled = Result<(), String>;

impl PeerMachine {
    pub(super) fn handle_message(&mut self, message: Message, bytes: u64, at: Moment) -> Handled {
        let name = message.name();
        let is_welcomed = self.state.is_welcomed();
        match message {
            Message::Bye(bye) => self.handle_bye(bye, at),
            Message::Unknown(unknown) => {
                self.outputs.push_back(PeerOutput::Ignored { number: unknown.number });
                Ok(())
            }
            Message::Welcome(welcome) if !is_welcomed => self.handle_welcome(welcome, at),
            Message::Granted(granted) if is_welcomed => self.handle_granted(granted),
            Message::Snapshot(snapshot) if is_welcomed => self.handle_snapshot(snapshot, bytes),
            Message::Changes(changes) if is_welcomed => self.handle_changes(changes, bytes),
            Message::Ack(ack) if is_welcomed => self.handle_ack(ack),
            Message::Nack(nack) if is_welcomed => self.handle_nack(nack),
            Message::Resync(resync) if is_welcomed => self.handle_resync(resync),
            Message::Digest(digest) if is_welcomed => {
                self.outputs.push_back(PeerOutput::WantDigest { subs: digest.subs });
                Ok(())
            }
            Message::DigestReply(reply) if is_welcomed => {
                self.outputs.push_back(PeerOutput::DigestReply(reply));
                Ok(())
            }
            Message::Hello(_)
            | Message::Auth(_)
            | Message::Sub(_)
            | Message::Unsub(_)
            | Message::Applied(_)
            | Message::Push(_)
            | Message::Pushes(_) => Err(format!("{name} comes from a server")),
            Message::Welcome(_) => Err("a second welcome".to_owned()),
            Message::Granted(_)
            | Message::Snapshot(_)
            | Message::Changes(_)
            | Message::Ack(_)
            | Message::Nack(_)
            | Message::Resync(_)
            | Message::Digest(_)
            | Message::DigestReply(_) => Err(format!("{name} comes before the welcome")),
        }
    }

    fn handle_welcome(&mut self, welcome: Welcome, at: Moment) -> Handled {
        let is_known = self.lineage.as_ref().is_none_or(|it| it.knows(welcome.site_seq));
        if welcome.site_seq > self.link.last_seq || !is_known {
            // The server knows other writes of this site: this store is a copy, or was set back.
            self.send_bye(ByeCode::SiteReused, "the server knows other transactions of this site".to_owned());
            self.outputs.push_back(PeerOutput::Disconnect);
            self.refuse_site();
            return Ok(());
        }
        self.link.codec = Codec::for_reader(&welcome.codecs);
        self.link.incarnation = welcome.incarnation;
        self.link.permission = welcome.permission;
        self.link.site_seq = welcome.site_seq;
        self.link.newest = welcome.newest;
        self.pushes.narrow(welcome.push_window, welcome.frame_bytes_max);
        let half_trip_ms = at.now_ms.saturating_sub(self.link.since_ms) / 2;
        let own_wall_ms = self.link.wall_ms.saturating_add(half_trip_ms);
        let offset_ms = i128::from(welcome.wall_ms) - i128::from(own_wall_ms);
        let bound = if offset_ms < 0 { i64::MIN } else { i64::MAX };
        self.outputs.push_back(PeerOutput::ClockOffset(i64::try_from(offset_ms).unwrap_or(bound)));
        self.outputs.push_back(PeerOutput::Granted { permission: None, expires_ms: welcome.expires_ms });
        self.enter(PeerState::CatchingUp);
        self.meet_incarnation(&welcome);
        for sub in std::mem::take(&mut self.link.late_subs) {
            self.send_sub(sub);
        }
        if self.former.is_some() {
            self.outputs.push_back(PeerOutput::Former { former: welcome.former });
        }
        self.want_pending();
        Ok(())
    }

    fn meet_incarnation(&mut self, welcome: &Welcome) {
        let Some(cursor) = self.identity.cursor.clone() else { return };
        let Welcome { incarnation, fork, site_seq, .. } = *welcome;
        if cursor.incarnation == incarnation {
            return;
        }
        self.outputs.push_back(PeerOutput::Restored { incarnation, fork, site_seq });
        if cursor.txn > fork {
            self.begin_anew(None, ResyncReason::Incarnation, "the server was restored".to_owned());
        }
    }

    fn handle_granted(&mut self, granted: Granted) -> Handled {
        let Granted { permission, expires_ms, .. } = granted;
        self.link.permission = permission;
        for hash in self.identity.subs.iter_mut().filter_map(|it| it.hash.as_mut()) {
            *hash = permission;
        }
        self.outputs.push_back(PeerOutput::Granted { permission: Some(permission), expires_ms });
        Ok(())
    }

    fn handle_snapshot(&mut self, snapshot: Snapshot, bytes: u64) -> Handled {
        let Snapshot { sub, items, page, at, done, .. } = snapshot;
        if done == page.is_some() {
            return Err("a snapshot is done, or says where it goes on".to_owned());
        }
        let hash = self.link.permission;
        if !self.identity.subs.iter().any(|it| it.sub == sub) {
            self.deliver(bytes, Effect::Nothing)?; // the unsubscribe is on its way
            self.stored(0);
            return Ok(());
        }
        let delivery = self.deliver(bytes, Effect::Page { sub, hash, page: page.clone() })?;
        self.outputs.push_back(PeerOutput::ApplySnapshot { delivery, sub, items, page, hash, at, done });
        Ok(())
    }

    fn handle_changes(&mut self, changes: Changes, bytes: u64) -> Handled {
        let Changes { items, through, caught_up, .. } = changes;
        if let Some(fault) = items.iter().find_map(Item::fault) {
            return Err(fault.to_owned());
        }
        if through < self.link.through {
            return Err(format!("changes through {} after {}", through.0, self.link.through.0));
        }
        self.link.through = through;
        let incarnation = self.link.incarnation;
        let cursor = Cursor { incarnation, txn: through, rest: Default::default() };
        let delivery = self.deliver(bytes, Effect::Cursor(cursor))?;
        self.outputs.push_back(PeerOutput::ApplyChanges { delivery, items, through, incarnation, caught_up });
        if caught_up {
            self.backoff.reset();
            self.enter(PeerState::Live);
        }
        Ok(())
    }

    fn deliver(&mut self, bytes: u64, effect: Effect) -> Result<u64, String> {
        self.deliveries.take(bytes, effect).ok_or_else(|| "more than the credit was sent".to_owned())
    }

    fn handle_ack(&mut self, ack: Ack) -> Handled {
        let taken = ack.taken.iter().filter(|it| self.pushes.answered(it.seq));
        let acked: Vec<_> = taken.map(|it| (it.seq, (it.txn != TxnId(0)).then_some(it.txn))).collect();
        if !acked.is_empty() {
            self.outputs.push_back(PeerOutput::Acked(acked));
        }
        self.want_pending();
        Ok(())
    }

    fn handle_nack(&mut self, nack: Nack) -> Handled {
        let Nack { seq, faults, at, .. } = nack;
        if self.pushes.answered(seq) {
            self.outputs.push_back(PeerOutput::Rejected { seq, faults, at });
        }
        self.want_pending();
        Ok(())
    }

    fn handle_resync(&mut self, resync: Resync) -> Handled {
        self.begin_anew(resync.sub, resync.reason, resync.message);
        Ok(())
    }

    fn begin_anew(&mut self, sub: Option<SubId>, reason: ResyncReason, message: String) {
        if sub.is_none() {
            self.link.through = TxnId(0);
        }
        for subscription in self.identity.subs.iter_mut().filter(|it| sub.is_none_or(|sub| it.sub == sub)) {
            *subscription = begun_anew(subscription.clone());
            self.deliveries.forget_pages(subscription.sub);
        }
        self.outputs.push_back(PeerOutput::Resync { sub, reason, message });
    }

    fn handle_bye(&mut self, bye: Bye, at: Moment) -> Handled {
        self.outputs.push_back(PeerOutput::Disconnect);
        self.last_bye = Some(bye.clone());
        match bye.code {
            ByeCode::Denied => self.enter(PeerState::NeedsAuth),
            ByeCode::Version => self.enter(PeerState::Refused),
            ByeCode::SiteReused => self.refuse_site(),
            ByeCode::Protocol | ByeCode::Busy | ByeCode::Draining | ByeCode::Stopped | ByeCode::Other(_) => {
                self.back_off(at, bye.retry_after_ms);
            }
        }
        Ok(())
    }

    fn refuse_site(&mut self) {
        self.enter(PeerState::Refused);
        self.outputs.push_back(PeerOutput::SiteReused);
    }
}
