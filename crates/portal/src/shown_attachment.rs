//! An attachment among a document's fields: the name of its file, which leads to it, how long it is
//! and, of an image, a button that shows it.
//!
//! Invariants: what is not an image by its own bytes is only ever a download; nothing of a file is
//! read but its first bytes.
//! Not here: handing the file out (`page::attachment`), showing it (`assets/attachments.js`).

use std::{collections::HashMap, io, sync::Arc};

use askama::{Template, filters::HtmlSafe};
use attachments::BlobId;
use document::{Document, Map, Value};
use store::App;

use crate::{
    clip::Clipper,
    failure::Failure,
    figures,
    image_kind::{HEAD_BYTES, ImageKind},
    limits::{ATTACHMENT_SHOWN_BYTES_MAX, FIELDS_SHOWN_MAX, NAME_SHOWN_BYTES},
    scope::{app_path, segment},
};

/// Where a token's metadata name the file.
const NAMES: [&str; 2] = ["name", "filename"];

/// What is known of the files of a document's attachments.
#[derive(Debug, Default)]
pub(crate) struct Files(HashMap<BlobId, File>);

#[derive(Debug, Clone, Copy)]
struct File {
    bytes: u64,
    image: Option<ImageKind>,
}

/// An attachment, for a template.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "attachment.html")]
pub(crate) struct ShownAttachment {
    name: String,
    about: String,
    /// Where the file is; `None` where it is not there.
    path: Option<String>,
    /// The type in which it may be shown.
    shown_as: Option<&'static str>,
}

impl HtmlSafe for ShownAttachment {}

impl Files {
    /// Of the first attachments that the document holds.
    pub(crate) async fn of(app: &Arc<App>, document: &Document) -> Result<Self, Failure> {
        let mut ids = Vec::new();
        document.for_each_token(&mut |token| ids.extend(store::blob_of(token)));
        if ids.is_empty() {
            return Ok(Self::default());
        }
        ids.truncate(FIELDS_SHOWN_MAX);
        let app = app.clone();
        let look = move || {
            let mut files = HashMap::new();
            for id in ids {
                files.extend(file(&app, &id)?.map(|file| (id, file)));
            }
            Ok(files)
        };
        let found: io::Result<_> = tokio::task::spawn_blocking(look).await?;
        Ok(Self(found.map_err(Failure::Attachment)?))
    }
}

/// Blocks on disk.
fn file(app: &App, id: &BlobId) -> io::Result<Option<File>> {
    let Some(found) = app.blobs().find(id)? else { return Ok(None) };
    let bytes = found.len_bytes();
    let mut head = vec![0; bytes.min(HEAD_BYTES as u64) as usize];
    found.read_exact_at(&mut head, 0)?;
    Ok(Some(File { bytes, image: ImageKind::of(&head) }))
}

impl ShownAttachment {
    /// `files` are those of its document.
    pub(crate) fn of(app: &str, token: &Map, files: &Files, clipper: &mut Clipper) -> Self {
        let name = clipper.clip(name(token), NAME_SHOWN_BYTES);
        let id = store::blob_of(token);
        let Some((id, file)) = id.and_then(|id| Some((id, files.0.get(&id)?))) else {
            let about = format!("{}; its file is not here", length(token));
            return Self { name, about, path: None, shown_as: None };
        };
        let bytes = figures::bytes(file.bytes);
        let about = file.image.map_or(bytes.clone(), |image| format!("{bytes}, {}", image.words()));
        let path = app_path(app, &format!("attachments/{id}?name={}", segment(&name)));
        let shown_as = file.image.filter(|_| file.bytes <= ATTACHMENT_SHOWN_BYTES_MAX).map(ImageKind::media_type);
        Self { name, about, path: Some(path), shown_as }
    }
}

/// The name of its file, or its id.
pub(crate) fn name(token: &Map) -> &str {
    let named = match token.field("metadata") {
        Some(Value::Map(metadata)) => NAMES.iter().find_map(|name| text_of(metadata, name)),
        _ => None,
    };
    named.or_else(|| text_of(token, "id")).unwrap_or_default()
}

fn text_of<'t>(map: &'t Map, name: &str) -> Option<&'t str> {
    match map.field(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// How long its file is, as the token says it.
pub(crate) fn length(token: &Map) -> String {
    match token.field("len") {
        Some(Value::Int(len)) => figures::bytes(u64::try_from(*len).unwrap_or(0)),
        Some(Value::Uint(len)) => figures::bytes(*len),
        _ => String::new(),
    }
}
