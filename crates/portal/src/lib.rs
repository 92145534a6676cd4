//! The portal: Live Query Settings and everything around them as pages for a browser
//! (docs/reference/access.md).
//!
//! ```text
//! http-api (sockets) ──> gate (session, site, CSRF token, headers) ──> routes ──> page (one file each) ──> templates/*.html
//!                                                                                  └──> reading (what is shown), operations (what is done)
//! ```
//! Invariants: no route but sign-in and assets answers without a session; nothing is changed
//! without that session's CSRF token; whatever is shown is escaped by the templates; a page never
//! looks at all documents. Works without script, but for what must be live.
//! Not here: listeners and HTTPS (`http-api` serves the router), keys and certificates
//! (`credentials`), groups (`kafka-endpoint`; they come through [`operations::ConsumerGroups`]).

mod api_calls;
mod options;
mod portal;
mod routes;
mod state;

mod attempts;
mod audit;
mod cookie;
mod draft;
mod gate;
mod return_path;
mod secret;
mod session;
mod session_file;
mod sign_in;
mod visitor;

mod address;
mod asset;
mod failure;
mod figures;
mod form;
mod layout;
mod moment;
mod permission_field;
mod plural;
mod prose;
mod scope;
mod table;

mod matching;
mod snippet;

mod clip;
mod difference;
mod document_write;
mod glance;
mod image_kind;
mod json_text;
mod scan;
mod shown_attachment;
mod shown_value;
mod statement;

mod event_row;

mod chart;
mod chart_scale;

mod reach;
mod reading;

mod page;

pub mod limits;

pub use api_calls::{Answering, ApiCalls};
pub use options::{PortalOptions, SearchBounds};
pub use portal::{Portal, PortalParts};
pub use sign_in::SignInTokens;
pub use snippet::write_curl;
