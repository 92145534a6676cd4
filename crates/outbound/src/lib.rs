//! The one way in which the server calls somebody else's web server.
//!
//! A call is a POST of a body that was made before. It goes over https, or over http to this machine. The
//! name is resolved once, every address it has is looked at ([`address`]), and the connection is made to
//! one of those very addresses, so that a name that changes meanwhile leads nowhere else.
//!
//! Invariants: no redirect is followed and no proxy of the environment is used. A call ends within
//! [`limits::CALL_TIMEOUT`]. No text of an error names the path of a URL, which may be a secret.
//! Not here: what is sent, and whether it is tried again.

mod address;
mod answer;
mod client;
mod connection;
mod endpoint;
mod error;
pub mod limits;
mod resolve;
mod signature;

pub use answer::Answer;
pub use client::Client;
pub use endpoint::{BadUrl, Endpoint};
pub use error::CallError;
pub use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};
pub use resolve::{Resolve, Resolved};
pub use signature::signature;
