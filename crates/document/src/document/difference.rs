//! What of an upsert would change what a reader sees.
//!
//! Not here: the upsert (`write`), of which only what is told here need be done.

use super::asked_types::{AskedTypes, names_of};
use super::field::{Content, Field, Leaf, MapField};
use super::view::leaf_value;
use crate::{FieldType, Map, Path, Value};

/// The fields of `value` that are others than those of `map`, by value or by type; nested objects
/// are compared field by field. `None` where none is.
pub(super) fn difference(map: &MapField, value: &Map, types: &[(Path, FieldType)]) -> Option<Map> {
    of_map(map, value, &mut AskedTypes::new(types))
}

fn of_map<'a>(map: &MapField, value: &'a Map, types: &mut AskedTypes<'a>) -> Option<Map> {
    let mut different = Vec::new();
    for (name, value) in value.iter() {
        let at = map.children.binary_search_by(|(child, _)| child.as_str().cmp(name));
        types.enter(name);
        let of_field = match at {
            Ok(at) => of_field(&map.children[at].1, value, types),
            Err(_) => Some(value.clone()),
        };
        types.leave();
        different.extend(of_field.map(|value| (name.to_owned(), value)));
    }
    (!different.is_empty()).then(|| Map::from_fields(different))
}

fn of_field<'a>(field: &Field, value: &'a Value, types: &mut AskedTypes<'a>) -> Option<Value> {
    match (field, value, types.content(value)) {
        (Field::Map(map), Value::Map(value), None) => of_map(map, value, types).map(Value::Map),
        (Field::Leaf(leaf), _, Some(wanted)) => (!looks_alike(leaf, &wanted)).then(|| value.clone()),
        (Field::Leaf(Leaf { content: Content::Register(known), .. }), value, None)
            if !matches!(value, Value::Map(_)) =>
        {
            (known != value).then(|| value.clone())
        }
        _ => Some(value.clone()),
    }
}

fn looks_alike(leaf: &Leaf, wanted: &Content) -> bool {
    FieldType::of(&leaf.content) == FieldType::of(wanted) && leaf_value(&leaf.content) == leaf_value(wanted)
}

/// Those of `types` that say something of a field in `value`.
pub(super) fn types_in(types: &[(Path, FieldType)], value: &Map) -> Vec<(Path, FieldType)> {
    types.iter().filter(|(path, _)| is_in(value, path)).cloned().collect()
}

fn is_in(value: &Map, path: &Path) -> bool {
    let Some(names) = names_of(path) else { return false };
    let Some((last, around)) = names.split_last() else { return false };
    let inner = around.iter().try_fold(value, |map, name| match map.field(name) {
        Some(Value::Map(map)) => Some(map),
        _ => None,
    });
    inner.is_some_and(|map| map.field(last).is_some())
}
