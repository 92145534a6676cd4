//! The files of an app: what they are, that they stay, and that Java and OpenSSL read them.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use credentials::{Bundle, Credentials, CredentialsError};
use support::{DAY_MS, ENDPOINT, Fixture, TOPIC, now_ms};

const FILES: [(&str, u32); 9] = [
    ("ca.pem", 0o600),
    ("client.properties", 0o600),
    ("cluster.p12", 0o600),
    ("consume.sh", 0o700),
    ("librdkafka.properties", 0o600),
    ("live-query-settings.json", 0o600),
    ("user.key", 0o600),
    ("user.p12", 0o600),
    ("user.pem", 0o600),
];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn every_file_is_there_for_its_owner_alone() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    assert_eq!(bundle.directory, fixture.data_dir().canonicalize().unwrap().join("credentials/shop"));
    let modes: Vec<_> =
        contents(&bundle.directory).into_keys().map(|name| (mode(&bundle.directory.join(&name)), name)).collect();
    assert_eq!(modes, FILES.map(|(name, mode)| (mode, name.to_owned())));
    assert_eq!(mode(&bundle.directory), 0o700);
    for directory in ["authority", "credentials"] {
        assert_eq!(mode(&fixture.data_dir().join(directory)), 0o700);
    }
    fixture.server();
    for file in [
        "admin.key",
        "admin.key.sha256",
        "access.json",
        "keys.json",
        "authority/ca.key",
        "authority/ca.pem",
        "authority/users.json",
        "authority/server.pem",
    ] {
        assert_eq!(mode(&fixture.data_dir().join(file)), 0o600, "{file}");
    }
    assert_eq!(fs::read_dir(fixture.data_dir().join("credentials")).unwrap().count(), 1);
}

#[test]
fn the_settings_have_the_contracts_fields_in_its_order() {
    let fixture = Fixture::new();
    let Bundle { directory, cluster_password, user_password, .. } = fixture.bundle();
    let text = fs::read_to_string(directory.join("live-query-settings.json")).unwrap();
    let one_line: String = text.lines().map(str::trim_start).collect::<String>().replace("\": ", "\":");
    let path = |name| directory.join(name).display().to_string();
    let (cluster, user) = (path("cluster.p12"), path("user.p12"));
    assert_eq!(
        one_line,
        format!(
            concat!(
                r#"{{"endpoint":"{}","group":"{}","topic":"{}","#,
                r#""clusterCertificate":{{"path":"{}","password":"{}"}},"#,
                r#""userCertificate":{{"path":"{}","password":"{}"}}}}"#
            ),
            ENDPOINT, TOPIC, TOPIC, cluster, cluster_password, user, user_password
        )
    );
    for password in [&cluster_password, &user_password] {
        assert!(password.len() >= 24 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{password}");
    }
    assert_ne!(cluster_password, user_password);
}

#[test]
fn a_restart_changes_nothing() {
    let mut fixture = Fixture::new();
    let bundle = fixture.bundle();
    let (files, authority) = (contents(&bundle.directory), contents(&fixture.data_dir().join("authority")));
    let admin_key = fixture.credentials.admin_key().to_owned();
    fixture.reopen();
    let again = fixture.bundle();
    assert_eq!(contents(&bundle.directory), files);
    assert_eq!(contents(&fixture.data_dir().join("authority")), authority);
    assert_eq!(fixture.credentials.admin_key(), admin_key);
    assert_eq!((again.cluster_password, again.user_password), (bundle.cluster_password, bundle.user_password));
    assert_eq!(fixture.credentials.users(None).len(), 1);
}

#[test]
fn another_endpoint_rewrites_only_what_names_it() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    let before = contents(&bundle.directory);
    let moved = fixture.credentials.ensure_bundle("shop", TOPIC, "db.example.com:9094", now_ms()).unwrap();
    let after = contents(&bundle.directory);
    let changed: Vec<_> =
        after.iter().filter(|(name, bytes)| before[*name] != **bytes).map(|(name, _)| name.as_str()).collect();
    assert_eq!(changed, ["client.properties", "consume.sh", "librdkafka.properties", "live-query-settings.json"]);
    for name in changed {
        let text = fs::read_to_string(bundle.directory.join(name)).unwrap();
        assert!(text.contains("db.example.com:9094") && !text.contains(ENDPOINT), "{name}");
    }
    assert_eq!((moved.endpoint.as_str(), &moved.user_password), ("db.example.com:9094", &bundle.user_password));
    fixture.bundle();
    assert_eq!(contents(&bundle.directory), before);
}

