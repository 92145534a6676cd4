//! Every path of the API, once.

use std::{pin::Pin, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Request, State as Extracted},
    handler::Handler,
    http::Method,
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};

use wire::execute::QueryType;

use crate::{
    audit::{self, Asked},
    failure::Failure,
    hint,
    metrics::RouteMetrics,
    resource::{
        app_transfers, apps, attachments, authority, backups, clock, collections, count, execute, find, find_by_id,
        groups, health, indexes, keys, live_queries, login, login_hook, metrics, openapi, peers, requery, scrubs,
        sign_in_links, sinks, status, sync, tokens, users, write,
    },
    state::Shared,
};

/// The bases of the store's calls: for each version of the API the default app's, and any app's.
const STORE_BASES: [&str; 10] = [
    "/api/v4",
    "/{app}/api/v4",
    "/api/v1",
    "/{app}/api/v1",
    "/api/v2",
    "/{app}/api/v2",
    "/api/v3",
    "/{app}/api/v3",
    "/api/v5",
    "/{app}/api/v5",
];

/// The call whose every answer comes in an envelope of its own.
const EXECUTE: &str = "/store/execute";

/// Collects the routes.
pub(crate) struct Routes {
    state: Shared,
    router: Router<Shared>,
    not_found: Refuse,
    /// Method and path of everything that was added.
    #[cfg(test)]
    listed: Vec<String>,
}

/// Answers a request for which there is no path.
type Refuse = fn(&Shared, &str) -> Response;

impl Routes {
    /// What applications need.
    pub(crate) fn for_applications(state: &Shared) -> Self {
        let mut routes = Self {
            state: state.clone(),
            router: Router::new(),
            not_found: not_for_applications,
            #[cfg(test)]
            listed: Vec::new(),
        };
        for base in STORE_BASES {
            routes.add(Method::POST, base, "/store/write", write::handle);
            for method in [Method::POST, Method::GET] {
                routes.add(method.clone(), base, "/store/find", find::handle);
                routes.add(method.clone(), base, "/store/findbyid", find_by_id::handle);
                routes.add(method.clone(), base, "/store/count", count::handle);
                routes.add(method, base, "/store/requery", requery::handle);
            }
        }
        for base in ["/api/v4", "/{app}/api/v4"] {
            routes.add(Method::POST, base, EXECUTE, execute::handle_strict);
        }
        for base in ["/api/v5", "/{app}/api/v5"] {
            routes.add(Method::POST, base, EXECUTE, execute::handle);
        }
        // The first version of the API had none.
        for base in STORE_BASES.into_iter().filter(|base| !base.ends_with("v1")) {
            routes.add(Method::POST, base, "/attachments/upload", attachments::upload);
            routes.add(Method::GET, base, "/attachments/{id}", attachments::fetch);
            routes.add(Method::PUT, base, "/attachments/{id}", attachments::put);
        }
        for base in ["", "/{app}"] {
            routes.add(Method::GET, base, "/sync/v1", sync::handle);
            routes.add(Method::POST, base, login::PATH, login::handle);
        }
        routes.add(Method::GET, "", "/health/live", health::live);
        routes.add(Method::GET, "", "/health/ready", health::ready);
        routes.add(Method::GET, "", "/openapi.json", openapi::handle);
        routes
    }

