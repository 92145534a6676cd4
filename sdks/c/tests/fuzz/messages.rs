//! Messages by a seed: valid ones, changed in what they say and then in their bytes.

use minicbor::Encoder;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Map, Value, json};

/// One of each call.
pub(crate) const CALLS: &[&str] = &[
    r#"{"call":"echo","value":[1,-1.5e300,"ü",null,true,{"a":{}}]}"#,
    r#"{"call":"info"}"#,
    r#"{"call":"execute","statement":"SELECT * FROM a WHERE n > :n ORDER BY n LIMIT 3","args":{"n":1}}"#,
    r#"{"call":"execute","statement":"INSERT INTO a DOCUMENTS (:it) ON ID CONFLICT DO UPDATE","args":{"it":{"_id":1}}}"#,
    r#"{"call":"execute","statement":"UPDATE a SET n = n + 1 WHERE _id = 1","transaction":null}"#,
    r#"{"call":"upsert","collection":"a","value":{"_id":"x","n":1,"deep":{"er":[1]}},"types":{"n":"counter"}}"#,
    r#"{"call":"find_by_id","collection":"a","id":{"a":1}}"#,
    r#"{"call":"find","collection":"a","query":"n > $args.n","args":{"n":1},"sort":[{"path":"n","descending":true}],"offset":1,"limit":3}"#,
    r#"{"call":"update","collection":"a","id":"x","changes":[{"path":"n","increment":2},{"path":"deep.er","set":[null]},{"path":"b","unset":true}]}"#,
    r#"{"call":"remove","collection":"a","query":"n == 7"}"#,
    r#"{"call":"evict","collection":"a","id":1}"#,
    r#"{"call":"begin"}"#,
    r#"{"call":"commit","transaction":1}"#,
    r#"{"call":"rollback","transaction":18446744073709551615}"#,
    r#"{"call":"upsert","collection":"a","value":{},"transaction":2}"#,
    r#"{"call":"register_subscription","statement":"SELECT * FROM a WHERE n = :n","args":{"n":1}}"#,
    r#"{"call":"register_subscription","collection":"a","query":"true"}"#,
    r#"{"call":"subscription","subscription":1}"#,
    r#"{"call":"cancel_subscription","subscription":1}"#,
    r#"{"call":"start_sync"}"#,
    r#"{"call":"stop_sync"}"#,
    r#"{"call":"authenticate","token":"x"}"#,
    r#"{"call":"login","token":"x","provider":"y"}"#,
    r#"{"call":"state"}"#,
    r#"{"call":"committed","sequence":1,"timeout_ms":1}"#,
    r#"{"call":"flushed","timeout_ms":0}"#,
    r#"{"call":"rejected"}"#,
    r#"{"call":"forget_rejected","sequence":1}"#,
    r#"{"call":"new_attachment","data":"aGVsbG8=","metadata":{"name":"hello.txt"}}"#,
    r#"{"call":"new_attachment","path":"none","metadata":{}}"#,
    r#"{"call":"update","collection":"a","id":"x","changes":[{"path":"file","attach":{"id":"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ","len":5,"metadata":{}}}]}"#,
];

/// One of each watch.
pub(crate) const WATCHES: &[&str] = &[
    r#"{"watch":"select","statement":"SELECT * FROM a WHERE n > :n","args":{"n":1}}"#,
    r#"{"watch":"find","collection":"a","query":"true","args":{},"sort":[{"path":"n"}],"limit":2,"changes":true}"#,
    r#"{"watch":"state"}"#,
    r#"{"watch":"rejected"}"#,
    r#"{"watch":"token"}"#,
    r#"{"watch":"attachment","attachment":{"id":"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ","len":5,"metadata":{}}}"#,
];

/// Values that are put anywhere.
fn odd(random: &mut Random) -> Value {
    match random.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(i64::MIN),
        5 => json!(0.1),
        6 => json!(1e308),
        7 => json!(""),
        8 => json!("system:collections"),
        9 => json!("a\u{0}\u{fffd}\u{10ffff}.[0].`x`"),
        10 => json!([]),
        11 => json!({}),
        12 => json!({"_id": [{"_id": "a"}], "": {"": null}}),
        _ => (0..300).fold(json!(1), |inner, _| json!([inner])),
    }
}

/// A message like one of these, as JSON or as CBOR.
pub(crate) fn mutated(random: &mut Random, seeds: &[&str]) -> Vec<u8> {
    let mut message: Value = serde_json::from_str(random.of(seeds)).expect("a seed is a message");
    for _ in 0..random.below(3) {
        change(random, &mut message);
    }
    let mut bytes = match random.below(2) {
        0 => message.to_string().into_bytes(),
        _ => cbor(&message),
    };
    for _ in 0..random.below(2) * random.below(4) {
        turn(random, &mut bytes);
    }
    bytes
}

/// Changes one place in it.
fn change(random: &mut Random, value: &mut Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() && random.below(6) > 0 => change_field(random, fields),
        Value::Array(elements) if !elements.is_empty() && random.below(6) > 0 => {
            let at = random.index(elements.len());
            change(random, &mut elements[at]);
        }
        Value::String(text) if random.below(2) == 0 => {
            let mut bytes = std::mem::take(text).into_bytes();
            turn(random, &mut bytes);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => *other = odd(random),
    }
}

fn change_field(random: &mut Random, fields: &mut Map<String, Value>) {
    let names: Vec<String> = fields.keys().cloned().collect();
    let name = &names[random.index(names.len())];
    match random.below(5) {
        0 => drop(fields.remove(name)),
        1 => drop(fields.insert(random.of(&["id", "query", "statement", "transaction", "x"]).to_string(), odd(random))),
        _ => change(random, fields.get_mut(name).expect("it has this name")),
    }
}

fn turn(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return bytes.push(b'{');
    }
    let at = random.index(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.next().to_le_bytes()[0],
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes.insert(at, random.of(&[0, 0x7f, 0x9b, 0xbf, 0xff, b'"', b'{', b'[', b'\\'])),
        3 => bytes.truncate(at),
        4 => bytes.extend_from_within(at..),
        _ => drop(bytes.remove(at)),
    }
}

fn cbor(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut Encoder::new(&mut out)).expect("a vector takes all that is written");
    out
}

fn write(
    value: &Value,
    out: &mut Encoder<&mut Vec<u8>>,
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    match value {
        Value::Null => drop(out.null()?),
        Value::Bool(it) => drop(out.bool(*it)?),
        Value::Number(it) => match (it.as_u64(), it.as_i64()) {
            (Some(it), _) => drop(out.u64(it)?),
            (None, Some(it)) => drop(out.i64(it)?),
            (None, None) => drop(out.f64(it.as_f64().unwrap_or_default())?),
        },
        Value::String(it) => drop(out.str(it)?),
        Value::Array(elements) => {
            out.array(elements.len() as u64)?;
            elements.iter().try_for_each(|it| write(it, out))?;
        }
        Value::Object(fields) => {
            out.map(fields.len() as u64)?;
            for (name, value) in fields {
                out.str(name)?;
                write(value, out)?;
            }
        }
    }
    Ok(())
}

/// Chance from a seed.
pub(crate) struct Random(StdRng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a size")
    }

    fn of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.index(these.len())]
    }
}
