//! The HTTP API as `/openapi.json` describes it, taken apart: its calls, by group.
//!
//! Read once: the description is part of the binary.
//! Not here: schemas (`schema`), showing it (`page::api_docs`), making a call (`page::api_call`).

mod schema;

use serde_json::Value;

pub(crate) use schema::{Field, Type};
use schema::{Types, resolve, text_of};

/// The whole of it, by tag.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub(crate) version: String,
    pub(crate) about: String,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) routes: Vec<Route>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) id: String,
    pub(crate) method: String,
    /// One for each base.
    pub(crate) paths: Vec<String>,
    pub(crate) summary: String,
    pub(crate) about: String,
    pub(crate) parameters: Vec<Field>,
    /// Whether it takes a body.
    pub(crate) has_body: bool,
    pub(crate) body: Vec<Field>,
    /// A body that works.
    pub(crate) example: Option<String>,
    pub(crate) replies: Vec<Reply>,
    /// What the body and the replies name.
    pub(crate) types: Vec<Type>,
}

/// What a call answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: String,
    pub(crate) about: String,
    /// The name of its body's type; empty if it has none.
    pub(crate) kind: String,
    pub(crate) example: Option<String>,
}

impl Description {
    /// Reads an OpenAPI 3.1 document; what it lacks is left out.
    pub(crate) fn read(text: &str) -> Self {
        let Ok(whole) = serde_json::from_str::<Value>(text) else { return Self::default() };
        let mut routes = routes(&whole);
        // As they were written: what is asked for most stands first.
        routes.sort_by_key(|(path, ..)| text.find(&format!("{path:?}")));
        let tags = whole["tags"].as_array().into_iter().flatten();
        let mut groups: Vec<Group> = tags
            .map(|tag| Group { name: text_of(&tag["name"]), about: text_of(&tag["description"]), routes: vec![] })
            .collect();
        for (_, tag, route) in routes {
            if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
                group.routes.push(route);
            }
        }
        Self { version: text_of(&whole["info"]["version"]), about: text_of(&whole["info"]["description"]), groups }
    }

    /// The call of that name, with its group.
    pub(crate) fn find(&self, id: &str) -> Option<(&Group, &Route)> {
        self.groups.iter().find_map(|group| Some((group, group.routes.iter().find(|route| route.id == id)?)))
    }
}

impl Route {
    /// Whether it takes something away or shuts somebody out: a page asks twice.
    pub(crate) fn is_dangerous(&self) -> bool {
        self.method == "DELETE" || ["revoke", "accept", "openAgain"].iter().any(|word| self.id.starts_with(word))
    }

    /// Whether it is answered with JSON, and not a connection of another kind.
    pub(crate) fn can_be_tried(&self) -> bool {
        !self.replies.iter().any(|reply| reply.status == "101")
    }

    /// Whether its answer has a secret in it.
    pub(crate) fn gives_secret(&self) -> bool {
        ["createKey", "createSignInLink", "createApp", "issueCredentials"].contains(&self.id.as_str())
    }
}

/// Each with its path, as the description has it, and its tag.
fn routes(whole: &Value) -> Vec<(String, String, Route)> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut routes = Vec::new();
    for (path, item) in whole["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let tag = text_of(&operation["tags"][0]);
                routes.push((path.clone(), tag, route(whole, path, item, method, operation)));
            }
        }
    }
    routes
}

fn route(whole: &Value, path: &str, item: &Value, method: &str, operation: &Value) -> Route {
    let servers = item["servers"].as_array().into_iter().flatten();
    let bases = servers.map(|server| text_of(&server["url"]).trim_end_matches('/').to_owned());
    let parameters =
        [item, operation].into_iter().flat_map(|place| place["parameters"].as_array().into_iter().flatten());
    let body = &resolve(whole, &operation["requestBody"])["content"]["application/json"];
    let replies = operation["responses"].as_object().into_iter().flatten();
    let mut types = Types::of(whole);
    types.follow(&body["schema"]);
    let replies: Vec<Reply> = replies.map(|(status, reply)| self::reply(&mut types, status, reply)).collect();
    Route {
        id: text_of(&operation["operationId"]),
        method: method.to_uppercase(),
        paths: bases.map(|base| format!("{base}{path}")).collect(),
        summary: text_of(&operation["summary"]),
        about: text_of(&operation["description"]),
        parameters: parameters.map(|parameter| schema::parameter(whole, parameter)).collect(),
        has_body: !body.is_null(),
        body: schema::fields(whole, &body["schema"]),
        example: body.get("example").and_then(|example| serde_json::to_string_pretty(example).ok()),
        replies,
        types: types.found(),
    }
}

fn reply<'v>(types: &mut Types<'v>, status: &str, reply: &'v Value) -> Reply {
    let reply = resolve(types.whole(), reply);
    let content = reply["content"].as_object().and_then(|kinds| kinds.values().next()).unwrap_or(&Value::Null);
    types.follow(&content["schema"]);
    Reply {
        status: status.to_owned(),
        about: text_of(&reply["description"]),
        kind: if content.is_null() { String::new() } else { schema::kind(types.whole(), &content["schema"], 0) },
        example: content.get("example").and_then(|example| serde_json::to_string_pretty(example).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_taken_apart() {
        let description = Description::read(
            r##"{"info":{"version":"1"},"tags":[{"name":"store"}],
            "paths":{"/w":{"servers":[{"url":"/a"},{"url":"/"}],"post":{"operationId":"w","tags":["store"],"summary":"S",
              "parameters":[{"$ref":"#/p"}],"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/s"}}}},
              "responses":{"200":{"description":"Done","content":{"application/json":{"schema":{"$ref":"#/r"}}}}}}}},
            "p":{"name":"q","in":"query","schema":{"type":"string"}},
            "r":{"type":"object","properties":{"n":{"type":"integer","minimum":0}}},
            "s":{"type":"object","required":["x"],"properties":{"x":{"type":"array","items":{"$ref":"#/s"}}}}}"##,
        );
        let (group, route) = description.find("w").unwrap();
        assert_eq!((group.name.as_str(), route.method.as_str()), ("store", "POST"));
        assert_eq!(route.paths, ["/a/w".to_owned(), "/w".to_owned()]);
        assert_eq!((route.parameters[0].name.as_str(), route.parameters[0].kind.as_str()), ("q", "string"));
        assert!(route.body[0].required && route.has_body);
        assert_eq!(route.body[0].kind, "array of s");
        assert_eq!((route.replies[0].about.as_str(), route.replies[0].kind.as_str()), ("Done", "r"));
        assert_eq!(route.types.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["s", "r"]);
    }
}
