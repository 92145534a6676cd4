//! One side of the comparison: a connection that speaks any API in any version, to a broker in plain text or to the
//! endpoint over TLS.

use bytes::Bytes;
use kafka_protocol::{
    messages::ResponseHeader,
    protocol::{Decodable, HeaderVersion, Request},
};
use kafka_wire::api_versions::codec_version;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Server, frame, key_of, within};

/// A connection of either kind.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub(crate) struct Peer {
    stream: Box<dyn Duplex>,
}

impl Peer {
    pub(crate) async fn kafka(address: &str) -> Self {
        let stream = within(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: Box::new(stream) }
    }

    pub(crate) async fn own(server: &Server) -> Self {
        Self { stream: Box::new(server.connect("shop").await.stream) }
    }

    /// The answer; `None` if the connection ended instead.
    pub(crate) async fn ask<R: Request>(&mut self, request: &R, version: i16) -> Option<R::Response> {
        let mut answer = self.exchange(&frame(request, version, 7)).await?;
        ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
        let response = R::Response::decode(&mut answer, codec_version(key_of::<R>(), version)).unwrap();
        assert!(answer.is_empty(), "{} bytes are left over", answer.len());
        Some(response)
    }

    /// The answer to a frame, without its length.
    async fn exchange(&mut self, frame: &[u8]) -> Option<Bytes> {
        self.stream.write_all(frame).await.ok()?;
        self.stream.flush().await.ok()?;
        let mut length = [0; 4];
        within(self.stream.read_exact(&mut length)).await.ok()?;
        let mut answer = vec![0; i32::from_be_bytes(length).try_into().unwrap()];
        within(self.stream.read_exact(&mut answer)).await.ok()?;
        Some(answer.into())
    }
}
