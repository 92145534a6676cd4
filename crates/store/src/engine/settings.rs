//! What is noted of the texts beside the documents.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `setting:` and a name | version 1, then 0 or 1 and a CRC-32C u32 LE, of each text that `<name>.json` may have; 0: it may be missing |

use super::{
    handle::Engine,
    spaces::{EngineError, META, VALUE_VERSION},
};

const SETTING_PREFIX: &str = "setting:";

/// The checksums of the texts that a setting may have; `None`: it may be missing.
pub(crate) type SettingNote = Vec<Option<u32>>;

impl Engine {
    /// What the texts beside the documents may be, by their names: of each the checksums of those
    /// that may be there, `None` for none.
    pub(crate) fn settings(&self) -> Result<Vec<(String, SettingNote)>, EngineError> {
        let notes = self.prefix(META, SETTING_PREFIX.as_bytes()).map(|entry| {
            let (key, value) = entry?;
            let name = String::from_utf8_lossy(&key[SETTING_PREFIX.len()..]).into_owned();
            let note = decode_setting(&value)
                .ok_or_else(|| EngineError(format!("the note on the setting {name:?} cannot be read")))?;
            Ok((name, note))
        });
        notes.collect()
    }

    /// Notes that; durable with the next [`Engine::persist`].
    pub(crate) fn note_setting(&self, name: &str, note: &[Option<u32>]) -> Result<(), EngineError> {
        let mut value = vec![VALUE_VERSION];
        for crc in note {
            value.push(u8::from(crc.is_some()));
            value.extend_from_slice(&crc.unwrap_or_default().to_le_bytes());
        }
        self.insert(META, format!("{SETTING_PREFIX}{name}"), value)
    }
}

fn decode_setting(value: &[u8]) -> Option<SettingNote> {
    let rest = value.strip_prefix(&[VALUE_VERSION])?;
    let (entries, []) = rest.as_chunks::<5>() else { return None };
    let decode = |[tag, crc @ ..]: &[u8; 5]| match tag {
        0 => Some(None),
        1 => Some(Some(u32::from_le_bytes(*crc))),
        _ => None,
    };
    entries.iter().map(decode).collect()
}
