//! What a login hook answers.
//!
//! Invariant: whoever is known has a userID, a permission that can be obeyed, and an end.
//! Not here: how long a token may count at most, and what a userID may be (`credentials`).

use std::fmt::Write as _;

use credentials::PermissionDocument;
use permissions::{DocumentRights, RightsError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user whom the hook knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) user: String,
    pub(crate) life_ms: u64,
    pub(crate) permission: PermissionDocument,
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("cannot be read: {0}")]
    Json(serde_json::Error),
    #[error("says neither that the user is authenticated nor that they are not")]
    Undecided,
    #[error("has no userID that is a text")]
    NoUser,
    #[error("has no expirationSeconds greater than 0")]
    NoEnd,
    #[error("has no permissions")]
    NoPermission,
    #[error("has permissions that cannot be read: {0}")]
    Permission(serde_json::Error),
    #[error("has permissions that are too large: {0}")]
    TooLarge(String),
    #[error("has permissions that cannot be obeyed, {0}")]
    Rules(#[from] RightsError),
}

/// The hook's answer; what is not known here is passed over.
#[derive(Deserialize)]
struct Answer {
    authenticate: Option<bool>,
    authenticated: Option<bool>,
    #[serde(rename = "expirationSeconds")]
    expiration_seconds: Option<f64>,
    #[serde(rename = "userID")]
    user: Option<Value>,
    permissions: Option<Value>,
}

/// Whom the hook knows; `None`: it says that it does not.
pub(crate) fn read(body: &[u8]) -> Result<Option<Known>, AnswerError> {
    let answer: Answer = serde_json::from_slice(body).map_err(AnswerError::Json)?;
    let says = answer.authenticate.or(answer.authenticated).ok_or(AnswerError::Undecided)?;
    if !says || answer.authenticated == Some(false) {
        return Ok(None);
    }
    let Some(Value::String(user)) = answer.user else { return Err(AnswerError::NoUser) };
    let seconds = answer.expiration_seconds.filter(|seconds| *seconds > 0.0).ok_or(AnswerError::NoEnd)?;
    let permission = permission(answer.permissions.ok_or(AnswerError::NoPermission)?)?;
    // More than fits is as much as fits.
    Ok(Some(Known { user, life_ms: (seconds * 1000.0) as u64, permission }))
}

fn permission(mut given: Value) -> Result<PermissionDocument, AnswerError> {
    if let Value::Object(fields) = &mut given {
        // It speaks of queries among peers, which there are not here.
        fields.remove("remoteQuery");
    }
    let document: PermissionDocument = serde_json::from_value(given).map_err(AnswerError::Permission)?;
    document.check_size().map_err(AnswerError::TooLarge)?;
    DocumentRights::compile(&document)?;
    Ok(document)
}

/// JSON in ASCII: whoever checks a signature does so on bytes, and some read them in another encoding.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_string(value).expect("it has string keys and no failing fields");
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str =
        r#"{"read":{"everything":true,"queriesByCollection":{}},"write":{"everything":true,"queriesByCollection":{}}}"#;

    fn told(text: &str) -> String {
        match read(text.as_bytes()) {
            Ok(None) => "unknown".to_owned(),
            Ok(Some(known)) => format!("{} for {} ms", known.user, known.life_ms),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn whoever_is_known_has_all_that_a_token_needs() {
        let with = |rest: &str| format!(r#"{{"authenticate":true,{rest}}}"#);
        let good = with(&format!(r#""expirationSeconds":28800,"userID":"ann","permissions":{ALL}"#));
        assert_eq!(told(&good), "ann for 28800000 ms");
        assert_eq!(told(&good.replace("authenticate", "authenticated")), "ann for 28800000 ms");
        assert_eq!(told(&good.replace(r#"{"read""#, r#"{"remoteQuery":true,"read""#)), "ann for 28800000 ms");
        assert_eq!(told(&good.replace("28800", "1e300")), format!("ann for {} ms", u64::MAX));
        assert_eq!(told(&good.replace("true,\"exp", "false,\"exp")), "unknown");
        assert_eq!(told(&good.replace("\"expir", "\"authenticated\":false,\"expir")), "unknown");
        assert_eq!(told(r#"{"authenticate":false}"#), "unknown");
        for (changed, why) in [
            ("{}".to_owned(), "neither"),
            ("[]".to_owned(), "cannot be read"),
            ("yes".to_owned(), "cannot be read"),
            (good.replace("true,\"exp", "\"true\",\"exp"), "cannot be read"),
            (good.replace("\"ann\"", "7"), "no userID"),
            (good.replace("28800", "0"), "no expirationSeconds"),
            (good.replace("28800", "-1"), "no expirationSeconds"),
            (good.replace("28800", "null"), "no expirationSeconds"),
            (with(r#""expirationSeconds":1,"userID":"ann""#), "no permissions"),
            (good.replace("\"read\"", "\"reed\""), "permissions that cannot be read"),
            (
                good.replacen(
                    r#"true,"queriesByCollection":{}"#,
                    r#"false,"queriesByCollection":{"a":["owner == 'x'"]}"#,
                    1,
                ),
                "cannot be obeyed, read: query 0 of collection a looks at fields",
            ),
        ] {
            assert!(told(&changed).contains(why), "{changed}: {}", told(&changed));
        }
    }

    #[test]
    fn a_question_is_ascii() {
        assert_eq!(json(&["é", "a\u{1f600}"]), br#"["\u00e9","a\ud83d\ude00"]"#);
    }
}
