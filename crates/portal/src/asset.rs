//! Style sheet, scripts and icon: files of our own, in the binary.
//!
//! A page names them with a hash of their bytes, so browsers may keep them for ever; without it, or with an old one,
//! they are asked for again.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

const BASE: &str = "/portal/assets/";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
    hash: String,
}

/// Each part of it is a file of its own, for whoever reads it; browsers load one.
const CSS_TEXT: &str = concat!(
    include_str!("../assets/portal.css"),
    include_str!("../assets/table.css"),
    include_str!("../assets/settings.css"),
    include_str!("../assets/documents.css"),
);

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    const CSS: &str = "text/css; charset=utf-8";
    const JS: &str = "text/javascript; charset=utf-8";
    const SVG: &str = "image/svg+xml";
    let files = [
        ("portal.css", CSS, CSS_TEXT),
        ("portal.js", JS, include_str!("../assets/portal.js")),
        ("events.js", JS, include_str!("../assets/events.js")),
        ("refresh.js", JS, include_str!("../assets/refresh.js")),
        ("languages.js", JS, include_str!("../assets/languages.js")),
        ("documents.js", JS, include_str!("../assets/documents.js")),
        ("attachments.js", JS, include_str!("../assets/attachments.js")),
        ("preview.js", JS, include_str!("../assets/preview.js")),
        ("chart.js", JS, include_str!("../assets/chart.js")),
        ("icon.svg", SVG, include_str!("../assets/icon.svg")),
    ];
    files.into_iter().map(|(name, content_type, text)| Asset { name, content_type, text, hash: hash(text) }).collect()
});

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a path is below the assets'.
pub(crate) fn is_one(path: &str) -> bool {
    path.starts_with(BASE)
}

/// The address by which pages name an asset.
pub(crate) fn address(name: &str) -> String {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.hash.as_str());
    format!("{BASE}{name}?{hash}")
}

pub(crate) async fn handle(Path(file): Path<String>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let asset = ASSETS.iter().find(|asset| asset.name == file).ok_or(Failure::PageNotFound)?;
    let tag = HeaderValue::try_from(format!("\"{}\"", asset.hash)).expect("hex digits are header text");
    let kept = if uri.query() == Some(&asset.hash) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let fixed = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
    ];
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    Ok((fixed, asset.text).into_response())
}
