//! What either machine does with what comes, with time and with refusals.

mod answers;

use document::SiteId;
use sync_protocol::limits::{FRAME_BYTES_MAX, PUSH_WINDOW_BYTES, PUSH_WINDOW_TRANSACTIONS};
use sync_protocol::{
    Authorised, Bye, ByeCode, ChangesPage, Codec, Cursor, Hello, Identity, ItemKind, Message, Moment, PeerMachine,
    PeerOutput, PeerState, Push, PushOperation, Rest, Resync, ResyncReason, Seq, ServerMachine, ServerOutput,
    SessionState, SnapshotPage, Sub, SubId, TxnId, Welcome, decode_frame, encode_frame,
};

use crate::samples;

fn frame(message: impl Into<Message>) -> Vec<u8> {
    encode_frame(&message.into(), Codec::Plain).0
}

fn message(frame: &[u8]) -> Message {
    decode_frame(frame, FRAME_BYTES_MAX).expect("it is a frame").message
}

/// Every message that this version knows, and one that it does not.
fn identity() -> Identity {
    Identity {
        site: SiteId(0x1234),
        instance: [7; 16],
        sdk: "test".to_owned(),
        token: None,
        cursor: Some(Cursor { incarnation: [9; 16], txn: TxnId(500), rest: Rest::default() }),
        subs: vec![samples::subscription(1)],
    }
}

fn at(now_ms: u64) -> Moment {
    Moment { now_ms, jitter: 0 }
}

fn peer_outputs(peer: &mut PeerMachine) -> Vec<PeerOutput> {
    std::iter::from_fn(|| peer.poll_output()).collect()
}

fn session_outputs(session: &mut ServerMachine) -> Vec<ServerOutput> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

