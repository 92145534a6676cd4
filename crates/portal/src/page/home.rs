//! The ways to the first page, and what leads nowhere.

use axum::response::Redirect;

use crate::{
    failure::Failure,
    scope::{Visit, app_path},
};

/// `/` and `/portal`.
pub(crate) async fn root() -> Redirect {
    Redirect::to("/portal/")
}

/// `/portal/`: the default app's overview.
pub(crate) async fn show(visit: Visit) -> Redirect {
    Redirect::to(&app_path(visit.state.options.default_app.as_str(), ""))
}

/// An app's path without its last slash.
pub(crate) async fn app(visit: Visit) -> Redirect {
    Redirect::to(&app_path(visit.param("app"), ""))
}

/// A path that is no page.
pub(crate) async fn nowhere() -> Failure {
    Failure::PageNotFound
}
