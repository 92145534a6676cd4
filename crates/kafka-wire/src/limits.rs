//! The bounds on a request, and what crossing one means: the connection ends, with the reason in the server's log.

/// Most bytes of a request's frame, behind its four length bytes. Refused before any of it is read.
///
/// The largest honest requests of a consumer (a fetch or a commit of some thousand partitions) take a tenth of it;
/// Apache Kafka's own bound, `socket.request.max.bytes`, is 100 MiB because it takes produced records.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Fewest bytes of a request's frame: API key, version and correlation id.
pub const REQUEST_BYTES_MIN: usize = 8;

/// Most array elements and tagged fields of a request, all levels together.
///
/// One that takes two bytes in the frame can take some 300 in memory once decoded: this keeps a decoded request below
/// 20 MiB. A request of 1 MiB that names partitions with their offsets has no more.
pub const REQUEST_ELEMENTS_MAX: usize = 1 << 16;
