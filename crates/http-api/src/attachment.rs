//! Attachments over HTTP: the form in which one comes, the part of it that is asked for, and the
//! body in which it goes (docs/reference/attachments.md).
//!
//! Not here: the files (`attachments`), the calls (`resource::attachments`).

pub(crate) mod file_body;
pub(crate) mod holder;
pub(crate) mod multipart;
pub(crate) mod range;
pub(crate) mod receive;
pub(crate) mod tokens;
