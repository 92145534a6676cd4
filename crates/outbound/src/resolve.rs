//! Names to addresses.

use std::{fmt::Debug, future::Future, io, net::SocketAddr, pin::Pin};

/// What a name is resolved to, once it is.
pub type Resolved<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Who is asked for a name's addresses.
pub trait Resolve: Debug + Send + Sync + 'static {
    /// All addresses of the host, with the port.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolved<'a>;
}

/// The machine's own resolver.
#[derive(Debug)]
pub(crate) struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolved<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}
