//! The HTTP API: `store/*`, `/admin/v1/*`, health, metrics (docs/reference/http-api.md,
//! docs/reference/access.md).
//!
//! One way in for every request: `serve` (sockets, `guests`) → `edge` (CORS, `unread` bodies) → `routes` → `call`
//! (who asks, of which app, with which body) → a file of `resource`. Invariants: a request is answered with JSON,
//! errors as `{"message":…}` (`execute` has an envelope of its own); what a caller may not see has no influence on
//! the reply; every bound stands in [`limits`]. Not here: JSON shapes (`wire`), the query languages (`query`),
//! running statements (`executor`), commits (`store`), keys and certificates (`credentials`).

mod access;
mod active_statements;
mod api;
mod attachment;
mod audit;
mod body;
mod body_error;
mod call;
mod denied;
mod document_access;
mod edge;
mod failure;
mod guests;
mod gzip;
mod hint;
mod http2;
mod login;
mod login_error;
mod logins;
mod metrics;
mod options;
mod page_call;
mod peers;
mod permission_document;
mod reading;
mod reply;
mod request_id;
mod resource;
mod routes;
mod serve;
mod sign_in_links;
mod state;
mod stream;
mod unread;
mod visit;
mod work;

pub mod limits;

pub use api::{HttpApi, HttpApiParts};
pub use options::HttpApiOptions;
pub use peers::{PeerConnection, PeerSessions, PeerStream, Upgrading};
pub use sign_in_links::SignInLinks;
