//! Bounds of this crate, and what crossing one means. Those that an operator may want to change are
//! defaults of [`crate::HttpApiOptions`].

use std::time::Duration;

/// The largest request body, in bytes. A larger one gets 413, before it is read where its length is
/// announced.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The longest attachment, in bytes. A longer one gets 413.
pub const ATTACHMENT_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// How long an attachment stays that no document holds. Then it is removed.
pub const ATTACHMENT_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What of an upload is written at once, in bytes. Two such pieces are in memory: one that comes, and the one before it.
pub const ATTACHMENT_PIECE_BYTES: usize = 256 * 1024;

/// What an upload or a fetch counts toward [`BODIES_KIB_MAX`] or [`FETCHES_KIB_MAX`], in bytes.
pub const ATTACHMENT_MEMORY_BYTES: usize = 1024 * 1024;

/// How long whoever asks what came of an upload waits at most for what is on its way over a connection of
/// before: much of that would have to be sent again.
pub const PART_SETTLES_MAX: Duration = Duration::from_secs(2);

/// How long it waits at once.
pub const PART_SETTLES_PAUSE: Duration = Duration::from_millis(20);

/// What a form may have beside its file, in bytes: boundaries and headers.
pub const FORM_BYTES_MAX: u64 = 32 * 1024;

/// Documents of a write that are looked at for the attachments that its caller has not uploaded. Of a longer write the first ones.
pub const HOLDERS_MAX: usize = 1_000;

/// The longest headers of a form's part, in bytes. Longer ones get 400.
pub const PART_HEAD_BYTES_MAX: usize = 16 * 1024;

/// What may follow a form's last boundary, in bytes. More gets 400.
pub const PART_TAIL_BYTES_MAX: usize = 1024;

/// Bytes of an upload that a client must send each second, on average, beyond [`BODY_TIMEOUT`]. A
/// slower one gets 408, and nothing is kept.
pub const UPLOAD_BYTES_PER_SECOND_MIN: u64 = 16 * 1024;

/// How long a request waits for the transaction that its `X-DITTO-TXN-ID` names. After that: 404,
/// and nothing was done.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client may take to send a request's body. After that: 408, and the connection ends.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to send a request's head, and how long a kept-alive connection may
/// idle. After that the connection ends.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a read may look at documents. After that: 408.
pub const SCAN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a TLS handshake may take. After that the connection ends.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a stop waits for requests that are being answered. After that their connections are
/// cut.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections open at once, over all listeners. For a further one, some that wait for their
/// clients are closed, the longest-waiting of the address that has the most; it waits itself only
/// while every connection is being worked for.
pub const CONNECTIONS_MAX: usize = 4096;

/// One address may have this part of [`CONNECTIONS_MAX`] in connections that were never let in and
/// wait for their client. For a further one its longest-waiting are closed.
pub const STRANGERS_ADDRESS_PART: usize = 4;

/// This part of [`CONNECTIONS_MAX`] is kept for connections that were never let in, whoever else
/// idles.
pub const STRANGERS_RESERVED_PART: usize = 8;

/// This part of a bound is closed at once when it is reached, so that looking for the
/// longest-waiting is not done for every newcomer.
pub const ROOM_PART: usize = 64;

/// How long a newcomer waits for a place before it looks again for a connection that waits.
pub const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// Requests of one HTTP/2 connection that are answered at once. A further stream is refused, and may
/// be sent again.
pub const REQUESTS_AT_ONCE: u32 = 1;

/// Bytes of a body that an HTTP/2 client may send before they are read
/// (`SETTINGS_INITIAL_WINDOW_SIZE`). It sends no more until then.
pub const HTTP2_WINDOW_BYTES: u32 = 64 * 1024;

/// The rest of a body that is read and thrown away after a reply that did not wait for it, in bytes
/// (as Go's server does). With a larger one, or one of unknown length, the connection ends.
pub const DRAIN_BYTES_MAX: u64 = 256 * 1024;

/// The largest request head, in bytes. A larger one gets 431 and the connection ends.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// The most headers of one request. More get 431 and the connection ends.
pub const HEADERS_MAX: usize = 64;

/// What has come of the bodies of all requests together, in KiB. One that would exceed it waits, at
/// most [`BODY_TIMEOUT`]; then 503.
pub const BODIES_KIB_MAX: usize = 128 * 1024;

/// How long a body waits for its share of [`BODIES_KIB_MAX`] before the connection is closed whose
/// body is the longest on its way.
pub const BODIES_PAUSE: Duration = Duration::from_millis(250);

/// So much of each body does not count toward [`BODIES_KIB_MAX`]: [`CONNECTIONS_MAX`] bounds it
/// already.
pub const BODY_BYTES_UNCOUNTED: usize = 16 * 1024;

/// Updates and removes of one `store/write` whose query names no ids, so that it has to look at the
/// whole collection. More get 400.
pub const SCANNING_COMMANDS_MAX: usize = 100;

/// Scans that have a turn at once. Each has it for [`TURN`] at a time.
pub const SCANS_MAX: usize = 4;

/// How long a read looks at documents before others have their turn.
pub const TURN: Duration = Duration::from_millis(50);

/// Scans that are under way at once, with a turn or waiting for their next; each has a blocking
/// thread. Further ones wait, at most [`SCAN_TIMEOUT`]; then 503.
pub const SCANS_ADMITTED_MAX: usize = 64;

/// What the queries of one request may take on all documents that it looks at, in steps
/// ([`query::Budget`]); some seconds at worst, and 300 million documents with a query such as `age
/// >= 18`. More gets 400.
pub const REQUEST_STEPS_MAX: u64 = 4_000_000_000;

