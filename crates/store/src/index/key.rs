//! Keys of index entries: bytes whose order is the order of values.
//!
//! ```text
//! key       = component…  id as canonical JSON
//! component = tag  payload                      descending: every byte complemented
//!   0x10 false   0x11 true
//!   0x20 number  the greatest f64 that is not above it, its bits ordered; what an integer has beyond it, u16 BE
//!   0x40 string  its bytes, 00 as 00 FF, then 00
//!   0x50 array   component…, then 00
//!   0x60 object  (01 name as a string's bytes, component)…, then 00
//!   0x70 null    0x80 missing                   0x30 is left for binary
//! ```
//! Integers and floats are one order, and -0 is 0: nothing in a key tells them apart, for an array
//! that holds `1` must lie between those that hold `0.5` and `1.5` whatever follows in it.
//!
//! A component is cut at about [`INDEX_COMPONENT_BYTES_MAX`]: strings within, arrays and objects
//! behind an element. Equal beginnings are cut at the same place, so cut ones are in order too, or
//! equal; what is found by one has to be looked at again. Never renumber a tag. Not here: where the
//! bytes are kept (`engine::indexes`).

use document::{Map, Value};

use crate::limits::INDEX_COMPONENT_BYTES_MAX;

pub(crate) const TAG_FALSE: u8 = 0x10;
pub(crate) const TAG_TRUE: u8 = 0x11;
pub(crate) const TAG_NUMBER: u8 = 0x20;
pub(crate) const TAG_STRING: u8 = 0x40;
pub(crate) const TAG_ARRAY: u8 = 0x50;
pub(crate) const TAG_OBJECT: u8 = 0x60;
pub(crate) const TAG_NULL: u8 = 0x70;
pub(crate) const TAG_MISSING: u8 = 0x80;

/// Ends strings, arrays and objects.
const END: u8 = 0;
/// Before each field of an object.
const FIELD: u8 = 1;
/// Behind a 0 that is a string's own.
const ESCAPED: u8 = 0xff;
/// A number's payload.
const NUMBER_BYTES: usize = 10;

/// One component of a key, ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Component {
    pub(crate) bytes: Vec<u8>,
    /// Whether no other value has it.
    pub(crate) is_whole: bool,
}

impl Component {
    /// Of what stands at a key's path; `None`: nothing does.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        let mut writer = Writer { bytes: Vec::with_capacity(16), is_whole: true };
        match value {
            Some(value) => writer.value(value),
            None => writer.bytes.push(TAG_MISSING),
        }
        Self { bytes: writer.bytes, is_whole: writer.is_whole }
    }

    /// The beginning that strings with this beginning share.
    pub(crate) fn of_prefix(text: &str) -> Self {
        let mut writer = Writer { bytes: vec![TAG_STRING], is_whole: true };
        writer.text(text.as_bytes());
        Self { bytes: writer.bytes, is_whole: writer.is_whole }
    }

    /// Appends it to a key.
    pub(crate) fn append_to(&self, descending: bool, key: &mut Vec<u8>) {
        if descending { key.extend(self.bytes.iter().map(|byte| !byte)) } else { key.extend_from_slice(&self.bytes) }
    }
}

/// The key of a document with these components, in the directions of the index's keys.
pub(crate) fn encode_key<'c>(
    components: impl Iterator<Item = (&'c Component, bool)>,
    id_json: &str,
    key: &mut Vec<u8>,
) {
    components.for_each(|(component, descending)| component.append_to(descending, key));
    key.extend_from_slice(id_json.as_bytes());
}

struct Writer {
    bytes: Vec<u8>,
    is_whole: bool,
}

