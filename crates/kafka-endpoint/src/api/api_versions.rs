//! ApiVersions (18): what is served. Never with tagged fields: librdkafka before 2.2 cannot skip them (librdkafka #4278).

use kafka_protocol::{
    ResponseError,
    messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, api_versions_response::ApiVersion},
};
use kafka_wire::api_versions::{ADVERTISED, AdvertisedApi, advertised_api};

use crate::{reason::Reason, reply::Reply, request::Request};

/// A version that we do not know is answered in version 0 with the one range that the client needs to ask again (KIP-511).
pub(crate) fn answer(request: &Request) -> Result<Reply, Reason> {
    let own = advertised_api(ApiKey::ApiVersions as i16).filter(|own| !own.serves(request.version));
    if let Some(own) = own {
        let refusal = ApiVersionsResponse::default()
            .with_error_code(ResponseError::UnsupportedVersion.code())
            .with_api_keys(vec![entry(own)]);
        return Reply::in_version(request, &refusal, 0);
    }
    request.decode::<ApiVersionsRequest>()?;
    Reply::new(request, &ApiVersionsResponse::default().with_api_keys(ADVERTISED.iter().map(entry).collect()))
}

fn entry(served: &AdvertisedApi) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(served.api as i16)
        .with_min_version(served.version_min)
        .with_max_version(served.version_max)
}
