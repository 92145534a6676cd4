//! JSON as people read it.
//!
//! Not here: canonical JSON, which the document crate writes.

use document::{Map, Value, write_json_string};

/// On one line, canonical.
pub(crate) fn line(value: &Value) -> String {
    let mut out = Vec::new();
    value.write_json(&mut out);
    text(out)
}

/// Indented by two, one field a line.
pub(crate) fn pretty(map: &Map) -> String {
    let mut out = Vec::new();
    put_fields(map.iter(), 0, &mut out);
    text(out)
}

/// As [`pretty`], of an object whose fields are in an order of their own.
pub(crate) fn pretty_row(fields: &[(String, Value)]) -> String {
    let mut out = Vec::new();
    put_fields(fields.iter().map(|(name, value)| (name.as_str(), value)), 0, &mut out);
    text(out)
}

fn put(value: &Value, depth: usize, out: &mut Vec<u8>) {
    match value {
        Value::Map(map) => put_fields(map.iter(), depth, out),
        Value::Array(elements) if elements.iter().any(|element| matches!(element, Value::Map(_) | Value::Array(_))) => {
            out.push(b'[');
            for (n, element) in elements.iter().enumerate() {
                next_line(n, depth + 1, out);
                put(element, depth + 1, out);
            }
            next_line(0, depth, out);
            out.push(b']');
        }
        plain => plain.write_json(out),
    }
}

fn put_fields<'v>(fields: impl Iterator<Item = (&'v str, &'v Value)>, depth: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut count = 0;
    for (name, value) in fields {
        next_line(count, depth + 1, out);
        write_json_string(name, out);
        out.extend_from_slice(b": ");
        put(value, depth + 1, out);
        count += 1;
    }
    if count > 0 {
        next_line(0, depth, out);
    }
    out.push(b'}');
}

/// A line's beginning; before the `n`th element, from 0, with the comma of the one before it.
fn next_line(n: usize, depth: usize, out: &mut Vec<u8>) {
    if n > 0 {
        out.push(b',');
    }
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_indented_reads_back_as_the_same() {
        let json = r#"{"a":[1,[2,{"b":null}]],"c":{},"d":{"e":"\"x"},"f":[1.0,2]}"#;
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json}") };
        let pretty = pretty(&map);
        assert!(pretty.starts_with("{\n  \"a\": [\n    1,\n    [\n      2,\n"), "{pretty}");
        assert!(pretty.contains("\"f\": [1.0,2]"), "{pretty}");
        assert_eq!(Value::from_json(pretty.as_bytes()), Ok(Value::Map(map)));
    }
}
