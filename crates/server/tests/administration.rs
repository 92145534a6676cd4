//! Apps, keys and certificates of a running server, by the commands.

use serde_json::{Value, json};

use crate::{
    real_clients::{
        client::Client,
        clients::{TOPIC, kcat},
    },
    support::{TestServer, only_line, wait_until},
};

fn susan() -> Value {
    json!({"commands": [{"method": "upsert", "collection": "people", "id": "abc123", "value": {"name": "Susan", "age": 31}}]})
}

#[test]
fn an_app_is_made_and_listed() {
    let server = TestServer::start();
    let made = server.run(&["app", "create", "shop"]);
    assert_eq!(made.code(), Some(0), "{made:?}");
    assert!(made.stdout.contains("made app shop") && made.stdout.contains("user-consumable-shop"), "{made:?}");
    assert!(server.data_dir().join("credentials/shop/user.p12").exists());
    assert_eq!(server.post("/shop/api/v4/store/write", &susan()).0, 200);

    let listed = server.run(&["app", "list"]).stdout;
    let columns: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns[1], ["default", "user-consumable-default", "0"]);
    assert_eq!(columns[2], ["shop", "user-consumable-shop", "1"]);

    let again = server.run(&["app", "create", "shop"]);
    assert_eq!(again.code(), Some(1));
    assert_eq!(only_line(&again.stderr), "headwater: there is an app \"shop\" already");
    let bad = server.run(&["app", "create", "Shop"]);
    assert!(only_line(&bad.stderr).contains("an app's name is"), "{bad:?}");
}

#[test]
fn a_key_closes_what_was_open_and_opens_it_to_its_holder() {
    let server = TestServer::start();
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    assert_eq!(server.run(&["key", "list"]).stdout, "no keys\n");

    let made = server.run(&["key", "create", "till", "--grant", "default/people=read,write"]);
    let secret = made.stdout.trim();
    assert!(made.code() == Some(0) && secret.len() >= 24 && !secret.contains(char::is_whitespace), "{made:?}");
    let listed = server.run(&["key", "list"]).stdout;
    assert!(listed.contains("till  default/people=read,write  20") && !listed.contains(secret), "{listed}");
    assert!(!server.run(&["key", "list", "--json"]).stdout.contains(secret));

    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 401);
    assert_eq!(server.post_with_key("/api/v4/store/write", &susan(), Some(secret)).0, 200);
    assert_eq!(server.run(&["key", "revoke", "till"]).stdout, "revoked key till\n");
    assert_eq!(server.post_with_key("/api/v4/store/write", &susan(), Some(secret)).0, 401);

    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 401, "revoking the last key opens nothing");

    let absent = server.run(&["key", "revoke", "till"]);
    assert!(absent.code() == Some(1) && only_line(&absent.stderr).contains("no key named \"till\""), "{absent:?}");
}

#[test]
fn what_a_key_closed_is_opened_again_on_the_machine_alone() {
    let server = TestServer::start();
    assert!(server.run(&["key", "create", "till"]).status.success());
    let early = server.run(&["key", "open-again"]);
    assert!(early.code() == Some(1) && only_line(&early.stderr).contains("there are API keys (till)"), "{early:?}");
    assert!(server.run(&["key", "revoke", "till"]).status.success());
    assert_eq!(server.post("/admin/v1/open-again", &json!({})).0, 401);
    let directory = server.directory();
    server.terminate();

    // Also when the file of the keys is gone.
    std::fs::remove_file(directory.path().join("headwater-data/keys.json")).unwrap();
    let server = TestServer::start_in(directory, &[]);
    crate::support::wait_until("the screen is printed", || server.stdout().contains("NO KEY IS LEFT"));
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 401);
    let opened = server.run(&["key", "open-again"]);
    assert!(opened.code() == Some(0) && opened.stdout.contains("no key is needed any longer"), "{opened:?}");
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
}

