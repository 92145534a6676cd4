//! A request as it comes off the wire: its header, and the way from its bytes to a message.
//!
//! ```text
//! 0            2            4                  8
//! | API key    | version    | correlation id   | client id, tagged fields | message
//! ```

use bytes::{Buf, Bytes};
use kafka_protocol::{
    messages::{ApiKey, RequestHeader},
    protocol::{Decodable, Request as RequestMessage, StrBytes},
};

use crate::{api, refusal::Reason};

/// A request whose header has been read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: StrBytes,
    message: Bytes,
}

impl Request {
    /// Reads the header of `frame` and checks the shape of all of it, so that decoding allocates no more than what is there.
    pub(crate) fn read(frame: Bytes) -> Result<Self, Reason> {
        let mut head = frame.clone();
        let (number, version, correlation_id) = match (head.try_get_i16(), head.try_get_i16(), head.try_get_i32()) {
            (Ok(number), Ok(version), Ok(correlation_id)) => (number, version, correlation_id),
            _ => return Err(Reason::FrameSize { bytes: i32::try_from(frame.len()).unwrap_or(i32::MAX) }),
        };
        let unknown = Reason::UnknownApi { key: number, version };
        let key = ApiKey::try_from(number).map_err(|()| unknown.clone())?;
        let served = api::versions(key).ok_or_else(|| unknown.clone())?;
        if !served.contains(&version) {
            // Only this one has an answer for versions that are not known yet (KIP-511).
            let newer = key == ApiKey::ApiVersions && version > *served.end();
            let bare = Self { key, version, correlation_id, client_id: StrBytes::new(), message: Bytes::new() };
            return if newer { Ok(bare) } else { Err(unknown) };
        }
        let malformed = |message: String| Reason::Malformed { api: api::name(key), version, message };
        kafka_wire::request::check_request(number, version, &frame).map_err(|error| malformed(error.to_string()))?;
        let mut message = frame;
        let header = RequestHeader::decode(&mut message, key.request_header_version(version))
            .map_err(|error| malformed(error.to_string()))?;
        Ok(Self { key, version, correlation_id, client_id: header.client_id.unwrap_or_default(), message })
    }

    /// The message; all of the frame must belong to it.
    pub(crate) fn decode<R: RequestMessage>(&self) -> Result<R, Reason> {
        let malformed =
            |message: String| Reason::Malformed { api: api::name(self.key), version: self.version, message };
        let mut bytes = self.message.clone();
        let message = R::decode(&mut bytes, self.version).map_err(|error| malformed(error.to_string()))?;
        if bytes.has_remaining() {
            return Err(malformed(format!("{} bytes are left over", bytes.remaining())));
        }
        Ok(message)
    }

    /// Whether nobody needs its effects once the client has gone: it only waits.
    pub(crate) fn is_abandonable(&self) -> bool {
        matches!(self.key, ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup)
    }
}
