//! Three stores in one server that hold the same documents for somebody with a permission document, and beside them:
//! many, others, none.

use std::collections::BTreeMap;

use credentials::{Permission, PermissionDocument};
use document::{CollectionName, DocumentId};
use permissions::DocumentRights;
use serde_json::{Value, json};

use crate::server::TestServer;

pub(super) const COLLECTIONS: [&str; 5] = ["books", "cars", "people", "secret", "nowhere"];

/// The app without documents that may not be read is the last.
const APPS: [&str; 3] = ["apricot-one", "blackcurrant-two", "cherry-three"];

const PERMISSION: &str = r#"{
    "read": {"queriesByCollection": {
        "books": ["_id.shop == 'north'", "_id.shop == 'east'", "_id == 'a1'", "starts_with(_id, 'v')"],
        "cars": ["_id == 'a1'", "_id == 'a2'", "_id == 'v1'", "_id == 'never'"],
        "people": ["true"]
    }},
    "write": {"queriesByCollection": {
        "books": ["_id.shop == 'north'", "_id == 'a1'", "_id == 'h1'"],
        "cars": ["_id == 'a2'", "_id == 'never'"],
        "people": ["starts_with(_id, 'v')"],
        "secret": ["true"]
    }}
}"#;

pub(super) struct Stores {
    server: TestServer,
    key: String,
    rights: DocumentRights,
}

type Documents = BTreeMap<String, (Value, Value)>;

/// Xorshift: the same seed, the same requests.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

pub(super) fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[random.below(of.len())]
}

impl Stores {
    pub(super) fn start() -> Self {
        let server = TestServer::start();
        let document: PermissionDocument = serde_json::from_str(PERMISSION).unwrap();
        let rights = DocumentRights::compile(&document).unwrap();
        let both = [Permission::Read, Permission::Write];
        let key = server.restricted_key("rik", &[("*", None, &both)], Some(document));
        let it = Self { server, key, rights };
        for (n, app) in APPS.iter().enumerate() {
            it.server.data_dir.create_app(&store::AppName::new(app).unwrap()).unwrap();
            it.fill(app, n);
        }
        it
    }

    /// What is there for the key is the same in each app. What else there is changes what could be known of the
    /// indexes: how many entries, whether there are nulls, dates, lists, and texts that are cut.
    fn fill(&self, app: &str, n: usize) {
        let upsert = |collection: &str, id: Value, value: Value| json!({ "method": "upsert", "collection": collection, "id": id, "value": value });
        let value = |k: usize| {
            let title = ["x", "y", "z"][k % 3];
            json!({ "n": k % 10, "title": title, "at": format!("2024-01-0{}", 1 + k % 4), "long": "l".repeat(k) })
        };
        let mut commands = Vec::new();
        for k in 0..6 {
            commands.push(upsert("books", json!({ "shop": "north", "k": k }), value(k)));
            commands.push(upsert("books", json!({ "shop": "east", "k": k }), value(k + 3)));
            commands.push(upsert("people", json!(format!("v{k}")), value(k)));
            commands.push(upsert("people", json!(format!("w{k}")), value(k + 1)));
        }
        for id in ["a1", "v1", "v2"] {
            commands.push(upsert("books", json!(id), value(7)));
        }
        commands.extend(["a1", "v1"].map(|id| upsert("cars", json!(id), value(8))));
        for k in 0..[40, 3, 0][n] {
            for collection in ["books", "cars", "secret"] {
                let odd = match (n, k % 3) {
                    (0, 0) => json!({ "n": null, "title": ["x"], "at": "2024-01-01T00:00:00+02:00" }),
                    (0, 1) => json!({ "n": "2024-01-01", "at": "no time", "long": "l".repeat(2_000) }),
                    _ => value(k + n),
                };
                commands.push(upsert(collection, json!(format!("h{k}")), odd));
                commands.push(upsert(collection, json!({ "shop": "south", "k": k }), value(k)));
            }
        }
        self.ask(app, self.server.credentials.admin_key(), "write", &json!({ "commands": commands }));
        for (name, keys) in [("by_n", "n"), ("by_title", "title, n"), ("by_at", "at"), ("by_long", "long")] {
            for collection in ["books", "cars", "people"] {
                let statement = format!("CREATE INDEX {name} ON {collection} ({keys})");
                let made =
                    self.ask(app, self.server.credentials.admin_key(), "execute", &json!({ "statement": statement }));
                assert_eq!(made.0, 200, "{}", made.1);
            }
        }
    }

