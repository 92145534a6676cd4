//! DescribeUserScramCredentials (50, KIP-554): nobody has any. A client is known by its certificate.

use std::collections::BTreeMap;

use kafka_protocol::{
    ResponseError,
    messages::{
        DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
        describe_user_scram_credentials_response::DescribeUserScramCredentialsResult,
    },
    protocol::StrBytes,
};

pub(super) fn handle(request: DescribeUserScramCredentialsRequest) -> DescribeUserScramCredentialsResponse {
    let mut times_named: BTreeMap<StrBytes, usize> = BTreeMap::new();
    for user in request.users.unwrap_or_default() {
        *times_named.entry(user.name).or_default() += 1;
    }
    let result = |(user, times): (StrBytes, usize)| {
        let (error, message) = match times {
            1 => (ResponseError::ResourceNotFound, "Attempt to describe a user credential that does not exist:"),
            _ => (
                ResponseError::DuplicateResource,
                "Cannot describe SCRAM credentials for the same user twice in a single request:",
            ),
        };
        DescribeUserScramCredentialsResult::default()
            .with_error_code(error.code())
            .with_error_message(Some(format!("{message} {}", user.as_str()).into()))
            .with_user(user)
    };
    DescribeUserScramCredentialsResponse::default()
        .with_error_message(Some(StrBytes::default()))
        .with_results(times_named.into_iter().map(result).collect())
}
