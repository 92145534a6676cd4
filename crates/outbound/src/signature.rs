//! By which whoever is called knows that the call is the server's.

use std::fmt::Write as _;

use ring::hmac;

/// A signature's text: the time, and by each of the secrets that are in force an HMAC-SHA256 of the time, a dot and the
/// body.
pub fn signature(secrets: &[&str], unix_s: u64, body: &[u8]) -> String {
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
}