    /// Without what differs in any case: txnIds and the app's own name.
    fn ask(&self, app: &str, key: &str, call: &str, body: &Value) -> (u16, String) {
        let path = format!("/{app}/api/v4/store/{call}");
        let reply = self.server.request("POST", &path).key(key).body(body.to_string()).send();
        let mut masked = reply.body.replace(app, "APP");
        for name in [r#""txnId":"#, r#""transactionId":"#] {
            let mut parts = masked.split(name).map(str::to_owned).collect::<Vec<_>>().into_iter();
            let first = parts.next().unwrap_or_default();
            masked = parts.fold(first, |all, part| all + name + part.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        (reply.status, masked)
    }

    /// Asks all; they must answer the same.
    pub(super) fn alike(&self, call: &str, body: &Value) -> (u16, String) {
        let [one, two, three] = APPS.map(|app| self.ask(app, &self.key, call, body));
        assert_eq!(one, two, "{call} {body}");
        assert_eq!(two, three, "{call} {body}");
        assert_ne!(one.0, 500, "{}", one.1);
        one
    }

    /// And as who may read everything, where nothing else is.
    pub(super) fn read(&self, call: &str, body: &Value) -> Value {
        let own = self.alike(call, body);
        let parse = |text: &str| {
            serde_json::from_str::<Value>(&text.replace(r#"Id":,"#, r#"Id":0,"#).replace(r#"Id":}"#, r#"Id":0}"#))
        };
        let (all, own_json) =
            (self.ask(APPS[2], self.server.credentials.admin_key(), call, body), parse(&own.1).unwrap());
        assert_eq!((own.0, &own_json), (all.0, &parse(&all.1).unwrap()), "{call} {body}");
        own_json
    }

    pub(super) fn as_administrator(&self, call: &str, body: &Value) -> String {
        self.ask(APPS[2], self.server.credentials.admin_key(), call, body).1
    }

    /// Asks all for what may change documents; only such as may be written do.
    pub(super) fn change(&self, call: &str, body: &Value) -> Value {
        let before = APPS.map(|app| self.all(app));
        let reply = self.alike(call, body);
        let after = APPS.map(|app| self.all(app));
        for (before, after) in before.iter().zip(&after) {
            let ids = before.keys().chain(after.keys());
            for id in ids.filter(|id| before.get(*id) != after.get(*id)) {
                let (collection, id) = id.split_once(' ').unwrap();
                let id = serde_json::from_str(id).unwrap();
                assert!(self.may_write(collection, &id), "{body} changed {id} of {collection}");
                assert_eq!(reply.0, 200, "{body}: {}", reply.1);
            }
        }
        let [one, two, three] = after.map(|all| self.visible(all));
        assert_eq!(one, two, "{body}");
        assert_eq!(two, three, "{body}");
        serde_json::from_str(&reply.1.replace(r#"Id":,"#, r#"Id":0,"#).replace(r#"Id":}"#, r#"Id":0}"#)).unwrap()
    }

    fn all(&self, app: &str) -> Documents {
        let of_collection = |collection: &&str| {
            let reply =
                self.ask(app, self.server.credentials.admin_key(), "find", &json!({ "collection": collection }));
            documents_of(&reply.1)
                .into_iter()
                .map(|(id, fields)| (format!("{collection} {id}"), (id, fields)))
                .collect::<Vec<_>>()
        };
        COLLECTIONS.iter().flat_map(of_collection).collect()
    }

    fn visible(&self, all: Documents) -> Documents {
        let is_visible = |key: &str, id: &Value| {
            let (collection, _) = key.split_once(' ').unwrap();
            self.rights.may_read(&CollectionName::new(collection).unwrap(), &id_of(id))
        };
        all.into_iter().filter(|(key, (id, _))| is_visible(key, id)).collect()
    }

    pub(super) fn may_write(&self, collection: &str, id: &Value) -> bool {
        self.rights.may_write(&CollectionName::new(collection).unwrap(), &id_of(id))
    }
}

fn id_of(id: &Value) -> DocumentId {
    DocumentId::from_value(&document::Value::from_json(id.to_string().as_bytes()).unwrap()).unwrap()
}

/// What a find answered, ids and fields.
pub(super) fn documents_of(reply: &str) -> Vec<(Value, Value)> {
    let reply: Value = serde_json::from_str(&reply.replace(r#""txnId":}"#, r#""txnId":0}"#)).unwrap();
    let documents = reply["documents"].as_array().unwrap().iter();
    documents.map(|document| (document["id"].clone(), document["fields"].clone())).collect()
}