#[test]
fn a_data_directory_that_moved_names_its_new_place() {
    let fixture = Fixture::new();
    fixture.bundle();
    let moved = fixture.directory.path().join("moved");
    fs::rename(fixture.data_dir(), &moved).unwrap();
    let bundle = Credentials::open(&moved, now_ms()).unwrap().ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap();
    let script = fs::read_to_string(bundle.directory.join("consume.sh")).unwrap();
    assert!(script.contains(moved.canonicalize().unwrap().to_str().unwrap()), "{script}");
}

#[test]
fn what_someone_added_to_a_property_file_stays_and_what_can_be_made_again_comes_back() {
    let fixture = Fixture::new();
    let directory = fixture.bundle().directory;
    let properties = directory.join("client.properties");
    let edited = fs::read_to_string(&properties).unwrap() + "max.poll.records=10\n";
    fs::write(&properties, &edited).unwrap();
    let script = fs::read(directory.join("consume.sh")).unwrap();
    fs::remove_file(directory.join("consume.sh")).unwrap();
    fs::remove_file(directory.join("user.key")).unwrap();
    fixture.bundle();
    assert_eq!(fs::read_to_string(&properties).unwrap(), edited);
    assert_eq!(fs::read(directory.join("consume.sh")).unwrap(), script);
    assert!(!directory.join("user.key").exists(), "a key that was taken away is not replaced by another");
}

#[test]
fn without_its_directory_a_bundle_is_made_anew() {
    let fixture = Fixture::new();
    let bundle = fixture.bundle();
    fs::remove_dir_all(&bundle.directory).unwrap();
    assert_ne!(fixture.bundle().user_password, bundle.user_password);
    assert_eq!(fixture.credentials.users(Some("shop")).len(), 2);
}

