//! The layout of every served request, in the order of their keys; only versions in `api_versions` count.

use super::schema::Shape::{Array, NullableArray};
use super::schema::*;
use kafka_protocol::messages::ApiKey;

/// The layout of `api`'s requests; `None` when the endpoint does not serve it.
pub(super) fn schema_of(api: ApiKey) -> Option<&'static RequestSchema> {
    Some(match api {
        ApiKey::Produce => &PRODUCE,
        ApiKey::Fetch => &FETCH,
        ApiKey::ListOffsets => &LIST_OFFSETS,
        ApiKey::Metadata => &METADATA,
        ApiKey::OffsetCommit => &OFFSET_COMMIT,
        ApiKey::OffsetFetch => &OFFSET_FETCH,
        ApiKey::FindCoordinator => &FIND_COORDINATOR,
        ApiKey::JoinGroup => &JOIN_GROUP,
        ApiKey::Heartbeat => &HEARTBEAT,
        ApiKey::LeaveGroup => &LEAVE_GROUP,
        ApiKey::SyncGroup => &SYNC_GROUP,
        ApiKey::DescribeGroups => &DESCRIBE_GROUPS,
        ApiKey::ListGroups => &LIST_GROUPS,
        ApiKey::ApiVersions => &API_VERSIONS,
        ApiKey::CreateTopics => &CREATE_TOPICS,
        ApiKey::DeleteTopics => &DELETE_TOPICS,
        ApiKey::DeleteRecords => &DELETE_RECORDS,
        ApiKey::InitProducerId => &INIT_PRODUCER_ID,
        ApiKey::OffsetForLeaderEpoch => &OFFSET_FOR_LEADER_EPOCH,
        ApiKey::DescribeAcls => &DESCRIBE_ACLS,
        ApiKey::DescribeConfigs => &DESCRIBE_CONFIGS,
        ApiKey::AlterConfigs => &ALTER_CONFIGS,
        ApiKey::DescribeLogDirs => &DESCRIBE_LOG_DIRS,
        ApiKey::CreatePartitions => &CREATE_PARTITIONS,
        ApiKey::DeleteGroups => &DELETE_GROUPS,
        ApiKey::ElectLeaders => &ELECT_LEADERS,
        ApiKey::IncrementalAlterConfigs => &INCREMENTAL_ALTER_CONFIGS,
        ApiKey::ListPartitionReassignments => &LIST_PARTITION_REASSIGNMENTS,
        ApiKey::OffsetDelete => &OFFSET_DELETE,
        ApiKey::DescribeClientQuotas => &DESCRIBE_CLIENT_QUOTAS,
        ApiKey::DescribeUserScramCredentials => &DESCRIBE_USER_SCRAM_CREDENTIALS,
        ApiKey::DescribeCluster => &DESCRIBE_CLUSTER,
        ApiKey::DescribeProducers => &DESCRIBE_PRODUCERS,
        ApiKey::DescribeTransactions => &DESCRIBE_TRANSACTIONS,
        ApiKey::ListTransactions => &LIST_TRANSACTIONS,
        ApiKey::ListConfigResources => &LIST_CONFIG_RESOURCES,
        ApiKey::DescribeTopicPartitions => &DESCRIBE_TOPIC_PARTITIONS,
        ApiKey::ConsumerGroupHeartbeat => &CONSUMER_GROUP_HEARTBEAT,
        ApiKey::ConsumerGroupDescribe => &CONSUMER_GROUP_DESCRIBE,
        _ => return None,
    })
}

/// A version that is never reached: a request that is not flexible.
const NEVER: i16 = i16::MAX;

static PRODUCE: RequestSchema = request(
    9,
    &[
        always("transactional_id", NULLABLE_TEXT),
        always("acks", INT16),
        always("timeout_ms", INT32),
        always(
            "topic_data",
            Array(&structure(&[
                always("name", TEXT),
                always(
                    "partition_data",
                    Array(&structure(&[always("index", INT32), always("records", NULLABLE_BYTES)])),
                ),
            ])),
        ),
    ],
);

static FETCH: RequestSchema = RequestSchema {
    flexible_since: 12,
    body: Struct {
        fields: &[
            until(14, "replica_id", INT32),
            always("max_wait_ms", INT32),
            always("min_bytes", INT32),
            always("max_bytes", INT32),
            always("isolation_level", INT8),
            since(7, "session_id", INT32),
            since(7, "session_epoch", INT32),
            always(
                "topics",
                Array(&structure(&[
                    until(12, "topic", TEXT),
                    since(13, "topic_id", UUID),
                    always("partitions", Array(&FETCH_PARTITION)),
                ])),
            ),
            since(
                7,
                "forgotten_topics_data",
                Array(&structure(&[
                    until(12, "topic", TEXT),
                    since(13, "topic_id", UUID),
                    always("partitions", Array(&INT32)),
                ])),
            ),
            since(11, "rack_id", TEXT),
        ],
        tags: &[
            Tag { number: 0, field: always("cluster_id", NULLABLE_TEXT) },
            Tag {
                number: 1,
                field: since(
                    15,
                    "replica_state",
                    structure(&[always("replica_id", INT32), always("replica_epoch", INT64)]),
                ),
            },
        ],
    },
};

