//! Who a session is of, and what it may do (docs/reference/access.md).
//!
//! Invariants: a token comes in a message and from nowhere else; where no key is needed, none is
//! looked at; what a revoked key allowed is looked at again with every question and every push.
//! Not here: what a key's grants say (`credentials::Principal::may`).

use std::fmt::Write as _;

use credentials::{Credentials, Grant, Permission, Principal};
use xxhash_rust::xxh3::xxh3_64;

/// The peer name of writes that nobody signed with a key.
const ANYONE: &str = "peer";

/// Who a session is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody without a key, where none is needed.
    Anyone,
    /// The holder of a key.
    Holder {
        /// Whose it is.
        principal: Principal,
        /// What was presented.
        token: String,
    },
}

impl Caller {
    /// Lets somebody in, or says why not. `is_open`: the listener takes requests without keys while
    /// there are none.
    pub(crate) fn identify(credentials: &Credentials, is_open: bool, token: Option<&str>) -> Result<Self, String> {
        if is_open && !credentials.is_closed() {
            return Ok(Self::Anyone);
        }
        let Some(token) = token else { return Err("a token or key is needed here".to_owned()) };
        match credentials.authenticate(token) {
            Some(principal) => Ok(Self::Holder { principal, token: token.to_owned() }),
            None => Err("the token or key is not known".to_owned()),
        }
    }

    /// Whether it still is who it was: no key was made meanwhile, or its key is not revoked.
    pub(crate) fn is_valid(&self, credentials: &Credentials) -> bool {
        match self {
            Self::Anyone => !credentials.is_closed(),
            Self::Holder { principal, token } => credentials.authenticate(token).as_ref() == Some(principal),
        }
    }

    /// As the `peer` header of events shows it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Anyone => ANYONE,
            Self::Holder { principal, .. } => principal.name(),
        }
    }

    /// Who its sites belong to: a key's are its own, not those of an earlier one of its name.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Anyone => String::new(),
            // No key may be called that.
            Self::Holder { principal: Principal::Admin, .. } => "*".to_owned(),
            // No name has a slash.
            Self::Holder { principal: Principal::Key(key), .. } => format!("{}/{}", key.name, key.created_ms),
        }
    }

    pub(crate) fn may(&self, permission: Permission, app: &str, collection: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Holder { principal, .. } => principal.may(permission, app, Some(collection)),
        }
    }

    /// Whether anything at all is granted on the app.
    pub(crate) fn may_anything(&self, app: &str) -> bool {
        match self {
            Self::Holder { principal: Principal::Key(key), .. } => key.grants.iter().any(|grant| concerns(grant, app)),
            _ => true,
        }
    }

    /// Names what it may do.
    pub(crate) fn permission_hash(&self, app: &str) -> u64 {
        let Self::Holder { principal: Principal::Key(key), .. } = self else { return 1 };
        let mut text = String::new();
        for Grant { collection, permissions, .. } in key.grants.iter().filter(|grant| concerns(grant, app)) {
            let collection = collection.as_deref().unwrap_or("*");
            let may = |permission| u8::from(permissions.contains(&permission));
            let (read, write, admin) = (may(Permission::Read), may(Permission::Write), may(Permission::Admin));
            writeln!(text, "{collection}\0{read}{write}{admin}").expect("a text takes all that is written");
        }
        xxh3_64(text.as_bytes())
    }
}

fn concerns(grant: &Grant, app: &str) -> bool {
    grant.app == "*" || grant.app == app
}
