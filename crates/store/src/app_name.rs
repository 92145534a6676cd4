//! Names of apps and of what belongs to them.

/// An app's id: `[a-z0-9-]+`, at most 64 bytes; also part of its topic's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(String);

/// Why text is no app name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an app's name is 1 to 64 of a-z, 0-9 and '-', not {name:?}")]
pub struct AppNameError {
    /// What was given.
    pub name: String,
}

impl AppName {
    /// Checks the name.
    pub fn new(name: &str) -> Result<Self, AppNameError> {
        let fits = (1..=crate::limits::APP_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(name.to_owned())) } else { Err(AppNameError { name: name.to_owned() }) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic, and the default consumer group, of the app's main feed (CONTRACT section 1).
    pub fn main_topic(&self) -> String {
        format!("user-consumable-{}", self.0)
    }
}
