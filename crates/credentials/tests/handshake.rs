//! Who gets through the Kafka endpoint's handshake, and who does not.

mod support;

use std::sync::Arc;

use credentials::ClientPrincipal;
use rustls::{ALL_VERSIONS, ClientConfig, HandshakeKind, SupportedProtocolVersion, version};
use support::{DAY_MS, ENDPOINT, Fixture, TOPIC, client, connect, now_ms};

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&version::TLS12], &[&version::TLS13]];

#[tokio::test]
async fn a_users_certificate_is_accepted_and_says_who_it_is() {
    let fixture = Fixture::new();
    let (issued, bundle) = fixture.user("ann", now_ms());
    for versions in VERSIONS {
        let connected =
            connect(&fixture.server(), &client(&bundle, Some(&bundle), versions), "localhost").await.unwrap();
        let principal = ClientPrincipal::from_der(&connected.peer.unwrap()).unwrap();
        assert_eq!(
            principal,
            ClientPrincipal { app: "shop".into(), user: "ann".into(), serial: issued.serial.clone() }
        );
        assert_eq!(connected.alpn, None);
    }
}

#[tokio::test]
async fn the_apps_own_certificate_serves_the_command_line() {
    let mut fixture = Fixture::new();
    fixture.bundle();
    fixture.reopen();
    let client = fixture.credentials.client_tls("shop").unwrap();
    let connected = connect(&fixture.server(), &client, "localhost").await.unwrap();
    assert_eq!(ClientPrincipal::from_der(&connected.peer.unwrap()).unwrap().user, "consumer");
}

