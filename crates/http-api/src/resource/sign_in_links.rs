//! `/admin/v1/sign-in-links`: one-time links that open the portal in a browser.

use axum::{extract::State, http::StatusCode, response::Response};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

/// 201 and a fresh link; whoever opens it first is signed in.
pub(crate) async fn create(State(state): State<Shared>, _: AdminCall) -> Result<Response, Failure> {
    let absent = || Failure::PathNotFound {
        path: "/admin/v1/sign-in-links".to_owned(),
        hint: "this server has no portal".to_owned(),
    };
    let links = state.sign_in_links.as_ref().ok_or_else(absent)?;
    Ok(reply::json_of(StatusCode::CREATED, &links.make()))
}
