//! Permission documents: to whoever has one the rest is not there, in any route and any text, and stays as it is.
//!
//! The law: three stores that differ only in documents that a caller may not see answer that caller alike, byte for
//! byte but for txnIds; what is read is what an administrator reads where nothing else is; and a write changes what
//! may be written, and says exactly how much of the rest it met.

mod stores;

use credentials::{Permission, PermissionDocument};
use serde_json::{Value, json};

use self::stores::{COLLECTIONS, Random, Stores, documents_of, pick};
use crate::server::TestServer;

/// Requests in a test run; a few seconds.
const REQUESTS: usize = 400;

const LEGACY: [&str; 16] = [
    "true",
    "n > 3",
    "title == 'x'",
    "title == 'x' || title == 'y'",
    "_id == 'a1'",
    "_id == 'a1' || _id == 'h1' || _id == 'a2'",
    "_id == 'a1' && n > 0 || _id == 'h1' && n > 0",
    "_id.shop == 'north'",
    "_id.shop == 'north' && n < 4",
    "starts_with(_id, 'v')",
    "_id > 'a' && _id < 'i'",
    "tag == null",
    "at >= '2024-01-02'",
    "n > 1 && _id != 'a1'",
    "!(n == 2)",
    "false",
];

const SORTS: [&str; 6] = [
    "[]",
    r#"[{"property":"n"}]"#,
    r#"[{"property":"title","direction":"desc"},{"property":"n"}]"#,
    r#"[{"property":"_id","direction":"desc"}]"#,
    r#"[{"property":"at"}]"#,
    r#"[{"property":"long"}]"#,
];

const SELECTS: [&str; 22] = [
    "SELECT * FROM $c",
    "SELECT * FROM $c WHERE n > 2 ORDER BY n DESC LIMIT 3",
    "SELECT * FROM $c WHERE title = 'x' LIMIT 2 OFFSET 1",
    "SELECT _id FROM $c WHERE title = 'y' ORDER BY _id DESC",
    "SELECT _id FROM $c ORDER BY n",
    "SELECT n, title FROM $c ORDER BY title, n LIMIT 5",
    "SELECT COUNT(*) FROM $c",
    "SELECT COUNT(*) AS k, SUM(n) FROM $c WHERE n > 1",
    "SELECT COUNT(*) FROM $c WHERE title = 'x'",
    "SELECT COUNT(*) FROM $c WHERE n >= 2",
    "SELECT title, COUNT(*), AVG(n) FROM $c GROUP BY title",
    "SELECT title FROM $c GROUP BY title HAVING COUNT(*) > 2",
    "SELECT DISTINCT title FROM $c ORDER BY title",
    "SELECT MAX(n), MIN(title), MEDIAN(n) FROM $c",
    "SELECT * FROM $c USE IDS ('a1', 'h1', 'v2')",
    "SELECT * FROM $c WHERE _id = 'h1' OR _id = 'a2'",
    "SELECT * FROM $c WHERE _id LIKE 'v%'",
    "SELECT * FROM $c USE INDEX 'by_n' WHERE n > 0 ORDER BY n",
    "SELECT * FROM $c USE INDEX '' WHERE n = 1",
    "SELECT * FROM $c WHERE long > 'a' ORDER BY long LIMIT 4",
    "SELECT COUNT(at) FROM $c",
    "SELECT SUM(n) / (SUM(n) - SUM(n)) FROM $c",
];

const OF_THE_SYSTEM: [&str; 6] = [
    "SELECT name, documents FROM system:collections",
    "SELECT * FROM system:collections WHERE name = 'secret'",
    "SELECT COUNT(*) FROM system:collections",
    "SELECT * FROM system:indexes",
    "SELECT statement FROM system:active_requests",
    "EXPLAIN SELECT * FROM system:collections",
];

