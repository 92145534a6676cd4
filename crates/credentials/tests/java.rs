//! Java's own TLS, with the two PKCS12 files of a bundle, as Kafka's clients use them: host name checked, store type
//! `JKS` (what Kafka assumes where the page's script says nothing) or `PKCS12` (what `client.properties` says), TLS
//! 1.2 and 1.3.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use credentials::Bundle;
use rustls::ServerConfig;
use support::{Fixture, now_ms};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::Command,
};
use tokio_rustls::TlsAcceptor;

/// More than a cold JVM takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn java_connects_until_the_certificate_is_revoked() {
    let classes = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/Handshake.java");
    let Ok(compiled) = Command::new("javac").arg("-d").arg(classes.path()).arg(source).status().await else {
        eprintln!("skipped: there is no JDK on the PATH");
        return;
    };
    assert!(compiled.success());
    let fixture = Fixture::new();
    let (server, bundle) = (fixture.server(), fixture.bundle());
    assert_eq!(
        handshake(classes.path(), &server, &bundle, "JKS", "TLSv1.3").await,
        Ok("TLSv1.3 TLS_AES_128_GCM_SHA256 s\n".to_owned())
    );
    let older = handshake(classes.path(), &server, &bundle, "PKCS12", "TLSv1.2").await;
    assert_eq!(older, Ok("TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 s\n".to_owned()));

    fixture.credentials.revoke_user("shop", "consumer", now_ms()).unwrap();
    let error = handshake(classes.path(), &server, &bundle, "PKCS12", "TLSv1.2").await.unwrap_err();
    assert!(error.contains("certificate_revoked"), "{error}");
}

/// What Java printed, or complained of.
async fn handshake(
    classes: &Path,
    server: &Arc<ServerConfig>,
    bundle: &Bundle,
    store: &str,
    protocol: &str,
) -> Result<String, String> {
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let mut java = Command::new("java")
        .arg("-cp")
        .arg(classes)
        .arg("Handshake")
        .args([store, protocol, &listener.local_addr().unwrap().port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let file = |name| bundle.directory.join(name).display().to_string();
    let stores = [file("cluster.p12"), bundle.cluster_password.clone(), file("user.p12"), bundle.user_password.clone()];
    java.stdin.take().unwrap().write_all((stores.join("\n") + "\n").as_bytes()).await.unwrap();

    let serve = async {
        let (socket, _) = listener.accept().await?;
        let mut stream = match TlsAcceptor::from(server.clone()).accept(socket).into_fallible().await {
            Ok(stream) => stream,
            Err((error, mut socket)) => {
                // Closing with bytes unread would reset the connection, and Java would see that instead of the alert.
                socket.read_to_end(&mut Vec::new()).await?;
                return Err(error);
            }
        };
        stream.read_u8().await?;
        stream.write_all(b"s").await?;
        stream.shutdown().await
    };
    let both = async {
        tokio::select! {
            // Java that dies before it connects must not leave the test waiting.
            output = java.wait_with_output() => output.unwrap(),
            never = async { let _ = serve.await; std::future::pending().await } => never,
        }
    };
    let output = tokio::time::timeout(PATIENCE, both).await.expect("java ends");
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
