//! Tokens: they count until they end or are revoked, through a restart, and are bounded.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use credentials::{
    Credentials, GrantedQueries, NewToken, NoToken, Permission, PermissionDocument, Principal, UserToken, limits,
};

const NOW_MS: u64 = 1_790_000_000_000;
const HOUR_MS: u64 = 3_600_000;

fn document(rule: &str) -> PermissionDocument {
    let queries = [("books".to_owned(), vec![rule.to_owned()])].into();
    PermissionDocument {
        read: GrantedQueries { everything: false, queries_by_collection: queries },
        write: GrantedQueries::default(),
    }
}

fn new(user: &str) -> NewToken {
    let permission = document("_id.shop == 'x'");
    NewToken { app: "shop".into(), user: user.into(), provider: "own".into(), life_ms: HOUR_MS, permission }
}

fn open(directory: &Path) -> Arc<Credentials> {
    Credentials::open(directory, NOW_MS).unwrap()
}

fn user_of(credentials: &Credentials, secret: &str, now_ms: u64) -> Option<Arc<UserToken>> {
    match credentials.identify(secret, now_ms) {
        Some(Principal::Token(token)) => Some(token),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[test]
fn a_token_counts_until_it_ends_through_a_restart_and_for_its_app_only() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = open(directory.path());
    let (token, secret) = credentials.create_token(new("ann"), NOW_MS).unwrap();
    let (ended, _) = credentials.create_token(NewToken { life_ms: 1, ..new("bob") }, NOW_MS - 1_000).unwrap();
    assert_eq!(ended.expires_ms, NOW_MS - 999);
    assert!(!credentials.is_closed(), "a token closes nothing");
    for credentials in [credentials, open(directory.path())] {
        let found = user_of(&credentials, &secret, NOW_MS + HOUR_MS - 1).unwrap();
        assert_eq!(found, token);
        assert_eq!(user_of(&credentials, &secret, NOW_MS + HOUR_MS), None);
        assert_eq!(credentials.authenticate(&secret), None, "it is no key");
        let principal = Principal::Token(found);
        assert!(principal.may(Permission::Write, "shop", Some("books")) && principal.may_anything("shop"));
        assert!(!principal.may(Permission::Admin, "shop", None) && !principal.may_anything("other"));
        assert_eq!((principal.name(), principal.permission()), ("ann", Some(&token.permission)));
        let listed = credentials.tokens("shop", None, 10, NOW_MS);
        assert_eq!(listed.iter().map(|it| &*it.token.id).collect::<Vec<_>>(), [&*token.id]);
        assert_eq!(listed[0].last_used_ms, Some(NOW_MS + HOUR_MS - 1));
    }
    let log = directory.path().join("tokens.log");
    assert!(!fs::read_to_string(&log).unwrap().contains(secret.rsplit('_').next().unwrap()), "it is stored hashed");
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn every_other_secret_is_nobodys() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = open(directory.path());
    let (token, secret) = credentials.create_token(new("ann"), NOW_MS).unwrap();
    let mut wrong = secret.clone();
    wrong.replace_range(secret.len() - 1.., if secret.ends_with('a') { "b" } else { "a" });
    for secret in [wrong.as_str(), &secret[..secret.len() - 1], &format!("hwt_{}_", token.id), "hwt_", "hwt__", ""] {
        assert_eq!(credentials.identify(secret, NOW_MS), None, "{secret:?}");
    }
}

#[test]
fn a_revoked_token_is_gone_for_good_and_with_the_app_all_are() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = open(directory.path());
    let made = ["ann", "ann", "bob"].map(|user| credentials.create_token(new(user), NOW_MS).unwrap());
    credentials.revoke_token("shop", &made[0].0.id).unwrap();
    assert!(credentials.revoke_token("other", &made[1].0.id).is_err(), "it is of another app");
    let known = |credentials: &Credentials| made.each_ref().map(|(_, it)| credentials.identify(it, NOW_MS).is_some());
    assert_eq!(known(&credentials), [false, true, true]);
    assert_eq!(known(&open(directory.path())), [false, true, true]);
    let credentials = open(directory.path());
    assert_eq!(credentials.revoke_tokens_of("shop", "ann").unwrap(), 1);
    assert_eq!(known(&open(directory.path())), [false, false, true]);
    assert_eq!(open(directory.path()).withdraw_app("shop", NOW_MS).unwrap().tokens, 1);
    assert_eq!(known(&open(directory.path())), [false; 3]);
}

