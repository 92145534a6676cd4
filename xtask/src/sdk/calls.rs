//! `sdks/calls.json` as it is read: which messages a small peer takes, and its error codes.
//!
//! Invariants: fields stay in the order in which the file has them.
//! Not here: what a message means (`crates/peer-calls`).

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// Where it lies.
const PATH: &str = "sdks/calls.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calls {
    pub(super) abi: u32,
    pub(super) formats: Fields,
    pub(super) answer: Fields,
    /// Codes that any call may be answered with.
    pub(super) always: Vec<String>,
    pub(super) config: Fields,
    pub(super) calls: Vec<Call>,
    pub(super) watches: Vec<Watch>,
    pub(super) types: Fields,
    pub(super) errors: Vec<Code>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) call: String,
    pub(super) takes: Fields,
    pub(super) gives: Fields,
    pub(super) kind: String,
    /// Codes that it may be answered with beside those.
    pub(super) errors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Watch {
    pub(super) watch: String,
    pub(super) takes: Fields,
    pub(super) tells: Fields,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    pub(super) number: u32,
    pub(super) code: String,
    pub(super) meaning: String,
}

/// Names, each with what it stands for, in the order of the file.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Calls {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(PATH)).with_context(|| format!("cannot read {PATH}"))?;
        let calls: Self = serde_json::from_str(&text).with_context(|| format!("{PATH} is not as it should be"))?;
        for (index, code) in calls.errors.iter().enumerate() {
            ensure!(usize::try_from(code.number)? == index + 1, "{PATH}: {} has the number {}", code.code, code.number);
        }
        let named = calls.calls.iter().flat_map(|call| &call.errors).chain(&calls.always);
        let unknown: Vec<_> = named.filter(|name| !calls.errors.iter().any(|code| code.code == **name)).collect();
        ensure!(unknown.is_empty(), "{PATH}: there are no codes {unknown:?}");
        Ok(calls)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object whose values are strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
