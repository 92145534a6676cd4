//! The consumer against a stub of an endpoint, over real mutual TLS: what it reads, and how it names each refusal.

#![expect(clippy::unwrap_used, reason = "in a test, whatever is missing is a failure")]

use bytes::{Bytes, BytesMut};
use kafka_client::{ClientError, Consumer};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_wire::api_versions::ADVERTISED;
use kafka_wire::record_batch::BatchBuilder;
use kafka_wire::request_shape::check_request;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const WAIT: Duration = Duration::from_millis(5);
const MAX_BYTES: i32 = 1 << 20;
const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// A certificate authority and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// Trusts this authority's servers and shows `user`.
    fn client(&self, user: Option<Identity>, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(self.roots());
        Arc::new(match user {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }

    /// Starts a stub that has a certificate for `localhost` and takes this authority's users; gives its port.
    async fn serve(&self) -> u16 {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider.clone());
        let (chain, key) = self.issue("localhost");
        let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_client_cert_verifier(verifier.build().unwrap()).with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                while let Ok(length) = stream.read_i32().await {
                    let mut frame = vec![0; length as usize];
                    stream.read_exact(&mut frame).await.unwrap();
                    stream.write_all(&answer(&frame)).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
        })
        .await
    }
}

async fn listen<F: Future<Output = ()> + Send + 'static>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    port
}

/// A topic `events` of two partitions; the first has offsets 4, 5 and 6. `secret` is another app's.
fn answer(frame: &[u8]) -> Vec<u8> {
    let peek = check_request(frame).unwrap();
    let mut bytes = Bytes::copy_from_slice(frame);
    let header_version = peek.api_key.request_header_version(peek.api_version);
    RequestHeader::decode(&mut bytes, header_version).unwrap();
    let request = RequestKind::decode(peek.api_key, &mut bytes, peek.api_version).unwrap();
    let response = match request {
        RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(api_versions()),
        RequestKind::Metadata(request) => ResponseKind::Metadata(metadata(request)),
        RequestKind::ListOffsets(request) => ResponseKind::ListOffsets(list_offsets(request)),
        RequestKind::Fetch(request) => ResponseKind::Fetch(fetch(request)),
        other => panic!("the client sent {other:?}"),
    };
    let mut reply = BytesMut::zeroed(4);
    let header = ResponseHeader::default().with_correlation_id(peek.correlation_id);
    header.encode(&mut reply, peek.api_key.response_header_version(peek.api_version)).unwrap();
    response.encode(&mut reply, peek.api_version).unwrap();
    let length = (reply.len() - 4) as i32;
    reply[..4].copy_from_slice(&length.to_be_bytes());
    reply.to_vec()
}

fn api_versions() -> ApiVersionsResponse {
    let api = |served: &kafka_wire::api_versions::AdvertisedApi| {
        let api = ApiVersion::default().with_api_key(served.api as i16);
        api.with_min_version(served.version_min).with_max_version(served.version_max)
    };
    ApiVersionsResponse::default().with_api_keys(ADVERTISED.iter().map(api).collect())
}

fn topic_error(topic: &TopicName) -> i16 {
    match topic.as_str() {
        "events" => 0,
        "secret" => 29,
        _ => 3,
    }
}

fn metadata(request: MetadataRequest) -> MetadataResponse {
    let topics = request.topics.unwrap().into_iter().map(|asked| {
        let name = asked.name.unwrap();
        let partition = |index| MetadataResponsePartition::default().with_partition_index(index);
        let error_code = topic_error(&name);
        let partitions = if error_code == 0 { vec![partition(1), partition(0)] } else { vec![] };
        MetadataResponseTopic::default().with_name(Some(name)).with_error_code(error_code).with_partitions(partitions)
    });
    MetadataResponse::default().with_topics(topics.collect())
}

fn list_offsets(request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topic = &request.topics[0];
    let offset = if topic.partitions[0].timestamp == -2 { 4 } else { 7 };
    let partition = ListOffsetsPartitionResponse::default()
        .with_partition_index(topic.partitions[0].partition_index)
        .with_error_code(topic_error(&topic.name))
        .with_offset(offset);
    let topic = ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(vec![partition]);
    ListOffsetsResponse::default().with_topics(vec![topic])
}

fn fetch(request: FetchRequest) -> FetchResponse {
    let topic = &request.topics[0];
    let offset = topic.partitions[0].fetch_offset;
    let error_code = if offset > 7 { 1 } else { topic_error(&topic.topic) };
    let mut batch = BatchBuilder::new(4, 1_000);
    for value in [&b"four"[..], b"five", b"six"] {
        batch.push(1_000, b"key", value, &[("op", b"insert")]);
    }
    let records = if error_code == 0 && offset < 7 { batch.finish() } else { Vec::new() };
    let partition = PartitionData::default()
        .with_partition_index(topic.partitions[0].partition)
        .with_error_code(error_code)
        .with_high_watermark(7)
        .with_records(Some(records.into()));
    let topic = FetchableTopicResponse::default().with_topic(topic.topic.clone()).with_partitions(vec![partition]);
    FetchResponse::default().with_responses(vec![topic])
}

