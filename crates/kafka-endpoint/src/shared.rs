//! What every connection is made with, from its handshake on.
//!
//! Not here: what those have in common that were let in (`session::Server`).

use std::sync::Arc;

use credentials::Credentials;
use rustls::ServerConfig;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::server::TlsStream;
use topics::TopicRegistry;

use crate::{admission::Admission, handshakes::Handshakes, session::Server};

/// What every connection is made with.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) server: Arc<Server>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) handshakes: Arc<Handshakes>,
    pub(crate) admission: Arc<Admission>,
    /// Where those are told that there is no room for them.
    pub(crate) anteroom: Arc<Admission>,
    pub(crate) http: Option<HttpPassage>,
}

/// The way of connections that turn out to be HTTP.
#[derive(Debug)]
pub(crate) struct HttpPassage {
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) queue: mpsc::Sender<TlsStream<TcpStream>>,
}
