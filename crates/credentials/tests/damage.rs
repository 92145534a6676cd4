//! Damage: each kind of file with a flipped bit, cut, emptied, removed or swapped is refused by
//! name or harmless, and always reported.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use credentials::{Credentials, CredentialsError, Finding, Grant, NewKey, Permission};
use files::DirectoryFormat;
use support::{ENDPOINT, TOPIC, copy_dir};

/// Everything happens at one moment, so that nothing ends meanwhile.
const NOW_MS: u64 = 1_790_000_000_000;

/// A data directory with something of each kind in it.
struct Whole {
    directory: tempfile::TempDir,
    key: String,
    revoked_key: String,
    /// Serials of certificates that count, and of one that was revoked.
    good: Vec<String>,
    revoked: String,
}

fn open(data_dir: &Path) -> Result<Arc<Credentials>, CredentialsError> {
    let credentials = Credentials::open(data_dir, NOW_MS)?;
    credentials.kafka_tls(&[], NOW_MS)?;
    credentials.ensure_bundle("shop", TOPIC, ENDPOINT, NOW_MS)?;
    Ok(credentials)
}

impl Whole {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        let credentials = open(&data_dir).unwrap();
        let users = data_dir.join("credentials/shop/users");
        for user in ["ann", "bob"] {
            credentials.issue_user("shop", user, TOPIC, ENDPOINT, &users.join(user), NOW_MS).unwrap();
        }
        let revoked = credentials.revoke_user("shop", "bob", NOW_MS).unwrap()[0].serial.clone();
        let good = credentials.users(None).into_iter().filter(|it| it.revoked_ms.is_none()).map(|it| it.serial);
        let grants =
            vec![Grant { app: "shop".into(), collection: Some("people".into()), permissions: vec![Permission::Read] }];
        let make = |name: &str| {
            credentials
                .create_key(NewKey { name: name.into(), grants: grants.clone(), permission: None }, NOW_MS)
                .unwrap()
                .1
        };
        let (key, revoked_key) = (make("till"), make("gone"));
        credentials.revoke_key("gone").unwrap();
        DirectoryFormat::mark(&data_dir).unwrap();
        Self { key, revoked_key, good: good.collect(), revoked, directory }
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    /// Replaces one file for a moment; `None` removes it.
    fn with<R>(&self, name: &str, contents: Option<&[u8]>, act: impl FnOnce() -> R) -> R {
        let (path, kept) = (self.path(name), fs::read(self.path(name)).unwrap());
        match contents {
            Some(contents) => fs::write(&path, contents).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let result = act();
        fs::write(&path, kept).unwrap();
        result
    }

    /// What every start must keep to, whatever it makes of the damage: nobody gets in who did not,
    /// nothing is wider than it was, and the API stays closed. Losing access is harmless.
    fn is_harmless(&self, opened: &Credentials, case: &str) {
        assert!(opened.is_closed(), "{case}: it is open");
        assert!(opened.is_revoked(&self.revoked), "{case}: a revoked certificate is back");
        assert!(opened.authenticate(&self.revoked_key).is_none(), "{case}: a revoked key is back");
        if let Some(principal) = opened.authenticate(&self.key) {
            let people = principal.may(Permission::Read, "shop", Some("people"));
            let more = principal.may(Permission::Write, "shop", Some("people"))
                || principal.may(Permission::Read, "shop", Some("cars"));
            assert!(people && !more, "{case}: {principal:?}");
        }
        let known = opened.users(None).into_iter().filter(|it| it.revoked_ms.is_none());
        for certificate in known {
            let is_own = self.good.contains(&certificate.serial) || certificate.user == credentials::DEFAULT_USER;
            assert!(is_own, "{case}: {certificate:?}");
        }
    }

    /// A copy of everything, since what opens may change it.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(&self.data_dir(), &copy.path().join("data"));
        copy
    }
}

