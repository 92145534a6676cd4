//! Checks that a request's bytes have the shape that they claim, before anything decodes them.
//!
//! `kafka-protocol` 0.18 reserves memory for as many array elements as a request announces: thirty bytes can ask for
//! 150 GB, and the process aborts. Here every length is compared with the bytes that are left, without allocating;
//! what passes decodes into a bounded amount of memory. To be dropped when a release bounds it by itself
//! (kafka-protocol-rs pull requests 152, 161, 200).
//!
//! Invariants: no allocation, no recursion beyond the depth of the tables, time linear in the frame.
//! Not here: whether text is UTF-8, and what the values mean; the decoder and the endpoint refuse those without harm.

mod requests;
mod schema;
#[cfg(test)]
mod tests;

use crate::api_versions::{AdvertisedApi, advertised_api};
use crate::cursor::{Cursor, Unreadable};
use crate::limits::{REQUEST_BYTES_MAX, REQUEST_BYTES_MIN, REQUEST_ELEMENTS_MAX};
use kafka_protocol::messages::ApiKey;
use schema::{Field, RequestSchema, Shape, Struct};

/// The fixed front of a checked request's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeaderPeek {
    /// Which API; one that is served.
    pub api_key: ApiKey,
    /// Its version; one that is served.
    pub api_version: i16,
    /// What the reply must repeat.
    pub correlation_id: i32,
}

/// Why a frame is not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The frame cannot hold a header.
    #[error("a request of {len_bytes} bytes is shorter than the {REQUEST_BYTES_MIN} bytes of a header")]
    TooShort {
        /// Bytes of the frame.
        len_bytes: usize,
    },
    /// The frame is larger than [`REQUEST_BYTES_MAX`].
    #[error("a request of {len_bytes} bytes is larger than the {REQUEST_BYTES_MAX} bytes allowed")]
    TooLong {
        /// Bytes of the frame.
        len_bytes: usize,
    },
    /// The endpoint does not serve this API.
    #[error("the API with the key {api_key} is not served")]
    UnknownApi {
        /// The key as sent.
        api_key: i16,
    },
    /// The endpoint serves the API, not in this version. Ends the connection, as a broker does.
    #[error("version {api_version} of {:?} is not served, only {} to {}", .served.api, .served.version_min, .served.version_max)]
    UnsupportedVersion {
        /// What is served of the API.
        served: AdvertisedApi,
        /// The version as sent.
        api_version: i16,
    },
    /// A client that asks with a newer ApiVersions than is served: to be answered with version 0 of the reply, error 35
    /// (UNSUPPORTED_VERSION) and the range of ApiVersions alone, so that it asks again (KIP-511).
    #[error("version {api_version} of ApiVersions is not served; the client should ask with an older one")]
    UnsupportedApiVersions {
        /// The version as sent.
        api_version: i16,
        /// What the reply must repeat.
        correlation_id: i32,
    },
    /// The bytes do not have the request's shape.
    #[error("the {api:?} v{api_version} request is malformed: {message} in `{field}` at byte {at}")]
    Malformed {
        /// Which API.
        api: ApiKey,
        /// Its version.
        api_version: i16,
        /// What is wrong.
        message: &'static str,
        /// The field, in the words of Kafka's message definitions.
        field: &'static str,
        /// Where in the frame.
        at: usize,
    },
}

/// Checks a whole request, header and body. `frame` is what follows the four length bytes.
///
/// What passes can be decoded without hostile allocations: the decoder finds every element that a length announces, at
/// most [`REQUEST_ELEMENTS_MAX`] of them. Bytes behind the request are ignored, as Apache Kafka ignores them.
pub fn check_request(frame: &[u8]) -> Result<RequestHeaderPeek, ShapeError> {
    check_request_prefix(frame).map(|(peek, _)| peek)
}

/// The checked header and how many bytes the request takes.
fn check_request_prefix(frame: &[u8]) -> Result<(RequestHeaderPeek, usize), ShapeError> {
    let len_bytes = frame.len();
    if len_bytes > REQUEST_BYTES_MAX {
        return Err(ShapeError::TooLong { len_bytes });
    }
    let too_short = |_| ShapeError::TooShort { len_bytes };
    let mut cursor = Cursor::new(frame);
    let api_key = cursor.i16().map_err(too_short)?;
    let api_version = cursor.i16().map_err(too_short)?;
    let correlation_id = cursor.i32().map_err(too_short)?;

    let served = advertised_api(api_key).ok_or(ShapeError::UnknownApi { api_key })?;
    let api = served.api;
    if !served.serves(api_version) {
        return Err(match api {
            ApiKey::ApiVersions => ShapeError::UnsupportedApiVersions { api_version, correlation_id },
            _ => ShapeError::UnsupportedVersion { served: *served, api_version },
        });
    }
    let schema = requests::schema_of(api).expect("every advertised API has a schema");
    let mut walk = Walk {
        cursor,
        version: api_version,
        flexible: api_version >= schema.flexible_since,
        elements: 0,
        field: "header",
    };
    match walk.request(schema) {
        Ok(()) => Ok((RequestHeaderPeek { api_key: api, api_version, correlation_id }, walk.cursor.position())),
        Err(Unreadable { at, message }) => {
            Err(ShapeError::Malformed { api, api_version, message, field: walk.field, at })
        }
    }
}

