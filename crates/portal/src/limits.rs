//! Bounds of this crate, and what crossing one means.

use std::time::Duration;

/// Sessions at once. One more ends the one that was idle longest.
pub const SESSIONS_MAX: usize = 64;

/// A session that is not used for so long has ended.
pub const SESSION_IDLE: Duration = Duration::from_secs(8 * 60 * 60);

/// A session ends so long after its sign-in, used or not.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often the file of sessions learns that one is used: a restart forgets at most so much of its
/// use.
pub const SESSION_NOTED_EVERY: Duration = Duration::from_secs(5 * 60);

/// Messages that wait for a session's next page. The oldest is dropped.
pub const FLASHES_MAX: usize = 8;

/// What a session typed and did not carry out, in forms. The oldest is dropped.
pub const DRAFTS_MAX: usize = 16;

/// The same in bytes.
pub const DRAFTS_BYTES_MAX: usize = 1024 * 1024;

/// Failures of a session's forms that can be looked at again. The oldest is dropped.
pub const PROBLEMS_MAX: usize = 16;

/// How long the secret of a new API key is shown to the session that made it, also when its page is
/// loaded again.
pub const SECRET_SHOWN: Duration = Duration::from_secs(60);

/// The longest address that one is brought back to after signing in; of a longer one, the first page.
pub const RETURN_PATH_BYTES_MAX: usize = 4 * 1024;

/// The largest form, as it is sent, that is kept for whoever has to sign in first: a document of
/// [`TYPED_BYTES_MAX`] fits. Of a larger one it is said that it is not kept.
pub const KEPT_FORM_BYTES_MAX: usize = 256 * 1024;

/// Such forms that are read at once. Of one more it is said that it is not kept.
pub const KEPT_FORMS_AT_ONCE_MAX: usize = 16;

/// One-time sign-in tokens that are not used yet. One more drops the one that ends first.
pub const TOKENS_MAX: usize = 32;

/// How long a link can be used, that of the start screen too.
pub const TOKEN_LIFE: Duration = Duration::from_secs(10 * 60);

/// Sign-ins that may fail within [`ATTEMPTS_WINDOW`], from all addresses together. Then nobody
/// signs in by the key until it is over; links work.
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

/// How often the apps' counters are sampled.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// Samples kept of each app. The oldest is dropped.
pub const SAMPLES_MAX: usize = 61;

/// Groups that one page shows; it says how many more there are.
pub const GROUPS_SHOWN_MAX: usize = 50;

/// Of an event that is set aside, so many bytes are shown.
pub const SET_ASIDE_SHOWN_BYTES: usize = 500;

/// Rows that one table shows; it says how many more there are.
pub const ROWS_SHOWN_MAX: usize = 50;

/// Documents that the check of a filter shows.
pub const MATCHES_SHOWN_MAX: usize = 10;

/// Documents that it looks at. Then it ends, and says so.
pub const SCAN_DOCUMENTS_MAX: usize = 10_000;

/// How long it looks at documents. Then it ends, and says so.
pub const SCAN_TIME_MAX: Duration = Duration::from_millis(12);

/// What a filter may take in one look, in steps ([`query::Budget`]); some tenths of a second at
/// worst. Then the look fails, and says so.
pub const SCAN_STEPS_MAX: u64 = 64 * 1024 * 1024;

/// Topics that one page offers to choose from; others are reached from the page of their live
/// query.
pub const TOPICS_OFFERED_MAX: usize = 100;

/// Documents that one request removes of a collection that is dropped; for more it is asked again.
pub const DROPPED_AT_ONCE_MAX: u64 = 20_000;

/// Users whose files one page offers; those of others are reached from the page of certificates.
pub const USERS_OFFERED_MAX: usize = 100;

/// How long the Test button's consumer may take for everything but waiting for an event.
pub const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at collections that run at once; each has a blocking thread. Further ones wait.
pub const SCANS_MAX: usize = 4;

/// Documents on a page.
pub const DOCUMENTS_SHOWN_MAX: usize = 25;

/// Pages before a page of documents that its address names, to go back to.
pub const TRAIL_MAX: usize = 40;

/// What these may take in the address, in bytes. The oldest are left out.
pub const TRAIL_BYTES_MAX: usize = 3 * 1024;

/// Documents of a collection that may be looked at for each search without a word about an index.
pub const SCANNED_UNASKED_MAX: u64 = 1_000;

/// Names of fields that complete what is typed in the query box.
pub const FIELD_NAMES_MAX: usize = 80;

/// Collections that are listed, by name. Others can be typed.
pub const COLLECTIONS_SHOWN_MAX: usize = 200;

/// Columns of the table of documents. Further fields are on the documents' own pages.
pub const COLUMNS_MAX: usize = 8;

/// Columns of the table of rows that a statement names one by one. Further ones are in the view as
/// JSON.
pub const ROW_COLUMNS_MAX: usize = 24;

/// Fields among which these are chosen.
pub const COLUMNS_COUNTED_MAX: usize = 200;

/// Of a value in a table of documents, in bytes of HTML. What is longer is cut, here and below.
pub const CELL_SHOWN_BYTES: usize = 160;

/// Of a name or an id.
pub const NAME_SHOWN_BYTES: usize = 160;

/// Of a value among a document's fields or in a difference.
pub const VALUE_SHOWN_BYTES: usize = 400;

/// Of a document in the view as JSON.
pub const JSON_SHOWN_BYTES: usize = 2_000;

/// Of the command that a preview shows.
pub const COMMAND_SHOWN_BYTES: usize = 8 * 1024;

