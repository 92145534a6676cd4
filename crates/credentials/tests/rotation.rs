//! Replacing the authority: who gets in, whom clients trust, at each step and after a crash between
//! any two.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::{fs, path::Path, sync::Arc};

use credentials::{Bundle, ClientPrincipal, Credentials, CredentialsError, RenewedUsers, verify};
use files::{
    Act,
    faults::{Fault, Plan, inject},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{ClientConfig, ServerConfig};
use support::{DAY_MS, ENDPOINT, Fixture, TOPIC, connect, copy_dir, now_ms};

/// A client with these files and nothing else.
fn client(directory: &Path) -> Arc<ClientConfig> {
    Credentials::client_tls_of_files(directory).unwrap()
}

/// The files as they were, somewhere else.
fn copied(bundle: &Bundle, to: &Path) -> Arc<ClientConfig> {
    copy_dir(&bundle.directory, to);
    client(to)
}

async fn gets_in(server: &Credentials, client: &Arc<ClientConfig>) -> Result<ClientPrincipal, String> {
    let (server, _) = server.kafka_handshake();
    gets_in_by(&server, client).await
}

async fn gets_in_by(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Result<ClientPrincipal, String> {
    let connected = connect(server, client, "localhost").await?;
    Ok(ClientPrincipal::from_der(&connected.peer.unwrap()).unwrap())
}

fn renew(credentials: &Credentials) -> RenewedUsers {
    credentials.renew_users("shop", TOPIC, ENDPOINT, true, now_ms()).unwrap()
}

#[tokio::test]
async fn old_and_new_files_work_until_the_rotation_is_finished() {
    let mut fixture = Fixture::new();
    fixture.server();
    let bundle = fixture.bundle();
    let old = copied(&bundle, &fixture.directory.path().join("old"));
    let (_, anns) = fixture.user("ann", now_ms());
    fixture.credentials.begin_rotation(None, now_ms()).unwrap();
    let renewed = renew(&fixture.credentials);
    assert_eq!((renewed.renewed.len(), renewed.elsewhere.as_slice()), (1, &["ann".to_owned()][..]));
    assert_eq!(renew(&fixture.credentials).renewed, [], "it is of the next authority already");
    let again = fixture.credentials.begin_rotation(None, now_ms()).unwrap_err();
    assert!(matches!(again, CredentialsError::RotationUnderWay), "{again}");
    let new = copied(&bundle, &fixture.directory.path().join("new"));
    for reopened in [false, true] {
        if reopened {
            fixture.reopen();
            fixture.server();
            assert_eq!(fixture.bundle().user_password, bundle.user_password, "passwords stay");
        }
        for client in [&old, &new, &client(&anns.directory)] {
            gets_in(&fixture.credentials, client).await.unwrap();
        }
    }
    assert_eq!(damage_of(&fixture.data_dir()), Vec::<String>::new());
    let (_, ann) = fixture
        .credentials
        .issue_user("shop", "ann", TOPIC, ENDPOINT, &fixture.directory.path().join("anns"), now_ms())
        .unwrap();

    let rotation = fixture.credentials.rotation(now_ms()).unwrap();
    assert!(rotation.former.len() == 2 && rotation.former.iter().all(|former| former.is_needed), "{rotation:?}");
    let error = fixture.credentials.finish_rotation(false, now_ms()).unwrap_err().to_string();
    assert!(error.contains("ann@shop (serial ") && error.contains("not seen since the server's start"), "{error}");
    // Both come with their new certificates; an old connection that is open still keeps it needed.
    let serials = |user: &str| {
        let all = fixture.credentials.users(Some("shop")).into_iter().filter(|it| it.user == user);
        all.map(|it| it.serial).collect::<Vec<_>>()
    };
    let former =
        |user: &str| rotation.former.iter().find(|it| it.certificate.user == user).unwrap().certificate.serial.clone();
    fixture.credentials.connected(&former("ann"), 5);
    for user in ["ann", "consumer"] {
        let newer = serials(user).into_iter().find(|serial| *serial != former(user)).unwrap();
        fixture.credentials.connected(&newer, 9);
    }
    let error = fixture.credentials.finish_rotation(false, now_ms()).unwrap_err().to_string();
    assert!(
        error.contains("ann@shop") && error.contains("1 connection now") && !error.contains("consumer@"),
        "{error}"
    );
    fixture.credentials.disconnected(&former("ann"), 7);

    let during = fixture.server();
    let mut revocations = fixture.credentials.watch_revocations();
    revocations.mark_unchanged();
    let revoked = fixture.credentials.finish_rotation(false, now_ms()).unwrap();
    assert_eq!(revoked.len(), 2);
    // A configuration of before still trusts the former authority, and the register does not.
    fs::copy(bundle.directory.join("ca.pem"), anns.directory.join("ca.pem")).unwrap();
    let error = gets_in_by(&during, &client(&anns.directory)).await.unwrap_err();
    assert!(error.contains("Revoked"), "{error}");
    assert!(revocations.has_changed().unwrap() && fixture.credentials.is_revoked(&former("ann")));
    for reopened in [false, true] {
        if reopened {
            fixture.reopen();
            fixture.server();
            fixture.bundle();
        }
        assert!(fixture.credentials.rotation(now_ms()).is_none());
        for client in [&new, &client(&ann.directory)] {
            gets_in(&fixture.credentials, client).await.unwrap();
        }
        let error = gets_in(&fixture.credentials, &old).await.unwrap_err();
        assert!(error.contains("invalid peer certificate: UnknownIssuer"), "the client refuses the server: {error}");
    }
    assert_eq!(damage_of(&fixture.data_dir()), Vec::<String>::new());
}

#[tokio::test]
async fn the_server_gets_another_certificate_of_the_same_authority() {
    let fixture = Fixture::new();
    let (server, bundle) = (fixture.server(), fixture.bundle());
    let serial = fixture.credentials.server_serial();
    fixture.credentials.rotate_server_certificate(now_ms()).unwrap();
    assert_ne!(fixture.credentials.server_serial(), serial);
    gets_in_by(&server, &client(&bundle.directory)).await.unwrap();
    let mut reopened = fixture;
    let serial = reopened.credentials.server_serial();
    reopened.reopen();
    reopened.server();
    assert_eq!(reopened.credentials.server_serial(), serial, "it is kept, with its names");
}

/// Each of the operations that change what is there comes to be the first after a crash, once.
#[test]
fn a_crash_at_any_step_leaves_a_directory_that_opens() {
    let whole = Fixture::new();
    let ann = whole.data_dir().join("credentials/shop/users/ann");
    whole.server();
    whole.bundle();
    whole.credentials.issue_user("shop", "ann", TOPIC, ENDPOINT, &ann, now_ms()).unwrap();
    let mut steps = 0;
    for at in 1.. {
        let directory = temporary();
        let data_dir = directory.path().canonicalize().unwrap().join("data");
        copy_dir(&whole.data_dir(), &data_dir);
        files::DirectoryFormat::mark(&data_dir).unwrap();
        let open = || Credentials::open(&data_dir, now_ms()).unwrap();
        let credentials = open();
        credentials.kafka_tls(&[], now_ms()).unwrap();
        let injected = inject(&data_dir, Plan::new(Fault::Crash, at).only(&[Act::Rename, Act::Remove]));
        let rotated = credentials
            .begin_rotation(None, now_ms())
            .and_then(|()| credentials.renew_users("shop", TOPIC, ENDPOINT, true, now_ms()).map(drop))
            .and_then(|()| credentials.finish_rotation(true, now_ms()).map(drop));
        let has_come = injected.has_come();
        drop((injected, credentials));
        assert_eq!(damage_of(&data_dir), Vec::<String>::new(), "step {at}");
        let after = open();
        after.kafka_tls(&[], now_ms()).unwrap();
        let bundle = after.ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap();
        assert!(Credentials::client_tls_of_files(&bundle.directory).is_ok(), "step {at}");
        assert_eq!(damage_of(&data_dir), Vec::<String>::new(), "step {at}");
        // Whatever came before, it can be gone on with.
        if after.rotation(now_ms()).is_some() {
            after.renew_users("shop", TOPIC, ENDPOINT, true, now_ms()).unwrap();
            after.finish_rotation(true, now_ms()).unwrap();
            after.ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap();
            assert_eq!(damage_of(&data_dir), Vec::<String>::new(), "step {at}");
        }
        if !has_come {
            rotated.unwrap();
            break;
        }
        steps = at;
    }
    assert!(steps > 25, "{steps} steps");
}

/// In memory if there is such a place: hundreds of files are written and synced.
fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn damage_of(data_dir: &Path) -> Vec<String> {
    verify(data_dir).into_iter().filter(|finding| finding.is_damage).map(|finding| finding.message).collect()
}

#[test]
fn a_flipped_bit_of_the_next_authority_is_reported_and_refused() {
    let directory = temporary();
    let credentials = Credentials::open(directory.path(), now_ms()).unwrap();
    credentials.begin_rotation(None, now_ms()).unwrap();
    drop(credentials);
    let path = directory.path().join("authority/rotation.json");
    let whole = fs::read(&path).unwrap();
    for bit in (0..whole.len() * 8).step_by(97) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        let error = Credentials::open(directory.path(), now_ms()).unwrap_err().to_string();
        assert!(error.contains("rotation.json"), "bit {bit}: {error}");
        assert!(damage_of(directory.path()).iter().any(|it| it.contains("rotation.json")), "bit {bit}");
        assert_eq!(fs::read(&path).unwrap(), flipped, "nothing is changed");
    }
}

struct Company {
    directory: tempfile::TempDir,
    root: CertificateParams,
    root_key: KeyPair,
}

impl Company {
    /// A root, and below it an authority: PEM files, as a company hands them over.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = authority("Company Root", |_| {});
        let issuer = Issuer::from_params(&root, &root_key);
        let below = authority("Company Streams CA", |_| {}).signed_by(&key, &issuer).unwrap();
        let chain = format!("# of the company\n{}\n{}", below.pem(), root.self_signed(&root_key).unwrap().pem());
        fs::write(directory.path().join("ca.pem"), chain).unwrap();
        fs::write(directory.path().join("ca.key"), key.serialize_pem()).unwrap();
        Self { directory, root, root_key }
    }

    /// An authority whose root is not in the file, with the key of the test's.
    fn without_root(&self, key: &KeyPair) -> String {
        let issuer = Issuer::from_params(&self.root, &self.root_key);
        authority("x", |_| {}).signed_by(key, &issuer).unwrap().pem()
    }

    fn write(&self, name: &str, contents: &str) -> std::path::PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }
}

