//! What administrators' tools ask.

use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeAclsRequest, DescribeClientQuotasRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeTopicPartitionsRequest,
    DescribeTransactionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest, ListConfigResourcesRequest,
    ListPartitionReassignmentsRequest, ListTransactionsRequest, MetadataRequest, TransactionalId,
    describe_client_quotas_request::ComponentData,
    describe_configs_request::DescribeConfigsResource,
    describe_log_dirs_request::DescribableLogDirTopic,
    describe_producers_request::TopicRequest as ProducersTopic,
    describe_topic_partitions_request::{Cursor, TopicRequest},
    describe_user_scram_credentials_request::UserName,
    elect_leaders_request::TopicPartitions,
    list_partition_reassignments_request::ListPartitionReassignmentsTopics,
    metadata_request::MetadataRequestTopic,
};

use super::{
    both::{Both, Difference, FOUR, difference, text, topic},
    support::TOPIC,
};

const OPERATIONS: &str = "topics are read-only: READ, DESCRIBE and DESCRIBE_CONFIGS";
const SETTINGS: &str = "a setting that nothing here obeys is left out, and none can be changed";

pub(super) const MEANT: &[Difference] = &[
    difference("ApiVersions", "api_keys", "what is served is in docs/reference/kafka-compatibility.md"),
    difference("ApiVersions", "supported_features", "features that are not there are not told"),
    difference("ApiVersions", "finalized_features", "features that are not there are not told"),
    difference("DescribeTopicPartitions", "topics.*.topic_authorized_operations", OPERATIONS),
    difference("DescribeCluster", "cluster_authorized_operations", "nothing of the cluster can be changed"),
    difference("Metadata", "topics.*.topic_authorized_operations", OPERATIONS),
    difference("DescribeLogDirs", "results.*.topics.*.partitions.*.partition_size", "the journal is not Kafka's log"),
    difference("DescribeLogDirs", "results.*.total_bytes", "the disk's size is no app's business"),
    difference("DescribeLogDirs", "results.*.usable_bytes", "the disk's room is no app's business"),
    difference("DescribeLogDirs", "results.*.topics", "Kafka lists partitions in no order"),
    difference("DescribeAcls of everything", "", "Kafka has no authorizer here; the certificate is one"),
    difference("DescribeConfigs of topics", "results.*.configs", SETTINGS),
    difference("DescribeConfigs of a broker", "results.*.configs", SETTINGS),
    difference("DescribeConfigs of loggers", "results.*.configs", "Kafka's loggers are not here"),
    difference("DescribeConfigs of client metrics", "results.*.configs", "client metrics (KIP-714) are not taken"),
    difference("DescribeConfigs of a group", "results.*.configs", SETTINGS),
    difference("ListTransactions by an odd pattern", "error_code", "there is no id that a pattern could find"),
];

pub(super) async fn ask(both: &mut Both) {
    cluster(both).await;
    topics(both).await;
    configs(both).await;
    clients(both).await;
}

async fn cluster(both: &mut Both) {
    let client = ApiVersionsRequest::default().with_client_software_name(text("test"));
    let client = client.with_client_software_version(text("1"));
    both.ask("ApiVersions", client.clone(), 3).await;
    both.ask("ApiVersions", client, 4).await;
    let with_operations = DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
    both.ask("DescribeCluster", with_operations, 2).await;
    both.ask("DescribeCluster of controllers", DescribeClusterRequest::default().with_endpoint_type(2), 2).await;
    let named = |name: &str| MetadataRequestTopic::default().with_name(Some(topic(name)));
    let names = [TOPIC, FOUR, "nonsense", "not a topic"].map(named).to_vec();
    let metadata = MetadataRequest::default().with_topics(Some(names)).with_include_topic_authorized_operations(true);
    both.ask("Metadata", metadata, 12).await;
}

async fn topics(both: &mut Both) {
    let pages = |names: &[&str]| {
        let names = names.iter().map(|name| TopicRequest::default().with_name(topic(name))).collect();
        DescribeTopicPartitionsRequest::default().with_topics(names).with_response_partition_limit(2).with_cursor(None)
    };
    let cursor = |name, index| Some(Cursor::default().with_topic_name(topic(name)).with_partition_index(index));
    let question = "DescribeTopicPartitions";
    both.ask(question, pages(&[FOUR, TOPIC, "nonsense", "not a topic", TOPIC]), 0).await;
    both.ask(question, pages(&[]), 0).await;
    both.ask(question, pages(&[]).with_response_partition_limit(1), 0).await;
    for (name, index) in [(FOUR, 1), (FOUR, 9), (FOUR, -1), ("z", 0)] {
        both.ask(question, pages(&[]).with_cursor(cursor(name, index)), 0).await;
        both.ask(question, pages(&[TOPIC]).with_cursor(cursor(name, index)), 0).await;
    }
    for version in 1..=4 {
        let named = |name: &str| DescribableLogDirTopic::default().with_topic(topic(name)).with_partitions(vec![0, 9]);
        let wanted = Some(vec![named(TOPIC), named("nonsense")]);
        both.ask("DescribeLogDirs", DescribeLogDirsRequest::default().with_topics(wanted), version).await;
        both.ask("DescribeLogDirs", DescribeLogDirsRequest::default().with_topics(None), version).await;
    }
    let named = |name: &str| ProducersTopic::default().with_name(topic(name)).with_partition_indexes(vec![0, 9]);
    let wanted = [TOPIC, "nonsense", "not a topic"].map(named).to_vec();
    both.ask("DescribeProducers", DescribeProducersRequest::default().with_topics(wanted), 0).await;
    let named = |name: &str| {
        ListPartitionReassignmentsTopics::default().with_name(topic(name)).with_partition_indexes(vec![0, 9])
    };
    for wanted in [None, Some(vec![named(TOPIC), named("nonsense")])] {
        let request = ListPartitionReassignmentsRequest::default().with_topics(wanted).with_timeout_ms(10_000);
        both.ask("ListPartitionReassignments", request, 0).await;
    }
    let named = |name: &str| TopicPartitions::default().with_topic(topic(name)).with_partitions(vec![0, 9]);
    for election in [0, 1, 2] {
        let elect = ElectLeadersRequest::default().with_election_type(election).with_timeout_ms(10_000);
        let wanted = [TOPIC, "nonsense", "not a topic"].map(named).to_vec();
        both.ask("ElectLeaders", elect.with_topic_partitions(Some(wanted)), 2).await;
    }
}

