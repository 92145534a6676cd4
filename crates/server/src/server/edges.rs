//! How the edges are called: the one place that knows the interfaces of `http-api` and `kafka-endpoint`.

use std::sync::Arc;

use credentials::Credentials;
use store::DataDir;
use tokio::{net::TcpListener, sync::watch};

use super::address::Listening;
use crate::config::ServerSettings;

/// What every edge is given.
pub(super) struct Shared {}

impl Shared {
    pub(super) fn new(
        _data: &Arc<DataDir>,
        _credentials: &Arc<Credentials>,
        _settings: &ServerSettings,
        _listening: &Listening,
    ) -> Self {
        Self {}
    }

    pub(super) fn serve_http(
        &self,
        _listener: TcpListener,
        _tls: Option<Arc<rustls::ServerConfig>>,
        mut stopping: watch::Receiver<bool>,
    ) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        async move {
            stopping.wait_for(|stop| *stop).await?;
            Ok(())
        }
    }

    pub(super) fn serve_kafka(
        &self,
        _listener: TcpListener,
        _tls: Arc<rustls::ServerConfig>,
        mut stopping: watch::Receiver<bool>,
    ) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        async move {
            stopping.wait_for(|stop| *stop).await?;
            Ok(())
        }
    }
}
