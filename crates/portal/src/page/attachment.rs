//! The file of an attachment, to be kept: `attachments/{id}?name=photo.jpg`.
//!
//! Invariant: a browser never takes it for a page of the portal, whatever is in it: it is bytes, a
//! download, and its policy allows nothing.
//! Not here: which documents hold it; whoever is signed in may see all of them.

use std::sync::Arc;

use attachments::{BlobId, FileBody};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};

use crate::{
    failure::Failure,
    limits::FILE_NAME_CHARACTERS_MAX,
    scope::{Scope, segment},
};

pub(crate) async fn download(scope: Scope) -> Result<Response, Failure> {
    let asked = scope.visit.param("id");
    let absent = || Failure::NotFound { kind: "attachment", name: asked.to_owned() };
    let id: BlobId = asked.parse().map_err(|_| absent())?;
    let permit = scope.state().downloads.clone().try_acquire_owned().map_err(|_| Failure::TooManyDownloads)?;
    let app = scope.app.clone();
    let found = tokio::task::spawn_blocking(move || app.blobs().find(&id)).await?.map_err(Failure::Attachment)?;
    let file = Arc::new(found.ok_or_else(absent)?);
    let len = file.len_bytes();
    let disposition = HeaderValue::try_from(disposition(scope.visit.query.text("name"))).expect("it is plain");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, len.into()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    Ok((headers, Body::new(FileBody::new(file, 0, len, permit))).into_response())
}

/// A download of that name (RFC 6266, section 4.3).
fn disposition(name: &str) -> String {
    let is_separator = |c: char| c.is_control() || matches!(c, '/' | '\\');
    let name = name.chars().take(FILE_NAME_CHARACTERS_MAX).map(|c| if is_separator(c) { '_' } else { c });
    let name: String = name.collect();
    match name.trim_matches(['.', ' ']) {
        "" => "attachment".to_owned(),
        name => format!("attachment; filename*=UTF-8''{}", segment(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_file_keeps_its_name_and_names_no_folder() {
        assert_eq!(disposition("photo 1.jpg"), "attachment; filename*=UTF-8''photo%201.jpg");
        assert_eq!(disposition("../a\r\n\"ü"), "attachment; filename*=UTF-8''_a__%22%C3%BC");
        assert_eq!(disposition(".."), "attachment");
        assert_eq!(disposition(&"x".repeat(1000)).len(), "attachment; filename*=UTF-8''".len() + 120);
    }
}
