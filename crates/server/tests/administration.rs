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
fn an_app_is_deleted_with_what_opened_it_and_its_consumers_are_cut_off() {
    let server = TestServer::start();
    assert_eq!(server.run(&["app", "create", "shop"]).code(), Some(0));
    assert_eq!(server.post("/shop/api/v4/store/write", &susan()).0, 200);
    let key = server.run(&["key", "create", "till", "--grant", "shop=read"]).stdout;
    let key = key.trim();
    let mut consumer = kcat(&server, "shop");
    consumer.args(["-C", "-t", "user-consumable-shop", "-o", "beginning", "-u"]);
    let consumer = Client::start(consumer);
    consumer.wait_for(1);

    let unasked = server.run(&["app", "delete", "shop"]);
    assert_eq!(unasked.code(), Some(2), "{unasked:?}");
    assert!(only_line(&unasked.stderr).ends_with("; to do it, add --yes"), "{unasked:?}");
    let deleted = server.run(&["app", "delete", "shop", "--yes"]);
    let said = "deleted app shop; revoked with it: 1 certificate, 1 API key (till)\n";
    assert_eq!((deleted.code(), &*deleted.stdout, &*deleted.stderr), (Some(0), said, ""));
    assert!(!server.data_dir().join("apps/shop").exists() && !server.data_dir().join("credentials/shop").exists());
    assert_eq!(server.post_with_key("/shop/api/v4/store/count", &json!({"collection": "people"}), Some(key)).0, 401);
    let again = server.run(&["app", "delete", "shop", "--yes"]);
    assert_eq!((again.code(), only_line(&again.stderr)), (Some(1), "headwater: there is no app \"shop\""));
    let default = server.run(&["app", "delete", "default", "--yes"]);
    assert!(only_line(&default.stderr).contains("default app \"default\" cannot be deleted"), "{default:?}");

    assert_eq!(server.run(&["app", "create", "shop"]).code(), Some(0));
    let admin = std::fs::read_to_string(server.data_dir().join("admin.key")).unwrap();
    let count = json!({"collection": "people"});
    let (status, counted) = server.post_with_key("/shop/api/v4/store/count", &count, Some(admin.trim()));
    assert_eq!((status, &counted["count"]), (200, &json!(0)), "a later one is empty");
    assert!(server.run(&["events", "--app", "shop", "--from-beginning", "--until-end"]).stdout.is_empty());
    assert_eq!(server.run(&["verify"]).code(), Some(0), "also while it runs");
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    let verified = crate::support::run(directory.path(), &["verify"]);
    assert_eq!(verified.code(), Some(0), "{verified:?}");
}

#[test]
fn on_a_terminal_an_app_is_deleted_by_its_name_alone() {
    let server = TestServer::start();
    assert_eq!(server.run(&["app", "create", "shop"]).code(), Some(0));
    let typed = |text: &str| {
        let delete = concat!(env!("CARGO_BIN_EXE_headwater"), " app delete shop");
        let mut terminal = std::process::Command::new("script");
        terminal.args(["-qefc", delete, "/dev/null"]).current_dir(server.directory().path());
        let mut terminal =
            terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut terminal.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let ended = terminal.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    let (code, said) = typed("yes\n");
    assert!(code == Some(1) && said.contains("nothing was done"), "{code:?} {said}");
    assert!(server.run(&["app", "list"]).stdout.contains("shop"));
    let (code, said) = typed("shop\n");
    assert!(code == Some(0) && said.contains("Type shop to do it: ") && said.contains("deleted app shop"), "{said}");
}

/// Wherever a kill comes, the whole app is there after a restart, or none, and then a later one is
/// empty and whole.
#[test]
fn a_kill_while_an_app_is_deleted_leaves_all_of_it_or_nothing() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let mut server = TestServer::start_in(directory.clone(), &[]);
    let count = |server: &TestServer| {
        server.post("/shop/api/v4/store/count", &json!({"collection": "people"})).1["count"].clone()
    };
    let (mut stayed, mut went) = (0, 0);
    for pause_ms in [0, 1, 3, 6, 10, 20, 40] {
        if server.run(&["app", "create", "shop"]).code() == Some(0) {
            assert_eq!(count(&server), 0);
            assert_eq!(server.post("/shop/api/v4/store/write", &susan()).0, 200);
        }
        let command = server.start_command(&["app", "delete", "shop", "--yes"]);
        // The moment is the point: the test holds for each.
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        server.kill();
        command.kill();
        let verified = crate::support::run(directory.path(), &["verify"]);
        assert_eq!(verified.code(), Some(0), "{verified:?}");
        server = TestServer::start_in(directory.clone(), &[]);
        if server.run(&["app", "list"]).stdout.contains("shop") {
            assert_eq!(count(&server), 1, "the whole app");
            let events = server.run(&["events", "--app", "shop", "--from-beginning", "--until-end"]);
            assert_eq!(events.stdout.lines().count(), 1, "its certificate opens it: {events:?}");
            stayed += 1;
        } else {
            assert!(!server.data_dir().join("credentials/shop").exists());
            went += 1;
        }
    }
    assert_eq!(stayed + went, 7);
}