#[test]
fn a_certificate_is_issued_listed_and_revoked() {
    let server = TestServer::start();
    let out = server.directory().path().join("for-warehouse");
    let issued = server.run(&["credentials", "issue", "warehouse", "--out", "for-warehouse"]);
    assert!(issued.code() == Some(0) && issued.stdout.contains(out.to_str().unwrap()), "{issued:?}");
    for file in ["cluster.p12", "user.p12", "user.pem", "client.properties", "consume.sh", "live-query-settings.json"] {
        assert!(out.join(file).exists(), "{file}");
    }
    let row = |user: &str| {
        let listed = server.run(&["credentials", "list"]).stdout;
        listed.lines().find(|line| line.starts_with(user)).map(|line| line.split_whitespace().count())
    };
    assert_eq!(row("warehouse"), Some(4), "user, serial, issued, expires");
    let revoked = server.run(&["credentials", "revoke", "warehouse"]);
    assert!(revoked.stdout.starts_with("revoked 1 certificate of warehouse: serial "), "{revoked:?}");
    assert_eq!(row("warehouse"), Some(5), "and when it was revoked");
    let taken = server.run(&["credentials", "issue", "other", "--out", "for-warehouse"]);
    assert!(only_line(&taken.stderr).contains("for-warehouse is not empty"), "{taken:?}");
    for _ in 0..2 {
        let issued = server.run(&["credentials", "issue", "till"]);
        assert!(issued.code() == Some(0), "a name whose certificates are all revoked is issued again: {issued:?}");
        assert!(server.run(&["credentials", "revoke", "till"]).status.success());
    }
    let other = server.run(&["credentials", "list", "--app", "nowhere"]);
    assert!(other.code() == Some(1) && only_line(&other.stderr).contains("nowhere"), "{other:?}");
}

#[test]
fn off_loopback_nothing_is_open_without_a_key() {
    let options: [&[&str]; 2] = [&["--http-listen", "0.0.0.0:0"], &["--http-listen", "0.0.0.0:0", "--insecure-open"]];
    for (options, status, loud) in
        [(options[0], 401, "NO KEY WAS MADE YET"), (options[1], 200, "THE HTTP API IS OPEN TO THE NETWORK")]
    {
        let server = TestServer::start_in(std::sync::Arc::new(tempfile::tempdir().unwrap()), options);
        assert_eq!(server.post("/api/v4/store/write", &susan()).0, status);
        crate::support::wait_until("the screen is printed", || server.stdout().contains(loud));
    }
}

#[test]
fn verify_proves_a_stopped_server_whole() {
    let server = TestServer::start();
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    let busy = server.run(&["verify"]);
    assert!(busy.code() == Some(1) && only_line(&busy.stderr).contains("is in use by another server"), "{busy:?}");
    let directory = server.directory();
    server.terminate();
    let whole = crate::support::run(directory.path(), &["verify"]);
    assert_eq!(whole.code(), Some(0), "{whole:?}");
    assert!(whole.stdout.contains("app default: 1 segment, "), "{whole:?}");
    assert!(whole.stdout.ends_with("headwater-data is whole\n"), "{whole:?}");
    let json = crate::support::run(directory.path(), &["verify", "--json"]).stdout;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["whole"], &report["apps"][0]["documents"]), (&json!(true), &json!(1)));
    assert_eq!(report["credentials"], json!({"findings": [], "notes": []}));
}

#[test]
fn a_flipped_bit_of_one_apps_credentials_keeps_no_other_from_being_served() {
    let server = TestServer::start();
    assert!(server.run(&["app", "create", "shop"]).status.success());
    let directory = server.directory();
    server.terminate();
    let path = directory.path().join("headwater-data/credentials/shop/cluster.p12");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let server = TestServer::start_in(directory.clone(), &[]);
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    assert_eq!(server.post("/shop/api/v4/store/write", &susan()).0, 200, "its documents are whole");
    let (status, ready) = server.get("/health/ready");
    let told = ready.to_string();
    assert_eq!(status, 503, "{told}");
    assert!(told.contains("its credentials cannot be used") && told.contains("shop/cluster.p12"), "{told}");
    server.terminate();
    bytes[60] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(TestServer::start_in(directory, &[]).get("/health/ready").0, 200);
}

