//! What every message does in every state of either machine.

use expect_test::{Expect, expect};
use sync_protocol::{Message, PeerState, SessionState};

use super::{at, frame, message, name, peer_in, peer_words, session_in, session_words};
use crate::samples;

fn every_message() -> Vec<Message> {
    let mut messages = samples::all();
    messages.push(message(&[0, 0x82, 0x18, 99, 0]));
    messages
}

#[test]
fn every_message_has_an_answer_in_every_state_of_a_peer() {
    let states = [
        PeerState::Stopped,
        PeerState::Connecting,
        PeerState::Greeted,
        PeerState::CatchingUp,
        PeerState::Live,
        PeerState::Backoff { until_ms: 0 },
        PeerState::NeedsAuth,
        PeerState::Refused,
    ];
    let mut table = String::new();
    for state in states {
        table += &format!("{}\n", name(state));
        for message in every_message() {
            let mut peer = peer_in(state);
            peer.handle_frame(&frame(message.clone()), at(1));
            let words = peer_words(&mut peer);
            if !words.is_empty() {
                table += &format!("  {}: {words}\n", message.name());
            }
        }
    }
    peer_table().assert_eq(&table);
}

#[test]
fn every_message_has_an_answer_in_every_state_of_a_session() {
    let states = [
        SessionState::Greeted,
        SessionState::Authorising,
        SessionState::CatchingUp,
        SessionState::Live,
        SessionState::Draining,
        SessionState::Closed,
    ];
    let mut table = String::new();
    for state in states {
        table += &format!("{}\n", name(state));
        for message in every_message() {
            let mut session = session_in(state);
            session.handle_frame(&frame(message.clone()), 1);
            let words = session_words(&mut session);
            if !words.is_empty() {
                table += &format!("  {}: {words}\n", message.name());
            }
        }
    }
    session_table().assert_eq(&table);
}

