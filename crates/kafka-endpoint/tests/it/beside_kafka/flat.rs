//! An answer as a list of fields with their paths, for a comparison field by field.

use std::{collections::BTreeMap, fmt::Debug};

/// Fields of an answer by path: `topics.0.partitions.1.error_code`. One that is there (`Some`) has a `0` at the end.
pub(crate) type Fields = BTreeMap<String, String>;

/// Takes apart what `{:#?}` writes.
pub(crate) fn fields(answer: &impl Debug) -> Fields {
    let mut fields = Fields::new();
    let mut path: Vec<(String, usize)> = Vec::new();
    for line in format!("{answer:#?}").lines() {
        let line = line.trim().trim_end_matches(',');
        if matches!(line, "}" | "]" | ")") {
            path.pop();
            continue;
        }
        let (name, value) = name_and_value(line, path.last_mut());
        if line.ends_with(['{', '[', '(']) {
            path.push((name, 0));
        } else if name != "unknown_tagged_fields" {
            let names = path.iter().map(|(name, _)| name.as_str()).chain([name.as_str()]);
            let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
            fields.insert(names.join("."), value.to_owned());
        }
    }
    fields
}

/// The path with every place in a list as `*`.
pub(crate) fn any_place(path: &str) -> String {
    let is_place = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    path.split('.').map(|part| if is_place(part) { "*" } else { part }).collect::<Vec<_>>().join(".")
}

/// A field's own name, or its place in the list that it is in.
fn name_and_value<'a>(line: &'a str, parent: Option<&mut (String, usize)>) -> (String, &'a str) {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if let Some((name, value)) = line.split_once(": ").filter(|(name, _)| is_name(name)) {
        return (name.to_owned(), value);
    }
    let Some((_, next)) = parent else { return (String::new(), line) };
    let place = *next;
    *next += 1;
    (place.to_string(), line)
}

#[test]
fn fields_have_paths() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "read by its Debug only")]
    struct Answer {
        names: Vec<Option<&'static str>>,
        code: i16,
    }
    let fields = fields(&Answer { names: vec![Some("a: b,"), None], code: 3 });
    let fields: Vec<String> = fields.into_iter().map(|(path, value)| format!("{path} = {value}")).collect();
    assert_eq!(fields, ["code = 3", r#"names.0.0 = "a: b,""#, "names.1 = None"]);
    assert_eq!(any_place("names.0.0"), "names.*.*");
}
