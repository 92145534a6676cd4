//! Frames that were cut, changed or made up: an error or a message, never a panic; and neither
//! machine panics at what is read.

use document::SiteId;
use sync_protocol::limits::FRAME_BYTES_MAX;
use sync_protocol::{
    Authorised, Codec, Identity, Message, Moment, PeerMachine, Seq, ServerMachine, decode_frame, encode_frame,
};

use crate::{random::Random, samples};

#[test]
fn every_truncation_is_an_error() {
    for message in samples::all() {
        let frame = encode_frame(&message, Codec::Plain).0;
        for end in 0..frame.len() {
            assert!(decode_frame(&frame[..end], FRAME_BYTES_MAX).is_err(), "{} of {end} bytes", message.name());
        }
    }
}

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut frame = encode_frame(&random.message(), Codec::Plain).0;
    for _ in 0..=random.below(4) {
        let at = random.below(frame.len() as u64) as usize;
        match random.below(4) {
            0 => frame[at] = random.next().to_le_bytes()[0],
            1 => frame[at] ^= 1 << random.below(8),
            2 => frame.insert(at, random.next().to_le_bytes()[0]),
            _ if frame.len() > 1 => drop(frame.remove(at)),
            _ => {}
        }
    }
    frame
}

fn welcomed_peer() -> PeerMachine {
    let mut peer = PeerMachine::new(Identity {
        site: SiteId(7),
        instance: [1; 16],
        sdk: String::new(),
        token: None,
        cursor: None,
        subs: vec![samples::subscription(1)],
    });
    peer.start(Moment::default());
    peer.connected(Moment::default(), 0, Seq(u64::MAX), Seq(0));
    peer.handle_frame(&encode_frame(&samples::welcome().into(), Codec::Plain).0, Moment::default());
    peer
}

fn welcomed_session() -> ServerMachine {
    let mut session = ServerMachine::new(1, 0);
    session.handle_frame(&encode_frame(&samples::hello().into(), Codec::Plain).0, 0);
    session.authorised(Authorised::default(), 0);
    session
}

#[test]
fn neither_machine_panics_at_any_frame() {
    let mut random = Random(1);
    let (mut peer, mut session) = (welcomed_peer(), welcomed_session());
    for now_ms in 0..100_000 {
        let frame = mutated(&mut random);
        drop(decode_frame(&frame, FRAME_BYTES_MAX));
        let at = Moment { now_ms, jitter: random.next() };
        peer.handle_frame(&frame, at);
        session.handle_frame(&frame, now_ms);
        while peer.poll_output().is_some() {}
        while session.poll_output().is_some() {}
        if !peer.state().is_connected() {
            peer = welcomed_peer();
        }
        if session.state() == sync_protocol::SessionState::Closed {
            session = welcomed_session();
        }
    }
}

#[test]
fn the_first_frame_is_small() {
    let mut session = ServerMachine::new(1, 0);
    let mut hello = samples::hello();
    hello.sdk = "x".repeat(65_500);
    session.handle_frame(&encode_frame(&Message::Hello(hello), Codec::Plain).0, 0);
    let Some(sync_protocol::ServerOutput::Send(bye)) = session.poll_output() else { panic!("a bye") };
    let Message::Bye(bye) = decode_frame(&bye, FRAME_BYTES_MAX).unwrap().message else { panic!("a bye") };
    assert_eq!(bye.message, "a frame of more than 65536 bytes");
}