fn peer_table() -> Expect {
    expect![[r#"
        Stopped
        Connecting
        Greeted
          hello: bye protocol: hello comes from a server, Disconnect, -> Backoff
          welcome: ClockOffset, Granted, -> CatchingUp
          auth: bye protocol: auth comes from a server, Disconnect, -> Backoff
          sub: bye protocol: sub comes from a server, Disconnect, -> Backoff
          snapshot: bye protocol: snapshot comes before the welcome, Disconnect, -> Backoff
          changes: bye protocol: changes comes before the welcome, Disconnect, -> Backoff
          applied: bye protocol: applied comes from a server, Disconnect, -> Backoff
          push: bye protocol: push comes from a server, Disconnect, -> Backoff
          ack: bye protocol: ack comes before the welcome, Disconnect, -> Backoff
          nack: bye protocol: nack comes before the welcome, Disconnect, -> Backoff
          resync: bye protocol: resync comes before the welcome, Disconnect, -> Backoff
          digest: bye protocol: digest comes before the welcome, Disconnect, -> Backoff
          bye: Disconnect, -> Backoff
          granted: bye protocol: granted comes before the welcome, Disconnect, -> Backoff
          unsub: bye protocol: unsub comes from a server, Disconnect, -> Backoff
          digest_reply: bye protocol: digest_reply comes before the welcome, Disconnect, -> Backoff
          pushes: bye protocol: pushes comes from a server, Disconnect, -> Backoff
          unknown: Ignored
        CatchingUp
          hello: bye protocol: hello comes from a server, Disconnect, -> Backoff
          welcome: bye protocol: a second welcome, Disconnect, -> Backoff
          auth: bye protocol: auth comes from a server, Disconnect, -> Backoff
          sub: bye protocol: sub comes from a server, Disconnect, -> Backoff
          snapshot: ApplySnapshot
          changes: ApplyChanges, -> Live
          applied: bye protocol: applied comes from a server, Disconnect, -> Backoff
          push: bye protocol: push comes from a server, Disconnect, -> Backoff
          resync: Resync
          digest: WantDigest
          bye: Disconnect, -> Backoff
          granted: Granted
          unsub: bye protocol: unsub comes from a server, Disconnect, -> Backoff
          digest_reply: DigestReply
          pushes: bye protocol: pushes comes from a server, Disconnect, -> Backoff
          unknown: Ignored
        Live
          hello: bye protocol: hello comes from a server, Disconnect, -> Backoff
          welcome: bye protocol: a second welcome, Disconnect, -> Backoff
          auth: bye protocol: auth comes from a server, Disconnect, -> Backoff
          sub: bye protocol: sub comes from a server, Disconnect, -> Backoff
          snapshot: ApplySnapshot
          changes: ApplyChanges
          applied: bye protocol: applied comes from a server, Disconnect, -> Backoff
          push: bye protocol: push comes from a server, Disconnect, -> Backoff
          resync: Resync
          digest: WantDigest
          bye: Disconnect, -> Backoff
          granted: Granted
          unsub: bye protocol: unsub comes from a server, Disconnect, -> Backoff
          digest_reply: DigestReply
          pushes: bye protocol: pushes comes from a server, Disconnect, -> Backoff
          unknown: Ignored
        Backoff
        NeedsAuth
        Refused
    "#]]
}

fn session_table() -> Expect {
    expect![[r#"
        Greeted
          hello: Authorise
          welcome: bye protocol: welcome comes before the hello, Close
          auth: bye protocol: auth comes before the hello, Close
          sub: bye protocol: sub comes before the hello, Close
          snapshot: bye protocol: snapshot comes before the hello, Close
          changes: bye protocol: changes comes before the hello, Close
          applied: bye protocol: applied comes before the hello, Close
          push: bye protocol: push comes before the hello, Close
          ack: bye protocol: ack comes before the hello, Close
          nack: bye protocol: nack comes before the hello, Close
          resync: bye protocol: resync comes before the hello, Close
          digest: bye protocol: digest comes before the hello, Close
          bye: Close
          granted: bye protocol: granted comes before the hello, Close
          unsub: bye protocol: unsub comes before the hello, Close
          digest_reply: bye protocol: digest_reply comes before the hello, Close
          pushes: bye protocol: pushes comes before the hello, Close
          unknown: bye protocol: unknown comes before the hello, Close
        Authorising
        CatchingUp
          hello: bye protocol: a second hello, Close
          welcome: bye protocol: welcome comes from a peer, Close
          auth: Reauthorise
          sub: Subscribed
          snapshot: bye protocol: snapshot comes from a peer, Close
          changes: bye protocol: changes comes from a peer, Close
          applied: bye protocol: 4096 bytes are applied, 0 were sent, Close
          push: Apply
          ack: bye protocol: ack comes from a peer, Close
          nack: bye protocol: nack comes from a peer, Close
          resync: bye protocol: resync comes from a peer, Close
          digest: WantDigest
          bye: Close
          granted: bye protocol: granted comes from a peer, Close
          unsub: Unsubscribed
          digest_reply: DigestReply
          pushes: Apply, Apply
          unknown: Ignored
        Live
          hello: bye protocol: a second hello, Close
          welcome: bye protocol: welcome comes from a peer, Close
          auth: Reauthorise
          sub: Subscribed, WantSnapshot
          snapshot: bye protocol: snapshot comes from a peer, Close
          changes: bye protocol: changes comes from a peer, Close
          applied: bye protocol: 4096 bytes are applied, 7 were sent, Close
          push: Apply
          ack: bye protocol: ack comes from a peer, Close
          nack: bye protocol: nack comes from a peer, Close
          resync: bye protocol: resync comes from a peer, Close
          digest: WantDigest
          bye: Close
          granted: bye protocol: granted comes from a peer, Close
          unsub: Unsubscribed
          digest_reply: DigestReply
          pushes: Apply, Apply
          unknown: Ignored
        Draining
          bye: Close
        Closed
    "#]]
}
