//! What is sent for an event: its JSON, and headers (docs/reference/webhooks.md).

use std::fmt::Write as _;

use outbound::{HeaderName, HeaderValue};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_json_in_ascii() {
        let text = ascii("[\"café\",\"a\u{1f600}\"]");
        assert_eq!(text, r#"["caf\u00e9","a\ud83d\ude00"]"#);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::json!(["café", "a\u{1f600}"]));
    }
}