fn authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    change(&mut params);
    params
}

#[tokio::test]
async fn a_companys_own_authority_can_be_the_next_one() {
    let (mut fixture, company) = (Fixture::new(), Company::new());
    fixture.server();
    let bundle = fixture.bundle();
    let old = copied(&bundle, &fixture.directory.path().join("old"));
    let file = |name: &str| company.directory.path().join(name);
    fixture.credentials.begin_rotation(Some((&file("ca.pem"), &file("ca.key"))), now_ms()).unwrap();
    let subject = fixture.credentials.rotation(now_ms()).unwrap().next_subject;
    assert_eq!(subject, "CN=Company Streams CA");
    renew(&fixture.credentials);
    let new = client(&bundle.directory);
    gets_in(&fixture.credentials, &old).await.unwrap();
    gets_in(&fixture.credentials, &new).await.unwrap();
    fixture.credentials.finish_rotation(true, now_ms()).unwrap();
    fixture.reopen();
    fixture.server();
    gets_in(&fixture.credentials, &new).await.unwrap();
    // OpenSSL, and with it librdkafka, trusts what leads to a root: it is in ca.pem.
    let pem = fs::read_to_string(bundle.directory.join("ca.pem")).unwrap();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 3);
    let same = fixture.credentials.begin_rotation(Some((&file("ca.pem"), &file("ca.key"))), now_ms()).unwrap_err();
    assert!(matches!(same, CredentialsError::SameAuthority), "{same}");
}

