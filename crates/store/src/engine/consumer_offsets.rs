//! Committed offsets of consumer groups.
//!
//! | space | key | value |
//! |---|---|---|
//! | `consumer_offsets` | group, 0, topic, 0, partition u32 BE | version 1, offset i64 LE, leader epoch i32 LE, metadata |

use super::{
    handle::{Engine, EngineBatch},
    spaces::{CONSUMER_OFFSETS, EngineError, VALUE_VERSION},
};
use crate::consumer_offsets::CommittedOffset;

impl Engine {
    /// Every committed offset: (group, topic, partition, offset).
    pub(crate) fn consumer_offsets(&self) -> Result<Vec<(String, String, i32, CommittedOffset)>, EngineError> {
        let mut all = Vec::new();
        for entry in self.prefix(CONSUMER_OFFSETS, &[]) {
            let (key, value) = entry?;
            let entry = decode_offset(&key, &value);
            all.push(entry.ok_or_else(|| EngineError(format!("the committed offset {key:02x?} cannot be read")))?);
        }
        Ok(all)
    }
}

impl EngineBatch<'_> {
    /// Sets a group's offset; `None` forgets it.
    pub(crate) fn put_offset(&mut self, group: &str, topic: &str, partition: i32, offset: Option<&CommittedOffset>) {
        let key = offset_key(group, topic, partition);
        match offset {
            Some(offset) => self.batch.insert(CONSUMER_OFFSETS, key, encode_offset(offset)),
            None => self.batch.remove(CONSUMER_OFFSETS, key),
        }
    }
}

fn offset_key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut key = Vec::with_capacity(group.len() + topic.len() + 6);
    key.extend_from_slice(group.as_bytes());
    key.push(0);
    key.extend_from_slice(topic.as_bytes());
    key.push(0);
    key.extend_from_slice(&(partition as u32).to_be_bytes());
    key
}

fn encode_offset(offset: &CommittedOffset) -> Vec<u8> {
    let mut out = vec![VALUE_VERSION];
    out.extend_from_slice(&offset.offset.to_le_bytes());
    out.extend_from_slice(&offset.leader_epoch.to_le_bytes());
    out.extend_from_slice(offset.metadata.as_bytes());
    out
}

fn decode_offset(key: &[u8], value: &[u8]) -> Option<(String, String, i32, CommittedOffset)> {
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    let (names, partition) = key.split_last_chunk::<4>()?;
    let mut names = names.split(|&b| b == 0);
    let (group, topic) = (text(names.next()?)?, text(names.next()?)?);
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (leader_epoch, metadata) = rest.split_first_chunk::<4>()?;
    let offset = CommittedOffset {
        offset: i64::from_le_bytes(*offset),
        leader_epoch: i32::from_le_bytes(*leader_epoch),
        metadata: text(metadata)?,
    };
    Some((group, topic, u32::from_be_bytes(*partition) as i32, offset))
}