#[test]
fn names_of_users_are_checked_alike() {
    let server = TestServer::start();
    let issued = server.run(&["credentials", "issue", "Ann@shop.example"]);
    assert_eq!(issued.code(), Some(0), "{issued:?}");
    for (name, why) in [(".ann", "does not begin with '.'"), ("a b", "a user's name is 1 to 64"), ("ä", "'@' and '-'")]
    {
        let refused = server.run(&["credentials", "issue", name]);
        assert!(refused.code() == Some(1) && only_line(&refused.stderr).contains(why), "{refused:?}");
    }
    let revoke = || server.run(&["credentials", "revoke", "Ann@shop.example"]).stdout;
    assert!(revoke().starts_with("revoked 1 certificate of Ann@shop.example: serial "));
    assert_eq!(revoke(), "every certificate of Ann@shop.example was revoked before\n");
}

#[test]
fn a_group_is_moved_and_deleted() {
    let server = TestServer::start();
    for _ in 0..5 {
        assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    }
    let read =
        || server.run(&["events", "--group", "billing", "--from-beginning", "--until-end"]).stdout.lines().count();
    assert_eq!((read(), read()), (5, 0));
    let planned = server.run(&["groups", "reset", "billing", "--to-earliest"]);
    assert!(planned.code() == Some(2) && planned.stdout.contains("5 events again"), "{planned:?}");
    assert!(only_line(&planned.stderr).contains("add --yes"), "{planned:?}");
    assert_eq!(read(), 0, "nothing was changed");
    let moved = server.run(&["groups", "reset", "billing", "--to-offset", "3", "--yes", "--json"]);
    let expected = json!({"group": "billing", "topic": TOPIC, "dryRun": false, "partitions": [{"partition": 0, "old": 5, "new": 3}]});
    assert_eq!(serde_json::from_str::<Value>(&moved.stdout).unwrap(), expected);
    assert_eq!(read(), 2);
    assert_eq!(server.run(&["groups", "reset", "billing", "--to-time", "1h", "--yes"]).code(), Some(0));
    assert_eq!(read(), 5);
    let ahead = server.run(&["groups", "reset", "billing", "--to-offset", "9", "--yes"]);
    assert!(only_line(&ahead.stderr).contains("offset 9 was not given out yet"), "{ahead:?}");
    let absent = server.run(&["groups", "reset", "billing", "--live-query", "nope", "--to-latest"]);
    assert!(only_line(&absent.stderr).contains("has no topic \"user-consumable-default.nope\""), "{absent:?}");

    let unasked = server.run(&["groups", "delete", "billing"]);
    assert!(
        unasked.code() == Some(2) && only_line(&unasked.stderr).contains("1 committed offset of billing"),
        "{unasked:?}"
    );
    let deleted = server.run(&["groups", "delete", "billing", "--yes"]);
    assert_eq!(deleted.stdout, "deleted group billing: 1 committed offset forgotten\n");
    assert!(server.run(&["groups", "list"]).stdout.starts_with("no consumer groups"));
    let again = server.run(&["groups", "delete", "billing", "--yes"]);
    assert!(only_line(&again.stderr).contains("has no group \"billing\""), "{again:?}");

    let mut consumer = kcat(&server, "default");
    consumer.args(["-X", "auto.offset.reset=earliest", "-u", "-G", "reports", TOPIC]);
    let consumer = Client::start(consumer);
    consumer.wait_for(5);
    let busy = server.run(&["groups", "reset", "reports", "--to-latest", "--yes"]);
    assert!(only_line(&busy.stderr).contains("has members at the moment: stop its consumers first"), "{busy:?}");
}

