//! ApiVersions (18): what is served, and from version 4 on the features of the cluster (KIP-584).
//!
//! Invariant: no tagged field before version 4. librdkafka before 2.2 asks in version 3 and cannot skip them
//! (librdkafka #4278).

use kafka_protocol::{
    ResponseError,
    messages::{
        ApiKey, ApiVersionsRequest, ApiVersionsResponse,
        api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey},
    },
    protocol::StrBytes,
};
use kafka_wire::api_versions::{ADVERTISED, AdvertisedApi, FEATURES, Feature, advertised_api};

use crate::{reason::Reason, reply::Reply, request::Request};

/// A version that we do not know is answered in version 0 with the one range that the client needs to ask again
/// (KIP-511).
pub(crate) fn answer(request: &Request) -> Result<Reply, Reason> {
    let own = advertised_api(ApiKey::ApiVersions as i16).filter(|own| !own.serves(request.version));
    if let Some(own) = own {
        let refusal = ApiVersionsResponse::default()
            .with_error_code(ResponseError::UnsupportedVersion.code())
            .with_api_keys(vec![entry(own)]);
        return Reply::in_version(request, &refusal, 0);
    }
    request.decode::<ApiVersionsRequest>()?;
    let served = ApiVersionsResponse::default().with_api_keys(ADVERTISED.iter().map(entry).collect());
    Reply::new(request, &if request.version >= 4 { with_features(served) } else { served })
}

/// The epoch is 0 for ever: what is finalized changes with the program only.
fn with_features(served: ApiVersionsResponse) -> ApiVersionsResponse {
    let name = |feature: &Feature| StrBytes::from_static_str(feature.name);
    let supported = |it: &Feature| SupportedFeatureKey::default().with_name(name(it)).with_max_version(it.level);
    let finalized = |it: &Feature| {
        let key = FinalizedFeatureKey::default().with_name(name(it));
        key.with_min_version_level(it.level).with_max_version_level(it.level)
    };
    served
        .with_supported_features(FEATURES.iter().map(supported).collect())
        .with_finalized_features(FEATURES.iter().filter(|it| it.level > 0).map(finalized).collect())
        .with_finalized_features_epoch(0)
}

fn entry(served: &AdvertisedApi) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(served.api as i16)
        .with_min_version(served.version_min)
        .with_max_version(served.version_max)
}