fn peer_words(peer: &mut PeerMachine) -> String {
    let words = peer_outputs(peer).into_iter().map(|output| match output {
        PeerOutput::Send(frame) => sent(&frame),
        PeerOutput::State(state) => format!("-> {}", name(state)),
        other => name(other),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn session_words(session: &mut ServerMachine) -> String {
    let words = session_outputs(session).into_iter().map(|output| match output {
        ServerOutput::Send(frame) => sent(&frame),
        other => name(other),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn sent(frame: &[u8]) -> String {
    match message(frame) {
        Message::Bye(bye) => format!("bye {}: {}", bye.code.as_str(), bye.message),
        other => other.name().to_owned(),
    }
}

/// The variant's name.
fn name(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn peer_in(state: PeerState) -> PeerMachine {
    let mut peer = PeerMachine::new(identity());
    if state == PeerState::Stopped {
        return peer;
    }
    peer.start(at(0));
    match state {
        PeerState::Connecting => {}
        PeerState::Backoff { .. } => peer.disconnected(at(0)),
        _ => peer.connected(at(0), 0, Seq(100), Seq(0)),
    }
    let bye = |code| frame(Bye { code, message: String::new(), retry_after_ms: None, rest: Rest::default() });
    match state {
        PeerState::NeedsAuth => peer.handle_frame(&bye(ByeCode::Denied), at(0)),
        PeerState::Refused => peer.handle_frame(&bye(ByeCode::Version), at(0)),
        PeerState::CatchingUp | PeerState::Live => peer.handle_frame(&frame(samples::welcome()), at(0)),
        _ => {}
    }
    if state == PeerState::Live {
        peer.handle_frame(&[0, 0x84, 6, 0x80, 0x19, 2, 0, 0xf5], at(0)); // no items, through 512, caught up
    }
    assert_eq!(peer.state(), state);
    peer_outputs(&mut peer);
    peer
}

fn session_in(state: SessionState) -> ServerMachine {
    let mut session = ServerMachine::new(3, 0);
    let hello = Hello { subs: vec![], codecs: vec![], ..samples::hello() };
    match state {
        SessionState::Greeted => return session,
        SessionState::Closed => session.refuse(ByeCode::Busy, String::new(), None),
        _ => session.handle_frame(&frame(hello), 0),
    }
    if !matches!(state, SessionState::Authorising | SessionState::Closed) {
        session.authorised(Authorised { newest: TxnId(600), incarnation: [9; 16], ..Authorised::default() }, 0);
        session_outputs(&mut session);
    }
    match state {
        SessionState::Live => {
            let through = TxnId(600);
            session.handle_changes(ChangesPage { request: 1, items: vec![], through, caught_up: true });
        }
        SessionState::Draining => {
            session.handle_frame(&frame(samples::push(1)), 0);
            session.drain(1000, 0);
        }
        _ => {}
    }
    session_outputs(&mut session);
    assert_eq!(session.state(), state);
    session
}

#[test]
fn hello_and_pushes_go_out_in_one_flight() {
    let mut peer = PeerMachine::new(identity());
    peer.start(at(0));
    let last = PUSH_WINDOW_TRANSACTIONS as u64 + 36;
    peer.connected(at(0), 0, Seq(last), Seq(0));
    let outputs = peer_outputs(&mut peer);
    let Some(PeerOutput::WantPending { request, after: Seq(0), .. }) = outputs.last() else { panic!("{outputs:?}") };
    peer.handle_pending(*request, (1..=last).map(samples::push).collect());
    let outputs = peer_outputs(&mut peer);
    let [PeerOutput::Send(together)] = &outputs[..] else { panic!("{outputs:?}") };
    let Message::Pushes(together) = decode_frame(together, FRAME_BYTES_MAX).unwrap().message else { panic!() };
    assert_eq!(together.pushes, (1..=PUSH_WINDOW_TRANSACTIONS as u64).map(samples::push).collect::<Vec<_>>());
    peer.handle_frame(&frame(samples::welcome()), at(1));
    assert_eq!(peer_words(&mut peer), "ClockOffset, Granted, -> CatchingUp");
    let taken = (1..=3).map(|seq| sync_protocol::Taken { seq: Seq(seq), txn: TxnId(seq), rest: Rest::default() });
    peer.handle_frame(&frame(sync_protocol::Ack { taken: taken.collect(), rest: Rest::default() }), at(1));
    let outputs = peer_outputs(&mut peer);
    assert_eq!(outputs[0], PeerOutput::Acked((1..=3).map(|seq| (Seq(seq), Some(TxnId(seq)))).collect()));
    assert!(matches!(outputs[1], PeerOutput::WantPending { after: Seq(1024), count_max: 3, .. }), "{outputs:?}");
}

#[test]
fn a_large_push_waits_until_nothing_else_is_unanswered() {
    let large = |seq| {
        let mut push = samples::push(seq);
        push.operations = vec![PushOperation {
            delta: vec![0; usize::try_from(PUSH_WINDOW_BYTES).unwrap()],
            ..push.operations[0].clone()
        }];
        push
    };
    let mut peer = peer_in(PeerState::Live);
    peer.handle_pending(1, vec![samples::push(1), large(2)]);
    assert_eq!(peer_words(&mut peer), "push");
    let ack = |seq| samples_ack(seq);
    peer.handle_frame(&ack(1), at(1));
    let outputs = peer_outputs(&mut peer);
    let Some(PeerOutput::WantPending { request: 2, after: Seq(1), .. }) = outputs.last() else { panic!("{outputs:?}") };
    peer.handle_pending(2, vec![large(2)]);
    assert_eq!(peer_words(&mut peer), "push");
    let mut session = session_in(SessionState::Live);
    session.handle_frame(&frame(samples::push(1)), 1);
    session.handle_frame(&frame(large(2)), 1);
    assert_eq!(session_words(&mut session), "Apply, bye protocol: push 2 is beyond the window, Close");
}

fn samples_ack(seq: u64) -> Vec<u8> {
    let taken = sync_protocol::Taken { seq: Seq(seq), txn: TxnId(9), rest: Rest::default() };
    frame(sync_protocol::Ack { taken: vec![taken], rest: Rest::default() })
}

#[test]
fn a_push_larger_than_a_frame_is_rejected_without_the_server() {
    let mut peer = peer_in(PeerState::Live);
    let mut push: Push = samples::push(1);
    push.operations[0].delta = vec![0; FRAME_BYTES_MAX];
    peer.handle_pending(1, vec![push, samples::push(2)]);
    assert_eq!(peer_words(&mut peer), "Rejected, push, WantPending");
}

#[test]
fn the_clock_of_the_server_is_compared_with_the_middle_of_the_flight() {
    let mut peer = PeerMachine::new(identity());
    peer.start(at(1_000));
    peer.connected(at(2_000), 1_700_000_000_000, Seq(100), Seq(0));
    peer.handle_frame(&frame(samples::welcome()), at(2_060));
    assert!(peer_outputs(&mut peer).contains(&PeerOutput::ClockOffset(70)));
}

#[test]
fn a_store_that_was_set_back_learns_it() {
    let mut peer = PeerMachine::new(identity());
    peer.start(at(0));
    peer.connected(at(0), 0, Seq(38), Seq(0));
    peer_outputs(&mut peer);
    peer.handle_frame(&frame(samples::welcome()), at(1)); // knows 39
    assert_eq!(
        peer_words(&mut peer),
        "bye site_reused: the server knows other transactions of this site, Disconnect, -> Refused, SiteReused"
    );
    peer.renew_site(SiteId(5), [8; 16], at(2));
    assert_eq!(peer_words(&mut peer), "-> Connecting, Connect");
    let mut session = ServerMachine::new(3, 0);
    session.handle_frame(&frame(samples::hello()), 0);
    session_outputs(&mut session);
    session.authorised(Authorised { site_seq: Seq(41), ..Authorised::default() }, 0);
    assert_eq!(session_words(&mut session), "bye site_reused: this server knows other transactions of the site, Close");
}

#[test]
fn a_restored_server_is_told_to_the_host_and_resyncs_a_cursor_beyond_the_fork() {
    for (fork, words) in [
        (499, "ClockOffset, Granted, -> CatchingUp, Restored, Resync"),
        (500, "ClockOffset, Granted, -> CatchingUp, Restored"),
    ] {
        let mut peer = PeerMachine::new(identity());
        peer.start(at(0));
        peer.connected(at(0), 0, Seq(100), Seq(0));
        peer_outputs(&mut peer);
        let welcome = Welcome { incarnation: [10; 16], fork: TxnId(fork), ..samples::welcome() };
        peer.handle_frame(&frame(welcome), at(0));
        assert_eq!(peer_words(&mut peer), words);
    }
}

#[track_caller]
fn check_begin(it: Authorised, hello: Hello, expected: &str) {
    let mut session = ServerMachine::new(3, 0);
    session.handle_frame(&frame(hello), 0);
    session_outputs(&mut session);
    session.authorised(it, 0);
    assert_eq!(session_words(&mut session), expected);
}

#[test]
fn a_cursor_decides_what_a_session_begins_with() {
    let known = Authorised { incarnation: [9; 16], newest: TxnId(600), permission: 77, ..Authorised::default() };
    let whole = |hash, page| {
        let subscription = sync_protocol::Subscription { hash, page, ..samples::subscription(1) };
        Hello { subs: vec![subscription], ..samples::hello() }
    };
    let of_sub = "welcome, Subscribed, resync, WantSnapshot";
    let resynced = "welcome, Subscribed, resync, changes, WantSnapshot";
    check_begin(known.clone(), whole(Some(77), None), "welcome, Subscribed, WantChanges");
    check_begin(known.clone(), whole(Some(77), Some(vec![1])), "welcome, Subscribed, WantSnapshot");
    check_begin(known.clone(), whole(None, None), "welcome, Subscribed, WantSnapshot");
    check_begin(known.clone(), whole(Some(76), None), of_sub);
    let without_cursor = |hash, page| Hello { cursor: None, ..whole(hash, page) };
    check_begin(known.clone(), without_cursor(None, None), "welcome, Subscribed, changes, WantSnapshot");
    check_begin(known.clone(), without_cursor(Some(77), Some(vec![1])), resynced);
    check_begin(Authorised { floor: TxnId(501), ..known.clone() }, whole(Some(77), None), resynced);
    check_begin(Authorised { window_start: TxnId(501), ..known.clone() }, whole(Some(77), None), resynced);
    check_begin(Authorised { newest: TxnId(499), ..known.clone() }, whole(Some(77), None), resynced);
    let restored = Authorised { incarnation: [1; 16], fork: TxnId(499), ..known };
    check_begin(restored.clone(), whole(Some(77), None), resynced);
    check_begin(Authorised { fork: TxnId(500), ..restored }, whole(Some(77), None), "welcome, Subscribed, WantChanges");
}

#[test]
fn a_hello_that_cannot_be_is_refused() {
    #[track_caller]
    fn check(hello: Hello, expected: &str) {
        let mut session = ServerMachine::new(3, 0);
        session.handle_frame(&frame(hello), 0);
        assert_eq!(session_words(&mut session), format!("{expected}, Close"));
    }
    let of_site = |site| Hello { site: SiteId(site), ..samples::hello() };
    check(of_site(0), "bye protocol: 0 is no peer's site");
    check(of_site(1), "bye protocol: 1 is no peer's site");
    check(of_site(u64::MAX), "bye protocol: 18446744073709551615 is no peer's site");
    let version = "bye version: version 2 of the protocol is not spoken here, 1 is";
    check(Hello { proto: 2, ..samples::hello() }, version);
    check(Hello { settled: Seq(41), ..samples::hello() }, "bye protocol: settled through 41, of 40");
    let twice = vec![samples::subscription(1), samples::subscription(1)];
    check(Hello { subs: twice, ..samples::hello() }, "bye protocol: two subscriptions have one number");
}

#[test]
fn what_comes_while_the_token_is_looked_at_waits() {
    let mut session = session_in(SessionState::Authorising);
    assert!(!session.wants_frames());
    session.handle_frame(&frame(samples::push(1)), 1);
    session.handle_frame(&frame(samples::push(2)), 1);
    assert_eq!(session_words(&mut session), "");
    session.authorised(Authorised { newest: TxnId(600), incarnation: [9; 16], ..Authorised::default() }, 2);
    assert_eq!(session_words(&mut session), "welcome, Apply, Apply, WantChanges");
    let mut session = session_in(SessionState::Authorising);
    (0..500).for_each(|_| session.handle_frame(&[0; 100], 1));
    assert_eq!(session_words(&mut session), "bye protocol: too much before the welcome, Close");
}

#[test]
fn acks_are_collected_and_stay_in_order_with_nacks() {
    let mut session = session_in(SessionState::Live);
    (1..=4).for_each(|seq| session.handle_frame(&frame(samples::push(seq)), 1));
    session_outputs(&mut session);
    session.applied(Seq(1), TxnId(601));
    session.applied(Seq(2), TxnId(602));
    session.rejected(Seq(3), vec![], TxnId(602));
    session.applied(Seq(4), TxnId(603));
    session.applied(Seq(4), TxnId(604)); // the second verdict of a push counts for nothing
    assert_eq!(session_words(&mut session), "ack, nack, ack");
}

#[test]
fn nothing_is_asked_for_without_credit() {
    let mut session = session_in(SessionState::Live);
    session.changes_available();
    let mut sent_bytes = Vec::new();
    for request in 2.. {
        let outputs = session_outputs(&mut session);
        for output in &outputs {
            if let ServerOutput::Send(frame) = output {
                sent_bytes.push(frame.len() as u64 - 1);
            }
        }
        if !matches!(outputs.last(), Some(ServerOutput::WantChanges { .. })) {
            break;
        }
        let items = vec![samples::item(ItemKind::State, Some(vec![0; 250_000]))];
        session.handle_changes(ChangesPage { request, items, through: TxnId(600 + request), caught_up: false });
    }
    assert_eq!(sent_bytes.len(), 4);
    let first_bytes = 7; // the message by which it was caught up
    let applied = |bytes| frame(sync_protocol::Applied { through: TxnId(602), bytes, rest: Rest::default() });
    session.handle_frame(&applied(first_bytes + sent_bytes[0]), 1);
    assert_eq!(session_words(&mut session), "Applied, WantChanges");
    session.handle_frame(&applied(first_bytes + sent_bytes[0] + 1), 1);
    assert_eq!(session_words(&mut session), "bye protocol: a part of a message is applied, Close");
}

#[test]
fn a_peer_does_not_take_more_than_the_credit() {
    let mut peer = peer_in(PeerState::Live);
    let items = vec![samples::item(ItemKind::State, Some(vec![0; 500_000]))];
    let changes = sync_protocol::Changes { items, through: TxnId(700), caught_up: true, rest: Rest::default() };
    peer.handle_frame(&frame(changes.clone()), at(1));
    peer.handle_frame(&frame(changes.clone()), at(1));
    assert_eq!(peer_words(&mut peer), "ApplyChanges, ApplyChanges");
    peer.stored(2);
    assert_eq!(peer_words(&mut peer), "applied");
    peer.stored(3);
    assert_eq!(peer_words(&mut peer), "applied");
    (0..3).for_each(|_| peer.handle_frame(&frame(changes.clone()), at(1)));
    assert_eq!(
        peer_words(&mut peer),
        "ApplyChanges, ApplyChanges, bye protocol: more than the credit was sent, Disconnect, -> Backoff"
    );
}

#[test]
fn silence_is_pinged_and_then_the_end() {
    let mut session = session_in(SessionState::Live);
    session.tick(29_999);
    assert_eq!(session_words(&mut session), "");
    session.tick(30_000);
    assert_eq!(session_words(&mut session), "Ping");
    session.heard(30_001);
    assert_eq!(session.next_tick_ms(), Some(60_001));
    session.tick(120_001);
    assert_eq!(session_words(&mut session), "Close");
    let mut session = session_in(SessionState::Greeted);
    session.tick(10_000);
    assert_eq!(session_words(&mut session), "bye busy: no hello came in time, Close");
    let mut peer = peer_in(PeerState::Live);
    peer.heard(at(60_000));
    peer.tick(at(149_999));
    assert_eq!(peer_words(&mut peer), "");
    peer.tick(at(150_000));
    assert_eq!(peer_words(&mut peer), "Disconnect, -> Backoff");
    let mut peer = peer_in(PeerState::Greeted);
    peer.tick(at(30_000));
    assert_eq!(peer_words(&mut peer), "Disconnect, -> Backoff");
}

#[test]
fn a_draining_session_gives_its_verdicts_first() {
    let mut session = session_in(SessionState::Draining);
    session.applied(Seq(1), TxnId(601));
    assert_eq!(session_words(&mut session), "ack, bye draining: this server stops, Close");
    let mut session = session_in(SessionState::Draining);
    session.tick(5_000);
    assert_eq!(session_words(&mut session), "bye draining: this server stops, Close");
}

#[test]
fn a_peer_obeys_each_bye() {
    #[track_caller]
    fn check(code: ByeCode, expected: PeerState) {
        let mut peer = peer_in(PeerState::Live);
        let bye = Bye { code, message: String::new(), retry_after_ms: Some(4_000), rest: Rest::default() };
        peer.handle_frame(&frame(bye), at(10));
        assert_eq!(peer.state(), expected);
    }
    check(ByeCode::Denied, PeerState::NeedsAuth);
    check(ByeCode::Version, PeerState::Refused);
    check(ByeCode::SiteReused, PeerState::Refused);
    for code in ["busy", "draining", "protocol", "stopped", "later"] {
        check(ByeCode::from_word(code), PeerState::Backoff { until_ms: 4_010 });
    }
}

#[test]
fn a_subscription_that_is_gone_costs_no_credit_and_a_resync_forgets_pages() {
    let snapshot = |page: Option<Vec<u8>>| {
        let done = page.is_none();
        frame(sync_protocol::Snapshot {
            sub: SubId(1),
            items: vec![],
            page,
            at: TxnId(600),
            done,
            rest: Rest::default(),
        })
    };
    let mut peer = peer_in(PeerState::Live);
    peer.stored(1);
    peer_outputs(&mut peer);
    peer.handle_frame(&snapshot(Some(vec![1])), at(1));
    peer.handle_frame(&snapshot(Some(vec![2])), at(1));
    peer.stored(2);
    assert_eq!(peer.identity().subs[0].page, Some(vec![1]));
    assert_eq!(peer.identity().subs[0].hash, Some(77));
    let resync = Resync { sub: None, reason: ResyncReason::Permission, message: String::new(), rest: Rest::default() };
    peer.handle_frame(&frame(resync), at(1));
    peer.stored(3);
    assert_eq!(peer.identity().subs[0].hash, None);
    peer_outputs(&mut peer);
    peer.unsubscribe(SubId(1));
    peer.handle_frame(&snapshot(None), at(1));
    assert_eq!(peer_words(&mut peer), "unsub, applied");
}

#[test]
fn many_subscriptions_follow_the_welcome() {
    let subs: Vec<_> = (0..1000)
        .map(|sub| sync_protocol::Subscription { query: "x".repeat(200), ..samples::subscription(sub) })
        .collect();
    let mut peer = PeerMachine::new(Identity { subs, ..identity() });
    peer.start(at(0));
    peer.connected(at(0), 0, Seq(100), Seq(0));
    let hello = peer_outputs(&mut peer).into_iter().find_map(|it| match it {
        PeerOutput::Send(frame) => Some(frame),
        _ => None,
    });
    let mut session = ServerMachine::new(1, 0);
    session.handle_frame(&hello.unwrap(), 0);
    let Some(ServerOutput::Authorise(hello)) = session.poll_output() else { panic!("the hello is small enough") };
    peer.handle_frame(&frame(samples::welcome()), at(1));
    let late = peer_outputs(&mut peer).into_iter().filter(|it| matches!(it, PeerOutput::Send(_))).count();
    assert_eq!(hello.subs.len() + late, 1000);
    assert!(late > 100);
}

#[test]
fn a_subscription_in_a_session_begins_at_its_beginning() {
    let mut session = session_in(SessionState::Live);
    let subscription = sync_protocol::Subscription { hash: Some(0), page: Some(vec![1]), ..samples::subscription(2) };
    session.handle_frame(&frame(Sub { subscription, rest: Rest::default() }), 1);
    let outputs = session_outputs(&mut session);
    let [ServerOutput::Subscribed(_), ServerOutput::WantSnapshot { request, page: None, .. }] = outputs.as_slice()
    else {
        panic!("{outputs:?}")
    };
    session.handle_snapshot(SnapshotPage { request: *request, items: vec![], next: None, at: TxnId(600) });
    assert_eq!(session_words(&mut session), "snapshot, WantChanges");
    session.resync(SubId(2), ResyncReason::Refused, "no".to_owned());
    assert_eq!(session_words(&mut session), "resync");
}

#[test]
fn whoever_had_a_snapshot_is_told_that_it_is_caught_up() {
    let mut session = session_in(SessionState::Live);
    session.handle_frame(&frame(Sub { subscription: samples::subscription(2), rest: Rest::default() }), 1);
    assert_eq!(session_words(&mut session), "Subscribed, WantSnapshot");
    session.handle_snapshot(SnapshotPage { request: 2, items: vec![], next: Some(vec![1]), at: TxnId(600) });
    assert_eq!(session_words(&mut session), "snapshot, WantChanges");
    let through = TxnId(600);
    session.handle_changes(ChangesPage { request: 3, items: vec![], through, caught_up: true });
    assert_eq!(session_words(&mut session), "WantSnapshot");
    session.handle_snapshot(SnapshotPage { request: 4, items: vec![], next: None, at: TxnId(600) });
    assert_eq!(session_words(&mut session), "snapshot, WantChanges");
    session.handle_changes(ChangesPage { request: 5, items: vec![], through, caught_up: true });
    assert_eq!(session_words(&mut session), "changes");
}

#[test]
fn a_part_of_a_transaction_comes_to_who_knows_the_position_before_it() {
    let mut session = session_in(SessionState::Live);
    session.changes_available();
    assert_eq!(session_words(&mut session), "WantChanges");
    session.handle_changes(ChangesPage { request: 2, items: vec![], through: TxnId(650), caught_up: true });
    assert_eq!(session_words(&mut session), "", "nothing that concerns the peer");
    session.changes_available();
    assert_eq!(session_words(&mut session), "WantChanges");
    let part = vec![samples::item(ItemKind::Leave, None)];
    session.handle_changes(ChangesPage { request: 3, items: part, through: TxnId(650), caught_up: false });
    let sent = session_outputs(&mut session).into_iter().filter_map(|output| match output {
        ServerOutput::Send(frame) => Some(message(&frame)),
        _ => None,
    });
    let told = sent.map(|message| match message {
        Message::Changes(changes) => (changes.items.len(), changes.through.0),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [(0, 650), (1, 650)]);
}

#[test]
fn answers_to_what_is_no_longer_asked_are_ignored() {
    let mut session = session_in(SessionState::Live);
    session.changes_available();
    assert_eq!(session_words(&mut session), "WantChanges");
    session.resync_all(TxnId(700), ResyncReason::Trimmed, String::new());
    assert_eq!(session_words(&mut session), "resync, changes, WantChanges");
    let items = vec![samples::item(ItemKind::Leave, None)];
    session.handle_changes(ChangesPage { request: 2, items: items.clone(), through: TxnId(650), caught_up: true });
    assert_eq!(session_words(&mut session), "");
    session.handle_changes(ChangesPage { request: 3, items, through: TxnId(701), caught_up: true });
    assert_eq!(session_words(&mut session), "changes");
    let mut peer = peer_in(PeerState::Live);
    peer.handle_pending(7, vec![samples::push(1)]);
    assert_eq!(peer_words(&mut peer), "");
}

#[test]
fn the_cursor_may_fall_after_a_resync_of_all_and_never_else() {
    let changes = |through| {
        frame(sync_protocol::Changes {
            items: vec![],
            through: TxnId(through),
            caught_up: false,
            rest: Rest::default(),
        })
    };
    let resync = Resync { sub: None, reason: ResyncReason::Incarnation, message: String::new(), rest: Rest::default() };
    let mut peer = peer_in(PeerState::Live);
    peer.handle_frame(&frame(resync), at(1));
    peer.handle_frame(&changes(511), at(1));
    assert_eq!(peer_words(&mut peer), "Resync, ApplyChanges");
    peer.handle_frame(&changes(510), at(1));
    assert_eq!(peer_words(&mut peer), "bye protocol: changes through 510 after 511, Disconnect, -> Backoff");
}

#[test]
fn the_push_window_has_room_again_after_verdicts() {
    let mut session = session_in(SessionState::Live);
    for seq in 1..=PUSH_WINDOW_TRANSACTIONS as u64 * 3 {
        session.handle_frame(&frame(samples::push(seq)), 1);
        assert_eq!(session_words(&mut session), "Apply");
        session.applied(Seq(seq), TxnId(seq));
        assert_eq!(session_words(&mut session), "ack");
    }
}

#[test]
fn a_session_that_nothing_concerned_is_told_where_it_is_with_the_next_ping() {
    let mut session = session_in(SessionState::Live);
    session.changes_available();
    session_outputs(&mut session);
    session.handle_changes(ChangesPage { request: 2, items: vec![], through: TxnId(900), caught_up: true });
    assert_eq!(session_words(&mut session), "");
    session.tick(30_000);
    assert_eq!(session_words(&mut session), "Ping, changes");
    session.tick(60_000);
    assert_eq!(session_words(&mut session), "Ping");
}

#[test]
fn a_peer_connects_again_when_what_it_was_given_is_stored() {
    let mut peer = peer_in(PeerState::Live); // with one delivery that is not stored
    peer.disconnected(at(1));
    assert_eq!(peer.next_tick_ms(), None);
    peer.tick(at(100_000));
    peer.start(at(100_000));
    assert_eq!(peer_words(&mut peer), "-> Backoff, -> Backoff");
    peer.stored(1);
    assert_eq!(peer.next_tick_ms(), Some(100_000));
    peer.tick(at(100_000));
    assert_eq!(peer_words(&mut peer), "-> Connecting, Connect");
}
