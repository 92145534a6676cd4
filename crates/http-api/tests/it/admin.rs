//! `/admin/v1`: apps, keys, user certificates.

use serde_json::{Value, json};

use crate::server::{NOW_MS, Reply, TestServer};

pub(crate) fn admin(server: &TestServer, method: &str, path: &str, body: &str) -> Reply {
    server.request(method, path).key(server.credentials.admin_key()).body(body).send()
}

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

#[test]
fn apps() {
    let server = TestServer::start();
    let reply = admin(&server, "POST", "/admin/v1/apps", r#"{"name":"shop"}"#);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let start = r#"{"name":"shop","topic":"user-consumable-shop","group":"user-consumable-shop","endpoint":"localhost:9093","txnId":0,"credentials":""#;
    assert!(reply.body.starts_with(start), "{}", reply.body);
    let directory = json(&reply)["credentials"].as_str().unwrap().to_owned();
    for file in ["cluster.p12", "user.p12", "consume.sh", "live-query-settings.json"] {
        assert!(std::path::Path::new(&directory).join(file).exists(), "{file}");
    }
    assert_eq!(server.post("/shop/api/v4/store/count", r#"{"collection":"c"}"#).status, 200);
    let with_topics: Vec<_> =
        server.topics.all_opened().iter().map(|topics| topics.app().name().as_str().to_owned()).collect();
    assert_eq!(with_topics, ["shop"], "an app is opened, with its topics, when it is used");

    let names: Vec<_> = json(&admin(&server, "GET", "/admin/v1/apps", ""))["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| app["name"].clone())
        .collect();
    assert_eq!(names, [json!("default"), json!("shop")]);

    let reply = admin(&server, "POST", "/admin/v1/apps", r#"{"name":"shop"}"#);
    assert_eq!((reply.status, reply.message().as_str()), (409, r#"there is an app "shop" already"#));
    assert_eq!(admin(&server, "POST", "/admin/v1/apps", r#"{"name":"Shop!"}"#).status, 400);
    assert_eq!(admin(&server, "POST", "/admin/v1/apps", "{}").status, 400);
}

#[test]
fn collections_that_have_documents() {
    let server = TestServer::start();
    let list = |app: &str| admin(&server, "GET", &format!("/admin/v1/apps/{app}/collections"), "");
    assert_eq!(server.post("/api/v4/store/count", r#"{"collection":"c"}"#).status, 200);
    assert_eq!(list("default").pair(), (200, r#"{"collections":[]}"#));
    for (collection, id) in [("people", "a"), ("orders", "b"), ("people", "c"), ("gone", "d")] {
        server.upsert(collection, id, "{}");
    }
    server.write(r#"{"method":"remove","collection":"gone","id":"d"}"#);
    let expected = r#"{"collections":[{"name":"orders","documents":1},{"name":"people","documents":2}]}"#;
    assert_eq!(list("default").pair(), (200, expected));
    assert_eq!(list("nowhere").status, 404);
    assert_eq!(server.get("/admin/v1/apps/default/collections").status, 401);
}

#[test]
fn a_live_querys_compression_is_given_shown_and_changed() {
    let server = TestServer::start();
    let all = "/admin/v1/apps/default/live-queries";
    let made = admin(&server, "POST", all, r#"{"name":"a","compression":"lz4"}"#);
    assert_eq!((made.status, &json(&made)["compression"]), (201, &json!("lz4")), "{}", made.body);
    let made = admin(&server, "POST", all, r#"{"name":"b"}"#);
    assert!(made.status == 201 && !made.body.contains("compression"), "{}", made.body);
    let unknown = admin(&server, "POST", all, r#"{"name":"c","compression":"rar"}"#);
    assert_eq!(unknown.status, 400);
    assert!(unknown.message().contains("none, lz4, zstd, gzip, snappy"), "{}", unknown.body);

    let path = |name: &str| format!("{all}/{name}");
    let both = admin(&server, "PATCH", &path("b"), r#"{"onGap":"snapshot","compression":"zstd"}"#);
    assert_eq!((both.status, &json(&both)["compression"]), (200, &json!("zstd")), "{}", both.body);
    let one = admin(&server, "PATCH", &path("b"), r#"{"compression":"none"}"#);
    assert!(one.status == 200 && one.body.contains("snapshot") && !one.body.contains("compression"), "{}", one.body);
    assert_eq!(json(&admin(&server, "GET", &path("a"), ""))["compression"], "lz4");

    let of_main = admin(&server, "PATCH", &path("main"), r#"{"compression":"gzip"}"#);
    assert_eq!(of_main.status, 400);
    assert!(of_main.message().contains("the main feed is served as it is stored"), "{}", of_main.body);
    for body in [r#"{"query":"true"}"#, r#"{"compression":"lz4","partitions":2}"#] {
        let refused = admin(&server, "PATCH", &path("a"), body);
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains("make a new live query"), "{}", refused.body);
    }
    assert_eq!(admin(&server, "PATCH", &path("a"), "{}").status, 400);
}

#[test]
fn a_live_query_by_dql_says_so_and_refuses_what_is_none_with_its_place() {
    let server = TestServer::start();
    let all = "/admin/v1/apps/default/live-queries";
    let body = r#"{"name":"a","query":"n BETWEEN 1 AND 3 AND gone IS MISSING","queryLanguage":"dql"}"#;
    let made = admin(&server, "POST", all, body);
    let shown = r#""query":"n BETWEEN 1 AND 3 AND gone IS MISSING","queryLanguage":"dql","partitions":1"#;
    assert!(made.status == 201 && made.body.contains(shown), "{}", made.body);
    assert!(admin(&server, "GET", &format!("{all}/a"), "").body.contains(shown));
    let legacy = admin(&server, "POST", all, r#"{"name":"b","query":"n == 1","queryLanguage":"legacy"}"#);
    assert!(legacy.status == 201 && !legacy.body.contains("queryLanguage"), "{}", legacy.body);
    for (body, expected) in [
        (r#"{"name":"c","query":"n BETWEEN 1","queryLanguage":"dql"}"#, "at line 1, column"),
        (r#"{"name":"c","query":"n = 1 AND\n) ","queryLanguage":"dql"}"#, "at line 2, column 1"),
        (r#"{"name":"c","query":"n = :n","queryLanguage":"dql"}"#, "n"),
        (r#"{"name":"c","query":"n = 1","queryLanguage":"sql"}"#, "must be legacy or dql"),
    ] {
        let refused = admin(&server, "POST", all, body);
        assert!(refused.status == 400 && refused.message().contains(expected), "{}", refused.body);
    }
    let changed = admin(&server, "PATCH", &format!("{all}/b"), r#"{"queryLanguage":"dql"}"#);
    assert!(changed.status == 400 && changed.message().contains("make a new live query"), "{}", changed.body);
}

#[test]
fn a_live_query_has_a_permission_and_a_certificate_is_issued_for_it_alone() {
    let server = TestServer::start();
    let all = "/admin/v1/apps/default/live-queries";
    let read = json!({ "everything": false, "queriesByCollection": { "orders": ["_id.shop == 'north'"] } });
    let new = |name: &str, permission: Value| json!({ "name": name, "collection": "orders", "permission": permission });
    let both_halves = json!({ "read": read, "write": read });
    let made = admin(&server, "POST", all, &new("north", both_halves).to_string());
    assert_eq!((made.status, &json(&made)["permission"]), (201, &json!({ "read": read })), "{}", made.body);
    assert_eq!(json(&admin(&server, "GET", &format!("{all}/north"), ""))["permission"]["read"], read);
    let open = admin(&server, "POST", all, r#"{"name":"open","collection":"orders"}"#);
    assert!(open.status == 201 && !open.body.contains("permission"), "{}", open.body);

    let half = |query: &str| json!({ "read": { "queriesByCollection": { "orders": [query] } } });
    for (body, why) in [
        (new("x", half("total > 3")), "query 0 of collection orders looks at fields"),
        (new("x", half("_id ==")), "query 0 of collection orders: "),
        (new("x", json!({ "reed": {} })), "reed"),
        (new("x", json!({ "read": { "queriesByCollection": { "orders": "true" } } })), "must be an array"),
        (json!({ "name": "x", "permission": half("true") }), "names its collection"),
    ] {
        let refused = admin(&server, "POST", all, &body.to_string());
        assert!(refused.status == 400 && refused.message().contains(why), "{why}: {}", refused.body);
    }
    let changed = admin(&server, "PATCH", &format!("{all}/north"), &json!({ "permission": half("true") }).to_string());
    assert!(changed.status == 400 && changed.message().contains("make a new live query"), "{}", changed.body);

    let users = "/admin/v1/apps/default/credentials";
    let issued = admin(&server, "POST", users, r#"{"user":"ann","liveQueries":["north"]}"#);
    let (status, issued) = (issued.status, json(&issued));
    assert_eq!((status, &issued["liveQueries"]), (201, &json!(["north"])), "{issued}");
    assert_eq!(issued["settings"]["topic"], "user-consumable-default.north");
    for (names, status, why) in [
        (r#"["open"]"#, 400, "liveQueries: \"open\" has no permission"),
        (r#"["north","open"]"#, 400, "liveQueries: \"open\" has no permission"),
        (r#"["none"]"#, 404, "there is no live query named \"none\""),
        ("[]", 400, "must not be empty"),
    ] {
        let refused = admin(&server, "POST", users, &format!(r#"{{"user":"ben","liveQueries":{names}}}"#));
        assert!(refused.message().contains(why), "{names}: {}", refused.body);
        assert_eq!(refused.status, status, "{names}");
    }
    assert_eq!(admin(&server, "POST", users, r#"{"user":"warehouse"}"#).status, 201);
    let listed = json(&admin(&server, "GET", users, ""));
    let of = |user: &str| listed["credentials"].as_array().unwrap().iter().find(|one| one["user"] == user);
    assert_eq!(of("ann").unwrap()["liveQueries"], json!(["north"]));
    assert_eq!((of("warehouse").unwrap().get("liveQueries"), of("ben")), (None, None));
}

#[test]
fn a_damaged_app_is_told_everywhere_and_concerns_no_other() {
    let server = TestServer::start();
    assert_eq!(admin(&server, "POST", "/admin/v1/apps", r#"{"name":"shop"}"#).status, 201);
    std::fs::remove_dir_all(server.data_dir.path().join("apps/shop")).unwrap();
    let reply = server.post("/shop/api/v4/store/count", r#"{"collection":"c"}"#);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", reply.body);
    let message = reply.message();
    assert!(message.starts_with("app \"shop\" cannot be opened: ") && message.contains("is missing"), "{message}");
    let ready = server.get("/health/ready");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("shop") && ready.body.contains("is missing"), "{}", ready.body);
    assert!(server.get("/metrics").body.contains("headwater_app_damaged{app=\"shop\"} 1"));
    let listed = json(&admin(&server, "GET", "/admin/v1/apps", ""));
    assert!(listed["apps"][1]["damaged"].as_str().unwrap().contains("is missing"), "{listed}");
    assert_eq!(listed["apps"][0].get("damaged"), None);
    assert_eq!(server.post("/api/v4/store/count", r#"{"collection":"c"}"#).status, 200);
    assert_eq!(server.post("/none/api/v4/store/count", r#"{"collection":"c"}"#).status, 404);
    assert_eq!(admin(&server, "GET", "/admin/v1/apps/shop/credentials", "").status, 200);
    assert!(!server.data_dir.path().join("apps/shop").exists(), "no fresh start");
}

#[test]
fn keys() {
    let server = TestServer::start();
    let body = r#"{"name":"ci","grants":[{"app":"default","collection":"people","permissions":["read"]},{"app":"*","permissions":["write"]}]}"#;
    let reply = admin(&server, "POST", "/admin/v1/keys", body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let secret = json(&reply)["secret"].as_str().unwrap().to_owned();
    let listed = format!(
        r#"{{"name":"ci","grants":[{{"app":"default","collection":"people","permissions":["read"]}},{{"app":"*","permissions":["write"]}}],"createdMs":{NOW_MS}"#
    );
    assert_eq!(reply.body, format!(r#"{listed},"secret":"{secret}"}}"#));
    let find = || server.request("POST", "/api/v4/store/find").key(&secret).body(r#"{"collection":"people"}"#).send();
    assert_eq!(find().status, 200);

    let reply = admin(&server, "GET", "/admin/v1/keys", "");
    assert_eq!(reply.pair(), (200, format!(r#"{{"keys":[{listed}}}]}}"#).as_str()));
    let reply = admin(&server, "POST", "/admin/v1/keys", body);
    assert_eq!((reply.status, reply.message().as_str()), (409, r#"there is a key named "ci" already"#));
    assert_eq!(
        admin(&server, "POST", "/admin/v1/keys", r#"{"name":"a b","grants":[{"app":"*","permissions":["read"]}]}"#)
            .status,
        400
    );

    let reply = admin(&server, "DELETE", "/admin/v1/keys/ci", "");
    assert_eq!(reply.pair(), (200, r#"{"revoked":"ci"}"#));
    assert_eq!(find().status, 401);
    let reply = admin(&server, "DELETE", "/admin/v1/keys/ci", "");
    assert_eq!((reply.status, reply.message().as_str()), (404, r#"there is no key named "ci""#));
}

#[test]
fn user_certificates() {
    let server = TestServer::start();
    let path = "/admin/v1/apps/default/credentials";
    let reply = admin(&server, "POST", path, r#"{"user":"warehouse"}"#);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let issued = json(&reply);
    assert_eq!((&issued["user"], &issued["app"]), (&json!("warehouse"), &json!("default")));
    let directory = std::path::Path::new(issued["directory"].as_str().unwrap());
    assert!(directory.join("user.p12").exists());
    let settings: Value =
        serde_json::from_slice(&std::fs::read(directory.join("live-query-settings.json")).unwrap()).unwrap();
    assert_eq!(issued["settings"], settings, "the reply holds what the file holds");

    let listed = json(&admin(&server, "GET", path, ""));
    let listed = listed["credentials"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["serial"] == issued["serial"] && one.get("revokedMs").is_none()));

    let reply = admin(&server, "DELETE", &format!("{path}/warehouse"), "");
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(json(&reply)["revoked"][0]["serial"], issued["serial"]);
    assert_eq!(json(&reply)["revoked"][0]["revokedMs"], NOW_MS);
    assert!(server.credentials.is_revoked(issued["serial"].as_str().unwrap()));

    assert_eq!(admin(&server, "DELETE", &format!("{path}/nobody"), "").status, 404);
    assert_eq!(admin(&server, "POST", path, r#"{"user":"../x"}"#).status, 400);
    for (method, path) in [
        ("GET", "/admin/v1/apps/none/credentials"),
        ("POST", "/admin/v1/apps/none/credentials"),
        ("DELETE", "/admin/v1/apps/none/credentials/x"),
    ] {
        assert_eq!(admin(&server, method, path, r#"{"user":"x"}"#).status, 404, "{method}");
    }
}

#[test]
fn a_certificates_files_go_where_the_operator_says() {
    let server = TestServer::start();
    let elsewhere = tempfile::tempdir().unwrap();
    let directory = elsewhere.path().join("files");
    let body = json!({ "user": "warehouse", "directory": directory }).to_string();
    let reply = admin(&server, "POST", "/admin/v1/apps/default/credentials", &body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert!(directory.join("user.p12").exists());
    let body = json!({ "user": "other", "directory": directory }).to_string();
    let reply = admin(&server, "POST", "/admin/v1/apps/default/credentials", &body);
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("files is not empty"), "{}", reply.body);
}

#[test]
fn only_the_admin_key_names_a_directory_and_none_of_the_servers() {
    let server = TestServer::start();
    let path = "/admin/v1/apps/default/credentials";
    let key = server.key("shopkeeper", &[("default", None, &[credentials::Permission::Admin])]);
    let elsewhere = tempfile::tempdir().unwrap();
    let body = |directory: &std::path::Path| json!({ "user": "till", "directory": directory }).to_string();
    let own = server.data_dir.path().join("credentials/default/users/till");
    for directory in [elsewhere.path().join("files"), own.clone()] {
        let reply = server.request("POST", path).key(&key).body(body(&directory)).send();
        assert_eq!((reply.status, reply.message().as_str()), (403, "only the admin key may name a directory"));
        assert!(!directory.exists());
    }
    for place in [".keys.json.tmp", "credentials/next", "credentials/default/users/other", "new/deep"] {
        let directory = server.data_dir.path().join(place);
        let reply = admin(&server, "POST", path, &body(&directory));
        assert!(reply.status == 400 && reply.message().contains("is in the server's data directory"), "{}", reply.body);
        assert!(!directory.exists() && !server.data_dir.path().join("new").exists(), "{place}");
    }
    let reply = server.request("POST", path).key(&key).body(r#"{"user":"till"}"#).send();
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert!(own.join("user.p12").exists());
}

#[test]
fn a_withdrawn_name_is_issued_again() {
    let server = TestServer::start();
    for _ in 0..2 {
        let reply = admin(&server, "POST", "/admin/v1/apps/default/credentials", r#"{"user":"till"}"#);
        assert_eq!(reply.status, 201, "{}", reply.body);
        assert_eq!(admin(&server, "DELETE", "/admin/v1/apps/default/credentials/till", "").status, 200);
    }
}

#[test]
fn what_a_key_closed_is_opened_again_by_who_has_the_admin_key_and_the_disk() {
    let server = TestServer::start();
    let proof = || credentials::DiskProof::leave(server.data_dir.path()).unwrap();
    let body = |proof: &credentials::DiskProof| json!({ "file": proof.file, "text": proof.text }).to_string();
    let open_again = || admin(&server, "POST", "/admin/v1/open-again", &body(&proof()));
    assert_eq!(open_again().pair(), (200, r#"{"keys":[]}"#));
    let key = server.key("all", &[("*", None, &[credentials::Permission::Admin])]);
    let request = server.request("POST", "/admin/v1/open-again").key(&key);
    assert_eq!(request.body(body(&proof())).send().status, 403);
    let reply = open_again();
    assert_eq!((reply.status, reply.message().as_str()), (409, "there are API keys (all); revoke them first"));
    server.credentials.revoke_key("all").unwrap();
    // From this machine, with the admin key, as through a proxy on it.
    let guessed = credentials::DiskProof { text: "x".repeat(64), ..proof() };
    for (body, status) in [
        (String::new(), 400),
        ("{}".to_owned(), 400),
        (body(&guessed), 403),
        (json!({ "file": "admin.key", "text": server.credentials.admin_key() }).to_string(), 403),
    ] {
        let reply = admin(&server, "POST", "/admin/v1/open-again", &body);
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        assert!(!server.api.is_open(server.address), "{body}");
    }
    assert_eq!(open_again().status, 200);
    assert!(server.api.is_open(server.address));
}

#[test]
fn groups() {
    let server = TestServer::start();
    let list = || admin(&server, "GET", "/admin/v1/apps/default/groups", "");
    assert_eq!(list().pair(), (200, r#"{"groups":[]}"#));
    for n in 0..5 {
        server.upsert("people", &n.to_string(), "{}");
    }
    let at = store::CommittedOffset { offset: 3, leader_epoch: -1, metadata: String::new() };
    let offsets = vec![("user-consumable-default".to_owned(), 0, at)];
    server.runtime.block_on(server.app().commit_offsets("a/b", offsets)).unwrap();
    *server.groups.0.lock().unwrap() = vec![operations::ConsumerGroup {
        name: "tills".to_owned(),
        state: "Stable".to_owned(),
        protocol: "range".to_owned(),
        members: vec![operations::GroupMember {
            id: "till-1".to_owned(),
            client_id: "till".to_owned(),
            host: "/192.0.2.7".to_owned(),
            instance_id: None,
            assigned: Vec::new(),
        }],
    }];
    let listed = json(&list());
    assert_eq!(listed["groups"][0]["group"], "a/b");
    assert_eq!((&listed["groups"][0]["state"], &listed["groups"][0]["lag"]), (&json!("Empty"), &json!(2)));
    let tills = json!({
        "group": "tills", "state": "Stable", "members": 1, "lag": 0, "lagSeconds": null, "gapAhead": false,
        "secondsUntilGap": null
    });
    assert_eq!(listed["groups"][1], tills);

    let of = |app: &str, group: &str| admin(&server, "GET", &format!("/admin/v1/apps/{app}/groups/{group}"), "");
    let described = json(&of("default", "a%2Fb"));
    let partition = &described["partitions"][0];
    assert_eq!(
        (&partition["committed"], &partition["highWatermark"], &partition["lag"], &partition["gapAhead"]),
        (&json!(3), &json!(5), &json!(2), &json!(false))
    );
    let members = json!([{"memberId": "till-1", "clientId": "till", "host": "/192.0.2.7"}]);
    assert_eq!(json(&of("default", "tills"))["members"], members);
    let absent = of("default", "nobody");
    assert_eq!(absent.status, 404);
    assert!(absent.message().contains("\"nobody\""), "{}", absent.body);
    assert_eq!(of("none", "tills").status, 404);
    assert_eq!(server.get("/admin/v1/apps/default/groups").status, 401);
    assert_eq!(admin(&server, "POST", "/admin/v1/apps/default/groups", "{}").status, 405);
    let of_default = server.key("ops", &[("default", None, &[credentials::Permission::Admin])]);
    let ask = |path: &str| server.request("GET", path).key(&of_default).send().status;
    assert_eq!(ask("/admin/v1/apps/default/groups"), 200);
    assert_eq!(ask("/admin/v1/apps/shop/groups"), 403);
}