#[test]
fn loosened_permissions_are_tightened() {
    let mut fixture = Fixture::new();
    let bundle = fixture.bundle();
    let paths: Vec<_> = FILES
        .iter()
        .map(|(name, mode)| (bundle.directory.join(name), *mode))
        .chain([(bundle.directory.clone(), 0o700)])
        .chain(
            ["admin.key", "access.json", "keys.json", "authority/ca.key", "authority/users.json"]
                .map(|name| (fixture.data_dir().join(name), 0o600)),
        )
        .collect();
    for (path, _) in &paths {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fixture.reopen();
    fixture.bundle();
    for (path, expected) in paths {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn wrong_files_are_named() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let (bundle, foreign) = (fixture.bundle(), other.bundle());
    let refused = |file: &str, contents: Option<&[u8]>, expected: &str| {
        let path = bundle.directory.join(file);
        let kept = fs::read(&path).unwrap();
        match contents {
            Some(contents) => fs::write(&path, contents).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = fixture.credentials.ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap_err().to_string();
        assert!(error.contains(&format!("{file} cannot be used: ")) && error.contains(expected), "{error}");
        fs::write(&path, kept).unwrap();
    };
    refused("live-query-settings.json", Some(b"{"), "EOF");
    refused("live-query-settings.json", None, "it is missing, and with it the passwords");
    let settings = fs::read_to_string(bundle.directory.join("live-query-settings.json")).unwrap();
    let quoted = settings.replace(&bundle.user_password, "a b");
    refused("live-query-settings.json", Some(quoted.as_bytes()), "a password in it is not of A-Z, a-z and 0-9");
    refused(
        "ca.pem",
        Some(&fs::read(foreign.directory.join("ca.pem")).unwrap()),
        "it is not the certificate of this server's authority",
    );
    refused("user.pem", Some(b"nonsense"), "");
    let (_, bundle_of_ann) = fixture.user("ann", now_ms());
    fs::copy(bundle_of_ann.directory.join("user.key"), bundle.directory.join("user.key")).unwrap();
    let error = fixture.credentials.client_tls("shop").unwrap_err().to_string();
    assert!(error.contains("user.key cannot be used: it is not the key of "), "{error}");
    let error = fixture.credentials.client_tls("other").unwrap_err();
    assert!(matches!(&error, CredentialsError::Io { path, .. } if path.ends_with("other/ca.pem")), "{error}");
}

#[test]
fn a_lost_register_is_an_error() {
    let fixture = Fixture::new();
    fixture.bundle();
    let authority = fixture.data_dir().join("authority");
    let open = || Credentials::open(&fixture.data_dir(), now_ms()).unwrap_err().to_string();
    fs::rename(authority.join("users.json"), authority.join("kept")).unwrap();
    assert!(
        open()
            .contains("users.json cannot be used: it is missing, though the certificate authority exists; without it ")
    );
    fs::rename(authority.join("kept"), authority.join("users.json")).unwrap();
    fs::remove_file(authority.join("ca.pem")).unwrap();
    assert!(
        open().ends_with("ca.pem cannot be used: it is missing, though users.json lists certificates that it issued")
    );
}

#[test]
fn a_first_start_that_was_cut_short_is_made_good() {
    let fixture = Fixture::new();
    let authority = fixture.data_dir().join("authority");
    fs::remove_file(authority.join("ca.pem")).unwrap();
    fs::remove_file(fixture.data_dir().join("admin.key")).unwrap();
    fs::create_dir_all(fixture.data_dir().join("credentials/.new-left-over")).unwrap();
    let opened = Credentials::open(&fixture.data_dir(), now_ms()).unwrap();
    opened.ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap();
    assert_eq!(fs::read_dir(fixture.data_dir().join("credentials")).unwrap().count(), 1);
}

#[test]
fn unusable_names_make_nothing() {
    let fixture = Fixture::new();
    for (app, topic, endpoint) in [("../x", TOPIC, ENDPOINT), ("shop", "a b", ENDPOINT), ("shop", TOPIC, "$(reboot):1")]
    {
        let error = fixture.credentials.ensure_bundle(app, topic, endpoint, now_ms()).unwrap_err();
        assert!(matches!(error, CredentialsError::BadName { .. }), "{error}");
    }
    let directory = fixture.directory.path().join("u");
    fixture.credentials.issue_user("shop", "a/b", TOPIC, ENDPOINT, &directory, now_ms()).unwrap_err();
    assert!(!directory.exists() && !fixture.data_dir().join("credentials").exists());
    assert_eq!(fixture.credentials.users(None), []);
    let error = fixture.credentials.revoke_user("shop", "nobody", now_ms()).unwrap_err().to_string();
    assert_eq!(error, "there is no user named \"nobody\"");
}

#[test]
fn a_users_files_overwrite_nothing() {
    let fixture = Fixture::new();
    let directory = fixture.directory.path().join("home");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("user.key"), "precious").unwrap();
    let error =
        fixture.credentials.issue_user("shop", "ann", TOPIC, ENDPOINT, &directory, now_ms()).unwrap_err().to_string();
    assert!(error.contains("home is not empty"), "{error}");
    assert_eq!(fs::read_to_string(directory.join("user.key")).unwrap(), "precious");
    assert_eq!(fixture.credentials.users(None), [], "no certificate is issued in vain");
}

#[test]
fn a_users_files_go_nowhere_else_in_the_data_directory() {
    let fixture = Fixture::new();
    fixture.bundle();
    let outside = fixture.directory.path();
    std::os::unix::fs::symlink(fixture.data_dir(), outside.join("link")).unwrap();
    std::os::unix::fs::symlink(fixture.data_dir().join("not-yet"), outside.join("dangling")).unwrap();
    let issue = |directory: &Path| {
        fixture.credentials.issue_user("shop", "ann", TOPIC, ENDPOINT, directory, now_ms()).map(|_| ())
    };
    for place in [
        "data",
        "data/.keys.json.tmp",
        "data/made/deep",
        "data/credentials/next",
        "data/credentials/shop/users",
        "data/credentials/shop/users/bob",
        "data/credentials/shop/users/ann/deeper",
        "data/../data/x",
        "link/x",
        "link/made/deep",
    ] {
        let refused = issue(&outside.join(place));
        assert!(matches!(refused, Err(CredentialsError::DirectoryOfServer { .. })), "{place}: {refused:?}");
    }
    for place in ["made/../data/x", "dangling/x", "made/.."] {
        assert!(issue(&outside.join(place)).is_err(), "{place}");
    }
    assert!(!fixture.data_dir().join("made").exists() && !outside.join("made").exists(), "nothing is made in vain");
    assert!(!fixture.data_dir().join("not-yet").exists());
    assert_eq!(fixture.credentials.users(Some("shop")).len(), 1, "the app's own");
    issue(&outside.join("link/credentials/shop/users/ann")).unwrap();
}

#[test]
fn a_withdrawn_users_own_place_is_used_again_and_its_files_are_kept() {
    let fixture = Fixture::new();
    let users = fixture.bundle().directory.join("users");
    let issue = |user: &str, directory: &Path| {
        fixture.credentials.issue_user("shop", user, TOPIC, ENDPOINT, directory, now_ms())
    };
    let (first, bundle) = issue("ann", &users.join("ann")).unwrap();
    assert!(matches!(issue("ann", &users.join("ann")), Err(CredentialsError::Exists { .. })));
    assert!(matches!(issue("bob", &users.join("ann")), Err(CredentialsError::DirectoryOfServer { .. })));
    let key = fs::read(bundle.directory.join("user.key")).unwrap();
    fixture.credentials.revoke_user("shop", "ann", now_ms()).unwrap();
    let (second, again) = issue("ann", &users.join("ann")).unwrap();
    assert_eq!(again.directory, bundle.directory);
    assert!(second.serial != first.serial && fs::read(again.directory.join("user.key")).unwrap() != key);
    let aside: Vec<_> = fs::read_dir(&users).unwrap().map(|entry| entry.unwrap().path().join("user.key")).collect();
    assert!(aside.iter().any(|path| fs::read(path).unwrap() == key), "{aside:?}");
    assert_eq!(credentials::verify(&fixture.data_dir()).iter().filter(|finding| finding.is_damage).count(), 0);
}

#[test]
fn an_issued_users_files_are_for_their_owner_alone() {
    let fixture = Fixture::new();
    let directory = fixture.directory.path().join("made/for/ann");
    fs::create_dir_all(directory.parent().unwrap()).unwrap();
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let bundle = fixture.credentials.issue_user("shop", "ann", TOPIC, ENDPOINT, &directory, now_ms()).unwrap().1;
    for (name, expected) in FILES {
        assert_eq!(mode(&bundle.directory.join(name)), expected, "{name}");
    }
    assert_eq!(mode(&directory), 0o700);
    let (_, deep) = fixture.user("bob", now_ms());
    assert_eq!([mode(&deep.directory), mode(deep.directory.parent().unwrap())], [0o700; 2]);
}

#[test]
fn the_users_list_says_when() {
    let fixture = Fixture::new();
    let now_ms = now_ms();
    let (ann, _) = fixture.user("ann", now_ms);
    assert_eq!((ann.issued_ms, ann.expires_ms, ann.revoked_ms), (now_ms, now_ms + 730 * DAY_MS, None));
    assert_eq!(ann.serial.len(), 32);
    let revoked = fixture.credentials.revoke_user("shop", "ann", now_ms + 5).unwrap();
    assert_eq!(revoked[0].revoked_ms, Some(now_ms + 5));
    assert_eq!(fixture.credentials.users(None), revoked);
}

/// Runs the script with a `KAFKA` whose consumer prints its arguments, also where the path has
/// spaces and quotes.
#[test]
fn the_script_gives_the_consumer_its_arguments() {
    for place in ["plain", "it's a * place"] {
        let root = tempfile::tempdir().unwrap();
        let data_dir = root.path().join(place);
        let credentials = Credentials::open(&data_dir, now_ms()).unwrap();
        let bundle = credentials.ensure_bundle("shop", TOPIC, ENDPOINT, now_ms()).unwrap();
        let kafka = data_dir.join("kafka");
        fs::create_dir_all(kafka.join("bin")).unwrap();
        let consumer = kafka.join("bin/kafka-console-consumer.sh");
        fs::write(&consumer, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
        fs::set_permissions(&consumer, fs::Permissions::from_mode(0o755)).unwrap();

        let output = Command::new(bundle.directory.join("consume.sh")).env("KAFKA", &kafka).output().unwrap();
        let directory = bundle.directory.display();
        let expected = format!(
            "--bootstrap-server\n{ENDPOINT}\n--consumer-property\nsecurity.protocol=SSL\n\
             --consumer-property\nssl.truststore.password={}\n--consumer-property\nssl.truststore.location={directory}/cluster.p12\n\
             --consumer-property\nssl.keystore.password={}\n--consumer-property\nssl.keystore.location={directory}/user.p12\n\
             --group\n{TOPIC}\n--topic\n{TOPIC}\n",
            bundle.cluster_password, bundle.user_password
        );
        assert_eq!(text(&output), expected);
    }
}

#[test]
fn without_kafka_the_script_says_what_to_set() {
    let bundle = Fixture::new();
    let script = bundle.bundle().directory.join("consume.sh");
    for kafka in [None, Some("/nowhere")] {
        let mut command = Command::new(&script);
        command.env_remove("KAFKA").envs(kafka.map(|kafka| ("KAFKA", kafka)));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        let looked_at = kafka.unwrap_or("/path/to/kafka_2.13-3.1.0");
        assert!(said.contains(&format!("no Kafka in {looked_at}")) && said.contains("Set KAFKA to"), "{said}");
    }
}

#[test]
fn a_script_of_an_earlier_version_is_whole_and_is_written_again() {
    let fixture = Fixture::new();
    let path = fixture.bundle().directory.join("consume.sh");
    let now = fs::read_to_string(&path).unwrap();
    let check = now.lines().find(|line| line.starts_with("[ -x")).unwrap();
    let former = now.replace(&format!("{check}\n\n"), "");
    let damage = || credentials::verify(&fixture.data_dir()).into_iter().filter(|finding| finding.is_damage).count();
    fs::write(&path, &former).unwrap();
    assert_eq!(damage(), 0, "it is what an earlier version wrote");
    fixture.bundle();
    assert_eq!(fs::read_to_string(&path).unwrap(), now);
    fs::write(&path, former.replace("TOPIC=", "TOPIK=")).unwrap();
    assert_eq!(damage(), 1, "it is what no version wrote");
}

#[test]
fn java_reads_both_stores() {
    if !present("keytool", "-help") {
        eprintln!("skipped: there is no keytool on the PATH");
        return;
    }
    let bundle = Fixture::new();
    let Bundle { directory, cluster_password, user_password, .. } = &bundle.bundle();
    let list = |store: &str, password: &str| {
        let arguments =
            ["-J-Duser.language=en", "-list", "-v", "-storetype", "PKCS12", "-storepass", password, "-keystore", store];
        text(&Command::new("keytool").args(arguments).current_dir(directory).output().unwrap())
    };
    let cluster = list("cluster.p12", cluster_password);
    assert!(cluster.contains("contains 1 entry") && cluster.contains("Entry type: trustedCertEntry"), "{cluster}");
    let user = list("user.p12", user_password);
    assert!(user.contains("contains 1 entry") && user.contains("Entry type: PrivateKeyEntry"), "{user}");
    assert!(user.contains("Certificate chain length: 2") && user.contains("Owner: CN=consumer, O=shop"), "{user}");
    assert!(list("cluster.p12", "wrongpassword").contains("password was incorrect"));
}

#[test]
fn openssl_reads_the_stores_and_the_chain() {
    if !present("openssl", "version") {
        eprintln!("skipped: there is no openssl on the PATH");
        return;
    }
    let fixture = Fixture::new();
    let Bundle { directory, cluster_password, user_password, .. } = &fixture.bundle();
    let openssl =
        |arguments: &[&str]| text(&Command::new("openssl").args(arguments).current_dir(directory).output().unwrap());
    assert!(
        openssl(&["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "user.pem"])
            .contains("user.pem: OK")
    );
    fixture.server();
    let server = fixture.data_dir().join("authority/server.pem").canonicalize().unwrap();
    let verified = openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "db.example.com",
        "-CAfile",
        "ca.pem",
        server.to_str().unwrap(),
    ]);
    assert!(verified.contains(": OK"), "{verified}");
    for (store, password) in [("cluster.p12", cluster_password), ("user.p12", user_password)] {
        let info = openssl(&["pkcs12", "-in", store, "-info", "-noout", "-passin", &format!("pass:{password}")]);
        assert!(info.contains("MAC: sha256, Iteration 10000") && info.contains("AES-256-CBC"), "{info}");
    }
    let from_store =
        openssl(&["pkcs12", "-in", "user.p12", "-nocerts", "-nodes", "-passin", &format!("pass:{user_password}")]);
    let key = fs::read_to_string(directory.join("user.key")).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"), "PKCS#8");
    assert!(from_store.contains(key.trim()), "user.p12 holds the key of user.key");
}

fn present(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