    pub(crate) fn all(state: &Shared) -> Self {
        let mut routes = Self { not_found, ..Self::for_applications(state) };
        routes.add(Method::GET, "", "/admin/v1/apps", apps::list);
        routes.add(Method::POST, "", "/admin/v1/apps", apps::create);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}", apps::delete);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/credentials", users::list);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/credentials", users::issue);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/credentials/{user}", users::revoke);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/renew-credentials", authority::renew_users);
        routes.add(Method::GET, "", "/admin/v1/authority", authority::show);
        routes.add(Method::POST, "", "/admin/v1/authority/rotation", authority::begin);
        routes.add(Method::POST, "", "/admin/v1/authority/rotation/finish", authority::finish);
        routes.add(Method::POST, "", "/admin/v1/server-certificate", authority::renew_server);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/live-queries", live_queries::list);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/live-queries", live_queries::create);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/live-queries/{name}", live_queries::show);
        routes.add(Method::PATCH, "", "/admin/v1/apps/{app}/live-queries/{name}", live_queries::change);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/live-queries/{name}", live_queries::delete);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/sinks", sinks::list);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/sinks", sinks::create);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/sinks/{name}", sinks::show);
        routes.add(Method::PATCH, "", "/admin/v1/apps/{app}/sinks/{name}", sinks::change);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/sinks/{name}", sinks::delete);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/sinks/{name}/pause", sinks::pause);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/sinks/{name}/resume", sinks::resume);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/sinks/{name}/set-aside", sinks::set_aside);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/sinks/{name}/set-aside", sinks::drop_set_aside);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/sinks/{name}/set-aside/replay", sinks::replay);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/indexes", indexes::list);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/indexes", indexes::create);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/indexes/{collection}/{name}", indexes::show);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/indexes/{collection}/{name}", indexes::drop);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/collections", collections::list);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/groups", groups::list);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/groups/{group}", groups::describe);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/groups/{group}", groups::delete);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/groups/{group}/reset", groups::reset);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/peers", peers::list);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/peers/{site}/revoke", peers::revoke);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/peers/{site}/allow", peers::allow);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/login-hook", login_hook::show);
        routes.add(Method::POST, "", "/admin/v1/apps/{app}/login-hook", login_hook::set);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/login-hook", login_hook::delete);
        routes.add(Method::GET, "", "/admin/v1/apps/{app}/tokens", tokens::list);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/tokens", tokens::revoke_all);
        routes.add(Method::DELETE, "", "/admin/v1/apps/{app}/tokens/{id}", tokens::revoke);
        routes.add(Method::GET, "", "/admin/v1/keys", keys::list);
        routes.add(Method::POST, "", "/admin/v1/keys", keys::create);
        routes.add(Method::DELETE, "", "/admin/v1/keys/{name}", keys::revoke);
        routes.add(Method::POST, "", "/admin/v1/open-again", keys::open_again);
        routes.add(Method::POST, "", "/admin/v1/accept-clock", clock::accept);
        routes.add(Method::GET, "", "/admin/v1/backups", backups::show);
        routes.add(Method::POST, "", "/admin/v1/backups", backups::create);
        routes.add(Method::GET, "", "/admin/v1/app-exports", app_transfers::exports);
        routes.add(Method::POST, "", "/admin/v1/app-exports", app_transfers::export);
        routes.add(Method::GET, "", "/admin/v1/app-imports", app_transfers::imports);
        routes.add(Method::POST, "", "/admin/v1/app-imports", app_transfers::import);
        routes.add(Method::GET, "", "/admin/v1/scrub", scrubs::show);
        routes.add(Method::POST, "", "/admin/v1/scrub", scrubs::create);
        routes.add(Method::GET, "", "/admin/v1/status", status::show);
        routes.add(Method::POST, "", "/admin/v1/sign-in-links", sign_in_links::create);
        routes.add(Method::GET, "", "/metrics", metrics::handle);
        routes
    }

    pub(crate) fn into_router(self) -> Router {
        let not_found = self.not_found;
        let path_not_found = move |Extracted(state): Extracted<Shared>, request: Request| async move {
            not_found(&state, request.uri().path())
        };
        self.router.method_not_allowed_fallback(method_not_allowed).fallback(path_not_found).with_state(self.state)
    }

    /// `path` is also the name of the route in `/metrics`, the same for every base.
    fn add<H, T>(&mut self, method: Method, base: &str, path: &'static str, handler: H)
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a method that axum can route");
        let action = audit::action_of(&method, path).map(Arc::from);
        let measured = Measured { handler, metrics: Arc::new(self.state.metrics.route(path)), action };
        let full_path = format!("{base}{path}");
        self.router = std::mem::take(&mut self.router).route(&full_path, on(filter, measured));
        #[cfg(test)]
        self.listed.push(format!("{method} {full_path}"));
    }
}

