//! API keys: made, presented, revoked; and what their grants allow.

mod support;

use std::{fs, thread};

use credentials::{
    ApiKey, Credentials, CredentialsError, DiskProof, Grant, NewKey, Permission, Permission::*, Principal,
};
use support::{Fixture, now_ms};

fn grant(app: &str, collection: Option<&str>, permissions: &[Permission]) -> Grant {
    Grant { app: app.to_owned(), collection: collection.map(str::to_owned), permissions: permissions.to_vec() }
}

fn new_key(name: &str) -> NewKey {
    NewKey { name: name.to_owned(), grants: vec![grant("shop", None, &[Read])], permission: None }
}

#[test]
fn a_key_opens_what_it_was_made_for_until_it_is_revoked() {
    let mut fixture = Fixture::new();
    let (key, secret) = fixture.credentials.create_key(new_key("till-1"), 7).unwrap();
    assert_eq!(
        key,
        ApiKey { name: "till-1".into(), grants: vec![grant("shop", None, &[Read])], created_ms: 7, permission: None }
    );
    assert!(secret.starts_with("hw_") && secret.len() == 46, "{secret}");
    for _ in 0..2 {
        assert_eq!(fixture.credentials.authenticate(&secret), Some(Principal::Key(key.clone())));
        assert_eq!(fixture.credentials.keys(), std::slice::from_ref(&key));
        fixture.reopen();
    }
    fixture.credentials.revoke_key("till-1").unwrap();
    for _ in 0..2 {
        assert_eq!(fixture.credentials.authenticate(&secret), None);
        assert_eq!(fixture.credentials.keys(), []);
        fixture.reopen();
    }
    let error = fixture.credentials.revoke_key("till-1").unwrap_err().to_string();
    assert_eq!(error, "there is no key named \"till-1\"");
    let (_, second) = fixture.credentials.create_key(new_key("till-1"), 8).unwrap();
    assert_ne!(second, secret);
    assert_eq!(fixture.credentials.authenticate(&secret), None, "a name made again does not revive a secret");
}

#[test]
fn only_the_exact_secret_counts() {
    let fixture = Fixture::new();
    let (_, secret) = fixture.credentials.create_key(new_key("a"), 7).unwrap();
    let mut flipped = secret.clone().into_bytes();
    *flipped.last_mut().unwrap() ^= 1;
    for wrong in ["", "a", &secret[..secret.len() - 1], &format!("{secret} "), &String::from_utf8(flipped).unwrap()] {
        assert_eq!(fixture.credentials.authenticate(wrong), None, "{wrong:?}");
    }
    let stored = fs::read_to_string(fixture.data_dir().join("keys.json")).unwrap();
    assert!(!stored.contains(&secret) && !stored.contains(&secret[3..]), "{stored}");
    let digest = stored.split("\"sha256\": \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(fixture.credentials.authenticate(digest), None, "what is stored opens nothing");
}

#[test]
fn the_admin_key() {
    let mut fixture = Fixture::new();
    let path = fixture.data_dir().join("admin.key");
    let key = fixture.credentials.admin_key().to_owned();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{key}\n"));
    assert_eq!(fixture.credentials.authenticate(&key), Some(Principal::Admin));

    let own = "a-key-that-the-operator-has-chosen";
    fs::write(&path, own).unwrap();
    let error = Credentials::open(&fixture.data_dir(), now_ms()).unwrap_err().to_string();
    assert!(error.contains("admin.key cannot be used: it is not what admin.key.sha256 says"), "{error}");
    fs::remove_file(fixture.data_dir().join("admin.key.sha256")).unwrap();
    fixture.reopen();
    assert_eq!(fixture.credentials.authenticate(own), Some(Principal::Admin));
    assert_eq!(fixture.credentials.authenticate(&key), None);
    for wrong in ["", "short\n", "two lines, both of them long enough\nto be an admin key\n"] {
        fs::write(&path, wrong).unwrap();
        let _ = fs::remove_file(fixture.data_dir().join("admin.key.sha256"));
        let error = Credentials::open(&fixture.data_dir(), now_ms()).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "admin.key cannot be used: an admin key is one line of at least 32 visible ASCII characters"
            ),
            "{error}"
        );
    }
}