impl Writer {
    fn is_full(&self) -> bool {
        self.bytes.len() >= INDEX_COMPONENT_BYTES_MAX
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.bytes.push(TAG_NULL),
            Value::Bool(false) => self.bytes.push(TAG_FALSE),
            Value::Bool(true) => self.bytes.push(TAG_TRUE),
            Value::Int(number) => self.integer(i128::from(*number)),
            Value::Uint(number) => self.integer(i128::from(*number)),
            Value::Float(number) => self.number(*number, 0),
            Value::String(text) => {
                self.bytes.push(TAG_STRING);
                self.text(text.as_bytes());
                self.end();
            }
            Value::Array(elements) => {
                self.bytes.push(TAG_ARRAY);
                for element in elements {
                    if self.is_full() {
                        self.is_whole = false;
                        break;
                    }
                    self.value(element);
                }
                self.end();
            }
            Value::Map(map) => self.object(map),
        }
    }

    /// Ends an array, object or string. One that ends where others are cut looks like them.
    fn end(&mut self) {
        self.is_whole &= !self.is_full();
        self.bytes.push(END);
    }

    fn object(&mut self, map: &Map) {
        self.bytes.push(TAG_OBJECT);
        for (name, value) in map.iter() {
            if self.is_full() {
                self.is_whole = false;
                break;
            }
            self.bytes.push(FIELD);
            self.text(name.as_bytes());
            self.bytes.push(END);
            if self.is_full() {
                // Its name alone, and not one that is longer: nothing may follow that could tell
                // them apart wrongly.
                self.bytes.push(TAG_NULL);
                self.is_whole = false;
                break;
            }
            self.value(value);
        }
        self.end();
    }

    fn text(&mut self, text: &[u8]) {
        for &byte in text {
            if self.is_full() {
                self.is_whole = false;
                return;
            }
            self.bytes.push(byte);
            if byte == END {
                self.bytes.push(ESCAPED);
            }
        }
    }

    fn integer(&mut self, number: i128) {
        let rounded = number as f64;
        let below = if rounded as i128 > number { rounded.next_down() } else { rounded };
        self.number(below, (number - below as i128) as u16);
    }

    fn number(&mut self, number: f64, beyond: u16) {
        let bits = (number + 0.0).to_bits(); // -0 + 0 is 0
        let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
        self.bytes.push(TAG_NUMBER);
        self.bytes.extend_from_slice(&ordered.to_be_bytes());
        self.bytes.extend_from_slice(&beyond.to_be_bytes());
    }
}

/// How many bytes the components at the front of `key` take, in the directions of an index's keys;
/// `None` if they are none.
pub(crate) fn skip_key(key: &[u8], descending: impl Iterator<Item = bool>) -> Option<usize> {
    let mut at = 0;
    for descending in descending {
        let mut reader = Reader { key, at, flip: if descending { 0xff } else { 0 } };
        let tag = reader.byte()?;
        reader.payload(tag)?;
        at = reader.at;
    }
    Some(at)
}

