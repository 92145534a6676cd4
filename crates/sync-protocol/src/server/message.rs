//! What each message of the peer does, in each state that reads any.
//!
//! Invariants: an `Err` says how the peer broke the protocol; the caller ends the session.

use document::SiteId;

use super::{Authorised, ServerMachine, ServerOutput, SessionState};
use crate::limits::{PROTOCOL_VERSION, SUBSCRIPTIONS_MAX};
use crate::message::{ByeCode, Cursor, Hello, Message, Push, Pushes, ResyncReason, Subscription};

type Handled = Result<(), String>;

impl ServerMachine {
    pub(super) fn handle_message(&mut self, message: Message, bytes: u64, now_ms: u64) -> Handled {
        match (self.state, message) {
            (_, Message::Bye(_)) => {
                self.outputs.push_back(ServerOutput::Close);
                self.disconnect();
                Ok(())
            }
            (SessionState::Greeted, Message::Hello(hello)) => self.handle_hello(hello, now_ms),
            (SessionState::Greeted, message) => Err(format!("{} comes before the hello", message.name())),
            (SessionState::CatchingUp | SessionState::Live, message) => self.handle_in_session(message, bytes),
            // What a peer sends on while it is drained, it sends again to the next server.
            (SessionState::Draining | SessionState::Authorising | SessionState::Closed, _) => Ok(()),
        }
    }

    fn handle_in_session(&mut self, message: Message, bytes: u64) -> Handled {
        match message {
            Message::Auth(auth) => self.outputs.push_back(ServerOutput::Reauthorise { token: auth.token }),
            Message::Sub(sub) => return self.handle_sub(sub.subscription),
            Message::Unsub(unsub) => {
                self.feed.remove(unsub.sub);
                self.outputs.push_back(ServerOutput::Unsubscribed(unsub.sub));
            }
            Message::Applied(applied) => {
                self.feed.applied(applied.bytes)?;
                self.outputs.push_back(ServerOutput::Applied { through: applied.through });
            }
            Message::Push(push) => return self.handle_push(push, bytes),
            Message::Pushes(Pushes { pushes, .. }) => {
                for push in pushes {
                    let bytes = push.message_bytes();
                    self.handle_push(push, bytes)?;
                }
            }
            Message::Digest(digest) => self.outputs.push_back(ServerOutput::WantDigest { subs: digest.subs }),
            Message::DigestReply(reply) => self.outputs.push_back(ServerOutput::DigestReply(reply)),
            Message::Unknown(unknown) => {
                self.outputs.push_back(ServerOutput::Ignored { number: unknown.number });
            }
            Message::Hello(_) => return Err("a second hello".to_owned()),
            Message::Welcome(_)
            | Message::Granted(_)
            | Message::Snapshot(_)
            | Message::Changes(_)
            | Message::Ack(_)
            | Message::Nack(_)
            | Message::Resync(_) => return Err(format!("{} comes from a peer", message.name())),
            Message::Bye(_) => unreachable!("it is answered in every state"),
        }
        Ok(())
    }

    fn handle_hello(&mut self, hello: Hello, now_ms: u64) -> Handled {
        if hello.proto != PROTOCOL_VERSION {
            let message = format!("version {} of the protocol is not spoken here, {PROTOCOL_VERSION} is", hello.proto);
            self.close(ByeCode::Version, message, None);
            return Ok(());
        }
        if !hello.site.is_valid_origin() || hello.site == SiteId::INITIAL {
            return Err(format!("{} is no peer's site", hello.site.0));
        }
        if hello.settled > hello.last_seq {
            return Err(format!("settled through {}, of {}", hello.settled.0, hello.last_seq.0));
        }
        if hello.subs.len() > SUBSCRIPTIONS_MAX {
            return Err(too_many_subscriptions());
        }
        let mut subs: Vec<_> = hello.subs.iter().map(|it| it.sub).collect();
        subs.sort_unstable();
        if subs.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two subscriptions have one number".to_owned());
        }
        self.state = SessionState::Authorising;
        self.since_ms = now_ms;
        self.outputs.push_back(ServerOutput::Authorise(Box::new(hello.clone())));
        self.hello = Some(Box::new(hello));
        Ok(())
    }

    /// Where the session begins, and what it gets from the beginning.
    pub(super) fn begin_feed(&mut self, hello: Hello, it: &Authorised) {
        let reason = hello.cursor.as_ref().and_then(|cursor| why_begin_anew(cursor, it));
        let is_known = hello.cursor.is_some() && reason.is_none();
        match hello.cursor.filter(|_| is_known) {
            Some(cursor) => self.feed.begin_at(cursor.txn),
            None => self.feed.begin_anew_at(it.newest),
        }
        for subscription in hello.subs {
            self.outputs.push_back(ServerOutput::Subscribed(subscription.clone()));
            let Subscription { sub, hash, page, .. } = subscription;
            match hash {
                Some(hash) if is_known && hash == it.permission => match page {
                    Some(page) => self.feed.begin(sub, Some(page)),
                    None => self.feed.add(sub),
                },
                Some(_) if is_known => {
                    self.feed.add(sub);
                    self.resync(sub, ResyncReason::Permission, "what may be read changed".to_owned());
                }
                Some(_) if reason.is_none() => {
                    self.feed.add(sub); // pages without a cursor are of no use
                    self.resync(sub, ResyncReason::Trimmed, "there is no cursor".to_owned());
                }
                _ => self.feed.begin(sub, None),
            }
        }
        if let Some(reason) = reason {
            self.resync_all(it.newest, reason, "the cursor is not known here".to_owned());
        }
    }

    /// In a session a subscription always gets its snapshot from the beginning: changes that it
    /// would have had may be past.
    fn handle_sub(&mut self, subscription: Subscription) -> Handled {
        if !self.feed.has(subscription.sub) && self.feed.subs_count() >= SUBSCRIPTIONS_MAX {
            return Err(too_many_subscriptions());
        }
        self.feed.begin(subscription.sub, None);
        self.outputs.push_back(ServerOutput::Subscribed(subscription));
        Ok(())
    }

    fn handle_push(&mut self, push: Push, bytes: u64) -> Handled {
        if let Some(fault) = push.fault() {
            return Err(fault.to_owned());
        }
        self.verdicts.push(push.seq, bytes)?;
        self.outputs.push_back(ServerOutput::Apply(push));
        Ok(())
    }
}

/// Why what a peer has is not to be relied on, if so.
fn why_begin_anew(cursor: &Cursor, it: &Authorised) -> Option<ResyncReason> {
    let is_of_this_life = cursor.incarnation == it.incarnation || cursor.txn <= it.fork;
    if !is_of_this_life || cursor.txn > it.newest {
        return Some(ResyncReason::Incarnation);
    }
    (cursor.txn < it.window_start || cursor.txn < it.floor).then_some(ResyncReason::Trimmed)
}

fn too_many_subscriptions() -> String {
    format!("more than {SUBSCRIPTIONS_MAX} subscriptions")
}
