//! Schemas in words: what a field is, and the types that it names.
//!
//! Invariant: a schema that names itself ends.

use serde_json::Value;

/// How deep references are followed.
const DEPTH_MAX: usize = 8;

/// A parameter, or a field of a body.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// `path`, `query` or `header`; empty for a field of a body.
    pub(crate) place: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) about: String,
    /// Whether it is there for old callers only.
    pub(crate) is_old: bool,
}

/// A type that has a name.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) about: String,
    /// What it is, where it is no object.
    pub(crate) kind: String,
    pub(crate) fields: Vec<Field>,
}

/// The types that schemas name, in the order in which they are met.
#[derive(Debug)]
pub(super) struct Types<'v> {
    whole: &'v Value,
    names: Vec<&'v str>,
}

impl<'v> Types<'v> {
    pub(super) fn of(whole: &'v Value) -> Self {
        Self { whole, names: Vec::new() }
    }

    pub(super) fn whole(&self) -> &'v Value {
        self.whole
    }

    /// Notes every type that this schema names, and those that they name.
    pub(super) fn follow(&mut self, schema: &'v Value) {
        match schema {
            Value::Object(object) => {
                if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                    if !self.names.contains(&target) {
                        self.names.push(target);
                        self.follow(resolve(self.whole, schema));
                    }
                    return;
                }
                object.values().for_each(|inner| self.follow(inner));
            }
            Value::Array(elements) => elements.iter().for_each(|inner| self.follow(inner)),
            _ => {}
        }
    }

    pub(super) fn found(&self) -> Vec<Type> {
        let described = |target: &&str| {
            let schema = self.whole.pointer(target.strip_prefix('#')?)?;
            // What only gives a plain kind a name stands where it is named.
            let fields = fields(self.whole, schema);
            let is_choice = schema.get("oneOf").is_some() || schema.get("enum").is_some();
            (is_choice || !fields.is_empty()).then(|| Type {
                name: name_of(target).to_owned(),
                about: text_of(&schema["description"]),
                kind: if fields.is_empty() { kind(self.whole, schema, 0) } else { String::new() },
                fields,
            })
        };
        self.names.iter().filter_map(described).collect()
    }
}

pub(super) fn parameter(whole: &Value, parameter: &Value) -> Field {
    let parameter = resolve(whole, parameter);
    Field {
        name: text_of(&parameter["name"]),
        place: text_of(&parameter["in"]),
        kind: kind(whole, &parameter["schema"], 0),
        required: parameter["required"].as_bool().unwrap_or(false),
        about: text_of(&parameter["description"]),
        is_old: parameter["deprecated"].as_bool().unwrap_or(false),
    }
}

/// The fields of an object.
pub(super) fn fields(whole: &Value, schema: &Value) -> Vec<Field> {
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
        about: about(whole, property),
        is_old: property["deprecated"].as_bool().unwrap_or(false),
    };
    properties.map(field).collect()
}

/// What is said of the property, or else of its type.
fn about(whole: &Value, property: &Value) -> String {
    let own = text_of(&property["description"]);
    if own.is_empty() { text_of(&resolve(whole, property)["description"]) } else { own }
}

/// A schema in a word or two.
pub(super) fn kind(whole: &Value, schema: &Value, depth: usize) -> String {
    let named = schema["$ref"].as_str().map(name_of).unwrap_or_default();
    let schema = resolve(whole, schema);
    if depth >= DEPTH_MAX {
        return named.to_owned();
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(kinds) = schema[choice].as_array() {
            // At the top it says which they are; within another, by its name.
            if depth > 0 && !named.is_empty() {
                return named.to_owned();
            }
            return kinds.iter().map(|inner| kind(whole, inner, depth + 1)).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(array) if array == "array" => format!("array of {}", kind(whole, &schema["items"], depth + 1)),
        Value::String(object) if object == "object" && !named.is_empty() => named.to_owned(),
        Value::String(word) => format!("{word}{}", bounds(schema)),
        Value::Array(words) => words.iter().map(text_of).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

/// Which numbers, or how long a text.
fn bounds(schema: &Value) -> String {
    let number = |name: &str| schema.get(name).filter(|bound| bound.is_u64() || bound.is_i64()).map(Value::to_string);
    match (number("minimum"), number("maximum"), number("minLength"), number("maxLength")) {
        (Some(least), Some(most), ..) if most == u64::MAX.to_string() => format!(" of 64 bits, from {least}"),
        (Some(least), Some(most), ..) => format!(", {least} to {most}"),
        (Some(least), None, ..) => format!(", from {least}"),
        (None, Some(most), ..) => format!(", up to {most}"),
        (.., Some(least), Some(most)) => format!(", {least} to {most} characters"),
        (.., None, Some(most)) => format!(", up to {most} characters"),
        _ => String::new(),
    }
}

fn name_of(target: &str) -> &str {
    target.rsplit(['/', '#']).next().unwrap_or_default()
}

/// What a reference leads to, or the value itself.
pub(super) fn resolve<'v>(whole: &'v Value, mut value: &'v Value) -> &'v Value {
    for _ in 0..DEPTH_MAX {
        let Some(pointer) = value["$ref"].as_str().and_then(|target| target.strip_prefix('#')) else { break };
        value = whole.pointer(pointer).unwrap_or(&Value::Null);
    }
    value
}

pub(super) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_names_itself_ends() {
        let whole = json!({"a": {"type": "array", "items": {"$ref": "#/a"}}, "b": {"$ref": "#/b"}});
        assert!(kind(&whole, &whole["a"], 0).starts_with("array of array"));
        assert_eq!(kind(&whole, &whole["b"], 0), "any".to_owned());
        let mut types = Types::of(&whole);
        types.follow(&whole["a"]);
        assert_eq!(types.names, ["#/a"]);
    }

    #[test]
    fn kinds_say_what_is_allowed() {
        let whole = json!({"c": {"oneOf": [{"$ref": "#/d"}, {"type": "string"}]}, "d": {"type": "object"}});
        let check = |schema: Value, expected: &str| assert_eq!(kind(&whole, &schema, 0), expected);
        check(json!({"const": "upsert"}), "\"upsert\"");
        check(json!({"enum": ["read", "write"]}), "\"read\" or \"write\"");
        check(json!({"type": "integer", "minimum": 1, "maximum": 1000}), "integer, 1 to 1000");
        check(json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}), "integer of 64 bits, from 0");
        check(json!({"type": ["string", "null"]}), "string or null");
        check(json!({"$ref": "#/c"}), "d or string");
        check(json!({"type": "array", "items": {"$ref": "#/c"}}), "array of c");
    }
}