const CHANGES: [&str; 14] = [
    "INSERT INTO $c DOCUMENTS ({'_id':'$i','n':1,'title':'x'})",
    "INSERT INTO $c DOCUMENTS ({'_id':'$i','n':2}) ON ID CONFLICT DO NOTHING",
    "INSERT INTO $c DOCUMENTS ({'_id':'$i','n':3}) ON ID CONFLICT DO UPDATE RETURNING *",
    "INSERT INTO $c DOCUMENTS ({'_id':'$i','n':4}), ({'_id':'a1','n':5}) ON ID CONFLICT DO UPDATE_LOCAL_DIFF",
    "INSERT INTO $c INITIAL DOCUMENTS ({'_id':'$i','n':4})",
    "INSERT INTO $c DOCUMENTS ({'n':4})",
    "INSERT INTO $c SELECT * FROM $c WHERE n > 2 ON ID CONFLICT DO NOTHING",
    "UPDATE $c SET n = n + 1 WHERE n > 2",
    "UPDATE $c SET title = 'y' WHERE _id = '$i' RETURNING *",
    "UPDATE $c SET title = 'x' WHERE n < 5 ORDER BY n LIMIT 2 RETURNING _id, n",
    "UPDATE $c SET tag = 1 WHERE _id = '$i' OR _id = 'v1'",
    "DELETE FROM $c WHERE _id = '$i'",
    "DELETE FROM $c WHERE n > 8 LIMIT 1 RETURNING *",
    "DELETE FROM $c WHERE title = 'z' AND n > 3",
];

const IDS: [&str; 8] = ["a1", "a2", "h1", "h2", "v1", "v2", "new", "vnew"];

