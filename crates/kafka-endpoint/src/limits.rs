//! Bounds of this crate, and what crossing one means.
//!
//! Every connection belongs to a certificate that our own authority signed; before that is proven, only the bounds on
//! handshakes apply.

use std::time::Duration;

/// Connections in all whose handshake is over; at least twice those of one app. One more is refused
/// after its handshake, with a logged reason.
pub const CONNECTIONS_MAX: usize = 16_384;

/// The same of one app, so that no app keeps others out; at least twice those of one user. One more
/// is refused after its handshake, with a logged reason.
pub const CONNECTIONS_PER_APP_MAX: usize = 8_192;

/// The same of one user of one app, unless the options say otherwise. One more is refused after its
/// handshake, with a logged reason.
pub const CONNECTIONS_PER_USER_MAX: usize = 4_096;

/// From this part of its connections on, a user is warned of in the log: once, until it has fewer
/// than half of that.
pub const CONNECTIONS_WARN_PERCENT: usize = 80;

/// Refused connections that are answered with an error at a time; a half of them of one app, a
/// quarter of one user. One more is closed without a word.
pub const REFUSED_CONNECTIONS_MAX: usize = 256;

/// How long a refused connection is answered with errors. Then it is closed.
pub const REFUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections that may be inside their handshake at once. For one more, one that is unfinished is closed, with a
/// logged reason: of the address that has most, the oldest that has not said hello, or the oldest.
pub const HANDSHAKES_MAX: usize = 1024;

/// The same from one address (of IPv6: one /64). For one more, one of the same address is closed.
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = 256;

/// Of [`HANDSHAKES_MAX`], how many are kept for addresses that are known. Beyond the others a stranger takes another
/// stranger's place.
pub const HANDSHAKES_OF_KNOWN: usize = 256;

/// How long an address is known after a handshake that proved a certificate of ours.
pub const ADDRESS_KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Addresses that are known. For one more, the one that was seen longest ago is forgotten.
pub const ADDRESSES_KNOWN_MAX: usize = 4096;

/// How long a handshake may take. A slower one is closed, with a logged reason.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be silent between requests (Kafka's `connections.max.idle.ms`). Then it is closed;
/// clients reconnect.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long the rest of a request may take once its first byte is there. A slower one ends the connection.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long nothing of a request may come once its first byte is there. Then the connection ends.
pub const REQUEST_STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take none of the bytes of a response. Then the connection ends, so that what it holds is free.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a response that a client must take each second, on average, beyond [`WRITE_TIMEOUT`]. From a slower one
/// it is taken away: the connection ends.
pub const WRITE_BYTES_PER_SECOND_MIN: usize = 16 * 1024;

/// A client that takes nothing of a response for so long has stalled. While others wait for the room
/// that responses have, the connection that has stalled longest is cut.
pub const STALL_MIN: Duration = Duration::from_secs(1);

/// How long one who waits for room waits after each connection that was cut, before it has another
/// one cut.
pub const CUT_PAUSE: Duration = Duration::from_millis(10);

/// How long connections may go on with the response in flight when the server stops. Then they are cut.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The smallest and the largest request. Another one ends the connection before any of it is read.
pub use kafka_wire::limits::{REQUEST_BYTES_MAX, REQUEST_BYTES_MIN};

/// Bytes read ahead of the request being answered. While they are full, nothing more is read from that connection.
pub const READ_AHEAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of requests beyond the read-ahead, held by all connections together. While they are out, further ones wait
/// their turn.
pub const REQUEST_BYTES_IN_FLIGHT_MAX: usize = 64 * 1024 * 1024;

/// The same for one app's connections, so that no app holds up others. While they are out, that app's further ones
/// wait.
pub const REQUEST_BYTES_IN_FLIGHT_PER_APP_MAX: usize = 16 * 1024 * 1024;

/// The same for one user's connections. While they are out, that user's further ones wait.
pub const REQUEST_BYTES_IN_FLIGHT_PER_USER_MAX: usize = 4 * 1024 * 1024;

/// Bytes of records held for responses by all connections together. While they are out, further fetches wait their
/// turn.
pub const RESPONSE_BYTES_IN_FLIGHT_MAX: usize = 256 * 1024 * 1024;

/// The same for one app's connections, so that no app holds up others. While they are out, that app's further fetches
/// wait.
pub const RESPONSE_BYTES_IN_FLIGHT_PER_APP_MAX: usize = 128 * 1024 * 1024;

/// The same for one user's connections, so that a user whose connections do not read cannot hold up others. While
/// they are out, that user's further fetches wait.
pub const RESPONSE_BYTES_IN_FLIGHT_PER_USER_MAX: usize = 64 * 1024 * 1024;

/// Bytes of records in one fetch response, whatever the client asks for. Only a single batch that is larger goes
/// beyond.
pub const FETCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The same for a client that has not shown yet that it takes what it gets, or whose last response
/// stalled; twice as much after each response that it takes. Only a single batch goes beyond.
pub const FIRST_RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// A response takes no more than this part of the bytes that its user, its app and all together have
/// left, so that clients that do not read leave some to others.
pub const RESPONSE_PART_OF_FREE: usize = 8;

/// A response may have so many bytes, however little is left.
pub const RESPONSE_BYTES_MIN: usize = 64 * 1024;

/// Bytes of a response that the system holds for sending later, for a client that has not shown yet
/// that it takes what it gets. Few, so that what a slow one takes is seen soon.
pub const FIRST_UNSENT_BYTES_MAX: u32 = 32 * 1024;