#[test]
fn wrong_keys_are_an_error() {
    let fixture = Fixture::new();
    let path = fixture.data_dir().join("keys.json");
    let open = || Credentials::open(&fixture.data_dir(), now_ms()).unwrap_err().to_string();
    fs::write(&path, r#"{"version":1,"entries":[{"name":"a","grants":[],"created_ms":1,"sha256":"+1"}]}"#).unwrap();
    assert!(open().contains("keys.json cannot be used: a SHA-256 is 64 hex digits"), "{}", open());
}

#[test]
fn a_key_that_was_made_closes_until_the_ring_is_opened_again() {
    let mut fixture = Fixture::new();
    assert!(!fixture.credentials.is_closed(), "no key was made yet");
    fixture.reopen();
    assert!(!fixture.credentials.is_closed());
    fixture.credentials.create_key(new_key("a"), 7).unwrap();
    assert!(fixture.credentials.is_closed());
    let proof = |fixture: &Fixture| DiskProof::leave(&fixture.data_dir()).unwrap();
    let error = fixture.credentials.open_again(&proof(&fixture)).unwrap_err();
    assert!(matches!(&error, CredentialsError::KeysExist { names } if names == &["a"]), "{error}");
    fixture.credentials.revoke_key("a").unwrap();
    for _ in 0..2 {
        assert!(fixture.credentials.is_closed(), "revoking the last key opens nothing");
        fixture.reopen();
    }
    let (stale, used) = (DiskProof { text: "x".repeat(64), ..proof(&fixture) }, proof(&fixture));
    assert!(matches!(fixture.credentials.open_again(&stale), Err(CredentialsError::NotOnDisk)));
    assert!(fixture.credentials.is_closed());
    fixture.credentials.open_again(&used).unwrap();
    assert!(matches!(fixture.credentials.open_again(&used), Err(CredentialsError::NotOnDisk)));
    for _ in 0..2 {
        assert!(!fixture.credentials.is_closed());
        fixture.reopen();
    }
    fixture.credentials.create_key(new_key("b"), 7).unwrap();
    fixture.reopen();
    assert!(fixture.credentials.is_closed(), "it closes once more");
}

#[test]
fn whatever_files_are_lost_what_was_closed_stays_closed() {
    let files = ["keys.json", "access.json", "admin.key", "admin.key.sha256"];
    for lost in 1..1_u32 << files.len() {
        for is_revoked in [false, true] {
            let mut fixture = Fixture::new();
            let (_, secret) = fixture.credentials.create_key(new_key("a"), 7).unwrap();
            if is_revoked {
                fixture.credentials.revoke_key("a").unwrap();
            }
            for (at, file) in files.iter().enumerate().filter(|(at, _)| lost & 1 << at != 0) {
                fs::remove_file(fixture.data_dir().join(file)).unwrap_or_else(|error| panic!("{at} {file}: {error}"));
            }
            for _ in 0..2 {
                fixture.reopen();
                assert!(fixture.credentials.is_closed(), "{lost:b}, revoked: {is_revoked}");
                let known = fixture.credentials.authenticate(&secret).is_some();
                assert_eq!(known, !is_revoked && lost & 1 == 0, "{lost:b}, revoked: {is_revoked}");
            }
        }
    }
}

#[test]
fn a_first_start_that_was_cut_short_leaves_nothing_closed() {
    // The order in which the files are made.
    let made = [
        "access.json",
        "keys.json",
        "admin.key.sha256",
        "admin.key",
        "authority/ca.key",
        "authority/users.json",
        "authority/ca.pem",
    ];
    for kept in 0..=made.len() {
        let mut fixture = Fixture::new();
        for lost in &made[kept..] {
            fs::remove_file(fixture.data_dir().join(lost)).unwrap();
        }
        fixture.reopen();
        assert!(!fixture.credentials.is_closed(), "only {:?} were made", &made[..kept]);
    }
}

#[test]
fn unusable_keys_are_refused() {
    let fixture = Fixture::new();
    let refused = |key: NewKey| {
        let error = fixture.credentials.create_key(key, 7).unwrap_err();
        assert!(matches!(error, CredentialsError::BadName { .. }), "{error}");
    };
    for name in ["", "a b", "a/b", "..", "ä", "admin", &"a".repeat(65)] {
        refused(new_key(name));
    }
    for grants in [
        vec![],
        vec![grant("shop", None, &[])],
        vec![grant("Shop", None, &[Read])],
        vec![grant("shop", Some(""), &[Read])],
        vec![grant("shop", None, &[Read]); 257],
    ] {
        refused(NewKey { name: "a".to_owned(), grants, permission: None });
    }
    fixture.credentials.create_key(new_key("a"), 7).unwrap();
    let error = fixture.credentials.create_key(new_key("a"), 7).unwrap_err().to_string();
    assert_eq!(error, "there is a key named \"a\" already");
}

#[test]
fn changes_at_the_same_time_are_all_kept() {
    let mut fixture = Fixture::new();
    let secrets: Vec<_> = thread::scope(|scope| {
        let credentials = &fixture.credentials;
        let make = |thread: usize| {
            move || {
                (0..5)
                    .map(|n| credentials.create_key(new_key(&format!("k{thread}-{n}")), 7).unwrap().1)
                    .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(make(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    fixture.reopen();
    assert_eq!(fixture.credentials.keys().len(), 20);
    assert!(secrets.iter().all(|secret| fixture.credentials.authenticate(secret).is_some()));
}

/// Every permission against every kind of grant: one line says who may read, write and administer
/// what is asked for.
#[test]
fn what_grants_allow() {
    let all = [Read, Write, Admin];
    let allowed = |grants: &[Grant], app: &str, collection: Option<&str>| {
        let principal =
            Principal::Key(ApiKey { name: "k".to_owned(), grants: grants.to_vec(), created_ms: 0, permission: None });
        all.map(|permission| principal.may(permission, app, collection))
    };
    let (none, read, write, every) = ([false; 3], [true, false, false], [false, true, false], [true; 3]);
    let cases = [
        (vec![grant("shop", None, &[Read])], [read, read, none]),
        (vec![grant("shop", None, &[Write])], [write, write, none]),
        (vec![grant("shop", None, &[Read, Write])], [[true, true, false], [true, true, false], none]),
        (vec![grant("shop", None, &[Admin])], [every, every, none]),
        (vec![grant("shop", Some("people"), &[Read])], [none, read, none]),
        (vec![grant("shop", Some("people"), &[Admin])], [none, every, none]),
        (vec![grant("shop", Some("cars"), &[Read])], [none, none, none]),
        (vec![grant("*", None, &[Read])], [read, read, read]),
        (vec![grant("*", Some("people"), &[Write])], [none, write, none]),
        (
            vec![grant("shop", None, &[Read]), grant("shop", Some("people"), &[Write])],
            [read, [true, true, false], none],
        ),
        (vec![grant("other", None, &[Read]), grant("shop", Some("people"), &[Write])], [none, write, read]),
        (vec![], [none, none, none]),
    ];
    for (grants, expected) in cases {
        let found = [("shop", None), ("shop", Some("people")), ("other", None)]
            .map(|(app, collection)| allowed(&grants, app, collection));
        assert_eq!(found, expected, "{grants:?}");
    }
    assert!(all.iter().all(|&permission| Principal::Admin.may(permission, "any", None)));
}
