//! Replies on their way out: a length, a header, a message.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::ResponseHeader,
    protocol::{Encodable, HeaderVersion},
};
use kafka_wire::api_versions::codec_version;

use crate::{admission::HeldBytes, reason::Reason, request::Request};

/// A whole reply, ready to be written: pieces that follow each other, the length in front.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) pieces: Vec<Bytes>,
    /// What the pieces may hold; given back once they are written.
    pub(crate) held: Option<HeldBytes>,
}

impl Reply {
    /// A reply in the version of its request.
    pub(crate) fn new<M: Encodable + HeaderVersion>(request: &Request, message: &M) -> Result<Self, Reason> {
        Self::in_version(request, message, request.version)
    }

    /// A reply in a version of its own.
    pub(crate) fn in_version<M: Encodable + HeaderVersion>(
        request: &Request,
        message: &M,
        version: i16,
    ) -> Result<Self, Reason> {
        let mut out = begin(request, M::header_version(version));
        message.encode(&mut out, codec_version(request.key, version)).map_err(|error| Reason::Unencodable {
            api: request.api_name(),
            version,
            message: error.to_string(),
        })?;
        Ok(Self { pieces: vec![finish(out, 0)], held: None })
    }

    /// Bytes of all pieces.
    pub(crate) fn len_bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

/// Room for the length, then the response header.
pub(crate) fn begin(request: &Request, header_version: i16) -> BytesMut {
    let mut out = BytesMut::with_capacity(256);
    out.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(request.correlation_id)
        .encode(&mut out, header_version)
        .expect("a header with nothing but a correlation id exists in every version");
    out
}

/// Fills in the length of `out` and the `further_bytes` that will follow it.
pub(crate) fn finish(mut out: BytesMut, further_bytes: usize) -> Bytes {
    let len = i32::try_from(out.len() - 4 + further_bytes).expect("responses are bounded far below 2 GiB");
    out[..4].copy_from_slice(&len.to_be_bytes());
    out.freeze()
}
