//! Whatever a peer sends ends its own session at the worst.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sync_endpoint::limits::UNKNOWN_PER_ADDRESS_MAX;
use sync_protocol::websocket::Outgoing;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    peer::{Peer, subscription},
    world::{World, wait_for},
};

/// Reads until the server closes.
async fn read_to_end(stream: &mut tokio::io::DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("the server closes").unwrap();
    all
}

#[tokio::test]
async fn garbage_is_answered_with_an_end() {
    let world = World::new();
    let mut random = StdRng::seed_from_u64(1);
    for n in 0..200 {
        let mut stream = world.connect().unwrap();
        let mut bytes = vec![0; random.random_range(1..200)];
        random.fill(&mut bytes[..]);
        if n % 2 == 0 {
            // A good frame with bad bytes in it.
            let mut frame = Vec::new();
            sync_protocol::websocket::encode(&mut frame, Outgoing::Binary(&bytes), Some([1, 2, 3, 4]));
            bytes = frame;
        }
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        read_to_end(&mut stream).await;
    }
    wait_for("all are gone", || world.metrics().contains("headwater_sync_sessions 0")).await;
}

#[tokio::test]
async fn a_first_message_that_is_too_large_is_not_read() {
    let world = World::new();
    let mut stream = world.connect().unwrap();
    let head = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]; // 65,537 bytes are announced
    stream.write_all(&head).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(answer[0], 0x88, "a close, and nothing else: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go() {
    let world = World::new();
    let mut stream = world.connect().unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(String::from_utf8_lossy(&answer).contains("no hello came"), "{answer:?}");
}

#[tokio::test]
async fn one_address_gets_only_so_many_connections_that_nobody_knows() {
    let world = World::new();
    let mut all: Vec<_> = (0..UNKNOWN_PER_ADDRESS_MAX).map(|_| world.connect().unwrap()).collect();
    assert!(world.connect().is_none());
    all.pop();
    wait_for("there is room again", || world.connect().is_some()).await;
    drop(all);
    wait_for("there is room", || world.connect().is_some()).await;
    let mut peers: Vec<_> =
        (0..UNKNOWN_PER_ADDRESS_MAX + 10).map(|n| Peer::new(100 + n as u64, None, Vec::new())).collect();
    for peer in &mut peers {
        wait_for("there is room", || world.connect().is_some()).await;
        peer.connect(&world);
        peer.until_live().await;
    }
}

#[tokio::test]
async fn garbage_in_a_session_ends_it_alone() {
    let world = World::new();
    let subs = || vec![subscription(1, "people", "true")];
    let (mut good, mut bad) = (Peer::new(42, None, subs()), Peer::new(43, None, subs()));
    for peer in [&mut good, &mut bad] {
        peer.connect(&world);
        peer.until_live().await;
    }
    bad.send_raw(Outgoing::Binary(&[0, 0x81, 5])).await;
    bad.until("it is over", |peer| !peer.machine.state().is_connected()).await;
    world.upsert("people", "a", "{}").await;
    good.until("it goes on", |peer| peer.shows().len() == 1).await;
}
