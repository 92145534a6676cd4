//! The APIs that the endpoint serves, in the versions that it serves (what it says in ApiVersions).
//!
//! The floors are those of KIP-896 and Apache Kafka 4, the ceilings what `kafka-protocol` 0.18 (with
//! `offsets_by_id`) and the endpoint know.
//! Not here, on purpose: SASL (a client is known by its certificate), transactions, changing ACLs, quotas and
//! credentials, and share groups.

use kafka_protocol::messages::ApiKey;

/// One API and the versions of it that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertisedApi {
    /// Which.
    pub api: ApiKey,
    /// The oldest version served.
    pub version_min: i16,
    /// The newest version served.
    pub version_max: i16,
}

/// Every API served, by ascending key.
///
/// What would make, change or write topics is served only to be refused, so that clients are told why (and not that
/// the server is too old). Produce is served for one more reason: librdkafka fetches nothing from a broker without
/// Produce v3 (`rdkafka_feature.c`, MSGVER2), and Kafka 4 keeps the old versions in its list for the same reason
/// (KAFKA-18659).
pub const ADVERTISED: &[AdvertisedApi] = &[
    advertised(ApiKey::Produce, 3, 11),
    advertised(ApiKey::Fetch, 4, 17),
    advertised(ApiKey::ListOffsets, 1, 11),
    advertised(ApiKey::Metadata, 0, 13),
    advertised(ApiKey::OffsetCommit, 2, 10),
    advertised(ApiKey::OffsetFetch, 1, 10),
    advertised(ApiKey::FindCoordinator, 0, 6),
    advertised(ApiKey::JoinGroup, 0, 9),
    advertised(ApiKey::Heartbeat, 0, 4),
    advertised(ApiKey::LeaveGroup, 0, 5),
    advertised(ApiKey::SyncGroup, 0, 5),
    advertised(ApiKey::DescribeGroups, 0, 6),
    advertised(ApiKey::ListGroups, 0, 5),
    advertised(ApiKey::ApiVersions, 0, 4),
    advertised(ApiKey::CreateTopics, 2, 7),
    advertised(ApiKey::DeleteTopics, 1, 6),
    advertised(ApiKey::DeleteRecords, 0, 2),
    advertised(ApiKey::InitProducerId, 0, 5),
    advertised(ApiKey::OffsetForLeaderEpoch, 2, 4),
    advertised(ApiKey::DescribeAcls, 1, 3),
    advertised(ApiKey::DescribeConfigs, 1, 4),
    advertised(ApiKey::AlterConfigs, 0, 2),
    advertised(ApiKey::DescribeLogDirs, 1, 4),
    advertised(ApiKey::CreatePartitions, 0, 3),
    advertised(ApiKey::DeleteGroups, 0, 2),
    advertised(ApiKey::ElectLeaders, 0, 2),
    advertised(ApiKey::IncrementalAlterConfigs, 0, 1),
    advertised(ApiKey::ListPartitionReassignments, 0, 0),
    advertised(ApiKey::OffsetDelete, 0, 0),
    advertised(ApiKey::DescribeClientQuotas, 0, 1),
    advertised(ApiKey::DescribeUserScramCredentials, 0, 0),
    advertised(ApiKey::DescribeCluster, 0, 2),
    advertised(ApiKey::DescribeProducers, 0, 0),
    advertised(ApiKey::DescribeTransactions, 0, 0),
    advertised(ApiKey::ListTransactions, 0, 2),
    advertised(ApiKey::ConsumerGroupHeartbeat, 0, 1),
    advertised(ApiKey::ConsumerGroupDescribe, 0, 1),
    advertised(ApiKey::ListConfigResources, 0, 1),
    advertised(ApiKey::DescribeTopicPartitions, 0, 0),
];

/// A feature of the whole cluster (KIP-584), and the levels of it that the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Kafka's name for it.
    pub name: &'static str,
    /// The highest level that is known. It is also the one that holds: nothing here is ever upgraded. 0 is "without".
    pub level: i16,
}

/// What ApiVersions says of features from version 4 on, by name: `group.version` 1 is the consumer protocol
/// (KIP-848). Before, nothing is said: librdkafka before 2.2 asks in version 3 and cannot skip a tagged field
/// (librdkafka #4278), and a level of 0 cannot be written there (KIP-1022).
///
/// Not here: `metadata.version` and `kraft.version`. There is no log of metadata that they could be versions of.
pub const FEATURES: &[Feature] = &[
    Feature { name: "group.version", level: 1 },
    Feature { name: "share.version", level: 0 },
    Feature { name: "streams.version", level: 0 },
    Feature { name: "transaction.version", level: 0 },
];

/// The version by which `kafka-protocol` 0.18 reads and writes `version` of an API. ListOffsets 11 only adds a
/// special timestamp to 10 (KIP-1023), and the crate, which follows Kafka 4.1, does not know it.
pub fn codec_version(api: ApiKey, version: i16) -> i16 {
    match (api, version) {
        (ApiKey::ListOffsets, 11) => 10,
        _ => version,
    }
}

/// What is served of the API with this key; `None` when it is not served, or no API of Kafka's.
pub fn advertised_api(api_key: i16) -> Option<&'static AdvertisedApi> {
    ADVERTISED.iter().find(|advertised| advertised.api as i16 == api_key)
}

impl AdvertisedApi {
    /// Whether `version` of the API is served.
    pub fn serves(&self, version: i16) -> bool {
        (self.version_min..=self.version_max).contains(&version)
    }
}

const fn advertised(api: ApiKey, version_min: i16, version_max: i16) -> AdvertisedApi {
    AdvertisedApi { api, version_min, version_max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend() {
        assert!(ADVERTISED.is_sorted_by_key(|advertised| advertised.api as i16));
    }

    #[test]
    fn the_codecs_know_every_version() {
        for advertised in ADVERTISED {
            let known = advertised.api.valid_versions();
            let is_by_id = matches!(advertised.api, ApiKey::OffsetCommit | ApiKey::OffsetFetch);
            let known_max = if is_by_id { crate::offsets_by_id::VERSION } else { known.max };
            let newest = codec_version(advertised.api, advertised.version_max);
            assert!(advertised.version_min >= known.min && newest <= known_max, "{advertised:?}");
        }
    }

    #[test]
    fn the_page_says_what_is_served() {
        let page = include_str!("../../../docs/reference/kafka-compatibility.md");
        let rows = page.lines().filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let key: i16 = cells.next()?.parse().ok()?;
            Some((key, cells.next()?.to_owned(), cells.next()?.to_owned()))
        });
        let served = ADVERTISED.iter().map(|it| {
            (it.api as i16, format!("{:?}", it.api), format!("{}\u{2013}{}", it.version_min, it.version_max))
        });
        assert_eq!(rows.collect::<Vec<_>>(), served.collect::<Vec<_>>());
    }

    #[test]
    fn lookup_by_key() {
        let fetch = advertised_api(1).unwrap();
        assert!(fetch.serves(4) && fetch.serves(17) && !fetch.serves(3) && !fetch.serves(18));
        assert_eq!((advertised_api(17), advertised_api(-1), advertised_api(i16::MAX)), (None, None, None));
    }
}
