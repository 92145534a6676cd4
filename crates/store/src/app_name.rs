//! Names of apps and of what belongs to them.
//!
//! Invariant: what names an app today opens it for ever; what a new app may be called is stricter.

/// Names of paths that are the server's own: an app of that name would hide them, or be hidden.
const RESERVED: [&str; 9] =
    ["admin", "api", "portal", "health", "metrics", "sync", "openapi.json", "_ditto", ".well-known"];

/// An app's id: `[a-z0-9-]+`, at most 64 bytes; also part of its topic's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(String);

/// Why text is no app name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppNameError {
    /// It has other characters, or too many.
    #[error("an app's name is 1 to 64 of a-z, 0-9 and '-', beginning with a letter or digit, not {name:?}")]
    Malformed {
        /// What was given.
        name: String,
    },
    /// A new app may not be called so.
    #[error(
        "an app cannot be named {name:?}: paths that begin with /{name}/ are the server's own; choose another name"
    )]
    Reserved {
        /// What was given.
        name: String,
    },
}

impl AppName {
    /// Checks the name of an app that may be there already.
    pub fn new(name: &str) -> Result<Self, AppNameError> {
        let fits = (1..=crate::limits::APP_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(name.to_owned())) } else { Err(AppNameError::Malformed { name: name.to_owned() }) }
    }

    /// Checks the name of an app that is to be made: what is reserved is refused too.
    pub fn for_new(name: &str) -> Result<Self, AppNameError> {
        if RESERVED.contains(&name) {
            return Err(AppNameError::Reserved { name: name.to_owned() });
        }
        if name.starts_with('-') {
            return Err(AppNameError::Malformed { name: name.to_owned() });
        }
        Self::new(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic, and the default consumer group, of the app's main feed
    /// (docs/reference/live-queries.md).
    pub fn main_topic(&self) -> String {
        format!("user-consumable-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_opens_and_is_not_made() {
        for name in ["admin", "api", "portal", "health", "metrics", "sync", "-", "-shop"] {
            assert_eq!(AppName::new(name).unwrap().as_str(), name);
            assert!(AppName::for_new(name).is_err(), "{name}");
        }
        for name in ["openapi.json", "_ditto", ".well-known", "_shop", ".shop", "", "Shop", "a b", &"a".repeat(65)] {
            assert!(AppName::for_new(name).is_err() && AppName::new(name).is_err(), "{name}");
        }
        for name in ["default", "shop-2", "2", "admins", "api-"] {
            assert_eq!(AppName::for_new(name), AppName::new(name), "{name}");
        }
    }
}