/// The same for the others.
pub const UNSENT_BYTES_MAX: u32 = 1024 * 1024;

/// Bytes of a response that TLS may hold, encrypted, once they are handed to it.
pub(crate) const TLS_BYTES_MAX: usize = 64 * 1024;

/// How long a fetch waits for events, whatever the client asks for.
pub const FETCH_WAIT_MAX: Duration = Duration::from_secs(60);

/// Partitions in one fetch. More are answered with INVALID_REQUEST.
pub const FETCH_PARTITIONS_MAX: usize = 10_000;

/// Partitions that incremental fetch sessions remember, all together. While they do, further sessions
/// are not begun: those clients name all of their partitions in each fetch.
pub const FETCH_SESSION_PARTITIONS_MAX: usize = 250_000;

/// Partitions in one answer to DescribeTopicPartitions (Kafka's `max.request.partition.size.limit`). The answer says
/// where the next one begins.
pub const DESCRIBED_PARTITIONS_MAX: usize = 2_000;

/// Groups of one app that have members, and, unless the options say otherwise, of which offsets are kept. One more is
/// refused with GROUP_MAX_SIZE_REACHED.
pub const GROUPS_PER_APP_MAX: usize = 1_000;

/// How long offsets of a group that nobody uses are kept, unless the options say otherwise (Kafka's
/// `offsets.retention.minutes`).
pub const OFFSETS_RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Groups of one app whose lag `/metrics` tells, the first by name. Of further ones it tells how many there are.
pub const METRICS_GROUPS_PER_APP_MAX: usize = 200;

/// Series of one metric of groups in a scrape, a group and topic each. Groups beyond it are counted only.
pub const METRICS_SERIES_MAX: usize = 2_000;

/// Bytes of a group's name in `/metrics`. A group with a longer one is counted only.
pub const METRICS_GROUP_NAME_BYTES_MAX: usize = 249;

/// Members of one group. One more is refused with GROUP_MAX_SIZE_REACHED.
pub const GROUP_MEMBERS_MAX: usize = 1_000;

/// Bytes of members, their metadata and their assignments in all groups of one app together. A member that would go
/// beyond is refused with GROUP_MAX_SIZE_REACHED.
pub const GROUPS_BYTES_PER_APP_MAX: usize = 16 * 1024 * 1024;

/// Bytes of committed offsets of all groups of one app together. A commit that would go beyond is refused with
/// INVALID_COMMIT_OFFSET_SIZE, until groups are deleted; one that makes nothing larger is always taken.
pub const OFFSETS_BYTES_PER_APP_MAX: usize = 64 * 1024 * 1024;

/// The shortest session timeout a member may ask for, in ms. A shorter one is refused with INVALID_SESSION_TIMEOUT.
pub const SESSION_TIMEOUT_MS_MIN: i32 = 1_000;

/// The longest session timeout a member may ask for, in ms (Kafka's `group.max.session.timeout.ms`). A longer one is
/// refused with INVALID_SESSION_TIMEOUT.
pub const SESSION_TIMEOUT_MS_MAX: i32 = 1_800_000;

/// The longest time a rebalance waits for members, in ms. A longer wish is cut to this.
pub const REBALANCE_TIMEOUT_MS_MAX: i32 = 1_800_000;

/// How long an id that was handed out with MEMBER_ID_REQUIRED is kept for the client to come back with, in ms.
pub const PENDING_MEMBER_MS_MAX: u64 = 10_000;

/// How long after the start members of the last generation before it are recognised, in ms; see `groups`.
pub const ADOPTION_MS: u64 = 300_000;

/// How long the first rebalance of a group with survivors waits for more of them, in ms. Later ones must join as new
/// members.
pub const ADOPTION_HOLD_MS: u64 = 1_000;

/// Without a heartbeat for this long a member of the consumer protocol is put out, in ms (Kafka's
/// `group.consumer.session.timeout.ms`).
pub const CONSUMER_SESSION_TIMEOUT_MS: u64 = 45_000;

/// How often members of the consumer protocol are told to send a heartbeat, in ms (Kafka's
/// `group.consumer.heartbeat.interval.ms`).
pub const CONSUMER_HEARTBEAT_INTERVAL_MS: u64 = 5_000;

/// Bytes of a regular expression that a member subscribes by. A longer one is refused with INVALID_REGULAR_EXPRESSION.
pub const SUBSCRIPTION_REGEX_BYTES_MAX: usize = 1024;

/// Bytes that it may compile to. A larger one is refused with INVALID_REGULAR_EXPRESSION.
pub const SUBSCRIPTION_REGEX_COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Bytes that a consumer may store beside an offset (Kafka's `offset.metadata.max.bytes`). More is refused with
/// OFFSET_METADATA_TOO_LARGE.
pub const OFFSET_METADATA_BYTES_MAX: usize = 4096;

/// Bytes of a group's or a member's name. A longer one is refused with INVALID_GROUP_ID, as is a group's name with a
/// NUL.
pub const GROUP_NAME_BYTES_MAX: usize = 1024;

/// Refusals logged in one second. Further ones are counted, and the next line says how many.
pub const REFUSAL_LINES_PER_SECOND: u32 = 10;

/// How long `/metrics` looks on disk where groups are in time, in a scrape. Of those that are left
/// then it tells how many events they are behind, and no times; what was found is known to the next
/// scrape.
pub const LAG_TIMES_BUDGET: Duration = Duration::from_secs(2);
