//! Bounds and lifetimes of this crate, and what crossing one means.

/// Longest name of an app, a user or a key, in bytes; a longer one is refused. 64 is the bound of
/// X.520 on CN and O (RFC 5280, appendix A.1: `ub-common-name`, `ub-organization-name`).
pub const NAME_BYTES_MAX: usize = 64;

/// Longest topic name in bytes, as Kafka bounds it; a longer one is refused.
pub const TOPIC_BYTES_MAX: usize = 249;

/// Grants of one API key; more are refused.
pub const GRANTS_MAX: usize = 256;

/// Shortest admin key that is read from `admin.key`, in bytes; a shorter one is an error. The ones
/// made here are longer.
pub const ADMIN_KEY_BYTES_MIN: usize = 32;

/// How long the CA lasts, in days: ten years. Nothing that it signs outlives it.
pub const CA_DAYS: u64 = 3_650;

/// How long a server certificate lasts, in days. With the day by which it is backdated it is the
/// longest that Apple's platforms take from a private CA: 825.
pub const SERVER_CERTIFICATE_DAYS: u64 = 824;

/// How long a user certificate lasts, in days: two years. After that the handshake refuses it.
pub const USER_CERTIFICATE_DAYS: u64 = 730;

/// A server certificate with fewer days left is renewed; a user certificate with fewer is warned of
/// at each start.
pub const RENEWAL_DAYS: u64 = 30;

/// Certificates begin this long before they are issued, in milliseconds: a day. So a peer whose
/// clock is late, or in another time zone than it believes, takes them.
pub const BACKDATED_MS: u64 = DAY_MS;

pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Characters of a PKCS12 password: 62^32 is 190 bits.
pub(crate) const PASSWORD_CHARACTERS: usize = 32;

/// Characters of an API key's secret behind its prefix: 62^43 is 256 bits.
pub(crate) const SECRET_CHARACTERS: usize = 43;

/// Queries of a permission document, of reading and writing together.
pub const PERMISSION_QUERIES_MAX: usize = 20_000;

/// Bytes of a permission document's queries and names of collections, together.
pub const PERMISSION_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Longest that a token counts, in milliseconds: a day. A login hook that says longer gets this.
pub const TOKEN_MS_MAX: u64 = DAY_MS;

/// Tokens of one app; where there are as many nobody logs in until some have ended.
pub const TOKENS_PER_APP_MAX: usize = 100_000;

/// Tokens of one user of an app; with another one the oldest goes.
pub const TOKENS_PER_USER_MAX: usize = 100;

/// Bytes of all permission documents that tokens hold, each counted once; beyond it nobody logs in with another one.
pub const TOKEN_PERMISSIONS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest `userID` of a login hook's answer, in bytes; a longer one refuses the login.
pub const USER_ID_BYTES_MAX: usize = 256;

/// Longest name of a provider, in bytes; a longer one refuses the login.
pub const PROVIDER_BYTES_MAX: usize = 256;

/// How much more than twice its live part the file of tokens grows before it is written anew, in bytes.
pub(crate) const TOKEN_LOG_SLACK_BYTES: u64 = 1024 * 1024;

/// Lengths of a login hook's secret that somebody gives, in bytes; others are refused.
pub const HOOK_SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// Live queries that one certificate may be issued for.
pub const LIVE_QUERIES_MAX: usize = 100;
