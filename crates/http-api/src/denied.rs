//! Why a request is not let in (docs/reference/access.md).
//!
//! Not here: who is let in (`access`), the status of each (`failure`).

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("this server needs a key: send it as \"Authorization: Bearer <key>\"")]
    KeyMissing,
    #[error("the key in Authorization is not known; it may have been revoked")]
    KeyUnknown,
    #[error("the token in Authorization has ended or was revoked: log in again")]
    TokenUnknown,
    #[error(
        "no key exists on this server{}: {}make one with `headwater key create`",
        if *open { "" } else { " yet" },
        if *open { "send none in Authorization, or " } else { "" }
    )]
    NoKeyExists { open: bool },
    #[error("without a key, the request must name this server in Host, not {host:?}")]
    HostForeign { host: String },
    #[error("without a key, a page of another site ({origin}) may not call this server")]
    OriginForeign { origin: String },
    #[error("without a key, a browser may call this server from its own pages only (Sec-Fetch-Site: {site})")]
    SiteForeign { site: String },
    #[error("the key {key:?} may not {act} in app {app:?}")]
    NotGranted { key: String, act: String, app: String },
    #[error("this needs the admin key")]
    AdminOnly,
    #[error("only the admin key may name a directory")]
    DirectoryNamed,
}