#[test]
fn what_may_not_be_read_is_not_there_and_what_may_not_be_written_stays() {
    let stores = Stores::start();
    let seed = std::env::var("PERMISSIONS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let requests = std::env::var("PERMISSIONS_REQUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(REQUESTS);
    let mut random = Random(seed);
    let mut next = None;
    for _ in 0..requests {
        let collection = pick(&mut random, &COLLECTIONS);
        match random.below(10) {
            0..=2 => next = find(&stores, &mut random, collection, next.take()),
            3 => ask_by_id(&stores, &mut random, collection),
            4..=5 => select(&stores, &mut random, collection),
            6 => {
                let statement = pick(&mut random, &OF_THE_SYSTEM);
                stores.alike("execute", &json!({ "statement": statement }));
            }
            7 => {
                let statement = statement(&mut random, &CHANGES, collection);
                stores.change("execute", &json!({ "statement": statement }));
            }
            8 => write_one(&stores, &mut random, collection),
            _ => write_several(&stores, &mut random),
        }
    }
}

/// The place behind the page, if there is more.
fn find(
    stores: &Stores,
    random: &mut Random,
    collection: &str,
    next: Option<(Value, Value)>,
) -> Option<(Value, Value)> {
    let (mut body, after) = next.unwrap_or_else(|| {
        let sort: Value = serde_json::from_str(pick(random, &SORTS)).unwrap();
        (json!({ "collection": collection, "query": pick(random, &LEGACY), "sort": sort }), Value::Null)
    });
    if random.below(4) == 0 {
        stores.read("count", &json!({ "collection": body["collection"], "query": body["query"] }));
    }
    if random.below(5) == 0 {
        let mut described = body.clone();
        described["describe"] = json!(true);
        described["limit"] = json!(1 + random.below(3));
        stores.alike("find", &described);
    }
    let first = body.clone();
    body["limit"] = json!(random.below(5));
    match after {
        Value::Null => body["offset"] = json!(random.below(3)),
        after => body["after"] = after,
    }
    let reply = stores.read("find", &body);
    let next = reply.get("next").cloned()?;
    Some((first, next))
}

fn ask_by_id(stores: &Stores, random: &mut Random, collection: &str) {
    let id = match random.below(3) {
        0 => json!({ "shop": pick(random, &["north", "east", "south"]), "k": random.below(6) }),
        _ => json!(pick(random, &IDS)),
    };
    stores.read("findbyid", &json!({ "collection": collection, "id": id }));
    stores.read("requery", &json!({ "documentId": id }));
    stores.read("requery", &json!({ "documentId": id, "collection": collection }));
}

fn statement(random: &mut Random, of: &[&str], collection: &str) -> String {
    pick(random, of).replace("$c", collection).replace("$i", pick(random, &IDS))
}

fn select(stores: &Stores, random: &mut Random, collection: &str) {
    let statement = statement(random, &SELECTS, collection);
    stores.read("execute", &json!({ "statement": statement }));
    stores.alike("execute", &json!({ "statement": format!("EXPLAIN {statement}") }));
    let change = self::statement(random, &CHANGES, collection);
    stores.alike("execute", &json!({ "statement": format!("EXPLAIN {change}") }));
}

/// One update or remove: what it meets is counted as an administrator would see it.
fn write_one(stores: &Stores, random: &mut Random, collection: &str) {
    let query = pick(random, &LEGACY);
    let set = json!([{ "method": "set", "path": "touched", "value": random.below(1000) }]);
    let is_update = random.below(4) > 0;
    let command = match is_update {
        true => json!({ "method": "update", "collection": collection, "query": query, "commands": set }),
        false => json!({ "method": "remove", "collection": collection, "query": format!("({query}) && n == 9") }),
    };
    let asked = json!({ "collection": collection, "query": command["query"] });
    let visible = documents_of(&stores.as_administrator("find", &asked));
    let may_write = |id: &&Value| stores.may_write(collection, id);
    let writable = visible.iter().filter(|(id, _)| may_write(&id)).count();
    let reply = stores.change("write", &json!({ "commands": [command] }));
    let result = &reply["results"][0];
    let done = if is_update { &result["updated"] } else { &result["deleted"] };
    assert_eq!((done, &result["permissionDenied"]), (&json!(writable), &json!(visible.len() - writable)), "{command}");
}

fn write_several(stores: &Stores, random: &mut Random) {
    let mut commands = Vec::new();
    for _ in 0..=random.below(3) {
        let (collection, id) = (pick(random, &COLLECTIONS), pick(random, &IDS));
        let value = json!({ "n": random.below(12), "title": pick(random, &["x", "y", "z"]) });
        commands.push(match random.below(6) {
            0 => json!({ "method": "upsert", "collection": collection, "id": id, "value": value }),
            1 => {
                let id = json!({ "shop": pick(random, &["north", "east"]), "k": random.below(6) });
                json!({ "method": "upsert", "collection": collection, "id": id, "value": value })
            }
            2 => json!({ "method": "upsert", "collection": "people", "id": format!("v{}", random.below(5)), "value": value }),
            3 => json!({ "method": "remove", "collection": collection, "id": id }),
            4 => json!({ "method": "upsert", "collection": collection, "value": value }),
            _ => {
                let set = json!([{ "method": "increment", "path": "k", "value": 1 }]);
                json!({ "method": "update", "collection": collection, "query": pick(random, &LEGACY), "commands": set })
            }
        });
    }
    stores.change("write", &json!({ "commands": commands }));
}

#[test]
fn one_upsert_that_is_not_allowed_leaves_all_unwritten() {
    let server = TestServer::start();
    server.upsert("books", "x9", r#"{"n":1}"#);
    let document = r#"{"read":{"queriesByCollection":{"books":["starts_with(_id, 'x')"]}},
                       "write":{"queriesByCollection":{"books":["_id == 'x1'", "_id == 'y1'"]}}}"#;
    let document: PermissionDocument = serde_json::from_str(document).unwrap();
    let key = server.restricted_key("rik", &[("*", None, &[Permission::Read, Permission::Write])], Some(document));
    let write = |commands: &str| {
        let body = format!(r#"{{"commands":[{commands}]}}"#);
        server.request("POST", "/api/v4/store/write").key(&key).body(body).send()
    };
    let upsert = |id: &str| format!(r#"{{"method":"upsert","collection":"books","id":"{id}","value":{{"n":2}}}}"#);
    for (id, why) in [("x9", "there, but not writable"), ("x2", "not there"), ("y1", "not readable"), ("z", "neither")]
    {
        let reply = write(&format!("{},{}", upsert("x1"), upsert(id)));
        let message =
            format!(r#"the key "rik" may not write a document "{id}" of the collection "books" in app "default""#);
        assert_eq!((reply.status, reply.message()), (403, message), "{why}");
    }
    let count = r#"{"collection":"books"}"#;
    let counted = |key: &str| server.request("POST", "/api/v4/store/count").key(key).body(count).send().body;
    assert!(counted(server.credentials.admin_key()).starts_with(r#"{"count":1,"#), "nothing was written");
    assert_eq!(write(&upsert("x1")).status, 200);
    let metrics = server.request("GET", "/metrics").key(&key).send();
    assert_eq!(metrics.status, 403, "the numbers tell of all documents: {}", metrics.body);
}
