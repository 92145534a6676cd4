//! What the pages show and do.

use axum::http::{Method, StatusCode, header};

use crate::browser::{Site, filled};

/// A page with its style sheet and scripts, in bytes (issue: at most 100 kB).
const PAGE_BYTES_MAX: usize = 100_000;

#[test]
fn every_page_with_its_assets_is_small() {
    let site = Site::new();
    site.write("people", "abc123", r#"{"name":"Susan"}"#);
    for n in 0..150 {
        let user = format!("user-{n}");
        let directory = site.directory.path().join("credentials/default/users").join(&user);
        let (endpoint, topic) = ("localhost:9", "user-consumable-default");
        if n < 3 {
            site.credentials.issue_user("default", &user, topic, endpoint, &directory, 1).unwrap();
        }
        let query = topics::LiveQuery {
            name: format!("a-live-query-of-some-length-{n}"),
            collection: Some("people".to_owned()),
            query: Some("age >= 18 && name != 'somebody or other'".to_owned()),
            query_language: topics::QueryLanguage::Legacy,
            partitions: 2,
            on_gap: topics::OnGap::Requery,
            compression: topics::Compression::None,
            permission: None,
            created_ms: 1,
        };
        let of_app = site.topics();
        site.runtime.block_on(of_app.create(query)).unwrap();
    }
    let mut admin = site.admin();
    for (_, path) in site.routes.clone().iter().filter(|(method, _)| method == Method::GET) {
        let answer = admin.get(&filled(path));
        if !answer.header(header::CONTENT_TYPE).starts_with("text/html") {
            continue;
        }
        let html = answer.text().to_owned();
        let assets = html.split('"').filter(|text| text.starts_with("/portal/assets/"));
        let mut addresses: Vec<&str> = assets.collect();
        addresses.sort_unstable();
        addresses.dedup();
        let weight: usize = addresses.iter().map(|address| admin.get(address).bytes.len()).sum();
        assert!(html.len() + weight <= PAGE_BYTES_MAX, "{path}: {} + {weight}", html.len());
        assert_eq!(html.matches("<h1").count(), usize::from(html.contains("<html")), "{path}");
        assert!(!html.contains(" style=") && !html.contains(" onclick="), "{path}");
    }
}

#[test]
fn assets_are_kept_by_their_hash() {
    let site = Site::new();
    let html = site.visitor().get("/portal/sign-in");
    let address = html.text().split('"').find(|text| text.contains("portal.css")).unwrap().to_owned();
    let asset = site.visitor().get(&address);
    assert_eq!(asset.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(asset.header(header::CONTENT_TYPE), "text/css; charset=utf-8");
    let tag = asset.header(header::ETAG).to_owned();
    let again = site.visitor().ask(Method::GET, &address, &[("if-none-match", &tag)], "");
    assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(site.visitor().get("/portal/assets/portal.css?old").header(header::CACHE_CONTROL), "no-cache");
}

#[test]
fn the_http_api_is_shown_at_the_endpoint_that_consumers_have() {
    let site = Site::new();
    let mut admin = site.admin();
    for (app, base) in [("default", ""), ("shop", "/shop")] {
        let page = admin.get(&format!("/portal/apps/{app}/settings"));
        let (_, endpoint) = page.text().split_once("<code id=\"endpoint\">").unwrap();
        let endpoint = endpoint.split('<').next().unwrap().to_owned();
        page.says(&format!("<code id=\"http-api\">https://{endpoint}{base}/api/v4</code>"));
    }
}

#[test]
fn downloads_are_the_files_on_disk() {
    let site = Site::new();
    let mut admin = site.admin();
    admin.post("/portal/apps/shop/certificates", &[("user", "warehouse")]);
    let credentials = site.directory.path().join("credentials/shop");
    for (query, directory) in [("", credentials.clone()), ("?user=warehouse", credentials.join("users/warehouse"))] {
        for file in ["cluster.p12", "user.p12", "ca.pem", "user.pem", "user.key"] {
            let answer = admin.get(&format!("/portal/apps/shop/settings/files/{file}{query}"));
            assert_eq!(answer.status, StatusCode::OK, "{file}{query}");
            assert_eq!(answer.bytes, std::fs::read(directory.join(file)).unwrap(), "{file}{query}");
            assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
            assert_eq!(answer.header(header::CONTENT_DISPOSITION), format!("attachment; filename=\"{file}\""));
        }
    }
    for path in
        ["live-query-settings.json", "..%2F..%2F..%2Fadmin.key", "users", "user.key?user=..", "user.key?user=nobody"]
    {
        let answer = admin.get(&format!("/portal/apps/shop/settings/files/{path}"));
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn damaged_files_are_not_handed_out() {
    let site = Site::new();
    let mut admin = site.admin();
    let path = site.directory.path().join("credentials/shop/cluster.p12");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    // As a start does.
    site.credentials.ensure_bundle("shop", "user-consumable-shop", "localhost:9", 1).unwrap_err();
    for page in ["settings", "settings/files/cluster.p12", "settings/files/user.p12?user=consumer"] {
        let answer = admin.get(&format!("/portal/apps/shop/{page}"));
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{page}");
        answer.says("it is damaged: it is not what was handed out");
    }
    admin.get("/portal/apps/default/settings").says("shop (damaged)");
    assert_eq!(admin.get("/portal/apps/default/settings/files/cluster.p12").status, StatusCode::OK);
}

#[test]
fn settings_have_the_words_of_the_page() {
    let site = Site::new();
    let mut admin = site.admin();
    let page = admin.get("/portal/apps/shop/settings");
    for words in
        ["Endpoint", "Kafka Topic", "Kafka Group", "Cluster Certificate", "User Certificate", "Download PKCS12"]
    {
        page.says(words);
    }
    let settings =
        std::fs::read_to_string(site.directory.path().join("credentials/shop/live-query-settings.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    for certificate in ["clusterCertificate", "userCertificate"] {
        page.says(settings[certificate]["password"].as_str().unwrap());
    }
    page.says("user-consumable-shop").says("localhost:9").says("$KAFKA/bin/kafka-console-consumer.sh \\");
}

#[test]
fn everything_that_a_consumer_needs_is_in_one_archive() {
    let site = Site::new();
    let mut admin = site.admin();
    admin.get("/portal/apps/shop/settings").says("/portal/apps/shop/settings/bundle.zip");
    let answer = admin.get("/portal/apps/shop/settings/bundle.zip");
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/zip");
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename=\"headwater-shop.zip\"");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.bytes.clone())).unwrap();
    let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    names.sort();
    let files = ["ca.pem", "cluster.p12", "consume.sh", "live-query-settings.json", "user.key", "user.p12", "user.pem"];
    assert_eq!(names, files.map(|file| format!("headwater-shop/{file}")));
    for file in files {
        let mut entry = archive.by_name(&format!("headwater-shop/{file}")).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        let stored = std::fs::read(site.directory.path().join("credentials/shop").join(file)).unwrap();
        assert!(bytes == stored, "{file}");
        let mode = if file == "consume.sh" { 0o700 } else { 0o600 };
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(mode), "{file}");
    }
    let of_nobody = admin.get("/portal/apps/shop/settings/bundle.zip?user=nobody");
    assert_eq!(of_nobody.status, StatusCode::NOT_FOUND);
}

#[test]
fn settings_say_what_has_arrived_so_far() {
    let site = Site::new();
    let mut admin = site.admin();
    let path = "/portal/apps/default/settings/received";
    admin.get("/portal/apps/default/settings").says("Waiting for the first event").says("Waiting for a consumer");
    assert!(!admin.get(path).text().contains("<html"));
    site.write("people", "abc123", r#"{"name":"Susan","age":31}"#);
    admin.get(path).says("The newest event").says("/portal/apps/default/events/user-consumable-default/0/0");
    assert_eq!(admin.get(&format!("{path}?topic=nothing")).status, StatusCode::NOT_FOUND);
}

#[test]
fn settings_of_each_consumer_are_reached_by_a_choice() {
    let site = Site::new();
    let mut admin = site.admin();
    let alone = admin.get("/portal/apps/default/settings");
    assert!(!alone.text().contains("name=\"user\""), "there is nothing to choose");
    admin.post("/portal/apps/default/certificates", &[("user", "warehouse")]);
    let both = admin.get("/portal/apps/default/settings");
    both.says("<option value=\"consumer\" selected>").says("<option value=\"warehouse\">");
    admin.get("/portal/apps/default/settings?user=warehouse").says("<option value=\"warehouse\" selected>");
}

#[test]
fn a_live_query_is_checked_made_changed_and_deleted() {
    let site = Site::new();
    site.write("people", "abc123", r#"{"name":"Susan","age":31}"#);
    site.write("people", "def456", r#"{"name":"Tom","age":7}"#);
    let mut admin = site.admin();
    let base = "/portal/apps/default/live-queries";
    let preview = admin.get(&format!("{base}/preview?collection=people&query=age+%3E%3D+18"));
    preview.says("1 of the 2 documents looked at matches now").says("Susan");
    assert!(!preview.text().contains("Tom") && !preview.text().contains("<html"));
    admin.get(&format!("{base}/preview?collection=people&query=age+%3E%3D")).says("column 7").says("      ^");
    let by_dql = |query: &str| format!("{base}/preview?collection=people&query-language=dql&query={query}");
    let preview = admin.get(&by_dql("age+BETWEEN+18+AND+99+AND+gone+IS+MISSING"));
    preview.says("1 of the 2 documents looked at matches now").says("Susan");
    admin.get(&by_dql("age+%3E+1+)")).says("line 1, column 9").says("        ^");
    let fields = [("name", "adults"), ("collection", "people"), ("query", "age >= 18"), ("partitions", "4")];
    let checked = admin.post(base, &[&fields[..], &[("act", "check")]].concat());
    checked.says("1 of the 2 documents").says("value=\"adults\"");
    assert_eq!(admin.get(&format!("{base}/adults")).status, StatusCode::NOT_FOUND, "checking makes nothing");
    let made = admin.post(base, &[&fields[..], &[("act", "create"), ("on-gap", "snapshot")]].concat());
    assert_eq!(made.location(), "/portal/apps/default/live-queries/adults");
    admin.get(made.location()).says("Created the live query adults").says("user-consumable-default.adults");
    admin.post(base, &fields).says("role=\"alert\"").says("adults").says("already");
    let bad = admin.post(base, &[("name", "Adults"), ("query", "age >="), ("partitions", "0")]);
    bad.says("A live query&#39;s name is").says("value=\"age &#62;=\"");
    assert_eq!(admin.post(&format!("{base}/adults/on-gap"), &[("on-gap", "requery")]).status, StatusCode::SEE_OTHER);
    let on_gap = || site.topics().live_queries()[1].on_gap;
    assert_eq!(on_gap(), topics::OnGap::Requery);
    assert_eq!(admin.post(&format!("{base}/adults/on-gap"), &[("on-gap", "x")]).status, StatusCode::BAD_REQUEST);
    let compression = format!("{base}/adults/compression");
    assert_eq!(admin.post(&compression, &[("compression", "zstd")]).status, StatusCode::SEE_OTHER);
    assert_eq!(site.topics().live_queries()[1].compression, topics::Compression::Zstd);
    admin.get(&format!("{base}/adults")).says("<option selected>zstd");
    assert_eq!(admin.post(&compression, &[("compression", "rar")]).status, StatusCode::BAD_REQUEST);
    let of_main = admin.post(&format!("{base}/main/compression"), &[("compression", "lz4")]);
    assert_eq!(of_main.status, StatusCode::BAD_REQUEST);
    assert_eq!(admin.post(&format!("{base}/main/delete"), &[]).status, StatusCode::BAD_REQUEST);
    assert_eq!(admin.post(&format!("{base}/adults/delete"), &[]).location(), base);
    admin.get(base).says("Deleted the live query adults");
    assert_eq!(admin.get(&format!("{base}/adults")).status, StatusCode::NOT_FOUND);
}

#[test]
fn an_index_is_made_shown_and_dropped() {
    let site = Site::new();
    site.write("people", "abc123", r#"{"name":"Susan","age":31}"#);
    let mut admin = site.admin();
    let base = "/portal/apps/default/indexes";
    admin.get(base).says("No index yet");
    let fields = [("name", "by-age"), ("collection", "people"), ("keys", "age, address.city desc")];
    assert_eq!(admin.post(base, &fields).location(), base);
    admin.get(base).says("Created the index by-age.").says("<code>age, address.city desc</code>").says(">ready</td>");
    let taken = admin.post(base, &[("name", "by-age"), ("collection", "people"), ("keys", "name")]);
    taken.says("There is another index by-age on people (age, address.city desc)").says("value=\"name\"");
    for (keys, told) in
        [("a[0]", "array"), ("", "1 to 8 keys"), ("_id", "_id"), ("a b c", "asc or desc"), ("n:up", "asc or desc")]
    {
        let refused = admin.post(base, &[("name", "x"), ("collection", "people"), ("keys", keys)]);
        refused.says(told);
    }
    let dropping = format!("{base}/people/by-age/drop");
    assert_eq!(admin.post(&dropping, &[]).location(), base);
    admin.get(base).says("Dropped the index by-age of people.").says("No index yet");
    assert_eq!(admin.post(&dropping, &[]).status, StatusCode::NOT_FOUND);
}

#[test]
fn a_live_query_is_made_by_dql() {
    let site = Site::new();
    let mut admin = site.admin();
    let form = [("name", "ageless"), ("query", "age IS MISSING"), ("query-language", "dql")];
    let made = admin.post("/portal/apps/default/live-queries", &form);
    admin.get(made.location()).says("age IS MISSING").says("DQL");
}

#[test]
fn a_live_query_named_as_a_route_has_its_page() {
    let site = Site::new();
    let mut admin = site.admin();
    let made = admin.post("/portal/apps/default/live-queries", &[("name", "preview")]);
    admin.get(made.location()).says("user-consumable-default.preview");
}

#[test]
fn a_certificate_is_issued_and_revoked() {
    let site = Site::new();
    let mut admin = site.admin();
    let base = "/portal/apps/default/certificates";
    let issued = admin.post(base, &[("user", "warehouse")]);
    assert_eq!(issued.location(), "/portal/apps/default/settings?user=warehouse");
    admin
        .get(issued.location())
        .says("Issued a certificate for warehouse")
        .says("for the user <strong>warehouse</strong>");
    for user in ["warehouse", "", "..", ".hidden", "a/b"] {
        let answer = admin.post(base, &[("user", user)]);
        answer.says("aria-invalid=\"true\"");
    }
    let serial = site.credentials.users(Some("default")).into_iter().find(|it| it.user == "warehouse").unwrap().serial;
    let elsewhere = admin.post(&format!("/portal/apps/shop/certificates/{serial}/revoke"), &[]);
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND, "it is another app's");
    assert!(!site.credentials.is_revoked(&serial));
    assert_eq!(admin.post(&format!("{base}/{serial}/revoke"), &[]).location(), base);
    assert!(site.credentials.is_revoked(&serial));
    admin.get(base).says("Revoked warehouse&#39;s certificate").says("badge bad\">revoked");
    let again = admin.post(base, &[("user", "warehouse")]);
    assert_eq!(again.location(), "/portal/apps/default/settings?user=warehouse", "a withdrawn name is issued again");
}

#[test]
fn a_key_is_made_and_its_secret_shown_once() {
    let site = Site::new();
    let mut admin = site.admin();
    let base = "/portal/apps/default/keys";
    admin.get(base).says("No key yet");
    let fields = [
        ("name", "till"),
        ("app-0", "shop"),
        ("collection-0", "orders"),
        ("permission-0", "read"),
        ("permission-0", "write"),
    ];
    let made = admin.post(base, &fields);
    let secret = made.text().split("id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let credentials::Principal::Key(key) = site.credentials.authenticate(&secret).unwrap() else { panic!("the admin") };
    assert!(key.grants[0].app == "shop" && key.grants[0].collection.as_deref() == Some("orders"));
    assert!(!site.admin().get(&format!("{base}?made")).text().contains(&secret), "another session is not told");
    let listed = admin.get(base);
    listed.says("shop/orders=read,write");
    assert!(!listed.text().contains(&secret));
    assert!(!admin.get(&format!("{base}?made")).text().contains(&secret), "it is forgotten");
    for fields in [&fields[..], &[("name", "none")], &[("name", "a b"), ("app-0", "*"), ("permission-0", "admin")]] {
        admin.post(base, fields).says("class=\"error\"");
    }
    assert_eq!(admin.post(&format!("{base}/till/revoke"), &[]).location(), base);
    assert!(site.credentials.authenticate(&secret).is_none());
}

const NORTH: &str = r#"{"read":{"queriesByCollection":{"orders":["_id.shop == 'north'"]}}}"#;

/// What is wrong is told at the field, and what was typed stays.
const WRONG_PERMISSIONS: [(&str, &str); 3] = [
    (
        r#"{"read":{"queriesByCollection":{"orders":["true","total > 3"]}}}"#,
        "query 1 of collection orders looks at fields",
    ),
    (r#"{"reed":{}}"#, "This is no permission document: unknown field `reed`"),
    (r#"{"read":{"queriesByCollection":{"orders":["_id =="]}}}"#, "query 0 of collection orders: "),
];

#[test]
fn a_key_is_made_with_a_permission_document() {
    let site = Site::new();
    let mut admin = site.admin();
    let base = "/portal/apps/default/keys";
    let fields =
        |permission| [("name", "north"), ("app-0", "default"), ("permission-0", "read"), ("permission", permission)];
    for (document, why) in WRONG_PERMISSIONS {
        let refused = admin.post(base, &fields(document));
        refused
            .says("id=\"permission-error\"")
            .says(&escaped(why))
            .says(&escaped(document))
            .says("aria-invalid=\"true\"");
        assert!(site.credentials.keys().is_empty(), "{document}");
    }
    admin.post(base, &fields(NORTH)).says("Created the key north.");
    let key = site.credentials.keys().remove(0);
    assert_eq!(key.permission.unwrap().read.queries_by_collection["orders"], ["_id.shop == 'north'"]);
    admin.get(base).says("restricted: some of 1 collection");
    let with_admin = [("name", "both"), ("app-0", "default"), ("permission-0", "admin"), ("permission", NORTH)];
    admin.post(base, &with_admin).says("cannot have admin");
}

#[test]
fn a_live_query_is_made_with_a_permission_document() {
    let site = Site::new();
    let mut admin = site.admin();
    let base = "/portal/apps/default/live-queries";
    let fields = |permission| [("name", "north"), ("collection", "orders"), ("permission", permission)];
    for (document, why) in WRONG_PERMISSIONS {
        let refused = admin.post(base, &fields(document));
        refused.says("id=\"permission-error\"").says(&escaped(why)).says(&escaped(document));
    }
    admin.post(base, &[("name", "all"), ("permission", NORTH)]).says("names its collection");
    assert_eq!(site.topics().live_queries().len(), 1, "the main feed alone");
    let made = admin.post(base, &fields(NORTH));
    admin.get(made.location()).says("those that one query grants").says("_id.shop == &#39;north&#39;");
    let carried = site.topics().live_queries()[1].permission.clone().unwrap();
    assert_eq!(carried.queries_by_collection["orders"], ["_id.shop == 'north'"]);
}

/// As it stands in a page.
fn escaped(text: &str) -> String {
    text.replace('"', "&#34;").replace('\'', "&#39;").replace('>', "&#62;")
}

#[test]
fn the_overview_leads_to_a_first_event_and_names_groups() {
    let site = Site::new();
    let mut admin = site.admin();
    let first = admin.get("/portal/apps/default/");
    first.says("From here to a first event").says("curl -X POST &#39;http://127.0.0.1:8080/api/v4/store/write&#39;");
    admin.get("/portal/apps/shop/").says("http://127.0.0.1:8080/shop/api/v4/store/write");
    let written = admin.post("/portal/apps/default/first-document", &[]);
    assert_eq!(written.location(), "/portal/apps/default/?guide=1");
    assert_eq!(site.app().events().high_watermark(), 1);
    admin.get("/portal/apps/default/?guide=1").says("consuming it failed");
    assert!(!admin.get("/portal/apps/default/").text().contains("From here to a first event"));
    let offset = store::CommittedOffset { offset: 0, leader_epoch: -1, metadata: String::new() };
    let offsets = vec![("user-consumable-default".to_owned(), 0, offset)];
    site.runtime.block_on(site.app().commit_offsets("warehouse", offsets)).unwrap();
    let now = admin.get("/portal/apps/default/now");
    now.says("warehouse").says("1 event");
    assert!(!now.text().contains("<html"));
}

#[test]
fn the_overview_tells_of_a_clock_that_jumped() {
    const HOUR_MS: i64 = 3_600_000;
    let site = Site::new();
    let mut admin = site.admin();
    let now = "/portal/apps/default/now";
    admin.get(now).says("Takes writes");
    site.set_clock_by(-2 * HOUR_MS);
    admin.get(now).says("Takes writes").says("clock was set back").says("has caught up, in 2 hours.");
    site.set_clock_by(5 * HOUR_MS);
    let refused = admin.get(now);
    refused
        .says("notice bad\"><strong>Writes are refused: the machine&#39;s clock jumped ahead by 5 h 0 min;")
        .says("headwater accept-clock");
    assert!(!refused.text().contains("Takes writes") && !refused.text().contains("set back"));
    let written = admin.post("/portal/apps/default/first-document", &[]);
    assert_eq!(written.status, StatusCode::SERVICE_UNAVAILABLE);
    written.says("set its clock right, or accept it as it is");
    site.data.clock().accept().1.unwrap();
    admin.get(now).says("Takes writes");
}

#[test]
fn the_api_docs_name_every_route_and_give_each_a_page() {
    let site = Site::new();
    let mut admin = site.admin();
    let page = admin.get("/portal/api-docs?app=shop");
    page.says("/api/v4/store/write").says("app <strong>shop");
    let description: serde_json::Value = serde_json::from_str(http_api::HttpApi::description()).unwrap();
    for (path, item) in description["paths"].as_object().unwrap() {
        page.says(path);
        for operation in item.as_object().unwrap().values().filter_map(|it| it["operationId"].as_str()) {
            let call = admin.get(&format!("/portal/api-docs/{operation}?app=shop"));
            assert_eq!(call.status, StatusCode::OK, "{operation}");
            call.says("curl -X ").says("<h2 id=\"answers\">Answers</h2>");
            assert!(call.bytes.len() < 60_000, "{operation}: {}", call.bytes.len());
            assert_eq!(call.text().contains("id=\"try\""), operation != "sync", "{operation}");
        }
    }
    let write = admin.get("/portal/api-docs/write?app=shop");
    write
        .says("X-DITTO-TXN-ID")
        .says("array of WriteCommand")
        .says("<code>Upsert</code>")
        .says("/{app}/api/v4/store/write");
    write.says("http://127.0.0.1:8080/shop/api/v4/store/write");
    admin.get("/portal/api-docs/count").says("string, 1 to 255 characters");
    assert_eq!(admin.get("/portal/api-docs/nothing").status, StatusCode::NOT_FOUND);
}

#[test]
fn a_call_is_tried_on_its_page() {
    let site = Site::new();
    site.write("people", "abc123", r#"{"name":"Susan"}"#);
    let mut admin = site.admin();
    let count =
        admin.post("/portal/api-docs/count?app=default", &[("body", r#"{"collection": "people", "query": "true"}"#)]);
    assert_eq!(count.status, StatusCode::OK);
    count.says("200 OK").says("&#34;count&#34;: 1");
    // The same checks as of any caller: a key that is none, what is asked for wrongly, what is not there.
    let denied = admin.post("/portal/api-docs/count?app=default", &[("key", "none"), ("body", "{}")]);
    denied.says("401 Unauthorized");
    admin.post("/portal/api-docs/count?app=default", &[("body", "{")]).says("400 Bad Request");
    let shop =
        admin.post("/portal/api-docs/count?app=shop", &[("body", r#"{"collection": "people", "query": "true"}"#)]);
    shop.says("&#34;count&#34;: 0").says("/shop/api/v4/store/count");
    // A parameter that is required, and a confirmation.
    let path = |call: &str| format!("/portal/api-docs/{call}?app=default");
    let missing = admin.post(&path("revokeKey"), &[("confirmed", "yes")]);
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    missing.says("name is required");
    let unconfirmed = admin.post(&path("revokeKey"), &[("parameter-0", "till")]);
    unconfirmed.says("Tick that it is meant");
    admin.post(&path("revokeKey"), &[("parameter-0", "a/../b"), ("confirmed", "yes")]).says("404 Not Found");
    // Nobody who is not signed in, and no form of another site.
    let outside = site.visitor().ask(Method::POST, &path("count"), &[], "body=%7B%7D");
    assert_ne!(outside.status, StatusCode::OK);
    let foreign = admin.ask(Method::POST, &path("count"), &[("origin", "http://evil.example")], "body=%7B%7D");
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}
