//! DescribeClientQuotas (48, KIP-546): there are none. What bounds clients here is the same for all (`limits`).

use kafka_protocol::{
    ResponseError,
    messages::{
        DescribeClientQuotasRequest, DescribeClientQuotasResponse, describe_client_quotas_request::ComponentData,
    },
    protocol::StrBytes,
};

/// How a component matches: one name, the default, any that is named.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

pub(super) fn handle(request: &DescribeClientQuotasRequest) -> DescribeClientQuotasResponse {
    let response = DescribeClientQuotasResponse::default();
    match check(&request.components) {
        Ok(()) => response.with_entries(Some(Vec::new())).with_error_message(Some(StrBytes::default())),
        Err((error, message)) => {
            response.with_entries(None).with_error_code(error.code()).with_error_message(Some(message.into()))
        }
    }
}

/// What Kafka refuses, in its words.
fn check(components: &[ComponentData]) -> Result<(), (ResponseError, String)> {
    let invalid = |message: String| Err((ResponseError::InvalidRequest, message));
    for (place, component) in components.iter().enumerate() {
        let kind = component.entity_type.as_str();
        match (component.match_type, &component._match) {
            (EXACT, None) => {
                return invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.".to_owned());
            }
            (DEFAULT, Some(_)) => {
                return invalid("Request specified MATCH_TYPE_DEFAULT, but also specified a match string.".to_owned());
            }
            (ANY, Some(_)) => {
                return invalid(
                    "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.".to_owned(),
                );
            }
            (EXACT | DEFAULT | ANY, _) => {}
            (other, _) => return invalid(format!("Unknown match type {other}")),
        }
        if components[..place].iter().any(|before| before.entity_type.as_str() == kind) {
            return invalid(format!("Entity type {kind} cannot appear more than once in the filter."));
        }
        match kind {
            "user" | "client-id" | "ip" => {}
            "" => return invalid("Invalid empty entity type.".to_owned()),
            _ => return Err((ResponseError::UnsupportedVersion, format!("Unsupported entity type {kind}"))),
        }
    }
    let has = |wanted: &str| components.iter().any(|component| component.entity_type.as_str() == wanted);
    if has("ip") && (has("user") || has("client-id")) {
        let message = "Invalid entity filter component combination. IP filter component should not be used with user or \
                       clientId filter component.";
        return invalid(message.to_owned());
    }
    Ok(())
}
