//! Stored formats open for ever: the credentials that an earlier version wrote hold today, and have
//! checksums afterwards.
//!
//! `testdata/formats/v1/credentials` was written when there were no checksums, with keys that open
//! nothing else; it is never written again.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::{fs, path::Path};

use credentials::{Credentials, Permission, Principal};
use files::DirectoryFormat;
use support::{ENDPOINT, TOPIC, copy_dir};

const NOW_MS: u64 = 1_790_000_000_004;
const SECRET: &str = "hw_lZ3fY2rldEuEMfup77LnVfqjtkudFnzWLqBjSsdH8vk";
const REVOKED: &str = "591b265ee1c6ea1da5157fe591297807";
const SEALED: [&str; 6] = [
    "access.json",
    "keys.json",
    "authority/users.json",
    "authority/ca.pem",
    "authority/ca.key",
    "authority/server.pem",
];

fn fixture() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1/credentials"), directory.path());
    directory
}

fn damage(data_dir: &Path) -> Vec<String> {
    let findings = credentials::verify(data_dir).into_iter();
    findings.filter(|finding| finding.is_damage).map(|finding| finding.message).collect()
}

#[test]
fn format_v1_opens_and_becomes_format_v2() {
    let directory = fixture();
    // The property files name the place that the fixture was made in.
    let before = damage(directory.path());
    assert!(before.is_empty(), "{before:?}");
    let ca = fs::read_to_string(directory.path().join("authority/ca.pem")).unwrap();
    for _ in 0..2 {
        let opened = Credentials::open(directory.path(), NOW_MS).unwrap();
        opened.kafka_tls(&[], NOW_MS).unwrap();
        let bundle = opened.ensure_bundle("shop", TOPIC, ENDPOINT, NOW_MS).unwrap();
        assert_eq!(fs::read_to_string(bundle.directory.join("ca.pem")).unwrap(), ca);
        assert!(opened.is_closed() && opened.is_revoked(REVOKED));
        assert_eq!(opened.users(Some("shop")).len(), 3);
        let Some(Principal::Key(key)) = opened.authenticate(SECRET) else { panic!("the key is not known") };
        assert_eq!((key.name.as_str(), key.grants[0].permissions.as_slice()), ("till", &[Permission::Read][..]));
        for name in SEALED {
            let text = fs::read_to_string(directory.path().join(name)).unwrap();
            assert!(text.starts_with("{\"version\":2,\"crc32c\":\""), "{name}: {text}");
        }
        DirectoryFormat::mark(directory.path()).unwrap();
    }
    assert_eq!(damage(directory.path()), [""; 0]);
    // What was handed out before there were checksums is known now.
    for name in ["credentials/shop/user.key", "credentials/shop/users/ann/user.p12"] {
        let path = directory.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(damage(directory.path()).iter().any(|message| message.contains(name)), "{name}");
    }
}

#[test]
fn a_start_that_was_cut_short_while_it_sealed_is_made_good() {
    let sealed = fixture();
    Credentials::open(sealed.path(), NOW_MS).unwrap();
    for after in 0..=SEALED.len() {
        let directory = fixture();
        for name in &SEALED[..after] {
            fs::copy(sealed.path().join(name), directory.path().join(name)).unwrap();
        }
        let opened = Credentials::open(directory.path(), NOW_MS).unwrap();
        assert!(opened.is_closed() && opened.is_revoked(REVOKED) && opened.authenticate(SECRET).is_some(), "{after}");
        assert_eq!(damage(directory.path()), [""; 0], "{after}");
    }
}

#[test]
fn damage_of_format_v1_is_not_sealed() {
    for (name, from, to) in [
        ("authority/users.json", "\"revoked_ms\"", "\"sevoked_ms\""),
        ("keys.json", "\"collection\"", "\"bollection\""),
        ("keys.json", "\"version\": 1", "\"version\": 3"),
    ] {
        let directory = fixture();
        let path = directory.path().join(name);
        let damaged = fs::read_to_string(&path).unwrap().replace(from, to);
        fs::write(&path, &damaged).unwrap();
        let error = Credentials::open(directory.path(), NOW_MS).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
    // A bit that only TLS stumbles over.
    let directory = fixture();
    let path = directory.path().join("authority/ca.pem");
    let mut damaged = fs::read(&path).unwrap();
    damaged[357 / 8] ^= 1 << (357 % 8);
    fs::write(&path, &damaged).unwrap();
    let error = Credentials::open(directory.path(), NOW_MS).unwrap_err().to_string();
    assert!(error.contains("authority/ca.pem cannot be used"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), damaged);
}
