//! Values as bytes that sort as the values do, and are equal where the values are: what groups,
//! DISTINCT and a computed order go by.
//!
//! ```text
//! 10 false   11 true   20 number: f64 rounded down, 8 bytes; what an integer has above it, 2 bytes
//! 30 string, its 00 as 00 ff, then 00      40 array: elements, then 00
//! 50 object: for each field 01, its name as a string is, its value; then 00
//! 60 null    70 missing
//! ```
//!
//! No value's bytes are the beginning of another's, so that keys stand one behind the other. The
//! bytes complemented sort the other way round.
//!
//! Invariant: the order is that of [`super::compare()`].
//! Not here: keys of stored indexes; these are kept nowhere.

use document::Value;

use crate::budget::{Budget, TooExpensive, VALUE_STEPS};

const END: u8 = 0x00;
const FIELD: u8 = 0x01;
const FALSE: u8 = 0x10;
const TRUE: u8 = 0x11;
const NUMBER: u8 = 0x20;
const STRING: u8 = 0x30;
const ARRAY: u8 = 0x40;
const OBJECT: u8 = 0x50;
const NULL: u8 = 0x60;
const MISSING: u8 = 0x70;

/// Appends the key of `value`.
pub(crate) fn append_key(value: Option<&Value>, key: &mut Vec<u8>, budget: &mut Budget) -> Result<(), TooExpensive> {
    budget.charge(VALUE_STEPS)?;
    match value {
        None => key.push(MISSING),
        Some(Value::Null) => key.push(NULL),
        Some(Value::Bool(false)) => key.push(FALSE),
        Some(Value::Bool(true)) => key.push(TRUE),
        Some(Value::Int(number)) => append_integer(i128::from(*number), key),
        Some(Value::Uint(number)) => append_integer(i128::from(*number), key),
        Some(Value::Float(number)) => append_number(*number, 0, key),
        Some(Value::String(text)) => {
            key.push(STRING);
            append_text(text, key, budget)?;
        }
        Some(Value::Array(elements)) => {
            key.push(ARRAY);
            elements.iter().try_for_each(|element| append_key(Some(element), key, budget))?;
            key.push(END);
        }
        Some(Value::Map(map)) => {
            key.push(OBJECT);
            append_fields(map.iter(), key, budget)?;
        }
    }
    Ok(())
}

/// As [`append_key`]; `descending`: the greatest comes first.
pub(crate) fn append_directed_key(
    value: Option<&Value>,
    descending: bool,
    key: &mut Vec<u8>,
    budget: &mut Budget,
) -> Result<(), TooExpensive> {
    let start = key.len();
    append_key(value, key, budget)?;
    if descending {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(())
}

/// Appends the key of an object with these fields, without its tag.
pub(crate) fn append_fields<'v>(
    fields: impl Iterator<Item = (&'v str, &'v Value)>,
    key: &mut Vec<u8>,
    budget: &mut Budget,
) -> Result<(), TooExpensive> {
    for (name, value) in fields {
        key.push(FIELD);
        append_text(name, key, budget)?;
        append_key(Some(value), key, budget)?;
    }
    key.push(END);
    Ok(())
}

fn append_text(text: &str, key: &mut Vec<u8>, budget: &mut Budget) -> Result<(), TooExpensive> {
    budget.charge(text.len() as u64)?;
    for (index, part) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
        if index > 0 {
            key.extend_from_slice(&[0x00, 0xff]);
        }
        key.extend_from_slice(part);
    }
    key.push(END);
    Ok(())
}

/// `integer` is of 64 bits, signed or not, so that what it has above the float is at most 2,048.
fn append_integer(integer: i128, key: &mut Vec<u8>) {
    let nearest = integer as f64; // rounds beyond 2^53
    let below = if nearest as i128 > integer { nearest.next_down() } else { nearest };
    let above = u16::try_from(integer - below as i128).expect("floats of 64 bits lie at most 2,048 apart");
    append_number(below, above, key);
}