#[test]
fn the_status_says_how_the_server_does() {
    let server = TestServer::start();
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    assert_eq!(server.run(&["app", "create", "shop"]).code(), Some(0));
    assert!(server.run(&["events", "--group", "audit", "--from-beginning", "--max", "1"]).status.success());
    let text = server.run(&["status"]);
    assert_eq!(text.code(), Some(0), "{text:?}");
    for words in [
        server.run["http"].as_str().unwrap(),
        server.run["kafka"].as_str().unwrap(),
        "open where it is on loopback: no key was made",
        "not in use",
        "audit",
        "2 user certificates, the first ends 20",
        "free of",
    ] {
        assert!(text.stdout.contains(words), "{words:?} is not in {}", text.stdout);
    }
    let json: Value = serde_json::from_str(&server.run(&["status", "--json"]).stdout).unwrap();
    assert_eq!((&json["run"]["pid"], &json["keysNeeded"]), (&server.run["pid"], &json!(false)));
    assert_eq!(json["apps"][0]["documents"], 1, "{json}");
    assert_eq!((&json["apps"][1]["name"], &json["apps"][1]["open"]), (&json!("shop"), &json!(false)));
    assert_eq!((&json["groups"][0]["group"], &json["groups"][0]["lag"]), (&json!("audit"), &json!(0)));
    assert_eq!(server.get("/admin/v1/status").0, 401);
}

