//! What is sent for an event: its JSON, and headers (docs/reference/webhooks.md).

use std::fmt::Write as _;

use outbound::{HeaderName, HeaderValue};
use ring::hmac;

use super::event::Event;

/// Who sends.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) app: String,
    pub(crate) topic: String,
    pub(crate) sink: String,
}

impl Sender {
    /// The headers of a call; `skipped` events of the document were set aside since the last one that was
    /// delivered.
    pub(crate) fn headers(&self, event: &Event, skipped: u64, signature: &str) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![
            header("content-type", "application/json"),
            header("headwater-app", &self.app),
            header("headwater-sink", &self.sink),
            header("headwater-topic", &self.topic),
            header("headwater-partition", &event.partition.to_string()),
            header("headwater-offset", &event.offset.to_string()),
            header("headwater-key", &ascii(&event.key)),
            header("headwater-op", &event.op),
            header("headwater-txn-id", &event.txn_id),
            header("headwater-timestamp", &event.timestamp_ms.to_string()),
            header("headwater-signature", signature),
        ];
        if skipped > 0 {
            headers.push(header("headwater-skipped", &skipped.to_string()));
        }
        if event.replayed.is_some() {
            headers.push(header("headwater-replayed", "true"));
        }
        if let Some(traceparent) = &event.traceparent {
            headers.push(header("traceparent", traceparent));
        }
        headers
    }
}

fn header(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    // Only a text with control characters cannot be one, and none of ours has them.
    (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")))
}

/// JSON as the same JSON in ASCII: what stands in a header is read in many encodings.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if (' '..='~').contains(&c) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// The header `headwater-signature`: the time, and by each of the secrets that are in force an
/// HMAC-SHA256 of the time, a dot and the body.
pub(crate) fn signature(secrets: &[&str], unix_s: u64, body: &[u8]) -> String {
    let mut text = format!("t={unix_s}");
    for secret in secrets {
        let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        signing.update(format!("{unix_s}.").as_bytes());
        signing.update(body);
        text.push_str(",v1=");
        for byte in signing.sign().as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let told = signature(&["0123456789abcdef", "fedcba9876543210"], 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(
            told,
            "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23,v1=b32c46cc98bca64571d8fd1f15c9c2c492dd6883b977ebc5c859dd995d9d12ea"
        );
    }

    #[test]
    fn a_key_is_the_same_json_in_ascii() {
        let text = ascii("[\"café\",\"a\u{1f600}\"]");
        assert_eq!(text, r#"["caf\u00e9","a\ud83d\ude00"]"#);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::json!(["café", "a\u{1f600}"]));
    }
}
