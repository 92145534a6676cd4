//! The HTTP API as `/openapi.json` describes it, taken apart.
//!
//! Read once: the description is part of the binary.
//! Not here: showing it (`page::api_docs`).

use serde_json::Value;

/// How deep references are followed; a schema that names itself ends there.
const DEPTH_MAX: usize = 8;

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

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) id: String,
    pub(crate) method: String,
    /// One for each base.
    pub(crate) paths: Vec<String>,
    pub(crate) summary: String,
    pub(crate) about: String,
    /// Parameters and fields of the body, each with its caption.
    pub(crate) tables: Vec<(&'static str, Vec<Field>)>,
    pub(crate) example: Option<String>,
    pub(crate) replies: Vec<(String, String)>,
}

/// A parameter, or a field of a body.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) about: String,
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
}

/// Each with its path, as the description has it, and its tag.
fn routes(whole: &Value) -> Vec<(String, String, Route)> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut routes = Vec::new();
    for (path, item) in whole["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                routes.push((
                    path.clone(),
                    text_of(&operation["tags"][0]),
                    route(whole, path, item, method, operation),
                ));
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
    Route {
        id: text_of(&operation["operationId"]),
        method: method.to_uppercase(),
        paths: bases.map(|base| format!("{base}{path}")).collect(),
        summary: text_of(&operation["summary"]),
        about: text_of(&operation["description"]),
        tables: vec![
            ("Parameters", parameters.map(|parameter| parameter_of(whole, parameter)).collect()),
            ("Body", fields(whole, &body["schema"])),
        ],
        example: body.get("example").and_then(|example| serde_json::to_string_pretty(example).ok()),
        replies: replies
            .map(|(status, reply)| (status.clone(), text_of(&resolve(whole, reply)["description"])))
            .collect(),
    }
}

fn parameter_of(whole: &Value, parameter: &Value) -> Field {
    let parameter = resolve(whole, parameter);
    Field {
        name: text_of(&parameter["name"]),
        place: text_of(&parameter["in"]),
        kind: kind(whole, &parameter["schema"], 0),
        required: parameter["required"].as_bool().unwrap_or(false),
        about: text_of(&parameter["description"]),
    }
}

fn fields(whole: &Value, schema: &Value) -> Vec<Field> {
    let schema = resolve(whole, schema);
    let is_required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it.as_str() == Some(name)))
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        place: String::new(),
        kind: kind(whole, property, 0),
        required: is_required(name),
        about: text_of(&property["description"]),
    };
    properties.map(field).collect()
}

/// A schema in a word or two.
fn kind(whole: &Value, schema: &Value, depth: usize) -> String {
    let named = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()).unwrap_or_default();
    let schema = resolve(whole, schema);
    if depth >= DEPTH_MAX {
        return named.to_owned();
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| word.to_string()).collect::<Vec<_>>().join(" or ");
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(kinds) = schema[choice].as_array() {
            return kinds.iter().map(|inner| kind(whole, inner, depth + 1)).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(array) if array == "array" => format!("array of {}", kind(whole, &schema["items"], depth + 1)),
        Value::String(object) if object == "object" && !named.is_empty() => named.to_owned(),
        Value::String(word) => word.clone(),
        Value::Array(words) => words.iter().map(text_of).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

/// What a reference leads to, or the value itself.
fn resolve<'v>(whole: &'v Value, mut value: &'v Value) -> &'v Value {
    for _ in 0..DEPTH_MAX {
        let Some(pointer) = value["$ref"].as_str().and_then(|target| target.strip_prefix('#')) else { break };
        value = whole.pointer(pointer).unwrap_or(&Value::Null);
    }
    value
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
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
              "responses":{"200":{"description":"Done"}}}}},
            "p":{"name":"q","in":"query","schema":{"type":"string"}},
            "s":{"type":"object","required":["x"],"properties":{"x":{"type":"array","items":{"$ref":"#/s"}}}}}"##,
        );
        let route = &description.groups[0].routes[0];
        assert_eq!(
            (route.method.as_str(), route.paths.as_slice()),
            ("POST", &["/a/w".to_owned(), "/w".to_owned()][..])
        );
        assert_eq!((route.tables[0].1[0].name.as_str(), route.tables[0].1[0].kind.as_str()), ("q", "string"));
        assert!(route.tables[1].1[0].required);
        assert_eq!(route.tables[1].1[0].kind, "array of s");
        assert_eq!(route.replies, [("200".to_owned(), "Done".to_owned())]);
    }

    #[test]
    fn a_schema_that_names_itself_ends() {
        let whole = serde_json::json!({"a": {"type": "array", "items": {"$ref": "#/a"}}, "b": {"$ref": "#/b"}});
        assert!(kind(&whole, &whole["a"], 0).starts_with("array of array"));
        assert_eq!(kind(&whole, &whole["b"], 0), "any".to_owned());
    }
}