fn append_number(float: f64, above: u16, key: &mut Vec<u8>) {
    const SIGN: u64 = 1 << 63;
    let bits = (float + 0.0).to_bits(); // -0.0 is 0.0
    let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    key.push(NUMBER);
    key.extend_from_slice(&ordered.to_be_bytes());
    key.extend_from_slice(&above.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::compare;
    use super::*;

    fn key(json: &str) -> Vec<u8> {
        let value = (json != "missing").then(|| Value::from_json(json.as_bytes()).unwrap());
        let mut key = Vec::new();
        append_key(value.as_ref(), &mut key, &mut Budget::unlimited()).unwrap();
        key
    }

    #[test]
    fn keys_are_in_the_order_of_values() {
        let ascending = [
            "false",
            "true",
            "-1e300",
            "-9223372036854775808",
            "-9223372036854775807",
            "-1.5",
            "-1",
            "0",
            "5e-324",
            "1",
            "9007199254740991",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994.0",
            "9223372036854775807",
            "9223372036854775808.0",
            "9223372036854775809",
            "18446744073709551615",
            "18446744073709551616.0",
            r#""""#,
            r#""\u0000""#,
            r#""\u0000\u0000""#,
            r#""\u0000a""#,
            r#""\u0001""#,
            r#""a""#,
            r#""a\u0000""#,
            r#""ab""#,
            r#""é""#,
            "[]",
            "[false]",
            "[1]",
            "[1,1]",
            "[2]",
            "[[]]",
            "[[1]]",
            "[{}]",
            "[null]",
            "{}",
            r#"{"":1}"#,
            r#"{"":1,"a":1}"#,
            r#"{"a":1}"#,
            r#"{"a":1,"b":1}"#,
            r#"{"a":2}"#,
            r#"{"a\u0000":1}"#,
            r#"{"b":0}"#,
            "null",
            "missing",
        ];
        for pair in ascending.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let near = |power: u32| {
            (any::<bool>(), 0_i128..4).prop_map(move |(below, by)| {
                let number = (1_i128 << power) + if below { -by } else { by };
                Value::from_json(number.to_string().as_bytes()).unwrap()
            })
        };
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-3_i64..4).prop_map(Value::Int),
            prop_oneof![near(53), near(54), near(62), near(63)],
            prop::num::f64::NORMAL.prop_map(Value::Float),
            (-6_i8..7).prop_map(|half| Value::Float(f64::from(half) / 2.0)),
            (50_i32..66).prop_map(|power| Value::Float(2_f64.powi(power))),
            "[a\\x00\\x01é]{0,3}".prop_map(Value::String),
        ];
        scalar.prop_recursive(3, 16, 3, |inner| {
            let field = ("[a\\x00]{0,2}", inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..3).prop_map(Value::Array),
                prop::collection::vec(field, 0..3).prop_map(|fields| Value::Map(document::Map::from_fields(fields))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_order_of_keys_is_that_of_values(
            a in prop::option::of(value()),
            b in prop::option::of(value()),
            descending in any::<bool>(),
        ) {
            let key = |value: &Option<Value>| {
                let mut key = Vec::new();
                append_directed_key(value.as_ref(), descending, &mut key, &mut Budget::unlimited()).unwrap();
                key.push(NULL); // the next one's
                key
            };
            let ordering = compare(a.as_ref(), b.as_ref());
            prop_assert_eq!(key(&a).cmp(&key(&b)), if descending { ordering.reverse() } else { ordering });
        }
    }

    #[test]
    fn equal_values_are_equal_keys() {
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("9007199254740992", "9007199254740992.0"), ("[1]", "[1.0]")] {
            assert_eq!(key(a), key(b), "{a} = {b}");
        }
    }

    #[test]
    fn a_complemented_key_is_before_what_it_was_after() {
        let directed = |json: &str| {
            let mut key = Vec::new();
            let value = Value::from_json(json.as_bytes()).unwrap();
            append_directed_key(Some(&value), true, &mut key, &mut Budget::unlimited()).unwrap();
            append_key(Some(&Value::Null), &mut key, &mut Budget::unlimited()).unwrap();
            key
        };
        for pair in [r#""a\u0000""#, r#""a""#, r#""""#, "2", "1", "-1", "true"].windows(2) {
            assert!(directed(pair[0]) < directed(pair[1]), "{} before {}", pair[0], pair[1]);
        }
    }
}
