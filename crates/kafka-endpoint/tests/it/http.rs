//! Clients that want HTTP, on the endpoint's port: they are told by their ALPN, and handed over.

use std::{path::Path, sync::Arc};

use crate::support::{Server, Wire, client_config, within};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A client that offers these protocols, with the app's certificate or none.
fn client(server: &Server, protocols: &[&str], shows: bool) -> Arc<ClientConfig> {
    let bundle = bundle(server);
    let mut config = ClientConfig::clone(&client_config(&bundle, shows.then_some(&bundle)));
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn bundle(server: &Server) -> std::path::PathBuf {
    Path::join(server.directory.path(), "credentials/shop")
}

async fn is_kafka(wire: &mut Wire) {
    let answer = wire.call(ApiVersionsRequest::default(), 0).await;
    assert_eq!(answer.error_code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_offers_http_is_handed_over() {
    let (server, mut handed_over) = Server::start_beside_http(1).await;
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], "h2"),
        (&["http/1.1", "h2"], "h2"),
        (&["http/1.1"], "http/1.1"),
        (&["h2"], "h2"),
        (&["kafka", "http/1.1"], "http/1.1"),
    ] {
        for shows in [false, true] {
            let mut wire = Wire::connect(server.address, client(&server, offered, shows)).await.unwrap();
            wire.send_bytes(b"hello").await;
            let mut taken = within(handed_over.recv()).await.unwrap();
            assert_eq!(taken.get_ref().1.alpn_protocol(), Some(agreed.as_bytes()), "{offered:?}");
            assert!(taken.get_ref().1.peer_certificates().is_none(), "none was asked for");
            let mut read = [0; 5];
            within(taken.read_exact(&mut read)).await.unwrap();
            assert_eq!(&read, b"hello");
            taken.write_all(b"taken").await.unwrap();
            taken.flush().await.unwrap();
            within(wire.stream.read_exact(&mut read)).await.unwrap();
            assert_eq!(&read, b"taken");
        }
    }
    is_kafka(&mut server.connect("shop").await).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_else_is_kafkas_and_shows_a_certificate() {
    let (server, mut handed_over) = Server::start_beside_http(1).await;
    for (refused, offered) in [&[][..], &["kafka"], &["http/1.0", "h2c", "acme-tls/1"]].into_iter().enumerate() {
        let mut wire = Wire::connect(server.address, client(&server, offered, true)).await.unwrap();
        is_kafka(&mut wire).await;
        assert_eq!(wire.stream.get_ref().1.alpn_protocol(), None);
        if let Ok(mut stranger) = Wire::connect(server.address, client(&server, offered, false)).await {
            stranger.ended().await;
        }
        server.refused("handshake", (refused + 1) as f64).await;
    }
    assert!(handed_over.try_recv().is_err());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_takes_http_the_port_is_kafkas_alone() {
    let server = Server::start().await;
    let mut wire = Wire::connect(server.address, client(&server, &["h2", "http/1.1"], true)).await.unwrap();
    assert!(!wire.call(MetadataRequest::default(), 1).await.brokers.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_http_waits_no_longer_than_for_a_handshake() {
    let (server, mut handed_over) = Server::start_beside_http(1).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(Wire::connect(server.address, client(&server, &["http/1.1"], false)).await.unwrap());
    }
    is_kafka(&mut server.connect("shop").await).await;
    server.refused("handshake_timeout", 3.0).await;
    within(handed_over.recv()).await.unwrap();
    let _further = Wire::connect(server.address, client(&server, &["http/1.1"], false)).await.unwrap();
    within(handed_over.recv()).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_nobody_who_was_handed_over() {
    let (server, mut handed_over) = Server::start_beside_http(1).await;
    let _wire = Wire::connect(server.address, client(&server, &["h2"], false)).await.unwrap();
    let _taken = within(handed_over.recv()).await.unwrap();
    server.stop().await;
}
