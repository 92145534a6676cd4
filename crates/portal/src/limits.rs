//! Bounds of this crate, and what crossing one means.

use std::time::Duration;

/// Sessions at once. One more ends the one that was idle longest.
pub const SESSIONS_MAX: usize = 64;

/// A session that is not used for so long has ended.
pub const SESSION_IDLE: Duration = Duration::from_secs(8 * 60 * 60);

/// A session ends so long after its sign-in, used or not.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Messages that wait for a session's next page. The oldest is dropped.
pub const FLASHES_MAX: usize = 8;

/// One-time sign-in tokens that are not used yet. One more drops the one that ends first.
pub const TOKENS_MAX: usize = 32;

/// How long the link of the start screen can be used.
pub const START_TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a link that was asked for can be used.
pub const TOKEN_LIFE: Duration = Duration::from_secs(10 * 60);

/// Sign-ins that may fail within [`ATTEMPTS_WINDOW`], from all addresses together. Then nobody signs in by the key until it is over; links work.
pub const ATTEMPTS_MAX: usize = 10;

/// See [`ATTEMPTS_MAX`].
pub const ATTEMPTS_WINDOW: Duration = Duration::from_secs(60);

/// How long the answer to a failed sign-in takes.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(500);

/// The largest form, in bytes as it is sent. A larger one gets 413.
pub const FORM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The largest form of somebody who is not signed in.
pub const SIGN_IN_BYTES_MAX: usize = 4 * 1024;

/// Fields of a form. More get 400.
pub const FORM_FIELDS_MAX: usize = 1024;

/// How long a browser may take to send a form. Then 408.
pub const FORM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the Test button's consumer may take for everything but waiting for an event.
pub const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);