/// Of all values on a page of documents.
pub const DOCUMENTS_HTML_BYTES: usize = 40 * 1024;

/// Fields that a document's page lists. The rest is in its JSON.
pub const FIELDS_SHOWN_MAX: usize = 80;

/// Fields that a difference lists. Of the rest it says how many.
pub const CHANGES_SHOWN_MAX: usize = 40;

/// The largest document, in bytes of indented JSON, that can be edited as a whole. Larger ones
/// field by field.
pub const EDITABLE_BYTES_MAX: usize = 12 * 1024;

/// The longest JSON that is taken from a form. Longer documents are written over the HTTP API.
pub const TYPED_BYTES_MAX: usize = 64 * 1024;

/// Of the changes of a document that are listed, in bytes of HTML.
pub const HISTORY_HTML_BYTES: usize = 16 * 1024;

/// Changes of a document that are listed at once.
pub const HISTORY_CHANGES_MAX: usize = 20;

/// Bytes of events that are looked through for them when the document's page is shown.
pub const HISTORY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long events are looked through for them then. Whoever asks for older ones has
/// [`SEARCH_TIME_MAX`].
pub const HISTORY_TIME_MAX: Duration = Duration::from_millis(15);

/// The longest image among attachments that is shown on a page, in bytes. Longer ones are downloaded.
pub const ATTACHMENT_SHOWN_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Attachments that are being downloaded at once. One more gets 503.
pub const DOWNLOADS_MAX: usize = 16;

/// The longest name that a downloaded attachment gets, in characters. A longer one is cut.
pub const FILE_NAME_CHARACTERS_MAX: usize = 120;

/// Events on a page.
pub const EVENTS_SHOWN_MAX: usize = 50;

/// Of all values on a page of events, in bytes of HTML.
pub const EVENTS_HTML_BYTES: usize = 24 * 1024;

/// How long a page searches for events, or for documents. Then it shows what it found, and leads on
/// from where it stopped.
pub const SEARCH_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a page of documents counts how many match. Where that does not suffice it says that
/// there are more.
pub const COUNT_TIME_MAX: Duration = Duration::from_millis(50);

/// Such searches that run at once. Further ones wait.
pub const SEARCHES_MAX: usize = 2;

/// Live streams of events at once. One more gets 503.
pub const STREAMS_MAX: usize = 16;

/// The pause between two rounds of a live stream.
pub const STREAM_ROUND: Duration = Duration::from_millis(200);

/// Events that a live stream sends in a round while more come than can be read; of more it sends the
/// newest, and says how many it left out, and where they are.
pub const STREAM_EVENTS_PER_ROUND: usize = 6;

/// Events that a live stream sends at once after it was quiet, so that whoever comes back misses
/// none of so many. Also what the page keeps at most.
pub const STREAM_EVENTS_AT_ONCE: usize = 200;

/// Events that a live stream sends in one piece.
pub const STREAM_EVENTS_PER_PIECE: usize = 25;

/// Bytes of HTML that the values of one piece take.
pub const STREAM_HTML_BYTES: usize = 24 * 1024;

/// Bytes of events that a live stream looks at in a round. Behind more it goes on at the end, and
/// says how many it did not look at.
pub const STREAM_BYTES_PER_ROUND: usize = 2 * 1024 * 1024;

/// How often a live stream without events says that it lives, and looks whether its session does.
pub const STREAM_HEARTBEAT: Duration = Duration::from_secs(5);

/// Of a record's key, value or header, in bytes of HTML. The whole value can be downloaded.
pub const RECORD_SHOWN_BYTES: usize = 40 * 1024;

/// Between two points of the numbers over time.
pub const TIMELINE_PERIOD: Duration = Duration::from_secs(5);

/// Apps whose numbers are kept over time. Of further ones there are no charts.
pub const TIMELINE_APPS_MAX: usize = 32;

/// Groups whose lag is kept over time, over all apps. Of further ones there is no chart. With apps:
/// some 20 MiB of memory and of disk at most, 0.3 MiB for an app with a group.
pub const TIMELINE_GROUPS_MAX: usize = 128;

/// Pages of the audit log; what is older is in its files.
pub const AUDIT_PAGES_MAX: usize = 100;

/// Warnings that the overview shows; it says how many more there are.
pub const WARNINGS_SHOWN_MAX: usize = 12;

/// Of a warning, in bytes of HTML.
pub const WARNING_SHOWN_BYTES: usize = 600;

/// Groups whose lag is drawn in one chart: those farthest behind.
pub const CHART_GROUPS_MAX: usize = 4;

/// Members on a group's page.
pub const MEMBERS_SHOWN_MAX: usize = 50;

/// Partitions on a group's page.
pub const PLACES_SHOWN_MAX: usize = 100;

/// Partitions, those farthest behind, whose next event is read for its age when a group's page is
/// shown.
pub const PLACES_TIMED_MAX: usize = 10;

/// Documents of a gap ahead that are counted.
pub const GAP_COUNTED_MAX: usize = 500;

/// Of the answer to a call that is tried on its page, in bytes. The rest is not asked for.
pub const API_ANSWER_BYTES: usize = 256 * 1024;

/// Of these, in bytes of HTML.
pub const API_ANSWER_SHOWN_BYTES: usize = 24 * 1024;

/// How long such a call may take.
pub const API_CALL_TIMEOUT: Duration = Duration::from_secs(35);

/// Characters of a key's permission document that the page of keys shows.
pub(crate) const PERMISSION_SHOWN_CHARS: usize = 4_000;