#[test]
fn a_token_is_revoked_although_the_disk_refuses_and_none_is_given_out_then() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = open(directory.path());
    let (token, secret) = credentials.create_token(new("ann"), NOW_MS).unwrap();
    // A start has no file open, and so writes the whole of it.
    let credentials_again = open(directory.path());
    drop(credentials);
    let obstacle = directory.path().join(".tokens.log.tmp");
    fs::create_dir(&obstacle).unwrap();
    let error = credentials_again.revoke_token("shop", &token.id).unwrap_err().to_string();
    assert!(error.starts_with("revoked, but a restart would undo it: cannot write "), "{error}");
    assert_eq!(credentials_again.identify(&secret, NOW_MS), None);
    assert!(matches!(credentials_again.create_token(new("bob"), NOW_MS), Err(NoToken::Disk(_))));
    assert_eq!(credentials_again.token_count("shop"), 0);
    fs::remove_dir(&obstacle).unwrap();
    credentials_again.create_token(new("bob"), NOW_MS).unwrap();
    assert_eq!(open(directory.path()).identify(&secret, NOW_MS), None, "the next change writes it");
}

#[test]
fn what_a_crash_cut_short_is_dropped_and_damage_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = open(directory.path());
    let made = ["ann", "bob"].map(|user| credentials.create_token(new(user), NOW_MS).unwrap().1);
    drop(credentials);
    let (path, opened) = (directory.path().join("tokens.log"), || Credentials::open(directory.path(), NOW_MS));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    assert_eq!(made.each_ref().map(|it| opened().unwrap().identify(it, NOW_MS).is_some()), [true, false]);
    for at in (0..whole.len() - 1).step_by(37) {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        fs::write(&path, flipped).unwrap();
        let error = opened().unwrap_err().to_string();
        assert!(error.contains("tokens.log cannot be used: ") && error.contains("logs in again"), "{at}: {error}");
        assert!(credentials::verify(directory.path()).iter().any(|it| it.is_damage), "{at}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(opened().unwrap().identify(&made[0], NOW_MS), None);
}

#[test]
fn tokens_are_bounded_and_the_file_is() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = open(directory.path());
    let first = credentials.create_token(new("ann"), NOW_MS).unwrap().1;
    for _ in 0..limits::TOKENS_PER_USER_MAX {
        credentials.create_token(new("ann"), NOW_MS).unwrap();
    }
    assert_eq!(credentials.identify(&first, NOW_MS), None, "a user's oldest goes");
    assert_eq!(credentials.token_count("shop"), limits::TOKENS_PER_USER_MAX);
    let long = NewToken { life_ms: u64::MAX, ..new("cat") };
    assert_eq!(credentials.create_token(long, NOW_MS).unwrap().0.expires_ms, NOW_MS + limits::TOKEN_MS_MAX);
    for user in ["", "admin", "a\nb", &"a".repeat(257)] {
        assert!(matches!(credentials.create_token(new(user), NOW_MS), Err(NoToken::Bad(_))), "{user:?}");
    }
    let large = |n: usize| NewToken { permission: document(&format!("{n}{}", "x".repeat(1024 * 1024))), ..new("dan") };
    let refused = (0..).find_map(|n| credentials.create_token(large(n), NOW_MS).err()).unwrap();
    assert!(matches!(refused, NoToken::TooMany(_)), "{refused}");
    let log_bytes = || fs::metadata(directory.path().join("tokens.log")).unwrap().len();
    let bytes = log_bytes();
    // What has ended makes room, in memory and in the file.
    let later = NOW_MS + 2 * limits::TOKEN_MS_MAX;
    credentials.create_token(large(1), later).unwrap();
    assert_eq!(credentials.token_count("shop"), 1);
    assert!(log_bytes() < bytes / 10, "{bytes}");
}
