//! Every path of the portal, once.
//!
//! Invariant: all of them go through the gate, which lets nobody without a session past sign-in and assets.

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware,
    routing::{MethodFilter, on},
};

use crate::{
    asset,
    failure::Failure,
    gate,
    page::{
        api_docs, apps, attachment, audit_log, certificates, collection_drop, consumer_group, consumers, document,
        document_edit, document_new, documents, event_stream, events, home, indexes, keys, live_queries, live_query,
        live_query_settings, overview, overview_charts, peers, problem, record, reset, settings_received, sign_in,
        sink, sinks, tokens,
    },
    state::Shared,
};

/// Collects the routes.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Shared>,
    listed: Vec<(Method, &'static str)>,
}

impl Routes {
    pub(crate) fn all() -> Self {
        let mut routes = Self::default();
        routes.get("/", home::root);
        routes.get("/portal", home::root);
        routes.get("/portal/", home::show);
        routes.get("/portal/sign-in", sign_in::show);
        routes.post("/portal/sign-in", sign_in::submit);
        routes.post("/portal/sign-out", sign_in::out);
        routes.get("/portal/assets/{file}", asset::handle);
        routes.get("/portal/problems/{number}", problem::show_again);

        routes.get("/portal/apps", apps::show);
        routes.post("/portal/apps", apps::create);
        routes.get("/portal/apps/{app}/delete", apps::deletion);
        routes.post("/portal/apps/{app}/delete", apps::delete);
        routes.get("/portal/apps/{app}", home::app);
        routes.get("/portal/apps/{app}/", overview::show);
        routes.get("/portal/apps/{app}/now", overview::fragment);
        routes.get("/portal/apps/{app}/charts", overview_charts::fragment);
        routes.post("/portal/apps/{app}/first-document", overview::write_first);
        routes.get("/portal/apps/{app}/settings", live_query_settings::show);
        routes.get("/portal/apps/{app}/settings/files/{file}", live_query_settings::download);
        routes.get("/portal/apps/{app}/settings/bundle.zip", live_query_settings::archive);
        routes.get("/portal/apps/{app}/settings/received", settings_received::fragment);
        routes.post("/portal/apps/{app}/settings/test", live_query_settings::test);

        routes.get("/portal/apps/{app}/live-queries", live_queries::show);
        routes.post("/portal/apps/{app}/live-queries", live_queries::create);
        routes.get("/portal/apps/{app}/live-queries/preview", live_queries::preview);
        routes.get("/portal/apps/{app}/live-queries/{name}", live_query::show);
        routes.post("/portal/apps/{app}/live-queries/{name}/delete", live_query::delete);
        routes.post("/portal/apps/{app}/live-queries/{name}/on-gap", live_query::set_on_gap);
        routes.post("/portal/apps/{app}/live-queries/{name}/compression", live_query::set_compression);
        routes.get("/portal/apps/{app}/certificates", certificates::show);
        routes.post("/portal/apps/{app}/certificates", certificates::issue);
        routes.post("/portal/apps/{app}/certificates/{serial}/revoke", certificates::revoke);
        routes.get("/portal/apps/{app}/keys", keys::show);
        routes.post("/portal/apps/{app}/keys", keys::create);
        routes.post("/portal/apps/{app}/keys/{name}/revoke", keys::revoke);
        routes.get("/portal/apps/{app}/tokens", tokens::show);
        routes.post("/portal/apps/{app}/tokens/{id}/revoke", tokens::revoke);
        routes.get("/portal/api-docs", api_docs::show);
        routes.get("/portal/api-docs/{call}", api_docs::show_call);
        routes.post("/portal/api-docs/{call}", api_docs::try_call);
        routes.get("/portal/audit-log", audit_log::show);

        routes.get("/portal/apps/{app}/documents", documents::show);
        routes.get("/portal/apps/{app}/documents/new", document_new::form);
        routes.post("/portal/apps/{app}/documents/new", document_new::submit);
        routes.get("/portal/apps/{app}/documents/{collection}/{id}", document::show);
        routes.get("/portal/apps/{app}/documents/{collection}/{id}/edit", document_edit::form);
        routes.post("/portal/apps/{app}/documents/{collection}/{id}/edit", document_edit::submit);
        routes.get("/portal/apps/{app}/documents/{collection}/{id}/remove", document_edit::removal);
        routes.post("/portal/apps/{app}/documents/{collection}/{id}/remove", document_edit::remove);

        routes.get("/portal/apps/{app}/attachments/{id}", attachment::download);

        routes.get("/portal/apps/{app}/collections/{collection}/drop", collection_drop::form);
        routes.post("/portal/apps/{app}/collections/{collection}/drop", collection_drop::submit);

        routes.get("/portal/apps/{app}/indexes", indexes::show);
        routes.post("/portal/apps/{app}/indexes", indexes::create);
        routes.post("/portal/apps/{app}/indexes/{collection}/{name}/drop", indexes::drop);

        routes.get("/portal/apps/{app}/events", events::show);
        routes.get("/portal/apps/{app}/events/stream", event_stream::handle);
        routes.get("/portal/apps/{app}/events/{topic}/{partition}/{offset}", record::show);

        routes.get("/portal/apps/{app}/consumers", consumers::show);
        routes.get("/portal/apps/{app}/consumers/{group}", consumer_group::show);
        routes.get("/portal/apps/{app}/consumers/{group}/reset", reset::show);
        routes.post("/portal/apps/{app}/consumers/{group}/reset", reset::submit);

        routes.get("/portal/apps/{app}/sinks", sinks::show);
        routes.get("/portal/apps/{app}/sinks/{name}", sink::show);
        routes.post("/portal/apps/{app}/sinks/{name}/set-aside/replay", sink::replay);
        routes.post("/portal/apps/{app}/sinks/{name}/set-aside/drop", sink::drop_set_aside);
        routes.post("/portal/apps/{app}/sinks/{name}/pause", sinks::pause);
        routes.post("/portal/apps/{app}/sinks/{name}/resume", sinks::resume);
        routes.post("/portal/apps/{app}/sinks/{name}/delete", sinks::delete);

        routes.get("/portal/apps/{app}/peers", peers::show);
        routes.post("/portal/apps/{app}/peers/{site}/revoke", peers::revoke);
        routes.post("/portal/apps/{app}/peers/{site}/allow", peers::allow);

        // What leads nowhere below these is a page too; every other path is the HTTP API's to refuse.
        routes.get("/portal/{page}", home::nowhere);
        routes.get("/portal/apps/{app}/{*path}", home::nowhere);
        routes
    }

    /// Method and path of each.
    pub(crate) fn listed(&self) -> Vec<(Method, &'static str)> {
        self.listed.clone()
    }

    pub(crate) fn into_router(self, state: Shared) -> Router {
        let gate = middleware::from_fn_with_state(state.clone(), gate::guard);
        self.router.method_not_allowed_fallback(method_not_allowed).layer(gate).with_state(state)
    }

    fn get<H: Handler<T, Shared>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::GET, path, handler);
    }

    fn post<H: Handler<T, Shared>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::POST, path, handler);
    }

    fn add<H: Handler<T, Shared>, T: 'static>(&mut self, method: Method, path: &'static str, handler: H) {
        let filter = MethodFilter::try_from(method.clone()).expect("a method that axum can route");
        self.router = std::mem::take(&mut self.router).route(path, on(filter, handler));
        self.listed.push((method, path));
    }
}

async fn method_not_allowed() -> Failure {
    Failure::MethodNotAllowed
}