/// A handler whose requests are counted and timed, and noted where they administer. A layer would
/// do, at the price of two more boxes and a service's clone a request.
#[derive(Clone)]
struct Measured<H> {
    handler: H,
    metrics: Arc<RouteMetrics>,
    /// What it is called in the audit log, if it is to be there.
    action: Option<Arc<str>>,
}

impl<H: Handler<T, Shared>, T> Handler<T, Shared> for Measured<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, mut request: Request, state: Shared) -> Self::Future {
        let started = Instant::now();
        let asked = self.action.and_then(|action| {
            let asked = Asked::of(&state, &mut request)?;
            Some((action, asked, state.clone()))
        });
        let answer = self.handler.call(request, state);
        Box::pin(async move {
            let response = answer.await;
            if let Some((action, asked, state)) = asked {
                state.operations.note(asked.entry(state.clock.now_ms(), &action, response.status())).await;
            }
            self.metrics.count(response.status(), started.elapsed());
            response
        })
    }
}

async fn method_not_allowed(Extracted(state): Extracted<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let is_execute = path.ends_with(EXECUTE);
    let failure = Failure::MethodNotAllowed { path, method: request.method().clone() };
    if is_execute {
        state.metrics.unrouted.count(failure.status(), std::time::Duration::ZERO);
        return execute::failed(QueryType::Unknown, failure, None);
    }
    refuse(&state, failure)
}

fn not_found(state: &Shared, path: &str) -> Response {
    refuse(state, Failure::PathNotFound { path: path.to_owned(), hint: hint::of(path) })
}

fn not_for_applications(state: &Shared, path: &str) -> Response {
    refuse(state, Failure::PathNotFound { path: path.to_owned(), hint: hint::for_applications(path) })
}

fn refuse(state: &Shared, failure: Failure) -> Response {
    state.metrics.unrouted.count(failure.status(), std::time::Duration::ZERO);
    failure.into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::{HttpApi, resource::openapi::OPENAPI};

    /// Method and path of everything that the description names, with every server's base.
    fn described() -> BTreeSet<String> {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut found = BTreeSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for server in item["servers"].as_array().unwrap() {
                for base in bases(server) {
                    let methods =
                        ["get", "post", "put", "patch", "delete"].iter().filter(|&&method| item.get(method).is_some());
                    found.extend(methods.map(|method| format!("{} {base}{path}", method.to_uppercase())));
                }
            }
        }
        found
    }

    /// The server's base, with each version that its variable can be.
    fn bases(server: &Value) -> Vec<String> {
        let base = server["url"].as_str().unwrap().trim_end_matches('/');
        match server["variables"]["version"]["enum"].as_array() {
            None => vec![base.to_owned()],
            Some(versions) => versions.iter().map(|v| base.replace("{version}", v.as_str().unwrap())).collect(),
        }
    }

    #[test]
    fn every_route_is_described_and_every_description_is_routed() {
        let directory = tempfile::tempdir().unwrap();
        let api = HttpApi::for_tests(directory.path());
        let listed: BTreeSet<_> = Routes::all(&api.state).listed.into_iter().collect();
        assert_eq!(listed, described());
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn check(value: &Value, whole: &Value) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(target)) = object.get("$ref") {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(whole.pointer(pointer).is_some(), "{target}");
                    }
                    object.values().for_each(|inner| check(inner, whole));
                }
                Value::Array(elements) => elements.iter().for_each(|inner| check(inner, whole)),
                _ => {}
            }
        }
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        check(&description, &description);
    }
}