struct Reader<'k> {
    key: &'k [u8],
    at: usize,
    flip: u8,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.key.get(self.at)? ^ self.flip;
        self.at += 1;
        Some(byte)
    }

    fn payload(&mut self, tag: u8) -> Option<()> {
        match tag {
            TAG_FALSE | TAG_TRUE | TAG_NULL | TAG_MISSING => Some(()),
            TAG_NUMBER => {
                self.at += NUMBER_BYTES;
                (self.at <= self.key.len()).then_some(())
            }
            TAG_STRING => self.text(),
            TAG_ARRAY => loop {
                match self.byte()? {
                    END => return Some(()),
                    tag => self.payload(tag)?,
                }
            },
            TAG_OBJECT => loop {
                match self.byte()? {
                    END => return Some(()),
                    FIELD => {
                        self.text()?;
                        let tag = self.byte()?;
                        self.payload(tag)?;
                    }
                    _ => return None,
                }
            },
            _ => None,
        }
    }

    fn text(&mut self) -> Option<()> {
        loop {
            if self.byte()? == END {
                match self.key.get(self.at).map(|byte| byte ^ self.flip) {
                    Some(ESCAPED) => self.at += 1,
                    _ => return Some(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    /// The order that keys must have (docs/reference/indexes.md), written another way.
    fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
        let rank = |value: Option<&Value>| match value {
            Some(Value::Bool(false)) => 0,
            Some(Value::Bool(true)) => 1,
            Some(Value::Int(_) | Value::Uint(_) | Value::Float(_)) => 2,
            Some(Value::String(_)) => 3,
            Some(Value::Array(_)) => 4,
            Some(Value::Map(_)) => 5,
            Some(Value::Null) => 6,
            None => 7,
        };
        match (a, b) {
            (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                let unequal = a.iter().zip(b).map(|(a, b)| compare(Some(a), Some(b))).find(|order| order.is_ne());
                unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Some(Value::Map(a)), Some(Value::Map(b))) => {
                let field = |((m, a), (n, b)): ((&str, &Value), (&str, &Value))| {
                    m.cmp(n).then_with(|| compare(Some(a), Some(b)))
                };
                let unequal = a.iter().zip(b.iter()).map(field).find(|order| order.is_ne());
                unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            _ if rank(a) == 2 && rank(b) == 2 => query::compare_for_sort(a, b),
            _ => rank(a).cmp(&rank(b)),
        }
    }

    fn number() -> impl Strategy<Value = Value> {
        let edges = [2_f64.powi(53), 2_f64.powi(62), 2_f64.powi(63), 0.0, 1.0, 1e300, 5e-324];
        let near = prop::sample::select(edges.to_vec()).prop_flat_map(|edge| {
            prop::sample::select(vec![edge.next_down(), edge, edge.next_up(), -edge, -edge.next_up()])
        });
        let integers = prop::sample::select(vec![(1_i64 << 53) - 1, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN, 0]);
        prop_oneof![
            (-3_i64..4).prop_map(Value::Int),
            integers.prop_map(Value::Int),
            any::<i64>().prop_map(Value::Int),
            (1_u64 << 63..).prop_map(Value::Uint),
            Just(Value::Uint(u64::MAX)),
            near.prop_map(Value::Float),
            (-6_i64..7).prop_map(|half| Value::Float(half as f64 / 2.0)),
            Just(Value::Float(-0.0)),
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        let few = prop::sample::select(vec!["", "a", "ab", "a\0", "a\0b", "a\u{1}", "b", "\u{ff}", "2024-01-01"]);
        let long = (1018_usize..1028, "[ab\0]{0,3}").prop_map(|(count, end)| "x".repeat(count) + &end);
        prop_oneof![6 => few.prop_map(str::to_owned), 1 => any::<String>(), 2 => long]
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            1 => Just(Value::Null), 1 => any::<bool>().prop_map(Value::Bool), 3 => number(), 3 => text().prop_map(Value::String),
        ];
        scalar.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((text(), inner), 0..4).prop_map(|fields| Value::Map(Map::from_fields(fields))),
            ]
        })
    }

    fn key(components: &[(Component, bool)], id: &str) -> Vec<u8> {
        let mut key = Vec::new();
        encode_key(components.iter().map(|(component, descending)| (component, *descending)), id, &mut key);
        key
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_order_of_keys_is_the_order_of_values(a in prop::option::of(value()), b in prop::option::of(value())) {
            let (left, right) = (Component::of(a.as_ref()), Component::of(b.as_ref()));
            let expected = compare(a.as_ref(), b.as_ref());
            let found = left.bytes.cmp(&right.bytes);
            let may_be_alike = !left.is_whole && !right.is_whole;
            prop_assert!(found.is_ne() || expected.is_eq() || may_be_alike, "{:?} {:?}", a, b);
            if left.is_whole && right.is_whole {
                prop_assert_eq!(found, expected, "{:?} {:?}", a, b);
            } else {
                prop_assert!(found.is_eq() || found == expected, "{:?} {:?}", a, b);
            }
            // With another component, or an id, behind them; and descending.
            for (descending, tail) in [(false, "\"a\""), (false, "{\"a\":1}"), (true, "-1"), (true, "\"a\"")] {
                let keys = [&left, &right].map(|one| key(&[(one.clone(), descending)], tail));
                let found = keys[0].cmp(&keys[1]);
                let unequal = left.bytes.cmp(&right.bytes);
                prop_assert_eq!(found, if descending { unequal.reverse() } else { unequal });
            }
        }

        #[test]
        fn the_id_stands_behind_the_components(
            values in prop::collection::vec((prop::option::of(value()), any::<bool>()), 1..4),
        ) {
            let components: Vec<_> = values.iter().map(|(value, down)| (Component::of(value.as_ref()), *down)).collect();
            for id in ["\"a\"", "7", "-7", "{\"a\":1}"] {
                let key = key(&components, id);
                let at = skip_key(&key, values.iter().map(|(_, down)| *down));
                prop_assert_eq!(at.map(|at| &key[at..]), Some(id.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_skipped_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), down: bool) {
            prop_assert!(skip_key(&bytes, [down, !down].into_iter()).is_none_or(|at| at <= bytes.len()));
        }
    }

    #[test]
    fn a_component_is_cut_at_its_bound() {
        let long = Value::String("x".repeat(5 << 20));
        let many = Value::Array(vec![long.clone(); 3]);
        for value in [long, many, Value::Array(vec![Value::Int(1); 100_000])] {
            let component = Component::of(Some(&value));
            assert!(!component.is_whole && component.bytes.len() <= INDEX_COMPONENT_BYTES_MAX + 64);
        }
    }
}