static FETCH_PARTITION: Shape = Shape::Struct(Struct {
    fields: &[
        always("partition", INT32),
        since(9, "current_leader_epoch", INT32),
        always("fetch_offset", INT64),
        since(12, "last_fetched_epoch", INT32),
        since(5, "log_start_offset", INT64),
        always("partition_max_bytes", INT32),
    ],
    tags: &[
        Tag { number: 0, field: since(17, "replica_directory_id", UUID) },
        Tag { number: 1, field: since(18, "high_watermark", INT64) },
    ],
});

static LIST_OFFSETS: RequestSchema = request(
    6,
    &[
        always("replica_id", INT32),
        since(2, "isolation_level", INT8),
        always(
            "topics",
            Array(&structure(&[
                always("name", TEXT),
                always(
                    "partitions",
                    Array(&structure(&[
                        always("partition_index", INT32),
                        since(4, "current_leader_epoch", INT32),
                        always("timestamp", INT64),
                    ])),
                ),
            ])),
        ),
        since(10, "timeout_ms", INT32),
    ],
);

static METADATA: RequestSchema = request(
    9,
    &[
        until(0, "topics", Array(&METADATA_TOPIC)),
        since(1, "topics", NullableArray(&METADATA_TOPIC)),
        since(4, "allow_auto_topic_creation", BOOLEAN),
        between(8, 10, "include_cluster_authorized_operations", BOOLEAN),
        since(8, "include_topic_authorized_operations", BOOLEAN),
    ],
);

static METADATA_TOPIC: Shape =
    structure(&[since(10, "topic_id", UUID), until(9, "name", TEXT), since(10, "name", NULLABLE_TEXT)]);

static OFFSET_COMMIT: RequestSchema = request(
    8,
    &[
        always("group_id", TEXT),
        always("generation_id_or_member_epoch", INT32),
        always("member_id", TEXT),
        since(7, "group_instance_id", NULLABLE_TEXT),
        until(4, "retention_time_ms", INT64),
        always(
            "topics",
            Array(&structure(&[
                until(9, "name", TEXT),
                since(10, "topic_id", UUID),
                always(
                    "partitions",
                    Array(&structure(&[
                        always("partition_index", INT32),
                        always("committed_offset", INT64),
                        since(6, "committed_leader_epoch", INT32),
                        always("committed_metadata", NULLABLE_TEXT),
                    ])),
                ),
            ])),
        ),
    ],
);

static OFFSET_FETCH: RequestSchema = request(
    6,
    &[
        until(7, "group_id", TEXT),
        until(1, "topics", Array(&OFFSET_FETCH_TOPIC)),
        between(2, 7, "topics", NullableArray(&OFFSET_FETCH_TOPIC)),
        since(
            8,
            "groups",
            Array(&structure(&[
                always("group_id", TEXT),
                since(9, "member_id", NULLABLE_TEXT),
                since(9, "member_epoch", INT32),
                always("topics", NullableArray(&OFFSET_FETCH_TOPIC)),
            ])),
        ),
        since(7, "require_stable", BOOLEAN),
    ],
);

static OFFSET_FETCH_TOPIC: Shape =
    structure(&[until(9, "name", TEXT), since(10, "topic_id", UUID), always("partition_indexes", Array(&INT32))]);

static FIND_COORDINATOR: RequestSchema =
    request(3, &[until(3, "key", TEXT), since(1, "key_type", INT8), since(4, "coordinator_keys", Array(&TEXT))]);

static JOIN_GROUP: RequestSchema = request(
    6,
    &[
        always("group_id", TEXT),
        always("session_timeout_ms", INT32),
        since(1, "rebalance_timeout_ms", INT32),
        always("member_id", TEXT),
        since(5, "group_instance_id", NULLABLE_TEXT),
        always("protocol_type", TEXT),
        always("protocols", Array(&structure(&[always("name", TEXT), always("metadata", BYTES)]))),
        since(8, "reason", NULLABLE_TEXT),
    ],
);

static HEARTBEAT: RequestSchema = request(
    4,
    &[
        always("group_id", TEXT),
        always("generation_id", INT32),
        always("member_id", TEXT),
        since(3, "group_instance_id", NULLABLE_TEXT),
    ],
);