/// Writes at once whose conditions are expensive or may be, so that whoever comes next waits for so
/// many at most. Further ones wait, at most [`SCAN_TIMEOUT`]; then 503.
pub const HEAVY_WRITES_MAX: usize = 4;

/// A write is heavy if its conditions may take more, in steps.
pub const LIGHT_WRITE_STEPS_MAX: u64 = 1024 * 1024;

/// What the operations of all writes together may weigh, in KiB, until they are committed; those of
/// one that are no more than [`PLAN_BYTES_UNCOUNTED`] do not count. One that would exceed it waits,
/// at most [`SCAN_TIMEOUT`]; then 503, and nothing was done.
pub const PLANS_KIB_MAX: usize = 128 * 1024;

/// See [`PLANS_KIB_MAX`].
pub const PLAN_BYTES_UNCOUNTED: usize = 64 * 1024;

/// Point reads that run at once; each has a blocking thread. Further ones wait, at most
/// [`SCAN_TIMEOUT`]; then 503.
pub const POINT_READS_MAX: usize = 64;

/// A shorter reply of a read is not compressed, in bytes: it fits into a packet anyway.
pub const GZIP_BYTES_MIN: usize = 1024;

/// The largest reply of a read, in bytes. A larger one gets 400 that asks for a smaller `limit`.
pub const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the reply of a read of one document can grow to, in bytes.
pub const REPLY_BYTES_ONE: usize = 6 * 1024 * 1024;

/// What a reply takes before it is known how large it gets, in bytes.
pub const REPLY_BYTES_SMALL: usize = 1024 * 1024;

/// Replies of at most [`REPLY_BYTES_SMALL`] of all requests together, in KiB, until they are taken.
/// One that would exceed it waits for its turn, at most [`SCAN_TIMEOUT`]; then 503.
pub const REPLIES_SMALL_KIB_MAX: usize = 128 * 1024;

/// What all fetches of attachments hold together, in KiB: at most [`ATTACHMENT_MEMORY_BYTES`] each,
/// until it is handed to the client. One that would exceed it waits for its turn, at most
/// [`SCAN_TIMEOUT`]; then 503.
pub const FETCHES_KIB_MAX: usize = 128 * 1024;

/// Larger replies of all requests together, in KiB, until they are taken. One that crosses
/// [`REPLY_BYTES_SMALL`] takes the largest that it can be, and gives back what it does not need.
/// One that would exceed it waits for its turn, at most [`SCAN_TIMEOUT`]; then 503.
pub const REPLIES_KIB_MAX: usize = 192 * 1024;

/// How long a client may take none of a reply. After that the connection ends.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a reply that a client must take each second, on average, beyond [`WRITE_TIMEOUT`]. With
/// a slower one the connection ends.
pub const WRITE_BYTES_PER_SECOND_MIN: u64 = 16 * 1024;

/// For how long at most a client may rest beyond [`WRITE_TIMEOUT`] since it took more than that
/// before: the buffers of both kernels hold some MiB, which a client that reads in bursts empties
/// before more of its reply can go out.
pub const WRITE_REST_MAX: Duration = Duration::from_secs(300);

/// How long a reply waits for its share of the memory before a connection is closed whose client
/// takes its own too slowly.
pub const REPLIES_PAUSE: Duration = Duration::from_millis(250);

/// How far a client may be behind [`REPLY_BYTES_PER_SECOND_WAITED_FOR`] with a reply whose memory
/// others wait for. Slower ones are closed, those of the address that has the most first.
pub const REPLY_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes that a client must take each second while others wait for the memory; it may be
/// [`REPLY_PATIENCE`] behind.
pub const REPLY_BYTES_PER_SECOND_WAITED_FOR: u64 = 4 * 1024 * 1024;

/// Consumer groups in one list, the first by name. It says how many more there are.
pub const GROUPS_LISTED_MAX: usize = 10_000;

/// Small peers in one reply. It says where the next page begins.
pub const PEERS_LISTED_MAX: usize = 1_000;

/// Events of a webhook that are set aside, in one reply. It says where the next page begins.
pub const SET_ASIDE_LISTED_MAX: usize = 100;

/// Documents that one `store/write` may touch, queries resolved. More get 413.
pub const OPERATIONS_MAX: usize = store::limits::TRANSACTION_DOCUMENTS_MAX;

/// What the operations of one `store/write` may weigh, in bytes, queries resolved. More get 413.
pub const TRANSACTION_BYTES_MAX: usize = store::limits::TRANSACTION_BYTES_MAX;

/// What RETURNING may hand back of one statement, in bytes of memory. More gets 400, and nothing was
/// written.
pub const RETURNING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// So much of it is counted for each document, in bytes, before it is known: most documents are
/// smaller.
pub const RETURNED_BYTES_EXPECTED: usize = 16 * 1024;

/// Pause after the kernel refused to hand over a connection (no file descriptors left), so that the
/// loop does not spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a closed connection is still read from, so that its last reply is not lost to a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// How much is then thrown away, in bytes; what comes beyond is reset.
pub const LINGER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The largest body of a login, in bytes. A larger one gets 413.
pub const LOGIN_BYTES_MAX: usize = 64 * 1024;

/// How long a login hook may take to answer. After that the login is refused.
pub const LOGIN_HOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Logins that an address may try in a second. For more: 429.
pub const LOGINS_PER_SECOND: u32 = 10;

/// Addresses whose logins are counted at once. Where there are more, one that is not counted yet gets 429.
pub const LOGIN_ADDRESSES_MAX: usize = 100_000;

/// Logins that wait for their hooks at once. For more: 503.
pub const LOGINS_AT_ONCE: usize = 256;

/// Tokens on a page of the list.
pub const TOKENS_LISTED_MAX: usize = 1_000;
