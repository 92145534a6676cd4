//! The register of apps: `<data-dir>/apps.json`, which apps there are, and the instance of each.
//!
//! ```text
//! {"version":2,"crc32c":"1b2c3d4e"}
//! {"apps":[{"name":"default","instance":"30313233343536373839616263646566"},{"name":"shop","instance":null}]}
//! ```
//! An app without an instance was taken over from a directory without a register before its journal
//! was made; it gets one when it is first opened.
//!
//! Invariants: an app that is in it has a whole folder, or is damaged; a damaged register is an
//! error, never an empty one.
//! Not here: the folders themselves (`data_dir`).

use std::{collections::BTreeMap, fmt::Write as _, io, path::Path};

use document::{Map, Value};
use files::{Sealed, UnsealError};

use crate::{app_name::AppName, open_error::OpenError};

/// The file, in the data directory.
pub const REGISTER_FILE: &str = "apps.json";

/// The format this version writes. There was no register before version 2 of the directory.
const VERSION: u32 = 2;

/// A random number that an app keeps for life.
pub(crate) type Instance = [u8; 16];

/// The apps by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Register {
    pub(crate) apps: BTreeMap<AppName, Option<Instance>>,
}

impl Register {
    /// What is registered in `data_dir`; `None` if there is no register.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = data_dir.join(REGISTER_FILE);
        let io = |source| OpenError::Io { act: "cannot read", path: path.clone(), source };
        let Some(bytes) = files::read(&path).map_err(io)? else { return Ok(None) };
        let damaged = |message: String| OpenError::Register { path: path.clone(), message };
        let body = match files::unseal(&bytes, VERSION) {
            Ok(Sealed::Whole { body, .. }) => body,
            Ok(Sealed::Unsealed) => return Err(damaged("it does not begin as a register does".into())),
            Err(UnsealError::NewerFormat { found, known }) => {
                return Err(OpenError::NewerFormat { path: path.clone(), found, known });
            }
            Err(UnsealError::Damaged(why)) => return Err(damaged(why.into())),
        };
        match parse(body) {
            Some(register) => Ok(Some(register)),
            None => Err(damaged("it does not say which apps there are".into())),
        }
    }

    /// Replaces the register of `data_dir`, durably and whole.
    pub(crate) fn write(&self, data_dir: &Path) -> io::Result<()> {
        files::write_whole(&data_dir.join(REGISTER_FILE), self.sealed().as_bytes(), files::PRIVATE_FILE)
    }

    /// What is in the file.
    pub(crate) fn sealed(&self) -> String {
        files::seal(VERSION, &self.body())
    }

    fn body(&self) -> String {
        // Names and instances need no escapes.
        let apps = self.apps.iter().map(|(name, instance)| {
            let instance = instance.as_ref().map_or("null".to_owned(), |instance| format!("\"{}\"", hex(instance)));
            format!("{{\"name\":\"{}\",\"instance\":{instance}}}", name.as_str())
        });
        format!("{{\"apps\":[{}]}}", apps.collect::<Vec<_>>().join(","))
    }
}

/// `None` for anything but what [`Register::body`] writes.
fn parse(body: &str) -> Option<Register> {
    let Ok(Value::Map(whole)) = Value::from_json(body.as_bytes()) else { return None };
    let Value::Array(entries) = only(&whole, 1)?.field("apps")? else { return None };
    let mut register = Register::default();
    for entry in entries {
        let Value::Map(entry) = entry else { return None };
        let Value::String(name) = only(entry, 2)?.field("name")? else { return None };
        let instance = match entry.field("instance")? {
            Value::Null => None,
            Value::String(text) => Some(parse_hex(text)?),
            _ => return None,
        };
        let is_first = register.apps.insert(AppName::new(name).ok()?, instance).is_none();
        is_first.then_some(())?;
    }
    Some(register)
}

/// The map, if it has so many fields.
fn only(map: &Map, fields: usize) -> Option<&Map> {
    (map.len() == fields).then_some(map)
}

pub(crate) fn hex(instance: &Instance) -> String {
    instance.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn parse_hex(text: &str) -> Option<Instance> {
    let is_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    is_hex.then(|| u128::from_str_radix(text, 16).map(u128::to_be_bytes).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> Register {
        let name = |name| AppName::new(name).unwrap();
        Register { apps: [(name("shop"), None), (name("default"), Some(*b"0123456789abcdef"))].into() }
    }

    #[test]
    fn it_reads_back_and_looks_as_drawn() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Register::read(dir.path()).unwrap(), None);
        register().write(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(REGISTER_FILE)).unwrap();
        let body = r#"{"apps":[{"name":"default","instance":"30313233343536373839616263646566"},{"name":"shop","instance":null}]}"#;
        assert_eq!(text.lines().nth(1), Some(body));
        assert_eq!(Register::read(dir.path()).unwrap(), Some(register()));
    }

    #[test]
    fn damage_and_a_newer_version_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(REGISTER_FILE);
        let sealed = files::seal(VERSION, &register().body()).into_bytes();
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 4;
            std::fs::write(&path, flipped).unwrap();
            Register::read(dir.path()).unwrap_err();
        }
        std::fs::write(&path, files::seal(VERSION + 1, "?")).unwrap();
        assert!(matches!(Register::read(dir.path()), Err(OpenError::NewerFormat { found: 3, known: 2, .. })));
    }

    #[test]
    fn only_what_is_written_is_taken() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"apps":{}}"#,
            r#"{"apps":[],"more":1}"#,
            r#"{"apps":[{"name":"a"}]}"#,
            r#"{"apps":[{"name":"A","instance":null}]}"#,
            r#"{"apps":[{"name":"a","instance":"12"}]}"#,
            r#"{"apps":[{"name":"a","instance":"+0313233343536373839616263646566"}]}"#,
            r#"{"apps":[{"name":"a","instance":null},{"name":"a","instance":null}]}"#,
        ] {
            assert_eq!(parse(body), None, "{body}");
        }
        assert_eq!(parse(r#"{"apps":[]}"#), Some(Register::default()));
    }
}
