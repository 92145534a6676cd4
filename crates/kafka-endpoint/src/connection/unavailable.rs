//! A connection whose app cannot be opened: its client is told so with errors that clients try again after.
//!
//! Invariants: nothing is said of any app but that it is not available now; once the app can be opened the connection
//! ends, and the client finds it on its next one. Not here: why it cannot be opened (the server's log and
//! `/health/ready` say it).

use kafka_protocol::{
    ResponseError,
    messages::{
        ApiKey, BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
        TopicName,
        find_coordinator_response::Coordinator,
        metadata_response::{MetadataResponseBroker, MetadataResponseTopic},
    },
};
use store::AppUnavailable;

use super::{Client, stream::FrameStream};
use crate::{api, reason::Reason, reply::Reply, request::Request, session::NODE_ID, shared::Shared};

/// Answers until the client or the server goes, or the app can be opened.
pub(super) async fn answer_requests(
    shared: &Shared,
    client: &Client,
    why: &AppUnavailable,
    mut stream: FrameStream,
) -> Result<(), Reason> {
    let unavailable = || Reason::AppUnavailable { message: why.to_string() };
    shared.server.refusals.note(client.peer, &client.who(), &unavailable());
    let mut shutdown = shared.server.shutdown.clone();
    loop {
        let frame = tokio::select! {
            biased;
            () = shutdown.begun() => return Ok(()),
            frame = stream.next_frame(&client.place) => frame?,
        };
        let Some(frame) = frame else { return Ok(()) };
        let request = Request::read(frame.bytes)?;
        if request.key != ApiKey::ApiVersions && shared.topics.app(&client.principal.app).await.is_ok() {
            return Ok(());
        }
        let reply = match request.key {
            ApiKey::ApiVersions => api::api_versions::answer(&request)?,
            ApiKey::Metadata => metadata(shared, client, &request, ResponseError::KafkaStorageError)?,
            ApiKey::FindCoordinator => coordinator(&request, ResponseError::CoordinatorNotAvailable)?,
            _ => return Err(unavailable()),
        };
        stream.write(reply, &client.place).await?;
    }
}

/// Every topic that is asked for has an error; without names, the app's main one.
pub(super) fn metadata(
    shared: &Shared,
    client: &Client,
    request: &Request,
    error: ResponseError,
) -> Result<Reply, Reason> {
    let (wanted, version): (MetadataRequest, _) = (request.decode()?, request.version);
    let main = || TopicName(format!("user-consumable-{}", client.principal.app).into());
    let named = wanted.topics.filter(|named| version > 0 || !named.is_empty());
    let topics = match named {
        Some(named) => named
            .into_iter()
            .map(|wanted| {
                let name = if version >= 12 { wanted.name } else { Some(wanted.name.unwrap_or_default()) };
                MetadataResponseTopic::default().with_name(name).with_topic_id(wanted.topic_id)
            })
            .collect(),
        None => vec![MetadataResponseTopic::default().with_name(Some(main()))],
    };
    let error = error.code();
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(shared.server.advertised_host.clone())
        .with_port(shared.server.advertised_port.into());
    let topics = topics.into_iter().map(|topic: MetadataResponseTopic| topic.with_error_code(error)).collect();
    let response = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics);
    Reply::new(request, &response)
}

/// Of every group that is asked for, an error.
pub(super) fn coordinator(request: &Request, error: ResponseError) -> Result<Reply, Reason> {
    let wanted: FindCoordinatorRequest = request.decode()?;
    let (error, nobody) = (error.code(), BrokerId(-1));
    let response = if request.version >= 4 {
        let none = |key| Coordinator::default().with_key(key).with_error_code(error).with_node_id(nobody).with_port(-1);
        FindCoordinatorResponse::default().with_coordinators(wanted.coordinator_keys.into_iter().map(none).collect())
    } else {
        FindCoordinatorResponse::default().with_error_code(error).with_node_id(nobody).with_port(-1)
    };
    Reply::new(request, &response)
}