#[test]
fn what_cannot_be_an_authority_here_is_refused_with_the_reason() {
    let (fixture, company) = (Fixture::new(), Company::new());
    let key = KeyPair::generate().unwrap();
    let signed = |change: fn(&mut CertificateParams)| authority("x", change).self_signed(&key).unwrap().pem();
    let days = |days: i64| time::OffsetDateTime::now_utc() + time::Duration::days(days);
    let ends = |n: i64| {
        let mut params = authority("x", |_| {});
        params.not_after = days(n);
        params.self_signed(&key).unwrap().pem()
    };
    let begins = {
        let mut params = authority("x", |_| {});
        params.not_before = days(2);
        params.self_signed(&key).unwrap().pem()
    };
    let (good, own) = (signed(|_| {}), key.serialize_pem());
    let other = KeyPair::generate().unwrap().serialize_pem();
    let leaf = signed(|params| params.is_ca = IsCa::NoCa);
    let cannot_sign = signed(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let for_servers = signed(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let unrelated =
        format!("{good}{}", authority("y", |_| {}).self_signed(&KeyPair::generate().unwrap()).unwrap().pem());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned();
    let older = "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n".to_owned();
    let strange = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned();
    for (certificate, key, why) in [
        (&leaf, &own, "it is not the certificate of a CA"),
        (&cannot_sign, &own, "its key usage does not let it sign certificates"),
        (&for_servers, &own, "its extended key usage does not cover both"),
        (&good, &other, "it is not the key of given.pem"),
        (&ends(-1), &own, "it has expired: it was valid until"),
        (&ends(29), &own, "it ends within 30 days"),
        (&begins, &own, "it is not valid yet"),
        (&unrelated, &own, "its certificate 1 is not signed by the one that follows"),
        (&company.without_root(&key), &own, "do not go up to a root: that of CN=Company Root has to follow"),
        (&own, &own, "there is no certificate in PEM in it"),
        (&good, &good, "there is no private key in PEM in it"),
        (&good, &encrypted, "its private key is encrypted"),
        (&good, &older, "its private key is not PKCS#8"),
        (&good, &strange, "ECDSA P-256 and P-384, Ed25519, and RSA of 2048 bits or more are taken"),
    ] {
        let (certificate, key) = (company.write("given.pem", certificate), company.write("given.key", key));
        let error = fixture.credentials.begin_rotation(Some((&certificate, &key)), now_ms()).unwrap_err();
        assert!(matches!(error, CredentialsError::AuthorityUnusable { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}\nshould say\n{why}");
    }
    let missing = company.directory.path().join("missing.pem");
    let error = fixture.credentials.begin_rotation(Some((&missing, &missing)), now_ms()).unwrap_err().to_string();
    assert!(error.contains("cannot read ") && error.contains("missing.pem"), "{error}");
    assert!(fixture.credentials.rotation(now_ms()).is_none());
    let (certificate, key) = (company.write("given.pem", &good), company.write("given.key", &own));
    fixture.credentials.begin_rotation(Some((&certificate, &key)), now_ms() + DAY_MS).unwrap();
}
