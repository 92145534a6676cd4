//! What the tests of this crate share: a data directory, and TLS handshakes in memory.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test binary uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use credentials::{Bundle, Credentials, UserCertificate};
use rustls::{
    ClientConfig, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub const TOPIC: &str = "user-consumable-shop";
pub const ENDPOINT: &str = "localhost:9093";
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The machine's clock: rustls checks certificates against it.
pub fn now_ms() -> u64 {
    UnixTime::now().as_secs() * 1_000
}

/// Copies a folder with all that is in it.
pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub struct Fixture {
    pub directory: tempfile::TempDir,
    pub credentials: Arc<Credentials>,
}

impl Fixture {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::open(&directory.path().join("data"), now_ms()).unwrap();
        Self { directory, credentials }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn reopen(&mut self) {
        self.credentials = Credentials::open(&self.data_dir(), now_ms()).unwrap();
    }

    pub fn bundle(&self) -> Bundle {
        self.credentials.ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap()
    }

    pub fn user(&self, user: &str, now_ms: u64) -> (UserCertificate, Bundle) {
        let directory = self.directory.path().join("users").join(user);
        self.credentials.issue_user("shop", user, TOPIC, ENDPOINT, &directory, now_ms).unwrap()
    }

    pub fn server(&self) -> Arc<ServerConfig> {
        self.credentials.kafka_tls(&["db.example.com".to_owned()], now_ms()).unwrap()
    }
}

/// A client that trusts `bundle`'s CA; with its certificate, or with that of another.
pub fn client(
    trusts: &Bundle,
    shows: Option<&Bundle>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusts.directory.join("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match shows {
        None => config.with_no_client_auth(),
        Some(bundle) => {
            let (chain, key) = identity(&bundle.directory);
            config.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

pub fn identity(directory: &Path) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_file_iter(directory.join("user.pem")).unwrap().collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_file(directory.join("user.key")).unwrap())
}

/// What a finished handshake was.
#[derive(Debug)]
pub struct Connected {
    pub kind: HandshakeKind,
    pub alpn: Option<Vec<u8>>,
    pub peer: Option<Vec<u8>>,
}

/// One connection in memory: handshake, one byte each way, close. The error is the server's own, or
/// the client's where the server has none.
pub async fn connect(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, name: &str) -> Result<Connected, String> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let server_side = async {
        let mut stream = TlsAcceptor::from(server.clone()).accept(far).await?;
        let connection = stream.get_ref().1;
        let connected = Connected {
            kind: connection.handshake_kind().unwrap(),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            peer: connection.peer_certificates().map(|chain| chain[0].to_vec()),
        };
        stream.write_all(b"s").await?;
        stream.read_u8().await?;
        stream.shutdown().await?;
        Ok::<_, std::io::Error>(connected)
    };
    let client_side = async {
        let mut stream = TlsConnector::from(client.clone()).connect(name, near).await?;
        stream.write_all(b"c").await?;
        stream.read_u8().await?;
        // Until the server closes: tickets, if any, have arrived by then.
        stream.read_to_end(&mut Vec::new()).await?;
        Ok::<_, std::io::Error>(())
    };
    match tokio::join!(server_side, client_side) {
        (Ok(connected), Ok(())) => Ok(connected),
        (Err(error), Err(client)) if error.to_string().contains("received fatal alert") => Err(client.to_string()),
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    }
}