static LEAVE_GROUP: RequestSchema = request(
    4,
    &[
        always("group_id", TEXT),
        until(2, "member_id", TEXT),
        since(
            3,
            "members",
            Array(&structure(&[
                always("member_id", TEXT),
                always("group_instance_id", NULLABLE_TEXT),
                since(5, "reason", NULLABLE_TEXT),
            ])),
        ),
    ],
);

static SYNC_GROUP: RequestSchema = request(
    4,
    &[
        always("group_id", TEXT),
        always("generation_id", INT32),
        always("member_id", TEXT),
        since(3, "group_instance_id", NULLABLE_TEXT),
        since(5, "protocol_type", NULLABLE_TEXT),
        since(5, "protocol_name", NULLABLE_TEXT),
        always("assignments", Array(&structure(&[always("member_id", TEXT), always("assignment", BYTES)]))),
    ],
);

static DESCRIBE_GROUPS: RequestSchema =
    request(5, &[always("groups", Array(&TEXT)), since(3, "include_authorized_operations", BOOLEAN)]);

static LIST_GROUPS: RequestSchema =
    request(3, &[since(4, "states_filter", Array(&TEXT)), since(5, "types_filter", Array(&TEXT))]);

static API_VERSIONS: RequestSchema =
    request(3, &[since(3, "client_software_name", TEXT), since(3, "client_software_version", TEXT)]);

static OFFSET_FOR_LEADER_EPOCH: RequestSchema = request(
    4,
    &[
        since(3, "replica_id", INT32),
        always(
            "topics",
            Array(&structure(&[
                always("topic", TEXT),
                always(
                    "partitions",
                    Array(&structure(&[
                        always("partition", INT32),
                        always("current_leader_epoch", INT32),
                        always("leader_epoch", INT32),
                    ])),
                ),
            ])),
        ),
    ],
);

static DESCRIBE_CONFIGS: RequestSchema = request(
    4,
    &[
        always(
            "resources",
            Array(&structure(&[
                always("resource_type", INT8),
                always("resource_name", TEXT),
                always("configuration_keys", NullableArray(&TEXT)),
            ])),
        ),
        always("include_synonyms", BOOLEAN),
        since(3, "include_documentation", BOOLEAN),
    ],
);

static DELETE_GROUPS: RequestSchema = request(2, &[always("groups_names", Array(&TEXT))]);

static OFFSET_DELETE: RequestSchema = request(
    NEVER,
    &[
        always("group_id", TEXT),
        always(
            "topics",
            Array(&structure(&[
                always("name", TEXT),
                always("partitions", Array(&structure(&[always("partition_index", INT32)]))),
            ])),
        ),
    ],
);

static DESCRIBE_CLUSTER: RequestSchema = request(
    0,
    &[
        always("include_cluster_authorized_operations", BOOLEAN),
        since(1, "endpoint_type", INT8),
        since(2, "include_fenced_brokers", BOOLEAN),
    ],
);

static DESCRIBE_ACLS: RequestSchema = request(
    2,
    &[
        always("resource_type_filter", INT8),
        always("resource_name_filter", NULLABLE_TEXT),
        always("pattern_type_filter", INT8),
        always("principal_filter", NULLABLE_TEXT),
        always("host_filter", NULLABLE_TEXT),
        always("operation", INT8),
        always("permission_type", INT8),
    ],
);

static DESCRIBE_LOG_DIRS: RequestSchema = request(
    2,
    &[always("topics", NullableArray(&structure(&[always("topic", TEXT), always("partitions", Array(&INT32))])))],
);

static ELECT_LEADERS: RequestSchema = request(
    2,
    &[
        since(1, "election_type", INT8),
        always(
            "topic_partitions",
            NullableArray(&structure(&[always("topic", TEXT), always("partitions", Array(&INT32))])),
        ),
        always("timeout_ms", INT32),
    ],
);

static LIST_PARTITION_REASSIGNMENTS: RequestSchema = request(
    0,
    &[
        always("timeout_ms", INT32),
        always(
            "topics",
            NullableArray(&structure(&[always("name", TEXT), always("partition_indexes", Array(&INT32))])),
        ),
    ],
);

static DESCRIBE_CLIENT_QUOTAS: RequestSchema = request(
    1,
    &[
        always(
            "components",
            Array(&structure(&[
                always("entity_type", TEXT),
                always("match_type", INT8),
                always("match", NULLABLE_TEXT),
            ])),
        ),
        always("strict", BOOLEAN),
    ],
);

static DESCRIBE_USER_SCRAM_CREDENTIALS: RequestSchema =
    request(0, &[always("users", NullableArray(&structure(&[always("name", TEXT)])))]);

