//! DescribeAcls (29): what the certificate may do, as the ACLs that would allow just that.
//!
//! Whoever copies topics (MirrorMaker 2 asks at its source) sees read-only topics; nothing can be changed.
//! Not here: the rules themselves. They are the certificate's app (`session`) and what there is to ask for (`api`).

use kafka_protocol::{
    messages::{
        DescribeAclsRequest, DescribeAclsResponse,
        describe_acls_response::{AclDescription, DescribeAclsResource},
    },
    protocol::StrBytes,
};

use crate::{reason::Reason, session::Session};

/// Kafka's `ResourceType`.
const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const CLUSTER: i8 = 4;

/// Kafka's `PatternType`; the first two are for filters only.
const ANY_PATTERN: i8 = 1;
const MATCH: i8 = 2;
const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;

/// Kafka's `AclOperation`.
const READ: i8 = 3;
const DELETE: i8 = 6;
const DESCRIBE: i8 = 8;
const DESCRIBE_CONFIGS: i8 = 10;

/// Kafka's `AclPermissionType`.
const ALLOW: i8 = 3;

/// What matches everything, in a filter of any of those.
const ANY: i8 = 1;

/// Every name, as a literal pattern; every host.
const ALL: &str = "*";

/// A name or a beginning of names, and what may be done with it.
#[derive(Debug, Clone)]
struct Grant {
    resource_type: i8,
    name: String,
    pattern: i8,
    operations: &'static [i8],
}

pub(super) fn handle(session: &Session, filter: &DescribeAclsRequest) -> Result<DescribeAclsResponse, Reason> {
    let bytes = [filter.resource_type_filter, filter.pattern_type_filter, filter.operation, filter.permission_type];
    if bytes.iter().any(|byte| *byte < ANY) {
        // As Kafka, which cannot read a filter that has 0, "unknown", in it.
        let message = "a filter names something unknown".to_owned();
        return Err(Reason::Undecodable { api: "DescribeAcls", version: 0, message });
    }
    let principal = format!("User:CN={},O={}", session.principal.user, session.principal.app);
    let is_asked_of = filter.principal_filter.as_deref().is_none_or(|wanted| wanted == principal)
        && filter.host_filter.as_deref().is_none_or(|wanted| wanted == ALL)
        && matches!(filter.permission_type, ANY | ALLOW);
    let grants = grants(&session.principal.app).into_iter().filter(|grant| is_asked_of && matches(grant, filter));
    let resource = |grant: Grant| {
        let operations = grant
            .operations
            .iter()
            .filter(|operation| matches!(filter.operation, ANY) || filter.operation == **operation);
        let acl = |operation: &i8| {
            AclDescription::default()
                .with_principal(principal.clone().into())
                .with_host(StrBytes::from_static_str(ALL))
                .with_operation(*operation)
                .with_permission_type(ALLOW)
        };
        DescribeAclsResource::default()
            .with_resource_type(grant.resource_type)
            .with_resource_name(grant.name.into())
            .with_pattern_type(grant.pattern)
            .with_acls(operations.map(acl).collect())
    };
    let resources = grants.map(resource).filter(|resource| !resource.acls.is_empty());
    Ok(DescribeAclsResponse::default().with_resources(resources.collect()))
}

/// Reading the app's topics, groups of any name, and looking at the cluster.
fn grants(app: &str) -> [Grant; 4] {
    const TOPIC_OPERATIONS: &[i8] = &[READ, DESCRIBE, DESCRIBE_CONFIGS];
    let main = format!("user-consumable-{app}");
    let grant = |resource_type, name: String, pattern, operations| Grant { resource_type, name, pattern, operations };
    [
        grant(TOPIC, main.clone(), LITERAL, TOPIC_OPERATIONS),
        grant(TOPIC, format!("{main}."), PREFIXED, TOPIC_OPERATIONS),
        grant(GROUP, ALL.to_owned(), LITERAL, &[READ, DELETE, DESCRIBE]),
        grant(CLUSTER, "kafka-cluster".to_owned(), LITERAL, &[DESCRIBE]),
    ]
}

/// Kafka's `ResourcePatternFilter.matches`.
fn matches(grant: &Grant, filter: &DescribeAclsRequest) -> bool {
    if !matches!(filter.resource_type_filter, ANY) && filter.resource_type_filter != grant.resource_type {
        return false;
    }
    if !matches!(filter.pattern_type_filter, ANY_PATTERN | MATCH) && filter.pattern_type_filter != grant.pattern {
        return false;
    }
    let Some(wanted) = filter.resource_name_filter.as_deref() else { return true };
    match (filter.pattern_type_filter, grant.pattern) {
        (MATCH, LITERAL) => wanted == grant.name || grant.name == ALL,
        (MATCH, _) => wanted.starts_with(&grant.name),
        _ => wanted == grant.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(resource_type: i8, name: Option<&'static str>, pattern: i8) -> Vec<String> {
        let filter = DescribeAclsRequest::default()
            .with_resource_type_filter(resource_type)
            .with_resource_name_filter(name.map(StrBytes::from_static_str))
            .with_pattern_type_filter(pattern);
        grants("shop").into_iter().filter(|grant| matches(grant, &filter)).map(|grant| grant.name).collect()
    }

    #[test]
    fn filters_find_what_kafka_would() {
        assert_eq!(found(ANY, None, ANY_PATTERN).len(), 4);
        assert_eq!(found(TOPIC, None, ANY_PATTERN), ["user-consumable-shop", "user-consumable-shop."]);
        assert_eq!(found(TOPIC, None, PREFIXED), ["user-consumable-shop."]);
        assert_eq!(found(TOPIC, Some("user-consumable-shop"), LITERAL), ["user-consumable-shop"]);
        assert_eq!(found(TOPIC, Some("user-consumable-shop.a"), LITERAL), [""; 0]);
        assert_eq!(found(TOPIC, Some("user-consumable-shop.a"), MATCH), ["user-consumable-shop."]);
        assert_eq!(found(GROUP, Some("g"), MATCH), ["*"]);
        assert_eq!(found(GROUP, Some("g"), ANY_PATTERN), [""; 0]);
        assert_eq!(found(ANY, Some("kafka-cluster"), MATCH), ["*", "kafka-cluster"]);
    }
}
