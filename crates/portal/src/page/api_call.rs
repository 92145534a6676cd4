//! One call of the HTTP API: what somebody typed into its form, the cURL that does the same, and what it answered.
//!
//! Invariants: only calls that the description has are made, at their own paths; the answer that is shown is bounded.
//! Not here: who may (`gate`; then the API itself, by the key that is sent).

use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue, Request, header};
use bytes::Bytes;
use serde_json::Value;

use crate::{
    address::segment,
    clip::Clipper,
    form::Form,
    limits::{API_ANSWER_BYTES, API_ANSWER_SHOWN_BYTES, API_CALL_TIMEOUT},
    reading::description::{Field, Route},
    state::State,
};

/// What the version is in a path that has room for one.
const VERSION: &str = "v5";

/// What the form holds.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    /// One for each parameter of the call, in its order.
    pub(crate) parameters: Vec<String>,
    pub(crate) body: String,
    /// The key to call with; empty for the administrator's.
    pub(crate) key: String,
    confirmed: bool,
}

/// A call, ready to be made.
#[derive(Debug)]
pub(crate) struct Call {
    method: String,
    /// With the query.
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    pub(crate) is_good: bool,
    pub(crate) took_ms: u128,
    /// Indented where it is JSON.
    pub(crate) body: String,
    pub(crate) is_cut: bool,
}

impl Typed {
    /// What works at once: the example, and the app that is shown.
    pub(crate) fn examples(route: &Route, app: &str) -> Self {
        let value = |field: &Field| if field.name == "app" { app.to_owned() } else { String::new() };
        Self {
            parameters: route.parameters.iter().map(value).collect(),
            body: route.example.clone().unwrap_or_default(),
            ..Self::default()
        }
    }

    pub(crate) fn of(route: &Route, form: &Form) -> Self {
        let parameters = 0..route.parameters.len();
        Self {
            parameters: parameters.map(|n| form.text(&format!("parameter-{n}")).trim().to_owned()).collect(),
            body: form.text("body").replace("\r\n", "\n"),
            key: form.text("key").trim().to_owned(),
            confirmed: form.text("confirmed") == "yes",
        }
    }
}

impl Call {
    /// The call that was typed, or what is wrong with it.
    pub(crate) fn of(route: &Route, typed: &Typed, app: &str, default_app: &str) -> Result<Self, String> {
        if !route.can_be_tried() {
            return Err("This is no call with an answer: it becomes a connection of its own.".to_owned());
        }
        if let Some((field, _)) = given(route, typed).find(|(field, value)| field.required && value.is_empty()) {
            return Err(format!("{} is required.", field.name));
        }
        if route.is_dangerous() && !typed.confirmed {
            return Err("Tick that it is meant: this takes something away.".to_owned());
        }
        for (field, value) in given(route, typed).filter(|(field, _)| field.place == "header") {
            HeaderValue::try_from(value).map_err(|_| format!("{} is no text of a header.", field.name))?;
        }
        Ok(Self::shown(route, typed, app, default_app))
    }

    /// The same for the eye: what is not given yet stands as `<name>`.
    pub(crate) fn shown(route: &Route, typed: &Typed, app: &str, default_app: &str) -> Self {
        let mut path = path_for(route, app, default_app);
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut headers = Vec::new();
        for (field, value) in given(route, typed) {
            match field.place.as_str() {
                "path" if value.is_empty() => path = path.replace(&hole(&field.name), &format!("<{}>", field.name)),
                "path" => path = path.replace(&hole(&field.name), &segment(value)),
                _ if value.is_empty() => {}
                "query" => drop(query.append_pair(&field.name, value)),
                _ => headers.push((field.name.clone(), value.to_owned())),
            }
        }
        let query = query.finish();
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let body = route.has_body.then(|| typed.body.clone());
        Self { method: route.method.clone(), path, headers, body }
    }

    /// As one types it into a shell.
    pub(crate) fn curl(&self, base: &str) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let mut text = format!("curl -X {} {}", self.method, quoted(&format!("{base}{}", self.path)));
        let mut header = |name: &str, value: &str| {
            text += &format!(" \\\n  --header {}", quoted(&format!("{name}: {value}")));
        };
        header("Authorization", "Bearer <key>");
        self.headers.iter().for_each(|(name, value)| header(name, value));
        if let Some(body) = &self.body {
            header("Content-Type", "application/json");
            text += &format!(" \\\n  --data-raw {}", quoted(body));
        }
        text
    }

    /// Makes it, with `key` or, where that is empty, as the administrator that whoever is signed in is.
    pub(crate) async fn make(self, state: &State, route: &Route, key: &str) -> Outcome {
        let key = if key.is_empty() { state.credentials.admin_key() } else { key };
        let began = Instant::now();
        let Some(request) = self.request(key) else {
            return Outcome::failed("It cannot be sent: a header is not right.");
        };
        let answering = tokio::time::timeout(API_CALL_TIMEOUT, state.api.call(request, API_ANSWER_BYTES));
        let Ok((answer, is_cut)) = answering.await else {
            return Outcome::failed("It was not answered in time. It may have been done all the same.");
        };
        tracing::info!(call = route.id, status = answer.status().as_u16(), "a call was tried in the portal");
        let status = answer.status();
        let (body, is_clipped) = shown(answer.body(), is_cut);
        Outcome {
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default(),
            is_good: status.is_success(),
            took_ms: Duration::as_millis(&began.elapsed()),
            body,
            is_cut: is_clipped,
        }
    }

    fn request(self, key: &str) -> Option<Request<Bytes>> {
        let mut request =
            Request::builder().method(self.method.as_str()).uri(&self.path).header(header::HOST, "localhost");
        for (name, value) in &self.headers {
            request = request.header(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
        request = request.header(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}")).ok()?);
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Bytes::from(self.body.unwrap_or_default())).ok()
    }
}

impl Outcome {
    fn failed(message: &str) -> Self {
        Self { status: 0, reason: "", is_good: false, took_ms: 0, body: message.to_owned(), is_cut: false }
    }
}

fn given<'t>(route: &'t Route, typed: &'t Typed) -> impl Iterator<Item = (&'t Field, &'t str)> {
    route.parameters.iter().zip(typed.parameters.iter().map(String::as_str))
}

fn hole(name: &str) -> String {
    format!("{{{name}}}")
}

/// The path of the app's own base; what else it has room for stays open.
fn path_for(route: &Route, app: &str, default_app: &str) -> String {
    let of_app = |path: &&String| path.starts_with("/{app}/") == (app != default_app);
    let path = route.paths.iter().find(of_app).or(route.paths.first()).cloned().unwrap_or_default();
    let path = match path.strip_prefix("/{app}/") {
        Some(rest) => format!("/{}/{rest}", segment(app)),
        None => path,
    };
    path.replace("{version}", VERSION)
}

/// The body for the eye, and whether something of it is left out.
fn shown(body: &[u8], is_cut: bool) -> (String, bool) {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let clipped = Clipper::new(API_ANSWER_SHOWN_BYTES).clip(&text, API_ANSWER_SHOWN_BYTES);
    let is_clipped = is_cut || clipped.len() < text.len();
    (clipped, is_clipped)
}
