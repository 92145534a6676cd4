//! OffsetCommit and OffsetFetch in version 10, which name topics by their ids (KIP-848): requests that `kafka-protocol`
//! 0.18 does not know, while it knows the answers.
//!
//! ```text
//! OffsetCommit: | group | epoch i32 | member | instance? | [ topic id | [ partition ] | tags ] | tags |
//! OffsetFetch:  | [ group | member? | epoch i32 | [ topic id | [ i32 ] | tags ]? | tags ] | require stable | tags |
//! ```
//!
//! Version 9 is the same with a name in the place of each id. So a request is copied with ids written as names, and
//! read by the codec of version 9; written the other way round. To be dropped when a release of `kafka-protocol`
//! knows both.
//!
//! Invariant: lengths are checked while copying; what is read takes no more memory than what came, but for the names.

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    messages::{OffsetCommitRequest, OffsetFetchRequest, TopicName},
    protocol::{Decodable, Encodable},
};
use uuid::Uuid;

use crate::cursor::{Cursor, Unreadable};

/// The version that names topics by their ids.
pub const VERSION: i16 = 10;

/// The version that is the same with names.
const WITH_NAMES: i16 = 9;

/// Why a request cannot be read, or not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CodecError {
    message: String,
}

fn failed(error: impl std::fmt::Display) -> CodecError {
    CodecError { message: error.to_string() }
}

/// Reads an OffsetCommit of version 10.
pub fn decode_offset_commit(bytes: &mut Bytes) -> Result<OffsetCommitRequest, CodecError> {
    let mut named = copy(bytes, Way::ToNames, |it| it.offset_commit())?;
    let mut request = OffsetCommitRequest::decode(&mut named, WITH_NAMES).map_err(failed)?;
    for topic in &mut request.topics {
        topic.topic_id = take_id(&mut topic.name)?;
    }
    Ok(request)
}

/// Reads an OffsetFetch of version 10.
pub fn decode_offset_fetch(bytes: &mut Bytes) -> Result<OffsetFetchRequest, CodecError> {
    let mut named = copy(bytes, Way::ToNames, |it| it.offset_fetch())?;
    let mut request = OffsetFetchRequest::decode(&mut named, WITH_NAMES).map_err(failed)?;
    for topic in request.groups.iter_mut().flat_map(|group| &mut group.topics).flatten() {
        topic.topic_id = take_id(&mut topic.name)?;
    }
    Ok(request)
}

fn take_id(name: &mut TopicName) -> Result<Uuid, CodecError> {
    std::mem::take(name).parse().map_err(failed)
}

/// Writes an OffsetCommit of version 10; for clients.
pub fn encode_offset_commit(request: &OffsetCommitRequest, out: &mut BytesMut) -> Result<(), CodecError> {
    let mut named = request.clone();
    for topic in &mut named.topics {
        topic.name = TopicName(std::mem::take(&mut topic.topic_id).to_string().into());
    }
    let mut bytes = BytesMut::new();
    named.encode(&mut bytes, WITH_NAMES).map_err(failed)?;
    out.extend_from_slice(&copy(&mut bytes.freeze(), Way::ToIds, |it| it.offset_commit())?);
    Ok(())
}

/// Writes an OffsetFetch of version 10; for clients.
pub fn encode_offset_fetch(request: &OffsetFetchRequest, out: &mut BytesMut) -> Result<(), CodecError> {
    let mut named = request.clone();
    for topic in named.groups.iter_mut().flat_map(|group| &mut group.topics).flatten() {
        topic.name = TopicName(std::mem::take(&mut topic.topic_id).to_string().into());
    }
    let mut bytes = BytesMut::new();
    named.encode(&mut bytes, WITH_NAMES).map_err(failed)?;
    out.extend_from_slice(&copy(&mut bytes.freeze(), Way::ToIds, |it| it.offset_fetch())?);
    Ok(())
}

/// What becomes of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Its id becomes a name.
    ToNames,
    /// Its name, which is an id, becomes that id.
    ToIds,
}

fn copy(
    bytes: &mut Bytes,
    way: Way,
    layout: impl FnOnce(&mut Copier<'_>) -> Result<(), Unreadable>,
) -> Result<Bytes, CodecError> {
    let mut copier = Copier { way, cursor: Cursor::new(bytes), bytes, out: BytesMut::new(), copied: 0 };
    let described = |error: Unreadable| failed(format!("{} at byte {}", error.message, error.at));
    layout(&mut copier).map_err(described)?;
    copier.flush();
    let (out, read) = (copier.out.freeze(), copier.copied);
    let _ = bytes.split_to(read);
    Ok(out)
}

/// Walks through a request and copies it but for its topics.
struct Copier<'a> {
    way: Way,
    bytes: &'a [u8],
    cursor: Cursor<'a>,
    out: BytesMut,
    /// Up to here the bytes are in `out`.
    copied: usize,
}

impl Copier<'_> {
    fn offset_commit(&mut self) -> Result<(), Unreadable> {
        self.skip_text()?; // group
        self.cursor.take(4)?; // epoch
        self.skip_text()?; // member
        self.skip_text()?; // instance
        for _ in 0..self.length()? {
            self.topic()?;
            for _ in 0..self.length()? {
                self.cursor.take(4 + 8 + 4)?; // partition, offset, leader epoch
                self.skip_text()?; // metadata
                self.skip_tags()?;
            }
            self.skip_tags()?;
        }
        self.skip_tags()
    }

    fn offset_fetch(&mut self) -> Result<(), Unreadable> {
        for _ in 0..self.length()? {
            self.skip_text()?; // group
            self.skip_text()?; // member
            self.cursor.take(4)?; // epoch
            for _ in 0..self.length()? {
                self.topic()?;
                let partitions = self.length()?;
                self.cursor.take(partitions.saturating_mul(4))?;
                self.skip_tags()?;
            }
            self.skip_tags()?;
        }
        self.cursor.take(1)?; // require stable
        self.skip_tags()
    }

    fn topic(&mut self) -> Result<(), Unreadable> {
        self.flush();
        match self.way {
            Way::ToNames => {
                let id = Uuid::from_bytes(self.cursor.array()?);
                let mut text = Uuid::encode_buffer();
                let text = id.hyphenated().encode_lower(&mut text);
                self.out.put_u8(u8::try_from(text.len() + 1).unwrap_or(u8::MAX)); // 37, a varint of one byte
                self.out.put_slice(text.as_bytes());
            }
            Way::ToIds => {
                let length = self.length()?;
                let id = Uuid::try_parse_ascii(self.cursor.take(length)?);
                self.out.put_slice(id.map_err(|_| self.cursor.fail("a topic is no id"))?.as_bytes());
            }
        }
        self.copied = self.cursor.position();
        Ok(())
    }

    fn flush(&mut self) {
        self.out.extend_from_slice(&self.bytes[self.copied..self.cursor.position()]);
        self.copied = self.cursor.position();
    }

    /// Compact: one more than it is; null counts as empty.
    fn length(&mut self) -> Result<usize, Unreadable> {
        Ok((self.cursor.unsigned_varint()? as usize).saturating_sub(1))
    }

    fn skip_text(&mut self) -> Result<(), Unreadable> {
        let length = self.length()?;
        self.cursor.take(length).map(drop)
    }

    fn skip_tags(&mut self) -> Result<(), Unreadable> {
        for _ in 0..self.cursor.unsigned_varint()? {
            self.cursor.unsigned_varint()?;
            let size = self.cursor.unsigned_varint()? as usize;
            self.cursor.take(size)?;
        }
        Ok(())
    }
}
