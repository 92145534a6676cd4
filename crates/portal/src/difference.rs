//! What differs between two states of a document, field by field.
//!
//! Not here: how a write comes to a new state (`document`, which a plan of a write asks).

use document::{Map, Path, PathSegment, Value};

use crate::{
    clip::Clipper,
    json_text,
    limits::{CHANGES_SHOWN_MAX, VALUE_SHOWN_BYTES},
    plural,
};

/// One field that is not the same on both sides; an object is followed into where both sides have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: String,
    /// JSON, cut; `None` where there is nothing.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Every field that differs, or the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) changes: Vec<Change>,
    /// How many more there are.
    pub(crate) left_out: usize,
}

impl Difference {
    /// How many more fields differ, in words.
    pub(crate) fn rest(&self) -> String {
        plural::more(self.left_out, "field")
    }
}

impl Change {
    /// What happened to the field.
    pub(crate) fn word(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        }
    }
}

impl Difference {
    /// An absent side has no fields.
    pub(crate) fn between(before: Option<&Map>, after: Option<&Map>, clipper: &mut Clipper) -> Self {
        let empty = Map::new();
        let mut found = Vec::new();
        compare(before.unwrap_or(&empty), after.unwrap_or(&empty), &mut Vec::new(), &mut found);
        let left_out = found.len().saturating_sub(CHANGES_SHOWN_MAX);
        let mut shown =
            |value: Option<&Value>| value.map(|value| clipper.clip(&json_text::line(value), VALUE_SHOWN_BYTES));
        let changes = found.into_iter().take(CHANGES_SHOWN_MAX).map(|(path, before, after)| Change {
            path: Path { segments: path }.to_string(),
            before: shown(before),
            after: shown(after),
        });
        Self { changes: changes.collect(), left_out }
    }
}

type Found<'v> = (Vec<PathSegment>, Option<&'v Value>, Option<&'v Value>);

fn compare<'v>(before: &'v Map, after: &'v Map, path: &mut Vec<PathSegment>, found: &mut Vec<Found<'v>>) {
    let gone =
        before.iter().filter(|(name, _)| after.field(name).is_none()).map(|(name, value)| (name, Some(value), None));
    let there = after.iter().map(|(name, value)| (name, before.field(name), Some(value)));
    let mut fields: Vec<_> = gone.chain(there).collect();
    fields.sort_by_key(|(name, ..)| *name);
    for (name, before, after) in fields {
        path.push(PathSegment::Field(name.to_owned()));
        match (before, after) {
            (Some(Value::Map(before)), Some(Value::Map(after))) => compare(before, after, path, found),
            (before, after) if before != after => found.push((path.clone(), before, after)),
            _ => {}
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map {
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        map
    }

    #[test]
    fn only_what_differs_is_listed_in_the_order_of_names() {
        let before = map(r#"{"a":1,"b":{"x":1,"y":2},"c":[1],"gone":true}"#);
        let after = map(r#"{"a":1,"b":{"x":1,"y":3},"c":[1,2],"a b":null}"#);
        let difference = Difference::between(Some(&before), Some(&after), &mut Clipper::new(1000));
        let lines: Vec<String> = difference
            .changes
            .iter()
            .map(|change| format!("{} {} {:?} {:?}", change.path, change.word(), change.before, change.after))
            .collect();
        let expected = [
            r#"['a b'] added None Some("null")"#,
            r#"b.y changed Some("2") Some("3")"#,
            r#"c changed Some("[1]") Some("[1,2]")"#,
            r#"gone removed Some("true") None"#,
        ];
        assert_eq!(lines, expected);
        assert_eq!(Difference::between(None, Some(&before), &mut Clipper::new(1000)).changes.len(), 4);
    }
}
