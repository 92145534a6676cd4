//! The law of damage, over every bit of every small file that says who may do what: keys, access,
//! users, the authority and its certificates, as the code of today writes them.
//!
//! Whatever bit is flipped, `verify` reports it, no start takes it, the error names the file, and
//! nothing is changed on disk. Files that are handed out are in the test `damage`, by samples: what
//! is in them costs more to look at.
//!
//! Format 1 (`testdata/formats/v1/credentials`) had no checksums: a letter of a name or of a number
//! that became another cannot be noticed. There the law is that nothing panics or hangs, an error
//! names the file, and what a start takes is under the law above from then on: it is sealed.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::{fs, path::Path};

use credentials::{Credentials, Grant, NewKey, Permission};
use files::DirectoryFormat;
use support::{ENDPOINT, TOPIC, copy_dir};

const NOW_MS: u64 = 1_790_000_000_000;

const FILES: [&str; 9] = [
    "access.json",
    "admin.key",
    "admin.key.sha256",
    "keys.json",
    "format.json",
    "authority/users.json",
    "authority/ca.pem",
    "authority/ca.key",
    "authority/server.pem",
];

/// Of format 1, which is written again after each flip, one bit in so many.
const OLD_ONE_BIT_IN: usize = 7;

/// In memory if there is such a place: tens of thousands of files are written.
fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn open(data_dir: &Path) -> Result<(), String> {
    let opened = Credentials::open(data_dir, NOW_MS).map_err(|error| error.to_string())?;
    opened.kafka_tls(&[], NOW_MS).map_err(|error| error.to_string())?;
    Ok(())
}

/// Keys, users, revoked ones of both, and no bundles.
fn write_newest(data_dir: &Path) {
    let elsewhere = temporary();
    let credentials = Credentials::open(data_dir, NOW_MS).unwrap();
    credentials.kafka_tls(&[], NOW_MS).unwrap();
    for user in ["ann", "bob"] {
        credentials.issue_user("shop", user, TOPIC, ENDPOINT, &elsewhere.path().join(user), NOW_MS).unwrap();
    }
    credentials.revoke_user("shop", "bob", NOW_MS).unwrap();
    for name in ["till", "gone"] {
        let grants = vec![Grant {
            app: "shop".into(),
            collection: Some("people".into()),
            permissions: vec![Permission::Read, Permission::Write],
        }];
        credentials.create_key(NewKey { name: name.into(), grants, permission: None }, NOW_MS).unwrap();
    }
    credentials.revoke_key("gone").unwrap();
    DirectoryFormat::mark(data_dir).unwrap();
}

fn flipped(whole: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn contents(data_dir: &Path) -> Vec<Vec<u8>> {
    FILES.map(|name| fs::read(data_dir.join(name)).unwrap()).to_vec()
}

#[test]
fn every_flipped_bit_is_reported_and_no_start_takes_it() {
    let directory = temporary();
    write_newest(directory.path());
    assert_eq!(credentials::verify(directory.path()), []);
    for name in FILES {
        let path = directory.path().join(name);
        let whole = fs::read(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        for bit in 0..whole.len() * 8 {
            fs::write(&path, flipped(&whole, bit)).unwrap();
            let before = contents(directory.path());
            let findings = credentials::verify(directory.path());
            assert!(findings.iter().any(|finding| finding.is_damage), "{name}: bit {bit}: {findings:?}");
            let error = open(directory.path()).expect_err(&format!("{name}: bit {bit}"));
            assert!(error.contains(file), "{name}: bit {bit}: {error}");
            assert_eq!(contents(directory.path()), before, "{name}: bit {bit}");
        }
        fs::write(&path, &whole).unwrap();
        println!("{name}: {} flips, all of them refused", whole.len() * 8);
    }
    open(directory.path()).unwrap();
}

#[test]
fn what_a_start_takes_of_format_v1_is_whole_from_then_on() {
    let fixture = temporary();
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1/credentials"), fixture.path());
    for name in FILES.into_iter().filter(|name| fixture.path().join(name).exists()) {
        let whole = fs::read(fixture.path().join(name)).unwrap();
        let (mut tried, mut refused) = (0, 0);
        for bit in (0..whole.len() * 8).step_by(OLD_ONE_BIT_IN) {
            let copy = temporary();
            for other in FILES.into_iter().filter(|other| fixture.path().join(other).exists()) {
                fs::create_dir_all(copy.path().join(other).parent().unwrap()).unwrap();
                fs::copy(fixture.path().join(other), copy.path().join(other)).unwrap();
            }
            fs::write(copy.path().join(name), flipped(&whole, bit)).unwrap();
            tried += 1;
            match open(copy.path()) {
                Err(error) => {
                    refused += 1;
                    let file = name.rsplit('/').next().unwrap();
                    assert!(error.contains(file), "{name}: bit {bit}: {error}");
                }
                Ok(()) => {
                    let damage = credentials::verify(copy.path()).into_iter().find(|finding| finding.is_damage);
                    assert_eq!(damage, None, "{name}: bit {bit}");
                }
            }
        }
        println!("v1, {name}: {tried} flips: {refused} refused, {} taken", tried - refused);
    }
}
