//! Pages for people beside the API: what they are told of each visitor.
//!
//! Not here: what the pages are, and who may see them. They are handed over as a router of their own.

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::uri::Scheme,
    middleware::{self, Next},
    response::Response,
};

use crate::access::Door;

/// The pages, each of whose requests carries as extensions where it comes from (`ConnectInfo<SocketAddr>`) and by
/// which [`Scheme`].
pub(crate) fn introduced(pages: Router) -> Router {
    if !pages.has_routes() {
        return pages;
    }
    pages.layer(middleware::from_fn(introduce))
}

async fn introduce(mut request: Request, next: Next) -> Response {
    if let Some(&Door { peer, secure, .. }) = request.extensions().get::<Door>() {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    }
    next.run(request).await
}