async fn configs(both: &mut Both) {
    let resource = |kind, name: &str| {
        let resource = DescribeConfigsResource::default().with_resource_type(kind).with_resource_name(text(name));
        resource.with_configuration_keys(None)
    };
    let cases = [
        ("topics", vec![(2, TOPIC), (2, "nonsense"), (2, "not a topic"), (2, "")]),
        ("a broker", vec![(4, "1")]),
        ("other brokers", vec![(4, "2"), (4, "x")]),
        ("loggers", vec![(8, "1"), (8, "2"), (8, "")]),
        ("client metrics", vec![(16, "a"), (16, "")]),
        ("a group", vec![(32, "g"), (32, "")]),
        ("what is unknown", vec![(3, "z"), (0, "z")]),
    ];
    for (what, resources) in cases {
        let resources = resources.into_iter().map(|(kind, name)| resource(kind, name)).collect();
        let request = DescribeConfigsRequest::default().with_resources(resources).with_include_synonyms(true);
        both.ask(&format!("DescribeConfigs of {what}"), request, 4).await;
    }
    // What is the same in both has the same name, type and value.
    let keys = ["cleanup.policy", "message.timestamp.type", "min.insync.replicas", "unclean.leader.election.enable"];
    let same = resource(2, TOPIC).with_configuration_keys(Some(keys.map(text).to_vec()));
    let request = DescribeConfigsRequest::default().with_resources(vec![same]);
    let (kafka, own) = both.ask("DescribeConfigs of topics", request, 4).await;
    let values = |answer: Option<kafka_protocol::messages::DescribeConfigsResponse>| {
        let configs = answer.unwrap().results.remove(0).configs.into_iter();
        let mut values: Vec<_> = configs.map(|it| (it.name, it.value, it.config_type)).collect();
        values.sort();
        values
    };
    assert_eq!(values(kafka), values(own));
    for types in [vec![], vec![2], vec![4, 8], vec![16, 32], vec![2, 32], vec![3]] {
        both.ask("ListConfigResources", ListConfigResourcesRequest::default().with_resource_types(types), 1).await;
    }
    both.ask("ListConfigResources", ListConfigResourcesRequest::default(), 0).await;
}

async fn clients(both: &mut Both) {
    let any = DescribeAclsRequest::default()
        .with_resource_name_filter(None)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1);
    both.ask("DescribeAcls of everything", any.clone().with_resource_type_filter(1), 3).await;
    both.ask("DescribeAcls of the unknown", any.with_resource_type_filter(0), 3).await;
    let component = |(kind, how, name): (&str, i8, Option<&str>)| {
        let component = ComponentData::default().with_entity_type(text(kind)).with_match_type(how);
        component.with_match(name.map(text))
    };
    let cases: [&[(&str, i8, Option<&str>)]; 11] = [
        &[],
        &[("user", 0, Some("a")), ("client-id", 1, None)],
        &[("user", 0, Some("a")), ("user", 2, None)],
        &[("shoe", 1, None)],
        &[("user", 7, None)],
        &[("ip", 2, None), ("user", 2, None)],
        &[("", 2, None)],
        &[("user", 0, None)],
        &[("user", 1, Some("x"))],
        &[("user", 2, Some("x"))],
        &[("ip", 1, None)],
    ];
    for components in cases {
        let components = components.iter().copied().map(component).collect();
        let request = DescribeClientQuotasRequest::default().with_components(components);
        both.ask("DescribeClientQuotas", request, 1).await;
    }
    for users in [None, Some(vec![]), Some(vec!["b", "a"]), Some(vec!["a", "a"]), Some(vec![""])] {
        let user = |name: &str| UserName::default().with_name(text(name));
        let users = users.map(|users| users.into_iter().map(user).collect());
        let request = DescribeUserScramCredentialsRequest::default().with_users(users);
        both.ask("DescribeUserScramCredentials", request, 0).await;
    }
}

/// Kafka has to coordinate for that.
pub(super) async fn transactions(both: &mut Both) {
    for ids in [vec![], vec!["a"], vec!["", "a"]] {
        let ids = ids.into_iter().map(|id| TransactionalId(text(id))).collect();
        both.ask("DescribeTransactions", DescribeTransactionsRequest::default().with_transactional_ids(ids), 0).await;
    }
    let states = ["Ongoing", "odd", "PrepareEpochFence", "Dead"].map(text).to_vec();
    both.ask("ListTransactions", ListTransactionsRequest::default().with_state_filters(states), 1).await;
    let by_pattern = |pattern| ListTransactionsRequest::default().with_transactional_id_pattern(Some(text(pattern)));
    both.ask("ListTransactions by a pattern", by_pattern("a.*"), 2).await;
    both.ask("ListTransactions by an odd pattern", by_pattern("a("), 2).await;
}