#[tokio::test]
async fn no_certificate() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    for versions in VERSIONS {
        let error = connect(&fixture.server(), &client(&bundle, None, versions), "localhost").await.unwrap_err();
        assert!(error.contains("sent no certificates"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let (bundle, foreign) = (fixture.bundle(), other.bundle());
    for versions in VERSIONS {
        // A client that obeys the server's hint does not even send it; this one must.
        let client = insistent(&client(&bundle, Some(&foreign), versions));
        let error = connect(&fixture.server(), &client, "localhost").await.unwrap_err();
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
}

#[tokio::test]
async fn an_expired_certificate() {
    let fixture = Fixture::new();
    let (_, bundle) = fixture.user("ann", now_ms() - 731 * DAY_MS);
    for versions in VERSIONS {
        let error =
            connect(&fixture.server(), &client(&bundle, Some(&bundle), versions), "localhost").await.unwrap_err();
        assert!(error.contains("certificate expired"), "{error}");
    }
}

#[tokio::test]
async fn whoever_is_refused_is_known_by_what_was_shown() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let (bundle, foreign) = (fixture.bundle(), other.bundle());
    let (ann, anns) = fixture.user("ann", now_ms() - 731 * DAY_MS);
    let (ben, bens) = fixture.user("ben", now_ms());
    fixture.server();
    fixture.credentials.revoke_user("shop", "ben", now_ms()).unwrap();
    let show = async |shows: Option<&credentials::Bundle>| {
        let (server, presented) = fixture.credentials.kafka_handshake();
        let client = client(&bundle, shows, ALL_VERSIONS);
        connect(&server, &if shows.is_some() { insistent(&client) } else { client }, "localhost").await.unwrap_err();
        presented.certificate().cloned()
    };
    for (issued, shows) in [(&ann, &anns), (&ben, &bens)] {
        let shown = show(Some(shows)).await.unwrap();
        let known = ClientPrincipal { app: "shop".into(), user: issued.user.clone(), serial: issued.serial.clone() };
        assert_eq!((shown.known, shown.ends_ms), (Some(known), issued.expires_ms / 1000 * 1000));
    }
    let stranger = show(Some(&foreign)).await.unwrap();
    assert_eq!((stranger.known, stranger.subject.as_str()), (None, "O=shop, CN=consumer"));
    assert!(stranger.issuer.contains("CN=Headwater CA "), "{}", stranger.issuer);
    assert_eq!(stranger.serial, other.credentials.users(None)[0].serial);
    assert_eq!(show(None).await, None);
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet() {
    let fixture = Fixture::new();
    let (_, bundle) = fixture.user("ann", now_ms() + 2 * DAY_MS);
    let error =
        connect(&fixture.server(), &client(&bundle, Some(&bundle), ALL_VERSIONS), "localhost").await.unwrap_err();
    assert!(error.contains("not valid yet"), "{error}");
}

#[tokio::test]
async fn a_certificate_revoked_while_the_server_runs() {
    let fixture = Fixture::new();
    let (server, bundle) = (fixture.server(), fixture.bundle());
    let (issued, ann) = fixture.user("ann", now_ms());
    let mut revocations = fixture.credentials.watch_revocations();
    connect(&server, &client(&bundle, Some(&ann), ALL_VERSIONS), "localhost").await.unwrap();
    assert!(!fixture.credentials.is_revoked(&issued.serial));

    fixture.credentials.revoke_user("shop", "ann", now_ms()).unwrap();
    assert!(revocations.has_changed().unwrap());
    revocations.mark_unchanged();
    assert!(fixture.credentials.is_revoked(&issued.serial));
    for versions in VERSIONS {
        let error = connect(&server, &client(&bundle, Some(&ann), versions), "localhost").await.unwrap_err();
        assert!(error.contains("Revoked"), "{error}");
    }
    connect(&server, &client(&bundle, Some(&bundle), ALL_VERSIONS), "localhost").await.expect("others are not touched");
}

#[tokio::test]
async fn a_revoked_certificate_stays_out_after_a_restart() {
    let mut fixture = Fixture::new();
    let bundle = fixture.bundle();
    fixture.credentials.revoke_user("shop", "consumer", now_ms()).unwrap();
    fixture.reopen();
    assert_eq!(fixture.bundle().user_password, bundle.user_password, "no new certificate comes by itself");
    let error =
        connect(&fixture.server(), &client(&bundle, Some(&bundle), ALL_VERSIONS), "localhost").await.unwrap_err();
    assert!(error.contains("Revoked"), "{error}");
}

/// The client remembers its sessions and offers to resume them; a resumed one would not pass the
/// verifier.
#[tokio::test]
async fn resumption_lets_no_revoked_certificate_in() {
    for versions in VERSIONS {
        let fixture = Fixture::new();
        let (server, bundle) = (fixture.server(), fixture.bundle());
        let client = client(&bundle, Some(&bundle), versions);
        for _ in 0..3 {
            assert_eq!(connect(&server, &client, "localhost").await.unwrap().kind, HandshakeKind::Full);
        }
        fixture.credentials.revoke_user("shop", "consumer", now_ms()).unwrap();
        let error = connect(&server, &client, "localhost").await.unwrap_err();
        assert!(error.contains("Revoked"), "{error}");
    }
}

/// That the test above would notice: HTTPS, whose clients have no certificates, does resume.
#[tokio::test]
async fn https_resumes_and_speaks_http_1_1() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    let server = fixture.credentials.https_tls(&[], None, now_ms()).unwrap();
    for versions in VERSIONS {
        let mut client = ClientConfig::clone(&client(&bundle, None, versions));
        client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = Arc::new(client);
        let first = connect(&server, &client, "localhost").await.unwrap();
        assert_eq!((first.kind, first.alpn.as_deref()), (HandshakeKind::Full, Some(&b"http/1.1"[..])));
        assert_eq!(connect(&server, &client, "localhost").await.unwrap().kind, HandshakeKind::Resumed);
    }
}

#[tokio::test]
async fn on_the_kafka_endpoints_port_https_speaks_http_2_too() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    fixture.credentials.kafka_tls(&[], now_ms()).unwrap();
    let server = fixture.credentials.kafka_port_https_tls();
    for (offered, agreed) in [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)] {
        let mut client = ClientConfig::clone(&client(&bundle, None, VERSIONS[0]));
        client.alpn_protocols = offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let connected = connect(&server, &Arc::new(client), "localhost").await.unwrap();
        assert_eq!(connected.alpn.as_deref(), agreed.map(str::as_bytes), "{offered:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_our_ca_that_is_not_in_the_register() {
    let fixture = Fixture::new();
    let (_, ann) = fixture.user("ann", now_ms());
    // A data directory restored from before ann was issued: the same CA, and a register that does
    // not know her.
    let older = tempfile::tempdir().unwrap();
    std::fs::create_dir(older.path().join("authority")).unwrap();
    for file in ["ca.pem", "ca.key"] {
        std::fs::copy(fixture.data_dir().join("authority").join(file), older.path().join("authority").join(file))
            .unwrap();
    }
    std::fs::write(older.path().join("authority/users.json"), r#"{"version":1,"entries":[]}"#).unwrap();
    let restored = credentials::Credentials::open(older.path(), now_ms()).unwrap();
    let server = restored.kafka_tls(&[], now_ms()).unwrap();
    let error = connect(&server, &client(&ann, Some(&ann), ALL_VERSIONS), "localhost").await.unwrap_err();
    assert!(error.contains("is not in the register of issued certificates"), "{error}");
}

#[tokio::test]
async fn a_server_certificate_is_no_way_in() {
    let fixture = Fixture::new();
    let (server, bundle) = (fixture.server(), fixture.bundle());
    let path = fixture.data_dir().join("authority/server.pem");
    std::fs::copy(&path, bundle.directory.join("user.pem")).unwrap();
    std::fs::copy(&path, bundle.directory.join("user.key")).unwrap();
    let error = connect(&server, &client(&bundle, Some(&bundle), ALL_VERSIONS), "localhost").await.unwrap_err();
    assert!(error.contains("certificate does not allow extended key usage"), "{error}");
}

#[tokio::test]
async fn clients_check_the_servers_name() {
    let fixture = Fixture::new();
    let (server, bundle) = (fixture.server(), fixture.bundle());
    let client = client(&bundle, Some(&bundle), ALL_VERSIONS);
    for name in ["localhost", "127.0.0.1", "::1", "db.example.com"] {
        connect(&server, &client, name).await.unwrap();
    }
    for name in ["example.com", "127.0.0.2", "other.db.example.com"] {
        let error = connect(&server, &client, name).await.unwrap_err();
        assert!(error.contains("certificate not valid for name"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_new_name_reaches_configurations_that_are_in_use() {
    let fixture = Fixture::new();
    let (kafka, bundle) = (fixture.server(), fixture.bundle());
    let client = client(&bundle, Some(&bundle), ALL_VERSIONS);
    connect(&kafka, &client, "web.example.com").await.unwrap_err();
    fixture.credentials.https_tls(&["web.example.com".to_owned()], None, now_ms()).unwrap();
    connect(&kafka, &client, "web.example.com").await.unwrap();
    connect(&kafka, &client, "db.example.com").await.unwrap();
    assert!(!fixture.credentials.renew_server_certificate(now_ms()).unwrap());
    assert!(fixture.credentials.renew_server_certificate(now_ms() + 796 * DAY_MS).unwrap());
}

#[tokio::test]
async fn https_with_files_of_the_operators() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let bundle = other.bundle();
    other.server();
    let pem = other.data_dir().join("authority/server.pem");
    let https = |chain, key| fixture.credentials.https_tls(&[], Some((chain, key)), now_ms());
    connect(&https(&pem, &pem).unwrap(), &client(&bundle, None, ALL_VERSIONS), "localhost").await.unwrap();

    let foreign = bundle.directory.join("user.key");
    let message = |chain, key| https(chain, key).unwrap_err().to_string();
    assert!(message(&pem, &foreign).contains("user.key cannot be used: it is not the key of "));
    assert!(message(&foreign, &foreign).contains("user.key cannot be used: there is no certificate in PEM in it"));
    let missing = fixture.directory.path().join("missing.pem");
    assert!(message(&missing, &pem).starts_with("cannot read ") && message(&pem, &missing).contains("missing.pem"));
}

#[tokio::test]
async fn a_user_may_be_named_again_once_revoked() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    let (first, old) = fixture.user("ann", now_ms());
    let again = fixture.directory.path().join("again");
    let issue = || fixture.credentials.issue_user("shop", "ann", TOPIC, ENDPOINT, &again, now_ms());
    assert_eq!(issue().unwrap_err().to_string(), "there is a user named \"ann\" already");
    assert_eq!(fixture.credentials.revoke_certificate(&first.serial, now_ms()).unwrap().len(), 1);
    let (second, new) = issue().unwrap();
    assert_ne!(first.serial, second.serial);
    connect(&fixture.server(), &client(&bundle, Some(&old), ALL_VERSIONS), "localhost").await.unwrap_err();
    connect(&fixture.server(), &client(&bundle, Some(&new), ALL_VERSIONS), "localhost").await.unwrap();

    let all = fixture.credentials.users(Some("shop"));
    assert_eq!(all.iter().map(|user| user.user.as_str()).collect::<Vec<_>>(), ["ann", "ann", "consumer"]);
    assert_eq!(all.iter().filter(|user| user.revoked_ms.is_some()).count(), 1);
    assert_eq!(fixture.credentials.users(Some("other")), []);
}

/// The same client, but it shows its certificate to whoever asks.
fn insistent(config: &ClientConfig) -> Arc<ClientConfig> {
    #[derive(Debug)]
    struct Insistent(Arc<dyn rustls::client::ResolvesClientCert>);

    impl rustls::client::ResolvesClientCert for Insistent {
        fn resolve(&self, _: &[&[u8]], schemes: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
            self.0.resolve(&[], schemes)
        }

        fn has_certs(&self) -> bool {
            true
        }
    }

    let mut config = config.clone();
    config.client_auth_cert_resolver = Arc::new(Insistent(config.client_auth_cert_resolver.clone()));
    Arc::new(config)
}
