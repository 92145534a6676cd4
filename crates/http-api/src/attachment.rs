//! Attachments over HTTP: the form in which one comes, and the part of it that is asked for
//! (docs/reference/attachments.md).
//!
//! Not here: the files, and the body in which one goes (`attachments`), the calls (`resource::attachments`).

pub(crate) mod holder;
pub(crate) mod multipart;
pub(crate) mod range;
pub(crate) mod receive;
pub(crate) mod tokens;
