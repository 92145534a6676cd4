//! What can go wrong between a consumer and its server, each with what a person should do.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ApiKey;
use kafka_wire::record_batch::BatchError;
use std::io;
use std::time::Duration;

/// Why something could not be read from the server. After all but the refusals of a topic, connect again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// What was given is no address.
    #[error("`{endpoint}` is no Kafka address; give HOST:PORT, such as localhost:9093")]
    BadEndpoint {
        /// As given.
        endpoint: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {endpoint}: is the server running, and is this its Kafka address?")]
    Unreachable {
        /// Where to.
        endpoint: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What listens there does not speak TLS.
    #[error("{endpoint} does not answer in TLS: is this the server's Kafka address, and not its HTTP address?")]
    NotTls {
        /// Where to.
        endpoint: String,
        /// What came instead.
        #[source]
        source: rustls::Error,
    },
    /// The server's certificate is of another authority than the one trusted here.
    #[error(
        "the server at {endpoint} is not of the cluster that the cluster certificate names: \
         use the ca.pem or cluster.p12 of this server's data directory"
    )]
    UnknownServer {
        /// Where to.
        endpoint: String,
        /// What is wrong with the certificate.
        #[source]
        source: rustls::Error,
    },
    /// The server's certificate does not have the name that was connected to.
    #[error(
        "the certificate of the server at {endpoint} is not for that name: connect by a name that the server \
         advertises (--kafka-advertise)"
    )]
    WrongServerName {
        /// Where to.
        endpoint: String,
        /// What is wrong with the certificate.
        #[source]
        source: rustls::Error,
    },
    /// The server does not accept the certificate shown to it.
    #[error(
        "the server refused the user certificate ({reason}): it is missing, expired, revoked or of another server; \
         have one issued with `headwater credentials issue`, and see the server's log for the reason"
    )]
    CertificateRefused {
        /// The TLS alert.
        reason: String,
    },
    /// The connection broke, in TLS or below.
    #[error("the connection to the server broke while {act}")]
    Broken {
        /// What was being done.
        act: &'static str,
        /// What broke.
        #[source]
        source: io::Error,
    },
    /// The server hung up.
    #[error("the server closed the connection while {act}: it is stopping, or refused the request; see its log")]
    Closed {
        /// What was being done.
        act: &'static str,
    },
    /// No answer in time.
    #[error("the server did not answer within {after:?} while {act}")]
    TimedOut {
        /// What was being done.
        act: &'static str,
        /// The bound.
        after: Duration,
    },
    /// An earlier call was dropped or failed half-way, so that what the connection carries next is unknown.
    #[error("an earlier request on this connection was not finished; connect again")]
    OutOfStep,
    /// A reply is larger than `RESPONSE_BYTES_MAX`.
    #[error("the server's reply of {len_bytes} bytes is too long; fetch fewer bytes at a time")]
    ResponseTooLong {
        /// As announced.
        len_bytes: usize,
    },
    /// A request that Kafka's protocol cannot carry.
    #[error("the {api:?} request cannot be written: {message}")]
    BadRequest {
        /// Which.
        api: ApiKey,
        /// Why.
        message: String,
    },
    /// A reply that is not what Kafka's protocol says.
    #[error("the server's reply to {api:?} cannot be read: {message}")]
    BadResponse {
        /// To which request.
        api: ApiKey,
        /// Why.
        message: String,
    },
    /// The server does not serve what this consumer needs.
    #[error("the server does not serve version {version} of {api:?}, which this client needs")]
    Unsupported {
        /// Which API.
        api: ApiKey,
        /// The version needed.
        version: i16,
    },
    /// The user certificate does not open the topic.
    #[error("the user certificate does not open the topic `{topic}`: it opens the topics of its own app only")]
    TopicNotAuthorized {
        /// The topic asked for.
        topic: String,
    },
    /// There is no such topic or partition.
    #[error("there is no topic `{topic}`, or it has fewer partitions")]
    UnknownTopic {
        /// The topic asked for.
        topic: String,
    },
    /// A group that has members commits through them alone.
    #[error("the group `{group}` has members: only they commit its offsets; stop them first, or take another group")]
    GroupHasMembers {
        /// The group.
        group: String,
    },
    /// There is nothing at that offset, nor will be next.
    #[error("offset {offset} of `{topic}`-{partition} is beyond what the topic holds")]
    OffsetOutOfRange {
        /// The topic asked for.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// The offset asked for.
        offset: i64,
    },
    /// Any other error code of Kafka's.
    #[error("the server refused the {api:?} request: {code}")]
    Refused {
        /// Which request.
        api: ApiKey,
        /// The error code, by its name.
        code: ResponseError,
    },
    /// A record batch is damaged or of a form that this consumer does not read.
    #[error("the records behind offset {offset} of `{topic}`-{partition} cannot be read")]
    BadRecords {
        /// The topic asked for.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// The offset asked for.
        offset: i64,
        /// What is wrong with the batch.
        #[source]
        source: BatchError,
    },
}