#[test]
fn verify_and_the_start_name_a_flipped_bit_of_the_credentials() {
    let server = TestServer::start();
    let directory = server.directory();
    server.terminate();
    assert!(directory.path().join("headwater-data/format.json").exists());
    for name in ["authority/users.json", "keys.json", "credentials/default/user.p12"] {
        let path = directory.path().join("headwater-data").join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[60] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let found = crate::support::run(directory.path(), &["verify"]);
        assert_eq!(found.code(), Some(1), "{name}: {found:?}");
        assert!(found.stdout.contains("DAMAGE: ") && found.stdout.contains(name), "{name}: {found:?}");
        let started = crate::support::run(
            directory.path(),
            &["serve", "--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"],
        );
        assert!(started.code() == Some(1) && started.stderr.contains(name), "{name}: {started:?}");
        bytes[60] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(crate::support::run(directory.path(), &["verify"]).code(), Some(0));
}

#[test]
fn groups_are_listed_and_described() {
    let server = TestServer::start();
    let none = server.run(&["groups", "list"]);
    assert_eq!(none.code(), Some(0), "{none:?}");
    assert_eq!(none.stdout, "no consumer groups: nobody has consumed this app's topics, or committed anything\n");
    let absent = server.run(&["groups", "describe", "billing"]);
    assert_eq!(absent.code(), Some(1));
    assert!(only_line(&absent.stderr).contains("has no group \"billing\""), "{absent:?}");

    for _ in 0..5 {
        assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    }
    assert!(server.run(&["events", "--group", "billing", "--from-beginning", "--max", "3"]).status.success());
    let listed = || -> Value { serde_json::from_str(&server.run(&["groups", "list", "--json"]).stdout).unwrap() };
    wait_until("its member has left", || listed()["groups"][0]["members"] == 0);
    let expected = json!({"groups": [{"group": "billing", "state": "Empty", "members": 0, "lag": 2, "lagSeconds": null,
        "gapAhead": false, "secondsUntilGap": null}]});
    assert_eq!(without_times(listed()), expected);

    let mut consumer = kcat(&server, "default");
    consumer.args(["-X", "auto.offset.reset=earliest", "-X", "client.id=till-7", "-u", "-G", "reports", TOPIC]);
    let consumer = Client::start(consumer);
    consumer.wait_for(5);
    let text = server.run(&["groups", "list"]).stdout;
    let columns: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns[0], ["GROUP", "STATE", "MEMBERS", "LAG", "LAG", "TIME", "GAP"], "{text}");
    assert_eq!(
        (columns[1][..4].to_vec(), columns[2][..3].to_vec()),
        (vec!["billing", "Empty", "0", "2"], vec!["reports", "Stable", "1"])
    );
    let stands = |line: &str, column: &str| line.find(column).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(stands(lines[0], "STATE"), stands(lines[2], "Stable"), "aligned: {text}");

    let described = server.run(&["groups", "describe", "reports", "--json"]).stdout;
    let described: Value = serde_json::from_str(&described).unwrap();
    let member = &described["members"][0];
    assert_eq!((&described["group"], &described["state"]), (&json!("reports"), &json!("Stable")));
    assert_eq!((&member["clientId"], &member["host"]), (&json!("till-7"), &json!("/127.0.0.1")), "{member}");
    let text = server.run(&["groups", "describe", "reports"]).stdout;
    assert!(text.starts_with("group reports, Stable\n\nMEMBER") && text.contains("till-7"), "{text}");

    let described = server.run(&["groups", "describe", "billing", "--json"]).stdout;
    let expected = json!({"group": "billing", "state": "Empty", "members": [], "partitions": [{"topic": TOPIC, "partition": 0,
        "committed": 3, "highWatermark": 5, "lag": 2, "lagSeconds": null, "gapAhead": false, "secondsUntilGap": null}]});
    assert_eq!(without_times(serde_json::from_str(&described).unwrap()), expected);
    let text = server.run(&["groups", "describe", "billing"]).stdout;
    assert!(text.contains("no members") && text.contains(TOPIC), "{text}");

    assert!(server.run(&["app", "create", "shop"]).status.success());
    assert!(server.run(&["groups", "list", "--app", "shop"]).stdout.starts_with("no consumer groups"));
    let absent = server.run(&["groups", "list", "--app", "nothing"]);
    assert!(absent.code() == Some(1) && only_line(&absent.stderr).contains("nothing"), "{absent:?}");
}

/// Times differ from run to run.
fn without_times(mut reply: Value) -> Value {
    for part in ["groups", "partitions"] {
        let parts = reply.get_mut(part).and_then(Value::as_array_mut);
        parts.into_iter().flatten().for_each(|part| part["lagSeconds"] = Value::Null);
    }
    reply
}