/// Every file below `directory`, as a path from there.
fn files_below(directory: &Path) -> Vec<String> {
    fn gather(root: &Path, directory: &Path, found: &mut Vec<String>) {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                gather(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    gather(directory, directory, &mut found);
    found.sort();
    found
}

/// Contents and modes of everything, to see that nothing was changed.
fn state(directory: &Path) -> Vec<(String, Vec<u8>, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let of = |name: String| {
        let path = directory.join(&name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        (name, fs::read(&path).unwrap(), mode)
    };
    files_below(directory).into_iter().map(of).collect()
}

fn damage(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| finding.is_damage).map(|finding| finding.message.as_str()).collect()
}

/// Files that a start does not look into: a user's own are read when they are handed out, and what
/// the settings can be written from again is left as somebody may have edited it.
fn matters_at_start(name: &str) -> bool {
    !name.contains("/users/")
        && !["client.properties", "librdkafka.properties", "consume.sh"].iter().any(|text| name.ends_with(text))
}

/// Opens a copy in which `name` holds `contents`; what opens must be harmless.
fn try_open(whole: &Whole, name: &str, contents: Option<&[u8]>, case: &str) -> Result<(), CredentialsError> {
    let copy = whole.copy();
    let path = copy.path().join("data").join(name);
    match contents {
        Some(contents) => fs::write(path, contents).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
    let opened = open(&copy.path().join("data"))?;
    whole.is_harmless(&opened, case);
    Ok(())
}

#[test]
fn a_whole_directory_is_whole_and_looking_changes_nothing() {
    let whole = Whole::new();
    let before = state(&whole.data_dir());
    assert_eq!(credentials::verify(&whole.data_dir()), []);
    let loose: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(whole.path("keys.json"), loose).unwrap();
    let loosened = state(&whole.data_dir());
    assert_eq!(credentials::verify(&whole.data_dir()), []);
    assert_eq!(state(&whole.data_dir()), loosened);
    assert_ne!(before, loosened);
    open(&whole.data_dir()).unwrap();
    assert_eq!(state(&whole.data_dir()), before, "a start with nothing to do changes nothing");
    assert_eq!(credentials::verify(Path::new("no such directory")).len(), 1);
}

#[test]
fn every_flipped_bit_is_reported() {
    let whole = Whole::new();
    for name in files_below(&whole.data_dir()) {
        let bytes = fs::read(whole.path(&name)).unwrap();
        // Of larger files every 11th bit, so that each place in a byte has its turn.
        let step = if bytes.len() < 200 { 1 } else { 11 };
        for bit in (0..bytes.len() * 8).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let findings = whole.with(&name, Some(&flipped), || credentials::verify(&whole.data_dir()));
            assert!(!damage(&findings).is_empty(), "{name}: bit {bit}: {findings:?}");
        }
    }
    assert_eq!(credentials::verify(&whole.data_dir()), []);
}

#[test]
fn every_flipped_bit_is_refused_by_name_or_harmless() {
    let whole = Whole::new();
    for name in files_below(&whole.data_dir()).into_iter().filter(|name| matters_at_start(name)) {
        let bytes = fs::read(whole.path(&name)).unwrap();
        let bits = bytes.len() * 8;
        let mut refused = 0;
        let tried = (0..bits).step_by(1 + bits / 60);
        for bit in tried.clone() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let case = format!("{name}: bit {bit}");
            match try_open(&whole, &name, Some(&flipped), &case) {
                Ok(()) => {}
                Err(error) => {
                    assert!(names(&error, &name), "{case}: {error}");
                    refused += 1;
                }
            }
        }
        // The settings name the endpoint and the place, which a start writes again.
        let is_rewritten = name.ends_with("live-query-settings.json");
        assert!(refused == tried.count() || is_rewritten, "{name}: {refused} refused");
    }
}

/// Whether an error names the file that was damaged, or what it no longer fits.
fn names(error: &CredentialsError, name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap();
    error.to_string().contains(file)
}

#[test]
fn cut_emptied_and_removed_files_are_refused_by_name_or_harmless_and_reported() {
    let whole = Whole::new();
    for name in files_below(&whole.data_dir()) {
        let bytes = fs::read(whole.path(&name)).unwrap();
        let lengths = [0, 1, bytes.len() / 2, bytes.len() - 1];
        let cuts = lengths.map(|length| Some(&bytes[..length]));
        for contents in cuts.into_iter().chain([None]) {
            let case = format!("{name}: {:?} of {} bytes", contents.map(<[u8]>::len), bytes.len());
            let findings = whole.with(&name, contents, || credentials::verify(&whole.data_dir()));
            assert!(
                findings.iter().any(|finding| finding.message.contains(&name) || finding.is_damage),
                "{case}: {findings:?}"
            );
            assert!(contents.is_none() || !damage(&findings).is_empty(), "{case}: {findings:?}");
            let opened = try_open(&whole, &name, contents, &case);
            if let Err(error) = &opened {
                assert!(names(error, &name), "{case}: {error}");
            }
            // Where there is a file and it is not whole, no start takes it; but it writes again
            // what it can.
            let mends = !matters_at_start(&name) || name.ends_with("live-query-settings.json");
            assert!(opened.is_err() || contents.is_none() || mends, "{case}");
        }
    }
}

#[test]
fn files_of_another_directory_are_refused_by_name_or_harmless_and_reported() {
    let (whole, other) = (Whole::new(), Whole::new());
    for name in files_below(&whole.data_dir()) {
        let foreign = fs::read(other.path(&name)).unwrap();
        if foreign == fs::read(whole.path(&name)).unwrap() {
            assert_eq!(name, "format.json", "only this is the same in each");
            continue;
        }
        let findings = whole.with(&name, Some(&foreign), || credentials::verify(&whole.data_dir()));
        assert!(!damage(&findings).is_empty(), "{name}: {findings:?}");
        let opened = try_open(&whole, &name, Some(&foreign), &name);
        assert!(opened.is_err() || !matters_at_start(&name), "{name}");
        // Which of two files that do not belong together is the foreign one, nobody can say.
        let pair = [("access.json", "keys.json"), ("admin.key.sha256", "admin.key"), ("authority/ca.pem", "ca.key")];
        if let Err(error) = opened {
            let other_one = pair.iter().find(|(one, _)| *one == name).map(|(_, other)| *other);
            assert!(names(&error, &name) || other_one.is_some_and(|file| names(&error, file)), "{name}: {error}");
        }
    }
    // Both files of the authority: then the register does not fit.
    for name in ["authority/ca.pem", "authority/ca.key", "authority/server.pem"] {
        fs::copy(other.path(name), whole.path(name)).unwrap();
    }
    let error = open(&whole.data_dir()).unwrap_err().to_string();
    assert!(
        error.contains("users.json cannot be used: it is the register of another certificate authority"),
        "{error}"
    );
    assert!(!damage(&credentials::verify(&whole.data_dir())).is_empty());
}

#[test]
fn files_that_changed_places_are_refused() {
    let whole = Whole::new();
    for (one, other) in [
        ("keys.json", "authority/users.json"),
        ("access.json", "keys.json"),
        ("authority/ca.pem", "authority/ca.key"),
        ("authority/ca.pem", "authority/server.pem"),
        ("credentials/shop/user.p12", "credentials/shop/cluster.p12"),
        ("credentials/shop/user.pem", "credentials/shop/users/ann/user.pem"),
        ("credentials/shop/user.key", "credentials/shop/users/ann/user.key"),
        ("credentials/shop/live-query-settings.json", "credentials/shop/users/ann/live-query-settings.json"),
    ] {
        let (a, b) = (fs::read(whole.path(one)).unwrap(), fs::read(whole.path(other)).unwrap());
        let (opened, findings) = whole.with(one, Some(&b), || {
            whole.with(other, Some(&a), || (open(&whole.data_dir()).map(drop), credentials::verify(&whole.data_dir())))
        });
        assert!(opened.is_err(), "{one} and {other}");
        assert!(!damage(&findings).is_empty(), "{one} and {other}");
    }
}

#[test]
fn a_whole_bundle_of_another_user_or_app_is_refused() {
    let whole = Whole::new();
    let (own, users) = (whole.path("credentials/shop"), whole.path("credentials/shop/users/ann"));
    for entry in fs::read_dir(&users).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), own.join(entry.file_name())).unwrap();
    }
    let error = open(&whole.data_dir()).unwrap_err().to_string();
    assert!(error.contains("user.pem cannot be used: it is a certificate of the user \"ann\""), "{error}");
    assert!(
        damage(&credentials::verify(&whole.data_dir())).iter().any(|message| message.contains("of the user \"ann\""))
    );
}

