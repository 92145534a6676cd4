//! Who a session is of, and what it may do (docs/reference/access.md).
//!
//! Invariants: a token comes in a message and from nowhere else; where no key is needed, no key is
//! looked at, but the token of a user who has logged in is: it says who the user is, and what they may do. What a
//! revoked key or token allowed is looked at again with every question and every push.
//! Not here: what a key's grants say (`credentials::Principal::may`).

use std::{fmt::Write as _, sync::Arc};

use credentials::{Credentials, Grant, Permission, Principal, TOKEN_PREFIX};
use document::{CollectionName, DocumentId};
use permissions::{DocumentRights, KnownRights};
use xxhash_rust::xxh3::xxh3_64;

/// The peer name of writes that nobody signed with a key.
const ANYONE: &str = "peer";

/// Who a session is of.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Somebody without a key, where none is needed.
    Anyone,
    /// The holder of a key or a token.
    Holder {
        /// Whose it is.
        principal: Principal,
        /// What was presented.
        token: String,
        /// Which documents it may have and write; `None`: all that its grants allow.
        rights: Option<Arc<DocumentRights>>,
    },
}

impl Caller {
    /// Lets somebody in, or says why not. `is_open`: the listener takes requests without keys while
    /// there are none.
    pub(crate) fn identify(
        credentials: &Credentials,
        known: &KnownRights,
        is_open: bool,
        token: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, String> {
        let needs_key = !is_open || credentials.is_closed();
        let is_login = |token: &str| token.starts_with(TOKEN_PREFIX);
        let Some(token) = token.filter(|token| needs_key || is_login(token)) else {
            return if needs_key { Err("a token or key is needed here".to_owned()) } else { Ok(Self::Anyone) };
        };
        match credentials.identify(token, now_ms) {
            Some(principal) => {
                let rights = principal.permission().map(|document| known.of(document));
                Ok(Self::Holder { principal, token: token.to_owned(), rights })
            }
            None if is_login(token) => Err("the token has ended or was revoked: log in again".to_owned()),
            None => Err("the token or key is not known".to_owned()),
        }
    }

    /// Whether it still is who it was: no key was made meanwhile, or its key is not revoked, or its token counts.
    pub(crate) fn is_valid(&self, credentials: &Credentials, now_ms: u64) -> bool {
        match self {
            Self::Anyone => !credentials.is_closed(),
            Self::Holder { principal, token, .. } => credentials.identify(token, now_ms).as_ref() == Some(principal),
        }
    }

    /// For how long it is valid yet by itself, in milliseconds; `None`: for ever.
    pub(crate) fn remaining_ms(&self, now_ms: u64) -> Option<u64> {
        match self {
            Self::Holder { principal: Principal::Token(token), .. } => Some(token.expires_ms.saturating_sub(now_ms)),
            _ => None,
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
            // No key's name begins so. A user's sites stay theirs with the next token.
            Self::Holder { principal: Principal::Token(token), .. } => format!("@{}", token.user),
        }
    }

    pub(crate) fn may(&self, permission: Permission, app: &str, collection: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Holder { principal, .. } => principal.may(permission, app, Some(collection)),
        }
    }

    /// Which documents it may have and write; `None`: all that its grants allow.
    pub(crate) fn rights(&self) -> Option<&Arc<DocumentRights>> {
        match self {
            Self::Anyone => None,
            Self::Holder { rights, .. } => rights.as_ref(),
        }
    }

    /// Whether it may have every document of the app.
    pub(crate) fn sees_all(&self, app: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Holder { principal, rights, .. } => rights.is_none() && principal.may(Permission::Read, app, None),
        }
    }

    /// Whether it may have this document, if it is there.
    pub(crate) fn may_read(&self, app: &str, collection: &CollectionName, id: &DocumentId) -> bool {
        self.may(Permission::Read, app, collection.as_str())
            && self.rights().is_none_or(|rights| rights.may_read(collection, id))
    }

    /// Whether anything at all is granted on the app.
    pub(crate) fn may_anything(&self, app: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Holder { principal, .. } => principal.may_anything(app),
        }
    }

    /// Names what it may do.
    pub(crate) fn permission_hash(&self, app: &str) -> u64 {
        let key = match self {
            Self::Holder { principal: Principal::Key(key), .. } => key,
            Self::Holder { principal: Principal::Token(token), .. } => {
                return xxh3_64(token.permission.to_text().as_bytes());
            }
            _ => return 1,
        };
        let mut text = String::new();
        for Grant { collection, permissions, .. } in key.grants.iter().filter(|grant| concerns(grant, app)) {
            let collection = collection.as_deref().unwrap_or("*");
            let may = |permission| u8::from(permissions.contains(&permission));
            let (read, write, admin) = (may(Permission::Read), may(Permission::Write), may(Permission::Admin));
            writeln!(text, "{collection}\0{read}{write}{admin}").expect("a text takes all that is written");
        }
        if let Some(permission) = &key.permission {
            text.push('\0');
            text.push_str(&permission.to_text());
        }
        xxh3_64(text.as_bytes())
    }
}

fn concerns(grant: &Grant, app: &str) -> bool {
    grant.app == "*" || grant.app == app
}
