//! Bounds of this crate, and what crossing one means.

use std::time::Duration;

/// Longest name of a sink, in bytes: with the app's it is a Kafka topic's name.
pub const NAME_BYTES_MAX: usize = 64;

/// Most sinks of an app: each has a task, and one into a Kafka has threads and connections.
pub const SINKS_MAX: usize = 100;

/// Most bytes of one sink's configuration, certificates included.
pub const CONFIG_BYTES_MAX: usize = 256 << 10;

/// How often apps that were opened or deleted are looked at for sinks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a task gets to end when its sink is paused, changed or deleted. Then it is cut.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a sink waits after a try that failed: from the first to the last of them it doubles.
pub const TRY_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// See [`TRY_AGAIN_FIRST`].
pub const TRY_AGAIN_MAX: Duration = Duration::from_secs(30);

/// About how many bytes of events are read at once for a Kafka.
#[cfg(feature = "kafka")]
pub(crate) const CHUNK_BYTES: usize = 2 << 20;

/// About how many bytes of events one Kafka transaction takes, if so many are there.
#[cfg(feature = "kafka")]
pub(crate) const TRANSACTION_BYTES_MAX: usize = 8 << 20;

/// How long brokers keep a transaction whose sink says nothing more; read_committed consumers wait as long
/// behind it. `transaction.timeout.ms` sets it.
#[cfg(feature = "kafka")]
pub(crate) const TRANSACTION_TIMEOUT_MS: u32 = 30_000;

/// How long one question to the brokers may take; below [`STOP_TIMEOUT`].
#[cfg(feature = "kafka")]
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls of one webhook that are under way at once.
pub const CALLS_MAX: usize = 16;

/// Events of one webhook that were read and are not delivered. With as many nothing more is read before
/// one is delivered or set aside, though it be one document that fails.
pub const PENDING_MAX: usize = 4096;

/// The same in bytes, about; what is read at once is on top.
pub const PENDING_BYTES_MAX: usize = 8 << 20;

/// Bytes of events that a webhook reads at once.
pub const READ_BYTES: usize = 1 << 20;

/// Events of one webhook that are set aside. The one that would be beyond it fails the sink.
pub const SET_ASIDE_MAX: usize = 10_000;

/// The same in bytes, about.
pub const SET_ASIDE_BYTES_MAX: usize = 16 << 20;

/// Documents of which it is kept how many events were set aside; of further ones it is not.
pub const SKIPPED_MAX: usize = 10_000;

/// How long calls that are under way may take when a webhook stops. Then they are cut, and made again
/// by the next start.
pub const CALLS_END_TIMEOUT: Duration = Duration::from_secs(5);

/// After how long a topic, or a file, that cannot be read or written is tried again.
pub const TRY_AGAIN: Duration = Duration::from_secs(5);
