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