#[test]
fn the_doctor_tries_the_very_files_that_consumers_have() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = TestServer::start();
    assert_eq!(server.run(&["credentials", "issue", "till"]).code(), Some(0));
    let checks = |server: &TestServer| {
        let finished = server.run(&["doctor", "--json"]);
        let json: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
        let checks = json["checks"].as_array().unwrap().clone();
        let found = move |name: &str| {
            let found = checks.iter().find(|check| check["check"].as_str().unwrap().contains(name));
            let found = found.unwrap_or_else(|| panic!("no check {name} in {checks:?}"));
            (found["result"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
        };
        (finished.code(), found)
    };
    let (code, found) = checks(&server);
    // The machine that runs the tests may have a full disk or few open files.
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    for name in ["file modes", "clock", "server", "HTTP API", "admin key", "with credentials/default", "users/till"] {
        assert_eq!(found(name).0, "ok", "{name}: {}", found(name).1);
    }
    let text = server.run(&["doctor"]).stdout;
    assert!(text.lines().any(|line| line.starts_with("ok       file modes: ")), "{text}");

    assert_eq!(server.run(&["credentials", "revoke", "till"]).code(), Some(0));
    let key = server.data_dir().join("credentials/default/user.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, found) = checks(&server);
    assert_eq!(code, Some(1));
    assert!(found("file modes").1.contains("user.key (mode 0644)"), "{:?}", found("file modes"));
    let refused = found("users/till");
    assert!(refused.0 == "failed" && refused.1.contains("the server refused the user certificate"), "{refused:?}");
    let finished = server.run(&["doctor"]);
    assert!(finished.stderr.ends_with("2 checks failed\n"), "{finished:?}");

    let directory = server.directory();
    server.terminate();
    let alone = crate::support::run(directory.path(), &["doctor"]);
    assert!(alone.stdout.contains("warning  server: no server runs on"), "{alone:?}");
    let nowhere = crate::support::run(directory.path(), &["doctor", "--data-dir", "nowhere"]);
    assert!(nowhere.code() == Some(1) && nowhere.stdout.starts_with("failed   data directory: "), "{nowhere:?}");
}

#[test]
fn the_portal_is_opened_by_the_systems_own_program() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = TestServer::start();
    let directory = server.directory();
    let opener = directory.path().join("bin/xdg-open");
    std::fs::create_dir(opener.parent().unwrap()).unwrap();
    let open = || {
        let mut portal = crate::support::command(directory.path(), &["portal", "--open"]);
        portal.env("PATH", opener.parent().unwrap());
        crate::support::finish(portal)
    };
    let none = open();
    assert!(none.code() == Some(1) && only_line(&none.stderr).contains("cannot run xdg-open"), "{none:?}");
    let opened = directory.path().join("opened");
    std::fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let some = open();
    assert_eq!((some.code(), &*some.stdout), (Some(0), ""), "{some:?}");
    let link = std::fs::read_to_string(&opened).unwrap();
    assert!(link.contains("/portal/sign-in?token=") && !some.stderr.contains("token"), "{link} {some:?}");
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
    assert!(listed.contains("till  default/people=read,write  all        20") && !listed.contains(secret), "{listed}");
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
fn who_did_what_is_in_the_audit_log() {
    let server = TestServer::start();
    let secret = server.run(&["key", "create", "deploy", "--grant", "default=admin"]).stdout.trim().to_owned();
    server.run(&["app", "create", "shop"]);
    server.run(&["app", "create", "shop"]);
    let new = json!({"name": "adults", "collection": "people", "query": "age >= 18"});
    assert_eq!(server.post_with_key("/admin/v1/apps/default/live-queries", &new, Some(&secret)).0, 201);
    assert_eq!(server.post_with_key("/admin/v1/apps/shop/live-queries", &new, Some(&secret)).0, 403);
    assert_eq!(server.post_with_key("/admin/v1/keys", &json!({"name": "x"}), Some("no key")).0, 401);
    server.run(&["key", "list"]);

    let text = std::fs::read_to_string(server.data_dir().join("audit.log")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told =
        lines.iter().map(|line| ["action", "app", "target", "result"].map(|name| line[name].as_str().unwrap_or("")));
    let expected = [
        ["key.create", "", "deploy", "done"],
        ["app.create", "", "shop", "done"],
        ["app.create", "", "shop", "refused"],
        ["liveQuery.create", "default", "adults", "done"],
        ["liveQuery.create", "", "", "refused"],
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected, "what only looks, and who has no key, is not there");
    let sum = std::fs::read_to_string(server.data_dir().join("admin.key.sha256")).unwrap();
    let key = lines[0]["adminKey"].as_str().unwrap();
    assert!(key.len() == 8 && lines[3]["apiKey"] == "deploy" && lines[3]["via"] == "admin", "{text}");
    assert!(!text.contains(&secret) && !sum.is_empty() && lines[0]["address"] == "127.0.0.1", "{text}");
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
    assert_eq!(row("warehouse"), Some(6), "user, serial, the app, issued, expires");
    let revoked = server.run(&["credentials", "revoke", "warehouse"]);
    assert!(revoked.stdout.starts_with("revoked 1 certificate of warehouse: serial "), "{revoked:?}");
    assert_eq!(row("warehouse"), Some(7), "and when it was revoked");
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
    let running = server.run(&["verify"]);
    assert!(running.code() == Some(0) && running.stdout.contains("every checksum is right"), "{running:?}");
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