#[test]
fn a_file_of_format_1_is_damage_in_a_directory_of_format_2() {
    let whole = Whole::new();
    let unsealed = |name: &str| {
        let text = fs::read_to_string(whole.path(name)).unwrap();
        text.split_once('\n').unwrap().1.to_owned()
    };
    let old_users = r#"{"version":1,"entries":[]}"#.to_owned();
    let old_keys = old_users.clone();
    for (name, old) in [
        ("authority/users.json", old_users),
        ("keys.json", old_keys),
        ("authority/ca.pem", unsealed("authority/ca.pem")),
        ("authority/ca.key", unsealed("authority/ca.key")),
        ("authority/server.pem", unsealed("authority/server.pem")),
        ("access.json", unsealed("access.json")),
        ("format.json", unsealed("format.json")),
    ] {
        let (opened, findings) = whole.with(name, Some(old.as_bytes()), || {
            (open(&whole.data_dir()).map(drop), credentials::verify(&whole.data_dir()))
        });
        let error = opened.unwrap_err();
        assert!(names(&error, name), "{name}: {error}");
        assert!(damage(&findings).iter().any(|message| message.contains(name)), "{name}: {findings:?}");
    }
    open(&whole.data_dir()).unwrap();
}

#[test]
fn a_directory_that_lost_everything_is_damaged_and_does_not_start() {
    let whole = Whole::new();
    for name in ["admin.key", "admin.key.sha256", "keys.json", "access.json"] {
        fs::remove_file(whole.path(name)).unwrap();
    }
    fs::remove_dir_all(whole.path("authority")).unwrap();
    // The bundles say nothing about who may do what, nor does the folder that a volume is mounted
    // on.
    for name in ["authority", "credentials"] {
        let left = state(&whole.data_dir());
        let error = open(&whole.data_dir()).unwrap_err().to_string();
        assert!(error.contains("authority cannot be used: it is missing") && error.contains("keys.json"), "{error}");
        assert_eq!(state(&whole.data_dir()), left, "nothing is made");
        assert!(!damage(&credentials::verify(&whole.data_dir())).is_empty());
        match name {
            "authority" => fs::create_dir(whole.path(name)).unwrap(),
            other => fs::remove_dir_all(whole.path(other)).unwrap(),
        }
    }
    assert!(open(&whole.data_dir()).is_err());
    fs::remove_file(whole.path("format.json")).unwrap();
    assert!(!open(&whole.data_dir()).unwrap().is_closed(), "it is a new directory");
}

/// As a backup without a passphrase is restored.
#[test]
fn a_directory_without_secrets_is_whole_and_starts_with_new_ones() {
    let whole = Whole::new();
    for name in ["admin.key", "admin.key.sha256"] {
        fs::remove_file(whole.path(name)).unwrap();
    }
    for name in ["authority", "credentials"] {
        fs::remove_dir_all(whole.path(name)).unwrap();
    }
    let findings = credentials::verify(&whole.data_dir());
    assert!(damage(&findings).is_empty() && findings.len() == 1, "{findings:?}");
    let opened = open(&whole.data_dir()).unwrap();
    assert!(opened.authenticate(&whole.key).is_some() && opened.authenticate(&whole.revoked_key).is_none());
    assert_eq!(damage(&credentials::verify(&whole.data_dir())), [""; 0]);
}