async fn connect(port: u16, tls: Arc<ClientConfig>) -> Result<Consumer, ClientError> {
    Consumer::connect(&format!("localhost:{port}"), tls).await
}

#[tokio::test]
async fn reads_a_topic() {
    let authority = Authority::new();
    let port = authority.serve().await;
    for versions in [TLS12, TLS13] {
        let mut consumer = connect(port, authority.client(Some(authority.issue("user")), versions)).await.unwrap();
        assert_eq!(consumer.api_versions().len(), ADVERTISED.len());
        assert_eq!(consumer.partitions("events").await.unwrap(), [0, 1]);
        assert_eq!(consumer.offsets("events", 0).await.unwrap(), (4, 7));

        let fetched = consumer.fetch("events", 0, 5, WAIT, MAX_BYTES).await.unwrap();
        let values: Vec<_> = fetched.records.iter().map(|r| (r.offset, r.value.as_deref().unwrap())).collect();
        assert_eq!(values, [(5, &b"five"[..]), (6, b"six")]);
        assert_eq!((fetched.next_offset, fetched.high_watermark), (7, 7));
        let caught_up = consumer.fetch("events", 0, 7, WAIT, MAX_BYTES).await.unwrap();
        assert_eq!((caught_up.records.len(), caught_up.next_offset), (0, 7));
    }
}

#[tokio::test]
async fn a_refused_topic_is_named_and_the_connection_goes_on() {
    let authority = Authority::new();
    let tls = authority.client(Some(authority.issue("user")), TLS13);
    let mut consumer = connect(authority.serve().await, tls).await.unwrap();
    for result in [
        consumer.partitions("secret").await.map(drop),
        consumer.offsets("secret", 0).await.map(drop),
        consumer.fetch("secret", 0, 0, WAIT, MAX_BYTES).await.map(drop),
    ] {
        assert!(matches!(result, Err(ClientError::TopicNotAuthorized { topic }) if topic == "secret"));
    }
    assert!(matches!(consumer.partitions("none").await, Err(ClientError::UnknownTopic { .. })));
    let beyond = consumer.fetch("events", 0, 8, WAIT, MAX_BYTES).await;
    assert!(matches!(beyond, Err(ClientError::OffsetOutOfRange { offset: 8, .. })));
    assert_eq!(consumer.partitions("events").await.unwrap(), [0, 1]);
}

#[tokio::test]
async fn a_dropped_fetch_leaves_the_connection_out_of_step() {
    let authority = Authority::new();
    let tls = authority.client(Some(authority.issue("user")), TLS13);
    let mut consumer = connect(authority.serve().await, tls).await.unwrap();
    tokio::select! {
        biased;
        _ = consumer.fetch("events", 0, 0, WAIT, MAX_BYTES) => panic!("no reply can be there at the first poll"),
        () = std::future::ready(()) => {}
    }
    assert!(matches!(consumer.partitions("events").await, Err(ClientError::OutOfStep)));
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let port = other.serve().await;
    let result = connect(port, authority.client(Some(authority.issue("user")), TLS13)).await;
    assert!(matches!(result, Err(ClientError::UnknownServer { .. })), "{result:?}");
}

#[tokio::test]
async fn a_missing_or_foreign_user_certificate_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let port = authority.serve().await;
    for versions in [TLS12, TLS13] {
        for user in [None, Some(other.issue("user"))] {
            let result = connect(port, authority.client(user, versions)).await;
            assert!(matches!(result, Err(ClientError::CertificateRefused { .. })), "{result:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_the_certificate_does_not_have_is_named() {
    let authority = Authority::new();
    let port = authority.serve().await;
    let tls = authority.client(Some(authority.issue("user")), TLS13);
    let result = Consumer::connect(&format!("127.0.0.1:{port}"), tls).await;
    assert!(matches!(result, Err(ClientError::WrongServerName { .. })), "{result:?}");
}

#[tokio::test]
async fn other_listeners_and_none_are_named() {
    let tls = Authority::new().client(None, TLS13);
    let http = listen(|mut stream| async move {
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    });
    let result = connect(http.await, tls.clone()).await;
    assert!(matches!(result, Err(ClientError::NotTls { .. })), "{result:?}");

    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    let result = connect(free, tls.clone()).await;
    assert!(matches!(result, Err(ClientError::Unreachable { .. })), "{result:?}");
    let result = Consumer::connect("localhost", tls).await;
    assert!(matches!(result, Err(ClientError::BadEndpoint { .. })), "{result:?}");
}