/// A way through one request.
struct Walk<'a> {
    cursor: Cursor<'a>,
    version: i16,
    flexible: bool,
    /// Array elements and tagged fields so far.
    elements: usize,
    /// The field entered last, for the error.
    field: &'static str,
}

impl Walk<'_> {
    fn request(&mut self, schema: &RequestSchema) -> Result<(), Unreadable> {
        self.header()?;
        self.structure(&schema.body)
    }

    /// What follows the correlation id in the request header v1 or, with tagged fields, v2.
    fn header(&mut self) -> Result<(), Unreadable> {
        self.field = "client_id";
        // Not compact in any version: a server must read the header before it knows the version (KIP-482).
        let at = self.cursor.position();
        let length = self.cursor.i16()?.into();
        let length = plain_length(length, at)?.unwrap_or(0);
        self.cursor.take(length)?;
        if self.flexible { self.tagged_fields(&[]) } else { Ok(()) }
    }

    fn structure(&mut self, structure: &Struct) -> Result<(), Unreadable> {
        for field in structure.fields_in(self.version) {
            self.field(field)?;
        }
        if self.flexible { self.tagged_fields(structure.tags) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field) -> Result<(), Unreadable> {
        self.field = field.name;
        self.shape(&field.shape)
    }

    fn shape(&mut self, shape: &Shape) -> Result<(), Unreadable> {
        match shape {
            Shape::Fixed(len_bytes) => self.skip(*len_bytes),
            Shape::Text => {
                let length = self.text_length()?;
                self.skip_present(length)
            }
            Shape::NullableText => {
                let length = self.text_length()?;
                self.skip(length.unwrap_or(0))
            }
            Shape::Bytes => {
                let length = self.length()?;
                self.skip_present(length)
            }
            Shape::NullableBytes => {
                let length = self.length()?;
                self.skip(length.unwrap_or(0))
            }
            Shape::Array(element) => match self.length()? {
                Some(count) => self.elements(count, element),
                None => Err(self.null()),
            },
            Shape::NullableArray(element) => match self.length()? {
                Some(count) => self.elements(count, element),
                None => Ok(()),
            },
            Shape::Struct(structure) => self.structure(structure),
            Shape::NullableStruct(structure) => match self.cursor.take(1)? {
                [1] => self.structure(structure),
                [0xff] => Ok(()),
                _ => Err(self.cursor.fail("neither a value nor null")),
            },
        }
    }

    fn elements(&mut self, count: usize, element: &Shape) -> Result<(), Unreadable> {
        if count > self.cursor.remaining() {
            return Err(self.cursor.fail("an array has more elements than bytes are left"));
        }
        self.count_elements(count)?;
        (0..count).try_for_each(|_| self.shape(element))
    }

    fn tagged_fields(&mut self, known: &[schema::Tag]) -> Result<(), Unreadable> {
        let count = self.cursor.unsigned_varint()? as usize;
        self.count_elements(count)?;
        for _ in 0..count {
            let number = self.cursor.unsigned_varint()?;
            let size = self.cursor.unsigned_varint()? as usize;
            match known.iter().find(|tag| tag.number == number) {
                Some(tag) => self.known_tag(&tag.field, size)?,
                None => self.skip(size)?,
            }
        }
        Ok(())
    }

    /// The decoder reads a tag that it knows by its type and not by its size: both must agree, or it would go on at
    /// another byte than this check.
    fn known_tag(&mut self, field: &Field, size: usize) -> Result<(), Unreadable> {
        if !field.is_in(self.version) {
            return Err(self.cursor.fail("a tagged field belongs to another version"));
        }
        let from = self.cursor.position();
        self.field(field)?;
        if self.cursor.position() - from != size {
            return Err(Unreadable { at: from, message: "a tagged field has another size than it says" });
        }
        Ok(())
    }

    fn count_elements(&mut self, count: usize) -> Result<(), Unreadable> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > REQUEST_ELEMENTS_MAX {
            return Err(self.cursor.fail("too many elements"));
        }
        Ok(())
    }

    fn text_length(&mut self) -> Result<Option<usize>, Unreadable> {
        if self.flexible {
            return self.compact_length();
        }
        let at = self.cursor.position();
        plain_length(self.cursor.i16()?.into(), at)
    }

    /// Of bytes or an array.
    fn length(&mut self) -> Result<Option<usize>, Unreadable> {
        if self.flexible {
            return self.compact_length();
        }
        let at = self.cursor.position();
        plain_length(self.cursor.i32()?, at)
    }

    /// The length plus one; zero is null.
    fn compact_length(&mut self) -> Result<Option<usize>, Unreadable> {
        Ok((self.cursor.unsigned_varint()? as usize).checked_sub(1))
    }

    fn skip_present(&mut self, length: Option<usize>) -> Result<(), Unreadable> {
        match length {
            Some(length) => self.skip(length),
            None => Err(self.null()),
        }
    }

    fn skip(&mut self, len_bytes: usize) -> Result<(), Unreadable> {
        self.cursor.take(len_bytes).map(|_| ())
    }

    fn null(&self) -> Unreadable {
        self.cursor.fail("null where a value must be")
    }
}

/// A length of which -1 is null and less is nothing.
fn plain_length(length: i32, at: usize) -> Result<Option<usize>, Unreadable> {
    match length {
        -1 => Ok(None),
        _ => usize::try_from(length).map(Some).map_err(|_| Unreadable { at, message: "a length is negative" }),
    }
}