static DESCRIBE_PRODUCERS: RequestSchema = request(
    0,
    &[always("topics", Array(&structure(&[always("name", TEXT), always("partition_indexes", Array(&INT32))])))],
);

static DESCRIBE_TRANSACTIONS: RequestSchema = request(0, &[always("transactional_ids", Array(&TEXT))]);

static LIST_TRANSACTIONS: RequestSchema = request(
    0,
    &[
        always("state_filters", Array(&TEXT)),
        always("producer_id_filters", Array(&INT64)),
        since(1, "duration_filter", INT64),
        since(2, "transactional_id_pattern", NULLABLE_TEXT),
    ],
);

static LIST_CONFIG_RESOURCES: RequestSchema = request(0, &[since(1, "resource_types", Array(&INT8))]);

static DESCRIBE_TOPIC_PARTITIONS: RequestSchema = request(
    0,
    &[
        always("topics", Array(&structure(&[always("name", TEXT)]))),
        always("response_partition_limit", INT32),
        always("cursor", nullable_structure(&[always("topic_name", TEXT), always("partition_index", INT32)])),
    ],
);

static CONSUMER_GROUP_HEARTBEAT: RequestSchema = request(
    0,
    &[
        always("group_id", TEXT),
        always("member_id", TEXT),
        always("member_epoch", INT32),
        always("instance_id", NULLABLE_TEXT),
        always("rack_id", NULLABLE_TEXT),
        always("rebalance_timeout_ms", INT32),
        always("subscribed_topic_names", NullableArray(&TEXT)),
        since(1, "subscribed_topic_regex", NULLABLE_TEXT),
        always("server_assignor", NULLABLE_TEXT),
        always(
            "topic_partitions",
            NullableArray(&structure(&[always("topic_id", UUID), always("partitions", Array(&INT32))])),
        ),
    ],
);

static CONSUMER_GROUP_DESCRIBE: RequestSchema =
    request(0, &[always("group_ids", Array(&TEXT)), always("include_authorized_operations", BOOLEAN)]);

static CREATE_TOPICS: RequestSchema = request(
    5,
    &[
        always(
            "topics",
            Array(&structure(&[
                always("name", TEXT),
                always("num_partitions", INT32),
                always("replication_factor", INT16),
                always(
                    "assignments",
                    Array(&structure(&[always("partition_index", INT32), always("broker_ids", Array(&INT32))])),
                ),
                always("configs", Array(&structure(&[always("name", TEXT), always("value", NULLABLE_TEXT)]))),
            ])),
        ),
        always("timeout_ms", INT32),
        always("validate_only", BOOLEAN),
    ],
);

static DELETE_TOPICS: RequestSchema = request(
    4,
    &[
        since(6, "topics", Array(&structure(&[always("name", NULLABLE_TEXT), always("topic_id", UUID)]))),
        until(5, "topic_names", Array(&TEXT)),
        always("timeout_ms", INT32),
    ],
);

static DELETE_RECORDS: RequestSchema = request(
    2,
    &[
        always(
            "topics",
            Array(&structure(&[
                always("name", TEXT),
                always("partitions", Array(&structure(&[always("partition_index", INT32), always("offset", INT64)]))),
            ])),
        ),
        always("timeout_ms", INT32),
    ],
);

static INIT_PRODUCER_ID: RequestSchema = request(
    2,
    &[
        always("transactional_id", NULLABLE_TEXT),
        always("transaction_timeout_ms", INT32),
        since(3, "producer_id", INT64),
        since(3, "producer_epoch", INT16),
    ],
);

static ALTER_CONFIGS: RequestSchema = request(
    2,
    &[
        always(
            "resources",
            Array(&structure(&[
                always("resource_type", INT8),
                always("resource_name", TEXT),
                always("configs", Array(&structure(&[always("name", TEXT), always("value", NULLABLE_TEXT)]))),
            ])),
        ),
        always("validate_only", BOOLEAN),
    ],
);

static CREATE_PARTITIONS: RequestSchema = request(
    2,
    &[
        always(
            "topics",
            Array(&structure(&[
                always("name", TEXT),
                always("count", INT32),
                always("assignments", NullableArray(&structure(&[always("broker_ids", Array(&INT32))]))),
            ])),
        ),
        always("timeout_ms", INT32),
        always("validate_only", BOOLEAN),
    ],
);

static INCREMENTAL_ALTER_CONFIGS: RequestSchema = request(
    1,
    &[
        always(
            "resources",
            Array(&structure(&[
                always("resource_type", INT8),
                always("resource_name", TEXT),
                always(
                    "configs",
                    Array(&structure(&[
                        always("name", TEXT),
                        always("config_operation", INT8),
                        always("value", NULLABLE_TEXT),
                    ])),
                ),
            ])),
        ),
        always("validate_only", BOOLEAN),
    ],
);
